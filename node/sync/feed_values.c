/*
 * feed_values.c - a run over a feed of values (CSV, free text): the whole text is fetched first, into a file
 * without a name; only when all of it has come, and it holds values, the event is touched.
 */
#include "sync/feed_run.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "ingest/quarantine.h"
#include "model/pack.h"
#include "sync/value_set.h"

#define TEXT_MAX (UINT64_C(512) << 20)

/* ---- the text ---- */

struct text {
	struct feed_run *r;
	int fd;
	struct hash_ctx *digest;
};

static enum err keep(void *user, const void *p, size_t n, struct fail *f)
{
	struct text *t = user;
	const char *s = p;
	hash_add(t->digest, p, n);
	t->r->res->n.bytes += n;
	t->r->take.progress.bytes += n;
	if (t->r->o->progress)
		t->r->o->progress(t->r->o->user, &t->r->take.progress);
	while (n) {
		ssize_t got = write(t->fd, s, n);
		if (got <= 0)
			return fail(f, ERR_FULL, "no room for the text of the feed");
		s += got;
		n -= (size_t)got;
	}
	return ERR_OK;
}

static enum err text_get(struct text *t, struct fail *f)
{
	struct feed_run *r = t->r;
	struct feed_file file = {.max = r->o->max_event_bytes ? MIN(r->o->max_event_bytes, TEXT_MAX)
							      : TEXT_MAX,
				 .conditional = true,
				 .html = str_is(r->row.source_format, "freetext") &&
					 feed_rules_values(r->rules).html,
				 .data = keep,
				 .user = t};
	t->fd = value_event_spool(r->o->in->spool_dir);
	t->digest = hash_begin();
	if (t->fd < 0 || !t->digest)
		return fail(f, ERR_IO, "no file for the text of the feed");
	enum err e = feed_run_get(r, r->client, &file, f);
	struct sha256 d = hash_end(MOVE(t->digest));
	if (e == ERR_NOENT)
		return fail(f, ERR_PEER, "the feed is not there");
	TRY(e);
	hash_hex(d.b, sizeof(d.b), r->now.digest);
	if (!r->o->again && strcmp(r->now.digest, r->was.digest) == 0)
		r->res->not_modified = true;
	return ERR_OK;
}

/* ---- the event ---- */

/* The UUID of a fixed event that has not been stored yet stands in "feed/<id>/event". */
static struct str uuid_key(const struct feed_run *r, char out[64])
{
	int n = snprintf(out, 64, "feed/%llu/event", (unsigned long long)r->o->feed_id);
	return (struct str){out, (size_t)n};
}

struct uuid_note {
	struct str key;
	struct uuid uuid; /* nil: forget it */
};

static enum err uuid_write(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct uuid_note *n = arg;
	if (uuid_is_nil(n->uuid))
		return store_kv_del(w, n->key, f);
	return store_kv_put(w, n->key, (struct str){(const char *)n->uuid.b, sizeof(n->uuid.b)}, f);
}

/* The UUID of the event to be made; *known: it is kept already, and the event may be there. */
static enum err uuid_of(const struct feed_run *r, struct uuid *out, bool *known, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	char key[64];
	struct str v;
	*known = false;
	*out = uuid_random();
	if (!r->row.fixed_event || r->row.event_id)
		return ERR_OK;
	TRY(store_read(r->o->in->store, &t, f));
	if (store_kv_get(t, uuid_key(r, key), &v) == ERR_OK && v.n == sizeof(out->b)) {
		memcpy(out->b, v.p, v.n);
		*known = true;
	}
	return ERR_OK;
}

static enum err uuid_keep(const struct feed_run *r, struct uuid u, struct fail *f)
{
	char key[64];
	struct uuid_note n = {uuid_key(r, key), u};
	return store_run(r->o->in->store, uuid_write, &n, f);
}

static enum err orgc_of(struct feed_run *r, struct misp_event *h, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_org *org = ARENA_NEW(r->a, struct misp_org), row;
	if (!r->row.orgc_id || r->row.orgc_id == r->o->org_id)
		return ERR_OK;
	if (!org)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(store_read(r->o->in->store, &t, f));
	if (store_get(t, T_ORG, r->row.orgc_id, r->a, &row) != ERR_OK)
		return fail(f, ERR_INVAL, "the organisation %llu, which is to be the creator, is not there",
			    (unsigned long long)r->row.orgc_id);
	*org = (struct misp_org){.name = arena_str(r->a, row.name), .uuid = row.uuid};
	h->orgc = (struct entity_list){org, 1};
	ENTITY_SET_HAS(h, EVENT_F_orgc);
	return ERR_OK;
}

#define GIVE(h, member, v) ((h)->member = (v), ENTITY_SET_HAS((h), EVENT_F_##member))

