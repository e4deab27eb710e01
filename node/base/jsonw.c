/*
 * jsonw.c - writing JSON as PHP's json_encode does with unescaped slashes and Unicode, which is
 * the form MISP's clients have seen for years (U+2028 and U+2029 are the escaped exceptions).
 */
#include "base/jsonw.h"

#include <string.h>

#define DEPTH_MAX 64

static inline void comma(struct jsonw *w)
{
	uint64_t bit;

	if (w->after_key) {
		w->after_key = false;
		return;
	}
	if (!w->depth)
		return;
	bit = UINT64_C(1) << (w->depth - 1);
	if (w->has_item & bit)
		buf_putc(w->out, ',');
	w->has_item |= bit;
}

static void open_with(struct jsonw *w, char c)
{
	comma(w);
	buf_putc(w->out, c);
	if (w->depth == DEPTH_MAX) {
		if (w->out->err == ERR_OK)
			w->out->err = ERR_LIMIT;
		return;
	}
	w->depth++;
	w->has_item &= ~(UINT64_C(1) << (w->depth - 1));
}

static void close_with(struct jsonw *w, char c)
{
	if (w->out->err != ERR_OK) /* the depth limit lost count of the levels */
		return;
	if (BUG(w->depth == 0))
		return;
	buf_putc(w->out, c);
	w->depth--;
	w->after_key = false;
}

void jsonw_obj(struct jsonw *w)
{
	open_with(w, '{');
}

void jsonw_obj_end(struct jsonw *w)
{
	close_with(w, '}');
}

void jsonw_arr(struct jsonw *w)
{
	open_with(w, '[');
}

void jsonw_arr_end(struct jsonw *w)
{
	close_with(w, ']');
}

void jsonw_key_str(struct jsonw *w, struct str key)
{
	comma(w);
	json_quote(w->out, key);
	buf_putc(w->out, ':');
	w->after_key = true;
}

void jsonw_key(struct jsonw *w, const char *key)
{
	jsonw_key_str(w, str_c(key));
}

void jsonw_str(struct jsonw *w, struct str s)
{
	comma(w);
	if (s.p)
		json_quote(w->out, s);
	else
		buf_add(w->out, "null", 4);
}

void jsonw_c(struct jsonw *w, const char *s)
{
	jsonw_str(w, str_c(s));
}

void jsonw_uuid(struct jsonw *w, struct uuid u)
{
	char text[UUID_TEXT_LEN + 1];

	comma(w);
	buf_putc(w->out, '"');
	buf_add(w->out, uuid_format(u, text), UUID_TEXT_LEN);
	buf_putc(w->out, '"');
}

void jsonw_bool(struct jsonw *w, bool v)
{
	comma(w);
	buf_puts(w->out, v ? "true" : "false");
}

void jsonw_null(struct jsonw *w)
{
	comma(w);
	buf_add(w->out, "null", 4);
}

void jsonw_int(struct jsonw *w, int64_t v)
{
	comma(w);
	buf_i64(w->out, v);
}

void jsonw_uint(struct jsonw *w, uint64_t v)
{
	comma(w);
	buf_u64(w->out, v);
}

void jsonw_int_str(struct jsonw *w, int64_t v)
{
	comma(w);
	buf_putc(w->out, '"');
	buf_i64(w->out, v);
	buf_putc(w->out, '"');
}

void jsonw_uint_str(struct jsonw *w, uint64_t v)
{
	comma(w);
	buf_putc(w->out, '"');
	buf_u64(w->out, v);
	buf_putc(w->out, '"');
}

void jsonw_raw(struct jsonw *w, struct str json)
{
	comma(w);
	buf_str_add(w->out, json);
}

