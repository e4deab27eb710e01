/*
 * host.h - a whole node inside the test: store, gate, endpoints and server as the daemon has them,
 * in a folder of its own, with a clock of its own. It can be crashed at any commit.
 */
#pragma once

#include "base/buf.h"
#include "main/node.h"

#define HOSTS_MAX 3
#define KEY_LEN 40

struct host {
	unsigned nr, org; /* whose node it is: two may belong to one */
	char dir[160]; /* data_dir */
	char snap[160]; /* the durable state of the moment of a crash */
	const struct conf *conf;
	struct node node;
	uint16_t port;
	struct client *direct; /* the harness's own way to it, without network faults */
	int64_t skew_us; /* of its clock */
	uint64_t commits;
	uint64_t crash_at; /* at this commit; 0: never */
	bool running;
	atomic_bool dead; /* crashed: nothing that it does from now on counts */
};

/* "node 1" without data in `dir`: rows of a fresh store, the administrator's key. */
void host_init(struct host *h, unsigned nr, unsigned org, const char *dir);
/* A node that does not run yet. */
void host_place(struct host *h, unsigned nr, unsigned org, const char *dir);
/* What stands in dir of `from` becomes h's, which does not run. */
void host_copy(struct host *h, const char *from);
void host_start(struct host *h);
void host_stop(struct host *h);
/* The power fails now. The caller goes on with a zombie until host_recover(). */
void host_crash(struct host *h);
/* Throw away the zombie with all it did since the crash, and start from what was durable. */
void host_recover(struct host *h);
/* Remove its folders. */
void host_remove(struct host *h);

const char *host_org_uuid(unsigned org);
const char *host_admin_key(unsigned nr);
char host_letter(unsigned nr);

/* A call by the administrator (key NULL) or another, over the wire but never disturbed.
   Returns the status, 0 when there was no answer. `out` is set to the answer, if not NULL. */
long host_call(struct host *h, const char *key, const char *method, const char *path,
	       const char *body, struct buf *out);
