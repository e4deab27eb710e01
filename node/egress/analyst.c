/*
 * analyst.c - notes, opinions and relationships made ready for the gate: found by what they are
 * about, with their organisations and groups, and with what has been said about them in turn.
 */
#include "egress/view.h"
#include "model/pack.h"

/* Of one element or event: so deep, so many, so much text; the rest comes alone only. */
#define DEPTH_MAX 5
#define NUMBER_MAX 1000
#define TEXT_MAX (32u << 20)

struct budget {
	uint32_t number;
	size_t bytes;
};

static struct str uuid_key(const struct uuid *u)
{
	return (struct str){(const char *)u->b, sizeof(u->b)};
}

static const struct misp_org *org_of(struct view *v, struct uuid u)
{
	uint64_t id;

	if (store_find(v->txn, IX_ORG_UUID, uuid_key(&u), &id) != ERR_OK)
		return NULL;
	return view_org(v, id);
}

/* The event that a relationship leads to, as the audience may see it. */
static enum err related_event(struct view *v, const struct misp_analyst *row, struct arena *a,
			      const struct rel_event **out)
{
	struct subject *s;
	struct verdict verdict;
	uint64_t id;

	*out = NULL;
	if (row->kind != ANALYST_RELATIONSHIP || uuid_is_nil(row->related_object_uuid))
		return ERR_OK;
	enum err e = store_find(v->txn, IX_EVENT_UUID, uuid_key(&row->related_object_uuid), &id);
	if (e != ERR_OK)
		return e == ERR_NOENT ? ERR_OK : e;
	s = ARENA_NEW(a, struct subject);
	if (!s)
		return ERR_LIMIT;
	TRY(view_subject(v, id, a, s));
	struct released *r = gate_release(&v->gate, &s->s, a, &verdict);
	*out = r ? released_event(r) : NULL;
	return ERR_OK;
}

enum err view_analyst_fill(struct view *v, const struct misp_analyst *row, struct arena *a,
			   struct rel_analyst *out)
{
	*out = (struct rel_analyst){
		.a = row,
		.org = org_of(v, row->org_uuid),
		.orgc = org_of(v, row->orgc_uuid),
		.sharing_group =
			row->distribution == DIST_GROUP ? view_sg(v, row->sharing_group_id) : NULL,
	};
	return related_event(v, row, a, &out->related);
}

static enum err collect(struct view *v, struct uuid about, unsigned depth, struct budget *left,
			struct arena *a, const struct rel_analyst **out, uint32_t *n)
{
	struct rel_analyst *list = NULL;
	uint32_t cap = 0;
	uint64_t id = 0;
	enum err e = ERR_OK;

	*out = NULL;
	*n = 0;
	while (left->number && left->bytes &&
	       (e = store_find_next(v->txn, IX_ANALYST_OBJECT, uuid_key(&about), &id)) == ERR_OK) {
		struct misp_analyst *row = ARENA_NEW(a, struct misp_analyst);

		if (*n == cap) {
			cap = cap ? cap * 2 : 4;
			struct rel_analyst *wider = ARENA_ARRAY(a, struct rel_analyst, cap);
			if (wider && *n)
				memcpy(wider, list, *n * sizeof(*list));
			list = wider;
		}
		if (!row || !list)
			return ERR_LIMIT;
		TRY(store_get(v->txn, T_ANALYST, id, NULL, row));
		TRY(view_analyst_fill(v, row, a, &list[*n]));
		left->number--;
		left->bytes -= MIN(left->bytes, row->note.n + row->comment.n + row->authors.n);
		++*n;
	}
	if (e != ERR_OK && e != ERR_NOENT)
		return e;
	for (uint32_t i = 0; depth > 1 && i < *n; i++)
		TRY(collect(v, list[i].a->uuid, depth - 1, left, a, &list[i].children,
			    &list[i].n_children));
	*out = list;
	return ERR_OK;
}

enum err view_analyst_of(struct view *v, struct uuid about, struct arena *a,
			 const struct rel_analyst **out, uint32_t *n)
{
	struct budget left = {NUMBER_MAX, TEXT_MAX};

	*out = NULL;
	*n = 0;
	if (uuid_is_nil(about) || !store_count(v->txn, T_ANALYST))
		return ERR_OK;
	return collect(v, about, DEPTH_MAX, &left, a, out, n);
}

/* ---- what it is about ---- */

/* An element of an event; the parts in `a`. */
static enum err about_element(struct view *v, const struct index_uuid *at, uint64_t body,
			      struct arena *a, struct analyst_about *out)
{
	struct misp_object *object = ARENA_NEW(a, struct misp_object);
	struct misp_attr *attr = ARENA_NEW(a, struct misp_attr);
	struct misp_report *report = ARENA_NEW(a, struct misp_report);
	uint64_t object_id = 0;

