/*
 * test_leak.c - nothing leaves that an audience may not see, in any format; and what it gets does
 * not depend on it.
 *
 * Every exporter of the table, in each of its scopes, for each audience and policy, found by a
 * search and asked for by its id: the bytes are looked through for the canaries. Those that an
 * audience may see must turn up, so a gate that shuts everything fails too. Then the same against a
 * store that lacks what is hidden: bytes and counts must be the same.
 */
#include "tests/leak/farm.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "tests/tap/tap.h"

static const struct canary {
	const char *token, *what;
	const char *may[POLICY_COUNT];
} canaries[] = {
#define CANARY(token, what, d, m, s) {token, what, {d, m, s}},
#include "tests/leak/canaries.inc"
#undef CANARY
};
#define CANARIES ARRAY_LEN(canaries)
#define OUT_MAX (64u << 20)

static char may(unsigned c, enum farm_policy p, enum who w)
{
	const char *row = canaries[c].may[p];
	return strlen(row) == WHO_COUNT ? row[w] : '!';
}

/* ---- asking ---- */

enum asking { BY_SEARCH, BY_ID };
struct question {
	enum who who;
	const struct exporter *x;
	unsigned scope;
	enum asking by;
	bool deleted;
	const char *json; /* parameters of a search, or NULL */
	enum search_scope search; /* with json */
};

static struct str no_param(void *user, const char *name)
{
	(void)user, (void)name;
	return STR_NONE;
}

static void append_all(struct sealed *s, struct buf *out)
{
	bool end = false;
	while (!end) {
		struct fail why = {0};
		if (sealed_pull(s, out, 4096, &end, &why) != ERR_OK)
			bail_out("an export breaks off: %s", why.text);
	}
}

/* ---- asking for clusters ---- */

static const char *const forms[] = {"search", "minimal", "index",  "view",
				    "export", "push",	 "galaxy", "galaxies"};

static struct str form_param(void *user, const char *name)
{
	return strcmp(name, "form") == 0 ? str_c(user) : STR_NONE;
}

/* Those that the query finds (or exactly `ids`), and all galaxies, in every form. */
static uint64_t ask_clusters(struct farm *f, enum who w, const struct exporter *x,
			     const struct cluster_query *q, const uint64_t *ids, uint64_t n,
			     struct buf *out)
{
	struct fail why = {0};
	OWN(arena) struct arena *a = arena_new(16u << 20);
	struct audience aud = farm_audience(f, w);
	uint64_t total = n, *found = NULL;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		OWN(view) struct view *v = NULL;
		OWN(sealed) struct sealed *s = NULL;
		struct egress_clusters e = {.exporter = x,
					    .opts = {.scope = EXPORT_CLUSTERS,
						     .param = form_param,
						     .param_user = (void *)(uintptr_t)forms[i]},
					    .galaxies = f->galaxies,
					    .n_galaxies = f->n_galaxies,
					    .clusters = ids,
					    .n_clusters = n};
		enum err err = view_open_as(&f->w.out, &aud, &v, &why);
		if (err == ERR_OK && q) {
			err = egress_clusters_find(v, q, a, &found, &e.n_clusters, &total, &why);
			e.clusters = found;
		}
		if (err == ERR_OK)
			err = egress_clusters(&v, &e, &s, &why);
		if (err != ERR_OK)
			bail_out("no export of clusters: %s", why.text);
		append_all(s, out);
	}
	return total;
}

/* ---- asking for proposals, sightings and reports on their own ---- */

