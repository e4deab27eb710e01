/*
 * ep_orgs.c - /organisations and /admin/organisations. Texts as recorded (wire/client,
 * organisations).
 */
#include <ctype.h>

#include "api/rest.h"
#include "api/shapes.h"
#include "base/clock.h"
#include "model/pack.h"

#define ORGS_MAX 1000000u

static struct str uuid_key(const struct uuid *u)
{
	return (struct str){(const char *)u->b, sizeof(u->b)};
}

/* By id, UUID or name. */
static enum err find_org(struct http_req *r, const struct store_rtxn *t, struct str s,
			 struct misp_org *o)
{
	struct misp_org row;
	struct uuid u;
	uint64_t id;
	enum err e = ERR_OK;
	if (!str_u64(s, &id)) {
		e = uuid_parse(s, &u) ? store_find(t, IX_ORG_UUID, uuid_key(&u), &id)
				      : store_find(t, IX_ORG_NAME, s, &id);
	}
	TRY(e);
	TRY(store_get(t, T_ORG, id, r->arena, &row));
	return entity_copy(r->arena, &desc_misp_org, &row, o);
}

static enum err count_users(const struct store_rtxn *t, uint64_t org_id, uint64_t *n)
{
	struct misp_user u;
	uint64_t id = 0;
	enum err e;
	*n = 0;
	while ((e = store_next(t, T_USER, &id, NULL, &u)) == ERR_OK)
		*n += u.org_id == org_id;
	return e == ERR_NOENT ? ERR_OK : e;
}

/* What is known only to the store: number of users, who made it (site admins only). */
static enum err more_members(struct http_req *r, struct jsonw *w, const struct store_rtxn *t,
			     const struct misp_org *o)
{
	struct misp_user maker;
	uint64_t n;
	TRY(count_users(t, o->id, &n));
	JSONW_KV(w, jsonw_uint_str, "user_count", n);
	if (!may(r, perm_site_admin))
		return ERR_OK;
	enum err e = o->created_by ? store_get(t, T_USER, o->created_by, NULL, &maker) : ERR_NOENT;
	if (e != ERR_OK && e != ERR_NOENT)
		return e;
	JSONW_KV(w, jsonw_str, "created_by_email", e == ERR_OK ? maker.email : STR("Unknown"));
	return ERR_OK;
}

/* ---- view and lists ---- */

static enum err orgs_view(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct view_orgs known;
	struct misp_org o = {0};
	TRY(rest_view(r, &v, f));
	const struct store_rtxn *t = view_txn(v);
	TRY(view_orgs_find(v, r->arena, &known, f));
	enum err e = find_org(r, t, req_arg(r, "id"), &o);
	if (e == ERR_NOENT || (e == ERR_OK && !view_orgs_has(&known, o.id))) {
		reply_error(r, 404, "Invalid organisation");
		return ERR_OK;
	}
	TRY(e);
	if (r->method == HTTP_HEAD) {
		reply_empty(r, 200);
		return ERR_OK;
	}
	struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "Organisation");
	jsonw_obj(&w);
	shape_org_members(&w, &o, may(r, perm_site_admin));
	e = more_members(r, &w, t, &o);
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	if (e != ERR_OK) {
		buf_free(&b);
		return e;
	}
	rest_answer(r, 200, &b);
	return ERR_OK;
}

static int by_name(const void *a, const void *b)
{
	const struct misp_org *x = *(const struct misp_org *const *)a;
	const struct misp_org *y = *(const struct misp_org *const *)b;
	for (size_t i = 0; i < x->name.n && i < y->name.n; i++) {
		int c = tolower((unsigned char)x->name.p[i]) - tolower((unsigned char)y->name.p[i]);
		if (c)
			return c;
	}
	if (x->name.n != y->name.n)
		return x->name.n < y->name.n ? -1 : 1;
	return x->id < y->id ? -1 : 1;
}

static bool holds(const struct misp_org *o, struct str text)
{
	const struct str fields[] = {o->name, o->description, o->nationality,
				     o->sector, o->type,	  o->contacts};
	if (!text.n)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (fields[i].n && str_find_nocase(fields[i], text) >= 0)
			return true;
	return false;
}

static bool in_scope(const struct misp_org *o, struct str scope)
{
	if (str_is(scope, "all"))
		return true;
	return o->local != str_is(scope, "external");
}

