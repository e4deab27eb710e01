/*
 * admit_el.c - what may come in: elements, one by one as they are read from their document.
 *
 * Defaults are filled in without `has` bits, so that an edit of a known element changes only what
 * its document gave (sync-protocol.md 4.6).
 */
#include "base/hash.h"
#include "base/own.h"
#include "gate/admit_impl.h"
#include "model/fieldcheck.h"
#include "model/misp.h"
#include "model/validate.h"
#include "warnlist/warnlist.h"

#define TEXT_MAX 65535u
#define NAME_MAX_BYTES 255u

static const struct str too_long = {"The entered string is too long and would get truncated.", 55};

/* Level and group of an element. */
static enum err level_check(const struct admitted *adm, const struct admit_facts *facts, bool given,
			    uint8_t *distribution, uint64_t *group_id, struct entity_list *group,
			    struct problems *p, struct fail *f)
{
	bool may_embed = from_elsewhere(facts) || facts->perm_sync || facts->site_admin;
	char n[12];
	uint8_t level;

	if (facts->elements_inherit) {
		*distribution = DIST_INHERIT;
		*group_id = 0;
		*group = (struct entity_list){NULL, 0};
		return ERR_OK;
	}
	if (!given)
		*distribution = facts->default_attr_distribution;
	problem_add(p, "distribution",
		    field_check_attr_distribution(number_text(*distribution, n), &level));
	*distribution = lowered(facts, *distribution);
	if (*distribution == DIST_GROUP && may_embed && group->n) {
		*group_id = 0;
		return ERR_OK;
	}
	*group = (struct entity_list){NULL, 0};
	if (*distribution != DIST_GROUP) {
		*group_id = 0;
		return ERR_OK;
	}
	if (!from_elsewhere(facts) && admit_group_known(facts, *group_id))
		return ERR_OK;
	if (raw_root(admitted_raw(adm)) != RAW_EVENT)
		return fail(f, ERR_PERM, "Invalid Sharing Group or not authorised.");
	*group_id = 0; /* inside an event MISP keeps the element to the own organisation */
	*distribution = DIST_ORG;
	return ERR_OK;
}

static void uuid_check(struct uuid *u, bool given, struct problems *p)
{
	struct uuid ignored;

	if (!uuid_is_nil(*u))
		return;
	if (given)
		problem_add(p, "uuid", field_check_uuid(STR("-"), &ignored));
	else
		*u = uuid_random();
}

static void seen_check(int64_t first, int64_t last, struct problems *p)
{
	int64_t ignored;

	if (first == MICRO_BAD)
		problem_add(p, "first_seen", field_check_seen(STR("-"), &ignored));
	if (last == MICRO_BAD)
		problem_add(p, "last_seen", field_check_seen(STR("-"), &ignored));
	if (first != MICRO_BAD && last != MICRO_BAD)
		problem_add(p, "last_seen", field_check_seen_order(first, last));
}

/* ---- attributes ------------------------------------------------------------------------------ */

static void type_check(struct misp_attr *at, struct problems *p)
{
	struct str type = at->type ? type_name((enum attr_type)at->type) : at->type_text;
	struct str category = at->category ? category_name((enum attr_category)at->category) :
					     at->category_text;
	struct attr_problem found[2];
	enum attr_type t;
	enum attr_category c;
	unsigned n = field_check_type(type, category, &t, &c, found);

	for (unsigned i = 0; i < n; i++)
		problem_add(p, found[i].field, found[i].text);
	at->type = (uint16_t)t;
	at->category = (uint8_t)c;
}

static enum err value_check(struct arena *a, struct misp_attr *at, struct problems *p)
{
	struct attr_problem found = {0};
	enum err e = attr_normalise_validate(a, (enum attr_type)at->type, at->value,
					     at->value_is_number, &at->value, &at->value1,
					     &at->value2, &found);

	if (e != ERR_INVAL)
		return e;
	problem_add(p, found.field ? found.field : "value",
		    found.text.p ? found.text : STR("Invalid value."));
	return ERR_OK;
}

/* A sample that the sender wants packed is named "file" and becomes "file|md5 of its bytes"; a hash
   that is given is replaced (recorded, objects 1920). */
static enum err name_sample(struct arena *a, struct misp_attr *at)
{
	OWN(buf) struct buf bytes = BUF(at->data.n + 16);
	uint8_t md5[16];
	char hex[33];

