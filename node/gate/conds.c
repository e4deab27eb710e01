/*
 * conds.c - the conditions of conds.inc, one function each: does it hold of what is asked about?
 *
 * A condition that cannot be answered says so, and the rule then counts it against the release.
 */
#include "gate/conds.h"

#include "base/clock.h"
#include "base/own.h"

/* ---- tags ---------------------------------------------------------------------------------- */

static bool text_matches(struct str want, struct str have)
{
	if (want.n && want.p[want.n - 1] == '*') {
		want.n--;
		return have.n >= want.n && str_eq_nocase(want, str_sub(have, 0, want.n));
	}
	return str_eq_nocase(want, have);
}

static struct str namespace_of(struct str name)
{
	ptrdiff_t colon = str_chr(name, ':');

	return colon > 0 ? str_trim(str_sub(name, 0, (size_t)colon)) : STR_NONE;
}

/* misp-galaxy:TYPE="value" */
static struct str galaxy_of(struct str name)
{
	static const char prefix[] = "misp-galaxy:";
	struct str type;

	if (!str_eq_nocase(str_sub(name, 0, sizeof(prefix) - 1), STR("misp-galaxy:")))
		return STR_NONE;
	str_split(str_sub(name, sizeof(prefix) - 1, name.n), '=', &type);
	return str_trim(type);
}

static struct str whole(struct str name)
{
	return name;
}

/* The tags that a condition looks at. */
static struct entity_list tags_of(const struct stance *st, const struct rule_subject *rs)
{
	if (rs->level == LEVEL_EVENT)
		return st->s->event->tags;
	if (rs->attr)
		return rs->attr->tags;
	if (rs->tag)
		return (struct entity_list){(void *)(uintptr_t)rs->tag, 1};
	return (struct entity_list){NULL, 0};
}

static bool one_matches(const struct policy_cond *c, struct str part)
{
	for (uint32_t i = 0; part.n && i < c->n; i++)
		if (text_matches(c->texts[i], part))
			return true;
	return false;
}

/* when: does any tag match? */
static enum cond_answer any_tag(const struct policy_cond *c, const struct entity_list *tags,
				struct str (*part)(struct str))
{
	enum cond_answer a = COND_NO;

	LIST_EACH(t, *tags, struct misp_tagref)
	{
		if (!t->name.n)
			a = COND_UNKNOWN;
		else if (one_matches(c, part(t->name)))
			return COND_YES;
	}
	return a;
}

/* require: is each of the list there? A tag that cannot be read is none. */
static enum cond_answer all_tags(const struct policy_cond *c, const struct entity_list *tags,
				 struct str (*part)(struct str))
{
	for (uint32_t i = 0; i < c->n; i++) {
		bool found = false;

		LIST_EACH(t, *tags, struct misp_tagref)
		found |= t->name.n && part(t->name).n &&
			 text_matches(c->texts[i], part(t->name));
		if (!found)
			return COND_NO;
	}
	return COND_YES;
}

static bool is_listed_taxonomy(const struct policy_cond *c, struct str ns)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (str_eq_nocase(namespace_of(c->texts[i]), ns))
			return true;
	return false;
}

/* allow: tags of the taxonomies that the list names are among the list; others do not matter. */
static enum cond_answer only_tags(const struct policy_cond *c, const struct entity_list *tags)
{
	LIST_EACH(t, *tags, struct misp_tagref)
	{
		if (!t->name.n)
			return COND_UNKNOWN;
		if (is_listed_taxonomy(c, namespace_of(t->name)) && !one_matches(c, t->name))
			return COND_NO;
	}
	return COND_YES;
}

/* allow: all are among these; tags without the part do not matter. */
static enum cond_answer only_parts(const struct policy_cond *c, const struct entity_list *tags,
				   struct str (*part)(struct str))
{
	LIST_EACH(t, *tags, struct misp_tagref)
	{
		if (!t->name.n)
			return COND_UNKNOWN;
		if (part(t->name).n && !one_matches(c, part(t->name)))
			return COND_NO;
	}
	return COND_YES;
}

