/*
 * ep_cluster_relations.c - /galaxy_cluster_relations: what one cluster says of another. A relation is
 * part of its source, and only who may change that may change it.
 */
#include "api/clusters.h"

#define TAGS_MAX 100u
#define FIND_ARENA (16u << 20)

static enum err refuse(struct http_req *r, const char *action, const char *reason)
{
	struct str text = arena_printf(r->arena,
				       "Relationship could not be %s.Reasons: [[\"%s\"]]",
				       strcmp(action, "add") == 0 ? "added" : "saved", reason);
	char *c = arena_cstr(r->arena, text);
	me(r)->url = arena_printf(r->arena, "/galaxy_cluster_relations/%s", action);
	rest_not_saved(r, action, "GalaxyClusterRelation", STR_NONE, rest_quoted(r, c ? c : ""));
	return ERR_OK;
}

static void saved(struct http_req *r, const char *action, uint64_t id, const char *text)
{
	struct str number = rest_id(r, id);
	me(r)->url = arena_printf(r->arena, "/galaxy_cluster_relations/%s/%.*s", action,
				  STR_ARG(number));
	rest_saved(r, number, "%s", text);
}

static bool find_cluster(struct http_req *r, struct str id, struct misp_cluster *c)
{
	OWN(view) struct view *v = NULL;
	struct fail why = {0};
	return rest_view(r, &v, &why) == ERR_OK &&
	       view_cluster(v, id, r->arena, c, &why) == ERR_OK && !c->deleted;
}

/* "tags": names, or "Tag": objects with names. Those that are not known are made by who may. */
struct tagging {
	struct misp_tagref *v;
	uint32_t n;
	bool make;
};

static enum err run_tags(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct tagging *t = arg;
	for (uint32_t i = 0; i < t->n; i++) {
		enum err e = t->make ? ingest_tag_capture(w, &t->v[i], &t->v[i].tag_id, f)
				     : store_find(store_view(w), IX_TAG_NAME, t->v[i].name,
						  &t->v[i].tag_id);
		if (e != ERR_OK && e != ERR_NOENT && e != ERR_INVAL)
			return e;
	}
	return ERR_OK;
}

static enum err tags_of(struct http_req *r, const json_t *body, struct entity_list *tags,
			struct fail *f)
{
	json_t *list = json_object_get(body, "tags"), *item;
	size_t i;
	if (!json_is_array(list))
		list = json_object_get(body, "Tag");
	struct tagging t = {.v = ARENA_ARRAY(r->arena, struct misp_tagref, TAGS_MAX),
			    .make = may(r, perm_tag_editor)};
	if (!json_is_array(list) || !t.v)
		return ERR_OK;
	json_array_foreach(list, i, item) {
		struct str name = json_is_string(item) ? str_c(json_string_value(item))
						       : rest_text(r, item, "name");
		if (name.n && t.n < TAGS_MAX)
			t.v[t.n++] = (struct misp_tagref){.name = name};
	}
	TRY(rest_write(r, run_tags, &t, f));
	uint32_t n = 0;
	for (uint32_t k = 0; k < t.n; k++)
		if (t.v[k].tag_id)
			t.v[n++] = t.v[k];
	*tags = (struct entity_list){t.v, n};
	return ERR_OK;
}

/* The level, and a group only of those that the caller may use. */
static const char *level_of(struct http_req *r, const json_t *body, struct misp_clusterrel *rel)
{
	OWN(view) struct view *v = NULL;
	struct fail why = {0};
	uint64_t level = rel->distribution;
	rest_take_u64(r, body, "distribution", &level);
	rest_take_u64(r, body, "sharing_group_id", &rel->sharing_group_id);
	if (level > DIST_GROUP)
		return "Invalid distribution";
	rel->distribution = (uint8_t)level;
	if (level != DIST_GROUP) {
		rel->sharing_group_id = 0;
		return NULL;
	}
	if (rest_view(r, &v, &why) != ERR_OK || !view_may_use_group(v, rel->sharing_group_id))
		return "Invalid Sharing Group or not authorised.";
	return NULL;
}

/* Source and target, which the caller must see and (the source) may change; else answered. */
static bool ends_of(struct http_req *r, const char *action, struct str source, struct str target,
		    struct misp_cluster *c, struct misp_clusterrel *rel)
{
	struct misp_cluster to;
	if (!find_cluster(r, source, c)) {
		(void)!refuse(r, action, "Invalid source galaxy cluster");
		return false;
	}
	if (!find_cluster(r, target, &to)) {
		(void)!refuse(r, action, "Invalid referenced galaxy cluster");
		return false;
	}
	rel->source = c->uuid;
	rel->target = to.uuid;
	return clusters_editable(r, c);
}

