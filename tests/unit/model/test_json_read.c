/*
 * test_json_read.c - MISP documents become heads and elements: forms, casts, nesting, pieces.
 */
#include "model/json_read.h"

#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "model/types.h"
#include "tests/tap/tap.h"

#define DOCS 8

struct got {
	struct raw_event *r[DOCS];
	unsigned n;
};

static enum err keep(void *user, struct raw_event *r, struct fail *f)
{
	struct got *g = user;

	(void)f;
	if (g->n >= DOCS) {
		raw_free(r);
		return ERR_LIMIT;
	}
	g->r[g->n++] = r;
	return ERR_OK;
}

static void drop(struct got *g)
{
	for (unsigned i = 0; i < g->n; i++)
		raw_free(g->r[i]);
	g->n = 0;
}

static enum err read_as(struct json_read_opts o, const char *json, size_t step, struct got *g,
			struct fail *f)
{
	size_t n = strlen(json);
	OWN(json_read) struct json_read *j = json_read_new(&o, keep, g);

	g->n = 0;
	for (size_t at = 0; at < n; at += step) {
		/* in memory of its own, so that stale views are seen by the sanitizer */
		size_t k = MIN(step, n - at);
		char *piece = malloc(k);
		memcpy(piece, json + at, k);
		enum err e = json_read_feed(j, piece, k, f);
		free(piece);
		if (e != ERR_OK)
			return e;
	}
	return json_read_end(j, f);
}

/* Read one document of a root, whole. */
static struct raw_event *doc(enum raw_root root, const char *json, size_t step)
{
	struct got g;
	struct fail f = {0};
	enum err e = read_as((struct json_read_opts){.root = root}, json, step, &g, &f);

	if (!is_ok(e, "reads: %.60s", json))
		diag("%u:%u %s", f.line, f.column, f.text);
	if (!is_uint(g.n, 1, "one document")) {
		drop(&g);
		bail_out("no document");
	}
	return g.r[0];
}

static enum err verdict(enum raw_root root, const char *json, struct fail *f)
{
	struct got g;
	enum err e = read_as((struct json_read_opts){.root = root}, json, SIZE_MAX / 2, &g, f);

	drop(&g);
	return e;
}

/* The n-th element (from 0) of a document; bails out when there are fewer. */
static struct element nth(struct raw_event *r, unsigned n, struct arena *a)
{
	OWN(raw_cursor) struct raw_cursor *c = raw_cursor_new(r);
	struct element el;

	for (unsigned i = 0; i <= n; i++)
		if (raw_next(c, a, &el, NULL) != ERR_OK)
			bail_out("no element %u", n);
	/* the views are into the document's own memory, which outlives the cursor */
	return el;
}

static const char event_json[] =
	"\xef\xbb\xbf{\"Event\": {\"info\":\"Ph\\u00fcsh \\ud83d\\ude00\", \"date\":\"2024-05-02\",\n"
	" \"uuid\":\"7907C4A9-a15c-4c60-a1b4-1d214cf8cf41\",\"threat_level_id\":\"3\",\n"
	" \"analysis\":2,\"distribution\":\"3\",\"published\":\"1\",\"timestamp\":1714640000,\n"
	" \"extends_uuid\":null, \"unknown\":{\"deep\":[1,2,{\"x\":\"\\n\"}]},\n"
	" \"Orgc\":{\"name\":\"CIRCL\",\"uuid\":\"55f6ea5e-2c60-40e5-964f-47a8950d210f\"},\n"
	" \"Org\":[{\"name\":\"HOST\"}], \"RelatedEvent\":[{\"Event\":{\"info\":\"other\"}}],\n"
	" \"Attribute\":[\n"
	"  {\"type\":\"domain\",\"category\":\"Network activity\",\"value\":\"evil.example\",\n"
	"   \"to_ids\":true,\"first_seen\":\"2024-05-02T10:11:12.5+02:00\",\"last_seen\":null,\n"
	"   \"Sighting\":[{\"type\":\"1\",\"date_sighting\":\"1714640001\",\"source\":\"s\"}],\n"
	"   \"ShadowAttribute\":[{\"type\":\"ip-src\",\"value\":\"192.0.2.1\",\"Org\":{\"uuid\":\n"
	"     \"55f6ea5e-2c60-40e5-964f-47a8950d210f\"}}],\n"
	"   \"Galaxy\":[{\"GalaxyCluster\":[{\"value\":\"X\",\"tag_name\":\"misp-galaxy:a=\\\"X\\\"\",\n"
	"     \"meta\":{\"k\" : [\"v\"]},\"local\":true}],\"type\":\"a\",\"name\":\"A\"}],\n"
	"   \"Tag\":[{\"name\":\"tlp:green\",\"colour\":\"#33ff00\"}]},\n"
	"  {\"type\":\"no-such\",\"category\":\"Nowhere\",\"value\":17,\"comment\":[\"x\"]}],\n"
	" \"Object\":{\"0\":{\"Attribute\":[{\"type\":\"md5\",\"value\":\"d41d8cd98f00b204e9800998ecf8427e\",\n"
	"    \"object_relation\":\"md5\"}],\"name\":\"file\",\"meta-category\":\"file\",\n"
	"    \"ObjectReference\":[{\"referenced_uuid\":\"55f6ea5e-2c60-40e5-964f-47a8950d210f\"}]}},\n"
	" \"EventReport\":[{\"name\":\"r\",\"content\":\"# t\"}],\n"
	" \"Galaxy\":[],\n"
	" \"Tag\":[{\"name\":\"tlp:amber\"},{\"name\":\"b\",\"local\":\"1\"}]}, \"errors\":\"none\"}\n";

