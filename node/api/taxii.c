/*
 * taxii.c - media types, errors and collections of TAXII 2.1. Collections are what the caller may see anyway,
 * cut by tag collection or sharing group: being listed opens nothing.
 */
#include "api/taxii.h"

#include <stdio.h>

#include "base/hash.h"

#define COLLECTIONS_MAX 10000u

bool taxii_is(const struct http_req *r)
{
	return str_has_prefix(r->url, STR("/taxii2/"));
}

/* ---- who ---- */

struct str taxii_key(struct http_req *r, struct str header)
{
	struct str h = str_trim(header), name, key;
	if (str_has_prefix(h, STR("Token ")) || str_has_prefix(h, STR("Bearer ")))
		return str_trim(str_sub(h, (size_t)str_chr(h, ' '), SIZE_MAX));
	if (!str_has_prefix(h, STR("Basic ")))
		return header;
	OWN(buf) struct buf b = BUF(1024);
	if (!base64_decode(&b, str_trim(str_sub(h, 6, SIZE_MAX))))
		return STR("-");
	key = str_split(buf_str(&b), ':', &name);
	return arena_str(r->arena, key.n ? key : name.n ? name : STR("-"));
}

/* ---- answers ---- */

void taxii_error(struct http_req *r, int status, const char *title)
{
	struct buf b = BUF(16 << 10);
	struct jsonw w = jsonw_on(&b);
	char code[12];
	snprintf(code, sizeof(code), "%d", status);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_c, "title", title);
	JSONW_KV(&w, jsonw_c, "http_status", code);
	jsonw_obj_end(&w);
	reply_body(r, status, TAXII_TYPE, &b);
}

void taxii_refuse(struct http_req *r, int status, const char *title)
{
	if (status == 401)
		reply_header(r, "WWW-Authenticate", STR("Basic realm=\"tocsin\""));
	taxii_error(r, status, title);
}

void taxii_answer(struct http_req *r, int status, struct buf *b)
{
	reply_body(r, status, TAXII_TYPE, b);
}

enum err taxii_run(struct http_req *r, http_run_fn run, struct fail *f)
{
	enum err e = run(r, f);
	if (e != ERR_OK && !req_answered(r))
		taxii_error(r, err_http(e), err_text(e));
	return e;
}

enum err taxii_no_such(struct http_req *r)
{
	taxii_error(r, 404, "There is no such collection or object, or you may not see it.");
	return ERR_OK;
}

size_t taxii_parts(struct str rest, struct str v[4])
{
	size_t n = 0;
	while (rest.p && n < 4) {
		rest = str_split(rest, '/', &v[n]);
		n += v[n].n != 0;
	}
	return rest.p && rest.n ? 5 : n;
}

/* ---- media types ---- */

/* "application/taxii+json", without a version or with this one. */
static bool is_taxii(struct str type)
{
	struct str name, param, rest = str_split(type, ';', &name);
	if (!str_eq_nocase(str_trim(name), STR("application/taxii+json")))
		return false;
	while (rest.p) {
		rest = str_split(rest, ';', &param);
		param = str_trim(param);
		if (str_has_prefix(param, STR("version=")) && !str_is(param, "version=2.1"))
			return false;
	}
	return true;
}

bool taxii_accepts(struct http_req *r)
{
	struct str list = req_header(r, "Accept"), item, name;
	bool ok = !str_trim(list).n;
	while (list.p && !ok) {
		list = str_split(list, ',', &item);
		(void)str_split(item, ';', &name);
		name = str_trim(name);
		ok = is_taxii(str_trim(item)) || str_is(name, "*/*") || str_is(name, "application/*");
	}
	if (!ok)
		taxii_error(r, 406, "The answer is of type " TAXII_TYPE ", which Accept does not name.");
	return ok;
}

bool taxii_typed(struct http_req *r)
{
	bool ok = is_taxii(str_trim(req_header(r, "Content-Type")));
	if (!ok)
		taxii_error(r, 415, "The body has to be of type " TAXII_TYPE ".");
	return ok;
}

/* ---- collections ---- */

/* The same on every node, so that it can stand in instructions. */
#define ALL_ID "5a4e8c4e-7d0f-4a66-9a25-3d1c2f6b8e01"

static struct taxii_collection everything(void)
{
	struct uuid u;
	(void)uuid_parse(STR(ALL_ID), &u);
	return (struct taxii_collection){.id = u,
					 .title = STR("All events"),
					 .description = STR("Every published event that you may see")};
}

static struct taxii_collection inbox(void)
{
	struct uuid u;
	(void)uuid_parse(STR(TAXII_INBOX_ID), &u);
	return (struct taxii_collection){.id = u,
					 .title = STR("Inbox"),
					 .description = STR("What is posted here is taken in as events"),
					 .kind = TAXII_INBOX};
}

static struct taxii_collection of_tags(struct http_req *r, const struct misp_tagcoll *c)
{
	return (struct taxii_collection){
		.id = c->uuid,
		.title = arena_printf(r->arena, "Tags: %.*s", STR_ARG(c->name)),
		.description = STR("Those that carry a tag of this collection of tags"),
		.kind = TAXII_TAGS,
		.row = c->id};
}

static struct taxii_collection of_group(struct http_req *r, const struct misp_sg *g)
{
	return (struct taxii_collection){
		.id = g->uuid,
		.title = arena_printf(r->arena, "Sharing group: %.*s", STR_ARG(g->name)),
		.description = STR("Those that are shared with this group"),
		.kind = TAXII_GROUP,
		.row = g->id};
}

enum err taxii_collections(struct http_req *r, struct view *v, struct taxii_collection **out,
			   size_t *n, struct fail *f)
{
	const struct store_rtxn *t = view_txn(v);
	size_t max = MIN(2 + store_count(t, T_TAGCOLL) + store_count(t, T_SG), COLLECTIONS_MAX);
	struct taxii_collection *all = ARENA_ARRAY(r->arena, struct taxii_collection, max);
	const uint64_t *tags;
	struct misp_tagcoll c;
	struct misp_sg g;
	size_t n_tags;
	uint64_t id = 0;
	if (!all)
		return fail(f, ERR_LIMIT, "collections");
	all[0] = everything();
	*n = 1;
	if (api_of(r)->conf->taxii_inbox && may(r, perm_add))
		all[(*n)++] = inbox();
	while (*n < max && store_next(t, T_TAGCOLL, &id, r->arena, &c) == ERR_OK)
		if (rest_collection_tags(r, rest_id(r, id), &tags, &n_tags) == ERR_OK)
			all[(*n)++] = of_tags(r, &c);
	/* whose copies are cut may not know of groups */
	for (id = 0; *n < max && view_is_whole(v) && store_next(t, T_SG, &id, r->arena, &g) == ERR_OK;)
		if (view_may_use_group(v, id))
			all[(*n)++] = of_group(r, &g);
	*out = all;
	return ERR_OK;
}

enum err taxii_collection(struct http_req *r, struct view *v, struct str id,
			  struct taxii_collection *out, struct fail *f)
{
	struct taxii_collection *all;
	struct uuid u;
	size_t n;
	if (!uuid_parse(id, &u))
		return ERR_NOENT;
	TRY(taxii_collections(r, v, &all, &n, f));
	for (size_t i = 0; i < n; i++)
		if (uuid_eq(all[i].id, u)) {
			*out = all[i];
			return ERR_OK;
		}
	return ERR_NOENT;
}