static enum cond_answer by_part(const struct cond_ask *q, struct str (*part)(struct str))
{
	struct entity_list tags = tags_of(q->st, q->rs);

	if (q->mode == COND_REQUIRE)
		return all_tags(q->c, &tags, part);
	if (q->mode == COND_ALLOW)
		return only_parts(q->c, &tags, part);
	return any_tag(q->c, &tags, part);
}

static enum cond_answer cond_tag(const struct cond_ask *q)
{
	struct entity_list tags = tags_of(q->st, q->rs);

	if (q->rs->cluster)
		return one_matches(q->c, q->rs->cluster->tag_name) ? COND_YES : COND_NO;
	if (q->mode == COND_ALLOW && q->rs->level != LEVEL_TAG)
		return only_tags(q->c, &tags);
	return by_part(q, whole);
}

static enum cond_answer cond_taxonomy(const struct cond_ask *q)
{
	return by_part(q, namespace_of);
}

static enum cond_answer cond_galaxy(const struct cond_ask *q)
{
	if (q->rs->cluster)
		return one_matches(q->c, q->rs->cluster->type) ? COND_YES : COND_NO;
	return by_part(q, galaxy_of);
}

static enum cond_answer cond_event_tag(const struct cond_ask *q)
{
	const struct entity_list *tags = &q->st->s->event->tags;

	if (q->mode == COND_REQUIRE)
		return all_tags(q->c, tags, whole);
	return q->mode == COND_ALLOW ? only_tags(q->c, tags) : any_tag(q->c, tags, whole);
}

/* An attribute without a word about it has that of its event. */
static enum cond_answer cond_confidence_below(const struct cond_ask *q)
{
	struct entity_list tags = tags_of(q->st, q->rs);
	int percent = confidence_of(&tags);

	if (percent < 0)
		percent = confidence_of(&q->st->s->event->tags);
	return percent < 0 ? COND_UNKNOWN : percent < q->c->number ? COND_YES : COND_NO;
}

static enum cond_answer cond_score_below(const struct cond_ask *q)
{
	const struct policy_decay *model = &q->st->policy->decay;
	const struct misp_attr *a = q->rs->attr;
	int base = confidence_of(&a->tags);

	if (base < 0)
		base = confidence_of(&q->st->s->event->tags);
	if (base < 0)
		base = (int)model->base_score;
	return decay_score(model, base, conds_last_seen(a->timestamp, a->last_seen),
			   q->st->facts->now) < (double)q->c->number ?
		       COND_YES :
		       COND_NO;
}

/* ---- what it is ---------------------------------------------------------------------------- */

static enum cond_answer has_bit(const struct policy_cond *c, unsigned n)
{
	return n < COND_WORDS * 64 && c->bits[n / 64] >> (n % 64) & 1 ? COND_YES : COND_NO;
}

static enum cond_answer is_flag(const struct policy_cond *c, bool v)
{
	return v == (c->number != 0) ? COND_YES : COND_NO;
}

static enum cond_answer cond_category(const struct cond_ask *q)
{
	return has_bit(q->c, q->rs->attr->category);
}

static enum cond_answer cond_type(const struct cond_ask *q)
{
	return has_bit(q->c, q->rs->attr->type);
}

static enum cond_answer cond_to_ids(const struct cond_ask *q)
{
	return is_flag(q->c, q->rs->attr->to_ids);
}

static enum cond_answer cond_relation(const struct cond_ask *q)
{
	return one_matches(q->c, q->rs->attr->object_relation) ? COND_YES : COND_NO;
}

static enum cond_answer cond_object_name(const struct cond_ask *q)
{
	return q->rs->object && one_matches(q->c, q->rs->object->name) ? COND_YES : COND_NO;
}

static bool among(const struct policy_cond *c, struct uuid u)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (uuid_eq(c->uuids[i], u))
			return true;
	return false;
}

static enum cond_answer cond_object_template(const struct cond_ask *q)
{
	struct uuid u;

	if (!q->rs->object || !q->rs->object->template_uuid.n)
		return COND_NO;
	if (!uuid_parse(q->rs->object->template_uuid, &u))
		return COND_UNKNOWN;
	return among(q->c, u) ? COND_YES : COND_NO;
}

