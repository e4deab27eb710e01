/*
 * test_crash.c - a writing process is killed at random moments; what it had acknowledged over a
 * pipe is there afterwards, whole, and the store opens by itself.
 */
#include "tests/unit/store/fixture.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#define ROUNDS 20
#define THREADS 4
#define ATTRS 20u

struct client {
	struct store *s;
	uint64_t number;
	int out;
};

static void *client_main(void *arg)
{
	struct client *c = arg;

	for (;; c->number++) {
		struct fix_event ev = {.number = c->number, .n = ATTRS};

		if (store_run(c->s, fix_event_job, &ev, NULL) != ERR_OK)
			_exit(3);
		/* one write of 8 bytes into a pipe is not torn */
		if (write(c->out, &c->number, sizeof(c->number)) != (ssize_t)sizeof(c->number))
			_exit(4);
	}
	return NULL;
}

/* Also bodies come and go and stages are begun, so that the killing hits them. */
static enum err churn_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	uint64_t id = 0, stage;

	(void)arg;
	if (store_next(store_view(w), T_EVENT, &id, NULL, NULL) != ERR_OK)
		return ERR_OK;
	TRY(store_stage_new(w, &stage, f));
	(void)id;
	return ERR_OK;
}

static _Noreturn void child(int out, uint64_t first)
{
	struct store *s = fix_open("crash", (struct store_opts){0});
	struct client c[THREADS];
	pthread_t th;

	for (unsigned i = 0; i < THREADS; i++) {
		c[i] = (struct client){s, first + i * 1000000, out};
		if (pthread_create(&th, NULL, client_main, &c[i]))
			_exit(2);
	}
	for (;;)
		if (store_run(s, churn_job, NULL, NULL) != ERR_OK)
			_exit(5);
}

/* Let a child write for a while; the numbers it acknowledged are appended to v. */
static size_t round_of(unsigned round, uint64_t *v, size_t n, size_t max)
{
	uint64_t number;
	int fd[2], status;
	pid_t pid;

	if (pipe(fd))
		bail_out("pipe");
	pid = fork();
	if (pid == 0) {
		close(fd[0]);
		child(fd[1], 1 + round * (UINT64_C(1) << 40));
	}
	close(fd[1]);
	if (read(fd[0], &number, sizeof(number)) != (ssize_t)sizeof(number))
		bail_out("the child acknowledged nothing");
	v[n++] = number;
	usleep(5000 + (unsigned)(rand_r(&(unsigned){round * 7919 + 17}) % 60000));
	kill(pid, SIGKILL);
	while (n < max && read(fd[0], &number, sizeof(number)) == (ssize_t)sizeof(number))
		v[n++] = number;
	close(fd[0]);
	waitpid(pid, &status, 0);
	if (!WIFSIGNALED(status))
		ok(false, "the child left by itself: %d", WEXITSTATUS(status));
	return n;
}

static void tell(void *user, const char *problem)
{
	(void)user;
	diag("%s", problem);
}

/* Look in a process of its own: this one must be able to fork again. */
static bool all_there(const uint64_t *v, size_t n)
{
	struct store_report rep;
	struct store *s;
	struct store_rtxn *t;
	int status = 0;
	pid_t pid = fork();

	if (pid) {
		waitpid(pid, &status, 0);
		return WIFEXITED(status) && WEXITSTATUS(status) == 0;
	}
	if (fix_try_open("crash", (struct store_opts){0}, &s) != ERR_OK)
		_exit(1);
	if (store_check(s, NULL, tell, NULL, &rep, NULL) != ERR_OK ||
	    store_read(s, &t, NULL) != ERR_OK)
		_exit(2);
	for (size_t i = 0; i < n; i++) {
		struct uuid u = fix_uuid(v[i]);
		struct misp_event e;
		uint64_t id;

		if (store_find(t, IX_EVENT_UUID, (struct str){(char *)u.b, 16}, &id) != ERR_OK ||
		    store_get(t, T_EVENT, id, NULL, &e) != ERR_OK ||
		    fix_count(t, EL_ATTR, e.body) != ATTRS)
			_exit(3);
	}
	store_read_end(t);
	store_close(s);
	_exit(0);
}

int main(void)
{
	const size_t max = 1000000;
	uint64_t *v = calloc(max, sizeof(*v));
	size_t n = 0;

	if (!v)
		bail_out("memory");
	fix_begin();
	for (unsigned i = 0; i < ROUNDS; i++) {
		size_t was = n;

		n = round_of(i, v, n, max);
		ok(all_there(v, n), "round %u: killed after %zu, all %zu are there", i, n - was, n);
	}
	free(v);
	return fix_end();
}
