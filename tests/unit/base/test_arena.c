/* test_arena.c - alignment, zeroing, the maximum, marks. */
#include "base/arena.h"

#include <stdint.h>

#include "tests/tap/tap.h"

static bool zeros(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

static void sizes(void)
{
	OWN(arena) struct arena *a = arena_new(1 << 20);
	bool aligned = true, zeroed = true, apart = true;
	char *last = NULL;

	for (size_t n = 0; n < 1200; n++) {
		char *p = arena_alloc(a, n);

		if (!p)
			bail_out("allocation %zu", n);
		aligned &= (uintptr_t)p % 16 == 0;
		zeroed &= zeros((unsigned char *)p, n);
		apart &= p != last;
		memset(p, 0xff, n);
		last = p;
	}
	ok(aligned, "aligned for any type");
	ok(zeroed, "zeroed");
	ok(apart, "even empty ones are apart");
	arena_reset(a);
	is_uint(arena_used(a), 0, "empty after a reset");
	ok(zeros(arena_alloc(a, 4000), 4000), "reused memory is zeroed, too");
	ok(arena_alloc(a, 900000), "larger than a chunk");
}

static void limit(void)
{
	OWN(arena) struct arena *a = arena_new(1000);

	ok(arena_alloc(a, 992), "just fits");
	ok(!arena_alloc(a, 1), "one more does not");
	ok(arena_overflowed(a), "and that is remembered");
	is_uint(arena_used(a), 992, "nothing was counted for it");
	arena_reset(a);
	ok(!arena_overflowed(a), "until the reset");
	ok(!arena_array(a, SIZE_MAX / 2, 4), "overflow of a product");
	ok(!arena_alloc(a, SIZE_MAX), "overflow of the rounding");
	ok(!arena_str(a, (struct str){"x", SIZE_MAX}).p, "overflow of the NUL");
	ok(!arena_printf(a, "%2000d", 1).p, "too long a text");
	ok(ARENA_ARRAY(a, uint32_t, 10) && ARENA_NEW(a, struct str), "typed forms");
}

static void strings(void)
{
	OWN(arena) struct arena *a = arena_new(100000);
	struct str s = arena_str(a, STR("view"));

	is_str(s.p, "view", "terminated");
	ok(!arena_str(a, STR_NONE).p && !arena_cstr(a, STR_NONE), "absent stays absent");
	ok(arena_str(a, STR("")).p, "empty stays present");
	is_str(arena_cstr(a, STR("c")), "c", "C string");
	is_view(arena_printf(a, "%d-%s", 7, "x"), "7-x", "formatted");
	is_uint(arena_printf(a, "%5000d", 1).n, 5000, "formatted, long");
}

static void marks(void)
{
	OWN(arena) struct arena *a = arena_new(1 << 20);
	char *keep = arena_cstr(a, STR("keep"));
	struct arena_mark m = arena_mark(a);
	size_t before = arena_used(a);

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 100; i++)
			ok(arena_alloc(a, 5000), "filling");
		arena_rewind(a, m);
		is_uint(arena_used(a), before, "back to the mark");
	}
	is_str(keep, "keep", "what was before the mark stays");
}

int main(void)
{
	sizes();
	limit();
	strings();
	marks();
	arena_free(NULL);
	return done_testing();
}
