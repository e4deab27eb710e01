/*
 * openings.c - a heap of (time, event) fed from the change log, emptied into the change log; and what
 * opened when, for questions about what is new.
 */
#include "egress/openings.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "egress/view.h"
#include "taxonomies/taxo.h"

#define TICK_MS 200
#define BATCH 1000
#define AUDIENCES_MAX 256
#define KV_DONE "egress/openings/done"
#define KV_OPENED "egress/opened/"
#define UNREADABLE_MAX 1000
/* What was kept when there were three classes: public, sector, partner. */
#define OLD_CLASSES 3

struct opening {
	int64_t at;
	uint64_t event_id;
	unsigned classes; /* bit mask of 1 << release class */
	bool within; /* something in the event */
};

/* What opened last, for each class; as in KV_OPENED, behind the event's id in 8 bytes. */
struct opened {
	uint64_t event_id; /* 0: empty */
	int64_t at[GATE_CLASSES];
	int64_t within[GATE_CLASSES]; /* of single elements */
};
/* The stored form; times of a site's classes count only as long as it has the same ones. */
struct stored_opened {
	int64_t at[GATE_CLASSES];
	int64_t within[GATE_CLASSES];
	uint64_t classes; /* classes_of() */
};

struct openings {
	const struct egress_env *env;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop, rescan;
	uint64_t seq; /* change log followed up to here */
	int64_t done; /* openings up to this time are written */
	/* of events; of single elements, which is made anew when one of them may have changed */
	struct heap {
		struct opening *v;
		size_t n, cap;
	} heap, element_heap;
	atomic_size_t pending; /* in both, for others */
	/* under `table` */
	pthread_mutex_t table;
	struct opened *opened; /* open addressing */
	size_t n_opened, cap_opened;
	uint64_t classes; /* of the policy that was scanned last */
	uint64_t unreadable[UNREADABLE_MAX]; /* events, unordered */
	size_t n_unreadable;
	/* only on the thread */
	uint64_t *tags; /* embargo tags that there are: elements may carry them */
	size_t n_tags;
	bool again; /* scan everything once more */
	bool elements; /* look at all elements with such a tag again */
	bool late; /* and once more: the index was behind the log */
};

/* ---- heap, the soonest first ---- */

static void heap_up(struct opening *h, size_t i)
{
	while (i && h[(i - 1) / 2].at > h[i].at) {
		struct opening t = h[i];
		h[i] = h[(i - 1) / 2];
		h[(i - 1) / 2] = t;
		i = (i - 1) / 2;
	}
}

static void heap_down(struct opening *h, size_t n, size_t i)
{
	for (;;) {
		size_t least = i, l = 2 * i + 1;
		if (l < n && h[l].at < h[least].at)
			least = l;
		if (l + 1 < n && h[l + 1].at < h[least].at)
			least = l + 1;
		if (least == i)
			return;
		struct opening t = h[i];
		h[i] = h[least];
		h[least] = t;
		i = least;
	}
}

static enum err heap_add(struct heap *h, int64_t at, uint64_t event_id, unsigned classes, bool within)
{
	if (h->n == h->cap) {
		size_t cap = h->cap ? h->cap * 2 : 256;
		struct opening *v = realloc(h->v, cap * sizeof(*v));
		if (!v)
			return ERR_NOMEM;
		h->v = v;
		h->cap = cap;
	}
	h->v[h->n] = (struct opening){at, event_id, classes, within};
	heap_up(h->v, h->n++);
	return ERR_OK;
}

/* The one whose first comes first; NULL: both are empty. */
static struct heap *heap_next(struct openings *o)
{
	struct heap *a = &o->heap, *b = &o->element_heap;
	if (!a->n || !b->n)
		return a->n ? a : b->n ? b : NULL;
	return b->v[0].at < a->v[0].at ? b : a;
}

static struct opening heap_pop(struct heap *h)
{
	struct opening first = h->v[0];
	h->v[0] = h->v[--h->n];
	heap_down(h->v, h->n, 0);
	return first;
}

/* ---- what opened when ---- */

