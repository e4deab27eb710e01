/*
 * ledger.c - transfers: named before they leave, closed after, in the store's group commits.
 *
 * Transfers under way stand in a list in the order in which they were first named. Each knows how long
 * the log was before it began, so the first of those still open tells from where on a start after a
 * crash has to look. Those that have ended wait for the next intent, or a second, to be written.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "audit/ledger_impl.h"
#include "base/clock.h"
#include "base/log.h"

#define JOB_ITEMS 4096 /* named in one job of the writer; some milliseconds */
#define ENDED_WAKE 1000 /* so many are not kept waiting */
#define ENDED_JOB 4096
#define RECOVER_JOB 4096

struct ledger_transfer {
	struct ledger *l;
	struct ledger_transfer *prev, *next; /* in the list of those under way */
	struct ledger_transfer *next_ended;
	struct ledger_audience to;
	struct str way;
	bool listing, listed; /* listed: stands in the list */
	bool closing; /* its closing is being written */
	uint8_t policy[32], digest[32];
	uint64_t floor, first; /* first leaf; UINT64_MAX: not named yet */
	uint64_t bytes;
	uint8_t outcome;
	char text[]; /* what `to` and `way` point to */
};

struct ledger {
	struct store *store;
	struct ledger_opts o;
	struct note_key key;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop, running;
	bool flushing; /* somebody writes closings */
	uint64_t size, signed_size; /* as far as this process knows to be durable */
	int64_t signed_ms;
	struct ledger_transfer *head, *tail; /* under way */
	struct ledger_transfer *ended, **ended_tail;
	size_t n_ended;
};

const struct note_key *ledger_key(const struct ledger *l)
{
	return &l->key;
}

/* ---- the list of those under way; with the lock held ---- */

static void enlist(struct ledger *l, struct ledger_transfer *t)
{
	if (t->listed)
		return;
	t->listed = true;
	t->floor = l->size;
	t->prev = l->tail;
	if (l->tail)
		l->tail->next = t;
	else
		l->head = t;
	l->tail = t;
}

static void unlist(struct ledger *l, struct ledger_transfer *t)
{
	if (!t->listed)
		return;
	if (t->prev)
		t->prev->next = t->next;
	else
		l->head = t->next;
	if (t->next)
		t->next->prev = t->prev;
	else
		l->tail = t->prev;
	t->listed = false;
}

static void grown(struct ledger *l, const struct head *h)
{
	l->size = MAX(l->size, h->tree.size);
	l->signed_size = MAX(l->signed_size, h->signed_size);
}

/* ---- closings ---- */

struct closings {
	struct ledger_transfer *first; /* NULL: nothing to write */
	uint64_t open_from;
};

/* Take what has ended, unless somebody else is at it. */
static struct closings closings_take(struct ledger *l)
{
	struct closings c = {NULL, 0};
	size_t n = 0;
	pthread_mutex_lock(&l->lock);
	if (!l->flushing && l->ended) {
		struct ledger_transfer **at = &l->ended;
		c.first = l->ended;
		for (; *at && n < ENDED_JOB; at = &(*at)->next_ended, n++)
			(*at)->closing = true;
		struct ledger_transfer *rest = *at;
		*at = NULL;
		l->ended = rest;
		if (!rest)
			l->ended_tail = &l->ended;
		l->n_ended -= n;
		l->flushing = true;
		const struct ledger_transfer *t = l->head;
		while (t && t->closing)
			t = t->next;
		c.open_from = t ? t->floor : l->size;
	}
	pthread_mutex_unlock(&l->lock);
	return c;
}

static enum err closings_run(struct appending *a, const struct closings *c, struct fail *f)
{
	for (const struct ledger_transfer *t = c->first; t; t = t->next_ended)
		TRY(append_closed(a, t->first, t->outcome, t->bytes, t->digest, f));
	if (c->first)
		a->head.open_from = MAX(a->head.open_from, c->open_from);
	return ERR_OK;
}

