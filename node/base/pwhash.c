/*
 * pwhash.c - digests of passwords.
 *
 * Lanes are computed one after the other: no threads are started in a confined process, the digest is
 * the same. Earlier nodes wrote PBKDF2 ("pbkdf2$rounds$salt$hash"), which is read and never written.
 */
#include "base/pwhash.h"

#include <argon2.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/own.h"

#define SALT 16u
#define HASH 32u
#define MEMORY_MAX (1u << 20) /* KiB */
#define PASSES_MAX 100u
#define LANES_MAX 16u
#define ROUNDS_MAX 10000000u

struct phc {
	struct pwhash_cost cost;
	uint8_t salt[SALT], hash[HASH];
};

/* ---- PHC's text: base64 without padding ---- */

static void put64(struct buf *out, const uint8_t *p, size_t n)
{
	OWN(buf) struct buf b = BUF(256);
	base64_encode(&b, (struct str){(const char *)p, n});
	struct str s = buf_str(&b);
	while (s.n && s.p[s.n - 1] == '=')
		s.n--;
	buf_add(out, s.p, s.n);
}

static bool get64(struct str s, uint8_t *to, size_t n)
{
	OWN(buf) struct buf text = BUF(256), bytes = BUF(256);
	if (s.n > 128 || str_chr(s, '=') >= 0)
		return false;
	buf_add(&text, s.p, s.n);
	while (text.n % 4)
		buf_putc(&text, '=');
	if (!base64_decode(&bytes, buf_str(&text)) || bytes.n != n)
		return false;
	memcpy(to, bytes.p, n);
	return true;
}

static bool number(struct str s, const char *name, uint32_t least, uint32_t most, uint32_t *to)
{
	uint64_t v;
	if (!str_has_prefix(s, str_c(name)) || !str_u64(str_sub(s, strlen(name), SIZE_MAX), &v) ||
	    v < least || v > most)
		return false;
	*to = (uint32_t)v;
	return true;
}

static bool read_phc(struct str s, struct phc *p)
{
	struct str part[6], cost[3];
	for (unsigned i = 0; i < 6; i++)
		s = str_split(s, '$', &part[i]);
	if (s.p || part[0].n || !str_is(part[1], "argon2id") || !str_is(part[2], "v=19"))
		return false;
	for (unsigned i = 0; i < 3; i++)
		part[3] = str_split(part[3], ',', &cost[i]);
	return !part[3].p && number(cost[0], "m=", 8, MEMORY_MAX, &p->cost.memory_kib) &&
	       number(cost[1], "t=", 1, PASSES_MAX, &p->cost.passes) &&
	       number(cost[2], "p=", 1, LANES_MAX, &p->cost.lanes) &&
	       get64(part[4], p->salt, SALT) && get64(part[5], p->hash, HASH);
}

/* ---- Argon2id ---- */

static enum err compute(struct str password, struct str secret, struct phc *p, struct fail *f)
{
	argon2_context c = {
		.out = p->hash,
		.outlen = HASH,
		.pwd = (uint8_t *)(uintptr_t)password.p,
		.pwdlen = (uint32_t)password.n,
		.salt = p->salt,
		.saltlen = SALT,
		.secret = (uint8_t *)(uintptr_t)secret.p,
		.secretlen = (uint32_t)secret.n,
		.t_cost = p->cost.passes,
		.m_cost = p->cost.memory_kib,
		.lanes = p->cost.lanes,
		.threads = 1,
		.version = ARGON2_VERSION_13,
		.flags = ARGON2_DEFAULT_FLAGS,
	};
	int code = argon2id_ctx(&c);
	if (code == ARGON2_OK)
		return ERR_OK;
	return fail(f, code == ARGON2_MEMORY_ALLOCATION_ERROR ? ERR_NOMEM : ERR_BUG,
		    "argon2 failed: code %d", code);
}

enum err pwhash_make(struct str password, struct str secret, const struct pwhash_cost *cost,
		     struct buf *out, struct fail *f)
{
	struct phc p = {.cost = *cost};
	random_bytes(p.salt, SALT);
	enum err e = compute(password, secret, &p, f);
	if (e == ERR_OK) {
		buf_printf(out, "$argon2id$v=19$m=%u,t=%u,p=%u$", cost->memory_kib, cost->passes,
			   cost->lanes);
		put64(out, p.salt, SALT);
		buf_putc(out, '$');
		put64(out, p.hash, HASH);
		e = buf_err(out);
	}
	secret_wipe(&p, sizeof(p));
	return e;
}

/* ---- PBKDF2 with HMAC-SHA-256, one block ---- */

static bool is_pbkdf2(struct str password, struct str stored)
{
	struct str part[4];
	uint8_t salt[20] = {[19] = 1}, want[32];
	uint64_t rounds;
	for (unsigned i = 0; i < 4; i++)
		stored = str_split(stored, '$', &part[i]);
	if (stored.p || !str_is(part[0], "pbkdf2") || !str_u64(part[1], &rounds) || !rounds ||
	    rounds > ROUNDS_MAX || !hash_unhex(part[2], salt, 16) ||
	    !hash_unhex(part[3], want, sizeof(want)))
		return false;
	struct sha256 u = hash_hmac(password, (struct str){(char *)salt, sizeof(salt)}), sum = u;
	for (uint64_t i = 1; i < rounds; i++) {
		u = hash_hmac(password, (struct str){(char *)u.b, sizeof(u.b)});
		for (size_t k = 0; k < sizeof(sum.b); k++)
			sum.b[k] ^= u.b[k];
	}
	return ct_equal(sum.b, want, sizeof(want));
}

enum err pwhash_check(struct str password, struct str secret, struct str stored, struct fail *f)
{
	struct phc p, mine;
	if (!read_phc(stored, &p))
		return is_pbkdf2(password, stored) ? ERR_OK : ERR_AUTH;
	mine = p;
	enum err e = compute(password, secret, &mine, f);
	if (e == ERR_OK && !ct_equal(mine.hash, p.hash, HASH))
		e = ERR_AUTH;
	secret_wipe(&mine, sizeof(mine));
	return e;
}

bool pwhash_is_stale(struct str stored, const struct pwhash_cost *cost)
{
	struct phc p;
	return !read_phc(stored, &p) || p.cost.memory_kib != cost->memory_kib ||
	       p.cost.passes != cost->passes || p.cost.lanes != cost->lanes;
}
