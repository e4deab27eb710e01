/*
 * json_keys.h - which member of which JSON object goes where: made from fields.inc, with the members
 * that are elements or need special care added.
 */
#pragma once

#include "model/misp.h"

enum key_act {
	KEY_SCALAR,	   /* a member of the entity */
	KEY_JSON,	   /* a text member that may come as an object or a list: its JSON text */
	KEY_LIST,	   /* sub-entities */
	KEY_ELEMENT,	   /* elements of the kind `element` */
	KEY_GALAXY,	   /* galaxies, whose clusters are elements */
	KEY_CLUSTER_GALAXY, /* the galaxy of a cluster */
	KEY_ORG_UUID,	   /* an organisation of which only the UUID is kept, in `field` */
	KEY_TAG_LOCAL,	   /* of a cluster: how its tag hangs on the parent */
	KEY_TAG_RELATION,
};

struct key_row {
	const char *name;
	uint8_t n;
	uint8_t act;	 /* enum key_act */
	uint8_t bit;	 /* `has` bit */
	bool is_data;	 /* base64 of an attachment, which may be long */
	uint8_t element; /* enum element_kind */
	uint8_t variant; /* of EL_ANALYST: enum analyst_kind */
	const struct field *field;
	const struct key_table *items; /* members of the objects that stand there */
};

#define KEY_ROWS_MAX 64
#define KEY_SLOTS 256

/* The members that an object may have. */
struct key_table {
	const struct entity_desc *desc; /* NULL: only elements */
	const char *wrapper;		/* name under which such an object may be wrapped */
	uint8_t wrapper_n;
	unsigned n;
	uint8_t slot[KEY_SLOTS]; /* row + 1 */
	struct key_row rows[KEY_ROWS_MAX];
};

/* Build all tables once; thread-safe. */
void json_keys_init(void);
/* Table of an entity; NULL for descriptors that are not in fields.inc. After json_keys_init(). */
const struct key_table *json_keys_of(const struct entity_desc *d);
/* Members that stand for a list of elements on their own ({"Sighting":[..]}). */
const struct key_table *json_keys_elements(void);

static inline unsigned json_key_hash(const char *p, size_t n)
{
	const unsigned char *u = (const unsigned char *)p;
	return (unsigned)(n * 7 + u[0] * 31u + u[n / 2] * 5u + u[n - 1] * 67u) % KEY_SLOTS;
}

/* Equality of two names of the same length without a call: overlapping words from both ends. */
static inline bool json_name_eq(const char *a, const char *b, size_t n)
{
	uint64_t a1, a2, b1, b2;

	if (n > 16)
		return memcmp(a, b, n) == 0;
	if (n >= 8) {
		memcpy(&a1, a, 8);
		memcpy(&b1, b, 8);
		memcpy(&a2, a + n - 8, 8);
		memcpy(&b2, b + n - 8, 8);
		return ((a1 ^ b1) | (a2 ^ b2)) == 0;
	}
	if (n >= 4) {
		uint32_t c1, c2, d1, d2;
		memcpy(&c1, a, 4);
		memcpy(&d1, b, 4);
		memcpy(&c2, a + n - 4, 4);
		memcpy(&d2, b + n - 4, 4);
		return ((c1 ^ d1) | (c2 ^ d2)) == 0;
	}
	while (n && a[n - 1] == b[n - 1])
		n--;
	return !n;
}

/* Row of a member name, or NULL. */
static inline const struct key_row *json_key_find(const struct key_table *t, struct str key)
{
	if (!key.n || key.n > 255)
		return NULL;
	for (unsigned s = json_key_hash(key.p, key.n); t->slot[s]; s = (s + 1) % KEY_SLOTS) {
		const struct key_row *r = &t->rows[t->slot[s] - 1];
		if (r->n == key.n && json_name_eq(r->name, key.p, key.n))
			return r;
	}
	return NULL;
}
