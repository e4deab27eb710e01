/*
 * cmd_peer_run.c - runs of peers: pull, push, preview, what is different, and doing again what failed.
 */
#include <stdio.h>
#include <string.h>

#include "cli/call.h"
#include "cli/follow.h"
#include "cli/grid.h"
#include "cli/peer_rows.h"

/* ---- pull and push ---- */

/* "peer 1" for the progress line. */
static const char *label(struct cli *c, const char *verb, const json_t *peer)
{
	return arena_cstr(c->arena,
			  arena_printf(c->arena, "%s %.*s", verb, STR_ARG(cli_text(c, peer, "name"))));
}

/* "3 sightings, 1 cluster" of what is no event. */
static void tell_others(struct cli *c, const json_t *r, const char *verb)
{
	static const char *const kinds[][2] = {{"clusters", "clusters"},
					       {"proposals", "proposals"},
					       {"sightings", "sightings"},
					       {"analyst_data", "notes, opinions and relationships"}};
	OWN(buf) struct buf b = BUF(4096);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const json_t *n = json_object_get(r, kinds[i][0]);
		uint64_t moved = rows_count(n, "added") + rows_count(n, "updated");
		if (moved)
			buf_printf(&b, "%s%.*s %s", b.n ? ", " : "", STR_ARG(term_number(c, moved)),
				   kinds[i][1]);
	}
	if (b.n)
		cli_say(c, "  %s: %s", verb, buf_cstr(&b));
}

static struct str event_id(const struct cli *c)
{
	const char *event = cli_opt(c, "event");
	return event ? str_c(event) : STR_NONE;
}

static int pull_one(struct cli *c, const json_t *peer, json_t *results)
{
	OWN(json) json_t *r = NULL;
	struct str id = cli_text(c, peer, "id"), name = cli_text(c, peer, "name"), event = event_id(c);
	struct str path = arena_printf(c->arena, "/servers/pull/%.*s/%.*s?progress=1%s", STR_ARG(id),
				       STR_ARG(call_segment(c, event.n ? event : STR("full"))),
				       cli_opt(c, "all") ? "&all=1" : "");
	int code = follow(c, path, label(c, "pull from", peer), &r);
	if (!r)
		return code;
	const json_t *n = json_object_get(r, "events");
	cli_say(c,
		"%.*s: %.*s events listed, %.*s new, %.*s updated, %.*s here already, %.*s made here, "
		"%.*s blocked, %.*s refused, %.*s failed",
		STR_ARG(name), STR_ARG(term_number(c, rows_count(n, "listed"))),
		STR_ARG(term_number(c, rows_count(n, "added"))),
		STR_ARG(term_number(c, rows_count(n, "updated"))),
		STR_ARG(term_number(c, rows_count(n, "current"))),
		STR_ARG(term_number(c, rows_count(n, "local"))),
		STR_ARG(term_number(c, rows_count(n, "blocked"))),
		STR_ARG(term_number(c, rows_count(n, "refused"))),
		STR_ARG(term_number(c, rows_count(n, "failed"))));
	tell_others(c, r, "came too");
	json_object_set(r, "peer", json_object_get(peer, "id"));
	json_array_append(results, r);
	return code;
}

static int push_one(struct cli *c, const json_t *peer, json_t *results)
{
	OWN(json) json_t *r = NULL;
	struct str id = cli_text(c, peer, "id"), name = cli_text(c, peer, "name"), event = event_id(c);
	struct str path = arena_printf(c->arena, "/servers/push/%.*s/%.*s?progress=1%s", STR_ARG(id),
				       STR_ARG(call_segment(c, event.n		   ? event
							       : cli_opt(c, "all") ? STR("full")
										  : STR("incremental"))),
				       cli_opt(c, "all") ? "&all=1" : "");
	int code = follow(c, path, label(c, "push to", peer), &r);
	if (!r)
		return code;
	const json_t *n = json_object_get(r, "events");
	cli_say(c,
		"%.*s: %.*s events looked at, %.*s new there, %.*s updated, %.*s there already, %.*s held "
		"here, %.*s refused, %.*s failed",
		STR_ARG(name), STR_ARG(term_number(c, rows_count(n, "listed"))),
		STR_ARG(term_number(c, rows_count(n, "added"))),
		STR_ARG(term_number(c, rows_count(n, "updated"))),
		STR_ARG(term_number(c, rows_count(n, "current"))),
		STR_ARG(term_number(c, rows_count(n, "held"))),
		STR_ARG(term_number(c, rows_count(n, "refused"))),
		STR_ARG(term_number(c, rows_count(n, "failed"))));
	tell_others(c, r, "went too");
	json_object_set(r, "peer", json_object_get(peer, "id"));
	json_array_append(results, r);
	return code;
}

