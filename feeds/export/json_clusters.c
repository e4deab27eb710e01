/*
 * json_clusters.c - what the calls of galaxies and galaxy clusters answer, in the form that the
 * parameter `form` names: a table of what each form holds (shapes as recorded).
 */
#include "base/jsonw.h"
#include "base/own.h"
#include "feeds/export/json_parts.h"

enum part {
	PART_NUMBERS = 1, /* local ids */
	PART_GALAXY = 2,
	PART_ELEMENTS = 4,
	PART_RELATIONS = 8,
	PART_ORGS = 16,
	PART_INBOUND = 32,
	PART_MINIMAL = 64, /* nothing but uuid and version */
	PART_BARE = 128, /* no wrapper */
	PART_OWNERS = 256, /* numbers of the organisations, without the others */
};
#define PART_ALL (PART_GALAXY | PART_ELEMENTS | PART_RELATIONS | PART_ORGS)

static const struct form {
	const char *name;
	unsigned parts;
	const char *begin, *end;
} forms[] = {
	{"search", PART_NUMBERS | PART_ALL, "{\"response\": [", "]}\n"},
	{"minimal", PART_MINIMAL, "{\"response\": [", "]}\n"},
	{"index", PART_NUMBERS, "[", "]"},
	{"view", PART_NUMBERS | PART_ALL | PART_INBOUND, "", ""},
	{"saved", PART_NUMBERS | PART_ALL, "", ""},
	{"export", PART_ALL | PART_OWNERS, "[", "]"},
	/* to a peer (5.2): no numbers of ours */
	{"push", PART_ALL, "[", "]"},
	/* behind their galaxy: the exporter begins with that */
	{"galaxy", PART_NUMBERS | PART_ELEMENTS | PART_BARE, "", ""},
	{"galaxies", 0, "[", "]"},
};

struct state {
	bool in_galaxy; /* its list of clusters is open */
	uint64_t in_list;
};

static struct str param(const struct export_run *r, const char *name)
{
	return r->opts->param ? r->opts->param(r->opts->param_user, name) : STR_NONE;
}

static const struct form *form_of(const struct export_run *r)
{
	struct str name = param(r, "form");
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		if (str_is(name, forms[i].name))
			return &forms[i];
	return &forms[0];
}

static enum err begin(struct export_run *r)
{
	buf_puts(seal_buf(r->out), form_of(r)->begin);
	return ERR_OK;
}

static enum err galaxy(struct export_run *r, const struct rel_galaxy *g)
{
	struct buf *b = seal_buf(r->out);
	struct state *s = r->state;
	if (r->n++)
		buf_putc(b, ',');
	LIT(b, "{\"Galaxy\":");
	size_t at = jp_open(b);
	jp_galaxy(b, g->galaxy, g->ids);
	jp_close(b, at);
	s->in_galaxy = str_is(str_c(form_of(r)->name), "galaxy");
	if (s->in_galaxy)
		LIT(b, ",\"GalaxyCluster\":[");
	else
		buf_putc(b, '}');
	return ERR_OK;
}

static void minimal(struct buf *b, const struct misp_cluster *c)
{
	size_t at = jp_open(b);
	jp_uuid(b, "uuid", c->uuid);
	jp_str(b, "version", c->version);
	jp_close(b, at);
}

static void whole(struct buf *b, const struct rel_cluster *c, unsigned parts)
{
	bool ids = c->ids && parts & PART_NUMBERS;
	size_t at = jp_open(b);
	jp_cluster(b, c->cluster, ids);
	if (parts & PART_OWNERS && c->ids) {
		jp_num(b, "org_id", c->cluster->org_id);
		jp_num(b, "orgc_id", c->cluster->orgc_id);
	}
	if (parts & PART_GALAXY) {
		LIT(b, ",\"Galaxy\":");
		size_t inner = jp_open(b);
		jp_galaxy(b, c->galaxy, c->ids);
		jp_close(b, inner);
	}
	if (parts & PART_ELEMENTS)
		jp_cluster_elements(b, c->cluster, ids);
	if (parts & PART_RELATIONS)
		jp_cluster_relations(b, c, ids);
	if (parts & PART_ORGS)
		jp_cluster_orgs(b, c);
	if (c->sharing_group && parts & PART_ORGS) {
		LIT(b, ",\"SharingGroup\":");
		jp_sharing_group(b, c->sharing_group, c->ids);
	}
	jp_close(b, at);
}

/* Behind the cluster's own members: the brace is taken back. */
static void uses(const struct export_run *r, struct buf *b, bool ids)
{
	struct str id = param(r, "tag_id"), n = param(r, "tag_count");
	if (!b->n || b->p[b->n - 1] != '}')
		return;
	b->n--;
	LIT(b, ",\"RelationshipInbound\":[]");
	if (ids && id.n) {
		LIT(b, ",\"tag_count\":");
		buf_str_add(b, n);
		LIT(b, ",\"tag_id\":");
		json_quote(b, id);
	}
	buf_putc(b, '}');
}

static enum err cluster(struct export_run *r, const struct rel_cluster *c)
{
	struct buf *b = seal_buf(r->out);
	unsigned parts = form_of(r)->parts;
	struct state *s = r->state;
	if (s->in_list++)
		buf_putc(b, ',');
	if (!(parts & PART_BARE))
		LIT(b, "{\"GalaxyCluster\":");
	if (parts & PART_MINIMAL)
		minimal(b, c->cluster);
	else
		whole(b, c, parts);
	if (parts & PART_INBOUND)
		uses(r, b, c->ids);
	if (!(parts & PART_BARE))
		buf_putc(b, '}');
	return ERR_OK;
}

static enum err end(struct export_run *r)
{
	struct state *s = r->state;
	buf_puts(seal_buf(r->out), s->in_galaxy ? "]}" : form_of(r)->end);
	return ERR_OK;
}

const struct exporter export_clusters = {
	.name = "galaxy_clusters.json",
	.media = "application/json",
	.type_name = "json",
	.doc = "Answers of calls about galaxies and galaxy clusters",
	.scopes = EXPORT_CLUSTERS,
	.state_size = sizeof(struct state),
	.begin = begin,
	.galaxy = galaxy,
	.cluster = cluster,
	.end = end,
};
