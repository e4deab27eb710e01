/*
 * check.c - verify everything that is stored, from one snapshot, and sweep attachments that no
 * record names. Nothing is repaired: a problem is told and counted.
 */
#include "store/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/pages.h"

#define LISTS_MAX ((size_t)256 << 20)
#define SWEEP_AGE_S 3600
#define SNAPSHOT_TRIES 100u
#define PROGRESS_EACH 65536u

/* What may own elements: an event's body, a stage, a body that waits to be deleted. */
struct body {
	uint64_t body, event_id; /* event_id 0: stage or drop */
	uint64_t want[EL_STORED], got[EL_STORED], want_live, live;
};

struct named_blob {
	uint8_t digest[32];
	bool found;
};

struct check {
	struct store *s;
	struct store_rtxn *t;
	struct store_report *report;
	store_progress_fn progress;
	void (*tell)(void *user, const char *problem);
	void *user;
	struct arena *arena;
	struct body *bodies;
	size_t n_bodies, cap_bodies;
	struct named_blob *blobs;
	size_t n_blobs, cap_blobs;
	uint64_t ids[ID_COUNT];
	uint64_t done, total;
	struct fail *f;
};

static void problem(struct check *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void problem(struct check *c, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->report->problems++;
	if (c->tell)
		c->tell(c->user, text);
}

static void tick(struct check *c, const char *step)
{
	if (c->progress && ++c->done % PROGRESS_EACH == 0)
		c->progress(c->user, step, c->done, c->total);
}

static uint64_t entries(struct check *c, enum db db)
{
	MDB_stat st;

	return mdb_stat(c->t->txn, c->s->dbi[db], &st) ? 0 : st.ms_entries;
}

static enum err grow(void **v, size_t n, size_t *cap, size_t size)
{
	size_t want = *cap ? *cap * 2 : 256;
	void *p;

	if (n < *cap)
		return ERR_OK;
	p = realloc(*v, want * size);
	if (!p)
		return ERR_NOMEM;
	*v = p;
	*cap = want;
	return ERR_OK;
}

/* Call fn for every entry of a database; LMDB's own complaint is a problem of the store. */
typedef enum err (*entry_fn)(struct check *c, enum db db, MDB_val k, MDB_val v);
static enum err each(struct check *c, enum db db, entry_fn fn)
{
	MDB_cursor *cur = db_cursor(c->t, db);
	uint64_t seen = 0, told = entries(c, db);
	MDB_val k, v;
	int rc;

	if (!cur)
		return fail(c->f, ERR_NOMEM, "cursor");
	for (rc = mdb_cursor_get(cur, &k, &v, MDB_FIRST); rc == 0;
	     rc = mdb_cursor_get(cur, &k, &v, MDB_NEXT)) {
		seen++;
		tick(c, db_rows[db].name);
		arena_reset(c->arena);
		TRY(fn(c, db, k, v));
	}
	if (rc != MDB_NOTFOUND)
		problem(c, "%s: after %llu entries: %s", db_rows[db].name,
			(unsigned long long)seen, mdb_strerror(rc));
	else if (seen != told)
		problem(c, "%s: %llu entries, but %llu are counted", db_rows[db].name,
			(unsigned long long)seen, (unsigned long long)told);
	return ERR_OK;
}

static void page_problem(void *user, const char *text)
{
	problem(user, "%s", text);
}

/* Take a snapshot whose pages are sound; LMDB would follow damaged ones wherever they lead. */
static enum err snapshot(struct check *c)
{
	enum err e = ERR_AGAIN;
	int fd;

	if (mdb_env_get_fd(c->s->env, &fd))
		return fail(c->f, ERR_STORE, "no file");
	for (unsigned i = 0; e == ERR_AGAIN && i < SNAPSHOT_TRIES; i++) {
		TRY(store_read(c->s, &c->t, c->f));
		if (c->progress)
			c->progress(c->user, "pages", 0, 0);
		e = pages_check(fd, c->s->page_size, mdb_txn_id(c->t->txn), page_problem, c);
		if (e == ERR_AGAIN)
			store_read_end(MOVE(c->t));
	}
	return e == ERR_OK ? e : fail(c->f, e, "the pages of data.mdb");
}

/* ---- rows ------------------------------------------------------------------------------------ */

static enum err body_add(struct check *c, uint64_t body, const struct misp_event *e)
{
	struct body *b;

	TRY(grow((void **)&c->bodies, c->n_bodies, &c->cap_bodies, sizeof(*b)));
	b = &c->bodies[c->n_bodies++];
	*b = (struct body){.body = body};
	if (!e)
		return ERR_OK;
	b->event_id = e->id;
	b->want[EL_ATTR] = e->attribute_total;
	b->want[EL_OBJECT] = e->object_count;
	b->want[EL_REF] = e->ref_count;
	b->want[EL_REPORT] = e->report_count;
	b->want[EL_PROPOSAL] = e->proposal_count;
	b->want[EL_SIGHTING] = e->sighting_count;
	b->want_live = e->attribute_count;
	return ERR_OK;
}

union any_row {
#define X(tab, sname, name, since) struct sname row_##sname;
	STORE_TABLES(X)
#undef X
};

static void row_keys(struct check *c, enum store_table tab, uint64_t id, const union any_row *row)
{
	for (enum store_index ix = 0; ix < STORE_INDEX_COUNT; ix++) {
		uint64_t found = id ? id - 1 : 0;
		struct dbkey k;

		if (index_rows[ix].table != tab)
			continue;
		index_rows[ix].make(row, &k);
		if (!k.n)
			continue;
		if (index_rows[ix].unique) {
			MDB_val v;

			found = db_get(c->t, db_of_index(ix), VAL(k.b, k.n), &v) == ERR_OK &&
						v.mv_size == 8
					? be64_get(v.mv_data)
					: 0;
		} else if (index_next(c->t, ix, &k, &found) != ERR_OK) {
			found = 0;
		}
		if (found != id)
			problem(c, "%s: row %llu of %s is not found by its key",
				index_rows[ix].name, (unsigned long long)id,
				table_rows[tab].name);
	}
}

static enum err row_entry(struct check *c, enum db db, MDB_val k, MDB_val v)
{
	enum store_table tab = (enum store_table)(db - DB_T_ORG);
	struct str bytes = {v.mv_data, v.mv_size};
	union any_row row;
	uint64_t id;

	c->report->rows++;
	if (k.mv_size != 8) {
		problem(c, "%s: a key of %zu bytes", table_rows[tab].name, k.mv_size);
		return ERR_OK;
	}
	id = be64_get(k.mv_data);
	if (unpack_entity(bytes, table_rows[tab].desc, c->arena, &row) != ERR_OK) {
		problem(c, "%s: row %llu does not unpack", table_rows[tab].name,
			(unsigned long long)id);
		return ERR_OK;
	}
	if (id > c->ids[ID_ROW + tab])
		problem(c, "%s: row %llu is beyond the last number %llu", table_rows[tab].name,
			(unsigned long long)id, (unsigned long long)c->ids[ID_ROW + tab]);
	row_keys(c, tab, id, &row);
	if (tab != T_EVENT || !row.row_misp_event.body)
		return ERR_OK;
	row.row_misp_event.id = id;
	return body_add(c, row.row_misp_event.body, &row.row_misp_event);
}

/* The other way round: the row of every secondary key exists and has that key. */
static enum err index_entry(struct check *c, enum db db, MDB_val k, MDB_val v)
{
	enum store_index ix = (enum store_index)(db - DB_IX_ORG_UUID);
	enum store_table tab = index_rows[ix].table;
	union any_row row;
	struct dbkey want;
	uint64_t id = v.mv_size == 8 ? be64_get(v.mv_data) : 0;
	enum err e = id ? store_get(c->t, tab, id, NULL, &row) : ERR_NOENT;

	if (e == ERR_NOENT) {
		problem(c, "%s: a key leads to row %llu, which does not exist",
			index_rows[ix].name, (unsigned long long)id);
		return ERR_OK;
	}
	if (e != ERR_OK)
		return ERR_OK; /* told with the row */
	index_rows[ix].make(&row, &want);
	if (want.n != k.mv_size || memcmp(want.b, k.mv_data, want.n) != 0)
		problem(c, "%s: a key leads to row %llu, which has another", index_rows[ix].name,
			(unsigned long long)id);
	return ERR_OK;
}

/* ---- elements -------------------------------------------------------------------------------- */

static enum err orphan_entry(struct check *c, enum db db, MDB_val k, MDB_val v)
{
	(void)v;
	if (k.mv_size == 8)
		return body_add(c, be64_get(k.mv_data), NULL);
	problem(c, "%s: a key of %zu bytes", db_rows[db].name, k.mv_size);
	return ERR_OK;
}

static int body_order(const void *a, const void *b)
{
	const struct body *x = a, *y = b;

	return x->body < y->body ? -1 : x->body > y->body;
}

static void bodies_sort(struct check *c)
{
	if (c->n_bodies)
		qsort(c->bodies, c->n_bodies, sizeof(c->bodies[0]), body_order);
	for (size_t i = 1; i < c->n_bodies; i++)
		if (c->bodies[i].body == c->bodies[i - 1].body)
			problem(c, "body %llu is named twice (events %llu and %llu)",
				(unsigned long long)c->bodies[i].body,
				(unsigned long long)c->bodies[i - 1].event_id,
				(unsigned long long)c->bodies[i].event_id);
}

static enum err blob_named(struct check *c, struct str digest)
{
	if (!digest.n)
		return ERR_OK;
	if (digest.n != 32) {
		problem(c, "an attachment has a digest of %zu bytes", digest.n);
		return ERR_OK;
	}
	TRY(grow((void **)&c->blobs, c->n_blobs, &c->cap_blobs, sizeof(c->blobs[0])));
	c->blobs[c->n_blobs].found = false;
	memcpy(c->blobs[c->n_blobs++].digest, digest.p, 32);
	return ERR_OK;
}

/* Files that hold what is in quarantine: key 'b', digest, number. */
static enum err quarantine_entry(struct check *c, enum db db, MDB_val k, MDB_val v)
{
	const char *key = k.mv_data;

	(void)db, (void)v;
	if (k.mv_size < 33 || key[0] != 'b')
		return ERR_OK;
	return blob_named(c, (struct str){key + 1, 32});
}

static enum err el_entry(struct check *c, enum db db, MDB_val k, MDB_val v)
{
	enum element_kind kind = (enum element_kind)(db - DB_EL_ATTR);
	struct body want, *b;
	struct element el;
	struct el_key key;

	c->report->elements++;
	if (k.mv_size != EL_KEY_BYTES) {
		problem(c, "%s: a key of %zu bytes", db_rows[db].name, k.mv_size);
		return ERR_OK;
	}
	key = el_key_get(k.mv_data);
	want.body = key.body;
	b = c->n_bodies ? bsearch(&want, c->bodies, c->n_bodies, sizeof(*b), body_order) : NULL;
	if (!b)
		problem(c, "%s %llu: body %llu belongs to no event and no stage", db_rows[db].name,
			(unsigned long long)key.id, (unsigned long long)key.body);
	else
		b->got[kind]++;
	if (key.id > c->ids[ID_EL + (unsigned)kind])
		problem(c, "%s %llu is beyond the last number", db_rows[db].name,
			(unsigned long long)key.id);
	if (unpack_entity((struct str){v.mv_data, v.mv_size}, element_desc(kind), c->arena,
			  &el.head) != ERR_OK) {
		problem(c, "%s %llu does not unpack", db_rows[db].name, (unsigned long long)key.id);
		return ERR_OK;
	}
	if (kind == EL_ATTR && b && !el.attr.deleted)
		b->live++;
	if (kind == EL_ATTR)
		return blob_named(c, el.attr.blob);
	return kind == EL_PROPOSAL ? blob_named(c, el.proposal.blob) : ERR_OK;
}

static void counts(struct check *c)
{
	for (size_t i = 0; i < c->n_bodies; i++) {
		const struct body *b = &c->bodies[i];

		if (!b->event_id)
			continue;
		for (enum element_kind k = 0; k < EL_STORED; k++)
			if (b->want[k] != b->got[k])
				problem(c, "event %llu: %s: %llu, but it counts %llu",
					(unsigned long long)b->event_id,
					db_rows[db_of_element(k)].name,
					(unsigned long long)b->got[k],
					(unsigned long long)b->want[k]);
		if (b->live != b->want_live)
			problem(c, "event %llu: %llu live attributes, but it counts %llu",
				(unsigned long long)b->event_id, (unsigned long long)b->live,
				(unsigned long long)b->want_live);
	}
}

/* ---- the log and the attachments --------------------------------------------------------------- */

static enum err change_entry(struct check *c, enum db db, MDB_val k, MDB_val v)
{
	struct change ch;

	(void)db;
	if (change_unpack(k, v, &ch) != ERR_OK)
		problem(c, "change %llu does not unpack",
			k.mv_size == 8 ? (unsigned long long)be64_get(k.mv_data) : 0);
	else if (ch.seq > c->ids[ID_SEQ])
		problem(c, "change %llu is beyond the last number", (unsigned long long)ch.seq);
	return ERR_OK;
}

static int blob_order(const void *a, const void *b)
{
	return memcmp(a, b, 32);
}

/* Remove a file that no record names and that nobody is about to name. */
static void sweep(struct check *c, const char *path)
{
	struct stat st;

	if (c->s->opts.read_only)
		return;
	pthread_mutex_lock(&c->s->blob_lock);
	if (stat(path, &st) == 0 && st.st_mtime < clock_now() - SWEEP_AGE_S && unlink(path) == 0)
		log_info(ROOM, "swept=%s", log_val(str_c(strrchr(path, '/') + 1)));
	pthread_mutex_unlock(&c->s->blob_lock);
}

static enum err blob_file(void *user, const char *path, const uint8_t digest[32])
{
	struct check *c = user;
	struct named_blob *first;
	struct sha256 d;
	uint64_t size;

	first = digest && c->n_blobs
			? bsearch(digest, c->blobs, c->n_blobs, sizeof(*first), blob_order)
			: NULL;
	if (!first) {
		sweep(c, path);
		return ERR_OK;
	}
	c->report->blobs++;
	tick(c, "attachments");
	if (fs_digest(path, &d, &size, NULL) != ERR_OK || memcmp(d.b, digest, 32) != 0)
		problem(c, "attachment %s is damaged", strrchr(path, '/') + 1);
	while (first > c->blobs && memcmp(first[-1].digest, digest, 32) == 0)
		first--;
	for (; first < c->blobs + c->n_blobs && memcmp(first->digest, digest, 32) == 0; first++)
		first->found = true;
	return ERR_OK;
}

static enum err blobs(struct check *c)
{
	char hex[65];

	if (c->n_blobs)
		qsort(c->blobs, c->n_blobs, sizeof(c->blobs[0]), blob_order);
	TRY(blob_each(c->s->dir, blob_file, c, c->f));
	for (size_t i = 0; i < c->n_blobs; i++)
		if (!c->blobs[i].found && (!i || blob_order(&c->blobs[i], &c->blobs[i - 1])))
			problem(c, "attachment %s is missing",
				hash_hex(c->blobs[i].digest, 32, hex));
	return ERR_OK;
}

/* ---- all of it ----------------------------------------------------------------------------------- */

static enum err steps(struct check *c)
{
	meta_ids(c->s, c->t->txn, c->ids);
	for (unsigned db = 0; db < DB_COUNT; db++)
		c->total += entries(c, (enum db)db);
	for (enum store_table tab = 0; tab < STORE_TABLE_COUNT; tab++)
		TRY(each(c, db_of_table(tab), row_entry));
	for (enum store_index ix = 0; ix < STORE_INDEX_COUNT; ix++)
		TRY(each(c, db_of_index(ix), index_entry));
	TRY(each(c, DB_STAGES, orphan_entry));
	TRY(each(c, DB_DROPS, orphan_entry));
	bodies_sort(c);
	for (enum element_kind k = 0; k < EL_STORED; k++)
		TRY(each(c, db_of_element(k), el_entry));
	TRY(each(c, DB_QUARANTINE, quarantine_entry));
	counts(c);
	TRY(each(c, DB_CHANGES, change_entry));
	TRY(blobs(c));
	if (c->progress)
		c->progress(c->user, "done", c->total, c->total);
	return ERR_OK;
}

enum err store_check(struct store *s, store_progress_fn progress,
		     void (*tell)(void *user, const char *problem), void *user,
		     struct store_report *out, struct fail *f)
{
	struct check c = {.s = s, .report = out, .progress = progress, .tell = tell, .user = user,
			  .f = f};
	enum err e;

	memset(out, 0, sizeof(*out));
	c.arena = arena_new(LISTS_MAX);
	if (!c.arena)
		return fail(f, ERR_NOMEM, "check");
	pthread_mutex_lock(&s->care_lock);
	e = snapshot(&c);
	if (e == ERR_OK)
		e = steps(&c);
	store_read_end(c.t);
	pthread_mutex_unlock(&s->care_lock);
	arena_free(c.arena);
	free(c.bodies);
	free(c.blobs);
	if (e == ERR_OK && out->problems)
		e = fail(f, ERR_CORRUPT, "%llu problems", (unsigned long long)out->problems);
	return e;
}
