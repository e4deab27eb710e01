/*
 * taxii_push.c - see taxii_push.h. What an event's envelope holds is noted before it is sent, and that it is
 * there afterwards: whatever breaks off in between, all that may be there is known and can be revoked.
 */
#include "sync/taxii_push.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "egress/follow.h"
#include "model/pack.h"
#include "retract/retract.h"
#include "sync/id_list.h"
#include "sync/taxii_post.h"
#include "sync/taxii_revoke.h"
#include "sync/taxii_sent.h"

#define IDS_MAX ((size_t)64 << 20)
#define REVOKE_OBJECTS 2000u /* in one envelope */
#define TRIES 3 /* when an event changes while it is read */
#define AT_ONCE 16u
#define END "\n]}\n" /* of an envelope */

struct pusher {
	const struct taxii_push_opts *o;
	struct taxii_push_result *res;
	struct arena *a, *event; /* of the push, of one event */
	struct misp_taxii row;
	struct audience aud;
	struct taxii_target to;
	struct taxii_push_state state;
	struct taxii_to server;
	struct client_opts opts;
	struct client *client;
	struct taxii_poster post;
	bool all, gone; /* all events are to be looked at; some that were sent may be gone */
	bool owes;
	uint64_t seq; /* of the log, as the push began */
	char policy[200];
	struct id_list ids;
};

/* ---- one push of a row at a time ---- */

static pthread_mutex_t running_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t running[AT_ONCE];

static bool run_begin(uint64_t id)
{
	unsigned at = AT_ONCE;
	pthread_mutex_lock(&running_lock);
	for (unsigned i = 0; i < AT_ONCE; i++) {
		if (running[i] == id)
			at = AT_ONCE + 1;
		else if (!running[i] && at == AT_ONCE)
			at = i;
	}
	if (at < AT_ONCE)
		running[at] = id;
	pthread_mutex_unlock(&running_lock);
	return at < AT_ONCE;
}

static void run_end(uint64_t id)
{
	pthread_mutex_lock(&running_lock);
	for (unsigned i = 0; i < AT_ONCE; i++)
		if (running[i] == id)
			running[i] = 0;
	pthread_mutex_unlock(&running_lock);
}

/* ---- state ---- */

static struct str state_key(uint64_t id, char out[64])
{
	int n = snprintf(out, 64, "taxii/push/%016llx", (unsigned long long)id);
	return (struct str){out, (size_t)n};
}

static void text_take(const json_t *j, const char *key, char *out, size_t n)
{
	const char *s = json_string_value(json_object_get(j, key));
	snprintf(out, n, "%s", s ? s : "");
}

void taxii_push_state(const struct store_rtxn *t, uint64_t server_id, struct taxii_push_state *out)
{
	char key[64];
	struct str v;
	*out = (struct taxii_push_state){0};
	if (store_kv_get(t, state_key(server_id, key), &v) != ERR_OK)
		return;
	json_t *j = json_loadb(v.p, v.n, 0, NULL);
	out->seq = (uint64_t)json_integer_value(json_object_get(j, "seq"));
	out->where = (uint64_t)json_integer_value(json_object_get(j, "where"));
	out->owes = json_is_true(json_object_get(j, "owes"));
	out->last_try = json_integer_value(json_object_get(j, "last_try"));
	out->last_success = json_integer_value(json_object_get(j, "last_success"));
	text_take(j, "policy", out->policy, sizeof(out->policy));
	text_take(j, "last_error", out->last_error, sizeof(out->last_error));
	json_decref(j);
}

struct state_put {
	struct str key, value;
};

static enum err state_run(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct state_put *p = arg;
	return store_kv_put(w, p->key, p->value, f);
}

static void state_note(struct pusher *p, enum err e, const struct fail *why)
{
	struct taxii_push_state *s = &p->state;
	struct fail f = {0};
	char key[64];
	s->last_try = clock_now();
	if (e == ERR_OK) {
		s->last_success = s->last_try;
		s->seq = p->seq;
		s->where = p->to.where;
		s->owes = p->owes;
		snprintf(s->policy, sizeof(s->policy), "%s", p->policy);
	}
	const char *error = e != ERR_OK ? why->text : p->res->n_problems ? p->res->problems[0] : "";
	json_t *j = json_pack("{s:I,s:I,s:b,s:I,s:I,s:s,s:s}", "seq", (json_int_t)s->seq, "where",
			      (json_int_t)s->where, "owes", s->owes, "last_try", (json_int_t)s->last_try,
			      "last_success", (json_int_t)s->last_success, "policy", s->policy, "last_error", error);
	char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
	struct state_put put = {state_key(p->row.id, key), str_c(text ? text : "{}")};
	if (store_run(p->o->in->store, state_run, &put, &f) != ERR_OK)
		log_warn("sync", "taxii=%llu state of the push not written: %s",
			 (unsigned long long)p->row.id, f.text);
	free(text);
	json_decref(j);
}

