/* hash.h - digests, encodings, random bytes, constant-time comparison. OpenSSL's home. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct sha256 {
	uint8_t b[32];
};

struct sha256 hash_sha256(struct str s);
void hash_sha1(struct str s, uint8_t out[20]);
/* SHA-1 of two pieces set one behind the other. */
void hash_sha1_2(struct str a, struct str b, uint8_t out[20]);
void hash_md5(struct str s, uint8_t out[16]);
/* Incremental SHA-256. */
struct hash_ctx;
struct hash_ctx *hash_begin(void);
void hash_add(struct hash_ctx *c, const void *p, size_t n);
struct sha256 hash_end(struct hash_ctx *c); /* frees c; NULL gives zeros */
void hash_abort(struct hash_ctx *c);
/* Incremental SHA-1, for ETags as MISP makes them. */
struct hash_ctx *hash_sha1_begin(void);
void hash_sha1_end(struct hash_ctx *c, uint8_t out[20]); /* frees c */
/* Incremental MD5, for files of those who still compare it. */
struct hash_ctx *hash_md5_begin(void);
void hash_md5_end(struct hash_ctx *c, uint8_t out[16]); /* frees c */
/* HMAC-SHA-256. */
struct sha256 hash_hmac(struct str key, struct str data);
/* HMAC-SHA-1, for one-time codes. */
void hash_hmac_sha1(struct str key, struct str data, uint8_t out[20]);
/* HMAC of pieces. */
enum hash_mac_alg { HASH_MAC_SHA256, HASH_MAC_SHA384, HASH_MAC_SHA512 };
enum { HASH_MAC_MAX = 64 };
size_t hash_mac_size(enum hash_mac_alg alg);
struct hash_mac;
/* NULL when out of memory. */
struct hash_mac *hash_mac_begin(enum hash_mac_alg alg, struct str key);
void hash_mac_add(struct hash_mac *m, const void *p, size_t n);
/* Write hash_mac_size() bytes; frees m. */
void hash_mac_end(struct hash_mac *m, uint8_t out[HASH_MAC_MAX]);
/* 64-bit keyed hash for tables (xxHash3). Not for security. */
uint64_t hash_64(const void *p, size_t n, uint64_t seed);
/* Lower-case hex of `n` bytes and a NUL; out holds 2n+1. Returns out. */
char *hash_hex(const void *p, size_t n, char *out);
bool hash_unhex(struct str hex, void *out, size_t n);
/* Base64 with padding; decoding ignores ASCII white space, false on anything else. */
void base64_encode(struct buf *out, struct str bytes);
bool base64_decode(struct buf *out, struct str text);
/* Random bytes from the kernel; never fails (aborts when the kernel has none). */
void random_bytes(void *p, size_t n);
uint64_t random_u64(void);
/* Compare without telling by the time where they differ. */
bool ct_equal(const void *a, const void *b, size_t n);
/* Overwrite so that the compiler does not drop it. */
void secret_wipe(void *p, size_t n);
