/*
 * ep_tag_collections.c - /tag_collections: tags under one name that are set together (events/addTag with
 * "collection_7", feeds). A collection is its organisation's, or for all of this node; of its tags
 * everybody is told those that he may know of (rest_tag_listed).
 */
#include "api/crud.h"
#include "api/shapes.h"

#define IMPORT_MAX 1000

static bool is_own(struct http_req *r, const struct misp_tagcoll *c)
{
	return may(r, perm_site_admin) || c->org_id == me(r)->user.org_id;
}

static bool collection_visible(struct http_req *r, const void *row)
{
	const struct misp_tagcoll *c = row;
	return c->all_orgs || is_own(r, c);
}

/* Those of others can be seen and not be changed. */
static bool collection_editable(struct http_req *r, const void *row)
{
	if (is_own(r, row))
		return true;
	reply_error(r, 403, "You do not have permission to do that.");
	return false;
}

static void collection_fresh(struct http_req *r, void *row)
{
	*(struct misp_tagcoll *)row = (struct misp_tagcoll){.uuid = uuid_random(),
							    .user_id = me(r)->user.id,
							    .org_id = me(r)->user.org_id,
							    .tags = STR("[]")};
}

/* ---- the tags ---- */

static uint64_t *tag_ids(struct http_req *r, const struct misp_tagcoll *c, size_t *n)
{
	json_t *list = json_loadb(c->tags.p ? c->tags.p : "", c->tags.n, 0, NULL), *v;
	uint64_t *ids = ARENA_ARRAY(r->arena, uint64_t, json_array_size(list) + 1);
	size_t i;
	*n = 0;
	json_array_foreach(list, i, v)
		if (ids && json_is_integer(v) && json_integer_value(v) > 0)
			ids[(*n)++] = (uint64_t)json_integer_value(v);
	json_decref(list);
	return ids;
}

static enum err keep_ids(struct http_req *r, struct misp_tagcoll *c, const uint64_t *ids, size_t n)
{
	OWN(buf) struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_arr(&w);
	for (size_t i = 0; i < n; i++)
		jsonw_uint(&w, ids[i]);
	jsonw_arr_end(&w);
	c->tags = arena_str(r->arena, buf_str(&b));
	return c->tags.p ? buf_err(&b) : ERR_NOMEM;
}

static void put_tag(struct http_req *r, struct jsonw *w, struct view *v, const struct misp_tagcoll *c,
		    uint64_t id)
{
	struct misp_tag tag;
	bool listed = false;
	if (store_get(view_txn(v), T_TAG, id, r->arena, &tag) != ERR_OK ||
	    rest_tag_listed(r, v, &tag, &listed) != ERR_OK || !listed)
		return;
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint_str, "id", id); /* what joins them has no number of its own */
	JSONW_KV(w, jsonw_uint_str, "tag_collection_id", c->id);
	JSONW_KV(w, jsonw_uint_str, "tag_id", id);
	jsonw_key(w, "Tag");
	shape_tag(w, &tag);
	jsonw_obj_end(w);
}

static void collection_beside(struct http_req *r, struct jsonw *w, const void *row, enum crud_act act)
{
	OWN(view) struct view *v = NULL;
	const struct misp_tagcoll *c = row;
	struct misp_org org;
	struct fail why = {0};
	size_t n;
	uint64_t *ids = tag_ids(r, c, &n);
	(void)act;
	jsonw_key(w, "TagCollectionTag");
	jsonw_arr(w);
	bool open = rest_view(r, &v, &why) == ERR_OK;
	for (size_t i = 0; open && i < n; i++)
		put_tag(r, w, v, c, ids[i]);
	jsonw_arr_end(w);
	if (open && store_get(view_txn(v), T_ORG, c->org_id, r->arena, &org) == ERR_OK) {
		jsonw_key(w, "Organisation");
		shape_org_short(w, &org);
	}
}

static const struct crud_member collection_members[] = {
	{"name", CRUD_NEED},
	{NULL, 0},
};

static const struct crud collection_kind = {
	.table = T_TAGCOLL,
	.desc = &desc_misp_tagcoll,
	.members = collection_members,
	.what = "TagCollection",
	.absent = "Invalid tag collection.",
	.deleted = "TagCollection deleted.",
	.needed = "This field cannot be left blank",
	.unique = "uuid",
	.taken = "The UUID provided is not unique",
	.has_uuid = true,
	.uuid_index = IX_TAGCOLL_UUID,
	.visible = collection_visible,
	.fresh = collection_fresh,
	.may_go = collection_editable,
	.beside = collection_beside,
};

enum err rest_collection_tags(struct http_req *r, struct str id, const uint64_t **ids, size_t *n)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_tagcoll c;
	struct fail why = {0};
	uint64_t number;
	if (!str_u64(id, &number))
		return ERR_NOENT;
	TRY(store_read(api_of(r)->store, &t, &why));
	TRY(store_get(t, T_TAGCOLL, number, r->arena, &c));
	if (!collection_visible(r, &c))
		return ERR_NOENT;
	*ids = tag_ids(r, &c, n);
	return *ids ? ERR_OK : ERR_NOMEM;
}

