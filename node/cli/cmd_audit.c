/*
 * cmd_audit.c - the audit log: searching it, verifying it (also an exported file, without a node),
 * and taking it away.
 */
#include <stdio.h>
#include <string.h>

#include "cli/audit_file.h"
#include "cli/export.h"
#include "cli/grid.h"

static enum term_style outcome_style(struct str s)
{
	return str_is(s, "ok") ? TERM_PLAIN : str_is(s, "refused") ? TERM_WARN : TERM_BAD;
}

static struct str join(struct cli *c, struct str a, const char *between, struct str b)
{
	if (!a.n || !b.n)
		return a.n ? a : b;
	return arena_printf(c->arena, "%.*s%s%.*s", STR_ARG(a), between, STR_ARG(b));
}

static void add_record(struct cli *c, struct grid *t, const json_t *j)
{
	struct str name = cli_text(c, j, "name"), outcome = cli_text(c, j, "outcome");
	struct str actor = cli_text(c, j, "actor"), object = cli_text(c, j, "object");
	struct str count = cli_text(c, j, "count");
	if (str_is(actor, "user") && name.n)
		actor = name;
	else
		actor = join(c, actor, ":", name.n ? name : cli_text(c, j, "actor_id"));
	actor = join(c, actor, " + ", cli_text(c, j, "second"));
	grid_add(t, cli_text(c, j, "time"));
	grid_add(t, actor);
	grid_add(t, cli_text(c, j, "address"));
	grid_add(t, cli_text(c, j, "action"));
	grid_add(t, join(c, cli_text(c, j, "kind"), " ", object.n ? object : cli_text(c, j, "id")));
	grid_add_styled(t, outcome, outcome_style(outcome));
	grid_add(t, count.n ? count : STR("1"));
	grid_add(t, cli_text(c, j, "text"));
}

static int show_records(struct cli *c, const json_t *answer)
{
	static const struct grid_column cols[] = {
		{"TIME", 0, TERM_PLAIN},   {"WHO", 0, TERM_NAME},  {"FROM", 0, TERM_DIM},
		{"ACTION", 0, TERM_BOLD}, {"OBJECT", 0, TERM_PLAIN}, {"OUTCOME", 0, TERM_PLAIN},
		{"N", GRID_RIGHT, TERM_PLAIN}, {"HOW", GRID_SHRINK, TERM_PLAIN}};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	size_t i;
	json_t *j;
	json_array_foreach(json_object_get(answer, "records"), i, j)
		add_record(c, t, j);
	int code = grid_print(t, c);
	if (json_is_true(json_object_get(answer, "more")))
		cli_say(c, "There are more: page=2, or a filter.");
	return code;
}

int cmd_audit_search(struct cli *c)
{
	OWN(json) json_t *j = NULL;
	json_t *q = json_object();
	if (cli_filters(c, 0, q)) {
		json_decref(q);
		return CLI_USAGE;
	}
	int code = call_json(c, "POST", STR("/tocsin/audit/search"), q, &j);
	if (code != CLI_OK)
		return code;
	return c->json ? cli_print_json(j) : show_records(c, j);
}

int cmd_audit_actions(struct cli *c)
{
	static const struct grid_column cols[] = {{"ACTION", 0, TERM_BOLD}, {"CHAIN", 0, TERM_PLAIN},
						  {"WHAT", GRID_SHRINK, TERM_PLAIN}};
	OWN(json) json_t *j = NULL;
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	size_t i;
	json_t *a;
	if (cli_want_args(c, 0, 0))
		return CLI_USAGE;
	int code = call_json(c, "GET", STR("/tocsin/audit/actions"), NULL, &j);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(j);
	json_array_foreach(json_object_get(j, "actions"), i, a) {
		grid_add(t, cli_text(c, a, "action"));
		grid_add(t, cli_text(c, a, "chain"));
		grid_add(t, cli_text(c, a, "text"));
	}
	return grid_print(t, c);
}

