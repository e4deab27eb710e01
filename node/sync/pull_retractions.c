/*
 * pull_retractions.c - what a tocsin takes back of what it gave us: asked for when it says that there is
 * something, done here, and told.
 */
#include "sync/pass.h"
#include "sync/retracted.h"

#define ANSWER_MAX (16u << 20)
#define ROUNDS_MAX 1000 /* of one pass; each takes what the one before left */

static void tell(struct pass *p, const json_t *item, enum retracted outcome)
{
	struct pass_item it = {.kind = PASS_RETRACTION};
	const char *note = json_string_value(json_object_get(item, "note"));
	p->res->n[PASS_RETRACTION].listed++;
	if (outcome == RETRACTED_UNKNOWN) {
		p->res->n[PASS_RETRACTION].current++;
		return;
	}
	uuid_parse(str_c(json_string_value(json_object_get(item, "uuid"))), &it.uuid);
	it.what = outcome == RETRACTED_DONE ? PASS_ITEM_UPDATED : PASS_ITEM_FAILED;
	it.text = note && *note ? note : "taken back by the peer";
	pass_tell(p, &it);
}

/* One answer: do what it says, and leave what became of it in `done`. */
static enum err take(struct pass *p, const json_t *answer, json_t *done, struct fail *f)
{
	const struct retracting by = {.in = p->o->in,
				      .origin = pass_origin(p),
				      .peer_id = p->o->peer_id,
				      .org_id = p->link.row.org_id,
				      .org = p->link.remote_org,
				      .internal = p->link.internal};
	json_t *item;
	size_t i;
	json_array_foreach(json_object_get(answer, "retractions"), i, item) {
		enum retracted outcome;
		struct fail why = {0};
		if (pass_cancelled(p))
			return fail(f, ERR_CANCELLED, "cancelled");
		if (p->o->preview) {
			p->res->n[PASS_RETRACTION].listed++;
			continue;
		}
		if (!retracted_apply_json(&by, item, done, &outcome, &why))
			return fail(f, ERR_PEER, "the peer's list of retractions is malformed");
		tell(p, json_array_get(done, json_array_size(done) - 1), outcome);
	}
	return ERR_OK;
}

enum err pull_retractions(struct pass *p, struct fail *f)
{
	if (!p->native || !(p->changed & 1u << PASS_RETRACTION) || p->o->technique != PASS_FULL)
		return ERR_OK;
	json_t *done = json_array();
	enum err e = done ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
	for (unsigned i = 0; e == ERR_OK && i < ROUNDS_MAX; i++) {
		json_t *body = json_pack("{s:o}", "done", done), *answer = NULL;
		done = json_array();
		e = body && done ? link_json(&p->link, "/tocsin/retractions/mine", body, ANSWER_MAX,
					     &answer, f) :
				   fail(f, ERR_NOMEM, "no memory");
		json_decref(body);
		if (e == ERR_OK)
			e = take(p, answer, done, f);
		json_decref(answer);
		if (!json_array_size(done))
			break;
	}
	json_decref(done);
	return e == ERR_NOENT ? ERR_OK : e; /* an older one knows no retractions */
}
