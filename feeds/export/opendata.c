/*
 * opendata.c - a data set as open-data portals list them: what the search gives, how much, from when to
 * when and where to fetch it. MISP hands such a description to a script that talks to the portal; this
 * node talks to none: the answer is the body for the portal's API (udata: POST /api/1/datasets/).
 */
#include "feeds/export/export.h"
#include "feeds/export/json_parts.h"
#include "feeds/export/parts.h"

struct opendata {
	uint64_t events, attributes;
	uint32_t first, last; /* dates of events, yyyymmdd; 0: none */
	int64_t changed; /* newest timestamp */
};

static enum err opendata_event(struct export_run *r, const struct rel_event *e)
{
	struct opendata *o = r->state;
	seal_count(r->out, 1, 0);
	o->events++;
	if (e->e->date && (!o->first || e->e->date < o->first))
		o->first = e->e->date;
	o->last = MAX(o->last, e->e->date);
	o->changed = MAX(o->changed, e->e->timestamp);
	return ERR_OK;
}

static enum err opendata_element(struct export_run *r, const struct rel_event *e,
				 const struct rel_element *el)
{
	struct opendata *o = r->state;
	if (el->kind != EL_ATTR)
		return ERR_OK;
	seal_count(r->out, 0, 1);
	o->attributes++;
	o->changed = MAX(o->changed, el->attr->timestamp);
	if (r->opts->scope == EXPORT_ATTRIBUTES) {
		if (e->e->date && (!o->first || e->e->date < o->first))
			o->first = e->e->date;
		o->last = MAX(o->last, e->e->date);
	}
	return ERR_OK;
}

static void text(struct buf *b, const char *key, struct str given, const char *otherwise)
{
	buf_printf(b, "\"%s\":\"", key);
	php_json_text(b, given.n ? given : str_c(otherwise));
	LIT(b, "\",");
}

static void resource(struct export_run *r, const char *format, const char *mime, bool last)
{
	struct buf *b = seal_buf(r->out);
	buf_printf(b, "{\"title\":\"%s\",\"format\":\"%s\",\"mime\":\"%s\",\"filetype\":\"remote\","
		      "\"type\":\"main\",\"url\":\"",
		   format, format, mime);
	php_json_text(b, r->opts->base_url);
	php_json_text(b, r->opts->scope == EXPORT_EVENTS ? STR("/events") : STR("/attributes"));
	php_json_text(b, STR("/restSearch"));
	buf_printf(b, "\",\"extras\":{\"returnFormat\":\"%s\"}}%s", format, last ? "" : ",");
}

static enum err opendata_end(struct export_run *r)
{
	const struct opendata *o = r->state;
	struct buf *b = seal_buf(r->out);
	buf_putc(b, '{');
	text(b, "title", param_get(r, "title"), "Threat intelligence");
	text(b, "description", param_get(r, "description"),
	     "Indicators of compromise with their events, from a threat-sharing node");
	text(b, "license", param_get(r, "license"), "notspecified");
	text(b, "frequency", param_get(r, "frequency"), "daily");
	LIT(b, "\"private\":false,\"tags\":[\"misp\",\"threat-intelligence\"],");
	if (o->first) {
		LIT(b, "\"temporal_coverage\":{\"start\":");
		jp_date(b, o->first);
		LIT(b, ",\"end\":");
		jp_date(b, o->last);
		LIT(b, "},");
	}
	LIT(b, "\"extras\":{");
	if (r->opts->scope == EXPORT_EVENTS) /* those of attributes are not told one by one */
		buf_printf(b, "\"events\":%llu,", (unsigned long long)o->events);
	buf_printf(b, "\"attributes\":%llu,\"last_change\":\"", (unsigned long long)o->attributes);
	time_put(b, o->changed, 'T');
	LIT(b, "Z\"},\"resources\":[");
	resource(r, "json", "application/json", false);
	resource(r, "csv", "text/csv", true);
	LIT(b, "]}\n");
	return buf_err(b);
}

const struct exporter export_opendata = {
	.name = "opendata",
	.media = "application/json",
	.type_name = "json",
	.doc = "description of the search as a data set, for the API of an open-data portal",
	.drops = "everything but numbers, dates and addresses",
	.scopes = EXPORT_EVENTS | EXPORT_ATTRIBUTES,
	.state_size = sizeof(struct opendata),
	.event = opendata_event,
	.element = opendata_element,
	.end = opendata_end,
};
