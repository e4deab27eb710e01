/*
 * test_cache.c - caches of values: what was put in is found, nothing else, also where digests are uneven;
 * a broken file and a making that is given up change nothing.
 */
#include "feeds/cache/cache.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "tests/tap/tap.h"

static char dir[] = "/tmp/tocsin-cache-XXXXXX";

static void digest(unsigned i, uint8_t md5[16])
{
	char text[32];
	snprintf(text, sizeof(text), "value %u", i);
	hash_md5(str_c(text), md5);
}

static struct uuid event(unsigned i)
{
	struct uuid u = {{0}};
	u.b[0] = 1;
	u.b[15] = (uint8_t)i;
	return u;
}

/* Values from..to, each in `events` events, every tenth twice. */
static size_t make(enum value_cache_kind k, uint64_t id, unsigned from, unsigned to, unsigned events)
{
	struct value_cache_writer *w = NULL;
	struct fail f = {0};
	uint8_t md5[16];
	size_t n = 0;
	if (!is_ok(value_cache_writer_new(dir, k, id, &w, &f), "a writer: %s", f.text))
		return 0;
	bool good = true;
	for (unsigned i = to; i-- > from;) {
		digest(i, md5);
		for (unsigned e = 0; e < events; e++)
			good &= value_cache_add(w, md5, event(e), &f) == ERR_OK;
		if (i % 10 == 0)
			good &= value_cache_add(w, md5, event(0), &f) == ERR_OK;
	}
	ok(good, "added");
	is_ok(value_cache_commit(w, &n, &f), "committed: %s", f.text);
	return n;
}

static void test_find(void)
{
	OWN(value_cache) struct value_cache c = {0};
	const struct value_cache_entry *e;
	uint8_t md5[16];
	unsigned wrong = 0;
	is_err(value_cache_open(dir, VALUE_CACHE_FEED, 7, &c), ERR_NOENT, "none yet");
	is_uint(make(VALUE_CACHE_FEED, 7, 0, 20000, 2), 40000, "each pair once");
	is_ok(value_cache_open(dir, VALUE_CACHE_FEED, 7, &c), "open");
	is_uint(value_cache_values(&c), 20000, "values");
	ok(c.id == 7 && c.kind == VALUE_CACHE_FEED && c.time > 1600000000, "whose it is");
	for (size_t i = 1; i < c.n; i++)
		wrong += memcmp(&c.v[i - 1], &c.v[i], sizeof(*c.v)) >= 0;
	is_uint(wrong, 0, "in order");
	for (unsigned i = 0; i < 20000; i++) {
		digest(i, md5);
		size_t n = value_cache_find(&c, md5, &e);
		wrong += n != 2 || memcmp(e->md5, md5, 16) != 0 || !uuid_eq(e[1].event, event(1));
		digest(i + 20000, md5);
		wrong += value_cache_find(&c, md5, &e) != 0;
	}
	is_uint(wrong, 0, "all are found, and no others");
}

/* All in one corner, and the same first bytes: guesses lead astray, halves do not. */
static void test_uneven(void)
{
	struct value_cache_writer *w = NULL;
	OWN(value_cache) struct value_cache c = {0};
	const struct value_cache_entry *e;
	struct fail f = {0};
	uint8_t md5[16] = {0};
	unsigned wrong = 0;
	is_ok(value_cache_writer_new(dir, VALUE_CACHE_SERVER, 1, &w, &f), "a writer");
	for (unsigned i = 0; i < 70000 && w; i++) {
		md5[14] = (uint8_t)(i >> 8);
		md5[15] = (uint8_t)i;
		md5[13] = (uint8_t)(i >> 16);
		wrong += value_cache_add(w, md5, UUID_NIL, &f) != ERR_OK;
	}
	memset(md5, 0xff, sizeof(md5));
	wrong += value_cache_add(w, md5, UUID_NIL, &f) != ERR_OK;
	is_ok(value_cache_commit(w, NULL, &f), "committed");
	is_ok(value_cache_open(dir, VALUE_CACHE_SERVER, 1, &c), "open");
	is_uint(c.n, 70001, "all of them");
	wrong += value_cache_find(&c, md5, &e) != 1;
	memset(md5, 0, sizeof(md5));
	for (unsigned i = 0; i < 70000; i += 7) {
		md5[13] = (uint8_t)(i >> 16);
		md5[14] = (uint8_t)(i >> 8);
		md5[15] = (uint8_t)i;
		wrong += value_cache_find(&c, md5, &e) != 1;
		md5[12] = 1;
		wrong += value_cache_find(&c, md5, &e) != 0;
		md5[12] = 0;
	}
	is_uint(wrong, 0, "found");
}

