/*
 * ledger_check.c - the whole ledger against itself: leaves against hashes, head and checkpoints, then
 * both against the indexes, there and back. Reads only.
 */
#include "audit/ledger_impl.h"
#include "audit/line.h"

#include <inttypes.h>
#include <stdio.h>

#define KEYS_MAX 64
#define KEY_ROOM 64
#define TOLD_MAX 1000

struct check {
	const struct store_rtxn *t;
	const struct note_key *key; /* that of whoever asks, or NULL */
	ledger_tell_fn tell;
	ledger_progress_fn progress;
	void *user;
	struct ledger_report *r;
	struct head head;
	struct tree tree;
	struct note_key keys[KEYS_MAX]; /* that the log names */
	unsigned n_keys;
	uint64_t nodes, intents, closed, time_ms;
	uint64_t audits, last_audit; /* leaves about the audit log */
	bool last_by_key; /* the newest checkpoint is signed by `key` */
	struct leaf leaf;
	struct leaf_item items[LEAF_ITEMS];
};

static void PRINTF_LIKE(2, 3) problem(struct check *c, const char *fmt, ...)
{
	char text[200];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (c->r->problems++ < TOLD_MAX)
		c->tell(c->user, text);
}

/* ---- leaves and hashes ---- */

static enum err node_same(void *user, uint64_t last, unsigned level, const struct sha256 *hash)
{
	struct check *c = user;
	struct lkey k = key_node(last, level);
	struct str v;
	enum err e = store_book_get(c->t, BOOK_LEDGER_NODE, lkey_str(&k), &v);
	if (e != ERR_OK && e != ERR_NOENT)
		return e;
	c->nodes += e == ERR_OK;
	if (e == ERR_NOENT || v.n != 32 || memcmp(v.p, hash->b, 32) != 0)
		problem(c, "hash of level %u up to leaf %" PRIu64 " is missing or wrong", level, last);
	return ERR_OK;
}

static void key_leaf_read(struct check *c)
{
	struct note_key *k = &c->keys[c->n_keys];
	if (c->n_keys == KEYS_MAX || c->leaf.origin.n >= sizeof(k->origin))
		return;
	*k = (struct note_key){.origin = ""};
	memcpy(k->origin, c->leaf.origin.p, c->leaf.origin.n);
	memcpy(k->pub, c->leaf.key, sizeof(k->pub));
	c->n_keys++;
}

static bool is_signed(struct check *c, struct str text, struct checkpoint *at)
{
	struct fail f = {0};
	bool good = false;
	c->last_by_key = c->key && note_check(c->key, text, at, &f) == ERR_OK;
	for (unsigned i = c->n_keys; i && !good && !c->last_by_key; i--)
		good = note_check(&c->keys[i - 1], text, at, &f) == ERR_OK;
	return good || c->last_by_key;
}

static enum err checkpoint_at(struct check *c, uint64_t seq)
{
	struct lkey k = key_node(seq, LEVEL_CHECKPOINT);
	struct checkpoint at;
	struct str text;
	enum err e = store_book_get(c->t, BOOK_LEDGER_NODE, lkey_str(&k), &text);
	if (e != ERR_OK)
		return e == ERR_NOENT ? ERR_OK : e;
	struct sha256 root = tree_root(&c->tree);
	c->r->checkpoints++;
	c->r->signed_size = seq + 1;
	if (!is_signed(c, text, &at))
		problem(c, "the checkpoint of %" PRIu64 " leaves is not signed by a key of this log",
			seq + 1);
	else if (at.size != seq + 1 || memcmp(at.root.b, root.b, 32) != 0)
		problem(c, "the checkpoint of %" PRIu64 " leaves has another root: leaves were changed",
			seq + 1);
	return ERR_OK;
}

/* ---- a leaf against the indexes ---- */

static bool same_version(const struct ledger_item *a, const struct ledger_item *b)
{
	return a->timestamp == b->timestamp && a->seq == b->seq && uuid_eq(a->uuid, b->uuid);
}