static void ask_parts(struct farm *f, const struct question *q, const struct search_hit *hits,
		      uint64_t n, struct buf *out)
{
	static const char *const part_forms[] = {"index", "view", "saved", "push"};
	const struct part_filter filter = {.live = true,
					   .deleted = q->deleted,
					   .attribute = true,
					   .event = true,
					   .uuid = true};
	struct audience aud = farm_audience(f, q->who);
	struct query query = {.scope = SCOPE_EVENTS, .with_attachments = true};
	struct fail why = {0};
	for (size_t i = 0; i < ARRAY_LEN(part_forms); i++) {
		OWN(view) struct view *v = NULL;
		OWN(sealed) struct sealed *s = NULL;
		struct egress_query eq = {.query = &query,
					  .exporter = q->x,
					  .hits = hits,
					  .n_hits = n,
					  .opts = {.scope = EXPORT_PARTS,
						   .parts = &filter,
						   .param = form_param,
						   .param_user =
							   (void *)(uintptr_t)part_forms[i]}};
		if (view_open_as(&f->w.out, &aud, &v, &why) != ERR_OK ||
		    egress_search(&v, &eq, NULL, NULL, &s, &why) != ERR_OK)
			bail_out("no export of parts: %s", why.text);
		append_all(s, out);
	}
}

/* One export into `out`; the count of what was found. */
static uint64_t ask(struct farm *f, const struct question *q, const struct search_hit *hits,
		    uint64_t n_hits, struct buf *out)
{
	struct fail why = {0};
	struct search_result found = {0};
	OWN(arena) struct arena *a = arena_new(16u << 20);
	OWN(view) struct view *v = NULL;
	OWN(sealed) struct sealed *s = NULL;
	struct audience aud = farm_audience(f, q->who);
	struct query query;
	json_error_t je;
	json_t *params = q->json ? json_loads(q->json, 0, &je) : NULL;
	enum search_scope scope = q->json				? q->search
				  : q->scope == EXPORT_ATTRIBUTES ? SCOPE_ATTRIBUTES
								  : SCOPE_EVENTS;
	if ((q->json && !params) || query_parse(&query, scope, params, a, 1700000000, &why) != ERR_OK)
		bail_out("bad query %s: %s", q->json, why.text);
	if (q->scope == EXPORT_CLUSTERS) {
		struct cluster_query all = {.deleted_too = q->deleted};
		return ask_clusters(f, q->who, q->x, &all, NULL, 0, out);
	}
	if (q->scope == EXPORT_PARTS) {
		ask_parts(f, q, hits ? hits : f->events, hits ? n_hits : f->n_events, out);
		return 0;
	}
	query.with_attachments = query.include_all_tags = query.include_sightings = true;
	query.include_correlations = query.include_event_tags = query.include_context = true;
	if (q->deleted) {
		query.deleted = 3;
		query.deleted_given = true;
	}
	struct egress_query eq = {.query = &query,
				  .exporter = q->x,
				  .hits = hits,
				  .n_hits = n_hits,
				  .deleted_too = q->deleted,
				  .opts = {.scope = q->scope,
					   .base_url = STR("https://node.example"),
					   .host_org_name = STR("Host"),
					   .include_context = true,
					   .include_event_uuid = true,
					   .include_event_tags = true,
					   .include_correlations = true,
					   .include_sightings = true,
					   .include_analyst = true,
					   .full_tags = true,
					   .now = 1700000000,
					   .param = no_param}};
	if (view_open_as(&f->w.out, &aud, &v, &why) != ERR_OK ||
	    egress_search(&v, &eq, NULL, &found, &s, &why) != ERR_OK)
		bail_out("no export: %s", why.text);
	append_all(s, out);
	json_decref(params);
	return found.total;
}

static void ask_ids(struct farm *f, const struct question *q, struct buf *out)
{
	const struct search_hit *hits = f->events;
	unsigned n = f->n_events;
	if (q->scope == EXPORT_ATTRIBUTES) {
		hits = f->attrs;
		n = f->n_attrs;
	} else if (q->scope == EXPORT_OBJECTS) {
		hits = f->objects;
		n = f->n_objects;
	} else if (q->scope == EXPORT_PARTS) {
		hits = f->parts;
		n = f->n_parts;
	} else if (q->scope == EXPORT_CLUSTERS) {
		for (unsigned i = 0; i < f->n_clusters; i++)
			ask_clusters(f, q->who, q->x, NULL, &f->clusters[i], 1, out);
		return;
	}
	for (unsigned i = 0; i < n; i++)
		ask(f, q, &hits[i], 1, out);
}

