/*
 * feedout.c - keeps a MISP feed folder current: which events have changed, what the audience gets
 * of each through egress, and in which order the files change.
 */
#include "feeds/out/feedout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "feeds/out/files.h"
#include "feeds/out/lists.h"

#define BATCH 64
#define SYNC_ALL 8 /* more files than this in a batch: one syncfs() instead of an fsync() each */
#define PULL (256u << 10)
#define CHUNK_MAX (256u << 20) /* what egress lets a chunk grow to */
#define TRIES 3 /* when an event changes while it is written */

struct changed {
	uint64_t id;
	struct uuid uuid; /* nil until known */
};

struct job {
	const struct feedout_opts *o;
	struct feedout_result *res;
	struct feedout_progress progress;
	int dirfd;
	char cursor[160]; /* key in the store */
	struct lists lists;
	struct changed *changed; /* of an update; sorted by id, each once */
	size_t n_changed, at;
	uint64_t last_id; /* of a full run */
	bool listed; /* has an event been seen that is in the feed? */
	struct buf chunk;
};

static bool cancelled(const struct job *j)
{
	return j->o->cancelled && atomic_load(j->o->cancelled);
}

/* ---- the cursor ---- */

/* "<seq> <events> <policy version>" under feedout/<audience>/<digest of the folder's path>. */
static void cursor_name(struct job *j)
{
	char *real = realpath(j->o->dir, NULL), hex[65];
	struct sha256 d = hash_sha256(str_c(real ? real : j->o->dir));
	hash_hex(d.b, 8, hex);
	snprintf(j->cursor, sizeof(j->cursor), "feedout/%s/%s", j->o->audience->name, hex);
	free(real);
}

/* Where the last run ended; false when it cannot be followed. */
static bool cursor_read(struct job *j, const struct store_rtxn *t, uint64_t *seq)
{
	struct str v, head, events;
	if (store_kv_get(t, str_c(j->cursor), &v) != ERR_OK)
		return false;
	v = str_split(v, ' ', &head);
	v = str_split(v, ' ', &events);
	return str_u64(head, seq) && *seq <= store_seq(t) && str_u64(events, &j->res->events) &&
	       str_is(v, j->o->policy_version ? j->o->policy_version : "");
}

struct cursor_job {
	struct str key, value;
};

static enum err cursor_run(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct cursor_job *c = arg;
	return store_kv_put(w, c->key, c->value, f);
}

static enum err cursor_write(const struct job *j, struct fail *f)
{
	char text[128];
	snprintf(text, sizeof(text), "%llu %llu %s", (unsigned long long)j->res->seq,
		 (unsigned long long)j->res->events,
		 j->o->policy_version ? j->o->policy_version : "");
	struct cursor_job c = {str_c(j->cursor), str_c(text)};
	return store_run(j->o->env->store, cursor_run, &c, f);
}

/* ---- what has changed ---- */

static int by_id(const void *a, const void *b)
{
	const struct changed *x = a, *y = b;
	return x->id < y->id ? -1 : x->id > y->id;
}

static enum err changed_add(struct job *j, size_t *cap, uint64_t id, struct uuid uuid,
			    struct fail *f)
{
	if (j->n_changed == *cap) {
		size_t more = *cap ? *cap * 2 : 256;
		struct changed *v = reallocarray(j->changed, more, sizeof(*v));
		if (!v)
			return fail(f, ERR_NOMEM, "no memory for %zu changes", more);
		j->changed = v;
		*cap = more;
	}
	j->changed[j->n_changed++] = (struct changed){id, uuid};
	return ERR_OK;
}

/* Rows that are shown with, or decide about, events they are not part of. New ones change nothing
   that is there, but for block lists. */
static bool touches_all(const struct change *c)
{
	switch (c->kind) {
	case CHANGE_TABLE(T_BLOCK):
		return true;
	case CHANGE_TABLE(T_ORG):
	case CHANGE_TABLE(T_TAG):
	case CHANGE_TABLE(T_SG):
	case CHANGE_TABLE(T_GALAXY):
	case CHANGE_TABLE(T_CLUSTER):
		return c->op != CHANGE_ADD;
	default:
		return false;
	}
}

