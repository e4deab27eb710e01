/* naive.c - queries answered by reading the whole store for each; see naive.h. */
#include "naive.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/own.h"
#include "model/fold.h"
#include "model/types.h"
#include "tests/tap/tap.h"

struct naive {
	const struct store_rtxn *t;
	const struct query *q;
	const struct search_visible *vis;
	struct arena *a;
	struct misp_event e;
	struct misp_attr *attrs; /* of the event */
	struct misp_object *objects;
	size_t n_attrs, n_objects;
};

/* ---- texts ---------------------------------------------------------------------------------- */

static struct str fold(struct naive *n, struct str s)
{
	char *room = arena_alloc(n->a, 2 * s.n + 1);

	return s.n ? value_fold_into(s, room) : STR("");
}

static bool like(struct str s, struct str p)
{
	if (!p.n)
		return !s.n;
	if (p.p[0] == '%') {
		for (size_t i = 0; i <= s.n; i++)
			if (like(str_sub(s, i, s.n), str_sub(p, 1, p.n)))
				return true;
		return false;
	}
	if (!s.n)
		return false;
	if (p.p[0] == '_') {
		size_t n = str_utf8_len(s);

		return like(str_sub(s, n ? n : 1, s.n), str_sub(p, 1, p.n));
	}
	return p.p[0] == s.p[0] && like(str_sub(s, 1, s.n), str_sub(p, 1, p.n));
}

static bool is_like(struct str p)
{
	return p.n && (p.p[0] == '%' || p.p[p.n - 1] == '%');
}

enum how { EXACT, FOLDED, PART };

static bool one(struct naive *n, struct str s, struct str want, enum how how)
{
	if (!s.p)
		return false;
	if (how != EXACT) {
		s = fold(n, s);
		want = fold(n, want);
	}
	if (how == PART)
		return str_find(s, want) >= 0;
	return is_like(want) ? like(s, want) : str_eq(s, want);
}

/* In either of two columns. */
static bool text(struct naive *n, const struct query_filter *q, struct str a, struct str b,
		 enum how how)
{
	bool any = !q->any.n, plain = false, plain_hit = false;

	for (uint32_t i = 0; i < q->any.n; i++)
		any |= one(n, a, q->any.v[i], how) || one(n, b, q->any.v[i], how);
	for (uint32_t i = 0; i < q->all.n; i++) {
		bool hit = one(n, a, q->all.v[i], how) || one(n, b, q->all.v[i], how);

		if (is_like(q->all.v[i])) {
			any &= hit;
		} else {
			plain = true;
			plain_hit |= hit;
		}
	}
	for (uint32_t i = 0; i < q->none.n; i++)
		any &= !one(n, a, q->none.v[i], how) && !one(n, b, q->none.v[i], how);
	return any && (!plain || plain_hit);
}

/* ---- ids ------------------------------------------------------------------------------------ */

static bool is_id(const struct query_terms *t, uint64_t id, struct uuid uuid, struct str name,
		  bool any_case)
{
	struct uuid u;
	uint64_t x;

	for (uint32_t i = 0; i < t->n; i++)
		if ((str_u64(t->v[i], &x) && x == id) ||
		    (uuid_parse(t->v[i], &u) && uuid_eq(u, uuid)) ||
		    (name.n && (any_case ? str_eq_nocase(t->v[i], name) : str_eq(t->v[i], name))))
			return true;
	return false;
}

static bool id_ok(const struct query_filter *q, uint64_t id, struct uuid uuid, struct str name,
		  bool any_case)
{
	const struct query_terms *pos = q->any.n ? &q->any : &q->all;

	return (!pos->n || is_id(pos, id, uuid, name, any_case)) &&
	       !is_id(&q->none, id, uuid, name, any_case);
}

static bool flag(bool value, query_flag want)
{
	return !want || want >> value & 1;
}

static bool in(const struct query_range *r, int64_t t)
{
	return !r->set || (!r->never && t >= r->from && t <= r->to);
}

/* ---- tags ----------------------------------------------------------------------------------- */

static bool tag_is(struct naive *n, uint64_t id, struct str name)
{
	bool exact = n->q->scope == SCOPE_EVENT_INDEX;
	struct misp_tag t;
	uint64_t x;

	if (store_get(n->t, T_TAG, id, NULL, &t) != ERR_OK)
		return false;
	if (exact ? str_eq(t.name, name) : like(t.name, name))
		return true;
	return str_u64(name, &x) && x == id;
}

