/*
 * runs.c - a growing multimap as sorted runs; see runs.h.
 */
#include "search/runs.h"

#include <stdlib.h>
#include <string.h>

static uint64_t key_of(const struct run_entry *e)
{
	return (uint64_t)e->key[0] << 32 | e->key[1];
}

static int by_key(const void *a, const void *b)
{
	const struct run_entry *x = a, *y = b;
	uint64_t k = key_of(x), l = key_of(y);

	if (k != l)
		return k < l ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

void runs_free(struct runs *r)
{
	for (unsigned i = 0; i < r->n; i++)
		free(r->run[i].v);
	free(r->fresh);
	*r = (struct runs){0};
}

enum err runs_add(struct runs *r, uint64_t key, uint32_t row)
{
	if (r->n_fresh == r->cap_fresh) {
		size_t cap = r->cap_fresh ? 2 * r->cap_fresh : 1024;
		struct run_entry *v = reallocarray(r->fresh, cap, sizeof(*v));

		if (!v)
			return ERR_NOMEM;
		r->fresh = v;
		r->cap_fresh = cap;
	}
	r->fresh[r->n_fresh++] = (struct run_entry){{(uint32_t)(key >> 32), (uint32_t)key}, row};
	return ERR_OK;
}

/* The last two become one. */
static enum err merge(struct runs *r)
{
	struct run_entry *a = r->run[r->n - 2].v, *b = r->run[r->n - 1].v, *out;
	size_t n = r->run[r->n - 2].n, m = r->run[r->n - 1].n, i = 0, k = 0;

	out = reallocarray(NULL, n + m, sizeof(*out));
	if (!out)
		return ERR_NOMEM;
	while (i < n || k < m)
		if (k == m || (i < n && by_key(&a[i], &b[k]) <= 0)) {
			out[i + k] = a[i];
			i++;
		} else {
			out[i + k] = b[k];
			k++;
		}
	free(a);
	free(b);
	r->n--;
	r->run[r->n - 1].v = out;
	r->run[r->n - 1].n = n + m;
	return ERR_OK;
}

enum err runs_settle(struct runs *r)
{
	struct run_entry *v;

	if (!r->n_fresh)
		return ERR_OK;
	v = reallocarray(r->fresh, r->n_fresh, sizeof(*v));
	if (!v)
		return ERR_NOMEM;
	qsort(v, r->n_fresh, sizeof(*v), by_key);
	if (r->n == RUNS_MAX) { /* never: each run is longer than all behind it together */
		r->fresh = v;
		return ERR_LIMIT;
	}
	r->run[r->n].v = v;
	r->run[r->n].n = r->n_fresh;
	r->n++;
	r->fresh = NULL;
	r->n_fresh = r->cap_fresh = 0;
	while (r->n > 1 && r->run[r->n - 2].n <= 2 * r->run[r->n - 1].n)
		TRY(merge(r));
	return ERR_OK;
}

size_t runs_bytes(const struct runs *r)
{
	size_t n = r->cap_fresh;

	for (unsigned i = 0; i < r->n; i++)
		n += r->run[i].n;
	return n * sizeof(struct run_entry);
}

bool runs_each(const struct runs *r, uint64_t from, uint64_t to,
	       bool (*fn)(void *user, uint32_t row), void *user)
{
	for (unsigned i = 0; i < r->n; i++) {
		const struct run_entry *v = r->run[i].v;
		size_t low = 0, high = r->run[i].n;

		while (low < high) {
			size_t mid = low + (high - low) / 2;

			if (key_of(&v[mid]) < from)
				low = mid + 1;
			else
				high = mid;
		}
		for (; low < r->run[i].n && key_of(&v[low]) <= to; low++)
			if (!fn(user, v[low].row))
				return false;
	}
	return true;
}
