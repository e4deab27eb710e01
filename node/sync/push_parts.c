/*
 * push_parts.c - which events have parts to send, and the way through the gate.
 */
#include "sync/push_parts.h"

#include <stdlib.h>

#include "sync/push.h"

#define ONCE (1u << 20)

static enum err add(struct parts_push *x, uint64_t id, struct fail *f)
{
	if (x->n && x->ids[x->n - 1] == id)
		return ERR_OK;
	if (x->n == x->cap) {
		size_t cap = x->cap ? x->cap * 2 : 64;
		uint64_t *v = reallocarray(x->ids, cap, sizeof(*v));
		if (!v)
			return fail(f, ERR_NOMEM, "no memory for %zu events", cap);
		x->ids = v;
		x->cap = cap;
	}
	x->ids[x->n++] = id;
	return ERR_OK;
}

static enum err add_some(struct parts_push *x, const struct change *c, struct fail *f)
{
	if (x->kind != EL_PROPOSAL || c->op == CHANGE_DELETE)
		return ERR_OK;
	if (x->n_some == x->cap_some) {
		size_t cap = x->cap_some ? x->cap_some * 2 : 64;
		struct search_hit *v = reallocarray(x->some, cap, sizeof(*v));
		if (!v)
			return fail(f, ERR_NOMEM, "no memory for %zu proposals", cap);
		x->some = v;
		x->cap_some = cap;
	}
	x->some[x->n_some++] =
		(struct search_hit){.event_id = c->event_id, .attr_id = c->parent, .id = c->id};
	return ERR_OK;
}

