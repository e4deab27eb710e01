/*
 * json_text.c - strings: UTF-8 and escapes checked and decoded, stopping at any byte.
 */
#include <string.h>

#include "base/own.h"
#include "model/json_token.h"

/* Bounds of the second byte of a UTF-8 sequence and how many follow the first; 0: not a first. */
static unsigned utf8_lead(unsigned char c, uint8_t *lo, uint8_t *hi)
{
	*lo = 0x80;
	*hi = 0xbf;
	if (c >= 0xc2 && c <= 0xdf)
		return 1;
	if (c >= 0xe0 && c <= 0xef) {
		if (c == 0xe0)
			*lo = 0xa0;
		else if (c == 0xed)
			*hi = 0x9f;
		return 2;
	}
	if (c >= 0xf0 && c <= 0xf4) {
		if (c == 0xf0)
			*lo = 0x90;
		else if (c == 0xf4)
			*hi = 0x8f;
		return 3;
	}
	return 0;
}

static bool keep_texts(const struct json_scan *s)
{
	return s->is_key || !s->quiet;
}

bool json_part_add(struct json_scan *s, const char *p, size_t n)
{
	if (!n || !keep_texts(s))
		return true;
	if (s->is_key) {
		if (s->part.n + n > JSON_KEY_MAX)
			n = JSON_KEY_MAX - s->part.n;
	} else if (n > s->max_text || s->part.n > s->max_text - n) {
		s->err = ERR_LIMIT;
		s->why = "text too long";
		return false;
	}
	buf_add(&s->part, p, n);
	if (buf_err(&s->part) == ERR_OK)
		return true;
	s->err = buf_err(&s->part);
	s->why = "no memory for a text";
	return false;
}

static bool part_add_code(struct json_scan *s, uint32_t c)
{
	char b[4];
	size_t n;

	if (c < 0x80) {
		b[0] = (char)c;
		n = 1;
	} else if (c < 0x800) {
		b[0] = (char)(0xc0 | c >> 6);
		b[1] = (char)(0x80 | (c & 0x3f));
		n = 2;
	} else if (c < 0x10000) {
		b[0] = (char)(0xe0 | c >> 12);
		b[1] = (char)(0x80 | (c >> 6 & 0x3f));
		b[2] = (char)(0x80 | (c & 0x3f));
		n = 3;
	} else {
		b[0] = (char)(0xf0 | c >> 18);
		b[1] = (char)(0x80 | (c >> 12 & 0x3f));
		b[2] = (char)(0x80 | (c >> 6 & 0x3f));
		b[3] = (char)(0x80 | (c & 0x3f));
		n = 4;
	}
	return json_part_add(s, b, n);
}

static enum json_tok text_done(struct json_scan *s, const char *end, struct str text, bool borrowed)
{
	s->p = end;
	s->in = IN_NONE;
	s->borrowed = borrowed;
	s->text = text;
	if (s->is_key) {
		s->state = EXPECT_COLON;
		return TOK_KEY;
	}
	s->state = EXPECT_COMMA;
	if (text.n > s->max_text && !s->quiet)
		return json_scan_bad(s, end, ERR_LIMIT, "text too long");
	return TOK_STR;
}

/* One hexadecimal digit of \uXXXX; after the fourth the code is judged. */
static const char *hex_digit(struct json_scan *s, char c)
{
	unsigned v;

	if (c >= '0' && c <= '9')
		v = (unsigned)(c - '0');
	else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		v = (unsigned)((c | 0x20) - 'a' + 10);
	else
		return "invalid escape";
	s->hex = s->hex << 4 | v;
	if (++s->hex_n < 4)
		return NULL;
	s->str_state = STR_PLAIN;
	if (s->high) {
		if (s->hex < 0xdc00 || s->hex > 0xdfff)
			return "surrogate without its second half";
		s->hex = 0x10000 + ((s->high - 0xd800) << 10) + (s->hex - 0xdc00);
		s->high = 0;
	} else if (s->hex >= 0xd800 && s->hex <= 0xdbff) {
		s->high = s->hex;
		s->str_state = STR_LOW_ESC;
		return NULL;
	} else if (s->hex >= 0xdc00 && s->hex <= 0xdfff) {
		return "surrogate without its first half";
	} else if (!s->hex) {
		return "NUL character";
	}
	part_add_code(s, s->hex);
	return NULL;
}

