/*
 * ep_event_graph.c - /events/getEventGraphReferences: an event as items and relations, for whoever draws it.
 * All of it passes the gate. MISP names all tags of the installation besides, here stand those of the event.
 */
#include "api/rest.h"

static enum err event_graph(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct misp_event e;
	struct fail why = {0};
	TRY(rest_view(r, &v, f));
	enum err err = view_event(v, req_arg(r, "id"), r->arena, &e, &why);
	if (err == ERR_NOENT) {
		reply_error(r, 404, "Invalid event");
		return ERR_OK;
	}
	TRY(err);
	view_close(MOVE(v));
	struct search_hit hit = {.event_id = e.id};
	struct rest_export x = {
		.exporter = ".graph", .scope = EXPORT_ONE_EVENT, .hits = &hit, .n = 1, .full_tags = true};
	return rest_send_or(r, &x, 404, "Invalid event", f);
}

const struct endpoint ep_events_graph = {
	.methods = HTTP_GET,
	.path = "/events/getEventGraphReferences/:id",
	.run = event_graph,
	.shape = "EventGraph",
	.doc = "An event as items (attributes, objects) and relations between them",
};
