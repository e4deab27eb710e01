/*
 * shelf.c - the four kinds of documents, read into their rows. Formats: misp-warninglists,
 * misp-noticelists, misp-objects and misp-decaying-models.
 */
#include "lists/shelf.h"

#include <stdlib.h>
#include <string.h>

#include "base/jsonw.h"

/* ---- members of documents ---- */

static struct str text(struct arena *a, const json_t *doc, const char *key)
{
	const json_t *v = json_object_get(doc, key);

	if (json_is_integer(v))
		return arena_printf(a, "%lld", json_integer_value(v));
	return json_is_string(v) ? arena_str(a, (struct str){json_string_value(v),
							      json_string_length(v)}) :
				   STR("");
}

static struct str json_text(struct arena *a, const json_t *v, const char *otherwise)
{
	char *s = v ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	struct str out = arena_str(a, str_c(s ? s : otherwise));

	free(s);
	return out;
}

static struct str member_text(struct arena *a, const json_t *doc, const char *key)
{
	return json_text(a, json_object_get(doc, key), "[]");
}

static uint64_t number(const json_t *doc, const char *key)
{
	const json_t *v = json_object_get(doc, key);
	uint64_t n = 0;

	if (json_is_integer(v) && json_integer_value(v) > 0)
		return (uint64_t)json_integer_value(v);
	return json_is_string(v) && str_u64(str_c(json_string_value(v)), &n) ? n : 0;
}

/* ---- warning lists ---- */

static struct str or(struct str s, const char *otherwise)
{
	return s.n ? s : str_c(otherwise);
}

static enum err read_warning(struct arena *a, const json_t *doc, void *row, struct fail *f)
{
	struct misp_warnlist *w = row;
	OWN(warnlists) struct warnlists *set = NULL;
	struct str all = json_text(a, doc, "");

	TRY(warnlist_from_text(all, &set, f));
	w->name = text(a, doc, "name");
	w->type = text(a, doc, "type");
	w->description = text(a, doc, "description");
	w->version = number(doc, "version");
	w->category = or(text(a, doc, "category"), "false_positive");
	w->attributes = member_text(a, doc, "matching_attributes");
	w->entries = member_text(a, doc, "list");
	w->entry_count = warnlist_at(set, 0)->n_entries;
	w->default_ = true;
	return ERR_OK;
}

static bool same_warning(const void *stored, const void *row)
{
	const struct misp_warnlist *s = stored, *w = row;
	return s->default_ && str_eq(s->name, w->name);
}

static uint64_t warning_version(const void *row)
{
	return ((const struct misp_warnlist *)row)->version;
}

static void keep_warning(const void *stored, void *row)
{
	const struct misp_warnlist *s = stored;
	struct misp_warnlist *w = row;

	w->id = s->id;
	w->enabled = s->enabled;
}

void lists_warning_json(struct buf *out, const struct misp_warnlist *row, bool category)
{
	struct jsonw w = jsonw_on(out);

	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_str, "name", row->name);
	JSONW_KV(&w, jsonw_str, "type", row->type);
	JSONW_KV(&w, jsonw_uint_str, "version", row->version);
	JSONW_KV(&w, jsonw_str, "description", row->description);
	if (category)
		JSONW_KV(&w, jsonw_str, "category", row->category);
	JSONW_KV(&w, jsonw_raw, "matching_attributes",
		 row->attributes.n ? row->attributes : STR("[]"));
	JSONW_KV(&w, jsonw_raw, "list", row->entries.n ? row->entries : STR("[]"));
	jsonw_obj_end(&w);
}

/* ---- notice lists ---- */

static enum err read_notice(struct arena *a, const json_t *doc, void *row, struct fail *f)
{
	struct misp_noticelist *n = row;

	n->name = text(a, doc, "name");
	n->expanded_name = text(a, doc, "expanded_name");
	n->ref = member_text(a, doc, "ref");
	n->geographical_area = member_text(a, doc, "geographical_area");
	n->version = number(doc, "version");
	n->entries = member_text(a, doc, "notice");
	if (!n->name.n || !json_is_array(json_object_get(doc, "notice")))
		return fail(f, ERR_CONFIG, "not a notice list: name or notice is missing");
	return ERR_OK;
}

static bool same_notice(const void *stored, const void *row)
{
	const struct misp_noticelist *s = stored, *n = row;
	return str_eq(s->name, n->name);
}

static uint64_t notice_version(const void *row)
{
	return ((const struct misp_noticelist *)row)->version;
}

static void keep_notice(const void *stored, void *row)
{
	const struct misp_noticelist *s = stored;
	struct misp_noticelist *n = row;

	n->id = s->id;
	n->enabled = s->enabled;
}

/* ---- object templates ---- */

static void put_json(struct arena *a, struct jsonw *w, const char *key, const json_t *v,
		     const char *otherwise)
{
	JSONW_KV(w, jsonw_raw, key, json_text(a, v, otherwise));
}

