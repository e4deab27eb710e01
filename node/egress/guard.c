/*
 * guard.c - no search tells what the answer leaves out.
 *
 * The gate cuts what is sent; a filter on a field that is cut would tell it all the same, by what
 * is found and what is not. Such a search finds nothing. Values and elements need no row here:
 * search asks the gate for each attribute and tag.
 */
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

bool view_may_ask(const struct view *v, struct query *q)
{
	const struct audience *a = &v->audience;
	unsigned profile = a->profile <= PROFILE_FULL ? a->profile : PROFILE_INDICATORS;
	bool told = false;

	/* Only site administrators may look for users. */
	if (GIVEN_GENERIC(email) && !a->site_admin)
		return false;
	/* Local users, and everybody under MISP's own rules, get whole copies. */
	if (a->kind == AUD_OPERATOR || a->kind == AUD_MEMBER ||
	    (a->kind == AUD_PEER && a->misp_rules_only))
		return true;
#define FILTER(kind, member, least) told |= GIVEN_##kind(member) && profile < (least);
	FILTERS(FILTER)
#undef FILTER
	if (profile < PROFILE_PARTNER)
		q->order = STR_NONE;
	return !told;
}
