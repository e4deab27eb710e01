/*
 * quarantine.c - the book of what waits: rows, states by UUID, totals.
 */
#include "ingest/quarantine_impl.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/hash.h"
#include "ingest/ctx.h"
#include "model/pack.h"

#define FORMAT 1u
#define TEXT_WAITS "The event waits for a decision of the receiving organisation."
#define INLINE_MAX (64u << 10)
#define ROW_MAX (1u << 20)
#define TEXT_MAX 500u

enum state { STATE_WAITS = 1, STATE_REJECTED = 2 };

static struct str bytes(const void *p, size_t n)
{
	return (struct str){p, n};
}

/* ---- the form of a row ---- */

static void put_u64(struct buf *b, uint64_t v)
{
	uint8_t x[8];
	for (unsigned i = 0; i < 8; i++)
		x[i] = (uint8_t)(v >> (56 - 8 * i));
	buf_add(b, x, sizeof(x));
}

static void put_text(struct buf *b, struct str s)
{
	put_u64(b, s.p ? s.n + 1 : 0); /* 0: absent */
	buf_add(b, s.p, s.n);
}

/* What is left to be read; p is NULL once it was too short. */
static bool take(struct str *s, void *out, size_t n)
{
	if (!s->p || s->n < n) {
		s->p = NULL;
		memset(out, 0, n);
		return false;
	}
	memcpy(out, s->p, n);
	*s = str_sub(*s, n, s->n);
	return true;
}

static uint64_t take_u64(struct str *s)
{
	uint8_t x[8];
	uint64_t v = 0;
	take(s, x, sizeof(x));
	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | x[i];
	return v;
}

static struct str take_text(struct str *s)
{
	uint64_t n = take_u64(s);
	if (!s->p || n == 0)
		return STR_NONE;
	if (n - 1 > s->n) {
		s->p = NULL;
		return STR_NONE;
	}
	struct str t = str_sub(*s, 0, n - 1);
	*s = str_sub(*s, n - 1, s->n);
	return t;
}

static void row_write(struct buf *b, const struct quarantine_row *r)
{
	const uint8_t small[4] = {FORMAT, r->kind, r->default_event_distribution,
				  r->default_attr_distribution};
	buf_add(b, small, sizeof(small));
	put_u64(b, (uint64_t)r->time);
	put_u64(b, (uint64_t)r->origin.kind);
	put_u64(b, r->origin.id);
	put_u64(b, (uint64_t)r->origin.time);
	buf_add(b, r->origin.digest, 32);
	buf_add(b, r->uuid.b, 16);
	put_u64(b, (uint64_t)r->timestamp);
	put_u64(b, r->bytes);
	put_u64(b, r->attributes);
	put_u64(b, r->objects);
	put_u64(b, r->reports);
	buf_add(b, r->digest.b, 32);
	put_u64(b, r->flags);
	put_u64(b, r->org_id);
	put_u64(b, r->user_id);
	put_u64(b, r->peer_id);
	buf_add(b, r->org.b, 16);
	buf_add(b, r->peer_org.b, 16);
	buf_add(b, r->signed_by.b, 32);
	put_text(b, r->rules);
	put_text(b, r->sender);
	put_text(b, r->info);
	put_text(b, r->creator);
	put_text(b, r->url);
	put_text(b, r->head);
	put_text(b, r->content);
}

