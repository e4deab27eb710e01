/*
 * test_search.c - random queries over a random store, against the naive evaluator.
 *
 * The store changes between rounds, so that dead rows, edited events and new bodies are there.
 */
#include "search/search.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/own.h"
#include "index/rows.h"
#include "naive.h"
#include "search/rows.h"
#include "tests/tap/tap.h"
#include "tests/unit/index/seed.h"

#define NOW INT64_C(1750000000)

/* ---- queries -------------------------------------------------------------------------------- */

static const char *const values[] = {
	"192.0.2.7",  "isle3.example.net", "ISLE3.example.net", "boat2.exe", "cafe 3", "x", "X ",
	"%isle%",     "%.example.net",	   "boat%",		"%\xc3\xa9 1%", "100%%", "%_7",
	"%00000%",    "!x",		   "!%isle%",		"absent",    "x||isle3.example.net",
	"%x%",	      "%",		   "crew3@isle0.example.net"};
static const char *const types[] = {"ip-dst", "domain", "filename|md5", "text", "!text", "%m%",
				    "email-src", "COMMENT", "url||comment", "no-such", "!url"};
static const char *const cats[] = {"Network activity", "Payload delivery", "Other", "!Other",
				   "other", "%delivery%", "Person"};
static const char *const tags[] = {"tlp:red", "tlp:green", "skerry:%", "!tlp:red", "TLP:RED",
				   "none", "!none", "100% odd", "isle", "3", "!skerry:one",
				   "tlp:red&&!tlp:green"};
static const char *const orgs[] = {"ORGNAME", "Remote Reef", "!Quay", "2", "nobody", "!nobody",
				   "remote reef"};
static const char *const infos[] = {"%files%", "%FILES%", "Skerry invented files 3",
				    "!%network%", "files", "network 1"};
static const char *const flags[] = {"0", "1", "[0,1]", "\"0\"", "\"1\""};
static const char *const words[] = {"landing page", "c2", "%logs%", "!landing page", ""};
static const char *const relations[] = {"ip-dst", "filename", "!url", "%l%"};
static const char *const objects[] = {"file", "ddos", "!url", "%l%"};
static const char *const digits[] = {"1", "2", "3", "!1", "0", "4"};

#define PICK(sd, list) (list)[seed_rand((sd), sizeof(list) / sizeof((list)[0]))]

/* How a value is written: as text, in a list, or in a group. */
static json_t *spelled(struct seed *sd, const char *a, const char *b)
{
	switch (seed_rand(sd, 6)) {
	case 0:
		return json_pack("[s,s]", a, b);
	case 1:
		return json_pack("{s:[s],s:s}", "OR", a, "NOT", b[0] == '!' ? b + 1 : b);
	case 2:
		return json_pack("{s:[s,s]}", "AND", a[0] == '!' ? a + 1 : a,
				 b[0] == '!' ? b + 1 : b);
	default:
		return json_string(a);
	}
}

static json_t *some_time(struct seed *sd)
{
	json_int_t from = NOW - (json_int_t)seed_rand(sd, 1100);

	if (seed_rand(sd, 12) == 0)
		return json_string("high tide");
	if (seed_rand(sd, 2))
		return json_pack("[I,I]", from, from + (json_int_t)seed_rand(sd, 300));
	return json_integer(from);
}

/* A UUID or id of something that is there, mostly. */
static json_t *some_uuid(struct seed *sd, struct index *ix)
{
	char text[UUID_TEXT_LEN + 2] = "!";
	struct ix_view v;
	bool not = seed_rand(sd, 4) == 0;

	index_view_begin(ix, &v);
	uuid_format(seed_rand(sd, 2) ? v.ev[seed_rand(sd, v.events)].uuid
				     : v.row[seed_rand(sd, v.rows)].uuid,
		    text + 1);
	index_view_end(&v);
	return json_string(not ? text : text + 1);
}

static json_t *some_event(struct seed *sd, bool index)
{
	char text[64];

	snprintf(text, sizeof(text), seed_rand(sd, 4) ? "%u%s%u" : "!%u%s%u",
		 (unsigned)sd->events[seed_rand(sd, sd->n_events)], index ? "|" : "||",
		 (unsigned)sd->events[seed_rand(sd, sd->n_events)]);
	return json_string(text);
}

static void set(json_t *q, const char *name, json_t *v)
{
	json_object_set_new(q, name, v);
}

