/*
 * ops.c - operations that carry no document: delete, restore, publish, tag, refer.
 */
#include "base/clock.h"
#include "gate/admit.h"
#include "ingest/ctx.h"
#include "ingest/two_keys.h"
#include "model/pack.h"

struct op {
	const struct ingest_env *env;
	const struct origin *origin;
	const struct admitted *adm;
	struct arena *arena;
	enum element_kind kind;
	uint64_t id, event_id, parent;
	const struct search_id *many; /* or these; what is gone is passed over */
	uint32_t n_many;
	bool hard, flag, local;
	bool quiet; /* the event is as new, and as published, as before */
	const struct ingest_transfer *transfer;
	uint64_t tag_id;
	struct str relationship;
	struct uuid uuid;
	const struct misp_ref *ref;
	/* results */
	uint64_t new_id;
	bool already;
	/* two persons */
	uint64_t approval_id; /* what is done was approved so; 0: nothing was */
	const struct approver *approver;
	struct two_keys wants;
};

enum err ingest_proof(const struct ingest_env *env, const struct origin *o, struct admitted **adm,
		      struct fail *f)
{
	OWN(raw) struct raw_event *raw = raw_new(RAW_ELEMENTS, NULL, NULL);
	struct admit_facts facts = {.kind = AUD_OPERATOR, .is_edit = true, .now = clock_now()};
	if (!raw)
		return fail(f, ERR_NOMEM, "no memory");
	struct policy *p = env->policy(env->user);
	enum err e = gate_admit(p, &raw, o, &facts, adm, f);
	policy_unref(p);
	return e;
}

/* Run an operation with an empty admitted document as the gate's proof. */
static enum err run_op(struct op *op, store_run_fn run, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(16 << 20);
	OWN(admitted) struct admitted *adm = NULL;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(ingest_proof(op->env, op->origin, &adm, f));
	op->adm = adm;
	op->arena = a;
	return store_run(op->env->store, run, op, f);
}

static enum err note(struct op *op, struct store_wtxn *w, enum change_op what, uint8_t kind,
		     uint64_t id, uint64_t parent, struct uuid uuid, struct fail *f)
{
	struct change ch = {.op = what,
			    .kind = kind,
			    .id = id,
			    .event_id = op->event_id,
			    .parent = parent,
			    .time = clock_now(),
			    .uuid = uuid,
			    .origin = *op->origin};
	return store_change(w, &ch, f);
}

static enum err event_of(struct op *op, struct store_wtxn *w, struct misp_event *e, struct fail *f)
{
	enum err err = store_get(store_view(w), T_EVENT, op->event_id, op->arena, e);
	if (err == ERR_OK) /* what a job reads is lent until its next write */
		err = entity_copy(op->arena, &desc_misp_event, e, e);
	return err == ERR_NOENT ? fail(f, err, "Invalid event") : err;
}

/* Content changed: unpublished, and as new as now. */
static enum err event_touched(struct op *op, struct store_wtxn *w, struct misp_event *e,
			      struct fail *f)
{
	e->timestamp = ingest_newer(e);
	e->published = false;
	TRY(store_event_put(w, op->adm, e, f));
	return note(op, w, CHANGE_EDIT, CHANGE_TABLE(T_EVENT), e->id, 0, e->uuid, f);
}

static enum err locate(struct op *op, struct fail *f)
{
	enum err e;
	if (op->kind == EL_ATTR)
		e = index_attr_find(op->env->index, op->id, &op->event_id, &op->parent);
	else if (op->kind == EL_OBJECT)
		e = index_object_find(op->env->index, op->id, &op->event_id);
	else
		e = index_el_find(op->env->index, op->kind, op->id, &op->event_id, &op->parent);
	return e == ERR_OK ? e : fail(f, e, "no such element");
}

/* ---- deleting ---- */

