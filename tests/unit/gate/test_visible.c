/*
 * test_visible.c - distribution x audience against a table written by hand from the protocol's
 * sections 3.4, 4.4, 6.1 and 6.2; sharing groups, unpublished events, deleted elements.
 */
#include "gate/judge.h"
#include "tests/unit/gate/fixture.h"

/* Who asks. */
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

/* Columns: distribution 0 1 2 3, 4 in the group, 4 not in it, 5, 6. */
#define COLUMNS 8
static const char *const event_table[WHO_COUNT] = {
	[ADMIN] = "yyyyyy..",	  [HOST] = ".yyyy...",	     [OWNER] = "yyyyyy..",
	[CREATOR] = ".yyyy...",	  [STRANGER] = ".yyyy...",   [SYNC_OWNER] = "yyyyyy..",
	[SYNC] = ".yyyy...",	  [PUSH] = "..yyy...",	     [PUSH_INTERNAL] = "..yyy...",
};
static const char *const element_table[WHO_COUNT] = {
	[ADMIN] = "yyyyyyy.",	  [HOST] = ".yyyy.y.",	     [OWNER] = "yyyyyyy.",
	[CREATOR] = ".yyyy.y.",	  [STRANGER] = ".yyyy.y.",   [SYNC_OWNER] = "yyyyyyy.",
	[SYNC] = ".yyyy.y.",	  [PUSH] = "..yyy.y.",	     [PUSH_INTERNAL] = "yyyyyyy.",
};

static void column(int c, uint8_t *distribution, uint64_t *group)
{
	*distribution = (uint8_t)(c < 5 ? c : c - 1);
	*group = c == 4 ? 13 : c == 5 ? 12 : 0;
}

/* A push takes a whole event of a group only to a link that the group names, or when it roams. */
static const struct misp_sg roaming = {.name = {"a group", 7}, .roaming = true};

static void events(struct fixture *x)
{
	x->s.sharing_group = &roaming;
	for (int w = 0; w < WHO_COUNT; w++)
		for (int c = 0; c < COLUMNS; c++) {
			struct verdict v;

			be(x, (enum who)w);
			column(c, &x->e.distribution, &x->e.sharing_group_id);
			v = gate_judge(&x->c, &x->s);
			ok((v.outcome == GATE_RELEASE) == (event_table[w][c] == 'y'),
			   "event, column %d, %s: %s", c, who_names[w], gate_rule_name(v.rule));
		}
	x->e.distribution = DIST_ALL;
	x->e.sharing_group_id = 0;
}

static void elements(struct fixture *x)
{
	for (int w = 0; w < WHO_COUNT; w++)
		for (int c = 0; c < COLUMNS; c++) {
			struct misp_attr a;
			struct misp_object o;

			misp_attr_init(&a);
			misp_object_init(&o);
			a.type = ATTR_DOMAIN;
			a.category = CAT_NETWORK;
			o.distribution = DIST_INHERIT;
			be(x, (enum who)w);
			column(c, &a.distribution, &a.sharing_group_id);
			ok(gate_judge_attr(&x->c, &x->s, NULL, &a) == (element_table[w][c] == 'y'),
			   "attribute, column %d, %s", c, who_names[w]);
			a.object_id = 3;
			ok(!gate_judge_attr(&x->c, &x->s, NULL, &a),
			   "without its object it is withheld");
			a.distribution = DIST_ALL;
			column(c, &o.distribution, &o.sharing_group_id);
			ok(gate_judge_attr(&x->c, &x->s, &o, &a) == (element_table[w][c] == 'y'),
			   "attribute of an object, column %d, %s", c, who_names[w]);
			ok(gate_judge_object(&x->c, &x->s, &o) == (element_table[w][c] == 'y'),
			   "object, column %d, %s", c, who_names[w]);
		}
}

