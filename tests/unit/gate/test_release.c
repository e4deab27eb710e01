/*
 * test_release.c - cutting: every field has its row, stricter profiles keep less, canaries in all
 * fields stay behind, references and UUIDs agree, less clearance never shows more.
 */
#include <stdio.h>

#include "gate/cut.h"
#include "gate/release.h"
#include "tests/unit/gate/fixture.h"

/* ---- the table itself ------------------------------------------------------------------------ */

static int strength(uint8_t act)
{
	switch (act) {
	case CUT_K:
	case CUT_S:
	case CUT_X:
		return 3;
	case CUT_I:
		return 2;
	case CUT_L:
		return 1;
	default:
		return 0;
	}
}

static void tables(void)
{
	static const uint8_t order[] = {PROFILE_FULL, PROFILE_PARTNER, PROFILE_TECHNICAL,
					PROFILE_INDICATORS};

	for (unsigned e = 0; e < CUT_ENTITY_COUNT; e++) {
		const struct cut_table *t = cut_table((enum cut_entity)e);

		is_uint(t->n, t->desc->n, "%s: as many rows as fields", t->desc->name);
		for (unsigned i = 0; i < t->n; i++) {
			const struct field *f = &t->desc->fields[i];
			const char *key = f->key ? f->key : "(not in documents)";

			for (unsigned p = 0; p < PROFILE_COUNT; p++) {
				uint8_t act = t->acts[i][p];

				ok(act != CUT_UNNAMED, "%s %s: named in profile %u", t->desc->name,
				   key, p);
				ok(f->rule != R_DROP || act == CUT_D, "%s %s: never leaves",
				   t->desc->name, key);
				ok(f->rule != R_LOCAL || strength(act) < 3 || act == CUT_X,
				   "%s %s: local, so not simply kept", t->desc->name, key);
			}
			for (unsigned p = 1; p < ARRAY_LEN(order); p++)
				ok(strength(t->acts[i][order[p]]) <= strength(t->acts[i][order[p - 1]]),
				   "%s %s: profile %u keeps no more than %u", t->desc->name, key,
				   order[p], order[p - 1]);
		}
	}
}

/* ---- a document full of canaries ------------------------------------------------------------- */

static uint64_t seed = 88172645463325252u;

static unsigned rnd(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed % n);
}

#define CANARY_NUMBER UINT64_C(0x43414e41525931)
static char canary_text[] = "CANARY-text";

/* Put something recognisable into every field of an entity. */
static void fill(const struct entity_desc *d, void *entity)
{
	for (unsigned i = 0; i < d->n; i++) {
		char *at = (char *)entity + d->fields[i].offset;

		switch ((enum field_kind)d->fields[i].kind) {
		case F_STR:
			*(struct str *)(void *)at = (struct str){canary_text, sizeof(canary_text) - 1};
			break;
		case F_BOOL:
			*(bool *)at = true;
			break;
		case F_U8:
			*(uint8_t *)at = 1;
			break;
		case F_U64:
			*(uint64_t *)(void *)at = CANARY_NUMBER;
			break;
		case F_I64:
		case F_TIME:
			*(int64_t *)(void *)at = (int64_t)CANARY_NUMBER;
			break;
		case F_MICRO:
			*(int64_t *)(void *)at = 1234567890123456;
			break;
		case F_DATE:
			*(uint32_t *)(void *)at = 20250311;
			break;
		case F_UUID:
			*(struct uuid *)(void *)at = test_uuid(0xca);
			break;
		case F_TYPE:
			*(uint16_t *)(void *)at = ATTR_DOMAIN;
			break;
		case F_CATEGORY:
			*(uint8_t *)at = CAT_NETWORK;
			break;
		case F_LIST:
			break;
		}
	}
}

