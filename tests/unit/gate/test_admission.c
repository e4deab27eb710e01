/*
 * test_admission.c - rules about what comes in: the table's order, and the key `admission` of the policy
 * file: who sends, what it is, what becomes of it.
 */
#include "base/own.h"
#include "gate/admit.h"
#include "gate/policy_impl.h"
#include "model/types.h"
#include "tests/tap/tap.h"

#define NOW INT64_C(1780000000)

static const struct origin origin = {.kind = ORIGIN_PEER, .id = 1, .time = NOW};

static struct policy *parse(const char *yaml)
{
	struct policy *p = NULL;
	struct fail f = {0};

	if (policy_parse(str_c(yaml), "p", &p, &f) != ERR_OK)
		bail_out("%s:%u:%u", f.text, f.line, f.column);
	return p;
}

static void mistake(const char *yaml, uint32_t line, const char *text)
{
	struct policy *p = NULL;
	struct fail f = {0};

	is_err(policy_parse(str_c(yaml), "p", &p, &f), ERR_CONFIG, "%s", text);
	is_uint(f.line, line, "in its line");
	ok(strstr(f.text, text) != NULL, "says so: %s", f.text);
}

/* An event of a peer; `tag` and `n` attributes of a type. */
struct doc {
	const char *tag;
	enum attr_type type;
	unsigned n;
	enum audience_kind kind;
	const char *sender;
	bool accepted, remembered;
	struct uuid orgc;
	const char *suspended_org;
};

static enum err judge(const struct policy *p, const struct doc *d, struct admit_decision *decision)
{
	OWN(raw) struct raw_event *raw = raw_new(RAW_EVENT, NULL, NULL);
	OWN(admitted) struct admitted *adm = NULL;
	struct misp_tagref tag = {.name = str_c(d->tag)};
	struct misp_org orgc = {.uuid = d->orgc};
	struct admit_facts facts = {.kind = d->kind ? d->kind : AUD_PEER,
				    .org_id = 5,
				    .perm_sync = true,
				    .perm_publish = true,
				    .push = true,
				    .sender = str_c(d->sender),
				    .accepted = d->accepted,
				    .remembered = d->remembered,
				    .default_event_distribution = 1,
				    .decision = decision,
				    .now = NOW};
	struct fail f = {0};
	struct misp_event *h = raw_head(raw);
	enum err e;

	if (d->suspended_org) {
		facts.peer.kind = AUD_PEER;
		uuid_parse(str_c(d->suspended_org), &facts.peer.org);
	}
	*decision = (struct admit_decision){.rule = ADMIT_RULES};
	h->info = STR("x");
	ENTITY_SET_HAS(h, EVENT_F_info);
	if (d->tag)
		h->tags = (struct entity_list){&tag, 1};
	if (!uuid_is_nil(d->orgc))
		h->orgc = (struct entity_list){&orgc, 1};
	for (unsigned i = 0; i < d->n; i++) {
		struct element el = {.kind = EL_ATTR, .ordinal = i + 1};

		misp_attr_init(&el.attr);
		el.attr.type = (uint16_t)d->type;
		el.attr.value = STR("v");
		if (raw_add(raw, &el, &f) != ERR_OK)
			bail_out("raw_add");
	}
	e = gate_admit(p, &raw, &origin, &facts, &adm, &f);
	ok((raw != NULL) == decision->waits, "what waits is handed back, nothing else");
	return e;
}

static void effects(void)
{
	struct policy *p = parse(
		"admission:\n"
		"- {name: trusted, from: [good-peer], effect: accept}\n"
		"- {name: no-tlp, require: {taxonomy: [tlp]}, effect: quarantine}\n"
		"- {name: odd-tlp, allow: {tag: ['tlp:clear', 'tlp:green']}, effect: quarantine}\n"
		"- {name: samples, type: [malware-sample, attachment], effect: refuse}\n"
		"- {name: large, attributes_above: 10, effect: quarantine}\n"
		"- {name: theirs, when: {orgc: a0000000-0000-4000-8000-000000000009}, effect: refuse}\n"
		"- {name: members, from: [member], when: {tag: ['secret:*']}, effect: quarantine}\n");
	const struct {
		struct doc d;
		enum err want;
		bool waits;
		const char *names, *what;
	} cases[] = {
		{{.tag = "tlp:green", .type = ATTR_DOMAIN, .n = 3}, ERR_OK, false, "", "in order"},
		{{.n = 3, .type = ATTR_DOMAIN}, ERR_BLOCKED, true, "no-tlp", "without a TLP"},
		{{.tag = "tlp:ex:chr"}, ERR_BLOCKED, true, "odd-tlp", "an unknown TLP"},
		{{.n = 11, .type = ATTR_DOMAIN}, ERR_BLOCKED, true, "no-tlp, large", "for two reasons"},
		{{.tag = "tlp:green", .n = 11, .type = ATTR_DOMAIN}, ERR_BLOCKED, true, "large",
		 "many attributes"},
		{{.tag = "tlp:green", .n = 10, .type = ATTR_DOMAIN}, ERR_OK, false, "", "not more"},
		{{.n = 2, .type = ATTR_ATTACHMENT}, ERR_BLOCKED, false, "no-tlp, samples",
		 "refused goes over waiting"},
		{{.sender = "Good-Peer", .n = 99, .type = ATTR_ATTACHMENT}, ERR_OK, false, "",
		 "accepted before all others"},
		{{.kind = AUD_FEED, .sender = "bad"}, ERR_BLOCKED, true, "no-tlp", "feeds too"},
		{{.kind = AUD_MEMBER, .n = 99, .type = ATTR_DOMAIN}, ERR_OK, false, "",
		 "members are not meant"},
		{{.kind = AUD_MEMBER, .tag = "secret:yes"}, ERR_BLOCKED, true, "members",
		 "unless they are named"},
		{{.tag = "tlp:green", .orgc = {{0xa0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 9}}},
		 ERR_BLOCKED, false, "theirs", "by creator"},
		{{.n = 11, .type = ATTR_DOMAIN, .accepted = true}, ERR_OK, false, "",
		 "accepted out of quarantine"},
		{{.n = 1, .type = ATTR_ATTACHMENT, .accepted = true}, ERR_BLOCKED, false, "samples",
		 "refusing rules hold for these too"},
	};

	ok(policy_has_quarantine(p) && policy_has_admission(p), "the policy lets things wait");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct admit_decision d;

		is_err(judge(p, &cases[i].d, &d), cases[i].want, "%s", cases[i].what);
		is_str(d.names, cases[i].names, "by which rules");
		ok(d.waits == cases[i].waits, "whether it waits");
		if (cases[i].want != ERR_OK)
			is_str(admit_rule_name(d.rule), "policy", "by the policy");
	}
	policy_unref(p);
}

