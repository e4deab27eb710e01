/*
 * test_profile.c - own strip profiles: what is not named is dropped, what is named is done, the copy
 * stays whole, its UUIDs are its own as soon as it says something else.
 */
#include <stdio.h>

#include "gate/profile.h"
#include "gate/release.h"
#include "tests/unit/gate/fixture.h"

static struct fixture x;
static struct arena *a;
static struct misp_attr attr;
static struct misp_object object;
static struct misp_report report;
static struct misp_sighting sighting;
static struct misp_org seen_by;
static struct misp_ref ref;
static struct rel_ref target;
static struct misp_tagref attr_tags[2];

/* A peer that gets this profile. */
static void profile(const char *text)
{
	char yaml[3000];
	struct fail f = {0};

	policy_unref(x.policy);
	x.policy = NULL;
	snprintf(yaml, sizeof(yaml),
		 "default_tlp: clear\npseudonym_key: 0123456789abcdef\n"
		 "default_peer: {tlp: red, pap: red, class: partner, profile: mine}\n"
		 "profiles:\n  mine:\n%s",
		 text);
	is_ok(policy_parse(str_c(yaml), "p", &x.policy, &f), "%s", f.text);
	if (!x.policy)
		bail_out("no policy from %s", text);
	x.c.policy = x.policy;
	x.facts.sightings_policy = 2;
	fixture_caller(&x, AUD_PEER, 4);
}

static struct misp_attr *an_attr(void)
{
	attr = (struct misp_attr){.id = 1,
				  .uuid = test_uuid(50),
				  .type = ATTR_DOMAIN,
				  .category = CAT_DELIVERY,
				  .value = STR("evil.example"),
				  .comment = STR("seen at ACME"),
				  .to_ids = true,
				  .distribution = DIST_INHERIT,
				  .timestamp = NOW - 50,
				  .first_seen = INT64_C(1234567890123456),
				  .last_seen = MICRO_NONE,
				  .tags = {attr_tags, 2}};
	attr_tags[0] = (struct misp_tagref){.name = STR("tlp:green"), .exportable = true, .colour = STR("#33FF00")};
	attr_tags[1] = (struct misp_tagref){.name = STR("customer:acme"), .exportable = true, .colour = STR("#333")};
	return &attr;
}

static void begin(void)
{
	fixture_init(&x, "default");
	an_attr();
	object = (struct misp_object){.id = 5,
				      .uuid = test_uuid(60),
				      .name = STR("domain-ip"),
				      .meta_category = STR("network"),
				      .template_uuid = STR("43b3b146-77eb-4931-b4cc-b66c60f28734"),
				      .template_version = STR("11"),
				      .comment = STR("at ACME"),
				      .distribution = DIST_INHERIT,
				      .first_seen = MICRO_NONE,
				      .last_seen = MICRO_NONE};
	report = (struct misp_report){
		.uuid = test_uuid(61), .name = STR("r"), .content = STR("c"), .distribution = DIST_INHERIT};
	sighting = (struct misp_sighting){
		.id = 1, .uuid = test_uuid(62), .org_id = 4, .source = STR("sensor 7"), .date_sighting = NOW};
	ref = (struct misp_ref){.uuid = test_uuid(63),
				.object_uuid = object.uuid,
				.referenced_uuid = attr.uuid,
				.relationship_type = STR("contains")};
	target = (struct rel_ref){.known = true, .uuid = attr.uuid, .type = ATTR_DOMAIN,
				  .category = CAT_DELIVERY, .distribution = DIST_INHERIT};
}

static struct released *released(void)
{
	struct verdict v;
	struct released *r = gate_release(&x.c, &x.s, a, &v);

	if (!r)
		bail_out("not released: %s", gate_rule_name(v.rule));
	return r;
}

static const struct rel_element *out(struct released *r, const struct misp_object *in)
{
	static const struct misp_org *orgs[1] = {&seen_by};
	struct rel_element el = {.kind = EL_ATTR, .attr = &attr, .in_object = in,
				 .sightings = &sighting, .n_sightings = 1, .sighting_orgs = orgs};

	attr.object_id = in ? in->id : 0;
	return gate_release_element(r, &el, a);
}

