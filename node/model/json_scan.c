/*
 * json_scan.c - the tokenizer: one state for the grammar, one for the token in progress.
 *
 * Every token has a fast way for the case that it lies inside the fed bytes, and a state from which
 * it goes on when they end. Texts are scanned 16 bytes at a time.
 */
#include "model/json_scan.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* What the grammar expects next. */
enum { EXPECT_TOP, EXPECT_VALUE, EXPECT_VALUE_OR_END, EXPECT_KEY, EXPECT_KEY_OR_END, EXPECT_COLON,
       EXPECT_COMMA, EXPECT_NOTHING };
/* The token in progress. */
enum { IN_NONE, IN_STRING, IN_NUMBER, IN_LITERAL };
/* Inside a string. */
enum { STR_PLAIN, STR_ESC, STR_HEX, STR_LOW_ESC, STR_LOW_U, STR_UTF8 };
/* Inside a number. */
enum { NUM_START, NUM_MINUS, NUM_ZERO, NUM_INT, NUM_DOT, NUM_FRAC, NUM_E, NUM_E_SIGN, NUM_EXP };

void json_scan_init(struct json_scan *s, unsigned max_depth, size_t part_max)
{
	memset(s, 0, sizeof(*s));
	s->max_depth = max_depth < JSON_DEPTH_MAX ? max_depth : JSON_DEPTH_MAX;
	s->max_text = part_max;
	s->part = BUF(part_max < JSON_KEY_MAX ? JSON_KEY_MAX : part_max);
	s->chunk = s->p = s->end = "";
	s->state = EXPECT_TOP;
}

void json_scan_free(struct json_scan *s)
{
	buf_free(&s->part);
}

void json_scan_leave(struct json_scan *s)
{
	const char *p = s->chunk, *last = NULL;

	while (p < s->end && (p = memchr(p, '\n', (size_t)(s->end - p)))) {
		s->lines++;
		last = p++;
	}
	if (last)
		s->line_offset = s->chunk_offset + (uint64_t)(last - s->chunk) + 1;
	s->chunk_offset += (uint64_t)(s->end - s->chunk);
	s->chunk = s->p = s->end = "";
}

void json_scan_feed(struct json_scan *s, const void *p, size_t n)
{
	s->chunk = s->p = p;
	s->end = s->p + n;
}

bool json_scan_complete(const struct json_scan *s)
{
	if (s->err != ERR_OK || s->in != IN_NONE || s->bom % 3)
		return false;
	return s->state == EXPECT_NOTHING || (s->state == EXPECT_TOP && s->had_one);
}

enum err json_scan_fail_here(const struct json_scan *s, struct fail *f, enum err e, const char *why)
{
	uint64_t offset = json_scan_offset(s), start = s->line_offset;
	uint32_t line = s->lines + 1;

	for (const char *p = s->chunk; p < s->p; p++) {
		if (*p == '\n') {
			line++;
			start = s->chunk_offset + (uint64_t)(p - s->chunk) + 1;
		}
	}
	uint64_t column = offset - start + 1;
	return fail_at(f, e, line, column > UINT32_MAX ? UINT32_MAX : (uint32_t)column, offset,
		       "JSON: %s", why);
}

enum err json_scan_fail(const struct json_scan *s, struct fail *f)
{
	if (s->err == ERR_OK)
		return json_scan_fail_here(s, f, ERR_PARSE, "the document ends too early");
	return json_scan_fail_here(s, f, s->err, s->why);
}

static enum json_tok bad(struct json_scan *s, const char *at, enum err e, const char *why)
{
	s->p = at;
	s->err = e;
	s->why = why;
	return TOK_BAD;
}

static inline bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Indentation comes in long runs of blanks. */
static inline const char *skip_space(const char *p, const char *end)
{
	while (p < end && is_space(*p)) {
		p++;
#ifdef __SSE2__
		while (end - p >= 16) {
			__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
			int m = _mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8(' ')));
			if (m != 0xffff) {
				p += __builtin_ctz(~(unsigned)m);
				break;
			}
			p += 16;
		}
#endif
	}
	return p;
}

/* First byte that ends a run of plain ASCII: quote, backslash, control or above 0x7f. */
static inline const char *skip_plain(const char *p, const char *end)
{
#ifdef __SSE2__
	while (end - p >= 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		/* signed: below 0x20 are the controls and everything above 0x7f */
		__m128i m = _mm_cmplt_epi8(v, _mm_set1_epi8(0x20));
		m = _mm_or_si128(m, _mm_cmpeq_epi8(v, _mm_set1_epi8('"')));
		m = _mm_or_si128(m, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
		unsigned bits = (unsigned)_mm_movemask_epi8(m);
		if (bits)
			return p + __builtin_ctz(bits);
		p += 16;
	}
#endif
	while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20 &&
	       (unsigned char)*p < 0x80)
		p++;
	return p;
}

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

