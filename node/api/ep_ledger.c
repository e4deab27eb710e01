/*
 * ep_ledger.c - /tocsin/ledger/...: who was given what, the log, proofs, checkpoints. For site
 * administrators who may audit: the ledger tells of events that others may not know of.
 */
#include "api/ledger_asked.h"

#include <stdio.h>

#include "gate/policy.h"

#define SHOWN 1000u
#define SHOWN_MAX 100000u

static uint64_t number_of(struct http_req *r, const char *key, uint64_t otherwise)
{
	uint64_t n;
	return str_u64(req_param(r, key), &n) ? n : otherwise;
}

enum err ledger_read_now(struct http_req *r, struct store_rtxn **t, struct fail *f)
{
	if (api_of(r)->egress.ledger)
		TRY(ledger_flush(api_of(r)->egress.ledger, f));
	return store_read(api_of(r)->store, t, f);
}

/* ---- pieces ---- */

static void audience_members(struct jsonw *w, const struct ledger_audience *a)
{
	JSONW_KV(w, jsonw_str, "name", a->name);
	JSONW_KV(w, jsonw_c, "kind", audience_kind_name(a->kind));
	jsonw_key(w, "org_uuid");
	if (uuid_is_nil(a->org))
		jsonw_null(w);
	else
		jsonw_uuid(w, a->org);
}

static void time_of(struct jsonw *w, const char *key, uint64_t ms)
{
	JSONW_KV(w, jsonw_uint, key, ms / 1000);
}

/* How the transfer that begins with leaf `first` ended; null while it is under way. */
static void outcome_members(struct jsonw *w, const struct store_rtxn *t, uint64_t first)
{
	struct leaf_item items[LEAF_ITEMS];
	struct leaf l;
	struct str bytes;
	uint64_t seq;
	char hex[65];
	if (ledger_closed_by(t, first, &seq) != ERR_OK ||
	    ledger_leaf_get(t, seq, &bytes) != ERR_OK || leaf_read(bytes, &l, items) != ERR_OK) {
		JSONW_KV(w, jsonw_c, "outcome", "under way");
		return;
	}
	JSONW_KV(w, jsonw_c, "outcome", ledger_outcome_name(l.outcome));
	JSONW_KV(w, jsonw_uint, "closed_by", seq);
	JSONW_KV(w, jsonw_uint, "bytes", l.bytes);
	JSONW_KV(w, jsonw_c, "sha256", hash_hex(l.digest, 32, hex));
}

/* A leaf by its number, with when and how. */
static void leaf_ref(struct jsonw *w, const struct store_rtxn *t, const char *key, uint64_t seq)
{
	struct leaf_item items[LEAF_ITEMS];
	struct leaf l;
	struct str bytes;
	jsonw_key(w, key);
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint, "leaf", seq);
	if (ledger_leaf_get(t, seq, &bytes) == ERR_OK && leaf_read(bytes, &l, items) == ERR_OK) {
		time_of(w, "time", l.time_ms);
		JSONW_KV(w, jsonw_str, "way", l.way);
		outcome_members(w, t, seq - l.back);
	}
	jsonw_obj_end(w);
}

static void version(struct jsonw *w, const char *key, const struct ledger_item *x)
{
	jsonw_key(w, key);
	if (!x->seq) {
		jsonw_null(w);
		return;
	}
	jsonw_obj(w);
	JSONW_KV(w, jsonw_int, "timestamp", x->timestamp);
	JSONW_KV(w, jsonw_uint, "change", x->seq);
	jsonw_obj_end(w);
}

static void given_members(struct jsonw *w, const struct store_rtxn *t, const struct ledger_given *g)
{
	version(w, "sent", &g->sent);
	version(w, "listed", &g->listed);
	JSONW_KV(w, jsonw_uint, "times", g->times);
	leaf_ref(w, t, "first", g->first);
	leaf_ref(w, t, "last", g->last);
}

