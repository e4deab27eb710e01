/*
 * near.c - addresses, networks and ssdeep hashes by row; see near.h.
 */
#include "search/near.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"
#include "model/ipaddr.h"
#include "model/types.h"
#include "search/runs.h"
#include "search/ssdeep.h"

enum { V4, V6, NET4, NET6, GRAM, SET_COUNT };

struct near {
	bool networks, ssdeep;
	pthread_rwlock_t lock;
	_Atomic uint32_t rows; /* known */
	struct runs set[SET_COUNT];
	bool length[2][129]; /* of networks that are there: IPv4, IPv6 */
};

/* An address (bits < 0) or a network. */
struct addr {
	bool v6;
	uint8_t b[16];
	int bits;
};

enum near_kind near_kind_of(uint16_t type, unsigned part)
{
	static const struct {
		uint16_t type;
		uint8_t part, kind;
	} rows[] = {
		{ATTR_IP_SRC, 0, NEAR_ADDRESS},	     {ATTR_IP_DST, 0, NEAR_ADDRESS},
		{ATTR_IP_SRC_PORT, 0, NEAR_ADDRESS}, {ATTR_IP_DST_PORT, 0, NEAR_ADDRESS},
		{ATTR_DOMAIN_IP, 1, NEAR_ADDRESS},   {ATTR_SSDEEP, 0, NEAR_SSDEEP},
		{ATTR_FILENAME_SSDEEP, 1, NEAR_SSDEEP},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].type == type && rows[i].part == part)
			return rows[i].kind;
	return NEAR_NONE;
}

struct near *near_new(bool networks, bool ssdeep)
{
	struct near *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->networks = networks;
	n->ssdeep = ssdeep;
	if (pthread_rwlock_init(&n->lock, NULL) != 0) {
		free(n);
		return NULL;
	}
	return n;
}

void near_free(struct near *n)
{
	if (!n)
		return;
	for (unsigned i = 0; i < SET_COUNT; i++)
		runs_free(&n->set[i]);
	pthread_rwlock_destroy(&n->lock);
	free(n);
}

/* ---- addresses ------------------------------------------------------------------------------ */

static bool addr_parse(struct str s, struct addr *out)
{
	struct str host, bits = str_split(s, '/', &host);
	uint64_t n;

	*out = (struct addr){.bits = -1};
	out->v6 = !ipv4_parse(host, out->b);
	if (out->v6 && !ipv6_parse(host, out->b))
		return false;
	if (!bits.p)
		return true;
	if (!str_u64(bits, &n) || n > (out->v6 ? 128 : 32))
		return false;
	out->bits = (int)n;
	return true;
}

/* Its first `bits` bits alone. */
static struct addr cut(struct addr a, unsigned bits)
{
	for (unsigned i = 0; i < 16; i++)
		if (8 * i >= bits)
			a.b[i] = 0;
		else if (8 * i + 8 > bits)
			a.b[i] &= (uint8_t)(0xff00 >> (bits - 8 * i));
	return a;
}

static bool same_start(const struct addr *a, const struct addr *b, unsigned bits)
{
	struct addr x = cut(*a, bits), y = cut(*b, bits);

	return a->v6 == b->v6 && memcmp(x.b, y.b, 16) == 0;
}

static uint64_t big_endian(const uint8_t *b, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v = v << 8 | b[i];
	return v;
}

/* Keys of addresses keep their order; those of IPv6 know the upper half only. */
static uint64_t addr_key(const struct addr *a)
{
	return big_endian(a->b, a->v6 ? 8 : 4);
}

static uint64_t net_key(const struct addr *a, unsigned bits)
{
	struct addr x = cut(*a, bits);

	return a->v6 ? hash_64(x.b, 16, bits) : (uint64_t)bits << 32 | addr_key(&x);
}

static enum err add_addr(struct near *n, struct str text, uint32_t row)
{
	struct addr a;

	if (!addr_parse(text, &a))
		return ERR_OK;
	if (a.bits < 0)
		return runs_add(&n->set[a.v6 ? V6 : V4], addr_key(&a), row);
	n->length[a.v6][a.bits] = true;
	return runs_add(&n->set[a.v6 ? NET6 : NET4], net_key(&a, (unsigned)a.bits), row);
}

/* What a key may have found by chance or by half is asked of the text. */
struct question {
	const struct ix_view *v;
	const struct addr *addr;
	unsigned bits;
	bool nets; /* look for networks */
	bool (*fn)(void *user, uint32_t row);
	void *user;
};

static struct str part_text(const struct ix_view *v, uint32_t row, enum near_kind kind)
{
	struct str one, two;

	view_parts(v, row, &one, &two);
	return near_kind_of(v->type[row], 0) == kind ? one : two;
}

static bool check(void *user, uint32_t row)
{
	const struct question *q = user;
	struct addr b;

	if (row >= q->v->rows)
		return true;
	if (q->addr->v6 && (!addr_parse(part_text(q->v, row, NEAR_ADDRESS), &b) ||
			    (q->nets ? b.bits != (int)q->bits : b.bits >= 0) ||
			    !same_start(&b, q->addr, q->bits)))
		return true;
	return q->fn(q->user, row);
}

static void each_addr(const struct near *n, struct question *q, const struct addr *a)
{
	const bool v6 = a->v6;

	q->addr = a;
	if (a->bits < 0) {
		q->nets = true;
		for (unsigned bits = 0; bits <= (v6 ? 128u : 32u); bits++) {
			uint64_t key = net_key(a, bits);

			q->bits = bits;
			if (n->length[v6][bits] &&
			    !runs_each(&n->set[v6 ? NET6 : NET4], key, key, check, q))
				return;
		}
		return;
	}
	unsigned width = v6 ? 64 : 32, bits = MIN((unsigned)a->bits, width);
	struct addr first = cut(*a, (unsigned)a->bits);
	uint64_t from = addr_key(&first);
	uint64_t span = bits == 0 ? (v6 ? UINT64_MAX : UINT32_MAX)
				  : ((UINT64_C(1) << (width - bits)) - 1);

	q->bits = (unsigned)a->bits;
	(void)runs_each(&n->set[v6 ? V6 : V4], from, from + span, check, q);
}

