/*
 * ep_taxonomies.c - /taxonomies/...: vocabularies listed, searched, enabled, and made into tags. Texts as
 * recorded (wire/client, taxonomies), but for MISP's 302 to nowhere after disableTag.
 */
#include "api/rest.h"
#include "api/shapes.h"
#include "api/vocab.h"
#include "model/pack.h"

#define FOUND_MAX 1000u

struct vocabs *api_vocabs(struct api *api)
{
	pthread_mutex_lock(&api->vocabs_lock);
	struct vocabs *v = vocabs_ref(api->vocabs);
	pthread_mutex_unlock(&api->vocabs_lock);
	return v;
}

static struct vocabs *current(struct http_req *r)
{
	return api_vocabs(api_of(r));
}

enum err api_vocabs_reload(struct api *api, struct fail *f)
{
	struct vocabs *v;
	const struct conf *c = api->conf;
	TRY(vocabs_load(api->store, c ? c->taxonomies.v : NULL, c ? c->taxonomies.n : 0, &v, f));
	pthread_mutex_lock(&api->vocabs_lock);
	struct vocabs *old = api->vocabs;
	api->vocabs = v;
	pthread_mutex_unlock(&api->vocabs_lock);
	vocabs_unref(old);
	return ERR_OK;
}

/* ---- shapes ---- */

/* The tag of an entry, when there is one that the caller may know of. */
static bool existing(struct http_req *r, struct view *v, const struct vocab_entry *e,
		     struct misp_tag *tag)
{
	uint64_t id;
	bool used_only;
	return store_find(view_txn(v), IX_TAG_NAME, e->tag, &id) == ERR_OK &&
	       store_get(view_txn(v), T_TAG, id, r->arena, tag) == ERR_OK &&
	       view_lists_tag(v, tag, &used_only) && !used_only;
}

static void add_head(struct jsonw *w, const struct vocab *x, const struct vocab_flags *k)
{
	jsonw_key(w, "Taxonomy");
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint_str, "id", x->id);
	JSONW_KV(w, jsonw_str, "namespace", x->ns);
	JSONW_KV(w, jsonw_str, "description", x->description.p ? x->description : STR(""));
	JSONW_KV(w, jsonw_str, "version", x->version.p ? x->version : STR("1"));
	JSONW_KV(w, jsonw_bool, "enabled", k->enabled);
	JSONW_KV(w, jsonw_bool, "exclusive", x->exclusive);
	JSONW_KV(w, jsonw_bool, "required", k->required);
	JSONW_KV(w, jsonw_bool, "highlighted", k->highlighted);
	jsonw_obj_end(w);
}

static void add_text(struct jsonw *w, const char *key, struct str s)
{
	if (s.n)
		JSONW_KV(w, jsonw_str, key, s);
}

static void add_entry(struct http_req *r, struct view *v, struct jsonw *w,
		      const struct vocab_entry *e)
{
	struct misp_tag tag;
	jsonw_obj(w);
	JSONW_KV(w, jsonw_str, "tag", e->tag);
	add_text(w, "expanded", e->expanded);
	add_text(w, "description", e->description);
	add_text(w, "colour", e->colour);
	add_text(w, "numerical_value", e->numerical_value);
	add_text(w, "expanded_zh", e->expanded_zh);
	jsonw_key(w, "existing_tag");
	if (existing(r, v, e, &tag)) {
		jsonw_obj(w);
		jsonw_key(w, "Tag");
		shape_tag(w, &tag);
		jsonw_obj_end(w);
	} else {
		jsonw_bool(w, false);
	}
	jsonw_obj_end(w);
}

/* ---- reading ---- */

static bool mentions(const struct vocab *x, struct str s)
{
	if (!s.n || str_find_nocase(x->ns, s) >= 0 || str_find_nocase(x->description, s) >= 0)
		return true;
	for (uint32_t i = 0; i < x->n; i++)
		if (str_find_nocase(x->entries[i].tag, s) >= 0)
			return true;
	return false;
}

