/*
 * lists.c - folders to rows in one transaction, and the compiled warning lists.
 */
#include "lists/lists.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/folder.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "lists/shelf.h"
#include "model/pack.h"

#define ROOM "lists"
#define FILE_MAX_BYTES (256u << 20)
#define UPDATE_ARENA (1u << 30)
#define DOCS_MAX 16384u

struct lists {
	struct lists_conf c;
	pthread_mutex_t lock;
	struct warnlists *warnings; /* under the lock */
	pthread_mutex_t compiling; /* one after the other: a later set has read later rows */
};

struct lists *lists_new(const struct lists_conf *c)
{
	struct lists *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->c = *c;
	pthread_mutex_init(&l->lock, NULL);
	pthread_mutex_init(&l->compiling, NULL);
	return l;
}

void lists_free(struct lists *l)
{
	if (!l)
		return;
	warnlist_unref(l->warnings);
	pthread_mutex_destroy(&l->lock);
	pthread_mutex_destroy(&l->compiling);
	free(l);
}

struct warnlists *lists_warnings(struct lists *l)
{
	struct warnlists *w;

	pthread_mutex_lock(&l->lock);
	w = warnlist_ref(l->warnings);
	pthread_mutex_unlock(&l->lock);
	return w;
}

/* ---- compiling ---- */

static enum err add_row(struct warnlists *set, const struct misp_warnlist *row, struct fail *f)
{
	OWN(buf) struct buf b = BUF(FILE_MAX_BYTES + (1 << 20));

	lists_warning_json(&b, row, true);
	TRY(buf_err(&b));
	b.n--; /* files do not tell the category, answers about values do */
	buf_puts(&b, ",\"category\":");
	json_quote(&b, row->category);
	buf_putc(&b, '}');
	TRY(buf_err(&b));
	return warnlist_add(set, buf_str(&b), row->id, f);
}

/* A row that does not compile (an expression that PCRE of another version takes) is told, left out. */
static enum err add_rows(struct lists *l, struct warnlists *set, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_warnlist row;
	uint64_t id = 0;
	enum err e;

	TRY(store_read(l->c.store, &t, f));
	while ((e = store_next(t, T_WARNLIST, &id, NULL, &row)) == ERR_OK) {
		struct fail why = {0};

		if (row.enabled && add_row(set, &row, &why) != ERR_OK)
			log_warn(ROOM, "warning_list=%llu not in use: %s", (unsigned long long)id,
				 why.text);
	}
	return e == ERR_NOENT ? ERR_OK : fail(f, e, "rows of warning lists");
}

static enum err compile(struct lists *l, struct fail *f)
{
	OWN(warnlists) struct warnlists *set = warnlist_begin(), *old = NULL;

	if (!set)
		return fail(f, ERR_NOMEM, "no memory for warning lists");
	TRY(add_rows(l, set, f));
	warnlist_end(set);
	pthread_mutex_lock(&l->lock);
	old = MOVE(l->warnings);
	l->warnings = warnlist_count(set) ? MOVE(set) : NULL;
	pthread_mutex_unlock(&l->lock);
	return ERR_OK;
}

enum err lists_compile(struct lists *l, struct fail *f)
{
	enum err e;

	pthread_mutex_lock(&l->compiling);
	e = compile(l, f);
	pthread_mutex_unlock(&l->compiling);
	return e;
}

/* ---- updating ---- */

struct job {
	const struct shelf *shelf;
	struct lists_update *out;
	struct arena *a;
	void *rows[DOCS_MAX];
	size_t n;
};

static void leave_out(struct job *j, const char *path, const char *wrong)
{
	if (!j->out->left_out++)
		(void)fail(&j->out->why, ERR_CONFIG, "%s: %s", path, wrong);
}

static enum err take(void *user, const char *path, struct str text, struct fail *f)
{
	struct job *j = user;
	struct fail why = {0};
	json_error_t at;
	json_t *doc = json_loadb(text.p, text.n, 0, &at);
	void *row = arena_alloc(j->a, j->shelf->desc->size);

