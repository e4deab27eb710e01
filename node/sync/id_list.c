/*
 * id_list.c - a list that is made unique before it grows.
 */
#include "sync/id_list.h"

#include <stdlib.h>

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

void id_list_sort(struct id_list *s)
{
	size_t n = 0;
	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), by_number);
	for (size_t i = 0; i < s->n; i++)
		if (!n || s->v[i] != s->v[n - 1])
			s->v[n++] = s->v[i];
	s->n = n;
}

enum err id_list_add(struct id_list *s, uint64_t id, struct fail *f)
{
	if (s->n && s->v[s->n - 1] == id)
		return ERR_OK;
	bool full = s->n == s->cap;
	if (full)
		id_list_sort(s);
	if (full && s->n >= s->cap / 2) {
		size_t cap = s->cap ? s->cap * 2 : 256;
		uint64_t *v = reallocarray(s->v, cap, sizeof(*v));
		if (!v)
			return fail(f, ERR_NOMEM, "no memory for %zu numbers", cap);
		s->v = v;
		s->cap = cap;
	}
	s->v[s->n++] = id;
	return ERR_OK;
}

bool id_list_has(const struct id_list *s, uint64_t id)
{
	return s->n && bsearch(&id, s->v, s->n, sizeof(id), by_number);
}

void id_list_free(struct id_list *s)
{
	free(s->v);
	*s = (struct id_list){0};
}
