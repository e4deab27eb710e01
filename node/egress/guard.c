/*
 * guard.c - no search tells what the answer leaves out.
 *
 * The gate cuts what is sent; a filter on a field that is cut would tell it all the same, by what
 * is found and what is not. Such a search finds nothing. Values and elements need no row here:
 * search asks the gate for each attribute and tag.
 */
#include "egress/derived.h"
#include "egress/view.h"

#define NEVER (PROFILE_FULL + 1)

/* FILTER(kind, member of struct query, the strictest profile that may ask for it) */
#define FILTERS(FILTER)                                                                            \
	FILTER(GENERIC, eventinfo, PROFILE_PARTNER)                                                \
	FILTER(GENERIC, threat_level_id, PROFILE_PARTNER)                                          \
	FILTER(GENERIC, analysis, PROFILE_PARTNER)                                                 \
	FILTER(GENERIC, source, PROFILE_PARTNER)                                                   \
	FILTER(GENERIC, comment, PROFILE_FULL)                                                     \
	FILTER(GENERIC, org, PROFILE_TECHNICAL)                                                    \
	FILTER(GENERIC, sharinggroup, PROFILE_TECHNICAL)                                           \
	FILTER(GENERIC, distribution, PROFILE_TECHNICAL)                                           \
	FILTER(GENERIC, object_relation, PROFILE_TECHNICAL)                                        \
	FILTER(GENERIC, object_name, PROFILE_TECHNICAL)                                            \
	FILTER(GENERIC, object_template_uuid, PROFILE_TECHNICAL)                                   \
	FILTER(GENERIC, object_template_version, PROFILE_TECHNICAL)                                \
	FILTER(GENERIC, org_nationality, NEVER)                                                    \
	FILTER(GENERIC, org_sector, NEVER)                                                         \
	FILTER(GENERIC, org_local, NEVER)                                                          \
	FILTER(GENERIC, email, NEVER)                                                              \
	FILTER(TEXT, searchall, NEVER)                                                             \
	FILTER(TEXT, index_all, NEVER)                                                             \
	FILTER(RANGE, date, PROFILE_TECHNICAL)                                                     \
	FILTER(RANGE, first_seen, PROFILE_TECHNICAL)                                               \
	FILTER(RANGE, last_seen, PROFILE_TECHNICAL)                                                \
	FILTER(FLAG, has_proposal, PROFILE_PARTNER)

#define GIVEN_GENERIC(m) (q->m.set || q->m.any.n || q->m.all.n || q->m.none.n)
#define GIVEN_TEXT(m) (q->m.n > 0)
#define GIVEN_RANGE(m) (q->m.set)
#define GIVEN_FLAG(m) (q->m != 0)

/* ---- UUIDs ---- */

/* The event that this audience knows by `s`, as the store knows it; nobody's UUID if there is none. */
static struct str own_uuid(struct view *v, struct arena *a, struct str s)
{
	char text[UUID_TEXT_LEN + 1];
	struct uuid u;
	struct misp_event e;
	uint64_t id;
	if (!uuid_parse(s, &u))
		return s;
	struct arena_mark m = arena_mark(v->scratch);
	bool known = v->env->derived &&
		     derived_find(v->env->derived, v->policy, v->txn, v->env->host_org, u,
				  v->audience.profile, false, &id) == ERR_OK &&
		     store_get(v->txn, T_EVENT, id, v->scratch, &e) == ERR_OK;
	u = known ? e.uuid : UUID_NIL;
	arena_rewind(v->scratch, m);
	return arena_str(a, str_c(uuid_format(u, text)));
}

/* A derived UUID stands for an event; one of ours tells nothing. */
static bool translate(struct view *v, struct arena *a, struct query_filter *q)
{
	struct query_terms *groups[] = {&q->any, &q->all, &q->none};
	for (size_t g = 0; g < ARRAY_LEN(groups); g++) {
		struct str *t = ARENA_ARRAY(a, struct str, groups[g]->n + 1);
		if (!t)
			return false;
		for (uint32_t i = 0; i < groups[g]->n; i++) {
			t[i] = own_uuid(v, a, groups[g]->v[i]);
			if (!t[i].p)
				return false;
		}
		groups[g]->v = t;
	}
	return true;
}

bool view_may_ask(struct view *v, struct query *q, struct arena *room)
{
	const struct audience *a = &v->audience;
	unsigned profile = a->profile <= PROFILE_FULL ? a->profile : PROFILE_INDICATORS;
	bool told = false, more = false;

	/* Only site administrators may look for users. */
	if (GIVEN_GENERIC(email) && !a->site_admin)
		return false;
	/* by a number that is not shown to them: of all that is there */
	if (!view_is_whole(v) && str_find_nocase(q->order, STR("attribute_count")) >= 0)
		q->order = STR_NONE;
	/* Local users, and everybody under MISP's own rules, get whole copies. */
	if (view_may_score(v))
		return true;
	if (q->exclude_decayed && !view_may_drop_decayed(v)) /* what it is made of is cut for them */
		return false;
#define FILTER(kind, member, least) told |= GIVEN_##kind(member) && profile < (least);
	FILTERS(FILTER)
#undef FILTER
#define FILTER(kind, member, least) more |= GIVEN_##kind(member) && PROFILE_INDICATORS < (least);
	FILTERS(FILTER)
#undef FILTER
	v->asks_more = more;
	memset(v->judged, 0, sizeof(v->judged));
	if (gate_rewrites(v->policy, a))
		told |= !translate(v, room, &q->uuid) || !translate(v, room, &q->eventid);
	if (profile < PROFILE_PARTNER)
		q->order = STR_NONE;
	return !told;
}
