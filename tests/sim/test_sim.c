/*
 * test_sim.c - synchronisation under faults: many small worlds, each made of its seed alone.
 *
 * SIM_SEED=N replays one and tells its story; SIM_SEEDS (how many), SIM_FIRST and SIM_SECONDS (stop
 * then) widen the search.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "tests/sim/setup.h"
#include "tests/sim/sim.h"
#include "tests/tap/tap.h"
#include "tests/unit/feeds_out/world.h"

#define SEEDS 300
#define SECONDS 25
#define START_US INT64_C(1790000000000000)
#define TRACE_MAX ((size_t)8 << 20)
#define ROUNDS_MAX 12
#define BACK_OFF_S (7 * 3600) /* longer than anything waits */

/* ---- trace and clock ---- */

static void note(struct sim *s, const char *prefix, const char *fmt, va_list ap)
{
	char line[600];
	vsnprintf(line, sizeof(line), fmt, ap);
	buf_printf(&s->trace, "%9.3f %s%s\n", (double)(s->now_us - START_US) / 1e6, prefix, line);
}

void sim_note(struct sim *s, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	note(s, "", fmt, ap);
	va_end(ap);
}

void sim_wrong(struct sim *s, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	note(s, "WRONG ", fmt, ap);
	va_end(ap);
	s->wrong++;
}

void sim_pass(struct sim *s, int64_t us)
{
	s->now_us += us;
}

int64_t sim_clock(const struct sim *s, const struct host *h)
{
	return s->now_us + h->skew_us;
}

void sim_clock_of(struct sim *s, const struct host *h)
{
	/* the boot clock stands nearly still: no connection of the harness grows old */
	clock_freeze(sim_clock(s, h), ++s->boot_ms / 64);
}

/* ---- a scenario ---- */

static const unsigned shapes[][LINKS_MAX + 1][2] = {
	/* {at, to}, ends with {9, 9} */
	{{1, 0}, {9, 9}},
	{{1, 0}, {0, 1}, {9, 9}},
	{{1, 0}, {2, 1}, {9, 9}},
	{{1, 0}, {2, 1}, {0, 1}, {1, 2}, {9, 9}},
	{{1, 0}, {2, 1}, {0, 2}, {9, 9}},
	{{1, 0}, {2, 0}, {2, 1}, {9, 9}},
	{{1, 0}, {2, 1}, {0, 1}, {1, 2}, {0, 2}, {2, 0}},
};

static void choose(struct sim *s)
{
	const unsigned(*l)[2] = shapes[rng_below(&s->rng, ARRAY_LEN(shapes))];
	unsigned style = rng_below(&s->rng, 6); /* 0, 1: all pull; 2, 3: all push; 4, 5: by chance */
	s->n = 2;
	s->family = rng_chance(&s->rng, 150);
	s->push_technique = rng_chance(&s->rng, 500) ? PASS_INCREMENTAL : PASS_FULL;
	for (s->n_links = 0; s->n_links < LINKS_MAX && l[s->n_links][0] != 9; s->n_links++) {
		unsigned at = l[s->n_links][0], to = l[s->n_links][1];
		unsigned ways = 1 + rng_below(&s->rng, 3);
		s->link[s->n_links] = (struct link_row){.at = at,
							.to = to,
							.peer_id = setup_peer_id(at, to),
							.pull = style < 2 || (style > 3 && ways & 1),
							.push = (style > 1 && style < 4) ||
								(style > 3 && ways & 2)};
		s->n = MAX(s->n, MAX(at, to) + 1);
	}
	for (unsigned i = 0; i < s->n; i++)
		s->host[i].skew_us = rng_chance(&s->rng, 500) ? 0
				     : ((int64_t)rng_below(&s->rng, 7200) - 3600) * 1000000;
	unsigned mood = rng_below(&s->rng, 4); /* 0: nothing goes wrong */
	if (!mood)
		return;
	unsigned each = mood * 25;
	s->faults = (struct faults){.lost = each, .unanswered = each, .cut = each, .twice = each,
				    .gateway = each, .edit = each * 2, .client_crash = each,
				    .server_crash = each};
}

/* Seconds are usual, days rare; a clock may be set a little. */
static void time_goes_on(struct sim *s)
{
	static const int64_t steps[] = {1, 1, 2, 5, 30, 60, 600, 1200};
	sim_pass(s, steps[rng_below(&s->rng, ARRAY_LEN(steps))] * 1000000);
	if (rng_chance(&s->rng, 10))
		sim_pass(s, INT64_C(90000000000));
	if (rng_chance(&s->rng, 30))
		s->host[rng_below(&s->rng, s->n)].skew_us +=
			((int64_t)rng_below(&s->rng, 600) - 300) * 1000000;
}

/* Both directions of a link, or the one it has. */
static int run_one(struct sim *s, const struct link_row *l)
{
	int pulled = l->pull ? act_run(s, l, PASS_PULL) : 0;
	int pushed = l->push ? act_run(s, l, PASS_PUSH) : 0;
	return pulled < 0 || pushed < 0 ? -1 : pulled + pushed;
}