/* Add a piece to the text in progress. */
static bool part_add(struct json_scan *s, const char *p, size_t n)
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
	return part_add(s, b, n);
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
		return bad(s, end, ERR_LIMIT, "text too long");
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
		part_add(s, &to[e - from], 1);
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
		part_add(s, &c, 1);
		if (!--s->u8_need)
			s->str_state = STR_PLAIN;
		return NULL;
	}
}

/*
 * The string in progress, from s->p; up to `p` it is known to be plain. `fresh`: it began in this
 * chunk and nothing is kept in `part` yet, so that it can be a view.
 */
static enum json_tok string_run(struct json_scan *s, bool fresh, const char *p)
{
	const char *start = s->p, *const end = s->end;
	const char *why;

	for (;;) {
		while (s->str_state != STR_PLAIN) {
			if (p == end)
				goto more;
			why = string_byte(s, *p);
			if (why)
				return bad(s, p, ERR_PARSE, why);
			start = ++p;
			if (s->err != ERR_OK)
				return bad(s, p, s->err, s->why);
		}
		p = skip_plain(p, end);
		if (p == end)
			goto split;
		unsigned char c = (unsigned char)*p;
		if (c == '"') {
			struct str text = {start, (size_t)(p - start)};
			if (fresh)
				return text_done(s, p + 1, text, true);
			if (!part_add(s, start, text.n))
				return bad(s, p, s->err, s->why);
			return text_done(s, p + 1, buf_str(&s->part), false);
		}
		if (c == '\\') {
			if (fresh)
				buf_clear(&s->part);
			fresh = false;
			if (!part_add(s, start, (size_t)(p - start)))
				return bad(s, p, s->err, s->why);
			s->str_state = STR_ESC;
			start = ++p;
			continue;
		}
		if (c < 0x20)
			return bad(s, p, ERR_PARSE, "control character in a text");
		uint8_t lo, hi;
		unsigned need = utf8_lead(c, &lo, &hi);
		if (!need)
			return bad(s, p, ERR_PARSE, "invalid UTF-8");
		if ((size_t)(end - p) <= need) {
			/* perhaps split: byte by byte */
			if (fresh)
				buf_clear(&s->part);
			fresh = false;
			if (!part_add(s, start, (size_t)(p + 1 - start)))
				return bad(s, p, s->err, s->why);
			s->u8_need = (uint8_t)need;
			s->u8_lo = lo;
			s->u8_hi = hi;
			s->str_state = STR_UTF8;
			start = ++p;
			continue;
		}
		if ((unsigned char)p[1] < lo || (unsigned char)p[1] > hi)
			return bad(s, p + 1, ERR_PARSE, "invalid UTF-8");
		for (unsigned i = 2; i <= need; i++)
			if (((unsigned char)p[i] & 0xc0) != 0x80)
				return bad(s, p + i, ERR_PARSE, "invalid UTF-8");
		p += need + 1;
	}
split:
	if (fresh)
		buf_clear(&s->part);
	if (!part_add(s, start, (size_t)(p - start)))
		return bad(s, p, s->err, s->why);
more:
	s->p = p;
	s->in = IN_STRING;
	return TOK_MORE;
}

/* What may come after a value, with the comma taken if it is there already. */
static inline const char *behind_value(struct json_scan *s, const char *p)
{
	s->state = EXPECT_COMMA;
	if (p < s->end && *p == ',') {
		s->state = s->in_object ? EXPECT_KEY : EXPECT_VALUE;
		p++;
	}
	return p;
}

/* Most texts are plain and whole: they are found here, the others by string_run(). */
static inline enum json_tok string_begin(struct json_scan *s, const char *p, bool is_key)
{
	const char *q = skip_plain(++p, s->end);

	s->is_key = is_key;
	if (q < s->end && *q == '"') {
		s->text = (struct str){p, (size_t)(q - p)};
		s->borrowed = true;
		q++;
		if (is_key) {
			s->state = EXPECT_COLON;
			if (q < s->end && *q == ':') {
				s->state = EXPECT_VALUE;
				q++;
			}
			s->p = q;
			return TOK_KEY;
		}
		if (s->text.n > s->max_text && !s->quiet)
			return bad(s, q, ERR_LIMIT, "text too long");
		s->p = behind_value(s, q);
		return TOK_STR;
	}
	s->p = p;
	s->str_state = STR_PLAIN;
	s->high = 0;
	return string_run(s, true, q);
}

