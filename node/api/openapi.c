/*
 * openapi.c - the description of the REST interface, OpenAPI 3.1.
 *
 * Made of the endpoint rows (http/route.h), schemas.inc and perms.inc, never of what is stored: it is the
 * same for everybody. Invariant: no row is left out. That each names shapes that exist is test_openapi's.
 */
#include "api/openapi.h"

#include <ctype.h>

#include "api/api.h"
#include "api/schema.h"

static const char about[] =
	"The REST interface of tocsin, compatible with MISP's. Spellings are equal: camelCase and "
	"snake_case, any case of the action, a `.json` at the end, `/events/5` for `/events/view/5`. "
	"Parameters in a path may be left out from the end; further ones go into the path as "
	"`/name:value`, into the query or into the body. HEAD is answered wherever GET is. Numbers are "
	"texts in answers, and taken as numbers or texts. Bodies may stand alone or in their wrapper "
	"(`{\"Event\":{}}`).";

static const struct {
	unsigned bit;
	const char *name;
} methods[] = {
	{HTTP_GET, "get"}, {HTTP_POST, "post"}, {HTTP_PUT, "put"}, {HTTP_DELETE, "delete"}};

#define TAXII_PATHS "/taxii2/"

/* Answers that any row may give. */
static const struct {
	int status;
	const char *text;
	const char *only; /* in rows whose path begins like this, blanks between; NULL: in all */
	bool body; /* only where a body is read */
} refusals[] = {
	{204, "Nothing has changed since", "/exports/", false},
	{302, "Look at `Location`: no log-in, or not for this user", NULL, false},
	{400, "The request cannot be understood", NULL, false},
	{401, "Not permitted",
	 "/event_reports/ /attributes/download " TAXII_PATHS, false},
	{403, "No valid key, not permitted, or not saved: `errors` tells why", NULL, false},
	{404, "There is no such thing, or none for this user", NULL, false},
	{405, "Not in this way: the method, the state, or JSON that is none", NULL, false},
	{406, "Not in the media type that is asked for", TAXII_PATHS, false},
	{409, "Not as things stand", NULL, false},
	{413, "Too long", NULL, true},
	{415, "Not of a media type that is taken here", "/users/login " TAXII_PATHS, false},
	{422, "Read, and not to be taken", TAXII_PATHS, true},
	{429, "Too many requests; `Retry-After` tells how long to wait", NULL, false},
	{500, "A protected event could not be signed",
	 "/events/view/ /cryptographicKeys/", false},
	{501, "Switched off on this node",
	 "/events/ /cryptographicKeys/ /tocsin/pgp", false},
	{502, "The other instance cannot be reached, or answers with an error",
	 "/servers/ /feeds/ /taxii_servers/ /tocsin/", false},
	{503, "Not now: starting, stopping, or a limit of the node is reached", NULL, false},
	{507, "No room left on disk", NULL, false},
};

static const struct {
	const char *shape, *json;
} examples[] = {
#define EXAMPLE(shape, json) {#shape, json},
#include "api/examples.inc"
#undef EXAMPLE
};

