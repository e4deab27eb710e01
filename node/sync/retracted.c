/*
 * retracted.c - takes back, on the word of the peer that gave it, what is here. What was made here, or
 * came from somebody else, stays.
 */
#include "sync/retracted.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

#define ARENA (16u << 20)

static const char *const names[] = {"done", "unknown", "failed"};

const char *retracted_name(enum retracted r)
{
	return names[r];
}

bool retracted_find(struct str name, enum retracted *out)
{
	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		if (str_is(name, names[i])) {
			*out = (enum retracted)i;
			return true;
		}
	return false;
}

void retract_said(struct retract_outcome *r, enum retracted said, const char *note)
{
	static const char *const plain[] = {"", "it has nothing of ours under this UUID", "it failed: "};
	r->again = said == RETRACTED_FAILED;
	r->state = RETRACT_ACKNOWLEDGED;
	snprintf(r->note, sizeof(r->note), "%s%.200s", plain[said],
		 said == RETRACTED_FAILED ? note : "");
}

/* Did the event come from this peer? */
static bool came_from(const struct retracting *by, const struct misp_event *e)
{
	if (by->internal)
		return true;
	if (!e->locked)
		return false;
	return by->peer_id ? e->origin_peer == by->peer_id : by->org_id && e->org_id == by->org_id;
}

struct target {
	struct misp_event e;
	struct misp_cluster c;
	struct misp_analyst n;
	uint64_t id;
	const char *stays; /* why; NULL: it may be taken back */
};

static struct str key_of(const struct uuid *u)
{
	return (struct str){(const char *)u->b, 16};
}

static enum err find_event(const struct retracting *by, const struct store_rtxn *t, uint64_t id,
			   struct arena *a, struct target *x)
{
	TRY(store_get(t, T_EVENT, id, a, &x->e));
	if (!came_from(by, &x->e))
		x->stays = x->e.locked ? "the event came from somebody else" :
					   "the event was made here";
	return ERR_OK;
}

static enum err find_element(const struct retracting *by, const struct store_rtxn *t,
			     enum element_kind k, struct uuid u, struct arena *a, struct target *x)
{
	struct index_uuid at;
	TRY(index_uuid_find(by->in->index, u, &at));
	if (at.kind != CHANGE_EL(k))
		return ERR_NOENT;
	x->id = at.id;
	return find_event(by, t, at.event_id, a, x);
}

static enum err find(const struct retracting *by, const struct store_rtxn *t,
		     enum retract_what what, struct uuid u, struct arena *a, struct target *x)
{
	switch (what) {
	case RETRACT_EVENT:
		TRY(store_find(t, IX_EVENT_UUID, key_of(&u), &x->id));
		return find_event(by, t, x->id, a, x);
	case RETRACT_ATTRIBUTE:
		return find_element(by, t, EL_ATTR, u, a, x);
	case RETRACT_OBJECT:
		return find_element(by, t, EL_OBJECT, u, a, x);
	case RETRACT_REPORT:
		return find_element(by, t, EL_REPORT, u, a, x);
	case RETRACT_CLUSTER:
		TRY(store_find(t, IX_CLUSTER_UUID, key_of(&u), &x->id));
		TRY(store_get(t, T_CLUSTER, x->id, a, &x->c));
		if (!by->internal && (!x->c.locked || x->c.org_id != by->org_id))
			x->stays = "the cluster did not come from there";
		return x->c.deleted ? ERR_NOENT : ERR_OK;
	case RETRACT_ANALYST:
		TRY(store_find(t, IX_ANALYST_UUID, key_of(&u), &x->id));
		TRY(store_get(t, T_ANALYST, x->id, a, &x->n));
		if (!by->internal &&
		    (!x->n.locked || !uuid_eq(x->n.orgc_uuid, by->org)))
			x->stays = "it did not come from there";
		return ERR_OK;
	case RETRACT_WHAT_COUNT:
	default:
		return ERR_NOENT;
	}
}

static enum err take_back(const struct retracting *by, enum retract_what what, uint64_t id,
			  struct fail *f)
{
	switch (what) {
	case RETRACT_EVENT:
		return ingest_event_delete(by->in, id, false, &by->origin, f);
	case RETRACT_ATTRIBUTE:
		return ingest_el_take_back(by->in, EL_ATTR, id, &by->origin, f);
	case RETRACT_OBJECT:
		return ingest_el_take_back(by->in, EL_OBJECT, id, &by->origin, f);
	case RETRACT_REPORT:
		return ingest_el_take_back(by->in, EL_REPORT, id, &by->origin, f);
	case RETRACT_CLUSTER:
		return ingest_cluster_delete(by->in, id, false, &by->origin, f);
	case RETRACT_ANALYST:
		return ingest_analyst_delete(by->in, id, false, &by->origin, f);
	case RETRACT_WHAT_COUNT:
	default:
		return ERR_NOENT;
	}
}

enum retracted retracted_apply(const struct retracting *by, enum retract_what what, struct uuid u,
			       char note[RETRACT_TEXT_MAX], struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(arena) struct arena *a = arena_new(ARENA);
	struct target x = {0};
	char text[UUID_TEXT_LEN + 1];
	note[0] = '\0';
	enum err e = a ? store_read(by->in->store, &t, f) : fail(f, ERR_NOMEM, "no memory");
	if (e == ERR_OK)
		e = find(by, t, what, u, a, &x);
	if (t)
		store_read_end(MOVE(t));
	if (e == ERR_NOENT)
		return RETRACTED_UNKNOWN;
	if (e == ERR_OK && x.stays) {
		log_info("retract", "stays=%s uuid=%s peer=%llu why=%s", retract_what_name(what),
			 uuid_format(u, text), (unsigned long long)by->peer_id,
			 log_val(str_c(x.stays)));
		return RETRACTED_UNKNOWN;
	}
	if (e == ERR_OK)
		e = take_back(by, what, x.id, f);
	if (e == ERR_NOENT) /* gone meanwhile */
		return RETRACTED_UNKNOWN;
	if (e != ERR_OK) {
		snprintf(note, RETRACT_TEXT_MAX, "%.255s", f->text[0] ? f->text : err_text(e));
		return RETRACTED_FAILED;
	}
	log_info("retract", "taken_back=%s uuid=%s peer=%llu", retract_what_name(what),
		 uuid_format(u, text), (unsigned long long)by->peer_id);
	return RETRACTED_DONE;
}

bool retracted_apply_json(const struct retracting *by, const json_t *item, json_t *out,
			  enum retracted *outcome, struct fail *f)
{
	const char *what_text = json_string_value(json_object_get(item, "what"));
	const char *uuid_text = json_string_value(json_object_get(item, "uuid"));
	char note[RETRACT_TEXT_MAX];
	enum retract_what what;
	struct uuid u;
	if (!what_text || !uuid_text || !retract_what_find(str_c(what_text), &what) ||
	    !uuid_parse(str_c(uuid_text), &u))
		return false;
	*outcome = retracted_apply(by, what, u, note, f);
	json_array_append_new(out, json_pack("{s:s,s:s,s:s,s:s}", "what", what_text, "uuid",
					     uuid_text, "outcome", retracted_name(*outcome),
					     "note", note));
	return true;
}