	struct str name;

	(void)str_split(at->value, '|', &name);
	if (at->type != ATTR_MALWARE_SAMPLE || !at->encrypt || !at->data.n || !str_trim(name).n)
		return ERR_OK;
	if (!base64_decode(&bytes, at->data))
		return ERR_OK; /* without the hash the value is refused as incomplete */
	hash_md5(buf_str(&bytes), md5);
	at->value = arena_printf(a, "%.*s|%s", STR_ARG(str_trim(name)),
				 hash_hex(md5, sizeof(md5), hex));
	return at->value.p ? ERR_OK : ERR_LIMIT;
}

static bool is_image(struct str name)
{
	static const char *const ends[] = {".png", ".jpg", ".jpeg", ".gif", ".bmp"};

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		size_t n = strlen(ends[i]);

		if (name.n > n &&
		    str_eq_nocase(str_sub(name, name.n - n, n), (struct str){ends[i], n}))
			return true;
	}
	return false;
}

/* The problem is a JSON text here, not a map of fields (recorded). */
static enum err warning_check(const struct misp_attr *at, const struct admit_facts *facts,
			      struct fail *f)
{
	struct warnlist_hit hit;

	if (!facts->warnings || !(facts->no_warned || at->enforce_warninglist) ||
	    !warnlist_hits(facts->warnings, at->type, at->value, &hit, 1))
		return ERR_OK;
	return fail(f, ERR_INVAL, "\"Attribute could not be saved as it trips over a warninglist and "
				  "enforceWarninglist is enforced.\"");
}

static void attr_defaults(struct misp_attr *at, const struct admit_facts *facts)
{
	const struct type_row *row = type_get((enum attr_type)at->type);

	if (row && !ENTITY_HAS(at, ATTR_F_to_ids))
		at->to_ids = row->to_ids;
	if (facts->all_to_ids || facts->no_to_ids) {
		at->to_ids = facts->all_to_ids;
		ENTITY_SET_HAS(at, ATTR_F_to_ids);
	}
	if (at->type == ATTR_ATTACHMENT && !ENTITY_HAS(at, ATTR_F_disable_correlation))
		at->disable_correlation = is_image(at->value);
	if (!at->comment.p)
		at->comment = STR("");
	if (at->timestamp <= 0)
		at->timestamp = facts->now;
	at->id = at->event_id = at->object_id = 0;
	at->blob = STR_NONE;
	at->blob_size = 0;
}

static enum err admit_attr(const struct admitted *adm, const struct admit_facts *facts,
			   struct arena *a, struct element *e, struct fail *f)
{
	OWN(problems) struct problems p = PROBLEMS;
	struct misp_attr *at = &e->attr;
	bool partial = facts->is_edit && !at->type && !at->type_text.p && !at->value.p &&
		       !uuid_is_nil(at->uuid);

	uuid_check(&at->uuid, ENTITY_HAS(at, ATTR_F_uuid), &p);
	if (!partial) {
		type_check(at, &p);
		if (at->type) {
			TRY(name_sample(a, at));
			TRY(value_check(a, at, &p));
		}
	}
	if (e->parent && !facts->is_edit && !at->object_relation.n)
		problem_add(&p, "object_relation",
			    STR("Object attribute sent, but no object_relation set."));
	if (at->comment.n > TEXT_MAX)
		problem_add(&p, "comment", too_long);
	seen_check(at->first_seen, at->last_seen, &p);
	TRY(level_check(adm, facts, ENTITY_HAS(at, ATTR_F_distribution), &at->distribution,
			&at->sharing_group_id, &at->sharing_group, &p, f));
	TRY(problems_end(&p, NULL, f));
	TRY(warning_check(at, facts, f));
	attr_defaults(at, facts);
	cut_incoming_tags(facts, &at->tags);
	return ERR_OK;
}

/* ---- objects and the rest -------------------------------------------------------------------- */

/* Some member that a new object must have, or NULL; the order is MISP's. */
static const char *object_missing(const struct misp_object *o)
{
	if (!o->name.n)
		return "name";
	if (!o->meta_category.n)
		return "meta-category";
	if (!o->template_uuid.n)
		return "template_uuid";
	return NULL;
}

