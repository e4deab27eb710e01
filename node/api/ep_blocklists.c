/*
 * ep_blocklists.c - /eventBlocklists, /orgBlocklists, /galaxyClusterBlocklists and
 * /analystDataBlocklists; a list is a row in `names`. Texts as recorded (wire/client). Event block
 * lists are open to users of the host organisation who may add events (corrections 49).
 */
#include "api/rest.h"
#include "base/clock.h"
#include "model/pack.h"

#define UUIDS_MAX 100000u
#define LIST_ARENA (64u << 20) /* a list may be larger than a request's own memory */

/* By what is blocked; members that a list has not are NULL. */
static const struct {
	const char *wrapper, *uuid, *info, *orgc, *url;
} names[] = {
	[BLOCK_EVENT] = {"EventBlocklist", "event_uuid", "event_info", "event_orgc",
			 "event_blocklists"},
	[BLOCK_ORG] = {"OrgBlocklist", "org_uuid", "org_name", NULL, "org_blocklists"},
	[BLOCK_CLUSTER] = {"GalaxyClusterBlocklist", "cluster_uuid", "cluster_info", "cluster_orgc",
			   "galaxy_cluster_blocklists"},
	[BLOCK_ANALYST] = {"AnalystDataBlocklist", "analyst_data_uuid", "analyst_data_info",
			   "analyst_data_orgc", "analyst_data_blocklists"},
};

static bool allowed(struct http_req *r, enum block_kind k)
{
	bool host = me(r)->user.org_id == api_of(r)->egress.host_org_id;
	if (may(r, perm_site_admin) || (k == BLOCK_EVENT && host && may(r, perm_add)))
		return true;
	reply_error(r, 403, "You do not have permission to use this functionality.");
	return false;
}

static void put_time(struct http_req *r, struct jsonw *w, int64_t t)
{
	struct clock_civil c = clock_to_civil(t);
	JSONW_KV(w, jsonw_str, "created",
		 arena_printf(r->arena, "%04d-%02d-%02d %02d:%02d:%02d", c.year, c.month, c.day,
			      c.hour, c.minute, c.second));
}

static void put_row(struct http_req *r, struct jsonw *w, const struct misp_block *row,
		    enum block_kind k, bool index)
{
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint_str, "id", row->id);
	JSONW_KV(w, jsonw_uuid, names[k].uuid, row->uuid);
	put_time(r, w, row->created);
	JSONW_KV(w, jsonw_str, names[k].info, row->info.p ? row->info : STR(""));
	JSONW_KV(w, jsonw_str, "comment", row->comment.p ? row->comment : STR(""));
	if (names[k].orgc) {
		JSONW_KV(w, jsonw_str, names[k].orgc, row->orgc.p ? row->orgc : STR(""));
	} else if (index) {
		jsonw_key(w, "blocked_data");
		jsonw_obj(w);
		JSONW_KV(w, jsonw_bool, "blocked_amount", false);
		JSONW_KV(w, jsonw_bool, "blocked_last_time", false);
		jsonw_obj_end(w);
	}
	jsonw_obj_end(w);
}

static enum err list_index(struct http_req *r, enum block_kind k, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_block row;
	uint64_t id = 0;
	enum err e;
	if (!allowed(r, k))
		return ERR_OK;
	TRY(store_read(api_of(r)->store, &t, f));
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	jsonw_arr(&w);
	while ((e = store_next(t, T_BLOCK, &id, NULL, &row)) == ERR_OK) {
		struct arena_mark m = arena_mark(r->arena);
		if (row.kind == k)
			put_row(r, &w, &row, k, true);
		arena_rewind(r->arena, m);
	}
	jsonw_arr_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- adding ---- */

struct add {
	struct misp_block *rows;
	bool *fresh;
	size_t n;
};

static enum err run_add(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct add *a = arg;
	for (size_t i = 0; i < a->n; i++) {
		struct misp_block row = a->rows[i];
		row.id = store_new_row_id(w, T_BLOCK);
		enum err e = store_put(w, T_BLOCK, row.id, &row, f);
		a->fresh[i] = e == ERR_OK;
		if (e != ERR_OK && e != ERR_EXISTS)
			return e;
	}
	return ERR_OK;
}

static struct str text_or_empty(struct http_req *r, const json_t *body, const char *key)
{
	struct str s = rest_text(r, body, key);
	return s.p ? s : STR("");
}

/* `uuids`: a list, or lines. */
static json_t *uuids_of(const json_t *body)
{
	json_t *v = json_object_get(body, "uuids");
	if (json_is_array(v))
		return json_incref(v);
	json_t *list = json_array();
	struct str rest = str_c(json_string_value(v)), line;
	while (list && rest.p) {
		rest = str_split(rest, '\n', &line);
		line = str_trim(line);
		if (line.n)
			json_array_append_new(list, json_stringn(line.p, line.n));
	}
	return list;
}

static void answer_added(struct http_req *r, json_t *done, json_t *failed)
{
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	char *d = json_dumps(done, JSON_COMPACT), *n = json_dumps(failed, JSON_COMPACT);
	jsonw_obj(&w);
	jsonw_key(&w, "result");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_raw, "successes", str_c(d ? d : "[]"));
	JSONW_KV(&w, jsonw_raw, "fails", str_c(n ? n : "[]"));
	jsonw_obj_end(&w);
	JSONW_KV(&w, jsonw_str, "message",
		 arena_printf(r->arena,
			      "Done. Added %zu new entries to the blocklist. %zu entries could not be "
			      "saved.",
			      json_array_size(done), json_array_size(failed)));
	jsonw_obj_end(&w);
	free(d);
	free(n);
	rest_answer(r, 200, &b);
}