/* ---- handlers ---- */

static bool own_of_path(struct http_req *r, struct misp_tagcoll *c, struct fail *f)
{
	return crud_of_path(r, &collection_kind, NULL, c, f) && collection_editable(r, c);
}

static enum err collections_edit(struct http_req *r, struct fail *f)
{
	struct misp_tagcoll c = {0};
	json_t *body;
	if (rest_json(r, "TagCollection", &body, f) != ERR_OK || !own_of_path(r, &c, f))
		return ERR_OK;
	struct uuid uuid = c.uuid;
	if (!crud_take(r, &collection_kind, CRUD_EDIT, body, &c))
		return ERR_OK;
	c.uuid = uuid;
	return crud_save(r, &collection_kind, CRUD_EDIT, &c, f);
}

static void answer_tags(struct http_req *r, const char *done, const char *fault)
{
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_bool, "saved", !fault);
	JSONW_KV(&w, jsonw_c, fault ? "errors" : "success", fault ? fault : done);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
}

/* The tag that the path or the body names: number or name. */
static struct str wanted_tag(struct http_req *r, const json_t *body)
{
	struct str s = req_arg(r, "tag");
	return s.p ? s : rest_text(r, body, "tag");
}

static size_t place_of(const uint64_t *ids, size_t n, uint64_t id)
{
	size_t i = 0;
	while (i < n && ids[i] != id)
		i++;
	return i;
}

enum err rest_collection_put(struct http_req *r, struct str id, uint64_t tag_id, bool *already,
			     const char **fault, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_tagcoll c;
	struct uuid uuid;
	uint64_t number;
	size_t n;
	*already = false;
	*fault = NULL;
	TRY(store_read(api_of(r)->store, &t, f));
	if (!str_u64(id, &number) &&
	    (!uuid_parse(id, &uuid) ||
	     store_find(t, IX_TAGCOLL_UUID, (struct str){(const char *)uuid.b, sizeof(uuid.b)}, &number) != ERR_OK))
		return ERR_NOENT;
	TRY(store_get(t, T_TAGCOLL, number, r->arena, &c));
	if (!collection_visible(r, &c))
		return ERR_NOENT;
	if (!is_own(r, &c)) {
		*fault = "You do not have permission to do that.";
		return ERR_OK;
	}
	uint64_t *ids = tag_ids(r, &c, &n);
	if (!ids)
		return ERR_NOMEM;
	*already = place_of(ids, n, tag_id) < n;
	if (*already)
		return ERR_OK;
	ids[n] = tag_id;
	if (keep_ids(r, &c, ids, n + 1) != ERR_OK) {
		*fault = "Too many tags.";
		return ERR_OK;
	}
	store_read_end(MOVE(t));
	return rest_row_put(r, T_TAGCOLL, &c.id, &c, c.uuid, f);
}

/* Without a tag of this name one is made, as this caller may. */
static const char *add_one(struct http_req *r, struct misp_tagcoll *c, struct str tag, struct fail *f)
{
	struct misp_tag t;
	size_t n;
	const char *fault = tag.n ? rest_tag_wanted(r, tag, &t, f) : "Invalid Tag.";
	if (fault)
		return fault;
	uint64_t *ids = tag_ids(r, c, &n);
	if (!ids)
		return "Too many tags.";
	if (place_of(ids, n, t.id) < n)
		return "Tag is already in this collection.";
	ids[n] = t.id;
	return keep_ids(r, c, ids, n + 1) == ERR_OK ? NULL : "Too many tags.";
}

static enum err collections_add_tag(struct http_req *r, struct fail *f)
{
	struct misp_tagcoll c = {0};
	json_t *body;
	if (rest_json(r, "TagCollection", &body, f) != ERR_OK || !own_of_path(r, &c, f))
		return ERR_OK;
	const char *fault = add_one(r, &c, wanted_tag(r, body), f);
	if (!fault)
		TRY(rest_row_put(r, T_TAGCOLL, &c.id, &c, c.uuid, f));
	answer_tags(r, "Tag added.", fault);
	return ERR_OK;
}

static enum err collections_remove_tag(struct http_req *r, struct fail *f)
{
	struct misp_tagcoll c = {0};
	uint64_t id = 0;
	json_t *body;
	size_t n;
	if (rest_json(r, "TagCollection", &body, f) != ERR_OK || !own_of_path(r, &c, f))
		return ERR_OK;
	struct str tag = wanted_tag(r, body);
	uint64_t *ids = tag_ids(r, &c, &n);
	if (ids && !str_u64(tag, &id)) {
		OWN(store_rtxn) struct store_rtxn *t = NULL;
		TRY(store_read(api_of(r)->store, &t, f));
		if (!tag.n || store_find(t, IX_TAG_NAME, tag, &id) != ERR_OK)
			id = 0;
	}
	size_t at = ids ? place_of(ids, n, id) : n;
	if (at == n) {
		answer_tags(r, NULL, "Invalid tag collection - tag combination.");
		return ERR_OK;
	}
	memmove(ids + at, ids + at + 1, (n - at - 1) * sizeof(*ids));
	TRY(keep_ids(r, &c, ids, n - 1));
	TRY(rest_row_put(r, T_TAGCOLL, &c.id, &c, c.uuid, f));
	answer_tags(r, "Tag removed.", NULL);
	return ERR_OK;
}

