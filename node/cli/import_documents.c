/*
 * import_documents.c - documents of events in other formats (`tocsin import --as stix2`, openioc).
 */
#include <stdio.h>

#include "cli/call.h"
#include "cli/import_as.h"
#include "cli/rows.h"
#include "cli/term.h"

static void add(struct cli *c, struct buf *b, const char *name, const char *value)
{
	if (value)
		buf_printf(b, "&%s=%.*s", name, STR_ARG(call_segment(c, str_c(value))));
}

static void part(struct cli *c, struct buf *b, uint64_t n, const char *what)
{
	if (n)
		buf_printf(b, ", %.*s %s", STR_ARG(term_number(c, n)), what);
}

static void say(const struct import_job *j, const json_t *r)
{
	struct cli *c = j->c;
	const json_t *read = json_object_get(r, "read");
	struct str left = cli_text(c, read, "left_out_types");
	OWN(buf) struct buf b = BUF(1 << 16), clean = BUF(1 << 16);
	part(c, &b, rows_count(r, "unchanged"), "as new as here");
	part(c, &b, rows_count(r, "failed"), "refused");
	buf_printf(&b, "; %.*s attributes", STR_ARG(term_number(c, rows_count(read, "attributes"))));
	part(c, &b, rows_count(read, "misp_objects"), "objects");
	part(c, &b, rows_count(read, "kept_as_patterns"), "patterns kept as text");
	part(c, &b, rows_count(read, "kept_as_text"), "kept as text");
	part(c, &b, rows_count(r, "refused"), "elements refused");
	part(c, &b, rows_count(read, "left_out"), "left out");
	if (left.n) {
		term_clean(&clean, left);
		buf_printf(&b, " (%s)", buf_cstr(&clean));
	}
	cli_say(c, "%s: %.*s events added, %.*s updated%s", j->name,
		STR_ARG(term_number(c, rows_count(r, "added"))),
		STR_ARG(term_number(c, rows_count(r, "updated"))), buf_cstr(&b));
}

int import_documents(struct import_job *j)
{
	struct cli *c = j->c;
	OWN(buf) struct buf path = BUF(1 << 20);
	if (j->dry)
		return cli_usage(c, "--dry-run is for values: %s is taken in or not", j->format->name);
	buf_printf(&path, "/tocsin/importDocument?as=%s", j->format->where);
	add(c, &path, "info", cli_opt(c, "info"));
	add(c, &path, "distribution", cli_opt(c, "distribution"));
	add(c, &path, "publish", cli_opt(c, "publish") ? "1" : NULL);
	struct call k = {.method = "POST",
			 .path = buf_str(&path),
			 .type = "application/json",
			 .upload = j->file,
			 .gzip = j->gzip};
	int code = call_perform(c, &k);
	OWN(json) json_t *r = NULL;
	if (code == CLI_OK)
		r = json_loadb(buf_str(&k.answer).p, k.answer.n, JSON_ALLOW_NUL, NULL);
	buf_free(&k.answer);
	if (!r)
		return code;
	json_object_update(j->result, r);
	struct str error = cli_text(c, r, "first_error");
	if (!c->json)
		say(j, r);
	if (error.n) {
		OWN(buf) struct buf clean = BUF(1 << 16);
		term_clean(&clean, error);
		fprintf(stderr, "tocsin: %s: %s\n", j->name, buf_cstr(&clean));
	}
	return rows_count(r, "failed") ? CLI_FINDING : CLI_OK;
}
