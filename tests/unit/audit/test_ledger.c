/* test_ledger.c - transfers, indexes, checkpoints, and what a start after a crash finds. */
#include "audit/ledger.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "tests/unit/store/fixture.h"

static const char policy[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
static struct store *store;
static struct ledger *ledger;
static struct fail why;

static void open_all(void)
{
	store = fix_open("node", (struct store_opts){0});
	struct ledger_opts o = {.store = store, .key_file = fix_path("ledger.key")};
	if (ledger_open(&o, &ledger, &why) != ERR_OK)
		bail_out("ledger: %s", why.text);
}

static void close_all(void)
{
	ledger_close(ledger);
	store_close(store);
}

static struct ledger_audience aud(const char *name)
{
	return (struct ledger_audience){3, fix_uuid(7), str_c(name)};
}

static struct ledger_item thing(uint64_t n, int64_t when)
{
	return (struct ledger_item){.uuid = fix_uuid(n), .id = n, .timestamp = when, .seq = 100 + n};
}

static struct ledger_transfer *begin(const char *name, bool listing)
{
	struct ledger_audience a = aud(name);
	struct ledger_transfer *t;
	if (ledger_begin(ledger, &a, STR("pull/json"), listing, policy, &t, &why) != ERR_OK)
		bail_out("begin");
	return t;
}

static void name(struct ledger_transfer *t, uint64_t from, size_t n, int64_t when)
{
	struct ledger_item *v = calloc(n, sizeof(*v));
	for (size_t i = 0; i < n; i++)
		v[i] = thing(from + i, when);
	struct ledger_named x = {t, v, n};
	is_ok(ledger_intend(ledger, &x, 1, &why), "intent of %zu", n);
	free(v);
}

static void send(const char *to, bool listing, uint64_t from, size_t n, int64_t when)
{
	static const uint8_t digest[32] = {1, 2, 3};
	struct ledger_transfer *t = begin(to, listing);
	name(t, from, n, when);
	ledger_end(t, LEDGER_SENT, 1234, digest);
}

static struct store_rtxn *rd(void)
{
	struct store_rtxn *t;
	is_ok(ledger_flush(ledger, &why), "flush");
	if (store_read(store, &t, &why) != ERR_OK)
		bail_out("read");
	return t;
}

static uint64_t size(const struct store_rtxn *t)
{
	uint64_t n = UINT64_MAX;
	is_ok(ledger_size(t, &n), "size");
	return n;
}

static enum err collect(void *user, const struct ledger_known *who, const struct ledger_given *g)
{
	struct buf *b = user;
	buf_printf(b, "%.*s:%llu@%lld*%llu ", STR_ARG(who->a.name), (unsigned long long)g->sent.seq,
		   (long long)g->sent.timestamp, (unsigned long long)g->times);
	return ERR_OK;
}

static void test_sending(void)
{
	struct buf b = BUF(1000);
	struct leaf_item items[LEAF_ITEMS];
	struct leaf l;
	struct str bytes;
	struct ledger_given g;
	uint32_t number;
	uint64_t closed;
	send("cert-a", false, 1, 3, 1000);
	send("cert-b", false, 2, 1, 1000);
	send("cert-a", false, 2, 1, 2000);
	struct store_rtxn *t = rd();
	is_uint(size(t), 7, "key, three intents, three closed");
	is_ok(ledger_leaf_get(t, 1, &bytes), "leaf");
	is_ok(leaf_read(bytes, &l, items), "reads");
	ok(l.kind == LEAF_INTENT && l.n == 3 && !l.back && uuid_eq(items[1].item.uuid, fix_uuid(2)),
	   "the first intent names three");
	is_view(l.to.name, "cert-a", "audience");
	is_view(l.way, "pull/json", "way");
	is_ok(ledger_closed_by(t, 1, &closed), "closed");
	is_ok(ledger_leaf_get(t, closed, &bytes), "leaf");
	is_ok(leaf_read(bytes, &l, items), "reads");
	ok(l.kind == LEAF_CLOSED && l.bytes == 1234 && l.digest[2] == 3 && closed - l.back == 1,
	   "bytes and digest");
	is_ok(ledger_audiences_of(t, LEDGER_THING_EVENT, fix_uuid(2), collect, &b), "who");
	is_view(buf_str(&b), "cert-a:102@2000*2 cert-b:102@1000*1 ", "who has the event");
	struct ledger_audience a = aud("cert-a"), nobody = aud("cert-x");
	is_ok(ledger_audience_find(t, &a, &number), "found");
	is_err(ledger_audience_find(t, &nobody, &number), ERR_NOENT, "never sent to");
	is_ok(ledger_last(t, number, LEDGER_THING_EVENT, 2, &g), "last");
	is_int(g.sent.timestamp, 2000, "the newest version");
	is_err(ledger_last(t, number, LEDGER_THING_EVENT, 99, &g), ERR_NOENT, "never given");
	uint64_t seq = UINT64_MAX;
	is_ok(ledger_leaf_of(t, number, true, &seq), "last leaf of an audience");
	is_ok(ledger_leaf_get(t, seq, &bytes), "leaf");
	is_ok(leaf_read(bytes, &l, items), "reads");
	ok(l.n == 1 && items[0].prev == seq - 1, "and the leaf before is named in it");
	unsigned n = 0;
	g = (struct ledger_given){0};
	while (ledger_given_next(t, number, &g) == ERR_OK)
		n++;
	is_uint(n, 3, "cert-a was given three things");
	store_read_end(t);
	buf_free(&b);
}

static void test_many(void)
{
	struct leaf_item items[LEAF_ITEMS];
	struct leaf l;
	struct str bytes;
	struct store_rtxn *t = rd();
	uint64_t before = size(t), named = 0;
	store_read_end(t);
	send("cert-a", false, 1000, 10000, 3000);
	t = rd();
	uint64_t after = size(t);
	is_uint(after - before, 158, "10,000 events take 157 leaves and one that closes");
	for (uint64_t i = before; i < after - 1; i++) {
		is_ok(ledger_leaf_get(t, i, &bytes), "leaf");
		ok(leaf_read(bytes, &l, items) == ERR_OK && l.back == i - before && bytes.n < 2000,
		   "of one transfer, %zu bytes", bytes.n);
		named += l.n;
	}
	is_uint(named, 10000, "all are named");
	store_read_end(t);
}

static void test_listing(void)
{
	struct leaf_item items[LEAF_ITEMS];
	struct leaf l;
	struct str bytes;
	struct store_rtxn *t = rd();
	struct ledger_given g;
	uint64_t before = size(t), seq = UINT64_MAX;
	uint32_t number;
	store_read_end(t);
	send("lister", true, 1, 50, 1000);
	send("lister", true, 1, 50, 1000);
	send("lister", true, 1, 51, 1000);
	t = rd();
	struct ledger_audience a = aud("lister");
	is_uint(size(t) - before, 6, "three lists");
	is_ok(ledger_audience_find(t, &a, &number), "found");
	is_ok(ledger_leaf_of(t, number, true, &seq), "last leaf");
	is_ok(ledger_leaf_get(t, seq, &bytes), "leaf");
	is_ok(leaf_read(bytes, &l, items), "reads");
	ok(l.listing && l.n == 1 && l.again == 50, "rows given before are counted only");
	is_ok(ledger_last(t, number, LEDGER_THING_EVENT, 5, &g), "last");
	ok(!g.sent.seq && g.listed.seq == 105 && g.times == 1, "it has rows, no contents");
	store_read_end(t);
	send("lister", false, 5, 1, 1000);
	t = rd();
	is_ok(ledger_last(t, number, LEDGER_THING_EVENT, 5, &g), "last");
	ok(g.sent.seq == 105 && g.listed.seq == 105 && g.times == 2, "now the contents");
	store_read_end(t);
}

static void test_nothing(void)
{
	struct store_rtxn *t = rd();
	uint64_t before = size(t);
	store_read_end(t);
	struct ledger_transfer *x = begin("cert-a", false);
	ledger_end(x, LEDGER_SENT, 10, NULL);
	t = rd();
	is_uint(size(t), before, "an answer that names nothing leaves no trace");
	store_read_end(t);
}

static void test_several(void)
{
	struct ledger_transfer *x = begin("feed-a", false), *y = begin("feed-a", false);
	struct ledger_item i = thing(1, 5), k = thing(2, 5);
	struct ledger_named v[] = {{x, &i, 1}, {y, &k, 1}};
	struct store_stats was, is;
	store_stats(store, &was);
	is_ok(ledger_intend(ledger, v, 2, &why), "two files");
	store_stats(store, &is);
	is_uint(is.commits - was.commits, 1, "one commit");
	ledger_end(x, LEDGER_SENT, 1, NULL);
	ledger_end(y, LEDGER_BROKEN, 1, NULL);
}

static void test_checkpoint(void)
{
	struct checkpoint c, d;
	struct str text;
	struct sha256 root;
	struct tree_path p;
	uint64_t n, at = 3;
	is_ok(ledger_checkpoint(ledger, &why), "checkpoint");
	send("cert-b", false, 7, 1, 1000);
	is_ok(ledger_checkpoint(ledger, &why), "another");
	struct store_rtxn *t = rd();
	is_ok(ledger_checkpoint_at(t, &at, &text), "first");
	is_ok(note_check(ledger_key(ledger), text, &c, &why), "signed");
	is_ok(ledger_checkpoint_last(t, &n, &text), "last");
	is_ok(note_check(ledger_key(ledger), text, &d, &why), "signed");
	ok(d.size == n && c.size == at && c.size < d.size, "sizes %llu, %llu",
	   (unsigned long long)c.size, (unsigned long long)d.size);
	is_ok(ledger_root(t, c.size, &root), "root");
	is_mem(root.b, c.root.b, 32, "root of the checkpoint");
	is_ok(ledger_prove_growth(t, c.size, d.size, &p), "growth");
	ok(tree_extends(c.size, &c.root, d.size, &p, &d.root), "proven");
	for (uint64_t i = 0; i < d.size; i++) {
		struct str bytes;
		is_ok(ledger_leaf_get(t, i, &bytes), "leaf");
		struct sha256 h = tree_leaf(bytes);
		if (ledger_prove(t, i, d.size, &p) != ERR_OK ||
		    !tree_includes(&h, i, d.size, &p, &d.root))
			ok(false, "leaf %llu is not proven", (unsigned long long)i);
	}
	store_read_end(t);
}

static void test_key(void)
{
	struct buf b = BUF(300);
	struct note_key k;
	struct stat st;
	note_key_print(ledger_key(ledger), &b);
	is_ok(note_key_parse(buf_str(&b), &k, &why), "key as text");
	is_mem(k.pub, ledger_key(ledger)->pub, 32, "the same key");
	b.p[b.n - 5] ^= 1;
	is_err(note_key_parse(buf_str(&b), &k, &why), ERR_PARSE, "check digits");
	ok(stat(fix_path("ledger.key"), &st) == 0 && (st.st_mode & 0777) == 0600, "0600");
	buf_free(&b);
}

/* The process ends with transfers under way: what is copied of the store is what the next start finds. */
static void test_crash(void)
{
	struct leaf_item items[LEAF_ITEMS];
	struct leaf l;
	struct str bytes;
	uint64_t seq, first;
	struct ledger_transfer *x = begin("cert-a", false), *y = begin("cert-b", false);
	struct store_rtxn *t = rd();
	first = size(t);
	store_read_end(t);
	name(x, 1, 1, 9000);
	name(y, 2, 1, 9000);
	ledger_end(x, LEDGER_SENT, 5, NULL);
	is_ok(ledger_flush(ledger, &why), "one is closed, the other under way");
	is_ok(store_backup(store, fix_path("copy"), NULL, NULL, &why), "copy");
	ledger_end(y, LEDGER_SENT, 5, NULL);
	close_all();
	struct store *copy = fix_open("copy", (struct store_opts){0});
	struct ledger_opts o = {.store = copy, .key_file = fix_path("ledger.key")};
	struct ledger *again;
	if (ledger_open(&o, &again, &why) != ERR_OK)
		bail_out("%s", why.text);
	if (store_read(copy, &t, &why) != ERR_OK)
		bail_out("read");
	is_uint(size(t), first + 4, "two intents, each closed");
	is_ok(ledger_closed_by(t, first + 1, &seq), "the open one is closed");
	is_ok(ledger_leaf_get(t, seq, &bytes), "leaf");
	is_ok(leaf_read(bytes, &l, items), "reads");
	is_uint(l.outcome, LEDGER_UNKNOWN, "as unknown");
	is_ok(ledger_closed_by(t, first, &seq), "the other one");
	is_ok(ledger_leaf_get(t, seq, &bytes), "leaf");
	ok(leaf_read(bytes, &l, items) == ERR_OK && l.outcome == LEDGER_SENT, "as sent");
	store_read_end(t);
	ledger_close(again);
	if (ledger_open(&o, &again, &why) != ERR_OK || store_read(copy, &t, &why) != ERR_OK)
		bail_out("%s", why.text);
	is_uint(size(t), first + 4, "and once only");
	store_read_end(t);
	ledger_close(again);
	store_close(copy);
}

static void tell(void *user, const char *problem)
{
	(void)user;
	diag("%s", problem);
}

static bool intact(struct store *s, uint64_t *named)
{
	struct ledger_report rep = {0};
	struct store_rtxn *t;
	if (store_read(s, &t, &why) != ERR_OK)
		bail_out("read");
	enum err e = ledger_verify(t, NULL, NULL, tell, NULL, &rep, &why);
	store_read_end(t);
	*named = rep.named;
	return e == ERR_OK;
}

/* Transfers whose first leaf nothing closes, and how the others ended. */
static void outcomes(struct store *s, uint64_t *open, uint64_t n[LEDGER_OUTCOME_COUNT])
{
	struct leaf_item items[LEAF_ITEMS];
	struct store_rtxn *t;
	struct leaf l;
	struct str bytes;
	uint64_t all, seq;
	*open = 0;
	memset(n, 0, LEDGER_OUTCOME_COUNT * sizeof(*n));
	if (store_read(s, &t, &why) != ERR_OK || ledger_size(t, &all) != ERR_OK)
		bail_out("read");
	for (uint64_t i = 0; i < all; i++) {
		if (ledger_leaf_get(t, i, &bytes) != ERR_OK || leaf_read(bytes, &l, items) != ERR_OK)
			bail_out("leaf");
		if (l.kind == LEAF_INTENT && !l.back)
			*open += ledger_closed_by(t, i, &seq) == ERR_NOENT;
		if (l.kind == LEAF_CLOSED)
			n[l.outcome]++;
	}
	store_read_end(t);
}

/* ---- many at once ---- */

#define THREADS 8u
#define ROUNDS 150u

static const char *send_many(unsigned me)
{
	unsigned seed = me;
	struct ledger_transfer *late[4] = {NULL};
	struct fail f = {0};
	char to[16];
	snprintf(to, sizeof(to), "at-once-%u", me % 3);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct ledger_audience a = aud(to);
		struct ledger_transfer *t;
		struct ledger_item v[3];
		unsigned n = (unsigned)rand_r(&seed) % 4, slot = (unsigned)rand_r(&seed) % 4;
		for (unsigned k = 0; k < n; k++)
			v[k] = thing(5000 + (unsigned)rand_r(&seed) % 300, 7000);
		struct ledger_named x = {NULL, v, n};
		if (ledger_begin(ledger, &a, STR("push/json"), i % 5 == 0, policy, &t, &f) != ERR_OK)
			return "begin";
		x.t = t;
		if (n && (ledger_intend(ledger, &x, 1, &f) != ERR_OK ||
			  (i % 7 == 0 && ledger_intend(ledger, &x, 1, &f) != ERR_OK)))
			return "intend";
		/* some end at once, some later */
		if (late[slot])
			ledger_end(late[slot], i % 2 ? LEDGER_SENT : LEDGER_BROKEN, i, NULL);
		late[slot] = t;
		if (i % 40 == 0 && ledger_flush(ledger, &f) != ERR_OK)
			return "flush";
	}
	for (unsigned i = 0; i < 4; i++)
		if (late[i])
			ledger_end(late[i], LEDGER_SENT, i, NULL);
	return NULL;
}

