/*
 * test_runs.c - sorted runs beside a plain list: every range gives the same rows.
 */
#include "search/runs.h"

#include <stdlib.h>

#include "base/own.h"
#include "tests/tap/tap.h"

#define N 3000

static uint64_t rng = 7;
static uint64_t some(uint64_t below)
{
	rng = rng * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (rng >> 33) % below;
}

struct sums {
	uint64_t n, sum, most;
};
static bool add(void *user, uint32_t row)
{
	struct sums *s = user;

	s->n++;
	s->sum += row;
	return s->n < s->most;
}

int main(void)
{
	static uint64_t key[N];
	struct runs r = {0};
	unsigned n = 0, bad = 0, longest = 0;

	while (n < N) {
		for (uint64_t batch = 1 + some(50); batch && n < N; batch--, n++) {
			key[n] = some(2) ? some(40) << 32 : some(1000);
			if (runs_add(&r, key[n], n) != ERR_OK)
				bail_out("no memory");
		}
		if (runs_settle(&r) != ERR_OK)
			bail_out("no memory");
		longest = MAX(longest, r.n);
		for (unsigned q = 0; q < 20; q++) {
			uint64_t from = some(2) ? some(40) << 32 : some(1000);
			uint64_t to = from + (some(2) ? 0 : some(5) << 32);
			struct sums got = {.most = UINT64_MAX}, want = {0};

			(void)runs_each(&r, from, to, add, &got);
			for (unsigned i = 0; i < n; i++)
				if (key[i] >= from && key[i] <= to) {
					want.n++;
					want.sum += i;
				}
			bad += got.n != want.n || got.sum != want.sum;
		}
	}
	is_uint(bad, 0, "ranges");
	ok(longest <= 12, "few runs (%u)", longest);
	struct sums two = {.most = 2};
	ok(!runs_each(&r, 0, UINT64_MAX, add, &two) && two.n == 2, "ended when told");
	ok(runs_bytes(&r) == N * sizeof(struct run_entry), "12 bytes each");
	runs_free(&r);
	return done_testing();
}