int cmd_peer_pull(struct cli *c)
{
	return rows_each(c, &peer_kind, pull_one);
}

static struct rows_kind push_kind(void)
{
	struct rows_kind k = peer_kind;
	k.on = "push";
	return k;
}

int cmd_peer_push(struct cli *c)
{
	struct rows_kind k = push_kind();
	return rows_each(c, &k, push_one);
}

/* ---- again ---- */

static int again(struct cli *c, const json_t *peer, json_t *body, json_t *results)
{
	OWN(json) json_t *done = NULL;
	struct str path = arena_printf(c->arena, "/tocsin/peers/retry/%.*s",
				       STR_ARG(cli_text(c, peer, "id")));
	int code = call_json(c, "POST", path, body, &done);
	if (code == CLI_OK && json_is_true(json_object_get(peer, "pull")))
		code = pull_one(c, peer, results);
	if (code <= CLI_FINDING && !c->failed && json_is_true(json_object_get(peer, "push")))
		code = cli_worse(code, push_one(c, peer, results));
	return code;
}

int cmd_peer_retry(struct cli *c)
{
	OWN(json) json_t *list = NULL;
	OWN(json) json_t *results = json_array();
	const json_t *peer;
	if (cli_want_args(c, 1, 1000))
		return CLI_USAGE;
	int code = cli_peer(c, &list, &peer);
	if (code != CLI_OK)
		return code;
	json_t *body = json_object();
	for (size_t i = 1; i < c->argc; i++) {
		json_t *events = json_object_get(body, "events");
		if (!events)
			json_object_set_new(body, "events", events = json_array());
		json_array_append_new(events, json_string(c->argv[i]));
	}
	code = again(c, peer, body, results);
	if (c->json && !c->failed)
		cli_print_json(results);
	return code;
}

static int flush_one(struct cli *c, const json_t *peer, json_t *results)
{
	return again(c, peer, json_pack("{s:b}", "waiting", 1), results);
}

/* Without names: all that pull or push. */
int cmd_peer_flush(struct cli *c)
{
	OWN(json) json_t *list = NULL;
	OWN(json) json_t *results = json_array();
	size_t i;
	json_t *item;
	if (c->argc)
		return rows_each(c, &peer_kind, flush_one);
	int code = rows_get(c, "/servers/index", &list), worst = CLI_OK;
	json_array_foreach(list, i, item) {
		const json_t *p = json_object_get(item, "Server");
		if (code == CLI_OK && (json_is_true(json_object_get(p, "pull")) ||
				       json_is_true(json_object_get(p, "push"))))
			worst = cli_worse(worst, flush_one(c, p, results));
	}
	if (c->json && !c->failed)
		cli_print_json(results);
	return cli_worse(code, worst);
}

/* ---- previews ---- */

#define REASONS 24
struct preview {
	struct cli *c;
	json_t *items; /* of --json */
	struct grid *list; /* of --list */
	struct reason {
		char text[240];
		uint64_t n;
	} reasons[REASONS];
	size_t n_reasons;
};

static void reason(struct preview *p, struct str what, struct str kind, struct str why)
{
	char text[240];
	snprintf(text, sizeof(text), "%.*s %.*s: %.*s", STR_ARG(kind), STR_ARG(what),
		 (int)MIN(why.n, (size_t)180), why.n ? why.p : "");
	for (size_t i = 0; i < p->n_reasons; i++)
		if (strcmp(p->reasons[i].text, text) == 0) {
			p->reasons[i].n++;
			return;
		}
	if (p->n_reasons == REASONS)
		return;
	snprintf(p->reasons[p->n_reasons].text, sizeof(text), "%s", text);
	p->reasons[p->n_reasons++].n = 1;
}

