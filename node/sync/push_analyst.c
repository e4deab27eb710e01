/*
 * push_analyst.c - notes, opinions and relationships on their way to a peer (sync-protocol.md 4.10):
 * what changed since the last push, and what is about events that changed (they may only now be
 * seen there); all in a full push, with one event what is about it. One question which are wanted,
 * then one by one as MISP takes them; a tocsin takes a hundred at once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "model/link_rules.h"
#include "sync/analyst_list.h"
#include "sync/document.h"
#include "sync/push.h"

#define QUESTION_ROWS 20000
#define QUESTION_MAX (4u << 20)
#define BATCH 100
#define BATCH_BYTES (64u << 20)

struct pushing {
	struct pass *p;
	struct pass_count *n;
	struct link_rules rules;
	struct caller to;
	struct push_log *log;
	bool all;
	struct id_list events;
	struct analyst_rows rows; /* that may go, then that are wanted */
	bool failed; /* something is to be tried again */
};

static void tell(struct pushing *x, struct uuid u, int what, uint64_t bytes, const char *text)
{
	struct pass_item item = {.kind = PASS_ANALYST, .uuid = u, .bytes = bytes, .text = text};
	item.what = what;
	pass_tell(x->p, &item);
}

/* ---- which ---- */

/* What changed; and what is about events that changed, or that go now: it may only now be seen there. */
static enum err changed(struct pushing *x, struct fail *f)
{
	TRY(push_log_of(x->p, &x->log, f));
	x->all = x->log->whole || (!x->p->state.analyst_covered && x->p->o->technique != PASS_ONE);
	return x->all ? ERR_OK :
			push_log_events(x->log, PUSH_ABOUT | PUSH_BRINGS, &x->events, f);
}

/* What is remembered: of what the operator holds back, also about what (`why`), or the peer refused. */
static enum err noted(struct pushing *x, const struct analyst_push_row *row, bool *yes,
		      char why[NOTE_TEXT_MAX], struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct note n;
	*yes = false;
	why[0] = '\0';
	TRY(store_read(x->p->o->in->store, &t, f));
	if (note_get(t, x->p->o->peer_id, NOTE_hold, row->event, &n) == ERR_OK ||
	    note_get(t, x->p->o->peer_id, NOTE_hold, row->uuid, &n) == ERR_OK)
		snprintf(why, NOTE_TEXT_MAX, "%s",
			 n.text[0] ? n.text : "held back by the operator");
	if (x->p->o->all || why[0])
		return ERR_OK;
	enum err e = note_get(t, x->p->o->peer_id, NOTE_push_analyst_refused, row->uuid, &n);
	*yes = e == ERR_OK && n.timestamp == row->modified;
	return e == ERR_NOENT ? ERR_OK : e;
}

static enum err on_row(void *user, const struct analyst_push_row *row, const char *why,
		       struct fail *f)
{
	struct pushing *x = user;
	struct analyst_row r = {
		.uuid = row->uuid, .kind = row->kind, .modified = row->modified, .id = row->id};
	char hold[NOTE_TEXT_MAX];
	bool refused;
	if (pass_cancelled(x->p))
		return fail(f, ERR_CANCELLED, "cancelled");
	x->n->listed++;
	if (why) {
		tell(x, row->uuid, PASS_ITEM_HELD, 0, why);
		return ERR_OK;
	}
	TRY(noted(x, row, &refused, hold, f));
	if (hold[0]) {
		tell(x, row->uuid, PASS_ITEM_HELD, 0, hold);
		return ERR_OK;
	}
	x->n->current += refused;
	return refused ? ERR_OK : analyst_rows_add(&x->rows, &r, f);
}

static enum err choose(struct pushing *x, struct fail *f)
{
	TRY(link_rules_parse(x->p->link.row.push_rules, x->p->a, &x->rules, f));
	TRY(changed(x, f));
	if (!x->all && !x->log->analyst.n && !x->events.n)
		return ERR_OK;
	struct analyst_push q = {.caller = x->to,
				 .rules = &x->rules,
				 .all = x->all,
				 .ids = x->log->analyst.v,
				 .n_ids = x->log->analyst.n,
				 .events = x->events.v,
				 .n_events = x->events.n,
				 .row = on_row,
				 .user = x};
	TRY(egress_push_analyst(x->p->o->out, &q, f));
	analyst_rows_sort(&x->rows);
	x->failed |= x->rows.cut;
	return ERR_OK;
}

/* ---- which are wanted there ---- */

