/* test_follow_text.c - values that a follower hands on and those that it does not; lines with bounds. */
#include "cli/follow_text.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/tap/tap.h"

static void addresses(void)
{
	static const struct {
		const char *in, *out;
		unsigned version;
	} good[] = {{"192.0.2.1", "192.0.2.1", 4},	    {"10.0.0.0/8", "10.0.0.0/8", 4},
		    {"2001:DB8::0:1", "2001:db8::1", 6},    {"2001:db8::/32", "2001:db8::/32", 6},
		    {"192.0.2.1/32", "192.0.2.1/32", 4},    {"2000::/16", "2000::/16", 6},
		    {"::ffff:192.0.2.1", "::ffff:192.0.2.1", 6}};
	static const char *const bad[] = {
		"",	       "0.0.0.0/0",	"::/0",		 "10.0.0.0/7",	 "2000::/15",	"192.0.2.1/33",
		"192.0.2.1/",  "192.0.2.1/-1",	"192.0.2.1/08x", "192.0.2.1 ",	 " 192.0.2.1",	"192.0.2",
		"0x7f.0.0.1",  "192.0.2.1;x",	"2001:db8::1%0", "evil.example", "192.0.2.1\n", "/8",
		"1.2.3.4,5.6.7.8"};
	struct follow_addr a;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		ok(follow_addr_read(str_c(good[i].in), &a) && strcmp(a.text, good[i].out) == 0 &&
			   a.version == good[i].version,
		   "%s", good[i].in);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ok(!follow_addr_read(str_c(bad[i]), &a), "not: %s", bad[i]);
	ok(!follow_addr_read((struct str){"1.2.3.4\0x", 9}, &a), "not: with a NUL");
}

static void names(void)
{
	static const char *const good[] = {"a.example", "a.example.", "_x.a-b.EXAMPLE", "1.2.example"};
	static const char *const bad[] = {"",	      ".",	     "com",	     "com.",	  "a..b",
					  "a.example..", "localhost", "x.localhost", "x.localhost.", "a b.example",
					  "a;b.example", "*.example",    "a.exa$mple",  "a/b.example", "a.example\n",
					  "\xc3\xa9.example"};
	char most[300];
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		ok(follow_is_name(str_c(good[i])), "%s", good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ok(!follow_is_name(str_c(bad[i])), "not: %s", bad[i]);
	memset(most, 'a', sizeof(most));
	for (size_t i = 50; i < sizeof(most); i += 50)
		most[i] = '.';
	ok(follow_is_name((struct str){most, 253}), "253 bytes");
	ok(!follow_is_name((struct str){most, 254}), "not: 254 bytes");
	memset(most, 'a', 64);
	most[63] = '.';
	ok(follow_is_name((struct str){most, 70}), "a label of 63 bytes");
	most[63] = 'a', most[64] = '.';
	ok(!follow_is_name((struct str){most, 70}), "not: a label of 64");
	ok(follow_is_word(STR("a-b_C9"), 6) && !follow_is_word(STR("a-b_C9"), 5) && !follow_is_word(STR(""), 5) &&
		   !follow_is_word(STR("a.b"), 5),
	   "words");
}

static int file_of(struct str text)
{
	int fd = memfd_create("lines", MFD_CLOEXEC);
	ok(fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n, "a file of %zu bytes", text.n);
	return fd;
}

static void lines(void)
{
	OWN(buf) struct buf text = BUF(1u << 20);
	struct follow_lines l;
	struct fail f = {0};
	struct str line;
	size_t sum = 0;
	/* across pieces of the reader's room, with empty ones and one without an end */
	for (unsigned i = 0; i < 5000; i++)
		buf_printf(&text, "%0*u\n", (int)(i % 97), i);
	buf_puts(&text, "\n\nlast");
	int fd = file_of(buf_str(&text));
	ok(follow_lines_begin(&l, fd), "begin");
	while (follow_lines_next(&l, &line))
		sum += line.n + 1;
	is_int((int)l.number, 5003, "all lines");
	is_int((int)sum, (int)text.n + 1, "and all bytes");
	ok(str_is(line, "last"), "the last without an end");
	is_err(follow_lines_end(&l, &f), ERR_OK, "read to the end");
	close(fd);
	buf_clear(&text);
	for (unsigned i = 0; i < 70000; i++)
		buf_putc(&text, 'x');
	fd = file_of(buf_str(&text));
	ok(follow_lines_begin(&l, fd) && !follow_lines_next(&l, &line), "a line that is too long is none");
	is_err(follow_lines_end(&l, &f), ERR_LIMIT, "and told");
	close(fd);
	fd = file_of(STR(""));
	ok(follow_lines_begin(&l, fd) && !follow_lines_next(&l, &line), "nothing has no line");
	is_err(follow_lines_end(&l, &f), ERR_OK, "and is whole");
	close(fd);
}

static void words(void)
{
	struct str w[3];
	is_int((int)follow_words(STR("a b c"), w, 3), 3, "three words");
	ok(str_is(w[2], "c"), "the last");
	is_int((int)follow_words(STR("a b c d"), w, 3), 0, "four are too many");
	is_int((int)follow_words(STR("a  b"), w, 3), 3, "two spaces have an empty word between");
	is_int((int)follow_words(STR(""), w, 3), 1, "an empty line is an empty word");
}

int main(void)
{
	addresses();
	names();
	lines();
	words();
	return done_testing();
}
