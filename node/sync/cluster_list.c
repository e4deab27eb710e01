/*
 * cluster_list.c - a peer's list of galaxy clusters, and one of them.
 */
#include "sync/cluster_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonw.h"
#include "model/json_read.h"

#define LIST_MAX (UINT64_C(64) << 20)
#define ROWS_MAX 500000
#define ONE_MAX (UINT64_C(32) << 20)
#define QUESTION_MAX (64u << 20)

uint64_t cluster_version(struct str s)
{
	uint64_t v = 0;
	return str_u64(s, &v) ? v : 0;
}

/* ---- reading ---- */

struct reading {
	const struct pass *p;
	struct json_read *reader;
	struct raw_event *raw;
};

static enum err on_document(void *user, struct raw_event *raw, struct fail *f)
{
	struct reading *r = user;
	(void)f;
	raw_free(r->raw);
	r->raw = raw;
	return ERR_OK;
}

static enum err on_data(void *user, const void *p, size_t n, struct fail *f)
{
	struct reading *r = user;
	if (pass_cancelled(r->p))
		return fail(f, ERR_CANCELLED, "cancelled");
	return json_read_feed(r->reader, p, n, f);
}

/* Call, and read what comes as a document of clusters. */
static enum err ask(struct pass *p, struct link_req *q, uint64_t rows, struct raw_event **out,
		    struct client_res *res, struct fail *f)
{
	struct raw_limits lim = raw_limits_default;
	lim.string_bytes = 1u << 20;
	lim.data_bytes = 1u << 20;
	lim.spool_bytes = LIST_MAX * 2;
	lim.elements = rows;
	struct json_read_opts o = {
		.root = RAW_CLUSTERS, .limits = &lim, .spool_dir = p->o->in->spool_dir};
	struct reading r = {.p = p};
	r.reader = json_read_new(&o, on_document, &r);
	if (!r.reader)
		return fail(f, ERR_NOMEM, "no memory");
	q->data = on_data;
	q->user = &r;
	enum err e = link_call(&p->link, q, res, f);
	if (e == ERR_OK)
		e = json_read_end(r.reader, f);
	json_read_free(r.reader);
	if (e == ERR_PARSE) /* the peer's fault, not that of what it sent */
		e = ERR_PEER;
	if (e == ERR_OK)
		*out = r.raw;
	else
		raw_free(r.raw);
	return e;
}

/* ---- the list ---- */

static enum err question(struct buf *b, const struct uuid *only, size_t n)
{
	struct jsonw w = jsonw_on(b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_uint, "published", 1);
	JSONW_KV(&w, jsonw_uint, "minimal", 1);
	JSONW_KV(&w, jsonw_uint, "custom", 1);
	if (only) {
		jsonw_key(&w, "uuid");
		jsonw_arr(&w);
		for (size_t i = 0; i < n; i++)
			jsonw_uuid(&w, only[i]);
		jsonw_arr_end(&w);
	}
	jsonw_obj_end(&w);
	return buf_err(b);
}

static int by_uuid(const void *a, const void *b)
{
	const struct cluster_row *x = a, *y = b;
	return memcmp(x->uuid.b, y->uuid.b, sizeof(x->uuid.b));
}

const struct cluster_row *cluster_list_find(const struct cluster_list *l, struct uuid u)
{
	struct cluster_row one = {.uuid = u};
	return l->n ? bsearch(&one, l->v, l->n, sizeof(one), by_uuid) : NULL;
}

static enum err rows_of(struct raw_event *raw, struct arena *a, struct cluster_list *out,
			struct fail *f)
{
	OWN(raw_cursor) struct raw_cursor *cur = raw_cursor_new(raw);
	OWN(arena) struct arena *scratch = arena_new(8u << 20);
	uint64_t n = raw_count(raw, EL_CLUSTER);
	struct element e;
	enum err err = ERR_OK;
	out->v = ARENA_ARRAY(a, struct cluster_row, n + 1);
	if (!cur || !scratch || !out->v)
		return fail(f, ERR_LIMIT, "the peer lists too many clusters");
	while ((err = raw_next(cur, scratch, &e, f)) == ERR_OK) {
		if (e.kind == EL_CLUSTER && !uuid_is_nil(e.cluster.uuid) && out->n < n)
			out->v[out->n++] = (struct cluster_row){e.cluster.uuid,
								cluster_version(e.cluster.version)};
		arena_reset(scratch);
	}
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), by_uuid);
	return err == ERR_NOENT ? ERR_OK : err;
}

enum err cluster_list_ask(struct pass *p, const struct uuid *only, size_t n_only, struct arena *a,
			  struct cluster_list *out, struct fail *f)
{
	OWN(buf) struct buf body = BUF(QUESTION_MAX);
	OWN(raw) struct raw_event *raw = NULL;
	struct client_res res = {0};
	*out = (struct cluster_list){0};
	if (question(&body, only, n_only) != ERR_OK)
		return fail(f, ERR_NOMEM, "no memory for the question");
	struct link_req q = {.path = "/galaxy_clusters/restSearch",
			     .body = buf_str(&body),
			     .max_bytes = LIST_MAX};
	enum err e = ask(p, &q, ROWS_MAX, &raw, &res, f);
	/* not told is like none (appendix E) */
	if (e == ERR_NOENT || (e == ERR_AUTH && res.status == 403))
		return ERR_OK;
	return e == ERR_OK && raw ? rows_of(raw, a, out, f) : e;
}

/* ---- one ---- */

enum err cluster_get(struct pass *p, struct uuid u, struct raw_event **out, uint64_t *bytes,
		     struct fail *f)
{
	char path[100], text[UUID_TEXT_LEN + 1];
	struct client_res res = {0};
	OWN(raw) struct raw_event *raw = NULL;
	OWN(arena) struct arena *a = arena_new(64u << 20);
	struct element e;
	snprintf(path, sizeof(path), "/galaxy_clusters/view/%s", uuid_format(u, text));
	struct link_req q = {.path = path, .max_bytes = ONE_MAX};
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(ask(p, &q, 1, &raw, &res, f));
	*bytes = res.bytes;
	OWN(raw_cursor) struct raw_cursor *cur = raw ? raw_cursor_new(raw) : NULL;
	if (!cur || raw_next(cur, a, &e, f) != ERR_OK || e.kind != EL_CLUSTER ||
	    !uuid_eq(e.cluster.uuid, u))
		return fail(f, ERR_PEER, "the peer answered with something else");
	raw_cursor_free(MOVE(cur));
	*out = MOVE(raw);
	return ERR_OK;
}
