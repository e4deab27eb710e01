/*
 * ep_origin.c - /tocsin/origin and /tocsin/history: where an event came from, when, and what changed it
 * since. From the event's row and the change log; tells nothing of what is in it.
 */
#include "api/rest.h"
#include "base/clock.h"
#include "base/hash.h"

#define HISTORY_MAX 1000 /* the newest ones */

/* ---- names ---- */

static const char *kind_name(enum origin_kind k)
{
	static const char *const names[] = {[ORIGIN_LOCAL] = "user",
					    [ORIGIN_PEER] = "peer",
					    [ORIGIN_FEED] = "feed",
					    [ORIGIN_SYSTEM] = "node"};
	return k < ARRAY_LEN(names) ? names[k] : "unknown";
}

/* What the user, peer or feed is called; absent when it is gone. Lives as long as `t`. */
static struct str source_name(const struct store_rtxn *t, enum origin_kind k, uint64_t id)
{
	struct misp_user u;
	struct misp_peer p;
	struct misp_feed d;
	if (k == ORIGIN_LOCAL && store_get(t, T_USER, id, NULL, &u) == ERR_OK)
		return u.email;
	if (k == ORIGIN_PEER && store_get(t, T_PEER, id, NULL, &p) == ERR_OK)
		return p.name;
	if (k == ORIGIN_FEED && store_get(t, T_FEED, id, NULL, &d) == ERR_OK)
		return d.name;
	return STR_NONE;
}

/* The event of the path, if the caller may see it; else answered. */
static enum err event_of_path(struct http_req *r, struct view *v, struct misp_event *e)
{
	struct misp_event seen;
	struct fail why = {0};
	enum err err = view_event(v, req_arg(r, "event"), r->arena, &seen, &why);
	if (err == ERR_OK)
		err = store_get(view_txn(v), T_EVENT, seen.id, r->arena, e);
	if (err != ERR_OK)
		reply_error(r, 404, "Invalid event");
	return err;
}

/* ---- the first time ---- */

static enum err origin(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct misp_event e;
	TRY(rest_view(r, &v, f));
	if (event_of_path(r, v, &e) != ERR_OK)
		return ERR_OK;
	enum origin_kind k = e.origin_peer ? ORIGIN_PEER : ORIGIN_LOCAL;
	uint64_t id = e.origin_peer ? e.origin_peer : e.user_id;
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_uint_str, "event", e.id);
	JSONW_KV(&w, jsonw_uuid, "uuid", e.uuid);
	JSONW_KV(&w, jsonw_int, "received", e.received);
	JSONW_KV(&w, jsonw_c, "from", e.locked && k == ORIGIN_LOCAL ? "elsewhere" : kind_name(k));
	JSONW_KV(&w, jsonw_uint_str, "id", id);
	JSONW_KV(&w, jsonw_str, "name", source_name(view_txn(v), k, id));
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- all of it ---- */

static void put_change(struct jsonw *w, const struct store_rtxn *t, const struct change *c)
{
	static const char *const ops[] = {[CHANGE_ADD] = "added",
					  [CHANGE_EDIT] = "changed",
					  [CHANGE_DELETE] = "deleted",
					  [CHANGE_PUBLISH] = "published",
					  [CHANGE_OPEN] = "opened"};
	static const uint8_t unknown[32];
	char hex[65];
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint, "sequence", c->seq);
	JSONW_KV(w, jsonw_int, "time", c->time);
	JSONW_KV(w, jsonw_c, "what", c->kind == CHANGE_TABLE(T_EVENT) ? "event" : "element");
	JSONW_KV(w, jsonw_c, "op", (size_t)c->op < ARRAY_LEN(ops) ? ops[c->op] : "changed");
	JSONW_KV(w, jsonw_c, "from", kind_name(c->origin.kind));
	JSONW_KV(w, jsonw_uint_str, "id", c->origin.id);
	JSONW_KV(w, jsonw_str, "name", source_name(t, c->origin.kind, c->origin.id));
	if (memcmp(c->origin.digest, unknown, sizeof(unknown)) != 0)
		JSONW_KV(w, jsonw_c, "digest", hash_hex(c->origin.digest, 32, hex));
	jsonw_obj_end(w);
}

/* Reads the whole change log: it has no index by event. */
static enum err history(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct change *ring = ARENA_ARRAY(r->arena, struct change, HISTORY_MAX), c;
	struct misp_event e;
	uint64_t seq = 0, n = 0;
	TRY(rest_view(r, &v, f));
	if (!ring)
		return fail(f, ERR_NOMEM, "no memory");
	if (event_of_path(r, v, &e) != ERR_OK)
		return ERR_OK;
	while (store_change_next(view_txn(v), &seq, &c) == ERR_OK)
		if (c.event_id == e.id)
			ring[n++ % HISTORY_MAX] = c;
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	jsonw_arr(&w);
	for (uint64_t i = n > HISTORY_MAX ? n - HISTORY_MAX : 0; i < n; i++)
		put_change(&w, view_txn(v), &ring[i % HISTORY_MAX]);
	jsonw_arr_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

const struct endpoint ep_tocsin_origin = {
	.methods = HTTP_GET,
	.path = "/tocsin/origin/:event",
	.auth = perm_site_admin,
	.run = origin,
	.shape = "Origin",
	.doc = "Who brought an event, and when",
};
const struct endpoint ep_tocsin_history = {
	.methods = HTTP_GET,
	.path = "/tocsin/history/:event",
	.auth = perm_site_admin,
	.run = history,
	.shape = "Changes",
	.doc = "Every change of an event with its origin: who, when, digest of what came",
};
