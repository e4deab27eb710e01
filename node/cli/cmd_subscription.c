/*
 * cmd_subscription.c - export subscriptions as rows: list, show, add, edit, remove.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/grid.h"
#include "cli/progress.h"
#include "cli/rows.h"
#include "cli/subscr.h"

/* While a set is being filled. */
static const struct timespec look = {.tv_nsec = 200000000};

int subscr_call(struct cli *c, const char *verb, const char *name, json_t *body, json_t **row)
{
	OWN(json) json_t *j = NULL;
	struct str path = arena_printf(c->arena, "/tocsin/subscriptions/%s%s%.*s", verb, name ? "/" : "",
				       STR_ARG(name ? call_segment(c, str_c(name)) : STR("")));
	*row = NULL;
	int code = call_json(c, body ? "POST" : "GET", path, body, &j);
	if (code == CLI_OK)
		*row = json_incref(json_object_get(j, "Subscription"));
	if (code == CLI_OK && !*row)
		return cli_fail(c, CLI_UNREACHED, "the node answered no subscription");
	return code;
}

static json_int_t number(const json_t *row, const char *key)
{
	const json_t *v = json_object_get(row, key);
	return json_is_string(v) ? strtoll(json_string_value(v), NULL, 10) : json_integer_value(v);
}

static struct str amount(struct cli *c, const json_t *row, const char *key)
{
	return json_object_get(row, key) ? term_number(c, (uint64_t)number(row, key)) : STR_NONE;
}

struct str subscr_age(struct cli *c, json_int_t s)
{
	static const struct {
		json_int_t s;
		const char *name;
	} units[] = {{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}};
	for (size_t i = 0; s && i < ARRAY_LEN(units); i++)
		if (s % units[i].s == 0)
			return arena_printf(c->arena, "%lld%s", (long long)(s / units[i].s), units[i].name);
	return STR("");
}

static enum term_style state_style(struct str state)
{
	return str_is(state, "ready")	 ? TERM_GOOD
	       : str_is(state, "failed") ? TERM_BAD
	       : str_is(state, "filling") ? TERM_WARN
					  : TERM_DIM;
}

/* "filling 12 %" */
static struct str state_text(struct cli *c, const json_t *row)
{
	struct str state = cli_text(c, row, "state");
	json_int_t total = number(row, "total");
	if (!str_is(state, "filling") || !total)
		return state;
	return arena_printf(c->arena, "filling %lld %%",
			    (long long)MIN(number(row, "done") * 100 / total, (json_int_t)100));
}

int cmd_subscription_list(struct cli *c)
{
	static const struct grid_column cols[] = {
		{"ID", GRID_RIGHT, TERM_DIM},	   {"NAME", 0, TERM_BOLD},
		{"STATE", 0, TERM_PLAIN},	   {"SERIAL", GRID_RIGHT, TERM_PLAIN},
		{"ENTRIES", GRID_RIGHT, TERM_PLAIN}, {"CHANGED", 0, TERM_PLAIN},
		{"FORMAT", 0, TERM_NAME},	   {"AUDIENCE", 0, TERM_PLAIN},
		{"PROBLEM", GRID_SHRINK, TERM_BAD},
	};
	OWN(json) json_t *list = NULL;
	size_t i;
	json_t *item;
	if (cli_want_args(c, 0, 0))
		return CLI_USAGE;
	int code = rows_get(c, "/tocsin/subscriptions/index", &list);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(list);
	if (!json_array_size(list)) {
		cli_say(c, "There is no export subscription; tocsin help subscription add shows how to make one.");
		return CLI_OK;
	}
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	json_array_foreach(list, i, item) {
		const json_t *s = json_object_get(item, "Subscription");
		if (c->quiet) { /* for completion */
			printf("%.*s\n", STR_ARG(cli_text(c, s, "name")));
			continue;
		}
		grid_add(t, cli_text(c, s, "id"));
		grid_add(t, cli_text(c, s, "name"));
		grid_add_styled(t, state_text(c, s), state_style(cli_text(c, s, "state")));
		grid_add(t, cli_text(c, s, "serial"));
		grid_add(t, amount(c, s, "entries"));
		grid_add(t, term_time(c, number(s, "changed")));
		grid_add(t, cli_text(c, s, "format"));
		grid_add(t, cli_text(c, s, "audience"));
		grid_add(t, cli_text(c, s, "error"));
	}
	return c->quiet ? CLI_OK : grid_print(t, c);
}

