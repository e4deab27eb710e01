/* seed.c - random store contents; see seed.h. */
#include "seed.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/own.h"
#include "model/types.h"
#include "tests/tap/tap.h"
#include "trust/admitted_make.h"

#define NOW INT64_C(1750000000)

uint64_t seed_rand(struct seed *sd, uint64_t below)
{
	uint64_t z = sd->rng += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (z ^ (z >> 31)) % below;
}

static void must(enum err e, const struct fail *f)
{
	if (e != ERR_OK)
		bail_out("%s: %s", err_name(e), f->text);
}

static struct uuid random_uuid(struct seed *sd)
{
	struct uuid u;

	for (int i = 0; i < 16; i++)
		u.b[i] = (uint8_t)seed_rand(sd, 256);
	u.b[0] |= 1;
	return u;
}

struct str seed_value(struct seed *sd, uint16_t *type, char room[128])
{
	unsigned n = (unsigned)seed_rand(sd, 40);
	int len;

	switch (seed_rand(sd, 8)) {
	case 0:
		*type = ATTR_IP_DST;
		len = snprintf(room, 128, "192.0.2.%u", n);
		break;
	case 1:
		*type = ATTR_DOMAIN;
		len = snprintf(room, 128, n % 2 ? "Isle%u.Example.NET" : "isle%u.example.net", n / 2);
		break;
	case 2:
		*type = ATTR_FILENAME_MD5;
		len = snprintf(room, 128, "boat%u.exe|%032u", n % 5, n);
		break;
	case 3:
		*type = ATTR_TEXT;
		len = snprintf(room, 128, n % 2 ? "caf\xc3\xa9 %u" : "CAFE %u ", n / 2);
		break;
	case 4:
		*type = ATTR_TEXT;
		len = snprintf(room, 128, "100%% of %u_%u", n % 3, n);
		break;
	case 5:
		*type = ATTR_COMMENT;
		len = snprintf(room, 128, "x");
		break;
	case 6:
		*type = ATTR_EMAIL_SRC;
		len = snprintf(room, 128, "crew%u@isle%u.example.net", n % 7, n % 3);
		break;
	default:
		*type = ATTR_URL;
		len = snprintf(room, 128, "https://isle%u.example.net/%u", n % 10, n);
	}
	return (struct str){room, (size_t)len};
}

/* Values that correlate without being equal, and where only one part does. */
static struct str value_that_meets(struct seed *sd, uint16_t *type, char room[128])
{
	static const struct {
		uint16_t type;
		const char *form;
	} rows[] = {
		{ATTR_IP_SRC, "10.0.%u.%u"},
		{ATTR_IP_DST, "10.0.%u.%u"},
		{ATTR_IP_DST, "10.0.%u.0/24"},
		{ATTR_IP_SRC, "10.0.%u.%u/30"},
		{ATTR_IP_DST, "10.0.0.0/15"},
		{ATTR_IP_DST, "0.0.0.0/0"},
		{ATTR_IP_DST_PORT, "10.0.%u.%u|80"},
		{ATTR_IP_SRC_PORT, "10.0.%u.%u|443"},
		{ATTR_DOMAIN_IP, "isle.example.net|10.0.%u.%u"},
		{ATTR_IP_DST, "2001:db8:%u::%u"},
		{ATTR_IP_SRC, "2001:db8:%u::/48"},
		{ATTR_IP_SRC, "2001:db8:%u::%u/126"},
		{ATTR_TEXT, "80"},
		{ATTR_PORT, "443"},
		{ATTR_TEXT, "10.0.%u.%u"},
		{ATTR_SSDEEP, NULL},
		{ATTR_FILENAME_SSDEEP, NULL},
	};
	static const char letters[] = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789+/aBcDeFgHiJkLmNoPqRsTuVwX";
	size_t i = seed_rand(sd, sizeof(rows) / sizeof(rows[0]));
	unsigned a = (unsigned)seed_rand(sd, 3), b = (unsigned)seed_rand(sd, 6), n;
	char *p = room;

	*type = rows[i].type;
	if (rows[i].form) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		n = (unsigned)snprintf(room, 128, rows[i].form, a, b);
#pragma GCC diagnostic pop
		return (struct str){room, n};
	}
	p += snprintf(p, 20, "%s%u:", *type == ATTR_SSDEEP ? "" : "isle|", 96u << a);
	for (unsigned k = 0; k < 40; k++)
		*p++ = seed_rand(sd, 8) ? letters[k] : letters[seed_rand(sd, 60)];
	*p++ = ':';
	for (unsigned k = 0; k < 20; k++)
		*p++ = seed_rand(sd, 8) ? letters[20 + k] : letters[seed_rand(sd, 60)];
	return (struct str){room, (size_t)(p - room)};
}

