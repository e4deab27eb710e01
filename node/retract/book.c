/*
 * book.c - the rows of retractions: key settled or not, audience, what, UUID; value numbers of seven
 * bits a byte, then texts with their length before them. Open ones stand first, so that asking whether
 * somebody waits for one costs one look-up, however long the history.
 */
#include "base/clock.h"
#include "retract/retract.h"

#define KEY_BYTES 22
#define VALUE_MAX (1u << 20)
#define FORM 1

static const char *const what_names[] = {
#define X(NAME, name, kind) name,
	RETRACT_WHATS(X)
#undef X
};
static const char *const state_names[] = {
#define X(NAME, name, doc) name,
	RETRACT_STATES(X)
#undef X
};

const char *retract_what_name(unsigned what)
{
	return what < RETRACT_WHAT_COUNT ? what_names[what] : "unknown";
}

bool retract_what_find(struct str name, enum retract_what *out)
{
	for (unsigned i = 0; i < RETRACT_WHAT_COUNT; i++)
		if (str_is(name, what_names[i])) {
			*out = (enum retract_what)i;
			return true;
		}
	return false;
}

const char *retract_state_name(unsigned state)
{
	return state < RETRACT_STATE_COUNT ? state_names[state] : "unknown";
}

static bool is_settled(uint8_t state)
{
	return state != RETRACT_PENDING;
}

static struct str key_make(char b[KEY_BYTES], bool settled, uint32_t audience, uint8_t what,
			   struct uuid u)
{
	b[0] = settled;
	for (unsigned i = 0; i < 4; i++)
		b[1 + i] = (char)(audience >> (24 - 8 * i));
	b[5] = (char)what;
	memcpy(b + 6, u.b, 16);
	return (struct str){b, KEY_BYTES};
}

static void text_put(struct buf *b, struct str s)
{
	leaf_num_put(b, s.n);
	buf_str_add(b, s);
}

static bool text_get(struct str *from, struct str *out)
{
	uint64_t n;
	if (!leaf_num_get(from, &n) || n > from->n)
		return false;
	*out = str_sub(*from, 0, (size_t)n);
	*from = str_sub(*from, (size_t)n, from->n);
	return true;
}

static enum err unpack(struct str key, struct str v, struct retraction *r)
{
	uint64_t form, n[8];
	struct str event;
	*r = (struct retraction){0};
	if (key.n != KEY_BYTES || !leaf_num_get(&v, &form) || form != FORM)
		return ERR_CORRUPT;
	for (unsigned i = 0; i < 4; i++)
		r->audience = r->audience << 8 | (uint8_t)key.p[1 + i];
	r->what = (uint8_t)key.p[5];
	memcpy(r->uuid.b, key.p + 6, 16);
	for (size_t i = 0; i < ARRAY_LEN(n); i++)
		if (!leaf_num_get(&v, &n[i]))
			return ERR_CORRUPT;
	r->id = n[0];
	r->event_id = n[1];
	r->parent = n[2];
	r->seq = n[3];
	r->at = (int64_t)n[4];
	r->state = (uint8_t)n[5];
	r->state_at = (int64_t)n[6];
	r->tries = n[7];
	if (!text_get(&v, &event) || !text_get(&v, &r->why) || !text_get(&v, &r->note) ||
	    !text_get(&v, &r->before) || (event.n && event.n != 16) ||
	    r->what >= RETRACT_WHAT_COUNT || r->state >= RETRACT_STATE_COUNT)
		return ERR_CORRUPT;
	if (event.n)
		memcpy(r->event_uuid.b, event.p, 16);
	return ERR_OK;
}

enum err retraction_get(const struct store_rtxn *t, uint32_t audience, enum retract_what what,
			struct uuid u, struct retraction *out)
{
	enum err e = ERR_NOENT;
	for (unsigned settled = 0; settled < 2 && e == ERR_NOENT; settled++) {
		char b[KEY_BYTES];
		struct str key = key_make(b, settled, audience, (uint8_t)what, u), v;
		e = store_book_get(t, BOOK_RETRACTIONS, key, &v);
		if (e == ERR_OK)
			e = unpack(key, v, out);
	}
	return e;
}

enum err retraction_next(const struct store_rtxn *t, bool settled, uint32_t audience,
			 struct buf *key, struct retraction *out)
{
	char b[KEY_BYTES];
	struct str prefix = key_make(b, settled, audience, 0, UUID_NIL), v;
	prefix.n = audience == UINT32_MAX ? 1 : 5;
	TRY(store_book_next(t, BOOK_RETRACTIONS, prefix, key, &v));
	return unpack(buf_str(key), v, out);
}

enum err retraction_put(struct store_wtxn *w, const struct retraction *r, struct fail *f)
{
	OWN(buf) struct buf v = BUF(VALUE_MAX);
	const uint64_t n[] = {FORM,   r->id,		r->event_id, r->parent,		   r->seq,
			      (uint64_t)r->at, r->state, (uint64_t)r->state_at, r->tries};
	char b[KEY_BYTES];
	for (size_t i = 0; i < ARRAY_LEN(n); i++)
		leaf_num_put(&v, n[i]);
	text_put(&v, uuid_is_nil(r->event_uuid) ?
			     STR("") :
			     (struct str){(const char *)r->event_uuid.b, 16});
	text_put(&v, str_sub(r->why, 0, RETRACT_TEXT_MAX));
	text_put(&v, str_sub(r->note, 0, RETRACT_TEXT_MAX));
	text_put(&v, r->before);
	if (buf_err(&v))
		return fail(f, buf_err(&v), "a retraction is too large");
	TRY(retraction_del(w, r, f));
	return store_book_put(w, BOOK_RETRACTIONS,
			      key_make(b, is_settled(r->state), r->audience, r->what, r->uuid),
			      buf_str(&v), f);
}

enum err retraction_del(struct store_wtxn *w, const struct retraction *r, struct fail *f)
{
	for (unsigned settled = 0; settled < 2; settled++) {
		char b[KEY_BYTES];
		enum err e = store_book_del(
			w, BOOK_RETRACTIONS,
			key_make(b, settled, r->audience, r->what, r->uuid), f);
		if (e != ERR_OK && e != ERR_NOENT)
			return e;
	}
	return ERR_OK;
}

/* ---- what became of them ---- */

struct noting {
	const struct retract_outcome *v;
	size_t n;
};

static enum err run_note(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct noting *j = arg;
	for (size_t i = 0; i < j->n; i++) {
		const struct retract_outcome *o = &j->v[i];
		OWN(buf) struct buf before = BUF(VALUE_MAX), why = BUF(RETRACT_TEXT_MAX + 1);
		struct retraction r;
		enum err e = retraction_get(store_view(w), o->audience, o->what, o->uuid, &r);
		if (e == ERR_NOENT)
			continue;
		if (e != ERR_OK)
			return fail(f, e, "reading a retraction");
		/* what is lent lives until the next write only */
		buf_str_add(&before, r.before);
		buf_str_add(&why, r.why);
		r.before = buf_str(&before);
		r.why = buf_str(&why);
		r.note = str_c(o->note);
		if (o->again) {
			r.tries++;
		} else {
			r.state = (uint8_t)o->state;
			r.state_at = clock_now();
		}
		TRY(retraction_put(w, &r, f));
	}
	return ERR_OK;
}

enum err retractions_note(struct store *s, const struct retract_outcome *v, size_t n,
			  struct fail *f)
{
	struct noting j = {v, n};
	return n ? store_run(s, run_note, &j, f) : ERR_OK;
}
