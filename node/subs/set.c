/*
 * set.c - the environment of a set: opening, transactions, and what events contribute.
 */
#include "subs/set.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "subs/set_impl.h"

#define MAP_SIZE ((size_t)1 << 37) /* address space only; the file grows with what is in it */
#define MAP_LEAST ((size_t)64 << 20)
#define READERS 128
#define RECORD_MAX (2u << 20)

/* ---- errors and access ---- */

enum err set_err(int rc, struct fail *f)
{
	if (rc == 0)
		return ERR_OK;
	if (rc == MDB_NOTFOUND)
		return ERR_NOENT;
	return fail(f,
		    rc == MDB_MAP_FULL || rc == ENOSPC ? ERR_FULL
		    : rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND || rc == MDB_INVALID ||
				    rc == MDB_VERSION_MISMATCH
			    ? ERR_CORRUPT
			    : ERR_STORE,
		    "set of a subscription: %s", mdb_strerror(rc));
}

enum err sdb_get(struct set_write *w, enum set_db d, MDB_val k, MDB_val *v, struct fail *f)
{
	return set_err(mdb_get(w->txn, w->set->db[d], &k, v), f);
}

enum err sdb_put(struct set_write *w, enum set_db d, MDB_val k, MDB_val v, struct fail *f)
{
	return set_err(mdb_put(w->txn, w->set->db[d], &k, &v, 0), f);
}

enum err sdb_del(struct set_write *w, enum set_db d, MDB_val k, struct fail *f)
{
	int rc = mdb_del(w->txn, w->set->db[d], &k, NULL);
	return rc == MDB_NOTFOUND ? ERR_OK : set_err(rc, f);
}

struct set_info set_info_of(const struct set_head *h)
{
	return (struct set_info){.serial = h->serial,
				 .changed = h->changed,
				 .shown = h->shown,
				 .eligible = h->eligible,
				 .events = h->events,
				 .oldest = h->oldest,
				 .ready = h->ready && !h->hidden,
				 .refilling = h->refilling};
}

/* ---- the environment ---- */

static const char *const db_names[] = {
#define X(name, flags) #name,
	SET_DBS(X)
#undef X
};
static const unsigned db_flags[] = {
#define X(name, flags) flags,
	SET_DBS(X)
#undef X
};

static const char *const priorities[SET_PRIORITIES] = {"newest", "severest", "last_seen"};

const char *set_priority_name(enum set_priority p)
{
	return p < SET_PRIORITIES ? priorities[p] : "";
}

void set_rule(struct ind_set *s, const struct set_rules *r)
{
	uint64_t kinds = r->format->kinds;
	unsigned flags = r->format->flags;
	s->rules = *r;
	s->budget = r->max_entries != 0;
	s->disjoint = flags & SENSOR_DISJOINT;
	s->numbered = flags & SENSOR_NUMBERED;
	s->sourced = flags & (SENSOR_SOURCE | SENSOR_CONTEXT);
	/* two kinds may be written alike, such as a name and all names below it */
	s->twins = !s->numbered && !(flags & SENSOR_WHOLE) && (kinds & (kinds - 1));
}

/* An address space that is limited gives a smaller map. */
static enum err env_open(struct ind_set *s, const char *dir, struct fail *f)
{
	size_t size = MAP_SIZE;
	int rc;
	for (;;) {
		rc = mdb_env_create(&s->env);
		if (rc)
			return set_err(rc, f);
		if (!(rc = mdb_env_set_mapsize(s->env, size)) &&
		    !(rc = mdb_env_set_maxreaders(s->env, READERS)) &&
		    !(rc = mdb_env_set_maxdbs(s->env, DB_COUNT)) &&
		    !(rc = mdb_env_open(s->env, dir, MDB_NOTLS | MDB_NORDAHEAD, 0600)))
			return ERR_OK;
		mdb_env_close(s->env);
		s->env = NULL;
		if (rc != ENOMEM || size <= MAP_LEAST)
			return set_err(rc, f);
		size /= 2;
	}
}

static MDB_val head_key(void)
{
	return (MDB_val){4, (void *)(uintptr_t)"head"};
}