static enum err row_read(struct str s, struct quarantine_row *r)
{
	uint8_t small[4];
	take(&s, small, sizeof(small));
	if (small[0] != FORMAT)
		return ERR_CORRUPT;
	r->kind = small[1];
	r->default_event_distribution = small[2];
	r->default_attr_distribution = small[3];
	r->time = (int64_t)take_u64(&s);
	r->origin.kind = (enum origin_kind)take_u64(&s);
	r->origin.id = take_u64(&s);
	r->origin.time = (int64_t)take_u64(&s);
	take(&s, r->origin.digest, 32);
	take(&s, r->uuid.b, 16);
	r->timestamp = (int64_t)take_u64(&s);
	r->bytes = take_u64(&s);
	r->attributes = take_u64(&s);
	r->objects = take_u64(&s);
	r->reports = take_u64(&s);
	take(&s, r->digest.b, 32);
	r->flags = (uint32_t)take_u64(&s);
	r->org_id = take_u64(&s);
	r->user_id = take_u64(&s);
	r->peer_id = take_u64(&s);
	take(&s, r->org.b, 16);
	take(&s, r->peer_org.b, 16);
	take(&s, r->signed_by.b, 32);
	r->rules = take_text(&s);
	r->sender = take_text(&s);
	r->info = take_text(&s);
	r->creator = take_text(&s);
	r->url = take_text(&s);
	r->head = take_text(&s);
	r->content = take_text(&s);
	return s.p && s.n == 0 ? ERR_OK : ERR_CORRUPT;
}

/* ---- keys ---- */

static struct str row_key(uint64_t number, uint8_t out[9])
{
	out[0] = 'q';
	for (unsigned i = 0; i < 8; i++)
		out[1 + i] = (uint8_t)(number >> (56 - 8 * i));
	return bytes(out, 9);
}

static uint64_t key_number(struct str key)
{
	struct str s = str_sub(key, 1, 8);
	return take_u64(&s);
}

/* Each sender is remembered for himself: nobody can shut out what somebody else sends. */
#define SEEN_KEY 26
static struct str seen_key(struct uuid u, const struct origin *o, uint64_t user_id,
			   uint8_t out[SEEN_KEY])
{
	uint64_t id = o->kind != ORIGIN_LOCAL && o->id ? o->id : user_id;
	out[0] = 'u';
	memcpy(out + 1, u.b, 16);
	row_key(id, out + 17);
	out[17] = o->kind == ORIGIN_FEED ? 'f' : o->kind == ORIGIN_PEER && o->id ? 'p' : 'u';
	return bytes(out, SEEN_KEY);
}

static struct str blob_key(const struct sha256 *d, uint64_t number, uint8_t out[41])
{
	out[0] = 'b';
	memcpy(out + 1, d->b, 32);
	for (unsigned i = 0; i < 8; i++)
		out[33 + i] = (uint8_t)(number >> (56 - 8 * i));
	return bytes(out, 41);
}

/* ---- reading ---- */

struct version {
	uint8_t state; /* 0: none */
	int64_t timestamp;
	uint64_t number; /* of what waits */
};

static struct version seen_of(const struct store_rtxn *t, struct uuid u, const struct origin *o,
			      uint64_t user_id)
{
	struct version x = {0};
	uint8_t key[SEEN_KEY];
	struct str v;
	if (uuid_is_nil(u) ||
	    store_book_get(t, BOOK_QUARANTINE, seen_key(u, o, user_id, key), &v) != ERR_OK)
		return x;
	take(&v, &x.state, 1);
	x.timestamp = (int64_t)take_u64(&v);
	x.number = take_u64(&v);
	return x;
}

bool ingest_quarantine_remembers(const struct store_rtxn *t, struct uuid u, int64_t timestamp,
				 const struct origin *o, uint64_t user_id)
{
	struct version x = seen_of(t, u, o, user_id);
	return x.state && timestamp <= x.timestamp;
}

enum ingest_quarantine_state ingest_quarantine_state(const struct store_rtxn *t, struct uuid u,
						     const struct origin *o, uint64_t user_id)
{
	struct version x = seen_of(t, u, o, user_id);
	return x.state == STATE_WAITS	   ? QUARANTINE_WAITS
	       : x.state == STATE_REJECTED ? QUARANTINE_REJECTED
					   : QUARANTINE_NONE;
}

struct quarantine_totals ingest_quarantine_totals(const struct store_rtxn *t)
{
	struct quarantine_totals n = {0};
	struct str v;
	if (store_book_get(t, BOOK_QUARANTINE, STR("s"), &v) != ERR_OK)
		return n;
	n.documents = take_u64(&v);
	n.bytes = take_u64(&v);
	n.last = take_u64(&v);
	return n;
}

