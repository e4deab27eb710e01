/*
 * conn_head.c - from bytes to requests: heads, routing, authentication, body framing.
 *
 * Requests without side effects may overlap in a pipeline; all others wait until those before
 * them are answered. Invariant: after a refusal that leaves the framing unclear nothing more of
 * the connection is parsed.
 */
#include "base/log.h"
#include "http/internal.h"
#include "http/url.h"

#define DRAIN_MAX 65536u /* a refused body of known length up to this is read and dropped */
#define RESERVE_MAX 262144u /* an announced length is believed so far when memory is set aside */

static void consume(struct conn *c, size_t n)
{
	c->in = (struct str){c->in.p + n, c->in.n - n};
}

static struct http_call *add_call(struct conn *c)
{
	struct http_call *call = call_new(c);

	if (!call) {
		c->broken = true;
		return NULL;
	}
	if (c->first)
		c->last->next = call;
	else
		c->first = call;
	c->last = call;
	c->in_flight++;
	return call;
}

void conn_refuse(struct conn *c, int status)
{
	struct http_call *call = add_call(c);

	atomic_fetch_add(&c->io->srv->n_bad, 1);
	c->close_after = true;
	c->state = CONN_HEAD;
	c->in.n = 0;
	if (!call)
		return;
	call->minor = 1;
	call->body_done = true;
	call->req.is_auto = true;
	call->req.method = HTTP_GET;
	reply_error(&call->req, status, "%s", http_reason(status));
}

static bool is_tool(const struct http_req *r)
{
	struct str ua = req_header(r, "User-Agent");

	return str_has_prefix(ua, STR("PyMISP")) || str_has_prefix(ua, STR("MISP")) ||
	       str_eq_nocase(req_header(r, "X-Requested-With"), STR("XMLHttpRequest"));
}

static void fill_request(struct conn *c, struct http_call *call, const struct http_head *h)
{
	struct http_req *r = &call->req;

	r->method = h->method;
	r->url = h->path;
	r->query_text = h->query;
	r->headers = (struct http_pairs){h->headers, h->headers_n};
	r->is_auto = is_tool(r);
	if (c->tls)
		r->peer.cert = tls_subject(c->tls, r->arena);
	call->minor = h->minor;
	call->keep_alive = h->keep_alive && ++c->served < c->io->srv->lim.requests_per_conn;
	if (!call->keep_alive)
		c->close_after = true;
}

/* The Allow header. */
static void add_allow(struct http_req *r, unsigned methods)
{
	char list[80] = "";
	size_t n = 0;

	if (methods & HTTP_GET)
		methods |= HTTP_HEAD;
	for (unsigned m = HTTP_GET; m <= HTTP_PATCH; m <<= 1) {
		struct str name = str_c(http_method_name((enum http_method)m));
		if (!(methods & m) || n + name.n + 3 > sizeof(list))
			continue;
		if (n) {
			list[n++] = ',';
			list[n++] = ' ';
		}
		memcpy(list + n, name.p, name.n);
		n += name.n;
	}
	reply_header(r, "Allow", (struct str){list, n});
}

/* Find the row. Answers and returns false when there is none. */
static bool find_row(struct http_call *call)
{
	struct http_req *r = &call->req;
	enum route_result result = ROUTE_NONE;
	unsigned allow = 0;
	enum err e;

	if (str_is(r->url, "*")) {
		add_allow(r, HTTP_ANY);
		reply_empty(r, 204);
		return false;
	}
	e = url_query(r->arena, str_empty(r->query_text) ? STR_NONE : r->query_text, &r->query);
	if (e == ERR_OK)
		e = router_match(call->srv->router, r, &result, &allow);
	if (e != ERR_OK) {
		r->ep = NULL;
		reply_error(r, e == ERR_INVAL ? 400 : e == ERR_LIMIT ? 414 : 503, "%s",
			    err_text(e));
		return false;
	}
	if (result == ROUTE_FOUND && (r->ep->flags & EP_LOCAL) && !r->peer.is_unix) {
		r->ep = NULL;
		result = ROUTE_NONE;
	}
	if (result == ROUTE_FOUND)
		return true;
	if (result == ROUTE_METHOD)
		add_allow(r, allow);
	reply_error(r, result == ROUTE_METHOD ? 405 : 404, "%s",
		    result == ROUTE_METHOD ? "Method Not Allowed" : "Not Found");
	return false;
}

static bool authenticate(struct http_call *call)
{
	const struct http_conf *conf = &call->srv->conf;
	struct fail f = {0};
	enum err e;

	if (!conf->auth || (call->req.ep->flags & EP_NO_AUTH))
		return true;
	e = conf->auth(&call->req, &f);
	if (e == ERR_OK)
		return true;
	if (!req_answered(&call->req))
		reply_err(&call->req, e);
	return false;
}

/* Is this body something that we would take? */
static bool check_body(struct http_call *call, const struct http_head *h)
{
	const struct endpoint *ep = call->req.ep;
	struct str coding = req_header(&call->req, "Content-Encoding");

	call->body_cap = ep->body_cap ? ep->body_cap : call->srv->lim.body_default;
	call->body = BUF(call->body_cap);
	if (!req_coding(coding, &call->coding)) {
		reply_error(&call->req, 400, "Unsupported content encoding '%.*s'.",
			    STR_ARG(str_sub(coding, 0, 100)));
		return false;
	}
	if (h->has_length && h->length > call->body_cap) {
		reply_err(&call->req, ERR_LIMIT);
		return false;
	}
	call->whole = ep->inline_max && h->has_length && h->length <= ep->inline_max &&
		      call->coding == CODING_IDENTITY;
	return true;
}

