/*
 * stix1_elements.c - attributes and objects in their place of the package: indicators where they are for detection,
 * observables where not, victims, campaigns, TTPs and words in the journal where MISP's type means these.
 */
#include "feeds/export/stix1_impl.h"

#define CONFIDENT                                                                                   \
	"Derived from MISP's IDS flag. If an attribute is marked for IDS exports, the confidence will be high, " \
	"otherwise none"

/* What is told of an indicator, whatever it is made of. */
struct said {
	struct str relationship, title, text;
	const char *list;
	struct uuid uuid;
	int64_t timestamp, first_seen, last_seen; /* the last two in microseconds */
	const struct stix1_mark *marks;
};

static struct stix1_node *confidence(struct stix1 *w, struct stix1_node *n, enum stix1_name name, int64_t at,
				     struct str value)
{
	struct stix1_node *c = stix1_add(w, n, name);
	stix1_text(w, c, S1_A_TIMESTAMP, stix1_time(w, at));
	stix1_text(w, c, S1_J_TS_PRECISION, STR("second"));
	stix1_text(w, c, S1_CONFIDENCE_VALUE, value);
	return c;
}

static void valid_time(struct stix1 *w, struct stix1_node *n, const struct said *s)
{
	struct stix1_node *v = stix1_add(w, stix1_add(w, n, S1_VALID_TIMES), S1_VALID_TIME);
	const int64_t at[2] = {s->first_seen, s->last_seen};
	for (int i = 0; i < 2; i++) {
		if (at[i] == MICRO_NONE || at[i] < 0 || at[i] / 1000000 > INT64_C(253402300799))
			continue;
		struct stix1_node *t = stix1_text(w, v, i ? S1_END_TIME : S1_START_TIME,
						  stix1_time(w, at[i] / 1000000));
		stix1_text(w, t, S1_X_PRECISION, STR("second"));
	}
}

/* An indicator without what it is about; `*root` is what goes into the section. */
static struct stix1_node *indicator(struct stix1 *w, const struct said *s, struct stix1_node **root)
{
	*root = stix1_root(w, w->attributes ? S1_P_INDICATOR : S1_RELATED_INDICATOR);
	struct stix1_node *n = *root;
	if (!w->attributes) {
		stix1_text(w, n, S1_RELATIONSHIP, s->relationship);
		n = stix1_add(w, n, S1_R_INDICATOR);
	}
	const char *sure = stix1_confidence(s->marks);
	stix1_id(w, n, S1_A_ID, "Indicator", s->uuid);
	stix1_text(w, n, S1_A_TIMESTAMP, stix1_time(w, s->timestamp));
	stix1_text(w, n, S1_IND_TITLE, s->title);
	stix1_text(w, stix1_add(w, n, S1_IND_TYPES), S1_IND_TYPE, str_c(s->list));
	stix1_text(w, n, S1_IND_DESCRIPTION, s->text);
	valid_time(w, n, s);
	stix1_add(w, n, S1_KILL_CHAIN_PHASES);
	stix1_add(w, n, S1_SUGGESTED_COAS);
	stix1_handling(w, n, S1_IND_HANDLING, s->marks);
	struct stix1_node *c = confidence(w, n, S1_IND_CONFIDENCE, s->timestamp, str_c(sure ? sure : "High"));
	if (!sure)
		stix1_text(w, c, S1_CONFIDENCE_TEXT, STR(CONFIDENT));
	stix1_add(w, n, S1_SIGHTINGS);
	stix1_add(w, n, S1_RELATED_INDICATORS);
	stix1_add(w, n, S1_RELATED_CAMPAIGNS);
	stix1_add(w, n, S1_RELATED_PACKAGES);
	if (w->producer.n) {
		struct stix1_node *id = stix1_add(w, stix1_add(w, n, S1_PRODUCER), S1_IDENTITY);
		stix1_text(w, id, S1_IDENTITY_NAME, w->producer);
	}
	return n;
}

static enum err indicator_put(struct stix1 *w, const struct stix1_node *root)
{
	return stix1_put(w, w->attributes ? SEC_INDICATORS : SEC_RELATED_INDICATORS, root);
}

static struct stix1_node *observable(struct stix1 *w, struct str relationship, struct str text,
				     struct stix1_node **root)
{
	*root = stix1_root(w, w->attributes ? S1_P_OBSERVABLE : S1_RELATED_OBSERVABLE);
	struct stix1_node *n = *root;
	if (!w->attributes) {
		stix1_text(w, n, S1_RELATIONSHIP, relationship);
		n = stix1_add(w, n, S1_R_OBSERVABLE);
	}
	if (text.n)
		stix1_text(w, n, S1_O_DESCRIPTION, text);
	return n;
}

