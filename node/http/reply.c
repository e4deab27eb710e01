/*
 * reply.c - how handlers answer.
 *
 * Runs on the answering thread: indenting, ETag and compression happen here, so that the I/O
 * thread only sends. Invariant: the first answer wins and is complete when it is posted.
 */
#include "http/reply.h"

#include <ctype.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "http/internal.h"

#define JSON_TYPE "application/json; charset=UTF-8"
#define MESSAGE_MAX 4096

/* Claim the right to answer. */
static bool claim(struct http_req *r)
{
	struct http_call *c = call_of(r);

	if (!atomic_exchange(&c->answered, true))
		return true;
	if (!atomic_load(&c->cancelled))
		log_error("http", "event=answered-twice path=%s", r->ep ? r->ep->path : "-");
	return false;
}

/* The answer is complete: tell the connection. */
static void hand_over(struct http_call *c)
{
	if (loop_is_here(c->io->loop) && c->conn && c->conn->working)
		c->ready = true; /* the connection looks when the handler has returned */
	else
		call_post(c, POST_REPLY);
}

void reply_header(struct http_req *r, const char *name, struct str value)
{
	struct http_call *c = call_of(r);

	for (size_t i = 0; i < value.n; i++) {
		unsigned char ch = (unsigned char)value.p[i];
		if ((ch < 0x20 && ch != '\t') || ch == 0x7f) {
			log_error("http", "event=bad-header name=%s", name);
			return;
		}
	}
	if (atomic_load(&c->answered))
		return;
	c->reply.tagged |= str_eq_nocase(str_c(name), STR("ETag"));
	buf_puts(&c->reply.extra, name);
	buf_puts(&c->reply.extra, ": ");
	buf_str_add(&c->reply.extra, value);
	buf_puts(&c->reply.extra, "\r\n");
}

void reply_header_u64(struct http_req *r, const char *name, uint64_t value)
{
	char t[24];
	size_t at = sizeof(t);

	do
		t[--at] = (char)('0' + value % 10);
	while (value /= 10);
	reply_header(r, name, (struct str){t + at, sizeof(t) - at});
}

bool req_accepts_gzip(const struct http_req *r)
{
	return coding_accepts(req_header(r, "Accept-Encoding"), CODING_GZIP);
}

/* How an answer without a fixed coding goes out. */
static enum coding coding_of(const struct http_req *r)
{
	if (r->ep && (r->ep->flags & EP_NO_GZIP))
		return CODING_IDENTITY;
	return coding_choose(req_header(r, "Accept-Encoding"));
}

static void set_status(struct http_call *c, int status, const char *type)
{
	c->reply.status = status;
	c->reply.type = type;
	c->reply.no_length = status == 204 || status == 304;
}

void reply_none(struct http_call *c, int status)
{
	set_status(c, status, NULL);
	c->reply.kind = REPLY_NONE;
	c->reply.coding = CODING_IDENTITY;
}

static void add_etag(struct http_call *c)
{
	uint8_t sha1[20];

	if (!etag_wanted(c))
		return;
	hash_sha1(buf_str(&c->reply.body), sha1);
	if (etag_add(c, sha1)) {
		reply_none(c, 304);
		buf_free(&c->reply.body);
	}
}

static void compress(struct http_call *c)
{
	struct buf *body = &c->reply.body;
	enum coding coding = coding_of(&c->req);

	if (c->reply.kind != REPLY_BUF || body->n < c->srv->lim.gzip_min ||
	    (c->req.ep && (c->req.ep->flags & EP_NO_GZIP)))
		return;
	buf_puts(&c->reply.extra, "Vary: Accept-Encoding\r\n");
	if (coding == CODING_IDENTITY)
		return;
	OWN(encoder) struct encoder *e = encoder_new(coding);
	OWN(buf) struct buf z = BUF(body->n + 4096); /* the encoder asks for its room in steps */
	if (!e || encoder_add(e, buf_str(body), FLUSH_END, &z) != ERR_OK || z.n >= body->n)
		return;
	buf_free(body);
	*body = z;
	z = BUF(0);
	buf_printf(&c->reply.extra, "Content-Encoding: %s\r\n", coding_name(coding));
}

/* Everything about a buffered body but the pretty form. */
static void finish_body(struct http_call *c, int status, const char *type, struct buf *body)
{
	set_status(c, status, type);
	if (buf_err(body) != ERR_OK) {
		log_error("http", "event=body-failed path=%s err=%s",
			  c->req.ep ? c->req.ep->path : "-", err_name(buf_err(body)));
		buf_free(body);
		set_status(c, 500, JSON_TYPE);
	}
	c->reply.body = *body;
	*body = BUF(body->max);
	c->reply.kind = REPLY_BUF;
	add_etag(c);
	compress(c);
	hand_over(c);
}

