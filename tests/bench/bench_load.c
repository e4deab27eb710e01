/*
 * bench_load.c - HTTP load from one thread: small events, look-ups, one request again and again.
 *
 * Keep-alive connections, one request in flight on each. It checks statuses and counts bytes, and
 * prints one JSON line; it does not parse JSON, so that it never is the bottleneck.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "tests/bench/gen.h"

enum mode { MODE_EVENTS, MODE_LOOKUP, MODE_VALUE, MODE_GET, MODE_POST, MODE_POSTS };

struct conn {
	int fd;
	struct buf out;
	size_t sent;
	double began;
	char head[16384];
	size_t head_n;
	uint64_t left;    /* bytes of the body still to come */
	int in_body, chunked, status;
	char tail[8];     /* last bytes of a chunked body */
	size_t tail_n;
	int want_write;
};

static enum mode mode;
static int port = 8080, n_conns = 1, per_event = 50;
static double seconds = 5.0;
static struct gen gen = {.seed = 2, .repeat_permille = 110};
static uint64_t known = 1000000, n_requests, max_requests, min_requests, first;
static const char *key = "", *path = "/", *body = "";
static char **bodies; /* of MODE_POSTS, sent in turn */
static size_t n_bodies;
static uint64_t n_done, n_errors, n_bytes, n_sent_bytes;
static double *times;
static size_t n_times, cap_times;
static int last_bad;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
	fprintf(stderr, "bench_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Half of the values asked for are known: beyond `known` nothing was ever stored. */
static void pick_value(uint64_t i, char out[GEN_VALUE_MAX])
{
	gen_value(&gen, i % 2 ? known + i : (i * UINT64_C(2654435761)) % known, out);
}

/* Body of request number `i`. */
static void make_body(struct buf *b, uint64_t i)
{
	char v[GEN_VALUE_MAX];

	switch (mode) {
	case MODE_EVENTS:
		gen_event_head(b, &gen, first + i);
		for (int k = 0; k < per_event; k++) {
			if (k)
				buf_putc(b, ',');
			gen_attribute(b, &gen, (first + i) * (uint64_t)per_event + (uint64_t)k, 0);
		}
		gen_event_tail(b);
		break;
	case MODE_LOOKUP:
		pick_value(i, v);
		buf_printf(b, "{\"returnFormat\":\"json\",\"value\":\"%s\"}", v);
		break;
	case MODE_POST:
		buf_puts(b, body);
		break;
	case MODE_POSTS:
		buf_puts(b, bodies[i % n_bodies]);
		break;
	case MODE_VALUE:
		pick_value(i, v);
		buf_printf(b, "[\"%s\"]", v);
		break;
	case MODE_GET:
		break;
	}
}

static void make_request(struct conn *c)
{
	OWN(buf) struct buf b = BUF((size_t)256 << 20);
	static const char *const targets[] = {
		[MODE_EVENTS] = "/events/add/metadata:1",
		[MODE_LOOKUP] = "/attributes/restSearch",
		[MODE_VALUE] = "/values/lookup",
	};
	const char *target = mode >= MODE_GET ? path : targets[mode];

	make_body(&b, n_requests++);
	buf_clear(&c->out);
	buf_printf(&c->out, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: %s\r\n"
		   "Accept: application/json\r\nUser-Agent: PyMISP 2.5.1 - Python 3.11\r\n",
		   mode == MODE_GET ? "GET" : "POST", target, port, key);
	if (mode != MODE_GET)
		buf_printf(&c->out, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
			   b.n);
	buf_puts(&c->out, "\r\n");
	buf_str_add(&c->out, buf_str(&b));
	if (buf_err(&b) != ERR_OK || buf_err(&c->out) != ERR_OK)
		die("request too big");
	c->sent = c->head_n = c->tail_n = 0;
	c->in_body = c->chunked = 0;
	c->began = now();
	n_sent_bytes += c->out.n;
}

static void open_conn(struct conn *c, int ep)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
	int one = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof a) < 0)
		die("connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (fcntl(c->fd, F_SETFL, O_NONBLOCK) < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev) < 0)
		die("epoll");
	c->want_write = 1;
}

