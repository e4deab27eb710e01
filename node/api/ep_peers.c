/*
 * ep_peers.c - small calls that only peers make: servers/postTest, events/filterEventIdsForPush,
 * servers/getAvailableSyncFilteringRules. sync-protocol.md 2.2, 2.5 and 4.3.
 */
#include "api/rest.h"
#include "ingest/quarantine.h"

#define CANDIDATES_BODY_MAX (64u << 20)
#define NAMES_ARENA (64u << 20)

/* ---- the connection test ---- */

static enum err post_test(struct http_req *r, struct fail *f)
{
	static const char *const shown[][2] = {{"Content-type", "Content-Type"},
					       {"Accept", "Accept"}};
	json_t *body;
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	char *text = json_dumps(r->ctx, JSON_COMPACT | JSON_ENCODE_ANY);
	if (!text)
		return fail(f, ERR_NOMEM, "no memory");
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "body");
	jsonw_raw(&w, str_c(text));
	free(text);
	jsonw_key(&w, "headers");
	jsonw_obj(&w);
	for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
		struct str v = req_header(r, shown[i][1]);
		if (v.p)
			JSONW_KV(&w, jsonw_str, shown[i][0], v);
		else
			JSONW_KV(&w, jsonw_uint, shown[i][0], 0);
	}
	JSONW_KV(&w, jsonw_c, "Authorization", "OK");
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- which events would be taken ---- */

/* Not one that is ours (unlocked), nor one that is as new as the candidate. */
static enum err wanted(struct http_req *r, const struct store_rtxn *t, const json_t *candidate,
		       struct uuid *u, bool *yes)
{
	const json_t *e = json_object_get(candidate, "Event");
	struct misp_event local;
	uint64_t id;
	int64_t timestamp = 0;
	*yes = false;
	if (!json_is_object(e))
		e = candidate;
	if (!uuid_parse(rest_text(r, e, "uuid"), u))
		return ERR_OK;
	(void)!str_i64(rest_text(r, e, "timestamp"), &timestamp);
	enum err err = store_find(t, IX_EVENT_UUID, (struct str){(char *)u->b, sizeof(u->b)}, &id);
	if (err == ERR_OK)
		err = store_get(t, T_EVENT, id, NULL, &local);
	/* what waits in quarantine, or was rejected, is not sent again and again */
	struct origin from = rest_origin(r);
	bool known = ingest_quarantine_remembers(t, *u, timestamp, &from, me(r)->user.id);
	if (err == ERR_NOENT) {
		*yes = !known;
		return ERR_OK;
	}
	TRY(err);
	*yes = !known && local.locked && local.timestamp < timestamp;
	return ERR_OK;
}

static enum err filter_event_ids(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct uuid u;
	json_t *body, *item;
	size_t i;
	bool yes;
	enum err e = ERR_OK;
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	TRY(store_read(api_of(r)->store, &t, f));
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	jsonw_arr(&w);
	json_array_foreach(body, i, item) {
		struct arena_mark m = arena_mark(r->arena);
		e = wanted(r, t, item, &u, &yes);
		arena_rewind(r->arena, m);
		if (e != ERR_OK)
			break;
		if (yes)
			jsonw_uuid(&w, u);
	}
	jsonw_arr_end(&w);
	if (e != ERR_OK) {
		buf_free(&b);
		return e;
	}
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- what a link may be filtered by ---- */

struct names {
	struct str *v;
	size_t n;
};

static int by_name(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void put_names(struct jsonw *w, const char *key, struct names *names)
{
	if (names->n)
		qsort(names->v, names->n, sizeof(*names->v), by_name);
	jsonw_key(w, key);
	jsonw_arr(w);
	for (size_t i = 0; i < names->n; i++)
		jsonw_str(w, names->v[i]);
	jsonw_arr_end(w);
}

static enum err filtering_rules(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	OWN(arena) struct arena *a = arena_new(NAMES_ARENA);
	struct misp_org o;
	struct view_orgs known;
	struct misp_tag tag;
	uint64_t id = 0;
	bool listed;
	TRY(rest_view(r, &v, f));
	const struct store_rtxn *t = view_txn(v);
	uint64_t orgs_max = store_count(t, T_ORG), tags_max = store_count(t, T_TAG);
	struct names orgs = {a ? ARENA_ARRAY(a, struct str, orgs_max + 1) : NULL, 0};
	struct names tags = {a ? ARENA_ARRAY(a, struct str, tags_max + 1) : NULL, 0};
	if (!orgs.v || !tags.v)
		return fail(f, ERR_LIMIT, "too many names");
	TRY(view_orgs_find(v, a, &known, f));
	while (orgs.n < orgs_max && store_next(t, T_ORG, &id, NULL, &o) == ERR_OK)
		if (view_orgs_has(&known, id))
			orgs.v[orgs.n++] = o.name; /* lives as long as the snapshot */
	id = 0;
	while (tags.n < tags_max && store_next(t, T_TAG, &id, NULL, &tag) == ERR_OK) {
		TRY(rest_tag_listed(r, v, &tag, &listed));
		if (listed && tag.exportable && !tag.hide_tag)
			tags.v[tags.n++] = tag.name;
	}
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	put_names(&w, "organisations", &orgs);
	put_names(&w, "tags", &tags);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

const struct endpoint ep_servers_filtering_rules = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/servers/getAvailableSyncFilteringRules",
	.auth = perm_sync,
	.run = filtering_rules,
	.shape = "FilteringRules",
	.doc = "Names of organisations and tags that a peer may filter by",
};
const struct endpoint ep_servers_post_test = {
	.methods = HTTP_POST,
	.path = "/servers/postTest",
	.run = post_test,
	.shape = "PostTest",
	.doc = "Echo of body and headers, for a peer's connection test",
};
const struct endpoint ep_events_filter_ids = {
	.methods = HTTP_POST,
	.path = "/events/filterEventIdsForPush",
	.auth = perm_sync,
	.body_cap = CANDIDATES_BODY_MAX,
	.run = filter_event_ids,
	.shape = "Uuids",
	.doc = "Which of these events this node would take from the peer",
};