static bool is_empty_value(const struct field *f, const char *at)
{
	static const char zeros[32];

	switch ((enum field_kind)f->kind) {
	case F_MICRO:
		return *(const int64_t *)(const void *)at == MICRO_NONE;
	case F_STR:
		return ((const struct str *)(const void *)at)->n == 0;
	case F_LIST:
		return ((const struct entity_list *)(const void *)at)->n == 0;
	case F_BOOL:
	case F_U8:
	case F_CATEGORY:
		return *at == 0;
	case F_TYPE:
		return memcmp(at, zeros, 2) == 0;
	case F_DATE:
		return memcmp(at, zeros, 4) == 0;
	case F_UUID:
		return memcmp(at, zeros, 16) == 0;
	case F_U64:
	case F_I64:
	case F_TIME:
	default:
		return memcmp(at, zeros, 8) == 0;
	}
}

static bool value_is_canary(const struct field *f, const char *at)
{
	struct uuid u = test_uuid(0xca);

	if (f->kind == F_STR)
		return str_eq(*(const struct str *)(const void *)at, str_c(canary_text));
	if (f->kind == F_UUID)
		return memcmp(at, &u, sizeof(u)) == 0;
	return !is_empty_value(f, at);
}

/* What left must be what its row says. */
static void check_cut(enum cut_entity e, const void *out, uint8_t profile, bool ids, bool local)
{
	const struct cut_table *t = cut_table(e);
	unsigned wrong = 0;

	for (unsigned i = 0; i < t->n; i++) {
		const struct field *f = &t->desc->fields[i];
		const char *at = (const char *)out + f->offset;
		uint8_t act = t->acts[i][profile];
		bool goes = act == CUT_D || (act == CUT_I && !ids) || (act == CUT_L && !local);

		if (goes && !is_empty_value(f, at)) {
			diag("%s %s leaves in profile %u", t->desc->name, f->key ? f->key : "?", profile);
			wrong++;
		}
		if (act == CUT_X && profile != PROFILE_FULL &&
		    (f->kind == F_STR || f->kind == F_UUID) && value_is_canary(f, at)) {
			diag("%s %s is not rewritten in profile %u", t->desc->name,
			     f->key ? f->key : "?", profile);
			wrong++;
		}
	}
	is_uint(wrong, 0, "%s, profile %u%s%s", t->desc->name, profile, ids ? ", ids" : "",
		local ? ", local" : "");
}

static void generic(void)
{
	struct arena *a = arena_new(1 << 20);
	union {
		struct misp_event event;
		struct misp_attr attr;
		struct misp_sg sg;
		struct misp_cluster cluster;
		struct misp_galaxy galaxy;
	} room;

	for (unsigned e = 0; e < CUT_ENTITY_COUNT; e++)
		for (uint8_t p = 0; p < PROFILE_COUNT; p++)
			for (unsigned who = 0; who < 4; who++) {
				const struct cut_table *t = cut_table((enum cut_entity)e);
				struct cut_plan plan;
				const void *out;

				memset(&room, 0, sizeof(room));
				fill(t->desc, &room);
				plan = profile_shipped(p)->plans[who & 1][who >> 1];
				out = cut_entity(&plan, (enum cut_entity)e, &room, a);
				ok(out != NULL, "cut");
				for (unsigned i = 0; i < t->n; i++) {
					const struct field *f = &t->desc->fields[i];
					bool goes = plan.drop[e] >> i & 1;

					if (f->kind != F_LIST)
						ok(is_empty_value(f, (const char *)out + f->offset) ==
							   goes,
						   "%s: field %u %s", t->desc->name, i,
						   goes ? "is gone" : "stays");
				}
				arena_reset(a);
			}
	arena_free(a);
}

/* A whole event with an object, through the gate. */
struct whole {
	struct fixture x;
	struct misp_object object;
	struct misp_attr attr, inside;
	struct misp_ref ref;
	struct rel_ref target;
	struct misp_sighting sighting;
	struct misp_org sighting_org;
	struct misp_proposal proposal;
	struct misp_report report;
	struct misp_tagref attr_tags[3];
	struct misp_cryptokey key;
};

