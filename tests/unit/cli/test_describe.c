/*
 * test_describe.c - help, manual and completion name every command and option.
 */
#include "cli/cli.h"

#include "tests/tap/tap.h"

int main(void)
{
	OWN(buf) struct buf all = BUF(1 << 20);
	OWN(buf) struct buf bash = BUF(1 << 20);
	OWN(buf) struct buf zsh = BUF(1 << 20);
	OWN(buf) struct buf one = BUF(1 << 20);
	cli_help_all(&all);
	cli_describe_bash(&bash);
	cli_describe_zsh(&zsh);
	for (const struct cli_row *r = NULL; (r = cli_next(r, CLI_COMMAND));) {
		ok(str_find(buf_str(&all), str_c(r->name)) >= 0, "help: %s", r->name);
		ok(str_find(buf_str(&bash), str_c(r->name)) >= 0, "bash: %s", r->name);
		ok(str_find(buf_str(&zsh), str_c(r->name)) >= 0, "zsh: %s", r->name);
		buf_clear(&one);
		cli_help_command(&one, r);
		for (const struct cli_row *o = r; (o = cli_next(o, CLI_OPTION));)
			ok(str_find(buf_str(&one), str_c(o->name)) >= 0, "%s --%s", r->name, o->name);
	}
	struct str line, rest = buf_str(&all);
	size_t longest = 0;
	while (rest.p) {
		rest = str_split(rest, '\n', &line);
		longest = MAX(longest, line.n);
	}
	ok(longest <= 90, "the help fits a terminal: %zu", longest);
	ok(cli_help_noun(&one, "feed") && !cli_help_noun(&one, "fee"), "a noun by its whole name");
	return done_testing();
}
