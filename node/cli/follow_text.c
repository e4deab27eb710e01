/*
 * follow_text.c - lines of a file with bounds, and checks of values before they reach a consumer. The
 * node has checked them, too; here nobody has to believe it.
 */
#include "cli/follow_text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ROOM ((size_t)1 << 16)

/* ---- lines ---- */

bool follow_lines_begin(struct follow_lines *l, int fd)
{
	*l = (struct follow_lines){.fd = fd, .p = malloc(ROOM)};
	return l->p && lseek(fd, 0, SEEK_SET) == 0;
}

static bool more(struct follow_lines *l)
{
	memmove(l->p, l->p + l->at, l->n - l->at);
	l->n -= l->at;
	l->at = 0;
	if (l->n == ROOM) {
		l->over = true;
		return false;
	}
	ssize_t got;
	do
		got = read(l->fd, l->p + l->n, ROOM - l->n);
	while (got < 0 && errno == EINTR);
	l->ended = got == 0;
	l->n += got > 0 ? (size_t)got : 0;
	return got > 0;
}

bool follow_lines_next(struct follow_lines *l, struct str *line)
{
	for (;;) {
		struct str rest = {l->p + l->at, l->n - l->at};
		ptrdiff_t end = rest.n ? str_chr(rest, '\n') : -1;
		if (end < 0 && l->ended && rest.n)
			end = (ptrdiff_t)rest.n;
		if (end >= 0) {
			*line = str_sub(rest, 0, (size_t)end);
			l->at = MIN(l->n, l->at + (size_t)end + 1);
			l->number++;
			return true;
		}
		if (l->ended || (!more(l) && !l->ended))
			return false;
	}
}

enum err follow_lines_end(struct follow_lines *l, struct fail *f)
{
	bool over = l->over, ended = l->ended;
	free(MOVE(l->p));
	if (over)
		return fail(f, ERR_LIMIT, "line %llu is longer than any of the format",
			    (unsigned long long)l->number + 1);
	return ended ? ERR_OK : fail(f, ERR_IO, "cannot read what came");
}

uint64_t follow_lines_count(int fd)
{
	char piece[16384];
	uint64_t lines = 0;
	off_t at = 0;
	for (ssize_t n; (n = pread(fd, piece, sizeof(piece), at)) > 0; at += n)
		for (const char *p = piece; (p = memchr(p, '\n', (size_t)(piece + n - p))); p++)
			lines++;
	return lines;
}

enum err follow_bad_line(struct follow *f, const struct follow_lines *l, struct str line, const char *why)
{
	return fail(&f->fail, ERR_PARSE, "line %llu is %s, nothing was changed: \"%.*s\"",
		    (unsigned long long)l->number, why, STR_ARG(str_sub(line, 0, 80)));
}

size_t follow_words(struct str line, struct str *words, size_t max)
{
	size_t n = 0;
	for (struct str rest = line; rest.p;) {
		if (n == max)
			return 0;
		rest = str_split(rest, ' ', &words[n++]);
	}
	return n;
}

/* ---- values ---- */

bool follow_addr_read(struct str s, struct follow_addr *out)
{
	struct str host, len = str_split(s, '/', &host);
	char text[INET6_ADDRSTRLEN + 1];
	unsigned char raw[16];
	uint64_t bits = 0;
	if (!host.n || host.n >= sizeof(text) || memchr(host.p, 0, host.n))
		return false;
	memcpy(text, host.p, host.n);
	text[host.n] = 0;
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(family, text, raw) != 1 || !inet_ntop(family, raw, text, sizeof(text)))
		return false;
	out->version = family == AF_INET ? 4 : 6;
	out->network = len.p != NULL;
	if (!len.p)
		return snprintf(out->text, sizeof(out->text), "%s", text) > 0;
	if (!str_u64(len, &bits) || bits > (family == AF_INET ? 32 : 128) ||
	    bits < (family == AF_INET ? 8 : 16))
		return false;
	return snprintf(out->text, sizeof(out->text), "%s/%u", text, (unsigned)bits) > 0;
}

static bool word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '_';
}

bool follow_is_word(struct str s, size_t max)
{
	for (size_t i = 0; i < s.n; i++)
		if (!word_byte(s.p[i]))
			return false;
	return s.n > 0 && s.n <= max;
}

bool follow_is_name(struct str s)
{
	size_t labels = 0;
	struct str label;
	if (str_has_suffix(s, STR(".")))
		s.n--;
	if (s.n > 253 || str_has_suffix(s, STR(".localhost")))
		return false;
	for (struct str rest = s; rest.p; labels++) {
		rest = str_split(rest, '.', &label);
		if (!follow_is_word(label, 63))
			return false;
	}
	return labels > 1;
}
