/*
 * rewrite.c - profiles technical and indicators: derived UUIDs and neutral or coarser fields.
 *
 * A rewritten copy has its own UUIDs, so that at a third node it and the full event are two. They
 * are name-based: the same element has the same one for ever, and references agree.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "gate/release.h"
#include "model/types.h"

#define DAY_S 86400
#define INFO_MAX 400u

struct uuid rewrite_space(const struct gate_facts *f, uint8_t profile)
{
	return uuid_v5(f->host_org, profile == PROFILE_TECHNICAL ? STR("tocsin:profile:technical") :
								   STR("tocsin:profile:indicators"));
}

static struct uuid derive(struct uuid space, struct uuid u)
{
	char text[UUID_TEXT_LEN + 1];

	if (uuid_is_nil(u))
		return u;
	uuid_format(u, text);
	return uuid_v5(space, (struct str){text, UUID_TEXT_LEN});
}

struct uuid gate_uuid(const struct gate_facts *f, uint8_t profile, struct uuid u)
{
	if (profile == PROFILE_FULL || profile == PROFILE_PARTNER)
		return u;
	return derive(rewrite_space(f, profile), u);
}

bool gate_rewrites(const struct audience *a)
{
	bool misp = a->misp_rules_only && (a->kind == AUD_OPERATOR || a->kind == AUD_MEMBER ||
					   a->kind == AUD_PEER);

	return !misp && a->profile != PROFILE_FULL && a->profile != PROFILE_PARTNER;
}

struct uuid rewrite_uuid(const struct released *r, struct uuid u)
{
	return derive(r->space, u);
}

/* A line that says what kind of data it is, made from what leaves anyway. */
static struct str neutral_info(struct released *r, struct arena *a)
{
	OWN(buf) struct buf b = BUF(INFO_MAX);
	bool technical = r->plan.profile == PROFILE_TECHNICAL;
	unsigned shown = 0;

	buf_puts(&b, technical ? "Technical features" : "Indicators");
	if (technical)
		LIST_EACH(t, r->head.tags, struct misp_tagref)
		if (shown < 3 && t->name.n < 80 && !taxo_in(t->name, "tlp") &&
		    !taxo_in(t->name, "pap")) {
			buf_puts(&b, shown++ ? ", " : ": ");
			buf_str_add(&b, t->name);
		}
	for (uint32_t i = 0; i < r->subject.n_types && i < 3; i++) {
		buf_puts(&b, i ? ", " : " (");
		buf_str_add(&b, type_name((enum attr_type)r->subject.types[i]));
	}
	if (r->subject.n_types)
		buf_putc(&b, ')');
	return arena_str(a, buf_err(&b) == ERR_OK ? buf_str(&b) : STR("Technical features"));
}

static uint32_t date_of(int64_t t)
{
	struct clock_civil c = clock_to_civil(t);

	return (uint32_t)(c.year * 10000 + c.month * 100 + c.day);
}

bool rewrite_head(struct released *r, struct arena *a)
{
	struct misp_event *e = &r->head;
	bool hide = r->plan.profile != PROFILE_TECHNICAL || r->st.policy->pseudonymous_origin;

	e->uuid = rewrite_uuid(r, e->uuid);
	e->info = neutral_info(r, a);
	e->threat_level_id = 4;
	e->analysis = 0;
	if (r->plan.profile != PROFILE_TECHNICAL) {
		e->date = date_of(e->timestamp);
		if (e->distribution == DIST_GROUP)
			e->distribution = DIST_ORG;
	}
	if (hide) {
		e->orgc_id = r->out.ids && r->plan.profile == PROFILE_TECHNICAL ?
				     r->st.facts->host_org_id :
				     0;
		r->out.org = r->out.orgc = r->st.facts->host;
	}
	return e->info.p != NULL;
}

static int64_t whole_day(int64_t us)
{
	const int64_t day_us = INT64_C(1000000) * DAY_S;
	int64_t rest;

	if (us == MICRO_NONE)
		return us;
	rest = us % day_us;
	return us - (rest < 0 ? rest + day_us : rest);
}

/*
 * The level of an attribute that leaves without its object: the narrower of both, or it would go
 * further from the receiver than it may go from here. The group itself does not leave.
 */
static uint8_t level_alone(uint8_t level, const struct misp_object *o)
{
	uint8_t around = o ? o->distribution : (uint8_t)DIST_INHERIT;

	if (level == DIST_GROUP || around == DIST_GROUP)
		return DIST_ORG;
	return level < around ? level : around;
}

void rewrite_attr(const struct released *r, struct misp_attr *a, const struct misp_object *object)
{
	const struct type_row *row;

	a->uuid = rewrite_uuid(r, a->uuid);
	if (r->plan.profile == PROFILE_TECHNICAL)
		return;
	row = type_get((enum attr_type)a->type);
	a->category = row ? row->category : (uint8_t)CAT_OTHER;
	a->distribution = release_level(&r->st, level_alone(a->distribution, object));
	a->timestamp = r->head.timestamp;
	a->first_seen = whole_day(a->first_seen);
	a->last_seen = whole_day(a->last_seen);
}

void rewrite_object(struct released *r, struct misp_object *o)
{
	if (!uuid_eq(r->object_from, o->uuid) || uuid_is_nil(r->object_to)) {
		r->object_from = o->uuid;
		r->object_to = rewrite_uuid(r, o->uuid);
	}
	o->uuid = r->object_to;
	o->description = o->name;
}

void rewrite_ref(const struct released *r, struct misp_ref *ref)
{
	ref->uuid = rewrite_uuid(r, ref->uuid);
	ref->object_uuid = rewrite_uuid(r, ref->object_uuid);
	ref->referenced_uuid = rewrite_uuid(r, ref->referenced_uuid);
}

void rewrite_sighting(const struct released *r, struct misp_sighting *s)
{
	s->uuid = rewrite_uuid(r, s->uuid);
	s->attribute_uuid = rewrite_uuid(r, s->attribute_uuid);
	s->date_sighting -= ((s->date_sighting % DAY_S) + DAY_S) % DAY_S;
}
