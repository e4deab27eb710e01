/*
 * hash.c - OpenSSL's digests behind plain functions, encodings, and the kernel's random numbers.
 *
 * The digests are fetched once: an implicit fetch at each call costs more than hashing a short
 * value does. A library that cannot hash is no state to go on in, so that ends the process.
 */
#include "base/hash.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

static EVP_MD *md_sha256, *md_sha1, *md_md5;
static EVP_MAC *mac_hmac;
static pthread_once_t md_once = PTHREAD_ONCE_INIT;

static void md_free(void)
{
	EVP_MD_free(md_sha256);
	EVP_MD_free(md_sha1);
	EVP_MD_free(md_md5);
	EVP_MAC_free(mac_hmac);
	md_sha256 = md_sha1 = md_md5 = NULL;
	mac_hmac = NULL;
}

static void md_fetch(void)
{
	md_sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
	md_sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	md_md5 = EVP_MD_fetch(NULL, "MD5", NULL);
	mac_hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	OPENSSL_atexit(md_free);
}

static const EVP_MD *md_get(EVP_MD *const *md)
{
	if (pthread_once(&md_once, md_fetch) != 0 || !*md)
		abort();
	return *md;
}

static void digest2(EVP_MD *const *md, struct str a, struct str b, void *out)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	if (!c || !EVP_DigestInit_ex(c, md_get(md), NULL) || !EVP_DigestUpdate(c, a.p, a.n) ||
	    !EVP_DigestUpdate(c, b.p, b.n) || !EVP_DigestFinal_ex(c, out, NULL))
		abort();
	EVP_MD_CTX_free(c);
}

struct sha256 hash_sha256(struct str s)
{
	struct sha256 d;

	digest2(&md_sha256, s, STR_NONE, d.b);
	return d;
}

void hash_sha1(struct str s, uint8_t out[20])
{
	digest2(&md_sha1, s, STR_NONE, out);
}

void hash_sha1_2(struct str a, struct str b, uint8_t out[20])
{
	digest2(&md_sha1, a, b, out);
}

void hash_md5(struct str s, uint8_t out[16])
{
	digest2(&md_md5, s, STR_NONE, out);
}

struct hash_ctx {
	EVP_MD_CTX *evp;
};

static struct hash_ctx *begin(EVP_MD *const *md)
{
	struct hash_ctx *c = malloc(sizeof(*c));

	if (!c)
		return NULL;
	c->evp = EVP_MD_CTX_new();
	if (!c->evp || !EVP_DigestInit_ex(c->evp, md_get(md), NULL)) {
		hash_abort(c);
		return NULL;
	}
	return c;
}

struct hash_ctx *hash_begin(void)
{
	return begin(&md_sha256);
}

struct hash_ctx *hash_sha1_begin(void)
{
	return begin(&md_sha1);
}

void hash_sha1_end(struct hash_ctx *c, uint8_t out[20])
{
	if (c && !EVP_DigestFinal_ex(c->evp, out, NULL))
		abort();
	hash_abort(c);
}

struct hash_ctx *hash_md5_begin(void)
{
	return begin(&md_md5);
}

void hash_md5_end(struct hash_ctx *c, uint8_t out[16])
{
	if (c && !EVP_DigestFinal_ex(c->evp, out, NULL))
		abort();
	hash_abort(c);
}

void hash_add(struct hash_ctx *c, const void *p, size_t n)
{
	if (c && n && !EVP_DigestUpdate(c->evp, p, n))
		abort();
}

struct sha256 hash_end(struct hash_ctx *c)
{
	struct sha256 d = {{0}};

	if (c && !EVP_DigestFinal_ex(c->evp, d.b, NULL))
		abort();
	hash_abort(c);
	return d;
}

void hash_abort(struct hash_ctx *c)
{
	if (!c)
		return;
	EVP_MD_CTX_free(c->evp);
	free(c);
}

struct sha256 hash_hmac(struct str key, struct str data)
{
	struct sha256 d;

	/* OpenSSL takes a NULL key as "the previous one", so an absent key is an empty one. */
	if (!HMAC(md_get(&md_sha256), key.p ? key.p : "", (int)key.n,
		  (const unsigned char *)(data.p ? data.p : ""), data.n, d.b, NULL))
		abort();
	return d;
}

void hash_hmac_sha1(struct str key, struct str data, uint8_t out[20])
{
	unsigned n = 20;

	if (key.n > INT_MAX ||
	    !HMAC(md_get(&md_sha1), key.n ? key.p : "", (int)key.n, (const unsigned char *)data.p, data.n,
		  out, &n))
		abort();
}

static const struct {
	const char *name;
	size_t size;
} mac_algs[] = {
	[HASH_MAC_SHA256] = {"SHA2-256", 32},
	[HASH_MAC_SHA384] = {"SHA2-384", 48},
	[HASH_MAC_SHA512] = {"SHA2-512", 64},
};

struct hash_mac {
	EVP_MAC_CTX *evp;
};

size_t hash_mac_size(enum hash_mac_alg alg)
{
	return mac_algs[alg].size;
}

struct hash_mac *hash_mac_begin(enum hash_mac_alg alg, struct str key)
{
	struct hash_mac *m = malloc(sizeof(*m));
	char name[16];

