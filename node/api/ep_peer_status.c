/*
 * ep_peer_status.c - /tocsin/peers/status: how the link to each peer is doing, direction by direction,
 * what did not travel and why, when it is tried next, and what an administrator should look at.
 */
#include <stdio.h>
#include <stdlib.h>

#include "api/peer_rows.h"
#include "base/cert.h"
#include "base/clock.h"
#include "sync/notes.h"
#include "sync/peer_schedule.h"

#define SHOWN_NOTES 100
#define WAITING_MAX 100000 /* changes that are looked at */
#define SOON_S (14 * 86400)
#define SKEW_S 60

struct status {
	struct http_req *r;
	const struct store_rtxn *t;
	const struct misp_peer *p;
	struct misp_peerstate s[2]; /* by enum pass_direction */
	int64_t now;
};

static void time_or_null(struct jsonw *w, const char *key, int64_t t)
{
	jsonw_key(w, key);
	if (t)
		jsonw_int(w, t);
	else
		jsonw_null(w);
}

/* ---- what waits ---- */

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

/* Events that have changed since the last push, and were not brought by the peer itself. */
static uint64_t waiting_to_go(struct status *x, bool *more)
{
	uint64_t seq = x->s[PASS_PUSH].covered, n = 0, unique = 0;
	uint64_t *v = ARENA_ARRAY(x->r->arena, uint64_t, WAITING_MAX);
	struct change c;
	*more = false;
	if (!x->s[PASS_PUSH].covered || !v)
		return store_count(x->t, T_EVENT);
	for (uint64_t i = 0; store_change_next(x->t, &seq, &c) == ERR_OK; i++) {
		*more = i == WAITING_MAX;
		if (*more)
			break;
		if (c.event_id && c.kind == CHANGE_TABLE(T_EVENT) && c.op != CHANGE_DELETE &&
		    (c.origin.kind != ORIGIN_PEER || c.origin.id != x->p->id))
			v[n++] = c.event_id;
	}
	if (n)
		qsort(v, n, sizeof(*v), by_number);
	for (uint64_t i = 0; i < n; i++)
		unique += !i || v[i] != v[i - 1];
	return unique;
}

