/*
 * types.c - look-ups over the tables of types and categories.
 *
 * The rows are constant; only the name index is computed, once, before main().
 */
#include "model/types.h"

#include "base/own.h"

enum {
	FLAG_PLAIN = 0,
	FLAG_PAIR = TYPE_PAIR,
	FLAG_FILE = TYPE_FILE,
	FLAG_PAIR_FILE = TYPE_PAIR | TYPE_FILE,
	FLAG_NEWER = TYPE_NEWER,
};

/* Indexed by type number. */
static const struct type_row rows[ATTR_TYPE_LIMIT] = {
#define T(num, ident, text, cat, ids, flag, corr, rf, norm, chk, len)                              \
	[num] = {.name = {text, sizeof(text) - 1},                                                 \
		 .id = (num),                                                                      \
		 .category = CAT_##cat,                                                            \
		 .to_ids = (ids),                                                                  \
		 .flags = FLAG_##flag,                                                             \
		 .correlates = CORR_##corr,                                                        \
		 .refang = REFANG_##rf,                                                            \
		 .normaliser = NORM_##norm,                                                        \
		 .check = CHECK_##chk,                                                             \
		 .arg = (len)},
#include "model/types.inc"
#undef T
};

/* MISP's order. */
static const attr_type_id order[] = {
#define T(num, ...) (num),
#include "model/types.inc"
#undef T
};

static const struct str category_names[CAT_LIMIT] = {
#define C(num, ident, text) [num] = {text, sizeof(text) - 1},
	CATEGORY_LIST(C)
#undef C
};

#define T(ident) ATTR_##ident,
#define C(num, ident, text) static const attr_type_id types_##ident[] = {CATEGORY_TYPES_##ident(T)};
CATEGORY_LIST(C)
#undef C
#undef T

static const struct {
	const attr_type_id *types;
	unsigned n;
} members[CAT_LIMIT] = {
#define C(num, ident, text) [num] = {types_##ident, ARRAY_LEN(types_##ident)},
	CATEGORY_LIST(C)
#undef C
};

/* Filled before main(): name index (open addressing, 0 = free) and categories of each type. */
#define SLOTS 512u
static uint8_t slots[SLOTS];
static uint32_t fits[ATTR_TYPE_LIMIT];
_Static_assert(ATTR_TYPE_LIMIT <= 256, "slots[] holds numbers below 256");

/* FNV-like; 194 names in 512 slots. */
static unsigned name_slot(struct str s)
{
	uint32_t h = (uint32_t)s.n;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 0x9e3779b1u;
	return (h >> 16) % SLOTS;
}

__attribute__((constructor)) static void index_names(void)
{
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		unsigned at = name_slot(rows[order[i]].name);

		while (slots[at])
			at = (at + 1) % SLOTS;
		slots[at] = (uint8_t)order[i];
	}
	for (unsigned c = 1; c < CAT_LIMIT; c++)
		for (unsigned i = 0; i < members[c].n; i++)
			fits[members[c].types[i]] |= 1u << c;
}

const struct type_row *type_get(enum attr_type t)
{
	if ((unsigned)t >= ATTR_TYPE_LIMIT || rows[t].id == ATTR_NONE)
		return NULL;
	return &rows[t];
}

enum attr_type type_find(struct str name)
{
	for (unsigned at = name_slot(name); slots[at]; at = (at + 1) % SLOTS)
		if (str_eq(rows[slots[at]].name, name))
			return (enum attr_type)slots[at];
	return ATTR_NONE;
}

struct str type_name(enum attr_type t)
{
	const struct type_row *row = type_get(t);

	return row ? row->name : STR("");
}

enum attr_category category_find(struct str name)
{
	for (unsigned c = 1; c < CAT_LIMIT; c++)
		if (str_eq(category_names[c], name))
			return (enum attr_category)c;
	return CAT_NONE;
}

struct str category_name(enum attr_category c)
{
	return c > CAT_NONE && c < CAT_LIMIT ? category_names[c] : STR("");
}

bool type_fits_category(enum attr_type t, enum attr_category c)
{
	return (unsigned)t < ATTR_TYPE_LIMIT && c > CAT_NONE && c < CAT_LIMIT &&
	       fits[t] >> c & 1;
}

unsigned type_count(void)
{
	return ARRAY_LEN(order);
}

const struct type_row *type_at(unsigned position)
{
	return position < ARRAY_LEN(order) ? &rows[order[position]] : NULL;
}

const attr_type_id *category_types(enum attr_category c, unsigned *n)
{
	bool ok = c > CAT_NONE && c < CAT_LIMIT;

	*n = ok ? members[c].n : 0;
	return ok ? members[c].types : NULL;
}

void type_split(enum attr_type t, struct str value, struct str *value1, struct str *value2)
{
	const struct type_row *row = type_get(t);

	*value1 = value;
	*value2 = STR("");
	if (row && type_is_pair(row)) {
		struct str rest = str_split(value, '|', value1);

		if (rest.p)
			*value2 = rest;
	}
}

static bool is_listed(const struct type_row *row, bool with_newer)
{
	return with_newer || !(row->flags & TYPE_NEWER);
}

static void describe_defaults(struct jsonw *w, bool with_newer)
{
	jsonw_obj(w);
	for (unsigned i = 0; i < ARRAY_LEN(order); i++) {
		const struct type_row *row = &rows[order[i]];

		if (!is_listed(row, with_newer))
			continue;
		jsonw_key_str(w, row->name);
		jsonw_obj(w);
		JSONW_KV(w, jsonw_str, "default_category", category_names[row->category]);
		JSONW_KV(w, jsonw_uint, "to_ids", row->to_ids);
		jsonw_obj_end(w);
	}
	jsonw_obj_end(w);
}

static void describe_list(struct jsonw *w, const attr_type_id *list, unsigned n, bool with_newer)
{
	jsonw_arr(w);
	for (unsigned i = 0; i < n; i++)
		if (is_listed(&rows[list[i]], with_newer))
			jsonw_str(w, rows[list[i]].name);
	jsonw_arr_end(w);
}

void types_describe(struct jsonw *w, bool with_newer)
{
	jsonw_obj(w);
	jsonw_key(w, "sane_defaults");
	describe_defaults(w, with_newer);
	jsonw_key(w, "types");
	describe_list(w, order, ARRAY_LEN(order), with_newer);
	jsonw_key(w, "categories");
	jsonw_arr(w);
	for (unsigned c = 1; c < CAT_LIMIT; c++)
		jsonw_str(w, category_names[c]);
	jsonw_arr_end(w);
	jsonw_key(w, "category_type_mappings");
	jsonw_obj(w);
	for (unsigned c = 1; c < CAT_LIMIT; c++) {
		jsonw_key_str(w, category_names[c]);
		describe_list(w, members[c].types, members[c].n, with_newer);
	}
	jsonw_obj_end(w);
	jsonw_obj_end(w);
}
