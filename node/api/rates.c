/*
 * rates.c - searches of accounts, counted in windows. An open table of accounts that is made anew,
 * without those whose window has ended, when it is three quarters full.
 */
#include "api/rates.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/own.h"

struct window {
	uint64_t user_id; /* 0: unused */
	int64_t begun_s;
	uint64_t used;
};

struct rates {
	pthread_mutex_t lock;
	struct window *rows;
	size_t cap, n; /* cap: a power of two */
};

#define CAP_MIN 64u

struct rates *rates_new(void)
{
	struct rates *r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->cap = CAP_MIN;
	r->rows = calloc(r->cap, sizeof(*r->rows));
	if (!r->rows) {
		free(r);
		return NULL;
	}
	pthread_mutex_init(&r->lock, NULL);
	return r;
}

void rates_free(struct rates *r)
{
	if (!r)
		return;
	pthread_mutex_destroy(&r->lock);
	free(r->rows);
	free(r);
}

/* Not there: an unused row. */
static struct window *slot(struct window *rows, size_t cap, uint64_t user_id)
{
	size_t i = (size_t)(user_id * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (cap - 1);
	while (rows[i].user_id && rows[i].user_id != user_id)
		i = (i + 1) & (cap - 1);
	return &rows[i];
}

static bool ended(const struct window *w, int64_t now_s)
{
	return now_s - w->begun_s >= RATES_WINDOW_S || now_s < w->begun_s;
}

static bool tidy(struct rates *r, int64_t now_s)
{
	size_t live = 0, cap = CAP_MIN;
	for (size_t i = 0; i < r->cap; i++)
		live += r->rows[i].user_id && !ended(&r->rows[i], now_s);
	while (cap < live * 2 + 2)
		cap *= 2;
	struct window *rows = calloc(cap, sizeof(*rows));
	if (!rows)
		return false;
	for (size_t i = 0; i < r->cap; i++)
		if (r->rows[i].user_id && !ended(&r->rows[i], now_s))
			*slot(rows, cap, r->rows[i].user_id) = r->rows[i];
	free(r->rows);
	r->rows = rows;
	r->cap = cap;
	r->n = live;
	return true;
}

bool rates_take(struct rates *r, uint64_t user_id, uint64_t limit, int64_t now_s, uint64_t *left,
		int64_t *reset_s)
{
	bool good = false;
	*left = 0;
	*reset_s = RATES_WINDOW_S;
	pthread_mutex_lock(&r->lock);
	struct window *w = slot(r->rows, r->cap, user_id);
	if (!w->user_id && (r->n + 1) * 4 > r->cap * 3)
		w = tidy(r, now_s) ? slot(r->rows, r->cap, user_id) : NULL;
	if (w) {
		if (!w->user_id) {
			r->n++;
			*w = (struct window){.user_id = user_id, .begun_s = now_s};
		} else if (ended(w, now_s)) {
			*w = (struct window){.user_id = user_id, .begun_s = now_s};
		}
		good = w->used < limit;
		w->used += good;
		*left = limit > w->used ? limit - w->used : 0;
		*reset_s = w->begun_s + RATES_WINDOW_S - now_s;
	}
	pthread_mutex_unlock(&r->lock);
	return good;
}
