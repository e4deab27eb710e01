/*
 * cmd_feed_caches.c - what values feeds and peers know: caching it, and how much they share.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/call.h"
#include "cli/grid.h"
#include "cli/rows.h"

static const char *const names[] = {"name", "url", NULL};

/* Each named one, or all whose caching is on. */
static int cache(struct cli *c, const char *index, const char *wrapper, const char *path, const char *done)
{
	OWN(json) json_t *list = NULL;
	const json_t *row;
	int code = CLI_OK;
	if (!c->argc) {
		code = call_plain(c, "POST", arena_printf(c->arena, "%s/all", path), json_object());
		if (code == CLI_OK)
			cli_say(c, "%s", done);
		return code;
	}
	code = rows_get(c, index, &list);
	for (size_t i = 0; code == CLI_OK && i < c->argc; i++) {
		code = rows_find(c, list, wrapper, names, c->argv[i], &row);
		if (code == CLI_OK)
			code = rows_post(c, path, cli_text(c, row, "id"));
		if (code == CLI_OK)
			cli_say(c, "%s: cached", c->argv[i]);
	}
	return code;
}

int cmd_feed_cache(struct cli *c)
{
	return cache(c, "/feeds/index", "Feed", "/feeds/cacheFeeds", "all feeds whose caching is on are cached");
}

int cmd_peer_cache(struct cli *c)
{
	return cache(c, "/servers/index", "Server", "/servers/cache", "all peers whose caching is on are cached");
}

/* ---- overlap ---- */

static struct str percent(struct cli *c, uint64_t part, uint64_t all)
{
	return all ? arena_printf(c->arena, "%.1f%%", 100.0 * (double)part / (double)all) : STR("-");
}

static int show_sources(struct cli *c, const json_t *list)
{
	static const struct grid_column cols[] = {
		{"SOURCE", 0, TERM_DIM},
		{"NAME", GRID_SHRINK, TERM_BOLD},
		{"VALUES", GRID_RIGHT, TERM_PLAIN},
		{"AGE", GRID_RIGHT, TERM_PLAIN},
		{"HERE", GRID_RIGHT, TERM_PLAIN},
		{"", GRID_RIGHT, TERM_DIM},
		{"ELSEWHERE", GRID_RIGHT, TERM_PLAIN},
		{"", GRID_RIGHT, TERM_DIM},
	};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	size_t i;
	const json_t *s;
	json_array_foreach(list, i, s) {
		uint64_t all = rows_count(s, "values");
		bool store = json_object_get(s, "here") != NULL;
		grid_add(t, cli_text(c, s, "key"));
		grid_add(t, cli_text(c, s, "name"));
		grid_add(t, term_number(c, all));
		grid_add(t, rows_age(c, json_integer_value(json_object_get(s, "time"))));
		grid_add(t, store ? term_number(c, rows_count(s, "here")) : STR("-"));
		grid_add(t, store ? percent(c, rows_count(s, "here"), all) : STR_NONE);
		grid_add(t, term_number(c, rows_count(s, "others")));
		grid_add(t, percent(c, rows_count(s, "others"), all));
	}
	return grid_print(t, c);
}

static const json_t *source_of(const json_t *list, const char *key)
{
	size_t i;
	const json_t *s;
	json_array_foreach(list, i, s)
		if (key && strcmp(json_string_value(json_object_get(s, "key")), key) == 0)
			return s;
	return NULL;
}

static int show_pairs(struct cli *c, const json_t *sources, const json_t *pairs)
{
	static const struct grid_column cols[] = {
		{"A", GRID_SHRINK, TERM_BOLD},
		{"B", GRID_SHRINK, TERM_BOLD},
		{"SHARED", GRID_RIGHT, TERM_PLAIN},
		{"OF A", GRID_RIGHT, TERM_DIM},
		{"OF B", GRID_RIGHT, TERM_DIM},
	};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	size_t i;
	const json_t *p;
	json_array_foreach(pairs, i, p) {
		const json_t *a = source_of(sources, json_string_value(json_object_get(p, "a")));
		const json_t *b = source_of(sources, json_string_value(json_object_get(p, "b")));
		uint64_t n = rows_count(p, "values");
		grid_add(t, cli_text(c, a, "name"));
		grid_add(t, cli_text(c, b, "name"));
		grid_add(t, term_number(c, n));
		grid_add(t, percent(c, n, rows_count(a, "values")));
		grid_add(t, percent(c, n, rows_count(b, "values")));
	}
	return i ? grid_print(t, c) : CLI_OK;
}

int cmd_feed_overlap(struct cli *c)
{
	OWN(json) json_t *j = NULL;
	if (cli_want_args(c, 0, 0))
		return CLI_USAGE;
	const char *path = cli_opt(c, "no-store") ? "/tocsin/feedOverlap?store=0" : "/tocsin/feedOverlap";
	int code = call_json(c, "GET", str_c(path), NULL, &j);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(j);
	const json_t *sources = json_object_get(j, "sources");
	if (!json_array_size(sources)) {
		cli_say(c, "nothing is cached: tocsin feed cache, tocsin peer cache");
		return CLI_OK;
	}
	code = show_sources(c, sources);
	if (c->terminal && json_array_size(json_object_get(j, "pairs")))
		puts("");
	return cli_worse(code, show_pairs(c, sources, json_object_get(j, "pairs")));
}
