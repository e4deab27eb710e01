/*
 * tsig.c - TSIG (RFC 8945): digests as in 4.3, answers over several messages as in 5.3.1.
 */
#include "dns/tsig.h"

#include "base/own.h"

static const struct alg {
	const char *name;
	struct str wire;
} algs[] = {
	[HASH_MAC_SHA256] = {"hmac-sha256", {"\x0bhmac-sha256", 13}},
	[HASH_MAC_SHA384] = {"hmac-sha384", {"\x0bhmac-sha384", 13}},
	[HASH_MAC_SHA512] = {"hmac-sha512", {"\x0bhmac-sha512", 13}},
};

bool tsig_alg(struct str name, enum hash_mac_alg *out)
{
	for (unsigned i = 0; i < ARRAY_LEN(algs); i++)
		if (str_eq_nocase(name, str_c(algs[i].name))) {
			*out = (enum hash_mac_alg)i;
			return true;
		}
	return false;
}

const char *tsig_alg_name(enum hash_mac_alg alg)
{
	return algs[alg].name;
}

static void add16(struct hash_mac *m, uint16_t v)
{
	uint8_t b[2];
	dns_put16(b, v);
	hash_mac_add(m, b, 2);
}

static void put48(uint8_t *p, uint64_t v)
{
	dns_put16(p, (uint16_t)(v >> 32));
	dns_put32(p + 2, (uint32_t)v);
}

static void add_str(struct hash_mac *m, struct str s)
{
	hash_mac_add(m, s.p, s.n);
}

/* What of the record is signed; `timers` only in the second and later messages of an answer. */
struct variables {
	struct str key, alg, other;
	uint64_t time;
	uint16_t fudge, error;
	bool timers;
};

static void add_variables(struct hash_mac *m, const struct variables *v)
{
	uint8_t time[6];
	put48(time, v->time);
	if (!v->timers) {
		add_str(m, v->key);
		add16(m, DNS_ANY);
		hash_mac_add(m, "\0\0\0\0", 4);
		add_str(m, v->alg);
	}
	hash_mac_add(m, time, sizeof(time));
	add16(m, v->fudge);
	if (v->timers)
		return;
	add16(m, v->error);
	add16(m, (uint16_t)v->other.n);
	add_str(m, v->other);
}

static void add_prior(struct hash_mac *m, const struct tsig_chain *c)
{
	if (!c->mac_n)
		return;
	add16(m, (uint16_t)c->mac_n);
	hash_mac_add(m, c->mac, c->mac_n);
}

/* The message as it was before the record was added: its own id, one record less. */
static void add_received(struct hash_mac *m, struct str msg, const struct dns_tsig *t)
{
	uint8_t head[DNS_HEAD];
	memcpy(head, msg.p, DNS_HEAD);
	dns_put16(head, t->original_id);
	dns_put16(head + 10, (uint16_t)((head[10] << 8 | head[11]) - 1));
	hash_mac_add(m, head, DNS_HEAD);
	hash_mac_add(m, msg.p + DNS_HEAD, t->at - DNS_HEAD);
}

static bool digest_received(struct str msg, const struct dns_tsig *t, const struct dns_key *key,
			    const struct tsig_chain *prior, uint8_t out[HASH_MAC_MAX])
{
	struct hash_mac *m =
		hash_mac_begin(key->alg, (struct str){(const char *)key->secret, key->secret_n});
	if (!m)
		return false;
	if (prior)
		add_prior(m, prior);
	add_received(m, msg, t);
	add_variables(m, &(struct variables){.key = dns_name_str(&t->key),
					     .alg = dns_name_str(&t->algorithm),
					     .other = t->other,
					     .time = t->time,
					     .fudge = t->fudge,
					     .error = t->error});
	hash_mac_end(m, out);
	return true;
}

static bool in_window(const struct dns_tsig *t, int64_t now)
{
	int64_t off = now - (int64_t)t->time, most = MIN(t->fudge, TSIG_FUDGE);
	return off <= most && -off <= most;
}

enum tsig_error tsig_check(struct str msg, const struct dns_query *q, const struct dns_key *key,
			   int64_t now, struct tsig_chain *chain)
{
	const struct dns_tsig *t = &q->tsig;
	uint8_t want[HASH_MAC_MAX];
	*chain = (struct tsig_chain){0};
	if (!key || !str_eq(dns_name_str(&t->algorithm), algs[key->alg].wire))
		return TSIG_BADKEY;
	size_t full = hash_mac_size(key->alg);
	if (t->mac.n > full || t->mac.n < full / 2) /* 5.2.2.1 */
		return TSIG_FORMERR;
	if (t->mac.n < full)
		return TSIG_BADTRUNC;
	if (!digest_received(msg, t, key, NULL, want) || !ct_equal(want, t->mac.p, full))
		return TSIG_BADSIG;
	chain->key = key;
	memcpy(chain->mac, want, full);
	chain->mac_n = full;
	return in_window(t, now) ? TSIG_GOOD : TSIG_BADTIME;
}

