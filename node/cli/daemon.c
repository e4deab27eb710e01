/*
 * daemon.c - finds tocsind ($TOCSIND, beside the tool, in sbindir) and runs it.
 */
#include "cli/daemon.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUT_MAX (1u << 20)
#define ARGS_MAX 32

/* Beside our own binary, as in a build folder or with bin and sbin in one. */
static bool beside(char *out, size_t n)
{
	char self[4000];
	ssize_t got = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (got <= 0)
		return false;
	self[got] = 0;
	char *slash = strrchr(self, '/');
	if (!slash)
		return false;
	*slash = 0;
	return (size_t)snprintf(out, n, "%s/tocsind", self) < n && access(out, X_OK) == 0;
}

static const char *find(char *room, size_t n)
{
	const char *given = getenv("TOCSIND");
	if (given && given[0])
		return given;
	return beside(room, n) ? room : SBINDIR "/tocsind";
}

static void read_all(int fd, struct buf *out)
{
	char piece[4096];
	ssize_t n;
	while ((n = read(fd, piece, sizeof(piece))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			buf_add(out, piece, (size_t)n);
}

int daemon_run(struct cli *c, const char *const *args, struct buf *out)
{
	char room[4100];
	const char *argv[ARGS_MAX + 4] = {find(room, sizeof(room))};
	size_t n = 1;
	int pipes[2] = {-1, -1}, status;
	if (!cli_conf(c))
		return CLI_USAGE;
	if (c->conf_path) {
		argv[n++] = "-c";
		argv[n++] = c->conf_path;
	}
	for (size_t i = 0; args[i] && n < ARGS_MAX; i++)
		argv[n++] = args[i];
	if (out && pipe(pipes) < 0)
		return cli_fail(c, CLI_FINDING, "no pipe");
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		if (out && dup2(pipes[1], STDOUT_FILENO) < 0)
			_exit(CLI_FINDING);
		if (out)
			close(pipes[0]), close(pipes[1]);
		execv(argv[0], (char *const *)argv);
		fprintf(stderr, "tocsin: cannot run %s\n", argv[0]);
		_exit(127);
	}
	if (out) {
		close(pipes[1]);
		if (pid > 0)
			read_all(pipes[0], out);
		close(pipes[0]);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			pid = -1;
	if (pid < 0)
		return cli_fail(c, CLI_FINDING, "cannot start %s", argv[0]);
	if (!WIFEXITED(status))
		return cli_fail(c, CLI_FINDING, "%s ended by signal %d", argv[0], WTERMSIG(status));
	return WEXITSTATUS(status) == 127 ? CLI_FINDING : WEXITSTATUS(status);
}
