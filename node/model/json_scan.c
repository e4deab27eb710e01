/*
 * json_scan.c - the tokenizer: one state for the grammar, one for the token in progress.
 *
 * Every token has a fast way for the case that it lies inside the fed bytes, and a state from which
 * it goes on when they end. Texts are scanned 16 bytes at a time.
 */
#include "model/json_scan.h"

#include <string.h>

#include "model/json_token.h"

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
	if (s->err != ERR_OK || s->in != IN_NONE)
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

enum err json_scan_each(struct json_scan *s, const void *p, size_t n, json_token_fn fn, void *user,
			struct fail *f)
{
	enum json_tok t;
	if (s->broken != ERR_OK)
		return fail(f, s->broken, "what came before was bad");
	json_scan_feed(s, p, n);
	while (s->broken == ERR_OK && (t = json_scan_next(s)) != TOK_MORE)
		s->broken = t == TOK_BAD ? json_scan_fail(s, f) : fn(user, t, f);
	if (s->broken == ERR_OK)
		json_scan_leave(s);
	return s->broken;
}

enum err json_scan_end(const struct json_scan *s, struct fail *f)
{
	if (s->broken != ERR_OK)
		return fail(f, s->broken, "what came before was bad");
	return json_scan_complete(s) ? ERR_OK : json_scan_fail(s, f);
}

enum json_tok json_scan_bad(struct json_scan *s, const char *at, enum err e, const char *why)
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

/* Most texts are plain and whole: they are found here, the others by json_string_run(). */
static inline enum json_tok string_begin(struct json_scan *s, const char *p, bool is_key)
{
	const char *q = json_skip_plain(++p, s->end);

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
			return json_scan_bad(s, q, ERR_LIMIT, "text too long");
		s->p = behind_value(s, q);
		return TOK_STR;
	}
	s->p = p;
	s->str_state = STR_PLAIN;
	s->high = 0;
	return json_string_run(s, true, q);
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
			return json_scan_bad(s, p, ERR_PARSE, "invalid token");
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
		return json_scan_bad(s, p, ERR_LIMIT, "nested too deeply");
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
			return json_number_begin(s, p);
		return json_scan_bad(s, p, ERR_PARSE, "invalid token");
	}
}

/* Between documents: a BOM before the first, then an object or an array. */
static enum json_tok top_begin(struct json_scan *s, const char *p)
{
	static const char bom[] = "\xef\xbb\xbf";

	if (s->in == IN_BOM || (!s->bom && s->chunk_offset == 0 && p == s->chunk && *p == bom[0])) {
		for (s->in = IN_BOM; s->bom < 3; s->bom++, p++) {
			s->p = p;
			if (p == s->end)
				return TOK_MORE;
			if (*p != bom[s->bom])
				return json_scan_bad(s, p, ERR_PARSE, "invalid token");
		}
		s->p = p;
		s->in = IN_NONE;
		return json_scan_next(s);
	}
	if (*p == '{' || *p == '[')
		return open_container(s, p, *p == '{');
	return json_scan_bad(s, p, ERR_PARSE, "neither an object nor an array");
}

static enum json_tok resume(struct json_scan *s)
{
	if (s->p == s->end)
		return TOK_MORE;
	switch (s->in) {
	case IN_STRING:
		return json_string_run(s, false, s->p);
	case IN_NUMBER:
		return json_number_run(s, false);
	case IN_BOM:
		return top_begin(s, s->p);
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
	if (p < s->end && (unsigned char)*p <= ' ')
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
		return json_scan_bad(s, p, ERR_PARSE, "',' or the end of the list expected");
	case EXPECT_KEY_OR_END:
		if (*p == '}')
			return close_container(s, p);
		/* fallthrough */
	case EXPECT_KEY:
		if (*p != '"')
			return json_scan_bad(s, p, ERR_PARSE, "a member name expected");
		return string_begin(s, p, true);
	case EXPECT_COLON:
		if (*p != ':')
			return json_scan_bad(s, p, ERR_PARSE, "':' expected");
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
			return json_scan_bad(s, p, ERR_PARSE, "text behind the end of the document");
		s->state = EXPECT_TOP;
		goto again;
	}
}
