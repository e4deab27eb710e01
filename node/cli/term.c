/*
 * term.c - colour by the conventions of NO_COLOR, width by the kernel, control characters as text.
 */
#include "cli/term.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "base/clock.h"

#define LABEL_WIDTH 14

bool term_setup(struct cli *c, const char *when)
{
	const char *no = getenv("NO_COLOR"), *type = getenv("TERM");
	c->terminal = isatty(STDOUT_FILENO);
	c->colour = c->terminal && !(no && no[0]) && type && strcmp(type, "dumb") != 0;
	if (!when || strcmp(when, "auto") == 0)
		return true;
	c->colour = strcmp(when, "always") == 0;
	return c->colour || strcmp(when, "never") == 0;
}

unsigned term_width(bool err)
{
	struct winsize w;
	uint64_t n;
	if (ioctl(err ? STDERR_FILENO : STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col >= 20)
		return w.ws_col;
	if (str_u64(str_c(getenv("COLUMNS")), &n) && n >= 20 && n <= 1000)
		return (unsigned)n;
	return 80;
}

static const char *const codes[] = {
	[TERM_PLAIN] = "",	    [TERM_BOLD] = "\033[1m",  [TERM_DIM] = "\033[2m",
	[TERM_GOOD] = "\033[32m", [TERM_WARN] = "\033[33m", [TERM_BAD] = "\033[31m",
	[TERM_NAME] = "\033[36m",
};

const char *term_on(const struct cli *c, enum term_style s)
{
	return c->colour ? codes[s] : "";
}

const char *term_off(const struct cli *c, enum term_style s)
{
	return c->colour && s != TERM_PLAIN ? "\033[0m" : "";
}

/* A well-formed sequence of n bytes as code point. */
static uint32_t decode(const char *p, size_t n)
{
	const unsigned char *u = (const unsigned char *)p;
	static const uint8_t mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t v = u[0] & mask[n];
	for (size_t i = 1; i < n; i++)
		v = v << 6 | (u[i] & 0x3f);
	return v;
}

size_t term_columns(struct str s)
{
	size_t cols = 0;
	while (s.n) {
		size_t n = MAX(str_utf8_len(s), (size_t)1);
		int w = wcwidth((wchar_t)decode(s.p, n));
		cols += w < 0 ? 1 : (size_t)w;
		s = str_sub(s, n, s.n);
	}
	return cols;
}

/* Controls, line separators, and what turns the direction of writing. */
static bool harmful(uint32_t v)
{
	return v < 0x20 || (v >= 0x7f && v < 0xa0) || v == 0x2028 || v == 0x2029 ||
	       (v >= 0x200e && v <= 0x200f) || (v >= 0x202a && v <= 0x202e) ||
	       (v >= 0x2066 && v <= 0x2069);
}

void term_clean(struct buf *out, struct str s)
{
	while (s.n) {
		size_t n = str_utf8_len(s);
		uint32_t v = n ? decode(s.p, n) : (unsigned char)s.p[0];
		if (n && !harmful(v))
			buf_add(out, s.p, n);
		else if (v == '\n')
			buf_puts(out, "\\n");
		else if (v == '\t')
			buf_putc(out, ' ');
		else
			buf_printf(out, v > 0xff ? "\\u%04x" : "\\x%02x", v);
		s = str_sub(s, n ? n : 1, s.n);
	}
}

void term_pair(const struct cli *c, const char *label, enum term_style s, struct str value)
{
	OWN(buf) struct buf b = BUF(1 << 20);
	if (!value.p)
		return;
	term_clean(&b, value);
	printf("%s%-*s%s %s%s%s\n", term_on(c, TERM_DIM), LABEL_WIDTH, label, term_off(c, TERM_DIM),
	       term_on(c, s), buf_cstr(&b), term_off(c, s));
}

struct str term_number(const struct cli *c, uint64_t n)
{
	char digits[24], out[32];
	int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n), k = 0;
	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			out[k++] = ',';
		out[k++] = digits[i];
	}
	return arena_str(c->arena, (struct str){out, (size_t)k});
}

struct str term_bytes(const struct cli *c, uint64_t n)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
	double v = (double)n;
	size_t u = 0;
	for (; v >= 1000 && u + 1 < ARRAY_LEN(units); u++)
		v /= 1000;
	return arena_printf(c->arena, u && v < 100 ? "%.1f %s" : "%.0f %s", v, units[u]);
}

struct str term_time(const struct cli *c, int64_t seconds)
{
	if (!seconds)
		return STR_NONE;
	struct clock_civil t = clock_to_civil(seconds);
	return arena_printf(c->arena, "%04d-%02d-%02d %02d:%02d:%02d UTC", t.year, t.month, t.day,
			    t.hour, t.minute, t.second);
}
