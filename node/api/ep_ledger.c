/*
 * ep_ledger.c - /tocsin/ledger/...: who was given what, the log, proofs, checkpoints. For site
 * administrators who may audit: the ledger tells of events that others may not know of.
 */
#include <stdio.h>

#include "api/rest.h"
#include "audit/ledger_bundle.h"
#include "gate/policy.h"

#define SHOWN 1000u
#define SHOWN_MAX 100000u
#define PROOFS_MAX 1000u

static uint64_t number_of(struct http_req *r, const char *key, uint64_t otherwise)
{
	uint64_t n;
	return str_u64(req_param(r, key), &n) ? n : otherwise;
}

static enum err ledger_read(struct http_req *r, struct store_rtxn **t, struct fail *f)
{
	return store_read(api_of(r)->store, t, f);
}

/* What is written is shown at once, also how it ended. */
static enum err ledger_now(struct http_req *r, struct store_rtxn **t, struct fail *f)
{
	if (api_of(r)->egress.ledger)
		TRY(ledger_flush(api_of(r)->egress.ledger, f));
	return ledger_read(r, t, f);
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

struct asked {
	enum ledger_thing thing;
	struct uuid u;
};

/* UUID of an event, cluster or note (what was deleted has one, too), or local id of an event. */
static bool thing_of(struct http_req *r, const struct store_rtxn *t, struct str s, struct asked *q)
{
	struct misp_event e;
	uint64_t id;
	struct str kind = req_param(r, "thing");
	*q = (struct asked){.thing = LEDGER_THING_EVENT};
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
	struct asked q;
	TRY(ledger_now(r, &t, f));
	if (!thing_of(r, t, req_arg(r, "event"), &q)) {
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
	TRY(ledger_now(r, &t, f));
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
	TRY(ledger_now(r, &t, f));
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

/* ---- proofs ---- */

static const struct note_key *key_of(struct http_req *r)
{
	return ledger_key(api_of(r)->egress.ledger);
}

static void answer_text(struct http_req *r, struct buf *b)
{
	reply_body(r, 200, "text/plain; charset=UTF-8", b);
}

/* Leaves that show that a thing was given, each with the one that closes its transfer. */
struct proving {
	const struct store_rtxn *t;
	struct str to; /* only to this audience; empty: to all */
	uint64_t v[2 * PROOFS_MAX];
	size_t n;
};

static void add_leaf(struct proving *p, uint64_t seq)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i] == seq)
			return;
	if (p->n < ARRAY_LEN(p->v))
		p->v[p->n++] = seq;
}

/* From the last leaf back to the first. */
static enum err add_given(void *user, const struct ledger_known *who, const struct ledger_given *g)
{
	struct proving *p = user;
	struct leaf_item room[LEAF_ITEMS];
	struct leaf l;
	struct str bytes;
	uint64_t seq = g->last, closed;
	if (p->to.n && !str_eq(p->to, who->a.name))
		return ERR_OK;
	for (uint64_t prev = 1; prev;) {
		TRY(ledger_leaf_get(p->t, seq, &bytes));
		TRY(leaf_read(bytes, &l, room));
		add_leaf(p, seq);
		if (ledger_closed_by(p->t, seq - l.back, &closed) == ERR_OK)
			add_leaf(p, closed);
		prev = 0;
		for (uint32_t i = 0; i < l.n; i++)
			if (room[i].item.thing == g->sent.thing && room[i].item.id == g->sent.id)
				prev = room[i].prev;
		seq -= prev;
	}
	return ERR_OK;
}

/* A checkpoint of all there is, so that the newest leaf can be proven. */
static enum err sign_now(struct http_req *r, struct fail *f)
{
	return ledger_checkpoint(api_of(r)->egress.ledger, f);
}

static enum err leaves_asked(struct http_req *r, struct proving *p, struct fail *f)
{
	struct str s = req_arg(r, "what");
	struct asked q;
	uint64_t seq, closed;
	bool is_seq = str_u64(s, &seq);
	if (!is_seq && !thing_of(r, p->t, s, &q))
		return fail(f, ERR_INVAL, "A UUID or the number of a leaf is wanted.");
	if (!is_seq)
		return ledger_audiences_of(p->t, q.thing, q.u, add_given, p);
	add_leaf(p, seq);
	if (ledger_closed_by(p->t, seq, &closed) == ERR_OK)
		add_leaf(p, closed);
	return ERR_OK;
}

