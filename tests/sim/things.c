/*
 * things.c - what travels beside events: sightings, proposals, clusters and notes. They are made once
 * and never changed, so that the model is short: whatever way there is, they have come over it.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/setup.h"
#include "tests/sim/sim.h"

static const char *const kinds[] = {[THING_SIGHTING] = "sighting",
				    [THING_PROPOSAL] = "proposal",
				    [THING_CLUSTER] = "cluster",
				    [THING_NOTE] = "note"};

/* A member of a member of an answer. */
static bool take(const struct buf *b, const char *outer, const char *inner, char out[40])
{
	json_t *j = json_loadb(b->p ? b->p : "", b->n, 0, NULL);
	const json_t *o = json_is_array(j) ? json_array_get(j, 0) : j;
	const char *t = json_string_value(json_object_get(json_object_get(o, outer), inner));
	bool good = t && strlen(t) < 40;
	if (good)
		memcpy(out, t, strlen(t) + 1);
	json_decref(j);
	return good;
}

/* ---- making them ---- */

static long make_sighting(struct host *h, const struct m_thing *t, const struct m_event *e,
			  struct buf *b)
{
	char path[200], body[200];
	snprintf(path, sizeof(path), "/sightings/add/%s", e->el[0].uuid);
	snprintf(body, sizeof(body), "{\"uuid\":\"%s\",\"type\":\"0\",\"source\":\"sim\"}", t->uuid);
	return host_call(h, NULL, "POST", path, body, b);
}

/* A node of another organisation; the host itself when there is none. */
static unsigned other_org(const struct sim *s, unsigned host)
{
	for (unsigned i = 1; i < s->n; i++)
		if (s->host[(host + i) % s->n].org != s->host[host].org)
			return (host + i) % s->n;
	return host;
}

/* By somebody of another organisation, who may see the event. */
static long make_proposal(struct sim *s, struct host *h, const struct m_thing *t,
			  const struct m_event *e, struct buf *b)
{
	char path[200], body[200];
	snprintf(path, sizeof(path), "/shadow_attributes/add/%s", e->uuid);
	snprintf(body, sizeof(body),
		 "{\"uuid\":\"%s\",\"type\":\"domain\",\"category\":\"Network activity\","
		 "\"value\":\"p%u.example\"}",
		 t->uuid, ++s->model.last_serial);
	return host_call(h, s->key[other_org(s, t->author)][t->author], "POST", path, body, b);
}

static long make_cluster(struct sim *s, struct host *h, const struct m_thing *t, struct buf *b)
{
	char body[400], path[100], id[40];
	snprintf(body, sizeof(body),
		 "{\"GalaxyCluster\":{\"uuid\":\"%s\",\"value\":\"c%u\",\"description\":\"d\",\"distribution\":\"%u\","
		 "\"source\":\"sim\",\"authors\":[\"sim\"],\"GalaxyElement\":[]}}",
		 t->uuid, ++s->model.last_serial, t->level);
	long st = host_call(h, NULL, "POST", "/galaxy_clusters/add/" SETUP_GALAXY, body, b);
	if (st != 200 || !take(b, "GalaxyCluster", "id", id))
		return st;
	OWN(buf) struct buf ignored = BUF(1 << 20);
	snprintf(path, sizeof(path), "/galaxy_clusters/publish/%s", id);
	return host_call(h, NULL, "POST", path, "{}", &ignored);
}

static long make_note(struct host *h, const struct m_thing *t, const struct m_event *e,
		      struct buf *b)
{
	char path[200], body[200];
	snprintf(path, sizeof(path), "/analyst_data/add/Note/%s/Event", e->uuid);
	snprintf(body, sizeof(body), "{\"uuid\":\"%s\",\"note\":\"n\",\"distribution\":\"%u\"}", t->uuid,
		 t->level);
	return host_call(h, NULL, "POST", path, body, b);
}