/* Each event once; a UUID that a deletion left stays. */
static void changed_unique(struct job *j)
{
	size_t n = 0;
	if (j->n_changed)
		qsort(j->changed, j->n_changed, sizeof(*j->changed), by_id);
	for (size_t i = 0; i < j->n_changed; i++) {
		if (n && j->changed[n - 1].id == j->changed[i].id) {
			if (!uuid_is_nil(j->changed[i].uuid))
				j->changed[n - 1].uuid = j->changed[i].uuid;
			continue;
		}
		j->changed[n++] = j->changed[i];
	}
	j->n_changed = n;
}

static enum err changes_read(struct job *j, const struct store_rtxn *t, uint64_t seq,
			     struct fail *f)
{
	struct change c;
	size_t cap = 0;
	enum err e;
	while ((e = store_change_next(t, &seq, &c)) == ERR_OK) {
		if (touches_all(&c)) {
			j->res->full = true;
			return ERR_OK;
		}
		if (c.kind == CHANGE_TABLE(T_EVENT))
			TRY(changed_add(j, &cap, c.id, c.uuid, f));
		else if (c.event_id)
			TRY(changed_add(j, &cap, c.event_id, UUID_NIL, f));
	}
	if (e != ERR_NOENT)
		return fail(f, e, "reading the change log");
	changed_unique(j);
	return ERR_OK;
}

static enum err plan(struct job *j, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	uint64_t seq = 0;
	TRY(store_read(j->o->env->store, &t, f));
	j->res->seq = store_seq(t);
	j->res->full = j->o->full || !cursor_read(j, t, &seq) ||
		       faccessat(j->dirfd, "manifest.json", R_OK, 0) < 0 ||
		       faccessat(j->dirfd, "hashes.csv", R_OK, 0) < 0;
	if (!j->res->full)
		TRY(changes_read(j, t, seq, f));
	j->progress.total = j->res->full ? store_count(t, T_EVENT) : j->n_changed;
	return ERR_OK;
}

/* Deleted, and not added again since. */
static bool is_gone(const struct store_rtxn *t, struct uuid u)
{
	struct str key = {(const char *)u.b, sizeof(u.b)};
	uint64_t id;
	return !uuid_is_nil(u) && store_find(t, IX_EVENT_UUID, key, &id) == ERR_NOENT;
}

/* The next events to look at, with their UUIDs. */
static enum err batch_next(struct job *j, struct changed *b, size_t *n, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(arena) struct arena *a = arena_new(16u << 20);
	struct misp_event e;
	enum err err = ERR_OK;
	*n = 0;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(store_read(j->o->env->store, &t, f));
	while (*n < BATCH && err == ERR_OK) {
		struct changed *c = &b[*n];
		arena_reset(a);
		if (j->res->full) {
			err = store_next(t, T_EVENT, &j->last_id, a, &e);
			if (err == ERR_NOENT)
				return ERR_OK;
			*c = (struct changed){j->last_id, e.uuid};
		} else {
			if (j->at == j->n_changed)
				return ERR_OK;
			*c = j->changed[j->at++];
			err = store_get(t, T_EVENT, c->id, a, &e);
			if (err == ERR_OK)
				c->uuid = e.uuid;
			else if (err == ERR_NOENT && is_gone(t, c->uuid))
				err = ERR_OK;
			else if (err == ERR_NOENT) {
				err = ERR_OK; /* it is back under another id */
				continue;
			}
		}
		if (err == ERR_OK) {
			/* from here on under the name by which it leaves */
			c->uuid = egress_uuid(j->o->env, j->o->audience, c->uuid);
			++*n;
		}
	}
	return err == ERR_OK ? ERR_OK : fail(f, err, "reading events");
}

/* ---- egress ---- */

typedef enum err (*sink_fn)(struct job *j, void *user, struct str bytes, struct fail *f);

