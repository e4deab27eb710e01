/*
 * bench_search.c - the index and search alone: filling, look-ups, filters, rebuild, bytes.
 *
 * bench_search DIR [attributes in thousands, default 10000]. DIR must not exist and is left behind
 * (a second run with an existing DIR measures only opening and searching).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "index/rows.h"
#include "model/types.h"
#include "search/search.h"
#include "trust/admitted_make.h"

#define NOW INT64_C(1750000000)
#define PER_EVENT 1000

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(enum err e, const struct fail *f)
{
	if (e != ERR_OK) {
		fprintf(stderr, "%s: %s\n", err_name(e), f->text);
		exit(1);
	}
}

static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static struct uuid uuid_of(uint64_t n)
{
	uint64_t w[2] = {mix(n * 2 + 1), mix(n * 2 + 2)};
	struct uuid u;

	memcpy(u.b, w, 16);
	return u;
}

/* The n-th value: half hashes, the rest hosts, addresses and links; every tenth is a repetition. */
static struct str value_of(uint64_t n, uint16_t *type, char room[160])
{
	uint64_t h = mix(n % 10 == 9 ? n / 100000 : n);
	int len;

	switch (h % 8) {
	case 0:
		*type = ATTR_DOMAIN;
		len = snprintf(room, 160, "host-%" PRIx64 ".skerry.example", h >> 32);
		break;
	case 1:
		*type = ATTR_IP_DST;
		len = snprintf(room, 160, "%u.%u.%u.%u", (unsigned)(h >> 8 & 255),
			       (unsigned)(h >> 16 & 255), (unsigned)(h >> 24 & 255),
			       (unsigned)(h >> 32 & 255));
		break;
	case 2:
		*type = ATTR_URL;
		len = snprintf(room, 160, "https://isle-%" PRIx64 ".example.net/%x/login.php",
			       h >> 40, (unsigned)h);
		break;
	case 3:
		*type = ATTR_FILENAME_MD5;
		len = snprintf(room, 160, "boat-%x.exe|%016" PRIx64 "%016" PRIx64, (unsigned)h, h,
			       mix(h));
		break;
	case 4:
	case 5:
		*type = ATTR_MD5;
		len = snprintf(room, 160, "%016" PRIx64 "%016" PRIx64, h, mix(h));
		break;
	default:
		*type = ATTR_SHA256;
		len = snprintf(room, 160, "%016" PRIx64 "%016" PRIx64 "%016" PRIx64 "%016" PRIx64,
			       h, mix(h), mix(h + 1), mix(h + 2));
	}
	return (struct str){room, (size_t)len};
}

struct job {
	struct admitted *adm;
	uint64_t first; /* attribute number */
};

static enum err one_event(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct job *j = arg;
	struct misp_tagref tag = {.tag_id = 1 + j->first / PER_EVENT % 50};
	struct misp_event e = {.id = store_new_row_id(w, T_EVENT),
			       .body = store_new_body(w),
			       .uuid = uuid_of(j->first + (UINT64_C(1) << 40)),
			       .info = STR("An event of the benchmark"),
			       .org_id = 1,
			       .orgc_id = 1 + j->first / PER_EVENT % 20,
			       .date = 20250601,
			       .published = true,
			       .distribution = DIST_ALL,
			       .timestamp = NOW - 10000000 + (int64_t)j->first,
			       .attribute_count = PER_EVENT,
			       .attribute_total = PER_EVENT};
	struct change c = {.op = CHANGE_ADD, .kind = CHANGE_TABLE(T_EVENT), .id = e.id,
			   .event_id = e.id, .uuid = e.uuid, .whole = true};
	char room[160];

	e.publish_timestamp = e.timestamp;
	e.tags.v = &tag;
	e.tags.n = 1;
	for (uint64_t n = j->first; n < j->first + PER_EVENT; n++) {
		struct el_key key = {e.body, 0, store_new_el_id(w, EL_ATTR)};
		struct misp_attr a;

		misp_attr_init(&a);
		a.id = key.id;
		a.event_id = e.id;
		a.uuid = uuid_of(n);
		a.value = value_of(n, &a.type, room);
		a.category = CAT_NETWORK;
		a.to_ids = n % 3 != 0;
		a.distribution = DIST_INHERIT;
		a.timestamp = NOW - 10000000 + (int64_t)n;
		TRY(store_el_put(w, j->adm, EL_ATTR, key, &a, f));
	}
	TRY(store_event_put(w, j->adm, &e, f));
	return store_change(w, &c, f);
}

