/*
 * test_compartments.c - which peers may exchange at all: who opens the connection, where an event
 * came from, what comes in, and that who is in none gets nothing.
 */
#include "gate/admit.h"
#include "gate/judge.h"
#include "model/raw.h"
#include "tests/unit/gate/fixture.h"

#define ORG(n) "a0000000-0000-4000-8000-00000000000" #n

static const char yaml[] =
	"default_tlp: clear\n"
	"compartment: core\n"
	"can_reach: {core: [gov], gov: [], energy: [core, gov]}\n"
	"default_peer: {tlp: red, pap: red, class: partner, profile: full}\n"
	"audiences:\n"
	"  g: {kind: peer, org: " ORG(5) ", tlp: red, pap: red, class: partner, compartment: gov}\n"
	"  e: {kind: peer, org: " ORG(6) ", tlp: red, pap: red, class: partner, compartment: energy}\n";

static struct fixture x;

static bool leaves(uint8_t org, bool push)
{
	struct caller c = {.kind = AUD_PEER, .org_id = org, .org = test_uuid(org), .push = push};

	policy_audience(x.policy, &c, &x.aud);
	return gate_judge(&x.c, &x.s).outcome == GATE_RELEASE;
}

static enum err comes_in(uint8_t org, bool pull)
{
	struct raw_limits lim = {0};
	struct raw_event *raw = raw_new(RAW_EVENT, &lim, NULL);
	struct admit_facts facts = {.kind = AUD_PEER,
				    .pull = pull,
				    .push = !pull,
				    .perm_sync = true,
				    .is_edit = true,
				    .peer = {.kind = AUD_PEER, .org = test_uuid(org)},
				    .now = NOW};
	struct origin o = {.kind = ORIGIN_PEER, .id = 1};
	struct admitted *adm = NULL;
	struct fail f = {0};
	enum err e;

	if (!raw)
		bail_out("no memory");
	e = gate_admit(x.policy, &raw, &o, &facts, &adm, &f);
	admitted_free(adm);
	return e;
}

int main(void)
{
	struct fail f = {0};
	struct buf why = BUF(1000);
	struct stance st;

	fixture_init(&x, "default");
	policy_unref(x.policy);
	is_ok(policy_parse(str_c(yaml), "p", &x.policy, &f), "%s", f.text);
	if (!x.policy)
		bail_out("no policy");
	x.c.policy = x.policy;
	ok(leaves(5, true) && !leaves(5, false), "core opens connections to gov, not gov to core");
	ok(leaves(6, false) && !leaves(6, true), "energy opens them to core");
	ok(!leaves(7, true) && !leaves(7, false), "a peer without a compartment gets nothing");
	st = stance_of(&x.c, &x.s);
	is_int(ask_rule(&st, RULE_blocked, &why).outcome, GATE_DENY, "by rule blocked");
	ok(strstr(buf_cstr(&why), "none") != NULL, "which says so: %s", buf_cstr(&why));
	x.s.from_peer = true;
	x.s.from_compartment = 3;
	ok(leaves(5, true), "from energy to gov");
	x.s.from_compartment = 2;
	ok(leaves(6, false), "and back, for energy might fetch it there");
	ok(!leaves(5, true), "gov does not meet itself unless it says so");
	x.s.from_compartment = 0;
	ok(!leaves(5, true) && !leaves(6, false), "from a peer without one it goes nowhere");
	fixture_caller(&x, AUD_MEMBER, 4);
	is_int(gate_judge(&x.c, &x.s).outcome, GATE_RELEASE, "users are in no compartment");

	is_err(comes_in(5, false), ERR_BLOCKED, "gov may not send");
	ok(comes_in(5, true) != ERR_BLOCKED, "but is asked");
	is_err(comes_in(6, true), ERR_BLOCKED, "energy is not asked");
	ok(comes_in(6, false) != ERR_BLOCKED, "but may send");
	is_err(comes_in(7, false), ERR_BLOCKED, "a peer without one may not");
	buf_free(&why);
	fixture_free(&x);
	return done_testing();
}
