/*
 * clusters.c - galaxies and galaxy clusters from the store through the gate: found by their members,
 * made ready with what their numbers stand for, sent slice by slice.
 */
#include <stdlib.h>

#include "egress/view.h"
#include "egress/witness.h"
#include "gate/seal.h"
#include "metrics/metrics.h"
#include "model/pack.h"
#include "search/search.h"

#define RUN_ARENA (64u << 20)
#define CLUSTER_ARENA (96u << 20)
#define CHUNK_MAX (64u << 20)
#define FOUND_MAX 1000000u
#define TAGGED_MAX 100000u

static struct str uuid_key(const struct uuid *u)
{
	return (struct str){(const char *)u->b, sizeof(u->b)};
}

static const struct misp_sg *sg_of(struct view *v, const struct misp_cluster *c)
{
	return c->distribution == DIST_GROUP ? view_sg(v, c->sharing_group_id) : NULL;
}

struct verdict view_cluster_verdict(struct view *v, const struct misp_cluster *c)
{
	return gate_cluster_verdict(&v->gate, c, view_org(v, c->orgc_id), sg_of(v, c));
}

bool view_judge_cluster(struct view *v, const struct misp_cluster *c)
{
	return view_cluster_verdict(v, c).outcome == GATE_RELEASE;
}

/* ---- one made ready ---- */

/* Own copies of what the caches lend: they may renew while the answer is under way. */
static enum err org_of(struct view *v, struct arena *a, uint64_t id, const struct misp_org **out)
{
	const struct misp_org *row = view_org(v, id);
	struct misp_org *copy = row ? ARENA_NEW(a, struct misp_org) : NULL;
	*out = copy;
	if (!row)
		return ERR_OK;
	return copy ? entity_copy(a, &desc_misp_org, row, copy) : ERR_LIMIT;
}

static enum err group_of(struct view *v, struct arena *a, uint8_t distribution, uint64_t id,
			 const struct misp_sg **out)
{
	const struct misp_sg *row = distribution == DIST_GROUP ? view_sg(v, id) : NULL;
	struct misp_sg *copy = row ? ARENA_NEW(a, struct misp_sg) : NULL;
	*out = copy;
	if (!row)
		return ERR_OK;
	return copy ? entity_copy(a, &desc_misp_sg, row, copy) : ERR_LIMIT;
}

static enum err tags_of(struct view *v, struct arena *a, struct entity_list *tags)
{
	TRY(view_resolve_tags(v, a, tags));
	LIST_EACH(t, *tags, struct misp_tagref)
		TRY(entity_copy(a, &desc_misp_tagref, t, t));
	return ERR_OK;
}

/* Where it points, and whether that is something the audience may not know. */
static enum err relation_target(struct view *v, struct rel_relation *r)
{
	struct misp_cluster target;
	enum err e = store_find(v->txn, IX_CLUSTER_UUID, uuid_key(&r->rel->target), &r->target_id);
	if (e == ERR_OK)
		e = store_get(v->txn, T_CLUSTER, r->target_id, NULL, &target);
	if (e == ERR_NOENT)
		return ERR_OK; /* not known here: nothing that could be told */
	TRY(e);
	r->hidden = !view_judge_cluster(v, &target);
	return ERR_OK;
}

static enum err relations_of(struct view *v, struct arena *a, const struct misp_cluster *c,
			     struct rel_cluster *out)
{
	if (!c->relations.n)
		return ERR_OK;
	struct rel_relation *rels = ARENA_ARRAY(a, struct rel_relation, c->relations.n);
	if (!rels)
		return ERR_LIMIT;
	LIST_EACH(r, c->relations, struct misp_clusterrel) {
		struct rel_relation *x = &rels[out->n_relations++];
		TRY(tags_of(v, a, &r->tags));
		x->rel = r;
		TRY(group_of(v, a, r->distribution, r->sharing_group_id, &x->sharing_group));
		TRY(relation_target(v, x));
	}
	out->relations = rels;
	return ERR_OK;
}

