/*
 * pull_events.c - the events of a pull in MISP's dialect (sync-protocol.md 3.2 to 3.6): the peer's
 * index with the tightest filter it understands, and then only what is new or newer. The events
 * themselves are taken in by intake.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "model/link_rules.h"
#include "sync/pass.h"
#include "sync/peer_index.h"
#include "sync/peer_rules.h"
#include "sync/signed.h"

#define INDEX_MAX (UINT64_C(1) << 30)
#define RETRIES_MAX 10000
/* Events of one pass; the next one goes on. Bounds what a peer's index can make us remember. */
#define WANTED_MAX 1000000
/* Clocks of the peer's own machines may differ, and events are published while we ask. */
#define OVERLAP_S 900
/* Rights, sharing groups and embargoes let events appear that were published long ago. */
#define WHOLE_INDEX_EVERY_S 86400

struct pull {
	struct pass *p;
	struct link_rules rules; /* types and templates that are not taken */
	struct intake_result got;
	int64_t asked_at; /* the peer's clock at the index, else ours */
	uint64_t resting; /* failed before, not yet due again */
	char cursor[300]; /* a tocsin's, for the next time; "": it is none */
	atomic_bool late; /* one came that had failed before */
};

/* ---- the index ---- */

struct index_job {
	struct pull *x;
	struct intake_snapshot snap;
	struct arena *a;
	struct peer_index *index;
};

static enum err want(struct pull *x, struct uuid u, int64_t timestamp, bool again,
		     struct fail *f)
{
	struct pass *p = x->p;
	if (p->take.n_wanted == WANTED_MAX) {
		p->more = true;
		p->state.backlog++;
		return ERR_OK;
	}
	return intake_add(&p->take, (struct intake_want){u, timestamp, again}, f);
}

static enum err is_blocked(const struct store_rtxn *t, uint8_t kind, struct uuid u, bool *yes)
{
	char key[17] = {(char)kind};
	uint64_t id;
	memcpy(key + 1, u.b, 16);
	enum err e = store_find(t, IX_BLOCK_UUID, (struct str){key, sizeof(key)}, &id);
	*yes |= e == ERR_OK;
	return e == ERR_NOENT ? ERR_OK : e;
}

/* Refused before, and not changed since; or failed before, and not due again? */
static enum err rests(struct index_job *j, const struct peer_index_row *row, bool *yes)
{
	const struct pass *p = j->x->p;
	struct note n;
	if (p->o->all)
		return ERR_OK;
	enum err e = note_get(j->snap.t, p->o->peer_id, NOTE_refused, row->uuid, &n);
	*yes = e == ERR_OK && n.timestamp == row->timestamp;
	if (e != ERR_NOENT)
		return e;
	e = note_get(j->snap.t, p->o->peer_id, NOTE_again, row->uuid, &n);
	if (e == ERR_OK && !note_due(&n, clock_now())) {
		*yes = true;
		j->x->resting++;
	}
	return e == ERR_NOENT ? ERR_OK : e;
}

/* It came unpublished and never was published here, as happens between an edit there and its
   publication; the row says that it is published now. */
static bool waits_for_publication(const struct pass *p, const struct misp_event *stored,
				  const struct peer_index_row *row)
{
	return stored->timestamp == row->timestamp && !stored->published &&
	       !stored->publish_timestamp && !p->link.row.unpublish_event;
}

/* Is the event here, as new as there, or made here? Counts it then. (3.3) */
static enum err is_done_with(struct index_job *j, const struct peer_index_row *row, bool *yes)
{
	struct pass *p = j->x->p;
	struct pass_count *n = &p->res->n[PASS_EVENT];
	struct misp_event stored;
	uint64_t id;
	struct str key = {(const char *)row->uuid.b, sizeof(row->uuid.b)};
	enum err e = store_find(j->snap.t, IX_EVENT_UUID, key, &id);
	if (e == ERR_OK)
		e = store_get(j->snap.t, T_EVENT, id, j->a, &stored);
	if (e == ERR_NOENT) {
		*yes = p->o->technique == PASS_UPDATE;
		return *yes ? ERR_OK : rests(j, row, yes);
	}
	TRY(e);
	if (!stored.locked && !p->link.internal) {
		n->local++;
		*yes = true;
	} else if (stored.timestamp >= row->timestamp && !waits_for_publication(p, &stored, row)) {
		*yes = true;
	} else {
		TRY(rests(j, row, yes));
	}
	n->current += *yes;
	return ERR_OK;
}

