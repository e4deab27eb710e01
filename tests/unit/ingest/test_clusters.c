/*
 * test_clusters.c - galaxy clusters on their way in: the rules of capture as a table
 * (sync-protocol.md 5.3, 12.3), those made here, relations, clusters named by events.
 */
#include "model/pack.h"
#include "tests/unit/ingest/fixture.h"

#define HOME_ORG "0a1a0000-0000-4000-8000-000000000001"
#define REEF_ORG "0a1a0000-0000-4000-8000-000000000002"
#define BAD_ORG "0a1a0000-0000-4000-8000-000000000003"
#define GALAXY "698774c7-8022-42c4-917f-8d6e4f06ada3"
#define BLOCKED "5c0a1e3a-71aa-4b0d-9e2f-0000000000bb"
#define OTHER "5c0a1e3a-71aa-4b0d-9e2f-0000000000cc"

#define G "\"Galaxy\":{\"uuid\":\"" GALAXY "\",\"name\":\"Threat Actor\",\"type\":\"threat-actor\"," \
	  "\"version\":\"3\",\"description\":\"who\",\"namespace\":\"misp\"}"
#define REEF "\"Orgc\":{\"name\":\"Reef\",\"uuid\":\"" REEF_ORG "\"}"
#define EL "\"GalaxyElement\":[{\"key\":\"synonyms\",\"value\":\"Eel\"}]"
/* A good one of its own; %s: UUID */
#define GOOD "\"type\":\"threat-actor\",\"value\":\"EEL\",\"distribution\":\"3\",\"version\":\"100\"," \
	     "\"published\":true,\"description\":\"d\"," REEF "," EL "," G

static enum err run_rows(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct misp_org o = {.id = store_new_row_id(w, T_ORG), .name = STR("HOME"), .local = true};
	struct misp_block b = {.kind = BLOCK_CLUSTER}, ob = {.kind = BLOCK_ORG};
	(void)arg;
	uuid_parse(STR(HOME_ORG), &o.uuid);
	uuid_parse(STR(BLOCKED), &b.uuid);
	uuid_parse(STR(BAD_ORG), &ob.uuid);
	TRY(store_put(w, T_ORG, o.id, &o, f));
	b.id = store_new_row_id(w, T_BLOCK);
	TRY(store_put(w, T_BLOCK, b.id, &b, f));
	ob.id = store_new_row_id(w, T_BLOCK);
	return store_put(w, T_BLOCK, ob.id, &ob, f);
}

/* By a user of the node, pushed by a sync user with or without the right to make galaxies, pulled. */
enum way { USER, PUSH, PUSH_NO_EDITOR, PULL, PULL_INTERNAL };

static struct admit_facts facts(enum way w)
{
	struct admit_facts f = {.kind = w == USER ? AUD_MEMBER : AUD_PEER,
				.org_id = 1,
				.user_id = 1,
				.perm_sync = w != USER,
				.perm_galaxy_editor = w != PUSH_NO_EDITOR,
				.perm_tag_editor = w != USER,
				.push = w == PUSH || w == PUSH_NO_EDITOR,
				.pull = w == PULL || w == PULL_INTERNAL,
				.internal_link = w == PULL_INTERNAL,
				.default_event_distribution = 1,
				.default_attr_distribution = 5,
				.now = 1700000000};
	uuid_parse(STR(HOME_ORG), &f.org);
	return f;
}

static struct ingest_clusters put(enum way w, const char *json)
{
	OWN(raw) struct raw_event *raw = fix_parse(RAW_CLUSTERS, json);
	struct admit_facts fa = facts(w);
	struct origin o = {.kind = w == USER ? ORIGIN_LOCAL : ORIGIN_PEER, .id = 7};
	struct ingest_clusters got;
	struct fail f = {0};
	enum err e = ingest_clusters(&env, &raw, &o, &fa, arena, &got, &f);
	if (e != ERR_OK)
		bail_out("not taken in: %s", f.text);
	return got;
}

