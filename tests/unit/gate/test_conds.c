/*
 * test_conds.c - every condition of the rules of the policy file: where it holds, where it does
 * not, and that what cannot be answered withholds.
 */
#include <stdio.h>

#include "gate/conds.h"
#include "gate/judge.h"
#include "tests/unit/gate/fixture.h"

#define DAY INT64_C(86400)

static struct fixture x;
static struct misp_attr attr;
static struct misp_object object;
static struct misp_report report;
static struct misp_sighting sighting;
static struct misp_tagref attr_tags[4];
static const struct gate_group groups[] = {{11, {{1}}}, {13, {{2}}}};

/* One rule in force, for a peer that may hold everything. */
static void rule(const char *level, const char *text)
{
	char yaml[2000];
	struct fail f = {0};

	policy_unref(x.policy);
	x.policy = NULL;
	snprintf(yaml, sizeof(yaml),
		 "default_tlp: clear\n"
		 "default_peer: {tlp: red, pap: red, class: partner, profile: full}\n"
		 "rules:\n - {name: r, level: %s, effect: deny, %s}\n",
		 level, text);
	is_ok(policy_parse(str_c(yaml), "p", &x.policy, &f), "%s: %s", text, f.text);
	if (!x.policy)
		bail_out("no policy");
	x.c.policy = x.policy;
	fixture_caller(&x, AUD_PEER, 4);
}

static void begin(void)
{
	fixture_init(&x, "default");
	x.facts.all_groups = groups;
	x.facts.n_all_groups = ARRAY_LEN(groups);
	attr = (struct misp_attr){.id = 1,
				  .type = ATTR_DOMAIN,
				  .category = CAT_NETWORK,
				  .value = STR("evil.gov.example"),
				  .comment = STR("seen at ACME"),
				  .to_ids = true,
				  .distribution = DIST_INHERIT,
				  .timestamp = NOW - 10 * DAY,
				  .first_seen = MICRO_NONE,
				  .last_seen = MICRO_NONE};
	object = (struct misp_object){.id = 5,
				      .name = STR("domain-ip"),
				      .template_uuid = STR("43b3b146-77eb-4931-b4cc-b66c60f28734"),
				      .distribution = DIST_INHERIT,
				      .timestamp = NOW - 3 * DAY,
				      .first_seen = MICRO_NONE,
				      .last_seen = MICRO_NONE};
	report = (struct misp_report){
		.name = STR("day one"), .content = STR("we saw X"), .distribution = DIST_INHERIT};
	sighting = (struct misp_sighting){.id = 1, .org_id = 4, .date_sighting = NOW - 40 * DAY};
	attr_tags[0].name = STR_NONE;
}

static void tag_attr(const char *name)
{
	attr_tags[0] = (struct misp_tagref){.tag_id = 9, .name = str_c(name), .exportable = true};
	attr.tags = (struct entity_list){name ? attr_tags : NULL, name ? 1 : 0};
}

static bool event_leaves(void)
{
	return gate_judge(&x.c, &x.s).outcome == GATE_RELEASE;
}

static bool attr_leaves(const struct misp_object *o)
{
	attr.object_id = o ? o->id : 0;
	return gate_judge_attr(&x.c, &x.s, o, &attr);
}

/* ---- attributes ---------------------------------------------------------------------------- */