static enum err sealed_run(struct job *j, const struct exporter *x, unsigned scope,
			   const struct changed *b, size_t n, sink_fn sink, void *user,
			   struct fail *f)
{
	static const struct query query = {.with_attachments = true};
	struct search_hit hits[BATCH];
	OWN(view) struct view *v = NULL;
	OWN(sealed) struct sealed *s = NULL;
	bool end = false;
	for (size_t i = 0; i < n; i++)
		hits[i] = (struct search_hit){.event_id = b[i].id};
	struct egress_query q = {
		.query = &query,
		.exporter = x,
		.opts = {.scope = scope,
			 .base_url = j->o->env->base_url,
			 .host_org_name = j->o->env->host_org_name,
			 .node_uuid = store_node_uuid(j->o->env->store),
			 .no_proposals = true,
			 .metadata = x == &export_feed_manifest},
		.hits = hits,
		.n_hits = n,
	};
	TRY(view_open_as(j->o->env, j->o->audience, &v, f));
	TRY(egress_search(&v, &q, NULL, NULL, &s, f));
	if (strcmp(sealed_audience(s)->name, j->o->audience->name) != 0)
		return fail(f, ERR_BUG, "sealed for somebody else");
	while (!end) {
		buf_clear(&j->chunk);
		TRY(sealed_pull(s, &j->chunk, PULL, &end, f));
		TRY(sink(j, user, buf_str(&j->chunk), f));
	}
	return ERR_OK;
}

/* ---- one batch ---- */

struct batch {
	struct changed ev[BATCH];
	size_t n;
	struct buf text; /* manifest lines; a cut line of hashes */
	struct str line[BATCH]; /* of the manifest, absent: not in the feed */
	struct outfile *file[BATCH];
	size_t first; /* its first entry in the lists */
	size_t cur; /* whose digests come */
};

static ptrdiff_t batch_find(const struct batch *b, struct uuid u)
{
	for (size_t i = 0; i < b->n; i++)
		if (uuid_eq(b->ev[i].uuid, u))
			return (ptrdiff_t)i;
	return -1;
}

static enum err sink_text(struct job *j, void *user, struct str bytes, struct fail *f)
{
	struct batch *b = user;
	(void)j;
	buf_str_add(&b->text, bytes);
	return buf_err(&b->text) == ERR_OK ? ERR_OK
					   : fail(f, buf_err(&b->text), "manifest too large");
}

/* Lines as feed-manifest writes them: {, one event each with a comma but for the last, }. */
static enum err manifest_lines(struct job *j, struct batch *b, struct fail *f)
{
	enum err e = ERR_AGAIN;
	for (int i = 0; i < TRIES && e == ERR_AGAIN; i++) {
		buf_clear(&b->text);
		e = sealed_run(j, &export_feed_manifest, EXPORT_EVENTS, b->ev, b->n, sink_text, b,
			       f);
	}
	TRY(e);
	struct str rest = buf_str(&b->text), line;
	while (rest.p) {
		struct uuid u;
		rest = str_split(rest, '\n', &line);
		if (line.n && line.p[line.n - 1] == ',')
			line.n--;
		if (!uuid_parse(str_sub(line, 1, UUID_TEXT_LEN), &u))
			continue;
		ptrdiff_t i = batch_find(b, u);
		if (i >= 0)
			b->line[i] = line;
	}
	return ERR_OK;
}

struct file_sink {
	struct outfile *to;
	uint64_t bytes;
};

static enum err sink_file(struct job *j, void *user, struct str bytes, struct fail *f)
{
	struct file_sink *s = user;
	(void)j;
	s->bytes += bytes.n;
	return outfile_write(s->to, bytes.p, bytes.n, f);
}

/* Write the event's file under its temporary name; an event that has left meanwhile has none. */
static enum err event_file(struct job *j, struct batch *b, size_t i, struct fail *f)
{
	char name[FILE_NAME_MAX], uuid[UUID_TEXT_LEN + 1];
	enum err e = ERR_AGAIN;
	snprintf(name, sizeof(name), "%s.json", uuid_format(b->ev[i].uuid, uuid));
	for (int k = 0; k < TRIES && e == ERR_AGAIN; k++) {
		struct file_sink s = {0};
		outfile_free(MOVE(b->file[i]));
		TRY(outfile_new(j->dirfd, name, 6, &b->file[i], f));
		s.to = b->file[i];
		e = sealed_run(j, &export_misp_json, EXPORT_ONE_EVENT, &b->ev[i], 1, sink_file, &s,
			       f);
		if (e == ERR_OK && !s.bytes) {
			outfile_free(MOVE(b->file[i]));
			b->line[i] = STR_NONE;
			return ERR_OK;
		}
	}
	TRY(e);
	TRY(outfile_end(b->file[i], f));
	if (outfile_is_same(b->file[i])) {
		outfile_free(MOVE(b->file[i]));
		j->res->unchanged++;
	}
	return ERR_OK;
}

