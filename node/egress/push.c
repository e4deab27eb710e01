/*
 * push.c - the document of one event for a link, and events for a published folder. The gate's
 * audience is the link or the feed; nothing is decided here.
 */
#include "base/clock.h"
#include "egress/egress.h"

enum err egress_push(const struct egress_env *env, const struct egress_push *p,
		     struct sealed **out, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct search_hit hit = {.event_id = p->event_id};
	struct query q = {.scope = SCOPE_EVENTS,
			  .with_attachments = !p->n_gone,
			  .exclude_local_tags = !p->local_tags};
	struct egress_query eq = {.query = &q,
				  .exporter = export_find(STR("json")),
				  .opts = {.scope = EXPORT_ONE_EVENT,
					   .base_url = env->base_url,
					   .host_org_name = env->host_org_name,
					   .node_uuid = store_node_uuid(env->store),
					   .now = clock_now(),
					   .push = true,
					   .push_unpublished = p->unpublished,
					   .no_related = true,
					   .no_reports = p->no_reports},
				  .hits = &hit,
				  .n_hits = 1,
				  .deleted_too = true,
				  .rules = p->rules,
				  .gone = p->gone,
				  .n_gone = p->n_gone};
	TRY(view_open(env, &p->caller, &v, f));
	return egress_search(&v, &eq, NULL, NULL, out, f);
}

enum err egress_feed(const struct egress_env *env, const struct audience *aud,
		     const struct exporter *exporter, unsigned scope, const struct search_hit *hits,
		     size_t n, struct sealed **out, struct fail *f)
{
	static const struct query query = {.with_attachments = true};
	OWN(view) struct view *v = NULL;
	struct egress_query q = {.query = &query,
				 .exporter = exporter,
				 .opts = {.scope = scope,
					  .base_url = env->base_url,
					  .host_org_name = env->host_org_name,
					  .node_uuid = store_node_uuid(env->store),
					  .no_proposals = true,
					  .metadata = exporter == &export_feed_manifest},
				 .hits = hits,
				 .n_hits = n};
	TRY(view_open_as(env, aud, &v, f));
	return egress_search(&v, &q, NULL, NULL, out, f);
}
