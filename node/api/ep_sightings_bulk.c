/*
 * ep_sightings_bulk.c - what peers send in bulk (sync-protocol.md 4.9): which sightings we have, and
 * those that we lack, read one by one and stored in batches, so that memory does not follow their
 * number. Texts as recorded (wire/client sightings, wire/sync).
 */
#include "api/rest.h"
#include "sync/sighting_stream.h"

#define BULK_BODY_MAX (256u << 20)
#define BATCH 2000u
#define BATCH_ARENA (8u << 20)
#define SOURCE_MAX 255

static bool find_event(struct http_req *r, struct misp_event *e, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct fail why = {0};
	return rest_view(r, &v, f) == ERR_OK &&
	       view_event(v, req_arg(r, "event"), r->arena, e, &why) == ERR_OK;
}

/* ---- those that we lack ---- */

struct bulk {
	struct http_req *r;
	struct view *v; /* of the batch at hand */
	struct arena *a; /* likewise */
	struct ingest_sighting *list;
	struct misp_org *orgs;
	size_t n;
	uint64_t added;
};

static enum err batch_begin(struct bulk *x, struct fail *f)
{
	x->n = 0;
	arena_reset(x->a);
	x->list = ARENA_ARRAY(x->a, struct ingest_sighting, BATCH);
	x->orgs = ARENA_ARRAY(x->a, struct misp_org, BATCH);
	return x->orgs ? rest_view(x->r, &x->v, f) : fail(f, ERR_NOMEM, "no memory");
}

static enum err batch_end(struct bulk *x, struct fail *f)
{
	struct origin o = rest_origin(x->r);
	uint64_t added = 0;
	view_close(MOVE(x->v));
	if (x->n)
		TRY(ingest_sightings_add(&api_of(x->r)->ingest, x->list, x->n,
					 me(x->r)->user.org_id, &o, &added, f));
	x->added += added;
	return ERR_OK;
}

/* Whose it is: named by a sync user, nobody's, or the caller's: without org_id it is that, whoever is
   named (recorded, sightings 2028). */
static void whose(struct bulk *x, const struct sighting_row *row, struct ingest_sighting *s)
{
	s->s.org_id = me(x->r)->user.org_id;
	if (!may(x->r, perm_sync) || !row->has_org_id)
		return;
	s->s.org_id = 0;
	if (row->no_org || (!row->org_name.n && uuid_is_nil(row->org_uuid)))
		return;
	struct misp_org *org = &x->orgs[x->n];
	*org = (struct misp_org){.uuid = row->org_uuid, .name = arena_str(x->a, row->org_name)};
	s->org = org;
}

/* Of an attribute that the caller may see, which may stand in another event. */
static bool is_visible(struct bulk *x, struct uuid u, uint64_t *attr_id)
{
	struct arena_mark m = arena_mark(x->r->arena);
	char text[UUID_TEXT_LEN + 1];
	struct misp_event e;
	struct misp_attr attr;
	struct fail why = {0};
	bool yes = view_attr(x->v, str_c(uuid_format(u, text)), x->r->arena, &e, &attr, &why) ==
		   ERR_OK;
	*attr_id = yes ? attr.id : 0;
	arena_rewind(x->r->arena, m);
	return yes;
}

static enum err on_row(void *user, const struct sighting_row *row, struct fail *f)
{
	struct bulk *x = user;
	struct ingest_sighting *s = &x->list[x->n];
	if (row->type > 2 || !row->date || row->source.n > SOURCE_MAX ||
	    uuid_is_nil(row->attribute_uuid))
		return ERR_OK;
	*s = (struct ingest_sighting){.s = {.uuid = row->uuid,
					    .type = (uint8_t)row->type,
					    .date_sighting = row->date,
					    .source = arena_str(x->a, row->source)}};
	if (!s->s.source.p)
		s->s.source = STR("");
	if (!is_visible(x, row->attribute_uuid, &s->attr_id))
		return ERR_OK;
	whose(x, row, s);
	if (++x->n < BATCH)
		return ERR_OK;
	TRY(batch_end(x, f));
	return batch_begin(x, f);
}

