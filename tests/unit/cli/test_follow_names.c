/* test_follow_names.c - the book of names: what it says is missing, after changes, crashes and whole sets. */
#include "cli/follow_names.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/tap/tap.h"

static char book[] = "/tmp/tocsin-names-XXXXXX";

static void add(struct names *n, const char *name, bool gone, bool data)
{
	struct names_entry e = {str_c(name), "always_nxdomain", gone, data};
	ok(names_add(n, &e), "%s%s", gone ? "-" : "+", name);
}

/* What goes when the set is `now` (a list with spaces), as "z:name d:name". */
static void missing(const char *now, const char *want)
{
	OWN(names) struct names n = {0}, out = {0};
	OWN(buf) struct buf got = BUF(4096);
	struct fail f = {0};
	for (struct str word, rest = str_c(now); rest.p && rest.n;) {
		rest = str_split(rest, ' ', &word);
		struct names_entry e = {word, "always_null", false, false};
		ok(names_add(&n, &e), "now %.*s", STR_ARG(word));
	}
	names_sort(&n);
	is_err(names_missing(book, &n, &out, &f), ERR_OK, "asked");
	for (size_t i = 0; i < out.n; i++) {
		struct names_entry e = names_at(&out, i);
		ok(e.gone, "it goes");
		buf_printf(&got, "%s%c:%.*s", i ? " " : "", e.data ? 'd' : 'z', STR_ARG(e.name));
	}
	is_str(buf_cstr(&got), want, "missing");
}

int main(void)
{
	struct fail f = {0};
	int fd = mkstemp(book);
	ok(fd >= 0, "a file");
	close(fd);
	unlink(book);
	missing("a.example", ""); /* no book */

	OWN(names) struct names first = {0}, change = {0};
	add(&first, "B.example", false, false);
	add(&first, "a.example.", false, false);
	add(&first, "h.example", false, true);
	names_sort(&first);
	ok(str_is(names_at(&first, 0).name, "a.example."), "sorted, in lower case, with a dot");
	is_err(names_replace(book, &first, &f), ERR_OK, "a whole set");
	missing("a.example b.example", "d:h.example.");
	missing("", "z:a.example. z:b.example. d:h.example.");

	/* b goes and comes as another type; h goes; c comes */
	add(&change, "b.example", true, false);
	add(&change, "h.example", true, true);
	add(&change, "b.example", false, false);
	add(&change, "c.example", false, false);
	is_err(names_append(book, &change, false, &f), ERR_OK, "what comes, before it is there");
	missing("", "z:a.example. z:b.example. z:c.example. d:h.example.");
	is_err(names_append(book, &change, true, &f), ERR_OK, "all of it");
	missing("", "z:a.example. z:b.example. z:c.example.");

	FILE *torn = fopen(book, "ae");
	ok(torn && fputs("junk\n-x a.example.\n+z tor", torn) >= 0 && fclose(torn) == 0, "a torn end");
	missing("a.example", "z:b.example. z:c.example.");
	OWN(names) struct names more = {0};
	add(&more, "d.example", false, false);
	is_err(names_append(book, &more, false, &f), ERR_OK, "and what comes behind it");
	missing("a.example", "z:b.example. z:c.example. z:d.example.");
	unlink(book);
	return done_testing();
}
