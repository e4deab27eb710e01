/*
 * policy_profile.c - own strip profiles in the policy file (gate.md section 7): for each field of
 * each entity keep, drop, replace, generalise or pseudonymise.
 *
 * Without a base nothing leaves that is not named. Nothing ever leaves that profile full does not
 * let leave, and an entity that lacks what makes it one does not leave at all.
 */
#include <stdio.h>

#include "gate/policy_read.h"
#include "gate/profile.h"

#define PROFILES_MAX 32u

/* Names of the entities in the file; the parts of some go with them. */
static const struct {
	const char *name;
	uint8_t entity;
	bool rewritable;
	uint8_t parts[2];
	uint8_t n_parts;
} entities[] = {
	{"event", CUT_EVENT, true, {0}, 0},
	{"attribute", CUT_ATTR, true, {0}, 0},
	{"object", CUT_OBJECT, true, {0}, 0},
	{"reference", CUT_REF, true, {0}, 0},
	{"report", CUT_REPORT, true, {0}, 0},
	{"proposal", CUT_PROPOSAL, true, {0}, 0},
	{"sighting", CUT_SIGHTING, true, {0}, 0},
	{"tag", CUT_TAGREF, false, {0}, 0},
	{"organisation", CUT_ORG, false, {0}, 0},
	{"sharing_group", CUT_SG, false, {CUT_SGORG, CUT_SGSERVER}, 2},
	{"galaxy", CUT_GALAXY, false, {0}, 0},
	{"cluster", CUT_CLUSTER, false, {CUT_CLUSTERMETA, CUT_CLUSTERREL}, 2},
	{"analyst_data", CUT_ANALYST, false, {0}, 0},
};


/* ---- fields -------------------------------------------------------------------------------- */

static void drop(struct profile *p, enum cut_entity e, unsigned field)
{
	p->acts[e][field] = CUT_D;
	p->how[e][field] = HOW_NOT;
}

/* As profile full has it; false where that drops it. What full rewrites is its own business. */
static bool keep(struct profile *p, enum cut_entity e, unsigned field)
{
	uint8_t act = profile_shipped(PROFILE_FULL)->acts[e][field];

	drop(p, e, field);
	if (act == CUT_D || act == CUT_X || act == CUT_UNNAMED)
		return false;
	p->acts[e][field] = act;
	return true;
}

static void all_fields(struct profile *p, enum cut_entity e, bool kept)
{
	for (unsigned i = 0; i < cut_table(e)->n; i++)
		if (kept)
			keep(p, e, i);
		else
			drop(p, e, i);
}

static void whole_entity(struct profile *p, size_t row, bool kept)
{
	all_fields(p, (enum cut_entity)entities[row].entity, kept);
	for (unsigned i = 0; i < entities[row].n_parts; i++)
		all_fields(p, (enum cut_entity)entities[row].parts[i], kept);
}

/* What node_map() and node_each_pair() carry about. */
struct reading {
	struct profile *p;
	size_t row; /* of `entities` */
	unsigned field;
};

static struct reading *at(const struct loader *l)
{
	return l->reading;
}

static enum err replace(struct loader *l, struct str word, const void *key, const void *value)
{
	struct reading *r = at(l);
	enum cut_entity e = (enum cut_entity)entities[r->row].entity;
	const struct field *f = &cut_table(e)->desc->fields[r->field];
	struct profile_value *v = read_room(l, r->p->values, r->p->n_values, 1, sizeof(*v));
	struct profile_value *one = v ? &v[r->p->n_values] : NULL;
	struct str s;

	if (!str_is(word, "replace"))
		return READ_BAD(l, key, "here stands keep, drop, generalise, pseudonymise or "
					"{replace: ...}");
	if (!one)
		return READ_TOO_MANY(l, value);
	*one = (struct profile_value){.entity = (uint8_t)e, .field = (uint8_t)r->field};
	if (f->kind == F_STR) {
		TRY(read_text(l, value, &one->text, 1000));
	} else if (f->kind == F_U8 || f->kind == F_BOOL) {
		TRY(node_scalar(l, value, &s));
		if (!str_u64(s, &one->number) || one->number > (f->kind == F_BOOL ? 1 : 255))
			return READ_BAD(l, value, "a small number is wanted here");
	} else {
		return READ_BAD(l, key, "\"%s\" cannot be replaced", f->key);
	}
	r->p->values = v;
	r->p->n_values++;
	r->p->acts[e][r->field] = CUT_X;
	r->p->how[e][r->field] = f->kind == F_STR ? HOW_TEXT : HOW_NUMBER;
	return ERR_OK;
}

