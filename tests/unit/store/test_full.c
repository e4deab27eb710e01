/*
 * test_full.c - the disk is full: the client gets an error, nothing acknowledged is lost, and when
 * there is room again writing goes on. The limit on file sizes stands for the disk; it also makes
 * short writes, which LMDB reports as EIO.
 */
#include "tests/unit/store/fixture.h"

#include <signal.h>
#include <sys/resource.h>

static void limit(uint64_t bytes)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_FSIZE, &l))
		bail_out("getrlimit");
	l.rlim_cur = bytes ? bytes : l.rlim_max;
	if (setrlimit(RLIMIT_FSIZE, &l))
		bail_out("setrlimit");
}

static void round_of(struct store *s, uint64_t bytes, uint64_t *number)
{
	struct fix_event ev = {.n = 300};
	struct store_report rep;
	struct store_rtxn *t;
	uint64_t had, good = 0;
	uint8_t digest[32];
	OWN(chars) char *blob = calloc(1, 8 << 20);
	enum err e;

	is_ok(store_read(s, &t, NULL), "read");
	had = store_count(t, T_EVENT);
	store_read_end(t);
	limit(bytes);
	do {
		ev.number = ++*number;
		e = store_run(s, fix_event_job, &ev, &fix_fail);
		good += e == ERR_OK;
	} while (e == ERR_OK && good < 1000);
	is_err(e, ERR_FULL, "%llu bytes: full after %llu: %s", (unsigned long long)bytes,
	       (unsigned long long)good, fix_fail.text);
	is_err(store_blob_put(s, (struct str){blob, 8 << 20}, digest, &fix_fail), ERR_FULL,
	       "an attachment: %s", fix_fail.text);
	is_err(store_run(s, fix_event_job, &ev, NULL), ERR_FULL, "still");
	limit(0);
	is_ok(store_run(s, fix_event_job, &ev, &fix_fail), "with room it goes on: %s",
	      fix_fail.text);
	is_ok(store_read(s, &t, NULL), "read");
	is_uint(store_count(t, T_EVENT), had + good + 1, "what was acknowledged is there");
	store_read_end(t);
	is_ok(store_check(s, NULL, NULL, NULL, &rep, &fix_fail), "the store is sound");
}

int main(void)
{
	struct store *s;
	uint64_t number = 0;

	signal(SIGXFSZ, SIG_IGN);
	fix_begin();
	s = fix_open("a", (struct store_opts){0});
	round_of(s, 1 << 20, &number);
	round_of(s, (2 << 20) + 1000, &number); /* in the middle of a page */
	round_of(s, 3 << 20, &number);
	store_close(s);
	s = fix_open("a", (struct store_opts){0});
	store_close(s);
	return fix_end();
}
