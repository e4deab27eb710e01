/*
 * cmd_lookup.c - which of these values are known? Batches of lines to the node, a line each back.
 */
#include <stdio.h>
#include <string.h>

#include "cli/call.h"
#include "cli/grid.h"

#define BATCH_BYTES (1u << 20)
#define VALUE_MAX 65536

struct lookup {
	struct cli *c;
	struct buf batch, rest; /* lines to ask; a part of an answer's line */
	struct grid *table;
	bool only_hits, first;
	uint64_t known, asked;
};

static struct str joined(struct cli *c, const json_t *ids)
{
	OWN(buf) struct buf b = BUF(1 << 16);
	size_t i;
	json_t *v;
	json_array_foreach(ids, i, v)
		buf_printf(&b, "%s%s", i ? " " : "", json_is_string(v) ? json_string_value(v) : "");
	return arena_str(c->arena, buf_str(&b));
}

/* One line of the answer. */
static bool show(struct lookup *l, struct str line)
{
	struct cli *c = l->c;
	OWN(json) json_t *j = json_loadb(line.p, line.n, 0, NULL);
	bool found = json_is_true(json_object_get(j, "found"));
	if (!j)
		return line.n == 0;
	l->known += found;
	if (l->only_hits && !found)
		return true;
	if (c->json) {
		printf("%s%.*s", l->first ? "[\n" : ",\n", STR_ARG(line));
		l->first = false;
		return true;
	}
	struct arena_mark m = arena_mark(c->arena);
	grid_add_styled(l->table, found ? STR("known") : STR("-"), found ? TERM_BAD : TERM_DIM);
	grid_add(l->table, cli_text(c, j, "value"));
	grid_add(l->table, arena_printf(c->arena, "%.*s%s", STR_ARG(cli_text(c, j, "hits")),
					 json_is_true(json_object_get(j, "more")) ? "+" : ""));
	grid_add(l->table, joined(c, json_object_get(j, "events")));
	arena_rewind(c->arena, m);
	return true;
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

static int from_input(struct lookup *l)
{
	OWN(chars) char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int code = CLI_OK;
	while (code == CLI_OK && (n = getline(&line, &cap, stdin)) > 0) {
		if (n > VALUE_MAX)
			return cli_fail(l->c, CLI_USAGE, "a line of more than %d bytes", VALUE_MAX);
		code = add(l, (struct str){line, (size_t)n});
	}
	return code;
}

int cmd_lookup(struct cli *c)
{
	static const struct grid_column cols[] = {{"", 0, TERM_PLAIN},
						   {"VALUE", GRID_SHRINK, TERM_BOLD},
						   {"HITS", GRID_RIGHT, TERM_PLAIN},
						   {"EVENTS", GRID_SHRINK, TERM_NAME}};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	struct lookup l = {.c = c,
			   .batch = BUF(4 * BATCH_BYTES),
			   .rest = BUF(64 << 20),
			   .table = t,
			   .only_hits = cli_opt(c, "hits"),
			   .first = true};
	int code = CLI_OK;
	for (size_t i = 0; i < c->argc && code == CLI_OK; i++)
		code = add(&l, str_c(c->argv[i]));
	if (!c->argc)
		code = from_input(&l);
	if (code == CLI_OK)
		code = ask(&l);
	if (c->json && code == CLI_OK)
		fputs(l.first ? "[]\n" : "\n]\n", stdout);
	else if (code == CLI_OK)
		code = grid_print(t, c);
	buf_free(&l.batch);
	buf_free(&l.rest);
	return code != CLI_OK ? code : l.known ? CLI_FINDING : CLI_OK;
}
