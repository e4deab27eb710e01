/*
 * push_parts.c - which events have parts to send, and the way through the gate.
 */
#include "sync/push_parts.h"

#include "sync/push.h"


static bool has_any(const struct misp_event *e, enum element_kind k)
{
	return k == EL_PROPOSAL ? e->proposal_count != 0
				: e->sighting_count != 0 && e->sighting_timestamp > 0;
}

static enum err all_events(struct parts_push *x, const struct store_rtxn *t, struct fail *f)
{
	struct misp_event e;
	uint64_t id = 0;
	enum err err;
	while ((err = store_next(t, T_EVENT, &id, NULL, &e)) == ERR_OK)
		if (has_any(&e, x->kind))
			TRY(id_list_add(&x->ids, id, f));
	return err == ERR_NOENT ? ERR_OK : fail(f, err, "reading events");
}

static enum err marked(struct parts_push *x, const struct store_rtxn *t, struct fail *f)
{
	unsigned own = x->kind == EL_PROPOSAL ? PUSH_PROPOSAL : PUSH_SIGHTING;
	struct misp_event e;
	size_t n = 0;
	TRY(push_log_events(x->log, own | PUSH_BRINGS, &x->ids, f));
	for (size_t i = 0; i < x->ids.n; i++)
		if (store_get(t, T_EVENT, x->ids.v[i], NULL, &e) == ERR_OK && has_any(&e, x->kind))
			x->ids.v[n++] = x->ids.v[i];
	x->ids.n = n;
	return ERR_OK;
}

enum err parts_push_choose(struct parts_push *x, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	TRY(link_rules_parse(x->p->link.row.push_rules, x->p->a, &x->rules, f));
	TRY(push_log_of(x->p, &x->log, f));
	TRY(store_read(x->p->o->in->store, &t, f));
	x->all = x->kind == EL_PROPOSAL ? x->log->all_proposals : x->log->all_sightings;
	return x->all ? all_events(x, t, f) : marked(x, t, f);
}

enum err parts_push_rest(struct parts_push *x, unsigned bit, struct fail *f)
{
	OWN(id_list) struct id_list brings = {0};
	TRY(push_log_events(x->log, PUSH_BRINGS, &brings, f));
	for (size_t i = 0; i < brings.n; i++)
		if (!id_list_has(&x->ids, brings.v[i]))
			push_log_add(x->log, brings.v[i], bit);
	return ERR_OK;
}

void parts_push_free(struct parts_push *x)
{
	id_list_free(&x->ids);
}

/* Of an event that goes, or may go now, all: some may have changed while it could not. */
static const struct search_hit *some_of(const struct parts_push *x, uint64_t event_id, size_t *n)
{
	*n = 0;
	if (x->all || x->kind != EL_PROPOSAL || push_log_bits(x->log, event_id) & PUSH_BRINGS)
		return NULL;
	return push_log_proposals(x->log, event_id, n);
}

size_t parts_push_some(const struct parts_push *x, uint64_t event_id)
{
	size_t n;
	some_of(x, event_id, &n);
	return n;
}

bool parts_push_trusts(const struct parts_push *x, uint64_t event_id)
{
	return !x->all && x->p->o->technique != PASS_ONE &&
	       !(push_log_bits(x->log, event_id) & PUSH_NEW);
}

enum err parts_push_head(const struct parts_push *x, uint64_t event_id, struct arena *a,
			 struct misp_event *e, struct uuid *as, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	const struct caller caller = push_caller(x->p);
	struct verdict verdict;
	const char *why;
	TRY(view_open(x->p->o->out, &caller, &v, f));
	TRY(view_verdict(v, event_id, a, e, &verdict, f));
	if (verdict.outcome != GATE_RELEASE || !link_rules_event(&x->rules, e, &why))
		return ERR_NOENT;
	*as = egress_uuid(x->p->o->out, view_audience(v), e->uuid);
	return ERR_OK;
}

enum err parts_push_body(const struct parts_push *x, const char *exporter, const char *form,
			 uint64_t event_id, const struct part_filter *filter, struct buf *out,
			 struct receipt **receipt, struct fail *f)
{
	OWN(sealed) struct sealed *s = NULL;
	const struct caller caller = push_caller(x->p);
	const struct search_hit all = {.event_id = event_id}, *hits;
	struct part_filter page = *filter;
	size_t n;
	hits = some_of(x, event_id, &n);
	if (hits) { /* the page is cut here */
		size_t skip = MIN((size_t)page.skip, n);
		hits += skip;
		n = page.limit ? MIN(n - skip, (size_t)page.limit) : n - skip;
		page.skip = page.limit = 0;
	} else {
		hits = &all;
		n = 1;
	}
	TRY(egress_push_parts(x->p->o->out, &caller, hits, n, exporter, form, &page, &s, f));
	buf_clear(out);
	return document_text(&s, out, receipt, f);
}