static void turbulent(struct sim *s)
{
	unsigned steps = 10 + rng_below(&s->rng, 30);
	for (unsigned i = 0; i < steps; i++) {
		time_goes_on(s);
		if (rng_chance(&s->rng, 60)) {
			unsigned a = rng_below(&s->rng, s->n), b = rng_below(&s->rng, s->n);
			s->partition[a][b] = s->partition[b][a] = !s->partition[a][b];
		}
		if (rng_chance(&s->rng, 400))
			act_edit(s);
		else if (rng_chance(&s->rng, 150))
			act_thing(s);
		else if (rng_chance(&s->rng, 40))
			act_delete(s);
		else if (rng_chance(&s->rng, 30))
			act_group(s);
		else
			(void)run_one(s, &s->link[rng_below(&s->rng, s->n_links)]);
		if (rng_chance(&s->rng, 700))
			act_recover(s);
	}
}

/* Runs in turn until a round brings nothing new. */
static void rounds(struct sim *s)
{
	bool news = true;
	unsigned round = 0;
	while (news && round++ < ROUNDS_MAX) {
		news = false;
		for (unsigned i = 0; i < s->n_links; i++) {
			sim_pass(s, 1000000);
			int n = run_one(s, &s->link[i]);
			if (n < 0)
				sim_wrong(s, "a run fails although nothing is in its way");
			news |= n != 0;
		}
	}
	if (news)
		sim_wrong(s, "runs bring something new for ever");
}

/* Faults have stopped. What failed before waits for its time, so it gets some. */
static void converge(struct sim *s)
{
	s->calm = true;
	memset(s->partition, 0, sizeof(s->partition));
	act_recover(s);
	sim_note(s, "calm");
	act_settle(s);
	rounds(s);
	sim_pass(s, INT64_C(1000000) * BACK_OFF_S);
	sim_note(s, "calm for hours");
	rounds(s);
}

/* Requests of a run that finds nothing to do. */
static unsigned idle_limit(const struct sim *s, const struct link_row *l)
{
	/* between tocsins: what has changed since my cursor? */
	unsigned pull = l->pull ? 1 : 0;
	/* getVersion; in a full one also which clusters, events and notes are wanted */
	unsigned push = l->push ? s->push_technique == PASS_FULL ? 4 : 1 : 0;
	return pull + push;
}

/* Nothing has changed: a run asks who is there and what is new, and moves nothing. */
static void idle(struct sim *s)
{
	for (unsigned i = 0; i < s->n_links; i++) {
		sim_pass(s, 1000000);
		wire_reset(s);
		int n = run_one(s, &s->link[i]);
		if (n != 0 || s->count.views || s->count.writes ||
		    s->count.requests > idle_limit(s, &s->link[i]))
			sim_wrong(s, "an idle run makes %u requests (%u views, %u writes), %d came",
				  s->count.requests, s->count.views, s->count.writes, n);
	}
}

static void scenario(struct sim *s, struct setup setup[2], uint64_t seed)
{
	*s = (struct sim){.seed = seed, .rng = {seed}, .now_us = START_US, .boot_ms = 64000};
	s->trace = BUF(TRACE_MAX);
	rng_next(&s->rng);
	choose(s);
	if (!setup[s->family].made)
		setup_make(&setup[s->family], s->family);
	setup_hosts(&setup[s->family], s);
	wire_setup(s);
	turbulent(s);
	converge(s);
	look_all(s);
	idle(s);
	for (unsigned i = 0; i < s->n; i++) {
		host_stop(&s->host[i]);
		host_remove(&s->host[i]);
	}
}

/* ---- the program ---- */

static unsigned long env(const char *name, unsigned long otherwise)
{
	const char *t = getenv(name);
	return t && *t ? strtoul(t, NULL, 10) : otherwise;
}

static void tell(const struct sim *s)
{
	struct str t = buf_str(&s->trace), line;
	while (t.n) {
		t = str_split(t, '\n', &line);
		diag("%.*s", STR_ARG(line));
	}
}

int main(void)
{
	static struct sim s;
	static struct setup setup[2];
	unsigned long one = env("SIM_SEED", 0), first = env("SIM_FIRST", 1);
	unsigned long seeds = one ? 1 : env("SIM_SEEDS", SEEDS);
	time_t until = time(NULL) + (time_t)env("SIM_SECONDS", SECONDS);
	unsigned long done = 0, crashes = 0, faults = 0, edits = 0, runs = 0, bad = 0;
	log_setup(2, LOG_ERROR, LOG_LOGFMT);
	for (unsigned long i = 0; i < seeds && (one || time(NULL) < until) && bad < 5; i++) {
		uint64_t seed = one ? one : first + i;
		scenario(&s, setup, seed);
		if (s.wrong || one) {
			tell(&s);
			diag("replay: SIM_SEED=%llu tests/sim/test_sim", (unsigned long long)seed);
		}
		bad += s.wrong != 0;
		done++;
		crashes += s.crashes, faults += s.faulty, edits += s.edits, runs += s.runs;
		buf_free(&s.trace);
	}
	clock_thaw();
	setup_free(&setup[0]);
	setup_free(&setup[1]);
	diag("%lu seeds: %lu edits, %lu runs, %lu faults, %lu crashes", done, edits, runs, faults,
	     crashes);
	ok(done > 0 && !bad, "%lu of %lu scenarios converge to what the model says", done - bad, done);
	return done_testing();
}
