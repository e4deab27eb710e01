/*
 * feedout.c - keeps a MISP feed folder current: in which order its files change, and that what must
 * leave does not wait for what is added.
 */
#include "feeds/out/feedout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "feeds/out/job.h"

#define LANES_FROM 16 /* events; for fewer a thread is not worth its start */
#define CHUNK_MAX (256u << 20) /* what egress lets a chunk grow to */

bool job_cancelled(const struct job *j)
{
	return j->o->cancelled && atomic_load(j->o->cancelled);
}

static enum err job_init(struct job *j, const struct feedout_opts *o, struct feedout_result *res,
			 struct fail *f)
{
	*j = (struct job){.o = o, .res = res, .dirfd = -1, .lists = {.m_fd = -1, .h_fd = -1}};
	*res = (struct feedout_result){0};
	for (size_t i = 0; i < ARRAY_LEN(j->lane); i++) {
		j->lane[i].job = j;
		j->lane[i].is_helper = i > 0;
		buf_init(&j->lane[i].chunk, CHUNK_MAX + (1u << 20));
	}
	j->group = calloc(1, sizeof(*j->group));
	j->lane[0].packer = packer_new();
	return j->group && j->lane[0].packer ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
}

static void job_free(struct job *j)
{
	if (j->group)
		group_free(j->group);
	free(j->group);
	lanes_close(j);
	lists_close(&j->lists);
	free(j->todo.v);
	free(j->urgent.v);
	free(j->looked.v);
	free(j->redone.v);
	for (size_t i = 0; i < ARRAY_LEN(j->lane); i++) {
		packer_free(j->lane[i].packer);
		buf_free(&j->lane[i].chunk);
	}
}

/* ---- batches ---- */

static void tell(struct job *j, size_t n)
{
	j->res->looked_at += n;
	j->progress.done = j->res->looked_at;
	j->progress.written = j->res->written;
	j->progress.removed = j->res->removed;
	if (j->o->progress)
		j->o->progress(j->o->user, &j->progress);
}

typedef enum err (*batch_fn)(struct job *j, struct batch *b, struct fail *f);

static enum err batches_each(struct job *j, batch_fn fn, struct fail *f)
{
	j->at = 0;
	j->last_id = 0;
	for (;;) {
		struct batch b = {.text = BUF(64u << 20), .hashes = BUF(64u << 20)};
		enum err e = plan_next(j, b.ev, &b.n, f);
		for (size_t i = 0; e == ERR_OK && j->o->urgent_only && i < b.n; i++)
			e = changed_add(&j->looked, b.ev[i], f);
		if (e == ERR_OK && b.n)
			e = fn(j, &b, f);
		batch_free(&b);
		if (e != ERR_OK || !b.n)
			return e;
		if (fn == batch_run)
			tell(j, b.n);
		if (job_cancelled(j))
			return fail(f, ERR_CANCELLED, "cancelled");
	}
}

/* Of a run that took long: what changed meanwhile is read once more, for what it says now. */
static enum err batches_run(struct job *j, struct fail *f)
{
	TRY(batches_each(j, batch_run, f));
	TRY(group_place(j, f));
	j->all = false;
	while (j->urgent.n) {
		free(j->todo.v);
		j->todo = j->urgent;
		j->urgent = (struct changed_list){0};
		j->redone.n = 0;
		TRY(batches_each(j, batch_run, f));
		TRY(group_place(j, f));
	}
	return ERR_OK;
}

/* ---- the lists ---- */

static enum err lists_follow(struct job *j, struct fail *f)
{
	/* events that are not for this audience, and were not before, leave the lists as they are;
	   whether they were, their files do not tell after a run that was cut short */
	bool lists = j->res->full || j->listed;
	if (!lists)
		TRY(lists_mentioned(&j->lists, &lists, f));
	if (!lists)
		return ERR_OK;
	TRY(lists_write(&j->lists, j->res->full, j->lane[0].packer, f));
	j->res->events = j->lists.written;
	return ERR_OK;
}

/* ---- urgent runs ---- */

static enum err leavers_remove(struct job *j, struct batch *b, struct fail *f)
{
	TRY(batch_lines(j, b, f));
	for (size_t i = 0; i < b->n; i++)
		if (!b->line[i].p)
			batch_remove(j, b->ev[i].uuid);
	return ERR_OK;
}

static enum err urgent_run(struct job *j, struct fail *f)
{
	TRY(plan_urgent(j, f));
	if (j->todo.n) {
		bool full = j->res->full;
		TRY(lists_open(&j->lists, j->dirfd, f));
		sign_lists(j, &j->lists);
		if (j->todo.n > BATCH)
			TRY(batches_each(j, leavers_remove, f));
		TRY(batches_run(j, f));
		/* without lists that can be followed the full run makes them */
		j->res->full = false;
		enum err e = lists_follow(j, f);
		if (e != ERR_OK && e != ERR_CORRUPT)
			return e;
		j->res->full = full || e == ERR_CORRUPT;
		if (j->has_cursor && e == ERR_OK)
			TRY(plan_done(j, j->from, f));
	}
	*j->o->watched = MAX(*j->o->watched, j->res->seq);
	return ERR_OK;
}