static enum err intent_known(struct check *c, uint64_t seq)
{
	const struct leaf *l = &c->leaf;
	struct ledger_given g;
	uint32_t number;
	struct str v;
	enum err e = ledger_audience_find(c->t, &l->to, &number);
	if (e == ERR_NOENT) {
		problem(c, "the audience of leaf %" PRIu64 " is not in the index", seq);
		return ERR_OK;
	}
	TRY(e);
	struct lkey k = key_aud_leaf(number, seq);
	if (store_book_get(c->t, BOOK_LEDGER_AUDIENCE, lkey_str(&k), &v) != ERR_OK)
		problem(c, "leaf %" PRIu64 " is not in the index of its audience", seq);
	for (uint32_t i = 0; i < l->n; i++) {
		const struct ledger_item *x = &l->v[i].item;
		e = ledger_last(c->t, number, x->thing, x->id, &g);
		if (e != ERR_OK && e != ERR_NOENT && e != ERR_CORRUPT)
			return e;
		if (e != ERR_OK || g.first > seq || g.last < seq || !uuid_eq(g.sent.uuid, x->uuid) ||
		    (!l->v[i].prev && g.first != seq) ||
		    (g.last == seq && !same_version(l->listing ? &g.listed : &g.sent, x)))
			problem(c, "what leaf %" PRIu64 " names is not in the index so", seq);
	}
	c->r->named += l->n;
	c->intents++;
	return ERR_OK;
}

static enum err closed_known(struct check *c, uint64_t seq)
{
	struct leaf_item room[LEAF_ITEMS];
	struct leaf first;
	struct str v;
	uint64_t by;
	c->closed++;
	if (c->leaf.back > seq || ledger_leaf_get(c->t, seq - c->leaf.back, &v) != ERR_OK ||
	    leaf_read(v, &first, room) != ERR_OK || first.kind != LEAF_INTENT || first.back)
		problem(c, "leaf %" PRIu64 " closes what is no transfer", seq);
	else if (ledger_closed_by(c->t, seq - c->leaf.back, &by) != ERR_OK || by != seq)
		problem(c, "leaf %" PRIu64 " is not in the index of what closes transfers", seq);
	return ERR_OK;
}

/* Does the audit log still lead to what the leaf says, but for what was trimmed since? */
static enum err audit_known(struct check *c, uint64_t seq)
{
	if (c->leaf.back != (c->audits ? seq - c->last_audit : 0))
		problem(c, "leaf %" PRIu64 " does not name the last one about the audit log", seq);
	c->audits++;
	c->last_audit = seq;
	for (uint32_t i = 0; i < c->leaf.n_tips; i++) {
		enum audit_anchor a;
		TRY(audit_anchored(c->t, &c->leaf.tips[i], &a));
		if (a == ANCHOR_GONE)
			problem(c, "leaf %" PRIu64 ": the audit log has lost its record %" PRIu64, seq,
				c->leaf.tips[i].seq);
		else if (a == ANCHOR_OTHER)
			problem(c, "leaf %" PRIu64 ": record %" PRIu64 " of the audit log is another one", seq,
				c->leaf.tips[i].seq);
	}
	return ERR_OK;
}

static enum err one_leaf(struct check *c, uint64_t seq, struct str bytes)
{
	struct sha256 h = tree_leaf(bytes);
	TRY(tree_grow(&c->tree, &h, node_same, c));
	if (leaf_read(bytes, &c->leaf, c->items) != ERR_OK) {
		problem(c, "leaf %" PRIu64 " is damaged", seq);
		return checkpoint_at(c, seq);
	}
	c->time_ms = c->leaf.time_ms;
	switch ((enum leaf_kind)c->leaf.kind) {
	case LEAF_INTENT:
		TRY(intent_known(c, seq));
		break;
	case LEAF_CLOSED:
		TRY(closed_known(c, seq));
		break;
	case LEAF_KEY:
		key_leaf_read(c);
		break;
	case LEAF_AUDIT:
		TRY(audit_known(c, seq));
		break;
	case LEAF_KINDS:
		break;
	}
	return checkpoint_at(c, seq);
}