#define SPELLED(list) spelled(sd, PICK(sd, list), PICK(sd, list))

static void one_param(struct seed *sd, struct index *ix, enum search_scope scope, json_t *q)
{
	char text[32];

	switch (seed_rand(sd, 24)) {
	case 0:
	case 1:
	case 2:
		set(q, "value", SPELLED(values));
		break;
	case 3:
	case 4:
		set(q, "type", SPELLED(types));
		break;
	case 5:
		set(q, "category", SPELLED(cats));
		break;
	case 6:
	case 7:
		set(q, seed_rand(sd, 3) ? "tags" : "event_tags", SPELLED(tags));
		break;
	case 8:
		if (seed_rand(sd, 4) == 0)
			set(q, "org.nationality", json_string("Iceland"));
		else
			set(q, "org", SPELLED(orgs));
		break;
	case 9:
		set(q, "eventinfo", SPELLED(infos));
		break;
	case 10:
		set(q, "to_ids", json_loads(PICK(sd, flags), JSON_DECODE_ANY, NULL));
		break;
	case 11:
		set(q, "deleted", json_loads(PICK(sd, flags), JSON_DECODE_ANY, NULL));
		break;
	case 12:
		set(q, "published", json_loads(PICK(sd, flags), JSON_DECODE_ANY, NULL));
		break;
	case 13:
		set(q, "timestamp", some_time(sd));
		break;
	case 14:
		set(q, seed_rand(sd, 2) ? "publish_timestamp" : "event_timestamp", some_time(sd));
		break;
	case 15:
		set(q, seed_rand(sd, 2) ? "first_seen" : "last_seen", some_time(sd));
		break;
	case 16:
		set(q, "uuid", some_uuid(sd, ix));
		break;
	case 17:
		set(q, "eventid", some_event(sd, scope == SCOPE_EVENT_INDEX));
		break;
	case 18:
		set(q, "comment", SPELLED(words));
		break;
	case 19:
		set(q, "object_relation", SPELLED(relations));
		break;
	case 20:
		set(q, seed_rand(sd, 2) ? "object_name" : "object_template_version",
		    seed_rand(sd, 2) ? SPELLED(objects) : json_string("24"));
		break;
	case 21:
		set(q, seed_rand(sd, 2) ? "value1" : "value2", SPELLED(values));
		break;
	case 22:
		snprintf(text, sizeof(text), "2025-06-%02u", 1 + (unsigned)seed_rand(sd, 30));
		set(q, PICK(sd, ((const char *const[]){"from", "to", "date"})), json_string(text));
		break;
	default:
		set(q, PICK(sd, ((const char *const[]){"threat_level_id", "sharinggroup",
						       "distribution", "analysis"})),
		    SPELLED(digits));
	}
}

static void index_param(struct seed *sd, struct index *ix, json_t *q)
{
	static const char *const parts[] = {"isle", "ISLE|x", "!isle", "boat", "exe", "skerry",
					    "reef", "logs", "!x|cafe", "000000", "e"};

	switch (seed_rand(sd, 8)) {
	case 0:
		set(q, "attribute", json_string(PICK(sd, parts)));
		break;
	case 1:
		set(q, "all", json_string(PICK(sd, parts)));
		break;
	case 2:
		set(q, "eventinfo", json_string(PICK(sd, parts)));
		break;
	case 3:
		set(q, "hasproposal", json_loads(PICK(sd, flags), JSON_DECODE_ANY, NULL));
		break;
	case 4:
		set(q, "tags", json_string(PICK(sd, ((const char *const[]){
						       "tlp:red|isle", "tlp:red&tlp:green", "!plain",
						       "none", "isle", "TLP:RED"}))));
		break;
	case 5:
		set(q, "minimal", json_integer(1));
		break;
	case 6:
		set(q, "threatlevel", json_string(PICK(sd, digits)));
		break;
	default:
		one_param(sd, ix, SCOPE_EVENT_INDEX, q);
	}
}

static void sighting_param(struct seed *sd, json_t *q)
{
	switch (seed_rand(sd, 5)) {
	case 0:
		set(q, "type", json_loads(PICK(sd, flags), JSON_DECODE_ANY, NULL));
		break;
	case 1:
		set(q, "org_id", SPELLED(orgs));
		break;
	case 2:
		set(q, "source", json_string("honey"));
		break;
	case 3:
		set(q, "id", json_integer((json_int_t)seed_rand(sd, 60)));
		break;
	default:
		set(q, "last", some_time(sd));
	}
}

