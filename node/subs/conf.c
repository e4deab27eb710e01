/* conf.c - rows of the table of subscriptions: reading, checking, and the query that they make. */
#include "subs/conf.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "model/ascii.h"
#include "model/types.h"

#define TEXT_MAX (64u << 10)
#define DAYS_10 (10 * 86400)

struct sub_conf *sub_conf_ref(const struct sub_conf *c)
{
	struct sub_conf *own = (struct sub_conf *)(uintptr_t)c;
	atomic_fetch_add(&own->refs, 1);
	return own;
}

void sub_conf_unref(struct sub_conf *c)
{
	if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	json_decref(c->options);
	json_decref(c->filter);
	free(c);
}

/* ---- members ---- */

/* Names stand in URLs, file names and zone options. */
static const char *name_fault(struct str v)
{
	uint64_t n;
	if (!v.n || v.n > SUB_NAME_MAX)
		return "A name of 1 to 64 letters, digits, - and _ is needed.";
	for (size_t i = 0; i < v.n; i++)
		if (!ascii_alnum(v.p[i]) && v.p[i] != '-' && v.p[i] != '_')
			return "A name has letters, digits, - and _ only.";
	return str_u64(v, &n) ? "A name is not a number." : NULL;
}

static enum err object_read(struct str text, json_t **out, struct fail *f)
{
	json_error_t why;
	if (!text.n) {
		*out = json_object();
		return *out ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
	}
	if (text.n > TEXT_MAX)
		return fail(f, ERR_INVAL, "At most 65536 bytes.");
	*out = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &why);
	if (!json_is_object(*out))
		return fail(f, ERR_INVAL, "A JSON object%s%s.", *out ? "" : ": ", *out ? "" : why.text);
	return ERR_OK;
}

static enum err options_check(const struct sub_conf *c, struct fail *f)
{
	const char *key;
	json_t *v;
	json_object_foreach (c->options, key, v) {
		const char *fault =
			json_is_string(v) ? sensor_param_fault(c->format->format, str_c(key),
							       (struct str){json_string_value(v),
									    json_string_length(v)})
					  : "a text is needed";
		if (fault)
			return fail(f, ERR_INVAL, "%s: %s", key, fault);
	}
	return ERR_OK;
}

static struct str option(void *user, const char *name)
{
	const struct sub_conf *c = user;
	const json_t *v = json_object_get(c->options, name);
	return v ? (struct str){json_string_value(v), json_string_length(v)} : STR_NONE;
}

/* What the set itself decides, or what would have to be asked anew as time goes. */
static const char *const not_in_filters[] = {
	"eventid", "page", "limit", "returnFormat", "order", "searchall", "tocsin_audience",
	"enforceWarninglist", "excludeDecayed", "decayingModel", "modelOverrides",
};

static bool ranges_differ(const struct query_range *a, const struct query_range *b)
{
	return a->set != b->set || a->from != b->from || a->to != b->to;
}

static enum err filter_check(const struct sub_conf *c, struct fail *f)
{
	OWN(arena) struct arena *a = arena_new(4u << 20);
	struct query q[2];
	const char *key;
	json_t *v;
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	for (size_t i = 0; i < ARRAY_LEN(not_in_filters); i++)
		if (json_object_get(c->filter, not_in_filters[i]))
			return fail(f, ERR_INVAL, "%s has no place in the filter of a subscription.",
				    not_in_filters[i]);
	/* a search passes over what it does not know; here that would let out more than was meant, for good */
	json_object_foreach (c->filter, key, v)
		if (!query_knows(SCOPE_ATTRIBUTES, str_c(key)))
			return fail(f, ERR_INVAL, "There is no filter \"%s\".", key);
	for (unsigned i = 0; i < 2; i++)
		TRY(query_parse(&q[i], SCOPE_ATTRIBUTES, c->filter, a, 1700000000 + i * DAYS_10, f));
	if (ranges_differ(&q[0].attribute_timestamp, &q[1].attribute_timestamp) ||
	    ranges_differ(&q[0].event_timestamp, &q[1].event_timestamp) ||
	    ranges_differ(&q[0].publish_timestamp, &q[1].publish_timestamp) ||
	    ranges_differ(&q[0].date, &q[1].date) ||
	    ranges_differ(&q[0].first_seen, &q[1].first_seen) ||
	    ranges_differ(&q[0].last_seen, &q[1].last_seen))
		return fail(f, ERR_INVAL,
			    "Times that move with the clock do not belong into a filter: set max_age.");
	return ERR_OK;
}

static enum err priority_read(struct str v, enum set_priority *out, struct fail *f)
{
	*out = SET_NEWEST;
	if (!v.n)
		return ERR_OK;
	for (unsigned i = 0; i < SET_PRIORITIES; i++)
		if (str_is(v, set_priority_name((enum set_priority)i))) {
			*out = (enum set_priority)i;
			return ERR_OK;
		}
	return fail(f, ERR_INVAL, "Options: newest, severest, last_seen.");
}

static const char *path_fault(struct str v)
{
	static const struct str beside[] = {{".gz", 3}, {".md5", 4}, {".sha256", 7}};
	bool ok = v.n <= SUB_NAME_MAX && v.p[0] != '.' && v.p[0] != '-';
	for (size_t i = 0; i < ARRAY_LEN(beside); i++)
		if (str_has_suffix(v, beside[i]))
			return "Names that end in .gz, .md5 or .sha256 are those of what stands beside it.";
	for (size_t i = 0; i < v.n; i++)
		ok &= ascii_alnum(v.p[i]) || strchr("._-", v.p[i]) != NULL;
	return ok ? NULL : "The name of a file in exports_dir: letters, digits, dots, - and _.";
}

