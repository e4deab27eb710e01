/*
 * ledger_write.c - leaves, nodes and indexes, appended inside one write job. Nothing is kept between
 * jobs but what the transaction holds, so a job may run again.
 */
#include "audit/ledger_impl.h"
#include "audit/line.h"
#include "base/clock.h"

/* ---- keys ---- */

struct lkey key_leaf(uint64_t seq)
{
	struct lkey k = {.n = 8};
	be64_to(k.b, seq);
	return k;
}

struct lkey key_node(uint64_t last, unsigned level)
{
	struct lkey k = {.n = 9};
	be64_to(k.b, last);
	k.b[8] = (uint8_t)level;
	return k;
}

struct lkey key_given(uint32_t audience, unsigned thing, uint64_t id)
{
	struct lkey k = {.n = 13};
	be32_to(k.b, audience);
	k.b[4] = (uint8_t)thing;
	be64_to(k.b + 5, id);
	return k;
}

struct lkey key_id(unsigned thing, struct uuid u, uint64_t id)
{
	struct lkey k = {.n = KEY_ID_PREFIX + 8};
	be32_to(k.b, AUDIENCE_NONE);
	k.b[4] = (uint8_t)thing;
	memcpy(k.b + 5, u.b, 16);
	be64_to(k.b + KEY_ID_PREFIX, id);
	return k;
}

struct lkey key_aud(uint32_t number)
{
	struct lkey k = {.b = {AUD_ROW}, .n = 5};
	be32_to(k.b + 1, number);
	return k;
}

struct lkey key_aud_name(const struct ledger_audience *a)
{
	struct lkey k = {.b = {AUD_NAME}, .n = 33};
	OWN(buf) struct buf b = BUF(LEAF_TEXT_MAX + 32);
	buf_putc(&b, (char)a->kind);
	buf_add(&b, a->org.b, 16);
	buf_str_add(&b, a->name);
	struct sha256 d = hash_sha256(buf_str(&b));
	memcpy(k.b + 1, d.b, 32);
	return k;
}

struct lkey key_aud_leaf(uint32_t number, uint64_t seq)
{
	struct lkey k = {.b = {AUD_LEAF}, .n = 13};
	be32_to(k.b + 1, number);
	be64_to(k.b + 5, seq);
	return k;
}

struct lkey key_closed(uint64_t first)
{
	struct lkey k = {.b = {AUD_CLOSED}, .n = 9};
	be64_to(k.b + 1, first);
	return k;
}

/* ---- values ---- */

#define HEAD_FORMAT 1
#define HEAD_FIXED 42
#define HEAD_CHECK 8 /* of the SHA-256 of all before: not all of it can be told from the leaves */

static void head_check(const void *p, size_t n, uint8_t out[HEAD_CHECK])
{
	struct sha256 d = hash_sha256((struct str){p, n});
	memcpy(out, d.b, HEAD_CHECK);
}

enum err head_get(const struct store_rtxn *t, struct head *h)
{
	struct str v;
	enum err e = store_kv_get(t, STR(HEAD_KEY), &v);
	*h = (struct head){0};
	if (e == ERR_NOENT)
		return ERR_OK;
	TRY(e);
	uint8_t check[HEAD_CHECK];
	if (v.n < HEAD_FIXED + HEAD_CHECK || v.p[0] != HEAD_FORMAT)
		return ERR_CORRUPT;
	v.n -= HEAD_CHECK;
	head_check(v.p, v.n, check);
	if (memcmp(check, v.p + v.n, HEAD_CHECK) != 0)
		return ERR_CORRUPT;
	h->tree.size = be64_of(v.p + 1);
	h->open_from = be64_of(v.p + 9);
	h->signed_size = be64_of(v.p + 17);
	h->time_ms = be64_of(v.p + 25);
	h->checkpoints = be64_of(v.p + 33);
	h->tree.n = (uint8_t)v.p[41];
	unsigned peaks = 0;
	for (uint64_t n = h->tree.size; n; n &= n - 1)
		peaks++;
	if (h->tree.n != peaks || v.n != HEAD_FIXED + 32 * (size_t)h->tree.n)
		return ERR_CORRUPT;
	memcpy(h->tree.peak, v.p + HEAD_FIXED, 32 * (size_t)h->tree.n);
	return ERR_OK;
}