static enum err observable_put(struct stix1 *w, const struct stix1_node *root)
{
	return stix1_put(w, w->attributes ? SEC_OBSERVABLES : SEC_RELATED_OBSERVABLES, root);
}

/* ---- attributes ---- */

struct attr {
	const struct misp_attr *a;
	const struct rel_element *el;
	struct str title;
	struct stix1_mark marks;
};

static enum err attr_indicator(struct stix1 *w, const struct attr *x)
{
	const struct misp_attr *a = x->a;
	struct said s = {.relationship = category_name(a->category),
			 .title = x->title,
			 .text = a->comment.n ? a->comment : x->title,
			 .list = stix1_watchlist(a->type),
			 .uuid = a->uuid,
			 .timestamp = a->timestamp,
			 .first_seen = a->first_seen,
			 .last_seen = a->last_seen,
			 .marks = &x->marks};
	struct stix1_node *root, *n = indicator(w, &s, &root);
	if (a->type == ATTR_YARA || a->type == ATTR_SNORT) {
		bool yara = a->type == ATTR_YARA;
		struct stix1_node *m = stix1_add(w, stix1_add(w, n, S1_TEST_MECHANISMS),
						 yara ? S1_YARA_MECHANISM : S1_SNORT_MECHANISM);
		stix1_text(w, yara ? m : stix1_add(w, m, S1_SNORT_RULES), yara ? S1_YARA_RULE : S1_SNORT_RULE,
			   a->value);
	} else {
		stix1_observable(w, stix1_add(w, n, S1_IND_OBSERVABLE), a, x->el->data);
	}
	struct stix1_node *ttps = stix1_add(w, n, S1_INDICATED_TTPS);
	TRY(stix1_clusters(w, x->el->clusters, x->el->n_clusters, a->timestamp, ttps,
			   stix1_at(w, n, S1_SUGGESTED_COAS)));
	if (!ttps->first)
		stix1_remove(n, ttps);
	return indicator_put(w, root);
}

static enum err attr_observable(struct stix1 *w, const struct attr *x)
{
	struct stix1_node *root,
		*n = observable(w, category_name(x->a->category), x->a->comment, &root);
	stix1_lift(w, &x->marks);
	stix1_observable(w, n, x->a, x->el->data);
	return observable_put(w, root);
}

static enum err attr_plain(struct stix1 *w, const struct attr *x)
{
	return x->a->to_ids ? attr_indicator(w, x) : attr_observable(w, x);
}

static enum err attr_text(struct stix1 *w, const struct attr *x)
{
	if (w->attributes)
		return attr_plain(w, x);
	struct stix1_node *item = stix1_root(w, S1_HISTORY_ITEM);
	struct stix1_node *j = stix1_text(w, item, S1_JOURNAL_ENTRY,
					  arena_printf(w->a, "Attribute (%.*s - %.*s): %.*s",
						       STR_ARG(category_name(x->a->category)),
						       STR_ARG(type_name(x->a->type)), STR_ARG(x->a->value)));
	stix1_text(w, j, S1_A_TIME_PRECISION, STR("second"));
	stix1_lift(w, &x->marks);
	return stix1_put(w, SEC_HISTORY, item);
}

static enum err ttp_put(struct stix1 *w, struct stix1_node *t, struct uuid u, int64_t at, struct str kind)
{
	stix1_id(w, t, S1_A_ID, "TTP", u);
	stix1_text(w, t, S1_A_TIMESTAMP, stix1_time(w, at));
	stix1_at(w, t, S1_EXPLOIT_TARGETS);
	stix1_add(w, t, S1_RELATED_PACKAGES);
	stix1_add(w, t, S1_RELATED_TTPS);
	stix1_add(w, t, S1_KILL_CHAIN_PHASES);
	TRY(stix1_put(w, SEC_TTPS, t));
	if (w->attributes)
		return ERR_OK;
	struct stix1_node *r = stix1_root(w, S1_LEVERAGED_TTP);
	stix1_text(w, r, S1_RELATIONSHIP, kind);
	struct stix1_node *ref = stix1_add(w, r, S1_TTP_REF);
	stix1_id(w, ref, S1_A_IDREF, "TTP", u);
	stix1_text(w, ref, S1_A_TIMESTAMP, stix1_time(w, at));
	stix1_add(w, ref, S1_RELATED_PACKAGES);
	stix1_add(w, ref, S1_EXPLOIT_TARGETS);
	stix1_add(w, ref, S1_RELATED_TTPS);
	stix1_add(w, ref, S1_KILL_CHAIN_PHASES);
	return stix1_put(w, SEC_LEVERAGED, r);
}