static void whole_init(struct whole *w, const char *policy)
{
	static const char *const tags[] = {
		"tlp:clear", "misp-galaxy:tool=\"Anchor\"", "CANARY-tag",
		"misp-galaxy:sector=\"CANARY\"",	    NULL};

	*w = (struct whole){0};
	fixture_init(&w->x, policy);
	fill(&desc_misp_event, &w->x.e);
	w->x.e.org_id = 2;
	w->x.e.orgc_id = 3;
	w->x.e.published = true;
	w->x.e.is_protected = false;
	w->x.e.distribution = DIST_ALL;
	w->x.e.timestamp = NOW - 5;
	w->x.e.org = w->x.e.orgc = w->x.e.sharing_group = (struct entity_list){NULL, 0};
	fill(&desc_misp_cryptokey, &w->key);
	w->x.e.crypto_keys = (struct entity_list){&w->key, 1};
	fixture_tags(&w->x, tags);
	fill(&desc_misp_org, &w->x.org);
	fill(&desc_misp_org, &w->x.orgc);
	w->x.s.creator_email = STR("CANARY@example.org");
	fill(&desc_misp_attr, &w->attr);
	w->attr.type = ATTR_DOMAIN;
	w->attr.category = CAT_NETWORK;
	w->attr.value = STR("example.org");
	w->attr.distribution = DIST_INHERIT;
	w->attr.object_id = 0;
	w->attr.deleted = false;
	w->attr_tags[0] = w->x.tags[0];
	w->attr_tags[1] = (struct misp_tagref){.name = STR("CANARY-local"), .local = true,
					       .exportable = true};
	w->attr_tags[2] = (struct misp_tagref){.name = STR("CANARY-hidden")};
	w->attr.tags = (struct entity_list){w->attr_tags, 3};
	fill(&desc_misp_object, &w->object);
	w->object.name = STR("domain-ip");
	w->object.distribution = DIST_INHERIT;
	w->object.deleted = false;
	w->inside = w->attr;
	w->inside.object_id = CANARY_NUMBER;
	w->inside.uuid = test_uuid(0xcb);
	fill(&desc_misp_ref, &w->ref);
	w->ref.deleted = false;
	w->ref.referenced_uuid = w->inside.uuid;
	w->target = (struct rel_ref){.known = true, .uuid = w->inside.uuid, .type = ATTR_DOMAIN,
				     .category = CAT_NETWORK, .distribution = DIST_INHERIT,
				     .value = STR("example.org")};
	fill(&desc_misp_sighting, &w->sighting);
	w->sighting.org_id = 4;
	w->sighting.date_sighting = NOW;
	fill(&desc_misp_org, &w->sighting_org);
	fill(&desc_misp_proposal, &w->proposal);
	w->proposal.deleted = false;
	fill(&desc_misp_report, &w->report);
	w->report.deleted = false;
	w->report.distribution = DIST_INHERIT;
}

static struct rel_element attr_el(const struct whole *w, bool inside)
{
	static const struct misp_org *orgs[1];
	struct rel_element el = {.kind = EL_ATTR, .attr = inside ? &w->inside : &w->attr,
				 .in_object = inside ? &w->object : NULL,
				 .proposals = &w->proposal, .n_proposals = 1,
				 .sightings = &w->sighting, .n_sightings = 1, .sighting_orgs = orgs,
				 .data = STR("CANARY-data")};

	orgs[0] = &w->sighting_org;
	return el;
}

static void audience(struct whole *w, enum audience_kind kind, uint8_t profile)
{
	fixture_caller(&w->x, kind, kind == AUD_OPERATOR ? 1 : kind < AUD_FEED ? 4 : 0);
	w->x.aud.profile = profile;
	w->x.aud.tlp = TLP_UPTO_AMBER;
	w->x.aud.pap = PAP_UPTO_AMBER;
	w->x.facts.sightings_policy = 2;
}