static enum err ledger_prove_run(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(buf) struct buf b = BUF(ANSWER_MAX);
	struct proving *p = ARENA_NEW(r->arena, struct proving);
	struct fail why = {0};
	struct str text;
	uint64_t size;
	if (!p)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(sign_now(r, f));
	TRY(ledger_read(r, &t, f));
	*p = (struct proving){.t = t, .to = req_param(r, "to")};
	enum err e = leaves_asked(r, p, &why);
	if (e == ERR_INVAL || (e == ERR_OK && !p->n)) {
		reply_error(r, e == ERR_OK ? 404 : 400, "%s",
			    e == ERR_OK ? "The ledger has nothing of it." : why.text);
		return ERR_OK;
	}
	if (e == ERR_OK)
		e = ledger_checkpoint_last(t, &size, &text);
	if (e != ERR_OK)
		return fail(f, e, "reading the ledger");
	bundle_head(&b, LEDGER_TEXT_PROOF, key_of(r));
	for (size_t i = 0; i < p->n && e == ERR_OK; i++)
		e = bundle_proof(t, p->v[i], size, &b, &why);
	if (e == ERR_NOENT) {
		reply_error(r, 404, "%s", why.text);
		return ERR_OK;
	}
	if (e != ERR_OK)
		return fail(f, e, "%s", why.text);
	bundle_line(&b, "checkpoint", text);
	answer_text(r, &b);
	return ERR_OK;
}

/* That the log of today begins with the log of an earlier checkpoint, by its size. */
static enum err ledger_growth(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(buf) struct buf b = BUF(ANSWER_MAX);
	struct str old, now;
	struct tree_path path;
	uint64_t from, size;
	TRY(sign_now(r, f));
	TRY(ledger_read(r, &t, f));
	if (!str_u64(req_arg(r, "from"), &from)) {
		reply_error(r, 400, "The size of an earlier checkpoint is wanted.");
		return ERR_OK;
	}
	uint64_t wanted = from;
	if (ledger_checkpoint_at(t, &from, &old) != ERR_OK || from != wanted) {
		reply_error(r, 404, "There is no checkpoint of that size.");
		return ERR_OK;
	}
	enum err e = ledger_checkpoint_last(t, &size, &now);
	if (e == ERR_OK)
		e = ledger_prove_growth(t, from, size, &path);
	if (e != ERR_OK)
		return fail(f, e, "reading the ledger");
	bundle_head(&b, LEDGER_TEXT_GROWTH, key_of(r));
	bundle_line(&b, "old", old);
	bundle_line(&b, "path", (struct str){(const char *)path.h, path.n * sizeof(path.h[0])});
	bundle_line(&b, "checkpoint", now);
	answer_text(r, &b);
	return ERR_OK;
}

static enum err ledger_key_show(struct http_req *r, struct fail *f)
{
	OWN(buf) struct buf b = BUF(4096), text = BUF(512);
	struct jsonw w = jsonw_on(&b);
	(void)f;
	note_key_print(key_of(r), &text);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_str, "key", buf_str(&text));
	JSONW_KV(&w, jsonw_c, "origin", key_of(r)->origin);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* The newest; POST signs what is there first. */
static enum err ledger_checkpoint_show(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(buf) struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	struct str text;
	uint64_t size, all;
	if (r->method == HTTP_POST)
		TRY(sign_now(r, f));
	TRY(ledger_read(r, &t, f));
	enum err e = ledger_checkpoint_last(t, &size, &text);
	if (e == ERR_NOENT) {
		reply_error(r, 404, "There is no checkpoint yet.");
		return ERR_OK;
	}
	if (e == ERR_OK)
		e = ledger_size(t, &all);
	if (e != ERR_OK)
		return fail(f, e, "reading the ledger");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_uint, "size", size);
	JSONW_KV(&w, jsonw_uint, "unsigned", all - size);
	JSONW_KV(&w, jsonw_str, "checkpoint", text);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- verify ---- */

static void put_problem(void *user, const char *problem)
{
	jsonw_c(user, problem);
}