static bool tagged(struct naive *n, const struct entity_list *tags, struct str name)
{
	LIST_EACH(t, *tags, struct misp_tagref)
		if (tag_is(n, t->tag_id, name))
			return true;
	return false;
}

static bool tagged_any(struct naive *n, const struct entity_list *tags,
		       const struct query_terms *names)
{
	for (uint32_t i = 0; i < names->n; i++)
		if (tagged(n, tags, names->v[i]))
			return true;
	return false;
}

static bool event_tags_ok(struct naive *n, const struct query_filter *q)
{
	if (q->any.n && !tagged_any(n, &n->e.tags, &q->any))
		return false;
	for (uint32_t i = 0; i < q->all.n; i++)
		if (!tagged(n, &n->e.tags, q->all.v[i]))
			return false;
	return !tagged_any(n, &n->e.tags, &q->none);
}

/* ---- events --------------------------------------------------------------------------------- */

static uint32_t day(int64_t t)
{
	struct clock_civil c = clock_to_civil(t);

	return (uint32_t)(c.year * 10000 + c.month * 100 + c.day);
}

static bool event_ok(struct naive *n)
{
	const struct query *q = n->q;
	const struct misp_event *e = &n->e;
	bool index = q->scope == SCOPE_EVENT_INDEX;
	struct misp_org o = {0};

	if (n->vis && !n->vis->event(n->vis->user, e))
		return false;
	if (q->scope == SCOPE_EVENTS && q->searchall.n)
		return true;
	(void)!store_get(n->t, T_ORG, e->orgc_id, NULL, &o);
	if (!id_ok(&q->eventid, e->id, e->uuid, STR_NONE, false))
		return false;
	if (q->scope != SCOPE_SIGHTINGS && !id_ok(&q->org, e->orgc_id, o.uuid, o.name, index))
		return false;
	if (q->org_nationality.set && !text(n, &q->org_nationality, o.nationality, STR_NONE, EXACT))
		return false;
	if (!id_ok(&q->threat_level_id, e->threat_level_id, UUID_NIL, STR_NONE, false) ||
	    !id_ok(&q->analysis, e->analysis, UUID_NIL, STR_NONE, false))
		return false;
	if ((q->scope == SCOPE_EVENTS || index) &&
	    !id_ok(&q->distribution, e->distribution, UUID_NIL, STR_NONE, false))
		return false;
	if (q->scope != SCOPE_ATTRIBUTES &&
	    !id_ok(&q->sharinggroup, e->distribution == DIST_GROUP ? e->sharing_group_id : 0,
		   UUID_NIL, STR_NONE, false))
		return false;
	if (q->date.set && ((q->date.from != INT64_MIN && e->date < day(q->date.from)) ||
			    (q->date.to != INT64_MAX && e->date > day(q->date.to))))
		return false;
	if (!in(&q->event_timestamp, e->timestamp) ||
	    !in(&q->publish_timestamp, e->publish_timestamp) || !flag(e->published, q->published))
		return false;
	if (!text(n, &q->eventinfo, e->info, STR_NONE, index ? PART : EXACT))
		return false;
	if (is_id(&q->uuid.none, UINT64_MAX, e->uuid, STR_NONE, false))
		return false;
	if (!event_tags_ok(n, &q->event_tags))
		return false;
	return index ? event_tags_ok(n, &q->tags) : !tagged_any(n, &e->tags, &q->tags.none);
}

/* ---- attributes ----------------------------------------------------------------------------- */

static const struct misp_object *object_of(struct naive *n, const struct misp_attr *a)
{
	for (size_t i = 0; i < n->n_objects; i++)
		if (a->object_id && n->objects[i].id == a->object_id)
			return &n->objects[i];
	return NULL;
}

static bool visible(struct naive *n, const struct misp_attr *a)
{
	return !n->vis || n->vis->attr(n->vis->user, &n->e, object_of(n, a), a);
}

static bool object_texts(struct naive *n, const struct misp_object *o)
{
	return text(n, &n->q->object_name, o->name, STR_NONE, EXACT) &&
	       text(n, &n->q->object_template_version, o->template_version, STR_NONE, EXACT);
}

