/*
 * json_token.h - the inside of the tokenizer, shared by json_scan.c (grammar), json_text.c (strings)
 * and json_number.c.
 */
#pragma once

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "model/json_scan.h"

/* What the grammar expects next. */
enum { EXPECT_TOP, EXPECT_VALUE, EXPECT_VALUE_OR_END, EXPECT_KEY, EXPECT_KEY_OR_END, EXPECT_COLON,
       EXPECT_COMMA, EXPECT_NOTHING };
/* The token in progress. */
enum { IN_NONE, IN_STRING, IN_NUMBER, IN_LITERAL, IN_BOM };
/* Inside a string. */
enum { STR_PLAIN, STR_ESC, STR_HEX, STR_LOW_ESC, STR_LOW_U, STR_UTF8 };
/* Inside a number. */
enum { NUM_START, NUM_MINUS, NUM_ZERO, NUM_INT, NUM_DOT, NUM_FRAC, NUM_E, NUM_E_SIGN, NUM_EXP };

/* First byte that ends a run of plain ASCII: quote, backslash, control or above 0x7f. */
static inline const char *json_skip_plain(const char *p, const char *end)
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

/* Fail at a byte. */
enum json_tok json_scan_bad(struct json_scan *s, const char *at, enum err e, const char *why);
/* Add a piece to the text in progress; false when it is too long. */
bool json_part_add(struct json_scan *s, const char *p, size_t n);
/*
 * Go on with the string in progress, from s->p; up to `p` it is known to be plain. `fresh`: it began
 * in this chunk and nothing is kept in `part` yet, so that it can be a view.
 */
enum json_tok json_string_run(struct json_scan *s, bool fresh, const char *p);
/* Begin a number at `p`, or go on with it. */
enum json_tok json_number_begin(struct json_scan *s, const char *p);
enum json_tok json_number_run(struct json_scan *s, bool fresh);
