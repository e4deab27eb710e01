/*
 * misp_guard.c - reads misp-guard's JSON and writes YAML for the policy file: a row of the table for
 * each of its rules. What misp-guard blocks as a whole event is blocked as one here.
 */
#include "main/misp_guard.h"

#include <jansson.h>
#include <string.h>

#include "base/buf.h"
#include "base/own.h"
#include "base/str.h"
#include "model/types.h"

#define TEXT_MAX (4u << 20)

OWN_DEFINE(json, json_t *, json_decref(*p))

struct guard {
	const json_t *root, *instances, *self;
	const char *id;
	struct buf out;
	unsigned n_rules;
	struct fail *f;
};

/* ---- reading ------------------------------------------------------------------------------- */

static enum err bad(const struct guard *g, const char *what, const char *key)
{
	return fail(g->f, ERR_CONFIG, "misp-guard configuration: %s (%s)", what, key);
}

/* A list of texts; what is not there is empty, as nothing is then blocked. */
static enum err list_of(const struct guard *g, const json_t *in, const char *key, const json_t **out)
{
	size_t i;
	json_t *v;

	*out = json_object_get(in, key);
	if (*out && !json_is_array(*out))
		return bad(g, "a list is wanted", key);
	json_array_foreach((json_t *)(uintptr_t)*out, i, v)
		if (!json_is_string(v))
			return bad(g, "a list of texts is wanted", key);
	return ERR_OK;
}

static enum err map_of(const struct guard *g, const json_t *in, const char *key, const json_t **out)
{
	*out = json_object_get(in, key);
	return !*out || json_is_object(*out) ? ERR_OK : bad(g, "an object is wanted", key);
}

static bool begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

/* ---- writing ------------------------------------------------------------------------------- */

/* In single quotes, which YAML takes as it is. Control characters are told as what they are not. */
static void put_text(struct guard *g, const char *s)
{
	buf_putc(&g->out, '\'');
	for (; *s; s++) {
		if (*s == '\'')
			buf_putc(&g->out, '\'');
		buf_putc(&g->out, (unsigned char)*s < 0x20 ? '?' : *s);
	}
	buf_putc(&g->out, '\'');
}

typedef bool (*known_fn)(const char *s);

static bool any(const char *s)
{
	return *s != '\0';
}

static bool is_type(const char *s)
{
	return type_find(str_c(s)) != ATTR_NONE;
}

static bool is_category(const char *s)
{
	return category_find(str_c(s)) != CAT_NONE;
}

static size_t count_known(const json_t *list, known_fn known)
{
	size_t i, n = 0;
	json_t *v;

	json_array_foreach((json_t *)(uintptr_t)list, i, v)
		n += known(json_string_value(v));
	return n;
}

static void put_list(struct guard *g, const json_t *list, known_fn known)
{
	size_t i, n = 0;
	json_t *v;

	buf_putc(&g->out, '[');
	json_array_foreach((json_t *)(uintptr_t)list, i, v) {
		if (!known(json_string_value(v)))
			continue;
		buf_puts(&g->out, n++ ? ", " : "");
		put_text(g, json_string_value(v));
	}
	buf_putc(&g->out, ']');
}

/* No event holds a type that is not known here, so nothing is lost. */
static void put_unknown(struct guard *g, const json_t *list, known_fn known)
{
	size_t i;
	json_t *v;

	json_array_foreach((json_t *)(uintptr_t)list, i, v)
		if (!known(json_string_value(v))) {
			buf_puts(&g->out, "  # not known here: ");
			put_text(g, json_string_value(v));
			buf_putc(&g->out, '\n');
		}
}

static void rule_begin(struct guard *g, const char *name, const char *level)
{
	buf_puts(&g->out, g->n_rules++ ? "" : "rules:\n");
	buf_printf(&g->out, "  - {name: guard-%s, level: %s,\n", name, level);
}

static void rule_end(struct guard *g, const char *effect)
{
	buf_printf(&g->out, ",\n     effect: %s, to: [peer]}\n", effect);
}

/* ---- rules --------------------------------------------------------------------------------- */

