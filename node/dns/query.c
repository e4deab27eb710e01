/*
 * query.c - the parser of messages (RFC 1035 4, RFC 6891, RFC 8945 4.2). Fuzzed: it reads what anybody
 * sends. One interpretation: a message that leaves room for another is malformed.
 */
#include "dns/query.h"

#include "base/own.h"
#include "dns/zone.h"

struct reader {
	struct str msg;
	size_t at;
	bool bad;
};

static uint64_t number(struct reader *r, size_t bytes)
{
	uint64_t v = 0;
	if (r->bad || r->msg.n - r->at < bytes) {
		r->bad = true;
		return 0;
	}
	while (bytes--)
		v = v << 8 | (uint8_t)r->msg.p[r->at++];
	return v;
}

static uint16_t u16(struct reader *r)
{
	return (uint16_t)number(r, 2);
}

static struct str bytes(struct reader *r, size_t n)
{
	struct str s = STR_NONE;
	if (r->bad || r->msg.n - r->at < n)
		r->bad = true;
	else
		s = (struct str){r->msg.p + r->at, n};
	r->at += s.n;
	return s;
}

static void name(struct reader *r, struct dns_name *out)
{
	if (!r->bad && !dns_name_read(r->msg, &r->at, out))
		r->bad = true;
}

struct rr {
	struct dns_name owner;
	uint16_t type, class;
	uint32_t ttl;
	size_t at, rdata, end;
};

/* Without compression: RFC 8945 4.2 wants it so, and the digest is of these bytes. */
static void read_tsig(struct reader *r, const struct rr *rr, struct dns_query *q)
{
	struct dns_tsig *t = &q->tsig;
	if (q->has_tsig || rr->class != DNS_ANY || rr->ttl)
		r->bad = true;
	q->has_tsig = true;
	t->key = rr->owner;
	t->at = rr->at;
	name(r, &t->algorithm);
	t->time = number(r, 6);
	t->fudge = u16(r);
	t->mac = bytes(r, u16(r));
	t->original_id = u16(r);
	t->error = u16(r);
	t->other = bytes(r, u16(r));
}

static void read_opt(struct reader *r, const struct rr *rr, struct dns_query *q)
{
	if (q->has_edns || rr->owner.n != 1)
		r->bad = true;
	q->has_edns = true;
	q->edns_size = rr->class;
	q->edns_version = (uint8_t)(rr->ttl >> 16);
	bytes(r, rr->end - rr->rdata); /* options: none matters here */
}

static void read_soa(struct reader *r, struct dns_query *q)
{
	struct dns_name ignored;
	name(r, &ignored);
	name(r, &ignored);
	q->serial = (uint32_t)number(r, 4);
	bytes(r, 16);
	q->has_soa = true;
}

enum section { ANSWER, AUTHORITY, ADDITIONAL };

static void record(struct reader *r, enum section s, struct dns_query *q)
{
	struct rr rr = {.at = r->at};
	name(r, &rr.owner);
	rr.type = u16(r);
	rr.class = u16(r);
	rr.ttl = (uint32_t)number(r, 4);
	size_t n = u16(r);
	rr.rdata = r->at;
	rr.end = r->at + n;
	if (r->bad || r->msg.n - r->at < n || q->has_tsig) { /* nothing stands behind TSIG */
		r->bad = true;
		return;
	}
	if (rr.type == DNS_TSIG || rr.type == DNS_OPT) {
		if (s != ADDITIONAL)
			r->bad = true;
		else if (rr.type == DNS_TSIG)
			read_tsig(r, &rr, q);
		else
			read_opt(r, &rr, q);
	} else if (rr.type == DNS_SOA && s != ADDITIONAL && rr.class == DNS_IN && !q->has_soa &&
		   dns_name_eq(&rr.owner, &q->name)) {
		read_soa(r, q);
	} else {
		bytes(r, n);
	}
	if (r->at != rr.end)
		r->bad = true;
}

enum dns_parsed dns_query_parse(struct str msg, struct dns_query *out)
{
	struct reader r = {.msg = msg};
	uint16_t counts[4];
	*out = (struct dns_query){0};
	if (msg.n < DNS_HEAD)
		return DNS_NO_MESSAGE;
	out->id = u16(&r);
	uint16_t flags = u16(&r);
	out->response = flags & 0x8000;
	out->opcode = flags >> 11 & 15;
	out->recursion_desired = flags & 0x0100;
	out->rcode = flags & 15;
	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		counts[i] = u16(&r);
	if (counts[0] != 1)
		return DNS_MALFORMED;
	name(&r, &out->name);
	out->type = u16(&r);
	out->class = u16(&r);
	if (r.bad)
		return DNS_MALFORMED;
	out->question = (struct str){msg.p + DNS_HEAD, r.at - DNS_HEAD};
	for (enum section s = ANSWER; s <= ADDITIONAL; s++)
		for (unsigned i = 0; i < counts[s + 1] && !r.bad; i++)
			record(&r, s, out);
	return r.bad || r.at != msg.n ? DNS_MALFORMED : DNS_PARSED;
}
