/*
 * test_roundtrip.c - the sample feed goes into one node, its own feed into a second, and the
 * second's feed has the same values under the same events.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "feeds/out/feedout.h"
#include "sync/feed_fetch.h"
#include "tests/tap/tap.h"
#include "tests/unit/feeds_out/world.h"

static enum err row_put(struct store_wtxn *wt, void *arg, struct fail *f)
{
	struct misp_feed *row = arg;
	row->id = store_new_row_id(wt, T_FEED);
	return store_put(wt, T_FEED, row->id, row, f);
}

static void take_in(struct world *w, const char *dir, uint64_t want)
{
	static struct feed_fetch_result res;
	struct misp_feed row = {.url = str_c(dir),
				.enabled = true,
				.distribution = 5,
				.source_format = STR("misp"),
				.input_source = STR("local")};
	struct fail f = {0};
	is_ok(store_run(w->store, row_put, &row, &f), "feed row");
	struct feed_fetch_opts o = {.in = &w->in, .feed_id = row.id, .org_id = 1};
	is_err(feed_fetch_run(&o, &res, &f), ERR_OK, "%s is taken in", dir);
	is_uint(res.n.added, want, "all of it");
	for (unsigned i = 0; i < res.n.n_problems; i++)
		diag("%s", res.n.problems[i].text);
}

static void give_out(struct world *w, const char *dir)
{
	struct audience aud = world_audience("public-feed");
	struct feedout_result res;
	struct fail f = {0};
	struct feedout_opts o = {
		.env = &w->out, .audience = &aud, .dir = dir, .policy_version = "1"};
	is_err(feedout_update(&o, &res, &f), ERR_OK, "%s is written", dir);
}

/* What a second node may not keep: who owns the copy, and when it was published here. */
static void forget(json_t *event)
{
	static const char *const keys[] = {"Org", "publish_timestamp", "locked"};
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		json_object_del(event, keys[i]);
}

static bool same_event(const char *a, const char *b, const char *uuid)
{
	char name[64];
	snprintf(name, sizeof(name), "%.40s.json", uuid);
	char *x = world_file(a, name, NULL), *y = world_file(b, name, NULL);
	json_t *one = x ? json_loads(x, 0, NULL) : NULL, *two = y ? json_loads(y, 0, NULL) : NULL;
	forget(json_object_get(one, "Event"));
	forget(json_object_get(two, "Event"));
	bool same = one && json_equal(one, two);
	if (!same)
		diag("first: %s\n# second: %s", x ? x : "", y ? y : "");
	json_decref(one);
	json_decref(two);
	free(x);
	free(y);
	return same;
}

int main(void)
{
	struct world first, second;
	char from[512], one[128], two[128];
	const char *top = getenv("top_srcdir");
	world_open(&first, "misp-compat");
	world_open(&second, "misp-compat");
	snprintf(from, sizeof(from), "%s/contrib/sample-feed", top ? top : ".");
	snprintf(one, sizeof(one), "%s/one", first.dir);
	snprintf(two, sizeof(two), "%s/two", second.dir);
	take_in(&first, from, 8);
	give_out(&first, one);
	take_in(&second, one, 8);
	give_out(&second, two);
	char *a = world_file(one, "hashes.csv", NULL), *b = world_file(two, "hashes.csv", NULL);
	ok(a && b && strlen(a) > 3000, "digests of values");
	is_str(a, b, "are the same");
	free(b);
	b = world_file(from, "hashes.csv", NULL);
	is_str(a, b, "as in the feed that was shipped");
	free(a);
	free(b);
	a = world_file(one, "manifest.json", NULL);
	b = world_file(two, "manifest.json", NULL);
	is_str(a, b, "so is the manifest");
	json_t *m = a ? json_loads(a, 0, NULL) : NULL, *v;
	const char *uuid;
	is_uint(json_object_size(m), 8, "of eight events");
	json_object_foreach(m, uuid, v)
		ok(same_event(one, two, uuid), "%s is the same", uuid);
	json_decref(m);
	free(a);
	free(b);
	world_close(&first);
	world_close(&second);
	return done_testing();
}
