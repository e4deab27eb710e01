/*
 * files.c - the index on disk: columns, tables, bitmaps, and a header that vouches for them.
 *
 * The header is written last, at a clean close, and removed first, at open: an index without one
 * is an index that was not closed, and is rebuilt. It names the node, the hash seed and the
 * sequence number, and holds counts and checksums of everything.
 */
#include "index/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/own.h"

#define HEADER "header"
#define MAGIC "tocsinix"
#define FORMAT 2u

struct header {
	char magic[8];
	uint32_t version, files;
	struct uuid node;
	uint64_t seed, seq, text_used, live;
	uint32_t rows, events, els, gen;
	uint32_t item[IX_FILE_COUNT]; /* element sizes: another build may differ */
	uint64_t sum[IX_FILE_COUNT];
	struct {
		uint64_t lines, used, sum;
		uint32_t serial, pad;
	} table[TAB_COUNT];
	uint64_t tags;
	uint64_t check; /* of all before */
};

static const struct file {
	const char *name;
	size_t item;
	uint64_t most;
} files[] = {
#define X(m, type, name) {name, sizeof(type), IX_ROWS_MAX},
	IX_COLUMNS(X)
#undef X
#define X(m, type, most, name) {name, sizeof(type), most},
		IX_FILES(X)
#undef X
};

static const char *const table_names[TAB_COUNT] = {"values", "uuids", "ids"};

/* Bytes of a file that are in use. */
static size_t used(const struct index *ix, unsigned i)
{
	return i == IX_FILE_text ? ix->text_used
	       : i == IX_FILE_ev ? ix->n_events * files[i].item
	       : i == IX_FILE_el ? ix->n_els * files[i].item
				 : ix->n_rows * files[i].item;
}

static enum err open_all(struct index *ix, bool keep, struct fail *f)
{
	for (unsigned i = 0; i < IX_FILE_COUNT; i++) {
		TRY(map_open(&ix->file[i], ix->dirfd, files[i].name,
			     files[i].item * files[i].most, keep, f));
		if (ix->file[i].len < used(ix, i))
			return fail(f, ERR_CORRUPT, "index file %s is too short", files[i].name);
	}
	return ERR_OK;
}

enum err index_files_fresh(struct index *ix, uint64_t rows, uint64_t els, struct fail *f)
{
	uint64_t ids = rows + els;

	index_files_close(ix);
	if (unlinkat(ix->dirfd, HEADER, 0) != 0 && errno != ENOENT)
		return fail_errno(f, ERR_IO, errno, "cannot remove the index header");
	/* old tables have names of their own */
	for (unsigned t = 0; t < TAB_COUNT; t++)
		for (unsigned serial = 0; serial < 256; serial++) {
			char name[64];

			snprintf(name, sizeof(name), "%s.%u", table_names[t], serial);
			unlinkat(ix->dirfd, name, 0);
		}
	ix->n_rows = ix->n_events = ix->n_els = ix->gen = 0;
	ix->text_used = 0;
	atomic_store(&ix->live, 0);
	TRY(open_all(ix, false, f));
	TRY(table_open(&ix->table[TAB_VALUE], ix->dirfd, "values", rows, 0, 0, 0, f));
	TRY(table_open(&ix->table[TAB_UUID], ix->dirfd, "uuids", ids, 0, 0, 0, f));
	return table_open(&ix->table[TAB_ID], ix->dirfd, "ids", ids, 0, 0, 0, f);
}

static enum err header_read(struct index *ix, struct header *h, struct fail *f)
{
	OWN(fd) int fd = openat(ix->dirfd, HEADER, O_RDONLY | O_CLOEXEC);
	struct uuid node = store_node_uuid(ix->store);
	ssize_t n;

	if (fd < 0)
		return fail(f, ERR_NOENT, "no index header");
	n = read(fd, h, sizeof(*h));
	if (n != (ssize_t)sizeof(*h) || memcmp(h->magic, MAGIC, 8) != 0 ||
	    h->check != hash_64(h, offsetof(struct header, check), 0))
		return fail(f, ERR_CORRUPT, "the index header is damaged");
	if (h->version != FORMAT || h->files != IX_FILE_COUNT)
		return fail(f, ERR_VERSION, "the index has another version");
	for (unsigned i = 0; i < IX_FILE_COUNT; i++)
		if (h->item[i] != files[i].item)
			return fail(f, ERR_VERSION, "the index has other columns");
	if (!uuid_eq(h->node, node) || h->seed != ix->seed)
		return fail(f, ERR_CORRUPT, "the index belongs to another node");
	return ERR_OK;
}

