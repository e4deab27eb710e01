/*
 * follow.c - NDJSON of the daemon's long work (api/long_job.h) as progress bar, messages and result.
 */
#include "cli/follow.h"

#include <stdio.h>
#include <string.h>

#include "cli/call.h"
#include "cli/progress.h"
#include "cli/term.h"

#define LINE_MAX_BYTES (1u << 20)
#define SHOWN_PROBLEMS 20

struct trail {
	struct cli *c;
	struct buf rest; /* a line that has not ended */
	struct progress progress;
	json_t *result, *problems, *error;
	follow_each_fn each; /* NULL: problems are told */
	void *user;
};

static uint64_t count(const json_t *j, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(j, key));
}

static void show_progress(struct trail *t, const json_t *p)
{
	char tail[100];
	uint64_t total = count(p, "total");
	snprintf(tail, sizeof(tail), "%.1f MB%s", (double)count(p, "bytes") / 1e6,
		 count(p, "failed") ? ", some failed" : "");
	if (total)
		progress_show(&t->progress, count(p, "done"), total, "events", tail);
	else
		progress_show(&t->progress, count(p, "listed"), 0, "listed", tail);
}

static void show_problem(struct trail *t, json_t *p)
{
	struct str uuid = cli_text(t->c, p, "uuid"), text = cli_text(t->c, p, "text");
	if (str_is(cli_text(t->c, p, "error"), "held"))
		return; /* as it should be */
	json_array_append(t->problems, p);
	if (json_array_size(t->problems) > SHOWN_PROBLEMS)
		return;
	OWN(buf) struct buf clean = BUF(1 << 16);
	term_clean(&clean, text);
	progress_end(&t->progress);
	fprintf(stderr, "tocsin: %.*s: %s\n", STR_ARG(uuid), buf_cstr(&clean));
	if (json_array_size(t->problems) == SHOWN_PROBLEMS)
		fputs("tocsin: further problems are counted only\n", stderr);
}

static bool line(struct trail *t, struct str s)
{
	OWN(json) json_t *j = s.n ? json_loadb(s.p, s.n, JSON_ALLOW_NUL, NULL) : NULL;
	json_t *o;
	if ((o = json_object_get(j, "progress")))
		show_progress(t, o);
	else if (t->each && ((o = json_object_get(j, "item")) || (o = json_object_get(j, "problem"))))
		t->each(t->user, o);
	else if ((o = json_object_get(j, "problem")))
		show_problem(t, o);
	else if ((o = json_object_get(j, "result")) && json_is_object(o) && !t->result)
		t->result = json_incref(o);
	else if (j && !t->error)
		t->error = json_incref(j);
	return j != NULL || !s.n;
}

static bool sink(void *user, struct str bytes)
{
	struct trail *t = user;
	buf_str_add(&t->rest, bytes);
	struct str rest = buf_str(&t->rest);
	size_t used = 0;
	for (ptrdiff_t at; (at = str_chr(rest, '\n')) >= 0;) {
		if (!line(t, str_sub(rest, 0, (size_t)at)))
			return false;
		used += (size_t)at + 1;
		rest = str_sub(rest, (size_t)at + 1, rest.n);
	}
	buf_consume(&t->rest, used);
	return buf_err(&t->rest) == ERR_OK;
}

/* What the daemon calls net, timeout ... is somebody out of reach. */
static int failed(struct trail *t, const char *what)
{
	static const char *const far[] = {"net", "timeout", "peer", "auth"};
	struct str name = cli_text(t->c, t->error, "error"), text = cli_text(t->c, t->error, "text");
	int code = CLI_FINDING;
	if (!text.n) /* an answer of MISP's form, not of ours */
		text = cli_text(t->c, t->error, "result");
	if (!text.n)
		text = cli_text(t->c, t->error, "message");
	for (size_t i = 0; i < ARRAY_LEN(far); i++)
		if (str_is(name, far[i]))
			code = CLI_UNREACHED;
	return cli_fail(t->c, code, "%s: %.*s", what, STR_ARG(text.n ? text : STR("no result came")));
}

int follow(struct cli *c, struct str path, const char *what, json_t **result)
{
	return follow_each(c, path, what, NULL, NULL, result);
}

int follow_each(struct cli *c, struct str path, const char *what, follow_each_fn each, void *user,
		json_t **result)
{
	return follow_each_body(c, path, STR("{}"), what, each, user, result);
}

int follow_each_body(struct cli *c, struct str path, struct str body, const char *what,
		     follow_each_fn each, void *user, json_t **result)
{
	struct call k = {.method = "POST", .path = path, .body = body};
	return follow_call(c, &k, what, each, user, result);
}

int follow_call(struct cli *c, struct call *k, const char *what, follow_each_fn each, void *user,
		json_t **result)
{
	struct trail t = {.c = c,
			  .rest = BUF(LINE_MAX_BYTES),
			  .problems = json_array(),
			  .each = each,
			  .user = user};
	k->sink = sink;
	k->user = &t;
	*result = NULL;
	progress_begin(&t.progress, c, what);
	int code = call_perform(c, k);
	if (code == CLI_OK && t.rest.n)
		line(&t, buf_str(&t.rest)); /* an answer without line break: not a stream */
	progress_end(&t.progress);
	buf_free(&k->answer);
	if (code == CLI_OK && !t.result)
		code = failed(&t, what);
	if (code == CLI_OK) {
		if (!each)
			json_object_set(t.result, "problems", t.problems);
		if (!each && (count(t.result, "failed") || count(t.result, "refused") ||
			      json_array_size(t.problems)))
			code = CLI_FINDING;
		*result = json_incref(t.result);
	}
	json_decref(t.result);
	json_decref(t.error);
	json_decref(t.problems);
	buf_free(&t.rest);
	return code;
}