static void problem(struct pusher *p, struct uuid u, const char *why)
{
	char uuid[UUID_TEXT_LEN + 1];
	if (p->res->n_problems < TAXII_PROBLEMS_MAX)
		snprintf(p->res->problems[p->res->n_problems++], sizeof(p->res->problems[0]), "%s: %.200s",
			 uuid_format(u, uuid), why);
}

/* ---- revoking ---- */

static enum err revoke_post(struct pusher *p, struct buf *b, struct taxii_outcome *out, struct fail *f)
{
	struct taxii_envelope_out e = {.tail = b};
	buf_puts(b, END);
	TRY(buf_err(b));
	return taxii_post(&p->post, &e, out, f);
}

/* The event's own object comes first in each envelope: who keeps events knows which one it is of. */
static bool is_head(const struct taxii_id *id)
{
	return str_is(id->type, "report") || str_is(id->type, "grouping");
}

static struct taxii_id head_of(struct str lines)
{
	struct taxii_id id, first = {0};
	while (taxii_id_next(&lines, &id)) {
		if (is_head(&id))
			return id;
		if (!first.id.n && taxii_id_revocable(&id))
			first = id;
	}
	return first;
}

static enum err revoke_lines(struct pusher *p, struct str lines, struct taxii_outcome *sum, struct fail *f)
{
	OWN(buf) struct buf b = BUF(64u << 20);
	struct taxii_id head = head_of(lines), id;
	int64_t now = clock_now_us();
	struct taxii_outcome out;
	bool more = head.id.n != 0;
	while (more) {
		unsigned n = 1;
		buf_clear(&b);
		buf_puts(&b, "{\"objects\":[\n");
		taxii_revoked_put(&b, &head, head.id, now, true);
		while (n < REVOKE_OBJECTS && b.n < p->post.content_max / 2 && (more = taxii_id_next(&lines, &id)))
			if (taxii_id_revocable(&id) && !str_eq(id.id, head.id)) {
				taxii_revoked_put(&b, &id, head.id, now, false);
				n++;
			}
		TRY(revoke_post(p, &b, &out, f));
		p->res->objects += n;
		if (out.refused)
			*sum = out;
	}
	return ERR_OK;
}

/* All that the server has of an event. */
static enum err take_back(struct pusher *p, struct uuid u, struct taxii_sent *note, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(buf) struct buf lines = BUF(IDS_MAX);
	struct taxii_outcome out = {.refused = false};
	TRY(taxii_post_ready(&p->post, f));
	TRY(store_read(p->o->in->store, &t, f));
	if (taxii_sent_ids(t, p->to, u, note, &lines) != ERR_OK)
		return fail(f, ERR_CORRUPT, "notes on what was sent");
	store_read_end(MOVE(t));
	TRY(revoke_lines(p, buf_str(&lines), &out, f));
	if (out.refused) {
		problem(p, u, out.why);
		p->res->refused++;
		p->owes = true;
		return ERR_OK;
	}
	p->res->revoked++;
	return taxii_sent_del(p->o->in->store, p->to, u, f);
}

/* ---- one event ---- */

static void on_object(void *user, const char *type, struct uuid u, int64_t modified_us)
{
	char uuid[UUID_TEXT_LEN + 1];
	buf_printf(user, "%s--%s %llu\n", type, uuid_format(u, uuid),
		   (unsigned long long)MAX(modified_us, 0));
}

static enum err document_of(struct pusher *p, uint64_t id, struct document *d, struct buf *ids,
			    struct fail *f)
{
	struct egress_taxii_event q = {&p->aud, id, on_object, ids};
	enum err e = ERR_AGAIN;
	for (int i = 0; i < TRIES && e == ERR_AGAIN; i++) {
		struct sealed *s = NULL;
		document_free(d);
		*d = DOCUMENT;
		buf_clear(ids);
		e = egress_taxii_event(p->o->out, &q, &s, f);
		if (e == ERR_OK)
			e = document_make(d, &s, p->o->in->spool_dir, TAXII_POST_MAX, f);
	}
	return e == ERR_OK ? buf_err(ids) : e;
}

