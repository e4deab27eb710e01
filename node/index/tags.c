/*
 * tags.c - bitmaps of tagged rows and events, by tag id.
 *
 * One lock for all: readers copy out what they need. Rows are exact (a row never changes its tags);
 * events may stand under a tag that they have lost, which the event's record tells.
 */
#include "index/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/own.h"

#define TAG_IDS_MAX (UINT64_C(1) << 24)
#define FILE_MAX ((size_t)4 << 30)

void tags_init(struct ix_tags *g)
{
	pthread_rwlock_init(&g->lock, NULL);
	g->v = NULL;
	g->n = 0;
}

static void forget(struct ix_tags *g)
{
	for (size_t i = 0; i < g->n; i++) {
		if (g->v[i].rows)
			roaring_bitmap_free(g->v[i].rows);
		if (g->v[i].events)
			roaring_bitmap_free(g->v[i].events);
	}
	free(g->v);
	g->v = NULL;
	g->n = 0;
}

void tags_free(struct ix_tags *g)
{
	forget(g);
	pthread_rwlock_destroy(&g->lock);
}

static enum err tags_room(struct ix_tags *g, uint64_t id)
{
	struct ix_tag *v;
	size_t n;

	if (id < g->n)
		return ERR_OK;
	if (id >= TAG_IDS_MAX)
		return ERR_LIMIT;
	n = MAX((size_t)id + 1, g->n + g->n / 2 + 16);
	v = realloc(g->v, n * sizeof(*v));
	if (!v)
		return ERR_NOMEM;
	memset(v + g->n, 0, (n - g->n) * sizeof(*v));
	g->v = v;
	g->n = n;
	return ERR_OK;
}

enum err tags_add(struct ix_tags *g, uint64_t tag_id, bool event, uint32_t n)
{
	roaring_bitmap_t **b;
	enum err e;

	pthread_rwlock_wrlock(&g->lock);
	e = tags_room(g, tag_id);
	if (e == ERR_OK) {
		b = event ? &g->v[tag_id].events : &g->v[tag_id].rows;
		if (!*b)
			*b = roaring_bitmap_create();
		if (*b)
			roaring_bitmap_add(*b, n);
		else
			e = ERR_NOMEM;
	}
	pthread_rwlock_unlock(&g->lock);
	return e;
}

static void copy_out(const struct ix_view *v, uint64_t tag_id, bool event, roaring_bitmap_t *out)
{
	struct ix_tags *g = &v->ix->tags;
	const roaring_bitmap_t *b = NULL;

	pthread_rwlock_rdlock(&g->lock);
	if (tag_id < g->n)
		b = event ? g->v[tag_id].events : g->v[tag_id].rows;
	if (b)
		roaring_bitmap_or_inplace(out, b);
	pthread_rwlock_unlock(&g->lock);
}

void view_tag_rows(const struct ix_view *v, uint64_t tag_id, roaring_bitmap_t *out)
{
	copy_out(v, tag_id, false, out);
}

void view_tag_events(const struct ix_view *v, uint64_t tag_id, roaring_bitmap_t *out)
{
	copy_out(v, tag_id, true, out);
}

/* ---- for others than search ---- */

enum err index_tagged(struct index *ix, uint64_t tag_id, bool events, index_tagged_fn fn,
		      void *user)
{
	roaring_bitmap_t *b = roaring_bitmap_create();
	roaring_uint32_iterator_t it;
	struct ix_view v;

	if (!b)
		return ERR_NOMEM;
	index_view_begin(ix, &v);
	copy_out(&v, tag_id, events, b);
	roaring_init_iterator(b, &it);
	for (bool more = it.has_value; more; more = it.has_value) {
		uint32_t n = it.current_value, place = n;

		roaring_advance_uint32_iterator(&it);
		if (n >= (events ? v.events : v.rows))
			continue;
		if (!events) {
			if (!view_live(&v, n) || (v.flags[n] & IX_DELETED))
				continue;
			place = v.event[n];
		}
		if (view_event_live(&v, place) &&
		    !fn(user, v.ev[place].id, events ? 0 : v.row[n].object,
			events ? 0 : v.row[n].id))
			break;
	}
	index_view_end(&v);
	roaring_bitmap_free(b);
	return ERR_OK;
}

