/*
 * ep_analyst_sync.c - /analyst_data for peers: what there is, what is wanted, what they push
 * (sync-protocol.md 3.10, 4.10; corrections 10 and 14).
 */
#include "api/rest.h"

#include <stdio.h>

#include "model/datetime.h"
#include "model/json_read.h"

#define ANALYST_BODY_MAX (64u << 20)

/* ---- what there is ---- */

struct org_rule {
	struct uuid *v;
	size_t n;
};

/* A name, UUID or local number. */
static bool org_named(struct store_rtxn *t, struct str s, struct uuid *out)
{
	struct misp_org org;
	uint64_t id;
	if (uuid_parse(s, out))
		return true;
	if (store_find(t, IX_ORG_NAME, s, &id) != ERR_OK && !str_u64(s, &id))
		return false;
	if (store_get(t, T_ORG, id, NULL, &org) != ERR_OK)
		return false;
	*out = org.uuid;
	return true;
}

/* {"orgc_name":["A","!B"]}: one of the first, none of the others; unknown ones name nobody. */
static enum err org_rules(struct http_req *r, const json_t *body, struct analyst_query *q,
			  struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	json_t *list = json_object_get(body, "orgc_name"), *item;
	size_t i, n = json_array_size(list);
	struct uuid *in = ARENA_ARRAY(r->arena, struct uuid, n + 1);
	struct uuid *out = ARENA_ARRAY(r->arena, struct uuid, n + 1), u;
	if (!in || !out)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(store_read(api_of(r)->store, &t, f));
	json_array_foreach(list, i, item) {
		struct str s = str_c(json_is_string(item) ? json_string_value(item) : "");
		bool not = s.n && s.p[0] == '!';
		if (not)
			s = str_sub(s, 1, s.n - 1);
		if (!s.n)
			continue;
		if (!not)
			q->orgc = in;
		if (!org_named(t, s, &u))
			continue;
		if (not)
			out[q->n_not_orgc++] = u;
		else
			in[q->n_orgc++] = u;
	}
	q->not_orgc = out;
	return ERR_OK;
}

static enum err index_minimal(struct http_req *r, struct fail *f)
{
	struct analyst_query q = {.kinds = (1u << ANALYST_KINDS) - 1};
	json_t *body;
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	TRY(org_rules(r, body, &q, f));
	return rest_analyst(r, &q, "minimal", 0, NULL, f);
}

/* ---- what is wanted ---- */

static bool is_blocked(struct store_rtxn *t, struct uuid u)
{
	char key[17] = {BLOCK_ANALYST};
	uint64_t id;
	memcpy(key + 1, u.b, sizeof(u.b));
	return store_find(t, IX_BLOCK_UUID, (struct str){key, sizeof(key)}, &id) == ERR_OK;
}

/* Would the one with this UUID, changed then, be taken? */
static bool is_wanted(struct store_rtxn *t, struct uuid u, struct str modified)
{
	struct misp_analyst row;
	int64_t theirs = 0, ours = 0;
	uint64_t id;
	int east;
	if (is_blocked(t, u))
		return false;
	if (store_find(t, IX_ANALYST_UUID, (struct str){(char *)u.b, 16}, &id) != ERR_OK)
		return true;
	if (store_get(t, T_ANALYST, id, NULL, &row) != ERR_OK || !row.locked)
		return false;
	(void)!datetime_read(modified, &theirs, &east);
	(void)!datetime_read(row.modified, &ours, &east);
	return theirs > ours;
}

