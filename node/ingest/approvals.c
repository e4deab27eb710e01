/*
 * approvals.c - requests that wait for a second person, as records of the book APPROVALS: key the number
 * in 8 bytes, value a version byte, numbers of 8 bytes and texts behind their lengths.
 */
#include "ingest/approvals.h"

#include <stdio.h>

#include "audit/log.h"
#include "base/clock.h"
#include "base/log.h"
#include "ingest/two_keys.h"

#define FORM 1
#define NEEDS_TWO "This needs two persons"
#define RECORD_MAX 2048u
#define TEXT_MAX 300u

const char *const approval_state_names[APPROVAL_STATES] = {"pending", "approved", "rejected",
							   "expired"};

/* ---- records ------------------------------------------------------------------------------------- */

/* Numbers of a record in their order. */
#define NUMBERS(N)                                                                                 \
	N(state) N(attach) N(local) N(asked) N(expires) N(decided) N(event_id) N(attr_id)          \
	N(orgc_id) N(by_id) N(second_id)
#define TEXTS(T) T(tag) T(by) T(second)

static void key_make(uint64_t id, char key[8])
{
	for (unsigned i = 0; i < 8; i++)
		key[i] = (char)(id >> (56 - 8 * i));
}

static void put_number(struct buf *b, uint64_t v)
{
	char n[8];
	key_make(v, n);
	buf_add(b, n, sizeof(n));
}

static enum err record_put(struct store_wtxn *w, const struct approval *p, struct fail *f)
{
	OWN(buf) struct buf b = BUF(RECORD_MAX);
	char key[8];
	buf_putc(&b, FORM);
#define N(member) put_number(&b, (uint64_t)p->member);
	NUMBERS(N)
#undef N
	buf_add(&b, p->event_uuid.b, 16);
	buf_add(&b, p->attr_uuid.b, 16);
#define T(member)                                                                                  \
	put_number(&b, MIN(p->member.n, TEXT_MAX));                                                \
	buf_str_add(&b, str_sub(p->member, 0, MIN(p->member.n, TEXT_MAX)));
	TEXTS(T)
#undef T
	TRY(buf_err(&b));
	key_make(p->id, key);
	return store_book_put(w, BOOK_APPROVALS, (struct str){key, sizeof(key)}, buf_str(&b), f);
}

static bool take_number(struct str *s, uint64_t *v)
{
	*v = 0;
	if (s->n < 8)
		return false;
	for (unsigned i = 0; i < 8; i++)
		*v = *v << 8 | (uint8_t)s->p[i];
	*s = str_sub(*s, 8, s->n - 8);
	return true;
}

static bool take_bytes(struct str *s, void *to, size_t n)
{
	if (s->n < n)
		return false;
	memcpy(to, s->p, n);
	*s = str_sub(*s, n, s->n - n);
	return true;
}

static enum err record_read(struct str s, uint64_t id, struct arena *a, struct approval *p)
{
	uint64_t v;
	*p = (struct approval){.id = id};
	if (!s.n || s.p[0] != FORM)
		return ERR_CORRUPT;
	s = str_sub(s, 1, s.n - 1);
#define N(member)                                                                                  \
	if (!take_number(&s, &v))                                                                  \
		return ERR_CORRUPT;                                                                \
	p->member = (__typeof__(p->member))v;
	NUMBERS(N)
#undef N
	if (!take_bytes(&s, p->event_uuid.b, 16) || !take_bytes(&s, p->attr_uuid.b, 16))
		return ERR_CORRUPT;
#define T(member)                                                                                  \
	if (!take_number(&s, &v) || v > s.n)                                                       \
		return ERR_CORRUPT;                                                                \
	p->member = arena_str(a, str_sub(s, 0, (size_t)v));                                        \
	s = str_sub(s, (size_t)v, s.n - (size_t)v);
	TEXTS(T)
#undef T
	if (p->state == APPROVAL_PENDING && clock_now() >= p->expires)
		p->state = APPROVAL_EXPIRED;
	return p->state < APPROVAL_STATES ? ERR_OK : ERR_CORRUPT;
}

