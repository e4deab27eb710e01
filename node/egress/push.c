/*
 * push.c - the document of one event for a link. The gate's audience is the link; nothing is decided
 * here.
 */
#include "base/clock.h"
#include "egress/egress.h"

enum err egress_push(const struct egress_env *env, const struct egress_push *p,
		     struct sealed **out, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct search_hit hit = {.event_id = p->event_id};
	struct query q = {.scope = SCOPE_EVENTS,
			  .with_attachments = true,
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
				  .rules = p->rules};
	TRY(view_open(env, &p->caller, &v, f));
	return egress_search(&v, &eq, NULL, NULL, out, f);
}