static enum err all_leaves(struct check *c)
{
	OWN(buf) struct buf key = BUF(KEY_ROOM);
	uint64_t total = store_book_count(c->t, BOOK_LEDGER);
	struct str v;
	enum err e;
	while ((e = store_book_next(c->t, BOOK_LEDGER, STR_NONE, &key, &v)) == ERR_OK) {
		if (key.n != 8 || be64_of(key.p) != c->r->leaves) {
			problem(c, "leaf %" PRIu64 " is missing", c->r->leaves);
			return ERR_OK;
		}
		TRY(one_leaf(c, c->r->leaves++, v));
		if (c->progress && c->r->leaves % 1024 == 0)
			c->progress(c->user, c->r->leaves, total);
	}
	return e == ERR_NOENT ? ERR_OK : e;
}

/* ---- the indexes against the leaves ---- */

/* From the last leaf back to the first: as many as the index says, and the newest versions. */
static bool chain_holds(struct check *c, const struct ledger_known *who,
			const struct ledger_given *g)
{
	struct ledger_item sent = g->sent, listed = g->listed;
	bool has_sent = false, has_listed = false;
	uint64_t seq = g->last, n = 0;
	sent.seq = listed.seq = sent.timestamp = listed.timestamp = 0;
	for (;;) {
		const struct leaf *l = &c->leaf;
		struct str v;
		uint32_t i = 0;
		if (ledger_leaf_get(c->t, seq, &v) != ERR_OK ||
		    leaf_read(v, &c->leaf, c->items) != ERR_OK || l->kind != LEAF_INTENT ||
		    l->to.kind != who->a.kind || !uuid_eq(l->to.org, who->a.org) ||
		    !str_eq(l->to.name, who->a.name))
			return false;
		while (i < l->n && (l->v[i].item.thing != g->sent.thing ||
				    l->v[i].item.id != g->sent.id))
			i++;
		if (i == l->n)
			return false;
		bool *has = l->listing ? &has_listed : &has_sent;
		if (!*has)
			*(l->listing ? &listed : &sent) = l->v[i].item;
		*has = true;
		n++;
		if (!l->v[i].prev)
			break;
		if (l->v[i].prev > seq)
			return false;
		seq -= l->v[i].prev;
	}
	return seq == g->first && n == g->times && same_version(&sent, &g->sent) &&
	       same_version(&listed, &g->listed);
}

static enum err given_entry(struct check *c, struct str key, struct str v)
{
	struct ledger_given g;
	struct ledger_known who;
	struct str none;
	unsigned thing = (uint8_t)key.p[4];
	uint64_t id = be64_of(key.p + 5);
	if (given_unpack(v, thing, id, &g) != ERR_OK ||
	    ledger_audience_get(c->t, be32_of(key.p), &who) != ERR_OK || !chain_holds(c, &who, &g)) {
		problem(c, "the index says of audience %u and %s %" PRIu64 " what the leaves do not",
			(unsigned)be32_of(key.p), ledger_thing_name(thing), id);
		return ERR_OK;
	}
	struct lkey k = key_id(thing, g.sent.uuid, id);
	if (store_book_get(c->t, BOOK_LEDGER_EVENT, lkey_str(&k), &none) != ERR_OK)
		problem(c, "the UUID of %s %" PRIu64 " is not in the index", ledger_thing_name(thing),
			id);
	return ERR_OK;
}

/* A UUID with a local id: some audience was given it under both. */
static enum err id_entry(struct check *c, struct str key)
{
	struct ledger_known who;
	struct ledger_given g;
	uint32_t number = AUDIENCE_NONE;
	unsigned thing = (uint8_t)key.p[4];
	while (ledger_audience_next(c->t, &number, &who) == ERR_OK)
		if (ledger_last(c->t, number, thing, be64_of(key.p + KEY_ID_PREFIX), &g) == ERR_OK &&
		    memcmp(g.sent.uuid.b, key.p + 5, 16) == 0)
			return ERR_OK;
	problem(c, "the index has a UUID of %s %" PRIu64 " that no leaf names",
		ledger_thing_name(thing), be64_of(key.p + KEY_ID_PREFIX));
	return ERR_OK;
}