/* ---- jobs ---------------------------------------------------------------------------------- */

struct job {
	struct seed *sd;
	unsigned attrs;
	uint64_t id;
};

static void random_tags(struct seed *sd, struct misp_tagref *v, struct entity_list *out,
			unsigned most)
{
	memset(v, 0, most * sizeof(*v));
	out->v = v;
	out->n = 0;
	for (unsigned i = 0; i < most; i++)
		if (seed_rand(sd, 4) == 0) {
			v[out->n].tag_id = 1 + seed_rand(sd, SEED_TAGS);
			v[out->n].local = seed_rand(sd, 5) == 0;
			out->n++;
		}
}

/* Attribute times lie near each other, so that ranges cut between them. */
static int64_t random_time(struct seed *sd)
{
	return NOW - (int64_t)seed_rand(sd, 1000);
}

static void random_attr(struct seed *sd, struct misp_attr *a, struct misp_tagref *tags,
			char room[128])
{
	static const char *const comments[] = {"", "landing page", "C2", "seen in logs"};
	static const char *const relations[] = {"", "ip-dst", "filename", "url"};
	uint64_t id = a->id, object = a->object_id;
	struct uuid u = a->uuid;

	misp_attr_init(a);
	a->id = id;
	a->object_id = object;
	a->uuid = u;
	a->value = sd->meets && seed_rand(sd, 2) ? value_that_meets(sd, &a->type, room)
						  : seed_value(sd, &a->type, room);
	a->disable_correlation = sd->meets && seed_rand(sd, 8) == 0;
	a->category = (uint8_t)(1 + seed_rand(sd, CAT_LIMIT - 1));
	a->comment = str_c(comments[seed_rand(sd, 4)]);
	if (object)
		a->object_relation = str_c(relations[1 + seed_rand(sd, 3)]);
	a->to_ids = seed_rand(sd, 2);
	a->deleted = seed_rand(sd, 8) == 0;
	a->distribution = (uint8_t)seed_rand(sd, 6);
	if (a->distribution == DIST_GROUP)
		a->sharing_group_id = 1 + seed_rand(sd, SEED_SGS);
	a->timestamp = random_time(sd);
	if (seed_rand(sd, 4) == 0) {
		a->first_seen = random_time(sd) * 1000000;
		a->last_seen = a->first_seen + (int64_t)seed_rand(sd, 500) * 1000000;
	}
	random_tags(sd, tags, &a->tags, 3);
}

static void random_head(struct seed *sd, struct misp_event *e, char room[64])
{
	e->info = (struct str){room, (size_t)snprintf(room, 64, "Skerry invented %s %u",
						      seed_rand(sd, 2) ? "files" : "network",
						      (unsigned)seed_rand(sd, 5))};
	e->date = 20250600 + 1 + (uint32_t)seed_rand(sd, 30);
	e->threat_level_id = (uint8_t)(1 + seed_rand(sd, 4));
	e->analysis = (uint8_t)seed_rand(sd, 3);
	e->distribution = (uint8_t)seed_rand(sd, 5);
	e->sharing_group_id = e->distribution == DIST_GROUP ? 1 + seed_rand(sd, SEED_SGS) : 0;
	e->org_id = 1 + seed_rand(sd, SEED_ORGS);
	e->orgc_id = 1 + seed_rand(sd, SEED_ORGS);
	e->published = seed_rand(sd, 2);
	e->disable_correlation = sd->meets && seed_rand(sd, 8) == 0;
	e->timestamp = random_time(sd);
	e->publish_timestamp = e->published ? random_time(sd) : 0;
}

static enum err put_element(struct store_wtxn *w, struct job *j, enum element_kind k,
			    uint64_t body, uint64_t parent, struct element *e, struct fail *f)
{
	struct el_key key = {body, parent, store_new_el_id(w, k)};

	switch (k) {
	case EL_ATTR:
		e->attr.id = key.id;
		e->attr.object_id = parent;
		break;
	case EL_OBJECT:
		e->object.id = key.id;
		break;
	case EL_REF:
	case EL_REPORT:
	case EL_PROPOSAL:
	case EL_SIGHTING:
	case EL_CLUSTER:
	case EL_ANALYST:
	case EL_COUNT:
	default:
		break;
	}
	return store_el_put(w, j->sd->adm, k, key, &e->head, f);
}