	if (!m)
		return NULL;
	md_get(&md_sha256); /* fetches all of them */
	m->evp = EVP_MAC_CTX_new(mac_hmac);
	if (!m->evp) {
		free(m);
		return NULL;
	}
	memcpy(name, mac_algs[alg].name, strlen(mac_algs[alg].name) + 1);
	const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", name, 0),
				     OSSL_PARAM_construct_end()};
	if (!EVP_MAC_init(m->evp, (const unsigned char *)(key.n ? key.p : ""), key.n, params))
		abort();
	return m;
}

void hash_mac_add(struct hash_mac *m, const void *p, size_t n)
{
	if (n && !EVP_MAC_update(m->evp, p, n))
		abort();
}

void hash_mac_end(struct hash_mac *m, uint8_t out[HASH_MAC_MAX])
{
	size_t n = 0;

	if (!EVP_MAC_final(m->evp, out, &n, HASH_MAC_MAX))
		abort();
	EVP_MAC_CTX_free(m->evp);
	free(m);
}

uint64_t hash_64(const void *p, size_t n, uint64_t seed)
{
	return XXH3_64bits_withSeed(p, n, seed);
}

char *hash_hex(const void *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *b = p;

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[b[i] >> 4];
		out[2 * i + 1] = digits[b[i] & 15];
	}
	out[2 * n] = '\0';
	return out;
}

static int hex_digit(char c)
{
	unsigned d = (unsigned)(unsigned char)c;

	if (d - '0' <= 9)
		return (int)(d - '0');
	d |= 0x20;
	return d - 'a' <= 5 ? (int)(d - 'a' + 10) : -1;
}

bool hash_unhex(struct str hex, void *out, size_t n)
{
	uint8_t *b = out;

	if (hex.n != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int hi = hex_digit(hex.p[2 * i]), lo = hex_digit(hex.p[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		b[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

static const char b64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *out, struct str bytes)
{
	const uint8_t *b = (const uint8_t *)bytes.p;
	size_t i = 0;
	char *p;

	if (bytes.n > SIZE_MAX / 4) {
		out->err = ERR_LIMIT;
		return;
	}
	p = buf_reserve(out, (bytes.n + 2) / 3 * 4);
	if (!p)
		return;
	for (; i + 3 <= bytes.n; i += 3) {
		uint32_t v = (uint32_t)b[i] << 16 | (uint32_t)b[i + 1] << 8 | b[i + 2];

		*p++ = b64_digits[v >> 18];
		*p++ = b64_digits[v >> 12 & 63];
		*p++ = b64_digits[v >> 6 & 63];
		*p++ = b64_digits[v & 63];
	}
	if (i < bytes.n) {
		bool two = bytes.n - i == 2;
		uint32_t v = (uint32_t)b[i] << 16 | (two ? (uint32_t)b[i + 1] << 8 : 0);

		*p++ = b64_digits[v >> 18];
		*p++ = b64_digits[v >> 12 & 63];
		*p++ = two ? b64_digits[v >> 6 & 63] : '=';
		*p++ = '=';
	}
	buf_commit(out, (bytes.n + 2) / 3 * 4);
}

static int b64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static bool decode_into(char *p, struct str text, size_t *len)
{
	unsigned digits = 0, pad = 0;
	uint32_t v = 0;
	char *start = p;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		int d;

		if (c == ' ' || (c >= '\t' && c <= '\r'))
			continue;
		if (c == '=') {
			/* Only behind two or three digits, and no more than fill up to four. */
			if (digits + pad >= 4 || digits < 2)
				return false;
			pad++;
			continue;
		}
		d = b64_value(c);
		if (d < 0 || pad)
			return false;
		v = v << 6 | (uint32_t)d;
		if (++digits == 4) {
			*p++ = (char)(v >> 16);
			*p++ = (char)(v >> 8);
			*p++ = (char)v;
			digits = 0;
			v = 0;
		}
	}
	if (digits && digits + pad != 4)
		return false;
	if (digits == 3) {
		*p++ = (char)(v >> 10);
		*p++ = (char)(v >> 2);
	} else if (digits == 2) {
		*p++ = (char)(v >> 4);
	}
	*len = (size_t)(p - start);
	return true;
}

bool base64_decode(struct buf *out, struct str text)
{
	size_t n = 0;
	char *p;

	/* Count first: a buffer with room for just the result must do. */
	for (size_t i = 0; i < text.n; i++)
		n += b64_value(text.p[i]) >= 0;
	p = buf_reserve(out, n / 4 * 3 + (n % 4 ? n % 4 - 1 : 0));
	if (!p || !decode_into(p, text, &n))
		return false;
	buf_commit(out, n);
	return true;
}

void random_bytes(void *p, size_t n)
{
	char *at = p;

	while (n) {
		ssize_t got = getrandom(at, n, 0);

		if (got < 0) {
			if (errno == EINTR)
				continue;
			abort();
		}
		at += got;
		n -= (size_t)got;
	}
}

uint64_t random_u64(void)
{
	uint64_t v;

	random_bytes(&v, sizeof(v));
	return v;
}

bool ct_equal(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}

void secret_wipe(void *p, size_t n)
{
	OPENSSL_cleanse(p, n);
}
