/*
 * msg.c - writing messages. Names are compressed against all that stand in the first 16 KiB, where
 * pointers reach: in a policy zone half of the bytes are the zone's own name and repeated domains.
 */
#include "dns/msg.h"

#include <string.h>

#include "base/own.h"

enum {
	POINTER_MAX = 0x4000,
	LABELS_MAX = 24,   /* of names that are compressed; deeper ones are written as they are */
	EDNS_SIZE = 1232,  /* what we take in UDP: fits any path */
	RECORD_HEAD = 10,  /* type, class, ttl, length */
};

void dns_msg_begin(struct dns_msg *m, uint8_t *p, size_t max, struct dns_suffixes *suffixes)
{
	m->p = p;
	m->n = DNS_HEAD;
	m->max = max;
	m->suffixes = suffixes;
	memset(m->counts, 0, sizeof(m->counts));
	m->last.n = 0;
	m->last_at = 0;
	memset(p, 0, DNS_HEAD);
	if (suffixes && ++suffixes->round == 0) {
		memset(suffixes, 0, sizeof(*suffixes));
		suffixes->round = 1;
	}
}

void dns_msg_head(struct dns_msg *m, uint16_t id, uint16_t flags)
{
	dns_put16(m->p, id);
	dns_put16(m->p + 2, flags);
}

/* Is the name at this place of the message the one given? What we wrote ourselves is sound. */
static bool is_name_at(const struct dns_msg *m, size_t at, struct str name)
{
	size_t i = 0;
	while (at + 1 < m->n) {
		uint8_t len = m->p[at];
		if ((len & 0xc0) == 0xc0) {
			size_t to = (size_t)(len & 0x3f) << 8 | m->p[at + 1];
			if (to >= at)
				return false;
			at = to;
			continue;
		}
		if (name.n - i < 1u + len || memcmp(m->p + at, name.p + i, 1u + len) != 0)
			return false;
		if (!len)
			return true;
		i += 1u + len;
		at += 1u + len;
	}
	return false;
}

/* Where the labels begin; 0 when there are too many. */
static unsigned split(struct str name, uint8_t at[LABELS_MAX])
{
	unsigned n = 0;
	for (size_t i = 0; i < name.n && name.p[i]; i += 1u + (uint8_t)name.p[i]) {
		if (n == LABELS_MAX)
			return 0;
		at[n++] = (uint8_t)i;
	}
	return n;
}

/* Mixes a label into the hash of what stands behind it. Whoever makes names collide gets messages that are a
   little longer: each hit is compared. */
static uint32_t mix(uint32_t h, const char *p, size_t n)
{
	uint64_t x = h ^ UINT64_C(0x9e3779b97f4a7c15), w;
	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&w, p, 8);
		x = (x ^ w) * UINT64_C(0xff51afd7ed558ccd);
		x ^= x >> 32;
	}
	w = n;
	memcpy((char *)&w + 1, p, n);
	x = (x ^ w) * UINT64_C(0xc4ceb9fe1a85ec53);
	return (uint32_t)(x >> 32);
}

/* Write the name; room for all of it is there. */
static void put_name(struct dns_msg *m, struct str name)
{
	uint8_t at[LABELS_MAX];
	unsigned n = m->suffixes ? split(name, at) : 0;
	size_t keep = name.n, pointer = 0;
	struct dns_suffixes *s = m->suffixes;
	uint32_t h[LABELS_MAX], last = 0;
	for (unsigned i = n; i-- > 0;)
		h[i] = last = mix(last, name.p + at[i], 1u + (uint8_t)name.p[at[i]]);
	/* from the longest suffix on: what is not known will stand here, and only that is noted (a shorter one may
	   have been forgotten where a longer one is known) */
	for (unsigned i = 0; i < n && !pointer; i++) {
		unsigned slot = h[i] % DNS_SUFFIXES;
		if (s->v[slot].round == s->round && s->v[slot].hash == h[i] &&
		    is_name_at(m, s->v[slot].at, str_sub(name, at[i], SIZE_MAX))) {
			keep = at[i];
			pointer = s->v[slot].at;
		} else if (m->n + at[i] < POINTER_MAX) {
			s->v[slot].round = s->round;
			s->v[slot].hash = h[i];
			s->v[slot].at = (uint16_t)(m->n + at[i]);
		}
	}
	memcpy(m->p + m->n, name.p, keep);
	m->n += keep;
	if (pointer) {
		dns_put16(m->p + m->n, (uint16_t)(0xc000 | pointer));
		m->n += 2;
	}
}

/* The owner of a record. A wildcard of the name before points to it at once. */
static void put_owner(struct dns_msg *m, struct str name)
{
	if (m->last_at && name.n == m->last.n + 2u && name.p[0] == 1 && name.p[1] == '*' &&
	    memcmp(name.p + 2, m->last.b, m->last.n) == 0) {
		memcpy(m->p + m->n, name.p, 2);
		dns_put16(m->p + m->n + 2, (uint16_t)(0xc000 | m->last_at));
		m->n += 4;
		return;
	}
	m->last_at = m->suffixes && m->n < POINTER_MAX && name.n <= sizeof(m->last.b) ? (uint16_t)m->n : 0;
	if (m->last_at) {
		memcpy(m->last.b, name.p, name.n);
		m->last.n = (uint8_t)name.n;
	}
	put_name(m, name);
}

void dns_msg_question(struct dns_msg *m, struct str question)
{
	if (m->max - m->n < question.n)
		return;
	/* kept as it came, in the asker's case; a name without pointers and four bytes behind it */
	if (m->suffixes && question.n > 4) {
		size_t before = m->n;
		struct dns_name zone;
		size_t at = 0;
		if (dns_name_read(question, &at, &zone))
			put_name(m, dns_name_str(&zone));
		m->n = before;
	}
	memcpy(m->p + m->n, question.p, question.n);
	m->n += question.n;
	m->counts[0]++;
}

bool dns_msg_record(struct dns_msg *m, enum dns_section s, const struct dns_record *r)
{
	/* as long as it is uncompressed: near the end of a message it does not matter */
	if (m->max - m->n < r->owner.n + RECORD_HEAD + r->rdata.n || m->counts[s] == UINT16_MAX)
		return false;
	put_owner(m, r->owner);
	uint8_t *head = m->p + m->n;
	dns_put16(head, r->type);
	dns_put16(head + 2, DNS_IN);
	dns_put32(head + 4, r->ttl);
	m->n += RECORD_HEAD;
	if (r->type == DNS_CNAME || r->type == DNS_NS) {
		put_name(m, r->rdata);
	} else {
		memcpy(m->p + m->n, r->rdata.p, r->rdata.n);
		m->n += r->rdata.n;
	}
	dns_put16(head + 8, (uint16_t)(m->p + m->n - head - RECORD_HEAD));
	m->counts[s]++;
	return true;
}

bool dns_msg_edns(struct dns_msg *m, unsigned extended_rcode)
{
	uint8_t *p = m->p + m->n;
	if (m->max - m->n < 1 + RECORD_HEAD)
		return false;
	memset(p, 0, 1 + RECORD_HEAD);
	dns_put16(p + 1, DNS_OPT);
	dns_put16(p + 3, EDNS_SIZE);
	p[5] = (uint8_t)(extended_rcode >> 4);
	m->n += 1 + RECORD_HEAD;
	m->counts[DNS_ADDITIONAL]++;
	return true;
}

void dns_msg_end(struct dns_msg *m)
{
	for (unsigned i = 0; i < ARRAY_LEN(m->counts); i++)
		dns_put16(m->p + 4 + 2 * i, m->counts[i]);
}