struct sender {
	pthread_t thread;
	unsigned number;
	const char *said; /* NULL: all went well */
};

static void *sender_main(void *arg)
{
	struct sender *s = arg;
	s->said = send_many(s->number);
	return NULL;
}

static void test_at_once(void)
{
	struct sender v[THREADS];
	uint64_t open, n[LEDGER_OUTCOME_COUNT], named = 0;
	bool good = true;
	for (unsigned i = 0; i < THREADS; i++) {
		v[i].number = i;
		if (pthread_create(&v[i].thread, NULL, sender_main, &v[i]) != 0)
			bail_out("thread");
	}
	for (unsigned i = 0; i < 10; i++)
		good &= ledger_checkpoint(ledger, &why) == ERR_OK;
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(v[i].thread, NULL);
		if (v[i].said)
			diag("%s", v[i].said);
		good &= !v[i].said;
	}
	ok(good, "%u threads send", THREADS);
	is_ok(ledger_flush(ledger, &why), "flush");
	outcomes(store, &open, n);
	is_uint(open, 0, "all are closed: %llu sent, %llu broken", (unsigned long long)n[LEDGER_SENT],
		(unsigned long long)n[LEDGER_BROKEN]);
	ok(intact(store, &named) && named > THREADS * ROUNDS / 4, "intact, %llu named",
	   (unsigned long long)named);
}

