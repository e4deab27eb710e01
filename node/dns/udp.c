/*
 * udp.c - questions over UDP: one datagram in, at most one out, never longer than what came but by an
 * SOA for who may have it.
 */
#include <errno.h>

#include "base/log.h"
#include "dns/internal.h"
#include "metrics/metrics.h"

enum {
	AT_ONCE = 64,	 /* datagrams before others get their turn */
	IN_MAX = 4096,
	OUT_MAX = 1232,
};

/* On a wildcard address the answer has to come from the address that was asked. */
enum err udp_prepare(int fd, const struct sockaddr_storage *addr, bool *wildcard, struct fail *f)
{
	static const struct in6_addr any6;
	int one = 1, rc = 0;
	*wildcard = false;
	if (addr->ss_family == AF_INET &&
	    ((const struct sockaddr_in *)addr)->sin_addr.s_addr == INADDR_ANY) {
		*wildcard = true;
		rc = setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one));
	} else if (addr->ss_family == AF_INET6 &&
		   memcmp(&((const struct sockaddr_in6 *)addr)->sin6_addr, &any6, sizeof(any6)) == 0) {
		*wildcard = true;
		rc = setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof(one));
	}
	return rc < 0 ? fail_errno(f, ERR_CONFIG, errno, "dns: packet information") : ERR_OK;
}

/* Sent with the control message that came with the question: the address it was sent to. */
static void send_back(struct listener *l, struct msghdr *h, const struct dns_msg *m)
{
	struct iovec v = {m->p, m->n};
	h->msg_iov = &v;
	h->msg_flags = 0;
	if (!l->wildcard)
		h->msg_controllen = 0;
	if (!h->msg_controllen)
		h->msg_control = NULL;
	if (sendmsg(l->udp, h, MSG_DONTWAIT) == (ssize_t)m->n)
		metric_add(M_DNS_BYTES, METRIC_OUT, 0, (int64_t)m->n);
}

/* The interface that it came by may not be the way back: only the address is kept. */
static void keep_address(struct msghdr *h)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			info.ipi_ifindex = 0;
			memcpy(CMSG_DATA(c), &info, sizeof(info));
		}
	}
}

void udp_ready(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;
	struct dns_server *s = l->srv;
	char in[IN_MAX];
	(void)what;
	for (int i = 0; i < AT_ONCE; i++) {
		struct sockaddr_storage from;
		struct iovec v = {in, sizeof(in)};
		union {
			struct cmsghdr align;
			char b[CMSG_SPACE(sizeof(struct in6_pktinfo))];
		} control;
		struct msghdr h = {.msg_name = &from,
				   .msg_namelen = sizeof(from),
				   .msg_iov = &v,
				   .msg_iovlen = 1,
				   .msg_control = control.b,
				   .msg_controllen = sizeof(control.b)};
		struct asker a;
		struct dns_msg m;
		struct xfr *xfr;
		ssize_t n = recvmsg(fd, &h, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		metric_add(M_DNS_BYTES, METRIC_IN, 0, n);
		if (h.msg_flags & MSG_TRUNC)
			continue;
		asker_fill(&a, &from, false);
		keep_address(&h);
		if (dns_answer(s, (struct str){in, (size_t)n}, &a, s->out, OUT_MAX, &m, &xfr) ==
		    REPLY_MESSAGE)
			send_back(l, &h, &m);
	}
}