enum err approval_get(const struct store_rtxn *t, uint64_t id, struct arena *a,
		      struct approval *out)
{
	struct str v;
	char key[8];
	key_make(id, key);
	TRY(store_book_get(t, BOOK_APPROVALS, (struct str){key, sizeof(key)}, &v));
	return record_read(v, id, a, out);
}

enum err approval_next(const struct store_rtxn *t, uint64_t *id, struct arena *a,
		       struct approval *out)
{
	OWN(buf) struct buf key = BUF(64);
	struct str v, k;
	uint64_t next;
	char last[8];
	if (*id) {
		key_make(*id, last);
		buf_add(&key, last, sizeof(last));
	}
	TRY(store_book_next(t, BOOK_APPROVALS, STR(""), &key, &v));
	k = buf_str(&key);
	if (!take_number(&k, &next) || k.n)
		return ERR_CORRUPT;
	*id = next;
	return record_read(v, next, a, out);
}

/* ---- asking ------------------------------------------------------------------------------------- */

static bool is_same(const struct approval *p, const struct two_keys *k,
		    const struct two_keys_want *x)
{
	return p->state == APPROVAL_PENDING && p->event_id == k->event_id &&
	       p->attr_id == x->attr_id && p->attach == x->attach &&
	       str_eq_nocase(p->tag, str_c(x->tag));
}

/* The last number, and the one under which it is asked for already (or 0). */
static enum err look_for(const struct store_rtxn *t, const struct two_keys *k,
			 const struct two_keys_want *x, uint64_t *last, uint64_t *same)
{
	OWN(arena) struct arena *a = arena_new(1 << 16);
	struct approval p;
	uint64_t id = 0;
	enum err e;
	*last = *same = 0;
	if (!a)
		return ERR_NOMEM;
	while ((e = approval_next(t, &id, a, &p)) == ERR_OK) {
		*last = id;
		if (is_same(&p, k, x))
			*same = id;
		arena_reset(a);
	}
	return e == ERR_NOENT ? ERR_OK : e;
}

static enum err audit(struct store_wtxn *w, const struct approval *p, const char *what,
		      struct audit_who who, struct str second, struct fail *f)
{
	char text[AUDIT_TEXT_MAX];
	struct audit_entry e = {.action = AUDIT_approval,
				.who = who,
				.kind = p->attr_id ? "attribute" : "event",
				.id = p->attr_id ? p->attr_id : p->event_id,
				.object = p->attr_id ? p->attr_uuid : p->event_uuid,
				.second = second};
	snprintf(text, sizeof(text), "%s %llu: %s %.*s", what, (unsigned long long)p->id,
		 p->attach ? "attach" : "take off", STR_ARG(p->tag));
	e.text = str_c(text);
	log_info("approvals", "id=%llu event=%llu what=%s user=%llu", (unsigned long long)p->id,
		 (unsigned long long)p->event_id, what, (unsigned long long)who.id);
	return audit_add(w, &e, f);
}

static enum err put_one(struct store_wtxn *w, uint64_t user_id, const struct two_keys *k,
			const struct two_keys_want *x, uint64_t *id, struct fail *f)
{
	struct approval p = {.state = APPROVAL_PENDING,
			     .attach = x->attach,
			     .local = x->local,
			     .asked = clock_now(),
			     .event_id = k->event_id,
			     .event_uuid = k->event_uuid,
			     .orgc_id = k->orgc_id,
			     .attr_id = x->attr_id,
			     .attr_uuid = x->attr_uuid,
			     .by_id = user_id,
			     .tag = str_c(x->tag)};
	struct misp_user u;
	char name[TEXT_MAX];
	uint64_t last;
	TRY(look_for(store_view(w), k, x, &last, id));
	if (*id)
		return ERR_OK;
	p.id = *id = last + 1;
	p.expires = p.asked + APPROVAL_DAYS * 86400;
	if (store_get(store_view(w), T_USER, user_id, NULL, &u) == ERR_OK) {
		p.by = (struct str){name, MIN(u.email.n, sizeof(name))};
		memcpy(name, u.email.p, p.by.n);
	}
	TRY(record_put(w, &p, f));
	return audit(w, &p, "asked for", (struct audit_who){.kind = AUDIT_BY_USER, .id = user_id,
							    .name = p.by},
		     STR_NONE, f);
}

