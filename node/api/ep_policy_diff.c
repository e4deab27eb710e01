/*
 * ep_policy_diff.c - /tocsin/policyDiff: which events another policy would let go, hold or deny, for
 * which audience. Line by line, as every long work is told.
 */
#include <stdlib.h>

#include "api/long_job.h"
#include "api/rest.h"

#define POLICY_FILES 64u
#define BODY_MAX (16u << 20)
#define LIST_MAX UINT64_C(100000)
#define LIST_USUAL UINT64_C(1000)

struct diff_job {
	struct api *api;
	struct policy *next;
	bool elements;
	uint64_t limit, listed, left_out;
	struct long_job *job;
};

static void diff_free(void *arg)
{
	struct diff_job *x = arg;
	policy_unref(x->next);
	free(x);
}

static void put_side(struct jsonw *w, const char *key, const struct policy_side *s)
{
	static const char *const names[] = {"denied", "held", "released"};
	const struct verdict *v = &s->verdict;
	jsonw_key(w, key);
	jsonw_obj(w);
	JSONW_KV(w, jsonw_c, "verdict", s->there ? names[v->outcome] : "no such audience");
	if (s->there && v->outcome != GATE_RELEASE)
		JSONW_KV(w, jsonw_c, "rule", gate_rule_name(v->rule));
	if (s->there && v->outcome == GATE_HOLD && v->until != INT64_MAX)
		JSONW_KV(w, jsonw_int, "until", v->until);
	if (s->there && v->outcome == GATE_RELEASE)
		JSONW_KV(w, jsonw_c, "profile", s->profile);
	if (s->counted)
		JSONW_KV(w, jsonw_uint, "attributes", s->attributes);
	jsonw_obj_end(w);
}

static const char *kind_name(enum audience_kind k)
{
	static const char *const names[] = {"nobody", "operator", "member", "peer",
					    "feed",   "export",	  "stream"};
	return names[k];
}

static void on_change(void *user, const struct policy_change *c)
{
	struct diff_job *x = user;
	OWN(buf) struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	if (x->listed >= x->limit) {
		x->left_out++;
		return;
	}
	x->listed++;
	jsonw_obj(&w);
	jsonw_key(&w, "item");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_c, "audience", c->audience);
	JSONW_KV(&w, jsonw_c, "kind", kind_name(c->kind));
	JSONW_KV(&w, jsonw_uint_str, "event", c->event_id);
	JSONW_KV(&w, jsonw_uuid, "uuid", c->uuid);
	put_side(&w, "was", &c->was);
	put_side(&w, "will", &c->will);
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	long_job_line(x->job, buf_str(&b), false);
}

static void on_progress(void *user, uint64_t done, uint64_t total)
{
	struct diff_job *x = user;
	OWN(buf) struct buf b = BUF(1 << 10);
	struct jsonw w = jsonw_on(&b);
	if (!long_job_due(x->job))
		return;
	jsonw_obj(&w);
	jsonw_key(&w, "progress");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_uint, "done", done);
	JSONW_KV(&w, jsonw_uint, "total", total);
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	long_job_line(x->job, buf_str(&b), true);
}

static void put_counts(struct jsonw *w, const char *key, const uint64_t *n, bool there)
{
	jsonw_key(w, key);
	if (!there) {
		jsonw_null(w);
		return;
	}
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint, "released", n[GATE_RELEASE]);
	JSONW_KV(w, jsonw_uint, "held", n[GATE_HOLD]);
	JSONW_KV(w, jsonw_uint, "denied", n[GATE_DENY]);
	jsonw_obj_end(w);
}