bool tsig_check_answer(struct str msg, const struct dns_query *q, const struct tsig_chain *chain,
		       int64_t now)
{
	const struct dns_tsig *t = &q->tsig;
	uint8_t want[HASH_MAC_MAX];
	size_t full = hash_mac_size(chain->key->alg);
	return q->has_tsig && dns_name_eq(&t->key, &chain->key->name) && t->mac.n == full &&
	       str_eq(dns_name_str(&t->algorithm), algs[chain->key->alg].wire) &&
	       digest_received(msg, t, chain->key, chain, want) && ct_equal(want, t->mac.p, full) &&
	       in_window(t, now) && t->error == TSIG_GOOD;
}

/* ---- signing ---- */

/* name, record head, algorithm, time, fudge, MAC, id, error, other data of a bad time */
static size_t room(struct str key, struct str alg, size_t mac)
{
	return key.n + 10 + alg.n + 6 + 2 + 2 + mac + 2 + 2 + 2 + 6;
}

size_t tsig_room(const struct dns_key *key)
{
	return room(dns_name_str(&key->name), algs[key->alg].wire, hash_mac_size(key->alg));
}

static void put(struct dns_msg *m, const void *p, size_t n)
{
	memcpy(m->p + m->n, p, n);
	m->n += n;
}

static void put16(struct dns_msg *m, uint16_t v)
{
	dns_put16(m->p + m->n, v);
	m->n += 2;
}

static void append(struct dns_msg *m, const struct variables *v, struct str mac, uint16_t id)
{
	uint8_t head[8] = {0}, time[6];
	put(m, v->key.p, v->key.n);
	dns_put16(head, DNS_TSIG);
	dns_put16(head + 2, DNS_ANY);
	put(m, head, sizeof(head));
	put16(m, (uint16_t)(v->alg.n + 6 + 2 + 2 + mac.n + 2 + 2 + 2 + v->other.n));
	put(m, v->alg.p, v->alg.n);
	put48(time, v->time);
	put(m, time, sizeof(time));
	put16(m, v->fudge);
	put16(m, (uint16_t)mac.n);
	if (mac.n)
		put(m, mac.p, mac.n);
	put16(m, id);
	put16(m, v->error);
	put16(m, (uint16_t)v->other.n);
	if (v->other.n)
		put(m, v->other.p, v->other.n);
	m->counts[DNS_ADDITIONAL]++;
	dns_msg_end(m);
}

bool tsig_sign(struct dns_msg *m, struct tsig_chain *chain, int64_t now, enum tsig_error error,
	       const struct dns_tsig *request)
{
	const struct dns_key *key = chain->key;
	uint8_t ours[6];
	struct variables v = {.key = dns_name_str(&key->name),
			      .alg = algs[key->alg].wire,
			      .time = (uint64_t)now,
			      .fudge = TSIG_FUDGE,
			      .error = (uint16_t)error,
			      .timers = chain->continued};
	if (error == TSIG_BADTIME && request) { /* 5.2.3 */
		put48(ours, (uint64_t)now);
		v.time = request->time;
		v.other = (struct str){(const char *)ours, sizeof(ours)};
	}
	struct hash_mac *h =
		hash_mac_begin(key->alg, (struct str){(const char *)key->secret, key->secret_n});
	if (!h)
		return false;
	add_prior(h, chain);
	hash_mac_add(h, m->p, m->n);
	add_variables(h, &v);
	hash_mac_end(h, chain->mac);
	chain->mac_n = hash_mac_size(key->alg);
	chain->continued = true;
	append(m, &v, (struct str){(const char *)chain->mac, chain->mac_n},
	       (uint16_t)(m->p[0] << 8 | m->p[1]));
	return true;
}

void tsig_refuse(struct dns_msg *m, const struct dns_tsig *request, enum tsig_error error)
{
	struct variables v = {.key = dns_name_str(&request->key),
			      .alg = dns_name_str(&request->algorithm),
			      .time = request->time,
			      .fudge = request->fudge,
			      .error = (uint16_t)error};
	if (m->max - m->n >= room(v.key, v.alg, 0))
		append(m, &v, STR_NONE, request->original_id);
}

/* ---- replays ---- */

bool tsig_first_time(struct tsig_replays *r, const struct dns_tsig *t)
{
	size_t n = sizeof(r->v[0].mac);
	if (t->mac.n < n || t->time < r->floor)
		return false;
	for (size_t i = 0; i < TSIG_REPLAYS; i++)
		if (r->v[i].time == t->time && memcmp(r->v[i].mac, t->mac.p, n) == 0)
			return false;
	r->floor = MAX(r->floor, r->v[r->at].time ? r->v[r->at].time + 1 : 0);
	r->v[r->at].time = t->time;
	memcpy(r->v[r->at].mac, t->mac.p, n);
	r->at = (r->at + 1) % TSIG_REPLAYS;
	return true;
}
