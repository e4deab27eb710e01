/*
 * elements.c - attributes and objects added to an event that is there, or edited one by one.
 */
#include "base/clock.h"
#include "ingest/ctx.h"
#include "lists/template.h"
#include "model/pack.h"
#include "model/types.h"

/* Content of an event changed: it is no longer published, and as new as the change
   (sync-protocol.md section 7, "unpublishing side effect"). */
enum err ingest_touch_event(struct ingest_ctx *c, struct store_wtxn *w, struct fail *f)
{
	if (!c->touched)
		return ERR_OK;
	if (c->content_changed) {
		c->event.timestamp = ingest_newer(&c->event);
		c->event.published = false;
	}
	TRY(store_event_put(w, c->adm, &c->event, f));
	return ingest_put_event_change(c, w, CHANGE_EDIT, false, f);
}

struct job {
	struct ingest_ctx *c;
	struct ingest_result before;
	struct arena *arena;
	enum element_kind kind; /* of the one that is edited */
	uint64_t event_id, id, parent;
	bool adding_object;
};

static enum err begin(struct job *j, struct store_wtxn *w, struct fail *f)
{
	struct ingest_ctx *c = j->c;
	*c->out = j->before;
	c->changes = 0;
	c->touched = c->content_changed = false;
	memset(c->tags, 0, sizeof(c->tags));
	enum err e = store_get(store_view(w), T_EVENT, j->event_id, j->arena, &c->event);
	if (e == ERR_OK) /* what a job reads is lent until its next write */
		e = entity_copy(j->arena, &desc_misp_event, &c->event, &c->event);
	c->out->event_id = j->event_id;
	c->out->event_uuid = c->event.uuid;
	c->out->outcome = INGEST_UPDATED;
	if (e != ERR_OK)
		return e == ERR_NOENT ? fail(f, e, "Invalid event") : e;
	return c->event.is_protected ? gate_admit_protected(c->facts, &c->event.crypto_keys, f) :
				       ERR_OK;
}

static const unsigned passes[] = {KIND(EL_OBJECT) | KIND(EL_CLUSTER), KIND(EL_ATTR),
				  KIND(EL_REF) | KIND(EL_REPORT) | KIND(EL_SIGHTING),
				  KIND(EL_ANALYST)};

/* An object that is known cannot be added again, not even in parts. */
static enum err object_unknown(struct ingest_ctx *c, struct fail *f)
{
	struct index_uuid at;
	for (uint32_t i = 0; i < c->n; i++) {
		struct uuid u = c->els[i].object.uuid;
		if (c->els[i].kind != EL_OBJECT || uuid_is_nil(u))
			continue;
		enum err e = index_uuid_find(c->env->index, u, &at);
		if (e == ERR_OK) {
			static const char text[] = "{\"uuid\":[\"The UUID provided is not unique\"]}";
			ingest_ctx_problem(c, c->index_of[i], text);
			c->out->problems[0].is_object = true;
			return fail(f, ERR_INVAL, "%s", text);
		}
		if (e != ERR_NOENT)
			return e;
	}
	return ERR_OK;
}

static enum err run_add(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct job *j = arg;
	struct ingest_ctx *c = j->c;
	TRY(begin(j, w, f));
	if (j->adding_object)
		TRY(object_unknown(c, f));
	for (size_t p = 0; p < ARRAY_LEN(passes); p++)
		for (uint32_t i = 0; i < c->n; i++) {
			struct element e = c->els[i];
			if (passes[p] & KIND(e.kind))
				TRY(ingest_put_element(c, w, &e, c->index_of[i], f));
		}
	if (j->adding_object && c->out->n_problems)
		return fail(f, ERR_INVAL, "%.*s", STR_ARG(c->out->problems[0].errors));
	return ingest_touch_event(c, w, f);
}

static enum err admit(const struct ingest_env *env, struct raw_event **raw, const struct origin *o,
		      struct admit_facts *facts, struct admitted **adm, struct fail *f)
{
	struct policy *p = env->policy(env->user);
	enum err e = ingest_facts_groups(env, *raw, facts, f);
	if (e == ERR_OK)
		e = gate_admit(p, raw, o, facts, adm, f);
	policy_unref(p);
	return e;
}

/*
 * Attributes that come with an object on its own get other defaults than those of events
 * (recorded, objects 1919 to 1947): marked for detection, and seen when the object was. A new
 * object without a distribution stays with its organisation.
 */