/* Call `then` for every exporter, scope and way to ask. */
static void each_question(enum who w, void (*then)(const struct question *, void *), void *arg)
{
	for (size_t i = 0; export_rows[i]; i++)
		for (unsigned scope = 1; scope <= EXPORT_PARTS; scope <<= 1) {
			if (!(export_rows[i]->scopes & scope))
				continue;
			bool searched = scope == EXPORT_EVENTS || scope == EXPORT_ATTRIBUTES ||
					scope == EXPORT_CLUSTERS || scope == EXPORT_PARTS;
			for (int by = searched ? BY_SEARCH : BY_ID; by <= BY_ID; by++)
				for (int deleted = 0; deleted < 2; deleted++) {
					struct question q = {w, export_rows[i], scope,
							     (enum asking)by, deleted, NULL, SCOPE_EVENTS};
					then(&q, arg);
				}
		}
}

/* ---- canaries in the bytes ---- */

struct looking {
	struct farm *f;
	enum farm_policy policy;
	bool seen[CANARIES];
	unsigned leaks;
};

/* The token, or (lists of digests) that of the value that it stands in. */
static bool holds(const struct buf *b, const char *token)
{
	char value[64], hex[33];
	uint8_t digest[16];
	struct str all = buf_str(b);
	if (str_find(all, str_c(token)) >= 0)
		return true;
	snprintf(value, sizeof(value), "%s.example", token);
	hash_md5(str_c(value), digest);
	hash_hex(digest, 16, hex);
	return str_find(all, (struct str){hex, 32}) >= 0;
}

static void look_through(struct looking *l, const struct question *q, const struct buf *out)
{
	for (unsigned c = 0; c < CANARIES; c++) {
		if (!holds(out, canaries[c].token))
			continue;
		bool again = l->seen[c];
		l->seen[c] = true;
		if (may(c, l->policy, q->who) != '.')
			continue;
		l->leaks++;
		if (again)
			continue;
		diag("%s, policy %s: %s (%s) is in %s, scope %u, %s%s", who_names[q->who],
		     policy_names[l->policy], canaries[c].token, canaries[c].what, q->x->name,
		     q->scope, q->by == BY_SEARCH ? "searched" : "by id",
		     q->deleted ? ", deleted too" : "");
	}
}

static void look(const struct question *q, void *arg)
{
	struct looking *l = arg;
	OWN(buf) struct buf out = BUF(OUT_MAX);
	if (q->by == BY_SEARCH)
		ask(l->f, q, NULL, 0, &out);
	else
		ask_ids(l->f, q, &out);
	look_through(l, q, &out);
}

/* Analyst data on its own, in the forms of its calls. */
static const char *const analyst_forms[] = {"index", "minimal", "view", "view_id", "saved", "push",
					  "push_list"};

static void ask_analyst(struct farm *f, enum who w, const char *form, struct buf *out)
{
	struct fail why = {0};
	OWN(view) struct view *v = NULL;
	OWN(sealed) struct sealed *s = NULL;
	struct audience aud = farm_audience(f, w);
	struct analyst_query q = {.exporter = &export_analyst,
				  .opts = {.scope = EXPORT_ANALYST,
					   .param = form_param,
					   .param_user = (void *)(uintptr_t)form},
				  .kinds = 7,
				  .answers = true};
	if (view_open_as(&f->w.out, &aud, &v, &why) != ERR_OK ||
	    egress_analyst(&v, &q, &s, &why) != ERR_OK)
		bail_out("no analyst data: %s", why.text);
	append_all(s, out);
}

static void look_analyst(struct looking *l, enum who w)
{
	struct question q = {.who = w, .x = &export_analyst, .scope = EXPORT_ANALYST};
	for (size_t i = 0; i < ARRAY_LEN(analyst_forms); i++) {
		OWN(buf) struct buf out = BUF(OUT_MAX);
		ask_analyst(l->f, w, analyst_forms[i], &out);
		look_through(l, &q, &out);
	}
}

