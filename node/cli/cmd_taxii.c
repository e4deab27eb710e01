/*
 * cmd_taxii.c - TAXII collections that the node reads and writes to: add, list, collections, pull, push, remove.
 */
#include <string.h>

#include "cli/call.h"
#include "cli/grid.h"
#include "cli/peer_form.h"
#include "cli/rows.h"

static const char *const names[] = {"name", "baseurl", NULL};
static const struct rows_kind kind = {
	.index = "/taxii_servers/index",
	.wrapper = "TaxiiServer",
	.remove = "/taxii_servers/delete",
	.on = "enabled",
	.removed = "removed; the events that it brought stay",
	.names = names,
};

static void put(struct cli *c, json_t *row, const char *option, const char *key)
{
	if (cli_opt(c, option))
		json_object_set_new(row, key, json_string(cli_opt(c, option)));
}

int cmd_taxii_add(struct cli *c)
{
	OWN(json) json_t *j = NULL;
	char key[4096];
	if (cli_want_args(c, 2, 3))
		return CLI_USAGE;
	json_t *row = json_pack("{s:s,s:s,s:s}", "baseurl", c->argv[0], "collection", c->argv[1], "name",
				cli_opt(c, "name") ? cli_opt(c, "name") : c->argv[0]);
	put(c, row, "root", "api_root");
	put(c, row, "user", "user");
	put(c, row, "owner", "owner");
	put(c, row, "distribution", "distribution");
	put(c, row, "push", "audience");
	if (cli_opt(c, "push"))
		json_object_set_new(row, "push", json_true());
	if (cli_opt(c, "push-only"))
		json_object_set_new(row, "pull", json_false());
	json_object_set_new(row, "publish", json_boolean(cli_opt(c, "publish") != NULL));
	json_object_set_new(row, "enabled", json_boolean(!cli_opt(c, "disabled")));
	if (c->argc == 3) {
		int code = peer_form_key(c, c->argv[2], key, sizeof(key));
		if (code != CLI_OK) {
			json_decref(row);
			return code;
		}
		json_object_set_new(row, "api_key", json_string(key));
	}
	int code = call_json(c, "POST", STR("/taxii_servers/add"), json_pack("{s:o}", "TaxiiServer", row), &j);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(j);
	struct str id = cli_text_in(c, j, "TaxiiServer", "id");
	cli_say(c, "collection %.*s added; now: tocsin taxii %s %.*s", STR_ARG(id),
		cli_opt(c, "push") ? "push" : "pull", STR_ARG(id));
	return CLI_OK;
}

int cmd_taxii_list(struct cli *c)
{
	static const struct grid_column cols[] = {
		{"ID", GRID_RIGHT, TERM_DIM},	      {"NAME", GRID_SHRINK, TERM_BOLD},
		{"ON", 0, TERM_PLAIN},		      {"URL", GRID_SHRINK, TERM_NAME},
		{"COLLECTION", GRID_SHRINK, TERM_PLAIN}, {"LAST SUCCESS", 0, TERM_PLAIN},
		{"PROBLEM", GRID_SHRINK, TERM_BAD},
	};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	OWN(json) json_t *list = NULL;
	size_t i;
	json_t *item;
	if (cli_want_args(c, 0, 0))
		return CLI_USAGE;
	int code = rows_get(c, kind.index, &list);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(list);
	json_array_foreach(list, i, item) {
		const json_t *s = json_object_get(item, "TaxiiServer");
		const json_t *st = json_object_get(s, "tocsin");
		grid_add(t, cli_text(c, s, "id"));
		grid_add(t, cli_text(c, s, "name"));
		grid_add(t, cli_text(c, s, "enabled"));
		grid_add(t, cli_text(c, s, "baseurl"));
		grid_add(t, cli_text(c, s, "collection"));
		grid_add(t, term_time(c, json_integer_value(json_object_get(st, "last_success"))));
		grid_add(t, cli_text(c, st, "last_error"));
	}
	return grid_print(t, c);
}