static struct opened *opened_slot(struct opened *v, size_t cap, uint64_t event_id)
{
	size_t i = (size_t)(event_id * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (cap - 1);
	while (v[i].event_id && v[i].event_id != event_id)
		i = (i + 1) & (cap - 1);
	return &v[i];
}

/* With the lock of the table; NULL: memory. */
static struct opened *opened_put(struct openings *o, uint64_t event_id)
{
	if (o->n_opened >= o->cap_opened / 2) {
		size_t cap = o->cap_opened ? o->cap_opened * 2 : 256;
		struct opened *v = calloc(cap, sizeof(*v));
		if (!v)
			return NULL;
		for (size_t i = 0; i < o->cap_opened; i++)
			if (o->opened[i].event_id)
				*opened_slot(v, cap, o->opened[i].event_id) = o->opened[i];
		free(o->opened);
		o->opened = v;
		o->cap_opened = cap;
	}
	struct opened *s = opened_slot(o->opened, o->cap_opened, event_id);
	o->n_opened += !s->event_id;
	s->event_id = event_id;
	return s;
}

int64_t openings_of(struct openings *o, uint64_t event_id, unsigned release_class)
{
	int64_t at = 0;
	if (release_class >= GATE_CLASSES)
		return 0;
	pthread_mutex_lock(&o->table);
	if (o->cap_opened)
		at = opened_slot(o->opened, o->cap_opened, event_id)->at[release_class];
	pthread_mutex_unlock(&o->table);
	return at;
}

int64_t openings_within(struct openings *o, uint64_t event_id, unsigned release_class)
{
	int64_t at = 0;
	if (release_class >= GATE_CLASSES)
		return 0;
	pthread_mutex_lock(&o->table);
	if (o->cap_opened)
		at = opened_slot(o->opened, o->cap_opened, event_id)->within[release_class];
	pthread_mutex_unlock(&o->table);
	return at;
}

bool openings_at(struct openings *o, uint64_t event_id, int64_t t)
{
	bool found = false;
	pthread_mutex_lock(&o->table);
	if (o->cap_opened && event_id) {
		const struct opened *s = opened_slot(o->opened, o->cap_opened, event_id);
		for (unsigned c = 0; c < GATE_CLASSES; c++)
			found |= t && s->within[c] == t;
	}
	pthread_mutex_unlock(&o->table);
	return found;
}

/* A digest of the site's classes: what their numbers mean. */
static uint64_t classes_of(const struct policy *p)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (unsigned c = 0; c < GATE_CLASSES; c++) {
		const char *name = policy_class_name(p, c);
		for (; name && *name; name++)
			h = (h ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
		h = (h ^ 0xff) * UINT64_C(0x100000001b3);
	}
	return h;
}

static bool is_shipped(unsigned c)
{
	return c == CLASS_PUBLIC || c == CLASS_SECTOR || c == CLASS_PARTNER;
}

/* Times of before, by the meaning that the numbers have now. */
static void read_opened(const struct openings *o, struct str v, int64_t at[GATE_CLASSES],
			int64_t within[GATE_CLASSES])
{
	static const unsigned shipped[OLD_CLASSES] = {CLASS_PUBLIC, CLASS_SECTOR, CLASS_PARTNER};
	struct stored_opened s;
	int64_t old[OLD_CLASSES];
	memset(at, 0, sizeof(*at) * GATE_CLASSES);
	memset(within, 0, sizeof(*within) * GATE_CLASSES);
	if (v.n == sizeof(old)) {
		memcpy(old, v.p, v.n);
		for (unsigned i = 0; i < OLD_CLASSES; i++)
			at[shipped[i]] = old[i];
	} else if (v.n == sizeof(s)) {
		memcpy(&s, v.p, v.n);
		for (unsigned c = 0; c < GATE_CLASSES; c++)
			if (is_shipped(c) || s.classes == o->classes) {
				at[c] = s.at[c];
				within[c] = s.within[c];
			}
	}
}

/* Another policy: what opened for classes that it does not have, or has elsewhere, is forgotten. */
static void set_classes(struct openings *o, const struct policy *p)
{
	uint64_t now = classes_of(p);
	pthread_mutex_lock(&o->table);
	for (size_t i = 0; now != o->classes && i < o->cap_opened; i++)
		for (unsigned c = 0; c < GATE_CLASSES; c++)
			if (!is_shipped(c))
				o->opened[i].at[c] = o->opened[i].within[c] = 0;
	o->classes = now;
	pthread_mutex_unlock(&o->table);
}

/* ---- embargoes that nobody can read ---- */

uint64_t openings_unreadable(struct openings *o, uint64_t *ids, size_t n)
{
	pthread_mutex_lock(&o->table);
	uint64_t all = o->n_unreadable;
	for (size_t i = 0; i < n && i < o->n_unreadable; i++)
		ids[i] = o->unreadable[i];
	pthread_mutex_unlock(&o->table);
	return all;
}

static void note_unreadable(struct openings *o, uint64_t event_id, bool is)
{
	size_t i = 0;
	pthread_mutex_lock(&o->table);
	while (i < o->n_unreadable && o->unreadable[i] != event_id)
		i++;
	bool was = i < o->n_unreadable;
	if (is && !was && o->n_unreadable < UNREADABLE_MAX)
		o->unreadable[o->n_unreadable++] = event_id;
	if (!is && was)
		o->unreadable[i] = o->unreadable[--o->n_unreadable];
	pthread_mutex_unlock(&o->table);
	if (is && !was)
		log_warn("embargo",
			 "event=%llu unreadable=1: an embargo tag that cannot be read holds for ever",
			 (unsigned long long)event_id);
}

/* ---- which times an event opens at ---- */

/*
 * The policy's audiences, one peer of each class that may hold everything, and the peer and the member
 * without a row: whoever waits is one of them, or has a row.
 */
static unsigned audiences(const struct policy *p, struct audience *out)
{
	static const enum audience_kind kinds[] = {AUD_MEMBER, AUD_PEER, AUD_FEED, AUD_EXPORT,
						   AUD_STREAM};
	struct caller stranger = {.kind = AUD_PEER, .perm_sync = true};
	struct caller member = {.kind = AUD_MEMBER};
	unsigned n = 0;
	policy_audience(p, &stranger, &out[n++]);
	policy_audience(p, &member, &out[n++]);
	for (unsigned c = 0; c < GATE_CLASSES; c++)
		if (policy_class_name(p, c))
			out[n++] = (struct audience){
				.kind = AUD_PEER, .release_class = (uint8_t)c, .domestic = true};
	for (unsigned k = 0; k < ARRAY_LEN(kinds); k++)
		for (unsigned i = 0; n < AUDIENCES_MAX; i++, n++)
			if (policy_audience_nth(p, kinds[k], i, &out[n]) != ERR_OK)
				break;
	return n;
}

/* Times after `after` at which the event opens for one of the audiences. The view is used as each
   of them in turn. */
static enum err judge(struct openings *o, struct view *v, uint64_t event_id,
		      const struct audience *auds, unsigned n, int64_t after)
{
	struct opening found[GATE_CLASSES + 5] = {{0}};
	struct subject s;
	unsigned k, n_found = 0;
	arena_reset(v->scratch);
	enum err e = view_subject(v, event_id, v->scratch, &s);
	if (e == ERR_NOENT)
		note_unreadable(o, event_id, false);
	if (e != ERR_OK)
		return e == ERR_NOENT ? ERR_OK : e;
	if (s.event.tags.n || o->n_unreadable)
		note_unreadable(o, event_id, gate_embargo_unreadable(v->policy, &s.event.tags));
	int64_t now = v->facts.now;
	bool trusted = v->facts.clock_trusted;
	v->facts.now = after; /* as things stood then: what has opened since is due */
	v->facts.clock_trusted = true; /* openings wait for it, not their times */
	for (unsigned i = 0; i < n && e == ERR_OK; i++) {
		v->audience = auds[i];
		int64_t at = gate_opens_at(&v->gate, &s.s);
		if (!at)
			continue;
		for (k = 0; k < n_found && found[k].at != at; k++)
			;
		if (k == ARRAY_LEN(found)) /* many policy holds: each for itself */
			e = heap_add(&o->heap, at, event_id, 1u << auds[i].release_class, false);
		else
			n_found = MAX(n_found, k + 1);
		if (k < ARRAY_LEN(found)) {
			found[k].at = at;
			found[k].classes |= 1u << auds[i].release_class;
		}
	}
	for (k = 0; k < n_found && e == ERR_OK; k++)
		e = heap_add(&o->heap, found[k].at, event_id, found[k].classes, false);
	v->facts.now = now;
	v->facts.clock_trusted = trusted;
	return e;
}

/* ---- elements under embargoes of their own ---- */

static enum err element_times(struct openings *o, const struct policy *p, uint64_t event_id,
			      const struct entity_list *tags)
{
	int64_t shut[GATE_CLASSES];
	gate_embargo_times(p, tags, shut);
	for (unsigned c = 0, classes; c < GATE_CLASSES; c++) {
		if (shut[c] == INT64_MAX || shut[c] <= o->done)
			continue;
		classes = 0;
		for (unsigned k = c; k < GATE_CLASSES; k++) /* those that open together */
			classes |= (unsigned)(shut[k] == shut[c]) << k;
		if (c == 0 || shut[c - 1] != shut[c])
			TRY(heap_add(&o->element_heap, shut[c], event_id, classes, true));
	}
	if (gate_embargo_unreadable(p, tags))
		note_unreadable(o, event_id, true);
	return ERR_OK;
}

struct tagged {
	struct openings *o;
	struct view *v;
	enum err err;
};

static bool tagged_attr(void *user, uint64_t event_id, uint64_t object_id, uint64_t attr_id)
{
	struct tagged *t = user;
	struct misp_event e;
	struct misp_attr a;
	arena_reset(t->v->scratch);
	t->err = store_get(t->v->txn, T_EVENT, event_id, NULL, &e);
	if (t->err == ERR_OK)
		t->err = store_el_get(t->v->txn, EL_ATTR,
				      (struct el_key){e.body, object_id, attr_id}, t->v->scratch, &a);
	if (t->err == ERR_OK)
		t->err = view_resolve_tags(t->v, t->v->scratch, &a.tags);
	if (t->err == ERR_OK)
		t->err = element_times(t->o, t->v->policy, event_id, &a.tags);
	if (t->err == ERR_NOENT) /* the index may be ahead of the snapshot, or behind */
		t->err = ERR_OK;
	return t->err == ERR_OK;
}

/* `found`: the index's place before the log was read; what the log has beyond it may not be found yet. */
static enum err scan_elements(struct openings *o, struct view *v, uint64_t found)
{
	struct tagged t = {o, v, ERR_OK};
	o->element_heap.n = 0;
	for (size_t i = 0; i < o->n_tags && t.err == ERR_OK; i++)
		TRY(index_tagged(o->env->index, o->tags[i], false, tagged_attr, &t));
	if (t.err == ERR_OK)
		o->elements = o->late = o->seq > found;
	return t.err;
}

static enum err tag_add(struct openings *o, const struct misp_tag *tag)
{
	if (!gate_is_embargo_tag(tag->name))
		return ERR_OK;
	uint64_t *v = realloc(o->tags, (o->n_tags + 1) * sizeof(*v));
	if (!v)
		return ERR_NOMEM;
	o->tags = v;
	o->tags[o->n_tags++] = tag->id;
	o->elements = true;
	return ERR_OK;
}

static enum err scan_tags(struct openings *o, struct view *v)
{
	struct misp_tag tag;
	uint64_t id = 0;
	enum err e;
	o->n_tags = 0;
	while ((e = store_next(v->txn, T_TAG, &id, NULL, &tag)) == ERR_OK)
		TRY(tag_add(o, &tag));
	return e == ERR_NOENT ? ERR_OK : e;
}

struct pass {
	struct view *view;
	struct policy *policy;
	struct audience auds[AUDIENCES_MAX];
	unsigned n;
};

static enum err pass_begin(struct openings *o, struct pass *p, struct fail *f)
{
	struct audience any = {.kind = AUD_PEER};
	*p = (struct pass){.policy = o->env->policy(o->env->user)};
	p->n = audiences(p->policy, p->auds);
	return view_open_as(o->env, &any, &p->view, f);
}

static void pass_end(struct pass *p)
{
	view_close(p->view);
	policy_unref(p->policy);
}

/* Everything, at the start and after a change of policy. */
static enum err scan_all(struct openings *o, struct fail *f)
{
	struct pass *p = calloc(1, sizeof(*p));
	uint64_t id = 0, found = index_seq(o->env->index);
	if (!p)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = pass_begin(o, p, f);
	if (e == ERR_OK) {
		set_classes(o, p->policy);
		o->heap.n = 0;
		o->seq = store_seq(p->view->txn);
		while (e == ERR_OK && !policy_is_misp_compat(p->policy) &&
		       (e = store_next(p->view->txn, T_EVENT, &id, NULL, NULL)) == ERR_OK)
			e = judge(o, p->view, id, p->auds, p->n, o->done);
		e = e == ERR_NOENT ? ERR_OK : e;
		if (e == ERR_OK)
			e = scan_tags(o, p->view);
		if (e == ERR_OK && !policy_is_misp_compat(p->policy))
			e = scan_elements(o, p->view, found);
	}
	pass_end(p);
	free(p);
	return e;
}

/* Is there anything new in the change log? */
static enum err log_grew(struct openings *o, bool *grew, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	TRY(store_read(o->env->store, &t, f));
	*grew = store_seq(t) != o->seq || o->late;
	return ERR_OK;
}

static enum err follow_tag(struct openings *o, struct view *v, uint64_t id)
{
	struct misp_tag tag;
	for (size_t i = 0; i < o->n_tags; i++)
		if (o->tags[i] == id) {
			o->elements = true; /* it may have been renamed */
			return ERR_OK;
		}
	enum err e = store_get(v->txn, T_TAG, id, NULL, &tag);
	return e == ERR_OK ? tag_add(o, &tag) : e == ERR_NOENT ? ERR_OK : e;
}

/* What has changed since. */
static enum err follow(struct openings *o, struct fail *f)
{
	bool grew;
	TRY(log_grew(o, &grew, f));
	if (!grew)
		return ERR_OK;
	struct pass *p = calloc(1, sizeof(*p));
	struct change c;
	uint64_t last = 0, found = index_seq(o->env->index);
	if (!p)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = pass_begin(o, p, f);
	bool compat = policy_is_misp_compat(p->policy);
	while (e == ERR_OK && (e = store_change_next(p->view->txn, &o->seq, &c)) == ERR_OK) {
		if (c.kind == CHANGE_TABLE(T_TAG) && c.op != CHANGE_DELETE)
			e = follow_tag(o, p->view, c.id);
		o->elements |= o->n_tags && (c.kind == CHANGE_EL(EL_ATTR) ||
					     (c.kind == CHANGE_TABLE(T_EVENT) && c.op != CHANGE_OPEN));
		if (e == ERR_OK && !compat && c.kind == CHANGE_TABLE(T_EVENT) &&
		    c.op != CHANGE_OPEN && c.id != last)
			e = judge(o, p->view, last = c.id, p->auds, p->n, o->done);
	}
	e = e == ERR_NOENT ? ERR_OK : e;
	if (e == ERR_OK && o->elements && !compat)
		e = scan_elements(o, p->view, found);
	pass_end(p);
	free(p);
	return e == ERR_NOENT ? ERR_OK : e;
}

/* ---- writing what has opened ---- */

struct due {
	const struct openings *o;
	struct opened v[BATCH];
	unsigned n;
	int64_t upto;
};

static enum err put_opened(const struct openings *o, struct store_wtxn *w, const struct opened *now,
			   struct fail *f)
{
	char key[sizeof(KV_OPENED) - 1 + 8];
	struct str name = {key, sizeof(key)}, old;
	struct stored_opened s = {.classes = o->classes};
	memcpy(key, KV_OPENED, sizeof(KV_OPENED) - 1);
	for (unsigned i = 0; i < 8; i++)
		key[sizeof(KV_OPENED) - 1 + i] = (char)(now->event_id >> (56 - 8 * i));
	if (store_kv_get(store_view(w), name, &old) == ERR_OK)
		read_opened(o, old, s.at, s.within);
	for (unsigned c = 0; c < GATE_CLASSES; c++) {
		s.at[c] = MAX(s.at[c], now->at[c]);
		s.within[c] = MAX(s.within[c], now->within[c]);
	}
	return store_kv_put(w, name, (struct str){(const char *)&s, sizeof(s)}, f);
}

static enum err run_open(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct due *d = arg;
	for (unsigned i = 0; i < d->n; i++) {
		struct misp_event e;
		enum err err = store_get(store_view(w), T_EVENT, d->v[i].event_id, NULL, &e);
		if (err == ERR_NOENT)
			continue;
		TRY(err);
		struct change c = {.op = CHANGE_OPEN,
				   .kind = CHANGE_TABLE(T_EVENT),
				   .id = e.id,
				   .event_id = e.id,
				   .uuid = e.uuid,
				   .time = clock_now(),
				   .origin = {.kind = ORIGIN_SYSTEM}};
		TRY(put_opened(d->o, w, &d->v[i], f));
		TRY(store_change(w, &c, f));
	}
	return store_kv_put(w, STR(KV_DONE),
			    (struct str){(const char *)&d->upto, sizeof(d->upto)}, f);
}

static void due_add(struct due *d, const struct opening *one)
{
	struct opened *v = d->n ? &d->v[d->n - 1] : NULL;
	if (!v || v->event_id != one->event_id) {
		v = &d->v[d->n++];
		*v = (struct opened){.event_id = one->event_id};
	}
	for (unsigned c = 0; c < GATE_CLASSES; c++)
		if (one->classes >> c & 1)
			*(one->within ? &v->within[c] : &v->at[c]) =
				MAX(one->at, one->within ? v->within[c] : v->at[c]);
}

/* Known before the change is written: who reads the log at once finds it. */
static bool note_opened(struct openings *o, const struct due *d)
{
	bool good = true;
	pthread_mutex_lock(&o->table);
	for (unsigned i = 0; i < d->n && good; i++) {
		struct opened *s = opened_put(o, d->v[i].event_id);
		good = s != NULL;
		for (unsigned c = 0; s && c < GATE_CLASSES; c++) {
			s->at[c] = MAX(s->at[c], d->v[i].at[c]);
			s->within[c] = MAX(s->within[c], d->v[i].within[c]);
		}
	}
	pthread_mutex_unlock(&o->table);
	return good;
}

static enum err open_due(struct openings *o, struct fail *f)
{
	bool trusted;
	int64_t now = o->env->now(o->env->user, &trusted);
	struct heap *h = heap_next(o);
	if (!trusted || !h || h->v[0].at > now)
		return ERR_OK;
	struct due *d = calloc(1, sizeof(*d));
	if (!d)
		return fail(f, ERR_NOMEM, "no memory");
	d->o = o;
	while ((h = heap_next(o)) && h->v[0].at <= now && d->n < BATCH) {
		struct opening first = heap_pop(h);
		d->upto = first.at;
		due_add(d, &first);
	}
	enum err e = note_opened(o, d) ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
	if (e == ERR_OK)
		e = store_run(o->env->store, run_open, d, f);
	if (e == ERR_OK) {
		o->done = MAX(o->done, d->upto);
		log_info("embargo", "opened=%u until=%lld", d->n, (long long)d->upto);
	} else {
		o->again = true; /* they are out of the heap: find them again */
	}
	free(d);
	return e;
}

/* ---- the thread ---- */

static void sleep_tick(struct openings *o)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t); /* a wall clock that is set back must not make it sleep */
	t.tv_nsec += TICK_MS * 1000000L;
	if (t.tv_nsec >= 1000000000L) {
		t.tv_nsec -= 1000000000L;
		t.tv_sec++;
	}
	pthread_cond_timedwait(&o->wake, &o->lock, &t);
}

