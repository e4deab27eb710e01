/*
 * ep_ledger_proof.c - what others need to check the ledger: proofs, checkpoints, the key, all of its lines; and
 * whether it is intact.
 */
#include <stdio.h>

#include "api/ledger_asked.h"
#include "gate/policy.h"

#define PROOFS_MAX 1000u

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
	struct ledger_asked q;
	uint64_t seq, closed;
	bool is_seq = str_u64(s, &seq);
	if (!is_seq && !ledger_asked(r, p->t, s, &q))
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
	TRY(store_read(api_of(r)->store, &t, f));
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
	TRY(store_read(api_of(r)->store, &t, f));
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
	TRY(store_read(api_of(r)->store, &t, f));
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
	TRY(ledger_read_now(r, &t, f));
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
