/*
 * test_args.c - the command line by the table: every row is sound, options stand anywhere.
 */
#include "cli/args.h"

#include <string.h>

#include "tests/tap/tap.h"

static int parse(struct cli *c, const char *line)
{
	static char text[400];
	static char *argv[40];
	int argc = 0;
	snprintf(text, sizeof(text), "tocsin %s", line);
	for (char *p = text; p && argc < 40;) {
		argv[argc++] = p;
		p = strchr(p, ' ');
		if (p)
			*p++ = 0;
	}
	*c = (struct cli){.argc = 0};
	return args_parse(c, argc, argv);
}

static void rows_are_sound(void)
{
	for (size_t i = 0; i < cli_rows_n; i++) {
		const struct cli_row *r = &cli_rows[i];
		bool command = r->kind == CLI_COMMAND;
		ok(r->name[0] && r->text[0] && !str_has_suffix(str_c(r->text), STR(".")) &&
			   (r->run != NULL) == command,
		   "row %s", r->name);
		for (size_t k = i + 1; k < cli_rows_n && command; k++)
			ok(cli_rows[k].kind != CLI_COMMAND || strcmp(cli_rows[k].name, r->name) != 0,
			   "%s stands once", r->name);
	}
}

static void lines(void)
{
	struct cli c;
	is_int(parse(&c, "feed add -j http://x --provider=me name --quiet"), CLI_OK, "options anywhere");
	is_str(c.cmd->name, "feed add", "the command of two words");
	ok(c.argc == 2 && strcmp(c.argv[1], "name") == 0, "two arguments");
	is_str(cli_opt(&c, "provider"), "me", "a value behind =");
	ok(cli_opt(&c, "json") && cli_opt(&c, "quiet") && !cli_opt(&c, "key"), "switches");
	is_int(parse(&c, "-c FILE --key K status"), CLI_OK, "options before the command");
	is_str(c.cmd->name, "status", "a value is not the command");
	is_str(cli_opt(&c, "config"), "FILE", "a short option's value");
	is_int(parse(&c, "-cFILE status -c OTHER"), CLI_OK, "twice");
	is_str(cli_opt(&c, "config"), "OTHER", "the last one wins");
	is_int(parse(&c, "export csv -o F -- --not-an-option"), CLI_OK, "behind --");
	ok(c.argc == 2 && strcmp(c.argv[1], "--not-an-option") == 0, "everything is an argument");
	is_str(cli_opt(&c, "output"), "F", "-o");
	is_int(parse(&c, "import -"), CLI_OK, "a dash");
	ok(c.argc == 1, "is an argument");
	is_int(parse(&c, "search --hits x"), CLI_USAGE, "another command's option");
	is_int(parse(&c, "search --limit"), CLI_USAGE, "an unknown one");
	is_int(parse(&c, "status --key"), CLI_USAGE, "a value is missing");
	is_int(parse(&c, "status --json=yes"), CLI_USAGE, "a switch has none");
	is_int(parse(&c, "nonsense"), CLI_OK, "an unknown command");
	ok(!c.cmd && c.argc == 1, "is for the caller to refuse");
}

int main(void)
{
	rows_are_sound();
	lines();
	return done_testing();
}
