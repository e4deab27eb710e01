/*
 * lists.c - manifest.json and hashes.csv. Both are kept as lines in the order of UUIDs, so that an
 * update is a merge of two sorted lists and needs memory only for what has changed.
 */
#include "feeds/out/lists.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "feeds/out/files.h"

/* ---- gathering ---- */

static enum err spool_open(int dirfd, int *fd, struct fail *f)
{
	const char *name = ".new-spool";
	unlinkat(dirfd, name, 0);
	*fd = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd < 0)
		return fail_errno(f, ERR_IO, errno, "cannot make a file in the feed folder");
	unlinkat(dirfd, name, 0);
	return ERR_OK;
}

enum err lists_open(struct lists *l, int dirfd, struct fail *f)
{
	*l = (struct lists){.dirfd = dirfd, .m_fd = -1, .h_fd = -1};
	TRY(spool_open(dirfd, &l->m_fd, f));
	return spool_open(dirfd, &l->h_fd, f);
}

void lists_close(struct lists *l)
{
	if (l->m_fd >= 0)
		close(l->m_fd);
	if (l->h_fd >= 0)
		close(l->h_fd);
	free(l->v);
	*l = (struct lists){.m_fd = -1, .h_fd = -1};
}

static enum err spool_put(int fd, uint64_t *end, struct str s, struct fail *f)
{
	while (s.n) {
		ssize_t n = pwrite(fd, s.p, s.n, (off_t)*end);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno(f, errno == ENOSPC ? ERR_FULL : ERR_IO, errno,
					  "cannot write to the feed folder");
		*end += (uint64_t)n;
		s = str_sub(s, (size_t)n, s.n);
	}
	return ERR_OK;
}

enum err lists_add(struct lists *l, struct uuid uuid, struct str line, struct list_entry **out,
		   struct fail *f)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 256;
		struct list_entry *v = reallocarray(l->v, cap, sizeof(*v));
		if (!v)
			return fail(f, ERR_NOMEM, "no memory for %zu events", cap);
		l->v = v;
		l->cap = cap;
	}
	struct list_entry *e = &l->v[l->n++];
	*e = (struct list_entry){.uuid = uuid, .h_off = l->h_end};
	if (out)
		*out = e;
	return lists_line(l, e, line, f);
}

enum err lists_line(struct lists *l, struct list_entry *e, struct str line, struct fail *f)
{
	e->m_off = l->m_end;
	e->m_len = (uint32_t)line.n;
	return spool_put(l->m_fd, &l->m_end, line, f);
}

enum err lists_hashes(struct lists *l, struct list_entry *e, struct str lines, struct fail *f)
{
	if (!e->h_len)
		e->h_off = l->h_end;
	if (BUG(e->h_off + e->h_len != l->h_end))
		return ERR_BUG;
	e->h_len += lines.n;
	return spool_put(l->h_fd, &l->h_end, lines, f);
}

static int by_uuid(const void *a, const void *b)
{
	const struct list_entry *x = a, *y = b;
	return uuid_cmp(x->uuid, y->uuid);
}

/* And in the order of their addition, which the spool tells. */
static int by_uuid_and_age(const void *a, const void *b)
{
	const struct list_entry *x = a, *y = b;
	int order = by_uuid(a, b);
	if (!order)
		order = x->m_off < y->m_off ? -1 : x->m_off > y->m_off;
	return order ? order : x->m_len < y->m_len ? -1 : x->m_len > y->m_len;
}

void lists_sort(struct lists *l)
{
	size_t n = 0;
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), by_uuid_and_age);
	for (size_t i = 0; i < l->n; i++) {
		n -= n && uuid_eq(l->v[n - 1].uuid, l->v[i].uuid);
		l->v[n++] = l->v[i];
	}
	l->n = n;
	l->sorted = true;
}

const struct list_entry *lists_find(const struct lists *l, struct uuid uuid)
{
	struct list_entry key = {.uuid = uuid};
	return l->n ? bsearch(&key, l->v, l->n, sizeof(*l->v), by_uuid) : NULL;
}

/* ---- the old files, line by line ---- */

struct old {
	FILE *file; /* NULL: none, or at its end */
	char *line;
	size_t cap;
	struct str text; /* current line, without end */
	struct uuid uuid;
	bool manifest;
};

static void old_close(struct old *o)
{
	if (o->file)
		fclose(o->file);
	free(o->line);
	*o = (struct old){0};
}

static enum err old_damaged(const struct old *o, struct fail *f)
{
	return fail(f, ERR_CORRUPT, "%s in the feed folder is not as we wrote it",
		    o->manifest ? "manifest.json" : "hashes.csv");
}

/* The next line; o->file is closed at the end. Lines have to ascend. */
static enum err old_next(struct old *o, struct fail *f)
{
	struct uuid before = o->uuid;
	ssize_t n = o->file ? getline(&o->line, &o->cap, o->file) : -1;
	struct str s = {o->line, n > 0 ? (size_t)n : 0};
	if (n <= 0) {
		if (o->file && (o->manifest || ferror(o->file)))
			return old_damaged(o, f);
		goto end;
	}
	if (s.p[s.n - 1] != '\n')
		return old_damaged(o, f);
	s.n--;
	if (o->manifest) {
		if (str_is(s, "}"))
			goto end;
		if (s.n && s.p[s.n - 1] == ',')
			s.n--;
		if (s.n < 40 || s.p[0] != '"' || s.p[s.n - 1] != '}' ||
		    !uuid_parse(str_sub(s, 1, UUID_TEXT_LEN), &o->uuid))
			return old_damaged(o, f);
	} else if (s.n != 33 + UUID_TEXT_LEN ||
		   !uuid_parse(str_sub(s, 33, UUID_TEXT_LEN), &o->uuid)) {
		return old_damaged(o, f);
	}
	int order = uuid_cmp(before, o->uuid);
	if (order > 0 || (order == 0 && o->manifest))
		return old_damaged(o, f);
	o->text = s;
	return ERR_OK;
end:
	if (o->file)
		fclose(o->file);
	o->file = NULL;
	return ERR_OK;
}

