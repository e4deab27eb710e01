/*
 * test_writer.c - group commit by many threads, jobs that fail before and after they wrote, hooks
 * and listeners, and a store that is full.
 */
#include "tests/unit/store/fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#define THREADS 32u
#define ROUNDS 60u

/* What the hooks have seen; the writer thread alone calls them. */
static struct {
	unsigned begun, applied, aborted;
	uint64_t changes, last_seq;
	bool open, wrong;
} seen;

static void on_begin(void *user)
{
	(void)user;
	seen.wrong |= seen.open;
	seen.open = true;
	seen.begun++;
}

static enum err on_applied(void *user, const struct store_rtxn *t, const struct change *c, size_t n)
{
	(void)user;
	seen.wrong |= !seen.open;
	seen.open = false;
	seen.applied++;
	seen.changes += n;
	for (size_t i = 0; i < n; i++) {
		struct misp_event e;

		/* the snapshot holds what the changes tell */
		seen.wrong |= c[i].seq != seen.last_seq + 1 ||
			      store_get(t, T_EVENT, c[i].id, NULL, &e) != ERR_OK ||
			      !uuid_eq(e.uuid, c[i].uuid);
		seen.last_seq = c[i].seq;
	}
	seen.wrong |= store_seq(t) != seen.last_seq;
	return ERR_OK;
}

static void on_aborted(void *user)
{
	(void)user;
	seen.wrong |= !seen.open;
	seen.open = false;
	seen.aborted++;
}

static atomic_uint heard;
static void on_commit(void *user, uint64_t last_seq)
{
	(void)user;
	(void)last_seq;
	atomic_fetch_add(&heard, 1);
}

struct task {
	struct store *s;
	uint64_t number;
	enum { WELL, FAIL_CLEAN, FAIL_DIRTY } kind;
	struct fix_event ev;
};

static enum err task_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct task *t = arg;

	if (t->kind == FAIL_CLEAN)
		return fail(f, ERR_INVAL, "as wanted");
	t->ev = (struct fix_event){.number = t->number, .n = 5};
	TRY(fix_event_job(w, &t->ev, f));
	return t->kind == FAIL_DIRTY ? fail(f, ERR_PERM, "after writing") : ERR_OK;
}

static void *thread_main(void *arg)
{
	struct task *t = arg;
	uint64_t first = t->number;
	uintptr_t bad = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		static const enum err want[] = {ERR_OK, ERR_INVAL, ERR_PERM};
		struct fail f = {0};
		struct store_rtxn *r;
		struct misp_event e;
		enum err got;

		t->number = first + i;
		t->kind = i % 7 == 3 ? FAIL_CLEAN : i % 11 == 5 ? FAIL_DIRTY : WELL;
		got = store_run(t->s, task_job, t, &f);
		bad += got != want[t->kind];
		if (got != ERR_OK || store_read(t->s, &r, NULL) != ERR_OK)
			continue;
		/* whoever got "saved" finds it at once */
		bad += store_get(r, T_EVENT, t->ev.id, NULL, &e) != ERR_OK ||
		       e.body != t->ev.body || fix_count(r, EL_ATTR, e.body) != 5;
		store_read_end(r);
	}
	return (void *)bad;
}

