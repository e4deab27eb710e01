/*
 * rules.c - rules and settings of a feed's row (sync-protocol.md 9.2 and 9.4). Small JSON written by
 * an administrator, so jansson reads it.
 */
#include "feeds/in/rules.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "model/json_why.h"

struct feed_rules {
	json_t *rules, *settings;
	int64_t since; /* lower bound of an event's timestamp; 0: none */
};

static enum err parse(struct str text, const char *what, json_t **out, struct fail *f)
{
	json_error_t e;
	text = str_trim(text);
	if (!text.n || str_is(text, "null") || str_is(text, "[]"))
		return ERR_OK;
	*out = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &e);
	if (!*out || !json_is_object(*out))
		return fail_at(f, ERR_INVAL, *out ? 1 : (uint32_t)e.line,
			       *out ? 1 : (uint32_t)e.column, 0, "%s of the feed: %.*s", what,
			       STR_ARG(*out ? STR("not an object") : json_why(&e)));
	return ERR_OK;
}

/* "30d", "12h", "5m", "90s": so long ago; a number: that second. */
static bool since_of(struct str s, int64_t now, int64_t *out)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
	int64_t n;
	s = str_trim(s);
	if (str_i64(s, out))
		return *out >= 0;
	for (size_t i = 0; i < ARRAY_LEN(units) && s.n; i++)
		if (s.p[s.n - 1] == units[i].unit && str_i64(str_sub(s, 0, s.n - 1), &n) && n >= 0 &&
		    n < INT64_C(1) << 32) {
			*out = MAX(now - n * units[i].seconds, 0);
			return true;
		}
	return false;
}

/* `url_params`: JSON in a text, of which `timestamp` counts (sync-protocol.md 9.2). */
static enum err url_params(struct feed_rules *r, struct fail *f)
{
	const json_t *v = json_object_get(r->rules, "url_params");
	json_t *o = NULL;
	enum err e = ERR_OK;
	if (json_is_string(v))
		e = parse((struct str){json_string_value(v), json_string_length(v)}, "url_params", &o, f);
	const json_t *t = json_object_get(json_is_object(v) ? v : o, "timestamp");
	if (json_is_integer(t))
		r->since = MAX(json_integer_value(t), (json_int_t)0);
	else if (e == ERR_OK && json_is_string(t) && json_string_length(t) &&
		 !since_of(str_c(json_string_value(t)), clock_now(), &r->since))
		e = fail(f, ERR_INVAL, "url_params of the feed: timestamp is a time such as 30d, or a second");
	json_decref(o);
	return e;
}

enum err feed_rules_new(struct str rules, struct str settings, struct feed_rules **out,
			struct fail *f)
{
	struct feed_rules *r = calloc(1, sizeof(*r));
	*out = NULL;
	if (!r)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = parse(rules, "rules", &r->rules, f);
	if (e == ERR_OK)
		e = parse(settings, "settings", &r->settings, f);
	if (e == ERR_OK)
		e = url_params(r, f);
	if (e != ERR_OK) {
		feed_rules_free(r);
		return e;
	}
	*out = r;
	return ERR_OK;
}

void feed_rules_free(struct feed_rules *r)
{
	if (!r)
		return;
	json_decref(r->rules);
	json_decref(r->settings);
	free(r);
}

static bool is_name(const json_t *v, struct str s)
{
	return json_is_string(v) && s.p &&
	       str_eq((struct str){json_string_value(v), json_string_length(v)}, s);
}

static bool tags_match(const json_t *list, const struct manifest_entry *e)
{
	size_t i;
	const json_t *v;
	json_array_foreach(list, i, v)
		for (uint32_t k = 0; k < e->n_tags; k++)
			if (is_name(v, e->tags[k]))
				return true;
	return false;
}

static bool orgs_match(const json_t *list, const struct manifest_entry *e)
{
	char uuid[UUID_TEXT_LEN + 1];
	struct str text = {uuid_format(e->orgc_uuid, uuid), UUID_TEXT_LEN};
	size_t i;
	const json_t *v;
	json_array_foreach(list, i, v)
		if (is_name(v, e->orgc_name) || is_name(v, text))
			return true;
	return false;
}

static bool part_wants(const json_t *part, const struct manifest_entry *e,
		       bool (*match)(const json_t *, const struct manifest_entry *))
{
	const json_t *or = json_object_get(part, "OR"), *not = json_object_get(part, "NOT");
	if (json_array_size(or) && !match(or, e))
		return false;
	return !json_array_size(not) || !match(not, e);
}

bool feed_rules_want(const struct feed_rules *r, const struct manifest_entry *e)
{
	if (r->since && e->timestamp && e->timestamp < r->since)
		return false;
	return part_wants(json_object_get(r->rules, "tags"), e, tags_match) &&
	       part_wants(json_object_get(r->rules, "orgs"), e, orgs_match);
}

/* true, 1 or "1" */
static bool is_set(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	return json_is_true(v) || json_integer_value(v) == 1 || is_name(v, STR("1"));
}

bool feed_rules_no_correlation(const struct feed_rules *r)
{
	return is_set(r->settings, "disable_correlation");
}

bool feed_rules_unpublish(const struct feed_rules *r)
{
	return is_set(r->settings, "unpublish_event");
}

static struct str text_of(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)} : STR_NONE;
}

struct feed_value_settings feed_rules_values(const struct feed_rules *r)
{
	const json_t *csv = json_object_get(r->settings, "csv"),
		     *common = json_object_get(r->settings, "common");
	return (struct feed_value_settings){.columns = text_of(csv, "value"),
					    .delimiter = text_of(csv, "delimiter"),
					    .exclude = text_of(common, "excluderegex"),
					    .html = is_set(common, "html")};
}
