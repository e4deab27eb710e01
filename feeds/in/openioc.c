/*
 * openioc.c - see openioc.h. The document is a tree (base/xml.h: no document types, no entities, limits), which is
 * walked twice: attributes, then what describes them.
 */
#include "feeds/in/openioc.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/jsonw.h"
#include "base/xml.h"
#include "model/types.h"
#include "model/validate.h"

#define DOCUMENT_MAX ((size_t)32 << 20)
#define TREE_MAX ((size_t)256 << 20)
#define OUT_MAX ((size_t)512 << 20)
#define VALUE_MAX 65535u

struct openioc_in {
	struct openioc_in_opts opts;
	char *info;
	struct buf text, out;
	struct arena *tree, *a;
	struct jsonw json;
	struct uuid event;
	struct stix_in_counts counts;
	uint64_t n; /* attributes, for UUIDs */
};

static const struct {
	const char *path, *type;
} terms[] = {
#define TERM(path, type) {path, type},
#define PAIR(first, second, type)
#include "feeds/in/openioc_terms.inc"
};
static const struct {
	const char *first, *second, *type;
} pairs[] = {
#define TERM(path, type)
#define PAIR(first, second, type) {first, second, type},
#include "feeds/in/openioc_terms.inc"
};

struct openioc_in *openioc_in_new(const struct openioc_in_opts *o)
{
	struct openioc_in *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->opts = *o;
	s->info = o->info.n ? strndup(o->info.p, o->info.n) : NULL;
	buf_init(&s->text, DOCUMENT_MAX);
	buf_init(&s->out, OUT_MAX);
	s->tree = arena_new(TREE_MAX);
	s->a = arena_new(TREE_MAX);
	if (!s->tree || !s->a || (o->info.n && !s->info)) {
		openioc_in_free(s);
		return NULL;
	}
	return s;
}

void openioc_in_free(struct openioc_in *s)
{
	if (!s)
		return;
	buf_free(&s->text);
	buf_free(&s->out);
	arena_free(s->tree);
	arena_free(s->a);
	free(s->info);
	free(s);
}

struct stix_in_counts openioc_in_counts(const struct openioc_in *s)
{
	return s->counts;
}

enum err openioc_in_feed(struct openioc_in *s, const void *p, size_t n, struct fail *f)
{
	buf_add(&s->text, p, n);
	return buf_err(&s->text) == ERR_OK ? ERR_OK
					   : fail(f, buf_err(&s->text), "an OpenIOC document of more than 32 MiB");
}

/* ---- attributes ---- */

static bool fits(struct openioc_in *s, struct str type, struct str value)
{
	struct str out, one, two;
	struct attr_problem problem = {0};
	enum attr_type t = type_find(type);
	return t && value.n && value.n <= VALUE_MAX &&
	       attr_normalise_validate(s->a, t, value, false, &out, &one, &two, &problem) == ERR_OK;
}

struct item {
	struct str term, value, type;
	struct uuid uuid;
	bool exact; /* the value itself, not a part of it, nor anything but it */
	bool negated;
};

static void attribute(struct openioc_in *s, const struct item *it, struct str value, struct str type, bool to_ids,
		      struct str comment)
{
	struct jsonw *w = &s->json;
	const struct type_row *row = type_get(type_find(type));
	char text[UUID_TEXT_LEN + 1];
	bool own = !uuid_is_nil(it->uuid);
	jsonw_obj(w);
	s->n++;
	JSONW_KV(w, jsonw_uuid, "uuid",
		 uuid_v5(s->event, own ? str_c(uuid_format(it->uuid, text))
				       : arena_printf(s->a, "%llu", (unsigned long long)s->n)));
	JSONW_KV(w, jsonw_str, "type", type);
	JSONW_KV(w, jsonw_str, "category", category_name(row->category));
	JSONW_KV(w, jsonw_str, "value", str_sub(value, 0, VALUE_MAX));
	JSONW_KV(w, jsonw_bool, "to_ids", to_ids && row->to_ids);
	JSONW_KV(w, jsonw_str, "comment", comment);
	JSONW_KV(w, jsonw_c, "distribution", "5");
	jsonw_obj_end(w);
	s->counts.attributes++;
}

static void single(struct openioc_in *s, const struct item *it, bool alone)
{
	if (!it->value.n || it->value.n > VALUE_MAX - 200) {
		s->counts.left_out++;
		return;
	}
	if (!it->type.n || it->negated) {
		s->counts.as_text++;
		attribute(s, it, arena_printf(s->a, "%s%.*s: %.*s", it->negated ? "not " : "", STR_ARG(it->term),
					      STR_ARG(it->value)),
			  STR("text"), false, STR("OpenIOC item"));
		return;
	}
	struct str comment = alone ? STR("") : STR("OpenIOC: one of several that must all be there");
	if (!it->exact)
		comment = arena_printf(s->a, "OpenIOC: a part of %.*s", STR_ARG(it->term));
	attribute(s, it, it->value, it->type, alone && it->exact, comment);
}

