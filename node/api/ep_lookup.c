/*
 * ep_lookup.c - bulk look-up of values: who of those that the caller sees holds them? Our own extension.
 *
 * GET /values/lookup/VALUE for one; POST /values/lookup with a JSON list, NDJSON or plain lines,
 * millions of them. A line of JSON for each, in order, made as the client reads (egress/lookup.c).
 */
#include "api/rest.h"
#include "api/value_list.h"

#define LOOKUP_BODY_MAX ((size_t)1 << 30)
#define LOOKUP_SHORT 1024 /* looked up faster than handed to a worker */

static void drop_list(void *ctx)
{
	value_list_free(ctx);
}

static struct value_list *new_list(struct http_req *r)
{
	struct str media = req_header(r, "Content-Type");
	return value_list_new(media, api_of(r)->ingest.spool_dir);
}

static enum err lookup_begin(struct http_req *r, struct fail *f)
{
	r->ctx = new_list(r);
	r->ctx_free = drop_list;
	return r->ctx ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
}

static enum err lookup_body(struct http_req *r, struct str bytes, struct fail *f)
{
	return value_list_add(r->ctx, bytes, f);
}

/* Answer for the list, which is taken over. */
static enum err answer(struct http_req *r, struct value_list **l, const char *type, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	OWN(sealed) struct sealed *s = NULL;
	struct lookup_source source = {value_list_next, drop_list, *l};
	TRY(rest_view(r, &v, f));
	*l = NULL;
	TRY(egress_lookup(&v, &source, &s, f));
	rest_sealed(r, &s, type);
	return ERR_OK;
}

static enum err lookup_get(struct http_req *r, struct fail *f)
{
	struct str value = r->tail.n ? r->tail : req_param(r, "value");
	if (!value.n || value.n > VALUE_LIST_VALUE_MAX) {
		reply_error(r, 400, "A value is wanted: /values/lookup/VALUE");
		return ERR_OK;
	}
	OWN(value_list) struct value_list *l = value_list_new(STR_NONE, NULL);
	OWN(buf) struct buf quoted = BUF(8 * VALUE_LIST_VALUE_MAX);
	json_quote(&quoted, value); /* whatever stands in it */
	if (!l || buf_err(&quoted) != ERR_OK)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(value_list_add(l, buf_str(&quoted), f));
	return answer(r, &l, "application/json; charset=UTF-8", f);
}

static enum err lookup_post(struct http_req *r, struct fail *f)
{
	OWN(value_list) struct value_list *l = r->ctx;
	r->ctx = NULL;
	if (!l) { /* a short body came at once */
		l = new_list(r);
		if (!l)
			return fail(f, ERR_NOMEM, "no memory");
		TRY(value_list_add(l, r->body, f));
	}
	return answer(r, &l, "application/x-ndjson; charset=UTF-8", f);
}

const struct endpoint ep_values_lookup_get = {
	.methods = HTTP_GET,
	.path = "/values/lookup/*",
	.flags = EP_INLINE | EP_EXACT,
	.run = lookup_get,
	.shape = "Lookup",
	.doc = "Is this value known? (our own extension)",
};
const struct endpoint ep_values_lookup = {
	.methods = HTTP_POST,
	.path = "/values/lookup",
	.flags = EP_STREAM_BODY,
	.body_cap = LOOKUP_BODY_MAX,
	.inline_max = LOOKUP_SHORT,
	.begin = lookup_begin,
	.body = lookup_body,
	.run = lookup_post,
	.shape = "LookupLines",
	.takes = "LookupIn",
	.doc = "Who holds these values? JSON list, NDJSON or plain lines, any number (our own)",
};
