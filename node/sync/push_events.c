/*
 * push_events.c - sends events: asks which ones the peer wants (or whether it has the one), makes the
 * document through the gate, adds or edits, and reads MISP's answers (sync-protocol.md 4.3 to 4.8).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "sync/document.h"
#include "sync/push.h"
#include "sync/signed.h"
#include "sync/workers.h"

#define FILTER_CHUNK 10000 /* candidates of one question */
#define FILTER_BODY_MAX (FILTER_CHUNK * 100u)
#define GONE_AFTER 10
/* MISP's own words for "I have that already" (4.5.2) */
#define NOT_NEWER "Event in the request not newer than the local copy"

struct sending {
	struct push *push;
	pthread_mutex_t lock;
	enum { REPORTS_UNKNOWN, REPORTS_TAKEN, REPORTS_NOT } reports;
	unsigned in_a_row; /* network failures */
	uint64_t done;
};

/* ---- what does it want? ---- */

static int by_uuid(const void *a, const void *b)
{
	const struct push_candidate *x = a, *y = b;
	return memcmp(x->uuid.b, y->uuid.b, sizeof(x->uuid.b));
}

static json_t *question(const struct push_candidate *v, size_t n)
{
	char uuid[UUID_TEXT_LEN + 1], when[24];
	json_t *list = json_array();
	for (size_t i = 0; list && i < n; i++) {
		snprintf(when, sizeof(when), "%lld", (long long)v[i].timestamp);
		json_array_append_new(list, json_pack("{s:{s:s,s:s}}", "Event", "uuid",
						      uuid_format(v[i].uuid, uuid), "timestamp",
						      when));
	}
	return list;
}

static void mark_wanted(struct push_candidate *v, size_t n, const json_t *answer)
{
	size_t i;
	json_t *item;
	json_array_foreach(answer, i, item) {
		struct push_candidate one, *c = NULL;
		const char *s = json_string_value(item);
		if (s && uuid_parse(str_c(s), &one.uuid))
			c = bsearch(&one, v, n, sizeof(one), by_uuid);
		if (c)
			c->wanted = true;
	}
}

/* Servers that do not know the question are asked event by event, by HEAD. */
static enum err ask_wanted(struct push *x, struct fail *f)
{
	struct pass *p = x->p;
	enum err e = ERR_OK;
	qsort(x->v, x->n, sizeof(*x->v), by_uuid);
	for (size_t i = 0; i < x->n && e == ERR_OK; i += FILTER_CHUNK) {
		size_t n = MIN(x->n - i, (size_t)FILTER_CHUNK);
		json_t *answer = NULL, *body = question(x->v + i, n);
		if (!body)
			return fail(f, ERR_NOMEM, "no memory");
		e = link_json(&p->link, "/events/filterEventIdsForPush", body, FILTER_BODY_MAX,
			      &answer, f);
		if (e == ERR_OK)
			mark_wanted(x->v + i, n, answer);
		json_decref(body);
		json_decref(answer);
	}
	if (e != ERR_NOENT)
		return e;
	for (size_t i = 0; i < x->n; i++)
		x->v[i].wanted = true;
	return ERR_OK;
}

/* It has the event after all: what failed before, after the peer's work was done, is no longer due. What
   belongs to the event still is, also when this pass ends here. */
static void forget(const struct push *x, const struct push_candidate *c)
{
	const struct note due = {.time = clock_now(), .tries = 1};
	const struct note_change v[] = {
		{NOTE_push_refused, NULL}, {NOTE_push_again, NULL}, {NOTE_push_parts, &due}};
	if (!c->noted || x->p->o->preview)
		return;
	notes_write(x->p->o->in->store, x->p->o->peer_id, c->own, v, ARRAY_LEN(v));
	push_log_add(x->log, c->event_id, PUSH_NOTED);
}

static void drop_unwanted(struct push *x)
{
	size_t n = 0;
	for (size_t i = 0; i < x->n; i++)
		if (x->v[i].wanted)
			x->v[n++] = x->v[i];
		else
			forget(x, &x->v[i]);
	x->p->res->n[PASS_EVENT].current += x->n - n;
	x->n = n;
}

/* ---- the document ---- */

/* MISP takes reports only where this is answered (4.4.9). Asked until there is an answer: an event that
   went without its reports would be as new there as here, and they would never follow. */
