/*
 * push_clusters.c - galaxy clusters on their way to a peer (sync-protocol.md 5.2): published custom
 * ones that changed since the last push, or that the tags of changed events name; all of them in a
 * full push. Asked after by one question, sent one by one as MISP does, ahead of the events.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sync/cluster_list.h"
#include "sync/document.h"
#include "sync/push.h"

#define IDS_ARENA (64u << 20)
#define LIST_ARENA (128u << 20)
#define DOCUMENT_MAX (32u << 20)
/* Beyond so many changed events every cluster is a candidate: cheaper than reading all their tags. */
#define EVENTS_MAX 2000

struct pushing {
	struct pass *p;
	struct pass_count *n;
	struct caller to;
	struct arena *a;
	uint64_t *may; /* ids that may go there, ascending */
	uint64_t n_may;
	struct candidate {
		uint64_t id, version;
		struct uuid uuid;
		bool there; /* an older one */
		bool noted; /* something is remembered about it */
	} *v;
	size_t n_v;
};

static void tell(struct pushing *x, struct uuid u, int what, uint64_t bytes, const char *text)
{
	struct pass_item item = {.kind = PASS_CLUSTER, .uuid = u, .bytes = bytes, .text = text};
	item.what = what;
	pass_tell(x->p, &item);
}

/* What became of one: said, and remembered where the next push must know. */
static void outcome(struct pushing *x, const struct candidate *c, int what, uint64_t bytes,
		    const char *text)
{
	bool refused = what == PASS_ITEM_REFUSED, again = what == PASS_ITEM_FAILED;
	tell(x, c->uuid, what, bytes, text);
	if (x->p->o->preview || (!refused && !again && !c->noted))
		return;
	struct note n = {.timestamp = (int64_t)c->version, .time = clock_now(), .tries = 1};
	snprintf(n.text, sizeof(n.text), "%s", text);
	struct note_change v[] = {{NOTE_push_cluster_refused, refused ? &n : NULL},
				  {NOTE_push_cluster_again, again ? &n : NULL}};
	notes_write(x->p->o->in->store, x->p->o->peer_id, c->uuid, v, ARRAY_LEN(v));
}

/* ---- which ---- */

/* Those that the tags of an event name, as far as the peer may have both. */
static enum err of_event(struct pushing *x, struct str event, struct id_list *to, struct fail *f)
{
	uint64_t *v, n;
	OWN(arena) struct arena *a = arena_new(IDS_ARENA);
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(egress_push_clusters(x->p->o->out, &x->to, event, a, &v, &n, f));
	for (uint64_t i = 0; i < n; i++)
		TRY(id_list_add(to, v[i], f));
	return ERR_OK;
}

/* Changed ones, and those of changed events. *all: every one, there are too many to tell. */
static enum err since_last(struct pushing *x, struct push_log *log, struct id_list *to, bool *all,
			   struct fail *f)
{
	OWN(id_list) struct id_list events = {0};
	TRY(push_log_events(log, PUSH_HEAD, &events, f));
	*all = events.n > EVENTS_MAX;
	for (size_t i = 0; i < log->clusters.n; i++)
		TRY(id_list_add(to, log->clusters.v[i], f));
	for (size_t i = 0; !*all && i < events.n; i++) {
		char text[24];
		int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)events.v[i]);
		TRY(of_event(x, (struct str){text, (size_t)n}, to, f));
	}
	return ERR_OK;
}

static enum err candidate(struct pushing *x, const struct store_rtxn *t, uint64_t id)
{
	struct misp_cluster c;
	struct note n;
	enum err e = store_get(t, T_CLUSTER, id, NULL, &c);
	if (e != ERR_OK)
		return e == ERR_NOENT ? ERR_OK : e;
	struct candidate k = {
		.id = id, .version = cluster_version(c.version), .uuid = c.uuid};
	x->n->listed++;
	k.noted = note_get(t, x->p->o->peer_id, NOTE_push_cluster_again, c.uuid, &n) == ERR_OK;
	e = note_get(t, x->p->o->peer_id, NOTE_push_cluster_refused, c.uuid, &n);
	k.noted |= e == ERR_OK;
	if (e == ERR_OK && n.timestamp == (int64_t)k.version && !x->p->o->all) {
		x->n->current++;
		return ERR_OK;
	}
	x->v[x->n_v++] = k;
	return e == ERR_NOENT ? ERR_OK : e;
}

