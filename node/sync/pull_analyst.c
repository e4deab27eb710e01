/*
 * pull_analyst.c - notes, opinions and relationships of a peer (sync-protocol.md 3.10): its list of
 * UUIDs and times, then what is new or newer, a hundred at a time. The gate lowers their levels. A
 * list that has not changed since it was taken whole is not sent again (ETag).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "model/datetime.h"
#include "model/json_read.h"
#include "sync/analyst_list.h"
#include "sync/pass.h"
#include "sync/peer_rules.h"

#define LIST_MAX (UINT64_C(128) << 20)
#define CHUNK 100
#define CHUNK_BYTES (UINT64_C(256) << 20)
#define CHUNK_ELEMENTS 10000
#define CHUNK_ARENA (16u << 20)
#define SNAPSHOT_ROWS 20000

struct pull {
	struct pass *p;
	struct pass_count *n;
	struct analyst_rows rows; /* what the peer has, then what we want of it */
	char etag[256];
	bool whole; /* all that is wanted has come, or was refused for good */
};

static struct str uuid_key(const struct uuid *u)
{
	return (struct str){(const char *)u->b, sizeof(u->b)};
}

static void tell(struct pull *x, struct uuid u, int what, uint64_t bytes, const char *text)
{
	struct pass_item item = {.kind = PASS_ANALYST, .uuid = u, .bytes = bytes, .text = text};
	item.what = what;
	pass_tell(x->p, &item);
}

/* ---- the list ---- */

struct listing {
	struct pull *x;
	struct analyst_reader *reader;
};

static enum err on_list(void *user, const void *p, size_t n, struct fail *f)
{
	struct listing *l = user;
	if (pass_cancelled(l->x->p))
		return fail(f, ERR_CANCELLED, "cancelled");
	return analyst_reader_feed(l->reader, p, n, f);
}

/* {"orgc_name":["A","!B"]}: the organisations of the pull rules, as in the event index. */
static enum err question(const struct pass *p, struct buf *out, struct fail *f)
{
	OWN(buf) struct buf body = BUF(1u << 20);
	TRY(peer_rules_body(p->link.row.pull_rules, 0, &body, f));
	json_t *j = json_loadb(body.p, body.n, 0, NULL), *orgs = json_object_get(j, "org");
	json_t *q = json_pack("{s:o}", "orgc_name", orgs ? json_incref(orgs) : json_array());
	char *text = q ? json_dumps(q, JSON_COMPACT) : NULL;
	buf_puts(out, text ? text : "{\"orgc_name\":[]}");
	free(text);
	json_decref(q);
	json_decref(j);
	return buf_err(out);
}

/* *same: nothing has changed since the last time. */
static enum err ask(struct pull *x, bool *same, struct fail *f)
{
	struct pass *p = x->p;
	OWN(buf) struct buf body = BUF(1u << 20);
	OWN(analyst_reader) struct analyst_reader *reader = analyst_reader_new(&x->rows);
	struct listing l = {x, reader};
	struct client_res res = {0};
	char etag[256] = "";
	*same = false;
	if (!reader)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(question(p, &body, f));
	if (!p->o->all && !p->o->preview && p->state.analyst_etag.n < sizeof(etag))
		snprintf(etag, sizeof(etag), "%.*s", STR_ARG(p->state.analyst_etag));
	struct link_req q = {.path = "/analyst_data/indexMinimal",
			     .body = buf_str(&body),
			     .etag = etag,
			     .max_bytes = LIST_MAX,
			     .data = on_list,
			     .user = &l};
	enum err e = link_call(&p->link, &q, &res, f);
	*same = e == ERR_OK && res.status == 304;
	if (e == ERR_OK && !*same)
		e = analyst_reader_end(reader, f);
	snprintf(x->etag, sizeof(x->etag), "%s", res.etag);
	return e == ERR_PARSE ? ERR_PEER : e;
}

/* ---- which ---- */

static enum err is_blocked(const struct store_rtxn *t, struct uuid u, bool *yes)
{
	char key[17] = {(char)BLOCK_ANALYST};
	uint64_t id;
	memcpy(key + 1, u.b, 16);
	enum err e = store_find(t, IX_BLOCK_UUID, (struct str){key, sizeof(key)}, &id);
	*yes = e == ERR_OK;
	return e == ERR_NOENT ? ERR_OK : e;
}

