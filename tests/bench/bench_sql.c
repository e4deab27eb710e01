/*
 * bench_sql.c - the same statements again and again on a MariaDB socket: the reference of search.py.
 *
 * Speaks as much of the protocol as reading rows takes (text results, user root without password)
 * and counts them without keeping them, so that it never is the bottleneck. Prints one JSON line.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNS 64
#define MAX_TIMES 1000000
#define COM_QUERY 3
#define CAPABILITIES 0xa201u /* long password, protocol 4.1, transactions, authentication by hash */

struct link {
	int fd;
	pthread_t thread;
	uint8_t *in; /* what was read and not looked at yet */
	size_t at, n;
	uint64_t rows, bytes, done, errors;
	unsigned number;
};

#define IN_SIZE ((size_t)1 << 18)

static const char *path;
static char **statements;
static size_t n_statements;
static double seconds = 5.0, ends;
static uint64_t max_requests, min_requests;
static uint64_t taken;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static double *times;
static size_t n_times;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
	fprintf(stderr, "bench_sql: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* At least `want` bytes of input at once (never more than fits). */
static const uint8_t *need(struct link *l, size_t want)
{
	if (l->n - l->at < want) {
		memmove(l->in, l->in + l->at, l->n - l->at);
		l->n -= l->at;
		l->at = 0;
	}
	while (l->n < want) {
		ssize_t n = recv(l->fd, l->in + l->n, IN_SIZE - l->n, 0);

		if (n <= 0)
			die("recv");
		l->n += (size_t)n;
		l->bytes += (uint64_t)n;
	}
	return l->in + l->at;
}

/* Pass one packet; its first byte and length. */
static uint8_t packet(struct link *l, size_t *len)
{
	const uint8_t *p = need(l, 5);
	size_t left;
	uint8_t first = p[4];

	*len = left = (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16;
	l->at += 4;
	while (left) {
		size_t have = l->n - l->at, take = have < left ? have : left;

		l->at += take;
		left -= take;
		if (left)
			need(l, 1);
	}
	return first;
}

static void put(struct link *l, uint8_t seq, const void *body, size_t n)
{
	uint8_t head[4] = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), seq};
	struct iovec v[2] = {{head, 4}, {(void *)(uintptr_t)body, n}};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};

	while (m.msg_iovlen) {
		ssize_t sent = sendmsg(l->fd, &m, MSG_NOSIGNAL);

		if (sent < 0)
			die("send");
		while (m.msg_iovlen && (size_t)sent >= m.msg_iov->iov_len) {
			sent -= (ssize_t)m.msg_iov->iov_len;
			m.msg_iov++;
			m.msg_iovlen--;
		}
		if (m.msg_iovlen) {
			m.msg_iov->iov_base = (char *)m.msg_iov->iov_base + sent;
			m.msg_iov->iov_len -= (size_t)sent;
		}
	}
}

/* One statement and all of its rows; true when it failed. */
static int query(struct link *l, const char *text)
{
	static _Thread_local char *body;
	static _Thread_local size_t cap;
	size_t n = strlen(text), len;
	uint8_t first;

	if (cap < n + 1) {
		free(body);
		body = malloc(cap = n + 1);
		if (!body)
			die("memory");
	}
	body[0] = COM_QUERY;
	memcpy(body + 1, text, n);
	put(l, 0, body, n + 1);
	first = packet(l, &len);
	if (first == 0x00 || first == 0xff)
		return first == 0xff;
	while (first = packet(l, &len), first != 0xfe || len > 8) /* columns */
		;
	while (first = packet(l, &len), first != 0xfe || len > 8) {
		if (first == 0xff)
			return 1;
		l->rows++;
	}
	return 0;
}

