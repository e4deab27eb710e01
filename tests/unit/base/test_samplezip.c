/*
 * test_samplezip.c - the zip of a sample, unpacked by a reader of our own made from the format's text.
 */
#include "base/samplezip.h"

#include "tests/tap/tap.h"

static uint32_t crc_byte(uint32_t c, uint8_t b)
{
	c ^= b;
	for (int k = 0; k < 8; k++)
		c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
	return c;
}

static uint32_t keys[3];

static void update(uint8_t plain)
{
	keys[0] = crc_byte(keys[0], plain);
	keys[1] = (keys[1] + (keys[0] & 0xff)) * 134775813u + 1;
	keys[2] = crc_byte(keys[2], (uint8_t)(keys[1] >> 24));
}

static uint32_t le(const char *p, int n)
{
	uint32_t v = 0;
	while (n--)
		v = v << 8 | (uint8_t)p[n];
	return v;
}

/* The entry at `p` holds these bytes under this name; returns where it ends. */
static const char *entry(const char *p, struct str name, struct str want)
{
	is_uint(le(p, 4), 0x04034b50, "head of an entry");
	is_uint(le(p + 6, 2), 1, "encrypted, and nothing else");
	is_uint(le(p + 8, 2), 0, "stored");
	is_uint(le(p + 22, 4), want.n, "length");
	is_uint(le(p + 18, 4), want.n + 12, "length with the head of the encryption");
	is_uint(le(p + 26, 2), name.n, "length of the name");
	is_mem(p + 30, name.p, name.n, "name");
	const char *in = p + 30 + name.n;
	keys[0] = 0x12345678;
	keys[1] = 0x23456789;
	keys[2] = 0x34567890;
	for (const char *c = "infected"; *c; c++)
		update((uint8_t)*c);
	uint32_t crc = ~0u;
	bool same = true;
	for (size_t i = 0; i < want.n + 12; i++) {
		uint32_t x = (keys[2] & 0xffff) | 2;
		uint8_t plain = (uint8_t)in[i] ^ (uint8_t)(x * (x ^ 1) >> 8);
		update(plain);
		if (i == 11)
			is_uint(plain, le(p + 14, 4) >> 24, "check byte");
		if (i < 12)
			continue;
		crc = crc_byte(crc, plain);
		same &= plain == (uint8_t)want.p[i - 12];
	}
	ok(same, "content");
	is_uint(~crc, le(p + 14, 4), "checksum");
	return in + 12 + want.n;
}

int main(void)
{
	OWN(buf) struct buf b = BUF(1 << 20), small = BUF(40), none = BUF(1 << 20);
	buf_puts(&b, "before");
	is_ok(samplezip_make(&b, STR("keel.bin"), STR("MZ\x90\0keel")), "made");
	const char *p = b.p + 6;
	ok(samplezip_is((struct str){p, b.n - 6}), "it looks like one");
	p = entry(p, STR("0f4f13719afbdd523439be9023f24d62"), STR("MZ\x90\0keel"));
	p = entry(p, STR("0f4f13719afbdd523439be9023f24d62.filename.txt"), STR("keel.bin"));
	is_uint(le(p, 4), 0x02014b50, "then the directory");
	const char *end = b.p + b.n - 22;
	is_uint(le(end, 4), 0x06054b50, "and its end");
	is_uint(le(end + 10, 2), 2, "two entries");
	is_uint(le(end + 16, 4), (uint32_t)(p - b.p - 6), "the directory's place");
	is_ok(samplezip_make(&none, STR(""), STR("")), "nothing at all");
	is_err(samplezip_make(&small, STR("x"), STR("y")), ERR_LIMIT, "no room");
	ok(!samplezip_is(STR("PK")), "too short");
	return done_testing();
}