static void object_defaults(struct ingest_ctx *c, bool adding)
{
	const struct misp_object *o = NULL;
	for (uint32_t i = 0; i < c->n; i++)
		if (c->els[i].kind == EL_OBJECT)
			o = &c->els[i].object;
	for (uint32_t i = 0; i < c->n; i++) {
		struct misp_attr *a = &c->els[i].attr;
		if (c->els[i].kind == EL_OBJECT && adding &&
		    !ENTITY_HAS(&c->els[i].object, OBJECT_F_distribution))
			c->els[i].object.distribution = DIST_ORG;
		if (c->els[i].kind != EL_ATTR)
			continue;
		if (!ENTITY_HAS(a, ATTR_F_to_ids))
			a->to_ids = true;
		if (o && adding && !ENTITY_HAS(a, ATTR_F_first_seen))
			a->first_seen = o->first_seen;
		if (o && adding && !ENTITY_HAS(a, ATTR_F_last_seen))
			a->last_seen = o->last_seen;
	}
}

/* What the template demands is asked first: then its text is the answer (recorded: objects 1927). */
static enum err template_demands(struct ingest_ctx *c, struct fail *f)
{
	struct str *relations = ARENA_ARRAY(c->out_arena, struct str, c->n);
	size_t n = 0;
	if (!c->templated)
		return ERR_OK;
	if (c->n && !relations)
		return fail(f, ERR_LIMIT, "no memory left for this request");
	for (uint32_t i = 0; i < c->n; i++)
		if (c->els[i].kind == EL_ATTR)
			relations[n++] = c->els[i].attr.object_relation;
	enum err e = lists_template_check(&c->object_template, relations, n, f);
	if (e != ERR_OK)
		c->out->n_problems = 0;
	return e;
}

/* Prepare all elements of the document and run one job over them. */
static enum err one_job(const struct ingest_env *env, struct job *j, struct raw_event **raw,
			const struct origin *o, struct admit_facts *facts, store_run_fn run,
			bool break_on_duplicate, struct arena *a, struct ingest_result *out,
			struct fail *f)
{
	OWN(admitted) struct admitted *adm = NULL;
	struct ingest_ctx c;
	uint64_t n = 1;
	bool end;
	*out = (struct ingest_result){0};
	TRY(admit(env, raw, o, facts, &adm, f));
	for (unsigned k = 0; k < EL_COUNT; k++)
		n += raw_count(admitted_raw(adm), k);
	ingest_ctx_init(&c, env, adm, facts, a, out);
	c.break_on_duplicate = break_on_duplicate;
	c.break_repeats = break_on_duplicate;
	c.insert_only = run == run_add;
	c.adding_object = j->adding_object;
	OWN(raw_cursor) struct raw_cursor *cur = raw_cursor_new(admitted_raw(adm));
	enum err e = cur ? ingest_ctx_prepare(&c, cur, KINDS_ALL, (uint32_t)MIN(n, UINT32_MAX), &end, f)
			 : ERR_NOMEM;
	if (e == ERR_OK && (j->adding_object || j->kind == EL_OBJECT))
		object_defaults(&c, j->adding_object);
	if (e == ERR_OK)
		e = template_demands(&c, f);
	if (e == ERR_OK && j->adding_object && out->n_problems)
		e = fail(f, ERR_INVAL, "%.*s", STR_ARG(out->problems[0].errors));
	if (e == ERR_OK) {
		j->c = &c;
		j->before = *out;
		j->arena = a;
		e = store_run(env->store, run, j, f);
	}
	e = ingest_guard_end(&c, e, f);
	ingest_ctx_free(&c);
	return e;
}

enum err ingest_elements_add(const struct ingest_env *env, uint64_t event_id,
			     struct raw_event **raw, const struct origin *o,
			     struct admit_facts *facts, bool break_on_duplicate, struct arena *a,
			     struct ingest_result *out, struct fail *f)
{
	struct job j = {.event_id = event_id, .adding_object = raw_root(*raw) == RAW_OBJECT};
	return one_job(env, &j, raw, o, facts, run_add, break_on_duplicate, a, out, f);
}

/* ---- proposals ---- */

