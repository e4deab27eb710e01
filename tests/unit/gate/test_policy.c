/*
 * test_policy.c - the policy file: what is read from it, the place in every error, versions,
 * includes, and who gets which audience.
 */
#include <stdio.h>

#include "tests/unit/gate/fixture.h"

#define PEER_ORG "7b6a0000-0000-4000-8000-000000000001"

static struct policy *parse(const char *yaml)
{
	struct policy *p = NULL;
	struct fail f = {0};

	is_err(policy_parse(str_c(yaml), "p", &p, &f), ERR_OK, "%s", f.text);
	return p;
}

static const char whole[] =
	"# the example of the specification\n"
	"default_tlp: amber\n"
	"jurisdiction: CN\n"
	"use: [cn-rmsv]\n"
	"audiences:\n"
	"  cert-partner: {kind: peer, org: " PEER_ORG ", tlp: amber, class: partner,\n"
	"                 profile: technical, jurisdiction: overseas, vendor_of: [acme, 'b c']}\n"
	"  edge-suricata: {kind: export, tlp: amber+strict, class: own, profile: full}\n"
	"  public-feed: {kind: feed, tlp: clear, class: public, profile: indicators}\n"
	"rules:\n"
	"  - {name: no-victims, level: attribute, when: {category: [Targeting data]}, effect: drop,\n"
	"     to: ['*'], except: [own]}\n"
	"  - {name: slow-public, level: event, when: {orgc: 55f60000-0000-4000-8000-000000000001},\n"
	"     effect: hold, for: 72h, class: public}\n"
	"freeze:\n"
	"  - {from: 2026-12-01T00:00:00+08:00, until: 2026-12-08T00:00:00+08:00, name: week}\n"
	"default_peer: {tlp: green, profile: indicators, jurisdiction: domestic}\n";

static void reads(void)
{
	struct policy *p = parse(whole);
	const struct policy_rule *r = p->rules;
	struct audience a;

	is_uint(p->n_rows, 3, "audiences");
	is_ok(policy_audience_named(p, STR("cert-partner"), &a), "by name");
	ok(a.kind == AUD_PEER && a.tlp == TLP_UPTO_AMBER && a.pap == PAP_UPTO_CLEAR &&
		   a.release_class == CLASS_PARTNER && a.profile == PROFILE_TECHNICAL && !a.domestic,
	   "its members");
	is_str(a.vendor_of, "acme|b c", "vendor names");
	is_ok(policy_audience_nth(p, AUD_FEED, 0, &a), "the first feed");
	is_str(a.name, "public-feed", "is this");
	is_err(policy_audience_nth(p, AUD_FEED, 1, &a), ERR_NOENT, "no second");
	is_err(policy_audience_named(p, STR("who"), &a), ERR_NOENT, "unknown name");
	ok(a.kind == AUD_NOBODY, "gives nobody");
	is_uint(p->n_rules, 2, "rules");
	ok(r[0].level == LEVEL_ATTRIBUTE && r[0].effect == EFFECT_DROP && r[0].to.all &&
		   r[0].except.classes == 1u << CLASS_OWN && r[0].when.n == 1 &&
		   r[0].when.conds[0].kind == COND_KIND_category,
	   "the first rule");
	ok(r[1].effect == EFFECT_HOLD && r[1].hold_s == 72 * 3600 && r[1].has_class &&
		   r[1].release_class == CLASS_PUBLIC && r[1].when.n == 1 &&
		   r[1].when.conds[0].kind == COND_KIND_orgc,
	   "the second rule");
	is_uint(p->n_freezes, 1, "freeze window");
	is_int(p->freezes[0].from, 1796054400, "in UTC");
	ok(p->use == USE_RMSV && !policy_is_misp_compat(p), "use");
	policy_unref(p);
}

