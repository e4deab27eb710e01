/*
 * retractor.c - a thread that looks for what has to be taken back, soon after the change log has grown.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "retract/retract.h"

#define TICK_MS 300
#define NICE 10

struct retractor {
	struct retract_env env;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	atomic_bool stop;
	bool rescan;
};

/* What there is to look at: changes, transfers of the ledger, what has left the folders. */
struct seen {
	uint64_t changes, leaves, published;
};

static struct seen look(const struct retractor *r)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct seen now = {0};
	struct fail f = {0};
	if (store_read(r->env.out->store, &t, &f) != ERR_OK)
		return now;
	now.changes = store_seq(t);
	if (ledger_size(t, &now.leaves) != ERR_OK)
		now.leaves = 0;
	now.published = r->env.published ? r->env.published(r->env.user) : 0;
	return now;
}

/* All slices that there are. */
static void work(struct retractor *r)
{
	struct retract_result res = {.more = true};
	while (res.more && !atomic_load(&r->stop)) {
		struct fail f = {0};
		enum err e = retract_run(&r->env, &r->stop, &res, &f);
		if (e != ERR_OK && e != ERR_CANCELLED)
			log_warn("retract", "err=%s detail=%s", err_name(e),
				 log_val(str_c(f.text)));
		if (res.added || res.dropped)
			log_info("retract", "changes=%llu judged=%llu rows=%llu dropped=%llu",
				 (unsigned long long)res.changes, (unsigned long long)res.judged,
				 (unsigned long long)res.added, (unsigned long long)res.dropped);
		if (e != ERR_OK)
			return;
	}
}

static void rest(struct retractor *r)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += TICK_MS * 1000000L;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	int rc = 0;
	while (!rc && !atomic_load(&r->stop) && !r->rescan)
		rc = pthread_cond_timedwait(&r->wake, &r->lock, &t);
}

static void *run(void *arg)
{
	struct retractor *r = arg;
	struct seen done = {UINT64_MAX, 0, 0};
	pthread_setname_np(pthread_self(), "retractor");
	if (setpriority(PRIO_PROCESS, (id_t)gettid(), NICE) < 0)
		log_debug("retract", "the thread keeps its priority");
	pthread_mutex_lock(&r->lock);
	while (!atomic_load(&r->stop)) {
		bool rescan = r->rescan;
		r->rescan = false;
		pthread_mutex_unlock(&r->lock);
		struct seen now = look(r);
		if (rescan || memcmp(&now, &done, sizeof(now)) != 0)
			work(r);
		done = now;
		pthread_mutex_lock(&r->lock);
		rest(r);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

enum err retractor_start(const struct retract_env *env, struct retractor **out, struct fail *f)
{
	struct retractor *r = calloc(1, sizeof(*r));
	*out = NULL;
	if (!r)
		return fail(f, ERR_NOMEM, "no memory");
	r->env = *env;
	store_keep_before(env->out->store);
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->wake, NULL);
	if (pthread_create(&r->thread, NULL, run, r) != 0) {
		pthread_mutex_destroy(&r->lock);
		pthread_cond_destroy(&r->wake);
		free(r);
		return fail(f, ERR_NOMEM, "cannot start a thread");
	}
	*out = r;
	return ERR_OK;
}

void retractor_rescan(struct retractor *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->rescan = true;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
}

void retractor_stop(struct retractor *r)
{
	if (!r)
		return;
	atomic_store(&r->stop, true);
	pthread_mutex_lock(&r->lock);
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->wake);
	free(r);
}