	if (!doc)
		leave_out(j, path, "it is not JSON");
	else if (row && j->shelf->read(j->a, doc, row, &why) != ERR_OK)
		leave_out(j, path, why.text);
	else if (j->n < DOCS_MAX)
		j->rows[j->n++] = row;
	json_decref(doc);
	return row && !arena_overflowed(j->a) && j->n < DOCS_MAX ?
		       ERR_OK :
		       fail(f, ERR_LIMIT, "the folders hold more than a node takes");
}

static uint64_t *id_of(const struct shelf *s, void *row)
{
	return (uint64_t *)((char *)row + desc_find(s->desc, STR("id"), &(unsigned){0})->offset);
}

/* What is stored of the same thing, in `old`; ERR_NOENT: nothing. Linear: some hundred rows. */
static enum err find_same(struct store_wtxn *w, const struct shelf *s, const void *row, void *old)
{
	uint64_t id = 0;
	enum err e;

	while ((e = store_next(store_view(w), s->table, &id, NULL, old)) == ERR_OK)
		if (s->same(old, row))
			return ERR_OK;
	return e;
}

static enum err put_row(struct store_wtxn *w, struct job *j, void *row, void *old, struct fail *f)
{
	const struct shelf *s = j->shelf;
	enum err e = find_same(w, s, row, old);

	if (e == ERR_OK && s->version(old) >= s->version(row)) {
		j->out->current++;
		return ERR_OK;
	}
	if (e != ERR_OK && e != ERR_NOENT)
		return fail(f, e, "rows of a collection");
	if (e == ERR_OK)
		s->keep(old, row);
	else
		*id_of(s, row) = store_new_row_id(w, s->table);
	j->out->added += e == ERR_NOENT;
	j->out->updated += e == ERR_OK;
	return store_put(w, s->table, *id_of(s, row), row, f);
}

static enum err run_update(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct job *j = arg;
	void *old = arena_alloc(j->a, j->shelf->desc->size);

	if (!old)
		return fail(f, ERR_NOMEM, "no memory");
	j->out->added = j->out->updated = j->out->current = 0;
	for (size_t i = 0; i < j->n; i++)
		TRY(put_row(w, j, j->rows[i], old, f));
	return ERR_OK;
}

static enum err read_folders(struct lists *l, enum list_kind k, struct job *j, struct fail *f)
{
	for (size_t i = 0; i < l->c.folders[k].n; i++) {
		const char *folder = l->c.folders[k].v[i];
		struct fail why = {0};
		enum err e = folder_each(folder, j->shelf->inner, true, FILE_MAX_BYTES, take, j, &why);

		if (e == ERR_LIMIT)
			return fail(f, e, "%s", why.text);
		if (e != ERR_OK)
			leave_out(j, folder, why.text);
	}
	return ERR_OK;
}

enum err lists_update(struct lists *l, enum list_kind k, struct lists_update *out, struct fail *f)
{
	struct job *j = calloc(1, sizeof(*j));
	enum err e = ERR_NOMEM;

	*out = (struct lists_update){0};
	if (j) {
		j->shelf = &shelves[k];
		j->out = out;
		j->a = arena_new(UPDATE_ARENA);
		e = j->a ? read_folders(l, k, j, f) : ERR_NOMEM;
	}
	if (e == ERR_OK && j->n)
		e = store_run(l->c.store, run_update, j, f);
	if (j)
		arena_free(j->a);
	free(j);
	if (e == ERR_OK && k == LIST_WARNING)
		e = lists_compile(l, f);
	return e;
}

enum err lists_refresh(struct lists *l, struct fail *f)
{
	for (enum list_kind k = 0; k < LIST_KINDS; k++) {
		const char *name = shelves[k].name;
		struct lists_update u;

		TRY(lists_update(l, k, &u, f));
		if (u.left_out)
			log_warn(ROOM, "%s left_out=%zu first: %s", name, u.left_out, u.why.text);
		if (u.added || u.updated)
			log_info(ROOM, "%s added=%zu updated=%zu current=%zu", name, u.added, u.updated,
				 u.current);
	}
	return ERR_OK;
}
