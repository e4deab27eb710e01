/*
 * search.c - by the rarest term of the filter from the index, else along the chains; the merge of the
 * chains by time.
 */
#include "audit/search.h"

#include <stdlib.h>

#include "audit/line.h"
#include "base/jsonw.h"

#define LOOKED_AT_MAX 5000000u
#define LIMIT_DEFAULT 1000u
#define HOURS_MAX 200000u /* 22 years */

static struct str bytes(const void *p, size_t n)
{
	return (struct str){p, n};
}

/* ---- what is wanted ---- */

/* The filter with its texts as they stand in lines. */
struct wanted {
	const struct audit_filter *q;
	struct str actor, address; /* escaped, without quotes */
	char from[AUDIT_TIME_LEN + 1], until[AUDIT_TIME_LEN + 1];
	bool has_term;
	struct audit_term term;
	struct buf room;
};

static struct str escaped(struct wanted *w, struct str s)
{
	size_t at = w->room.n;
	if (!s.n)
		return STR_NONE;
	json_quote(&w->room, str_sub(s, 0, AUDIT_NAME_MAX));
	return (struct str){w->room.p + at + 1, w->room.n - at - 2};
}

static bool is_pair(struct str s)
{
	uint64_t n;
	ptrdiff_t colon = str_chr(s, ':');
	return colon > 0 && str_u64(str_sub(s, (size_t)colon + 1, s.n), &n);
}

static void want_term(struct wanted *w, char kind, struct str s)
{
	if (!w->has_term && s.n)
		w->term = audit_term(kind, s);
	w->has_term |= s.n > 0;
}

/* Rarest first: an object, an actor, an action. */
static void choose_term(struct wanted *w)
{
	const struct audit_filter *q = w->q;
	struct uuid u;
	if (uuid_parse(q->object, &u))
		want_term(w, 'o', q->object);
	else if (is_pair(q->object))
		want_term(w, 'k', q->object);
	if (is_pair(q->actor))
		want_term(w, 'w', q->actor);
	else if (str_chr(q->actor, '@') > 0)
		want_term(w, 'n', w->actor);
	if (!str_is(q->action, "read") && !str_is(q->action, "write"))
		want_term(w, 'a', q->action);
}

static void wanted_init(struct wanted *w, const struct audit_filter *q)
{
	*w = (struct wanted){.q = q, .room = BUF(16384)};
	(void)buf_reserve(&w->room, 8192); /* what is handed out must not move */
	w->actor = escaped(w, q->actor);
	w->address = escaped(w, q->address);
	audit_time_text(q->from, w->from);
	audit_time_text(q->until, w->until);
	choose_term(w);
}

/* "kind:number" of two members? */
static bool pair_is(struct str line, const char *kind, const char *id, struct str want)
{
	struct str k, n = str_split(want, ':', &k);
	return str_eq(audit_line_get(line, kind), k) && str_eq(audit_line_get(line, id), n);
}

static bool actor_fits(const struct wanted *w, struct str line)
{
	struct str want = w->q->actor;
	if (!want.n)
		return true;
	if (is_pair(want))
		return pair_is(line, "actor", "actor_id", want);
	return str_eq(audit_line_get(line, "name"), w->actor) ||
	       str_eq(audit_line_get(line, "second"), w->actor) ||
	       str_eq(audit_line_get(line, "actor"), want);
}

static bool object_fits(const struct wanted *w, struct str line)
{
	struct str want = w->q->object;
	if (!want.n)
		return true;
	if (is_pair(want))
		return pair_is(line, "kind", "id", want);
	return str_eq_nocase(audit_line_get(line, "object"), want) ||
	       str_eq(audit_line_get(line, "kind"), want);
}

static bool member_fits(struct str line, const char *member, struct str want)
{
	return !want.n || str_eq(audit_line_get(line, member), want);
}

static bool scope_fits(const struct audit_filter *q, struct str line)
{
	char text[UUID_TEXT_LEN + 1];
	if (q->only_user && (!str_is(audit_line_get(line, "actor"), "user") ||
			     audit_line_u64(line, "actor_id") != q->only_user))
		return false;
	return uuid_is_nil(q->only_org) ||
	       str_is(audit_line_get(line, "org"), uuid_format(q->only_org, text));
}