static enum err read_all(struct bulk *x, struct fail *f)
{
	OWN(sighting_stream) struct sighting_stream *s = sighting_stream_new(on_row, x);
	if (!s)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(batch_begin(x, f));
	TRY(sighting_stream_feed(s, x->r->body.p, x->r->body.n, f));
	TRY(sighting_stream_end(s, f));
	return batch_end(x, f);
}

static void answer(struct http_req *r, uint64_t added)
{
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_bool, "saved", added > 0);
	JSONW_KV(&w, jsonw_str, "success",
		 added ? arena_printf(r->arena, "%llu sightings added.", (unsigned long long)added)
		       : STR("No sightings added."));
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
}

static enum err bulk_save(struct http_req *r, struct fail *f)
{
	struct bulk x = {.r = r};
	struct misp_event e;
	struct fail why = {0};
	json_t *body;
	if (!may(r, perm_sync) && !may(r, perm_sighting)) {
		reply_error(r, 403, "You do not have permission to use this functionality.");
		return ERR_OK;
	}
	if (!find_event(r, &e, f)) {
		reply_error(r, 405, "Event not found or not accessible by this user.");
		return ERR_OK;
	}
	x.a = arena_new(BATCH_ARENA);
	enum err err = x.a ? read_all(&x, &why) : fail(&why, ERR_NOMEM, "no memory");
	view_close(x.v);
	arena_free(x.a);
	if (err == ERR_PARSE && rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK; /* answered as MISP does */
	if (err != ERR_OK && err != ERR_PARSE)
		return fail(f, err, "%s", why.text);
	answer(r, x.added);
	return ERR_OK;
}

/* ---- those that we have ---- */

/* A sighting of an attribute that the caller does not see is as one that is not here. */
static bool is_shown(struct http_req *r, struct view *v, uint64_t attr_id)
{
	struct arena_mark m = arena_mark(r->arena);
	struct misp_event e;
	struct misp_attr attr;
	struct fail why = {0};
	bool yes = view_attr(v, rest_id(r, attr_id), r->arena, &e, &attr, &why) == ERR_OK;
	arena_rewind(r->arena, m);
	return yes;
}

static enum err filter_uuids(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct misp_event e;
	struct index_uuid at;
	struct uuid u;
	json_t *body, *item;
	size_t i;
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	if (!find_event(r, &e, f)) {
		reply_error(r, 404, "Event not found");
		return ERR_OK;
	}
	TRY(rest_view(r, &v, f));
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	jsonw_arr(&w);
	json_array_foreach(body, i, item) {
		const char *s = json_string_value(item);
		if (s && uuid_parse(str_c(s), &u) &&
		    index_uuid_find(api_of(r)->index, u, &at) == ERR_OK &&
		    at.kind == CHANGE_EL(EL_SIGHTING) && at.event_id == e.id && is_shown(r, v, at.parent))
			jsonw_uuid(&w, u);
	}
	jsonw_arr_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

const struct endpoint ep_sightings_bulk_save = {
	.methods = HTTP_POST,
	.path = "/sightings/bulkSaveSightings/:event",
	.body_cap = BULK_BODY_MAX,
	.run = bulk_save,
	.shape = "SightingsAdded",
	.takes = "List",
	.doc = "Sightings pushed by a peer",
};
const struct endpoint ep_sightings_filter_uuids = {
	.methods = HTTP_POST,
	.path = "/sightings/filterSightingUuidsForPush/:event",
	.auth = perm_sync,
	.body_cap = BULK_BODY_MAX,
	.run = filter_uuids,
	.shape = "Uuids",
	.takes = "List",
	.doc = "Which of these sightings the event has already",
};