static enum err all_given(struct check *c)
{
	OWN(buf) struct buf key = BUF(KEY_ROOM);
	struct str v;
	enum err e;
	while ((e = store_book_next(c->t, BOOK_LEDGER_EVENT, STR_NONE, &key, &v)) == ERR_OK) {
		bool is_id = key.n == KEY_ID_PREFIX + 8 && be32_of(key.p) == AUDIENCE_NONE;
		if (is_id)
			TRY(id_entry(c, buf_str(&key)));
		else if (key.n == 13)
			TRY(given_entry(c, buf_str(&key), v));
		else
			problem(c, "a key of %zu bytes in the index", key.n);
	}
	return e == ERR_NOENT ? ERR_OK : e;
}

static enum err all_audiences(struct check *c)
{
	struct ledger_known who;
	uint32_t number = AUDIENCE_NONE, found;
	enum err e;
	while ((e = ledger_audience_next(c->t, &number, &who)) == ERR_OK) {
		c->r->audiences++;
		if (ledger_audience_find(c->t, &who.a, &found) != ERR_OK || found != number)
			problem(c, "audience %u is not found by its name", (unsigned)number);
	}
	if (e != ERR_NOENT)
		problem(c, "audience %u is damaged", (unsigned)number);
	if (store_book_count(c->t, BOOK_LEDGER_AUDIENCE) !=
	    2 * c->r->audiences + c->intents + c->closed)
		problem(c, "the index of audiences has entries too many or too few");
	return ERR_OK;
}

/* ---- the end of the log ---- */

static void the_end(struct check *c)
{
	const struct head *h = &c->head;
	struct sha256 root = tree_root(&c->tree);
	c->r->root = root;
	if (h->tree.size != c->tree.size)
		problem(c, "the log has %" PRIu64 " leaves, and should have %" PRIu64, c->tree.size,
			h->tree.size);
	else if (memcmp(h->tree.peak, c->tree.peak, 32 * (size_t)c->tree.n) != 0)
		problem(c, "the last leaves are not those that were written");
	if (h->signed_size != c->r->signed_size)
		problem(c, "the newest checkpoint is of %" PRIu64 " leaves, and should be of %" PRIu64,
			c->r->signed_size, h->signed_size);
	if (h->checkpoints != c->r->checkpoints)
		problem(c, "there are %" PRIu64 " checkpoints, and should be %" PRIu64,
			c->r->checkpoints, h->checkpoints);
	if (c->key && c->r->checkpoints && !c->last_by_key)
		problem(c, "the newest checkpoint is not signed by the key that was given");
	if (store_book_count(c->t, BOOK_LEDGER_NODE) != c->nodes + c->r->checkpoints)
		problem(c, "there are hashes too many or too few");
	if (h->time_ms != c->time_ms)
		problem(c, "the time of the last leaf is not that of the head");
}

enum err ledger_verify(const struct store_rtxn *t, const struct note_key *key,
		       ledger_progress_fn progress, ledger_tell_fn tell, void *user,
		       struct ledger_report *out, struct fail *f)
{
	OWN(mem) void *room = calloc(1, sizeof(struct check));
	struct check *c = room;
	if (!c)
		return fail(f, ERR_NOMEM, "no memory");
	*out = (struct ledger_report){0};
	*c = (struct check){.t = t, .key = key, .tell = tell, .progress = progress, .user = user,
			    .r = out};
	enum err e = head_get(t, &c->head);
	if (e == ERR_CORRUPT) {
		problem(c, "the head of the ledger is damaged");
		e = ERR_OK;
	}
	if (e == ERR_OK)
		e = all_leaves(c);
	if (e == ERR_OK)
		the_end(c);
	if (e == ERR_OK)
		e = all_audiences(c);
	if (e == ERR_OK)
		e = all_given(c);
	if (e != ERR_OK)
		return fail(f, e, "reading the ledger");
	return out->problems ? fail(f, ERR_CORRUPT, "the ledger is damaged: %" PRIu64 " problems",
				    out->problems)
			     : ERR_OK;
}