static enum err attr_weak_point(struct stix1 *w, const struct attr *x)
{
	const struct misp_attr *a = x->a;
	bool cve = a->type == ATTR_VULNERABILITY;
	struct stix1_node *t = stix1_root(w, S1_TTP);
	stix1_text(w, t, S1_TTP_TITLE, x->title);
	struct stix1_node *list = stix1_add(w, stix1_add(w, t, S1_EXPLOIT_TARGETS), S1_EXPLOIT_LIST);
	struct stix1_node *e = stix1_add(w, stix1_add(w, list, S1_EXPLOIT_ITEM), S1_EXPLOIT_TARGET);
	stix1_id(w, e, S1_A_ID, "ExploitTarget", a->uuid);
	stix1_text(w, e, S1_A_TIMESTAMP, stix1_time(w, a->timestamp));
	stix1_text(w, e, S1_ET_TITLE,
		   arena_printf(w->a, "%s %.*s", cve ? "Vulnerability" : "Weakness", STR_ARG(a->value)));
	if (a->comment.n)
		stix1_text(w, e, S1_ET_DESCRIPTION, a->comment);
	struct stix1_node *all = stix1_add(w, e, cve ? S1_VULNERABILITIES : S1_WEAKNESSES);
	struct stix1_node *one = stix1_add(w, all, cve ? S1_VULNERABILITY : S1_WEAKNESS);
	stix1_text(w, one, cve ? S1_VULN_CVE : S1_WEAKNESS_CWE, a->value);
	stix1_add(w, e, S1_POTENTIAL_COAS);
	stix1_add(w, e, S1_RELATED_TARGETS);
	stix1_add(w, e, S1_RELATED_PACKAGES);
	stix1_handling(w, t, S1_TTP_HANDLING, &x->marks);
	return ttp_put(w, t, a->uuid, a->timestamp, type_name(a->type));
}

static enum err attr_campaign(struct stix1 *w, const struct attr *x)
{
	const struct misp_attr *a = x->a;
	struct stix1_node *c = stix1_root(w, S1_CAMPAIGN);
	stix1_id(w, c, S1_A_ID, "Campaign", a->uuid);
	stix1_text(w, c, S1_A_TIMESTAMP, stix1_time(w, a->timestamp));
	stix1_text(w, c, S1_CAMPAIGN_TITLE, x->title);
	if (a->comment.n)
		stix1_text(w, c, S1_CAMPAIGN_TEXT, a->comment);
	struct stix1_node *names = stix1_add(w, stix1_add(w, c, S1_CAMPAIGN_NAMES), S1_CAMPAIGN_LIST);
	stix1_text(w, names, S1_CAMPAIGN_NAME, a->value);
	stix1_handling(w, c, S1_CAMPAIGN_HANDLING, &x->marks);
	stix1_add(w, c, S1_RELATED_TTPS);
	stix1_add(w, c, S1_RELATED_INCIDENTS);
	stix1_add(w, c, S1_RELATED_INDICATORS);
	stix1_add(w, c, S1_RELATED_PACKAGES);
	return stix1_put(w, SEC_CAMPAIGNS, c);
}

/* Who was aimed at, as CIQ says it: the path below the specification. */
static const struct victim {
	uint16_t type;
	const char *before;
	uint16_t path[5];
} victims[] = {
	{ATTR_TARGET_USER, "", {S1_PARTY_NAME, S1_PERSON_NAMES, S1_PERSON_NAME, S1_NAME_ELEMENTS, S1_NAME_ELEMENT}},
	{ATTR_TARGET_ORG, "", {S1_PARTY_NAME, S1_ORG_NAMES, S1_ORG_NAME, S1_NAME_ELEMENTS, S1_NAME_ELEMENT}},
	{ATTR_TARGET_EXTERNAL, "External target: ", {S1_PARTY_NAME, S1_NAME_LINES, S1_NAME_LINE}},
	{ATTR_TARGET_LOCATION, "", {S1_ADDRESSES, S1_ADDRESS, S1_FREE_TEXT, S1_ADDRESS_LINES, S1_ADDRESS_LINE}},
	{ATTR_TARGET_EMAIL, "", {S1_ELECTRONIC, S1_ELECTRONIC_ID}},
};

