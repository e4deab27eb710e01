/*
 * client_curl.c - one libcurl handle behind the small client of client_curl.h. TLS is verified
 * unless the caller says otherwise; only http and https; no netrc, no environment.
 */
#include "sync/client_curl.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEFAULT (UINT64_C(64) << 20)

struct client {
	struct client_opts opts; /* of a net that is not libcurl; its texts are borrowed */
	CURL *curl;
	char error[CURL_ERROR_SIZE];
	/* the call under way */
	const struct client_req *req;
	struct client_res *res;
	struct fail *fail;
	enum err err; /* why a callback ended the transfer */
	size_t error_n;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void init(void)
{
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

static long status_of(struct client *c)
{
	long status = 0;
	(void)curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static size_t on_data(char *p, size_t size, size_t n, void *user)
{
	struct client *c = user;
	uint64_t max = c->req->max_bytes ? c->req->max_bytes : MAX_DEFAULT;
	long status = status_of(c);
	n *= size;
	if (status < 200 || status > 299) {
		size_t k = MIN(n, sizeof(c->res->error_body) - 1 - c->error_n);
		memcpy(c->res->error_body + c->error_n, p, k);
		c->error_n += k;
		return n;
	}
	c->res->bytes += n;
	if (c->res->bytes > max)
		c->err = fail(c->fail, ERR_LIMIT, "the answer is larger than %llu bytes",
			      (unsigned long long)max);
	else if (c->req->data)
		c->err = c->req->data(c->req->user, p, n, c->fail);
	return c->err == ERR_OK ? n : 0;
}

static size_t on_header(char *p, size_t size, size_t n, void *user)
{
	struct client *c = user;
	struct str name, value = str_split((struct str){p, n * size}, ':', &name);
	if (!value.p) {
		if (str_has_prefix(name, STR("HTTP/")))
			c->res->etag[0] = '\0'; /* the next answer of a chain of redirects */
		return n * size;
	}
	value = str_trim(value);
	if (str_eq_nocase(name, STR("etag")) && value.n < sizeof(c->res->etag)) {
		memcpy(c->res->etag, value.p, value.n);
		c->res->etag[value.n] = '\0';
	}
	if (c->req->header)
		c->req->header(c->req->user, name, value);
	return n * size;
}

static int on_progress(void *user, curl_off_t a, curl_off_t b, curl_off_t d, curl_off_t e)
{
	struct client *c = user;
	(void)a, (void)b, (void)d, (void)e;
	if (!c->req->cancelled || !atomic_load(c->req->cancelled))
		return 0;
	c->err = fail(c->fail, ERR_CANCELLED, "cancelled");
	return 1;
}

static size_t on_read(char *p, size_t size, size_t n, void *user)
{
	struct client *c = user;
	size_t got = 0;
	c->err = c->req->read(c->req->user, p, size * n, &got, c->fail);
	return c->err == ERR_OK ? got : CURL_READFUNC_ABORT;
}

static int on_seek(void *user, curl_off_t offset, int origin)
{
	struct client *c = user;
	if (offset != 0 || origin != SEEK_SET || !c->req->rewind)
		return CURL_SEEKFUNC_CANTSEEK;
	c->err = c->req->rewind(c->req->user, c->fail);
	return c->err == ERR_OK ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

#define SET(option, value)                                                                         \
	do {                                                                                       \
		if (curl_easy_setopt(c->curl, (option), (value)) != CURLE_OK)                      \
			return fail(f, ERR_CONFIG, "libcurl does not take " #option);              \
	} while (0)

static enum err setup(struct client *c, const struct client_opts *o, struct fail *f)
{
	SET(CURLOPT_ERRORBUFFER, c->error);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 1L);
	SET(CURLOPT_MAXREDIRS, (long)(o->redirects ? o->redirects : 5));
	SET(CURLOPT_PROXY, o->proxy ? o->proxy : "");
	SET(CURLOPT_USERAGENT, o->user_agent ? o->user_agent : "tocsin");
	SET(CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(o->connect_ms ? o->connect_ms : 15000));
	SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
	SET(CURLOPT_LOW_SPEED_TIME, (long)((o->stall_ms ? o->stall_ms : 60000) + 999) / 1000);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, o->insecure ? 0L : 1L);
	SET(CURLOPT_SSL_VERIFYHOST, o->insecure ? 0L : 2L);
	if (o->ca_file)
		SET(CURLOPT_CAINFO, o->ca_file);
	if (o->pinned)
		SET(CURLOPT_PINNEDPUBLICKEY, o->pinned);
	if (o->cert_file)
		SET(CURLOPT_SSLCERT, o->cert_file);
	if (o->key_file)
		SET(CURLOPT_SSLKEY, o->key_file);
	SET(CURLOPT_BUFFERSIZE, 262144L);
	SET(CURLOPT_READFUNCTION, on_read);
	SET(CURLOPT_READDATA, c);
	SET(CURLOPT_SEEKFUNCTION, on_seek);
	SET(CURLOPT_SEEKDATA, c);
	SET(CURLOPT_POSTREDIR, (long)CURL_REDIR_POST_ALL);
	SET(CURLOPT_WRITEFUNCTION, on_data);
	SET(CURLOPT_WRITEDATA, c);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, c);
	SET(CURLOPT_XFERINFOFUNCTION, on_progress);
	SET(CURLOPT_XFERINFODATA, c);
	SET(CURLOPT_NOPROGRESS, 0L);
	return ERR_OK;
}

enum err client_new(const struct client_opts *o, struct client **out, struct fail *f)
{
	struct client *c = calloc(1, sizeof(*c));
	*out = NULL;
	(void)pthread_once(&once, init);
	if (!c)
		return fail(f, ERR_NOMEM, "no memory");
	if (o->net) {
		c->opts = *o;
		*out = c;
		return ERR_OK;
	}
	c->curl = curl_easy_init();
	enum err e = c->curl ? setup(c, o, f) : fail(f, ERR_NOMEM, "libcurl does not start");
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
	if (c->curl)
		curl_easy_cleanup(c->curl);
	free(c);
}

/* ---- a call ---- */

static enum err body_set(struct client *c, const struct client_req *r, struct fail *f)
{
	SET(CURLOPT_HTTPGET, 1L);
	SET(CURLOPT_CUSTOMREQUEST, NULL);
	if (r->body.p) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDS, r->body.p);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
	}
	if (r->read) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDS, NULL);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_size);
	}
	if (r->method && strcmp(r->method, r->body.p || r->read ? "POST" : "GET") != 0)
		SET(CURLOPT_CUSTOMREQUEST, r->method);
	SET(CURLOPT_NOBODY, r->method && strcmp(r->method, "HEAD") == 0 ? 1L : 0L);
	return ERR_OK;
}