/* One element without its numbers; as MISP's ObjectTemplateElement (recorded). */
static void put_element(struct arena *a, struct jsonw *w, const char *relation, const json_t *e)
{
	struct str priority = text(a, e, "ui-priority");

	jsonw_obj(w);
	JSONW_KV(w, jsonw_c, "object_relation", relation);
	JSONW_KV(w, jsonw_str, "type", text(a, e, "misp-attribute"));
	JSONW_KV(w, jsonw_str, "ui-priority", or(priority, "0"));
	put_json(a, w, "categories", json_object_get(e, "categories"), "[]");
	put_json(a, w, "sane_default", json_object_get(e, "sane_default"), "[]");
	put_json(a, w, "values_list", json_object_get(e, "values_list"), "[]");
	JSONW_KV(w, jsonw_str, "description", text(a, e, "description"));
	put_json(a, w, "disable_correlation", json_object_get(e, "disable_correlation"), "null");
	JSONW_KV(w, jsonw_bool, "multiple", json_is_true(json_object_get(e, "multiple")));
	jsonw_obj_end(w);
}

/* Sorted by relation, as MISP has them: jansson sorts when it dumps and keeps the order it reads. */
static struct str elements_text(struct arena *a, const json_t *attributes)
{
	OWN(buf) struct buf b = BUF(8 << 20);
	struct jsonw w = jsonw_on(&b);
	char *dumped = json_dumps(attributes, JSON_SORT_KEYS | JSON_COMPACT);
	json_t *sorted = dumped ? json_loads(dumped, 0, NULL) : NULL, *e;
	const char *relation;

	free(dumped);
	jsonw_arr(&w);
	json_object_foreach(sorted, relation, e)
		if (json_is_object(e))
			put_element(a, &w, relation, e);
	jsonw_arr_end(&w);
	json_decref(sorted);
	return buf_err(&b) == ERR_OK ? arena_str(a, buf_str(&b)) : STR_NONE;
}

/* {"required":[..],"requiredOneOf":[..]}; [] when there are none (recorded). */
static struct str requirements_text(struct arena *a, const json_t *doc)
{
	static const char *const keys[] = {"required", "requiredOneOf"};
	json_t *all = json_object();
	struct str s;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (json_is_array(json_object_get(doc, keys[i])))
			json_object_set(all, keys[i], json_object_get(doc, keys[i]));
	s = json_object_size(all) ? json_text(a, all, "[]") : STR("[]");
	json_decref(all);
	return s;
}

static enum err read_template(struct arena *a, const json_t *doc, void *row, struct fail *f)
{
	struct misp_template *t = row;
	const json_t *attributes = json_object_get(doc, "attributes");

	t->name = text(a, doc, "name");
	if (!t->name.n || !json_is_object(attributes) || !uuid_parse(text(a, doc, "uuid"), &t->uuid))
		return fail(f, ERR_CONFIG,
			    "not an object template: name, uuid or attributes is missing");
	t->meta_category = text(a, doc, "meta-category");
	t->description = text(a, doc, "description");
	t->version = number(doc, "version");
	t->requirements = requirements_text(a, doc);
	t->elements = elements_text(a, attributes);
	t->fixed = t->active = true;
	return t->elements.p ? ERR_OK : fail(f, ERR_CONFIG, "the template is too large");
}

static bool same_template(const void *stored, const void *row)
{
	const struct misp_template *s = stored, *t = row;
	return uuid_eq(s->uuid, t->uuid);
}

static uint64_t template_version(const void *row)
{
	return ((const struct misp_template *)row)->version;
}

static void keep_template(const void *stored, void *row)
{
	const struct misp_template *s = stored;
	struct misp_template *t = row;

	t->id = s->id;
	t->active = s->active;
}

/* ---- decaying models ---- */

static enum err read_decay(struct arena *a, const json_t *doc, void *row, struct fail *f)
{
	struct misp_decay *d = row;

	d->name = text(a, doc, "name");
	if (!d->name.n || !json_is_object(json_object_get(doc, "parameters")) ||
	    !uuid_parse(text(a, doc, "uuid"), &d->uuid))
		return fail(f, ERR_CONFIG,
			    "not a decaying model: name, uuid or parameters is missing");
	d->description = text(a, doc, "description");
	d->parameters = member_text(a, doc, "parameters");
	d->attribute_types = member_text(a, doc, "attribute_types");
	d->ref = member_text(a, doc, "ref");
	d->formula = or(text(a, doc, "formula"), "polynomial");
	d->version = text(a, doc, "version");
	d->all_orgs = d->default_ = true;
	return ERR_OK;
}

static bool same_decay(const void *stored, const void *row)
{
	const struct misp_decay *s = stored, *d = row;
	return uuid_eq(s->uuid, d->uuid);
}

static uint64_t decay_version(const void *row)
{
	uint64_t n;
	return str_u64(((const struct misp_decay *)row)->version, &n) ? n : 0;
}

static void keep_decay(const void *stored, void *row)
{
	const struct misp_decay *s = stored;
	struct misp_decay *d = row;

	d->id = s->id;
	d->enabled = s->enabled;
}

#define SHELF(name, inner, table, sname, kind)                                                     \
	{name, inner, table, &desc_##sname, read_##kind, same_##kind, kind##_version, keep_##kind}

const struct shelf shelves[LIST_KINDS] = {
	[LIST_WARNING] = SHELF("warning_lists", "list.json", T_WARNLIST, misp_warnlist, warning),
	[LIST_NOTICE] = SHELF("notice_lists", "list.json", T_NOTICELIST, misp_noticelist, notice),
	[LIST_TEMPLATE] = SHELF("object_templates", "definition.json", T_TEMPLATE, misp_template,
				template),
	[LIST_DECAY] = SHELF("decaying_models", "model.json", T_DECAY, misp_decay, decay),
};
