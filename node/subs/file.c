/*
 * file.c - what consumers are given: the whole set as a file, made when somebody asks and the set has
 * changed, and the difference between two serials.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "feeds/out/files.h"
#include "subs/internal.h"

#define PIECE (256u << 10)
#define ITEM_MAX (8u << 20)
#define CHANGES_MAX 100000 /* more than that, and the whole is as good */
#define CHANGES_MEMORY (32u << 20)
#define NAME "export"

static struct sensor_opts opts_of(const struct sub_conf *c, const struct set_info *i)
{
	struct sensor_opts o = c->rules.opts;
	o.now = i->changed;
	o.serial = i->serial;
	o.count = i->shown;
	return o;
}

/* ---- the whole ---- */

struct writer {
	struct outfile *file;
	struct hash_ctx *md5, *sha256;
	uint64_t bytes;
};

static enum err flush(struct writer *w, struct buf *b, struct fail *f)
{
	TRY(buf_err(b) == ERR_OK ? ERR_OK : fail(f, buf_err(b), "an entry is too large"));
	if (!b->n)
		return ERR_OK;
	hash_add(w->md5, b->p, b->n);
	hash_add(w->sha256, b->p, b->n);
	w->bytes += b->n;
	TRY(outfile_write(w->file, b->p, b->n, f));
	buf_clear(b);
	return ERR_OK;
}

static enum err items_write(struct set_read *r, struct sensor_run *run, struct writer *w, struct fail *f)
{
	struct indicator i;
	enum err e = sensor_begin(run);
	while (e == ERR_OK && (e = set_read_next(r, &i)) == ERR_OK) {
		e = sensor_item(run, &i);
		if (e == ERR_OK && run->out->n >= PIECE)
			e = flush(w, run->out, f);
	}
	if (e == ERR_NOENT)
		e = sensor_end(run);
	if (e != ERR_OK)
		return fail(f, e, "writing an export: %s", err_text(e));
	return flush(w, run->out, f);
}

static enum err whole_write(struct sub *s, struct set_read *r, const struct sub_conf *c, int dirfd,
			    struct fail *f)
{
	OWN(packer) struct packer *packer = packer_new();
	OWN(outfile) struct outfile *file = NULL;
	OWN(buf) struct buf b = BUF(PIECE + ITEM_MAX);
	struct set_info info = set_read_info(r);
	struct sensor_opts opts = opts_of(c, &info);
	struct sensor_run run = {.format = c->format->format, .opts = &opts, .out = &b};
	struct made m = {.serial = info.serial, .changed = info.changed};
	uint8_t md5[16] = {0};
	if (!packer)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(outfile_new(dirfd, NAME, packer, &file, f));
	struct writer w = {.file = file, .md5 = hash_md5_begin(), .sha256 = hash_begin()};
	enum err e = w.md5 && w.sha256 ? items_write(r, &run, &w, f) : fail(f, ERR_NOMEM, "no memory");
	m.entries = run.entries;
	sensor_free(&run);
	hash_md5_end(w.md5, md5);
	struct sha256 d = hash_end(w.sha256);
	TRY(e);
	TRY(outfile_end(file, f));
	TRY(outfile_place(file, f));
	m.bytes = w.bytes;
	hash_hex(md5, sizeof(md5), m.md5);
	hash_hex(d.b, sizeof(d.b), m.sha256);
	memcpy(m.conf, c->digest, sizeof(m.conf));
	s->made = m;
	return ERR_OK;
}

static int folder_open(const struct sub *s, struct fail *f)
{
	int fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		(void)fail_errno(f, ERR_IO, errno, "cannot open %s", s->dir);
	return fd;
}

/* ---- what is there may be given ---- */

static void policy_now(const struct sub *s, char out[65])
{
	struct policy *p = s->env->policy(s->env->user);
	snprintf(out, 65, "%s", policy_version(p));
	policy_unref(p);
}

/* sub_read() has let it pass at this commit of the set, with the same policy before and after. */
static void note_current(struct sub *s, const struct set_read *r, const char policy[65])
{
	char now[65];
	policy_now(s, now);
	s->made.version = strcmp(policy, now) == 0 ? set_read_version(r) : 0;
	memcpy(s->made.policy, now, sizeof(now));
}