/* A custom cluster has a level of its own; those of the public libraries go with their tag. */
static void clusters(struct fixture *x)
{
	for (int w = 0; w < WHO_COUNT; w++)
		for (int c = 0; c < COLUMNS; c++) {
			struct misp_cluster cl = {.org_id = 2, .published = true};

			be(x, (enum who)w);
			column(c, &cl.distribution, &cl.sharing_group_id);
			ok(gate_judge_cluster(&x->c, &cl, NULL, &roaming) == (event_table[w][c] == 'y'),
			   "cluster, column %d, %s", c, who_names[w]);
			cl.default_ = true;
			ok(gate_judge_cluster(&x->c, &cl, NULL, &roaming), "of a public library");
			cl.deleted = true;
			ok(!gate_judge_cluster(&x->c, &cl, NULL, &roaming), "deleted");
		}
}

/* Relations have levels of their own, and are cut out one by one; one to what is hidden never goes. */
static void relations(struct fixture *x)
{
	static const char *const table[WHO_COUNT] = {
		[ADMIN] = "yyyyyy..",	[HOST] = ".yyyy...",	 [OWNER] = "yyyyyy..",
		[CREATOR] = ".yyyy...", [STRANGER] = ".yyyy...", [SYNC_OWNER] = "yyyyyy..",
		[SYNC] = ".yyyy...",	[PUSH] = "..yyy...",	 [PUSH_INTERNAL] = "yyyyyy..",
	};
	struct misp_cluster cl = {.org_id = 2, .published = true, .distribution = DIST_ALL};
	struct misp_galaxy g = {.name = STR("g")};
	struct arena *a = arena_new(1 << 20);

	for (int w = 0; w < WHO_COUNT; w++)
		for (int c = 0; c < COLUMNS; c++)
			for (int hidden = 0; hidden < 2; hidden++) {
				struct misp_clusterrel r = {.type = STR("similar"), .id = 9};
				struct rel_relation in = {
					.rel = &r, .sharing_group = &roaming, .hidden = hidden};
				struct rel_cluster all = {
					.cluster = &cl, .galaxy = &g, .relations = &in, .n_relations = 1};
				const struct rel_cluster *out;
				bool goes = table[w][c] == 'y' && !hidden;

				be(x, (enum who)w);
				column(c, &r.distribution, &r.sharing_group_id);
				out = gate_release_cluster(&x->c, &all, a);
				ok(out && out->n_relations == goes, "relation%s, column %d, %s",
				   hidden ? " to what is hidden" : "", c, who_names[w]);
				if (out && goes && w == PUSH && r.distribution == DIST_CONNECTED)
					is_uint(out->relations[0].rel->distribution, DIST_COMMUNITY,
						"a push lowers it");
				arena_reset(a);
			}
	arena_free(a);
}

static void unpublished(struct fixture *x)
{
	static const char shown[] = "yyyyyyy..", private[] = "y.y..y...";

	x->e.published = false;
	for (int p = 0; p < 2; p++)
		for (int w = 0; w < WHO_COUNT; w++) {
			x->facts.unpublished_private = p;
			be(x, (enum who)w);
			ok((gate_judge(&x->c, &x->s).outcome == GATE_RELEASE) ==
				   ((p ? private : shown)[w] == 'y'),
			   "unpublished%s, %s", p ? " and private" : "", who_names[w]);
		}
	x->facts.unpublished_private = false;
	x->e.published = true;
}

static void deleted(struct fixture *x)
{
	static const char shown[] = "y.y..yyyy";

	for (int w = 0; w < WHO_COUNT; w++) {
		struct misp_attr a;

		misp_attr_init(&a);
		a.distribution = DIST_INHERIT;
		a.deleted = true;
		be(x, (enum who)w);
		ok(gate_judge_attr(&x->c, &x->s, NULL, &a) == (shown[w] == 'y'),
		   "deleted attribute, %s", who_names[w]);
	}
}

