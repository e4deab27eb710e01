/*
 * settings.c - the table of MISP's server settings and where their values come from.
 *
 * What is kept in the store stands in T_SETTING as "node/<name>", beside the settings of users.
 */
#include "api/settings.h"

#include <stdio.h>

/* ---- values ---- */

static void value_base_url(const struct api *api, struct jsonw *w)
{
	jsonw_str(w, api->base_url);
}

static void value_host_org(const struct api *api, struct jsonw *w)
{
	jsonw_uint(w, api->egress.host_org_id);
}

static void value_org(const struct api *api, struct jsonw *w)
{
	jsonw_str(w, api->egress.host_org_name);
}

static void value_node_uuid(const struct api *api, struct jsonw *w)
{
	jsonw_uuid(w, store_node_uuid(api->store));
}

static void value_event_distribution(const struct api *api, struct jsonw *w)
{
	jsonw_uint_str(w, api->ingest.default_event_distribution);
}

static void value_attribute_distribution(const struct api *api, struct jsonw *w)
{
	if (api->ingest.default_attr_distribution == DIST_INHERIT)
		jsonw_c(w, "event");
	else
		jsonw_uint_str(w, api->ingest.default_attr_distribution);
}

static void value_unpublished_private(const struct api *api, struct jsonw *w)
{
	jsonw_bool(w, api->egress.unpublished_private);
}

static void value_pgp_home(const struct api *api, struct jsonw *w)
{
	jsonw_c(w, conf_pgp_home(api->conf));
}

static void value_pgp_enabled(const struct api *api, struct jsonw *w)
{
	jsonw_bool(w, api->conf->pgp_enabled);
}

static void value_sightings_policy(const struct api *api, struct jsonw *w)
{
	jsonw_uint(w, api->egress.sightings_policy);
}

static void value_sightings_anonymise(const struct api *api, struct jsonw *w)
{
	jsonw_bool(w, api->egress.sightings_anonymise);
}

static void value_sightings_realtime(const struct api *api, struct jsonw *w)
{
	jsonw_bool(w, api->conf->sightings_realtime);
}

/* scheme://user:password@host:port; what stands before the host is not told. */
static void proxy_parts(const struct api *api, struct str *host, struct str *port)
{
	struct str s = api->conf->proxy ? str_c(api->conf->proxy) : STR("");
	ptrdiff_t at = str_find(s, STR("://"));
	if (at >= 0)
		s = str_sub(s, (size_t)at + 3, s.n);
	for (size_t i = s.n; i-- > 0;)
		if (s.p[i] == '@') {
			s = str_sub(s, i + 1, s.n);
			break;
		}
	*host = s;
	*port = STR("");
	for (size_t i = s.n; i-- > 0 && s.p[i] != ']';)
		if (s.p[i] == ':') {
			*host = str_sub(s, 0, i);
			*port = str_sub(s, i + 1, s.n);
			break;
		}
}

static void value_proxy_host(const struct api *api, struct jsonw *w)
{
	struct str host, port;
	proxy_parts(api, &host, &port);
	jsonw_str(w, host);
}

static void value_proxy_port(const struct api *api, struct jsonw *w)
{
	struct str host, port;
	uint64_t n;
	proxy_parts(api, &host, &port);
	if (str_u64(port, &n))
		jsonw_uint(w, n);
	else
		jsonw_c(w, "");
}

/* ---- the table ---- */

const struct setting settings[] = {
#define SETTING(name, tab, level, type, test, source, arg, value, text)                            \
	{name, tab, level, SETTING_##type, test, SETTING_##source, arg, value, text},
#include "api/settings.inc"
#undef SETTING
};
const size_t settings_n = ARRAY_LEN(settings);

const struct setting *setting_find(struct str name)
{
	for (size_t i = 0; i < settings_n; i++)
		if (str_is(name, settings[i].name))
			return &settings[i];
	return NULL;
}

const char *setting_type_name(enum setting_type t)
{
	static const char *const names[] = {"string", "boolean", "numeric"};
	return names[t];
}

struct str setting_row_name(struct arena *a, const struct setting *s)
{
	return arena_printf(a, "node/%s", s->name);
}

/* What was stored, or the default; JSON. */
static struct str stored(const struct store_rtxn *t, const struct setting *s)
{
	struct misp_setting row;
	char name[128];
	uint64_t id;
	snprintf(name, sizeof(name), "node/%s", s->name);
	if (store_find(t, IX_SETTING_NAME, str_c(name), &id) == ERR_OK &&
	    store_get(t, T_SETTING, id, NULL, &row) == ERR_OK && row.value.n)
		return row.value;
	return str_c(s->arg);
}

void setting_value(const struct api *api, const struct store_rtxn *t, const struct setting *s,
		   struct jsonw *w)
{
	if (s->value)
		s->value(api, w);
	else if (s->source == SETTING_STORED)
		jsonw_raw(w, stored(t, s));
	else
		jsonw_raw(w, str_c(s->arg));
}

bool setting_on(const struct api *api, const struct store_rtxn *t, const char *name)
{
	const struct setting *s = setting_find(str_c(name));
	OWN(buf) struct buf b = BUF(4096);
	struct jsonw w = jsonw_on(&b);
	if (BUG(!s || s->type != SETTING_boolean))
		return false;
	setting_value(api, t, s, &w);
	return str_is(buf_str(&b), "true");
}
