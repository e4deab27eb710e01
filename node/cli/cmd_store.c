/*
 * cmd_store.c - work on the folder: init, check, backup, restore, compact. tocsind does it.
 */
#include <stdio.h>

#include "cli/call.h"
#include "cli/daemon.h"
#include "cli/term.h"

#define OUT_MAX (1u << 20)

int cmd_init(struct cli *c)
{
	OWN(buf) struct buf out = BUF(OUT_MAX);
	const char *args[8] = {"--init"};
	size_t n = 1;
	if (cli_want_args(c, 0, 0))
		return CLI_USAGE;
	if (cli_opt(c, "email")) {
		args[n++] = "--email";
		args[n++] = cli_opt(c, "email");
	}
	if (cli_opt(c, "admin-key")) {
		args[n++] = "--key";
		args[n++] = cli_opt(c, "admin-key");
	}
	int code = daemon_run(c, args, &out);
	struct str line, rest = buf_str(&out), email = STR_NONE, key = STR_NONE;
	while (rest.p) {
		rest = str_split(rest, '\n', &line);
		if (str_has_prefix(line, STR("administrator ")))
			email = str_sub(line, 14, line.n);
		if (str_has_prefix(line, STR("key ")))
			key = str_sub(line, 4, line.n);
	}
	if (code != CLI_OK || !key.p)
		return cli_fail(c, code ? code : CLI_FINDING, "the store could not be set up");
	if (c->json) {
		json_t *j = json_pack("{s:s%, s:s%}", "administrator", email.p, email.n, "key", key.p,
				      key.n);
		cli_print_json(j);
		json_decref(j);
		return CLI_OK;
	}
	term_pair(c, "administrator", TERM_PLAIN, email);
	term_pair(c, "API key", TERM_BOLD, key);
	cli_say(c, "Keep the key: it is not shown again. Now start tocsind.");
	return CLI_OK;
}

/* {"command":..,"result":..,"exit":N} or what tocsind says. */
static int maintain(struct cli *c, const char *what, const char *argument)
{
	OWN(buf) struct buf out = BUF(OUT_MAX);
	const char *args[] = {"--maintenance", what, argument, NULL};
	int code = daemon_run(c, args, &out);
	struct str said = str_trim(buf_str(&out));
	if (!c->json) {
		if (said.n)
			printf("%.*s\n", STR_ARG(said));
		return code;
	}
	json_t *j = json_object();
	json_object_set_new(j, "command", json_string(what));
	json_object_set_new(j, "result", json_stringn(said.p, said.n));
	json_object_set_new(j, "exit", json_integer(code));
	cli_print_json(j);
	json_decref(j);
	return code;
}

int cmd_check(struct cli *c)
{
	return cli_want_args(c, 0, 0) ? CLI_USAGE : maintain(c, "check", NULL);
}

int cmd_backup(struct cli *c)
{
	return cli_want_args(c, 1, 1) ? CLI_USAGE : maintain(c, "backup", c->argv[0]);
}

int cmd_restore(struct cli *c)
{
	return cli_want_args(c, 1, 1) ? CLI_USAGE : maintain(c, "restore", c->argv[0]);
}

int cmd_compact(struct cli *c)
{
	return cli_want_args(c, 0, 0) ? CLI_USAGE : maintain(c, "compact", NULL);
}