static struct item item_of(struct openioc_in *s, const struct xml_node *n)
{
	const struct xml_node *context = xml_child(n, "Context"), *content = xml_child(n, "Content");
	struct str condition = xml_get(n, "condition");
	struct item it = {.term = context ? xml_get(context, "search") : STR_NONE,
			  .value = content ? content->text : STR_NONE,
			  .exact = !condition.n || str_eq_nocase(condition, STR("is")),
			  .negated = str_eq_nocase(condition, STR("isnot")) ||
				     str_eq_nocase(condition, STR("containsnot")) ||
				     str_eq_nocase(xml_get(n, "negate"), STR("true"))};
	(void)uuid_parse(xml_get(n, "id"), &it.uuid);
	for (size_t i = 0; i < ARRAY_LEN(terms) && !it.type.n; i++)
		if (str_eq_nocase(it.term, str_c(terms[i].path)) && fits(s, str_c(terms[i].type), it.value))
			it.type = str_c(terms[i].type);
	if (!it.term.n)
		it.term = STR("?");
	s->counts.objects++;
	return it;
}

static bool is_named(const struct xml_node *n, const char *name)
{
	return str_is(xml_local(n->name), name);
}

/* Two items that MISP has one type for. */
static bool pair(struct openioc_in *s, const struct xml_node *group, const struct item *a, const struct item *b)
{
	struct item whole = {0};
	if (!a->exact || !b->exact || a->negated || b->negated)
		return false;
	(void)uuid_parse(xml_get(group, "id"), &whole.uuid);
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		bool straight = str_is(a->type, pairs[i].first) && str_is(b->type, pairs[i].second),
		     crossed = str_is(b->type, pairs[i].first) && str_is(a->type, pairs[i].second);
		const struct item *one = straight ? a : b, *two = straight ? b : a;
		struct str value = arena_printf(s->a, "%.*s|%.*s", STR_ARG(one->value), STR_ARG(two->value));
		if ((straight || crossed) && fits(s, str_c(pairs[i].type), value)) {
			attribute(s, &whole, value, str_c(pairs[i].type), true, STR(""));
			return true;
		}
	}
	return false;
}

#define DEPTH_MAX 64u

/* `all`: the items of an AND above this one must be there, too. */
static void group(struct openioc_in *s, const struct xml_node *g, bool all, unsigned depth)
{
	bool and = str_eq_nocase(xml_get(g, "operator"), STR("AND")) && g->children > 1;
	struct item two[2];
	uint32_t items = 0;
	if (depth > DEPTH_MAX)
		return;
	for (const struct xml_node *n = g->first; n; n = n->next)
		if (is_named(n, "IndicatorItem") && items++ < 2)
			two[items - 1] = item_of(s, n);
	bool paired = and && items == 2 && g->children == 2 && !all && pair(s, g, &two[0], &two[1]);
	items = 0;
	for (const struct xml_node *n = g->first; n; n = n->next) {
		if (is_named(n, "Indicator")) {
			group(s, n, all || and, depth + 1);
		} else if (is_named(n, "IndicatorItem") && !paired) {
			struct item it = items < 2 ? two[items] : item_of(s, n);
			single(s, &it, !all && !and);
			items++;
		}
	}
}

/* ---- the event ---- */

static const struct xml_node *find(const struct xml_node *n, const char *name)
{
	const struct xml_node *found = xml_child(n, name), *in = xml_child(n, "metadata");
	return found || !in ? found : xml_child(in, name);
}

static struct str text_of(const struct xml_node *root, const char *name)
{
	const struct xml_node *n = find(root, name);
	return n ? n->text : STR_NONE;
}

static int64_t time_of(struct str s)
{
	int64_t at = s.n >= 19 ? clock_from_iso(s) : 0;
	return MAX(at, 0);
}

static void links(struct openioc_in *s, const struct xml_node *root)
{
	const struct xml_node *list = find(root, "links");
	for (const struct xml_node *n = list ? list->first : NULL; n; n = n->next) {
		struct str href = xml_get(n, "href"), rel = xml_get(n, "rel");
		struct str value = fits(s, STR("link"), href)	    ? href
				   : fits(s, STR("link"), n->text) ? n->text
								    : STR_NONE;
		if (value.n)
			attribute(s, &(struct item){0}, value, STR("link"), false, rel.n ? rel : STR(""));
		else if (n->text.n && n->text.n < VALUE_MAX / 2)
			attribute(s, &(struct item){0},
				  arena_printf(s->a, "%.*s: %.*s", STR_ARG(rel), STR_ARG(n->text)), STR("text"), false,
				  STR("OpenIOC link"));
	}
}