static enum err attr_victim(struct stix1 *w, const struct attr *x)
{
	const struct misp_attr *a = x->a;
	const struct victim *v = victims;
	while (v->type != a->type)
		v++;
	struct stix1_node *root = stix1_root(w, w->attributes ? S1_TTP : S1_VICTIM), *n = root;
	if (w->attributes) {
		stix1_text(w, root, S1_TTP_TITLE, x->title);
		stix1_handling(w, root, S1_TTP_HANDLING, &x->marks);
		n = stix1_add(w, stix1_add(w, root, S1_TTP_VICTIM), S1_TTP_IDENTITY);
	}
	stix1_id(w, n, S1_A_ID, "Identity", a->uuid);
	stix1_text(w, n, S1_X_CIQ, STR("http://stix.mitre.org/extensions/Identity#CIQIdentity3.0-1"));
	stix1_text(w, n, S1_IDENTITY_NAME, x->title);
	n = stix1_add(w, n, S1_SPECIFICATION);
	for (size_t i = 0; i < ARRAY_LEN(v->path) && v->path[i]; i++)
		n = stix1_add(w, n, v->path[i]);
	n->text = arena_printf(w->a, "%s%.*s", v->before, STR_ARG(a->value));
	if (w->attributes)
		return ttp_put(w, root, a->uuid, a->timestamp, STR_NONE);
	stix1_lift(w, &x->marks);
	return stix1_put(w, SEC_VICTIMS, root);
}

static enum err attr_asset(struct stix1 *w, const struct attr *x)
{
	const struct misp_attr *a = x->a;
	if (w->attributes)
		return attr_plain(w, x);
	struct stix1_node *n = stix1_root(w, S1_AFFECTED_ASSET);
	stix1_text(w, n, S1_ASSET_DESCRIPTION,
		   a->comment.n ? arena_printf(w->a, "%.*s (%.*s)", STR_ARG(a->value), STR_ARG(a->comment))
				: a->value);
	stix1_lift(w, &x->marks);
	return stix1_put(w, SEC_ASSETS, n);
}

static const struct {
	uint16_t type;
	enum err (*put)(struct stix1 *w, const struct attr *x);
} special[] = {
	{ATTR_TEXT, attr_text},
	{ATTR_COMMENT, attr_text},
	{ATTR_OTHER, attr_text},
	{ATTR_VULNERABILITY, attr_weak_point},
	{ATTR_WEAKNESS, attr_weak_point},
	{ATTR_CAMPAIGN_NAME, attr_campaign},
	{ATTR_TARGET_USER, attr_victim},
	{ATTR_TARGET_ORG, attr_victim},
	{ATTR_TARGET_EXTERNAL, attr_victim},
	{ATTR_TARGET_LOCATION, attr_victim},
	{ATTR_TARGET_EMAIL, attr_victim},
	{ATTR_TARGET_MACHINE, attr_asset},
};

enum err stix1_attr(struct stix1 *w, const struct rel_element *el)
{
	const struct misp_attr *a = el->attr;
	if (a->deleted) /* STIX 1 has no word for it */
		return ERR_OK;
	arena_reset(w->a);
	struct attr x = {.a = a, .el = el};
	x.title = arena_printf(w->a, "%.*s: %.*s (MISP Attribute)", STR_ARG(category_name(a->category)),
			       STR_ARG(a->value));
	stix1_marks_add(w, &x.marks, &a->tags, el->clusters, el->n_clusters);
	for (size_t i = 0; i < ARRAY_LEN(special); i++)
		if (special[i].type == a->type)
			return special[i].put(w, &x);
	return attr_plain(w, &x);
}

/* ---- objects ---- */

enum err stix1_object_open(struct stix1 *w, const struct misp_object *o)
{
	TRY(stix1_object_close(w));
	arena_reset(w->a);
	memset(&w->object, 0, sizeof(w->object));
	w->object.open = true;
	w->object.deleted = o->deleted;
	w->object.uuid = o->uuid;
	w->object.timestamp = o->timestamp;
	w->object.name = arena_str(w->a, o->name);
	w->object.meta = arena_str(w->a, o->meta_category.n ? o->meta_category : STR("misc"));
	w->object.comment = arena_str(w->a, o->comment);
	w->object.description = o->description.n ? arena_str(w->a, o->description)
						 : arena_printf(w->a, "%.*s object", STR_ARG(o->name));
	w->object.text = o->comment.n ? w->object.comment : w->object.description;
	w->object.shape = stix1_shape_of(o->name);
	w->object.ttps = stix1_root(w, S1_INDICATED_TTPS);
	w->object.coas = stix1_root(w, S1_SUGGESTED_COAS);
	stix1_shape_begin(w);
	return ERR_OK;
}

