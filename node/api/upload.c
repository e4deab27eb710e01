/*
 * upload.c - MISP documents in request bodies, parsed as they arrive.
 */
#include "api/upload.h"

#include <stdatomic.h>

#include "api/xml_body.h"
#include "base/hash.h"
#include "base/log.h"
#include "ingest/quarantine.h"
#include "pgp/spool.h"

/* Bodies in XML are trees in memory, unlike those in JSON: so few at once. */
#define XML_AT_ONCE 6u
static atomic_uint xml_under_way;

struct upload {
	struct json_read *reader;
	struct raw_event *raw; /* complete */
	struct fail why;
	enum err err;
	enum raw_root root;
	bool any; /* has there been a byte? */
	struct pgp_spool *signed_bytes; /* the body, when it comes with a signature that is wanted */
	enum err signed_err;
	struct hash_ctx *digest; /* of the body as it came, for the origin */
	struct xml_read *xml; /* a body in XML, which becomes JSON when it is whole */
	struct arena *tree;
	bool is_refused; /* too many of these */
	bool foreign; /* a list or {"response":..} for an event: read, but not taken */
};

static void upload_free(void *ctx)
{
	struct upload *u = ctx;
	json_read_free(u->reader);
	if (u->tree)
		atomic_fetch_sub(&xml_under_way, 1);
	xml_read_free(u->xml);
	arena_free(u->tree);
	raw_free(u->raw);
	pgp_spool_free(u->signed_bytes);
	hash_abort(u->digest);
	free(u);
}

static enum err upload_done(void *user, struct raw_event *raw, struct fail *f)
{
	struct upload *u = user;
	(void)f;
	if (u->raw)
		raw_free(raw); /* a list: MISP takes none here, the first is enough for its answer */
	else
		u->raw = raw;
	return ERR_OK;
}

enum err upload_begin(struct http_req *r, enum raw_root root, struct fail *f)
{
	struct upload *u = calloc(1, sizeof(*u));
	struct json_read_opts o = {.root = root,
				   .spool_dir = api_of(r)->ingest.spool_dir,
				   .keep_source = root == RAW_EVENT &&
						  ingest_keeps_source(&api_of(r)->ingest),
				   .many = root == RAW_EVENT};
	if (!u)
		return fail(f, ERR_NOMEM, "no memory");
	u->root = root;
	r->ctx = u;
	r->ctx_free = upload_free;
	u->reader = json_read_new(&o, upload_done, u);
	u->digest = hash_begin();
	if (rest_is_xml(r)) {
		if (atomic_fetch_add(&xml_under_way, 1) >= XML_AT_ONCE) {
			atomic_fetch_sub(&xml_under_way, 1);
			u->is_refused = true;
			u->err = fail(&u->why, ERR_AGAIN, "Too many bodies in XML at once: try again.");
			return ERR_OK;
		}
		u->tree = arena_new(XML_BODY_MEMORY);
		if (!u->tree)
			atomic_fetch_sub(&xml_under_way, 1);
		u->xml = u->tree ? xml_read_new(u->tree, NULL) : NULL;
		if (!u->xml)
			return fail(f, ERR_NOMEM, "no memory");
	}
	if (root == RAW_EVENT && rest_facts(r).wants_signature &&
	    req_header(r, SIGNATURE_HEADER).n)
		TRY(pgp_spool_new(o.spool_dir, SIGNED_MAX, true, &u->signed_bytes, f));
	return u->reader ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
}

static bool looks_foreign(struct str s)
{
	if (s.n && s.p[0] == '[')
		return true;
	return s.n && s.p[0] == '{' &&
	       str_has_prefix(str_trim(str_sub(s, 1, s.n)), STR("\"response\""));
}

/* Errors are kept for the end, so that the answer comes when the client listens. */
enum err upload_body(struct http_req *r, struct str bytes, struct fail *f)
{
	struct upload *u = r->ctx;
	(void)f;
	if (!u->any && u->root == RAW_EVENT && !u->xml)
		u->foreign = looks_foreign(str_trim(bytes));
	u->any |= str_trim(bytes).n > 0;
	hash_add(u->digest, bytes.p, bytes.n);
	if (u->signed_bytes && u->signed_err == ERR_OK)
		u->signed_err = pgp_spool_add(u->signed_bytes, bytes, NULL);
	if (u->err == ERR_OK)
		u->err = u->xml ? xml_read_feed(u->xml, bytes, &u->why)
				: json_read_feed(u->reader, bytes.p, bytes.n, &u->why);
	return ERR_OK;
}