static void many(void)
{
	const struct store_hooks h = {NULL, on_begin, on_applied, on_aborted};
	struct store *s = fix_open("many", (struct store_opts){0});
	pthread_t th[THREADS];
	struct task t[THREADS];
	struct store_report rep;
	struct store_stats st;
	struct store_rtxn *r;
	uintptr_t bad = 0;
	unsigned well = 0, found = 0;

	store_set_hooks(s, &h);
	store_listen(s, on_commit, NULL);
	for (unsigned i = 0; i < THREADS; i++) {
		t[i] = (struct task){.s = s, .number = (i + 1) * 1000};
		if (pthread_create(&th[i], NULL, thread_main, &t[i]))
			bail_out("pthread_create");
	}
	for (unsigned i = 0; i < THREADS; i++) {
		void *res;

		pthread_join(th[i], &res);
		bad += (uintptr_t)res;
	}
	is_uint(bad, 0, "every job got its own verdict and found what it wrote");
	for (unsigned i = 0; i < ROUNDS; i++)
		well += i % 7 != 3 && i % 11 != 5;
	is_ok(store_read(s, &r, NULL), "read");
	is_uint(store_count(r, T_EVENT), well * THREADS, "exactly the events of the good jobs");
	for (unsigned i = 0; i < THREADS; i++)
		for (unsigned k = 0; k < ROUNDS; k++) {
			struct uuid u = fix_uuid((i + 1) * 1000 + k);
			uint64_t id;

			found += store_find(r, IX_EVENT_UUID, (struct str){(char *)u.b, 16}, &id) ==
				 ERR_OK;
		}
	is_uint(found, well * THREADS, "each by its UUID");
	store_read_end(r);
	ok(!seen.wrong && !seen.open, "hooks came in order, with snapshots that hold the changes");
	is_uint(seen.changes, well * THREADS, "each change was told once");
	is_uint(seen.begun, seen.applied + seen.aborted, "each group ended");
	store_stats(s, &st);
	is_uint(st.jobs, THREADS * ROUNDS, "jobs are counted");
	ok(st.commits < well * THREADS / 2, "%u jobs shared %llu commits", well * THREADS,
	   (unsigned long long)st.commits);
	is_uint(atomic_load(&heard), st.commits, "the listener heard of each commit");
	is_ok(store_check(s, NULL, NULL, NULL, &rep, &fix_fail), "the store is sound");
	store_set_hooks(s, NULL);
	store_close(s);
}

static atomic_uint submitted;
static void on_done(void *arg, enum err e, const struct fail *f)
{
	struct task *t = arg;

	(void)f;
	atomic_fetch_add(&submitted, e == (t->kind == FAIL_DIRTY ? ERR_PERM : ERR_OK) ? 1 : 1000);
}

static enum err nested_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	return store_run(store_of(w), nested_job, arg, f);
}

static void queued(void)
{
	struct store *s = fix_open("queued", (struct store_opts){.group_us = 2000});
	struct task t[40];
	struct store_rtxn *r;

	for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
		t[i] = (struct task){.s = s, .number = i, .kind = i % 2 ? FAIL_DIRTY : WELL};
		is_ok(store_submit(s, task_job, on_done, &t[i]), "submit");
	}
	store_close(s);
	is_uint(atomic_load(&submitted), ARRAY_LEN(t),
		"closing waits for the queue; half of a group failed after writing");
	s = fix_open("queued", (struct store_opts){0});
	is_ok(store_read(s, &r, NULL), "read");
	is_uint(store_count(r, T_EVENT), ARRAY_LEN(t) / 2, "the other half is there");
	store_read_end(r);
	is_err(store_run(s, nested_job, NULL, NULL), ERR_BUG, "a job cannot wait for a job");
	store_close(s);
}

struct observer {
	struct store_witness base;
	bool refuses;
	unsigned freed;
};

static enum err observe(struct store_witness *self, struct store_wtxn *w, const struct change *c,
			size_t n, struct fail *f)
{
	struct observer *o = (struct observer *)self;
	char key[40];
	int len = snprintf(key, sizeof(key), "seen/%llu/%zu", (unsigned long long)c[0].id, n);

	if (o->refuses)
		return fail(f, ERR_LIMIT, "not to be told");
	return store_book_put(w, BOOK_KV, (struct str){key, (size_t)len}, STR(""), f);
}

static void observer_free(struct store_witness *self)
{
	((struct observer *)self)->freed++;
}

/* What is written with the changes of a job comes about with them, or neither does. */
static void witnessed(void)
{
	struct store *s = fix_open("witnessed", (struct store_opts){0});
	struct observer o = {{observe, observer_free, 1}, false, 0};
	struct task t[6];
	struct store_rtxn *r;
	struct fail f = {0};
	OWN(buf) struct buf key = BUF(100);
	struct str v;
	unsigned n = 0;

	for (unsigned i = 0; i < ARRAY_LEN(t); i++)
		t[i] = (struct task){.s = s, .number = i, .kind = i == 1 ? FAIL_DIRTY : WELL};
	is_ok(store_run(s, task_job, &t[0], &f), "without a witness");
	store_witness_set(&o.base);
	is_err(store_run(s, task_job, &t[1], &f), ERR_PERM, "a job that fails");
	is_ok(store_run(s, task_job, &t[2], &f), "one that does not");
	is_ok(store_submit(s, task_job, on_done, &t[3]), "one that nobody waits for");
	store_witness_set(NULL);
	store_witness_unref(&o.base);
	is_ok(store_run(s, task_job, &t[4], &f), "without again");
	is_uint(o.freed, 1, "it lives as long as the last job that wants it");
	is_ok(store_read(s, &r, NULL), "read");
	while (store_book_next(r, BOOK_KV, STR("seen/"), &key, &v) == ERR_OK)
		n++;
	is_uint(n, 2, "told of each job that changed something");
	store_read_end(r);
	o = (struct observer){{observe, observer_free, 1}, true, 0};
	store_witness_set(&o.base);
	is_err(store_run(s, task_job, &t[5], &f), ERR_LIMIT, "a witness that cannot write");
	store_witness_set(NULL);
	is_ok(store_read(s, &r, NULL), "read");
	is_uint(store_count(r, T_EVENT), 4, "fails the job");
	store_read_end(r);
	store_close(s);
}

