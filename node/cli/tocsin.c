/*
 * tocsin.c - the tool: finds the command in the table and runs it.
 */
#include <curl/curl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/call.h"
#include "cli/term.h"

#define ARENA_MAX ((size_t)1 << 30)

/* Help asked for, or no command: what there is. */
static int help(struct cli *c, bool asked)
{
	OWN(buf) struct buf b = BUF(1 << 20);
	const char *const *words = c->argv;
	size_t n = c->argc, used = 0;
	const struct cli_row *cmd = c->cmd;
	if (n && strcmp(words[0], "help") == 0) {
		words++;
		n--;
	}
	if (!cmd && n)
		cmd = cli_find_command(words, n, &used);
	if (cmd)
		cli_help_command(&b, cmd);
	else if (n && !cli_help_noun(&b, words[0])) {
		fprintf(stderr, "tocsin: no command \"%s\"\nTry: tocsin help\n", words[0]);
		return CLI_USAGE;
	} else if (!n)
		cli_help_all(&b);
	fputs(buf_cstr(&b), asked ? stdout : stderr);
	return asked ? CLI_OK : CLI_USAGE;
}

static int run(struct cli *c, int argc, char **argv)
{
	int code = args_parse(c, argc, argv);
	if (code != CLI_OK)
		return code;
	c->json = cli_opt(c, "json");
	c->quiet = cli_opt(c, "quiet");
	if (!term_setup(c, cli_opt(c, "color"))) {
		fputs("tocsin: --color wants always, never or auto\n", stderr);
		return CLI_USAGE;
	}
	if (cli_opt(c, "version")) {
		puts("tocsin " PACKAGE_VERSION);
		return CLI_OK;
	}
	bool asked = cli_opt(c, "help") || (!c->cmd && c->argc && strcmp(c->argv[0], "help") == 0);
	if (asked || !c->cmd)
		return help(c, asked);
	return c->cmd->run(c);
}

int main(int argc, char **argv)
{
	struct cli c = {0};
	setlocale(LC_CTYPE, "");
	signal(SIGPIPE, SIG_DFL);
	c.arena = arena_new(ARENA_MAX);
	if (!c.arena || curl_global_init(CURL_GLOBAL_DEFAULT)) {
		fputs("tocsin: out of memory\n", stderr);
		return CLI_FINDING;
	}
	int code = run(&c, argc, argv);
	if (fflush(stdout) != 0 && code == CLI_OK)
		code = CLI_FINDING;
	call_close(c.line);
	conf_unref(c.conf);
	arena_free(c.arena);
	curl_global_cleanup();
	return code;
}
