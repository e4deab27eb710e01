/*
 * cmd_pgp.c - the node's OpenPGP key: the daemon's helper makes and keeps it, secret keys go in only.
 */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "cli/call.h"
#include "cli/term.h"

#define KEY_FILE_MAX (128u << 10)

static int show(struct cli *c, const json_t *j)
{
	bool usable = json_is_true(json_object_get(j, "usable"));
	if (c->json) {
		cli_print_json(j);
		return usable ? CLI_OK : CLI_FINDING;
	}
	if (usable && cli_opt(c, "armor")) {
		printf("%.*s", STR_ARG(cli_text(c, j, "public_key")));
		return CLI_OK;
	}
	if (usable) {
		term_pair(c, "key", TERM_NAME, cli_text(c, j, "user_id"));
		term_pair(c, "fingerprint", TERM_BOLD, cli_text(c, j, "fingerprint"));
	} else {
		term_pair(c, "usable", TERM_BAD, STR("no"));
		term_pair(c, "reason", TERM_PLAIN, cli_text(c, j, "reason"));
	}
	term_pair(c, "folder", TERM_PLAIN, cli_text(c, j, "home"));
	return usable ? CLI_OK : CLI_FINDING;
}

int cmd_pgp_show(struct cli *c)
{
	OWN(json) json_t *j = NULL;
	if (cli_want_args(c, 0, 0))
		return CLI_USAGE;
	int code = call_json(c, "GET", STR("/tocsin/pgp"), NULL, &j);
	return code == CLI_OK ? show(c, j) : code;
}

int cmd_pgp_make(struct cli *c)
{
	OWN(json) json_t *j = NULL;
	if (cli_want_args(c, 0, 1))
		return CLI_USAGE;
	json_t *q = json_object();
	if (c->argc)
		json_object_set_new(q, "user_id", json_string(c->argv[0]));
	int code = call_json(c, "POST", STR("/tocsin/pgpMake"), q, &j);
	if (code == CLI_OK)
		code = show(c, j);
	if (code == CLI_OK)
		cli_say(c, "Peers find the public key at /gpg.asc. Put the folder into your backup.");
	return code;
}

static int read_file(struct cli *c, const char *name, struct buf *to)
{
	bool input = strcmp(name, "-") == 0;
	FILE *f = input ? stdin : fopen(name, "r");
	char room[4096];
	size_t n;
	if (!f)
		return cli_fail(c, CLI_FINDING, "cannot read %s", name);
	while ((n = fread(room, 1, sizeof(room), f)) > 0)
		buf_add(to, room, n);
	secret_wipe(room, sizeof(room));
	if (!input)
		fclose(f);
	return buf_err(to) == ERR_OK ? CLI_OK : cli_fail(c, CLI_FINDING, "%s is too large", name);
}

int cmd_pgp_import(struct cli *c)
{
	OWN(buf) struct buf key = BUF(KEY_FILE_MAX);
	OWN(json) json_t *j = NULL;
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	int code = read_file(c, c->argv[0], &key);
	if (code != CLI_OK)
		return code;
	json_t *q = json_object();
	json_object_set_new(q, "secret_key", json_stringn(buf_cstr(&key), key.n));
	code = call_json(c, "POST", STR("/tocsin/pgpImport"), q, &j);
	secret_wipe(key.p, key.n);
	return code == CLI_OK ? show(c, j) : code;
}
