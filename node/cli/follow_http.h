/*
 * follow_http.h - one question to the node about an export; the answer goes to a file, with bounds for
 * everything that a node could make large or slow.
 */
#pragma once

#include "cli/follow_target.h"

struct follow_answer {
	long status;
	bool has_serial;
	uint64_t serial; /* X-Tocsin-Serial */
	enum follow_kind kind; /* X-Tocsin-Change; FOLLOW_WHOLE without one */
	uint64_t entries; /* X-Tocsin-Entries; 0: not said */
	unsigned retry_after_s; /* 0: not said */
	uint64_t bytes;
	struct sha256 digest; /* of the body */
};

/* The address is looked at; CLI_USAGE and told when there is none. */
struct follow_http;
struct follow_http *follow_http_open(struct follow *f);
void follow_http_close(struct follow_http *h);
const char *follow_http_where(const struct follow_http *h);

/*
 * GET /exports/NAME and `tail` ("?since=4&wait=60", ".sha256"). The body goes to `fd`, which is emptied
 * first. ERR_OK: 200 or 204. Else f->fail tells what to do; ERR_CANCELLED: a signal came. The node may hold
 * its answer back for wait_s.
 */
enum err follow_http_get(struct follow_http *h, const char *tail, unsigned wait_s, int fd, uint64_t max,
			 struct follow_answer *out);