/* Any element row: all have the members below under the same names. */
union any_row {
	struct misp_attr attr;
	struct misp_object object;
	struct misp_ref ref;
	struct misp_report report;
	struct misp_proposal proposal;
	struct misp_sighting sighting;
};

static struct uuid mark_deleted(enum element_kind k, union any_row *r, bool deleted, bool *was)
{
	int64_t now = clock_now();
	/* one that is from the same second, or from the future, must travel all the same */
#define MARK(member)                                                                               \
	do {                                                                                       \
		*was = r->member.deleted;                                                          \
		r->member.deleted = deleted;                                                       \
		r->member.timestamp = MAX(now, r->member.timestamp + 1);                           \
		return r->member.uuid;                                                             \
	} while (0)
	switch (k) {
	case EL_ATTR:
		MARK(attr);
	case EL_OBJECT:
		MARK(object);
	case EL_REF:
		MARK(ref);
	case EL_REPORT:
		MARK(report);
	case EL_PROPOSAL:
		MARK(proposal);
	case EL_SIGHTING:
		return r->sighting.uuid;
	case EL_CLUSTER:
	case EL_ANALYST:
	case EL_COUNT:
		break;
	}
#undef MARK
	return UUID_NIL;
}

static uint64_t *count_of(struct misp_event *e, enum element_kind k)
{
	switch (k) {
	case EL_ATTR:
		return &e->attribute_total;
	case EL_OBJECT:
		return &e->object_count;
	case EL_REF:
		return &e->ref_count;
	case EL_REPORT:
		return &e->report_count;
	case EL_PROPOSAL:
		return &e->proposal_count;
	case EL_SIGHTING:
		return &e->sighting_count;
	case EL_CLUSTER:
	case EL_ANALYST:
	case EL_COUNT:
		break;
	}
	return NULL;
}

/* Delete or mark one element; keeps the event's counts right. */
static enum err delete_one(struct op *op, struct store_wtxn *w, struct misp_event *e,
			   enum element_kind k, struct el_key key, struct fail *f)
{
	union any_row row;
	bool was = false;
	TRY(store_el_get(store_view(w), k, key, op->arena, &row));
	struct uuid u = mark_deleted(k, &row, true, &was);
	if (k == EL_ATTR && !was)
		e->attribute_count--;
	if (op->hard || k == EL_SIGHTING) {
		struct entity_list tags = {NULL, 0};
		if (k == EL_ATTR && row.attr.tags.n) { /* lent until the next write */
			TRY(entity_copy(op->arena, &desc_misp_attr, &row.attr, &row.attr));
			tags = row.attr.tags;
		}
		TRY(store_el_del(w, k, key, f));
		if (k == EL_ATTR)
			TRY(ingest_embargo_keep(w, u, &tags, f));
		if (k == EL_ATTR || k == EL_OBJECT || k == EL_REPORT)
			TRY(ingest_bury(w, CHANGE_EL(k), u, clock_now(), f));
		uint64_t *n = count_of(e, k);
		if (n)
			(*n)--;
		return note(op, w, CHANGE_DELETE, CHANGE_EL(k), key.id, key.parent, u, f);
	}
	TRY(store_el_put(w, op->adm, k, key, &row, f));
	return note(op, w, CHANGE_EDIT, CHANGE_EL(k), key.id, key.parent, u, f);
}

/* What hangs below: attributes and references of an object; references to what goes. */
static enum err delete_below(struct op *op, struct store_wtxn *w, struct misp_event *e,
			     enum element_kind k, uint64_t parent, struct fail *f)
{
	struct el_key from = {e->body, parent, 0}, key;
	for (;;) {
		OWN(store_el_iter) struct store_el_iter *it = NULL;
		union any_row row;
		TRY(store_el_iter_new(store_view(w), k, from, true, &it));
		enum err err = store_el_iter_next(it, op->arena, &key, &row);
		if (err == ERR_NOENT)
			return ERR_OK;
		TRY(err);
		from.id = key.id + 1;
		TRY(delete_one(op, w, e, k, key, f));
	}
}

