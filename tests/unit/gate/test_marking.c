/*
 * test_marking.c - TLP, PAP and embargo: the tables of gate.md sections 4 and 5, the untrusted
 * clock, the gate's own tags, explanations.
 */
#include <stdio.h>

#include "gate/judge.h"
#include "tests/unit/gate/fixture.h"

static bool released(struct fixture *x)
{
	return gate_judge(&x->c, &x->s).outcome == GATE_RELEASE;
}

/* Columns: clear, green, amber, amber+strict, red, unknown, none (default amber). */
static const char *const tlp_tags[][2] = {{"tlp:clear"}, {"tlp:green"},		{"TLP:AMBER"},
					  {"tlp:amber+strict"}, {"tlp:red"}, {"tlp:violet"},
					  {NULL}};

struct tlp_row {
	const char *what;
	enum audience_kind kind;
	uint64_t org;
	int ceiling, cls; /* -1: as the policy gives it */
	bool strict, named;
	const char *may;
};
static const struct tlp_row tlp_rows[] = {
	{"operator", AUD_OPERATOR, 1, -1, -1, false, false, "yyyyyyy"},
	{"operator, strict", AUD_OPERATOR, 1, -1, -1, true, false, "yyyyyyy"},
	{"owner", AUD_MEMBER, 2, -1, -1, true, false, "yyyyyyy"},
	{"owner with a ceiling", AUD_MEMBER, 2, TLP_UPTO_CLEAR, -1, true, false, "yyyyyyy"},
	{"member", AUD_MEMBER, 4, -1, -1, false, false, "yyyyyyy"},
	{"member, strict", AUD_MEMBER, 4, -1, -1, true, false, "yyy...y"},
	{"member up to green", AUD_MEMBER, 4, TLP_UPTO_GREEN, -1, false, false, "yy....."},
	{"peer by default", AUD_PEER, 4, -1, -1, false, false, "yyy...y"},
	{"peer up to green", AUD_PEER, 4, TLP_UPTO_GREEN, -1, false, false, "yy....."},
	{"peer up to red", AUD_PEER, 4, TLP_UPTO_RED, -1, false, false, "yyy...y"},
	{"named peer up to red", AUD_PEER, 4, TLP_UPTO_RED, -1, false, true, "yyyyyyy"},
	{"named peer up to amber+strict", AUD_PEER, 4, TLP_UPTO_AMBER_STRICT, -1, false, true,
	 "yyyy..y"},
	{"named peer up to amber", AUD_PEER, 4, TLP_UPTO_AMBER, -1, false, true, "yyy...y"},
	{"own sensors", AUD_EXPORT, 0, TLP_UPTO_RED, CLASS_OWN, false, false, "yyyy..y"},
	{"own sensors up to amber", AUD_STREAM, 0, TLP_UPTO_AMBER, CLASS_OWN, false, false, "yyy...y"},
	{"partner feed", AUD_FEED, 0, TLP_UPTO_RED, CLASS_PARTNER, false, false, "yyy...y"},
	{"public feed up to red", AUD_FEED, 0, TLP_UPTO_RED, CLASS_PUBLIC, false, false, "y......"},
	{"public feed", AUD_FEED, 0, TLP_UPTO_CLEAR, CLASS_PUBLIC, false, false, "y......"},
	{"nobody", AUD_NOBODY, 1, TLP_UPTO_RED, CLASS_OWN, false, false, "......."},
};

static void be(struct fixture *x, enum audience_kind kind, uint64_t org, int ceiling, int cls)
{
	fixture_caller(x, kind, org);
	if (ceiling >= 0)
		x->aud.tlp = (uint8_t)ceiling;
	if (cls >= 0)
		x->aud.release_class = (uint8_t)cls;
}

static void tlp(struct fixture *x)
{
	char named[80], org[UUID_TEXT_LEN + 1];

	snprintf(named, sizeof(named), "tocsin:recipient=\"%s\"", uuid_format(test_uuid(4), org));
	for (size_t i = 0; i < ARRAY_LEN(tlp_rows); i++)
		for (size_t t = 0; t < ARRAY_LEN(tlp_tags); t++) {
			const struct tlp_row *row = &tlp_rows[i];
			const char *tags[] = {"unrelated", row->named ? named : "x", tlp_tags[t][0],
					      NULL};

			be(x, row->kind, row->org, row->ceiling, row->cls);
			x->policy->tlp_members_strict = row->strict;
			fixture_tags(x, tags);
			ok(released(x) == (row->may[t] == 'y'), "%s, %s", row->what,
			   tlp_tags[t][0] ? tlp_tags[t][0] : "no tlp");
		}
	x->policy->tlp_members_strict = false;
}