static void items(struct jsonw *w, const struct leaf *l)
{
	jsonw_key(w, "items");
	jsonw_arr(w);
	for (uint32_t i = 0; i < l->n; i++) {
		const struct ledger_item *x = &l->v[i].item;
		jsonw_obj(w);
		JSONW_KV(w, jsonw_c, "thing", ledger_thing_name(x->thing));
		JSONW_KV(w, jsonw_uuid, "uuid", x->uuid);
		JSONW_KV(w, jsonw_int, "timestamp", x->timestamp);
		JSONW_KV(w, jsonw_uint, "change", x->seq);
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
}

static void leaf_object(struct jsonw *w, uint64_t seq, const struct leaf *l)
{
	char hex[65];
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint, "leaf", seq);
	JSONW_KV(w, jsonw_c, "kind", leaf_kind_name(l->kind));
	time_of(w, "time", l->time_ms);
	switch ((enum leaf_kind)l->kind) {
	case LEAF_INTENT:
		JSONW_KV(w, jsonw_uint, "transfer", seq - l->back);
		jsonw_key(w, "audience");
		jsonw_obj(w);
		audience_members(w, &l->to);
		jsonw_obj_end(w);
		JSONW_KV(w, jsonw_str, "way", l->way);
		JSONW_KV(w, jsonw_bool, "listing", l->listing);
		JSONW_KV(w, jsonw_c, "policy", hash_hex(l->policy, 32, hex));
		JSONW_KV(w, jsonw_uint, "again", l->again);
		items(w, l);
		break;
	case LEAF_CLOSED:
		JSONW_KV(w, jsonw_uint, "transfer", seq - l->back);
		JSONW_KV(w, jsonw_c, "outcome", ledger_outcome_name(l->outcome));
		JSONW_KV(w, jsonw_uint, "bytes", l->bytes);
		JSONW_KV(w, jsonw_c, "sha256", hash_hex(l->digest, 32, hex));
		break;
	case LEAF_KEY:
		JSONW_KV(w, jsonw_str, "origin", l->origin);
		JSONW_KV(w, jsonw_c, "public_key", hash_hex(l->key, 32, hex));
		break;
	case LEAF_AUDIT:
		jsonw_key(w, "chains");
		jsonw_arr(w);
		for (uint32_t i = 0; i < l->n_tips; i++) {
			jsonw_obj(w);
			JSONW_KV(w, jsonw_uint, "chain", l->tips[i].chain);
			JSONW_KV(w, jsonw_uint, "record", l->tips[i].seq);
			JSONW_KV(w, jsonw_c, "digest", hash_hex(l->tips[i].digest.b, 32, hex));
			jsonw_obj_end(w);
		}
		jsonw_arr_end(w);
		break;
	case LEAF_KINDS:
		break;
	}
	jsonw_obj_end(w);
}

/* ---- who, what ---- */

bool ledger_asked(struct http_req *r, const struct store_rtxn *t, struct str s, struct ledger_asked *q)
{
	struct misp_event e;
	uint64_t id;
	struct str kind = req_param(r, "thing");
	*q = (struct ledger_asked){.thing = LEDGER_THING_EVENT};
	for (unsigned i = 0; kind.n && i < LEDGER_THINGS; i++)
		if (str_is(kind, ledger_thing_name(i)))
			q->thing = i;
	if (uuid_parse(s, &q->u))
		return true;
	if (!str_u64(s, &id) || store_get(t, T_EVENT, id, NULL, &e) != ERR_OK)
		return false;
	q->u = e.uuid;
	return true;
}

struct who_answer {
	struct jsonw *w;
	const struct store_rtxn *t;
};

static enum err put_who(void *user, const struct ledger_known *who, const struct ledger_given *g)
{
	struct who_answer *x = user;
	jsonw_obj(x->w);
	audience_members(x->w, &who->a);
	given_members(x->w, x->t, g);
	jsonw_obj_end(x->w);
	return buf_err(x->w->out);
}

static enum err ledger_who(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(buf) struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	struct ledger_asked q;
	TRY(ledger_read_now(r, &t, f));
	if (!ledger_asked(r, t, req_arg(r, "event"), &q)) {
		reply_error(r, 400, "A UUID, or the number of an event, is wanted.");
		return ERR_OK;
	}
	struct who_answer x = {&w, t};
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_uuid, "uuid", q.u);
	JSONW_KV(&w, jsonw_c, "thing", ledger_thing_name(q.thing));
	jsonw_key(&w, "audiences");
	jsonw_arr(&w);
	enum err e = ledger_audiences_of(t, q.thing, q.u, put_who, &x);
	if (e != ERR_OK)
		return fail(f, e, "reading the ledger");
	jsonw_arr_end(&w);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* Things of all kinds that an audience was given, at most `left` of them. */
