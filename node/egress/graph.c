/*
 * graph.c - the graph of correlations around an event: events and values are nodes, "holds" and "is
 * near" are edges. Breadth first, bounded; every node is something that the audience may have.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "base/jsonw.h"
#include "egress/run.h"
#include "gate/seal.h"
#include "model/fold.h"
#include "model/pack.h"
#include "model/types.h"
#include "search/correlate.h"

#define GRAPH_ARENA (256u << 20)
#define CHUNK_MAX (64u << 20)
/* Attributes of one event that are asked for correlations. */
#define ATTRS_MAX 200000

struct value_node {
	struct str value;
	uint64_t hash; /* of type class and value; never 0 */
};
struct event_node {
	uint64_t id;
	unsigned depth;
	struct rel_event head; /* cut, in the graph's arena */
};
/* From event or value to value: ends in `events` when from_value is not set. */
struct edge {
	uint32_t from, to;
	bool from_value;
	uint8_t way; /* enum correlate_way, of an edge between values */
};

struct graph {
	struct view *view;
	struct witness *witness;
	struct egress_graph q;
	struct correlate *correlate;
	struct search_visible vis;
	struct arena *arena, *scratch; /* of the graph; of one attribute */
	struct event_node *events;
	struct value_node *values;
	struct edge *edges;
	uint32_t n_events, n_values, n_edges, cap_edges;
	struct u64set known_edges;
	bool truncated, done;
};

/* ---- nodes and edges ------------------------------------------------------------------------ */

static enum err keep_event(struct graph *g, uint64_t id, unsigned depth, uint32_t *at)
{
	struct subject s;
	struct verdict verdict;
	for (*at = 0; *at < g->n_events; (*at)++)
		if (g->events[*at].id == id)
			return ERR_OK;
	if (g->n_events == g->q.events) {
		g->truncated = true;
		return ERR_NOENT;
	}
	struct arena_mark m = arena_mark(g->scratch);
	TRY(view_subject_lent(g->view, id, g->scratch, &s));
	struct released *rel = gate_release(&g->view->gate, &s.s, g->scratch, &verdict);
	if (!rel)
		return ERR_NOENT;
	struct event_node *n = &g->events[g->n_events];
	struct rel_event cut = *released_event(rel);
	struct misp_event *e = ARENA_NEW(g->arena, struct misp_event), head = *cut.e;
	struct misp_org *orgc = ARENA_NEW(g->arena, struct misp_org);
	if (!e || !orgc)
		return ERR_LIMIT;
	head.tags = head.crypto_keys = (struct entity_list){0};
	TRY(entity_copy(g->arena, &desc_misp_event, &head, e));
	if (cut.orgc)
		TRY(entity_copy(g->arena, &desc_misp_org, cut.orgc, orgc));
	*n = (struct event_node){id, depth, {.e = e, .ids = cut.ids, .orgc = cut.orgc ? orgc : NULL}};
	*at = g->n_events++;
	TRY(witness_name(g->witness, LEDGER_THING_EVENT, s.event.uuid, id, s.event.timestamp,
			 store_seq(g->view->txn)));
	arena_rewind(g->scratch, m);
	return ERR_OK;
}

static enum err keep_value(struct graph *g, struct str value, uint32_t *at)
{
	char *room = arena_alloc(g->scratch, 2 * value.n + 1);
	if (!room)
		return ERR_LIMIT;
	struct str folded = value_fold_into(value, room);
	uint64_t hash = hash_64(folded.p, folded.n, 0) | 1;
	for (*at = 0; *at < g->n_values; (*at)++)
		if (g->values[*at].hash == hash)
			return ERR_OK;
	if (g->n_values == g->q.values) {
		g->truncated = true;
		return ERR_NOENT;
	}
	g->values[g->n_values] = (struct value_node){arena_str(g->arena, value), hash};
	*at = g->n_values++;
	return g->values[*at].value.p ? ERR_OK : ERR_LIMIT;
}

static enum err keep_edge(struct graph *g, struct edge e)
{
	if (e.from_value && e.from > e.to) {
		uint32_t swap = e.from;
		e.from = e.to;
		e.to = swap;
	}
	uint64_t key = (uint64_t)(e.from + 1) << 33 | (uint64_t)e.from_value << 32 | e.to;
	if (!u64set_add(&g->known_edges, g->arena, key))
		return arena_overflowed(g->arena) ? ERR_LIMIT : ERR_OK;
	if (g->n_edges == g->cap_edges) {
		uint32_t cap = g->cap_edges ? 2 * g->cap_edges : 256;
		struct edge *v = ARENA_ARRAY(g->arena, struct edge, cap);
		if (!v)
			return ERR_LIMIT;
		if (g->n_edges)
			memcpy(v, g->edges, g->n_edges * sizeof(*v));
		g->edges = v;
		g->cap_edges = cap;
	}
	g->edges[g->n_edges++] = e;
	return ERR_OK;
}

