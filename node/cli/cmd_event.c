/*
 * cmd_event.c - one event with its attributes and objects.
 */
#include <stdio.h>

#include "cli/call.h"
#include "cli/grid.h"

static const char *const distributions[] = {"organisation only", "this community",
					    "connected communities", "all communities",
					    "sharing group", "as the event"};
static const char *const levels[] = {"", "high", "medium", "low", "undefined"};
static const char *const stages[] = {"initial", "ongoing", "completed"};

/* A number as a word; the number itself when it has none. */
static struct str word(struct cli *c, const json_t *o, const char *key, const char *const *names,
		       size_t n)
{
	struct str s = cli_text(c, o, key);
	uint64_t v;
	return str_u64(s, &v) && v < n ? str_c(names[v]) : s;
}

static struct str when(struct cli *c, const json_t *o, const char *key)
{
	uint64_t t = 0;
	(void)str_u64(cli_text(c, o, key), &t);
	return term_time(c, (int64_t)t);
}

static struct str tags(struct cli *c, const json_t *o)
{
	OWN(buf) struct buf b = BUF(1 << 16);
	size_t i;
	json_t *t;
	json_array_foreach(json_object_get(o, "Tag"), i, t) {
		buf_puts(&b, i ? ", " : "");
		buf_str_add(&b, cli_text(c, t, "name"));
	}
	return b.n ? arena_str(c->arena, buf_str(&b)) : STR_NONE;
}

static void head(struct cli *c, const json_t *e)
{
	bool published = json_is_true(json_object_get(e, "published"));
	term_pair(c, "event", TERM_BOLD, cli_text(c, e, "info"));
	term_pair(c, "id", TERM_PLAIN, cli_text(c, e, "id"));
	term_pair(c, "uuid", TERM_PLAIN, cli_text(c, e, "uuid"));
	term_pair(c, "date", TERM_PLAIN, cli_text(c, e, "date"));
	term_pair(c, "creator", TERM_NAME, cli_text_in(c, e, "Orgc", "name"));
	term_pair(c, "owner", TERM_PLAIN, cli_text_in(c, e, "Org", "name"));
	term_pair(c, "distribution", TERM_PLAIN,
		  word(c, e, "distribution", distributions, ARRAY_LEN(distributions)));
	term_pair(c, "sharing group", TERM_PLAIN, cli_text_in(c, e, "SharingGroup", "name"));
	term_pair(c, "threat level", TERM_PLAIN,
		  word(c, e, "threat_level_id", levels, ARRAY_LEN(levels)));
	term_pair(c, "analysis", TERM_PLAIN, word(c, e, "analysis", stages, ARRAY_LEN(stages)));
	term_pair(c, "changed", TERM_PLAIN, when(c, e, "timestamp"));
	term_pair(c, "published", published ? TERM_GOOD : TERM_WARN,
		  published ? when(c, e, "publish_timestamp") : STR("no"));
	term_pair(c, "tags", TERM_WARN, tags(c, e));
}

/* "peer alpha, 2026-11-22 21:47:33 UTC"; asked apart, since MISP's form has no place for it. */
static struct str came_from(struct cli *c, struct str id)
{
	struct call k = {.path = arena_printf(c->arena, "/tocsin/origin/%.*s", STR_ARG(id))};
	OWN(json) json_t *j = NULL;
	if (call_quietly(c, &k))
		j = json_loadb(k.answer.p, k.answer.n, JSON_ALLOW_NUL, NULL);
	buf_free(&k.answer);
	if (!j)
		return STR_NONE;
	struct str name = cli_text(c, j, "name"), from = cli_text(c, j, "from");
	return arena_printf(c->arena, "%.*s%s%.*s, %.*s", STR_ARG(from), name.n ? " " : "",
			    STR_ARG(name),
			    STR_ARG(term_time(c, json_integer_value(json_object_get(j, "received")))));
}

static void attributes(struct cli *c, struct grid *t, const json_t *list, struct str where)
{
	size_t i;
	json_t *a;
	json_array_foreach(list, i, a) {
		struct str rel = cli_text(c, a, "object_relation");
		grid_add(t, rel.n ? arena_printf(c->arena, "%.*s %.*s", STR_ARG(where), STR_ARG(rel))
				   : where);
		grid_add(t, cli_text(c, a, "type"));
		grid_add(t, cli_text(c, a, "value"));
		grid_add(t, cli_text(c, a, "category"));
		grid_add(t, cli_text(c, a, "to_ids"));
		grid_add(t, cli_text(c, a, "comment"));
		grid_add(t, tags(c, a));
	}
}

static int body(struct cli *c, const json_t *e)
{
	static const struct grid_column cols[] = {
		{"OBJECT", GRID_SHRINK, TERM_DIM},  {"TYPE", 0, TERM_NAME},
		{"VALUE", GRID_SHRINK, TERM_BOLD},   {"CATEGORY", GRID_SHRINK, TERM_PLAIN},
		{"IDS", 0, TERM_PLAIN},		     {"COMMENT", GRID_SHRINK, TERM_PLAIN},
		{"TAGS", GRID_SHRINK, TERM_WARN},
	};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	size_t i;
	json_t *o;
	attributes(c, t, json_object_get(e, "Attribute"), STR(""));
	json_array_foreach(json_object_get(e, "Object"), i, o)
		attributes(c, t, json_object_get(o, "Attribute"),
			   arena_printf(c->arena, "%.*s#%.*s", STR_ARG(cli_text(c, o, "name")),
					STR_ARG(cli_text(c, o, "id"))));
	if (grid_rows(t))
		putchar('\n');
	return grid_print(t, c);
}

int cmd_event_show(struct cli *c)
{
	OWN(json) json_t *j = NULL;
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	struct str path = arena_printf(c->arena, "/events/view/%.*s",
				       STR_ARG(call_segment(c, str_c(c->argv[0]))));
	int code = call_json(c, "GET", path, NULL, &j);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(j);
	head(c, json_object_get(j, "Event"));
	term_pair(c, "came from", TERM_PLAIN, came_from(c, cli_text_in(c, j, "Event", "id")));
	return body(c, json_object_get(j, "Event"));
}

int cmd_event_history(struct cli *c)
{
	static const struct grid_column cols[] = {
		{"WHEN", 0, TERM_PLAIN}, {"WHAT", 0, TERM_BOLD},	     {"", 0, TERM_PLAIN},
		{"FROM", 0, TERM_PLAIN}, {"WHO", GRID_SHRINK, TERM_NAME}, {"DIGEST", GRID_SHRINK, TERM_DIM},
	};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	OWN(json) json_t *list = NULL;
	size_t i;
	json_t *o;
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	struct str path = arena_printf(c->arena, "/tocsin/history/%.*s",
				       STR_ARG(call_segment(c, str_c(c->argv[0]))));
	int code = call_json(c, "GET", path, NULL, &list);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(list);
	json_array_foreach(list, i, o) {
		grid_add(t, term_time(c, json_integer_value(json_object_get(o, "time"))));
		grid_add(t, cli_text(c, o, "op"));
		grid_add(t, cli_text(c, o, "what"));
		grid_add(t, cli_text(c, o, "from"));
		grid_add(t, cli_text(c, o, "name"));
		grid_add(t, cli_text(c, o, "digest"));
	}
	return grid_print(t, c);
}
