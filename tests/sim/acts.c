/*
 * acts.c - what happens in a scenario: people edit over the API of their node, schedules pull.
 * Only what was answered with success goes into the model; where the answer is missing, the node is
 * asked afterwards which of the two it is.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/setup.h"
#include "tests/sim/sim.h"
#include "tests/tap/tap.h"

static const uint8_t event_levels[] = {0, 1, 2, 3, 3, 3, 4}, el_levels[] = {0, 1, 2, 3, 5, 5, 5, 5, 4};

static bool is_used(const struct model *m, int64_t ts)
{
	for (unsigned i = 0; i < m->n; i++)
		for (unsigned k = 0; k < m->ev[i].n; k++)
			for (unsigned v = 0; v < m->ev[i].el[k].n; v++)
				if (m->ev[i].el[k].v[v].ts == ts)
					return true;
	return false;
}

/* A timestamp by the host's own clock, but never one that was there before. */
static int64_t new_ts(struct sim *s, const struct host *h, int64_t above)
{
	int64_t ts = MAX(sim_clock(s, h) / 1000000, above + 1);
	while (is_used(&s->model, ts))
		ts++;
	s->model.last_ts = MAX(s->model.last_ts, ts);
	return ts;
}

void act_uuid(struct sim *s, char out[37])
{
	uint64_t a = rng_next(&s->rng), b = rng_next(&s->rng);
	snprintf(out, 37, "%08x-%04x-4%03x-8%03x-%012llx", (unsigned)a, (unsigned)(a >> 32 & 0xffff),
		 (unsigned)(a >> 48 & 0xfff), (unsigned)(b & 0xfff),
		 (unsigned long long)(b >> 12 & 0xffffffffffffULL));
}

/* ---- the document of an edit ---- */

/* A copy keeps the levels that it came with. */
static void put_level(struct buf *b, const struct sim *s, const struct m_event *e, uint8_t level)
{
	if (e->author != e->owner)
		return;
	buf_printf(b, ",\"distribution\":\"%u\"", level);
	if (level == LEVEL_GROUP)
		buf_printf(b, ",\"sharing_group_id\":\"%s\"", s->model.group[e->owner].id);
}

static void put_el(struct buf *b, const struct sim *s, const struct m_event *e,
		   const struct m_el *el, const struct version *v)
{
	buf_printf(b, "{\"uuid\":\"%s\",\"timestamp\":\"%lld\",\"deleted\":%s", el->uuid,
		   (long long)v->ts, v->deleted ? "true" : "false");
	if (el->kind == M_REPORT)
		buf_printf(b, ",\"name\":\"r\",\"content\":\"v%u.example\"", v->serial);
	else
		buf_printf(b,
			   ",\"type\":\"domain\",\"category\":\"Network activity\","
			   "\"value\":\"v%u.example\"%s",
			   v->serial,
			   el->kind == M_IN_OBJECT ? ",\"object_relation\":\"domain\"" : "");
	put_level(b, s, e, el->level);
	buf_putc(b, '}');
}

/* The changed ones of a kind: those with a version of this time. */
static unsigned put_els(struct buf *b, const struct sim *s, const struct m_event *e,
			enum m_el_kind kind, unsigned object, int64_t ts)
{
	unsigned n = 0;
	for (unsigned i = 0; i < e->n; i++) {
		const struct m_el *el = &e->el[i];
		const struct version *v = el->n ? &el->v[el->n - 1] : NULL;
		if (!v || v->ts != ts || el->kind != kind || (kind == M_IN_OBJECT && el->object != object))
			continue;
		if (n++)
			buf_putc(b, ',');
		put_el(b, s, e, el, v);
	}
	return n;
}

/* With a time of its own, so that others look inside (MISP's rule). */
static void put_objects(struct buf *b, const struct sim *s, const struct m_event *e, int64_t ts)
{
	bool first = true;
	for (unsigned i = 0; i < e->n_objects; i++) {
		OWN(buf) struct buf inside = BUF(1 << 20);
		if (!put_els(&inside, s, e, M_IN_OBJECT, i, ts))
			continue;
		buf_printf(b,
			   "%s{\"uuid\":\"%s\",\"name\":\"domain-ip\",\"meta-category\":\"network\","
			   "\"description\":\"d\",\"template_version\":\"10\","
			   "\"template_uuid\":\"43b3b146-77eb-4931-b4cc-b66c60f28734\","
			   "\"timestamp\":\"%lld\"",
			   first ? "" : ",", e->object[i].uuid, (long long)ts);
		put_level(b, s, e, e->object[i].level);
		buf_printf(b, ",\"Attribute\":[%.*s]}", STR_ARG(buf_str(&inside)));
		first = false;
	}
}

