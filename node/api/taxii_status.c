/*
 * taxii_status.c - see taxii_status.h. A record is JSON below its poster's number, time and UUID: counts, and
 * the lists of ids while they are not long. A list is told whole or not at all, as clients want it.
 */
#include "api/taxii_status.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "feeds/export/taxii.h"
#include "ingest/quarantine.h"

#define PREFIX "taxii/status/"
#define KEY_MAX 100
#define KEEP_SECONDS (7 * 86400)
#define KEEP_USER 100u
#define KEEP_ALL 1000u
#define LIST_MAX 2000u /* objects that are named, of each outcome */
#define WHY_MAX 64u /* different reasons */
#define FIRST_FAILURES 100u /* that are named when there are too many for a list */
#define RECORD_MAX ((size_t)2 << 20)

enum outcome { OUT_SUCCESS, OUT_FAILURE, OUT_PENDING, OUTCOMES };

static const struct {
	const char *count, *list;
} members[OUTCOMES] = {
	[OUT_SUCCESS] = {"success_count", "successes"},
	[OUT_FAILURE] = {"failure_count", "failures"},
	[OUT_PENDING] = {"pending_count", "pendings"},
};

/* ---- what became of each object ---- */

/* A part of an event that was refused. */
struct refused {
	uint32_t event;
	struct uuid uuid;
	struct str why;
};

struct making {
	struct http_req *r;
	const struct document_event **events; /* by number, from 1 */
	uint32_t n_events;
	struct refused *refused; /* by event, UUID */
	size_t n_refused;
	struct str none_kept; /* why nothing was, if so; else absent */
	uint64_t n[OUTCOMES];
	json_t *list[OUTCOMES], *why, *waits;
	char now[40];
};

static int by_event(const void *a, const void *b)
{
	const struct refused *x = a, *y = b;
	return x->event != y->event ? (x->event < y->event ? -1 : 1) : uuid_cmp(x->uuid, y->uuid);
}

static bool events_list(struct making *m, const struct document_result *res)
{
	uint32_t n = 0;
	size_t parts = 0;
	for (const struct document_event *e = res->first; e; e = e->next, n++)
		parts += e->n_problems;
	m->events = ARENA_ARRAY(m->r->arena, const struct document_event *, n + 1);
	m->refused = ARENA_ARRAY(m->r->arena, struct refused, parts + 1);
	if (!m->events || !m->refused)
		return false;
	for (const struct document_event *e = res->first; e; e = e->next) {
		m->events[++m->n_events - 1] = e;
		for (uint32_t i = 0; i < e->n_problems; i++)
			m->refused[m->n_refused++] =
				(struct refused){m->n_events, e->problems[i].element, e->problems[i].errors};
	}
	qsort(m->refused, m->n_refused, sizeof(*m->refused), by_event);
	m->none_kept = n ? STR_NONE : STR("Nothing that makes an event.");
	if (n && res->failed == n)
		m->none_kept = res->first->why;
	return true;
}

static json_t *text(struct str s)
{
	json_t *j = json_stringn(s.p, MIN(s.n, 250));
	return j ? j : json_string("refused"); /* cut inside of a letter */
}

static json_int_t why_number(struct making *m, struct str s)
{
	size_t n = json_array_size(m->why);
	for (size_t i = 0; i < n; i++)
		if (str_eq(str_c(json_string_value(json_array_get(m->why, i))), str_sub(s, 0, 250)))
			return (json_int_t)i;
	if (n == WHY_MAX)
		return (json_int_t)n - 1;
	json_array_append_new(m->why, n == WHY_MAX - 1 ? json_string("refused") : text(s));
	return (json_int_t)n;
}

/* Which of the documents that wait it is in. */
static json_int_t wait_number(struct making *m, const struct document_event *e)
{
	char uuid[UUID_TEXT_LEN + 1];
	size_t i;
	json_t *w;
	uuid_format(e->uuid, uuid);
	json_array_foreach(m->waits, i, w)
		if (str_is(str_c(json_string_value(json_object_get(w, "uuid"))), uuid))
			break;
	if (i == json_array_size(m->waits))
		json_array_append_new(m->waits, json_pack("{s:s,s:I}", "uuid", uuid, "n", (json_int_t)0));
	w = json_array_get(m->waits, i);
	json_object_set_new(w, "n", json_integer(json_integer_value(json_object_get(w, "n")) + 1));
	return (json_int_t)i;
}

