/* test_backup.c - backup while writing, restore with verification, compaction. */
#include "tests/unit/store/fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "base/hash.h"

static atomic_bool stop;
static atomic_uint written;

static void *writer_main(void *arg)
{
	for (uint64_t n = 1000; !atomic_load(&stop); n++) {
		struct fix_event ev = {.number = n, .n = 20};

		if (store_run(arg, fix_event_job, &ev, NULL) == ERR_OK)
			atomic_fetch_add(&written, 1);
	}
	return NULL;
}

static enum err naming_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct misp_event e = {.uuid = fix_uuid(1), .attribute_total = 1, .attribute_count = 1};
	struct misp_attr a;

	e.id = store_new_row_id(w, T_EVENT);
	e.body = store_new_body(w);
	misp_attr_init(&a);
	a.id = store_new_el_id(w, EL_ATTR);
	a.blob = (struct str){arg, 32};
	TRY(store_el_put(w, fix_proof(), EL_ATTR, (struct el_key){e.body, 0, a.id}, &a, f));
	return store_event_put(w, fix_proof(), &e, f);
}

static char to[600], from[600];
static const char *from_path(const char *name)
{
	snprintf(from, sizeof(from), "%s", fix_path(name));
	return from;
}

static unsigned steps;
static void progress(void *user, const char *step, uint64_t done, uint64_t total)
{
	(void)user;
	(void)done;
	(void)total;
	steps += step != NULL;
}

static void backup(uint8_t digest[32])
{
	struct store *s = fix_open("a", (struct store_opts){0});
	struct store_rtxn *t;
	pthread_t th;
	unsigned before, had;

	is_ok(store_blob_put(s, STR("attached"), digest, &fix_fail), "an attachment");
	fix_run(s, naming_job, digest);
	if (pthread_create(&th, NULL, writer_main, s))
		bail_out("pthread_create");
	while (atomic_load(&written) < 50)
		usleep(1000);
	before = atomic_load(&written);
	is_ok(store_backup(s, from_path("b"), progress, NULL, &fix_fail), "backup while writing: %s",
	      fix_fail.text);
	ok(steps > 0, "with progress");
	atomic_store(&stop, true);
	pthread_join(th, NULL);
	is_err(store_backup(s, from_path("b"), NULL, NULL, &fix_fail), ERR_EXISTS,
	       "not over another");
	store_close(s);

	snprintf(to, sizeof(to), "%s", fix_path("c"));
	is_ok(store_restore(from_path("b"), to, progress, NULL, &fix_fail), "restore: %s",
	      fix_fail.text);
	s = fix_open("c", (struct store_opts){0});
	is_ok(store_read(s, &t, NULL), "read");
	had = (unsigned)store_count(t, T_EVENT);
	ok(had >= before + 1 && had <= atomic_load(&written) + 1,
	   "%u events: those of before and some of meanwhile", had);
	store_read_end(t);
	store_close(s);
	is_err(store_restore(from_path("b"), to, NULL, NULL, &fix_fail), ERR_EXISTS,
	       "not into a folder in use");
}

static void flip(const char *path, off_t at)
{
	int fd = open(path, O_RDWR);
	char c;

	if (fd < 0 || pread(fd, &c, 1, at) != 1)
		bail_out("cannot read %s", path);
	c ^= 1;
	if (pwrite(fd, &c, 1, at) != 1)
		bail_out("cannot write %s", path);
	close(fd);
}

static void damaged_backups(const uint8_t digest[32])
{
	char path[700], hex[65];

	snprintf(path, sizeof(path), "%s/data.mdb", from_path("b"));
	flip(path, 3 * 4096 + 100);
	snprintf(to, sizeof(to), "%s", fix_path("d"));
	is_err(store_restore(from_path("b"), to, NULL, NULL, &fix_fail), ERR_CORRUPT,
	       "damaged data: %s", fix_fail.text);
	flip(path, 3 * 4096 + 100);

	hash_hex(digest, 32, hex);
	snprintf(path, sizeof(path), "%s/blobs/%.2s/%.2s/%s", from_path("b"), hex, hex + 2, hex);
	flip(path, 2);
	snprintf(to, sizeof(to), "%s", fix_path("e"));
	is_err(store_restore(from_path("b"), to, NULL, NULL, &fix_fail), ERR_CORRUPT,
	       "a damaged attachment: %s", fix_fail.text);
	flip(path, 2);

	snprintf(path, sizeof(path), "%s/MANIFEST", from_path("b"));
	unlink(path);
	snprintf(to, sizeof(to), "%s", fix_path("f"));
	is_err(store_restore(from_path("b"), to, NULL, NULL, &fix_fail), ERR_NOENT,
	       "a backup that was not finished: %s", fix_fail.text);
}

static enum err delete_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	uint64_t id = *(uint64_t *)arg;

	TRY(store_next(store_view(w), T_EVENT, &id, NULL, NULL));
	return store_event_del(w, id, f);
}

static void compaction(void)
{
	struct store *s = fix_open("a", (struct store_opts){0});
	struct store_report rep;
	struct store_stats before, after;
	uint64_t first = 0;

	store_stats(s, &before);
	while (store_run(s, delete_job, &first, NULL) == ERR_OK)
		;
	is_err(store_compact(fix_path("a"), NULL, NULL, &fix_fail), ERR_BUSY,
	       "not while it is in use");
	store_close(s);
	is_ok(store_compact(fix_path("a"), progress, NULL, &fix_fail), "compact: %s",
	      fix_fail.text);
	s = fix_open("a", (struct store_opts){0});
	store_stats(s, &after);
	ok(after.file_size < before.file_size / 2 && after.seq == before.seq,
	   "%llu bytes were %llu", (unsigned long long)after.file_size,
	   (unsigned long long)before.file_size);
	is_uint(after.elements[EL_ATTR], 0, "nothing left to delete");
	is_ok(store_check(s, NULL, NULL, NULL, &rep, NULL), "sound");
	store_close(s);
}

int main(void)
{
	uint8_t digest[32];

	fix_begin();
	backup(digest);
	damaged_backups(digest);
	compaction();
	return fix_end();
}
