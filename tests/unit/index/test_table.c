/* test_table.c - entries survive growth; old tables live as long as their readers. */
#include "index/table.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/tap/tap.h"

#define N 20000u

static uint64_t hash_of(uint32_t i)
{
	uint64_t z = i * UINT64_C(0x9e3779b97f4a7c15);

	return z ^ z >> 29;
}

static bool has(const struct ix_table *t, uint64_t hash, uint32_t want)
{
	struct ix_walk w = table_walk(t, hash);
	uint32_t ref;

	while (table_next(&w, &ref))
		if (ref == want)
			return true;
	return false;
}

static unsigned missing(const struct ix_table *t, uint32_t n)
{
	unsigned bad = 0;

	for (uint32_t i = 0; i < n; i++)
		bad += !has(t, hash_of(i), i);
	return bad;
}

int main(void)
{
	char dir[] = "/tmp/tocsin-table-XXXXXX", path[64];
	struct ix_table t = {0};
	static struct ix_guard g; /* gcc's checked stack aligns to 32 bytes only */
	struct fail f = {0};
	struct ix_lines *l;
	struct ix_walk w, old;
	uint64_t lines, used, first = UINT64_C(0xffffffff) << 32;
	uint32_t ref;
	unsigned serial, ticket, n = 0;
	int fd;

	if (!mkdtemp(dir) || (fd = open(dir, O_RDONLY | O_DIRECTORY)) < 0)
		bail_out("no folder");
	is_ok(table_open(&t, fd, "t", 0, 0, 0, 0, &f), "an empty table");
	ok(!has(&t, 5, 0), "has nothing");

	/* a reader that is inside while the table grows */
	ticket = guard_enter(&g);
	for (uint32_t i = 0; i < 100; i++) {
		is_ok(table_room(&t, &g, 1, &f), "room for one");
		table_add(&t, hash_of(i), i);
	}
	old = table_walk(&t, hash_of(7));
	for (uint32_t i = 100; i < N; i++) {
		if (table_room(&t, &g, 1, &f) != ERR_OK)
			bail_out("%s", f.text);
		table_add(&t, hash_of(i), i);
		if (i % 100 == 0)
			guard_sweep(&g, false);
	}
	is_uint(missing(&t, N), 0, "all are found after growing");
	ok(g.retired != NULL, "old tables are kept for the reader");
	while (table_next(&old, &ref))
		n += ref == 7;
	is_uint(n, 1, "who still reads one");
	guard_leave(&g, ticket);
	for (int i = 0; i < 4; i++)
		guard_sweep(&g, false);
	ok(g.retired == NULL, "and go when it has left");

	/* tags all alike, at the end of the table: lines overflow and wrap around */
	for (uint32_t i = 0; i < 100; i++) {
		if (table_room(&t, &g, 1, &f) != ERR_OK)
			bail_out("%s", f.text);
		table_add(&t, first, N + i);
	}
	for (uint32_t i = 0; i < 100; i++)
		n += has(&t, first, N + i);
	is_uint(n, 101, "a hundred entries with one tag");
	is_uint(missing(&t, N), 0, "nothing was lost");
	w = table_walk(&t, hash_of(3));
	while (table_next(&w, &ref) && ref != 3)
		;
	table_redirect(&w, 77777);
	ok(has(&t, hash_of(3), 77777) && !has(&t, hash_of(3), 3), "an entry is redirected");
	table_redirect(&w, 3);

	l = atomic_load(&t.lines);
	lines = l->n;
	serial = l->serial;
	used = t.used;
	is_ok(map_sync(&l->map, &f), "write");
	table_close(&t);
	is_ok(table_open(&t, fd, "t", 0, lines, serial, used, &f), "open what was saved");
	is_uint(missing(&t, N), 0, "it is all there");
	table_close(&t);
	is_err(table_open(&t, fd, "t", 0, lines * 2 + 100000, serial, used, &f), ERR_CORRUPT,
	       "a file that is too short");
	table_close(&t);
	is_err(table_open(&t, fd, "t", 0, 1, serial, 9, &f), ERR_CORRUPT, "more than fits");
	guard_sweep(&g, true);
	snprintf(path, sizeof(path), "%s/t.%u", dir, serial);
	unlink(path);
	close(fd);
	ok(rmdir(dir) == 0, "no other file is left behind");
	return done_testing();
}