static enum err head_of(struct feed_run *r, struct misp_event *h, struct fail *f)
{
	bool inherit = r->row.distribution == DIST_INHERIT;
	GIVE(h, info, arena_printf(r->a, "%.*s feed", STR_ARG(r->row.name)));
	GIVE(h, analysis, 2);
	GIVE(h, threat_level_id, 4);
	GIVE(h, distribution, inherit ? (uint8_t)DIST_ORG : r->row.distribution);
	GIVE(h, timestamp, clock_now());
	GIVE(h, published, r->row.publish);
	h->sharing_group_id = r->row.sharing_group_id;
	if (feed_rules_no_correlation(r->rules))
		GIVE(h, disable_correlation, true);
	if (r->tags.n)
		GIVE(h, tags, r->tags);
	return h->info.p ? orgc_of(r, h, f) : fail(f, ERR_NOMEM, "no memory");
}

/* ---- a run ---- */

static enum err progress(void *user, uint64_t bytes, struct fail *f)
{
	struct feed_run *r = user;
	(void)bytes;
	if (intake_cancelled(&r->take))
		return fail(f, ERR_CANCELLED, "cancelled");
	r->take.progress.listed = r->res->values.values;
	if (r->o->progress)
		r->o->progress(r->o->user, &r->take.progress);
	return ERR_OK;
}

struct digests {
	struct value_cache before;
	struct value_cache_writer *taken, *cache;
};

static void digests_close(struct digests *d)
{
	value_cache_close(&d->before);
	value_cache_writer_free(d->taken);
	value_cache_writer_free(d->cache);
}
OWN_DEFINE(digests, struct digests, digests_close(p))

/* Which values a fixed event was given is remembered, so that what left can be told from what others added. */
static enum err digests_open(const struct feed_run *r, struct digests *d, struct fail *f)
{
	const char *dir = r->o->cache_dir;
	if (!dir)
		return ERR_OK;
	if (r->row.caching_enabled)
		TRY(value_cache_writer_new(dir, VALUE_CACHE_FEED, r->o->feed_id, &d->cache, f));
	if (!r->row.fixed_event)
		return ERR_OK;
	TRY(value_cache_writer_new(dir, VALUE_CACHE_TAKEN, r->o->feed_id, &d->taken, f));
	enum err e = value_cache_open(dir, VALUE_CACHE_TAKEN, r->o->feed_id, &d->before);
	return e == ERR_NOENT ? ERR_OK : e;
}

static enum err digests_keep(struct digests *d, struct fail *f)
{
	if (d->taken)
		TRY(value_cache_commit(MOVE(d->taken), NULL, f));
	return d->cache ? value_cache_commit(MOVE(d->cache), NULL, f) : ERR_OK;
}

static struct values_opts reading(const struct feed_run *r)
{
	struct feed_value_settings s = feed_rules_values(r->rules);
	return (struct values_opts){.format = str_is(r->row.source_format, "csv") ? VALUES_CSV
										  : VALUES_FREETEXT,
				    .columns = s.columns,
				    .delimiter = s.delimiter,
				    .exclude = s.exclude};
}

static struct admit_facts facts_of(const struct feed_run *r)
{
	struct admit_facts facts = intake_facts(&r->take);
	facts.kind = AUD_FEED;
	facts.org_id = r->o->org_id;
	facts.elements_inherit = true;
	facts.made_here = true;
	return facts;
}

static void account(struct feed_run *r)
{
	const struct value_event_result *v = &r->res->values;
	struct intake_result *n = &r->res->n;
	n->listed = v->values;
	n->current = v->current;
	n->attributes = v->added + v->restored;
	n->added = v->made;
	n->updated = v->changed && !v->made;
	r->take.progress.done = 1;
}

static enum err take(struct feed_run *r, const struct text *t, struct uuid uuid, struct fail *f)
{
	OWN(digests) struct digests d = {0};
	struct value_event_opts o = {.in = r->o->in,
				     .fd = t->fd,
				     .read = reading(r),
				     .origin = r->take.origin,
				     .facts = facts_of(r),
				     .event_id = r->row.fixed_event ? r->row.event_id : 0,
				     .head = {.uuid = uuid},
				     .ids = r->row.force_to_ids	 ? IDS_ALL
					    : r->row.override_ids ? IDS_NONE
								  : IDS_BY_TYPE,
				     .delta = r->row.delta_merge,
				     .progress = progress,
				     .user = r};
	o.origin.time = o.facts.now;
	(void)hash_unhex(str_c(r->now.digest), o.origin.digest, sizeof(o.origin.digest));
	ENTITY_SET_HAS(&o.head, EVENT_F_uuid);
	TRY(head_of(r, &o.head, f));
	TRY(digests_open(r, &d, f));
	o.before = d.before.map ? &d.before : NULL;
	o.taken = d.taken;
	o.cache = d.cache;
	enum err e = value_event_take(&o, &r->res->values, f);
	account(r);
	r->waits = e == ERR_BLOCKED && ingest_quarantine_waits(f);
	TRY(e);
	return digests_keep(&d, f);
}