enum err head_put(struct store_wtxn *w, const struct head *h, struct fail *f)
{
	uint8_t b[HEAD_FIXED + sizeof(h->tree.peak) + HEAD_CHECK] = {HEAD_FORMAT};
	size_t n = HEAD_FIXED + 32 * (size_t)h->tree.n;
	be64_to(b + 1, h->tree.size);
	be64_to(b + 9, h->open_from);
	be64_to(b + 17, h->signed_size);
	be64_to(b + 25, h->time_ms);
	be64_to(b + 33, h->checkpoints);
	b[41] = (uint8_t)h->tree.n;
	memcpy(b + HEAD_FIXED, h->tree.peak, 32 * (size_t)h->tree.n);
	head_check(b, n, b + n);
	struct str v = {(const char *)b, n + HEAD_CHECK};
	return store_kv_put(w, STR(HEAD_KEY), v, f);
}

void given_pack(const struct ledger_given *g, struct buf *b)
{
	leaf_num_put(b, g->first);
	leaf_num_put(b, g->last - g->first);
	leaf_num_put(b, g->times);
	leaf_num_put(b, (uint64_t)g->sent.timestamp);
	leaf_num_put(b, g->sent.seq);
	leaf_num_put(b, (uint64_t)g->listed.timestamp);
	leaf_num_put(b, g->listed.seq);
	buf_add(b, g->sent.uuid.b, 16);
}

enum err given_unpack(struct str s, unsigned thing, uint64_t id, struct ledger_given *g)
{
	uint64_t v[7];
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		if (!leaf_num_get(&s, &v[i]))
			return ERR_CORRUPT;
	if (s.n != 16)
		return ERR_CORRUPT;
	*g = (struct ledger_given){.first = v[0], .last = v[0] + v[1], .times = v[2]};
	g->sent = (struct ledger_item){.thing = (uint8_t)thing, .id = id,
				       .timestamp = (int64_t)v[3], .seq = v[4]};
	memcpy(g->sent.uuid.b, s.p, 16);
	g->listed = g->sent;
	g->listed.timestamp = (int64_t)v[5];
	g->listed.seq = v[6];
	return ERR_OK;
}

enum err audience_unpack(struct str s, struct ledger_audience *a)
{
	if (s.n < 17 || s.n > 17 + LEAF_TEXT_MAX)
		return ERR_CORRUPT;
	a->kind = (uint8_t)s.p[0];
	memcpy(a->org.b, s.p + 1, 16);
	a->name = (struct str){s.p + 17, s.n - 17};
	return ERR_OK;
}

/* ---- a job ---- */

enum err append_begin(struct appending *a, struct store_wtxn *w, struct fail *f)
{
	*a = (struct appending){.w = w, .bytes = BUF(LEAF_BYTES_MAX)};
	enum err e = head_get(store_view(w), &a->head);
	if (e != ERR_OK)
		return fail(f, e, "the head of the ledger cannot be read");
	/* the clock as it is: their numbers are the order of leaves, and one that went ahead for a while
	   must not date all that follows */
	a->now_ms = (uint64_t)MAX(clock_now_us(), 0) / 1000;
	return ERR_OK;
}

static enum err node_done(void *user, uint64_t last, unsigned level, const struct sha256 *hash)
{
	struct appending *a = user;
	struct lkey k = key_node(last, level);
	return store_book_put(a->w, BOOK_LEDGER_NODE, lkey_str(&k),
			      (struct str){(const char *)hash->b, 32}, NULL);
}

enum err append_leaf(struct appending *a, struct leaf *l, struct fail *f)
{
	struct lkey k = key_leaf(a->head.tree.size);
	l->time_ms = a->head.time_ms = a->now_ms;
	buf_clear(&a->bytes);
	enum err e = leaf_write(l, &a->bytes);
	if (e != ERR_OK)
		return fail(f, e, "a leaf of the ledger is too long");
	TRY(store_book_put(a->w, BOOK_LEDGER, lkey_str(&k), buf_str(&a->bytes), f));
	struct sha256 h = tree_leaf(buf_str(&a->bytes));
	e = tree_grow(&a->head.tree, &h, node_done, a);
	return e == ERR_OK ? e : fail(f, e, "the tree of the ledger does not grow");
}