static void document(const struct sim *s, struct buf *b, const struct m_event *next, int64_t ts)
{
	buf_printf(b, "{\"Event\":{\"uuid\":\"%s\",\"timestamp\":\"%lld\",\"published\":false",
		   next->uuid, (long long)ts);
	if (next->author == next->owner)
		buf_printf(b,
			   ",\"info\":\"i%u\",\"date\":\"2026-01-02\",\"threat_level_id\":\"1\","
			   "\"analysis\":\"0\"",
			   next->info);
	put_level(b, s, next, next->level);
	buf_puts(b, ",\"Attribute\":[");
	put_els(b, s, next, M_ATTR, 0, ts);
	buf_puts(b, "],\"EventReport\":[");
	put_els(b, s, next, M_REPORT, 0, ts);
	buf_puts(b, "],\"Object\":[");
	put_objects(b, s, next, ts);
	buf_puts(b, "]}}");
	buf_putc(b, 0);
}

static bool add_version(struct sim *s, struct m_el *el, unsigned author, int64_t ts)
{
	bool was = el->n && el->v[el->n - 1].deleted;
	if (el->n == VERSIONS_MAX)
		return false;
	el->v[el->n++] = (struct version){.ts = ts,
					  .author = author,
					  .serial = ++s->model.last_serial,
					  .deleted = !was && el->n > 1 && !el->stays &&
						     rng_chance(&s->rng, 250)};
	return true;
}

/* A new element, sometimes in an object, which may be new too. */
static void new_el(struct sim *s, struct m_event *next, struct m_el *el)
{
	unsigned kind = rng_below(&s->rng, 6), object = rng_below(&s->rng, OBJECTS_MAX);
	*el = (struct m_el){.kind = kind < 4 ? M_ATTR : kind == 4 ? M_REPORT : M_IN_OBJECT,
			    .level = el_levels[rng_below(&s->rng, sizeof(el_levels))]};
	act_uuid(s, el->uuid);
	if (el->kind != M_IN_OBJECT)
		return;
	if (object >= next->n_objects) {
		object = next->n_objects++;
		next->object[object].level = el_levels[rng_below(&s->rng, sizeof(el_levels))];
		act_uuid(s, next->object[object].uuid);
	}
	el->object = object;
}

static void change(struct sim *s, struct m_event *next, unsigned author, int64_t ts)
{
	unsigned n = 1 + rng_below(&s->rng, 3);
	for (unsigned i = 0; i < n; i++) {
		struct m_el *el = &next->el[rng_below(&s->rng, ELS_MAX)];
		if (el >= &next->el[next->n]) {
			el = &next->el[next->n++];
			new_el(s, next, el);
		} else if (el->v[el->n - 1].ts == ts) {
			continue; /* once in an edit */
		}
		(void)add_version(s, el, author, ts);
	}
}

/* One element stays live and is for everybody: an event without is listed for no peer (3.2). */
static void anchor(struct sim *s, struct m_event *next, int64_t ts)
{
	struct m_el *el = &next->el[next->n++];
	*el = (struct m_el){.level = 5, .stays = true};
	act_uuid(s, el->uuid);
	(void)add_version(s, el, next->owner, ts);
}

/* ---- doing it ---- */

/* The event as the host's administrator sees it; NULL when it is not there. */
static json_t *event_at(struct host *h, const char *uuid)
{
	char path[200];
	OWN(buf) struct buf b = BUF(1 << 20);
	snprintf(path, sizeof(path), "/events/view/%s/deleted[]:0/deleted[]:1", uuid);
	return host_call(h, NULL, "GET", path, NULL, &b) == 200 ? json_loadb(b.p, b.n, 0, NULL) :
								  NULL;
}

static int64_t ts_of(const json_t *doc)
{
	const char *t =
		json_string_value(json_object_get(json_object_get(doc, "Event"), "timestamp"));
	return t ? strtoll(t, NULL, 10) : 0;
}

static bool shows(const json_t *doc, const struct m_el *el)
{
	const json_t *a;
	size_t i;
	json_array_foreach(json_object_get(json_object_get(doc, "Event"),
					   el->kind == M_REPORT ? "EventReport" : "Attribute"), i, a) {
		const char *u = json_string_value(json_object_get(a, "uuid"));
		if (u && strcmp(u, el->uuid) == 0)
			return true;
	}
	return false;
}