static void versions(void)
{
	struct policy *a = parse("default_tlp: amber\naudiences: {f: {kind: feed}}\n");
	struct policy *b = parse("# same meaning\naudiences:\n  f:\n    kind: feed\n    tlp: clear\n");
	struct policy *c = parse("default_tlp: green\naudiences: {f: {kind: feed}}\n");
	struct policy *s = policy_shipped("default"), *m = policy_shipped("misp-compat"),
		      *n = policy_shipped("cn-rmsv");

	is_uint(strlen(policy_version(a)), 64, "a SHA-256");
	is_str(policy_version(a), policy_version(b), "order, comments, defaults do not matter");
	ok(strcmp(policy_version(a), policy_version(c)) != 0, "a meaning does");
	ok(strcmp(policy_version(s), policy_version(m)) != 0 &&
		   strcmp(policy_version(s), policy_version(n)) != 0,
	   "shipped policies differ");
	ok(!policy_shipped("nothing") && !policy_shipped(NULL), "no such policy");
	ok(policy_ref(a) == a, "a reference");
	policy_unref(a);
	is_uint(strlen(policy_version(a)), 64, "holds it");
	policy_unref(a);
	policy_unref(b);
	policy_unref(c);
	policy_unref(s);
	policy_unref(m);
	policy_unref(n);
}

/* Who remembers looks again after each time that the policy knows, and now and then where it asks ages. */
static void stamps(void)
{
	static const struct {
		const char *yaml;
		bool age;
		int64_t a, b; /* two times */
		bool same;
	} cases[] = {
		{"use: [default]\n", false, 0, 2000000000, true},
		{"freeze:\n - {from: 2026-01-01T00:00:00Z, until: 2026-01-02T00:00:00Z, name: x}\n", false, 1767225599,
		 1767225600, false},
		{"freeze:\n - {from: 2026-01-01T00:00:00Z, until: 2026-01-02T00:00:00Z, name: x}\n", false, 1767225600,
		 1767311999, true},
		{"freeze:\n - {from: 2026-01-01T00:00:00Z, until: 2026-01-02T00:00:00Z, name: x}\n", false, 1767311999,
		 1767312000, false},
		{"audiences:\n a: {kind: feed, suspended_until: 2026-01-02T00:00:00Z}\n", false, 1767311999, 1767312000,
		 false},
		{"rules:\n - {name: a, effect: hold, until: 2026-01-02T00:00:00Z}\n",
		 false, 1767311999, 1767312000, false},
		{"rules:\n - {name: a, effect: deny, when: {older_than: 3d}}\n", true, 6000, 6599, true},
		{"rules:\n - {name: a, effect: deny, when: {older_than: 3d}}\n", true, 6599, 6600, false},
		{"rules:\n - {name: a, level: attribute, effect: drop, unless: {score_below: 9}}\n", true, 6599, 6600,
		 false},
		{"rules:\n - {name: a, effect: hold, for: 3d}\n", false, 6599, 6600, true},
		{"rules:\n - {name: a, level: report, effect: hold, for: 3d}\n", true, 6599, 6600, false},
	};
	char a[65], b[65];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fail f = {0};
		struct policy *p = NULL;

		is_err(policy_parse(str_c(cases[i].yaml), "p", &p, &f), ERR_OK, "%s%s", cases[i].yaml, f.text);
		ok(policy_asks_age(p) == cases[i].age, "ages");
		policy_stamp(p, cases[i].a, a);
		policy_stamp(p, cases[i].b, b);
		ok((strcmp(a, b) == 0) == cases[i].same, "%lld and %lld", (long long)cases[i].a, (long long)cases[i].b);
		is_uint(strlen(a), 64, "as long as a version");
		policy_unref(p);
	}
}

