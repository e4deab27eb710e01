/*
 * ep_warninglists.c - /warninglists: lists of known and mostly harmless values. Those of the
 * configured folders (`default`) can be switched on and off, own ones be changed. Texts as recorded
 * (wire/client, warninglists).
 */
#include "api/collections.h"
#include "api/crud.h"

#include "lists/lists.h"
#include "model/pack.h"
#include "search/plan.h"

#define HITS_MAX 64u

static struct lists *lists_of(struct http_req *r)
{
	return api_of(r)->egress.lists;
}

/* ---- forms ---- */

static void put_entries(struct jsonw *w, const struct misp_warnlist *row, enum crud_act act)
{
	json_t *list = collection_json(row->entries), *v;
	size_t i;
	jsonw_key(w, "WarninglistEntry");
	jsonw_arr(w);
	json_array_foreach(list, i, v) {
		jsonw_obj(w);
		if (act == CRUD_VIEW)
			JSONW_KV(w, jsonw_uint_str, "id", i + 1);
		JSONW_KV(w, jsonw_c, "value", json_string_value(v));
		if (act == CRUD_VIEW) {
			JSONW_KV(w, jsonw_uint_str, "warninglist_id", row->id);
			JSONW_KV(w, jsonw_c, "comment", NULL);
		}
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
	json_decref(list);
}

static void put_types(struct jsonw *w, const struct misp_warnlist *row)
{
	json_t *list = collection_json(row->attributes), *v;
	size_t i;
	jsonw_key(w, "WarninglistType");
	jsonw_arr(w);
	json_array_foreach(list, i, v) {
		jsonw_obj(w);
		JSONW_KV(w, jsonw_uint_str, "id", i + 1);
		JSONW_KV(w, jsonw_c, "type", json_string_value(v));
		JSONW_KV(w, jsonw_uint_str, "warninglist_id", row->id);
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
	json_decref(list);
}

static void put_summary(struct jsonw *w, const struct misp_warnlist *row)
{
	json_t *list = collection_json(row->attributes), *v;
	OWN(buf) struct buf b = BUF(1 << 16);
	size_t i;
	json_array_foreach(list, i, v)
		buf_printf(&b, "%s%s", i ? ", " : "", json_string_value(v));
	JSONW_KV(w, jsonw_uint_str, "warninglist_entry_count", row->entry_count);
	JSONW_KV(w, jsonw_str, "valid_attributes", buf_str(&b));
	json_decref(list);
}

static void list_more(struct http_req *r, struct jsonw *w, const void *row, enum crud_act act)
{
	(void)r;
	if (act == CRUD_INDEX)
		put_summary(w, row);
	if (act == CRUD_VIEW) {
		put_entries(w, row, act);
		put_types(w, row);
	}
}

static void list_beside(struct http_req *r, struct jsonw *w, const void *row, enum crud_act act)
{
	(void)r;
	if (act != CRUD_EDIT)
		return;
	put_entries(w, row, act);
	put_types(w, row);
}

/* ---- changing ---- */

/* A list, or lines; without empty ones and blanks around. */
static json_t *texts_of(const json_t *v)
{
	json_t *out = json_array(), *e;
	size_t i;
	if (json_is_string(v)) {
		struct str rest = {json_string_value(v), json_string_length(v)}, line;
		while (rest.p) {
			rest = str_split(rest, '\n', &line);
			line = str_trim(line);
			if (line.n)
				json_array_append_new(out, json_stringn(line.p, line.n));
		}
	}
	json_array_foreach((json_t *)(uintptr_t)v, i, e) {
		struct str s = {json_string_value(e), json_string_length(e)};
		s = str_trim(s);
		if (s.n)
			json_array_append_new(out, json_stringn(s.p, s.n));
	}
	return out;
}

static struct str dumped(struct http_req *r, json_t *v)
{
	char *s = json_dumps(v, JSON_COMPACT);
	struct str out = arena_str(r->arena, str_c(s));
	free(s);
	json_decref(v);
	return out;
}

/* The first entry that does not compile, said as MISP says it; absent: all do. */
static struct str bad_entry(struct http_req *r, const struct misp_warnlist *row)
{
	const char *what = str_is(row->type, "regex") ? "regular expression" :
			   str_is(row->type, "cidr")  ? "CIDR" :
							"entry";
	json_t *list = collection_json(row->entries), *v;
	struct str errors = STR_NONE;
	size_t i;
	json_array_foreach(list, i, v) {
		OWN(buf) struct buf b = BUF(1 << 20);
		OWN(warnlists) struct warnlists *set = NULL;
		struct misp_warnlist one = *row;
		struct fail why = {0};
		json_t *single = json_pack("[O]", v);
		one.entries = dumped(r, single);
		lists_warning_json(&b, &one, true);
		if (warnlist_from_text(buf_str(&b), &set, &why) == ERR_OK)
			continue;
		struct str text = arena_printf(r->arena, "`%s` is not valid %s",
					       json_string_value(v), what);
		errors = rest_field_error(r, "entries", arena_cstr(r->arena, text));
		break;
	}
	json_decref(list);
	return errors;
}

static bool known_type(struct str s)
{
	static const char *const types[] = {"string", "substring", "hostname", "cidr", "regex"};
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_is(s, types[i]))
			return true;
	return false;
}

static struct str list_fault(struct http_req *r, const json_t *body, void *row)
{
	struct misp_warnlist *l = row;
	const json_t *entries = json_object_get(body, "entries"),
		     *types = json_object_get(body, "matching_attributes");
	if (!entries)
		entries = json_object_get(body, "list"); /* the form of files: import */
	if (!known_type(l->type))
		return rest_field_error(r, "type", "This field cannot be left blank");
	if (!l->name.n)
		return rest_field_error(r, "name", "This field cannot be left blank");
	if (!str_is(l->category, "false_positive") && !str_is(l->category, "known"))
		return rest_field_error(r, "category", "Options: false_positive, known");
	if (entries) {
		json_t *list = texts_of(entries);
		l->entry_count = json_array_size(list);
		l->entries = dumped(r, list);
	}
	if (types)
		l->attributes = dumped(r, texts_of(types));
	if (!l->entry_count)
		return rest_field_error(r, "entries", "Entries cannot be empty.");
	if (l->id && l->head.has | (uint64_t)(entries != NULL))
		l->version++;
	return bad_entry(r, l);
}

static void list_fresh(struct http_req *r, void *row)
{
	(void)r;
	*(struct misp_warnlist *)row = (struct misp_warnlist){.category = STR("false_positive"),
							      .attributes = STR("[\"ALL\"]"),
							      .version = 1};
}

static enum err list_changed(struct http_req *r, const void *row, struct fail *f)
{
	(void)row;
	return lists_compile(lists_of(r), f);
}

static const struct crud list_kind = {
	.table = T_WARNLIST,
	.desc = &desc_misp_warnlist,
	.list = "Warninglists",
	.what = "warninglist",
	.absent = "Warninglist not found.",
	.fresh = list_fresh,
	.fault = list_fault,
	.changed = list_changed,
	.more = list_more,
	.beside = list_beside,
};

/* Own lists only; what came from a folder is changed there. */
static bool own_of_path(struct http_req *r, struct misp_warnlist *row, struct fail *f)
{
	if (!crud_of_path(r, &list_kind, "Invalid Warninglist.", row, f))
		return false;
	if (row->default_)
		reply_error(r, 404, "Invalid Warninglist.");
	return !row->default_;
}

static enum err warninglists_edit(struct http_req *r, struct fail *f)
{
	struct misp_warnlist row;
	json_t *body;
	if (rest_json(r, "Warninglist", &body, f) != ERR_OK || !own_of_path(r, &row, f) ||
	    !crud_take(r, &list_kind, CRUD_EDIT, body, &row))
		return ERR_OK;
	return crud_save(r, &list_kind, CRUD_EDIT, &row, f);
}

static enum err warninglists_delete(struct http_req *r, struct fail *f)
{
	struct misp_warnlist row;
	if (!own_of_path(r, &row, f))
		return ERR_OK;
	TRY(rest_row_del(r, T_WARNLIST, row.id, UUID_NIL, f));
	TRY(lists_compile(lists_of(r), f));
	reply_header(r, "Location",
		     arena_printf(r->arena, "%.*s/warninglists", STR_ARG(api_of(r)->base_url)));
	reply_empty(r, 302);
	return ERR_OK;
}

static enum err warninglists_import(struct http_req *r, struct fail *f)
{
	struct misp_warnlist row;
	json_t *body;
	if (rest_json(r, "Warninglist", &body, f) != ERR_OK)
		return ERR_OK;
	list_fresh(r, &row);
	if (!crud_take(r, &list_kind, CRUD_ADD, body, &row))
		return ERR_OK;
	TRY(rest_row_put(r, T_WARNLIST, &row.id, &row, UUID_NIL, f));
	TRY(lists_compile(lists_of(r), f));
	crud_done(r, "Warninglist imported",
		  arena_printf(r->arena, "/warninglists/import/%llu", (unsigned long long)row.id),
		  row.id);
	return ERR_OK;
}

static enum err warninglists_export(struct http_req *r, struct fail *f)
{
	struct misp_warnlist row;
	if (!crud_of_path(r, &list_kind, NULL, &row, f))
		return ERR_OK;
	struct buf b = BUF(ANSWER_MAX);
	lists_warning_json(&b, &row, false);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- the index: the newest first, filters `value` and `enabled` (recorded) ---- */

static bool wanted(const struct misp_warnlist *row, struct str value, struct str enabled)
{
	if (enabled.n && row->enabled != str_is(enabled, "1"))
		return false;
	return !value.n || str_find_nocase(row->name, value) >= 0 ||
	       str_find_nocase(row->description, value) >= 0 ||
	       str_find_nocase(row->type, value) >= 0;
}

static enum err warninglists_index(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_warnlist row;
	uint64_t id = UINT64_MAX;
	json_t *body;
	if (rest_json(r, "Warninglist", &body, f) != ERR_OK)
		return ERR_OK;
	struct str value = rest_param(r, body, "value"), enabled = rest_param(r, body, "enabled");
	TRY(store_read(api_of(r)->store, &t, f));
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "Warninglists");
	jsonw_arr(&w);
	while (store_prev(t, T_WARNLIST, &id, r->arena, &row) == ERR_OK)
		if (wanted(&row, value, enabled))
			crud_item(r, &w, &list_kind, &row, CRUD_INDEX);
	jsonw_arr_end(&w);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- switching on and off ---- */

struct toggle {
	struct arena *a;
	const json_t *ids, *names; /* scalar or list */
	int to; /* -1: the other way round */
	unsigned on, off;
};

static struct str lower(struct arena *a, struct str s)
{
	char *p = arena_alloc(a, s.n + 1);
	for (size_t i = 0; p && i < s.n; i++)
		p[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 0x20 : s.p[i]);
	return p ? (struct str){p, s.n} : STR("");
}

static bool names_row(struct toggle *t, const json_t *v, const struct misp_warnlist *row)
{
	struct str s = {json_string_value(v), json_string_length(v)};
	uint64_t id;
	if (v && t->ids)
		return json_is_integer(v) ? (uint64_t)json_integer_value(v) == row->id :
					    str_u64(s, &id) && id == row->id;
	return s.n && like_match(lower(t->a, row->name), lower(t->a, s));
}

static bool is_named(struct toggle *t, const struct misp_warnlist *row)
{
	const json_t *v = t->ids ? t->ids : t->names, *e;
	size_t i;
	if (!json_is_array(v))
		return names_row(t, v, row);
	json_array_foreach((json_t *)(uintptr_t)v, i, e)
		if (names_row(t, e, row))
			return true;
	return false;
}

static enum err run_toggle(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct toggle *t = arg;
	OWN(arena) struct arena *a = arena_new(256u << 20);
	struct misp_warnlist stored, row;
	uint64_t id = 0;
	enum err e;
	t->on = t->off = 0;
	t->a = a;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	while ((e = store_next(store_view(w), T_WARNLIST, &id, NULL, &stored)) == ERR_OK) {
		arena_reset(a);
		if (!is_named(t, &stored) || (t->to >= 0 && stored.enabled == (t->to == 1)))
			continue;
		TRY(entity_copy(a, &desc_misp_warnlist, &stored, &row));
		row.enabled = !row.enabled;
		t->on += row.enabled;
		t->off += !row.enabled;
		TRY(store_put(w, T_WARNLIST, id, &row, f));
	}
	return e == ERR_NOENT ? ERR_OK : e;
}

static void answer_toggled(struct http_req *r, const struct toggle *t)
{
	const char *how = t->on && t->off ? "toggled" : t->on ? "enabled" : "disabled";
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_bool, "saved", t->on + t->off > 0);
	if (t->on + t->off)
		JSONW_KV(&w, jsonw_str, "success",
			 arena_printf(r->arena, "%u warninglist(s) %s", t->on + t->off, how));
	else
		JSONW_KV(&w, jsonw_c, "errors",
			 t->ids ? "Warninglist(s) not found." : "Warninglist not found.");
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
}

static enum err warninglists_toggle(struct http_req *r, struct fail *f)
{
	json_t *body;
	bool to;
	if (rest_json(r, "Warninglist", &body, f) != ERR_OK)
		return ERR_OK;
	struct toggle t = {.ids = json_object_get(body, "id"),
			   .names = json_object_get(body, "name"),
			   .to = rest_take_flag(body, "enabled", &to) ? to : -1};
	TRY(rest_write(r, run_toggle, &t, f));
	if (t.on + t.off)
		TRY(lists_compile(lists_of(r), f));
	answer_toggled(r, &t);
	return ERR_OK;
}

/* ---- asking ---- */

/* The lists that a value stands on, of any type; false: none. */
static bool put_hits(struct jsonw *w, const struct warnlists *set, struct str value)
{
	struct warnlist_hit hits[HITS_MAX];
	size_t n = set ? warnlist_hits(set, ATTR_NONE, value, hits, HITS_MAX) : 0;
	if (!n)
		return false;
	jsonw_key_str(w, value);
	jsonw_arr(w);
	for (size_t i = 0; i < n; i++) {
		const struct warnlist_info *l = warnlist_at(set, hits[i].list);
		jsonw_obj(w);
		JSONW_KV(w, jsonw_uint_str, "id", l->number);
		JSONW_KV(w, jsonw_str, "name", l->name);
		JSONW_KV(w, jsonw_str, "matched", hits[i].entry);
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
	return true;
}

/* A value, a list, or {"[]":a list}. */
static enum err warninglists_check(struct http_req *r, struct fail *f)
{
	OWN(warnlists) struct warnlists *set = lists_warnings(lists_of(r));
	json_t *body, *v;
	bool any = false;
	size_t i;
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	if (json_is_object(body))
		body = json_object_get(body, "[]");
	if (!json_is_string(body) && !json_array_size(body)) {
		reply_error(r, 404, "No valid data received.");
		return ERR_OK;
	}
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	if (json_is_string(body))
		any = put_hits(&w, set, (struct str){json_string_value(body),
						     json_string_length(body)});
	json_array_foreach(body, i, v)
		if (json_is_string(v))
			any |= put_hits(&w, set,
					(struct str){json_string_value(v), json_string_length(v)});
	jsonw_obj_end(&w);
	if (!any) {
		buf_clear(&b);
		buf_puts(&b, "[]");
	}
	rest_answer(r, 200, &b);
	return ERR_OK;
}

static enum err warninglists_update(struct http_req *r, struct fail *f)
{
	return collection_updated(r, LIST_WARNING, "warninglists", f);
}
const struct endpoint ep_warninglists_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/warninglists/index",
	.run = warninglists_index,
	.shape = "Warninglists",
	.doc = "The warning lists; `value` (text in name, description, type), `enabled`",
};
const struct endpoint ep_warninglists_view = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/warninglists/view/:id",
	.run = crud_view,
	.arg = &list_kind,
	.shape = "Warninglist",
	.doc = "One list with its entries",
};
const struct endpoint ep_warninglists_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/warninglists/add",
	.auth = perm_warninglist,
	.run = crud_add,
	.arg = &list_kind,
	.shape = "Warninglist",
	.takes = "WarninglistIn",
	.doc = "Add a list of your own: name, type, entries, matching_attributes, category",
};
const struct endpoint ep_warninglists_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/warninglists/edit/:id",
	.auth = perm_warninglist,
	.run = warninglists_edit,
	.shape = "Warninglist",
	.takes = "WarninglistIn",
	.doc = "Change a list of your own",
};
const struct endpoint ep_warninglists_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/warninglists/delete/:id",
	.auth = perm_warninglist,
	.run = warninglists_delete,
	.shape = "Redirect",
	.doc = "Remove a list of your own",
};
const struct endpoint ep_warninglists_import = {
	.methods = HTTP_POST,
	.path = "/warninglists/import",
	.auth = perm_warninglist,
	.run = warninglists_import,
	.shape = "Saved",
	.takes = "WarninglistIn",
	.doc = "Take a list in the form of a list.json",
};
const struct endpoint ep_warninglists_export = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/warninglists/export/:id",
	.run = warninglists_export,
	.shape = "WarninglistFile",
	.doc = "A list in the form of a list.json",
};
const struct endpoint ep_warninglists_toggle = {
	.methods = HTTP_POST,
	.path = "/warninglists/toggleEnable",
	.auth = perm_warninglist,
	.run = warninglists_toggle,
	.shape = "Toggled",
	.takes = "WarninglistToggle",
	.doc = "Switch lists on or off by `id` or `name` (with % as in LIKE), to "
	       "`enabled` or the other way round",
};
const struct endpoint ep_warninglists_check = {
	.methods = HTTP_POST,
	.path = "/warninglists/checkValue",
	.run = warninglists_check,
	.shape = "WarninglistHits",
	.takes = "ValuesIn",
	.doc = "On which enabled lists do these values stand?",
};
const struct endpoint ep_warninglists_update = {
	.methods = HTTP_POST,
	.path = "/warninglists/update",
	.auth = perm_site_admin,
	.run = warninglists_update,
	.shape = "Saved",
	.doc = "Read the configured folders again",
};