/* Only he whom nothing is kept from may be spared the look at each attribute. */
static void all_pass(struct fixture *x)
{
	for (int w = 0; w < WHO_COUNT; w++) {
		be(x, (enum who)w);
		ok(gate_passes_attrs(&x->c) == (w == ADMIN), "all attributes pass, %s", who_names[w]);
	}
	be(x, ADMIN);
	x->aud.misp_rules_only = false;
	ok(!gate_passes_attrs(&x->c), "not where a policy has rules of its own");
	x->aud = (struct audience){.site_admin = true, .misp_rules_only = true};
	ok(!gate_passes_attrs(&x->c), "nobody");
}

/* Who is spared the look at each event would have got it: whatever it is marked with, unpublished,
   protected, at any level of events. */
static void all_events_pass(struct fixture *x)
{
	static const struct link_rules rules;
	struct misp_tagref marks[] = {{.name = STR("tlp:red"), .tag_id = 5},
				      {.name = STR("pap:red"), .tag_id = 6},
				      {.name = STR("embargo"), .tag_id = 7},
				      {.name = STR("rmsv:severity=\"high\""), .tag_id = 8}};
	const struct misp_event plain = x->e;
	unsigned spared = 0, withheld = 0;

	for (int w = 0; w < WHO_COUNT; w++)
		for (unsigned how = 0; how < 16; how++) {
			be(x, (enum who)w);
			x->aud.misp_rules_only = how & 1;
			x->aud.site_admin = how & 2;
			x->aud.suspended_until = how & 4 ? NOW + 5 : 0;
			x->facts.link_rules = how & 8 ? &rules : NULL;
			if (!gate_passes_events(&x->c))
				continue;
			spared++;
			for (int c = 0; c < 6; c++)
				for (unsigned what = 0; what < 8; what++) {
					x->e = plain;
					column(c, &x->e.distribution, &x->e.sharing_group_id);
					x->e.published = what & 1;
					x->e.is_protected = what & 2;
					if (what & 4)
						x->e.tags = (struct entity_list){marks, 4};
					withheld += gate_judge(&x->c, &x->s).outcome != GATE_RELEASE;
				}
			x->e = plain;
		}
	x->facts.link_rules = NULL;
	is_uint(withheld, 0, "nothing is withheld from who is spared");
	/* the operator, and members and keys of site administrators where MISP's rules are all */
	is_uint(spared, 2 + 4, "who is spared");
	be(x, ADMIN);
	ok(gate_passes_events(&x->c), "an administrator under MISP's rules");
	x->aud.suspended_until = NOW + 5;
	ok(!gate_passes_events(&x->c), "not while suspended");
	x->aud = (struct audience){.site_admin = true, .misp_rules_only = true};
	ok(!gate_passes_events(&x->c), "nobody");
}

/* Who reads with an account that is bound to a link gets what its push rules let through. */
static void bound(struct fixture *x)
{
	uint64_t red = 7, org = 9;
	struct misp_tagref tag = {.tag_id = 7, .name = STR("reef:no")};
	struct link_rules none = {0}, not_red = {.tags_not = {&red, 1}}, only_red = {.tags_or = {&red, 1}},
			  not_org = {.orgs_not = {&org, 1}};
	struct misp_attr a;

	be(x, SYNC);
	misp_attr_init(&a);
	a.distribution = DIST_INHERIT;
	x->facts.link_rules = &none;
	ok(gate_judge(&x->c, &x->s).outcome == GATE_RELEASE, "no rules");
	x->facts.link_rules = &only_red;
	ok(gate_judge(&x->c, &x->s).rule == RULE_link, "a tag is wanted");
	x->facts.link_rules = &not_red;
	ok(gate_judge_attr(&x->c, &x->s, NULL, &a), "an attribute without the tag");
	a.tags = (struct entity_list){&tag, 1};
	ok(!gate_judge_attr(&x->c, &x->s, NULL, &a), "and with it");
	struct entity_list had = x->e.tags;
	x->e.tags = a.tags;
	ok(gate_judge(&x->c, &x->s).rule == RULE_link, "an event with it");
	x->facts.link_rules = &only_red;
	ok(gate_judge(&x->c, &x->s).outcome == GATE_RELEASE, "as wanted");
	x->e.tags = had;
	x->facts.link_rules = &not_org;
	x->e.orgc_id = org;
	ok(gate_judge(&x->c, &x->s).rule == RULE_link, "by its creator");
	x->facts.link_rules = NULL;
}