static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* Ids of lines, ascending; the caller's. */
static struct str *sorted(struct str lines, size_t *n)
{
	struct taxii_id id;
	size_t max = 1;
	for (size_t i = 0; i < lines.n; i++)
		max += lines.p[i] == '\n';
	struct str *v = calloc(max, sizeof(*v));
	for (*n = 0; v && *n < max && taxii_id_next(&lines, &id);)
		v[(*n)++] = id.id;
	if (v)
		qsort(v, *n, sizeof(*v), by_text);
	return v;
}

/* What was sent before and is not in it now, as lines that are added to `all`; and as revoked objects. */
static enum err vanished(const struct pusher *p, struct str before, struct buf *all, struct buf *tail,
			 struct str about, struct fail *f)
{
	size_t n, k = 0;
	struct taxii_id id;
	struct str rest = before;
	struct str *now = sorted(buf_str(all), &n);
	(void)p;
	if (!now)
		return fail(f, ERR_NOMEM, "no memory");
	OWN(buf) struct buf old = BUF(IDS_MAX);
	while (taxii_id_next(&rest, &id)) {
		if (!taxii_id_revocable(&id) || is_head(&id) || bsearch(&id.id, now, n, sizeof(*now), by_text))
			continue;
		buf_printf(&old, "%.*s %llu\n", STR_ARG(id.id), (unsigned long long)id.modified_us);
		taxii_revoked_put(tail, &id, about, clock_now_us(), false);
		k++;
	}
	free(now);
	buf_str_add(all, buf_str(&old));
	TRY(buf_err(&old));
	TRY(buf_err(all));
	return buf_err(tail);
}

struct one {
	uint64_t id;
	struct uuid u;
	struct taxii_sent note;
	bool noted;
	struct buf ids, all, tail; /* of the envelope; with what was there before; what is appended */
};

static void one_free(struct one *x)
{
	buf_free(&x->ids);
	buf_free(&x->all);
	buf_free(&x->tail);
}
OWN_DEFINE(one, struct one, one_free(p))

static enum err tail_make(struct pusher *p, struct one *x, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(buf) struct buf before = BUF(IDS_MAX);
	struct taxii_id head = head_of(buf_str(&x->ids));
	buf_str_add(&x->all, buf_str(&x->ids));
	if (x->noted) {
		TRY(store_read(p->o->in->store, &t, f));
		if (taxii_sent_ids(t, p->to, x->u, &x->note, &before) != ERR_OK)
			return fail(f, ERR_CORRUPT, "notes on what was sent");
		store_read_end(MOVE(t));
		TRY(vanished(p, buf_str(&before), &x->all, &x->tail, head.id, f));
	}
	buf_puts(&x->tail, END);
	return buf_err(&x->tail);
}

static enum err refuse(struct pusher *p, struct one *x, const uint8_t digest[32], const char *why,
		       struct fail *f)
{
	problem(p, x->u, why);
	p->res->refused++;
	x->note.refused = true;
	x->note.time = clock_now();
	memcpy(x->note.digest, digest, 32);
	return taxii_sent_put(p->o->in->store, p->to, x->u, &x->note, NULL, f);
}

static enum err send(struct pusher *p, struct one *x, struct document *d, struct fail *f)
{
	struct store *s = p->o->in->store;
	struct taxii_outcome out;
	TRY(taxii_post_ready(&p->post, f));
	TRY(tail_make(p, x, f));
	struct taxii_envelope_out e = {.d = d, .tail = &x->tail, .head = d->size - (sizeof(END) - 1)};
	if (e.head + x->tail.n > p->post.content_max) {
		char why[100];
		snprintf(why, sizeof(why), "%llu bytes are more than the server takes at once (%llu)",
			 (unsigned long long)(e.head + x->tail.n), (unsigned long long)p->post.content_max);
		return refuse(p, x, d->digest, why, f);
	}
	memset(x->note.digest, 0, sizeof(x->note.digest));
	TRY(taxii_sent_put(s, p->to, x->u, &x->note, &x->all, f));
	TRY(receipts_intend(&d->receipt, 1, f));
	enum err err = taxii_post(&p->post, &e, &out, f);
	receipt_end(MOVE(d->receipt), sent_outcome_of(err));
	TRY(err);
	if (out.refused)
		return refuse(p, x, d->digest, out.why, f);
	p->res->sent++;
	memcpy(x->note.digest, d->digest, sizeof(d->digest));
	x->note.refused = false;
	x->note.time = clock_now();
	return taxii_sent_put(s, p->to, x->u, &x->note, x->all.n == x->ids.n ? NULL : &x->ids, f);
}

/*
 * What the gate says of it. `stays`: what is there may stay, while nothing new goes: it is being edited, or
 * the rule that withholds it takes nothing back.
 */