/* Members that say what a thing is: a value that is made up says something that is not so. */
static bool is_fact(enum cut_entity e, const struct field *f)
{
	return f->kind == F_UUID || f->kind == F_TYPE || strcmp(f->key, "value") == 0 ||
	       (e == CUT_OBJECT && strcmp(f->key, "name") == 0) ||
	       strcmp(f->key, "timestamp") == 0 || strcmp(f->key, "distribution") == 0;
}

static enum err field_act(struct loader *l, const void *value, unsigned i)
{
	struct reading *r = at(l);
	enum cut_entity e = (enum cut_entity)entities[r->row].entity;
	const struct field *f = &cut_table(e)->desc->fields[i];
	struct str word;

	r->field = i;
	drop(r->p, e, i);
	if (!node_is_map(value)) {
		TRY(node_scalar(l, value, &word));
		if (str_is(word, "drop"))
			return ERR_OK;
		if (str_is(word, "keep"))
			return keep(r->p, e, i) ? ERR_OK :
						  READ_BAD(l, value, "\"%s\" never leaves", f->key);
	}
	if (!entities[r->row].rewritable)
		return READ_BAD(l, value, "keep or drop is wanted here");
	if (profile_shipped(PROFILE_FULL)->acts[e][i] == CUT_D)
		return READ_BAD(l, value, "\"%s\" never leaves", f->key);
	if (is_fact(e, f) && !(f->kind == F_UUID && !node_is_map(value)))
		if (node_is_map(value) || profile_general(e, i) == HOW_NOT ||
		    str_is(word, "pseudonymise"))
			return READ_BAD(l, value, "\"%s\" is kept or dropped, not made up", f->key);
	if (node_is_map(value))
		return node_each_pair(l, value, replace);
	r->p->acts[e][i] = CUT_X;
	if (str_is(word, "generalise")) {
		r->p->how[e][i] = (uint8_t)profile_general(e, i);
		return r->p->how[e][i] != HOW_NOT ?
			       ERR_OK :
			       READ_BAD(l, value, "\"%s\" cannot be generalised", f->key);
	}
	if (str_is(word, "pseudonymise") && (f->kind == F_STR || f->kind == F_UUID)) {
		r->p->how[e][i] = f->kind == F_UUID ? HOW_DERIVE : HOW_PSEUDONYM;
		if (f->kind == F_STR)
			l->pending->pseudonyms = node_place(l, value);
		return ERR_OK;
	}
	return READ_BAD(l, value,
			"here stands keep, drop, generalise, pseudonymise or {replace: ...}");
}

static enum err read_field(struct loader *l, struct str name, const void *key, const void *value)
{
	const struct cut_table *t = cut_table((enum cut_entity)entities[at(l)->row].entity);

	for (unsigned i = 0; i < t->n; i++)
		if (t->desc->fields[i].key && str_is(name, t->desc->fields[i].key))
			return field_act(l, value, i);
	return READ_BAD(l, key, "%s has no field \"%.*s\"", entities[at(l)->row].name,
			STR_ARG(str_sub(name, 0, 40)));
}

/* "keep", "drop", or field by field. */
static enum err read_entity(struct loader *l, struct str name, const void *key, const void *value)
{
	struct reading *r = at(l);
	const char *lacks;
	struct str word;

	for (r->row = 0; r->row < ARRAY_LEN(entities); r->row++)
		if (str_is(name, entities[r->row].name))
			break;
	if (r->row == ARRAY_LEN(entities))
		return READ_BAD(l, key, "there is no entity \"%.*s\" (event, attribute, object, "
					"reference, report, proposal, sighting, tag, organisation, "
					"sharing_group, galaxy, cluster, analyst_data)",
				STR_ARG(str_sub(name, 0, 40)));
	if (!node_is_map(value)) {
		TRY(node_scalar(l, value, &word));
		if (!str_is(word, "keep") && !str_is(word, "drop"))
			return READ_BAD(l, value, "keep, drop or a mapping of fields is wanted here");
		whole_entity(r->p, r->row, str_is(word, "keep"));
		return ERR_OK;
	}
	for (unsigned i = 0; i < entities[r->row].n_parts; i++)
		if (r->p->acts[entities[r->row].parts[i]][0] == CUT_D)
			all_fields(r->p, (enum cut_entity)entities[r->row].parts[i], true);
	TRY(node_each_pair(l, value, read_field));
	lacks = profile_lacks(r->p, (enum cut_entity)entities[r->row].entity);
	return !lacks ? ERR_OK :
			READ_BAD(l, key, "%s is nothing without \"%s\": keep that, or drop all of it",
				 entities[r->row].name, lacks);
}