/* They are durable, or wait on, before those that ended since. With the lock held. */
static void closings_done(struct ledger *l, struct closings *c, bool durable)
{
	struct ledger_transfer *last = NULL;
	if (!c->first)
		return;
	l->flushing = false;
	for (struct ledger_transfer *t = c->first, *next; t; t = next) {
		next = t->next_ended;
		last = t;
		t->closing = false;
		if (durable) {
			unlist(l, t);
			free(t);
		} else {
			l->n_ended++;
		}
	}
	if (durable)
		return;
	last->next_ended = l->ended;
	if (!l->ended)
		l->ended_tail = &last->next_ended;
	l->ended = c->first;
}

struct flush_job {
	struct ledger *l;
	struct closings c;
	bool sign;
	struct head head; /* result */
};

static enum err flush_run(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct flush_job *j = arg;
	struct appending a;
	TRY(append_begin(&a, w, f));
	enum err e = closings_run(&a, &j->c, f);
	if (e == ERR_OK && j->sign) /* what is signed says how far the audit log had come */
		e = append_audit(&a, f);
	if (e == ERR_OK && j->sign)
		e = append_checkpoint(&a, &j->l->key, f);
	e = append_end(&a, e, f);
	j->head = a.head;
	return e;
}

static enum err flush(struct ledger *l, bool sign, struct fail *f)
{
	struct flush_job j = {.l = l, .sign = sign};
	enum err e;
	do {
		j.c = closings_take(l);
		bool more = j.c.first != NULL;
		if (!more && !sign)
			return ERR_OK;
		e = store_run(l->store, flush_run, &j, f);
		pthread_mutex_lock(&l->lock);
		if (e == ERR_OK)
			grown(l, &j.head);
		closings_done(l, &j.c, e == ERR_OK);
		if (sign && e == ERR_OK)
			l->signed_ms = clock_boot_ms();
		more = more && l->ended;
		pthread_mutex_unlock(&l->lock);
		if (!more)
			return e;
	} while (e == ERR_OK);
	return e;
}

enum err ledger_flush(struct ledger *l, struct fail *f)
{
	return flush(l, false, f);
}

enum err ledger_checkpoint(struct ledger *l, struct fail *f)
{
	return flush(l, true, f);
}

/* ---- intents ---- */

enum err ledger_begin(struct ledger *l, const struct ledger_audience *to, struct str way,
		      bool listing, const char *policy, struct ledger_transfer **out,
		      struct fail *f)
{
	size_t n = MIN(to->name.n, (size_t)LEAF_TEXT_MAX), k = MIN(way.n, (size_t)LEAF_TEXT_MAX);
	struct ledger_transfer *t = calloc(1, sizeof(*t) + n + k + 1);
	*out = t;
	if (!t)
		return fail(f, ERR_NOMEM, "no memory");
	*t = (struct ledger_transfer){.l = l, .listing = listing, .first = UINT64_MAX};
	if (n)
		memcpy(t->text, to->name.p, n);
	if (k)
		memcpy(t->text + n, way.p, k);
	t->to = (struct ledger_audience){to->kind, to->org, {t->text, n}};
	t->way = (struct str){t->text + n, k};
	if (!policy || !hash_unhex(str_c(policy), t->policy, sizeof(t->policy)))
		memset(t->policy, 0, sizeof(t->policy));
	return ERR_OK;
}

struct naming {
	struct ledger_transfer *t;
	struct append_intent what;
	uint64_t first; /* result */
	struct ledger_item *room; /* of a list: those that are new */
};

struct intend_job {
	struct closings c;
	struct naming *v;
	size_t n;
	struct head head; /* result */
};

static enum err intend_run(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct intend_job *j = arg;
	struct appending a;
	TRY(append_begin(&a, w, f));
	enum err e = closings_run(&a, &j->c, f);
	for (size_t i = 0; i < j->n && e == ERR_OK; i++) {
		j->v[i].first = j->v[i].t->first;
		e = append_intents(&a, &j->v[i].what, &j->v[i].first, f);
	}
	e = append_end(&a, e, f);
	j->head = a.head;
	return e;
}