static enum err index_run(struct http_req *r, struct fail *f)
{
	OWN(vocabs) struct vocabs *all = current(r);
	OWN(view) struct view *v = NULL;
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	json_t *body;
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	struct str want = rest_param(r, body, "value"), enabled = rest_param(r, body, "enabled");
	if (!want.n)
		want = rest_param(r, body, "searchall");
	TRY(rest_view(r, &v, f));
	jsonw_arr(&w);
	for (size_t i = 0; all && i < all->n; i++) {
		const struct vocab *x = &all->v[i];
		struct vocab_flags k = vocab_flags(view_txn(v), x);
		struct misp_tag tag;
		uint64_t there = 0;
		if (!mentions(x, want) || (enabled.n && str_is(enabled, "1") != k.enabled))
			continue;
		for (uint32_t e = 0; e < x->n; e++)
			there += existing(r, v, &x->entries[e], &tag);
		jsonw_obj(&w);
		add_head(&w, x, &k);
		JSONW_KV(&w, jsonw_uint, "total_count", x->n);
		JSONW_KV(&w, jsonw_uint, "current_count", there);
		jsonw_obj_end(&w);
	}
	jsonw_arr_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

static enum err view_run(struct http_req *r, struct fail *f)
{
	OWN(vocabs) struct vocabs *all = current(r);
	OWN(view) struct view *v = NULL;
	const struct vocab *x = all ? vocabs_find(all, req_arg(r, "id")) : NULL;
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	if (!x) {
		reply_error(r, 404, "Taxonomy not found.");
		return ERR_OK;
	}
	TRY(rest_view(r, &v, f));
	struct vocab_flags k = vocab_flags(view_txn(v), x);
	jsonw_obj(&w);
	add_head(&w, x, &k);
	jsonw_key(&w, "entries");
	jsonw_arr(&w);
	for (uint32_t i = 0; i < x->n; i++)
		add_entry(r, v, &w, &x->entries[i]);
	jsonw_arr_end(&w);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* Entries of all vocabularies that contain a text, in tag, label (either language) or description. */
static enum err search_run_(struct http_req *r, struct fail *f)
{
	OWN(vocabs) struct vocabs *all = current(r);
	OWN(view) struct view *v = NULL;
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	unsigned n = 0;
	json_t *body;
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	struct str s = req_arg(r, "text");
	if (!s.n)
		s = rest_param(r, body, "value");
	TRY(rest_view(r, &v, f));
	jsonw_arr(&w);
	for (size_t i = 0; all && s.n && i < all->n; i++)
		for (uint32_t k = 0; k < all->v[i].n && n < FOUND_MAX; k++) {
			const struct vocab_entry *e = &all->v[i].entries[k];
			if (str_find_nocase(e->tag, s) < 0 && str_find_nocase(e->expanded, s) < 0 &&
			    str_find_nocase(e->description, s) < 0 &&
			    str_find_nocase(e->expanded_zh, s) < 0)
				continue;
			add_entry(r, v, &w, e);
			n++;
		}
	jsonw_arr_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

static enum err export_run(struct http_req *r, struct fail *f)
{
	OWN(vocabs) struct vocabs *all = current(r);
	const struct vocab *x = all ? vocabs_find(all, req_arg(r, "id")) : NULL;
	struct buf b = BUF(ANSWER_MAX);
	(void)f;
	if (!x) {
		reply_error(r, 404, "Taxonomy not found.");
		return ERR_OK;
	}
	char *s = json_dumps(x->json, JSON_COMPACT);
	buf_puts(&b, s ? s : "{}");
	free(s);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- changing ---- */

struct change_flags {
	const struct vocab *x;
	struct vocab_flags flags;
};

static enum err run_flags(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct change_flags *c = arg;
	return vocab_flags_put(w, c->x, &c->flags, f);
}

/* By number only, as in MISP. */
static const struct vocab *by_number(struct http_req *r, const struct vocabs *all, struct str id,
				     const char *action)
{
	uint64_t n;
	const struct vocab *x = all && str_u64(id, &n) ? vocabs_find(all, id) : NULL;
	if (!x)
		rest_not_saved(r, action, "Taxonomy", id, rest_quoted(r, "Invalid taxonomy."));
	return x;
}

enum flag { ENABLED, DISABLED, REQUIRED };

static enum err change(struct http_req *r, enum flag what, const char *action, const char *done,
		       struct fail *f)
{
	OWN(vocabs) struct vocabs *all = current(r);
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct str id = req_arg(r, "id");
	json_t *body;
	if (rest_json(r, "Taxonomy", &body, f) != ERR_OK)
		return ERR_OK;
	struct change_flags c = {.x = by_number(r, all, id, action)};
	if (!c.x)
		return ERR_OK;
	TRY(store_read(api_of(r)->store, &t, f));
	c.flags = vocab_flags(t, c.x);
	store_read_end(MOVE(t));
	if (what == REQUIRED)
		c.flags.required = rest_flag(body, "required", !c.flags.required);
	else
		c.flags.enabled = what == ENABLED;
	TRY(rest_write(r, run_flags, &c, f));
	rest_saved(r, id, "%s", done);
	return ERR_OK;
}

static enum err enable(struct http_req *r, struct fail *f)
{
	return change(r, ENABLED, "enable", "Taxonomy enabled", f);
}

static enum err disable(struct http_req *r, struct fail *f)
{
	return change(r, DISABLED, "disable", "Taxonomy disabled", f);
}

static enum err toggle_required(struct http_req *r, struct fail *f)
{
	return change(r, REQUIRED, "toggleRequired", "Taxonomy toggleRequireded", f);
}

struct make_tags {
	const struct vocab *x;
	struct str only; /* this one; absent: all */
	bool hide; /* those that there are */
	uint64_t done;
};

static enum err hide(struct store_wtxn *w, const struct vocab_entry *e, struct arena *a,
		     uint64_t *done, struct fail *f)
{
	struct misp_tag row, tag;
	uint64_t id;
	if (store_find(store_view(w), IX_TAG_NAME, e->tag, &id) != ERR_OK ||
	    store_get(store_view(w), T_TAG, id, a, &row) != ERR_OK)
		return ERR_OK;
	TRY(entity_copy(a, &desc_misp_tag, &row, &tag));
	tag.hide_tag = true;
	++*done;
	return store_put(w, T_TAG, id, &tag, f);
}

static enum err run_tags(struct store_wtxn *w, void *arg, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(1 << 20);
	struct make_tags *m = arg;
	m->done = 0;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	for (uint32_t i = 0; i < m->x->n; i++) {
		const struct vocab_entry *e = &m->x->entries[i];
		struct misp_tagref ref = {.name = e->tag, .colour = e->colour};
		uint64_t id;
		if ((m->only.n && !str_eq_nocase(m->only, e->tag)) || (e->free_value && !m->hide))
			continue;
		arena_reset(a);
		if (m->hide) {
			TRY(hide(w, e, a, &m->done, f));
			continue;
		}
		TRY(ingest_tag_capture(w, &ref, &id, f));
		m->done++;
	}
	return ERR_OK;
}

static enum err tags(struct http_req *r, bool hides, const char *action, const char *done,
		     struct fail *f)
{
	OWN(vocabs) struct vocabs *all = current(r);
	struct str id = req_arg(r, "id"), asked = id;
	json_t *body;
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	if (!asked.n)
		asked = rest_param(r, body, "taxonomy_id");
	struct make_tags m = {.x = by_number(r, all, asked, action),
			      .only = rest_param(r, body, "name"),
			      .hide = hides};
	if (!m.x)
		return ERR_OK;
	TRY(rest_write(r, run_tags, &m, f));
	if (!m.done && m.only.n)
		rest_not_saved(r, action, "Taxonomy", id,
			       rest_quoted(r, "The tag(s) could not be saved. Please, try again."));
	else
		rest_saved(r, id, "%s", done);
	return ERR_OK;
}

static enum err add_tags(struct http_req *r, struct fail *f)
{
	return tags(r, false, "addTag", "The tag(s) has been saved.", f);
}

static enum err hide_tags(struct http_req *r, struct fail *f)
{
	return tags(r, true, "disableTag", "The tag(s) has been hidden.", f);
}

static enum err update(struct http_req *r, struct fail *f)
{
	TRY(api_vocabs_reload(api_of(r), f));
	rest_saved(r, STR_NONE, "All taxonomy libraries are up to date already.");
	return ERR_OK;
}

#define READING(name, p, fn, sh, text)                                                             \
	const struct endpoint ep_taxonomies_##name = {.methods = HTTP_GET | HTTP_POST,             \
						      .path = "/taxonomies/" p,                    \
						      .run = fn,                                   \
						      .shape = sh,                                 \
						      .doc = text};
#define CHANGING(name, p, fn, text)                                                                \
	const struct endpoint ep_taxonomies_##name = {.methods = HTTP_POST,                        \
						      .path = "/taxonomies/" p,                    \
						      .auth = perm_site_admin,                     \
						      .run = fn,                                   \
						      .shape = "Saved",                            \
						      .doc = text};
READING(index, "index", index_run, "Taxonomies",
	"All vocabularies; value restricts to those that mention a text, enabled to those enabled")
READING(view, "view/:id", view_run, "Taxonomy",
	"One vocabulary, by number or namespace, with the tags it stands for")
READING(search, "search/:text", search_run_, "TaxonomyEntries",
	"Entries of all vocabularies that contain a text, in English or Chinese")
READING(export, "export/:id", export_run, "TaxonomyFile", "A vocabulary in MISP's format")
CHANGING(enable, "enable/:id", enable, "Enable a vocabulary, by number")
CHANGING(disable, "disable/:id", disable, "Disable a vocabulary, by number")
CHANGING(add_tag, "addTag/:id", add_tags,
	 "Make tags of the entries of a vocabulary (taxonomy_id and name: of one)")
CHANGING(disable_tag, "disableTag/:id", hide_tags, "Hide the tags of a vocabulary")
CHANGING(toggle_required, "toggleRequired/:id", toggle_required,
	 "Say whether events should have a tag of it")
CHANGING(update, "update", update, "Read the folders of vocabularies again")