/* What positional parameters are. */
static const struct {
	const char *name, *text;
} places[] = {
	{"id", "Number or UUID"},
	{"event", "Number or UUID of an event"},
	{"object", "Number or UUID of an object"},
	{"attribute", "Number or UUID of an attribute"},
	{"galaxy", "Number or UUID of a galaxy"},
	{"group", "Number or UUID of a sharing group"},
	{"party", "Number or UUID of an organisation, number of a server"},
	{"flag", "1: they may add others (addOrg), all organisations of the server (addServer)"},
	{"target", "Number of the event or attribute"},
	{"path", "The rest of the path"},
	{"uuid", "A UUID"},
	{"user", "Number of a user, or me"},
	{"type", "What it is: Note, Opinion, Relationship; event, attribute; a kind of worker"},
	{"object_uuid", "UUID of what it is about"},
	{"object_type", "Event, Attribute, Object, .."},
	{"hard", "1: gone for good"},
	{"text", "What to look for"},
	{"number", "Number of the waiting document"},
	{"setting", "Name of a setting"},
	{"name", "Name of a setting"},
	{"tab", "Part of the settings"},
	{"page", "Which statistics"},
	{"context", "event, attribute or all; type or category"},
	{"percentage", "true: percentages"},
	{"namesort", "true: by name"},
	{"tagname", "A tag, % is a wildcard"},
	{"tag", "Number or name of a tag"},
	{"template", "Number or UUID of a template"},
	{"technique", "full, incremental, or the number of an event"},
	{"direction", "pull or push"},
	{"audience", "Name of an audience, or UUID of its organisation"},
	{"what", "What is asked about; for a proof a leaf or UUID"},
	{"content", "A part of it"},
	{"from", "Size of the ledger that is known already"},
	{"pid", "Number of a process"},
	{"ignored", "Not looked at"},
};

static void set_text(json_t *o, const char *key, const char *text)
{
	json_object_set_new(o, key, json_string(text));
}

static json_t *ref(const char *part, const char *name)
{
	return json_pack("{s:s+++}", "$ref", "#/components/", part, "/", name);
}

/* ---- what a row says ---- */

/* The path with {id} for :id; the names of the parameters go into `params`. */
static void path_of(const struct endpoint *ep, struct buf *out, json_t *params)
{
	struct str rest = str_c(ep->path), part;
	for (rest = str_sub(rest, 1, SIZE_MAX); rest.p;) {
		rest = str_split(rest, '/', &part);
		bool open = (ep->flags & EP_EXACT) && str_is(part, "*");
		bool is_param = open || str_has_prefix(part, STR(":"));
		struct str name = open ? STR("path") : str_sub(part, is_param, SIZE_MAX);
		buf_putc(out, '/');
		buf_puts(out, is_param ? "{" : "");
		buf_str_add(out, name);
		buf_puts(out, is_param ? "}" : "");
		if (!is_param || !params)
			continue;
		const char *text = "";
		for (size_t i = 0; i < ARRAY_LEN(places); i++)
			if (str_is(name, places[i].name))
				text = places[i].text;
		json_array_append_new(params,
				      json_pack("{s:s%,s:s,s:b,s:s,s:{s:s}}", "name", name.p, name.n,
						"in", "path", "required", true, "description", text,
						"schema", "type", "string"));
	}
}

void endpoint_noun(const struct endpoint *ep, struct buf *out)
{
	struct str rest = str_sub(str_c(ep->path), 1, SIZE_MAX), first, second;
	bool ours;
	rest = str_split(rest, '/', &first);
	if (str_is(first, "admin"))
		rest = str_split(rest, '/', &first);
	ours = str_is(first, "tocsin");
	if (!rest.p && (ep->flags & EP_EXACT)) {
		buf_puts(out, "node");
		return;
	}
	for (size_t i = 0; i < first.n; i++) {
		char c = first.p[i];
		if (isupper((unsigned char)c))
			buf_putc(out, '_');
		buf_putc(out, (char)tolower((unsigned char)c));
	}
	rest = str_split(rest, '/', &second);
	if (ours && rest.p && !str_has_prefix(rest, STR(":"))) {
		buf_putc(out, '/');
		buf_str_add(out, second);
	}
}

void endpoint_needs(const struct endpoint *ep, struct buf *out)
{
	const char *glue = "";
	if (ep->flags & EP_NO_AUTH) {
		buf_puts(out, "no key");
		return;
	}
	if (!ep->auth)
		buf_puts(out, "any key");
	for (size_t i = 0; i < PERM_COUNT; i++) {
		if (!(ep->auth & perm_rows[i].bit))
			continue;
		buf_puts(out, glue);
		buf_puts(out, perm_rows[i].name);
		glue = " and ";
	}
	if (ep->flags & EP_LOCAL)
		buf_puts(out, ", over the local socket");
}

/* ---- operations ---- */

