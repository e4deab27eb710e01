/*
 * json_keys.c - builds the member tables of the JSON reader.
 *
 * A document cannot set what only the store knows: FORM_STORE rows have no entry.
 */
#include "model/json_keys.h"

#include <pthread.h>

#include "base/err.h"
#include "base/own.h"

/* Members beyond fields.inc. */
static const struct extra {
	const struct entity_desc *desc;
	const char *name;
	uint8_t act, element;
	const char *field; /* name of the row that it stands for */
} extras[] = {
	{&desc_misp_event, "Attribute", KEY_ELEMENT, EL_ATTR, NULL},
	{&desc_misp_event, "Object", KEY_ELEMENT, EL_OBJECT, NULL},
	{&desc_misp_event, "EventReport", KEY_ELEMENT, EL_REPORT, NULL},
	{&desc_misp_event, "ShadowAttribute", KEY_ELEMENT, EL_PROPOSAL, NULL},
	{&desc_misp_event, "Sighting", KEY_ELEMENT, EL_SIGHTING, NULL},
	{&desc_misp_event, "Galaxy", KEY_GALAXY, 0, NULL},
	{&desc_misp_event, "EventTag", KEY_LIST, 0, "Tag"},
	{&desc_misp_attr, "ShadowAttribute", KEY_ELEMENT, EL_PROPOSAL, NULL},
	{&desc_misp_attr, "Sighting", KEY_ELEMENT, EL_SIGHTING, NULL},
	{&desc_misp_attr, "Galaxy", KEY_GALAXY, 0, NULL},
	{&desc_misp_attr, "AttributeTag", KEY_LIST, 0, "Tag"},
	{&desc_misp_attr, "base64", KEY_SCALAR, 0, "data"},
	{&desc_misp_object, "Attribute", KEY_ELEMENT, EL_ATTR, NULL},
	{&desc_misp_object, "ObjectReference", KEY_ELEMENT, EL_REF, NULL},
	{&desc_misp_galaxy, "GalaxyCluster", KEY_ELEMENT, EL_CLUSTER, NULL},
	{&desc_misp_cluster, "Galaxy", KEY_CLUSTER_GALAXY, 0, NULL},
	{&desc_misp_cluster, "local", KEY_TAG_LOCAL, 0, NULL},
	{&desc_misp_cluster, "relationship_type", KEY_TAG_RELATION, 0, NULL},
	{&desc_misp_proposal, "Org", KEY_ORG_UUID, 0, "org_uuid"},
	{NULL, "Attribute", KEY_ELEMENT, EL_ATTR, NULL},
	{NULL, "Object", KEY_ELEMENT, EL_OBJECT, NULL},
	{NULL, "ObjectReference", KEY_ELEMENT, EL_REF, NULL},
	{NULL, "EventReport", KEY_ELEMENT, EL_REPORT, NULL},
	{NULL, "ShadowAttribute", KEY_ELEMENT, EL_PROPOSAL, NULL},
	{NULL, "Sighting", KEY_ELEMENT, EL_SIGHTING, NULL},
	{NULL, "GalaxyCluster", KEY_ELEMENT, EL_CLUSTER, NULL},
	{&desc_misp_event, "Note", KEY_ELEMENT, EL_ANALYST, NULL},
	{&desc_misp_event, "Opinion", KEY_ELEMENT, EL_ANALYST, NULL},
	{&desc_misp_event, "Relationship", KEY_ELEMENT, EL_ANALYST, NULL},
	{&desc_misp_attr, "Note", KEY_ELEMENT, EL_ANALYST, NULL},
	{&desc_misp_attr, "Opinion", KEY_ELEMENT, EL_ANALYST, NULL},
	{&desc_misp_attr, "Relationship", KEY_ELEMENT, EL_ANALYST, NULL},
	{&desc_misp_object, "Note", KEY_ELEMENT, EL_ANALYST, NULL},
	{&desc_misp_object, "Opinion", KEY_ELEMENT, EL_ANALYST, NULL},
	{&desc_misp_object, "Relationship", KEY_ELEMENT, EL_ANALYST, NULL},
	{&desc_misp_report, "Note", KEY_ELEMENT, EL_ANALYST, NULL},
	{&desc_misp_report, "Opinion", KEY_ELEMENT, EL_ANALYST, NULL},
	{&desc_misp_report, "Relationship", KEY_ELEMENT, EL_ANALYST, NULL},
	{&desc_misp_analyst, "Note", KEY_ELEMENT, EL_ANALYST, NULL},
	{&desc_misp_analyst, "Opinion", KEY_ELEMENT, EL_ANALYST, NULL},
	{&desc_misp_analyst, "Relationship", KEY_ELEMENT, EL_ANALYST, NULL},
	{NULL, "Note", KEY_ELEMENT, EL_ANALYST, NULL},
	{NULL, "Opinion", KEY_ELEMENT, EL_ANALYST, NULL},
	{NULL, "Relationship", KEY_ELEMENT, EL_ANALYST, NULL},
};

