/*
 * cmd_peer_status.c - how the links to peers are doing, and what is held back: status, suspend, resume,
 * hold, release.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/call.h"
#include "cli/peer_rows.h"
#include "cli/term.h"

#define SHOWN_EVENTS 10

static json_int_t number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* 90 -> "90 s", 7200 -> "2 h" */
static struct str span(struct cli *c, json_int_t s)
{
	static const struct {
		json_int_t seconds;
		const char *unit;
	} units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}};
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (s >= 2 * units[i].seconds)
			return arena_printf(c->arena, "%lld %s", (long long)(s / units[i].seconds),
					    units[i].unit);
	return arena_printf(c->arena, "%lld s", (long long)s);
}

/* ---- a direction ---- */

static struct str last_text(struct cli *c, const json_t *d)
{
	if (!number(d, "last_try"))
		return STR("never tried");
	if (!number(d, "last_success"))
		return STR("never worked");
	return arena_printf(c->arena, "last success %.*s (%.*s ago)",
			    STR_ARG(term_time(c, number(d, "last_success"))),
			    STR_ARG(span(c, number(d, "age"))));
}

static struct str next_text(struct cli *c, const json_t *d)
{
	const json_t *next = json_object_get(d, "next");
	struct str why = cli_text(c, next, "why");
	json_int_t at = number(next, "at"), now = clock_now();
	bool soon = json_is_true(json_object_get(next, "on_publication"));
	const char *also = soon ? ", or when something is published" : "";
	if (str_is(why, "asked"))
		return soon ? STR("when something is published") : STR("when somebody asks for it");
	if (str_is(why, "suspended"))
		return STR("suspended");
	if (str_is(why, "changes"))
		return STR("when something changes here");
	if (at <= now)
		return STR("any moment");
	return arena_printf(c->arena, "%.*s (in %.*s%s)%s", STR_ARG(term_time(c, at)),
			    STR_ARG(span(c, at - now)), str_is(why, "retry") ? ", after a failure" : "",
			    also);
}

/* The first events of a list of notes, each with its reason. */
static void notes(struct cli *c, const json_t *d, const char *list, const char *count, const char *what)
{
	size_t i;
	json_t *n;
	json_int_t all = list ? number(d, count) : 0;
	if (!all)
		return;
	term_pair(c, "", TERM_WARN,
		  arena_printf(c->arena, "%.*s events %s", STR_ARG(term_number(c, (uint64_t)all)), what));
	json_array_foreach(json_object_get(d, list), i, n) {
		if (i == SHOWN_EVENTS) {
			term_pair(c, "", TERM_DIM, STR("  ..."));
			break;
		}
		term_pair(c, "", TERM_PLAIN,
			  arena_printf(c->arena, "  %.*s  %.*s", STR_ARG(cli_text(c, n, "uuid")),
				       STR_ARG(cli_text(c, n, "text"))));
	}
}

/* What did not travel, by reason, since all was compared. */
static void reasons(struct cli *c, const json_t *d)
{
	size_t i;
	json_t *r;
	json_array_foreach(json_object_get(d, "why"), i, r) {
		/* what is held by hand stands in a list of its own */
		if (!str_is(cli_text(c, r, "what"), "held") ||
		    str_has_prefix(cli_text(c, r, "text"), STR("held back by the operator")))
			continue;
		term_pair(c, "", TERM_PLAIN,
			  arena_printf(c->arena, "%.*s %.*s held: %.*s",
				       STR_ARG(term_number(c, (uint64_t)number(r, "count"))),
				       STR_ARG(cli_text(c, r, "kind")), STR_ARG(cli_text(c, r, "text"))));
	}
}

static void direction(struct cli *c, const json_t *p, const char *name)
{
	const json_t *d = json_object_get(p, name);
	bool push = strcmp(name, "push") == 0, on = json_is_true(json_object_get(d, "on"));
	struct str fault = cli_text(c, d, "last_error");
	if (!on && !number(d, "last_try")) {
		term_pair(c, name, TERM_DIM, STR("off"));
		return;
	}
	term_pair(c, name, fault.n ? TERM_BAD : TERM_GOOD,
		  arena_printf(c->arena, "%s%.*s", on ? "" : "off; ", STR_ARG(last_text(c, d))));
	if (fault.n)
		term_pair(c, "", TERM_BAD,
			  number(d, "failures") < 2
				  ? arena_printf(c->arena, "failed: %.*s", STR_ARG(fault))
				  : arena_printf(c->arena, "failed %lld times in a row: %.*s",
						 (long long)number(d, "failures"), STR_ARG(fault)));
	if (on)
		term_pair(c, "", TERM_PLAIN,
			  arena_printf(c->arena, "next: %.*s", STR_ARG(next_text(c, d))));
	term_pair(c, "", TERM_PLAIN,
		  arena_printf(c->arena, "%.*s%s events wait", STR_ARG(term_number(c, (uint64_t)number(d, "backlog"))),
			       json_is_true(json_object_get(d, "backlog_is_more")) ? " and more" : ""));
	if (number(d, "last_try"))
		term_pair(c, "", TERM_PLAIN,
			  arena_printf(c->arena,
				       "last run: %.*s events, %.*s requests, %.*s in, %.*s out, %lld ms; in "
				       "all: %.*s events, %.*s requests, %.*s in, %.*s out",
				       STR_ARG(term_number(c, (uint64_t)number(d, "taken"))),
				       STR_ARG(term_number(c, (uint64_t)number(d, "requests"))),
				       STR_ARG(term_bytes(c, (uint64_t)number(d, "bytes_in"))),
				       STR_ARG(term_bytes(c, (uint64_t)number(d, "bytes_out"))),
				       (long long)number(d, "duration_ms"),
				       STR_ARG(term_number(c, (uint64_t)number(d, "total_taken"))),
				       STR_ARG(term_number(c, (uint64_t)number(d, "total_requests"))),
				       STR_ARG(term_bytes(c, (uint64_t)number(d, "total_in"))),
				       STR_ARG(term_bytes(c, (uint64_t)number(d, "total_out")))));
	reasons(c, d);
	notes(c, d, "hold", "hold_count", "held back by hand:");
	notes(c, d, "refused", "refused_count",
	      push ? "refused by the peer (they go again when they change):"
		   : "refused here (they are asked for again when they change):");
	notes(c, d, "again", "again_count", "failed, to be tried again:");
}

