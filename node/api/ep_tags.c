/*
 * ep_tags.c - /tags: list, view, search, add, edit, delete. Attaching: ep_tagging.c. Texts as
 * recorded (wire/client, tags).
 */
#include <ctype.h>

#include "api/rest.h"
#include "api/shapes.h"
#include "model/pack.h"
#include "taxonomies/taxo.h"

#define TAGS_MAX 1000000u
#define NAME_MAX_BYTES 255
#define LIST_ARENA (256u << 20) /* of lists, which may be larger than a request's own memory */

/* ---- how often a tag is used, as far as the caller may see ---- */

struct counter {
	struct view *v;
	struct search_visible vis;
	struct arena *arena;
	uint64_t tag_id, last_event, n;
	bool of_events, last_visible;
};

static bool has_tag(const struct counter *c, const struct misp_event *e)
{
	LIST_EACH(t, e->tags, struct misp_tagref)
		if (t->tag_id == c->tag_id && c->vis.tag(c->vis.user, e, t))
			return true;
	return false;
}

/* MISP counts all attributes of an event that the caller may see; who gets a part, that part. */
static bool count_one(void *user, uint64_t event_id, uint64_t object_id, uint64_t attr_id)
{
	struct counter *c = user;
	struct misp_event e;
	bool whole = c->of_events || view_is_whole(c->v);
	if (event_id == c->last_event && (whole || !c->last_visible)) {
		c->n += c->last_visible;
		return true;
	}
	struct arena_mark m = arena_mark(c->arena);
	c->last_event = event_id;
	c->last_visible = store_get(view_txn(c->v), T_EVENT, event_id, c->arena, &e) == ERR_OK &&
			  (!c->of_events || has_tag(c, &e)) && c->vis.event(c->vis.user, &e);
	c->n += c->last_visible && (whole || view_attr_tagged(c->v, &e, object_id, attr_id,
							      c->tag_id, c->arena));
	arena_rewind(c->arena, m);
	return true;
}

static enum err count_uses(struct http_req *r, struct view *v, uint64_t tag_id, bool of_events,
			   uint64_t *n)
{
	struct counter c = {.v = v,
			    .vis = view_visible(v),
			    .arena = r->arena,
			    .tag_id = tag_id,
			    .of_events = of_events};
	TRY(index_tagged(api_of(r)->index, tag_id, of_events, count_one, &c));
	*n = c.n;
	return ERR_OK;
}

enum err rest_tag_counts(struct http_req *r, struct view *v, const struct misp_tag *tag,
			 struct tag_uses *u, bool *listed)
{
	bool used_only;
	*u = (struct tag_uses){0};
	*listed = view_lists_tag(v, tag, &used_only);
	if (!*listed)
		return ERR_OK;
	TRY(count_uses(r, v, tag->id, true, &u->events));
	TRY(count_uses(r, v, tag->id, false, &u->attributes));
	*listed = !used_only || u->events || u->attributes;
	return ERR_OK;
}

enum err rest_tag_listed(struct http_req *r, struct view *v, const struct misp_tag *tag,
			 bool *listed)
{
	struct tag_uses uses;
	bool used_only;
	*listed = view_lists_tag(v, tag, &used_only);
	return *listed && used_only ? rest_tag_counts(r, v, tag, &uses, listed) : ERR_OK;
}

enum err rest_tag_uses(struct http_req *r, struct view *v, struct str name, uint64_t *tag_id,
		       uint64_t *uses, struct fail *f)
{
	struct misp_tag tag;
	struct tag_uses u;
	bool listed;
	*tag_id = *uses = 0;
	enum err e = store_find(view_txn(v), IX_TAG_NAME, name, tag_id);
	if (e == ERR_OK)
		e = store_get(view_txn(v), T_TAG, *tag_id, r->arena, &tag);
	if (e == ERR_OK)
		e = rest_tag_counts(r, v, &tag, &u, &listed);
	if (e == ERR_OK && listed)
		*uses = u.events + u.attributes;
	else
		*tag_id = 0;
	return e == ERR_NOENT ? ERR_OK : e == ERR_OK ? e : fail(f, e, "counting a tag");
}

static void uses_put(struct jsonw *w, const struct tag_uses *u)
{
	JSONW_KV(w, jsonw_uint, "count", u->events);
	JSONW_KV(w, jsonw_uint, "attribute_count", u->attributes);
}

/* ---- view, list, search ---- */