static void check_event(size_t step)
{
	OWN(raw) struct raw_event *r = doc(RAW_EVENT, event_json, step);
	OWN(arena) struct arena *a = arena_new(1 << 20);
	const struct misp_event *e = raw_head(r);
	struct element el;

	is_view(e->info, "Ph\xc3\xbcsh \xf0\x9f\x98\x80", "info, escapes decoded");
	is_uint(e->date, 20240502, "date");
	is_uint(e->threat_level_id, 3, "number given as text");
	is_uint(e->analysis, 2, "number given as number");
	ok(e->published, "boolean given as \"1\"");
	is_int(e->timestamp, 1714640000, "timestamp");
	ok(ENTITY_HAS(e, EVENT_F_extends_uuid) && uuid_is_nil(e->extends_uuid), "null clears");
	ok(!ENTITY_HAS(e, EVENT_F_locked), "what is absent has no bit");
	is_uint(e->orgc.n, 1, "Orgc");
	is_view(LIST_AT(e->orgc, struct misp_org, 0)->name, "CIRCL", "name of Orgc");
	is_view(LIST_AT(e->org, struct misp_org, 0)->name, "HOST", "Org as a list of one");
	is_uint(e->tags.n, 2, "tags");
	ok(LIST_AT(e->tags, struct misp_tagref, 1)->local, "local tag");
	is_uint(raw_count(r, EL_ATTR), 3, "attributes");
	is_uint(raw_count(r, EL_OBJECT), 1, "objects");

	el = nth(r, 0, a);
	is_uint(el.kind, EL_SIGHTING, "children come before their parents");
	is_uint(el.ordinal, 2, "sighting opens second");
	is_uint(el.parent, 1, "in the first attribute");
	is_uint(el.sighting.type, 1, "type of the sighting");
	el = nth(r, 1, a);
	is_uint(el.kind, EL_PROPOSAL, "proposal");
	is_uint(el.parent, 1, "of the first attribute");
	ok(el.proposal.org.n == 1 && !uuid_is_nil(LIST_AT(el.proposal.org, struct misp_org, 0)->uuid),
	   "its organisation");
	el = nth(r, 2, a);
	is_uint(el.kind, EL_CLUSTER, "cluster");
	is_view(el.cluster.meta, "{\"k\" : [\"v\"]}", "meta as JSON text");
	is_view(el.galaxy.name, "A", "its galaxy, though named later");
	el = nth(r, 3, a);
	is_uint(el.kind, EL_ATTR, "attribute");
	is_uint(el.ordinal, 1, "opened first");
	is_uint(el.attr.type, ATTR_DOMAIN, "type");
	is_view(el.attr.value, "evil.example", "value");
	ok(el.attr.to_ids, "to_ids");
	is_int(el.attr.first_seen, INT64_C(1714637472500000), "first_seen with offset");
	ok(el.attr.last_seen == MICRO_NONE && ENTITY_HAS(&el.attr, ATTR_F_last_seen),
	   "last_seen is cleared");
	is_uint(el.attr.tags.n, 2, "own tag and that of the cluster");
	is_view(LIST_AT(el.attr.tags, struct misp_tagref, 1)->name, "misp-galaxy:a=\"X\"",
		"tag of the cluster");
	ok(LIST_AT(el.attr.tags, struct misp_tagref, 1)->local, "is local, as the cluster says");
	el = nth(r, 4, a);
	is_uint(el.attr.type, ATTR_NONE, "unknown type");
	is_view(el.attr.type_text, "no-such", "its name is kept");
	is_view(el.attr.category_text, "Nowhere", "so is that of the category");
	is_view(el.attr.value, "17", "number as value");
	ok(el.attr.value_is_number, "and it is known");
	ok(!ENTITY_HAS(&el.attr, ATTR_F_comment), "a list is no comment");
	el = nth(r, 5, a);
	is_view(el.attr.object_relation, "md5", "attribute of the object");
	is_uint(el.parent, 6, "its object");
	is_uint(el.ordinal, 7, "its own number");
	el = nth(r, 6, a);
	is_uint(el.kind, EL_REF, "reference");
	is_uint(el.parent, 6, "of the object");
	el = nth(r, 7, a);
	is_uint(el.kind, EL_OBJECT, "object in an object with numeric keys");
	is_uint(el.ordinal, 6, "its number");
	is_view(el.object.meta_category, "file", "meta-category");
	el = nth(r, 8, a);
	is_view(el.report.content, "# t", "report");
}

