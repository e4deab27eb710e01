/*
 * push_proposals.c - proposals on their way to a peer (sync-protocol.md 4.11): those of events that
 * may go there, when somebody else than the peer has made or closed any. It tells how many it lacked.
 */
#include <stdio.h>
#include <string.h>

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

/* What the peer made of one page. */
static void count(struct push *x, struct uuid u, const json_t *answer, uint64_t sent)
{
	struct pass_count *n = &x->parts.p->res->n[PASS_PROPOSAL];
	const json_t *counter = json_object_get(answer, "counter");
	const char *text = json_string_value(json_object_get(answer, "message"));
	json_int_t got = json_is_integer(counter) ? json_integer_value(counter) : 0;
	uint64_t added = got > 0 ? MIN((uint64_t)got, sent) : 0;
	for (uint64_t i = 0; i < added; i++)
		tell(x, u, PASS_ITEM_ADDED, "proposed here");
	if (!added && text && strstr(text, "not found")) {
		n->held += sent; /* it does not have the event */
		x->all_went &= !parts_push_waits(&x->parts, u);
	} else {
		n->current += sent - added;
	}
}

/* One page. *sent: how many it held, 0 at the end. */
static enum err page(struct push *x, uint64_t event_id, struct uuid own, struct uuid as, uint64_t at,
		     uint64_t *sent, struct fail *f)
{
	struct pass *p = x->parts.p;
	const struct part_filter filter = {.live = true, .deleted = true, .skip = at, .limit = PAGE};
	char path[100], uuid[UUID_TEXT_LEN + 1];
	json_error_t why;
	json_t *doc, *answer = NULL;
	*sent = 0;
	TRY(parts_push_body(&x->parts, ".proposals", "push", event_id, &filter, &x->body, f));
	doc = json_loadb(x->body.p ? x->body.p : "[]", x->body.p ? x->body.n : 2, 0, &why);
	*sent = json_array_size(doc);
	p->res->n[PASS_PROPOSAL].listed += *sent;
	if (!*sent) {
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
	enum err e = link_json(&p->link, path, doc, 0, &answer, f);
	if (e == ERR_OK)
		count(x, own, answer, *sent);
	json_decref(answer);
	json_decref(doc);
	return e;
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
		return ERR_OK;
	struct uuid own = e.uuid;
	do {
		if (err == ERR_OK)
			err = page(x, event_id, own, as, at, &sent, &why);
		at += PAGE;
	} while (err == ERR_OK && (some ? at < some : sent == PAGE));
	if (err == ERR_OK)
		return ERR_OK;
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
	if (!p->o->out || !p->link.hello.perm_sync || p->o->technique == PASS_CLUSTERS)
		return ERR_OK;
	x.a = arena_new(EVENT_ARENA);
	enum err e = x.a ? parts_push_choose(&x.parts, p->state.proposals_covered, f)
			 : fail(f, ERR_NOMEM, "no memory");
	for (size_t i = 0; e == ERR_OK && i < x.parts.n; i++) {
		if (pass_cancelled(p))
			e = fail(f, ERR_CANCELLED, "cancelled");
		else
			e = one_event(&x, x.parts.ids[i], f);
		pass_progress(p, i + 1, x.parts.n);
	}
	if (e == ERR_OK && x.all_went && p->o->technique != PASS_ONE)
		p->state.proposals_covered = x.parts.seq;
	parts_push_free(&x.parts);
	buf_free(&x.body);
	arena_free(x.a);
	return e;
}
