/*
 * farm_clusters.c - galaxies, clusters and relations of the farm. What only the owner may see comes
 * last, so that the twin without it has the same numbers elsewhere.
 */
#include "tests/leak/farm.h"

#include <stdio.h>

#include "tests/tap/tap.h"

#define ALPHA 2u

static const struct row {
	bool own_only;
	const char *token;
	uint8_t level;
	uint64_t group;
	bool draft, deleted, library;
} rows[] = {
	{false, "zq070zq", DIST_ALL, 0, false, false, false},
	{false, "zq083zq", DIST_COMMUNITY, 0, false, false, false},
	{false, "zq073zq", DIST_GROUP, 1, false, false, false},
	{false, "zq075zq", DIST_ALL, 0, true, false, false},
	{false, "zq076zq", DIST_ALL, 0, true, true, false},
	{false, "zq082zq", DIST_ALL, 0, false, false, true},
	{true, "zq072zq", DIST_ORG, 0, false, false, false},
	{true, "zq074zq", DIST_GROUP, 2, false, false, false},
};

static struct uuid uuid_of(unsigned n)
{
	char text[UUID_TEXT_LEN + 1];
	struct uuid u;
	snprintf(text, sizeof(text), "5f000000-0000-4000-8000-0000000500%02u", n);
	if (!uuid_parse(str_c(text), &u))
		bail_out("no UUID: %s", text);
	return u;
}

/* Relations of the first cluster; the last two only where the farm is whole. */
static struct entity_list relations(struct misp_clusterrel *v, struct misp_tagref *tag, bool twin)
{
	static const struct {
		unsigned target;
		const char *type;
		uint8_t level;
		uint64_t group;
	} rels[] = {
		{2, "zq078zq", DIST_ALL, 0},
		{2, "zq080zq", DIST_GROUP, 1},
		{2, "zq079zq", DIST_ORG, 0},
		{7, "zq081zq", DIST_ALL, 0},
	};
	uint32_t n = 0;
	for (; n < (twin ? 2 : ARRAY_LEN(rels)); n++) {
		v[n] = (struct misp_clusterrel){.id = n + 1,
						.target = uuid_of(rels[n].target),
						.type = str_c(rels[n].type),
						.distribution = rels[n].level,
						.sharing_group_id = rels[n].group};
		v[n].tags = (struct entity_list){tag, 1};
	}
	return (struct entity_list){v, n};
}

static enum err put(struct store_wtxn *w, uint64_t galaxy, unsigned i, bool twin, struct fail *f)
{
	const struct row *r = &rows[i];
	char tag[100], text[UUID_TEXT_LEN + 1];
	struct misp_clusterrel rels[4];
	struct misp_tagref hidden_tag = {.tag_id = 1}; /* zq:zq011zq, not exportable */
	struct misp_clustermeta meta = {.key = STR("synonyms"),
					.value = i ? str_c(r->token) : STR("zq071zq")};
	struct misp_cluster c = {.uuid = uuid_of(i + 1),
				 .galaxy_id = galaxy,
				 .type = STR("g"),
				 .value = str_c(r->token),
				 .description = str_c(r->token),
				 .version = STR("1"),
				 .distribution = r->level,
				 .sharing_group_id = r->group,
				 .org_id = r->library ? 0 : ALPHA,
				 .orgc_id = r->library ? 0 : ALPHA,
				 .default_ = r->library,
				 .published = !r->draft,
				 .deleted = r->deleted,
				 .elements = {&meta, 1}};
	snprintf(tag, sizeof(tag), "misp-galaxy:g=\"%s\"",
		 r->library ? "library" : uuid_format(c.uuid, text));
	c.tag_name = str_c(tag);
	if (i == 0)
		c.relations = relations(rels, &hidden_tag, twin);
	c.id = store_new_row_id(w, T_CLUSTER);
	return store_put(w, T_CLUSTER, c.id, &c, f);
}

enum err farm_put_clusters(struct store_wtxn *w, bool twin, struct fail *f)
{
	struct misp_galaxy g = {.uuid = uuid_of(90), .name = STR("zq077zq"), .type = STR("g"),
				.version = STR("1"), .enabled = true};
	struct misp_galaxy library = g;
	g.id = store_new_row_id(w, T_GALAXY);
	TRY(store_put(w, T_GALAXY, g.id, &g, f));
	library.uuid = uuid_of(91);
	library.name = STR("library");
	library.id = store_new_row_id(w, T_GALAXY);
	TRY(store_put(w, T_GALAXY, library.id, &library, f));
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		if (!twin || !rows[i].own_only)
			TRY(put(w, rows[i].library ? library.id : g.id, i, twin, f));
	return ERR_OK;
}