static enum err some_object(struct store_wtxn *w, struct job *j, struct misp_event *e,
			    uint64_t *id, struct fail *f)
{
	static const char *const names[] = {"file", "url", "ddos"};
	struct element el = {.kind = EL_OBJECT};

	misp_object_init(&el.object);
	el.object.uuid = random_uuid(j->sd);
	el.object.name = str_c(names[seed_rand(j->sd, 3)]);
	el.object.template_version = seed_rand(j->sd, 2) ? STR("24") : STR("7");
	el.object.distribution = DIST_INHERIT;
	el.object.timestamp = random_time(j->sd);
	TRY(put_element(w, j, EL_OBJECT, e->body, 0, &el, f));
	*id = el.object.id;
	e->object_count++;
	return ERR_OK;
}

/* All that an event holds below its head. */
static enum err put_body(struct store_wtxn *w, struct job *j, struct misp_event *e,
			 struct fail *f)
{
	struct misp_tagref tags[3];
	struct element el;
	char room[128];
	uint64_t object = 0;

	for (unsigned i = 0; i < j->attrs; i++) {
		if (i % 4 == 3)
			TRY(some_object(w, j, e, &object, f));
		memset(&el, 0, sizeof(el));
		el.attr.uuid = random_uuid(j->sd);
		el.attr.object_id = object;
		random_attr(j->sd, &el.attr, tags, room);
		TRY(put_element(w, j, EL_ATTR, e->body, object, &el, f));
		e->attribute_count += !el.attr.deleted;
		e->attribute_total++;
		if (seed_rand(j->sd, 6) == 0) {
			uint64_t attr = el.attr.id;

			memset(&el, 0, sizeof(el));
			el.sighting.uuid = random_uuid(j->sd);
			el.sighting.attribute_id = attr;
			el.sighting.org_id = 1 + seed_rand(j->sd, SEED_ORGS);
			el.sighting.date_sighting = random_time(j->sd);
			el.sighting.type = (uint8_t)seed_rand(j->sd, 3);
			el.sighting.source = seed_rand(j->sd, 2) ? STR("honey") : STR("");
			TRY(put_element(w, j, EL_SIGHTING, e->body, attr, &el, f));
			e->sighting_count++;
		}
	}
	if (seed_rand(j->sd, 3) == 0) {
		memset(&el, 0, sizeof(el));
		el.report.uuid = random_uuid(j->sd);
		el.report.name = STR("Report");
		TRY(put_element(w, j, EL_REPORT, e->body, 0, &el, f));
		e->report_count++;
	}
	if (seed_rand(j->sd, 3) == 0) {
		memset(&el, 0, sizeof(el));
		misp_proposal_init(&el.proposal);
		el.proposal.uuid = random_uuid(j->sd);
		el.proposal.value = STR("proposed");
		TRY(put_element(w, j, EL_PROPOSAL, e->body, 0, &el, f));
		e->proposal_count++;
	}
	return ERR_OK;
}

static enum err tell(struct store_wtxn *w, enum change_op op, uint8_t kind, uint64_t id,
		     uint64_t event, uint64_t parent, struct uuid uuid, bool whole,
		     struct fail *f)
{
	struct change c = {.op = op, .kind = kind, .id = id, .event_id = event,
			   .parent = parent, .time = NOW, .uuid = uuid, .whole = whole};

	return store_change(w, &c, f);
}

static enum err add_event(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct job *j = arg;
	struct misp_tagref tags[4];
	struct misp_event e = {0};
	char info[64];
	uint64_t rng = j->sd->rng;
	enum err err;

	e.id = j->id = store_new_row_id(w, T_EVENT);
	e.body = store_new_body(w);
	e.uuid = random_uuid(j->sd);
	random_head(j->sd, &e, info);
	random_tags(j->sd, tags, &e.tags, 4);
	err = put_body(w, j, &e, f);
	if (err == ERR_OK)
		err = store_event_put(w, j->sd->adm, &e, f);
	if (err == ERR_OK)
		err = tell(w, CHANGE_ADD, CHANGE_TABLE(T_EVENT), e.id, e.id, 0, e.uuid, true, f);
	if (err != ERR_OK)
		j->sd->rng = rng; /* the job runs again */
	return err;
}

