/*
 * cmd_approvals.c - what waits for a second person: lists, and the second person's word.
 */
#include <stdio.h>

#include "cli/call.h"
#include "cli/grid.h"

static enum term_style state_style(struct str s)
{
	return str_is(s, "pending") ? TERM_WARN : str_is(s, "approved") ? TERM_GOOD : TERM_DIM;
}

static struct str target(struct cli *c, const json_t *j)
{
	struct str attr = cli_text(c, j, "attribute");
	return arena_printf(c->arena, "event %.*s%s%.*s", STR_ARG(cli_text(c, j, "event")),
			    attr.n ? ", attribute " : "", STR_ARG(attr));
}

static struct str when(struct cli *c, const json_t *j, const char *key)
{
	return term_time(c, json_integer_value(json_object_get(j, key)));
}

static int show_list(struct cli *c, const json_t *list)
{
	static const struct grid_column cols[] = {
		{"N", GRID_RIGHT, TERM_BOLD},	{"STATE", 0, TERM_PLAIN}, {"WHAT", 0, TERM_PLAIN},
		{"TAG", GRID_SHRINK, TERM_PLAIN}, {"OF", 0, TERM_PLAIN},	  {"ASKED BY", 0, TERM_NAME},
		{"EXPIRES", 0, TERM_DIM},	{"DECIDED BY", 0, TERM_NAME}};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	const json_t *j;
	size_t i;
	json_array_foreach(list, i, j) {
		struct str state = cli_text(c, j, "state");
		grid_add(t, cli_text(c, j, "id"));
		grid_add_styled(t, state, state_style(state));
		grid_add(t, cli_text(c, j, "what"));
		grid_add(t, cli_text(c, j, "tag"));
		grid_add(t, target(c, j));
		grid_add(t, cli_text(c, j, "asked_by"));
		grid_add(t, when(c, j, "expires"));
		grid_add(t, cli_text(c, j, "decided_by"));
	}
	return grid_print(t, c);
}

int cmd_approvals_list(struct cli *c)
{
	OWN(json) json_t *j = NULL;
	bool all = cli_opt(c, "all") != NULL;
	if (cli_want_args(c, 0, 0))
		return CLI_USAGE;
	int code = call_json(c, "GET",
			     all ? STR("/tocsin/approvals/list?all=1") : STR("/tocsin/approvals/list"), NULL, &j);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(j);
	if (!json_array_size(j)) {
		cli_say(c, "Nothing waits for a second person.");
		return CLI_OK;
	}
	return show_list(c, j);
}

static int show_one(struct cli *c, const json_t *j)
{
	struct str state = cli_text(c, j, "state");
	term_pair(c, "approval", TERM_BOLD, cli_text(c, j, "id"));
	term_pair(c, "state", state_style(state), state);
	term_pair(c, cli_text(c, j, "what").p, TERM_PLAIN, cli_text(c, j, "tag"));
	term_pair(c, "of", TERM_PLAIN, target(c, j));
	term_pair(c, "asked by", TERM_PLAIN, cli_text(c, j, "asked_by"));
	term_pair(c, "asked", TERM_PLAIN, when(c, j, "asked"));
	term_pair(c, "expires", TERM_PLAIN, when(c, j, "expires"));
	if (cli_text(c, j, "decided_by").n) {
		term_pair(c, "decided by", TERM_PLAIN, cli_text(c, j, "decided_by"));
		term_pair(c, "decided", TERM_PLAIN, when(c, j, "decided"));
	}
	return CLI_OK;
}

static int one(struct cli *c, const char *method, const char *verb)
{
	OWN(json) json_t *j = NULL;
	uint64_t id;
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	if (!str_u64(str_c(c->argv[0]), &id))
		return cli_usage(c, "the number of an approval is wanted, as in tocsin approvals list");
	int code = call_json(c, method,
			     arena_printf(c->arena, "/tocsin/approvals/%s/%llu", verb,
					  (unsigned long long)id),
			     NULL, &j);
	if (code != CLI_OK)
		return code;
	return c->json ? cli_print_json(j) : show_one(c, j);
}

int cmd_approvals_show(struct cli *c)
{
	return one(c, "GET", "show");
}

int cmd_approve(struct cli *c)
{
	return one(c, "POST", "approve");
}

int cmd_approvals_reject(struct cli *c)
{
	return one(c, "POST", "reject");
}