/* ---- a full store ---- */

static void test_full(void)
{
	struct store *s = fix_open("full", (struct store_opts){.quota = 1u << 20});
	struct ledger_opts o = {.store = s, .key_file = fix_path("ledger.key")};
	struct ledger *was = ledger, *l;
	uint64_t open, n[LEDGER_OUTCOME_COUNT], sent = 0, named = 0;
	static struct ledger_transfer *t[2000];
	struct ledger_item x[50];
	enum err e = ERR_OK;
	if (ledger_open(&o, &l, &why) != ERR_OK)
		bail_out("%s", why.text);
	ledger = l;
	for (; e == ERR_OK && sent + 1 < ARRAY_LEN(t); sent += e == ERR_OK) {
		for (unsigned i = 0; i < ARRAY_LEN(x); i++)
			x[i] = thing(sent * ARRAY_LEN(x) + i + 1, 1);
		t[sent] = begin("cert-full", false);
		struct ledger_named v = {t[sent], x, ARRAY_LEN(x)};
		e = ledger_intend(l, &v, 1, &why);
	}
	is_err(e, ERR_FULL, "a full store, after %llu", (unsigned long long)sent);
	ok(strstr(why.text, "nothing is sent") != NULL, "it says: %s", why.text);
	ledger_end(t[sent], LEDGER_UNSENT, 0, NULL); /* that one was never named */
	for (uint64_t i = 0; i < sent; i++)
		ledger_end(t[i], LEDGER_SENT, 1, NULL);
	for (unsigned i = 0; i < 3; i++)
		is_err(ledger_flush(l, &why), ERR_FULL, "closings wait");
	ledger_close(l);
	store_close(s);
	s = fix_open("full", (struct store_opts){.quota = 1u << 20});
	o = (struct ledger_opts){.store = s, .key_file = fix_path("ledger.key")};
	is_ok(ledger_open(&o, &l, &why), "a node with a full store starts: %s", why.text);
	ledger_close(l);
	store_close(s);
	s = fix_open("full", (struct store_opts){0});
	o = (struct ledger_opts){.store = s, .key_file = fix_path("ledger.key")};
	is_ok(ledger_open(&o, &l, &why), "with room again");
	outcomes(s, &open, n);
	ok(!open && n[LEDGER_UNKNOWN] + n[LEDGER_SENT] == sent, "each is closed: %llu unknown, %llu sent",
	   (unsigned long long)n[LEDGER_UNKNOWN], (unsigned long long)n[LEDGER_SENT]);
	ok(intact(s, &named) && named == sent * ARRAY_LEN(x), "intact");
	ledger_close(l);
	store_close(s);
	ledger = was;
}

int main(void)
{
	fix_begin();
	open_all();
	test_sending();
	test_many();
	test_listing();
	test_nothing();
	test_several();
	test_checkpoint();
	test_key();
	test_at_once();
	test_full();
	close_all();
	open_all();
	test_crash();
	return fix_end();
}
