/*
 * ep_attachments.c - files: attributes/download and downloadAttachment give the bytes, events/upload_sample
 * takes samples, each as a file object. Names come from outside: never paths here, and cleaned in headers.
 */
#include "api/rest.h"
#include "api/upload.h"
#include "base/hash.h"
#include "base/samplezip.h"
#include "model/ascii.h"
#include "model/types.h"

#define SAMPLES_MAX (192u << 20) /* bytes of a request with samples */
#define FILES_MAX 100u

/* ---- giving ---- */

/* The last part of a name, for Content-Disposition. */
static struct str header_name(struct http_req *r, struct str value, bool zip)
{
	size_t from = value.n;
	while (from && value.p[from - 1] != '/' && value.p[from - 1] != '\\')
		from--;
	struct str name = arena_str(r->arena, str_sub(value, from, 200));
	for (char *p = (char *)name.p; p && *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f || *p == '"')
			*p = '_';
	return arena_printf(r->arena, "attachment; filename=\"%.*s%s\"", STR_ARG(name),
			    zip ? ".zip" : "");
}

static const char *media_of(struct str name, bool zip)
{
	if (zip)
		return "application/zip";
	return str_has_suffix(name, STR(".txt")) ? "text/plain; charset=UTF-8" : "application/octet-stream";
}

/* What the exporter ".attachment" gave: length of the value, new line, value, bytes. */
static bool taken_apart(struct str s, struct str *value, struct str *bytes)
{
	struct str head, rest = str_split(s, '\n', &head);
	uint64_t n;
	if (!rest.p || !str_u64(head, &n) || n > rest.n)
		return false;
	*value = str_sub(rest, 0, n);
	*bytes = str_sub(rest, n, rest.n);
	return true;
}

static enum err send_file(struct http_req *r, const struct misp_event *e, const struct misp_attr *a,
			  struct fail *f)
{
	OWN(sealed) struct sealed *s = NULL;
	OWN(buf) struct buf all = BUF(256u << 20);
	struct search_hit hit = {e->id, a->object_id, a->id};
	struct rest_export x = {.exporter = ".attachment",
				.scope = EXPORT_ATTRIBUTES,
				.hits = &hit,
				.n = 1,
				.attachments = true};
	struct str value, bytes, file;
	TRY(rest_export(r, &x, &s, f));
	TRY(rest_sealed_all(&s, &all, f));
	if (!taken_apart(buf_str(&all), &value, &bytes)) {
		reply_error(r, 404, "The attribute has no file.");
		return ERR_OK;
	}
	bool sample = a->type == ATTR_MALWARE_SAMPLE;
	if (sample)
		(void)str_split(value, '|', &file);
	else
		file = value;
	struct buf out = BUF(512u << 20);
	if (sample && !samplezip_is(bytes)) /* taken before samples were packed, or sent so by a peer */
		TRY(samplezip_make(&out, file, bytes));
	else
		buf_str_add(&out, bytes);
	reply_header(r, "Content-Disposition", header_name(r, file, sample));
	reply_header(r, "X-Content-Type-Options", STR("nosniff"));
	reply_body(r, 200, media_of(file, sample), &out);
	return ERR_OK;
}

static enum err attributes_download(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct misp_event e;
	struct misp_attr a;
	struct fail why = {0};
	TRY(rest_view(r, &v, f));
	enum err err = view_attr(v, req_arg(r, "id"), r->arena, &e, &a, &why);
	view_close(MOVE(v));
	if (err != ERR_OK || a.deleted) {
		reply_error(r, 401,
			    "Attribute does not exist or you do not have the permission to download this "
			    "attribute.");
		return ERR_OK;
	}
	if (!type_is_file(type_get((enum attr_type)a.type))) {
		reply_error(r, 404, "Attribute not an attachment or malware-sample");
		return ERR_OK;
	}
	return send_file(r, &e, &a, f);
}

/* ---- taking ---- */

struct sample {
	struct str name, data, comment;
	struct buf bytes;
	attr_category_id category;
	bool to_ids;
	uint64_t distribution;
};

static enum err add_part(struct raw_event *raw, const struct sample *s, enum attr_type type,
			 uint32_t ordinal, struct str value, bool to_ids, struct fail *f)
{
	struct element el = {.kind = EL_ATTR, .ordinal = ordinal, .parent = 1};
	struct misp_attr *a = &el.attr;
	misp_attr_init(a);
	a->type = type;
	a->category = type_fits_category(type, s->category) ? s->category : type_get(type)->category;
	a->value = value;
	a->to_ids = to_ids && s->to_ids;
	a->distribution = DIST_INHERIT;
	a->object_relation = type_name(type);
	a->disable_correlation = type == ATTR_SIZE_IN_BYTES;
	a->encrypt = type == ATTR_MALWARE_SAMPLE;
	if (a->encrypt) {
		a->data = s->data;
		ENTITY_SET_HAS(a, ATTR_F_data);
		ENTITY_SET_HAS(a, ATTR_F_encrypt);
	}
	ENTITY_SET_HAS(a, ATTR_F_type);
	ENTITY_SET_HAS(a, ATTR_F_category);
	ENTITY_SET_HAS(a, ATTR_F_value);
	ENTITY_SET_HAS(a, ATTR_F_to_ids);
	ENTITY_SET_HAS(a, ATTR_F_distribution);
	ENTITY_SET_HAS(a, ATTR_F_object_relation);
	ENTITY_SET_HAS(a, ATTR_F_disable_correlation);
	return raw_add(raw, &el, f);
}

