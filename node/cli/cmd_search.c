/*
 * cmd_search.c - find attributes or events and list them.
 */
#include <stdio.h>
#include <string.h>

#include "cli/call.h"
#include "cli/grid.h"
#include "cli/search.h"

static struct str tag_names(struct cli *c, const json_t *tags)
{
	OWN(buf) struct buf b = BUF(1 << 16);
	size_t i;
	json_t *t;
	json_array_foreach(tags, i, t) {
		if (i)
			buf_puts(&b, ", ");
		buf_str_add(&b, cli_text(c, t, "name"));
	}
	return arena_str(c->arena, buf_str(&b));
}

static struct str day(struct cli *c, const json_t *o)
{
	uint64_t t = 0;
	(void)str_u64(cli_text(c, o, "timestamp"), &t);
	return str_sub(term_time(c, (int64_t)t), 0, 10);
}

static int list_attributes(struct cli *c, const json_t *answer)
{
	static const struct grid_column cols[] = {
		{"EVENT", GRID_RIGHT, TERM_DIM},  {"TYPE", 0, TERM_NAME},
		{"VALUE", GRID_SHRINK, TERM_BOLD}, {"CATEGORY", GRID_SHRINK, TERM_PLAIN},
		{"IDS", 0, TERM_PLAIN},		   {"CHANGED", 0, TERM_DIM},
		{"TAGS", GRID_SHRINK, TERM_WARN}, {"FROM", GRID_SHRINK, TERM_PLAIN},
	};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	const json_t *list = json_object_get(json_object_get(answer, "response"), "Attribute");
	size_t i;
	json_t *a;
	json_array_foreach(list, i, a) {
		grid_add(t, cli_text(c, a, "event_id"));
		grid_add(t, cli_text(c, a, "type"));
		grid_add(t, cli_text(c, a, "value"));
		grid_add(t, cli_text(c, a, "category"));
		grid_add(t, cli_text(c, a, "to_ids"));
		grid_add(t, day(c, a));
		grid_add(t, tag_names(c, json_object_get(a, "Tag")));
		grid_add(t, cli_text_in(c, a, "Event", "info"));
	}
	return grid_print(t, c);
}

static int list_events(struct cli *c, const json_t *answer)
{
	static const struct grid_column cols[] = {
		{"ID", GRID_RIGHT, TERM_DIM},	   {"DATE", 0, TERM_PLAIN},
		{"INFO", GRID_SHRINK, TERM_BOLD}, {"CREATOR", GRID_SHRINK, TERM_NAME},
		{"ATTRS", GRID_RIGHT, TERM_PLAIN}, {"PUBLISHED", 0, TERM_PLAIN},
		{"TAGS", GRID_SHRINK, TERM_WARN}, {"UUID", 0, TERM_DIM},
	};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	size_t i;
	json_t *row;
	json_array_foreach(json_object_get(answer, "response"), i, row) {
		const json_t *e = json_object_get(row, "Event");
		grid_add(t, cli_text(c, e, "id"));
		grid_add(t, cli_text(c, e, "date"));
		grid_add(t, cli_text(c, e, "info"));
		grid_add(t, cli_text_in(c, e, "Orgc", "name"));
		grid_add(t, cli_text(c, e, "attribute_count"));
		grid_add(t, cli_text(c, e, "published"));
		grid_add(t, tag_names(c, json_object_get(e, "Tag")));
		grid_add(t, cli_text(c, e, "uuid"));
	}
	return grid_print(t, c);
}

static int list_objects(struct cli *c, const json_t *answer)
{
	static const struct grid_column cols[] = {
		{"EVENT", GRID_RIGHT, TERM_DIM},  {"OBJECT", 0, TERM_NAME},
		{"VALUES", GRID_SHRINK, TERM_BOLD}, {"CHANGED", 0, TERM_DIM},
		{"FROM", GRID_SHRINK, TERM_PLAIN},
	};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	size_t i, k;
	json_t *row, *a;
	json_array_foreach(json_object_get(answer, "response"), i, row) {
		const json_t *o = json_object_get(row, "Object");
		OWN(buf) struct buf b = BUF(1 << 16);
		json_array_foreach(json_object_get(o, "Attribute"), k, a) {
			if (k)
				buf_puts(&b, ", ");
			buf_str_add(&b, cli_text(c, a, "value"));
		}
		grid_add(t, cli_text(c, o, "event_id"));
		grid_add(t, cli_text(c, o, "name"));
		grid_add(t, arena_str(c->arena, buf_str(&b)));
		grid_add(t, day(c, o));
		grid_add(t, cli_text_in(c, o, "Event", "info"));
	}
	return grid_print(t, c);
}

int search_list(struct cli *c, struct str scope, const json_t *answer)
{
	if (c->json)
		return cli_print_json(answer);
	return (str_is(scope, "events")	   ? list_events
		: str_is(scope, "objects") ? list_objects
					   : list_attributes)(c, answer);
}

int search_terms(struct cli *c, size_t at, json_t *query)
{
	size_t from = c->argc > at && !strchr(c->argv[at], '=') ? at + 1 : at;
	if (from > at)
		json_object_set_new(query, "value", json_string(c->argv[at]));
	return cli_filters(c, from, query);
}

int cmd_search(struct cli *c)
{
	OWN(json) json_t *query = json_object();
	OWN(json) json_t *answer = NULL;
	bool events = cli_opt(c, "events");
	if (search_terms(c, 0, query))
		return CLI_USAGE;
	json_object_set_new(query, "returnFormat", json_string("json"));
	if (!json_object_get(query, "limit"))
		json_object_set_new(query, "limit", json_integer(SEARCH_SHOWN));
	if (events)
		json_object_set_new(query, "metadata", json_true());
	int code = call_json(c, "POST", events ? STR("/events/restSearch") : STR("/attributes/restSearch"),
			     json_incref(query), &answer);
	if (code != CLI_OK)
		return code;
	return search_list(c, events ? STR("events") : STR("attributes"), answer);
}
