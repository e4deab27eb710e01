/*
 * raw.c - the head and the spool of a document that has not been judged.
 *
 * Elements are packed one behind the other, each behind a fixed header; small documents stay in
 * memory, larger ones move to a file that has no name, so it goes with its descriptor.
 */
#include "model/raw.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/own.h"
#include "model/pack.h"

#define MIB ((size_t)1 << 20)
/* Bytes gathered before they are written to, or after they are read from, the file. */
#define IO_BYTES (256u << 10)
#define SOURCE_MEMORY (1u << 20) /* a larger source goes to a file */
/* The head's strings: event info, tags, organisations, a sharing group. */
#define HEAD_BYTES (64 * MIB)

const struct raw_limits raw_limits_default = {
	.memory_bytes = 4 * MIB,
	.spool_bytes = (uint64_t)4 << 30,
	.elements = 10000000,
	.string_bytes = 16 * MIB,
	.data_bytes = 64 * MIB,
	.depth = 32,
};

/* Behind it `bytes` of the element, then `more` of a cluster's galaxy. Private to this file. */
#define MEM_FIRST 8192u /* bytes that most documents fit into */

struct spooled {
	uint32_t kind, ordinal, parent, bytes, more;
};

struct raw_event {
	enum raw_root root;
	struct raw_limits lim;
	char *dir;
	struct arena *arena;
	struct misp_event head;
	uint64_t count[EL_COUNT], total;
	bool is_list;
	int fd;		    /* -1: all is in `mem` */
	uint64_t in_file;   /* bytes written */
	struct buf mem;	    /* what is not in the file */
	bool broken;	    /* a write failed: nothing can be added */
	struct {
		int fd; /* 0: all is in `mem` (standard input is no spool) */
		uint64_t in_file;
		struct buf mem;
		void *map;
	} source;
};

struct raw_cursor {
	struct raw_event *r;
	uint64_t at; /* offset in the spool */
	struct buf win;	/* bytes of the file from `win_at` */
	uint64_t win_at;
};

bool raw_in_memory(const struct raw_event *r)
{
	return r->fd < 0;
}

struct raw_event *raw_new(enum raw_root root, const struct raw_limits *lim, const char *spool_dir)
{
	struct raw_event *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->root = root;
	r->fd = -1;
	r->lim = lim ? *lim : raw_limits_default;
	/* A record is never larger than its texts; their sum is limited by spool_bytes. */
	r->mem = BUF(SIZE_MAX / 2);
	r->source.mem = BUF(SIZE_MAX / 2);
	r->arena = arena_new(HEAD_BYTES);
	if (spool_dir)
		r->dir = strdup(spool_dir);
	if (!r->arena || (spool_dir && !r->dir)) {
		raw_free(r);
		return NULL;
	}
	return r;
}

void raw_free(struct raw_event *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	if (r->source.map)
		munmap(r->source.map, r->source.in_file);
	if (r->source.fd)
		close(r->source.fd);
	buf_free(&r->source.mem);
	buf_free(&r->mem);
	arena_free(r->arena);
	free(r->dir);
	free(r);
}

enum raw_root raw_root(const struct raw_event *r)
{
	return r->root;
}

struct misp_event *raw_head(struct raw_event *r)
{
	return &r->head;
}

struct arena *raw_arena(struct raw_event *r)
{
	return r->arena;
}

uint64_t raw_count(const struct raw_event *r, enum element_kind k)
{
	return r->count[k];
}

bool raw_is_list(const struct raw_event *r)
{
	return r->is_list;
}

void raw_set_list(struct raw_event *r, bool is_list)
{
	r->is_list = is_list;
}

uint64_t raw_spool_size(const struct raw_event *r)
{
	return r->in_file + r->mem.n;
}

