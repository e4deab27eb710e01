/*
 * ep_counts.c - attributes/attributeStatistics, tags/tagStatistics and the tables of users/statistics:
 * how often what occurs in what the caller sees. MISP counts all that is there; that would tell of what
 * is hidden. Shapes as recorded (wire/client, attributes and tags).
 */
#include "api/ep_counts.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/vocab.h"
#include "base/hash.h"

#define NAMES_MAX 100000u
#define NAMES_ARENA (64u << 20)

/* ---- names and how often ---- */

struct count {
	struct str name;
	uint64_t n;
};
struct counts {
	struct arena *a;
	struct count *v;
	uint32_t *slots; /* by hash of the name: place + 1 */
	size_t n, mask;
	bool full;
};

static bool counts_new(struct counts *c, struct arena *a)
{
	*c = (struct counts){.a = a, .mask = (1u << 18) - 1};
	c->v = ARENA_ARRAY(a, struct count, NAMES_MAX);
	c->slots = ARENA_ARRAY(a, uint32_t, c->mask + 1);
	if (c->slots)
		memset(c->slots, 0, (c->mask + 1) * sizeof(*c->slots));
	return c->v && c->slots;
}

static void counts_add(struct counts *c, struct str name, uint64_t n)
{
	size_t i = hash_64(name.p, name.n, 0) & c->mask;
	while (c->slots[i] && !str_eq(c->v[c->slots[i] - 1].name, name))
		i = (i + 1) & c->mask;
	if (!c->slots[i]) {
		struct str kept = arena_str(c->a, name);
		if (c->n == NAMES_MAX || !kept.p) {
			c->full = true;
			return;
		}
		c->v[c->n++] = (struct count){kept, 0};
		c->slots[i] = (uint32_t)c->n;
	}
	c->v[c->slots[i] - 1].n += n;
}

static int by_name(const void *a, const void *b)
{
	return str_cmp(((const struct count *)a)->name, ((const struct count *)b)->name);
}

static int by_count(const void *a, const void *b)
{
	const struct count *x = a, *y = b;
	return x->n != y->n ? (x->n < y->n ? 1 : -1) : str_cmp(x->name, y->name);
}

static void counts_sort(struct counts *c, bool names)
{
	if (c->n)
		qsort(c->v, c->n, sizeof(*c->v), names ? by_name : by_count);
}

/* "5", or its part of all in percent as "62.5%". */
static struct str share(struct http_req *r, uint64_t n, uint64_t total, bool percent)
{
	if (!percent)
		return rest_id(r, n);
	struct str s = arena_printf(r->arena, "%.3f", total ? 100.0 * (double)n / (double)total : 0.0);
	while (s.n && s.p[s.n - 1] == '0')
		s.n--;
	if (s.n && s.p[s.n - 1] == '.')
		s.n--;
	return arena_printf(r->arena, "%.*s%%", STR_ARG(s));
}

static void counts_put(struct http_req *r, struct jsonw *w, const struct counts *c, bool percent)
{
	uint64_t total = 0;
	OWN(buf) struct buf key = BUF(1 << 16);
	for (size_t i = 0; i < c->n; i++)
		total += c->v[i].n;
	if (!c->n) { /* as PHP prints an empty map */
		jsonw_arr(w);
		jsonw_arr_end(w);
		return;
	}
	jsonw_obj(w);
	for (size_t i = 0; i < c->n; i++) {
		buf_clear(&key);
		buf_str_add(&key, c->v[i].name);
		buf_putc(&key, '\0');
		if (buf_err(&key) == ERR_OK)
			JSONW_KV(w, jsonw_str, key.p, share(r, c->v[i].n, total, percent));
	}
	jsonw_obj_end(w);
}

/* ---- attributes ---- */

struct attr_counting {
	struct counts *c;
	bool categories;
};

static void note_attr(void *user, const struct misp_attr *attr)
{
	struct attr_counting *x = user;
	counts_add(x->c, x->categories ? category_name(attr->category) : type_name(attr->type), 1);
}

static bool has_attrs(void *user, const struct misp_event *e)
{
	(void)user;
	return e->attribute_count;
}

static enum err count_attrs(void *user, struct view *v, const struct misp_event *e)
{
	return view_each_attr(v, e, note_attr, user);
}

