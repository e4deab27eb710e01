/*
 * ep_legacy.c - downloads of old clients, each a restSearch with fixed options: /events/csv/download/...,
 * /attributes/text/download/... and Zeek's intelligence files (rest-api.md 4.0 and 4.7, as recorded).
 */
#include "api/ep_search.h"
#include "api/rest.h"

/* What stands behind "download", in its order; "" is skipped. */
struct legacy {
	enum search_scope scope;
	const char *format;
	bool kind_first; /* the kind of rules or digests stands before "download" */
	bool ids_only; /* only what is meant for detection, of published events */
	const char *const *names;
};

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- the options ---- */

/* Members by which old clients name the same. */
static const struct {
	const char *old, *name;
} renamed[] = {
	{"eventId", "eventid"},
	{"event_id", "eventid"},
	{"id", "eventid"},
	{"withAttachment", "withAttachments"},
	{"attachments", "withAttachments"},
};

/* Which attributes hold digests of a kind. */
static const struct {
	const char *kind;
	const char *types[4];
} digests[] = {
	{"md5", {"md5", "malware-sample", "filename|md5", NULL}},
	{"sha1", {"sha1", "filename|sha1", NULL}},
	{"sha256", {"sha256", "filename|sha256", NULL}},
};

static bool given(struct str v)
{
	return v.n && !str_is(v, "null") && !str_is(v, "0") && !str_is(v, "false");
}

static void text_set(json_t *o, const char *key, struct str v)
{
	json_object_set_new(o, key, json_stringn(v.p ? v.p : "", v.n));
}

static void rename_all(json_t *o)
{
	for (size_t i = 0; i < ARRAY_LEN(renamed); i++) {
		json_t *v = json_object_get(o, renamed[i].old);
		if (v && !json_object_get(o, renamed[i].name))
			json_object_set(o, renamed[i].name, v);
		if (v)
			json_object_del(o, renamed[i].old);
	}
}

/* In the path, ';' stands for ':' and "&&" parts a list, as search reads it. */
static void positional(struct http_req *r, json_t *o, const struct legacy *l, size_t from)
{
	for (size_t i = 0; l->names[i] && from + i < r->args_n; i++) {
		char *v = arena_cstr(r->arena, r->args[from + i]);
		for (char *p = v; p && *p; p++)
			if (*p == ';')
				*p = ':';
		if (v && l->names[i][0] && given(str_c(v)))
			text_set(o, l->names[i], str_c(v));
	}
}

static bool kind_set(struct http_req *r, json_t *o, struct str kind)
{
	json_t *types = json_array();
	for (size_t i = 0; i < ARRAY_LEN(digests); i++)
		for (size_t k = 0; str_eq_nocase(kind, str_c(digests[i].kind)) && digests[i].types[k]; k++)
			json_array_append_new(types, json_string(digests[i].types[k]));
	bool known = json_array_size(types) > 0;
	if (known)
		json_object_set(o, "type", types);
	else
		reply_error(r, 404, "There are lists of md5, sha1 and sha256.");
	json_decref(types);
	return known;
}

static void both(json_t *o, const char *key)
{
	json_object_set_new(o, key, json_pack("[i,i]", 0, 1));
}

/* Old words for what is to be in it. */
static void words_set(json_t *o, const struct legacy *l)
{
	if (json_truthy(json_object_get(o, "sigOnly")))
		json_object_set_new(o, "to_ids", json_integer(1));
	if (l->ids_only && !json_object_get(o, "to_ids"))
		json_object_set_new(o, "to_ids", json_integer(1));
	if (l->ids_only && !json_object_get(o, "published"))
		json_object_set_new(o, "published", json_integer(1));
	if (json_truthy(json_object_get(o, "ignore")) || json_truthy(json_object_get(o, "allowNonIDS")))
		both(o, "to_ids");
	if (json_truthy(json_object_get(o, "ignore")) ||
	    json_truthy(json_object_get(o, "allowNotPublished")))
		both(o, "published");
	if (json_is_string(json_object_get(o, "type")) &&
	    strcmp(json_string_value(json_object_get(o, "type")), "all") == 0)
		json_object_del(o, "type");
}

/* The parameters of the search; false: answered. */
static bool options(struct http_req *r, const struct legacy *l, json_t **out, struct fail *f)
{
	struct str format = str_c(l->format);
	size_t at = 0;
	json_t *o;
	if (rest_named_params(r, &o, f) != ERR_OK)
		return false;
	struct str kind = l->kind_first && r->args_n ? r->args[at++] : STR("");
	if (at < r->args_n && !str_is(r->args[at], "download")) {
		reply_error(r, 403, "Keys are not taken from the address: send the header Authorization.");
		return false;
	}
	positional(r, o, l, at + 1);
	rename_all(o);
	if (str_is(format, "hashes") && !kind_set(r, o, kind))
		return false;
	if (str_is(format, "suricata")) {
		if (!str_is(kind, "suricata") && !str_is(kind, "snort")) {
			reply_error(r, 404, "There are rules for suricata and snort.");
			return false;
		}
		format = kind;
	}
	words_set(o, l);
	text_set(o, "returnFormat", format);
	*out = o;
	return true;
}

static enum err legacy_run(struct http_req *r, struct fail *f)
{
	const struct legacy *l = r->ep->arg;
	json_t *params;
	if (!options(r, l, &params, f))
		return ERR_OK;
	return search_answer(r, l->scope, params, search_headers, f);
}

/* ---- Zeek ---- */

