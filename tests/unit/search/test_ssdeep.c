/*
 * test_ssdeep.c - likeness of ssdeep hashes: known pairs, and random ones beside libfuzzy where that is
 * installed.
 */
#include "search/ssdeep.h"

#include <dlfcn.h>
#include <stdio.h>

#include "base/own.h"
#include "tests/tap/tap.h"

static uint64_t rng = 11;
static unsigned some(unsigned below)
{
	rng = rng * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (unsigned)((rng >> 33) % below);
}

static int like(const char *a, const char *b)
{
	struct ssdeep x, y;

	if (!ssdeep_parse(str_c(a), &x) || !ssdeep_parse(str_c(b), &y))
		return -1;
	return (int)ssdeep_compare(&x, &y);
}

static void letters(char *out, unsigned n)
{
	static const char set[] = "ABCDEFGHabcdefgh0123+/";

	for (unsigned i = 0; i < n; i++)
		out[i] = i && some(4) == 0 ? out[i - 1] : set[some(sizeof(set) - 1)];
	out[n] = '\0';
}

/* Change a few letters, take some away, put some in. */
static void mutate(char *s, size_t room)
{
	for (unsigned k = some(12); k; k--) {
		size_t n = strlen(s), at = n ? some((unsigned)n) : 0;

		if (n && some(3) == 0)
			memmove(s + at, s + at + 1, n - at);
		else if (n + 1 < room && some(2))
			memmove(s + at + 1, s + at, n - at + 1), s[at] = 'Z';
		else if (n)
			s[at] = 'q';
	}
}

static void beside_libfuzzy(int (*compare)(const char *, const char *))
{
	unsigned bad = 0, alike = 0;

	for (unsigned i = 0; i < 20000; i++) {
		char one[80], two[40], three[80], four[40], a[200], b[200];
		unsigned size = 3u << some(12), other = size;

		letters(one, some(64));
		letters(two, some(32));
		memcpy(three, one, sizeof(one));
		memcpy(four, two, sizeof(two));
		mutate(three, 63);
		mutate(four, 31);
		if (some(4) == 0)
			other = some(2) ? size * 2 : size / 2;
		if (other == size || some(2))
			snprintf(b, sizeof(b), "%u:%s:%s", other, three, four);
		else
			snprintf(b, sizeof(b), "%u:%s:%s", other, other > size ? four : three,
				 other > size ? "x" : three);
		snprintf(a, sizeof(a), "%u:%s:%s", size, one, two);
		int want = compare(a, b), got = like(a, b);

		alike += want > 0;
		if (got != want && !(got < 0 && other < 3) && bad++ < 5)
			diag("%s %s: %d, libfuzzy says %d", a, b, got, want);
	}
	is_uint(bad, 0, "as libfuzzy says it, %u alike", alike);
	ok(alike > 1000, "enough of them were");
}

int main(void)
{
	static const char a[] = "96:s4Ud1Lj96tHHlZDrwciQmA+4uy1I0G4HYuL8N3TzS8QsO/wqWXLcMSx"
				":sF1LjEtHHlZDrJzrhuyZvHYm8tKp/RWO";
	static const char b[] = "96:s4Ud1Lj96tHHlZDrwciQmA+4uy1I0G4HYuL8N3TzS8QsO/wqWXLcMSy"
				":sF1LjEtHHlZDrJzrhuyZvHYm8tKp/RWZ";
	void *lib = dlopen("libfuzzy.so.2", RTLD_NOW);
	void *sym = lib ? dlsym(lib, "fuzzy_compare") : NULL;

	is_int(like(a, a), 100, "the same");
	is_int(like(a, b), 99, "nearly the same");
	is_int(like(a, "3072:AbcDefGhiJkl:mnoPqrStu"), 0, "too far apart in size");
	is_int(like("3:AAAAAAAAAA:BBBBBBB", "3:AAA:BBB"), 100, "long runs are cut");
	is_int(like("x", a), -1, "not a hash");
	is_int(like("96:abc", a), -1, "one chunk only");
	is_int(like("0:abc:def", a), -1, "no size");
	if (sym) {
		int (*compare)(const char *, const char *);

		memcpy(&compare, &sym, sizeof(compare));
		beside_libfuzzy(compare);
	} else {
		diag("libfuzzy is not installed: not compared with it");
	}
	return done_testing();
}
