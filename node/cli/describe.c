/*
 * describe.c - the command rows as help, tocsin(1), and completion for bash and zsh.
 */
#include <string.h>

#include "cli/cli.h"

#define WIDTH 78

/* Words to lines of at most WIDTH behind `indent` blanks, of which the first line has `had`. */
static void wrap(struct buf *out, unsigned indent, unsigned had, struct str text)
{
	size_t col = had;
	struct str word;
	while (text.p) {
		text = str_split(text, ' ', &word);
		if (col + 1 + word.n > WIDTH && col > indent) {
			buf_putc(out, '\n');
			col = 0;
		}
		if (col < indent) {
			buf_printf(out, "%*s", (int)(indent - col), "");
			col = indent;
		} else if (col > indent) {
			buf_putc(out, ' ');
			col++;
		}
		buf_str_add(out, word);
		col += word.n;
	}
	buf_putc(out, '\n');
}

/* ---- help ---- */

static void entry(struct buf *out, struct str head, const char *text, unsigned indent)
{
	buf_printf(out, "  %.*s", STR_ARG(head));
	if (head.n + 3 > indent) {
		buf_putc(out, '\n');
		wrap(out, indent, 0, str_c(text));
	} else {
		wrap(out, indent, (unsigned)head.n + 2, str_c(text));
	}
}

static void option_entry(struct buf *out, const struct cli_row *r)
{
	OWN(buf) struct buf head = BUF(512);
	if (r->letter)
		buf_printf(&head, "-%c, ", r->letter);
	buf_printf(&head, "--%s%s%s", r->name, r->args ? " " : "", r->args ? r->args : "");
	entry(out, buf_str(&head), r->text, 24);
}

static void globals(struct buf *out)
{
	for (const struct cli_row *r = NULL; (r = cli_next(r, CLI_GLOBAL));)
		option_entry(out, r);
}

static bool commands_of(struct buf *out, const char *noun)
{
	bool any = false;
	size_t n = noun ? strlen(noun) : 0;
	for (const struct cli_row *r = NULL; (r = cli_next(r, CLI_COMMAND));) {
		if (noun && (strncmp(r->name, noun, n) != 0 || (r->name[n] && r->name[n] != ' ')))
			continue;
		OWN(buf) struct buf head = BUF(512);
		buf_printf(&head, "%s%s%s", r->name, r->args[0] ? " " : "", r->args);
		entry(out, buf_str(&head), r->text, 36);
		any = true;
	}
	return any;
}

void cli_help_all(struct buf *out)
{
	buf_puts(out, "Usage: tocsin [OPTION]... COMMAND [ARGUMENT]...\n\n"
		      "Works with the tocsin node of this machine over its socket, or with --url on another.\n"
		      "\nCommands\n");
	commands_of(out, NULL);
	buf_puts(out, "\nOptions\n");
	globals(out);
	buf_puts(out, "\nEnds with 0 when all is well, 1 with a finding or when something was blocked or "
		      "refused,\n2 on wrong usage, 3 when node or peer cannot be reached, 4 when the store "
		      "is damaged.\nMore about a command: tocsin help COMMAND, and tocsin(1).\n");
}

bool cli_help_noun(struct buf *out, const char *noun)
{
	OWN(buf) struct buf list = BUF(1 << 18);
	if (!commands_of(&list, noun))
		return false;
	buf_printf(out, "Usage: tocsin %s COMMAND [ARGUMENT]...\n\n", noun);
	buf_str_add(out, buf_str(&list));
	return true;
}

void cli_help_command(struct buf *out, const struct cli_row *cmd)
{
	buf_printf(out, "Usage: tocsin %s%s%s%s\n\n", cmd->name,
		   cli_next(cmd, CLI_OPTION) ? " [OPTION]..." : "", cmd->args[0] ? " " : "", cmd->args);
	OWN(buf) struct buf line = BUF(4096);
	buf_printf(&line, "%c%s.", cmd->text[0] & ~0x20, cmd->text + 1);
	wrap(out, 0, 0, buf_str(&line));
	if (cmd->help[0])
		wrap(out, 0, 0, str_c(cmd->help));
	if (cli_next(cmd, CLI_OPTION))
		buf_putc(out, '\n');
	for (const struct cli_row *r = cmd; (r = cli_next(r, CLI_OPTION));)
		option_entry(out, r);
	buf_puts(out, "\nOptions of every command\n");
	globals(out);
}