/* ---- one correlation ------------------------------------------------------------------------ */

static struct str part_of(const struct misp_attr *a, unsigned part)
{
	struct str v[2] = {a->value, STR_NONE};
	if (type_is_pair(type_get((enum attr_type)a->type)))
		type_split((enum attr_type)a->type, a->value, &v[0], &v[1]);
	return v[part];
}

/* The value of the other side: what is near may stand in its second part. */
static enum err other_value(struct graph *g, const struct correlation *c, struct str *out)
{
	struct misp_event e;
	struct misp_attr a;
	TRY(store_get(g->view->txn, T_EVENT, c->hit.event_id, g->scratch, &e));
	TRY(store_el_get(g->view->txn, EL_ATTR,
			 (struct el_key){e.body, c->hit.object_id, c->hit.attr_id}, g->scratch, &a));
	bool second = a.type == ATTR_DOMAIN_IP || a.type == ATTR_FILENAME_SSDEEP;
	*out = part_of(&a, second);
	return ERR_OK;
}

static enum err take(struct graph *g, uint32_t from, const struct misp_attr *attr,
		     const struct correlation *c)
{
	uint32_t event, mine, theirs;
	struct str value;
	TRY(keep_event(g, c->hit.event_id, g->events[from].depth + 1, &event));
	TRY(keep_value(g, part_of(attr, c->part), &mine));
	theirs = mine;
	if (c->way != BY_VALUE) {
		TRY(other_value(g, c, &value));
		TRY(keep_value(g, value, &theirs));
		TRY(keep_edge(g, (struct edge){mine, theirs, true, c->way}));
	}
	TRY(keep_edge(g, (struct edge){from, mine, false, BY_VALUE}));
	return keep_edge(g, (struct edge){event, theirs, false, BY_VALUE});
}

/* ---- one event ------------------------------------------------------------------------------ */

static enum err one_attr(struct graph *g, uint32_t from, const struct misp_event *e,
			 const struct el_key *key, const struct misp_attr *attr, struct fail *f)
{
	struct misp_object object;
	struct correlations c;
	if (key->parent)
		TRY(store_el_get(g->view->txn, EL_OBJECT, (struct el_key){key->body, 0, key->parent},
				 g->scratch, &object));
	if (attr->deleted ||
	    !view_would_show_attr(g->view, e, key->parent ? &object : NULL, attr))
		return ERR_OK;
	TRY(correlate_attr(g->correlate, g->view->txn, e, attr, g->scratch, &c, f));
	for (uint32_t i = 0; i < c.n; i++) {
		enum err err = take(g, from, attr, &c.v[i]);
		if (err != ERR_OK && err != ERR_NOENT && err != ERR_WITHHELD)
			return err;
	}
	return ERR_OK;
}

static enum err expand(struct graph *g, uint32_t from, struct fail *f)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	OWN(arena) struct arena *head = arena_new(16u << 20);
	struct misp_event e;
	if (!head)
		return ERR_NOMEM;
	TRY(store_get(g->view->txn, T_EVENT, g->events[from].id, head, &e));
	TRY(store_el_iter_new(g->view->txn, EL_ATTR, (struct el_key){.body = e.body}, false, &it));
	for (unsigned n = 0;; n++) {
		struct misp_attr attr;
		struct el_key key;
		arena_reset(g->scratch);
		enum err err = store_el_iter_next(it, g->scratch, &key, &attr);
		if (err == ERR_NOENT || key.body != e.body)
			return ERR_OK;
		TRY(err);
		if (n == ATTRS_MAX) {
			g->truncated = true;
			return ERR_OK;
		}
		TRY(one_attr(g, from, &e, &key, &attr, f));
	}
}

static enum err build(struct graph *g, struct fail *f)
{
	uint32_t at;
	g->events = ARENA_ARRAY(g->arena, struct event_node, g->q.events);
	g->values = ARENA_ARRAY(g->arena, struct value_node, g->q.values);
	g->correlate = correlate_new(g->view->env->index, g->view->env->correlator, &g->vis);
	if (!g->events || !g->values || !g->correlate)
		return ERR_NOMEM;
	TRY(keep_event(g, g->q.event_id, 0, &at));
	/* who gets derived UUIDs would get others' own ones */
	bool alone = gate_rewrites(g->view->policy, &g->view->audience);
	for (uint32_t i = 0; i < g->n_events && !alone; i++)
		if (g->events[i].depth < g->q.depth)
			TRY(expand(g, i, f));
	return ERR_OK;
}

