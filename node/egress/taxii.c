/*
 * taxii.c - which events stand on a page of a TAXII collection, asked one by one while the page is made: each
 * that the gate lets go for who asks, in the order of the change log.
 */
#include "feeds/export/taxii.h"

#include "base/clock.h"
#include "egress/order.h"
#include "egress/run.h"

#define LOOK_EACH 256 /* how often a long walk looks whether it should end */

static bool tagged(const struct egress_taxii *q, const struct misp_event *e)
{
	LIST_EACH(t, e->tags, struct misp_tagref)
		for (size_t i = 0; i < q->n_tags; i++)
			if (t->tag_id == q->tags[i] && q->vis.tag(q->vis.user, e, t))
				return true;
	return false;
}

static bool one_of(const struct egress_taxii *q, uint64_t id)
{
	for (size_t i = 0; i < q->n_events; i++)
		if (q->events[i] == id)
			return true;
	return q->events == NULL;
}

/*
 * An event that opened by time has two rows, and one date for who asks: the later of the two times that he
 * could notice.
 */
static bool row_counts(const struct egress_taxii *q, const struct order_row *row)
{
	int64_t opened = q->vis.opened ? q->vis.opened(q->vis.user, row->event_id) : 0;
	bool later = opened > row->published;
	return row->opened ? later : !later || !row->again;
}

/* Is it in the collection, for who asks? */
static bool in_collection(const struct egress_taxii *q, struct view *v, const struct order_row *row)
{
	struct misp_event e;
	struct arena_mark m = arena_mark(v->scratch);
	bool yes = store_get(v->txn, T_EVENT, row->event_id, v->scratch, &e) == ERR_OK && e.published &&
		   (!q->sharing_group_id || (e.distribution == DIST_GROUP &&
					     e.sharing_group_id == q->sharing_group_id)) &&
		   (!q->tagged || tagged(q, &e)) && q->vis.event(q->vis.user, &e) &&
		   row_counts(q, row);
	arena_rewind(v->scratch, m);
	return yes;
}

static bool should_end(const struct search_how *h)
{
	return (h->gone && h->gone(h->user)) || (h->until_ms && clock_boot_ms() > h->until_ms);
}

static int64_t date_of(const struct taxii_cursor *c)
{
	return c->second * 1000000 + MIN(c->nth, 1000000u) - 1;
}

static bool next_event(void *user, struct view *v, struct search_hit *out, struct export_place *from)
{
	struct egress_taxii *q = user;
	struct taxii_page *p = q->page;
	struct order_row row;
	const struct taxii_place begin = p->from;
	p->from = (struct taxii_place){0};
	for (unsigned n = 1; order_next(q->order, q->seq, &row); n++) {
		if (n % LOOK_EACH == 0 && should_end(&q->how)) {
			q->broken_off = p->more = true;
			return false;
		}
		if (row.seq > q->until || row.clock == q->now)
			return false;
		if (row.second != q->at.second)
			q->at.nth = 0;
		q->seq = row.seq;
		q->at.second = row.second;
		q->at.event_id = row.event_id;
		if (!in_collection(q, v, &row))
			continue;
		q->at.nth++;
		p->event_us = date_of(&q->at);
		if ((row.second == q->passed.second && q->at.nth <= q->passed.nth) ||
		    p->event_us <= q->after_us || !one_of(q, row.event_id))
			continue;
		*out = (struct search_hit){.event_id = row.event_id};
		if (q->jump) {
			q->jump = false;
			p->from = begin;
			*from = begin.at;
		}
		return true;
	}
	return false;
}

/* Where the page before ended. An event to which something happened since has gone from there. */
static void go_on(struct egress_taxii *q)
{
	struct order_row row;
	q->at = q->from;
	if (order_find(q->order, q->from.event_id, &row) && row.second == q->from.second) {
		q->seq = row.seq - q->from.inside; /* if inside, it comes again */
		q->at.nth -= q->from.inside && q->at.nth;
		q->jump = q->from.inside;
		return;
	}
	q->seq = order_since(q->order, q->from.second);
	q->at.nth = 0;
	q->passed = q->from;
	q->passed.nth -= q->from.inside && q->from.nth;
}

/* Dates count from the beginning of a second: that is where to begin. */
static void go_to_begin(struct egress_taxii *q)
{
	int64_t second = q->events ? INT64_MAX : 0;
	struct order_row row;
	q->until = q->events ? 0 : UINT64_MAX;
	for (size_t i = 0; i < q->n_events; i++)
		if (order_find(q->order, q->events[i], &row)) {
			second = MIN(second, row.published);
			q->until = MAX(q->until, row.seq);
		}
	if (q->has_from)
		go_on(q);
	else
		q->seq = order_since(q->order, MAX(second, q->after_us / 1000000));
}

/*
 * A second is told when it is over: an event that leaves it (for a later publication, or for good) moves those
 * behind it up, and what then came would have a date that somebody has seen already.
 */
enum err egress_taxii(struct view **v, struct egress_taxii *q, struct sealed **out, struct fail *f)
{
	struct egress_query eq = {.exporter = &export_taxii,
				  .opts = q->opts,
				  .next_hit = next_event,
				  .next_user = q,
				  .deleted_too = true,
				  .allowed_list = true};
	TRY(order_follow(q->order, (*v)->txn, f));
	q->vis = view_visible(*v);
	q->now = clock_now();
	go_to_begin(q);
	eq.opts.taxii = q->page;
	eq.opts.scope = EXPORT_EVENTS;
	eq.opts.include_sightings = eq.opts.include_analyst = true;
	eq.opts.no_proposals = eq.opts.no_related = true;
	return egress_search(v, &eq, NULL, NULL, out, f);
}

enum err egress_taxii_event(const struct egress_env *env, const struct egress_taxii_event *q,
			    struct sealed **out, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	const struct search_hit hit = {.event_id = q->event_id};
	struct egress_query eq = {.exporter = &export_taxii,
				  .hits = &hit,
				  .n_hits = 1,
				  .deleted_too = true,
				  .allowed_list = true,
				  .opts = {.scope = EXPORT_EVENTS,
					   .base_url = env->base_url,
					   .host_org_name = env->host_org_name,
					   .node_uuid = store_node_uuid(env->store),
					   .now = clock_now(),
					   .include_sightings = true,
					   .include_analyst = true,
					   .no_proposals = true,
					   .no_related = true,
					   .stix_told = q->told,
					   .stix_told_user = q->user}};
	TRY(view_open_as(env, q->aud, &v, f));
	return egress_search(&v, &eq, NULL, NULL, out, f);
}

enum err egress_export_audience(const struct egress_env *env, struct str name, struct audience *out,
				struct fail *f)
{
	struct policy *p = env->policy(env->user);
	enum err e = policy_audience_named(p, name, out);
	policy_unref(p);
	if (e == ERR_OK && out->kind != AUD_EXPORT && out->kind != AUD_STREAM && out->kind != AUD_FEED)
		e = ERR_NOENT;
	return e == ERR_OK ? e : fail(f, ERR_NOENT, "the policy has no audience %.*s to which things are exported",
				      STR_ARG(name));
}
