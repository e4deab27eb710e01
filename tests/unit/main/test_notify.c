/* test_notify.c - what a service manager hears, through both kinds of socket names. */
#include "main/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/tap/tap.h"

static int listen_on(const char *name)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	size_t n = strlen(name);

	memcpy(at.sun_path, name, n);
	if (*name == '@')
		at.sun_path[0] = 0;
	if (bind(fd, (struct sockaddr *)&at, (socklen_t)(sizeof(at.sun_family) + n)) != 0)
		bail_out("cannot bind %s", name);
	return fd;
}

static void heard(const char *name)
{
	int fd = listen_on(name);
	char got[64] = "";

	setenv("NOTIFY_SOCKET", name, 1);
	notify_open();
	ok(notify_send("READY=1"), "sent to %s", name);
	if (read(fd, got, sizeof(got) - 1) < 0)
		got[0] = 0;
	is_str(got, "READY=1", "and heard");
	close(fd);
}

static void watchdog(void)
{
	char pid[32];

	unsetenv("WATCHDOG_USEC");
	is_uint(notify_watchdog_ms(), 0, "no watchdog");
	setenv("WATCHDOG_USEC", "3000000", 1);
	is_uint(notify_watchdog_ms(), 1500, "half of its time");
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	is_uint(notify_watchdog_ms(), 1500, "it is for us");
	setenv("WATCHDOG_PID", "1", 1);
	is_uint(notify_watchdog_ms(), 0, "it is for another");
	unsetenv("WATCHDOG_PID");
	setenv("WATCHDOG_USEC", "soon", 1);
	is_uint(notify_watchdog_ms(), 0, "no number");
}

int main(void)
{
	char name[80];

	unsetenv("NOTIFY_SOCKET");
	notify_open();
	ok(!notify_send("READY=1"), "nobody to tell");
	snprintf(name, sizeof(name), "@tocsin-test-%d", (int)getpid());
	heard(name);
	snprintf(name, sizeof(name), "/tmp/tocsin-notify-%d", (int)getpid());
	heard(name);
	unlink(name);
	watchdog();
	setenv("NOTIFY_SOCKET", "relative", 1);
	notify_open();
	ok(!notify_send("READY=1"), "a name that is none");
	notify_close();
	return done_testing();
}
