/*
 * test_ledger_check.c - a small ledger of which each byte is flipped, one after another, in leaves, nodes,
 * checkpoints, indexes and head: each is noticed. Likewise each byte of a text of it.
 */
#include "audit/ledger_bundle.h"

#include "tests/unit/store/fixture.h"

static struct store *store;
static struct note_key key;
static struct fail why;
static char problems[2000];

static void send(struct ledger *l, const char *to, bool listing, uint64_t from, size_t n,
		 enum ledger_outcome o)
{
	static const uint8_t digest[32] = {7, 7};
	struct ledger_item v[100];
	struct ledger_audience a = {3, fix_uuid(7), str_c(to)};
	struct ledger_transfer *t;
	for (size_t i = 0; i < n; i++)
		v[i] = (struct ledger_item){.uuid = fix_uuid(from + i), .id = from + i,
					    .timestamp = 1700000000 + (int64_t)i, .seq = 5 + i};
	struct ledger_named x = {NULL, v, n};
	if (ledger_begin(l, &a, STR("pull/json"), listing, NULL, &t, &why) != ERR_OK)
		bail_out("begin");
	x.t = t;
	if (ledger_intend(l, &x, 1, &why) != ERR_OK)
		bail_out("intend: %s", why.text);
	ledger_end(t, o, 99, digest);
	if (ledger_flush(l, &why) != ERR_OK)
		bail_out("flush: %s", why.text);
}

static void fill(void)
{
	struct ledger *l;
	struct ledger_opts o = {.store = store, .key_file = fix_path("ledger.key")};
	if (ledger_open(&o, &l, &why) != ERR_OK)
		bail_out("%s", why.text);
	send(l, "cert-a", false, 1, 3, LEDGER_SENT);
	send(l, "cert-a", true, 2, 4, LEDGER_SENT);
	is_ok(ledger_checkpoint(l, &why), "checkpoint");
	send(l, "feed-b", false, 2, 1, LEDGER_BROKEN);
	send(l, "cert-a", false, 2, 70, LEDGER_SENT);
	key = *ledger_key(l);
	ledger_close(l);
	/* a last transfer that no checkpoint covers: the head alone knows it */
	if (ledger_open(&o, &l, &why) != ERR_OK)
		bail_out("%s", why.text);
	send(l, "cert-a", false, 1, 1, LEDGER_SENT);
	struct store_rtxn *t;
	if (store_read(store, &t, &why) != ERR_OK)
		bail_out("read");
	store_read_end(t);
	is_ok(store_backup(store, fix_path("small"), NULL, NULL, &why), "copied before it is signed");
	ledger_close(l);
	store_close(store);
	store = fix_open("small", (struct store_opts){0});
}

static void tell(void *user, const char *problem)
{
	size_t n = strlen(problems);
	(void)user;
	snprintf(problems + n, sizeof(problems) - n, "%s; ", problem);
}

static enum err verify(const struct note_key *k, struct ledger_report *rep)
{
	struct store_rtxn *t;
	problems[0] = 0;
	if (store_read(store, &t, &why) != ERR_OK)
		bail_out("read");
	enum err e = ledger_verify(t, k, NULL, tell, NULL, rep, &why);
	store_read_end(t);
	return e;
}

/* ---- flips ---- */

struct flip {
	enum store_book book;
	struct str key, value;
};

static enum err put(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct flip *x = arg;
	return store_book_put(w, x->book, x->key, x->value, f);
}

static enum err del(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct flip *x = arg;
	return store_book_del(w, x->book, x->key, f);
}

struct entry {
	struct buf key, value;
};

/* All entries of a book (with `prefix`), copied. */
static size_t entries(enum store_book b, struct str prefix, struct entry *v, size_t max)
{
	struct buf k = BUF(600);
	struct store_rtxn *t;
	struct str value;
	size_t n = 0;
	if (store_read(store, &t, &why) != ERR_OK)
		bail_out("read");
	while (n < max && store_book_next(t, b, prefix, &k, &value) == ERR_OK) {
		v[n] = (struct entry){BUF(600), BUF(1u << 20)};
		buf_str_add(&v[n].key, buf_str(&k));
		buf_str_add(&v[n].value, value);
		n++;
	}
	store_read_end(t);
	buf_free(&k);
	return n;
}

static void flips(enum store_book b, struct str prefix, const char *what, size_t least)
{
	static struct entry v[400];
	struct ledger_report rep;
	size_t n = entries(b, prefix, v, ARRAY_LEN(v)), bytes = 0, missed = 0, lost = 0;
	for (size_t i = 0; i < n; i++) {
		struct flip x = {b, buf_str(&v[i].key), buf_str(&v[i].value)};
		for (size_t k = 0; k < v[i].value.n; k++, bytes++) {
			v[i].value.p[k] ^= (char)(1 << (bytes % 8));
			fix_run(store, put, &x);
			if (verify(&key, &rep) != ERR_CORRUPT && missed++ < 5)
				diag("byte %zu of entry %zu of %s", k, i, what);
			v[i].value.p[k] ^= (char)(1 << (bytes % 8));
		}
		fix_run(store, del, &x);
		lost += verify(&key, &rep) == ERR_OK;
		fix_run(store, put, &x);
	}
	is_uint(missed, 0, "%zu bytes of %s, each flip is noticed", bytes, what);
	is_uint(lost, 0, "so is each of %zu entries that is gone", n);
	ok(n >= least && verify(&key, &rep) == ERR_OK, "put back, it is intact");
	for (size_t i = 0; i < n; i++) {
		buf_free(&v[i].key);
		buf_free(&v[i].value);
	}
}