/* A creator that is not known may be the one that the rule is about. */
static enum cond_answer cond_orgc(const struct cond_ask *q)
{
	if (q->rs->is_public_cluster)
		return COND_NO;
	if (q->rs->analyst)
		return among(q->c, q->rs->analyst->orgc_uuid) ? COND_YES : COND_NO;
	if (!q->st->s->orgc)
		return COND_UNKNOWN;
	return among(q->c, q->st->s->orgc->uuid) ? COND_YES : COND_NO;
}

static enum cond_answer cond_published(const struct cond_ask *q)
{
	return is_flag(q->c, q->st->s->event->published);
}

static enum cond_answer cond_threat_level(const struct cond_ask *q)
{
	return has_bit(q->c, q->st->s->event->threat_level_id);
}

static enum cond_answer cond_analysis(const struct cond_ask *q)
{
	return has_bit(q->c, q->st->s->event->analysis);
}

/* ---- how far it goes ----------------------------------------------------------------------- */

/* Level and group of what is asked about. False: a tag tells neither of the cluster behind it. */
static bool reach_of(const struct cond_ask *q, uint8_t *level, uint64_t *group)
{
	const struct rule_subject *rs = q->rs;
	const struct misp_event *e = q->st->s->event;

	*level = rs->is_public_cluster ? (uint8_t)DIST_ALL : e->distribution;
	*group = e->sharing_group_id;
	if (rs->is_proposal) {
		*level = UINT8_MAX;
	} else if (rs->level == LEVEL_ATTRIBUTE) {
		*level = rs->attr->distribution;
		*group = rs->attr->sharing_group_id;
	} else if (rs->level == LEVEL_OBJECT) {
		*level = rs->object->distribution;
		*group = rs->object->sharing_group_id;
	} else if (rs->level == LEVEL_REPORT) {
		*level = rs->report->distribution;
		*group = rs->report->sharing_group_id;
	} else if (rs->level == LEVEL_ANALYST) {
		*level = rs->analyst->distribution;
		*group = rs->analyst->sharing_group_id;
	} else if (rs->level == LEVEL_GALAXY && !rs->cluster) {
		return rs->is_public_cluster;
	}
	return true;
}

static enum cond_answer cond_distribution(const struct cond_ask *q)
{
	uint64_t group;
	uint8_t level;

	return reach_of(q, &level, &group) ? has_bit(q->c, level) : COND_UNKNOWN;
}

static int by_id(const void *key, const void *group)
{
	uint64_t a = *(const uint64_t *)key, b = ((const struct gate_group *)group)->id;

	return a < b ? -1 : a > b;
}

static enum cond_answer cond_sharing_group(const struct cond_ask *q)
{
	const struct gate_facts *f = q->st->facts;
	const struct gate_group *known;
	uint64_t group;
	uint8_t level;

	if (!reach_of(q, &level, &group))
		return COND_UNKNOWN;
	if (level != DIST_GROUP)
		return COND_NO;
	if (q->rs->level == LEVEL_EVENT && q->st->s->sharing_group)
		return among(q->c, q->st->s->sharing_group->uuid) ? COND_YES : COND_NO;
	if (!f->n_all_groups)
		return COND_UNKNOWN;
	known = bsearch(&group, f->all_groups, f->n_all_groups, sizeof(*known), by_id);
	return !known ? COND_UNKNOWN : among(q->c, known->uuid) ? COND_YES : COND_NO;
}

/* ---- texts --------------------------------------------------------------------------------- */

static enum cond_answer matches(const struct policy_cond *c, struct str text)
{
	enum cond_answer a = COND_NO;

	for (uint32_t i = 0; i < c->n; i++) {
		enum regex_answer r = regex_find(c->regexes[i], text);

		if (r == REGEX_YES)
			return COND_YES;
		if (r == REGEX_GAVE_UP)
			a = COND_UNKNOWN;
	}
	return a;
}

