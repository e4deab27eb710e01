/*
 * notify.c - sd_notify(3) without libsystemd.
 */
#include "main/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/own.h"
#include "base/str.h"

static int fd = -1;

void notify_open(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t n = path ? strlen(path) : 0;

	notify_close();
	if (!n || n >= sizeof(to.sun_path) || (*path != '/' && *path != '@'))
		return;
	memcpy(to.sun_path, path, n);
	if (*path == '@') /* an abstract socket */
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to,
			       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) != 0)
		notify_close();
}

void notify_close(void)
{
	if (fd >= 0)
		close(fd);
	fd = -1;
}

bool notify_send(const char *state)
{
	return fd >= 0 && send(fd, state, strlen(state), MSG_NOSIGNAL) >= 0;
}

uint64_t notify_watchdog_ms(void)
{
	uint64_t us, pid;

	if (fd < 0 || !str_u64(str_c(getenv("WATCHDOG_USEC")), &us))
		return 0;
	/* Meant for another process that passed its environment on? */
	if (str_u64(str_c(getenv("WATCHDOG_PID")), &pid) && pid != (uint64_t)getpid())
		return 0;
	return MAX(us / 2000, 1);
}