/* Nothing that sub_read() looks at is other than when it was noted. */
static bool is_noted(struct sub *s)
{
	char policy[65];
	if (!s->made.serial || !s->made.version || s->made.version != set_version(s->set))
		return false;
	policy_now(s, policy);
	pthread_mutex_lock(&s->lock);
	bool same = strcmp(s->conf->digest, s->made.conf) == 0;
	pthread_mutex_unlock(&s->lock);
	return same && strcmp(policy, s->made.policy) == 0;
}

enum err sub_make(struct sub *s, struct fail *f)
{
	OWN(set_read) struct set_read *r = NULL;
	OWN(sub_conf) struct sub_conf *c = NULL;
	char policy[65];
	policy_now(s, policy);
	TRY(sub_read(s, &r, &c, f));
	if (s->made.serial != set_read_info(r).serial || strcmp(s->made.conf, c->digest) != 0) {
		int fd = folder_open(s, f);
		if (fd < 0)
			return ERR_IO;
		enum err e = whole_write(s, r, c, fd, f);
		close(fd);
		TRY(e);
	}
	note_current(s, r, policy);
	return ERR_OK;
}

static enum err made_open(struct sub *s, bool packed, struct sub_file *out, struct fail *f)
{
	*out = (struct sub_file){.serial = s->made.serial,
				 .entries = s->made.entries,
				 .changed = s->made.changed};
	if (hotfile_open(s->dir, packed ? NAME ".gz" : NAME, &out->file) != ERR_OK) {
		s->made.serial = 0; /* somebody has been at the file */
		return fail(f, ERR_IO, "the file of an export is not there");
	}
	memcpy(out->md5, s->made.md5, sizeof(out->md5));
	memcpy(out->sha256, s->made.sha256, sizeof(out->sha256));
	return ERR_OK;
}

enum err sub_file(struct sub *s, bool packed, struct sub_file *out, struct fail *f)
{
	pthread_mutex_lock(&s->making);
	enum err e = sub_make(s, f);
	if (e == ERR_OK)
		e = made_open(s, packed, out, f);
	pthread_mutex_unlock(&s->making);
	return e;
}

bool sub_file_now(struct sub *s, bool packed, struct sub_file *out)
{
	struct fail f = {0};
	if (pthread_mutex_trylock(&s->making) != 0)
		return false;
	bool ok = is_noted(s) && made_open(s, packed, out, &f) == ERR_OK;
	pthread_mutex_unlock(&s->making);
	return ok;
}

/* ---- the folder of exports ---- */

static enum err copy_into(struct outfile *to, const struct hotfile *from, struct fail *f)
{
	char piece[64 << 10];
	ssize_t n;
	if (from->bytes.p)
		return outfile_write(to, from->bytes.p, from->bytes.n, f);
	for (off_t at = 0; (n = pread(from->fd, piece, sizeof(piece), at)) > 0; at += n)
		TRY(outfile_write(to, piece, (size_t)n, f));
	return n < 0 ? fail_errno(f, ERR_IO, errno, "cannot read an export") : ERR_OK;
}

static enum err note_write(int dirfd, const char *name, const char *suffix, const char *hex,
			   struct fail *f)
{
	char file[FILE_NAME_MAX + 8], tmp[FILE_NAME_MAX + 16], line[200];
	int n = snprintf(line, sizeof(line), "%s  %s\n", hex, name);
	snprintf(file, sizeof(file), "%s%s", name, suffix);
	snprintf(tmp, sizeof(tmp), ".new-%s", file);
	int fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return fail_errno(f, ERR_IO, errno, "cannot write %s", file);
	bool ok = write(fd, line, (size_t)n) == n && fsync(fd) == 0;
	ok = close(fd) == 0 && ok;
	if (!ok || renameat(dirfd, tmp, dirfd, file) < 0)
		return fail_errno(f, ERR_IO, errno, "cannot write %s", file);
	return ERR_OK;
}

