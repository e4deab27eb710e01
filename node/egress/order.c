/*
 * order.c - the change log, reduced to the last change of each event that brings it to others. A row that is
 * out of date is emptied in its place, and all are moved together when half of them are.
 */
#include "egress/order.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"

struct row {
	uint64_t seq;
	int64_t second, clock;
	uint64_t id; /* shifted left by one; the lowest bit: opened. 0: empty */
};

/* Rows of an event, by their change; 0: none. */
struct place {
	uint64_t id, published, opened;
};

struct order {
	pthread_mutex_t lock;
	uint64_t seq; /* of the log, followed up to here */
	struct row *rows;
	size_t n, cap, empty;
	struct place *places; /* open addressing */
	size_t n_places, cap_places;
};

struct order *order_new(void)
{
	struct order *o = calloc(1, sizeof(*o));
	if (o)
		pthread_mutex_init(&o->lock, NULL);
	return o;
}

void order_free(struct order *o)
{
	if (!o)
		return;
	pthread_mutex_destroy(&o->lock);
	free(o->rows);
	free(o->places);
	free(o);
}

/* ---- by event ---- */

static struct place *slot_of(struct place *v, size_t cap, uint64_t id)
{
	size_t i = hash_64(&id, sizeof(id), 0x0d3) & (cap - 1);
	while (v[i].id && v[i].id != id)
		i = (i + 1) & (cap - 1);
	return &v[i];
}

static struct place *place_of(struct order *o, uint64_t id)
{
	if (o->n_places >= o->cap_places / 2) {
		size_t cap = o->cap_places ? o->cap_places * 2 : 1024;
		struct place *v = calloc(cap, sizeof(*v));
		if (!v)
			return NULL;
		for (size_t i = 0; i < o->cap_places; i++)
			if (o->places[i].id)
				*slot_of(v, cap, o->places[i].id) = o->places[i];
		free(o->places);
		o->places = v;
		o->cap_places = cap;
	}
	struct place *p = slot_of(o->places, o->cap_places, id);
	o->n_places += !p->id;
	p->id = id;
	return p;
}

/* ---- rows ---- */

/* The first one with at least this sequence number. */
static size_t at_least(const struct order *o, uint64_t seq)
{
	size_t from = 0, to = o->n;
	while (from < to) {
		size_t mid = from + (to - from) / 2;
		if (o->rows[mid].seq < seq)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

static void drop(struct order *o, uint64_t *seq)
{
	size_t i = *seq ? at_least(o, *seq) : o->n;
	if (i < o->n && o->rows[i].seq == *seq && o->rows[i].id) {
		o->rows[i].id = 0;
		o->empty++;
	}
	*seq = 0;
}

static void together(struct order *o)
{
	size_t n = 0;
	for (size_t i = 0; i < o->n; i++)
		if (o->rows[i].id)
			o->rows[n++] = o->rows[i];
	o->n = n;
	o->empty = 0;
}

static enum err add(struct order *o, const struct change *c, bool opened)
{
	if (o->n == o->cap && o->empty > o->n / 2)
		together(o);
	if (o->n == o->cap) {
		size_t cap = o->cap ? o->cap * 2 : 1024;
		struct row *v = reallocarray(o->rows, cap, sizeof(*v));
		if (!v)
			return ERR_NOMEM;
		o->rows = v;
		o->cap = cap;
	}
	int64_t before = o->n ? o->rows[o->n - 1].second : 0;
	o->rows[o->n++] = (struct row){c->seq, MAX(c->time, before), c->time, c->id << 1 | opened};
	return ERR_OK;
}

static enum err take(struct order *o, const struct change *c)
{
	if (c->kind != CHANGE_TABLE(T_EVENT) || c->op == CHANGE_EDIT)
		return ERR_OK;
	struct place *p = place_of(o, c->id);
	if (!p)
		return ERR_NOMEM;
	if (c->op == CHANGE_OPEN) {
		drop(o, &p->opened);
		TRY(add(o, c, true));
		p->opened = c->seq;
		return ERR_OK;
	}
	drop(o, &p->published);
	drop(o, &p->opened);
	if (c->op == CHANGE_DELETE)
		return ERR_OK;
	TRY(add(o, c, false));
	p->published = c->seq;
	return ERR_OK;
}

enum err order_follow(struct order *o, const struct store_rtxn *t, struct fail *f)
{
	struct change c;
	enum err e = ERR_OK;
	pthread_mutex_lock(&o->lock);
	uint64_t seq = o->seq;
	while (e == ERR_OK && seq < store_seq(t)) {
		e = store_change_next(t, &seq, &c);
		if (e == ERR_OK)
			e = take(o, &c);
		if (e == ERR_OK)
			o->seq = seq;
	}
	pthread_mutex_unlock(&o->lock);
	return e == ERR_OK || e == ERR_NOENT ? ERR_OK : fail(f, e, "following the change log");
}

static struct order_row row_at(const struct order *o, size_t i)
{
	const struct row *r = &o->rows[i];
	const struct place *p = slot_of(o->places, o->cap_places, r->id >> 1);
	bool opened = r->id & 1;
	size_t first = at_least(o, p->published);
	return (struct order_row){r->seq, r->second, r->clock, r->id >> 1, opened, !opened && p->opened,
				  first < o->n ? o->rows[first].second : r->second};
}

bool order_next(struct order *o, uint64_t seq, struct order_row *out)
{
	pthread_mutex_lock(&o->lock);
	size_t i = at_least(o, seq + 1);
	while (i < o->n && !o->rows[i].id)
		i++;
	bool found = i < o->n;
	if (found)
		*out = row_at(o, i);
	pthread_mutex_unlock(&o->lock);
	return found;
}

bool order_find(struct order *o, uint64_t event_id, struct order_row *out)
{
	pthread_mutex_lock(&o->lock);
	const struct place *p = o->cap_places ? slot_of(o->places, o->cap_places, event_id) : NULL;
	uint64_t seq = !p ? 0 : p->opened ? p->opened : p->published;
	if (seq)
		*out = row_at(o, at_least(o, seq));
	pthread_mutex_unlock(&o->lock);
	return seq != 0;
}

uint64_t order_since(struct order *o, int64_t second)
{
	size_t from = 0, to;
	pthread_mutex_lock(&o->lock);
	to = o->n;
	while (from < to) {
		size_t mid = from + (to - from) / 2;
		if (o->rows[mid].second < second)
			from = mid + 1;
		else
			to = mid;
	}
	uint64_t seq = from < o->n ? o->rows[from].seq - 1 : o->seq;
	pthread_mutex_unlock(&o->lock);
	return seq;
}
