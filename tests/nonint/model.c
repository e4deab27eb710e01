/*
 * model.c - random worlds, and what an audience certainly may not see in them.
 *
 * Written from gate.md sections 3 to 7 and sync-protocol.md 6, without the gate: where these leave it open,
 * nothing is hidden and both stores hold the same.
 */
#include <stdio.h>
#include <string.h>

#include "gate/audience.h"
#include "tests/nonint/nonint.h"
#include "tests/tap/tap.h"

const char *const who_names[WHO_COUNT] = {"user of Alpha", "user of Beta", "org admin of Beta", "user of Host",
					  "sync user of Gamma", "reader of Gamma", "sync user of Alpha",
					  "feed", "export", "stream", "link to Gamma"};
const char *const org_names[ORG_COUNT] = {"Host", "Alpha", "Beta", "Gamma", "nqext-a", "nqext-b", "nqext-c"};
const char *const tlp_names[5] = {"clear", "green", "amber", "amber+strict", "red"};
const char *const pap_names[4] = {"clear", "green", "amber", "red"};
static const enum org org_of_who[WHO_COUNT] = {ALPHA, BETA, BETA, HOST, GAMMA, GAMMA, ALPHA,
					       ORG_COUNT, ORG_COUNT, ORG_COUNT, GAMMA};

static const struct {
	const char *category, *type;
	bool technical, partner; /* does the profile keep it? */
} cats[] = {
	{"Network activity", "domain", true, true},
	{"Network activity", "ip-dst", true, true},
	{"Payload delivery", "md5", true, true},
	{"Payload delivery", "filename", true, true},
	{"Network activity", "url", true, true},
	{"Targeting data", "target-user", false, false},
	{"Internal reference", "text", false, false},
	{"Person", "first-name", false, false},
	{"Financial fraud", "other", false, false},
	{"Attribution", "threat-actor", false, true},
};

struct uuid org_uuid(enum org o)
{
	char text[] = "0a1a0000-0000-4000-8000-00000000000x";
	struct uuid u;
	text[sizeof(text) - 2] = (char)('1' + o);
	if (!uuid_parse(o == HOST ? STR("0b2c1111-2222-4333-8444-555566667777") : str_c(text), &u))
		bail_out("no UUID");
	return u;
}

struct uuid model_uuid(const struct model *m, unsigned i)
{
	struct uuid u;
	char text[UUID_TEXT_LEN + 1];
	/* not ascending with the number: order must come from elsewhere */
	struct rng r = {m->seed * 1000003u + i};
	unsigned a = (unsigned)rng_next(&r), b = (unsigned)rng_next(&r) & 0xffff;
	snprintf(text, sizeof(text), "%08x-%04x-4000-8000-0000000%05u", a, b, i);
	if (!uuid_parse(str_c(text), &u))
		bail_out("no UUID: %s", text);
	return u;
}

/* ---- making ---- */

static const struct thing *event_of(const struct model *m, const struct thing *t)
{
	while (t->kind != EVENT && t->parent != NO_THING)
		t = &m->thing[t->parent];
	return t;
}

static struct thing *add(struct model *m, enum kind k, unsigned parent)
{
	struct thing *t = &m->thing[m->n < THINGS_MAX ? m->n++ : THINGS_MAX - 1];
	*t = (struct thing){.kind = (uint8_t)k, .parent = (uint8_t)parent, .group = NO_THING, .about = NO_THING};
	return t;
}

static unsigned place(const struct model *m, const struct thing *t)
{
	return (unsigned)(t - m->thing);
}

/* A level; a group where it is 4. */
static void level(struct model *m, struct rng *r, struct thing *t, bool inherit)
{
	static const uint8_t levels[] = {3, 3, 3, 1, 0, 0, 2, 4, 4};
	unsigned groups[8], n = 0;
	t->dist = inherit && rng_chance(r, 550) ? 5 : levels[rng_below(r, ARRAY_LEN(levels))];
	for (unsigned i = 0; i < m->n; i++)
		if (m->thing[i].kind == GROUP && n < ARRAY_LEN(groups))
			groups[n++] = i;
	if (t->dist == 4)
		t->group = (uint8_t)groups[rng_below(r, n)];
}

