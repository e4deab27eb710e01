/*
 * pending.c - UUIDs that jobs of the running group have given out and no commit holds yet.
 * Open addressing; used on the writer thread only and forgotten with the group.
 */
#include "index/internal.h"

#include <stdlib.h>

#define KEEP_LEAST 4096u
#define KEEP_MOST 65536u

/* Large groups follow each other: a large table is kept while it is used well. */
void pending_clear(struct index *ix)
{
	if (ix->pending_size > KEEP_MOST ||
	    (ix->pending_size > KEEP_LEAST && ix->pending_n < ix->pending_size / 8)) {
		free(ix->pending);
		ix->pending = NULL;
		ix->pending_size = 0;
	} else if (ix->pending_n) {
		memset(ix->pending, 0, ix->pending_size * sizeof(*ix->pending));
	}
	ix->pending_n = 0;
}

static struct ix_pending *place(struct ix_pending *v, size_t size, const struct index *ix,
				struct uuid u)
{
	size_t i = index_hash_uuid(ix, u) & (size - 1);

	while (!uuid_is_nil(v[i].uuid) && !uuid_eq(v[i].uuid, u))
		i = (i + 1) & (size - 1);
	return &v[i];
}

enum err pending_add(struct index *ix, struct uuid u, const struct index_uuid *w)
{
	struct ix_pending *p;

	if (uuid_is_nil(u))
		return ERR_INVAL;
	if (ix->pending_n * 2 >= ix->pending_size) {
		size_t size = ix->pending_size ? ix->pending_size * 2 : 256;
		struct ix_pending *v = calloc(size, sizeof(*v));

		if (!v)
			return ERR_NOMEM;
		for (size_t i = 0; i < ix->pending_size; i++)
			if (!uuid_is_nil(ix->pending[i].uuid))
				*place(v, size, ix, ix->pending[i].uuid) = ix->pending[i];
		free(ix->pending);
		ix->pending = v;
		ix->pending_size = size;
	}
	p = place(ix->pending, ix->pending_size, ix, u);
	if (uuid_is_nil(p->uuid))
		ix->pending_n++;
	*p = (struct ix_pending){u, *w};
	return ERR_OK;
}

void pending_expect(const struct index *ix, struct uuid u)
{
	if (ix->pending_n)
		__builtin_prefetch(&ix->pending[index_hash_uuid(ix, u) & (ix->pending_size - 1)]);
}

const struct ix_pending *pending_find(const struct index *ix, struct uuid u)
{
	const struct ix_pending *p;

	if (!ix->pending_n)
		return NULL;
	p = place(ix->pending, ix->pending_size, ix, u);
	return uuid_is_nil(p->uuid) ? NULL : p;
}

enum err index_uuid_pending(struct index *ix, struct uuid u, const struct index_uuid *w)
{
	return pending_add(ix, u, w);
}