static enum err admit_object(const struct admitted *adm, const struct admit_facts *facts,
			     struct element *e, struct fail *f)
{
	OWN(problems) struct problems p = PROBLEMS;
	struct misp_object *o = &e->object;
	const char *missing = facts->is_edit && !uuid_is_nil(o->uuid) ? NULL : object_missing(o);

	if (missing)
		return fail(f, ERR_INVAL,
			    "\"Object could not be saved.\\ntemplate: No valid template found and "
			    "object lacking template information. (%s)\"",
			    missing);
	uuid_check(&o->uuid, ENTITY_HAS(o, OBJECT_F_uuid), &p);
	if (o->comment.n > TEXT_MAX)
		problem_add(&p, "comment", too_long);
	if (o->name.n > NAME_MAX_BYTES || o->meta_category.n > NAME_MAX_BYTES ||
	    o->template_uuid.n > NAME_MAX_BYTES || o->template_version.n > NAME_MAX_BYTES)
		problem_add(&p, "name", too_long);
	seen_check(o->first_seen, o->last_seen, &p);
	/* one that names no level is its organisation's own (recorded: objects 1933 ff.) */
	if (!ENTITY_HAS(o, OBJECT_F_distribution))
		o->distribution = DIST_ORG;
	TRY(level_check(adm, facts, true, &o->distribution,
			&o->sharing_group_id, &o->sharing_group, &p, f));
	TRY(problems_end(&p, NULL, f));
	if (!o->template_version.n)
		o->template_version = STR("1");
	if (!o->description.p)
		o->description = STR("");
	if (!o->comment.p)
		o->comment = STR("");
	if (o->timestamp <= 0)
		o->timestamp = facts->now;
	o->id = o->event_id = 0;
	return ERR_OK;
}

static enum err admit_ref(const struct admit_facts *facts, struct element *e, struct fail *f)
{
	struct misp_ref *r = &e->ref;

	if (uuid_is_nil(r->referenced_uuid) && !r->referenced_id)
		return fail(f, ERR_INVAL, "\"Invalid target.\"");
	if (r->relationship_type.n > NAME_MAX_BYTES || r->comment.n > TEXT_MAX)
		return fail(f, ERR_INVAL, "{\"comment\":[\"%.*s\"]}", STR_ARG(too_long));
	if (uuid_is_nil(r->uuid))
		r->uuid = uuid_random();
	if (r->timestamp <= 0)
		r->timestamp = facts->now;
	if (!r->comment.p)
		r->comment = STR("");
	r->id = r->object_id = r->event_id = 0;
	return ERR_OK;
}

static enum err admit_report(const struct admitted *adm, const struct admit_facts *facts,
			     struct element *e, struct fail *f)
{
	OWN(problems) struct problems p = PROBLEMS;
	struct misp_report *r = &e->report;

	if (!str_trim(r->name).n && !(facts->is_edit && !uuid_is_nil(r->uuid)))
		problem_add(&p, "name", STR("This field cannot be left blank"));
	if (r->name.n > TEXT_MAX)
		problem_add(&p, "name", too_long);
	uuid_check(&r->uuid, ENTITY_HAS(r, REPORT_F_uuid), &p);
	TRY(level_check(adm, facts, ENTITY_HAS(r, REPORT_F_distribution), &r->distribution,
			&r->sharing_group_id, &r->sharing_group, &p, f));
	TRY(problems_end(&p, NULL, f));
	if (!r->content.p)
		r->content = STR("");
	if (r->timestamp <= 0)
		r->timestamp = facts->now;
	r->id = r->event_id = 0;
	return ERR_OK;
}

/* Proposals come by their own way; inside events MISP passes them over (4.6). */
static enum err admit_proposal(const struct admitted *adm, const struct admit_facts *facts,
			       struct arena *a, struct element *e, struct fail *f)
{
	OWN(problems) struct problems p = PROBLEMS;
	struct misp_proposal *pr = &e->proposal;
	struct misp_attr at;

