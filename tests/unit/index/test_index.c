/*
 * test_index.c - the index follows the store through random changes, restarts and damage.
 *
 * index_check() compares both ways; the digest of all that lives must be the same for an index
 * that followed the changes and one that was built anew.
 */
#include "index/index.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "index/rows.h"
#include "model/types.h"
#include "seed.h"
#include "tests/tap/tap.h"

static void complain(void *user, const char *problem)
{
	(void)user;
	diag("%s", problem);
}

static struct index *open_index(struct seed *sd)
{
	struct index *ix;
	struct fail f = {0};

	if (index_open(sd->s, NULL, NULL, &ix, &f) != ERR_OK)
		bail_out("index: %s", f.text);
	return ix;
}

/* Sum over all that lives, in no order. */
static uint64_t digest(struct index *ix)
{
	struct ix_view v;
	uint64_t sum = 0;

	index_view_begin(ix, &v);
	for (uint32_t r = 0; r < v.rows; r++) {
		uint64_t cols[7] = {v.row[r].id, v.ev[v.event[r]].id, v.row[r].object, v.type[r],
				    v.category[r], v.flags[r], v.time[r]};
		struct str one, two;

		if (!view_live(&v, r))
			continue;
		view_parts(&v, r, &one, &two);
		sum += hash_64(cols, sizeof(cols),
			       hash_64(one.p, one.n, hash_64(two.p, two.n, 1))) ^
		       hash_64(v.row[r].uuid.b, 16, 2);
	}
	for (uint32_t s = 0; s < v.els; s++) {
		uint64_t cols[4] = {v.el[s].id, v.el[s].parent, v.el[s].kind,
				    v.ev[v.el[s].event].id};

		if (!view_dead(IX_GET(v.el[s].died), v.gen) && view_event_live(&v, v.el[s].event))
			sum += hash_64(cols, sizeof(cols), 3);
	}
	for (uint32_t p = 0; p < v.events; p++) {
		uint64_t cols[7] = {v.ev[p].id, IX_GET(v.ev[p].timestamp),
				    IX_GET(v.ev[p].publish_timestamp), IX_GET(v.ev[p].date),
				    IX_GET(v.ev[p].orgc), IX_GET(v.ev[p].published),
				    IX_GET(v.ev[p].rows)};

		if (view_event_live(&v, p))
			sum += hash_64(cols, sizeof(cols), 4);
	}
	for (uint64_t tag = 1; tag <= SEED_TAGS; tag++) {
		roaring_bitmap_t *b = roaring_bitmap_create();
		roaring_uint32_iterator_t *it;

		view_tag_rows(&v, tag, b);
		it = roaring_create_iterator(b);
		for (; it->has_value; roaring_advance_uint32_iterator(it))
			if (view_live(&v, it->current_value)) {
				uint64_t cols[2] = {tag, v.row[it->current_value].id};

				sum += hash_64(cols, sizeof(cols), 5);
			}
		roaring_free_uint32_iterator(it);
		roaring_bitmap_free(b);
	}
	index_view_end(&v);
	return sum;
}

static bool sound(struct index *ix)
{
	struct fail f = {0};

	return index_check(ix, complain, NULL, &f) == ERR_OK;
}

static void follow(struct seed *sd)
{
	struct index *ix = open_index(sd);
	struct index_stats st;
	uint64_t sum;

	for (int round = 0; round < 6; round++) {
		for (int i = 0; i < 60; i++)
			seed_change(sd);
		for (int i = 0; i < 10; i++)
			seed_burst(sd);
		ok(sound(ix), "round %d: index and store agree", round);
	}
	sum = digest(ix);
	index_stats(ix, &st);
	ok(st.rebuilds == 1 && st.live > 50 && st.rows > st.live, "it was only followed");
	index_close(ix);

	seed_reopen(sd);
	ix = open_index(sd);
	index_stats(ix, &st);
	is_uint(st.rebuilds, 0, "a clean index is taken as it is");
	ok(digest(ix) == sum && sound(ix), "and holds the same");
	index_close(ix);

	/* the store changes while there is no index */
	for (int i = 0; i < 30; i++)
		seed_change(sd);
	ix = open_index(sd);
	index_stats(ix, &st);
	is_uint(st.rebuilds, 0, "changes are caught up with");
	ok(sound(ix), "completely");
	sum = digest(ix);
	index_close(ix);
}

/* ---- damage -------------------------------------------------------------------------------- */

static void hurt(struct seed *sd, const char *name, int how)
{
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "%s/index/%s", sd->dir, name);
	if (how == 0) {
		unlink(path);
		return;
	}
	fd = open(path, O_RDWR);
	if (fd < 0)
		bail_out("no file %s", name);
	if (how == 1 && ftruncate(fd, lseek(fd, 0, SEEK_END) / 2))
		bail_out("cannot cut %s", name);
	if (how == 2) {
		char b;

		if (pread(fd, &b, 1, 9) != 1)
			bail_out("cannot read %s", name);
		b ^= 0x10;
		if (pwrite(fd, &b, 1, 9) != 1)
			bail_out("cannot write %s", name);
	}
	close(fd);
}

