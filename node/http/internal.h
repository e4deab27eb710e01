/*
 * internal.h - what the files of this room share: server, I/O thread, connection, call.
 *
 * A call is one request with its answer. Who may touch what: `io only` members belong to the
 * connection's I/O thread; members marked (L) to whoever holds call->lock; the rest is set before
 * the call is handed over, or by the one handler that works on it.
 */
#pragma once

#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "codec/codec.h"
#include "http/addrs.h"
#include "http/chunk.h"
#include "http/out.h"
#include "http/parse.h"
#include "http/reply.h"
#include "http/server.h"
#include "http/tls.h"
#include "loop/loop.h"
#include "loop/offload.h"
#include "loop/timer.h"

#define READ_MAX ((size_t)256 * 1024)	 /* one read, and the most unparsed input kept */
#define PIECE_MAX ((size_t)64 * 1024)	 /* largest piece given to a body function */
#define STREAM_HIGH ((size_t)256 * 1024) /* produced bytes waiting for the connection */
#define OUT_LOW ((uint64_t)128 * 1024)	 /* below this the connection takes more */

struct conn;
struct io;

/* Why a call is on its I/O thread's list. */
enum post {
	POST_REPLY = 1,	 /* it was answered */
	POST_OUTPUT = 2, /* its stream has output, or ended */
	POST_RESUME = 4, /* its body queue has room again */
};

enum reply_kind { REPLY_NONE, REPLY_BUF, REPLY_LIT, REPLY_STREAM, REPLY_FILE };

struct reply {
	enum reply_kind kind;
	int status;
	const char *type; /* media type, or NULL */
	struct buf extra; /* header lines, each with CRLF */
	struct buf body;
	struct str lit;
	struct reply_file file;
	struct reply_source *src;
	enum coding coding; /* of the stream */
	bool no_length; /* 204 and 304 */
	bool tagged;	/* the handler has set an ETag */
};

struct http_call {
	struct http_req req; /* first: handlers' view */
	struct http_server *srv;
	struct io *io;
	atomic_uint refs;     /* lifetime */
	atomic_uint holds;    /* handlers and jobs that may still answer */
	atomic_bool answered, cancelled, shut;
	atomic_uint posted;
	struct task task_in, task_out, task_post; /* body or handler, stream, back to io */
	struct reply reply;
	enum coding coding;
	bool whole; /* so short that a row that streams bodies gets it at once */
	struct buf body; /* the buffered request body */
	uint64_t body_cap;
	uint64_t counted; /* bytes counted in srv->bodies */
	unsigned minor;
	bool keep_alive;

	/* io only */
	struct conn *conn; /* NULL when the connection has gone */
	struct http_call *next;
	bool ready;	   /* the reply may be written */
	bool head_written; /* of a streamed reply */
	bool body_done;	   /* the request body has been read to its end */
	bool chunked_out;
	uint64_t bytes_in, bytes_out;

	pthread_mutex_t lock;
	/* request body on its way to the worker (L) */
	struct seg *in_head, *in_tail;
	size_t in_bytes;
	int in_bad; /* status to refuse with at the end, or 0 */
	bool in_begun, in_running, in_end, in_waiting, in_closed;
	/* worker only */
	bool begun, failed;
	struct decoder *decoder;
	/* reply stream (L) */
	struct outq out;
	bool filling, again, woken, ended, aborted, closing;
	/* filling worker only */
	struct encoder *encoder;
	uint64_t produced;
	bool encoder_dirty;
};

enum conn_state {
	CONN_HANDSHAKE,
	CONN_HEAD, /* waiting for or reading a request head */
	CONN_BODY,
	CONN_LINGER, /* everything sent; waiting for the client to close */
};

/* io only, all of it */
struct conn {
	struct conn *prev, *next;
	struct io *io;
	int fd;
	struct tls *tls;
	struct event ev_read, ev_write;
	bool reading, writing; /* events added */
	enum conn_state state;
	struct http_peer peer;
	bool counted; /* in srv->addrs */
	struct str in; /* input not parsed yet: in `left` or, while reading, in io->scratch */
	char *left;
	size_t scan; /* how far the end of the head has been looked for */
	struct http_call *first, *last; /* requests in flight, in order */
	unsigned in_flight, served;
	struct chunk_dec chunk;
	uint64_t body_left;
	bool body_chunked;
	struct http_call *body_call; /* whose body is being read; NULL: it is thrown away */
	bool blocked;	   /* requests in flight must finish before more is parsed */
	bool body_full;	   /* the body's consumer is behind */
	bool eof;	   /* the client sends no more */
	bool close_after;  /* close when the output is sent */
	bool tls_read_on_write, tls_write_on_read;
	bool working, broken; /* in conn_drive(); to be closed at its end */
	bool head_started;    /* part of a head is here, its deadline runs */
	struct outq out;
	int64_t deadline_ms; /* 0: none */
	int64_t window_ms;   /* begin of the progress window */
	uint64_t window_in, window_out;
};

struct listener {
	int fd;
	bool tls;
	bool is_unix;
	struct event ev;
	bool listening; /* event added */
	struct io *io;
};