/* Lines of digests, each with its event behind the comma. */
static enum err sink_hashes(struct job *j, void *user, struct str bytes, struct fail *f)
{
	struct batch *b = user;
	struct uuid u;
	buf_str_add(&b->text, bytes);
	TRY(buf_err(&b->text));
	struct str rest = buf_str(&b->text);
	size_t used = 0;
	while (rest.n > used + 33 + UUID_TEXT_LEN) {
		/* as many lines as there are of one event */
		struct str id = str_sub(rest, used + 33, UUID_TEXT_LEN);
		size_t from = used;
		while (rest.n > used + 33 + UUID_TEXT_LEN &&
		       str_eq(str_sub(rest, used + 33, UUID_TEXT_LEN), id))
			used += 34 + UUID_TEXT_LEN;
		ptrdiff_t i = uuid_parse(id, &u) ? batch_find(b, u) : -1;
		if (i >= 0 && b->line[i].p)
			TRY(lists_hashes(&j->lists, &j->lists.v[b->first + (size_t)i],
					 str_sub(rest, from, used - from), f));
	}
	buf_consume(&b->text, used);
	return ERR_OK;
}

static enum err hash_lines(struct job *j, struct batch *b, struct fail *f)
{
	enum err e = ERR_AGAIN;
	uint64_t end = j->lists.h_end;
	for (int i = 0; i < TRIES && e == ERR_AGAIN; i++) {
		buf_clear(&b->text);
		j->lists.h_end = end;
		for (size_t k = 0; k < b->n; k++)
			j->lists.v[b->first + k].h_len = 0;
		e = sealed_run(j, &export_feed_hashes, EXPORT_EVENTS, b->ev, b->n, sink_hashes, b,
			       f);
	}
	return e;
}

static enum err files_place(struct job *j, struct batch *b, struct fail *f)
{
	size_t n = 0;
	for (size_t i = 0; i < b->n; i++)
		n += b->file[i] != NULL;
	if (n > SYNC_ALL && syncfs(j->dirfd) < 0)
		return fail_errno(f, ERR_IO, errno, "cannot write the feed to disk");
	for (size_t i = 0; i < b->n; i++) {
		if (!b->file[i])
			continue;
		if (n <= SYNC_ALL)
			TRY(outfile_sync(b->file[i], f));
		TRY(outfile_place(b->file[i], f));
		j->res->written++;
	}
	return ERR_OK;
}

static void file_remove(struct job *j, struct uuid u)
{
	char name[FILE_NAME_MAX], uuid[UUID_TEXT_LEN + 1];
	snprintf(name, sizeof(name), "%s.json", uuid_format(u, uuid));
	j->res->removed += outfile_remove(j->dirfd, name);
}

static enum err batch_run(struct job *j, struct batch *b, struct fail *f)
{
	TRY(manifest_lines(j, b, f));
	for (size_t i = 0; i < b->n; i++) {
		if (b->line[i].p)
			TRY(event_file(j, b, i, f));
		if (cancelled(j))
			return fail(f, ERR_CANCELLED, "cancelled");
	}
	TRY(files_place(j, b, f));
	b->first = j->lists.n;
	for (size_t i = 0; i < b->n; i++) {
		TRY(lists_add(&j->lists, b->ev[i].uuid, b->line[i], NULL, f));
		j->listed |= b->line[i].p != NULL;
		if (!b->line[i].p)
			file_remove(j, b->ev[i].uuid);
	}
	return hash_lines(j, b, f);
}