static void damage(struct seed *sd)
{
	static const char *const names[] = {"header", "event", "type", "category", "flags",
					    "time",   "died",  "row",  "text",     "ev",
					    "el",     "tags"};
	struct index *ix = open_index(sd);
	uint64_t sum = digest(ix);
	struct index_stats st;

	index_close(ix);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (int how = 0; how < 3; how++) {
			hurt(sd, names[i], how);
			ix = open_index(sd);
			index_stats(ix, &st);
			ok(st.rebuilds == 1 && digest(ix) == sum, "%s %s: built anew, equal",
			   names[i], how == 0 ? "gone" : how == 1 ? "cut" : "changed");
			index_close(ix);
		}
	/* not closed: what a crash leaves behind */
	ix = open_index(sd);
	hurt(sd, "header", 0);
	store_set_hooks(sd->s, NULL);
	seed_change(sd);
	index_close(ix);
	hurt(sd, "header", 2);
	ix = open_index(sd);
	index_stats(ix, &st);
	ok(st.rebuilds == 1 && sound(ix), "a crash: built anew");
	index_close(ix);
}

/* ---- what carries a tag ---- */

struct tally {
	struct store_rtxn *t;
	uint64_t n, with_tag, tag;
	bool known;
};

static bool tally_one(void *user, uint64_t event_id, uint64_t object_id, uint64_t attr_id)
{
	struct tally *y = user;
	struct misp_event e;
	struct misp_attr attr;
	struct arena *a = arena_new(1 << 20);

	y->n++;
	y->known &= store_get(y->t, T_EVENT, event_id, a, &e) == ERR_OK;
	if (attr_id)
		y->known &= store_el_get(y->t, EL_ATTR, (struct el_key){e.body, object_id, attr_id},
					 a, &attr) == ERR_OK;
	LIST_EACH(ref, e.tags, struct misp_tagref)
		y->with_tag += ref->tag_id == y->tag;
	arena_free(a);
	return true;
}

/* The truth: live attributes and events with the tag, counted in the store. */
static void tagged_in_store(struct store_rtxn *t, uint64_t tag, uint64_t *attrs, uint64_t *events)
{
	struct arena *a = arena_new(8 << 20);
	struct misp_event e;
	uint64_t id = 0;

	*attrs = *events = 0;
	while (store_next(t, T_EVENT, &id, a, &e) == ERR_OK) {
		struct store_el_iter *it = NULL;
		struct el_key from = {.body = e.body}, key;
		struct misp_attr row;

		LIST_EACH(ref, e.tags, struct misp_tagref)
			*events += ref->tag_id == tag;
		if (store_el_iter_new(t, EL_ATTR, from, false, &it) != ERR_OK)
			bail_out("iterator");
		while (store_el_iter_next(it, a, &key, &row) == ERR_OK) {
			bool has = false; /* the seed may name a tag twice */

			LIST_EACH(ref, row.tags, struct misp_tagref)
				has |= ref->tag_id == tag;
			*attrs += has && !row.deleted;
		}
		store_el_iter_free(it);
		arena_reset(a);
	}
	arena_free(a);
}

static void tagged(struct seed *sd)
{
	struct index *ix = open_index(sd);
	struct store_rtxn *t = NULL;
	struct fail f = {0};
	uint64_t sum = 0;
	bool attrs_ok = true, events_ok = true, known = true;

	if (store_read(sd->s, &t, &f) != ERR_OK)
		bail_out("read");
	for (uint64_t tag = 1; tag <= SEED_TAGS; tag++) {
		struct tally a = {t, 0, 0, tag, true}, e = a;
		uint64_t attrs, events;

		tagged_in_store(t, tag, &attrs, &events);
		if (index_tagged(ix, tag, false, tally_one, &a) != ERR_OK ||
		    index_tagged(ix, tag, true, tally_one, &e) != ERR_OK)
			bail_out("index_tagged");
		attrs_ok &= a.n == attrs;
		events_ok &= e.with_tag == events;
		known &= a.known && e.known;
		sum += attrs + events;
	}
	ok(sum > 0, "the seed tags something");
	ok(attrs_ok, "live attributes with a tag are found, once each, deleted ones not");
	ok(events_ok, "events with a tag are all found");
	ok(known, "and none that is gone");
	store_read_end(t);
	index_close(ix);
}

/* ---- look-ups ------------------------------------------------------------------------------- */

struct ask {
	struct index *ix;
	struct uuid u;
	enum err before, after;
};

static enum err pending_job(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct ask *q = arg;
	struct index_uuid what = {CHANGE_EL(EL_ATTR), 77, 5, 0}, got;

	(void)w;
	q->before = index_uuid_find(q->ix, q->u, &got);
	TRY(index_uuid_pending(q->ix, q->u, &what));
	q->after = index_uuid_find(q->ix, q->u, &got);
	return got.id == 77 ? ERR_OK : fail(f, ERR_BUG, "not the pending one");
}

