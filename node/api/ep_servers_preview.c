/*
 * ep_servers_preview.c - /servers: what a peer has, shown and not taken: its index, one event, the
 * names to filter by, and what several peers have in common. Forms as recorded (wire/sync).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/peer_ask.h"
#include "sync/peer_index.h"

/* ---- passing on ---- */

static void answer_json(struct http_req *r, const json_t *j)
{
	struct buf b = BUF(ANSWER_MAX);
	OWN(chars) char *text = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY);
	if (text)
		buf_puts(&b, text);
	rest_answer(r, 200, &b);
}

/* A failure as MISP answers it: the text as name and message. */
static enum err refused_with(struct http_req *r, enum err e, const struct fail *why)
{
	me(r)->url = STR("");
	reply_error(r, e == ERR_NOENT ? 404 : 502, "%s", why->text[0] ? why->text : err_text(e));
	return ERR_OK;
}

static void default_member(json_t *o, const char *key, json_t *value)
{
	if (json_object_get(o, key))
		json_decref(value);
	else
		json_object_set_new(o, key, value);
}

/* ---- the index ---- */

static struct str numeric(struct http_req *r, const json_t *body, const char *key, const char *otherwise)
{
	uint64_t n;
	struct str s = rest_param(r, body, key);
	return str_u64(s, &n) && n ? s : str_c(otherwise);
}

/* A row of the index, as it would be in an answer of ours. */
static json_t *wrapped(json_t *row)
{
	json_t *o = json_object(), *nameless = json_object();
	json_object_set_new(nameless, "name", json_null());
	default_member(row, "Orgc", json_incref(nameless));
	default_member(row, "Org", json_incref(nameless));
	default_member(row, "EventTag", json_array());
	json_decref(nameless);
	json_object_set(o, "Event", row);
	return o;
}

static enum err preview_index(struct http_req *r, struct fail *f)
{
	struct ask a;
	struct fail why = {0};
	struct ask_heads heads;
	OWN(json_ref) json_t *j = NULL;
	OWN(json_ref) json_t *out = json_array();
	json_t *body, *row;
	size_t i;
	if (rest_json(r, NULL, &body, f) != ERR_OK || !ask_peer(r, f))
		return ERR_OK;
	struct str page = numeric(r, body, "page", "1"), limit = numeric(r, body, "limit", "60");
	const char *path = arena_cstr(
		r->arena, arena_printf(r->arena,
				       "/events/index/sort:timestamp/direction:desc/page:%.*s/limit:%.*s",
				       STR_ARG(page), STR_ARG(limit)));
	enum err e = ask_open(r, &a, 10000, &why);
	if (e == ERR_OK)
		e = ask_json(&a.link, path, NULL, &heads, &j, &why);
	ask_close(&a);
	if (e != ERR_OK)
		return refused_with(r, e, &why);
	json_array_foreach(j, i, row)
		if (json_is_object(row))
			json_array_append_new(out, wrapped(row));
	answer_json(r, out);
	return ERR_OK;
}

/* ---- one event ---- */

static enum err preview_event(struct http_req *r, struct fail *f)
{
	struct ask a;
	struct fail why = {0};
	struct ask_heads heads;
	OWN(json_ref) json_t *j = NULL;
	struct str event = req_arg(r, "event");
	struct uuid u;
	uint64_t n;
	char path[100];
	if (!ask_peer(r, f))
		return ERR_OK;
	if (!uuid_parse(event, &u) && !str_u64(event, &n)) {
		reply_error(r, 404, "Invalid event");
		return ERR_OK;
	}
	snprintf(path, sizeof(path), "/events/%.*s", STR_ARG(event));
	enum err e = ask_open(r, &a, 10000, &why);
	if (e == ERR_OK)
		e = ask_json(&a.link, path, NULL, &heads, &j, &why);
	ask_close(&a);
	if (e != ERR_OK)
		return refused_with(r, e, &why);
	json_t *o = json_object_get(j, "Event");
	if (json_is_object(o))
		default_member(o, "EventTag", json_array());
	answer_json(r, j);
	return ERR_OK;
}

/* ---- names to filter by ---- */

static enum err query_rules(struct http_req *r, struct fail *f)
{
	struct ask a;
	struct fail why = {0};
	struct ask_heads heads;
	OWN(json_ref) json_t *j = NULL;
	OWN(json_ref) json_t *out = json_object();
	if (!ask_peer(r, f))
		return ERR_OK;
	enum err e = ask_open(r, &a, 10000, &why);
	if (e == ERR_OK)
		e = ask_json(&a.link, "/servers/getAvailableSyncFilteringRules", NULL, &heads, &j, &why);
	ask_close(&a);
	json_object_set_new(out, "error",
			    json_string(e == ERR_OK ? "" : why.text[0] ? why.text : err_text(e)));
	json_object_set_new(out, "data", e == ERR_OK ? json_incref(j) : json_object());
	answer_json(r, out);
	return ERR_OK;
}

/* ---- what peers have in common ---- */

#define COMPARED_MAX 32
#define UUIDS_MAX 2000000 /* of all peers together, 16 bytes each */
#define INDEX_MAX (UINT64_C(1) << 30)

struct holding {
	uint64_t id;
	struct str name;
	struct uuid *v;
	size_t n, room, *left;
	struct peer_index *index;
	bool known;
};

