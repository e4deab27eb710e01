/*
 * feed_fault.c - is what somebody says of a feed possible? What could never be fetched is refused when it is
 * entered, where its author sees why, and not hours later by the schedule.
 */
#include "api/feeds.h"

#include "feeds/in/values.h"

static struct str text_of(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)} : STR_NONE;
}

static enum err no_value(void *user, const struct values_hit *hit, struct fail *f)
{
	(void)user;
	(void)hit;
	(void)f;
	return ERR_OK;
}

/* Columns, delimiter and expression, as the reader of values will take them. */
static struct str settings_fault(struct http_req *r, const struct misp_feed *d)
{
	OWN(values) struct values *v = NULL;
	struct fail why = {0};
	json_t *s = json_loadb(d->settings.p ? d->settings.p : "", d->settings.n, 0, NULL);
	const json_t *csv = json_object_get(s, "csv"), *common = json_object_get(s, "common");
	struct values_opts o = {.format = str_is(d->source_format, "csv") ? VALUES_CSV
									   : VALUES_FREETEXT,
				.columns = text_of(csv, "value"),
				.delimiter = text_of(csv, "delimiter"),
				.exclude = text_of(common, "excluderegex")};
	enum err e = values_new(&o, no_value, NULL, &v, &why);
	json_decref(s);
	return e == ERR_OK ? STR_NONE : rest_field_error(r, "settings", arena_printf(r->arena, "%s", why.text).p);
}

static struct str headers_fault(struct http_req *r, struct str lines)
{
	struct str line;
	while (lines.n) {
		lines = str_split(lines, '\n', &line);
		line = str_trim(line);
		if (line.n && str_chr(line, ':') <= 0)
			return rest_field_error(r, "headers", "One header a line, each as Name: value.");
	}
	return STR_NONE;
}

/* MISP's forms call it target_event, which says more: an event that is there, by number or UUID. */
static struct str target_fault(struct http_req *r, const json_t *body, struct misp_feed *d)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct fail why = {0};
	struct misp_event e;
	struct uuid u;
	struct str given = rest_text(r, body, "target_event");
	if (!given.n || str_is(given, "0"))
		return STR_NONE;
	if (store_read(api_of(r)->store, &t, &why) != ERR_OK)
		return rest_field_error(r, "target_event", "The store does not answer.");
	bool is = uuid_parse(given, &u)
			  ? store_find(t, IX_EVENT_UUID, (struct str){(char *)u.b, sizeof(u.b)},
				       &d->event_id) == ERR_OK
			  : str_u64(given, &d->event_id);
	if (!is || store_get(t, T_EVENT, d->event_id, NULL, &e) != ERR_OK)
		return rest_field_error(r, "target_event", "There is no such event.");
	d->fixed_event = true;
	return STR_NONE;
}

struct str feed_row_fault(struct http_req *r, const json_t *body, struct misp_feed *d)
{
	/* other formats are taken, as MISP does (recorded); fetching then says what is wrong */
	bool values = str_is(d->source_format, "csv") || str_is(d->source_format, "freetext");
	struct str fault = json_object_get(body, "headers") ? headers_fault(r, d->headers) : STR_NONE;
	if (!fault.p && values)
		fault = settings_fault(r, d);
	return fault.p ? fault : target_fault(r, body, d);
}