/* Proposals neither unpublish an event nor change its timestamp (sync-protocol.md section 7). */
static enum err run_proposal(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct job *j = arg;
	struct ingest_ctx *c = j->c;
	TRY(begin(j, w, f));
	for (uint32_t i = 0; i < c->n; i++) {
		struct misp_proposal p = c->els[i].proposal;
		if (c->els[i].kind != EL_PROPOSAL)
			continue;
		struct el_key key = {c->event.body, j->id, store_new_el_id(w, EL_PROPOSAL)};
		p.id = key.id;
		p.old_id = j->id;
		p.event_id = c->event.id;
		p.event_uuid = c->event.uuid;
		p.event_org_id = c->event.orgc_id;
		p.org_id = c->facts->org_id;
		p.timestamp = clock_now();
		if (!ENTITY_HAS(&p, PROPOSAL_F_to_ids))
			p.to_ids = type_get((enum attr_type)p.type)->to_ids;
		TRY(store_el_put(w, c->adm, EL_PROPOSAL, key, &p, f));
		ingest_ctx_id(c, EL_PROPOSAL, p.id, j->id);
		c->event.proposal_count++;
		c->event.proposal_email_lock = true;
		TRY(ingest_put_change(c, w, CHANGE_ADD, EL_PROPOSAL, p.id, j->id, p.uuid, f));
	}
	return ingest_touch_event(c, w, f);
}

enum err ingest_proposal_add(const struct ingest_env *env, uint64_t event_id, uint64_t attr_id,
			     struct raw_event **raw, const struct origin *o,
			     struct admit_facts *facts, struct arena *a, struct ingest_result *out,
			     struct fail *f)
{
	struct job j = {.event_id = event_id, .kind = EL_PROPOSAL, .id = attr_id};
	return one_job(env, &j, raw, o, facts, run_proposal, true, a, out, f);
}

/* ---- editing one ---- */

/* The object of an edited attribute is as new as the attribute (sync-protocol.md 12.2, 5). */
enum err ingest_touch_object(struct ingest_ctx *c, struct store_wtxn *w, uint64_t object_id,
			     struct fail *f)
{
	struct el_key key = {c->event.body, 0, object_id};
	struct misp_object o;
	if (!object_id)
		return ERR_OK;
	TRY(store_el_get(store_view(w), EL_OBJECT, key, c->arena, &o));
	o.timestamp = clock_now();
	TRY(store_el_put(w, c->adm, EL_OBJECT, key, &o, f));
	return ingest_put_change(c, w, CHANGE_EDIT, EL_OBJECT, object_id, 0, o.uuid, f);
}

static enum err run_attr_edit(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct job *j = arg;
	struct ingest_ctx *c = j->c;
	struct misp_attr row;
	TRY(begin(j, w, f));
	struct el_key key = {c->event.body, j->parent, j->id};
	TRY(store_el_get(store_view(w), EL_ATTR, key, c->arena, &row));
	if (row.deleted)
		return fail(f, ERR_NOENT, "Invalid attribute.");
	if (c->n == 0)
		return ERR_OK; /* refused: problems tell */
	struct element e = c->els[0];
	if (ENTITY_HAS(&e.attr, ATTR_F_timestamp) && e.attr.timestamp <= row.timestamp)
		return fail(f, ERR_STALE,
			    "Attribute could not be saved: Attribute in the request not newer than "
			    "the local copy.");
	e.attr.uuid = row.uuid; /* cannot be changed */
	e.parent = 0;
	e.attr.object_id = j->parent;
	TRY(ingest_put_element(c, w, &e, 0, f));
	TRY(ingest_touch_object(c, w, j->parent, f));
	return ingest_touch_event(c, w, f);
}

/* An attribute as stored, for the gate to judge an edit against (type and category of a partial
   document come from here). */
static enum err complete_attr(const struct ingest_env *env, uint64_t event_id, uint64_t object_id,
			      uint64_t attr_id, struct raw_event **raw, struct arena *a,
			      struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(raw_cursor) struct raw_cursor *cur = raw_cursor_new(*raw);
	OWN(raw) struct raw_event *full = raw_new(RAW_ATTRS, NULL, env->spool_dir);
	struct misp_event ev;
	struct misp_attr row;
	struct element e;
	if (!cur || !full)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(store_read(env->store, &t, f));
	enum err err = store_get(t, T_EVENT, event_id, NULL, &ev);
	if (err == ERR_OK)
		err = store_el_get(t, EL_ATTR, (struct el_key){ev.body, object_id, attr_id}, a, &row);
	TRY(err);
	TRY(raw_next(cur, a, &e, f));
	/* the gate judges value, type and category together; `has` still says what is new */
	if (!ENTITY_HAS(&e.attr, ATTR_F_value))
		e.attr.value = row.value;
	if (!ENTITY_HAS(&e.attr, ATTR_F_category) && !ENTITY_HAS(&e.attr, ATTR_F_type))
		e.attr.category = row.category;
	if (!ENTITY_HAS(&e.attr, ATTR_F_type))
		e.attr.type = row.type;
	if (!ENTITY_HAS(&e.attr, ATTR_F_timestamp))
		e.attr.timestamp = clock_now();
	TRY(raw_add(full, &e, f));
	raw_free(*raw);
	*raw = MOVE(full);
	return ERR_OK;
}

