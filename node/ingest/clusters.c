/*
 * clusters.c - galaxy clusters that others made: captured one by one (sync-protocol.md 5.3).
 *
 * Judged by the gate on the worker, then put by jobs of some clusters each: one commit for many.
 * What is not taken is counted with its reason and does not hold up the rest.
 */
#include "base/clock.h"
#include "ingest/ctx.h"
#include "model/pack.h"

#define BATCH 32
#define BATCH_ARENA (256u << 20)
#define JOB_ARENA (64u << 20)
#define REASONS_MAX 4096
#define IDS_MAX 100000u

static struct str uuid_key(const struct uuid *u)
{
	return (struct str){(const char *)u->b, sizeof(u->b)};
}

/* ---- parts ---- */

struct str ingest_cluster_tag(struct arena *a, struct str type, struct uuid u)
{
	char text[UUID_TEXT_LEN + 1];
	return arena_printf(a, "misp-galaxy:%.*s=\"%s\"", STR_ARG(type), uuid_format(u, text));
}

enum err ingest_cluster_get(struct store_wtxn *w, uint64_t id, struct arena *a,
			    struct misp_cluster *out, struct fail *f)
{
	struct misp_cluster row;
	enum err e = store_get(store_view(w), T_CLUSTER, id, a, &row);
	if (e == ERR_OK) /* what a job reads is lent until its next write */
		e = entity_copy(a, &desc_misp_cluster, &row, out);
	return e == ERR_OK ? e : fail(f, e, "Invalid galaxy cluster");
}

enum err ingest_cluster_change(struct store_wtxn *w, enum change_op op,
			       const struct misp_cluster *c, const struct origin *o,
			       struct fail *f)
{
	struct change ch = {.op = op,
			    .kind = CHANGE_TABLE(T_CLUSTER),
			    .id = c->id,
			    .uuid = c->uuid,
			    .time = clock_now()};
	if (o)
		ch.origin = *o;
	return store_change(w, &ch, f);
}

static enum err blocked(struct store_wtxn *w, enum block_kind kind, struct uuid u, bool *yes)
{
	char key[17] = {(char)kind};
	uint64_t id;
	*yes = false;
	if (uuid_is_nil(u))
		return ERR_OK;
	memcpy(key + 1, u.b, 16);
	enum err e = store_find(store_view(w), IX_BLOCK_UUID, (struct str){key, sizeof(key)}, &id);
	*yes = e == ERR_OK;
	return e == ERR_NOENT ? ERR_OK : e;
}

enum err ingest_cluster_group(struct store_wtxn *w, const struct admit_facts *facts,
			      const struct entity_list *group, uint8_t *distribution,
			      uint64_t *sg_id, struct fail *f)
{
	struct fail why = {0};
	struct misp_sg known;
	enum err e = ERR_PERM;
	if (*distribution != DIST_GROUP) {
		*sg_id = 0;
		return ERR_OK;
	}
	if (group->n)
		e = ingest_sg_capture(w, LIST_AT(*group, struct misp_sg, 0), facts, false, sg_id,
				      &why);
	else if (*sg_id)
		e = store_get(store_view(w), T_SG, *sg_id, NULL, &known);
	if (e == ERR_OK)
		return ERR_OK;
	if (e != ERR_PERM && e != ERR_NOENT && e != ERR_INVAL) {
		if (f)
			*f = why;
		return e;
	}
	*distribution = DIST_ORG;
	*sg_id = 0;
	return ERR_OK;
}

/* ---- galaxies ---- */

static bool newer(struct str a, struct str b)
{
	uint64_t x = 0, y = 0;
	return str_u64(a, &x) && (!str_u64(b, &y) || x > y);
}

