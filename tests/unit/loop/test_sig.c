/* test_sig.c - blocked signals arrive on the loop's thread. */
#include "loop/sig.h"

#include <signal.h>
#include <unistd.h>

#include "tests/tap/tap.h"

static struct loop *loop;
static int seen[2];
static unsigned n;

static void on_signal(int signo, void *arg)
{
	is_str(arg, "arg", "the argument comes along");
	if (n < 2)
		seen[n++] = signo;
	if (n == 2)
		loop_stop(loop);
}

int main(void)
{
	static const int signos[] = {SIGHUP, SIGTERM};
	OWN(sig) struct sig *s = NULL;
	int fds[2];

	is_ok(sig_block(signos, 2, NULL), "block");
	is_ok(loop_new("sig", &loop, NULL), "a loop");
	is_ok(sig_watch(loop, signos, 2, on_signal, (char[]){"arg"}, &s, NULL), "watch");
	kill(getpid(), SIGHUP);
	kill(getpid(), SIGTERM);
	is_ok(loop_run(loop, NULL), "run");
	ok((seen[0] == SIGHUP && seen[1] == SIGTERM) || (seen[1] == SIGHUP && seen[0] == SIGTERM),
	   "both came");
	if (pipe(fds) != 0)
		bail_out("no pipe");
	close(fds[0]);
	is_int(write(fds[1], "x", 1), -1, "SIGPIPE does not end the process");
	close(fds[1]);
	sig_free(MOVE(s));
	loop_free(loop);
	return done_testing();
}
