/*
 * uuid.c - UUID text and generation. Version 4 from the kernel's random numbers, version 5 from
 * SHA-1 as RFC 4122 section 4.3 has it.
 */
#include "base/uuid.h"

#include "base/hash.h"

bool uuid_is_nil(struct uuid u)
{
	return uuid_eq(u, UUID_NIL);
}

int uuid_cmp(struct uuid a, struct uuid b)
{
	return memcmp(a.b, b.b, sizeof(a.b));
}

/* Value of a hex digit, inverted: bytes without an entry give 0xff. */
static const uint8_t hex_value[256] = {
#define H(c, v) [c] = (v) ^ 0xff
	H('0', 0), H('1', 1), H('2', 2), H('3', 3), H('4', 4), H('5', 5), H('6', 6), H('7', 7),
	H('8', 8), H('9', 9), H('a', 10), H('b', 11), H('c', 12), H('d', 13), H('e', 14),
	H('f', 15), H('A', 10), H('B', 11), H('C', 12), H('D', 13), H('E', 14), H('F', 15),
#undef H
};

bool uuid_parse(struct str s, struct uuid *out)
{
	static const uint8_t at[16] = {0,  2,  4,  6,  9,  11, 14, 16,
				       19, 21, 24, 26, 28, 30, 32, 34};
	struct uuid u;
	unsigned wrong = 0;

	*out = UUID_NIL;
	if (s.n != UUID_TEXT_LEN || s.p[8] != '-' || s.p[13] != '-' || s.p[18] != '-' ||
	    s.p[23] != '-')
		return false;
	for (size_t i = 0; i < sizeof(u.b); i++) {
		unsigned hi = hex_value[(unsigned char)s.p[at[i]]] ^ 0xffu;
		unsigned lo = hex_value[(unsigned char)s.p[at[i] + 1]] ^ 0xffu;

		wrong |= hi | lo;
		u.b[i] = (uint8_t)(hi << 4 | lo);
	}
	if (wrong > 0xf)
		return false;
	*out = u;
	return true;
}

char *uuid_format(struct uuid u, char out[UUID_TEXT_LEN + 1])
{
	static const char pairs[] =
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f"
		"303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
		"606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f"
		"909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
		"c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeef"
		"f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
	char *p = out;

	for (size_t i = 0; i < sizeof(u.b); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		memcpy(p, pairs + 2 * u.b[i], 2);
		p += 2;
	}
	*p = '\0';
	return out;
}

static struct uuid stamp(struct uuid u, unsigned version)
{
	u.b[6] = (uint8_t)((u.b[6] & 0x0f) | version << 4);
	u.b[8] = (uint8_t)((u.b[8] & 0x3f) | 0x80);
	return u;
}

struct uuid uuid_random(void)
{
	struct uuid u;

	random_bytes(u.b, sizeof(u.b));
	return stamp(u, 4);
}

struct uuid uuid_v5(struct uuid space, struct str name)
{
	struct uuid u;
	uint8_t digest[20];

	hash_sha1_2((struct str){(const char *)space.b, sizeof(space.b)}, name, digest);
	memcpy(u.b, digest, sizeof(u.b));
	return stamp(u, 5);
}