static enum err judged(struct pusher *p, struct one *x, bool *there, bool *stays, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct misp_event e, stored;
	struct verdict verdict;
	TRY(view_open_as(p->o->out, &p->aud, &v, f));
	TRY(view_verdict_published(v, x->id, p->event, &e, &verdict, f));
	x->u = e.uuid;
	*there = verdict.outcome == GATE_RELEASE;
	TRY(store_get(view_txn(v), T_EVENT, x->id, p->event, &stored)); /* the other one was judged as published */
	*stays = *there ? !stored.published : !retract_takes_back(&verdict);
	x->noted = taxii_sent_get(view_txn(v), p->to, e.uuid, &x->note) == ERR_OK;
	return ERR_OK;
}

static enum err event_push(struct pusher *p, uint64_t id, struct fail *f)
{
	OWN(one) struct one x = {.id = id, .ids = BUF(IDS_MAX), .all = BUF(2 * IDS_MAX), .tail = BUF(IDS_MAX)};
	OWN(document) struct document d = DOCUMENT;
	bool there, stays;
	arena_reset(p->event);
	enum err e = judged(p, &x, &there, &stays, f);
	if (e == ERR_NOENT)
		return ERR_OK; /* gone() knows */
	TRY(e);
	p->res->looked++;
	if (stays)
		return ERR_OK;
	if (there) {
		e = document_of(p, id, &d, &x.ids, f);
		if (e == ERR_LIMIT)
			return refuse(p, &x, d.digest, f->text, f);
		TRY(e);
	}
	if (!x.ids.n) /* held back, all of it */
		return x.noted ? take_back(p, x.u, &x.note, f) : ERR_OK;
	if (x.noted && !p->o->again && memcmp(x.note.digest, d.digest, sizeof(d.digest)) == 0) {
		p->res->unchanged++;
		return ERR_OK;
	}
	for (size_t i = 0; i < x.ids.n; i++)
		p->res->objects += x.ids.p[i] == '\n';
	return send(p, &x, &d, f);
}

/* ---- which events ---- */

static enum err policy_read(struct pusher *p, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	char stamp[65];
	TRY(view_open_as(p->o->out, &p->aud, &v, f));
	view_policy_stamp(v, stamp);
	snprintf(p->policy, sizeof(p->policy), "%s %s", view_policy_version(v), stamp);
	return ERR_OK;
}

/* What has changed since the last push; all, when nobody knows, or others rules hold. */
static enum err log_read(struct pusher *p, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct change c;
	enum err e = ERR_NOENT;
	uint64_t seq, id;
	struct uuid u;
	TRY(store_read(p->o->in->store, &t, f));
	taxii_push_state(t, p->row.id, &p->state);
	p->seq = store_seq(t);
	seq = p->state.seq;
	p->all = p->o->again || !seq || p->state.where != p->to.where || seq > p->seq ||
		 strcmp(p->state.policy, p->policy) != 0;
	while (!p->all && (e = store_change_next(t, &seq, &c)) == ERR_OK) {
		p->all = follow_touches_all(&c) || c.kind == CHANGE_TABLE(T_ALLOWED);
		p->gone |= c.kind == CHANGE_TABLE(T_EVENT) && c.op == CHANGE_DELETE;
		if (!p->all && follow_event(&c, &id, &u))
			TRY(id_list_add(&p->ids, id, f));
	}
	p->gone |= p->all || p->state.owes;
	return e == ERR_NOENT || e == ERR_OK ? ERR_OK : fail(f, e, "reading the change log");
}

static enum err cancelled(const struct pusher *p, struct fail *f)
{
	return p->o->cancelled && atomic_load(p->o->cancelled) ? fail(f, ERR_CANCELLED, "cancelled") : ERR_OK;
}

static enum err next_event(struct pusher *p, uint64_t *id, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_event e;
	TRY(store_read(p->o->in->store, &t, f));
	arena_reset(p->event);
	return store_next(t, T_EVENT, id, p->event, &e);
}

static enum err events(struct pusher *p, struct fail *f)
{
	uint64_t id = 0;
	enum err e;
	if (!p->all) {
		id_list_sort(&p->ids);
		for (size_t i = 0; i < p->ids.n; i++) {
			TRY(cancelled(p, f));
			TRY(event_push(p, p->ids.v[i], f));
		}
		return ERR_OK;
	}
	while ((e = next_event(p, &id, f)) == ERR_OK) {
		TRY(cancelled(p, f));
		TRY(event_push(p, id, f));
	}
	return e == ERR_NOENT ? ERR_OK : e;
}