static void attributes(void)
{
	static const struct {
		const char *when;
		bool hits;
	} cases[] = {
		{"when: {type: [md5, domain]}", true},
		{"when: {type: md5}", false},
		{"when: {category: Network activity}", true},
		{"when: {category: [Person, Other]}", false},
		{"when: {to_ids: true}", true},
		{"when: {to_ids: false}", false},
		{"when: {value: '\\.gov\\.example$'}", true},
		{"when: {value: ['^x', '^evil']}", true},
		{"when: {value: '^gov'}", false},
		{"when: {comment: '(?i)acme'}", true},
		{"when: {comment: 'acme'}", false},
		{"when: {type: domain, to_ids: false}", false},
		{"when: {type: domain}, unless: {to_ids: true}", false},
		{"when: {type: domain}, unless: {to_ids: false}", true},
		{"allow: {type: [domain, hostname]}", false},
		{"allow: {type: [md5]}", true},
		{"require: {to_ids: true}", false},
		{"require: {to_ids: false}", true},
		{"when: {older_than: 9d}", true},
		{"when: {older_than: 11d}", false},
		{"when: {younger_than: 11d}", true},
		{"when: {younger_than: 9d}", false},
		{"when: {distribution: 5}", true},
		{"when: {distribution: [0, 4]}", false},
		{"when: {object_name: domain-ip}", false},
		{"when: {orgc: a0000000-0000-4000-8000-000000000003}", true},
		{"when: {orgc: a0000000-0000-4000-8000-000000000009}", false},
		{"when: {published: true}", true},
		{"when: {published: false}", false},
	};

	begin();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		rule("attribute", cases[i].when);
		is_int(attr_leaves(NULL), !cases[i].hits, "%s", cases[i].when);
	}
	rule("attribute", "when: {object_name: domain-*}");
	ok(!attr_leaves(&object) && attr_leaves(NULL), "by the name of its object");
	rule("attribute", "when: {object_template: 43b3b146-77eb-4931-b4cc-b66c60f28734}");
	ok(!attr_leaves(&object) && attr_leaves(NULL), "by the template");
	object.template_uuid = STR("no uuid");
	ok(!attr_leaves(&object), "a template that cannot be read may be the one");
	attr.object_relation = STR("ip");
	rule("attribute", "when: {relation: [ip, port]}");
	ok(!attr_leaves(&object), "by its relation");
	attr.last_seen = (NOW - DAY) * 1000000;
	rule("attribute", "when: {older_than: 9d}");
	ok(attr_leaves(NULL), "seen since");
	rule("attribute", "when: {orgc: a0000000-0000-4000-8000-000000000009}");
	x.s.orgc = NULL;
	ok(!attr_leaves(NULL), "a creator that is not known may be the one");
	x.facts.clock_trusted = false;
	attr.last_seen = MICRO_NONE;
	rule("attribute", "when: {younger_than: 9d}");
	ok(!attr_leaves(NULL), "no clock: nothing is old enough");
	rule("attribute", "when: {value: '^(e+)+$'}");
	static char hostile[5001];
	memset(hostile, 'e', sizeof(hostile));
	hostile[sizeof(hostile) - 1] = 'b';
	attr.value = (struct str){hostile, sizeof(hostile)};
	ok(!attr_leaves(NULL), "an expression that gives up withholds");
	fixture_free(&x);
}

static void groups_known(void)
{
	begin();
	rule("attribute", "when: {sharing_group: 01000000-0000-0000-0000-000000000000}");
	ok(attr_leaves(NULL), "no group");
	attr.distribution = DIST_GROUP;
	attr.sharing_group_id = 11;
	ok(!attr_leaves(NULL), "this group");
	attr.sharing_group_id = 13;
	ok(attr_leaves(NULL), "another group");
	x.facts.n_all_groups = 1;
	ok(!attr_leaves(NULL), "a group that is not known");
	fixture_free(&x);
}

/* ---- tags ---------------------------------------------------------------------------------- */

