/*
 * cluster_ops.c - galaxy clusters of this node: made, changed, published, deleted, related.
 *
 * Each change makes the version grow, so that peers take it; content that changed is unpublished.
 */
#include "base/clock.h"
#include "ingest/ctx.h"
#include "model/pack.h"

#define OP_ARENA (64u << 20)

struct op {
	const struct admit_facts *facts;
	const struct origin *origin;
	struct arena *arena;
	struct element *el;
	uint64_t id, galaxy_id;
	bool flag;
	const struct misp_clusterrel *rel;
	uint64_t rel_id, new_rel_id;
};

/* The time, or one more than it was when it grew within this second. */
static struct str next_version(struct arena *a, struct str was)
{
	uint64_t now = (uint64_t)clock_now(), old = 0;
	if (str_u64(was, &old) && old >= now)
		now = old + 1;
	return arena_printf(a, "%llu", (unsigned long long)now);
}

static enum err touched(struct op *op, struct store_wtxn *w, struct misp_cluster *c,
			struct fail *f)
{
	c->version = next_version(op->arena, c->version);
	c->published = false;
	TRY(store_put(w, T_CLUSTER, c->id, c, f));
	return ingest_cluster_change(w, CHANGE_EDIT, c, op->origin, f);
}

static enum err run(const struct ingest_env *env, struct op *op, store_run_fn fn, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(OP_ARENA);
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	op->arena = a;
	return store_run(env->store, fn, op, f);
}

/* ---- made and changed here ---- */

static enum err run_add(struct store_wtxn *w, void *arg, struct fail *f)
{
	static const struct entity_list none;
	struct op *op = arg;
	struct misp_cluster c = op->el->cluster;
	struct misp_galaxy g;
	enum err e = store_get(store_view(w), T_GALAXY, op->galaxy_id, op->arena, &g);
	if (e != ERR_OK)
		return fail(f, e, "Galaxy not found");
	c.galaxy_id = g.id;
	c.type = arena_str(op->arena, g.type);
	c.tag_name = ingest_cluster_tag(op->arena, c.type, c.uuid);
	c.version = next_version(op->arena, STR_NONE);
	c.published = c.deleted = c.locked = false;
	TRY(ingest_cluster_group(w, op->facts, &c.sharing_group, &c.distribution,
				 &c.sharing_group_id, f));
	TRY(ingest_cluster_relations(w, op->facts, &none, &c.relations, op->arena, f));
	op->id = c.id = store_new_row_id(w, T_CLUSTER);
	TRY(store_put(w, T_CLUSTER, c.id, &c, f));
	return ingest_cluster_change(w, CHANGE_ADD, &c, op->origin, f);
}