/* The notes of a kind: how many there are, and the first hundred of them. */
static uint64_t put_notes(struct status *x, struct jsonw *w, const char *key, enum note_kind k)
{
	struct uuid u = UUID_NIL;
	struct note n;
	uint64_t count = 0;
	jsonw_key(w, key);
	jsonw_arr(w);
	for (; note_next(x->t, x->p->id, k, &u, &n) == ERR_OK; count++) {
		if (count >= SHOWN_NOTES)
			continue;
		jsonw_obj(w);
		JSONW_KV(w, jsonw_uuid, "uuid", u);
		JSONW_KV(w, jsonw_c, "text", n.text);
		time_or_null(w, "time", n.time);
		JSONW_KV(w, jsonw_uint, "tries", n.tries);
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
	return count;
}

/* ---- a direction ---- */

static const char *why_text(enum peer_due_why why)
{
	static const char *const texts[] = {
		[PEER_DUE_OFF] = "off",		  [PEER_DUE_ASKED] = "asked",
		[PEER_DUE_SUSPENDED] = "suspended", [PEER_DUE_FIRST] = "first",
		[PEER_DUE_INTERVAL] = "interval",   [PEER_DUE_RETRY] = "retry",
	};
	return texts[why];
}

static void put_next(struct status *x, struct jsonw *w, enum pass_direction d)
{
	const struct misp_peerstate *s = &x->s[d];
	const struct conf *c = api_of(x->r)->conf;
	struct peer_due due =
		peer_due(x->p, s, d, (uint64_t)c->peer_interval / 1000, x->now, x->now);
	const struct egress_env *env = &api_of(x->r)->egress;
	char stamp[65];
	bool trusted;
	struct policy *policy = env->policy(env->user);
	policy_stamp(policy, env->now(env->user, &trusted), stamp);
	policy_unref(policy);
	bool idle = d == PASS_PUSH && due.why == PEER_DUE_INTERVAL && due.at <= x->now &&
		    peer_push_idle(s, store_seq(x->t), stamp, x->now);
	jsonw_key(w, "next");
	jsonw_obj(w);
	time_or_null(w, "at", due.at == INT64_MAX || idle ? 0 : due.at);
	JSONW_KV(w, jsonw_c, "why", idle ? "changes" : why_text(due.why));
	JSONW_KV(w, jsonw_bool, "on_publication",
		 d == PASS_PUSH && x->p->push && c->push_delay && due.why != PEER_DUE_SUSPENDED);
	jsonw_obj_end(w);
}

static void put_direction(struct status *x, struct jsonw *w, enum pass_direction d)
{
	const struct misp_peerstate *s = &x->s[d];
	bool more = false;
	jsonw_key(w, d == PASS_PULL ? "pull" : "push");
	jsonw_obj(w);
	JSONW_KV(w, jsonw_bool, "on", d == PASS_PULL ? x->p->pull : x->p->push);
	time_or_null(w, "last_try", s->last_try);
	time_or_null(w, "last_success", s->last_success);
	jsonw_key(w, "age");
	if (s->last_success)
		jsonw_int(w, MAX(x->now - s->last_success, (int64_t)0));
	else
		jsonw_null(w);
	peer_text_or_null(w, "last_error", s->last_error);
	JSONW_KV(w, jsonw_uint, "failures", s->failures);
	put_next(x, w, d);
	JSONW_KV(w, jsonw_uint, "duration_ms", s->duration_ms);
	JSONW_KV(w, jsonw_uint, "requests", s->requests);
	JSONW_KV(w, jsonw_uint, "bytes_in", s->bytes_in);
	JSONW_KV(w, jsonw_uint, "bytes_out", s->bytes_out);
	JSONW_KV(w, jsonw_uint, "taken", s->taken);
	JSONW_KV(w, jsonw_uint, "total_requests", s->total_requests);
	JSONW_KV(w, jsonw_uint, "total_in", s->total_in);
	JSONW_KV(w, jsonw_uint, "total_out", s->total_out);
	JSONW_KV(w, jsonw_uint, "total_taken", s->total_taken);
	time_or_null(w, "compared", s->whole_at);
	/* what did not travel, counted by reason */
	time_or_null(w, "why_since", s->why_since);
	JSONW_KV(w, jsonw_raw, "why", s->why.n ? s->why : STR("[]"));
	uint64_t again = put_notes(x, w, "again", d == PASS_PULL ? NOTE_again : NOTE_push_again);
	uint64_t refused = put_notes(x, w, "refused", d == PASS_PULL ? NOTE_refused : NOTE_push_refused);
	JSONW_KV(w, jsonw_uint, "again_count", again);
	JSONW_KV(w, jsonw_uint, "refused_count", refused);
	if (d == PASS_PUSH) {
		uint64_t held = put_notes(x, w, "hold", NOTE_hold);
		JSONW_KV(w, jsonw_uint, "hold_count", held);
		JSONW_KV(w, jsonw_uint, "backlog", x->p->push ? waiting_to_go(x, &more) : 0);
	} else {
		JSONW_KV(w, jsonw_uint, "backlog", s->backlog + again);
	}
	JSONW_KV(w, jsonw_bool, "backlog_is_more", more);
	jsonw_obj_end(w);
}

/* ---- what to look at ---- */

static void warn(struct jsonw *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void warn(struct jsonw *w, const char *fmt, ...)
{
	char text[400];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	jsonw_c(w, text);
}

static void date(int64_t t, char out[24])
{
	struct clock_civil c = clock_to_civil(t);
	snprintf(out, 24, "%04d-%02d-%02d", c.year, c.month, c.day);
}

static void warn_expiry(struct status *x, struct jsonw *w, const char *what, int64_t at)
{
	char day[24];
	if (!at || at > x->now + SOON_S)
		return;
	date(at, day);
	warn(w, "%s %s on %s", what, at <= x->now ? "expired" : "expires", day);
}

static void warn_certificates(struct status *x, struct jsonw *w)
{
	const struct misp_peer *p = x->p;
	struct cert_info c;
	struct fail why = {0};
	if (str_has_prefix(p->url, STR("http://")))
		warn(w, "the connection is not encrypted: its URL begins with http://");
	else if (p->self_signed && !p->cert_file.n)
		warn(w, "its certificate is not checked (verify off)%s",
		     p->pin.n ? ", but its key is pinned" : "");
	if (!p->client_cert_file.n)
		return;
	enum err e = cert_read(arena_cstr(x->r->arena, p->client_cert_file), &c, &why);
	if (e != ERR_OK)
		warn(w, "our certificate cannot be read: %s", why.text);
	else
		warn_expiry(x, w, "our certificate", c.to);
}

static void warn_state(struct status *x, struct jsonw *w)
{
	const struct misp_peerstate *s = &x->s[x->s[PASS_PUSH].last_try > x->s[PASS_PULL].last_try];
	unsigned major = 0, minor = 0, hotfix = 0;
	char version[32];
	snprintf(version, sizeof(version), "%.*s", STR_ARG(s->version));
	warn_expiry(x, w, "our API key there", s->key_expires);
	if (s->skew_s > SKEW_S || s->skew_s < -SKEW_S)
		warn(w, "its clock is %lld s %s ours", (long long)(s->skew_s < 0 ? -s->skew_s : s->skew_s),
		     s->skew_s > 0 ? "ahead of" : "behind");
	if (s->version.n && sscanf(version, "%9u.%9u.%9u", &major, &minor, &hotfix) == 3 &&
	    (major != 2 || minor < 4 || (minor == 4 && hotfix < 165)))
		warn(w, "its version %s is not one of those that all of the protocol works with", version);
	for (unsigned d = 0; d < 2; d++)
		if (x->s[d].failures >= 3)
			warn(w, "the last %llu %s failed", (unsigned long long)x->s[d].failures,
			     d == PASS_PULL ? "pulls" : "pushes");
}

/* Push rules name tags and organisations by number (sync-protocol.md 4.2); a name matches nothing. */
static bool has_names(struct str rules, const char *rule)
{
	static const char *const sides[] = {"OR", "NOT"};
	json_t *j = rules.n ? json_loadb(rules.p, rules.n, 0, NULL) : NULL, *item;
	size_t i;
	uint64_t n;
	bool yes = false;
	for (size_t k = 0; k < ARRAY_LEN(sides); k++)
		json_array_foreach(json_object_get(json_object_get(j, rule), sides[k]), i, item)
			yes |= json_is_string(item) && !str_u64(str_c(json_string_value(item)), &n);
	json_decref(j);
	return yes;
}

static void put_warnings(struct status *x, struct jsonw *w)
{
	const struct misp_peer *p = x->p;
	jsonw_key(w, "warnings");
	jsonw_arr(w);
	warn_certificates(x, w);
	warn_state(x, w);
	if (p->internal && p->org_id != api_of(x->r)->ingest.host_org_id &&
	    p->remote_org_id != api_of(x->r)->ingest.host_org_id)
		warn(w, "internal has no effect: neither side is of this node's own organisation");
	if (has_names(p->push_rules, "tags") || has_names(p->push_rules, "orgs"))
		warn(w, "a push rule has a name where MISP wants a number: it matches nothing (set it with "
			"peer edit --push-tag or --push-org)");
	if (!p->pull && !p->push)
		warn(w, "it is switched off: neither pull nor push is on");
	jsonw_arr_end(w);
}

/* ---- a peer ---- */

static void put_org(struct status *x, struct jsonw *w)
{
	struct misp_org o;
	if (store_get(x->t, T_ORG, x->p->remote_org_id, NULL, &o) == ERR_OK)
		JSONW_KV(w, jsonw_str, "organisation", o.name);
}

static enum err put_peer(struct http_req *r, struct jsonw *w, const struct store_rtxn *t,
			 const struct misp_peer *p, struct fail *f)
{
	struct status x = {.r = r, .t = t, .p = p, .now = clock_now()};
	for (unsigned d = 0; d < 2; d++)
		if (peer_state_read(t, p->id, (enum pass_direction)d, r->arena, &x.s[d]) != ERR_OK)
			return fail(f, ERR_CORRUPT, "the state of a peer cannot be read");
	const struct misp_peerstate *s = &x.s[x.s[PASS_PUSH].last_try > x.s[PASS_PULL].last_try];
	uint64_t every = p->interval_s ? p->interval_s
				       : (uint64_t)api_of(r)->conf->peer_interval / 1000;
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint_str, "id", p->id);
	JSONW_KV(w, jsonw_str, "name", p->name);
	JSONW_KV(w, jsonw_str, "url", p->url);
	put_org(&x, w);
	peer_text_or_null(w, "version", s->version);
	JSONW_KV(w, jsonw_bool, "running", long_job_running(&api_of(r)->jobs, "peer", p->id));
	JSONW_KV(w, jsonw_uint, "interval_s", every);
	time_or_null(w, "suspended_until", p->suspended_until > x.now ? p->suspended_until : 0);
	peer_text_or_null(w, "suspend_reason", p->suspended_until > x.now ? p->suspend_reason : STR_NONE);
	put_warnings(&x, w);
	put_direction(&x, w, PASS_PULL);
	put_direction(&x, w, PASS_PUSH);
	jsonw_obj_end(w);
	return ERR_OK;
}

static enum err peers_status(struct http_req *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_peer p;
	uint64_t id = 0;
	enum err e = ERR_OK;
	bool one = req_arg(r, "id").n;
	if (one && !peer_named(r, &p, f))
		return ERR_OK;
	TRY(store_read(api_of(r)->store, &t, f));
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	jsonw_arr(&w);
	if (one)
		e = put_peer(r, &w, t, &p, f);
	while (!one && e == ERR_OK && store_next(t, T_PEER, &id, r->arena, &p) == ERR_OK) {
		struct arena_mark m = arena_mark(r->arena);
		e = put_peer(r, &w, t, &p, f);
		arena_rewind(r->arena, m);
	}
	jsonw_arr_end(&w);
	if (e != ERR_OK) {
		buf_free(&b);
		return e;
	}
	rest_answer(r, 200, &b);
	return ERR_OK;
}

const struct endpoint ep_peers_status = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/tocsin/peers/status/:id",
	.auth = perm_site_admin,
	.run = peers_status,
	.shape = "PeerStatus",
	.doc = "How the links to peers are doing: all, or one by name or id",
};
