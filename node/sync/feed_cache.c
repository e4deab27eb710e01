/*
 * feed_cache.c - see feed_cache.h. A file that is not whole (its magic, a size that does not divide) counts
 * as none.
 */
#include "sync/feed_cache.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"

#define MAGIC "tocsin feed cache 1 \n\n\n\n\n\n\n\n\n\n\n\n" /* as long as an entry */
#define ENTRY sizeof(struct feed_cache_entry)
_Static_assert(sizeof(MAGIC) == ENTRY + 1, "the head is one entry long");

static void name_of(char *to, size_t n, const char *dir, uint64_t feed_id, const char *end)
{
	snprintf(to, n, "%s/feed-%llu.cache%s", dir, (unsigned long long)feed_id, end);
}

/* ---- making ---- */

struct making {
	struct feed_cache_entry *v;
	size_t n, cap, lines;
	char line[128];
	size_t have;
	bool skip; /* the rest of a line that is too long */
};

static bool hex_digest(struct str s, uint8_t out[16])
{
	if (s.n != 32)
		return false;
	for (size_t i = 0; i < 32; i++) {
		char c = s.p[i];
		unsigned v = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
			     : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
			     : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
						    : 16;
		if (v == 16)
			return false;
		out[i / 2] = (uint8_t)(i % 2 ? out[i / 2] | v : v << 4);
	}
	return true;
}

static enum err line_end(struct making *m, struct fail *f)
{
	struct str line = str_trim((struct str){m->line, m->have}), digest;
	struct feed_cache_entry e;
	struct str uuid = str_trim(str_split(line, ',', &digest));
	m->have = 0;
	if (!hex_digest(str_trim(digest), e.md5) || !uuid_parse(uuid, &e.event))
		return ERR_OK; /* as MISP: what is no such line is passed over */
	if (m->n == FEED_CACHE_MAX)
		return fail(f, ERR_LIMIT, "the feed has more than %u values", FEED_CACHE_MAX);
	if (m->n == m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 4096;
		void *v = realloc(m->v, cap * ENTRY);
		if (!v)
			return fail(f, ERR_NOMEM, "no memory for %zu values", cap);
		m->v = v;
		m->cap = cap;
	}
	m->v[m->n++] = e;
	return ERR_OK;
}

static enum err take(void *user, const void *p, size_t n, struct fail *f)
{
	struct making *m = user;
	const char *s = p;
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\n') {
			if (!m->skip)
				TRY(line_end(m, f));
			m->have = 0;
			m->skip = false;
		} else if (m->have == sizeof(m->line)) {
			m->skip = true;
		} else {
			m->line[m->have++] = s[i];
		}
	}
	return ERR_OK;
}

static int by_digest(const void *a, const void *b)
{
	return memcmp(a, b, ENTRY);
}

/* Sorted, each once. */
static void tidy(struct making *m)
{
	size_t n = 0;
	if (m->n)
		qsort(m->v, m->n, ENTRY, by_digest);
	for (size_t i = 0; i < m->n; i++)
		if (!i || memcmp(&m->v[i], &m->v[n - 1], ENTRY) != 0)
			m->v[n++] = m->v[i];
	m->n = n;
}

static enum err write_all(int fd, const void *p, size_t n, struct fail *f)
{
	const char *s = p;
	while (n) {
		ssize_t got = write(fd, s, MIN(n, (size_t)1 << 20));
		if (got <= 0)
			return fail(f, ERR_IO, "cannot write a feed's cache");
		s += got;
		n -= (size_t)got;
	}
	return ERR_OK;
}

static enum err save(const char *dir, uint64_t feed_id, const struct making *m, struct fail *f)
{
	char name[4200], temp[4200];
	name_of(name, sizeof(name), dir, feed_id, "");
	name_of(temp, sizeof(temp), dir, feed_id, ".new");
	OWN(fd) int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(f, ERR_IO, "cannot write a feed's cache");
	TRY(write_all(fd, MAGIC, ENTRY, f));
	TRY(write_all(fd, m->v, m->n * ENTRY, f));
	return rename(temp, name) == 0 ? ERR_OK : fail(f, ERR_IO, "cannot write a feed's cache");
}

enum err feed_cache_make(const struct feed_fetch_opts *o, const char *dir, struct fail *f)
{
	struct making *m = calloc(1, sizeof(*m));
	if (!m)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = feed_fetch_data(o, "hashes.csv", UINT64_C(100) * FEED_CACHE_MAX, take, m, f);
	if (e == ERR_OK && m->have && !m->skip)
		e = line_end(m, f);
	tidy(m);
	if (e == ERR_OK)
		e = save(dir, o->feed_id, m, f);
	free(m->v);
	free(m);
	return e;
}

/* ---- asking ---- */

enum err feed_cache_open(const char *dir, uint64_t feed_id, struct feed_cache *c)
{
	char name[4200];
	struct stat st;
	*c = (struct feed_cache){0};
	name_of(name, sizeof(name), dir, feed_id, "");
	OWN(fd) int fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size < (off_t)ENTRY || st.st_size % (off_t)ENTRY)
		return ERR_NOENT;
	size_t bytes = (size_t)st.st_size;
	void *map = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return ERR_NOMEM;
	if (memcmp(map, MAGIC, ENTRY) != 0) {
		munmap(map, bytes);
		return ERR_NOENT;
	}
	*c = (struct feed_cache){.v = (const struct feed_cache_entry *)map + 1,
				 .n = bytes / ENTRY - 1,
				 .time = (int64_t)st.st_mtime,
				 .map = map,
				 .bytes = bytes};
	return ERR_OK;
}

void feed_cache_close(struct feed_cache *c)
{
	if (c->map)
		munmap(c->map, c->bytes);
	*c = (struct feed_cache){0};
}

void feed_cache_drop(const char *dir, uint64_t feed_id)
{
	char name[4200];
	name_of(name, sizeof(name), dir, feed_id, "");
	unlink(name);
}

size_t feed_cache_find(const struct feed_cache *c, const uint8_t md5[16],
		       const struct feed_cache_entry **first)
{
	size_t low = 0, high = c->n, n = 0;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (memcmp(c->v[mid].md5, md5, 16) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*first = c->v + low;
	while (low + n < c->n && memcmp(c->v[low + n].md5, md5, 16) == 0)
		n++;
	return n;
}

static bool repeats(const struct feed_cache *c, size_t i)
{
	return i > 0 && memcmp(c->v[i - 1].md5, c->v[i].md5, 16) == 0;
}

size_t feed_cache_values(const struct feed_cache *c)
{
	size_t n = 0;
	for (size_t i = 0; i < c->n; i++)
		n += !repeats(c, i);
	return n;
}

size_t feed_cache_common(const struct feed_cache *c, const struct feed_cache *other)
{
	size_t n = 0, k = 0;
	for (size_t i = 0; i < c->n && k < other->n; i++) {
		if (repeats(c, i))
			continue;
		while (k < other->n && memcmp(other->v[k].md5, c->v[i].md5, 16) < 0)
			k++;
		n += k < other->n && memcmp(other->v[k].md5, c->v[i].md5, 16) == 0;
	}
	return n;
}

size_t feed_cache_covered(const struct feed_cache *c, const struct feed_cache *others, size_t n)
{
	const struct feed_cache_entry *first;
	size_t known = 0;
	for (size_t i = 0; i < c->n; i++) {
		size_t k = 0;
		if (repeats(c, i))
			continue;
		while (k < n && !feed_cache_find(&others[k], c->v[i].md5, &first))
			k++;
		known += k < n;
	}
	return known;
}