static int by_hit(const void *a, const void *b)
{
	const struct search_hit *x = a, *y = b;
	if (x->event_id != y->event_id)
		return x->event_id < y->event_id ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static void some_unique(struct parts_push *x)
{
	size_t n = 0;
	if (x->n_some)
		qsort(x->some, x->n_some, sizeof(*x->some), by_hit);
	for (size_t i = 0; i < x->n_some; i++)
		if (!i || by_hit(&x->some[i], &x->some[n - 1]) != 0)
			x->some[n++] = x->some[i];
	x->n_some = n;
}

/* Those of one event; NULL: none. */
static const struct search_hit *some_of(const struct parts_push *x, uint64_t event_id, size_t *n)
{
	size_t from = 0;
	*n = 0;
	while (from < x->n_some && x->some[from].event_id < event_id)
		from++;
	while (from + *n < x->n_some && x->some[from + *n].event_id == event_id)
		++*n;
	return *n ? &x->some[from] : NULL;
}

size_t parts_push_some(const struct parts_push *x, uint64_t event_id)
{
	size_t n;
	some_of(x, event_id, &n);
	return n;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static void unique(struct parts_push *x)
{
	size_t n = 0;
	if (x->n)
		qsort(x->ids, x->n, sizeof(*x->ids), by_number);
	for (size_t i = 0; i < x->n; i++)
		if (!i || x->ids[i] != x->ids[n - 1])
			x->ids[n++] = x->ids[i];
	x->n = n;
}

static bool has_any(const struct misp_event *e, enum element_kind k)
{
	return k == EL_PROPOSAL ? e->proposal_count != 0
				: e->sighting_count != 0 && e->sighting_timestamp > 0;
}

static enum err all_events(struct parts_push *x, const struct store_rtxn *t, struct fail *f)
{
	struct misp_event e;
	uint64_t id = 0;
	enum err err;
	while ((err = store_next(t, T_EVENT, &id, NULL, &e)) == ERR_OK)
		if (has_any(&e, x->kind))
			TRY(add(x, id, f));
	return err == ERR_NOENT ? ERR_OK : fail(f, err, "reading events");
}

/* Sightings go when they are published, which changes the event's head; what an event had before it was
   published goes with its publication. What came from the peer does not go back there. */
static bool tells(const struct parts_push *x, const struct change *c)
{
	if (!c->event_id || (c->op == CHANGE_DELETE && c->kind == CHANGE_TABLE(T_EVENT)))
		return false;
	if (c->origin.kind == ORIGIN_PEER && c->origin.id == x->p->o->peer_id)
		return false;
	return c->kind == CHANGE_EL(x->kind) || c->kind == CHANGE_TABLE(T_EVENT);
}

static enum err changed(struct parts_push *x, const struct store_rtxn *t, uint64_t seq,
			struct fail *f)
{
	struct misp_event e;
	struct change c;
	size_t n = 0;
	enum err err;
	while ((err = store_change_next(t, &seq, &c)) == ERR_OK)
		if (tells(x, &c)) {
			TRY(add(x, c.event_id, f));
			TRY(add_some(x, &c, f));
		}
	if (err != ERR_NOENT)
		return fail(f, err, "reading the change log");
	unique(x);
	some_unique(x);
	for (size_t i = 0; i < x->n; i++)
		if (store_get(t, T_EVENT, x->ids[i], NULL, &e) == ERR_OK && has_any(&e, x->kind))
			x->ids[n++] = x->ids[i];
	x->n = n;
	return ERR_OK;
}

enum err parts_push_choose(struct parts_push *x, uint64_t covered, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	const struct pass_opts *o = x->p->o;
	uint64_t id;
	TRY(link_rules_parse(x->p->link.row.push_rules, x->p->a, &x->rules, f));
	TRY(store_read(o->in->store, &t, f));
	x->seq = store_seq(t);
	if (o->technique == PASS_ONE) {
		struct str key = {(const char *)o->only.b, sizeof(o->only.b)};
		enum err e = store_find(t, IX_EVENT_UUID, key, &id);
		return e == ERR_OK ? add(x, id, f) : e == ERR_NOENT ? ERR_OK : e;
	}
	return o->all || !covered ? all_events(x, t, f) : changed(x, t, covered, f);
}

void parts_push_free(struct parts_push *x)
{
	free(x->ids);
	free(x->some);
	x->ids = NULL;
	x->some = NULL;
}

enum err parts_push_head(const struct parts_push *x, uint64_t event_id, struct arena *a,
			 struct misp_event *e, struct uuid *as, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	const struct caller caller = push_caller(x->p);
	struct verdict verdict;
	const char *why;
	TRY(view_open(x->p->o->out, &caller, &v, f));
	TRY(view_verdict(v, event_id, a, e, &verdict, f));
	if (verdict.outcome != GATE_RELEASE || !link_rules_event(&x->rules, e, &why))
		return ERR_NOENT;
	*as = egress_uuid(x->p->o->out, view_audience(v), e->uuid);
	return ERR_OK;
}

bool parts_push_waits(const struct parts_push *x, struct uuid own)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	const struct pass_opts *o = x->p->o;
	struct note n;
	struct fail why = {0};
	return store_read(o->in->store, &t, &why) == ERR_OK &&
	       note_get(t, o->peer_id, NOTE_push_again, own, &n) == ERR_OK;
}

enum err parts_push_body(const struct parts_push *x, const char *exporter, const char *form,
			 uint64_t event_id, const struct part_filter *filter, struct buf *out,
			 struct fail *f)
{
	OWN(sealed) struct sealed *s = NULL;
	const struct caller caller = push_caller(x->p);
	const struct search_hit all = {.event_id = event_id}, *hits;
	struct part_filter page = *filter;
	bool end = false;
	size_t n;
	hits = some_of(x, event_id, &n);
	if (hits) { /* the page is cut here */
		size_t skip = MIN((size_t)page.skip, n);
		hits += skip;
		n = page.limit ? MIN(n - skip, (size_t)page.limit) : n - skip;
		page.skip = page.limit = 0;
	} else {
		hits = &all;
		n = 1;
	}
	TRY(egress_push_parts(x->p->o->out, &caller, hits, n, exporter, form, &page, &s, f));
	buf_clear(out);
	while (!end) {
		TRY(sealed_pull(s, out, ONCE, &end, f));
		TRY(buf_err(out));
	}
	return ERR_OK;
}
