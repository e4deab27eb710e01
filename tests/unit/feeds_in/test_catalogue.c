/*
 * test_catalogue.c - the settings of each feed of the shipped catalogue are such as the readers take.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "feeds/in/rules.h"
#include "feeds/in/values.h"
#include "tests/tap/tap.h"

static enum err none(void *user, const struct values_hit *h, struct fail *f)
{
	(void)user, (void)h, (void)f;
	return ERR_OK;
}

static struct str text_of(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)} : STR_NONE;
}

static void check(const json_t *feed)
{
	OWN(feed_rules) struct feed_rules *r = NULL;
	OWN(values) struct values *v = NULL;
	struct str name = text_of(feed, "name"), format = text_of(feed, "source_format");
	struct fail f = {0};
	struct values_opts o = {0};
	if (!is_ok(feed_rules_new(text_of(feed, "rules"), text_of(feed, "settings"), &r, &f), "%.*s: settings %s",
		   STR_ARG(name), f.text) ||
	    str_is(format, "misp"))
		return;
	struct feed_value_settings s = feed_rules_values(r);
	ok(values_format_of(format, &o.format), "%.*s: format", STR_ARG(name));
	o.columns = s.columns;
	o.delimiter = s.delimiter;
	o.exclude = s.exclude;
	is_ok(values_new(&o, none, NULL, &v, &f), "%.*s: reading it %s", STR_ARG(name), f.text);
}

int main(void)
{
	char path[4096];
	const char *top = getenv("top_srcdir");
	size_t i;
	const json_t *row;
	json_error_t e;
	snprintf(path, sizeof(path), "%s/feeds/defaults/defaults.json", top ? top : ".");
	json_t *list = json_load_file(path, 0, &e);
	if (!json_is_array(list))
		bail_out("%s: %s", path, e.text);
	json_array_foreach(list, i, row)
		check(json_object_get(row, "Feed"));
	ok(i > 70, "%zu feeds", i);
	json_decref(list);
	return done_testing();
}
