/* test_feed_schedule.c - feeds are fetched when they are due, and only then. */
#include "sync/feed_schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/tap/tap.h"
#include "tests/unit/feeds_out/world.h"

static struct world w;
static char folder[512];

static enum err row_put(struct store_wtxn *wt, void *arg, struct fail *f)
{
	struct misp_feed *row = arg;
	if (!row->id)
		row->id = store_new_row_id(wt, T_FEED);
	return store_put(wt, T_FEED, row->id, row, f);
}

static uint64_t feed(uint64_t interval_s, bool enabled, int64_t last_try)
{
	struct misp_feed row = {.url = str_c(folder),
				.enabled = enabled,
				.distribution = 5,
				.interval_s = interval_s,
				.last_try = last_try,
				.source_format = STR("misp"),
				.input_source = STR("local")};
	struct fail f = {0};
	is_ok(store_run(w.store, row_put, &row, &f), "a feed");
	return row.id;
}

static int64_t last_try(uint64_t id)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(arena) struct arena *a = arena_new(1u << 20);
	struct fail f = {0};
	struct misp_feed row;
	return store_read(w.store, &t, &f) == ERR_OK &&
			       store_get(t, T_FEED, id, a, &row) == ERR_OK
		       ? row.last_try
		       : -1;
}

/* Within ten seconds. */
static bool tried(uint64_t id, int64_t after)
{
	for (int i = 0; i < 200; i++) {
		if (last_try(id) > after)
			return true;
		usleep(50000);
	}
	return false;
}

int main(void)
{
	const char *top = getenv("top_srcdir");
	struct feed_schedule *s = NULL;
	struct fail f = {0};
	world_open(&w, "misp-compat");
	snprintf(folder, sizeof(folder), "%s/contrib/sample-feed", top ? top : ".");
	int64_t now = clock_now();
	uint64_t often = feed(1, true, 0), off = feed(1, false, 0), without = feed(0, true, 0),
		 overdue = feed(3600, true, now - 7200), later = feed(3600, true, now - 60);
	struct feed_schedule_opts o = {.in = &w.in, .org_id = 1, .tick_ms = 50};
	is_ok(feed_schedule_start(&o, &s, &f), "the schedule starts");
	ok(tried(overdue, now - 1), "a feed that is overdue is fetched");
	ok(tried(often, 0), "a new one after its interval");
	int64_t first = last_try(often);
	ok(tried(often, first), "and again");
	is_int(last_try(off), 0, "not one that is off");
	is_int(last_try(without), 0, "nor one without interval");
	is_int(last_try(later), now - 60, "nor one whose time has not come");
	feed_schedule_stop(MOVE(s));
	o.interval_s = 1;
	is_ok(feed_schedule_start(&o, &s, &f), "with an interval for all");
	ok(tried(without, 0), "it is fetched too");
	int64_t t = clock_boot_ms();
	feed_schedule_stop(s);
	ok(clock_boot_ms() - t < 3000, "stopping does not wait for the next tick");
	OWN(store_rtxn) struct store_rtxn *rt = NULL;
	is_ok(store_read(w.store, &rt, &f), "read");
	is_uint(store_count(rt, T_EVENT), 8, "the events are there");
	store_read_end(MOVE(rt));
	world_close(&w);
	return done_testing();
}