/* The row of a UUID, its texts in the arena; false: there is none. */
static bool stored(const char *uuid, struct misp_cluster *c)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail f = {0};
	struct misp_cluster row;
	struct uuid u;
	uint64_t id;
	if (!uuid_parse(str_c(uuid), &u) || store_read(store, &t, &f) != ERR_OK)
		bail_out("cannot read");
	if (store_find(t, IX_CLUSTER_UUID, (struct str){(char *)u.b, 16}, &id) != ERR_OK)
		return false;
	if (store_get(t, T_CLUSTER, id, arena, &row) != ERR_OK ||
	    entity_copy(arena, &desc_misp_cluster, &row, c) != ERR_OK)
		bail_out("cannot read the cluster");
	return true;
}

/* ---- the rules, one a row ---- */

enum fate { IN, IGNORED, FAILED };

static const struct rule {
	const char *what;
	enum way way;
	enum fate fate;
	const char *uuid, *members; /* of the cluster, behind its UUID */
	const char *why; /* stands in the reason; NULL: none */
	int distribution; /* then stored; -1: not looked at */
	int locked;
} rules[] = {
	{"a new one, pushed", PUSH, IN, "5c0a1e3a-71aa-4b0d-9e2f-000000000001", GOOD, NULL, 3, 1},
	{"the same again", PUSH, IGNORED, "5c0a1e3a-71aa-4b0d-9e2f-000000000001", GOOD, "not newer", 3,
	 1},
	{"by a sync user who may not make galaxies, of a known one", PUSH_NO_EDITOR, IN,
	 "5c0a1e3a-71aa-4b0d-9e2f-000000000002", GOOD, NULL, 3, 1},
	{"... and of an unknown one", PUSH_NO_EDITOR, FAILED, "5c0a1e3a-71aa-4b0d-9e2f-000000000003",
	 "\"type\":\"x\",\"value\":\"v\",\"Galaxy\":{\"uuid\":\"" OTHER
	 "\",\"name\":\"n\",\"type\":\"x\"}",
	 "galaxy of the cluster is not known", -1, 0},
	{"of a galaxy that nobody describes", PUSH, FAILED, "5c0a1e3a-71aa-4b0d-9e2f-000000000003",
	 "\"type\":\"x\",\"value\":\"v\",\"Galaxy\":{\"uuid\":\"" OTHER "\"}", "not known", -1, 0},
	{"without a galaxy", PUSH, FAILED, "5c0a1e3a-71aa-4b0d-9e2f-000000000003",
	 "\"type\":\"x\",\"value\":\"v\"", "not known", -1, 0},
	{"of a public library", PUSH, FAILED, "5c0a1e3a-71aa-4b0d-9e2f-000000000004",
	 GOOD ",\"default\":true", "non-default", -1, 0},
	{"on the block list", PUSH, IGNORED, BLOCKED, GOOD, "block list", -1, 0},
	{"of a blocked creator", PUSH, IGNORED, "5c0a1e3a-71aa-4b0d-9e2f-000000000005",
	 "\"type\":\"t\",\"value\":\"v\"," G ",\"Orgc\":{\"name\":\"Bad\",\"uuid\":\"" BAD_ORG "\"}",
	 "block list", -1, 0},
	{"without a value", PUSH, FAILED, "5c0a1e3a-71aa-4b0d-9e2f-000000000006",
	 "\"type\":\"t\",\"value\":\" \"," G, "no value", -1, 0},
	{"with a type that would break its tag", PUSH, FAILED, "5c0a1e3a-71aa-4b0d-9e2f-000000000006",
	 "\"type\":\"t\\\"=\",\"value\":\"v\"," G, "not a name", -1, 0},
	{"with distribution 5", PUSH, FAILED, "5c0a1e3a-71aa-4b0d-9e2f-000000000006",
	 "\"type\":\"t\",\"value\":\"v\",\"distribution\":\"5\"," G, "distribution", -1, 0},
	{"with a version that is no number", PUSH, FAILED, "5c0a1e3a-71aa-4b0d-9e2f-000000000006",
	 "\"type\":\"t\",\"value\":\"v\",\"version\":\"new\"," G, "version", -1, 0},
	{"without a level: the default one", PUSH, IN, "5c0a1e3a-71aa-4b0d-9e2f-000000000007",
	 "\"type\":\"t\",\"value\":\"v\",\"version\":\"1\"," G, NULL, 1, 1},
	{"pushed levels stay", PUSH, IN, "5c0a1e3a-71aa-4b0d-9e2f-000000000008",
	 "\"type\":\"t\",\"value\":\"v\",\"version\":\"1\",\"distribution\":\"2\"," G, NULL, 2, 1},
	{"pulled: 3 stays", PULL, IN, "5c0a1e3a-71aa-4b0d-9e2f-000000000010", GOOD, NULL, 3, 1},
	{"pulled: 2 becomes 1", PULL, IN, "5c0a1e3a-71aa-4b0d-9e2f-000000000011",
	 "\"type\":\"t\",\"value\":\"v\",\"version\":\"1\",\"distribution\":\"2\"," G, NULL, 1, 1},
	{"pulled: 1 becomes 0", PULL, IN, "5c0a1e3a-71aa-4b0d-9e2f-000000000012",
	 "\"type\":\"t\",\"value\":\"v\",\"version\":\"1\",\"distribution\":\"1\"," G, NULL, 0, 1},
	{"pulled over an internal link: 1 stays", PULL_INTERNAL, IN,
	 "5c0a1e3a-71aa-4b0d-9e2f-000000000013",
	 "\"type\":\"t\",\"value\":\"v\",\"version\":\"1\",\"distribution\":\"1\"," G, NULL, 1, 1},
	{"a group that nobody describes: own organisation only", PUSH, IN,
	 "5c0a1e3a-71aa-4b0d-9e2f-000000000014",
	 "\"type\":\"t\",\"value\":\"v\",\"version\":\"1\",\"distribution\":\"4\","
	 "\"sharing_group_id\":\"9\"," G,
	 NULL, 0, 1},
	{"imported by a user: its own", USER, IN, "5c0a1e3a-71aa-4b0d-9e2f-000000000015", GOOD, NULL, 3,
	 0},
	{"made here, changed over a link", PUSH, FAILED, "5c0a1e3a-71aa-4b0d-9e2f-000000000015",
	 "\"type\":\"t\",\"value\":\"v\",\"version\":\"999\"", "created locally", 3, 0},
	{"... but over an internal one", PULL_INTERNAL, IN, "5c0a1e3a-71aa-4b0d-9e2f-000000000015",
	 "\"value\":\"v\",\"version\":\"999\"", NULL, 3, 0},
	{"newer", PUSH, IN, "5c0a1e3a-71aa-4b0d-9e2f-000000000001",
	 "\"value\":\"NEWER\",\"version\":\"101\",\"published\":false", NULL, 3, 1},
	{"older than that", PUSH, IGNORED, "5c0a1e3a-71aa-4b0d-9e2f-000000000001",
	 "\"value\":\"OLDER\",\"version\":\"99\"", "not newer", 3, 1},
	{"narrowed by a newer version", PULL, IN, "5c0a1e3a-71aa-4b0d-9e2f-000000000010",
	 "\"value\":\"v\",\"version\":\"102\",\"distribution\":\"1\"", NULL, 0, 1},
};