/* The lists that are blocked, and where each is looked for. */
static const struct {
	const char *key; /* misp-guard's */
	const char *name; /* of the rule */
	const char *level, *condition, *effect;
	known_fn known;
	bool in_taxonomies;
} rows[] = {
	{"blocked_tags", "tags", "event", "tag", "deny", any, true},
	{"blocked_tags", "tags-attribute", "attribute", "tag", "deny_event", any, true},
	{"blocked_distribution_levels", "distribution", "event", "distribution", "deny", any, false},
	{"blocked_distribution_levels", "distribution-attribute", "attribute", "distribution",
	 "deny_event", any, false},
	{"blocked_distribution_levels", "distribution-object", "object", "distribution", "deny_event",
	 any, false},
	{"blocked_distribution_levels", "distribution-report", "report", "distribution", "deny_event",
	 any, false},
	{"blocked_distribution_levels", "distribution-galaxy", "galaxy", "distribution", "deny", any,
	 false},
	{"blocked_distribution_levels", "distribution-analyst", "analyst", "distribution", "deny", any,
	 false},
	{"blocked_sharing_groups_uuids", "groups", "event", "sharing_group", "deny", any, false},
	{"blocked_sharing_groups_uuids", "groups-attribute", "attribute", "sharing_group",
	 "deny_event", any, false},
	{"blocked_sharing_groups_uuids", "groups-object", "object", "sharing_group", "deny_event", any,
	 false},
	{"blocked_sharing_groups_uuids", "groups-report", "report", "sharing_group", "deny_event", any,
	 false},
	{"blocked_sharing_groups_uuids", "groups-galaxy", "galaxy", "sharing_group", "deny", any, false},
	{"blocked_sharing_groups_uuids", "groups-analyst", "analyst", "sharing_group", "deny", any,
	 false},
	{"blocked_attribute_types", "types", "attribute", "type", "deny_event", is_type, false},
	{"blocked_attribute_categories", "categories", "attribute", "category", "deny_event",
	 is_category, false},
	{"blocked_object_types", "objects", "object", "object_name", "deny_event", any, false},
};

static enum err put_blocked(struct guard *g, const json_t *taxonomies)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const json_t *in = rows[i].in_taxonomies ? taxonomies : g->self, *list;

		TRY(list_of(g, in, rows[i].key, &list));
		if (count_known(list, rows[i].known)) {
			rule_begin(g, rows[i].name, rows[i].level);
			buf_printf(&g->out, "     when: {%s: ", rows[i].condition);
			put_list(g, list, rows[i].known);
			buf_putc(&g->out, '}');
			rule_end(g, rows[i].effect);
		}
		put_unknown(g, list, rows[i].known);
	}
	return ERR_OK;
}

/* Of a required taxonomy there must be a tag; if some are allowed, one of these. */
static void put_required(struct guard *g, size_t n, const char *taxonomy, const json_t *allowed,
			 const char *level, const char *effect)
{
	char name[40], prefix[256];
	size_t i, shown = 0;
	json_t *v;

	snprintf(name, sizeof(name), "required-%zu-%s", n + 1, level);
	snprintf(prefix, sizeof(prefix), "%s:", taxonomy);
	rule_begin(g, name, level);
	if (json_array_size(allowed) == 0) {
		buf_puts(&g->out, "     unless: {taxonomy: [");
		put_text(g, taxonomy);
		buf_puts(&g->out, "]}");
		rule_end(g, effect);
		return;
	}
	json_array_foreach((json_t *)(uintptr_t)allowed, i, v) {
		if (!begins(json_string_value(v), prefix))
			continue;
		buf_puts(&g->out, shown++ ? ", " : "     unless: {tag: [");
		put_text(g, json_string_value(v));
	}
	/* none of the allowed is of the taxonomy: nothing passes */
	buf_puts(&g->out, shown ? "]}" : "     when: {}");
	rule_end(g, effect);
}

static enum err put_taxonomies(struct guard *g, const json_t *taxonomies)
{
	const json_t *required, *allowed, *of_one;
	size_t i;
	json_t *v;

	TRY(list_of(g, taxonomies, "required_taxonomies", &required));
	TRY(map_of(g, taxonomies, "allowed_tags", &allowed));
	json_array_foreach((json_t *)(uintptr_t)required, i, v) {
		const char *t = json_string_value(v);

		TRY(list_of(g, allowed, t, &of_one));
		put_required(g, i, t, of_one, "event", "deny");
		put_required(g, i, t, of_one, "attribute", "deny_event");
	}
	return ERR_OK;
}

/* ---- compartments and instances ------------------------------------------------------------ */

static const char *compartment_of(const json_t *instance)
{
	return json_string_value(json_object_get(instance, "compartment_id"));
}

static void put_reach_row(struct guard *g, json_t *named, const char *from, const json_t *to)
{
	if (json_object_get(named, from))
		return;
	json_object_set_new(named, from, json_true());
	buf_puts(&g->out, "  ");
	put_text(g, from);
	buf_puts(&g->out, ": ");
	put_list(g, to, any);
	buf_putc(&g->out, '\n');
}

/* Compartments that reach none are named all the same: others would be a mistake. */
static enum err put_reach(struct guard *g)
{
	OWN(json) json_t *named = json_object();
	const json_t *rules, *reach, *to;
	const char *key;
	json_t *v;

