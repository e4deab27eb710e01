/*
 * records.c - see records.h. Reading an event's elements, and a table of the answers.
 */
#include "egress/records.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/own.h"
#include "egress/view.h"
#include "model/cvss.h"
#include "model/pack.h"

#define READ_ARENA (8u << 20)
#define REMEDIES_MAX 16u
#define NAMES_MAX 8192u
#define FACTS_MAX 4096u /* records whose facts are kept */
#define SCORES_MAX 8u

/* ---- reading ------------------------------------------------------------------------------------ */

/* CVSS that stands in one object, or in none. */
struct scores {
	uint8_t v[SCORES_MAX];
	struct cvss_range range[SCORES_MAX];
	unsigned n, n_ranges;
};

struct reading {
	struct view *view;
	const struct misp_event *e;
	struct arena *out; /* of the answer */
	struct arena *row; /* of one row */
	struct vuln_facts *facts;
	struct vuln_remedy *remedies;
	struct misp_object object; /* that the attributes at hand stand in, id 0: none */
	struct scores scores;
	struct buf names;
};

static bool is_one_of(struct str s, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq_nocase(s, str_c(list[i])))
			return true;
	return false;
}
#define ONE_OF(s, list) is_one_of((s), (list), ARRAY_LEN(list))

static bool is_vulnerability(struct str object_name)
{
	return str_eq_nocase(object_name, STR("vulnerability"));
}

static void score_add(struct reading *r, uint8_t tenths)
{
	r->facts->has_cvss = true;
	r->facts->cvss_max = MAX(r->facts->cvss_max, tenths);
	if (r->scores.n < SCORES_MAX)
		r->scores.v[r->scores.n++] = tenths;
	else
		r->facts->cvss_unreadable = true; /* more than anybody compares */
}

static void vector_add(struct reading *r, struct cvss_range range)
{
	r->facts->has_cvss = true;
	r->facts->cvss_max = MAX(r->facts->cvss_max, range.high);
	if (r->scores.n_ranges < SCORES_MAX)
		r->scores.range[r->scores.n_ranges++] = range;
	else
		r->facts->cvss_unreadable = true;
}

/* The attributes of one object are through: does each score lie in the range of a vector? */
static void scores_end(struct reading *r)
{
	struct scores *s = &r->scores;

	for (unsigned i = 0; i < s->n && s->n_ranges && !r->facts->cvss_outside; i++) {
		bool fits = false;

		for (unsigned k = 0; k < s->n_ranges; k++)
			fits |= s->v[i] >= s->range[k].low && s->v[i] <= s->range[k].high;
		if (fits)
			continue;
		r->facts->cvss_outside = true;
		r->facts->cvss_score = s->v[i];
		r->facts->cvss_low = s->range[0].low;
		r->facts->cvss_high = s->range[0].high;
	}
	*s = (struct scores){0};
}

static void read_cvss(struct reading *r, const struct misp_attr *a)
{
	static const char *const scores[] = {"cvss-score", "cvss", "cvss-base-score", "base-score",
					     "cvss_score"};
	static const char *const vectors[] = {"cvss-string", "cvss-vector", "vector-string",
					      "cvss_vector", "cvss-vector-string"};
	struct cvss_range range;
	uint8_t tenths;
	bool vector = ONE_OF(a->object_relation, vectors) || cvss_is_vector(a->value);

	if (vector && cvss_range(a->value, &range))
		vector_add(r, range);
	else if (!vector && ONE_OF(a->object_relation, scores) && cvss_score(a->value, &tenths))
		score_add(r, tenths);
	else if (vector || ONE_OF(a->object_relation, scores))
		r->facts->cvss_unreadable = true;
}

/* Kept up to a bound: a name that is left out makes nobody a vendor. */
static void name_add(struct reading *r, struct str name)
{
	name = str_trim(name);
	if (!name.n || memchr(name.p, '|', name.n) || r->names.n + name.n + 2 > NAMES_MAX)
		return;
	if (!r->names.n)
		buf_putc(&r->names, '|');
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] != '\\') /* CPEs escape with it */
			buf_putc(&r->names, name.p[i]);
	buf_putc(&r->names, '|');
}