/* Who may have a red element the event says; the element itself can but name fewer. */
static void named_by_event(struct fixture *x)
{
	static const struct {
		bool event, element, other;
		bool may;
	} rows[] = {{false, false, false, false}, {true, false, false, true}, {false, true, false, false},
		    {true, true, false, true},	  {true, false, true, false}};
	char named[80], other[80], org[UUID_TEXT_LEN + 1];

	snprintf(named, sizeof(named), "tocsin:recipient=\"%s\"", uuid_format(test_uuid(4), org));
	snprintf(other, sizeof(other), "tocsin:recipient=\"%s\"", uuid_format(test_uuid(5), org));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *tags[] = {"tlp:clear", rows[i].event ? named : "x", NULL};
		struct misp_tagref own[2] = {{.name = STR("tlp:red"), .exportable = true},
					     {.name = str_c(rows[i].element ? named :
							    rows[i].other   ? other :
									      "x"),
					      .exportable = true}};
		struct misp_attr a;

		misp_attr_init(&a);
		a.type = ATTR_DOMAIN;
		a.category = CAT_NETWORK;
		a.distribution = DIST_INHERIT;
		a.tags = (struct entity_list){own, 2};
		be(x, AUD_PEER, 4, TLP_UPTO_RED, -1);
		fixture_tags(x, tags);
		ok(gate_judge_attr(&x->c, &x->s, NULL, &a) == rows[i].may, "red element, row %zu", i);
	}
}

static void strictest(struct fixture *x)
{
	const char *two[] = {"tlp:clear", "tlp:red", NULL};

	be(x, AUD_PEER, 4, -1, -1);
	fixture_tags(x, two);
	ok(!released(x), "of two markings the stricter counts");
	fixture_tag(x, "tlp:clear");
	x->tags[0].local = true;
	ok(released(x), "a local marking counts");
	x->tags[0].name = STR_NONE;
	ok(!released(x), "a tag without a name counts as the strictest");
}

/* An element's own marking can only be stricter. */
static void elements(struct fixture *x)
{
	struct misp_tagref tag = {.name = STR("tlp:red"), .exportable = true};
	struct misp_attr a;

	misp_attr_init(&a);
	a.type = ATTR_DOMAIN;
	a.category = CAT_NETWORK;
	a.distribution = DIST_INHERIT;
	a.tags = (struct entity_list){&tag, 1};
	fixture_tag(x, "tlp:clear");
	be(x, AUD_PEER, 4, -1, -1);
	ok(!gate_judge_attr(&x->c, &x->s, NULL, &a), "a red attribute of a clear event stays");
	tag.name = STR("tlp:amber");
	ok(gate_judge_attr(&x->c, &x->s, NULL, &a), "an amber one goes to a peer");
	tag.name = STR("pap:amber");
	ok(!gate_judge_attr(&x->c, &x->s, NULL, &a), "not above the PAP ceiling");
	tag.name = STR("embargo:partner=\"2100-01-01T00:00:00Z\"");
	ok(!gate_judge_attr(&x->c, &x->s, NULL, &a), "not under an embargo of its own");
	tag.name = STR("embargo:partner=\"2001-01-01T00:00:00Z\"");
	ok(gate_judge_attr(&x->c, &x->s, NULL, &a), "which ends");
	tag.name = STR("tlp:red");
	be(x, AUD_OPERATOR, 1, -1, -1);
	ok(gate_judge_attr(&x->c, &x->s, NULL, &a), "the operator sees it");
}