static void the_rules(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		const struct rule *r = &rules[i];
		OWN(buf) struct buf b = BUF(1 << 20);
		struct misp_cluster c;
		buf_printf(&b, "[{\"GalaxyCluster\":{\"uuid\":\"%s\",%s}}]", r->uuid, r->members);
		struct ingest_clusters got = put(r->way, buf_cstr(&b));
		is_uint(got.imported, r->fate == IN, "%s: %s", r->what,
			r->fate == IN ? "taken" : "not taken");
		is_uint(got.ignored, r->fate == IGNORED, "%s: ignored or not", r->what);
		is_uint(got.failed, r->fate == FAILED, "%s: failed or not", r->what);
		if (r->why)
			ok(str_find(got.errors, str_c(r->why)) >= 0, "%s: told why: %.*s", r->what,
			   STR_ARG(got.errors));
		bool there = stored(r->uuid, &c);
		ok(there == (r->distribution >= 0), "%s: stored or not", r->what);
		if (!there)
			continue;
		is_int(c.distribution, r->distribution, "%s: level", r->what);
		is_int(c.locked, r->locked, "%s: locked", r->what);
	}
}

/* ---- what is kept of one ---- */

static void what_is_kept(void)
{
	struct misp_cluster c;
	struct misp_org o;
	struct fail f = {0};
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	ok(stored("5c0a1e3a-71aa-4b0d-9e2f-000000000001", &c), "the first one");
	is_view(c.value, "NEWER", "changed by the newer version");
	is_view(c.description, "d", "what that did not give stays");
	is_view(c.tag_name, "misp-galaxy:threat-actor=\"5c0a1e3a-71aa-4b0d-9e2f-000000000001\"",
	       "the tag is made of type and UUID");
	is_uint(c.elements.n, 1, "an update without elements leaves them");
	ok(!c.published, "and it is what the last version says: unpublished");
	if (store_read(store, &t, &f) != ERR_OK || store_get(t, T_ORG, c.orgc_id, arena, &o) != ERR_OK)
		bail_out("no creator");
	is_view(o.name, "Reef", "its creator");
	is_uint(c.org_id, 1, "its owner is who brought it");
	ok(stored("5c0a1e3a-71aa-4b0d-9e2f-000000000007", &c), "one without a creator");
	is_uint(c.orgc_id, 1, "is the caller's");
}