/* cpe:2.3:a:apache:log4j:2.14.1:... and cpe:/a:apache:log4j:2.14.1 */
static void read_cpe(struct reading *r, struct str cpe)
{
	bool formatted = str_has_prefix(cpe, STR("cpe:2.3:"));
	struct str rest = cpe, part;
	unsigned vendor = formatted ? 3 : 2;

	if (!formatted && !str_has_prefix(cpe, STR("cpe:/")))
		return;
	for (unsigned i = 0; rest.p && i <= vendor + 1; i++) {
		rest = str_split(rest, ':', &part);
		if (i >= vendor && !str_is(part, "*") && !str_is(part, "-"))
			name_add(r, part);
	}
}

static void read_names(struct reading *r, const struct misp_attr *a)
{
	static const char *const relations[] = {"vendor",	"product",	"product-name",
						"vendor-name",	"vendor_name",	"product_name",
						"affected-product", "software",	"provider"};
	static const char *const objects[] = {"software", "product"};

	if (a->type == ATTR_CPE || str_has_prefix(a->value, STR("cpe:")))
		read_cpe(r, a->value);
	else if (ONE_OF(a->object_relation, relations) ||
		 (r->object.id && ONE_OF(r->object.name, objects) &&
		  str_eq_nocase(a->object_relation, STR("name"))))
		name_add(r, a->value);
}

/* What the tags of a vulnerability say of its disclosure goes before what the event's say. */
static void read_disclosure(struct reading *r, const struct misp_attr *a)
{
	unsigned said = gate_rmsv(&a->tags);

	r->facts->attr_shut |= (said & RMSV_UNDISCLOSED) != 0;
	r->facts->attr_silent |= !(said & (RMSV_UNDISCLOSED | RMSV_DISCLOSED));
}

static enum err keep_remedy(struct reading *r, const struct misp_attr *a)
{
	struct misp_attr *copy = ARENA_NEW(r->out, struct misp_attr);
	struct misp_object *object = NULL;

	if (r->facts->n_remedies == REMEDIES_MAX)
		return ERR_OK;
	if (!r->remedies)
		r->facts->remedies = r->remedies =
			ARENA_ARRAY(r->out, struct vuln_remedy, REMEDIES_MAX);
	if (!copy || !r->remedies)
		return ERR_LIMIT;
	TRY(entity_copy(r->out, &desc_misp_attr, a, copy));
	if (r->object.id) {
		object = ARENA_NEW(r->out, struct misp_object);
		if (!object)
			return ERR_LIMIT;
		TRY(entity_copy(r->out, &desc_misp_object, &r->object, object));
	}
	r->remedies[r->facts->n_remedies++] = (struct vuln_remedy){copy, object};
	return ERR_OK;
}

static enum err read_attr(struct reading *r, const struct misp_attr *a)
{
	const struct misp_object *o = r->object.id ? &r->object : NULL;

	if (a->type == ATTR_VULNERABILITY)
		read_disclosure(r, a);
	if (a->deleted || (o && o->deleted))
		return ERR_OK;
	read_cvss(r, a);
	read_names(r, a);
	return gate_is_remedy(o, a) ? keep_remedy(r, a) : ERR_OK;
}

/* The object that the next attributes stand in; its row lives as long as the transaction. */
static enum err enter_object(struct reading *r, uint64_t id)
{
	scores_end(r);
	r->object = (struct misp_object){0};
	if (!id)
		return ERR_OK;
	enum err e = store_el_get(r->view->txn, EL_OBJECT, (struct el_key){r->e->body, 0, id}, NULL,
				  &r->object);
	return e == ERR_NOENT ? ERR_OK : e;
}

