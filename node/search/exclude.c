/*
 * exclude.c - values that never correlate; see exclude.h.
 */
#include "search/exclude.h"

#include <stdlib.h>

#include "base/own.h"
#include "model/fold.h"

#define ROOM_MAX ((size_t)64 << 20)

/* What stands between the `%` of an exclusion, folded. */
struct pattern {
	struct str s;
	bool open_start, open_end;
};
struct exclude {
	struct arena *a;
	struct str *exact; /* sorted */
	struct pattern *pattern;
	size_t n_exact, n_pattern;
};

static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static enum err add(struct exclude *x, struct str value)
{
	struct pattern p = {0};
	char *room;

	if (!value.n)
		return ERR_OK;
	if (value.p[0] == '%') {
		p.open_start = true;
		value = str_sub(value, 1, value.n);
	}
	if (value.n && value.p[value.n - 1] == '%') {
		p.open_end = true;
		value = str_sub(value, 0, value.n - 1);
	}
	room = arena_alloc(x->a, 2 * value.n + 1);
	if (!room)
		return ERR_LIMIT;
	p.s = arena_str(x->a, value_fold_into(value, room));
	if (!p.s.p)
		return ERR_LIMIT;
	if (p.open_start || p.open_end)
		x->pattern[x->n_pattern++] = p;
	else
		x->exact[x->n_exact++] = p.s;
	return ERR_OK;
}

enum err exclude_load(const struct store_rtxn *t, struct exclude **out)
{
	OWN(exclude) struct exclude *x = NULL;
	uint64_t n = store_count(t, T_EXCLUSION), id = 0;

	*out = NULL;
	if (!n)
		return ERR_OK;
	x = calloc(1, sizeof(*x));
	if (!x || !(x->a = arena_new(ROOM_MAX)))
		return ERR_NOMEM;
	x->exact = ARENA_ARRAY(x->a, struct str, n);
	x->pattern = ARENA_ARRAY(x->a, struct pattern, n);
	if (!x->exact || !x->pattern)
		return ERR_LIMIT;
	for (uint64_t i = 0; i < n; i++) {
		struct arena_mark m = arena_mark(x->a);
		struct misp_exclusion row;
		enum err e = store_next(t, T_EXCLUSION, &id, x->a, &row);

		if (e != ERR_OK) {
			arena_rewind(x->a, m);
			if (e == ERR_NOENT)
				break;
			return e;
		}
		TRY(add(x, row.value));
	}
	qsort(x->exact, x->n_exact, sizeof(*x->exact), by_text);
	*out = MOVE(x);
	return ERR_OK;
}

void exclude_free(struct exclude *x)
{
	if (x)
		arena_free(x->a);
	free(x);
}

static bool matches(const struct pattern *p, struct str s)
{
	if (p->open_start && p->open_end)
		return str_find(s, p->s) >= 0;
	return p->open_start ? str_has_suffix(s, p->s) : str_has_prefix(s, p->s);
}

bool exclude_match(const struct exclude *x, struct str folded)
{
	if (!x)
		return false;
	if (bsearch(&folded, x->exact, x->n_exact, sizeof(*x->exact), by_text))
		return true;
	for (size_t i = 0; i < x->n_pattern; i++)
		if (matches(&x->pattern[i], folded))
			return true;
	return false;
}