static enum outcome outcome_of(struct making *m, const struct stix_in_object *o, json_int_t *more)
{
	const struct document_event *e = o->event && o->event <= m->n_events ? m->events[o->event - 1] : NULL;
	struct refused key = {o->event, o->uuid, STR_NONE}, *part;
	if (o->left_out)
		return *more = why_number(m, STR("What it is about is not here, or nothing is like it.")), OUT_FAILURE;
	if (!e && m->none_kept.p)
		return *more = why_number(m, m->none_kept), OUT_FAILURE;
	if (!e)
		return OUT_SUCCESS;
	if (e->waits)
		return *more = wait_number(m, e), OUT_PENDING;
	if (e->err != ERR_OK)
		return *more = why_number(m, e->why), OUT_FAILURE;
	part = bsearch(&key, m->refused, m->n_refused, sizeof(key), by_event);
	if (part)
		return *more = why_number(m, part->why), OUT_FAILURE;
	return OUT_SUCCESS;
}

static void object_note(struct making *m, uint32_t i, const struct stix_in_object *o)
{
	char version[40];
	json_int_t more = -1;
	enum outcome out = outcome_of(m, o, &more);
	if (m->n[out]++ >= LIST_MAX)
		return;
	document_version(m->r, i, version);
	json_array_append_new(m->list[out], json_pack("[s%sI]", o->id.p, o->id.n, version[0] ? version : m->now,
						      more));
}

/* ---- records ---- */

static struct str user_key(uint64_t user, char out[KEY_MAX])
{
	int n = snprintf(out, KEY_MAX, PREFIX "%016llx/", (unsigned long long)user);
	return (struct str){out, (size_t)n};
}

/* Time and UUID of a key, behind the user. */
static bool key_read(struct str key, int64_t *us, struct uuid *id)
{
	struct str rest = str_sub(key, sizeof(PREFIX) - 1 + 17, SIZE_MAX), time;
	char hex[17];
	rest = str_split(rest, '/', &time);
	if (time.n != 16)
		return false;
	snprintf(hex, sizeof(hex), "%.*s", STR_ARG(time));
	*us = (int64_t)strtoull(hex, NULL, 16);
	return uuid_parse(rest, id);
}

struct put {
	uint64_t user;
	int64_t us;
	struct uuid id;
	struct str record;
};

/* Removes what is too old below the prefix; how many are left, and the oldest of them. */
static enum err prune(struct store_wtxn *w, struct str prefix, int64_t now_us, unsigned *left,
		      struct buf *oldest, struct fail *f)
{
	OWN(buf) struct buf key = BUF(512);
	struct str v;
	struct uuid id;
	int64_t us, least = INT64_MAX;
	enum err e;
	*left = 0;
	while ((e = store_kv_next(store_view(w), prefix, &key, &v)) == ERR_OK) {
		if (!key_read(buf_str(&key), &us, &id) || us < now_us - (int64_t)KEEP_SECONDS * 1000000) {
			TRY(store_kv_del(w, buf_str(&key), f));
			continue;
		}
		++*left;
		if (us < least) {
			least = us;
			buf_clear(oldest);
			buf_str_add(oldest, buf_str(&key));
		}
	}
	return e == ERR_NOENT ? buf_err(oldest) : e;
}

static enum err room(struct store_wtxn *w, struct str prefix, int64_t now_us, unsigned most,
		     struct fail *f)
{
	OWN(buf) struct buf oldest = BUF(512);
	unsigned left;
	TRY(prune(w, prefix, now_us, &left, &oldest, f));
	return left >= most ? store_kv_del(w, buf_str(&oldest), f) : ERR_OK;
}