static void tags(void)
{
	static const struct {
		const char *rule;
		const char *tags[4];
		bool hits;
	} cases[] = {
		{"when: {tag: 'tlp:green'}", {"TLP:GREEN"}, true},
		{"when: {tag: 'tlp:*'}", {"a:b", "tlp:clear"}, true},
		{"when: {tag: 'tlp:*'}", {"a:b"}, false},
		{"when: {taxonomy: [tlp, pap]}", {"pap:clear"}, true},
		{"when: {taxonomy: tl}", {"tlp:clear"}, false},
		{"when: {taxonomy: tlp}", {"tlp"}, false},
		{"when: {galaxy: [mitre-malware]}", {"misp-galaxy:mitre-malware=\"x\""}, true},
		{"when: {galaxy: [mitre-malware]}", {"misp-galaxy:mitre-tool=\"x\""}, false},
		{"require: {taxonomy: [tlp, pap]}", {"tlp:clear", "pap:clear"}, false},
		{"require: {taxonomy: [tlp, pap]}", {"tlp:clear"}, true},
		{"require: {taxonomy: [tlp]}", {NULL}, true},
		{"require: {tag: ['tlp:clear']}", {"tlp:clear", "x"}, false},
		{"require: {tag: ['tlp:clear', 'x']}", {"tlp:clear"}, true},
		{"allow: {tag: ['tlp:clear', 'tlp:green']}", {"tlp:clear", "x:y"}, false},
		{"allow: {tag: ['tlp:clear']}", {"tlp:green"}, true},
		{"allow: {tag: ['tlp:clear']}", {NULL}, false},
		{"allow: {taxonomy: [tlp]}", {"tlp:clear", "pap:clear"}, true},
		{"allow: {taxonomy: [tlp]}", {"tlp:clear", "plain"}, false},
		{"when: {tag: a}, require: {tag: b}", {"c"}, false},
		{"when: {tag: a}, require: {tag: b}", {"a"}, true},
		{"when: {tag: a}, require: {tag: b}", {"a", "b"}, false},
		{"when: {confidence_below: 50}", {"admiralty-scale:source-reliability=\"d\""}, true},
		{"when: {confidence_below: 50}", {"admiralty-scale:source-reliability=\"b\""}, false},
		{"when: {confidence_below: 50}",
		 {"admiralty-scale:source-reliability=\"a\"", "misp:confidence-level=\"unconfident\""},
		 true},
		{"when: {confidence_below: 50}", {"x"}, true},
	};

	begin();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		rule("event", cases[i].rule);
		fixture_tags(&x, cases[i].tags);
		is_int(event_leaves(), !cases[i].hits, "%s on %s", cases[i].rule,
		       cases[i].tags[0] ? cases[i].tags[0] : "nothing");
	}
	x.e.tags = (struct entity_list){NULL, 0};
	rule("attribute", "require: {taxonomy: tlp}");
	ok(!attr_leaves(NULL), "an element without it");
	tag_attr("tlp:green");
	ok(attr_leaves(NULL), "an element with it");
	rule("attribute", "when: {event_tag: 'x:*'}");
	ok(attr_leaves(NULL), "the event has none");
	fixture_tag(&x, "x:y");
	ok(!attr_leaves(NULL), "the event has it");
	rule("attribute", "when: {confidence_below: 50}");
	fixture_tag(&x, "misp:confidence-level=\"fairly-confident\"");
	ok(attr_leaves(NULL), "the event's confidence where it has none");
	tag_attr("misp:confidence-level=\"rarely-confident\"");
	ok(!attr_leaves(NULL), "its own goes over that");
	is_int(confidence_of_tag(STR("estimative-language:likelihood-probability=\"soso\"")), 0,
	       "a word that is not known");
	is_int(confidence_of_tag(STR("misp:tool=\"x\"")), -1, "another predicate");
	fixture_free(&x);
}

static void unreadable_tag(void)
{
	begin();
	fixture_tag(&x, "");
	x.tags[0].name = STR_NONE;
	rule("event", "when: {tag: 'x'}");
	ok(!event_leaves(), "a tag without a name may be the one");
	fixture_free(&x);
}

/* ---- the other levels ---------------------------------------------------------------------- */

static void levels(void)
{
	struct stance st;
	struct misp_tagref t = {.name = STR("sector:energy"), .exportable = true};
	struct misp_tagref g = {.name = STR("misp-galaxy:threat-actor=\"Foo\""),
				.exportable = true,
				.is_galaxy = true};
	struct misp_cluster c = {.tag_name = g.name,
				 .type = STR("threat-actor"),
				 .value = STR("Foo"),
				 .distribution = DIST_ALL,
				 .default_ = true};

	begin();
	rule("tag", "when: {taxonomy: sector}");
	ok(!gate_shows_tag(&x.c, &x.s, &t) && gate_shows_tag(&x.c, &x.s, &g), "a tag alone");
	ok(event_leaves(), "its event goes without it");
	rule("galaxy", "when: {galaxy: threat-actor}");
	ok(!gate_judge_cluster(&x.c, &c, NULL, NULL), "a cluster");
	ok(!gate_shows_tag(&x.c, &x.s, &g) && gate_shows_tag(&x.c, &x.s, &t),
	   "and the tag that names it");
	rule("galaxy", "when: {value: '^Bar'}");
	ok(gate_judge_cluster(&x.c, &c, NULL, NULL) && gate_shows_tag(&x.c, &x.s, &g),
	   "another value");
	rule("galaxy", "when: {distribution: 0}");
	g.is_custom_galaxy = true;
	ok(!gate_shows_tag(&x.c, &x.s, &g), "a tag does not tell how far its cluster goes");
	ok(gate_judge_cluster(&x.c, &c, NULL, NULL), "the cluster does");
	rule("event", "require: {taxonomy: tlp}");
	c.default_ = false;
	c.published = true;
	ok(gate_judge_cluster(&x.c, &c, &x.orgc, NULL), "what events need, clusters do not");
	rule("event", "when: {distribution: 3}");
	ok(!gate_judge_cluster(&x.c, &c, &x.orgc, NULL), "what is denied of events, is of clusters");
	rule("object", "when: {comment: secret}");
	object.comment = STR("top secret");
	ok(!gate_judge_object(&x.c, &x.s, &object), "an object");
	ok(!attr_leaves(&object), "with what stands in it");
	rule("report", "when: {text: 'saw [A-Z]'}");
	st = stance_of(&x.c, &x.s);
	is_int(judge_report(&st, &report), RULE_element_policy, "a report");
	report.content = STR("nothing");
	is_int(judge_report(&st, &report), RULE_NONE, "another");
	x.facts.sightings_policy = 2;
	rule("sighting", "when: {older_than: 30d}");
	st = stance_of(&x.c, &x.s);
	ok(!sees_sighting(&st, &sighting), "an old sighting");
	sighting.date_sighting = NOW - DAY;
	ok(sees_sighting(&st, &sighting), "a newer one");
	rule("event", "when: {info: 'incident$', threat_level: [1], analysis: 2}");
	ok(!event_leaves(), "an event by its head");
	x.e.threat_level_id = 2;
	ok(event_leaves(), "all of it");
	fixture_free(&x);
}

