/*
 * json_item.c - items begin and end: events, elements with their ordinals, sub-entities, galaxies.
 *
 * Elements live in the arena of their nesting level, which is rewound when they end; what belongs
 * to the head lives in the document's arena. Clusters wait until all of their galaxy is known.
 */
#include "model/json_frame.h"

#include "base/own.h"

enum err json_no_memory(struct fail *f, const struct arena *a)
{
	if (a && arena_overflowed(a))
		return fail(f, ERR_LIMIT, "the texts of one element are too long");
	return fail(f, ERR_NOMEM, "no memory for a document");
}

/* The frame of the event, or of the element of a kind that has tags or children, around `fr`. */
static struct frame *holder(struct json_read *j, struct frame *fr)
{
	while (fr > j->frames) {
		fr--;
		if (fr->shape != SHAPE_ITEM || fr->is_inner || fr->dropped)
			continue;
		if (fr->place.item == ITEM_EVENT ||
		    (fr->place.item == ITEM_ELEMENT && fr->place.kind != EL_CLUSTER))
			return fr;
	}
	return NULL;
}

/* The galaxy in whose list a cluster stands, or NULL. */
static struct frame *galaxy_around(struct json_read *j, struct frame *fr)
{
	while (fr > j->frames && (--fr)->shape != SHAPE_ITEM)
		;
	return fr->shape == SHAPE_ITEM && fr->place.item == ITEM_GALAXY && !fr->dropped ? fr : NULL;
}

static uint32_t parent_ordinal(struct json_read *j, struct frame *fr);

/* Ordinals are given when first needed: a wrapper gets none, parents come before children. */
static uint32_t ordinal_of(struct json_read *j, struct frame *fr)
{
	if (!fr->ordinal) {
		parent_ordinal(j, fr);
		fr->ordinal = ++j->ordinal;
	}
	return fr->ordinal;
}

static uint32_t parent_ordinal(struct json_read *j, struct frame *fr)
{
	struct frame *h = holder(j, fr);

	return h && h->place.item == ITEM_ELEMENT ? ordinal_of(j, h) : 0;
}

enum err json_raw_begin(struct json_read *j, struct fail *f)
{
	j->raw = raw_new(j->root, &j->lim, j->dir);
	j->ordinal = 0;
	return j->raw ? ERR_OK : fail(f, ERR_NOMEM, "no memory for a document");
}

void *json_list_grow(struct arena *a, struct entity_list *l, size_t size)
{
	if (l->n == 0 || (l->n >= 4 && (l->n & (l->n - 1)) == 0)) {
		void *v = arena_array(a, l->n ? (size_t)l->n * 2 : 4, size);
		if (!v)
			return NULL;
		if (l->n)
			memcpy(v, l->v, l->n * size);
		l->v = v;
	}
	return (char *)l->v + l->n++ * size;
}

static void element_init(struct element *el, enum element_kind k)
{
	el->kind = k;
	if (k == EL_ATTR)
		misp_attr_init(&el->attr);
	else if (k == EL_OBJECT)
		misp_object_init(&el->object);
	else if (k == EL_PROPOSAL)
		misp_proposal_init(&el->proposal);
}

enum err json_event_begin(struct json_read *j, struct frame *fr, struct fail *f)
{
	if (j->done && !j->many)
		return json_scan_fail_here(&j->scan, f, ERR_PARSE, "more than one event");
	raw_free(j->raw);
	TRY(json_raw_begin(j, f));
	fr->cluster_tags = fr->last_cluster_tag = NULL;
	fr->entity = raw_head(j->raw);
	fr->a = raw_arena(j->raw);
	fr->borrow = false;
	fr->el = NULL;
	return ERR_OK;
}

/* Most documents have one or two levels. NULL: no memory. */
static struct arena *level_arena(struct json_read *j, unsigned level)
{
	if (!j->levels[level])
		j->levels[level] = arena_new(j->lim.data_bytes + 2 * j->lim.string_bytes + 65536);
	return j->levels[level];
}

static enum err begin_element(struct json_read *j, struct frame *fr, struct fail *f)
{
	enum element_kind k = fr->place.kind;
	struct frame *h = holder(j, fr);

	if (k == EL_CLUSTER && galaxy_around(j, fr)) {
		/* waits in the arena of its galaxy */
		struct cluster *c = ARENA_NEW(fr->a, struct cluster);
		if (!c)
			return json_no_memory(f, fr->a);
		c->relation = STR_NONE;
		fr->el = &c->el;
	} else {
		fr->level = h && h->place.item == ITEM_ELEMENT ? h->level + 1 : 0;
		if (BUG(fr->level >= LEVELS))
			return fail(f, ERR_BUG, "elements nested too deeply");
		fr->a = level_arena(j, fr->level);
		if (!fr->a)
			return json_no_memory(f, NULL);
		fr->mark = arena_mark(fr->a);
		fr->borrow = k != EL_CLUSTER;
		fr->el = arena_alloc(fr->a, k == EL_CLUSTER ? sizeof(struct cluster)
							    : sizeof(struct element));
		if (!fr->el)
			return json_no_memory(f, fr->a);
	}
	element_init(fr->el, k);
	if (k == EL_ANALYST)
		fr->el->analyst.kind = fr->place.variant;
	fr->entity = &fr->el->head;
	return ERR_OK;
}

