/*
 * ep_noticelists.c - /noticelists: hints shown beside what may need a second thought before it is
 * shared. Texts as recorded (wire/client, noticelists).
 */
#include "api/collections.h"
#include "api/crud.h"

static void notice_more(struct http_req *r, struct jsonw *w, const void *row, enum crud_act act)
{
	const struct misp_noticelist *n = row;
	(void)r;
	if (act != CRUD_VIEW)
		return;
	json_t *list = collection_json(n->entries), *v;
	size_t i;
	jsonw_key(w, "NoticelistEntry");
	jsonw_arr(w);
	json_array_foreach(list, i, v) {
		char *s = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
		jsonw_obj(w);
		JSONW_KV(w, jsonw_uint_str, "id", i + 1);
		JSONW_KV(w, jsonw_uint_str, "noticelist_id", n->id);
		JSONW_KV(w, jsonw_raw, "data", str_c(s ? s : "null"));
		jsonw_obj_end(w);
		free(s);
	}
	jsonw_arr_end(w);
	json_decref(list);
}

static const struct crud_member notice_members[] = {
	{"ref", CRUD_JSON},
	{"geographical_area", CRUD_JSON},
	{NULL, 0},
};

static const struct crud notice_kind = {
	.table = T_NOTICELIST,
	.desc = &desc_misp_noticelist,
	.members = notice_members,
	.what = "noticelist",
	.absent = "Invalid Noticelist.",
	.more = notice_more,
};

/* Then MISP sends the client to the list itself. */
static enum err set_enabled(struct http_req *r, struct misp_noticelist *n, bool on, struct fail *f)
{
	n->enabled = on;
	TRY(rest_row_put(r, T_NOTICELIST, &n->id, n, UUID_NIL, f));
	reply_header(r, "Location",
		     arena_printf(r->arena, "%.*s/noticelists/view/%llu",
				  STR_ARG(api_of(r)->base_url), (unsigned long long)n->id));
	reply_empty(r, 302);
	return ERR_OK;
}

static enum err noticelists_enable(struct http_req *r, struct fail *f)
{
	struct misp_noticelist n;
	struct str on = req_arg(r, "on");
	if (!crud_of_path(r, &notice_kind, NULL, &n, f))
		return ERR_OK;
	return set_enabled(r, &n, str_is(on, "true") || str_is(on, "1"), f);
}

static enum err noticelists_update(struct http_req *r, struct fail *f)
{
	return collection_updated(r, LIST_NOTICE, "noticelists", f);
}

const struct endpoint ep_noticelists_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/noticelists/index",
	.run = crud_index,
	.arg = &notice_kind,
	.shape = "Noticelists",
	.doc = "The notice lists",
};
const struct endpoint ep_noticelists_view = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/noticelists/view/:id",
	.run = crud_view,
	.arg = &notice_kind,
	.shape = "Noticelist",
	.doc = "One notice list with its entries",
};
const struct endpoint ep_noticelists_enable = {
	.methods = HTTP_POST,
	.path = "/noticelists/enableNoticelist/:id/:on",
	.auth = perm_site_admin,
	.run = noticelists_enable,
	.shape = "Redirect",
	.doc = "Switch a list on (with /true) or off",
};
const struct endpoint ep_noticelists_update = {
	.methods = HTTP_POST,
	.path = "/noticelists/update",
	.auth = perm_site_admin,
	.run = noticelists_update,
	.shape = "Saved",
	.doc = "Read the configured folders again",
};