/* One element withholds the whole event. */
static void condemning(void)
{
	struct rel_element el = {.kind = EL_ATTR, .attr = &attr};
	struct policy *p;
	struct fail f = {0};

	begin();
	rule("attribute", "when: {type: domain}");
	ok(!gate_asks_elements(&x.c, &x.s), "other rules do not ask");
	policy_unref(x.policy);
	is_ok(policy_parse(STR("default_tlp: clear\nrules:\n - {name: all, level: attribute, effect: "
			       "deny_event, when: {type: domain}, to: [peer]}\n"),
			   "p", &p, &f),
	      "%s", f.text);
	x.policy = p;
	x.c.policy = p;
	fixture_caller(&x, AUD_MEMBER, 4);
	ok(!gate_asks_elements(&x.c, &x.s) && event_leaves(), "nobody else is concerned");
	fixture_caller(&x, AUD_PEER, 4);
	x.aud.profile = PROFILE_FULL;
	ok(gate_asks_elements(&x.c, &x.s), "a rule that needs the elements");
	ok(!event_leaves(), "which were not asked");
	x.s.elements_asked = true;
	ok(event_leaves(), "none objects");
	is_view(gate_condemns(&x.c, &x.s, &el), "all", "this one does");
	attr.distribution = DIST_ORG;
	is_uint(gate_condemns(&x.c, &x.s, &el).n, 0, "not if it would stay here anyway");
	attr.distribution = DIST_INHERIT;
	attr.type = ATTR_MD5;
	is_uint(gate_condemns(&x.c, &x.s, &el).n, 0, "another type does not");
	x.s.condemned_by = STR("all");
	ok(!event_leaves(), "the event is withheld");
	is_int(gate_judge(&x.c, &x.s).rule, RULE_policy, "by the policy's rule");
	fixture_free(&x);
}

static void decay(void)
{
	static const struct policy_decay model = {120 * 86400, 2300, 80};

	begin();
	is_int((int64_t)(decay_score(&model, 80, NOW, NOW) * 100), 8000, "fresh");
	is_int((int64_t)(decay_score(&model, 80, NOW - 120 * DAY, NOW) * 100), 0, "at its end");
	is_int((int64_t)(decay_score(&model, 80, NOW - 60 * DAY, NOW) * 100), 2081, "half way");
	is_int((int64_t)(decay_score(&model, 80, NOW + DAY, NOW) * 100), 8000, "seen tomorrow");
	rule("attribute", "when: {score_below: 60}");
	attr.timestamp = NOW - 10 * DAY;
	ok(!attr_leaves(NULL), "ten days: 52.8 of 80");
	attr.timestamp = NOW - 2 * DAY;
	ok(attr_leaves(NULL), "two days: 66.5");
	tag_attr("misp:confidence-level=\"fairly-confident\"");
	ok(!attr_leaves(NULL), "of 50");
	tag_attr(NULL);
	rule("attribute", "when: {warning_list: '*'}");
	ok(!attr_leaves(NULL), "lists that were not read withhold");
	is_ok(warnlist_from_text(STR("{\"name\":\"Governments\",\"type\":\"hostname\","
				     "\"list\":[\"gov.example\"]}"),
				 &x.policy->warnlists, NULL),
	      "a list");
	ok(!attr_leaves(NULL), "a value on it");
	attr.value = STR("evil.example");
	ok(attr_leaves(NULL), "another one");
	attr.value = STR("www.gov.example");
	struct warnlists *w = warnlist_ref(x.policy->warnlists);
	rule("attribute", "when: {warning_list: [Top*]}");
	x.policy->warnlists = w;
	ok(attr_leaves(NULL), "another list");
	fixture_free(&x);
}

int main(void)
{
	decay();
	condemning();
	attributes();
	groups_known();
	tags();
	unreadable_tag();
	levels();
	return done_testing();
}
