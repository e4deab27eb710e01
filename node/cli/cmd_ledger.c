/*
 * cmd_ledger.c - who was given what, and the proofs of it. Texts for others are verified by tocsind, which
 * needs no node for that; contrib/ledger-verify does it without tocsin.
 */
#include <stdio.h>
#include <string.h>

#include "cli/call.h"
#include "cli/daemon.h"
#include "cli/export.h"
#include "cli/grid.h"

#define TEXT_MAX (64u << 20)
#define OUT_MAX (16u << 20)

static int ask(struct cli *c, const char *method, struct str path, json_t **out)
{
	int code = call_json(c, method, path, NULL, out);
	if (code == CLI_OK && c->json)
		cli_print_json(*out);
	return code;
}

/* "/tocsin/ledger/<verb>/<segment>?a=..&b=.." of the options given. */
static struct str path_of(struct cli *c, const char *verb, const char *argument,
			  const char *const *options)
{
	OWN(buf) struct buf b = BUF(8192);
	char sep = '?';
	buf_printf(&b, "/tocsin/ledger/%s", verb);
	if (argument) {
		/* in a path "user:2" would be a parameter of MISP's */
		bool named = strchr(argument, ':') != NULL;
		buf_puts(&b, named ? "?audience=" : "/");
		buf_str_add(&b, call_segment(c, str_c(argument)));
		sep = named ? '&' : sep;
	}
	for (; options && *options; options++) {
		const char *v = cli_opt(c, *options);
		if (!v)
			continue;
		buf_printf(&b, "%c%s=", sep, *options);
		buf_str_add(&b, call_segment(c, str_c(v)));
		sep = '&';
	}
	return arena_str(c->arena, buf_str(&b));
}

static struct str when(struct cli *c, const json_t *o, const char *key)
{
	return term_time(c, json_integer_value(json_object_get(o, key)));
}

static enum term_style outcome_style(struct str s)
{
	return str_is(s, "sent") ? TERM_GOOD : str_is(s, "unsent") ? TERM_DIM : TERM_WARN;
}

/* Version, when first and last, how often, how it ended. */
static void given_cells(struct cli *c, struct grid *t, const json_t *g)
{
	const json_t *sent = json_object_get(g, "sent"), *last = json_object_get(g, "last");
	bool rows = !json_is_object(sent);
	const json_t *v = rows ? json_object_get(g, "listed") : sent;
	struct str outcome = cli_text(c, last, "outcome");
	grid_add(t, rows ? STR("row") : STR("contents"));
	grid_add(t, when(c, v, "timestamp"));
	grid_add(t, when(c, json_object_get(g, "first"), "time"));
	grid_add(t, when(c, last, "time"));
	grid_add(t, cli_text(c, g, "times"));
	grid_add_styled(t, outcome, outcome_style(outcome));
}

#define GIVEN_COLUMNS                                                                              \
	{"GOT", 0, TERM_PLAIN}, {"VERSION OF", 0, TERM_PLAIN}, {"FIRST", 0, TERM_DIM},             \
		{"LAST", 0, TERM_PLAIN}, {"TIMES", GRID_RIGHT, TERM_PLAIN},                        \
		{"LAST TRANSFER", 0, TERM_PLAIN}

int cmd_ledger_who(struct cli *c)
{
	static const struct grid_column cols[] = {{"AUDIENCE", 0, TERM_BOLD},
						   {"KIND", 0, TERM_PLAIN},
						   {"ORGANISATION", GRID_SHRINK, TERM_NAME},
						   GIVEN_COLUMNS};
	static const char *const options[] = {"thing", NULL};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	OWN(json) json_t *j = NULL;
	json_t *a;
	size_t i;
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	int code = ask(c, "GET", path_of(c, "who", c->argv[0], options), &j);
	if (code != CLI_OK || c->json)
		return code;
	json_array_foreach(json_object_get(j, "audiences"), i, a) {
		grid_add(t, cli_text(c, a, "name"));
		grid_add(t, cli_text(c, a, "kind"));
		grid_add(t, cli_text(c, a, "org_uuid"));
		given_cells(c, t, a);
	}
	if (!grid_rows(t))
		cli_say(c, "Nobody was given it.");
	return grid_rows(t) ? grid_print(t, c) : CLI_OK;
}