static enum err attribute_statistics(struct http_req *r, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(NAMES_ARENA);
	OWN(view) struct view *v = NULL;
	struct counts c;
	struct attr_counting x = {&c, str_is(req_arg(r, "context"), "category")};
	bool percent = str_is(req_arg(r, "percentage"), "true") || str_is(req_arg(r, "percentage"), "1");
	if (req_arg(r, "context").n && !x.categories && !str_is(req_arg(r, "context"), "type")) {
		reply_error(r, 404, "Invalid context: it is type or category.");
		return ERR_OK;
	}
	if (!a || !counts_new(&c, a))
		return fail(f, ERR_NOMEM, "no memory");
	TRY(rest_view(r, &v, f));
	TRY(rest_each_event(r, v, &(struct each_event){has_attrs, count_attrs, &x}));
	counts_sort(&c, true);
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	counts_put(r, &w, &c, percent);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- tags ---- */

/* Those on events that the caller sees, as MISP counts. */
static enum err count_tags(struct http_req *r, struct view *v, struct str prefix, struct counts *c)
{
	struct misp_tag tag;
	uint64_t id = 0;
	enum err e;
	while ((e = store_next(view_txn(v), T_TAG, &id, NULL, &tag)) == ERR_OK) {
		struct tag_uses uses;
		bool listed;
		if (req_cancelled(r))
			return ERR_CANCELLED;
		if (!str_has_prefix(tag.name, prefix))
			continue;
		TRY(rest_tag_counts(r, v, &tag, &uses, &listed));
		if (listed && uses.events)
			counts_add(c, tag.name, uses.events);
	}
	return e == ERR_NOENT ? ERR_OK : e;
}

/* By vocabulary, of those that are enabled. */
static void count_vocabs(struct http_req *r, const struct store_rtxn *t, const struct counts *tags,
			 struct counts *c)
{
	OWN(vocabs) struct vocabs *vs = api_vocabs(api_of(r));
	for (size_t i = 0; vs && i < tags->n; i++) {
		struct str ns;
		str_split(tags->v[i].name, ':', &ns);
		const struct vocab *v = ns.n < tags->v[i].name.n ? vocabs_find(vs, ns) : NULL;
		if (v && vocab_flags(t, v).enabled)
			counts_add(c, v->ns, tags->v[i].n);
	}
}

static bool yes(struct str s)
{
	return str_is(s, "true") || str_is(s, "1");
}

static enum err tag_statistics(struct http_req *r, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(NAMES_ARENA);
	OWN(view) struct view *v = NULL;
	struct counts tags, vocabs;
	bool percent = yes(req_arg(r, "percentage"));
	if (!a || !counts_new(&tags, a) || !counts_new(&vocabs, a))
		return fail(f, ERR_NOMEM, "no memory");
	TRY(rest_view(r, &v, f));
	TRY(count_tags(r, v, STR(""), &tags));
	count_vocabs(r, view_txn(v), &tags, &vocabs);
	counts_sort(&tags, yes(req_arg(r, "namesort")));
	counts_sort(&vocabs, yes(req_arg(r, "namesort")));
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "tags");
	counts_put(r, &w, &tags, percent);
	jsonw_key(&w, "taxonomies");
	counts_put(r, &w, &vocabs, percent);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- tables of users/statistics ---- */

static void put_sized(struct jsonw *w, const struct counts *c)
{
	jsonw_arr(w);
	for (size_t i = 0; i < c->n; i++) {
		jsonw_obj(w);
		JSONW_KV(w, jsonw_str, "name", c->v[i].name);
		JSONW_KV(w, jsonw_uint, "size", c->v[i].n);
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
}

static enum err page_tags(struct http_req *r, struct view *v, struct counts *c, struct jsonw *w)
{
	TRY(count_tags(r, v, STR(""), c));
	counts_sort(c, false);
	jsonw_obj(w);
	jsonw_key(w, "flatData");
	put_sized(w, c);
	jsonw_obj_end(w);
	return ERR_OK;
}

static enum err page_attributes(struct http_req *r, struct view *v, struct counts *c, struct jsonw *w)
{
	struct attr_counting x = {c, false};
	TRY(rest_each_event(r, v, &(struct each_event){has_attrs, count_attrs, &x}));
	counts_sort(c, true);
	jsonw_obj(w);
	jsonw_key(w, "data");
	counts_put(r, w, c, false);
	jsonw_obj_end(w);
	return ERR_OK;
}

/* Attack patterns by how many events carry them. */
static enum err page_matrix(struct http_req *r, struct view *v, struct counts *c, struct jsonw *w)
{
	TRY(count_tags(r, v, STR("misp-galaxy:mitre-attack-pattern="), c));
	counts_sort(c, false);
	jsonw_obj(w);
	jsonw_key(w, "scores");
	counts_put(r, w, c, false);
	JSONW_KV(w, jsonw_uint, "maxScore", c->n ? c->v[0].n : 0);
	jsonw_obj_end(w);
	return ERR_OK;
}

struct org_count {
	uint64_t id, events, attributes, users;
};

static struct org_count *org_of(struct org_count *v, size_t n, uint64_t id)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].id == id)
			return &v[i];
	return NULL;
}