static bool is_change(struct str line)
{
	static const enum audit_action no[] = {AUDIT_login, AUDIT_read, AUDIT_export, AUDIT_audit};
	struct str action = audit_line_get(line, "action");
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		if (str_is(action, audit_action_name(no[i])))
			return false;
	return true;
}

static bool fits(const struct wanted *w, struct str line)
{
	const struct audit_filter *q = w->q;
	if (q->changes_only && !is_change(line))
		return false;
	struct str time = audit_line_get(line, "time");
	if (q->from && str_cmp(time, str_c(w->from)) < 0)
		return false;
	if (q->until && str_cmp(time, str_c(w->until)) >= 0)
		return false;
	return member_fits(line, "action", q->action) && member_fits(line, "outcome", q->outcome) &&
	       member_fits(line, "address", w->address) && actor_fits(w, line) &&
	       object_fits(w, line) && scope_fits(q, line);
}

/* ---- along one chain ---- */

struct walk {
	const struct store_rtxn *t;
	const struct wanted *w;
	enum audit_chain chain;
	uint64_t low, high; /* numbers between which the wanted times are */
	uint64_t *looked_at;
	uint8_t prefix[AUDIT_TERM_BYTES + 1];
	size_t prefix_n;
	enum store_book book;
	struct buf key;
	struct str line; /* the head; absent: at its end */
};

struct hour {
	uint64_t seq;
	char text[13];
};