static enum err old_open(struct old *o, int dirfd, bool manifest, bool fresh, struct fail *f)
{
	*o = (struct old){.manifest = manifest};
	if (fresh)
		return ERR_OK;
	int fd = openat(dirfd, manifest ? "manifest.json" : "hashes.csv",
			O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	o->file = fd < 0 ? NULL : fdopen(fd, "r");
	if (!o->file) {
		if (fd >= 0)
			close(fd);
		return old_damaged(o, f);
	}
	if (manifest && (getline(&o->line, &o->cap, o->file) != 2 || o->line[0] != '{'))
		return old_damaged(o, f);
	return old_next(o, f);
}

/* ---- merging ---- */

struct merge {
	struct lists *l;
	struct outfile *to;
	bool manifest, any;
};

static enum err line_put(struct merge *m, struct str line, struct fail *f)
{
	if (m->manifest && m->any)
		TRY(outfile_write(m->to, ",\n", 2, f));
	m->any = true;
	m->l->written += m->manifest;
	return outfile_write(m->to, line.p, line.n, f);
}

static enum err entry_put(struct merge *m, const struct list_entry *e, struct fail *f)
{
	char chunk[4096];
	uint64_t off = m->manifest ? e->m_off : e->h_off, left = m->manifest ? e->m_len : e->h_len;
	bool first = true;
	if (!e->m_len)
		return ERR_OK; /* gone, with its digests */
	while (left) {
		ssize_t n = pread(m->manifest ? m->l->m_fd : m->l->h_fd, chunk,
				  MIN(left, sizeof(chunk)), (off_t)off);
		if (n <= 0)
			return fail(f, ERR_IO, "cannot read back what goes into the feed");
		struct str s = {chunk, (size_t)n};
		TRY(first && m->manifest ? line_put(m, s, f) : outfile_write(m->to, s.p, s.n, f));
		first = false;
		off += (uint64_t)n;
		left -= (uint64_t)n;
	}
	return ERR_OK;
}

static enum err merge_lines(struct merge *m, struct old *o, struct fail *f)
{
	size_t i = 0;
	while (o->file || i < m->l->n) {
		const struct list_entry *e = i < m->l->n ? &m->l->v[i] : NULL;
		int order = !o->file ? 1 : !e ? -1 : uuid_cmp(o->uuid, e->uuid);
		if (order < 0) {
			TRY(line_put(m, o->text, f));
			if (!m->manifest)
				TRY(outfile_write(m->to, "\n", 1, f));
		}
		if (order > 0) {
			TRY(entry_put(m, e, f));
			i++;
		} else {
			TRY(old_next(o, f)); /* written, or replaced by the entry */
		}
	}
	return ERR_OK;
}

static enum err list_make(struct lists *l, bool manifest, bool fresh, struct packer *packer,
			  struct outfile **out, struct fail *f)
{
	const char *name = manifest ? "manifest.json" : "hashes.csv";
	struct old o;
	TRY(outfile_new(l->dirfd, name, packer, out, f));
	struct merge m = {l, *out, manifest, false};
	l->written = manifest ? 0 : l->written;
	enum err e = old_open(&o, l->dirfd, manifest, fresh, f);
	if (e == ERR_OK && manifest)
		e = outfile_write(m.to, "{\n", 2, f);
	if (e == ERR_OK)
		e = merge_lines(&m, &o, f);
	if (e == ERR_OK && manifest)
		e = m.any ? outfile_write(m.to, "\n}\n", 3, f) : outfile_write(m.to, "}\n", 2, f);
	old_close(&o);
	TRY(e);
	TRY(outfile_end(*out, f));
	return outfile_sync(*out, f);
}

enum err lists_mentioned(struct lists *l, bool *yes, struct fail *f)
{
	struct old o;
	*yes = false;
	lists_sort(l);
	enum err e = old_open(&o, l->dirfd, true, false, f);
	while (e == ERR_OK && o.file && !*yes) {
		*yes = lists_find(l, o.uuid) != NULL;
		e = old_next(&o, f);
	}
	old_close(&o);
	return e;
}

enum err lists_write(struct lists *l, bool fresh, struct packer *packer, struct fail *f)
{
	OWN(outfile) struct outfile *hashes = NULL, *manifest = NULL, *asc = NULL;
	if (!l->sorted)
		lists_sort(l);
	TRY(list_make(l, false, fresh, packer, &hashes, f));
	TRY(list_make(l, true, fresh, packer, &manifest, f));
	if (!outfile_is_same(hashes, packer))
		TRY(outfile_place(hashes, f));
	bool same = outfile_is_same(manifest, packer);
	bool is_signed = faccessat(l->dirfd, "manifest.json.asc", F_OK, 0) == 0;
	if (l->sign && (!same || !is_signed))
		TRY(l->sign(l->sign_user, manifest, &asc, f));
	if (!same)
		TRY(outfile_place(manifest, f));
	if (asc)
		TRY(outfile_place(asc, f));
	else if (!same && is_signed)
		outfile_remove(l->dirfd, "manifest.json.asc");
	return fsync(l->dirfd) == 0 ? ERR_OK
				    : fail_errno(f, ERR_IO, errno, "cannot write the feed folder");
}
