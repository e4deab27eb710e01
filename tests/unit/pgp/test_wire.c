/*
 * test_wire.c - frames: whole, cut, hostile, late; descriptors handed over.
 */
#include "pgp/wire.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>

#include "base/hash.h"
#include "tests/tap/tap.h"

static int pair[2];

static void open_pair(int type)
{
	if (socketpair(AF_UNIX, type, 0, pair) != 0)
		bail_out("socketpair");
}

static void close_pair(void)
{
	close(pair[0]);
	close(pair[1]);
}

static void frames(void)
{
	OWN(pgp_frame) struct pgp_frame fr = PGP_FRAME;
	struct str parts[] = {STR("one"), STR_NONE, STR("three")};
	struct fail f = {0};
	open_pair(SOCK_STREAM);
	is_ok(pgp_frame_send(pair[0], 7, parts, 3, pgp_now_ms() + 1000, &f), "sent");
	is_ok(pgp_frame_recv(pair[1], &fr, pgp_now_ms() + 1000, &f), "read");
	is_uint(fr.code, 7, "its code");
	is_uint(fr.n, 3, "its parts");
	is_view(pgp_part(&fr, 0), "one", "the first");
	is_uint(pgp_part(&fr, 1).n, 0, "an empty one");
	is_view(pgp_part(&fr, 2), "three", "the third");
	ok(!pgp_part(&fr, 3).p, "no fourth");
	is_ok(pgp_frame_send(pair[0], 1, NULL, 0, pgp_now_ms() + 1000, &f), "none");
	is_ok(pgp_frame_recv(pair[1], &fr, pgp_now_ms() + 1000, &f), "read");
	is_uint(fr.n, 0, "no parts");
	close_pair();
}

static void *send_big(void *arg)
{
	static char zeros[900000];
	struct fail f = {0};
	*(enum err *)arg = pgp_frame_send(pair[0], 1, (struct str[]){{zeros, sizeof(zeros)}}, 1,
					  pgp_now_ms() + 5000, &f);
	return NULL;
}

/* More than a socket holds: both ends wait for each other. */
static void big(void)
{
	OWN(pgp_frame) struct pgp_frame fr = PGP_FRAME;
	struct fail f = {0};
	pthread_t t;
	enum err e;
	open_pair(SOCK_STREAM);
	pthread_create(&t, NULL, send_big, &e);
	is_ok(pgp_frame_recv(pair[1], &fr, pgp_now_ms() + 5000, &f), "a big frame");
	pthread_join(t, NULL);
	is_ok(e, "sent");
	is_uint(pgp_part(&fr, 0).n, 900000, "whole");
	struct str too_big[2] = {{fr.bytes.p, 900000}, {fr.bytes.p, 900000}};
	is_err(pgp_frame_send(pair[0], 1, too_big, 2, pgp_now_ms() + 1000, &f), ERR_LIMIT,
	       "a frame has a limit");
	close_pair();
}

static void bad_frame(const uint32_t *words, size_t n, enum err want, const char *what)
{
	OWN(pgp_frame) struct pgp_frame fr = PGP_FRAME;
	struct fail f = {0};
	open_pair(SOCK_STREAM);
	if (send(pair[0], words, n * sizeof(*words), 0) < 0)
		bail_out("send");
	shutdown(pair[0], SHUT_WR);
	is_err(pgp_frame_recv(pair[1], &fr, pgp_now_ms() + 1000, &f), want, "%s", what);
	close_pair();
}

