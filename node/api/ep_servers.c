/*
 * ep_servers.c - what a client asks first: versions, types, who am I; and the node's health.
 */
#include "api/rest.h"
#include "base/clock.h"
#include "model/types.h"

static enum err get_version(struct http_req *r, struct fail *f)
{
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	char uuid[UUID_TEXT_LEN + 1];
	(void)f;
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_str, "version", api_of(r)->misp_version);
	JSONW_KV(&w, jsonw_str, "pymisp_recommended_version", api_of(r)->misp_version);
	JSONW_KV(&w, jsonw_bool, "perm_sync", may(r, perm_sync));
	JSONW_KV(&w, jsonw_bool, "perm_sighting", may(r, perm_sighting));
	JSONW_KV(&w, jsonw_bool, "perm_galaxy_editor", may(r, perm_galaxy_editor));
	JSONW_KV(&w, jsonw_bool, "perm_analyst_data", may(r, perm_analyst_data));
	JSONW_KV(&w, jsonw_c, "uuid",
		 may(r, perm_sync) ? uuid_format(store_node_uuid(api_of(r)->store), uuid) : "-");
	jsonw_key(&w, "request_encoding");
	jsonw_arr(&w);
	for (const char *const *c = http_request_codings(); *c; c++)
		jsonw_c(&w, *c);
	jsonw_arr_end(&w);
	JSONW_KV(&w, jsonw_bool, "filter_sightings", true);
	/* only to our own kind: to others we look as MISP does, member by member */
	if (may(r, perm_sync) && str_find(req_header(r, "User-Agent"), STR("tocsin/")) >= 0) {
		jsonw_key(&w, "tocsin");
		jsonw_obj(&w);
		JSONW_KV(&w, jsonw_c, "version", PACKAGE_VERSION);
		JSONW_KV(&w, jsonw_uint, "changes", 1); /* changes.h, ep_bulk.c */
		jsonw_obj_end(&w);
	}
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

static enum err pymisp_version(struct http_req *r, struct fail *f)
{
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	(void)f;
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_str, "version", api_of(r)->misp_version);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

/* The three newer types are listed when the reported version has them (design section 12). */
static bool lists_newer(const struct api *api)
{
	return !str_is(api->misp_version, "2.5.1") && str_cmp(api->misp_version, STR("2.5.10")) >= 0;
}

static enum err describe_types(struct http_req *r, struct fail *f)
{
	struct buf b = BUF(1 << 20);
	struct jsonw w = jsonw_on(&b);
	(void)f;
	jsonw_obj(&w);
	jsonw_key(&w, "result");
	types_describe(&w, lists_newer(api_of(r)));
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

static enum err healthz(struct http_req *r, struct fail *f)
{
	(void)f;
	reply_lit(r, 200, "text/plain", "ok\n");
	return ERR_OK;
}

static enum err readyz(struct http_req *r, struct fail *f)
{
	struct buf why = BUF(4096);
	const struct api *api = api_of(r);
	bool ready = !api->ready || api->ready(api->user, &why);
	(void)f;
	if (ready)
		buf_puts(&why, "ready\n");
	reply_body(r, ready ? 200 : 503, "text/plain", &why);
	return ERR_OK;
}

/* From this machine itself, and not through a proxy that runs on it. */
static bool asked_here(const struct http_req *r)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	static const uint8_t six[16] = {[15] = 1};
	static const char *const proxied[] = {"Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"};
	const uint8_t *ip = r->peer.ip;
	for (size_t i = 0; i < ARRAY_LEN(proxied); i++)
		if (req_header(r, proxied[i]).p)
			return false;
	return r->peer.is_unix || !memcmp(ip, six, 16) || (!memcmp(ip, mapped, 12) && ip[12] == 127);
}

/* Totals count hidden events too, so they are not for everybody. */
static enum err metrics(struct http_req *r, struct fail *f)
{
	struct buf b = BUF(4 << 20);
	const struct api *api = api_of(r);
	if (!asked_here(r))
		TRY(api_auth(r, f));
	if (api->metrics)
		api->metrics(api->user, &b);
	reply_body(r, 200, "text/plain; version=0.0.4; charset=utf-8", &b);
	return ERR_OK;
}

const struct endpoint ep_servers_get_version = {
	.methods = HTTP_ANY,
	.path = "/servers/getVersion",
	.flags = EP_INLINE,
	.run = get_version,
	.shape = "Version",
	.doc = "MISP version and what the caller may do",
};
const struct endpoint ep_servers_pymisp_version = {
	.methods = HTTP_ANY,
	.path = "/servers/getPyMISPVersion",
	.flags = EP_INLINE,
	.run = pymisp_version,
	.shape = "Version",
	.doc = "Recommended PyMISP version",
};
const struct endpoint ep_attributes_describe_types = {
	.methods = HTTP_ANY,
	.path = "/attributes/describeTypes",
	.run = describe_types,
	.shape = "Types",
	.doc = "Attribute types, categories and their defaults",
};
const struct endpoint ep_healthz = {
	.methods = HTTP_GET,
	.path = "/healthz",
	.flags = EP_INLINE | EP_NO_AUTH | EP_EXACT,
	.run = healthz,
	.shape = "Text",
	.doc = "Is the process alive?",
};
const struct endpoint ep_readyz = {
	.methods = HTTP_GET,
	.path = "/readyz",
	.flags = EP_INLINE | EP_NO_AUTH | EP_EXACT,
	.run = readyz,
	.shape = "Text",
	.doc = "Is the node ready to serve? 503 tells why not",
};
const struct endpoint ep_metrics = {
	.methods = HTTP_GET,
	.path = "/metrics",
	.flags = EP_NO_AUTH | EP_EXACT, /* metrics() asks itself */
	.auth = perm_site_admin,
	.run = metrics,
	.shape = "Prometheus",
	.doc = "Counters in Prometheus' text form; without a key only over loopback, unproxied",
};
