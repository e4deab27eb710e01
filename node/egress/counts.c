/*
 * counts.c - numbers over what the audience may see. Stored counters are of all that is there: they are
 * taken only by those who see all, and under MISP's rules alone, which count so.
 */
#include "egress/view.h"
#include "index/index.h"

#define OBJECT_ARENA (4u << 20)

/* ---- parts of one event ---- */

struct counting {
	struct view *v;
	const struct misp_event *e;
	struct subject s;
	struct misp_object object; /* the last one looked up; id 0: none */
	struct arena *objects; /* where it is */
};

/* The object of an attribute; NULL: it stands in none. False: not there. */
static bool object_of(struct counting *c, uint64_t id, const struct misp_object **out)
{
	*out = id ? &c->object : NULL;
	if (!id || c->object.id == id)
		return true;
	c->object.id = 0;
	arena_reset(c->objects);
	return store_el_get(c->v->txn, EL_OBJECT, (struct el_key){c->e->body, 0, id}, c->objects,
			    &c->object) == ERR_OK;
}

static bool attr_counts(struct counting *c, uint64_t object_id, const struct misp_attr *attr)
{
	const struct misp_object *o;
	struct misp_attr copy = *attr;
	return !attr->deleted && object_of(c, object_id, &o) && !(o && o->deleted) &&
	       view_resolve_tags(c->v, c->v->scratch, &copy.tags) == ERR_OK &&
	       gate_judge_attr(&c->v->gate, &c->s.s, o, &copy);
}

/* Live attributes that pass; stops after `most`. */
static enum err count_attrs(struct counting *c, int64_t since, uint64_t most, struct view_counts *n)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct el_key key;
	struct misp_attr attr;
	enum err e;
	struct arena_mark m = arena_mark(c->v->scratch);
	TRY(store_el_iter_new(c->v->txn, EL_ATTR, (struct el_key){.body = c->e->body}, false, &it));
	while (n->attributes < most &&
	       (e = store_el_iter_next(it, c->v->scratch, &key, &attr)) != ERR_NOENT) {
		TRY(e);
		if (attr_counts(c, key.parent, &attr)) {
			n->attributes++;
			n->attributes_since += attr.timestamp >= since;
		}
		arena_rewind(c->v->scratch, m);
	}
	return ERR_OK;
}

/* Does the attribute that a proposal is about pass? */
static bool target_counts(struct counting *c, uint64_t attr_id)
{
	uint64_t event_id, object_id;
	struct misp_attr attr;
	if (!attr_id)
		return true;
	if (index_attr_find(c->v->env->index, attr_id, &event_id, &object_id) != ERR_OK ||
	    event_id != c->e->id ||
	    store_el_get(c->v->txn, EL_ATTR, (struct el_key){c->e->body, object_id, attr_id},
			 c->v->scratch, &attr) != ERR_OK)
		return false;
	return attr_counts(c, object_id, &attr);
}

static enum err count_proposals(struct counting *c, struct view_counts *n)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct el_key key;
	struct misp_proposal p;
	enum err e;
	TRY(store_el_iter_new(c->v->txn, EL_PROPOSAL, (struct el_key){.body = c->e->body}, false, &it));
	struct arena_mark m = arena_mark(c->v->scratch);
	while ((e = store_el_iter_next(it, c->v->scratch, &key, &p)) == ERR_OK) {
		n->proposals += !p.deleted && gate_judge_proposal(&c->v->gate, &c->s.s, &p) &&
				target_counts(c, key.parent);
		arena_rewind(c->v->scratch, m);
	}
	return e == ERR_NOENT ? ERR_OK : e;
}

static enum err any_report(struct counting *c, bool *any)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct el_key key;
	struct misp_report p;
	enum err e;
	*any = false;
	TRY(store_el_iter_new(c->v->txn, EL_REPORT, (struct el_key){.body = c->e->body}, false, &it));
	while (!*any && (e = store_el_iter_next(it, c->v->scratch, &key, &p)) != ERR_NOENT) {
		TRY(e);
		*any = !p.deleted && gate_judge_report(&c->v->gate, &c->s.s, &p);
	}
	return ERR_OK;
}

