/*
 * test_clock_guard.c - the embargo clock under steps, reboots, suspend and leap seconds. Each line
 * is one reading; nothing may ever be later than the true time in the column beside it.
 */
#include "base/own.h"
#include "gate/clock_guard.h"
#include "tests/tap/tap.h"

#define S INT64_C(1000000)
#define T0 (INT64_C(1780000000) * S)

static struct clock_reading reading(int64_t wall_s, int64_t boot_s, uint8_t boot, bool sync)
{
	struct clock_reading r = {.wall_us = T0 + wall_s * S, .boot_us = boot_s * S,
				  .boot_id = {boot}, .synchronised = sync};

	return r;
}

struct line {
	int64_t wall_s, boot_s;
	uint8_t boot;
	bool sync, accepted;
	int64_t want_s; /* guarded time */
	bool trusted;
	enum clock_alarm alarm;
	const char *what;
};

static void run(const struct line *lines, size_t n)
{
	struct clock_pair pair = {0};

	for (size_t i = 0; i < n; i++) {
		const struct line *l = &lines[i];
		struct clock_reading r = reading(l->wall_s, l->boot_s, l->boot, l->sync);
		struct clock_state s;

		r.accepted = l->accepted;
		s = clock_guard(&pair, &r, CLOCK_MAX_STEP_S);
		is_int((s.now_us - T0) / S, l->want_s, "%s: time", l->what);
		ok(s.trusted == l->trusted, "%s: %strusted", l->what, l->trusted ? "" : "not ");
		is_str(clock_alarm_name(s.alarm), clock_alarm_name(l->alarm), "%s: alarm", l->what);
		pair = s.pair;
	}
}

static const struct line one_boot[] = {
	{0, 100, 1, true, false, 0, true, CLOCK_FINE, "first start, synchronised"},
	{1, 101, 1, true, false, 1, true, CLOCK_FINE, "a second"},
	{3601, 101, 1, true, false, 1, true, CLOCK_STEP_FORWARD, "an hour forward"},
	{3661, 161, 1, true, false, 61, true, CLOCK_STEP_FORWARD, "runs on with the boot clock"},
	{62, 162, 1, true, false, 62, true, CLOCK_FINE, "set right again"},
	{-3600, 163, 1, true, false, -3600, true, CLOCK_STEP_BACK, "an hour back: shut again"},
	{64, 164, 1, true, false, 64, true, CLOCK_FINE, "right again"},
	{7264, 7364, 1, true, false, 7264, true, CLOCK_FINE, "two hours of suspend count"},
	{7264, 7365, 1, true, false, 7264, true, CLOCK_FINE, "a leap second is repeated"},
	{7266, 7366, 1, true, false, 7266, true, CLOCK_FINE, "and over"},
	{7300, 7400, 1, false, false, 7300, true, CLOCK_FINE, "synchronisation lost"},
	{7341, 7401, 1, false, false, 7301, true, CLOCK_FINE, "40 s ahead are not followed"},
	{7322, 7402, 1, true, false, 7322, true, CLOCK_FINE, "20 s are, when synchronised"},
	{7363, 7403, 1, true, false, 7363, true, CLOCK_FINE, "60 s in all are"},
	{7384, 7404, 1, true, false, 7304, true, CLOCK_STEP_FORWARD, "80 s in small steps are not"},
	{7385, 7405, 1, true, true, 7385, true, CLOCK_FINE, "until the operator accepts"},
	{7386, 7406, 1, true, false, 7386, true, CLOCK_FINE, "which lasts"},
	{7387, 7300, 1, true, false, 7385, false, CLOCK_STEP_BACK, "a boot clock that runs back"},
};
static const struct line reboots[] = {
	{0, 50, 1, false, false, 0, false, CLOCK_NOT_SYNCHRONISED, "first start, nobody vouches"},
	{900000, 51, 1, false, false, 900000, false, CLOCK_NOT_SYNCHRONISED, "nor later"},
	{2, 52, 1, true, false, 2, true, CLOCK_FINE, "synchronised"},
	{30, 5, 2, false, false, 30, false, CLOCK_NOT_SYNCHRONISED, "reboot"},
	{999999, 6, 2, false, false, 999999, false, CLOCK_NOT_SYNCHRONISED, "with a wild clock"},
	{32, 7, 2, true, false, 32, true, CLOCK_FINE, "synchronised again"},
	{-9000, 1, 3, true, false, -9000, false, CLOCK_BEFORE_LAST, "reboot into the past"},
	{-8999, 2, 3, true, true, -8999, true, CLOCK_FINE, "accepted by the operator"},
	{-8998, 3, 3, false, false, -8998, true, CLOCK_FINE, "runs on"},
};

/* A day of readings each second with a slow drift by small steps: never beyond the bound. */
static void drift(void)
{
	struct clock_pair pair = {0};
	int64_t worst = 0;
	bool alarmed = false;

	for (int64_t t = 0; t < 86400; t++) {
		struct clock_reading r = reading(t + t / 600, t, 1, true);
		struct clock_state s = clock_guard(&pair, &r, CLOCK_MAX_STEP_S);

		worst = MAX(worst, s.now_us - (T0 + t * S));
		alarmed |= s.alarm == CLOCK_STEP_FORWARD;
		pair = s.pair;
	}
	ok(worst <= CLOCK_MAX_STEP_S * S, "never more than the largest step ahead in a day");
	ok(alarmed, "and it alarms");
}

int main(void)
{
	run(one_boot, ARRAY_LEN(one_boot));
	run(reboots, ARRAY_LEN(reboots));
	drift();
	struct clock_reading r = reading(5, 5, 1, false);
	ok(!clock_guard(NULL, &r, CLOCK_MAX_STEP_S).trusted, "without a pair");
	return done_testing();
}
