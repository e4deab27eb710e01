/*
 * test_log.c - the audit log: form of a record, the chain over records and over chains, terms.
 */
#include "audit/line.h"
#include "base/clock.h"
#include "tests/unit/store/fixture.h"

#define T0 INT64_C(1800000000)

static struct store *s;

static const struct audit_entry sample = {
	.action = AUDIT_write,
	.who = {.kind = AUDIT_BY_USER,
		.id = 5,
		.key_id = 7,
		.name = {"an\"alyst@example.org", 20},
		.address = {"192.0.2.1", 9}},
	.kind = "event",
	.id = 12,
	.status = 200,
	.text = {"/events/edit", 12},
};

static enum err add(struct store_wtxn *w, void *arg, struct fail *f)
{
	return audit_add(w, arg, f);
}

static enum err add_then_fail(struct store_wtxn *w, void *arg, struct fail *f)
{
	TRY(audit_add(w, arg, f));
	return fail(f, ERR_INVAL, "the change did not come about");
}

static struct str value_of(const struct store_rtxn *t, enum audit_chain c, uint64_t seq)
{
	uint8_t key[AUDIT_KEY_BYTES];
	struct str v;
	audit_key(c, seq, key);
	if (store_book_get(t, BOOK_AUDIT, (struct str){(char *)key, sizeof(key)}, &v) != ERR_OK)
		return STR_NONE;
	return v;
}

static void form(void)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail f;
	struct str v, line;
	clock_freeze(T0 * 1000000, 1000);
	fix_run(s, add, (void *)&sample);
	is_ok(store_read(s, &t, &f), "read");
	v = value_of(t, AUDIT_CHAIN_log, 1);
	ok(v.n > AUDIT_VALUE_HEAD, "it is there");
	line = str_sub(v, AUDIT_VALUE_HEAD, v.n);
	is_view(line,
		"{\"chain\":\"log\",\"seq\":1,\"time\":\"2027-01-15T08:00:00Z\",\"prev\":"
		"\"0000000000000000000000000000000000000000000000000000000000000000\","
		"\"action\":\"write\",\"outcome\":\"ok\",\"actor\":\"user\",\"actor_id\":5,"
		"\"name\":\"an\\\"alyst@example.org\",\"key\":7,\"address\":\"192.0.2.1\","
		"\"kind\":\"event\",\"id\":12,\"status\":200,\"text\":\"/events/edit\"}",
		"the line");
	is_view(audit_line_get(line, "name"), "an\\\"alyst@example.org", "a text, as it stands");
	is_view(audit_line_get(line, "text"), "/events/edit", "the last text");
	is_uint(audit_line_u64(line, "key"), 7, "a number");
	ok(!audit_line_get(line, "second").p, "what is not there");
	ok(!audit_line_get(line, "alyst@example.org\\").p, "quotes in texts begin no member");
	struct sha256 d = hash_sha256(line);
	is_mem(v.p, d.b, sizeof(d.b), "its digest");
}

static void chains(void)
{
	struct audit_entry e = sample;
	char hex[65];
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail f = {0};
	struct audit_tip tip;
	e.action = AUDIT_reception;
	fix_run(s, add, &e);
	e.action = AUDIT_delete;
	is_err(store_run(s, add_then_fail, &e, &f), ERR_INVAL, "a job that fails");
	fix_run(s, add, &e);
	is_ok(store_read(s, &t, &f), "read");
	struct str first = value_of(t, AUDIT_CHAIN_log, 1), second = value_of(t, AUDIT_CHAIN_log, 2);
	struct str line = str_sub(second, AUDIT_VALUE_HEAD, second.n);
	is_view(audit_line_get(line, "prev"), hash_hex(first.p, 32, hex), "each names the one before");
	is_view(audit_line_get(line, "action"), "delete", "no record of what did not come about");
	ok(!value_of(t, AUDIT_CHAIN_log, 3).p, "and no more");
	is_ok(audit_tip(t, AUDIT_CHAIN_log, &tip), "the tip");
	is_uint(tip.seq, 2, "of its chain");
	is_mem(tip.hash.b, second.p, 32, "with its digest");
	is_str(tip.hour, "2027-01-15T08", "and hour");
	is_ok(audit_tip(t, AUDIT_CHAIN_reception, &tip), "another chain");
	is_uint(tip.seq, 1, "is counted by itself");
}

static void bounds(void)
{
	char big[2000];
	OWN(buf) struct buf b = BUF(AUDIT_LINE_MAX);
	struct audit_entry e = sample;
	struct sha256 none = {{0}};
	memset(big, '\x01', sizeof(big)); /* the longest form of a byte */
	e.text = e.second = e.who.name = e.who.address = (struct str){big, sizeof(big)};
	audit_line_write(&b, &e, UINT64_MAX, T0, &none);
	is_ok(buf_err(&b), "the longest record fits: %zu bytes", b.n);
	ok(audit_line_get(buf_str(&b), "second").n == 6 * AUDIT_NAME_MAX, "texts are cut");
	for (unsigned a = 0; a < AUDIT_ACTIONS; a++) {
		ok(audit_action_find(str_c(audit_action_name(a))) == a, "%s", audit_action_name(a));
		ok(audit_action_text(a)[0], "says what it is");
	}
	is_uint(audit_action_find(STR("nonsense")), AUDIT_ACTIONS, "no such action");
	is_uint(audit_action_chain(AUDIT_reception), AUDIT_CHAIN_reception, "a chain of their own");
	ok(audit_chain_days(AUDIT_CHAIN_reception) >= 184, "kept half a year at least");
}

static void terms(void)
{
	struct audit_term v[AUDIT_TERMS_MAX];
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail f;
	is_ok(store_read(s, &t, &f), "read");
	struct str first = value_of(t, AUDIT_CHAIN_log, 1);
	struct str line = str_sub(first, AUDIT_VALUE_HEAD, first.n);
	unsigned n = audit_terms(line, v);
	is_uint(n, 4, "action, name, actor, object");
	struct audit_term want = audit_term('w', STR("user:5"));
	ok(memcmp(&v[2], &want, sizeof(want)) == 0, "the actor by number");
	for (unsigned i = 0; i < n; i++) {
		OWN(buf) struct buf key = BUF(100);
		struct str value;
		is_ok(store_book_next(t, BOOK_AUDIT_INDEX,
				      (struct str){(char *)v[i].b, sizeof(v[i].b)}, &key, &value),
		      "term %u is indexed", i);
		is_uint(audit_key_seq(buf_str(&key)), 1, "with its record");
	}
}

int main(void)
{
	fix_begin();
	s = fix_open("store", (struct store_opts){0});
	form();
	chains();
	bounds();
	terms();
	clock_thaw();
	store_close(s);
	return fix_end();
}