static json_t *random_query(struct seed *sd, struct index *ix, enum search_scope scope)
{
	json_t *q = json_object();

	if (scope == SCOPE_EVENTS && seed_rand(sd, 20) == 0)
		set(q, "searchall", json_string(PICK(sd, values)));
	for (uint64_t i = 0, n = seed_rand(sd, 4); i <= n; i++) {
		if (scope == SCOPE_EVENT_INDEX)
			index_param(sd, ix, q);
		else if (scope == SCOPE_SIGHTINGS)
			sighting_param(sd, q);
		else
			one_param(sd, ix, scope, q);
	}
	if (seed_rand(sd, 3) == 0) {
		set(q, "limit", json_integer((json_int_t)(1 + seed_rand(sd, 6))));
		set(q, "page", json_integer((json_int_t)(1 + seed_rand(sd, 3))));
	}
	return q;
}

/* ---- comparison ------------------------------------------------------------------------------ */

static bool see_event(void *user, const struct misp_event *e)
{
	(void)user;
	return e->id % 5 != 0;
}

static bool see_attr(void *user, const struct misp_event *e, const struct misp_object *o,
		     const struct misp_attr *a)
{
	(void)user;
	(void)e;
	/* what is in an object comes with it */
	return a->id % 4 != 0 && (!a->object_id == !o) && (!o || o->id % 6 != 0);
}

static unsigned answered;

static bool agree(struct seed *sd, struct index *ix, enum search_scope scope, json_t *j)
{
	static const struct search_visible vis = {NULL, see_event, see_attr};
	const struct search_visible *v = seed_rand(sd, 2) ? &vis : NULL;
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(arena) struct arena *a = arena_new(1 << 22);
	struct search_result got;
	struct naive_hits want;
	struct fail f = {0};
	struct query q;
	bool same;

	if (query_parse_extra(&q, scope, j, a, NOW, &f) != ERR_OK ||
	    store_read(sd->s, &t, &f) != ERR_OK)
		bail_out("query: %s", f.text);
	if (scope == SCOPE_SIGHTINGS)
		q.sighting_context = (unsigned)seed_rand(sd, 3);
	if (search_run(ix, t, &q, v, NULL, a, &got, &f) != ERR_OK)
		bail_out("search: %s", f.text);
	naive_run(t, &q, v, &want);
	answered += want.n > 0;
	same = got.n == want.n && got.total == want.total &&
	       (!got.n || memcmp(got.hits, want.v, got.n * sizeof(*got.hits)) == 0);
	if (!same) {
		char *text = json_dumps(j, JSON_COMPACT);

		diag("scope %d %s: %s: got %llu of %llu, want %zu of %llu", scope,
		     v ? "some see" : "all see", text, (unsigned long long)got.n,
		     (unsigned long long)got.total, want.n, (unsigned long long)want.total);
		for (size_t i = 0; i < 8; i++)
			if (i < got.n || i < want.n)
				diag("  got %lld/%lld want %lld/%lld",
				     i < got.n ? (long long)got.hits[i].event_id : -1,
				     i < got.n ? (long long)got.hits[i].attr_id : -1,
				     i < want.n ? (long long)want.v[i].event_id : -1,
				     i < want.n ? (long long)want.v[i].attr_id : -1);
		free(text);
	}
	free(want.v);
	return same;
}

static void differ(struct seed *sd, struct index *ix, unsigned n)
{
	static const char *const names[] = {"events", "attributes", "objects", "sightings", "index"};

	for (enum search_scope scope = 0; scope < SCOPE_COUNT; scope++) {
		unsigned bad = 0;

		answered = 0;
		for (unsigned i = 0; i < n && bad < 5; i++) {
			json_t *j = random_query(sd, ix, scope);

			bad += !agree(sd, ix, scope, j);
			json_decref(j);
		}
		is_uint(bad, 0, "%s: %u queries, %u with answers", names[scope], n, answered);
		ok(answered * 10 > n, "%s: enough of them had answers", names[scope]);
	}
}

/* ---- single points --------------------------------------------------------------------------- */

