/*
 * verify.c - the log from its first record to its last, and whether each names the one before.
 */
#include <stdio.h>

#include "audit/ledger.h"
#include "audit/ledger_leaf.h"
#include "audit/line.h"
#include "audit/search.h"
#include "base/own.h"

#define SLICE 20000u /* records in one transaction */
#define ANCHOR_SCAN 2000000u /* leaves of the ledger, from its end */

static struct str bytes(const void *p, size_t n)
{
	return (struct str){p, n};
}

enum err audit_next(const struct store_rtxn *t, struct audit_place *p, struct str *line,
		    struct sha256 *digest)
{
	for (; p->chain < AUDIT_CHAINS; p->chain++, p->seq = 0, p->begun = false) {
		uint8_t key[AUDIT_KEY_BYTES];
		OWN(buf) struct buf at = BUF(64);
		struct str v;
		enum err e;
		audit_key((enum audit_chain)p->chain, p->seq, key);
		if (!p->begun) { /* the marker has number 0 */
			p->begun = true;
			e = store_book_get(t, BOOK_AUDIT, bytes(key, sizeof(key)), &v);
		} else {
			buf_add(&at, key, sizeof(key));
			e = store_book_next(t, BOOK_AUDIT, bytes(key, 1), &at, &v);
		}
		if (e == ERR_NOENT && !p->seq && !at.n) {
			buf_add(&at, key, sizeof(key));
			e = store_book_next(t, BOOK_AUDIT, bytes(key, 1), &at, &v);
		}
		if (e == ERR_NOENT)
			continue;
		TRY(e);
		if (v.n < AUDIT_VALUE_HEAD)
			return ERR_CORRUPT;
		if (at.n)
			p->seq = audit_key_seq(buf_str(&at));
		memcpy(digest->b, v.p, sizeof(digest->b));
		*line = str_sub(v, AUDIT_VALUE_HEAD, v.n);
		return ERR_OK;
	}
	return ERR_NOENT;
}

/* ---- verifying ---- */

struct check {
	struct audit_report *v;
	struct sha256 before; /* of the record before, in the chain at hand */
	unsigned chain;
	char attested[AUDIT_CHAINS][200]; /* what the newest record of a trimming says */
};

static void broken(struct audit_report *r, uint64_t at, const char *why)
{
	if (r->broken)
		return;
	r->broken = true;
	r->at = at;
	snprintf(r->why, sizeof(r->why), "%s", why);
}

static void take_time(char out[24], struct str line)
{
	struct str time = audit_line_get(line, "time");
	snprintf(out, 24, "%.*s", STR_ARG(time));
}

static void take_marker(struct check *c, struct str line)
{
	struct audit_report *r = &c->v[c->chain];
	r->trimmed = audit_line_u64(line, "trimmed");
	if (!hash_unhex(audit_line_get(line, "last"), c->before.b, sizeof(c->before.b)))
		broken(r, 0, "the marker of trimming cannot be read");
	r->tip = c->before;
}

static void take_record(struct check *c, struct str line, uint64_t seq, const struct sha256 *digest)
{
	struct audit_report *r = &c->v[c->chain];
	struct sha256 own = hash_sha256(line), named;
	uint64_t want = (r->last ? r->last : r->trimmed) + 1;
	if (seq != want)
		broken(r, want, "a record is missing");
	if (audit_line_u64(line, "seq") != seq ||
	    !str_is(audit_line_get(line, "chain"), audit_chain_name((enum audit_chain)c->chain)))
		broken(r, seq, "the record stands in the wrong place");
	if (memcmp(own.b, digest->b, sizeof(own.b)) != 0)
		broken(r, seq, "the record was changed");
	if (!hash_unhex(audit_line_get(line, "prev"), named.b, sizeof(named.b)) ||
	    memcmp(named.b, c->before.b, sizeof(named.b)) != 0)
		broken(r, seq, "it does not name the record before it");
	if (!r->records++)
		take_time(r->oldest, line);
	if (!r->first)
		r->first = seq;
	r->last = seq;
	r->tip = c->before = own;
	take_time(r->newest, line);
	if (str_is(audit_line_get(line, "action"), "trim")) {
		struct str text = audit_line_get(line, "text");
		for (unsigned i = 0; i < AUDIT_CHAINS; i++) {
			struct str name = str_c(audit_chain_name((enum audit_chain)i));
			if (str_has_prefix(text, name) && text.n > name.n && text.p[name.n] == ' ')
				snprintf(c->attested[i], sizeof(c->attested[i]), "%.*s",
					 STR_ARG(text));
		}
	}
}

/* A marker must be what the newest record of a trimming says. */
static void check_markers(struct check *c, const struct sha256 last[AUDIT_CHAINS])
{
	for (unsigned i = 0; i < AUDIT_CHAINS; i++) {
		char want[200];
		if (!c->v[i].trimmed)
			continue;
		audit_trim_text((enum audit_chain)i, c->v[i].trimmed, &last[i], want, sizeof(want));
		if (strcmp(want, c->attested[i]) != 0)
			broken(&c->v[i], c->v[i].trimmed,
			       "no record tells of the trimming that the marker claims");
	}
}

