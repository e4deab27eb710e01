/*
 * cli.h - what all commands of the tool share: the call, its options, exit codes, messages.
 *
 * A command is a row of cmds.inc and a function; help, completion and tocsin(1) are made of the rows.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/conf.h"

enum cli_exit {
	CLI_OK = 0,
	CLI_FINDING = 1, /* a finding, something blocked, or a request that was refused */
	CLI_USAGE = 2,
	CLI_UNREACHED = 3, /* daemon or peer */
	CLI_DAMAGED = 4, /* the store */
};

struct cli;
typedef int (*cli_run_fn)(struct cli *c);

enum cli_kind { CLI_GLOBAL, CLI_COMMAND, CLI_OPTION };

/* A row of cmds.inc. The options of a command stand behind it. */
struct cli_row {
	enum cli_kind kind;
	const char *name; /* "feed add", "limit" */
	const char *args; /* "URL [NAME]"; of an option its value's name, NULL: a switch */
	const char *text; /* one line */
	const char *help; /* further paragraphs of a command, may be "" */
	char letter; /* of a global option, or 0 */
	cli_run_fn run;
};
extern const struct cli_row cli_rows[];
extern const size_t cli_rows_n;

/* The row of the command that `words` begin with; *used gets how many words it took. NULL: none. */
const struct cli_row *cli_find_command(const char *const *words, size_t n, size_t *used);
/* Next row of a kind behind `from` (NULL: from the start); options: of the same command only. */
const struct cli_row *cli_next(const struct cli_row *from, enum cli_kind kind);

struct cli {
	const struct cli_row *cmd;
	const char *argv[1024]; /* what is left besides options */
	size_t argc;
	struct {
		const struct cli_row *row;
		const char *value; /* "" for a switch */
	} opts[64];
	size_t n_opts;
	bool json, quiet;
	bool colour, terminal; /* of standard output */
	bool failed; /* a message has been given */
	const char *conf_path; /* the file that conf came from; NULL: defaults */
	const struct conf *conf; /* see cli_conf() */
	struct arena *arena;
	struct call_line *line; /* connection to the daemon, see call.h */
};

/* Value of an option or switch that was given, else NULL. The last one wins. */
const char *cli_opt(const struct cli *c, const char *name);
/* The configuration, read when first asked for; NULL when it cannot be (and told why). */
const struct conf *cli_conf(struct cli *c);
/* Say what is wrong and how the command is called; CLI_USAGE. */
int cli_usage(struct cli *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Say what went wrong (as {"error":..} on standard output when JSON is wanted); returns `code`. */
int cli_fail(struct cli *c, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* A line for people; nothing with --quiet or --json. */
void cli_say(const struct cli *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The worse of two exit codes. */
static inline int cli_worse(int a, int b)
{
	return a > b ? a : b;
}
/* The document and a line break on standard output. */
int cli_print_json(const json_t *j);
/* Refuse more or fewer arguments; CLI_OK when they fit. */
int cli_want_args(struct cli *c, size_t least, size_t most);

/* A member as text whatever its JSON type; absent when there is none. Lives in c->arena. */
struct str cli_text(struct cli *c, const json_t *o, const char *key);
/* The same of {"<wrapper>":{key:..}}. */
struct str cli_text_in(struct cli *c, const json_t *o, const char *wrapper, const char *key);
/* name=value arguments from argv[from] on as members of `o` ("a,b" with several tags stays one text;
   given twice they become a list). CLI_USAGE when one has no '='. */
int cli_filters(struct cli *c, size_t from, json_t *o);

/* "30s", "30m", "6h", "1d" as seconds; false when it is none. */
bool cli_duration(const char *text, json_int_t *seconds);
/* A time to come: "2030-12-31", "2030-12-31 18:00" (UTC), or a duration from now. */
bool cli_future(const char *text, json_int_t *when);

/* Command lists for people and programs; describe.c. */
void cli_help_all(struct buf *out);
void cli_help_command(struct buf *out, const struct cli_row *cmd);
/* All commands of a noun ("feed"); false when there is none. */
bool cli_help_noun(struct buf *out, const char *noun);
void cli_describe_roff(struct buf *out);
void cli_describe_bash(struct buf *out);
void cli_describe_zsh(struct buf *out);

/* Handlers. */
#define GLOBAL(name, letter, args, text)
#define COMMAND(name, args, handler, text, help) int handler(struct cli *c);
#define OPTION(name, args, text)
#include "cli/cmds.inc"
#undef OPTION
#undef COMMAND
#undef GLOBAL
