/*
 * list.c - `tocsind --list-endpoints` and `--list-ways-out`: what the tables say, so that documentation
 * and tests need not be told.
 */
#include "main/list.h"

#include <stdio.h>
#include <string.h>

#include "api/audit.h"
#include "api/openapi.h"
#include "base/jsonw.h"

static void methods(struct jsonw *w, unsigned m)
{
	static const struct {
		unsigned bit;
		const char *name;
	} rows[] = {{HTTP_GET, "GET"}, {HTTP_POST, "POST"}, {HTTP_PUT, "PUT"}, {HTTP_DELETE, "DELETE"}};
	jsonw_key(w, "methods");
	jsonw_arr(w);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (m & rows[i].bit)
			jsonw_c(w, rows[i].name);
	jsonw_arr_end(w);
}

static void permissions(struct jsonw *w, unsigned bits)
{
	jsonw_key(w, "permissions");
	jsonw_arr(w);
	for (size_t i = 0; i < PERM_COUNT; i++)
		if (bits & perm_rows[i].bit)
			jsonw_c(w, perm_rows[i].name);
	jsonw_arr_end(w);
}

enum err list_endpoints(struct fail *f)
{
	OWN(buf) struct buf b = BUF(4 << 20);
	struct jsonw w = jsonw_on(&b);
	jsonw_arr(&w);
	for (size_t i = 0; i < api_rows_n; i++) {
		const struct endpoint *e = api_rows[i];
		jsonw_obj(&w);
		methods(&w, e->methods);
		JSONW_KV(&w, jsonw_c, "path", e->path);
		JSONW_KV(&w, jsonw_bool, "key_needed", !(e->flags & EP_NO_AUTH));
		permissions(&w, e->auth);
		JSONW_KV(&w, jsonw_bool, "changes", api_audit_class_of(e).changes);
		JSONW_KV(&w, jsonw_c, "answer", e->shape ? e->shape : "");
		JSONW_KV(&w, jsonw_c, "doc", e->doc ? e->doc : "");
		jsonw_obj_end(&w);
	}
	jsonw_arr_end(&w);
	buf_putc(&b, '\n');
	if (buf_err(&b) != ERR_OK || fwrite(b.p, 1, b.n, stdout) != b.n)
		return fail(f, ERR_IO, "cannot write the list");
	return ERR_OK;
}

enum err list_endpoints_roff(struct fail *f)
{
	OWN(buf) struct buf b = BUF(4 << 20);
	endpoints_roff(&b);
	if (buf_err(&b) != ERR_OK || fwrite(b.p, 1, b.n, stdout) != b.n)
		return fail(f, ERR_IO, "cannot write the list");
	return ERR_OK;
}

enum err list_openapi(struct fail *f)
{
	OWN(buf) struct buf b = BUF(8 << 20);
	TRY(openapi_make(&b, f));
	buf_putc(&b, '\n');
	if (buf_err(&b) != ERR_OK || fwrite(b.p, 1, b.n, stdout) != b.n)
		return fail(f, ERR_IO, "cannot write the description");
	return ERR_OK;
}

/* ---- ways out ---- */

static const struct {
	const char *kind, *name, *pass, *text;
} ways[] = {
#define WAY(name, pass, text) {"way", #name, #pass, text},
#define FACET(name, text) {"facet", #name, "", text},
#define ANSWER(row, pass) {"answer", #row, #pass, ""},
#define FORMAT(row, text) {"format", #row, "SEALED", text},
#define SENT(step, text) {"sent", #step, "", text},
#define OBJECT(way, object, functions)
#define STORED(object, functions, why)
#include "egress/ways_out.inc"
#undef WAY
#undef FACET
#undef ANSWER
#undef FORMAT
#undef SENT
#undef OBJECT
#undef STORED
};

/* The path of the endpoint row of this name; NULL when it is none. */
static const char *path_of(const char *row)
{
	for (size_t i = 0; i < api_rows_n; i++)
		if (!strcmp(api_row_names[i], row))
			return api_rows[i]->path;
	return NULL;
}

enum err list_ways_out(struct fail *f)
{
	OWN(buf) struct buf b = BUF(4 << 20);
	struct jsonw w = jsonw_on(&b);
	jsonw_arr(&w);
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		const char *path = path_of(ways[i].name);
		jsonw_obj(&w);
		JSONW_KV(&w, jsonw_c, "kind", ways[i].kind);
		JSONW_KV(&w, jsonw_c, "name", ways[i].name);
		if (path)
			JSONW_KV(&w, jsonw_c, "path", path);
		if (*ways[i].pass)
			JSONW_KV(&w, jsonw_c, "pass", ways[i].pass);
		if (*ways[i].text)
			JSONW_KV(&w, jsonw_c, "text", ways[i].text);
		jsonw_obj_end(&w);
	}
	jsonw_arr_end(&w);
	buf_putc(&b, '\n');
	if (buf_err(&b) != ERR_OK || fwrite(b.p, 1, b.n, stdout) != b.n)
		return fail(f, ERR_IO, "cannot write the list");
	return ERR_OK;
}