static enum err p_fields(struct loader *l, const void *n, void *to)
{
	(void)to;
	return node_each_pair(l, n, read_entity);
}

/* ---- types, categories, names -------------------------------------------------------------- */

static enum err put_types(struct loader *l, const void *n, struct profile *p, bool kept)
{
	for (size_t i = 0; i < node_count(n); i++) {
		enum attr_type one;
		struct str s;

		TRY(node_scalar(l, node_item(l, n, i), &s));
		one = type_find(s);
		if (one == ATTR_NONE && !str_is(s, "*"))
			return READ_BAD(l, node_item(l, n, i), "there is no attribute type \"%.*s\"",
					STR_ARG(str_sub(s, 0, 60)));
		for (unsigned t = 1; t < ATTR_TYPE_LIMIT; t++) {
			uint64_t bit = UINT64_C(1) << (t % 64);

			if (one != ATTR_NONE && t != (unsigned)one)
				continue;
			p->types[t / 64] = kept ? p->types[t / 64] | bit : p->types[t / 64] & ~bit;
			p->types_in_object[t / 64] = kept ? p->types_in_object[t / 64] | bit :
							    p->types_in_object[t / 64] & ~bit;
		}
	}
	return ERR_OK;
}

static enum err put_categories(struct loader *l, const void *n, struct profile *p, bool kept)
{
	for (size_t i = 0; i < node_count(n); i++) {
		enum attr_category one;
		uint32_t bits;
		struct str s;

		TRY(node_scalar(l, node_item(l, n, i), &s));
		one = category_find(s);
		if (one == CAT_NONE && !str_is(s, "*"))
			return READ_BAD(l, node_item(l, n, i), "there is no category \"%.*s\"",
					STR_ARG(str_sub(s, 0, 60)));
		bits = one == CAT_NONE ? UINT32_MAX : UINT32_C(1) << one;
		p->categories = kept ? p->categories | bits : p->categories & ~bits;
	}
	return ERR_OK;
}

static enum err put_names(struct loader *l, const void *n, struct name_rules *to, bool kept)
{
	struct name_rule *v = read_room(l, to->v, to->n, node_count(n), sizeof(*v));

	if (!v)
		return READ_TOO_MANY(l, n);
	for (size_t i = 0; i < node_count(n); i++) {
		v[to->n + i].keep = kept;
		TRY(read_text(l, node_item(l, n, i), &v[to->n + i].pattern, 255));
		if (!v[to->n + i].pattern.n)
			return READ_BAD(l, node_item(l, n, i), "an empty text matches nothing");
	}
	to->v = v;
	to->n += (uint32_t)node_count(n);
	return ERR_OK;
}

static enum err put_objects(struct loader *l, const void *n, struct profile *p, bool kept)
{
	return put_names(l, n, &p->objects, kept);
}

static enum err put_tags(struct loader *l, const void *n, struct profile *p, bool kept)
{
	return put_names(l, n, &p->tags, kept);
}

static enum err not_now(struct loader *l, const void *n, void *to)
{
	(void)l, (void)n, (void)to;
	return ERR_OK;
}