/* ---- one ---- */

static struct str object_text(struct cli *c, const json_t *row, const char *key)
{
	const json_t *o = json_object_get(row, key);
	OWN(chars) char *text = json_object_size(o) ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	return text ? arena_str(c->arena, str_c(text)) : STR_NONE;
}

/* Absent where there is nothing to say. */
static struct str unless_empty(struct str s)
{
	return s.n && !str_is(s, "0") ? s : STR_NONE;
}

static void show_rules(struct cli *c, const json_t *s)
{
	struct str priority = unless_empty(cli_text(c, s, "priority"));
	struct str most = unless_empty(cli_text(c, s, "max_entries"));
	term_pair(c, "format", TERM_NAME, cli_text(c, s, "format"));
	term_pair(c, "options", TERM_PLAIN, object_text(c, s, "options"));
	term_pair(c, "audience", TERM_PLAIN, cli_text(c, s, "audience"));
	term_pair(c, "filter", TERM_PLAIN, object_text(c, s, "filter"));
	if (most.p)
		term_pair(c, "at most", TERM_PLAIN,
			  arena_printf(c->arena, "%.*s, the %.*s first", STR_ARG(amount(c, s, "max_entries")),
				       STR_ARG(priority.p ? priority : STR("newest"))));
	term_pair(c, "max age", TERM_PLAIN, unless_empty(subscr_age(c, number(s, "max_age"))));
	term_pair(c, "decay model", TERM_PLAIN, unless_empty(cli_text(c, s, "decay_model")));
	if (json_is_true(json_object_get(s, "enforceWarninglist")))
		term_pair(c, "warning lists", TERM_PLAIN, STR("what they hold is left out"));
	term_pair(c, "file", TERM_PLAIN, unless_empty(cli_text(c, s, "path")));
}

static void show(struct cli *c, const json_t *s)
{
	struct str state = cli_text(c, s, "state"), name = cli_text(c, s, "name");
	term_pair(c, "name", TERM_BOLD, name);
	term_pair(c, "number", TERM_PLAIN, cli_text(c, s, "id"));
	term_pair(c, "for", TERM_PLAIN, unless_empty(cli_text(c, s, "description")));
	show_rules(c, s);
	term_pair(c, "state", state_style(state), state_text(c, s));
	term_pair(c, "problem", TERM_BAD, cli_text(c, s, "error"));
	if (number(s, "total"))
		term_pair(c, "filled", TERM_PLAIN,
			  arena_printf(c->arena, "%.*s of %.*s events", STR_ARG(amount(c, s, "done")),
				       STR_ARG(amount(c, s, "total"))));
	term_pair(c, "serial", TERM_PLAIN, cli_text(c, s, "serial"));
	term_pair(c, "changed", TERM_PLAIN, term_time(c, number(s, "changed")));
	if (number(s, "serial"))
		term_pair(c, "entries", TERM_PLAIN,
			  arena_printf(c->arena, "%.*s of %.*s that are eligible, from %.*s events",
				       STR_ARG(amount(c, s, "entries")), STR_ARG(amount(c, s, "eligible")),
				       STR_ARG(amount(c, s, "events"))));
	term_pair(c, "changes since", TERM_PLAIN, cli_text(c, s, "changes_since"));
	term_pair(c, "at", TERM_NAME, arena_printf(c->arena, "/exports/%.*s", STR_ARG(name)));
}

