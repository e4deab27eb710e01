/*
 * json_scan.h - a resumable JSON tokenizer: bytes are fed in pieces, tokens are taken out.
 *
 * It may stop at any byte and keeps no tree. Strict RFC 8259 at the same verdicts as jansson's
 * default reader (no top-level scalars, no NUL by \u0000, no lone surrogates, no number beyond a
 * double), except that a UTF-8 BOM is skipped and that integers may be longer than 64 bits.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

enum json_tok {
	TOK_MORE, /* the bytes are used up; feed more or end */
	TOK_BAD,  /* json_scan_fail() tells why; stays so */
	TOK_OBJ,
	TOK_OBJ_END,
	TOK_ARR,
	TOK_ARR_END,
	TOK_KEY, /* text: the member's name, cut to JSON_KEY_MAX bytes when it was split */
	TOK_STR, /* text: decoded */
	TOK_NUM, /* text: as sent */
	TOK_TRUE,
	TOK_FALSE,
	TOK_NULL,
};

#define JSON_KEY_MAX 1024u  /* longer names belong to no member */
#define JSON_DEPTH_MAX 4096u

struct json_scan {
	const char *p, *end; /* unread bytes */
	const char *chunk;   /* what was fed last, and its place in the stream */
	uint64_t chunk_offset;
	uint64_t line_offset; /* of the first byte of the line in which the chunk begins */
	uint32_t lines;	      /* line breaks before the chunk */

	const char *closed; /* behind the bracket of the last TOK_OBJ_END or TOK_ARR_END */
	struct str text; /* of TOK_KEY, TOK_STR and TOK_NUM */
	/* Is `text` a view into the fed bytes? Otherwise it dies with the next token. */
	bool borrowed;

	enum err broken; /* what json_scan_each() ended with */

	/* Settings that the caller may change between two tokens. */
	bool quiet;	 /* texts of values are checked but not kept */
	size_t max_text; /* ERR_LIMIT for longer texts */

	unsigned depth, max_depth;
	bool many; /* may several documents follow each other? */

	/* The rest is the tokenizer's own. */
	uint8_t state, in, str_state, num_state, bom;
	bool is_key, had_one;
	bool in_object; /* is the open container an object? */
	uint8_t lit_at;
	const char *lit;
	uint8_t u8_need, u8_lo, u8_hi;
	uint8_t hex_n;
	uint32_t hex, high;
	struct {
		uint64_t lead; /* first significant digits */
		uint8_t lead_n;
		bool exp_neg;
		int64_t magnitude; /* decimal exponent of the first significant digit */
		int64_t exp;
	} num;
	struct buf part; /* text of a token that was split or holds escapes */
	uint64_t stack[JSON_DEPTH_MAX / 64]; /* 1: object */
	enum err err;
	const char *why;
};

/* `part_max`: the longest text of all that will ever be asked for by max_text. */
void json_scan_init(struct json_scan *s, unsigned max_depth, size_t part_max);
void json_scan_free(struct json_scan *s);
/* The next piece. The bytes must stay until json_scan_leave(), which comes after TOK_MORE. */
void json_scan_feed(struct json_scan *s, const void *p, size_t n);
void json_scan_leave(struct json_scan *s);
enum json_tok json_scan_next(struct json_scan *s);
/* Is the input complete? Only after TOK_MORE. */
bool json_scan_complete(const struct json_scan *s);
/* Fill `f` with the reason of TOK_BAD and its place. Returns the code. */
enum err json_scan_fail(const struct json_scan *s, struct fail *f);
/* As fail_at() with the place that the tokenizer has reached. */
enum err json_scan_fail_here(const struct json_scan *s, struct fail *f, enum err e,
			     const char *why);
/*
 * Take in a piece, of which nothing is kept: every token goes to `fn`. An error, of the text or of fn,
 * ends it and is given again for all further pieces. `s->broken` is it.
 */
typedef enum err (*json_token_fn)(void *user, enum json_tok t, struct fail *f);
MUST_USE enum err json_scan_each(struct json_scan *s, const void *p, size_t n, json_token_fn fn,
				 void *user, struct fail *f);
/* After the last piece. ERR_PARSE: the text ends too early; or what it ended with before. */
MUST_USE enum err json_scan_end(const struct json_scan *s, struct fail *f);
/* Bytes taken so far. */
static inline uint64_t json_scan_offset(const struct json_scan *s)
{
	return s->chunk_offset + (uint64_t)(s->p - s->chunk);
}