static enum err tables(struct store_wtxn *w, void *arg, struct fail *f)
{
	char name[32];

	(void)arg;
	for (uint64_t i = 1; i <= 50; i++) {
		struct misp_tag t = {.id = i, .exportable = true};

		snprintf(name, sizeof(name), "bench:tag-%u", (unsigned)i);
		t.name = str_c(name);
		TRY(store_put(w, T_TAG, store_new_row_id(w, T_TAG), &t, f));
	}
	return ERR_OK;
}

static void fill(struct store *s, uint64_t n)
{
	struct raw_event *raw = raw_new(RAW_EVENT, NULL, NULL);
	struct misp_event head = {0};
	struct origin origin = {.kind = ORIGIN_LOCAL};
	OWN(admitted) struct admitted *adm = admitted_make(&raw, &head, &origin);
	struct job j = {adm, 0};
	struct fail f = {0};
	double t = seconds();

	must(store_run(s, tables, NULL, &f), &f);
	for (; j.first < n; j.first += PER_EVENT)
		must(store_run(s, one_event, &j, &f), &f);
	t = seconds() - t;
	printf("%-44s %10.2f s   %8.0f k/s\n", "fill store and index, 1000 a commit", t,
	       (double)n / t / 1000);
}

/* ---- searches ------------------------------------------------------------------------------- */

static void search(struct store *s, struct index *ix, enum search_scope scope, const char *json)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	json_t *j = json_loads(json, 0, NULL);
	struct search_result r = {0};
	struct fail f = {0};
	struct query q;
	double best = 1e9;

	must(store_read(s, &t, &f), &f);
	for (int i = 0; i < 5; i++) {
		OWN(arena) struct arena *a = arena_new((size_t)1 << 30);
		double start;

		must(query_parse(&q, scope, j, a, NOW, &f), &f);
		start = seconds();
		must(search_run(ix, t, &q, NULL, NULL, a, &r, &f), &f);
		best = MIN(best, seconds() - start);
	}
	printf("%-10s %-62s %9.2f ms %9" PRIu64 " hits\n",
	       scope == SCOPE_EVENTS	   ? "events"
	       : scope == SCOPE_ATTRIBUTES ? "attributes"
					   : "index",
	       json, best * 1e3, r.n);
	json_decref(j);
}

static void lookups(struct store *s, struct index *ix, uint64_t n)
{
	enum { BULK = 1000000, ONES = 200000 };
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(arena) struct arena *a = arena_new((size_t)1 << 30);
	struct str *v = calloc(BULK, sizeof(*v));
	char(*room)[160] = calloc(BULK, sizeof(*room));
	uint32_t *found = calloc(BULK, sizeof(*found));
	struct search_result r;
	struct fail f = {0};
	struct ix_view view;
	uint64_t hits = 0;
	uint16_t type;
	double start;

	must(store_read(s, &t, &f), &f);
	for (uint64_t i = 0; i < ONES; i++) {
		ptrdiff_t bar;

		v[i] = value_of(mix(i) % n / 10 * 10, &type, room[i]);
		bar = str_chr(v[i], '|');
		if (bar >= 0)
			v[i].n = (size_t)bar;
	}
	start = seconds();
	for (uint64_t i = 0; i < ONES; i++) {
		struct arena_mark mark = arena_mark(a);

		must(search_value(ix, t, v[i], NULL, 10, a, &r, &f), &f);
		hits += r.n > 0;
		arena_rewind(a, mark);
	}
	printf("%-44s %10.0f ns  %8" PRIu64 " of %d there\n", "look up one value",
	       (seconds() - start) / ONES * 1e9, hits, ONES);
	hits = 0;
	for (uint64_t i = 0; i < BULK; i++)
		v[i] = value_of(i % 100 ? mix(i) | UINT64_C(1) << 50 : mix(i) % n / 10 * 10, &type,
				room[i]);
	index_view_begin(ix, &view);
	start = seconds();
	view_values(&view, v, BULK, found);
	printf("%-44s %10.1f ms\n", "1 M values, 99 % unknown, tables only",
	       (seconds() - start) * 1e3);
	start = seconds();
	for (uint64_t i = 0; i < BULK; i++)
		hits += view_value_maybe(&view, v[i]);
	printf("%-44s %10.1f ms  %8" PRIu64 " maybe\n", "the same, filter only, one by one",
	       (seconds() - start) * 1e3, hits);
	index_view_end(&view);
	free(v);
	free(room);
	free(found);
}

