/*
 * cmd_feed.c - feeds that the node takes in: add, list, fetch, remove.
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

/* A folder is taken by its full path: the daemon has another working folder. */
static bool place(const char *given, json_t *feed)
{
	char path[4096];
	if (strncmp(given, "http://", 7) == 0 || strncmp(given, "https://", 8) == 0) {
		json_object_set_new(feed, "url", json_string(given));
		json_object_set_new(feed, "input_source", json_string("network"));
		return true;
	}
	if (!realpath(given, path))
		return false;
	json_object_set_new(feed, "url", json_string(path));
	json_object_set_new(feed, "input_source", json_string("local"));
	return true;
}

static void put_text(json_t *o, const char *key, const char *value)
{
	if (value)
		json_object_set_new(o, key, json_string(value));
}

/* What the feed is, and how its values are read. */
static void format(struct cli *c, json_t *feed)
{
	const char *name = cli_opt(c, "format") ? cli_opt(c, "format") : "misp";
	json_t *csv = json_object(), *common = json_object();
	put_text(feed, "source_format", name);
	if (strcmp(name, "misp") != 0) {
		put_text(csv, "value", cli_opt(c, "columns"));
		put_text(csv, "delimiter", cli_opt(c, "delimiter"));
		put_text(common, "excluderegex", cli_opt(c, "exclude"));
		json_object_set_new(feed, "settings", json_pack("{s:O,s:O}", "csv", csv, "common", common));
		json_object_set_new(feed, "fixed_event", json_true());
		json_object_set_new(feed, "delta_merge", json_boolean(cli_opt(c, "delta") != NULL));
	}
	json_decref(csv);
	json_decref(common);
}

static bool is_format(const char *s)
{
	return !s || strcmp(s, "misp") == 0 || strcmp(s, "csv") == 0 || strcmp(s, "freetext") == 0;
}

int cmd_feed_add(struct cli *c)
{
	OWN(json) json_t *j = NULL;
	json_int_t every = 0;
	if (cli_want_args(c, 1, 2))
		return CLI_USAGE;
	if (cli_opt(c, "every") && !cli_duration(cli_opt(c, "every"), &every))
		return cli_usage(c, "--every wants a time such as 30m, 6h or 1d");
	if (!is_format(cli_opt(c, "format")))
		return cli_usage(c, "--format is misp, csv or freetext");
	const char *name = c->argc == 2 ? c->argv[1] : c->argv[0];
	const char *provider = cli_opt(c, "provider"), *distribution = cli_opt(c, "distribution");
	json_t *feed = json_object();
	if (!place(c->argv[0], feed)) {
		json_decref(feed);
		return cli_fail(c, CLI_FINDING, "%s is no URL and no folder", c->argv[0]);
	}
	json_object_set_new(feed, "name", json_string(name));
	json_object_set_new(feed, "provider", json_string(provider ? provider : name));
	format(c, feed);
	json_object_set_new(feed, "enabled", json_boolean(!cli_opt(c, "disabled")));
	json_object_set_new(feed, "distribution", json_string(distribution ? distribution : "5"));
	json_object_set_new(feed, "interval_s", json_integer(every));
	if (cli_opt(c, "header"))
		json_object_set_new(feed, "headers", json_string(cli_opt(c, "header")));
	int code = call_json(c, "POST", STR("/feeds/add"), json_pack("{s:o}", "Feed", feed), &j);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(j);
	cli_say(c, "feed %.*s added; now: tocsin feed fetch %.*s",
		STR_ARG(cli_text_in(c, j, "Feed", "id")), STR_ARG(cli_text_in(c, j, "Feed", "id")));
	if (str_is(cli_text_in(c, j, "Feed", "input_source"), "local"))
		cli_say(c, "The daemon is confined: name the folder under `readable` in tocsin.yaml, or "
			   "take it in with `tocsin import`.");
	return CLI_OK;
}

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
	char what[80];
	snprintf(what, sizeof(what), "feed %.*s", STR_ARG(id));
	int code = follow(c, path, what, &result);
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