/* ---- writing -------------------------------------------------------------------------------- */

static void name(struct jsonw *w, const char *key, char kind, uint32_t n)
{
	char text[16];
	snprintf(text, sizeof(text), "%c%u", kind, n);
	jsonw_key(w, key);
	jsonw_c(w, text);
}

static void event_out(struct jsonw *w, uint32_t i, const struct event_node *n)
{
	const struct misp_event *e = n->head.e;
	jsonw_obj(w);
	name(w, "id", 'e', i);
	JSONW_KV(w, jsonw_c, "kind", "event");
	JSONW_KV(w, jsonw_uint, "depth", n->depth);
	if (n->head.ids)
		JSONW_KV(w, jsonw_uint_str, "event_id", e->id);
	JSONW_KV(w, jsonw_uuid, "uuid", e->uuid);
	JSONW_KV(w, jsonw_str, "info", e->info);
	if (n->head.orgc)
		JSONW_KV(w, jsonw_str, "orgc", n->head.orgc->name);
	JSONW_KV(w, jsonw_uint, "threat_level_id", e->threat_level_id);
	jsonw_obj_end(w);
}

static void write_graph(const struct graph *g, struct buf *b)
{
	static const char *const ways[CORRELATE_WAYS] = {"value", "network", "ssdeep"};
	struct jsonw w = jsonw_on(b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_c, "root", "e0");
	JSONW_KV(&w, jsonw_uint, "depth", g->q.depth);
	JSONW_KV(&w, jsonw_bool, "truncated", g->truncated);
	jsonw_key(&w, "nodes");
	jsonw_arr(&w);
	for (uint32_t i = 0; i < g->n_events; i++)
		event_out(&w, i, &g->events[i]);
	for (uint32_t i = 0; i < g->n_values; i++) {
		jsonw_obj(&w);
		name(&w, "id", 'v', i);
		JSONW_KV(&w, jsonw_c, "kind", "value");
		JSONW_KV(&w, jsonw_str, "value", g->values[i].value);
		jsonw_obj_end(&w);
	}
	jsonw_arr_end(&w);
	jsonw_key(&w, "edges");
	jsonw_arr(&w);
	for (uint32_t i = 0; i < g->n_edges; i++) {
		const struct edge *e = &g->edges[i];
		jsonw_obj(&w);
		name(&w, "from", e->from_value ? 'v' : 'e', e->from);
		name(&w, "to", 'v', e->to);
		JSONW_KV(&w, jsonw_c, "way", ways[e->way]);
		jsonw_obj_end(&w);
	}
	jsonw_arr_end(&w);
	jsonw_obj_end(&w);
}

/* ---- the stream ----------------------------------------------------------------------------- */

static enum err produce(void *user, struct seal_writer *w, size_t want, bool *end, struct fail *f)
{
	struct graph *g = user;
	(void)want;
	enum err e = view_reopen(g->view, f);
	if (e == ERR_OK)
		e = build(g, f);
	view_pause(g->view);
	if (e == ERR_OK) {
		write_graph(g, seal_buf(w));
		e = buf_err(seal_buf(w));
	}
	*end = true;
	return e;
}

static void graph_free(void *user)
{
	struct graph *g = user;
	if (!g)
		return;
	correlate_free(g->correlate);
	view_close(g->view);
	arena_free(g->arena);
	arena_free(g->scratch);
	free(g);
}

enum err egress_graph(struct view **v, const struct egress_graph *q, struct sealed **out,
		      struct fail *f)
{
	struct graph *g = calloc(1, sizeof(*g));
	*out = NULL;
	if (!g)
		return fail(f, ERR_NOMEM, "no memory");
	g->q = *q;
	g->view = MOVE(*v);
	g->vis = view_visible(g->view);
	g->arena = arena_new(GRAPH_ARENA);
	g->scratch = arena_new(GRAPH_ARENA);
	enum err e = g->arena && g->scratch ? ERR_OK : ERR_NOMEM;
	if (e == ERR_OK) {
		view_pause(g->view);
		e = witness_new(g->view, "graph", false, &g->witness, f);
	}
	if (e != ERR_OK) {
		graph_free(g);
		return fail(f, e, "no graph");
	}
	struct seal_source src = {produce, graph_free, g};
	struct audience aud = g->view->audience;
	*out = sealed_new(&aud, "application/json", &src, witness_seal(g->witness), CHUNK_MAX);
	return *out ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
}
