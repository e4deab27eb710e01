/*
 * fixture.h - a real store and index with the policy misp-compat in a temporary folder, for the tests
 * of this room. Rows that must be there first come from the test.
 */
#pragma once

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "ingest/ingest.h"
#include "tests/tap/tap.h"

static char fix_dir[] = "/tmp/tocsin-ingest-XXXXXX";
static struct store *store;
static struct index *ix;
static struct ingest_env env;
static struct arena *arena;

static struct policy *fix_policy(void *user)
{
	(void)user;
	return policy_shipped("misp-compat");
}

/* Call once; `rows` writes what is there from the start, organisation 1 at least. */
static void fix_begin(store_run_fn rows)
{
	struct fail f = {0};
	struct store_opts o = {.dir = fix_dir, .create = true};
	if (!mkdtemp(fix_dir))
		bail_out("mkdtemp");
	if (store_open(&o, &store, &f) != ERR_OK || store_run(store, rows, NULL, &f) != ERR_OK ||
	    index_open(store, NULL, NULL, &ix, &f) != ERR_OK)
		bail_out("%s", f.text);
	arena = arena_new(64 << 20);
	env = (struct ingest_env){.store = store,
				  .index = ix,
				  .policy = fix_policy,
				  .spool_dir = fix_dir,
				  .host_org_id = 1,
				  .default_event_distribution = 1,
				  .default_attr_distribution = 5};
}

static enum err fix_take(void *user, struct raw_event *r, struct fail *f)
{
	(void)f;
	*(struct raw_event **)user = r;
	return ERR_OK;
}

/* A document that must be readable. */
static struct raw_event *fix_parse(enum raw_root root, const char *json)
{
	struct raw_event *raw = NULL;
	struct fail f = {0};
	struct json_read_opts o = {.root = root};
	OWN(json_read) struct json_read *j = json_read_new(&o, fix_take, &raw);
	if (json_read_feed(j, json, strlen(json), &f) != ERR_OK || json_read_end(j, &f) != ERR_OK)
		bail_out("%s: %s", f.text, json);
	return raw;
}

static int fix_remove(const char *path, const struct stat *st, int flag, struct FTW *w)
{
	(void)st, (void)flag, (void)w;
	return remove(path);
}

static int fix_end(void)
{
	arena_free(arena);
	index_close(ix);
	store_close(store);
	nftw(fix_dir, fix_remove, 16, FTW_DEPTH | FTW_PHYS);
	return done_testing();
}