/* The conditions on attributes, numbered; true too when the query has not that condition. */
enum { CONDITIONS = 19 };
static bool condition(struct naive *n, int k, const struct misp_attr *a, bool *set)
{
	const struct query *q = n->q;
	const struct query_terms *sgs =
		q->sharinggroup.any.n ? &q->sharinggroup.any : &q->sharinggroup.all;
	const struct misp_object *o = object_of(n, a);
	struct str v1, v2, cat;

	type_split((enum attr_type)a->type, a->value, &v1, &v2);
	if (!v2.n)
		v2 = STR_NONE;
	*set = false;
#define WITH(cond, expr)                                                                           \
	*set = (cond);                                                                             \
	return !*set || (expr)
	switch (k) {
	case 0:
		WITH(q->scope != SCOPE_EVENT_INDEX && q->value.set,
		     text(n, &q->value, v1, v2, FOLDED));
	case 1:
		WITH(q->value1.set, text(n, &q->value1, v1, STR_NONE, FOLDED));
	case 2:
		WITH(q->value2.set, text(n, &q->value2, v2.p ? v2 : STR(""), STR_NONE, FOLDED));
	case 3:
		WITH(q->type.set, text(n, &q->type, type_name((enum attr_type)a->type), STR_NONE,
				       FOLDED));
	case 4:
		cat = category_name((enum attr_category)a->category);
		WITH(q->category.set, text(n, &q->category, cat, STR_NONE, EXACT));
	case 5:
		WITH(q->object_relation.set,
		     text(n, &q->object_relation, a->object_relation.p ? a->object_relation : STR(""),
			  STR_NONE, EXACT));
	case 6:
		WITH(q->comment.set,
		     text(n, &q->comment, a->comment.p ? a->comment : STR(""), STR_NONE, FOLDED));
	case 7:
		WITH(q->to_ids, flag(a->to_ids, q->to_ids));
	case 8:
		WITH(q->deleted || q->scope == SCOPE_ATTRIBUTES || q->scope == SCOPE_OBJECTS,
		     flag(a->deleted, q->deleted ? q->deleted : 1));
	case 9:
		WITH(q->attribute_timestamp.set, in(&q->attribute_timestamp, a->timestamp));
	case 10:
		WITH(q->first_seen.set && q->scope != SCOPE_OBJECTS,
		     a->first_seen != MICRO_NONE && in(&q->first_seen, a->first_seen));
	case 11:
		WITH(q->last_seen.set && q->scope != SCOPE_OBJECTS,
		     a->last_seen != MICRO_NONE && in(&q->last_seen, a->last_seen));
	case 12:
		WITH(q->uuid.set && (q->scope == SCOPE_ATTRIBUTES || q->uuid.any.n),
		     (!q->uuid.any.n || is_id(&q->uuid.any, UINT64_MAX, a->uuid, STR_NONE, false) ||
		      is_id(&q->uuid.any, UINT64_MAX, n->e.uuid, STR_NONE, false)) &&
			     (q->scope != SCOPE_ATTRIBUTES ||
			      !is_id(&q->uuid.none, UINT64_MAX, a->uuid, STR_NONE, false)));
	case 13:
		WITH(q->scope != SCOPE_EVENT_INDEX && q->tags.any.n,
		     tagged_any(n, &a->tags, &q->tags.any) ||
			     tagged_any(n, &n->e.tags, &q->tags.any));
	case 14:
		WITH(q->scope == SCOPE_ATTRIBUTES && q->tags.none.n,
		     !tagged_any(n, &a->tags, &q->tags.none));
	case 15:
		WITH(q->scope == SCOPE_ATTRIBUTES && q->sharinggroup.set,
		     (!sgs->n ||
		      (a->distribution == DIST_GROUP &&
		       is_id(sgs, a->sharing_group_id, UUID_NIL, STR_NONE, false)) ||
		      (n->e.distribution == DIST_GROUP &&
		       is_id(sgs, n->e.sharing_group_id, UUID_NIL, STR_NONE, false))) &&
			     !(a->distribution == DIST_GROUP &&
			       is_id(&q->sharinggroup.none, a->sharing_group_id, UUID_NIL, STR_NONE,
				     false)) &&
			     !(n->e.distribution == DIST_GROUP &&
			       is_id(&q->sharinggroup.none, n->e.sharing_group_id, UUID_NIL,
				     STR_NONE, false)));
	case 16:
		WITH(q->scope != SCOPE_OBJECTS &&
			     (q->object_name.set || q->object_template_version.set),
		     o && object_texts(n, o));
	case 17:
		WITH(q->scope == SCOPE_EVENT_INDEX && q->value.set,
		     text(n, &q->value, v1, v2, FOLDED));
	case 18:
		WITH((q->scope == SCOPE_ATTRIBUTES || q->scope == SCOPE_OBJECTS) &&
			     q->distribution.set,
		     id_ok(&q->distribution, a->distribution, UUID_NIL, STR_NONE, false));
	default:
		bail_out("no condition %d", k);
	}
}