static void marking(struct rng *r, struct thing *t, unsigned permille)
{
	static const uint8_t tlp[] = {1, 1, 2, 3, 3, 4, 5, 5};
	if (rng_chance(r, permille))
		t->tlp = tlp[rng_below(r, ARRAY_LEN(tlp))];
	if (rng_chance(r, permille / 2))
		t->pap = (uint8_t)(1 + rng_below(r, 4));
	if (rng_chance(r, 350))
		t->tag = (uint8_t)(1 + rng_below(r, 6));
}

bool model_published_kind(const struct model *m)
{
	return m->who == A_FEED || m->who == AN_EXPORT || m->who == A_STREAM;
}

/* What its row says. From another source of chance, so that worlds of users stay as they are. */
static void make_row(struct model *m)
{
	struct rng *r = &(struct rng){m->seed ^ 0x5eed0f0a0d1e4ceu};
	if (!model_published_kind(m))
		return;
	m->row = rng_chance(r, 600);
	m->row_tlp = (uint8_t)rng_below(r, 5);
	m->row_pap = (uint8_t)rng_below(r, 4);
	m->row_class = (uint8_t)rng_below(r, ROW_OWN + 1);
	m->row_profile = (uint8_t)rng_below(r, PROFILE_FULL + 1);
	/* names and networks within others */
	for (unsigned i = 0; i < m->n; i++)
		if (m->thing[i].kind == ATTR && m->thing[i].value < 3 && m->thing[i].cat < 2 && rng_chance(r, 400))
			m->thing[i].value += 3;
}

static struct thing *make_attr(struct model *m, struct rng *r, unsigned parent)
{
	struct thing *t = add(m, ATTR, parent);
	level(m, r, t, true);
	marking(r, t, 350);
	t->cat = (uint8_t)rng_below(r, rng_chance(r, 650) ? 5 : ARRAY_LEN(cats));
	t->value = (uint8_t)(rng_chance(r, 300) ? rng_below(r, 3) : 10 + rng_below(r, 200));
	t->to_ids = rng_chance(r, 700);
	t->deleted = rng_chance(r, 80);
	t->local_tag = rng_chance(r, 200);
	return t;
}

static void make_note(struct model *m, struct rng *r, unsigned about)
{
	struct thing *t = add(m, NOTE, about);
	t->owner = (uint8_t)rng_below(r, ORG_USERS);
	level(m, r, t, false);
	while (t->group != NO_THING && !(m->thing[t->group].members >> t->owner & 1))
		t->owner = (uint8_t)((t->owner + 1) % ORG_USERS); /* who is not in a group cannot name it */
}

static void make_object(struct model *m, struct rng *r, unsigned event)
{
	struct thing *t = add(m, OBJECT, event);
	unsigned at = place(m, t), n = 1 + rng_below(r, 2);
	level(m, r, t, true);
	t->deleted = rng_chance(r, 60);
	for (unsigned i = 0; i < n; i++)
		make_attr(m, r, at)->deleted = false;
	if (rng_chance(r, 300))
		make_note(m, r, at);
	if (!rng_chance(r, 400))
		return;
	unsigned about = at;
	for (unsigned i = event; i < at; i++)
		if (m->thing[i].kind == ATTR && m->thing[i].parent == event && rng_chance(r, 500))
			about = i;
	if (about != at)
		add(m, REFERENCE, at)->about = (uint8_t)about;
}

static void make_about_attr(struct model *m, struct rng *r, unsigned attr)
{
	while (rng_chance(r, 250)) {
		struct thing *s = add(m, SIGHTING, attr);
		s->owner = (uint8_t)rng_below(r, ORG_USERS);
	}
	if (rng_chance(r, 150)) {
		struct thing *p = add(m, PROPOSAL, attr);
		p->owner = (uint8_t)rng_below(r, ORG_USERS);
		p->deleted = rng_chance(r, 200);
	}
	if (rng_chance(r, 120))
		make_note(m, r, attr);
}

