/*
 * publisher.c - a thread that runs feedout_update() for each feed audience. It stands back behind
 * those who wait for an answer: a lower priority, and four times as much rest as work, for its
 * writing holds up commits.
 */
#include "main/publisher.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "feeds/out/feedout.h"
#include "metrics/metrics.h"

/* An embargo opens within a second, a fifth of which is the opening itself. */
#define TICK_MS 400
/* What is withdrawn stays in the folder for this long and one update, whatever the load. */
#define REST_MAX_MS 10000
#define REST_TIMES 4
#define NICE 15 /* a thirtieth of a core that others want too */

struct publisher {
	const struct egress_env *env;
	char dir[4096];
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	atomic_bool stop;
	bool rescan;
	uint64_t seq; /* all folders hold the change log up to here */
};

static enum err update_one(struct publisher *p, const struct policy *pol,
			   const struct audience *aud, bool full, uint64_t *seq)
{
	struct feedout_result res;
	struct fail f = {0};
	char dir[4200];
	snprintf(dir, sizeof(dir), "%s/%s", p->dir, aud->name);
	struct feedout_opts o = {.env = p->env,
				 .audience = aud,
				 .dir = dir,
				 .policy_version = policy_version(pol),
				 .full = full,
				 .cancelled = &p->stop};
	enum err e = feedout_update(&o, &res, &f);
	metric_add(M_FEED_WRITES, e, 0, 1);
	if (e != ERR_OK) {
		log_warn("feeds", "feed=%s err=%s detail=%s", log_val(str_c(aud->name)), err_name(e),
			 log_val(str_c(f.text)));
		return e;
	}
	if (res.written || res.removed)
		log_info("feeds", "feed=%s events=%llu written=%llu removed=%llu",
			 log_val(str_c(aud->name)), (unsigned long long)res.events,
			 (unsigned long long)res.written, (unsigned long long)res.removed);
	*seq = MIN(*seq, res.seq);
	return ERR_OK;
}

/* All folders; the sequence number that the least current one holds. */
static void update_all(struct publisher *p, bool full)
{
	struct policy *pol = p->env->policy(p->env->user);
	struct audience aud;
	uint64_t seq = UINT64_MAX;
	bool failed = false;
	for (unsigned n = 0; policy_audience_nth(pol, AUD_FEED, n, &aud) == ERR_OK; n++)
		failed |= update_one(p, pol, &aud, full, &seq) != ERR_OK;
	policy_unref(pol);
	if (!failed && seq != UINT64_MAX)
		p->seq = seq;
}

static bool log_grew(struct publisher *p)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail f = {0};
	return store_read(p->env->store, &t, &f) == ERR_OK && store_seq(t) != p->seq;
}

/* Wait for a tick, or for changes to gather when there are many; for a rescan not. */
static void rest(struct publisher *p, int64_t worked_ms)
{
	int64_t ms = MIN(MAX(worked_ms * REST_TIMES, TICK_MS), REST_MAX_MS);
	struct timespec t;
	int rc = 0;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	while (!rc && !atomic_load(&p->stop) && !p->rescan)
		rc = pthread_cond_timedwait(&p->wake, &p->lock, &t);
}

static void *run(void *arg)
{
	struct publisher *p = arg;
	pthread_setname_np(pthread_self(), "publisher");
	/* on Linux this is for the thread alone */
	if (setpriority(PRIO_PROCESS, (id_t)gettid(), NICE) < 0)
		log_debug("feeds", "publisher keeps its priority");
	pthread_mutex_lock(&p->lock);
	while (!atomic_load(&p->stop)) {
		bool full = p->rescan;
		p->rescan = false;
		pthread_mutex_unlock(&p->lock);
		int64_t begun = clock_boot_ms();
		if (full || log_grew(p))
			update_all(p, full);
		int64_t worked = clock_boot_ms() - begun;
		pthread_mutex_lock(&p->lock);
		rest(p, worked);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

enum err publisher_start(const struct egress_env *env, const char *feeds_dir,
			 struct publisher **out, struct fail *f)
{
	struct publisher *p = calloc(1, sizeof(*p));
	*out = NULL;
	if (!p)
		return fail(f, ERR_NOMEM, "no memory");
	p->env = env;
	p->seq = UINT64_MAX; /* the folders have not been looked at yet */
	snprintf(p->dir, sizeof(p->dir), "%s", feeds_dir);
	if (mkdir(p->dir, 0755) < 0 && errno != EEXIST) {
		free(p);
		return fail_errno(f, ERR_IO, errno, "cannot make the folder %s", feeds_dir);
	}
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	if (pthread_create(&p->thread, NULL, run, p) != 0) {
		pthread_mutex_destroy(&p->lock);
		pthread_cond_destroy(&p->wake);
		free(p);
		return fail(f, ERR_NOMEM, "cannot start a thread");
	}
	*out = p;
	return ERR_OK;
}

void publisher_rescan(struct publisher *p)
{
	pthread_mutex_lock(&p->lock);
	p->rescan = true;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
}

void publisher_stop(struct publisher *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	atomic_store(&p->stop, true);
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->wake);
	free(p);
}