static void check_attrs(void)
{
	static const struct {
		const char *json;
		unsigned n;
		bool list;
	} forms[] = {
		{"{\"type\":\"md5\",\"value\":\"a\"}", 1, false},
		{"{\"Attribute\":{\"type\":\"md5\",\"value\":\"a\"}}", 1, false},
		{"[{\"type\":\"md5\",\"value\":\"a\"},{\"Attribute\":{\"value\":\"b\"}}]", 2, true},
		{"{\"Attribute\":[{\"type\":\"md5\",\"value\":\"a\"}]}", 1, true},
		{"{\"type\":\"md5\",\"value\":[\"a\",\"b\",7],\"comment\":\"c\"}", 3, true},
		{"{\"Attribute\":{\"type\":\"md5\",\"value\":[\"a\",\"b\"]}}", 2, true},
		{"[]", 0, true},
	};
	OWN(arena) struct arena *a = arena_new(1 << 20);

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		OWN(raw) struct raw_event *r = doc(RAW_ATTRS, forms[i].json, 5);
		is_uint(raw_count(r, EL_ATTR), forms[i].n, "number of attributes");
		ok(raw_is_list(r) == forms[i].list, "form of the body");
		if (forms[i].n) {
			struct element el = nth(r, 0, a);
			is_view(el.attr.value, "a", "first value");
			is_uint(el.ordinal, 1, "first number");
		}
	}
	OWN(raw) struct raw_event *r = doc(RAW_ATTRS, forms[4].json, 3);
	struct element el = nth(r, 2, a);
	is_view(el.attr.value, "7", "third value");
	ok(el.attr.value_is_number, "is a number");
	is_uint(el.ordinal, 3, "and has its number");
	is_view(el.attr.comment, "c", "what came after the list holds for all");
}

struct places {
	struct json_read *j;
	const char *text;
	char found[400];
};

static enum err on_place(void *user, struct raw_event *doc, struct fail *f)
{
	struct places *x = user;
	uint64_t from, to;
	size_t n = strlen(x->found);
	(void)f;
	raw_free(doc);
	if (json_read_place(x->j, &from, &to))
		snprintf(x->found + n, sizeof(x->found) - n, "%.*s|", (int)(to - from),
			 x->text + from);
	return ERR_OK;
}

/* Where each of several events stands, however the bytes come. */
static void check_places(void)
{
	struct places x = {.text = "{\"response\": [{\"Event\":{\"info\":\"}\"}} ,\n"
				   "{\"info\":\"b\"},{\"Event\":{\"info\":\"c\"}}]}"};
	for (size_t step = 1; step < 40; step += 6) {
		struct json_read_opts o = {.root = RAW_EVENT, .many = true};
		struct fail f = {0};
		size_t n = strlen(x.text);
		x.found[0] = 0;
		x.j = json_read_new(&o, on_place, &x);
		for (size_t at = 0; at < n; at += step)
			is_ok(json_read_feed(x.j, x.text + at, MIN(step, n - at), &f), "fed");
		is_ok(json_read_end(x.j, &f), "ended");
		is_str(x.found, "{\"Event\":{\"info\":\"}\"}}|{\"info\":\"b\"}|"
				"{\"Event\":{\"info\":\"c\"}}|", "%zu bytes at a time", step);
		json_read_free(x.j);
	}
}

