/*
 * taxii_post.c - see taxii_post.h. What a server answers is bounded, and waited for only so long.
 */
#include "sync/taxii_post.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/uuid.h"

#define WAIT_MS 60000
#define POLL_MS 200 /* at first; then longer */
#define CALL_MS 600000
#define CONTENT_LEAST ((uint64_t)64 << 10)
#define ANSWER_BYTES (8u << 20)

static enum err url_of(const struct taxii_poster *p, struct buf *url, const char *what, struct str id,
		       const char *tail)
{
	taxii_root_put(url, p->to->row);
	buf_puts(url, what);
	buf_str_add(url, id);
	buf_puts(url, tail);
	return buf_err(url);
}

enum err taxii_post_ready(struct taxii_poster *p, struct fail *f)
{
	OWN(buf) struct buf root = BUF(TAXII_URL_MAX), collection = BUF(TAXII_URL_MAX);
	json_t *j = NULL;
	if (p->content_max)
		return ERR_OK;
	TRY(url_of(p, &root, "", STR(""), ""));
	TRY(url_of(p, &collection, "collections/", str_trim(p->to->row->collection), "/"));
	TRY(taxii_get(p->to, p->client, buf_cstr(&collection), &j, NULL, f));
	bool writes = json_is_true(json_object_get(j, "can_write"));
	json_decref(j);
	if (!writes)
		return fail(f, ERR_PERM, "the server does not let us write to this collection");
	TRY(taxii_get(p->to, p->client, buf_cstr(&root), &j, NULL, f));
	json_int_t max = json_integer_value(json_object_get(j, "max_content_length"));
	json_decref(j);
	p->content_max = MIN(MAX(max > 0 ? (uint64_t)max : TAXII_POST_MAX, CONTENT_LEAST), TAXII_POST_MAX);
	return ERR_OK;
}

static enum err envelope_read(void *user, void *out, size_t cap, size_t *n, struct fail *f)
{
	struct taxii_envelope_out *e = user;
	*n = 0;
	if (e->at < e->head) {
		TRY(document_read(e->d, out, (size_t)MIN((uint64_t)cap, e->head - e->at), n, f));
	} else {
		uint64_t at = e->at - e->head;
		*n = MIN(cap, e->tail->n - (size_t)at);
		if (*n)
			memcpy(out, e->tail->p + at, *n);
	}
	e->at += *n;
	return ERR_OK;
}

static enum err envelope_rewind(void *user, struct fail *f)
{
	struct taxii_envelope_out *e = user;
	e->at = 0;
	return e->d ? document_rewind(e->d, f) : ERR_OK;
}

static enum err envelope_answer(void *user, const void *data, size_t n, struct fail *f)
{
	struct taxii_envelope_out *e = user;
	buf_add(&e->answer, data, n);
	return buf_err(&e->answer) == ERR_OK ? ERR_OK : fail(f, ERR_LIMIT, "the status is too long");
}

static bool is_complete(const json_t *status)
{
	const char *s = json_string_value(json_object_get(status, "status"));
	return s && strcmp(s, "complete") == 0;
}

/* Asks until it is complete, or it has taken too long: what is pending then is told as that. */
static enum err status_wait(struct taxii_poster *p, json_t **status, struct fail *f)
{
	int64_t end = clock_boot_ms() + (p->wait_ms ? p->wait_ms : WAIT_MS);
	long pause = POLL_MS;
	const char *id = json_string_value(json_object_get(*status, "id"));
	OWN(buf) struct buf url = BUF(TAXII_URL_MAX);
	struct uuid u;
	if (!id || !uuid_parse(str_c(id), &u)) /* nothing else is asked for below the root */
		return is_complete(*status) ? ERR_OK : fail(f, ERR_PEER, "the server's status has no id");
	TRY(url_of(p, &url, "status/", str_c(id), "/"));
	while (!is_complete(*status) && clock_boot_ms() < end) {
		json_t *next;
		struct timespec t = {pause / 1000, pause % 1000 * 1000000};
		if (p->to->cancelled && atomic_load(p->to->cancelled))
			return fail(f, ERR_CANCELLED, "cancelled");
		nanosleep(&t, NULL);
		pause = MIN(pause * 2, 5000);
		TRY(taxii_get(p->to, p->client, buf_cstr(&url), &next, NULL, f));
		json_decref(*status);
		*status = next;
	}
	return ERR_OK;
}

static void status_read(struct taxii_poster *p, const json_t *status, struct taxii_outcome *out)
{
	const json_t *failures = json_object_get(status, "failures");
	const json_t *first = json_array_get(failures, 0);
	json_int_t n = json_integer_value(json_object_get(status, "failure_count"));
	if (!first)
		first = json_array_get(json_object_get(status, "x_tocsin_first_failures"), 0);
	const char *id = json_string_value(json_object_get(first, "id"));
	const char *why = json_string_value(json_object_get(first, "message"));
	p->success += (uint64_t)MAX(json_integer_value(json_object_get(status, "success_count")), 0);
	p->pending += (uint64_t)MAX(json_integer_value(json_object_get(status, "pending_count")), 0);
	p->failure += (uint64_t)MAX(n, 0);
	out->refused = n > 0 || json_array_size(failures);
	if (out->refused)
		snprintf(out->why, sizeof(out->why), "%lld objects were refused; %.60s: %.120s", (long long)n,
			 id ? id : "one", why ? why : "no reason given");
}

/* What the server says of a single envelope, and not of us. */
static bool is_about_content(long status)
{
	return status == 400 || status == 413 || status == 422;
}

enum err taxii_post(struct taxii_poster *p, struct taxii_envelope_out *e, struct taxii_outcome *out, struct fail *f)
{
	OWN(buf) struct buf url = BUF(TAXII_URL_MAX);
	struct client_res res = {0};
	*out = (struct taxii_outcome){.refused = false};
	e->answer = BUF(ANSWER_BYTES);
	TRY(url_of(p, &url, "collections/", str_trim(p->to->row->collection), "/objects/"));
	struct client_req req = {.method = "POST",
				 .url = buf_cstr(&url),
				 .read = envelope_read,
				 .rewind = envelope_rewind,
				 .body_size = (int64_t)(e->head + e->tail->n),
				 .max_bytes = ANSWER_BYTES,
				 .total_ms = CALL_MS,
				 .data = envelope_answer,
				 .user = e};
	enum err err = envelope_rewind(e, f);
	if (err == ERR_OK)
		err = taxii_call(p->to, p->client, &req, &res, f);
	p->bytes += e->at;
	if (err != ERR_OK && is_about_content(res.status)) {
		*out = (struct taxii_outcome){.refused = true};
		snprintf(out->why, sizeof(out->why), "HTTP %ld: %.200s", res.status, res.error_body);
		buf_free(&e->answer);
		return ERR_OK;
	}
	json_t *status = err == ERR_OK ? json_loadb(e->answer.n ? e->answer.p : "", e->answer.n, 0, NULL) : NULL;
	buf_free(&e->answer);
	if (err == ERR_OK && !json_is_object(status))
		err = fail(f, ERR_PEER, "the server answered a post with no status");
	if (err == ERR_OK)
		err = status_wait(p, &status, f);
	if (err == ERR_OK)
		status_read(p, status, out);
	json_decref(status);
	return err;
}
