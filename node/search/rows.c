/*
 * rows.c - results as bits by row, walked in batches with a view of their own; ends of pages.
 */
#include "search/rows.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "index/rows.h"

#define BATCH 256u
#define SLOTS 1024u
/* How long somebody may take between two pages. */
#define WALK_MS 600000

struct search_rows {
	struct index *ix;
	struct search_rows_from from;
	uint64_t word; /* where to go on in the bits */
	size_t moved; /* and in the list */
	struct search_hit batch[BATCH];
	unsigned n, at;
};

struct search_rows *search_rows_new(struct index *ix, const struct search_rows_from *from)
{
	struct search_rows *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->ix = ix;
	r->from = *from;
	return r;
}

void search_rows_free(struct search_rows *r)
{
	if (!r)
		return;
	free(r->from.bits);
	free(r->from.moved);
	free(r);
}

/* The next row whose bit is set; IX_NONE at the end. Bits are taken off when they are read. */
static uint32_t bit_next(struct search_rows *r)
{
	while (r->word < r->from.n_words && !r->from.bits[r->word])
		r->word++;
	if (r->word == r->from.n_words)
		return IX_NONE;
	return (uint32_t)(r->word * 64 + (uint64_t)__builtin_ctzll(r->from.bits[r->word]));
}

static void fill(struct search_rows *r)
{
	struct ix_view v;

	r->n = r->at = 0;
	index_view_begin(r->ix, &v);
	while (r->n < BATCH) {
		uint32_t row = bit_next(r);
		uint32_t moved = r->moved < r->from.n_moved ? r->from.moved[r->moved] : IX_NONE;

		if (row == IX_NONE && moved == IX_NONE)
			break;
		if (row == IX_NONE || (moved != IX_NONE && v.row[moved].id < v.row[row].id)) {
			row = moved;
			r->moved++;
		} else {
			r->from.bits[r->word] &= r->from.bits[r->word] - 1;
		}
		r->batch[r->n++] = (struct search_hit){.event_id = v.ev[v.event[row]].id,
						       .object_id = v.row[row].object,
						       .attr_id = v.row[row].id};
	}
	index_view_end(&v);
}

bool search_rows_next(struct search_rows *r, struct search_hit *out)
{
	if (r->at == r->n)
		fill(r);
	if (!r->n)
		return false;
	*out = r->batch[r->at++];
	return true;
}

/* ---- ends of pages -------------------------------------------------------------------------- */

struct search_pages {
	pthread_mutex_t lock;
	struct page_end {
		uint8_t key[16];
		uint64_t seq;
		/* the end of the page that was asked for last, and its begin: it may be asked for again */
		struct {
			uint64_t covered, after;
		} known[2];
		int64_t at_ms; /* 0: free */
	} slots[SLOTS];
};

struct search_pages *search_pages_new(void)
{
	struct search_pages *p = calloc(1, sizeof(*p));

	if (p)
		pthread_mutex_init(&p->lock, NULL);
	return p;
}

void search_pages_free(struct search_pages *p)
{
	if (!p)
		return;
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static struct page_end *slot_of(struct search_pages *p, const uint8_t key[16])
{
	uint64_t h;

	memcpy(&h, key, sizeof(h));
	return &p->slots[h % SLOTS];
}

bool search_pages_get(struct search_pages *p, const uint8_t key[16], uint64_t seq, uint64_t skip,
		      uint64_t *covered, uint64_t *after)
{
	struct page_end *s = slot_of(p, key);
	bool same, yes = false;

	pthread_mutex_lock(&p->lock);
	same = s->at_ms && memcmp(s->key, key, sizeof(s->key)) == 0;
	for (size_t i = 0; same && !yes && i < ARRAY_LEN(s->known); i++) {
		yes = s->known[i].after &&
		      (s->seq == seq ? s->known[i].covered <= skip
				     : s->known[i].covered == skip &&
					       clock_boot_ms() - s->at_ms < WALK_MS);
		if (yes) {
			*covered = s->known[i].covered;
			*after = s->known[i].after;
		}
	}
	pthread_mutex_unlock(&p->lock);
	return yes;
}

void search_pages_put(struct search_pages *p, const uint8_t key[16], uint64_t seq, uint64_t skip,
		      uint64_t before, uint64_t covered, uint64_t after)
{
	struct page_end *s = slot_of(p, key);

	pthread_mutex_lock(&p->lock);
	memcpy(s->key, key, sizeof(s->key));
	s->seq = seq;
	s->known[0].covered = covered;
	s->known[0].after = after;
	s->known[1].covered = skip;
	s->known[1].after = before;
	s->at_ms = clock_boot_ms() + 1;
	pthread_mutex_unlock(&p->lock);
}