static enum err delete_refs_to(struct op *op, struct store_wtxn *w, struct misp_event *e,
			       struct uuid target, struct fail *f)
{
	struct el_key from = {.body = e->body}, key;
	while (e->ref_count) {
		OWN(store_el_iter) struct store_el_iter *it = NULL;
		struct misp_ref row;
		TRY(store_el_iter_new(store_view(w), EL_REF, from, false, &it));
		enum err err = store_el_iter_next(it, op->arena, &key, &row);
		if (err == ERR_NOENT)
			return ERR_OK;
		TRY(err);
		from = key;
		from.id++;
		if (uuid_eq(row.referenced_uuid, target) && !row.deleted)
			TRY(delete_one(op, w, e, EL_REF, key, f));
	}
	return ERR_OK;
}

/* An element with what hangs below it. */
static enum err delete_whole(struct op *op, struct store_wtxn *w, struct misp_event *e,
			     struct el_key key, struct fail *f)
{
	union any_row row;
	bool was;
	TRY(store_el_get(store_view(w), op->kind, key, op->arena, &row));
	struct uuid u = mark_deleted(op->kind, &row, true, &was);
	if (op->kind == EL_OBJECT) {
		TRY(delete_below(op, w, e, EL_ATTR, key.id, f));
		TRY(delete_below(op, w, e, EL_REF, key.id, f));
	}
	if (op->kind == EL_ATTR || op->kind == EL_OBJECT)
		TRY(delete_refs_to(op, w, e, u, f));
	return delete_one(op, w, e, op->kind, key, f);
}

static enum err run_delete_many(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct op *op = arg;
	struct misp_event e;
	TRY(event_of(op, w, &e, f));
	for (uint32_t i = 0; i < op->n_many; i++) {
		struct el_key key = {e.body, op->many[i].parent, op->many[i].id};
		enum err err = delete_whole(op, w, &e, key, f);
		if (err != ERR_NOENT)
			TRY(err);
	}
	return event_touched(op, w, &e, f);
}

static enum err run_delete(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct op *op = arg;
	struct misp_event e;
	TRY(event_of(op, w, &e, f));
	TRY(delete_whole(op, w, &e, (struct el_key){e.body, op->parent, op->id}, f));
	if (op->kind == EL_SIGHTING || op->quiet)
		return store_event_put(w, op->adm, &e, f);
	return event_touched(op, w, &e, f);
}

enum err ingest_el_delete(const struct ingest_env *env, enum element_kind k, uint64_t id, bool hard,
			  const struct origin *o, struct fail *f)
{
	struct op op = {.env = env, .origin = o, .kind = k, .id = id, .hard = hard};
	TRY(locate(&op, f));
	return run_op(&op, run_delete, f);
}

#define DELETE_BATCH 200

enum err ingest_attrs_delete(const struct ingest_env *env, uint64_t event_id,
			     const struct search_id *ids, uint32_t n, bool hard,
			     const struct origin *o, struct fail *f)
{
	for (uint32_t at = 0; at < n; at += DELETE_BATCH) {
		struct op op = {.env = env,
				.origin = o,
				.kind = EL_ATTR,
				.event_id = event_id,
				.many = ids + at,
				.n_many = MIN(n - at, DELETE_BATCH),
				.hard = hard};
		TRY(run_op(&op, run_delete_many, f));
	}
	return ERR_OK;
}

enum err ingest_el_take_back(const struct ingest_env *env, enum element_kind k, uint64_t id,
			     const struct origin *o, struct fail *f)
{
	struct op op = {.env = env, .origin = o, .kind = k, .id = id, .hard = true, .quiet = true};
	TRY(locate(&op, f));
	return run_op(&op, run_delete, f);
}