static enum err put(struct http_req *r, const char *action, const struct misp_cluster *c,
		    const struct misp_clusterrel *rel, uint64_t id, struct fail *f)
{
	struct admit_facts facts = clusters_facts(r);
	struct origin o = rest_origin(r);
	TRY(ingest_relation_put(&api_of(r)->ingest, c->id, rel, &o, &facts, &id, f));
	saved(r, action, id, strcmp(action, "add") == 0 ? "Relationship added." : "Relationship saved.");
	return ERR_OK;
}

static enum err relations_add(struct http_req *r, struct fail *f)
{
	struct misp_clusterrel rel = {.distribution =
					      api_of(r)->ingest.default_event_distribution};
	struct misp_cluster c;
	json_t *body;
	if (rest_json(r, "GalaxyClusterRelation", &body, f) != ERR_OK)
		return ERR_OK;
	rel.type = rest_text(r, body, "referenced_galaxy_cluster_type");
	if (!rel.type.n || rel.type.n > 255)
		return refuse(r, "add", "Invalid relationship type");
	if (!ends_of(r, "add", rest_text(r, body, "galaxy_cluster_uuid"),
		     rest_text(r, body, "referenced_galaxy_cluster_uuid"), &c, &rel))
		return ERR_OK;
	const char *wrong = level_of(r, body, &rel);
	if (wrong)
		return refuse(r, "add", wrong);
	TRY(tags_of(r, body, &rel.tags, f));
	return put(r, "add", &c, &rel, 0, f);
}

/* The relation of the path, of a cluster that the caller may see; else answered. */
static bool find_relation(struct http_req *r, struct misp_cluster *c, struct misp_clusterrel *rel)
{
	OWN(view) struct view *v = NULL;
	OWN(arena) struct arena *a = arena_new(FIND_ARENA);
	struct fail why = {0};
	struct misp_cluster row;
	uint64_t id, at = 0;
	if (a && str_u64(req_arg(r, "id"), &id) && rest_view(r, &v, &why) == ERR_OK)
		while (store_next(view_txn(v), T_CLUSTER, &at, a, &row) == ERR_OK) {
			LIST_EACH(x, row.relations, struct misp_clusterrel)
				if (x->id == id &&
				    view_cluster(v, rest_id(r, at), r->arena, c, &why) == ERR_OK) {
					LIST_EACH(y, c->relations, struct misp_clusterrel)
						if (y->id == id)
							*rel = *y;
					return true;
				}
			arena_reset(a);
		}
	reply_error(r, 404, "Invalid cluster relation");
	return false;
}

static enum err relations_edit(struct http_req *r, struct fail *f)
{
	struct misp_clusterrel rel;
	struct misp_cluster c, to;
	json_t *body;
	if (rest_json(r, "GalaxyClusterRelation", &body, f) != ERR_OK ||
	    !find_relation(r, &c, &rel) || !clusters_editable(r, &c))
		return ERR_OK;
	struct str target = rest_text(r, body, "referenced_galaxy_cluster_uuid");
	if (target.n && !find_cluster(r, target, &to))
		return refuse(r, "edit", "Invalid referenced galaxy cluster");
	if (target.n)
		rel.target = to.uuid;
	rest_take_text(r, body, "referenced_galaxy_cluster_type", &rel.type);
	if (!rel.type.n || rel.type.n > 255)
		return refuse(r, "edit", "Invalid relationship type");
	const char *wrong = level_of(r, body, &rel);
	if (wrong)
		return refuse(r, "edit", wrong);
	TRY(tags_of(r, body, &rel.tags, f));
	return put(r, "edit", &c, &rel, rel.id, f);
}

static enum err relations_delete(struct http_req *r, struct fail *f)
{
	struct misp_clusterrel rel;
	struct misp_cluster c;
	struct origin o = rest_origin(r);
	if (!find_relation(r, &c, &rel) || !clusters_editable(r, &c))
		return ERR_OK;
	TRY(ingest_relation_del(&api_of(r)->ingest, c.id, rel.id, &o, f));
	saved(r, "delete", rel.id, "Galaxy cluster relationship successfuly deleted.");
	return ERR_OK;
}

const struct endpoint ep_relations_add = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/galaxy_cluster_relations/add",
	.auth = perm_galaxy_editor,
	.run = relations_add,
	.shape = "Saved",
	.takes = "RelationIn",
	.doc = "Relate a cluster of one's own organisation to another one",
};
const struct endpoint ep_relations_edit = {
	.methods = HTTP_POST | HTTP_PUT,
	.path = "/galaxy_cluster_relations/edit/:id",
	.auth = perm_galaxy_editor,
	.run = relations_edit,
	.shape = "Saved",
	.takes = "RelationIn",
	.doc = "Change a relation",
};
const struct endpoint ep_relations_delete = {
	.methods = HTTP_POST | HTTP_DELETE,
	.path = "/galaxy_cluster_relations/delete/:id",
	.auth = perm_galaxy_editor,
	.run = relations_delete,
	.shape = "Saved",
	.doc = "Take a relation back",
};