/* ---- what the ledger says ---- */

enum err audit_anchored(const struct store_rtxn *t, const struct leaf_tip *tip,
			enum audit_anchor *out)
{
	uint8_t key[AUDIT_KEY_BYTES];
	struct str v;
	*out = ANCHOR_GONE;
	for (unsigned c = 0; c < AUDIT_CHAINS; c++) {
		audit_key((enum audit_chain)c, 0, key);
		if (key[0] != tip->chain)
			continue;
		enum err e = store_book_get(t, BOOK_AUDIT, bytes(key, sizeof(key)), &v);
		if (e == ERR_OK && v.n >= AUDIT_VALUE_HEAD &&
		    audit_line_u64(str_sub(v, AUDIT_VALUE_HEAD, v.n), "trimmed") >= tip->seq) {
			*out = ANCHOR_TRIMMED;
			return ERR_OK;
		}
		if (e != ERR_OK && e != ERR_NOENT)
			return e;
		audit_key((enum audit_chain)c, tip->seq, key);
		e = store_book_get(t, BOOK_AUDIT, bytes(key, sizeof(key)), &v);
		if (e == ERR_OK)
			*out = v.n >= AUDIT_VALUE_HEAD && memcmp(v.p, tip->digest.b, 32) == 0 ?
				       ANCHOR_HOLDS :
				       ANCHOR_OTHER;
		return e == ERR_NOENT ? ERR_OK : e;
	}
	return ERR_OK;
}

static enum err check_anchor(struct check *c, const struct store_rtxn *t, uint64_t leaf,
			     const struct leaf *l)
{
	for (uint32_t i = 0; i < l->n_tips; i++) {
		enum audit_anchor a;
		TRY(audit_anchored(t, &l->tips[i], &a));
		for (unsigned k = 0; k < AUDIT_CHAINS; k++) {
			struct audit_report *r = &c->v[k];
			uint8_t key[AUDIT_KEY_BYTES];
			audit_key((enum audit_chain)k, 0, key);
			if (key[0] != l->tips[i].chain)
				continue;
			if (l->tips[i].seq > r->anchor) {
				r->anchor = l->tips[i].seq;
				r->anchor_leaf = leaf;
				audit_time_text((int64_t)(l->time_ms / 1000), r->anchor_time);
			}
			if (a == ANCHOR_GONE)
				broken(r, l->tips[i].seq, "it is missing, and the ledger says that it was there");
			else if (a == ANCHOR_OTHER)
				broken(r, l->tips[i].seq, "it is not the record that the ledger says it was");
		}
	}
	return ERR_OK;
}

/*
 * All leaves that name records of the log, from the newest on: one alone would say what the log was made
 * to be, if it was cut before that leaf was written.
 */
static enum err check_anchors(struct check *c, struct store *s, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct leaf_item room[LEAF_ITEMS];
	uint64_t n;
	TRY(store_read(s, &t, f));
	if (ledger_size(t, &n) != ERR_OK)
		return ERR_OK;
	for (uint64_t looked = 0; n && looked < ANCHOR_SCAN; looked++) {
		struct leaf l;
		struct str v;
		if (ledger_leaf_get(t, --n, &v) != ERR_OK || leaf_read(v, &l, room) != ERR_OK ||
		    l.kind != LEAF_AUDIT)
			continue;
		enum err e = check_anchor(c, t, n, &l);
		if (e != ERR_OK)
			return fail(f, e, "asking the ledger");
		if (!l.back || l.back > n)
			return ERR_OK;
		n = n - l.back + 1;
	}
	return ERR_OK;
}

enum err audit_verify(struct store *s, struct audit_report out[AUDIT_CHAINS], struct fail *f)
{
	struct check c = {.v = out};
	struct audit_place at = {0};
	struct sha256 last[AUDIT_CHAINS] = {0}, digest;
	enum err e = ERR_OK;
	struct str line;
	memset(out, 0, AUDIT_CHAINS * sizeof(*out));
	while (e == ERR_OK) {
		OWN(store_rtxn) struct store_rtxn *t = NULL;
		TRY(store_read(s, &t, f));
		for (unsigned i = 0; i < SLICE; i++) {
			e = audit_next(t, &at, &line, &digest);
			if (e != ERR_OK)
				break;
			if (at.chain != c.chain)
				c.before = (struct sha256){{0}};
			c.chain = at.chain;
			if (at.seq) {
				take_record(&c, line, at.seq, &digest);
			} else {
				take_marker(&c, line);
				last[at.chain] = c.before;
			}
		}
	}
	if (e != ERR_NOENT)
		return fail(f, e, "reading the audit log");
	check_markers(&c, last);
	return check_anchors(&c, s, f);
}
