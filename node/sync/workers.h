/*
 * workers.h - a few threads that do one thing for each of many, each with a connection of its own.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "sync/client_curl.h"

#define WORKERS_MAX 16

struct workers {
	size_t n; /* things to do */
	unsigned parallel; /* at most WORKERS_MAX */
	const struct client_opts *client;
	const atomic_bool *cancelled; /* NULL: never */
	/* Do the i-th thing. An error ends all: only for what is not this thing's own fault. */
	enum err (*one)(void *user, struct client *c, size_t i, struct fail *f);
	void *user;
};

/* Blocking. ERR_CANCELLED, or what one() said first. */
MUST_USE enum err workers_run(const struct workers *w, struct fail *f);
