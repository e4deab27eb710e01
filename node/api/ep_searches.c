/*
 * ep_searches.c - /tocsin/searches: restSearch filters that users keep under a name, for themselves or for
 * their organisation. A row says what is asked, never what was found: each run asks anew, as who runs it.
 */
#include "api/crud.h"
#include "base/clock.h"

#define NAME_MAX_BYTES 100
#define TEXT_MAX_BYTES 4096
#define FILTER_MAX_BYTES (256u << 10)
#define SEARCHES_MAX 500 /* of one user */

static const struct {
	const char *name;
	enum search_scope scope;
} scopes[] = {
	{"attributes", SCOPE_ATTRIBUTES},
	{"events", SCOPE_EVENTS},
	{"objects", SCOPE_OBJECTS},
};

static bool scope_find(struct str name, enum search_scope *out)
{
	for (size_t i = 0; i < ARRAY_LEN(scopes); i++)
		if (str_is(name, scopes[i].name)) {
			*out = scopes[i].scope;
			return true;
		}
	return false;
}

static bool is_own(struct http_req *r, const struct misp_saved *s)
{
	return s->user_id == me(r)->user.id;
}

static bool saved_visible(struct http_req *r, const void *row)
{
	const struct misp_saved *s = row;
	return is_own(r, s) || (s->shared && s->org_id == me(r)->user.org_id);
}

static void saved_fresh(struct http_req *r, void *row)
{
	int64_t now = clock_now();
	*(struct misp_saved *)row = (struct misp_saved){.uuid = uuid_random(),
							.user_id = me(r)->user.id,
							.org_id = me(r)->user.org_id,
							.scope = STR("attributes"),
							.created = now};
}

/* ---- what may be saved ---- */

/* Names stand in paths beside numbers and UUIDs. */
static const char *name_fault(struct str name)
{
	struct uuid u;
	uint64_t n;
	if (!name.n)
		return "A name is needed.";
	if (name.n > NAME_MAX_BYTES)
		return "At most 100 bytes.";
	if (str_u64(name, &n) || uuid_parse(name, &u))
		return "A name is neither a number nor a UUID.";
	for (size_t i = 0; i < name.n; i++)
		if ((unsigned char)name.p[i] < ' ' || name.p[i] == '/' || name.p[i] == 127)
			return "No slash and no control characters.";
	return NULL;
}

/* Has the user another one of this name, or too many? */
static enum err others_of(struct http_req *r, const struct misp_saved *s, bool *taken, uint64_t *n)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_saved x;
	struct fail why = {0};
	uint8_t be[8];
	uint64_t id = 0;
	enum err e;
	*taken = false;
	*n = 0;
	for (unsigned i = 0; i < 8; i++)
		be[i] = (uint8_t)(s->user_id >> (56 - 8 * i));
	TRY(store_read(api_of(r)->store, &t, &why));
	while ((e = store_find_next(t, IX_SAVED_USER, (struct str){(char *)be, sizeof(be)}, &id)) ==
	       ERR_OK) {
		struct arena_mark m = arena_mark(r->arena);
		if (store_get(t, T_SAVED, id, r->arena, &x) == ERR_OK && x.id != s->id)
			*taken |= str_eq(x.name, s->name);
		arena_rewind(r->arena, m);
		++*n;
	}
	return e == ERR_NOENT ? ERR_OK : e;
}

/* As restSearch would read it. */
static struct str filter_fault(struct http_req *r, const struct misp_saved *s)
{
	enum search_scope scope = SCOPE_ATTRIBUTES;
	struct search_way *w = ARENA_NEW(r->arena, struct search_way);
	struct fail why = {0};
	struct str fault = STR_NONE;
	json_t *j = json_loadb(s->filter.p ? s->filter.p : "", s->filter.n, 0, NULL);
	if (!w || !scope_find(s->scope, &scope))
		fault = rest_field_error(r, "scope", "Options: attributes, events, objects");
	else if (!json_is_object(j) || s->filter.n > FILTER_MAX_BYTES)
		fault = rest_field_error(r, "filter", "An object with parameters of restSearch.");
	if (!fault.p) {
		*w = (struct search_way){
			.scope = scope, .params = j, .a = r->arena, .base = rest_export_opts(r, 0)};
		if (rest_search_way(w, &why) != ERR_OK)
			fault = rest_field_error(r, "filter",
						 arena_cstr(r->arena, str_c(why.text)));
	}
	json_decref(j);
	return fault;
}

static struct str saved_fault(struct http_req *r, const json_t *body, void *row)
{
	struct misp_saved *s = row;
	const char *fault;
	bool taken;
	uint64_t n;
	(void)body;
	s->name = str_trim(s->name);
	fault = name_fault(s->name);
	if (fault)
		return rest_field_error(r, "name", fault);
	if (s->description.n > TEXT_MAX_BYTES)
		return rest_field_error(r, "description", "At most 4096 bytes.");
	if (others_of(r, s, &taken, &n) != ERR_OK)
		return rest_field_error(r, "name", "The names could not be read.");
	if (taken)
		return rest_field_error(r, "name", "You have a search of this name.");
	if (!s->id && n >= SEARCHES_MAX)
		return rest_field_error(r, "name", "You have as many searches as one may have.");
	if (is_own(r, s)) /* he may have moved since */
		s->org_id = me(r)->user.org_id;
	s->changed = clock_now();
	return filter_fault(r, s);
}

static void saved_more(struct http_req *r, struct jsonw *w, const void *row, enum crud_act act)
{
	(void)act;
	JSONW_KV(w, jsonw_bool, "own", is_own(r, row));
}

static const struct crud_member saved_members[] = {
	{"user_id", CRUD_HIDE}, {"org_id", CRUD_HIDE}, {"filter", CRUD_JSON}, {NULL, 0}};

