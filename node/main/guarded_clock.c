/*
 * guarded_clock.c - readings of the kernel's clocks for the guard.
 */
#include "main/guarded_clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/uuid.h"
#include "gate/clock_guard.h"

#define KV_PAIR "clock/pair"
#define READ_EVERY_US 200000
#define PERSIST_EVERY_US 30000000

struct guarded_clock {
	struct store *store;
	int64_t max_step_s;
	pthread_mutex_t lock;
	uint8_t boot_id[16];
	struct clock_pair pair, persisted;
	struct clock_state state;
	int64_t read_at; /* boot clock of the last reading */
	bool accepted;
};

static int64_t boot_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t wall_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void read_boot_id(uint8_t out[16])
{
	char text[64] = {0};
	struct uuid u = UUID_NIL;
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	if (fd >= 0)
		close(fd);
	if (n >= UUID_TEXT_LEN)
		uuid_parse((struct str){text, UUID_TEXT_LEN}, &u);
	memcpy(out, u.b, 16);
}

static bool kernel_synchronised(void)
{
	struct timex t = {.modes = 0};
	return adjtimex(&t) != TIME_ERROR && !(t.status & STA_UNSYNC);
}

/* With the lock held. */
static void refresh(struct guarded_clock *c)
{
	int64_t boot = boot_us();
	if (c->read_at && boot - c->read_at < READ_EVERY_US && !c->accepted)
		return;
	struct clock_reading r = {.wall_us = wall_us(),
				  .boot_us = boot,
				  .synchronised = kernel_synchronised(),
				  .accepted = c->accepted};
	memcpy(r.boot_id, c->boot_id, sizeof(r.boot_id));
	enum clock_alarm before = c->state.alarm;
	c->state = clock_guard(&c->pair, &r, c->max_step_s);
	c->pair = c->state.pair;
	c->accepted = false;
	if (c->state.alarm != before || !c->read_at)
		log_line(c->state.alarm ? LOG_WARN : LOG_INFO, "clock", "alarm=%s trusted=%d",
			 clock_alarm_name(c->state.alarm), c->state.trusted);
	c->read_at = boot;
}

enum err guarded_clock_new(struct store *s, int64_t max_step_s, struct guarded_clock **out,
			   struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct str v;
	TRY(store_read(s, &t, f));
	struct guarded_clock *c = calloc(1, sizeof(*c));
	if (!c)
		return fail(f, ERR_NOMEM, "no memory");
	c->store = s;
	c->max_step_s = max_step_s;
	pthread_mutex_init(&c->lock, NULL);
	read_boot_id(c->boot_id);
	if (store_kv_get(t, STR(KV_PAIR), &v) == ERR_OK && v.n == sizeof(c->pair))
		memcpy(&c->pair, v.p, v.n);
	c->persisted = c->pair;
	refresh(c);
	*out = c;
	return ERR_OK;
}

int64_t guarded_clock_now(struct guarded_clock *c, bool *trusted)
{
	pthread_mutex_lock(&c->lock);
	refresh(c);
	int64_t us = c->state.now_us;
	*trusted = c->state.trusted;
	pthread_mutex_unlock(&c->lock);
	return us / 1000000;
}

const char *guarded_clock_alarm(struct guarded_clock *c)
{
	pthread_mutex_lock(&c->lock);
	const char *name = clock_alarm_name(c->state.alarm);
	pthread_mutex_unlock(&c->lock);
	return name;
}

void guarded_clock_accept(struct guarded_clock *c)
{
	pthread_mutex_lock(&c->lock);
	c->accepted = true;
	refresh(c);
	pthread_mutex_unlock(&c->lock);
}

static enum err run_persist(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct clock_pair *p = arg;
	return store_kv_put(w, STR(KV_PAIR), (struct str){(const char *)p, sizeof(*p)}, f);
}

void guarded_clock_persist(struct guarded_clock *c)
{
	struct fail f = {0};
	pthread_mutex_lock(&c->lock);
	refresh(c);
	struct clock_pair p = c->pair;
	bool old = p.wall_us - c->persisted.wall_us > PERSIST_EVERY_US ||
		   memcmp(p.boot_id, c->persisted.boot_id, 16) != 0;
	pthread_mutex_unlock(&c->lock);
	if (!old || !c->state.trusted || store_run(c->store, run_persist, &p, &f) != ERR_OK)
		return;
	pthread_mutex_lock(&c->lock);
	c->persisted = p;
	pthread_mutex_unlock(&c->lock);
}

void guarded_clock_free(struct guarded_clock *c)
{
	if (!c)
		return;
	pthread_mutex_destroy(&c->lock);
	free(c);
}
