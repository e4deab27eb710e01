/*
 * cluster_push.c - galaxy clusters as MISP pushes them (sync-protocol.md 5.2): which may go over a
 * link, and the document of one.
 */
#include "egress/view.h"

static struct str push_form(void *user, const char *name)
{
	(void)user;
	return strcmp(name, "form") == 0 ? STR("push") : STR_NONE;
}

enum err egress_push_clusters(const struct egress_env *env, const struct caller *c,
			      struct str event, struct arena *a, uint64_t **ids, uint64_t *n,
			      struct fail *f)
{
	static const struct str no = {"0", 1}, yes = {"1", 1};
	struct cluster_query q = {
		.terms = {{desc_find(&desc_misp_cluster, STR("default"), NULL), &no, 1, false},
			  {desc_find(&desc_misp_cluster, STR("published"), NULL), &yes, 1, false}},
		.n_terms = 2,
		.event = event};
	OWN(view) struct view *v = NULL;
	uint64_t total;
	TRY(view_open(env, c, &v, f));
	return egress_clusters_find(v, &q, a, ids, n, &total, f);
}

enum err egress_push_clusters_held(const struct egress_env *env, const struct caller *c,
				   egress_held_fn held, void *user, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct misp_cluster row;
	uint64_t id = 0;
	char why[256];
	enum err e;
	TRY(view_open(env, c, &v, f));
	while ((e = store_next(v->txn, T_CLUSTER, &id, NULL, &row)) == ERR_OK) {
		if (row.default_ || !row.published || row.deleted)
			continue;
		struct verdict verdict = view_cluster_verdict(v, &row);
		if (verdict.outcome == GATE_RELEASE)
			continue;
		view_why(&verdict, why, sizeof(why));
		held(user, row.uuid, why);
	}
	return e == ERR_NOENT ? ERR_OK : fail(f, e, "reading galaxy clusters");
}

enum err egress_push_cluster(const struct egress_env *env, const struct caller *c, uint64_t id,
			     struct sealed **out, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct egress_clusters q = {.exporter = export_find(STR("galaxy_clusters.json")),
				    .opts = {.scope = EXPORT_CLUSTERS,
					     .base_url = env->base_url,
					     .host_org_name = env->host_org_name,
					     .param = push_form},
				    .clusters = &id,
				    .n_clusters = 1};
	if (BUG(!q.exporter))
		return fail(f, ERR_BUG, "no exporter of clusters");
	TRY(view_open(env, c, &v, f));
	return egress_clusters(&v, &q, out, f);
}
