/*
 * publisher.c - a thread that keeps the feed folders of the policy's audiences. What is withdrawn
 * leaves at once; what is added stands back behind a pull or an import, for a while, and is written
 * in slices, with rests between them when anybody asks, for its writing holds up commits.
 */
#include "main/publisher.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "feeds/out/feedout.h"
#include "main/telemetry.h"
#include "metrics/metrics.h"
#include "pgp/pgp.h"

/* An embargo opens within a second, a fifth of which is the opening itself. */
#define TICK_MS 400
/* What is withdrawn leaves within ten seconds: at most this much rest, and one urgent run. */
#define REST_MAX_MS 4000
#define REST_TIMES 4 /* as much rest as an urgent run or the writing of lists took */
/* Additions: this much work at a time, then rest. */
#define STRETCH_MS 50
#define NICE 5 /* less than what answers */
#define REST_QUIET_MS 50 /* if anybody was answered meanwhile */
#define REST_BUSY_MS 200
#define BUSY_CHANGES 100 /* in a second, and additions wait */
#define LATE_S 60 /* but no longer than this */
/* Events in a slice: the lists are written once for each, whatever its size. */
#define SLICE_MIN 2048
#define SLICE_SHARE 4 /* of the events in the folder */

struct folder {
	char name[64];
	uint64_t watched; /* urgent changes up to here are done */
	uint64_t seq; /* and all others up to here */
	uint64_t events;
	bool full; /* look at every event */
};

struct publisher {
	const struct egress_env *env;
	struct pgp *pgp;
	char dir[4096];
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	atomic_bool stop;
	atomic_bool cut; /* the run at hand ends: stop, or another policy */
	atomic_uint_fast64_t withdrawn; /* changes up to here have left all folders */
	bool rescan;
	char stamp[65]; /* of the policy that the folders were judged by */
	/* the rest is the thread's own */
	struct folder *folder;
	size_t n_folders;
	uint64_t seen; /* the log up to here held no opening that still waits */
	/* is much being taken in? */
	int64_t load_ms;
	uint64_t load_seq;
	bool busy;
	uint64_t asked; /* requests that have been answered */
	/* the run at hand */
	const struct policy *pol;
	const struct folder *at;
	int64_t looked_ms, stretch_ms;
	int64_t owed_ms; /* rest for what was worked without any */
	int64_t late_at; /* when its additions have waited long enough */
};

/* ---- how things stand ---- */

static uint64_t log_end(const struct publisher *p)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail f = {0};
	return store_read(p->env->store, &t, &f) == ERR_OK ? store_seq(t) : 0;
}

/* A pull, a feed, an import, many pushes: all of them make the change log grow. */
static bool is_busy(struct publisher *p)
{
	int64_t now = clock_boot_ms(), ms = now - p->load_ms;
	if (ms < 1000)
		return p->busy;
	uint64_t end = log_end(p);
	p->busy = p->load_ms && (int64_t)(end - p->load_seq) * 1000 / ms > BUSY_CHANGES;
	p->load_ms = now;
	p->load_seq = end;
	return p->busy;
}

/* Has anybody been answered since it was asked last? */
static bool is_asked(struct publisher *p)
{
	uint64_t now = telemetry_requests(), before = p->asked;
	p->asked = now;
	return now != before;
}

/* When the first change that is not in the folder will be late. */
static int64_t late_at(const struct publisher *p, const struct folder *fo)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail f = {0};
	struct change c;
	uint64_t seq = fo->seq;
	if (store_read(p->env->store, &t, &f) != ERR_OK || store_change_next(t, &seq, &c) != ERR_OK)
		return INT64_MAX;
	return c.time + LATE_S;
}

/* An opening may not wait for the end of a rest. */
static bool has_opening(struct publisher *p)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail f = {0};
	struct change c;
	if (store_read(p->env->store, &t, &f) != ERR_OK)
		return false;
	while (store_change_next(t, &p->seen, &c) == ERR_OK)
		if (c.op == CHANGE_OPEN)
			return true;
	return false;
}

/* ---- rests ---- */

/* Sleep; false when a stop or a rescan ended it. The lock is held. */
static bool doze(struct publisher *p, int64_t ms)
{
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
	return rc != 0;
}

/* Wait for a tick, or longer after much work. The lock is held. */
static void rest(struct publisher *p)
{
	int64_t left = MIN(MAX(p->owed_ms, TICK_MS), REST_MAX_MS);
	p->owed_ms = 0;
	while (left > 0 && doze(p, TICK_MS)) {
		left -= TICK_MS;
		if (left > 0 && has_opening(p))
			break;
	}
}