static void preview_item(void *user, const json_t *item)
{
	struct preview *p = user;
	struct cli *c = p->c;
	struct str what = cli_text(c, item, "error"), kind = cli_text(c, item, "kind"),
		   why = cli_text(c, item, "text");
	if (p->items)
		json_array_append(p->items, (json_t *)item);
	if (!str_is(what, "added") && !str_is(what, "updated"))
		reason(p, what, kind, why);
	if (!p->list)
		return;
	uint64_t bytes = rows_count(item, "bytes");
	grid_add(p->list, kind);
	grid_add(p->list, what);
	grid_add(p->list, cli_text(c, item, "uuid"));
	grid_add(p->list, bytes ? term_bytes(c, bytes) : STR_NONE);
	grid_add(p->list, why);
}

static int preview_table(struct cli *c, const json_t *r, bool push)
{
	static const struct grid_column cols[] = {
		{"", 0, TERM_BOLD},		   {"LOOKED AT", GRID_RIGHT, TERM_PLAIN},
		{"NEW", GRID_RIGHT, TERM_GOOD},	   {"UPDATED", GRID_RIGHT, TERM_GOOD},
		{"CURRENT", GRID_RIGHT, TERM_DIM}, {"HELD", GRID_RIGHT, TERM_WARN},
		{"MADE HERE", GRID_RIGHT, TERM_DIM}, {"BLOCKED", GRID_RIGHT, TERM_WARN},
		{"REFUSED", GRID_RIGHT, TERM_BAD}, {"FAILED", GRID_RIGHT, TERM_BAD},
		{"BYTES", GRID_RIGHT, TERM_PLAIN},
	};
	static const char *const counts[] = {"listed", "added",	  "updated", "current", "held",
					     "local",  "blocked", "refused", "failed"};
	static const char *const kinds[][2] = {{"events", "events"},
					       {"clusters", "clusters"},
					       {"proposals", "proposals"},
					       {"sightings", "sightings"},
					       {"analyst_data", "analyst data"}};
	OWN(grid) struct grid *t = grid_new(c, cols, ARRAY_LEN(cols));
	(void)push;
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		const json_t *n = json_object_get(r, kinds[k][0]);
		uint64_t all = 0;
		for (size_t i = 0; i < ARRAY_LEN(counts); i++)
			all += rows_count(n, counts[i]);
		if (!all && k)
			continue;
		grid_add(t, str_c(kinds[k][1]));
		for (size_t i = 0; i < ARRAY_LEN(counts); i++)
			grid_add(t, term_number(c, rows_count(n, counts[i])));
		uint64_t bytes = rows_count(n, "bytes");
		grid_add(t, bytes ? term_bytes(c, bytes) : STR("?"));
	}
	return grid_print(t, c);
}

static int preview_show(struct cli *c, struct preview *p, json_t *r, const json_t *peer, bool push)
{
	if (c->json) {
		json_object_set(r, "items", p->items);
		return cli_print_json(r);
	}
	cli_say(c, "A %s %.*s would move this; nothing was changed:", push ? "push to" : "pull from",
		STR_ARG(cli_text(c, peer, "name")));
	int code = preview_table(c, r, push);
	if (p->n_reasons)
		cli_say(c, "\nWhat would not travel, and why:");
	for (size_t i = 0; i < p->n_reasons; i++) {
		OWN(buf) struct buf b = BUF(4096);
		term_clean(&b, str_c(p->reasons[i].text));
		cli_say(c, "  %.*s  %s", STR_ARG(term_number(c, p->reasons[i].n)), buf_cstr(&b));
	}
	if (p->list && grid_rows(p->list)) {
		putchar('\n');
		code = grid_print(p->list, c);
	}
	return code;
}

