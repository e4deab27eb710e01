/* golden.c - events from recorded JSON (by jansson, our own reader's oracle) through an exporter. */
#include "tests/unit/feeds_export/golden.h"

#include <jansson.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/arena.h"
#include "gate/seal.h"
#include "model/types.h"
#include "tests/tap/tap.h"

struct gold_event {
	struct misp_event e;
	struct rel_event rel;
	struct misp_org org, orgc;
	struct rel_element *els;
	size_t n_els;
};

struct golden {
	json_t *root;
	struct arena *a;
	struct gold_event *events;
	size_t n;
};

bool golden_file(const char *path, struct buf *out)
{
	gzFile z = gzopen(path, "rb");
	char chunk[16384];
	int n;
	if (!z)
		return false;
	while ((n = gzread(z, chunk, sizeof(chunk))) > 0)
		buf_add(out, chunk, (size_t)n);
	gzclose(z);
	return n == 0;
}

static struct str text_of(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)}
				 : STR_NONE;
}

static uint64_t number_of(const json_t *o, const char *key)
{
	uint64_t n = 0;
	const json_t *v = json_object_get(o, key);
	if (json_is_integer(v))
		return (uint64_t)json_integer_value(v);
	if (!str_u64(text_of(o, key), &n))
		n = 0;
	return n;
}

static struct uuid uuid_of(const json_t *o, const char *key)
{
	struct uuid u;
	uuid_parse(text_of(o, key), &u);
	return u;
}