/* Go to the body that follows, if there is one. */
static void begin_body(struct conn *c, struct http_call *call, const struct http_head *h,
		       bool wanted)
{
	if (!h->chunked && h->length == 0) {
		call->body_done = true;
		if (wanted)
			body_end(call);
		return;
	}
	if (!wanted && (h->chunked || h->length > DRAIN_MAX || h->expect_continue)) {
		c->close_after = true;
		c->in.n = 0;
		return;
	}
	c->state = CONN_BODY;
	c->deadline_ms = 0;
	c->body_chunked = h->chunked;
	c->body_left = h->length;
	c->chunk = (struct chunk_dec){0};
	c->body_call = wanted ? call : NULL;
	if (wanted && (call->whole || !(call->req.ep->flags & EP_STREAM_BODY)) &&
	    h->length <= RESERVE_MAX)
		(void)buf_reserve(&call->body, h->length);
	if (h->expect_continue && c->in.n == 0 && c->first == call)
		c->broken |= !outq_copy(&c->out, "HTTP/1.1 100 Continue\r\n\r\n", 25);
}

static void take_head(struct conn *c, size_t n)
{
	struct http_call *call = add_call(c);
	struct http_head h;
	const char *why = "";
	struct str head;
	bool wanted;
	int status;

	if (!call)
		return;
	atomic_fetch_add_explicit(&c->io->srv->n_requests, 1, memory_order_relaxed);
	head = arena_str(call->req.arena, (struct str){c->in.p, n});
	consume(c, n);
	c->scan = 0;
	status = head.p ? http_head_parse(head, &c->io->srv->parse_lim, call->req.arena, &h, &why)
			: 503;
	if (status) {
		atomic_fetch_add(&c->io->srv->n_bad, 1);
		log_debug("http", "event=bad-request peer=%s why=%s", c->peer.addr,
			  log_val(str_c(why)));
		c->close_after = true;
		c->in.n = 0;
		call->minor = 1;
		call->req.is_auto = true;
		reply_error(&call->req, status, "%s", http_reason(status));
		return;
	}
	fill_request(c, call, &h);
	wanted = find_row(call) && authenticate(call) && check_body(call, &h);
	begin_body(c, call, &h, wanted);
}

static void finish_body(struct conn *c)
{
	struct http_call *call = c->body_call;

	c->state = CONN_HEAD;
	c->body_call = NULL;
	c->scan = 0;
	if (call)
		body_end(call);
}

/* The rest of the body is not wanted (any more). */
static void stop_body(struct conn *c)
{
	c->body_call = NULL;
	c->close_after = true;
	c->state = CONN_HEAD;
	c->in.n = 0;
}

static bool push(struct conn *c, struct str bytes)
{
	if (!c->body_call || body_push(c->body_call, bytes))
		return true;
	stop_body(c);
	return false;
}

static void take_chunks(struct conn *c)
{
	while (c->in.n) {
		struct str data;
		size_t used = 0;
		enum chunk_result r = chunk_feed(&c->chunk, c->in, &used, &data);
		consume(c, used);
		if (r == CHUNK_DATA && !push(c, data))
			return;
		if (r == CHUNK_END) {
			finish_body(c);
			return;
		}
		if (r == CHUNK_BAD) {
			atomic_fetch_add(&c->io->srv->n_bad, 1);
			if (c->body_call)
				body_bad(c->body_call, 400);
			stop_body(c);
			return;
		}
	}
}

static void take_body(struct conn *c)
{
	if (c->body_chunked) {
		take_chunks(c);
	} else {
		struct str bytes = {c->in.p, MIN(c->body_left, c->in.n)};
		consume(c, bytes.n);
		c->body_left -= bytes.n;
		if (!push(c, bytes))
			return;
		if (c->body_left == 0)
			finish_body(c);
	}
	c->body_full = c->body_call && body_full(c->body_call);
}

/* May the next request begin while others are in flight? */
static bool may_overlap(const struct conn *c)
{
	if (!c->first)
		return true;
	if (c->in_flight >= c->io->srv->lim.pipeline || !(c->last->req.method & HTTP_READ))
		return false;
	return str_has_prefix(c->in, STR("GET ")) || str_has_prefix(c->in, STR("HEAD "));
}

void conn_parse(struct conn *c)
{
	c->blocked = false;
	while (c->in.n && !c->broken) {
		ptrdiff_t n;
		int status;
		if (c->state == CONN_BODY) {
			take_body(c);
			continue;
		}
		if (c->state != CONN_HEAD || c->close_after || c->io->stopping)
			break;
		if (!may_overlap(c)) {
			c->blocked = true;
			break;
		}
		n = http_head_end(c->in, &c->io->srv->parse_lim, &c->scan, &status);
		if (n == 0)
			break;
		if (n < 0)
			conn_refuse(c, status);
		else
			take_head(c, (size_t)n);
	}
}