/* ---- the file ------------------------------------------------------------------------------- */

/* Before each bitmap. */
struct piece {
	uint32_t tag, event;
	uint64_t bytes;
};

static enum err write_all(int fd, const void *p, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t w = write(fd, (const char *)p + done, n - done);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return ERR_IO;
		done += (size_t)w;
	}
	return ERR_OK;
}

static enum err piece_write(int fd, const roaring_bitmap_t *b, uint32_t tag, bool event,
			    uint64_t *sum)
{
	struct piece head = {tag, event, b ? roaring_bitmap_portable_size_in_bytes(b) : 0};
	char *p;
	enum err e;

	if (!b)
		return ERR_OK;
	p = malloc(head.bytes);
	if (!p)
		return ERR_NOMEM;
	roaring_bitmap_portable_serialize(b, p);
	*sum = hash_64(&head, sizeof(head), *sum);
	*sum = hash_64(p, head.bytes, *sum);
	e = write_all(fd, &head, sizeof(head));
	if (e == ERR_OK)
		e = write_all(fd, p, head.bytes);
	free(p);
	return e;
}

enum err tags_save(struct ix_tags *g, int dirfd, uint64_t *sum, struct fail *f)
{
	OWN(fd) int fd = openat(dirfd, "tags", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	enum err e = ERR_OK;

	*sum = 1;
	if (fd < 0)
		return fail_errno(f, ERR_IO, errno, "cannot write index file tags");
	for (size_t i = 0; i < g->n && e == ERR_OK; i++) {
		e = piece_write(fd, g->v[i].rows, (uint32_t)i, false, sum);
		if (e == ERR_OK)
			e = piece_write(fd, g->v[i].events, (uint32_t)i, true, sum);
	}
	if (e == ERR_OK && fdatasync(fd) != 0)
		e = ERR_IO;
	return e == ERR_OK ? e : fail_errno(f, e, errno, "cannot write index file tags");
}

static enum err pieces(struct ix_tags *g, const char *p, size_t n, uint64_t *sum)
{
	struct piece head;

	*sum = 1;
	while (n) {
		roaring_bitmap_t **b;

		if (n < sizeof(head))
			return ERR_CORRUPT;
		memcpy(&head, p, sizeof(head));
		if (head.bytes > n - sizeof(head) || head.event > 1)
			return ERR_CORRUPT;
		*sum = hash_64(p, sizeof(head), *sum);
		p += sizeof(head);
		*sum = hash_64(p, head.bytes, *sum);
		TRY(tags_room(g, head.tag));
		b = head.event ? &g->v[head.tag].events : &g->v[head.tag].rows;
		if (*b)
			return ERR_CORRUPT;
		*b = roaring_bitmap_portable_deserialize_safe(p, head.bytes);
		if (!*b)
			return ERR_CORRUPT;
		p += head.bytes;
		n -= sizeof(head) + head.bytes;
	}
	return ERR_OK;
}

enum err tags_load(struct ix_tags *g, int dirfd, uint64_t sum, struct fail *f)
{
	OWN(fd) int fd = openat(dirfd, "tags", O_RDONLY | O_CLOEXEC);
	struct buf b = BUF(FILE_MAX);
	uint64_t got = 0;
	ssize_t n;
	char *p;
	enum err e;

	if (fd < 0)
		return fail(f, ERR_CORRUPT, "index file tags is missing");
	do {
		p = buf_reserve(&b, 1 << 16);
		n = p ? read(fd, p, 1 << 16) : -1;
		if (n > 0)
			buf_commit(&b, (size_t)n);
	} while (n > 0 || (n < 0 && p && errno == EINTR));
	e = n < 0 ? ERR_IO : pieces(g, b.p, b.n, &got);
	buf_free(&b);
	if (e == ERR_OK && got != sum)
		e = ERR_CORRUPT;
	if (e != ERR_OK)
		forget(g);
	return e == ERR_OK ? e : fail(f, e, "index file tags is damaged");
}
