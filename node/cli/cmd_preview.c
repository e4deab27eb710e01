/*
 * cmd_preview.c - what an audience would be sent: event by event with verdict and counts, what is cut
 * out of them, or the document itself. Told as it comes, so that long previews need no memory.
 */
#include <stdio.h>

#include "cli/call.h"
#include "cli/export.h"
#include "cli/follow.h"
#include "cli/rows.h"
#include "cli/term.h"

struct looking {
	struct cli *c;
	uint64_t shown, failed;
};

static void say(const struct cli *c, enum term_style s, struct str text)
{
	OWN(buf) struct buf b = BUF(1 << 16);
	term_clean(&b, text);
	printf("%s%s%s", term_on(c, s), buf_cstr(&b), term_off(c, s));
}

/* A value of a difference as JSON text, short enough for a line. */
static struct str value(struct cli *c, const json_t *item, const char *key)
{
	const json_t *v = json_object_get(item, key);
	OWN(chars) char *text = v ? json_dumps(v, JSON_ENCODE_ANY) : NULL;
	return text ? arena_printf(c->arena, "%s", text) : STR("nothing");
}

static void show_diff(struct cli *c, const json_t *item)
{
	printf("  %s ", json_object_get(item, "withheld") ? "-" : "~");
	say(c, TERM_DIM, cli_text(c, item, "diff"));
	putchar(' ');
	say(c, TERM_DIM, cli_text(c, item, "uuid"));
	putchar(' ');
	say(c, TERM_PLAIN, cli_text(c, item, "label"));
	struct str rule = cli_text(c, item, "withheld");
	if (rule.n) {
		printf(": stays here, by rule ");
		say(c, TERM_NAME, rule);
	} else {
		printf(": ");
		say(c, TERM_NAME, cli_text(c, item, "field"));
		printf(" ");
		say(c, TERM_PLAIN, value(c, item, "was"));
		printf(" -> ");
		say(c, TERM_PLAIN, value(c, item, "now"));
	}
	putchar('\n');
}

static enum term_style style_of(struct str verdict, bool sent)
{
	if (str_is(verdict, "released"))
		return sent ? TERM_GOOD : TERM_WARN;
	return str_is(verdict, "held") ? TERM_WARN : TERM_BAD;
}

static void show_event(struct cli *c, const json_t *item)
{
	struct str verdict = cli_text(c, item, "verdict"), why = cli_text(c, item, "text");
	bool sent = json_is_true(json_object_get(item, "sent"));
	uint64_t fields = rows_count(item, "fields"), withheld = rows_count(item, "withheld");
	bool released = str_is(verdict, "released");
	say(c, TERM_BOLD, cli_text(c, item, "event"));
	printf("  %.*s  ", STR_ARG(cli_text(c, item, "uuid")));
	say(c, style_of(verdict, sent), sent ? STR("sent") : released ? STR("kept") : verdict);
	if (sent) {
		printf("  %.*s", STR_ARG(term_bytes(c, rows_count(item, "bytes"))));
		printf(fields || withheld ? "; %.*s of %.*s elements stay here" : "; whole",
		       STR_ARG(term_number(c, withheld)),
		       STR_ARG(term_number(c, rows_count(item, "elements"))));
		if (fields || withheld)
			printf(", %.*s fields stripped", STR_ARG(term_number(c, fields)));
	} else {
		struct str until = term_time(c, json_integer_value(json_object_get(item, "until")));
		if (cli_text(c, item, "rule").n) {
			printf("  by rule ");
			say(c, TERM_NAME, cli_text(c, item, "rule"));
		}
		if (until.n)
			printf(" until %.*s", STR_ARG(until));
		printf("  ");
		say(c, TERM_PLAIN, why);
	}
	putchar('\n');
}

static void on_item(void *user, const json_t *item)
{
	struct looking *l = user;
	struct cli *c = l->c;
	struct arena_mark m = arena_mark(c->arena);
	if (c->json) {
		json_dumpf(item, stdout, JSON_COMPACT);
		putchar('\n');
	} else if (json_object_get(item, "diff")) {
		show_diff(c, item);
	} else {
		show_event(c, item);
	}
	l->shown++;
	arena_rewind(c->arena, m);
}

static int show_result(struct cli *c, const json_t *r)
{
	if (c->json) {
		OWN(json) json_t *o = json_pack("{s:O}", "result", r);
		json_dumpf(o, stdout, JSON_COMPACT);
		putchar('\n');
		return CLI_OK;
	}
	cli_say(c,
		"%.*s gets (%.*s) %.*s of %.*s events, %.*s, %.*s fields stripped; %.*s held, %.*s "
		"denied, %.*s kept for other reasons. Nothing was sent.",
		STR_ARG(cli_text(c, r, "audience")), STR_ARG(cli_text(c, r, "way")),
		STR_ARG(term_number(c, rows_count(r, "sent"))),
		STR_ARG(term_number(c, rows_count(r, "events"))),
		STR_ARG(term_bytes(c, rows_count(r, "bytes"))),
		STR_ARG(term_number(c, rows_count(r, "fields"))),
		STR_ARG(term_number(c, rows_count(r, "held"))),
		STR_ARG(term_number(c, rows_count(r, "denied"))),
		STR_ARG(term_number(c, rows_count(r, "kept"))));
	return CLI_OK;
}

static struct str question(struct cli *c, const char *path)
{
	const char *format = cli_opt(c, "format");
	struct str q = arena_printf(c->arena, "%s?audience=%.*s", path,
				    STR_ARG(call_segment(c, str_c(c->argv[0]))));
	if (c->argc > 1)
		q = arena_printf(c->arena, "%.*s&event=%.*s", STR_ARG(q),
				 STR_ARG(call_segment(c, str_c(c->argv[1]))));
	if (format)
		q = arena_printf(c->arena, "%.*s&format=%.*s", STR_ARG(q),
				 STR_ARG(call_segment(c, str_c(format))));
	return cli_opt(c, "diff") ? arena_printf(c->arena, "%.*s&diff=1", STR_ARG(q)) : q;
}

static int document(struct cli *c)
{
	struct call what = {.method = "POST",
			    .path = question(c, "/tocsin/previewDocument"),
			    .body = STR("{}")};
	return export_run(c, &what, cli_opt(c, "output"));
}

int cmd_preview(struct cli *c)
{
	struct looking l = {.c = c};
	OWN(json) json_t *r = NULL;
	if (cli_want_args(c, 1, 2))
		return CLI_USAGE;
	if (cli_opt(c, "document"))
		return document(c);
	int code = follow_each(c, question(c, "/tocsin/preview"), "preview", on_item, &l, &r);
	return r ? show_result(c, r) : code;
}