static int show_audiences(struct cli *c, const json_t *list)
{
	static const struct grid_column cols[] = {{"AUDIENCE", 0, TERM_BOLD},
						   {"KIND", 0, TERM_PLAIN},
						   {"ORGANISATION", GRID_SHRINK, TERM_NAME},
						   {"FIRST", 0, TERM_DIM},
						   {"LAST", 0, TERM_PLAIN},
						   {"LAST TRANSFER", 0, TERM_PLAIN}};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	json_t *a;
	size_t i;
	json_array_foreach(list, i, a) {
		const json_t *last = json_object_get(a, "last");
		struct str outcome = cli_text(c, last, "outcome");
		grid_add(t, cli_text(c, a, "name"));
		grid_add(t, cli_text(c, a, "kind"));
		grid_add(t, cli_text(c, a, "org_uuid"));
		grid_add(t, when(c, json_object_get(a, "first"), "time"));
		grid_add(t, when(c, last, "time"));
		grid_add_styled(t, outcome, outcome_style(outcome));
	}
	return grid_print(t, c);
}

int cmd_ledger_what(struct cli *c)
{
	static const struct grid_column cols[] = {{"AUDIENCE", 0, TERM_BOLD},
						   {"THING", 0, TERM_PLAIN},
						   {"UUID", 0, TERM_NAME},
						   GIVEN_COLUMNS};
	static const char *const options[] = {"limit", NULL};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	OWN(json) json_t *j = NULL;
	json_t *a, *g;
	size_t i, k;
	if (cli_want_args(c, 0, 1))
		return CLI_USAGE;
	const char *name = c->argc ? c->argv[0] : NULL;
	int code = ask(c, "GET", path_of(c, "what", name, options), &j);
	if (code != CLI_OK || c->json)
		return code;
	const json_t *list = json_object_get(j, "audiences");
	if (!json_array_size(list)) {
		cli_say(c, name ? "Nothing was given to an audience of that name."
				: "Nothing was given to anybody.");
		return CLI_OK;
	}
	if (!name)
		return show_audiences(c, list);
	json_array_foreach(list, i, a)
		json_array_foreach(json_object_get(a, "given"), k, g) {
			grid_add(t, cli_text(c, a, "name"));
			grid_add(t, cli_text(c, g, "thing"));
			grid_add(t, cli_text(c, g, "uuid"));
			given_cells(c, t, g);
		}
	code = grid_print(t, c);
	if (json_is_true(json_object_get(j, "more")))
		cli_say(c, "There is more: --limit N");
	return code;
}

/* "3 events, 1 cluster", or what a transfer came to. */
static struct str leaf_text(struct cli *c, const json_t *l)
{
	struct str kind = cli_text(c, l, "kind");
	if (str_is(kind, "closed"))
		return arena_printf(c->arena, "%.*s, %.*s bytes", STR_ARG(cli_text(c, l, "outcome")),
				    STR_ARG(cli_text(c, l, "bytes")));
	if (str_is(kind, "key"))
		return cli_text(c, l, "public_key");
	const json_t *items = json_object_get(l, "items");
	struct str again = cli_text(c, l, "again");
	struct str one = json_array_size(items) == 1
				 ? cli_text(c, json_array_get(items, 0), "uuid")
				 : arena_printf(c->arena, "%zu things", json_array_size(items));
	return str_is(again, "0") ? one
				  : arena_printf(c->arena, "%.*s, %.*s as before", STR_ARG(one),
						 STR_ARG(again));
}

int cmd_ledger_log(struct cli *c)
{
	static const struct grid_column cols[] = {{"LEAF", GRID_RIGHT, TERM_DIM},
						   {"TIME", 0, TERM_PLAIN},
						   {"KIND", 0, TERM_BOLD},
						   {"TRANSFER", GRID_RIGHT, TERM_DIM},
						   {"AUDIENCE", 0, TERM_NAME},
						   {"WAY", 0, TERM_PLAIN},
						   {"WHAT", GRID_SHRINK, TERM_PLAIN}};
	static const char *const options[] = {"limit", "before", NULL};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	OWN(json) json_t *j = NULL;
	json_t *l;
	size_t i;
	if (cli_want_args(c, 0, 0))
		return CLI_USAGE;
	int code = ask(c, "GET", path_of(c, "log", NULL, options), &j);
	if (code != CLI_OK || c->json)
		return code;
	json_array_foreach(json_object_get(j, "leaves"), i, l) {
		grid_add(t, cli_text(c, l, "leaf"));
		grid_add(t, when(c, l, "time"));
		grid_add(t, cli_text(c, l, "kind"));
		grid_add(t, cli_text(c, l, "transfer"));
		grid_add(t, cli_text_in(c, l, "audience", "name"));
		grid_add(t, cli_text(c, l, "way"));
		grid_add(t, leaf_text(c, l));
	}
	return grid_print(t, c);
}