static enum err put_run(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct put *p = arg;
	char key[KEY_MAX], uuid[UUID_TEXT_LEN + 1];
	struct str own = user_key(p->user, key);
	TRY(room(w, own, p->us, KEEP_USER, f));
	TRY(room(w, STR(PREFIX), p->us, KEEP_ALL, f));
	int n = snprintf(key + own.n, KEY_MAX - own.n, "%016llx/%s", (unsigned long long)p->us,
			 uuid_format(p->id, uuid));
	return store_kv_put(w, (struct str){key, own.n + (size_t)n}, p->record, f);
}

static enum err record_write(struct making *m, int64_t us, struct uuid *id, struct fail *f)
{
	json_t *j = json_pack("{s:[III],s:[OOO],s:O,s:O}", "n", (json_int_t)m->n[0], (json_int_t)m->n[1],
			      (json_int_t)m->n[2], "lists", m->list[0], m->list[1], m->list[2], "why", m->why,
			      "waits", m->waits);
	char *record = j ? json_dumps(j, JSON_COMPACT) : NULL;
	struct put p = {me(m->r)->user.id, us, uuid_random(), str_c(record)};
	enum err e = record ? rest_write(m->r, put_run, &p, f) : fail(f, ERR_NOMEM, "no memory");
	*id = p.id;
	free(record);
	json_decref(j);
	return e;
}

enum err taxii_status_make(struct http_req *r, const struct document_result *res, struct uuid *id,
			   struct fail *f)
{
	struct making m = {.r = r, .why = json_array(), .waits = json_array()};
	OWN(buf) struct buf now = BUF(64);
	struct stix_in_object o;
	int64_t us = clock_now_us();
	uint32_t i = 0;
	taxii_time(&now, us);
	snprintf(m.now, sizeof(m.now), "%s", buf_cstr(&now));
	for (int k = 0; k < OUTCOMES; k++)
		m.list[k] = json_array();
	enum err e = events_list(&m, res) ? ERR_OK : fail(f, ERR_LIMIT, "too many events");
	while (e == ERR_OK && document_object(r, &i, &o))
		object_note(&m, i, &o);
	if (e == ERR_OK)
		e = record_write(&m, us, id, f);
	for (int k = 0; k < OUTCOMES; k++)
		json_decref(m.list[k]);
	json_decref(m.why);
	json_decref(m.waits);
	return e;
}

/* ---- telling ---- */

struct telling {
	const json_t *doc;
	enum ingest_quarantine_state *waits; /* of each document that waited */
	uint64_t n[OUTCOMES];
	struct uuid id;
	int64_t us;
};

static enum outcome now_is(enum ingest_quarantine_state s)
{
	return s == QUARANTINE_WAITS ? OUT_PENDING : s == QUARANTINE_REJECTED ? OUT_FAILURE : OUT_SUCCESS;
}

/* One who waited is where the decision has put it. */
static bool waits_read(struct http_req *r, const struct store_rtxn *t, struct telling *x)
{
	const json_t *waits = json_object_get(x->doc, "waits"), *w;
	struct origin o = rest_origin(r);
	struct uuid u;
	size_t i;
	x->waits = ARENA_ARRAY(r->arena, enum ingest_quarantine_state, json_array_size(waits) + 1);
	if (!x->waits)
		return false;
	for (int k = 0; k < OUT_PENDING; k++)
		x->n[k] = (uint64_t)json_integer_value(json_array_get(json_object_get(x->doc, "n"), (size_t)k));
	json_array_foreach(waits, i, w) {
		x->waits[i] = uuid_parse(str_c(json_string_value(json_object_get(w, "uuid"))), &u)
				      ? ingest_quarantine_state(t, u, &o, me(r)->user.id)
				      : QUARANTINE_REJECTED;
		x->n[now_is(x->waits[i])] += (uint64_t)json_integer_value(json_object_get(w, "n"));
	}
	return true;
}