static void lookups(struct seed *sd, struct index *ix)
{
	static const struct search_visible vis = {NULL, see_event, see_attr};
	static const char *const asked[] = {"x", "X", "isle3.EXAMPLE.net ", "caf\xc3\xa9 3",
					    "boat1.exe", "boat1.exe|0", "", "absent"};
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(arena) struct arena *a = arena_new(1 << 22);
	struct fail f = {0};

	if (store_read(sd->s, &t, &f) != ERR_OK)
		bail_out("%s", f.text);
	for (size_t i = 0; i < ARRAY_LEN(asked); i++)
		for (int k = 0; k < 2; k++) {
			struct query_terms term = {(struct str[]){str_c(asked[i])}, 1};
			struct query q = {.scope = SCOPE_ATTRIBUTES,
					  .value = {.any = term, .set = true}};
			struct naive_hits want = {0};
			struct search_result got;

			if (asked[i][0])
				naive_run(t, &q, k ? &vis : NULL, &want);
			is_ok(search_value(ix, t, str_c(asked[i]), k ? &vis : NULL, 0, a, &got, &f),
			      "look up \"%s\"", asked[i]);
			ok(got.n == want.n &&
				   (!got.n || memcmp(got.hits, want.v, got.n * sizeof(*want.v)) == 0),
			   "\"%s\": %zu hits", asked[i], want.n);
			if (got.n > 2) {
				is_ok(search_value(ix, t, str_c(asked[i]), k ? &vis : NULL, 2, a,
						   &got, &f),
				      "two of them");
				ok(got.n == 2 && got.more && memcmp(got.hits, want.v,
								    2 * sizeof(*want.v)) == 0,
				   "the first two");
			}
			free(want.v);
		}
}

static struct search_result run(struct index *ix, const struct store_rtxn *t,
				enum search_scope scope, const char *json, struct arena *a)
{
	json_t *j = json_loads(json, 0, NULL);
	struct search_result r;
	struct fail f = {0};
	struct query q;

	if (!j || query_parse(&q, scope, j, a, NOW, &f) != ERR_OK ||
	    search_run(ix, t, &q, NULL, NULL, a, &r, &f) != ERR_OK)
		bail_out("%s: %s", json, f.text);
	json_decref(j);
	return r;
}

static void orders(struct seed *sd, struct index *ix)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(arena) struct arena *a = arena_new(1 << 22);
	struct fail f = {0};
	struct search_result up, r;
	bool good = true;

	if (store_read(sd->s, &t, &f) != ERR_OK)
		bail_out("%s", f.text);
	up = run(ix, t, SCOPE_ATTRIBUTES, "{}", a);
	r = run(ix, t, SCOPE_ATTRIBUTES, "{\"order\":\"id desc\"}", a);
	for (uint64_t i = 0; i < r.n; i++)
		good &= r.hits[i].attr_id == up.hits[up.n - 1 - i].attr_id;
	ok(good && r.n == up.n && r.n > 100, "attributes by id, descending");
	r = run(ix, t, SCOPE_ATTRIBUTES, "{\"order\":\"Attribute.value1 asc\"}", a);
	ok(r.n == up.n && memcmp(r.hits, up.hits, r.n * sizeof(*r.hits)) == 0,
	   "an order that is not understood is none");
	r = run(ix, t, SCOPE_ATTRIBUTES, "{\"order\":\"event_id desc,id asc\"}", a);
	for (uint64_t i = 1; i < r.n; i++)
		good &= r.hits[i - 1].event_id > r.hits[i].event_id ||
			(r.hits[i - 1].event_id == r.hits[i].event_id &&
			 r.hits[i - 1].attr_id < r.hits[i].attr_id);
	ok(good, "two rules");
	r = run(ix, t, SCOPE_ATTRIBUTES, "{\"order\":\"type desc\"}", a);
	for (uint64_t i = 1; i < r.n; i++) {
		struct ix_view v;
		uint32_t x, y;

		index_view_begin(ix, &v);
		x = view_row_of(&v, r.hits[i - 1].attr_id);
		y = view_row_of(&v, r.hits[i].attr_id);
		good &= v.type[x] != v.type[y] || r.hits[i - 1].attr_id > r.hits[i].attr_id;
		index_view_end(&v);
	}
	ok(good, "equals by id, descending too");
	r = run(ix, t, SCOPE_EVENTS, "{\"order\":[\"Event.timestamp desc\",\"id desc\"]}", a);
	for (uint64_t i = 1; i < r.n; i++) {
		struct misp_event x, y;

		if (store_get(t, T_EVENT, r.hits[i - 1].event_id, NULL, &x) != ERR_OK ||
		    store_get(t, T_EVENT, r.hits[i].event_id, NULL, &y) != ERR_OK)
			bail_out("an event is gone");
		good &= x.timestamp > y.timestamp || (x.timestamp == y.timestamp && x.id > y.id);
	}
	ok(good && r.n > 10, "events by time, then id");
	r = run(ix, t, SCOPE_EVENT_INDEX, "{\"sort\":\"info\",\"direction\":\"asc\"}", a);
	for (uint64_t i = 1; i < r.n; i++) {
		struct misp_event x, y;

		if (store_get(t, T_EVENT, r.hits[i - 1].event_id, NULL, &x) != ERR_OK ||
		    store_get(t, T_EVENT, r.hits[i].event_id, NULL, &y) != ERR_OK)
			bail_out("an event is gone");
		good &= str_cmp(x.info, y.info) <= 0;
	}
	ok(good, "the index by info");
}