uint64_t seed_event(struct seed *sd, unsigned attrs)
{
	struct job j = {sd, attrs, 0};
	struct fail f = {0};

	must(store_run(sd->s, add_event, &j, &f), &f);
	sd->events = realloc(sd->events, (sd->n_events + 1) * sizeof(*sd->events));
	sd->events[sd->n_events++] = j.id;
	return j.id;
}

/* Edit or remove a random attribute, or add one. */
static enum err change_attr(struct store_wtxn *w, struct job *j, struct misp_event *e,
			    struct arena *a, struct fail *f)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct misp_tagref tags[3];
	struct el_key key, pick = {0};
	struct misp_attr attr;
	struct element el = {.kind = EL_ATTR};
	char room[128];
	unsigned n = 0;

	TRY(store_el_iter_new(store_view(w), EL_ATTR, (struct el_key){.body = e->body}, false,
			      &it));
	while (store_el_iter_next(it, a, &key, &attr) == ERR_OK)
		if (seed_rand(j->sd, ++n) == 0) {
			pick = key;
			el.attr = attr;
		}
	if (!n || seed_rand(j->sd, 3) == 0) {
		memset(&el, 0, sizeof(el));
		el.attr.uuid = random_uuid(j->sd);
		random_attr(j->sd, &el.attr, tags, room);
		TRY(put_element(w, j, EL_ATTR, e->body, 0, &el, f));
		return tell(w, CHANGE_ADD, CHANGE_EL(EL_ATTR), el.attr.id, e->id, 0, el.attr.uuid,
			    false, f);
	}
	if (seed_rand(j->sd, 3) == 0) {
		TRY(store_el_del(w, EL_ATTR, pick, f));
		return tell(w, CHANGE_DELETE, CHANGE_EL(EL_ATTR), pick.id, e->id, pick.parent,
			    el.attr.uuid, false, f);
	}
	el.attr.id = pick.id;
	el.attr.object_id = pick.parent;
	random_attr(j->sd, &el.attr, tags, room);
	TRY(store_el_put(w, j->sd->adm, EL_ATTR, pick, &el.attr, f));
	return tell(w, CHANGE_EDIT, CHANGE_EL(EL_ATTR), pick.id, e->id, pick.parent, el.attr.uuid,
		    false, f);
}

/* A new body that keeps some of the old attributes, with their ids, and gets others. */
static enum err change_whole(struct store_wtxn *w, struct job *j, struct misp_event *e,
			     struct arena *a, struct fail *f)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	uint64_t old = e->body;
	struct el_key key;
	struct misp_attr attr;

	e->body = store_new_body(w);
	e->attribute_count = e->attribute_total = e->object_count = e->report_count = 0;
	e->sighting_count = e->proposal_count = 0;
	TRY(store_el_iter_new(store_view(w), EL_ATTR, (struct el_key){.body = old}, false, &it));
	while (store_el_iter_next(it, a, &key, &attr) == ERR_OK)
		if (key.parent == 0 && seed_rand(j->sd, 3)) {
			key.body = e->body;
			TRY(store_el_put(w, j->sd->adm, EL_ATTR, key, &attr, f));
			e->attribute_count += !attr.deleted;
			e->attribute_total++;
		}
	j->attrs = (unsigned)seed_rand(j->sd, 6);
	TRY(put_body(w, j, e, f));
	return store_body_drop(w, old, f);
}

static enum err change_event(struct store_wtxn *w, void *arg, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(1 << 22);
	struct job *j = arg;
	struct misp_tagref tags[4];
	struct misp_event e;
	char info[64];
	bool whole = false;

	TRY(store_get(store_view(w), T_EVENT, j->id, a, &e));
	switch (seed_rand(j->sd, 4)) {
	case 0:
		random_head(j->sd, &e, info);
		random_tags(j->sd, tags, &e.tags, 4);
		break;
	case 1:
		whole = true;
		TRY(change_whole(w, j, &e, a, f));
		break;
	default:
		for (uint64_t i = 0, n = 1 + seed_rand(j->sd, 3); i < n; i++)
			TRY(change_attr(w, j, &e, a, f));
	}
	e.timestamp = random_time(j->sd);
	TRY(store_event_put(w, j->sd->adm, &e, f));
	return tell(w, CHANGE_EDIT, CHANGE_TABLE(T_EVENT), e.id, e.id, 0, e.uuid, whole, f);
}

static enum err remove_event(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct job *j = arg;

	TRY(store_event_del(w, j->id, f));
	return tell(w, CHANGE_DELETE, CHANGE_TABLE(T_EVENT), j->id, j->id, 0, UUID_NIL, false, f);
}

