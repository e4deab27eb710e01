/*
 * push_retractions.c - takes back, at a peer that we push to, what it may no longer have. A tocsin is told
 * and says what became of it. A MISP gets the nearest thing that it has: elements marked as deleted in an
 * edit of their event; for a whole event it is asked to delete it, which it does for its creator's users.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/pass.h"
#include "sync/push.h"
#include "sync/retracted.h"

#define BATCH 500
#define ANSWER_MAX (4u << 20)
#define DOCUMENT_MAX (64u << 20)
#define BATCH_ARENA (64u << 20)

struct lost {
	uint64_t event_id; /* 0: it is none */
	struct uuid event;
	struct egress_gone gone;
	bool done;
};

struct taking {
	struct pass *p;
	uint32_t audience;
	struct audience aud;
	struct retract_outcome *out;
	struct uuid *as; /* the UUIDs under which the peer knows them */
	struct lost *el; /* what they are, for a MISP */
	struct arena *a; /* of the batch */
	size_t n;
};

/* ---- which ---- */

static enum err read_batch(struct taking *x, struct buf *key, bool *end, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct retraction r;
	enum err e = ERR_OK;
	TRY(store_read(x->p->o->in->store, &t, f));
	x->n = 0;
	arena_reset(x->a);
	while (x->n < BATCH &&
	       (e = retraction_next(t, false, x->audience, key, &r)) == ERR_OK) {
		if (retraction_goes_along(&r))
			continue;
		x->as[x->n] = egress_uuid(x->p->o->out, &x->aud, r.uuid);
		x->el[x->n] = (struct lost){
			.event_id = r.event_id,
			.event = egress_uuid(x->p->o->out, &x->aud, r.event_uuid),
			.gone = {r.what == RETRACT_OBJECT ? EL_OBJECT : EL_ATTR, r.parent,
				 arena_str(x->a, r.before)}};
		x->out[x->n++] = (struct retract_outcome){.audience = r.audience,
							  .what = (enum retract_what)r.what,
							  .uuid = r.uuid,
							  .again = true};
	}
	*end = e == ERR_NOENT;
	return e == ERR_OK || e == ERR_NOENT ? ERR_OK : fail(f, e, "reading retractions");
}

/* ---- a tocsin ---- */

static void outcome_of(struct taking *x, const json_t *item)
{
	const char *uuid = json_string_value(json_object_get(item, "uuid"));
	const char *outcome = json_string_value(json_object_get(item, "outcome"));
	const char *note = json_string_value(json_object_get(item, "note"));
	enum retracted o;
	struct uuid u;
	if (!uuid || !outcome || !uuid_parse(str_c(uuid), &u) || !retracted_find(str_c(outcome), &o))
		return;
	for (size_t i = 0; i < x->n; i++) {
		if (!uuid_eq(x->as[i], u))
			continue;
		retract_said(&x->out[i], o, note ? note : "");
	}
}

static enum err tell_tocsin(struct taking *x, struct fail *f)
{
	char uuid[UUID_TEXT_LEN + 1];
	json_t *list = json_array(), *answer = NULL, *item;
	size_t i;
	for (i = 0; list && i < x->n; i++)
		json_array_append_new(list, json_pack("{s:s,s:s}", "what",
						      retract_what_name(x->out[i].what), "uuid",
						      uuid_format(x->as[i], uuid)));
	json_t *body = json_pack("{s:o}", "retractions", list);
	enum err e = body ? link_json(&x->p->link, "/tocsin/retract", body, ANSWER_MAX, &answer, f) :
			    fail(f, ERR_NOMEM, "no memory");
	if (e == ERR_OK)
		json_array_foreach(json_object_get(answer, "outcomes"), i, item)
			outcome_of(x, item);
	json_decref(body);
	json_decref(answer);
	return e;
}

/* ---- a MISP ---- */

static void impossible(struct retract_outcome *o, const char *note)
{
	o->again = false;
	o->state = RETRACT_IMPOSSIBLE;
	snprintf(o->note, sizeof(o->note), "%s", note);
}

/* What the peer's answer means for one row; what says nothing of it stays open. */
static void answered(struct retract_outcome *o, enum err e, const struct client_res *res,
		     const char *done)
{
	if (e == ERR_OK || e == ERR_NOENT) {
		o->again = false;
		o->state = RETRACT_ACKNOWLEDGED;
		snprintf(o->note, sizeof(o->note), "%s",
			 e == ERR_OK ? done : "it does not have the event");
	} else if (res->status == 403 || res->status == 405) {
		impossible(o, "the peer's MISP does not let us: ask its administrator");
	}
}

static enum err delete_event(struct taking *x, size_t i, struct fail *f)
{
	char path[100], uuid[UUID_TEXT_LEN + 1];
	struct client_res res;
	struct link_req q = {.method = "DELETE", .path = path};
	snprintf(path, sizeof(path), "/events/delete/%s", uuid_format(x->as[i], uuid));
	enum err e = link_call(&x->p->link, &q, &res, f);
	answered(&x->out[i], e, &res, "deleted there");
	return x->out[i].again ? e : ERR_OK;
}