#define LEAST_EVENT                                                                                \
	"    fields:\n"                                                                            \
	"      event: {uuid: keep, info: keep, date: keep, timestamp: keep, distribution: keep,\n"  \
	"              threat_level_id: keep, analysis: keep, published: keep}\n"

static void closed(void)
{
	struct released *r;
	struct rel_element el = {.kind = EL_REPORT, .report = &report};

	begin();
	profile(LEAST_EVENT "    creator: keep\n");
	r = released();
	is_view(released_event(r)->e->info, "an incident", "what is named");
	ok(uuid_eq(released_event(r)->e->uuid, x.e.uuid), "nothing is changed: the same UUID");
	ok(!out(r, NULL), "attributes are not named");
	ok(!gate_release_element(r, &el, a), "nor reports");
	fixture_tag(&x, "tlp:clear");
	r = released();
	is_uint(released_event(r)->e->tags.n, 0, "nor tags");
	profile(LEAST_EVENT
		"      attribute: {uuid: keep, type: keep, category: keep, value: keep, to_ids: keep,\n"
		"                  distribution: keep, timestamp: keep}\n"
		"    categories: {keep: '*'}\n"
		"    types: {keep: [domain, md5]}\n"
		"    objects: {keep: '*'}\n");
	r = released();
	ok(out(r, NULL) != NULL, "an attribute of a type that is named");
	is_uint(out(r, NULL)->attr->comment.n, 0, "without what is not named");
	is_uint(out(r, NULL)->attr->tags.n, 0, "tags and all");
	is_uint(out(r, NULL)->n_sightings, 0, "sightings neither");
	ok(out(r, &object) && !out(r, &object)->in_object, "and without its object");
	ok(!uuid_eq(released_event(r)->e->uuid, x.e.uuid), "the creator is this node: another UUID");
	is_view(released_event(r)->orgc->name, "HOST", "is told");
	attr.type = ATTR_SHA1;
	ok(!out(r, NULL), "another type");
	fixture_free(&x);
}

static void rewrites(void)
{
	struct rel_element el = {.kind = EL_OBJECT, .object = &object, .refs = &ref,
				 .ref_targets = &target, .n_refs = 1};
	const struct rel_element *o;
	struct released *r;
	struct str first;

	begin();
	profile("    base: full\n"
		"    fields:\n"
		"      event: {info: {replace: 'shared by us'}, threat_level_id: {replace: 3}}\n"
		"      attribute: {comment: pseudonymise, first_seen: generalise, category: generalise}\n"
		"      object: {comment: drop}\n"
		"      sighting: {source: {replace: sensor}, date_sighting: generalise}\n"
		"    tags: {drop: ['customer:*']}\n"
		"    objects: {drop: [person]}\n");
	r = released();
	is_view(released_event(r)->e->info, "shared by us", "replaced");
	is_uint(released_event(r)->e->threat_level_id, 3, "a number too");
	ok(!uuid_eq(released_event(r)->e->uuid, x.e.uuid) &&
		   uuid_eq(released_event(r)->e->uuid,
			   gate_uuid(x.policy, &x.facts, x.aud.profile, x.e.uuid)),
	   "with a UUID of its own");
	ok(!uuid_eq(released_event(r)->e->uuid, gate_uuid(NULL, &x.facts, PROFILE_TECHNICAL, x.e.uuid)),
	   "which no other profile has");
	ok(gate_rewrites(x.policy, &x.aud), "as everybody is told");
	o = out(r, NULL);
	first = o->attr->comment;
	ok(str_has_prefix(first, STR("anon-")) && first.n == 29, "a pseudonym: %.*s", STR_ARG(first));
	ok(!uuid_eq(o->attr->uuid, test_uuid(50)), "the attribute's UUID is derived");
	is_int(o->attr->first_seen, INT64_C(1234483200000000), "a day");
	is_uint(o->attr->category, CAT_NETWORK, "the usual category");
	is_uint(o->attr->tags.n, 1, "one tag is dropped");
	is_view(((struct misp_tagref *)o->attr->tags.v)->name, "tlp:green", "the other one stays");
	is_view(o->sightings[0].source, "sensor", "a sighting's source");
	is_int(o->sightings[0].date_sighting % 86400, 0, "its day");
	ok(!o->sighting_orgs[0], "who saw it is not told");
	attr.comment = STR("elsewhere");
	ok(!str_eq(out(r, NULL)->attr->comment, first), "another text, another pseudonym");
	attr.comment = STR_NONE;
	is_uint(out(r, NULL)->attr->comment.n, 0, "no text, none");
	an_attr();
	struct uuid inside = out(r, &object)->attr->uuid;
	struct uuid around = out(r, &object)->in_object->uuid;
	ok(uuid_eq(out(r, &object)->in_object->uuid, around), "its object, again and again");
	o = gate_release_element(r, &el, a);
	ok(o && uuid_eq(o->object->uuid, around) && !uuid_eq(around, test_uuid(60)),
	   "is the object that comes");
	is_uint(o->object->comment.n, 0, "without its comment");
	ok(o->n_refs == 1 && uuid_eq(o->refs[0].referenced_uuid, inside) &&
		   uuid_eq(o->refs[0].object_uuid, around),
	   "a reference points to what left");
	object.name = STR("Person");
	ok(!gate_release_element(r, &el, a) && !out(r, &object), "an object that is dropped, with all in it");
	object.name = STR("domain-ip");
	x.e.is_protected = true;
	struct verdict v;
	ok(!gate_release(&x.c, &x.s, a, &v) && v.rule == RULE_protected, "protected events are not cut");
	fixture_free(&x);
}

