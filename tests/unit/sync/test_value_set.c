/* test_value_set.c - values and their marks through growth; what is not there has none. */
#include "sync/value_set.h"

#include <stdio.h>

#include "tests/tap/tap.h"

static struct str value(char text[32], unsigned i)
{
	return (struct str){text, (size_t)snprintf(text, 32, "v%u.example.org", i)};
}

int main(void)
{
	OWN(value_set) struct value_set s = {0};
	enum { N = 100000 };
	unsigned wrong = 0, moved = 0;
	char text[32];
	if (!value_set_init(&s, 0))
		bail_out("no memory");
	is_uint(value_set_marks(&s, STR("v1.example.org")), 0, "nothing is there");
	for (unsigned i = 0; i < N; i++) {
		uint64_t *at = value_set_at(&s, value(text, i));
		if (!at)
			bail_out("no memory");
		wrong += (*at & VALUE_MARKS) != 0; /* each is new */
		*at |= i % 2 ? VALUE_LIVE : VALUE_SEEN | VALUE_BACK;
	}
	is_uint(wrong, 0, "%d values are new, each", N);
	is_uint(s.n, N, "and counted");
	for (unsigned i = 0; i < N; i++)
		moved += value_set_marks(&s, value(text, i)) !=
			 (i % 2 ? (unsigned)VALUE_LIVE : VALUE_SEEN | VALUE_BACK);
	is_uint(moved, 0, "marks outlive growth");
	for (unsigned i = N; i < 2 * N; i++)
		wrong += value_set_marks(&s, value(text, i)) != 0;
	is_uint(wrong, 0, "others are not there");
	*value_set_at(&s, STR("v7.example.org")) |= VALUE_GONE;
	is_uint(value_set_marks(&s, STR("v7.example.org")), VALUE_LIVE | VALUE_GONE, "marks are added");
	is_uint(s.n, N, "to the one that is there");
	*value_set_at(&s, STR("")) |= VALUE_SEEN;
	is_uint(value_set_marks(&s, STR("")), VALUE_SEEN, "an empty one is one, too");
	ok(s.cap * sizeof(*s.v) <= (size_t)4 << 20, "%zu bytes for %d values", s.cap * sizeof(*s.v), N);
	return done_testing();
}