static enum err fill(struct pushing *x, const struct id_list *only, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	TRY(store_read(x->p->o->in->store, &t, f));
	x->v = ARENA_ARRAY(x->a, struct candidate, x->n_may + 1);
	if (!x->v)
		return fail(f, ERR_LIMIT, "too many clusters");
	for (uint64_t i = 0; i < x->n_may; i++) {
		if (only && !id_list_has(only, x->may[i]))
			continue;
		enum err e = candidate(x, t, x->may[i]);
		if (e != ERR_OK)
			return fail(f, e, "reading a galaxy cluster");
	}
	return ERR_OK;
}

static void held(void *user, struct uuid u, const char *why)
{
	tell(user, u, PASS_ITEM_HELD, 0, why);
}

static enum err choose(struct pushing *x, struct fail *f)
{
	const struct pass *p = x->p;
	OWN(id_list) struct id_list only = {0};
	struct push_log *log;
	char uuid[UUID_TEXT_LEN + 1];
	TRY(push_log_of(x->p, &log, f));
	bool all = log->whole;
	TRY(egress_push_clusters(p->o->out, &x->to, STR_NONE, x->a, &x->may, &x->n_may, f));
	if (all)
		TRY(egress_push_clusters_held(p->o->out, &x->to, held, x, f));
	/* nothing to be sent: no need to look who names it */
	if (!x->n_may)
		return ERR_OK;
	if (p->o->technique == PASS_ONE)
		TRY(of_event(x, str_c(uuid_format(p->o->only, uuid)), &only, f));
	else if (!all)
		TRY(since_last(x, log, &only, &all, f));
	id_list_sort(&only);
	return fill(x, all ? NULL : &only, f);
}

/* What failed before has got there over another link. */
static void forget(const struct pushing *x, const struct candidate *c)
{
	const struct note_change v[] = {{NOTE_push_cluster_refused, NULL},
					{NOTE_push_cluster_again, NULL}};
	if (c->noted && !x->p->o->preview)
		notes_write(x->p->o->in->store, x->p->o->peer_id, c->uuid, v, ARRAY_LEN(v));
}

/* Does the peer have them, and as new? */
static enum err drop_current(struct pushing *x, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(LIST_ARENA);
	struct uuid *uuids = a ? ARENA_ARRAY(a, struct uuid, x->n_v) : NULL;
	struct cluster_list there;
	size_t n = 0;
	if (!uuids)
		return fail(f, ERR_NOMEM, "no memory");
	for (size_t i = 0; i < x->n_v; i++)
		uuids[i] = x->v[i].uuid;
	TRY(cluster_list_ask(x->p, uuids, x->n_v, a, &there, f));
	for (size_t i = 0; i < x->n_v; i++) {
		const struct cluster_row *row = cluster_list_find(&there, x->v[i].uuid);
		if (row && row->version >= x->v[i].version) {
			forget(x, &x->v[i]);
			x->n->current++;
			continue;
		}
		x->v[n] = x->v[i];
		x->v[n++].there = row != NULL;
	}
	x->n_v = n;
	return ERR_OK;
}

/* ---- sending ---- */

struct answer {
	struct buf b;
};

static enum err on_data(void *user, const void *p, size_t n, struct fail *f)
{
	struct answer *a = user;
	(void)f;
	if (a->b.n < 4096) /* MISP's sentence, no more */
		buf_add(&a->b, p, MIN(n, (size_t)4096));
	return ERR_OK;
}

/* The peer's own words, as far as they are words. */
static void said(struct str body, const char *member, char *text, size_t n)
{
	json_t *j = json_loadb(body.p, body.n, JSON_DISABLE_EOF_CHECK, NULL);
	const char *s = json_string_value(json_object_get(j, member));
	if (!s)
		s = json_string_value(json_object_get(j, "message"));
	snprintf(text, n, "the peer says: %.200s", s ? s : "nothing");
	json_decref(j);
}

