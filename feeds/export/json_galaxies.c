/*
 * json_galaxies.c - MISP's JSON forms of galaxies and galaxy clusters (sync-protocol.md 8.8 to 8.11,
 * shapes as recorded). Nothing here decides what may leave.
 */
#include "base/jsonw.h"
#include "feeds/export/json_parts.h"

/* Elements have no rows of their own here: numbers that are unique as long as no cluster has more. */
#define ELEMENTS_APART 100000

void jp_galaxy(struct buf *b, const struct misp_galaxy *g, bool ids)
{
	if (ids)
		jp_num(b, "id", g->id);
	jp_uuid(b, "uuid", g->uuid);
	jp_str(b, "name", g->name);
	jp_str(b, "type", g->type);
	jp_str(b, "description", g->description);
	jp_str(b, "version", g->version);
	jp_str(b, "icon", g->icon);
	jp_str(b, "namespace", g->namespace_);
	jp_bool(b, "enabled", g->enabled);
	jp_bool(b, "local_only", g->local_only);
	if (g->kill_chain_order.n) {
		jp_key(b, "kill_chain_order");
		buf_str_add(b, g->kill_chain_order);
	}
}

/* The organisation that owns the public libraries' clusters. */
static void org_of_library(struct buf *b)
{
	LIT(b, "{\"id\":\"0\",\"name\":\"MISP\",\"date_created\":\"\",\"date_modified\":\"\","
	       "\"description\":\"Automatically generated MISP organisation\",\"type\":\"\","
	       "\"nationality\":\"Not specified\",\"sector\":\"\",\"created_by\":\"0\","
	       "\"uuid\":\"0\",\"contacts\":\"\",\"local\":true,\"restricted_to_domain\":[],"
	       "\"landingpage\":null}");
}

static void org_full(struct buf *b, const char *key, const struct misp_org *o, bool ids)
{
	jp_key(b, key);
	if (!o) {
		org_of_library(b);
		return;
	}
	size_t at = jp_open(b);
	if (ids)
		jp_num(b, "id", o->id);
	jp_str(b, "name", o->name);
	jp_str(b, "date_created", o->date_created);
	jp_str(b, "date_modified", o->date_modified);
	jp_str_or_null(b, "description", o->description);
	jp_str(b, "type", o->type);
	jp_str(b, "nationality", o->nationality);
	jp_str(b, "sector", o->sector);
	if (ids)
		jp_num(b, "created_by", o->created_by);
	jp_uuid(b, "uuid", o->uuid);
	jp_str_or_null(b, "contacts", o->contacts);
	jp_bool(b, "local", o->local);
	jp_key(b, "restricted_to_domain");
	buf_str_add(b, o->restricted_to_domain.n ? o->restricted_to_domain : STR("null"));
	jp_str_or_null(b, "landingpage", o->landingpage);
	jp_close(b, at);
}

void jp_cluster_orgs(struct buf *b, const struct rel_cluster *c)
{
	org_full(b, "Org", c->org, c->ids);
	org_full(b, "Orgc", c->orgc, c->ids);
}

/* ---- clusters ---- */

void jp_cluster(struct buf *b, const struct misp_cluster *c, bool ids)
{
	if (ids)
		jp_num(b, "id", c->id);
	jp_uuid(b, "uuid", c->uuid);
	jp_uuid(b, "collection_uuid", c->collection_uuid);
	jp_str(b, "type", c->type);
	jp_str(b, "value", c->value);
	jp_str(b, "tag_name", c->tag_name);
	jp_str(b, "description", c->description);
	if (ids)
		jp_num(b, "galaxy_id", c->galaxy_id);
	jp_str(b, "source", c->source);
	jp_key(b, "authors");
	buf_str_add(b, c->authors.n ? c->authors : STR("null"));
	jp_str(b, "version", c->version);
	jp_num(b, "distribution", c->distribution);
	if (!c->sharing_group_id)
		LIT(b, ",\"sharing_group_id\":null");
	else if (ids)
		jp_num(b, "sharing_group_id", c->sharing_group_id);
	if (ids) {
		jp_num(b, "org_id", c->org_id);
		jp_num(b, "orgc_id", c->orgc_id);
	}
	jp_bool(b, "default", c->default_);
	jp_bool(b, "locked", c->locked);
	/* null in clusters that were never told of another one, as recorded */
	if (c->extends_uuid.n || c->extends_version.n)
		jp_str(b, "extends_uuid", c->extends_uuid);
	else
		LIT(b, ",\"extends_uuid\":null");
	jp_str_or_null(b, "extends_version", c->extends_version);
	jp_bool(b, "published", c->published);
	jp_bool(b, "deleted", c->deleted);
}

void jp_cluster_elements(struct buf *b, const struct misp_cluster *c, bool ids)
{
	uint32_t n = 0;
	LIT(b, ",\"GalaxyElement\":[");
	LIST_EACH(m, c->elements, struct misp_clustermeta) {
		if (n++)
			buf_putc(b, ',');
		size_t at = jp_open(b);
		if (ids) {
			jp_num(b, "id", c->id * ELEMENTS_APART + n);
			jp_num(b, "galaxy_cluster_id", c->id);
		}
		jp_str(b, "key", m->key);
		jp_str(b, "value", m->value);
		jp_close(b, at);
	}
	buf_putc(b, ']');
}