static void canaries(enum audience_kind kind, uint8_t profile)
{
	struct arena *a = arena_new(1 << 20);
	struct rel_element in, object = {.kind = EL_OBJECT};
	bool local = kind == AUD_OPERATOR || kind == AUD_MEMBER, ids = local || kind == AUD_PEER;
	bool strict = profile != PROFILE_FULL && profile != PROFILE_PARTNER;
	const struct rel_element *out;
	const struct rel_event *head;
	struct released *r;
	struct verdict v;
	struct whole w;

	whole_init(&w, "default");
	audience(&w, kind, profile);
	w.x.e.is_protected = true;
	if ((kind == AUD_PEER || kind == AUD_FEED) && profile != PROFILE_FULL) {
		ok(!gate_release(&w.x.c, &w.x.s, a, &v) && v.rule == RULE_protected,
		   "kind %d profile %u: withheld while it is protected", (int)kind, profile);
		w.x.e.is_protected = false;
	}
	r = gate_release(&w.x.c, &w.x.s, a, &v);
	if (!ok(r != NULL, "kind %d profile %u: released", (int)kind, profile))
		bail_out("%s", gate_rule_name(v.rule));
	head = released_event(r);
	check_cut(CUT_EVENT, head->e, profile, ids, local);
	ok(head->ids == ids, "ids");
	ok(!head->show_creator_email || kind == AUD_OPERATOR, "creator's e-mail");
	LIST_EACH(t, head->e->tags, struct misp_tagref)
	{
		check_cut(CUT_TAGREF, t, profile, ids, local);
		ok(!strict || str_find(t->name, STR("CANARY")) < 0, "tag %.*s", STR_ARG(t->name));
	}
	is_uint(head->e->crypto_keys.n, profile == PROFILE_FULL, "keys go where nothing is cut");
	LIST_EACH(k, head->e->crypto_keys, struct misp_cryptokey)
		check_cut(CUT_CRYPTOKEY, k, profile, ids, local);
	ok(head->e->is_protected == (profile == PROFILE_FULL), "what is cut is not protected");
	if (head->orgc && head->orgc != &w.x.host)
		check_cut(CUT_ORG, head->orgc, profile, ids, local);
	if (profile == PROFILE_INDICATORS)
		is_view(head->orgc->name, "HOST", "indicators come from this node");

	in = attr_el(&w, false);
	out = gate_release_element(r, &in, a);
	ok(out != NULL, "an attribute");
	check_cut(CUT_ATTR, out->attr, profile, ids, local);
	is_uint(out->attr->tags.n, local && !strict ? 2 : 1, "local and hidden tags");
	is_uint(out->n_proposals, !strict, "proposals");
	is_uint(out->n_sightings, profile != PROFILE_INDICATORS, "sightings");
	if (out->n_sightings) {
		check_cut(CUT_SIGHTING, out->sightings, profile, ids, local);
		ok(!strict == (out->sighting_orgs[0] != NULL), "their organisation");
	}
	ok(out->data.n == 0 || !strict, "no attachment of this type");

	in = attr_el(&w, true);
	out = gate_release_element(r, &in, a);
	ok(out != NULL, "an attribute of an object");
	check_cut(CUT_ATTR, out->attr, profile, ids, local);
	ok((out->in_object != NULL) == (profile != PROFILE_INDICATORS), "indicators stand alone");
	struct uuid inside = out->attr->uuid;

	object.object = &w.object;
	object.refs = &w.ref;
	object.ref_targets = &w.target;
	object.n_refs = 1;
	out = gate_release_element(r, &object, a);
	ok((out != NULL) == (profile != PROFILE_INDICATORS), "an object");
	if (out) {
		check_cut(CUT_OBJECT, out->object, profile, ids, local);
		is_uint(out->n_refs, 1, "its reference");
		check_cut(CUT_REF, out->refs, profile, ids, local);
		ok(uuid_eq(out->refs[0].referenced_uuid, inside), "points to what left");
		ok(uuid_eq(out->ref_targets[0].uuid, inside), "so does its target");
		ok(uuid_eq(out->refs[0].object_uuid, out->object->uuid) ||
			   !uuid_eq(w.ref.object_uuid, w.object.uuid),
		   "and comes from its object");
		w.target.known = false;
		out = gate_release_element(r, &object, a);
		is_uint(out->n_refs, 0, "a reference to what did not leave is dropped");
	}
	in = (struct rel_element){.kind = EL_REPORT, .report = &w.report};
	out = gate_release_element(r, &in, a);
	ok((out != NULL) == !strict, "a report");
	if (out)
		check_cut(CUT_REPORT, out->report, profile, ids, local);
	in = (struct rel_element){.kind = EL_PROPOSAL, .proposal = &w.proposal};
	out = gate_release_element(r, &in, a);
	ok((out != NULL) == !strict, "a proposal");
	if (out)
		check_cut(CUT_PROPOSAL, out->proposal, profile, ids, local);
	fixture_free(&w.x);
	arena_free(a);
}

