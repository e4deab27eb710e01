/*
 * ep_retractions.c - taking back what was given out: what a peer has to hear of and what it says to it,
 * what a peer takes back from us, and the list of all for operators.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/rest.h"
#include "base/clock.h"
#include "retract/retract.h"
#include "sync/retracted.h"

#define BATCH 1000
#define BODY_MAX (4u << 20)
#define LIST_DEFAULT 1000
#define LIST_MAX 100000

static void answer_json(struct http_req *r, json_t *j)
{
	struct buf b = BUF(BODY_MAX);
	char *text = json_dumps(j, JSON_COMPACT);
	buf_puts(&b, text ? text : "{}");
	free(text);
	json_decref(j);
	rest_answer(r, 200, &b);
}

/* ---- for peers: what is taken back from them ---- */

struct batch {
	const struct egress_env *env;
	const struct audience *aud;
	uint32_t number;
	struct retraction v[BATCH];
	struct uuid as[BATCH];
	size_t n;
};

static enum err batch_read(struct batch *b, const struct store_rtxn *t, struct arena *a,
			   struct fail *f)
{
	OWN(buf) struct buf key = BUF(64);
	enum err e = ERR_OK;
	while (b->n < BATCH) {
		struct retraction *r = &b->v[b->n];
		e = retraction_next(t, false, b->number, &key, r);
		if (e != ERR_OK)
			break;
		if (retraction_goes_along(r))
			continue;
		r->why = arena_str(a, r->why);
		b->as[b->n++] = egress_uuid(b->env, b->aud, r->uuid);
	}
	return e == ERR_OK || e == ERR_NOENT ? ERR_OK : fail(f, e, "reading retractions");
}

/* What the peer made of what it was told before. */
static size_t said_read(const struct batch *b, const json_t *done, struct retract_outcome *out)
{
	const json_t *item;
	size_t i, n = 0;
	json_array_foreach(done, i, item) {
		const char *uuid = json_string_value(json_object_get(item, "uuid"));
		const char *outcome = json_string_value(json_object_get(item, "outcome"));
		const char *note = json_string_value(json_object_get(item, "note"));
		enum retracted o;
		struct uuid u;
		if (!uuid || !outcome || !uuid_parse(str_c(uuid), &u) ||
		    !retracted_find(str_c(outcome), &o))
			continue;
		for (size_t k = 0; k < b->n && n < BATCH; k++) {
			if (!uuid_eq(b->as[k], u))
				continue;
			out[n] = (struct retract_outcome){.audience = b->number,
							  .what = (enum retract_what)b->v[k].what,
							  .uuid = b->v[k].uuid};
			retract_said(&out[n], o, note ? note : "");
			n++;
		}
	}
	return n;
}

static enum err batch_open(struct http_req *r, struct batch *b, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	TRY(rest_view(r, &v, f));
	struct audience *aud = ARENA_NEW(r->arena, struct audience);
	if (!aud)
		return fail(f, ERR_LIMIT, "no memory");
	*aud = *view_audience(v);
	*b = (struct batch){.env = &api_of(r)->egress, .aud = aud};
	enum err e = recipient_number(view_txn(v), aud, &b->number);
	if (e == ERR_OK)
		e = batch_read(b, view_txn(v), r->arena, f);
	return e == ERR_NOENT ? ERR_OK : e;
}

static enum err retractions(struct http_req *r, struct fail *f)
{
	struct batch *b = ARENA_NEW(r->arena, struct batch);
	struct retract_outcome *said = ARENA_ARRAY(r->arena, struct retract_outcome, BATCH);
	OWN(buf) struct buf out = BUF(BODY_MAX);
	struct jsonw w = jsonw_on(&out);
	json_t *body;
	if (!b || !said)
		return fail(f, ERR_LIMIT, "no memory");
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	TRY(batch_open(r, b, f));
	size_t n = said_read(b, json_object_get(body, "done"), said);
	TRY(retractions_note(api_of(r)->store, said, n, f));
	if (n)
		TRY(batch_open(r, b, f));
	jsonw_obj(&w);
	jsonw_key(&w, "retractions");
	jsonw_arr(&w);
	for (size_t i = 0; i < b->n; i++) {
		jsonw_obj(&w);
		JSONW_KV(&w, jsonw_c, "what", retract_what_name(b->v[i].what));
		JSONW_KV(&w, jsonw_uuid, "uuid", b->as[i]);
		jsonw_obj_end(&w);
	}
	jsonw_arr_end(&w);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &out);
	return ERR_OK;
}

