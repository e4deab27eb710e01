/*
 * hotfile.c - a table of sets of eight, as in a cache; over a limit those used longest ago go, set by set.
 *
 * Invariant: an entry is given only after its path was seen to lead to it, by a stat() in the same call.
 */
#include "base/hotfile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/clock.h"
#include "base/hash.h"

#define SETS 64u /* a power of two */
#define WAYS 8u
#define PATH_LEN 1024
#define BYTES_MAX ((uint64_t)32 << 20)
#define FDS_MAX 64u
#define IDLE_MS 15000
/* Younger ones are not kept: one that comes in their place within a tick of the file system's clock could look
   the same. */
#define YOUNG_NS INT64_C(100000000)

struct entry {
	struct hotfile h; /* first */
	atomic_uint refs;
	dev_t dev;
	ino_t ino;
	struct timespec mtime, ctime;
	uint64_t hash;
	size_t path_n;
	char *path;
	char data[];
};

struct way {
	struct entry *e;
	int64_t used_ms;
};

static struct {
	pthread_mutex_t lock[SETS];
	struct way v[SETS][WAYS];
	atomic_uint_fast64_t bytes;
	atomic_uint fds, hand;
} table;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void prepare(void)
{
	for (unsigned i = 0; i < SETS; i++)
		pthread_mutex_init(&table.lock[i], NULL);
}

static struct entry *entry_of(const struct hotfile *h)
{
	return (struct entry *)(uintptr_t)h;
}

const struct hotfile *hotfile_ref(const struct hotfile *h)
{
	atomic_fetch_add_explicit(&entry_of(h)->refs, 1, memory_order_relaxed);
	return h;
}

void hotfile_unref(const struct hotfile *h)
{
	struct entry *e = entry_of(h);

	if (!h || atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (e->h.fd >= 0)
		close(e->h.fd);
	free(e->path);
	free(e);
}

/* ---- the table ---- */

/* Take a way's entry out; the caller's reference. Under the lock of its set. */
static struct entry *way_empty(struct way *w)
{
	struct entry *e = MOVE(w->e);

	if (!e)
		return NULL;
	if (e->h.fd >= 0)
		atomic_fetch_sub(&table.fds, 1);
	else
		atomic_fetch_sub(&table.bytes, e->h.size);
	return e;
}

static struct way *way_of(unsigned set, uint64_t hash, const char *path, size_t n)
{
	for (unsigned i = 0; i < WAYS; i++) {
		struct way *w = &table.v[set][i];

		if (w->e && w->e->hash == hash && w->e->path_n == n && memcmp(w->e->path, path, n) == 0)
			return w;
	}
	return NULL;
}

static struct way *way_oldest(unsigned set)
{
	struct way *w = &table.v[set][0];

	for (unsigned i = 1; i < WAYS; i++) {
		struct way *x = &table.v[set][i];

		if (w->e && (!x->e || x->used_ms < w->used_ms))
			w = x;
	}
	return w;
}

static struct entry *find(uint64_t hash, const char *path, size_t n)
{
	unsigned set = hash & (SETS - 1);
	struct entry *e = NULL;

	pthread_mutex_lock(&table.lock[set]);
	struct way *w = way_of(set, hash, path, n);
	if (w) {
		e = w->e;
		hotfile_ref(&e->h);
		w->used_ms = clock_boot_ms();
	}
	pthread_mutex_unlock(&table.lock[set]);
	return e;
}

static void forget(struct entry *e)
{
	unsigned set = e->hash & (SETS - 1);
	struct entry *gone = NULL;

	pthread_mutex_lock(&table.lock[set]);
	struct way *w = way_of(set, e->hash, e->path, e->path_n);
	if (w && w->e == e)
		gone = way_empty(w);
	pthread_mutex_unlock(&table.lock[set]);
	if (gone)
		hotfile_unref(&gone->h);
}

static bool is_full(void)
{
	return atomic_load(&table.bytes) > BYTES_MAX || atomic_load(&table.fds) > FDS_MAX;
}

/* Within the limits again: the longest unused of set after set goes. */
static void shrink(void)
{
	for (unsigned i = 0; i < SETS * WAYS && is_full(); i++) {
		unsigned set = atomic_fetch_add(&table.hand, 1) & (SETS - 1);

		pthread_mutex_lock(&table.lock[set]);
		struct entry *gone = NULL;
		struct way *w = NULL;
		for (unsigned k = 0; k < WAYS; k++)
			if (table.v[set][k].e && (!w || table.v[set][k].used_ms < w->used_ms))
				w = &table.v[set][k];
		if (w)
			gone = way_empty(w);
		pthread_mutex_unlock(&table.lock[set]);
		if (gone)
			hotfile_unref(&gone->h);
	}
}

static void keep(struct entry *e)
{
	unsigned set = e->hash & (SETS - 1);
	struct entry *gone;

	hotfile_ref(&e->h);
	if (e->h.fd >= 0)
		atomic_fetch_add(&table.fds, 1);
	else
		atomic_fetch_add(&table.bytes, e->h.size);
	pthread_mutex_lock(&table.lock[set]);
	struct way *w = way_of(set, e->hash, e->path, e->path_n);
	if (!w)
		w = way_oldest(set);
	gone = way_empty(w);
	*w = (struct way){e, clock_boot_ms()};
	pthread_mutex_unlock(&table.lock[set]);
	if (gone)
		hotfile_unref(&gone->h);
	shrink();
}

static void drop_before(int64_t used_ms)
{
	pthread_once(&once, prepare);
	for (unsigned set = 0; set < SETS; set++)
		for (unsigned i = 0; i < WAYS; i++) {
			struct entry *gone = NULL;

			pthread_mutex_lock(&table.lock[set]);
			if (table.v[set][i].e && table.v[set][i].used_ms < used_ms)
				gone = way_empty(&table.v[set][i]);
			pthread_mutex_unlock(&table.lock[set]);
			if (gone)
				hotfile_unref(&gone->h);
		}
}

void hotfile_tidy(void)
{
	drop_before(clock_boot_ms() - IDLE_MS);
}

void hotfile_clear(void)
{
	drop_before(INT64_MAX);
}

/* ---- files ---- */

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Does the path lead to this very file, unchanged? */
static bool is_there(const struct entry *e, const char *full)
{
	struct stat st;

	return fstatat(AT_FDCWD, full, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == e->ino &&
	       st.st_dev == e->dev && (uint64_t)st.st_size == e->h.size && S_ISREG(st.st_mode) &&
	       same_time(&st.st_mtim, &e->mtime) && same_time(&st.st_ctim, &e->ctime);
}

static bool is_young(const struct entry *e)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (now.tv_sec - e->ctime.tv_sec) * INT64_C(1000000000) + now.tv_nsec - e->ctime.tv_nsec <
	       YOUNG_NS;
}

static int open_beneath(const char *root, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC), fd, saved;

	if (dir < 0)
		return -1;
	fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
	saved = errno;
	close(dir);
	errno = saved;
	return fd;
}