static bool header_add(struct curl_slist **list, const char *line)
{
	struct curl_slist *l = curl_slist_append(*list, line);
	if (l)
		*list = l;
	return l != NULL;
}

static enum err headers_set(struct client *c, const struct client_req *r, struct curl_slist **list,
			    struct fail *f)
{
	char etag[300];
	bool ok = true;
	for (size_t i = 0; i < r->n_headers; i++) {
		/* a line break would smuggle in another header */
		if (strpbrk(r->headers[i], "\r\n"))
			return fail(f, ERR_INVAL, "a header holds a line break");
		ok = ok && header_add(list, r->headers[i]);
	}
	if (r->etag && *r->etag && strlen(r->etag) < 256 && !strpbrk(r->etag, "\r\n")) {
		snprintf(etag, sizeof(etag), "If-None-Match: %s", r->etag);
		ok = ok && header_add(list, etag);
	}
	/* libcurl would wait a second for "100 Continue" */
	ok = ok && header_add(list, "Expect:");
	if (r->read && r->body_size < 0)
		ok = ok && header_add(list, "Transfer-Encoding: chunked");
	if (!ok)
		return fail(f, ERR_NOMEM, "no memory for headers");
	SET(CURLOPT_HTTPHEADER, *list);
	return ERR_OK;
}

static enum err code_of(struct client *c, CURLcode code, struct fail *f)
{
	const char *text = c->error[0] ? c->error : curl_easy_strerror(code);
	switch ((int)code) {
	case CURLE_OPERATION_TIMEDOUT:
		return fail(f, ERR_TIMEOUT, "%s", text);
	case CURLE_OUT_OF_MEMORY:
		return fail(f, ERR_NOMEM, "no memory");
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return fail(f, ERR_INVAL, "%s", text);
	case CURLE_TOO_MANY_REDIRECTS:
	case CURLE_BAD_CONTENT_ENCODING:
		return fail(f, ERR_PEER, "%s", text);
	default:
		return fail(f, ERR_NET, "%s", text);
	}
}

static enum err status_error(struct client *c, struct fail *f)
{
	long s = c->res->status;
	if ((s >= 200 && s <= 299) || s == 304)
		return ERR_OK;
	return fail(f,
		    s == 404 || s == 410   ? ERR_NOENT
		    : s == 401 || s == 403 ? ERR_AUTH
					   : ERR_PEER,
		    "status %ld", s);
}

enum err client_call(struct client *c, const struct client_req *r, struct client_res *res,
		     struct fail *f)
{
	struct curl_slist *headers = NULL;
	curl_off_t wire = 0;
	*res = (struct client_res){0};
	c->req = r;
	c->res = res;
	c->fail = f;
	c->err = ERR_OK;
	c->error_n = 0;
	c->error[0] = '\0';
	if (!c->curl) {
		enum err e = c->opts.net->call(c->opts.net, &c->opts, r, res, f);
		return e == ERR_OK ? status_error(c, f) : e;
	}
	enum err e = body_set(c, r, f);
	if (e == ERR_OK)
		e = headers_set(c, r, &headers, f);
	if (e == ERR_OK && (curl_easy_setopt(c->curl, CURLOPT_URL, r->url) != CURLE_OK ||
			    curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, (long)r->total_ms) !=
				    CURLE_OK))
		e = fail(f, ERR_INVAL, "not a URL");
	if (e == ERR_OK) {
		CURLcode code = curl_easy_perform(c->curl);
		res->status = status_of(c);
		if (curl_easy_getinfo(c->curl, CURLINFO_SIZE_DOWNLOAD_T, &wire) == CURLE_OK)
			res->wire_bytes = (uint64_t)wire;
		long in = 0, out = 0;
		curl_off_t up = 0;
		(void)curl_easy_getinfo(c->curl, CURLINFO_HEADER_SIZE, &in);
		(void)curl_easy_getinfo(c->curl, CURLINFO_REQUEST_SIZE, &out);
		(void)curl_easy_getinfo(c->curl, CURLINFO_SIZE_UPLOAD_T, &up);
		res->bytes_in = res->wire_bytes + (uint64_t)in;
		res->bytes_out = (uint64_t)up + (uint64_t)out;
		e = c->err != ERR_OK  ? c->err
		    : code != CURLE_OK ? code_of(c, code, f)
				       : status_error(c, f);
	}
	(void)curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(headers);
	c->req = NULL;
	c->res = NULL;
	c->fail = NULL;
	return e;
}
