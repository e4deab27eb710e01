/*
 * two_keys.c - which changes of tags loosen an embargo or approve a release.
 */
#include "ingest/two_keys.h"

#include <stdio.h>

#include "base/own.h"
#include "gate/gate.h"
#include "ingest/ctx.h"

static const struct misp_tagref *find(const struct entity_list *l, uint64_t tag_id)
{
	LIST_EACH(t, *l, struct misp_tagref)
		if (t->tag_id == tag_id)
			return t;
	return NULL;
}

/* A copy with the names of the tag table. A tag that is gone means nothing. */
static enum err resolve(struct store_wtxn *w, const struct entity_list *in, struct arena *a,
			struct entity_list *out)
{
	struct misp_tagref *v = ARENA_ARRAY(a, struct misp_tagref, in->n + 1);
	uint32_t n = 0;
	if (!v)
		return ERR_LIMIT;
	LIST_EACH(t, *in, struct misp_tagref) {
		struct misp_tag row;
		enum err e = store_get(store_view(w), T_TAG, t->tag_id, NULL, &row);
		if (e == ERR_NOENT)
			continue;
		TRY(e);
		v[n] = *t;
		v[n].name = arena_str(a, row.name); /* lent until the next write */
		if (!v[n++].name.p)
			return ERR_LIMIT;
	}
	*out = (struct entity_list){v, n};
	return ERR_OK;
}

static bool differ(const struct entity_list *a, const struct entity_list *b)
{
	if (a->n != b->n)
		return true;
	LIST_EACH(t, *a, struct misp_tagref)
		if (!find(b, t->tag_id))
			return true;
	return false;
}

static void want(const struct tag_change *c, const struct misp_tagref *t, bool attach,
		 struct two_keys *out)
{
	struct two_keys_want *x = &out->v[MIN(out->n, WANTS_MAX - 1u)];
	out->event_id = c->event->id;
	out->event_uuid = c->event->uuid;
	out->orgc_id = c->event->orgc_id;
	*x = (struct two_keys_want){attach, t->local, c->attr_id, c->attr_uuid, ""};
	snprintf(x->tag, sizeof(x->tag), "%.*s", STR_ARG(t->name));
	out->n = MIN(out->n + 1, WANTS_MAX);
}

static void put_back(struct entity_list *l, const struct misp_tagref *t, struct arena *a)
{
	struct misp_tagref *v = ARENA_ARRAY(a, struct misp_tagref, l->n + 1);
	if (!v)
		return;
	if (l->n)
		memcpy(v, l->v, l->n * sizeof(*v));
	v[l->n] = *t;
	*l = (struct entity_list){v, l->n + 1};
}

static void take_out(struct entity_list *l, uint64_t tag_id)
{
	struct misp_tagref *v = l->v;
	uint32_t n = 0;
	for (uint32_t i = 0; i < l->n; i++)
		if (v[i].tag_id != tag_id)
			v[n++] = v[i];
	l->n = n;
}

enum err two_keys_check(const struct ingest_env *env, struct store_wtxn *w,
			const struct tag_change *c, bool undo, struct two_keys *out, struct fail *f)
{
	struct entity_list before, after;
	bool trusted = false;
	int64_t now;
	if (!differ(c->before, c->after))
		return ERR_OK;
	if (resolve(w, c->before, c->a, &before) != ERR_OK ||
	    resolve(w, c->after, c->a, &after) != ERR_OK)
		return fail(f, ERR_LIMIT, "the tags of event %llu", (unsigned long long)c->event->id);
	now = env->now ? env->now(env->user, &trusted) : INT64_MIN;
	if (!trusted)
		now = INT64_MIN; /* no embargo is known to be over */
	OWN(policy) struct policy *p = env->policy(env->user);
	LIST_EACH(t, before, struct misp_tagref) {
		if (find(&after, t->tag_id) || !gate_tag_loosens(p, t, false, &after, now))
			continue;
		if (undo)
			put_back(c->after, t, c->a);
		else
			want(c, t, false, out);
		if (undo && !find(c->after, t->tag_id))
			return fail(f, ERR_LIMIT, "no memory");
	}
	LIST_EACH(t, after, struct misp_tagref) {
		if (c->attr_id || find(&before, t->tag_id) ||
		    !gate_tag_loosens(p, t, true, &after, now))
			continue;
		if (undo)
			take_out(c->after, t->tag_id);
		else
			want(c, t, true, out);
	}
	return ERR_OK;
}