/* ---- tocsin(1) ---- */

static void roff_text(struct buf *out, const char *text)
{
	if (text[0] == '.' || text[0] == '\'')
		buf_puts(out, "\\&");
	for (; *text; text++) {
		if (*text == '\\')
			buf_puts(out, "\\e");
		else if (*text == '-')
			buf_puts(out, "\\-");
		else
			buf_putc(out, *text);
	}
}

static void roff_option(struct buf *out, const struct cli_row *r)
{
	buf_puts(out, ".TP\n");
	if (r->letter)
		buf_printf(out, "\\fB\\-%c\\fR, ", r->letter);
	buf_puts(out, "\\fB\\-\\-");
	roff_text(out, r->name);
	buf_puts(out, "\\fR");
	if (r->args)
		buf_printf(out, " \\fI%s\\fR", r->args);
	buf_putc(out, '\n');
	roff_text(out, r->text);
	buf_puts(out, "\n");
}

void cli_describe_roff(struct buf *out)
{
	buf_puts(out, ".SH OPTIONS\n");
	for (const struct cli_row *r = NULL; (r = cli_next(r, CLI_GLOBAL));)
		roff_option(out, r);
	buf_puts(out, ".SH COMMANDS\n");
	for (const struct cli_row *r = NULL; (r = cli_next(r, CLI_COMMAND));) {
		buf_printf(out, ".SS tocsin %s ", r->name);
		roff_text(out, r->args);
		buf_printf(out, "\n%c", r->text[0] & ~0x20);
		roff_text(out, r->text + 1);
		buf_puts(out, ".\n");
		if (r->help[0]) {
			roff_text(out, r->help);
			buf_putc(out, '\n');
		}
		for (const struct cli_row *o = r; (o = cli_next(o, CLI_OPTION));)
			roff_option(out, o);
	}
}

/* ---- completion ---- */

/* First words, or the second words behind `noun`; each once. */
static void words(struct buf *out, const char *noun)
{
	size_t n = noun ? strlen(noun) : 0;
	struct str last = STR("");
	for (const struct cli_row *r = NULL; (r = cli_next(r, CLI_COMMAND));) {
		struct str first, second = str_split(str_c(r->name), ' ', &first);
		if (noun && (!second.p || first.n != n || memcmp(first.p, noun, n) != 0))
			continue;
		if (noun)
			first = second;
		if (str_eq(first, last))
			continue;
		buf_printf(out, "%s%.*s", last.n ? " " : "", STR_ARG(first));
		last = first;
	}
}

static void option_words(struct buf *out, const struct cli_row *cmd)
{
	for (const struct cli_row *r = cmd; cmd && (r = cli_next(r, CLI_OPTION));)
		buf_printf(out, "--%s ", r->name);
	for (const struct cli_row *r = NULL; (r = cli_next(r, CLI_GLOBAL));)
		buf_printf(out, "--%s ", r->name);
}

/* What the first argument of a command may be, where the node can say. */
static const char *names_of(const struct cli_row *cmd)
{
	bool subscription = strncmp(cmd->name, "subscription ", 13) == 0 || strcmp(cmd->name, "follow") == 0;
	return subscription && strncmp(cmd->args, "NAME", 4) == 0 && strcmp(cmd->args, "NAME FORMAT") != 0
		       ? "; values=\"$(tocsin --quiet subscription list 2>/dev/null)\""
		       : "";
}

