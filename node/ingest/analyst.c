/*
 * analyst.c - notes, opinions and relationships, taken in alone or inside of events, and deleted.
 *
 * They are rows of one table, found by their UUID and by that of what they are about, which need
 * not be here. Rules: sync-protocol.md 3.10, 4.10. They neither unpublish nor touch an event.
 */
#include "base/clock.h"
#include "ingest/ctx.h"
#include "metrics/metrics.h"
#include "model/datetime.h"
#include "model/pack.h"

#define STEP 500u
#define BLOCK_INFO_MAX 255

static struct str uuid_key(const struct uuid *u)
{
	return (struct str){(const char *)u->b, sizeof(u->b)};
}

static enum err note_change(struct store_wtxn *w, enum change_op op, uint64_t id, struct uuid uuid,
			    const struct origin *o, struct fail *f)
{
	struct change ch = {.op = op,
			    .kind = CHANGE_TABLE(T_ANALYST),
			    .id = id,
			    .time = clock_now(),
			    .uuid = uuid};
	if (o)
		ch.origin = *o;
	return store_change(w, &ch, f);
}

/* ---- who made it ---- */

static enum err org_uuid(struct store_wtxn *w, uint64_t id, struct uuid *out)
{
	struct misp_org org;
	*out = UUID_NIL;
	if (!id)
		return ERR_OK;
	enum err e = store_get(store_view(w), T_ORG, id, NULL, &org);
	if (e == ERR_OK)
		*out = org.uuid;
	return e == ERR_NOENT ? ERR_OK : e;
}

/* The owner is who brought it in; so is the creator when none is named. */
static enum err capture_orgs(struct ingest_ctx *c, struct store_wtxn *w, struct misp_analyst *n,
			     struct fail *f)
{
	uint64_t id = c->facts->org_id;
	TRY(org_uuid(w, id, &n->org_uuid));
	if (n->orgc.n)
		TRY(ingest_org_capture(w, LIST_AT(n->orgc, struct misp_org, 0), false, &id, f));
	return org_uuid(w, id, &n->orgc_uuid);
}

static enum err is_blocked(struct ingest_ctx *c, struct store_wtxn *w, const struct misp_analyst *n,
			   bool *blocked)
{
	TRY(ingest_blocked(store_view(w), BLOCK_ANALYST, n->uuid, blocked));
	if (*blocked || !n->orgc.n || c->analyst_mode == ANALYST_EDIT)
		return ERR_OK;
	return ingest_blocked(store_view(w), BLOCK_ORG, LIST_AT(n->orgc, struct misp_org, 0)->uuid,
			      blocked);
}

/* ---- one into the store ---- */