enum err ingest_quarantine_next(const struct store_rtxn *t, uint64_t *number,
				struct quarantine_row *out)
{
	OWN(buf) struct buf key = BUF(64);
	uint8_t k[9];
	struct str v, at = row_key(*number, k);
	buf_str_add(&key, at);
	TRY(store_book_next(t, BOOK_QUARANTINE, STR("q"), &key, &v));
	*out = (struct quarantine_row){.number = key_number(buf_str(&key))};
	*number = out->number;
	return row_read(v, out);
}

enum err ingest_quarantine_get(const struct store_rtxn *t, uint64_t number,
			       struct quarantine_row *out)
{
	uint8_t k[9];
	struct str v;
	TRY(store_book_get(t, BOOK_QUARANTINE, row_key(number, k), &v));
	*out = (struct quarantine_row){.number = number};
	return row_read(v, out);
}

/* ---- changing the book, inside jobs ---- */

static enum err put_totals(struct store_wtxn *w, const struct quarantine_totals *n, struct fail *f)
{
	OWN(buf) struct buf b = BUF(64);
	put_u64(&b, n->documents);
	put_u64(&b, n->bytes);
	put_u64(&b, n->last);
	TRY(buf_err(&b));
	return store_book_put(w, BOOK_QUARANTINE, STR("s"), buf_str(&b), f);
}

static enum err put_seen(struct store_wtxn *w, const struct quarantine_row *r,
			 const struct version *x, struct fail *f)
{
	OWN(buf) struct buf b = BUF(64);
	uint8_t key[SEEN_KEY];
	if (uuid_is_nil(r->uuid))
		return ERR_OK;
	buf_putc(&b, (char)x->state);
	put_u64(&b, (uint64_t)x->timestamp);
	put_u64(&b, x->number);
	TRY(buf_err(&b));
	return store_book_put(w, BOOK_QUARANTINE, seen_key(r->uuid, &r->origin, r->user_id, key),
			      buf_str(&b), f);
}

static enum err del(struct store_wtxn *w, struct str key, struct fail *f)
{
	enum err e = store_book_del(w, BOOK_QUARANTINE, key, f);
	return e == ERR_NOENT ? ERR_OK : e;
}

enum err ingest_quarantine_drop(struct store_wtxn *w, uint64_t number, struct fail *f)
{
	struct quarantine_totals n = ingest_quarantine_totals(store_view(w));
	struct quarantine_row r;
	uint8_t k[9], b[41];
	enum err e = ingest_quarantine_get(store_view(w), number, &r);
	if (e != ERR_OK)
		return e == ERR_NOENT ? fail(f, e, "nothing waits under this number")
				      : fail(f, e, "a row of the quarantine");
	n.documents -= MIN(n.documents, 1);
	n.bytes -= MIN(n.bytes, r.bytes);
	struct sha256 digest = r.digest; /* the row is lent until the next write */
	TRY(del(w, row_key(number, k), f));
	TRY(del(w, blob_key(&digest, number, b), f));
	return put_totals(w, &n, f);
}

enum err ingest_quarantine_mark(struct store_wtxn *w, const struct quarantine_row *r, bool rejected,
				struct fail *f)
{
	struct version x = {STATE_REJECTED, r->timestamp, 0};
	uint8_t key[SEEN_KEY];
	if (rejected)
		return put_seen(w, r, &x, f);
	return uuid_is_nil(r->uuid) ? ERR_OK :
				      del(w, seen_key(r->uuid, &r->origin, r->user_id, key), f);
}

/* ---- putting ---- */

enum { F_PULL = 1, F_PUSH = 2, F_INTERNAL = 4, F_SYNC = 8, F_ADMIN = 16, F_PUBLISH = 32,
       F_TAGGER = 64, F_TAG_EDITOR = 128, F_ANALYST = 256, F_GALAXY = 512, F_GROUP = 1024,
       F_INHERIT = 2048, F_WANTS_SIGN = 4096, F_HAS_SIGN = 8192, F_RULES = 16384,
       F_MADE_HERE = 32768, F_ALL_IDS = 65536, F_NO_IDS = 131072 };

