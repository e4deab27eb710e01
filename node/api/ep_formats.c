/*
 * ep_formats.c - what return formats there are, which types of attributes each can carry and what it drops.
 * Our own extension; from the rows of exporters, those of sensors among them.
 */
#include "api/rest.h"
#include "feeds/export/export.h"
#include "feeds/sensor/sensor.h"
#include "model/types.h"

static void scopes_put(struct jsonw *w, unsigned scopes)
{
	jsonw_key(w, "scopes");
	jsonw_arr(w);
	if (scopes & EXPORT_EVENTS)
		jsonw_c(w, "events");
	if (scopes & EXPORT_ATTRIBUTES)
		jsonw_c(w, "attributes");
	jsonw_arr_end(w);
}

static void types_put(struct jsonw *w, const struct exporter *x)
{
	JSONW_KV(w, jsonw_bool, "all_types", !x->carries);
	jsonw_key(w, "types");
	jsonw_arr(w);
	for (attr_type_id t = 1; x->carries && t < ATTR_TYPE_LIMIT; t++)
		if (x->carries(t))
			jsonw_str(w, type_name(t));
	jsonw_arr_end(w);
}

/* What a subscription to it may set; NULL: there are none to it. */
static void options_put(struct jsonw *w, const struct sensor_row *s)
{
	JSONW_KV(w, jsonw_bool, "subscription", s != NULL);
	jsonw_key(w, "options");
	jsonw_arr(w);
	for (const struct sensor_param *p = s ? s->format->params : NULL; p && p->name; p++) {
		jsonw_obj(w);
		JSONW_KV(w, jsonw_c, "name", p->name);
		JSONW_KV(w, jsonw_c, "fallback", p->fallback ? p->fallback : "");
		JSONW_KV(w, jsonw_c, "doc", p->doc);
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
}

static enum err formats(struct http_req *r, struct fail *f)
{
	struct buf b = BUF(1u << 20);
	struct jsonw w = jsonw_on(&b);
	(void)f;
	jsonw_arr(&w);
	for (const struct exporter *const *x = export_rows; *x; x++) {
		/* answers of single calls, parts of feeds; formats that another one of the name hides */
		if (!(*x)->drops || export_find(str_c((*x)->name)) != *x)
			continue;
		jsonw_obj(&w);
		JSONW_KV(&w, jsonw_c, "name", (*x)->name);
		JSONW_KV(&w, jsonw_c, "doc", (*x)->doc);
		JSONW_KV(&w, jsonw_c, "media_type", (*x)->media);
		JSONW_KV(&w, jsonw_bool, "sensor", (*x)->sensor);
		JSONW_KV(&w, jsonw_bool, "detection_only", (*x)->restrictive);
		scopes_put(&w, (*x)->scopes);
		types_put(&w, *x);
		JSONW_KV(&w, jsonw_c, "drops", (*x)->drops);
		options_put(&w, sensor_find(str_c((*x)->name)));
		jsonw_obj_end(&w);
	}
	jsonw_arr_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

const struct endpoint ep_tocsin_formats = {
	.methods = HTTP_GET,
	.path = "/tocsin/formats",
	.run = formats,
	.shape = "Formats",
	.doc = "Return formats of restSearch: which types of attributes each carries, and what it drops",
};