enum err view_rel_cluster(struct view *v, uint64_t id, struct arena *a, struct rel_cluster *out)
{
	struct misp_cluster row, *c = ARENA_NEW(a, struct misp_cluster);
	struct misp_galaxy grow, *g = ARENA_NEW(a, struct misp_galaxy);
	if (!c || !g)
		return ERR_LIMIT;
	TRY(store_get(v->txn, T_CLUSTER, id, a, &row));
	TRY(entity_copy(a, &desc_misp_cluster, &row, c));
	TRY(store_get(v->txn, T_GALAXY, c->galaxy_id, a, &grow));
	TRY(entity_copy(a, &desc_misp_galaxy, &grow, g));
	*out = (struct rel_cluster){.cluster = c, .galaxy = g};
	TRY(org_of(v, a, c->org_id, &out->org));
	TRY(org_of(v, a, c->orgc_id, &out->orgc));
	TRY(group_of(v, a, c->distribution, c->sharing_group_id, &out->sharing_group));
	return relations_of(v, a, c, out);
}

/* ---- asking for one ---- */

static bool may_see(struct view *v, const struct misp_cluster *c, bool deleted_too)
{
	if (!c->deleted)
		return view_judge_cluster(v, c);
	return deleted_too && gate_judge_deleted_cluster(&v->gate, c, view_org(v, c->orgc_id),
							 sg_of(v, c));
}

static enum err id_of(struct view *v, struct str s, enum store_index ix, uint64_t *id)
{
	struct uuid u;
	if (str_u64(s, id))
		return ERR_OK;
	return uuid_parse(s, &u) ? store_find(v->txn, ix, uuid_key(&u), id) : ERR_NOENT;
}

enum err view_cluster(struct view *v, struct str id_or_uuid, struct arena *a,
		      struct misp_cluster *out, struct fail *f)
{
	struct misp_cluster row;
	uint64_t id;
	enum err e = id_of(v, id_or_uuid, IX_CLUSTER_UUID, &id);
	if (e == ERR_OK)
		e = store_get(v->txn, T_CLUSTER, id, a, &row);
	if (e == ERR_OK && !may_see(v, &row, true))
		e = ERR_NOENT;
	if (e == ERR_OK)
		e = entity_copy(a, &desc_misp_cluster, &row, out);
	return e == ERR_OK ? e : fail(f, e, "Invalid galaxy cluster");
}

enum err view_galaxy(struct view *v, struct str id_or_uuid, struct arena *a,
		     struct misp_galaxy *out, struct fail *f)
{
	struct misp_galaxy row;
	struct rel_galaxy cut;
	uint64_t id;
	enum err e = id_of(v, id_or_uuid, IX_GALAXY_UUID, &id);
	if (e == ERR_OK)
		e = store_get(v->txn, T_GALAXY, id, a, &row);
	if (e == ERR_OK && !gate_release_galaxy(&v->gate, &row, a, &cut))
		e = ERR_NOENT;
	if (e == ERR_OK)
		e = entity_copy(a, &desc_misp_galaxy, &row, out);
	return e == ERR_OK ? e : fail(f, e, "Invalid Galaxy.");
}

bool view_may_use_group(const struct view *v, uint64_t sharing_group_id)
{
	for (uint32_t i = 0; sharing_group_id && i < v->facts.n_groups; i++)
		if (v->facts.groups[i] == sharing_group_id)
			return true;
	return false;
}

/* ---- filters ---- */

/* A member as text, in `room`. */
static struct str member_text(const struct misp_cluster *c, const struct field *fd, char room[48])
{
	const char *at = (const char *)c + fd->offset;
	struct buf b = BUF(48);
	struct str s = STR("");
	switch ((enum field_kind)fd->kind) {
	case F_STR:
		return *(const struct str *)(const void *)at;
	case F_UUID:
		return str_c(uuid_format(*(const struct uuid *)(const void *)at, room));
	case F_BOOL:
		return *(const bool *)at ? STR("1") : STR("0");
	case F_U8:
		buf_u64(&b, *(const uint8_t *)at);
		break;
	case F_U64:
		buf_u64(&b, *(const uint64_t *)(const void *)at);
		break;
	case F_I64:
	case F_TIME:
	case F_MICRO:
	case F_DATE:
	case F_TYPE:
	case F_CATEGORY:
	case F_LIST:
		break;
	}
	if (b.n && b.n <= 48) {
		memcpy(room, b.p, b.n);
		s = (struct str){room, b.n};
	}
	buf_free(&b);
	return s;
}

