/*
 * types.h - the table of attribute types and categories.
 *
 * Rows are in types.inc and categories.inc; everything here is made from them. The numbers of
 * both enums are stored on disk and never change. Type 0 and category 0 mean "none".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/jsonw.h"
#include "base/str.h"
#include "model/categories.inc"

enum attr_type {
	ATTR_NONE = 0,
#define T(id, ident, ...) ATTR_##ident = (id),
#include "model/types.inc"
#undef T
	ATTR_TYPE_LIMIT = 195 /* one more than the highest number */
};

enum attr_category {
	CAT_NONE = 0,
#define C(id, ident, name) CAT_##ident = (id),
	CATEGORY_LIST(C)
#undef C
	CAT_LIMIT
};

/* The forms in which ids are stored and packed. */
typedef uint16_t attr_type_id;
typedef uint8_t attr_category_id;

enum type_flag {
	TYPE_PAIR = 1,	/* "value1|value2" */
	TYPE_FILE = 2,	/* carries data: attachment, malware-sample */
	TYPE_NEWER = 4, /* younger than MISP 2.5.1, so not listed unless asked for */
};

/* Which part of a value correlates with other events. */
enum type_correlates { CORR_NEVER, CORR_FIRST, CORR_BOTH };

/* Sets of defanging marks that are undone before anything else (rest-api.md, 5.1). */
enum type_refang { REFANG_NONE, REFANG_DOTS, REFANG_URL, REFANG_EMAIL };

/* How a value is brought to its canonical form; the functions are in normalise.c. */
enum type_norm {
	NORM_NONE,
	NORM_LOWER,
	NORM_LOWER_2ND,	     /* the part behind the first '|' */
	NORM_LOWER_NO_COLON, /* lower case without colons */
	NORM_UPPER,
	NORM_UPPER_ID,	  /* dashes to hyphens; CVE, GCVE and CWE identifiers upper case */
	NORM_UPPER_ALNUM, /* letters and digits only, upper case */
	NORM_DIGITS,
	NORM_PHONE,
	NORM_AS,
	NORM_IP,
	NORM_IP_PORT,
	NORM_DOMAIN,
	NORM_DOMAIN_IP,
	NORM_HOST_PORT,
	NORM_MAC,
	NORM_BOOLEAN,
	NORM_DATETIME,
	NORM_COUNT
};

/* What a canonical value must look like; the functions are in validate.c. */
enum type_check {
	CHECK_ANY,
	CHECK_LINE, /* no new line */
	CHECK_HEX,  /* exactly `arg` hexadecimal digits */
	CHECK_HEX_ANY,
	CHECK_FILE_HEX,
	CHECK_PEHASH,
	CHECK_FILE_PEHASH,
	CHECK_VHASH,
	CHECK_FILE_VHASH,
	CHECK_SSDEEP,
	CHECK_FILE_SSDEEP,
	CHECK_IMPFUZZY,
	CHECK_FILE_IMPFUZZY,
	CHECK_TLSH,
	CHECK_FILE_TLSH,
	CHECK_TELFHASH,
	CHECK_CDHASH,
	CHECK_IP,
	CHECK_IP_PORT,
	CHECK_DOMAIN,
	CHECK_HOSTNAME,
	CHECK_DOMAIN_IP,
	CHECK_HOST_PORT,
	CHECK_PORT,
	CHECK_EMAIL,
	CHECK_LINK,
	CHECK_MAC, /* `arg` bytes */
	CHECK_AS,
	CHECK_NUMERIC,
	CHECK_INTEGER,
	CHECK_WHOLE, /* integer, zero or more */
	CHECK_ALNUM,
	CHECK_VULNERABILITY,
	CHECK_WEAKNESS,
	CHECK_HTTP_METHOD,
	CHECK_SSH_FINGERPRINT,
	CHECK_ONION,
	CHECK_SERVICE_NAME,
	CHECK_DATETIME,
	CHECK_JSON,
	CHECK_UUID,
	CHECK_COUNT
};

struct type_row {
	struct str name;
	attr_type_id id;
	attr_category_id category; /* default */
	uint8_t to_ids;		   /* default, 0 or 1 */
	uint8_t flags;		   /* enum type_flag */
	uint8_t correlates;	   /* enum type_correlates */
	uint8_t refang;		   /* enum type_refang */
	uint8_t normaliser;	   /* enum type_norm */
	uint8_t check;		   /* enum type_check */
	uint8_t arg;		   /* length for CHECK_*HEX, CHECK_*PEHASH and CHECK_MAC */
};

/* The row of a type; NULL for 0 and for numbers without a row. */
const struct type_row *type_get(enum attr_type t);
/* Exact name to type; ATTR_NONE when there is no such type. Constant time. */
enum attr_type type_find(struct str name);
/* Name of a type; empty for ATTR_NONE. */
struct str type_name(enum attr_type t);

/* Exact name to category; CAT_NONE when there is none. */
enum attr_category category_find(struct str name);
struct str category_name(enum attr_category c);
/* May an attribute of this type have this category? */
bool type_fits_category(enum attr_type t, enum attr_category c);

/* Rows in MISP's order: position 0 to type_count() - 1; NULL past the end. */
unsigned type_count(void);
const struct type_row *type_at(unsigned position);
/* Types of a category in MISP's order; *n gets their number. */
const attr_type_id *category_types(enum attr_category c, unsigned *n);

/* Is the value of this type made of two parts joined by '|'? */
static inline bool type_is_pair(const struct type_row *row)
{
	return row->flags & TYPE_PAIR;
}
/* Does it carry a file: attachment, malware-sample? */
static inline bool type_is_file(const struct type_row *row)
{
	return row->flags & TYPE_FILE;
}
/*
 * Split a stored value into value1 and value2. For a type without two parts, value1 is the whole
 * and value2 is empty (present). A pair is cut at its first '|'. Views into `value`.
 */
void type_split(enum attr_type t, struct str value, struct str *value1, struct str *value2);

/*
 * Write the object that /attributes/describeTypes gives under "result". Types younger than MISP
 * 2.5.1 are left out unless `with_newer`.
 */
void types_describe(struct jsonw *w, bool with_newer);