/* What is dropped goes over what is kept, in whichever order they stand. */
#define LIST_KEYS(what)                                                                            \
	static enum err what##_keep(struct loader *l, const void *n, void *to)                     \
	{                                                                                          \
		return put_##what(l, n, to, true);                                                 \
	}                                                                                          \
	static enum err what##_drop(struct loader *l, const void *n, void *to)                     \
	{                                                                                          \
		return put_##what(l, n, to, false);                                                \
	}                                                                                          \
	static enum err p_##what(struct loader *l, const void *n, void *to)                        \
	{                                                                                          \
		static const struct key keeps[] = {{"keep", what##_keep, false},                   \
						   {"drop", not_now, false}};                      \
		static const struct key drops[] = {{"keep", not_now, false},                       \
						   {"drop", what##_drop, false}};                  \
		TRY(node_map(l, n, keeps, ARRAY_LEN(keeps), to));                                  \
		return node_map(l, n, drops, ARRAY_LEN(drops), to);                                \
	}
LIST_KEYS(types)
LIST_KEYS(categories)
LIST_KEYS(objects)
LIST_KEYS(tags)

/* ---- the rest ------------------------------------------------------------------------------ */

static enum err one_of(struct loader *l, const void *n, const char *const *words, size_t n_words,
		       uint8_t *out)
{
	char all[100] = "";
	size_t used = 0;
	struct str s;

	TRY(node_scalar(l, n, &s));
	for (size_t i = 0; i < n_words; i++) {
		if (str_is(s, words[i])) {
			*out = (uint8_t)i;
			return ERR_OK;
		}
		if (used < sizeof(all))
			used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s",
						 i ? ", " : "", words[i]);
	}
	return READ_BAD(l, n, "one of %s is wanted here", all);
}

static enum err p_base(struct loader *l, const void *n, void *to)
{
	(void)n;
	(void)to;
	(void)l;
	return ERR_OK; /* read first, by read_base() */
}

static enum err p_uuid(struct loader *l, const void *n, void *to)
{
	static const char *const words[] = {"same", "derived"};
	uint8_t v;

	TRY(one_of(l, n, words, ARRAY_LEN(words), &v));
	if (v == 1)
		((struct profile *)to)->rewrites = true;
	else
		l->pending->same_uuid = node_place(l, n);
	return ERR_OK;
}

static enum err p_to_ids(struct loader *l, const void *n, void *to)
{
	return read_bool(l, n, &((struct profile *)to)->to_ids_only);
}

static enum err p_custom(struct loader *l, const void *n, void *to)
{
	return read_bool(l, n, &((struct profile *)to)->custom_clusters);
}

static enum err p_internal(struct loader *l, const void *n, void *to)
{
	static const char *const words[] = {"keep", "drop"};
	uint8_t v;

	TRY(one_of(l, n, words, ARRAY_LEN(words), &v));
	((struct profile *)to)->hide_internal = v == 1;
	return ERR_OK;
}

static enum err p_attachments(struct loader *l, const void *n, void *to)
{
	static const char *const words[] = {"none", "samples", "all"};

	return one_of(l, n, words, ARRAY_LEN(words), &((struct profile *)to)->data);
}

static enum err p_creator(struct loader *l, const void *n, void *to)
{
	static const char *const words[] = {"node", "policy", "keep"};

	return one_of(l, n, words, ARRAY_LEN(words), &((struct profile *)to)->creator);
}

static const struct key profile_keys[] = {
	{"base", p_base, false},
	{"uuid", p_uuid, false},
	{"fields", p_fields, false},
	{"types", p_types, false},
	{"categories", p_categories, false},
	{"objects", p_objects, false},
	{"tags", p_tags, false},
	{"to_ids_only", p_to_ids, false},
	{"internal", p_internal, false},
	{"attachments", p_attachments, false},
	{"creator", p_creator, false},
	{"custom_clusters", p_custom, false},
};

/* ---- profiles ------------------------------------------------------------------------------ */

static const struct profile *find(const struct policy *p, struct str name, uint8_t *number)
{
	for (unsigned i = 0; i < PROFILE_COUNT + p->n_profiles; i++)
		if (str_eq(profile_of(p, (uint8_t)i)->name, name)) {
			*number = (uint8_t)i;
			return profile_of(p, (uint8_t)i);
		}
	return NULL;
}

enum err policy_read_profile_name(struct loader *l, const void *n, uint8_t *out)
{
	struct str s;

	TRY(node_scalar(l, n, &s));
	if (find(l->p, s, out))
		return ERR_OK;
	return READ_BAD(l, n, "profile is one of full, partner, technical, indicators%s",
			l->p->n_profiles ? ", or one of `profiles`" : "");
}

/* Nothing but what tells one thing from another here, and names this node as the creator. */
static void nothing_kept(struct profile *p)
{
	const struct profile *least = profile_shipped(PROFILE_INDICATORS);

	*p = (struct profile){.creator = CREATOR_NODE, .hide_internal = true};
	for (unsigned e = 0; e < CUT_ENTITY_COUNT; e++)
		for (unsigned i = 0; i < cut_table((enum cut_entity)e)->n; i++)
			p->acts[e][i] = least->acts[e][i] == CUT_I || e == CUT_ORG ?
						least->acts[e][i] :
						(uint8_t)CUT_D;
}

static enum err base_of(struct loader *l, struct str name, const void *key, const void *value)
{
	struct profile *p = at(l)->p;
	const struct profile *base;
	struct str s;
	uint8_t number;

	(void)key;
	if (!str_is(name, "base"))
		return ERR_OK;
	TRY(node_scalar(l, value, &s));
	base = find(l->p, s, &number);
	if (!base)
		return READ_BAD(l, value, "there is no profile \"%.*s\" so far", STR_ARG(str_sub(s, 0, 40)));
	*p = *base;
	p->all = false;
	if (base->all) { /* what is asked of nobody under full is now said */
		memset(p->types, 0xff, sizeof(p->types));
		memset(p->types_in_object, 0xff, sizeof(p->types_in_object));
		p->categories = UINT32_MAX;
	}
	all_fields(p, CUT_CRYPTOKEY, false); /* what is cut is not protected */
	return ERR_OK;
}

/* A copy that says something else than the original has UUIDs of its own, everywhere. */
static void derive(struct profile *p)
{
	for (size_t row = 0; row < ARRAY_LEN(entities); row++) {
		enum cut_entity e = (enum cut_entity)entities[row].entity;

		for (unsigned i = 0; entities[row].rewritable && i < cut_table(e)->n; i++) {
			const struct field *f = &cut_table(e)->desc->fields[i];

			if (f->kind != F_UUID || p->acts[e][i] == CUT_D)
				continue;
			drop(p, e, i);
			if (f->key && strcmp(f->key, "org_uuid") == 0) /* whoever proposed */
				continue;
			p->acts[e][i] = CUT_X;
			p->how[e][i] = HOW_DERIVE;
		}
	}
	/* these name what they are about by the UUID that it has here */
	all_fields(p, CUT_ANALYST, false);
}

static bool changes_fields(const struct profile *p)
{
	for (unsigned e = 0; e < CUT_ENTITY_COUNT; e++)
		for (unsigned i = 0; i < cut_table((enum cut_entity)e)->n; i++)
			if (p->acts[e][i] == CUT_X && p->how[e][i] != HOW_NOT)
				return true;
	return p->creator != CREATOR_SHOWN;
}

static enum err finish(struct loader *l, struct profile *p, const void *key)
{
	const char *lacks = profile_lacks(p, CUT_EVENT);

	if (lacks)
		return READ_BAD(l, key, "an event is nothing without \"%s\": keep it in fields, or "
					"take a base",
				lacks);
	p->rewrites |= changes_fields(p);
	if (p->rewrites && l->pending->same_uuid.line)
		return at_place(l, &l->pending->same_uuid,
				"the profile changes what it lets through: its UUIDs are derived");
	if (p->rewrites)
		derive(p);
	profile_finish(p);
	return ERR_OK;
}

static enum err read_profile(struct loader *l, struct str name, const void *key, const void *value)
{
	struct profile *p = ARENA_NEW(l->p->a, struct profile);
	struct reading r = {p, 0, 0};
	uint8_t number;

	if (!p || l->p->n_profiles >= PROFILES_MAX)
		return READ_BAD(l, key, "more than %u profiles", PROFILES_MAX);
	if (!name.n || name.n > 63)
		return READ_BAD(l, key, "a name has 1 to 63 characters");
	if (find(l->p, name, &number))
		return READ_BAD(l, key, "profile \"%.*s\" is there already", STR_ARG(name));
	l->reading = &r;
	l->pending->same_uuid = (struct place){0};
	nothing_kept(p);
	TRY(node_each_pair(l, value, base_of));
	p->name = arena_str(l->p->a, name);
	TRY(node_map(l, value, profile_keys, ARRAY_LEN(profile_keys), p));
	TRY(finish(l, p, key));
	l->p->profiles[l->p->n_profiles++] = p;
	return ERR_OK;
}

enum err policy_read_profiles(struct loader *l, const void *n, void *to)
{
	struct policy *p = to;
	const struct profile **v =
		read_room(l, p->profiles, p->n_profiles, node_count(n), sizeof(*v));

	if (!v)
		return READ_TOO_MANY(l, n);
	p->profiles = v;
	return node_each_pair(l, n, read_profile);
}

enum err policy_check_profiles(const struct loader *l)
{
	if (l->pending->pseudonyms.line && !l->p->pseudonym_key.n)
		return at_place(l, &l->pending->pseudonyms,
				"pseudonyms need the key pseudonym_key, 16 characters or more");
	return ERR_OK;
}
