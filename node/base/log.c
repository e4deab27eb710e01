/*
 * log.c - log lines on the stack, one write(2) each, so that lines of threads never mix.
 *
 * Callers hand over "words key=value key=value". As JSON the pairs become members of one object,
 * the words before them the member "msg".
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jsonw.h"

#define LINE_MAX_BYTES 2048
#define VAL_MAX_BYTES 120

static const char *const level_names[] = {"error", "warn", "info", "debug"};

static atomic_int log_fd = STDERR_FILENO;
static atomic_int log_level = LOG_INFO;
static atomic_int log_form = LOG_LOGFMT;

void log_setup(int fd, enum log_level level, enum log_format format)
{
	atomic_store(&log_fd, fd);
	atomic_store(&log_level, (int)level);
	atomic_store(&log_form, (int)format);
}

bool log_level_parse(struct str s, enum log_level *out)
{
	for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
		if (str_is(s, level_names[i])) {
			*out = (enum log_level)i;
			return true;
		}
	}
	return false;
}

bool log_wants(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&log_level, memory_order_relaxed);
}

static void stamp(char *out, size_t n)
{
	int64_t us = clock_now_us();
	struct clock_civil c = clock_to_civil(us / 1000000);

	snprintf(out, n, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", c.year, c.month, c.day, c.hour,
		 c.minute, c.second, (int)(us / 1000 % 1000));
}

/* Length of a quoted value (quotes included) at the start of s; 0 if it does not end. */
static size_t quoted_len(struct str s)
{
	for (size_t i = 1; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			return i + 1;
	}
	return 0;
}

static bool is_key(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '"' || s.p[i] == ' ')
			return false;
	return s.n > 0;
}

/* Length of the words before the first pair ("reload failed" in "reload failed detail=x"). */
static size_t words_len(struct str s)
{
	ptrdiff_t eq = str_chr(s, '=');
	size_t n = eq < 0 ? s.n : (size_t)eq;

	while (eq >= 0 && n && s.p[n - 1] != ' ')
		n--;
	return n;
}

/* Add the pairs of a text as members, words before them as "msg". */
static void add_members(struct jsonw *w, struct str text)
{
	struct str rest = str_trim(text);
	size_t words = words_len(rest);

	if (words) {
		JSONW_KV(w, jsonw_str, "msg", str_trim(str_sub(rest, 0, words)));
		rest = str_sub(rest, words, rest.n);
	}
	while (rest.n) {
		struct str key, value;
		ptrdiff_t eq = str_chr(rest, '=');
		size_t n;

		key = str_sub(rest, 0, eq < 0 ? 0 : (size_t)eq);
		if (!is_key(key)) {
			JSONW_KV(w, jsonw_str, "rest", rest);
			return;
		}
		rest = str_sub(rest, key.n + 1, rest.n);
		jsonw_key_str(w, key);
		n = rest.n && rest.p[0] == '"' ? quoted_len(rest) : 0;
		if (n) { /* log_val() escapes as JSON does */
			jsonw_raw(w, str_sub(rest, 0, n));
			rest = str_trim(str_sub(rest, n, rest.n));
		} else {
			rest = str_trim(str_split(rest, ' ', &value));
			jsonw_str(w, value);
		}
	}
}

static void put_json(struct buf *b, const char *when, enum log_level level, const char *room,
		     struct str text)
{
	struct jsonw w = jsonw_on(b);

	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_c, "time", when);
	JSONW_KV(&w, jsonw_c, "level", level_names[level]);
	JSONW_KV(&w, jsonw_c, "room", room);
	add_members(&w, text);
	jsonw_obj_end(&w);
}

void log_line(enum log_level level, const char *room, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES], when[64];
	struct str said;
	OWN(buf) struct buf line = BUF(8 * LINE_MAX_BYTES);
	va_list ap;
	int n;

	if (!log_wants(level) || (unsigned)level >= ARRAY_LEN(level_names))
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	said = (struct str){text, MIN((size_t)n, sizeof(text) - 1)};
	/* One line is one record, whatever a caller let slip through. */
	for (size_t i = 0; i < said.n; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			text[i] = '?';
	stamp(when, sizeof(when));
	if (atomic_load_explicit(&log_form, memory_order_relaxed) == LOG_JSON)
		put_json(&line, when, level, room, said);
	else
		buf_printf(&line, "time=%s level=%s room=%s %.*s", when, level_names[level], room,
			   STR_ARG(said));
	buf_putc(&line, '\n');
	if (buf_err(&line) == ERR_OK &&
	    write(atomic_load_explicit(&log_fd, memory_order_relaxed), line.p, line.n) < 0)
		return; /* nowhere left to complain */
}

static bool is_plain(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c && strchr("._:/@+-", c));
}

/* Append one byte of outside text; ASCII only goes out, so no terminal or viewer is tricked. */
static void put_escaped(char *out, size_t *n, char c)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char u = (unsigned char)c;

	if (c == '"' || c == '\\') {
		out[(*n)++] = '\\';
		out[(*n)++] = c;
	} else if (u < ' ' || u >= 0x7f) {
		memcpy(out + *n, "\\u00", 4);
		out[*n + 4] = hex[u >> 4];
		out[*n + 5] = hex[u & 15];
		*n += 6;
	} else {
		out[(*n)++] = c;
	}
}

const char *log_val(struct str s)
{
	static _Thread_local char ring[4][VAL_MAX_BYTES * 6 + 8];
	static _Thread_local unsigned next;
	char *out = ring[next++ % 4];
	bool plain = s.n > 0 && s.n <= VAL_MAX_BYTES;
	size_t n = 0;

	for (size_t i = 0; plain && i < s.n; i++)
		plain = is_plain(s.p[i]);
	if (!plain)
		out[n++] = '"';
	for (size_t i = 0; i < s.n && i < VAL_MAX_BYTES; i++) {
		if (plain)
			out[n++] = s.p[i];
		else
			put_escaped(out, &n, s.p[i]);
	}
	if (s.n > VAL_MAX_BYTES) {
		memcpy(out + n, "...", 3);
		n += 3;
	}
	if (!plain)
		out[n++] = '"';
	out[n] = '\0';
	return out;
}