static void want(struct conn *c, int ep, int write)
{
	struct epoll_event ev = {.events = write ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = c};

	if (c->want_write != write && epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ev) < 0)
		die("epoll");
	c->want_write = write;
}

static void flush_out(struct conn *c, int ep)
{
	while (c->sent < c->out.n) {
		ssize_t n = send(c->fd, c->out.p + c->sent, c->out.n - c->sent, MSG_NOSIGNAL);

		if (n < 0) {
			if (errno != EAGAIN)
				die("send");
			want(c, ep, 1);
			return;
		}
		c->sent += (size_t)n;
	}
	want(c, ep, 0);
}

static void finished(struct conn *c)
{
	if (c->status != 200) {
		n_errors++;
		last_bad = c->status;
	}
	n_done++;
	if (n_times == cap_times) {
		cap_times = cap_times ? cap_times * 2 : 65536;
		times = realloc(times, cap_times * sizeof *times);
		if (!times)
			die("memory");
	}
	times[n_times++] = now() - c->began;
}

/* Read the head in c->head (complete); sets what is to come. */
static void parse_head(struct conn *c)
{
	const char *p;

	c->status = c->head_n > 12 ? (int)strtol(c->head + 9, NULL, 10) : 0;
	c->left = 0;
	c->chunked = strcasestr(c->head, "\r\nTransfer-Encoding: chunked") != NULL;
	p = strcasestr(c->head, "\r\nContent-Length:");
	if (p)
		c->left = strtoull(p + 17, NULL, 10);
	c->in_body = 1;
}

/* Take body bytes; true when the answer is complete. A chunked body ends with 0 CRLF CRLF. */
static int take_body(struct conn *c, const char *p, size_t n)
{
	n_bytes += n;
	if (!c->chunked) {
		c->left -= n < c->left ? n : c->left;
		return c->left == 0;
	}
	for (size_t k = n > 7 ? n - 7 : 0; k < n; k++) {
		if (c->tail_n == 7) {
			memmove(c->tail, c->tail + 1, 6);
			c->tail_n = 6;
		}
		c->tail[c->tail_n++] = p[k];
	}
	return (c->tail_n == 7 && !memcmp(c->tail, "\r\n0\r\n\r\n", 7)) ||
	       (c->tail_n == 5 && !memcmp(c->tail, "0\r\n\r\n", 5));
}

/* True when the answer is complete. */
static int read_some(struct conn *c)
{
	static char in[1 << 18];

	for (;;) {
		ssize_t n = recv(c->fd, in, sizeof in, 0);
		char *p = in;
		size_t left;

		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0) {
			errno = n ? errno : ECONNRESET;
			die("recv");
		}
		left = (size_t)n;
		if (!c->in_body) {
			size_t room = sizeof c->head - 1 - c->head_n;
			size_t take = left < room ? left : room;
			char *end;

			memcpy(c->head + c->head_n, p, take);
			c->head_n += take;
			c->head[c->head_n] = '\0';
			end = strstr(c->head, "\r\n\r\n");
			if (!end) {
				if (c->head_n == sizeof c->head - 1)
					die("answer head too long");
				continue;
			}
			/* bytes of this read that belong to the body */
			left -= take - (c->head_n - (size_t)(end + 4 - c->head));
			p = in + n - left;
			end[4] = '\0';
			parse_head(c);
			if (!c->chunked && c->left == 0)
				return 1;
		}
		if (left && take_body(c, p, left))
			return 1;
	}
}