static void many_at_once(void)
{
	OWN(buf) struct buf b = BUF(4 << 20);
	for (unsigned i = 0; i < 100; i++)
		buf_printf(&b, "%s{\"GalaxyCluster\":{\"uuid\":\"5c0a1e3a-71aa-4b0d-9e2f-0000000010%02u\","
			       "\"default\":%s," GOOD "}}",
			   i ? "," : "[", i, i % 10 == 3 ? "true" : "false");
	buf_puts(&b, "]");
	struct ingest_clusters got = put(PUSH, buf_cstr(&b));
	is_uint(got.imported, 90, "a hundred in one document: the good ones are taken");
	is_uint(got.failed, 10, "the bad ones do not hold them up");
	is_uint(got.n_ids, 90, "and named");
}

/* ---- relations ---- */

#define A "5c0a1e3a-71aa-4b0d-9e2f-000000002001"
#define B "5c0a1e3a-71aa-4b0d-9e2f-000000002002"
#define REL(type, more) "{\"galaxy_cluster_uuid\":\"" A "\",\"referenced_galaxy_cluster_uuid\":\"" B \
			"\",\"referenced_galaxy_cluster_type\":\"" type "\"" more "}"

static void relations(void)
{
	struct misp_cluster c;
	struct misp_clusterrel *r;
	put(PULL, "[{\"GalaxyCluster\":{\"uuid\":\"" A "\"," GOOD ",\"GalaxyClusterRelation\":["
		  REL("similar", ",\"distribution\":\"2\",\"Tag\":[{\"name\":\"tlp:green\"},"
				 "{\"name\":\"local\",\"local\":true}]") ","
		  REL("similar", ",\"distribution\":\"3\"") ","
		  REL("used-by", ",\"distribution\":\"1\"") ","
		  REL("", "") ","
		  "{\"galaxy_cluster_uuid\":\"" B "\",\"referenced_galaxy_cluster_uuid\":\"" A
		  "\",\"referenced_galaxy_cluster_type\":\"not-its-own\"}"
		  "]}}]");
	ok(stored(A, &c), "one with relations");
	r = c.relations.v;
	is_uint(c.relations.n, 2, "equal ones, nameless ones and those of others are left out");
	is_int(r[0].distribution, 1, "2 becomes 1");
	is_int(r[1].distribution, 0, "1 becomes 0");
	is_uint(r[0].tags.n, 1, "tags come, local ones of others do not");
	uint64_t first = r[0].id;
	ok(first && r[1].id != first, "each has a number");
	put(PULL, "[{\"GalaxyCluster\":{\"uuid\":\"" A "\",\"value\":\"v\",\"version\":\"200\"}}]");
	ok(stored(A, &c) && c.relations.n == 2, "an update without relations leaves them");
	put(PULL, "[{\"GalaxyCluster\":{\"uuid\":\"" A "\",\"value\":\"v\",\"version\":\"201\","
		  "\"GalaxyClusterRelation\":[" REL("similar", ",\"distribution\":\"3\"") "]}}]");
	ok(stored(A, &c) && c.relations.n == 1, "one with others replaces them");
	r = c.relations.v;
	is_uint(r[0].id, first, "an equal one keeps its number");
	is_int(r[0].distribution, 3, "with its new level");
}