static enum err run_restore(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct op *op = arg;
	struct misp_event e;
	struct misp_attr row;
	TRY(event_of(op, w, &e, f));
	struct el_key key = {e.body, op->parent, op->id};
	TRY(store_el_get(store_view(w), EL_ATTR, key, op->arena, &row));
	if (!row.deleted)
		return fail(f, ERR_NOENT, "Invalid Attribute");
	row.deleted = false;
	row.timestamp = clock_now();
	e.attribute_count++;
	TRY(store_el_put(w, op->adm, EL_ATTR, key, &row, f));
	TRY(note(op, w, CHANGE_EDIT, CHANGE_EL(EL_ATTR), row.id, key.parent, row.uuid, f));
	return event_touched(op, w, &e, f);
}

enum err ingest_attr_restore(const struct ingest_env *env, uint64_t id, const struct origin *o,
			     struct fail *f)
{
	struct op op = {.env = env, .origin = o, .kind = EL_ATTR, .id = id};
	TRY(locate(&op, f));
	return run_op(&op, run_restore, f);
}

/* Newer than the deletion, so that it travels (sync-protocol.md 12.2, 11). */
static enum err run_report_restore(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct op *op = arg;
	struct misp_event e;
	struct misp_report row;
	TRY(event_of(op, w, &e, f));
	struct el_key key = {e.body, 0, op->id};
	TRY(store_el_get(store_view(w), EL_REPORT, key, op->arena, &row));
	struct uuid u = row.uuid;
	row.deleted = false;
	row.timestamp = MAX(clock_now(), row.timestamp + 1);
	TRY(store_el_put(w, op->adm, EL_REPORT, key, &row, f));
	TRY(note(op, w, CHANGE_EDIT, CHANGE_EL(EL_REPORT), op->id, 0, u, f));
	return event_touched(op, w, &e, f);
}

enum err ingest_report_restore(const struct ingest_env *env, uint64_t id, const struct origin *o,
			       struct fail *f)
{
	struct op op = {.env = env, .origin = o, .kind = EL_REPORT, .id = id};
	TRY(locate(&op, f));
	return run_op(&op, run_report_restore, f);
}

/* ---- events ---- */

static enum err run_sightings_publish(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct op *op = arg;
	struct misp_event e;
	TRY(event_of(op, w, &e, f));
	/* peers remember at which one they fetched: it never stays */
	e.sighting_timestamp = MAX(clock_now(), e.sighting_timestamp + 1);
	TRY(store_event_put(w, op->adm, &e, f));
	return note(op, w, CHANGE_EDIT, CHANGE_TABLE(T_EVENT), e.id, 0, e.uuid, f);
}

enum err ingest_sightings_publish(const struct ingest_env *env, uint64_t event_id,
				  const struct origin *o, struct fail *f)
{
	struct op op = {.env = env, .origin = o, .id = event_id, .event_id = event_id};
	return run_op(&op, run_sightings_publish, f);
}

static enum err block(struct store_wtxn *w, const struct misp_event *e, struct fail *f)
{
	struct misp_org orgc = {0};
	enum err err = store_get(store_view(w), T_ORG, e->orgc_id, NULL, &orgc);
	if (err != ERR_OK && err != ERR_NOENT)
		return err;
	struct misp_block b = {.id = store_new_row_id(w, T_BLOCK),
			       .kind = 0,
			       .uuid = e->uuid,
			       .created = clock_now(),
			       .info = e->info,
			       .comment = STR("Automatically blocked by deleting event"),
			       .orgc = orgc.name};
	err = store_put(w, T_BLOCK, b.id, &b, f);
	return err == ERR_EXISTS ? ERR_OK : err;
}

static enum err run_event_delete(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct op *op = arg;
	struct misp_event e;
	TRY(event_of(op, w, &e, f));
	if (op->flag)
		TRY(block(w, &e, f));
	TRY(ingest_embargoes_keep(w, &e, f));
	TRY(ingest_bury(w, CHANGE_TABLE(T_EVENT), e.uuid, MAX(clock_now(), e.timestamp), f));
	TRY(store_event_del(w, e.id, f));
	return note(op, w, CHANGE_DELETE, CHANGE_TABLE(T_EVENT), e.id, 0, e.uuid, f);
}