/* A file object with the sample, its name, digests and length, as MISP makes it. */
static enum err file_object(struct http_req *r, const struct sample *s, struct raw_event *raw,
			    struct fail *f)
{
	struct element el = {.kind = EL_OBJECT, .ordinal = 1};
	struct str bytes = buf_str(&s->bytes);
	uint8_t md5[16], sha1[20];
	struct sha256 sha256 = hash_sha256(bytes);
	char h1[33], h2[41], h3[65];
	hash_md5(bytes, md5);
	hash_sha1(bytes, sha1);
	misp_object_init(&el.object);
	el.object.name = el.object.meta_category = STR("file");
	el.object.description = STR("File object describing a file with meta-information");
	el.object.template_uuid = STR("688c46fb-5edb-40a3-8273-1af7923e2215");
	el.object.template_version = STR("24");
	el.object.comment = s->comment;
	el.object.distribution = (uint8_t)MIN(s->distribution, 255u);
	ENTITY_SET_HAS(&el.object, OBJECT_F_name);
	ENTITY_SET_HAS(&el.object, OBJECT_F_meta_category);
	ENTITY_SET_HAS(&el.object, OBJECT_F_description);
	ENTITY_SET_HAS(&el.object, OBJECT_F_template_uuid);
	ENTITY_SET_HAS(&el.object, OBJECT_F_template_version);
	ENTITY_SET_HAS(&el.object, OBJECT_F_comment);
	ENTITY_SET_HAS(&el.object, OBJECT_F_distribution);
	TRY(raw_add(raw, &el, f));
	TRY(add_part(raw, s, ATTR_MALWARE_SAMPLE, 2, s->name, true, f));
	TRY(add_part(raw, s, ATTR_FILENAME, 3, s->name, false, f));
	TRY(add_part(raw, s, ATTR_MD5, 4, str_c(hash_hex(md5, sizeof(md5), h1)), true, f));
	TRY(add_part(raw, s, ATTR_SHA1, 5, str_c(hash_hex(sha1, sizeof(sha1), h2)), true, f));
	TRY(add_part(raw, s, ATTR_SHA256, 6, str_c(hash_hex(sha256.b, sizeof(sha256.b), h3)), true, f));
	return add_part(raw, s, ATTR_SIZE_IN_BYTES, 7, rest_id(r, bytes.n), false, f);
}

/* One file of the request. False: nothing was saved, with the reason. */
static bool take_sample(struct http_req *r, uint64_t event_id, const json_t *file, struct sample *s,
			struct fail *why)
{
	const struct ingest_env *env = &api_of(r)->ingest;
	struct ingest_result res;
	struct admit_facts facts = rest_facts(r);
	struct origin o = rest_origin(r);
	s->name = str_trim(rest_text(r, file, "filename"));
	s->data = rest_text(r, file, "data");
	buf_clear(&s->bytes);
	if (!s->name.n || ascii_has(s->name, '|') || !base64_decode(&s->bytes, s->data))
		return fail(why, ERR_INVAL, "A file needs a filename, and data in base64.") == ERR_OK;
	OWN(raw) struct raw_event *raw = raw_new(RAW_OBJECT, NULL, env->spool_dir);
	if (!raw || file_object(r, s, raw, why) != ERR_OK)
		return false;
	return ingest_elements_add(env, event_id, &raw, &o, &facts, false, r->arena, &res, why) == ERR_OK;
}