enum err ingest_attr_edit(const struct ingest_env *env, uint64_t attr_id, struct raw_event **raw,
			  const struct origin *o, struct admit_facts *facts, struct arena *a,
			  struct ingest_result *out, struct fail *f)
{
	struct job j = {.kind = EL_ATTR, .id = attr_id};
	*out = (struct ingest_result){0};
	enum err e = index_attr_find(env->index, attr_id, &j.event_id, &j.parent);
	if (e != ERR_OK)
		return fail(f, e, "Invalid attribute.");
	TRY(complete_attr(env, j.event_id, j.parent, attr_id, raw, a, f));
	facts->is_edit = true;
	return one_job(env, &j, raw, o, facts, run_attr_edit, true, a, out, f);
}

/* ---- objects ---- */

static bool object_differs(const struct misp_attr *a, const struct misp_attr *row)
{
	return (ENTITY_HAS(a, ATTR_F_value) && !str_eq(a->value, row->value)) ||
	       (ENTITY_HAS(a, ATTR_F_type) && a->type != row->type) ||
	       (ENTITY_HAS(a, ATTR_F_category) && a->category != row->category) ||
	       (ENTITY_HAS(a, ATTR_F_to_ids) && a->to_ids != row->to_ids) ||
	       (ENTITY_HAS(a, ATTR_F_comment) && !str_eq(a->comment, row->comment)) ||
	       (ENTITY_HAS(a, ATTR_F_distribution) && a->distribution != row->distribution) ||
	       (ENTITY_HAS(a, ATTR_F_deleted) && a->deleted != row->deleted) ||
	       (ENTITY_HAS(a, ATTR_F_first_seen) && a->first_seen != row->first_seen) ||
	       (ENTITY_HAS(a, ATTR_F_last_seen) && a->last_seen != row->last_seen) ||
	       (ENTITY_HAS(a, ATTR_F_disable_correlation) &&
		a->disable_correlation != row->disable_correlation) ||
	       row->deleted;
}

/* The prepared attribute with this UUID, or NULL. */
static struct element *prepared(struct ingest_ctx *c, struct uuid u)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (c->els[i].kind == EL_ATTR && uuid_eq(c->els[i].attr.uuid, u))
			return &c->els[i];
	return NULL;
}

/* A refused attribute stays as it is. */
static bool was_refused(const struct ingest_ctx *c, struct uuid u)
{
	for (uint32_t i = 0; i < c->out->n_problems; i++)
		if (uuid_eq(c->out->problems[i].uuid, u))
			return true;
	return false;
}

/* A document with attributes replaces them: those that it leaves out are soft-deleted, those that
   are equal stay as they are (rest-api.md, update_object). */
static enum err object_attrs(struct ingest_ctx *c, struct store_wtxn *w, struct job *j,
			     struct fail *f)
{
	struct el_key from = {c->event.body, j->id, 0}, key;
	int64_t now = clock_now();
	while (raw_count(admitted_raw(c->adm), EL_ATTR)) {
		OWN(store_el_iter) struct store_el_iter *it = NULL;
		struct misp_attr row;
		TRY(store_el_iter_new(store_view(w), EL_ATTR, from, true, &it));
		enum err e = store_el_iter_next(it, c->arena, &key, &row);
		if (e == ERR_NOENT)
			break;
		TRY(e);
		from.id = key.id + 1;
		struct element *in = prepared(c, row.uuid);
		if (in ? !object_differs(&in->attr, &row) : row.deleted || was_refused(c, row.uuid))
			continue;
		struct element el = {.kind = EL_ATTR, .attr = row};
		if (in)
			el = *in;
		else
			el.attr.deleted = true;
		el.attr.head.has |= UINT64_C(1) << ATTR_F_deleted;
		el.attr.head.has &= ~(UINT64_C(1) << ATTR_F_timestamp);
		el.attr.timestamp = now;
		el.attr.tags.n = in ? el.attr.tags.n : 0;
		el.parent = 0;
		el.attr.object_id = j->id;
		TRY(ingest_put_element(c, w, &el, 0, f));
	}
	for (uint32_t i = 0; i < c->n; i++) {
		struct element el = c->els[i];
		struct index_uuid at;
		if (el.kind != EL_ATTR ||
		    index_uuid_find(c->env->index, el.attr.uuid, &at) == ERR_OK)
			continue;
		el.parent = 0;
		el.attr.object_id = j->id;
		TRY(ingest_put_element(c, w, &el, c->index_of[i], f));
	}
	return ERR_OK;
}

