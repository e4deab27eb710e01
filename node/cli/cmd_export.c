/*
 * cmd_export.c - events or attributes in a format for other programs, to standard output or a file.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/call.h"
#include "cli/export.h"
#include "cli/grid.h"
#include "cli/progress.h"
#include "cli/term.h"

struct output {
	FILE *file;
	uint64_t bytes;
	struct progress progress;
};

static bool write_out(void *user, struct str bytes)
{
	struct output *o = user;
	o->bytes += bytes.n;
	return fwrite(bytes.p, 1, bytes.n, o->file) == bytes.n;
}

static void tick(void *user, uint64_t up, uint64_t down)
{
	struct output *o = user;
	(void)up, (void)down;
	if (o->file != stdout && progress_due(&o->progress))
		progress_show(&o->progress, o->bytes, 0, "", "");
}

/* Events of json, and of what is told of events alone; attributes of everything else. */
static const char *const of_events[] = {"json", "attack", "context", "context-markdown"};

static const char *scope_path(struct cli *c, const char *format)
{
	const char *scope = cli_opt(c, "scope");
	for (size_t i = 0; !scope && i < ARRAY_LEN(of_events); i++)
		if (strcmp(format, of_events[i]) == 0)
			scope = "events";
	if (!scope)
		scope = "attributes";
	if (strcmp(scope, "events") == 0)
		return "/events/restSearch";
	return strcmp(scope, "attributes") == 0 ? "/attributes/restSearch" : NULL;
}

static int transfer(struct cli *c, const struct call *what, struct output *o)
{
	struct call k = *what;
	k.sink = write_out;
	k.tick = tick;
	k.user = o;
	progress_begin(&o->progress, c, "export");
	int code = call_perform(c, &k);
	progress_end(&o->progress);
	buf_free(&k.answer);
	return code;
}

static int say_written(struct cli *c, const struct output *o, const char *name)
{
	if (c->json) {
		json_t *j = json_object();
		json_object_set_new(j, "file", json_string(name));
		json_object_set_new(j, "bytes", json_integer((json_int_t)o->bytes));
		cli_print_json(j);
		json_decref(j);
	}
	cli_say(c, "%.*s to %s", STR_ARG(term_bytes(c, o->bytes)), name);
	return CLI_OK;
}

/* A pipe or device stays what it is. */
static int to_device(struct cli *c, const struct call *what, const char *name)
{
	struct output o = {.file = fopen(name, "we")};
	if (!o.file)
		return cli_fail(c, CLI_FINDING, "cannot write %s", name);
	int code = transfer(c, what, &o);
	bool ok = fclose(o.file) == 0;
	if (code == CLI_OK && !ok)
		code = cli_fail(c, CLI_FINDING, "cannot write %s", name);
	return code == CLI_OK ? say_written(c, &o, name) : code;
}

/* Into FILE.new, which takes FILE's place when all of it is on disk. */
static int to_file(struct cli *c, const struct call *what, const char *name)
{
	struct output o = {0};
	struct str fresh = arena_printf(c->arena, "%s.new", name);
	o.file = fopen(fresh.p, "we");
	if (!o.file)
		return cli_fail(c, CLI_FINDING, "cannot write %s", fresh.p);
	int code = transfer(c, what, &o);
	bool ok = code == CLI_OK && fflush(o.file) == 0 && fsync(fileno(o.file)) == 0;
	ok &= fclose(o.file) == 0;
	if (ok && rename(fresh.p, name) == 0)
		return say_written(c, &o, name);
	unlink(fresh.p);
	return code != CLI_OK ? code : cli_fail(c, CLI_FINDING, "cannot write %s", name);
}

int export_run(struct cli *c, const struct call *what, const char *file)
{
	struct stat st;
	if (file && strcmp(file, "-") != 0)
		return stat(file, &st) == 0 && !S_ISREG(st.st_mode) ? to_device(c, what, file)
								    : to_file(c, what, file);
	struct output o = {.file = stdout};
	return transfer(c, what, &o);
}

/* ---- what formats there are ---- */

static struct str joined(struct cli *c, const json_t *list, const char *between)
{
	OWN(buf) struct buf b = BUF(1u << 16);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *word = json_string_value(json_array_get(list, i));
		if (i)
			buf_puts(&b, between);
		buf_puts(&b, word ? word : "");
	}
	return arena_str(c->arena, buf_str(&b));
}

static bool flag(const json_t *row, const char *key)
{
	return json_is_true(json_object_get(row, key));
}