static enum err list_add(struct http_req *r, enum block_kind k, struct fail *f)
{
	json_t *body, *item;
	size_t i;
	if (!allowed(r, k) || rest_json(r, names[k].wrapper, &body, f) != ERR_OK)
		return ERR_OK;
	json_t *uuids = uuids_of(body), *done = json_array(), *failed = json_array();
	size_t max = MIN(json_array_size(uuids), UUIDS_MAX);
	OWN(arena) struct arena *mem = arena_new(LIST_ARENA);
	struct add a = {.rows = mem ? ARENA_ARRAY(mem, struct misp_block, max + 1) : NULL,
			.fresh = mem ? ARENA_ARRAY(mem, bool, max + 1) : NULL};
	enum err e = a.rows && a.fresh ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
	struct misp_block row = {.kind = (uint8_t)k,
				 .created = clock_now(),
				 .info = text_or_empty(r, body, names[k].info),
				 .comment = text_or_empty(r, body, "comment"),
				 .orgc = names[k].orgc ? text_or_empty(r, body, names[k].orgc) :
							 STR("")};
	json_array_foreach(uuids, i, item) {
		const char *s = json_string_value(item);
		if (e == ERR_OK && s && a.n < max && uuid_parse(str_c(s), &row.uuid))
			a.rows[a.n++] = row;
		else
			json_array_append(failed, item);
	}
	if (e == ERR_OK && a.n)
		e = rest_write(r, run_add, &a, f);
	for (i = 0; e == ERR_OK && i < a.n; i++) {
		char text[UUID_TEXT_LEN + 1];
		json_array_append_new(a.fresh[i] ? done : failed,
				      json_string(uuid_format(a.rows[i].uuid, text)));
	}
	if (e == ERR_OK)
		answer_added(r, done, failed);
	json_decref(uuids);
	json_decref(done);
	json_decref(failed);
	return e;
}

/* ---- one entry, by UUID or id ---- */

static bool entry_of_path(struct http_req *r, enum block_kind k, struct misp_block *out,
			  struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct str arg = req_arg(r, "id");
	struct misp_block row;
	uint8_t key[17] = {(uint8_t)k};
	struct uuid u;
	uint64_t id = 0;
	enum err e = store_read(api_of(r)->store, &t, f);
	if (e == ERR_OK && !str_u64(arg, &id)) {
		e = uuid_parse(arg, &u) ? ERR_OK : ERR_NOENT;
		memcpy(key + 1, u.b, sizeof(u.b));
		if (e == ERR_OK)
			e = store_find(t, IX_BLOCK_UUID, (struct str){(char *)key, sizeof(key)}, &id);
	}
	if (e == ERR_OK)
		e = store_get(t, T_BLOCK, id, r->arena, &row);
	if (e == ERR_OK && row.kind == k &&
	    entity_copy(r->arena, &desc_misp_block, &row, out) == ERR_OK)
		return true;
	reply_error(r, 404, "Invalid blocklist entry");
	return false;
}

static enum err list_edit(struct http_req *r, enum block_kind k, struct fail *f)
{
	struct misp_block row;
	json_t *body;
	if (!allowed(r, k) || rest_json(r, names[k].wrapper, &body, f) != ERR_OK ||
	    !entry_of_path(r, k, &row, f))
		return ERR_OK;
	rest_take_text(r, body, names[k].info, &row.info);
	rest_take_text(r, body, "comment", &row.comment);
	if (names[k].orgc)
		rest_take_text(r, body, names[k].orgc, &row.orgc);
	TRY(rest_row_put(r, T_BLOCK, &row.id, &row, row.uuid, f));
	struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, names[k].wrapper);
	put_row(r, &w, &row, k, false);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