/* A newer description of a galaxy that we have. Its type makes tags and never changes. */
static enum err galaxy_refresh(struct store_wtxn *w, uint64_t id, const struct misp_galaxy *g,
			       struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(1 << 20);
	struct misp_galaxy row, now;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(store_get(store_view(w), T_GALAXY, id, a, &row));
	if (!g->name.n || !str_eq(g->type, row.type) || !newer(g->version, row.version))
		return ERR_OK;
	TRY(entity_copy(a, &desc_misp_galaxy, &row, &now));
	now.name = g->name;
	now.version = g->version;
	now.description = g->description.p ? g->description : now.description;
	now.icon = g->icon.n ? g->icon : now.icon;
	now.namespace_ = g->namespace_.n ? g->namespace_ : now.namespace_;
	now.kill_chain_order = g->kill_chain_order.n ? g->kill_chain_order : now.kill_chain_order;
	TRY(store_put(w, T_GALAXY, id, &now, f));
	struct change ch = {.op = CHANGE_EDIT,
			    .kind = CHANGE_TABLE(T_GALAXY),
			    .id = id,
			    .uuid = now.uuid,
			    .time = clock_now()};
	return store_change(w, &ch, f);
}

enum err ingest_galaxy_capture(struct store_wtxn *w, const struct admit_facts *facts,
			       const struct misp_galaxy *g, uint64_t *id, struct fail *f)
{
	bool may = facts->perm_galaxy_editor || facts->site_admin || facts->pull ||
		   facts->kind == AUD_FEED;
	*id = 0;
	if (uuid_is_nil(g->uuid))
		return ERR_OK;
	enum err e = store_find(store_view(w), IX_GALAXY_UUID, uuid_key(&g->uuid), id);
	if (e == ERR_OK)
		return may ? galaxy_refresh(w, *id, g, f) : ERR_OK;
	if (e != ERR_NOENT || !may || !g->name.n || !g->type.n) {
		*id = 0;
		return e == ERR_NOENT ? ERR_OK : e;
	}
	struct misp_galaxy row = *g;
	row.id = *id = store_new_row_id(w, T_GALAXY);
	TRY(store_put(w, T_GALAXY, row.id, &row, f));
	struct change ch = {.op = CHANGE_ADD,
			    .kind = CHANGE_TABLE(T_GALAXY),
			    .id = row.id,
			    .uuid = row.uuid,
			    .time = clock_now()};
	return store_change(w, &ch, f);
}

/* ---- relations ---- */

/* Numbers of relations: counted in a value of its own, they have no table. */
static enum err next_relation(struct store_wtxn *w, uint64_t *id, struct fail *f)
{
	const struct str name = STR("galaxy/last_relation");
	struct buf b = BUF(32);
	struct str have;
	uint64_t last = 0;
	enum err e = store_kv_get(store_view(w), name, &have);
	if (e == ERR_OK && !str_u64(have, &last))
		return fail(f, ERR_CORRUPT, "number of the last relation");
	if (e != ERR_OK && e != ERR_NOENT)
		return e;
	*id = last + 1;
	buf_u64(&b, *id);
	e = store_kv_put(w, name, buf_str(&b), f);
	buf_free(&b);
	return e;
}

/* Tags that are not known are made only for those who may. */
static enum err relation_tags(struct store_wtxn *w, const struct admit_facts *facts,
			      struct entity_list *tags, struct arena *a, struct fail *f)
{
	bool may = facts->perm_tag_editor || facts->site_admin || facts->pull;
	struct misp_tagref *out = tags->n ? ARENA_ARRAY(a, struct misp_tagref, tags->n) : NULL;
	uint32_t n = 0;
	if (tags->n && !out)
		return fail(f, ERR_LIMIT, "no memory for tags");
	LIST_EACH(t, *tags, struct misp_tagref) {
		uint64_t id = t->tag_id;
		bool twice = false;
		if (!id) {
			enum err e = may ? ingest_tag_capture(w, t, &id, f)
					 : store_find(store_view(w), IX_TAG_NAME, t->name, &id);
			if (e == ERR_NOENT || e == ERR_INVAL)
				continue;
			TRY(e);
		}
		for (uint32_t i = 0; i < n; i++)
			twice |= out[i].tag_id == id;
		if (!twice)
			out[n++] = (struct misp_tagref){.tag_id = id, .local = t->local};
	}
	*tags = (struct entity_list){n ? out : NULL, n};
	return ERR_OK;
}