/* The step of the sightings need not ask for the index again. */
static enum err sighted(struct pass *p, const struct peer_index_row *row, struct fail *f)
{
	if ((!p->native && !p->has_index) || row->sighting_timestamp <= 0 ||
	    p->n_sighted == WANTED_MAX)
		return ERR_OK;
	if (p->n_sighted == p->cap_sighted) {
		size_t cap = p->cap_sighted ? p->cap_sighted * 2 : 64;
		struct pass_sighted *v = reallocarray(p->sighted, cap, sizeof(*v));
		if (!v)
			return fail(f, ERR_NOMEM, "no memory for %zu events", cap);
		p->sighted = v;
		p->cap_sighted = cap;
	}
	p->sighted[p->n_sighted++] =
		(struct pass_sighted){row->uuid, row->sighting_timestamp};
	return ERR_OK;
}

static enum err on_row(void *user, const struct peer_index_row *row, struct fail *f)
{
	struct index_job *j = user;
	struct pass *p = j->x->p;
	struct pass_count *n = &p->res->n[PASS_EVENT];
	bool blocked = false, done = false;
	p->take.progress.listed = ++n->listed;
	p->index_rows++;
	if (!row->published)
		return ERR_OK;
	TRY(sighted(p, row, f));
	TRY(intake_snapshot_next(&p->take, &j->snap, f));
	arena_reset(j->a);
	enum err e = is_blocked(j->snap.t, 0, row->uuid, &blocked);
	if (e == ERR_OK && !uuid_is_nil(row->orgc_uuid))
		e = is_blocked(j->snap.t, 1, row->orgc_uuid, &blocked);
	n->blocked += blocked;
	if (e == ERR_OK && !blocked)
		e = is_done_with(j, row, &done);
	if (e != ERR_OK)
		return fail(f, e, "looking up an event of the peer");
	return blocked || done ? ERR_OK : want(j->x, row->uuid, row->timestamp, row->timestamp == 0, f);
}

static enum err index_data(void *user, const void *p, size_t n, struct fail *f)
{
	struct index_job *j = user;
	if (pass_cancelled(j->x->p))
		return fail(f, ERR_CANCELLED, "cancelled");
	return peer_index_feed(j->index, p, n, f);
}

/* What a tocsin says has changed (api/changes.h). */
static void take_changed(struct pass *p, struct str list)
{
	p->native = true;
	p->changed = str_find(list, STR("all")) >= 0 ? ~(1u << PASS_RETRACTION) : 0;
	for (enum pass_kind k = 0; k < PASS_KIND_COUNT; k++)
		if (str_find(list, str_c(pass_kind_name(k))) >= 0)
			p->changed |= 1u << k;
}

/* The cursor is in the peer's time, or its own. */
static void index_header(void *user, struct str name, struct str value)
{
	struct index_job *j = user;
	if (str_eq_nocase(name, STR("Date"))) {
		int64_t date = clock_from_http(value);
		if (date)
			j->x->asked_at = date;
	} else if (str_eq_nocase(name, STR("X-Tocsin-Cursor")) && value.n < sizeof(j->x->cursor)) {
		snprintf(j->x->cursor, sizeof(j->x->cursor), "%.*s", STR_ARG(value));
	} else if (str_eq_nocase(name, STR("X-Tocsin-Changed"))) {
		take_changed(j->x->p, value);
	}
}

/* Is it time to compare everything, whatever the cursors say? */
static bool whole_due(const struct pass *p)
{
	int64_t now = clock_now(), whole = p->state.whole_at;
	return p->o->all || p->o->technique == PASS_UPDATE || !whole || whole > now ||
	       whole + WHOLE_INDEX_EVERY_S < now;
}

/* Will the step of the sightings want the whole index, of a MISP? Then it is read once, for both, and
   not sent at all when it is as it was. */
static bool index_for_both(const struct pass *p)
{
	return p->o->technique == PASS_FULL && !p->o->preview && !p->state.remote_cursor.n &&
	       !p->link.hello.changes && pull_sightings_due(p);
}

/* Everything, or what was published since the last success? */
static int64_t cursor(const struct pass *p)
{
	if (p->has_index)
		return 0;
	if (p->state.remote_cursor.n || p->link.hello.changes || !p->state.asked_at || whole_due(p))
		return 0;
	return MAX(p->state.asked_at - OVERLAP_S, (int64_t)1);
}

static int by_uuid(const void *a, const void *b)
{
	const struct intake_want *x = a, *y = b;
	return memcmp(x->uuid.b, y->uuid.b, sizeof(x->uuid.b));
}

