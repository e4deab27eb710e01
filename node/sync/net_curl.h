/*
 * net_curl.h - one exchange with a server, carried by the loop that all our requests share. What
 * client_curl.c is made of; nobody else's.
 *
 * One thread waits for an exchange and moves its bytes through two rings of fixed size: what the
 * waiting thread does not take, the peer may not send.
 */
#pragma once

#include <curl/curl.h>
#include <pthread.h>

#include "base/buf.h"
#include "loop/task.h"
#include "sync/client_curl.h"
#include "sync/ring.h"

#define TRANSFER_HEAD_MAX ((size_t)64 * 1024) /* all header lines of an answer */
#define TRANSFER_LINES_MAX (4 * TRANSFER_HEAD_MAX) /* and with 1xx answers and trailers */

/* What goes out. All of it is borrowed until the exchange has ended. */
struct transfer_req {
	const struct client_opts *opts;
	const char *method, *url;
	struct curl_slist *headers;
	bool has_body;
	struct str body; /* absent with has_body: it comes through transfer_put() */
	int64_t body_size; /* of what comes through transfer_put(), -1: in chunks */
	bool can_rewind;
	bool fresh; /* over a connection of its own */
	unsigned total_ms;
};

/* Why transfer_wait() returns, any number of these. */
enum transfer_event {
	TRANSFER_HEAD = 1, /* the head of the last answer is complete */
	TRANSFER_DATA = 2, /* bytes to take */
	TRANSFER_ROOM = 4, /* bytes of the body are wanted */
	TRANSFER_REWIND = 8, /* from their start, again */
	TRANSFER_DONE = 16,
};

enum wish { WISH_START = 1, WISH_RESUME = 2, WISH_ABORT = 4 };

struct engine;
struct transfer {
	struct engine *engine;
	CURL *curl; /* the loop's while an exchange runs */
	struct transfer_req req;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	/* under the lock */
	struct task task;
	unsigned wishes; /* of the waiting thread, for the loop */
	bool posted, done;
	bool head_done, recv_paused, send_paused, rewind, up_end;
	struct ring down, up;
	uint64_t moved; /* bytes, either way */
	/* written by the loop before head_done or done, then read by the waiting thread */
	struct buf head; /* header lines of the last answer, each with CRLF */
	size_t lines; /* bytes of header lines so far, with those of 1xx answers and trailers */
	long status, verify;
	CURLcode code;
	bool reused; /* the connection had been used before */
	enum err err; /* ours, if it was not libcurl that failed */
	char error[CURL_ERROR_SIZE];
	uint64_t wire_bytes, bytes_in, bytes_out;
};

/* net_curl.c: the loop. */
struct engine *engine_of_all(void); /* of whoever holds it (client_hold()) */
void engine_post(struct engine *e, struct task *t);
void transfer_on_task(struct task *task, bool dropped);

/* transfer.c: the waiting thread's side. */
MUST_USE enum err transfer_new(struct transfer **out, struct fail *f);
void transfer_free(struct transfer *t); /* not while an exchange runs */
/* Begin an exchange; it ends with TRANSFER_DONE or transfer_abort(). */
void transfer_start(struct transfer *t, const struct transfer_req *r);
/* Events that are there (enum transfer_event), 0 after `ms`. ROOM and REWIND until dealt with. */
unsigned transfer_wait(struct transfer *t, unsigned ms);
/* Received bytes, in one piece; then transfer_take() how many of them are done with. */
struct str transfer_peek(struct transfer *t);
void transfer_take(struct transfer *t, size_t n);
/* Where bytes of the body go, at most *n; then transfer_put() how many, and whether that is all. */
char *transfer_room(struct transfer *t, size_t *n);
void transfer_put(struct transfer *t, size_t n, bool end);
/* The body begins anew. */
void transfer_rewound(struct transfer *t);
/* End it now, and wait for that. Nothing if it has ended. */
void transfer_abort(struct transfer *t);
/* Bytes moved so far. *ours: it waits for us, not for the peer. */
uint64_t transfer_moved(struct transfer *t, bool *ours);

/* net_text.c: the error of an exchange that failed, in words that say what to do. */
enum err transfer_error(const struct transfer *t, struct fail *f);
