/*
 * peer_rules.c - MISP's rule members lose their last letter, and what is in NOT gets a "!".
 */
#include "sync/peer_rules.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/json_why.h"

#define ITEM_MAX 1024

static void own_free_json(json_t **p)
{
	json_decref(*p);
}

/* A name, UUID or number; "!" before it. */
static void append(json_t *list, const json_t *item, bool negated)
{
	char text[ITEM_MAX];
	if (json_is_string(item))
		snprintf(text, sizeof(text), "%s%s", negated ? "!" : "", json_string_value(item));
	else if (json_is_integer(item))
		snprintf(text, sizeof(text), "%s%lld", negated ? "!" : "",
			 (long long)json_integer_value(item));
	else
		return;
	json_array_append_new(list, json_string(text));
}

static void add_rule(json_t *body, const char *name, const json_t *rule)
{
	json_t *list = json_array(), *item;
	char key[64];
	size_t i, n = strlen(name);
	json_array_foreach(json_object_get(rule, "OR"), i, item)
		append(list, item, false);
	json_array_foreach(json_object_get(rule, "NOT"), i, item)
		append(list, item, true);
	if (json_array_size(list) && n > 1 && n < sizeof(key)) {
		snprintf(key, sizeof(key), "%.*s", (int)n - 1, name);
		json_object_set(body, key, list);
	}
	json_decref(list);
}

/* Further parameters that the operator wants sent; what is there already becomes a list. */
static void add_params(json_t *body, const json_t *text)
{
	const char *key;
	json_t *value, *old;
	const char *s = json_string_value(text);
	__attribute__((cleanup(own_free_json))) json_t *params = s ? json_loads(s, 0, NULL) : NULL;
	json_object_foreach(params, key, value) {
		old = json_object_get(body, key);
		if (!old) {
			json_object_set(body, key, value);
			continue;
		}
		json_t *both = json_is_array(old) ? json_copy(old) : json_pack("[O]", old);
		if (json_is_array(value))
			json_array_extend(both, value);
		else
			json_array_append(both, value);
		json_object_set_new(body, key, both);
	}
}

enum err peer_rules_body(struct str rules, int64_t since, struct buf *out, struct fail *f)
{
	json_error_t e;
	const char *key;
	json_t *rule;
	__attribute__((cleanup(own_free_json))) json_t *body =
		json_pack("{s:i, s:i}", "minimal", 1, "published", 1);
	__attribute__((cleanup(own_free_json))) json_t *j = NULL;
	if (rules.n && !(j = json_loadb(rules.p, rules.n, 0, &e)))
		return fail(f, ERR_INVAL, "the pull rules are not JSON: %.*s",
			    STR_ARG(json_why(&e)));
	json_object_foreach(j, key, rule) {
		if (strcmp(key, "url_params") == 0)
			add_params(body, rule);
		else
			add_rule(body, key, rule);
	}
	if (since && !json_object_get(body, "publish_timestamp"))
		json_object_set_new(body, "publish_timestamp", json_integer(since));
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	if (!text)
		return fail(f, ERR_NOMEM, "no memory");
	buf_puts(out, text);
	free(text);
	return buf_err(out);
}