static void source(struct openioc_in *s, struct str name)
{
	struct jsonw *w = &s->json;
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uuid, "uuid", uuid_v5(s->event, STR("document")));
	JSONW_KV(w, jsonw_c, "type", "attachment");
	JSONW_KV(w, jsonw_c, "category", "External analysis");
	JSONW_KV(w, jsonw_str, "value", arena_printf(s->a, "%.*s.ioc", STR_ARG(name)));
	JSONW_KV(w, jsonw_bool, "to_ids", false);
	JSONW_KV(w, jsonw_c, "comment", "OpenIOC document");
	JSONW_KV(w, jsonw_c, "distribution", "5");
	jsonw_key(w, "data");
	jsonw_raw(w, STR("\""));
	base64_encode(&s->out, buf_str(&s->text));
	buf_putc(&s->out, '"');
	jsonw_obj_end(w);
	s->counts.attributes++;
}

static void report(struct openioc_in *s, struct str text)
{
	struct jsonw *w = &s->json;
	jsonw_key(w, "EventReport");
	jsonw_arr(w);
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uuid, "uuid", uuid_v5(s->event, STR("description")));
	JSONW_KV(w, jsonw_c, "name", "OpenIOC description");
	JSONW_KV(w, jsonw_str, "content", text);
	JSONW_KV(w, jsonw_c, "distribution", "5");
	jsonw_obj_end(w);
	jsonw_arr_end(w);
	s->counts.reports++;
}

static void head(struct openioc_in *s, const struct xml_node *root, struct str info)
{
	struct jsonw *w = &s->json;
	struct str authored = text_of(root, "authored_date");
	int64_t at = time_of(xml_get(root, "last-modified"));
	JSONW_KV(w, jsonw_str, "info", info);
	if (time_of(authored))
		JSONW_KV(w, jsonw_str, "date", str_sub(authored, 0, 10));
	if (at)
		JSONW_KV(w, jsonw_int_str, "timestamp", at);
	if (s->opts.has_distribution) {
		JSONW_KV(w, jsonw_int_str, "distribution", s->opts.distribution);
		if (s->opts.distribution == 4)
			JSONW_KV(w, jsonw_uint_str, "sharing_group_id", s->opts.sharing_group_id);
	}
	JSONW_KV(w, jsonw_bool, "published", s->opts.publish);
}

static enum err event(struct openioc_in *s, const struct xml_node *root, const struct xml_node *definition,
		      struct fail *f)
{
	static const struct uuid space = {{0x0e, 0x7d, 0x31, 0x5a, 0x8c, 0x42, 0x4f, 0x0b, 0xa6, 0x3d, 0x71, 0x2c, 0x55,
					   0x0a, 0x9b, 0x18}};
	struct jsonw *w = &s->json;
	char name[UUID_TEXT_LEN + 1];
	struct str info = text_of(root, "short_description"), description = text_of(root, "description");
	struct uuid own;
	if (!uuid_parse(xml_get(root, "id"), &own) || uuid_is_nil(own))
		own = uuid_v5(space, buf_str(&s->text));
	s->event = uuid_is_nil(s->opts.event_uuid) ? own : s->opts.event_uuid;
	if (!info.n)
		info = s->info ? str_c(s->info) : STR("OpenIOC document");
	jsonw_arr(w);
	jsonw_obj(w);
	jsonw_key(w, "Event");
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uuid, "uuid", s->event);
	if (s->opts.into)
		JSONW_KV(w, jsonw_int_str, "timestamp", s->opts.now);
	else
		head(s, root, info);
	if (description.n && !str_eq(description, info))
		report(s, description);
	jsonw_key(w, "Attribute");
	jsonw_arr(w);
	for (const struct xml_node *g = definition->first; g; g = g->next)
		if (is_named(g, "Indicator"))
			group(s, g, false, 0);
	links(s, root);
	source(s, str_c(uuid_format(own, name)));
	jsonw_arr_end(w);
	jsonw_obj_end(w);
	jsonw_obj_end(w);
	jsonw_arr_end(w);
	s->counts.events++;
	if (arena_overflowed(s->a) || buf_err(&s->out) != ERR_OK)
		return fail(f, ERR_LIMIT, "the OpenIOC document is too large");
	return ERR_OK;
}

enum err openioc_in_end(struct openioc_in *s, stix_in_fn fn, void *user, struct fail *f)
{
	struct xml_node *root;
	TRY(xml_parse(s->tree, buf_str(&s->text), NULL, &root, f));
	const struct xml_node *definition = xml_child(root, "definition");
	if (!definition)
		definition = xml_child(root, "criteria");
	if ((!is_named(root, "ioc") && !is_named(root, "OpenIOC")) || !definition)
		return fail(f, ERR_PARSE, "no OpenIOC document");
	s->json = jsonw_on(&s->out);
	TRY(event(s, root, definition, f));
	return fn(user, s->out.p, s->out.n, f);
}