static enum cond_answer cond_value(const struct cond_ask *q)
{
	if (q->rs->attr)
		return matches(q->c, q->rs->attr->value);
	if (q->rs->cluster)
		return matches(q->c, q->rs->cluster->value);
	/* a tag names its cluster's value: misp-galaxy:type="value" */
	if (q->rs->tag) {
		struct machine_tag t;

		return taxo_split(q->rs->tag->name, &t) ? matches(q->c, t.value) : COND_NO;
	}
	return COND_UNKNOWN;
}

static enum cond_answer cond_comment(const struct cond_ask *q)
{
	return matches(q->c, q->rs->attr ? q->rs->attr->comment : q->rs->object->comment);
}

static enum cond_answer cond_text(const struct cond_ask *q)
{
	const struct misp_analyst *n = q->rs->analyst;
	enum cond_answer a = matches(q->c, n ? n->comment : q->rs->report->name),
			 b = matches(q->c, n ? n->note : q->rs->report->content);

	return a == COND_YES || b == COND_YES ? COND_YES : a == COND_UNKNOWN ? a : b;
}

static enum cond_answer cond_info(const struct cond_ask *q)
{
	return matches(q->c, q->st->s->event->info);
}

#define LISTS_HIT 64

static enum cond_answer cond_warning_list(const struct cond_ask *q)
{
	const struct warnlists *w = q->st->policy->warnlists;
	const struct misp_attr *a = q->rs->attr;
	uint16_t hits[LISTS_HIT];
	bool sure;
	size_t n;

	if (!w)
		return COND_UNKNOWN;
	n = warnlist_match(w, a->type, a->value, hits, LISTS_HIT, &sure);
	for (size_t i = 0; i < n; i++)
		if (one_matches(q->c, warnlist_at(w, hits[i])->name))
			return sure ? COND_YES : COND_UNKNOWN;
	return n == LISTS_HIT || !sure ? COND_UNKNOWN : COND_NO;
}

/* ---- age ----------------------------------------------------------------------------------- */

int64_t conds_last_seen(int64_t timestamp, int64_t last_seen_us)
{
	int64_t seen = last_seen_us == MICRO_NONE || last_seen_us == MICRO_BAD ?
			       INT64_MIN :
			       last_seen_us / 1000000;

	return MAX(timestamp, seen);
}

static int64_t time_of(const struct cond_ask *q)
{
	const struct rule_subject *rs = q->rs;

	switch (rs->level) {
	case LEVEL_ATTRIBUTE:
		return conds_last_seen(rs->attr->timestamp, rs->attr->last_seen);
	case LEVEL_OBJECT:
		return conds_last_seen(rs->object->timestamp, rs->object->last_seen);
	case LEVEL_REPORT:
		return rs->report->timestamp;
	case LEVEL_SIGHTING:
		return rs->sighting->date_sighting;
	case LEVEL_EVENT:
	case LEVEL_TAG:
	case LEVEL_GALAXY:
	case LEVEL_ANALYST:
	case LEVEL_COUNT:
	default:
		return q->st->s->event->timestamp;
	}
}

/* A clock that is behind lets what is old stay longer; it opens nothing. */
static enum cond_answer cond_older_than(const struct cond_ask *q)
{
	return q->st->facts->now - time_of(q) > q->c->number ? COND_YES : COND_NO;
}

static enum cond_answer cond_younger_than(const struct cond_ask *q)
{
	int64_t t = time_of(q);

	if (q->st->facts->now - t < q->c->number)
		return COND_YES;
	return q->st->facts->clock_trusted ? COND_NO : COND_UNKNOWN;
}

/* -------------------------------------------------------------------------------------------- */

enum cond_answer cond_ask(const struct stance *st, const struct rule_subject *rs,
			  const struct policy_cond *c, enum cond_mode mode)
{
	static enum cond_answer (*const asks[COND_KIND_COUNT])(const struct cond_ask *) = {
#define COND(name, levels, value, max, text) [COND_KIND_##name] = cond_##name,
#include "gate/conds.inc"
#undef COND
	};
	const struct cond_ask q = {st, rs, c, mode};

	if (!(cond_rows[c->kind].levels >> rs->level & 1))
		return COND_UNKNOWN;
	return asks[c->kind](&q);
}