/* The edit was acknowledged, or the node turned out to have it: what is of this time goes in. */
static void remember(struct sim *s, unsigned i, const struct m_event *next, int64_t ts)
{
	struct m_event *e = &s->model.ev[i];
	if (i == s->model.n) {
		*e = *next;
		e->n = 0;
		s->model.n++;
	}
	for (unsigned k = 0; k < next->n; k++) {
		const struct m_el *el = &next->el[k];
		const struct version *v = &el->v[el->n - 1];
		if (v->ts != ts)
			continue; /* others may have edited meanwhile: theirs stay */
		if (k == e->n) {
			e->el[e->n++] = *el;
			e->el[k].n = 0;
		}
		e->el[k].v[e->el[k].n++] = *v;
	}
	if (next->author == next->owner) {
		e->ts = ts;
		e->info = next->info;
		memcpy(e->object, next->object, sizeof(e->object));
		e->n_objects = next->n_objects;
		e->published = false;
	} else {
		e->contested = true;
	}
	s->edits++;
}

/* Sends it; whether it was acknowledged. After a crash the node is asked when it is up again. */
static bool commit(struct sim *s, struct host *h, const char *path, const char *doc, unsigned i,
		   const struct m_event *next, int64_t ts)
{
	OWN(buf) struct buf answer = BUF(1 << 20);
	sim_clock_of(s, h);
	if (!s->calm && !s->in_edit && rng_chance(&s->rng, s->faults.server_crash))
		h->crash_at = h->commits + 1;
	long status = host_call(h, NULL, "POST", path, doc, &answer);
	if (!s->in_edit)
		h->crash_at = 0;
	if (atomic_load(&h->dead)) {
		sim_note(s, "  %c crashes in an edit", host_letter(h->nr));
		s->pending[h->nr] = (struct pending){true, i == s->model.n, i, *next, ts};
		return false;
	}
	if (status != 200)
		sim_wrong(s, "%c refuses an edit (%s): %ld %.300s", host_letter(h->nr), path, status,
			  buf_cstr(&answer));
	return status == 200;
}

/* All of an edit that was not acknowledged, or nothing. */
static void settle_pending(struct sim *s, struct host *h)
{
	struct pending *p = &s->pending[h->nr];
	if (!p->set)
		return;
	p->set = false;
	/* a new event's place may have been taken meanwhile */
	json_t *doc = event_at(h, p->next.uuid);
	if (ts_of(doc) == p->ts)
		remember(s, p->is_new ? s->model.n : p->i, &p->next, p->ts);
	json_decref(doc);
}

static void publish(struct sim *s, struct host *h, const char *uuid)
{
	char path[200];
	OWN(buf) struct buf b = BUF(1 << 20);
	snprintf(path, sizeof(path), "/events/publish/%s", uuid);
	sim_clock_of(s, h);
	sim_note(s, "  %c publishes %.8s", host_letter(h->nr), uuid);
	if (host_call(h, NULL, "POST", path, "{}", &b) != 200)
		sim_wrong(s, "%c does not publish %.8s: %.200s", host_letter(h->nr), uuid,
			  buf_cstr(&b));
}

static void need_group(struct sim *s, struct host *h)
{
	struct m_group *g = &s->model.group[h->nr];
	OWN(buf) struct buf b = BUF(4096);
	OWN(buf) struct buf answer = BUF(1 << 20);
	if (g->orgs)
		return;
	g->orgs = g->first = 1u << h->org | rng_below(&s->rng, 8);
	buf_printf(&b,
		   "{\"name\":\"group %c\",\"releasability\":\"r\",\"active\":true,\"roaming\":true,"
		   "\"SharingGroupOrg\":[",
		   host_letter(h->nr));
	for (unsigned i = 0; i < HOSTS_MAX; i++)
		if (g->orgs >> i & 1)
			buf_printf(&b, "%s{\"uuid\":\"%s\",\"name\":\"Org %c\"}",
				   buf_cstr(&b)[b.n - 1] == '[' ? "" : ",", host_org_uuid(i),
				   host_letter(i));
	buf_puts(&b, "]}");
	sim_clock_of(s, h);
	long st = host_call(h, NULL, "POST", "/sharing_groups/add", buf_cstr(&b), &answer);
	json_t *j = json_loadb(answer.p ? answer.p : "", answer.n, 0, NULL);
	const char *id =
		json_string_value(json_object_get(json_object_get(j, "SharingGroup"), "id"));
	if (st != 200 || !id || (size_t)snprintf(g->id, sizeof(g->id), "%s", id) >= sizeof(g->id))
		bail_out("no group on %c: %ld %s", host_letter(h->nr), st, buf_cstr(&answer));
	json_decref(j);
	sim_note(s, "  %c makes group %s for %x: %s", host_letter(h->nr), g->id, g->orgs, buf_cstr(&answer));
}

