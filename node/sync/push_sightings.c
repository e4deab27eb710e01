/*
 * push_sightings.c - published sightings on their way to a peer (sync-protocol.md 4.9): it is asked
 * which it has and sent the others, in pages, so that memory does not follow their number. What was
 * sent at which sighting_timestamp is noted. The gate decides which may go (6.7).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sync/pass.h"
#include "sync/push_parts.h"

#define PAGE 50000u
#define BODY_MAX_BYTES (256u << 20)
#define EVENT_ARENA (64u << 20)

struct push {
	struct parts_push parts;
	struct arena *a;
	struct buf body;
	struct uuid *known; /* of the page at hand */
	size_t n_known;
	bool all_went;
};

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct uuid));
}

static enum err body_json(struct push *x, const char *exporter, uint64_t event_id,
			  const struct part_filter *filter, json_t **out, struct receipt **receipt,
			  struct fail *f)
{
	json_error_t why;
	TRY(parts_push_body(&x->parts, exporter, "", event_id, filter, &x->body, receipt, f));
	*out = json_loadb(x->body.p ? x->body.p : "[]", x->body.p ? x->body.n : 2, 0, &why);
	return *out ? ERR_OK : fail(f, ERR_NOMEM, "no memory for a page of sightings");
}

/* Which of the page has the peer? ERR_NOENT: not even the event. */
static enum err ask(struct push *x, struct uuid as, const json_t *uuids, struct receipt **receipt,
		    struct fail *f)
{
	struct pass *p = x->parts.p;
	char path[120], text[UUID_TEXT_LEN + 1];
	json_t *answer = NULL;
	const json_t *item;
	size_t i;
	x->n_known = 0;
	if (!p->link.hello.filter_sightings)
		return ERR_OK;
	snprintf(path, sizeof(path), "/sightings/filterSightingUuidsForPush/%s",
		 uuid_format(as, text));
	TRY(receipts_intend(receipt, 1, f));
	enum err e = link_json(&p->link, path, uuids, BODY_MAX_BYTES, &answer, f);
	receipt_end(MOVE(*receipt), sent_outcome_of(e));
	TRY(e);
	json_array_foreach(answer, i, item) {
		const char *s = json_string_value(item);
		if (x->n_known < PAGE && s && uuid_parse(str_c(s), &x->known[x->n_known]))
			x->n_known++;
	}
	json_decref(answer);
	qsort(x->known, x->n_known, sizeof(*x->known), by_bytes);
	return ERR_OK;
}

static void tell(struct push *x, struct uuid u, int what, const char *text)
{
	struct pass_item item = {.kind = PASS_SIGHTING, .uuid = u, .text = text};
	item.what = what;
	pass_tell(x->parts.p, &item);
}

/* What it lacks of the page. */
static enum err send_rest(struct push *x, uint64_t event_id, struct uuid own, struct uuid as,
			  struct part_filter filter, struct fail *f)
{
	struct pass *p = x->parts.p;
	char path[120], text[UUID_TEXT_LEN + 1];
	json_t *doc = NULL, *answer = NULL;
	filter.known = x->known;
	filter.n_known = x->n_known;
	OWN(receipt) struct receipt *receipt = NULL;
	TRY(body_json(x, ".sightings-push", event_id, &filter, &doc, &receipt, f));
	size_t n = json_array_size(doc);
	bool send = n && !p->o->preview;
	enum err e = send ? receipts_intend(&receipt, 1, f) : ERR_OK;
	snprintf(path, sizeof(path), "/sightings/bulkSaveSightings/%s", uuid_format(as, text));
	if (send && e == ERR_OK) {
		e = link_json(&p->link, path, doc, 0, &answer, f);
		receipt_end(MOVE(receipt), sent_outcome_of(e));
	}
	json_decref(answer);
	json_decref(doc);
	TRY(e);
	p->res->n[PASS_SIGHTING].bytes += x->body.n;
	for (size_t i = 0; i < n; i++)
		tell(x, own, PASS_ITEM_ADDED, "seen here");
	return ERR_OK;
}

