/*
 * cmd_clock.c - the clock by which embargoes open, and the operator's word for it after an alarm.
 */
#include <string.h>

#include "cli/call.h"
#include "cli/term.h"

int cmd_clock(struct cli *c)
{
	OWN(json) json_t *j = NULL;
	if (cli_want_args(c, 0, 0))
		return CLI_USAGE;
	int code = call_json(c, "GET", STR("/tocsin/clock"), NULL, &j);
	if (code != CLI_OK)
		return code;
	bool trusted = json_is_true(json_object_get(j, "trusted"));
	if (c->json) {
		cli_print_json(j);
		return trusted ? CLI_OK : CLI_FINDING;
	}
	term_pair(c, "embargo clock", TERM_BOLD,
		  term_time(c, json_integer_value(json_object_get(j, "now"))));
	term_pair(c, "wall clock", TERM_PLAIN,
		  term_time(c, json_integer_value(json_object_get(j, "wall"))));
	term_pair(c, "trusted", trusted ? TERM_GOOD : TERM_BAD, trusted ? STR("yes") : STR("no"));
	if (!trusted) {
		term_pair(c, "alarm", TERM_BAD, cli_text(c, j, "alarm"));
		cli_say(c, "Embargoes that may have ended stay shut. If the wall clock is right: "
			   "tocsin clock accept");
	}
	return trusted ? CLI_OK : CLI_FINDING;
}

int cmd_clock_accept(struct cli *c)
{
	OWN(json) json_t *j = NULL;
	if (cli_want_args(c, 0, 0))
		return CLI_USAGE;
	int code = call_json(c, "POST", STR("/tocsin/clockAccept"), NULL, &j);
	if (code != CLI_OK)
		return code;
	if (c->json)
		return cli_print_json(j);
	cli_say(c, "%.*s", STR_ARG(cli_text(c, j, "message")));
	return CLI_OK;
}