static bool begins_like(const char *path, const char *beginnings)
{
	struct str rest = str_c(beginnings), one;
	while (rest.p) {
		rest = str_split(rest, ' ', &one);
		if (str_has_prefix(str_c(path), one))
			return true;
	}
	return !beginnings;
}

/* {media: {schema}} of a shape; NULL: there is no such shape. */
static json_t *content_of(const char *name)
{
	const struct schema_row *row = schema_find(name);
	if (!row)
		return NULL;
	json_t *content = json_object();
	for (struct str rest = str_c(row->media), media; rest.p;) {
		rest = str_split(rest, ',', &media);
		json_object_setn_new(content, media.p, media.n,
				     json_pack("{s:o}", "schema", ref("schemas", name)));
	}
	return content;
}

/* TAXII has errors of its own form; those of the server itself stay as they are. */
static json_t *refusal_taxii(size_t i)
{
	json_t *content = content_of("Refusal"), *own = content_of("TaxiiError");
	json_object_update(content, own);
	json_decref(own);
	return json_pack("{s:s,s:o}", "description", refusals[i].text, "content", content);
}

/* Taken, and told how it went: what is posted to a collection. */
static const char *success_of(const struct endpoint *ep)
{
	return ep->shape && !strcmp(ep->shape, "TaxiiStatus") && ep->methods & HTTP_POST ? "202" : "200";
}

static json_t *responses(const struct endpoint *ep, bool body)
{
	bool taxii = begins_like(ep->path, TAXII_PATHS);
	const struct schema_row *row = schema_find(ep->shape);
	json_t *all = json_object();
	json_object_set_new(all, success_of(ep),
			    json_pack("{s:s,s:o*}", "description", row ? row->doc : "Not described",
				      "content", content_of(ep->shape)));
	json_object_set_new(all, "304", ref("responses", "304"));
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		char code[12];
		if (!begins_like(ep->path, refusals[i].only) || (refusals[i].body && !body))
			continue;
		snprintf(code, sizeof(code), "%d", refusals[i].status);
		json_object_set_new(all, code,
				    taxii && refusals[i].status >= 400 ? refusal_taxii(i)
								       : ref("responses", code));
	}
	return all;
}

/* What a search takes can stand in the query, too. */
static void add_query(json_t *params, const struct endpoint *ep)
{
	const struct schema_row *row = schema_find(ep->takes);
	json_t *s = NULL, *v;
	const char *key;
	if (!row || !strchr(row->text, '$') || schema_parse(row->text, &s, NULL) != ERR_OK)
		return;
	json_object_foreach(json_object_get(s, "properties"), key, v)
		json_array_append_new(params, json_pack("{s:s,s:s,s:O}", "name", key, "in", "query",
							"schema", v));
	json_decref(s);
}

static void describe(json_t *op, const struct endpoint *ep)
{
	OWN(buf) struct buf b = BUF(4096);
	json_t *perms = json_array();
	endpoint_needs(ep, &b);
	json_object_set_new(op, "description",
			    json_pack("s++", "Needs: ", buf_cstr(&b), "."));
	for (size_t i = 0; i < PERM_COUNT; i++)
		if (ep->auth & perm_rows[i].bit)
			json_array_append_new(perms, json_string(perm_rows[i].name));
	json_object_set_new(op, "x-permissions", perms);
	set_text(op, "x-state", ep->missing ? "partial" : "complete");
	if (ep->missing)
		set_text(op, "x-missing", ep->missing);
	if (ep->flags & EP_LOCAL)
		json_object_set_new(op, "x-local", json_true());
	if (ep->flags & EP_NO_AUTH)
		json_object_set_new(op, "security", json_array());
}