/* One byte in any state but STR_PLAIN. NULL, or why it is wrong. */
static const char *string_byte(struct json_scan *s, char c)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	unsigned char u = (unsigned char)c;
	const char *e;

	switch (s->str_state) {
	case STR_ESC:
		if (c == 'u') {
			s->str_state = STR_HEX;
			s->hex = s->hex_n = 0;
			return NULL;
		}
		e = c ? strchr(from, c) : NULL;
		if (!e)
			return "invalid escape";
		s->str_state = STR_PLAIN;
		json_part_add(s, &to[e - from], 1);
		return NULL;
	case STR_HEX:
		return hex_digit(s, c);
	case STR_LOW_ESC:
		s->str_state = STR_LOW_U;
		return c == '\\' ? NULL : "surrogate without its second half";
	case STR_LOW_U:
		s->str_state = STR_HEX;
		s->hex = s->hex_n = 0;
		return c == 'u' ? NULL : "surrogate without its second half";
	default: /* STR_UTF8 */
		if (u < s->u8_lo || u > s->u8_hi)
			return "invalid UTF-8";
		s->u8_lo = 0x80;
		s->u8_hi = 0xbf;
		json_part_add(s, &c, 1);
		if (!--s->u8_need)
			s->str_state = STR_PLAIN;
		return NULL;
	}
}

enum json_tok json_string_run(struct json_scan *s, bool fresh, const char *p)
{
	const char *start = s->p, *const end = s->end;
	const char *why;

	for (;;) {
		while (s->str_state != STR_PLAIN) {
			if (p == end)
				goto more;
			why = string_byte(s, *p);
			if (why)
				return json_scan_bad(s, p, ERR_PARSE, why);
			start = ++p;
			if (s->err != ERR_OK)
				return json_scan_bad(s, p, s->err, s->why);
		}
		p = json_skip_plain(p, end);
		if (p == end)
			goto split;
		unsigned char c = (unsigned char)*p;
		if (c == '"') {
			struct str text = {start, (size_t)(p - start)};
			if (fresh)
				return text_done(s, p + 1, text, true);
			if (!json_part_add(s, start, text.n))
				return json_scan_bad(s, p, s->err, s->why);
			return text_done(s, p + 1, buf_str(&s->part), false);
		}
		if (c == '\\') {
			if (fresh)
				buf_clear(&s->part);
			fresh = false;
			if (!json_part_add(s, start, (size_t)(p - start)))
				return json_scan_bad(s, p, s->err, s->why);
			s->str_state = STR_ESC;
			start = ++p;
			continue;
		}
		if (c < 0x20)
			return json_scan_bad(s, p, ERR_PARSE, "control character in a text");
		uint8_t lo, hi;
		unsigned need = utf8_lead(c, &lo, &hi);
		if (!need)
			return json_scan_bad(s, p, ERR_PARSE, "invalid UTF-8");
		if ((size_t)(end - p) <= need) {
			/* perhaps split: byte by byte */
			if (fresh)
				buf_clear(&s->part);
			fresh = false;
			if (!json_part_add(s, start, (size_t)(p + 1 - start)))
				return json_scan_bad(s, p, s->err, s->why);
			s->u8_need = (uint8_t)need;
			s->u8_lo = lo;
			s->u8_hi = hi;
			s->str_state = STR_UTF8;
			start = ++p;
			continue;
		}
		if ((unsigned char)p[1] < lo || (unsigned char)p[1] > hi)
			return json_scan_bad(s, p + 1, ERR_PARSE, "invalid UTF-8");
		for (unsigned i = 2; i <= need; i++)
			if (((unsigned char)p[i] & 0xc0) != 0x80)
				return json_scan_bad(s, p + i, ERR_PARSE, "invalid UTF-8");
		p += need + 1;
	}
split:
	if (fresh)
		buf_clear(&s->part);
	if (!json_part_add(s, start, (size_t)(p - start)))
		return json_scan_bad(s, p, s->err, s->why);
more:
	s->p = p;
	s->in = IN_STRING;
	return TOK_MORE;
}