/* No counts, and a name of the group and the event. */
static void zeek_headers(struct http_req *r, const struct exporter *x, const struct query *q,
			 const struct search_result *found)
{
	struct str group = rest_text(r, q->raw, "bro_type");
	struct buf b = BUF(256);
	(void)found;
	buf_puts(&b, "attachment; filename=\"misp.");
	for (size_t i = 0; i < group.n && i < 64; i++)
		buf_putc(&b, strchr("\"\\/;", group.p[i]) || group.p[i] <= ' ' ? '_' : group.p[i]);
	if (q->eventid.any.n == 1 && q->eventid.any.v[0].n <= 36)
		buf_printf(&b, ".event_%.*s", STR_ARG(q->eventid.any.v[0]));
	buf_printf(&b, ".%s\"", x->type_name);
	reply_header(r, "Content-Disposition", arena_str(r->arena, buf_str(&b)));
	buf_free(&b);
}

/* `type` is a group of indicators here, not of attributes. */
static enum err bro_run(struct http_req *r, struct fail *f)
{
	const struct legacy *l = r->ep->arg;
	json_t *o;
	if (!options(r, l, &o, f))
		return ERR_OK;
	struct str group = rest_text(r, o, "type");
	text_set(o, "bro_type", group.n ? group : STR("all"));
	json_object_del(o, "type");
	return search_answer(r, l->scope, o, zeek_headers, f);
}

/* ---- rows ---- */

#define LEGACY(id, asks, where, text, runs, ...)                                                   \
	static const struct legacy form_##id = {__VA_ARGS__};                                      \
	const struct endpoint id = {                                                               \
		.methods = HTTP_GET | HTTP_POST,                                                   \
		.path = where,                                                                     \
		.rate = 1,                                                                         \
		.body_cap = SEARCH_BODY_MAX,                                                       \
		.run = runs,                                                                       \
		.arg = &form_##id,                                                                 \
		.shape = "Export",                                                                 \
		.takes = asks,                                                                     \
		.doc = text,                                                                       \
	};

LEGACY(ep_events_xml, "EventSearch", "/events/xml/:download",
       "Events as MISP XML, as old clients ask for them", legacy_run, .scope = SCOPE_EVENTS,
       .format = "xml", .names = NAMES("eventid", "withAttachments", "tags", "from", "to", "last"))
LEGACY(ep_events_csv, "EventSearch", "/events/csv/:download",
       "Attributes of events as CSV, as old clients ask for them", legacy_run,
       .scope = SCOPE_EVENTS, .format = "csv", .ids_only = true,
       .names = NAMES("eventid", "ignore", "tags", "category", "type", "includeContext", "from", "to",
		      "last", "headerless", "enforceWarninglist", "value", "timestamp"))
LEGACY(ep_events_nids, "EventSearch", "/events/nids/:kind",
       "Rules for Suricata or Snort, as old clients ask for them", legacy_run,
       .scope = SCOPE_EVENTS, .format = "suricata", .kind_first = true,
       .names = NAMES("eventid", "", "tags", "from", "to", "last", "type", "enforceWarninglist"))
LEGACY(ep_events_hids, "AttributeSearch", "/events/hids/:kind",
       "Digests of one kind (md5, sha1, sha256), as old clients ask for them", legacy_run,
       .scope = SCOPE_ATTRIBUTES, .format = "hashes", .kind_first = true,
       .names = NAMES("tags", "from", "to", "last", "enforceWarninglist"))
LEGACY(ep_events_stix, "EventSearch", "/events/stix/:download",
       "Events as STIX 1, as old clients ask for them", legacy_run, .scope = SCOPE_EVENTS,
       .format = "stix", .names = NAMES("eventid", "withAttachments", "tags", "from", "to", "last"))
LEGACY(ep_events_stix2, "EventSearch", "/events/stix2/:download",
       "Events as STIX 2, as old clients ask for them", legacy_run, .scope = SCOPE_EVENTS,
       .format = "stix2", .names = NAMES("eventid", "withAttachments", "tags", "from", "to", "last"))
LEGACY(ep_attributes_text, "AttributeSearch", "/attributes/text/:download",
       "Values, one a line, as old clients ask for them", legacy_run, .scope = SCOPE_ATTRIBUTES,
       .format = "text",
       .names = NAMES("type", "tags", "eventid", "allowNonIDS", "from", "to", "last",
		      "enforceWarninglist", "allowNotPublished"))
LEGACY(ep_attributes_rpz, "AttributeSearch", "/attributes/rpz/:download",
       "Response policy zone, as old clients ask for it", legacy_run, .scope = SCOPE_ATTRIBUTES,
       .format = "rpz",
       .names = NAMES("tags", "eventid", "from", "to", "policy", "walled_garden", "ns", "email",
		      "serial", "refresh", "retry", "expiry", "minimum_ttl", "ttl",
		      "enforceWarninglist", "ns_alt"))
LEGACY(ep_attributes_return, "AttributeSearch", "/attributes/returnAttributes/:download",
       "Attributes of one event and type, as old clients ask for them", legacy_run,
       .scope = SCOPE_ATTRIBUTES, .format = "json", .names = NAMES("eventid", "type", "sigOnly"))
LEGACY(ep_attributes_bro, "AttributeSearch", "/attributes/bro/:download",
       "Zeek intelligence file: all, ip, url, domain, ja3-fingerprint-md5, email, filename, "
       "filehash, certhash or software",
       bro_run, .scope = SCOPE_ATTRIBUTES, .format = "bro",
       .names = NAMES("type", "tags", "eventid", "from", "to", "last", "enforceWarninglist"))