/* What failed before; marked where it is in the index as well. */
static enum err want_again(struct pull *x, const struct store_rtxn *t, struct fail *f)
{
	struct intake *take = &x->p->take;
	struct uuid u = UUID_NIL;
	struct note n;
	size_t listed = take->n_wanted;
	enum err e = ERR_OK;
	if (listed)
		qsort(take->wanted, listed, sizeof(*take->wanted), by_uuid);
	for (unsigned i = 0; i < RETRIES_MAX; i++) {
		e = note_next(t, x->p->o->peer_id, NOTE_again, &u, &n);
		if (e != ERR_OK)
			break;
		if (!x->p->o->all && !note_due(&n, clock_now())) {
			x->resting++;
			continue;
		}
		struct intake_want one = {.uuid = u}, *known = NULL;
		if (listed)
			known = bsearch(&one, take->wanted, listed, sizeof(one), by_uuid);
		if (known)
			known->again = true;
		else
			TRY(want(x, u, n.timestamp, true, f));
	}
	return e == ERR_NOENT || e == ERR_OK ? ERR_OK : fail(f, e, "reading what failed before");
}

/* Ask a tocsin for what changed since its cursor; without one for all, and a cursor. */
static enum err changes_ask(struct pass *p, struct buf *body)
{
	if (p->o->technique != PASS_FULL || (!p->state.remote_cursor.n && !p->link.hello.changes))
		return ERR_OK;
	struct str since = whole_due(p) ? STR("") : p->state.remote_cursor;
	body->n--; /* "}" */
	buf_puts(body, ",\"tocsin_since\":\"");
	buf_str_add(body, since);
	buf_puts(body, "\"}");
	return buf_err(body);
}

static enum err index_ask(struct index_job *j, int64_t since, struct fail *f)
{
	struct pass *p = j->x->p;
	OWN(buf) struct buf body = BUF(1 << 20);
	struct client_res res;
	/* an update is asked for without the rules (3.1) */
	TRY(peer_rules_body(p->o->technique == PASS_UPDATE ? STR_NONE : p->link.row.pull_rules, since,
			    &body, f));
	TRY(changes_ask(p, &body));
	char was[256] = "";
	if (p->has_index && !whole_due(p))
		snprintf(was, sizeof(was), "%.*s", STR_ARG(p->state.sightings_etag));
	/* a MISP makes one only when it is asked for one (1.6) */
	if (p->has_index && !*was)
		snprintf(was, sizeof(was), "\"\"");
	struct link_req q = {.path = "/events/index",
			     .body = buf_str(&body),
			     .etag = p->has_index ? was : NULL,
			     .max_bytes = INDEX_MAX,
			     .data = index_data,
			     .header = index_header,
			     .user = j};
	enum err e = link_call(&p->link, &q, &res, f);
	if (e == ERR_NOENT)
		return fail(f, ERR_PEER, "the peer has no index of events");
	TRY(e);
	p->same_index = res.status == 304;
	p->res->whole &= !p->same_index;
	if (p->has_index)
		p->index_etag = arena_cstr(p->a, p->same_index ? str_c(was) : str_c(res.etag));
	if (p->same_index)
		p->index_rows = p->state.sightings_rows;
	return p->same_index ? ERR_OK : peer_index_end(j->index, f);
}

static enum err index_get(struct pull *x, struct fail *f)
{
	struct pass *p = x->p;
	struct index_job j = {.x = x};
	p->has_index = index_for_both(p);
	int64_t since = cursor(p);
	x->asked_at = clock_now();
	p->res->whole = since == 0 && (whole_due(p) || !p->state.remote_cursor.n);
	p->state.backlog = 0;
	TRY(intake_snapshot_next(&p->take, &j.snap, f));
	j.index = peer_index_new(on_row, &j);
	j.a = arena_new(16u << 20);
	enum err e = j.index && j.a ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
	if (e == ERR_OK)
		e = index_ask(&j, since, f);
	if (e == ERR_OK)
		e = want_again(x, j.snap.t, f);
	peer_index_free(j.index);
	arena_free(j.a);
	intake_snapshot_end(&j.snap);
	return e;
}

/* ---- the events ---- */

/* An event that we have is not unpublished by being edited there: its publication brings the edit. */
static enum err not_published(const struct pull *x, const struct misp_event *head, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_event stored;
	uint64_t id;
	TRY(store_read(x->p->o->in->store, &t, f));
	struct str key = {(const char *)head->uuid.b, sizeof(head->uuid.b)};
	enum err e = store_find(t, IX_EVENT_UUID, key, &id);
	if (e == ERR_OK)
		e = store_get(t, T_EVENT, id, NULL, &stored);
	if (e != ERR_OK)
		return e == ERR_NOENT ? ERR_OK : e;
	return fail(f, stored.timestamp == head->timestamp ? ERR_STALE : ERR_NOENT,
		    "it is not published there, whatever the index says");
}