/* A set that is made begins at the clock, so that its serials are later than those of one that is lost. */
static enum err head_read(struct ind_set *s, MDB_txn *t, struct set_head *h, bool make, struct fail *f)
{
	MDB_val k = head_key(), v;
	int rc = mdb_get(t, s->db[DB_note], &k, &v);
	if (rc == MDB_NOTFOUND && make) {
		*h = (struct set_head){.magic = HEAD_MAGIC,
				       .version = HEAD_VERSION,
				       .serial = (uint64_t)MAX(clock_now(), 1)};
		h->oldest = h->serial;
		return ERR_OK;
	}
	if (rc)
		return set_err(rc, f);
	if (v.mv_size != sizeof(*h))
		return fail(f, ERR_CORRUPT, "set of a subscription: of another version");
	memcpy(h, v.mv_data, sizeof(*h));
	if (h->magic != HEAD_MAGIC || h->version != HEAD_VERSION)
		return fail(f, ERR_CORRUPT, "set of a subscription: of another version");
	return ERR_OK;
}

static enum err dbs_open(struct ind_set *s, struct fail *f)
{
	MDB_txn *t;
	struct set_head h;
	TRY(set_err(mdb_txn_begin(s->env, NULL, 0, &t), f));
	enum err e = ERR_OK;
	for (unsigned i = 0; i < DB_COUNT && e == ERR_OK; i++)
		e = set_err(mdb_dbi_open(t, db_names[i], MDB_CREATE | db_flags[i], &s->db[i]), f);
	if (e == ERR_OK)
		e = head_read(s, t, &h, true, f);
	if (e == ERR_OK) {
		MDB_val k = head_key(), v = {sizeof(h), &h};
		e = set_err(mdb_put(t, s->db[DB_note], &k, &v, 0), f);
	}
	if (e != ERR_OK) {
		mdb_txn_abort(t);
		return e;
	}
	s->info = set_info_of(&h);
	return set_err(mdb_txn_commit(t), f);
}

enum err set_open(const char *dir, const struct set_rules *r, struct ind_set **out, struct fail *f)
{
	OWN(ind_set) struct ind_set *s = calloc(1, sizeof(*s));
	*out = NULL;
	if (!s)
		return fail(f, ERR_NOMEM, "no memory");
	pthread_mutex_init(&s->lock, NULL);
	set_rule(s, r);
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return fail_errno(f, ERR_IO, errno, "cannot make the folder %s", dir);
	TRY(env_open(s, dir, f));
	TRY(dbs_open(s, f));
	*out = MOVE(s);
	return ERR_OK;
}