struct io {
	struct http_server *srv;
	unsigned number;
	struct loop *loop;
	struct timer *tick;
	struct task task_stop, task_kill;
	struct listener *listeners;
	size_t listeners_n;
	struct conn *conns;
	struct http_call *spare; /* one finished call, to be used again */
	bool stopping;
	atomic_bool empty; /* stopped, and no connection is left */
	int64_t now_ms;	   /* as of the last tick */
	char date[40];
	int64_t date_at;
	char *scratch; /* READ_MAX bytes for reading */
	char tls_scratch[16384];
};

struct http_server {
	struct http_conf conf;
	struct arena *memory; /* what conf points to */
	struct http_limits lim;
	struct parse_limits parse_lim;
	struct router *router;
	struct io *ios;
	unsigned ios_n;
	uint16_t *ports;
	struct addrs *addrs;
	pthread_mutex_t tls_lock;
	struct tls_ctx *tls; /* under tls_lock */
	atomic_bool stopping;
	atomic_llong grace_until_ms;
	atomic_uint conns_open;
	atomic_uint calls;
	atomic_ullong bodies; /* buffered request body bytes of all calls */
	atomic_ullong n_conns, n_refused, n_requests, n_bad, n_timeouts, n_in, n_out, n_handshakes,
		n_tls_failed, n_cancelled;
	bool running;
};

static inline struct http_call *call_of(const struct http_req *r)
{
	return (struct http_call *)(uintptr_t)r;
}

/* req.c: what Content-Encoding names; false: we do not read that. */
bool req_coding(struct str name, enum coding *out);

/* call.c: lifetime of calls, handing them to workers and back. */
struct http_call *call_new(struct conn *c);
void call_ref(struct http_call *c);
void call_unref(struct http_call *c);
/* A hold: the right and duty to answer. */
void call_hold(struct http_call *c);
void call_drop(struct http_call *c);
void call_post(struct http_call *c, enum post why);
/* Begin the handler's work on a request whose body is complete or streamed. io only. */
void call_dispatch(struct http_call *c);
/* The connection has gone. io only. */
void call_detach(struct http_call *c);
void call_run(struct http_call *c);
/* http_conf.around */
void call_around(struct http_call *c, bool begins);

/* body.c: request bodies. io only unless said otherwise. */
bool body_push(struct http_call *c, struct str bytes); /* false: refused, a reply was made */
void body_end(struct http_call *c);
void body_bad(struct http_call *c, int status); /* broken framing: refuse it */
void body_abandon(struct http_call *c); /* it will never be complete */
bool body_full(struct http_call *c);
void body_answered(struct http_call *c); /* before the answer's last bytes are sent */
/* Decode a buffered body. Worker. False: answered with an error. */
bool body_decode(struct http_call *c);

/* stream.c: reply sources. */
void stream_begin(struct http_call *c, struct reply_source *s);
void stream_kick(struct http_call *c);			 /* io only: take and ask for more */
bool stream_move(struct http_call *c, struct outq *to); /* io only; false when aborted */
bool stream_ended(struct http_call *c);
void stream_close(struct http_call *c); /* io only: done with it; frees the source */
void stream_free(struct http_call *c);

/* etag.c: tags of answers, for those who ask with If-None-Match. */
bool etag_wanted(const struct http_call *c);
/* Add the ETag header. True: the client has this already, the answer is 304. */
bool etag_add(struct http_call *c, const uint8_t sha1[20]);
/* Make the body first, on a worker, then hand over. False: no memory, go on without. */
bool etag_stream(struct http_call *c, struct reply_source *s);

/* reply.c: the answer is one without a body. */
void reply_none(struct http_call *c, int status);

/* reply_head.c: the bytes of an answer's head. */
bool reply_head_write(struct http_call *c, struct outq *out, bool close);
const char *http_reason(int status);
void http_date(int64_t t, char out[40]);
/* file.c: let go of it. */
void file_drop(struct reply_file *f);
/* reply.c: hand over the file in reply.file. */
void reply_send_file(struct http_req *r, int status, const char *type);

/* conn.c: input and life of a connection; its place in conns_open is taken already. */
void conn_new(struct io *io, int fd, struct tls_ctx *tls, const struct http_peer *peer,
	      bool counted);
void conn_posted(struct http_call *c, unsigned why);
void conn_tick(struct conn *c);
void conn_stop(struct conn *c);
void conn_close(struct conn *c);

/* conn_head.c: from bytes to dispatched requests. */
void conn_parse(struct conn *c); /* as far as `in` and what is in flight allow */
void conn_refuse(struct conn *c, int status); /* no request to speak of: answer, then close */

/* conn_out.c: from answered calls to bytes on the wire. */
void conn_emit(struct conn *c);	 /* answered calls to the output queue, in order */
bool conn_flush(struct conn *c); /* write; true if anything went out */

/* listen.c: sockets. */
enum err listen_open(struct http_server *s, struct fail *f) MUST_USE;
void listen_start(struct io *io); /* arm the accept events */
void listen_stop(struct io *io);  /* and close the sockets; on the loop, or before it runs */

/* The Date header's text. */
const char *io_date(struct io *io);