enum err two_keys_put(struct store_wtxn *w, uint64_t user_id, const struct two_keys *k,
		      uint64_t *ids, struct fail *f)
{
	for (unsigned i = 0; i < k->n; i++)
		TRY(put_one(w, user_id, k, &k->v[i], &ids[i], f));
	return ERR_OK;
}

struct asking {
	const struct two_keys *k;
	uint64_t user_id;
	uint64_t ids[WANTS_MAX];
};

static enum err run_ask(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct asking *x = arg;
	return two_keys_put(w, x->user_id, x->k, x->ids, f);
}

enum err two_keys_ask(const struct ingest_env *env, const struct origin *o, const struct two_keys *k,
		      struct fail *f)
{
	struct asking x = {.k = k, .user_id = o->kind == ORIGIN_LOCAL ? o->id : 0};
	OWN(buf) struct buf numbers = BUF(300);
	if (!x.user_id)
		return fail(f, ERR_PERM, "What comes from elsewhere cannot loosen an embargo here.");
	TRY(store_run(env->store, run_ask, &x, f));
	for (unsigned i = 0; i < k->n; i++)
		buf_printf(&numbers, "%s%llu", i ? ", " : "", (unsigned long long)x.ids[i]);
	return fail(f, ERR_PERM,
		    NEEDS_TWO " (%s %s): asked for as approval %s. A second person who may "
		    "publish can grant it: tocsin approve %llu",
		    k->v[0].attach ? "attach" : "take off", k->v[0].tag, buf_cstr(&numbers),
		    (unsigned long long)x.ids[0]);
}

bool approval_was_asked(const struct fail *f)
{
	return str_has_prefix(str_c(f->text), STR(NEEDS_TWO));
}

/* ---- deciding ----------------------------------------------------------------------------------- */

static struct audit_who who_asked(const struct approval *p)
{
	return (struct audit_who){.kind = AUDIT_BY_USER, .id = p->by_id, .name = p->by};
}

static enum err still_pending(const struct store_rtxn *t, uint64_t id, struct arena *a,
			      struct approval *p, struct fail *f)
{
	enum err e = approval_get(t, id, a, p);
	if (e != ERR_OK)
		return fail(f, e, "There is no approval %llu.", (unsigned long long)id);
	if (p->state != APPROVAL_PENDING)
		return fail(f, ERR_PERM, "Approval %llu is %s.", (unsigned long long)id,
			    approval_state_names[p->state]);
	return ERR_OK;
}

enum err two_keys_approved(struct store_wtxn *w, uint64_t id, const struct approver *who,
			   struct arena *a, struct approval *p, struct fail *f)
{
	TRY(still_pending(store_view(w), id, a, p, f));
	if (p->by_id == who->user_id)
		return fail(f, ERR_PERM,
			    "Approval %llu was asked for by you: it takes another person.",
			    (unsigned long long)id);
	p->state = APPROVAL_APPROVED;
	p->decided = clock_now();
	p->second_id = who->user_id;
	p->second = who->name;
	TRY(record_put(w, p, f));
	return audit(w, p, "approved", who_asked(p), who->name, f);
}

struct rejecting {
	uint64_t id;
	const struct approver *who;
};

static enum err run_reject(struct store_wtxn *w, void *arg, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(1 << 16);
	const struct rejecting *x = arg;
	struct approval p;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(still_pending(store_view(w), x->id, a, &p, f));
	p.state = APPROVAL_REJECTED;
	p.decided = clock_now();
	p.second_id = x->who->user_id;
	p.second = x->who->name;
	TRY(record_put(w, &p, f));
	return audit(w, &p, p.by_id == x->who->user_id ? "withdrawn" : "rejected", who_asked(&p),
		     x->who->name, f);
}

enum err approval_reject(const struct ingest_env *env, uint64_t id, const struct approver *who,
			 struct fail *f)
{
	struct rejecting x = {id, who};
	return store_run(env->store, run_reject, &x, f);
}