static void make_event(struct model *m, struct rng *r)
{
	struct thing *t = add(m, EVENT, NO_THING);
	unsigned at = place(m, t), n = rng_below(r, 4), objects = rng_below(r, 3) / 1;
	t->owner = (uint8_t)rng_below(r, ORG_USERS);
	t->creator = rng_chance(r, 300) ? (uint8_t)(EXT_A + rng_below(r, 3)) : t->owner;
	level(m, r, t, false);
	marking(r, t, 700);
	t->published = rng_chance(r, 800);
	t->embargo = rng_chance(r, 250) ? (uint8_t)(1 + rng_below(r, 3)) : 0;
	/* of what goes to the public half is marked for it, or markings would hide all that other rules hide */
	if (m->who >= A_FEED && m->who != A_LINK && rng_chance(r, 500)) {
		t->tlp = 1;
		t->pap = 0;
		t->published = true;
	}
	t->deny = rng_chance(r, 120);
	t->local_tag = rng_chance(r, 350);
	for (unsigned i = 0; i < n && m->n < THINGS_MAX - 20; i++)
		make_about_attr(m, r, place(m, make_attr(m, r, at)));
	for (unsigned i = 0; i < objects && m->n < THINGS_MAX - 20; i++)
		make_object(m, r, at);
	if (rng_chance(r, 300)) {
		struct thing *rep = add(m, REPORT, at);
		level(m, r, rep, true);
		rep->deleted = rng_chance(r, 150);
		if (rng_chance(r, 300))
			make_note(m, r, place(m, rep));
	}
	if (rng_chance(r, 300))
		make_note(m, r, at);
	if (rng_chance(r, 200)) {
		struct thing *p = add(m, PROPOSAL, at);
		p->owner = (uint8_t)rng_below(r, ORG_USERS);
		p->deleted = rng_chance(r, 200);
	}
}

void model_make(struct model *m, uint64_t seed)
{
	struct rng *r = &(struct rng){seed};
	*m = (struct model){.seed = seed, .now = 1790000000 + (int64_t)rng_below(r, 100000)};
	/* the gate does most for peers: they come twice as often */
	m->who = (enum who)rng_below(r, WHO_COUNT + 3);
	if (m->who >= WHO_COUNT)
		m->who = m->who == WHO_COUNT ? A_LINK : m->who == WHO_COUNT + 1 ? GAMMA_SYNC : ALPHA_SYNC;
	/* most of what the gate decides by itself is in a policy of one's own */
	m->policy = rng_chance(r, 500) ? POLICY_OWN : (enum policy_kind)rng_below(r, POLICY_KINDS);
	m->peer_tlp = (uint8_t)(1 + rng_below(r, 5));
	m->peer_pap = (uint8_t)(1 + rng_below(r, 4));
	m->peer_profile = (uint8_t)rng_below(r, PROFILE_FULL + 1);
	m->default_tlp = (uint8_t)(1 + rng_below(r, 5));
	m->strict_members = rng_chance(r, 500);
	m->deny_rule = rng_chance(r, 500);
	m->drop_rule = rng_chance(r, 300);
	m->sightings_policy = rng_chance(r, 800) ? 0 : 2;
	for (unsigned i = 0; i < 4; i++) {
		static const uint8_t members[] = {1 << ALPHA | 1 << BETA, 1 << ALPHA, 1 << ALPHA | 1 << GAMMA,
						  1 << BETA};
		struct thing *g = add(m, GROUP, NO_THING);
		g->owner = ALPHA;
		g->members = members[i];
	}
	for (unsigned i = rng_below(r, 4); i > 0; i--) {
		struct thing *c = add(m, CLUSTER, NO_THING);
		c->owner = (uint8_t)rng_below(r, ORG_USERS);
		level(m, r, c, false);
		c->published = rng_chance(r, 700);
	}
	for (unsigned i = 2 + rng_below(r, 4); i > 0; i--)
		make_event(m, r);
	make_row(m);
	/* what is said twice in one event is refused, whoever may see the first */
	for (unsigned i = 0; i < m->n; i++)
		for (unsigned k = 0; k < i; k++)
			if (m->thing[i].kind == ATTR && m->thing[k].kind == ATTR && m->thing[i].value < 10 &&
			    m->thing[i].value == m->thing[k].value &&
			    event_of(m, &m->thing[i]) == event_of(m, &m->thing[k]))
				m->thing[i].value = (uint8_t)(10 + i);
}

/* ---- what may not be seen ---- */

static bool is_peer(const struct model *m)
{
	return m->who == GAMMA_SYNC || m->who == ALPHA_SYNC || m->who == A_LINK;
}

static bool is_published_kind(const struct model *m)
{
	return model_published_kind(m);
}