const struct endpoint ep_tocsin_retractions = {
	.methods = HTTP_POST,
	.path = "/tocsin/retractions/mine",
	.auth = perm_sync,
	.body_cap = BODY_MAX,
	.run = retractions,
	.shape = "Retractions",
	.doc = "What the caller was given and has to take back; and what it made of it; for peers (our own)",
};

/* ---- by peers: what they take back from us ---- */

static enum err retract(struct http_req *r, struct fail *f)
{
	const struct api_user *u = me(r);
	const struct retracting by = {.in = &api_of(r)->ingest,
				      .origin = rest_origin(r),
				      .org_id = u->user.org_id,
				      .org = u->caller.org};
	json_t *body, *item;
	size_t i;
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	json_t *out = json_array();
	json_array_foreach(json_object_get(body, "retractions"), i, item) {
		enum retracted outcome;
		struct fail why = {0};
		if (i >= BATCH || !retracted_apply_json(&by, item, out, &outcome, &why)) {
			json_decref(out);
			reply_error(r, 400, "retractions wants at most %d of {what, uuid}", BATCH);
			return ERR_OK;
		}
	}
	answer_json(r, json_pack("{s:o}", "outcomes", out));
	return ERR_OK;
}

const struct endpoint ep_tocsin_retract = {
	.methods = HTTP_POST,
	.path = "/tocsin/retract",
	.auth = perm_sync,
	.body_cap = BODY_MAX,
	.run = retract,
	.shape = "Outcomes",
	.doc = "Take back what the caller gave us; for peers (our own)",
};

/* ---- for operators ---- */

struct wanted {
	struct str audience, state, uuid;
	uint64_t limit, page;
};

static bool is_wanted(const struct wanted *x, const struct ledger_known *who,
		      const struct retraction *r)
{
	char u[UUID_TEXT_LEN + 1], e[UUID_TEXT_LEN + 1];
	if (x->audience.n && !str_eq(x->audience, who->a.name))
		return false;
	if (x->state.n && !str_is(x->state, retract_state_name(r->state)))
		return false;
	uuid_format(r->uuid, u);
	uuid_format(r->event_uuid, e);
	return !x->uuid.n || str_is(x->uuid, u) || str_is(x->uuid, e);
}

static void put_row(struct jsonw *w, const struct ledger_known *who, const struct retraction *r)
{
	jsonw_obj(w);
	JSONW_KV(w, jsonw_str, "audience", who->a.name);
	JSONW_KV(w, jsonw_uuid, "org", who->a.org);
	JSONW_KV(w, jsonw_c, "what", retract_what_name(r->what));
	JSONW_KV(w, jsonw_uuid, "uuid", r->uuid);
	if (!uuid_is_nil(r->event_uuid))
		JSONW_KV(w, jsonw_uuid, "event", r->event_uuid);
	JSONW_KV(w, jsonw_str, "why", r->why);
	JSONW_KV(w, jsonw_int, "time", r->at);
	JSONW_KV(w, jsonw_c, "state", retract_state_name(r->state));
	JSONW_KV(w, jsonw_int, "since", r->state_at);
	JSONW_KV(w, jsonw_uint, "tries", r->tries);
	JSONW_KV(w, jsonw_str, "note", r->note);
	jsonw_obj_end(w);
}