/* Text members that hold JSON: fields.inc says "JSON text" there. */
static const struct {
	const struct entity_desc *desc;
	const char *name;
} json_texts[] = {
	{&desc_misp_org, "restricted_to_domain"}, {&desc_misp_galaxy, "kill_chain_order"},
	{&desc_misp_cluster, "authors"},	  {&desc_misp_cluster, "meta"},
	{&desc_misp_authkey, "allowed_ips"},	  {&desc_misp_peer, "push_rules"},
	{&desc_misp_peer, "pull_rules"},	  {&desc_misp_feed, "rules"},
	{&desc_misp_feed, "settings"},		  {&desc_misp_setting, "value"},
};

static const struct entity_desc *const descs[] = {
#define DESC_PTR(ENT, sname, wrapper) &desc_##sname,
	ENTITIES(DESC_PTR)
};

static struct key_table tables[ARRAY_LEN(descs)];
static struct key_table elements_table;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void add_row(struct key_table *t, const struct key_row *r)
{
	if (BUG(t->n >= KEY_ROWS_MAX))
		return;
	unsigned s = json_key_hash(r->name, r->n);
	while (t->slot[s])
		s = (s + 1) % KEY_SLOTS;
	t->rows[t->n] = *r;
	t->rows[t->n++].is_data = r->field && r->field->kind == F_STR &&
				  strcmp(r->field->key, "data") == 0;
	t->slot[s] = (uint8_t)t->n;
}

static uint8_t act_of(const struct entity_desc *d, const struct field *f)
{
	if (f->kind == F_LIST)
		return KEY_LIST;
	for (size_t i = 0; i < ARRAY_LEN(json_texts); i++)
		if (json_texts[i].desc == d && strcmp(json_texts[i].name, f->key) == 0)
			return KEY_JSON;
	return KEY_SCALAR;
}

static uint8_t variant_of(const struct extra *x)
{
	uint8_t v = 0;

	while (x->element == EL_ANALYST && v < ANALYST_KINDS &&
	       strcmp(x->name, analyst_kind_names[v]) != 0)
		v++;
	return v;
}

static void add_extras(struct key_table *t)
{
	for (size_t i = 0; i < ARRAY_LEN(extras); i++) {
		const struct extra *x = &extras[i];
		struct key_row r = {.name = x->name, .n = (uint8_t)strlen(x->name), .act = x->act,
				    .element = x->element};
		if (x->desc != t->desc)
			continue;
		r.variant = variant_of(x);
		if (x->field) {
			const struct key_row *as = json_key_find(t, str_c(x->field));
			if (BUG(!as))
				continue;
			r.bit = as->bit;
			r.field = as->field;
		}
		add_row(t, &r);
	}
}

/* The members of what stands in a member. */
static void link_items(struct key_table *t)
{
	for (unsigned i = 0; i < t->n; i++) {
		struct key_row *r = &t->rows[i];
		switch ((enum key_act)r->act) {
		case KEY_LIST:
			r->items = json_keys_of(r->field->sub);
			break;
		case KEY_ELEMENT:
			r->items = json_keys_of(element_desc(r->element));
			break;
		case KEY_GALAXY:
		case KEY_CLUSTER_GALAXY:
			r->items = json_keys_of(&desc_misp_galaxy);
			break;
		case KEY_ORG_UUID:
			r->items = json_keys_of(&desc_misp_org);
			break;
		case KEY_SCALAR:
		case KEY_JSON:
		case KEY_TAG_LOCAL:
		case KEY_TAG_RELATION:
			break;
		}
	}
}

static void build(void)
{
	for (size_t i = 0; i < ARRAY_LEN(descs); i++) {
		struct key_table *t = &tables[i];
		t->desc = descs[i];
		t->wrapper = t->desc->name;
		t->wrapper_n = (uint8_t)strlen(t->wrapper);
		for (unsigned k = 0; k < t->desc->n; k++) {
			const struct field *f = &t->desc->fields[k];
			if (!f->key || f->form == FORM_STORE)
				continue;
			struct key_row r = {.name = f->key, .n = (uint8_t)strlen(f->key),
					    .act = act_of(t->desc, f), .bit = (uint8_t)k,
					    .field = f};
			add_row(t, &r);
		}
		add_extras(t);
	}
	add_extras(&elements_table);
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		link_items(&tables[i]);
	link_items(&elements_table);
}

void json_keys_init(void)
{
	pthread_once(&once, build);
}

const struct key_table *json_keys_of(const struct entity_desc *d)
{
	for (size_t i = 0; i < ARRAY_LEN(descs); i++)
		if (descs[i] == d)
			return &tables[i];
	return NULL;
}

const struct key_table *json_keys_elements(void)
{
	return &elements_table;
}