static bool tag_of_path(struct http_req *r, int status, const char *text, struct misp_tag *tag,
			struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_tag row;
	uint64_t id;
	if (store_read(api_of(r)->store, &t, f) == ERR_OK && str_u64(req_arg(r, "id"), &id) &&
	    store_get(t, T_TAG, id, r->arena, &row) == ERR_OK &&
	    entity_copy(r->arena, &desc_misp_tag, &row, tag) == ERR_OK)
		return true;
	reply_error(r, status, "%s", text);
	return false;
}

static enum err tags_view(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct misp_tag tag;
	struct tag_uses uses;
	bool listed;
	if (!tag_of_path(r, 405, "Invalid Tag", &tag, f))
		return ERR_OK;
	TRY(rest_view(r, &v, f));
	TRY(rest_tag_counts(r, v, &tag, &uses, &listed));
	if (!listed) {
		reply_error(r, 405, "Invalid Tag");
		return ERR_OK;
	}
	if (r->method == HTTP_HEAD) {
		reply_empty(r, 200);
		return ERR_OK;
	}
	struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	shape_tag_members(&w, &tag);
	uses_put(&w, &uses);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

static int by_name(const void *a, const void *b)
{
	const struct misp_tag *x = *(const struct misp_tag *const *)a;
	const struct misp_tag *y = *(const struct misp_tag *const *)b;
	int c = str_cmp(x->name, y->name);
	return c ? c : (x->id > y->id) - (x->id < y->id);
}

typedef bool (*tag_fits_fn)(const struct misp_tag *tag, struct str text, bool strict);

static enum err collect(struct arena *a, const struct store_rtxn *t, tag_fits_fn fits,
			struct str text, bool strict, const struct misp_tag ***out, size_t *n,
			struct fail *f)
{
	uint64_t max = MIN(store_count(t, T_TAG), TAGS_MAX), id = 0;
	const struct misp_tag **v = a ? ARENA_ARRAY(a, const struct misp_tag *, max + 1) : NULL;
	struct misp_tag row;
	enum err e = ERR_NOENT;
	*n = 0;
	*out = v;
	if (!v)
		return fail(f, ERR_LIMIT, "too many tags");
	while (*n < max && (e = store_next(t, T_TAG, &id, NULL, &row)) == ERR_OK) {
		if (!fits(&row, text, strict))
			continue;
		struct misp_tag *copy = ARENA_NEW(a, struct misp_tag);
		if (!copy)
			return fail(f, ERR_LIMIT, "too many tags");
		*copy = row; /* its texts live as long as the snapshot */
		v[(*n)++] = copy;
	}
	return e == ERR_OK || e == ERR_NOENT ? ERR_OK : e;
}

static bool contains(const struct misp_tag *tag, struct str text, bool strict)
{
	(void)strict;
	return !text.n || str_find_nocase(tag->name, text) >= 0;
}

/* MISP lists all of them over REST, whatever `limit` and `page` say (recorded, tags 2133). */
static enum err tags_index(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	OWN(arena) struct arena *a = arena_new(LIST_ARENA);
	const struct misp_tag **tags;
	json_t *body;
	size_t n;
	enum err e = ERR_OK;
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	TRY(rest_view(r, &v, f));
	TRY(collect(a, view_txn(v), contains, rest_param(r, body, "searchall"), false, &tags, &n, f));
	if (n)
		qsort(tags, n, sizeof(*tags), by_name);
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "Tag");
	jsonw_arr(&w);
	for (size_t i = 0; i < n && e == ERR_OK && !req_cancelled(r); i++) {
		struct tag_uses uses;
		bool listed;
		e = rest_tag_counts(r, v, tags[i], &uses, &listed);
		if (e != ERR_OK || !listed)
			continue;
		jsonw_obj(&w);
		shape_tag_members(&w, tags[i]);
		JSONW_KV(&w, jsonw_bool, "favourite", false);
		uses_put(&w, &uses);
		jsonw_obj_end(&w);
	}
	jsonw_arr_end(&w);
	jsonw_obj_end(&w);
	if (e != ERR_OK) {
		buf_free(&b);
		return e;
	}
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* SQL LIKE without regard to ASCII case: '%' any run, '_' one byte. */
static bool like(struct str s, struct str pattern)
{
	size_t i = 0, k = 0, star = SIZE_MAX, from = 0;
	while (i < s.n) {
		if (k < pattern.n && pattern.p[k] == '%') {
			star = k++;
			from = i;
		} else if (k < pattern.n &&
			   (pattern.p[k] == '_' || tolower((unsigned char)pattern.p[k]) ==
							   tolower((unsigned char)s.p[i]))) {
			i++;
			k++;
		} else if (star != SIZE_MAX) {
			k = star + 1;
			i = ++from;
		} else {
			return false;
		}
	}
	while (k < pattern.n && pattern.p[k] == '%')
		k++;
	return k == pattern.n;
}

static bool matches(const struct misp_tag *tag, struct str text, bool strict)
{
	return strict ? str_eq(tag->name, text) : like(tag->name, text);
}

static enum err tags_search(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	OWN(arena) struct arena *a = arena_new(LIST_ARENA);
	const struct misp_tag **tags;
	json_t *body;
	size_t n;
	enum err e = ERR_OK;
	if (rest_json(r, "Tag", &body, f) != ERR_OK)
		return ERR_OK;
	struct str text = req_arg(r, "tagname");
	if (!text.p)
		text = rest_param(r, body, "tagname");
	TRY(rest_view(r, &v, f));
	TRY(collect(a, view_txn(v), matches, text, rest_flag(body, "strict_tagname", false), &tags, &n,
		    f));
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	jsonw_arr(&w);
	for (size_t i = 0; i < n && e == ERR_OK; i++) {
		bool listed;
		e = rest_tag_listed(r, v, tags[i], &listed);
		if (e != ERR_OK || !listed)
			continue;
		jsonw_obj(&w);
		jsonw_key(&w, "Tag");
		shape_tag(&w, tags[i]);
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

/* ---- adding, editing, deleting ---- */

static bool colour_ok(struct str c)
{
	if (c.n != 7 || c.p[0] != '#')
		return false;
	for (size_t i = 1; i < 7; i++)
		if (!isxdigit((unsigned char)c.p[i]))
			return false;
	return true;
}

/* The given members; false and answered when one is bad; what has no colour gets one. */
static bool take_members(struct http_req *r, const json_t *body, struct misp_tag *tag)
{
	struct str colour = STR_NONE;
	char made[8];
	rest_take_text(r, body, "name", &tag->name);
	tag->name = str_trim(tag->name);
	if (!tag->name.n) {
		reply_error(r, 405, "Could not add the Tag. [name]: This field cannot be left blank");
		return false;
	}
	if (!tag->colour.n) {
		if (!taxo_marking_colour(tag->name, made))
			taxo_default_colour(tag->name, made);
		tag->colour = arena_str(r->arena, str_c(made));
	}
	/* as much of it as MISP's table holds, cut between characters */
	while (tag->name.n > NAME_MAX_BYTES)
		do
			tag->name.n--;
		while (tag->name.n && (tag->name.p[tag->name.n] & 0xc0) == 0x80);
	if (rest_take_text(r, body, "colour", &colour) && colour.n) {
		if (!colour_ok(colour)) {
			reply_error(r, 405,
				    "Could not add the Tag. [colour]: Colour has to be in the RGB "
				    "format (#FFFFFF)");
			return false;
		}
		tag->colour = colour;
	}
	rest_take_flag(body, "exportable", &tag->exportable);
	rest_take_flag(body, "hide_tag", &tag->hide_tag);
	rest_take_flag(body, "local_only", &tag->local_only);
	rest_take_u64(r, body, "org_id", &tag->org_id);
	rest_take_u64(r, body, "user_id", &tag->user_id);
	rest_take_text(r, body, "numerical_value", &tag->numerical_value);
	return true;
}

static void answer_tag(struct http_req *r, const struct misp_tag *tag)
{
	struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "Tag");
	shape_tag(&w, tag);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
}

/* A name that is known, in any case of its letters, is answered as it is. */
static enum err answer_known(struct http_req *r, struct str name, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_tag tag;
	uint64_t id;
	TRY(store_read(api_of(r)->store, &t, f));
	TRY(store_find(t, IX_TAG_NAME, name, &id));
	TRY(store_get(t, T_TAG, id, r->arena, &tag));
	answer_tag(r, &tag);
	return ERR_OK;
}

static enum err tags_add(struct http_req *r, struct fail *f)
{
	struct misp_tag tag = {.exportable = true, .by_hand = true};
	json_t *body;
	if (rest_json(r, "Tag", &body, f) != ERR_OK || !take_members(r, body, &tag))
		return ERR_OK;
	tag.is_galaxy = str_has_prefix(tag.name, STR("misp-galaxy:"));
	enum err e = rest_row_put(r, T_TAG, &tag.id, &tag, UUID_NIL, f);
	if (e == ERR_EXISTS)
		return answer_known(r, tag.name, f);
	TRY(e);
	answer_tag(r, &tag);
	return ERR_OK;
}

static bool note_use(void *user, uint64_t event_id, uint64_t object_id, uint64_t attr_id)
{
	(void)event_id, (void)object_id, (void)attr_id;
	*(bool *)user = true;
	return false;
}

/* Does something carry it, or did once? */
static bool is_used(struct http_req *r, uint64_t tag_id)
{
	bool used = false;
	for (int events = 0; events < 2 && !used; events++)
		if (index_tagged(api_of(r)->index, tag_id, events, note_use, &used) != ERR_OK)
			used = true;
	return used;
}

/* Renaming or deleting a tag must not do at once what takes two persons for each event; answered. */
static bool would_loosen(struct http_req *r, uint64_t id, struct str was, struct str now)
{
	struct misp_tagref before = {.tag_id = id, .name = was}, after = {.tag_id = id, .name = now};
	struct entity_list left = {&after, now.n != 0};
	if (str_eq_nocase(was, now))
		return false;
	struct policy *p = api_of(r)->egress.policy(api_of(r)->egress.user);
	bool loosens = gate_tag_loosens(p, &before, false, &left, INT64_MIN) ||
		       (now.n && gate_tag_loosens(p, &after, true, &left, INT64_MIN));
	policy_unref(p);
	if (!loosens || !is_used(r, id))
		return false;
	reply_error(r, 403,
		    "The tag is in use, and this would loosen an embargo or approve a release: it "
		    "takes two persons, at each event.");
	return true;
}

static enum err tags_edit(struct http_req *r, struct fail *f)
{
	struct misp_tag tag;
	json_t *body;
	if (rest_json(r, "Tag", &body, f) != ERR_OK ||
	    !tag_of_path(r, 404, "Invalid tag", &tag, f))
		return ERR_OK;
	struct str was = tag.name;
	if (!take_members(r, body, &tag) || would_loosen(r, tag.id, was, tag.name))
		return ERR_OK;
	enum err e = rest_row_put(r, T_TAG, &tag.id, &tag, UUID_NIL, f);
	if (e == ERR_EXISTS) {
		reply_error(r, 405,
			    "Could not add the Tag. [name]: A similar name already exists.");
		return ERR_OK;
	}
	TRY(e);
	answer_tag(r, &tag);
	return ERR_OK;
}

/* What carries it keeps its number, which means nothing from now on. */
static enum err tags_delete(struct http_req *r, struct fail *f)
{
	struct misp_tag tag;
	if (!tag_of_path(r, 404, "Invalid tag", &tag, f) ||
	    would_loosen(r, tag.id, tag.name, STR("")))
		return ERR_OK;
	TRY(rest_row_del(r, T_TAG, tag.id, UUID_NIL, f));
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_c, "name", "Tag deleted.");
	JSONW_KV(&w, jsonw_c, "message", "Tag deleted.");
	JSONW_KV(&w, jsonw_str, "url",
		 arena_printf(r->arena, "%.*s/tags/delete/%llu", STR_ARG(api_of(r)->base_url),
			      (unsigned long long)tag.id));
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

const struct endpoint ep_tags_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/tags/index",
	.run = tags_index,
	.shape = "Tags",
	.doc = "All tags with how often they are used; searchall restricts",
};
const struct endpoint ep_tags_view = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/tags/view/:id",
	.run = tags_view,
	.shape = "Tag",
	.doc = "One tag by id",
};
const struct endpoint ep_tags_search = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/tags/search/:tagname",
	.run = tags_search,
	.shape = "Tags",
	.doc = "Tags whose name is like `tagname` (% for anything)",
};
const struct endpoint ep_tags_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/tags/add",
	.auth = perm_tag_editor,
	.run = tags_add,
	.shape = "Tag",
	.takes = "TagIn",
	.doc = "Add a tag, or get the one of that name",
};
const struct endpoint ep_tags_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/tags/edit/:id",
	.auth = perm_site_admin,
	.run = tags_edit,
	.shape = "Tag",
	.takes = "TagIn",
	.doc = "Change a tag",
};
const struct endpoint ep_tags_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/tags/delete/:id",
	.auth = perm_site_admin,
	.run = tags_delete,
	.shape = "Error",
	.doc = "Delete a tag",
};