/* An edit of an event by host h, its owner or not. */
static void edit(struct sim *s, struct host *h, unsigned i, int64_t above)
{
	static struct m_event next; /* big */
	struct model *m = &s->model;
	char path[200];
	bool is_new = i == m->n;
	/* a node of the same organisation may have changed it here */
	json_t *here = is_new || !s->family ? NULL : event_at(h, m->ev[i].uuid);
	int64_t ts = new_ts(s, h, MAX(above, ts_of(here)));
	json_decref(here);
	OWN(buf) struct buf doc = BUF(1 << 20);
	if (is_new) {
		next = (struct m_event){.owner = h->nr,
					.level = event_levels[rng_below(&s->rng,
									sizeof(event_levels))]};
		act_uuid(s, next.uuid);
		need_group(s, h);
	} else {
		next = m->ev[i];
	}
	next.author = h->nr;
	next.info = ++m->last_serial;
	if (is_new)
		anchor(s, &next, ts);
	change(s, &next, h->nr, ts);
	document(s, &doc, &next, ts);
	if (is_new)
		snprintf(path, sizeof(path), "/events/add");
	else
		snprintf(path, sizeof(path), "/events/edit/%s", next.uuid);
	sim_note(s, "  %c %s %.8s at %lld", host_letter(h->nr), is_new ? "adds" : "edits", next.uuid,
		 (long long)ts);
	if (!commit(s, h, path, doc.p, i, &next, ts))
		return;
	remember(s, i, &next, ts);
	if (rng_chance(&s->rng, 800)) {
		publish(s, h, next.uuid);
		m->ev[i].published = true;
	}
}

/* On a copy, its node's administrator changes elements that it has. */
static void edit_copy(struct sim *s, struct host *h, unsigned i)
{
	static struct m_event next; /* big */
	char path[200];
	OWN(buf) struct buf doc = BUF(1 << 20);
	next = s->model.ev[i];
	json_t *here = event_at(h, next.uuid);
	int64_t ts = new_ts(s, h, ts_of(here));
	bool any = false;
	next.author = h->nr;
	for (unsigned k = 0; k < next.n; k++)
		if (shows(here, &next.el[k]) && rng_chance(&s->rng, 500))
			any |= add_version(s, &next.el[k], h->nr, ts);
	json_decref(here);
	if (!any)
		return;
	document(s, &doc, &next, ts);
	snprintf(path, sizeof(path), "/events/edit/%s", next.uuid);
	sim_note(s, "  %c edits its copy of %.8s at %lld", host_letter(h->nr), next.uuid,
		 (long long)ts);
	if (!commit(s, h, path, doc.p, i, &next, ts))
		return;
	remember(s, i, &next, ts);
	publish(s, h, next.uuid);
}

void act_edit(struct sim *s)
{
	struct host *h = &s->host[rng_below(&s->rng, s->n)];
	struct model *m = &s->model;
	if (atomic_load(&h->dead))
		return;
	unsigned i = rng_below(&s->rng, EVENTS_MAX);
	i = MIN(i, m->n);
	sim_clock_of(s, h);
	if (i < m->n && m->ev[i].gone >> h->nr & 1)
		return;
	if (i < m->n && m->ev[i].owner != h->nr)
		edit_copy(s, h, i);
	else
		edit(s, h, i, i < m->n ? m->ev[i].ts : 0);
}

/* An event is deleted here, and here only: MISP tells nobody, and takes it back from nobody. */
void act_delete(struct sim *s)
{
	struct host *h = &s->host[rng_below(&s->rng, s->n)];
	struct model *m = &s->model;
	struct m_event *e = m->n ? &m->ev[rng_below(&s->rng, m->n)] : NULL;
	char path[100];
	OWN(buf) struct buf b = BUF(1 << 20);
	if (!e || atomic_load(&h->dead) || e->gone >> h->nr & 1)
		return;
	sim_clock_of(s, h);
	json_t *here = event_at(h, e->uuid);
	if (here) {
		sim_note(s, "  %c deletes %.8s", host_letter(h->nr), e->uuid);
		snprintf(path, sizeof(path), "/events/delete/%s", e->uuid);
		if (host_call(h, NULL, "POST", path, "{}", &b) != 200)
			sim_wrong(s, "%c does not delete %.8s: %.200s", host_letter(h->nr), e->uuid,
				  buf_cstr(&b));
		e->gone |= 1u << h->nr;
	}
	json_decref(here);
}

