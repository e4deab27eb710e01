/*
 * writer.c - the one thread that writes: jobs in groups, one commit and one fsync for each group.
 *
 * Jobs that arrive while a group runs or commits join it or the next. A job that fails before it
 * wrote or took a number costs nothing. One that fails after it wrote undoes the group; the others run again
 * without it. When storage itself fails (full, or the commit), every job of the group runs again
 * alone, so that each gets a verdict of its own. Jobs complete after the commit is durable and
 * the hooks have taken it.
 */
#include "store/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"

#define GROUP_MAX 256u
#define RERUNS_MAX 8u
#define DROP_BATCH 1000u
#define DROP_PAUSE_MS 100
#define READER_CHECK_MS 3600000 /* slots of readers that died in other processes */

enum state { WAITS, RAN, FAILED, FAILED_DIRTY };

struct job {
	struct job *next;
	store_run_fn run;
	void *arg;
	struct store_witness *witness;
	store_done_fn done; /* NULL: somebody waits at `sem` */
	sem_t sem;
	enum state state;
	enum err err;
	struct fail fail;
};

struct writer {
	struct store *s;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake, idle;
	struct job *head, **tail;
	size_t queued;
	bool sleeping, stopping;
	bool busy; /* between taking a group and completing it */
	bool broken; /* an fsync failed: what is on disk is unknown until the next start */
	struct store_wtxn w;
	struct job *group[GROUP_MAX];
	unsigned n;
	struct job drop;
	int64_t last_drop, last_reader_check;
};

/* ---- witnesses ------------------------------------------------------------------------------ */

static _Thread_local struct store_witness *of_thread;

struct store_witness *store_witness_ref(struct store_witness *v)
{
	if (v)
		atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
	return v;
}

void store_witness_unref(struct store_witness *v)
{
	if (v && atomic_fetch_sub(&v->refs, 1) == 1)
		v->free(v);
}

void store_witness_set(struct store_witness *v)
{
	of_thread = v;
}

/* ---- the queue ------------------------------------------------------------------------------ */

static enum err enqueue(struct store *s, struct job *j, struct fail *f)
{
	struct writer *wr = s->writer;
	bool wake;

	if (!wr)
		return fail(f, ERR_UNSUPPORTED, "the store is open for reading only");
	pthread_mutex_lock(&wr->lock);
	if (wr->stopping && !pthread_equal(pthread_self(), wr->thread)) {
		pthread_mutex_unlock(&wr->lock);
		return fail(f, ERR_CANCELLED, "the store is closing");
	}
	j->next = NULL;
	j->witness = store_witness_ref(of_thread);
	*wr->tail = j;
	wr->tail = &j->next;
	wr->queued++;
	wake = wr->sleeping;
	pthread_mutex_unlock(&wr->lock);
	if (wake)
		pthread_cond_signal(&wr->wake);
	return ERR_OK;
}

enum err store_run(struct store *s, store_run_fn run, void *arg, struct fail *f)
{
	struct job j = {.run = run, .arg = arg};

	if (BUG(s->writer && pthread_equal(pthread_self(), s->writer->thread)))
		return fail(f, ERR_BUG, "store_run on the writer thread would wait for itself");
	sem_init(&j.sem, 0, 0);
	TRY(enqueue(s, &j, f));
	while (sem_wait(&j.sem) && errno == EINTR)
		;
	sem_destroy(&j.sem);
	if (j.err != ERR_OK && f)
		*f = j.fail;
	return j.err;
}

enum err store_submit(struct store *s, store_run_fn run, store_done_fn done, void *arg)
{
	struct job *j = calloc(1, sizeof(*j));
	enum err e;

	if (!j)
		return ERR_NOMEM;
	j->run = run;
	j->arg = arg;
	j->done = done;
	e = enqueue(s, j, NULL);
	if (e != ERR_OK)
		free(j);
	return e;
}

uint64_t writer_queue(struct store *s)
{
	uint64_t n;

	if (!s->writer)
		return 0;
	pthread_mutex_lock(&s->writer->lock);
	n = s->writer->queued;
	pthread_mutex_unlock(&s->writer->lock);
	return n;
}