static void canaries_stay(struct farm *f)
{
	for (unsigned p = 0; p < POLICY_COUNT; p++) {
		farm_policy(f, (enum farm_policy)p);
		for (unsigned w = 0; w < WHO_COUNT; w++) {
			struct looking l = {.f = f, .policy = (enum farm_policy)p};
			unsigned missing = 0;
			each_question((enum who)w, look, &l);
			look_analyst(&l, (enum who)w);
			for (unsigned c = 0; c < CANARIES; c++)
				if (may(c, l.policy, (enum who)w) == 'y' && !l.seen[c]) {
					missing++;
					diag("%s, policy %s: %s (%s) is nowhere", who_names[w],
					     policy_names[p], canaries[c].token, canaries[c].what);
				}
			ok(l.leaks == 0, "%s, policy %s: nothing leaks", who_names[w],
			   policy_names[p]);
			ok(missing == 0, "%s, policy %s: and what may leave does", who_names[w],
			   policy_names[p]);
		}
	}
}

/* ---- the policy of sightings (sync-protocol.md 6.7) ---- */

/* Sources of sightings by an organisation that is nobody's here, one of a hidden attribute, one by
   OTHER's organisation and one by the host's: who sees them under policy 0, 1, 2, 3. */
static const struct {
	const char *token;
	const char *may[4];
} sighted[] = {
	{"zq031zq", {"..........yy", "........yyyy", ".....yyyyyyy", "..........yy"}},
	{"zq045zq", {"..........yy", "..........yy", "..........yy", "..........yy"}},
	{"zq047zq", {"........y.yy", "........yyyy", ".....yyyyyyy", "........y.yy"}},
	{"zq048zq", {".........yyy", "........yyyy", ".....yyyyyyy", ".....yyyyyyy"}},
};

/* In every exporter that tells sightings, under MISP's rules, where nothing else keeps them. */
static void sightings_by_policy(struct farm *f)
{
	farm_policy(f, POLICY_MISP);
	for (unsigned p = 0; p < 4; p++)
		for (unsigned w = 0; w < WHO_COUNT; w++) {
			OWN(buf) struct buf out = BUF(OUT_MAX);
			unsigned wrong = 0;
			f->w.out.sightings_policy = (uint8_t)p;
			for (size_t i = 0; export_rows[i]; i++) {
				struct question q = {(enum who)w, export_rows[i], EXPORT_PARTS,
						     BY_SEARCH, true, NULL, SCOPE_EVENTS};
				if (export_rows[i]->scopes & EXPORT_PARTS)
					ask(f, &q, NULL, 0, &out);
				q.scope = EXPORT_EVENTS;
				if (export_rows[i]->scopes & EXPORT_EVENTS)
					ask(f, &q, NULL, 0, &out);
			}
			for (size_t t = 0; t < ARRAY_LEN(sighted); t++) {
				char want = sighted[t].may[p][w];
				bool there = holds(&out, sighted[t].token);
				/* what is published is no reader's: at most what the table says */
				bool published = w == FEED || w == EXPORT || w == STREAM || w == SENSOR;
				if (there != (want == 'y') && !(published && p >= 2)) {
					wrong++;
					diag("%s, sightings policy %u: %s is %s", who_names[w], p,
					     sighted[t].token, there ? "there" : "missing");
				}
			}
			is_uint(wrong, 0, "%s, sightings policy %u: sees those and no others",
				who_names[w], p);
		}
	f->w.out.sightings_policy = 2;
	f->w.out.sightings_anonymise = true;
	OWN(buf) struct buf out = BUF(OUT_MAX);
	struct question q = {OTHER, &export_sightings_json, EXPORT_PARTS, BY_SEARCH, false, NULL,
			     SCOPE_EVENTS};
	ask(f, &q, NULL, 0, &out);
	ok(holds(&out, "zq031zq") && !holds(&out, "zq032zq"),
	   "with names kept back, what was seen is told and not by whom");
	f->w.out.sightings_policy = 0;
	f->w.out.sightings_anonymise = false;
}

/* ---- what a search tells ---- */