static enum err question(const struct analyst_row *v, size_t n, struct buf *b)
{
	struct jsonw w = jsonw_on(b);
	char uuid[UUID_TEXT_LEN + 1], when[32];
	int kind = -1;
	jsonw_obj(&w);
	for (size_t i = 0; i < n; i++) {
		if (v[i].kind != kind) {
			if (kind >= 0)
				jsonw_obj_end(&w);
			kind = v[i].kind;
			jsonw_key(&w, analyst_kind_names[kind]);
			jsonw_obj(&w);
		}
		struct clock_civil t = clock_to_civil(v[i].modified);
		snprintf(when, sizeof(when), "%04d-%02d-%02d %02d:%02d:%02d", t.year, t.month,
			 t.day, t.hour, t.minute, t.second);
		JSONW_KV(&w, jsonw_c, uuid_format(v[i].uuid, uuid), when);
	}
	if (kind >= 0)
		jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	return buf_err(b);
}

static enum err on_list(void *user, const void *p, size_t n, struct fail *f)
{
	return analyst_reader_feed(user, p, n, f);
}

static enum err ask(struct pushing *x, const struct analyst_row *v, size_t n,
		    struct analyst_rows *wanted, struct fail *f)
{
	OWN(buf) struct buf body = BUF(QUESTION_MAX);
	OWN(analyst_reader) struct analyst_reader *reader = analyst_reader_new(wanted);
	struct client_res res = {0};
	if (!reader || question(v, n, &body) != ERR_OK)
		return fail(f, ERR_NOMEM, "no memory for the question");
	struct link_req q = {.path = "/analyst_data/filterAnalystDataForPush",
			     .body = buf_str(&body),
			     .compress = true,
			     .max_bytes = QUESTION_MAX,
			     .data = on_list,
			     .user = reader};
	enum err e = link_call(&x->p->link, &q, &res, f);
	if (e == ERR_OK)
		e = analyst_reader_end(reader, f);
	analyst_rows_sort(wanted);
	return e == ERR_PARSE ? ERR_PEER : e;
}

static enum err keep_wanted(struct pushing *x, struct fail *f)
{
	struct analyst_rows *r = &x->rows;
	size_t kept = 0, n;
	for (size_t i = 0; i < r->n; i += n) {
		struct analyst_rows wanted = {0};
		n = MIN(r->n - i, (size_t)QUESTION_ROWS);
		enum err e = ask(x, r->v + i, n, &wanted, f);
		for (size_t k = i; e == ERR_OK && k < i + n; k++)
			if (analyst_rows_find(&wanted, r->v[k].kind, r->v[k].uuid))
				r->v[kept++] = r->v[k];
		analyst_rows_free(&wanted);
		TRY(e);
	}
	x->n->current += r->n - kept;
	r->n = kept;
	return ERR_OK;
}

/* ---- sending ---- */

struct answer {
	struct buf b;
};

static enum err on_data(void *user, const void *p, size_t n, struct fail *f)
{
	struct answer *a = user;
	(void)f;
	if (a->b.n < 4096) /* MISP's sentence, no more */
		buf_add(&a->b, p, MIN(n, (size_t)4096));
	return ERR_OK;
}

static enum err document(struct pushing *x, const uint64_t *ids, size_t n, struct buf *b,
			 struct receipt **receipt, struct fail *f)
{
	OWN(sealed) struct sealed *s = NULL;
	TRY(egress_analyst_documents(x->p->o->out, &x->to, ids, n, n > 1, &s, f));
	TRY(document_text(&s, b, receipt, f));
	return b->n > 2 ? ERR_OK : fail(f, ERR_WITHHELD, "it may not leave any more");
}

/* The peer's own words, as far as they are words. */
static void said(struct str body, char *text, size_t n)
{
	json_t *j = json_loadb(body.p, body.n, JSON_DISABLE_EOF_CHECK, NULL);
	const char *s = json_string_value(json_object_get(j, "errors"));
	if (!s)
		s = json_string_value(json_object_get(j, "message"));
	snprintf(text, n, "the peer says: %.200s", s ? s : "nothing");
	json_decref(j);
}

static void refused(struct pushing *x, const struct analyst_row *r, const char *text)
{
	struct note n = {.timestamp = r->modified, .time = clock_now()};
	snprintf(n.text, sizeof(n.text), "%.240s", text);
	struct note_change c = {NOTE_push_analyst_refused, &n};
	tell(x, r->uuid, PASS_ITEM_REFUSED, 0, text);
	notes_write(x->p->o->in->store, x->p->o->peer_id, r->uuid, &c, 1);
}