static enum err samples_save(struct http_req *r, uint64_t event_id, const json_t *body,
			     struct fail *f)
{
	struct sample s = {.comment = rest_text(r, body, "comment"),
			   .bytes = BUF(SAMPLES_MAX),
			   .category = category_find(rest_text(r, body, "category")),
			   .to_ids = rest_flag(body, "to_ids", true),
			   .distribution = api_of(r)->ingest.default_attr_distribution};
	const json_t *files = json_object_get(body, "files"), *file;
	struct fail why = {0};
	size_t n = 0, i;
	(void)f;
	(void)rest_take_u64(r, body, "distribution", &s.distribution);
	if (!s.comment.p)
		s.comment = STR("");
	json_array_foreach((json_t *)files, i, file)
		n += take_sample(r, event_id, file, &s, &why);
	buf_free(&s.bytes);
	struct str id = rest_id(r, event_id);
	me(r)->url = arena_printf(r->arena, "%.*s/events/view/%.*s", STR_ARG(api_of(r)->base_url),
				  STR_ARG(id));
	if (!n || n < json_array_size(files)) {
		rest_not_saved(r, "upload", "sample", id,
			       rest_quoted(r, why.text[0] ? why.text : "No samples received."));
		return ERR_OK;
	}
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_c, "name", "Success");
	JSONW_KV(&w, jsonw_c, "message", "Success, saved all attributes.");
	JSONW_KV(&w, jsonw_str, "url", me(r)->url);
	JSONW_KV(&w, jsonw_str, "id", id);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

static void take_level(const json_t *body, struct http_req *r, const char *key, uint8_t *to)
{
	uint64_t v;
	if (rest_take_u64(r, body, key, &v))
		*to = (uint8_t)MIN(v, 255u);
}

/* Without an event the samples get one of their own, of this name and distribution; false: answered. */
static bool make_event(struct http_req *r, const json_t *body, uint64_t *id)
{
	OWN(raw) struct raw_event *raw = raw_new(RAW_EVENT, NULL, api_of(r)->ingest.spool_dir);
	struct admit_facts facts = rest_facts(r);
	struct origin o = rest_origin(r);
	struct ingest_result res;
	struct fail why = {0};
	enum err e = ERR_NOMEM;
	if (raw) {
		struct misp_event *h = raw_head(raw);
		h->info = rest_text(r, body, "info");
		if (!h->info.n)
			h->info = STR("Samples");
		ENTITY_SET_HAS(h, EVENT_F_info);
		take_level(body, r, "distribution", &h->distribution);
		take_level(body, r, "threat_level_id", &h->threat_level_id);
		take_level(body, r, "analysis", &h->analysis);
		static const struct {
			const char *key;
			unsigned bit;
		} given[] = {{"distribution", EVENT_F_distribution},
			     {"threat_level_id", EVENT_F_threat_level_id},
			     {"analysis", EVENT_F_analysis}};
		for (size_t i = 0; i < ARRAY_LEN(given); i++)
			if (json_object_get(body, given[i].key))
				ENTITY_SET_HAS(h, given[i].bit);
		e = ingest_event_add(&api_of(r)->ingest, &raw, &o, &facts, r->arena, &res, &why);
	}
	if (e == ERR_OK)
		*id = res.event_id;
	else
		upload_refused(r, "add", "Event", e, &why);
	return e == ERR_OK;
}

static enum err events_upload_sample(struct http_req *r, struct fail *f)
{
	OWN(view) struct view *v = NULL;
	struct misp_event e;
	struct fail why = {0};
	json_t *body;
	if (rest_json(r, NULL, &body, f) != ERR_OK)
		return ERR_OK;
	struct str id = req_arg(r, "id");
	if (!id.p)
		id = rest_text(r, body, "event_id");
	if (json_array_size(json_object_get(body, "files")) > FILES_MAX) {
		reply_error(r, 413, "At most %u files at once.", FILES_MAX);
		return ERR_OK;
	}
	if (!id.n) {
		if (!json_array_size(json_object_get(body, "files")))
			reply_error(r, 403, "No samples received.");
		else if (make_event(r, body, &e.id))
			return samples_save(r, e.id, body, f);
		return ERR_OK;
	}
	TRY(rest_view(r, &v, f));
	enum err err = view_event(v, id, r->arena, &e, &why);
	view_close(MOVE(v));
	if (err != ERR_OK) {
		reply_error(r, 404, "Invalid event");
		return ERR_OK;
	}
	if (!rest_may_modify(r, &e)) {
		reply_error(r, 403, "You do not have permission to do that.");
		return ERR_OK;
	}
	return samples_save(r, e.id, body, f);
}

/* ---- rows ---- */

const struct endpoint ep_attributes_download = {
	.methods = HTTP_GET,
	.path = "/attributes/download/:id",
	.run = attributes_download,
	.shape = "File",
	.doc = "The file of an attribute; samples in a zip with the password \"infected\"",
};
const struct endpoint ep_attributes_download_attachment = {
	.methods = HTTP_GET,
	.path = "/attributes/downloadAttachment/:how/:id",
	.run = attributes_download,
	.shape = "File",
	.doc = "The same under its older name",
};
const struct endpoint ep_events_upload_sample = {
	.methods = HTTP_POST,
	.path = "/events/upload_sample/:id",
	.auth = perm_add,
	.body_cap = SAMPLES_MAX,
	.run = events_upload_sample,
	.shape = "Saved",
	.doc = "Add samples to an event, each as a file object; without one to a new event (info, distribution)",
};
