/*
 * trim.c - the old end of a chain goes, and what is left can still be verified: a marker carries the
 * digest of the last record that went, and a record in the log vouches for the marker.
 *
 * Whoever calls must trust his clock: one that is ahead would take away what is to be kept.
 */
#include <stdio.h>

#include "audit/line.h"
#include "audit/search.h"
#include "base/clock.h"
#include "base/jsonw.h"

#define STEP 2000u /* records in one job */
#define DAY INT64_C(86400)

static struct str bytes(const void *p, size_t n)
{
	return (struct str){p, n};
}

void audit_trim_text(enum audit_chain c, uint64_t upto, const struct sha256 *last, char *out,
		     size_t n)
{
	char hex[65];
	snprintf(out, n, "%s up to %llu sha256:%s", audit_chain_name(c), (unsigned long long)upto,
		 hash_hex(last->b, sizeof(last->b), hex));
}

struct trim {
	enum audit_chain chain;
	char before[AUDIT_TIME_LEN + 1]; /* older ones go */
	uint64_t removed;
	bool more;
};

static enum err del_index(struct store_wtxn *w, const uint8_t key[AUDIT_KEY_BYTES],
			  const struct audit_term *terms, unsigned n, struct fail *f)
{
	for (unsigned i = 0; i < n; i++) {
		uint8_t k[AUDIT_TERM_BYTES + AUDIT_KEY_BYTES];
		memcpy(k, terms[i].b, AUDIT_TERM_BYTES);
		memcpy(k + AUDIT_TERM_BYTES, key, AUDIT_KEY_BYTES);
		enum err e = store_book_del(w, BOOK_AUDIT_INDEX, bytes(k, sizeof(k)), f);
		if (e != ERR_OK && e != ERR_NOENT)
			return e;
	}
	return ERR_OK;
}

/* The hours that began with what went; the first record left begins one. */
static enum err trim_hours(struct store_wtxn *w, const uint8_t first[AUDIT_KEY_BYTES],
			   struct str first_time, uint64_t upto, struct fail *f)
{
	const uint8_t prefix[2] = {'t', first[0]};
	OWN(buf) struct buf key = BUF(64);
	struct str v;
	while (store_book_next(store_view(w), BOOK_AUDIT_INDEX, bytes(prefix, 2), &key, &v) == ERR_OK)
		if (audit_key_seq(buf_str(&key)) <= upto)
			TRY(store_book_del(w, BOOK_AUDIT_INDEX, buf_str(&key), f));
	if (!first_time.n)
		return ERR_OK;
	buf_clear(&key);
	buf_add(&key, prefix, 2);
	buf_add(&key, first_time.p, 13);
	buf_add(&key, first + 1, 8);
	return store_book_put(w, BOOK_AUDIT_INDEX, buf_str(&key), STR(""), f);
}

static enum err put_marker(struct store_wtxn *w, enum audit_chain c, uint64_t upto,
			   const struct sha256 *last, struct fail *f)
{
	static const char room[AUDIT_VALUE_HEAD];
	OWN(buf) struct buf v = BUF(1024);
	struct jsonw j = jsonw_on(&v);
	uint8_t key[AUDIT_KEY_BYTES];
	char at[AUDIT_TIME_LEN + 1], hex[65];
	audit_time_text(clock_now(), at);
	buf_add(&v, room, sizeof(room));
	jsonw_obj(&j);
	JSONW_KV(&j, jsonw_c, "chain", audit_chain_name(c));
	JSONW_KV(&j, jsonw_uint, "trimmed", upto);
	JSONW_KV(&j, jsonw_c, "time", at);
	JSONW_KV(&j, jsonw_c, "last", hash_hex(last->b, sizeof(last->b), hex));
	jsonw_obj_end(&j);
	TRY(buf_err(&v));
	memcpy(v.p, last->b, sizeof(last->b));
	audit_key(c, 0, key);
	return store_book_put(w, BOOK_AUDIT, bytes(key, sizeof(key)), buf_str(&v), f);
}