enum err stix1_object_attr(struct stix1 *w, const struct rel_element *el)
{
	const struct misp_attr *a = el->attr;
	if (a->deleted)
		return ERR_OK;
	w->object.to_ids |= a->to_ids;
	w->object.n_attrs++;
	stix1_marks_add(w, &w->object.marks, &a->tags, el->clusters, el->n_clusters);
	stix1_shape_attr(w, a, el->data);
	return stix1_clusters(w, el->clusters, el->n_clusters, a->timestamp, w->object.ttps, w->object.coas);
}

static void adopt(struct stix1 *w, struct stix1_node *parent, enum stix1_name name, const struct stix1_node *from)
{
	if (!from->first)
		return;
	struct stix1_node *n = stix1_at(w, parent, name);
	n->first = from->first;
	n->last = from->last;
	n->children = from->children;
}

static enum err object_beside(struct stix1 *w, struct str title)
{
	struct stix1_node *root = w->object.root;
	if (root->name == S1_TTP) {
		stix1_text(w, root, S1_TTP_TITLE, title);
		stix1_handling(w, root, S1_TTP_HANDLING, &w->object.marks);
		return ttp_put(w, root, w->object.uuid, w->object.timestamp, w->object.name);
	}
	static const enum stix1_name said[] = {S1_COA_IMPACT, S1_COA_COST, S1_COA_EFFICACY};
	for (size_t i = 0; i < ARRAY_LEN(said); i++) {
		struct stix1_node *n = stix1_find(root, said[i]);
		if (!n)
			continue;
		stix1_text(w, n, S1_A_TIMESTAMP, stix1_time(w, w->object.timestamp));
		stix1_text(w, n, S1_J_TS_PRECISION, STR("second"));
	}
	stix1_id(w, root, S1_A_ID, "CourseOfAction", w->object.uuid);
	stix1_text(w, root, S1_A_TIMESTAMP, stix1_time(w, w->object.timestamp));
	stix1_handling(w, root, S1_COA_HANDLING, &w->object.marks);
	stix1_add(w, root, S1_RELATED_COAS);
	stix1_add(w, root, S1_RELATED_PACKAGES);
	TRY(stix1_put(w, SEC_COAS, root));
	struct stix1_node *taken = stix1_root(w, S1_COA_TAKEN), *ref = stix1_add(w, taken, S1_COA_TAKEN_REF);
	stix1_id(w, ref, S1_A_IDREF, "CourseOfAction", w->object.uuid);
	stix1_text(w, ref, S1_A_TIMESTAMP, stix1_time(w, w->object.timestamp));
	stix1_add(w, ref, S1_RELATED_COAS);
	stix1_add(w, ref, S1_RELATED_PACKAGES);
	return stix1_put(w, SEC_COA_REFS, taken);
}

enum err stix1_object_close(struct stix1 *w)
{
	if (!w->object.open)
		return ERR_OK;
	w->object.open = false;
	if (w->object.deleted || !w->object.n_attrs)
		return ERR_OK;
	struct stix1_node *about = stix1_root(w, S1_IND_OBSERVABLE), *root, *n;
	struct str title = arena_printf(w->a, "%.*s: %.*s (MISP Object)", STR_ARG(w->object.meta),
					STR_ARG(w->object.name));
	if (!stix1_shape_end(w, about))
		return object_beside(w, title);
	if (!w->object.to_ids) {
		stix1_lift(w, &w->object.marks);
		n = observable(w, w->object.meta, w->object.comment, &root);
		for (struct stix1_node *k = about->first, *next; k; k = next) {
			next = k->next;
			stix1_take(n, k);
		}
		return observable_put(w, root);
	}
	struct said s = {.relationship = w->object.meta,
			 .title = title,
			 .text = w->object.text,
			 .list = stix1_shape_list(w->object.shape),
			 .uuid = w->object.uuid,
			 .timestamp = w->object.timestamp,
			 .first_seen = MICRO_NONE,
			 .last_seen = MICRO_NONE,
			 .marks = &w->object.marks};
	n = indicator(w, &s, &root);
	adopt(w, n, S1_IND_OBSERVABLE, about);
	adopt(w, n, S1_INDICATED_TTPS, w->object.ttps);
	adopt(w, n, S1_SUGGESTED_COAS, w->object.coas);
	return indicator_put(w, root);
}