void reply_json(struct http_req *r, int status, struct buf *body)
{
	struct http_call *c = call_of(r);

	if (!claim(r)) {
		buf_free(body);
		return;
	}
	if (!r->is_auto && body->n && body->n <= c->srv->lim.pretty_max) {
		struct buf pretty = BUF(c->srv->lim.pretty_max * 8);
		if (json_pretty(&pretty, buf_str(body)) == ERR_OK) {
			buf_free(body);
			*body = pretty;
		} else {
			buf_free(&pretty);
		}
	}
	finish_body(c, status, JSON_TYPE, body);
}

void reply_body(struct http_req *r, int status, const char *type, struct buf *body)
{
	if (claim(r))
		finish_body(call_of(r), status, type, body);
	else
		buf_free(body);
}

void reply_const(struct http_req *r, int status, const char *type, struct str bytes)
{
	struct http_call *c = call_of(r);

	if (!claim(r))
		return;
	set_status(c, status, type);
	c->reply.kind = REPLY_LIT;
	c->reply.lit = bytes;
	hand_over(c);
}

void reply_lit(struct http_req *r, int status, const char *type, const char *text)
{
	reply_const(r, status, type, str_c(text));
}

void reply_empty(struct http_req *r, int status)
{
	struct http_call *c = call_of(r);

	if (!claim(r))
		return;
	set_status(c, status, NULL);
	c->reply.kind = REPLY_NONE;
	hand_over(c);
}

/* The text as PHP's htmlspecialchars() would give it, in JSON quotes. */
static void quote_html(struct buf *out, struct str s)
{
	OWN(buf) struct buf t = BUF(8 * MESSAGE_MAX);

	for (size_t i = 0; i < s.n; i++) {
		switch (s.p[i]) {
		case '&':
			buf_puts(&t, "&amp;");
			break;
		case '<':
			buf_puts(&t, "&lt;");
			break;
		case '>':
			buf_puts(&t, "&gt;");
			break;
		case '"':
			buf_puts(&t, "&quot;");
			break;
		case '\'':
			buf_puts(&t, "&#039;");
			break;
		default:
			buf_putc(&t, s.p[i]);
		}
	}
	json_quote(out, buf_str(&t));
}

/* As json_quote(), with slashes escaped as CakePHP's error view does. */
static void quote_slashes(struct buf *out, struct str s)
{
	OWN(buf) struct buf t = BUF(out->max);

	json_quote(&t, s);
	for (size_t i = 0; i < t.n; i++) {
		if (t.p[i] == '/')
			buf_putc(out, '\\');
		buf_putc(out, t.p[i]);
	}
}

/* {"name":M,"message":M,"url":U}, with the slashes of the texts escaped as well. */
static void error_document(struct buf *b, struct str message, struct str url)
{
	OWN(buf) struct buf text = BUF(16 * MESSAGE_MAX);
	OWN(buf) struct buf m = BUF(16 * MESSAGE_MAX);

	quote_html(&text, message);
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '/')
			buf_putc(&m, '\\');
		buf_putc(&m, text.p[i]);
	}
	buf_puts(b, "{\"name\":");
	buf_str_add(b, buf_str(&m));
	buf_puts(b, ",\"message\":");
	buf_str_add(b, buf_str(&m));
	buf_puts(b, ",\"url\":");
	quote_slashes(b, url.p ? url : STR(""));
	buf_puts(b, "}");
}

void reply_error(struct http_req *r, int status, const char *fmt, ...)
{
	struct buf b = BUF(256 * 1024);
	char message[MESSAGE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	error_document(&b, str_c(message), r->url);
	reply_json(r, status, &b);
}

void reply_err(struct http_req *r, enum err e)
{
	reply_error(r, err_http(e), "%s", err_text(e));
}

void reply_stream(struct http_req *r, int status, const char *type, struct reply_source *s)
{
	struct http_call *c = call_of(r);

	if (!claim(r)) {
		s->ops->free(s);
		return;
	}
	set_status(c, status, type);
	c->reply.kind = REPLY_STREAM;
	c->reply.src = s;
	if (s->length < 0 || (uint64_t)s->length >= c->srv->lim.gzip_min)
		c->reply.coding = coding_of(r);
	stream_begin(c, s);
	if (etag_wanted(c) && etag_stream(c, s))
		return;
	if (s->ops->leaves && !s->ops->leaves(s)) {
		c->reply.src = NULL;
		s->ops->free(s);
		reply_none(c, 503);
	}
	hand_over(c);
}

void reply_send_file(struct http_req *r, int status, const char *type)
{
	struct http_call *c = call_of(r);

	if (!claim(r))
		return;
	set_status(c, status, type);
	c->reply.kind = REPLY_FILE;
	hand_over(c);
}
