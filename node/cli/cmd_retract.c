/*
 * cmd_retract.c - what was taken back from whom, and what came of it.
 */
#include "cli/call.h"
#include "cli/grid.h"

static json_t *filter(struct cli *c)
{
	json_t *body = json_object();
	const char *audience = cli_opt(c, "audience"), *state = cli_opt(c, "state");
	if (audience)
		json_object_set_new(body, "audience", json_string(audience));
	if (state)
		json_object_set_new(body, "state", json_string(state));
	if (c->argc)
		json_object_set_new(body, "uuid", json_string(c->argv[0]));
	return body;
}

static enum term_style style_of(struct str state)
{
	return str_is(state, "impossible")   ? TERM_BAD :
	       str_is(state, "pending")	     ? TERM_WARN :
					       TERM_GOOD;
}

int cmd_retract_list(struct cli *c)
{
	static const struct grid_column cols[] = {
		{"AUDIENCE", GRID_SHRINK, TERM_BOLD}, {"WHAT", 0, TERM_PLAIN},
		{"UUID", 0, TERM_DIM},		      {"NOTICED", 0, TERM_PLAIN},
		{"STATE", 0, TERM_PLAIN},	      {"WHY", GRID_SHRINK, TERM_PLAIN},
		{"NOTE", GRID_SHRINK, TERM_PLAIN},
	};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	OWN(json) json_t *list = NULL;
	size_t i, open = 0;
	json_t *item;
	if (cli_want_args(c, 0, 1))
		return CLI_USAGE;
	int code = call_json(c, "POST", STR("/tocsin/retractions/index"), filter(c), &list);
	if (code != CLI_OK)
		return code;
	json_array_foreach(list, i, item) {
		struct str state = cli_text(c, item, "state");
		open += !str_is(state, "acknowledged") && !str_is(state, "delivered");
		grid_add(t, cli_text(c, item, "audience"));
		grid_add(t, cli_text(c, item, "what"));
		grid_add(t, cli_text(c, item, "uuid"));
		grid_add(t, term_time(c, json_integer_value(json_object_get(item, "time"))));
		grid_add_styled(t, state, style_of(state));
		grid_add(t, cli_text(c, item, "why"));
		grid_add(t, cli_text(c, item, "note"));
	}
	code = c->json ? cli_print_json(list) : grid_print(t, c);
	return code == CLI_OK && open ? CLI_FINDING : code;
}

int cmd_retract_retry(struct cli *c)
{
	OWN(json) json_t *j = NULL;
	if (cli_want_args(c, 0, 1))
		return CLI_USAGE;
	int code = call_json(c, "POST", STR("/tocsin/retractions/retry"), filter(c), &j);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(j);
	cli_say(c, "%lld to be tried again with the next push or pull",
		(long long)json_integer_value(json_object_get(j, "retried")));
	return CLI_OK;
}