enum err view_count_parts(struct view *v, const struct misp_event *e, int64_t since,
			  struct view_counts *n)
{
	OWN(arena) struct arena *objects = arena_new(OBJECT_ARENA);
	struct counting c = {.v = v, .e = e, .objects = objects};
	struct arena_mark m = arena_mark(v->scratch);
	*n = (struct view_counts){0};
	if (!objects)
		return ERR_NOMEM;
	enum err err = view_subject_of(v, e, v->scratch, &c.s);
	if (err == ERR_OK && view_is_whole(v) && e->timestamp < since) {
		*n = (struct view_counts){e->attribute_count, 0, e->proposal_count};
	} else if (err == ERR_OK) {
		err = count_attrs(&c, since, UINT64_MAX, n);
		if (err == ERR_OK && e->proposal_count)
			err = count_proposals(&c, n);
		if (view_is_whole(v))
			n->attributes = e->attribute_count;
	}
	arena_rewind(v->scratch, m);
	return err;
}

enum err view_each_attr(struct view *v, const struct misp_event *e,
			void (*fn)(void *user, const struct misp_attr *attr), void *user)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	OWN(arena) struct arena *objects = arena_new(OBJECT_ARENA);
	struct counting c = {.v = v, .e = e, .objects = objects};
	struct el_key key;
	struct misp_attr attr;
	if (!objects)
		return ERR_NOMEM;
	struct arena_mark start = arena_mark(v->scratch);
	enum err err = view_subject_of(v, e, v->scratch, &c.s);
	if (err == ERR_OK)
		err = store_el_iter_new(v->txn, EL_ATTR, (struct el_key){.body = e->body}, false, &it);
	struct arena_mark m = arena_mark(v->scratch);
	while (err == ERR_OK &&
	       (err = store_el_iter_next(it, v->scratch, &key, &attr)) == ERR_OK) {
		if (attr_counts(&c, key.parent, &attr))
			fn(user, &attr);
		arena_rewind(v->scratch, m);
	}
	arena_rewind(v->scratch, start);
	return err == ERR_NOENT ? ERR_OK : err;
}

static enum err any_relaxed(struct view *v, const struct subject *s, bool *any)
{
	OWN(arena) struct arena *objects = arena_new(OBJECT_ARENA);
	struct counting c = {.v = v, .e = &s->event, .s = *s, .objects = objects};
	struct view_counts n = {0};
	*any = false;
	if (!objects)
		return ERR_NOMEM;
	TRY(count_attrs(&c, 0, 1, &n));
	*any = n.attributes > 0;
	return ERR_OK;
}

enum err view_relaxed(struct view *v, struct subject *s)
{
	struct relaxed_slot *slot = &v->relaxed[s->event.id % CONDEMNED_SLOTS];
	uint64_t seq = store_seq(v->txn);
	if (!gate_may_relax(&v->gate, &s->s))
		return ERR_OK;
	if (slot->id != s->event.id || slot->seq != seq || slot->now != v->facts.now) {
		bool any = false;
		/* nothing else stands in its way? What elements condemn is asked of the shell later */
		s->s.relaxed = s->s.elements_asked = true;
		if (gate_judge(&v->gate, &s->s).outcome == GATE_RELEASE)
			TRY(any_relaxed(v, s, &any));
		s->s.elements_asked = false;
		*slot = (struct relaxed_slot){s->event.id, seq, v->facts.now, any};
	}
	s->s.relaxed = slot->yes;
	return ERR_OK;
}

enum err view_opened_within(struct view *v, const struct subject *s, int64_t within, int64_t *at)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	OWN(arena) struct arena *objects = arena_new(OBJECT_ARENA);
	struct counting c = {.v = v, .e = &s->event, .s = *s, .objects = objects};
	int64_t shut[GATE_CLASSES];
	struct arena_mark m = arena_mark(v->scratch);
	struct el_key key;
	struct misp_attr attr;
	enum err e;
	*at = 0;
	if (!objects)
		return ERR_NOMEM;
	TRY(store_el_iter_new(v->txn, EL_ATTR, (struct el_key){.body = s->event.body}, false, &it));
	while ((e = store_el_iter_next(it, v->scratch, &key, &attr)) == ERR_OK) {
		if (attr.tags.n && attr_counts(&c, key.parent, &attr)) {
			TRY(view_resolve_tags(v, v->scratch, &attr.tags));
			gate_embargo_times(v->policy, &attr.tags, shut);
			int64_t t = shut[v->audience.release_class];
			if (t != INT64_MIN && t <= within && t > *at)
				*at = t;
		}
		arena_rewind(v->scratch, m);
	}
	return e == ERR_NOENT ? ERR_OK : e;
}

