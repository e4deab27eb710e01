/*
 * index.c - the life of the index: open or rebuild, follow the store's writer, close.
 *
 * While it is open its files vouch for nothing (files.c). After an update that failed (a full
 * disk), it says ERR_STORE to questions of uniqueness and is rebuilt at the next start.
 */
#include "index/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/own.h"

#define ARENA_MAX ((size_t)64 << 20)
/* More dead rows than live ones, and this many: worth a rebuild. */
#define DEAD_MIN 1000000

static void group_begin(void *user)
{
	struct index *ix = user;

	if (!atomic_load(&ix->has_writer)) {
		ix->writer = pthread_self();
		atomic_store(&ix->has_writer, true);
	}
	pending_clear(ix);
}

static void group_aborted(void *user)
{
	pending_clear(user);
}

static enum err group_applied(void *user, const struct store_rtxn *t, const struct change *c,
			      size_t n)
{
	struct index *ix = user;
	struct fail f = {0};
	enum err e;

	if (atomic_load(&ix->broken)) {
		pending_clear(ix);
		return ERR_STORE;
	}
	atomic_fetch_add(&ix->turn, 1);
	e = index_apply(ix, t, c, n, &f);
	if (e != ERR_OK) {
		atomic_store(&ix->broken, true);
		log_error(ROOM, "update=%s detail=%s", err_name(e), log_val(str_c(f.text)));
	}
	index_publish(ix);
	atomic_fetch_add(&ix->turn, 1);
	guard_sweep(&ix->guard, false);
	pending_clear(ix);
	return e;
}

/* What was written since the files were closed. */
static enum err catch_up(struct index *ix, const struct store_rtxn *t, struct fail *f)
{
	uint64_t seq = atomic_load(&ix->seq);
	struct change c;
	enum err e;

	if (seq > store_seq(t))
		return fail(f, ERR_CORRUPT, "the index is ahead of the store");
	while ((e = store_change_next(t, &seq, &c)) == ERR_OK)
		TRY(index_apply(ix, t, &c, 1, f));
	return e == ERR_NOENT ? ERR_OK : fail(f, e, "cannot read the change log");
}

static enum err rebuild(struct index *ix, const struct store_rtxn *t, store_progress_fn progress,
			void *user, struct fail *f)
{
	struct store_stats st;
	uint64_t els = store_count(t, T_EVENT);

	store_stats(ix->store, &st);
	for (enum element_kind k = EL_OBJECT; k < EL_CLUSTER; k++)
		els += st.elements[k];
	atomic_fetch_add(&ix->rebuilds, 1);
	TRY(index_files_fresh(ix, st.elements[EL_ATTR], els, f));
	return index_build(ix, t, progress, user, f);
}

static enum err load_or_build(struct index *ix, store_progress_fn progress, void *user,
			      struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail why = {0};
	enum err e;

	TRY(store_read(ix->store, &t, f));
	e = index_files_load(ix, &why);
	if (e == ERR_OK) {
		bloom_make(ix);
		e = catch_up(ix, t, &why);
	}
	if (e == ERR_OK && ix->n_rows - atomic_load(&ix->live) > DEAD_MIN &&
	    atomic_load(&ix->live) < ix->n_rows / 2)
		e = fail(&why, ERR_STALE, "most rows are dead");
	if (e != ERR_OK) {
		log_info(ROOM, "rebuild=%s detail=%s", err_name(e), log_val(str_c(why.text)));
		TRY(rebuild(ix, t, progress, user, f));
	}
	index_publish(ix);
	return ERR_OK;
}

static enum err open_dir(struct index *ix, struct fail *f)
{
	char path[4096];

	if (snprintf(path, sizeof(path), "%s/index", store_dir(ix->store)) >= (int)sizeof(path))
		return fail(f, ERR_INVAL, "the path of the store is too long");
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return fail_errno(f, ERR_IO, errno, "cannot make %s", path);
	ix->dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ix->dirfd < 0)
		return fail_errno(f, ERR_IO, errno, "cannot open %s", path);
	return ERR_OK;
}

static void dispose(struct index *ix)
{
	index_files_close(ix);
	tags_free(&ix->tags);
	arena_free(ix->arena);
	free(ix->room);
	free(ix->pending);
	zones_free(ix);
	if (ix->dirfd >= 0)
		close(ix->dirfd);
	free(ix);
}

enum err index_open(struct store *s, store_progress_fn progress, void *user, struct index **out,
		    struct fail *f)
{
	struct index *ix = aligned_alloc(64, (sizeof(*ix) + 63) / 64 * 64);
	struct store_hooks hooks = {ix, group_begin, group_applied, group_aborted};
	enum err e;

	*out = NULL;
	if (!ix)
		return fail(f, ERR_NOMEM, "no memory for the index");
	memset((void *)ix, 0, sizeof(*ix));
	ix->store = s;
	ix->dirfd = -1;
	ix->seed = store_hash_seed(s);
	for (unsigned i = 0; i < IX_FILE_COUNT; i++)
		ix->file[i] = IX_MAP_NONE;
	tags_init(&ix->tags);
	ix->arena = arena_new(ARENA_MAX);
	e = ix->arena ? open_dir(ix, f) : fail(f, ERR_NOMEM, "no memory for the index");
	if (e == ERR_OK && zones_init(ix) != ERR_OK)
		e = fail(f, ERR_NOMEM, "no memory for the index");
	if (e == ERR_OK)
		e = load_or_build(ix, progress, user, f);
	if (e != ERR_OK) {
		dispose(ix);
		return e;
	}
	store_set_hooks(s, &hooks);
	*out = ix;
	return ERR_OK;
}

void index_close(struct index *ix)
{
	struct fail f = {0};

	if (!ix)
		return;
	store_set_hooks(ix->store, NULL);
	if (!atomic_load(&ix->broken) && index_files_save(ix, &f) != ERR_OK)
		log_error(ROOM, "close=%s detail=%s", err_name(f.code), log_val(str_c(f.text)));
	dispose(ix);
}

uint64_t index_seq(const struct index *ix)
{
	return atomic_load_explicit(&ix->shown, memory_order_acquire);
}

bool index_sound(const struct index *ix)
{
	return !atomic_load(&ix->broken);
}

void index_stats(struct index *ix, struct index_stats *out)
{
	struct ix_view v;

	index_view_begin(ix, &v);
	*out = (struct index_stats){.rows = v.rows,
				    .live = atomic_load(&ix->live),
				    .seq = atomic_load(&ix->seq),
				    .rebuilds = atomic_load(&ix->rebuilds)};
	for (unsigned i = 0; i < IX_FILE_COUNT; i++) {
		struct stat st;

		if (fstat(ix->file[i].fd, &st) == 0)
			out->bytes += (uint64_t)st.st_size;
	}
	for (unsigned t = 0; t < TAB_COUNT; t++)
		out->bytes += atomic_load(&ix->table[t].lines)->n * 64;
	out->values = atomic_load(&ix->values);
	out->uuids = atomic_load(&ix->uuids);
	index_view_end(&v);
}
