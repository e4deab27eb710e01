/*
 * helper.c - the helper process: starts the operator's program for one message after the other, each in
 * a group of its own with limits, and ends it when it takes too long. It never reads the message.
 */
#include "mail/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "sandbox/sandbox.h"

#define TICK_MS 20
#define FILES_MAX 256
#define PROCESSES_FILE_BYTES (16u << 20)
#define LATE 255u

static void limit(int what, rlim_t most)
{
	struct rlimit r = {most, most};
	(void)setrlimit(what, &r);
}

static _Noreturn void run_program(const struct mail_opts *o, int message, unsigned limit_ms)
{
	int null = open("/dev/null", O_WRONLY);
	setpgid(0, 0); /* ended together with what it starts */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int s = 1; s < 32; s++)
		signal(s, SIG_DFL);
	if (null < 0 || dup2(message, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		_exit(126);
	limit(RLIMIT_CPU, limit_ms / 1000 + 1);
	limit(RLIMIT_FSIZE, PROCESSES_FILE_BYTES);
	limit(RLIMIT_CORE, 0);
	syscall(SYS_close_range, 3u, ~0u, 0u);
	execv(o->argv[0], (char *const *)(uintptr_t)o->argv);
	_exit(127);
}

/* How the program ended: 0 well, LATE not in time, else its code. */
static unsigned char run_one(const struct mail_opts *o, int control, int message)
{
	unsigned limit_ms = o->limit_ms ? o->limit_ms : MAIL_LIMIT_MS;
	int64_t until = clock_boot_ms() + limit_ms;
	int status = 0;
	pid_t pid = fork();
	if (pid == 0)
		run_program(o, message, limit_ms);
	if (pid < 0)
		return 126;
	for (;;) {
		struct pollfd gone = {.fd = control, .events = 0};
		pid_t ended = waitpid(pid, &status, WNOHANG);
		bool late = clock_boot_ms() >= until;
		if (ended == pid)
			break;
		/* the daemon's end is the program's */
		if (late || (poll(&gone, 1, TICK_MS) > 0 && (gone.revents & POLLHUP))) {
			kill(-pid, SIGKILL);
			kill(pid, SIGKILL);
			while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
				;
			return LATE;
		}
	}
	kill(-pid, SIGKILL); /* what it has left behind */
	if (WIFEXITED(status))
		return (unsigned char)MIN(WEXITSTATUS(status), 254);
	return 254;
}

/* False: the daemon has gone. */
static bool take(int control, int fds[MAIL_FDS])
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int) * MAIL_FDS)];
	} ctl;
	char byte;
	struct iovec io = {&byte, 1};
	struct msghdr msg = {.msg_iov = &io,
			     .msg_iovlen = 1,
			     .msg_control = ctl.room,
			     .msg_controllen = sizeof(ctl.room)};
	ssize_t n;
	do
		n = recvmsg(control, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	struct cmsghdr *c = n == 1 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int) * MAIL_FDS))
		return false;
	memcpy(fds, CMSG_DATA(c), sizeof(int) * MAIL_FDS);
	return true;
}

/* Keep standard error for the log, and the control socket; all else is the daemon's. */
static int close_others(int control)
{
	int null = open("/dev/null", O_RDWR);
	dup2(null, 0);
	dup2(null, 1);
	if (control != 3)
		dup2(control, 3);
	fcntl(3, F_SETFD, FD_CLOEXEC);
	syscall(SYS_close_range, 4u, ~0u, 0u);
	return 3;
}

static enum err confine(const struct mail_opts *o, struct fail *f)
{
	char folder[4200];
	snprintf(folder, sizeof(folder), "%s", o->argv[0]);
	char *slash = strrchr(folder, '/');
	slash[slash == folder] = '\0';
	const struct sandbox_path paths[] = {
		{o->home, SANDBOX_READ | SANDBOX_WRITE, false},
		{folder, SANDBOX_READ | SANDBOX_RUN, true},
		{"/usr", SANDBOX_READ | SANDBOX_RUN, true},
		{"/bin", SANDBOX_READ | SANDBOX_RUN, true},
		{"/lib", SANDBOX_READ | SANDBOX_RUN, true},
		{"/lib64", SANDBOX_READ | SANDBOX_RUN, true},
		{"/nix/store", SANDBOX_READ | SANDBOX_RUN, true},
		{"/gnu/store", SANDBOX_READ | SANDBOX_RUN, true},
		{"/etc", SANDBOX_READ, true},
	};
	struct sandbox_plan plan = {.mode = (enum sandbox_mode)o->sandbox,
				    .paths = paths,
				    .n_paths = ARRAY_LEN(paths),
				    .network_files = true,
				    .programs = true};
	return sandbox_enter(&plan, NULL, f);
}

_Noreturn void mail_helper_main(int control, const struct mail_opts *o)
{
	struct fail f = {0};
	int fds[MAIL_FDS];
	prctl(PR_SET_NAME, "tocsin-mail");
	/* it ends when the daemon does, not when the terminal says so */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	control = close_others(control);
	clearenv();
	setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	setenv("HOME", o->home, 1);
	setenv("TMPDIR", o->home, 1);
	limit(RLIMIT_NOFILE, FILES_MAX);
	umask(077);
	if (confine(o, &f) != ERR_OK || chdir(o->home) != 0) {
		log_error("mail", "helper not confined, it ends detail=%s", log_val(str_c(f.text)));
		_exit(1);
	}
	while (take(control, fds)) {
		unsigned char status = run_one(o, control, fds[MAIL_FD_MESSAGE]);
		close(fds[MAIL_FD_MESSAGE]);
		if (status)
			log_warn("mail", "the mail program failed code=%u", status);
		if (write(fds[MAIL_FD_ANSWER], &status, 1) != 1)
			log_debug("mail", "nobody waits for an answer any more");
		close(fds[MAIL_FD_ANSWER]);
	}
	_exit(0);
}