static enum err filter_for_push(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	json_t *body;
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	TRY(store_read(api_of(r)->store, &t, f));
	jsonw_obj(&w);
	for (unsigned k = 0; k < ANALYST_KINDS; k++) {
		const char *uuid;
		json_t *modified;
		bool any = false;
		jsonw_key(&w, analyst_kind_names[k]);
		json_object_foreach(json_object_get(body, analyst_kind_names[k]), uuid, modified) {
			struct str when = str_c(json_string_value(modified));
			struct uuid u;
			if (!uuid_parse(str_c(uuid), &u) || !is_wanted(t, u, when))
				continue;
			if (!any)
				jsonw_obj(&w);
			any = true;
			JSONW_KV(&w, jsonw_str, uuid, when.p ? when : STR(""));
		}
		if (any) {
			jsonw_obj_end(&w);
		} else { /* PHP's empty map */
			jsonw_arr(&w);
			jsonw_arr_end(&w);
		}
	}
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- what they push ---- */

static enum err keep(void *user, struct raw_event *raw, struct fail *f)
{
	(void)f;
	*(struct raw_event **)user = raw;
	return ERR_OK;
}

/* MISP's sentences (recorded, server-role 114 and 115). */
static void say_taken(struct http_req *r, const struct ingest_result *res)
{
	uint64_t imported = res->added + res->updated;
	char text[512];
	snprintf(text, sizeof(text), "%s %llu imported, %llu ignored, %llu failed. %s",
		 imported ? "Analyst Data imported." : "Could not import analyst data.",
		 (unsigned long long)imported, (unsigned long long)res->ignored,
		 (unsigned long long)(res->refused + res->local),
		 res->local ? "Blocked an edit to an analyst data that was created locally. This can "
			      "happen if a synchronised analyst data that was created on this "
			      "instance was modified by an administrator on the remote side." :
			      "");
	if (imported)
		rest_saved(r, STR_NONE, "%s", text);
	else
		rest_not_saved(r, "pushAnalystData", "AnalystData", STR_NONE, rest_quoted(r, text));
}

static enum err push(struct http_req *r, struct fail *f)
{
	OWN(raw) struct raw_event *raw = NULL;
	struct json_read_opts opts = {.root = RAW_ELEMENTS,
				      .spool_dir = api_of(r)->ingest.spool_dir};
	OWN(json_read) struct json_read *j = json_read_new(&opts, keep, &raw);
	struct admit_facts facts = rest_facts(r);
	struct origin o = rest_origin(r);
	struct ingest_result res = {0};
	struct fail why = {0};
	if (!may(r, perm_analyst_data)) {
		reply_error(r, 405, "You do not have the permission to do that.");
		return ERR_OK;
	}
	if (!j)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = json_read_feed(j, r->body.p, r->body.n, &why);
	if (e == ERR_OK)
		e = json_read_end(j, &why);
	if (e != ERR_OK || !raw_count(raw, EL_ANALYST)) {
		reply_error(r, 400, "No analyst data in the request.");
		return ERR_OK;
	}
	e = ingest_analyst(&api_of(r)->ingest, &raw, ANALYST_MERGE, &o, &facts, r->arena, &res,
			   &why);
	if (e != ERR_OK)
		return fail(f, e, "%s", why.text);
	say_taken(r, &res);
	return ERR_OK;
}

const struct endpoint ep_analyst_index_minimal = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/analyst_data/indexMinimal",
	.run = index_minimal,
	.shape = "AnalystMinimal",
	.doc = "UUIDs and times of all that the caller may see, for a pull",
};
const struct endpoint ep_analyst_filter = {
	.methods = HTTP_POST,
	.path = "/analyst_data/filterAnalystDataForPush",
	.auth = perm_sync,
	.body_cap = ANALYST_BODY_MAX,
	.run = filter_for_push,
	.shape = "AnalystMinimal",
	.doc = "Which of these would be taken",
};
const struct endpoint ep_analyst_push = {
	.methods = HTTP_POST,
	.path = "/analyst_data/pushAnalystData",
	.auth = perm_sync,
	.body_cap = ANALYST_BODY_MAX,
	.run = push,
	.shape = "Saved",
	.takes = "List",
	.doc = "Take analyst data from a peer, one or a list",
};
