/*
 * fixture.h - an event, an audience and facts to vary, for the gate's unit tests.
 *
 * Organisation 1 runs the node, 2 owns the event, 3 made it, 4 is a stranger.
 */
#pragma once

#include "base/own.h"
#include "gate/gate.h"
#include "gate/policy_impl.h"
#include "taxonomies/taxo.h"
#include "tests/tap/tap.h"

#define NOW INT64_C(1780000000)

struct fixture {
	struct misp_event e;
	struct misp_org org, orgc, host;
	struct gate_facts facts;
	struct vuln_facts vuln;
	struct gate_subject s;
	struct audience aud;
	struct gate_ctx c;
	struct policy *policy;
	struct misp_tagref tags[8];
	uint64_t groups[4];
};

static inline struct uuid test_uuid(uint8_t n)
{
	struct uuid u = {{0xa0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, n}};

	return u;
}

static inline void fixture_init(struct fixture *x, const char *policy)
{
	*x = (struct fixture){0};
	x->policy = policy_shipped(policy);
	if (!x->policy)
		bail_out("no policy %s", policy);
	x->host = (struct misp_org){.id = 1, .name = STR("HOST"), .uuid = test_uuid(1)};
	x->org = (struct misp_org){.id = 2, .name = STR("OWNER"), .uuid = test_uuid(2)};
	x->orgc = (struct misp_org){.id = 3, .name = STR("CREATOR"), .uuid = test_uuid(3)};
	x->e = (struct misp_event){.id = 7,
				   .uuid = test_uuid(70),
				   .org_id = 2,
				   .orgc_id = 3,
				   .info = STR("an incident"),
				   .date = 20260101,
				   .threat_level_id = 1,
				   .analysis = 2,
				   .distribution = DIST_ALL,
				   .published = true,
				   .timestamp = NOW - 1000,
				   .publish_timestamp = NOW - 900};
	x->groups[0] = 11;
	x->groups[1] = 13;
	x->facts = (struct gate_facts){.now = NOW,
				       .clock_trusted = true,
				       .host_org_id = 1,
				       .host_org = test_uuid(1),
				       .host = &x->host,
				       .groups = x->groups,
				       .n_groups = 2};
	x->s = (struct gate_subject){.event = &x->e, .org = &x->org, .orgc = &x->orgc, .vuln = &x->vuln};
	x->c = (struct gate_ctx){.policy = x->policy, .audience = &x->aud, .facts = &x->facts};
}

static inline void fixture_free(struct fixture *x)
{
	policy_unref(x->policy);
}

/* The audience that the policy gives to such a caller. */
static inline void fixture_caller(struct fixture *x, enum audience_kind kind, uint64_t org)
{
	struct caller c = {.kind = kind,
			   .user_id = 5,
			   .org_id = org,
			   .org = org ? test_uuid((uint8_t)org) : UUID_NIL,
			   .perm_sync = kind == AUD_PEER,
			   .site_admin = kind == AUD_OPERATOR};

	policy_audience(x->policy, &c, &x->aud);
}

/* Tags of the event: the names, up to eight, ended by NULL. */
static inline void fixture_tags(struct fixture *x, const char *const *names)
{
	uint32_t n = 0;

	for (; names[n] && n < ARRAY_LEN(x->tags); n++)
		x->tags[n] = (struct misp_tagref){
			.tag_id = n + 1, .name = str_c(names[n]), .exportable = true};
	x->e.tags = (struct entity_list){x->tags, n};
}

static inline void fixture_tag(struct fixture *x, const char *name)
{
	const char *names[] = {name, NULL};

	fixture_tags(x, names);
}