static enum err takes_reports(struct sending *s, bool *yes, struct fail *f)
{
	json_t *j = NULL;
	enum err e = ERR_OK;
	pthread_mutex_lock(&s->lock);
	if (s->reports == REPORTS_UNKNOWN)
		e = link_json(&s->push->p->link, "/eventReports/add", NULL, 0, &j, f);
	bool unknown = e == ERR_NET || e == ERR_TIMEOUT || e == ERR_PEER || e == ERR_CANCELLED ||
		       e == ERR_NOMEM;
	if (s->reports == REPORTS_UNKNOWN && !unknown) {
		const char *text = json_string_value(json_object_get(j, "description"));
		s->reports = e == ERR_OK && text && *text ? REPORTS_TAKEN : REPORTS_NOT;
	}
	*yes = s->reports == REPORTS_TAKEN;
	pthread_mutex_unlock(&s->lock);
	json_decref(j);
	return unknown ? e : ERR_OK;
}

/* ERR_WITHHELD: nothing of it may leave (any more). */
static enum err document_of(struct sending *s, const struct push_candidate *c, struct document *d,
			    struct fail *f)
{
	struct push *x = s->push;
	const struct pass *p = x->p;
	OWN(sealed) struct sealed *sealed = NULL;
	bool reports = false;
	if (c->has_reports)
		TRY(takes_reports(s, &reports, f));
	struct egress_push what = push_what(&p->link, &x->rules, c->event_id);
	what.no_reports = c->has_reports && !reports;
	TRY(egress_push(p->o->out, &what, &sealed, f));
	TRY(document_make(d, &sealed, p->o->in->spool_dir,
			  p->o->max_event_bytes ? p->o->max_event_bytes : INTAKE_EVENT_MAX, f));
	if (!d->size)
		return fail(f, ERR_WITHHELD, "it may not leave any more");
	/* MISP refuses a published event without content, as it should (4.5.1) */
	if (!d->attributes && !(c->has_reports && !what.no_reports))
		return fail(f, ERR_WITHHELD, "none of its attributes may go there");
	return ERR_OK;
}

/* ---- sending ---- */

struct answer {
	struct client_res res;
	char location[64]; /* last part of it: the event's number there */
};

static void on_header(void *user, struct str name, struct str value)
{
	struct answer *a = user;
	if (!str_eq_nocase(name, STR("Location")))
		return;
	size_t at = value.n;
	while (at && value.p[at - 1] != '/')
		at--;
	struct str last = str_sub(value, at, value.n);
	bool good = last.n && last.n < sizeof(a->location);
	for (size_t i = 0; good && i < last.n; i++)
		good = (last.p[i] >= '0' && last.p[i] <= '9') ||
		       (last.p[i] >= 'a' && last.p[i] <= 'f') || last.p[i] == '-';
	if (good)
		snprintf(a->location, sizeof(a->location), "%.*s", STR_ARG(last));
}

struct upload {
	struct answer answer; /* first: the headers' user */
	struct document *d;
	const char *signature; /* header line of a protected event, or NULL */
};

static enum err upload_read(void *user, void *p, size_t cap, size_t *n, struct fail *f)
{
	struct upload *u = user;
	return document_read(u->d, p, cap, n, f);
}

static enum err upload_rewind(void *user, struct fail *f)
{
	struct upload *u = user;
	return document_rewind(u->d, f);
}

static enum err post(struct sending *s, struct client *c, const char *path, struct upload *u,
		     struct fail *f)
{
	struct link_req q = {.path = path,
			     .compress = true,
			     .extra = u->signature,
			     .max_bytes = INTAKE_EVENT_MAX,
			     .c = c,
			     .header = on_header,
			     .user = u};
	u->answer = (struct answer){.location = ""};
	TRY(document_rewind(u->d, f));
	if (u->d->fd < 0) {
		q.body = buf_str(&u->d->head);
	} else {
		q.read = upload_read;
		q.rewind = upload_rewind;
		q.body_size = (int64_t)u->d->size;
	}
	return link_call(&s->push->p->link, &q, &u->answer.res, f);
}

static enum err is_there(struct sending *s, struct client *c, const char *uuid, bool *yes,
			 struct fail *f)
{
	char path[100];
	struct client_res res;
	snprintf(path, sizeof(path), "/events/view/%s", uuid);
	struct link_req q = {.method = "HEAD", .path = path, .c = c};
	enum err e = link_call(&s->push->p->link, &q, &res, f);
	*yes = e == ERR_OK;
	/* whatever it says but "yes" and "I do not talk to you": assume that it is not there (4.5) */
	return e == ERR_NOENT || e == ERR_PEER ? ERR_OK : e;
}