static enum err vouch(struct store_wtxn *w, enum audit_chain c, uint64_t upto, uint64_t count,
		      const struct sha256 *last, struct fail *f)
{
	char text[AUDIT_TEXT_MAX];
	audit_trim_text(c, upto, last, text, sizeof(text));
	struct audit_entry e = {.action = AUDIT_trim,
				.who = {.kind = AUDIT_BY_SYSTEM},
				.count = count,
				.text = str_c(text)};
	return audit_add(w, &e, f);
}

/* The record that vouches for another chain's marker may be among those that went. */
static enum err vouch_again(struct store_wtxn *w, enum audit_chain except, struct fail *f)
{
	for (unsigned c = 0; c < AUDIT_CHAINS; c++) {
		uint8_t key[AUDIT_KEY_BYTES];
		struct sha256 last;
		struct str v;
		audit_key((enum audit_chain)c, 0, key);
		if (c == except || store_book_get(store_view(w), BOOK_AUDIT,
						  bytes(key, sizeof(key)), &v) != ERR_OK)
			continue;
		if (v.n <= AUDIT_VALUE_HEAD)
			return fail(f, ERR_CORRUPT, "a marker of the audit log");
		memcpy(last.b, v.p, sizeof(last.b));
		uint64_t upto = audit_line_u64(str_sub(v, AUDIT_VALUE_HEAD, v.n), "trimmed");
		TRY(vouch(w, (enum audit_chain)c, upto, 0, &last, f));
	}
	return ERR_OK;
}

static enum err run_trim(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct trim *t = arg;
	uint8_t key[AUDIT_KEY_BYTES];
	uint64_t upto = 0, n = 0;
	struct sha256 last;
	struct audit_tip tip;
	char first_time[AUDIT_TIME_LEN + 1] = "";
	OWN(buf) struct buf at = BUF(64);
	struct str v;
	t->removed = 0;
	t->more = false;
	audit_key(t->chain, 0, key);
	buf_add(&at, key, sizeof(key));
	TRY(audit_tip(store_view(w), t->chain, &tip));
	while (store_book_next(store_view(w), BOOK_AUDIT, bytes(key, 1), &at, &v) == ERR_OK) {
		struct audit_term terms[AUDIT_TERMS_MAX];
		struct str line = str_sub(v, AUDIT_VALUE_HEAD, v.n), time = audit_line_get(line, "time");
		/* the newest record stays: it says when the chain was alive */
		if (v.n <= AUDIT_VALUE_HEAD || str_cmp(time, str_c(t->before)) >= 0 || n == STEP ||
		    audit_key_seq(buf_str(&at)) == tip.seq) {
			t->more = n == STEP;
			snprintf(first_time, sizeof(first_time), "%.*s", STR_ARG(time));
			break;
		}
		unsigned k = audit_terms(line, terms);
		memcpy(last.b, v.p, sizeof(last.b));
		memcpy(key, at.p, sizeof(key));
		upto = audit_key_seq(buf_str(&at));
		TRY(del_index(w, key, terms, k, f));
		TRY(store_book_del(w, BOOK_AUDIT, buf_str(&at), f));
		n++;
	}
	if (!n)
		return ERR_OK;
	memcpy(key, at.p, sizeof(key));
	TRY(trim_hours(w, key, str_c(first_time), upto, f));
	TRY(put_marker(w, t->chain, upto, &last, f));
	TRY(vouch(w, t->chain, upto, n, &last, f));
	TRY(vouch_again(w, t->chain, f));
	t->removed = n;
	return ERR_OK;
}

enum err audit_trim(struct store *s, int64_t now, unsigned days, unsigned steps, uint64_t *removed,
		    bool *more, struct fail *f)
{
	*removed = 0;
	*more = false;
	for (unsigned c = 0; c < AUDIT_CHAINS; c++) {
		struct trim t = {.chain = (enum audit_chain)c, .more = true};
		int64_t keep = MAX((int64_t)days, (int64_t)audit_chain_days(t.chain)) * DAY;
		audit_time_text(MAX(now - keep, 0), t.before);
		for (; t.more && steps; steps--) {
			TRY(store_run(s, run_trim, &t, f));
			*removed += t.removed;
		}
		*more |= t.more;
	}
	return ERR_OK;
}