enum err ingest_event_delete(const struct ingest_env *env, uint64_t id, bool blocklist,
			     const struct origin *o, struct fail *f)
{
	struct op op = {.env = env, .origin = o, .id = id, .event_id = id, .flag = blocklist};
	return run_op(&op, run_event_delete, f);
}

static enum err run_publish(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct op *op = arg;
	struct misp_event e;
	TRY(event_of(op, w, &e, f));
	e.published = op->flag;
	if (op->flag)
		e.publish_timestamp = clock_now();
	TRY(store_event_put(w, op->adm, &e, f));
	return note(op, w, op->flag ? CHANGE_PUBLISH : CHANGE_EDIT, CHANGE_TABLE(T_EVENT), e.id, 0,
		    e.uuid, f);
}

enum err ingest_publish(const struct ingest_env *env, uint64_t id, bool publish,
			const struct origin *o, struct fail *f)
{
	struct op op = {.env = env, .origin = o, .id = id, .event_id = id, .flag = publish};
	return run_op(&op, run_publish, f);
}

/* The new owner is the creator, too: so it may change what it takes over, and others learn who speaks. */
static enum err run_transfer(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct op *op = arg;
	const struct ingest_transfer *x = op->transfer;
	struct misp_event e;
	struct misp_delegation d;
	TRY(event_of(op, w, &e, f));
	enum err err = store_get(store_view(w), T_DELEGATION, x->delegation_id, NULL, &d);
	if (err != ERR_OK || d.event_id != e.id || d.org_id != x->org_id)
		return fail(f, err == ERR_OK ? ERR_NOENT : err, "Invalid delegation");
	e.org_id = e.orgc_id = x->org_id;
	e.user_id = x->user_id;
	e.distribution = x->distribution;
	e.sharing_group_id = x->distribution == DIST_GROUP ? x->sharing_group_id : 0;
	TRY(event_touched(op, w, &e, f));
	TRY(store_del(w, T_DELEGATION, x->delegation_id, f));
	return note(op, w, CHANGE_DELETE, CHANGE_TABLE(T_DELEGATION), x->delegation_id, 0, UUID_NIL, f);
}

enum err ingest_event_transfer(const struct ingest_env *env, uint64_t event_id,
			       const struct ingest_transfer *x, const struct origin *o,
			       struct fail *f)
{
	struct op op = {.env = env, .origin = o, .id = event_id, .event_id = event_id, .transfer = x};
	return run_op(&op, run_transfer, f);
}

/* ---- tags ---- */

/* Put the tag into (or take it out of) a list; false when nothing changes. */
static bool tag_list_change(struct op *op, struct entity_list *tags, bool attach)
{
	struct misp_tagref *v = ARENA_ARRAY(op->arena, struct misp_tagref, tags->n + 1);
	uint32_t n = 0, at = UINT32_MAX;
	if (!v)
		return false;
	LIST_EACH(t, *tags, struct misp_tagref) {
		if (t->tag_id == op->tag_id)
			at = n;
		v[n++] = *t;
	}
	if (attach == (at != UINT32_MAX))
		return false;
	if (attach)
		v[n++] = (struct misp_tagref){.tag_id = op->tag_id,
					      .local = op->local,
					      .relationship_type = op->relationship};
	else {
		op->local = v[at].local;
		memmove(&v[at], &v[at + 1], (n - at - 1) * sizeof(*v));
		n--;
	}
	*tags = (struct entity_list){v, n};
	return true;
}