/* ---- sharing groups ---- */

#define SG "5c0a1e3a-71aa-4b0d-9e2f-0000000050aa"
#define HOME_URL "https://home.example"
#define SG_OF(modified, servers) \
	"\"distribution\":\"4\",\"sharing_group_id\":\"9\",\"SharingGroup\":{\"uuid\":\"" SG \
	"\",\"name\":\"g\",\"releasability\":\"r\",\"roaming\":true,\"modified\":\"" modified "\"," \
	"\"SharingGroupOrg\":[{\"Organisation\":{\"name\":\"Reef\",\"uuid\":\"" REEF_ORG "\"}}]," \
	"\"SharingGroupServer\":[" servers "]}"
#define OPEN_HERE "{\"all_orgs\":true,\"Server\":{\"url\":\"" HOME_URL "\"}}"

static struct admit_facts with_groups(void)
{
	struct admit_facts fa = facts(PULL);
	fa.perm_sharing_group = true;
	fa.base_url = env.base_url = STR(HOME_URL);
	return fa;
}

/* Does the organisation of this node belong to it? */
static bool in_group(void)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail f = {0};
	struct misp_sg g;
	struct uuid u;
	uint64_t id;
	bool in = false;
	uuid_parse(STR(SG), &u);
	if (store_read(store, &t, &f) != ERR_OK ||
	    store_find(t, IX_SG_UUID, (struct str){(char *)u.b, 16}, &id) != ERR_OK ||
	    store_get(t, T_SG, id, arena, &g) != ERR_OK)
		bail_out("there is no group");
	LIST_EACH(o, g.orgs, struct misp_sgorg)
		in |= o->org_id == 1;
	return in;
}

static void group_cluster(const char *json)
{
	OWN(raw) struct raw_event *raw = fix_parse(RAW_CLUSTERS, json);
	struct admit_facts fa = with_groups();
	struct origin o = {.kind = ORIGIN_PEER, .id = 7};
	struct ingest_clusters got;
	struct fail f = {0};
	is_ok(ingest_clusters(&env, &raw, &o, &fa, arena, &got, &f), "taken: %s", f.text);
	is_uint(got.imported, 1, "the cluster");
}

static void group_event(const char *json)
{
	OWN(raw) struct raw_event *raw = fix_parse(RAW_EVENT, json);
	struct admit_facts fa = with_groups();
	struct ingest_result res;
	struct fail f = {0};
	struct origin o = {.kind = ORIGIN_PEER, .id = 7};
	fa.perm_publish = true;
	is_ok(ingest_event_add(&env, &raw, &o, &fa, arena, &res, &f), "an event: %s", f.text);
}

/* Whoever brings an event for a group joins it, to see what it brings; with a cluster nobody does. */
static void groups(void)
{
#define CLUSTER(n, version, sg) \
	"[{\"GalaxyCluster\":{\"uuid\":\"5c0a1e3a-71aa-4b0d-9e2f-00000000500" n "\",\"type\":\"t\"," \
	"\"value\":\"v\",\"version\":\"" version "\"," sg "," REEF "," G "}}]"
	group_cluster(CLUSTER("1", "1", SG_OF("2026-01-01 00:00:00", OPEN_HERE)));
	ok(!in_group(), "a group that comes with a cluster stays as it is");
	group_cluster(CLUSTER("1", "2", SG_OF("2026-01-02 00:00:00", "")));
	ok(!in_group(), "also when it is updated");
#define EVENT(n, sg) \
	"{\"Event\":{\"uuid\":\"5c0a1e3a-71aa-4b0d-9e2f-00000000501" n "\",\"info\":\"e\"," \
	"\"Attribute\":[{\"type\":\"domain\",\"category\":\"Network activity\",\"value\":\"g" n \
	".example\"}]," sg "}}"
	group_event(EVENT("1", SG_OF("2026-01-03 00:00:00", OPEN_HERE)));
	ok(!in_group(), "nor with an event when it is open to this node");
	group_event(EVENT("2", SG_OF("2026-01-04 00:00:00", "")));
	ok(in_group(), "with an event for members only its bringer joins");
}