/* A file without a name: O_TMPFILE, or made and unlinked where the file system has it not. */
static int spool_open(const char *dir)
{
	char path[4096];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd;
	if (snprintf(path, sizeof(path), "%s/spool.XXXXXX", dir) >= (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

static enum err write_behind(int fd, uint64_t at, struct str bytes, struct fail *f)
{
	size_t done = 0;

	while (done < bytes.n) {
		ssize_t n = pwrite(fd, bytes.p + done, bytes.n - done, (off_t)(at + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail_errno(f, n < 0 && errno == ENOSPC ? ERR_FULL : ERR_IO,
					  n < 0 ? errno : EIO, "cannot write to the spool");
		done += (size_t)n;
	}
	return ERR_OK;
}

/* Move what is in memory behind what is in the file. */
static enum err spill(struct raw_event *r, struct fail *f)
{

	if (r->fd < 0) {
		if (!r->dir)
			return fail(f, ERR_LIMIT, "document of more than %zu bytes without a spool",
				    r->lim.memory_bytes);
		r->fd = spool_open(r->dir);
		if (r->fd < 0)
			return fail_errno(f, ERR_IO, errno, "cannot make a spool file in %s",
					  r->dir);
	}
	TRY(write_behind(r->fd, r->in_file, buf_str(&r->mem), f));
	r->in_file += r->mem.n;
	buf_clear(&r->mem);
	if (r->mem.cap > 4 * IO_BYTES)
		buf_free(&r->mem);
	return ERR_OK;
}

/* Pack into r->mem; a failed one leaves nothing behind. */
static enum err add_packed(struct raw_event *r, const struct element *e, struct fail *f)
{
	size_t start = r->mem.n;
	struct spooled h = {e->kind, e->ordinal, e->parent, 0, 0};

	if (!buf_reserve(&r->mem, r->mem.cap ? sizeof(h) + 512 : MEM_FIRST))
		goto out;
	buf_commit(&r->mem, sizeof(h));
	size_t body = r->mem.n;
	pack_entity(&r->mem, element_desc(e->kind), &e->head, PACK_SPOOL);
	size_t more = r->mem.n;
	if (e->kind == EL_CLUSTER)
		pack_entity(&r->mem, &desc_misp_galaxy, &e->galaxy, PACK_SPOOL);
	if (buf_err(&r->mem) != ERR_OK)
		goto out;
	if (r->mem.n - body > UINT32_MAX || raw_spool_size(r) > r->lim.spool_bytes) {
		r->mem.n = start;
		return fail(f, ERR_LIMIT, "document of more than %llu bytes",
			    (unsigned long long)r->lim.spool_bytes);
	}
	h.bytes = (uint32_t)(more - body);
	h.more = (uint32_t)(r->mem.n - more);
	memcpy(r->mem.p + start, &h, sizeof(h));
	return ERR_OK;
out:;
	enum err err = buf_err(&r->mem);
	r->mem.err = ERR_OK;
	r->mem.n = start;
	return fail(f, err, "no memory for an element");
}

enum err raw_add(struct raw_event *r, const struct element *e, struct fail *f)
{
	if (BUG(e->kind >= EL_COUNT))
		return fail(f, ERR_BUG, "element of an unknown kind");
	if (r->broken)
		return fail(f, ERR_IO, "the spool is broken");
	if (r->total >= r->lim.elements)
		return fail(f, ERR_LIMIT, "more than %llu elements",
			    (unsigned long long)r->lim.elements);
	TRY(add_packed(r, e, f));
	r->total++;
	r->count[e->kind]++;
	if (r->mem.n <= (r->fd < 0 ? r->lim.memory_bytes : IO_BYTES))
		return ERR_OK;
	enum err err = spill(r, f);
	r->broken = err != ERR_OK;
	return err;
}

/* ---- the bytes it was read from ---- */

static enum err source_spill(struct raw_event *r, struct fail *f)
{
	if (!r->source.fd) {
		int fd = r->dir ? spool_open(r->dir) : -1;

		if (fd < 0)
			return fail_errno(f, ERR_IO, r->dir ? errno : ENOENT,
					  "cannot make a spool file");
		r->source.fd = fd;
	}
	TRY(write_behind(r->source.fd, r->source.in_file, buf_str(&r->source.mem), f));
	r->source.in_file += r->source.mem.n;
	buf_clear(&r->source.mem);
	return ERR_OK;
}

enum err raw_source_add(struct raw_event *r, const void *p, size_t n, struct fail *f)
{
	if (r->source.in_file + r->source.mem.n + n > r->lim.spool_bytes)
		return fail(f, ERR_LIMIT, "document of more than %llu bytes",
			    (unsigned long long)r->lim.spool_bytes);
	buf_add(&r->source.mem, p, n);
	if (buf_err(&r->source.mem) != ERR_OK)
		return fail(f, ERR_NOMEM, "no memory for a document");
	return r->source.mem.n > (r->source.fd ? IO_BYTES : SOURCE_MEMORY) ? source_spill(r, f) :
									     ERR_OK;
}

enum err raw_source(struct raw_event *r, struct str *out, struct fail *f)
{
	if (!r->source.fd) {
		*out = buf_str(&r->source.mem);
		return out->n ? ERR_OK : fail(f, ERR_NOENT, "its bytes were not kept");
	}
	if (!r->source.map) {
		TRY(source_spill(r, f));
		void *m = mmap(NULL, r->source.in_file, PROT_READ, MAP_SHARED, r->source.fd, 0);

		if (m == MAP_FAILED)
			return fail_errno(f, ERR_IO, errno, "cannot map the spool");
		r->source.map = m;
	}
	*out = (struct str){r->source.map, r->source.in_file};
	return ERR_OK;
}

struct raw_cursor *raw_cursor_new(struct raw_event *r)
{
	struct raw_cursor *c = calloc(1, sizeof(*c));

	if (c) {
		c->r = r;
		c->win = BUF(SIZE_MAX / 2);
	}
	return c;
}

void raw_cursor_free(struct raw_cursor *c)
{
	if (!c)
		return;
	buf_free(&c->win);
	free(c);
}

/* `n` bytes of the file from c->at on, in the window. A record lies wholly in the file or not. */
static enum err window(struct raw_cursor *c, size_t n, const char **out, struct fail *f)
{
	if (c->at >= c->win_at && c->at - c->win_at + n <= c->win.n) {
		*out = c->win.p + (c->at - c->win_at);
		return ERR_OK;
	}
	if (n > c->r->in_file - c->at)
		return fail(f, ERR_CORRUPT, "the spool ends inside an element");
	uint64_t left = c->r->in_file - c->at;
	size_t want = MAX(n, MIN((uint64_t)IO_BYTES, left));
	buf_clear(&c->win);
	if (c->win.cap > 4 * IO_BYTES && want <= IO_BYTES)
		buf_free(&c->win);
	if (!buf_reserve(&c->win, want))
		return fail(f, ERR_NOMEM, "no memory for an element");
	c->win_at = c->at;
	while (c->win.n < want) {
		ssize_t got = pread(c->r->fd, c->win.p + c->win.n, want - c->win.n,
				    (off_t)(c->win_at + c->win.n));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return fail_errno(f, ERR_IO, got < 0 ? errno : EIO,
					  "cannot read the spool");
		buf_commit(&c->win, (size_t)got);
	}
	*out = c->win.p;
	return ERR_OK;
}

/* `n` bytes from c->at on, from the file or from memory. */
static enum err bytes_at(struct raw_cursor *c, size_t n, const char **out, struct fail *f)
{
	if (c->at < c->r->in_file)
		return window(c, n, out, f);
	size_t at = (size_t)(c->at - c->r->in_file);
	if (at > c->r->mem.n || n > c->r->mem.n - at)
		return fail(f, ERR_CORRUPT, "the spool ends inside an element");
	*out = c->r->mem.p + at;
	return ERR_OK;
}

enum err raw_next(struct raw_cursor *c, struct arena *a, struct element *out, struct fail *f)
{
	struct spooled h;
	const char *p;

	if (c->at >= raw_spool_size(c->r))
		return ERR_NOENT;
	TRY(bytes_at(c, sizeof(h), &p, f));
	memcpy(&h, p, sizeof(h));
	size_t whole = sizeof(h) + h.bytes + h.more;
	TRY(bytes_at(c, whole, &p, f));
	if (BUG(h.kind >= EL_COUNT))
		return fail(f, ERR_CORRUPT, "the spool is damaged");
	struct str body = {p + sizeof(h), h.bytes};
	out->kind = (enum element_kind)h.kind;
	out->ordinal = h.ordinal;
	out->parent = h.parent;
	enum err err = unpack_entity(body, element_desc(out->kind), a, &out->head);
	if (err == ERR_OK && out->kind == EL_CLUSTER)
		err = unpack_entity((struct str){body.p + body.n, h.more}, &desc_misp_galaxy, a,
				    &out->galaxy);
	if (err != ERR_OK)
		return fail(f, err, "the spool is damaged");
	c->at += whole;
	return ERR_OK;
}
