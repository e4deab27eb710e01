/*
 * ssdeep.c - how alike two ssdeep hashes are; see ssdeep.h.
 */
#include "search/ssdeep.h"

#include <string.h>

#include "base/own.h"

#define SIZE_MIN 3
/* From this size on chunks are long enough to be believed whatever their length. */
#define SIZE_PLENTY ((99 + SSDEEP_GRAM) / SSDEEP_GRAM * SIZE_MIN)

/* Without the tail of runs: four equal letters in a row say no more than three. */
static bool take_chunk(struct str s, char *out, uint8_t *n)
{
	*n = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (*n >= 3 && s.p[i] == out[*n - 1] && s.p[i] == out[*n - 2] &&
		    s.p[i] == out[*n - 3])
			continue;
		if (*n == SSDEEP_CHUNK)
			return false;
		out[(*n)++] = s.p[i];
	}
	return true;
}

bool ssdeep_parse(struct str text, struct ssdeep *out)
{
	struct str size, one, two, name;
	struct str rest = str_split(text, ':', &size);

	rest = str_split(rest, ':', &one);
	if (!rest.p)
		return false;
	(void)str_split(rest, ',', &two);
	name = str_split(two, ':', &two);
	return !name.p && str_u64(size, &out->size) && out->size >= SIZE_MIN &&
	       out->size <= UINT32_MAX / 2 && take_chunk(one, out->chunk[0], &out->n[0]) &&
	       take_chunk(two, out->chunk[1], &out->n[1]);
}

static bool share_gram(const char *a, unsigned n, const char *b, unsigned m)
{
	for (unsigned i = 0; i + SSDEEP_GRAM <= n; i++)
		if (memmem(b, m, a + i, SSDEEP_GRAM))
			return true;
	return false;
}

/* Least cost of turning one into the other: 1 for a letter more or less, 2 for another one. */
static unsigned distance(const char *a, unsigned n, const char *b, unsigned m)
{
	unsigned row[SSDEEP_CHUNK + 1];

	for (unsigned k = 0; k <= m; k++)
		row[k] = k;
	for (unsigned i = 1; i <= n; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned k = 1; k <= m; k++) {
			unsigned up = row[k], best = MIN(up, row[k - 1]) + 1;
			unsigned same = diagonal + (a[i - 1] == b[k - 1] ? 0 : 2);

			row[k] = MIN(best, same);
			diagonal = up;
		}
	}
	return row[m];
}

static unsigned score(const char *a, unsigned n, const char *b, unsigned m, uint64_t size)
{
	unsigned points;

	if (!share_gram(a, n, b, m))
		return 0;
	points = distance(a, n, b, m) * SSDEEP_CHUNK / (n + m);
	points = 100 * points / SSDEEP_CHUNK;
	if (points >= 100)
		return 0;
	points = 100 - points;
	/* short chunks of small files agree by chance */
	if (size < SIZE_PLENTY)
		points = (unsigned)MIN((uint64_t)points, size / SIZE_MIN * MIN(n, m));
	return points;
}

static unsigned chunks(const struct ssdeep *a, unsigned i, const struct ssdeep *b, unsigned k,
		       uint64_t size)
{
	return score(a->chunk[i], a->n[i], b->chunk[k], b->n[k], size);
}

unsigned ssdeep_compare(const struct ssdeep *a, const struct ssdeep *b)
{
	if (a->size == b->size) {
		unsigned one, two;

		if (a->n[0] == b->n[0] && a->n[1] == b->n[1] &&
		    memcmp(a->chunk[0], b->chunk[0], a->n[0]) == 0 &&
		    memcmp(a->chunk[1], b->chunk[1], a->n[1]) == 0)
			return 100;
		one = chunks(a, 0, b, 0, a->size);
		two = chunks(a, 1, b, 1, 2 * a->size);
		return MAX(one, two);
	}
	if (a->size * 2 == b->size)
		return chunks(a, 1, b, 0, b->size);
	if (b->size * 2 == a->size)
		return chunks(a, 0, b, 1, a->size);
	return 0;
}