static const struct crud saved_kind = {
	.table = T_SAVED,
	.desc = &desc_misp_saved,
	.members = saved_members,
	.what = "search",
	.absent = "There is no such search.",
	.deleted = "Search deleted.",
	.visible = saved_visible,
	.fresh = saved_fresh,
	.fault = saved_fault,
	.more = saved_more,
	.has_uuid = true,
	.uuid_index = IX_SAVED_UUID,
};

/* ---- one of them ---- */

/* The number of the visible one that is named so; one's own goes first. 0: there is none. */
static uint64_t named(struct http_req *r, struct str name, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_saved s;
	uint64_t id = 0, found = 0;
	if (store_read(api_of(r)->store, &t, f) != ERR_OK)
		return 0;
	for (;;) {
		struct arena_mark m = arena_mark(r->arena);
		enum err e = store_next(t, T_SAVED, &id, r->arena, &s);
		bool fits = e == ERR_OK && str_eq(s.name, name) && saved_visible(r, &s);
		bool own = fits && is_own(r, &s);
		arena_rewind(r->arena, m);
		if (e != ERR_OK || own)
			return own ? id : found;
		if (fits && !found)
			found = id;
	}
}

/* Named by number, UUID or name. False: answered. */
static bool saved_of_path(struct http_req *r, struct misp_saved *s, struct fail *f)
{
	struct str given = req_arg(r, "id");
	struct uuid u;
	uint64_t n;
	for (size_t i = 0; i < r->args_n && !str_u64(given, &n) && !uuid_parse(given, &u); i++) {
		if (r->args[i].p != given.p)
			continue;
		n = named(r, given, f);
		r->args[i] = arena_printf(r->arena, "%llu", (unsigned long long)n);
		break;
	}
	return crud_of_path(r, &saved_kind, NULL, s, f);
}

/* One's own; what is shared also administrators of the organisation. False: answered. */
static bool may_change(struct http_req *r, const struct misp_saved *s)
{
	if (is_own(r, s) || may(r, perm_admin) || may(r, perm_site_admin))
		return true;
	reply_error(r, 403, "This search belongs to somebody else.");
	return false;
}

static enum err saved_view(struct http_req *r, struct fail *f)
{
	struct misp_saved s;
	if (saved_of_path(r, &s, f))
		crud_answer(r, &saved_kind, &s, CRUD_VIEW);
	return ERR_OK;
}

static enum err saved_edit(struct http_req *r, struct fail *f)
{
	struct misp_saved s;
	json_t *body;
	if (rest_json(r, "SavedSearch", &body, f) != ERR_OK || !saved_of_path(r, &s, f) ||
	    !may_change(r, &s) || !crud_take(r, &saved_kind, CRUD_EDIT, body, &s))
		return ERR_OK;
	return crud_save(r, &saved_kind, CRUD_EDIT, &s, f);
}

static enum err saved_delete(struct http_req *r, struct fail *f)
{
	struct misp_saved s;
	if (!saved_of_path(r, &s, f) || !may_change(r, &s))
		return ERR_OK;
	TRY(rest_row_del(r, T_SAVED, s.id, s.uuid, f));
	crud_done(r, saved_kind.deleted, r->url, s.id);
	return ERR_OK;
}

/* What the request says wins over what is saved. */
static enum err saved_run(struct http_req *r, struct fail *f)
{
	struct misp_saved s;
	json_t *params, *inner, *stored;
	enum search_scope scope = SCOPE_ATTRIBUTES;
	if (rest_named_params(r, &params, f) != ERR_OK || !saved_of_path(r, &s, f))
		return ERR_OK;
	inner = json_object_get(params, "request");
	if (json_is_object(inner))
		params = inner;
	stored = json_loadb(s.filter.p ? s.filter.p : "", s.filter.n, 0, NULL);
	if (!stored || !scope_find(s.scope, &scope) ||
	    json_object_update_missing(params, stored) != 0) {
		json_decref(stored);
		return fail(f, ERR_STORE, "saved search %llu", (unsigned long long)s.id);
	}
	json_decref(stored);
	TRY(rest_search_defaults(r, scope, params, f));
	return rest_search_answer(r, scope, params, f);
}

const struct endpoint ep_searches_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/tocsin/searches/index",
	.run = crud_index,
	.arg = &saved_kind,
	.shape = "SavedSearches",
	.doc = "Your saved searches, and those that others of your organisation share",
};
const struct endpoint ep_searches_view = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/tocsin/searches/view/:id",
	.run = saved_view,
	.shape = "SavedSearch",
	.doc = "One saved search, by number, UUID or name",
};
const struct endpoint ep_searches_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/tocsin/searches/add",
	.run = crud_add,
	.arg = &saved_kind,
	.body_cap = 1u << 20,
	.shape = "SavedSearch",
	.takes = "SavedSearchIn",
	.doc = "Save a search: name, scope, filter (as restSearch takes it), description, shared",
};
const struct endpoint ep_searches_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/tocsin/searches/edit/:id",
	.run = saved_edit,
	.body_cap = 1u << 20,
	.shape = "SavedSearch",
	.takes = "SavedSearchIn",
	.doc = "Change a saved search",
};
const struct endpoint ep_searches_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/tocsin/searches/delete/:id",
	.run = saved_delete,
	.shape = "Saved",
	.doc = "Forget a saved search",
};
const struct endpoint ep_searches_run = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/tocsin/searches/run/:id",
	.rate = 1,
	.body_cap = 16u << 20,
	.run = saved_run,
	.shape = "Export",
	.takes = "AttributeSearch",
	.doc = "Run a saved search as restSearch; parameters given here win over saved ones",
};
