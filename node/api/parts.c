/*
 * parts.c - what the calls about proposals, sightings and reports share.
 */
#include "api/parts.h"

#define EVENTS_MAX 1000000u

static bool has_any(const struct misp_event *e, enum element_kind k)
{
	return k == EL_PROPOSAL ? e->proposal_count
	       : k == EL_REPORT ? e->report_count
				: e->sighting_count;
}

enum err parts_events(struct http_req *r, enum element_kind k, bool own, struct arena *a,
		      struct search_hit **hits, uint64_t *n, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct store_stats stats;
	struct search_hit *list = NULL;
	struct misp_event e;
	uint64_t id = 0;
	enum err err = ERR_NOENT;
	*n = 0;
	*hits = NULL;
	store_stats(api_of(r)->store, &stats);
	if (stats.rows[T_ORG] && !stats.elements[k])
		return ERR_OK; /* what a peer hears most of the time need not cost a walk */
	TRY(rest_view(r, &v, f));
	struct search_visible vis = view_visible(v);
	uint64_t max = MIN(store_count(view_txn(v), T_EVENT), EVENTS_MAX);
	list = ARENA_ARRAY(a, struct search_hit, max + 1);
	if (!list)
		return fail(f, ERR_LIMIT, "too many events");
	struct arena_mark m = arena_mark(r->arena);
	while (*n < max &&
	       (err = store_next(view_txn(v), T_EVENT, &id, r->arena, &e)) == ERR_OK) {
		if (has_any(&e, k) && (!own || e.org_id == me(r)->user.org_id) &&
		    vis.event(vis.user, &e))
			list[(*n)++] = (struct search_hit){.event_id = id};
		arena_rewind(r->arena, m);
	}
	*hits = list;
	return err == ERR_OK || err == ERR_NOENT ? ERR_OK : err;
}

static enum err export_parts(struct http_req *r, const struct parts_send *s, struct sealed **out,
			     struct fail *f)
{
	struct rest_pair params[] = {{"form", str_c(s->form)}, {NULL, STR_NONE}};
	struct rest_export x = {.exporter = s->exporter,
				.scope = EXPORT_PARTS,
				.hits = s->hits,
				.n = s->n,
				.params = params,
				.parts = s->filter,
				.attachments = s->files,
				.sightings = true};
	return rest_export(r, &x, out, f);
}

enum err parts_list(struct http_req *r, const struct parts_send *s, struct fail *f)
{
	OWN(sealed) struct sealed *out = NULL;
	TRY(export_parts(r, s, &out, f));
	rest_sealed(r, &out, "application/json; charset=UTF-8");
	return ERR_OK;
}

static enum err one(struct http_req *r, const char *exporter, const char *form, uint64_t event_id,
		    uint64_t parent, uint64_t id, bool sent, struct buf *b, struct fail *f)
{
	static const struct part_filter both = {.live = true, .deleted = true};
	struct search_hit hit = {.event_id = event_id, .attr_id = parent, .id = id};
	struct parts_send s = {exporter, form, &hit, 1, &both, false};
	OWN(sealed) struct sealed *out = NULL;
	TRY(export_parts(r, &s, &out, f));
	if (!sent)
		sealed_hold(out);
	return rest_sealed_all(&out, b, f);
}

enum err parts_one(struct http_req *r, const char *exporter, const char *form, uint64_t event_id,
		   uint64_t parent, uint64_t id, int status, const char *text, struct fail *f)
{
	OWN(buf) struct buf b = BUF(ANSWER_MAX);
	TRY(one(r, exporter, form, event_id, parent, id, true, &b, f));
	if (b.n)
		rest_answer(r, 200, &b);
	else
		reply_error(r, status, "%s", text);
	return ERR_OK;
}

bool parts_shows(struct http_req *r, const char *exporter, uint64_t event_id, uint64_t parent,
		 uint64_t id)
{
	OWN(buf) struct buf b = BUF(ANSWER_MAX);
	struct fail why = {0};
	return one(r, exporter, "view", event_id, parent, id, false, &b, &why) == ERR_OK && b.n;
}