	TRY(map_of(g, g->root, "compartments_rules", &rules));
	TRY(map_of(g, rules, "can_reach", &reach));
	if (!compartment_of(g->self))
		return bad(g, "the instance has no compartment_id", g->id);
	buf_puts(&g->out, "compartment: ");
	put_text(g, compartment_of(g->self));
	buf_puts(&g->out, "\ncan_reach:\n");
	json_object_foreach((json_t *)(uintptr_t)reach, key, v) {
		TRY(list_of(g, reach, key, &to));
		put_reach_row(g, named, key, to);
	}
	json_object_foreach((json_t *)(uintptr_t)g->instances, key, v)
		if (compartment_of(v))
			put_reach_row(g, named, compartment_of(v), NULL);
	return ERR_OK;
}

static enum err put_peer(struct guard *g, const char *id, const json_t *instance)
{
	const char *host = json_string_value(json_object_get(instance, "host"));
	json_int_t port = json_integer_value(json_object_get(instance, "port"));
	char name[64], url[400];

	if (!host || !compartment_of(instance))
		return bad(g, "an instance has a host and a compartment_id", id);
	snprintf(name, sizeof(name), "guard-%s", id);
	snprintf(url, sizeof(url), "https://%s", host);
	if (port && port != 443)
		snprintf(url, sizeof(url), "https://%s:%lld", host, (long long)port);
	buf_puts(&g->out, "  # add org: or user:, by which it is known when it asks this node\n  ");
	put_text(g, name);
	buf_puts(&g->out, ": {kind: peer, url: ");
	put_text(g, url);
	buf_puts(&g->out, ", compartment: ");
	put_text(g, compartment_of(instance));
	buf_puts(&g->out, ",\n    tlp: amber, pap: red, class: partner, profile: full, "
			  "jurisdiction: domestic}\n");
	return ERR_OK;
}

static enum err put_peers(struct guard *g)
{
	const char *id;
	json_t *v;
	size_t n = 0;

	json_object_foreach((json_t *)(uintptr_t)g->instances, id, v) {
		if (strcmp(id, g->id) == 0)
			continue;
		buf_puts(&g->out, n++ ? "" : "audiences:\n");
		TRY(put_peer(g, id, v));
	}
	return ERR_OK;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static enum err choose(struct guard *g, const char *instance)
{
	const char *id;
	json_t *v;

	TRY(map_of(g, g->root, "instances", &g->instances));
	if (!json_object_size(g->instances))
		return bad(g, "it has no instances", "instances");
	if (!instance && json_object_size(g->instances) > 1)
		return bad(g, "it has several instances: say by --instance which is this node",
			   "instances");
	json_object_foreach((json_t *)(uintptr_t)g->instances, id, v) {
		if (!json_is_object(v))
			return bad(g, "an instance is an object", id);
		if (!instance || strcmp(id, instance) == 0) {
			g->self = v;
			g->id = id;
		}
	}
	return g->self ? ERR_OK : bad(g, "there is no such instance", instance);
}

static enum err convert(struct guard *g, const char *instance)
{
	const json_t *taxonomies;

	TRY(choose(g, instance));
	buf_puts(&g->out, "# The rules of misp-guard's instance ");
	put_text(g, g->id);
	buf_puts(&g->out, ". They bind what leaves for peers.\n");
	TRY(put_reach(g));
	TRY(put_peers(g));
	TRY(map_of(g, g->self, "taxonomies_rules", &taxonomies));
	TRY(put_blocked(g, taxonomies));
	TRY(put_taxonomies(g, taxonomies));
	return buf_err(&g->out) == ERR_OK ? ERR_OK : fail(g->f, buf_err(&g->out), "it is too large");
}

enum err misp_guard_write(const char *file, const char *instance, FILE *out, struct fail *f)
{
	json_error_t why;
	json_t *root = json_load_file(file, JSON_REJECT_DUPLICATES, &why);
	struct guard g = {.root = root, .out = BUF(TEXT_MAX), .f = f};
	enum err e;

	if (!root)
		return fail_at(f, ERR_CONFIG, (uint32_t)why.line, (uint32_t)why.column,
			       (uint64_t)why.position, "%s:%d:%d: this is not JSON", file, why.line,
			       why.column);
	e = json_is_object(root) ? convert(&g, instance) : bad(&g, "an object is wanted", file);
	if (e == ERR_OK && fwrite(g.out.p, 1, g.out.n, out) != g.out.n)
		e = fail(f, ERR_IO, "cannot write");
	buf_free(&g.out);
	json_decref(root);
	return e;
}