static enum err batches_run(struct job *j, struct fail *f)
{
	for (;;) {
		struct batch b = {.text = BUF(64u << 20)};
		enum err e = batch_next(j, b.ev, &b.n, f);
		if (e == ERR_OK && b.n)
			e = batch_run(j, &b, f);
		for (size_t i = 0; i < b.n; i++)
			outfile_free(b.file[i]);
		buf_free(&b.text);
		if (e != ERR_OK || !b.n)
			return e;
		j->res->looked_at += b.n;
		j->progress.done = j->res->looked_at;
		j->progress.written = j->res->written;
		j->progress.removed = j->res->removed;
		if (j->o->progress)
			j->o->progress(j->o->user, &j->progress);
	}
}

/* ---- the folder ---- */

static enum err folder_open(struct job *j, struct fail *f)
{
	if (mkdir(j->o->dir, 0755) < 0 && errno != EEXIST)
		return fail_errno(f, ERR_IO, errno, "cannot make the folder %s", j->o->dir);
	j->dirfd = open(j->o->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->dirfd < 0)
		return fail_errno(f, ERR_IO, errno, "cannot open the folder %s", j->o->dir);
	if (flock(j->dirfd, LOCK_EX | LOCK_NB) < 0)
		return fail(f, ERR_BUSY, "%s is being written by another", j->o->dir);
	cursor_name(j);
	return ERR_OK;
}

/* After a full run: files of events that are not in the manifest, and leftovers. */
static enum err folder_sweep(struct job *j, struct fail *f)
{
	int fd = openat(j->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;
	if (!d) {
		if (fd >= 0)
			close(fd);
		return fail_errno(f, ERR_IO, errno, "cannot read the folder %s", j->o->dir);
	}
	while ((de = readdir(d))) {
		struct str name = str_c(de->d_name);
		struct uuid u;
		if (str_has_prefix(name, STR(".new-"))) {
			unlinkat(j->dirfd, de->d_name, 0);
			continue;
		}
		if (!str_has_suffix(name, STR(".json")) ||
		    !uuid_parse(str_sub(name, 0, name.n - 5), &u))
			continue;
		const struct list_entry *e = lists_find(&j->lists, u);
		if (!e || !e->m_len)
			file_remove(j, u);
	}
	closedir(d);
	return ERR_OK;
}

static enum err job_run(struct job *j, struct fail *f)
{
	TRY(plan(j, f));
	if (!j->res->full && !j->n_changed)
		return cursor_write(j, f);
	TRY(lists_open(&j->lists, j->dirfd, f));
	TRY(batches_run(j, f));
	/* events that are not for this audience, and were not before, leave the lists as they are;
	   whether they were, their files do not tell after a run that was cut short */
	bool lists = j->res->full || j->listed;
	if (!lists)
		TRY(lists_mentioned(&j->lists, &lists, f));
	if (lists) {
		TRY(lists_write(&j->lists, j->res->full, f));
		j->res->events = j->lists.written;
	}
	if (j->res->full)
		TRY(folder_sweep(j, f));
	return cursor_write(j, f);
}

enum err feedout_update(const struct feedout_opts *o, struct feedout_result *out, struct fail *f)
{
	struct feedout_opts again = *o;
	struct job j = {.o = o, .res = out, .dirfd = -1, .lists = {.m_fd = -1, .h_fd = -1}};
	*out = (struct feedout_result){0};
	if (o->audience->kind == AUD_NOBODY)
		return fail(f, ERR_PERM, "a feed is for somebody");
	buf_init(&j.chunk, CHUNK_MAX + PULL);
	enum err e = folder_open(&j, f);
	if (e == ERR_OK)
		e = job_run(&j, f);
	bool retry = e == ERR_CORRUPT && !out->full;
	lists_close(&j.lists);
	free(j.changed);
	buf_free(&j.chunk);
	if (j.dirfd >= 0)
		close(j.dirfd);
	if (!retry)
		return e;
	/* somebody else has been at the lists: make them anew */
	log_warn("feeds", "feed=%s rebuild=full reason=%s", o->audience->name,
		 f ? log_val(str_c(f->text)) : "-");
	again.full = true;
	return feedout_update(&again, out, f);
}
