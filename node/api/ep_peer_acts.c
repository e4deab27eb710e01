/*
 * ep_peer_acts.c - /tocsin/peers: suspend and resume a peer, hold events back from it and release
 * them, and let what was refused or failed be tried again.
 */
#include <string.h>

#include "api/peer_rows.h"
#include "base/clock.h"
#include "sync/notes.h"

#define FOR_EVER INT64_C(253402300799) /* the last second of 9999 */
#define EVENTS_MAX 10000

/* ---- suspending ---- */

struct row_job {
	uint64_t id;
	int64_t until;
	struct str reason;
	struct origin origin;
};

static enum err run_row(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct row_job *j = arg;
	OWN(arena) struct arena *a = arena_new(1u << 20);
	struct misp_peer row;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(store_get(store_view(w), T_PEER, j->id, a, &row));
	row.suspended_until = j->until;
	row.suspend_reason = j->reason;
	TRY(store_put(w, T_PEER, j->id, &row, f));
	struct change c = {.op = CHANGE_EDIT,
			   .kind = CHANGE_TABLE(T_PEER),
			   .id = j->id,
			   .time = clock_now(),
			   .origin = j->origin};
	return store_change(w, &c, f);
}

static enum err suspend_until(struct http_req *r, const struct misp_peer *p, int64_t until,
			      struct str reason, struct fail *f)
{
	struct row_job j = {p->id, until, reason, rest_origin(r)};
	return rest_write(r, run_row, &j, f);
}

static enum err peers_suspend(struct http_req *r, struct fail *f)
{
	struct misp_peer p;
	json_t *body;
	int64_t until = FOR_EVER;
	if (rest_json(r, NULL, &body, f) != ERR_OK || !peer_named(r, &p, f))
		return ERR_OK;
	struct str text = rest_param(r, body, "until");
	if (text.n && (!str_i64(text, &until) || until <= clock_now())) {
		reply_error(r, 400, "until wants a time to come, in seconds since 1970");
		return ERR_OK;
	}
	struct str reason = rest_param(r, body, "reason");
	TRY(suspend_until(r, &p, until, reason.p ? reason : STR(""), f));
	rest_saved(r, rest_id(r, p.id), "Peer suspended.");
	return ERR_OK;
}

static enum err peers_resume(struct http_req *r, struct fail *f)
{
	struct misp_peer p;
	if (!peer_named(r, &p, f))
		return ERR_OK;
	TRY(suspend_until(r, &p, 0, STR(""), f));
	rest_saved(r, rest_id(r, p.id), "Peer resumed.");
	return ERR_OK;
}

/* ---- which events ---- */

struct events {
	struct uuid *v;
	size_t n;
};

/* An event of ours by number or UUID, or any UUID. */
static bool event_of(struct http_req *r, const struct store_rtxn *t, const json_t *item,
		     struct uuid *u, struct str *given)
{
	struct misp_event e;
	uint64_t id;
	json_t *o = json_pack("{s:O}", "e", item);
	struct str text = rest_text(r, o, "e");
	json_decref(o);
	if (json_is_string(item))
		text = (struct str){json_string_value(item), json_string_length(item)};
	*given = text;
	if (uuid_parse(text, u))
		return true;
	if (!str_u64(text, &id) || store_get(t, T_EVENT, id, NULL, &e) != ERR_OK)
		return false;
	*u = e.uuid;
	return true;
}

/* `events` of the body: one or a list. False and answered when one is none. */
static bool take_events(struct http_req *r, const json_t *body, struct events *out, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	json_t *given = json_object_get(body, "events"), *item;
	struct str text;
	size_t i, n = json_is_array(given) ? json_array_size(given) : given ? 1 : 0;
	*out = (struct events){ARENA_ARRAY(r->arena, struct uuid, MIN(n, (size_t)EVENTS_MAX) + 1), 0};
	if (n > EVENTS_MAX || !out->v || store_read(api_of(r)->store, &t, f) != ERR_OK) {
		reply_error(r, 400, "at most %d events at a time", EVENTS_MAX);
		return false;
	}
	for (i = 0; i < n; i++) {
		item = json_is_array(given) ? json_array_get(given, i) : given;
		if (!event_of(r, t, item, &out->v[out->n], &text)) {
			reply_error(r, 404, "There is no event %.*s", STR_ARG(text));
			return false;
		}
		out->n++;
	}
	return true;
}

/* ---- holding ---- */

struct hold_job {
	uint64_t peer_id;
	struct events events;
	struct note note;
	bool release;
};

static enum err run_hold(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct hold_job *j = arg;
	for (size_t i = 0; i < j->events.n; i++) {
		struct uuid u = j->events.v[i];
		TRY(note_put(w, j->peer_id, NOTE_hold, u, j->release ? NULL : &j->note, f));
		/* what is released goes with the next push, although it has not changed */
		struct note again = {.time = 0, .text = "released by the operator"};
		if (j->release)
			TRY(note_put(w, j->peer_id, NOTE_push_again, u, &again, f));
	}
	return ERR_OK;
}

