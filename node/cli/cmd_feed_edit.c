/*
 * cmd_feed_edit.c - adding a feed, changing it, looking at one in full.
 */
#include <string.h>

#include "cli/call.h"
#include "cli/feed_form.h"
#include "cli/rows.h"
#include "cli/term.h"

static const char *const names[] = {"name", "url", NULL};

int cmd_feed_add(struct cli *c)
{
	OWN(json) json_t *j = NULL;
	OWN(json) json_t *feed = json_object();
	if (cli_want_args(c, 1, 2))
		return CLI_USAGE;
	const char *name = c->argc == 2 ? c->argv[1] : c->argv[0];
	json_object_set_new(feed, "name", json_string(name));
	json_object_set_new(feed, "provider", json_string(name));
	json_object_set_new(feed, "source_format", json_string("misp"));
	json_object_set_new(feed, "fixed_event", json_true());
	json_object_set_new(feed, "distribution", json_string("5"));
	json_object_set_new(feed, "enabled", json_boolean(!cli_opt(c, "disabled")));
	int code = feed_form(c, NULL, feed);
	if (code == CLI_OK)
		code = feed_place(c, c->argv[0], feed);
	if (code == CLI_OK)
		code = call_json(c, "POST", STR("/feeds/add"), json_pack("{s:O}", "Feed", feed), &j);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(j);
	cli_say(c, "feed %.*s added; now: tocsin feed fetch %.*s",
		STR_ARG(cli_text_in(c, j, "Feed", "id")), STR_ARG(cli_text_in(c, j, "Feed", "id")));
	if (str_is(cli_text_in(c, j, "Feed", "input_source"), "local"))
		cli_say(c, "The daemon is confined: name the folder under `readable` in tocsin.yaml, or "
			   "take it in with `tocsin import`.");
	return CLI_OK;
}

/* The row that the one argument names, of `list`, which is the caller's. */
static int one(struct cli *c, json_t **list, const json_t **row)
{
	int code;
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	code = rows_get(c, "/feeds/index?tocsin=1", list);
	return code == CLI_OK ? rows_find(c, *list, "Feed", names, c->argv[0], row) : code;
}

int cmd_feed_edit(struct cli *c)
{
	OWN(json) json_t *list = NULL;
	OWN(json) json_t *j = NULL;
	OWN(json) json_t *feed = json_object();
	const json_t *old;
	int code = one(c, &list, &old);
	if (code == CLI_OK)
		code = feed_form(c, old, feed);
	if (code == CLI_OK && cli_opt(c, "new-url"))
		code = feed_place(c, cli_opt(c, "new-url"), feed);
	if (code != CLI_OK)
		return code;
	if (!json_object_size(feed))
		return cli_usage(c, "nothing is to be changed");
	struct str path = arena_printf(c->arena, "/feeds/edit/%.*s", STR_ARG(cli_text(c, old, "id")));
	code = call_json(c, "POST", path, json_pack("{s:O}", "Feed", feed), &j);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(j);
	cli_say(c, "feed %.*s changed; what it brought stays as it is until the next fetch",
		STR_ARG(cli_text(c, old, "id")));
	return CLI_OK;
}

/* ---- one in full ---- */

static bool is(const json_t *f, const char *member)
{
	return json_is_true(json_object_get(f, member));
}

static void pair(struct cli *c, const char *label, struct str v)
{
	if (v.n && !str_is(v, "0") && !str_is(v, "[]") && !str_is(v, "null"))
		term_pair(c, label, TERM_PLAIN, v);
}

static struct str event_of(struct cli *c, const json_t *f)
{
	struct str id = cli_text(c, f, "event_id");
	if (str_is(cli_text(c, f, "source_format"), "misp"))
		return STR_NONE;
	if (!is(f, "fixed_event"))
		return STR("a new one by each fetch that brings something");
	return id.n && !str_is(id, "0") ? id : STR("one of its own, made by the first fetch");
}

static void how_it_went(struct cli *c, const json_t *state)
{
	struct str error = cli_text(c, state, "last_error");
	json_int_t every = json_integer_value(json_object_get(state, "interval_s"));
	if (every)
		term_pair(c, "every", TERM_PLAIN, arena_printf(c->arena, "%lld s", (long long)every));
	pair(c, "last try", term_time(c, json_integer_value(json_object_get(state, "last_try"))));
	pair(c, "last success", term_time(c, json_integer_value(json_object_get(state, "last_success"))));
	if (error.n)
		term_pair(c, "problem", TERM_BAD, error);
	pair(c, "entries", term_number(c, rows_count(state, "entries")));
	pair(c, "fetches", term_number(c, rows_count(state, "runs")));
	pair(c, "failed", term_number(c, rows_count(state, "failed")));
}

int cmd_feed_show(struct cli *c)
{
	static const struct {
		const char *label, *member;
	} rows[] = {
		{"number", "id"},
		{"provider", "provider"},
		{"at", "url"},
		{"format", "source_format"},
		{"distribution", "distribution"},
		{"sharing group", "sharing_group_id"},
		{"headers", "headers"},
		{"settings", "settings"},
		{"rules", "rules"},
		{"tag", "tag_id"},
		{"tag collection", "tag_collection_id"},
		{"creator", "orgc_id"},
	};
	static const struct {
		const char *member, *says;
	} flags[] = {{"delta_merge", "what leaves the feed is deleted"},
		     {"publish", "its event is published"},
		     {"override_ids", "nothing of it is for detection"},
		     {"force_to_ids", "all of it is for detection"},
		     {"caching_enabled", "it is cached"},
		     {"lookup_visible", "users see that it knows a value"},
		     {"delete_local_file", "its files are deleted once they are in"}};
	OWN(json) json_t *list = NULL;
	const json_t *f;
	int code = one(c, &list, &f);
	if (code != CLI_OK)
		return code;
	if (c->json) {
		OWN(json) json_t *wrapped = json_pack("{s:O}", "Feed", f);
		return cli_print_json(wrapped);
	}
	term_pair(c, "name", TERM_BOLD, cli_text(c, f, "name"));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		pair(c, rows[i].label, cli_text(c, f, rows[i].member));
	pair(c, "event", event_of(c, f));
	term_pair(c, "fetched", TERM_PLAIN, is(f, "enabled") ? STR("yes") : STR("no: tocsin feed enable"));
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (is(f, flags[i].member))
			term_pair(c, "", TERM_PLAIN, str_c(flags[i].says));
	how_it_went(c, json_object_get(f, "tocsin"));
	return CLI_OK;
}