/* Take notes about the size of the number, for number_too_large(). */
static void number_digit(struct json_scan *s, char c)
{
	if (s->num_state == NUM_EXP) {
		if (s->num.exp < 1000000)
			s->num.exp = s->num.exp * 10 + (c - '0');
		return;
	}
	if (s->num_state == NUM_INT && s->num.lead_n)
		s->num.magnitude++;
	if (s->num_state == NUM_FRAC && !s->num.lead_n)
		s->num.magnitude--;
	if ((s->num.lead_n || c != '0') && s->num.lead_n < 19) {
		s->num.lead = s->num.lead * 10 + (uint64_t)(c - '0');
		s->num.lead_n++;
	}
}

/* Would the number be infinite as a double? Exact to 19 digits. */
static bool number_too_large(const struct json_scan *s)
{
	uint64_t lead = s->num.lead;
	int64_t m = s->num.magnitude + (s->num.exp_neg ? -s->num.exp : s->num.exp);

	if (!lead || m < 308)
		return false;
	if (m > 308)
		return true;
	for (unsigned n = s->num.lead_n; n < 19; n++)
		lead *= 10;
	return lead > UINT64_C(1797693134862315807);
}

/* The state behind byte `c`; -1 when the number has ended before it. */
static int number_step(uint8_t state, char c)
{
	bool digit = c >= '0' && c <= '9', e = c == 'e' || c == 'E';

	switch (state) {
	case NUM_START:
	case NUM_MINUS:
		if (c == '-' && state == NUM_START)
			return NUM_MINUS;
		return c == '0' ? NUM_ZERO : digit ? NUM_INT : -1;
	case NUM_ZERO:
	case NUM_INT:
		if (digit)
			return state == NUM_INT ? NUM_INT : -1;
		return c == '.' ? NUM_DOT : e ? NUM_E : -1;
	case NUM_DOT:
		return digit ? NUM_FRAC : -1;
	case NUM_FRAC:
		return digit ? NUM_FRAC : e ? NUM_E : -1;
	case NUM_E:
		if (c == '+' || c == '-')
			return NUM_E_SIGN;
		return digit ? NUM_EXP : -1;
	default: /* NUM_E_SIGN, NUM_EXP */
		return digit ? NUM_EXP : -1;
	}
}

static enum json_tok number_run(struct json_scan *s, bool fresh)
{
	const char *p = s->p, *start = p;

	for (; p < s->end; p++) {
		int next = number_step(s->num_state, *p);
		if (next < 0)
			break;
		s->num_state = (uint8_t)next;
		if (*p == '-' && next == NUM_E_SIGN)
			s->num.exp_neg = true;
		if (*p >= '0' && *p <= '9')
			number_digit(s, *p);
	}
	struct str text = {start, (size_t)(p - start)};
	if (p == s->end || !fresh) {
		if (fresh)
			buf_clear(&s->part);
		if (!part_add(s, start, text.n))
			return bad(s, p, s->err, s->why);
		text = buf_str(&s->part);
	}
	s->p = p;
	if (p == s->end) {
		s->in = IN_NUMBER;
		return TOK_MORE;
	}
	if (s->num_state != NUM_ZERO && s->num_state != NUM_INT && s->num_state != NUM_FRAC &&
	    s->num_state != NUM_EXP)
		return bad(s, p, ERR_PARSE, "malformed number");
	if (number_too_large(s))
		return bad(s, p, ERR_PARSE, "number too large");
	if (text.n > s->max_text && !s->quiet)
		return bad(s, p, ERR_LIMIT, "number too long");
	s->in = IN_NONE;
	s->text = text;
	s->borrowed = fresh;
	s->state = EXPECT_COMMA;
	return TOK_NUM;
}

static enum json_tok number_begin(struct json_scan *s, const char *p)
{
	s->p = p;
	s->is_key = false;
	s->num_state = NUM_START;
	memset(&s->num, 0, sizeof(s->num));
	return number_run(s, true);
}

static enum json_tok literal_run(struct json_scan *s)
{
	const char *p = s->p;

	for (; s->lit[s->lit_at]; s->lit_at++, p++) {
		if (p == s->end) {
			s->p = p;
			s->in = IN_LITERAL;
			return TOK_MORE;
		}
		if (*p != s->lit[s->lit_at])
			return bad(s, p, ERR_PARSE, "invalid token");
	}
	s->p = p;
	s->in = IN_NONE;
	s->state = EXPECT_COMMA;
	return *s->lit == 't' ? TOK_TRUE : *s->lit == 'f' ? TOK_FALSE : TOK_NULL;
}

static inline enum json_tok literal_begin(struct json_scan *s, const char *p, const char *lit,
					  size_t n, enum json_tok t)
{
	if ((size_t)(s->end - p) >= n && memcmp(p, lit, n) == 0) {
		s->p = behind_value(s, p + n);
		return t;
	}
	s->p = p;
	s->lit = lit;
	s->lit_at = 0;
	return literal_run(s);
}

