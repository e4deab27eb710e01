/*
 * rows.h - the options as an array of rows. Private to this room.
 */
#pragma once

#include "base/arena.h"
#include "conf/conf.h"

enum conf_kind {
	CONF_KIND_STR,
	CONF_KIND_PATH,
	CONF_KIND_UUID,
	CONF_KIND_BOOL,
	CONF_KIND_INT,
	CONF_KIND_SIZE,
	CONF_KIND_MS,
	CONF_KIND_US,
	CONF_KIND_LIST,
	CONF_KIND_ENUM,
};

enum { CONF_RELOAD = 1, CONF_SECRET = 2 };
enum { CONF_LIST_MAX = 64 };

struct conf_row {
	const char *section; /* set in a row that is a heading and nothing else */
	const char *key, *def, *text;
	const char *choices; /* ENUM */
	enum conf_kind kind;
	unsigned flags;
	int64_t lo, hi; /* STR, PATH: length; LIST: entries; numbers: value */
	size_t offset;	/* in struct conf */
};

enum {
	CONF_ROWS_N = 0
#define SECTION(title) +1
#define OPTION(kind, member, key, def, lo, hi, flags, text) +1
#define CHOICE(member, key, def, choices, flags, text) +1
#include "conf/options.inc"
#undef CHOICE
#undef OPTION
#undef SECTION
};

extern const struct conf_row conf_rows[CONF_ROWS_N];

const struct conf_row *conf_row_find(struct str key);
/* The row whose key looks most like this one, or NULL. */
const struct conf_row *conf_row_near(struct str key);
/* Set a scalar option from text. Strings go to `a`. Not for LIST. */
MUST_USE enum err conf_set(struct conf *c, const struct conf_row *r, struct str text,
			   struct arena *a, struct fail *f);
/* Set a LIST from its entries. */
MUST_USE enum err conf_set_list(struct conf *c, const struct conf_row *r, const struct str *v,
				size_t n, struct arena *a, struct fail *f);
/* The value as one would write it in the file (lists comma separated), or nothing if not set. */
void conf_show(struct buf *out, const struct conf *c, const struct conf_row *r);