enum err sub_publish(struct sub *s, const char *dir, struct fail *f)
{
	OWN(sub_conf) struct sub_conf *c = sub_conf(s);
	OWN(packer) struct packer *packer = packer_new();
	OWN(outfile) struct outfile *file = NULL;
	struct sub_file made;
	TRY(published_note(s, c->path, f));
	TRY(sub_file(s, false, &made, f));
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err e = !packer  ? fail(f, ERR_NOMEM, "no memory")
		     : fd < 0 ? fail_errno(f, ERR_IO, errno, "cannot open %s", dir)
			      : outfile_new(fd, c->path, packer, &file, f);
	if (e == ERR_OK)
		e = copy_into(file, made.file, f);
	if (e == ERR_OK)
		e = outfile_end(file, f);
	if (e == ERR_OK)
		e = outfile_sync(file, f);
	if (e == ERR_OK)
		e = outfile_place(file, f);
	if (e == ERR_OK)
		e = note_write(fd, c->path, ".md5", made.md5, f);
	if (e == ERR_OK)
		e = note_write(fd, c->path, ".sha256", made.sha256, f);
	if (fd >= 0)
		close(fd);
	hotfile_unref(made.file);
	if (e == ERR_OK)
		s->written = made.serial;
	return e;
}

/* ---- differences ---- */

/* What an indicator is written as; two that are written alike are no change. */
static enum err text_of(struct sensor_run *run, struct str record, struct buf *out)
{
	struct indicator i;
	struct buf *to = run->out;
	buf_clear(out);
	if (!record.p)
		return ERR_OK;
	if (!ind_unpack(record, &i))
		return ERR_CORRUPT;
	run->out = out;
	enum err e = run->format->item(run, &i);
	run->out = to;
	return e;
}

static enum err alike_drop(struct sensor_run *run, struct set_changes *c)
{
	OWN(buf) struct buf was = BUF(ITEM_MAX), is = BUF(ITEM_MAX);
	size_t kept = 0;
	for (size_t i = 0; i < c->n; i++) {
		TRY(text_of(run, c->v[i].was, &was));
		TRY(text_of(run, c->v[i].is, &is));
		if (!str_eq(buf_str(&was), buf_str(&is)))
			c->v[kept++] = c->v[i];
	}
	c->n = kept;
	return ERR_OK;
}

static enum err changes_write(struct sensor_run *run, const struct set_changes *c,
			      struct sub_delta *info)
{
	for (int pass = 0; pass < 2; pass++)
		for (size_t k = 0; k < c->n; k++) {
			struct str rec = pass ? c->v[k].is : c->v[k].was;
			struct indicator i;
			if (!rec.p)
				continue;
			if (!ind_unpack(rec, &i))
				return ERR_CORRUPT;
			TRY(sensor_change(run, pass ? SENSOR_COME : SENSOR_GONE, &i));
			if (pass)
				info->come++;
			else
				info->gone++;
		}
	return sensor_change_end(run);
}

enum err sub_delta(struct sub *s, uint64_t since, struct buf *out, struct sub_delta *info,
		   struct fail *f)
{
	OWN(set_read) struct set_read *r = NULL;
	OWN(sub_conf) struct sub_conf *c = NULL;
	OWN(arena) struct arena *a = arena_new(CHANGES_MEMORY);
	struct set_changes list;
	*info = (struct sub_delta){.kind = SUB_WHOLE};
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(sub_read(s, &r, &c, f));
	const struct sensor_format *sf = c->format->format;
	struct set_info now = set_read_info(r);
	info->serial = now.serial;
	if (since == now.serial) {
		info->kind = SUB_NOTHING;
		return ERR_OK;
	}
	if (sf->flags & (SENSOR_WHOLE | SENSOR_BINARY))
		return ERR_OK;
	enum err e = set_read_changes(r, since, CHANGES_MAX, a, &list);
	if (e == ERR_STALE || e == ERR_LIMIT)
		return ERR_OK;
	if (e != ERR_OK)
		return fail(f, e, "reading changes");
	struct sensor_opts opts = opts_of(c, &now);
	struct sensor_run run = {.format = sf, .opts = &opts, .out = out};
	e = sensor_change_begin(&run);
	if (e == ERR_OK)
		e = alike_drop(&run, &list);
	if (e == ERR_OK && list.n)
		e = changes_write(&run, &list, info);
	sensor_free(&run);
	if (e == ERR_LIMIT) { /* too much for a change */
		buf_clear(out);
		return ERR_OK;
	}
	if (e != ERR_OK)
		return fail(f, e, "writing changes");
	if (!list.n)
		buf_clear(out);
	info->kind = !list.n ? SUB_NOTHING : sf->change ? SUB_OWN : SUB_LINES;
	return ERR_OK;
}