static enum err urgent_within(struct job *j, struct fail *f)
{
	struct feedout_opts o = *j->o;
	struct feedout_result res;
	struct job in;
	o.urgent_only = true;
	o.rest = NULL;
	o.progress = NULL;
	enum err e = job_init(&in, &o, &res, f);
	in.dirfd = j->dirfd;
	memcpy(in.cursor, j->cursor, sizeof(in.cursor));
	if (e == ERR_OK)
		e = urgent_run(&in, f);
	j->res->written += res.written;
	j->res->removed += res.removed;
	for (size_t i = 0; i < in.todo.n && e == ERR_OK; i++)
		e = changed_add(&j->urgent, in.todo.v[i], f);
	for (size_t i = 0; i < in.looked.n && e == ERR_OK; i++)
		e = changed_add(&j->redone, in.looked.v[i], f);
	job_free(&in);
	return e;
}

enum err job_rest(struct job *j, bool inside, struct fail *f)
{
	const struct feedout_opts *o = j->o;
	enum feedout_rest how;
	enum err e = ERR_OK;
	while (e == ERR_OK && o->rest && !job_cancelled(j) &&
	       (how = o->rest(o->user, inside)) != FEEDOUT_GO) {
		lanes_hold(j);
		if (how == FEEDOUT_NAP)
			o->nap(o->user);
		else
			e = urgent_within(j, f);
		lanes_release(j);
	}
	return e;
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
	plan_cursor(j);
	return ERR_OK;
}

/* Remove the files of events that `stay` does not have (or has as gone), and leftovers. What was
   removed is added to `gone`, unless that is NULL. */
static enum err folder_sweep(struct job *j, const struct lists *stay, bool by_name,
			     struct lists *gone, struct fail *f)
{
	int fd = openat(j->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;
	enum err e = ERR_OK;
	if (!d) {
		if (fd >= 0)
			close(fd);
		return fail_errno(f, ERR_IO, errno, "cannot read the folder %s", j->o->dir);
	}
	while (e == ERR_OK && (de = readdir(d))) {
		struct str name = str_c(de->d_name);
		struct uuid u;
		if (str_has_prefix(name, STR(".new-"))) {
			unlinkat(j->dirfd, de->d_name, 0);
			continue;
		}
		if (!str_has_suffix(name, STR(".json")) ||
		    !uuid_parse(str_sub(name, 0, name.n - 5), &u))
			continue;
		const struct list_entry *le = lists_find(stay, u);
		if (le && (by_name || le->m_len))
			continue;
		batch_remove(j, u);
		if (gone)
			e = lists_add(gone, u, STR_NONE, NULL, f);
	}
	closedir(d);
	return e;
}

static enum err stayers_note(struct job *j, struct batch *b, struct fail *f)
{
	TRY(batch_lines(j, b, f));
	for (size_t i = 0; i < b->n; i++)
		if (b->line[i].p)
			TRY(lists_add(&j->lists, b->ev[i].uuid, STR_NONE, NULL, f));
	return ERR_OK;
}

/* A full run may be due because there is less to see now, and takes long: first of all find out
   what is seen at all, and take away the rest. */
static enum err leavers_first(struct job *j, struct fail *f)
{
	struct lists gone = {.m_fd = -1, .h_fd = -1};
	TRY(lists_open(&j->lists, j->dirfd, f));
	enum err e = batches_each(j, stayers_note, f);
	lists_sort(&j->lists);
	if (e == ERR_OK)
		e = lists_open(&gone, j->dirfd, f);
	sign_lists(j, &gone);
	if (e == ERR_OK)
		e = folder_sweep(j, &j->lists, true, &gone, f);
	if (e == ERR_OK && gone.n) {
		e = lists_write(&gone, false, j->lane[0].packer, f);
		e = e == ERR_CORRUPT ? ERR_OK : e; /* they are about to be made anew */
	}
	lists_close(&gone);
	lists_close(&j->lists);
	return e;
}

static enum err update_run(struct job *j, struct fail *f)
{
	TRY(plan_update(j, f));
	if (!j->res->full && !j->todo.n)
		return plan_done(j, j->res->seq, f);
	if (j->res->full && faccessat(j->dirfd, "manifest.json", F_OK, 0) == 0)
		TRY(leavers_first(j, f));
	TRY(lists_open(&j->lists, j->dirfd, f));
	sign_lists(j, &j->lists);
	if (j->o->two_lanes && (j->all || j->todo.n >= LANES_FROM))
		lanes_open(j);
	TRY(batches_run(j, f));
	lanes_close(j);
	TRY(lists_follow(j, f));
	if (j->res->full)
		TRY(folder_sweep(j, &j->lists, false, NULL, f));
	return plan_done(j, j->res->seq, f);
}

enum err feedout_update(const struct feedout_opts *o, struct feedout_result *out, struct fail *f)
{
	struct feedout_opts again = *o;
	struct job j;
	if (o->audience->kind == AUD_NOBODY)
		return fail(f, ERR_PERM, "a feed is for somebody");
	if (BUG((o->urgent_only || o->rest) && !o->watched))
		return ERR_BUG;
	enum err e = job_init(&j, o, out, f);
	if (e == ERR_OK)
		e = folder_open(&j, f);
	if (e == ERR_OK)
		e = o->urgent_only ? urgent_run(&j, f) : update_run(&j, f);
	bool retry = e == ERR_CORRUPT && !out->full && !o->urgent_only;
	job_free(&j);
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