/* Each document keeps its own bytes, however they come; large ones in a file. */
static void check_sources(void)
{
	static const char *const texts[] = {
		"{\"Event\":{\"info\":\"}\"}} ",
		"{\"info\":\"b\",\"Attribute\":[{\"type\":\"domain\",\"value\":\"a.b\"}]}\n",
		"{\"response\": [{\"Event\":{\"info\":\"}\"}} ,\n"
		"{\"info\":\"b\"},{\"Event\":{\"info\":\"c\"}}]}"};
	static const char *const want[] = {
		"{\"Event\":{\"info\":\"}\"}}|",
		"{\"info\":\"b\",\"Attribute\":[{\"type\":\"domain\",\"value\":\"a.b\"}]}|",
		"{\"Event\":{\"info\":\"}\"}}|{\"info\":\"b\"}|{\"Event\":{\"info\":\"c\"}}|"};
	struct fail f = {0};
	struct str source;
	struct got g;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		for (size_t step = 1; step < 70; step += 4) {
			struct json_read_opts o = {
				.root = RAW_EVENT, .keep_source = true, .many = i == 2};
			char found[400] = "";

			is_ok(read_as(o, texts[i], step, &g, &f), "read %s", f.text);
			for (unsigned k = 0; k < g.n; k++) {
				is_ok(raw_source(g.r[k], &source, &f), "its bytes");
				snprintf(found + strlen(found), sizeof(found) - strlen(found), "%.*s|",
					 STR_ARG(source));
			}
			is_str(found, want[i], "%zu bytes at a time", step);
			drop(&g);
		}
	struct json_read_opts o = {.root = RAW_EVENT, .keep_source = true, .spool_dir = "/tmp"};
	size_t n = 5000000;
	char *big = malloc(n + 1);

	memset(big, ' ', n);
	memcpy(big, "{\"info\":\"x\"", 11);
	big[n - 1] = '}';
	big[n] = 0;
	is_ok(read_as(o, big, 65536, &g, &f), "a big one %s", f.text);
	is_ok(raw_source(g.r[0], &source, &f), "its bytes %s", f.text);
	ok(source.n == n && memcmp(source.p, big, n) == 0, "all of them");
	drop(&g);
	o.keep_source = false;
	is_ok(read_as(o, big, 65536, &g, &f), "without keeping");
	is_err(raw_source(g.r[0], &source, &f), ERR_NOENT, "none");
	drop(&g);
	free(big);
}

static void check_many(void)
{
	static const char *const streams[] = {
		"{\"response\":[{\"Event\":{\"info\":\"0\"}},{\"Event\":{\"info\":\"1\"}}]}",
		"[{\"info\":\"0\"},{\"Event\":{\"info\":\"1\"}}]",
		"{\"Event\":{\"info\":\"0\"}}\n{\"Event\":{\"info\":\"1\"}}",
	};
	struct got g;
	struct fail f;

	for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
		struct json_read_opts o = {.root = RAW_EVENT, .many = true};
		is_ok(read_as(o, streams[i], 4, &g, &f), "stream of events");
		if (is_uint(g.n, 2, "two events"))
			is_view(raw_head(g.r[1])->info, "1", "the second");
		drop(&g);
		o.many = false;
		is_err(read_as(o, streams[i], 4, &g, &f), ERR_PARSE, "not where one is asked for");
		is_uint(g.n, 0, "and none is given");
		drop(&g);
	}
	OWN(raw) struct raw_event *r = doc(
		RAW_EVENT, "{\"date\":\"2024-01-01\",\"Galaxy\":[{\"GalaxyCluster\":[{\"tag_name\":\"t\"}]}],"
			   "\"Object\":{\"name\":\"o\"},\"Event\":{\"info\":\"i\"},\"Tag\":[{\"name\":\"u\"}]}",
		9);
	is_view(raw_head(r)->info, "i", "a wrapped event");
	ok(!ENTITY_HAS(raw_head(r), EVENT_F_date) && !raw_head(r)->tags.n &&
		   !raw_count(r, EL_OBJECT) && !raw_count(r, EL_CLUSTER),
	   "has nothing of what stands beside it");
	is_ok(read_as((struct json_read_opts){.root = RAW_EVENT, .many = true}, "{\"response\":[]}",
		      1, &g, &f),
	      "an empty answer");
	is_uint(g.n, 0, "has no events");
}

