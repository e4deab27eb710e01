/*
 * cmd_policy.c - the policy: is a file good, take it over, and what it means for one event.
 */
#include <stdio.h>
#include <unistd.h>

#include "cli/call.h"
#include "cli/daemon.h"
#include "cli/grid.h"

int cmd_policy_check(struct cli *c)
{
	OWN(buf) struct buf out = BUF(1 << 20);
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	const char *args[] = {"--check-policy", c->argv[0], NULL};
	int code = daemon_run(c, args, &out);
	struct str said = str_trim(buf_str(&out));
	if (c->json) {
		json_t *j = json_object();
		json_object_set_new(j, "file", json_string(c->argv[0]));
		json_object_set_new(j, "good", json_boolean(code == CLI_OK));
		json_object_set_new(j, "result", json_stringn(said.p, said.n));
		cli_print_json(j);
		json_decref(j);
	} else if (said.n) {
		printf("%.*s\n", STR_ARG(said));
	}
	return code;
}

int cmd_policy_reload(struct cli *c)
{
	OWN(json) json_t *j = NULL;
	if (cli_want_args(c, 0, 0))
		return CLI_USAGE;
	int code = call_json(c, "POST", STR("/tocsin/policyReload"), NULL, &j);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(j);
	cli_say(c, "%.*s", STR_ARG(cli_text(c, j, "message")));
	return CLI_OK;
}

static enum term_style outcome_style(struct str s)
{
	return str_is(s, "released") ? TERM_GOOD : str_is(s, "held") ? TERM_WARN : TERM_BAD;
}

static int show(struct cli *c, const json_t *j)
{
	static const struct grid_column cols[] = {{"RULE", 0, TERM_NAME},
						   {"OUTCOME", 0, TERM_PLAIN},
						   {"WHY", GRID_SHRINK, TERM_PLAIN}};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	struct str verdict = cli_text(c, j, "verdict");
	size_t i;
	json_t *step;
	term_pair(c, "event", TERM_PLAIN,
		  arena_printf(c->arena, "%.*s  %.*s", STR_ARG(cli_text(c, j, "event")),
			       STR_ARG(cli_text(c, j, "uuid"))));
	term_pair(c, "audience", TERM_NAME, cli_text(c, j, "audience"));
	term_pair(c, "verdict", outcome_style(verdict), verdict);
	term_pair(c, "rule", TERM_PLAIN, cli_text(c, j, "rule"));
	term_pair(c, "until", TERM_PLAIN,
		  term_time(c, json_integer_value(json_object_get(j, "until"))));
	json_array_foreach(json_object_get(j, "steps"), i, step) {
		struct str outcome = cli_text(c, step, "outcome");
		grid_add(t, cli_text(c, step, "rule"));
		grid_add_styled(t, outcome, outcome_style(outcome));
		grid_add(t, cli_text(c, step, "text"));
	}
	if (grid_rows(t))
		putchar('\n');
	return grid_print(t, c);
}

int cmd_explain(struct cli *c)
{
	OWN(json) json_t *j = NULL;
	const char *to = cli_opt(c, "to");
	if (to ? cli_want_args(c, 1, 1) : cli_want_args(c, 2, 2))
		return CLI_USAGE;
	json_t *q = json_object();
	json_object_set_new(q, "event", json_string(c->argv[0]));
	json_object_set_new(q, "to", json_string(to ? to : c->argv[1]));
	int code = call_json(c, "POST", STR("/tocsin/explain"), q, &j);
	if (code != CLI_OK)
		return code;
	code = c->json ? cli_print_json(j) : show(c, j);
	if (code == CLI_OK && !str_is(cli_text(c, j, "verdict"), "released"))
		code = CLI_FINDING;
	return code;
}

/* Written only when it is a policy: to a file beside the one that is wanted, then in its place. */
static int write_checked(struct cli *c, const char *path, struct str text)
{
	OWN(buf) struct buf said = BUF(1 << 20);
	char temporary[4096];
	int n = snprintf(temporary, sizeof(temporary), "%s.new", path);
	FILE *out = n > 0 && (size_t)n < sizeof(temporary) ? fopen(temporary, "w") : NULL;
	if (!out || fwrite(text.p, 1, text.n, out) != text.n || fclose(out) != 0)
		return cli_fail(c, CLI_FINDING, "cannot write %s", path);
	const char *args[] = {"--check-policy", temporary, NULL};
	int code = daemon_run(c, args, &said);
	if (code == CLI_OK && rename(temporary, path) != 0)
		code = cli_fail(c, CLI_FINDING, "cannot write %s", path);
	if (code != CLI_OK)
		unlink(temporary);
	else
		cli_say(c, "%s: %.*s", path, STR_ARG(str_trim(buf_str(&said))));
	return code;
}

int cmd_policy_misp_guard(struct cli *c)
{
	OWN(buf) struct buf out = BUF(8 << 20);
	const char *instance = cli_opt(c, "instance"), *to = cli_opt(c, "output");
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	const char *args[] = {"--import-misp-guard", c->argv[0], instance ? "--instance" : NULL,
			      instance, NULL};
	int code = daemon_run(c, args, &out);
	if (code != CLI_OK)
		return code;
	if (to)
		return write_checked(c, to, buf_str(&out));
	fwrite(out.p, 1, out.n, stdout);
	return CLI_OK;
}