/* ---- ssdeep --------------------------------------------------------------------------------- */

static uint64_t gram_key(const struct ssdeep *s, unsigned chunk, unsigned at)
{
	return s->size << chunk << 32 |
	       (uint32_t)hash_64(s->chunk[chunk] + at, SSDEEP_GRAM, 0);
}

static enum err add_ssdeep(struct near *n, struct str text, uint32_t row)
{
	struct ssdeep s;

	if (!ssdeep_parse(text, &s))
		return ERR_OK;
	for (unsigned c = 0; c < 2; c++)
		for (unsigned i = 0; i + SSDEEP_GRAM <= s.n[c]; i++)
			TRY(runs_add(&n->set[GRAM], gram_key(&s, c, i), row));
	return ERR_OK;
}

struct gather {
	uint32_t *v;
	size_t n, cap;
	uint32_t bound;
	bool failed;
};

static bool gather_row(void *user, uint32_t row)
{
	struct gather *g = user;

	if (row >= g->bound)
		return true;
	if (g->n == g->cap) {
		size_t cap = g->cap ? 2 * g->cap : 256;
		uint32_t *v = reallocarray(g->v, cap, sizeof(*v));

		if (!v) {
			g->failed = true;
			return false;
		}
		g->v = v;
		g->cap = cap;
	}
	g->v[g->n++] = row;
	return true;
}

static int by_row(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void each_gram(const struct near *n, const struct ssdeep *s, struct gather *g)
{
	for (unsigned c = 0; c < 2; c++)
		for (unsigned i = 0; i + SSDEEP_GRAM <= s->n[c]; i++) {
			uint64_t key = gram_key(s, c, i);

			if (!runs_each(&n->set[GRAM], key, key, gather_row, g))
				return;
		}
}

/* ---- the whole ------------------------------------------------------------------------------ */

static enum err take_row(struct near *n, const struct ix_view *v, uint32_t row)
{
	for (unsigned part = 0; part < 2; part++) {
		enum near_kind kind = near_kind_of(v->type[row], part);

		if (kind == NEAR_ADDRESS && n->networks)
			return add_addr(n, part_text(v, row, kind), row);
		if (kind == NEAR_SSDEEP && n->ssdeep)
			return add_ssdeep(n, part_text(v, row, kind), row);
	}
	return ERR_OK;
}

enum err near_follow(struct near *n, const struct ix_view *v)
{
	bool wanted[ATTR_TYPE_LIMIT] = {false};
	enum err e = ERR_OK;

	if (n->rows >= v->rows)
		return ERR_OK;
	for (uint16_t t = 0; t < ATTR_TYPE_LIMIT; t++)
		wanted[t] = near_kind_of(t, 0) != NEAR_NONE || near_kind_of(t, 1) != NEAR_NONE;
	pthread_rwlock_wrlock(&n->lock);
	/* one that is taken in twice after a failure is given twice, and judged twice */
	for (uint32_t row = n->rows; row < v->rows && e == ERR_OK; row++)
		if (wanted[v->type[row]] && view_live(v, row))
			e = take_row(n, v, row);
	for (unsigned i = 0; i < SET_COUNT && e == ERR_OK; i++)
		e = runs_settle(&n->set[i]);
	if (e == ERR_OK && n->rows < v->rows)
		n->rows = v->rows;
	pthread_rwlock_unlock(&n->lock);
	return e;
}

static enum err each_ssdeep(struct near *n, const struct ix_view *v, const struct ssdeep *s,
			    bool (*fn)(void *user, uint32_t row), void *user)
{
	struct gather g = {.bound = v->rows};

	pthread_rwlock_rdlock(&n->lock);
	each_gram(n, s, &g);
	pthread_rwlock_unlock(&n->lock);
	if (!g.failed && g.n)
		qsort(g.v, g.n, sizeof(*g.v), by_row);
	for (size_t i = 0; i < g.n && !g.failed; i++)
		if ((!i || g.v[i] != g.v[i - 1]) && !fn(user, g.v[i]))
			break;
	free(g.v);
	return g.failed ? ERR_NOMEM : ERR_OK;
}

enum err near_each(struct near *n, const struct ix_view *v, enum near_kind kind, struct str folded,
		   bool (*fn)(void *user, uint32_t row), void *user)
{
	struct question q = {.v = v, .fn = fn, .user = user};
	struct ssdeep s;
	struct addr a;

	if (kind == NEAR_SSDEEP)
		return n->ssdeep && ssdeep_parse(folded, &s) ? each_ssdeep(n, v, &s, fn, user)
							     : ERR_OK;
	if (kind != NEAR_ADDRESS || !n->networks || !addr_parse(folded, &a))
		return ERR_OK;
	pthread_rwlock_rdlock(&n->lock);
	each_addr(n, &q, &a);
	pthread_rwlock_unlock(&n->lock);
	return ERR_OK;
}

size_t near_bytes(struct near *n)
{
	size_t bytes = sizeof(*n);

	pthread_rwlock_rdlock(&n->lock);
	for (unsigned i = 0; i < SET_COUNT; i++)
		bytes += runs_bytes(&n->set[i]);
	pthread_rwlock_unlock(&n->lock);
	return bytes;
}