/* Filters that could be used to guess what is hidden; the canary stands between. */
static const struct {
	enum search_scope scope;
	const char *before, *after;
} guesses[] = {
#define GUESS(before, after) {SCOPE_EVENTS, before, after}, {SCOPE_ATTRIBUTES, before, after}
	GUESS("{\"value\":\"", "\"}"),
	GUESS("{\"value\":\"", ".example\"}"),
	GUESS("{\"value\":\"%", "%\"}"),
	GUESS("{\"tags\":[\"zq:", "\"]}"),
	GUESS("{\"tags\":\"%", "%\"}"),
	GUESS("{\"event_tags\":[\"zq:", "\"]}"),
	GUESS("{\"tags\":{\"AND\":[\"zq:", "\"]}}"),
	GUESS("{\"eventinfo\":\"%", "%\"}"),
	GUESS("{\"searchall\":\"", "\"}"),
	GUESS("{\"searchall\":\"%", "%\"}"),
	GUESS("{\"comment\":\"%", "%\"}"),
	GUESS("{\"org\":\"", "\"}"),
	GUESS("{\"sharinggroup\":\"", "\"}"),
	GUESS("{\"object_name\":\"", "\"}"),
	{SCOPE_EVENT_INDEX, "{\"eventinfo\":\"", "\"}"},
	{SCOPE_EVENT_INDEX, "{\"all\":\"", "\"}"},
	{SCOPE_EVENT_INDEX, "{\"attribute\":\"", "\"}"},
	{SCOPE_EVENT_INDEX, "{\"value\":\"", ".example\"}"},
	{SCOPE_EVENT_INDEX, "{\"tag\":\"zq:", "\"}"},
	{SCOPE_EVENT_INDEX, "{\"email\":\"", "\"}"},
	{SCOPE_EVENT_INDEX, "{\"org\":\"", "\"}"},
	{SCOPE_EVENT_INDEX, "{\"sharinggroup\":\"", "\"}"},
#undef GUESS
};

static uint64_t guess_one(struct farm *f, enum who w, unsigned g, const char *token)
{
	char json[128];
	struct question q = {w, &export_count, EXPORT_EVENTS, BY_SEARCH, false, json,
			     guesses[g].scope};
	OWN(buf) struct buf out = BUF(OUT_MAX);
	snprintf(json, sizeof(json), "%s%s%s", guesses[g].before, token, guesses[g].after);
	if (q.search == SCOPE_ATTRIBUTES)
		q.scope = EXPORT_ATTRIBUTES;
	return ask(f, &q, NULL, 0, &out);
}

static unsigned guess(struct farm *f, enum who w, enum farm_policy p, unsigned c)
{
	unsigned told = 0;
	for (unsigned g = 0; g < ARRAY_LEN(guesses); g++) {
		uint64_t n = guess_one(f, w, g, canaries[c].token);
		/* a filter that the scope does not know finds everything, whatever it holds */
		if (!n || n == guess_one(f, w, g, "nosuchthing"))
			continue;
		told++;
		diag("%s, policy %s: %s (%s) is found by %s%s, scope %d: %llu", who_names[w],
		     policy_names[p], canaries[c].token, canaries[c].what, guesses[g].before,
		     guesses[g].after, guesses[g].scope, (unsigned long long)n);
	}
	return told;
}

/* Any member of a cluster is a filter. */
static unsigned guess_cluster(struct farm *f, enum who w, enum farm_policy p, unsigned c)
{
	static const char *const members[] = {"value", "description", "source", "type"};
	struct str token = str_c(canaries[c].token);
	struct cluster_query q[ARRAY_LEN(members) + 2] = {
		[ARRAY_LEN(members)] = {.text = token, .deleted_too = true},
		[ARRAY_LEN(members) + 1] = {.element_value = token, .deleted_too = true}};
	unsigned told = 0;
	for (size_t i = 0; i < ARRAY_LEN(q); i++) {
		OWN(buf) struct buf out = BUF(OUT_MAX);
		if (i < ARRAY_LEN(members)) {
			q[i].terms[0] = (struct cluster_term){
				desc_find(&desc_misp_cluster, str_c(members[i]), NULL), &token, 1,
				false};
			q[i].n_terms = 1;
		}
		if (!ask_clusters(f, w, &export_clusters, &q[i], NULL, 0, &out))
			continue;
		told++;
		diag("%s, policy %s: %s (%s) is found among clusters", who_names[w],
		     policy_names[p], canaries[c].token, canaries[c].what);
	}
	return told;
}