static void put_result(struct diff_job *x, const struct policy_sum *sums, size_t n, uint64_t events)
{
	OWN(buf) struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);
	struct policy *now = x->api->egress.policy(x->api->egress.user);
	jsonw_obj(&w);
	jsonw_key(&w, "result");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_c, "policy", policy_version(now));
	JSONW_KV(&w, jsonw_c, "new_policy", policy_version(x->next));
	JSONW_KV(&w, jsonw_uint, "events", events);
	JSONW_KV(&w, jsonw_uint, "listed", x->listed);
	JSONW_KV(&w, jsonw_uint, "left_out", x->left_out);
	jsonw_key(&w, "audiences");
	jsonw_arr(&w);
	for (size_t i = 0; i < n; i++) {
		jsonw_obj(&w);
		JSONW_KV(&w, jsonw_c, "audience", sums[i].audience);
		JSONW_KV(&w, jsonw_c, "kind", kind_name(sums[i].kind));
		put_counts(&w, "was", sums[i].was, sums[i].was_there);
		put_counts(&w, "will", sums[i].will, sums[i].will_be_there);
		JSONW_KV(&w, jsonw_uint, "changed", sums[i].changed);
		jsonw_obj_end(&w);
	}
	jsonw_arr_end(&w);
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	policy_unref(now);
	long_job_line(x->job, buf_str(&b), false);
}

static void run(struct long_job *j, void *arg)
{
	struct diff_job *x = arg;
	const struct policy_diff d = {.next = x->next,
				      .elements = x->elements,
				      .cancelled = long_job_cancelled(j),
				      .change = on_change,
				      .progress = on_progress,
				      .user = x};
	struct policy_sum *sums = NULL;
	uint64_t events = 0;
	struct fail why = {0};
	size_t n = 0;
	x->job = j;
	enum err e = egress_policy_diff(&x->api->egress, &d, &sums, &n, &events, &why);
	if (e == ERR_OK)
		put_result(x, sums, n, events);
	else
		long_job_error(j, e, why.text);
	free(sums);
}

static struct str text_of(const json_t *v)
{
	return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)} : STR_NONE;
}

/* The policy that came, with the files that it includes; NULL, and the request is answered. */
static struct policy *next_policy(struct http_req *r, const json_t *body)
{
	struct policy_file files[POLICY_FILES];
	json_t *given = json_object_get(body, "files"), *v;
	struct str text = text_of(json_object_get(body, "policy"));
	struct policy *p = NULL;
	struct fail why = {0};
	const char *name;
	size_t n = 0;
	json_object_foreach(given, name, v)
		if (n < POLICY_FILES)
			files[n++] = (struct policy_file){str_c(name), text_of(v)};
	if (!text.p || policy_parse_files(text, "policy", files, n, &p, &why) != ERR_OK)
		reply_error(r, 400, "%s", text.p ? why.text : "the policy is missing");
	return p;
}

static enum err policy_diff_run(struct http_req *r, struct fail *f)
{
	json_t *body;
	uint64_t limit;
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	struct policy *next = next_policy(r, body);
	if (!next)
		return ERR_OK;
	struct diff_job *x = calloc(1, sizeof(*x));
	if (!x) {
		policy_unref(next);
		return fail(f, ERR_NOMEM, "no memory");
	}
	x->api = api_of(r);
	x->next = next;
	x->elements = json_is_true(json_object_get(body, "elements"));
	x->limit = str_u64(rest_param(r, body, "limit"), &limit) ? MIN(limit, LIST_MAX) : LIST_USUAL;
	enum err e = long_job_stream(&api_of(r)->jobs, r, "policy diff", 0, run, x, diff_free, f);
	if (e == ERR_BUSY) {
		reply_error(r, 409, "A policy is being compared already.");
		e = ERR_OK;
	}
	return e;
}

const struct endpoint ep_tocsin_policy_diff = {
	.methods = HTTP_POST,
	.path = "/tocsin/policyDiff",
	.auth = perm_site_admin,
	.body_cap = BODY_MAX,
	.run = policy_diff_run,
	.shape = "Lines",
	.doc = "Which events fare differently under another policy, for which audience, line by line",
};