/* ---- rewriting ------------------------------------------------------------------------------- */

static void rewriting(void)
{
	struct arena *a = arena_new(1 << 20);
	struct rel_element in;
	struct released *r;
	struct verdict v;
	struct whole w;
	struct uuid first;

	whole_init(&w, "default");
	audience(&w, AUD_PEER, PROFILE_TECHNICAL);
	r = gate_release(&w.x.c, &w.x.s, a, &v);
	first = released_event(r)->e->uuid;
	ok(!uuid_eq(first, w.x.e.uuid), "the event has another UUID");
	ok(uuid_eq(first, gate_uuid(NULL, &w.x.facts, PROFILE_TECHNICAL, w.x.e.uuid)), "the derived one");
	ok(!uuid_eq(first, gate_uuid(NULL, &w.x.facts, PROFILE_INDICATORS, w.x.e.uuid)),
	   "of its profile");
	is_view(released_event(r)->e->info, "Technical features: misp-galaxy:tool=\"Anchor\"",
		"a neutral line");
	is_uint(released_event(r)->e->threat_level_id, 4, "no opinion");
	is_int(released_event(r)->e->timestamp, NOW - 5, "as new as it is");
	r = gate_release(&w.x.c, &w.x.s, a, &v);
	ok(uuid_eq(first, released_event(r)->e->uuid), "the same for ever");
	w.x.policy->pseudonymous_origin = true;
	r = gate_release(&w.x.c, &w.x.s, a, &v);
	is_view(released_event(r)->orgc->name, "HOST", "the creator can be hidden");
	audience(&w, AUD_FEED, PROFILE_INDICATORS);
	r = gate_release(&w.x.c, &w.x.s, a, &v);
	is_view(released_event(r)->e->info, "Indicators", "a line that says nothing");
	in = attr_el(&w, false);
	w.attr.category = CAT_EXTERNAL;
	w.attr.first_seen = INT64_C(1234567890123456);
	const struct misp_attr *out = gate_release_element(r, &in, a)->attr;
	is_int(out->first_seen, INT64_C(1234483200000000), "the day it was seen");
	is_uint(out->category, CAT_NETWORK, "the category of its type");
	w.attr.to_ids = false;
	ok(!gate_release_element(r, &in, a), "only what is to_ids");
	is_int(gate_withheld_by(r), RULE_strip, "stripped");
	fixture_free(&w.x);
	arena_free(a);
}