static void *run(void *arg)
{
	struct openings *o = arg;
	pthread_setname_np(pthread_self(), "openings");
	pthread_mutex_lock(&o->lock);
	while (!o->stop) {
		struct fail f = {0};
		bool all = o->rescan || o->again;
		o->rescan = o->again = false;
		pthread_mutex_unlock(&o->lock);
		enum err e = all ? scan_all(o, &f) : follow(o, &f);
		if (e == ERR_OK)
			e = open_due(o, &f);
		atomic_store(&o->pending, o->heap.n + o->element_heap.n);
		if (e != ERR_OK)
			log_warn("embargo", "err=%s detail=%s", err_name(e), log_val(str_c(f.text)));
		pthread_mutex_lock(&o->lock);
		o->rescan |= all && e != ERR_OK;
		if (!o->stop)
			sleep_tick(o);
	}
	pthread_mutex_unlock(&o->lock);
	return NULL;
}

/* What has opened so far. Entries of events that are gone take a little space and do nothing. */
static enum err load_opened(struct openings *o, const struct store_rtxn *t)
{
	OWN(buf) struct buf key = BUF(512);
	const size_t prefix = sizeof(KV_OPENED) - 1;
	struct str v;
	enum err e;
	while ((e = store_kv_next(t, STR(KV_OPENED), &key, &v)) == ERR_OK) {
		uint64_t id = 0;
		struct str k = buf_str(&key);
		for (size_t i = prefix; i < k.n; i++)
			id = id << 8 | (uint8_t)k.p[i];
		struct opened *s = k.n == prefix + 8 && id ? opened_put(o, id) : NULL;
		if (!s)
			return k.n == prefix + 8 && id ? ERR_NOMEM : ERR_CORRUPT;
		read_opened(o, v, s->at, s->within);
	}
	return e == ERR_NOENT ? ERR_OK : e;
}

