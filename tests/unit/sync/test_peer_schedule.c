/* test_peer_schedule.c - peers run when they are due, and only then; one run at a time each. */
#include "sync/peer_schedule.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/tap/tap.h"
#include "tests/unit/feeds_out/world.h"

static struct world w;

/* ---- when ---- */

static bool within(int64_t at, int64_t want, int64_t slack)
{
	return at >= want - slack && at <= want + slack;
}

static void due(void)
{
	const int64_t now = 1767600000;
	struct misp_peer row = {.id = 7, .pull = true, .push = false};
	struct misp_peerstate s = {.last_try = now - 100};
	struct peer_due d = peer_due(&row, &s, PASS_PUSH, 3600, now, now);
	is_int(d.why, PEER_DUE_OFF, "a direction that is off");
	ok(d.at == INT64_MAX, "never runs of itself");
	d = peer_due(&row, &s, PASS_PULL, 0, now, now);
	is_int(d.why, PEER_DUE_ASKED, "without interval only when asked for");
	d = peer_due(&row, &s, PASS_PULL, 3600, now, now);
	ok(d.why == PEER_DUE_INTERVAL && within(d.at, now - 100 + 3600, 360), "by the interval");
	is_int(peer_due(&row, &s, PASS_PULL, 3600, 0, now + 5).at, d.at, "the same when asked later");
	row.interval_s = 60;
	d = peer_due(&row, &s, PASS_PULL, 3600, now, now);
	ok(within(d.at, now - 100 + 60, 6), "its own interval goes first");
	s.failures = 4;
	d = peer_due(&row, &s, PASS_PULL, 3600, now, now);
	ok(d.why == PEER_DUE_RETRY && within(d.at, now - 100 + 480, 48), "after four failures");
	s = (struct misp_peerstate){.last_try = 0};
	d = peer_due(&row, &s, PASS_PULL, 3600, now - 10, now);
	ok(d.why == PEER_DUE_FIRST && within(d.at, now + 50, 6), "a new one after a minute");
	s.last_try = now + 100000;
	d = peer_due(&row, &s, PASS_PULL, 3600, now, now);
	ok(within(d.at, now + 60, 6), "a clock that was ahead does not hold it up");
	row.suspended_until = now + 1000000;
	d = peer_due(&row, &s, PASS_PULL, 3600, now, now);
	ok(d.why == PEER_DUE_SUSPENDED && d.at == now + 1000000, "suspended");
	is_int(peer_due(&row, &s, PASS_PULL, 3600, now, now + 1000000).why, PEER_DUE_INTERVAL,
	       "until then");
	is_uint(peer_back_off_s(1), 60, "back-off begins with a minute");
	is_uint(peer_back_off_s(2), 120, "doubles");
	is_uint(peer_back_off_s(1000000), 21600, "and ends at six hours");
}

/* ---- running ---- */

static struct {
	pthread_mutex_t lock;
	unsigned runs[64][2], running[64], now_running, most, same;
	enum err answer;
	unsigned ms;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER, .ms = 20};

struct job {
	struct misp_peer row;
	struct misp_peerstate state;
	uint64_t id;
	enum pass_direction d;
};

static enum err write_state(struct store_wtxn *t, void *arg, struct fail *f)
{
	struct job *j = arg;
	return peer_state_write(t, j->id, j->d, &j->state, f);
}

static enum err run(void *user, uint64_t id, enum pass_direction d, const atomic_bool *stop)
{
	struct job j = {.id = id, .d = d, .state = {.last_try = clock_now()}};
	struct fail f = {0};
	(void)user;
	(void)stop;
	pthread_mutex_lock(&seen.lock);
	seen.runs[id][d]++;
	seen.now_running++;
	seen.running[id]++;
	seen.most = MAX(seen.most, seen.now_running);
	seen.same = MAX(seen.same, seen.running[id]);
	enum err e = seen.answer;
	pthread_mutex_unlock(&seen.lock);
	usleep(seen.ms * 1000);
	if (d == PASS_PUSH) {
		OWN(store_rtxn) struct store_rtxn *t = NULL;
		if (store_read(w.store, &t, &f) == ERR_OK)
			j.state.covered = store_seq(t);
		j.state.whole_at = clock_now();
	}
	if (e == ERR_OK && store_run(w.store, write_state, &j, &f) != ERR_OK)
		e = ERR_IO;
	pthread_mutex_lock(&seen.lock);
	seen.now_running--;
	seen.running[id]--;
	pthread_mutex_unlock(&seen.lock);
	return e;
}

static enum err put(struct store_wtxn *t, void *arg, struct fail *f)
{
	struct job *j = arg;
	j->row.id = j->id = store_new_row_id(t, T_PEER);
	TRY(store_put(t, T_PEER, j->id, &j->row, f));
	return peer_state_write(t, j->id, j->d, &j->state, f);
}