static enum err read_attrs(struct reading *r)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	uint64_t parent = 0;

	TRY(store_el_iter_new(r->view->txn, EL_ATTR, (struct el_key){.body = r->e->body}, false,
			      &it));
	for (;;) {
		struct misp_attr a;
		struct el_key key;
		enum err e;

		arena_reset(r->row);
		e = store_el_iter_next(it, r->row, &key, &a);
		if (e == ERR_NOENT)
			break;
		TRY(e);
		if (key.parent != parent)
			TRY(enter_object(r, parent = key.parent));
		TRY(view_resolve_tags(r->view, r->row, &a.tags));
		TRY(read_attr(r, &a));
	}
	scores_end(r);
	return ERR_OK;
}

/* All of it: the event is a record, or holds a vulnerability. */
static enum err read_facts(struct view *v, const struct misp_event *e, bool has_object,
			   struct arena *out, struct vuln_facts *facts)
{
	OWN(arena) struct arena *row = arena_new(READ_ARENA);
	OWN(buf) struct buf names = BUF(NAMES_MAX + 64);
	struct reading r = {.view = v, .e = e, .out = out, .row = row, .facts = facts};
	enum err err;

	if (!row)
		return ERR_NOMEM;
	*facts = (struct vuln_facts){.has_object = has_object};
	r.names = names;
	err = read_attrs(&r);
	names = r.names;
	facts->names = arena_str(out, buf_str(&names));
	return err != ERR_OK ? err : names.n && !facts->names.p ? ERR_LIMIT : buf_err(&names);
}

static enum err holds_object(struct view *v, const struct misp_event *e, bool *holds)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct misp_object o;
	struct el_key key;
	enum err err = ERR_OK;

	*holds = false;
	TRY(store_el_iter_new(v->txn, EL_OBJECT, (struct el_key){.body = e->body}, false, &it));
	while (!*holds && (err = store_el_iter_next(it, NULL, &key, &o)) == ERR_OK)
		*holds = is_vulnerability(o.name);
	return err == ERR_NOENT ? ERR_OK : err;
}

static enum err holds_attr(struct view *v, const struct misp_event *e, bool *holds)
{
	OWN(store_el_iter) struct store_el_iter *it = NULL;
	struct misp_attr a;
	struct el_key key;
	enum err err = ERR_OK;

	*holds = false;
	TRY(store_el_iter_new(v->txn, EL_ATTR, (struct el_key){.body = e->body}, false, &it));
	while (!*holds && (err = store_el_iter_next(it, NULL, &key, &a)) == ERR_OK)
		*holds = a.type == ATTR_VULNERABILITY;
	return err == ERR_NOENT ? ERR_OK : err;
}

/* ---- the table --------------------------------------------------------------------------------- */

/* An event whose elements were read, and have not changed since, in the body that it had. */
struct slot {
	uint64_t event_id; /* 0: empty */
	uint64_t body;
	uint64_t seq; /* of the snapshot that was read */
	struct known *known; /* NULL: it holds no vulnerability */
};

struct known {
	struct arena *arena;
	struct vuln_facts facts;
};

struct records {
	pthread_mutex_t lock;
	uint64_t seq; /* the change log is followed up to here */
	struct slot *v;
	size_t n, cap, n_known;
};

struct records *records_new(void)
{
	struct records *r = calloc(1, sizeof(*r));

	if (r)
		pthread_mutex_init(&r->lock, NULL);
	return r;
}

static void known_free(struct known *k)
{
	if (!k)
		return;
	arena_free(k->arena);
	free(k);
}

static void forget_all(struct records *r, bool known_only)
{
	for (size_t i = 0; i < r->cap; i++) {
		if (r->v[i].known)
			r->v[i].body = UINT64_MAX; /* no body: never found, and replaced */
		known_free(r->v[i].known);
		r->v[i].known = NULL;
	}
	r->n_known = 0;
	if (known_only)
		return;
	free(r->v);
	r->v = NULL;
	r->n = r->cap = 0;
}