static bool bool_of(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

static void tags_of(struct golden *g, const json_t *o, struct entity_list *out)
{
	const json_t *tags = json_object_get(o, "Tag"), *t;
	size_t i;
	struct misp_tagref *v = ARENA_ARRAY(g->a, struct misp_tagref, json_array_size(tags) + 1);
	json_array_foreach(tags, i, t) {
		v[i].name = text_of(t, "name");
		v[i].tag_id = number_of(t, "id");
		v[i].colour = text_of(t, "colour");
	}
	out->v = v;
	out->n = (uint32_t)json_array_size(tags);
}

/* The elements that exporters look at: kill_chain. */
static void elements_of(struct golden *g, const json_t *c, struct misp_cluster *out)
{
	const json_t *list = json_object_get(json_object_get(c, "meta"), "kill_chain"), *x;
	struct misp_clustermeta *v =
		ARENA_ARRAY(g->a, struct misp_clustermeta, json_array_size(list) + 1);
	size_t i;
	json_array_foreach(list, i, x) {
		v[i].key = STR("kill_chain");
		v[i].value = (struct str){json_string_value(x), json_string_length(x)};
	}
	out->elements.v = v;
	out->elements.n = (uint32_t)json_array_size(list);
}

/* Clusters of the galaxies that an event or attribute shows; *n of them. */
static const struct rel_cluster *clusters_of(struct golden *g, const json_t *o, uint32_t *n)
{
	const json_t *galaxies = json_object_get(o, "Galaxy"), *gal, *c;
	size_t i, k, all = 0;
	json_array_foreach(galaxies, i, gal)
		all += json_array_size(json_object_get(gal, "GalaxyCluster"));
	struct rel_cluster *v = ARENA_ARRAY(g->a, struct rel_cluster, all + 1);
	*n = 0;
	json_array_foreach(galaxies, i, gal) {
		struct misp_galaxy *mg = ARENA_NEW(g->a, struct misp_galaxy);
		mg->name = text_of(gal, "name");
		mg->icon = text_of(gal, "icon");
		mg->type = text_of(gal, "type");
		mg->description = text_of(gal, "description");
		json_array_foreach(json_object_get(gal, "GalaxyCluster"), k, c) {
			struct misp_cluster *mc = ARENA_NEW(g->a, struct misp_cluster);
			mc->id = number_of(c, "id");
			mc->value = text_of(c, "value");
			mc->tag_name = text_of(c, "tag_name");
			mc->description = text_of(c, "description");
			elements_of(g, c, mc);
			v[(*n)++] = (struct rel_cluster){.cluster = mc, .galaxy = mg, .ids = true};
		}
	}
	return v;
}

static void attr_of(struct golden *g, const json_t *o, struct misp_attr *a)
{
	misp_attr_init(a);
	a->id = number_of(o, "id");
	a->event_id = number_of(o, "event_id");
	a->object_id = number_of(o, "object_id");
	a->uuid = uuid_of(o, "uuid");
	a->type = type_find(text_of(o, "type"));
	a->category = category_find(text_of(o, "category"));
	a->value = text_of(o, "value");
	a->comment = text_of(o, "comment");
	a->object_relation = text_of(o, "object_relation");
	a->to_ids = bool_of(o, "to_ids");
	a->deleted = bool_of(o, "deleted");
	a->disable_correlation = bool_of(o, "disable_correlation");
	a->distribution = (uint8_t)number_of(o, "distribution");
	a->timestamp = (int64_t)number_of(o, "timestamp");
	tags_of(g, o, &a->tags);
}

static void attrs_of(struct golden *g, struct gold_event *ev, const json_t *list,
		     const struct misp_object *in)
{
	const json_t *o;
	size_t i;
	json_array_foreach(list, i, o) {
		struct misp_attr *a = ARENA_NEW(g->a, struct misp_attr);
		attr_of(g, o, a);
		struct rel_element *el = &ev->els[ev->n_els++];
		*el = (struct rel_element){.kind = EL_ATTR, .attr = a, .in_object = in};
		el->clusters = clusters_of(g, o, &el->n_clusters);
	}
}

static void org_of(const json_t *o, struct misp_org *org)
{
	org->id = number_of(o, "id");
	org->name = text_of(o, "name");
	org->uuid = uuid_of(o, "uuid");
}

static uint32_t date_of(struct str s)
{
	return s.n != 10 ? 0
			 : (uint32_t)(strtoul(s.p, NULL, 10) * 10000 +
				      strtoul(s.p + 5, NULL, 10) * 100 + strtoul(s.p + 8, NULL, 10));
}

static void event_of(struct golden *g, const json_t *o, struct gold_event *ev)
{
	const json_t *objects = json_object_get(o, "Object"), *ob;
	size_t i, n = json_array_size(json_object_get(o, "Attribute"));
	struct misp_event *e = &ev->e;
	e->id = number_of(o, "id");
	e->uuid = uuid_of(o, "uuid");
	e->info = text_of(o, "info");
	e->date = date_of(text_of(o, "date"));
	e->threat_level_id = (uint8_t)number_of(o, "threat_level_id");
	e->analysis = (uint8_t)number_of(o, "analysis");
	e->distribution = (uint8_t)number_of(o, "distribution");
	e->published = bool_of(o, "published");
	e->timestamp = (int64_t)number_of(o, "timestamp");
	tags_of(g, o, &e->tags);
	org_of(json_object_get(o, "Org"), &ev->org);
	org_of(json_object_get(o, "Orgc"), &ev->orgc);
	ev->rel = (struct rel_event){.e = e, .org = &ev->org, .orgc = &ev->orgc, .ids = true};
	ev->rel.clusters = clusters_of(g, o, &ev->rel.n_clusters);
	json_array_foreach(objects, i, ob)
		n += 1 + json_array_size(json_object_get(ob, "Attribute"));
	ev->els = ARENA_ARRAY(g->a, struct rel_element, n + 1);
	attrs_of(g, ev, json_object_get(o, "Attribute"), NULL);
	json_array_foreach(objects, i, ob) {
		struct misp_object *obj = ARENA_NEW(g->a, struct misp_object);
		misp_object_init(obj);
		obj->id = number_of(ob, "id");
		obj->uuid = uuid_of(ob, "uuid");
		obj->name = text_of(ob, "name");
		obj->meta_category = text_of(ob, "meta-category");
		ev->els[ev->n_els++] = (struct rel_element){.kind = EL_OBJECT, .object = obj};
		attrs_of(g, ev, json_object_get(ob, "Attribute"), obj);
	}
}

struct golden *golden_parse(const char *json, size_t n)
{
	struct golden *g = calloc(1, sizeof(*g));
	g->root = json_loadb(json, n, JSON_ALLOW_NUL, NULL);
	g->a = arena_new(256u << 20);
	const json_t *list = json_object_get(g->root, "response"), *x;
	size_t i;
	g->n = json_array_size(list);
	g->events = ARENA_ARRAY(g->a, struct gold_event, g->n + 1);
	json_array_foreach(list, i, x)
		event_of(g, json_object_get(x, "Event"), &g->events[i]);
	return g;
}

struct golden *golden_load(const char *path)
{
	OWN(buf) struct buf b = BUF(64u << 20);
	return golden_file(path, &b) ? golden_parse(b.p, b.n) : NULL;
}

void golden_free(struct golden *g)
{
	if (!g)
		return;
	json_decref(g->root);
	arena_free(g->a);
	free(g);
}

void golden_show_ids(struct golden *g, bool show)
{
	for (size_t i = 0; i < g->n; i++)
		g->events[i].rel.ids = show;
}

/* ---- running ---- */

struct gold_run {
	struct golden *g;
	const struct exporter *x;
	const struct golden_filter *f;
	struct export_run run;
};

static bool wanted(const struct gold_run *r, const struct rel_element *el)
{
	if (el->kind == EL_ATTR && r->x->restrictive && !r->f->not_to_ids_too && !el->attr->to_ids)
		return false;
	if (el->kind == EL_ATTR && r->f->type && r->run.opts->scope == EXPORT_ATTRIBUTES)
		return str_is(type_name(el->attr->type), r->f->type);
	return true;
}

static int by_id(const void *a, const void *b)
{
	const struct rel_element *const *x = a, *const *y = b;
	return (*x)->attr->id < (*y)->attr->id ? -1 : (*x)->attr->id > (*y)->attr->id;
}

/* Does the object keep an attribute? egress leaves out those that do not. */
static bool object_wanted(const struct gold_run *r, const struct gold_event *ev, size_t i)
{
	for (i++; i < ev->n_els && ev->els[i].kind == EL_ATTR; i++)
		if (wanted(r, &ev->els[i]))
			return true;
	return false;
}

static enum err event_run(struct gold_run *r, const struct gold_event *ev)
{
	struct export_run *run = &r->run;
	bool whole = run->opts->scope != EXPORT_ATTRIBUTES;
	const struct rel_element **list = calloc(ev->n_els + 1, sizeof(*list));
	size_t n = 0;
	enum err e = whole && r->x->event ? r->x->event(run, &ev->rel) : ERR_OK;
	for (size_t i = 0; i < ev->n_els; i++) {
		const struct rel_element *el = &ev->els[i];
		if (el->kind == EL_OBJECT ? whole && object_wanted(r, ev, i) : wanted(r, el))
			list[n++] = el;
	}
	if (!whole)
		qsort(list, n, sizeof(*list), by_id);
	for (size_t i = 0; i < n && e == ERR_OK; i++)
		e = r->x->element(run, &ev->rel, list[i]);
	free(list);
	if (e == ERR_OK && whole && r->x->event_end)
		e = r->x->event_end(run, &ev->rel);
	return e;
}

static enum err produce(void *user, struct seal_writer *w, size_t want, bool *end, struct fail *f)
{
	struct gold_run *r = user;
	enum err e;
	(void)want, (void)f;
	r->run.out = w;
	e = r->x->begin ? r->x->begin(&r->run) : ERR_OK;
	for (size_t i = 0; i < r->g->n && e == ERR_OK && !r->f->nothing; i++) {
		const struct gold_event *ev = &r->g->events[i];
		if (r->x->restrictive && !r->f->unpublished_too && !ev->e.published)
			continue;
		uint64_t id;
		if (r->f->event_id && (!str_u64(str_c(r->f->event_id), &id) || id != ev->e.id))
			continue;
		e = event_run(r, ev);
	}
	if (e == ERR_OK && r->x->end)
		e = r->x->end(&r->run);
	*end = true;
	return e;
}

enum err golden_run(struct golden *g, const struct exporter *x, const struct export_opts *opts,
		    const struct golden_filter *f, struct buf *out)
{
	static const struct golden_filter none;
	struct gold_run r = {.g = g, .x = x, .f = f ? f : &none};
	struct seal_source src = {produce, NULL, &r};
	struct audience aud = {.kind = AUD_EXPORT};
	struct fail fl = {0};
	bool end = false;
	enum err e = ERR_OK;
	r.run.opts = opts;
	r.run.state = calloc(1, x->state_size + 1);
	OWN(sealed) struct sealed *s = sealed_new(&aud, x->media, &src, NULL, 512u << 20);
	while (e == ERR_OK && !end)
		e = sealed_pull(s, out, 256u << 20, &end, &fl);
	if (x->free_state)
		x->free_state(r.run.state);
	free(r.run.state);
	return e;
}

/* ---- comparing ---- */

static void show_line(const char *what, struct str s, size_t at)
{
	size_t from = at, to = at;
	while (from && s.p[from - 1] != '\n')
		from--;
	while (to < s.n && s.p[to] != '\n')
		to++;
	diag("%s: %.*s", what, (int)(to - from), s.p + from);
}

void golden_is(struct str got, struct str want, const char *name)
{
	bool same = str_eq(got, want);
	ok(same, "%s", name);
	if (same)
		return;
	size_t i = 0;
	while (i < got.n && i < want.n && got.p[i] == want.p[i])
		i++;
	diag("%zu and %zu bytes, first difference at %zu", got.n, want.n, i);
	show_line("got", got, MIN(i, got.n));
	show_line("want", want, MIN(i, want.n));
}