static void take_members(struct misp_cluster *c, const struct misp_cluster *in)
{
#define TAKE(member)                                                                               \
	do {                                                                                       \
		if (ENTITY_HAS(in, CLUSTER_F_##member))                                            \
			c->member = in->member;                                                    \
	} while (0)
	TAKE(value);
	TAKE(description);
	TAKE(source);
	TAKE(extends_uuid);
	TAKE(extends_version);
	TAKE(elements);
#undef TAKE
	/* an edit that names no authors clears them, as recorded (galaxies 2272) */
	c->authors = ENTITY_HAS(in, CLUSTER_F_authors) ? in->authors : STR("[]");
}

static enum err run_edit(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct op *op = arg;
	const struct misp_cluster *in = &op->el->cluster;
	struct misp_cluster c;
	TRY(ingest_cluster_get(w, op->id, op->arena, &c, f));
	take_members(&c, in);
	if (!str_trim(c.value).n)
		return fail(f, ERR_INVAL, "The cluster has no value.");
	if (ENTITY_HAS(in, CLUSTER_F_distribution)) {
		c.distribution = in->distribution;
		c.sharing_group_id = in->sharing_group_id;
		TRY(ingest_cluster_group(w, op->facts, &in->sharing_group, &c.distribution,
					 &c.sharing_group_id, f));
	}
	if (ENTITY_HAS(in, CLUSTER_F_relations)) {
		struct entity_list rels = in->relations;
		TRY(ingest_cluster_relations(w, op->facts, &c.relations, &rels, op->arena, f));
		c.relations = rels;
	}
	return touched(op, w, &c, f);
}

enum err ingest_cluster_save(const struct ingest_env *env, uint64_t galaxy_id,
			     struct raw_event **raw, const struct origin *o,
			     struct admit_facts *facts, uint64_t *id, struct fail *f)
{
	OWN(admitted) struct admitted *adm = NULL;
	OWN(raw_cursor) struct raw_cursor *cur = NULL;
	OWN(arena) struct arena *a = arena_new(OP_ARENA);
	struct element el;
	struct op op = {.facts = facts, .origin = o, .el = &el, .id = *id, .galaxy_id = galaxy_id};
	facts->is_edit = *id != 0;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(ingest_facts_groups(env, *raw, facts, f));
	struct policy *p = env->policy(env->user);
	enum err e = gate_admit(p, raw, o, facts, &adm, f);
	policy_unref(p);
	TRY(e);
	cur = raw_cursor_new(admitted_raw(adm));
	if (!cur)
		return fail(f, ERR_NOMEM, "no memory");
	e = raw_next(cur, a, &el, f);
	if (e == ERR_NOENT)
		return fail(f, ERR_INVAL, "No galaxy cluster was given.");
	TRY(e);
	TRY(gate_admit_element(adm, facts, a, &el, f));
	e = run(env, &op, *id ? run_edit : run_add, f);
	if (e == ERR_OK)
		*id = op.id;
	return e;
}

/* ---- published, deleted ---- */

static enum err run_publish(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct op *op = arg;
	struct misp_cluster c;
	TRY(ingest_cluster_get(w, op->id, op->arena, &c, f));
	c.published = op->flag;
	TRY(store_put(w, T_CLUSTER, c.id, &c, f));
	return ingest_cluster_change(w, op->flag ? CHANGE_PUBLISH : CHANGE_EDIT, &c, op->origin, f);
}

enum err ingest_cluster_publish(const struct ingest_env *env, uint64_t id, bool publish,
				const struct origin *o, struct fail *f)
{
	struct op op = {.origin = o, .id = id, .flag = publish};
	return run(env, &op, run_publish, f);
}

static enum err block(struct store_wtxn *w, const struct misp_cluster *c, struct fail *f)
{
	struct misp_org orgc = {0};
	enum err e = store_get(store_view(w), T_ORG, c->orgc_id, NULL, &orgc);
	if (e != ERR_OK && e != ERR_NOENT)
		return e;
	struct misp_block b = {.kind = BLOCK_CLUSTER,
			       .uuid = c->uuid,
			       .created = clock_now(),
			       .info = c->value,
			       .comment = STR(""),
			       .orgc = orgc.name};
	b.id = store_new_row_id(w, T_BLOCK);
	e = store_put(w, T_BLOCK, b.id, &b, f);
	return e == ERR_EXISTS ? ERR_OK : e;
}

static enum err run_delete(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct op *op = arg;
	struct misp_cluster c;
	TRY(ingest_cluster_get(w, op->id, op->arena, &c, f));
	if (op->flag) {
		if (!c.default_)
			TRY(block(w, &c, f));
		TRY(store_del(w, T_CLUSTER, c.id, f));
	} else {
		c.deleted = true;
		c.published = false;
		TRY(store_put(w, T_CLUSTER, c.id, &c, f));
	}
	return ingest_cluster_change(w, CHANGE_DELETE, &c, op->origin, f);
}

enum err ingest_cluster_delete(const struct ingest_env *env, uint64_t id, bool hard,
			       const struct origin *o, struct fail *f)
{
	struct op op = {.origin = o, .id = id, .flag = hard};
	return run(env, &op, run_delete, f);
}

static enum err run_restore(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct op *op = arg;
	struct misp_cluster c;
	TRY(ingest_cluster_get(w, op->id, op->arena, &c, f));
	c.deleted = false;
	TRY(store_put(w, T_CLUSTER, c.id, &c, f));
	return ingest_cluster_change(w, CHANGE_EDIT, &c, op->origin, f);
}

enum err ingest_cluster_restore(const struct ingest_env *env, uint64_t id, const struct origin *o,
				struct fail *f)
{
	struct op op = {.origin = o, .id = id};
	return run(env, &op, run_restore, f);
}

/* ---- relations ---- */

/* All of the cluster's but the one that is replaced or goes, and room for one more. */
static enum err others(struct op *op, const struct misp_cluster *c, struct misp_clusterrel **v,
		       uint32_t *n, bool *gone, struct fail *f)
{
	*v = ARENA_ARRAY(op->arena, struct misp_clusterrel, c->relations.n + 1);
	*n = 0;
	*gone = false;
	if (!*v)
		return fail(f, ERR_LIMIT, "no memory for relations");
	LIST_EACH(r, c->relations, struct misp_clusterrel) {
		if (op->rel_id && r->id == op->rel_id)
			*gone = true;
		else
			(*v)[(*n)++] = *r;
	}
	return ERR_OK;
}

static enum err run_relate(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct op *op = arg;
	struct misp_cluster c;
	struct misp_clusterrel *v;
	uint32_t n;
	bool gone;
	TRY(ingest_cluster_get(w, op->id, op->arena, &c, f));
	TRY(others(op, &c, &v, &n, &gone, f));
	if (op->rel_id && !gone)
		return fail(f, ERR_NOENT, "Invalid relation");
	if (op->rel) {
		/* in front: of two equal ones the first is kept */
		memmove(v + 1, v, n * sizeof(*v));
		v[0] = *op->rel;
		v[0].id = op->rel_id;
		n++;
	}
	struct entity_list rels = {v, n};
	TRY(ingest_cluster_relations(w, op->facts, &c.relations, &rels, op->arena, f));
	if (op->rel)
		op->new_rel_id = LIST_AT(rels, struct misp_clusterrel, 0)->id;
	c.relations = rels;
	return touched(op, w, &c, f);
}

enum err ingest_relation_put(const struct ingest_env *env, uint64_t id,
			     const struct misp_clusterrel *rel, const struct origin *o,
			     const struct admit_facts *facts, uint64_t *rel_id, struct fail *f)
{
	struct op op = {.facts = facts, .origin = o, .id = id, .rel = rel, .rel_id = *rel_id};
	enum err e = run(env, &op, run_relate, f);
	if (e == ERR_OK)
		*rel_id = op.new_rel_id;
	return e;
}

enum err ingest_relation_del(const struct ingest_env *env, uint64_t id, uint64_t rel_id,
			     const struct origin *o, struct fail *f)
{
	struct admit_facts nobody = {.kind = AUD_MEMBER};
	struct op op = {.facts = &nobody, .origin = o, .id = id, .rel_id = rel_id};
	return run(env, &op, run_relate, f);
}