static enum err begin_galaxy(struct json_read *j, struct frame *fr, struct fail *f)
{
	struct frame *h = holder(j, fr);

	if (h && h->place.item == ITEM_EVENT) {
		fr->a = level_arena(j, 0);
		if (!fr->a)
			return json_no_memory(f, NULL);
		fr->mark = arena_mark(fr->a);
	}
	fr->borrow = false;
	struct galaxy *g = ARENA_NEW(fr->a, struct galaxy);
	if (!g)
		return json_no_memory(f, fr->a);
	g->last = &g->first;
	fr->entity = g;
	return ERR_OK;
}

enum err json_item_begin(struct json_read *j, struct fail *f)
{
	struct frame *fr = j->fr;

	fr->shape = SHAPE_ITEM;
	switch (fr->place.item) {
	case ITEM_EVENT:
		j->event_from = json_scan_offset(&j->scan) - 1;
		j->event_open = true;
		return json_event_begin(j, fr, f);
	case ITEM_ELEMENT:
		return begin_element(j, fr, f);
	case ITEM_GALAXY:
		return begin_galaxy(j, fr, f);
	case ITEM_SUB:
		fr->entity = json_list_grow(fr->a, fr->place.list, fr->place.keys->desc->size);
		return fr->entity ? ERR_OK : json_no_memory(f, fr->a);
	case ITEM_CLUSTER_GALAXY:
		fr->entity = &fr->el->galaxy;
		return ERR_OK;
	case ITEM_ORG_UUID:
		fr->entity = ARENA_NEW(fr->a, struct misp_org);
		return fr->entity ? ERR_OK : json_no_memory(f, fr->a);
	case ITEM_ENTITY:
		fr->entity = j->entity;
		fr->a = j->entity_arena;
		return ERR_OK;
	case ITEM_LOOSE:
		break;
	}
	return ERR_OK;
}

static bool has_tag(const struct entity_list *tags, struct str name)
{
	LIST_EACH(t, *tags, struct misp_tagref)
		if (str_eq(t->name, name))
			return true;
	return false;
}

/* MISP attaches the tag of a cluster when the parent's own list has it not. */
static enum err attach_cluster_tags(struct frame *fr, struct entity_list *tags, unsigned bit,
				    struct fail *f)
{
	for (struct cluster_tag *c = fr->cluster_tags; c; c = c->next) {
		if (has_tag(tags, c->tag.name))
			continue;
		struct misp_tagref *t = json_list_grow(fr->a, tags, sizeof(*t));
		if (!t)
			return json_no_memory(f, fr->a);
		*t = c->tag;
		((struct entity_head *)fr->entity)->has |= UINT64_C(1) << bit;
	}
	return ERR_OK;
}

static enum err note_cluster_tag(struct frame *h, const struct cluster *c, struct fail *f)
{
	struct cluster_tag *t = ARENA_NEW(h->a, struct cluster_tag);

	if (!t)
		return json_no_memory(f, h->a);
	t->tag.name = arena_str(h->a, c->el.cluster.tag_name);
	t->tag.is_galaxy = true;
	t->tag.local = c->local;
	ENTITY_SET_HAS(&t->tag, TAGREF_F_name);
	ENTITY_SET_HAS(&t->tag, TAGREF_F_is_galaxy);
	ENTITY_SET_HAS(&t->tag, TAGREF_F_local);
	if (c->relation.n) {
		t->tag.relationship_type = arena_str(h->a, c->relation);
		ENTITY_SET_HAS(&t->tag, TAGREF_F_relationship_type);
	}
	if (!t->tag.name.p || (c->relation.n && !t->tag.relationship_type.p))
		return json_no_memory(f, h->a);
	if (h->last_cluster_tag)
		h->last_cluster_tag->next = t;
	else
		h->cluster_tags = t;
	h->last_cluster_tag = t;
	return ERR_OK;
}

/* Emit the clusters that waited for their galaxy's members. */
static enum err flush_galaxy(struct json_read *j, struct frame *fr, struct fail *f)
{
	struct galaxy *g = fr->entity;
	struct frame *h = holder(j, fr);

	for (struct cluster *c = g->first; c; c = c->next) {
		c->el.galaxy = g->galaxy;
		TRY(raw_add(j->raw, &c->el, f));
		if (h && c->el.cluster.tag_name.n &&
		    (h->place.item == ITEM_EVENT || h->place.kind == EL_ATTR))
			TRY(note_cluster_tag(h, c, f));
	}
	g->first = NULL;
	g->last = &g->first;
	g->n = 0;
	return ERR_OK;
}

static enum err close_cluster(struct json_read *j, struct frame *fr, struct fail *f)
{
	struct frame *galaxy = galaxy_around(j, fr);