void set_close(struct ind_set *s)
{
	if (!s)
		return;
	if (s->env)
		mdb_env_close(s->env);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

struct set_info set_info(struct ind_set *s)
{
	pthread_mutex_lock(&s->lock);
	struct set_info i = s->info;
	pthread_mutex_unlock(&s->lock);
	return i;
}

/* ---- writing ---- */

enum err set_begin(struct ind_set *s, struct set_write **out, struct fail *f)
{
	OWN(set_write) struct set_write *w = calloc(1, sizeof(*w));
	*out = NULL;
	if (!w)
		return fail(f, ERR_NOMEM, "no memory");
	w->set = s;
	buf_init(&w->rec, RECORD_MAX);
	buf_init(&w->item, 8u << 20);
	buf_init(&w->other, RECORD_MAX);
	TRY(set_err(mdb_txn_begin(s->env, NULL, 0, &w->txn), f));
	TRY(head_read(s, w->txn, &w->head, false, f));
	w->head.run++;
	*out = MOVE(w);
	return ERR_OK;
}

void set_abort(struct set_write *w)
{
	if (!w)
		return;
	if (w->txn)
		mdb_txn_abort(w->txn);
	sensor_free(&w->format);
	buf_free(&w->rec);
	buf_free(&w->item);
	buf_free(&w->other);
	free(w);
}

enum err set_note(struct set_write *w, const char *name, struct str value, struct fail *f)
{
	MDB_val k = {strlen(name), (void *)(uintptr_t)name};
	return sdb_put(w, DB_note, k, (MDB_val){value.n, (void *)(uintptr_t)value.p}, f);
}

/* Settle what has been touched; new ones cannot come meanwhile. */
static enum err touched_settle(struct set_write *w, struct fail *f)
{
	MDB_cursor *c;
	MDB_val k, v;
	struct ind_key key;
	enum err e = ERR_OK;
	int rc;
	TRY(set_err(mdb_cursor_open(w->txn, w->set->db[DB_touched], &c), f));
	while (e == ERR_OK && (rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) == 0) {
		if (k.mv_size > sizeof(key.b)) {
			rc = MDB_CORRUPTED;
			break;
		}
		memcpy(key.b, k.mv_data, k.mv_size);
		key.n = (uint16_t)k.mv_size;
		e = entry_settle(w, &key, f);
	}
	mdb_cursor_close(c);
	TRY(e);
	if (rc != MDB_NOTFOUND)
		return set_err(rc, f);
	return set_err(mdb_drop(w->txn, w->set->db[DB_touched], 0), f);
}

/* The second of the change, or the next one after the last: a count of commits would tell how much was looked
   at between, of which a consumer sees nothing. */
static void serial_step(struct set_head *h, int64_t now)
{
	h->serial = MAX(h->serial + 1, (uint64_t)MAX(now, 0));
	h->changed = now;
}

enum err set_commit(struct set_write **pw, bool show, int64_t now, struct fail *f)
{
	OWN(set_write) struct set_write *w = MOVE(*pw);
	struct set_head *h = &w->head;
	TRY(touched_settle(w, f));
	if (show && !h->ready) {
		h->ready = 1;
		serial_step(h, now);
		h->oldest = h->serial;
	} else if (show && h->pending) {
		serial_step(h, now);
	}
	if (show)
		h->pending = 0;
	TRY(log_trim(w, f));
	TRY(sdb_put(w, DB_note, head_key(), (MDB_val){sizeof(*h), h}, f));
	struct ind_set *s = w->set;
	struct set_info info = set_info_of(h);
	int rc = mdb_txn_commit(w->txn);
	w->txn = NULL;
	TRY(set_err(rc, f));
	pthread_mutex_lock(&s->lock);
	s->info = info;
	pthread_mutex_unlock(&s->lock);
	return ERR_OK;
}

/* ---- contributions ---- */

static MDB_val uuid_val(const struct uuid *u)
{
	return (MDB_val){sizeof(u->b), (void *)(uintptr_t)u->b};
}

struct who_key {
	uint16_t n;
	uint8_t b[IND_KEY_MAX + 16];
};

static MDB_val who_val(struct who_key *out, const void *key, size_t n, struct uuid event)
{
	memcpy(out->b, key, n);
	memcpy(out->b + n, event.b, 16);
	out->n = (uint16_t)(n + 16);
	return (MDB_val){out->n, out->b};
}

static enum err touch(struct set_write *w, const void *key, size_t n, struct fail *f)
{
	w->touched++;
	return sdb_put(w, DB_touched, (MDB_val){n, (void *)(uintptr_t)key}, (MDB_val){0, NULL}, f);
}

void set_batch(struct set_write *w)
{
	w->head.run++;
}

enum err set_event_begin(struct set_write *w, struct uuid event, struct fail *f)
{
	uint8_t run[8];
	MDB_val v;
	enum err e = sdb_get(w, DB_run, uuid_val(&event), &v, f);
	if (e == ERR_NOENT)
		w->head.events++;
	else
		TRY(e);
	be_put(run, w->head.run, 8);
	return sdb_put(w, DB_run, uuid_val(&event), (MDB_val){8, run}, f);
}

static enum err age_put(struct set_write *w, int64_t at, struct uuid event, const void *key, size_t n,
			struct fail *f)
{
	uint8_t b[8 + 16 + IND_KEY_MAX];
	be_put(b, (uint64_t)at, 8);
	memcpy(b + 8, event.b, 16);
	if (n)
		memcpy(b + 24, key, n);
	return sdb_put(w, DB_age, (MDB_val){24 + n, b}, (MDB_val){0, NULL}, f);
}

enum err set_again(struct set_write *w, uint64_t id, int64_t at, struct fail *f)
{
	struct uuid u = UUID_NIL;
	be_put(u.b + 8, id, 8);
	return age_put(w, MAX(at, 0), u, NULL, 0, f);
}

/* Two attributes of one event: what both say, in *i. */
static enum err within_event(struct str was, struct indicator *i, struct fail *f)
{
	struct indicator o, kept;
	if (!ind_unpack(was, &o))
		return fail(f, ERR_CORRUPT, "set of a subscription: a record is damaged");
	kept = indicator_is_newer(&o, i) ? o : *i;
	indicator_join(&kept, &o);
	indicator_join(&kept, i);
	*i = kept;
	return ERR_OK;
}

enum err set_put(struct set_write *w, struct str record, int64_t now, struct fail *f)
{
	struct indicator i;
	struct ind_key key;
	struct who_key wk;
	MDB_val v;
	if (!ind_unpack(record, &i))
		return fail(f, ERR_INVAL, "not a record of an indicator");
	int64_t end = indicator_age_end(&w->set->rules, &i);
	if (end <= now || !(w->set->rules.format->kinds & UINT64_C(1) << i.kind))
		return ERR_OK;
	ind_key(&i, &key);
	MDB_val k = who_val(&wk, key.b, key.n, i.event);
	enum err e = sdb_get(w, DB_who, k, &v, f);
	if (e != ERR_NOENT)
		TRY(e);
	bool had = e == ERR_OK && v.mv_size > 8;
	struct str was = had ? str_sub(val_str(v), 8, v.mv_size) : STR_NONE;
	if (had && be_get(v.mv_data, 8) == w->head.run)
		TRY(within_event(was, &i, f));
	/* the key says which event */
	struct uuid event = i.event;
	uint8_t run[8];
	i.event = UUID_NIL;
	be_put(run, w->head.run, 8);
	buf_clear(&w->item);
	buf_add(&w->item, run, 8);
	ind_pack(&w->item, &i, true);
	TRY(buf_err(&w->item));
	bool same = had && str_eq(was, str_sub(buf_str(&w->item), 8, w->item.n));
	TRY(sdb_put(w, DB_who, k, (MDB_val){w->item.n, w->item.p}, f));
	if (!had) {
		int rc = mdb_put(w->txn, w->set->db[DB_event], &(MDB_val){16, event.b},
				 &(MDB_val){key.n, key.b}, MDB_NODUPDATA);
		if (rc != MDB_KEYEXIST)
			TRY(set_err(rc, f));
	}
	if (end != INT64_MAX)
		TRY(age_put(w, end, event, key.b, key.n, f));
	return same ? ERR_OK : touch(w, key.b, key.n, f);
}

/* Those of the event's contributions that `run` did not put go; run 0: all. *left: how many stay. */
static enum err event_prune(struct set_write *w, struct uuid event, uint64_t run, uint64_t *left,
			    struct fail *f)
{
	MDB_cursor *c;
	MDB_val k = uuid_val(&event), v, rec;
	struct who_key wk;
	enum err e = ERR_OK;
	*left = 0;
	TRY(set_err(mdb_cursor_open(w->txn, w->set->db[DB_event], &c), f));
	int rc = mdb_cursor_get(c, &k, &v, MDB_SET);
	for (; rc == 0 && e == ERR_OK; rc = mdb_cursor_get(c, &k, &v, MDB_NEXT_DUP)) {
		MDB_val wv = who_val(&wk, v.mv_data, v.mv_size, event);
		e = sdb_get(w, DB_who, wv, &rec, f);
		if (e == ERR_OK && run && be_get(rec.mv_data, 8) == run) {
			++*left;
			continue;
		}
		if (e == ERR_OK)
			e = sdb_del(w, DB_who, wv, f);
		if (e == ERR_OK)
			e = touch(w, wk.b, wk.n - 16u, f);
		if (e == ERR_OK || e == ERR_NOENT)
			e = set_err(mdb_cursor_del(c, 0), f);
	}
	mdb_cursor_close(c);
	return e != ERR_OK ? e : rc == MDB_NOTFOUND ? ERR_OK : set_err(rc, f);
}

static enum err event_forget(struct set_write *w, struct uuid event, struct fail *f)
{
	w->head.events--;
	return sdb_del(w, DB_run, uuid_val(&event), f);
}

enum err set_event_end(struct set_write *w, struct uuid event, struct fail *f)
{
	uint64_t left;
	TRY(event_prune(w, event, w->head.run, &left, f));
	return left ? ERR_OK : event_forget(w, event, f);
}

uint64_t set_touched(const struct set_write *w)
{
	return w->touched;
}

/* ---- everything anew ---- */

enum err set_clear(struct set_write *w, struct fail *f)
{
	struct set_head *h = &w->head;
	for (unsigned i = 0; i < DB_COUNT; i++)
		if (i != DB_note)
			TRY(set_err(mdb_drop(w->txn, w->set->db[i], 0), f));
	*h = (struct set_head){
		.magic = h->magic, .version = h->version, .serial = h->serial, .run = h->run};
	h->oldest = h->serial;
	return ERR_OK;
}

enum err set_refill(struct set_write *w, bool hide, struct fail *f)
{
	w->head.refilling = 1;
	w->head.hidden |= hide;
	w->head.refill_run = w->head.run;
	/* what is too old may be something else now */
	return set_err(mdb_drop(w->txn, w->set->db[DB_age], 0), f);
}

enum err set_sweep(struct set_write *w, struct fail *f)
{
	MDB_cursor *c;
	MDB_val k, v;
	enum err e = ERR_OK;
	int rc;
	TRY(set_err(mdb_cursor_open(w->txn, w->set->db[DB_run], &c), f));
	while (e == ERR_OK && (rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) == 0) {
		struct uuid u;
		uint64_t left;
		if (v.mv_size != 8 || k.mv_size != 16 || be_get(v.mv_data, 8) > w->head.refill_run)
			continue;
		memcpy(u.b, k.mv_data, 16);
		e = event_prune(w, u, 0, &left, f);
		if (e == ERR_OK)
			e = set_err(mdb_cursor_del(c, 0), f);
		w->head.events--;
	}
	mdb_cursor_close(c);
	TRY(e);
	w->head.refilling = w->head.hidden = 0;
	return rc == MDB_NOTFOUND ? ERR_OK : set_err(rc, f);
}

/* ---- age ---- */

/* A contribution that is too old goes, whatever event it is of. */
static enum err who_expire(struct set_write *w, const uint8_t *b, size_t n, int64_t now, struct fail *f)
{
	struct uuid u;
	struct who_key wk;
	struct indicator i;
	MDB_val v;
	memcpy(u.b, b + 8, 16);
	MDB_val k = who_val(&wk, b + 24, n - 24, u);
	enum err e = sdb_get(w, DB_who, k, &v, f);
	if (e != ERR_OK)
		return e == ERR_NOENT ? ERR_OK : e;
	/* it may have been seen again since */
	if (!ind_unpack(str_sub(val_str(v), 8, v.mv_size), &i) ||
	    indicator_age_end(&w->set->rules, &i) > now)
		return ERR_OK;
	TRY(sdb_del(w, DB_who, k, f));
	int rc = mdb_del(w->txn, w->set->db[DB_event], &(MDB_val){16, u.b},
			 &(MDB_val){wk.n - 16u, wk.b});
	if (rc != MDB_NOTFOUND)
		TRY(set_err(rc, f));
	return touch(w, wk.b, wk.n - 16u, f);
}

/* The first on the list at `now`, taken off it; of events as a whole, or of contributions. */
static enum err age_take(struct set_write *w, int64_t now, uint8_t b[24 + IND_KEY_MAX], size_t *n,
			 bool events, struct fail *f)
{
	MDB_cursor *c;
	MDB_val k, v;
	TRY(set_err(mdb_cursor_open(w->txn, w->set->db[DB_age], &c), f));
	enum err e = ERR_NOENT;
	int rc;
	while ((rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) == 0) {
		if (k.mv_size < 24 || k.mv_size > 24 + IND_KEY_MAX) {
			rc = MDB_CORRUPTED;
			break;
		}
		if (be_get(k.mv_data, 8) > (uint64_t)now) {
			rc = MDB_NOTFOUND;
			break;
		}
		if ((k.mv_size == 24) != events)
			continue;
		memcpy(b, k.mv_data, k.mv_size);
		*n = k.mv_size;
		rc = mdb_cursor_del(c, 0);
		e = set_err(rc, f);
		break;
	}
	mdb_cursor_close(c);
	return rc && rc != MDB_NOTFOUND ? set_err(rc, f) : e;
}

enum err set_expire(struct set_write *w, int64_t now, uint64_t max, bool *more, struct fail *f)
{
	uint8_t b[24 + IND_KEY_MAX];
	size_t n;
	enum err e = ERR_OK;
	*more = false;
	for (uint64_t i = 0; (e = age_take(w, now, b, &n, false, f)) == ERR_OK; i++) {
		TRY(who_expire(w, b, n, now, f));
		if (i + 1 >= max) {
			*more = true;
			return ERR_OK;
		}
	}
	return e == ERR_NOENT ? ERR_OK : e;
}

enum err set_due(struct set_write *w, int64_t now, uint64_t *id, struct fail *f)
{
	uint8_t b[24 + IND_KEY_MAX];
	size_t n;
	TRY(age_take(w, now, b, &n, true, f));
	*id = be_get(b + 16, 8);
	return ERR_OK;
}

int64_t set_next_expiry(struct ind_set *s)
{
	MDB_txn *t;
	MDB_cursor *c;
	MDB_val k, v;
	int64_t at = INT64_MAX;
	if (mdb_txn_begin(s->env, NULL, MDB_RDONLY, &t))
		return at;
	if (!mdb_cursor_open(t, s->db[DB_age], &c)) {
		if (!mdb_cursor_get(c, &k, &v, MDB_FIRST) && k.mv_size >= 24)
			at = (int64_t)be_get(k.mv_data, 8);
		mdb_cursor_close(c);
	}
	mdb_txn_abort(t);
	return at;
}

/* ---- reading ---- */

enum err set_read_open(struct ind_set *s, struct set_read **out, struct fail *f)
{
	OWN(set_read) struct set_read *r = calloc(1, sizeof(*r));
	*out = NULL;
	if (!r)
		return fail(f, ERR_NOMEM, "no memory");
	r->set = s;
	TRY(set_err(mdb_txn_begin(s->env, NULL, MDB_RDONLY, &r->txn), f));
	TRY(head_read(s, r->txn, &r->head, false, f));
	TRY(set_err(mdb_cursor_open(r->txn, s->db[DB_shown], &r->at), f));
	*out = MOVE(r);
	return ERR_OK;
}

void set_read_close(struct set_read *r)
{
	if (!r)
		return;
	if (r->at)
		mdb_cursor_close(r->at);
	if (r->txn)
		mdb_txn_abort(r->txn);
	free(r);
}

uint64_t set_version(const struct ind_set *s)
{
	MDB_envinfo info;
	return mdb_env_info(s->env, &info) == 0 ? info.me_last_txnid : 0;
}

uint64_t set_read_version(const struct set_read *r)
{
	return mdb_txn_id(r->txn);
}

struct set_info set_read_info(const struct set_read *r)
{
	return set_info_of(&r->head);
}

struct str set_read_note(const struct set_read *r, const char *name)
{
	MDB_val k = {strlen(name), (void *)(uintptr_t)name}, v;
	return mdb_get(r->txn, r->set->db[DB_note], &k, &v) ? STR_NONE : val_str(v);
}

void set_read_rewind(struct set_read *r)
{
	r->begun = false;
}

enum err set_read_next(struct set_read *r, struct indicator *out)
{
	MDB_val k, v;
	int rc = mdb_cursor_get(r->at, &k, &v, r->begun ? MDB_NEXT : MDB_FIRST);
	r->begun = true;
	if (rc)
		return rc == MDB_NOTFOUND ? ERR_NOENT : set_err(rc, NULL);
	return ind_unpack(val_str(v), out) ? ERR_OK : ERR_CORRUPT;
}