static enum row_class row_class(const struct model *m)
{
	return m->row ? (enum row_class)m->row_class : ROW_PUBLIC;
}

/* An export of class own: it gets what those of the host get. */
static bool is_own_class(const struct model *m)
{
	return is_published_kind(m) && row_class(m) == ROW_OWN;
}

/* What lies below this level is not published. */
static unsigned least_level(const struct model *m)
{
	static const unsigned least[] = {[ROW_PUBLIC] = 3, [ROW_SECTOR] = 3, [ROW_PARTNER] = 2, [ROW_OWN] = 1};
	return least[row_class(m)];
}

static bool is_mine(const struct model *m, unsigned org)
{
	return org == org_of_who[m->who];
}

static bool compat(const struct model *m)
{
	return m->policy == POLICY_COMPAT;
}

static bool not_in_group(const struct model *m, const struct thing *t)
{
	if (t->group == NO_THING)
		return false;
	const struct thing *g = &m->thing[t->group];
	enum org o = org_of_who[m->who];
	return o == ORG_COUNT || (!(g->members >> o & 1) && g->owner != o);
}

/* By MISP's levels alone, whoever owns it. */
static bool level_hides(const struct model *m, const struct thing *t, unsigned owner)
{
	if (is_mine(m, owner) && m->who != A_LINK)
		return false;
	if (is_own_class(m) && owner == HOST && t->dist == 0)
		return false;
	return t->dist == 0 || (t->dist == 4 && not_in_group(m, t));
}

/* The profile of a peer of Gamma; PROFILE_FULL where nobody has decided. */
static unsigned profile(const struct model *m)
{
	if (is_published_kind(m))
		return m->row ? m->row_profile : PROFILE_INDICATORS;
	if (compat(m) || (m->who != GAMMA_SYNC && m->who != A_LINK))
		return PROFILE_FULL;
	return m->policy == POLICY_OWN ? m->peer_profile : PROFILE_TECHNICAL;
}

/* 1 + level that is too high for him; 6: none. */
static unsigned tlp_above(const struct model *m, unsigned owner)
{
	bool member = !is_peer(m) && !is_published_kind(m);
	if (is_published_kind(m) && row_class(m) == ROW_PUBLIC)
		return 2; /* zero: up to clear */
	if (is_published_kind(m))
		return MIN(m->row_tlp + 2u, is_own_class(m) ? 5u : 4u);
	if (compat(m))
		return 6;
	if (member)
		return m->policy == POLICY_OWN && m->strict_members && !is_mine(m, owner) &&
				       m->who != HOST_USER ?
			       4 :
			       6;
	if (m->policy == POLICY_OWN && m->who != ALPHA_SYNC)
		return MIN(m->peer_tlp + 1u, 4u); /* amber+strict and red: named recipients only */
	return 4;
}

static unsigned tlp_of(const struct model *m, const struct thing *event)
{
	if (event->tlp)
		return event->tlp;
	return m->policy == POLICY_OWN ? m->default_tlp : 3;
}

static bool event_hidden(const struct model *m, const struct thing *t)
{
	bool outside = is_peer(m) || is_published_kind(m);
	if (is_mine(m, t->creator) && t->creator != t->owner)
		return false; /* nobody has decided */
	if (level_hides(m, t, t->owner))
		return true;
	if (m->who == A_LINK && t->dist < 2)
		return true;
	if (outside && !t->published && (!compat(m) || m->who != ALPHA_SYNC) && !is_mine(m, t->owner))
		return !compat(m) || is_published_kind(m) || m->who == A_LINK;
	if (is_published_kind(m) && t->dist < least_level(m) && !(is_own_class(m) && t->owner == HOST))
		return true;
	if (tlp_of(m, t) >= tlp_above(m, t->owner) && (t->tlp || !is_published_kind(m)))
		return true;
	if (compat(m) && !is_published_kind(m))
		return false;
	if (m->policy == POLICY_OWN && (m->who == GAMMA_SYNC || m->who == A_LINK) && t->pap > m->peer_pap)
		return true;
	if (is_published_kind(m) && t->pap > 1u + (m->row ? m->row_pap : 0))
		return true;
	if (compat(m))
		return false;
	/* an embargo of all classes: own is the owner's, the host's */
	if (t->embargo == 1 && !is_mine(m, t->owner) && m->who != HOST_USER && !is_own_class(m))
		return m->policy != POLICY_OWN || outside || m->who == BETA_USER || m->who == BETA_ADMIN;
	if (t->embargo == 3 && is_published_kind(m) && row_class(m) == ROW_PUBLIC)
		return true;
	return m->policy == POLICY_OWN && m->deny_rule && t->deny && outside && !is_own_class(m);
}

