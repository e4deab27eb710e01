/*
 * import_as.c - `tocsin import --as`: the files one after the other through the handler of their format.
 */
#include "cli/import_as.h"

#include <string.h>

#include "cli/call.h"
#include "cli/grid.h"

static const struct import_format formats[] = {
#define IMPORT_FORMAT(name, handler, where, text) {name, handler, where, text},
#include "cli/import_formats.inc"
#undef IMPORT_FORMAT
};

static int list(struct cli *c)
{
	static const struct grid_column cols[] = {{"FORMAT", 0, TERM_BOLD}, {"WHAT", GRID_SHRINK, TERM_PLAIN}};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	OWN(json) json_t *all = json_array();
	if (cli_want_args(c, 0, 0))
		return CLI_USAGE;
	grid_add(t, STR("misp"));
	grid_add(t, STR("MISP's own JSON: an event, several, or a feed's folder (without --as)"));
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		json_array_append_new(all, json_pack("{s:s,s:s}", "format", formats[i].name, "text", formats[i].text));
		grid_add(t, str_c(formats[i].name));
		grid_add(t, str_c(formats[i].text));
	}
	return c->json ? cli_print_json(all) : grid_print(t, c);
}

static const struct import_format *find(struct cli *c, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	cli_usage(c, "there is no format %s: see tocsin import --list", name);
	return NULL;
}

static int one(struct cli *c, const struct import_format *format, const char *name, json_t *results)
{
	bool input = strcmp(name, "-") == 0;
	struct import_job j = {.c = c,
			       .format = format,
			       .file = input ? stdin : fopen(name, "re"),
			       .name = input ? "standard input" : name,
			       .gzip = str_has_suffix(str_c(name), STR(".gz")),
			       .dry = cli_opt(c, "dry-run") != NULL,
			       .result = json_object()};
	if (!j.file || !j.result) {
		json_decref(j.result);
		return cli_fail(c, CLI_FINDING, "cannot read %s", name);
	}
	json_object_set_new(j.result, "file", json_string(j.name));
	int code = format->run(&j);
	if (!c->failed || json_object_size(j.result) > 1)
		json_array_append(results, j.result);
	json_decref(j.result);
	if (!input)
		fclose(j.file);
	return code;
}

int import_as(struct cli *c)
{
	if (cli_opt(c, "list"))
		return list(c);
	const struct import_format *format = find(c, cli_opt(c, "as"));
	OWN(json) json_t *results = json_array();
	int code = CLI_OK;
	if (!format || cli_want_args(c, 1, SIZE_MAX))
		return CLI_USAGE;
	for (size_t i = 0; i < c->argc && code != CLI_UNREACHED && code != CLI_USAGE; i++)
		code = cli_worse(code, one(c, format, c->argv[i], results));
	if (c->json && json_array_size(results))
		cli_print_json(results);
	return code;
}