/* An AND of tags: each on the attribute or the event. */
static bool tag_and(struct naive *n, uint32_t i, const struct misp_attr *a)
{
	return tagged(n, &n->e.tags, n->q->tags.all.v[i]) ||
	       (a && tagged(n, &a->tags, n->q->tags.all.v[i]));
}

static bool same_attr(struct naive *n, const struct misp_attr *a)
{
	bool set;

	for (int k = 0; k < CONDITIONS; k++)
		if (!condition(n, k, a, &set))
			return false;
	for (uint32_t i = 0; i < n->q->tags.all.n; i++)
		if (!tag_and(n, i, a))
			return false;
	return visible(n, a);
}

/* Each condition by some visible attribute (of object `object`, 0: of any). */
static bool some_attrs(struct naive *n, uint64_t object)
{
	bool index = n->q->scope == SCOPE_EVENT_INDEX;

	for (int k = 0; k < CONDITIONS; k++) {
		struct misp_attr none = {0};
		bool set, hit = false;

		(void)condition(n, k, &none, &set);
		if (!set)
			continue;
		if (k == 12)
			hit = is_id(&n->q->uuid.any, UINT64_MAX, n->e.uuid, STR_NONE, false);
		if (k == 13 && !object)
			hit = tagged_any(n, &n->e.tags, &n->q->tags.any);
		for (size_t i = 0; i < n->n_attrs && !hit; i++)
			hit = (!object || n->attrs[i].object_id == object) &&
			      condition(n, k, &n->attrs[i], &set) && visible(n, &n->attrs[i]);
		if (!hit)
			return false;
	}
	for (uint32_t i = 0; i < n->q->tags.all.n && !index; i++) {
		bool hit = !object && tag_and(n, i, NULL);

		for (size_t j = 0; j < n->n_attrs && !hit; j++)
			hit = (!object || n->attrs[j].object_id == object) &&
			      tag_and(n, i, &n->attrs[j]) && visible(n, &n->attrs[j]);
		if (!hit)
			return false;
	}
	return true;
}

/* ---- wildcard mode and the index ------------------------------------------------------------- */

static bool attr_anywhere(struct naive *n, const struct misp_attr *a, struct str want, enum how how)
{
	struct str v1, v2, c = a->comment.p ? a->comment : STR("");

	type_split((enum attr_type)a->type, a->value, &v1, &v2);
	if (how == PART)
		return one(n, v1, want, PART) || (v2.n && one(n, v2, want, PART)) ||
		       one(n, c, want, PART);
	want = fold(n, want);
	return like(fold(n, v1), want) || (v2.n && like(fold(n, v2), want)) ||
	       like(fold(n, c), want) || tagged(n, &a->tags, n->q->searchall);
}

static bool wildcard(struct naive *n)
{
	struct str want = n->q->searchall;

	if (like(n->e.info, want) || tagged(n, &n->e.tags, want))
		return true;
	for (size_t i = 0; i < n->n_attrs; i++)
		if (attr_anywhere(n, &n->attrs[i], want, FOLDED) && visible(n, &n->attrs[i]))
			return true;
	return false;
}

static bool all_of_index(struct naive *n)
{
	struct str want = n->q->index_all;
	char uuid[UUID_TEXT_LEN + 1];
	struct misp_org o;
	struct misp_tag t;

	if (one(n, n->e.info, want, PART) || one(n, str_c(uuid_format(n->e.uuid, uuid)), want, PART))
		return true;
	if ((store_get(n->t, T_ORG, n->e.org_id, NULL, &o) == ERR_OK && one(n, o.name, want, PART)) ||
	    (store_get(n->t, T_ORG, n->e.orgc_id, NULL, &o) == ERR_OK && one(n, o.name, want, PART)))
		return true;
	LIST_EACH(ref, n->e.tags, struct misp_tagref)
		if (store_get(n->t, T_TAG, ref->tag_id, NULL, &t) == ERR_OK &&
		    one(n, t.name, want, PART))
			return true;
	for (size_t i = 0; i < n->n_attrs; i++)
		if (!n->attrs[i].deleted && attr_anywhere(n, &n->attrs[i], want, PART) &&
		    visible(n, &n->attrs[i]))
			return true;
	return false;
}

