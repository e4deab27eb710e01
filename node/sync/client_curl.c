/*
 * client_curl.c - the blocking facade of client_curl.h: what a call is, from its first request over
 * redirects to the last decoded byte. Answers are unpacked here, on the caller's thread and under its
 * limit, so that neither a bomb nor a slow consumer is the loop's concern.
 */
#include "sync/client_curl.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/hash.h"
#include "conf/conf.h"
#include "sync/client_body.h"
#include "sync/net_curl.h"

#define MAX_DEFAULT (UINT64_C(64) << 20)
#define REDIRECTS_DEFAULT 10u
#define REFUSED_MAX 65536u /* of the body of a redirect or an error that is read to keep the connection */
#define STALL_DEFAULT 60000u
#define ANSWER_DEFAULT 300000u
#define STALL_RATE 64u /* bytes a second, or the peer counts as silent */
#define POLL_MS 50u

struct client {
	struct client_opts opts;
	struct arena *texts; /* of opts */
	struct transfer *transfer; /* NULL: opts.net is used */
};

/* A call under way. */
struct call {
	struct client *c;
	const struct client_req *req;
	struct client_res *res;
	struct client_body body;
	struct str whole; /* the body, if it is sent from memory */
	CURLU *url;
	char *url_text;
	unsigned hops;
	bool elsewhere; /* at another host than the caller named: without its headers */
	bool as_get; /* after 303 */
	bool again; /* the second try, over a new connection */
	/* this answer */
	bool head_seen;
	enum coding coding;
	struct decoder *decoder;
	char *location;
	uint64_t refused; /* bytes that are thrown away */
	size_t error_n;
	/* is the peer silent? */
	int64_t since_ms;
	uint64_t moved;
};

/* ---- clients ---- */

/* To libcurl anything else would be the name of a file. */
bool client_pin_ok(struct str pin)
{
	bool ok = pin.n > 0;
	while (pin.p && ok) {
		OWN(buf) struct buf digest = BUF(64);
		struct str one;
		pin = str_split(pin, ';', &one);
		ok = str_has_prefix(one, STR("sha256//")) &&
		     base64_decode(&digest, str_sub(one, 8, SIZE_MAX)) && digest.n == 32;
	}
	return ok;
}

static enum err opts_copy(struct client *c, const struct client_opts *o, struct fail *f)
{
	const char **text[] = {&c->opts.ca_file, &c->opts.pinned, &c->opts.cert_file,
			       &c->opts.key_file, &c->opts.proxy, &c->opts.user_agent};
	if (o->pinned && !client_pin_ok(str_c(o->pinned)))
		return fail(f, ERR_CONFIG, "a pin has the form sha256//<base64 of a SHA-256 digest>");
	c->opts = *o;
	c->texts = arena_new(1u << 20);
	for (size_t i = 0; c->texts && i < ARRAY_LEN(text); i++)
		if (*text[i] && !(*text[i] = arena_cstr(c->texts, str_c(*text[i]))))
			return fail(f, ERR_NOMEM, "no memory");
	return c->texts ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
}

struct client_opts client_opts_of(const struct conf *c)
{
	return (struct client_opts){.proxy = c->proxy,
				    .stall_ms = (unsigned)c->limit_peer_stall,
				    .answer_ms = (unsigned)c->limit_peer_answer,
				    .total_ms = (unsigned)c->limit_peer_request};
}

enum err client_new(const struct client_opts *o, struct client **out, struct fail *f)
{
	struct client *c = calloc(1, sizeof(*c));
	*out = NULL;
	if (!c)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = opts_copy(c, o, f);
	if (e == ERR_OK && !o->net)
		e = transfer_new(&c->transfer, f);
	if (e != ERR_OK) {
		client_free(c);
		return e;
	}
	*out = c;
	return ERR_OK;
}

void client_free(struct client *c)
{
	if (!c)
		return;
	transfer_free(c->transfer);
	arena_free(c->texts);
	free(c);
}

/* ---- what goes out ---- */

static bool line_add(struct curl_slist **list, const char *line)
{
	struct curl_slist *l = curl_slist_append(*list, line);
	if (l)
		*list = l;
	return l != NULL;
}

/* Goes along to whoever the peer sends us to: says what we read, not who we are. */
static bool is_harmless(const char *line)
{
	struct str name;
	(void)str_split(str_c(line), ':', &name);
	return str_eq_nocase(name, STR("accept")) || str_eq_nocase(name, STR("content-type"));
}