/* MISP's text, and beside it the place, which MISP does not tell. */
static void answer_bad_json(struct http_req *r, const struct fail *why)
{
	static const char text[] =
		"Invalid JSON input. Make sure that the JSON input is a correctly formatted JSON "
		"string. This request has been blocked to avoid an unfiltered request.";
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_c, "name", text);
	JSONW_KV(&w, jsonw_c, "message", text);
	JSONW_KV(&w, jsonw_str, "url", r->url);
	JSONW_KV(&w, jsonw_c, "detail", why->text);
	JSONW_KV(&w, jsonw_uint, "line", why->line);
	JSONW_KV(&w, jsonw_uint, "column", why->column);
	JSONW_KV(&w, jsonw_uint, "offset", why->offset);
	jsonw_obj_end(&w);
	rest_answer(r, 405, &b);
}

/* The tree of a body in XML goes on as JSON. */
static enum err read_xml(struct upload *u, struct fail *f)
{
	OWN(buf) struct buf b = BUF(XML_BODY_MEMORY);
	struct xml_node *root;
	TRY(xml_read_end(u->xml, &root, f));
	TRY(xml_body_json(root, &b));
	return json_read_feed(u->reader, b.p, b.n, f);
}

/* The finished document, or answered. */
struct raw_event *upload_take(struct http_req *r)
{
	struct upload *u = r->ctx;
	enum err read = u->err;
	if (u->xml && u->any && read == ERR_OK)
		read = u->err = read_xml(u, &u->why);
	if ((u->xml || u->is_refused) && read != ERR_OK) {
		rest_bad_xml(r, read, &u->why);
		return NULL;
	}
	if (u->err == ERR_OK && u->any)
		u->err = json_read_end(u->reader, &u->why);
	if (u->err == ERR_PARSE) {
		answer_bad_json(r, &u->why);
		return NULL;
	}
	if (u->err != ERR_OK) {
		reply_error(r, err_http(u->err), "%s", u->why.text);
		return NULL;
	}
	if (!u->raw)
		u->raw = raw_new(u->root, NULL, api_of(r)->ingest.spool_dir);
	if (!u->raw)
		reply_err(r, ERR_NOMEM);
	return MOVE(u->raw);
}

struct origin upload_origin(struct http_req *r)
{
	struct upload *u = r->ctx;
	struct origin o = rest_origin(r);
	if (!u->digest)
		return o;
	struct sha256 d = hash_end(MOVE(u->digest));
	memcpy(o.digest, d.b, sizeof(o.digest));
	return o;
}

enum err upload_verify(struct http_req *r, const struct entity_list *keys,
		       struct admit_facts *facts, struct fail *f)
{
	struct upload *u = r->ctx;
	uint64_t n;
	int fd;
	if (!facts->wants_signature || !u->signed_bytes)
		return gate_admit_protected(facts, keys, f);
	TRY(u->signed_err);
	TRY(pgp_spool_end(u->signed_bytes, &fd, &n, f));
	struct fail why = {0};
	enum err e = pgp_verify(api_of(r)->pgp, fd, n, req_header(r, SIGNATURE_HEADER), keys, &why);
	log_info("api", "signature of a protected event %s detail=%s",
		 e == ERR_OK ? "good" : "refused", log_val(str_c(why.text)));
	if (e != ERR_OK && e != ERR_PERM)
		return fail(f, e, "%s", why.text);
	facts->has_signature = true;
	if (e == ERR_OK)
		facts->signed_by = cryptokeys_digest(keys);
	return gate_admit_protected(facts, keys, f);
}

bool upload_is_foreign(struct http_req *r)
{
	const struct upload *u = r->ctx;
	return u->foreign;
}

bool upload_is_empty(struct raw_event *raw)
{
	bool empty = !raw_head(raw)->head.has;
	for (unsigned k = 0; k < EL_COUNT; k++)
		empty &= raw_count(raw, k) == 0;
	return empty;
}

/* `errors` of a failed save: the gate's text is JSON already, or a sentence. */
struct str upload_errors(struct http_req *r, const struct fail *why)
{
	if (why->text[0] == '{' || why->text[0] == '"' || why->text[0] == '[')
		return arena_str(r->arena, str_c(why->text));
	return rest_quoted(r, why->text);
}

void upload_refused(struct http_req *r, const char *action, const char *what, enum err e,
		    const struct fail *why)
{
	switch ((int)e) {
	case ERR_BLOCKED:
		reply_error(r, 403, "%s", why->text);
		break;
	case ERR_PERM:
		reply_error(r, 403, "%s", why->text);
		break;
	case ERR_NOENT:
		reply_error(r, 404, "%s", why->text[0] ? why->text : err_text(e));
		break;
	case ERR_INVAL:
	case ERR_STALE:
		rest_not_saved(r, action, what, STR_NONE, upload_errors(r, why));
		break;
	default:
		log_warn("api", "%s %s failed err=%s detail=%s", what, action, err_name(e),
			 log_val(str_c(why->text)));
		reply_err(r, e);
	}
}
