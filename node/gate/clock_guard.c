/*
 * clock_guard.c - see clock_guard.h. The smaller of two times is always taken: an embargo that
 * opens late because a clock was wrong can be repaired, one that opened early cannot.
 */
#include "gate/clock_guard.h"

#include <string.h>

#define US INT64_C(1000000)
#define RENEW_US (86400 * US)

const char *clock_alarm_name(enum clock_alarm a)
{
	static const char *const names[] = {"fine", "step-forward", "step-back", "not-synchronised",
					    "before-last"};

	return (unsigned)a < sizeof(names) / sizeof(names[0]) ? names[a] : "unknown";
}

static struct clock_pair pair_of(const struct clock_reading *r)
{
	struct clock_pair p = {.wall_us = r->wall_us, .boot_us = r->boot_us};

	memcpy(p.boot_id, r->boot_id, sizeof(p.boot_id));
	return p;
}

static struct clock_state trust(const struct clock_reading *r)
{
	return (struct clock_state){.now_us = r->wall_us,
				    .trusted = true,
				    .alarm = CLOCK_FINE,
				    .pair = pair_of(r)};
}

/*
 * The boot the pair was taken in is still on. The wall clock is followed within max_step_s of what
 * the boot clock says; the pair is renewed only once a day, so that many small steps do not add up
 * to a large one unseen. (Slewing moves both clocks; only steps move them apart.)
 */
static struct clock_state same_boot(const struct clock_pair *last, const struct clock_reading *r,
				    int64_t max_step_s)
{
	int64_t counted = r->boot_us - last->boot_us;
	int64_t expected = last->wall_us + counted, ahead;
	struct clock_state s = {.trusted = true, .alarm = CLOCK_FINE, .pair = *last};

	if (counted < 0) { /* no boot clock runs back: whoever said so is not believed */
		s.now_us = r->wall_us < last->wall_us ? r->wall_us : last->wall_us;
		s.trusted = false;
		s.alarm = CLOCK_STEP_BACK;
		return s;
	}
	ahead = r->wall_us - expected;
	if (ahead > max_step_s * US || ahead < -max_step_s * US) {
		s.now_us = r->wall_us < expected ? r->wall_us : expected;
		s.alarm = ahead > 0 ? CLOCK_STEP_FORWARD : CLOCK_STEP_BACK;
		return s;
	}
	if (r->synchronised && counted >= RENEW_US)
		return trust(r);
	s.now_us = r->synchronised || r->wall_us < expected ? r->wall_us : expected;
	return s;
}

/* Another boot, or the first start: only the kernel's word or an operator's counts. */
static struct clock_state other_boot(const struct clock_pair *last, const struct clock_reading *r,
				     int64_t max_step_s)
{
	struct clock_state s = {.now_us = r->wall_us, .trusted = false, .pair = *last};

	if (last->wall_us && r->wall_us < last->wall_us - max_step_s * US) {
		s.alarm = CLOCK_BEFORE_LAST;
		return s;
	}
	if (r->synchronised)
		return trust(r);
	s.alarm = CLOCK_NOT_SYNCHRONISED;
	return s;
}

struct clock_state clock_guard(const struct clock_pair *last, const struct clock_reading *r,
			       int64_t max_step_s)
{
	static const struct clock_pair never;

	if (!last)
		last = &never;
	if (r->accepted)
		return trust(r);
	if (last->wall_us && memcmp(last->boot_id, r->boot_id, sizeof(r->boot_id)) == 0)
		return same_boot(last, r, max_step_s);
	return other_boot(last, r, max_step_s);
}