static struct misp_clusterrel *same_relation(const struct entity_list *l, uint32_t n,
					     const struct misp_clusterrel *r)
{
	struct misp_clusterrel *v = l->v;
	for (uint32_t i = 0; i < n; i++)
		if (uuid_eq(v[i].target, r->target) && str_eq(v[i].type, r->type))
			return &v[i];
	return NULL;
}

enum err ingest_cluster_relations(struct store_wtxn *w, const struct admit_facts *facts,
				  const struct entity_list *old, struct entity_list *rels,
				  struct arena *a, struct fail *f)
{
	struct misp_clusterrel *v = rels->n ? ARENA_ARRAY(a, struct misp_clusterrel, rels->n) : NULL;
	struct entity_list out = {v, 0};
	if (rels->n && !v)
		return fail(f, ERR_LIMIT, "no memory for relations");
	LIST_EACH(r, *rels, struct misp_clusterrel) {
		if (same_relation(&out, out.n, r))
			continue;
		struct misp_clusterrel *x = &v[out.n];
		const struct misp_clusterrel *was = same_relation(old, old->n, r);
		*x = *r;
		TRY(ingest_cluster_group(w, facts, &r->sharing_group, &x->distribution,
					 &x->sharing_group_id, f));
		TRY(relation_tags(w, facts, &x->tags, a, f));
		x->id = was ? was->id : r->id;
		if (!x->id)
			TRY(next_relation(w, &x->id, f));
		out.n++;
	}
	*rels = out;
	return ERR_OK;
}

/* ---- one cluster ---- */

static enum err refuse(struct cluster_capture *out, enum cluster_fate fate, const char *why)
{
	out->fate = fate;
	out->why = why;
	return ERR_OK;
}

static enum err creator(struct store_wtxn *w, const struct admit_facts *facts,
			const struct misp_cluster *in, uint64_t *id, struct fail *f)
{
	const struct misp_org *orgc = in->orgc.n ? LIST_AT(in->orgc, struct misp_org, 0) : NULL;
	*id = facts->org_id;
	if (!orgc || (uuid_is_nil(orgc->uuid) && !orgc->name.n))
		return ERR_OK;
	return ingest_org_capture(w, orgc, false, id, f);
}

static enum err add(struct store_wtxn *w, const struct admit_facts *facts, const struct origin *o,
		    const struct misp_cluster *in, const struct misp_galaxy *g, struct arena *a,
		    struct cluster_capture *out, struct fail *f)
{
	static const struct entity_list none;
	struct misp_cluster c = *in;
	struct misp_galaxy row;
	TRY(ingest_galaxy_capture(w, facts, g, &c.galaxy_id, f));
	if (!c.galaxy_id)
		return refuse(out, CLUSTER_FAILED,
			      "The galaxy of the cluster is not known, and was not given in full.");
	if (!c.type.n) {
		TRY(store_get(store_view(w), T_GALAXY, c.galaxy_id, a, &row));
		c.type = arena_str(a, row.type);
	}
	c.tag_name = ingest_cluster_tag(a, c.type, c.uuid);
	TRY(creator(w, facts, in, &c.orgc_id, f));
	TRY(ingest_cluster_group(w, facts, &in->sharing_group, &c.distribution, &c.sharing_group_id,
				 f));
	TRY(ingest_cluster_relations(w, facts, &none, &c.relations, a, f));
	out->id = c.id = store_new_row_id(w, T_CLUSTER);
	TRY(store_put(w, T_CLUSTER, c.id, &c, f));
	return ingest_cluster_change(w, c.published ? CHANGE_PUBLISH : CHANGE_ADD, &c, o, f);
}