static uint64_t peer(bool pull, bool push, uint64_t interval_s, int64_t last_try)
{
	struct job j = {.row = {.name = STR("p"),
				.url = STR("http://p.example"),
				.pull = pull,
				.push = push,
				.interval_s = interval_s},
			.state = {.last_try = last_try},
			.d = pull ? PASS_PULL : PASS_PUSH};
	struct fail f = {0};
	is_ok(store_run(w.store, put, &j, &f), "a peer");
	return j.id;
}

static unsigned runs(uint64_t id, enum pass_direction d)
{
	pthread_mutex_lock(&seen.lock);
	unsigned n = seen.runs[id][d];
	pthread_mutex_unlock(&seen.lock);
	return n;
}

/* Within ten seconds. */
static bool ran(uint64_t id, enum pass_direction d, unsigned n)
{
	for (int i = 0; i < 500 && runs(id, d) < n; i++)
		usleep(20000);
	return runs(id, d) >= n;
}

static void many(void)
{
	struct peer_schedule_opts o = {.store = w.store, .run = run, .parallel = 2, .tick_ms = 20};
	struct peer_schedule *s = NULL;
	struct fail f = {0};
	uint64_t id[6], later = peer(true, false, 3600, clock_now() - 60),
			off = peer(false, false, 1, 0), asked = peer(true, false, 0, 0);
	for (unsigned i = 0; i < 6; i++)
		id[i] = peer(true, false, 3600, clock_now() - 7200);
	uint64_t often = peer(true, false, 1, clock_now() - 5);
	is_ok(peer_schedule_start(&o, &s, &f), "the schedule starts");
	for (unsigned i = 0; i < 6; i++)
		ok(ran(id[i], PASS_PULL, 1), "one that is overdue runs");
	ok(ran(often, PASS_PULL, 3), "one with a short interval again and again");
	for (unsigned i = 0; i < 6; i++)
		is_uint(runs(id[i], PASS_PULL), 1, "the others once");
	is_uint(runs(later, PASS_PULL), 0, "not one whose time has not come");
	is_uint(runs(off, PASS_PULL) + runs(off, PASS_PUSH), 0, "nor one that is off");
	is_uint(runs(asked, PASS_PULL), 0, "nor one that runs when asked for");
	ok(seen.most <= 2, "two at a time at most");
	is_uint(seen.same, 1, "never two runs of one peer");
	peer_schedule_stop(s);
	is_uint(seen.now_running, 0, "stopping waits for what runs");
}

/* ---- publications ---- */

static const char event[] =
	"{\"Event\":{\"uuid\":\"6e4f7b20-88bb-4b6f-8d2f-0000000000%02d\",\"info\":\"one\","
	"\"date\":\"2026-03-04\",\"published\":true,\"distribution\":\"3\",\"Attribute\":[{\"type\":"
	"\"domain\",\"category\":\"Network activity\",\"value\":\"one%d.example\"}]}}";

static void publish(int n)
{
	char doc[600];
	snprintf(doc, sizeof(doc), event, n, n);
	ok(world_add(&w, doc) != 0, "an event is published");
}

static void publications(void)
{
	struct peer_schedule_opts o = {
		.store = w.store, .run = run, .push_delay_ms = 300, .tick_ms = 20};
	struct peer_schedule *s = NULL;
	struct fail f = {0};
	uint64_t pushed = peer(false, true, 0, clock_now()), pulled = peer(true, false, 0, 0);
	is_ok(peer_schedule_start(&o, &s, &f), "a schedule that pushes what is published");
	usleep(600000);
	is_uint(runs(pushed, PASS_PUSH), 0, "nothing is published: no push");
	for (int i = 1; i < 6; i++)
		publish(i);
	ok(ran(pushed, PASS_PUSH, 1), "a burst of publications starts a push");
	usleep(600000);
	ok(runs(pushed, PASS_PUSH) <= 2, "one for all of them, or two where the first went ahead");
	is_uint(runs(pulled, PASS_PULL), 0, "and no pull");
	pthread_mutex_lock(&seen.lock);
	seen.answer = ERR_BUSY;
	pthread_mutex_unlock(&seen.lock);
	publish(6);
	ok(ran(pushed, PASS_PUSH, 3), "somebody else works on it: asked again");
	pthread_mutex_lock(&seen.lock);
	seen.answer = ERR_OK;
	pthread_mutex_unlock(&seen.lock);
	unsigned n = runs(pushed, PASS_PUSH);
	ok(ran(pushed, PASS_PUSH, n + 1), "until it is done");
	n = runs(pushed, PASS_PUSH);
	usleep(600000);
	is_uint(runs(pushed, PASS_PUSH), n, "and then no more");
	peer_schedule_stop(s);
}

int main(void)
{
	due();
	world_open(&w, "misp-compat");
	many();
	publications();
	world_close(&w);
	return done_testing();
}
