/*
 * test_vuln.c - the rules about vulnerability records: gate.md section 6 as truth tables, who they bind,
 * the switches of the policy file, and what an explanation says.
 */
#include <stdio.h>

#include "gate/judge.h"
#include "tests/unit/gate/fixture.h"

#define PATCHED "rmsv:remedy=\"patch\""
#define DISCLOSED "rmsv:disclosure=\"disclosed\""

/* A peer of class `cls`, may hold everything and gets it uncut. */
static void be(struct fixture *x, int cls, bool domestic)
{
	fixture_caller(x, AUD_PEER, 4);
	x->aud.tlp = TLP_UPTO_RED;
	x->aud.pap = PAP_UPTO_RED;
	x->aud.profile = PROFILE_FULL;
	x->aud.release_class = (uint8_t)cls;
	x->aud.domestic = domestic;
}

static enum gate_rule withheld(struct fixture *x)
{
	return gate_judge(&x->c, &x->s).rule;
}

/* Only this rule is on. */
static void only(struct fixture *x, enum vuln_rule r)
{
	x->policy->vuln = 1u << r;
}

static void tags_of(struct fixture *x, const char *a, const char *b)
{
	const char *names[] = {"tlp:clear", a ? a : "x", b ? b : "y", NULL};

	fixture_tags(x, names);
}

/* Rows of classes public, sector, partner, own: 'y' goes. */
static void row(struct fixture *x, enum vuln_rule r, const char *a, const char *b, const char *may)
{
	only(x, r);
	tags_of(x, a, b);
	for (int c = CLASS_PUBLIC; c <= CLASS_OWN; c += CLASS_SECTOR) {
		be(x, c, true);
		ok((withheld(x) == RULE_NONE) == (may[c / CLASS_SECTOR] == 'y'), "%s: %s %s, class %s",
		   vuln_rule_names[r], a ? a : "-", b ? b : "-", class_name(&release_classes_shipped, (unsigned)c));
	}
}

static void what_is_a_record(struct fixture *x)
{
	static const char *const tags[] = {"rmsv:record", "RMSV:Record", "rmsv",
					   "rmsv:disclosure=\"undisclosed\"", "rmsv:role=\"finder\""};

	row(x, VULN_remedy_first, NULL, NULL, "yyyy");
	for (size_t i = 0; i < ARRAY_LEN(tags); i++)
		row(x, VULN_remedy_first, tags[i], NULL, "..yy");
	x->vuln = (struct vuln_facts){.has_object = true};
	row(x, VULN_remedy_first, NULL, NULL, "..yy");
	row(x, VULN_remedy_first, DISCLOSED, NULL, "..yy");
	x->vuln = (struct vuln_facts){.attr_silent = true};
	row(x, VULN_remedy_first, NULL, NULL, "..yy");
	x->vuln = (struct vuln_facts){.attr_shut = true};
	row(x, VULN_remedy_first, NULL, NULL, "..yy");
	x->vuln = (struct vuln_facts){0};
	x->s.vuln = NULL;
	row(x, VULN_remedy_first, NULL, NULL, "..yy");
	x->s.vuln = &x->vuln;
}

