/*
 * answer.c - from a message that came to what is answered: who asks, may he, what does he want.
 *
 * A zone that he may not have and one that is not here are refused alike.
 */
#include "base/clock.h"
#include "base/log.h"
#include "dns/internal.h"
#include "metrics/metrics.h"

struct job {
	struct dns_server *srv;
	struct str msg;
	const struct asker *asker;
	struct dns_query q;
	struct dns_key *key; /* whose signature was good */
	struct tsig_chain chain;
	struct dns_msg *m;
	uint8_t *p;
	size_t max;
};

static enum dns_kind kind_of(const struct dns_query *q)
{
	return q->type == DNS_SOA    ? DNS_KIND_SOA
	       : q->type == DNS_AXFR ? DNS_KIND_AXFR
	       : q->type == DNS_IXFR ? DNS_KIND_IXFR
				     : DNS_KIND_OTHER;
}

/* Head and question of the answer. Without one where it was not understood. */
static void begin(struct job *j, unsigned rcode, unsigned flags)
{
	const struct dns_query *q = &j->q;
	dns_msg_begin(j->m, j->p, j->max, &j->srv->suffixes);
	dns_msg_head(j->m, q->id,
		     (uint16_t)(DNS_QR | flags | (unsigned)q->opcode << 11 |
				(q->recursion_desired ? DNS_RD : 0) | (rcode & 15)));
	if (q->question.n)
		dns_msg_question(j->m, q->question);
}

static enum dns_reply finish(struct job *j, unsigned rcode, enum tsig_error error)
{
	if (j->q.has_edns)
		dns_msg_edns(j->m, rcode);
	dns_msg_end(j->m);
	if (j->chain.key && j->max - j->m->n >= tsig_room(j->chain.key) &&
	    !tsig_sign(j->m, &j->chain, clock_now(), error, &j->q.tsig))
		return REPLY_NONE;
	return REPLY_MESSAGE;
}

static enum dns_reply refuse(struct job *j, unsigned rcode)
{
	metric_add(M_DNS_REFUSED, rcode, 0, 1);
	begin(j, rcode, 0);
	return finish(j, rcode, TSIG_GOOD);
}

/* TSIG that is not good (RFC 8945 5.2): NOTAUTH, signed only for a bad time. */
static enum dns_reply bad_tsig(struct job *j, enum tsig_error e)
{
	metric_add(M_DNS_REFUSED, e == TSIG_FORMERR ? RCODE_FORMERR : RCODE_NOTAUTH, 0, 1);
	log_info("dns", "event=refused address=%s tsig_error=%u", j->asker->text, e);
	if (e == TSIG_FORMERR) {
		begin(j, RCODE_FORMERR, 0);
		return finish(j, RCODE_FORMERR, TSIG_GOOD);
	}
	begin(j, RCODE_NOTAUTH, 0);
	if (j->chain.key && e == TSIG_BADTIME)
		return finish(j, RCODE_NOTAUTH, e);
	if (j->q.has_edns)
		dns_msg_edns(j->m, RCODE_NOTAUTH);
	dns_msg_end(j->m);
	tsig_refuse(j->m, &j->q.tsig, e);
	return REPLY_MESSAGE;
}

static enum dns_reply answer_soa(struct job *j, const struct dns_zone *z)
{
	uint8_t data[DNS_SOA_MAX];
	struct dns_record r;
	uint32_t serial;
	if (!z->source->ops->serial(z->source, &serial))
		return refuse(j, RCODE_SERVFAIL);
	begin(j, RCODE_NOERROR, DNS_AA);
	dns_zone_soa(z, serial, data, &r);
	if (!dns_msg_record(j->m, DNS_ANSWER, &r))
		return refuse(j, RCODE_SERVFAIL);
	return finish(j, RCODE_NOERROR, TSIG_GOOD);
}

static enum dns_reply transfer(struct job *j, const struct dns_zone *z, struct xfr **xfr)
{
	struct dns_server *s = j->srv;
	struct fail f = {0};
	struct xfr_start st = {.set = s->set,
			       .zone = z,
			       .query = &j->q,
			       .address = j->asker->text,
			       .chain = j->chain,
			       .message_max = s->lim.message,
			       .suffixes = &s->suffixes,
			       .hooks = &s->hooks};
	enum err e = xfr_open(&st, xfr, &f);
	if (e != ERR_OK) {
		log_warn("dns", "event=transfer-failed zone=%s address=%s error=%s detail=%s",
			 log_val(str_c(z->text)), j->asker->text, err_name(e), log_val(str_c(f.text)));
		return refuse(j, RCODE_SERVFAIL);
	}
	return *xfr ? REPLY_TRANSFER : answer_soa(j, z);
}

/* The signature, if there is one; REPLY_NONE: go on. */
static enum dns_reply check_tsig(struct job *j)
{
	if (!j->q.has_tsig)
		return REPLY_NONE;
	struct dns_key *key = dns_set_find_key(j->srv->set, &j->q.tsig.key);
	enum tsig_error e = tsig_check(j->msg, &j->q, key, clock_now(), &j->chain);
	/* whoever recorded a request may not have what is in the zone today by sending it again */
	bool big = j->q.type == DNS_AXFR || j->q.type == DNS_IXFR;
	if (e == TSIG_GOOD && big && j->asker->tcp && !tsig_first_time(&key->replays, &j->q.tsig))
		e = TSIG_BADTIME;
	if (e != TSIG_GOOD)
		return bad_tsig(j, e);
	j->key = key;
	return REPLY_NONE;
}

static enum dns_reply answer_query(struct job *j, struct xfr **xfr)
{
	const struct dns_query *q = &j->q;
	enum dns_kind kind = kind_of(q);
	enum dns_reply r = check_tsig(j);
	metric_add(M_DNS_QUERIES, kind, 0, 1);
	if (r != REPLY_NONE)
		return r;
	if (q->opcode != DNS_QUERY)
		return refuse(j, RCODE_NOTIMP);
	if (q->has_edns && q->edns_version)
		return refuse(j, RCODE_BADVERS);
	const struct dns_zone *z = q->class == DNS_IN ? dns_set_find(j->srv->set, &q->name) : NULL;
	if (!z || kind == DNS_KIND_OTHER || !dns_zone_allows(z, j->key, j->asker->ip) ||
	    (kind == DNS_KIND_AXFR && !j->asker->tcp)) {
		log_debug("dns", "event=refused address=%s type=%u", j->asker->text, q->type);
		return refuse(j, RCODE_REFUSED);
	}
	/* an IXFR over UDP: our serial says whether to come back by TCP (RFC 1995 2) */
	if (kind == DNS_KIND_SOA || !j->asker->tcp)
		return answer_soa(j, z);
	return transfer(j, z, xfr);
}

enum dns_reply dns_answer(struct dns_server *s, struct str msg, const struct asker *a, uint8_t *p,
			  size_t max, struct dns_msg *m, struct xfr **xfr)
{
	struct job j = {.srv = s, .msg = msg, .asker = a, .m = m, .p = p, .max = max};
	enum dns_parsed parsed = dns_query_parse(msg, &j.q);
	*xfr = NULL;
	if (parsed == DNS_NO_MESSAGE || j.q.response)
		return REPLY_NONE;
	if (parsed == DNS_MALFORMED) {
		/* nothing of it is repeated but the head */
		j.q.question = STR_NONE;
		j.q.has_edns = j.q.has_tsig = false;
		return refuse(&j, RCODE_FORMERR);
	}
	return answer_query(&j, xfr);
}