static void searches_are_silent(struct farm *f)
{
	for (unsigned p = 0; p < POLICY_COUNT; p++) {
		farm_policy(f, (enum farm_policy)p);
		for (unsigned w = 0; w < WHO_COUNT; w++) {
			unsigned told = 0;
			for (unsigned c = 0; c < CANARIES; c++)
				if (may(c, (enum farm_policy)p, (enum who)w) == '.' &&
				    canaries[c].token[0] == 'z')
					told += guess(f, (enum who)w, (enum farm_policy)p, c) +
						guess_cluster(f, (enum who)w,
							      (enum farm_policy)p, c);
			is_uint(told, 0, "%s, policy %s: no search finds what is hidden",
				who_names[w], policy_names[p]);
		}
	}
}

/* ---- the twin ---- */

/* Local numbers are masked: what stands behind one of these. Times of this run likewise. */
static const char *const id_keys[] = {"\"id\":\"", "\"id\":", "_id\":\"", "_id\":", "sid:", "MISP e", "<id>", "_id>",
				      "events\\/view\\/", "events/view/",
				      "publish_timestamp\":\"",
				      /* STIX 1: what the incident is known as */
				      "\"MISP Event\",\"value\":\"", "source=\"MISP Event\">"};

static bool is_id(const struct buf *b, const char *digits, size_t n)
{
	for (size_t i = 0; i < ARRAY_LEN(id_keys); i++)
		if (b->n >= strlen(id_keys[i]) &&
		    !memcmp(b->p + b->n - strlen(id_keys[i]), id_keys[i], strlen(id_keys[i])))
			return true;
	return n == 10 && memcmp(digits, "1750000000", 10) > 0;
}

/* In CSV: at the beginning of a line (the index), or behind the UUID that it begins with. */
static bool is_column(const struct buf *b)
{
	return (b->n && b->p[b->n - 1] == '\n') ||
	       (b->n > 38 && !memcmp(b->p + b->n - 2, "\",", 2) && b->p[b->n - 39] == '"');
}

/* OpenIOC numbers its parts with random UUIDs; that of a bundle is a digest of what masked times say. */
static size_t uuid_at(const struct buf *in, size_t i, bool random)
{
	struct uuid u;
	if (!random && (i < 8 || memcmp(in->p + i - 8, "bundle--", 8)))
		return 0;
	return in->n - i >= UUID_TEXT_LEN &&
			       uuid_parse((struct str){in->p + i, UUID_TEXT_LEN}, &u)
		       ? UUID_TEXT_LEN
		       : 0;
}

/* "2026-11-23 01:16:07", or with a T: when it was taken in. */
static size_t time_at(const struct buf *in, size_t i)
{
	static const char form[] = "20dd-dd-dd dd:dd:dd";
	size_t n = sizeof(form) - 1;
	if (in->n - i < n)
		return 0;
	for (size_t k = 0; k < n; k++)
		if (form[k] == 'd' ? !isdigit((unsigned char)in->p[i + k])
				   : form[k] != in->p[i + k] && (form[k] != ' ' || in->p[i + k] != 'T'))
			return 0;
	return n;
}

static void masked(const struct buf *in, const char *format, struct buf *out)
{
	bool csv = strstr(format, "csv") != NULL, random = !strcmp(format, "openioc");
	size_t i = 0;
	while (i < in->n) {
		size_t n = uuid_at(in, i, random);
		if (!n)
			n = time_at(in, i);
		if (n) {
			buf_putc(out, '#');
			i += n;
			continue;
		}
		while (i + n < in->n && isdigit((unsigned char)in->p[i + n]))
			n++;
		if (!n)
			buf_putc(out, in->p[i++]);
		else if ((csv && is_column(out)) || is_id(out, in->p + i, n))
			buf_putc(out, '#');
		else
			buf_add(out, in->p + i, n);
		i += n;
	}
}