/* ---- made here ---- */

static enum err save(uint64_t galaxy, uint64_t *id, const char *json, struct fail *f)
{
	OWN(raw) struct raw_event *raw = fix_parse(RAW_CLUSTERS, json);
	struct admit_facts fa = facts(USER);
	struct origin o = {.kind = ORIGIN_LOCAL};
	return ingest_cluster_save(&env, galaxy, &raw, &o, &fa, id, f);
}

static void made_here(void)
{
	const char *uuid = "5c0a1e3a-71aa-4b0d-9e2f-000000003001";
	struct origin o = {.kind = ORIGIN_LOCAL};
	struct misp_cluster c;
	struct fail f = {0};
	uint64_t id = 0, none = 0, version, later, rel = 0;
	is_ok(save(1, &id, "{\"uuid\":\"5c0a1e3a-71aa-4b0d-9e2f-000000003001\",\"value\":\"GULL\","
			   "\"type\":\"x\",\"version\":\"1\",\"published\":true,\"locked\":true,"
			   "\"default\":true,\"authors\":[\"a\"]," REEF "," EL "}",
		   &f),
	      "made: %s", f.text);
	ok(stored(uuid, &c), "and there");
	ok(!c.published && !c.locked && !c.default_, "neither published, locked nor a library's");
	is_uint(c.orgc_id, 1, "made by the caller, whatever it says");
	is_view(c.type, "threat-actor", "its type is the galaxy's");
	ok(str_u64(c.version, &version) && version > 1, "its version is the time");
	is_err(save(99, &none, "{\"value\":\"v\"}", &f), ERR_NOENT, "of no galaxy");
	is_err(save(1, &none, "{\"description\":\"v\"}", &f), ERR_INVAL, "without a value");
	is_err(save(1, &none, "{\"uuid\":\"5c0a1e3a-71aa-4b0d-9e2f-000000003001\",\"value\":\"v\"}", &f),
	       ERR_EXISTS, "of a UUID that is known");
	is_ok(ingest_cluster_publish(&env, id, true, &o, &f), "published");
	is_ok(save(1, &id, "{\"description\":\"changed\"}", &f), "changed: %s", f.text);
	ok(stored(uuid, &c) && !c.published, "a change unpublishes");
	is_view(c.value, "GULL", "what it does not give stays");
	is_view(c.authors, "[]", "but for the authors, as in MISP");
	ok(str_u64(c.version, &later) && later > version, "its version grows within the same second");
	struct misp_clusterrel r = {.type = STR("similar"), .distribution = 3};
	uuid_parse(STR(B), &r.target);
	struct admit_facts fa = facts(USER);
	is_ok(ingest_relation_put(&env, id, &r, &o, &fa, &rel, &f), "related");
	ok(stored(uuid, &c) && c.relations.n == 1 && rel, "once");
	uint64_t again = 0;
	is_ok(ingest_relation_put(&env, id, &r, &o, &fa, &again, &f), "related again");
	is_uint(again, rel, "is the same relation");
	is_err(ingest_relation_del(&env, id, rel + 99, &o, &f), ERR_NOENT, "no such relation");
	is_ok(ingest_relation_del(&env, id, rel, &o, &f), "taken back");
	ok(stored(uuid, &c) && c.relations.n == 0, "and gone");
	is_ok(ingest_cluster_publish(&env, id, true, &o, &f), "published");
	is_ok(ingest_cluster_delete(&env, id, false, &o, &f), "deleted");
	ok(stored(uuid, &c) && c.deleted && !c.published, "softly, which unpublishes");
	is_ok(ingest_cluster_restore(&env, id, &o, &f), "restored");
	ok(stored(uuid, &c) && !c.deleted, "and back");
	is_ok(ingest_cluster_delete(&env, id, true, &o, &f), "deleted for good");
	ok(!stored(uuid, &c), "and gone");
	struct ingest_clusters got = put(PUSH, "[{\"GalaxyCluster\":{\"uuid\":"
					       "\"5c0a1e3a-71aa-4b0d-9e2f-000000003001\"," GOOD "}}]");
	is_uint(got.ignored, 1, "nor does it come back");
}

