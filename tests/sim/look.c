/*
 * look.c - what every node shows to every audience, held against the model.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

static bool is_internal(const struct sim *s, const struct link_row *l)
{
	return s->host[l->at].org == s->host[l->to].org;
}

static struct ways ways_of(const struct sim *s)
{
	struct ways w = {.n = 0};
	for (unsigned i = 0; i < s->n_links; i++) {
		const struct link_row *l = &s->link[i];
		if (l->pull)
			w.l[w.n++] = (struct m_link){.from = l->to,
						      .to = l->at,
						      .internal = is_internal(s, l)};
		if (l->push)
			w.l[w.n++] = (struct m_link){.from = l->at,
						      .to = l->to,
						      .push = true,
						      .internal = is_internal(s, l)};
	}
	return w;
}

static json_t *view(struct host *h, const char *key, const char *uuid)
{
	char path[200];
	OWN(buf) struct buf b = BUF(4 << 20);
	snprintf(path, sizeof(path), "/events/view/%s/deleted[]:0/deleted[]:1", uuid);
	if (host_call(h, key, "GET", path, NULL, &b) != 200)
		return NULL;
	return json_loadb(b.p, b.n, 0, NULL);
}

static const char *text(const json_t *o, const char *key)
{
	const char *t = json_string_value(json_object_get(o, key));
	return t ? t : "";
}

static const json_t *in_list(const json_t *list, const char *uuid)
{
	const json_t *a;
	size_t i;
	json_array_foreach(list, i, a)
		if (strcmp(text(a, "uuid"), uuid) == 0)
			return a;
	return NULL;
}

/* *object: the one that it is in, or NULL. */
static const json_t *element(const json_t *event, const char *uuid, const json_t **object)
{
	const json_t *a = in_list(json_object_get(event, "Attribute"), uuid), *o;
	size_t i;
	*object = NULL;
	if (!a)
		a = in_list(json_object_get(event, "EventReport"), uuid);
	if (a)
		return a;
	json_array_foreach(json_object_get(event, "Object"), i, o) {
		*object = o;
		if ((a = in_list(json_object_get(o, "Attribute"), uuid)))
			return a;
	}
	*object = NULL;
	return NULL;
}

/* What every one is called with, deleted objects' too. */
typedef void (*element_fn)(void *user, const json_t *a, const json_t *object);

static void each_element(const json_t *event, element_fn fn, void *user)
{
	static const char *const lists[] = {"Attribute", "EventReport"};
	const json_t *a, *o;
	size_t i, k;
	for (size_t n = 0; n < ARRAY_LEN(lists); n++)
		json_array_foreach(json_object_get(event, lists[n]), i, a)
			fn(user, a, NULL);
	json_array_foreach(json_object_get(event, "Object"), i, o)
		json_array_foreach(json_object_get(o, "Attribute"), k, a)
			fn(user, a, o);
}

static const char *said(const json_t *a)
{
	return json_object_get(a, "value") ? text(a, "value") : text(a, "content");
}

static bool is_version(const json_t *a, const struct version *v)
{
	char value[40];
	snprintf(value, sizeof(value), "v%u.example", v->serial);
	return strcmp(said(a), value) == 0 &&
	       strtoll(text(a, "timestamp"), NULL, 10) == v->ts &&
	       json_is_true(json_object_get(a, "deleted")) == v->deleted;
}

static void look_el(struct sim *s, const struct host *h, const struct m_event *e,
		    const struct m_el *el, const json_t *shown, const struct ways *w)
{
	const struct model *m = &s->model;
	struct m_reach r = model_reach(m, e, el, h->nr, e->owner, w->l, w->n);
	char x = host_letter(h->nr);
	unsigned i = 0;
	if (!shown) {
		if (model_must(m, e, el, h->nr, w->l, w->n))
			sim_wrong(s, "%c lacks element %.8s of event %.8s, kind %d, level %u", x,
				  el->uuid, e->uuid, (int)el->kind, el->level);
		return;
	}
	while (i < el->n && !is_version(shown, &el->v[i]))
		i++;
	if (i == el->n)
		sim_wrong(s, "%c shows element %.8s as it never was: %s at %s", x, el->uuid,
			  said(shown), text(shown, "timestamp"));
	else if (!model_may(m, e, el, &el->v[i], h->nr, w->l, w->n))
		sim_wrong(s, "%c shows element %.8s of event %.8s as v%u at %lld by %c, which is %s", x,
			  el->uuid, e->uuid, el->v[i].serial, (long long)el->v[i].ts,
			  host_letter(el->v[i].author),
			  r.may_with || h->nr == e->owner ? "not the newest" : "not for it");
	unsigned level = (unsigned)strtoul(text(shown, "distribution"), NULL, 10);
	if (!(r.levels >> level & 1))
		sim_wrong(s, "%c has element %.8s with distribution %u", x, el->uuid, level);
}

struct every {
	struct sim *s;
	const struct host *h;
	const struct m_event *e;
	const json_t *stored, *shown;
	unsigned reader, n;
	bool owns;
};

