/*
 * ep_event_index.c - /events/index: which events there are, as rows (rest-api.md 3.7).
 */
#include <stdio.h>
#include <strings.h>

#include "api/changes.h"
#include "base/clock.h"
#include "base/hash.h"

#define SEARCH_BODY_MAX (16u << 20)
#define CHUNK (1u << 20)
#define KEEP_MAX (24u << 20) /* about 160,000 minimal rows */

static const char *row_form(struct http_req *r, const struct query *q)
{
	if (q->minimal)
		return ".index-minimal";
	bool csv = str_find(req_header(r, "Accept"), STR("text/csv")) >= 0 || str_is(r->ext, "csv");
	return csv ? ".index-csv" : ".index";
}

/*
 * Peers list a protected event only if one of its keys is ours: they could not use what another key
 * signed (3.2). A MISP before 2.4.156, which says so in a header, knows no protected events.
 */
static bool shows_protected(void *user, const struct entity_list *keys)
{
	struct http_req *r = user;
	struct str v = req_header(r, "MISP-version"), major, minor;
	uint64_t a = 0, b = 0, c = 0;
	struct str rest = str_split(v, '.', &major);
	struct str hotfix = str_split(rest, '.', &minor);
	bool old = v.n && str_u64(major, &a) && str_u64(minor, &b) && str_u64(hotfix, &c) &&
		   a * 100000000 + b * 10000 + c < 200040156;
	return !old && pgp_is_ours(api_of(r)->pgp, keys);
}

/* ---- unchanged? ---- */

/* Questions whose answer depends on nothing but what is stored: no times relative to now. */
static bool is_timeless(json_t *params)
{
	static const char *const keys[] = {"minimal", "published", "tag",   "tags", "org",	 "eventid",
					   "sort",    "direction", "limit", "page", "type_attribute",
					   "order",   "type_object"};
	const char *key;
	json_t *v;
	json_object_foreach(params, key, v) {
		size_t i = 0;
		while (i < ARRAY_LEN(keys) && strcasecmp(key, keys[i]) != 0)
			i++;
		if (i == ARRAY_LEN(keys))
			return false;
	}
	return true;
}