static void pap(struct fixture *x)
{
	static const char *const tags[] = {"tlp:clear", "PAP:CLEAR", "PAP:GREEN", "PAP:AMBER",
					   "PAP:RED",	"PAP:PINK"};
	static const char *const may[] = {"yy....", "yyy...", "yyyy..", "yyyyy."};

	for (uint8_t p = PAP_UPTO_CLEAR; p <= PAP_UPTO_RED; p++)
		for (size_t t = 0; t < ARRAY_LEN(tags); t++) {
			const char *both[] = {"tlp:clear", tags[t], NULL};

			be(x, AUD_PEER, 4, -1, -1);
			x->aud.pap = p;
			fixture_tags(x, both);
			ok(released(x) == (may[p][t] == 'y' || (p == PAP_UPTO_RED)),
			   "pap ceiling %u, %s", p, tags[t]);
		}
	be(x, AUD_MEMBER, 2, -1, -1);
	x->aud.pap = 0;
	ok(released(x), "the owner holds it");
}

#define PAST "2026-01-01T00:00:00Z"
#define FUTURE "2100-01-01T00:00:00Z"

struct embargo_row {
	const char *tag, *other;
	const char *may; /* public, sector, partner, own */
	bool by_time; /* does a hold end by time? */
};
static const struct embargo_row embargo_rows[] = {
	{"embargo:until=\"" PAST "\"", NULL, "yyyy", false},
	{"embargo:until=\"" FUTURE "\"", NULL, "...y", true},
	{"embargo:public=\"" FUTURE "\"", NULL, ".yyy", true},
	{"embargo:sector=\"" FUTURE "\"", NULL, "..yy", true},
	{"embargo:partner=\"" FUTURE "\"", NULL, "...y", true},
	{"embargo:partner=\"" FUTURE "\"", "embargo:public=\"" PAST "\"", "...y", true},
	{"embargo:until=\"" PAST "\"", "embargo:public=\"" FUTURE "\"", ".yyy", true},
	{"embargo:release-on=\"remedy-available\"", NULL, "...y", false},
	{"embargo:until=\"next week\"", NULL, "...y", false},
	{"embargo:until=\"2026-01-01T00:00:00\"", NULL, "...y", false},
	{"embargo:until=\"2026-13-01T00:00:00Z\"", NULL, "...y", false},
	{"embargo:friends=\"" PAST "\"", NULL, "...y", false},
	{"Embargo:UNTIL=\"" PAST "\"", NULL, "yyyy", false},
	{"embargo:own=\"" FUTURE "\"", NULL, "...y", false},
	{"embargo", NULL, "...y", false},
};

static void embargo(struct fixture *x)
{
	for (size_t i = 0; i < ARRAY_LEN(embargo_rows); i++)
		for (int c = CLASS_PUBLIC; c <= CLASS_OWN; c += CLASS_SECTOR) {
			const struct embargo_row *r = &embargo_rows[i];
			const char *tags[] = {"tlp:clear", r->tag, r->other, NULL};
			struct verdict v;

			be(x, AUD_PEER, 4, -1, c);
			fixture_tags(x, tags);
			v = gate_judge(&x->c, &x->s);
			ok((v.outcome == GATE_RELEASE) == (r->may[c / CLASS_SECTOR] == 'y'), "%s, class %d", r->tag,
			   c);
			if (r->may[c / CLASS_SECTOR] == 'y')
				continue;
			is_int(v.outcome, GATE_HOLD, "held");
			is_int(v.rule, RULE_embargo, "by the embargo");
			ok((v.until == INT64_MAX) != r->by_time, "%sby time", r->by_time ? "" : "not ");
		}
}

/* To the second, and never by a clock that nobody vouches for. */
static void embargo_time(struct fixture *x)
{
	const char *tags[] = {"tlp:clear", "embargo:until=\"2026-05-28T20:26:40.5Z\"", NULL};
	struct verdict v;

	be(x, AUD_PEER, 4, -1, -1);
	fixture_tags(x, tags);
	x->facts.now = NOW;
	v = gate_judge(&x->c, &x->s);
	is_int(v.outcome, GATE_HOLD, "half a second before");
	is_int(v.until, NOW + 1, "opens with the next second");
	x->facts.now = NOW + 1;
	ok(released(x), "open");
	x->facts.clock_trusted = false;
	v = gate_judge(&x->c, &x->s);
	is_int(v.outcome, GATE_HOLD, "shut while the clock is not trusted");
	is_int(v.until, INT64_MAX, "and no time is told");
	be(x, AUD_MEMBER, 2, -1, -1);
	ok(released(x), "the owner sees it all the same");
	be(x, AUD_MEMBER, 1, -1, -1);
	ok(released(x), "and who runs the node");
	be(x, AUD_MEMBER, 4, -1, -1);
	ok(!released(x), "other local organisations do not");
	x->facts.clock_trusted = true;
	x->facts.now = NOW;
}