static void lookups(struct seed *sd)
{
	struct index *ix = open_index(sd);
	struct ask q = {.ix = ix, .u = uuid_random()};
	struct index_uuid got;
	struct fail f = {0};
	struct ix_view v;
	uint32_t row = 0, n = 0, absent = 0;
	uint64_t event, object;
	char room[64];

	is_ok(store_run(sd->s, pending_job, &q, &f), "a job gives out a UUID");
	ok(q.before == ERR_NOENT && q.after == ERR_OK, "it is known inside the group");
	is_err(index_uuid_find(ix, q.u, &got), ERR_NOENT, "and forgotten when nothing came of it");

	index_view_begin(ix, &v);
	while (!view_live(&v, row))
		row++;
	is_ok(index_uuid_find(ix, v.row[row].uuid, &got), "find by UUID");
	ok(got.kind == CHANGE_EL(EL_ATTR) && got.id == v.row[row].id &&
		   got.event_id == v.ev[v.event[row]].id && got.parent == v.row[row].object,
	   "where it is");
	is_ok(index_attr_find(ix, v.row[row].id, &event, &object), "find by id");
	ok(event == got.event_id && object == got.parent, "where it is");
	is_err(index_attr_find(ix, 1 << 30, &event, &object), ERR_NOENT, "unknown id");
	is_err(index_uuid_find(ix, UUID_NIL, &got), ERR_NOENT, "the nil UUID is nobody's");

	/* every row of an over-correlating value, newest first */
	for (uint32_t at = view_value(&v, STR("x")), last = IX_NONE; at != IX_NONE;
	     last = at, at = view_value_next(&v, at)) {
		if (at >= last)
			bail_out("the chain does not descend");
		n += v.type[at >> 1] == ATTR_COMMENT;
	}
	for (uint32_t r = 0; r < v.rows; r++) {
		struct str one, two, folded = index_fold(STR("x"), room);

		view_parts(&v, r, &one, &two);
		absent += str_eq(one, folded);
		if (!view_value_maybe(&v, one))
			bail_out("the filter misses a value");
	}
	ok(n > 5 && n == absent, "all %u rows of a value", n);
	ok(view_value(&v, STR("no such value")) == IX_NONE, "a value that is not there");
	n = 0;
	for (int i = 0; i < 2000; i++) {
		snprintf(room, sizeof(room), "absent %d", i);
		n += view_value_maybe(&v, str_c(room));
	}
	ok(n < 100, "the filter says maybe to %u of 2000 unknown values", n);
	for (int k = 0; k < 2; k++) {
		struct str in[100];
		uint32_t out[100];
		size_t m = k ? 100 : 7;
		bool equal = true;

		for (size_t i = 0; i < m; i++) {
			struct str two;

			view_parts(&v, (uint32_t)i % v.rows, &in[i], &two);
			if (i % 3 == 2)
				in[i] = STR("nothing of the kind");
		}
		view_values(&v, in, m, out);
		for (size_t i = 0; i < m; i++)
			equal &= out[i] == view_value(&v, in[i]);
		ok(equal, "%zu values at once", m);
	}
	index_view_end(&v);
	index_close(ix);
}

/* ---- readers beside the writer -------------------------------------------------------------- */

struct reader {
	struct index *ix;
	atomic_bool stop;
	atomic_uint faults;
};

/* In one view, an attribute id lives at most once, and every live row is found by its value. */
static void *read_on(void *arg)
{
	struct reader *r = arg;
	unsigned rounds = 0;

	while (!atomic_load(&r->stop) || !rounds) {
		struct ix_view v;
		uint32_t live = 0;

		index_view_begin(r->ix, &v);
		for (uint32_t row = 0; row < v.rows; row++) {
			struct str one, two;
			uint32_t at;

			if (!view_live(&v, row))
				continue;
			live++;
			view_parts(&v, row, &one, &two);
			if (row % 16 || !one.n)
				continue;
			at = view_value(&v, one);
			while (at != IX_NONE && at != IX_PART(row, 0))
				at = view_value_next(&v, at);
			if (at == IX_NONE)
				atomic_fetch_add(&r->faults, 1);
		}
		index_view_end(&v);
		rounds++;
	}
	return NULL;
}

static void beside(struct seed *sd)
{
	struct index *ix = open_index(sd);
	struct reader r = {.ix = ix};
	pthread_t th[2];

	for (int i = 0; i < 2; i++)
		if (pthread_create(&th[i], NULL, read_on, &r))
			bail_out("no thread");
	/* enough for the tables to grow under the readers */
	for (int i = 0; i < 40; i++)
		seed_event(sd, 40);
	for (int i = 0; i < 60; i++)
		seed_change(sd);
	atomic_store(&r.stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(th[i], NULL);
	is_uint(atomic_load(&r.faults), 0, "readers see whole pictures");
	ok(sound(ix), "and the writer is right");
	index_close(ix);
}

int main(void)
{
	struct seed sd;

	seed_open(&sd, 20250601);
	follow(&sd);
	lookups(&sd);
	tagged(&sd);
	damage(&sd);
	beside(&sd);
	seed_close(&sd);
	return done_testing();
}