static void join(struct link *l)
{
	static const uint8_t hello[] = {
		CAPABILITIES & 255, CAPABILITIES >> 8 & 255, CAPABILITIES >> 16 & 255,
		CAPABILITIES >> 24, 0, 0, 0, 1, 45 /* utf8mb4 */, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'r', 'o', 'o', 't', 0, 0 /* no password */};
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	size_t len;

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	l->in = malloc(IN_SIZE);
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!l->in || l->fd < 0 || connect(l->fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		die("connect");
	packet(l, &len);
	put(l, 1, hello, sizeof(hello));
	if (packet(l, &len) != 0x00 || query(l, "USE bench"))
		die("the server does not let us in");
	l->bytes = l->rows = 0;
}

static void *run(void *arg)
{
	struct link *l = arg;

	for (;;) {
		double began;
		uint64_t which;

		pthread_mutex_lock(&lock);
		which = taken;
		if ((now() >= ends && taken >= min_requests) || (max_requests && taken >= max_requests) ||
		    n_times >= MAX_TIMES)
			which = UINT64_MAX;
		else
			taken++;
		pthread_mutex_unlock(&lock);
		if (which == UINT64_MAX)
			return NULL;
		began = now();
		l->errors += (unsigned)query(l, statements[which % n_statements]);
		began = now() - began;
		pthread_mutex_lock(&lock);
		if (n_times < MAX_TIMES)
			times[n_times++] = began;
		pthread_mutex_unlock(&lock);
	}
}

static void read_statements(const char *name)
{
	FILE *f = fopen(name, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	if (!f)
		die(name);
	while ((n = getline(&line, &cap, f)) > 0) {
		line[n - 1] = line[n - 1] == '\n' ? '\0' : line[n - 1];
		statements = realloc(statements, (n_statements + 1) * sizeof(*statements));
		if (!statements)
			die("memory");
		statements[n_statements++] = line;
		line = NULL;
		cap = 0;
	}
	free(line);
	fclose(f);
	if (!n_statements)
		die("no statements");
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

int main(int argc, char **argv)
{
	static struct link links[MAX_CONNS];
	uint64_t rows = 0, bytes = 0, errors = 0;
	unsigned n_links = 1;
	double t0;
	int opt;

	while ((opt = getopt(argc, argv, "+S:c:t:n:m:")) != -1) {
		switch (opt) {
		case 'S': path = optarg; break;
		case 'c': n_links = (unsigned)strtoul(optarg, NULL, 10); break;
		case 't': seconds = strtod(optarg, NULL); break;
		case 'n': max_requests = strtoull(optarg, NULL, 10); break;
		case 'm': min_requests = strtoull(optarg, NULL, 10); break;
		default: path = NULL; optind = argc;
		}
	}
	if (!path || optind + 1 != argc || n_links < 1 || n_links > MAX_CONNS) {
		fputs("usage: bench_sql -S SOCKET [-c CONNECTIONS] [-t SECONDS] [-n AT MOST]\n"
		      "       [-m AT LEAST] FILE (a statement a line, in turn; database bench)\n", stderr);
		return 2;
	}
	read_statements(argv[optind]);
	times = malloc(MAX_TIMES * sizeof(*times));
	if (!times)
		die("memory");
	for (unsigned i = 0; i < n_links; i++)
		join(&links[i]);
	t0 = now();
	ends = t0 + seconds;
	for (unsigned i = 0; i < n_links; i++)
		if (pthread_create(&links[i].thread, NULL, run, &links[i]))
			die("thread");
	for (unsigned i = 0; i < n_links; i++) {
		pthread_join(links[i].thread, NULL);
		rows += links[i].rows;
		bytes += links[i].bytes;
		errors += links[i].errors;
		close(links[i].fd);
		free(links[i].in);
	}
	t0 = now() - t0;
	qsort(times, n_times, sizeof(*times), by_time);
	printf("{\"requests\":%zu,\"errors\":%" PRIu64 ",\"seconds\":%.3f,\"rate\":%.1f,"
	       "\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,\"rows\":%" PRIu64
	       ",\"bytes_in\":%" PRIu64 "}\n",
	       n_times, errors, t0, (double)n_times / t0, percentile(0.5), percentile(0.99),
	       percentile(1.0), rows, bytes);
	return errors ? 1 : 0;
}
