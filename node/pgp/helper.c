/*
 * helper.c - the helper process: takes requests, forks a child for each, sees that none lives too
 * long, cleans up behind them. It touches no key and parses nothing but a header itself. Above it is
 * one that does nothing but start it again: the daemon cannot, confined and with threads as it is.
 */
#include "pgp/helper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/log.h"
#include "sandbox/sandbox.h"

#define CHILDREN_MAX 4u
#define TICK_MS 100
#define FILES_MAX 256u
#define FILE_BYTES_MAX (64u << 20)
#define MEMORY_MAX (UINT64_C(2) << 30)
#define FOLDER_DEPTH 3u
/* Before it is started again; doubled when it has not lived long. */
#define AGAIN_MS 50
#define AGAIN_MS_MAX 30000
#define LONG_MS 10000

struct child {
	pid_t pid; /* 0: free */
	int64_t deadline_ms;
};

struct helper {
	int control;
	const struct pgp_opts *opts;
	struct child child[CHILDREN_MAX];
	unsigned n;
};

/* ---- folders ---- */

static void remove_tree(int at, const char *name, unsigned depth)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (struct dirent *e; (e = readdir(d));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, e->d_name, 0) != 0 && depth)
			remove_tree(fd, e->d_name, depth - 1);
	}
	closedir(d);
	unlinkat(at, name, AT_REMOVEDIR);
}

#define SCRATCH "work."

static void scratch_name(const struct pgp_opts *o, pid_t pid, char *out, size_t n)
{
	snprintf(out, n, "%s/" SCRATCH "%d", o->home, (int)pid);
}

static void scratch_remove(const struct pgp_opts *o, pid_t pid)
{
	char path[4200];

	scratch_name(o, pid, path, sizeof(path));
	remove_tree(AT_FDCWD, path, FOLDER_DEPTH);
}

/* What an earlier helper left behind when it was killed. */
static void sweep(const struct pgp_opts *o)
{
	DIR *d = opendir(o->home);

	if (!d)
		return;
	for (struct dirent *e; (e = readdir(d));)
		if (strncmp(e->d_name, SCRATCH, sizeof(SCRATCH) - 1) == 0)
			remove_tree(dirfd(d), e->d_name, FOLDER_DEPTH);
	closedir(d);
}

/* ---- a child ---- */

static void limit(int what, rlim_t most)
{
	struct rlimit now;

	if (getrlimit(what, &now) != 0)
		return;
	now.rlim_max = now.rlim_max == RLIM_INFINITY ? most : MIN(now.rlim_max, most);
	now.rlim_cur = now.rlim_max;
	setrlimit(what, &now);
}

static void child_limits(uint32_t limit_ms)
{
	limit(RLIMIT_CPU, limit_ms / 1000 + 1);
	limit(RLIMIT_FSIZE, FILE_BYTES_MAX);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	limit(RLIMIT_AS, MEMORY_MAX); /* sanitizers reserve terabytes */
#endif
	/* gone with the helper, so that nothing outlives the daemon */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static _Noreturn void child_main(const struct pgp_opts *o, int request, int data, uint32_t limit_ms)
{
	OWN(pgp_frame) struct pgp_frame in = PGP_FRAME;
	struct pgp_work w = {.opts = o, .data = data};
	struct pgp_answer out = {0};
	struct str parts[PGP_ANSWER_PARTS + 1];
	struct fail f = {0};
	int64_t deadline = pgp_now_ms() + limit_ms;

	setpgid(0, 0); /* killed together with what it has started */
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	child_limits(limit_ms);
	for (unsigned i = 0; i < PGP_ANSWER_PARTS; i++)
		buf_init(&out.part[i], PGP_FRAME_BYTES_MAX / 4);
	scratch_name(o, getpid(), w.scratch, sizeof(w.scratch));
	enum err e = pgp_frame_recv(request, &in, deadline, &f);
	if (e == ERR_OK && mkdir(w.scratch, 0700) != 0)
		e = fail_errno(&f, ERR_IO, errno, "cannot make %s", w.scratch);
	if (e == ERR_OK)
		e = pgp_work_do(&w, &in, &out, &f);
	parts[0] = str_c(f.text);
	for (unsigned i = 0; i < out.n; i++)
		parts[i + 1] = buf_str(&out.part[i]);
	e = pgp_frame_send(request, (uint32_t)e, parts, e == ERR_OK ? out.n + 1 : 1, deadline, &f);
	_exit(e == ERR_OK ? 0 : 1); /* no exit handlers of the daemon */
}

static void spawn(struct helper *h, uint32_t limit_ms, int request, int data)
{
	pid_t pid = fork();

	if (pid == 0) {
		close(h->control);
		child_main(h->opts, request, data, limit_ms);
	}
	close(request);
	if (data >= 0)
		close(data);
	if (pid < 0) {
		log_warn("pgp", "no child for a request errno=%d", errno);
		return; /* the daemon sees its socket closed */
	}
	for (unsigned i = 0; i < CHILDREN_MAX; i++)
		if (!h->child[i].pid) {
			h->child[i] = (struct child){pid, pgp_now_ms() + limit_ms};
			h->n++;
			return;
		}
}

/* ---- looking after them ---- */

static void kill_group(pid_t pid)
{
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL); /* before it has a group */
}

