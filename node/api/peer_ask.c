/*
 * peer_ask.c - small calls over a link that is opened for one request.
 */
#include "api/peer_ask.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "model/json_why.h"

#define ANSWER_LARGEST (16u << 20)

bool ask_peer(struct http_req *r, struct fail *f)
{
	struct misp_peer p;
	return peer_of_path(r, &p, f);
}

enum err ask_open(struct http_req *r, struct ask *a, unsigned connect_ms, struct fail *f)
{
	const struct api *api = api_of(r);
	uint64_t id = 0;
	*a = (struct ask){.env = {.store = api->store,
				  .key = api->peer_key,
				  .client = client_opts_of(api->conf),
				  .node_version = PACKAGE_VERSION,
				  .host_org_id = api->ingest.host_org_id}};
	a->env.client.connect_ms = connect_ms;
	(void)!str_u64(req_arg(r, "id"), &id);
	return link_open(&a->link, &a->env, id, f);
}

void ask_close(struct ask *a)
{
	link_close(&a->link);
}

/* ---- calls ---- */

struct call {
	struct buf body;
	struct ask_heads *heads;
};

static enum err on_data(void *user, const void *p, size_t n, struct fail *f)
{
	struct call *c = user;
	buf_add(&c->body, p, n);
	return buf_err(&c->body) == ERR_OK ? ERR_OK :
					     fail(f, ERR_LIMIT, "the answer is too large");
}

static void on_header(void *user, struct str name, struct str value)
{
	struct ask_heads *h = ((struct call *)user)->heads;
	if (str_eq_nocase(name, STR("Content-Encoding")))
		snprintf(h->encoding, sizeof(h->encoding), "%.*s", STR_ARG(value));
	else if (str_eq_nocase(name, STR("Date")))
		h->date = clock_from_http(value);
	else if (str_eq_nocase(name, STR("X-Auth-Key-Expiration")))
		h->key_expires = clock_from_iso(value);
}

enum err ask_json(struct link *l, const char *path, const json_t *body, struct ask_heads *heads,
		  json_t **out, struct fail *f)
{
	struct call c = {.body = BUF(ANSWER_LARGEST), .heads = heads};
	struct client_res res = {.status = 0};
	json_error_t why;
	OWN(chars) char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	*out = NULL;
	*heads = (struct ask_heads){.status = 0};
	if (body && !text)
		return fail(f, ERR_NOMEM, "no memory");
	struct link_req q = {.path = path,
			     .body = text ? str_c(text) : STR_NONE,
			     .max_bytes = ANSWER_LARGEST,
			     .data = on_data,
			     .header = on_header,
			     .user = &c};
	enum err e = link_call(l, &q, &res, f);
	heads->status = res.status;
	snprintf(heads->text, sizeof(heads->text), "%s", res.error_body);
	if (e == ERR_OK) {
		*out = json_loadb(c.body.n ? c.body.p : "", c.body.n, JSON_DECODE_ANY, &why);
		if (!*out)
			e = fail(f, ERR_PEER, "the answer is not JSON (byte %d: %.*s)",
				 why.position, STR_ARG(json_why(&why)));
	}
	buf_free(&c.body);
	return e;
}

enum err ask_hello(struct link *l, struct ask_heads *heads, struct fail *f)
{
	OWN(json_ref) json_t *j = NULL;
	enum err e = ask_json(l, "/servers/getVersion", NULL, heads, &j, f);
	if (e == ERR_AUTH)
		return fail(f, e, "the peer does not accept the API key");
	TRY(e);
	return link_hello_take(l, j, f);
}
