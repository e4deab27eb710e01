/*
 * order.c - orders of results: parsing "field desc, field", keys, comparison.
 * A rule that is not understood switches ordering off, as in MISP; then ids ascend.
 */
#include "search/plan.h"

#include <stdlib.h>

#include "base/own.h"

#define EVENT_ORDERS(X)                                                                            \
	X(ID, "id")                                                                                \
	X(INFO, "info")                                                                            \
	X(ANALYSIS, "analysis")                                                                    \
	X(THREAT, "threat_level_id")                                                               \
	X(DISTRIBUTION, "distribution")                                                            \
	X(TIMESTAMP, "timestamp")                                                                  \
	X(PUBLISHED, "publish_timestamp")
/* the event index only */
#define INDEX_ORDERS(X)                                                                            \
	X(DATE, "date")                                                                            \
	X(IS_PUBLISHED, "published")                                                               \
	X(COUNT, "attribute_count")                                                                \
	X(UUID, "uuid")
#define ATTR_ORDERS(X)                                                                             \
	X(A_ID, "id")                                                                              \
	X(A_EVENT, "event_id")                                                                     \
	X(A_OBJECT, "object_id")                                                                   \
	X(A_TYPE, "type")                                                                          \
	X(A_CATEGORY, "category")                                                                  \
	X(A_VALUE, "value")                                                                        \
	X(A_DISTRIBUTION, "distribution")                                                          \
	X(A_TIMESTAMP, "timestamp")                                                                \
	X(A_RELATION, "object_relation")                                                           \
	X(A_PUBLISHED, "Event.publish_timestamp")

enum order_field {
#define X(f, name) ORDER_##f,
	EVENT_ORDERS(X) INDEX_ORDERS(X) ATTR_ORDERS(X)
#undef X
};

static const struct {
	const char *name;
	uint8_t field, scopes;
} names[] = {
#define X(f, name) {name, ORDER_##f, 1 << SCOPE_EVENTS | 1 << SCOPE_EVENT_INDEX},
	EVENT_ORDERS(X)
#undef X
#define X(f, name) {name, ORDER_##f, 1 << SCOPE_EVENT_INDEX},
		INDEX_ORDERS(X)
#undef X
#define X(f, name) {name, ORDER_##f, 1 << SCOPE_ATTRIBUTES},
			ATTR_ORDERS(X)
#undef X
};

static bool rule_parse(struct order *o, struct str rule, enum search_scope scope)
{
	struct str name, dir;

	dir = str_trim(str_split(str_trim(rule), ' ', &name));
	if (scope != SCOPE_ATTRIBUTES && str_has_prefix(name, STR("Event.")))
		name = str_sub(name, 6, name.n);
	if (dir.n && !str_eq_nocase(dir, STR("asc")) && !str_eq_nocase(dir, STR("desc")))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i].scopes & 1u << scope && str_is(name, names[i].name)) {
			o->rule[o->n].field = names[i].field;
			o->rule[o->n++].desc = str_eq_nocase(dir, STR("desc"));
			return true;
		}
	return false;
}

bool order_parse(struct order *o, struct str text, enum search_scope scope)
{
	struct str rule;

	o->n = 0;
	for (text = str_trim(text); text.n; ) {
		text = str_split(text, ',', &rule);
		if (o->n == ORDER_RULES || !rule_parse(o, rule, scope)) {
			o->n = 0;
			return false;
		}
	}
	return true;
}

void order_event_key(const struct order *o, const struct misp_event *e, struct order_key *k)
{
	for (unsigned i = 0; i < o->n; i++) {
		k->n[i] = 0;
		k->s[i] = STR("");
		switch ((enum order_field)o->rule[i].field) {
		case ORDER_ID:
			k->n[i] = (int64_t)e->id;
			break;
		case ORDER_INFO:
			k->s[i] = e->info;
			break;
		case ORDER_ANALYSIS:
			k->n[i] = e->analysis;
			break;
		case ORDER_THREAT:
			k->n[i] = e->threat_level_id;
			break;
		case ORDER_DISTRIBUTION:
			k->n[i] = e->distribution;
			break;
		case ORDER_TIMESTAMP:
			k->n[i] = e->timestamp;
			break;
		case ORDER_PUBLISHED:
			k->n[i] = e->publish_timestamp;
			break;
		case ORDER_DATE:
			k->n[i] = e->date;
			break;
		case ORDER_IS_PUBLISHED:
			k->n[i] = e->published;
			break;
		case ORDER_COUNT:
			k->n[i] = (int64_t)e->attribute_count;
			break;
		case ORDER_UUID:
			memcpy(&k->n[i], e->uuid.b, 8);
			k->n[i] = (int64_t)(__builtin_bswap64((uint64_t)k->n[i]) >> 1);
			break;
#define X(f, name) case ORDER_##f:
			ATTR_ORDERS(X)
#undef X
		default:
			break;
		}
	}
}