int cmd_peer_preview(struct cli *c)
{
	static const struct grid_column cols[] = {
		{"KIND", 0, TERM_PLAIN}, {"WHAT", 0, TERM_BOLD},	     {"UUID", 0, TERM_DIM},
		{"BYTES", GRID_RIGHT, TERM_PLAIN}, {"WHY", GRID_SHRINK, TERM_PLAIN},
	};
	OWN(json) json_t *list = NULL;
	OWN(json) json_t *r = NULL;
	const json_t *peer;
	bool push = cli_opt(c, "push");
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	if (push == (cli_opt(c, "pull") != NULL))
		return cli_usage(c, "say --pull or --push");
	int code = cli_peer(c, &list, &peer);
	if (code != CLI_OK)
		return code;
	struct preview *p = ARENA_NEW(c->arena, struct preview);
	*p = (struct preview){.c = c};
	OWN(json) json_t *items = c->json ? json_array() : NULL;
	OWN(grid) struct grid *grid =
		cli_opt(c, "list") ? grid_new(c, cols, ARRAY_LEN(cols)) : NULL;
	p->items = items;
	p->list = grid;
	struct str path = arena_printf(c->arena, "/tocsin/peers/preview/%.*s/%s%s",
				       STR_ARG(cli_text(c, peer, "id")), push ? "push" : "pull",
				       cli_opt(c, "all") ? "?all=1" : "");
	code = follow_each(c, path, label(c, "preview of", peer), preview_item, p, &r);
	return r ? preview_show(c, p, r, peer, push) : code;
}

/* ---- what is different ---- */

struct diff {
	struct cli *c;
	json_t *items;
	struct grid *list;
	uint64_t shown, left_out;
};
#define DIFF_SHOWN 100

static void diff_item(void *user, const json_t *item)
{
	struct diff *d = user;
	struct cli *c = d->c;
	if (d->items)
		json_array_append(d->items, (json_t *)item);
	if (!d->list)
		return;
	if (d->shown == DIFF_SHOWN && !cli_opt(c, "list")) {
		d->left_out++;
		return;
	}
	d->shown++;
	grid_add(d->list, cli_text(c, item, "side"));
	grid_add(d->list, cli_text(c, item, "uuid"));
	grid_add(d->list, term_time(c, json_integer_value(json_object_get(item, "here"))));
	grid_add(d->list, term_time(c, json_integer_value(json_object_get(item, "there"))));
	grid_add(d->list, cli_text(c, item, "why"));
}

int cmd_peer_diff(struct cli *c)
{
	static const struct grid_column cols[] = {
		{"SIDE", 0, TERM_BOLD},	    {"UUID", 0, TERM_DIM},
		{"HERE FROM", 0, TERM_PLAIN}, {"THERE FROM", 0, TERM_PLAIN},
		{"WHY", GRID_SHRINK, TERM_PLAIN},
	};
	OWN(json) json_t *list = NULL;
	OWN(json) json_t *r = NULL;
	OWN(json) json_t *items = c->json ? json_array() : NULL;
	const json_t *peer;
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	int code = cli_peer(c, &list, &peer);
	if (code != CLI_OK)
		return code;
	OWN(grid) struct grid *grid = c->json ? NULL : grid_new(c, cols, ARRAY_LEN(cols));
	struct diff d = {.c = c, .items = items, .list = grid};
	struct str path = arena_printf(c->arena, "/tocsin/peers/diff/%.*s",
				       STR_ARG(cli_text(c, peer, "id")));
	code = follow_each(c, path, label(c, "diff with", peer), diff_item, &d, &r);
	if (!r)
		return code;
	bool same = !rows_count(r, "only_here") && !rows_count(r, "only_there") &&
		    !rows_count(r, "newer_here") && !rows_count(r, "newer_there");
	if (c->json) {
		json_object_set(r, "items", items);
		cli_print_json(r);
		return same ? CLI_OK : CLI_FINDING;
	}
	if (grid_rows(grid))
		code = grid_print(grid, c);
	if (d.left_out)
		cli_say(c, "and %.*s more (--list shows all)", STR_ARG(term_number(c, d.left_out)));
	cli_say(c,
		"%.*s: %.*s events the same on both sides, %.*s only here, %.*s only there, %.*s newer here, "
		"%.*s newer there",
		STR_ARG(cli_text(c, peer, "name")), STR_ARG(term_number(c, rows_count(r, "same"))),
		STR_ARG(term_number(c, rows_count(r, "only_here"))),
		STR_ARG(term_number(c, rows_count(r, "only_there"))),
		STR_ARG(term_number(c, rows_count(r, "newer_here"))),
		STR_ARG(term_number(c, rows_count(r, "newer_there"))));
	return cli_worse(code, same ? CLI_OK : CLI_FINDING);
}