	if (!object || !attr || !report)
		return ERR_LIMIT;
	if (at->kind == CHANGE_EL(EL_ATTR)) {
		object_id = at->parent;
		TRY(store_el_get(v->txn, EL_ATTR, (struct el_key){body, at->parent, at->id}, a,
				 attr));
		TRY(view_resolve_tags(v, a, &attr->tags));
		out->attr = attr;
	} else if (at->kind == CHANGE_EL(EL_OBJECT)) {
		object_id = at->id;
	} else if (at->kind == CHANGE_EL(EL_REPORT)) {
		TRY(store_el_get(v->txn, EL_REPORT, (struct el_key){body, 0, at->id}, a, report));
		out->report = report;
	}
	if (!object_id)
		return ERR_OK;
	out->object = object;
	return store_el_get(v->txn, EL_OBJECT, (struct el_key){body, 0, object_id}, a, object);
}

static enum err about_event(struct view *v, uint64_t id, struct arena *a, struct subject **s,
			    struct analyst_about *out)
{
	*s = ARENA_NEW(a, struct subject);
	if (!*s)
		return ERR_LIMIT;
	TRY(view_subject(v, id, a, *s));
	out->event = &(*s)->s;
	return ERR_OK;
}

/* What is no event and stands in none: a cluster or a group, which hide what is said of them. */
static enum err about_other(struct view *v, struct uuid u, bool locked, struct arena *a,
			    struct analyst_about *out)
{
	struct str grave;
	uint64_t id;
	enum err e = store_find(v->txn, IX_CLUSTER_UUID, uuid_key(&u), &id);

	if (e == ERR_OK) {
		struct misp_cluster *c = ARENA_NEW(a, struct misp_cluster);
		if (!c)
			return ERR_LIMIT;
		TRY(store_get(v->txn, T_CLUSTER, id, a, c));
		out->cluster = c;
		out->cluster_orgc = view_org(v, c->orgc_id);
		if (c->distribution == DIST_GROUP)
			out->cluster_group = view_sg(v, c->sharing_group_id);
		return ERR_OK;
	}
	if (e == ERR_NOENT)
		e = store_find(v->txn, IX_SG_UUID, uuid_key(&u), &out->sharing_group_id);
	if (e != ERR_NOENT)
		return e;
	e = store_book_get(v->txn, BOOK_TOMBSTONES, uuid_key(&u), &grave);
	out->lost = !locked || e != ERR_NOENT;
	return e == ERR_NOENT ? ERR_OK : e;
}

enum err view_analyst_about(struct view *v, const struct misp_analyst *row, struct arena *a,
			    struct analyst_about *out)
{
	const struct misp_analyst **chain =
		ARENA_ARRAY(a, const struct misp_analyst *, ANALYST_CHAIN);
	struct uuid u = row->object_uuid;
	struct index_uuid at;
	struct subject *s;
	uint64_t id;
	enum err e;

	*out = (struct analyst_about){.chain = chain};
	if (!chain)
		return ERR_LIMIT;
	for (;;) {
		e = store_find(v->txn, IX_EVENT_UUID, uuid_key(&u), &id);
		if (e == ERR_OK)
			return about_event(v, id, a, &s, out);
		if (e == ERR_NOENT)
			e = index_uuid_find(v->env->index, u, &at);
		if (e == ERR_OK) {
			TRY(about_event(v, at.event_id, a, &s, out));
			return about_element(v, &at, s->event.body, a, out);
		}
		if (e == ERR_NOENT)
			e = store_find(v->txn, IX_ANALYST_UUID, uuid_key(&u), &id);
		if (e == ERR_NOENT)
			return about_other(v, u, row->locked, a, out);
		TRY(e);
		struct misp_analyst *parent = ARENA_NEW(a, struct misp_analyst);
		if (!parent)
			return ERR_LIMIT;
		TRY(store_get(v->txn, T_ANALYST, id, NULL, parent));
		if (out->n_chain == ANALYST_CHAIN) {
			out->endless = true;
			return ERR_OK;
		}
		chain[out->n_chain++] = parent;
		u = parent->object_uuid;
	}
}

enum err view_analyst(struct view *v, enum analyst_kind kind, struct str id_or_uuid,
		      struct arena *a, struct misp_analyst *n, struct fail *f)
{
	static const char *const unknown[] = {"Invalid Note.", "Invalid Opinion.",
					      "Invalid Relationship.", "Invalid UUID."};
	struct analyst_about about;
	struct misp_analyst row;
	struct uuid u;
	uint64_t id;
	enum err e = ERR_NOENT;

	if (uuid_parse(id_or_uuid, &u))
		e = store_find(v->txn, IX_ANALYST_UUID, uuid_key(&u), &id);
	else if (str_u64(id_or_uuid, &id) && kind != ANALYST_KINDS)
		e = ERR_OK;
	if (e == ERR_OK)
		e = store_get(v->txn, T_ANALYST, id, NULL, &row);
	if (e == ERR_OK && kind != ANALYST_KINDS && row.kind != kind)
		e = ERR_NOENT;
	if (e == ERR_OK)
		e = view_analyst_about(v, &row, a, &about);
	if (e == ERR_OK && !gate_judge_analyst(&v->gate, &about, &row))
		e = ERR_NOENT;
	if (e == ERR_OK)
		e = entity_copy(a, &desc_misp_analyst, &row, n);
	return e == ERR_OK ? e : fail(f, e, "%s", unknown[MIN(kind, ANALYST_KINDS)]);
}
