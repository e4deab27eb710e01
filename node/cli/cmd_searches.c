/*
 * cmd_searches.c - searches that are kept under a name: save, list, run, delete.
 */
#include <stdio.h>
#include <string.h>

#include "cli/call.h"
#include "cli/export.h"
#include "cli/grid.h"
#include "cli/search.h"

static struct str path_of(struct cli *c, const char *verb, const char *name)
{
	return arena_printf(c->arena, "/tocsin/searches/%s/%.*s", verb,
			    STR_ARG(call_segment(c, str_c(name))));
}

int cmd_searches_save(struct cli *c)
{
	OWN(json) json_t *filter = json_object();
	OWN(json) json_t *j = NULL;
	const char *text = cli_opt(c, "description");
	if (cli_want_args(c, 1, SIZE_MAX) || search_terms(c, 1, filter))
		return CLI_USAGE;
	const char *scope = cli_opt(c, "events") ? "events" : cli_opt(c, "objects") ? "objects" : "attributes";
	struct str path = STR("/tocsin/searches/add");
	if (cli_opt(c, "replace"))
		path = path_of(c, "edit", c->argv[0]);
	json_t *row = json_pack("{s:s s:s s:O s:b}", "name", c->argv[0], "scope", scope, "filter", filter,
				"shared", cli_opt(c, "share") != NULL);
	if (text)
		json_object_set_new(row, "description", json_string(text));
	int code = call_json(c, "POST", path, json_pack("{s:o}", "SavedSearch", row), &j);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(j);
	cli_say(c, "saved; now: tocsin search run %s", c->argv[0]);
	return CLI_OK;
}

static struct str filter_text(struct cli *c, const json_t *filter)
{
	OWN(chars) char *text = json_dumps(filter, JSON_COMPACT | JSON_SORT_KEYS);
	return arena_str(c->arena, str_c(text ? text : ""));
}

int cmd_searches_list(struct cli *c)
{
	static const struct grid_column cols[] = {
		{"ID", GRID_RIGHT, TERM_DIM},	   {"NAME", 0, TERM_BOLD},
		{"SCOPE", 0, TERM_PLAIN},	   {"FILTER", GRID_SHRINK, TERM_NAME},
		{"SHARED", 0, TERM_PLAIN},	   {"OWN", 0, TERM_PLAIN},
		{"DESCRIPTION", GRID_SHRINK, TERM_PLAIN},
	};
	OWN(json) json_t *list = NULL;
	size_t i;
	json_t *row;
	if (cli_want_args(c, 0, 0))
		return CLI_USAGE;
	int code = call_json(c, "GET", STR("/tocsin/searches/index"), NULL, &list);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(list);
	if (!json_array_size(list)) {
		cli_say(c, "No search is saved.");
		return CLI_OK;
	}
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	json_array_foreach(list, i, row) {
		const json_t *s = json_object_get(row, "SavedSearch");
		grid_add(t, cli_text(c, s, "id"));
		grid_add(t, cli_text(c, s, "name"));
		grid_add(t, cli_text(c, s, "scope"));
		grid_add(t, filter_text(c, json_object_get(s, "filter")));
		grid_add(t, cli_text(c, s, "shared"));
		grid_add(t, cli_text(c, s, "own"));
		grid_add(t, cli_text(c, s, "description"));
	}
	return grid_print(t, c);
}

/* Other formats than JSON go out as they come. */
int cmd_searches_run(struct cli *c)
{
	OWN(json) json_t *more = json_object();
	OWN(json) json_t *row = NULL;
	OWN(json) json_t *answer = NULL;
	if (cli_want_args(c, 1, SIZE_MAX) || cli_filters(c, 1, more))
		return CLI_USAGE;
	int code = call_json(c, "GET", path_of(c, "view", c->argv[0]), NULL, &row);
	if (code != CLI_OK)
		return code;
	const json_t *s = json_object_get(row, "SavedSearch"), *filter = json_object_get(s, "filter");
	const char *format = json_string_value(json_object_get(more, "returnFormat"));
	struct str scope = cli_text(c, s, "scope"), path = path_of(c, "run", c->argv[0]);
	if (!format)
		format = json_string_value(json_object_get(filter, "returnFormat"));
	if (cli_opt(c, "output") || (format && strcmp(format, "json") != 0)) {
		OWN(chars) char *text = json_dumps(more, JSON_COMPACT);
		struct call what = {.method = "POST", .path = path, .body = str_c(text)};
		return export_run(c, &what, cli_opt(c, "output"));
	}
	if (!json_object_get(more, "limit") && !json_object_get(filter, "limit"))
		json_object_set_new(more, "limit", json_integer(SEARCH_SHOWN));
	if (str_is(scope, "events"))
		json_object_set_new(more, "metadata", json_true());
	code = call_json(c, "POST", path, json_incref(more), &answer);
	return code == CLI_OK ? search_list(c, scope, answer) : code;
}

int cmd_searches_delete(struct cli *c)
{
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	int code = call_plain(c, "POST", path_of(c, "delete", c->argv[0]), NULL);
	if (code == CLI_OK)
		cli_say(c, "search deleted");
	return code;
}
