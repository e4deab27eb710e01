/*
 * ep_openapi.c - /openapi.json, and the page that shows it to people.
 *
 * Tells nothing of what is stored: the same bytes for everybody, made once, at the first question.
 */
#include <pthread.h>

#include "api/openapi.h"
#include "api/rest.h"
#include "http/blob.h"

static struct {
	pthread_once_t once;
	struct http_blob blob;
	enum err e;
	struct fail why;
} made = {.once = PTHREAD_ONCE_INIT};

static void make(void)
{
	OWN(buf) struct buf b = BUF(8 << 20);
	made.e = openapi_make(&b, &made.why);
	if (made.e == ERR_OK)
		made.e = http_blob_make(&made.blob, "application/json; charset=UTF-8", &b, &made.why);
}

static enum err openapi(struct http_req *r, struct fail *f)
{
	pthread_once(&made.once, make);
	if (made.e != ERR_OK)
		return fail(f, made.e, "%s", made.why.text);
	reply_blob(r, &made.blob);
	return ERR_OK;
}

const struct endpoint ep_openapi = {
	.methods = HTTP_GET,
	.path = "/openapi.json",
	.flags = EP_NO_AUTH | EP_EXACT,
	.run = openapi,
	.shape = "OpenApi",
	.doc = "This description, as OpenAPI 3.1",
};