static enum err collect(struct http_req *r, const struct store_rtxn *t,
			const struct view_orgs *known, struct str scope, struct str text,
			const struct misp_org ***out, size_t *n, struct fail *f)
{
	uint64_t max = MIN(store_count(t, T_ORG), ORGS_MAX), id = 0;
	const struct misp_org **v = ARENA_ARRAY(r->arena, const struct misp_org *, max + 1);
	struct misp_org row;
	enum err e = ERR_NOENT;
	*n = 0;
	*out = v;
	if (!v)
		return fail(f, ERR_LIMIT, "too many organisations");
	while (*n < max && (e = store_next(t, T_ORG, &id, r->arena, &row)) == ERR_OK) {
		if (!view_orgs_has(known, id) || !in_scope(&row, scope) || !holds(&row, text))
			continue;
		struct misp_org *copy = ARENA_NEW(r->arena, struct misp_org);
		if (!copy)
			return fail(f, ERR_LIMIT, "too many organisations");
		TRY(entity_copy(r->arena, &desc_misp_org, &row, copy));
		v[(*n)++] = copy;
	}
	return e == ERR_OK || e == ERR_NOENT ? ERR_OK : e;
}

/* `scope` counts in the path and query only (recorded, organisations 2320). */
static enum err orgs_index(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *view = NULL;
	struct view_orgs known;
	const struct misp_org **v;
	json_t *body;
	size_t n;
	enum err e = ERR_OK;
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	TRY(rest_view(r, &view, f));
	const struct store_rtxn *t = view_txn(view);
	TRY(view_orgs_find(view, r->arena, &known, f));
	TRY(collect(r, t, &known, req_param(r, "scope"), rest_param(r, body, "searchall"), &v, &n, f));
	if (n)
		qsort(v, n, sizeof(*v), by_name);
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	jsonw_arr(&w);
	for (size_t i = 0; i < n && e == ERR_OK; i++) {
		jsonw_obj(&w);
		jsonw_key(&w, "Organisation");
		jsonw_obj(&w);
		shape_org_members(&w, v[i], may(r, perm_site_admin));
		shape_text_or_null(&w, "landingpage", v[i]->landingpage);
		e = more_members(r, &w, t, v[i]);
		jsonw_obj_end(&w);
		jsonw_obj_end(&w);
	}
	jsonw_arr_end(&w);
	if (e != ERR_OK) {
		buf_free(&b);
		return e;
	}
	rest_answer(r, 200, &b);
	return ERR_OK;
}

static enum err orgs_uuids(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_org row;
	uint64_t id = 0;
	enum err e;
	TRY(store_read(api_of(r)->store, &t, f));
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	jsonw_arr(&w);
	while ((e = store_next(t, T_ORG, &id, NULL, &row)) == ERR_OK)
		if (row.local)
			jsonw_uuid(&w, row.uuid);
	jsonw_arr_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- adding, editing, deleting ---- */

static const struct {
	const char *key;
	size_t at;
} texts[] = {
	{"name", offsetof(struct misp_org, name)},
	{"description", offsetof(struct misp_org, description)},
	{"type", offsetof(struct misp_org, type)},
	{"nationality", offsetof(struct misp_org, nationality)},
	{"sector", offsetof(struct misp_org, sector)},
	{"contacts", offsetof(struct misp_org, contacts)},
	{"landingpage", offsetof(struct misp_org, landingpage)},
};

/* The members that were given; false and answered when one is bad. */
static bool take_members(struct http_req *r, const json_t *body, const char *action,
			 struct misp_org *o)
{
	struct str uuid = STR_NONE;
	struct uuid u;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		rest_take_text(r, body, texts[i].key, (struct str *)((char *)o + texts[i].at));
	rest_take_flag(body, "local", &o->local);
	const json_t *domains = json_object_get(body, "restricted_to_domain");
	if (json_is_array(domains)) {
		char *text = json_dumps(domains, JSON_COMPACT);
		o->restricted_to_domain =
			json_array_size(domains) ? arena_str(r->arena, str_c(text)) : STR("");
		free(text);
	}
	if (!rest_take_text(r, body, "uuid", &uuid) || !uuid.n)
		return true;
	if (uuid_parse(uuid, &u)) {
		o->uuid = u;
		return true;
	}
	rest_not_saved(r, action, "Organisation", STR_NONE,
		       rest_field_error(r, "uuid", "Please provide a valid RFC 4122 UUID"));
	return false;
}

/* Whose unique key it is that is taken. */
static void answer_taken(struct http_req *r, const char *action, const struct misp_org *o)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail why = {0};
	uint64_t id;
	bool uuid = store_read(api_of(r)->store, &t, &why) == ERR_OK &&
		    store_find(t, IX_ORG_UUID, uuid_key(&o->uuid), &id) == ERR_OK && id != o->id;
	struct str errors =
		uuid ? rest_field_error(r, "uuid", "An organisation with this UUID already exists.")
		     : rest_field_error(r, "name", "An organisation with this name already exists.");
	rest_not_saved(r, action, "Organisation", STR_NONE, errors);
}