/* In the middle of a run. */
static void nap(struct publisher *p, int64_t ms)
{
	pthread_mutex_lock(&p->lock);
	doze(p, ms);
	pthread_mutex_unlock(&p->lock);
}

/* ---- runs ---- */

static void others_urgent(struct publisher *p);

static enum feedout_rest between(void *user, bool inside)
{
	struct publisher *p = user;
	int64_t now = clock_boot_ms();
	if (now - p->looked_ms >= TICK_MS) {
		others_urgent(p);
		p->looked_ms = clock_boot_ms();
		return FEEDOUT_LOOK;
	}
	if (inside || now - p->stretch_ms < STRETCH_MS)
		return FEEDOUT_GO;
	bool asked = is_asked(p);
	if (is_busy(p) || asked)
		return FEEDOUT_NAP;
	p->stretch_ms = now; /* nobody is kept from anything */
	return FEEDOUT_GO;
}

static void between_nap(void *user)
{
	struct publisher *p = user;
	bool busy = is_busy(p), late = clock_now() >= p->late_at;
	nap(p, !busy ? REST_QUIET_MS : late ? REST_BUSY_MS : TICK_MS);
	if (!busy || late)
		p->stretch_ms = clock_boot_ms(); /* else nap again, after a look */
}

/* ---- signatures ---- */

#define SIGNATURE_MAX (1u << 16)

/* In ASCII armor, whose checksum may be left out (RFC 9580, 6.1). */
static enum err sign(void *user, int fd, uint64_t bytes, struct buf *armored, struct fail *f)
{
	struct publisher *p = user;
	OWN(buf) struct buf base64 = BUF(SIGNATURE_MAX);
	TRY(pgp_sign(p->pgp, fd, bytes, &base64, f));
	struct str rest = buf_str(&base64);
	buf_puts(armored, "-----BEGIN PGP SIGNATURE-----\n\n");
	for (; rest.n; rest = str_sub(rest, 64, rest.n)) {
		buf_str_add(armored, str_sub(rest, 0, 64));
		buf_putc(armored, '\n');
	}
	buf_puts(armored, "-----END PGP SIGNATURE-----\n");
	return buf_err(armored);
}

/* Protected, and under a key of ours. */
static bool is_signed(void *user, uint64_t event_id)
{
	struct publisher *p = user;
	OWN(arena) struct arena *a = arena_new(4u << 20);
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail f = {0};
	struct misp_event e;
	return a && store_read(p->env->store, &t, &f) == ERR_OK &&
	       store_get(t, T_EVENT, event_id, a, &e) == ERR_OK && e.is_protected &&
	       pgp_is_ours(p->pgp, &e.crypto_keys);
}

static enum err folder_run(struct publisher *p, const struct audience *aud, struct folder *fo,
			   bool urgent, struct feedout_result *res)
{
	struct fail f = {0};
	char dir[4200];
	snprintf(dir, sizeof(dir), "%s/%s", p->dir, aud->name);
	struct feedout_opts o = {.env = p->env,
				 .audience = aud,
				 .dir = dir,
				 .policy_version = p->stamp,
				 .full = fo->full,
				 .urgent_only = urgent,
				 .slice = MAX(SLICE_MIN, fo->events / SLICE_SHARE),
				 .watched = &fo->watched,
				 .cancelled = &p->cut,
				 .rest = urgent ? NULL : between,
				 .nap = between_nap,
				 .two_lanes = !urgent && sysconf(_SC_NPROCESSORS_ONLN) > 1,
				 .sign = sign,
				 .is_signed = is_signed,
				 .user = p};
	enum err e = feedout_update(&o, res, &f);
	if (e == ERR_CANCELLED)
		return e;
	if (!urgent || res->looked_at || e != ERR_OK)
		metric_add(M_FEED_WRITES, e, 0, 1);
	if (e != ERR_OK)
		log_warn("feeds", "feed=%s err=%s detail=%s", log_val(str_c(aud->name)), err_name(e),
			 log_val(str_c(f.text)));
	else if (res->written || res->removed)
		log_info("feeds", "feed=%s events=%llu written=%llu removed=%llu",
			 log_val(str_c(aud->name)), (unsigned long long)res->events,
			 (unsigned long long)res->written, (unsigned long long)res->removed);
	return e;
}

static enum err urgent_run(struct publisher *p, const struct audience *aud, struct folder *fo)
{
	struct feedout_result res;
	if (!fo->seq || fo->full || fo->watched >= log_end(p))
		return ERR_OK;
	int64_t begun = clock_boot_ms();
	TRY(folder_run(p, aud, fo, true, &res));
	fo->full |= res.full;
	p->owed_ms += REST_TIMES * (clock_boot_ms() - begun);
	return ERR_OK;
}