static void without_decision(void)
{
	struct policy *p = parse("admission: [{name: all, effect: quarantine}]\n");
	OWN(raw) struct raw_event *raw = raw_new(RAW_EVENT, NULL, NULL);
	OWN(admitted) struct admitted *adm = NULL;
	struct admit_facts facts = {.kind = AUD_PEER, .is_edit = true, .now = NOW};
	struct fail f = {0};

	is_err(gate_admit(p, &raw, &origin, &facts, &adm, &f), ERR_BLOCKED,
	       "where nothing can wait it is refused");
	ok(!raw, "and gone");
	policy_unref(p);
}

static void table(void)
{
	static const char *const want[] = {
		"suspended", "signature", "compartment", "event_blocked", "own_copy", "tag_blocked",
		"org_blocked", "made_here", "remembered", "fields", "local_tags", "empty", "defaults",
		"distribution", "creator", "group", "own_members", "policy", "el_link", "el_form"};
	struct policy *p = parse("admission: [{name: all, effect: quarantine}]\n"
				 "audiences:\n"
				 "  out: {kind: peer, org: a0000000-0000-4000-8000-000000000007, "
				 "suspended_until: 2099-01-01T00:00:00Z}\n");
	struct admit_decision d;

	is_uint(ADMIT_RULES, ARRAY_LEN(want), "as many rules");
	for (unsigned i = 0; i < ADMIT_RULES; i++) {
		is_str(admit_rule_name((enum admit_rule)i), want[i], "rule %u", i);
		ok(admit_rule_text((enum admit_rule)i)[0], "says what it is");
	}
	struct doc waits = {.remembered = true};

	is_err(judge(p, &waits, &d), ERR_BLOCKED, "a version that waits already");
	ok(d.rule == ADMIT_remembered && !d.waits, "does not wait twice");
	struct doc out = {.suspended_org = "a0000000-0000-4000-8000-000000000007"};

	is_err(judge(p, &out, &d), ERR_BLOCKED, "a suspended peer");
	is_str(admit_rule_name(d.rule), "suspended", "by the first rule");
	ok(!d.waits, "leaves nothing here");
	policy_unref(p);
}

static void mistakes(void)
{
	mistake("admission: {name: x}\n", 1, "a list is wanted here");
	mistake("admission:\n- {name: x}\n", 2, "effect");
	mistake("admission:\n- {name: x, effect: drop}\n", 2, "refuse, quarantine, accept");
	mistake("admission:\n- {name: x, effect: refuse, type: [no-such]}\n", 2, "no attribute type");
	mistake("admission:\n- {name: x, effect: refuse, from: [stream]}\n", 2, "nothing comes in");
	mistake("admission:\n- {name: x, effect: refuse, when: {category: Other}}\n", 2, "level");
	mistake("admission:\n- {name: x, effect: refuse}\n- {name: x, effect: accept}\n", 3, "twice");
	mistake("admission:\n- {name: x, effect: refuse, bytes_above: many}\n", 2, "number");
	mistake("admission:\n- {name: x, effect: refuse, level: event}\n", 2, "level");
	struct policy *a = parse("admission: [{name: x, effect: refuse, bytes_above: 10M}]\n"),
		      *b = parse("admission: [{name: x, effect: refuse, bytes_above: 10000k}]\n"),
		      *c = parse("admission: [{name: x, effect: accept, bytes_above: 10000k}]\n");

	is_str(policy_version(a), policy_version(b), "one meaning, one version");
	ok(strcmp(policy_version(a), policy_version(c)) != 0, "another meaning, another");
	policy_unref(a);
	policy_unref(b);
	policy_unref(c);
}

int main(void)
{
	effects();
	without_decision();
	table();
	mistakes();
	return done_testing();
}
