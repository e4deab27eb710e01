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
	static const char digits[] = "0123456789abcdef";
	char *p = out;

	for (size_t i = 0; i < sizeof(u.b); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = digits[u.b[i] >> 4];
		*p++ = digits[u.b[i] & 15];
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