static void progress(void *user, const char *step, uint64_t done, uint64_t total)
{
	(void)user;
	(void)step;
	(void)done;
	(void)total;
}

int main(int argc, char **argv)
{
	uint64_t n = (argc > 2 ? strtoull(argv[2], NULL, 10) : 10000) * 1000;
	struct store_opts o = {.dir = argc > 1 ? argv[1] : "", .create = true};
	struct store *s;
	struct index *ix;
	struct index_stats st;
	struct fail f = {0};
	char path[4096], json[200];
	bool there = access(o.dir, F_OK) == 0;
	double t;

	if (argc < 2) {
		fprintf(stderr, "usage: bench_search DIR [thousands of attributes]\n");
		return 2;
	}
	must(store_open(&o, &s, &f), &f);
	t = seconds();
	must(index_open(s, progress, NULL, &ix, &f), &f);
	index_stats(ix, &st);
	if (there)
		printf("%-44s %10.3f s   %s\n", "open", seconds() - t,
		       st.rebuilds ? "(built)" : "(clean)");
	else
		fill(s, n);
	index_stats(ix, &st);
	n = st.rows;
	printf("%-44s %10.1f     (%" PRIu64 " rows)\n", "bytes of index an attribute",
	       (double)st.bytes / (double)n, n);
	lookups(s, ix, n);
	snprintf(json, sizeof(json), "{\"type\":\"ip-dst\",\"timestamp\":%" PRId64 "}",
		 NOW - 10000000 + (int64_t)(n - n / 100));
	search(s, ix, SCOPE_ATTRIBUTES, json);
	search(s, ix, SCOPE_ATTRIBUTES, "{\"type\":\"domain\",\"to_ids\":1,\"limit\":1000}");
	search(s, ix, SCOPE_ATTRIBUTES, "{\"value\":\"%ff00ff%\"}");
	search(s, ix, SCOPE_ATTRIBUTES, "{\"value\":\"%no such thing%\"}");
	search(s, ix, SCOPE_ATTRIBUTES, "{\"value\":\"boat-%\",\"limit\":100}");
	search(s, ix, SCOPE_ATTRIBUTES, "{\"tags\":\"bench:tag-7\"}");
	search(s, ix, SCOPE_ATTRIBUTES, "{\"tags\":\"bench:tag-7\",\"org\":\"7\",\"limit\":100000}");
	search(s, ix, SCOPE_ATTRIBUTES, "{\"limit\":100000}");
	search(s, ix, SCOPE_EVENTS, "{}");
	search(s, ix, SCOPE_EVENTS, "{\"type\":\"ip-dst\"}");
	search(s, ix, SCOPE_EVENTS, "{\"value\":\"%ff00ff%\"}");
	search(s, ix, SCOPE_EVENT_INDEX, "{\"published\":1}");
	if (!there) {
		t = seconds();
		index_close(ix);
		printf("%-44s %10.3f s\n", "close", seconds() - t);
		t = seconds();
		must(index_open(s, progress, NULL, &ix, &f), &f);
		printf("%-44s %10.3f s\n", "open, clean", seconds() - t);
		index_close(ix);
		snprintf(path, sizeof(path), "%s/index/header", o.dir);
		unlink(path);
		t = seconds();
		must(index_open(s, progress, NULL, &ix, &f), &f);
		t = seconds() - t;
		printf("%-44s %10.2f s   %8.0f k/s\n", "rebuild", t, (double)n / t / 1000);
	}
	index_close(ix);
	store_close(s);
	return 0;
}
