/*
 * test_analyst.c - who gets a note: levels by a table written by hand from the protocol's section 6,
 * what it is about, markings in its text, profiles, and what is cut.
 */
#include "gate/judge.h"
#include "tests/unit/gate/fixture.h"

enum who { ADMIN, HOST, OWNER, CREATOR, STRANGER, SYNC_OWNER, SYNC, PUSH, PUSH_INTERNAL, WHO_COUNT };
static const char *const who_names[] = {"admin",	"host member", "owner", "creator", "stranger",
					"sync of owner", "sync",	"push",	 "internal push"};

static void be(struct fixture *x, enum who w)
{
	static const struct {
		enum audience_kind kind;
		uint64_t org;
	} rows[WHO_COUNT] = {{AUD_OPERATOR, 1}, {AUD_MEMBER, 1}, {AUD_MEMBER, 2},
			     {AUD_MEMBER, 3},	{AUD_MEMBER, 4}, {AUD_PEER, 2},
			     {AUD_PEER, 4},	{AUD_PEER, 4},	 {AUD_PEER, 4}};

	fixture_caller(x, rows[w].kind, rows[w].org);
	x->aud.push = w == PUSH || w == PUSH_INTERNAL;
	x->aud.internal = w == PUSH_INTERNAL;
}

/* A note of organisation 2, made by 3. */
static struct misp_analyst a_note(struct fixture *x)
{
	return (struct misp_analyst){.id = 5,
				     .uuid = test_uuid(50),
				     .object_uuid = x->e.uuid,
				     .object_type = STR("Event"),
				     .org_uuid = test_uuid(2),
				     .orgc_uuid = test_uuid(3),
				     .authors = STR("someone@creator.example"),
				     .created = STR("2025-06-15 00:00:00"),
				     .modified = STR("2025-06-15 00:00:00"),
				     .distribution = DIST_ALL,
				     .note = STR("harmless")};
}

/* Columns: distribution 0 1 2 3, 4 in the group, 4 not in it, 5, 6. */
#define COLUMNS 8
static const char *const table[WHO_COUNT] = {
	[ADMIN] = "yyyyyyy.",	  [HOST] = ".yyyy.y.",	     [OWNER] = "yyyyyyy.",
	[CREATOR] = ".yyyy.y.",	  [STRANGER] = ".yyyy.y.",   [SYNC_OWNER] = "yyyyyyy.",
	[SYNC] = ".yyyy.y.",	  [PUSH] = "..yyy.y.",	     [PUSH_INTERNAL] = "..yyy.y.",
};

static void levels(void)
{
	static const uint8_t distribution[COLUMNS] = {0, 1, 2, 3, 4, 4, 5, 6};
	struct fixture x;

	fixture_init(&x, "misp-compat");
	struct analyst_about about = {.event = &x.s}, nothing = {0};
	for (int w = 0; w < WHO_COUNT; w++) {
		be(&x, (enum who)w);
		for (int c = 0; c < COLUMNS; c++) {
			struct misp_analyst n = a_note(&x);
			bool want = table[w][c] == 'y';

			n.distribution = distribution[c];
			n.sharing_group_id = c == 4 ? 11 : c == 5 ? 12 : 0;
			ok(gate_judge_analyst(&x.c, &about, &n) == want,
			   "%s, distribution %u%s: %s", who_names[w], n.distribution,
			   c == 5 ? " in another group" : "", want ? "yes" : "no");
			/* without anything to inherit from, 5 is for the owner */
			if (c == 6)
				want = w == ADMIN || w == OWNER || w == SYNC_OWNER;
			ok(gate_judge_analyst(&x.c, &nothing, &n) == want,
			   "the same about nothing that is here");
		}
	}
	x.aud = (struct audience){0};
	struct misp_analyst n = a_note(&x);
	ok(!gate_judge_analyst(&x.c, &about, &n), "nobody gets nothing");
	fixture_free(&x);
}

/* It is not seen further than what it is about. */
static void about(void)
{
	struct fixture x;

	fixture_init(&x, "misp-compat");
	be(&x, STRANGER);
	struct misp_analyst n = a_note(&x), parent = a_note(&x);
	const struct misp_analyst *chain[] = {&parent};
	struct analyst_about ab = {.event = &x.s, .chain = chain, .n_chain = 1};
	struct misp_attr attr;
	misp_attr_init(&attr);
	attr.distribution = DIST_ORG;

	ok(gate_judge_analyst(&x.c, &ab, &n), "an answer to a note that may be seen");
	parent.distribution = DIST_ORG;
	ok(!gate_judge_analyst(&x.c, &ab, &n), "but not to one that may not");
	ab.n_chain = 0;
	ab.attr = &attr;
	ok(!gate_judge_analyst(&x.c, &ab, &n), "nor on an attribute that may not");
	attr.distribution = DIST_INHERIT;
	ok(gate_judge_analyst(&x.c, &ab, &n), "on one that may");
	x.e.distribution = DIST_ORG;
	ok(!gate_judge_analyst(&x.c, &ab, &n), "nor in an event that may not");
	be(&x, OWNER);
	ok(gate_judge_analyst(&x.c, &ab, &n), "for its owner it may");
	be(&x, STRANGER);
	ab = (struct analyst_about){.endless = true};
	ok(!gate_judge_analyst(&x.c, &ab, &n), "where nobody has looked to the end, nobody gets it");
	ab = (struct analyst_about){.sharing_group_id = 12};
	ok(!gate_judge_analyst(&x.c, &ab, &n), "nor about a group that one is not in");
	ab.sharing_group_id = 11;
	ok(gate_judge_analyst(&x.c, &ab, &n), "only about one that one is in");

	/* what a push lowers on its way can still be answered; drafts stay */
	be(&x, PUSH);
	x.e.distribution = DIST_COMMUNITY;
	ab = (struct analyst_about){.event = &x.s};
	ok(gate_judge_analyst(&x.c, &ab, &n), "pushed about an event that the peer could read");
	x.e.published = false;
	ok(!gate_judge_analyst(&x.c, &ab, &n), "but not about a draft");
	fixture_free(&x);
}