static bool read_all(int fd, char *to, uint64_t size)
{
	uint64_t n = 0;

	while (n < size) {
		ssize_t got = pread(fd, to + n, size - n, (off_t)n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		n += (uint64_t)got;
	}
	return true;
}

static void entry_fill(struct entry *e, const struct stat *st)
{
	e->dev = st->st_dev;
	e->ino = st->st_ino;
	e->mtime = st->st_mtim;
	e->ctime = st->st_ctim;
	e->h.fd = -1;
	e->h.size = (uint64_t)st->st_size;
	e->h.mtime = st->st_mtim.tv_sec;
	snprintf(e->h.tag, sizeof(e->h.tag), "\"%llx-%llx-%lx\"", (unsigned long long)st->st_ino,
		 (unsigned long long)st->st_size,
		 (unsigned long)st->st_mtim.tv_sec * 1000000u +
			 (unsigned long)st->st_mtim.tv_nsec / 1000u);
}

/* Takes `fd` over. */
static enum err entry_new(int fd, struct entry **out)
{
	struct stat st;
	struct entry *e;

	*out = NULL;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return ERR_NOENT;
	}
	bool whole = (uint64_t)st.st_size <= HOTFILE_MEMORY;
	e = malloc(sizeof(*e) + (whole ? (size_t)st.st_size : 0));
	if (!e) {
		close(fd);
		return ERR_NOMEM;
	}
	memset(e, 0, sizeof(*e));
	atomic_init(&e->refs, 1);
	entry_fill(e, &st);
	if (!whole) {
		e->h.fd = fd;
	} else if (!read_all(fd, e->data, e->h.size)) {
		close(fd);
		hotfile_unref(&e->h);
		return ERR_IO;
	} else {
		close(fd);
		e->h.bytes = (struct str){e->data, (size_t)e->h.size};
	}
	*out = e;
	return ERR_OK;
}

/* Does it go into the table? Else it is for this one time. */
static bool name_it(struct entry *e, uint64_t hash, const char *full, size_t n)
{
	if (is_young(e))
		return false;
	e->hash = hash;
	e->path_n = n;
	e->path = malloc(n + 1);
	if (e->path)
		memcpy(e->path, full, n + 1);
	return e->path != NULL;
}

enum err hotfile_open(const char *root, const char *path, const struct hotfile **out)
{
	char full[PATH_LEN];
	size_t root_n = strlen(root), path_n = strlen(path), n = root_n + 1 + path_n;
	struct entry *e;

	*out = NULL;
	if (n >= sizeof(full))
		return ERR_NOENT;
	memcpy(full, root, root_n);
	full[root_n] = '/';
	memcpy(full + root_n + 1, path, path_n + 1);
	pthread_once(&once, prepare);
	uint64_t hash = hash_64(full, n, 0);
	e = find(hash, full, n);
	if (e && is_there(e, full)) {
		*out = &e->h;
		return ERR_OK;
	}
	if (e) {
		forget(e);
		hotfile_unref(&e->h);
	}
	int fd = open_beneath(root, path);
	if (fd < 0)
		return errno == EACCES || errno == EPERM ? ERR_PERM : ERR_NOENT;
	TRY(entry_new(fd, &e));
	if (name_it(e, hash, full, n))
		keep(e);
	*out = &e->h;
	return ERR_OK;
}
