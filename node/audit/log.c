/*
 * log.c - appending to a chain, inside the transaction of whoever has something to record.
 */
#include "audit/log.h"

#include "audit/line.h"
#include "base/clock.h"

static struct str bytes(const void *p, size_t n)
{
	return (struct str){p, n};
}

enum err audit_tip(const struct store_rtxn *t, enum audit_chain c, struct audit_tip *out)
{
	uint8_t prefix[AUDIT_KEY_BYTES];
	OWN(buf) struct buf key = BUF(64);
	struct str v, line;
	audit_key(c, 0, prefix);
	*out = (struct audit_tip){0};
	enum err e = store_book_prev(t, BOOK_AUDIT, bytes(prefix, 1), &key, &v);
	if (e == ERR_NOENT)
		return ERR_OK;
	TRY(e);
	if (v.n < AUDIT_VALUE_HEAD)
		return ERR_CORRUPT;
	line = str_sub(v, AUDIT_VALUE_HEAD, v.n);
	memcpy(out->hash.b, v.p, sizeof(out->hash.b));
	out->seq = audit_key_seq(buf_str(&key));
	if (!out->seq) { /* all that there was has been trimmed */
		out->seq = audit_line_u64(line, "trimmed");
		return ERR_OK;
	}
	struct str time = audit_line_get(line, "time");
	memcpy(out->hour, time.p ? time.p : "", MIN(time.n, sizeof(out->hour) - 1));
	return ERR_OK;
}

/* So that a search by time finds where an hour begins. Clocks may step back: runs may overlap. */
static enum err index_hour(struct store_wtxn *w, const uint8_t key[AUDIT_KEY_BYTES],
			   struct str time, struct fail *f)
{
	OWN(buf) struct buf k = BUF(64);
	buf_putc(&k, 't');
	buf_add(&k, key, 1);
	buf_add(&k, time.p, 13);
	buf_add(&k, key + 1, 8);
	TRY(buf_err(&k));
	return store_book_put(w, BOOK_AUDIT_INDEX, buf_str(&k), STR(""), f);
}

static enum err index_terms(struct store_wtxn *w, const uint8_t key[AUDIT_KEY_BYTES],
			    struct str line, struct fail *f)
{
	struct audit_term terms[AUDIT_TERMS_MAX];
	unsigned n = audit_terms(line, terms);
	for (unsigned i = 0; i < n; i++) {
		uint8_t k[AUDIT_TERM_BYTES + AUDIT_KEY_BYTES];
		memcpy(k, terms[i].b, AUDIT_TERM_BYTES);
		memcpy(k + AUDIT_TERM_BYTES, key, AUDIT_KEY_BYTES);
		TRY(store_book_put(w, BOOK_AUDIT_INDEX, bytes(k, sizeof(k)), STR(""), f));
	}
	return ERR_OK;
}

enum err audit_add(struct store_wtxn *w, const struct audit_entry *e, struct fail *f)
{
	OWN(buf) struct buf v = BUF(AUDIT_LINE_MAX);
	enum audit_chain chain = audit_action_chain(e->action);
	uint8_t key[AUDIT_KEY_BYTES];
	struct audit_tip tip;
	enum err err = audit_tip(store_view(w), chain, &tip);
	if (err != ERR_OK)
		return fail(f, err, "reading the audit log");
	static const char room[AUDIT_VALUE_HEAD];
	buf_add(&v, room, sizeof(room));
	audit_line_write(&v, e, tip.seq + 1, clock_now(), &tip.hash);
	if (buf_err(&v) != ERR_OK)
		return fail(f, buf_err(&v), "a record of the audit log");
	struct str line = str_sub(buf_str(&v), AUDIT_VALUE_HEAD, v.n);
	struct sha256 own = hash_sha256(line);
	memcpy(v.p, own.b, sizeof(own.b));
	audit_key(chain, tip.seq + 1, key);
	struct str time = audit_line_get(line, "time");
	TRY(store_book_put(w, BOOK_AUDIT, bytes(key, sizeof(key)), buf_str(&v), f));
	if (memcmp(time.p, tip.hour, 13) != 0)
		TRY(index_hour(w, key, time, f));
	return index_terms(w, key, line, f);
}
