/*
 * policy_when.c - conditions of rules as they stand in the policy file: what kinds of values there
 * are, how each is read. Which conditions there are says conds.inc, what they mean conds.c.
 */
#include <stdio.h>

#include "gate/policy_read.h"

const struct cond_row cond_rows[COND_KIND_COUNT] = {
#define COND(name, levels, value, max, text)                                                       \
	[COND_KIND_##name] = {#name, (levels), VALUE_##value, (max)},
#include "gate/conds.inc"
#undef COND
};

/* ---- values -------------------------------------------------------------------------------- */

static void set_bit(struct policy_cond *c, unsigned n)
{
	c->bits[n / 64] |= UINT64_C(1) << (n % 64);
}

static enum err read_categories(struct loader *l, const void *n, struct policy_cond *c)
{
	for (size_t i = 0; i < node_count(n); i++) {
		enum attr_category id;
		struct str s;

		TRY(node_scalar(l, node_item(l, n, i), &s));
		id = category_find(s);
		if (id == CAT_NONE)
			return READ_BAD(l, node_item(l, n, i), "there is no category \"%.*s\"",
					STR_ARG(str_sub(s, 0, 60)));
		set_bit(c, (unsigned)id);
	}
	return ERR_OK;
}

enum err policy_read_types(struct loader *l, const void *n, uint64_t *bits)
{
	for (size_t i = 0; i < node_count(n); i++) {
		enum attr_type id;
		struct str s;

		TRY(node_scalar(l, node_item(l, n, i), &s));
		id = type_find(s);
		if (id == ATTR_NONE)
			return READ_BAD(l, node_item(l, n, i), "there is no attribute type \"%.*s\"",
					STR_ARG(str_sub(s, 0, 60)));
		bits[id / 64] |= UINT64_C(1) << (id % 64);
	}
	return ERR_OK;
}

static enum err read_types(struct loader *l, const void *n, struct policy_cond *c)
{
	return policy_read_types(l, n, c->bits);
}

static enum err read_texts(struct loader *l, const void *n, struct policy_cond *c)
{
	struct str *v = read_room(l, NULL, 0, node_count(n), sizeof(*v));

	if (!v)
		return READ_TOO_MANY(l, n);
	c->texts = v;
	for (size_t i = 0; i < node_count(n); i++) {
		TRY(read_text(l, node_item(l, n, i), &v[i], 255));
		if (!v[i].n)
			return READ_BAD(l, node_item(l, n, i), "an empty text matches nothing");
		c->n++;
	}
	return ERR_OK;
}

static enum err read_uuids(struct loader *l, const void *n, struct policy_cond *c)
{
	struct uuid *v = read_room(l, NULL, 0, node_count(n), sizeof(*v));

	if (!v)
		return READ_TOO_MANY(l, n);
	c->uuids = v;
	for (size_t i = 0; i < node_count(n); i++)
		TRY(read_uuid(l, node_item(l, n, i), &v[c->n++]));
	return ERR_OK;
}

static enum err read_number(struct loader *l, const void *n, unsigned max, uint64_t *out)
{
	struct str s;

	TRY(node_scalar(l, n, &s));
	if (!str_u64(s, out) || *out > max)
		return READ_BAD(l, n, "a number from 0 to %u is wanted here", max);
	return ERR_OK;
}

static enum err read_numbers(struct loader *l, const void *n, struct policy_cond *c)
{
	for (size_t i = 0; i < node_count(n); i++) {
		uint64_t v;

		TRY(read_number(l, node_item(l, n, i), cond_rows[c->kind].max, &v));
		set_bit(c, (unsigned)v);
	}
	return ERR_OK;
}

static enum err read_regex(struct loader *l, const void *n, struct regex **out)
{
	struct policy_regex *r = ARENA_NEW(l->p->a, struct policy_regex);
	struct fail why = {0};
	struct str s;

	if (!r)
		return READ_BAD(l, n, "the policy is too large");
	TRY(node_scalar(l, n, &s));
	if (regex_new(s, false, &r->regex, &why) != ERR_OK)
		return READ_BAD(l, n, "%s", why.text);
	r->next = l->p->regexes;
	l->p->regexes = r;
	*out = r->regex;
	return ERR_OK;
}

/* The patterns stay as texts beside the expressions: they are the canonical form. */
static enum err read_regexes(struct loader *l, const void *n, struct policy_cond *c)
{
	struct regex **v = read_room(l, NULL, 0, node_count(n), sizeof(*v));
	struct str *texts = read_room(l, NULL, 0, node_count(n), sizeof(*texts));

	if (!v || !texts)
		return READ_TOO_MANY(l, n);
	c->regexes = v;
	c->texts = texts;
	for (size_t i = 0; i < node_count(n); i++) {
		TRY(read_regex(l, node_item(l, n, i), &v[i]));
		TRY(read_text(l, node_item(l, n, i), &texts[i], 4096));
		c->n++;
	}
	return ERR_OK;
}

static enum err read_value(struct loader *l, const void *n, struct policy_cond *c)
{
	uint64_t number;
	bool flag;

	switch ((enum cond_value)cond_rows[c->kind].value) {
	case VALUE_CATEGORIES:
		return read_categories(l, n, c);
	case VALUE_TYPES:
		return read_types(l, n, c);
	case VALUE_TEXTS:
		return read_texts(l, n, c);
	case VALUE_UUIDS:
		return read_uuids(l, n, c);
	case VALUE_NUMBERS:
		return read_numbers(l, n, c);
	case VALUE_NUMBER:
		TRY(read_number(l, n, cond_rows[c->kind].max, &number));
		c->number = (int64_t)number;
		return ERR_OK;
	case VALUE_FLAG:
		TRY(read_bool(l, n, &flag));
		c->number = flag;
		return ERR_OK;
	case VALUE_DURATION:
		return read_duration(l, n, &c->number);
	case VALUE_REGEX:
		return read_regexes(l, n, c);
	}
	return READ_BAD(l, n, "no such kind of value");
}

/* ---- conditions ---------------------------------------------------------------------------- */

/* node_map() reads into this; the conditions stand in the order of the file. */
struct reading {
	struct policy_cond *conds;
	uint32_t n;
};

static enum err read_cond(struct loader *l, const void *n, void *to)
{
	struct reading *r = to;
	struct policy_cond *c = &r->conds[r->n];
	struct place at = node_place(l, l->key_node);

	*c = (struct policy_cond){
		.kind = (uint8_t)l->key, .line = at.line, .column = at.column};
	TRY(read_value(l, n, c));
	if (node_is_list(n) && node_count(n) == 0)
		return READ_BAD(l, n, "an empty list says nothing");
	r->n++;
	return ERR_OK;
}

static int by_kind(const void *a, const void *b)
{
	return (int)((const struct policy_cond *)a)->kind - (int)((const struct policy_cond *)b)->kind;
}

enum err policy_read_when(struct loader *l, const void *node, struct policy_when *to)
{
	static const struct key keys[COND_KIND_COUNT] = {
#define COND(name, levels, value, max, text) {#name, read_cond, false},
#include "gate/conds.inc"
#undef COND
	};
	struct reading r = {0};

	r.conds = read_room(l, NULL, 0, node_count(node), sizeof(*r.conds));
	if (!r.conds)
		return READ_TOO_MANY(l, node);
	TRY(node_map(l, node, keys, ARRAY_LEN(keys), &r));
	qsort(r.conds, r.n, sizeof(*r.conds), by_kind);
	*to = (struct policy_when){r.conds, r.n};
	return ERR_OK;
}

enum err policy_check_when(const struct loader *l, const struct policy_when *w,
			   enum policy_level level)
{
	for (uint32_t i = 0; i < w->n; i++) {
		const struct policy_cond *c = &w->conds[i];
		struct place at = {l->file, c->line, c->column, 0};
		char levels[120] = "";
		size_t n = 0;

		if (cond_rows[c->kind].levels >> level & 1)
			continue;
		for (unsigned k = 0; k < LEVEL_COUNT; k++)
			if (cond_rows[c->kind].levels >> k & 1)
				n += (size_t)snprintf(levels + n, sizeof(levels) - n, "%s%s",
						      n ? ", " : "", policy_level_names[k]);
		return at_place(l, &at, "%s is for level %s", cond_rows[c->kind].name, levels);
	}
	return ERR_OK;
}