struct twins {
	struct farm *full, *twin;
	enum farm_policy policy;
	unsigned differ;
};

static void tell_difference(const struct question *q, const struct buf *a, const struct buf *b,
			    const char *policy)
{
	size_t i = 0;
	while (i < a->n && i < b->n && a->p[i] == b->p[i])
		i++;
	size_t from = i > 60 ? i - 60 : 0;
	diag("%s, policy %s, %s, scope %u%s: differs at %zu: ...%.*s | ...%.*s", who_names[q->who],
	     policy, q->x->name, q->scope, q->deleted ? ", deleted too" : "", i,
	     (int)MIN(a->n - from, 120), a->p + from, (int)MIN(b->n - from, 120), b->p + from);
}

static void compare_analyst(struct twins *t, enum who w)
{
	struct question q = {.who = w, .x = &export_analyst, .scope = EXPORT_ANALYST};
	for (size_t i = 0; i < ARRAY_LEN(analyst_forms); i++) {
		OWN(buf) struct buf a = BUF(OUT_MAX), b = BUF(OUT_MAX), ra = BUF(OUT_MAX), rb = BUF(OUT_MAX);
		ask_analyst(t->full, w, analyst_forms[i], &a);
		ask_analyst(t->twin, w, analyst_forms[i], &b);
		masked(&a, q.x->name, &ra);
		masked(&b, q.x->name, &rb);
		if (ra.n == rb.n && (!ra.n || !memcmp(ra.p, rb.p, ra.n)))
			continue;
		t->differ++;
		tell_difference(&q, &ra, &rb, policy_names[t->policy]);
	}
}

static void compare(const struct question *q, void *arg)
{
	struct twins *t = arg;
	OWN(buf) struct buf a = BUF(OUT_MAX), b = BUF(OUT_MAX), ra = BUF(OUT_MAX), rb = BUF(OUT_MAX);
	if (q->by != BY_SEARCH)
		return;
	uint64_t na = ask(t->full, q, NULL, 0, &a), nb = ask(t->twin, q, NULL, 0, &b);
	masked(&a, q->x->name, &ra);
	masked(&b, q->x->name, &rb);
	/* MISP counts all attributes; with its rules alone so do we */
	bool counted = t->policy == POLICY_MISP && str_find(buf_str(&a), STR("attribute_count")) >= 0;
	if (counted && na == nb)
		return;
	bool same = ra.n == rb.n && (!ra.n || !memcmp(ra.p, rb.p, ra.n));
	if (same && na == nb)
		return;
	t->differ++;
	if (!same)
		tell_difference(q, &ra, &rb, policy_names[t->policy]);
	else
		diag("%s, policy %s, %s, scope %u: %llu found, %llu by the twin", who_names[q->who],
		     policy_names[t->policy], q->x->name, q->scope, (unsigned long long)na,
		     (unsigned long long)nb);
}

static void hidden_changes_nothing(struct farm *full, struct farm *twin)
{
	for (unsigned p = 0; p < POLICY_COUNT; p++) {
		struct twins t = {full, twin, (enum farm_policy)p, 0};
		farm_policy(full, (enum farm_policy)p);
		farm_policy(twin, (enum farm_policy)p);
		for (unsigned w = 0; w < OWN; w++) {
			t.differ = 0;
			each_question((enum who)w, compare, &t);
			compare_analyst(&t, (enum who)w);
			is_uint(t.differ, 0, "%s, policy %s: the same bytes and counts without it",
				who_names[w], policy_names[p]);
		}
	}
}

int main(void)
{
	struct farm full, twin;
	for (unsigned c = 0; c < CANARIES; c++)
		for (unsigned p = 0; p < POLICY_COUNT; p++)
			if (strlen(canaries[c].may[p]) != WHO_COUNT)
				bail_out("canaries.inc: %s, policy %u", canaries[c].token, p);
	farm_open(&full, false);
	farm_open(&twin, true);
	canaries_stay(&full);
	sightings_by_policy(&full);
	searches_are_silent(&full);
	hidden_changes_nothing(&full, &twin);
	farm_close(&full);
	farm_close(&twin);
	return done_testing();
}