static enum err save(struct http_req *r, const char *action, struct misp_org *o, struct fail *f)
{
	o->date_modified = rest_now_text(r);
	enum err e = rest_row_put(r, T_ORG, &o->id, o, o->uuid, f);
	if (e == ERR_EXISTS) {
		answer_taken(r, action, o);
		return ERR_OK;
	}
	TRY(e);
	struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "Organisation");
	shape_org(&w, o);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

static enum err orgs_add(struct http_req *r, struct fail *f)
{
	struct misp_org o = {.local = true, .created_by = me(r)->user.id};
	json_t *body;
	if (rest_json(r, "Organisation", &body, f) != ERR_OK)
		return ERR_OK;
	me(r)->url = STR("/admin/organisations/add");
	if (!take_members(r, body, "add", &o))
		return ERR_OK;
	if (uuid_is_nil(o.uuid))
		o.uuid = uuid_random();
	o.date_created = rest_now_text(r);
	return save(r, "add", &o, f);
}

/* The organisation of the path, or answered. */
static bool org_of_path(struct http_req *r, struct misp_org *o, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	if (store_read(api_of(r)->store, &t, f) == ERR_OK &&
	    find_org(r, t, req_arg(r, "id"), o) == ERR_OK)
		return true;
	reply_error(r, 404, "Invalid organisation");
	return false;
}

static enum err orgs_edit(struct http_req *r, struct fail *f)
{
	struct misp_org o;
	json_t *body;
	if (rest_json(r, "Organisation", &body, f) != ERR_OK || !org_of_path(r, &o, f))
		return ERR_OK;
	if (!take_members(r, body, "edit", &o))
		return ERR_OK;
	return save(r, "edit", &o, f);
}

/* Does something still belong to it: users, events, a link? */
static enum err is_used(struct http_req *r, uint64_t org_id, bool *used, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_event ev;
	struct misp_peer peer;
	uint64_t n, id = 0;
	enum err e;
	TRY(store_read(api_of(r)->store, &t, f));
	TRY(count_users(t, org_id, &n));
	*used = n > 0;
	while (!*used && (e = store_next(t, T_PEER, &id, NULL, &peer)) == ERR_OK)
		*used = peer.org_id == org_id || peer.remote_org_id == org_id;
	id = 0;
	while (!*used && (e = store_next(t, T_EVENT, &id, NULL, &ev)) == ERR_OK)
		*used = ev.org_id == org_id || ev.orgc_id == org_id;
	return ERR_OK;
}

static enum err orgs_delete(struct http_req *r, struct fail *f)
{
	struct misp_org o;
	bool used;
	if (!org_of_path(r, &o, f))
		return ERR_OK;
	TRY(is_used(r, o.id, &used, f));
	struct str id = rest_id(r, o.id);
	me(r)->url = arena_printf(r->arena, "/admin/organisations/delete/%.*s", STR_ARG(id));
	if (used) {
		rest_not_saved(r, "delete", "Organisation", id, STR("[]"));
		return ERR_OK;
	}
	TRY(rest_row_del(r, T_ORG, o.id, o.uuid, f));
	rest_saved(r, id, "Organisation deleted");
	return ERR_OK;
}

const struct endpoint ep_orgs_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/organisations/index",
	.run = orgs_index,
	.shape = "Organisations",
	.doc = "Organisations by scope (local, external, all)",
};
const struct endpoint ep_orgs_view = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/organisations/view/:id",
	.run = orgs_view,
	.shape = "Organisation",
	.doc = "An organisation by id, UUID or name",
};
const struct endpoint ep_orgs_uuids = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/organisations/getUUIDs",
	.auth = perm_sync,
	.run = orgs_uuids,
	.shape = "Uuids",
	.doc = "UUIDs of the local organisations",
};
const struct endpoint ep_orgs_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/admin/organisations/add",
	.auth = perm_site_admin,
	.run = orgs_add,
	.shape = "Organisation",
	.takes = "OrgIn",
	.doc = "Add an organisation",
};
const struct endpoint ep_orgs_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/admin/organisations/edit/:id",
	.auth = perm_site_admin,
	.run = orgs_edit,
	.shape = "Organisation",
	.takes = "OrgIn",
	.doc = "Change the given members of an organisation",
};
const struct endpoint ep_orgs_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/admin/organisations/delete/:id",
	.auth = perm_site_admin,
	.run = orgs_delete,
	.shape = "Saved",
	.doc = "Delete an organisation that nothing belongs to",
};
