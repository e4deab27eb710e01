/*
 * plan.c - which events a run over a feed folder has to look at, from the change log: all that
 * changed since the cursor, or only what may not wait, or everything. Never writes a file.
 */
#include "feeds/out/job.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "egress/follow.h"

/* ---- the cursor ---- */

/* feedout/<audience>/<digest of the folder's path> */
void plan_cursor(struct job *j)
{
	char *real = realpath(j->o->dir, NULL), hex[65];
	struct sha256 d = hash_sha256(str_c(real ? real : j->o->dir));
	hash_hex(d.b, 8, hex);
	snprintf(j->cursor, sizeof(j->cursor), "feedout/%s/%s", j->o->audience->name, hex);
	free(real);
}

static struct str version(const struct job *j)
{
	return str_c(j->o->policy_version ? j->o->policy_version : "");
}

/* Where the last run ended; false when it cannot be followed. */
static bool cursor_read(struct job *j, const struct store_rtxn *t)
{
	struct str v, head, events;
	if (store_kv_get(t, str_c(j->cursor), &v) != ERR_OK)
		return false;
	v = str_split(v, ' ', &head);
	v = str_split(v, ' ', &events);
	j->has_cursor = str_u64(head, &j->from) && j->from <= store_seq(t) &&
			str_u64(events, &j->res->events) && str_eq(v, version(j));
	return j->has_cursor;
}

struct cursor_job {
	struct str key, value;
};

static enum err cursor_run(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct cursor_job *c = arg;
	return store_kv_put(w, c->key, c->value, f);
}

enum err plan_done(const struct job *j, uint64_t seq, struct fail *f)
{
	char text[128];
	struct str v = version(j);
	snprintf(text, sizeof(text), "%llu %llu %.*s", (unsigned long long)seq,
		 (unsigned long long)j->res->events, (int)v.n, v.n ? v.p : "");
	struct cursor_job c = {str_c(j->cursor), str_c(text)};
	return store_run(j->o->env->store, cursor_run, &c, f);
}

/* ---- lists of events ---- */

static int by_id(const void *a, const void *b)
{
	const struct changed *x = a, *y = b;
	return x->id < y->id ? -1 : x->id > y->id;
}

enum err changed_add(struct changed_list *l, struct changed c, struct fail *f)
{
	if (l->n == l->cap) {
		size_t more = l->cap ? l->cap * 2 : 256;
		struct changed *v = reallocarray(l->v, more, sizeof(*v));
		if (!v)
			return fail(f, ERR_NOMEM, "no memory for %zu changes", more);
		l->v = v;
		l->cap = more;
	}
	l->v[l->n++] = c;
	return ERR_OK;
}

bool changed_has_id(const struct changed_list *l, uint64_t id)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].id == id)
			return true;
	return false;
}

bool changed_has_name(const struct changed_list *l, struct uuid uuid)
{
	for (size_t i = 0; i < l->n; i++)
		if (uuid_eq(l->v[i].uuid, uuid))
			return true;
	return false;
}

/* Each event once; a UUID that a deletion left stays. */
static void changed_unique(struct changed_list *l)
{
	size_t n = 0;
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), by_id);
	for (size_t i = 0; i < l->n; i++) {
		if (n && l->v[n - 1].id == l->v[i].id) {
			if (!uuid_is_nil(l->v[i].uuid))
				l->v[n - 1].uuid = l->v[i].uuid;
			continue;
		}
		l->v[n++] = l->v[i];
	}
	l->n = n;
}

/* ---- what has changed ---- */

static bool event_of(const struct change *c, struct changed *out)
{
	return follow_event(c, &out->id, &out->uuid);
}

static enum err changes_read(struct job *j, const struct store_rtxn *t, struct fail *f)
{
	uint64_t seq = j->from;
	struct change c;
	struct changed ev;
	enum err e;
	while ((e = store_change_next(t, &seq, &c)) == ERR_OK) {
		if (follow_touches_all(&c)) {
			j->res->full = true;
			return ERR_OK;
		}
		if (!event_of(&c, &ev))
			continue;
		bool again = j->todo.n && j->todo.v[j->todo.n - 1].id == ev.id;
		if (!again && j->o->slice && j->todo.n >= j->o->slice) {
			/* the rest is for the next run */
			j->res->seq = c.seq - 1;
			j->res->more = true;
			break;
		}
		if (!again || !uuid_is_nil(ev.uuid))
			TRY(changed_add(&j->todo, ev, f));
	}
	if (e != ERR_NOENT && e != ERR_OK)
		return fail(f, e, "reading the change log");
	changed_unique(&j->todo);
	return ERR_OK;
}