static const struct {
	uint32_t bit;
	size_t offset;
} flags[] = {
#define FLAG(bit, member) {bit, offsetof(struct admit_facts, member)}
	FLAG(F_PULL, pull), FLAG(F_PUSH, push), FLAG(F_INTERNAL, internal_link),
	FLAG(F_SYNC, perm_sync), FLAG(F_ADMIN, site_admin), FLAG(F_PUBLISH, perm_publish),
	FLAG(F_TAGGER, perm_tagger), FLAG(F_TAG_EDITOR, perm_tag_editor),
	FLAG(F_ANALYST, perm_analyst), FLAG(F_GALAXY, perm_galaxy_editor),
	FLAG(F_GROUP, perm_sharing_group), FLAG(F_INHERIT, elements_inherit),
	FLAG(F_WANTS_SIGN, wants_signature), FLAG(F_HAS_SIGN, has_signature),
	FLAG(F_MADE_HERE, made_here), FLAG(F_ALL_IDS, all_to_ids), FLAG(F_NO_IDS, no_to_ids),
#undef FLAG
};

/* How it came, as the row keeps it; and back. */
static void facts_keep(struct quarantine_row *r, const struct admit_facts *facts)
{
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (*(const bool *)((const char *)facts + flags[i].offset))
			r->flags |= flags[i].bit;
	r->flags |= facts->rules ? F_RULES : 0;
	r->kind = (uint8_t)facts->kind;
	r->default_event_distribution = facts->default_event_distribution;
	r->default_attr_distribution = facts->default_attr_distribution;
	r->org_id = facts->org_id;
	r->user_id = facts->user_id;
	r->peer_id = facts->peer.peer_id;
	r->org = facts->org;
	r->peer_org = facts->peer.org;
	r->signed_by = facts->signed_by;
	r->url = facts->peer.url;
}

struct admit_facts ingest_quarantine_facts(const struct quarantine_row *r, bool *has_rules)
{
	struct admit_facts facts = {
		.kind = (enum audience_kind)r->kind,
		.org_id = r->org_id,
		.user_id = r->user_id,
		.org = r->org,
		.signed_by = r->signed_by,
		.default_event_distribution = r->default_event_distribution,
		.default_attr_distribution = r->default_attr_distribution,
		.sender = r->sender,
		.accepted = true,
		.now = clock_now(),
	};
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		*(bool *)((char *)&facts + flags[i].offset) = r->flags & flags[i].bit;
	facts.peer = (struct caller){.kind = facts.kind,
				     .org = r->peer_org,
				     .name = r->sender,
				     .url = r->url,
				     .peer_id = r->peer_id,
				     .internal = facts.internal_link};
	*has_rules = r->flags & F_RULES;
	return facts;
}

struct put {
	const struct ingest_env *env;
	struct quarantine_row row;
};

static bool has_room(const struct ingest_env *env, const struct quarantine_totals *n, uint64_t more)
{
	return n->documents < env->quarantine_documents && n->bytes + more <= env->quarantine_bytes;
}

static enum err no_room(const struct quarantine_totals *n, struct fail *f)
{
	return fail(f, ERR_BUSY, "the quarantine is full: %llu documents, %llu bytes",
		    (unsigned long long)n->documents, (unsigned long long)n->bytes);
}

