/*
 * values.h - the values in a text of a known form: a table (CSV), a list with one value a line, or free
 * text (also the texts in a JSON document). Each is told with its likeliest type, in order, as it arrives.
 *
 * Values may come several times; whether they are fit to be stored is the gate's question.
 */
#pragma once

#include "base/err.h"
#include "base/own.h"
#include "base/str.h"
#include "feeds/freetext/freetext.h"
#include "model/types.h"

enum values_format { VALUES_CSV, VALUES_FREETEXT, VALUES_LIST };

enum values_fault {
	VALUES_NO_INDICATOR,
	VALUES_NO_UTF8,
	VALUES_LINE_TOO_LONG, /* its text is not told */
};
/* Told of each field or line of a table or list that gives no value; `text` may be of any bytes. */
typedef void (*values_fault_fn)(void *user, enum values_fault why, uint64_t line, struct str text);

struct values_opts {
	enum values_format format;
	struct str columns; /* CSV: "1,3", from 1, each also with a type: "1:domain,3"; empty: all */
	struct str delimiter; /* CSV: see csv.h */
	struct str exclude; /* values that match are left out: /expression/flags; empty: none */
	enum attr_type type; /* values are of this type, whatever they look like; 0: as they look */
	bool no_json; /* free text that begins like JSON is none */
	values_fault_fn fault; /* with the user of values_new(); NULL: faults are only counted */
};

struct values_hit {
	struct str value, original;
	struct str port; /* cut off; absent: none */
	enum attr_type type;
	const struct freetext_kind *kind; /* NULL: the type was given */
	uint64_t line; /* 0: free text */
};
/* Anything but ERR_OK ends the reading. */
typedef enum err (*values_fn)(void *user, const struct values_hit *hit, struct fail *f);

struct values_counts {
	uint64_t lines, comments; /* of a table or list */
	uint64_t found; /* told */
	uint64_t excluded;
	uint64_t nothing; /* fields that are no indicators */
	uint64_t unreadable; /* lines that are too long, fields that are no UTF-8 */
};

/* The configuration's own words for a format: "csv", "freetext", "list". False: none. */
bool values_format_of(struct str name, enum values_format *out);

struct values;
/* ERR_INVAL: an option, said in f. Texts of `o` are copied. */
MUST_USE enum err values_new(const struct values_opts *o, values_fn fn, void *user,
			     struct values **out, struct fail *f);
/*
 * More bytes, cut anywhere. ERR_AGAIN: what began like JSON is none; read all of it anew with no_json
 * (values that were told come again).
 */
MUST_USE enum err values_feed(struct values *v, const void *p, size_t n, struct fail *f);
/* The text ends. ERR_AGAIN as above. */
MUST_USE enum err values_end(struct values *v, struct fail *f);
void values_free(struct values *v);
OWN_DEFINE(values, struct values *, values_free(*p))
struct values_counts values_counts(const struct values *v);
