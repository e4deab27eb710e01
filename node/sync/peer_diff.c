/*
 * peer_diff.c - first the peer's rows as they come, each looked up here and its event marked; then the
 * events of ours that were not marked. Rows are told at once and not kept.
 */
#include "sync/peer_diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/notes.h"
#include "sync/peer_index.h"
#include "sync/push.h"

#define INDEX_MAX (UINT64_C(1) << 30)
#define SNAPSHOT_ROWS 5000
#define JUDGE_ARENA (16u << 20)

struct diff {
	struct link link;
	const struct egress_env *out;
	diff_item_fn tell;
	void *user;
	struct diff_result *res;
	struct peer_index *index;
	struct store_rtxn *t;
	unsigned since; /* rows looked up in this snapshot */
	uint8_t *seen; /* a bit for each event number */
	uint64_t max_id;
	struct link_rules rules;
};

static void tell(struct diff *d, enum diff_side side, struct uuid u, int64_t here, int64_t there,
		 const char *why)
{
	struct diff_item item = {side, u, here, there, why};
	d->res->n[side]++;
	if (d->tell)
		d->tell(d->user, &item);
}

/* ---- their side ---- */

static enum err snapshot(struct diff *d, struct fail *f)
{
	if (d->t && ++d->since < SNAPSHOT_ROWS)
		return ERR_OK;
	store_read_end(MOVE(d->t));
	d->since = 0;
	return store_read(d->link.env->store, &d->t, f);
}

static enum err on_row(void *user, const struct peer_index_row *row, struct fail *f)
{
	struct diff *d = user;
	struct misp_event e;
	uint64_t id = 0;
	if (d->link.env->cancelled && atomic_load(d->link.env->cancelled))
		return fail(f, ERR_CANCELLED, "cancelled");
	TRY(snapshot(d, f));
	enum err err = store_find(d->t, IX_EVENT_UUID, (struct str){(char *)row->uuid.b, 16}, &id);
	if (err == ERR_OK)
		err = store_get(d->t, T_EVENT, id, NULL, &e);
	if (err == ERR_NOENT) {
		tell(d, DIFF_ONLY_THERE, row->uuid, 0, row->timestamp, NULL);
		return ERR_OK;
	}
	if (err != ERR_OK)
		return fail(f, err, "looking up an event of the peer");
	if (id <= d->max_id)
		d->seen[id / 8] |= (uint8_t)(1u << (id % 8));
	if (e.timestamp == row->timestamp)
		d->res->same++;
	else
		tell(d, e.timestamp > row->timestamp ? DIFF_NEWER_HERE : DIFF_NEWER_THERE, row->uuid,
		     e.timestamp, row->timestamp, NULL);
	return ERR_OK;
}

static enum err on_data(void *user, const void *p, size_t n, struct fail *f)
{
	return peer_index_feed(((struct diff *)user)->index, p, n, f);
}

static enum err theirs(struct diff *d, struct fail *f)
{
	struct client_res res;
	struct link_req q = {.path = "/events/index",
			     .body = STR("{\"minimal\":1,\"published\":1}"),
			     .max_bytes = INDEX_MAX,
			     .data = on_data,
			     .user = d};
	d->index = peer_index_new(on_row, d);
	if (!d->index)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = link_call(&d->link, &q, &res, f);
	return e == ERR_OK ? peer_index_end(d->index, f) : e;
}

/* ---- our side ---- */

/* Why it is not there, as far as it is our doing. */
static const char *why_not(struct diff *d, const struct store_rtxn *t, const struct misp_event *e,
			   const struct verdict *v, char *text, size_t n)
{
	const char *why;
	struct note note;
	if (v->outcome != GATE_RELEASE) {
		view_why(v, text, n);
		return text;
	}
	if (note_get(t, d->link.row.id, NOTE_hold, e->uuid, &note) == ERR_OK ||
	    note_get(t, d->link.row.id, NOTE_push_refused, e->uuid, &note) == ERR_OK ||
	    note_get(t, d->link.row.id, NOTE_push_again, e->uuid, &note) == ERR_OK) {
		snprintf(text, n, "%s", note.text);
		return text;
	}
	return link_rules_event(&d->rules, e, &why) ? NULL : why;
}

static enum err ours(struct diff *d, struct fail *f)
{
	const struct caller caller = push_caller_of(&d->link);
	OWN(view) struct view *v = NULL;
	OWN(arena) struct arena *a = arena_new(JUDGE_ARENA);
	char text[NOTE_TEXT_MAX];
	struct misp_event e;
	struct verdict verdict;
	uint64_t id = 0;
	enum err err = ERR_OK;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	for (uint64_t i = 0; err == ERR_OK; i++) {
		if (d->link.env->cancelled && atomic_load(d->link.env->cancelled))
			return fail(f, ERR_CANCELLED, "cancelled");
		if (i % SNAPSHOT_ROWS == 0) {
			view_close(MOVE(v));
			TRY(view_open(d->out, &caller, &v, f));
		}
		err = store_next(view_txn(v), T_EVENT, &id, NULL, NULL);
		if (err != ERR_OK || (id <= d->max_id && d->seen[id / 8] & (1u << (id % 8))))
			continue;
		arena_reset(a);
		enum err one = view_verdict(v, id, a, &e, &verdict, f);
		if (one == ERR_NOENT)
			continue;
		TRY(one);
		if (e.published)
			tell(d, DIFF_ONLY_HERE, e.uuid, e.timestamp, 0,
			     why_not(d, view_txn(v), &e, &verdict, text, sizeof(text)));
	}
	return err == ERR_NOENT ? ERR_OK : fail(f, err, "reading our events");
}

/* ---- both ---- */

static enum err prepare(struct diff *d, struct fail *f)
{
	TRY(snapshot(d, f));
	d->max_id = UINT64_MAX;
	enum err e = store_prev(d->t, T_EVENT, &d->max_id, NULL, NULL);
	if (e == ERR_NOENT)
		d->max_id = 0;
	else if (e != ERR_OK)
		return fail(f, e, "reading our events");
	d->seen = calloc(d->max_id / 8 + 1, 1);
	if (!d->seen)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(link_rules_parse(d->link.row.push_rules, d->link.a, &d->rules, f));
	return link_hello(&d->link, f);
}

enum err peer_diff(const struct link_env *env, const struct egress_env *out, uint64_t peer_id,
		   diff_item_fn tell_fn, void *user, struct diff_result *res, struct fail *f)
{
	struct diff d = {.out = out, .tell = tell_fn, .user = user, .res = res};
	*res = (struct diff_result){.same = 0};
	enum err e = link_open(&d.link, env, peer_id, f);
	if (e == ERR_OK)
		e = prepare(&d, f);
	if (e == ERR_OK)
		e = theirs(&d, f);
	store_read_end(MOVE(d.t));
	if (e == ERR_OK)
		e = ours(&d, f);
	peer_index_free(d.index);
	free(d.seen);
	link_close(&d.link);
	return e;
}
