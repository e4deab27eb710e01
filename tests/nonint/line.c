/*
 * line.c - a server of production over one of the stores, and a connection to it that puts many requests at
 * once. The reader is strict: what it cannot read ends the test.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/server.h"
#include "tests/nonint/nonint.h"
#include "tests/tap/tap.h"

struct line {
	struct http_server *server;
	int fd;
	struct buf in;
	size_t at;
};

struct line *line_open(struct api *api, struct offload *workers)
{
	struct http_listen listen = {.host = "127.0.0.1"};
	struct http_conf c = {.rows = api_rows, .rows_n = api_rows_n, .listen = &listen, .listen_n = 1,
			      .io_threads = 1, .workers = workers, .app = api, .auth = api_auth, .gone = api_gone,
			      .limits = {.requests_per_conn = UINT32_MAX, .pipeline = 32, .idle_ms = 1u << 30,
					 .stall_ms = 1u << 30}};
	struct fail f = {0};
	struct line *l = calloc(1, sizeof(*l));
	if (!l || http_server_new(&c, &l->server, &f) != ERR_OK || http_server_start(l->server, &f) != ERR_OK)
		bail_out("no server: %s", f.text);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(http_server_port(l->server, 0)),
				.sin_addr = {htonl(INADDR_LOOPBACK)}};
	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->fd < 0 || connect(l->fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		bail_out("cannot connect: %s", strerror(errno));
	l->in = BUF(256u << 20);
	return l;
}

void line_close(struct line *l)
{
	close(l->fd);
	http_server_stop(l->server, 1000);
	http_server_free(l->server);
	buf_free(&l->in);
	free(l);
}

void line_put(struct line *l, struct str s)
{
	while (s.n) {
		ssize_t n = send(l->fd, s.p, s.n, MSG_NOSIGNAL);
		if (n <= 0)
			bail_out("cannot send: %s", strerror(errno));
		s = str_sub(s, (size_t)n, SIZE_MAX);
	}
}

static void more(struct line *l)
{
	static char piece[65536];
	ssize_t n = recv(l->fd, piece, sizeof(piece), 0);
	if (n <= 0)
		bail_out("the server hung up: %s; so far: %.*s", n < 0 ? strerror(errno) : "end",
			 (int)MIN(l->in.n - l->at, (size_t)2000), l->in.p ? l->in.p + l->at : "");
	buf_add(&l->in, piece, (size_t)n);
}

static struct str rest(const struct line *l)
{
	return (struct str){l->in.p ? l->in.p + l->at : "", l->in.n - l->at};
}

/* Up to and with `end`. */
static struct str until(struct line *l, const char *end)
{
	ptrdiff_t n;
	while ((n = str_find(rest(l), str_c(end))) < 0)
		more(l);
	struct str s = str_sub(rest(l), 0, (size_t)n + strlen(end));
	l->at += s.n;
	return s;
}

static void take(struct line *l, size_t n, struct buf *out)
{
	while (rest(l).n < n)
		more(l);
	buf_str_add(out, str_sub(rest(l), 0, n));
	l->at += n;
}

static struct str header(struct str head, const char *name)
{
	ptrdiff_t at = str_find_nocase(head, str_c(name));
	if (at < 0)
		return STR_NONE;
	struct str v, s = str_sub(head, (size_t)at + strlen(name), SIZE_MAX);
	(void)str_split(s, '\r', &v);
	return str_trim(v);
}

static void chunks(struct line *l, struct buf *out)
{
	for (;;) {
		size_t n = strtoul(until(l, "\r\n").p, NULL, 16);
		if (n)
			take(l, n, out);
		(void)until(l, "\r\n");
		if (!n)
			return;
	}
}

void line_read(struct line *l, bool head_only, struct answer *a)
{
	uint64_t n = 0;
	if (l->at == l->in.n) {
		buf_clear(&l->in);
		l->at = 0;
	}
	a->head = a->body = BUF(128u << 20);
	buf_str_add(&a->head, until(l, "\r\n\r\n"));
	struct str head = buf_str(&a->head);
	a->status = (int)strtol(head.p + 9, NULL, 10);
	if (head_only || a->status == 204 || a->status == 304)
		return;
	if (header(head, "\r\nTransfer-Encoding:").p)
		chunks(l, &a->body);
	else if (str_u64(header(head, "\r\nContent-Length:"), &n))
		take(l, n, &a->body);
}

void answer_free(struct answer *a)
{
	buf_free(&a->head);
	buf_free(&a->body);
}
