/*
 * pull_clusters.c - galaxy clusters that others made (sync-protocol.md 5.1): the peer's list, then one
 * by one what is new or newer. The gate lowers their levels as they come in.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "sync/cluster_list.h"

#define LIST_ARENA (128u << 20)
#define ONE_ARENA (8u << 20)
#define FORGET_MAX 1000

struct pull {
	struct pass *p;
	struct pass_count *n;
	struct arena *a;
	struct cluster_list list; /* what the peer has, then what we want of it */
	bool *known; /* of what we want: there is an older one here */
};

static struct str uuid_key(const struct uuid *u)
{
	return (struct str){(const char *)u->b, sizeof(u->b)};
}

/* ---- which ---- */

static enum err is_blocked(const struct store_rtxn *t, struct uuid u, bool *yes)
{
	char key[17] = {(char)BLOCK_CLUSTER};
	uint64_t id;
	memcpy(key + 1, u.b, 16);
	enum err e = store_find(t, IX_BLOCK_UUID, (struct str){key, sizeof(key)}, &id);
	*yes = e == ERR_OK;
	return e == ERR_NOENT ? ERR_OK : e;
}

/* Refused before at this version? */
static enum err was_refused(const struct pull *x, const struct store_rtxn *t,
			    const struct cluster_row *row, bool *yes)
{
	struct note n;
	*yes = false;
	if (x->p->o->all)
		return ERR_OK;
	enum err e = note_get(t, x->p->o->peer_id, NOTE_cluster_refused, row->uuid, &n);
	*yes = e == ERR_OK && n.timestamp == (int64_t)row->version;
	return e == ERR_NOENT ? ERR_OK : e;
}

/* Is it wanted? Counts why it is not. */
static enum err judge(struct pull *x, const struct store_rtxn *t, const struct cluster_row *row,
		      bool *want, bool *known)
{
	struct misp_cluster here;
	uint64_t id;
	bool yes;
	*want = *known = false;
	TRY(is_blocked(t, row->uuid, &yes));
	x->n->blocked += yes;
	if (yes)
		return ERR_OK;
	enum err e = store_find(t, IX_CLUSTER_UUID, uuid_key(&row->uuid), &id);
	if (e == ERR_OK)
		e = store_get(t, T_CLUSTER, id, NULL, &here);
	if (e != ERR_OK && e != ERR_NOENT)
		return e;
	*known = e == ERR_OK;
	if (!*known && x->p->o->technique == PASS_UPDATE)
		return ERR_OK;
	if (*known && (here.default_ || (!here.locked && !x->p->link.internal))) {
		x->n->local++;
		return ERR_OK;
	}
	if (*known && cluster_version(here.version) >= row->version) {
		x->n->current++;
		return ERR_OK;
	}
	TRY(was_refused(x, t, row, &yes));
	x->n->current += yes;
	*want = !yes;
	return ERR_OK;
}

static enum err choose(struct pull *x, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	size_t n = 0;
	TRY(store_read(x->p->o->in->store, &t, f));
	x->known = ARENA_ARRAY(x->a, bool, x->list.n + 1);
	if (!x->known)
		return fail(f, ERR_LIMIT, "the peer lists too many clusters");
	x->n->listed += x->list.n;
	for (size_t i = 0; i < x->list.n; i++) {
		bool want;
		enum err e = judge(x, t, &x->list.v[i], &want, &x->known[n]);
		if (e != ERR_OK)
			return fail(f, e, "looking up a galaxy cluster");
		if (want)
			x->list.v[n++] = x->list.v[i];
	}
	x->list.n = n;
	return ERR_OK;
}

/* Clusters that tags here name, for a pull of what is relevant. */
static enum err named_here(struct pull *x, struct uuid **out, size_t *n, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_tag tag;
	uint64_t id = 0;
	enum err e;
	*n = 0;
	TRY(store_read(x->p->o->in->store, &t, f));
	*out = ARENA_ARRAY(x->a, struct uuid, store_count(t, T_TAG) + 1);
	if (!*out)
		return fail(f, ERR_LIMIT, "too many tags");
	while ((e = store_next(t, T_TAG, &id, NULL, &tag)) == ERR_OK) {
		size_t at = tag.name.n;
		/* misp-galaxy:type="<uuid>" */
		if (!tag.is_custom_galaxy || at < UUID_TEXT_LEN + 2)
			continue;
		if (uuid_parse(str_sub(tag.name, at - UUID_TEXT_LEN - 1, UUID_TEXT_LEN), &(*out)[*n]))
			++*n;
	}
	return e == ERR_NOENT ? ERR_OK : fail(f, e, "reading tags");
}

static enum err ask(struct pull *x, struct fail *f)
{
	struct uuid *only;
	size_t n;
	if (x->p->o->technique != PASS_CLUSTERS)
		return cluster_list_ask(x->p, NULL, 0, x->a, &x->list, f);
	TRY(named_here(x, &only, &n, f));
	/* an empty list would ask MISP for all */
	return n ? cluster_list_ask(x->p, only, n, x->a, &x->list, f) : ERR_OK;
}

/* ---- one ---- */

