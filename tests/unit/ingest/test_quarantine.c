/*
 * test_quarantine.c - the book of what waits: what is put there comes back whole, bounds, damage, and
 * that a decision that fails changes nothing.
 */
#include "base/hash.h"
#include "ingest/quarantine.h"
#include "tests/unit/ingest/fixture.h"

#define EVENT "11111111-1111-4111-8111-1111111111%02x"

static char policy_path[64];
static const struct audit_who operator_ = {.kind = AUDIT_BY_USER, .id = 1};

static enum err run_rows(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct misp_org o = {.id = store_new_row_id(w, T_ORG), .name = STR("HOME"), .local = true};
	struct misp_peer p = {.id = store_new_row_id(w, T_PEER), .name = STR("reef"), .url = STR("u")};
	(void)arg;
	o.uuid = uuid_random();
	TRY(store_put(w, T_ORG, o.id, &o, f));
	return store_put(w, T_PEER, p.id, &p, f);
}

static struct policy *strict(void *user)
{
	struct policy *p = NULL;
	struct fail f = {0};
	(void)user;
	if (policy_load(policy_path, &p, &f) != ERR_OK)
		bail_out("%s", f.text);
	return p;
}

static void write_policy(const char *text)
{
	snprintf(policy_path, sizeof(policy_path), "%s/policy.yaml", fix_dir);
	FILE *out = fopen(policy_path, "we");
	if (!out || fputs(text, out) < 0 || fclose(out) != 0)
		bail_out("cannot write %s", policy_path);
}

/* A pulled event of a size. */
static enum err come(unsigned n, int64_t stamp, size_t size, struct fail *f)
{
	OWN(buf) struct buf b = BUF(16 << 20);
	struct raw_event *raw = NULL;
	struct json_read_opts o = {.root = RAW_EVENT, .spool_dir = fix_dir, .keep_source = true};
	struct ingest_result res;
	struct origin from = {.kind = ORIGIN_PEER, .id = 1, .time = 77};
	struct admit_facts facts = {.kind = AUD_PEER,
				    .org_id = 1,
				    .pull = true,
				    .perm_sync = true,
				    .perm_publish = true,
				    .perm_tagger = true,
				    .perm_tag_editor = true,
				    .peer = {.kind = AUD_PEER, .peer_id = 1},
				    .default_event_distribution = 1,
				    .default_attr_distribution = 5,
				    .now = 1700000000};
	buf_printf(&b, "{\"uuid\":\"" EVENT "\",\"info\":\"e\",\"timestamp\":\"%lld\",\"Attribute\":["
		       "{\"type\":\"text\",\"value\":\"v\",\"comment\":\"", n, (long long)stamp);
	for (size_t i = 0; i < size; i++)
		buf_putc(&b, 'x');
	buf_puts(&b, "\"}]}");
	OWN(json_read) struct json_read *j = json_read_new(&o, fix_take, &raw);
	if (json_read_feed(j, b.p, b.n, f) != ERR_OK || json_read_end(j, f) != ERR_OK)
		bail_out("%s", f->text);
	*f = (struct fail){0};
	enum err e = ingest_event_merge(&env, &raw, &from, &facts, arena, &res, f);
	raw_free(raw);
	return e;
}

static struct quarantine_totals totals(void)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	if (store_read(store, &t, NULL) != ERR_OK)
		bail_out("read");
	return ingest_quarantine_totals(t);
}

static enum err add_up(void *user, const void *p, size_t n, struct fail *f)
{
	(void)p, (void)f;
	*(size_t *)user += n;
	return ERR_OK;
}

static void puts_and_takes(void)
{
	struct fail f = {0};
	struct ingest_result res;
	struct quarantine_row row;
	size_t n = 0;
	is_err(come(1, 1000, 10, &f), ERR_BLOCKED, "it waits");
	is_err(come(2, 1000, 500000, &f), ERR_BLOCKED, "a larger one");
	is_uint(totals().documents, 2, "two");
	ok(totals().bytes > 500000, "with their bytes");
	is_ok(ingest_quarantine_read(&env, 2, add_up, &n, &f), "read %s", f.text);
	ok(n > 500000 && n < 500400, "all of it: %zu bytes", n);
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	is_ok(store_read(store, &t, &f), "read");
	is_ok(ingest_quarantine_get(t, 1, &row), "a row");
	is_view(row.sender, "reef", "who sent it");
	is_view(row.rules, "all", "by which rule");
	ok(row.origin.kind == ORIGIN_PEER && row.origin.id == 1 && row.origin.time == 77, "origin");
	struct sha256 d = hash_sha256(row.content);
	is_mem(d.b, row.digest.b, 32, "the digest of the bytes");
	const struct origin *o = &row.origin;
	ok(ingest_quarantine_remembers(t, row.uuid, 1000, o, 0), "this version is known");
	ok(ingest_quarantine_remembers(t, row.uuid, 999, o, 5), "an older one too");
	ok(!ingest_quarantine_remembers(t, row.uuid, 1001, o, 0), "a newer one is not");
	struct origin other = {.kind = ORIGIN_PEER, .id = 2}, feed = {.kind = ORIGIN_FEED, .id = 1};
	ok(!ingest_quarantine_remembers(t, row.uuid, 1000, &other, 0) &&
		   !ingest_quarantine_remembers(t, row.uuid, 1000, &feed, 1),
	   "nobody else's is");
	store_read_end(t);
	t = NULL;
	is_err(come(1, 1000, 10, &f), ERR_BLOCKED, "again");
	is_uint(totals().documents, 2, "is not kept twice");
	is_err(come(1, 2000, 10, &f), ERR_BLOCKED, "newer");
	is_uint(totals().documents, 2, "takes its place");
	is_err(ingest_quarantine_accept(&env, 1, &operator_, arena, &res, &f), ERR_NOENT, "which is gone");
	is_ok(ingest_quarantine_accept(&env, 3, &operator_, arena, &res, &f), "accept %s", f.text);
	is_uint(res.added, 1, "comes in");
	is_ok(ingest_quarantine_accept(&env, 2, &operator_, arena, &res, &f), "the larger %s", f.text);
	is_uint(totals().documents + totals().bytes, 0, "nothing is left");
	is_err(ingest_quarantine_reject(&env, 2, &operator_, &f), ERR_NOENT, "no second decision");
}