bool view_is_filled(struct view *v, const struct misp_event *e)
{
	struct counting c = {.v = v, .e = e};
	struct view_counts n = {0};
	bool filled = false;
	if (!e->attribute_count && !e->report_count)
		return false;
	if (view_is_whole(v))
		return true;
	OWN(arena) struct arena *objects = arena_new(OBJECT_ARENA);
	c.objects = objects;
	struct arena_mark m = arena_mark(v->scratch);
	/* an error fills nothing */
	if (objects && view_subject_of(v, e, v->scratch, &c.s) == ERR_OK &&
	    count_attrs(&c, 0, 1, &n) == ERR_OK)
		filled = n.attributes > 0 ||
			 (e->report_count && any_report(&c, &filled) == ERR_OK && filled);
	arena_rewind(v->scratch, m);
	return filled;
}

/* ---- organisations ---- */

static void note(struct view_orgs *s, uint64_t org)
{
	if (!org || view_orgs_has(s, org) || s->n == s->max)
		return;
	uint32_t at = s->n++;
	while (at > 0 && s->v[at - 1] > org) {
		s->v[at] = s->v[at - 1];
		at--;
	}
	s->v[at] = org;
}

static enum err note_events(struct view *v, struct view_orgs *s)
{
	struct search_visible vis = view_visible(v);
	OWN(arena) struct arena *a = arena_new(1u << 20);
	struct misp_event e;
	uint64_t id = 0;
	enum err err;
	if (!a)
		return ERR_NOMEM;
	while ((err = store_next(v->txn, T_EVENT, &id, a, &e)) == ERR_OK) {
		/* who is known already tells nothing new */
		if ((!view_orgs_has(s, e.org_id) || !view_orgs_has(s, e.orgc_id)) &&
		    vis.event(vis.user, &e)) {
			note(s, e.org_id);
			note(s, e.orgc_id);
		}
		arena_reset(a);
	}
	return err == ERR_NOENT ? ERR_OK : err;
}

static enum err note_groups(struct view *v, struct view_orgs *s)
{
	for (uint32_t i = 0; i < v->facts.n_groups; i++) {
		const struct misp_sg *g = view_sg(v, v->facts.groups[i]);
		if (!g)
			continue;
		note(s, g->org_id);
		LIST_EACH(o, g->orgs, struct misp_sgorg)
			note(s, o->org_id);
	}
	return ERR_OK;
}

enum err view_orgs_find(struct view *v, struct arena *a, struct view_orgs *out, struct fail *f)
{
	struct misp_org o;
	uint64_t id = 0;
	enum err e;
	*out = (struct view_orgs){.all = view_is_whole(v)};
	if (out->all)
		return ERR_OK;
	out->max = (uint32_t)MIN(store_count(v->txn, T_ORG), UINT64_C(1000000));
	out->v = ARENA_ARRAY(a, uint64_t, out->max + 1);
	if (!out->v)
		return fail(f, ERR_LIMIT, "too many organisations");
	note(out, v->audience.org_id);
	note(out, v->env->host_org_id);
	while ((e = store_next(v->txn, T_ORG, &id, NULL, &o)) == ERR_OK)
		if (o.local || o.created_by)
			note(out, id);
	if (e == ERR_NOENT)
		e = note_groups(v, out);
	if (e == ERR_OK && out->n < out->max)
		e = note_events(v, out);
	return e == ERR_OK ? e : fail(f, e, "finding organisations");
}

bool view_orgs_has(const struct view_orgs *s, uint64_t org)
{
	uint32_t low = 0, high = s->n;
	if (s->all)
		return true;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (s->v[mid] == org)
			return true;
		if (s->v[mid] < org)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}
