/*
 * fold.c - case and accent folding, comparison and hashing of values.
 *
 * ASCII goes eight bytes at a time; everything else is decoded letter by letter. A combining mark
 * behind a Latin or Greek letter is dropped, so that composed and decomposed spellings agree.
 */
#include "model/fold.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/own.h"
#include "model/ascii.h"

/* Below this, a table; above it there are only a few runs. */
#define TABLE_LIMIT 0x2d00u
static uint16_t table[TABLE_LIMIT];

static const struct run {
	uint32_t first, count, step;
	int32_t distance;
} runs[] = {
#define FOLD_BASE(base, letters)
#define FOLD_PAIR(pairs)
#define FOLD_RUN(first, count, step, distance) {first, count, step, distance},
#include "model/fold.inc"
#undef FOLD_BASE
#undef FOLD_PAIR
#undef FOLD_RUN
};
static const char *const bases[][2] = {
#define FOLD_BASE(base, letters) {base, letters},
#define FOLD_PAIR(pairs)
#define FOLD_RUN(first, count, step, distance)
#include "model/fold.inc"
#undef FOLD_BASE
#undef FOLD_PAIR
#undef FOLD_RUN
};
static const char *const pairs[] = {
#define FOLD_BASE(base, letters)
#define FOLD_PAIR(pairs) pairs,
#define FOLD_RUN(first, count, step, distance)
#include "model/fold.inc"
#undef FOLD_BASE
#undef FOLD_PAIR
#undef FOLD_RUN
};
/* Pairs above TABLE_LIMIT, sorted as they stand in fold.inc. */
static uint32_t high_pairs[64][2];
static unsigned n_high_pairs;

/* Decode one character; 1 and the byte itself plus 0x200000 when it is not UTF-8. */
static size_t decode(struct str s, size_t at, uint32_t *c)
{
	const unsigned char *p = (const unsigned char *)s.p + at;
	size_t left = s.n - at;
	static const uint8_t lengths[] = {0, 0, 0, 0, 2, 2, 3, 4}; /* by the upper four bits */
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 || p[0] > 0xf4 ? 0 : lengths[(p[0] >> 4) - 8];

	*c = n < 2 ? p[0] : p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if (i >= left || (p[i] & 0xc0) != 0x80) {
			n = 0;
			break;
		}
		*c = *c << 6 | (p[i] & 0x3f);
	}
	if ((n == 3 && *c < 0x800) || (n == 4 && (*c < 0x10000 || *c > 0x10ffff)))
		n = 0;
	if (n == 0) {
		*c = 0x200000u + p[0];
		return 1;
	}
	return n;
}