/* Withdrawals from other folders do not wait for the end of a run over this one. */
static void others_urgent(struct publisher *p)
{
	struct audience aud;
	for (unsigned n = 0; policy_audience_nth(p->pol, AUD_FEED, n, &aud) == ERR_OK; n++)
		for (size_t i = 0; i < p->n_folders; i++)
			if (&p->folder[i] != p->at && strcmp(p->folder[i].name, aud.name) == 0 &&
			    urgent_run(p, &aud, &p->folder[i]) != ERR_OK)
				return; /* tried again soon, and logged */
}

/* What is urgent, then a slice of what is not. */
static void folder_update(struct publisher *p, const struct audience *aud, struct folder *fo)
{
	struct feedout_result res;
	uint64_t end = log_end(p);
	if (urgent_run(p, aud, fo) != ERR_OK)
		return;
	/* what may be a withdrawal, and what was left over by an earlier life, does not wait */
	bool now = !fo->seq || fo->full;
	if (!now && fo->seq >= end)
		return;
	p->late_at = now ? INT64_MIN : late_at(p, fo);
	if (clock_now() < p->late_at && is_busy(p))
		return;
	p->at = fo;
	p->looked_ms = p->stretch_ms = clock_boot_ms();
	enum err e = folder_run(p, aud, fo, false, &res);
	p->at = NULL;
	/* the lists */
	p->owed_ms += (is_busy(p) ? REST_TIMES : 1) * (clock_boot_ms() - p->stretch_ms);
	if (e != ERR_OK)
		return;
	fo->full = false;
	fo->seq = res.seq;
	fo->events = res.events;
}

static struct folder *folder_of(struct publisher *p, const char *name)
{
	for (size_t i = 0; i < p->n_folders; i++)
		if (strcmp(p->folder[i].name, name) == 0)
			return &p->folder[i];
	struct folder *v = reallocarray(p->folder, p->n_folders + 1, sizeof(*v));
	if (!v)
		return NULL;
	p->folder = v;
	v += p->n_folders++;
	*v = (struct folder){.full = false};
	snprintf(v->name, sizeof(v->name), "%s", name);
	return v;
}

static void update_all(struct publisher *p, bool full)
{
	struct policy *pol = p->env->policy(p->env->user);
	struct audience aud;
	char stamp[65];
	bool trusted;
	policy_stamp(pol, p->env->now(p->env->user, &trusted), stamp);
	full |= p->stamp[0] && strcmp(stamp, p->stamp) != 0; /* time has changed a rule */
	memcpy(p->stamp, stamp, sizeof(stamp));
	uint64_t withdrawn = log_end(p);
	p->pol = pol;
	for (unsigned n = 0; policy_audience_nth(pol, AUD_FEED, n, &aud) == ERR_OK; n++) {
		struct folder *fo = folder_of(p, aud.name);
		if (!fo)
			continue;
		fo->full |= full;
		folder_update(p, &aud, fo);
		withdrawn = MIN(withdrawn, fo->full ? 0 : MAX(fo->seq, fo->watched));
	}
	atomic_store(&p->withdrawn, withdrawn);
	p->pol = NULL;
	policy_unref(pol);
}

static void *run(void *arg)
{
	struct publisher *p = arg;
	pthread_setname_np(pthread_self(), "publisher");
	/* of this thread, and of those that it starts */
	if (setpriority(PRIO_PROCESS, (id_t)gettid(), NICE) < 0)
		log_debug("feeds", "nice=refused errno=%d", errno);
	pthread_mutex_lock(&p->lock);
	while (!atomic_load(&p->stop)) {
		bool full = p->rescan;
		p->rescan = false;
		atomic_store(&p->cut, false);
		pthread_mutex_unlock(&p->lock);
		p->seen = log_end(p);
		is_busy(p);
		update_all(p, full);
		pthread_mutex_lock(&p->lock);
		rest(p);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

enum err publisher_start(const struct egress_env *env, const char *feeds_dir, struct pgp *pgp,
			 struct publisher **out, struct fail *f)
{
	struct publisher *p = calloc(1, sizeof(*p));
	*out = NULL;
	if (!p)
		return fail(f, ERR_NOMEM, "no memory");
	p->env = env;
	p->pgp = pgp;
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
	atomic_store(&p->cut, true);
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
}

uint64_t publisher_seq(struct publisher *p)
{
	return p ? atomic_load(&p->withdrawn) : 0;
}

void publisher_stop(struct publisher *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	atomic_store(&p->stop, true);
	atomic_store(&p->cut, true);
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->wake);
	free(p->folder);
	free(p);
}