static enum err document(struct pushing *x, const struct candidate *c, struct buf *b,
			 struct receipt **receipt, struct fail *f)
{
	OWN(sealed) struct sealed *s = NULL;
	TRY(egress_push_cluster(x->p->o->out, &x->to, c->id, &s, f));
	TRY(document_text(&s, b, receipt, f));
	if (str_is(buf_str(b), "[]"))
		return fail(f, ERR_WITHHELD, "it may not leave any more");
	return ERR_OK;
}

static enum err send_one(struct pushing *x, const struct candidate *c, struct fail *f)
{
	OWN(buf) struct buf b = BUF(DOCUMENT_MAX);
	struct answer a = {BUF(16384)};
	struct client_res res = {0};
	char text[NOTE_TEXT_MAX];
	int what = c->there ? PASS_ITEM_UPDATED : PASS_ITEM_ADDED;
	OWN(receipt) struct receipt *receipt = NULL;
	enum err e = document(x, c, &b, &receipt, f);
	if (e == ERR_OK && x->p->o->preview) {
		outcome(x, c, what, b.n, c->there ? "older there" : "new there");
		return ERR_OK;
	}
	struct link_req q = {.path = "/galaxies/pushCluster",
			     .body = buf_str(&b),
			     .compress = true,
			     .data = on_data,
			     .user = &a};
	if (e == ERR_OK)
		e = receipts_intend(&receipt, 1, f);
	if (e == ERR_OK) {
		e = link_call(&x->p->link, &q, &res, f);
		receipt_end(MOVE(receipt), sent_outcome_of(e));
	}
	if (e == ERR_OK && str_find(buf_str(&a.b), STR(" 0 imported")) >= 0) {
		said(buf_str(&a.b), "name", text, sizeof(text));
		outcome(x, c, PASS_ITEM_REFUSED, 0, text);
	} else if (e == ERR_OK) {
		outcome(x, c, what, b.n, "");
	} else if (e == ERR_WITHHELD) {
		outcome(x, c, PASS_ITEM_HELD, 0, f->text);
		e = ERR_OK;
	} else if (res.status == 403 || res.status == 405) {
		said(str_c(res.error_body), "errors", text, sizeof(text));
		outcome(x, c, PASS_ITEM_REFUSED, 0, text);
		e = ERR_OK;
	}
	buf_free(&a.b);
	return e;
}

static enum err send_all(struct pushing *x, struct fail *f)
{
	for (size_t i = 0; i < x->n_v; i++) {
		struct fail why = {0};
		if (pass_cancelled(x->p))
			return fail(f, ERR_CANCELLED, "cancelled");
		enum err e = send_one(x, &x->v[i], &why);
		if (intake_stops_all(e) || e == ERR_NET || e == ERR_TIMEOUT) {
			*f = why;
			return e;
		}
		if (e != ERR_OK)
			outcome(x, &x->v[i], PASS_ITEM_FAILED, 0,
				why.text[0] ? why.text : err_text(e));
		pass_progress(x->p, i + 1, x->n_v);
	}
	return ERR_OK;
}

enum err push_clusters(struct pass *p, struct fail *f)
{
	OWN(arena) struct arena *a = NULL;
	const struct link_hello *h = &p->link.hello;
	struct pushing x = {.p = p, .n = &p->res->n[PASS_CLUSTER]};
	if (!p->link.row.push || !p->link.row.push_galaxy_clusters || !p->o->out)
		return ERR_OK;
	if (!h->perm_sync || !h->perm_galaxy_editor) /* an old one, or one that does not want them */
		return ERR_OK;
	x.to = push_caller(p);
	a = x.a = arena_new(IDS_ARENA);
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(choose(&x, f));
	if (!x.n_v)
		return ERR_OK;
	TRY(drop_current(&x, f));
	return send_all(&x, f);
}
