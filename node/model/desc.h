/*
 * desc.h - entity descriptors: one table of fields per entity, from which the struct, the JSON
 * reader, the storage form, the strip step and the exporters' lists are made (fields.inc).
 *
 * Every entity struct begins with `struct entity_head`, whose `has` bits tell which members a
 * document gave: an edit changes only those. Bit n belongs to the n-th row of the entity.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "base/uuid.h"

/* Storage C type of each field kind; see fields.inc for what the kinds mean. */
#define FIELD_KINDS(X)                                                                             \
	X(STR, struct str)       /* text or bytes */                                               \
	X(BOOL, bool)            /* JSON true/false; 0, 1, "0", "1" are taken too */                 \
	X(U8, uint8_t)           /* small number, JSON string */                                   \
	X(U64, uint64_t)         /* id or count, JSON string */                                    \
	X(I64, int64_t)          /* number, JSON string */                                         \
	X(TIME, int64_t)         /* seconds since 1970, JSON string */                             \
	X(MICRO, int64_t)        /* microseconds since 1970, JSON ISO 8601 text; MICRO_NONE null */ \
	X(DATE, uint32_t)        /* YYYYMMDD as a number, JSON "YYYY-MM-DD"; 0 none */              \
	X(UUID, struct uuid)     /* nil: none */                                                   \
	X(TYPE, uint16_t)        /* enum attr_type, JSON name; raw text kept in type_text */        \
	X(CATEGORY, uint8_t)     /* enum attr_category, JSON name; raw text in category_text */     \
	X(LIST, struct entity_list) /* sub-entities, JSON array (or one object) */

enum field_kind {
#define X(name, ctype) F_##name,
	FIELD_KINDS(X)
#undef X
};

#define MICRO_NONE INT64_MIN
/* Given in a document, but not a time; the gate refuses it, so it is never stored. A DATE that was
   given and is none reads as 0 with its `has` bit, a UUID as nil likewise. */
#define MICRO_BAD (INT64_MIN + 1)

/* What the gate does with a field when an element leaves (the floor for every profile). */
enum field_rule {
	R_DROP, /* never leaves: local, secret or internal */
	R_KEEP, /* leaves with the element unless the profile drops it */
	R_LOCAL, /* leaves only towards operator and members (local numeric ids, users) */
	R_RULE, /* a gate rule decides: tags, distribution, sharing group, info, creator */
};

/* Which forms carry a field. */
enum field_form {
	FORM_BOTH, /* in documents and in storage */
	FORM_STORE, /* only in storage; a document cannot set it */
	FORM_RAW, /* only on the way in: resolved before it is stored */
};

struct entity_list {
	void *v; /* array of sub-entity structs */
	uint32_t n;
};

struct entity_head {
	uint64_t has;
};

struct entity_desc;

struct field {
	const char *key; /* JSON member */
	uint8_t kind; /* enum field_kind */
	uint8_t tag; /* storage tag, stable for ever, unique in the entity, 1..127 */
	uint8_t rule; /* enum field_rule */
	uint8_t form; /* enum field_form */
	uint16_t offset;
	const struct entity_desc *sub; /* of a LIST */
};

/* What unpacking asks of a descriptor, made from its rows at first use. */
struct desc_quick {
	uint8_t row_of_tag[128]; /* number of the row + 1 */
	bool has_micro;
};

struct entity_desc {
	const char *name; /* JSON wrapper name: "Attribute" */
	uint16_t size; /* sizeof the struct */
	uint16_t n;
	const struct field *fields;
	struct desc_quick *quick; /* ask desc_quick() */
};

#define ENTITY_HAS(e, bit) (((e)->head.has >> (bit)) & 1)
#define ENTITY_SET_HAS(e, bit) ((e)->head.has |= UINT64_C(1) << (bit))

/* Row of a JSON member (or NULL); linear hash made at first use, thread-safe after model_init(). */
const struct field *desc_find(const struct entity_desc *d, struct str key, unsigned *bit);
const struct desc_quick *desc_quick(const struct entity_desc *d);
