/*
 * clock.h - time. Wall time in seconds or microseconds since 1970-01-01 UTC; monotonic time in
 * milliseconds of the boot-time clock (it counts while the machine sleeps). Tests may freeze and
 * move both.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

int64_t clock_now(void);
int64_t clock_now_us(void);
int64_t clock_boot_ms(void);
/* Replace the clocks (tests only): wall in microseconds, boot in milliseconds. */
void clock_freeze(int64_t wall_us, int64_t boot_ms);
void clock_advance(int64_t us);
void clock_thaw(void);

/* Calendar helpers, proleptic Gregorian, UTC. */
int64_t clock_from_civil(int year, int month, int day, int hour, int minute, int second);
struct clock_civil {
	int year, month, day, hour, minute, second, weekday; /* weekday: 0 = Sunday */
};
struct clock_civil clock_to_civil(int64_t seconds);
/* "Sun, 22 Nov 2026 21:47:33 GMT" of an HTTP header; 0 when it is no such text. */
int64_t clock_from_http(struct str s);
/* "2027-01-31T12:00:00", with a fraction or zone behind it, which is not looked at; 0 likewise. */
int64_t clock_from_iso(struct str s);