static void check_errors(void)
{
	struct fail f = {0};

	is_err(verdict(RAW_EVENT, "{\"info\":\"a\",\n \"date\" 1}", &f), ERR_PARSE, "no colon");
	is_uint(f.line, 2, "line");
	is_uint(f.column, 9, "column");
	is_uint(f.offset, 21, "offset");
	is_err(verdict(RAW_EVENT, "", &f), ERR_PARSE, "nothing at all");
	is_err(verdict(RAW_EVENT, "{\"info\":\"a\"", &f), ERR_PARSE, "cut");
	is_err(verdict(RAW_EVENT, "[]", &f), ERR_PARSE, "no event in it");
	is_err(verdict(RAW_EVENT, "{} x", &f), ERR_PARSE, "something behind it");
	char deep[256];
	memset(deep, '[', 200);
	deep[200] = '\0';
	is_err(verdict(RAW_EVENT, deep, &f), ERR_LIMIT, "too deep");
}

static void check_entity(void)
{
	OWN(arena) struct arena *a = arena_new(1 << 20);
	struct misp_sg sg = {0};
	struct misp_org org = {0};
	struct fail f = {0};

	is_ok(json_read_entity(STR("{\"SharingGroup\":{\"name\":\"g\",\"active\":true,"
				   "\"SharingGroupOrg\":[{\"extend\":\"1\",\"Organisation\":"
				   "{\"name\":\"o\"}}]}}"),
			       &desc_misp_sg, a, &sg, &f),
	      "sharing group");
	is_view(sg.name, "g", "name");
	is_uint(sg.orgs.n, 1, "organisations");
	const struct misp_sgorg *so = LIST_AT(sg.orgs, struct misp_sgorg, 0);
	ok(so->extend, "extend");
	is_view(LIST_AT(so->org, struct misp_org, 0)->name, "o", "nested organisation");
	is_ok(json_read_entity(STR("{\"name\":\"n\",\"id\":\"7\",\"restricted_to_domain\":[ \"a\" ]}"),
			       &desc_misp_org, a, &org, &f),
	      "organisation");
	is_uint(org.id, 0, "a document cannot set an id");
	is_view(org.restricted_to_domain, "[ \"a\" ]", "list as JSON text");
	is_err(json_read_entity(STR("[1]"), &desc_misp_org, a, &org, &f), ERR_PARSE, "a list");
	is_err(json_read_entity(STR("{\"name\":"), &desc_misp_org, a, &org, &f), ERR_PARSE, "cut");
}

/* A small memory limit moves the elements to a file. */
static void check_spool(void)
{
	struct raw_limits lim = raw_limits_default;
	OWN(arena) struct arena *a = arena_new(1 << 20);
	struct fail f = {0};
	char value[64];
	unsigned n = 5000;

	lim.memory_bytes = 4096;
	OWN(raw) struct raw_event *r = raw_new(RAW_ELEMENTS, &lim, "/tmp");
	for (unsigned i = 0; i < n; i++) {
		struct element el = {.kind = EL_ATTR, .ordinal = i + 1};
		snprintf(value, sizeof(value), "value %u", i);
		misp_attr_init(&el.attr);
		el.attr.value = str_c(value);
		if (raw_add(r, &el, &f) != ERR_OK)
			bail_out("%s", f.text);
	}
	is_uint(raw_count(r, EL_ATTR), n, "count");
	OWN(raw_cursor) struct raw_cursor *c1 = raw_cursor_new(r), *c2 = raw_cursor_new(r);
	struct element el, el2;
	bool same = true;
	for (unsigned i = 0; i < n; i++) {
		snprintf(value, sizeof(value), "value %u", i);
		same = same && raw_next(c1, a, &el, &f) == ERR_OK && str_is(el.attr.value, value);
		if (i % 2)
			same = same && raw_next(c2, a, &el2, &f) == ERR_OK &&
			       el2.ordinal == i / 2 + 1;
	}
	ok(same, "what was spooled comes back, with two cursors");
	is_err(raw_next(c1, a, &el, &f), ERR_NOENT, "and ends");
	OWN(raw) struct raw_event *m = raw_new(RAW_ELEMENTS, &lim, NULL);
	enum err e = ERR_OK;
	for (unsigned i = 0; i < n && e == ERR_OK; i++)
		e = raw_add(m, &el, &f);
	is_err(e, ERR_LIMIT, "without a folder, memory is the limit");
	lim.elements = 1;
	OWN(raw) struct raw_event *s = raw_new(RAW_ELEMENTS, &lim, NULL);
	is_ok(raw_add(s, &el, &f), "one element");
	is_err(raw_add(s, &el, &f), ERR_LIMIT, "no more than permitted");
}