int cmd_taxii_collections(struct cli *c)
{
	static const struct grid_column cols[] = {
		{"ID", 0, TERM_NAME}, {"TITLE", GRID_SHRINK, TERM_BOLD}, {"READ", 0, TERM_PLAIN}};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	OWN(json) json_t *list = NULL;
	struct str id;
	size_t i;
	json_t *item;
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	int code = rows_id(c, kind.index, kind.wrapper, names, c->argv[0], &id);
	if (code == CLI_OK)
		code = call_json(c, "GET", arena_printf(c->arena, "/taxii_servers/collectionsIndex/%.*s", STR_ARG(id)),
				 NULL, &list);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(list);
	json_array_foreach(list, i, item) {
		grid_add(t, cli_text(c, item, "id"));
		grid_add(t, cli_text(c, item, "title"));
		grid_add(t, cli_text(c, item, "can_read"));
	}
	return grid_print(t, c);
}

static int pull_one(struct cli *c, const json_t *row, json_t *results)
{
	OWN(json) json_t *j = NULL;
	struct str id = cli_text(c, row, "id"), name = cli_text(c, row, "name");
	if (!c->argc && !json_is_true(json_object_get(row, "pull")))
		return CLI_OK;
	int code = call_json(c, "POST", arena_printf(c->arena, "/taxii_servers/pull/%.*s", STR_ARG(id)),
			     json_pack("{s:b}", "again", cli_opt(c, "again") != NULL), &j);
	const json_t *r = json_object_get(j, "result");
	if (code != CLI_OK)
		return code;
	cli_say(c, "%.*s: %.*s objects on %.*s pages; %.*s events, %.*s new, %.*s updated, %.*s refused, %.*s failed",
		STR_ARG(name), STR_ARG(term_number(c, rows_count(r, "objects"))),
		STR_ARG(term_number(c, rows_count(r, "pages"))), STR_ARG(term_number(c, rows_count(r, "events"))),
		STR_ARG(term_number(c, rows_count(r, "added"))), STR_ARG(term_number(c, rows_count(r, "updated"))),
		STR_ARG(term_number(c, rows_count(r, "refused"))), STR_ARG(term_number(c, rows_count(r, "failed"))));
	json_array_append(results, (json_t *)r);
	return rows_count(r, "refused") + rows_count(r, "failed") ? CLI_FINDING : CLI_OK;
}

static int push_one(struct cli *c, const json_t *row, json_t *results)
{
	OWN(json) json_t *j = NULL;
	struct str id = cli_text(c, row, "id"), name = cli_text(c, row, "name");
	if (!c->argc && !json_is_true(json_object_get(row, "push")))
		return CLI_OK;
	int code = call_json(c, "POST", arena_printf(c->arena, "/taxii_servers/push/%.*s", STR_ARG(id)),
			     json_pack("{s:b}", "again", cli_opt(c, "again") != NULL), &j);
	const json_t *r = json_object_get(j, "result"), *problem;
	size_t i;
	if (code != CLI_OK)
		return code;
	cli_say(c,
		"%.*s: %.*s events sent, %.*s unchanged, %.*s revoked, %.*s refused; "
		"%.*s objects taken, %.*s refused, %.*s pending",
		STR_ARG(name), STR_ARG(term_number(c, rows_count(r, "sent"))),
		STR_ARG(term_number(c, rows_count(r, "unchanged"))), STR_ARG(term_number(c, rows_count(r, "revoked"))),
		STR_ARG(term_number(c, rows_count(r, "refused"))), STR_ARG(term_number(c, rows_count(r, "success"))),
		STR_ARG(term_number(c, rows_count(r, "failure"))), STR_ARG(term_number(c, rows_count(r, "pending"))));
	json_array_foreach(json_object_get(r, "problems"), i, problem)
		cli_say(c, "  %s", json_string_value(problem));
	json_array_append(results, (json_t *)r);
	return rows_count(r, "refused") ? CLI_FINDING : CLI_OK;
}

int cmd_taxii_push(struct cli *c)
{
	return rows_each(c, &kind, push_one);
}

int cmd_taxii_pull(struct cli *c)
{
	return rows_each(c, &kind, pull_one);
}

int cmd_taxii_remove(struct cli *c)
{
	return rows_remove(c, &kind);
}