static bool body_sent(const struct call *k)
{
	return client_body_is(k->req) && !k->as_get;
}

static enum err headers_make(const struct call *k, struct curl_slist **list, struct fail *f)
{
	const struct client_req *r = k->req;
	char line[320];
	bool ok = true;
	for (size_t i = 0; i < r->n_headers; i++) {
		/* a line break would smuggle in another header */
		if (strpbrk(r->headers[i], "\r\n"))
			return fail(f, ERR_INVAL, "a header holds a line break");
		if (!k->elsewhere || is_harmless(r->headers[i]))
			ok = ok && line_add(list, r->headers[i]);
	}
	if (r->etag && strlen(r->etag) < 256 && !strpbrk(r->etag, "\r\n")) {
		if (*r->etag) {
			snprintf(line, sizeof(line), "If-None-Match: %s", r->etag);
			ok = ok && line_add(list, line);
		}
	}
	snprintf(line, sizeof(line), "Accept-Encoding: %s", coding_accept());
	ok = ok && line_add(list, line);
	/* libcurl would wait a second for "100 Continue" */
	ok = ok && line_add(list, "Expect:");
	if (body_sent(k) && k->body.compressed)
		ok = ok && line_add(list, r->content_encoding == CLIENT_BR ? "Content-Encoding: br"
									  : "Content-Encoding: gzip");
	if (body_sent(k) && !k->whole.p && (k->body.compressed || r->body_size < 0))
		ok = ok && line_add(list, "Transfer-Encoding: chunked");
	return ok ? ERR_OK : fail(f, ERR_NOMEM, "no memory for headers");
}

static const char *method_of(const struct call *k)
{
	const char *m = k->req->method;
	if (k->as_get)
		return m && strcmp(m, "HEAD") == 0 ? m : "GET";
	return m ? m : client_body_is(k->req) ? "POST" : "GET";
}

static enum err body_fill(struct call *k, struct fail *f)
{
	size_t room, n;
	bool end;
	char *to = transfer_room(k->c->transfer, &room);
	if (!to)
		return fail(f, ERR_NOMEM, "no memory for a body");
	TRY(client_body_make(&k->body, to, room, &n, &end, f));
	transfer_put(k->c->transfer, n, end);
	return ERR_OK;
}

/* ---- what comes in ---- */

static bool is_good(const struct call *k)
{
	return k->res->status >= 200 && k->res->status <= 299;
}

static bool is_redirect(const struct call *k)
{
	long s = k->res->status;
	return k->location && (s == 301 || s == 302 || s == 303 || s == 307 || s == 308);
}

static void line_take(struct call *k, struct str name, struct str value)
{
	if (str_eq_nocase(name, STR("etag")) && value.n < sizeof(k->res->etag)) {
		memcpy(k->res->etag, value.p, value.n);
		k->res->etag[value.n] = '\0';
	} else if (str_eq_nocase(name, STR("content-encoding"))) {
		k->coding = k->coding == CODING_IDENTITY ? coding_parse(value) : CODING_UNKNOWN;
	} else if (str_eq_nocase(name, STR("location")) && !k->location) {
		k->location = strndup(value.p, value.n);
	}
}

/* The head is complete: once to see what it means, and once for the caller, if it is the last. */
static enum err head_take(struct call *k, struct fail *f)
{
	struct transfer *t = k->c->transfer;
	k->head_seen = true;
	k->since_ms = clock_boot_ms();
	k->res->status = t->status;
	for (int pass = 0; pass < 2 && !(pass && (!k->req->header || is_redirect(k))); pass++) {
		struct str rest = buf_str(&t->head), line, name, value;
		while (rest.p) {
			rest = str_split(rest, '\n', &line);
			value = str_split(line, ':', &name);
			if (!value.p)
				continue;
			if (pass)
				k->req->header(k->req->user, name, str_trim(value));
			else
				line_take(k, name, str_trim(value));
		}
	}
	if (is_redirect(k) || k->coding == CODING_IDENTITY)
		return ERR_OK;
	if (k->coding == CODING_UNKNOWN)
		return fail(f, ERR_PEER, "the answer has a Content-Encoding that was not asked for");
	return ERR_OK;
}

struct plain {
	struct call *k;
	struct fail *f;
	enum err err; /* of the caller or a limit, to be told from bad compression */
};

