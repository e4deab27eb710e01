/* test_sandbox.c - what is still possible inside, tried in child processes. */
#include "sandbox/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "sandbox/parts.h"
#include "tests/tap/tap.h"

static char dir[64], path_in[96], path_read[96], path_out[96];

/* Each tries one thing and returns 0 or the errno. */
static int try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);
	int e = errno;

	if (fd < 0)
		return e;
	close(fd);
	return 0;
}

static int write_inside(void)
{
	return try_open(path_in, O_CREAT | O_WRONLY | O_TRUNC);
}

static int rename_inside(void)
{
	char to[128];

	snprintf(to, sizeof(to), "%s.2", path_in);
	if (try_open(path_in, O_CREAT | O_WRONLY) || rename(path_in, to) || unlink(to))
		return errno;
	return 0;
}

static int read_permitted(void)
{
	return try_open(path_read, O_RDONLY);
}

static int write_read_only(void)
{
	return try_open(path_read, O_WRONLY);
}

static int read_outside(void)
{
	return try_open(path_out, O_RDONLY);
}

static void *in_thread(void *arg)
{
	*(int *)arg = read_outside();
	return NULL;
}

static int read_outside_in_thread(void)
{
	pthread_t t;
	int e = 0;

	if (pthread_create(&t, NULL, in_thread, &e))
		return 1;
	pthread_join(t, NULL);
	return e;
}

static int run_program(void)
{
	char *const argv[] = {(char[]){"true"}, NULL};

	execv("/bin/true", argv);
	return errno;
}

static int bind_port(uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons(port),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	OWN(fd) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	return bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 || errno == EADDRINUSE ? 0 : errno;
}

static int bind_permitted(void)
{
	return bind_port(38471);
}

static int bind_other(void)
{
	return bind_port(38472);
}

static int change_user(void)
{
	return setuid(getuid()) == 0 ? 0 : errno;
}

static int resolve_files(void)
{
	return try_open("/etc/hosts", O_RDONLY);
}

/* Enter in a child, try there, and bring back the errno (255: entering failed). */
static int inside(const struct sandbox_plan *plan, int (*attempt)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (sandbox_enter(plan, NULL, NULL) != ERR_OK)
			_exit(255);
		_exit(attempt());
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 254;
	return WEXITSTATUS(status);
}

static void files(const struct sandbox_plan *plan)
{
	is_int(inside(plan, write_inside), 0, "a file in a writable folder");
	is_int(inside(plan, rename_inside), 0, "renaming and removing there");
	is_int(inside(plan, read_permitted), 0, "reading what may be read");
	is_int(inside(plan, write_read_only), EACCES, "but not writing it");
	is_int(inside(plan, read_outside), EACCES, "nothing outside");
	is_int(inside(plan, read_outside_in_thread), EACCES, "not in later threads either");
}

static void ports(const struct sandbox_plan *plan)
{
	if (landlock_abi() < 4)
		return;
	is_int(inside(plan, bind_permitted), 0, "a port of the plan");
	is_int(inside(plan, bind_other), EACCES, "no other port");
}

static void calls(const struct sandbox_plan *plan)
{
	int e = inside(plan, run_program);

	/* EPERM from seccomp, EACCES from Landlock */
	ok(e == EPERM || e == EACCES, "no other program");
#ifdef HAVE_SECCOMP
	struct sandbox_report r;
	pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		_exit(sandbox_enter(plan, &r, NULL) == ERR_OK && r.has_seccomp ? 0 : 1);
	waitpid(pid, &status, 0);
	if (WEXITSTATUS(status) == 0)
		is_int(inside(plan, change_user), EPERM, "calls of the list are denied");
#endif
}