/* One of an import: {"TagCollection":{..},"TagCollectionTag":[{"Tag":{"name":..}}]}. */
static bool import_one(struct http_req *r, const json_t *doc, struct fail *f)
{
	struct misp_tagcoll c;
	const json_t *head = json_object_get(doc, "TagCollection"), *tags, *t;
	size_t i;
	if (!head)
		head = doc;
	collection_fresh(r, &c);
	rest_take_text(r, head, "name", &c.name);
	rest_take_text(r, head, "description", &c.description);
	rest_take_flag(head, "all_orgs", &c.all_orgs);
	struct str uuid = rest_text(r, head, "uuid");
	if (!c.name.n || (uuid.n && !uuid_parse(uuid, &c.uuid)))
		return false;
	tags = json_object_get(doc, "TagCollectionTag");
	if (!tags)
		tags = json_object_get(head, "TagCollectionTag");
	json_array_foreach((json_t *)(uintptr_t)tags, i, t)
		(void)add_one(r, &c, rest_text(r, json_object_get(t, "Tag"), "name"), f);
	return rest_row_put(r, T_TAGCOLL, &c.id, &c, c.uuid, f) == ERR_OK;
}

static enum err collections_import(struct http_req *r, struct fail *f)
{
	json_t *body, *doc;
	size_t n = 0, i;
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	if (json_array_size(body) > IMPORT_MAX) {
		reply_error(r, 413, "At most %d tag collections at once.", IMPORT_MAX);
		return ERR_OK;
	}
	struct fail why = {0};
	if (json_is_object(body))
		n += import_one(r, body, &why);
	json_array_foreach(body, i, doc)
		n += import_one(r, doc, &why);
	if (n)
		rest_saved(r, STR_NONE, "%zu new tag collections added.", n);
	else
		rest_not_saved(r, "import", "TagCollection", STR_NONE,
			       rest_quoted(r, "No tag collection could be added: each needs a name and a "
					      "UUID that is not known."));
	return ERR_OK;
}

const struct endpoint ep_tag_collections_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/tag_collections/index",
	.run = crud_index,
	.arg = &collection_kind,
	.shape = "TagCollections",
	.doc = "Tags that are set together: those of the organisation and those for all",
};
const struct endpoint ep_tag_collections_view = {
	.methods = HTTP_GET,
	.path = "/tag_collections/view/:id",
	.run = crud_view,
	.arg = &collection_kind,
	.shape = "TagCollection",
	.doc = "One tag collection, by number or UUID",
};
const struct endpoint ep_tag_collections_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/tag_collections/add",
	.auth = perm_tag_editor,
	.run = crud_add,
	.arg = &collection_kind,
	.shape = "TagCollection",
	.takes = "TagCollectionIn",
	.doc = "Add a tag collection: name, description, all_orgs",
};
const struct endpoint ep_tag_collections_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/tag_collections/edit/:id",
	.auth = perm_tag_editor,
	.run = collections_edit,
	.shape = "TagCollection",
	.takes = "TagCollectionIn",
	.doc = "Change a tag collection of the own organisation",
};
const struct endpoint ep_tag_collections_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/tag_collections/delete/:id",
	.auth = perm_tag_editor,
	.run = crud_delete,
	.arg = &collection_kind,
	.shape = "Saved",
	.doc = "Remove a tag collection of the own organisation",
};
const struct endpoint ep_tag_collections_add_tag = {
	.methods = HTTP_POST,
	.path = "/tag_collections/addTag/:id/:tag",
	.auth = perm_tag_editor,
	.run = collections_add_tag,
	.shape = "TagDone",
	.takes = "TagOfIn",
	.doc = "Put a tag, by number or name, into a collection",
};
const struct endpoint ep_tag_collections_remove_tag = {
	.methods = HTTP_POST,
	.path = "/tag_collections/removeTag/:id/:tag",
	.auth = perm_tag_editor,
	.run = collections_remove_tag,
	.shape = "TagDone",
	.takes = "TagOfIn",
	.doc = "Take a tag out of a collection",
};
const struct endpoint ep_tag_collections_import = {
	.methods = HTTP_POST,
	.path = "/tag_collections/import",
	.auth = perm_tag_editor,
	.run = collections_import,
	.shape = "Saved",
	.takes = "TagCollectionsIn",
	.doc = "Add tag collections as tag_collections/index tells them",
};