static bool has_left(void *user)
{
	(void)user;
	return true;
}

static void limits(struct seed *sd, struct index *ix)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(arena) struct arena *a = arena_new(1 << 22);
	OWN(arena) struct arena *small = arena_new(512);
	struct search_how left = {.gone = has_left}, late = {.until_ms = 1}, poor = {.memory = 100};
	struct query q = {.scope = SCOPE_ATTRIBUTES};
	struct search_result r;
	struct fail f = {0};

	if (store_read(sd->s, &t, &f) != ERR_OK)
		bail_out("%s", f.text);
	is_err(search_run(ix, t, &q, NULL, &left, a, &r, &f), ERR_CANCELLED, "nobody waits");
	is_err(search_run(ix, t, &q, NULL, &late, a, &r, &f), ERR_TIMEOUT, "no time left");
	is_err(search_run(ix, t, &q, NULL, &poor, a, &r, &f), ERR_LIMIT, "no memory left");
	is_err(search_run(ix, t, &q, NULL, NULL, small, &r, &f), ERR_LIMIT,
	       "more results than the arena holds");
	q.limit = 2;
	q.page = UINT64_MAX;
	is_ok(search_run(ix, t, &q, NULL, NULL, a, &r, &f), "a page far behind the end");
	ok(r.n == 0 && r.total == 1, "is empty, and counted as recorded");
}

/* Pages walked in any order with remembered ends, and rows instead of hits, are the whole list. */
static void walks(struct seed *sd, struct index *ix)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(arena) struct arena *a = arena_new(1 << 24);
	struct search_how how = {.pages = search_pages_new()}, rows = {.rows = true};
	struct query q = {.scope = SCOPE_ATTRIBUTES};
	struct search_result all, r;
	struct search_hit h;
	struct fail f = {0};
	uint64_t at = 0, wrong = 0;

	if (!how.pages || store_read(sd->s, &t, &f) != ERR_OK ||
	    search_run(ix, t, &q, NULL, NULL, a, &all, &f) != ERR_OK)
		bail_out("%s", f.text);
	is_ok(search_run(ix, t, &q, NULL, &rows, a, &r, &f), "as rows");
	ok(r.rows && !r.hits && r.n == all.n, "all of them, and no hits");
	for (; r.rows && search_rows_next(r.rows, &h); at++)
		wrong += at >= all.n || memcmp(&h, &all.hits[at], sizeof(h)) != 0;
	ok(at == all.n && !wrong, "%llu rows are the hits", (unsigned long long)at);
	search_rows_free(r.rows);
	q.limit = 7;
	wrong = 0;
	for (unsigned way = 0; way < 3; way++)
		for (uint64_t i = 0; i * q.limit < all.n + 7; i++) {
			/* forwards, backwards, here and there */
			q.page = way == 0 ? i + 1 : way == 1 ? all.n / 7 + 1 - i : i * 31 % (all.n / 7 + 1) + 1;
			if (q.page == 0 || search_run(ix, t, &q, NULL, &how, a, &r, &f) != ERR_OK)
				continue;
			for (uint64_t k = 0; k < r.n; k++)
				wrong += (q.page - 1) * 7 + k >= all.n ||
					 memcmp(&r.hits[k], &all.hits[(q.page - 1) * 7 + k],
						sizeof(*r.hits)) != 0;
			wrong += r.n != MIN(q.limit, (q.page - 1) * 7 < all.n ? all.n - (q.page - 1) * 7 : 0);
		}
	ok(!wrong, "pages are pieces of the list, whichever were asked for before");
	search_pages_free(how.pages);
}

