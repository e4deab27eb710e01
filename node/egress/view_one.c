/*
 * view_one.c - single events, objects and attributes by number or UUID, and why one is not shown.
 * One that is hidden takes the time of one that is not there.
 */
#include "egress/view.h"

#include <stdio.h>

#include "base/clock.h"
#include "egress/derived.h"
#include "model/pack.h"

/* Upper-case UUIDs are not found, as in MISP (rest-api.md, corrections 4). */
static bool parse_id(struct str s, uint64_t *id, struct uuid *u)
{
	*id = 0;
	*u = UUID_NIL;
	if (str_u64(s, id))
		return true;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] >= 'A' && s.p[i] <= 'Z')
			return false;
	return uuid_parse(s, u);
}

static enum err verdict_of(struct view *v, uint64_t event_id, bool as_published, struct arena *a,
			   struct misp_event *e, struct verdict *out, struct fail *f)
{
	struct subject s;
	enum err err = view_subject(v, event_id, a, &s);
	if (err != ERR_OK)
		return fail(f, err, "event %llu", (unsigned long long)event_id);
	s.event.published |= as_published;
	*out = gate_judge(&v->gate, &s.s);
	*e = s.event;
	return ERR_OK;
}

enum err view_verdict(struct view *v, uint64_t event_id, struct arena *a, struct misp_event *e,
		      struct verdict *out, struct fail *f)
{
	return verdict_of(v, event_id, false, a, e, out, f);
}

enum err view_verdict_published(struct view *v, uint64_t event_id, struct arena *a,
				struct misp_event *e, struct verdict *out, struct fail *f)
{
	return verdict_of(v, event_id, true, a, e, out, f);
}

void view_policy_stamp(const struct view *v, char out[65])
{
	policy_stamp(v->policy, v->facts.now, out);
}

const char *view_policy_version(const struct view *v)
{
	return policy_version(v->policy);
}

void view_why(const struct verdict *v, char *text, size_t n)
{
	int k = snprintf(text, n, "%s", v->rule == RULE_NONE ? "released" : gate_rule_text(v->rule));
	if (v->outcome == GATE_HOLD && v->until < INT64_MAX && k > 0 && (size_t)k < n) {
		struct clock_civil t = clock_to_civil(v->until);
		snprintf(text + k, n - (size_t)k, "; until %04d-%02d-%02d %02d:%02d:%02d UTC",
			 t.year, t.month, t.day, t.hour, t.minute, t.second);
	}
}

static bool event_is_there(struct view *v, uint64_t id)
{
	uint64_t at = id - 1;
	return id && store_next(v->txn, T_EVENT, &at, NULL, NULL) == ERR_OK && at == id;
}

/* By the UUID that this audience knows the event by. */
static enum err event_by_uuid(struct view *v, struct uuid u, uint64_t *id)
{
	if (!gate_rewrites(v->policy, &v->audience))
		return store_find(v->txn, IX_EVENT_UUID, (struct str){(char *)u.b, 16}, id);
	if (!v->env->derived)
		return ERR_NOENT;
	return derived_find(v->env->derived, v->policy, v->txn, v->env->host_org, u, v->audience.profile,
			    false, id);
}

/* One event looked at, whoever may see it: another stands in for one that is not there. */
struct look {
	struct misp_event event;
	bool there, shown;
};

static enum err look_at(struct view *v, enum err found, uint64_t id, uint64_t by, struct arena *a, struct look *l)
{
	struct subject s;
	*l = (struct look){0};
	if (found != ERR_OK && found != ERR_NOENT)
		return found;
	/* each step is taken whatever comes of it, so that all take as long */
	uint64_t other = view_stand_in(v, by);
	l->there = event_is_there(v, found == ERR_OK ? id : other) && found == ERR_OK;
	enum err e = view_subject(v, l->there ? id : other, a, &s);
	if (e != ERR_OK)
		return e == ERR_NOENT || !l->there ? ERR_OK : e;
	l->shown = gate_judge(&v->gate, &s.s).outcome == GATE_RELEASE && l->there;
	l->event = s.event;
	return ERR_OK;
}

static uint64_t seed_of(struct str id_or_uuid)
{
	return view_seed(id_or_uuid.p, id_or_uuid.n);
}

enum err view_event(struct view *v, struct str id_or_uuid, struct arena *a, struct misp_event *e,
		    struct fail *f)
{
	uint64_t id;
	struct uuid u;
	struct look l = {0};
	enum err err = ERR_NOENT;
	if (parse_id(id_or_uuid, &id, &u)) {
		err = id ? ERR_OK : event_by_uuid(v, u, &id);
		err = look_at(v, err, id, seed_of(id_or_uuid), a, &l);
		if (err == ERR_OK && !l.shown)
			err = ERR_NOENT;
	}
	if (err != ERR_OK)
		return fail(f, err, "Invalid event");
	*e = l.event;
	return ERR_OK;
}

