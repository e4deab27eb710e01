/*
 * ep_object_templates.c - /objectTemplates: what objects of a name are made of. Texts as recorded
 * (wire/client, object-templates).
 */
#include "api/collections.h"
#include "api/crud.h"

/* Elements have numbers in MISP: here their place, behind the number of their template. */
#define ELEMENTS_OF_ONE 10000u

static void put_elements(struct jsonw *w, const struct misp_template *t)
{
	json_t *list = collection_json(t->elements), *v, *m;
	const char *key;
	size_t i;
	jsonw_key(w, "ObjectTemplateElement");
	jsonw_arr(w);
	json_array_foreach(list, i, v) {
		jsonw_obj(w);
		JSONW_KV(w, jsonw_uint_str, "id", t->id * ELEMENTS_OF_ONE + i);
		JSONW_KV(w, jsonw_uint_str, "object_template_id", t->id);
		json_object_foreach(v, key, m) {
			char *s = json_dumps(m, JSON_COMPACT | JSON_ENCODE_ANY);
			JSONW_KV(w, jsonw_raw, key, str_c(s ? s : "null"));
			free(s);
		}
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
	json_decref(list);
}

static void put_nobody(struct jsonw *w, const char *key, bool org)
{
	jsonw_key(w, key);
	jsonw_obj(w);
	JSONW_KV(w, jsonw_c, "id", NULL);
	JSONW_KV(w, jsonw_c, org ? "name" : "email", NULL);
	if (org)
		JSONW_KV(w, jsonw_c, "uuid", NULL);
	jsonw_obj_end(w);
}

/* Templates come from folders: nobody here made them. */
static void template_beside(struct http_req *r, struct jsonw *w, const void *row, enum crud_act act)
{
	if (act == CRUD_VIEW && may(r, perm_site_admin))
		put_nobody(w, "User", false);
	put_nobody(w, "Organisation", true);
	if (act == CRUD_VIEW)
		put_elements(w, row);
}

static const struct crud_member template_members[] = {
	{"requirements", CRUD_JSON},
	{NULL, 0},
};

static const struct crud template_kind = {
	.table = T_TEMPLATE,
	.desc = &desc_misp_template,
	.members = template_members,
	.what = "object template",
	.absent = "Invalid object template",
	.beside = template_beside,
	.uuid_index = IX_TEMPLATE_UUID,
	.has_uuid = true,
};

/* The template by UUID or name, as its definition.json was. */
static enum err find_raw(struct http_req *r, struct store_rtxn *t, struct misp_template *out)
{
	struct str id = req_arg(r, "id");
	struct uuid u;
	uint64_t row;
	if (uuid_parse(id, &u))
		TRY(store_find(t, IX_TEMPLATE_UUID, (struct str){(const char *)u.b, 16}, &row));
	else
		TRY(store_find(t, IX_TEMPLATE_NAME, id, &row));
	return store_get(t, T_TEMPLATE, row, NULL, out);
}

static json_t *definition(const struct misp_template *t)
{
	json_t *d = collection_json(t->requirements), *list = collection_json(t->elements);
	json_t *attributes = json_object(), *v;
	char text[37];
	size_t i;
	if (!json_is_object(d)) {
		json_decref(d);
		d = json_object();
	}
	json_array_foreach(list, i, v) {
		json_t *e = json_copy(v);
		json_object_set(e, "misp-attribute", json_object_get(v, "type"));
		json_object_set_new(attributes, json_string_value(json_object_get(v, "object_relation")),
				    e);
		json_object_del(e, "type");
		json_object_del(e, "object_relation");
	}
	uuid_format(t->uuid, text);
	json_object_set_new(d, "attributes", attributes);
	json_object_set_new(d, "uuid", json_string(text));
	json_object_set_new(d, "name", json_stringn(t->name.p, t->name.n));
	json_object_set_new(d, "version", json_integer((json_int_t)t->version));
	json_object_set_new(d, "description", json_stringn(t->description.p, t->description.n));
	json_object_set_new(d, "meta-category", json_stringn(t->meta_category.p, t->meta_category.n));
	json_decref(list);
	return d;
}

static enum err templates_raw(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_template row;
	TRY(store_read(api_of(r)->store, &t, f));
	if (find_raw(r, t, &row) != ERR_OK) {
		reply_error(r, 404, "Template not found");
		return ERR_OK;
	}
	json_t *d = definition(&row);
	char *s = json_dumps(d, JSON_COMPACT);
	struct buf b = BUF(ANSWER_MAX);
	buf_puts(&b, s ? s : "{}");
	free(s);
	json_decref(d);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* What was read, as a list of names of what changed (PyMISP wants a list). */
static enum err templates_update(struct http_req *r, struct fail *f)
{
	struct lists_update u;
	TRY(collection_update(r, LIST_TEMPLATE, &u, f));
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_arr(&w);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_uint, "added", u.added);
	JSONW_KV(&w, jsonw_uint, "updated", u.updated);
	JSONW_KV(&w, jsonw_uint, "current", u.current);
	JSONW_KV(&w, jsonw_uint, "left_out", u.left_out);
	jsonw_obj_end(&w);
	jsonw_arr_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

const struct endpoint ep_templates_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/objectTemplates/index",
	.run = crud_index,
	.arg = &template_kind,
	.shape = "ObjectTemplates",
	.doc = "The object templates",
};
const struct endpoint ep_templates_view = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/objectTemplates/view/:id",
	.run = crud_view,
	.arg = &template_kind,
	.shape = "ObjectTemplate",
	.doc = "One template, by number or UUID, with its elements",
};
const struct endpoint ep_templates_raw = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/objectTemplates/getRaw/:id",
	.auth = perm_object_template,
	.run = templates_raw,
	.shape = "ObjectTemplateFile",
	.doc = "A template by UUID or name, in the form of a definition.json",
};
const struct endpoint ep_templates_update = {
	.methods = HTTP_POST,
	.path = "/objectTemplates/update",
	.auth = perm_site_admin,
	.run = templates_update,
	.shape = "ListsUpdated",
	.doc = "Read the configured folders again",
};
