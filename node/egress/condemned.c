/*
 * condemned.c - does an element of an event withhold the whole of it (rules with effect deny_event)?
 *
 * Its elements are read until one does, for events that would leave otherwise, and the answer is kept
 * as long as nothing is written.
 */
#include "base/own.h"
#include "egress/view.h"
#include "model/pack.h"

#define ROW_ARENA (8u << 20)

struct asking {
	struct view *view;
	const struct subject *s;
	struct arena *row;
	struct misp_object object; /* that the attributes at hand stand in */
	struct str rule;
};

static enum err ask(struct asking *q, const struct rel_element *el)
{
	q->rule = gate_condemns(&q->view->gate, &q->s->s, el);
	return ERR_OK;
}

static enum err ask_attr(struct asking *q, const struct el_key *key, struct misp_attr *a)
{
	struct rel_element el = {.kind = EL_ATTR, .attr = a};

	if (key->parent && key->parent != q->object.id)
		TRY(store_el_get(q->view->txn, EL_OBJECT, (struct el_key){key->body, 0, key->parent},
				 NULL, &q->object));
	el.in_object = key->parent ? &q->object : NULL;
	TRY(view_resolve_tags(q->view, q->row, &a->tags));
	return ask(q, &el);
}

static enum err ask_all(struct asking *q, enum element_kind kind)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct el_key from = {.body = q->s->event.body}, key;

	TRY(store_el_iter_new(q->view->txn, kind, from, false, &it));
	while (!q->rule.n) {
		struct rel_element el = {.kind = kind};
		union {
			struct misp_attr attr;
			struct misp_object object;
			struct misp_report report;
			struct misp_proposal proposal;
		} row;
		enum err e;

		arena_reset(q->row);
		e = store_el_iter_next(it, q->row, &key, &row);
		if (e != ERR_OK)
			return e == ERR_NOENT ? ERR_OK : e;
		el.object = kind == EL_OBJECT ? &row.object : NULL;
		el.report = kind == EL_REPORT ? &row.report : NULL;
		el.proposal = kind == EL_PROPOSAL ? &row.proposal : NULL;
		TRY(kind == EL_ATTR ? ask_attr(q, &key, &row.attr) : ask(q, &el));
	}
	return ERR_OK;
}

static enum err read_elements(struct view *v, const struct subject *s, struct str *rule)
{
	static const enum element_kind kinds[] = {EL_ATTR, EL_OBJECT, EL_REPORT, EL_PROPOSAL};
	OWN(arena) struct arena *row = arena_new(ROW_ARENA);
	struct asking q = {.view = v, .s = s, .row = row};

	if (!row)
		return ERR_NOMEM;
	for (size_t i = 0; i < ARRAY_LEN(kinds) && !q.rule.n; i++)
		TRY(ask_all(&q, kinds[i]));
	*rule = q.rule; /* of the policy, which the view holds */
	return ERR_OK;
}

enum err view_condemned(struct view *v, struct subject *s)
{
	struct condemned_slot *slot = &v->condemned[s->event.id % CONDEMNED_SLOTS];
	uint64_t seq = store_seq(v->txn);

	if (!gate_asks_elements(&v->gate, &s->s))
		return ERR_OK;
	s->s.elements_asked = true;
	if (slot->id == s->event.id && slot->seq == seq && slot->now == v->facts.now) {
		s->s.condemned_by = slot->rule;
		return ERR_OK;
	}
	if (gate_judge(&v->gate, &s->s).outcome != GATE_RELEASE)
		return ERR_OK;
	TRY(read_elements(v, s, &s->s.condemned_by));
	*slot = (struct condemned_slot){s->event.id, seq, v->facts.now, s->s.condemned_by};
	return ERR_OK;
}