/* Nothing new; but what waited may have been let in. */
static enum err unchanged(struct feed_run *r, struct uuid uuid, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct str key = {(const char *)uuid.b, sizeof(uuid.b)};
	TRY(store_read(r->o->in->store, &t, f));
	if (store_find(t, IX_EVENT_UUID, key, &r->event_id) != ERR_OK)
		r->event_id = 0;
	return ERR_OK;
}

static enum err target_there(const struct feed_run *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_event e;
	if (!r->row.fixed_event || !r->row.event_id)
		return ERR_OK;
	TRY(store_read(r->o->in->store, &t, f));
	if (store_get(t, T_EVENT, r->row.event_id, NULL, &e) == ERR_OK)
		return ERR_OK;
	return fail(f, ERR_INVAL,
		    "the event %llu that the feed fills is not there any more (set event_id to 0 for a new one)",
		    (unsigned long long)r->row.event_id);
}

static enum err run(struct feed_run *r, struct text *t, struct fail *f)
{
	struct uuid uuid;
	bool known;
	TRY(target_there(r, f));
	TRY(text_get(t, f));
	TRY(uuid_of(r, &uuid, &known, f));
	r->all_in = true;
	if (r->res->not_modified)
		return known ? unchanged(r, uuid, f) : ERR_OK;
	if (r->row.fixed_event && !r->row.event_id && !known)
		TRY(uuid_keep(r, uuid, f));
	TRY(take(r, t, uuid, f));
	if (r->row.fixed_event && !r->row.event_id)
		r->event_id = r->res->values.event_id;
	feed_run_file_done(r, NULL);
	return ERR_OK;
}

enum err feed_values_run(struct feed_run *r, struct fail *f)
{
	struct text t = {.r = r, .fd = -1};
	r->res->is_values = true;
	enum err e = uuid_is_nil(r->o->only) ? run(r, &t, f)
					     : fail(f, ERR_UNSUPPORTED, "the feed holds values, not events");
	if (e == ERR_OK && r->event_id) /* the row names it from now on */
		e = uuid_keep(r, UUID_NIL, f);
	if (t.fd >= 0)
		close(t.fd);
	hash_abort(t.digest);
	return e;
}

/* ---- looking only ---- */

struct looking {
	struct value_set seen;
	values_fn fn;
	void *user;
};

static enum err on_hit(void *user, const struct values_hit *hit, struct fail *f)
{
	struct looking *l = user;
	uint64_t *at = value_set_at(&l->seen, hit->value);
	if (!at)
		return fail(f, ERR_LIMIT, "more than %u values", VALUE_SET_MAX);
	if (*at & VALUE_SEEN)
		return ERR_OK;
	*at |= VALUE_SEEN;
	return l->fn(l->user, hit, f);
}

static enum err look_once(const struct feed_run *r, int fd, const struct values_opts *o, struct looking *l,
			  struct values_counts *n, struct fail *f)
{
	OWN(values) struct values *v = NULL;
	char piece[16384];
	ssize_t got;
	off_t at = 0;
	TRY(values_new(o, on_hit, l, &v, f));
	while ((got = pread(fd, piece, sizeof(piece), at)) > 0) {
		at += got;
		if (intake_cancelled(&r->take))
			return fail(f, ERR_CANCELLED, "cancelled");
		TRY(values_feed(v, piece, (size_t)got, f));
	}
	if (got < 0)
		return fail(f, ERR_IO, "cannot read the text of the feed again");
	TRY(values_end(v, f));
	*n = values_counts(v);
	return ERR_OK;
}

static enum err look(struct feed_run *r, struct text *t, struct looking *l, struct values_counts *n,
		     struct fail *f)
{
	TRY(feed_run_open(r, f));
	if (!r->is_values)
		return fail(f, ERR_UNSUPPORTED, "the feed holds events, not values");
	r->was = (struct feed_seen){0};
	TRY(text_get(t, f));
	if (!value_set_init(&l->seen, 0))
		return fail(f, ERR_NOMEM, "no memory");
	struct values_opts o = reading(r);
	enum err e = look_once(r, t->fd, &o, l, n, f);
	o.no_json = true;
	return e == ERR_AGAIN ? look_once(r, t->fd, &o, l, n, f) : e;
}

enum err feed_fetch_values(const struct feed_fetch_opts *o, values_fn fn, void *user,
			   struct values_counts *n, struct fail *f)
{
	struct feed_fetch_result none = {0};
	struct feed_run r = {.o = o, .res = &none, .dirfd = -1, .take = {.cancelled = o->cancelled}};
	struct text t = {.r = &r, .fd = -1};
	struct looking l = {.fn = fn, .user = user};
	*n = (struct values_counts){0};
	enum err e = look(&r, &t, &l, n, f);
	value_set_free(&l.seen);
	if (t.fd >= 0)
		close(t.fd);
	hash_abort(t.digest);
	feed_run_close(&r);
	return e;
}
