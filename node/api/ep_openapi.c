/*
 * ep_openapi.c - /openapi.json, and /docs, the page that shows it to people.
 *
 * Tells nothing of what is stored: the same bytes for everybody, made once, at the first question. The
 * page loads nothing from elsewhere, and its policy lets nothing run that is not ours.
 */
#include <pthread.h>

#include "api/docs/docs.inc"
#include "api/openapi.h"
#include "api/rest.h"
#include "http/blob.h"

#define PAGE_POLICY                                                                                \
	"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; " \
	"form-action 'none'; frame-ancestors 'none'"

enum document { DOC_OPENAPI, DOC_PAGE, DOC_STYLE, DOC_SCRIPT, DOC_COUNT };

static const struct {
	const char *type;
	const char *const *lines; /* NULL: openapi_make() */
} documents[DOC_COUNT] = {
	[DOC_OPENAPI] = {"application/json; charset=UTF-8", NULL},
	[DOC_PAGE] = {"text/html; charset=UTF-8", page_docs_html},
	[DOC_STYLE] = {"text/css; charset=UTF-8", page_docs_css},
	[DOC_SCRIPT] = {"text/javascript; charset=UTF-8", page_docs_js},
};
static const unsigned which[DOC_COUNT] = {DOC_OPENAPI, DOC_PAGE, DOC_STYLE, DOC_SCRIPT};

static struct {
	pthread_once_t once;
	struct http_blob blobs[DOC_COUNT];
	enum err e;
	struct fail why;
} made = {.once = PTHREAD_ONCE_INIT};

static void make(void)
{
	for (size_t i = 0; i < DOC_COUNT && made.e == ERR_OK; i++) {
		OWN(buf) struct buf b = BUF(8 << 20);
		if (!documents[i].lines)
			made.e = openapi_make(&b, &made.why);
		for (const char *const *l = documents[i].lines; l && *l; l++)
			buf_puts(&b, *l);
		if (made.e == ERR_OK)
			made.e = http_blob_make(&made.blobs[i], documents[i].type, &b, &made.why);
	}
}

static enum err answer(struct http_req *r, struct fail *f)
{
	const unsigned *n = r->ep->arg;
	pthread_once(&made.once, make);
	if (made.e != ERR_OK)
		return fail(f, made.e, "%s", made.why.text);
	if (*n == DOC_PAGE) {
		reply_header(r, "Content-Security-Policy", STR(PAGE_POLICY));
		reply_header(r, "Referrer-Policy", STR("no-referrer"));
	}
	reply_blob(r, &made.blobs[*n]);
	return ERR_OK;
}

const struct endpoint ep_openapi = {
	.methods = HTTP_GET,
	.path = "/openapi.json",
	.flags = EP_NO_AUTH | EP_EXACT,
	.run = answer,
	.arg = &which[DOC_OPENAPI],
	.shape = "OpenApi",
	.doc = "This description, as OpenAPI 3.1",
};
const struct endpoint ep_docs = {
	.methods = HTTP_GET,
	.path = "/docs",
	.flags = EP_NO_AUTH | EP_EXACT,
	.run = answer,
	.arg = &which[DOC_PAGE],
	.shape = "Page",
	.doc = "This description, as a page to read and search",
};
const struct endpoint ep_docs_style = {
	.methods = HTTP_GET,
	.path = "/docs.css",
	.flags = EP_NO_AUTH | EP_EXACT,
	.run = answer,
	.arg = &which[DOC_STYLE],
	.shape = "Page",
	.doc = "Style of the page",
};
const struct endpoint ep_docs_script = {
	.methods = HTTP_GET,
	.path = "/docs.js",
	.flags = EP_NO_AUTH | EP_EXACT,
	.run = answer,
	.arg = &which[DOC_SCRIPT],
	.shape = "Page",
	.doc = "Script of the page",
};
