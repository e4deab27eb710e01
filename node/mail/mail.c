/*
 * mail.c - the daemon's side: a message becomes a file without a name, which the helper is sent together
 * with a socket to answer on. A few at a time; what would wait longer is refused.
 */
#include "mail/mail.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "mail/helper.h"

#define AT_ONCE 4u

struct mail {
	int control;
	pid_t pid;
	unsigned limit_ms;
	struct buf from;
	atomic_uint under_way;
};

enum err mail_start(const struct mail_opts *o, struct mail **out, struct fail *f)
{
	int pair[2];
	struct mail *m = calloc(1, sizeof(*m));
	*out = m;
	if (!m)
		return fail(f, ERR_NOMEM, "no memory");
	m->control = -1;
	m->limit_ms = o->limit_ms ? o->limit_ms : MAIL_LIMIT_MS;
	buf_init(&m->from, 512);
	if (!o->argv || !o->argv[0])
		return ERR_OK;
	if (o->argv[0][0] != '/')
		return fail(f, ERR_CONFIG, "mail.command begins with the path of a program");
	if (!mail_address_ok(str_c(o->from)))
		return fail(f, ERR_CONFIG, "mail.command wants an address in mail.from");
	buf_puts(&m->from, o->from);
	if (mkdir(o->home, 0700) != 0 && errno != EEXIST)
		return fail_errno(f, ERR_IO, errno, "cannot make the folder %s", o->home);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return fail_errno(f, ERR_IO, errno, "no socket for the mail helper");
	m->pid = fork();
	if (m->pid == 0) {
		close(pair[0]);
		mail_helper_main(pair[1], o);
	}
	close(pair[1]);
	m->control = pair[0];
	return m->pid > 0 ? ERR_OK : fail_errno(f, ERR_IO, errno, "cannot fork the mail helper");
}

void mail_stop(struct mail *m)
{
	if (!m)
		return;
	if (m->control >= 0)
		close(m->control); /* the helper sees that and ends */
	while (m->pid > 0 && waitpid(m->pid, NULL, 0) < 0 && errno == EINTR)
		;
	buf_free(&m->from);
	free(m);
}

bool mail_able(const struct mail *m)
{
	return m && m->control >= 0;
}

/* The message as an open file that is read from its beginning. */
static int as_file(struct str text)
{
	int fd = memfd_create("mail", MFD_CLOEXEC);
	while (fd >= 0 && text.n) {
		ssize_t n = write(fd, text.p, text.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			close(fd);
			return -1;
		}
		text = str_sub(text, (size_t)n, text.n);
	}
	if (fd >= 0 && lseek(fd, 0, SEEK_SET) != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static enum err hand_over(struct mail *m, const int fds[MAIL_FDS], struct fail *f)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int) * MAIL_FDS)];
	} control = {0};
	char kind = 'm';
	struct iovec byte = {&kind, 1};
	struct msghdr msg = {.msg_iov = &byte,
			     .msg_iovlen = 1,
			     .msg_control = control.room,
			     .msg_controllen = sizeof(control.room)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * MAIL_FDS);
	memcpy(CMSG_DATA(c), fds, sizeof(int) * MAIL_FDS);
	if (sendmsg(m->control, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) == 1)
		return ERR_OK;
	return fail_errno(f, ERR_AGAIN, errno, "the mail helper takes nothing");
}

static enum err wait_answer(int fd, unsigned limit_ms, struct fail *f)
{
	int64_t until = clock_boot_ms() + limit_ms;
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = until - clock_boot_ms();
		int n = left > 0 ? poll(&p, 1, (int)left) : 0;
		unsigned char status;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail(f, ERR_AGAIN, "the mail program takes too long");
		if (read(fd, &status, 1) != 1)
			return fail(f, ERR_AGAIN, "the mail helper has died; restart the daemon");
		return status ? fail(f, ERR_IO, "the mail program failed (code %u)", status) : ERR_OK;
	}
}

static enum err deliver(struct mail *m, struct str text, struct fail *f)
{
	int fds[MAIL_FDS], pair[2];
	fds[MAIL_FD_MESSAGE] = as_file(text);
	if (fds[MAIL_FD_MESSAGE] < 0)
		return fail_errno(f, ERR_IO, errno, "no file for a message");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		close(fds[MAIL_FD_MESSAGE]);
		return fail_errno(f, ERR_IO, errno, "no socket for the mail helper");
	}
	fds[MAIL_FD_ANSWER] = pair[1];
	enum err e = hand_over(m, fds, f);
	close(fds[MAIL_FD_MESSAGE]);
	close(pair[1]);
	if (e == ERR_OK) /* those before it may each take their time */
		e = wait_answer(pair[0], m->limit_ms * AT_ONCE + 5000, f);
	close(pair[0]);
	return e;
}

enum err mail_send(struct mail *m, const struct mail_message *msg, struct fail *f)
{
	OWN(buf) struct buf text = BUF(MAIL_TEXT_MAX * 4);
	if (!mail_able(m))
		return fail(f, ERR_UNSUPPORTED, "this node sends no e-mail");
	TRY(mail_compose(&text, buf_str(&m->from), msg, clock_now(), f));
	enum err e = ERR_AGAIN;
	if (atomic_fetch_add(&m->under_way, 1) < AT_ONCE)
		e = deliver(m, buf_str(&text), f);
	else
		(void)fail(f, e, "too many messages are under way");
	atomic_fetch_sub(&m->under_way, 1);
	log_info("mail", "message for %zu handed over: %s", msg->n_to, err_name(e));
	return e;
}