static void tell(struct pull *x, struct uuid u, int what, uint64_t bytes, const char *text)
{
	struct pass_item item = {.kind = PASS_CLUSTER, .uuid = u, .bytes = bytes, .text = text};
	item.what = what;
	pass_tell(x->p, &item);
}

/* What became of one: said, and remembered where the next pull must know. */
static void outcome(struct pull *x, const struct cluster_row *row, int what, uint64_t bytes,
		    const char *text)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct store *s = x->p->o->in->store;
	bool refused = what == PASS_ITEM_REFUSED, again = what == PASS_ITEM_FAILED, noted;
	struct note n = {.timestamp = (int64_t)row->version, .time = clock_now(), .tries = 1}, was;
	struct fail f = {0};
	tell(x, row->uuid, what, bytes, text);
	if (x->p->o->preview || store_read(s, &t, &f) != ERR_OK)
		return;
	noted = note_get(t, x->p->o->peer_id, NOTE_cluster_again, row->uuid, &was) == ERR_OK;
	store_read_end(MOVE(t));
	if (!refused && !again && !noted)
		return;
	if (again && noted)
		n.tries += was.tries;
	snprintf(n.text, sizeof(n.text), "%s", text);
	struct note_change v[] = {{NOTE_cluster_refused, refused ? &n : NULL},
				  {NOTE_cluster_again, again ? &n : NULL}};
	notes_write(s, x->p->o->peer_id, row->uuid, v, ARRAY_LEN(v));
}

static void forget(struct pull *x, struct uuid u)
{
	struct note_change v = {NOTE_cluster_again, NULL};
	notes_write(x->p->o->in->store, x->p->o->peer_id, u, &v, 1);
}

/* What failed before and is listed no more, or has come over another link, needs no second try. */
static void forget_gone(struct pull *x)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct uuid u = UUID_NIL;
	struct note n;
	struct fail f = {0};
	if (x->p->o->preview || x->p->o->technique != PASS_FULL)
		return;
	for (unsigned i = 0; i < FORGET_MAX; i++) {
		if (store_read(x->p->o->in->store, &t, &f) != ERR_OK)
			return;
		enum err e = note_next(t, x->p->o->peer_id, NOTE_cluster_again, &u, &n);
		store_read_end(MOVE(t));
		if (e != ERR_OK)
			return;
		if (!cluster_list_find(&x->list, u))
			forget(x, u);
	}
}

static enum err take(struct pull *x, const struct cluster_row *row, bool known, struct arena *a,
		     struct fail *f)
{
	OWN(raw) struct raw_event *raw = NULL;
	struct ingest_clusters got;
	struct admit_facts facts = pass_facts(x->p);
	struct origin o = pass_origin(x->p);
	char why[NOTE_TEXT_MAX];
	uint64_t bytes = 0;
	facts.perm_galaxy_editor = true;
	enum err e = cluster_get(x->p, row->uuid, &raw, &bytes, f);
	if (e == ERR_NOENT) { /* gone since, or no longer for us */
		x->n->current++;
		forget(x, row->uuid);
		return ERR_OK;
	}
	TRY(e);
	TRY(ingest_clusters(x->p->o->in, &raw, &o, &facts, a, &got, f));
	if (got.imported) {
		outcome(x, row, known ? PASS_ITEM_UPDATED : PASS_ITEM_ADDED, bytes, "");
		return ERR_OK;
	}
	snprintf(why, sizeof(why), "%.*s", (int)MIN(got.errors.n, sizeof(why) - 1),
		 got.errors.n ? got.errors.p : "not taken");
	outcome(x, row, PASS_ITEM_REFUSED, bytes, why);
	return ERR_OK;
}

/* That one cluster is not shown to us is no reason to stop. */
static bool ends_step(enum err e)
{
	return intake_stops_all(e) || e == ERR_NET || e == ERR_TIMEOUT;
}

static enum err take_all(struct pull *x, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(ONE_ARENA);
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	for (size_t i = 0; i < x->list.n; i++) {
		struct fail why = {0};
		if (pass_cancelled(x->p))
			return fail(f, ERR_CANCELLED, "cancelled");
		arena_reset(a);
		enum err e = x->p->o->preview ? ERR_OK :
						take(x, &x->list.v[i], x->known[i], a, &why);
		if (x->p->o->preview)
			tell(x, x->list.v[i].uuid,
			     x->known[i] ? PASS_ITEM_UPDATED : PASS_ITEM_ADDED, 0,
			     x->known[i] ? "newer there" : "new");
		if (ends_step(e)) {
			*f = why;
			return e;
		}
		if (e != ERR_OK)
			outcome(x, &x->list.v[i], PASS_ITEM_FAILED, 0,
				why.text[0] ? why.text : err_text(e));
		pass_progress(x->p, i + 1, x->list.n);
	}
	return ERR_OK;
}

enum err pull_clusters(struct pass *p, struct fail *f)
{
	OWN(arena) struct arena *a = NULL;
	struct pull x = {.p = p, .n = &p->res->n[PASS_CLUSTER]};
	if (!p->link.row.pull_galaxy_clusters || !p->link.hello.has_clusters)
		return ERR_OK;
	a = x.a = arena_new(LIST_ARENA);
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(ask(&x, f));
	TRY(choose(&x, f));
	forget_gone(&x);
	return take_all(&x, f);
}