static enum err load(struct index *ix, const struct header *h, struct fail *f)
{
	ix->n_rows = h->rows;
	ix->n_events = h->events;
	ix->n_els = h->els;
	ix->gen = h->gen;
	ix->text_used = h->text_used;
	atomic_store(&ix->live, h->live);
	atomic_store(&ix->seq, h->seq);
	TRY(open_all(ix, true, f));
	for (unsigned i = 0; i < IX_FILE_COUNT; i++)
		if (map_sum(&ix->file[i], used(ix, i)) != h->sum[i])
			return fail(f, ERR_CORRUPT, "index file %s is damaged", files[i].name);
	for (unsigned t = 0; t < TAB_COUNT; t++) {
		struct ix_lines *l;

		if (!h->table[t].lines)
			return fail(f, ERR_CORRUPT, "an index table is empty");
		TRY(table_open(&ix->table[t], ix->dirfd, table_names[t], 0, h->table[t].lines,
			       h->table[t].serial, h->table[t].used, f));
		l = atomic_load(&ix->table[t].lines);
		if (map_sum(&l->map, l->n * 64) != h->table[t].sum)
			return fail(f, ERR_CORRUPT, "index table %s is damaged", table_names[t]);
	}
	return tags_load(&ix->tags, ix->dirfd, h->tags, f);
}

enum err index_files_load(struct index *ix, struct fail *f)
{
	struct header h;
	enum err e;

	TRY(header_read(ix, &h, f));
	e = load(ix, &h, f);
	if (e != ERR_OK)
		return e;
	/* from now on it is not closed cleanly until it is */
	if (unlinkat(ix->dirfd, HEADER, 0) != 0 || fsync(ix->dirfd) != 0)
		return fail_errno(f, ERR_IO, errno, "cannot remove the index header");
	return ERR_OK;
}

static enum err header_write(struct index *ix, const struct header *h, struct fail *f)
{
	OWN(fd) int fd = openat(ix->dirfd, HEADER ".new",
				O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, h, sizeof(*h)) != (ssize_t)sizeof(*h) || fsync(fd) != 0 ||
	    renameat(ix->dirfd, HEADER ".new", ix->dirfd, HEADER) != 0 || fsync(ix->dirfd) != 0)
		return fail_errno(f, ERR_IO, errno, "cannot write the index header");
	return ERR_OK;
}

enum err index_files_save(struct index *ix, struct fail *f)
{
	struct header h;

	memset(&h, 0, sizeof(h));
	memcpy(h.magic, MAGIC, 8);
	h.version = FORMAT;
	h.files = IX_FILE_COUNT;
	h.node = store_node_uuid(ix->store);
	h.seed = ix->seed;
	h.seq = atomic_load(&ix->seq);
	h.text_used = ix->text_used;
	h.live = atomic_load(&ix->live);
	h.rows = ix->n_rows;
	h.events = ix->n_events;
	h.els = ix->n_els;
	h.gen = ix->gen;
	for (unsigned i = 0; i < IX_FILE_COUNT; i++) {
		h.item[i] = (uint32_t)files[i].item;
		map_trim(&ix->file[i], used(ix, i));
		h.sum[i] = map_sum(&ix->file[i], used(ix, i));
		TRY(map_sync(&ix->file[i], f));
	}
	for (unsigned t = 0; t < TAB_COUNT; t++) {
		struct ix_lines *l = atomic_load(&ix->table[t].lines);

		h.table[t].lines = l->n;
		h.table[t].used = ix->table[t].used;
		h.table[t].serial = l->serial;
		h.table[t].sum = map_sum(&l->map, l->n * 64);
		TRY(map_sync(&l->map, f));
	}
	TRY(tags_save(&ix->tags, ix->dirfd, &h.tags, f));
	h.check = hash_64(&h, offsetof(struct header, check), 0);
	return header_write(ix, &h, f);
}

void index_files_close(struct index *ix)
{
	for (unsigned i = 0; i < IX_FILE_COUNT; i++)
		map_close(&ix->file[i]);
	for (unsigned t = 0; t < TAB_COUNT; t++)
		table_close(&ix->table[t]);
	guard_sweep(&ix->guard, true);
	bloom_free(&ix->bloom);
	tags_free(&ix->tags);
	tags_init(&ix->tags);
}

static enum err grow(struct index *ix, unsigned i, uint64_t items, struct fail *f)
{
	return map_grow(&ix->file[i], items * files[i].item, f);
}

/* While everything is built, the builder's thread sees to the tables. */
static enum err tables_room(struct index *ix, struct fail *f)
{
	for (unsigned t = 0; t < TAB_COUNT && !ix->builder; t++)
		TRY(table_room(&ix->table[t], &ix->guard, 2 * IX_QUEUE, f));
	return ERR_OK;
}

enum err index_rows_room(struct index *ix, size_t text, struct fail *f)
{
	for (unsigned i = 0; i < IX_FILE_COUNT; i++)
		if (i != IX_FILE_text && i != IX_FILE_ev && i != IX_FILE_el)
			TRY(grow(ix, i, (uint64_t)ix->n_rows + 1, f));
	TRY(grow(ix, IX_FILE_text, ix->text_used + text, f));
	return tables_room(ix, f);
}

enum err index_events_room(struct index *ix, struct fail *f)
{
	TRY(grow(ix, IX_FILE_ev, (uint64_t)ix->n_events + 1, f));
	return tables_room(ix, f);
}

enum err index_els_room(struct index *ix, struct fail *f)
{
	TRY(grow(ix, IX_FILE_el, (uint64_t)ix->n_els + 1, f));
	return tables_room(ix, f);
}