static enum err holding_row(void *user, const struct peer_index_row *row, struct fail *f)
{
	struct holding *h = user;
	if (!*h->left)
		return fail(f, ERR_LIMIT, "the peers have too many events to compare");
	if (h->n == h->room) {
		size_t room = h->room ? h->room * 2 : 1024;
		struct uuid *v = reallocarray(h->v, room, sizeof(*v));
		if (!v)
			return fail(f, ERR_NOMEM, "no memory");
		h->v = v;
		h->room = room;
	}
	h->v[h->n++] = row->uuid;
	--*h->left;
	return ERR_OK;
}

static enum err holding_data(void *user, const void *p, size_t n, struct fail *f)
{
	struct holding *h = user;
	return peer_index_feed(h->index, p, n, f);
}

static int by_uuid(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct uuid));
}

static enum err holding_get(const struct link_env *env, struct holding *h, struct fail *f)
{
	struct link l;
	struct client_res res;
	struct link_req q = {.path = "/events/index",
			     .body = STR("{\"minimal\":1,\"published\":1}"),
			     .max_bytes = INDEX_MAX,
			     .data = holding_data,
			     .user = h};
	enum err e = link_open(&l, env, h->id, f);
	h->index = peer_index_new(holding_row, h);
	if (e == ERR_OK && !h->index)
		e = fail(f, ERR_NOMEM, "no memory");
	if (e == ERR_OK)
		e = link_call(&l, &q, &res, f);
	if (e == ERR_OK)
		e = peer_index_end(h->index, f);
	peer_index_free(MOVE(h->index));
	link_close(&l);
	if (e == ERR_OK && h->n)
		qsort(h->v, h->n, sizeof(*h->v), by_uuid);
	h->known = e == ERR_OK;
	return e;
}

static size_t in_both(const struct holding *a, const struct holding *b)
{
	size_t n = 0;
	for (size_t i = 0, k = 0; i < a->n && k < b->n;) {
		int c = by_uuid(&a->v[i], &b->v[k]);
		n += c == 0;
		i += c <= 0;
		k += c >= 0;
	}
	return n;
}

static void put_holdings(struct jsonw *w, const struct holding *v, size_t n)
{
	char key[24];
	jsonw_obj(w);
	jsonw_key(w, "servers");
	jsonw_arr(w);
	for (size_t i = 0; i < n; i++) {
		jsonw_obj(w);
		JSONW_KV(w, jsonw_uint_str, "id", v[i].id);
		JSONW_KV(w, jsonw_str, "name", v[i].name);
		if (v[i].known)
			JSONW_KV(w, jsonw_uint, "events", v[i].n);
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
	jsonw_key(w, "overlap");
	jsonw_obj(w);
	for (size_t i = 0; i < n; i++) {
		snprintf(key, sizeof(key), "%llu", (unsigned long long)v[i].id);
		jsonw_key(w, key);
		jsonw_obj(w);
		for (size_t k = 0; k < n; k++) {
			if (i == k || !v[i].known || !v[k].known)
				continue;
			size_t both = in_both(&v[i], &v[k]);
			snprintf(key, sizeof(key), "%llu", (unsigned long long)v[k].id);
			jsonw_key(w, key);
			jsonw_obj(w);
			JSONW_KV(w, jsonw_uint, "count", both);
			JSONW_KV(w, jsonw_uint, "percentage", v[i].n ? both * 100 / v[i].n : 0);
			jsonw_obj_end(w);
		}
		jsonw_obj_end(w);
	}
	jsonw_obj_end(w);
	jsonw_obj_end(w);
}

/* Each peer that is pulled from is asked for its whole index; one that does not answer is left out. */
static enum err compare_servers(struct http_req *r, struct fail *f)
{
	const struct api *api = api_of(r);
	struct link_env env = {.store = api->store,
			       .key = api->peer_key,
			       .client = client_opts_of(api->conf),
			       .node_version = PACKAGE_VERSION,
			       .host_org_id = api->ingest.host_org_id};
	env.client.connect_ms = 10000;
	struct holding v[COMPARED_MAX] = {{.id = 0}};
	size_t n = 0, left = UUIDS_MAX;
	uint64_t id = 0;
	struct misp_peer row;
	{
		OWN(store_rtxn) struct store_rtxn *t = NULL;
		TRY(store_read(api->store, &t, f));
		while (n < COMPARED_MAX && store_next(t, T_PEER, &id, NULL, &row) == ERR_OK)
			if (row.pull)
				v[n++] = (struct holding){.id = id,
							  .name = arena_str(r->arena, row.name),
							  .left = &left};
	}
	for (size_t i = 0; i < n; i++) {
		struct fail ignored = {0};
		(void)!holding_get(&env, &v[i], &ignored);
	}
	struct buf b = BUF(4 << 20);
	struct jsonw w = jsonw_on(&b);
	put_holdings(&w, v, n);
	for (size_t i = 0; i < n; i++)
		free(v[i].v);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

const struct endpoint ep_servers_preview_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/servers/previewIndex/:id",
	.auth = perm_site_admin,
	.run = preview_index,
	.shape = "FarEvents",
	.doc = "A page of a peer's index of events",
};
const struct endpoint ep_servers_preview_event = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/servers/previewEvent/:id/:event",
	.auth = perm_site_admin,
	.run = preview_event,
	.shape = "FarEvent",
	.doc = "An event as a peer has it; nothing is taken in",
};
const struct endpoint ep_servers_query_rules = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/servers/queryAvailableSyncFilteringRules/:id",
	.auth = perm_site_admin,
	.run = query_rules,
	.shape = "FilteringRules",
	.doc = "Organisations and tags that a peer offers to filter by",
};
const struct endpoint ep_servers_compare = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/servers/compareServers",
	.auth = perm_site_admin,
	.run = compare_servers,
	.shape = "Overlap",
	.doc = "How many events each two of the peers that are pulled from have in common",
};
