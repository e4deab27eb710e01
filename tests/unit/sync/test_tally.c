/* test_tally.c - reasons are counted, kept as JSON, and never more than a few. */
#include "sync/tally.h"

#include <stdio.h>
#include <string.h>

#include "tests/tap/tap.h"

static const char *const kinds[] = {"events", "clusters", NULL};
static const char *const whats[] = {"held", "refused", NULL};

int main(void)
{
	struct tally t = {.n = 0}, u = {.n = 0};
	struct buf b = BUF(1 << 16);
	tally_add(&t, "events", "held", "its distribution \"0\" stays here", 2);
	tally_add(&t, "events", "refused", "blocked", 1);
	tally_add(&t, "events", "held", "its distribution \"0\" stays here", 3);
	tally_put(&t, &b);
	is_str(buf_cstr(&b),
	       "[{\"kind\":\"events\",\"what\":\"held\",\"text\":\"its distribution "
	       "\\\"0\\\" stays here\",\"count\":5},{\"kind\":\"events\",\"what\":\"refused\","
	       "\"text\":\"blocked\",\"count\":1}]",
	       "as JSON");
	tally_add(&u, "events", "refused", "blocked", 4);
	tally_take(&u, buf_str(&b), kinds, whats);
	ok(u.n == 2 && u.v[0].n == 5 && u.v[1].n == 5, "read back and added");
	tally_take(&u, STR("[{\"kind\":\"rumours\",\"what\":\"held\",\"text\":\"x\",\"count\":1}]"),
		   kinds, whats);
	tally_take(&u, STR("no list"), kinds, whats);
	tally_take(&u, STR(""), kinds, whats);
	is_uint(u.n, 2, "what is not known is left out");
	char long_text[1000];
	memset(long_text, 'x', sizeof(long_text));
	long_text[999] = 0;
	tally_add(&u, "clusters", "held", long_text, 1);
	tally_add(&u, "clusters", "held", long_text, 1);
	ok(u.n == 3 && u.v[2].n == 2, "a long reason is cut, and still one");
	for (int i = 0; i < 1000; i++) {
		char text[40];
		snprintf(text, sizeof(text), "reason %d", i);
		tally_add(&u, "events", "refused", text, 1);
	}
	is_uint(u.n, TALLY_ROWS, "never more rows");
	ok(strcmp(u.v[TALLY_ROWS - 1].text, "other reasons") == 0, "the last one holds the others");
	is_uint(u.v[TALLY_ROWS - 1].n, 1000 - (TALLY_ROWS - 4), "all of them");
	buf_free(&b);
	return done_testing();
}