static void markings(void)
{
	static const struct {
		const char *text;
		bool leaves;
	} rows[] = {
		{"nothing said", true},
		{"tlp:green, really", true},
		{"this is TLP:RED", false},
		{"TLP: RED", false},
		{"first tlp:clear then (tlp:red)", false},
		{"tlp:amber+strict.", false},
		{"tlp:purple", false}, /* unknown: the strictest */
		{"PAP:RED", false},
		{"tlp: ", true},
	};
	struct fixture x;

	fixture_init(&x, "default");
	fixture_tag(&x, "tlp:clear");
	fixture_caller(&x, AUD_PEER, 4);
	x.aud.profile = PROFILE_FULL;
	struct analyst_about ab = {.event = &x.s};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct misp_analyst n = a_note(&x);

		n.note = str_c(rows[i].text);
		ok(gate_judge_analyst(&x.c, &ab, &n) == rows[i].leaves, "\"%s\" %s", rows[i].text,
		   rows[i].leaves ? "leaves" : "stays");
		n.kind = ANALYST_OPINION;
		n.note = STR_NONE;
		n.comment = str_c(rows[i].text);
		ok(gate_judge_analyst(&x.c, &ab, &n) == rows[i].leaves, "as a comment likewise");
	}
	struct misp_analyst n = a_note(&x);
	char many[65 * 10 + 1] = "";
	for (int i = 0; i < 65; i++)
		memcpy(many + i * 10, "tlp:clear ", 11);
	n.note = str_c(many);
	ok(!gate_judge_analyst(&x.c, &ab, &n), "so many that nobody reads them: stays");
	fixture_tag(&x, "tlp:red");
	n.note = STR("harmless");
	ok(!gate_judge_analyst(&x.c, &ab, &n), "what says nothing is marked like its event");
	fixture_free(&x);
}

static void profiles(void)
{
	static const bool want[] = {[PROFILE_INDICATORS] = false,
				    [PROFILE_TECHNICAL] = false,
				    [PROFILE_PARTNER] = true,
				    [PROFILE_FULL] = true};
	struct fixture x;
	OWN(arena) struct arena *a = arena_new(1u << 20);

	fixture_init(&x, "default");
	fixture_tag(&x, "tlp:clear");
	fixture_caller(&x, AUD_PEER, 4);
	struct misp_analyst n = a_note(&x), child = a_note(&x), hidden = a_note(&x);
	child.uuid = test_uuid(51);
	hidden.distribution = DIST_ORG;
	const struct rel_analyst children[] = {{.a = &child, .orgc = &x.orgc},
					       {.a = &hidden, .orgc = &x.orgc}};
	const struct rel_analyst in = {
		.a = &n, .org = &x.org, .orgc = &x.orgc, .children = children, .n_children = 2};
	struct analyst_about ab = {.event = &x.s};
	for (uint8_t p = 0; p <= PROFILE_FULL; p++) {
		x.aud.profile = p;
		const struct rel_analyst *out = gate_release_one_analyst(&x.c, &ab, &in, a);

		ok((out != NULL) == want[p], "profile %u: %s", p, want[p] ? "leaves" : "stays");
		if (!out)
			continue;
		is_uint(out->n_children, 1, "with the answer that may leave, not with the other");
		ok((out->a->authors.n > 0) == (p == PROFILE_FULL), "authors by profile");
		ok(!out->may_edit, "a peer cannot edit");
	}
	x.aud.profile = PROFILE_FULL;
	x.aud.push = true;
	n.distribution = child.distribution = DIST_CONNECTED;
	const struct rel_analyst *out = gate_release_one_analyst(&x.c, &ab, &in, a);
	ok(out && out->a->distribution == DIST_COMMUNITY, "a push lowers 2 to 1");
	ok(out && out->n_children && out->children[0].a->distribution == DIST_COMMUNITY,
	   "answers too");
	is_uint(n.distribution, DIST_CONNECTED, "the stored one is as it was");
	fixture_caller(&x, AUD_MEMBER, 3);
	x.aud.push = false;
	out = gate_release_one_analyst(&x.c, &ab, &in, a);
	ok(out && out->may_edit, "who made it may edit it");
	fixture_free(&x);
}

int main(void)
{
	levels();
	about();
	markings();
	profiles();
	return done_testing();
}
