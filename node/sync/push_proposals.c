/*
 * push_proposals.c - proposals on their way to a peer (sync-protocol.md 4.11): those of events that
 * may go there, when somebody else than the peer has made or closed any. It tells how many it lacked.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "sync/pass.h"
#include "sync/push_parts.h"

#define PAGE 500u
#define BODY_MAX_BYTES (96u << 20)
#define EVENT_ARENA (64u << 20)

struct push {
	struct parts_push parts;
	struct arena *a;
	struct buf body;
	bool all_went;
};

static void tell(struct push *x, struct uuid u, int what, const char *text)
{
	struct pass_item item = {.kind = PASS_PROPOSAL, .uuid = u, .text = text};
	item.what = what;
	pass_tell(x->parts.p, &item);
}

/* What the peer made of one page. Does it have the event? */
static bool count(struct push *x, struct uuid u, const json_t *answer, uint64_t sent)
{
	struct pass_count *n = &x->parts.p->res->n[PASS_PROPOSAL];
	const json_t *counter = json_object_get(answer, "counter");
	const char *text = json_string_value(json_object_get(answer, "message"));
	json_int_t got = json_is_integer(counter) ? json_integer_value(counter) : 0;
	uint64_t added = got > 0 ? MIN((uint64_t)got, sent) : 0;
	for (uint64_t i = 0; i < added; i++)
		tell(x, u, PASS_ITEM_ADDED, "proposed here");
	if (!added && text && strstr(text, "not found")) {
		n->held += sent; /* the event brings them when it goes */
		return false;
	}
	n->current += sent - added;
	return true;
}

/* ---- what is remembered ---- */

/* Of the only page, so that an event that is edited does not bring its proposals each time. */
static int64_t digest(const struct push *x)
{
	return (int64_t)(hash_64(x->body.p, x->body.n, 0) >> 1);
}

static bool was_sent(const struct push *x, uint64_t event_id, struct uuid own)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	const struct pass *p = x->parts.p;
	struct note n;
	struct fail why = {0};
	return parts_push_trusts(&x->parts, event_id) &&
	       store_read(p->o->in->store, &t, &why) == ERR_OK &&
	       note_get(t, p->o->peer_id, NOTE_push_proposals, own, &n) == ERR_OK &&
	       n.timestamp == digest(x);
}

static void note_sent(const struct push *x, struct uuid own)
{
	const struct note n = {.timestamp = digest(x), .time = clock_now()};
	const struct note_change v = {NOTE_push_proposals, &n};
	notes_write(x->parts.p->o->in->store, x->parts.p->o->peer_id, own, &v, 1);
}

/* ---- sending ---- */

/* One page. *sent: how many it held, 0 at the end. */
static enum err page(struct push *x, uint64_t event_id, struct uuid own, struct uuid as, uint64_t at,
		     uint64_t *sent, struct fail *f)
{
	struct pass *p = x->parts.p;
	const struct part_filter filter = {.live = true, .deleted = true, .skip = at, .limit = PAGE};
	char path[100], uuid[UUID_TEXT_LEN + 1];
	json_error_t why;
	json_t *doc, *answer = NULL;
	OWN(receipt) struct receipt *receipt = NULL;
	*sent = 0;
	TRY(parts_push_body(&x->parts, ".proposals", "push", event_id, &filter, &x->body, &receipt,
			    f));
	doc = json_loadb(x->body.p ? x->body.p : "[]", x->body.p ? x->body.n : 2, 0, &why);
	*sent = json_array_size(doc);
	p->res->n[PASS_PROPOSAL].listed += *sent;
	bool whole = !at && *sent < PAGE && !parts_push_some(&x->parts, event_id);
	if (!*sent || (whole && was_sent(x, event_id, own))) {
		p->res->n[PASS_PROPOSAL].current += *sent;
		json_decref(doc);
		return ERR_OK;
	}
	if (p->o->preview) {
		for (uint64_t i = 0; i < *sent; i++)
			tell(x, own, PASS_ITEM_ADDED, "would be sent; the peer passes over what it has");
		json_decref(doc);
		return ERR_OK;
	}
	snprintf(path, sizeof(path), "/events/pushProposals/%s", uuid_format(as, uuid));
	enum err e = receipts_intend(&receipt, 1, f);
	if (e == ERR_OK) {
		e = link_json(&p->link, path, doc, 0, &answer, f);
		receipt_end(MOVE(receipt), sent_outcome_of(e));
	}
	if (e == ERR_OK && count(x, own, answer, *sent) && whole)
		note_sent(x, own);
	json_decref(answer);
	json_decref(doc);
	return e;
}

static enum err done(struct push *x, uint64_t event_id)
{
	push_log_add(x->parts.log, event_id, PUSH_PROPOSALS_DONE);
	return ERR_OK;
}

static bool ends_all(enum err e)
{
	return intake_stops_all(e) || e == ERR_NET || e == ERR_AUTH || e == ERR_NOMEM;
}

/* One that fails is told and does not hold up the others. */
static enum err one_event(struct push *x, uint64_t event_id, struct fail *f)
{
	struct misp_event e;
	struct uuid as;
	struct fail why = {0};
	uint64_t at = 0, sent = 0;
	size_t some = parts_push_some(&x->parts, event_id);
	arena_reset(x->a);
	enum err err = parts_push_head(&x->parts, event_id, x->a, &e, &as, &why);
	if (err == ERR_NOENT)
		return done(x, event_id);
	struct uuid own = e.uuid;
	do {
		if (err == ERR_OK)
			err = page(x, event_id, own, as, at, &sent, &why);
		at += PAGE;
	} while (err == ERR_OK && (some ? at < some : sent == PAGE));
	if (err == ERR_OK)
		return done(x, event_id);
	if (ends_all(err)) {
		*f = why;
		return err;
	}
	x->all_went = false;
	tell(x, own, PASS_ITEM_FAILED, why.text[0] ? why.text : err_text(err));
	return ERR_OK;
}

enum err push_proposals(struct pass *p, struct fail *f)
{
	struct push x = {.parts = {.p = p, .kind = EL_PROPOSAL},
			 .body = BUF(BODY_MAX_BYTES),
			 .all_went = true};
	if (!p->o->out || !p->link.hello.perm_sync || p->o->technique == PASS_CLUSTERS) {
		p->parts_done |= PUSH_PROPOSALS_DONE;
		return ERR_OK;
	}
	x.a = arena_new(EVENT_ARENA);
	enum err e = x.a ? parts_push_choose(&x.parts, f)
			 : fail(f, ERR_NOMEM, "no memory");
	for (size_t i = 0; e == ERR_OK && i < x.parts.ids.n; i++) {
		if (pass_cancelled(p))
			e = fail(f, ERR_CANCELLED, "cancelled");
		else
			e = one_event(&x, x.parts.ids.v[i], f);
		pass_progress(p, i + 1, x.parts.ids.n);
	}
	if (e == ERR_OK)
		e = parts_push_rest(&x.parts, PUSH_PROPOSALS_DONE, f);
	if (e == ERR_OK && x.all_went && p->o->technique != PASS_ONE)
		p->state.proposals_covered = x.parts.log->seq;
	parts_push_free(&x.parts);
	buf_free(&x.body);
	arena_free(x.a);
	return e;
}