static enum err hold(struct http_req *r, bool release, struct fail *f)
{
	struct misp_peer p;
	struct hold_job j = {.release = release, .note = {.time = clock_now()}};
	json_t *body;
	if (rest_json(r, NULL, &body, f) != ERR_OK || !peer_named(r, &p, f) ||
	    !take_events(r, body, &j.events, f))
		return ERR_OK;
	if (!j.events.n) {
		reply_error(r, 400, "events wants ids or UUIDs");
		return ERR_OK;
	}
	struct str reason = rest_text(r, body, "reason");
	j.peer_id = p.id;
	snprintf(j.note.text, sizeof(j.note.text), "held back by the operator%s%.*s",
		 reason.n ? ": " : "", (int)MIN(reason.n, (size_t)200), reason.n ? reason.p : "");
	TRY(rest_write(r, run_hold, &j, f));
	rest_saved(r, rest_id(r, p.id), "%zu events %s.", j.events.n, release ? "released" : "held");
	return ERR_OK;
}

static enum err peers_hold(struct http_req *r, struct fail *f)
{
	return hold(r, false, f);
}

static enum err peers_release(struct http_req *r, struct fail *f)
{
	return hold(r, true, f);
}

/* ---- trying again ---- */

/* What was refused becomes what is to be tried again; what failed is due at once. */
static const struct {
	enum note_kind from, to;
} turns[] = {
	{NOTE_refused, NOTE_again},
	{NOTE_again, NOTE_again},
	{NOTE_push_refused, NOTE_push_again},
	{NOTE_push_again, NOTE_push_again},
};

struct retry_job {
	uint64_t peer_id, done;
	const struct events *events; /* none: all */
	bool waiting_only; /* not what was refused */
};

static enum err turn(struct store_wtxn *w, struct retry_job *j, size_t k, struct uuid u,
		     const struct note *was, struct fail *f)
{
	struct note n = *was;
	n.tries = 0;
	n.time = 0;
	n.timestamp = 0;
	if (turns[k].from != turns[k].to)
		TRY(note_put(w, j->peer_id, turns[k].from, u, NULL, f));
	TRY(note_put(w, j->peer_id, turns[k].to, u, &n, f));
	j->done++;
	return ERR_OK;
}

static enum err run_retry(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct retry_job *j = arg;
	struct note n;
	j->done = 0;
	for (size_t k = 0; k < ARRAY_LEN(turns); k++) {
		struct uuid u = UUID_NIL;
		if (j->waiting_only && turns[k].from != turns[k].to)
			continue;
		for (size_t i = 0; i < j->events->n; i++)
			if (note_get(store_view(w), j->peer_id, turns[k].from, j->events->v[i], &n) == ERR_OK)
				TRY(turn(w, j, k, j->events->v[i], &n, f));
		for (unsigned i = 0; !j->events->n && i < EVENTS_MAX; i++) {
			if (note_next(store_view(w), j->peer_id, turns[k].from, &u, &n) != ERR_OK)
				break;
			if (n.time || n.tries)
				TRY(turn(w, j, k, u, &n, f));
		}
	}
	return ERR_OK;
}

static enum err peers_retry(struct http_req *r, struct fail *f)
{
	struct misp_peer p;
	struct events events;
	json_t *body;
	if (rest_json(r, NULL, &body, f) != ERR_OK || !peer_named(r, &p, f) ||
	    !take_events(r, body, &events, f))
		return ERR_OK;
	struct retry_job j = {.peer_id = p.id,
			      .events = &events,
			      .waiting_only = rest_flag(body, "waiting", false)};
	TRY(rest_write(r, run_retry, &j, f));
	if (events.n && !j.done)
		reply_error(r, 404, "Nothing of it was refused or failed.");
	else
		rest_saved(r, rest_id(r, p.id), "%llu events are tried again.",
			   (unsigned long long)j.done);
	return ERR_OK;
}

#define ACT(row, verb, handler, text)                                                              \
	const struct endpoint row = {                                                              \
		.methods = HTTP_POST,                                                              \
		.path = "/tocsin/peers/" verb "/:id",                                              \
		.auth = perm_site_admin,                                                           \
		.run = handler,                                                                    \
		.shape = "Saved",                                                                  \
		.doc = text,                                                                       \
	}
ACT(ep_peers_suspend, "suspend", peers_suspend, "No runs of the peer until a time (until, reason)");
ACT(ep_peers_resume, "resume", peers_resume, "Runs of the peer again");
ACT(ep_peers_hold, "hold", peers_hold, "Never push these events to the peer (events, reason)");
ACT(ep_peers_release, "release", peers_release, "Push these events to the peer again (events)");
ACT(ep_peers_retry, "retry", peers_retry,
    "Try again with the next run what was refused or failed (events, or all of it)");