static void suspension(struct fixture *x)
{
	fixture_tag(x, "tlp:clear");
	be(x, AUD_PEER, 4, -1, -1);
	x->aud.suspended_until = NOW + 1;
	is_int(gate_judge(&x->c, &x->s).rule, RULE_suspended, "suspended");
	x->aud.suspended_until = NOW;
	ok(released(x), "until then");
	x->facts.clock_trusted = false;
	is_int(gate_judge(&x->c, &x->s).rule, RULE_suspended, "the clock decides it too");
	x->facts.clock_trusted = true;
}

/* Embargoes and recipients are not told to those who receive. */
static void own_tags(struct fixture *x)
{
	const char *tags[] = {"tlp:clear", "embargo:until=\"" PAST "\"",
			      "tocsin:recipient=\"a\"", "kept", NULL};
	static const struct {
		enum audience_kind kind;
		uint64_t org;
		uint32_t n;
	} who[] = {{AUD_OPERATOR, 1, 4}, {AUD_MEMBER, 2, 4}, {AUD_MEMBER, 4, 2}, {AUD_PEER, 4, 2}};
	struct arena *a = arena_new(1 << 20);

	for (size_t i = 0; i < ARRAY_LEN(who); i++) {
		struct verdict v;
		struct released *r;

		fixture_tags(x, tags);
		be(x, who[i].kind, who[i].org, -1, -1);
		x->aud.profile = PROFILE_FULL;
		r = gate_release(&x->c, &x->s, a, &v);
		ok(r != NULL, "released");
		is_uint(released_event(r)->e->tags.n, who[i].n, "tags for kind %d organisation %d",
			(int)who[i].kind, (int)who[i].org);
	}
	arena_free(a);
}

/* What needs a second person: taking off `tag` with `left` left, at an hour of 2100-01-01. */
static void loosens(void)
{
#define AT(hour) "2100-01-01T" hour ":00:00Z"
	static const struct {
		const char *tag, *left;
		bool attach, over, does;
	} rows[] = {
		{"tlp:red", "", false, false, false},
		{"embargo:until=\"" AT("02") "\"", "", false, false, true},
		{"embargo:until=\"" AT("02") "\"", "embargo:until=\"" AT("02") "\"", false, false, false},
		{"embargo:until=\"" AT("02") "\"", "embargo:until=\"" AT("03") "\"", false, false, false},
		{"embargo:until=\"" AT("02") "\"", "embargo:until=\"" AT("01") "\"", false, false, true},
		{"embargo:until=\"" AT("02") "\"", "embargo:public=\"" AT("03") "\"", false, false, true},
		{"embargo:public=\"" AT("02") "\"", "embargo:partner=\"" AT("03") "\"", false, false,
		 false},
		{"embargo:sector=\"" AT("02") "\"", "embargo:public=\"" AT("03") "\"", false, false, true},
		{"embargo:until=\"" AT("02") "\"", "", false, true, false},
		{"embargo:until=\"soon\"", "embargo:until=\"never\"", false, true, true},
		{"embargo:release-on=\"remedy-available\"", "embargo:until=\"" AT("03") "\"", false, true,
		 true},
		{"embargo", "", false, true, true},
		{"embargo:until=\"" AT("02") "\"", "", true, false, false},
		{"rmsv:early-release=\"1\"", "", true, false, true},
		{"RMSV:Early-Release", "", true, false, true},
		{"rmsv:freeze-approval=\"1\"", "", true, false, true},
		{"rmsv:early-release=\"1\"", "", false, false, false},
		{"rmsv:remedy=\"patch\"", "", true, false, false},
	};
	OWN(policy) struct policy *p = policy_shipped("default");
	int64_t now;

	(void)taxo_time(STR("2100-01-01T02:00:00Z"), &now);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct misp_tagref t = {.tag_id = 1, .name = str_c(rows[i].tag)},
				   left = {.tag_id = 2, .name = str_c(rows[i].left)};
		struct entity_list after = {&left, rows[i].left[0] != '\0'};

		ok(gate_tag_loosens(p, &t, rows[i].attach, &after,
				    rows[i].over ? now / 1000000 : INT64_MIN) == rows[i].does,
		   "%s %s, left %s", rows[i].attach ? "attach" : "take off", rows[i].tag, rows[i].left);
	}
