/*
 * cmd_lookup.c - which of these values are known? Batches of lines to the node, a line each back. What
 * is kept is one batch, however many values there are.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/call.h"
#include "cli/grid.h"
#include "cli/progress.h"

#define BATCH_BYTES (1u << 20)
#define VALUE_MAX 65536
#define TABLE_ROWS 5000 /* shown together, with widths of their own */

struct lookup {
	struct cli *c;
	struct buf batch, rest; /* lines to ask; a part of an answer's line */
	struct grid *table;
	struct progress progress;
	bool only_hits, first;
	uint64_t known, asked, answered, faults;
};

static const struct grid_column columns[] = {
	{"", 0, TERM_PLAIN},		   {"VALUE", GRID_SHRINK, TERM_BOLD},
	{"HITS", GRID_RIGHT, TERM_PLAIN},  {"WHO", GRID_SHRINK, TERM_NAME},
	{"LATEST", 0, TERM_PLAIN},	   {"IDS", 0, TERM_PLAIN},
	{"TLP", 0, TERM_WARN},		   {"EVENTS", GRID_SHRINK, TERM_NAME}};

static struct str joined(struct cli *c, const json_t *ids, const char *separator)
{
	OWN(buf) struct buf b = BUF(1 << 16);
	size_t i;
	json_t *v;
	json_array_foreach(ids, i, v)
		buf_printf(&b, "%s%s", i ? separator : "", json_is_string(v) ? json_string_value(v) : "");
	return arena_str(c->arena, buf_str(&b));
}

static struct str day(struct cli *c, const json_t *at)
{
	if (!json_is_integer(at))
		return STR("");
	struct clock_civil t = clock_to_civil(json_integer_value(at));
	return arena_printf(c->arena, "%04d-%02d-%02d", t.year, t.month, t.day);
}

/* What has been gathered goes out, so that no list is too long. */
static bool flush_table(struct lookup *l)
{
	progress_end(&l->progress);
	int code = grid_print(l->table, l->c);
	grid_free(l->table);
	l->table = grid_new(l->c, columns, ARRAY_LEN(columns));
	return code == CLI_OK && l->table;
}

static void row(struct lookup *l, const json_t *j, bool found)
{
	struct cli *c = l->c;
	const char *why = json_string_value(json_object_get(j, "error"));
	grid_add_styled(l->table, why ? STR("error") : found ? STR("known") : STR("-"),
			found || why ? TERM_BAD : TERM_DIM);
	grid_add(l->table, cli_text(c, j, "value"));
	grid_add(l->table, why ? str_c(why)
			       : arena_printf(c->arena, "%.*s%s", STR_ARG(cli_text(c, j, "hits")),
					      json_is_true(json_object_get(j, "more")) ? "+" : ""));
	grid_add(l->table, joined(c, json_object_get(j, "orgs"), ", "));
	grid_add(l->table, day(c, json_object_get(j, "last")));
	grid_add(l->table, json_is_true(json_object_get(j, "to_ids")) ? STR("ids") : STR(""));
	grid_add(l->table, cli_text(c, j, "tlp"));
	grid_add(l->table, joined(c, json_object_get(j, "events"), " "));
}

/* One line of the answer. */
static bool show(struct lookup *l, struct str line)
{
	struct cli *c = l->c;
	OWN(json) json_t *j = json_loadb(line.p, line.n, 0, NULL);
	bool found = json_is_true(json_object_get(j, "found"));
	bool fault = json_object_get(j, "error") != NULL;
	if (!j)
		return line.n == 0;
	l->known += found;
	l->faults += fault;
	l->answered++;
	if (progress_due(&l->progress))
		progress_show(&l->progress, l->answered, 0, "values", "");
	if (l->only_hits && !found && !fault)
		return true;
	if (c->json) {
		printf("%s%.*s", l->first ? "[\n" : ",\n", STR_ARG(line));
		l->first = false;
		return true;
	}
	struct arena_mark m = arena_mark(c->arena);
	row(l, j, found);
	arena_rewind(c->arena, m);
	return grid_rows(l->table) < TABLE_ROWS || flush_table(l);
}

