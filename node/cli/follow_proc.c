/*
 * follow_proc.c - programs of the consumer's: no shell but for commands that the operator gave, a time
 * limit, and what they say goes into the message. Signals come by descriptor, so nothing is interrupted.
 */
#include "cli/follow_proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/follow_state.h"

#define SAID_MAX 4096
#define GRACE_MS 20000

/* ---- signals ---- */

static int signal_fd = -1;
static bool stop, again;

bool follow_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL); /* ignored, as we may have inherited it, nobody could be waited for */
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return false;
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return signal_fd >= 0;
}

int follow_signal_fd(void)
{
	return signal_fd;
}

static void look(void)
{
	struct signalfd_siginfo si;
	while (signal_fd >= 0 && read(signal_fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo == SIGHUP)
			again = true;
		else
			stop = true;
	}
}

bool follow_stopping(void)
{
	look();
	return stop;
}

bool follow_hup(void)
{
	look();
	bool was = again;
	again = false;
	return was;
}

bool follow_called(void)
{
	look();
	return stop || again;
}

void follow_sleep(int64_t ms)
{
	struct pollfd p = {.fd = signal_fd, .events = POLLIN};
	if (!follow_called())
		poll(&p, 1, (int)MIN(ms, (int64_t)1 << 30));
	look();
}

/* ---- files ---- */

int follow_scratch(struct follow *f)
{
	char path[sizeof(f->state_path) + 8];
	snprintf(path, sizeof(path), "%s", f->state_path);
	char *slash = strrchr(path, '/');
	if (slash)
		slash[slash == path] = 0;
	int fd = open(slash ? path : ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0) /* not every file system can do that */
		fd = memfd_create("tocsin-follow", MFD_CLOEXEC);
	if (fd < 0)
		fail_errno(&f->fail, ERR_IO, errno, "no room for a file beside %s", f->state_path);
	return fd;
}

enum err follow_put(struct follow *f, int fd, struct buf *b)
{
	for (size_t done = 0; done < b->n;) {
		ssize_t n = write(fd, b->p + done, b->n - done);
		if (n < 0 && errno != EINTR)
			return fail_errno(&f->fail, ERR_IO, errno, "cannot write");
		done += n > 0 ? (size_t)n : 0;
	}
	if (buf_err(b) != ERR_OK)
		return fail(&f->fail, buf_err(b), "out of memory");
	b->n = 0;
	return ERR_OK;
}

/* ---- programs ---- */