static size_t encode(uint32_t c, char out[4])
{
	if (c >= 0x200000u) {
		out[0] = (char)(c - 0x200000u);
		return 1;
	}
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

static void add_pair(uint32_t from, uint32_t to)
{
	if (from < TABLE_LIMIT) {
		table[from] = (uint16_t)to;
	} else if (n_high_pairs < ARRAY_LEN(high_pairs)) {
		high_pairs[n_high_pairs][0] = from;
		high_pairs[n_high_pairs++][1] = to;
	}
}

__attribute__((constructor)) static void fill_table(void)
{
	uint32_t from, to;

	for (uint32_t c = 0; c < TABLE_LIMIT; c++)
		table[c] = (uint16_t)(c < 0x80 ? (uint32_t)ascii_to_lower((char)c) : c);
	for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
		struct str letters = str_c(bases[i][1]);

		decode(str_c(bases[i][0]), 0, &to);
		for (size_t at = 0; at < letters.n;) {
			at += decode(letters, at, &from);
			add_pair(from, to);
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		struct str both = str_c(pairs[i]);

		for (size_t at = 0; at < both.n;) {
			at += decode(both, at, &from);
			at += decode(both, at, &to);
			add_pair(from, to);
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(runs); i++)
		for (uint32_t k = 0; k < runs[i].count; k++) {
			from = runs[i].first + k * runs[i].step;
			if (from < TABLE_LIMIT)
				table[from] = (uint16_t)((int32_t)from + runs[i].distance);
		}
}

static uint32_t fold_char(uint32_t c)
{
	if (c < TABLE_LIMIT)
		return table[c];
	for (size_t i = 0; i < ARRAY_LEN(runs); i++) {
		uint32_t off = c - runs[i].first;

		if (c >= runs[i].first && off < runs[i].count * runs[i].step &&
		    off % runs[i].step == 0)
			return (uint32_t)((int32_t)c + runs[i].distance);
	}
	for (unsigned i = 0; i < n_high_pairs; i++)
		if (high_pairs[i][0] == c)
			return high_pairs[i][1];
	return c;
}

/* Latin and Greek, whose marks are dropped. */
static bool loses_marks(uint32_t c)
{
	return ascii_alnum((char)(c < 0x80 ? c : 0)) || (c >= 0xc0 && c < 0x250) ||
	       (c >= 0x370 && c < 0x400) || (c >= 0x1e00 && c < 0x2000);
}

/* ---- a stream of folded bytes ---- */

struct folder {
	struct str in;
	size_t at;
	bool after_letter; /* one that loses its marks */
};

static struct str without_padding(struct str s)
{
	while (s.n && s.p[s.n - 1] == ' ')
		s.n--;
	return s;
}

/* Fold as much as fits into `out`; 0 at the end. `room` is at least 16. */
static size_t fold_some(struct folder *f, char *out, size_t room)
{
	size_t n = 0;

	while (f->at < f->in.n && n + 8 <= room) {
		uint32_t c;

		if (f->at + 8 <= f->in.n) {
			uint64_t w = ascii_load(f->in.p + f->at);

			if (!(w & ASCII_TOPS)) {
				w |= ascii_letters(w, 'A') >> 2;
				memcpy(out + n, &w, 8);
				f->at += 8;
				n += 8;
				f->after_letter = ascii_alnum(out[n - 1]);
				continue;
			}
		}
		f->at += decode(f->in, f->at, &c);
		if (c >= 0x300 && c < 0x370 && f->after_letter)
			continue;
		c = fold_char(c);
		f->after_letter = loses_marks(c);
		n += encode(c, out + n);
	}
	return n;
}

struct str value_fold_into(struct str value, char *room)
{
	struct folder f = {without_padding(value), 0, false};
	size_t n = 0, got;
	char part[64]; /* fold_some() wants slack that `room` need not have */

	if (ascii_only(f.in) && !ascii_has_letter(f.in, 'A'))
		return f.in;
	while ((got = fold_some(&f, part, sizeof(part))) > 0) {
		memcpy(room + n, part, got);
		n += got;
	}
	return (struct str){room, n};
}

void value_fold(struct buf *out, struct str value)
{
	struct folder f = {without_padding(value), 0, false};
	char part[512];
	size_t got;

	while ((got = fold_some(&f, part, sizeof(part))) > 0)
		buf_add(out, part, got);
}

/* Equal ASCII text without regard to case. */
static bool same_ascii(struct str a, struct str b)
{
	size_t i = 0;

	if (a.n != b.n)
		return false;
	for (; i + 8 <= a.n; i += 8) {
		uint64_t v = ascii_load(a.p + i), w = ascii_load(b.p + i);

		if (v != w && (v | ascii_letters(v, 'A') >> 2) != (w | ascii_letters(w, 'A') >> 2))
			return false;
	}
	for (; i < a.n; i++)
		if (ascii_to_lower(a.p[i]) != ascii_to_lower(b.p[i]))
			return false;
	return true;
}

bool value_same(struct str a, struct str b)
{
	struct folder fa = {without_padding(a), 0, false}, fb = {without_padding(b), 0, false};
	char pa[64], pb[64];
	size_t na = 0, nb = 0;

	if (ascii_only(fa.in) && ascii_only(fb.in))
		return same_ascii(fa.in, fb.in);
	for (size_t ia = 0, ib = 0;;) {
		size_t n;

		if (ia == na) {
			na = fold_some(&fa, pa, sizeof(pa));
			ia = 0;
		}
		if (ib == nb) {
			nb = fold_some(&fb, pb, sizeof(pb));
			ib = 0;
		}
		if (na == 0 || nb == 0)
			return na == 0 && nb == 0;
		n = MIN(na - ia, nb - ib);
		if (memcmp(pa + ia, pb + ib, n) != 0)
			return false;
		ia += n;
		ib += n;
	}
}

bool value_holds(struct str value, struct str folded_part)
{
	char small[2048];
	OWN(mem) void *large = NULL;
	char *room = small;
	struct str folded;

	if (value.n > sizeof(small) / 2) {
		room = large = calloc(value.n, 2);
		if (!large)
			return true; /* rather a hit too many than one that is not shown */
	}
	folded = value_fold_into(value, room);
	return folded_part.n == 0 ||
	       memmem(folded.p, folded.n, folded_part.p, folded_part.n) != NULL;
}

/* Long values are hashed in pieces of the folded text, each seeded by the one before. */
uint64_t value_hash_key(struct str value, uint64_t seed)
{
	struct folder f = {without_padding(value), 0, false};
	char part[1024];
	size_t n = 0, got;

	if (f.in.n <= sizeof(part) && ascii_only(f.in) && !ascii_has_letter(f.in, 'A'))
		return hash_64(f.in.p, f.in.n, seed);
	for (;;) {
		char step[64];

		got = fold_some(&f, step, sizeof(step));
		if (got == 0)
			break;
		for (size_t i = 0; i < got;) {
			size_t take = MIN(got - i, sizeof(part) - n);

			if (n == sizeof(part)) {
				seed = hash_64(part, n, seed);
				n = 0;
				continue;
			}
			memcpy(part + n, step + i, take);
			n += take;
			i += take;
		}
	}
	return hash_64(part, n, seed);
}