static bool sink(void *user, struct str bytes)
{
	struct lookup *l = user;
	struct str line, rest;
	buf_str_add(&l->rest, bytes);
	rest = buf_str(&l->rest);
	size_t used = 0;
	for (ptrdiff_t at; (at = str_chr(rest, '\n')) >= 0;) {
		line = str_sub(rest, 0, (size_t)at);
		if (!show(l, line))
			return false;
		used += line.n + 1;
		rest = str_sub(rest, line.n + 1, rest.n);
	}
	buf_consume(&l->rest, used);
	return buf_err(&l->rest) == ERR_OK;
}

static int ask(struct lookup *l)
{
	if (!l->batch.n)
		return CLI_OK;
	struct call k = {.method = "POST",
			 .path = STR("/values/lookup"),
			 .body = buf_str(&l->batch),
			 .type = "application/x-ndjson",
			 .sink = sink,
			 .user = l};
	int code = call_perform(l->c, &k);
	buf_free(&k.answer);
	buf_clear(&l->batch);
	return code;
}

/* As a JSON string, so that a value may begin with a quote or a bracket. */
static int add(struct lookup *l, struct str value)
{
	value = str_trim(value);
	if (!value.n)
		return CLI_OK;
	OWN(json) json_t *j = json_stringn(value.p, value.n);
	OWN(chars) char *text = j ? json_dumps(j, JSON_ENCODE_ANY) : NULL;
	if (!text)
		return cli_fail(l->c, CLI_USAGE, "a value is not UTF-8");
	buf_puts(&l->batch, text);
	buf_putc(&l->batch, '\n');
	l->asked++;
	return l->batch.n >= BATCH_BYTES ? ask(l) : CLI_OK;
}

static int from_input(struct lookup *l, FILE *in)
{
	OWN(chars) char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int code = CLI_OK;
	while (code == CLI_OK && (n = getline(&line, &cap, in)) > 0) {
		if (n > VALUE_MAX)
			return cli_fail(l->c, CLI_USAGE, "a line of more than %d bytes", VALUE_MAX);
		code = add(l, (struct str){line, (size_t)n});
	}
	if (code == CLI_OK && ferror(in))
		return cli_fail(l->c, CLI_USAGE, "cannot read the values");
	return code;
}

static int from_file(struct lookup *l, const char *path)
{
	FILE *in = fopen(path, "re");
	if (!in)
		return cli_fail(l->c, CLI_USAGE, "cannot read %s", path);
	int code = from_input(l, in);
	fclose(in);
	return code;
}

int cmd_lookup(struct cli *c)
{
	const char *path = cli_opt(c, "file");
	struct lookup l = {.c = c,
			   .batch = BUF(4 * BATCH_BYTES),
			   .rest = BUF(64 << 20),
			   .table = grid_new(c, columns, ARRAY_LEN(columns)),
			   .only_hits = cli_opt(c, "hits"),
			   .first = true};
	int code = CLI_OK;
	progress_begin(&l.progress, c, "looking up");
	for (size_t i = 0; i < c->argc && code == CLI_OK; i++)
		code = add(&l, str_c(c->argv[i]));
	if (path && code == CLI_OK)
		code = from_file(&l, path);
	else if (!c->argc && code == CLI_OK)
		code = from_input(&l, stdin);
	if (code == CLI_OK)
		code = ask(&l);
	progress_end(&l.progress);
	if (c->json && code == CLI_OK)
		fputs(l.first ? "[]\n" : "\n]\n", stdout);
	else if (code == CLI_OK)
		code = grid_print(l.table, c);
	if (code == CLI_OK && l.answered < l.asked)
		code = cli_fail(c, CLI_UNREACHED, "%llu of %llu values were answered",
				(unsigned long long)l.answered, (unsigned long long)l.asked);
	if (l.faults && code == CLI_OK)
		fprintf(stderr, "%llu values could not be looked up\n", (unsigned long long)l.faults);
	grid_free(l.table);
	buf_free(&l.batch);
	buf_free(&l.rest);
	return code != CLI_OK ? code : l.known ? CLI_FINDING : CLI_OK;
}