#undef AT
}

/* A class of the site shuts itself and what is wider, as the shipped ones do. */
static void own_classes(void)
{
	static const char text[] = "classes: [own, cert, partner, ministry, sector, public]\n";
	static const struct {
		const char *tag;
		uint16_t shut; /* 1 << class */
	} rows[] = {
		{"embargo:cert=\"" FUTURE "\"", (1u << CLASS_OWN) - 1},
		{"embargo:partner=\"" FUTURE "\"", (1u << (CLASS_PARTNER + 1)) - 1},
		{"Embargo:Ministry=\"" FUTURE "\"",
		 1u << (CLASS_PARTNER - 1) | 1u << CLASS_SECTOR | 1u << CLASS_PUBLIC},
		{"embargo:sector=\"" FUTURE "\"", 1u << CLASS_SECTOR | 1u << CLASS_PUBLIC},
		{"embargo:ministry=\"" PAST "\"", 0},
		{"embargo:friends=\"" PAST "\"", (1u << CLASS_OWN) - 1},
	};
	static const uint8_t all[] = {CLASS_PUBLIC, CLASS_SECTOR, CLASS_PARTNER - 1, CLASS_PARTNER, CLASS_OWN - 1,
				      CLASS_OWN};
	struct fixture x;
	struct policy *p = NULL, *was;
	struct fail f = {0};

	fixture_init(&x, "default");
	is_err(policy_parse(str_c(text), "classes", &p, &f), ERR_OK, "classes of a site%s", f.text);
	was = x.policy;
	x.policy = p;
	x.c.policy = p;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t k = 0; k < ARRAY_LEN(all); k++) {
			const char *tags[] = {"tlp:clear", rows[i].tag, NULL};

			be(&x, AUD_PEER, 4, -1, all[k]);
			fixture_tags(&x, tags);
			ok((gate_judge(&x.c, &x.s).outcome == GATE_HOLD) ==
				   (rows[i].shut >> all[k] & 1),
			   "%s, class %s", rows[i].tag, policy_class_name(p, all[k]));
		}
	x.policy = was;
	policy_unref(p);
	fixture_free(&x);
}

static void explain(struct fixture *x)
{
	struct arena *a = arena_new(1 << 20);
	struct gate_step *steps;
	struct verdict v;
	size_t n;

	fixture_tag(x, "embargo:until=\"" FUTURE "\"");
	be(x, AUD_PEER, 4, TLP_UPTO_GREEN, -1);
	n = gate_explain(&x->c, &x->s, a, &steps, &v);
	is_uint(n, RULE_element_distribution - 1, "one step for each rule about events");
	for (size_t i = 0; i < n; i++) {
		is_int(steps[i].rule, RULE_NONE + 1 + (int)i, "in the order of the rules");
		ok(steps[i].text.n > 5, "%s: %.*s", gate_rule_name(steps[i].rule),
		   STR_ARG(steps[i].text));
	}
	is_int(v.rule, RULE_tlp, "the verdict is the gate's");
	is_int(steps[RULE_tlp - 1].outcome, GATE_DENY, "which the step shows");
	is_int(steps[RULE_embargo - 1].outcome, GATE_HOLD, "later rules are asked too");
	is_view(steps[RULE_tlp - 1].text,
		"the event is tlp:amber by default, the audience may not hold it (up to tlp:green)",
		"with its inputs");
	is_view(steps[RULE_embargo - 1].text,
		"an embargo holds for class partner until 2100-01-01T00:00:00Z", "and the time");
	arena_free(a);
}

int main(void)
{
	struct fixture x;

	fixture_init(&x, "default");
	tlp(&x);
	strictest(&x);
	named_by_event(&x);
	pap(&x);
	elements(&x);
	embargo(&x);
	embargo_time(&x);
	suspension(&x);
	own_tags(&x);
	explain(&x);
	loosens();
	own_classes();
	fixture_free(&x);
	return done_testing();
}