struct guest {
	bool here, wrong, begun;
	unsigned groups;
};

static void guest_begin(void *user)
{
	struct guest *g = user;

	g->wrong |= !g->here || g->begun;
	g->begun = true;
}

static enum err guest_applied(void *user, const struct store_rtxn *t, const struct change *c, size_t n)
{
	struct guest *g = user;

	(void)t;
	(void)c;
	(void)n;
	g->wrong |= !g->here || !g->begun;
	g->begun = false;
	g->groups++;
	return ERR_OK;
}

static void guest_aborted(void *user)
{
	struct guest *g = user;

	g->wrong |= !g->here || !g->begun;
	g->begun = false;
}

/* Hooks come and go while others write: never half a group, never one that has gone. */
static void come_and_go(void)
{
	struct store *s = fix_open("hooks", (struct store_opts){0});
	struct guest g = {0};
	const struct store_hooks h = {&g, guest_begin, guest_applied, guest_aborted};
	struct task t = {.s = s, .number = 1};
	pthread_t th;
	void *bad;

	if (pthread_create(&th, NULL, thread_main, &t))
		bail_out("pthread_create");
	for (unsigned i = 0; i < 20; i++) {
		g.here = true;
		store_set_hooks(s, &h);
		usleep(500);
		store_set_hooks(s, NULL);
		g.here = false;
	}
	pthread_join(th, &bad);
	ok(!g.wrong && !g.begun && !bad, "hooks came and went %u times, saw %u groups", 20u,
	   g.groups);
	store_close(s);
}

static enum err delete_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	return store_event_del(w, *(uint64_t *)arg, f);
}

static void full(void)
{
	struct store *s = fix_open("full", (struct store_opts){.quota = 4 << 20});
	struct task t = {.s = s}, big = {.s = s, .number = 1000000};
	struct store_rtxn *r;
	struct store_report rep;
	struct store_stats st;
	uint64_t ids[200], n = 0;
	enum err e;

	big.ev = (struct fix_event){.number = 5000000, .n = 2000};
	while ((e = store_run(s, fix_event_job, &big.ev, &fix_fail)) == ERR_OK && n < 200) {
		ids[n++] = big.ev.id;
		big.ev.number++;
	}
	is_err(e, ERR_FULL, "the quota is kept: %s", fix_fail.text);
	store_stats(s, &st);
	ok(st.file_size >= 3 << 20 && st.file_size < 8 << 20, "at %llu bytes",
	   (unsigned long long)st.file_size);
	is_ok(store_read(s, &r, NULL), "reading goes on");
	is_uint(store_count(r, T_EVENT), n, "with all that was acknowledged");
	store_read_end(r);
	is_err(store_run(s, task_job, &t, NULL), ERR_FULL, "small ones are refused too");
	for (unsigned i = 0; i < n / 2; i++)
		is_ok(store_run(s, delete_job, &ids[i], &fix_fail), "deleting is not refused");
	for (unsigned i = 0; i < 500 && (e = store_run(s, task_job, &t, NULL)) == ERR_FULL; i++)
		usleep(10000);
	is_ok(e, "when the bodies have gone there is room again");
	is_ok(store_check(s, NULL, NULL, NULL, &rep, &fix_fail), "the store is sound");
	store_close(s);
}

int main(void)
{
	fix_begin();
	many();
	queued();
	witnessed();
	come_and_go();
	full();
	return fix_end();
}