static enum err locate(struct view *v, struct str id_or_uuid, enum element_kind k,
		       struct index_uuid *at)
{
	uint64_t id;
	struct uuid u;
	if (!parse_id(id_or_uuid, &id, &u))
		return ERR_NOENT;
	if (!id && gate_rewrites(v->policy, &v->audience))
		return ERR_NOENT; /* it knows other UUIDs than we do */
	if (!id) {
		TRY(index_uuid_find(v->env->index, u, at));
		return at->kind == CHANGE_EL(k) ? ERR_OK : ERR_NOENT;
	}
	*at = (struct index_uuid){.kind = CHANGE_EL(k), .id = id};
	if (k == EL_ATTR)
		return index_attr_find(v->env->index, id, &at->event_id, &at->parent);
	return index_object_find(v->env->index, id, &at->event_id);
}

static enum err load_object(struct view *v, const struct misp_event *e, uint64_t id,
			    struct arena *a, struct misp_object *o)
{
	struct misp_object row;
	TRY(store_el_get(v->txn, EL_OBJECT, (struct el_key){e->body, 0, id}, a, &row));
	return entity_copy(a, &desc_misp_object, &row, o);
}

static enum err first_of(struct view *v, enum element_kind k, uint64_t body, struct arena *a, struct el_key *key,
			 void *row)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	TRY(store_el_iter_new(v->txn, k, (struct el_key){.body = body}, false, &it));
	return store_el_iter_next(it, a, key, row);
}

static enum err judged_attr(struct view *v, const struct misp_event *e, const struct index_uuid *at, struct arena *a,
			    struct misp_attr *attr)
{
	struct el_key key = {e->body, at->parent, at->id};
	struct misp_attr row;
	struct misp_object object;
	struct subject s;
	TRY(at->id ? store_el_get(v->txn, EL_ATTR, key, a, &row) : first_of(v, EL_ATTR, e->body, a, &key, &row));
	TRY(entity_copy(a, &desc_misp_attr, &row, attr));
	TRY(view_resolve_tags(v, a, &attr->tags));
	if (key.parent)
		TRY(load_object(v, e, key.parent, a, &object));
	TRY(view_subject_of(v, e, a, &s));
	return gate_judge_attr(&v->gate, &s.s, key.parent ? &object : NULL, attr) ? ERR_OK : ERR_NOENT;
}

static enum err judged_object(struct view *v, const struct misp_event *e, const struct index_uuid *at,
			      struct arena *a, struct misp_object *o)
{
	struct el_key key = {e->body, 0, at->id};
	struct misp_object row;
	struct subject s;
	if (!at->id)
		TRY(first_of(v, EL_OBJECT, e->body, a, &key, &row));
	TRY(load_object(v, e, key.id, a, o));
	TRY(view_subject_of(v, e, a, &s));
	return gate_judge_object(&v->gate, &s.s, o) ? ERR_OK : ERR_NOENT;
}

/* An element with its event. What is hidden, or in what is hidden, or nowhere takes the same steps. */
static enum err view_element(struct view *v, struct str id_or_uuid, enum element_kind k, struct arena *a,
			     struct misp_event *e, void *row)
{
	struct index_uuid at = {0};
	struct look l;
	enum err found = locate(v, id_or_uuid, k, &at), err;
	TRY(look_at(v, found, at.event_id, seed_of(id_or_uuid), a, &l));
	if (!l.there)
		at = (struct index_uuid){0};
	err = k == EL_ATTR ? judged_attr(v, &l.event, &at, a, row) : judged_object(v, &l.event, &at, a, row);
	if (!l.shown)
		return ERR_NOENT;
	*e = l.event;
	return err;
}

enum err view_attr(struct view *v, struct str id_or_uuid, struct arena *a, struct misp_event *e,
		   struct misp_attr *attr, struct fail *f)
{
	enum err err = view_element(v, id_or_uuid, EL_ATTR, a, e, attr);
	return err == ERR_OK ? err : fail(f, err, "Invalid attribute");
}

enum err view_object(struct view *v, struct str id_or_uuid, struct arena *a, struct misp_event *e,
		     struct misp_object *o, struct fail *f)
{
	enum err err = view_element(v, id_or_uuid, EL_OBJECT, a, e, o);
	return err == ERR_OK ? err : fail(f, err, "Invalid object");
}

enum err view_explain(struct view *v, uint64_t event_id, struct arena *a, struct gate_step **steps,
		      size_t *n, struct verdict *decided, struct fail *f)
{
	struct subject s;
	enum err e = view_subject(v, event_id, a, &s);
	if (e != ERR_OK)
		return fail(f, e, "Invalid event");
	*n = gate_explain(&v->gate, &s.s, a, steps, decided);
	return ERR_OK;
}