static bool truthy(struct str s)
{
	return s.n && !str_is(s, "0") && !str_eq_nocase(s, STR("false"));
}

static bool term_holds(const struct cluster_term *t, const struct misp_cluster *c)
{
	char room[48];
	struct str have = member_text(c, t->field, room);
	bool hit = false;
	for (uint32_t i = 0; i < t->n && !hit; i++)
		hit = t->field->kind == F_BOOL ? truthy(t->v[i]) == truthy(have)
					       : str_eq_nocase(t->v[i], have);
	return hit != t->none;
}

static bool contains(struct str in, struct str what)
{
	if (what.n > in.n)
		return false;
	for (size_t i = 0; i + what.n <= in.n; i++)
		if (str_eq_nocase(str_sub(in, i, what.n), what))
			return true;
	return false;
}

static bool text_holds(const struct cluster_query *q, const struct misp_cluster *c)
{
	if (!q->text.n || contains(c->value, q->text) || contains(c->description, q->text) ||
	    contains(c->tag_name, q->text))
		return true;
	LIST_EACH(m, c->elements, struct misp_clustermeta)
		if (contains(m->value, q->text))
			return true;
	return false;
}

static bool element_holds(const struct cluster_query *q, const struct misp_cluster *c)
{
	if (!q->element_key.n && !q->element_value.n)
		return true;
	LIST_EACH(m, c->elements, struct misp_clustermeta)
		if ((!q->element_key.n || str_eq_nocase(m->key, q->element_key)) &&
		    (!q->element_value.n || str_eq_nocase(m->value, q->element_value)))
			return true;
	return false;
}

static bool query_holds(const struct cluster_query *q, const struct misp_cluster *c)
{
	for (unsigned i = 0; i < q->n_terms; i++)
		if (!term_holds(&q->terms[i], c))
			return false;
	return text_holds(q, c) && element_holds(q, c);
}

/* ---- candidates ---- */

struct candidates {
	uint64_t *v;
	size_t n, max;
	bool all; /* every row: v is not used */
};

static enum err candidate(struct candidates *c, uint64_t id, struct fail *f)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i] == id)
			return ERR_OK;
	if (c->n == c->max)
		return fail(f, ERR_LIMIT, "too many clusters asked for");
	c->v[c->n++] = id;
	return ERR_OK;
}

/* The clusters that tags of a list stand for. */
static enum err tagged(struct view *v, const struct misp_event *e, const struct entity_list *tags,
		       struct candidates *c, struct fail *f)
{
	LIST_EACH(t, *tags, struct misp_tagref) {
		const struct misp_tag *row = view_tag(v, t->tag_id);
		uint64_t id = 0;
		if (!row || !row->is_galaxy || !view_shows_tag(v, e, t))
			continue;
		while (store_find_next(v->txn, IX_CLUSTER_TAG, row->name, &id) == ERR_OK)
			TRY(candidate(c, id, f));
	}
	return ERR_OK;
}

static enum err of_event(struct view *v, struct str event, struct arena *a, struct candidates *c,
			 struct fail *f)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct misp_event e;
	struct misp_attr attr;
	struct el_key key;
	struct fail why = {0};
	struct search_visible vis = view_visible(v);
	enum err err = view_event(v, event, a, &e, &why);
	if (err != ERR_OK)
		return err == ERR_NOENT ? ERR_OK : err;
	TRY(tagged(v, &e, &e.tags, c, f));
	TRY(store_el_iter_new(v->txn, EL_ATTR, (struct el_key){.body = e.body}, false, &it));
	for (;;) {
		struct arena_mark m = arena_mark(a);
		struct misp_object object = {0};
		err = store_el_iter_next(it, a, &key, &attr);
		if (err != ERR_OK)
			return err == ERR_NOENT ? ERR_OK : err;
		if (attr.tags.n && key.parent)
			err = store_el_get(v->txn, EL_OBJECT, (struct el_key){e.body, 0, key.parent},
					   a, &object);
		if (err == ERR_OK && attr.tags.n &&
		    (!vis.attr || vis.attr(vis.user, &e, key.parent ? &object : NULL, &attr)))
			TRY(tagged(v, &e, &attr.tags, c, f));
		arena_rewind(a, m);
	}
}