static int by_seq(const void *a, const void *b)
{
	const struct hour *x = a, *y = b;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* Where the hours of the chain begin, in the order of numbers. */
static enum err hours_read(const struct store_rtxn *t, uint8_t chain, struct hour **out, size_t *n,
			   struct fail *f)
{
	const uint8_t prefix[2] = {'t', chain};
	OWN(buf) struct buf key = BUF(64);
	size_t cap = 0;
	struct str v;
	*out = NULL;
	*n = 0;
	while (*n < HOURS_MAX &&
	       store_book_next(t, BOOK_AUDIT_INDEX, bytes(prefix, 2), &key, &v) == ERR_OK) {
		if (*n == cap) {
			cap = cap ? cap * 2 : 256;
			struct hour *more = realloc(*out, cap * sizeof(**out));
			if (!more) {
				free(*out);
				*out = NULL;
				return fail(f, ERR_NOMEM, "no memory to search");
			}
			*out = more;
		}
		struct hour *h = &(*out)[(*n)++];
		h->seq = audit_key_seq(buf_str(&key));
		memcpy(h->text, key.p + 2, sizeof(h->text));
	}
	if (*n)
		qsort(*out, *n, sizeof(**out), by_seq);
	return ERR_OK;
}

/* Hours overlap when the clock was set back, so all that may hold a wanted time count. */
static enum err bounds(struct walk *k, uint8_t chain, struct fail *f)
{
	const struct audit_filter *q = k->w->q;
	struct hour *v;
	size_t n;
	k->low = 1;
	k->high = UINT64_MAX - 1;
	if (!q->from && !q->until)
		return ERR_OK;
	TRY(hours_read(k->t, chain, &v, &n, f));
	uint64_t low = UINT64_MAX, high = 0;
	for (size_t i = 0; i < n; i++) {
		if ((q->from && memcmp(v[i].text, k->w->from, 13) < 0) ||
		    (q->until && memcmp(v[i].text, k->w->until, 13) > 0))
			continue;
		low = MIN(low, v[i].seq);
		high = i + 1 < n ? v[i + 1].seq - 1 : UINT64_MAX - 1;
	}
	free(v);
	k->low = low;
	k->high = high;
	return ERR_OK;
}

static enum err walk_begin(struct walk *k, struct fail *f)
{
	uint8_t key[AUDIT_KEY_BYTES], start[AUDIT_TERM_BYTES + AUDIT_KEY_BYTES];
	const struct wanted *w = k->w;
	k->key = BUF(256);
	audit_key(k->chain, 0, key);
	TRY(bounds(k, key[0], f));
	k->book = w->has_term ? BOOK_AUDIT_INDEX : BOOK_AUDIT;
	if (w->has_term)
		memcpy(k->prefix, w->term.b, AUDIT_TERM_BYTES);
	k->prefix_n = w->has_term ? AUDIT_TERM_BYTES : 0;
	k->prefix[k->prefix_n++] = key[0];
	/* the place just outside of the wanted numbers */
	audit_key(k->chain, w->q->oldest_first ? k->low - 1 : k->high + 1, key);
	memcpy(start, k->prefix, k->prefix_n - 1);
	memcpy(start + k->prefix_n - 1, key, sizeof(key));
	buf_add(&k->key, start, k->prefix_n - 1 + sizeof(key));
	return buf_err(&k->key);
}

static enum err step(struct walk *k, struct str *v)
{
	struct str prefix = bytes(k->prefix, k->prefix_n);
	uint8_t key[AUDIT_KEY_BYTES];
	TRY(k->w->q->oldest_first ? store_book_next(k->t, k->book, prefix, &k->key, v)
				  : store_book_prev(k->t, k->book, prefix, &k->key, v));
	uint64_t seq = audit_key_seq(buf_str(&k->key));
	if (seq < k->low || seq > k->high)
		return ERR_NOENT;
	if (k->book == BOOK_AUDIT)
		return ERR_OK;
	audit_key(k->chain, seq, key);
	return store_book_get(k->t, BOOK_AUDIT, bytes(key, sizeof(key)), v);
}

/* The next line that fits. */
static enum err walk_next(struct walk *k)
{
	struct str v;
	k->line = STR_NONE;
	while (*k->looked_at < LOOKED_AT_MAX) {
		enum err e = step(k, &v);
		if (e == ERR_NOENT)
			return ERR_OK;
		TRY(e);
		++*k->looked_at;
		struct str line = str_sub(v, AUDIT_VALUE_HEAD, v.n);
		if (v.n > AUDIT_VALUE_HEAD && fits(k->w, line)) {
			k->line = line;
			return ERR_OK;
		}
	}
	return ERR_OK;
}

/* ---- all of them ---- */

static struct walk *first_of(struct walk v[AUDIT_CHAINS], bool oldest)
{
	struct walk *best = NULL;
	for (unsigned c = 0; c < AUDIT_CHAINS; c++) {
		if (!v[c].line.p)
			continue;
		int order = best ? str_cmp(audit_line_get(v[c].line, "time"),
					   audit_line_get(best->line, "time")) : 1;
		if (!best || (oldest ? order < 0 : order > 0))
			best = &v[c];
	}
	return best;
}

static enum err merge(struct walk v[AUDIT_CHAINS], const struct audit_filter *q, audit_line_fn fn,
		      void *user, bool *more)
{
	uint64_t skip = q->skip, left = q->limit ? q->limit : LIMIT_DEFAULT;
	struct walk *k;
	while ((k = first_of(v, q->oldest_first)) != NULL) {
		if (!skip && !left) {
			*more = true;
			return ERR_OK;
		}
		if (skip)
			skip--;
		else if (left-- && !fn(user, k->line))
			return ERR_OK;
		TRY(walk_next(k));
	}
	return ERR_OK;
}

enum err audit_search(const struct store_rtxn *t, const struct audit_filter *q, audit_line_fn fn,
		      void *user, bool *more, struct fail *f)
{
	struct wanted w;
	struct walk v[AUDIT_CHAINS] = {0};
	uint64_t looked_at = 0;
	enum err e;
	*more = false;
	wanted_init(&w, q);
	e = buf_err(&w.room);
	for (unsigned c = 0; c < AUDIT_CHAINS && e == ERR_OK; c++) {
		if (q->chain.n && !str_is(q->chain, audit_chain_name((enum audit_chain)c)))
			continue;
		v[c] = (struct walk){
			.t = t, .w = &w, .chain = (enum audit_chain)c, .looked_at = &looked_at};
		e = walk_begin(&v[c], f);
		if (e == ERR_OK)
			e = walk_next(&v[c]);
	}
	if (e == ERR_OK)
		e = merge(v, q, fn, user, more);
	*more |= looked_at >= LOOKED_AT_MAX;
	for (unsigned c = 0; c < AUDIT_CHAINS; c++)
		buf_free(&v[c].key);
	buf_free(&w.room);
	return e == ERR_OK ? ERR_OK : fail(f, e, "searching the audit log");
}
