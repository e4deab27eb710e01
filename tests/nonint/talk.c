/*
 * talk.c - conversations with a server written down whole, so that two of them can be compared byte for byte.
 */
#include <stdio.h>
#include <string.h>

#include "tests/nonint/nonint.h"
#include "tests/tap/tap.h"

void talk_get(struct line *l, const char *key, const char *path, const char *head, struct answer *a)
{
	OWN(buf) struct buf b = BUF(1 << 16);
	bool only_head = *path == '?';
	buf_printf(&b, "%s %s HTTP/1.1\r\nHost: node.example\r\nAccept: */*\r\n%s", only_head ? "HEAD" : "GET",
		   path + only_head, head);
	if (key)
		buf_printf(&b, "Authorization: %s\r\n", key);
	buf_puts(&b, "\r\n");
	line_put(l, buf_str(&b));
	if (a)
		line_read(l, only_head, a);
}

void talk_put(struct buf *out, const char *title, const struct answer *a)
{
	static const char date[] = "\r\nDate: ";
	struct str head = buf_str(&a->head);
	ptrdiff_t at = str_find(head, str_c(date));
	size_t from = at < 0 ? head.n : (size_t)at + sizeof(date) - 1;
	buf_printf(out, "\n==== %s\n", title);
	buf_str_add(out, str_sub(head, 0, from)); /* whatever the clock says now */
	ptrdiff_t end = str_find(str_sub(head, from, SIZE_MAX), STR("\r\n"));
	buf_str_add(out, str_sub(head, from + (size_t)MAX(end, 0), SIZE_MAX));
	buf_str_add(out, buf_str(&a->body));
}

struct str talk_header(const struct answer *a, const char *name)
{
	char text[80];
	struct str value, head = buf_str(&a->head);
	snprintf(text, sizeof(text), "\r\n%s: ", name);
	ptrdiff_t at = str_find_nocase(head, str_c(text));
	if (at < 0)
		return STR_NONE;
	(void)str_split(str_sub(head, (size_t)at + strlen(text), SIZE_MAX), '\r', &value);
	return value;
}

/* The last title before `at`. */
static struct str title_before(struct str s, size_t at)
{
	static const char mark[] = "\n==== ";
	struct str line = STR_NONE;
	size_t n = sizeof(mark) - 1;
	for (size_t i = 0; i + n < s.n && i <= at; i++)
		if (!memcmp(s.p + i, mark, n))
			(void)str_split(str_sub(s, i + n, SIZE_MAX), '\n', &line);
	return line;
}

void talk_tell(struct buf *story, const char *what, const struct buf *a, const struct buf *b, size_t at)
{
	const struct buf *v[] = {a, b};
	buf_printf(story, "%s: %.*s\n", what, STR_ARG(title_before(buf_str(a), at)));
	for (unsigned i = 0; i < 2; i++) {
		struct str s = buf_str(v[i]);
		size_t from = at > 400 ? at - 400 : 0;
		buf_printf(story, "%s: ...%.*s\n", i ? "with 1, or after" : "with 0, or before",
			   (int)MIN(s.n - MIN(from, s.n), (size_t)800), s.p + MIN(from, s.n));
	}
}