/* Send some; ERR_OK: all were taken. *refusal: the peer does not want them, for the reason given. */
static enum err send(struct pushing *x, const struct analyst_row *v, size_t n, uint64_t *bytes,
		     bool *refusal, struct fail *f)
{
	OWN(buf) struct buf b = BUF(BATCH_BYTES);
	struct answer a = {BUF(16384)};
	struct client_res res = {0};
	uint64_t ids[BATCH];
	char text[NOTE_TEXT_MAX], all[32];
	for (size_t i = 0; i < n; i++)
		ids[i] = v[i].id;
	OWN(receipt) struct receipt *receipt = NULL;
	*refusal = false;
	TRY(document(x, ids, n, &b, &receipt, f));
	TRY(receipts_intend(&receipt, 1, f));
	*bytes = b.n;
	struct link_req q = {.path = "/analyst_data/pushAnalystData",
			     .body = buf_str(&b),
			     .compress = true,
			     .data = on_data,
			     .user = &a};
	enum err e = link_call(&x->p->link, &q, &res, f);
	receipt_end(MOVE(receipt), sent_outcome_of(e));
	snprintf(all, sizeof(all), " %zu imported", n);
	*refusal = res.status == 403 || res.status == 405;
	if (*refusal) {
		said(str_c(res.error_body), text, sizeof(text));
		e = fail(f, ERR_PERM, "%s", text);
	} else if (e == ERR_OK && n > 1 && str_find(buf_str(&a.b), str_c(all)) < 0) {
		e = fail(f, ERR_PEER, "the peer did not take all of them");
	}
	buf_free(&a.b);
	return e;
}

static bool ends_step(enum err e)
{
	return intake_stops_all(e) || e == ERR_NET || e == ERR_TIMEOUT;
}

static enum err send_one(struct pushing *x, const struct analyst_row *r, struct fail *f)
{
	struct fail why = {0};
	uint64_t bytes = 0;
	bool no;
	enum err e = send(x, r, 1, &bytes, &no, &why);
	if (e == ERR_OK) {
		tell(x, r->uuid, PASS_ITEM_ADDED, bytes, "");
	} else if (e == ERR_WITHHELD) {
		tell(x, r->uuid, PASS_ITEM_HELD, 0, why.text);
	} else if (no) {
		refused(x, r, why.text);
	} else if (ends_step(e)) {
		*f = why;
		return e;
	} else {
		x->failed = true;
		tell(x, r->uuid, PASS_ITEM_FAILED, 0, why.text[0] ? why.text : err_text(e));
	}
	return ERR_OK;
}

/* A hundred at once; when not all are taken, one by one, to learn which. */
static enum err send_some(struct pushing *x, const struct analyst_row *v, size_t n, struct fail *f)
{
	struct fail why = {0};
	uint64_t bytes = 0;
	bool no;
	if (n > 1) {
		enum err e = send(x, v, n, &bytes, &no, &why);
		for (size_t i = 0; e == ERR_OK && i < n; i++)
			tell(x, v[i].uuid, PASS_ITEM_ADDED, bytes / n, "");
		if (e == ERR_OK)
			return ERR_OK;
		if (ends_step(e)) {
			*f = why;
			return e;
		}
	}
	for (size_t i = 0; i < n; i++) {
		if (pass_cancelled(x->p))
			return fail(f, ERR_CANCELLED, "cancelled");
		TRY(send_one(x, &v[i], f));
	}
	return ERR_OK;
}

static enum err send_all(struct pushing *x, struct fail *f)
{
	const struct analyst_rows *r = &x->rows;
	size_t batch = x->p->link.hello.tocsin[0] ? BATCH : 1, n;
	for (size_t i = 0; i < r->n; i += n) {
		n = MIN(batch, r->n - i);
		if (x->p->o->preview)
			for (size_t k = i; k < i + n; k++)
				tell(x, r->v[k].uuid, PASS_ITEM_ADDED, 0, "new or older there");
		else
			TRY(send_some(x, &r->v[i], n, f));
		pass_progress(x->p, i + n, r->n);
	}
	return ERR_OK;
}

static enum err run(struct pushing *x, struct fail *f)
{
	TRY(choose(x, f));
	if (x->rows.n)
		TRY(keep_wanted(x, f));
	TRY(send_all(x, f));
	if (x->failed)
		return ERR_OK;
	x->p->parts_done |= PUSH_ANALYST_DONE;
	if (x->p->o->technique != PASS_ONE)
		x->p->state.analyst_covered = x->log->seq;
	return ERR_OK;
}

enum err push_analyst(struct pass *p, struct fail *f)
{
	const struct link_hello *h = &p->link.hello;
	struct pushing x = {.p = p, .n = &p->res->n[PASS_ANALYST]};
	p->parts_done |= PUSH_ANALYST_DONE;
	if (!p->link.row.push || !p->link.row.push_analyst_data || !p->o->out)
		return ERR_OK;
	if (!h->perm_sync || !h->perm_analyst_data)
		return ERR_OK;
	p->parts_done &= ~(unsigned)PUSH_ANALYST_DONE;
	x.to = push_caller(p);
	enum err e = run(&x, f);
	analyst_rows_free(&x.rows);
	id_list_free(&x.events);
	return e;
}
