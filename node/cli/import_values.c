/*
 * import_values.c - lists, tables and texts full of values (`tocsin import --as list`, csv, freetext): into a
 * new event, or one that is there.
 */
#include <string.h>

#include "cli/call.h"
#include "cli/follow.h"
#include "cli/grid.h"
#include "cli/import_as.h"
#include "cli/rows.h"

#define FAULTS_SHOWN 20u
#define FOUND_SHOWN 50u

struct told {
	struct import_job *j;
	json_t *faults, *found;
};

static void add(struct cli *c, struct buf *b, const char *name, const char *value)
{
	if (value)
		buf_printf(b, "&%s=%.*s", name, STR_ARG(call_segment(c, str_c(value))));
}

/* The last part of a path, for the event's info. */
static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static struct str path_of(const struct import_job *j)
{
	/* options of the tool and what the node calls them */
	static const char *const names[][2] = {
		{"event", "event"},	    {"tags", "tags"},	    {"distribution", "distribution"},
		{"columns", "columns"},	    {"delimiter", "delimiter"}, {"exclude", "exclude"},
		{"type", "type"},	    {"warninglists", "warninglists"},
	};
	struct cli *c = j->c;
	OWN(buf) struct buf b = BUF(1u << 20);
	buf_printf(&b, "/tocsin/importValues?progress=1&as=%s", j->format->where);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		add(c, &b, names[i][1], cli_opt(c, names[i][0]));
	add(c, &b, "info", cli_opt(c, "info") ? cli_opt(c, "info") : base_name(j->name));
	add(c, &b, "to_ids", cli_opt(c, "to-ids") ? "1" : cli_opt(c, "no-ids") ? "0" : NULL);
	add(c, &b, "publish", cli_opt(c, "publish") ? "1" : NULL);
	add(c, &b, "dry", j->dry ? "1" : NULL);
	return arena_str(c->arena, buf_str(&b));
}

static void each(void *user, const json_t *item)
{
	struct told *t = user;
	struct cli *c = t->j->c;
	OWN(buf) struct buf clean = BUF(1u << 16);
	if (!json_object_get(item, "line")) {
		json_array_append(t->found, (json_t *)item);
		return;
	}
	json_array_append(t->faults, (json_t *)item);
	if (c->json || json_array_size(t->faults) > FAULTS_SHOWN)
		return;
	struct str text = cli_text(c, item, "text"), value = cli_text(c, item, "value");
	term_clean(&clean, value);
	fprintf(stderr, "tocsin: %s:%lld: %.*s%s%s\n", t->j->name,
		(long long)json_integer_value(json_object_get(item, "line")), STR_ARG(text), value.n ? ": " : "",
		buf_cstr(&clean));
}

static int show_found(const struct told *t)
{
	static const struct grid_column cols[] = {
		{"TYPE", 0, TERM_NAME}, {"VALUE", GRID_SHRINK, TERM_BOLD}, {"IDS", 0, TERM_PLAIN}};
	struct cli *c = t->j->c;
	OWN(grid) struct grid *g = grid_new(c, cols, ARRAY_LEN(cols));
	size_t i, all = json_array_size(t->found);
	json_t *v;
	json_array_foreach(t->found, i, v) {
		if (c->terminal && i == FOUND_SHOWN)
			break;
		grid_add(g, cli_text(c, v, "type"));
		grid_add(g, cli_text(c, v, "value"));
		grid_add(g, json_is_true(json_object_get(v, "to_ids")) ? STR("yes") : STR("no"));
	}
	int code = all ? grid_print(g, c) : CLI_OK;
	if (c->terminal && all > FOUND_SHOWN)
		cli_say(c, "and %zu more", all - FOUND_SHOWN);
	return code;
}

static void say(const struct told *t, const json_t *r)
{
	struct cli *c = t->j->c;
	const json_t *v = json_object_get(r, "values");
	uint64_t faults = rows_count(r, "faults");
	OWN(buf) struct buf b = BUF(4096);
	if (faults)
		buf_printf(&b, ", %.*s lines or fields without one", STR_ARG(term_number(c, faults)));
	if (rows_count(v, "on_warninglists"))
		buf_printf(&b, ", %.*s on warning lists", STR_ARG(term_number(c, rows_count(v, "on_warninglists"))));
	if (rows_count(v, "refused"))
		buf_printf(&b, ", %.*s refused", STR_ARG(term_number(c, rows_count(v, "refused"))));
	if (rows_count(v, "left_deleted"))
		buf_printf(&b, ", %.*s deleted here before", STR_ARG(term_number(c, rows_count(v, "left_deleted"))));
	cli_say(c, "%s: %.*s values, %.*s new, %.*s here already%s%s%.*s", t->j->name,
		STR_ARG(term_number(c, rows_count(v, "found"))), STR_ARG(term_number(c, rows_count(v, "new"))),
		STR_ARG(term_number(c, rows_count(v, "current"))), b.n ? buf_cstr(&b) : "",
		t->j->dry ? " (dry run: nothing was changed)" : "; event ",
		STR_ARG(t->j->dry ? STR("") : cli_text(c, r, "event_id")));
}

int import_values(struct import_job *j)
{
	struct told t = {.j = j, .faults = json_array(), .found = json_array()};
	struct call k = {.method = "POST",
			 .path = path_of(j),
			 .type = "text/plain",
			 .upload = j->file,
			 .gzip = j->gzip};
	OWN(json) json_t *r = NULL;
	int code = k.path.p ? follow_call(j->c, &k, j->name, each, &t, &r)
			    : cli_fail(j->c, CLI_USAGE, "the options are too long");
	if (r) {
		json_object_update(j->result, r);
		json_object_set(j->result, "problems", t.faults);
		if (j->dry)
			json_object_set(j->result, "found", t.found);
		if (j->dry && !j->c->json)
			code = show_found(&t);
		say(&t, r);
		if (rows_count(r, "faults") || rows_count(json_object_get(r, "values"), "refused"))
			code = cli_worse(code, CLI_FINDING);
	}
	json_decref(t.faults);
	json_decref(t.found);
	return code;
}