static bool has_lists(const struct job *j)
{
	return faccessat(j->dirfd, "manifest.json", R_OK, 0) == 0 &&
	       faccessat(j->dirfd, "hashes.csv", R_OK, 0) == 0;
}

enum err plan_update(struct job *j, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	TRY(store_read(j->o->env->store, &t, f));
	j->res->seq = store_seq(t);
	j->res->full = !cursor_read(j, t) || j->o->full || !has_lists(j);
	if (!j->res->full)
		TRY(changes_read(j, t, f));
	j->all = j->res->full;
	j->progress.total = j->all ? store_count(t, T_EVENT) : j->todo.n;
	if (j->o->watched && !*j->o->watched)
		*j->o->watched = j->has_cursor ? j->from : j->res->seq;
	return ERR_OK;
}

/* Give an event the name by which it leaves, or tell that it has none. */
static enum err name_event(const struct job *j, const struct store_rtxn *t, struct changed *c,
			   struct arena *a)
{
	bool there;
	arena_reset(a);
	return follow_name(j->o->env, j->o->audience, t, c->id, c->uuid, a, &there, &c->uuid);
}

/* Has the folder a file of this name, or one under way? */
static bool in_folder(const struct job *j, struct uuid u)
{
	char name[FILE_NAME_MAX + 8], uuid[UUID_TEXT_LEN + 1];
	snprintf(name, sizeof(name), ".new-%s.json", uuid_format(u, uuid));
	return faccessat(j->dirfd, name + 5, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
	       faccessat(j->dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static enum err urgent_read(struct job *j, const struct store_rtxn *t, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(16u << 20);
	struct change c;
	struct changed ev;
	uint64_t seq = *j->o->watched, last = 0;
	enum err e;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	while ((e = store_change_next(t, &seq, &c)) == ERR_OK) {
		j->res->full |= follow_touches_all(&c);
		/* elements of one event stand together, and the snapshot knows one state of it */
		if (!event_of(&c, &ev) ||
		    (ev.id == last && uuid_is_nil(ev.uuid) && c.op != CHANGE_OPEN))
			continue;
		struct changed named = ev;
		e = name_event(j, t, &named, a);
		if (e == ERR_NOENT)
			continue;
		if (e != ERR_OK)
			return fail(f, e, "reading an event");
		last = ev.id;
		if (c.op == CHANGE_OPEN || in_folder(j, named.uuid))
			TRY(changed_add(&j->todo, ev, f));
	}
	if (e != ERR_NOENT)
		return fail(f, e, "reading the change log");
	changed_unique(&j->todo);
	return ERR_OK;
}

enum err plan_urgent(struct job *j, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	TRY(store_read(j->o->env->store, &t, f));
	j->res->seq = store_seq(t);
	if (!cursor_read(j, t) || !has_lists(j))
		j->res->full = true;
	if (*j->o->watched < j->res->seq)
		TRY(urgent_read(j, t, f));
	return ERR_OK;
}

enum err plan_next(struct job *j, struct changed *b, size_t *n, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(arena) struct arena *a = arena_new(16u << 20);
	struct misp_event ev;
	*n = 0;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(store_read(j->o->env->store, &t, f));
	while (*n < BATCH && (j->all || j->at < j->todo.n)) {
		struct changed *c = &b[*n];
		enum err e = ERR_OK;
		arena_reset(a);
		if (j->all) {
			e = store_next(t, T_EVENT, &j->last_id, a, &ev);
			if (e == ERR_NOENT)
				break;
			if (e == ERR_OK)
				*c = (struct changed){j->last_id, egress_uuid(j->o->env,
									      j->o->audience,
									      ev.uuid)};
		} else {
			*c = j->todo.v[j->at++];
			e = name_event(j, t, c, a);
			if (e == ERR_NOENT)
				continue;
		}
		if (e != ERR_OK)
			return fail(f, e, "reading events");
		++*n;
	}
	return ERR_OK;
}