	if (!galaxy) {
		TRY(raw_add(j->raw, fr->el, f));
		if (fr->mark.chunk)
			arena_rewind(fr->a, fr->mark);
		return ERR_OK;
	}
	struct galaxy *g = galaxy->entity;
	struct cluster *c = CONTAINER_OF(fr->el, struct cluster, el);
	*g->last = c;
	g->last = &c->next;
	return ++g->n >= CLUSTERS_WAITING ? flush_galaxy(j, galaxy, f) : ERR_OK;
}

/* An attribute whose value was a list becomes one for each. */
static enum err add_values(struct json_read *j, struct frame *fr, struct fail *f)
{
	struct misp_attr *a = &fr->el->attr;

	for (size_t i = 0; i < fr->n_values; i++) {
		a->value = fr->values[i].text;
		a->value_is_number = fr->values[i].is_number;
		ENTITY_SET_HAS(a, ATTR_F_value);
		if (i)
			fr->el->ordinal = ++j->ordinal;
		TRY(raw_add(j->raw, fr->el, f));
	}
	return ERR_OK;
}

/* Analyst data that does not say what it is about is about what it stands in. */
static void analyst_about(struct json_read *j, struct frame *fr)
{
	struct misp_analyst *a = &fr->el->analyst;
	const struct frame *h = holder(j, fr);
	const struct key_row *uuid = h ? json_key_find(h->place.keys, STR("uuid")) : NULL;

	if (!uuid)
		return;
	if (uuid_is_nil(a->object_uuid))
		memcpy(&a->object_uuid, (const char *)h->entity + uuid->field->offset,
		       sizeof(a->object_uuid));
	if (!a->object_type.n)
		a->object_type = str_c(h->place.kind == EL_ANALYST && h->place.item == ITEM_ELEMENT ?
					       analyst_kind_names[h->place.variant] :
					       h->place.keys->desc->name);
}

static enum err close_element(struct json_read *j, struct frame *fr, struct fail *f)
{
	struct element *el = fr->el;

	if (!fr->dropped) {
		el->parent = parent_ordinal(j, fr);
		el->ordinal = ordinal_of(j, fr);
		if (el->kind == EL_CLUSTER)
			return close_cluster(j, fr, f);
		if (el->kind == EL_ATTR && fr->cluster_tags)
			TRY(attach_cluster_tags(fr, &el->attr.tags, ATTR_F_tags, f));
		if (el->kind == EL_ANALYST)
			analyst_about(j, fr);
		if (fr->n_values)
			TRY(add_values(j, fr, f));
		else
			TRY(raw_add(j->raw, el, f));
	}
	if (fr->mark.chunk)
		arena_rewind(fr->a, fr->mark);
	return ERR_OK;
}

static enum err close_event(struct json_read *j, struct frame *fr, struct fail *f)
{
	if (fr->dropped)
		return ERR_OK;
	if (fr->cluster_tags)
		TRY(attach_cluster_tags(fr, &raw_head(j->raw)->tags, EVENT_F_tags, f));
	/* the scanner may have taken the comma behind it */
	bool comma = j->scan.p > j->scan.chunk && j->scan.p[-1] == ',';
	if (j->many || j->keep_source)
		j->event_to = json_scan_offset(&j->scan) - comma;
	TRY(json_keep_source(j, f));
	if (j->many) {
		enum err e = j->fn(j->user, MOVE(j->raw), f);
		j->event_open = false;
		j->event_to = 0;
		return e;
	}
	j->done = MOVE(j->raw);
	return ERR_OK;
}

enum err json_item_close(struct json_read *j, struct fail *f)
{
	struct frame *fr = j->fr;
	enum err err = ERR_OK;

	if (fr->is_inner) {
		/* what the wrapper's frame must know of its contents */
		fr[-1].spent = true;
		fr[-1].values = fr->values;
		fr[-1].n_values = fr->n_values;
	} else if (fr->place.item == ITEM_EVENT) {
		err = close_event(j, fr, f);
	} else if (fr->place.item == ITEM_ELEMENT) {
		err = close_element(j, fr, f);
	} else if (fr->place.item == ITEM_GALAXY) {
		if (!fr->dropped)
			err = flush_galaxy(j, fr, f);
		if (fr->mark.chunk)
			arena_rewind(fr->a, fr->mark);
	} else if (fr->place.item == ITEM_ORG_UUID) {
		const struct misp_org *o = fr->entity;
		struct uuid *at = (struct uuid *)((char *)&fr->el->head + fr->place.field->offset);
		if (uuid_is_nil(*at))
			*at = o->uuid;
	}
	json_pop(j);
	return err;
}

void json_item_drop(struct json_read *j, struct frame *fr)
{
	fr->dropped = fr->spent = true;
	if (fr->is_inner)
		fr[-1].dropped = fr[-1].spent = true;
	if (fr->place.item == ITEM_EVENT) {
		raw_free(j->raw);
		j->raw = NULL;
		fr->entity = NULL;
	}
}
