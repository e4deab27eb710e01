/*
 * sources.c - which feeds and peers know a value by their caches, told beside what leaves: only of sources
 * that the audience may look values up in, only of attributes that have passed the gate.
 */
#include <stdlib.h>

#include "egress/run.h"
#include "feeds/cache/cache.h"
#include "model/pack.h"
#include "model/types.h"

#define EVENTS_OF_ATTR 100 /* of a source, named beside one attribute */
#define EVENTS_OF_EVENT 1000 /* and beside the event */

struct source {
	struct rel_source told; /* of the event: events are those found so far */
	struct uuid *events; /* of the run's arena; NULL: none yet */
	bool hit;
};

struct run_sources {
	struct value_caches caches[2]; /* feeds, peers */
	struct source *v; /* by kind and id; those without a cache that may be asked are not here */
	const struct value_cache **cache; /* the same number */
	size_t n;
};

/* ---- whose caches may be asked ---- */

static enum err feed_source(struct run *r, uint64_t id, struct rel_source *out)
{
	struct misp_feed d;
	TRY(store_get(r->view->txn, T_FEED, id, NULL, &d));
	if (!d.lookup_visible && !r->view->audience.site_admin)
		return ERR_NOENT;
	*out = (struct rel_source){.id = id,
				   .name = arena_str(r->arena, d.name),
				   .url = arena_str(r->arena, d.url),
				   .provider = arena_str(r->arena, d.provider),
				   .source_format = arena_str(r->arena, d.source_format),
				   .lookup_visible = d.lookup_visible};
	return ERR_OK;
}

static enum err peer_source(struct run *r, uint64_t id, struct rel_source *out)
{
	struct misp_peer p;
	TRY(store_get(r->view->txn, T_PEER, id, NULL, &p));
	if (!p.caching_enabled && !r->view->audience.site_admin)
		return ERR_NOENT;
	*out = (struct rel_source){.is_server = true,
				   .id = id,
				   .name = arena_str(r->arena, p.name),
				   .url = arena_str(r->arena, p.url)};
	return ERR_OK;
}

static enum err add_all(struct run *r, struct run_sources *s, const struct value_caches *from,
			enum err (*one)(struct run *r, uint64_t id, struct rel_source *out))
{
	for (size_t i = 0; i < from->n; i++) {
		enum err e = one(r, from->v[i].id, &s->v[s->n].told);
		if (e == ERR_NOENT)
			continue;
		TRY(e);
		s->cache[s->n++] = &from->v[i];
	}
	return ERR_OK;
}

enum err run_sources_open(struct run *r, const char *dir, bool feeds, bool servers)
{
	if (!dir || !(feeds || servers) || !r->exporter->related || !view_may_score(r->view))
		return ERR_OK;
	struct run_sources *s = r->sources = ARENA_NEW(r->arena, struct run_sources);
	if (!s)
		return ERR_LIMIT;
	*s = (struct run_sources){0};
	if (feeds)
		TRY(value_caches_open(dir, VALUE_CACHE_FEED, &s->caches[0]));
	if (servers)
		TRY(value_caches_open(dir, VALUE_CACHE_SERVER, &s->caches[1]));
	size_t n = s->caches[0].n + s->caches[1].n;
	s->v = ARENA_ARRAY(r->arena, struct source, n + 1);
	s->cache = ARENA_ARRAY(r->arena, const struct value_cache *, n + 1);
	if (!s->v || !s->cache)
		return ERR_LIMIT;
	memset(s->v, 0, (n + 1) * sizeof(*s->v));
	TRY(add_all(r, s, &s->caches[0], feed_source));
	return add_all(r, s, &s->caches[1], peer_source);
}

void run_sources_close(struct run *r)
{
	if (!r->sources)
		return;
	value_caches_close(&r->sources->caches[0]);
	value_caches_close(&r->sources->caches[1]);
	r->sources = NULL;
}

/* ---- one attribute ---- */

static bool has(const struct uuid *v, size_t n, struct uuid u)
{
	for (size_t i = 0; i < n; i++)
		if (uuid_eq(v[i], u))
			return true;
	return false;
}

/* Noted for the event, too. */
static enum err note(struct run *r, struct source *s, struct uuid u)
{
	s->hit = true;
	if (uuid_is_nil(u) || s->told.n_events == EVENTS_OF_EVENT)
		return ERR_OK;
	if (!s->events) {
		s->events = ARENA_ARRAY(r->arena, struct uuid, EVENTS_OF_EVENT);
		if (!s->events)
			return ERR_LIMIT;
		s->told.events = s->events;
	}
	if (!has(s->events, s->told.n_events, u))
		s->events[s->told.n_events++] = u;
	return ERR_OK;
}

static enum err ask(struct run *r, size_t at, uint8_t (*md5)[16], size_t n_md5, struct rel_source *out,
		    bool *found)
{
	struct source *s = &r->sources->v[at];
	struct uuid *events = NULL;
	*found = false;
	for (size_t k = 0; k < n_md5; k++) {
		const struct value_cache_entry *e;
		size_t n = value_cache_find(r->sources->cache[at], md5[k], &e);
		if (n && !*found) {
			*found = true;
			*out = s->told;
			out->n_events = 0;
			out->events = events = ARENA_ARRAY(r->element_arena, struct uuid, EVENTS_OF_ATTR);
			if (!events)
				return ERR_LIMIT;
		}
		for (size_t i = 0; i < n && out->n_events < EVENTS_OF_ATTR; i++) {
			TRY(note(r, s, e[i].event));
			if (!uuid_is_nil(e[i].event) && !has(events, out->n_events, e[i].event))
				events[out->n_events++] = e[i].event;
		}
	}
	return ERR_OK;
}

enum err run_sources_of(struct run *r, struct rel_element *el)
{
	const struct misp_attr *a = el->attr;
	const struct type_row *type = a ? type_get(a->type) : NULL;
	uint8_t md5[VALUE_KEYS_MAX][16];
	bool found;
	if (!r->sources || !r->sources->n || !type || type->correlates == CORR_NEVER ||
	    a->disable_correlation || a->deleted)
		return ERR_OK;
	struct rel_source *v = ARENA_ARRAY(r->element_arena, struct rel_source, r->sources->n);
	size_t n = value_cache_keys(a->type, a->value, md5);
	if (!v)
		return ERR_LIMIT;
	for (size_t i = 0; i < r->sources->n; i++) {
		TRY(ask(r, i, md5, n, &v[el->n_sources], &found));
		el->n_sources += found;
	}
	el->sources = v;
	return ERR_OK;
}

/* ---- the event ---- */

enum err run_sources_event(struct run *r)
{
	struct run_sources *s = r->sources;
	if (!s || !s->n)
		return ERR_OK;
	struct rel_source *v = ARENA_ARRAY(r->event_arena, struct rel_source, s->n);
	if (!v)
		return ERR_LIMIT;
	r->rel.n_sources = 0;
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].hit)
			v[r->rel.n_sources++] = s->v[i].told;
	r->rel.sources = v;
	return ERR_OK;
}

void run_sources_begin(struct run *r)
{
	for (size_t i = 0; r->sources && i < r->sources->n; i++) {
		r->sources->v[i].hit = false;
		r->sources->v[i].told.n_events = 0;
	}
}