static void dropping(void)
{
	struct rel_element rep = {.kind = EL_REPORT, .report = &report};
	struct released *r;
	struct misp_tagref custom = {.name = STR("misp-galaxy:threat-actor=\"ours\""),
				     .exportable = true,
				     .is_galaxy = true,
				     .is_custom_galaxy = true};

	begin();
	profile("    base: partner\n    uuid: same\n"
		"    fields: {report: drop, attribute: {comment: drop}, sharing_group: drop}\n"
		"    to_ids_only: true\n    custom_clusters: false\n");
	r = released();
	ok(uuid_eq(released_event(r)->e->uuid, x.e.uuid) && uuid_eq(out(r, NULL)->attr->uuid, attr.uuid),
	   "UUIDs stay where things are only left out");
	is_uint(out(r, NULL)->attr->comment.n, 0, "the comment is gone");
	ok(!gate_release_element(r, &rep, a), "reports are gone");
	ok(!gate_shows_tag(&x.c, &x.s, &custom), "a tag that names what was removed is gone");
	attr.distribution = DIST_GROUP;
	attr.sharing_group_id = 11;
	is_uint(out(r, NULL)->attr->distribution, DIST_ORG, "a group that is not told is nobody's");
	attr.to_ids = false;
	ok(!out(r, NULL), "only what is for detection");
	profile("    base: technical\n    fields: {event: {info: keep}}\n");
	is_view(released_event(released())->e->info, "an incident", "a base can be opened again");
	profile("    base: technical\n    uuid: derived\n    tags: {keep: ['customer:*']}\n"
		"  other:\n    base: mine\n    tags: {drop: ['tlp:*']}\n");
	is_uint(x.policy->n_profiles, 2, "one stands on another");
	fixture_free(&x);
}

