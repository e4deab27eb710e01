/*
 * cmd_subscription_get.c - what a subscription keeps, and what has changed of it: once, or as it changes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/export.h"
#include "cli/subscr.h"
#include "cli/term.h"

#define WAIT_S 50 /* the node holds an answer back for a minute at most */
#define BUSY 503 /* the set is being filled */
#define CHANGE_MAX (128u << 20) /* longer ones come as the whole set */

static const struct timespec again = {.tv_nsec = 500000000};

static int not_a_serial(struct cli *c)
{
	return cli_usage(c, "--since wants the serial of what you have");
}

/* /exports/NAME, with since and wait where they are given. */
static struct str path_of(struct cli *c, const char *suffix, const char *since, long wait_s)
{
	OWN(buf) struct buf b = BUF(4096);
	buf_printf(&b, "/exports/%.*s%s", STR_ARG(call_segment(c, str_c(c->argv[0]))), suffix);
	if (since)
		buf_printf(&b, "?since=%s", since);
	if (since && wait_s)
		buf_printf(&b, "&wait=%ld", wait_s);
	return arena_str(c->arena, buf_str(&b));
}

static bool is_number(const char *text)
{
	uint64_t n;
	return str_u64(str_c(text), &n);
}

/* On standard error, since the export may be on standard output. */
static void say_serial(struct cli *c, bool asked_for_change)
{
	struct str serial = call_header(c, "X-Tocsin-Serial"), change = call_header(c, "X-Tocsin-Change");
	if (c->quiet || c->json || !serial.n)
		return;
	fprintf(stderr, "serial %.*s%s\n", STR_ARG(serial),
		!asked_for_change	  ? ""
		: str_is(change, "whole") ? ", the whole set: the change is not known"
		: change.n		  ? ""
					  : ", nothing has changed");
}

int cmd_subscription_get(struct cli *c)
{
	const char *since = cli_opt(c, "since"), *digest = cli_opt(c, "digest");
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	if (since && !is_number(since))
		return not_a_serial(c);
	if (digest && strcmp(digest, "md5") != 0 && strcmp(digest, "sha256") != 0)
		return cli_usage(c, "--digest is sha256 or md5");
	if (digest && since)
		return cli_usage(c, "a digest is of the whole set: --since does not go with it");
	const char *suffix = !digest ? "" : strcmp(digest, "md5") == 0 ? ".md5" : ".sha256";
	struct call k = {.path = path_of(c, suffix, since, 0)};
	int code = export_run(c, &k, cli_opt(c, "output"));
	if (code == CLI_OK)
		say_serial(c, since != NULL);
	return code;
}

/* ---- as it changes ---- */

/* One line of JSON for each change. */
static void print_json(const char *kind, const char *serial, uint64_t entries, struct str text)
{
	json_t *lines = json_array(), *j;
	struct str line;
	while (text.n) {
		text = str_split(text, '\n', &line);
		if (line.n)
			json_array_append_new(lines, json_stringn(line.p, line.n));
	}
	j = json_pack("{s:s s:s s:I s:o}", "serial", serial, "change", kind, "entries", (json_int_t)entries,
		      "lines", lines);
	json_dumpf(j, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(j);
}

static void print_change(struct cli *c, bool whole, const char *serial, struct str text)
{
	OWN(buf) struct buf clean = BUF(256u << 20);
	struct str line, entries = call_header(c, "X-Tocsin-Entries");
	char kind[16];
	snprintf(kind, sizeof(kind), "%.*s", STR_ARG(call_header(c, "X-Tocsin-Change")));
	if (c->json) {
		print_json(whole ? "whole" : kind, serial, entries.n ? strtoull(entries.p, NULL, 10) : 0,
			   whole ? STR("") : text);
		return;
	}
	if (whole) {
		cli_say(c, "%s# serial %s: the whole set, %.*s entries%s", term_on(c, TERM_DIM), serial,
			STR_ARG(entries), term_off(c, TERM_DIM));
		return;
	}
	cli_say(c, "%s# serial %s%s", term_on(c, TERM_DIM), serial, term_off(c, TERM_DIM));
	while (text.n) {
		text = str_split(text, '\n', &line);
		buf_clear(&clean);
		if (!c->terminal)
			buf_str_add(&clean, line);
		else
			term_clean(&clean, line);
		if (text.p || line.n)
			printf("%.*s\n", STR_ARG(buf_str(&clean)));
	}
}

/* A change; of a whole set the first part. */
static bool keep(void *user, struct str bytes)
{
	struct buf *b = user;
	if (buf_err(b) == ERR_OK && b->n + bytes.n <= CHANGE_MAX)
		buf_str_add(b, bytes);
	return true;
}

/* Where the set is now; empty while it is being filled. */
static int serial_now(struct cli *c, char serial[24])
{
	struct call k = {.path = path_of(c, ".sha256", NULL, 0), .accepts = BUSY};
	int code = call_perform(c, &k);
	if (code == CLI_OK && k.status != BUSY)
		snprintf(serial, 24, "%.*s", STR_ARG(call_header(c, "X-Tocsin-Serial")));
	if (code == CLI_OK && k.status != BUSY && !c->json)
		cli_say(c, "%s# serial %s%s", term_on(c, TERM_DIM), serial, term_off(c, TERM_DIM));
	buf_free(&k.answer);
	return code;
}

/* The next change behind `serial`, which becomes that of the answer. *told: there was one. */
static int next_change(struct cli *c, char serial[24], bool *told)
{
	OWN(buf) struct buf got = BUF(CHANGE_MAX);
	struct call k = {
		.path = path_of(c, "", serial, WAIT_S), .accepts = BUSY, .sink = keep, .user = &got};
	int code = call_perform(c, &k);
	*told = code == CLI_OK && k.status == 200;
	if (code == CLI_OK && k.status != BUSY)
		snprintf(serial, 24, "%.*s", STR_ARG(call_header(c, "X-Tocsin-Serial")));
	if (*told)
		print_change(c, str_is(call_header(c, "X-Tocsin-Change"), "whole"), serial, buf_str(&got));
	if (code == CLI_OK && k.status == BUSY)
		nanosleep(&again, NULL); /* it is being filled */
	buf_free(&k.answer);
	return code;
}

int cmd_subscription_watch(struct cli *c)
{
	const char *since = cli_opt(c, "since"), *changes = cli_opt(c, "changes");
	char serial[24] = "";
	uint64_t left = UINT64_MAX;
	bool told;
	if (cli_want_args(c, 1, 1))
		return CLI_USAGE;
	if (since && !is_number(since))
		return not_a_serial(c);
	if (changes && (!str_u64(str_c(changes), &left) || !left))
		return cli_usage(c, "--changes wants how many to wait for");
	if (since)
		snprintf(serial, sizeof(serial), "%s", since);
	while (left) {
		struct arena_mark mark = arena_mark(c->arena);
		bool begun = serial[0] != 0;
		told = false;
		int code = begun ? next_change(c, serial, &told) : serial_now(c, serial);
		if (code == CLI_OK && !serial[0])
			nanosleep(&again, NULL);
		fflush(stdout);
		arena_rewind(c->arena, mark);
		if (code != CLI_OK)
			return code;
		left -= told;
	}
	return CLI_OK;
}
