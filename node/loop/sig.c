/*
 * sig.c - signalfd on a loop.
 */
#include "loop/sig.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct sig {
	int fd;
	struct event *ev;
	sig_fn fn;
	void *arg;
};

static sigset_t set_of(const int *signos, size_t n)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < n; i++)
		sigaddset(&set, signos[i]);
	return set;
}

enum err sig_block(const int *signos, size_t n, struct fail *f)
{
	sigset_t set = set_of(signos, n);
	int e;

	signal(SIGPIPE, SIG_IGN);
	e = pthread_sigmask(SIG_BLOCK, &set, NULL);
	return e ? fail_errno(f, ERR_IO, e, "block signals") : ERR_OK;
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
	struct sig *s = arg;
	struct signalfd_siginfo info;

	(void)what;
	/* One a round: the callback may free s. More keeps the descriptor readable. */
	if (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		s->fn((int)info.ssi_signo, s->arg);
}

enum err sig_watch(struct loop *l, const int *signos, size_t n, sig_fn fn, void *arg,
		   struct sig **out, struct fail *f)
{
	sigset_t set = set_of(signos, n);
	struct sig *s = calloc(1, sizeof(*s));

	*out = NULL;
	if (!s)
		return fail(f, ERR_NOMEM, "signals");
	s->fn = fn;
	s->arg = arg;
	s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->fd >= 0)
		s->ev = event_new(loop_base(l), s->fd, EV_READ | EV_PERSIST, on_signal, s);
	if (!s->ev || event_add(s->ev, NULL) != 0) {
		int e = errno;

		sig_free(s);
		return fail_errno(f, ERR_IO, e, "signals");
	}
	*out = s;
	return ERR_OK;
}

void sig_free(struct sig *s)
{
	if (!s)
		return;
	if (s->ev)
		event_free(s->ev);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}
