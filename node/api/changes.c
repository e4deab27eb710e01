/*
 * changes.c - the change log as one peer may know it. Nothing is judged here but by asking a view.
 */
#include "api/changes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "retract/retract.h"

#define IDS_MAX 20000
#define CURSOR_TEXT 36 /* 20 digits and 16 of a digest, whatever they stand for */
#define JUDGE_ARENA (8u << 20)

/* What a cursor is bound to: under another policy or with other rights other events are seen. */
static uint64_t epoch(struct http_req *r, struct view *v)
{
	const struct api_user *u = me(r);
	OWN(buf) struct buf b = BUF(4096);
	struct jsonw w = jsonw_on(&b);
	jsonw_arr(&w);
	char stamp[65];
	view_policy_stamp(v, stamp);
	jsonw_c(&w, stamp);
	jsonw_uint(&w, u->user.id);
	jsonw_uint(&w, u->user.org_id);
	jsonw_uint(&w, u->user.server_id);
	jsonw_uint(&w, u->perms);
	jsonw_arr_end(&w);
	struct sha256 h = hash_sha256(buf_str(&b));
	uint64_t n;
	memcpy(&n, h.b, sizeof(n));
	return n;
}

static struct str bond(struct http_req *r)
{
	return arena_printf(r->arena, "changes/%llu", (unsigned long long)me(r)->user.id);
}

static enum err cursor_make(struct http_req *r, uint64_t seq, uint64_t when, struct fail *f)
{
	char text[CURSOR_TEXT + 1];
	OWN(buf) struct buf sealed = BUF(400);
	OWN(buf) struct buf b = BUF(400);
	snprintf(text, sizeof(text), "%020llu%016llx", (unsigned long long)seq,
		 (unsigned long long)when);
	TRY(secret_seal(api_of(r)->peer_key, str_c(text), bond(r), &sealed, f));
	base64_encode(&b, buf_str(&sealed));
	TRY(buf_err(&b));
	reply_header(r, "X-Tocsin-Cursor", arena_str(r->arena, buf_str(&b)));
	return ERR_OK;
}

static bool cursor_read(struct http_req *r, struct str given, uint64_t *seq, uint64_t *when)
{
	OWN(buf) struct buf sealed = BUF(400);
	OWN(buf) struct buf text = BUF(400);
	struct fail f = {0};
	char *end;
	if (!given.n || given.n > 300 || !base64_decode(&sealed, given) ||
	    secret_open(api_of(r)->peer_key, buf_str(&sealed), bond(r), &text, &f) != ERR_OK ||
	    text.n != CURSOR_TEXT)
		return false;
	*when = strtoull(buf_cstr(&text) + 20, &end, 16);
	return !*end && str_u64(str_sub(buf_str(&text), 0, 20), seq);
}

/* ---- the log since ---- */

struct since {
	struct view *v;
	struct arena *a;
	uint64_t *ids;
	size_t n;
	bool events, proposals, sightings, clusters, analyst;
	bool all; /* too much, or what changes who sees what */
};

static bool sees_event(struct since *s, uint64_t id)
{
	struct misp_event e;
	struct verdict v;
	struct fail f = {0};
	struct arena_mark m = arena_mark(s->a);
	bool yes = view_verdict(s->v, id, s->a, &e, &v, &f) == ERR_OK && v.outcome == GATE_RELEASE;
	arena_rewind(s->a, m);
	return yes;
}

/*
 * The head of an event changed: it may only now be seen, and with it what belongs to it and is older
 * than the cursor. Of an event of which nothing but sightings was published only these are told: its
 * time of sightings is the change's then, that of its publication is not.
 */
static void brings(struct since *s, const struct change *c)
{
	const struct store_rtxn *t = view_txn(s->v);
	struct misp_event e;
	if (store_get(t, T_EVENT, c->event_id, NULL, &e) != ERR_OK)
		return;
	bool sightings = e.sighting_count && e.sighting_timestamp > 0;
	bool only = sightings && e.sighting_timestamp >= c->time - 2 &&
		    e.publish_timestamp < c->time - 2;
	bool proposals = e.proposal_count && !only;
	bool analyst = !only && store_count(t, T_ANALYST);
	if ((!sightings || s->sightings) && (!proposals || s->proposals) && (!analyst || s->analyst))
		return;
	if (!sees_event(s, c->event_id))
		return;
	s->sightings |= sightings;
	s->proposals |= proposals;
	s->analyst |= analyst;
}

static bool sees_cluster(struct since *s, uint64_t id)
{
	struct misp_cluster c;
	struct fail f = {0};
	char text[24];
	struct arena_mark m = arena_mark(s->a);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)id);
	bool yes = view_cluster(s->v, str_c(text), s->a, &c, &f) == ERR_OK;
	arena_rewind(s->a, m);
	return yes;
}

