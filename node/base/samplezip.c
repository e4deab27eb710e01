/*
 * samplezip.c - a zip of stored entries with the traditional encryption (PKWARE's APPNOTE 6.1). Never
 * unpacks anything.
 */
#include "base/samplezip.h"

#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/hash.h"

struct crc_table {
	uint32_t v[256];
};

static struct crc_table crc_table(void)
{
	struct crc_table t;
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (int k = 0; k < 8; k++)
			c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
		t.v[i] = c;
	}
	return t;
}

static uint32_t crc_step(const struct crc_table *t, uint32_t c, uint8_t b)
{
	return t->v[(c ^ b) & 0xff] ^ c >> 8;
}

static uint32_t crc_of(const struct crc_table *t, struct str s)
{
	uint32_t c = ~0u;
	for (size_t i = 0; i < s.n; i++)
		c = crc_step(t, c, (uint8_t)s.p[i]);
	return ~c;
}

/* ---- encryption ---- */

struct keys {
	uint32_t k[3];
};

static void keys_step(const struct crc_table *t, struct keys *k, uint8_t plain)
{
	k->k[0] = crc_step(t, k->k[0], plain);
	k->k[1] = (k->k[1] + (k->k[0] & 0xff)) * 134775813u + 1;
	k->k[2] = crc_step(t, k->k[2], (uint8_t)(k->k[1] >> 24));
}

static uint8_t encrypt_byte(const struct crc_table *t, struct keys *k, uint8_t plain)
{
	uint32_t x = (k->k[2] & 0xffff) | 2;
	uint8_t out = plain ^ (uint8_t)((x * (x ^ 1)) >> 8);
	keys_step(t, k, plain);
	return out;
}

static void encrypt(const struct crc_table *t, struct buf *out, struct str bytes, uint32_t crc)
{
	static const char password[] = "infected";
	struct keys k = {{0x12345678, 0x23456789, 0x34567890}};
	uint8_t head[12];
	for (size_t i = 0; i < sizeof(password) - 1; i++)
		keys_step(t, &k, (uint8_t)password[i]);
	random_bytes(head, sizeof(head) - 1);
	head[11] = (uint8_t)(crc >> 24);
	char *to = buf_reserve(out, sizeof(head) + bytes.n);
	if (!to)
		return;
	for (size_t i = 0; i < sizeof(head); i++)
		*to++ = (char)encrypt_byte(t, &k, head[i]);
	for (size_t i = 0; i < bytes.n; i++)
		*to++ = (char)encrypt_byte(t, &k, (uint8_t)bytes.p[i]);
	buf_commit(out, sizeof(head) + bytes.n);
}

/* ---- the container ---- */

static void put16(struct buf *b, uint32_t v)
{
	buf_putc(b, (char)(v & 0xff));
	buf_putc(b, (char)(v >> 8 & 0xff));
}

static void put32(struct buf *b, uint32_t v)
{
	put16(b, v);
	put16(b, v >> 16);
}

struct entry {
	struct str name, bytes;
	uint32_t crc, at;
};

/* What both heads of an entry have. */
static void head_put(struct buf *b, const struct entry *e, const struct tm *tm)
{
	put16(b, 20); /* version needed */
	put16(b, 1);  /* encrypted */
	put16(b, 0);  /* stored */
	put16(b, (uint32_t)(tm->tm_hour << 11 | tm->tm_min << 5 | tm->tm_sec / 2));
	put16(b, (uint32_t)((tm->tm_year - 80) << 9 | (tm->tm_mon + 1) << 5 | tm->tm_mday));
	put32(b, e->crc);
	put32(b, (uint32_t)e->bytes.n + 12);
	put32(b, (uint32_t)e->bytes.n);
	put16(b, (uint32_t)e->name.n);
	put16(b, 0); /* no extra fields */
}

enum err samplezip_make(struct buf *out, struct str name, struct str bytes)
{
	const struct crc_table t = crc_table();
	time_t now = (time_t)clock_now();
	struct tm tm;
	uint8_t md5[16];
	char hex[33], text[64];
	size_t base = out->n;
	if (bytes.n > UINT32_MAX - (1u << 20) || name.n > UINT16_MAX || !gmtime_r(&now, &tm))
		return ERR_LIMIT;
	hash_md5(bytes, md5);
	hash_hex(md5, sizeof(md5), hex);
	snprintf(text, sizeof(text), "%s.filename.txt", hex);
	struct entry e[2] = {{.name = str_c(hex), .bytes = bytes},
			     {.name = str_c(text), .bytes = name}};
	for (size_t i = 0; i < ARRAY_LEN(e); i++) {
		e[i].crc = crc_of(&t, e[i].bytes);
		e[i].at = (uint32_t)(out->n - base);
		put32(out, 0x04034b50);
		head_put(out, &e[i], &tm);
		buf_str_add(out, e[i].name);
		encrypt(&t, out, e[i].bytes, e[i].crc);
	}
	uint32_t directory = (uint32_t)(out->n - base);
	for (size_t i = 0; i < ARRAY_LEN(e); i++) {
		put32(out, 0x02014b50);
		put16(out, 20); /* made by */
		head_put(out, &e[i], &tm);
		put16(out, 0); /* comment */
		put16(out, 0); /* disk */
		put16(out, 0);
		put32(out, 0);
		put32(out, e[i].at);
		buf_str_add(out, e[i].name);
	}
	uint32_t size = (uint32_t)(out->n - base) - directory;
	put32(out, 0x06054b50);
	put32(out, 0);
	put16(out, ARRAY_LEN(e));
	put16(out, ARRAY_LEN(e));
	put32(out, size);
	put32(out, directory);
	put16(out, 0);
	return buf_err(out);
}

bool samplezip_is(struct str bytes)
{
	return str_has_prefix(bytes, STR("PK\x03\x04"));
}