/* Rows that the audience has been given before, in this version: counted, not named again. */
static bool is_known(const struct store_rtxn *r, uint32_t audience, const struct ledger_item *x)
{
	struct ledger_given g;
	return ledger_last(r, audience, x->thing, x->id, &g) == ERR_OK &&
	       ((g.listed.seq && g.listed.timestamp == x->timestamp) ||
		(g.sent.seq && g.sent.timestamp == x->timestamp));
}

static enum err leave_out_known(struct ledger *l, struct naming *x, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *r = NULL;
	uint32_t audience;
	size_t n = 0;
	TRY(store_read(l->store, &r, f));
	enum err e = ledger_audience_find(r, &x->what.to, &audience);
	if (e == ERR_NOENT)
		return ERR_OK;
	if (e != ERR_OK)
		return fail(f, e, "reading the ledger");
	x->room = reallocarray(NULL, x->what.n, sizeof(*x->room));
	if (!x->room)
		return fail(f, ERR_NOMEM, "no memory");
	for (size_t i = 0; i < x->what.n; i++)
		if (is_known(r, audience, &x->what.v[i]))
			x->what.again++;
		else
			x->room[n++] = x->what.v[i];
	x->what.v = x->room;
	x->what.n = n;
	return ERR_OK;
}

static enum err intend(struct ledger *l, struct naming *v, size_t n, struct fail *f)
{
	struct intend_job j = {.v = v, .n = n};
	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < n; i++)
		enlist(l, v[i].t);
	pthread_mutex_unlock(&l->lock);
	j.c = closings_take(l);
	enum err e = store_run(l->store, intend_run, &j, f);
	pthread_mutex_lock(&l->lock);
	if (e == ERR_OK)
		grown(l, &j.head);
	for (size_t i = 0; i < n && e == ERR_OK; i++)
		v[i].t->first = v[i].first;
	closings_done(l, &j.c, e == ERR_OK);
	pthread_mutex_unlock(&l->lock);
	return e;
}

static enum err intend_all(struct ledger *l, const struct ledger_named *v, size_t n,
			   struct naming *room, struct fail *f)
{
	size_t k = 0, items = 0;
	for (size_t i = 0; i < n; i++) {
		const struct ledger_transfer *t = v[i].t;
		for (size_t at = 0; at < v[i].n; at += JOB_ITEMS) {
			size_t some = MIN(v[i].n - at, (size_t)JOB_ITEMS);
			/* a job of its own when one transfer, or all together, name that many */
			if (k && (at || items + some > JOB_ITEMS)) {
				TRY(intend(l, room, k, f));
				k = items = 0;
			}
			free(room[k].room);
			room[k] = (struct naming){
				.t = v[i].t,
				.what = {.to = t->to, .way = t->way, .listing = t->listing,
					 .policy = t->policy, .v = v[i].v + at, .n = some}};
			if (t->listing)
				TRY(leave_out_known(l, &room[k], f));
			k++;
			items += some;
		}
	}
	return k ? intend(l, room, k, f) : ERR_OK;
}

enum err ledger_intend(struct ledger *l, const struct ledger_named *v, size_t n, struct fail *f)
{
	struct naming *room = calloc(n + 1, sizeof(*room));
	struct fail why = {0};
	if (!room)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = intend_all(l, v, n, room, &why);
	for (size_t i = 0; i < n; i++)
		free(room[i].room);
	free(room);
	if (e == ERR_OK)
		return e;
	log_error(ROOM_LEDGER, "intent=refused err=%s detail=%s nothing is sent without it",
		  err_name(e), log_val(str_c(why.text)));
	return fail(f, e, "the ledger cannot be written, so nothing is sent: %.300s", why.text);
}