/* The next one that was sent and is not here any more. */
static enum err next_gone(struct pusher *p, struct uuid *u, struct taxii_sent *note, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	uint64_t id;
	TRY(store_read(p->o->in->store, &t, f));
	for (;;) {
		TRY(taxii_sent_next(t, p->to, u, note));
		enum err e = store_find(t, IX_EVENT_UUID, (struct str){(const char *)u->b, sizeof(u->b)}, &id);
		if (e != ERR_OK)
			return e == ERR_NOENT ? ERR_OK : e;
	}
}

static enum err gone(struct pusher *p, struct fail *f)
{
	struct uuid u = UUID_NIL;
	struct taxii_sent note;
	enum err e = ERR_NOENT;
	while (p->gone && (e = next_gone(p, &u, &note, f)) == ERR_OK) {
		TRY(cancelled(p, f));
		TRY(take_back(p, u, &note, f));
	}
	return e == ERR_NOENT ? ERR_OK : fail(f, e, "notes on what was sent");
}

/* ---- a push ---- */

static enum err row_read(struct pusher *p, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(buf) struct buf where = BUF(32 << 10);
	struct misp_taxii row;
	TRY(store_read(p->o->in->store, &t, f));
	enum err e = store_get(t, T_TAXII, p->o->server_id, p->a, &row);
	if (e != ERR_OK)
		return fail(f, e, "there is no TAXII server %llu", (unsigned long long)p->o->server_id);
	TRY(entity_copy(p->a, &desc_misp_taxii, &row, &p->row));
	if ((!row.enabled || !row.push) && !p->o->disabled_too)
		return fail(f, ERR_PERM, "pushing to the TAXII server is switched off");
	if (!p->row.audience.n)
		return fail(f, ERR_NOENT, "no audience of the policy is named for it");
	TRY(egress_export_audience(p->o->out, p->row.audience, &p->aud, f));
	taxii_root_put(&where, &p->row);
	buf_str_add(&where, str_trim(p->row.collection));
	TRY(buf_err(&where));
	p->to = (struct taxii_target){p->row.id, hash_64(where.p, where.n, 0x7a) >> 1};
	return ERR_OK;
}

static enum err run(struct pusher *p, struct fail *f)
{
	TRY(taxii_sent_sweep(p->o->in->store, p->to, f));
	TRY(policy_read(p, f));
	TRY(log_read(p, f));
	p->server = (struct taxii_to){&p->row, p->o->key, false, p->o->cancelled};
	p->opts = p->o->client;
	TRY(client_new(&p->opts, &p->client, f));
	p->post = (struct taxii_poster){.to = &p->server, .client = p->client, .wait_ms = p->o->wait_ms};
	TRY(events(p, f));
	return gone(p, f);
}

static void log_end(const struct pusher *p, enum err e, const struct fail *why)
{
	const struct taxii_push_result *n = p->res;
	log_info("sync", "taxii=%llu push err=%s looked=%llu sent=%llu unchanged=%llu revoked=%llu refused=%llu "
		 "bytes=%llu detail=%s",
		 (unsigned long long)p->o->server_id, err_name(e), (unsigned long long)n->looked,
		 (unsigned long long)n->sent, (unsigned long long)n->unchanged, (unsigned long long)n->revoked,
		 (unsigned long long)n->refused, (unsigned long long)n->bytes,
		 log_val(str_c(e == ERR_OK ? "" : why->text)));
}

enum err taxii_push(const struct taxii_push_opts *o, struct taxii_push_result *out, struct fail *f)
{
	struct pusher *p = calloc(1, sizeof(*p));
	struct fail mine = {0};
	*out = (struct taxii_push_result){0};
	if (!p || !run_begin(o->server_id)) {
		enum err busy = p ? ERR_BUSY : ERR_NOMEM;
		free(p);
		return fail(f, busy, busy == ERR_BUSY ? "a push to this server is under way" : "no memory");
	}
	p->o = o;
	p->res = out;
	p->a = arena_new(4u << 20);
	p->event = arena_new(64u << 20);
	enum err e = p->a && p->event ? row_read(p, &mine) : fail(&mine, ERR_NOMEM, "no memory");
	if (e == ERR_OK) {
		e = run(p, &mine);
		out->success = p->post.success;
		out->failure = p->post.failure;
		out->pending = p->post.pending;
		out->bytes = p->post.bytes;
		log_end(p, e, &mine);
	}
	if (p->row.id)
		state_note(p, e, &mine);
	run_end(o->server_id);
	client_free(p->client);
	id_list_free(&p->ids);
	arena_free(p->event);
	arena_free(p->a);
	free(p);
	if (f)
		*f = mine;
	return e;
}