/* Move waiting jobs into the group. */
static void take(struct writer *wr)
{
	pthread_mutex_lock(&wr->lock);
	while (wr->head && wr->n < GROUP_MAX) {
		struct job *j = wr->head;

		wr->head = j->next;
		if (!wr->head)
			wr->tail = &wr->head;
		wr->queued--;
		wr->group[wr->n++] = j;
	}
	pthread_mutex_unlock(&wr->lock);
}

/* The group is large enough: what has not run goes back to the head of the queue. */
static void give_back(struct writer *wr, unsigned from)
{
	pthread_mutex_lock(&wr->lock);
	while (wr->n > from) {
		struct job *j = wr->group[--wr->n];

		if (j == &wr->drop)
			continue; /* its time will come again */
		j->next = wr->head;
		if (!wr->head)
			wr->tail = &j->next;
		wr->head = j;
		wr->queued++;
	}
	pthread_mutex_unlock(&wr->lock);
}

/* ---- deleting bodies ------------------------------------------------------------------------- */

static enum err drop_run(struct store_wtxn *w, void *arg, struct fail *f)
{
	(void)arg;
	return drop_step(w, DROP_BATCH, f);
}

static void drop_done(void *arg, enum err e, const struct fail *f)
{
	struct writer *wr = arg;

	wr->last_drop = clock_boot_ms();
	if (e == ERR_OK)
		return;
	if (!wr->w.dropped) /* none left; after a failure, try when there is another */
		atomic_store(&wr->s->drops, false);
	if (e != ERR_NOENT)
		log_warn(ROOM, "drop=%s detail=%s", err_name(e), log_val(str_c(f->text)));
}

/* ---- a group --------------------------------------------------------------------------------- */

static void complete(struct writer *wr)
{
	for (unsigned i = 0; i < wr->n; i++) {
		struct job *j = wr->group[i];

		atomic_fetch_add(&wr->s->jobs, 1);
		store_witness_unref(MOVE(j->witness));
		if (j == &wr->drop) {
			drop_done(wr, j->err, &j->fail);
		} else if (j->done) {
			j->done(j->arg, j->err, &j->fail);
			free(j);
		} else {
			sem_post(&j->sem);
		}
	}
	wr->n = 0;
}

static void all_fail(struct writer *wr, enum err e, const struct fail *f)
{
	for (unsigned i = 0; i < wr->n; i++) {
		wr->group[i]->err = e;
		wr->group[i]->fail = *f;
		wr->group[i]->state = FAILED;
	}
}

static void undo(struct writer *wr)
{
	struct store *s = wr->s;

	if (wr->w.txn)
		wtxn_abort(&wr->w);
	if (s->has_hooks && s->hooks.aborted)
		s->hooks.aborted(s->hooks.user);
}

/* Hooks and listeners learn of what has become durable. */
static void tell(struct writer *wr)
{
	struct store *s = wr->s;
	struct store_rtxn *t;
	struct fail f = {0};
	enum err e = ERR_OK;

	if (s->has_hooks && s->hooks.applied) {
		e = rtxn_own(s, &t, &f);
		if (e == ERR_OK) {
			e = s->hooks.applied(s->hooks.user, t, wr->w.changes, wr->w.n_changes);
			store_read_end(t);
		}
	}
	if (e != ERR_OK)
		log_error(ROOM, "hooks=%s detail=%s", err_name(e), log_val(str_c(f.text)));
	for (unsigned i = 0; wr->w.n_changes && i < atomic_load(&s->n_listeners); i++)
		s->listeners[i].fn(s->listeners[i].user, s->ids[ID_SEQ]);
}

/* Room for less than the group at hand: LMDB reports a short write as EIO. */
static bool disk_is_full(struct writer *wr)
{
	struct rlimit lim;
	struct statvfs vfs;
	struct stat st;
	uint64_t need = wr->w.dirty * 2 + ((uint64_t)4 << 20);
	int fd;

	if (statvfs(wr->s->dir, &vfs) == 0 && (uint64_t)vfs.f_bavail * vfs.f_frsize < need)
		return true;
	return mdb_env_get_fd(wr->s->env, &fd) == 0 && fstat(fd, &st) == 0 &&
	       getrlimit(RLIMIT_FSIZE, &lim) == 0 && lim.rlim_cur != RLIM_INFINITY &&
	       (uint64_t)st.st_size + need > lim.rlim_cur;
}