/* A text for others, as it is, or as {"text":..} in JSON. */
static int give_text(struct cli *c, struct str path)
{
	struct call k = {.path = path, .answer = BUF(TEXT_MAX)};
	if (!c->json) {
		buf_free(&k.answer);
		k.answer = (struct buf){0};
		return export_run(c, &k, cli_opt(c, "output"));
	}
	int code = call_perform(c, &k);
	if (code == CLI_OK) {
		OWN(json) json_t *j = json_pack("{s:s%}", "text", buf_str(&k.answer).p, k.answer.n);
		cli_print_json(j);
	}
	buf_free(&k.answer);
	return code;
}

int cmd_ledger_prove(struct cli *c)
{
	static const char *const options[] = {"to", "thing", NULL};
	return cli_want_args(c, 1, 1) ? CLI_USAGE
				      : give_text(c, path_of(c, "prove", c->argv[0], options));
}

int cmd_ledger_growth(struct cli *c)
{
	return cli_want_args(c, 1, 1) ? CLI_USAGE
				      : give_text(c, path_of(c, "growth", c->argv[0], NULL));
}

int cmd_ledger_export(struct cli *c)
{
	return cli_want_args(c, 0, 0) ? CLI_USAGE : give_text(c, path_of(c, "export", NULL, NULL));
}

int cmd_ledger_key(struct cli *c)
{
	OWN(json) json_t *j = NULL;
	if (cli_want_args(c, 0, 0))
		return CLI_USAGE;
	int code = ask(c, "GET", STR("/tocsin/ledger/key"), &j);
	if (code == CLI_OK && !c->json)
		printf("%.*s\n", STR_ARG(cli_text(c, j, "key")));
	return code;
}

int cmd_ledger_checkpoint(struct cli *c)
{
	OWN(json) json_t *j = NULL;
	if (cli_want_args(c, 0, 0))
		return CLI_USAGE;
	int code = ask(c, "POST", STR("/tocsin/ledger/checkpoint"), &j);
	if (code == CLI_OK && !c->json)
		printf("%.*s", STR_ARG(cli_text(c, j, "checkpoint")));
	return code;
}

static int verify_file(struct cli *c, const char *file)
{
	OWN(buf) struct buf out = BUF(OUT_MAX);
	const char *args[] = {"--maintenance", "ledger", file, NULL, NULL, NULL};
	if (cli_opt(c, "trust")) {
		args[3] = "--trust";
		args[4] = cli_opt(c, "trust");
	}
	int code = daemon_run(c, args, &out);
	struct str said = str_trim(buf_str(&out));
	if (!c->json) {
		if (said.n)
			printf("%.*s\n", STR_ARG(said));
		return code;
	}
	OWN(json) json_t *j = json_pack("{s:b, s:s%}", "intact", code == CLI_OK, "result", said.p,
					said.n);
	cli_print_json(j);
	return code;
}

int cmd_ledger_verify(struct cli *c)
{
	OWN(json) json_t *j = NULL;
	const char *file = cli_opt(c, "offline");
	json_t *p;
	size_t i;
	if (cli_want_args(c, 0, 0))
		return CLI_USAGE;
	if (file)
		return verify_file(c, file);
	if (cli_opt(c, "trust"))
		return cli_usage(c, "--trust goes with --offline FILE");
	int code = ask(c, "GET", STR("/tocsin/ledger/verify"), &j);
	if (code != CLI_OK)
		return code;
	bool intact = json_is_true(json_object_get(j, "intact"));
	if (c->json)
		return intact ? CLI_OK : CLI_DAMAGED;
	json_array_foreach(json_object_get(j, "problems"), i, p)
		fprintf(stderr, "problem: %s\n", json_string_value(p));
	term_pair(c, "ledger", intact ? TERM_GOOD : TERM_BAD, intact ? STR("intact") : STR("damaged"));
	term_pair(c, "leaves", TERM_PLAIN, cli_text(c, j, "leaves"));
	term_pair(c, "audiences", TERM_PLAIN, cli_text(c, j, "audiences"));
	term_pair(c, "checkpoints", TERM_PLAIN, cli_text(c, j, "checkpoints"));
	term_pair(c, "signed up to", TERM_PLAIN, cli_text(c, j, "signed"));
	term_pair(c, "root", TERM_DIM, cli_text(c, j, "root"));
	return intact ? CLI_OK : CLI_DAMAGED;
}