#define NOTES "{\"uuid\":\"7907c4a9-a15c-4c60-a1b4-1d214cf8cf41\",\"info\":\"i\",\"Attribute\":[{" \
	"\"uuid\":\"aaaaaaaa-0000-4000-8000-000000000001\",\"type\":\"domain\",\"value\":\"a.b\"," \
	"\"Opinion\":[{\"opinion\":\"70\",\"comment\":\"likely\",\"Orgc\":{\"name\":\"CIRCL\"}}]}]," \
	"\"EventReport\":[{\"uuid\":\"aaaaaaaa-0000-4000-8000-000000000002\",\"name\":\"r\"," \
	"\"Relationship\":[{\"relationship_type\":\"x\",\"related_object\":{\"Event\":{\"id\":\"1\"}}}]}]," \
	"\"Note\":[{\"uuid\":\"cccccccc-0000-4000-8000-000000000001\",\"note\":\"n\",\"_canEdit\":true," \
	"\"object_uuid\":\"7907c4a9-a15c-4c60-a1b4-1d214cf8cf41\",\"object_type\":\"Event\"," \
	"\"Note\":[{\"note\":\"reply\"}]}]}"

/* Analyst data: what it is about comes from where it stands, when it does not say. */
static void check_analyst(size_t step)
{
	OWN(raw) struct raw_event *r = doc(RAW_EVENT, NOTES, step);
	OWN(arena) struct arena *a = arena_new(1 << 20);
	struct element el = nth(r, 0, a);
	char text[UUID_TEXT_LEN + 1];

	is_uint(raw_count(r, EL_ANALYST), 4, "four of them");
	is_uint(el.analyst.kind, ANALYST_OPINION, "an opinion");
	is_uint(el.analyst.opinion, 70, "its value");
	is_str(uuid_format(el.analyst.object_uuid, text), "aaaaaaaa-0000-4000-8000-000000000001",
	       "about the attribute");
	is_view(el.analyst.object_type, "Attribute", "as its type says");
	is_uint(el.analyst.orgc.n, 1, "its creator");
	el = nth(r, 2, a);
	is_uint(el.analyst.kind, ANALYST_RELATIONSHIP, "a relationship");
	is_view(el.analyst.object_type, "EventReport", "of the report");
	el = nth(r, 4, a);
	is_view(el.analyst.note, "reply", "a reply comes before its note");
	is_str(uuid_format(el.analyst.object_uuid, text), "cccccccc-0000-4000-8000-000000000001",
	       "it is about the note");
	is_view(el.analyst.object_type, "Note", "which is one");
	el = nth(r, 5, a);
	is_view(el.analyst.note, "n", "the note");
	is_view(el.analyst.object_type, "Event", "as given");
}

/* Analyst data about analyst data, without end. */
static void check_analyst_depth(void)
{
	OWN(buf) struct buf b = BUF(1 << 16);
	buf_puts(&b, "{\"info\":\"i\"");
	for (int i = 0; i < 14; i++)
		buf_puts(&b, ",\"Note\":[{\"note\":\"n\"");
	for (int i = 0; i < 14; i++)
		buf_puts(&b, "}]");
	buf_puts(&b, "}");
	buf_putc(&b, 0);
	OWN(raw) struct raw_event *r = doc(RAW_EVENT, b.p, SIZE_MAX / 2);
	is_uint(raw_count(r, EL_ANALYST), 8, "what is nested too deeply is passed over");
}

int main(void)
{
	static const size_t steps[] = {SIZE_MAX / 2, 1, 2, 3, 7, 64, 100};

	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		check_event(steps[i]), check_analyst(steps[i]);
	check_analyst_depth();
	check_attrs();
	check_many();
	check_places();
	check_sources();
	check_errors();
	check_entity();
	check_spool();
	return done_testing();
}