static bool make(struct sim *s, struct host *h, struct m_thing *t, const struct m_event *e)
{
	static const char *const outer[] = {"Sighting", "ShadowAttribute", "GalaxyCluster", "Note"};
	OWN(buf) struct buf b = BUF(1 << 20);
	long st = t->kind == THING_SIGHTING ? make_sighting(h, t, e, &b)
		  : t->kind == THING_PROPOSAL ? make_proposal(s, h, t, e, &b)
		  : t->kind == THING_CLUSTER ? make_cluster(s, h, t, &b)
					       : make_note(h, t, e, &b);
	if (atomic_load(&h->dead))
		return false; /* it may be there or not: nobody was told its UUID */
	if (st == 200 && take(&b, outer[t->kind], "uuid", t->uuid))
		return true;
	sim_wrong(s, "%c does not take a %s: %ld %.200s", host_letter(h->nr), kinds[t->kind], st,
		  buf_cstr(&b));
	return false;
}

static bool may_propose(const struct sim *s, const struct m_event *e)
{
	unsigned by = other_org(s, e->owner);
	return by != e->owner && e->published && model_reads(&s->model, e, e->level, by, e->owner, false);
}

void act_thing(struct sim *s)
{
	struct model *m = &s->model;
	struct m_thing t = {.kind = (enum m_thing_kind)rng_below(&s->rng, THING_KINDS),
			    .level = (uint8_t)rng_below(&s->rng, 4),
			    .event = rng_below(&s->rng, MAX(m->n, 1u))};
	const struct m_event *e = m->n ? &m->ev[t.event] : NULL;
	t.author = t.kind == THING_CLUSTER || !e ? rng_below(&s->rng, s->n) : e->owner;
	struct host *h = &s->host[t.author];
	char path[100];
	if (m->n_things == THINGS_MAX || atomic_load(&h->dead) || (!e && t.kind != THING_CLUSTER) ||
	    (t.kind == THING_PROPOSAL && !may_propose(s, e)) ||
	    (t.kind != THING_CLUSTER && e->gone >> t.author & 1))
		return;
	act_uuid(s, t.uuid);
	sim_clock_of(s, h);
	sim_note(s, "  %c makes a %s of %u%s%.8s", host_letter(t.author), kinds[t.kind], t.level,
		 t.kind == THING_CLUSTER ? "" : " for ", t.kind == THING_CLUSTER ? "" : e->uuid);
	if (!make(s, h, &t, e))
		return;
	if (t.kind == THING_SIGHTING) {
		OWN(buf) struct buf b = BUF(1 << 20);
		snprintf(path, sizeof(path), "/events/publishSightings/%s", e->uuid);
		if (host_call(h, NULL, "POST", path, "{}", &b) != 200)
			sim_wrong(s, "sightings of %.8s are not published", e->uuid);
	}
	sim_note(s, "    it is %.8s", t.uuid);
	m->things[m->n_things++] = t;
}

/* ---- looking for them ---- */

static bool in_list(const json_t *list, const char *wrap, const char *uuid)
{
	const json_t *o;
	size_t i;
	json_array_foreach(list, i, o) {
		const char *u = json_string_value(
			json_object_get(wrap ? json_object_get(o, wrap) : o, "uuid"));
		if (u && strcmp(u, uuid) == 0)
			return true;
	}
	return false;
}