static void look_known(void *user, const json_t *a, const json_t *object)
{
	const struct every *v = user;
	unsigned k = 0;
	while (k < v->e->n && strcmp(text(a, "uuid"), v->e->el[k].uuid) != 0)
		k++;
	if (k == v->e->n)
		sim_wrong(v->s, "%c shows element %.8s, which nobody made", host_letter(v->h->nr),
			  text(a, "uuid"));
	else if (!object != (v->e->el[k].kind != M_IN_OBJECT))
		sim_wrong(v->s, "%c has element %.8s in another place", host_letter(v->h->nr),
			  text(a, "uuid"));
}

/* The administrator of the host sees all that it has. */
static void look_event(struct sim *s, struct host *h, const struct m_event *e, const json_t *shown,
		       const struct ways *w)
{
	struct m_reach r = model_reach(&s->model, e, NULL, h->nr, e->owner, w->l, w->n);
	struct every v = {.s = s, .h = h, .e = e};
	const json_t *object;
	char x = host_letter(h->nr), info[20];
	if (!shown) {
		if (r.clean)
			sim_wrong(s, "%c lacks event %.8s of %c", x, e->uuid, host_letter(e->owner));
		return;
	}
	if (!r.may || e->gone >> h->nr & 1) {
		sim_wrong(s, "%c has event %.8s of %c, which %s", x, e->uuid, host_letter(e->owner),
			  r.may ? "it has deleted" : "is not for it");
		return;
	}
	unsigned level = (unsigned)strtoul(text(shown, "distribution"), NULL, 10);
	if (!(r.levels >> level & 1))
		sim_wrong(s, "%c has event %.8s with distribution %u", x, e->uuid, level);
	snprintf(info, sizeof(info), "i%u", e->info);
	if (r.clean && strcmp(text(shown, "info"), info) != 0)
		sim_wrong(s, "%c has event %.8s as %s, not %s", x, e->uuid, text(shown, "info"), info);
	if (json_is_true(json_object_get(shown, "locked")) != (h->nr != e->owner))
		sim_wrong(s, "%c has event %.8s with the wrong lock", x, e->uuid);
	for (unsigned k = 0; k < e->n; k++)
		look_el(s, h, e, &e->el[k], element(shown, e->el[k].uuid, &object), w);
	each_element(shown, look_known, &v);
}

static unsigned level_of(const json_t *o)
{
	return (unsigned)strtoul(text(o, "distribution"), NULL, 10);
}

static bool reads(const struct every *v, const json_t *o, bool may)
{
	return v->owns ||
	       model_reads(&v->s->model, v->e, level_of(o), v->reader, v->h->nr, may);
}

static void look_read(void *user, const json_t *a, const json_t *object)
{
	struct every *v = user;
	const json_t *in, *b = element(v->shown, text(a, "uuid"), &in);
	char x = host_letter(v->h->nr), y = host_letter(v->reader);
	bool due = reads(v, a, !!b) && (!object || reads(v, object, !!b));
	v->n += b != NULL;
	if (!b == due)
		sim_wrong(v->s, "%c %s element %.8s of distribution %u%s%s %s %c", x,
			  b ? "shows" : "hides", text(a, "uuid"), level_of(a),
			  object ? " in an object of " : "",
			  object ? text(object, "distribution") : "", b ? "to" : "from", y);
	else if (b && strcmp(said(a), said(b)) != 0)
		sim_wrong(v->s, "%c shows element %.8s to %c as %s", x, text(a, "uuid"), y, said(b));
}

static void count_one(void *user, const json_t *a, const json_t *object)
{
	unsigned *n = user;
	(void)a, (void)object;
	++*n;
}

/* A reader of another organisation sees what the stored levels allow, and not one element more. */
static void look_reader(struct sim *s, struct host *h, unsigned reader, const struct m_event *e,
			const json_t *stored, const json_t *shown)
{
	char x = host_letter(h->nr), y = host_letter(reader);
	struct every v = {.s = s, .h = h, .e = e, .stored = stored, .shown = shown, .reader = reader};
	unsigned n = 0;
	/* who pushed it owns the copy, as in MISP, and sees all of it */
	v.owns = strcmp(text(json_object_get(stored, "Org"), "uuid"),
			host_org_uuid(s->host[reader].org)) == 0;
	bool for_reader = stored && reads(&v, stored, !!shown);
	if (!shown) {
		if (for_reader)
			sim_wrong(s, "%c hides event %.8s from %c", x, e->uuid, y);
		return;
	}
	if (!for_reader) {
		sim_wrong(s, "%c shows event %.8s to %c", x, e->uuid, y);
		return;
	}
	each_element(stored, look_read, &v);
	each_element(shown, count_one, &n);
	if (n > v.n)
		sim_wrong(s, "%c shows elements of %.8s to %c that it does not have", x, e->uuid, y);
}

void look_all(struct sim *s)
{
	struct ways w = ways_of(s);
	for (unsigned i = 0; i < s->n; i++) {
		struct host *h = &s->host[i];
		sim_clock_of(s, h);
		for (unsigned k = 0; k < s->model.n; k++) {
			const struct m_event *e = &s->model.ev[k];
			json_t *all = view(h, NULL, e->uuid);
			const json_t *stored = json_object_get(all, "Event");
			look_event(s, h, e, stored, &w);
			for (unsigned r = 0; r < s->n; r++) {
				if (r == i)
					continue;
				json_t *part = view(h, s->key[r][i], e->uuid);
				look_reader(s, h, r, e, stored, json_object_get(part, "Event"));
				json_decref(part);
			}
			json_decref(all);
		}
	}
	look_things(s, &w);
}