enum err append_audience(struct appending *a, const struct ledger_audience *to, uint32_t *number,
			 struct fail *f)
{
	OWN(buf) struct buf row = BUF(LEAF_TEXT_MAX + 32), last = BUF(16);
	uint8_t raw[4];
	struct str v;
	enum err e = ledger_audience_find(store_view(a->w), to, number);
	if (e != ERR_NOENT)
		return e;
	e = store_book_prev(store_view(a->w), BOOK_LEDGER_AUDIENCE, STR("A"), &last, &v);
	if (e != ERR_OK && e != ERR_NOENT)
		return fail(f, e, "reading the audiences of the ledger");
	*number = e == ERR_OK && last.n == 5 ? be32_of(last.p + 1) + 1 : 0;
	if (*number == AUDIENCE_NONE)
		return fail(f, ERR_LIMIT, "too many audiences");
	buf_putc(&row, (char)to->kind);
	buf_add(&row, to->org.b, 16);
	buf_str_add(&row, to->name);
	struct lkey k = key_aud(*number), name = key_aud_name(to);
	be32_to(raw, *number);
	TRY(store_book_put(a->w, BOOK_LEDGER_AUDIENCE, lkey_str(&k), buf_str(&row), f));
	return store_book_put(a->w, BOOK_LEDGER_AUDIENCE, lkey_str(&name),
			      (struct str){(const char *)raw, 4}, f);
}

/* The UUID of something that this audience is given for the first time. */
static enum err note_id(struct appending *a, const struct ledger_item *x, struct fail *f)
{
	struct lkey k = key_id(x->thing, x->uuid, x->id);
	struct str v;
	enum err e = store_book_get(store_view(a->w), BOOK_LEDGER_EVENT, lkey_str(&k), &v);
	if (e != ERR_NOENT)
		return e;
	return store_book_put(a->w, BOOK_LEDGER_EVENT, lkey_str(&k), STR_NONE, f);
}

/* *twice: this leaf names it already (an event with hits on both sides of another one's). */
static enum err note_given(struct appending *a, uint32_t audience, bool listing,
			   struct leaf_item *li, bool *twice, struct fail *f)
{
	char room[160];
	struct buf b = {room, 0, sizeof(room), sizeof(room), ERR_OK};
	uint64_t seq = a->head.tree.size; /* of the leaf that is being made */
	const struct ledger_item *x = &li->item;
	struct ledger_given g;
	enum err e = ledger_last(store_view(a->w), audience, x->thing, x->id, &g);
	if (e == ERR_NOENT) {
		TRY(note_id(a, x, f));
		g = (struct ledger_given){.first = seq, .last = seq};
		li->prev = 0;
	} else if (e != ERR_OK) {
		return fail(f, e, "reading the index of the ledger");
	} else {
		li->prev = seq - g.last;
	}
	*twice = e == ERR_OK && g.last == seq;
	if (*twice)
		return ERR_OK;
	g.sent.uuid = x->uuid;
	g.last = seq;
	g.times++;
	struct ledger_item *version = listing ? &g.listed : &g.sent;
	version->timestamp = x->timestamp;
	version->seq = x->seq;
	given_pack(&g, &b);
	struct lkey k = key_given(audience, x->thing, x->id);
	return store_book_put(a->w, BOOK_LEDGER_EVENT, lkey_str(&k), buf_str(&b), f);
}

enum err append_intents(struct appending *a, const struct append_intent *x, uint64_t *first,
			struct fail *f)
{
	struct leaf_item items[LEAF_ITEMS];
	uint64_t again = x->again;
	uint32_t audience;
	size_t i = 0;
	TRY(append_audience(a, &x->to, &audience, f));
	do {
		uint64_t seq = a->head.tree.size;
		struct leaf l = {.kind = LEAF_INTENT, .listing = x->listing, .to = x->to,
				 .way = x->way, .again = again, .v = items};
		if (*first == UINT64_MAX)
			*first = seq;
		l.back = seq - *first;
		memcpy(l.policy, x->policy, sizeof(l.policy));
		for (; i < x->n && l.n < LEAF_ITEMS; i++) {
			bool twice = false;
			items[l.n] = (struct leaf_item){.item = x->v[i]};
			TRY(note_given(a, audience, x->listing, &items[l.n], &twice, f));
			l.n += !twice;
		}
		struct lkey k = key_aud_leaf(audience, seq);
		TRY(store_book_put(a->w, BOOK_LEDGER_AUDIENCE, lkey_str(&k), STR_NONE, f));
		TRY(append_leaf(a, &l, f));
		again = 0;
	} while (i < x->n);
	return ERR_OK;
}

