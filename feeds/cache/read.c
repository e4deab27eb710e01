/*
 * read.c - asking caches. Digests are spread evenly, so a guess by the first bytes is near; where
 * somebody has made them uneven, halves do.
 */
#include "feeds/cache/impl.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"

static const struct {
	const char *begin, *end;
} names[VALUE_CACHE_KINDS] = {
	[VALUE_CACHE_FEED] = {"feed-", ".cache"},
	[VALUE_CACHE_SERVER] = {"server-", ".cache"},
	[VALUE_CACHE_TAKEN] = {"feed-", ".taken"},
};

void value_cache_name(char to[CACHE_NAME_MAX], const char *dir, enum value_cache_kind k, uint64_t id,
		      const char *end)
{
	snprintf(to, CACHE_NAME_MAX, "%s/%s%llu%s%s", dir, names[k].begin, (unsigned long long)id,
		 names[k].end, end);
}

bool value_cache_id(const char *name, enum value_cache_kind k, uint64_t *id)
{
	struct str s = str_c(name);
	if (!str_has_prefix(s, str_c(names[k].begin)) || !str_has_suffix(s, str_c(names[k].end)))
		return false;
	size_t from = strlen(names[k].begin), end = strlen(names[k].end);
	return s.n > from + end && str_u64(str_sub(s, from, s.n - from - end), id);
}

/* ---- one ---- */

enum err value_cache_open(const char *dir, enum value_cache_kind k, uint64_t id,
			  struct value_cache *c)
{
	char name[CACHE_NAME_MAX];
	struct stat st;
	*c = (struct value_cache){.kind = k, .id = id};
	value_cache_name(name, dir, k, id, "");
	OWN(fd) int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size < (off_t)CACHE_ENTRY ||
	    st.st_size % (off_t)CACHE_ENTRY)
		return ERR_NOENT;
	size_t bytes = (size_t)st.st_size;
	void *map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return ERR_NOMEM;
	if (memcmp(map, CACHE_MAGIC, CACHE_ENTRY) != 0) {
		munmap(map, bytes);
		return ERR_NOENT;
	}
	c->v = (const struct value_cache_entry *)map + 1;
	c->n = bytes / CACHE_ENTRY - 1;
	c->time = (int64_t)st.st_mtime;
	c->map = map;
	c->bytes = bytes;
	return ERR_OK;
}

void value_cache_close(struct value_cache *c)
{
	if (c->map)
		munmap(c->map, c->bytes);
	*c = (struct value_cache){0};
}

void value_cache_drop(const char *dir, enum value_cache_kind k, uint64_t id)
{
	char name[CACHE_NAME_MAX];
	value_cache_name(name, dir, k, id, "");
	unlink(name);
}

static uint64_t head_of(const uint8_t md5[16])
{
	uint64_t v = 0;
	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | md5[i];
	return v;
}

#define GUESSES 6

/* The first entry that is not below the digest. */
static size_t lower(const struct value_cache *c, const uint8_t md5[16])
{
	size_t low = 0, high = c->n;
	uint64_t want = head_of(md5), from = 0, to = UINT64_MAX;
	for (unsigned i = 0; low < high; i++) {
		size_t mid = low + (high - low) / 2;
		if (i < GUESSES && want >= from && to > from)
			mid = low + (size_t)((double)(high - low - 1) * ((double)(want - from) /
								 (double)(to - from)));
		mid = MIN(mid, high - 1);
		if (memcmp(c->v[mid].md5, md5, 16) < 0) {
			from = head_of(c->v[mid].md5);
			low = mid + 1;
		} else {
			to = head_of(c->v[mid].md5);
			high = mid;
		}
	}
	return low;
}

size_t value_cache_find(const struct value_cache *c, const uint8_t md5[16],
			const struct value_cache_entry **first)
{
	size_t at = lower(c, md5), n = 0;
	*first = c->n ? c->v + at : NULL;
	while (at + n < c->n && memcmp(c->v[at + n].md5, md5, 16) == 0)
		n++;
	return n;
}

/* ---- counting ---- */

static bool repeats(const struct value_cache *c, size_t i)
{
	return i > 0 && memcmp(c->v[i - 1].md5, c->v[i].md5, 16) == 0;
}

size_t value_cache_values(const struct value_cache *c)
{
	size_t n = 0;
	for (size_t i = 0; i < c->n; i++)
		n += !repeats(c, i);
	return n;
}

size_t value_cache_common(const struct value_cache *c, const struct value_cache *other)
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

size_t value_cache_covered(const struct value_cache *c, const struct value_cache *others, size_t n)
{
	const struct value_cache_entry *first;
	size_t known = 0;
	for (size_t i = 0; i < c->n; i++) {
		size_t k = 0;
		if (repeats(c, i))
			continue;
		while (k < n && !value_cache_find(&others[k], c->v[i].md5, &first))
			k++;
		known += k < n;
	}
	return known;
}

/* ---- all ---- */

static int by_id(const void *a, const void *b)
{
	const struct value_cache *x = a, *y = b;
	return x->id < y->id ? -1 : x->id > y->id;
}

enum err value_caches_open(const char *dir, enum value_cache_kind k, struct value_caches *out)
{
	*out = (struct value_caches){0};
	DIR *d = opendir(dir);
	const struct dirent *e;
	uint64_t id;
	if (!d)
		return ERR_OK;
	out->v = calloc(VALUE_CACHES_MAX, sizeof(*out->v));
	while (out->v && out->n < VALUE_CACHES_MAX && (e = readdir(d)))
		if (value_cache_id(e->d_name, k, &id) &&
		    value_cache_open(dir, k, id, &out->v[out->n]) == ERR_OK)
			out->n++;
	closedir(d);
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), by_id);
	return out->v ? ERR_OK : ERR_NOMEM;
}

void value_caches_close(struct value_caches *s)
{
	for (size_t i = 0; i < s->n; i++)
		value_cache_close(&s->v[i]);
	free(s->v);
	*s = (struct value_caches){0};
}

/* ---- keys ---- */

static void key_add(struct str s, uint8_t md5[VALUE_KEYS_MAX][16], size_t *n)
{
	size_t i = 0;
	if (!s.n)
		return;
	hash_md5(s, md5[*n]);
	while (i < *n && memcmp(md5[i], md5[*n], 16) != 0)
		i++;
	*n += i == *n;
}

size_t value_cache_keys(enum attr_type type, struct str value, uint8_t md5[VALUE_KEYS_MAX][16])
{
	struct str one, two;
	size_t n = 0;
	type_split(type, value, &one, &two);
	key_add(value, md5, &n);
	key_add(one, md5, &n);
	key_add(two, md5, &n);
	return n;
}
