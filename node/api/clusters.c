/*
 * clusters.c - what the endpoints of galaxies, galaxy clusters and their relations share.
 */
#include "api/clusters.h"

#include "model/json_read.h"

static struct str param_of(void *user, const char *name)
{
	const struct clusters_answer *x = user;
	if (strcmp(name, "form") == 0)
		return str_c(x->form);
	if (strcmp(name, "tag_id") == 0)
		return x->tag_id;
	return strcmp(name, "tag_count") == 0 ? x->tag_count : STR_NONE;
}

static enum err sealed_of(struct http_req *r, const struct clusters_answer *x,
			  struct sealed **out, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct egress_clusters q = {.exporter = export_find(STR("galaxy_clusters.json")),
				    .opts = rest_export_opts(r, EXPORT_CLUSTERS),
				    .galaxies = x->galaxies,
				    .n_galaxies = x->n_galaxies,
				    .clusters = x->clusters,
				    .n_clusters = x->n_clusters};
	if (BUG(!q.exporter))
		return fail(f, ERR_NOENT, "no exporter of clusters");
	/* a long answer is written after the handler has returned */
	struct clusters_answer *kept = ARENA_NEW(r->arena, struct clusters_answer);
	if (!kept)
		return fail(f, ERR_NOMEM, "no memory");
	*kept = *x;
	q.opts.param = param_of;
	q.opts.param_user = kept;
	TRY(rest_view(r, &v, f));
	return egress_clusters(&v, &q, out, f);
}

enum err clusters_send(struct http_req *r, const struct clusters_answer *x, struct fail *f)
{
	OWN(sealed) struct sealed *s = NULL;
	TRY(sealed_of(r, x, &s, f));
	rest_sealed(r, &s, "application/json; charset=UTF-8");
	return ERR_OK;
}

static enum err tag_uses(struct http_req *r, struct str name, struct clusters_answer *x,
			 struct fail *f)
{
	OWN(view) struct view *v = NULL;
	uint64_t id, n;
	TRY(rest_view(r, &v, f));
	TRY(rest_tag_uses(r, v, name, &id, &n, f));
	if (!id)
		return ERR_OK;
	x->tag_id = rest_id(r, id);
	x->tag_count = rest_id(r, n);
	return ERR_OK;
}

enum err clusters_send_one(struct http_req *r, const char *form, uint64_t id, struct str tag_name,
			   struct fail *f)
{
	OWN(sealed) struct sealed *s = NULL;
	OWN(buf) struct buf b = BUF(ANSWER_MAX);
	struct clusters_answer x = {.form = form, .clusters = &id, .n_clusters = 1};
	if (tag_name.n)
		TRY(tag_uses(r, tag_name, &x, f));
	TRY(sealed_of(r, &x, &s, f));
	TRY(rest_sealed_all(&s, &b, f));
	if (b.n)
		rest_answer(r, 200, &b);
	else
		reply_error(r, 404, "Invalid galaxy cluster");
	return ERR_OK;
}

bool clusters_find(struct http_req *r, struct str id_or_uuid, struct misp_cluster *out,
		   struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct fail why = {0};
	if (rest_view(r, &v, f) == ERR_OK &&
	    view_cluster(v, id_or_uuid, r->arena, out, &why) == ERR_OK)
		return true;
	reply_error(r, 404, "Invalid galaxy cluster");
	return false;
}

bool clusters_find_galaxy(struct http_req *r, struct str id_or_uuid, struct misp_galaxy *out)
{
	OWN(view) struct view *v = NULL;
	struct fail why = {0};
	return rest_view(r, &v, &why) == ERR_OK &&
	       view_galaxy(v, id_or_uuid, r->arena, out, &why) == ERR_OK;
}

bool clusters_editable(struct http_req *r, const struct misp_cluster *c)
{
	if (may(r, perm_site_admin) || (c->orgc_id == me(r)->user.org_id && !c->default_))
		return true;
	reply_error(r, 405, "Only the creator organisation can modify the galaxy cluster");
	return false;
}

static enum err keep(void *user, struct raw_event *raw, struct fail *f)
{
	struct raw_event **out = user;
	(void)f;
	*out = raw;
	return ERR_OK;
}

struct raw_event *clusters_of_body(struct http_req *r)
{
	struct raw_event *raw = NULL;
	struct json_read_opts o = {.root = RAW_CLUSTERS,
				   .spool_dir = api_of(r)->ingest.spool_dir};
	OWN(json_read) struct json_read *j = json_read_new(&o, keep, &raw);
	struct str b = str_trim(r->body);
	struct fail why = {0};
	enum err e = j ? ERR_OK : ERR_NOMEM;
	if (e == ERR_OK && !b.n)
		b = STR("{}");
	if (e == ERR_OK)
		e = json_read_feed(j, b.p, b.n, &why);
	if (e == ERR_OK)
		e = json_read_end(j, &why);
	if (e == ERR_OK)
		return raw;
	raw_free(raw);
	if (e == ERR_PARSE)
		reply_error(r, 405,
			    "Invalid JSON input. Make sure that the JSON input is a correctly "
			    "formatted JSON string. This request has been blocked to avoid an "
			    "unfiltered request.");
	else
		reply_err(r, e);
	return NULL;
}

struct admit_facts clusters_facts(struct http_req *r)
{
	struct admit_facts facts = rest_facts(r);
	if (facts.kind == AUD_PEER)
		facts.kind = AUD_MEMBER;
	facts.push = facts.perm_sync = false;
	return facts;
}