/* The lines of a shell's `case` that give second words and options, the same in both shells. */
static void cases(struct buf *out)
{
	struct str last = STR("");
	buf_puts(out, "\t\"help\") second=\"");
	words(out, NULL);
	buf_puts(out, "\" ;;\n");
	for (const struct cli_row *r = NULL; (r = cli_next(r, CLI_COMMAND));) {
		struct str first, second = str_split(str_c(r->name), ' ', &first);
		if (!second.p || str_eq(first, last))
			continue;
		OWN(buf) struct buf noun = BUF(100);
		buf_str_add(&noun, first);
		buf_printf(out, "\t\"%s\") second=\"", buf_cstr(&noun));
		words(out, buf_cstr(&noun));
		buf_puts(out, "\" ;;\n");
		last = first;
	}
	for (const struct cli_row *r = NULL; (r = cli_next(r, CLI_COMMAND));) {
		buf_printf(out, "\t\"%s\"*) options=\"", r->name);
		option_words(out, r);
		buf_printf(out, "\"%s ;;\n", names_of(r));
	}
}

static void values(struct buf *out)
{
	buf_puts(out, "\tcase $last in\n"
		      "\texport) values=\"$(tocsin --quiet export --list 2>/dev/null)\"\n"
		      "\t\tvalues=${values:-json csv text} ;;\n"
		      "\t--format) values=\"$(tocsin --quiet export --list 2>/dev/null)\" ;;\n"
		      "\t--priority) values=\"newest severest last_seen\" ;;\n"
		      "\t--scope) values=\"events attributes\" ;;\n"
		      "\t--color) values=\"auto always never\" ;;\n"
		      "\tesac\n");
}

void cli_describe_bash(struct buf *out)
{
	buf_puts(out, "# bash completion for tocsin; made from node/cli/cmds.inc\n"
		      "_tocsin() {\n"
		      "\tlocal word=${COMP_WORDS[COMP_CWORD]} last=${COMP_WORDS[COMP_CWORD-1]}\n"
		      "\tlocal words= w second= options= values=\n"
		      "\tfor w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
		      "\t\t[[ $w == -* ]] || words=\"$words${words:+ }$w\"\n"
		      "\tdone\n"
		      "\tcase $words in\n"
		      "\t\"\") second=\"help ");
	words(out, NULL);
	buf_puts(out, "\"; options=\"");
	option_words(out, NULL);
	buf_puts(out, "\" ;;\n");
	cases(out);
	buf_puts(out, "\tesac\n");
	values(out);
	buf_puts(out, "\tif [[ $word == -* ]]; then\n"
		      "\t\tCOMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
		      "\telif [[ -n $values$second ]]; then\n"
		      "\t\tCOMPREPLY=($(compgen -W \"${values:-$second}\" -- \"$word\"))\n"
		      "\telse\n"
		      "\t\tCOMPREPLY=($(compgen -f -- \"$word\"))\n"
		      "\tfi\n"
		      "}\n"
		      "complete -o filenames -F _tocsin tocsin\n");
}

void cli_describe_zsh(struct buf *out)
{
	buf_puts(out, "#compdef tocsin\n"
		      "# zsh completion for tocsin; made from node/cli/cmds.inc\n"
		      "_tocsin() {\n"
		      "\tlocal word=${words[CURRENT]} last=${words[CURRENT-1]}\n"
		      "\tlocal typed= w second= options= values=\n"
		      "\tfor w in ${words[2,CURRENT-1]}; do\n"
		      "\t\t[[ $w == -* ]] || typed=\"$typed${typed:+ }$w\"\n"
		      "\tdone\n"
		      "\tcase $typed in\n"
		      "\t\"\") second=\"help ");
	words(out, NULL);
	buf_puts(out, "\"; options=\"");
	option_words(out, NULL);
	buf_puts(out, "\" ;;\n");
	cases(out);
	buf_puts(out, "\tesac\n");
	values(out);
	buf_puts(out, "\tif [[ $word == -* ]]; then\n"
		      "\t\tcompadd -- ${=options}\n"
		      "\telif [[ -n $values$second ]]; then\n"
		      "\t\tcompadd -- ${=values:-$second}\n"
		      "\telse\n"
		      "\t\t_files\n"
		      "\tfi\n"
		      "}\n"
		      "_tocsin \"$@\"\n");
}