/* Tags of relations, as recorded: without how they hang on it. */
static void relation_tags(struct buf *b, const struct entity_list *tags, bool ids)
{
	uint32_t n = 0;
	LIT(b, ",\"Tag\":[");
	LIST_EACH(t, *tags, struct misp_tagref) {
		if (n++)
			buf_putc(b, ',');
		size_t at = jp_open(b);
		if (ids)
			jp_num(b, "id", t->tag_id);
		jp_str(b, "name", t->name);
		jp_str(b, "colour", t->colour);
		jp_bool(b, "exportable", t->exportable);
		if (ids) {
			jp_num(b, "org_id", 0);
			jp_num(b, "user_id", t->user_id);
		}
		jp_bool(b, "hide_tag", t->hide_tag);
		jp_str_or_null(b, "numerical_value", t->numerical_value);
		jp_bool(b, "is_galaxy", t->is_galaxy);
		jp_bool(b, "is_custom_galaxy", t->is_custom_galaxy);
		jp_bool(b, "local_only", t->local_only);
		jp_close(b, at);
	}
	buf_putc(b, ']');
}

void jp_cluster_relations(struct buf *b, const struct rel_cluster *c, bool ids)
{
	LIT(b, ",\"GalaxyClusterRelation\":[");
	for (uint32_t i = 0; i < c->n_relations; i++) {
		const struct rel_relation *x = &c->relations[i];
		if (i)
			buf_putc(b, ',');
		size_t at = jp_open(b);
		if (ids) {
			jp_num(b, "id", x->rel->id);
			jp_num(b, "galaxy_cluster_id", c->cluster->id);
			jp_num(b, "referenced_galaxy_cluster_id", x->target_id);
		}
		jp_uuid(b, "referenced_galaxy_cluster_uuid", x->rel->target);
		jp_str(b, "referenced_galaxy_cluster_type", x->rel->type);
		jp_uuid(b, "galaxy_cluster_uuid", c->cluster->uuid);
		jp_num(b, "distribution", x->rel->distribution);
		if (!x->rel->sharing_group_id)
			LIT(b, ",\"sharing_group_id\":null");
		else if (ids)
			jp_num(b, "sharing_group_id", x->rel->sharing_group_id);
		jp_bool(b, "default", x->rel->default_);
		relation_tags(b, &x->rel->tags, ids);
		if (x->sharing_group) {
			LIT(b, ",\"SharingGroup\":");
			jp_sharing_group(b, x->sharing_group, ids);
		}
		jp_close(b, at);
	}
	buf_putc(b, ']');
}

/* ---- in events ---- */

/* Elements of a cluster, equal keys joined: {"key":["a","b"]}; [] when there are none. */
static void cluster_meta(struct buf *b, const struct misp_cluster *c)
{
	const struct misp_clustermeta *m = c->elements.v;
	LIT(b, ",\"meta\":");
	if (!c->elements.n) {
		LIT(b, "[]");
		return;
	}
	buf_putc(b, '{');
	for (uint32_t i = 0, shown = 0; i < c->elements.n; i++) {
		uint32_t k = 0;
		while (k < i && !str_eq(m[k].key, m[i].key))
			k++;
		if (k < i)
			continue;
		if (shown++)
			buf_putc(b, ',');
		json_quote(b, m[i].key);
		LIT(b, ":[");
		for (uint32_t j = i, n = 0; j < c->elements.n; j++) {
			if (!str_eq(m[j].key, m[i].key))
				continue;
			if (n++)
				buf_putc(b, ',');
			json_quote(b, m[j].value);
		}
		buf_putc(b, ']');
	}
	buf_putc(b, '}');
}

static void cluster(struct buf *b, const struct rel_cluster *r, bool of_event, bool ids)
{
	size_t at = jp_open(b);
	jp_cluster(b, r->cluster, ids);
	jp_cluster_relations(b, r, ids);
	if (ids)
		jp_cluster_orgs(b, r);
	cluster_meta(b, r->cluster);
	if (ids) {
		LIT(b, ",\"tag_id\":"); /* a number here, as recorded */
		buf_u64(b, r->tag_id);
		jp_num(b, of_event ? "event_tag_id" : "attribute_tag_id", r->tag_id);
	}
	jp_bool(b, "local", r->local);
	jp_key(b, "relationship_type");
	if (r->relationship_type.n)
		json_quote(b, r->relationship_type);
	else
		LIT(b, "false");
	jp_close(b, at);
}

void jp_galaxies(struct buf *b, const struct rel_cluster *c, uint32_t n, bool of_event, bool ids)
{
	buf_putc(b, '[');
	for (uint32_t i = 0, shown = 0; i < n; i++) {
		uint32_t k = 0;
		while (k < i && !uuid_eq(c[k].galaxy->uuid, c[i].galaxy->uuid))
			k++;
		if (k < i)
			continue;
		if (shown++)
			buf_putc(b, ',');
		size_t at = jp_open(b);
		jp_galaxy(b, c[i].galaxy, ids);
		LIT(b, ",\"GalaxyCluster\":[");
		for (uint32_t j = i, m = 0; j < n; j++) {
			if (!uuid_eq(c[j].galaxy->uuid, c[i].galaxy->uuid))
				continue;
			if (m++)
				buf_putc(b, ',');
			cluster(b, &c[j], of_event, ids);
		}
		buf_putc(b, ']');
		jp_close(b, at);
	}
	buf_putc(b, ']');
}

void jp_index_clusters(struct buf *b, const struct rel_cluster *c, uint32_t n)
{
	buf_putc(b, '[');
	for (uint32_t i = 0; i < n; i++, c++) {
		if (i)
			buf_putc(b, ',');
		size_t at = jp_open(b);
		jp_cluster(b, c->cluster, true);
		jp_key(b, "Galaxy");
		size_t inner = jp_open(b);
		jp_galaxy(b, c->galaxy, true);
		jp_close(b, inner);
		cluster_meta(b, c->cluster);
		jp_num(b, "tag_id", c->tag_id);
		jp_bool(b, "local", c->local);
		jp_str(b, "relationship_type", c->relationship_type);
		jp_close(b, at);
	}
	buf_putc(b, ']');
}