static enum err put_what(struct jsonw *w, const struct store_rtxn *t, uint32_t number,
			 uint64_t *left)
{
	for (unsigned thing = 0; thing < LEDGER_THINGS; thing++) {
		struct ledger_given g = {.sent = {.thing = (uint8_t)thing}};
		enum err e = ERR_OK;
		while (*left && (e = ledger_given_next(t, number, &g)) == ERR_OK) {
			--*left;
			jsonw_obj(w);
			JSONW_KV(w, jsonw_c, "thing", ledger_thing_name(thing));
			JSONW_KV(w, jsonw_uuid, "uuid", g.sent.uuid);
			given_members(w, t, &g);
			jsonw_obj_end(w);
		}
		if (e != ERR_OK && e != ERR_NOENT)
			return e;
	}
	return buf_err(w->out);
}

static void put_audience(struct jsonw *w, const struct store_rtxn *t,
			 const struct ledger_known *who)
{
	uint64_t first = 0, last = UINT64_MAX;
	jsonw_obj(w);
	audience_members(w, &who->a);
	if (ledger_leaf_of(t, who->number, false, &first) == ERR_OK)
		leaf_ref(w, t, "first", first);
	if (ledger_leaf_of(t, who->number, true, &last) == ERR_OK)
		leaf_ref(w, t, "last", last);
}

/* Without a name the audiences; with one, or the UUID of its organisation, what they were given. */
static enum err ledger_what(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(buf) struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	struct str name = req_arg(r, "audience");
	if (!name.n)
		name = req_param(r, "audience");
	struct ledger_known who;
	struct uuid org = UUID_NIL;
	uint32_t number = UINT32_MAX;
	uint64_t left = MIN(number_of(r, "limit", SHOWN), (uint64_t)SHOWN_MAX);
	bool by_org = uuid_parse(name, &org);
	enum err e;
	TRY(ledger_read_now(r, &t, f));
	jsonw_obj(&w);
	jsonw_key(&w, "audiences");
	jsonw_arr(&w);
	while ((e = ledger_audience_next(t, &number, &who)) == ERR_OK) {
		if (name.n && !(by_org ? uuid_eq(who.a.org, org) : str_eq(who.a.name, name)))
			continue;
		put_audience(&w, t, &who);
		if (name.n) {
			jsonw_key(&w, "given");
			jsonw_arr(&w);
			TRY(put_what(&w, t, number, &left));
			jsonw_arr_end(&w);
		}
		jsonw_obj_end(&w);
	}
	if (e != ERR_NOENT)
		return fail(f, e, "reading the ledger");
	jsonw_arr_end(&w);
	JSONW_KV(&w, jsonw_bool, "more", name.n && !left);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* The last leaves, the newest first; `before` N goes on behind. */
static enum err ledger_log(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(buf) struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	struct leaf_item room[LEAF_ITEMS];
	struct leaf l;
	struct str bytes;
	uint64_t size, limit = MIN(number_of(r, "limit", 50), (uint64_t)SHOWN_MAX);
	TRY(ledger_read_now(r, &t, f));
	enum err e = ledger_size(t, &size);
	if (e != ERR_OK)
		return fail(f, e, "reading the ledger");
	uint64_t at = MIN(number_of(r, "before", size), size);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_uint, "size", size);
	jsonw_key(&w, "leaves");
	jsonw_arr(&w);
	for (; at && limit; limit--) {
		e = ledger_leaf_get(t, --at, &bytes);
		if (e == ERR_OK)
			e = leaf_read(bytes, &l, room);
		if (e != ERR_OK)
			return fail(f, e, "a leaf of the ledger is damaged");
		leaf_object(&w, at, &l);
	}
	jsonw_arr_end(&w);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- rows ---- */

const struct endpoint ep_ledger_who = {
	.methods = HTTP_GET,
	.path = "/tocsin/ledger/who/:event",
	.auth = perm_site_admin | perm_audit,
	.run = ledger_who,
	.shape = "LedgerWho",
	.doc = "Which audiences were given an event (or `thing` cluster, analyst_data), in which version",
};
const struct endpoint ep_ledger_what = {
	.methods = HTTP_GET,
	.path = "/tocsin/ledger/what/:audience",
	.auth = perm_site_admin | perm_audit,
	.run = ledger_what,
	.shape = "LedgerWhat",
	.doc = "What an audience, or an organisation by UUID, was given; without a name the audiences",
};
const struct endpoint ep_ledger_log = {
	.methods = HTTP_GET,
	.path = "/tocsin/ledger/log",
	.auth = perm_site_admin | perm_audit,
	.run = ledger_log,
	.shape = "LedgerLog",
	.doc = "The last leaves of the ledger, the newest first",
};
