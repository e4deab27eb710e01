/*
 * stand_in.c - what is not there takes as long as what is hidden: another event, chosen by what was asked for, is
 * read and judged in its place, and forgotten.
 */
#include "egress/view.h"

#define INSTEAD_MAX 256 /* in one look: a list of a million values that nobody has does not read a million events */

uint64_t view_seed(const void *p, size_t n)
{
	const uint8_t *b = p;
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < n; i++)
		h = (h ^ b[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 29;
}

uint64_t view_stand_in(struct view *v, uint64_t by)
{
	uint64_t last = UINT64_MAX, id;
	if (store_prev(v->txn, T_EVENT, &last, NULL, NULL) != ERR_OK)
		return 0;
	id = by % last;
	return store_next(v->txn, T_EVENT, &id, NULL, NULL) == ERR_OK ? id : last;
}

void view_instead(void *user, uint64_t by)
{
	struct view *v = user;
	struct misp_event e;
	struct arena_mark m = arena_mark(v->scratch);
	if (v->instead++ >= INSTEAD_MAX)
		return;
	uint64_t id = view_stand_in(v, by);
	struct search_visible vis = view_visible(v);
	if (id && (!vis.known || vis.known(v, id) < 0) && store_get(v->txn, T_EVENT, id, v->scratch, &e) == ERR_OK)
		(void)vis.event(v, &e);
	arena_rewind(v->scratch, m);
}