/* Somebody is taken into a group. Others learn of it with the next edit of an event in it. */
void act_group(struct sim *s)
{
	struct model *m = &s->model;
	struct host *h = &s->host[rng_below(&s->rng, s->n)];
	struct m_group *g = &m->group[h->nr];
	unsigned org = rng_below(&s->rng, HOSTS_MAX);
	char path[200];
	OWN(buf) struct buf b = BUF(1 << 20);
	if (!g->orgs || atomic_load(&h->dead) || g->orgs >> org & 1 || (s->family && org == 1))
		return;
	sim_clock_of(s, h);
	sim_note(s, "  %c takes Org %c into its group", host_letter(h->nr), host_letter(org));
	snprintf(path, sizeof(path), "/sharing_groups/addOrg/%s/%s", g->id,
		 s->setup->org_id[org][h->nr]);
	if (host_call(h, NULL, "POST", path, "{}", &b) != 200)
		sim_wrong(s, "the group does not take it: %.200s", buf_cstr(&b));
	g->orgs |= 1u << org;
	for (unsigned i = 0; i < m->n; i++)
		m->ev[i].contested |= m->ev[i].owner == h->nr;
}

void act_settle(struct sim *s)
{
	struct model *m = &s->model;
	for (unsigned i = 0; i < m->n; i++) {
		struct host *h = &s->host[m->ev[i].owner];
		if (m->ev[i].gone >> h->nr & 1)
			continue;
		sim_clock_of(s, h);
		/* whose copies were edited: the owner has the last word. Others must have got through. */
		if (m->ev[i].contested)
			edit(s, h, i, m->last_ts);
		if (!m->ev[i].published)
			publish(s, h, m->ev[i].uuid);
	}
}

static void on_item(void *user, const struct pass_item *i)
{
	static const char *const what[] = {"added", "updated", "held", "refused", "failed"};
	char uuid[UUID_TEXT_LEN + 1];
	sim_note(user, "      %s %.8s %s: %s", pass_kind_name(i->kind), uuid_format(i->uuid, uuid),
		 what[i->what], i->text ? i->text : "");
}

int act_run(struct sim *s, const struct link_row *l, enum pass_direction d)
{
	struct host *h = &s->host[l->at];
	static struct pass_result res; /* big */
	struct fail f = {0};
	uint64_t came = 0, failed = 0;
	if (atomic_load(&h->dead))
		return -1;
	struct pass_opts o = {.in = &h->node.api.ingest,
			      .out = &h->node.api.egress,
			      .key = &h->node.peer_key,
			      .peer_id = l->peer_id,
			      .user_id = 1,
			      .client = {.net = &s->wire[l->at].net},
			      .node_version = "sim",
			      .direction = d,
			      .technique = PASS_FULL,
			      .parallel = 1,
			      .item = on_item,
			      .user = s};
	if (d == PASS_PUSH)
		o.technique = s->calm			? s->push_technique
			      : rng_chance(&s->rng, 500) ? PASS_INCREMENTAL
							 : PASS_FULL;
	o.all = !s->calm && rng_chance(&s->rng, 100);
	s->repeats_ok = o.all;
	sim_note(s, "  %c %s %c%s", host_letter(l->at), d == PASS_PULL ? "pulls from" : "pushes to",
		 host_letter(l->to), o.all ? ", everything" : "");
	sim_clock_of(s, h);
	if (!s->calm && rng_chance(&s->rng, s->faults.client_crash))
		h->crash_at = h->commits + 1 + rng_below(&s->rng, 6);
	enum err e = pass_run(&o, &res, &f);
	h->crash_at = 0;
	s->runs++;
	for (unsigned k = 0; k < PASS_KIND_COUNT; k++) {
		const struct pass_count *n = &res.n[k];
		came += n->added + n->updated;
		failed += n->failed;
		if (n->added + n->updated + n->refused + n->failed + n->held)
			sim_note(s, "    %s: %llu added, %llu updated, %llu held, %llu refused, %llu failed",
				 pass_kind_name((enum pass_kind)k), (unsigned long long)n->added,
				 (unsigned long long)n->updated, (unsigned long long)n->held,
				 (unsigned long long)n->refused, (unsigned long long)n->failed);
	}
	sim_note(s, "  = %s %s", err_name(e), f.text);
	return e != ERR_OK || failed ? -1 : (int)came;
}

void act_recover(struct sim *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		struct host *h = &s->host[i];
		if (!atomic_load(&h->dead))
			continue;
		s->crashes++;
		sim_note(s, "  %c comes up again", host_letter(i));
		host_recover(h);
		wire_forget(s, i);
		sim_clock_of(s, h);
		settle_pending(s, h);
	}
}
