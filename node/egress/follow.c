/* follow.c - from the change log to the events that have to be looked at again. */
#include "egress/follow.h"

bool follow_touches_all(const struct change *c)
{
	switch (c->kind) {
	case CHANGE_TABLE(T_BLOCK):
		return true;
	case CHANGE_TABLE(T_ORG):
	case CHANGE_TABLE(T_TAG):
	case CHANGE_TABLE(T_SG):
	case CHANGE_TABLE(T_GALAXY):
	case CHANGE_TABLE(T_CLUSTER):
		return c->op != CHANGE_ADD;
	default:
		return false;
	}
}

bool follow_event(const struct change *c, uint64_t *id, struct uuid *uuid)
{
	bool whole = c->kind == CHANGE_TABLE(T_EVENT);
	*id = whole ? c->id : c->event_id;
	*uuid = whole ? c->uuid : UUID_NIL;
	return *id != 0;
}

/* Deleted, and not added again since. */
static bool is_gone(const struct store_rtxn *t, struct uuid u)
{
	struct str key = {(const char *)u.b, sizeof(u.b)};
	uint64_t id;
	return !uuid_is_nil(u) && store_find(t, IX_EVENT_UUID, key, &id) == ERR_NOENT;
}

enum err follow_name(const struct egress_env *env, const struct audience *aud,
		     const struct store_rtxn *t, uint64_t id, struct uuid was, struct arena *a,
		     bool *there, struct uuid *name)
{
	struct misp_event ev;
	enum err e = store_get(t, T_EVENT, id, a, &ev);
	*there = e == ERR_OK;
	if (e == ERR_OK)
		was = ev.uuid;
	else if (e != ERR_NOENT || !is_gone(t, was))
		return e;
	*name = egress_uuid(env, aud, was);
	return ERR_OK;
}