/* Where the query names them, only those are read. */
static enum err candidates_of(struct view *v, const struct cluster_query *q, struct arena *a,
			      struct candidates *c, struct fail *f)
{
	const struct cluster_term *named = NULL;
	c->all = true;
	if (q->event.n) {
		c->all = false;
		c->max = TAGGED_MAX;
		c->v = ARENA_ARRAY(a, uint64_t, c->max);
		return c->v ? of_event(v, q->event, a, c, f) : fail(f, ERR_LIMIT, "no room");
	}
	for (unsigned i = 0; i < q->n_terms && !named; i++)
		if (!q->terms[i].none && (q->terms[i].field->kind == F_UUID ||
					  str_is(str_c(q->terms[i].field->key), "id")) &&
		    (str_is(str_c(q->terms[i].field->key), "uuid") ||
		     str_is(str_c(q->terms[i].field->key), "id")))
			named = &q->terms[i];
	if (!named)
		return ERR_OK;
	c->all = false;
	c->max = named->n;
	c->v = ARENA_ARRAY(a, uint64_t, c->max + 1);
	if (!c->v)
		return fail(f, ERR_LIMIT, "too many clusters asked for");
	for (uint32_t i = 0; i < named->n; i++) {
		uint64_t id;
		struct uuid u;
		bool by_id = named->field->kind != F_UUID;
		if (by_id ? str_u64(named->v[i], &id)
			  : uuid_parse(named->v[i], &u) &&
				    store_find(v->txn, IX_CLUSTER_UUID, uuid_key(&u), &id) == ERR_OK)
			c->v[c->n++] = id;
	}
	return ERR_OK;
}