void records_free(struct records *r)
{
	if (!r)
		return;
	forget_all(r, false);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static struct slot *slot_of(struct records *r, uint64_t event_id)
{
	size_t i = (size_t)(event_id * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (r->cap - 1);

	while (r->v[i].event_id && r->v[i].event_id != event_id)
		i = (i + 1) & (r->cap - 1);
	return &r->v[i];
}

static bool grow(struct records *r)
{
	struct records bigger = {.cap = r->cap ? r->cap * 2 : 1024};

	if (r->n < r->cap / 2)
		return true;
	bigger.v = calloc(bigger.cap, sizeof(*bigger.v));
	if (!bigger.v)
		return false;
	for (size_t i = 0; i < r->cap; i++)
		if (r->v[i].event_id)
			*slot_of(&bigger, r->v[i].event_id) = r->v[i];
	free(r->v);
	r->v = bigger.v;
	r->cap = bigger.cap;
	return true;
}

/* A slot stays where it is, so that chains hold; without a body it answers nothing. */
static void forget(struct records *r, struct slot *s)
{
	r->n_known -= s->known != NULL;
	known_free(s->known);
	s->known = NULL;
	s->body = UINT64_MAX;
}

/* Is what has changed something that makes a record of an event that held no vulnerability? */
static bool makes_record(const struct slot *s, const struct store_rtxn *t, const struct change *c)
{
	struct el_key key = {s->body, c->parent, c->id};
	struct misp_object o;
	struct misp_attr a;
	enum err e;

	if (c->op == CHANGE_DELETE)
		return false;
	if (c->kind == CHANGE_EL(EL_OBJECT)) {
		e = store_el_get(t, EL_OBJECT, key, NULL, &o);
		return e == ERR_OK ? is_vulnerability(o.name) : e != ERR_NOENT;
	}
	e = store_el_get(t, EL_ATTR, key, NULL, &a);
	return e == ERR_OK ? a.type == ATTR_VULNERABILITY : e != ERR_NOENT;
}

static void follow_one(struct records *r, const struct store_rtxn *t, const struct change *c)
{
	bool element = c->kind == CHANGE_EL(EL_ATTR) || c->kind == CHANGE_EL(EL_OBJECT);
	struct slot *s;

	if (c->kind == CHANGE_TABLE(T_TAG) && c->op != CHANGE_ADD)
		forget_all(r, true);
	if (!r->cap || (!element && c->kind != CHANGE_TABLE(T_EVENT)))
		return;
	s = slot_of(r, element ? c->event_id : c->id);
	if (!s->event_id || s->body == UINT64_MAX)
		return;
	if (element ? s->known || makes_record(s, t, c) : c->whole || c->op == CHANGE_DELETE)
		forget(r, s);
}

static enum err follow(struct records *r, const struct store_rtxn *t)
{
	uint64_t to = store_seq(t);
	struct change c;
	enum err e = ERR_OK;

	if (!r->cap)
		r->seq = to; /* there is nothing to forget */
	while (r->seq < to && (e = store_change_next(t, &r->seq, &c)) == ERR_OK)
		follow_one(r, t, &c);
	if (e != ERR_OK && e != ERR_NOENT) {
		forget_all(r, false);
		return e;
	}
	r->seq = MAX(r->seq, to);
	return ERR_OK;
}

static enum err facts_copy(struct arena *a, const struct vuln_facts *in, struct vuln_facts *out)
{
	struct vuln_remedy *remedies = ARENA_ARRAY(a, struct vuln_remedy, in->n_remedies + 1);

	*out = *in;
	out->names = arena_str(a, in->names);
	if (!remedies || (in->names.n && !out->names.p))
		return ERR_LIMIT;
	for (uint32_t i = 0; i < in->n_remedies; i++) {
		struct misp_attr *attr = ARENA_NEW(a, struct misp_attr);
		struct misp_object *object = NULL;

		if (!attr)
			return ERR_LIMIT;
		TRY(entity_copy(a, &desc_misp_attr, in->remedies[i].attr, attr));
		if (in->remedies[i].object) {
			object = ARENA_NEW(a, struct misp_object);
			if (!object)
				return ERR_LIMIT;
			TRY(entity_copy(a, &desc_misp_object, in->remedies[i].object, object));
		}
		remedies[i] = (struct vuln_remedy){attr, object};
	}
	out->remedies = remedies;
	return ERR_OK;
}

enum found { NOT_READ, PLAIN, KNOWN };

/* What is remembered of the event and holds for this snapshot. */
static enum err look_up(struct records *r, const struct store_rtxn *t, const struct misp_event *e,
			struct arena *a, struct vuln_facts *out, enum found *found)
{
	struct slot *s;
	enum err err;

	*found = NOT_READ;
	if (!r)
		return ERR_OK;
	pthread_mutex_lock(&r->lock);
	err = follow(r, t);
	s = err == ERR_OK && r->cap ? slot_of(r, e->id) : NULL;
	if (s && s->event_id && s->body == e->body && s->seq <= store_seq(t)) {
		*found = s->known ? KNOWN : PLAIN;
		if (s->known)
			err = facts_copy(a, &s->known->facts, out);
	}
	pthread_mutex_unlock(&r->lock);
	return err;
}

/* Not when the log has gone on since: what was read may be old already. */
static void remember(struct records *r, const struct store_rtxn *t, const struct misp_event *e,
		     struct known *known)
{
	struct slot *s = NULL;

	pthread_mutex_lock(&r->lock);
	if (r->n_known >= FACTS_MAX)
		forget_all(r, true);
	if (!r->cap && r->seq <= store_seq(t))
		r->seq = store_seq(t);
	if (r->seq == store_seq(t) && grow(r)) {
		s = slot_of(r, e->id);
		r->n += !s->event_id;
		known_free(s->known);
		r->n_known += (known != NULL) - (s->known != NULL);
		*s = (struct slot){e->id, e->body, store_seq(t), known};
	}
	pthread_mutex_unlock(&r->lock);
	if (!s)
		known_free(known);
}

/* ---- asking -------------------------------------------------------------------------------------- */

static enum err read_known(struct view *v, const struct misp_event *e, bool has_object,
			   struct arena *a, struct vuln_facts *out)
{
	struct records *r = v->env->records;
	struct known *k;
	enum err err;

	if (!r)
		return read_facts(v, e, has_object, a, out);
	k = calloc(1, sizeof(*k));
	if (k)
		k->arena = arena_new(READ_ARENA);
	err = k && k->arena ? read_facts(v, e, has_object, k->arena, &k->facts) : ERR_NOMEM;
	if (err == ERR_OK)
		err = facts_copy(a, &k->facts, out);
	if (err == ERR_OK)
		remember(r, v->txn, e, k);
	else
		known_free(k);
	return err;
}

enum err view_vuln(struct view *v, const struct misp_event *e, struct arena *a,
		   const struct vuln_facts **out)
{
	struct records *r = v->env->records;
	struct vuln_facts *facts;
	bool record = gate_rmsv(&e->tags) & RMSV_TAGGED, object = false, attr = false;
	enum found found;

	*out = NULL;
	if (!policy_asks_vuln(v->policy, &v->audience))
		return ERR_OK;
	facts = ARENA_NEW(a, struct vuln_facts);
	if (!facts)
		return ERR_LIMIT;
	*facts = (struct vuln_facts){0};
	TRY(look_up(r, v->txn, e, a, facts, &found));
	/* an event that holds none, and is tagged as a record, is read for its remedy */
	if (found == NOT_READ || (found == PLAIN && record)) {
		TRY(holds_object(v, e, &object));
		if (!object && !record)
			TRY(holds_attr(v, e, &attr));
		if (object || attr || record)
			TRY(read_known(v, e, object, a, facts));
		else if (r)
			remember(r, v->txn, e, NULL);
	}
	*out = facts;
	return ERR_OK;
}