static json_t *operation(size_t n, const char *method, unsigned bit)
{
	const struct endpoint *ep = api_rows[n];
	OWN(buf) struct buf path = BUF(4096);
	OWN(buf) struct buf noun = BUF(4096);
	json_t *params = json_array(), *op = json_object();
	bool body = bit & (HTTP_POST | HTTP_PUT);
	endpoint_noun(ep, &noun);
	path_of(ep, &path, params);
	if (bit == HTTP_GET && ep->takes)
		add_query(params, ep);
	json_object_set_new(op, "tags", json_pack("[s]", buf_cstr(&noun)));
	json_object_set_new(op, "operationId",
			    json_pack("s++", api_row_names[n] + strlen("ep_"), "_", method));
	set_text(op, "summary", ep->doc);
	describe(op, ep);
	json_object_set_new(op, "parameters", params);
	if (body && schema_find(ep->takes))
		json_object_set_new(op, "requestBody",
				    json_pack("{s:o}", "content", content_of(ep->takes)));
	json_object_set_new(op, "responses", responses(ep, body));
	return op;
}

static void paths(json_t *all)
{
	for (size_t n = 0; n < api_rows_n; n++) {
		const struct endpoint *ep = api_rows[n];
		OWN(buf) struct buf path = BUF(4096);
		path_of(ep, &path, NULL);
		json_t *item = json_object_get(all, buf_cstr(&path));
		if (!item)
			json_object_set_new(all, buf_cstr(&path), item = json_object());
		for (size_t i = 0; i < ARRAY_LEN(methods); i++)
			if (ep->methods & methods[i].bit)
				json_object_set_new(item, methods[i].name,
						    operation(n, methods[i].name, methods[i].bit));
	}
}

/* ---- the rest ---- */

static void add_example(json_t *s, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(examples); i++)
		if (!strcmp(examples[i].shape, name))
			json_object_set_new(s, "examples",
					    json_pack("[o]", json_loads(examples[i].json,
									JSON_DECODE_ANY, NULL)));
}

static enum err components(json_t *doc, struct fail *f)
{
	json_t *schemas = json_object(), *answers = json_object();
	json_object_set_new(
		doc, "components",
		json_pack("{s:o,s:o,s:{s:{s:s,s:s,s:s,s:s}}}", "schemas", schemas, "responses", answers,
			  "securitySchemes", "key", "type", "apiKey", "in", "header", "name",
			  "Authorization", "description", "An auth key of 40 letters and digits"));
	for (size_t i = 0; i < schema_rows_n; i++) {
		json_t *s = NULL;
		TRY(schema_parse(schema_rows[i].text, &s, f));
		set_text(s, "description", schema_rows[i].doc);
		set_text(s, "x-text", schema_rows[i].text);
		add_example(s, schema_rows[i].name);
		json_object_set_new(schemas, schema_rows[i].name, s);
	}
	json_object_set_new(answers, "304", json_pack("{s:s}", "description", "Not changed"));
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		char code[12];
		snprintf(code, sizeof(code), "%d", refusals[i].status);
		json_object_set_new(answers, code,
				    json_pack("{s:s,s:o*}", "description", refusals[i].text, "content",
					      refusals[i].status < 400 ? NULL : content_of("Refusal")));
	}
	return ERR_OK;
}

static enum err document(json_t *doc, struct fail *f)
{
	json_t *all = json_object();
	set_text(doc, "openapi", "3.1.0");
	json_object_set_new(doc, "info",
			    json_pack("{s:s,s:s,s:s}", "title", "tocsin", "version", PACKAGE_VERSION,
				      "description", about));
	json_object_set_new(doc, "servers", json_pack("[{s:s}]", "url", "/"));
	json_object_set_new(doc, "security", json_pack("[{s:[]}]", "key"));
	json_object_set_new(doc, "paths", all);
	paths(all);
	return components(doc, f);
}

enum err openapi_make(struct buf *out, struct fail *f)
{
	json_t *doc = json_object();
	enum err e = document(doc, f);
	OWN(chars) char *text = e == ERR_OK ? json_dumps(doc, JSON_COMPACT) : NULL;
	json_decref(doc);
	TRY(e);
	if (!text)
		return fail(f, ERR_NOMEM, "no memory");
	buf_puts(out, text);
	return buf_err(out);
}