static void test_sets(void)
{
	OWN(value_caches) struct value_caches s = {0};
	make(VALUE_CACHE_FEED, 12, 19000, 21000, 1);
	make(VALUE_CACHE_TAKEN, 12, 0, 5, 1);
	make(VALUE_CACHE_FEED, 3, 100000, 100000, 1);
	is_ok(value_caches_open(dir, VALUE_CACHE_FEED, &s), "all of feeds");
	is_uint(s.n, 3, "three, and nothing of another kind");
	ok(s.n == 3 && s.v[0].id == 3 && s.v[1].id == 7 && s.v[2].id == 12, "by id");
	is_uint(s.v[0].n, 0, "one is empty");
	is_uint(value_cache_common(&s.v[2], &s.v[1]), 1000, "in common");
	is_uint(value_cache_common(&s.v[1], &s.v[2]), 1000, "the other way");
	is_uint(value_cache_covered(&s.v[2], s.v, 2), 1000, "covered by others");
	value_cache_drop(dir, VALUE_CACHE_FEED, 3);
	OWN(value_cache) struct value_cache c = {0};
	is_err(value_cache_open(dir, VALUE_CACHE_FEED, 3, &c), ERR_NOENT, "dropped");
}

static void test_given_up(void)
{
	struct value_cache_writer *w = NULL, *second = NULL;
	OWN(value_cache) struct value_cache c = {0};
	struct fail f = {0};
	char name[200];
	is_ok(value_cache_writer_new(dir, VALUE_CACHE_FEED, 12, &w, &f), "begun");
	is_err(value_cache_writer_new(dir, VALUE_CACHE_FEED, 12, &second, &f), ERR_BUSY, "by one");
	value_cache_writer_free(w);
	is_ok(value_cache_open(dir, VALUE_CACHE_FEED, 12, &c), "given up");
	is_uint(c.n, 2000, "and as it was");
	snprintf(name, sizeof(name), "%s/feed-12.cache.new", dir);
	ok(access(name, F_OK) != 0, "nothing is left");
	snprintf(name, sizeof(name), "%s/feed-99.cache", dir);
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ok(fd >= 0 && write(fd, "0123456789012345678901234567890123456789", 32) == 32, "a broken one");
	close(fd);
	OWN(value_cache) struct value_cache d = {0};
	is_err(value_cache_open(dir, VALUE_CACHE_FEED, 99, &d), ERR_NOENT, "counts as none");
	unlink(name);
}

static void test_keys(void)
{
	uint8_t k[VALUE_KEYS_MAX][16], want[16];
	is_uint(value_cache_keys(ATTR_MD5, STR("x"), k), 1, "a plain value");
	is_uint(value_cache_keys(ATTR_FILENAME_MD5, STR("a.exe|b"), k), 3, "a composite one");
	hash_md5(STR("a.exe|b"), want);
	is_mem(k[0], want, 16, "whole");
	hash_md5(STR("b"), want);
	is_mem(k[2], want, 16, "and its parts");
	is_uint(value_cache_keys(ATTR_FILENAME_MD5, STR("a|a"), k), 2, "each once");
}

int main(void)
{
	if (!mkdtemp(dir))
		bail_out("no folder");
	test_find();
	test_uneven();
	test_sets();
	test_given_up();
	test_keys();
	value_cache_drop(dir, VALUE_CACHE_FEED, 7);
	value_cache_drop(dir, VALUE_CACHE_FEED, 12);
	value_cache_drop(dir, VALUE_CACHE_SERVER, 1);
	value_cache_drop(dir, VALUE_CACHE_TAKEN, 12);
	ok(rmdir(dir) == 0, "the folder is empty");
	return done_testing();
}