static void errors(void)
{
	static const struct {
		const char *yaml;
		uint32_t line, column;
		const char *says;
	} cases[] = {
		{"colour: red\n", 1, 1, "unknown key \"colour\""},
		{"default_tlp: amber\ndefault_tlp: red\n", 2, 1, "stands here twice"},
		{"default_tlp: purple\n", 1, 14, "one of clear, green"},
		{"default_tlp: [amber]\n", 1, 14, "a single value"},
		{"audiences: []\n", 1, 12, "a mapping"},
		{"audiences:\n  a: {tlp: red}\n", 2, 6, "key \"kind\" is missing"},
		{"audiences:\n  a: {kind: operator}\n", 2, 13, "kind is one of"},
		{"audiences:\n  a: {kind: feed, colour: red}\n", 2, 19, "unknown key \"colour\""},
		{"audiences:\n  a: {kind: feed}\n  a: {kind: feed}\n", 3, 3, "there twice"},
		{"audiences:\n  own: {kind: feed}\n", 2, 3, "cannot be the name"},
		{"audiences:\n  a: {kind: peer, org: 12}\n", 2, 24, "not a UUID"},
		{"audiences:\n  a: {kind: feed, class: friends}\n", 2, 26,
		 "class is one of own, partner, sector, public"},
		{"classes: [own, cert, partner, sector, public]\n"
		 "audiences:\n  a: {kind: feed, class: friends}\n", 3, 26,
		 "class is one of own, cert, partner, sector, public"},
		{"classes: own\n", 1, 10, "a list of classes"},
		{"classes: [cert, own, partner, sector, public]\n", 1, 11, "own is the narrowest"},
		{"classes: [own, sector, partner, public]\n", 1, 16, "\"partner\" is wanted before"},
		{"classes: [own, partner, sector]\n", 1, 10, "ends with public"},
		{"classes: [own, partner, sector, public, all]\n", 1, 41, "nothing comes after"},
		{"classes: [own, cert, cert, partner, sector, public]\n", 1, 22, "there twice"},
		{"classes: [own, peer, partner, sector, public]\n", 1, 16, "small letters"},
		{"classes: [own, until, partner, sector, public]\n", 1, 16, "small letters"},
		{"classes: [own, Cert, partner, sector, public]\n", 1, 16, "small letters"},
		{"classes: [own, a, b, c, d, e, partner, sector, public]\n", 1, 28, "more than 4 classes"},
		{"classes: [own, cert, partner, sector, public]\n"
		 "audiences:\n  cert: {kind: feed}\n", 3, 3,
		 "cannot be the name"},
		{"audiences:\n  a: {kind: feed, profile: none}\n", 2, 28, "profile is one of"},
		{"audiences:\n  a: {kind: feed, internal: true}\n", 2, 6, "only a peer"},
		{"audiences:\n  a: {kind: peer, suspended_until: soon}\n", 2, 36, "a time such as"},
		{"rules: {}\n", 1, 8, "a list is wanted"},
		{"rules:\n - {name: a}\n", 2, 4, "key \"effect\" is missing"},
		{"rules:\n - {name: a, effect: explode}\n", 2, 22, "not one of deny, hold, drop, deny_event"},
		{"rules:\n - {name: a, effect: drop}\n", 2, 4, "denied or held, not dropped"},
		{"rules:\n - {name: a, effect: deny_event}\n", 2, 4, "attribute, object and report"},
		{"rules:\n - {name: a, effect: deny, for: 3h}\n", 2, 4, "for effect hold"},
		{"rules:\n - {name: a, effect: hold, for: 3}\n", 2, 33, "a duration"},
		{"rules:\n - {name: a, effect: deny, to: [b]}\n", 2, 33, "no audience \"b\""},
		{"rules:\n - {name: a, effect: deny, when: {type: md5}}\n", 2, 35,
		 "type is for level attribute"},
		{"rules:\n - {name: a, effect: deny, level: attribute, when: {type: md55}}\n", 2, 59,
		 "no attribute type \"md55\""},
		{"rules:\n - {name: a, effect: deny, level: attribute, when: {category: X}}\n", 2, 63,
		 "no category \"X\""},
		{"rules:\n - {name: a, effect: deny, when: {distribution: 6}}\n", 2, 49, "0 to 5"},
		{"rules:\n - {name: a, effect: deny}\n - {name: a, effect: deny}\n", 3, 4,
		 "there twice"},
		{"rules:\n - {name: a, effect: deny, when: {info: 'a(b'}}\n", 2, 41, "parenthesis"},
		{"rules:\n - {name: a, effect: deny, when: {tag: []}}\n", 2, 40, "empty list"},
		{"rules:\n - {name: a, effect: deny, when: {confidence_below: 101}}\n", 2, 53, "0 to 100"},
		{"rules:\n - {name: a, effect: deny, require: {text: x}}\n", 2, 38, "for level report"},
		{"freeze:\n - {from: 2026-01-02T00:00:00Z, until: 2026-01-01T00:00:00Z}\n", 2, 4,
		 "ends before"},
		{"use: [nothing]\n", 1, 7, "not one of default, cn-rmsv"},
		{"compartment: a\ncan_reach: {b: [c]}\n", 1, 14, "compartment \"a\" is not in can_reach"},
		{"can_reach: [b]\n", 1, 12, "a mapping"},
		{"decay: {decay_speed: fast}\n", 1, 22, "such as 2.3"},
		{"decay: {lifetime: 0d}\n", 1, 19, "more than nothing"},
		{"warninglists: [lists]\n", 1, 16, "whole path"},
		{"include: other.yaml\n", 1, 10, "nothing can be included"},
		{"default_tlp: amber\n---\nuse: []\n", 3, 1, "second document"},
		{"a: [1\nb: }\n", 2, 2, ""},
		{"default_tlp: \"\xff\"\n", 0, 0, ""},
		{"just text\n", 1, 1, "a mapping"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct policy *p = NULL;
		struct fail f = {0};
		char place[40];

		is_err(policy_parse(str_c(cases[i].yaml), "p.yaml", &p, &f), ERR_CONFIG, "case %zu: %s",
		       i, f.text);
		ok(!p, "no policy");
		if (!cases[i].line)
			continue;
		is_uint(f.line, cases[i].line, "case %zu: line", i);
		is_uint(f.column, cases[i].column, "case %zu: column", i);
		ok(strstr(f.text, cases[i].says) != NULL, "case %zu says \"%s\": %s", i,
		   cases[i].says, f.text);
		snprintf(place, sizeof(place), "p.yaml:%u:%u: ", cases[i].line, cases[i].column);
		ok(strncmp(f.text, place, strlen(place)) == 0, "the text tells the place");
	}
}

static const char *file(const char *dir, const char *name, const char *text)
{
	static char path[300];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	out = fopen(path, "w");
	if (!out || fputs(text, out) < 0 || fclose(out) != 0)
		bail_out("cannot write %s", path);
	return path;
}

static void includes(void)
{
	char dir[] = "/tmp/tocsin-policy-XXXXXX";
	struct policy *p = NULL;
	struct fail f = {0};
	const char *top;

	if (!mkdtemp(dir))
		bail_out("mkdtemp");
	file(dir, "rows.yaml", "default_tlp: red\naudiences: {a: {kind: feed}}\n");
	file(dir, "loop.yaml", "include: [loop.yaml]\n");
	file(dir, "bad.yaml", "\n\n  colour: 3\n");
	top = file(dir, "top.yaml",
		   "rules:\n - {name: r, effect: deny, to: [a, b]}\n"
		   "audiences: {b: {kind: peer}}\ndefault_tlp: green\ninclude: [rows.yaml]\n");
	is_ok(policy_load(top, &p, &f), "%s", f.text);
	ok(p && p->n_rows == 2 && p->n_rules == 1, "both files are there");
	ok(p && p->default_tlp == TLP_GREEN, "the including file goes over the included");
	policy_unref(p);
	top = file(dir, "top.yaml", "include: [bad.yaml]\n");
	is_err(policy_load(top, &p, &f), ERR_CONFIG, "an error in an included file");
	ok(strstr(f.text, "bad.yaml:3:3: unknown key"), "names that file: %s", f.text);
	top = file(dir, "top.yaml", "include: [loop.yaml]\n");
	is_err(policy_load(top, &p, &f), ERR_CONFIG, "files that include each other");
	top = file(dir, "top.yaml", "include: [none.yaml]\n");
	is_err(policy_load(top, &p, &f), ERR_CONFIG, "a file that is not there");
	ok(strstr(f.text, "top.yaml:1:11: cannot read"), "the place of the include: %s", f.text);
	is_err(policy_load(dir, &p, &f), ERR_CONFIG, "a folder is not a policy");
	ok(!p, "nothing");
	for (size_t i = 0; i < 4; i++) {
		static const char *const names[] = {"rows.yaml", "loop.yaml", "bad.yaml", "top.yaml"};
		char path[300];

		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		remove(path);
	}
	remove(dir);
}

/* The file that is shipped as a model says what the built-in defaults are. */
static void sample(void)
{
	const char *top = getenv("top_srcdir");
	struct policy *p = NULL, *d = policy_shipped("default");
	struct fail f = {0};
	char path[4096];

	snprintf(path, sizeof(path), "%s/contrib/policy/policy.yaml", top ? top : ".");
	is_ok(policy_load(path, &p, &f), "%s", f.text);
	if (!p)
		return;
	ok(p->default_tlp == d->default_tlp && p->default_pap == d->default_pap &&
		   p->tlp_members_strict == d->tlp_members_strict &&
		   str_eq(p->internal_marker, d->internal_marker),
	   "defaults");
	is_mem(&p->default_peer, &d->default_peer, sizeof(p->default_peer), "default_peer");
	is_mem(&p->default_member, &d->default_member, sizeof(p->default_member),
	       "default_member");
	is_uint(p->n_rows, 3, "audiences");
	policy_unref(p);
	policy_unref(d);
}

static void audiences(void)
{
	struct policy *p = parse(
		"audiences:\n"
		"  by-org: {kind: peer, org: " PEER_ORG ", tlp: red}\n"
		"  by-url: {kind: peer, url: 'https://peer.example', tlp: green}\n"
		"  by-user: {kind: peer, user: Sync@Example.org, tlp: clear}\n"
		"  folder: {kind: feed, tlp: green}\n");
	struct policy *m = policy_shipped("misp-compat");
	struct caller c = {.kind = AUD_PEER, .user_id = 4, .perm_sync = true};
	struct audience a;

	policy_audience(p, &c, &a);
	ok(a.kind == AUD_PEER && a.tlp == TLP_UPTO_AMBER && a.profile == PROFILE_TECHNICAL &&
		   a.release_class == CLASS_PARTNER && a.domestic && !a.misp_rules_only,
	   "an unknown peer gets the default of peers");
	is_str(a.name, "user:4", "and a name");
	uuid_parse(STR(PEER_ORG), &c.org);
	policy_audience(p, &c, &a);
	is_str(a.name, "by-org", "found by organisation");
	c.url = STR("https://peer.example");
	policy_audience(p, &c, &a);
	is_str(a.name, "by-url", "an address is closer");
	c.name = STR("sync@example.org");
	policy_audience(p, &c, &a);
	is_str(a.name, "by-user", "a user is closest");
	ok(a.user_id == 4 && a.perm_sync, "the caller's own facts stay");
	c = (struct caller){.kind = AUD_MEMBER, .user_id = 3, .org_id = 9};
	uuid_parse(STR(PEER_ORG), &c.org);
	policy_audience(p, &c, &a);
	ok(a.kind == AUD_MEMBER && a.profile == PROFILE_FULL && a.org_id == 9,
	   "a row for peers is not one for users");
	c = (struct caller){.kind = AUD_FEED, .name = STR("folder")};
	policy_audience(p, &c, &a);
	ok(a.tlp == TLP_UPTO_GREEN && a.profile == PROFILE_INDICATORS, "a feed by its name");
	c.name = STR("other");
	c.site_admin = c.perm_sync = true;
	policy_audience(p, &c, &a);
	ok(a.tlp == TLP_UPTO_CLEAR && a.release_class == CLASS_PUBLIC && !a.domestic &&
		   a.profile == PROFILE_INDICATORS && !a.site_admin,
	   "without a row: the zero audience");
	c = (struct caller){.kind = AUD_PEER, .internal = true};
	policy_audience(p, &c, &a);
	ok(a.internal && a.profile == PROFILE_FULL && a.release_class == CLASS_OWN, "internal link");
	c = (struct caller){.kind = AUD_PEER, .user_id = 8};
	policy_audience(m, &c, &a);
	ok(a.misp_rules_only && a.profile == PROFILE_FULL, "misp-compat: MISP's rules only");
	c = (struct caller){.kind = AUD_EXPORT, .name = STR("x")};
	policy_audience(m, &c, &a);
	ok(!a.misp_rules_only && a.profile == PROFILE_INDICATORS, "but not for what is published");
	policy_unref(p);
	policy_unref(m);
}

int main(void)
{
	reads();
	versions();
	errors();
	stamps();
	includes();
	sample();
	audiences();
	return done_testing();
}
