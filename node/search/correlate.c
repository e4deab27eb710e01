/*
 * correlate.c - correlations at read time, on the value index.
 */
#include "search/correlate.h"

#include "model/types.h"

struct filter {
	const struct search_visible *inner;
	uint64_t event_id;
};

static bool other_event(void *user, const struct misp_event *e)
{
	const struct filter *f = user;
	return e->id != f->event_id && !e->disable_correlation && f->inner->event(f->inner->user, e);
}

static bool correlating_attr(void *user, const struct misp_event *e, const struct misp_object *o,
			     const struct misp_attr *a)
{
	const struct filter *f = user;
	const struct type_row *row = type_get((enum attr_type)a->type);
	return row && row->correlates != CORR_NEVER && !a->deleted && !a->disable_correlation &&
	       (!f->inner->attr || f->inner->attr(f->inner->user, e, o, a));
}

enum err search_correlating(struct index *ix, const struct store_rtxn *t,
			    const struct misp_attr *attr, const struct search_visible *vis,
			    uint64_t limit, struct arena *a, struct search_result *out)
{
	const struct type_row *row = type_get((enum attr_type)attr->type);
	struct filter f = {vis, attr->event_id};
	struct search_visible mine = {&f, other_event, correlating_attr};
	struct fail why = {0};
	struct str v1, v2;
	*out = (struct search_result){0};
	if (!row || row->correlates == CORR_NEVER || attr->deleted || attr->disable_correlation)
		return ERR_OK;
	if (!type_is_pair(row))
		return search_value(ix, t, attr->value, &mine, limit, a, out, &why);
	type_split((enum attr_type)attr->type, attr->value, &v1, &v2);
	TRY(search_value(ix, t, v1, &mine, limit, a, out, &why));
	if (row->correlates == CORR_BOTH && v2.n && out->n < limit) {
		struct search_result more = {0};
		TRY(search_value(ix, t, v2, &mine, limit - out->n, a, &more, &why));
		struct search_hit *both = ARENA_ARRAY(a, struct search_hit, out->n + more.n);
		if (!both)
			return ERR_LIMIT;
		for (uint64_t i = 0; i < out->n; i++)
			both[i] = out->hits[i];
		for (uint64_t i = 0; i < more.n; i++)
			both[out->n + i] = more.hits[i];
		out->hits = both;
		out->n += more.n;
	}
	return ERR_OK;
}
