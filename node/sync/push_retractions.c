/*
 * push_retractions.c - takes back, at a peer that we push to, what it may no longer have. A tocsin is told
 * and says what became of it; a MISP is asked to delete the event, which it does for its creator's users.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/pass.h"
#include "sync/push.h"
#include "sync/retracted.h"

#define BATCH 500
#define ANSWER_MAX (4u << 20)

struct taking {
	struct pass *p;
	uint32_t audience;
	struct audience aud;
	struct retract_outcome *out;
	struct uuid *as; /* the UUIDs under which the peer knows them */
	size_t n;
};

/* ---- which ---- */

/* Elements that go with their event, marked as deleted, are no business of this step. */
static bool is_ours(const struct retraction *r)
{
	return r->what == RETRACT_EVENT || r->what == RETRACT_CLUSTER ||
	       r->what == RETRACT_ANALYST || r->before.n;
}

static enum err read_batch(struct taking *x, struct buf *key, bool *end, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct retraction r;
	enum err e = ERR_OK;
	TRY(store_read(x->p->o->in->store, &t, f));
	x->n = 0;
	while (x->n < BATCH &&
	       (e = retraction_next(t, false, x->audience, key, &r)) == ERR_OK) {
		if (!is_ours(&r))
			continue;
		x->as[x->n] = egress_uuid(x->p->o->out, &x->aud, r.uuid);
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

static enum err ask_misp(struct taking *x, size_t i, struct fail *f)
{
	struct retract_outcome *o = &x->out[i];
	char path[100], uuid[UUID_TEXT_LEN + 1];
	struct client_res res;
	struct link_req q = {.method = "DELETE", .path = path};
	o->again = false;
	o->state = RETRACT_IMPOSSIBLE;
	if (o->what != RETRACT_EVENT) {
		snprintf(o->note, sizeof(o->note), "MISP has no way to take back this alone");
		return ERR_OK;
	}
	snprintf(path, sizeof(path), "/events/delete/%s", uuid_format(x->as[i], uuid));
	enum err e = link_call(&x->p->link, &q, &res, f);
	if (e == ERR_OK || e == ERR_NOENT) {
		o->state = RETRACT_ACKNOWLEDGED;
		snprintf(o->note, sizeof(o->note), "%s",
			 e == ERR_OK ? "deleted there" : "it does not have it");
		return ERR_OK;
	}
	if (res.status == 403 || res.status == 405) {
		snprintf(o->note, sizeof(o->note),
			 "the peer's MISP does not let us delete it (status %ld): ask its "
			 "administrator",
			 res.status);
		return ERR_OK;
	}
	o->again = true;
	return e;
}

static enum err tell_misp(struct taking *x, struct fail *f)
{
	for (size_t i = 0; i < x->n; i++) {
		if (pass_cancelled(x->p))
			return fail(f, ERR_CANCELLED, "cancelled");
		TRY(ask_misp(x, i, f));
	}
	return ERR_OK;
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
	e = x.out && x.as ? batches(&x, f) : fail(f, ERR_NOMEM, "no memory");
	free(x.out);
	free(x.as);
	return e == ERR_NOENT ? ERR_OK : e; /* an older tocsin */
}