static void child(const char *const *argv, int input, int out, const struct follow_var *vars)
{
	sigset_t none;
	sigemptyset(&none);
	setpgid(0, 0);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (input < 0)
		input = open("/dev/null", O_RDONLY | O_CLOEXEC);
	else
		lseek(input, 0, SEEK_SET);
	if (dup2(input, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
		_exit(126);
	/* keys are nobody's business */
	unsetenv("TOCSIN_KEY");
	unsetenv("NOTIFY_SOCKET");
	for (; vars && vars->name; vars++)
		setenv(vars->name, vars->value, 1);
	execvp(argv[0], (char *const *)argv);
	dprintf(STDERR_FILENO, "cannot run %s", argv[0]);
	_exit(127);
}

static bool hear(int fd, struct buf *said)
{
	char piece[1024];
	ssize_t n = read(fd, piece, sizeof(piece));
	if (n > 0)
		buf_add(said, piece, MIN((size_t)n, said->max - 1 - said->n));
	return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

/* Until the program has ended; true when it had to be. A pipe that a grandchild holds open is no reason
   to wait. */
static bool attend(struct follow *f, pid_t pid, int out, struct buf *said, int *status)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	int64_t end = clock_boot_ms() + f->timeout_s * 1000;
	bool ended = false, killed = false, hurried = false;
	while (!ended) {
		struct pollfd p[3] = {{.fd = out, .events = POLLIN},
				      {.fd = pidfd, .events = POLLIN},
				      {.fd = signal_fd, .events = POLLIN}};
		int64_t left = end - clock_boot_ms();
		if (left <= 0) {
			kill(-pid, killed ? SIGKILL : SIGTERM);
			end = clock_boot_ms() + 2000;
			killed = true;
			left = 2000;
		}
		poll(p, follow_stopping() ? 2 : 3, (int)MIN(left, pidfd < 0 ? 50 : 60000));
		if (follow_stopping() && !hurried) {
			end = MIN(end, clock_boot_ms() + GRACE_MS);
			hurried = true;
		}
		if ((p[0].revents & (POLLIN | POLLHUP)) && !hear(out, said))
			out = -1;
		ended = waitpid(pid, status, WNOHANG) != 0;
	}
	while (out >= 0) {
		struct pollfd p = {.fd = out, .events = POLLIN};
		if (poll(&p, 1, 0) <= 0 || !hear(out, said))
			break;
	}
	if (pidfd >= 0)
		close(pidfd);
	return killed;
}

static enum err judge(struct follow *f, const char *what, int status, bool killed, struct buf *said)
{
	char text[300];
	struct str words = str_trim(buf_str(said));
	size_t n = 0;
	for (; n < words.n && n < sizeof(text) - 1; n++)
		text[n] = words.p[n] == '\n' || words.p[n] == '\t' ? ' ' : words.p[n];
	text[n] = 0;
	const char *colon = n ? ": " : "";
	if (killed)
		return fail(&f->fail, ERR_TIMEOUT, "%s took longer than %lld s and was ended%s%s", what,
			    (long long)f->timeout_s, colon, text);
	if (WIFSIGNALED(status))
		return fail(&f->fail, ERR_PEER, "%s was ended by signal %d%s%s", what, WTERMSIG(status), colon,
			    text);
	if (WEXITSTATUS(status) == 127 || WEXITSTATUS(status) == 126)
		return fail(&f->fail, ERR_CONFIG, "%s cannot be run: is it installed, and in PATH?%s%s", what,
			    colon, text);
	if (WEXITSTATUS(status))
		return fail(&f->fail, ERR_PEER, "%s ended with %d%s%s", what, WEXITSTATUS(status), colon, text);
	return ERR_OK;
}

static enum err run(struct follow *f, const char *what, const char *const *argv, int input,
		    const struct follow_var *vars, struct buf *said)
{
	OWN(buf) struct buf own = BUF(SAID_MAX);
	int out[2], status = 0;
	if (!said)
		said = &own;
	if (pipe2(out, O_CLOEXEC) < 0)
		return fail_errno(&f->fail, ERR_IO, errno, "no pipe");
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		child(argv, input, out[1], vars);
	close(out[1]);
	if (pid < 0) {
		close(out[0]);
		return fail_errno(&f->fail, ERR_IO, errno, "cannot start %s", what);
	}
	setpgid(pid, pid); /* whoever of us is first */
	bool killed = attend(f, pid, out[0], said, &status);
	close(out[0]);
	return judge(f, what, status, killed, said);
}

enum err follow_proc(struct follow *f, const char *const *argv, int input, const struct follow_var *vars,
		     struct buf *said)
{
	return run(f, argv[0], argv, input, vars, said);
}

enum err follow_shell(struct follow *f, const char *command, int input, const struct follow_var *vars)
{
	const char *const argv[] = {"/bin/sh", "-c", command, NULL};
	OWN(buf) struct buf said = BUF(SAID_MAX);
	char what[80];
	snprintf(what, sizeof(what), "\"%.60s\"", command);
	TRY(run(f, what, argv, input, vars, &said));
	struct str text = str_trim(buf_str(&said));
	if (text.n)
		follow_tell(f, FOLLOW_TELL, "said", NULL, "%s said: %.*s", what, STR_ARG(str_sub(text, 0, 1000)));
	return ERR_OK;
}