static void refused_again(void)
{
	struct fail f = {0};
	struct ingest_result res;
	is_err(come(4, 1000, 10, &f), ERR_BLOCKED, "it waits");
	write_policy("use: [default]\nadmission: [{name: no, from: [reef], effect: refuse}]\n");
	is_err(ingest_quarantine_accept(&env, 4, &operator_, arena, &res, &f), ERR_BLOCKED,
	       "what is refused now");
	is_uint(totals().documents, 1, "stays");
	is_ok(ingest_quarantine_reject(&env, 4, &operator_, &f), "reject %s", f.text);
	write_policy("use: [default]\n");
	is_err(come(4, 1000, 10, &f), ERR_BLOCKED, "rejected, it does not come under any policy");
	is_ok(come(4, 1001, 10, &f), "a newer version does %s", f.text);
	write_policy("use: [default]\nadmission: [{name: all, effect: quarantine}]\n");
}

static void bounds(void)
{
	struct fail f = {0};
	env.quarantine_documents = 2;
	is_err(come(10, 1, 10, &f), ERR_BLOCKED, "one");
	is_err(come(11, 1, 10, &f), ERR_BLOCKED, "two");
	is_err(come(12, 1, 10, &f), ERR_BUSY, "no third");
	env.quarantine_documents = 100;
	env.quarantine_bytes = 2000;
	is_err(come(12, 1, 5000, &f), ERR_BUSY, "nor more bytes than allowed");
	is_err(come(12, 1, 10, &f), ERR_BLOCKED, "a small one fits");
}

/* A reader that kept no bytes: it cannot wait, and is not lost in silence. */
static void not_kept(void)
{
	OWN(raw) struct raw_event *raw = fix_parse(RAW_EVENT, "{\"info\":\"x\",\"Attribute\":["
							      "{\"type\":\"text\",\"value\":\"v\"}]}");
	struct admit_facts facts = {.kind = AUD_PEER, .org_id = 1, .pull = true, .now = 1700000000};
	struct origin from = {.kind = ORIGIN_PEER, .id = 1};
	struct ingest_result res;
	struct fail f = {0};
	is_err(ingest_event_merge(&env, &raw, &from, &facts, arena, &res, &f), ERR_BUSY, "%s", f.text);
}

static enum err run_damage(struct store_wtxn *w, void *arg, struct fail *f)
{
	return store_book_put(w, BOOK_QUARANTINE, STR("q\0\0\0\0\0\0\0\x09"), *(struct str *)arg, f);
}

/* A row that is cut anywhere is no row, and no other than itself. */
static void damage(void)
{
	struct fail f = {0};
	struct quarantine_row row;
	OWN(buf) struct buf whole = BUF(1 << 20);
	struct str v;
	uint64_t number = 0;
	unsigned wrong = 0;
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	is_ok(store_read(store, &t, &f), "read");
	is_ok(ingest_quarantine_next(t, &number, &row), "a row");
	char key[9] = {'q', 0, 0, 0, 0, 0, 0, 0, (char)number};
	is_ok(store_book_get(t, BOOK_QUARANTINE, (struct str){key, 9}, &v), "its bytes");
	buf_str_add(&whole, v);
	store_read_end(t);
	t = NULL;
	for (size_t n = 0; n < whole.n; n += 7) {
		struct str cut = {whole.p, n};
		if (store_run(store, run_damage, &cut, &f) != ERR_OK ||
		    store_read(store, &t, &f) != ERR_OK)
			bail_out("%s", f.text);
		wrong += ingest_quarantine_get(t, 9, &row) != ERR_CORRUPT;
		store_read_end(t);
		t = NULL;
	}
	is_uint(wrong, 0, "%zu bytes, cut anywhere", whole.n);
}

int main(void)
{
	fix_begin(run_rows);
	write_policy("use: [default]\nadmission: [{name: all, effect: quarantine}]\n");
	env.policy = strict;
	env.quarantine_documents = 100;
	env.quarantine_bytes = 100 << 20;
	puts_and_takes();
	refused_again();
	not_kept();
	bounds();
	damage();
	return fix_end();
}