static void put_org(struct http_req *r, struct jsonw *w, const struct misp_org *o,
		    const struct org_count *n)
{
	jsonw_key(w, rest_id(r, o->id).p);
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint_str, "id", o->id);
	JSONW_KV(w, jsonw_str, "name", o->name);
	JSONW_KV(w, jsonw_str, "description", o->description);
	JSONW_KV(w, jsonw_bool, "local", o->local);
	JSONW_KV(w, jsonw_str, "type", o->type);
	JSONW_KV(w, jsonw_str, "sector", o->sector);
	JSONW_KV(w, jsonw_str, "nationality", o->nationality);
	JSONW_KV(w, jsonw_uint, "userCount", n->users);
	JSONW_KV(w, jsonw_uint, "eventCount", n->events);
	JSONW_KV(w, jsonw_uint, "attributeCount", n->attributes);
	jsonw_obj_end(w);
}

struct org_counts {
	struct org_count *v;
	size_t n;
};

static bool is_counted(void *user, const struct misp_event *e)
{
	const struct org_counts *x = user;
	return org_of(x->v, x->n, e->orgc_id);
}

static enum err count_org(void *user, struct view *v, const struct misp_event *e)
{
	const struct org_counts *x = user;
	struct org_count *o = org_of(x->v, x->n, e->orgc_id);
	struct view_counts parts;
	TRY(view_count_parts(v, e, INT64_MAX, &parts));
	o->events++;
	o->attributes += parts.attributes;
	return ERR_OK;
}

/* Local organisations, `scope:external`, or `scope:all`, that the caller may know. */
static enum err page_orgs(struct http_req *r, struct view *v, struct counts *c, struct jsonw *w)
{
	struct str scope = req_param(r, "scope");
	bool all = str_is(scope, "all"), local = !str_is(scope, "external");
	uint64_t max = MIN(store_count(view_txn(v), T_ORG), (uint64_t)NAMES_MAX), id = 0;
	struct org_count *orgs = ARENA_ARRAY(c->a, struct org_count, max + 1);
	struct fail why = {0};
	struct view_orgs known;
	struct misp_org o;
	struct misp_user u;
	size_t n = 0;
	if (!orgs)
		return ERR_NOMEM;
	TRY(view_orgs_find(v, r->arena, &known, &why));
	while (n < max && store_next(view_txn(v), T_ORG, &id, NULL, &o) == ERR_OK)
		if (view_orgs_has(&known, id) && (all || o.local == local))
			orgs[n++] = (struct org_count){.id = id};
	for (id = 0; store_next(view_txn(v), T_USER, &id, NULL, &u) == ERR_OK;) {
		struct org_count *mine = org_of(orgs, n, u.org_id);
		if (mine)
			mine->users++;
	}
	struct org_counts x = {orgs, n};
	TRY(rest_each_event(r, v, &(struct each_event){is_counted, count_org, &x}));
	jsonw_obj(w);
	for (size_t i = 0; i < n; i++)
		if (store_get(view_txn(v), T_ORG, orgs[i].id, NULL, &o) == ERR_OK)
			put_org(r, w, &o, &orgs[i]);
	jsonw_obj_end(w);
	return ERR_OK;
}

static const struct {
	const char *page;
	enum err (*put)(struct http_req *r, struct view *v, struct counts *c, struct jsonw *w);
} pages[] = {
	{"orgs", page_orgs},
	{"tags", page_tags},
	{"attributehistogram", page_attributes},
	{"galaxyMatrix", page_matrix},
};

enum err rest_counts_page(struct http_req *r, struct str page, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(NAMES_ARENA);
	OWN(view) struct view *v = NULL;
	struct counts c;
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	size_t i = 0;
	while (i < ARRAY_LEN(pages) && !str_is(page, pages[i].page))
		i++;
	if (i == ARRAY_LEN(pages))
		return ERR_NOENT;
	if (!a || !counts_new(&c, a))
		return fail(f, ERR_NOMEM, "no memory");
	TRY(rest_view(r, &v, f));
	enum err e = pages[i].put(r, v, &c, &w);
	if (e == ERR_OK)
		rest_answer(r, 200, &b);
	buf_free(&b);
	return e == ERR_NOENT ? fail(f, ERR_CORRUPT, "statistics") : e;
}

const struct endpoint ep_attributes_statistics = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/attributes/attributeStatistics/:context/:percentage",
	.run = attribute_statistics,
	.shape = "Counts",
	.doc = "How often attribute types or categories occur in what the caller sees",
};
const struct endpoint ep_tags_statistics = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/tags/tagStatistics/:percentage/:namesort",
	.run = tag_statistics,
	.shape = "TagCounts",
	.doc = "How often tags and vocabularies occur on events that the caller sees",
};
