/*
 * pull_proposals.c - proposals that a peer holds for events that are here (sync-protocol.md 3.7).
 * MISP reads those of the last 90 days each time; so do we once a day, and else only what is newer
 * than the last answer: a proposal that is made or closed there gets the peer's time.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "sync/pass.h"
#include "sync/proposal_in.h"

#define PAGE 1000u
#define PAGES_MAX 1000u /* a million proposals; the next pass goes on */
#define PAGE_BYTES (UINT64_C(256) << 20) /* attachments stand in it */
#define BACK_S (INT64_C(90) * 86400)
#define WHOLE_EVERY_S 86400
#define OVERLAP_S 900

struct pull {
	struct pass *p;
	int64_t asked_at; /* the peer's clock at the first page, else ours */
	struct buf body;
};

static enum err on_data(void *user, const void *p, size_t n, struct fail *f)
{
	struct pull *x = user;
	buf_add(&x->body, p, n);
	return buf_err(&x->body) == ERR_OK ? ERR_OK :
					     fail(f, ERR_LIMIT, "a page of proposals is too large");
}

static void on_header(void *user, struct str name, struct str value)
{
	struct pull *x = user;
	char text[64];
	struct tm tm = {0};
	if (x->asked_at || !str_eq_nocase(name, STR("Date")) || value.n >= sizeof(text))
		return;
	snprintf(text, sizeof(text), "%.*s", STR_ARG(value));
	if (strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm))
		x->asked_at = clock_from_civil(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
					       tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static enum err page_get(struct pull *x, int64_t since, unsigned page, json_t **out, struct fail *f)
{
	char path[200];
	struct client_res res;
	json_error_t why;
	snprintf(path, sizeof(path),
		 "/shadow_attributes/index/all:1/timestamp:%lld/limit:%u/page:%u/deleted[]:0/"
		 "deleted[]:1.json",
		 (long long)since, PAGE, page);
	struct link_req q = {.path = path,
			     .max_bytes = PAGE_BYTES,
			     .data = on_data,
			     .header = on_header,
			     .user = x};
	buf_clear(&x->body);
	TRY(link_call(&x->p->link, &q, &res, f));
	*out = json_loadb(x->body.p ? x->body.p : "", x->body.n, 0, &why);
	if (!json_is_array(*out)) {
		json_decref(*out);
		*out = NULL;
		return fail(f, ERR_PEER, "the answer is no list of proposals");
	}
	return ERR_OK;
}

static bool is_here(const struct store_rtxn *t, struct uuid event)
{
	uint64_t id;
	return store_find(t, IX_EVENT_UUID, (struct str){(const char *)event.b, 16}, &id) == ERR_OK;
}

/* What of a page is for events that are here. */
static enum err page_read(struct pull *x, const json_t *page, struct raw_event *raw,
			  struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	OWN(arena) struct arena *a = arena_new(PAGE_BYTES);
	struct pass_count *n = &x->p->res->n[PASS_PROPOSAL];
	const json_t *row;
	size_t i;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(store_read(x->p->o->in->store, &t, f));
	json_array_foreach(page, i, row) {
		struct element el = {.kind = EL_PROPOSAL};
		struct fail why = {0};
		n->listed++;
		enum err e = proposal_in(row, a, &el.proposal, &why);
		bool named = el.proposal.org.n != 0;
		if (e == ERR_OK && is_here(t, el.proposal.event_uuid) && named)
			e = raw_add(raw, &el, f);
		else if (e == ERR_OK || e == ERR_INVAL || e == ERR_PARSE)
			e = ERR_OK; /* of an event that is not here, by nobody, or nonsense */
		arena_reset(a);
		TRY(e);
	}
	return ERR_OK;
}

static void say(struct pass *p, const struct misp_proposal *pr)
{
	struct pass_item item = {.kind = PASS_PROPOSAL,
				 .uuid = pr->event_uuid,
				 .what = PASS_ITEM_ADDED,
				 .text = pr->deleted ? "closed there" : "proposed there"};
	pass_tell(p, &item);
}

/* Preview: what is not known is told, none taken. */
static enum err page_tell(struct pass *p, struct raw_event *raw, struct fail *f)
{
	OWN(raw_cursor) struct raw_cursor *cur = raw_cursor_new(raw);
	OWN(arena) struct arena *a = arena_new(PAGE_BYTES);
	struct element el;
	enum err e = cur && a ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
	while (e == ERR_OK && (e = raw_next(cur, a, &el, f)) == ERR_OK) {
		if (ingest_proposal_known(p->o->in, &el.proposal))
			p->res->n[PASS_PROPOSAL].current++;
		else
			say(p, &el.proposal);
		arena_reset(a);
	}
	return e == ERR_NOENT ? ERR_OK : e;
}

static enum err page_take(struct pull *x, const json_t *page, struct fail *f)
{
	struct pass *p = x->p;
	struct pass_count *n = &p->res->n[PASS_PROPOSAL];
	OWN(raw) struct raw_event *raw = raw_new(RAW_ELEMENTS, NULL, p->o->in->spool_dir);
	struct ingest_taken taken;
	if (!raw)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(page_read(x, page, raw, f));
	if (!raw_count(raw, EL_PROPOSAL))
		return ERR_OK;
	if (p->o->preview)
		return page_tell(p, raw, f);
	struct admit_facts facts = pass_facts(p);
	struct origin o = pass_origin(p);
	TRY(ingest_proposals_take(p->o->in, &raw, &o, &facts, &taken, f));
	n->added += taken.added;
	n->current += taken.known;
	n->refused += taken.refused;
	return ERR_OK;
}

/* Everything of the last 90 days, or what is newer than the last answer? Proposals keep their time when
   they are passed on: a tocsin says that there are others, which may be old. */
static int64_t cursor(const struct pass *p, bool *whole)
{
	const struct misp_peerstate *s = &p->state;
	int64_t now = clock_now();
	*whole = p->o->all || p->native || !s->proposals_at || !s->proposals_whole_at ||
		 s->proposals_whole_at + WHOLE_EVERY_S < now || s->proposals_whole_at > now;
	return *whole ? now - BACK_S : s->proposals_at - OVERLAP_S;
}

enum err pull_proposals(struct pass *p, struct fail *f)
{
	struct pull x = {.p = p, .body = BUF(PAGE_BYTES)};
	enum err e = ERR_OK;
	bool whole, more = true;
	if (p->o->technique != PASS_FULL && p->o->technique != PASS_UPDATE)
		return ERR_OK;
	int64_t since = cursor(p, &whole);
	for (unsigned page = 1; e == ERR_OK && more && page <= PAGES_MAX; page++) {
		json_t *rows = NULL;
		if (pass_cancelled(p)) {
			e = fail(f, ERR_CANCELLED, "cancelled");
			break;
		}
		e = page_get(&x, since, page, &rows, f);
		if (e == ERR_OK)
			e = page_take(&x, rows, f);
		more = json_array_size(rows) >= PAGE;
		pass_progress(p, p->res->n[PASS_PROPOSAL].listed, p->res->n[PASS_PROPOSAL].listed);
		json_decref(rows);
	}
	buf_free(&x.body);
	if (e == ERR_OK && !more && p->o->technique == PASS_FULL) {
		p->state.proposals_at = x.asked_at ? x.asked_at : clock_now();
		if (whole)
			p->state.proposals_whole_at = clock_now();
	}
	return e;
}