/* ---- texts ---- */

static FILE *file_of(struct str s)
{
	FILE *f = tmpfile();
	if (!f || (s.n && fwrite(s.p, 1, s.n, f) != s.n))
		bail_out("tmpfile");
	rewind(f);
	return f;
}

static enum err check(struct str s, const struct note_key *k, struct bundle_result *r)
{
	FILE *f = file_of(s);
	why = (struct fail){0};
	enum err e = bundle_check(f, k, NULL, NULL, r, &why);
	fclose(f);
	return e;
}

static void text_flips(struct buf *b, const char *what)
{
	struct bundle_result r;
	size_t missed = 0;
	is_ok(check(buf_str(b), &key, &r), "%s holds (%s)", what, why.text);
	ok(!r.own_key && r.size, "and is of the key that is trusted");
	for (size_t i = 0; i < b->n; i++) {
		b->p[i] ^= (char)(1 << (i % 7));
		if (check(buf_str(b), &key, &r) == ERR_OK && missed++ < 5)
			diag("byte %zu of %s", i, what);
		b->p[i] ^= (char)(1 << (i % 7));
	}
	is_uint(missed, 0, "%zu bytes of %s, each flip is noticed", b->n, what);
	is_ok(check(buf_str(b), NULL, &r), "without a key to trust");
	ok(r.own_key, "which is told");
	b->n -= 5;
	ok(check(buf_str(b), &key, &r) != ERR_OK, "cut off");
}

static void texts(void)
{
	struct buf b = BUF(4u << 20);
	struct store_rtxn *t;
	struct str text, old;
	uint64_t size, first = 1, seq = 0;
	struct tree_path p;
	if (store_read(store, &t, &why) != ERR_OK || ledger_checkpoint_last(t, &size, &text) != ERR_OK)
		bail_out("read");
	bundle_head(&b, LEDGER_TEXT_PROOF, &key);
	is_ok(bundle_proof(t, 1, size, &b, &why), "proof");
	is_ok(bundle_proof(t, size - 1, size, &b, &why), "proof");
	bundle_line(&b, "checkpoint", text);
	text_flips(&b, "a proof");
	buf_clear(&b);
	is_ok(ledger_checkpoint_at(t, &first, &old), "the first checkpoint");
	bundle_head(&b, LEDGER_TEXT_GROWTH, &key);
	bundle_line(&b, "old", old);
	is_ok(ledger_prove_growth(t, first, size, &p), "growth");
	bundle_line(&b, "path", (struct str){(const char *)p.h, p.n * sizeof(p.h[0])});
	bundle_line(&b, "checkpoint", text);
	text_flips(&b, "a proof of growth");
	buf_clear(&b);
	bundle_head(&b, LEDGER_TEXT_BUNDLE, &key);
	enum err e;
	while ((e = bundle_leaves(t, &seq, b.n + 500, &b, &why)) == ERR_OK)
		;
	is_err(e, ERR_NOENT, "a bundle, in pieces");
	struct bundle_result r;
	is_ok(check(buf_str(&b), &key, &r), "holds");
	ok(r.leaves == seq && r.unsigned_leaves == seq - size && r.unsigned_leaves,
	   "%llu leaves are not signed yet", (unsigned long long)r.unsigned_leaves);
	/* without those, each byte matters */
	struct str all = buf_str(&b);
	ptrdiff_t at = -1;
	for (size_t i = 0; i + 11 < all.n; i++)
		if (memcmp(all.p + i, "checkpoint ", 11) == 0)
			at = (ptrdiff_t)i;
	while (b.p[at] != '\n')
		at++;
	b.n = (size_t)at + 1;
	text_flips(&b, "a bundle");
	store_read_end(t);
	buf_free(&b);
}

int main(void)
{
	struct ledger_report rep;
	fix_begin();
	store = fix_open("node", (struct store_opts){0});
	fill();
	is_ok(verify(&key, &rep), "intact: %s", problems);
	ok(rep.leaves > 10 && rep.checkpoints == 2 && rep.named == 79 && rep.audiences == 2 &&
	   rep.signed_size < rep.leaves, "%llu leaves, %llu named, signed %llu",
	   (unsigned long long)rep.leaves, (unsigned long long)rep.named,
	   (unsigned long long)rep.signed_size);
	struct note_key other = key;
	other.pub[3] ^= 1;
	is_err(verify(&other, &rep), ERR_CORRUPT, "another key did not sign it");
	flips(BOOK_LEDGER, STR_NONE, "leaves", 10);
	flips(BOOK_LEDGER_NODE, STR_NONE, "nodes and checkpoints", 9);
	flips(BOOK_LEDGER_AUDIENCE, STR_NONE, "the index of audiences", 10);
	flips(BOOK_LEDGER_EVENT, STR_NONE, "the index of events", 70);
	flips(BOOK_KV, STR("ledger/head"), "the head", 1);
	texts();
	store_close(store);
	return fix_end();
}