/* The event's head, and of its elements those that are taken back; sent over the link. */
static enum err edit_send(struct taking *x, size_t i, const struct egress_gone *v, size_t n,
			  struct client_res *res, struct fail *f)
{
	OWN(buf) struct buf body = BUF(DOCUMENT_MAX);
	OWN(sealed) struct sealed *s = NULL;
	const struct egress_push what = {.caller = push_caller(x->p),
					 .event_id = x->el[i].event_id,
					 .no_reports = true,
					 .gone = v,
					 .n_gone = n};
	char path[100], uuid[UUID_TEXT_LEN + 1];
	bool end = false;
	TRY(egress_push(x->p->o->out, &what, &s, f));
	while (!end)
		TRY(sealed_pull(s, &body, 64 << 10, &end, f));
	if (!body.n)
		return fail(f, ERR_WITHHELD, "the event itself may no longer go there");
	snprintf(path, sizeof(path), "/events/edit/%s/metadata:1",
		 uuid_format(x->el[i].event, uuid));
	struct link_req q = {.path = path,
			     .body = buf_str(&body),
			     .compress = true,
			     .max_bytes = DOCUMENT_MAX};
	enum err e = link_call(&x->p->link, &q, res, f);
	if (e != ERR_OK)
		sealed_lost(s);
	return e;
}

/* All elements of the batch that stand in the event of the i-th. */
static enum err edit_event(struct taking *x, size_t i, struct fail *f)
{
	struct client_res res = {0};
	uint64_t event_id = x->el[i].event_id;
	struct egress_gone *v = ARENA_ARRAY(x->a, struct egress_gone, x->n);
	size_t n = 0;
	if (!v)
		return fail(f, ERR_NOMEM, "no memory");
	for (size_t k = i; k < x->n; k++)
		if (x->el[k].event_id == event_id && x->out[k].what != RETRACT_REPORT)
			v[n++] = x->el[k].gone;
	enum err e = n ? edit_send(x, i, v, n, &res, f) : ERR_OK;
	for (size_t k = i; k < x->n; k++) {
		if (x->el[k].event_id != event_id || x->el[k].done)
			continue;
		x->el[k].done = true;
		if (x->out[k].what == RETRACT_REPORT)
			impossible(&x->out[k], "MISP has no way to take back a report alone");
		else if (e == ERR_WITHHELD)
			impossible(&x->out[k], f->text);
		else
			answered(&x->out[k], e, &res, "marked as deleted there");
	}
	return x->out[i].again ? e : ERR_OK;
}

static enum err tell_misp(struct taking *x, struct fail *f)
{
	enum err e = ERR_OK;
	for (size_t i = 0; i < x->n && e == ERR_OK; i++) {
		if (pass_cancelled(x->p))
			return fail(f, ERR_CANCELLED, "cancelled");
		if (x->el[i].done)
			continue;
		if (x->el[i].event_id)
			e = edit_event(x, i, f);
		else if (x->out[i].what == RETRACT_EVENT)
			e = delete_event(x, i, f);
		else
			impossible(&x->out[i], "MISP has no way to take back this alone");
	}
	return e;
}

/* ---- the step ---- */

static void count(const struct taking *x)
{
	struct pass_count *n = &x->p->res->n[PASS_RETRACTION];
	for (size_t i = 0; i < x->n; i++) {
		const struct retract_outcome *o = &x->out[i];
		struct pass_item item = {
			.kind = PASS_RETRACTION, .uuid = o->uuid, .text = o->note};
		n->listed++;
		item.what = o->again			     ? PASS_ITEM_FAILED :
			    o->state == RETRACT_IMPOSSIBLE ? PASS_ITEM_REFUSED :
							       PASS_ITEM_UPDATED;
		pass_tell(x->p, &item);
	}
}

static enum err batches(struct taking *x, struct fail *f)
{
	OWN(buf) struct buf key = BUF(64);
	bool end = false;
	while (!end) {
		TRY(read_batch(x, &key, &end, f));
		if (!x->n)
			continue;
		if (x->p->o->preview) {
			x->p->res->n[PASS_RETRACTION].listed += x->n;
			continue;
		}
		enum err e = x->p->link.hello.tocsin[0] ? tell_tocsin(x, f) : tell_misp(x, f);
		count(x);
		TRY(retractions_note(x->p->o->in->store, x->out, x->n, f));
		TRY(e);
	}
	return ERR_OK;
}

/* The number under which the ledger knows the link; ERR_NOENT: it was never given anything. */
static enum err audience_of(struct taking *x, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	const struct caller caller = push_caller(x->p);
	TRY(view_open(x->p->o->out, &caller, &v, f));
	x->aud = *view_audience(v);
	return recipient_number(view_txn(v), &x->aud, &x->audience);
}

enum err push_retractions(struct pass *p, struct fail *f)
{
	struct taking x = {.p = p};
	if (!p->link.row.push || p->o->technique == PASS_ONE)
		return ERR_OK;
	enum err e = audience_of(&x, f);
	if (e != ERR_OK)
		return e == ERR_NOENT ? ERR_OK : e;
	x.out = calloc(BATCH, sizeof(*x.out));
	x.as = calloc(BATCH, sizeof(*x.as));
	x.el = calloc(BATCH, sizeof(*x.el));
	x.a = arena_new(BATCH_ARENA);
	e = x.out && x.as && x.el && x.a ? batches(&x, f) : fail(f, ERR_NOMEM, "no memory");
	free(x.out);
	free(x.as);
	free(x.el);
	arena_free(x.a);
	return e == ERR_NOENT ? ERR_OK : e; /* an older tocsin */
}