static enum err list_delete(struct http_req *r, enum block_kind k, struct fail *f)
{
	struct misp_block row;
	if (!allowed(r, k) || !entry_of_path(r, k, &row, f))
		return ERR_OK;
	TRY(rest_row_del(r, T_BLOCK, row.id, row.uuid, f));
	struct str id = req_arg(r, "id");
	me(r)->url = arena_printf(r->arena, "/%s/delete/%.*s", names[k].url, STR_ARG(id));
	rest_saved(r, id, "Blocklist entry removed");
	return ERR_OK;
}

/* ---- rows ---- */

#define OF_LIST(name, kind, what)                                                                  \
	static enum err name##_##what(struct http_req *r, struct fail *f)                          \
	{                                                                                          \
		return list_##what(r, kind, f);                                                    \
	}
#define LIST(name, kind)                                                                           \
	OF_LIST(name, kind, index) OF_LIST(name, kind, add) OF_LIST(name, kind, edit)              \
	OF_LIST(name, kind, delete)
LIST(event, BLOCK_EVENT)
LIST(org, BLOCK_ORG)
LIST(cluster, BLOCK_CLUSTER)
LIST(analyst, BLOCK_ANALYST)

const struct endpoint ep_event_blocklists_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/eventBlocklists/index",
	.run = event_index,
	.shape = "Blocklist",
	.doc = "Events that are not taken (again)",
};
const struct endpoint ep_event_blocklists_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/eventBlocklists/add",
	.run = event_add,
	.shape = "BlocklistAdded",
	.takes = "BlocklistIn",
	.doc = "Block events by UUID",
};
const struct endpoint ep_event_blocklists_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/eventBlocklists/edit/:id",
	.run = event_edit,
	.shape = "BlocklistEntry",
	.takes = "BlocklistIn",
	.doc = "Change the remarks of an entry",
};
const struct endpoint ep_event_blocklists_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/eventBlocklists/delete/:id",
	.run = event_delete,
	.shape = "Saved",
	.doc = "Let an event in again",
};
const struct endpoint ep_org_blocklists_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/orgBlocklists/index",
	.run = org_index,
	.shape = "Blocklist",
	.doc = "Organisations whose events are not taken",
};
const struct endpoint ep_org_blocklists_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/orgBlocklists/add",
	.run = org_add,
	.shape = "BlocklistAdded",
	.takes = "BlocklistIn",
	.doc = "Block organisations by UUID",
};
const struct endpoint ep_org_blocklists_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/orgBlocklists/edit/:id",
	.run = org_edit,
	.shape = "BlocklistEntry",
	.takes = "BlocklistIn",
	.doc = "Change the remarks of an entry",
};
const struct endpoint ep_org_blocklists_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/orgBlocklists/delete/:id",
	.run = org_delete,
	.shape = "Saved",
	.doc = "Let an organisation's events in again",
};

const struct endpoint ep_cluster_blocklists_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/galaxyClusterBlocklists/index",
	.run = cluster_index,
	.shape = "Blocklist",
	.doc = "Galaxy clusters that are not taken (again)",
};
const struct endpoint ep_cluster_blocklists_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/galaxyClusterBlocklists/add",
	.run = cluster_add,
	.shape = "BlocklistAdded",
	.takes = "BlocklistIn",
	.doc = "Block galaxy clusters by UUID",
};
const struct endpoint ep_cluster_blocklists_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/galaxyClusterBlocklists/edit/:id",
	.run = cluster_edit,
	.shape = "BlocklistEntry",
	.takes = "BlocklistIn",
	.doc = "Change the remarks of an entry",
};
const struct endpoint ep_cluster_blocklists_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/galaxyClusterBlocklists/delete/:id",
	.run = cluster_delete,
	.shape = "Saved",
	.doc = "Take a galaxy cluster from the block list",
};
const struct endpoint ep_analyst_blocklists_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/analystDataBlocklists/index",
	.run = analyst_index,
	.shape = "Blocklist",
	.doc = "Analyst data that is not taken (again)",
};
const struct endpoint ep_analyst_blocklists_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/analystDataBlocklists/add",
	.run = analyst_add,
	.shape = "BlocklistAdded",
	.takes = "BlocklistIn",
	.doc = "Block analyst data by UUID",
};
const struct endpoint ep_analyst_blocklists_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/analystDataBlocklists/edit/:id",
	.run = analyst_edit,
	.shape = "BlocklistEntry",
	.takes = "BlocklistIn",
	.doc = "Change the remarks of an entry",
};
const struct endpoint ep_analyst_blocklists_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/analystDataBlocklists/delete/:id",
	.run = analyst_delete,
	.shape = "Saved",
	.doc = "Let analyst data in again",
};
