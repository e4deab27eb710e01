/*
 * feed_cache.c - see feed_cache.h. A MISP feed without hashes.csv is read event by event.
 */
#include "sync/feed_cache.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "feeds/in/manifest.h"
#include "model/json_read.h"
#include "model/validate.h"
#include "sync/digest_lines.h"

#define FILE_MAX (UINT64_C(100) * VALUE_CACHE_MAX)
#define MANIFEST_MAX (UINT64_C(1) << 30)
#define EVENTS_MAX 1000000u

struct making {
	const struct feed_fetch_opts *o;
	struct value_cache_writer *w;
	uint64_t n; /* values */
	struct arena *a; /* for a value */
	struct uuid event; /* at hand, as the manifest names it */
	struct uuid *events; /* of the manifest */
	size_t n_events, cap;
};

/* As it would be stored: that is how it is looked up. */
static enum err add(struct making *m, enum attr_type type, struct str value, struct uuid event, struct fail *f)
{
	uint8_t md5[VALUE_KEYS_MAX][16];
	size_t n = value_cache_keys(type, value, md5);
	for (size_t i = 0; i < n; i++)
		TRY(value_cache_add(m->w, md5[i], event, f));
	m->n++;
	return ERR_OK;
}

/* ---- values ---- */

static enum err take_value(void *user, const struct values_hit *hit, struct fail *f)
{
	struct making *m = user;
	struct str value, one, two;
	struct attr_problem problem = {0};
	arena_reset(m->a);
	if (attr_normalise_validate(m->a, hit->type, hit->value, false, &value, &one, &two, &problem) !=
	    ERR_OK)
		return ERR_OK;
	return add(m, hit->type, value, UUID_NIL, f);
}

/* ---- events ---- */

static enum err on_entry(void *user, const struct manifest_entry *e, struct fail *f)
{
	struct making *m = user;
	if (m->n_events == m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 1024;
		struct uuid *v = cap > EVENTS_MAX * 2 ? NULL : reallocarray(m->events, cap, sizeof(*v));
		if (!v)
			return fail(f, ERR_LIMIT, "the feed has more than %u events", EVENTS_MAX);
		m->events = v;
		m->cap = cap;
	}
	m->events[m->n_events++] = e->uuid;
	return ERR_OK;
}

static enum err manifest_bytes(void *user, const void *p, size_t n, struct fail *f)
{
	return manifest_read_feed(user, p, n, f);
}

static enum err event_bytes(void *user, const void *p, size_t n, struct fail *f)
{
	return json_read_feed(user, p, n, f);
}

static enum err on_event(void *user, struct raw_event *doc, struct fail *f)
{
	OWN(raw) struct raw_event *raw = doc;
	struct making *m = user;
	struct element el;
	OWN(raw_cursor) struct raw_cursor *c = raw_cursor_new(raw);
	if (!c)
		return fail(f, ERR_NOMEM, "no memory");
	for (;;) {
		arena_reset(m->a);
		enum err e = raw_next(c, m->a, &el, f);
		if (e != ERR_OK)
			return e == ERR_NOENT ? ERR_OK : e;
		if (el.kind == EL_ATTR && el.attr.value.n && !el.attr.deleted)
			TRY(add(m, (enum attr_type)el.attr.type, el.attr.value, m->event, f));
	}
}

/* One that is not there, or is none, does not hold up the others. */
static enum err one_event(struct making *m, struct uuid u, struct fail *f)
{
	struct json_read_opts o = {.root = RAW_EVENT, .spool_dir = m->o->in->spool_dir};
	OWN(json_read) struct json_read *j = json_read_new(&o, on_event, m);
	uint64_t max = m->o->max_event_bytes ? m->o->max_event_bytes : INTAKE_EVENT_MAX;
	char uuid[UUID_TEXT_LEN + 1], name[UUID_TEXT_LEN + 6];
	snprintf(name, sizeof(name), "%s.json", uuid_format(u, uuid));
	if (!j)
		return fail(f, ERR_NOMEM, "no memory");
	m->event = u;
	enum err e = feed_fetch_data(m->o, name, max, event_bytes, j, f);
	if (e == ERR_OK)
		e = json_read_end(j, f);
	return e == ERR_NOENT || e == ERR_PARSE || e == ERR_INVAL ? ERR_OK : e;
}

static enum err from_events(struct making *m, struct fail *f)
{
	OWN(manifest_read) struct manifest_read *r = manifest_read_new(on_entry, m);
	if (!r)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(feed_fetch_data(m->o, "manifest.json", MANIFEST_MAX, manifest_bytes, r, f));
	TRY(manifest_read_end(r, f));
	for (size_t i = 0; i < m->n_events; i++) {
		struct fail mine = {0};
		enum err e = one_event(m, m->events[i], &mine);
		if (e != ERR_OK)
			return fail(f, e, "%s", mine.text);
	}
	return ERR_OK;
}

/* ---- all of them ---- */

static enum err from_hashes(struct making *m, struct fail *f)
{
	struct digest_lines lines = {.to = m->w};
	TRY(feed_fetch_data(m->o, "hashes.csv", FILE_MAX, digest_lines_feed, &lines, f));
	enum err e = digest_lines_end(&lines, f);
	m->n += lines.n;
	return e;
}

static enum err fill(struct making *m, struct fail *f)
{
	struct values_counts n;
	enum err e = feed_fetch_values(m->o, take_value, m, &n, f);
	if (e == ERR_UNSUPPORTED) { /* it is a MISP feed */
		*f = (struct fail){0};
		e = from_hashes(m, f);
	}
	if (e == ERR_NOENT) { /* which has no such file */
		*f = (struct fail){0};
		e = from_events(m, f);
	}
	if (e == ERR_NOENT)
		return fail(f, ERR_PEER, "the feed is not there");
	return e == ERR_OK && !m->n ? fail(f, ERR_INVAL, "it holds no values") : e;
}

enum err feed_cache_make(const struct feed_fetch_opts *o, const char *dir, struct fail *f)
{
	OWN(value_cache_writer) struct value_cache_writer *w = NULL;
	OWN(arena) struct arena *a = arena_new(8u << 20);
	struct making m = {.o = o, .a = a};
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(value_cache_writer_new(dir, VALUE_CACHE_FEED, o->feed_id, &w, f));
	m.w = w;
	enum err e = fill(&m, f);
	free(m.events);
	return e == ERR_OK ? value_cache_commit(MOVE(w), NULL, f) : e;
}