/* What the profiles say about types, categories, objects and internal comments. */
static void stripping(void)
{
	static const struct {
		uint16_t type;
		uint8_t category;
		bool in_object;
		const char *may; /* full, partner, technical, indicators */
	} cases[] = {
		{ATTR_DOMAIN, CAT_NETWORK, false, "yyyy"},
		{ATTR_DOMAIN, CAT_TARGETING, false, "y..."},
		{ATTR_DOMAIN, CAT_INTERNAL, false, "y..."},
		{ATTR_DOMAIN, CAT_ATTRIBUTION, false, "yy.."},
		{ATTR_TARGET_USER, CAT_NETWORK, false, "y..."},
		{ATTR_FULL_NAME, CAT_OTHER, true, "y..."},
		{ATTR_IBAN, CAT_OTHER, true, "y..."},
		{ATTR_THREAT_ACTOR, CAT_OTHER, false, "yy.."},
		{ATTR_COMMENT, CAT_OTHER, true, "yy.."},
		{ATTR_TEXT, CAT_OTHER, false, "yy.."},
		{ATTR_TEXT, CAT_OTHER, true, "yyy."},
		{ATTR_ATTACHMENT, CAT_DELIVERY, false, "yy.."},
		{ATTR_MALWARE_SAMPLE, CAT_DELIVERY, false, "yyyy"},
		{ATTR_NONE, CAT_OTHER, false, "y..."},
		{ATTR_DOMAIN, CAT_NONE, false, "y..."},
		{ATTR_TYPE_LIMIT, CAT_OTHER, false, "y..."},
	};
	static const uint8_t profiles[] = {PROFILE_FULL, PROFILE_PARTNER, PROFILE_TECHNICAL,
					   PROFILE_INDICATORS};
	struct arena *a = arena_new(1 << 20);
	struct rel_element in;
	struct released *r;
	struct verdict v;
	struct whole w;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t p = 0; p < 4; p++)
			ok(profile_keeps_type(profile_shipped(profiles[p]), cases[i].type, cases[i].category,
					    cases[i].in_object) == (cases[i].may[p] == 'y'),
			   "case %zu profile %u", i, profiles[p]);
	ok(profile_keeps_object(profile_shipped(PROFILE_FULL), STR("person")) &&
		   !profile_keeps_object(profile_shipped(PROFILE_PARTNER), STR("Person")) &&
		   profile_keeps_object(profile_shipped(PROFILE_PARTNER), STR("report")) &&
		   !profile_keeps_object(profile_shipped(PROFILE_TECHNICAL), STR("report")) &&
		   profile_keeps_object(profile_shipped(PROFILE_TECHNICAL), STR("file")) &&
		   !profile_keeps_object(profile_shipped(PROFILE_TECHNICAL), STR("")),
	   "objects by name");
	whole_init(&w, "default");
	audience(&w, AUD_PEER, PROFILE_PARTNER);
	w.attr.comment = STR("seen at the customer [Internal]");
	in = attr_el(&w, false);
	r = gate_release(&w.x.c, &w.x.s, a, &v);
	is_uint(gate_release_element(r, &in, a)->attr->comment.n, 0, "an internal comment stays");
	w.report.name = STR("[internal] notes");
	in = (struct rel_element){.kind = EL_REPORT, .report = &w.report};
	ok(!gate_release_element(r, &in, a), "an internal report stays");
	fixture_free(&w.x);
	arena_free(a);
}

/* ---- nothing to cut -------------------------------------------------------------------------- */

static void untouched(void)
{
	struct arena *a = arena_new(1 << 20);
	struct rel_element in;
	const struct rel_element *out;
	struct released *r;
	struct verdict v;
	struct whole w;
	size_t used;

	whole_init(&w, "misp-compat");
	fixture_caller(&w.x, AUD_OPERATOR, 1);
	r = gate_release(&w.x.c, &w.x.s, a, &v);
	misp_attr_init(&w.attr);
	w.attr.type = ATTR_DOMAIN;
	w.attr.id = 5;
	w.attr.tags = (struct entity_list){w.attr_tags, 2};
	w.attr.value = STR("example.org");
	in = (struct rel_element){.kind = EL_ATTR, .attr = &w.attr};
	used = arena_used(a);
	out = gate_release_element(r, &in, a);
	ok(out && out->attr == &w.attr && arena_used(a) == used, "nothing cut, nothing copied");
	w.attr.blob = STR("digest");
	out = gate_release_element(r, &in, a);
	ok(out && out->attr != &w.attr && out->attr->blob.n == 0, "what never leaves is cut");
	fixture_free(&w.x);
	arena_free(a);
}