void ledger_end(struct ledger_transfer *t, enum ledger_outcome outcome, uint64_t bytes,
		const uint8_t *digest)
{
	struct ledger *l = t->l;
	bool named = t->first != UINT64_MAX;
	t->outcome = (uint8_t)outcome;
	t->bytes = bytes;
	if (digest)
		memcpy(t->digest, digest, sizeof(t->digest));
	pthread_mutex_lock(&l->lock);
	if (named) {
		*l->ended_tail = t;
		l->ended_tail = &t->next_ended;
		if (++l->n_ended == ENDED_WAKE)
			pthread_cond_signal(&l->wake);
	} else {
		unlist(l, t);
	}
	pthread_mutex_unlock(&l->lock);
	if (!named)
		free(t);
}

/* ---- the thread ---- */

static bool wants_checkpoint(const struct ledger *l)
{
	/* also where nothing was sent: the audit log may have grown */
	return l->size - l->signed_size >= l->o.checkpoint_leaves ||
	       clock_boot_ms() - l->signed_ms >= (int64_t)l->o.checkpoint_s * 1000;
}

static void *ledger_main(void *arg)
{
	struct ledger *l = arg;
	struct fail f;
	pthread_setname_np(pthread_self(), "ledger");
	pthread_mutex_lock(&l->lock);
	while (!l->stop) {
		struct timespec until;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec++;
		while (!l->stop && l->n_ended < ENDED_WAKE &&
		       pthread_cond_timedwait(&l->wake, &l->lock, &until) != ETIMEDOUT)
			;
		bool sign = wants_checkpoint(l), work = l->ended || sign;
		pthread_mutex_unlock(&l->lock);
		f = (struct fail){0};
		enum err e = work ? flush(l, sign, &f) : ERR_OK;
		if (e != ERR_OK) {
			log_warn(ROOM_LEDGER, "closings=waiting err=%s detail=%s", err_name(e),
				 log_val(str_c(f.text)));
			nanosleep(&(struct timespec){1, 0}, NULL);
		}
		pthread_mutex_lock(&l->lock);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

/* ---- opening ---- */

struct open_job {
	const struct note_key *key;
	const uint64_t *v; /* first leaves of transfers that nothing has closed */
	size_t n;
	bool last;
	struct head head; /* result */
};

static enum err open_run(struct store_wtxn *w, void *arg, struct fail *f)
{
	static const uint8_t none[32];
	struct open_job *j = arg;
	struct appending a;
	TRY(append_begin(&a, w, f));
	enum err e = append_key(&a, j->key, f);
	for (size_t i = 0; i < j->n && e == ERR_OK; i++)
		e = append_closed(&a, j->v[i], LEDGER_UNKNOWN, 0, none, f);
	if (j->last)
		a.head.open_from = a.head.tree.size;
	e = append_end(&a, e, f);
	j->head = a.head;
	return e;
}

/* Transfers under way when the process ended, as many as one job closes; *from: where to go on. */
static enum err left_open(struct store *s, uint64_t *from, uint64_t *v, size_t *n, struct head *h,
			  struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *r = NULL;
	struct leaf_item items[LEAF_ITEMS];
	struct leaf leaf;
	struct str bytes;
	uint64_t closed;
	*n = 0;
	TRY(store_read(s, &r, f));
	enum err e = head_get(r, h);
	if (e != ERR_OK)
		return fail(f, e, "the head of the ledger is damaged");
	for (*from = MAX(*from, h->open_from); *from < h->tree.size && *n < RECOVER_JOB; ++*from) {
		e = ledger_leaf_get(r, *from, &bytes);
		if (e == ERR_OK)
			e = leaf_read(bytes, &leaf, items);
		if (e != ERR_OK)
			return fail(f, ERR_CORRUPT, "leaf %llu of the ledger is damaged or missing",
				    (unsigned long long)*from);
		if (leaf.kind != LEAF_INTENT || leaf.back)
			continue;
		e = ledger_closed_by(r, *from, &closed);
		if (e == ERR_NOENT)
			v[(*n)++] = *from;
		else if (e != ERR_OK)
			return fail(f, e, "reading the ledger");
	}
	return ERR_OK;
}

/* Is the key that signs the one that the log names? */
static bool names_key(struct ledger *l)
{
	OWN(store_rtxn) struct store_rtxn *r = NULL;
	struct fail f = {0};
	struct str was;
	return store_read(l->store, &r, &f) == ERR_OK &&
	       store_kv_get(r, STR(SIGNER_KEY), &was) == ERR_OK && was.n == sizeof(l->key.pub) &&
	       memcmp(was.p, l->key.pub, was.n) == 0;
}

static enum err recover(struct ledger *l, struct fail *f)
{
	OWN(mem) void *room = calloc(RECOVER_JOB, sizeof(uint64_t));
	struct open_job j = {.key = &l->key, .v = room};
	uint64_t from = 0, all = 0;
	if (!room)
		return fail(f, ERR_NOMEM, "no memory");
	do {
		TRY(left_open(l->store, &from, room, &j.n, &j.head, f));
		j.last = j.n < RECOVER_JOB;
		if (j.last && !j.n && j.head.open_from == j.head.tree.size && names_key(l))
			break;
		enum err e = store_run(l->store, open_run, &j, f);
		/* without room nothing can be sent, but the node has to run, if only to make room */
		if (e == ERR_FULL)
			log_error(ROOM_LEDGER, "opening=%s nothing is sent until there is room",
				  err_name(e));
		else if (e != ERR_OK)
			return e;
		if (e != ERR_OK)
			break;
		all += j.n;
	} while (!j.last);
	l->size = j.head.tree.size;
	l->signed_size = j.head.signed_size;
	if (all)
		log_warn(ROOM_LEDGER, "transfers=%llu outcome=unknown the node stopped under way",
			 (unsigned long long)all);
	return ERR_OK;
}

enum err ledger_open(const struct ledger_opts *o, struct ledger **out, struct fail *f)
{
	struct ledger *l = calloc(1, sizeof(*l));
	pthread_condattr_t attr;
	*out = NULL;
	if (!l)
		return fail(f, ERR_NOMEM, "no memory");
	l->o = *o;
	l->store = o->store;
	if (!l->o.checkpoint_leaves)
		l->o.checkpoint_leaves = 10000;
	if (!l->o.checkpoint_s)
		l->o.checkpoint_s = 300;
	l->ended_tail = &l->ended;
	l->signed_ms = clock_boot_ms();
	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->wake, &attr);
	pthread_condattr_destroy(&attr);
	note_origin(store_node_uuid(o->store), l->key.origin);
	enum err e = note_key_load(o->key_file, &l->key, f);
	if (e == ERR_OK)
		e = recover(l, f);
	if (e == ERR_OK && pthread_create(&l->thread, NULL, ledger_main, l) != 0)
		e = fail(f, ERR_NOMEM, "cannot start a thread");
	l->running = e == ERR_OK;
	if (e == ERR_OK)
		*out = l;
	else
		ledger_close(l);
	return e;
}

void ledger_close(struct ledger *l)
{
	struct fail f = {0};
	if (!l)
		return;
	if (l->running) {
		pthread_mutex_lock(&l->lock);
		l->stop = true;
		pthread_cond_signal(&l->wake);
		pthread_mutex_unlock(&l->lock);
		pthread_join(l->thread, NULL);
		enum err e = flush(l, false, &f);
		if (e == ERR_OK)
			e = flush(l, true, &f);
		if (e != ERR_OK)
			log_error(ROOM_LEDGER, "closing err=%s detail=%s", err_name(e),
				  log_val(str_c(f.text)));
	}
	BUG(l->head != NULL && !l->ended);
	for (struct ledger_transfer *t = l->ended, *next; t; t = next) {
		next = t->next_ended;
		free(t);
	}
	pthread_mutex_destroy(&l->lock);
	pthread_cond_destroy(&l->wake);
	secret_wipe(&l->key, sizeof(l->key));
	free(l);
}
