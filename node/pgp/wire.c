/*
 * wire.c - frames over sockets with deadlines, and descriptors handed over.
 */
#include "pgp/wire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/own.h"

struct frame_head {
	uint32_t magic, code, n, bytes;
};

int64_t pgp_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static enum err wait_for(int fd, short events, int64_t deadline_ms, struct fail *f)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = events};
		int64_t left = deadline_ms - pgp_now_ms();

		if (left <= 0)
			return fail(f, ERR_TIMEOUT, "the signing helper takes too long");
		int n = poll(&p, 1, (int)MIN(left, 60000));
		if (n < 0 && errno != EINTR)
			return fail_errno(f, ERR_IO, errno, "poll");
		if (n > 0)
			return ERR_OK;
	}
}

static enum err gone(struct fail *f)
{
	return fail(f, ERR_NET, "the signing helper has gone");
}

static enum err send_all(int fd, const void *p, size_t n, int64_t deadline_ms, struct fail *f)
{
	const char *at = p;

	while (n) {
		TRY(wait_for(fd, POLLOUT, deadline_ms, f));
		ssize_t done = send(fd, at, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (done < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (done < 0)
			return gone(f);
		at += done;
		n -= (size_t)done;
	}
	return ERR_OK;
}

static enum err recv_all(int fd, void *p, size_t n, int64_t deadline_ms, struct fail *f)
{
	char *at = p;

	while (n) {
		TRY(wait_for(fd, POLLIN, deadline_ms, f));
		ssize_t done = recv(fd, at, n, MSG_DONTWAIT);
		if (done < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (done <= 0)
			return gone(f);
		at += done;
		n -= (size_t)done;
	}
	return ERR_OK;
}

enum err pgp_frame_send(int fd, uint32_t code, const struct str *parts, unsigned n,
			int64_t deadline_ms, struct fail *f)
{
	OWN(buf) struct buf b = BUF(PGP_FRAME_BYTES_MAX);
	struct frame_head h = {PGP_MAGIC, code, n, 0};

	if (n > PGP_PARTS_MAX)
		return fail(f, ERR_LIMIT, "too many parts");
	for (unsigned i = 0; i < n; i++) {
		uint32_t len = (uint32_t)MIN(parts[i].n, UINT32_MAX);

		buf_add(&b, &len, sizeof(len));
		buf_str_add(&b, parts[i]);
	}
	if (buf_err(&b) != ERR_OK)
		return fail(f, ERR_LIMIT, "too much for the signing helper");
	h.bytes = (uint32_t)b.n;
	TRY(send_all(fd, &h, sizeof(h), deadline_ms, f));
	return send_all(fd, b.p, b.n, deadline_ms, f);
}

static enum err split(struct pgp_frame *fr, unsigned n, struct fail *f)
{
	struct str rest = buf_str(&fr->bytes);

	for (fr->n = 0; fr->n < n; fr->n++) {
		uint32_t len;

		if (rest.n < sizeof(len))
			return fail(f, ERR_INVAL, "a frame is cut");
		memcpy(&len, rest.p, sizeof(len));
		rest = str_sub(rest, sizeof(len), rest.n);
		if (len > rest.n)
			return fail(f, ERR_INVAL, "a frame is cut");
		fr->part[fr->n] = str_sub(rest, 0, len);
		rest = str_sub(rest, len, rest.n);
	}
	return rest.n ? fail(f, ERR_INVAL, "a frame is too long") : ERR_OK;
}

enum err pgp_frame_recv(int fd, struct pgp_frame *out, int64_t deadline_ms, struct fail *f)
{
	struct frame_head h;

	buf_clear(&out->bytes);
	out->n = 0;
	TRY(recv_all(fd, &h, sizeof(h), deadline_ms, f));
	if (h.magic != PGP_MAGIC || h.n > PGP_PARTS_MAX || h.bytes > PGP_FRAME_BYTES_MAX)
		return fail(f, ERR_INVAL, "not a frame");
	out->code = h.code;
	char *to = buf_reserve(&out->bytes, h.bytes);
	if (h.bytes && !to)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(recv_all(fd, to, h.bytes, deadline_ms, f));
	buf_commit(&out->bytes, h.bytes);
	return split(out, h.n, f);
}

/* ---- descriptors ---- */

union fd_room {
	struct cmsghdr head;
	char room[CMSG_SPACE(PGP_CALL_FDS * sizeof(int))];
};

enum err pgp_call_send(int control, uint32_t limit_ms, int request, int data, int64_t deadline_ms,
		       struct fail *f)
{
	struct pgp_call call = {PGP_MAGIC, limit_ms};
	struct iovec io = {&call, sizeof(call)};
	int fds[PGP_CALL_FDS] = {request, data};
	size_t n = (data < 0 ? 1 : 2) * sizeof(int);
	union fd_room room = {0};
	struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = room.room,
			   .msg_controllen = CMSG_SPACE(n)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n);
	memcpy(CMSG_DATA(c), fds, n);
	for (;;) {
		TRY(wait_for(control, POLLOUT, deadline_ms, f));
		if (sendmsg(control, &m, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return ERR_OK;
		if (errno != EAGAIN && errno != EINTR)
			return gone(f);
	}
}

/* Keep the first two descriptors of a message, close what is beyond. */
static unsigned take_fds(struct msghdr *m, int out[PGP_CALL_FDS])
{
	unsigned n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (n < PGP_CALL_FDS)
				out[n++] = fd;
			else
				close(fd);
		}
	}
	return n;
}

enum err pgp_call_recv(int control, uint32_t *limit_ms, int *request, int *data)
{
	struct pgp_call call = {0};
	struct iovec io = {&call, sizeof(call)};
	union fd_room room = {0};
	struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = room.room,
			   .msg_controllen = sizeof(room.room)};
	int fds[PGP_CALL_FDS] = {-1, -1};
	ssize_t n = recvmsg(control, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? ERR_AGAIN : ERR_NET;
	if (n == 0)
		return ERR_NET;
	take_fds(&m, fds);
	if ((size_t)n != sizeof(call) || call.magic != PGP_MAGIC || fds[0] < 0) {
		for (unsigned i = 0; i < PGP_CALL_FDS; i++)
			if (fds[i] >= 0)
				close(fds[i]);
		return ERR_INVAL;
	}
	*limit_ms = call.limit_ms;
	*request = fds[0];
	*data = fds[1];
	return ERR_OK;
}