/* Decoded bytes of an answer that is wanted. */
static enum err plain_take(void *arg, struct str s)
{
	struct plain *p = arg;
	struct call *k = p->k;
	const struct client_req *r = k->req;
	uint64_t max = r->max_bytes ? r->max_bytes : MAX_DEFAULT;
	if (!is_good(k)) {
		size_t n = MIN(s.n, sizeof(k->res->error_body) - 1 - k->error_n);
		memcpy(k->res->error_body + k->error_n, s.p, n);
		k->error_n += n;
		return ERR_OK;
	}
	k->res->bytes += s.n;
	if (k->res->bytes > max)
		p->err = fail(p->f, ERR_LIMIT, "the answer is larger than %llu bytes",
			      (unsigned long long)max);
	else if (r->data)
		p->err = r->data(r->user, s.p, s.n, p->f);
	return p->err;
}

static enum err decode(struct call *k, struct plain *p, struct str s, struct fail *f)
{
	if (!k->decoder && !(k->decoder = decoder_new(k->coding)))
		return fail(f, ERR_NOMEM, "no memory to unpack an answer");
	enum err e = decoder_feed(k->decoder, s, plain_take, p);
	if (e == ERR_OK || p->err != ERR_OK || !is_good(k))
		return p->err;
	return fail(f, ERR_PEER, "the answer is no valid %s", coding_name(k->coding));
}

/* Bytes as they came. *enough: no more of them are of interest. */
static enum err data_take(struct call *k, bool *enough, struct fail *f)
{
	struct transfer *t = k->c->transfer;
	struct plain p = {.k = k, .f = f};
	struct str s = transfer_peek(t);
	enum err e = ERR_OK;
	if (!is_redirect(k))
		e = k->coding == CODING_IDENTITY ? plain_take(&p, s) : decode(k, &p, s, f);
	if (!is_good(k)) {
		k->refused += s.n;
		*enough = k->refused > REFUSED_MAX;
	}
	k->res->wire_bytes += s.n;
	/* compressed input may be all framing: it gets no more room than its contents */
	if (e == ERR_OK && is_good(k) && k->coding != CODING_IDENTITY &&
	    k->res->wire_bytes >
		    (k->req->max_bytes ? k->req->max_bytes : MAX_DEFAULT) + REFUSED_MAX)
		e = fail(f, ERR_LIMIT, "the compressed answer is larger than what it may hold");
	transfer_take(t, s.n);
	return e;
}

/* ---- one exchange ---- */

static enum err silence_check(struct call *k, struct fail *f)
{
	const struct client_opts *o = &k->c->opts;
	/* a peer that got much to do may think about it; one that answers goes on */
	unsigned stall = k->head_seen ? (o->stall_ms ? o->stall_ms : STALL_DEFAULT)
				      : (o->answer_ms ? o->answer_ms : ANSWER_DEFAULT);
	int64_t now = clock_boot_ms();
	bool ours;
	uint64_t moved = transfer_moved(k->c->transfer, &ours);
	if (!ours && now - k->since_ms < (int64_t)stall)
		return ERR_OK;
	if (!ours && moved - k->moved < (uint64_t)STALL_RATE * stall / 1000)
		return fail(f, ERR_TIMEOUT,
			    moved == k->moved ? "the server was silent for %u s"
					      : "the server was slower than 64 bytes a second for %u s",
			    (stall + 999) / 1000);
	k->since_ms = now;
	k->moved = moved;
	return ERR_OK;
}

static bool is_cancelled(const struct call *k)
{
	return k->req->cancelled && atomic_load(k->req->cancelled);
}

/* Until its end. *enough: it was ended early, by us and without an error. */
static enum err carry(struct call *k, bool *enough, struct fail *f)
{
	struct transfer *t = k->c->transfer;
	for (;;) {
		if (is_cancelled(k))
			return fail(f, ERR_CANCELLED, "cancelled");
		unsigned e = transfer_wait(t, POLL_MS);
		if (e & TRANSFER_REWIND) {
			TRY(client_body_rewind(&k->body, f));
			transfer_rewound(t);
		}
		if (e & TRANSFER_ROOM)
			TRY(body_fill(k, f));
		if ((e & TRANSFER_HEAD) && !k->head_seen)
			TRY(head_take(k, f));
		if (e & TRANSFER_DATA)
			TRY(data_take(k, enough, f));
		else if (e & TRANSFER_DONE)
			return ERR_OK;
		if (*enough)
			return ERR_OK;
		TRY(silence_check(k, f));
	}
}