static bool element_hidden(const struct model *m, const struct thing *t)
{
	const struct thing *e = event_of(m, t);
	bool mine = is_mine(m, e->owner) && m->who != A_LINK, outside = is_peer(m) || is_published_kind(m);
	unsigned p = profile(m);
	if (is_mine(m, e->creator) && e->creator != e->owner)
		return false;
	if (!mine && t->dist != 5 && level_hides(m, t, e->owner))
		return true;
	if (t->deleted && !mine && !is_peer(m))
		return true;
	if (m->who == A_LINK && t->dist < 2)
		return true;
	if (outside && !compat(m) && t->tlp >= tlp_above(m, e->owner))
		return true;
	if (t->kind == REPORT)
		return p <= PROFILE_TECHNICAL && outside;
	if (t->kind != ATTR)
		return false;
	if (is_published_kind(m) && t->dist != 5 && t->dist < least_level(m) && !(is_own_class(m) && e->owner == HOST))
		return true;
	if (outside && !compat(m) && m->policy == POLICY_OWN && m->drop_rule && !is_own_class(m) &&
	    strcmp(cats[t->cat].category, "Payload delivery") == 0)
		return true;
	if (p == PROFILE_INDICATORS)
		return outside && !t->to_ids;
	return outside && ((p == PROFILE_TECHNICAL && !cats[t->cat].technical) ||
			   (p == PROFILE_PARTNER && !cats[t->cat].partner));
}

static bool note_hidden(const struct model *m, const struct thing *t)
{
	bool outside = is_peer(m) || is_published_kind(m);
	if (!is_mine(m, t->owner) && level_hides(m, t, t->owner))
		return true;
	return outside && profile(m) <= PROFILE_TECHNICAL && !is_mine(m, t->owner);
}

static bool sighting_hidden(const struct model *m, const struct thing *t)
{
	const struct thing *e = event_of(m, t);
	bool outside = is_peer(m) || is_published_kind(m);
	if (is_mine(m, e->creator))
		return false;
	return m->sightings_policy == 0 && !is_mine(m, t->owner) && !is_mine(m, e->owner) && !outside;
}

static bool cluster_hidden(const struct model *m, const struct thing *t)
{
	bool outside = is_peer(m) || is_published_kind(m);
	if (is_mine(m, t->owner))
		return false;
	if (level_hides(m, t, t->owner))
		return true;
	return outside && !t->published && !compat(m);
}

static bool group_hidden(const struct model *m, const struct thing *g)
{
	enum org o = org_of_who[m->who];
	return o == ORG_COUNT || (!(g->members >> o & 1) && g->owner != o);
}

bool model_hidden(const struct model *m, unsigned i)
{
	const struct thing *t = &m->thing[i];
	const struct thing *up = t->parent == NO_THING ? NULL : &m->thing[t->parent];
	if (t->kind == NOTE && m->who < WHO_USERS && is_mine(m, t->owner))
		return note_hidden(m, t); /* his own, about what is not there to him */
	if (up && model_hidden(m, t->parent))
		return true;
	switch ((enum kind)t->kind) {
	case EVENT:
		return event_hidden(m, t);
	case ATTR:
	case OBJECT:
	case REPORT:
		return element_hidden(m, t);
	case REFERENCE:
		return model_hidden(m, t->about);
	case NOTE:
		return note_hidden(m, t);
	case SIGHTING:
		return sighting_hidden(m, t);
	case CLUSTER:
		return cluster_hidden(m, t);
	case GROUP:
		for (unsigned k = 0; k < m->n; k++) /* its number stands in what he sees */
			if (m->thing[k].group == i && !model_hidden(m, k))
				return false;
		return group_hidden(m, t);
	case PROPOSAL: {
		bool outside = is_peer(m) || is_published_kind(m);
		const struct thing *e = event_of(m, t);
		return outside && profile(m) <= PROFILE_TECHNICAL && !is_mine(m, e->owner) &&
		       !is_mine(m, t->owner);
	}
	case KIND_COUNT:
		break;
	}
	return false;
}