static bool sees_analyst(struct since *s, const struct change *c)
{
	struct misp_analyst n;
	struct fail f = {0};
	char text[UUID_TEXT_LEN + 1];
	struct arena_mark m = arena_mark(s->a);
	bool yes = view_analyst(s->v, ANALYST_KINDS, str_c(uuid_format(c->uuid, text)), s->a, &n,
				&f) == ERR_OK;
	arena_rewind(s->a, m);
	return yes;
}

static void table_row(struct since *s, const struct change *c)
{
	switch (c->kind) {
	case CHANGE_TABLE(T_SG):
	case CHANGE_TABLE(T_BLOCK):
		s->all = true;
		break;
	case CHANGE_TABLE(T_CLUSTER):
		s->clusters = s->clusters || sees_cluster(s, c->id);
		break;
	case CHANGE_TABLE(T_ANALYST):
		s->analyst = s->analyst || sees_analyst(s, c);
		break;
	default:
		break;
	}
}

static void take(struct since *s, const struct change *c)
{
	if (!c->event_id && c->kind != CHANGE_TABLE(T_EVENT)) {
		table_row(s, c);
		return;
	}
	if (c->kind == CHANGE_EL(EL_PROPOSAL)) {
		s->proposals = s->proposals || sees_event(s, c->event_id);
		return;
	}
	if (c->kind == CHANGE_EL(EL_SIGHTING))
		return; /* they are told when they are published */
	if (c->kind == CHANGE_TABLE(T_EVENT))
		brings(s, c);
	if (s->n && s->ids[s->n - 1] == c->event_id)
		return;
	if (s->n == IDS_MAX)
		s->all = true;
	else
		s->ids[s->n++] = c->event_id;
}

static enum err read_since(struct since *s, uint64_t seq, struct fail *f)
{
	const struct store_rtxn *t = view_txn(s->v);
	struct change c;
	enum err e = ERR_NOENT;
	if (seq > store_seq(t))
		s->all = true; /* of another store: a backup was restored */
	while (!s->all && (e = store_change_next(t, &seq, &c)) == ERR_OK)
		take(s, &c);
	return s->all || e == ERR_NOENT ? ERR_OK : fail(f, e, "reading the change log");
}

/* ---- the answer ---- */

static enum err restrict_to(struct http_req *r, const struct since *s, struct query *q)
{
	struct str *v = ARENA_ARRAY(r->arena, struct str, s->n + 1);
	if (!v)
		return ERR_LIMIT;
	for (size_t i = 0; i < s->n; i++)
		v[i] = arena_printf(r->arena, "%llu", (unsigned long long)s->ids[i]);
	v[s->n] = STR("0"); /* nobody's */
	q->eventid.any = (struct query_terms){v, (uint32_t)s->n + 1};
	q->eventid.set = true;
	return ERR_OK;
}

static void say_kinds(struct http_req *r, const struct since *s)
{
	char text[100];
	const char *back = recipient_waits(view_txn(s->v), view_audience(s->v)) ? "retractions" : "";
	if (s->all)
		snprintf(text, sizeof(text), "all %s", back);
	else
		snprintf(text, sizeof(text), "%s%s%s%s%s%s", s->n ? "events " : "",
			 s->clusters ? "clusters " : "", s->proposals ? "proposals " : "",
			 s->sightings ? "sightings " : "", s->analyst ? "analyst_data " : "", back);
	reply_header(r, "X-Tocsin-Changed", arena_str(r->arena, str_trim(str_c(text))));
}

enum err changes_restrict(struct http_req *r, struct view *v, const json_t *params,
			  struct query *q, bool *yes, struct fail *f)
{
	struct str given = rest_text(r, params, "tocsin_since");
	struct since s = {.v = v};
	uint64_t seq = 0, when = 0, now = epoch(r, v);
	*yes = given.p && may(r, perm_sync) && !q->eventid.set && !q->limit;
	if (!*yes)
		return ERR_OK;
	s.ids = ARENA_ARRAY(r->arena, uint64_t, IDS_MAX);
	s.a = arena_new(JUDGE_ARENA);
	enum err e = s.ids && s.a ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
	if (e == ERR_OK)
		e = recipient_is_native(api_of(r)->store, me(r)->user.id, f);
	s.all = !cursor_read(r, given, &seq, &when) || when != now;
	if (e == ERR_OK && !s.all)
		e = read_since(&s, seq, f);
	if (e == ERR_OK && !s.all)
		e = restrict_to(r, &s, q);
	if (e == ERR_OK)
		e = cursor_make(r, store_seq(view_txn(v)), now, f);
	if (e == ERR_OK)
		say_kinds(r, &s);
	arena_free(s.a);
	return e;
}