/* Everything but the store that decides about the answer. False: it cannot be remembered. */
static bool index_key(struct http_req *r, const struct view *v, const char *form, json_t *params,
		      uint8_t key[20])
{
	const struct egress_env *env = &api_of(r)->egress;
	const struct audience *a = view_audience(v);
	OWN(buf) struct buf b = BUF(1 << 20);
	bool trusted;
	int64_t now = env->now(env->user, &trusted);
	char *text = is_timeless(params) ? json_dumps(params, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	if (!text)
		return false;
	struct policy *p = env->policy(env->user);
	char stamp[65];
	bool moves = policy_asks_age(p); /* any second it may be another one */
	policy_stamp(p, now, stamp);
	buf_printf(&b, "%s|%llu|%x|%s|%u|%llu|", stamp, (unsigned long long)me(r)->user.id,
		   me(r)->perms, a->name, a->kind, (unsigned long long)a->org_id);
	buf_printf(&b, "%u|%u|%u|%u|%u|%u|%d%d%d%d%d%d|%s|%s|", a->tlp, a->pap, a->release_class,
		   a->profile, a->domestic, a->internal, a->push, a->site_admin, a->perm_sync,
		   a->misp_rules_only, a->suspended_until > now, trusted, a->vendor_of, form);
	buf_printf(&b, "%llu|", (unsigned long long)pgp_generation(api_of(r)->pgp));
	buf_str_add(&b, req_header(r, "MISP-version"));
	buf_puts(&b, text);
	policy_unref(p);
	free(text);
	hash_sha1(buf_str(&b), key);
	return !moves && buf_err(&b) == ERR_OK;
}

static void answer_unchanged(struct http_req *r, const char *tag)
{
	reply_header(r, "ETag", str_c(tag));
	reply_empty(r, 304);
}

/* ---- answers ---- */

struct asked {
	struct query *query;
	struct egress_query eq;
	json_t *params;
	bool csv;
};

static enum err find(struct http_req *r, struct asked *q, struct search_result *found,
		     struct sealed **s, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	bool changes;
	TRY(rest_view(r, &v, f));
	TRY(changes_restrict(r, v, q->params, q->query, &changes, f));
	q->eq.filled_only = q->eq.filled_only && !changes;
	struct search_how how = rest_search_how(r, NULL);
	return egress_search(&v, &q->eq, &how, found, s, f);
}

static const char *type_of(const struct asked *q)
{
	return q->csv ? "text/csv; charset=UTF-8" : "application/json; charset=UTF-8";
}

static enum err answer_plain(struct http_req *r, struct asked *q, struct fail *f)
{
	OWN(sealed) struct sealed *s = NULL;
	struct search_result found = {0};
	TRY(find(r, q, &found, &s, f));
	reply_header_u64(r, "X-Result-Count", found.total);
	rest_sealed(r, &s, type_of(q));
	return ERR_OK;
}

/* Hash the answer; `kept` has it when it is no longer than KEEP_MAX, else it is left empty. */
static enum err read_through(struct sealed *s, struct buf *kept, char tag[INDEX_TAG_LEN + 1],
			     struct fail *f)
{
	OWN(buf) struct buf chunk = BUF(KEEP_MAX);
	struct hash_ctx *h = hash_sha1_begin();
	bool end = false, keep = true;
	enum err e = h ? ERR_OK : ERR_NOMEM;
	uint8_t sha1[20] = {0};
	char hex[41];
	while (e == ERR_OK && !end) {
		buf_clear(&chunk);
		e = sealed_pull(s, &chunk, CHUNK, &end, f);
		hash_add(h, chunk.p, chunk.n);
		keep = keep && kept->n + chunk.n <= KEEP_MAX;
		if (keep)
			buf_add(kept, chunk.p, chunk.n);
		else
			buf_free(kept);
	}
	hash_sha1_end(h, sha1);
	snprintf(tag, INDEX_TAG_LEN + 1, "\"%s\"", hash_hex(sha1, 20, hex));
	return e;
}

/* For those who compare: the tag first, then the answer if it is another. */
static enum err answer_compared(struct http_req *r, struct asked *q, struct fail *f)
{
	OWN(buf) struct buf b = BUF(KEEP_MAX);
	OWN(sealed) struct sealed *s = NULL;
	OWN(receipt) struct receipt *receipt = NULL;
	struct index_tags *tags = &api_of(r)->index_tags;
	struct search_result found = {0};
	char tag[INDEX_TAG_LEN + 1];
	uint8_t key[20];
	OWN(view) struct view *v = NULL;
	TRY(rest_view(r, &v, f));
	uint64_t seq = store_seq(view_txn(v));
	bool known = index_key(r, v, q->eq.exporter->name, q->params, key);
	bool hit = known && index_tags_get(tags, key, seq, tag);
	if (hit && req_none_match(r, str_c(tag))) {
		answer_unchanged(r, tag);
		return ERR_OK;
	}
	/* what is kept spares the work of a 304 and nothing else: the form of an answer must not tell whether
	   something has changed that he does not see */
	struct search_how how = rest_search_how(r, NULL);
	TRY(egress_search(&v, &q->eq, &how, &found, &s, f));
	sealed_hold(s);
	TRY(read_through(s, &b, tag, f));
	receipt = sealed_receipt(s);
	OWN(view) struct view *after = NULL;
	TRY(rest_view(r, &after, f));
	if (known && store_seq(view_txn(after)) == seq)
		index_tags_put(tags, key, seq, tag);
	if (req_none_match(r, str_c(tag))) {
		answer_unchanged(r, tag);
		return ERR_OK;
	}
	reply_header(r, "ETag", str_c(tag));
	if (!b.n) /* too long to be kept: once more, as it is sent */
		return answer_plain(r, q, f);
	TRY(receipts_intend(&receipt, 1, f));
	reply_header_u64(r, "X-Result-Count", found.total);
	if (q->csv)
		reply_body(r, 200, type_of(q), &b);
	else
		reply_json(r, 200, &b);
	receipt_end(MOVE(receipt), SENT_WHOLE);
	return ERR_OK;
}

static enum err events_index(struct http_req *r, struct fail *f)
{
	struct query *q = ARENA_NEW(r->arena, struct query);
	struct fail why = {0};
	struct asked asked = {0};
	if (rest_search_params(r, &asked.params, f) != ERR_OK)
		return ERR_OK;
	if (!q)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = query_parse(q, SCOPE_EVENT_INDEX, asked.params, r->arena, clock_now(), &why);
	if (e == ERR_INVAL) {
		reply_error(r, 400, "%s", why.text);
		return ERR_OK;
	}
	TRY(e);
	asked.query = q;
	q->exclude_galaxy |= q->minimal; /* such rows do not show them */
	asked.eq = (struct egress_query){.query = q,
					 .exporter = export_find(str_c(row_form(r, q))),
					 .opts = rest_export_opts(r, EXPORT_EVENTS),
					 .shows_protected = q->minimal ? shows_protected : NULL,
					 .shows_user = r,
					 .filled_only = q->minimal};
	asked.eq.opts.metadata = true;
	asked.csv = strcmp(asked.eq.exporter->type_name, "csv") == 0;
	e = req_header(r, "If-None-Match").p ? answer_compared(r, &asked, f)
					     : answer_plain(r, &asked, f);
	return rest_search_refused(r, e) ? ERR_OK : e;
}

const struct endpoint ep_events_index = {
	.methods = HTTP_GET | HTTP_POST,
	.path = "/events/index",
	.body_cap = SEARCH_BODY_MAX,
	.run = events_index,
	.shape = "EventIndex",
	.takes = "IndexSearch",
	.doc = "Rows of the visible events; `minimal` for peers, CSV when asked for",
};