static enum err relation_key(struct plan *p, uint32_t row, struct str *out)
{
	struct misp_attr a;
	struct misp_object room;
	const struct misp_object *o;
	enum err e = event_load(p, p->v.event[row]);

	if (e == ERR_OK)
		e = attr_load(p, row, &a, &room, &o);
	if (e == ERR_OK)
		*out = a.object_relation;
	return e == ERR_NOENT ? ERR_OK : e;
}

enum err order_row_key(struct plan *p, const struct order *o, uint32_t row, struct order_key *k)
{
	const struct ix_view *v = &p->v;
	const struct ix_event *ev = &v->ev[v->event[row]];
	struct str two;

	for (unsigned i = 0; i < o->n; i++) {
		k->n[i] = 0;
		k->s[i] = STR("");
		switch ((enum order_field)o->rule[i].field) {
		case ORDER_A_ID:
			k->n[i] = (int64_t)v->row[row].id;
			break;
		case ORDER_A_EVENT:
			k->n[i] = (int64_t)ev->id;
			break;
		case ORDER_A_OBJECT:
			k->n[i] = v->row[row].object;
			break;
		case ORDER_A_TYPE:
			k->s[i] = type_name((enum attr_type)v->type[row]);
			break;
		case ORDER_A_CATEGORY:
			k->s[i] = category_name((enum attr_category)v->category[row]);
			break;
		case ORDER_A_VALUE:
			view_parts(v, row, &k->s[i], &two);
			break;
		case ORDER_A_DISTRIBUTION:
			k->n[i] = v->flags[row] >> IX_DIST_SHIFT;
			break;
		case ORDER_A_TIMESTAMP:
			k->n[i] = v->time[row];
			break;
		case ORDER_A_RELATION:
			TRY(relation_key(p, row, &k->s[i]));
			break;
		case ORDER_A_PUBLISHED:
			k->n[i] = IX_GET(ev->publish_timestamp);
			break;
#define X(f, name) case ORDER_##f:
			EVENT_ORDERS(X) INDEX_ORDERS(X)
#undef X
		default:
			break;
		}
	}
	return ERR_OK;
}

int order_cmp(const struct order *o, const struct order_key *a, const struct order_key *b)
{
	for (unsigned i = 0; i < o->n; i++) {
		int c = (a->n[i] > b->n[i]) - (a->n[i] < b->n[i]);

		if (!c)
			c = str_cmp(a->s[i], b->s[i]);
		if (c)
			return o->rule[i].desc ? -c : c;
	}
	return 0;
}

/* ---- by id ---------------------------------------------------------------------------------- */

struct pair {
	uint64_t id;
	uint32_t row;
};

/* One pass of eleven bits. */
static void radix_pass(const struct pair *from, struct pair *to, size_t n, unsigned shift)
{
	size_t at[2048] = {0}, sum = 0;

	for (size_t i = 0; i < n; i++)
		at[from[i].id >> shift & 2047]++;
	for (size_t i = 0; i < 2048; i++) {
		size_t c = at[i];

		at[i] = sum;
		sum += c;
	}
	for (size_t i = 0; i < n; i++)
		to[at[from[i].id >> shift & 2047]++] = from[i];
}

enum err order_rows(const struct ix_view *v, uint32_t *rows, size_t n)
{
	struct pair *a, *b, *t;
	uint64_t last = 0, most = 0;
	bool sorted = true;

	for (size_t i = 0; i < n; i++) {
		uint64_t id = v->row[rows[i]].id;

		sorted &= id >= last;
		last = id;
		most = MAX(most, id);
	}
	if (sorted)
		return ERR_OK;
	a = reallocarray(NULL, 2 * n, sizeof(*a));
	if (!a)
		return ERR_NOMEM;
	b = a + n;
	t = a;
	for (size_t i = 0; i < n; i++)
		a[i] = (struct pair){v->row[rows[i]].id, rows[i]};
	for (unsigned shift = 0; shift < 64 && most >> shift; shift += 11) {
		struct pair *swap = a;

		radix_pass(a, b, n, shift);
		a = b;
		b = swap;
	}
	for (size_t i = 0; i < n; i++)
		rows[i] = a[i].row;
	free(t);
	return ERR_OK;
}
