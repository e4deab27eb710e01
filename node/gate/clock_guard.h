/*
 * clock_guard.h - the clock that opens embargoes: never early, whatever the wall clock does
 * (gate.md section 5).
 *
 * Pure: the daemon reads the clocks (once a second) and keeps `struct clock_pair` across restarts;
 * this decides what time it is at most and whether that may open anything.
 *
 * Within one boot the boot-time clock, which counts on during suspend, bounds the wall clock: the
 * guarded time is the last trusted pair plus what the boot clock has counted since. A wall clock
 * that leaves this by more than `max_step_s` is not followed and alarms. After a reboot, or without
 * a pair, the wall time counts when the kernel says that it is synchronised or an operator has
 * accepted it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* A moment at which wall time was trusted; persisted by the daemon. */
struct clock_pair {
	int64_t wall_us; /* 0: never */
	int64_t boot_us; /* boot-time clock at that moment */
	uint8_t boot_id[16]; /* of the boot that boot_us counts in */
};

struct clock_reading {
	int64_t wall_us;
	int64_t boot_us;
	uint8_t boot_id[16];
	bool synchronised; /* the kernel says so (no STA_UNSYNC) */
	bool accepted; /* "tocsin clock accept" since the last reading */
};

enum clock_alarm {
	CLOCK_FINE = 0,
	CLOCK_STEP_FORWARD, /* wall clock ran ahead of the boot clock by more than may be */
	CLOCK_STEP_BACK, /* behind it */
	CLOCK_NOT_SYNCHRONISED, /* after a reboot, or the first start: nobody vouches for the time */
	CLOCK_BEFORE_LAST, /* wall time is before a time that was trusted in an earlier boot */
};
const char *clock_alarm_name(enum clock_alarm a);

struct clock_state {
	int64_t now_us; /* never later than what is trusted; embargoes are judged by it */
	bool trusted; /* false: embargoes that may have ended stay shut */
	enum clock_alarm alarm;
	struct clock_pair pair; /* to persist when it differs from the one given */
};

#define CLOCK_MAX_STEP_S 60

/* `last` is the persisted pair, or that of the state before. max_step_s: see CLOCK_MAX_STEP_S. */
struct clock_state clock_guard(const struct clock_pair *last, const struct clock_reading *r,
			       int64_t max_step_s);
