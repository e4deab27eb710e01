/*
 * call.h - HTTP calls to the node: over its Unix socket, or to --url with a key.
 */
#pragma once

#include <stdio.h>

#include "cli/cli.h"

struct call;
/* Bytes of a good answer, as they come; false stops the transfer. */
typedef bool (*call_sink_fn)(void *user, struct str bytes);
/* Now and then while a call runs: bytes sent and received so far. */
typedef void (*call_tick_fn)(void *user, uint64_t up, uint64_t down);

struct call {
	const char *method; /* NULL: GET */
	struct str path; /* "/events/view/1", encoded */
	struct str body; /* sent as JSON unless `type` says otherwise; absent: none */
	const char *type;
	FILE *upload; /* sent instead of `body` */
	bool gzip; /* what is sent is compressed */
	call_sink_fn sink; /* NULL: into `answer` */
	call_tick_fn tick;
	long accepts; /* a status such as 400 that is an answer as well; 0: none */
	void *user;
	/* results */
	long status;
	struct buf answer; /* whole answer, or the error's when there is a sink */
};

/*
 * Run a call. CLI_OK: answered with 2xx. Otherwise the exit code, after telling why. The caller
 * frees k->answer in any case.
 */
int call_perform(struct cli *c, struct call *k);
/* The same without a word when it does not work. */
bool call_quietly(struct cli *c, struct call *k);
/* A header of the last answer, in c->arena; absent: it had none. */
struct str call_header(struct cli *c, const char *name);
/* Tell why the node refused what is in k->answer; the exit code. */
int call_refused(struct cli *c, const struct call *k);
void call_close(struct call_line *line);
/*
 * For a transfer that is driven by its caller (follow_http.c): a fresh libcurl handle that is aimed and
 * secured as all calls are, the header with the key ("" without one), where it goes. False, and told.
 */
struct call_own {
	void *curl; /* CURL *, the caller's to clean up */
	const char *key_header, *base, *where;
};
bool call_own(struct cli *c, struct call_own *out);

/* JSON to JSON: `body` (may be NULL) is taken over, *out is the caller's. */
int call_json(struct cli *c, const char *method, struct str path, json_t *body, json_t **out);
/* The same without looking for an answer. */
int call_plain(struct cli *c, const char *method, struct str path, json_t *body);
/* A text as one segment of a path. In c->arena. */
struct str call_segment(struct cli *c, struct str text);
OWN_DEFINE(json, json_t *, json_decref(*p))