static enum err prepare(void *run, struct raw_event *raw, struct intake_signed *sig,
			struct admit_facts *facts, struct fail *f)
{
	const struct pull *x = run;
	if (!raw_head(raw)->published)
		TRY(not_published(x, raw_head(raw), f));
	*facts = pass_facts(x->p);
	facts->rules = &x->rules;
	return signed_check(x->p->o->in, raw, sig, facts, f);
}

static enum err event_get(void *run, struct client *c, const struct intake_want *w,
			  intake_data_fn data, void *user, struct fail *f)
{
	struct pull *x = run;
	struct pass *p = x->p;
	char path[400], uuid[UUID_TEXT_LEN + 1];
	struct client_res res;
	snprintf(path, sizeof(path),
		 "/events/view/%s/deleted[]:0/deleted[]:1/excludeGalaxy:1/includeEventCorrelations:0/"
		 "includeFeedCorrelations:0/includeWarninglistHits:0%s",
		 uuid_format(w->uuid, uuid), p->link.internal ? "" : "/excludeLocalTags:1");
	struct link_req q = {.path = path,
			     .max_bytes = p->o->max_event_bytes ? p->o->max_event_bytes :
								  INTAKE_EVENT_MAX,
			     .c = c,
			     .data = data,
			     .header = intake_header,
			     .user = user};
	enum err e = link_call(&p->link, &q, &res, f);
	return e == ERR_NOENT ? fail(f, e, "it is not there any more, or not for us") : e;
}

static uint64_t tries_of(const struct pass *p, struct uuid u)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail f = {0};
	struct note n;
	if (store_read(p->o->in->store, &t, &f) != ERR_OK)
		return 0;
	return note_get(t, p->o->peer_id, NOTE_again, u, &n) == ERR_OK ? n.tries : 0;
}

static enum err events_get(void *run, struct client *c, const struct intake_want *w, size_t n,
			   intake_data_fn data, void *user, struct fail *f)
{
	struct pull *x = run;
	struct pass *p = x->p;
	char uuid[UUID_TEXT_LEN + 1];
	struct client_res res;
	OWN(buf) struct buf body = BUF(1 << 20);
	buf_puts(&body, p->link.internal ? "{\"local_tags\":true,\"uuid\":[" : "{\"uuid\":[");
	for (size_t i = 0; i < n; i++) {
		buf_puts(&body, i ? ",\"" : "\"");
		buf_puts(&body, uuid_format(w[i].uuid, uuid));
		buf_putc(&body, '"');
	}
	buf_puts(&body, "]}");
	TRY(buf_err(&body));
	struct link_req q = {.path = "/tocsin/events",
			     .body = buf_str(&body),
			     .max_bytes = n * (p->o->max_event_bytes ? p->o->max_event_bytes :
								       INTAKE_EVENT_MAX),
			     .c = c,
			     .data = data,
			     .user = user};
	return link_call(&p->link, &q, &res, f);
}

/* What is to be known of an event the next time. */
static void event_note(void *run, const struct intake_want *w, enum err e,
		       const struct ingest_result *result, const struct fail *why)
{
	struct pull *x = run;
	bool refused = intake_is_refusal(e) ||
		       (e == ERR_OK && result->outcome == INGEST_REFUSED);
	bool gone = e == ERR_NOENT; /* no longer there, or no longer for us */
	bool again = e != ERR_OK && !refused && !gone && !intake_stops_all(e);
	if (w->again && e == ERR_OK && result->outcome == INGEST_ADDED)
		atomic_store(&x->late, true);
	if (!refused && !again && !w->again)
		return;
	struct note n = {.timestamp = w->timestamp, .time = clock_now(), .tries = 1};
	/* a line that breaks says nothing of the event */
	if (again && w->again && e != ERR_NET)
		n.tries += tries_of(x->p, w->uuid);
	snprintf(n.text, sizeof(n.text), "%.*s", NOTE_TEXT_MAX - 1,
		 why->text[0] ? why->text : err_text(e));
	struct note_change v[] = {{NOTE_refused, refused ? &n : NULL},
				  {NOTE_again, again ? &n : NULL}};
	notes_write(x->p->o->in->store, x->p->o->peer_id, w->uuid, v, ARRAY_LEN(v));
}