/* A push lowers 2 to 1 in the event and in all that has a level (4.4). */
static void pushing(void)
{
	struct arena *a = arena_new(1 << 20);
	struct rel_element in, object = {.kind = EL_OBJECT};
	struct released *r;
	struct verdict v;
	struct whole w;

	for (int internal = 0; internal < 2; internal++) {
		uint8_t want = internal ? DIST_CONNECTED : DIST_COMMUNITY;

		whole_init(&w, "misp-compat");
		fixture_caller(&w.x, AUD_PEER, 4);
		w.x.aud.push = true;
		w.x.aud.internal = internal;
		w.x.e.distribution = DIST_CONNECTED;
		w.object.distribution = DIST_CONNECTED;
		w.report.distribution = DIST_CONNECTED;
		w.inside.distribution = DIST_CONNECTED;
		r = gate_release(&w.x.c, &w.x.s, a, &v);
		ok(r != NULL, "pushed");
		is_uint(released_event(r)->e->distribution, want, "the event");
		in = attr_el(&w, true);
		is_uint(gate_release_element(r, &in, a)->attr->distribution, want, "an attribute");
		is_uint(gate_release_element(r, &in, a)->in_object->distribution, want, "in its object");
		object.object = &w.object;
		is_uint(gate_release_element(r, &object, a)->object->distribution, want, "the object");
		in = (struct rel_element){.kind = EL_REPORT, .report = &w.report};
		is_uint(gate_release_element(r, &in, a)->report->distribution, want, "a report");
		w.inside.distribution = DIST_ORG;
		in = attr_el(&w, true);
		ok((gate_release_element(r, &in, a) != NULL) == internal, "0 stays, but internally");
		fixture_free(&w.x);
	}
	arena_free(a);
}

/* An attribute that leaves without its object goes no further than the object did. */
static void alone(void)
{
	static const struct {
		uint8_t object, attr, want;
	} rows[] = {{DIST_INHERIT, DIST_INHERIT, DIST_INHERIT}, {DIST_CONNECTED, DIST_INHERIT, DIST_CONNECTED},
		    {DIST_INHERIT, DIST_COMMUNITY, DIST_COMMUNITY}, {DIST_COMMUNITY, DIST_ALL, DIST_COMMUNITY},
		    {DIST_ALL, DIST_CONNECTED, DIST_CONNECTED},	    {DIST_GROUP, DIST_INHERIT, DIST_ORG},
		    {DIST_ALL, DIST_GROUP, DIST_ORG}};
	struct arena *a = arena_new(1 << 20);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct rel_element *out;
		struct rel_element in;
		struct released *r;
		struct verdict v;
		struct whole w;

		whole_init(&w, "default");
		fixture_caller(&w.x, AUD_MEMBER, 2);
		w.x.aud.profile = PROFILE_INDICATORS;
		w.object.distribution = rows[i].object;
		w.inside.distribution = rows[i].attr;
		w.inside.deleted = false;
		r = gate_release(&w.x.c, &w.x.s, a, &v);
		ok(r != NULL, "released");
		in = attr_el(&w, true);
		out = gate_release_element(r, &in, a);
		ok(out && !out->in_object, "without its object");
		is_uint(out ? out->attr->distribution : 99, rows[i].want, "%u in %u", rows[i].attr,
			rows[i].object);
		fixture_free(&w.x);
	}
	arena_free(a);
}

/* ---- less clearance never shows more --------------------------------------------------------- */

static const char *const some_tags[] = {
	"tlp:clear", "tlp:green", "tlp:amber", "tlp:amber+strict", "tlp:red", "pap:green", "pap:red",
	"embargo:public=\"2100-01-01T00:00:00Z\"", "embargo:sector=\"2100-01-01T00:00:00Z\"",
	"embargo:partner=\"2100-01-01T00:00:00Z\"", "embargo:until=\"2001-01-01T00:00:00Z\"",
	"tocsin:recipient=\"a0000000-0000-4000-8000-000000000004\"", "other", "embargo:x"};

