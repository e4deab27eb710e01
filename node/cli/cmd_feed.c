/*
 * cmd_feed.c - feeds that the node takes in: list, fetch, remove.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/call.h"
#include "cli/follow.h"
#include "cli/grid.h"
#include "cli/rows.h"

static const char *const names[] = {"name", "url", NULL};
static const struct rows_kind kind = {
	.index = "/feeds/index",
	.wrapper = "Feed",
	.remove = "/feeds/delete",
	.on = "enabled",
	.removed = "feed removed; the events that it brought stay",
	.names = names,
};

static struct str when(struct cli *c, const json_t *row, const char *key)
{
	return term_time(c, json_integer_value(json_object_get(json_object_get(row, "tocsin"), key)));
}

int cmd_feed_list(struct cli *c)
{
	static const struct grid_column cols[] = {
		{"ID", GRID_RIGHT, TERM_DIM},	    {"NAME", GRID_SHRINK, TERM_BOLD},
		{"ON", 0, TERM_PLAIN},		    {"URL", GRID_SHRINK, TERM_NAME},
		{"FORMAT", 0, TERM_PLAIN},	    {"ENTRIES", GRID_RIGHT, TERM_PLAIN},
		{"AGE", GRID_RIGHT, TERM_PLAIN},    {"LAST SUCCESS", 0, TERM_PLAIN},
		{"FAILED", GRID_RIGHT, TERM_PLAIN}, {"PROBLEM", GRID_SHRINK, TERM_BAD},
	};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	OWN(json) json_t *list = NULL;
	size_t i;
	json_t *item;
	if (cli_want_args(c, 0, 0))
		return CLI_USAGE;
	int code = rows_get(c, "/feeds/index?tocsin=1", &list);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(list);
	json_array_foreach(list, i, item) {
		const json_t *f = json_object_get(item, "Feed");
		grid_add(t, cli_text(c, f, "id"));
		grid_add(t, cli_text(c, f, "name"));
		grid_add(t, cli_text(c, f, "enabled"));
		grid_add(t, cli_text(c, f, "url"));
		grid_add(t, cli_text(c, f, "source_format"));
		const json_t *state = json_object_get(f, "tocsin");
		uint64_t failed = rows_count(state, "failed_in_a_row");
		grid_add(t, rows_count(state, "runs") ? term_number(c, rows_count(state, "entries")) : STR_NONE);
		grid_add(t, rows_age(c, json_integer_value(json_object_get(state, "last_success"))));
		grid_add(t, when(c, f, "last_success"));
		grid_add(t, failed ? term_number(c, failed) : STR_NONE);
		grid_add(t, cli_text_in(c, f, "tocsin", "last_error"));
	}
	return grid_print(t, c);
}

static void say_fetched(struct cli *c, struct str name, const json_t *r)
{
	if (json_is_true(json_object_get(r, "not_modified"))) {
		cli_say(c, "%.*s: nothing new", STR_ARG(name));
		return;
	}
	const json_t *v = json_object_get(r, "values");
	if (v) {
		cli_say(c,
			"%.*s: %.*s values, %.*s new, %.*s removed, %.*s restored, %.*s excluded, "
			"%.*s invalid; event %.*s",
			STR_ARG(name), STR_ARG(term_number(c, rows_count(v, "found"))),
			STR_ARG(term_number(c, rows_count(v, "new"))),
			STR_ARG(term_number(c, rows_count(v, "removed"))),
			STR_ARG(term_number(c, rows_count(v, "restored"))),
			STR_ARG(term_number(c, rows_count(v, "excluded"))),
			STR_ARG(term_number(c, rows_count(v, "invalid"))), STR_ARG(cli_text(c, r, "event_id")));
		return;
	}
	cli_say(c,
		"%.*s: %.*s events listed, %.*s new, %.*s updated, %.*s here already, %.*s refused, "
		"%.*s failed",
		STR_ARG(name), STR_ARG(term_number(c, rows_count(r, "listed"))),
		STR_ARG(term_number(c, rows_count(r, "added"))),
		STR_ARG(term_number(c, rows_count(r, "updated"))),
		STR_ARG(term_number(c, rows_count(r, "current") + rows_count(r, "unchanged"))),
		STR_ARG(term_number(c, rows_count(r, "refused"))),
		STR_ARG(term_number(c, rows_count(r, "failed"))));
}

static int fetch_one(struct cli *c, const json_t *feed, json_t *results)
{
	OWN(json) json_t *result = NULL;
	struct str id = cli_text(c, feed, "id"), name = cli_text(c, feed, "name");
	struct str path = arena_printf(c->arena, "/feeds/fetchFromFeed/%.*s?progress=1%s",
				       STR_ARG(id), cli_opt(c, "again") ? "&again=1" : "");
	int code = follow(c, path, arena_printf(c->arena, "%.*s", STR_ARG(name)).p, &result);
	if (!result)
		return code;
	say_fetched(c, name, result);
	json_object_set(result, "feed", json_object_get(feed, "id"));
	json_array_append(results, result);
	return code;
}

int cmd_feed_fetch(struct cli *c)
{
	return rows_each(c, &kind, fetch_one);
}

int cmd_feed_remove(struct cli *c)
{
	return rows_remove(c, &kind);
}