/* Options, each with what it is unless it is set. */
static void show_options(struct cli *c, const json_t *row)
{
	const json_t *list = json_object_get(row, "options"), *o;
	size_t i;
	term_pair(c, "subscription", TERM_PLAIN,
		  !flag(row, "subscription")	  ? STR("no: tocsin export only")
		  : json_array_size(list) ? STR("yes, with these for --option:")
						  : STR("yes"));
	json_array_foreach(list, i, o)
		term_pair(c, "", TERM_PLAIN,
			  arena_printf(c->arena, "%.*s=%.*s  %.*s", STR_ARG(cli_text(c, o, "name")),
				       STR_ARG(cli_text(c, o, "fallback")), STR_ARG(cli_text(c, o, "doc"))));
}

static void show_format(struct cli *c, const json_t *row)
{
	term_pair(c, "format", TERM_BOLD, cli_text(c, row, "name"));
	term_pair(c, "is", TERM_PLAIN, cli_text(c, row, "doc"));
	term_pair(c, "media type", TERM_PLAIN, cli_text(c, row, "media_type"));
	term_pair(c, "of", TERM_PLAIN, joined(c, json_object_get(row, "scopes"), ", "));
	term_pair(c, "takes", TERM_PLAIN,
		  flag(row, "detection_only") ? STR("published events, attributes with to_ids")
					      : STR("all"));
	term_pair(c, "types", TERM_PLAIN,
		  flag(row, "all_types") ? STR("all")
					 : joined(c, json_object_get(row, "types"), ", "));
	term_pair(c, "drops", TERM_PLAIN, cli_text(c, row, "drops"));
	show_options(c, row);
}

static int show_formats(struct cli *c, const json_t *rows)
{
	static const struct grid_column columns[] = {{"FORMAT", 0, TERM_BOLD},
						     {"OF", 0, TERM_PLAIN},
						     {"TYPES", GRID_RIGHT, TERM_PLAIN},
						     {"WHAT", GRID_SHRINK, TERM_PLAIN}};
	OWN(grid) struct grid *t = grid_new(c, columns, ARRAY_LEN(columns));
	const json_t *row;
	size_t i;
	json_array_foreach(rows, i, row) {
		const json_t *types = json_object_get(row, "types");
		if (c->quiet) { /* for completion */
			printf("%.*s\n", STR_ARG(cli_text(c, row, "name")));
			continue;
		}
		grid_add(t, cli_text(c, row, "name"));
		grid_add(t, joined(c, json_object_get(row, "scopes"), ", "));
		grid_add(t, flag(row, "all_types") ? STR("all")
						   : arena_printf(c->arena, "%zu", json_array_size(types)));
		grid_add(t, cli_text(c, row, "doc"));
	}
	return c->quiet ? CLI_OK : grid_print(t, c);
}

static int list_formats(struct cli *c)
{
	OWN(json) json_t *rows = NULL;
	const json_t *row, *found = NULL;
	size_t i;
	if (cli_want_args(c, 0, 1))
		return CLI_USAGE;
	int code = call_json(c, "GET", STR("/tocsin/formats"), NULL, &rows);
	if (code != CLI_OK)
		return code;
	json_array_foreach(rows, i, row)
		if (c->argc == 1 && str_is(cli_text(c, row, "name"), c->argv[0]))
			found = row;
	if (c->argc == 1 && !found)
		return cli_fail(c, CLI_FINDING, "there is no format %s; see tocsin export --list",
				c->argv[0]);
	if (c->json)
		return cli_print_json(found ? found : rows);
	if (found)
		show_format(c, found);
	return found ? CLI_OK : show_formats(c, rows);
}

int cmd_export(struct cli *c)
{
	OWN(json) json_t *query = json_object();
	if (cli_opt(c, "list"))
		return list_formats(c);
	if (cli_want_args(c, 1, SIZE_MAX) || cli_filters(c, 1, query))
		return CLI_USAGE;
	const char *path = scope_path(c, c->argv[0]);
	if (!path)
		return cli_usage(c, "--scope is events or attributes");
	json_object_set_new(query, "returnFormat", json_string(c->argv[0]));
	if (cli_opt(c, "to"))
		json_object_set_new(query, "tocsin_audience", json_string(cli_opt(c, "to")));
	OWN(chars) char *text = json_dumps(query, JSON_COMPACT);
	struct call what = {.method = "POST", .path = str_c(path), .body = str_c(text)};
	return export_run(c, &what, cli_opt(c, "output"));
}