static void errors(void)
{
	static const struct {
		const char *text;
		uint32_t line, column;
		const char *says;
	} cases[] = {
		{"{mine: {}}", 1, 12, "without \"uuid\""},
		{"{mine: {base: most}}", 1, 25, "no profile \"most\""},
		{"{full: {base: full}}", 1, 12, "there already"},
		{"{mine: {base: full, fields: {events: drop}}}", 1, 40, "no entity \"events\""},
		{"{mine: {base: full, fields: {event: {colour: drop}}}}", 1, 48, "no field \"colour\""},
		{"{mine: {base: full, fields: {event: {uuid: drop}}}}", 1, 40, "nothing without \"uuid\""},
		{"{mine: {base: full, fields: {attribute: {value: pseudonymise}}}}", 1, 59, "not made up"},
		{"{mine: {base: full, fields: {attribute: {value: {replace: x}}}}}", 1, 59, "not made up"},
		{"{mine: {base: full, fields: {attribute: {comment: generalise}}}}", 1, 61, "cannot be generalised"},
		{"{mine: {base: full, fields: {attribute: {comment: {with: x}}}}}", 1, 62, "replace"},
		{"{mine: {base: full, fields: {attribute: {comment: hide}}}}", 1, 61, "keep, drop"},
		{"{mine: {base: full, fields: {tag: {name: generalise}}}}", 1, 52, "keep or drop"},
		{"{mine: {base: full, fields: {event: {info: {replace: x}}}, uuid: same}}", 1, 76, "derived"},
		{"{mine: {base: full, types: {keep: [md55]}}}", 1, 46, "no attribute type"},
		{"{mine: {base: full, attachments: few}}", 1, 44, "none, samples, all"},
		{"{mine: {base: full, fields: {attribute: {comment: pseudonymise}}}}", 1, 61, "pseudonym_key"},
		{"{mine: {base: full, colour: red}}", 1, 31, "unknown key"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct policy *p = NULL;
		struct fail f = {0};
		char yaml[400];

		snprintf(yaml, sizeof(yaml), "profiles: %s\n", cases[i].text);
		is_err(policy_parse(str_c(yaml), "p", &p, &f), ERR_CONFIG, "%s: %s", cases[i].text, f.text);
		ok(f.line == cases[i].line && f.column == cases[i].column, "%u:%u, expected %u:%u", f.line,
		   f.column, cases[i].line, cases[i].column);
		ok(strstr(f.text, cases[i].says) != NULL, "says %s", cases[i].says);
	}
}

/* Every key changes the version; order does not. */
static void versions(void)
{
	static const char *const texts[] = {
		"{a: {base: full}}",
		"{b: {base: full}}",
		"{a: {base: partner}}",
		"{a: {base: full, uuid: derived}}",
		"{a: {base: full, fields: {attribute: {comment: drop}}}}",
		"{a: {base: full, fields: {attribute: {comment: {replace: x}}}}}",
		"{a: {base: full, fields: {attribute: {comment: {replace: y}}}}}",
		"{a: {base: full, types: {drop: md5}}}",
		"{a: {base: full, categories: {drop: Other}}}",
		"{a: {base: full, objects: {drop: file}}}",
		"{a: {base: full, tags: {drop: x}}}",
		"{a: {base: full, tags: {keep: x}}}",
		"{a: {base: full, to_ids_only: true}}",
		"{a: {base: full, internal: drop}}",
		"{a: {base: full, attachments: none}}",
		"{a: {base: full, creator: node}}",
		"{a: {base: full, custom_clusters: false}}",
	};
	char versions[ARRAY_LEN(texts)][65];

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct policy *p = NULL;
		struct fail f = {0};
		char yaml[400];

		snprintf(yaml, sizeof(yaml), "profiles: %s\n", texts[i]);
		if (policy_parse(str_c(yaml), "p", &p, &f) != ERR_OK)
			bail_out("%s: %s", texts[i], f.text);
		memcpy(versions[i], policy_version(p), 65);
		policy_unref(p);
		for (size_t k = 0; k < i; k++)
			ok(strcmp(versions[i], versions[k]) != 0, "%s is not %s", texts[i], texts[k]);
	}
}

/* What is dropped goes over what is kept, whichever stands first. */
static void order(void)
{
	static const char *const pairs[][2] = {
		{"{tags: {drop: x, keep: x}}", "{tags: {keep: x, drop: x}}"},
		{"{types: {drop: md5, keep: [md5, sha1]}}", "{types: {keep: [md5, sha1], drop: md5}}"},
		{"{categories: {drop: Other, keep: Other}}", "{categories: {keep: Other, drop: Other}}"},
		{"{objects: {drop: file, keep: file}}", "{objects: {keep: file, drop: file}}"},
	};

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		struct policy *p[2] = {NULL, NULL};

		for (size_t k = 0; k < 2; k++) {
			struct fail f = {0};
			char text[200];

			snprintf(text, sizeof(text), "profiles:\n  a: {base: full, %s\n", pairs[i][k] + 1);
			is_err(policy_parse(str_c(text), "p", &p[k], &f), ERR_OK, "%s%s", text, f.text);
		}
		if (p[0] && p[1])
			is_str(policy_version(p[0]), policy_version(p[1]), "%s", pairs[i][0]);
		policy_unref(p[0]);
		policy_unref(p[1]);
	}
}

int main(void)
{
	a = arena_new(1 << 20);
	closed();
	rewrites();
	dropping();
	order();
	errors();
	versions();
	arena_free(a);
	return done_testing();
}