/* One page. *n: how many it held. */
static enum err page(struct push *x, uint64_t event_id, struct uuid own, struct uuid as, uint64_t at,
		     size_t *n, struct fail *f)
{
	struct pass_count *c = &x->parts.p->res->n[PASS_SIGHTING];
	const struct part_filter filter = {.skip = at, .limit = PAGE};
	json_t *uuids = NULL;
	OWN(receipt) struct receipt *receipt = NULL;
	*n = 0;
	TRY(body_json(x, ".sighting-uuids", event_id, &filter, &uuids, &receipt, f));
	*n = json_array_size(uuids);
	c->listed += *n;
	enum err e = *n ? ask(x, as, uuids, &receipt, f) : ERR_OK;
	json_decref(uuids);
	if (e != ERR_OK || !*n)
		return e;
	c->current += MIN(x->n_known, *n);
	return x->n_known >= *n ? ERR_OK : send_rest(x, event_id, own, as, filter, f);
}

/* ---- what is remembered ---- */

static bool was_sent(const struct push *x, const struct misp_event *e)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct pass *p = x->parts.p;
	struct note n;
	struct fail why = {0};
	return parts_push_trusts(&x->parts, e->id) &&
	       store_read(p->o->in->store, &t, &why) == ERR_OK &&
	       note_get(t, p->o->peer_id, NOTE_push_sightings, e->uuid, &n) == ERR_OK &&
	       n.timestamp == e->sighting_timestamp;
}

static void sent(const struct push *x, struct uuid own, int64_t at)
{
	const struct note n = {.timestamp = at, .time = clock_now()};
	const struct note_change v = {NOTE_push_sightings, &n};
	if (!x->parts.p->o->preview)
		notes_write(x->parts.p->o->in->store, x->parts.p->o->peer_id, own, &v, 1);
}

static enum err done(struct push *x, uint64_t event_id)
{
	push_log_add(x->parts.log, event_id, PUSH_SIGHTINGS_DONE);
	return ERR_OK;
}

static bool ends_all(enum err e)
{
	return intake_stops_all(e) || e == ERR_NET || e == ERR_AUTH || e == ERR_NOMEM;
}

static enum err one_event(struct push *x, uint64_t event_id, struct fail *f)
{
	struct misp_event e;
	struct uuid as;
	struct fail why = {0};
	uint64_t at = 0;
	size_t n = 0;
	arena_reset(x->a);
	enum err err = parts_push_head(&x->parts, event_id, x->a, &e, &as, &why);
	if (err == ERR_NOENT || (err == ERR_OK && was_sent(x, &e)))
		return done(x, event_id);
	struct uuid own = e.uuid;
	int64_t stamp = e.sighting_timestamp;
	do {
		if (err == ERR_OK)
			err = page(x, event_id, own, as, at, &n, &why);
		at += PAGE;
	} while (err == ERR_OK && n == PAGE);
	if (err == ERR_OK)
		sent(x, own, stamp);
	/* it does not have the event, which brings them when it goes */
	if (err == ERR_OK || err == ERR_NOENT)
		return done(x, event_id);
	if (ends_all(err)) {
		*f = why;
		return err;
	}
	x->all_went = false;
	tell(x, own, PASS_ITEM_FAILED, why.text[0] ? why.text : err_text(err));
	return ERR_OK;
}

static bool applies(const struct pass *p)
{
	const struct link_hello *h = &p->link.hello;
	return p->o->out && p->link.row.push_sightings && (h->perm_sync || h->perm_sighting) &&
	       p->o->technique != PASS_CLUSTERS;
}

enum err push_sightings(struct pass *p, struct fail *f)
{
	struct push x = {.parts = {.p = p, .kind = EL_SIGHTING},
			 .body = BUF(BODY_MAX_BYTES),
			 .all_went = true};
	if (!applies(p)) {
		p->parts_done |= PUSH_SIGHTINGS_DONE;
		return ERR_OK;
	}
	x.a = arena_new(EVENT_ARENA);
	x.known = calloc(PAGE, sizeof(*x.known));
	enum err e = x.a && x.known ? parts_push_choose(&x.parts, f)
				    : fail(f, ERR_NOMEM, "no memory");
	for (size_t i = 0; e == ERR_OK && i < x.parts.ids.n; i++) {
		if (pass_cancelled(p))
			e = fail(f, ERR_CANCELLED, "cancelled");
		else
			e = one_event(&x, x.parts.ids.v[i], f);
		pass_progress(p, i + 1, x.parts.ids.n);
	}
	if (e == ERR_OK)
		e = parts_push_rest(&x.parts, PUSH_SIGHTINGS_DONE, f);
	if (e == ERR_OK && x.all_went && p->o->technique != PASS_ONE)
		p->state.sightings_covered = x.parts.log->seq;
	parts_push_free(&x.parts);
	buf_free(&x.body);
	free(x.known);
	arena_free(x.a);
	return e;
}