static enum err was_refused(const struct pull *x, const struct store_rtxn *t,
			    const struct analyst_row *row, bool *yes)
{
	struct note n;
	*yes = false;
	if (x->p->o->all)
		return ERR_OK;
	enum err e = note_get(t, x->p->o->peer_id, NOTE_analyst_refused, row->uuid, &n);
	*yes = e == ERR_OK && n.timestamp == row->modified;
	return e == ERR_NOENT ? ERR_OK : e;
}

static int64_t seconds(struct str modified)
{
	int64_t us;
	int east;
	return datetime_read(modified, &us, &east) ? us / 1000000 : 0;
}

/* Is it wanted? Counts why it is not. */
static enum err judge(struct pull *x, const struct store_rtxn *t, struct analyst_row *row,
		      bool *want)
{
	struct misp_analyst here;
	uint64_t id;
	bool yes;
	*want = false;
	TRY(is_blocked(t, row->uuid, &yes));
	x->n->blocked += yes;
	if (yes)
		return ERR_OK;
	enum err e = store_find(t, IX_ANALYST_UUID, uuid_key(&row->uuid), &id);
	if (e == ERR_OK)
		e = store_get(t, T_ANALYST, id, NULL, &here);
	if (e != ERR_OK && e != ERR_NOENT)
		return e;
	row->known = e == ERR_OK;
	if (row->known && seconds(here.modified) >= row->modified) {
		x->n->current++;
		return ERR_OK;
	}
	if (row->known && !here.locked && !x->p->link.internal) {
		x->n->local++;
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
	x->n->listed += x->rows.n;
	for (size_t i = 0; i < x->rows.n; i++) {
		bool want;
		if (i % SNAPSHOT_ROWS == 0) {
			if (t)
				store_read_end(MOVE(t));
			TRY(store_read(x->p->o->in->store, &t, f));
		}
		enum err e = judge(x, t, &x->rows.v[i], &want);
		if (e != ERR_OK)
			return fail(f, e, "looking up analyst data");
		if (want)
			x->rows.v[n++] = x->rows.v[i];
	}
	x->rows.n = n;
	return ERR_OK;
}

/* ---- a hundred of one kind ---- */

struct fetching {
	struct pull *x;
	struct json_read *reader;
	struct raw_event *raw;
	uint64_t bytes;
};

static enum err on_document(void *user, struct raw_event *raw, struct fail *f)
{
	struct fetching *g = user;
	(void)f;
	raw_free(g->raw);
	g->raw = raw;
	return ERR_OK;
}

static enum err on_data(void *user, const void *p, size_t n, struct fail *f)
{
	struct fetching *g = user;
	if (pass_cancelled(g->x->p))
		return fail(f, ERR_CANCELLED, "cancelled");
	g->bytes += n;
	return json_read_feed(g->reader, p, n, f);
}

static enum err fetch(struct fetching *g, const struct analyst_row *v, size_t n, struct fail *f)
{
	struct pass *p = g->x->p;
	struct raw_limits lim = raw_limits_default;
	struct json_read_opts o = {
		.root = RAW_ELEMENTS, .limits = &lim, .spool_dir = p->o->in->spool_dir};
	OWN(buf) struct buf path = BUF(1u << 16);
	struct client_res res = {0};
	char uuid[UUID_TEXT_LEN + 1];
	lim.elements = CHUNK_ELEMENTS;
	lim.spool_bytes = CHUNK_BYTES * 2;
	g->reader = json_read_new(&o, on_document, g);
	buf_puts(&path, "/analyst_data/index/");
	buf_puts(&path, analyst_kind_names[v[0].kind]);
	for (size_t i = 0; i < n; i++) {
		buf_puts(&path, "/uuid[]:");
		buf_puts(&path, uuid_format(v[i].uuid, uuid));
	}
	buf_puts(&path, ".json");
	buf_putc(&path, 0);
	if (!g->reader || buf_err(&path) != ERR_OK)
		return fail(f, ERR_NOMEM, "no memory");
	struct link_req q = {
		.path = path.p, .max_bytes = CHUNK_BYTES, .data = on_data, .user = g};
	TRY(link_call(&p->link, &q, &res, f));
	enum err e = json_read_end(g->reader, f);
	return e == ERR_PARSE ? ERR_PEER : e;
}

/* What became of each: the store tells. */
static enum err outcomes(struct pull *x, const struct analyst_row *v, size_t n, uint64_t bytes,
			 struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	TRY(store_read(x->p->o->in->store, &t, f));
	for (size_t i = 0; i < n; i++) {
		struct misp_analyst row;
		uint64_t id;
		enum err e = store_find(t, IX_ANALYST_UUID, uuid_key(&v[i].uuid), &id);
		if (e == ERR_OK)
			e = store_get(t, T_ANALYST, id, NULL, &row);
		if (e != ERR_OK && e != ERR_NOENT)
			return fail(f, e, "looking up analyst data");
		if (e == ERR_OK && seconds(row.modified) >= v[i].modified) {
			tell(x, v[i].uuid, v[i].known ? PASS_ITEM_UPDATED : PASS_ITEM_ADDED,
			     bytes / n, "");
			continue;
		}
		struct note note = {.timestamp = v[i].modified, .time = clock_now()};
		snprintf(note.text, sizeof(note.text), "%s",
			 "it did not come as listed, or says nothing that can be kept");
		struct note_change c = {NOTE_analyst_refused, &note};
		tell(x, v[i].uuid, PASS_ITEM_REFUSED, 0, note.text);
		notes_write(x->p->o->in->store, x->p->o->peer_id, v[i].uuid, &c, 1);
	}
	return ERR_OK;
}

static enum err take(struct pull *x, const struct analyst_row *v, size_t n, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(CHUNK_ARENA);
	struct fetching g = {.x = x};
	struct admit_facts facts = pass_facts(x->p);
	struct origin o = pass_origin(x->p);
	struct ingest_result res;
	facts.perm_analyst = true;
	enum err e = a ? fetch(&g, v, n, f) : fail(f, ERR_NOMEM, "no memory");
	json_read_free(g.reader);
	if (e == ERR_OK && g.raw)
		e = ingest_analyst(x->p->o->in, &g.raw, ANALYST_MERGE, &o, &facts, a, &res, f);
	raw_free(g.raw);
	return e == ERR_OK ? outcomes(x, v, n, g.bytes, f) : e;
}

static bool ends_step(enum err e)
{
	return intake_stops_all(e) || e == ERR_NET || e == ERR_TIMEOUT;
}

static enum err take_all(struct pull *x, struct fail *f)
{
	const struct analyst_rows *r = &x->rows;
	size_t n;
	for (size_t i = 0; i < r->n; i += n) {
		struct fail why = {0};
		n = 1;
		while (n < CHUNK && i + n < r->n && r->v[i + n].kind == r->v[i].kind)
			n++;
		if (pass_cancelled(x->p))
			return fail(f, ERR_CANCELLED, "cancelled");
		enum err e = take(x, &r->v[i], n, &why);
		if (ends_step(e)) {
			*f = why;
			return e;
		}
		x->whole &= e == ERR_OK;
		for (size_t k = 0; e != ERR_OK && k < n; k++)
			tell(x, r->v[i + k].uuid, PASS_ITEM_FAILED, 0,
			     why.text[0] ? why.text : err_text(e));
		pass_progress(x->p, i + n, r->n);
	}
	return ERR_OK;
}

static void preview(struct pull *x)
{
	for (size_t i = 0; i < x->rows.n; i++) {
		bool known = x->rows.v[i].known;
		tell(x, x->rows.v[i].uuid, known ? PASS_ITEM_UPDATED : PASS_ITEM_ADDED, 0,
		     known ? "newer there" : "new");
	}
}

static enum err run(struct pull *x, struct fail *f)
{
	struct pass *p = x->p;
	bool same;
	enum err e = ask(x, &same, f);
	/* not there, or not for us: as if there were none (appendix E) */
	if (e == ERR_NOENT || same)
		return ERR_OK;
	TRY(e);
	analyst_rows_sort(&x->rows);
	x->whole = !x->rows.cut;
	p->more |= x->rows.cut;
	TRY(choose(x, f));
	if (p->o->preview) {
		preview(x);
		return ERR_OK;
	}
	TRY(take_all(x, f));
	p->state.analyst_etag = x->whole ? arena_str(p->a, str_c(x->etag)) : STR("");
	return ERR_OK;
}

enum err pull_analyst(struct pass *p, struct fail *f)
{
	struct pull x = {.p = p, .n = &p->res->n[PASS_ANALYST]};
	bool applies = p->o->technique == PASS_FULL || p->o->technique == PASS_UPDATE;
	if (!applies || !p->link.row.pull_analyst_data || !p->link.hello.perm_analyst_data)
		return ERR_OK;
	enum err e = run(&x, f);
	analyst_rows_free(&x.rows);
	return e;
}
