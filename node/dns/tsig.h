/*
 * tsig.h - signatures of messages under shared keys (RFC 8945).
 *
 * Full-length MACs only, compared in constant time; a window of at most five minutes, whatever the
 * other end's fudge is; a request for a transfer is good once.
 */
#pragma once

#include "base/hash.h"
#include "dns/msg.h"
#include "dns/query.h"

enum { TSIG_FUDGE = 300, TSIG_SECRET_MAX = 256, TSIG_REPLAYS = 512 };
enum tsig_error {
	TSIG_GOOD = 0,
	TSIG_FORMERR = 1, /* a MAC of impossible length: no TSIG in the answer */
	TSIG_BADSIG = 16,
	TSIG_BADKEY = 17,
	TSIG_BADTIME = 18,
	TSIG_BADTRUNC = 22,
};

/*
 * Requests that were served already and whose time would still do. When it is full the oldest is
 * forgotten, and with it everything that was signed before: that is refused then.
 */
struct tsig_replays {
	struct {
		uint64_t time;
		uint8_t mac[16];
	} v[TSIG_REPLAYS];
	size_t at;
	uint64_t floor; /* signed before this: not taken any more */
};

struct dns_key {
	struct dns_name name;
	enum hash_mac_alg alg;
	uint8_t secret[TSIG_SECRET_MAX];
	size_t secret_n;
	struct tsig_replays replays;
};

/* "hmac-sha256" and so on; false for what is not spoken here. */
bool tsig_alg(struct str name, enum hash_mac_alg *out);
const char *tsig_alg_name(enum hash_mac_alg alg);

/* One exchange: the key and the last MAC, which the next message's covers. */
struct tsig_chain {
	const struct dns_key *key;
	uint8_t mac[HASH_MAC_MAX];
	size_t mac_n;
	bool continued; /* the first answer was signed: later ones cover times only */
};

/*
 * Check a request that came with TSIG; `key` is the one of its name and algorithm, or NULL. The
 * chain is ready to sign the answer, and has no key where that goes out unsigned.
 */
enum tsig_error tsig_check(struct str msg, const struct dns_query *q, const struct dns_key *key,
			   int64_t now, struct tsig_chain *chain);
/* Check an answer to what the chain signed last. */
bool tsig_check_answer(struct str msg, const struct dns_query *q, const struct tsig_chain *chain,
		       int64_t now);
/* Bytes that tsig_sign() or tsig_refuse() add at most. */
size_t tsig_room(const struct dns_key *key);
/*
 * Sign a finished message. False when out of memory. `error` TSIG_BADTIME and the time of the request
 * tell the other end how far its clock is off.
 */
bool tsig_sign(struct dns_msg *m, struct tsig_chain *chain, int64_t now, enum tsig_error error,
	       const struct dns_tsig *request);
/* The unsigned record that names an error of the request's TSIG. */
void tsig_refuse(struct dns_msg *m, const struct dns_tsig *request, enum tsig_error error);

/* Is the request new? Notes it. */
bool tsig_first_time(struct tsig_replays *r, const struct dns_tsig *t);
