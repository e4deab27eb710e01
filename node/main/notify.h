/*
 * notify.h - tells the service manager how we are: ready, reloading, stopping, still alive.
 *
 * The protocol is one datagram to the socket in NOTIFY_SOCKET (sd_notify(3)); without one, nothing
 * happens. No library is needed for that.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Open the socket. Before the sandbox. */
void notify_open(void);
void notify_close(void);
/* Send "READY=1", "RELOADING=1", "STOPPING=1", "STATUS=...". False if nobody listens. */
bool notify_send(const char *state);
/* Milliseconds between signs of life ("WATCHDOG=1") that suffice: half of what is asked for; 0 when
 * none are. */
uint64_t notify_watchdog_ms(void);