/* One page of each size at several places; `some` of them must not be empty. */
static unsigned as_rows;

static uint64_t pages_differ(struct index *ix, const struct store_rtxn *t, const char *filter, uint64_t *hits)
{
	static const uint64_t sizes[] = {1, 10, 90, 450, 1000, 9000};
	OWN(arena) struct arena *a = arena_new((size_t)1 << 26);
	char json[300];
	uint64_t wrong = 0;
	struct search_result all, r;

	struct search_how how = {.rows = true};
	struct search_hit h;
	struct query q;
	struct fail f = {0};

	snprintf(json, sizeof(json), "{%s}", filter);
	all = run(ix, t, SCOPE_ATTRIBUTES, json, a);
	*hits = all.n;
	for (size_t s = 0; s < ARRAY_LEN(sizes); s++)
		for (unsigned part = 0; part <= 6; part++) {
			uint64_t page = all.n / sizes[s] * part / 5 + 1, from = (page - 1) * sizes[s];

			snprintf(json, sizeof(json), "{%s%s\"limit\":%u,\"page\":%u}", filter,
				 filter[0] ? "," : "", (unsigned)sizes[s], (unsigned)page);
			r = run(ix, t, SCOPE_ATTRIBUTES, json, a);
			wrong += r.n != (from < all.n ? MIN(sizes[s], all.n - from) : 0) ||
				 (r.n && memcmp(r.hits, all.hits + from, r.n * sizeof(*r.hits)) != 0);
			json_t *j = json_loads(json, 0, NULL);
			struct search_result as = {0};

			if (query_parse(&q, SCOPE_ATTRIBUTES, j, a, NOW, &f) != ERR_OK ||
			    search_run(ix, t, &q, NULL, &how, a, &as, &f) != ERR_OK)
				bail_out("%s: %s", json, f.text);
			wrong += as.n != r.n || as.total != r.total || as.more != r.more;
			for (uint64_t i = 0; as.rows && i < as.n; i++)
				wrong += !search_rows_next(as.rows, &h) || memcmp(&h, &r.hits[i], sizeof(h)) != 0;
			wrong += as.rows && search_rows_next(as.rows, &h);
			as_rows += as.rows != NULL;
			search_rows_free(as.rows);
			json_decref(j);
		}
	return wrong;
}

/* What is said of blocks is what their rows have, when first asked and later. */
static void zones(struct index *ix)
{
	struct ix_view v;
	struct ix_zone z;
	unsigned wrong = 0, n = 0;

	index_view_begin(ix, &v);
	for (unsigned i = 0; i < 2; i++)
		for (n = 0; view_zone(&v, n, &z); n++) {
			uint32_t from = n * IX_ZONE_ROWS;
			uint64_t last = 0;
			bool lo = false, hi = false, early = false, late = false, sorted = true;

			for (uint32_t r = from; r < from + IX_ZONE_ROWS; r++) {
				wrong += v.row[r].id < z.id_min || v.row[r].id > z.id_max ||
					 v.time[r] < z.time_min || v.time[r] > z.time_max;
				lo |= v.row[r].id == z.id_min;
				hi |= v.row[r].id == z.id_max;
				early |= v.time[r] == z.time_min;
				late |= v.time[r] == z.time_max;
				sorted &= v.row[r].id > last;
				last = v.row[r].id;
			}
			wrong += !lo || !hi || !early || !late || sorted != z.sorted;
		}
	is_uint(n, v.rows / IX_ZONE_ROWS, "all whole blocks are known");
	is_uint(wrong, 0, "and are as their rows are");
	index_view_end(&v);
}

