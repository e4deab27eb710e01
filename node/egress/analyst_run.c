/*
 * analyst_run.c - analyst data that leaves on its own: rows, slice by slice, each judged with what it
 * is about, cut, and handed to the exporter.
 */
#include <stdlib.h>

#include "egress/run.h"
#include "gate/seal.h"
#include "metrics/metrics.h"
#include "model/datetime.h"

#define ROW_ARENA (256u << 20)
#define CHUNK_MAX (256u << 20)

struct analyst_run {
	struct view *view;
	struct witness *witness;
	struct analyst_query q;
	struct export_run out;
	struct arena *arena; /* of the current row */
	unsigned exporter_number; /* in export_rows, for metrics */
	unsigned kind;
	uint64_t at; /* last id of this kind, or how many of q.ids are through */
	bool begun, done;
};

static bool in_uuids(const struct uuid *v, size_t n, struct uuid u)
{
	for (size_t i = 0; i < n; i++)
		if (uuid_eq(v[i], u))
			return true;
	return false;
}

static bool wanted(const struct analyst_run *r, const struct misp_analyst *row)
{
	if (row->kind != r->kind || in_uuids(r->q.not_orgc, r->q.n_not_orgc, row->orgc_uuid))
		return false;
	return !r->q.orgc || in_uuids(r->q.orgc, r->q.n_orgc, row->orgc_uuid);
}

/* The next row of this kind; ERR_NOENT at the end. */
static enum err next_row(struct analyst_run *r, struct misp_analyst *row)
{
	if (!r->q.ids)
		return store_next(r->view->txn, T_ANALYST, &r->at, NULL, row);
	while (r->at < r->q.n_ids) {
		enum err e = store_get(r->view->txn, T_ANALYST, r->q.ids[r->at++], NULL, row);
		if (e != ERR_NOENT)
			return e;
	}
	return ERR_NOENT;
}

/* It is not the event that it is about; `modified` is its version. */
static enum err name(struct analyst_run *r, const struct misp_analyst *row)
{
	int64_t us = 0;
	int east;

	if (!datetime_read(row->modified, &us, &east))
		us = 0;
	return witness_name(r->witness, LEDGER_THING_ANALYST, row->uuid, row->id, us / 1000000,
			    store_seq(r->view->txn));
}

static enum err one_row(struct analyst_run *r, const struct misp_analyst *row)
{
	static const struct rel_event no_event;
	struct analyst_about about;
	struct rel_analyst in;
	enum err e = view_analyst_about(r->view, row, r->arena, &about);

	/* what it is about went away meanwhile: not to be judged, so nobody gets it */
	if (e == ERR_NOENT)
		return ERR_OK;
	TRY(e);
	TRY(view_analyst_fill(r->view, row, r->arena, &in));
	if (r->q.answers)
		TRY(view_analyst_of(r->view, row->uuid, r->arena, &in.children, &in.n_children));
	struct rel_element el = {.kind = EL_ANALYST, .n_analyst = 1};
	el.analyst = gate_release_one_analyst(&r->view->gate, &about, &in, r->arena);
	if (!el.analyst) {
		metric_add(M_GATE_WITHHELD, RULE_element_distribution, 0, 1);
		return ERR_OK;
	}
	metric_add(M_GATE_RELEASED, r->exporter_number, 0, 1);
	TRY(name(r, row));
	TRY(r->q.exporter->element(&r->out, &no_event, &el));
	return buf_err(seal_buf(r->out.out));
}

static enum err step(struct analyst_run *r)
{
	struct misp_analyst row;
	enum err e;

	if (r->kind == ANALYST_KINDS) {
		r->done = true;
		return r->q.exporter->end ? r->q.exporter->end(&r->out) : ERR_OK;
	}
	e = r->q.kinds & 1u << r->kind ? next_row(r, &row) : ERR_NOENT;
	if (e == ERR_NOENT) {
		r->kind++;
		r->at = 0;
		return ERR_OK;
	}
	TRY(e);
	if (!wanted(r, &row))
		return ERR_OK;
	arena_reset(r->arena);
	return one_row(r, &row);
}

static enum err produce(void *user, struct seal_writer *w, size_t want, bool *end, struct fail *f)
{
	struct analyst_run *r = user;
	struct buf *out = seal_buf(w);
	size_t before = out->n;
	r->out.out = w;
	enum err e = view_reopen(r->view, f);
	if (e == ERR_OK && !r->begun && r->q.exporter->begin)
		e = r->q.exporter->begin(&r->out);
	r->begun = true;
	while (e == ERR_OK && out->n < want && !r->done) {
		e = step(r);
		if (e == ERR_OK)
			e = buf_err(out);
	}
	*end = r->done;
	view_pause(r->view);
	if (e == ERR_OK)
		metric_add(M_GATE_BYTES, r->exporter_number, 0, (int64_t)(out->n - before));
	return e == ERR_OK ? e : fail(f, e, "reading analyst data");
}

static void run_free(void *user)
{
	struct analyst_run *r = user;
	if (!r)
		return;
	if (r->q.exporter->free_state && r->out.state)
		r->q.exporter->free_state(r->out.state);
	free(r->out.state);
	view_close(r->view);
	arena_free(r->arena);
	free(r);
}

enum err egress_analyst(struct view **v, const struct analyst_query *q, struct sealed **out,
			struct fail *f)
{
	struct analyst_run *r = calloc(1, sizeof(*r));
	*out = NULL;
	if (!r)
		return fail(f, ERR_NOMEM, "no memory");
	r->q = *q;
	r->view = MOVE(*v);
	r->arena = arena_new(ROW_ARENA);
	r->out.state = calloc(1, q->exporter->state_size + 1);
	r->out.opts = &r->q.opts;
	while (export_rows[r->exporter_number] && export_rows[r->exporter_number] != q->exporter)
		r->exporter_number++;
	if (!r->arena || !r->out.state) {
		run_free(r);
		return fail(f, ERR_NOMEM, "no memory");
	}
	view_pause(r->view);
	enum err e = witness_new(r->view, q->exporter->name, false, &r->witness, f);
	if (e != ERR_OK) {
		run_free(r);
		return e;
	}
	struct seal_source src = {produce, run_free, r};
	struct audience aud = r->view->audience;
	*out = sealed_new(&aud, q->exporter->media, &src, witness_seal(r->witness), CHUNK_MAX);
	return *out ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
}
