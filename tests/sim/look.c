/*
 * look.c - what every node shows to every audience, held against the model.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

static struct ways ways_of(const struct sim *s)
{
	struct ways w = {.n = 0};
	for (unsigned i = 0; i < s->n_links; i++) {
		const struct link_row *l = &s->link[i];
		if (l->pull)
			w.l[w.n++] = (struct m_link){.from = l->to, .to = l->at};
		if (l->push)
			w.l[w.n++] = (struct m_link){.from = l->at, .to = l->to, .push = true};
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

static const json_t *element(const json_t *event, const char *uuid)
{
	const json_t *a;
	size_t i;
	json_array_foreach(json_object_get(event, "Attribute"), i, a)
		if (strcmp(text(a, "uuid"), uuid) == 0)
			return a;
	return NULL;
}

static bool is_version(const json_t *a, const struct version *v)
{
	char value[40];
	snprintf(value, sizeof(value), "v%u.example", v->serial);
	return strcmp(text(a, "value"), value) == 0 &&
	       strtoll(text(a, "timestamp"), NULL, 10) == v->ts &&
	       json_is_true(json_object_get(a, "deleted")) == v->deleted;
}

static void look_el(struct sim *s, const struct host *h, const struct m_event *e,
		    const struct m_el *el, const json_t *shown, const struct ways *w)
{
	char x = host_letter(h->nr);
	unsigned i = 0;
	if (!shown) {
		if (model_must(e, el, h->nr, w->l, w->n))
			sim_wrong(s, "%c lacks element %.8s of event %.8s", x, el->uuid, e->uuid);
		return;
	}
	while (i < el->n && !is_version(shown, &el->v[i]))
		i++;
	if (i == el->n)
		sim_wrong(s, "%c shows element %.8s as it never was: %s at %s", x, el->uuid,
			  text(shown, "value"), text(shown, "timestamp"));
	else if (!model_may(e, el, &el->v[i], h->nr, w->l, w->n))
		sim_wrong(s, "%c shows element %.8s of event %.8s as v%u at %lld by %c, which is %s", x,
			  el->uuid, e->uuid, el->v[i].serial, (long long)el->v[i].ts,
			  host_letter(el->v[i].author),
			  model_reach(e, el, h->nr, e->owner, w->l, w->n).with || h->nr == e->owner
				  ? "not the newest"
				  : "not for it");
	unsigned level = (unsigned)strtoul(text(shown, "distribution"), NULL, 10);
	if (!(model_reach(e, el, h->nr, e->owner, w->l, w->n).levels >> level & 1))
		sim_wrong(s, "%c has element %.8s with distribution %u", x, el->uuid, level);
}

/* The administrator of the host sees all that it has. */
static void look_event(struct sim *s, struct host *h, const struct m_event *e, const json_t *shown,
		       const struct ways *w)
{
	struct m_reach r = model_reach(e, NULL, h->nr, e->owner, w->l, w->n);
	char x = host_letter(h->nr), info[20];
	const json_t *a;
	size_t i;
	if (!shown) {
		if (r.paths)
			sim_wrong(s, "%c lacks event %.8s of %c", x, e->uuid, host_letter(e->owner));
		return;
	}
	if (!r.paths) {
		sim_wrong(s, "%c has event %.8s of %c, which is not for it", x, e->uuid,
			  host_letter(e->owner));
		return;
	}
	unsigned level = (unsigned)strtoul(text(shown, "distribution"), NULL, 10);
	if (!(r.levels >> level & 1))
		sim_wrong(s, "%c has event %.8s with distribution %u", x, e->uuid, level);
	snprintf(info, sizeof(info), "i%u", e->info);
	if (strcmp(text(shown, "info"), info) != 0)
		sim_wrong(s, "%c has event %.8s as %s, not %s", x, e->uuid, text(shown, "info"), info);
	if (json_is_true(json_object_get(shown, "locked")) != (h->nr != e->owner))
		sim_wrong(s, "%c has event %.8s with the wrong lock", x, e->uuid);
	for (unsigned k = 0; k < e->n; k++)
		look_el(s, h, e, &e->el[k], element(shown, e->el[k].uuid), w);
	json_array_foreach(json_object_get(shown, "Attribute"), i, a) {
		unsigned k = 0;
		while (k < e->n && strcmp(text(a, "uuid"), e->el[k].uuid) != 0)
			k++;
		if (k == e->n)
			sim_wrong(s, "%c shows element %.8s, which nobody made", x, text(a, "uuid"));
	}
}

static unsigned level_of(const json_t *o)
{
	return (unsigned)strtoul(text(o, "distribution"), NULL, 10);
}

/* A reader of another organisation sees what the stored levels allow, and not one element more. */
static void look_reader(struct sim *s, struct host *h, unsigned reader, const struct m_event *e,
			const json_t *stored, const json_t *shown)
{
	char x = host_letter(h->nr), y = host_letter(reader);
	/* who pushed it owns the copy, as in MISP, and sees all of it */
	bool owns = strcmp(text(json_object_get(stored, "Org"), "uuid"), host_org_uuid(reader)) == 0;
	bool for_reader = stored && (owns || level_of(stored) >= 1);
	const json_t *a;
	size_t i;
	if (!shown) {
		if (for_reader)
			sim_wrong(s, "%c hides event %.8s from %c", x, e->uuid, y);
		return;
	}
	if (!for_reader) {
		sim_wrong(s, "%c shows event %.8s to %c", x, e->uuid, y);
		return;
	}
	json_array_foreach(json_object_get(stored, "Attribute"), i, a) {
		const json_t *b = element(shown, text(a, "uuid"));
		if (!b == (owns || level_of(a) >= 1))
			sim_wrong(s, "%c %s element %.8s of distribution %u %s %c", x,
				  b ? "shows" : "hides", text(a, "uuid"), level_of(a),
				  b ? "to" : "from", y);
		else if (b && strcmp(text(a, "value"), text(b, "value")) != 0)
			sim_wrong(s, "%c shows element %.8s to %c as %s", x, text(a, "uuid"), y,
				  text(b, "value"));
	}
	if (json_array_size(json_object_get(shown, "Attribute")) >
	    json_array_size(json_object_get(stored, "Attribute")))
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