/* What was written last before the restart; a new store begins now. */
static enum err load_done(struct openings *o, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct str v;
	bool trusted;
	TRY(store_read(o->env->store, &t, f));
	o->done = o->env->now(o->env->user, &trusted);
	struct policy *p = o->env->policy(o->env->user);
	o->classes = classes_of(p);
	policy_unref(p);
	if (store_kv_get(t, STR(KV_DONE), &v) == ERR_OK && v.n == sizeof(o->done))
		memcpy(&o->done, v.p, v.n);
	return load_opened(o, t);
}

static void openings_free(struct openings *o)
{
	pthread_mutex_destroy(&o->lock);
	pthread_mutex_destroy(&o->table);
	pthread_cond_destroy(&o->wake);
	free(o->heap.v);
	free(o->element_heap.v);
	free(o->opened);
	free(o->tags);
	free(o);
}

enum err openings_start(const struct egress_env *env, struct openings **out, struct fail *f)
{
	struct openings *o = calloc(1, sizeof(*o));
	*out = NULL;
	if (!o)
		return fail(f, ERR_NOMEM, "no memory");
	o->env = env;
	o->rescan = true;
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&o->lock, NULL);
	pthread_mutex_init(&o->table, NULL);
	pthread_cond_init(&o->wake, &attr);
	pthread_condattr_destroy(&attr);
	enum err e = load_done(o, f);
	if (e == ERR_OK && pthread_create(&o->thread, NULL, run, o) != 0)
		e = fail_errno(f, ERR_NOMEM, errno, "cannot start a thread");
	if (e != ERR_OK) {
		openings_free(o);
		return e;
	}
	*out = o;
	return ERR_OK;
}

void openings_rescan(struct openings *o)
{
	pthread_mutex_lock(&o->lock);
	o->rescan = true;
	pthread_cond_signal(&o->wake);
	pthread_mutex_unlock(&o->lock);
}

uint64_t openings_pending(struct openings *o)
{
	return atomic_load(&o->pending);
}

void openings_stop(struct openings *o)
{
	if (!o)
		return;
	pthread_mutex_lock(&o->lock);
	o->stop = true;
	pthread_cond_signal(&o->wake);
	pthread_mutex_unlock(&o->lock);
	pthread_join(o->thread, NULL);
	openings_free(o);
}