bool model_hides(const struct model *m, unsigned i, enum hidden_field f)
{
	const struct thing *t = &m->thing[i], *e = event_of(m, t);
	bool outside = is_peer(m) || is_published_kind(m);
	if (model_hidden(m, i))
		return true;
	switch (f) {
	case F_INFO:
	case F_COMMENT:
		return outside && profile(m) <= PROFILE_TECHNICAL;
	case F_ORG:
		return false;
	case F_EMAIL:
		return e->kind != EVENT || !is_mine(m, e->owner) || outside;
	case F_LOCAL_TAG:
		return outside;
	case F_EMBARGO:
		return outside && !compat(m) && t->embargo == 2;
	}
	return false;
}

/* ---- texts ---- */

static uint64_t mixed(uint64_t a, uint64_t b, const char *text)
{
	struct rng r = {a * 0x9e3779b97f4a7c15u + b};
	uint64_t h = rng_next(&r);
	while (*text)
		h = (h ^ (uint8_t)*text++) * 0x100000001b3u;
	r.state = h;
	return rng_next(&r);
}

void model_text(const struct model *m, unsigned i, unsigned variant, const char *field, bool hidden, char out[24])
{
	uint64_t h = mixed(m->seed, i + (hidden ? 1000u * (variant + 1) : 0), field);
	snprintf(out, 24, "nq%08x", (unsigned)h);
}

void model_value(const struct model *m, unsigned i, unsigned variant, char out[80])
{
	const struct thing *t = &m->thing[i];
	const char *type = model_type(t);
	bool hidden = model_hidden(m, i);
	bool within = t->value >= 3 && t->value < 6; /* another one's */
	uint64_t h = t->value < 10 ? mixed(m->seed, within ? t->value - 3u : t->value, "shared") :
				     mixed(m->seed, i + (hidden ? 1000u * (variant + 1) : 0), "value");
	unsigned a = (unsigned)h, b = (unsigned)(h >> 32);
	if (strcmp(type, "ip-dst") == 0)
		snprintf(out, 80, "%u.%u.%u.%u%s", 1 + a % 200, b % 250, b / 250 % 250,
			 within ? 0 : 1 + a / 200 % 250, within ? "/24" : "");
	else if (strcmp(type, "md5") == 0)
		snprintf(out, 80, "%08x%08x%08x%08x", a, b, a ^ b, a + b);
	else if (strcmp(type, "domain") == 0)
		snprintf(out, 80, "%snq%08x.example", within ? "x." : "", a);
	else if (strcmp(type, "url") == 0)
		snprintf(out, 80, "http://nq%08x.example/%x", a, b & 0xff);
	else
		snprintf(out, 80, "nq%08x", a);
}

/* A note is pushed over a link when the account there could read here what it is about, be that of a level that is
   not pushed itself: what could be read is no twin. */
static bool hidden_from_reader(const struct model *m, unsigned i)
{
	struct model reads = *m;
	reads.who = GAMMA_SYNC;
	return model_hidden(&reads, i);
}

bool model_exists(const struct model *m, unsigned i, unsigned variant)
{
	const struct thing *t = &m->thing[i];
	if (m->dropped[i])
		return false;
	if (t->kind == NOTE && m->who == A_LINK && model_hidden(m, i) && !hidden_from_reader(m, t->parent))
		return false;
	if (t->parent != NO_THING && !model_exists(m, t->parent, variant) &&
	    (t->kind != NOTE || model_hidden(m, i)))
		return false;
	if (t->group != NO_THING && !model_exists(m, t->group, variant))
		return false;
	if (t->about != NO_THING && !model_exists(m, t->about, variant))
		return false;
	return !model_hidden(m, i) || mixed(m->seed, i * 2 + variant, "exists") % 100 < 60;
}

const char *model_category(const struct thing *t)
{
	return cats[t->cat].category;
}

const char *model_type(const struct thing *t)
{
	return cats[t->cat].type;
}

static const char *const profiles[] = {"indicators", "technical", "partner", "full"};
static const char *const kind_names[KIND_COUNT] = {"event", "attribute", "object", "reference", "report", "note",
						   "sighting", "proposal", "cluster", "group"};

