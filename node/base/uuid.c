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

static inline int hex_digit(char c)
{
	unsigned d = (unsigned)(unsigned char)c;

	if (d - '0' <= 9)
		return (int)(d - '0');
	d |= 0x20;
	return d - 'a' <= 5 ? (int)(d - 'a' + 10) : -1;
}

bool uuid_parse(struct str s, struct uuid *out)
{
	struct uuid u;
	size_t at = 0;

	*out = UUID_NIL;
	if (s.n != UUID_TEXT_LEN)
		return false;
	for (size_t i = 0; i < sizeof(u.b); i++) {
		int hi, lo;

		if (i == 4 || i == 6 || i == 8 || i == 10)
			if (s.p[at++] != '-')
				return false;
		hi = hex_digit(s.p[at++]);
		lo = hex_digit(s.p[at++]);
		if (hi < 0 || lo < 0)
			return false;
		u.b[i] = (uint8_t)(hi << 4 | lo);
	}
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
