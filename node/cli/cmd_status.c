/*
 * cmd_status.c - how the node is doing.
 */
#include <stdio.h>

#include "cli/call.h"
#include "cli/term.h"

static uint64_t number(const json_t *j, const char *part, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(json_object_get(j, part), key));
}

static void show_embargo(struct cli *c, const json_t *j)
{
	const json_t *events = json_object_get(j, "unreadable_events");
	uint64_t openings = (uint64_t)json_integer_value(json_object_get(j, "openings"));
	OWN(buf) struct buf b = BUF(1000);
	if (openings)
		term_pair(c, "openings", TERM_PLAIN,
			  arena_printf(c->arena, "%.*s to come", STR_ARG(term_number(c, openings))));
	if (!json_array_size(events))
		return;
	buf_puts(&b, "cannot be read, so they hold for ever: event");
	for (size_t i = 0; i < json_array_size(events); i++)
		buf_printf(&b, " %lld", json_integer_value(json_array_get(events, i)));
	term_pair(c, "embargoes", TERM_BAD, arena_str(c->arena, buf_str(&b)));
}

/* Zones and the resolvers that have them, each with the serial that it was given last. */
static void show_zones(struct cli *c, const json_t *zones)
{
	size_t i, k;
	json_t *z, *t;
	json_array_foreach (zones, i, z) {
		OWN(buf) struct buf b = BUF(1 << 16);
		bool ready = str_is(cli_text(c, z, "state"), "ready");
		buf_str_add(&b, cli_text(c, z, "zone"));
		if (ready)
			buf_printf(&b, " serial %lld", json_integer_value(json_object_get(z, "serial")));
		else
			buf_printf(&b, " %.*s", STR_ARG(cli_text(c, z, "state")));
		json_array_foreach (json_object_get(z, "transfers"), k, t)
			buf_printf(&b, "%s%.*s has %lld%s", k ? ", " : "; ", STR_ARG(cli_text(c, t, "address")),
				   json_integer_value(json_object_get(t, "serial")),
				   str_is(cli_text(c, t, "result"), "ok") ? "" : " (broke off)");
		term_pair(c, "zone", ready ? TERM_PLAIN : TERM_BAD, arena_str(c->arena, buf_str(&b)));
	}
}

static void show(struct cli *c, const json_t *j)
{
	static const char *const counts[] = {"events", "attributes",	"objects", "tags",
					     "users",  "organisations", "peers",   "feeds"};
	bool ready = json_is_true(json_object_get(j, "ready"));
	bool trusted = json_is_true(json_object_get(j, "clock_trusted"));
	struct str policy = str_sub(cli_text(c, j, "policy"), 0, 16);
	bool compat = json_is_true(json_object_get(j, "policy_is_misp_compat"));
	term_pair(c, "node", TERM_BOLD, cli_text(c, j, "organisation"));
	term_pair(c, "url", TERM_PLAIN, cli_text(c, j, "url"));
	term_pair(c, "state", ready ? TERM_GOOD : TERM_BAD,
		  ready ? STR("ready") : cli_text(c, j, "not_ready"));
	term_pair(c, "version", TERM_PLAIN,
		  arena_printf(c->arena, "%.*s, to MISP clients %.*s",
			       STR_ARG(cli_text(c, j, "version")),
			       STR_ARG(cli_text(c, j, "misp_version"))));
	term_pair(c, "uuid", TERM_PLAIN, cli_text(c, j, "node"));
	term_pair(c, "policy", TERM_PLAIN,
		  arena_printf(c->arena, "%.*s%s", STR_ARG(policy), compat ? " (misp-compat)" : ""));
	term_pair(c, "clock", trusted ? TERM_PLAIN : TERM_BAD,
		  arena_printf(c->arena, "%.*s%s",
			       STR_ARG(term_time(c, json_integer_value(json_object_get(j, "clock")))),
			       trusted ? "" : ", not trusted: embargoes stay shut"));
	if (trusted && !str_is(cli_text(c, j, "clock_alarm"), "fine"))
		term_pair(c, "clock alarm", TERM_BAD, cli_text(c, j, "clock_alarm"));
	show_embargo(c, json_object_get(j, "embargo"));
	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		term_pair(c, counts[i], TERM_PLAIN, term_number(c, number(j, "store", counts[i])));
	term_pair(c, "store", TERM_PLAIN,
		  arena_printf(c->arena, "%.*s, change %.*s",
			       STR_ARG(term_bytes(c, number(j, "store", "bytes"))),
			       STR_ARG(term_number(c, number(j, "store", "sequence")))));
	term_pair(c, "indexes", TERM_PLAIN,
		  arena_printf(c->arena, "%.*s, %.*s values, change %.*s",
			       STR_ARG(term_bytes(c, number(j, "index", "bytes"))),
			       STR_ARG(term_number(c, number(j, "index", "live"))),
			       STR_ARG(term_number(c, number(j, "index", "sequence")))));
	show_zones(c, json_object_get(j, "zones"));
}

int cmd_status(struct cli *c)
{
	OWN(json) json_t *j = NULL;
	if (cli_want_args(c, 0, 0))
		return CLI_USAGE;
	int code = call_json(c, "GET", STR("/tocsin/status"), NULL, &j);
	if (code != CLI_OK)
		return code;
	if (c->json)
		cli_print_json(j);
	else
		show(c, j);
	return json_is_true(json_object_get(j, "ready")) ? CLI_OK : CLI_FINDING;
}