static enum err ledger_verify_run(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(buf) struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	struct ledger_report rep;
	struct fail why = {0};
	char hex[65];
	TRY(ledger_now(r, &t, f));
	jsonw_obj(&w);
	jsonw_key(&w, "problems");
	jsonw_arr(&w);
	enum err e = ledger_verify(t, key_of(r), NULL, put_problem, &w, &rep, &why);
	if (e != ERR_OK && e != ERR_CORRUPT)
		return fail(f, e, "%s", why.text);
	jsonw_arr_end(&w);
	JSONW_KV(&w, jsonw_bool, "intact", e == ERR_OK);
	JSONW_KV(&w, jsonw_uint, "leaves", rep.leaves);
	JSONW_KV(&w, jsonw_uint, "named", rep.named);
	JSONW_KV(&w, jsonw_uint, "audiences", rep.audiences);
	JSONW_KV(&w, jsonw_uint, "checkpoints", rep.checkpoints);
	JSONW_KV(&w, jsonw_uint, "signed", rep.signed_size);
	JSONW_KV(&w, jsonw_c, "root", hash_hex(rep.root.b, 32, hex));
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* ---- export ---- */

struct exporting {
	struct reply_source source; /* first */
	struct store *store;
	struct buf pending;
	size_t given;
	uint64_t seq;
	bool end;
};

static enum err more(struct exporting *x, size_t want, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	TRY(store_read(x->store, &t, f));
	enum err e = bundle_leaves(t, &x->seq, want, &x->pending, f);
	x->end = e == ERR_NOENT;
	return x->end ? ERR_OK : e;
}

static enum produce export_produce(struct reply_source *s, char *to, size_t max, size_t *made)
{
	struct exporting *x = (struct exporting *)s;
	struct fail f = {0};
	*made = 0;
	if (x->given == x->pending.n && !x->end) {
		buf_clear(&x->pending);
		x->given = 0;
		if (more(x, max, &f) != ERR_OK)
			return PRODUCE_ABORT;
	}
	*made = MIN(max, x->pending.n - x->given);
	if (*made)
		memcpy(to, x->pending.p + x->given, *made);
	x->given += *made;
	return x->end && x->given == x->pending.n ? PRODUCE_END : PRODUCE_MORE;
}

static void export_free(struct reply_source *s)
{
	struct exporting *x = (struct exporting *)s;
	buf_free(&x->pending);
	free(x);
}

static enum err ledger_export(struct http_req *r, struct fail *f)
{
	static const struct reply_source_ops ops = {.produce = export_produce, .free = export_free};
	struct exporting *x = calloc(1, sizeof(*x));
	if (!x)
		return fail(f, ERR_NOMEM, "no memory");
	*x = (struct exporting){.source = {.ops = &ops, .length = -1},
				.store = api_of(r)->store,
				.pending = BUF(16u << 20)};
	enum err e = sign_now(r, f);
	if (e != ERR_OK) {
		export_free(&x->source);
		return e;
	}
	bundle_head(&x->pending, LEDGER_TEXT_BUNDLE, key_of(r));
	reply_stream(r, 200, "text/plain; charset=UTF-8", &x->source);
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
const struct endpoint ep_ledger_prove = {
	.methods = HTTP_GET,
	.path = "/tocsin/ledger/prove/:what",
	.auth = perm_site_admin | perm_audit,
	.run = ledger_prove_run,
	.shape = "LedgerText",
	.doc = "Proof that leaves about an event (UUID), or one leaf (number), stand in the ledger",
};
const struct endpoint ep_ledger_growth = {
	.methods = HTTP_GET,
	.path = "/tocsin/ledger/growth/:from",
	.auth = perm_site_admin | perm_audit,
	.run = ledger_growth,
	.shape = "LedgerText",
	.doc = "Proof that the ledger begins with that of an earlier checkpoint",
};
const struct endpoint ep_ledger_key = {
	.methods = HTTP_GET,
	.path = "/tocsin/ledger/key",
	.auth = perm_site_admin | perm_audit,
	.run = ledger_key_show,
	.shape = "LedgerKey",
	.doc = "The public key that signs checkpoints",
};
const struct endpoint ep_ledger_checkpoint = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/tocsin/ledger/checkpoint",
	.auth = perm_site_admin | perm_audit,
	.run = ledger_checkpoint_show,
	.shape = "LedgerCheckpoint",
	.doc = "The newest checkpoint; POST makes one",
};
const struct endpoint ep_ledger_verify = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/tocsin/ledger/verify",
	.auth = perm_site_admin | perm_audit,
	.run = ledger_verify_run,
	.shape = "LedgerReport",
	.doc = "Is the ledger intact? Reads all of it",
};
const struct endpoint ep_ledger_export = {
	.methods = HTTP_GET,
	.path = "/tocsin/ledger/export",
	.auth = perm_site_admin | perm_audit,
	.run = ledger_export,
	.shape = "LedgerText",
	.doc = "The whole ledger as lines of text that others can verify",
};