enum err append_closed(struct appending *a, uint64_t first, unsigned outcome, uint64_t bytes,
		       const uint8_t digest[32], struct fail *f)
{
	uint8_t raw[8];
	uint64_t seq = a->head.tree.size;
	struct leaf l = {.kind = LEAF_CLOSED, .back = seq - first, .outcome = (uint8_t)outcome,
			 .bytes = bytes};
	memcpy(l.digest, digest, sizeof(l.digest));
	struct lkey k = key_closed(first);
	be64_to(raw, seq);
	TRY(store_book_put(a->w, BOOK_LEDGER_AUDIENCE, lkey_str(&k),
			   (struct str){(const char *)raw, 8}, f));
	return append_leaf(a, &l, f);
}

enum err append_key(struct appending *a, const struct note_key *k, struct fail *f)
{
	struct leaf l = {.kind = LEAF_KEY, .origin = str_c(k->origin)};
	struct str was, now = {(const char *)k->pub, sizeof(k->pub)};
	memcpy(l.key, k->pub, sizeof(l.key));
	if (store_kv_get(store_view(a->w), STR(SIGNER_KEY), &was) == ERR_OK && str_eq(was, now))
		return ERR_OK;
	TRY(store_kv_put(a->w, STR(SIGNER_KEY), now, f));
	return append_leaf(a, &l, f);
}

enum err append_audit(struct appending *a, struct fail *f)
{
	struct leaf l = {.kind = LEAF_AUDIT};
	OWN(buf) struct buf now = BUF(LEAF_TIPS * 64);
	struct str was;
	_Static_assert(AUDIT_CHAINS <= LEAF_TIPS, "a leaf names all chains");
	for (unsigned c = 0; c < AUDIT_CHAINS; c++) {
		uint8_t key[AUDIT_KEY_BYTES];
		struct audit_tip tip;
		TRY(audit_tip(store_view(a->w), (enum audit_chain)c, &tip));
		audit_key((enum audit_chain)c, 0, key);
		if (tip.seq)
			l.tips[l.n_tips++] = (struct leaf_tip){key[0], tip.seq, tip.hash};
	}
	uint8_t at[8];
	be64_to(at, a->head.tree.size);
	buf_add(&now, at, sizeof(at));
	for (uint32_t i = 0; i < l.n_tips; i++) {
		leaf_num_put(&now, l.tips[i].seq);
		buf_add(&now, l.tips[i].digest.b, sizeof(l.tips[i].digest.b));
	}
	if (store_kv_get(store_view(a->w), STR(TIPS_KEY), &was) != ERR_OK || was.n < sizeof(at))
		was = STR_NONE;
	if (!l.n_tips || (was.n && str_eq(str_sub(was, 8, was.n), str_sub(buf_str(&now), 8, now.n))))
		return buf_err(&now);
	l.back = was.n ? a->head.tree.size - be64_of(was.p) : 0;
	TRY(store_kv_put(a->w, STR(TIPS_KEY), buf_str(&now), f));
	return append_leaf(a, &l, f);
}

enum err append_checkpoint(struct appending *a, const struct note_key *k, struct fail *f)
{
	OWN(buf) struct buf text = BUF(NOTE_BYTES_MAX);
	struct head *h = &a->head;
	if (!h->tree.size || h->signed_size == h->tree.size)
		return ERR_OK;
	struct checkpoint c = {h->tree.size, tree_root(&h->tree)};
	struct lkey key = key_node(h->tree.size - 1, LEVEL_CHECKPOINT);
	TRY(note_sign(k, &c, &text, f));
	h->signed_size = h->tree.size;
	h->checkpoints++;
	return store_book_put(a->w, BOOK_LEDGER_NODE, lkey_str(&key), buf_str(&text), f);
}

enum err append_end(struct appending *a, enum err e, struct fail *f)
{
	buf_free(&a->bytes);
	return e == ERR_OK ? head_put(a->w, &a->head, f) : e;
}