static void copy(char *out, size_t n, struct str v)
{
	size_t k = MIN(v.n, n - 1);
	if (k)
		memcpy(out, v.p, k);
	out[k] = 0;
}

static enum err digest_make(struct sub_conf *c, struct fail *f)
{
	char *opts = json_dumps(c->options, JSON_COMPACT | JSON_SORT_KEYS);
	char *filter = json_dumps(c->filter, JSON_COMPACT | JSON_SORT_KEYS);
	OWN(buf) struct buf b = BUF(1u << 20);
	buf_printf(&b, "1\n%s\n%s\n%s\n%s\n%llu\n%d\n%lld\n%llu\n%d\n%s\n%s\n", c->audience,
		   c->format->name, opts ? opts : "", filter ? filter : "",
		   (unsigned long long)c->rules.max_entries, (int)c->rules.priority,
		   (long long)c->rules.max_age, (unsigned long long)c->decay_model, c->warninglists,
		   c->base_url, c->source);
	free(opts);
	free(filter);
	TRY(buf_err(&b) == ERR_OK ? ERR_OK : fail(f, ERR_NOMEM, "no memory"));
	struct sha256 d = hash_sha256(buf_str(&b));
	hash_hex(d.b, 32, c->digest);
	return ERR_OK;
}

enum err sub_conf_read(const struct misp_subscr *row, struct str base_url, struct str source,
		       struct sub_conf **out, const char **member, struct fail *f)
{
	OWN(sub_conf) struct sub_conf *c = calloc(1, sizeof(*c));
	const char *unused, *fault;
	const char **m = member ? member : &unused;
	*out = NULL;
	*m = "name";
	if (!c)
		return fail(f, ERR_NOMEM, "no memory");
	atomic_init(&c->refs, 1);
	c->id = row->id;
	if ((fault = name_fault(row->name)))
		return fail(f, ERR_INVAL, "%s", fault);
	copy(c->name, sizeof(c->name), row->name);
	*m = "audience";
	if (!row->audience.n || row->audience.n > SUB_NAME_MAX)
		return fail(f, ERR_INVAL, "The name of an export of the policy is needed.");
	copy(c->audience, sizeof(c->audience), row->audience);
	*m = "format";
	c->format = sensor_find(row->format);
	if (!c->format)
		return fail(f, ERR_INVAL, "No format of subscriptions; tocsin export --list FORMAT tells which are.");
	*m = "options";
	TRY(object_read(row->options, &c->options, f));
	TRY(options_check(c, f));
	*m = "filter";
	TRY(object_read(row->filter, &c->filter, f));
	TRY(filter_check(c, f));
	*m = "priority";
	TRY(priority_read(row->priority, &c->rules.priority, f));
	*m = "max_age";
	if (row->max_age > INT64_MAX / 4)
		return fail(f, ERR_INVAL, "Seconds.");
	*m = "path";
	if (row->path.n && (fault = path_fault(row->path)))
		return fail(f, ERR_INVAL, "%s", fault);
	copy(c->path, sizeof(c->path), row->path);
	copy(c->base_url, sizeof(c->base_url), base_url);
	copy(c->source, sizeof(c->source), source);
	c->decay_model = row->decay_model;
	c->warninglists = row->warninglists;
	c->rules.format = c->format->format;
	c->rules.max_entries = row->max_entries;
	c->rules.max_age = (int64_t)row->max_age;
	c->rules.opts = (struct sensor_opts){.param = option,
					     .user = c,
					     .name = str_c(c->name),
					     .source = str_c(c->source),
					     .base_url = str_c(c->base_url)};
	TRY(digest_make(c, f));
	*out = MOVE(c);
	return ERR_OK;
}

/* ---- the query ---- */

/* Where the filter names no types, those that the format can hold anything of. */
static enum err types_add(const struct sub_conf *c, struct arena *a, struct query *q)
{
	if (q->type.set)
		return ERR_OK;
	q->type.any.v = ARENA_ARRAY(a, struct str, type_count());
	if (!q->type.any.v)
		return ERR_NOMEM;
	for (unsigned i = 0; i < type_count(); i++) {
		const struct type_row *t = type_at(i);
		if (ind_kinds_of((attr_type_id)t->id) & c->rules.format->kinds)
			q->type.any.v[q->type.any.n++] = type_name(t->id);
	}
	q->type.set = true;
	return ERR_OK;
}

enum err sub_query(const struct sub_conf *c, const uint64_t *events, size_t n, int64_t now,
		   struct arena *a, struct query *q, json_t **params, struct fail *f)
{
	json_t *p = json_deep_copy(c->filter), *list = json_array();
	*params = p;
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_integer((json_int_t)events[i]));
	json_object_set_new(p, "eventid", list);
	if (!p || json_array_size(list) != n)
		return fail(f, ERR_NOMEM, "no memory");
	if (c->warninglists)
		json_object_set_new(p, "enforceWarninglist", json_true());
	if (c->decay_model) {
		json_object_set_new(p, "excludeDecayed", json_true());
		json_object_set_new(p, "decayingModel", json_integer((json_int_t)c->decay_model));
	}
	TRY(query_parse(q, SCOPE_ATTRIBUTES, p, a, now, f));
	if (!q->to_ids_given)
		q->to_ids = q->to_ids_output = 2;
	if (!q->published_given)
		q->published = 2;
	return types_add(c, a, q);
}