/* ---- a peer ---- */

static void show(struct cli *c, const json_t *p)
{
	size_t i;
	json_t *w;
	struct str reason = cli_text(c, p, "suspend_reason");
	json_int_t until = number(p, "suspended_until");
	term_pair(c, "peer", TERM_BOLD, cli_text(c, p, "name"));
	term_pair(c, "url", TERM_NAME, cli_text(c, p, "url"));
	term_pair(c, "organisation", TERM_PLAIN, cli_text(c, p, "organisation"));
	term_pair(c, "version", TERM_PLAIN, cli_text(c, p, "version"));
	if (json_is_true(json_object_get(p, "running")))
		term_pair(c, "now", TERM_GOOD, STR("a run is going on"));
	if (until)
		term_pair(c, "suspended", TERM_WARN,
			  arena_printf(c->arena, "%s%.*s%s%.*s",
				       until > INT64_C(253402000000) ? "until it is resumed" : "until ",
				       STR_ARG(until > INT64_C(253402000000) ? STR("") : term_time(c, until)),
				       reason.n ? ": " : "", STR_ARG(reason)));
	json_array_foreach(json_object_get(p, "warnings"), i, w)
		term_pair(c, i ? "" : "warning", TERM_WARN, str_c(json_string_value(w)));
	direction(c, p, "pull");
	direction(c, p, "push");
}

/* 1 when something wants to be looked at. */
static bool is_ill(const json_t *p)
{
	return number(json_object_get(p, "pull"), "failures") ||
	       number(json_object_get(p, "push"), "failures");
}

int cmd_peer_status(struct cli *c)
{
	OWN(json) json_t *rows = NULL;
	OWN(json) json_t *list = NULL;
	const json_t *peer = NULL;
	size_t i;
	json_t *p;
	int code = cli_want_args(c, 0, 1);
	if (code == CLI_OK && c->argc)
		code = cli_peer(c, &rows, &peer);
	if (code != CLI_OK)
		return code;
	struct str path = arena_printf(c->arena, "/tocsin/peers/status/%.*s",
				       STR_ARG(peer ? cli_text(c, peer, "id") : STR("")));
	code = call_json(c, "GET", path, NULL, &list);
	if (code != CLI_OK)
		return code;
	json_array_foreach(list, i, p)
		if (is_ill(p))
			code = CLI_FINDING;
	if (c->json) {
		cli_print_json(list);
		return code;
	}
	if (!json_array_size(list))
		cli_say(c, "there are no peers");
	json_array_foreach(list, i, p) {
		if (i)
			putchar('\n');
		show(c, p);
	}
	return code;
}

/* ---- suspending and holding ---- */

static int act(struct cli *c, const char *verb, json_t *body, const char *done)
{
	OWN(json) json_t *list = NULL;
	const json_t *peer;
	int code = cli_peer(c, &list, &peer);
	if (code != CLI_OK) {
		json_decref(body);
		return code;
	}
	struct str path = arena_printf(c->arena, "/tocsin/peers/%s/%.*s", verb,
				       STR_ARG(cli_text(c, peer, "id")));
	code = call_plain(c, "POST", path, body);
	if (code == CLI_OK)
		cli_say(c, "%.*s: %s", STR_ARG(cli_text(c, peer, "name")), done);
	return code;
}

static json_t *with_reason(const struct cli *c)
{
	json_t *body = json_object();
	if (cli_opt(c, "reason"))
		json_object_set_new(body, "reason", json_string(cli_opt(c, "reason")));
	return body;
}

int cmd_peer_suspend(struct cli *c)
{
	json_int_t until = 0;
	const char *given = cli_opt(c, "until");
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	if (given && !cli_future(given, &until))
		return cli_usage(c, "--until wants a time to come: 3d, 2030-12-31, \"2030-12-31 18:00\"");
	json_t *body = with_reason(c);
	if (given)
		json_object_set_new(body, "until", json_integer(until));
	return act(c, "suspend", body,
		   given ? "suspended" : "suspended until tocsin peer resume");
}

int cmd_peer_resume(struct cli *c)
{
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	return act(c, "resume", json_object(), "resumed");
}

static int hold(struct cli *c, const char *verb, const char *done)
{
	if (cli_want_args(c, 2, 1000))
		return CLI_USAGE;
	json_t *body = with_reason(c), *events = json_array();
	for (size_t i = 1; i < c->argc; i++)
		json_array_append_new(events, json_string(c->argv[i]));
	json_object_set_new(body, "events", events);
	return act(c, verb, body, done);
}

int cmd_peer_hold(struct cli *c)
{
	return hold(c, "hold", "held back from it from now on; what it has already it keeps");
}

int cmd_peer_release(struct cli *c)
{
	return hold(c, "release", "goes with the next push");
}
