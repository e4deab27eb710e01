/*
 * test_spool.c - the bytes that are signed: without white space, however they arrive.
 */
#include "pgp/spool.h"

#include <errno.h>
#include <stdio.h>

#include "base/hash.h"
#include "tests/tap/tap.h"

static void strip(void)
{
	static const struct {
		const char *from, *to;
	} rows[] = {
		{"", ""},
		{" ", ""},
		{"{\n    \"a b\": \"c\\n d\"\n}", "{\"ab\":\"c\\nd\"}"},
		{"\t\r\v\f \n", ""},
		{"\xc2\xa0x\xc2\x85", "\xc2\xa0x\xc2\x85"}, /* bytes, not characters */
		{"\x1c\x1f!", "\x1c\x1f!"},
	};
	char out[64];
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t n = pgp_strip(out, rows[i].from, strlen(rows[i].from));
		is_view(((struct str){out, n}), rows[i].to, "row %zu", i);
	}
	/* in place, and the oracle: every byte */
	char all[256];
	size_t want = 0;
	for (unsigned c = 0; c < 256; c++) {
		all[c] = (char)c;
		want += !(c == ' ' || (c >= 9 && c <= 13));
	}
	is_uint(pgp_strip(all, all, 256), want, "six bytes are white space");
}

static size_t read_all(int fd, char *to, size_t max)
{
	size_t n = 0;
	ssize_t got;
	while ((got = read(fd, to + n, max - n)) > 0)
		n += (size_t)got;
	return n;
}

#define BIG (200u << 10)

/* The same file whatever the pieces. */
static void pieces(const char *dir)
{
	static char text[BIG], want[BIG], got[BIG];
	struct fail f = {0};
	uint64_t n;
	int fd;
	for (size_t i = 0; i < BIG; i++)
		text[i] = " a\nbc\t{}\"\r"[random_u64() % 10];
	size_t kept = pgp_strip(want, text, BIG);
	for (unsigned round = 0; round < 20; round++) {
		OWN(pgp_spool) struct pgp_spool *s = NULL;
		size_t most = round ? 1 + random_u64() % (round * 9000) : BIG;
		is_ok(pgp_spool_new(dir, BIG, true, &s, &f), "a spool");
		for (size_t at = 0; at < BIG;) {
			size_t step = MIN(most, BIG - at);
			if (pgp_spool_add(s, (struct str){text + at, step}, &f) != ERR_OK)
				bail_out("%s", f.text);
			at += step;
		}
		is_ok(pgp_spool_end(s, &fd, &n, &f), "ended");
		ok(n == kept && read_all(fd, got, BIG) == kept && memcmp(got, want, kept) == 0,
		   "pieces of up to %zu", most);
	}
}

static void limits(const char *dir)
{
	OWN(pgp_spool) struct pgp_spool *s = NULL, *raw = NULL;
	struct fail f = {0};
	uint64_t n;
	int fd;
	is_ok(pgp_spool_new(dir, 3, true, &s, &f), "three bytes");
	is_ok(pgp_spool_add(s, STR("a  b  c    "), &f), "white space does not count");
	is_err(pgp_spool_add(s, STR("d"), &f), ERR_LIMIT, "one too many");
	is_err(pgp_spool_end(s, &fd, &n, &f), ERR_LIMIT, "the error sticks");
	is_int(fd, -1, "no file");
	is_ok(pgp_spool_new(dir, 100, false, &raw, &f), "raw");
	is_ok(pgp_spool_add(raw, STR("a b\n"), &f), "as it is");
	is_ok(pgp_spool_end(raw, &fd, &n, &f), "ended");
	is_uint(n, 4, "all bytes");
	OWN(pgp_spool) struct pgp_spool *none = NULL;
	is_err(pgp_spool_new("/nonexistent", 100, false, &none, &f), ERR_IO, "no folder");
}

int main(void)
{
	char dir[] = "/tmp/tocsin-spool.XXXXXX";
	if (!mkdtemp(dir))
		bail_out("mkdtemp");
	strip();
	pieces(dir);
	limits(dir);
	ok(rmdir(dir) == 0, "nothing is left behind");
	return done_testing();
}