void model_tell(const struct model *m, unsigned i, struct buf *out)
{
	const struct thing *t = &m->thing[i];
	char u[UUID_TEXT_LEN + 1], v[80];
	buf_printf(out, "%s %u %s", kind_names[t->kind], i, uuid_format(model_uuid(m, i), u));
	if (t->parent != NO_THING)
		buf_printf(out, " in %u", t->parent);
	if (t->kind == EVENT || t->kind >= NOTE)
		buf_printf(out, " of %s/%s", org_names[t->owner], org_names[t->creator]);
	buf_printf(out, " level %u", t->dist);
	if (t->group != NO_THING)
		buf_printf(out, " group %u", t->group);
	if (t->tlp)
		buf_printf(out, " tlp:%s", tlp_names[t->tlp - 1]);
	if (t->pap)
		buf_printf(out, " pap:%s", pap_names[t->pap - 1]);
	if (t->tag)
		buf_printf(out, " tag %u", t->tag);
	if (t->embargo)
		buf_printf(out, " embargo %u", t->embargo);
	buf_printf(out, "%s%s%s%s", t->published ? " published" : "", t->deleted ? " deleted" : "",
		   t->deny ? " deny" : "", t->local_tag ? " local tag" : "");
	if (t->kind == ATTR) {
		model_value(m, i, 0, v);
		buf_printf(out, " %s/%s %s%s", model_category(t), model_type(t), v, t->to_ids ? " ids" : "");
	}
	if (t->about != NO_THING)
		buf_printf(out, " to %u", t->about);
	if (model_hidden(m, i))
		buf_printf(out, " HIDDEN, in%s%s", model_exists(m, i, 0) ? " 0" : "",
			   model_exists(m, i, 1) ? " 1" : "");
}

static void put_own_policy(const struct model *m, struct buf *out)
{
	buf_printf(out, "default_tlp: %s\njurisdiction: CN\n", tlp_names[m->default_tlp - 1]);
	if (m->strict_members)
		buf_puts(out, "tlp_for_members: strict\n");
	if (!m->deny_rule && !m->drop_rule)
		return;
	buf_puts(out, "rules:\n");
	if (m->deny_rule)
		buf_puts(out, "  - {name: denied, level: event, when: {tag: ['nq:deny']}, effect: deny, to: ['*'], "
			      "except: [own]}\n");
	if (m->drop_rule)
		buf_puts(out, "  - {name: no-payload, level: attribute, when: {category: [Payload delivery]}, "
			      "effect: drop, to: ['*'], except: [own]}\n");
}

static void put_row(const struct model *m, struct buf *out)
{
	static const char *const classes[] = {"public", "sector", "partner", "own"};
	static const char *const kinds[WHO_COUNT] = {[A_FEED] = "feed", [AN_EXPORT] = "export",
						     [A_STREAM] = "stream"};
	buf_printf(out, "  " AUDIENCE ": {kind: %s", kinds[m->who]);
	if (m->row)
		buf_printf(out, ", tlp: %s, pap: %s, class: %s, profile: %s", tlp_names[m->row_tlp],
			   pap_names[m->row_pap], classes[m->row_class], profiles[m->row_profile]);
	buf_puts(out, "}\n");
}

bool model_policy(const struct model *m, struct buf *out)
{
	static const char *const uses[POLICY_KINDS] = {[POLICY_COMPAT] = "misp-compat", [POLICY_RMSV] = "cn-rmsv"};
	char u[UUID_TEXT_LEN + 1];
	if (m->policy != POLICY_OWN && !is_published_kind(m))
		return false;
	if (m->policy == POLICY_OWN)
		put_own_policy(m, out);
	if (uses[m->policy])
		buf_printf(out, "use: [%s]\n", uses[m->policy]);
	buf_puts(out, "audiences:\n");
	if (m->policy == POLICY_OWN)
		buf_printf(out,
			   "  gamma: {kind: peer, org: %s, tlp: %s, pap: %s, class: partner, profile: %s,\n"
			   "          jurisdiction: domestic}\n",
			   uuid_format(org_uuid(GAMMA), u), tlp_names[m->peer_tlp - 1],
			   pap_names[m->peer_pap - 1], profiles[m->peer_profile]);
	if (is_published_kind(m))
		put_row(m, out);
	return true;
}