static void child_ended(struct helper *h, pid_t pid, int status)
{
	for (unsigned i = 0; i < CHILDREN_MAX; i++) {
		if (h->child[i].pid != pid)
			continue;
		if (WIFSIGNALED(status))
			log_warn("pgp", "a request died signal=%d", WTERMSIG(status));
		kill(-pid, SIGKILL); /* a gpg that it has left behind */
		scratch_remove(h->opts, pid);
		h->child[i].pid = 0;
		h->n--;
	}
}

static void reap(struct helper *h)
{
	int64_t now = pgp_now_ms();
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		child_ended(h, pid, status);
	for (unsigned i = 0; i < CHILDREN_MAX; i++)
		if (h->child[i].pid && now >= h->child[i].deadline_ms) {
			log_warn("pgp", "a request takes too long and is ended");
			kill_group(h->child[i].pid);
		}
}

static void end_all(struct helper *h)
{
	for (unsigned i = 0; i < CHILDREN_MAX; i++)
		if (h->child[i].pid) {
			kill_group(h->child[i].pid);
			waitpid(h->child[i].pid, NULL, 0);
			scratch_remove(h->opts, h->child[i].pid);
		}
}

/* Requests until the daemon has gone. While all children work, the next wait in the socket. */
static void serve(struct helper *h)
{
	for (;;) {
		struct pollfd p = {.fd = h->control,
				   .events = h->n < CHILDREN_MAX ? POLLIN : 0};
		int request, data, n = poll(&p, 1, h->n ? TICK_MS : -1);
		uint32_t limit_ms;

		reap(h);
		if (n > 0 && (p.revents & POLLIN) && h->n < CHILDREN_MAX) {
			enum err e = pgp_call_recv(h->control, &limit_ms, &request, &data);
			if (e == ERR_NET)
				return;
			if (e == ERR_OK)
				spawn(h, limit_ms, request, data);
		} else if (n > 0 && (p.revents & (POLLHUP | POLLERR | POLLNVAL))) {
			return;
		}
	}
}

/* ---- being the helper ---- */

/* Keep standard error for the log, and the control socket; all else is the daemon's. */
static void close_others(int *control)
{
	int null = open("/dev/null", O_RDWR);

	dup2(null, 0);
	dup2(null, 1);
	if (*control != 3) {
		dup2(*control, 3);
		*control = 3;
	}
	fcntl(3, F_SETFD, FD_CLOEXEC);
	if (syscall(SYS_close_range, 4u, ~0u, 0u) != 0)
		for (int fd = 4; fd < 1024; fd++)
			close(fd);
}

static void only_needed_environment(const struct pgp_opts *o)
{
	clearenv();
	setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
	setenv("LC_ALL", "C", 1);
	setenv("HOME", o->home, 1);
	setenv("GNUPGHOME", o->home, 1);
}

static enum err confine(const struct pgp_opts *o, struct fail *f)
{
	const struct sandbox_path paths[] = {
		{o->home, SANDBOX_READ | SANDBOX_WRITE, false},
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
				    .programs = true,
				    .no_network = true};
	return sandbox_enter(&plan, NULL, f);
}

static _Noreturn void work(struct helper *h, pid_t keeper)
{
	prctl(PR_SET_NAME, "tocsin-pgp-work");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != keeper)
		_exit(1);
	sweep(h->opts);
	pgp_work_begin();
	serve(h);
	end_all(h);
	pgp_work_end(h->opts->home);
	_exit(0);
}

/* Has the daemon gone? Waits for that as long as this. */
static bool daemon_gone(const struct helper *h, int64_t ms)
{
	struct pollfd p = {.fd = h->control};

	return poll(&p, 1, (int)ms) > 0;
}

/* One that works, and when it dies the next. What is asked meanwhile waits in the socket. */
static _Noreturn void keep(struct helper *h)
{
	int64_t wait_ms = AGAIN_MS, began;
	int status = 0;
	pid_t keeper = getpid(), pid;

	do {
		began = pgp_now_ms();
		pid = fork();
		if (pid == 0)
			work(h, keeper);
		while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
			break;
		wait_ms = pgp_now_ms() - began > LONG_MS ? AGAIN_MS : MIN(wait_ms * 2, AGAIN_MS_MAX);
		log_error("pgp", "the helper died %s=%d, it is started again in %d ms",
			  WIFSIGNALED(status) ? "signal" : "code",
			  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
			  (int)wait_ms);
	} while (!daemon_gone(h, wait_ms));
	_exit(0);
}

_Noreturn void pgp_helper_main(int control, const struct pgp_opts *o)
{
	struct helper h = {.control = control, .opts = o};
	struct fail f = {0};
	sigset_t none;

	prctl(PR_SET_NAME, "tocsin-pgp");
	/* it ends when the daemon does, not when the terminal says so */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	close_others(&h.control);
	only_needed_environment(o);
	limit(RLIMIT_NOFILE, FILES_MAX);
	limit(RLIMIT_CORE, 0);
	umask(077);
	if (confine(o, &f) != ERR_OK) {
		log_error("pgp", "helper not confined, it ends detail=%s", log_val(str_c(f.text)));
		_exit(1);
	}
	keep(&h);
}
