/*
 * value_overlap.c - see value_overlap.h. The store is walked event by event, a transaction for some thousand of
 * attributes, so that the pages of the store can be used again meanwhile.
 */
#include "sync/value_overlap.h"

#include <stdlib.h>

#define ROW_ARENA (8u << 20)
#define AT_ONCE 50000u /* attributes in one transaction */

struct walk {
	struct store *s;
	struct store_rtxn *t;
	const struct value_cache *caches;
	uint8_t **seen; /* a bit for each entry of each cache; only the first of a digest is set */
	size_t n;
	const atomic_bool *cancelled;
	struct arena *a;
};

static void mark(struct walk *w, const struct misp_attr *row)
{
	uint8_t md5[VALUE_KEYS_MAX][16];
	const struct value_cache_entry *first;
	size_t keys = value_cache_keys((enum attr_type)row->type, row->value, md5);
	for (size_t c = 0; c < w->n; c++)
		for (size_t k = 0; k < keys; k++)
			if (value_cache_find(&w->caches[c], md5[k], &first)) {
				size_t at = (size_t)(first - w->caches[c].v);
				w->seen[c][at / 8] |= (uint8_t)(1u << (at % 8));
			}
}

static enum err each_attribute(struct walk *w, uint64_t body, size_t *left, struct fail *f)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct el_key key = {.body = body};
	struct misp_attr row;
	enum err e = store_el_iter_new(w->t, EL_ATTR, key, false, &it);
	while (e == ERR_OK) {
		arena_reset(w->a);
		e = store_el_iter_next(it, w->a, &key, &row);
		if (e == ERR_OK && !row.deleted)
			mark(w, &row);
		*left -= *left > 0;
	}
	return e == ERR_NOENT ? ERR_OK : fail(f, e, "reading attributes");
}

static enum err each_event(struct walk *w, struct fail *f)
{
	uint64_t id = 0;
	enum err e = ERR_OK;
	while (e == ERR_OK) {
		size_t left = AT_ONCE;
		struct misp_event row;
		TRY(store_read(w->s, &w->t, f));
		while (left && (e = store_next(w->t, T_EVENT, &id, NULL, &row)) == ERR_OK) {
			if (w->cancelled && atomic_load(w->cancelled))
				return fail(f, ERR_CANCELLED, "cancelled");
			left--;
			TRY(each_attribute(w, row.body, &left, f));
		}
		store_read_end(MOVE(w->t));
	}
	return e == ERR_NOENT ? ERR_OK : fail(f, e, "reading events");
}

static size_t count(const struct walk *w, size_t c)
{
	size_t n = 0;
	for (size_t i = 0; i < w->caches[c].n / 8 + 1; i++)
		for (unsigned left = w->seen[c][i]; left; left &= left - 1)
			n++;
	return n;
}

enum err value_overlap_store(struct store *s, const struct value_cache *caches, size_t n,
			     const atomic_bool *cancelled, size_t *here, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(ROW_ARENA);
	struct walk w = {.s = s, .caches = caches, .n = n, .cancelled = cancelled, .a = a};
	w.seen = calloc(n + 1, sizeof(*w.seen));
	bool room = a && w.seen;
	for (size_t i = 0; room && i < n; i++)
		room = (w.seen[i] = calloc(caches[i].n / 8 + 1, 1)) != NULL;
	enum err e = room ? each_event(&w, f) : fail(f, ERR_NOMEM, "no memory");
	if (w.t)
		store_read_end(w.t);
	for (size_t i = 0; i < n && w.seen; i++) {
		if (e == ERR_OK)
			here[i] = count(&w, i);
		free(w.seen[i]);
	}
	free(w.seen);
	return e;
}