/* What a document gave replaces what is stored; who made it, and about what, stays. */
static void merge(struct misp_analyst *to, const struct misp_analyst *from)
{
#define TAKE(member)                                                                               \
	do {                                                                                       \
		if (ENTITY_HAS(from, ANALYST_F_##member))                                          \
			to->member = from->member;                                                 \
	} while (0)
	TAKE(authors);
	TAKE(note);
	TAKE(language);
	TAKE(opinion);
	TAKE(comment);
	TAKE(relationship_type);
	TAKE(related_object_uuid);
	TAKE(related_object_type);
	TAKE(distribution);
	TAKE(sharing_group_id);
#undef TAKE
	to->modified = from->modified;
}

static enum err put_row(struct ingest_ctx *c, struct store_wtxn *w, const struct misp_analyst *n,
			enum change_op op, struct fail *f)
{
	TRY(store_put(w, T_ANALYST, n->id, n, f));
	if (raw_root(admitted_raw(c->adm)) == RAW_ELEMENTS)
		ingest_ctx_id(c, EL_ANALYST, n->id, 0);
	return note_change(w, op, n->id, n->uuid, c->origin, f);
}

static enum err put_new(struct ingest_ctx *c, struct store_wtxn *w, struct misp_analyst *n,
			struct fail *f)
{
	bool refused;
	TRY(capture_orgs(c, w, n, f));
	TRY(ingest_capture_sg_of(c, w, &n->sharing_group, false, &n->distribution,
				 &n->sharing_group_id, &refused, f));
	n->id = store_new_row_id(w, T_ANALYST);
	c->out->added++;
	return put_row(c, w, n, CHANGE_ADD, f);
}

/* May this document change the stored one? */
static bool replaces(const struct ingest_ctx *c, const struct misp_analyst *row,
		     const struct misp_analyst *n)
{
	if (row->kind != n->kind)
		return false;
	if (c->analyst_mode == ANALYST_EDIT)
		return true;
	return (row->locked || c->facts->internal_link) && str_cmp(n->modified, row->modified) > 0;
}

/* Of two changes within a second the peers would miss the second: it counts as a second later. */
static enum err later_than(struct ingest_ctx *c, struct str was, struct str *modified)
{
	struct clock_civil t;
	int64_t us;
	int east;
	if (str_cmp(*modified, was) > 0 || !datetime_read(was, &us, &east))
		return ERR_OK;
	t = clock_to_civil(us / 1000000 + 1);
	*modified = arena_printf(c->arena, "%04d-%02d-%02d %02d:%02d:%02d", t.year, t.month, t.day,
				 t.hour, t.minute, t.second);
	return modified->p ? ERR_OK : ERR_LIMIT;
}

static enum err put_known(struct ingest_ctx *c, struct store_wtxn *w, uint64_t id,
			  struct misp_analyst *n, uint32_t index, struct fail *f)
{
	struct misp_analyst row;
	bool refused;
	TRY(store_get(store_view(w), T_ANALYST, id, NULL, &row));
	if (c->analyst_mode == ANALYST_ADD) {
		ingest_ctx_problem(c, index, "{\"uuid\":[\"The UUID provided is not unique\"]}");
		return ERR_OK;
	}
	if (!replaces(c, &row, n)) {
		bool local = !row.locked && !c->facts->internal_link;
		++*(local ? &c->out->local : &c->out->ignored);
		return ERR_OK;
	}
	/* what a job reads is lent until its next write */
	TRY(entity_copy(c->arena, &desc_misp_analyst, &row, &row));
	if (c->analyst_mode == ANALYST_EDIT)
		TRY(later_than(c, row.modified, &n->modified));
	merge(&row, n);
	TRY(ingest_capture_sg_of(c, w, &n->sharing_group, false, &row.distribution, &row.sharing_group_id,
				 &refused, f));
	c->out->updated++;
	return put_row(c, w, &row, CHANGE_EDIT, f);
}

/* What stands around it got its UUID here. */
static struct uuid about(struct ingest_ctx *c, const struct element *e)
{
	struct ordmap_slot *o, *a;
	if (!uuid_is_nil(e->analyst.object_uuid) || !e->parent)
		return uuid_is_nil(e->analyst.object_uuid) ? c->event.uuid : e->analyst.object_uuid;
	o = ingest_ordmap_at(&c->objects, e->parent, false);
	a = ingest_ordmap_at(&c->attrs, e->parent, false);
	return o ? o->uuid : a ? a->uuid : UUID_NIL;
}

enum err ingest_put_analyst(struct ingest_ctx *c, struct store_wtxn *w, struct element *e,
			    uint32_t index, struct fail *f)
{
	struct misp_analyst *n = &e->analyst;
	bool blocked;
	uint64_t id;
	n->object_uuid = about(c, e);
	if (uuid_is_nil(n->object_uuid)) {
		c->out->refused++;
		return ERR_OK;
	}
	TRY(is_blocked(c, w, n, &blocked));
	if (blocked) {
		c->out->ignored++;
		return ERR_OK;
	}
	enum err err = store_find(store_view(w), IX_ANALYST_UUID, uuid_key(&n->uuid), &id);
	if (err == ERR_NOENT)
		return put_new(c, w, n, f);
	return err == ERR_OK ? put_known(c, w, id, n, index, f) : err;
}

/* ---- documents of nothing else ---- */

static enum err run_put(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct ingest_job *j = arg;
	ingest_snap_back(j->c, &j->before);
	return ingest_pass_put(j->c, w, KIND(EL_ANALYST), f);
}

static enum err put_all(struct ingest_ctx *c, struct fail *f)
{
	OWN(raw_cursor) struct raw_cursor *cur = raw_cursor_new(admitted_raw(c->adm));
	bool end = false;
	if (!cur)
		return fail(f, ERR_NOMEM, "no memory");
	while (!end) {
		struct ingest_job j = {0};
		TRY(ingest_ctx_prepare(c, cur, KIND(EL_ANALYST), STEP, &end, f));
		if (c->n)
			TRY(ingest_step(c, &j, run_put, f));
	}
	return ERR_OK;
}

enum err ingest_analyst(const struct ingest_env *env, struct raw_event **raw,
			enum analyst_mode mode, const struct origin *o, struct admit_facts *facts,
			struct arena *a, struct ingest_result *out, struct fail *f)
{
	OWN(admitted) struct admitted *adm = NULL;
	struct ingest_ctx c;
	*out = (struct ingest_result){0};
	facts->is_edit = mode == ANALYST_EDIT;
	TRY(ingest_admit(env, raw, o, facts, &adm, f));
	ingest_ctx_init(&c, env, adm, facts, a, out);
	c.analyst_mode = mode;
	enum err e = put_all(&c, f);
	ingest_ctx_free(&c);
	metric_add(M_INGEST_ELEMENTS, o->kind, 0, (int64_t)(out->added + out->updated));
	return e;
}

/* ---- deleting ---- */

struct deletion {
	uint64_t id;
	bool blocklist;
	const struct origin *origin;
};

static enum err put_block(struct store_wtxn *w, const struct misp_analyst *n, struct fail *f)
{
	struct misp_org org = {0};
	uint64_t id;
	struct misp_block b = {.kind = BLOCK_ANALYST, .uuid = n->uuid, .created = clock_now()};
	b.info = str_sub(n->kind == ANALYST_NOTE    ? n->note :
			 n->kind == ANALYST_OPINION ? n->comment :
						      n->relationship_type,
			 0, BLOCK_INFO_MAX);
	if (store_find(store_view(w), IX_ORG_UUID, uuid_key(&n->orgc_uuid), &id) == ERR_OK &&
	    store_get(store_view(w), T_ORG, id, NULL, &org) == ERR_OK)
		b.orgc = org.name;
	b.comment = STR("");
	b.id = store_new_row_id(w, T_BLOCK);
	enum err e = store_put(w, T_BLOCK, b.id, &b, f);
	return e == ERR_EXISTS ? ERR_OK : e;
}

static enum err run_delete(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct deletion *d = arg;
	OWN(arena) struct arena *a = arena_new(16u << 20);
	struct misp_analyst row;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = store_get(store_view(w), T_ANALYST, d->id, NULL, &row);
	if (e != ERR_OK)
		return fail(f, e, "no such analyst data");
	TRY(entity_copy(a, &desc_misp_analyst, &row, &row));
	TRY(store_del(w, T_ANALYST, d->id, f));
	if (d->blocklist)
		TRY(put_block(w, &row, f));
	return note_change(w, CHANGE_DELETE, d->id, row.uuid, d->origin, f);
}

enum err ingest_analyst_delete(const struct ingest_env *env, uint64_t id, bool blocklist,
			       const struct origin *o, struct fail *f)
{
	struct deletion d = {.id = id, .blocklist = blocklist, .origin = o};
	return store_run(env->store, run_delete, &d, f);
}
