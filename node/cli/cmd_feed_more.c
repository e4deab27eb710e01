/*
 * cmd_feed_more.c - the catalogue of public feeds, and switching feeds on and off.
 */
#include <stdio.h>
#include <string.h>

#include "cli/call.h"
#include "cli/grid.h"
#include "cli/rows.h"

static const char *const names[] = {"name", "url", NULL};

/* ---- the catalogue ---- */

static bool is_wanted(const struct cli *c, struct str name)
{
	for (size_t i = 0; i < c->argc; i++)
		if (str_eq_nocase(name, str_c(c->argv[i])))
			return true;
	return c->argc == 0;
}

static size_t entered(struct cli *c, const json_t *list)
{
	size_t i, n = 0;
	const json_t *v;
	json_array_foreach(list, i, v)
		n += cli_text_in(c, v, "Feed", "id").n > 0;
	return n;
}

static int show(struct cli *c, const json_t *list)
{
	static const struct grid_column cols[] = {
		{"ID", GRID_RIGHT, TERM_DIM},
		{"NAME", GRID_SHRINK, TERM_BOLD},
		{"PROVIDER", GRID_SHRINK, TERM_PLAIN},
		{"FORMAT", 0, TERM_PLAIN},
		{"URL", GRID_SHRINK, TERM_NAME},
	};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	size_t i;
	const json_t *v;
	json_array_foreach(list, i, v) {
		const json_t *f = json_object_get(v, "Feed");
		if (!is_wanted(c, cli_text(c, f, "name")))
			continue;
		grid_add(t, cli_text(c, f, "id"));
		grid_add(t, cli_text(c, f, "name"));
		grid_add(t, cli_text(c, f, "provider"));
		grid_add(t, cli_text(c, f, "source_format"));
		grid_add(t, cli_text(c, f, "url"));
	}
	return grid_print(t, c);
}

static json_t *wanted_names(const struct cli *c)
{
	json_t *body = json_object(), *list = json_array();
	for (size_t i = 0; i < c->argc; i++)
		json_array_append_new(list, json_string(c->argv[i]));
	if (c->argc)
		json_object_set(body, "names", list);
	json_decref(list);
	return body;
}

int cmd_feed_defaults(struct cli *c)
{
	OWN(json) json_t *before = NULL;
	OWN(json) json_t *done = NULL;
	OWN(json) json_t *after = NULL;
	int code = rows_get(c, "/tocsin/feedDefaults", &before);
	if (code == CLI_OK && !cli_opt(c, "load"))
		return c->json ? cli_print_json(before) : show(c, before);
	if (code == CLI_OK)
		code = call_json(c, "POST", STR("/feeds/loadDefaultFeeds"), wanted_names(c), &done);
	if (code == CLI_OK)
		code = rows_get(c, "/tocsin/feedDefaults", &after);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(after);
	cli_say(c, "%zu feeds entered, switched off; now: tocsin feed enable NAME, tocsin feed fetch NAME",
		entered(c, after) - entered(c, before));
	return CLI_OK;
}

/* ---- on and off ---- */

static int each(struct cli *c, const char *path, const char *what)
{
	OWN(json) json_t *list = NULL;
	const json_t *row;
	if (cli_want_args(c, 1, SIZE_MAX))
		return CLI_USAGE;
	int code = rows_get(c, "/feeds/index", &list);
	for (size_t i = 0; code == CLI_OK && i < c->argc; i++) {
		code = rows_find(c, list, "Feed", names, c->argv[i], &row);
		if (code == CLI_OK)
			code = rows_post(c, path, cli_text(c, row, "id"));
		if (code == CLI_OK)
			cli_say(c, "%s: %s", c->argv[i], what);
	}
	return code;
}

int cmd_feed_enable(struct cli *c)
{
	return each(c, "/feeds/enable", "is fetched from now on");
}

int cmd_feed_disable(struct cli *c)
{
	return each(c, "/feeds/disable", "is not fetched any more; what it brought stays");
}