/* Second character of the short escapes. */
static const char short_escape[256] = {
	['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r',
	['\t'] = 't', ['"'] = '"',  ['\\'] = '\\',
};

static void put_control(struct buf *out, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char u[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

	if (short_escape[c]) {
		buf_putc(out, '\\');
		buf_putc(out, short_escape[c]);
	} else {
		buf_add(out, u, sizeof(u));
	}
}

/* Bytes that copy as they are: no controls, no quote, no backslash, no UTF-8 lead to look at. */
static inline bool is_copied(unsigned char c)
{
	return c >= ' ' && c != '"' && c != '\\' && c < 0x80;
}

/* Write the sequence at p, or U+FFFD for one bad byte; returns what it used up. */
static size_t put_multibyte(struct buf *out, const char *p, size_t n)
{
	size_t len = str_utf8_len((struct str){p, n});

	if (!len) {
		buf_add(out, "\xef\xbf\xbd", 3);
		return 1;
	}
	if (len == 3 && memcmp(p, "\xe2\x80\xa8", 3) == 0)
		buf_add(out, "\\u2028", 6);
	else if (len == 3 && memcmp(p, "\xe2\x80\xa9", 3) == 0)
		buf_add(out, "\\u2029", 6);
	else
		buf_add(out, p, len);
	return len;
}

/* How many bytes from p on copy as they are. Eight at a time: a borrow reaches only bytes above one that is
   found anyway. */
static inline size_t copied_run(const char *p, size_t n)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
	size_t i = 0;
	uint64_t w;

	for (; i + sizeof(w) <= n; i += sizeof(w)) {
		memcpy(&w, p + i, sizeof(w));
		if ((w | (w - ones * ' ') | ((w ^ (ones * '"')) - ones) | ((w ^ (ones * '\\')) - ones)) & high)
			break;
	}
	while (i < n && is_copied((unsigned char)p[i]))
		i++;
	return i;
}

void json_quote(struct buf *out, struct str s)
{
	size_t i = 0, from;

	buf_putc(out, '"');
	while (i < s.n) {
		from = i;
		i += copied_run(s.p + i, s.n - i);
		buf_add(out, s.p + from, i - from);
		if (i == s.n)
			break;
		if ((unsigned char)s.p[i] < 0x80)
			put_control(out, (unsigned char)s.p[i++]);
		else
			i += put_multibyte(out, s.p + i, s.n - i);
	}
	buf_putc(out, '"');
}

static void new_line(struct buf *out, unsigned depth)
{
	buf_putc(out, '\n');
	while (depth--)
		buf_add(out, "    ", 4);
}

/* Copy the string that starts at *i, quotes included. */
static bool copy_string(struct buf *out, struct str json, size_t *i)
{
	size_t from = (*i)++;

	while (*i < json.n && json.p[*i] != '"')
		*i += json.p[*i] == '\\' ? 2 : 1;
	if (*i >= json.n)
		return false;
	buf_add(out, json.p + from, ++*i - from);
	return true;
}

static size_t skip_space(struct str json, size_t i)
{
	while (i < json.n && (json.p[i] == ' ' || json.p[i] == '\t' || json.p[i] == '\n' ||
			      json.p[i] == '\r'))
		i++;
	return i;
}

enum err json_pretty(struct buf *out, struct str json)
{
	unsigned depth = 0;
	size_t i = skip_space(json, 0);

	/* a page or a list may be called JSON, too: its blanks are its own */
	if (i == json.n || !strchr("{[\"", json.p[i]) || !json.p[i])
		return ERR_PARSE;
	while (i < json.n && buf_err(out) == ERR_OK) {
		char c = json.p[i];

		if (c == '"') {
			if (!copy_string(out, json, &i))
				return ERR_PARSE;
			i = skip_space(json, i);
		} else {
			buf_putc(out, c);
			i = skip_space(json, i + 1);
		}
		if (c == '{' || c == '[') {
			if (i < json.n && json.p[i] == (c == '{' ? '}' : ']')) {
				buf_putc(out, json.p[i]);
				i = skip_space(json, i + 1);
			} else if (++depth > DEPTH_MAX) {
				return ERR_LIMIT;
			} else {
				new_line(out, depth);
			}
		} else if (c == ',') {
			new_line(out, depth);
		} else if (c == ':') {
			buf_putc(out, ' ');
		}
		/* A closing bracket stands on a line of its own. */
		if (i < json.n && (json.p[i] == '}' || json.p[i] == ']')) {
			if (!depth)
				return ERR_PARSE;
			new_line(out, --depth);
		}
	}
	return buf_err(out) != ERR_OK ? buf_err(out) : depth ? ERR_PARSE : ERR_OK;
}