static bool attribute_parts(struct naive *n, const struct query_terms *t)
{
	for (size_t i = 0; i < n->n_attrs; i++) {
		struct str v1, v2;

		type_split((enum attr_type)n->attrs[i].type, n->attrs[i].value, &v1, &v2);
		for (uint32_t k = 0; k < t->n; k++)
			if ((one(n, v1, t->v[k], PART) || (v2.n && one(n, v2, t->v[k], PART))) &&
			    visible(n, &n->attrs[i]))
				return true;
	}
	return false;
}

static bool index_ok(struct naive *n)
{
	const struct query *q = n->q;

	if (q->minimal && !n->e.attribute_count && !n->e.report_count)
		return false;
	if (!flag(n->e.proposal_count > 0, q->has_proposal))
		return false;
	if (q->attribute_text.any.n && !attribute_parts(n, &q->attribute_text.any))
		return false;
	if (q->attribute_text.none.n && attribute_parts(n, &q->attribute_text.none))
		return false;
	return !q->index_all.n || all_of_index(n);
}

/* ---- scopes --------------------------------------------------------------------------------- */

static void hit(struct naive_hits *out, struct search_hit h)
{
	out->v = realloc(out->v, (out->n + 1) * sizeof(*out->v));
	out->v[out->n++] = h;
}

static bool object_wanted(struct naive *n, const struct misp_object *o)
{
	const struct query *q = n->q;
	bool any = false, seen = false;

	for (size_t i = 0; i < n->n_attrs; i++)
		if (n->attrs[i].object_id == o->id) {
			any = true;
			seen |= visible(n, &n->attrs[i]);
		}
	if (!flag(o->deleted, q->deleted ? q->deleted : 1) || !object_texts(n, o))
		return false;
	if ((q->first_seen.set && (o->first_seen == MICRO_NONE || !in(&q->first_seen, o->first_seen))) ||
	    (q->last_seen.set && (o->last_seen == MICRO_NONE || !in(&q->last_seen, o->last_seen))))
		return false;
	if (!any) {
		/* only conditions on attributes can fail, and all of them do but being alive */
		struct query bare = *q;
		struct naive other = *n;
		struct misp_attr none = {0};
		bool set = false, some = q->tags.all.n > 0;

		if (n->vis && n->vis->attr)
			return false;
		other.q = &bare;
		for (int k = 0; k < CONDITIONS; k++)
			if (k != 8 && !(k == 12 && is_id(&q->uuid.any, UINT64_MAX, n->e.uuid,
							 STR_NONE, false))) {
				(void)condition(&other, k, &none, &set);
				some |= set;
			}
		return !some;
	}
	return seen && some_attrs(n, o->id);
}

static void sightings(struct naive *n, struct naive_hits *out)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	const struct query *q = n->q;
	struct misp_sighting s;
	struct el_key key;
	struct misp_org o = {0};

	if (store_el_iter_new(n->t, EL_SIGHTING, (struct el_key){.body = n->e.body}, false, &it) !=
	    ERR_OK)
		bail_out("no iterator");
	while (store_el_iter_next(it, NULL, &key, &s) == ERR_OK) {
		const struct misp_attr *a = NULL;

		for (size_t i = 0; i < n->n_attrs; i++)
			if (n->attrs[i].id == key.parent)
				a = &n->attrs[i];
		(void)!store_get(n->t, T_ORG, s.org_id, NULL, &o);
		if (!a || !visible(n, a) || !in(&q->sighted, s.date_sighting) ||
		    !id_ok(&q->sighting_type, s.type, UUID_NIL, STR_NONE, false) ||
		    !id_ok(&q->org, s.org_id, o.uuid, o.name, false) ||
		    (q->source.any.n && !text(n, &q->source, s.source.p ? s.source : STR(""),
					      STR_NONE, EXACT)))
			continue;
		if (q->id.set &&
		    !id_ok(&q->id,
			   q->sighting_context == SIGHTINGS_OF_EVENT	   ? n->e.id
			   : q->sighting_context == SIGHTINGS_OF_ATTRIBUTE ? a->id
									   : key.id,
			   UUID_NIL, STR_NONE, false))
			continue;
		hit(out, (struct search_hit){n->e.id, 0, key.parent, key.id});
	}
}

