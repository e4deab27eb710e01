/*
 * sig.h - signals as events of one loop, by signalfd: no handlers, so nothing runs at odd moments.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "base/own.h"
#include "loop/loop.h"

struct sig;
typedef void (*sig_fn)(int signo, void *arg);

/*
 * Block these signals in the calling thread and those it makes from now on: first thing in
 * main(), before any thread. SIGPIPE is ignored as well.
 */
MUST_USE enum err sig_block(const int *signos, size_t n, struct fail *f);
/* Call fn(signo, arg) on the loop's thread for each of the signals (blocked before). */
MUST_USE enum err sig_watch(struct loop *l, const int *signos, size_t n, sig_fn fn, void *arg,
			    struct sig **out, struct fail *f);
void sig_free(struct sig *s);

OWN_DEFINE(sig, struct sig *, sig_free(*p))