static enum err run_object_edit(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct job *j = arg;
	struct ingest_ctx *c = j->c;
	struct misp_object row;
	TRY(begin(j, w, f));
	struct el_key key = {c->event.body, 0, j->id};
	TRY(store_el_get(store_view(w), EL_OBJECT, key, c->arena, &row));
	for (uint32_t i = 0; i < c->n; i++) {
		struct element e = c->els[i];
		if (e.kind != EL_OBJECT)
			continue;
		/* an older timestamp is accepted (corrections, 27); what it is an object of stays */
		e.object.head.has &=
			~(UINT64_C(1) << OBJECT_F_timestamp | UINT64_C(1) << OBJECT_F_name |
			  UINT64_C(1) << OBJECT_F_meta_category |
			  UINT64_C(1) << OBJECT_F_description |
			  UINT64_C(1) << OBJECT_F_template_uuid |
			  UINT64_C(1) << OBJECT_F_template_version);
		e.object.timestamp = clock_now();
		e.object.uuid = row.uuid;
		TRY(ingest_put_element(c, w, &e, c->index_of[i], f));
	}
	TRY(object_attrs(c, w, j, f));
	return ingest_touch_event(c, w, f);
}

/* The gate takes a partial object only when it is told which one it is. */
static enum err complete_object(const struct ingest_env *env, uint64_t event_id, uint64_t object_id,
				struct raw_event **raw, struct arena *a, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(raw_cursor) struct raw_cursor *cur = raw_cursor_new(*raw);
	OWN(raw) struct raw_event *full = raw_new(RAW_OBJECT, NULL, env->spool_dir);
	struct misp_event ev;
	struct misp_object row;
	struct element e;
	enum err err;
	if (!cur || !full)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(store_read(env->store, &t, f));
	TRY(store_get(t, T_EVENT, event_id, NULL, &ev));
	TRY(store_el_get(t, EL_OBJECT, (struct el_key){ev.body, 0, object_id}, a, &row));
	for (;;) {
		struct arena_mark m = arena_mark(a);
		if ((err = raw_next(cur, a, &e, f)) != ERR_OK)
			break;
		if (e.kind == EL_OBJECT)
			e.object.uuid = row.uuid;
		TRY(raw_add(full, &e, f));
		arena_rewind(a, m);
	}
	if (err != ERR_NOENT)
		return err;
	raw_free(*raw);
	*raw = MOVE(full);
	return ERR_OK;
}

enum err ingest_object_edit(const struct ingest_env *env, uint64_t object_id,
			    struct raw_event **raw, const struct origin *o,
			    struct admit_facts *facts, struct arena *a, struct ingest_result *out,
			    struct fail *f)
{
	struct job j = {.kind = EL_OBJECT, .id = object_id};
	*out = (struct ingest_result){0};
	enum err e = index_object_find(env->index, object_id, &j.event_id);
	if (e != ERR_OK)
		return fail(f, e, "Invalid object.");
	TRY(complete_object(env, j.event_id, object_id, raw, a, f));
	facts->is_edit = true;
	return one_job(env, &j, raw, o, facts, run_object_edit, true, a, out, f);
}

/* ---- reports ---- */

/* An edit is as new as its moment, whatever the document says (recorded, event-reports 2046). */
static enum err run_report_edit(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct job *j = arg;
	struct ingest_ctx *c = j->c;
	struct misp_report row;
	TRY(begin(j, w, f));
	struct el_key key = {c->event.body, 0, j->id};
	TRY(store_el_get(store_view(w), EL_REPORT, key, c->arena, &row));
	for (uint32_t i = 0; i < c->n; i++) {
		struct element e = c->els[i];
		if (e.kind != EL_REPORT)
			continue;
		e.report.head.has &= ~(UINT64_C(1) << REPORT_F_timestamp);
		e.report.timestamp = clock_now();
		e.report.uuid = row.uuid;
		TRY(ingest_put_element(c, w, &e, c->index_of[i], f));
	}
	return ingest_touch_event(c, w, f);
}

enum err ingest_report_edit(const struct ingest_env *env, uint64_t event_id, uint64_t report_id,
			    struct raw_event **raw, const struct origin *o,
			    struct admit_facts *facts, struct arena *a, struct ingest_result *out,
			    struct fail *f)
{
	struct job j = {.event_id = event_id, .kind = EL_REPORT, .id = report_id};
	facts->is_edit = true;
	return one_job(env, &j, raw, o, facts, run_report_edit, true, a, out, f);
}