static enum json_tok open_container(struct json_scan *s, const char *p, bool object)
{
	if (s->depth >= s->max_depth)
		return bad(s, p, ERR_LIMIT, "nested too deeply");
	uint64_t bit = UINT64_C(1) << (s->depth % 64);
	if (object)
		s->stack[s->depth / 64] |= bit;
	else
		s->stack[s->depth / 64] &= ~bit;
	s->depth++;
	s->in_object = object;
	s->p = p + 1;
	s->state = object ? EXPECT_KEY_OR_END : EXPECT_VALUE_OR_END;
	return object ? TOK_OBJ : TOK_ARR;
}

static enum json_tok close_container(struct json_scan *s, const char *p)
{
	enum json_tok t = *p == '}' ? TOK_OBJ_END : TOK_ARR_END;
	unsigned top = --s->depth - 1;
	s->closed = p + 1;
	if (s->depth) {
		s->in_object = s->stack[top / 64] >> (top % 64) & 1;
		s->p = behind_value(s, p + 1);
	} else {
		s->p = p + 1;
		s->state = EXPECT_NOTHING;
		s->had_one = true;
	}
	return t;
}

static enum json_tok value_begin(struct json_scan *s, const char *p)
{
	switch (*p) {
	case '"':
		return string_begin(s, p, false);
	case '{':
		return open_container(s, p, true);
	case '[':
		return open_container(s, p, false);
	case 't':
		return literal_begin(s, p, "true", 4, TOK_TRUE);
	case 'f':
		return literal_begin(s, p, "false", 5, TOK_FALSE);
	case 'n':
		return literal_begin(s, p, "null", 4, TOK_NULL);
	default:
		if (*p == '-' || (*p >= '0' && *p <= '9'))
			return number_begin(s, p);
		return bad(s, p, ERR_PARSE, "invalid token");
	}
}

/* Between documents: a BOM before the first, then an object or an array. */
static enum json_tok top_begin(struct json_scan *s, const char *p)
{
	static const char bom[] = "\xef\xbb\xbf";

	while (s->bom % 3 || (s->chunk_offset == 0 && p == s->chunk && *p == bom[0])) {
		if (*p != bom[s->bom])
			return bad(s, p, ERR_PARSE, "invalid token");
		s->bom++;
		s->p = ++p;
		if (s->bom == 3)
			break;
		if (p == s->end)
			return TOK_MORE;
	}
	if (s->bom == 3) {
		s->bom = 6; /* never again */
		s->p = p;
		return json_scan_next(s);
	}
	if (*p == '{' || *p == '[')
		return open_container(s, p, *p == '{');
	return bad(s, p, ERR_PARSE, "neither an object nor an array");
}

static enum json_tok resume(struct json_scan *s)
{
	if (s->p == s->end)
		return TOK_MORE;
	switch (s->in) {
	case IN_STRING:
		return string_run(s, false, s->p);
	case IN_NUMBER:
		return number_run(s, false);
	default:
		return literal_run(s);
	}
}

enum json_tok json_scan_next(struct json_scan *s)
{
	const char *p;

	if (s->err != ERR_OK)
		return TOK_BAD;
	if (s->in != IN_NONE)
		return resume(s);
	p = s->p;
again:
	if (s->bom % 3 == 0)
		p = skip_space(p, s->end);
	if (p == s->end) {
		s->p = p;
		return TOK_MORE;
	}
	switch (s->state) {
	case EXPECT_COMMA:
		if (*p == ',') {
			p++;
			s->state = s->in_object ? EXPECT_KEY : EXPECT_VALUE;
			goto again;
		}
		if (*p == (s->in_object ? '}' : ']'))
			return close_container(s, p);
		return bad(s, p, ERR_PARSE, "',' or the end of the list expected");
	case EXPECT_KEY_OR_END:
		if (*p == '}')
			return close_container(s, p);
		/* fallthrough */
	case EXPECT_KEY:
		if (*p != '"')
			return bad(s, p, ERR_PARSE, "a member name expected");
		return string_begin(s, p, true);
	case EXPECT_COLON:
		if (*p != ':')
			return bad(s, p, ERR_PARSE, "':' expected");
		p++;
		s->state = EXPECT_VALUE;
		goto again;
	case EXPECT_VALUE_OR_END:
		if (*p == ']')
			return close_container(s, p);
		/* fallthrough */
	case EXPECT_VALUE:
		return value_begin(s, p);
	case EXPECT_TOP:
		return top_begin(s, p);
	default: /* EXPECT_NOTHING */
		if (!s->many)
			return bad(s, p, ERR_PARSE, "text behind the end of the document");
		s->state = EXPECT_TOP;
		goto again;
	}
}
