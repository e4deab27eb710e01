/*
 * freetext.h - indicators in any text. Takes text in pieces, gives each value once, in order.
 *
 * Knows neither JSON nor markup: who has those gives their texts one by one (freetext_break()).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/own.h"
#include "base/str.h"
#include "model/types.h"

/* What a value may be: a row for each kind. Names are attribute types, or two of them with a slash
   between when the user has to choose. The first type is not always the likeliest. */
struct freetext_kind {
	attr_type_id type; /* the likeliest */
	bool network; /* an address, a host or a URL: MISP says of a port that was cut, or `false` */
	uint8_t n;
	const char *types[5];
};

/* A value. Views live until the callback returns. */
struct freetext_hit {
	struct str value; /* undisguised; not yet normalised as its type wants */
	struct str original; /* as it stood in the text */
	struct str port; /* cut off a host name or address; absent: none */
	const struct freetext_kind *kind;
};
/* Anything but ERR_OK ends the search and is returned to who gave the text. */
typedef enum err (*freetext_fn)(void *user, const struct freetext_hit *hit, struct fail *f);

/* Values longer than this are no indicators (an attribute's value may be no longer). */
#define FREETEXT_VALUE_MAX 65535u
/* Beyond so many different values one may come twice. */
#define FREETEXT_SEEN_MAX 1000000u

struct freetext;

/* NULL: out of memory. */
struct freetext *freetext_new(freetext_fn fn, void *user);
void freetext_free(struct freetext *t);
OWN_DEFINE(freetext, struct freetext *, freetext_free(*p))
/* More text, cut anywhere, in UTF-8; what is none divides words. */
MUST_USE enum err freetext_add(struct freetext *t, struct str piece, struct fail *f);
/* The text ends here and another one begins; what was found before is not found again. */
MUST_USE enum err freetext_break(struct freetext *t, struct fail *f);

/* One word alone, without the disguise and deletions of a text around it. False: it is nothing. The
   value may stand in `room`, which has at least word.n + 8 bytes. */
bool freetext_word(struct str word, char *room, struct freetext_hit *out);
