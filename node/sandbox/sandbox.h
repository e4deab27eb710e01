/*
 * sandbox.h - give up rights that the daemon does not need, for good.
 *
 * Landlock (files and TCP ports) holds for the calling thread and what it starts afterwards, so
 * it must be entered before any thread; with threads it is refused. The plan comes from main; this
 * room decides no path except the few that the C library itself reads.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum sandbox_access {
	SANDBOX_READ = 1,  /* read files and list folders */
	SANDBOX_WRITE = 2, /* besides: write, make, rename, remove below it */
	SANDBOX_RUN = 4, /* besides: run programs below it */
};

struct sandbox_path {
	const char *path;
	enum sandbox_access access;
	bool optional; /* skip it when it does not exist; else that is an error */
};

enum sandbox_mode {
	SANDBOX_ON,	  /* take what the kernel offers */
	SANDBOX_OFF,
	SANDBOX_REQUIRED, /* fail where Landlock is not there */
};

struct sandbox_plan {
	enum sandbox_mode mode;
	const struct sandbox_path *paths;
	size_t n_paths;
	/* Let the C library resolve names and OpenSSL find its certificates. */
	bool network_files;
	/* TCP ports that may be bound (Landlock ABI 4), or any. */
	const uint16_t *bind_ports;
	size_t n_bind_ports;
	bool bind_any;
	/* For a helper that has programs do its work: execve stays, and no socket but Unix ones. */
	bool programs, no_network;
};

/* What was put in place, for the log and `tocsin status`. */
struct sandbox_report {
	int landlock_abi; /* 0: not there or not wanted */
	bool has_bind_rules, has_seccomp;
};

/*
 * Set no_new_privs and enter. ERR_UNSUPPORTED when the mode requires what is not there; ERR_INVAL
 * when a path of the plan does not exist; ERR_BUG when there are threads already. After an
 * error the process must end: part of the sandbox may be in force. `report` may be NULL.
 */
MUST_USE enum err sandbox_enter(const struct sandbox_plan *plan, struct sandbox_report *report,
				struct fail *f);
