/*
 * ep_taxii.c - /taxii2/: TAXII 2.1 for who has a key. One API root; its collections are what the key's user
 * may see (taxii.h). Objects come from the gate as STIX 2.1.
 */
#include "api/taxii.h"

#define ROOT "/taxii2/api/"

static enum err discovery(struct http_req *r, struct fail *f)
{
	struct buf b = BUF(16 << 10);
	struct jsonw w = jsonw_on(&b);
	(void)f;
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_c, "title", "tocsin");
	JSONW_KV(&w, jsonw_c, "description", "Published events as STIX 2.1, cut for who asks");
	JSONW_KV(&w, jsonw_c, "default", ROOT);
	jsonw_key(&w, "api_roots");
	jsonw_arr(&w);
	jsonw_c(&w, ROOT);
	jsonw_arr_end(&w);
	jsonw_obj_end(&w);
	taxii_answer(r, 200, &b);
	return ERR_OK;
}

static enum err root(struct http_req *r, struct fail *f)
{
	struct buf b = BUF(16 << 10);
	struct jsonw w = jsonw_on(&b);
	(void)f;
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_c, "title", "Events");
	jsonw_key(&w, "versions");
	jsonw_arr(&w);
	jsonw_c(&w, TAXII_TYPE);
	jsonw_arr_end(&w);
	JSONW_KV(&w, jsonw_uint, "max_content_length", TAXII_CONTENT_MAX);
	jsonw_obj_end(&w);
	taxii_answer(r, 200, &b);
	return ERR_OK;
}

static void put_collection(struct jsonw *w, const struct taxii_collection *c)
{
	char id[UUID_TEXT_LEN + 1];
	jsonw_obj(w);
	JSONW_KV(w, jsonw_c, "id", uuid_format(c->id, id));
	JSONW_KV(w, jsonw_str, "title", c->title);
	JSONW_KV(w, jsonw_str, "description", c->description);
	jsonw_key(w, "can_read");
	jsonw_bool(w, c->kind != TAXII_INBOX);
	jsonw_key(w, "can_write");
	jsonw_bool(w, c->kind == TAXII_INBOX);
	jsonw_key(w, "media_types");
	jsonw_arr(w);
	jsonw_c(w, "application/stix+json;version=2.1");
	jsonw_arr_end(w);
	jsonw_obj_end(w);
}

static enum err collections(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct taxii_collection *all;
	size_t n;
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	TRY(rest_view(r, &v, f));
	TRY(taxii_collections(r, v, &all, &n, f));
	jsonw_obj(&w);
	jsonw_key(&w, "collections");
	jsonw_arr(&w);
	for (size_t i = 0; i < n; i++)
		put_collection(&w, &all[i]);
	jsonw_arr_end(&w);
	jsonw_obj_end(&w);
	taxii_answer(r, 200, &b);
	return ERR_OK;
}

static enum err below(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct taxii_collection c;
	struct str part[4] = {0};
	size_t n = taxii_parts(r->tail, part);
	TRY(rest_view(r, &v, f));
	enum err e = n >= 1 && n <= 4 ? taxii_collection(r, v, part[0], &c, f) : ERR_NOENT;
	if (e == ERR_NOENT)
		return taxii_no_such(r);
	TRY(e);
	if (n == 1) {
		struct buf b = BUF(64 << 10);
		struct jsonw w = jsonw_on(&b);
		put_collection(&w, &c);
		taxii_answer(r, 200, &b);
		return ERR_OK;
	}
	bool objects = str_is(part[1], "objects");
	if (c.kind == TAXII_INBOX)
		return taxii_error(r, 403, "This collection can be written to, and not be read."), ERR_OK;
	if ((n == 2 && (objects || str_is(part[1], "manifest"))) || (n == 3 && objects))
		return taxii_page_answer(r, &c, &v, part[1], part[2], f);
	if (n == 4 && objects && str_is(part[3], "versions"))
		return taxii_page_answer(r, &c, &v, part[3], part[2], f);
	return taxii_no_such(r);
}

static enum err nothing(struct http_req *r, struct fail *f)
{
	(void)f;
	taxii_error(r, 404, "There is nothing here. TAXII begins at /taxii2/.");
	return ERR_OK;
}

#define HANDLER(name)                                                                               \
	static enum err name##_run(struct http_req *r, struct fail *f)                              \
	{                                                                                           \
		return taxii_accepts(r) ? taxii_run(r, name, f) : ERR_OK;                           \
	}
HANDLER(discovery)
HANDLER(root)
HANDLER(collections)
HANDLER(below)

const struct endpoint ep_taxii_discovery = {
	.methods = HTTP_GET,
	.path = "/taxii2/",
	.flags = EP_EXACT,
	.run = discovery_run,
	.shape = "TaxiiDiscovery",
	.doc = "TAXII 2.1: where the API root is",
};
const struct endpoint ep_taxii_root = {
	.methods = HTTP_GET,
	.path = "/taxii2/api/",
	.flags = EP_EXACT,
	.run = root_run,
	.shape = "TaxiiRoot",
	.doc = "TAXII 2.1: the API root",
};
const struct endpoint ep_taxii_collections = {
	.methods = HTTP_GET,
	.path = "/taxii2/api/collections/",
	.flags = EP_EXACT,
	.run = collections_run,
	.shape = "TaxiiCollections",
	.doc = "TAXII 2.1: what the caller may read, and write to",
};
const struct endpoint ep_taxii_collection = {
	.methods = HTTP_GET,
	.path = "/taxii2/api/collections/*",
	.flags = EP_EXACT,
	.rate = 1,
	.run = below_run,
	.shape = "TaxiiAnswer",
	.doc = "TAXII 2.1: a collection; its objects/, manifest/, objects/ID/, objects/ID/versions/",
};
const struct endpoint ep_taxii_none = {
	.methods = HTTP_ANY,
	.path = "/taxii2/*",
	.flags = EP_EXACT | EP_NO_AUTH | EP_INLINE,
	.run = nothing,
	.shape = "TaxiiAnswer",
	.doc = "TAXII 2.1: errors of paths that there are not",
};