/* Published things by class: rows public, sector, partner, own; columns distribution 0 to 3. */
static void published(struct fixture *x)
{
	/* a class of a site is as wide as the shipped one below it */
	static const char *const table[CLASS_COUNT] = {
		[CLASS_PUBLIC] = "...y", [CLASS_SECTOR] = "...y", [CLASS_SECTOR + 2] = "...y",
		[CLASS_PARTNER] = "..yy", [CLASS_PARTNER + 1] = "..yy", [CLASS_OWN] = ".yyy"};

	fixture_tag(x, "tlp:clear");
	for (int k = AUD_FEED; k <= AUD_STREAM; k++)
		for (int c = 0; c < CLASS_COUNT; c++)
			for (uint8_t d = 0; table[c] && d < 4; d++) {
				x->aud = (struct audience){.kind = (enum audience_kind)k,
							   .release_class = (uint8_t)c};
				x->e.distribution = d;
				ok((gate_judge(&x->c, &x->s).outcome == GATE_RELEASE) ==
					   (table[c][d] == 'y'),
				   "kind %d class %d distribution %u", k, c, d);
				x->e.published = false;
				ok(gate_judge(&x->c, &x->s).outcome == GATE_DENY, "unpublished");
				x->e.published = true;
			}
	x->e.distribution = DIST_ALL;
}

/* What was offered reaches the members of that organisation, and neither peers nor others. */
static void offered(struct fixture *x)
{
	static const uint64_t ids[] = {3, 7, 90}, others[] = {3, 90};

	x->e.distribution = DIST_ORG;
	x->e.sharing_group_id = 0;
	x->facts.offered = ids;
	x->facts.n_offered = 3;
	be(x, STRANGER);
	is_int(gate_judge(&x->c, &x->s).outcome, GATE_RELEASE, "offered to a member's organisation");
	x->e.published = false;
	x->facts.unpublished_private = true;
	is_int(gate_judge(&x->c, &x->s).outcome, GATE_RELEASE, "also before it is published");
	x->facts.unpublished_private = false;
	x->e.published = true;
	be(x, PUSH_INTERNAL);
	ok(gate_judge(&x->c, &x->s).outcome != GATE_RELEASE, "it is not pushed");
	be(x, SYNC);
	ok(gate_judge(&x->c, &x->s).outcome != GATE_RELEASE, "nor read by a sync link");
	be(x, STRANGER);
	x->facts.offered = others;
	x->facts.n_offered = 2;
	ok(gate_judge(&x->c, &x->s).outcome != GATE_RELEASE, "others are not offered by that");
	x->facts.n_offered = 0;
	x->e.distribution = DIST_ALL;
}

int main(void)
{
	struct fixture x;

	fixture_init(&x, "misp-compat");
	events(&x);
	elements(&x);
	clusters(&x);
	relations(&x);
	offered(&x);
	unpublished(&x);
	deleted(&x);
	all_pass(&x);
	all_events_pass(&x);
	bound(&x);
	published(&x);
	x.aud = (struct audience){0};
	x.aud.site_admin = x.aud.perm_sync = true;
	is_int(gate_judge(&x.c, &x.s).outcome, GATE_DENY, "nobody gets nothing");
	x.c.policy = NULL;
	is_int(gate_judge(&x.c, &x.s).outcome, GATE_DENY, "without a policy nothing leaves");
	fixture_free(&x);
	return done_testing();
}