static void hostile(void)
{
	const uint32_t m = PGP_MAGIC;
	bad_frame((uint32_t[]){m, 1}, 2, ERR_NET, "a cut head");
	bad_frame((uint32_t[]){m + 1, 1, 0, 0}, 4, ERR_INVAL, "another magic");
	bad_frame((uint32_t[]){m, 1, 1, 0xffffffff}, 4, ERR_INVAL, "an endless body");
	bad_frame((uint32_t[]){m, 1, 0xffffffff, 0}, 4, ERR_INVAL, "endless parts");
	bad_frame((uint32_t[]){m, 1, 1, 8, 4}, 5, ERR_NET, "a cut body");
	bad_frame((uint32_t[]){m, 1, 1, 8, 5, 0}, 6, ERR_INVAL, "a part beyond the end");
	bad_frame((uint32_t[]){m, 1, 1, 8, 0xffffffff, 0}, 6, ERR_INVAL, "a part of 4 GiB");
	bad_frame((uint32_t[]){m, 1, 2, 8, 4, 0}, 6, ERR_INVAL, "a part that is missing");
	bad_frame((uint32_t[]){m, 1, 1, 12, 4, 0, 0}, 7, ERR_INVAL, "bytes behind the parts");
	/* noise: any error but a crash or success */
	for (unsigned i = 0; i < 200; i++) {
		uint32_t noise[16];
		OWN(pgp_frame) struct pgp_frame fr = PGP_FRAME;
		struct fail f = {0};
		random_bytes(noise, sizeof(noise));
		noise[0] = PGP_MAGIC;
		noise[2] %= 4;
		noise[3] = 48;
		for (unsigned k = 4; k < 16; k++)
			noise[k] %= 64;
		open_pair(SOCK_STREAM);
		if (send(pair[0], noise, sizeof(noise), 0) < 0)
			bail_out("send");
		shutdown(pair[0], SHUT_WR);
		enum err e = pgp_frame_recv(pair[1], &fr, pgp_now_ms() + 1000, &f);
		size_t sum = 0;
		for (unsigned k = 0; e == ERR_OK && k < fr.n; k++)
			sum += fr.part[k].n + 4;
		if (e == ERR_OK && sum != 48)
			ok(false, "parts that do not make up the frame");
		close_pair();
	}
}

static void late(void)
{
	OWN(pgp_frame) struct pgp_frame fr = PGP_FRAME;
	struct fail f = {0};
	open_pair(SOCK_STREAM);
	int64_t begun = pgp_now_ms();
	is_err(pgp_frame_recv(pair[1], &fr, begun + 60, &f), ERR_TIMEOUT, "nobody speaks");
	ok(pgp_now_ms() - begun < 5000, "and nobody waits");
	close(pair[0]);
	is_err(pgp_frame_recv(pair[1], &fr, pgp_now_ms() + 1000, &f), ERR_NET, "the other side went");
	is_err(pgp_frame_send(pair[1], 1, (struct str[]){STR("x")}, 1, pgp_now_ms() + 1000, &f),
	       ERR_NET, "and takes nothing");
	close(pair[1]);
}

static void calls(void)
{
	struct fail f = {0};
	uint32_t limit;
	int request, data;
	open_pair(SOCK_SEQPACKET);
	int null = open("/dev/null", O_RDONLY);
	is_err(pgp_call_recv(pair[1], &limit, &request, &data), ERR_AGAIN, "nothing there");
	is_ok(pgp_call_send(pair[0], 1234, null, -1, pgp_now_ms() + 1000, &f), "without data");
	is_ok(pgp_call_send(pair[0], 5678, null, null, pgp_now_ms() + 1000, &f), "with data");
	is_ok(pgp_call_recv(pair[1], &limit, &request, &data), "taken");
	is_uint(limit, 1234, "its limit");
	ok(request >= 0 && data == -1, "one descriptor");
	ok(fcntl(request, F_GETFD) & FD_CLOEXEC, "not for programs");
	close(request);
	is_ok(pgp_call_recv(pair[1], &limit, &request, &data), "taken");
	ok(request >= 0 && data >= 0, "two descriptors");
	close(request);
	close(data);
	if (send(pair[0], "nonsense", 8, 0) < 0 || send(pair[0], "x", 1, 0) < 0)
		bail_out("send");
	is_err(pgp_call_recv(pair[1], &limit, &request, &data), ERR_INVAL, "no request");
	is_err(pgp_call_recv(pair[1], &limit, &request, &data), ERR_INVAL, "a short one");
	close(pair[0]);
	is_err(pgp_call_recv(pair[1], &limit, &request, &data), ERR_NET, "the daemon has gone");
	is_err(pgp_call_send(pair[1], 1, null, -1, pgp_now_ms() + 1000, &f), ERR_NET, "or the helper");
	close(pair[1]);
	close(null);
}

int main(void)
{
	frames();
	big();
	hostile();
	late();
	calls();
	return done_testing();
}