int cmd_subscription_show(struct cli *c)
{
	OWN(json) json_t *row = NULL;
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	int code = subscr_call(c, "view", c->argv[0], NULL, &row);
	if (code != CLI_OK)
		return code;
	if (c->json)
		cli_print_json(row);
	else
		show(c, row);
	return str_is(cli_text(c, row, "state"), "failed") ? CLI_FINDING : CLI_OK;
}

/* ---- add, edit, remove ---- */

static int say_state(struct cli *c, const json_t *row)
{
	struct str state = cli_text(c, row, "state"), name = cli_text(c, row, "name");
	if (c->json)
		cli_print_json(row);
	if (str_is(state, "failed")) {
		struct str why = cli_text(c, row, "error");
		return c->json ? CLI_FINDING
			       : cli_fail(c, CLI_FINDING, "%.*s cannot be filled: %.*s", STR_ARG(name),
					  STR_ARG(why));
	}
	if (!str_is(state, "ready"))
		cli_say(c, "%.*s is saved: %.*s", STR_ARG(name), STR_ARG(state_text(c, row)));
	else
		cli_say(c, "%.*s holds %.*s entr%s, serial %.*s; now: tocsin subscription get %.*s",
			STR_ARG(name), STR_ARG(amount(c, row, "entries")),
			str_is(amount(c, row, "entries"), "1") ? "y" : "ies",
			STR_ARG(cli_text(c, row, "serial")), STR_ARG(name));
	return CLI_OK;
}

static bool is_filling(struct cli *c, const json_t *row)
{
	return str_is(cli_text(c, row, "state"), "filling");
}

int subscr_wait(struct cli *c, json_t **row)
{
	struct progress p;
	char id[24];
	int code = CLI_OK;
	snprintf(id, sizeof(id), "%lld", (long long)number(*row, "id"));
	progress_begin(&p, c, "filling");
	while (code == CLI_OK && is_filling(c, *row) && !cli_opt(c, "no-wait")) {
		nanosleep(&look, NULL);
		json_decref(*row);
		code = subscr_call(c, "view", id, NULL, row);
		if (code == CLI_OK && is_filling(c, *row))
			progress_show(&p, (uint64_t)number(*row, "done"), (uint64_t)number(*row, "total"),
				      "events", "");
	}
	progress_end(&p);
	return code == CLI_OK ? say_state(c, *row) : code;
}

static int save(struct cli *c, const char *verb, const char *name, json_t *row)
{
	OWN(json) json_t *saved = NULL;
	int code = subscr_call(c, verb, name, json_pack("{s:O}", "Subscription", row), &saved);
	return code == CLI_OK ? subscr_wait(c, &saved) : code;
}

int cmd_subscription_add(struct cli *c)
{
	OWN(json) json_t *row = json_object();
	if (cli_want_args(c, 2, 2))
		return CLI_USAGE;
	if (!cli_opt(c, "audience"))
		return cli_usage(c, "--audience says for which export of the policy it is");
	json_object_set_new(row, "name", json_string(c->argv[0]));
	json_object_set_new(row, "format", json_string(c->argv[1]));
	int code = subscr_form(c, NULL, row);
	return code == CLI_OK ? save(c, "add", NULL, row) : code;
}

int cmd_subscription_edit(struct cli *c)
{
	OWN(json) json_t *row = json_object();
	OWN(json) json_t *old = NULL;
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	int code = subscr_call(c, "view", c->argv[0], NULL, &old);
	if (code == CLI_OK)
		code = subscr_form(c, old, row);
	if (code == CLI_OK && !json_object_size(row))
		return cli_usage(c, "nothing to change was given");
	return code == CLI_OK ? save(c, "edit", c->argv[0], row) : code;
}

int cmd_subscription_remove(struct cli *c)
{
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	int code = call_plain(c, "POST",
			      arena_printf(c->arena, "/tocsin/subscriptions/delete/%.*s",
					   STR_ARG(call_segment(c, str_c(c->argv[0])))),
			      json_object());
	if (code == CLI_OK)
		cli_say(c, "subscription removed, with its set; and with its file in exports_dir");
	return code;
}
