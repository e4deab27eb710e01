/*
 * admit_cluster.c - what may come in: galaxy clusters that somebody made, with what they say of
 * others (sync-protocol.md 5.3). Those of the public libraries come with the libraries only.
 *
 * The answer tells why in plain words, not as a map of fields: peers count and show the reasons.
 */
#include "gate/admit_impl.h"
#include "model/clustermeta.h"
#include "model/misp.h"

/* What MISP's columns hold, and what no real cluster comes near to. */
#define NAME_MAX_BYTES 255u
#define TEXT_MAX 65535u
#define ELEMENTS_MAX 10000u
#define RELATIONS_MAX 10000u
#define RECORD_MAX (4u << 20)

/* Names that make tags: no quote that would end one early, no control characters. */
static bool is_name(struct str s)
{
	if (!s.n || s.n > NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == '"' || s.p[i] == '=')
			return false;
	return true;
}

static const char *elements_wrong(const struct misp_cluster *c)
{
	size_t bytes = c->description.n + c->authors.n;

	if (c->elements.n > ELEMENTS_MAX)
		return "The cluster has too many elements.";
	LIST_EACH(m, c->elements, struct misp_clustermeta) {
		if (!m->key.n || m->key.n > NAME_MAX_BYTES || m->value.n > TEXT_MAX)
			return "An element of the cluster has no key, or is too long.";
		bytes += m->key.n + m->value.n;
	}
	return bytes > RECORD_MAX ? "The cluster is too large." : NULL;
}

static const char *cluster_wrong(const struct misp_cluster *c, bool add, bool foreign)
{
	uint64_t version;

	if (c->default_ && foreign)
		return "Only non-default clusters can be saved";
	if (add && !str_trim(c->value).n)
		return "The cluster has no value.";
	if (ENTITY_HAS(c, CLUSTER_F_uuid) && uuid_is_nil(c->uuid))
		return "The cluster has no valid UUID.";
	if (c->type.n && !is_name(c->type))
		return "The type of the cluster is not a name.";
	if (c->version.n && !str_u64(c->version, &version))
		return "The version of the cluster is not a number.";
	if (ENTITY_HAS(c, CLUSTER_F_distribution) && c->distribution > DIST_GROUP)
		return "The distribution of the cluster is invalid.";
	if (c->value.n > TEXT_MAX || c->description.n > TEXT_MAX || c->authors.n > TEXT_MAX ||
	    c->source.n > NAME_MAX_BYTES || c->extends_version.n > 20 ||
	    c->extends_uuid.n > UUID_TEXT_LEN)
		return "A text of the cluster is too long.";
	return elements_wrong(c);
}

/* Group by number only from those who know our numbers, as with events. */
static enum err group_check(const struct admit_facts *facts, uint8_t *distribution, uint64_t *id,
			    struct entity_list *group, struct fail *f)
{
	bool may_embed = from_elsewhere(facts) || facts->perm_sync || facts->site_admin;

	if (*distribution == DIST_GROUP && may_embed && group->n) {
		*id = 0;
		return ERR_OK;
	}
	*group = (struct entity_list){NULL, 0};
	if (*distribution == DIST_GROUP && !from_elsewhere(facts) && !facts->pull) {
		if (admit_group_known(facts, *id))
			return ERR_OK;
		return fail(f, ERR_INVAL, "Invalid Sharing Group or not authorised.");
	}
	if (*distribution == DIST_GROUP)
		*distribution = DIST_ORG; /* a number of another node means nothing here */
	*id = 0;
	return ERR_OK;
}

/* One relation: false when it is none, or may not be here. */
static bool admit_relation(const struct admit_facts *facts, const struct misp_cluster *c,
			   struct misp_clusterrel *r)
{
	if (uuid_is_nil(r->target) || !r->type.n || r->type.n > NAME_MAX_BYTES ||
	    (!uuid_is_nil(r->source) && !uuid_eq(r->source, c->uuid)))
		return false;
	if (!ENTITY_HAS(r, CLUSTERREL_F_distribution))
		r->distribution = facts->default_event_distribution;
	if (r->distribution > DIST_GROUP)
		return false;
	r->distribution = lowered(facts, r->distribution);
	if (group_check(facts, &r->distribution, &r->sharing_group_id, &r->sharing_group, NULL) !=
	    ERR_OK)
		return false;
	cut_incoming_tags(facts, &r->tags);
	r->source = c->uuid;
	r->default_ = false;
	r->id = 0;
	return true;
}

static void admit_relations(const struct admit_facts *facts, struct misp_cluster *c)
{
	struct misp_clusterrel *v = c->relations.v;
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->relations.n && n < RELATIONS_MAX; i++)
		if (admit_relation(facts, c, &v[i]))
			v[n++] = v[i];
	c->relations.n = n;
}

/* Who made it: a document says so only when it comes from who may. */
static void creator(const struct admit_facts *facts, struct misp_cluster *c)
{
	if (!facts->perm_sync && !facts->site_admin && !facts->pull && facts->kind != AUD_FEED)
		c->orgc = (struct entity_list){NULL, 0};
	c->org = (struct entity_list){NULL, 0};
	c->org_id = c->orgc_id = facts->org_id;
}

static void galaxy_check(struct misp_galaxy *g)
{
	if (!is_name(g->type) || !g->name.n || g->name.n > NAME_MAX_BYTES ||
	    g->description.n > TEXT_MAX || g->icon.n > NAME_MAX_BYTES ||
	    g->namespace_.n > NAME_MAX_BYTES || g->version.n > 20 ||
	    g->kill_chain_order.n > TEXT_MAX)
		g->name = STR_NONE; /* good for looking it up by its UUID, no more */
	if (!ENTITY_HAS(g, GALAXY_F_enabled))
		g->enabled = true;
	g->id = g->org_id = g->orgc_id = 0;
}

void admit_cluster_meta(struct misp_cluster *c, struct arena *a)
{
	struct entity_list elements;

	if (c->elements.n || !c->meta.n || c->meta.n > RECORD_MAX ||
	    !clustermeta_parse(c->meta, ELEMENTS_MAX, a, &elements) || !elements.n)
		return;
	c->elements = elements;
	ENTITY_SET_HAS(c, CLUSTER_F_elements);
}

enum err admit_cluster(const struct admit_facts *facts, struct arena *a, struct element *e,
		       struct fail *f)
{
	struct misp_cluster *c = &e->cluster;
	bool foreign = from_elsewhere(facts) || facts->pull || facts->push;
	const char *wrong;

	admit_cluster_meta(c, a);
	wrong = cluster_wrong(c, !facts->is_edit, foreign);
	if (wrong)
		return fail(f, ERR_INVAL, "%s", wrong);
	if (!facts->is_edit && !ENTITY_HAS(c, CLUSTER_F_distribution))
		c->distribution = facts->default_event_distribution;
	c->distribution = lowered(facts, c->distribution);
	TRY(group_check(facts, &c->distribution, &c->sharing_group_id, &c->sharing_group, f));
	if (uuid_is_nil(c->uuid) && !facts->is_edit) {
		if (foreign)
			return fail(f, ERR_INVAL, "The cluster has no UUID.");
		c->uuid = uuid_random();
	}
	admit_relations(facts, c);
	creator(facts, c);
	galaxy_check(&e->galaxy);
	/* what comes from elsewhere may be changed from elsewhere, and only so */
	c->locked = foreign;
	c->default_ = false; /* a fork of a library's cluster is one's own */
	c->id = c->galaxy_id = 0;
	return ERR_OK;
}
