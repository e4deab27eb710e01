/*
 * witness.c - gathers what a stream names until it has to be durable, then hands it to the ledger.
 * It decides nothing; what it is told has passed the gate.
 */
#include "egress/witness.h"

#include <stdio.h>
#include <stdlib.h>

#define HELD_MAX 65536u /* of a stream that is held; 3 MiB */

_Static_assert((int)SENT_WHOLE == (int)LEDGER_SENT && (int)SENT_BROKEN == (int)LEDGER_BROKEN &&
		       (int)SENT_UNKNOWN == (int)LEDGER_UNKNOWN &&
		       (int)SENT_NOTHING == (int)LEDGER_UNSENT,
	       "outcomes have the ledger's numbers");

struct witness {
	struct seal_witness seal; /* first */
	struct ledger *ledger;
	struct ledger_transfer *t;
	struct ledger_item *v; /* told, not intended yet */
	size_t n, cap;
	bool has_named;
};

static struct witness *of(const struct seal_witness *s)
{
	return CONTAINER_OF((struct seal_witness *)(uintptr_t)s, struct witness, seal);
}

static enum err intend(struct seal_witness *const *v, size_t n, struct fail *f)
{
	struct ledger *l = n ? of(v[0])->ledger : NULL;
	struct ledger_named *named = calloc(n + 1, sizeof(*named));
	size_t k = 0;
	if (!named)
		return fail(f, ERR_NOMEM, "no memory");
	for (size_t i = 0; i < n; i++) {
		const struct witness *w = of(v[i]);
		if (w->n)
			named[k++] = (struct ledger_named){w->t, w->v, w->n};
	}
	enum err e = k ? ledger_intend(l, named, k, f) : ERR_OK;
	for (size_t i = 0; i < n && e == ERR_OK; i++)
		of(v[i])->n = 0;
	free(named);
	return e;
}

static bool is_full(const struct seal_witness *s)
{
	return of(s)->n >= HELD_MAX;
}

static bool has_named(const struct seal_witness *s)
{
	return of(s)->has_named;
}

static void end(struct seal_witness *s, enum sent_outcome o, uint64_t bytes,
		const uint8_t digest[32])
{
	struct witness *w = of(s);
	ledger_end(w->t, (enum ledger_outcome)o, bytes, digest);
	free(w->v);
	free(w);
}

static const char *way(const struct audience *a)
{
	switch (a->kind) {
	case AUD_PEER:
		return a->push ? "push" : "pull";
	case AUD_FEED:
		return "feed";
	case AUD_EXPORT:
		return "export";
	case AUD_STREAM:
		return "stream";
	case AUD_NOBODY:
	case AUD_OPERATOR:
	case AUD_MEMBER:
		break;
	}
	return "other";
}

enum err witness_new(const struct view *v, const char *format, bool listing, struct witness **out,
		     struct fail *f)
{
	static const struct seal_witness_ops ops = {intend, is_full, has_named, end};
	const struct audience *a = &v->audience;
	char text[100];
	*out = NULL;
	/* a preview goes to the operator, whomever it is made for (egress_search() seals it so) */
	if (a->kind == AUD_OPERATOR || a->kind == AUD_MEMBER || v->env->tap)
		return ERR_OK;
	if (!v->env->ledger)
		return fail(f, ERR_UNSUPPORTED, "there is no ledger, so nothing is sent");
	struct witness *w = calloc(1, sizeof(*w));
	if (!w)
		return fail(f, ERR_NOMEM, "no memory");
	*w = (struct witness){.seal = {&ops}, .ledger = v->env->ledger};
	struct ledger_audience to = {(uint8_t)a->kind, a->org, str_c(a->name)};
	snprintf(text, sizeof(text), "%s/%s", way(a), format);
	enum err e = ledger_begin(w->ledger, &to, str_c(text), listing, view_policy_version(v),
				  &w->t, f);
	if (e != ERR_OK)
		free(w);
	else
		*out = w;
	return e;
}

enum err witness_name(struct witness *w, enum ledger_thing thing, struct uuid u, uint64_t id,
		      int64_t timestamp, uint64_t seq)
{
	if (!w)
		return ERR_OK;
	if (w->n == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 16;
		struct ledger_item *more = reallocarray(w->v, cap, sizeof(*more));
		if (!more)
			return ERR_NOMEM;
		w->v = more;
		w->cap = cap;
	}
	w->v[w->n++] = (struct ledger_item){.thing = (uint8_t)thing,
					    .uuid = u,
					    .id = id,
					    .timestamp = MAX(timestamp, 0),
					    .seq = seq};
	w->has_named = true;
	return ERR_OK;
}

struct seal_witness *witness_seal(struct witness *w)
{
	return w ? &w->seal : NULL;
}
