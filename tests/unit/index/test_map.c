/* test_map.c - files that grow in place, checksums, strange files. */
#include "index/map.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/tap/tap.h"

int main(void)
{
	char dir[] = "/tmp/tocsin-map-XXXXXX";
	struct rlimit lim, old;
	struct ix_map m;
	struct fail f = {0};
	uint64_t sum;
	char *p;
	int fd;

	if (!mkdtemp(dir) || (fd = open(dir, O_RDONLY | O_DIRECTORY)) < 0)
		bail_out("no folder");
	is_err(map_open(&m, fd, "m", 1 << 20, true, &f), ERR_NOENT, "no file to keep");
	map_close(&m);
	is_ok(map_open(&m, fd, "m", (size_t)256 << 20, false, &f), "a new file");
	p = m.p;
	is_ok(map_grow(&m, 10, &f), "ten bytes");
	ok(m.len >= 10 && m.p[9] == 0, "are there and zero");
	memcpy(m.p, "skerry", 6);
	is_ok(map_grow(&m, 5000000, &f), "grow");
	ok(m.p == p && memcmp(m.p, "skerry", 6) == 0, "in place");
	m.p[4999999] = 'x';
	sum = map_sum(&m, 5000000);
	ok(map_sum(&m, 4999999) != sum, "checksums depend on the length");
	m.p[2500000] = 1;
	ok(map_sum(&m, 5000000) != sum, "and on every byte of a small file");
	m.p[2500000] = 0;
	is_uint(map_sum(&m, m.len + 1), 0, "none of what is not there");
	is_err(map_grow(&m, (size_t)257 << 20, &f), ERR_LIMIT, "not beyond the reserve");

	/* a full disk, as far as a limit on file size plays it */
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	lim = old;
	lim.rlim_cur = 8 << 20;
	setrlimit(RLIMIT_FSIZE, &lim);
	ok(map_grow(&m, 20 << 20, &f) != ERR_OK, "no room is an error");
	setrlimit(RLIMIT_FSIZE, &old);
	ok(m.p[4999999] == 'x', "what there was is still there");
	is_ok(map_sync(&m, &f), "write");
	map_close(&m);

	is_ok(map_open(&m, fd, "m", (size_t)256 << 20, true, &f), "open it again");
	ok(m.len >= 5000000 && m.p[4999999] == 'x' && map_sum(&m, 5000000) == sum, "the same");
	is_ok(map_grow(&m, (size_t)80 << 20, &f), "a large one");
	sum = map_sum(&m, (size_t)80 << 20);
	m.p[0] ^= 1;
	ok(map_sum(&m, (size_t)80 << 20) != sum, "its begin is summed");
	m.p[0] ^= 1;
	m.p[((size_t)80 << 20) - 1] ^= 1;
	ok(map_sum(&m, (size_t)80 << 20) != sum, "and its end");
	map_trim(&m, 5000000);
	ok(m.len < 5100000 && m.p[4999999] == 'x' && lseek(m.fd, 0, SEEK_END) == (off_t)m.len,
	   "give back what is not used");
	is_ok(map_grow(&m, 6000000, &f), "and grow again");
	is_uint((unsigned char)m.p[5999999], 0, "with zeros");
	map_close(&m);
	is_err(map_open(&m, fd, "m", 1 << 20, true, &f), ERR_CORRUPT, "larger than it may be");
	map_close(&m);
	is_ok(map_open(&m, fd, "m", 1 << 20, false, &f), "begin anew");
	is_uint(m.len, 0, "with nothing");
	map_close(&m);
	unlinkat(fd, "m", 0);
	close(fd);
	rmdir(dir);
	return done_testing();
}