static enum err ended(const struct call *k, struct fail *f)
{
	const struct transfer *t = k->c->transfer;
	if (t->code != CURLE_OK || t->err != ERR_OK)
		return transfer_error(t, f);
	if (k->decoder && is_good(k) && decoder_end(k->decoder) != ERR_OK)
		return fail(f, ERR_PEER, "the compressed answer ends early");
	return ERR_OK;
}

static void answer_reset(struct call *k)
{
	k->head_seen = false;
	k->coding = CODING_IDENTITY;
	decoder_free(MOVE(k->decoder));
	free(MOVE(k->location));
	k->refused = 0;
	k->error_n = 0;
	k->since_ms = clock_boot_ms();
	k->moved = 0;
	k->res->etag[0] = '\0';
	k->res->wire_bytes = 0;
	memset(k->res->error_body, 0, sizeof(k->res->error_body));
}

static enum err exchange(struct call *k, struct fail *f)
{
	struct transfer *t = k->c->transfer;
	struct curl_slist *headers = NULL;
	bool enough = false;
	answer_reset(k);
	enum err e = headers_make(k, &headers, f);
	if (e == ERR_OK) {
		struct transfer_req r = {.opts = &k->c->opts,
					 .method = method_of(k),
					 .url = k->url_text,
					 .headers = headers,
					 .has_body = body_sent(k),
					 .body = k->whole,
					 .body_size = k->body.compressed ? -1 : k->req->body_size,
					 .can_rewind = !k->req->read || k->req->rewind,
					 .fresh = k->again,
					 .total_ms = k->req->total_ms ? k->req->total_ms
								      : k->c->opts.total_ms};
		transfer_start(t, &r);
		e = carry(k, &enough, f);
		transfer_abort(t);
		k->res->bytes_in += t->bytes_in;
		k->res->bytes_out += t->bytes_out;
		k->res->status = t->status;
		if (e == ERR_OK && !enough)
			e = ended(k, f);
	}
	curl_slist_free_all(headers);
	return e;
}

/* ---- redirects ---- */

/* One part of a URL, to be freed with curl_free(); NULL without it. */
static char *part(CURLU *u, CURLUPart what)
{
	char *s = NULL;
	return curl_url_get(u, what, &s, CURLU_DEFAULT_PORT) == CURLUE_OK ? s : NULL;
}

static bool part_same(CURLU *a, CURLU *b, CURLUPart what)
{
	char *x = part(a, what), *y = part(b, what);
	bool same = x && y && str_eq_nocase(str_c(x), str_c(y));
	curl_free(x);
	curl_free(y);
	return same;
}

static bool part_is(CURLU *u, CURLUPart what, const char *text)
{
	char *s = part(u, what);
	bool is = s && str_eq_nocase(str_c(s), str_c(text));
	curl_free(s);
	return is;
}

/* The same server, by the same way or from http to https on their usual ports. */
static bool same_place(CURLU *from, CURLU *to)
{
	if (!part_same(from, to, CURLUPART_HOST))
		return false;
	if (part_same(from, to, CURLUPART_SCHEME))
		return part_same(from, to, CURLUPART_PORT);
	return part_is(to, CURLUPART_SCHEME, "https") && part_is(to, CURLUPART_PORT, "443") &&
	       part_is(from, CURLUPART_PORT, "80");
}

static enum err place_fail(CURLU *to, struct fail *f, enum err e, const char *why)
{
	char *scheme = part(to, CURLUPART_SCHEME), *host = part(to, CURLUPART_HOST);
	enum err err = fail(f, e, "the server redirects to %.20s://%.200s: %s", scheme ? scheme : "",
			    host ? host : "", why);
	curl_free(scheme);
	curl_free(host);
	return err;
}

static enum err redirect_check(struct call *k, CURLU *to, struct fail *f)
{
	unsigned max = k->c->opts.redirects ? k->c->opts.redirects : REDIRECTS_DEFAULT;
	if (k->hops++ >= max)
		return fail(f, ERR_PEER, "more than %u redirects", max);
	if (!part_is(to, CURLUPART_SCHEME, "http") && !part_is(to, CURLUPART_SCHEME, "https"))
		return place_fail(to, f, ERR_PEER, "only http and https are followed");
	k->as_get |= k->res->status == 303;
	k->elsewhere |= !same_place(k->url, to);
	if (k->elsewhere && body_sent(k))
		return place_fail(to, f, ERR_PEER,
				  "what is sent goes to no other host than its URL says; if the "
				  "peer has moved, change its URL");
	return ERR_OK;
}

