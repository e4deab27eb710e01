/*
 * msg.h - writing a message: head, question, records with compressed names, until it is full.
 */
#pragma once

#include "dns/query.h"
#include "dns/zone.h"

enum { DNS_MSG_MAX = 65535, DNS_SUFFIXES = 4096 };

/* Names that stand in the message: hash of a suffix, and where it begins. */
struct dns_suffixes {
	uint32_t round; /* entries of earlier messages do not count */
	struct {
		uint32_t hash, round;
		uint16_t at;
	} v[DNS_SUFFIXES];
};

struct dns_msg {
	uint8_t *p; /* the caller's, DNS_MSG_MAX bytes */
	size_t n, max;
	struct dns_suffixes *suffixes; /* the caller's, zero at first; NULL: compress nothing */
	uint16_t counts[4];
	/* the owner of the record before, and where it stands: mostly the next one is "*." before it */
	struct dns_name last;
	uint16_t last_at; /* 0: nowhere */
};

enum dns_section { DNS_ANSWER = 1, DNS_AUTHORITY, DNS_ADDITIONAL };

/* Begin an answer (or with `opcode` NOTIFY and no `answer` a question) of at most `max` bytes. */
void dns_msg_begin(struct dns_msg *m, uint8_t *p, size_t max, struct dns_suffixes *suffixes);
void dns_msg_head(struct dns_msg *m, uint16_t id, uint16_t flags);
/* Bytes of a question as it came. */
void dns_msg_question(struct dns_msg *m, struct str question);
/* Add a record; false when there is no room, and then the message is as before. */
bool dns_msg_record(struct dns_msg *m, enum dns_section s, const struct dns_record *r);
/* EDNS for the answer; false as above. */
bool dns_msg_edns(struct dns_msg *m, unsigned extended_rcode);
/* Write the counts into the head. */
void dns_msg_end(struct dns_msg *m);

/* Flags of the head. */
enum { DNS_QR = 0x8000, DNS_AA = 0x0400, DNS_RD = 0x0100 };

static inline void dns_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}
static inline void dns_put32(uint8_t *p, uint32_t v)
{
	dns_put16(p, (uint16_t)(v >> 16));
	dns_put16(p + 2, (uint16_t)v);
}