static enum err commit(struct writer *wr, struct fail *f)
{
	enum err e = wtxn_commit(&wr->w, f);

	if (e != ERR_STORE)
		return e;
	if (disk_is_full(wr))
		return fail(f, ERR_FULL, "no room on the disk");
	wr->broken = true;
	log_error(ROOM, "commit=failed detail=%s writing is stopped until the next start",
		  log_val(str_c(f->text)));
	return e;
}

enum outcome { DONE, AGAIN, ALONE };

/* Run one job in the open transaction. */
static enum outcome run_job(struct writer *wr, struct job *j)
{
	struct store_wtxn *w = &wr->w;
	size_t had = w->n_changes;

	w->wrote = false;
	j->fail = (struct fail){0};
	j->err = j->run(w, j->arg, &j->fail);
	if (j->err == ERR_OK && j->witness && w->n_changes > had)
		j->err = j->witness->run(j->witness, w, w->changes + had, w->n_changes - had,
					 &j->fail);
	iters_detach(&w->iters);
	if (w->err != ERR_OK) {
		j->err = w->err;
		j->fail = w->fail;
	}
	j->state = j->err == ERR_OK ? RAN : w->wrote ? FAILED_DIRTY : FAILED;
	if (j->state != FAILED_DIRTY && w->err == ERR_OK)
		return DONE;
	return w->err != ERR_OK && wr->n > 1 ? ALONE : AGAIN;
}

static enum outcome run_group(struct writer *wr, bool grow)
{
	struct fail f = {0};
	bool wrote = false;
	enum err e;

	e = wr->broken ? fail(&f, ERR_STORE, "writing is stopped: the disk failed")
		       : wtxn_open(wr->s, &wr->w, &f);
	if (e != ERR_OK) {
		all_fail(wr, e, &f);
		return DONE;
	}
	if (wr->s->has_hooks && wr->s->hooks.begin)
		wr->s->hooks.begin(wr->s->hooks.user);
	for (unsigned i = 0; i < wr->n; i++) {
		if (wr->group[i]->state != FAILED_DIRTY) {
			enum outcome o = run_job(wr, wr->group[i]);

			if (o != DONE) {
				undo(wr);
				return o;
			}
			wrote |= wr->w.wrote;
		}
		if (store_txn_full(&wr->w))
			give_back(wr, i + 1);
		else if (grow && i + 1 == wr->n)
			take(wr);
	}
	if (!wrote) {
		undo(wr);
		return DONE;
	}
	e = commit(wr, &f);
	if (e != ERR_OK) {
		undo(wr);
		if (wr->n > 1)
			return ALONE;
		all_fail(wr, e, &f);
		return DONE;
	}
	atomic_fetch_add(&wr->s->commits, 1);
	tell(wr);
	return DONE;
}

static void run_alone(struct writer *wr)
{
	struct job *jobs[GROUP_MAX];
	unsigned n = wr->n;

	memcpy(jobs, wr->group, n * sizeof(jobs[0]));
	for (unsigned i = 0; i < n; i++) {
		wr->group[0] = jobs[i];
		wr->n = 1;
		jobs[i]->state = WAITS;
		(void)run_group(wr, false);
		complete(wr);
	}
}

static void serve(struct writer *wr)
{
	enum outcome o = run_group(wr, true);

	for (unsigned reruns = 1; o == AGAIN && wr->n > 1; reruns++) {
		for (unsigned i = 0; i < wr->n; i++)
			if (wr->group[i]->state != FAILED_DIRTY)
				wr->group[i]->state = WAITS;
		o = reruns < RERUNS_MAX ? run_group(wr, false) : ALONE;
	}
	if (o == ALONE)
		run_alone(wr);
	else
		complete(wr);
}

