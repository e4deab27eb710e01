/*
 * cmd_quarantine.c - documents that wait for a decision: the list, one of them, the decision.
 */
#include <stdio.h>

#include "cli/export.h"
#include "cli/grid.h"
#include "cli/rows.h"

static struct str path_of(struct cli *c, const char *verb, const char *number)
{
	return arena_printf(c->arena, "/tocsin/quarantine/%s/%.*s", verb,
			    STR_ARG(call_segment(c, str_c(number))));
}

static struct str when(struct cli *c, const json_t *j, const char *key)
{
	return term_time(c, json_integer_value(json_object_get(j, key)));
}

int cmd_quarantine_list(struct cli *c)
{
	static const struct grid_column cols[] = {
		{"NUMBER", GRID_RIGHT, TERM_BOLD}, {"CAME", 0, TERM_PLAIN},   {"FROM", 0, TERM_NAME},
		{"RULES", 0, TERM_WARN},	   {"EVENT", 0, TERM_PLAIN},  {"BYTES", GRID_RIGHT, TERM_PLAIN},
		{"INFO", GRID_SHRINK, TERM_PLAIN}};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	OWN(json) json_t *j = NULL;
	size_t i;
	json_t *row;
	if (cli_want_args(c, 0, 0))
		return CLI_USAGE;
	int code = call_json(c, "GET", STR("/tocsin/quarantine/index"), NULL, &j);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(j);
	json_array_foreach(json_object_get(j, "waiting"), i, row) {
		grid_add(t, cli_text(c, row, "number"));
		grid_add(t, when(c, row, "time"));
		grid_add(t, cli_text(c, row, "sender"));
		grid_add(t, cli_text(c, row, "rules"));
		grid_add(t, cli_text(c, row, "uuid"));
		grid_add(t, term_bytes(c, rows_count(row, "bytes")));
		grid_add(t, cli_text(c, row, "info"));
	}
	return grid_print(t, c);
}

static int show_content(struct cli *c, const char *number)
{
	struct call what = {.method = "GET", .path = path_of(c, "content", number)};
	return export_run(c, &what, cli_opt(c, "output"));
}

int cmd_quarantine_show(struct cli *c)
{
	static const char *const plain[][2] = {
		{"rules", "rules"},	      {"event", "uuid"},	  {"info", "info"},
		{"creator", "creator"},	      {"attributes", "attributes"}, {"objects", "objects"},
		{"reports", "reports"},	      {"sha256", "sha256"}};
	OWN(json) json_t *j = NULL;
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	if (cli_opt(c, "content"))
		return show_content(c, c->argv[0]);
	int code = call_json(c, "GET", path_of(c, "view", c->argv[0]), NULL, &j);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(j);
	term_pair(c, "number", TERM_BOLD, cli_text(c, j, "number"));
	term_pair(c, "came", TERM_PLAIN, when(c, j, "time"));
	term_pair(c, "from", TERM_NAME,
		  arena_printf(c->arena, "%.*s %.*s", STR_ARG(cli_text(c, j, "from")),
			       STR_ARG(cli_text(c, j, "sender"))));
	term_pair(c, "version", TERM_PLAIN, when(c, j, "timestamp"));
	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		term_pair(c, plain[i][0], TERM_PLAIN, cli_text(c, j, plain[i][1]));
	term_pair(c, "bytes", TERM_PLAIN, term_bytes(c, rows_count(j, "bytes")));
	return CLI_OK;
}

/* One after the other; the worst exit code. */
static int decide(struct cli *c, const char *verb, const char *done)
{
	OWN(json) json_t *results = json_array();
	int worst = CLI_OK;
	if (cli_want_args(c, 1, SIZE_MAX))
		return CLI_USAGE;
	for (size_t i = 0; i < c->argc; i++) {
		json_t *j = NULL;
		int code = call_json(c, "POST", path_of(c, verb, c->argv[i]), NULL, &j);
		worst = cli_worse(worst, code);
		if (code == CLI_OK)
			cli_say(c, "%s %s", c->argv[i], done);
		if (j)
			json_array_append_new(results, j);
	}
	if (c->json && worst == CLI_OK)
		cli_print_json(results);
	return worst;
}

int cmd_quarantine_accept(struct cli *c)
{
	return decide(c, "accept", "accepted");
}

int cmd_quarantine_reject(struct cli *c)
{
	return decide(c, "reject", "rejected; this version does not come again");
}
