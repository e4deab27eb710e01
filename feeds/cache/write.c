/*
 * write.c - making a cache: entries are appended to a file, which is mapped and sorted in its place, so
 * memory does not grow with it. The sort works byte by byte: nobody who chooses digests can make it slow.
 */
#include "feeds/cache/impl.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAITING 2048u /* entries between two writes */
#define SMALL 24u

struct value_cache_writer {
	char name[CACHE_NAME_MAX], temp[CACHE_NAME_MAX];
	int fd;
	bool ours; /* the temporary file is, by its lock */
	size_t n; /* added */
	size_t waiting;
	struct value_cache_entry v[WAITING];
};

/* ---- sorting in place ---- */

static void swap(struct value_cache_entry *a, struct value_cache_entry *b)
{
	struct value_cache_entry x = *a;
	*a = *b;
	*b = x;
}

static void insertion(struct value_cache_entry *v, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t k = i; k && memcmp(&v[k - 1], &v[k], CACHE_ENTRY) > 0; k--)
			swap(&v[k - 1], &v[k]);
}

/* By the byte at `at`, each into its bucket; then each bucket by the next one. At most 32 deep. */
static void sort(struct value_cache_entry *v, size_t n, size_t at)
{
	size_t next[256], end[256] = {0}, sum = 0;
	if (n <= SMALL || at == CACHE_ENTRY) {
		if (at < CACHE_ENTRY)
			insertion(v, n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		end[((const uint8_t *)&v[i])[at]]++;
	for (unsigned b = 0; b < 256; b++) {
		next[b] = sum;
		sum += end[b];
		end[b] = sum;
	}
	for (unsigned b = 0; b < 256; b++)
		while (next[b] < end[b]) {
			uint8_t to = ((const uint8_t *)&v[next[b]])[at];
			if (to == b)
				next[b]++;
			else
				swap(&v[next[b]], &v[next[to]++]);
		}
	for (unsigned b = 0; b < 256; b++) {
		size_t from = b ? end[b - 1] : 0;
		if (end[b] - from > 1)
			sort(v + from, end[b] - from, at + 1);
	}
}

static size_t each_once(struct value_cache_entry *v, size_t n)
{
	size_t kept = 0;
	for (size_t i = 0; i < n; i++)
		if (!kept || memcmp(&v[i], &v[kept - 1], CACHE_ENTRY) != 0)
			v[kept++] = v[i];
	return kept;
}

/* ---- the file ---- */

static enum err write_all(int fd, const void *p, size_t n, struct fail *f)
{
	const char *s = p;
	while (n) {
		ssize_t got = write(fd, s, n);
		if (got <= 0)
			return fail(f, ERR_IO, "cannot write a cache of values");
		s += got;
		n -= (size_t)got;
	}
	return ERR_OK;
}

/* Lock it; what was renamed into place between opening and locking is not it any more. */
static enum err lock_it(struct value_cache_writer *w, struct fail *f)
{
	struct stat mine, there;
	if (flock(w->fd, LOCK_EX | LOCK_NB) != 0 || fstat(w->fd, &mine) != 0 ||
	    stat(w->temp, &there) != 0 || mine.st_ino != there.st_ino)
		return fail(f, ERR_BUSY, "the cache is being made already");
	w->ours = true;
	return ftruncate(w->fd, 0) == 0 ? ERR_OK : fail(f, ERR_IO, "cannot write a cache of values");
}

enum err value_cache_writer_new(const char *dir, enum value_cache_kind k, uint64_t id,
				struct value_cache_writer **out, struct fail *f)
{
	OWN(value_cache_writer) struct value_cache_writer *w = calloc(1, sizeof(*w));
	*out = NULL;
	if (!w)
		return fail(f, ERR_NOMEM, "no memory");
	w->fd = -1;
	value_cache_name(w->name, dir, k, id, "");
	value_cache_name(w->temp, dir, k, id, ".new");
	w->fd = open(w->temp, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (w->fd < 0)
		return fail(f, ERR_IO, "cannot write a cache of values");
	TRY(lock_it(w, f));
	TRY(write_all(w->fd, CACHE_MAGIC, CACHE_ENTRY, f));
	*out = MOVE(w);
	return ERR_OK;
}

static enum err flush(struct value_cache_writer *w, struct fail *f)
{
	size_t n = w->waiting;
	w->waiting = 0;
	return write_all(w->fd, w->v, n * CACHE_ENTRY, f);
}

enum err value_cache_add(struct value_cache_writer *w, const uint8_t md5[16], struct uuid event,
			 struct fail *f)
{
	struct value_cache_entry *e = &w->v[w->waiting];
	if (w->n == VALUE_CACHE_MAX)
		return fail(f, ERR_LIMIT, "more than %u values", VALUE_CACHE_MAX);
	memcpy(e->md5, md5, 16);
	e->event = event;
	w->n++;
	return ++w->waiting == WAITING ? flush(w, f) : ERR_OK;
}

static enum err tidy(struct value_cache_writer *w, size_t *kept, struct fail *f)
{
	size_t bytes = (w->n + 1) * CACHE_ENTRY;
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, w->fd, 0);
	if (map == MAP_FAILED)
		return fail(f, ERR_NOMEM, "no memory for %zu values", w->n);
	struct value_cache_entry *v = (struct value_cache_entry *)map + 1;
	sort(v, w->n, 0);
	*kept = each_once(v, w->n);
	munmap(map, bytes);
	if (ftruncate(w->fd, (off_t)((*kept + 1) * CACHE_ENTRY)) != 0 || fsync(w->fd) != 0)
		return fail(f, ERR_IO, "cannot write a cache of values");
	return ERR_OK;
}

enum err value_cache_commit(struct value_cache_writer *writer, size_t *n, struct fail *f)
{
	OWN(value_cache_writer) struct value_cache_writer *w = writer;
	size_t kept;
	TRY(flush(w, f));
	TRY(tidy(w, &kept, f));
	if (rename(w->temp, w->name) != 0)
		return fail(f, ERR_IO, "cannot put a cache of values in its place");
	w->ours = false;
	if (n)
		*n = kept;
	return ERR_OK;
}

void value_cache_writer_free(struct value_cache_writer *w)
{
	if (!w)
		return;
	if (w->ours)
		unlink(w->temp);
	if (w->fd >= 0)
		close(w->fd);
	free(w);
}
