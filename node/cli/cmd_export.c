/*
 * cmd_export.c - events or attributes in a format for other programs, to standard output or a file.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/export.h"
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

/* Events of json, attributes of everything else. */
static const char *scope_path(struct cli *c, const char *format)
{
	const char *scope = cli_opt(c, "scope");
	if (!scope)
		scope = strcmp(format, "json") == 0 ? "events" : "attributes";
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

int cmd_export(struct cli *c)
{
	OWN(json) json_t *query = json_object();
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