/* Members that the document gives; owner, creator, galaxy and tag stay. */
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
	TAKE(authors);
	TAKE(collection_uuid);
	TAKE(extends_uuid);
	TAKE(extends_version);
	TAKE(published);
	TAKE(deleted);
#undef TAKE
	if (in->elements.n)
		c->elements = in->elements;
	c->version = in->version;
}

static enum err update(struct store_wtxn *w, const struct admit_facts *facts,
		       const struct origin *o, uint64_t id, const struct misp_cluster *in,
		       struct arena *a, struct cluster_capture *out, struct fail *f)
{
	struct misp_cluster c;
	TRY(ingest_cluster_get(w, id, a, &c, f));
	out->id = id;
	if (c.default_ || (!c.locked && !facts->internal_link))
		return refuse(out, CLUSTER_FAILED,
			      "Blocked an edit to an cluster that was created locally. This can "
			      "happen if a synchronised cluster that was created on this instance "
			      "was modified by an administrator on the remote side.");
	if (!newer(in->version, c.version))
		return refuse(out, CLUSTER_IGNORED,
			      "Remote version is not newer than local one for cluster");
	take_members(&c, in);
	if (ENTITY_HAS(in, CLUSTER_F_distribution)) {
		c.distribution = in->distribution;
		c.sharing_group_id = in->sharing_group_id;
		TRY(ingest_cluster_group(w, facts, &in->sharing_group, &c.distribution,
					 &c.sharing_group_id, f));
	}
	if (in->relations.n) {
		struct entity_list rels = in->relations;
		TRY(ingest_cluster_relations(w, facts, &c.relations, &rels, a, f));
		c.relations = rels;
	}
	if (!str_trim(c.value).n)
		return refuse(out, CLUSTER_FAILED, "The cluster has no value.");
	TRY(store_put(w, T_CLUSTER, id, &c, f));
	return ingest_cluster_change(w, c.published ? CHANGE_PUBLISH : CHANGE_EDIT, &c, o, f);
}

enum err ingest_cluster_capture(struct store_wtxn *w, const struct admit_facts *facts,
				const struct origin *o, const struct misp_cluster *c,
				const struct misp_galaxy *g, struct arena *a,
				struct cluster_capture *out, struct fail *f)
{
	const struct misp_org *orgc = c->orgc.n ? LIST_AT(c->orgc, struct misp_org, 0) : NULL;
	bool yes;
	uint64_t id;
	*out = (struct cluster_capture){CLUSTER_IMPORTED, NULL, 0};
	TRY(blocked(w, BLOCK_CLUSTER, c->uuid, &yes));
	if (yes)
		return refuse(out, CLUSTER_IGNORED, "The cluster is on the block list.");
	TRY(blocked(w, BLOCK_ORG, orgc ? orgc->uuid : UUID_NIL, &yes));
	if (yes)
		return refuse(out, CLUSTER_IGNORED, "The creator of the cluster is on the block list.");
	enum err e = store_find(store_view(w), IX_CLUSTER_UUID, uuid_key(&c->uuid), &id);
	if (e == ERR_NOENT)
		return add(w, facts, o, c, g, a, out, f);
	TRY(e);
	return update(w, facts, o, id, c, a, out, f);
}

/* ---- documents ---- */

struct batch {
	const struct admit_facts *facts;
	const struct origin *origin;
	struct element *els;
	struct cluster_capture got[BATCH];
	unsigned n;
};

static enum err run_batch(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct batch *b = arg;
	for (unsigned i = 0; i < b->n; i++) {
		OWN(arena) struct arena *a = arena_new(JOB_ARENA);
		if (!a)
			return fail(f, ERR_NOMEM, "no memory");
		TRY(ingest_cluster_capture(w, b->facts, b->origin, &b->els[i].cluster,
					   &b->els[i].galaxy, a, &b->got[i], f));
	}
	return ERR_OK;
}

struct reasons {
	struct buf b;
};