static int by_time(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double percentile(double p)
{
	return n_times ? times[(size_t)((double)(n_times - 1) * p)] * 1e3 : 0.0;
}

static void run(void)
{
	int ep = epoll_create1(EPOLL_CLOEXEC), busy = n_conns;
	struct conn *conns = calloc((size_t)n_conns, sizeof *conns);
	double t0 = now(), end = t0 + seconds, t1;
	struct rusage ru;

	if (ep < 0 || !conns)
		die("start");
	for (int i = 0; i < n_conns; i++) {
		conns[i].out = BUF((size_t)512 << 20);
		make_request(&conns[i]);
		open_conn(&conns[i], ep);
	}
	while (busy) {
		struct epoll_event evs[64];
		int n = epoll_wait(ep, evs, 64, 60000);

		if (n == 0) {
			errno = ETIMEDOUT;
			die("no answer within 60 s");
		}
		for (int i = 0; i < n; i++) {
			struct conn *c = evs[i].data.ptr;

			if (c->sent < c->out.n)
				flush_out(c, ep);
			if (!(evs[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) || !read_some(c))
				continue;
			finished(c);
			if ((now() < end || n_requests < min_requests) &&
			    (!max_requests || n_requests < max_requests)) {
				make_request(c);
				flush_out(c, ep);
			} else {
				close(c->fd);
				busy--;
			}
		}
	}
	t1 = now() - t0;
	qsort(times, n_times, sizeof *times, by_time);
	getrusage(RUSAGE_SELF, &ru);
	printf("{\"requests\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"last_bad_status\":%d,"
	       "\"seconds\":%.3f,"
	       "\"rate\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,\"bytes_in\":%" PRIu64
	       ",\"bytes_out\":%" PRIu64 ",\"own_cpu_s\":%.2f}\n",
	       n_done, n_errors, last_bad, t1, (double)n_done / t1, percentile(0.5),
	       percentile(0.99), percentile(1.0), n_bytes, n_sent_bytes,
	       (double)ru.ru_utime.tv_sec + (double)ru.ru_utime.tv_usec / 1e6 +
	       (double)ru.ru_stime.tv_sec + (double)ru.ru_stime.tv_usec / 1e6);
	for (int i = 0; i < n_conns; i++)
		buf_free(&conns[i].out);
	free(conns);
	free(times);
	close(ep);
}

static void read_bodies(const char *name)
{
	FILE *f = fopen(name, "r");
	char *line = NULL;
	size_t cap = 0;

	if (!f)
		die(name);
	while (getline(&line, &cap, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		bodies = realloc(bodies, (n_bodies + 1) * sizeof *bodies);
		if (!bodies)
			die("memory");
		bodies[n_bodies++] = line;
		line = NULL;
		cap = 0;
	}
	free(line);
	fclose(f);
	if (!n_bodies)
		die("no bodies");
}

static int usage(void)
{
	fputs("usage: bench_load -p PORT -k KEY [-c CONNECTIONS] [-t SECONDS] [-n AT MOST]\n"
	      "       [-m AT LEAST] [-s SEED] [-a ATTRIBUTES PER EVENT] [-f FIRST EVENT] [-v VALUES STORED]\n"
	      "       events | lookup | values | get PATH | post PATH BODY |\n"
	      "       posts PATH FILE (a body a line, in turn)\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "+p:k:c:t:n:m:s:r:a:f:v:")) != -1) {
		switch (opt) {
		case 'p': port = (int)strtol(optarg, NULL, 10); break;
		case 'k': key = optarg; break;
		case 'c': n_conns = (int)strtol(optarg, NULL, 10); break;
		case 't': seconds = strtod(optarg, NULL); break;
		case 'n': max_requests = strtoull(optarg, NULL, 10); break;
		case 'm': min_requests = strtoull(optarg, NULL, 10); break;
		case 's': gen.seed = strtoull(optarg, NULL, 10); break;
		case 'a': per_event = (int)strtol(optarg, NULL, 10); break;
		case 'f': first = strtoull(optarg, NULL, 10); break;
		case 'r': gen.repeat_permille = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'v': known = strtoull(optarg, NULL, 10); break;
		default: return usage();
		}
	}
	argv += optind;
	argc -= optind;
	if (argc == 1 && !strcmp(argv[0], "events"))
		mode = MODE_EVENTS;
	else if (argc == 1 && !strcmp(argv[0], "lookup"))
		mode = MODE_LOOKUP;
	else if (argc == 1 && !strcmp(argv[0], "values"))
		mode = MODE_VALUE;
	else if (argc == 2 && !strcmp(argv[0], "get"))
		mode = MODE_GET, path = argv[1];
	else if (argc == 3 && !strcmp(argv[0], "post"))
		mode = MODE_POST, path = argv[1], body = argv[2];
	else if (argc == 3 && !strcmp(argv[0], "posts"))
		mode = MODE_POSTS, path = argv[1], read_bodies(argv[2]);
	else
		return usage();
	if (n_conns < 1)
		return usage();
	run();
	return n_errors ? 1 : 0;
}