void seed_change(struct seed *sd)
{
	struct fail f = {0};
	struct job j = {.sd = sd};
	size_t at;

	if (!sd->n_events || seed_rand(sd, 8) == 0) {
		seed_event(sd, (unsigned)seed_rand(sd, 12));
		return;
	}
	at = seed_rand(sd, sd->n_events);
	j.id = sd->events[at];
	if (seed_rand(sd, 12) == 0) {
		must(store_run(sd->s, remove_event, &j, &f), &f);
		sd->events[at] = sd->events[--sd->n_events];
	} else {
		must(store_run(sd->s, change_event, &j, &f), &f);
	}
}

enum { BURST = 12 };

struct burst {
	struct seed *sd;
	uint64_t id[BURST];
	bool gone[BURST];
};

static enum err burst(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct burst *b = arg;

	memset(b->gone, 0, sizeof(b->gone));
	for (unsigned i = 0; i < BURST; i++) {
		struct job j = {b->sd, (unsigned)seed_rand(b->sd, 12), 0};

		TRY(add_event(w, &j, f));
		b->id[i] = j.id;
		if (seed_rand(b->sd, 3))
			continue;
		uint64_t at = seed_rand(b->sd, i + 1);
		j.id = b->id[at];
		if (b->gone[at])
			continue;
		b->gone[at] = seed_rand(b->sd, 3) == 0;
		TRY((b->gone[at] ? remove_event : change_event)(w, &j, f));
	}
	return ERR_OK;
}

void seed_burst(struct seed *sd)
{
	struct burst b = {.sd = sd};
	struct fail f = {0};

	must(store_run(sd->s, burst, &b, &f), &f);
	sd->events = realloc(sd->events, (sd->n_events + BURST) * sizeof(*sd->events));
	for (unsigned i = 0; i < BURST; i++)
		if (!b.gone[i])
			sd->events[sd->n_events++] = b.id[i];
}

/* ---- the store ------------------------------------------------------------------------------ */

static enum err tables(struct store_wtxn *w, void *arg, struct fail *f)
{
	static const char *const tag_names[SEED_TAGS] = {
		"tlp:red", "tlp:green", "skerry:one", "skerry:two",
		"Skerry:One", "100% odd", "plain", "isle"};
	static const char *const orgs[SEED_ORGS] = {"ORGNAME", "Remote Reef", "Quay", "Far"};
	struct seed *sd = arg;

	for (uint64_t i = 0; i < SEED_ORGS; i++) {
		struct misp_org o = {.id = i + 1, .name = str_c(orgs[i]), .local = i != 1};

		o.uuid = random_uuid(sd);
		o.nationality = i == 1 ? STR("Iceland") : STR("");
		TRY(store_put(w, T_ORG, store_new_row_id(w, T_ORG), &o, f));
	}
	for (uint64_t i = 0; i < SEED_TAGS; i++) {
		struct misp_tag t = {.id = i + 1, .name = str_c(tag_names[i]), .exportable = true};

		/* names that differ in case only are one name to the store */
		if (i == 4)
			t.name = STR("Skerry:Three");
		TRY(store_put(w, T_TAG, store_new_row_id(w, T_TAG), &t, f));
	}
	return ERR_OK;
}

static void open_store(struct seed *sd, bool create)
{
	struct store_opts o = {.dir = sd->dir, .map_size = UINT64_C(1) << 32, .create = create};
	struct fail f = {0};

	must(store_open(&o, &sd->s, &f), &f);
}

void seed_open(struct seed *sd, uint64_t rng)
{
	struct raw_event *raw = raw_new(RAW_EVENT, NULL, NULL);
	struct misp_event head = {0};
	struct origin origin = {.kind = ORIGIN_LOCAL};
	struct fail f = {0};
	const char *tmp = getenv("TMPDIR");

	*sd = (struct seed){.rng = rng};
	snprintf(sd->dir, sizeof(sd->dir), "%s/tocsin-seed-XXXXXX",
		 tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	if (!mkdtemp(sd->dir))
		bail_out("no temporary folder");
	open_store(sd, true);
	sd->adm = admitted_make(&raw, &head, &origin);
	if (!sd->adm)
		bail_out("no memory");
	must(store_run(sd->s, tables, sd, &f), &f);
}

void seed_reopen(struct seed *sd)
{
	store_close(sd->s);
	open_store(sd, false);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void seed_close(struct seed *sd)
{
	store_close(sd->s);
	admitted_free(sd->adm);
	free(sd->events);
	nftw(sd->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