static enum err put_rows(const struct wanted *x, const struct store_rtxn *t, bool settled,
			 uint64_t *seen, struct jsonw *w, struct fail *f)
{
	OWN(buf) struct buf key = BUF(64);
	struct ledger_known who;
	struct retraction r;
	uint64_t from = (x->page - 1) * x->limit;
	enum err e;
	while ((e = retraction_next(t, settled, UINT32_MAX, &key, &r)) == ERR_OK) {
		TRY(ledger_audience_get(t, r.audience, &who));
		if (!is_wanted(x, &who, &r))
			continue;
		++*seen;
		if (*seen > from && *seen <= from + x->limit)
			put_row(w, &who, &r);
	}
	return e == ERR_NOENT ? ERR_OK : fail(f, e, "reading retractions");
}

static enum err retractions_index(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(buf) struct buf b = BUF(64u << 20);
	struct jsonw w = jsonw_on(&b);
	struct wanted x = {.limit = LIST_DEFAULT, .page = 1};
	uint64_t seen = 0;
	json_t *body = NULL;
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	x.audience = rest_param(r, body, "audience");
	x.state = rest_param(r, body, "state");
	x.uuid = rest_param(r, body, "uuid");
	struct str limit = rest_param(r, body, "limit"), page = rest_param(r, body, "page");
	if ((limit.n && (!str_u64(limit, &x.limit) || x.limit > LIST_MAX || !x.limit)) ||
	    (page.n && (!str_u64(page, &x.page) || !x.page || x.page > 1000000))) {
		reply_error(r, 400, "limit is 1 to %d, page from 1 on", LIST_MAX);
		return ERR_OK;
	}
	TRY(store_read(api_of(r)->store, &t, f));
	jsonw_arr(&w);
	TRY(put_rows(&x, t, false, &seen, &w, f));
	TRY(put_rows(&x, t, true, &seen, &w, f));
	jsonw_arr_end(&w);
	char count[24];
	int n = snprintf(count, sizeof(count), "%llu", (unsigned long long)seen);
	reply_header(r, "X-Result-Count", (struct str){count, (size_t)n});
	rest_answer(r, 200, &b);
	return ERR_OK;
}

const struct endpoint ep_tocsin_retractions_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/tocsin/retractions/index",
	.auth = perm_site_admin,
	.run = retractions_index,
	.shape = "Retractions",
	.doc = "What was taken back from whom, and what came of it (filters: audience, state, uuid)",
};

/* Once more, for those that were impossible. */
static enum err retractions_retry(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(buf) struct buf key = BUF(64);
	struct retract_outcome *v = ARENA_ARRAY(r->arena, struct retract_outcome, BATCH);
	struct wanted x = {.state = STR("impossible")};
	struct ledger_known who;
	struct retraction row;
	json_t *body;
	size_t n = 0;
	enum err e = ERR_OK;
	if (!v)
		return fail(f, ERR_LIMIT, "no memory");
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	x.audience = rest_param(r, body, "audience");
	x.uuid = rest_param(r, body, "uuid");
	TRY(store_read(api_of(r)->store, &t, f));
	while (n < BATCH && (e = retraction_next(t, true, UINT32_MAX, &key, &row)) == ERR_OK) {
		TRY(ledger_audience_get(t, row.audience, &who));
		if (is_wanted(&x, &who, &row))
			v[n++] = (struct retract_outcome){.audience = row.audience,
							  .what = (enum retract_what)row.what,
							  .uuid = row.uuid,
							  .state = RETRACT_PENDING};
	}
	if (e != ERR_OK && e != ERR_NOENT)
		return fail(f, e, "reading retractions");
	store_read_end(MOVE(t));
	TRY(retractions_note(api_of(r)->store, v, n, f));
	answer_json(r, json_pack("{s:I}", "retried", (json_int_t)n));
	return ERR_OK;
}

const struct endpoint ep_tocsin_retractions_retry = {
	.methods = HTTP_POST,
	.path = "/tocsin/retractions/retry",
	.auth = perm_site_admin,
	.run = retractions_retry,
	.shape = "Retried",
	.doc = "Try retractions again that were impossible (audience, uuid)",
};