static int unix_socket(void)
{
	OWN(fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? errno : 0;
}

static int inet_socket(void)
{
	OWN(fd) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? errno : 0;
}

/* For a helper: programs of some folders, and no network. */
static void programs(struct sandbox_plan plan)
{
	struct sandbox_path run[] = {{"/usr", SANDBOX_RUN, true},
				     {"/bin", SANDBOX_RUN, true},
				     {"/lib", SANDBOX_RUN, true},
				     {"/lib64", SANDBOX_RUN, true},
				     {"/etc", SANDBOX_READ, true}};

	plan.paths = run;
	plan.n_paths = ARRAY_LEN(run);
	plan.programs = plan.no_network = true;
	is_int(inside(&plan, run_program), 0, "a program that may run");
	is_int(inside(&plan, write_inside), EACCES, "but no file elsewhere");
	is_int(inside(&plan, unix_socket), 0, "a socket on this machine");
#ifdef HAVE_SECCOMP
	is_int(inside(&plan, inet_socket), EPERM, "none to others");
#endif
	for (size_t i = 0; i < ARRAY_LEN(run); i++)
		run[i].access = SANDBOX_READ;
	is_int(inside(&plan, run_program), EACCES, "a program in a folder that may be read only");
}

static void *wait_for_it(void *arg)
{
	int *fds = arg;
	char c;

	return read(fds[0], &c, 1) < 0 ? arg : NULL;
}

static void too_late(const struct sandbox_plan *plan)
{
	struct fail f = {0};
	pthread_t t;
	int fds[2];

	if (pipe(fds) != 0 || pthread_create(&t, NULL, wait_for_it, fds) != 0)
		bail_out("no thread");
	is_err(sandbox_enter(plan, NULL, &f), ERR_BUG, "with threads it is refused");
	close(fds[1]);
	pthread_join(t, NULL);
	close(fds[0]);
}

static void modes(struct sandbox_plan plan)
{
	struct sandbox_path missing = {"/nonexistent/folder", SANDBOX_READ, false};
	struct sandbox_report r = {.landlock_abi = 7};
	struct fail f = {0};

	plan.network_files = true;
	is_int(inside(&plan, resolve_files), 0, "files for name resolution");
	plan.mode = SANDBOX_OFF;
	is_int(inside(&plan, read_outside), 0, "switched off");
	is_ok(sandbox_enter(&plan, &r, &f), "off is no error");
	is_int(r.landlock_abi, 0, "and reported");
	plan = (struct sandbox_plan){.paths = &missing, .n_paths = 1};
	is_int(inside(&plan, write_inside), 255, "a missing path is an error");
	missing.optional = true;
	is_int(inside(&plan, run_program) == 255, 0, "unless it is optional");
}

int main(void)
{
	static const uint16_t port = 38471;
	struct sandbox_path paths[2];
	struct sandbox_plan plan = {.mode = SANDBOX_ON,
				    .paths = paths,
				    .n_paths = 2,
				    .bind_ports = &port,
				    .n_bind_ports = 1};

	if (!landlock_abi())
		skip_all("this kernel has no Landlock");
	snprintf(dir, sizeof(dir), "sandbox.XXXXXX");
	if (!mkdtemp(dir))
		bail_out("no folder");
	snprintf(path_in, sizeof(path_in), "%s/in/file", dir);
	snprintf(path_read, sizeof(path_read), "%s/read", dir);
	snprintf(path_out, sizeof(path_out), "%s/out", dir);
	char in[80];
	snprintf(in, sizeof(in), "%s/in", dir);
	mkdir(in, 0700);
	ok(try_open(path_read, O_CREAT | O_WRONLY) == 0 && try_open(path_out, O_CREAT | O_WRONLY) == 0,
	   "files to try with");
	paths[0] = (struct sandbox_path){in, SANDBOX_WRITE, false};
	paths[1] = (struct sandbox_path){path_read, SANDBOX_READ, false};
	files(&plan);
	ports(&plan);
	calls(&plan);
	programs(plan);
	too_late(&plan);
	modes(plan);
	unlink(path_in);
	rmdir(in);
	unlink(path_read);
	unlink(path_out);
	rmdir(dir);
	return done_testing();
}