/* Refused, and noted in op->wants, when it takes a second person who has not approved it. */
static enum err guard(struct op *op, struct store_wtxn *w, const struct misp_event *e,
		      const struct misp_attr *attr, const struct entity_list *had,
		      struct entity_list *now, struct fail *f)
{
	struct tag_change x = {e,   attr ? attr->id : 0, attr ? attr->uuid : UUID_NIL,
			       had, now,		 op->arena};
	struct two_keys k = {0};
	if (op->approval_id)
		return ERR_OK;
	TRY(two_keys_check(op->env, w, &x, false, &k, f));
	op->wants = k;
	return k.n ? fail(f, ERR_PERM, "This needs two persons.") : ERR_OK;
}

/* Local tags change neither timestamps nor the published state. */
static enum err tag_event(struct op *op, struct store_wtxn *w, struct misp_event *e, bool attach,
			  struct fail *f)
{
	struct entity_list had = e->tags;
	op->already = !tag_list_change(op, &e->tags, attach);
	if (op->already)
		return ERR_OK;
	TRY(guard(op, w, e, NULL, &had, &e->tags, f));
	if (!op->local)
		return event_touched(op, w, e, f);
	TRY(store_event_put(w, op->adm, e, f));
	return note(op, w, CHANGE_EDIT, CHANGE_TABLE(T_EVENT), e->id, 0, e->uuid, f);
}

static enum err tag_attr(struct op *op, struct store_wtxn *w, struct misp_event *e, bool attach,
			 struct fail *f)
{
	struct el_key key = {e->body, op->parent, op->id}, okey = {e->body, 0, op->parent};
	struct misp_attr row;
	struct misp_object object;
	TRY(store_el_get(store_view(w), EL_ATTR, key, op->arena, &row));
	TRY(entity_copy(op->arena, &desc_misp_attr, &row, &row));
	struct entity_list had = row.tags;
	op->already = !tag_list_change(op, &row.tags, attach);
	if (op->already)
		return ERR_OK;
	TRY(guard(op, w, e, &row, &had, &row.tags, f));
	if (!op->local)
		row.timestamp = clock_now();
	TRY(store_el_put(w, op->adm, EL_ATTR, key, &row, f));
	TRY(note(op, w, CHANGE_EDIT, CHANGE_EL(EL_ATTR), row.id, key.parent, row.uuid, f));
	if (op->local)
		return note(op, w, CHANGE_EDIT, CHANGE_TABLE(T_EVENT), e->id, 0, e->uuid, f);
	if (op->parent) {
		TRY(store_el_get(store_view(w), EL_OBJECT, okey, op->arena, &object));
		object.timestamp = row.timestamp;
		TRY(store_el_put(w, op->adm, EL_OBJECT, okey, &object, f));
		TRY(note(op, w, CHANGE_EDIT, CHANGE_EL(EL_OBJECT), okey.id, 0, object.uuid, f));
	}
	return event_touched(op, w, e, f);
}

static enum err run_tag(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct op *op = arg;
	struct approval p;
	struct misp_event e;
	if (op->approval_id) {
		struct misp_tagref ref = {0};
		TRY(two_keys_approved(w, op->approval_id, op->approver, op->arena, &p, f));
		ref.name = p.tag;
		TRY(ingest_tag_capture(w, &ref, &op->tag_id, f));
	}
	TRY(event_of(op, w, &e, f));
	return op->kind == EL_ATTR ? tag_attr(op, w, &e, op->flag, f)
				   : tag_event(op, w, &e, op->flag, f);
}

static enum err tag_op(struct op *op, struct fail *f)
{
	if (op->kind == EL_ATTR)
		TRY(locate(op, f));
	else
		op->event_id = op->id;
	enum err e = run_op(op, run_tag, f);
	return e == ERR_PERM && op->wants.n ? two_keys_ask(op->env, op->origin, &op->wants, f) : e;
}

enum err approval_approve(const struct ingest_env *env, uint64_t id, const struct approver *who,
			  const struct origin *o, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(1 << 16);
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct approval p;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(store_read(env->store, &t, f));
	enum err e = approval_get(t, id, a, &p);
	store_read_end(MOVE(t));
	if (e != ERR_OK)
		return fail(f, e, "There is no approval %llu.", (unsigned long long)id);
	struct op op = {.env = env,
			.origin = o,
			.kind = p.attr_id ? EL_ATTR : EL_COUNT,
			.id = p.attr_id ? p.attr_id : p.event_id,
			.local = p.local,
			.flag = p.attach,
			.approval_id = id,
			.approver = who};
	return tag_op(&op, f);
}

