/*
 * fuzz_policy.c - any text as a policy file: an error with its place, or a policy whose version is
 * stable and under which judging and explaining a few events does no harm and fails shut.
 */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/own.h"
#include "gate/gate.h"
#include "gate/policy_impl.h"

static void die(const char *what)
{
	fprintf(stderr, "%s\n", what);
	abort();
}

static void judge(struct policy *p, const struct audience *aud)
{
	OWN(arena) struct arena *a = arena_new(1 << 20);
	struct misp_tagref tags[] = {{.name = STR("tlp:clear"), .exportable = true},
				     {.name = STR("x:y=\"z\""), .exportable = true}};
	struct misp_org org = {.id = 2, .name = STR("o")};
	struct misp_event e = {.id = 1, .org_id = 2, .orgc_id = 2, .distribution = DIST_ALL,
			       .published = true, .publish_timestamp = 5, .tags = {tags, 2}};
	struct gate_facts facts = {.now = 1780000000, .clock_trusted = true, .host_org_id = 1};
	struct gate_subject s = {.event = &e, .org = &org, .orgc = &org};
	struct gate_ctx c = {.policy = p, .audience = aud, .facts = &facts};
	struct gate_step *steps;
	struct verdict v, w;
	struct misp_attr at;
	struct released *r;

	gate_explain(&c, &s, a, &steps, &v);
	w = gate_judge(&c, &s);
	if (v.outcome != w.outcome || v.rule != w.rule || v.until != w.until)
		die("explained and judged differ");
	misp_attr_init(&at);
	at.type = ATTR_MD5;
	at.category = CAT_TARGETING;
	gate_judge_attr(&c, &s, NULL, &at);
	r = gate_release(&c, &s, a, &v);
	if ((r != NULL) != (w.outcome == GATE_RELEASE))
		die("released and judged differ");
	if (aud->kind == AUD_NOBODY && r)
		die("nobody gets something");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {size ? (const char *)data : "", size};
	struct policy *p = NULL, *again = NULL;
	struct audience aud = {0};
	struct fail f = {0};

	if (policy_parse(text, "fuzz", &p, &f) != ERR_OK) {
		if (p)
			die("an error and a policy");
		if (!f.text[0])
			die("an error without a text");
		return 0;
	}
	if (policy_parse(text, "other name", &again, &f) != ERR_OK ||
	    strcmp(policy_version(p), policy_version(again)) != 0)
		die("the version is not stable");
	judge(p, &aud);
	for (uint32_t i = 0; i < p->n_rows && i < 8; i++)
		judge(p, &p->rows[i].a);
	judge(p, &p->default_peer);
	policy_unref(p);
	policy_unref(again);
	return 0;
}