/* The report of a node and of a file have the same form. */
static int show_report(struct cli *c, const json_t *j)
{
	bool intact = json_is_true(json_object_get(j, "intact"));
	size_t i;
	json_t *r;
	if (c->json) {
		cli_print_json(j);
		return intact ? CLI_OK : CLI_DAMAGED;
	}
	json_array_foreach(json_object_get(j, "chains"), i, r) {
		bool good = json_is_true(json_object_get(r, "intact"));
		struct str oldest = cli_text(c, r, "oldest");
		struct str trimmed = cli_text(c, r, "trimmed");
		if (i)
			putchar('\n');
		term_pair(c, "chain", TERM_BOLD, cli_text(c, r, "chain"));
		term_pair(c, "intact", good ? TERM_GOOD : TERM_BAD, good ? STR("yes") : STR("no"));
		if (!good)
			term_pair(c, "broken at", TERM_BAD,
				  join(c, cli_text(c, r, "at"), ": ", cli_text(c, r, "why")));
		term_pair(c, "records", TERM_PLAIN, cli_text(c, r, "records"));
		if (oldest.n)
			term_pair(c, "from, to", TERM_PLAIN,
				  join(c, oldest, "  ", cli_text(c, r, "newest")));
		if (trimmed.n && !str_is(trimmed, "0"))
			term_pair(c, "trimmed", TERM_PLAIN,
				  arena_printf(c->arena, "up to %.*s", STR_ARG(trimmed)));
		if (json_is_true(json_object_get(r, "partial")))
			term_pair(c, "begins", TERM_WARN, STR("in the middle: what was before is unknown"));
		if (json_object_get(r, "anchored"))
			term_pair(c, "in the ledger", TERM_PLAIN,
				  arena_printf(c->arena, "up to %.*s, at %.*s, leaf %.*s",
					       STR_ARG(cli_text(c, r, "anchored")),
					       STR_ARG(cli_text(c, r, "anchored_at")),
					       STR_ARG(cli_text(c, r, "ledger_leaf"))));
		term_pair(c, "digest", TERM_PLAIN, cli_text(c, r, "digest"));
	}
	return intact ? CLI_OK : CLI_DAMAGED;
}

static json_t *file_report(const struct audit_file *a)
{
	json_t *j = json_object(), *list = json_array();
	char hex[65];
	for (unsigned i = 0; i < a->n; i++) {
		const struct audit_file_chain *v = &a->v[i];
		json_t *r = json_object();
		json_object_set_new(r, "chain", json_string(v->name));
		json_object_set_new(r, "intact", json_boolean(!v->broken));
		json_object_set_new(r, "records", json_integer((json_int_t)v->records));
		json_object_set_new(r, "first", json_integer((json_int_t)v->first));
		json_object_set_new(r, "last", json_integer((json_int_t)v->last));
		json_object_set_new(r, "trimmed", json_integer((json_int_t)v->trimmed));
		json_object_set_new(r, "oldest", json_string(v->oldest));
		json_object_set_new(r, "newest", json_string(v->newest));
		json_object_set_new(r, "partial", json_boolean(v->partial));
		json_object_set_new(r, "digest", json_string(hash_hex(v->tip.b, 32, hex)));
		if (v->broken) {
			json_object_set_new(r, "at", json_integer((json_int_t)v->at));
			json_object_set_new(r, "line", json_integer((json_int_t)v->line));
			json_object_set_new(r, "why", json_string(v->why));
		}
		json_array_append_new(list, r);
	}
	json_object_set_new(j, "chains", list);
	json_object_set_new(j, "intact", json_boolean(!a->broken));
	return j;
}

static int verify_file(struct cli *c, const char *name)
{
	OWN(json) json_t *j = NULL;
	struct audit_file a;
	unsigned long line;
	FILE *in = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
	if (!in)
		return cli_fail(c, CLI_FINDING, "cannot read %s", name);
	enum err e = audit_file_verify(in, &a, &line);
	if (in != stdin)
		fclose(in);
	if (e == ERR_PARSE)
		return cli_fail(c, CLI_DAMAGED, "%s: line %lu is no record of an audit log", name, line);
	if (e != ERR_OK)
		return cli_fail(c, CLI_FINDING, "cannot read %s", name);
	j = file_report(&a);
	return show_report(c, j);
}

int cmd_audit_verify(struct cli *c)
{
	OWN(json) json_t *j = NULL;
	if (cli_want_args(c, 0, 1))
		return CLI_USAGE;
	if (c->argc)
		return verify_file(c, c->argv[0]);
	int code = call_json(c, "GET", STR("/tocsin/audit/verify"), NULL, &j);
	return code == CLI_OK ? show_report(c, j) : code;
}

int cmd_audit_export(struct cli *c)
{
	struct call what = {.method = "GET", .path = STR("/tocsin/audit/export")};
	if (cli_want_args(c, 0, 0))
		return CLI_USAGE;
	return export_run(c, &what, cli_opt(c, "output"));
}