enum err ingest_tag_attach(const struct ingest_env *env, enum element_kind k, uint64_t id,
			   uint64_t tag_id, bool local, struct str relationship,
			   const struct origin *o, bool *already, struct fail *f)
{
	struct op op = {.env = env,
			.origin = o,
			.kind = k,
			.id = id,
			.tag_id = tag_id,
			.local = local,
			.relationship = relationship,
			.flag = true};
	TRY(tag_op(&op, f));
	*already = op.already;
	return ERR_OK;
}

enum err ingest_tag_detach(const struct ingest_env *env, enum element_kind k, uint64_t id,
			   uint64_t tag_id, const struct origin *o, struct fail *f)
{
	struct op op = {.env = env, .origin = o, .kind = k, .id = id, .tag_id = tag_id};
	TRY(tag_op(&op, f));
	return op.already ? fail(f, ERR_NOENT, "tag is not attached") : ERR_OK;
}

/* ---- references ---- */

static enum err run_ref(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct op *op = arg;
	struct misp_event e;
	struct misp_object object;
	struct misp_ref r = *op->ref;
	struct index_uuid target, mine;
	TRY(event_of(op, w, &e, f));
	struct el_key okey = {e.body, 0, op->id};
	TRY(store_el_get(store_view(w), EL_OBJECT, okey, op->arena, &object));
	TRY(entity_copy(op->arena, &desc_misp_object, &object, &object));
	enum err err = index_uuid_find(op->env->index, r.referenced_uuid, &target);
	if (err != ERR_OK || target.event_id != e.id ||
	    (target.kind != CHANGE_EL(EL_ATTR) && target.kind != CHANGE_EL(EL_OBJECT)))
		return fail(f, ERR_NOENT, "Invalid target.");
	struct el_key key = {e.body, op->id, store_new_el_id(w, EL_REF)};
	r.id = op->new_id = key.id;
	r.object_id = op->id;
	r.object_uuid = object.uuid;
	r.event_id = e.id;
	r.referenced_id = target.id;
	r.referenced_type = target.kind == CHANGE_EL(EL_OBJECT);
	r.timestamp = clock_now();
	mine = (struct index_uuid){CHANGE_EL(EL_REF), r.id, e.id, op->id};
	TRY(store_el_put(w, op->adm, EL_REF, key, &r, f));
	TRY(index_uuid_pending(op->env->index, r.uuid, &mine));
	TRY(note(op, w, CHANGE_ADD, CHANGE_EL(EL_REF), r.id, op->id, r.uuid, f));
	object.timestamp = r.timestamp;
	TRY(store_el_put(w, op->adm, EL_OBJECT, okey, &object, f));
	TRY(note(op, w, CHANGE_EDIT, CHANGE_EL(EL_OBJECT), op->id, 0, object.uuid, f));
	e.ref_count++;
	return event_touched(op, w, &e, f);
}

enum err ingest_ref_add(const struct ingest_env *env, uint64_t object_id, struct uuid referenced,
			struct str relationship, struct str comment, struct uuid uuid,
			const struct origin *o, uint64_t *id, struct fail *f)
{
	struct misp_ref r = {.referenced_uuid = referenced,
			     .relationship_type = relationship,
			     .comment = comment,
			     .uuid = uuid_is_nil(uuid) ? uuid_random() : uuid};
	struct op op = {.env = env, .origin = o, .kind = EL_OBJECT, .id = object_id, .ref = &r};
	TRY(locate(&op, f));
	TRY(run_op(&op, run_ref, f));
	*id = op.new_id;
	return ERR_OK;
}