/* ---- named by events ---- */

static void event_with(enum way w, const char *uuid, const char *cluster)
{
	OWN(buf) struct buf b = BUF(1 << 20);
	struct ingest_result res;
	struct fail f = {0};
	struct admit_facts fa = facts(w);
	struct origin o = {.kind = ORIGIN_PEER, .id = 7};
	fa.push = false;
	fa.perm_publish = true;
	buf_printf(&b,
		   "{\"Event\":{\"uuid\":\"%s\",\"info\":\"i\",\"distribution\":\"1\",\"Attribute\":[{"
		   "\"type\":\"domain\",\"category\":\"Network activity\",\"value\":\"%s.example\"}],"
		   "\"Galaxy\":[{\"uuid\":\"" GALAXY "\",\"name\":\"Threat Actor\",\"type\":"
		   "\"threat-actor\",\"GalaxyCluster\":[%s]}]}}",
		   uuid, uuid, cluster);
	OWN(raw) struct raw_event *raw = fix_parse(RAW_EVENT, buf_cstr(&b));
	is_ok(ingest_event_add(&env, &raw, &o, &fa, arena, &res, &f), "an event: %s", f.text);
}

static void named_by_events(void)
{
	struct misp_cluster c;
	event_with(PULL, "11111111-1111-4111-8111-000000000001",
		   "{\"uuid\":\"5c0a1e3a-71aa-4b0d-9e2f-000000004001\",\"type\":\"threat-actor\","
		   "\"value\":\"TERN\",\"tag_name\":\"misp-galaxy:threat-actor=\\\"TERN\\\"\","
		   "\"default\":true,\"distribution\":\"3\",\"meta\":{\"synonyms\":[\"a\",\"b\"]}}");
	ok(stored("5c0a1e3a-71aa-4b0d-9e2f-000000004001", &c) && c.default_,
	   "a library's cluster is learnt from an event");
	is_uint(c.elements.n, 2, "with what events call its meta");
	event_with(PULL, "11111111-1111-4111-8111-000000000002",
		   "{\"uuid\":\"5c0a1e3a-71aa-4b0d-9e2f-000000004002\",\"type\":\"threat-actor\","
		   "\"value\":\"AUK\",\"tag_name\":\"misp-galaxy:threat-actor=\\\"x\\\"\","
		   "\"default\":false,\"distribution\":\"2\",\"version\":\"5\"}");
	ok(stored("5c0a1e3a-71aa-4b0d-9e2f-000000004002", &c), "a custom one too");
	is_int(c.distribution, 1, "by the rules: its level is lowered");
	ok(c.locked && c.org_id == 1, "it is owned, and locked");
	event_with(PUSH_NO_EDITOR, "11111111-1111-4111-8111-000000000003",
		   "{\"uuid\":\"5c0a1e3a-71aa-4b0d-9e2f-000000004003\",\"type\":\"threat-actor\","
		   "\"value\":\"RAY\",\"tag_name\":\"misp-galaxy:threat-actor=\\\"RAY\\\"\","
		   "\"default\":true}");
	ok(!stored("5c0a1e3a-71aa-4b0d-9e2f-000000004003", &c),
	   "not of those who may not edit galaxies");
}

int main(void)
{
	fix_begin(run_rows);
	put(PUSH, "[{\"GalaxyCluster\":{\"uuid\":\"5c0a1e3a-71aa-4b0d-9e2f-000000000099\"," GOOD "}}]");
	the_rules();
	what_is_kept();
	many_at_once();
	relations();
	groups();
	made_here();
	named_by_events();
	return fix_end();
}
