/*
 * bloom.c - a Bloom filter over indicators, for programs that ask "perhaps, or certainly not" of many
 * values and must not be given the list itself. contrib/doc/sensors/bloom.md tells the layout, and
 * contrib/sensors/bloom.py reads it.
 *
 *   0  8  "TOCSINB1"            24  8  how many indicators are in it
 *   8  4  k, how many bits each sets   32  8  serial of the set
 *  12  4  0                     40     m / 8 bytes of bits, bit n is bit n % 8 of byte n / 8
 *  16  8  m, how many bits      numbers are little-endian
 *
 * The bits of a value: SHA-256 of kind, ':' and value; a is its first 8 bytes, b the next 8 with the
 * lowest bit set; bit j is (a + j * b mod 2^64) mod m, for j from 0 to k - 1.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "feeds/sensor/pieces.h"

#define PAIRS_MAX (UINT64_C(16) << 20) /* indicators; 16 bytes each */

static bool is_bits(struct str v)
{
	uint64_t n;
	return str_u64(v, &n) && n >= 4 && n <= 64;
}

static const struct sensor_param params[] = {
	PARAM_KINDS,
	{"bits", "16",
	 "bits for each indicator, 4 to 64: 10 err in 1 of 100 questions, 16 in 1 of 2,000",
	 is_bits},
	{NULL, NULL, NULL, NULL},
};

struct bloom_state {
	uint64_t kinds, (*pairs)[2], n, cap;
};

static enum err bloom_begin(struct sensor_run *r)
{
	struct bloom_state *st = r->state;
	st->kinds = piece_kinds_get(r);
	return ERR_OK;
}

static uint64_t le64(const uint8_t *p)
{
	uint64_t v = 0;
	for (unsigned i = 8; i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

static enum err bloom_grow(struct bloom_state *st)
{
	uint64_t cap = st->cap ? st->cap * 2 : 1024;
	if (st->n < st->cap)
		return ERR_OK;
	if (cap > PAIRS_MAX)
		return ERR_LIMIT;
	void *p = realloc(st->pairs, cap * sizeof(*st->pairs));
	if (!p)
		return ERR_NOMEM;
	st->pairs = p;
	st->cap = cap;
	return ERR_OK;
}

/* How many there are is not known before the end, and gives the size: their digests wait for it. */
static enum err bloom_item(struct sensor_run *r, const struct indicator *i)
{
	struct bloom_state *st = r->state;
	char text[32 + 1024];
	if (!(st->kinds >> i->kind & 1))
		return ERR_OK;
	TRY(bloom_grow(st));
	const char *kind = ind_kind_name(i->kind);
	size_t n = strlen(kind);
	struct sha256 d;
	if (n + 1 + i->value.n <= sizeof(text)) {
		memcpy(text, kind, n);
		text[n] = ':';
		memcpy(text + n + 1, i->value.p, i->value.n);
		d = hash_sha256((struct str){text, n + 1 + i->value.n});
	} else {
		struct hash_ctx *c = hash_begin();
		hash_add(c, kind, n);
		hash_add(c, ":", 1);
		hash_add(c, i->value.p, i->value.n);
		d = hash_end(c);
	}
	st->pairs[st->n][0] = le64(d.b);
	st->pairs[st->n++][1] = le64(d.b + 8) | 1;
	r->entries++;
	return ERR_OK;
}

static void put_le(struct buf *b, uint64_t v, unsigned n)
{
	for (; n; n--, v >>= 8)
		buf_putc(b, (char)(uint8_t)v);
}

static enum err bloom_end(struct sensor_run *r)
{
	struct bloom_state *st = r->state;
	uint64_t bits = piece_number(r, "bits"), m = MAX(st->n * bits, 64u);
	unsigned k = (unsigned)MAX(bits * 69 / 100, 1u); /* ln 2 for each bit */
	m = (m + 7) / 8 * 8;
	buf_add(r->out, "TOCSINB1", 8);
	put_le(r->out, k, 4);
	put_le(r->out, 0, 4);
	put_le(r->out, m, 8);
	put_le(r->out, st->n, 8);
	put_le(r->out, r->opts->serial, 8);
	uint8_t *p = (uint8_t *)buf_reserve(r->out, m / 8);
	if (!p)
		return buf_err(r->out);
	memset(p, 0, m / 8);
	for (uint64_t i = 0; i < st->n; i++) {
		uint64_t at = st->pairs[i][0];
		for (unsigned j = 0; j < k; j++, at += st->pairs[i][1])
			p[at % m / 8] |= (uint8_t)(1u << at % m % 8);
	}
	buf_commit(r->out, m / 8);
	return buf_err(r->out);
}

static void bloom_free(void *state)
{
	struct bloom_state *st = state;
	free(st->pairs);
}

const struct sensor_format sensor_bloom = {
	.name = "bloom",
	.kinds = KINDS_VALUES,
	.flags = SENSOR_WHOLE | SENSOR_BINARY,
	.params = params,
	.state_size = sizeof(struct bloom_state),
	.begin = bloom_begin,
	.item = bloom_item,
	.end = bloom_end,
	.free_state = bloom_free,
};