/* Enough rows for whole blocks of them, in and out of order: what is passed by has nothing that counts. */
static void blocks(struct seed *sd, struct index *ix)
{
	static const char *const filters[] = {"", "\"type\":\"ip-dst\"", "\"value\":\"%isle%\"",
					      "\"to_ids\":1", "\"timestamp\":[1749999300,1749999600]",
					      "\"timestamp\":[1749999990,1750000000],\"to_ids\":0"};
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail f = {0};
	struct index_stats st;
	uint64_t hits;

	for (unsigned i = 0; i < 12; i++) {
		seed_event(sd, 3000);
		for (unsigned k = 0; k < 6; k++)
			seed_change(sd);
	}
	index_stats(ix, &st);
	ok(st.rows > 30000, "%llu rows", (unsigned long long)st.rows);
	zones(ix);
	if (store_read(sd->s, &t, &f) != ERR_OK)
		bail_out("%s", f.text);
	for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
		is_uint(pages_differ(ix, t, filters[i], &hits), 0, "{%s}: pages are pieces of the list",
			filters[i]);
		diag("{%s}: %llu", filters[i], (unsigned long long)hits);
	}
	ok(as_rows > 0, "%u pages came as rows", as_rows);
}

/* ---- searches beside the writer -------------------------------------------------------------- */

struct searcher {
	struct store *s;
	struct index *ix;
	atomic_bool stop;
	atomic_uint faults, rounds;
};

/* Results ascend, name nothing twice, and what is found in columns is so in the record, if the
   snapshot has it. */
static bool plausible(const struct store_rtxn *t, const struct search_result *r)
{
	for (uint64_t i = 0; i < r->n; i++) {
		struct misp_event e;
		struct misp_attr a;
		struct el_key key = {0, r->hits[i].object_id, r->hits[i].attr_id};

		if (i && r->hits[i].attr_id <= r->hits[i - 1].attr_id)
			return false;
		if (store_get(t, T_EVENT, r->hits[i].event_id, NULL, &e) != ERR_OK)
			continue;
		key.body = e.body;
		if (store_el_get(t, EL_ATTR, key, NULL, &a) == ERR_OK && a.id != key.id)
			return false;
	}
	return true;
}

static void *search_on(void *arg)
{
	static const char *const asked[] = {"{}", "{\"value\":\"x\"}", "{\"value\":\"%isle%\"}",
					    "{\"type\":\"domain\",\"tags\":\"skerry:%\"}",
					    "{\"comment\":\"c2\",\"published\":1}"};
	struct searcher *q = arg;
	unsigned n = 0;

	while (!atomic_load(&q->stop) || n < 5) {
		OWN(store_rtxn) struct store_rtxn *t = NULL;
		OWN(arena) struct arena *a = arena_new(1 << 22);
		struct fail f = {0};
		struct search_result r;
		struct query query;
		json_t *j = json_loads(asked[n++ % ARRAY_LEN(asked)], 0, NULL);

		if (store_read(q->s, &t, &f) != ERR_OK ||
		    query_parse_extra(&query, SCOPE_ATTRIBUTES, j, a, NOW, &f) != ERR_OK ||
		    search_run(q->ix, t, &query, NULL, NULL, a, &r, &f) != ERR_OK ||
		    !plausible(t, &r))
			atomic_fetch_add(&q->faults, 1);
		json_decref(j);
		atomic_fetch_add(&q->rounds, 1);
	}
	return NULL;
}

static void beside(struct seed *sd, struct index *ix)
{
	struct searcher q = {.s = sd->s, .ix = ix};
	pthread_t th[2];

	for (int i = 0; i < 2; i++)
		if (pthread_create(&th[i], NULL, search_on, &q))
			bail_out("no thread");
	for (int i = 0; i < 150; i++)
		seed_change(sd);
	atomic_store(&q.stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(th[i], NULL);
	is_uint(atomic_load(&q.faults), 0, "%u searches beside 150 changes",
		atomic_load(&q.rounds));
}

int main(void)
{
	struct seed sd;
	struct index *ix;
	struct fail f = {0};

	seed_open(&sd, 7);
	if (index_open(sd.s, NULL, NULL, &ix, &f) != ERR_OK)
		bail_out("index: %s", f.text);
	for (int i = 0; i < 25; i++)
		seed_event(&sd, (unsigned)seed_rand(&sd, 25));
	for (int round = 0; round < 3; round++) {
		differ(&sd, ix, 250);
		for (int i = 0; i < 40; i++)
			seed_change(&sd);
	}
	lookups(&sd, ix);
	orders(&sd, ix);
	walks(&sd, ix);
	limits(&sd, ix);
	beside(&sd, ix);
	differ(&sd, ix, 60);
	blocks(&sd, ix);
	index_close(ix);
	seed_close(&sd);
	return done_testing();
}