static void on_problem(void *user, const struct intake_problem *problem)
{
	struct pull *x = user;
	struct pass_item item = {.kind = PASS_EVENT,
				 .uuid = problem->uuid,
				 .what = PASS_ITEM_FAILED,
				 .text = problem->text};
	if (intake_is_refusal(problem->err) || problem->err == ERR_NOENT)
		item.what = PASS_ITEM_REFUSED;
	pass_say(x->p, &item);
}

static void on_progress(void *user, const struct intake_progress *progress)
{
	struct pull *x = user;
	if (x->p->o->progress)
		x->p->o->progress(x->p->o->user, progress);
}

static const struct intake_source source = {
	.document = "answer",
	.may_go = true,
	.gone_after = 10,
	.get = event_get,
	.get_many = events_get,
	.prepare = prepare,
	.note = event_note,
};

/* ---- the step ---- */

static void take_init(struct pull *x)
{
	struct pass *p = x->p;
	struct intake_progress progress = p->take.progress;
	p->take = (struct intake){.source = &source,
				  .run = x,
				  .in = p->o->in,
				  .client = &p->link.client,
				  .origin = pass_origin(p),
				  .user_id = p->o->user_id,
				  .parallel = p->o->parallel ? p->o->parallel : 4,
				  .cancelled = p->o->cancelled,
				  .progress_fn = on_progress,
				  .problem_fn = on_problem,
				  .user = x,
				  .res = &x->got,
				  .progress = progress};
	intake_init(&p->take);
}

static void count(struct pull *x)
{
	struct pass_count *n = &x->p->res->n[PASS_EVENT];
	const struct intake_result *got = &x->got;
	n->added += got->added;
	n->updated += got->updated;
	n->current += got->unchanged;
	n->refused += got->refused;
	n->failed += got->failed;
	n->bytes += got->bytes;
	x->p->res->attributes += got->attributes;
}

/* What would be fetched. */
static enum err tell_wanted(struct pass *p, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	uint64_t id;
	TRY(store_read(p->o->in->store, &t, f));
	for (size_t i = 0; i < p->take.n_wanted; i++) {
		const struct intake_want *w = &p->take.wanted[i];
		struct str key = {(const char *)w->uuid.b, sizeof(w->uuid.b)};
		bool known = store_find(t, IX_EVENT_UUID, key, &id) == ERR_OK;
		struct pass_item item = {.kind = PASS_EVENT,
					 .uuid = w->uuid,
					 .what = known ? PASS_ITEM_UPDATED : PASS_ITEM_ADDED,
					 .text = w->again ? "failed before" :
						 known	  ? "newer there" :
							    "new"};
		pass_tell(p, &item);
	}
	return ERR_OK;
}

static void advance(struct pull *x)
{
	struct misp_peerstate *s = &x->p->state;
	if (x->p->o->technique != PASS_FULL || x->p->more)
		return;
	s->asked_at = x->asked_at;
	s->remote_cursor = arena_str(x->p->a, str_c(x->cursor));
	if (x->p->res->whole)
		s->whole_at = clock_now();
}

/* Proposals of an event that was not here were passed over, and no cursor brings them now. */
static void catch_up(struct pull *x)
{
	struct pass *p = x->p;
	if (p->native && atomic_load(&x->late))
		p->changed |= 1u << PASS_PROPOSAL;
	else if (!p->native && x->got.added)
		p->state.proposals_whole_at = 0;
}

/* A tocsin gives many at once; a few are not worth it. */
static enum err fetch(struct pull *x, struct fail *f)
{
	struct pass *p = x->p;
	if ((p->native || p->link.hello.changes) && p->take.n_wanted > 2)
		TRY(intake_run_many(&p->take, f));
	return intake_run(&p->take, f);
}

enum err pull_events(struct pass *p, struct fail *f)
{
	struct pull *x = calloc(1, sizeof(*x));
	enum err e = ERR_OK;
	if (!x)
		return fail(f, ERR_NOMEM, "no memory");
	x->p = p;
	take_init(x);
	e = link_rules_parse(p->link.row.pull_rules, p->a, &x->rules, f);
	if (e == ERR_OK && p->o->technique == PASS_ONE)
		e = want(x, p->o->only, 0, true, f);
	else if (e == ERR_OK && p->o->technique != PASS_CLUSTERS)
		e = index_get(x, f);
	if (e == ERR_OK && p->o->preview)
		e = tell_wanted(p, f);
	else if (e == ERR_OK)
		e = fetch(x, f);
	count(x);
	p->state.backlog += x->resting;
	catch_up(x);
	if (e == ERR_OK)
		advance(x);
	intake_done(&p->take);
	p->take.wanted = NULL;
	free(x);
	return e;
}
