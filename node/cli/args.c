/*
 * args.c - the command line by the rows of cmds.inc: which command, which options, what is left.
 */
#include "cli/args.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

const struct cli_row cli_rows[] = {
#define GLOBAL(name, letter, args, text) {CLI_GLOBAL, name, args, text, "", letter, NULL},
#define COMMAND(name, args, handler, text, help)                                                   \
	{CLI_COMMAND, name, args, text, help, 0, handler},
#define OPTION(name, args, text) {CLI_OPTION, name, args, text, "", 0, NULL},
#include "cli/cmds.inc"
#undef OPTION
#undef COMMAND
#undef GLOBAL
};
const size_t cli_rows_n = ARRAY_LEN(cli_rows);

const struct cli_row *cli_next(const struct cli_row *from, enum cli_kind kind)
{
	const struct cli_row *r = from ? from + 1 : cli_rows;
	for (; r < cli_rows + cli_rows_n; r++) {
		if (r->kind == kind)
			return r;
		if (kind == CLI_OPTION && r->kind == CLI_COMMAND)
			return NULL;
	}
	return NULL;
}

/* Do the first words spell the command's name? How many. */
static size_t spells(const char *name, const char *const *words, size_t n)
{
	struct str word, rest = str_c(name);
	size_t used = 0;
	while (rest.p) {
		rest = str_split(rest, ' ', &word);
		if (used == n || !str_is(word, words[used]))
			return 0;
		used++;
	}
	return used;
}

const struct cli_row *cli_find_command(const char *const *words, size_t n, size_t *used)
{
	const struct cli_row *best = NULL;
	*used = 0;
	for (const struct cli_row *r = NULL; (r = cli_next(r, CLI_COMMAND));) {
		size_t k = spells(r->name, words, n);
		if (k > *used) {
			best = r;
			*used = k;
		}
	}
	return best;
}

/* ---- options ---- */

static const struct cli_row *find_long(const struct cli_row *cmd, struct str name)
{
	for (const struct cli_row *r = cmd; cmd && (r = cli_next(r, CLI_OPTION));)
		if (str_is(name, r->name))
			return r;
	for (const struct cli_row *r = NULL; (r = cli_next(r, CLI_GLOBAL));)
		if (str_is(name, r->name))
			return r;
	return NULL;
}

static const struct cli_row *find_letter(const struct cli_row *cmd, char letter)
{
	for (const struct cli_row *r = NULL; (r = cli_next(r, CLI_GLOBAL));)
		if (r->letter == letter)
			return r;
	/* the one short form that everybody types */
	return letter == 'o' ? find_long(cmd, STR("output")) : NULL;
}

static int complain(const char *what, const char *arg)
{
	fprintf(stderr, "tocsin: %s: %s\nTry: tocsin --help\n", arg, what);
	return CLI_USAGE;
}

static int add_option(struct cli *c, const struct cli_row *r, const char *value, const char *arg)
{
	if (c->n_opts == ARRAY_LEN(c->opts))
		return complain("too many options", arg);
	c->opts[c->n_opts].row = r;
	c->opts[c->n_opts++].value = value;
	return CLI_OK;
}

/* An option at argv[*i], its value in it or behind it. */
static int one_option(struct cli *c, int argc, char **argv, int *i)
{
	const char *arg = argv[*i], *value = NULL;
	const struct cli_row *r;
	if (arg[1] == '-') {
		struct str name, rest = str_split(str_c(arg + 2), '=', &name);
		r = find_long(c->cmd, name);
		value = rest.p;
	} else {
		r = find_letter(c->cmd, arg[1]);
		value = arg[1] && arg[2] ? arg + 2 : NULL;
	}
	if (!r)
		return complain("no such option", arg);
	if (!r->args)
		return value ? complain("takes no value", arg) : add_option(c, r, "", arg);
	if (!value && *i + 1 < argc)
		value = argv[++*i];
	return value ? add_option(c, r, value, arg) : complain("wants a value", arg);
}

/* Words that are no options come first, since what options there are depends on the command. */
static void find_cmd(struct cli *c, int argc, char **argv, size_t *used)
{
	const char *words[8] = {NULL};
	size_t n = 0;
	for (int i = 1; i < argc && n < ARRAY_LEN(words); i++) {
		const struct cli_row *r;
		if (strcmp(argv[i], "--") == 0)
			break;
		if (argv[i][0] != '-' || !argv[i][1]) {
			words[n++] = argv[i];
			continue;
		}
		if (argv[i][1] == '-')
			r = strchr(argv[i], '=') ? NULL : find_long(NULL, str_c(argv[i] + 2));
		else
			r = argv[i][2] ? NULL : find_letter(NULL, argv[i][1]);
		if (r && r->args)
			i++;
	}
	c->cmd = cli_find_command(words, n, used);
}

int args_parse(struct cli *c, int argc, char **argv)
{
	size_t skip = 0;
	bool only_words = false;
	find_cmd(c, argc, argv, &skip);
	for (int i = 1; i < argc; i++) {
		if (!only_words && strcmp(argv[i], "--") == 0) {
			only_words = true;
		} else if (!only_words && argv[i][0] == '-' && argv[i][1]) {
			int code = one_option(c, argc, argv, &i);
			if (code != CLI_OK)
				return code;
		} else if (skip) {
			skip--;
		} else if (c->argc == ARRAY_LEN(c->argv)) {
			return complain("too many arguments", argv[i]);
		} else {
			c->argv[c->argc++] = argv[i];
		}
	}
	return CLI_OK;
}

const char *cli_opt(const struct cli *c, const char *name)
{
	for (size_t i = c->n_opts; i > 0; i--)
		if (strcmp(c->opts[i - 1].row->name, name) == 0)
			return c->opts[i - 1].value;
	return NULL;
}

/* ---- times ---- */

bool cli_duration(const char *text, json_int_t *seconds)
{
	static const struct {
		char unit;
		json_int_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	struct str s = str_c(text);
	uint64_t v;
	for (size_t i = 0; s.n && i < ARRAY_LEN(units); i++)
		if (s.p[s.n - 1] == units[i].unit && str_u64(str_sub(s, 0, s.n - 1), &v) && v &&
		    v < 1000000) {
			*seconds = (json_int_t)v * units[i].seconds;
			return true;
		}
	return false;
}

bool cli_future(const char *text, json_int_t *when)
{
	int y, mo, d, h = 0, mi = 0, used = 0;
	if (cli_duration(text, when)) {
		*when += clock_now();
		return true;
	}
	if (sscanf(text, "%4d-%2d-%2d%n", &y, &mo, &d, &used) != 3)
		return false;
	if (text[used] && sscanf(text + used, "%*1[ T]%2d:%2d", &h, &mi) != 2)
		return false;
	if (mo < 1 || mo > 12 || d < 1 || d > 31 || h > 23 || mi > 59)
		return false;
	*when = clock_from_civil(y, mo, d, h, mi, 0);
	return *when > clock_now();
}