/* ---- the thread -------------------------------------------------------------------------------- */

/* Wait for work. False: nothing to do any more. */
static bool wait_for_work(struct writer *wr)
{
	bool work;

	pthread_mutex_lock(&wr->lock);
	while (!wr->head && !wr->stopping && !atomic_load(&wr->s->drops)) {
		wr->sleeping = true;
		pthread_cond_wait(&wr->wake, &wr->lock);
		wr->sleeping = false;
	}
	work = wr->head || !wr->stopping;
	wr->busy = work;
	pthread_mutex_unlock(&wr->lock);
	return work;
}

static void rest(struct writer *wr)
{
	pthread_mutex_lock(&wr->lock);
	wr->busy = false;
	pthread_cond_broadcast(&wr->idle);
	pthread_mutex_unlock(&wr->lock);
}

static void wait_for_company(struct writer *wr)
{
	struct timespec t = {0, (long)wr->s->opts.group_us * 1000};

	if (wr->s->opts.group_us && wr->s->opts.group_us < 1000000)
		nanosleep(&t, NULL);
}

static void *writer_main(void *arg)
{
	struct writer *wr = arg;

	pthread_setname_np(pthread_self(), "store");
	while (wait_for_work(wr)) {
		wait_for_company(wr);
		take(wr);
		if (atomic_load(&wr->s->drops) && wr->n < GROUP_MAX &&
		    (!wr->n || clock_boot_ms() - wr->last_drop >= DROP_PAUSE_MS)) {
			wr->drop.state = WAITS;
			wr->group[wr->n++] = &wr->drop;
		}
		serve(wr);
		rest(wr);
		if (clock_boot_ms() - wr->last_reader_check >= READER_CHECK_MS) {
			(void)mdb_reader_check(wr->s->env, NULL);
			wr->last_reader_check = clock_boot_ms();
		}
	}
	return NULL;
}

enum err writer_start(struct store *s, struct fail *f)
{
	struct writer *wr = calloc(1, sizeof(*wr));
	int rc;

	if (!wr)
		return fail(f, ERR_NOMEM, "writer");
	wr->s = s;
	wr->tail = &wr->head;
	wr->drop.run = drop_run;
	wr->last_reader_check = clock_boot_ms();
	pthread_mutex_init(&wr->lock, NULL);
	pthread_cond_init(&wr->wake, NULL);
	pthread_cond_init(&wr->idle, NULL);
	s->writer = wr;
	rc = pthread_create(&wr->thread, NULL, writer_main, wr);
	if (rc) {
		s->writer = NULL;
		free(wr);
		return fail_errno(f, ERR_NOMEM, rc, "cannot start the writer");
	}
	return ERR_OK;
}

void writer_stop(struct store *s)
{
	struct writer *wr = s->writer;

	if (!wr)
		return;
	pthread_mutex_lock(&wr->lock);
	wr->stopping = true;
	pthread_cond_signal(&wr->wake);
	pthread_mutex_unlock(&wr->lock);
	pthread_join(wr->thread, NULL);
	s->writer = NULL;
	wtxn_free(&wr->w);
	pthread_mutex_destroy(&wr->lock);
	pthread_cond_destroy(&wr->wake);
	pthread_cond_destroy(&wr->idle);
	free(wr);
}

void store_set_hooks(struct store *s, const struct store_hooks *h)
{
	struct writer *wr = s->writer;

	if (wr) {
		pthread_mutex_lock(&wr->lock);
		while (wr->busy && !pthread_equal(pthread_self(), wr->thread))
			pthread_cond_wait(&wr->idle, &wr->lock);
	}
	s->has_hooks = h != NULL;
	if (h)
		s->hooks = *h;
	if (wr)
		pthread_mutex_unlock(&wr->lock);
}

void store_listen(struct store *s, store_listen_fn fn, void *user)
{
	unsigned n = atomic_load(&s->n_listeners);

	if (BUG(n >= ARRAY_LEN(s->listeners)))
		return;
	s->listeners[n].fn = fn;
	s->listeners[n].user = user;
	atomic_store(&s->n_listeners, n + 1);
}