static const char *message_of(const struct telling *x, enum outcome was, json_int_t more)
{
	if (was == OUT_FAILURE)
		return json_string_value(json_array_get(json_object_get(x->doc, "why"), (size_t)more));
	if (was != OUT_PENDING)
		return NULL;
	enum ingest_quarantine_state s = x->waits[more];
	return s == QUARANTINE_WAITS	  ? "It waits for a decision of the receiving organisation."
	       : s == QUARANTINE_REJECTED ? "It was rejected by the receiving organisation."
					  : NULL;
}

static void detail(struct jsonw *w, const json_t *row, const char *message)
{
	jsonw_obj(w);
	JSONW_KV(w, jsonw_c, "id", json_string_value(json_array_get(row, 0)));
	JSONW_KV(w, jsonw_c, "version", json_string_value(json_array_get(row, 1)));
	if (message)
		JSONW_KV(w, jsonw_c, "message", message);
	jsonw_obj_end(w);
}

/* Those that are `out` now, at most so many; how many there are in the record. */
static uint64_t details(struct jsonw *w, const struct telling *x, enum outcome out, uint64_t most)
{
	const json_t *lists = json_object_get(x->doc, "lists"), *row;
	uint64_t n = 0;
	size_t k, i;
	for (k = 0; k < OUTCOMES; k++)
		json_array_foreach(json_array_get(lists, k), i, row) {
			json_int_t more = json_integer_value(json_array_get(row, 2));
			enum outcome now = k == OUT_PENDING ? now_is(x->waits[more]) : (enum outcome)k;
			if (now == out && n++ < most)
				detail(w, row, message_of(x, (enum outcome)k, more));
		}
	return n;
}

static void list_put(struct jsonw *w, const struct telling *x, enum outcome out)
{
	OWN(buf) struct buf all = BUF(RECORD_MAX);
	struct jsonw list = jsonw_on(&all);
	jsonw_arr(&list);
	uint64_t n = details(&list, x, out, UINT64_MAX);
	jsonw_arr_end(&list);
	if (x->n[out] && n == x->n[out] && buf_err(&all) == ERR_OK) {
		jsonw_key(w, members[out].list);
		jsonw_raw(w, buf_str(&all));
	} else if (out == OUT_FAILURE && n) {
		jsonw_key(w, "x_tocsin_first_failures");
		jsonw_arr(w);
		(void)details(w, x, out, FIRST_FAILURES);
		jsonw_arr_end(w);
	}
}

static void status_put(const struct telling *x, struct buf *b)
{
	OWN(buf) struct buf time = BUF(64);
	struct jsonw w = jsonw_on(b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_uuid, "id", x->id);
	JSONW_KV(&w, jsonw_c, "status", x->n[OUT_PENDING] ? "pending" : "complete");
	taxii_time(&time, x->us);
	JSONW_KV(&w, jsonw_str, "request_timestamp", buf_str(&time));
	JSONW_KV(&w, jsonw_uint, "total_count", x->n[OUT_SUCCESS] + x->n[OUT_FAILURE] + x->n[OUT_PENDING]);
	for (int k = 0; k < OUTCOMES; k++) {
		JSONW_KV(&w, jsonw_uint, members[k].count, x->n[k]);
		list_put(&w, x, (enum outcome)k);
	}
	jsonw_obj_end(&w);
}

enum err taxii_status_put(struct http_req *r, struct uuid id, struct buf *b, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(buf) struct buf key = BUF(512);
	struct telling x = {.id = id};
	struct uuid u;
	char own[KEY_MAX];
	struct str v;
	enum err e;
	TRY(store_read(api_of(r)->store, &t, f));
	while ((e = store_kv_next(t, user_key(me(r)->user.id, own), &key, &v)) == ERR_OK)
		if (key_read(buf_str(&key), &x.us, &u) && uuid_eq(u, id))
			break;
	TRY(e);
	if (x.us < clock_now_us() - (int64_t)KEEP_SECONDS * 1000000)
		return ERR_NOENT;
	json_t *doc = json_loadb(v.p, v.n, 0, NULL);
	x.doc = doc;
	e = doc && waits_read(r, t, &x) ? ERR_OK : fail(f, ERR_CORRUPT, "a status of TAXII");
	if (e == ERR_OK)
		status_put(&x, b);
	json_decref(doc);
	return e;
}