static void remedy_first(struct fixture *x)
{
	static const struct {
		const char *a, *b, *may;
	} rows[] = {
		{"rmsv:record", NULL, "..yy"},
		{"rmsv:record", PATCHED, "yyyy"},
		{"rmsv:record", "rmsv:remedy=\"mitigation\"", "yyyy"},
		{"rmsv:record", "rmsv:remedy=\"workaround\"", "..yy"},
		{"rmsv:record", "rmsv:remedy=\"none\"", "..yy"},
		{"rmsv:remedy=\"none\"", PATCHED, "..yy"},
		{"rmsv:remedy=\"workaround\"", PATCHED, "yyyy"},
		{"rmsv:record", "rmsv:early-release=\"2026-17\"", "yyyy"},
		{"rmsv:record", "rmsv:early-release=\"\"", "..yy"},
		{"rmsv:record", "rmsv:early-release", "..yy"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		row(x, VULN_remedy_first, rows[i].a, rows[i].b, rows[i].may);
}

static struct misp_attr attr_of(uint16_t type, uint8_t category)
{
	struct misp_attr a;

	misp_attr_init(&a);
	a.type = type;
	a.category = category;
	a.distribution = DIST_INHERIT;
	return a;
}

static void with_remedy(struct fixture *x)
{
	struct misp_attr fix = attr_of(ATTR_LINK, CAT_EXTERNAL);
	struct vuln_remedy remedy = {&fix, NULL};
	struct misp_tagref tag = {.tag_id = 9, .exportable = true, .name = STR("rmsv:remedy=\"patch\"")};

	row(x, VULN_with_remedy, "rmsv:record", NULL, "..yy");
	x->vuln = (struct vuln_facts){.remedies = &remedy, .n_remedies = 1};
	row(x, VULN_with_remedy, "rmsv:record", NULL, "yyyy");
	fix.distribution = DIST_ORG;
	row(x, VULN_with_remedy, "rmsv:record", NULL, "..yy");
	fix.distribution = DIST_INHERIT;
	/* a profile that would strip it does not */
	tags_of(x, "rmsv:record", NULL);
	be(x, CLASS_PUBLIC, true);
	x->aud.profile = PROFILE_INDICATORS;
	ok(!gate_judge_attr(&x->c, &x->s, NULL, &fix), "a link is no indicator");
	fix.tags = (struct entity_list){&tag, 1};
	ok(gate_judge_attr(&x->c, &x->s, NULL, &fix), "the link to the remedy stays");
	is_int(withheld(x), RULE_NONE, "and the record goes with it");
	tags_of(x, NULL, NULL);
	ok(!gate_judge_attr(&x->c, &x->s, NULL, &fix), "in an event that is no record it goes");
	tags_of(x, "rmsv:record", NULL);
	fix.distribution = DIST_ORG;
	is_int(withheld(x), RULE_vuln_with_remedy, "held when the remedy may not go along");
	x->vuln = (struct vuln_facts){0};
}

static void exaggeration(struct fixture *x)
{
	static const struct {
		struct vuln_facts v;
		uint8_t threat;
		const char *tag, *may;
	} rows[] = {
		{{0}, 1, NULL, "yyyy"},
		{{.cvss_unreadable = true}, 2, NULL, "..yy"},
		{{.has_cvss = true, .cvss_max = 98}, 1, NULL, "yyyy"},
		{{.has_cvss = true, .cvss_max = 40}, 1, NULL, "yyyy"},
		{{.has_cvss = true, .cvss_max = 39}, 1, NULL, "..yy"},
		{{.has_cvss = true, .cvss_max = 39}, 2, NULL, "yyyy"},
		{{.has_cvss = true, .cvss_max = 99, .cvss_outside = true}, 3, NULL, "..yy"},
		{{.has_cvss = true, .cvss_max = 99, .cvss_outside = true},
		 3,
		 "rmsv:severity=\"confirmed\"",
		 "yyyy"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		x->vuln = rows[i].v;
		x->e.threat_level_id = rows[i].threat;
		row(x, VULN_no_exaggeration, "rmsv:record", rows[i].tag, rows[i].may);
	}
	x->vuln = (struct vuln_facts){0};
}

static void freeze(struct fixture *x)
{
	struct policy_freeze windows[] = {{STR("games"), NOW - 5, NOW + 5},
					  {STR("late"), NOW - 50, NOW - 5}};
	struct verdict v;

	x->policy->freezes = windows;
	x->policy->n_freezes = 2;
	row(x, VULN_event_freeze, NULL, NULL, "yyyy");
	row(x, VULN_event_freeze, "rmsv:record", NULL, "..yy");
	row(x, VULN_event_freeze, "rmsv:freeze-approval=\"7\"", NULL, "yyyy");
	row(x, VULN_event_freeze, "rmsv:freeze-approval", NULL, "..yy");
	tags_of(x, "rmsv:record", NULL);
	be(x, CLASS_PUBLIC, true);
	v = gate_judge(&x->c, &x->s);
	ok(v.outcome == GATE_HOLD && v.until == NOW + 5, "held until the window ends");
	x->facts.now = NOW + 5;
	is_int(withheld(x), RULE_NONE, "and then no more");
	x->facts.clock_trusted = false;
	v = gate_judge(&x->c, &x->s);
	ok(v.outcome == GATE_HOLD && v.until == INT64_MAX, "unless nobody vouches for the clock");
	x->facts.clock_trusted = true;
	x->facts.now = NOW;
	x->policy->n_freezes = 0;
}

static void overseas(struct fixture *x)
{
	static const struct {
		const char *a, *b, *vendor, *names;
		bool shut, goes;
	} rows[] = {
		{NULL, NULL, "", "", false, true},
		{"rmsv:record", NULL, "", "", false, false},
		{"rmsv:record", DISCLOSED, "", "", false, true},
		{"rmsv:disclosure=\"coordinated\"", DISCLOSED, "", "", false, false},
		{"rmsv:record", DISCLOSED, "", "", true, false},
		{"rmsv:record", NULL, "Log4j|apache", "|Apache|", false, true},
		{"rmsv:record", NULL, "Log4j|apache", "|log4j|", false, true},
		{"rmsv:record", NULL, "acme-router", "|x|ACME_Router|", false, true},
		{"rmsv:record", NULL, "acme", "|acme router|", false, false},
		{"rmsv:record", NULL, "acme", "||", false, false},
		{"rmsv:record", NULL, "", "||", false, false},
		{"rmsv:record", NULL, "|", "||", false, false},
	};

	only(x, VULN_overseas);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		tags_of(x, rows[i].a, rows[i].b);
		x->vuln = (struct vuln_facts){.attr_shut = rows[i].shut,
					      .names = str_c(rows[i].names)};
		for (int c = CLASS_PUBLIC; c <= CLASS_OWN; c++) {
			be(x, c, false);
			snprintf(x->aud.vendor_of, sizeof(x->aud.vendor_of), "%s", rows[i].vendor);
			ok((withheld(x) == RULE_NONE) == rows[i].goes, "overseas, row %zu, class %d",
			   i, c);
			x->aud.domestic = true;
			is_int(withheld(x), RULE_NONE, "domestic, row %zu", i);
		}
	}
	/* who has it already: the organisation that owns it here */
	x->vuln = (struct vuln_facts){0};
	tags_of(x, "rmsv:record", NULL);
	fixture_caller(x, AUD_MEMBER, 2);
	x->aud.domestic = false;
	is_int(withheld(x), RULE_NONE, "the owner has it already");
	fixture_caller(x, AUD_MEMBER, 4);
	x->aud.domestic = false;
	is_int(withheld(x), RULE_vuln_overseas, "another organisation has not");
	be(x, CLASS_PARTNER, false);
	x->s.vuln = NULL;
	tags_of(x, NULL, NULL);
	is_int(withheld(x), RULE_vuln_overseas, "what is not known does not go overseas");
	x->s.vuln = &x->vuln;
}

/* Which rule withholds an element, for a peer of class partner. */
static enum gate_rule el(struct fixture *x, const struct misp_object *o, const struct misp_attr *a)
{
	struct stance st = stance_of(&x->c, &x->s);

	return a ? judge_attr(&st, o, a) : judge_object(&st, o);
}

static void elements(struct fixture *x)
{
	struct misp_attr ip = attr_of(ATTR_IP_DST, CAT_NETWORK),
			 victim = attr_of(ATTR_TARGET_ORG, CAT_TARGETING),
			 file = attr_of(ATTR_ATTACHMENT, CAT_EXTERNAL),
			 sample = attr_of(ATTR_MALWARE_SAMPLE, CAT_DELIVERY), tagged = ip;
	struct misp_object poc, other;
	struct misp_tagref tag = {.tag_id = 9, .exportable = true};
	struct misp_report report = {.distribution = DIST_INHERIT};
	struct stance st;

	misp_object_init(&poc);
	poc.distribution = DIST_INHERIT;
	other = poc;
	poc.name = STR("Exploit-PoC");
	other.name = STR("file");
	tagged.tags = (struct entity_list){&tag, 1};
	x->policy->vuln = VULN_ALL;
	x->vuln.names = STR("|log4j|");
	tags_of(x, "rmsv:record", NULL);
	be(x, CLASS_PARTNER, true);
	is_int(el(x, NULL, &ip), RULE_NONE, "an address");
	is_int(el(x, NULL, &victim), RULE_vuln_in_use_system, "targeting data");
	is_int(el(x, NULL, &file), RULE_vuln_no_exploit, "an attachment");
	is_int(el(x, NULL, &sample), RULE_vuln_no_exploit, "a sample");
	is_int(el(x, &poc, NULL), RULE_vuln_no_exploit, "an object exploit-poc");
	is_int(el(x, &poc, &ip), RULE_vuln_no_exploit, "what stands in it");
	is_int(el(x, &other, NULL), RULE_NONE, "another object");
	tag.name = STR("rmsv:exploit-tool");
	is_int(el(x, NULL, &tagged), RULE_vuln_no_exploit, "tagged as a tool");
	tag.name = STR("rmsv:in-use-system");
	is_int(el(x, NULL, &tagged), RULE_vuln_in_use_system, "tagged as a system in use");
	tag.name = STR("rmsv:in-use-system=\"a0000000-0000-4000-8000-000000000004\"");
	is_int(el(x, NULL, &tagged), RULE_NONE, "the audience's own");
	tag.name = STR("rmsv:in-use-system=\"a0000000-0000-4000-8000-000000000005\"");
	is_int(el(x, NULL, &tagged), RULE_vuln_in_use_system, "another operator's");
	tag.name = STR_NONE;
	is_int(el(x, NULL, &tagged), RULE_element_marking, "a tag without a name");
	snprintf(x->aud.vendor_of, sizeof(x->aud.vendor_of), "log4j");
	is_int(el(x, &poc, &file), RULE_NONE, "the vendor gets exploits");
	is_int(el(x, NULL, &victim), RULE_vuln_in_use_system, "but not who was hit");
	be(x, CLASS_OWN, true);
	is_int(el(x, &poc, &file), RULE_NONE, "class own gets all");
	is_int(el(x, NULL, &victim), RULE_NONE, "also who was hit");
	be(x, CLASS_PARTNER, true);
	tags_of(x, NULL, NULL);
	is_int(el(x, &poc, &file), RULE_NONE, "no record, no rule");
	x->s.vuln = NULL;
	is_int(el(x, &poc, &file), RULE_vuln_no_exploit, "not known to be none");
	x->s.vuln = &x->vuln;
	tags_of(x, "rmsv:in-use-system", NULL);
	is_int(el(x, NULL, &ip), RULE_vuln_in_use_system, "a tag of the event is about all of it");
	st = stance_of(&x->c, &x->s);
	is_int(judge_report(&st, &report), RULE_vuln_in_use_system, "reports, too");
	tags_of(x, "rmsv:record", NULL);
	x->policy->vuln = 0;
	is_int(el(x, &poc, &file), RULE_NONE, "switched off");
	is_int(el(x, NULL, &victim), RULE_NONE, "likewise");
}

static void remedies(void)
{
	static const struct {
		const char *tag, *relation, *object;
		bool deleted, is;
	} rows[] = {
		{"", "", "", false, false},
		{"rmsv:remedy=\"patch\"", "", "", false, true},
		{"rmsv:remedy=\"workaround\"", "", "", false, true},
		{"rmsv:remedy=\"none\"", "solution", "", false, false},
		{"", "Solution", "", false, true},
		{"", "references", "vulnerability", false, false},
		{"", "description", "course-of-action", false, true},
		{"rmsv:remedy=\"patch\"", "", "", true, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct misp_tagref tag = {.tag_id = 1, .name = str_c(rows[i].tag)};
		struct misp_attr a = attr_of(ATTR_LINK, CAT_EXTERNAL);
		struct misp_object o;

		misp_object_init(&o);
		o.name = str_c(rows[i].object);
		a.object_relation = str_c(rows[i].relation);
		a.deleted = rows[i].deleted;
		a.tags = (struct entity_list){&tag, 1};
		ok(gate_is_remedy(rows[i].object[0] ? &o : NULL, &a) == rows[i].is, "remedy, row %zu",
		   i);
	}
}

static void on_remedy(struct fixture *x)
{
	x->policy->vuln = 0;
	tags_of(x, "embargo:release-on=\"remedy-available\"", NULL);
	for (int c = CLASS_PUBLIC; c <= CLASS_OWN; c += CLASS_SECTOR) {
		be(x, c, true);
		is_int(withheld(x), c == CLASS_OWN ? RULE_NONE : RULE_embargo, "no remedy, class %d", c);
	}
	be(x, CLASS_PUBLIC, true);
	tags_of(x, "embargo:release-on=\"remedy-available\"", PATCHED);
	is_int(withheld(x), RULE_NONE, "a remedy opens it");
	tags_of(x, "embargo:release-on=\"vendor-consent\"", PATCHED);
	is_int(withheld(x), RULE_embargo, "but no other condition");
	{
		struct misp_tagref tag = {.tag_id = 9, .exportable = true,
					  .name = STR("embargo:release-on=\"remedy-available\"")};
		struct misp_attr a = attr_of(ATTR_IP_DST, CAT_NETWORK);

		a.tags = (struct entity_list){&tag, 1};
		tags_of(x, PATCHED, NULL);
		is_int(el(x, NULL, &a), RULE_NONE, "an attribute's, by the event's remedy");
		tags_of(x, NULL, NULL);
		is_int(el(x, NULL, &a), RULE_element_marking, "shut without one");
	}
}

/* What the shipped policies have on, and what a file switches. */
static void switches(void)
{
	static const struct {
		const char *text;
		unsigned on;
	} rows[] = {
		{"", 1u << VULN_remedy_first | 1u << VULN_with_remedy | 1u << VULN_no_exaggeration},
		{"use: [cn-rmsv]\n", VULN_ALL},
		{"use: [misp-compat]\n", 0},
		{"vuln_rules: {vuln_overseas: off}\nuse: [cn-rmsv]\n",
		 VULN_ALL & ~(1u << VULN_overseas)},
		{"use: [misp-compat]\nvuln_rules: {vuln_no_exploit: on}\n", 1u << VULN_no_exploit},
	};
	struct fail f = {0};
	struct policy *p;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!is_err(policy_parse(str_c(rows[i].text), "p.yaml", &p, &f), ERR_OK, "row %zu", i))
			continue;
		is_uint(p->vuln, rows[i].on, "what is on, row %zu", i);
		policy_unref(p);
	}
	is_err(policy_parse(STR("vuln_rules: {vuln_all: on}\n"), "p.yaml", &p, &f), ERR_CONFIG,
	       "no such rule");
	is_uint(f.line, 1, "with its line");
	is_uint(f.column, 14, "and column");
	is_err(policy_parse(STR("vuln_rules: {vuln_overseas: maybe}\n"), "p.yaml", &p, &f), ERR_CONFIG,
	       "neither on nor off");
}

static void explain(struct fixture *x)
{
	struct arena *a = arena_new(1 << 20);
	struct gate_step *steps;
	struct verdict v;

	x->policy->vuln = VULN_ALL;
	x->vuln = (struct vuln_facts){.has_cvss = true,
				      .cvss_outside = true,
				      .cvss_score = 99,
				      .cvss_low = 43,
				      .cvss_high = 75,
				      .cvss_max = 99};
	tags_of(x, "rmsv:record", NULL);
	be(x, CLASS_PUBLIC, false);
	(void)gate_explain(&x->c, &x->s, a, &steps, &v);
	is_int(v.rule, RULE_vuln_overseas, "the one that denies decides");
	is_view(steps[RULE_vuln_remedy_first - 1].text,
		"tagged as a vulnerability record, and rmsv:remedy is not patch or mitigation", "1");
	is_view(steps[RULE_vuln_no_exploit - 1].text,
		"tagged as a vulnerability record: attachments, samples and exploits are stripped", "3");
	is_view(steps[RULE_vuln_no_exaggeration - 1].text,
		"tagged as a vulnerability record; its CVSS score 9.9 is outside of 4.3 to 7.5 of its "
		"vector",
		"5");
	be(x, CLASS_PARTNER, true);
	(void)gate_explain(&x->c, &x->s, a, &steps, &v);
	is_view(steps[RULE_vuln_remedy_first - 1].text, "class partner is not publication", "class");
	arena_free(a);
}

/* No tag names what was removed; who gets the thing gets its tag. */
static void telling_tags(struct fixture *x)
{
	static const struct {
		const char *name;
		enum vuln_rule rule;
	} rows[] = {{"rmsv:exploit-tool", VULN_no_exploit}, {"rmsv:in-use-system", VULN_in_use_system}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (int c = CLASS_PUBLIC; c <= CLASS_OWN; c += CLASS_SECTOR) {
			struct misp_tagref t = {.name = str_c(rows[i].name), .exportable = true};

			tags_of(x, rows[i].name, NULL);
			be(x, c, true);
			only(x, rows[i].rule);
			ok(gate_shows_tag(&x->c, &x->s, &t) == (c == CLASS_OWN), "%s, class %s",
			   rows[i].name, class_name(&release_classes_shipped, (unsigned)c));
			only(x, VULN_remedy_first);
			ok(gate_shows_tag(&x->c, &x->s, &t), "%s, with its rule off", rows[i].name);
		}
	tags_of(x, NULL, NULL);
}

int main(void)
{
	struct fixture x;

	fixture_init(&x, "cn-rmsv");
	x.s.event = &x.e;
	x.s.org = &x.org;
	x.s.orgc = &x.orgc;
	what_is_a_record(&x);
	remedy_first(&x);
	with_remedy(&x);
	exaggeration(&x);
	freeze(&x);
	overseas(&x);
	elements(&x);
	telling_tags(&x);
	on_remedy(&x);
	explain(&x);
	fixture_free(&x);
	remedies();
	switches();
	return done_testing();
}