/* Is it there? Its level, where it has one. */
static bool shown(struct host *h, const char *key, const struct m_thing *t,
		  const struct m_event *e, unsigned *level)
{
	static const char *const outer[] = {[THING_CLUSTER] = "GalaxyCluster", [THING_NOTE] = "Note"};
	OWN(buf) struct buf b = BUF(4 << 20);
	char path[200], body[200], d[40] = "";
	bool yes;
	if (t->kind == THING_SIGHTING) {
		snprintf(body, sizeof(body),
			 "{\"returnFormat\":\"json\",\"uuid\":[\"%s\"],\"last\":\"0\","
			 "\"includeUuid\":true}",
			 e->uuid);
		host_call(h, key, "POST", "/sightings/restSearch/event", body, &b);
	} else if (t->kind == THING_PROPOSAL) {
		snprintf(path, sizeof(path), "/events/view/%s", e->uuid);
		host_call(h, key, "GET", path, NULL, &b);
	} else {
		snprintf(path, sizeof(path),
			 t->kind == THING_CLUSTER ? "/galaxy_clusters/view/%s"
						  : "/analyst_data/view/Note/%s",
			 t->uuid);
		yes = host_call(h, key, "GET", path, NULL, &b) == 200 &&
		      take(&b, outer[t->kind], "distribution", d);
		*level = (unsigned)strtoul(d, NULL, 10);
		return yes;
	}
	json_t *j = json_loadb(b.p ? b.p : "", b.n, 0, NULL);
	yes = t->kind == THING_SIGHTING
		      ? in_list(json_object_get(j, "response"), "Sighting", t->uuid)
		      : in_list(json_object_get(json_object_get(j, "Event"), "ShadowAttribute"), NULL,
				t->uuid);
	json_decref(j);
	return yes;
}

static void look_thing(struct sim *s, struct host *h, const struct m_thing *t,
		       const struct ways *w)
{
	const struct m_event *e = &s->model.ev[t->event];
	bool has_level = t->kind == THING_CLUSTER || t->kind == THING_NOTE;
	/* on its own, a thing goes like an element of an event that goes everywhere */
	struct m_event alone = {.owner = t->author, .level = 3};
	const struct m_el thing = {.kind = M_BESIDE, .level = t->level};
	/* sightings and proposals go where the event goes, and so does a note, by its own level */
	const struct m_el as_el = {.kind = t->kind == THING_NOTE ? M_BESIDE : M_ATTR,
				   .level = t->kind == THING_NOTE ? t->level : 5};
	struct m_reach own = model_reach(&s->model, &alone, &thing, h->nr, 0, w->l, w->n), r = own;
	if (t->kind != THING_CLUSTER)
		r = model_reach(&s->model, e, &as_el, h->nr, 0, w->l, w->n);
	unsigned level = 0, ignored;
	bool is_there = shown(h, NULL, t, e, &level);
	bool is_due = t->kind == THING_CLUSTER ? own.with != 0 : r.with != 0 && r.clean;
	/* a note may be pushed to whoever could read its event, and goes on from there alone */
	bool may_be = is_due || (t->kind != THING_CLUSTER && r.may_with) ||
		      ((t->kind == THING_NOTE || t->kind == THING_CLUSTER) && own.may_with);
	if (t->kind != THING_CLUSTER && t->kind != THING_NOTE && e->gone >> h->nr & 1)
		may_be = false;
	char x = host_letter(h->nr);
	if (t->kind == THING_NOTE)
		r.levels |= own.levels;
	if (is_there ? !may_be : is_due)
		sim_wrong(s, "%c %s %s %.8s of %c", x, is_there ? "has" : "lacks", kinds[t->kind],
			  t->uuid, host_letter(t->author));
	else if (is_there && has_level && !(r.levels >> level & 1))
		sim_wrong(s, "%c has %s %.8s with distribution %u", x, kinds[t->kind], t->uuid, level);
	for (unsigned k = 0; k < s->n && is_there && t->kind == THING_CLUSTER; k++) {
		if (k == h->nr || k == t->author)
			continue;
		bool visible = shown(h, s->key[k][h->nr], t, e, &ignored);
		/* whoever pushed it owns the copy */
		bool due = level >= 1 || s->host[k].org == h->org;
		if (visible != due && !(visible && ways_push(w)))
			sim_wrong(s, "%c %s %s %.8s of distribution %u %s %c", x,
				  visible ? "shows" : "hides", kinds[t->kind], t->uuid, level,
				  visible ? "to" : "from", host_letter(k));
	}
}

void look_things(struct sim *s, const struct ways *w)
{
	for (unsigned i = 0; i < s->n; i++) {
		sim_clock_of(s, &s->host[i]);
		for (unsigned k = 0; k < s->model.n_things; k++)
			look_thing(s, &s->host[i], &s->model.things[k], w);
	}
}