	if (raw_root(admitted_raw(adm)) == RAW_EVENT)
		return fail(f, ERR_INVAL, "\"Proposals inside of events are passed over.\"");
	misp_attr_init(&at);
	at.type = pr->type;
	at.category = pr->category;
	at.value = pr->value;
	at.type_text = pr->type_text;
	at.category_text = pr->category_text;
	uuid_check(&pr->uuid, ENTITY_HAS(pr, PROPOSAL_F_uuid), &p);
	type_check(&at, &p);
	if (at.type)
		TRY(value_check(a, &at, &p));
	if (pr->comment.n > TEXT_MAX)
		problem_add(&p, "comment", too_long);
	seen_check(pr->first_seen, pr->last_seen, &p);
	TRY(problems_end(&p, NULL, f));
	pr->type = at.type;
	pr->category = at.category;
	pr->value = at.value;
	if (pr->timestamp <= 0)
		pr->timestamp = facts->now;
	return ERR_OK;
}

/* The organisation of a sighting: as named over a link, nobody when a link names none (12.3, 22),
   else the caller's. */
static enum err admit_sighting(const struct admit_facts *facts, struct element *e, struct fail *f)
{
	struct misp_sighting *s = &e->sighting;
	bool may = from_elsewhere(facts) || facts->perm_sync || facts->site_admin;

	if (s->type > 2)
		return fail(f, ERR_INVAL,
			    "\"Invalid type, please change it before you POST 1000000 sightings.\"");
	if (s->source.n > NAME_MAX_BYTES)
		return fail(f, ERR_INVAL, "{\"source\":[\"%.*s\"]}", STR_ARG(too_long));
	if (uuid_is_nil(s->uuid))
		s->uuid = uuid_random();
	if (s->date_sighting <= 0)
		s->date_sighting = facts->now;
	if (!may)
		s->org = (struct entity_list){NULL, 0};
	s->org_id = from_elsewhere(facts) ? 0 : facts->org_id;
	if (!s->source.p)
		s->source = STR("");
	s->id = s->event_id = s->attribute_id = 0;
	return ERR_OK;
}

/* In an event a cluster explains a tag: what is not fit to be kept is passed over. */
static enum err admit_named_cluster(const struct admitted *adm, const struct admit_facts *facts,
				    struct arena *a, struct element *e, struct fail *f)
{
	struct fail why = {0};

	if (raw_root(admitted_raw(adm)) == RAW_CLUSTERS)
		return admit_cluster(facts, a, e, f);
	e->cluster.id = e->cluster.galaxy_id = e->galaxy.id = 0;
	e->cluster.org_id = e->cluster.orgc_id = 0;
	if (e->cluster.default_) {
		e->cluster.org = e->cluster.orgc = (struct entity_list){NULL, 0};
		admit_cluster_meta(&e->cluster, a);
		return ERR_OK;
	}
	if (admit_cluster(facts, a, e, &why) != ERR_OK)
		e->cluster.uuid = UUID_NIL;
	return ERR_OK;
}

/* Not over an internal link, where MISP applies none of this (3.5). */
static bool rules_take(const struct admit_facts *facts, const struct element *e)
{
	if (!facts->rules || facts->internal_link)
		return true;
	return e->kind == EL_ATTR   ? link_rules_attr(facts->rules, &e->attr) :
	       e->kind == EL_OBJECT ? link_rules_object(facts->rules, &e->object) :
				      true;
}

enum err gate_admit_element(const struct admitted *adm, const struct admit_facts *facts,
			    struct arena *a, struct element *e, struct fail *f)
{
	if (facts->kind == AUD_NOBODY)
		return fail(f, ERR_PERM, "nobody may bring in anything");
	/* the two rows of level element: el_link, then el_form by kind */
	if (!rules_take(facts, e))
		return fail(f, ERR_INVAL, "\"A rule of the link leaves it out.\"");
	switch (e->kind) {
	case EL_ATTR:
		return admit_attr(adm, facts, a, e, f);
	case EL_OBJECT:
		return admit_object(adm, facts, e, f);
	case EL_REF:
		return admit_ref(facts, e, f);
	case EL_REPORT:
		return admit_report(adm, facts, e, f);
	case EL_PROPOSAL:
		return admit_proposal(adm, facts, a, e, f);
	case EL_SIGHTING:
		return admit_sighting(facts, e, f);
	case EL_ANALYST:
		return admit_analyst(adm, facts, a, &e->analyst, f);
	case EL_CLUSTER:
		return admit_named_cluster(adm, facts, a, e, f);
	case EL_COUNT:
	default:
		return fail(f, ERR_INVAL, "\"Unknown kind of element.\"");
	}
}