/* Add, or edit what is there. Each falls back on the other once: the HEAD may have been wrong. */
static enum err add_or_edit(struct sending *s, struct client *c, const struct push_candidate *k,
			    struct upload *u, bool *edited, struct fail *f)
{
	char uuid[UUID_TEXT_LEN + 1], path[120];
	enum err e;
	TRY(is_there(s, c, uuid_format(k->uuid, uuid), edited, f));
	if (*edited)
		snprintf(path, sizeof(path), "/events/edit/%s/metadata:1", uuid);
	else
		snprintf(path, sizeof(path), "/events/add/metadata:1");
	e = post(s, c, path, u, f);
	if (e != ERR_NOENT || (!*edited && !u->answer.location[0]))
		return e;
	if (*edited)
		snprintf(path, sizeof(path), "/events/add/metadata:1");
	else
		snprintf(path, sizeof(path), "/events/edit/%s/metadata:1", u->answer.location);
	*edited = !*edited;
	return post(s, c, path, u, f);
}

/* ---- what came of it ---- */

/* The peer's own words, as far as they are words. */
static void say_refused(const struct client_res *res, char *text, size_t n)
{
	json_t *j = json_loads(res->error_body, JSON_DISABLE_EOF_CHECK, NULL);
	const json_t *errors = json_object_get(j, "errors");
	const char *said = json_string_value(errors);
	char *map = errors && !said ? json_dumps(errors, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	if (!said)
		said = map ? map : json_string_value(json_object_get(j, "message"));
	snprintf(text, n, "the peer says: %.180s (status %ld)", said ? said : "nothing", res->status);
	free(map);
	json_decref(j);
}

/* A line that breaks says nothing of the event: only what fails otherwise waits longer each time. */
static void note_outcome(struct sending *s, struct push_candidate *c, int what, enum err e,
			 const char *text)
{
	const struct pass *p = s->push->p;
	bool refused = what == PASS_ITEM_REFUSED, again = what == PASS_ITEM_FAILED;
	if (!refused && !again && !c->noted)
		return;
	struct note n = {.timestamp = c->timestamp, .time = clock_now(), .tries = 1}, was;
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail f = {0};
	if (again && e != ERR_NET && c->noted && store_read(p->o->in->store, &t, &f) == ERR_OK &&
	    note_get(t, p->o->peer_id, NOTE_push_again, c->own, &was) == ERR_OK)
		n.tries += was.tries;
	if (t)
		store_read_end(MOVE(t));
	snprintf(n.text, sizeof(n.text), "%.*s", NOTE_TEXT_MAX - 1, text);
	struct note_change v[] = {{NOTE_push_refused, refused ? &n : NULL},
				  {NOTE_push_again, again ? &n : NULL},
				  {NOTE_KIND_COUNT, NULL}};
	c->owes = what == PASS_ITEM_ADDED || what == PASS_ITEM_UPDATED;
	if (c->owes)
		v[2] = (struct note_change){NOTE_push_parts, &n};
	notes_write(p->o->in->store, p->o->peer_id, c->own, v, ARRAY_LEN(v));
}

static void tell(struct sending *s, struct push_candidate *c, int what, enum err e,
		 uint64_t bytes, const char *text)
{
	struct pass_item item = {.kind = PASS_EVENT, .uuid = c->own, .bytes = bytes, .text = text};
	item.what = what;
	pass_tell(s->push->p, &item);
	if (!s->push->p->o->preview)
		note_outcome(s, c, what, e, text);
}

/* ERR_OK: the next one. */
static enum err judge(struct sending *s, struct push_candidate *c, const struct upload *u,
		      bool edited, enum err e, const struct fail *why, struct fail *f)
{
	const struct client_res *res = &u->answer.res;
	char text[NOTE_TEXT_MAX];
	bool away = e == ERR_NET || e == ERR_TIMEOUT;
	pthread_mutex_lock(&s->lock);
	s->in_a_row = away ? s->in_a_row + 1 : 0;
	bool gone = s->in_a_row >= GONE_AFTER;
	pthread_mutex_unlock(&s->lock);
	if (e == ERR_OK) {
		c->went = true;
		c->was_new = !edited;
		tell(s, c, edited ? PASS_ITEM_UPDATED : PASS_ITEM_ADDED, e, u->d->size, "");
	} else if (e == ERR_WITHHELD) {
		tell(s, c, PASS_ITEM_HELD, e, 0, why->text);
	} else if (strstr(res->error_body, NOT_NEWER)) {
		pthread_mutex_lock(&s->lock);
		s->push->p->res->n[PASS_EVENT].current++;
		pthread_mutex_unlock(&s->lock);
		note_outcome(s, c, PASS_ITEM_UPDATED, ERR_OK, "");
	} else if (res->status == 403 || res->status == 405 || res->status == 404) {
		say_refused(res, text, sizeof(text));
		tell(s, c, PASS_ITEM_REFUSED, e, 0, text);
	} else if (intake_stops_all(e)) {
		*f = *why;
		return e;
	} else {
		tell(s, c, PASS_ITEM_FAILED, e, 0, why->text[0] ? why->text : err_text(e));
	}
	if (!gone)
		return ERR_OK;
	*f = *why;
	return e;
}

static enum err send_one(void *user, struct client *c, size_t i, struct fail *f)
{
	struct sending *s = user;
	struct push *x = s->push;
	struct push_candidate *k = &x->v[i];
	OWN(document) struct document d = DOCUMENT;
	struct upload u = {.d = &d};
	struct fail why = {0};
	bool edited = false;
	OWN(buf) struct buf signature = BUF(SIGNED_LINE_MAX);
	enum err e = k->is_protected ? signed_may_go(x->p, k->event_id, &why) : ERR_OK;
	if (e == ERR_OK)
		e = document_of(s, k, &d, &why);
	if (e == ERR_OK && k->is_protected && !x->p->o->preview)
		e = signed_line(x->p, &d, &signature, &why);
	if (signature.n)
		u.signature = buf_cstr(&signature);
	if (e == ERR_OK && !x->p->o->preview)
		e = receipts_intend(&d.receipt, 1, &why);
	if (e == ERR_OK && !x->p->o->preview) {
		e = add_or_edit(s, c, k, &u, &edited, &why);
		receipt_end(MOVE(d.receipt), sent_outcome_of(e));
	}
	TRY(judge(s, k, &u, edited, e, &why, f));
	pthread_mutex_lock(&s->lock);
	uint64_t done = ++s->done;
	pthread_mutex_unlock(&s->lock);
	pass_progress(x->p, done, x->n);
	return ERR_OK;
}

static enum err send_all(struct push *x, struct fail *f)
{
	const struct pass *p = x->p;
	struct sending s = {.push = x};
	struct workers w = {.n = x->n,
			    .parallel = p->o->parallel ? p->o->parallel : 4,
			    .client = &p->link.client,
			    .cancelled = p->o->cancelled,
			    .one = send_one,
			    .user = &s};
	pthread_mutex_init(&s.lock, NULL);
	enum err e = workers_run(&w, f);
	pthread_mutex_destroy(&s.lock);
	return e;
}

/* ---- the step ---- */

static void advance(struct push *x)
{
	struct pass *p = x->p;
	if (p->o->technique == PASS_ONE || p->more)
		return;
	/* what policy or group held before was not chosen by any cursor */
	if (x->log->groups || !str_eq(p->state.policy, str_c(x->log->policy)))
		p->state.proposals_covered = p->state.sightings_covered =
			p->state.analyst_covered = 0;
	p->state.covered = x->log->seq;
	p->state.policy = arena_str(p->a, str_c(x->log->policy));
}

/*
 * What belongs to an event may have changed while it could not go, and then no cursor tells. So an event
 * that may go, where it could perhaps not before, brings it along: one that changed, one that failed
 * before; of all events those that the peer lacked.
 */
static void mark_due(const struct push *x)
{
	for (size_t i = 0; i < x->n; i++)
		if (push_log_bits(x->log, x->v[i].event_id) & PUSH_EVENT)
			push_log_add(x->log, x->v[i].event_id, PUSH_BRINGS);
}

static enum err mark_gone(const struct push *x, struct fail *f)
{
	for (size_t i = 0; i < x->n; i++) {
		const struct push_candidate *c = &x->v[i];
		if (c->went || c->owes)
			TRY(push_log_mark(x->log, c->event_id,
					  PUSH_BRINGS | (c->was_new ? PUSH_NEW : 0) |
						  (c->owes ? PUSH_NOTED : 0),
					  f));
	}
	return ERR_OK;
}

enum err push_events(struct pass *p, struct fail *f)
{
	struct push x = {.p = p};
	if (!p->link.row.push)
		return ERR_OK;
	if (!p->link.hello.perm_sync)
		return fail(f, ERR_AUTH, "our user at the peer has no sync permission: give it a role "
					 "with perm_sync there");
	enum err e = push_candidates(&x, f);
	if (e == ERR_OK)
		mark_due(&x);
	/* a single one is asked after by HEAD alone, as MISP does on publishing; in a full push that
	   would send the one event of a small node again and again */
	bool by_list = x.n > 1 || (x.n && p->o->technique == PASS_FULL);
	if (e == ERR_OK && by_list)
		e = ask_wanted(&x, f);
	if (e == ERR_OK && by_list)
		drop_unwanted(&x);
	if (e == ERR_OK)
		e = send_all(&x, f);
	if (e == ERR_OK)
		e = mark_gone(&x, f);
	if (e == ERR_OK)
		advance(&x);
	free(x.v);
	return e;
}