static int by_id(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* What results are ordered by: numbers as numbers, texts as texts. */
struct cluster_key {
	uint64_t id, number;
	struct str text;
};

static int by_key(const void *a, const void *b)
{
	const struct cluster_key *x = a, *y = b;
	int c = (x->number > y->number) - (x->number < y->number);
	if (!c)
		c = str_cmp(x->text, y->text);
	return c ? c : (x->id > y->id) - (x->id < y->id);
}

struct finding {
	uint64_t *v;
	uint64_t n, cap, total, skip, limit;
	struct cluster_key *keys; /* with an order: of all; paged when they are sorted */
	uint64_t n_keys, cap_keys;
};

static enum err found_key(struct finding *x, const struct field *by, const struct misp_cluster *c,
			  uint64_t id, struct arena *a, struct fail *f)
{
	char room[48];
	struct cluster_key *k;
	struct str text = member_text(c, by, room);
	if (x->n_keys == x->cap_keys) {
		uint64_t cap = x->cap_keys ? x->cap_keys * 2 : 64;
		k = x->n_keys < FOUND_MAX ? ARENA_ARRAY(a, struct cluster_key, cap) : NULL;
		if (!k)
			return fail(f, ERR_LIMIT, "too many clusters to put in order");
		if (x->n_keys)
			memcpy(k, x->keys, x->n_keys * sizeof(*k));
		x->keys = k;
		x->cap_keys = cap;
	}
	k = &x->keys[x->n_keys++];
	*k = (struct cluster_key){.id = id};
	if (!str_u64(text, &k->number))
		k->text = arena_str(a, text);
	return k->text.p || !text.n || k->number || str_is(text, "0")
		       ? ERR_OK
		       : fail(f, ERR_LIMIT, "too many clusters to put in order");
}

static enum err found(struct finding *x, uint64_t id, struct arena *a, struct fail *f)
{
	x->total++;
	if (x->skip) {
		x->skip--;
		return ERR_OK;
	}
	if (x->limit && x->n == x->limit)
		return ERR_OK;
	if (x->n == x->cap) {
		uint64_t cap = x->cap ? x->cap * 2 : 64;
		uint64_t *v = x->n < FOUND_MAX ? ARENA_ARRAY(a, uint64_t, cap) : NULL;
		if (!v)
			return fail(f, ERR_LIMIT, "too many clusters");
		if (x->n)
			memcpy(v, x->v, x->n * sizeof(*v));
		x->v = v;
		x->cap = cap;
	}
	x->v[x->n++] = id;
	return ERR_OK;
}

enum err egress_clusters_find(struct view *v, const struct cluster_query *q, struct arena *a,
			      uint64_t **ids, uint64_t *n, uint64_t *total, struct fail *f)
{
	struct candidates c = {0};
	struct finding x = {.limit = q->limit,
			    .skip = q->limit && q->page > 1 ? (q->page - 1) * q->limit : 0};
	struct misp_cluster row;
	uint64_t id = 0;
	size_t at = 0, last = 0;
	TRY(candidates_of(v, q, a, &c, f));
	if (c.n)
		qsort(c.v, c.n, sizeof(*c.v), by_id);
	/* elements are read only where they are asked about: most clusters are a library's, and long */
	struct arena *lists = q->text.n || q->element_key.n || q->element_value.n ? v->scratch : NULL;
	struct arena_mark m = arena_mark(v->scratch);
	for (;;) {
		enum err e;
		if (c.all) {
			e = store_next(v->txn, T_CLUSTER, &id, lists, &row);
		} else {
			if (at == c.n)
				break;
			id = c.v[at++];
			if (last++ && at > 1 && c.v[at - 2] == id)
				continue;
			e = store_get(v->txn, T_CLUSTER, id, lists, &row);
			if (e == ERR_NOENT)
				continue;
		}
		if (e == ERR_NOENT)
			break;
		if (e != ERR_OK)
			return fail(f, e, "reading galaxy clusters");
		if (query_holds(q, &row) && may_see(v, &row, q->deleted_too))
			TRY(q->order ? found_key(&x, q->order, &row, id, a, f) : found(&x, id, a, f));
		arena_rewind(v->scratch, m);
	}
	if (x.n_keys)
		qsort(x.keys, x.n_keys, sizeof(*x.keys), by_key);
	for (uint64_t i = 0; i < x.n_keys; i++)
		TRY(found(&x, x.keys[q->descending ? x.n_keys - 1 - i : i].id, a, f));
	*ids = x.v;
	*n = x.n;
	*total = x.total;
	return ERR_OK;
}

/* ---- sending ---- */

struct sending {
	struct view *view;
	struct witness *witness;
	const struct exporter *exporter;
	struct export_opts opts;
	struct export_run out;
	unsigned exporter_number;
	struct arena *arena, *one;
	uint64_t *galaxies, *clusters;
	uint64_t n_galaxies, n_clusters, at_galaxy, at_cluster;
	bool begun, ended;
};

static enum err send_galaxy(struct sending *s, uint64_t id)
{
	struct misp_galaxy row;
	struct rel_galaxy cut;
	enum err e = store_get(s->view->txn, T_GALAXY, id, s->one, &row);
	if (e == ERR_NOENT)
		return ERR_OK;
	TRY(e);
	if (!s->exporter->galaxy || !gate_release_galaxy(&s->view->gate, &row, s->one, &cut))
		return ERR_OK;
	return s->exporter->galaxy(&s->out, &cut);
}

/* Peers compare it as a number, and so does the ledger. */
static int64_t version_of(const struct misp_cluster *c)
{
	int64_t n;
	return str_i64(c->version, &n) ? n : 0;
}

static enum err send_cluster(struct sending *s, uint64_t id)
{
	struct rel_cluster all;
	enum err e = view_rel_cluster(s->view, id, s->one, &all);
	if (e == ERR_NOENT)
		return ERR_OK; /* deleted since */
	TRY(e);
	const struct rel_cluster *cut = gate_release_cluster(&s->view->gate, &all, s->one);
	if (!cut || !s->exporter->cluster)
		return ERR_OK;
	metric_add(M_GATE_RELEASED, s->exporter_number, 0, 1);
	if (!all.cluster->default_) /* those of the public library are no secret */
		TRY(witness_name(s->witness, LEDGER_THING_CLUSTER, all.cluster->uuid, id,
				 version_of(all.cluster), store_seq(s->view->txn)));
	return s->exporter->cluster(&s->out, cut);
}

static enum err send_next(struct sending *s)
{
	arena_reset(s->one);
	if (!s->begun) {
		s->begun = true;
		return s->exporter->begin ? s->exporter->begin(&s->out) : ERR_OK;
	}
	if (s->at_galaxy < s->n_galaxies)
		return send_galaxy(s, s->galaxies[s->at_galaxy++]);
	if (s->at_cluster < s->n_clusters)
		return send_cluster(s, s->clusters[s->at_cluster++]);
	s->ended = true;
	return s->exporter->end ? s->exporter->end(&s->out) : ERR_OK;
}

static enum err produce(void *user, struct seal_writer *w, size_t want, bool *end, struct fail *f)
{
	struct sending *s = user;
	struct buf *out = seal_buf(w);
	size_t before = out->n;
	s->out.out = w;
	enum err e = view_reopen(s->view, f);
	while (e == ERR_OK && out->n < want && !s->ended) {
		e = send_next(s);
		if (e == ERR_OK)
			e = buf_err(out);
	}
	*end = s->ended;
	view_pause(s->view);
	if (e == ERR_OK)
		metric_add(M_GATE_BYTES, s->exporter_number, 0, (int64_t)(out->n - before));
	return e;
}

static void sending_free(void *user)
{
	struct sending *s = user;
	if (!s)
		return;
	if (s->exporter && s->exporter->free_state && s->out.state)
		s->exporter->free_state(s->out.state);
	free(s->out.state);
	view_close(s->view);
	arena_free(s->arena);
	arena_free(s->one);
	free(s);
}

static uint64_t *copy_ids(struct arena *a, const uint64_t *v, uint64_t n)
{
	uint64_t *copy = ARENA_ARRAY(a, uint64_t, n + 1);
	if (copy && n)
		memcpy(copy, v, n * sizeof(*v));
	return copy;
}

enum err egress_clusters(struct view **v, const struct egress_clusters *q, struct sealed **out,
			 struct fail *f)
{
	struct sending *s = calloc(1, sizeof(*s));
	*out = NULL;
	if (!s)
		return fail(f, ERR_NOMEM, "no memory");
	s->arena = arena_new(RUN_ARENA);
	s->one = arena_new(CLUSTER_ARENA);
	s->exporter = q->exporter;
	s->out.state = calloc(1, q->exporter->state_size + 1);
	if (s->arena && s->one && s->out.state) {
		s->galaxies = copy_ids(s->arena, q->galaxies, q->n_galaxies);
		s->clusters = copy_ids(s->arena, q->clusters, q->n_clusters);
	}
	if (!s->galaxies || !s->clusters) {
		sending_free(s);
		return fail(f, ERR_NOMEM, "no memory");
	}
	while (export_rows[s->exporter_number] && export_rows[s->exporter_number] != q->exporter)
		s->exporter_number++;
	s->n_galaxies = q->n_galaxies;
	s->n_clusters = q->n_clusters;
	s->opts = q->opts;
	s->out.opts = &s->opts;
	s->view = MOVE(*v);
	view_pause(s->view);
	/* peers ask for lists again and again, for contents one by one */
	enum err e = witness_new(s->view, q->exporter->name, q->n_clusters != 1, &s->witness, f);
	if (e != ERR_OK) {
		sending_free(s);
		return e;
	}
	struct seal_source src = {produce, sending_free, s};
	struct audience aud = s->view->audience;
	*out = sealed_new(&aud, q->exporter->media, &src, witness_seal(s->witness), CHUNK_MAX);
	return *out ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
}