static enum err redirect(struct call *k, struct fail *f)
{
	struct str whole = k->whole;
	CURLU *to = curl_url_dup(k->url);
	if (!to)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = curl_url_set(to, CURLUPART_URL, k->location, CURLU_NON_SUPPORT_SCHEME) ==
				     CURLUE_OK
			     ? redirect_check(k, to, f)
			     : fail(f, ERR_PEER, "the server redirects to what is no URL");
	if (e == ERR_OK && body_sent(k) && !whole.p)
		e = client_body_rewind(&k->body, f);
	curl_url_cleanup(k->url);
	k->url = to;
	return e;
}

/* ---- a call ---- */

/*
 * A connection that was kept open may be closed by the peer while we begin to use it again, or hold
 * bytes that came behind an earlier answer. No answer to this request came: once more, over a new one.
 */
static bool broke_unused(const struct call *k)
{
	const struct transfer *t = k->c->transfer;
	return !k->again && t->reused && t->status == 0 && t->head.n == 0 &&
	       (t->code == CURLE_SEND_ERROR || t->code == CURLE_RECV_ERROR ||
		t->code == CURLE_GOT_NOTHING || t->code == CURLE_UNSUPPORTED_PROTOCOL ||
		t->code == CURLE_WEIRD_SERVER_REPLY) &&
	       (!body_sent(k) || k->whole.p || !k->req->read || k->req->rewind);
}

static enum err exchange_again(struct call *k, struct fail *f)
{
	k->again = true;
	if (body_sent(k) && !k->whole.p)
		TRY(client_body_rewind(&k->body, f));
	return exchange(k, f);
}

static enum err status_error(const struct client_res *res, struct fail *f)
{
	long s = res->status;
	if ((s >= 200 && s <= 299) || s == 304)
		return ERR_OK;
	return fail(f,
		    s == 404 || s == 410   ? ERR_NOENT
		    : s == 401 || s == 403 ? ERR_AUTH
					   : ERR_PEER,
		    "status %ld", s);
}

static enum err url_text(struct call *k, struct fail *f)
{
	curl_free(k->url_text);
	k->url_text = NULL;
	return curl_url_get(k->url, CURLUPART_URL, &k->url_text, 0) == CURLUE_OK
		       ? ERR_OK
		       : fail(f, ERR_INVAL, "not a URL");
}

static enum err call_run(struct call *k, struct fail *f)
{
	k->url = curl_url();
	if (!k->url)
		return fail(f, ERR_NOMEM, "no memory");
	if (curl_url_set(k->url, CURLUPART_URL, k->req->url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
		return fail(f, ERR_INVAL, "not a URL");
	if (!part_is(k->url, CURLUPART_SCHEME, "http") && !part_is(k->url, CURLUPART_SCHEME, "https"))
		return fail(f, ERR_INVAL, "the URL begins with neither http:// nor https://");
	TRY(client_body_open(&k->body, k->req, &k->whole, f));
	for (;;) {
		TRY(url_text(k, f));
		enum err e = exchange(k, f);
		if ((e == ERR_NET || e == ERR_PEER) && broke_unused(k))
			e = exchange_again(k, f);
		if (e != ERR_OK)
			return e;
		if (!is_redirect(k))
			break;
		TRY(redirect(k, f));
	}
	enum err e = status_error(k->res, f);
	if (e == ERR_AUTH && k->elsewhere)
		return place_fail(k->url, f, e,
				  "the API key is not sent to another host; if the server has moved, "
				  "change its URL");
	return e;
}

enum err client_call(struct client *c, const struct client_req *r, struct client_res *res,
		     struct fail *f)
{
	struct call k = {.c = c, .req = r, .res = res};
	*res = (struct client_res){0};
	if (!c->transfer) {
		enum err e = c->opts.net->call(c->opts.net, &c->opts, r, res, f);
		return e == ERR_OK ? status_error(res, f) : e;
	}
	enum err e = call_run(&k, f);
	client_body_close(&k.body);
	decoder_free(k.decoder);
	free(k.location);
	curl_free(k.url_text);
	curl_url_cleanup(k.url);
	return e;
}