static enum err run_put(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct put *p = arg;
	struct quarantine_row *r = &p->row;
	OWN(buf) struct buf b = BUF(ROW_MAX);
	uint8_t k[9], kb[41];
	struct version old = seen_of(store_view(w), r->uuid, &r->origin, r->user_id);
	if (old.state == STATE_WAITS) /* the newer version goes in its place */
		TRY(ingest_quarantine_drop(w, old.number, f));
	struct quarantine_totals n = ingest_quarantine_totals(store_view(w));
	if (!has_room(p->env, &n, r->bytes))
		return no_room(&n, f);
	r->number = ++n.last;
	n.documents++;
	n.bytes += r->bytes;
	row_write(&b, r);
	if (buf_err(&b) != ERR_OK)
		return fail(f, ERR_LIMIT, "the head of the document is too large to be kept");
	TRY(store_book_put(w, BOOK_QUARANTINE, row_key(r->number, k), buf_str(&b), f));
	if (!r->content.p)
		TRY(store_book_put(w, BOOK_QUARANTINE, blob_key(&r->digest, r->number, kb), STR(""),
				   f));
	TRY(put_totals(w, &n, f));
	TRY(put_seen(w, r, &(struct version){STATE_WAITS, r->timestamp, r->number}, f));
	struct audit_entry e = {.action = AUDIT_quarantine,
				.who = {.kind = r->kind == AUD_FEED ? AUDIT_BY_FEED :
						r->peer_id	    ? AUDIT_BY_PEER :
								      AUDIT_BY_USER,
					.id = r->kind == AUD_FEED ? r->origin.id :
					      r->peer_id	  ? r->peer_id :
								    r->user_id,
					.name = r->sender},
				.kind = "quarantine",
				.id = r->number,
				.object = r->uuid,
				.outcome = AUDIT_REFUSED,
				.text = r->rules};
	return audit_add(w, &e, f);
}

bool ingest_keeps_source(const struct ingest_env *env)
{
	struct policy *p = env->policy(env->user);
	bool yes = policy_has_quarantine(p);
	policy_unref(p);
	return yes;
}

static enum err keep_bytes(struct put *p, struct str source, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct quarantine_row *r = &p->row;
	TRY(store_read(p->env->store, &t, f));
	struct quarantine_totals n = ingest_quarantine_totals(t);
	if (!has_room(p->env, &n, source.n))
		return no_room(&n, f);
	store_read_end(MOVE(t));
	r->bytes = source.n;
	if (source.n <= INLINE_MAX) {
		r->content = source;
		r->digest = hash_sha256(source);
		return ERR_OK;
	}
	return store_blob_put(p->env->store, source, r->digest.b, f);
}

enum err ingest_quarantine_put(const struct ingest_env *env, struct raw_event *raw,
			       const struct origin *o, const struct admit_facts *facts,
			       const struct admit_decision *why, struct fail *f)
{
	const struct misp_event *h = raw_head(raw);
	OWN(buf) struct buf head = BUF(ROW_MAX / 2);
	struct str source;
	if (raw_source(raw, &source, f) != ERR_OK) /* the policy has changed while it came */
		return fail(f, ERR_BUSY, "the document could not be kept for a decision: send it again");
	pack_entity(&head, &desc_misp_event, h, PACK_SPOOL);
	if (buf_err(&head) != ERR_OK)
		return fail(f, ERR_LIMIT, "the head of the document is too large to be kept");
	struct put p = {.env = env};
	p.row = (struct quarantine_row){
		.time = clock_now(),
		.origin = *o,
		.uuid = h->uuid,
		.timestamp = h->timestamp,
		.attributes = raw_count(raw, EL_ATTR),
		.objects = raw_count(raw, EL_OBJECT),
		.reports = raw_count(raw, EL_REPORT),
		.rules = str_c(why->names),
		.sender = str_sub(facts->sender, 0, TEXT_MAX),
		.info = str_sub(h->info, 0, TEXT_MAX),
		.creator = h->orgc.n ? str_sub(LIST_AT(h->orgc, struct misp_org, 0)->name, 0, TEXT_MAX)
				     : STR_NONE,
		.head = buf_str(&head),
	};
	facts_keep(&p.row, facts);
	TRY(keep_bytes(&p, source, f));
	TRY(store_run(env->store, run_put, &p, f));
	return fail(f, ERR_BLOCKED, TEXT_WAITS);
}

bool ingest_quarantine_waits(const struct fail *f)
{
	return str_is(str_c(f->text), TEXT_WAITS);
}