static void random_event(struct whole *w)
{
	const char *tags[5] = {NULL};
	unsigned n = rnd(4);

	for (unsigned i = 0; i < n; i++)
		tags[i] = some_tags[rnd(ARRAY_LEN(some_tags))];
	fixture_tags(&w->x, tags);
	w->x.e.distribution = (uint8_t)rnd(5);
	w->x.e.sharing_group_id = 10 + rnd(5);
	w->x.e.published = rnd(4) != 0;
	w->x.e.org_id = 1 + rnd(5);
	w->inside.type = (uint16_t)rnd(ATTR_TYPE_LIMIT);
	w->inside.category = (uint8_t)rnd(CAT_LIMIT);
	w->inside.to_ids = rnd(2);
	w->inside.distribution = (uint8_t)rnd(6);
	w->inside.sharing_group_id = 10 + rnd(5);
	w->inside.deleted = rnd(8) == 0;
	w->attr_tags[0].name = str_c(some_tags[rnd(ARRAY_LEN(some_tags))]);
	w->object.distribution = (uint8_t)rnd(6);
	w->object.sharing_group_id = 10 + rnd(5);
	w->x.facts.clock_trusted = rnd(4) != 0;
	w->x.policy->tlp_members_strict = rnd(2);
}

static struct audience random_audience(void)
{
	struct audience a = {.kind = (enum audience_kind)(AUD_MEMBER + rnd(5)),
			     .org_id = 1 + rnd(5),
			     .tlp = (uint8_t)rnd(5),
			     .pap = (uint8_t)rnd(4),
			     .release_class = (uint8_t)rnd(CLASS_COUNT),
			     .profile = (uint8_t)rnd(4),
			     .domestic = rnd(2)};

	a.org = test_uuid((uint8_t)a.org_id);
	return a;
}

/* Take one clearance away. */
static struct audience lesser(struct audience a)
{
	switch (rnd(6)) {
	case 0:
		a.tlp = (uint8_t)rnd(a.tlp + 1u);
		break;
	case 1:
		a.pap = (uint8_t)rnd(a.pap + 1u);
		break;
	case 2:
		a.release_class = (uint8_t)rnd(a.release_class + 1u);
		break;
	case 3:
		a.profile = (uint8_t)rnd(a.profile + 1u);
		break;
	case 4:
		a.suspended_until = NOW + 5;
		break;
	default:
		a.kind = AUD_NOBODY;
		break;
	}
	return a;
}

static unsigned sees(struct whole *w, const struct audience *aud)
{
	unsigned bits = 0;

	w->x.aud = *aud;
	if (gate_judge(&w->x.c, &w->x.s).outcome != GATE_RELEASE)
		return 0;
	bits |= 1;
	if (gate_judge_attr(&w->x.c, &w->x.s, &w->object, &w->inside))
		bits |= 2;
	if (gate_judge_object(&w->x.c, &w->x.s, &w->object))
		bits |= 4;
	return bits;
}

static void monotone(void)
{
	unsigned worse = 0, shown = 0;
	struct whole w;

	whole_init(&w, "default");
	for (unsigned i = 0; i < 200000; i++) {
		struct audience more = random_audience(), less = lesser(more);
		unsigned a, b;

		random_event(&w);
		a = sees(&w, &more);
		b = sees(&w, &less);
		shown += a != 0;
		if (b & ~a && worse++ < 3)
			diag("kind %d tlp %u->%u pap %u->%u class %u->%u profile %u->%u: %u to %u",
			     (int)more.kind, more.tlp, less.tlp, more.pap, less.pap,
			     more.release_class, less.release_class, more.profile, less.profile, a,
			     b);
	}
	is_uint(worse, 0, "less clearance never shows more (200,000 random pairs)");
	ok(shown > 10000, "%u of them showed something", shown);
	fixture_free(&w.x);
}

int main(void)
{
	tables();
	generic();
	for (int k = AUD_OPERATOR; k <= AUD_STREAM; k++)
		for (uint8_t p = 0; p < PROFILE_COUNT; p++)
			canaries((enum audience_kind)k, p);
	rewriting();
	stripping();
	untouched();
	pushing();
	alone();
	monotone();
	return done_testing();
}