static void load(struct naive *n)
{
	OWN(store_el_iter) struct store_el_iter *ai = NULL;
	OWN(store_el_iter) struct store_el_iter *oi = NULL;
	struct el_key key, from = {.body = n->e.body};

	n->attrs = ARENA_ARRAY(n->a, struct misp_attr, 256);
	n->objects = ARENA_ARRAY(n->a, struct misp_object, 64);
	n->n_attrs = n->n_objects = 0;
	if (store_el_iter_new(n->t, EL_ATTR, from, false, &ai) != ERR_OK ||
	    store_el_iter_new(n->t, EL_OBJECT, from, false, &oi) != ERR_OK)
		bail_out("no iterator");
	while (n->n_attrs < 255 &&
	       store_el_iter_next(ai, n->a, &key, &n->attrs[n->n_attrs]) == ERR_OK) {
		n->attrs[n->n_attrs].id = key.id;
		n->attrs[n->n_attrs++].object_id = key.parent;
	}
	while (n->n_objects < 63 &&
	       store_el_iter_next(oi, NULL, &key, &n->objects[n->n_objects]) == ERR_OK)
		n->objects[n->n_objects++].id = key.id;
}

static void event(struct naive *n, struct naive_hits *out)
{
	if (!event_ok(n))
		return;
	load(n);
	switch (n->q->scope) {
	case SCOPE_ATTRIBUTES:
		for (size_t i = 0; i < n->n_attrs; i++)
			if (same_attr(n, &n->attrs[i]))
				hit(out, (struct search_hit){n->e.id, n->attrs[i].object_id,
							     n->attrs[i].id, 0});
		break;
	case SCOPE_OBJECTS:
		for (size_t i = 0; i < n->n_objects; i++)
			if (object_wanted(n, &n->objects[i]))
				hit(out, (struct search_hit){n->e.id, n->objects[i].id, 0,
							     n->objects[i].id});
		break;
	case SCOPE_SIGHTINGS:
		sightings(n, out);
		break;
	case SCOPE_EVENTS:
	case SCOPE_EVENT_INDEX:
	case SCOPE_COUNT:
	default:
		if (n->q->scope == SCOPE_EVENTS && n->q->searchall.n ? wildcard(n)
		    : some_attrs(n, 0) && (n->q->scope == SCOPE_EVENTS || index_ok(n)))
			hit(out, (struct search_hit){.event_id = n->e.id});
	}
}

static int by_id(const void *a, const void *b)
{
	const struct search_hit *x = a, *y = b;
	uint64_t i = x->id ? x->id : x->attr_id ? x->attr_id : x->event_id;
	uint64_t j = y->id ? y->id : y->attr_id ? y->attr_id : y->event_id;

	return (i > j) - (i < j);
}

void naive_run(const struct store_rtxn *t, const struct query *q, const struct search_visible *vis,
	       struct naive_hits *out)
{
	struct naive n = {.t = t, .q = q, .vis = vis, .a = arena_new((size_t)4 << 20)};
	uint64_t id = 0, from, len;
	struct arena *head = arena_new(1 << 20);

	*out = (struct naive_hits){0};
	for (; store_next(t, T_EVENT, &id, head, &n.e) == ERR_OK; arena_reset(head)) {
		event(&n, out);
		arena_reset(n.a);
	}
	arena_free(head);
	arena_free(n.a);
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), by_id);
	out->total = out->n;
	if (q->limit) {
		from = MIN(q->limit * (q->page - 1), out->n);
		len = MIN(q->limit, out->n - from);
		if (len)
			memmove(out->v, out->v + from, len * sizeof(*out->v));
		out->n = len;
	}
	if (q->scope == SCOPE_ATTRIBUTES)
		out->total = out->n + (q->limit && (out->n == q->limit ||
						    (!out->n && q->page > 1)));
	if (q->scope == SCOPE_OBJECTS)
		out->total = out->n;
}