static void reason(struct reasons *r, struct str why)
{
	if (!why.n || str_find(buf_str(&r->b), why) >= 0 || r->b.n + why.n + 2 > REASONS_MAX)
		return;
	if (r->b.n)
		buf_puts(&r->b, ", ");
	buf_str_add(&r->b, why);
}

static void count(struct ingest_clusters *out, struct reasons *r, const struct cluster_capture *c,
		  uint64_t max)
{
	switch (c->fate) {
	case CLUSTER_IMPORTED:
		out->imported++;
		if (out->ids && out->n_ids < max)
			out->ids[out->n_ids++] = c->id;
		break;
	case CLUSTER_IGNORED:
		out->ignored++;
		break;
	case CLUSTER_FAILED:
		out->failed++;
		break;
	}
	reason(r, str_c(c->why ? c->why : ""));
}

/* The next clusters that the gate lets in; *end tells that there are no more. */
static enum err fill(struct batch *b, const struct admitted *adm, struct raw_cursor *cur,
		     struct arena *a, struct ingest_clusters *out, struct reasons *r, bool *end,
		     struct fail *f)
{
	arena_reset(a);
	b->n = 0;
	b->els = ARENA_ARRAY(a, struct element, BATCH);
	if (!b->els)
		return fail(f, ERR_NOMEM, "no memory");
	while (b->n < BATCH && arena_used(a) < BATCH_ARENA / 4) {
		struct element *e = &b->els[b->n];
		struct fail why = {0};
		enum err err = raw_next(cur, a, e, f);
		*end = err == ERR_NOENT;
		if (*end)
			return ERR_OK;
		TRY(err);
		if (e->kind != EL_CLUSTER)
			continue;
		TRY(entity_copy(a, &desc_misp_cluster, &e->cluster, &e->cluster));
		TRY(entity_copy(a, &desc_misp_galaxy, &e->galaxy, &e->galaxy));
		err = gate_admit_element(adm, b->facts, a, e, &why);
		if (err == ERR_OK) {
			b->n++;
			continue;
		}
		if (err != ERR_INVAL) {
			if (f)
				*f = why;
			return err;
		}
		out->failed++;
		reason(r, str_c(why.text));
	}
	return ERR_OK;
}

enum err ingest_clusters(const struct ingest_env *env, struct raw_event **raw,
			 const struct origin *o, struct admit_facts *facts, struct arena *a,
			 struct ingest_clusters *out, struct fail *f)
{
	OWN(admitted) struct admitted *adm = NULL;
	OWN(raw_cursor) struct raw_cursor *cur = NULL;
	OWN(arena) struct arena *mem = arena_new(BATCH_ARENA);
	struct reasons why = {BUF(REASONS_MAX + 16)};
	struct batch b = {.facts = facts, .origin = o};
	bool end = false;
	uint64_t max = 0;
	*out = (struct ingest_clusters){.errors = STR_NONE};
	if (!mem)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(ingest_facts_groups(env, *raw, facts, f));
	struct policy *p = env->policy(env->user);
	enum err e = gate_admit(p, raw, o, facts, &adm, f);
	policy_unref(p);
	if (e == ERR_OK) {
		max = MIN(raw_count(admitted_raw(adm), EL_CLUSTER), (uint64_t)IDS_MAX);
		out->ids = ARENA_ARRAY(a, uint64_t, max + 1);
		cur = raw_cursor_new(admitted_raw(adm));
		e = cur ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
	}
	while (e == ERR_OK && !end) {
		e = fill(&b, adm, cur, mem, out, &why, &end, f);
		if (e == ERR_OK && b.n)
			e = store_run(env->store, run_batch, &b, f);
		for (unsigned i = 0; e == ERR_OK && i < b.n; i++)
			count(out, &why, &b.got[i], max);
	}
	if (why.b.n)
		out->errors = arena_str(a, buf_str(&why.b));
	buf_free(&why.b);
	return e;
}
