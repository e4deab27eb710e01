/*
 * json_read.c - tokens to entities and elements, by the member tables of json_keys.h.
 *
 * A stack of frames mirrors the open objects and lists that mean something; all else is skipped
 * (but checked). Children close before their parents, so they stand before them in the spool.
 * Texts stay views into the fed bytes while these last: what is still open when they end is copied.
 */
#include "model/json_read.h"

#include "base/own.h"
#include "model/json_cast.h"
#include "model/json_keys.h"
#include "model/json_scan.h"

/* Elements stand in each other at most so deep (object, attribute, sighting); one to spare. */
#define LEVELS 4
/* Clusters that wait for the rest of their galaxy; then they go without it. */
#define CLUSTERS_WAITING 256
#define FRAMES_MAX 256

enum shape {
	SHAPE_ITEM,   /* an object that is one item */
	SHAPE_LIST,   /* a list of items, or an object with numeric keys (PHP) */
	SHAPE_PICK,   /* an object that is either: its first key tells */
	SHAPE_VALUES, /* the list of texts in "value" of attributes/add */
};

enum item { ITEM_EVENT, ITEM_ELEMENT, ITEM_SUB, ITEM_GALAXY, ITEM_CLUSTER_GALAXY, ITEM_ORG_UUID,
	    ITEM_LOOSE, ITEM_ENTITY };

/* What the objects in some place are, and where they go. */
struct place {
	enum item item;
	enum element_kind kind; /* of ITEM_ELEMENT */
	bool is_root;
	const struct key_table *keys;
	struct entity_list *list;   /* of ITEM_SUB */
	const struct field *field;  /* of ITEM_ORG_UUID */
};

/* A tag that comes from a galaxy cluster, for the parent that may lack it. */
struct cluster_tag {
	struct cluster_tag *next;
	struct misp_tagref tag;
};

struct cluster {
	struct element el; /* first member */
	struct cluster *next;
	bool local;
	struct str relation;
};

struct galaxy {
	struct misp_galaxy galaxy; /* first member */
	struct cluster *first, **last;
	unsigned n;
};

struct value {
	struct str text;
	bool is_number;
};

struct frame {
	enum shape shape;
	bool is_inner; /* object inside a wrapper: shares the item of the frame below */
	bool spent;    /* its wrapped item was read: the rest is not of it */
	bool dropped;  /* it was only a wrapper */
	bool borrow;   /* may texts be views into the fed bytes? */
	bool in_list;
	struct place place;
	void *entity;
	struct element *el;
	uint32_t ordinal;
	unsigned level;
	struct arena *a;
	struct arena_mark mark;
	struct cluster_tag *cluster_tags, *last_cluster_tag;
	struct value *values;
	size_t n_values;
};

struct json_read {
	struct json_scan scan;
	struct raw_limits lim;
	enum raw_root root;
	bool many;
	char *dir;
	json_read_fn fn;
	void *user;
	enum err failed;
	struct fail why;

	struct place top;
	void *entity; /* of json_read_entity() */
	struct arena *entity_arena;

	struct raw_event *raw, *done;
	uint32_t ordinal;
	const struct key_row *row; /* of the member whose value comes next */
	bool skipping;
	unsigned skip_to; /* depth at which skipping ends */
	bool capturing;	  /* the JSON text that is skipped is kept */
	const char *capture_from;
	struct buf captured;
	struct arena *levels[LEVELS];
	struct frame *fr; /* the top frame */
	struct frame frames[FRAMES_MAX];
};

/* The member under which an item may be wrapped. */
static const struct key_row row_wrapper = {.name = "wrapper"};
static const struct key_row row_envelope = {.name = "response"};

static struct json_read *reader_new(const struct raw_limits *lim)
{
	struct json_read *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	json_keys_init();
	j->lim = lim ? *lim : raw_limits_default;
	json_scan_init(&j->scan, MIN(j->lim.depth, FRAMES_MAX - 2),
		       MAX(j->lim.string_bytes, j->lim.data_bytes));
	j->captured = BUF(j->lim.string_bytes);
	return j;
}

struct json_read *json_read_new(const struct json_read_opts *o, json_read_fn fn, void *user)
{
	static const struct {
		enum item item;
		enum element_kind kind;
		const struct entity_desc *desc;
	} tops[] = {
		[RAW_EVENT] = {ITEM_EVENT, 0, &desc_misp_event},
		[RAW_ATTRS] = {ITEM_ELEMENT, EL_ATTR, &desc_misp_attr},
		[RAW_OBJECT] = {ITEM_ELEMENT, EL_OBJECT, &desc_misp_object},
		[RAW_ELEMENTS] = {ITEM_LOOSE, 0, NULL},
	};
	struct json_read *j = reader_new(o->limits);

	if (!j)
		return NULL;
	j->root = o->root;
	j->many = j->scan.many = o->many;
	j->fn = fn;
	j->user = user;
	j->top = (struct place){.item = tops[o->root].item, .kind = tops[o->root].kind,
				.is_root = true};
	j->top.keys = tops[o->root].desc ? json_keys_of(tops[o->root].desc) : json_keys_elements();
	for (unsigned i = 0; i < LEVELS; i++)
		j->levels[i] = arena_new(j->lim.data_bytes + 2 * j->lim.string_bytes + 65536);
	if (o->spool_dir)
		j->dir = strdup(o->spool_dir);
	if ((o->spool_dir && !j->dir) || !j->levels[0] || !j->levels[1] || !j->levels[2] ||
	    !j->levels[3]) {
		json_read_free(j);
		return NULL;
	}
	return j;
}

void json_read_free(struct json_read *j)
{
	if (!j)
		return;
	raw_free(j->raw);
	raw_free(j->done);
	for (unsigned i = 0; i < LEVELS; i++)
		arena_free(j->levels[i]);
	json_scan_free(&j->scan);
	buf_free(&j->captured);
	free(j->dir);
	free(j);
}

static enum err no_memory(struct fail *f, const struct arena *a)
{
	if (a && arena_overflowed(a))
		return fail(f, ERR_LIMIT, "the texts of one element are too long");
	return fail(f, ERR_NOMEM, "no memory for a document");
}

/* Skip the container that was just opened. */
static void skip(struct json_read *j)
{
	j->skipping = true;
	j->skip_to = j->scan.depth - 1;
	j->scan.quiet = true;
}

static struct frame *push(struct json_read *j, enum shape shape, const struct place *at)
{
	struct frame *below = j->fr, *fr = below ? below + 1 : j->frames;

	/* the tokenizer's depth limit is below FRAMES_MAX */
	memset(fr, 0, sizeof(*fr));
	fr->shape = shape;
	fr->place = *at;
	if (below) {
		fr->a = below->a;
		fr->borrow = below->borrow;
		fr->level = below->level;
		fr->el = below->el;
		fr->in_list = below->shape == SHAPE_LIST;
	}
	j->fr = fr;
	return fr;
}

static void pop(struct json_read *j)
{
	j->fr = j->fr == j->frames ? NULL : j->fr - 1;
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

static enum err raw_begin(struct json_read *j, struct fail *f)
{
	j->raw = raw_new(j->root, &j->lim, j->dir);
	j->ordinal = 0;
	return j->raw ? ERR_OK : fail(f, ERR_NOMEM, "no memory for a document");
}

/* A new sub-entity at the end of a list; arrays double inside the arena. */
static void *list_grow(struct arena *a, struct entity_list *l, size_t size)
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

static enum err begin_event(struct json_read *j, struct frame *fr, struct fail *f)
{
	if (j->done && !j->many)
		return json_scan_fail_here(&j->scan, f, ERR_PARSE, "more than one event");
	raw_free(j->raw);
	TRY(raw_begin(j, f));
	fr->entity = raw_head(j->raw);
	fr->a = raw_arena(j->raw);
	fr->borrow = false;
	fr->el = NULL;
	return ERR_OK;
}

static enum err begin_element(struct json_read *j, struct frame *fr, struct fail *f)
{
	enum element_kind k = fr->place.kind;
	struct frame *h = holder(j, fr);

	if (k == EL_CLUSTER && galaxy_around(j, fr)) {
		/* waits in the arena of its galaxy */
		struct cluster *c = ARENA_NEW(fr->a, struct cluster);
		if (!c)
			return no_memory(f, fr->a);
		c->relation = STR_NONE;
		fr->el = &c->el;
	} else {
		fr->level = h && h->place.item == ITEM_ELEMENT ? h->level + 1 : 0;
		if (BUG(fr->level >= LEVELS))
			return fail(f, ERR_BUG, "elements nested too deeply");
		fr->a = j->levels[fr->level];
		fr->mark = arena_mark(fr->a);
		fr->borrow = k != EL_CLUSTER;
		fr->el = arena_alloc(fr->a, k == EL_CLUSTER ? sizeof(struct cluster)
							    : sizeof(struct element));
		if (!fr->el)
			return no_memory(f, fr->a);
	}
	element_init(fr->el, k);
	fr->entity = &fr->el->head;
	return ERR_OK;
}

static enum err begin_galaxy(struct json_read *j, struct frame *fr, struct fail *f)
{
	struct frame *h = holder(j, fr);

	if (h && h->place.item == ITEM_EVENT) {
		fr->a = j->levels[0];
		fr->mark = arena_mark(fr->a);
	}
	fr->borrow = false;
	struct galaxy *g = ARENA_NEW(fr->a, struct galaxy);
	if (!g)
		return no_memory(f, fr->a);
	g->last = &g->first;
	fr->entity = g;
	return ERR_OK;
}

/* Make the top frame an item of its place. */
static enum err begin_item(struct json_read *j, struct fail *f)
{
	struct frame *fr = j->fr;

	fr->shape = SHAPE_ITEM;
	switch (fr->place.item) {
	case ITEM_EVENT:
		return begin_event(j, fr, f);
	case ITEM_ELEMENT:
		return begin_element(j, fr, f);
	case ITEM_GALAXY:
		return begin_galaxy(j, fr, f);
	case ITEM_SUB:
		fr->entity = list_grow(fr->a, fr->place.list, fr->place.keys->desc->size);
		return fr->entity ? ERR_OK : no_memory(f, fr->a);
	case ITEM_CLUSTER_GALAXY:
		fr->entity = &fr->el->galaxy;
		return ERR_OK;
	case ITEM_ORG_UUID:
		fr->entity = ARENA_NEW(fr->a, struct misp_org);
		return fr->entity ? ERR_OK : no_memory(f, fr->a);
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
		struct misp_tagref *t = list_grow(fr->a, tags, sizeof(*t));
		if (!t)
			return no_memory(f, fr->a);
		*t = c->tag;
		((struct entity_head *)fr->entity)->has |= UINT64_C(1) << bit;
	}
	return ERR_OK;
}

static enum err note_cluster_tag(struct frame *h, const struct cluster *c, struct fail *f)
{
	struct cluster_tag *t = ARENA_NEW(h->a, struct cluster_tag);

	if (!t)
		return no_memory(f, h->a);
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
		return no_memory(f, h->a);
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
	if (j->many)
		return j->fn(j->user, MOVE(j->raw), f);
	j->done = MOVE(j->raw);
	return ERR_OK;
}

static enum err close_item(struct json_read *j, struct fail *f)
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
	pop(j);
	return err;
}

/* Text of the token, in the frame's lifetime. */
static bool keep_text(struct json_read *j, struct frame *fr, struct str *text)
{
	if (j->scan.borrowed && fr->borrow)
		return true;
	*text = arena_str(fr->a, *text);
	return text->p;
}

/* Types and categories by unknown names: the name is kept beside. */
static void set_text(struct frame *fr, const struct key_row *r, struct str text)
{
	bool is_type = r->field->kind == F_TYPE;

	if (fr->place.keys->desc == &desc_misp_attr) {
		struct misp_attr *a = fr->entity;
		*(is_type ? &a->type_text : &a->category_text) = text;
	} else if (fr->place.keys->desc == &desc_misp_proposal) {
		struct misp_proposal *p = fr->entity;
		*(is_type ? &p->type_text : &p->category_text) = text;
	}
}

static enum err scalar(struct json_read *j, struct frame *fr, const struct key_row *r,
		       enum json_tok t, struct fail *f)
{
	struct str text = t == TOK_STR || t == TOK_NUM ? j->scan.text : STR_NONE;
	uint8_t kind = r->field->kind;
	struct entity_head *head = fr->entity;
	uint64_t bit = UINT64_C(1) << r->bit;

	if (kind == F_STR && text.p && !keep_text(j, fr, &text))
		return no_memory(f, fr->a);
	enum cast c = json_cast(r->field, fr->entity, t, text);
	if (c == CAST_UNSET) {
		head->has &= ~bit; /* the last of two members wins */
		return ERR_OK;
	}
	head->has |= bit;
	if (kind == F_TYPE || kind == F_CATEGORY) {
		if (c == CAST_SET)
			text = STR_NONE;
		else if (text.p && !keep_text(j, fr, &text))
			return no_memory(f, fr->a);
		set_text(fr, r, text);
	}
	if (kind == F_STR && fr->place.keys->desc == &desc_misp_attr && r->bit == ATTR_F_value)
		((struct misp_attr *)fr->entity)->value_is_number = t == TOK_NUM;
	return ERR_OK;
}

/* How the tag of a cluster hangs on the parent. */
static enum err cluster_member(struct json_read *j, struct frame *fr, enum json_tok t,
			       struct fail *f)
{
	struct cluster *c = CONTAINER_OF(fr->el, struct cluster, el);
	struct str text = j->scan.text;

	if (!fr->el)
		return ERR_OK;
	if (j->row->act == KEY_TAG_LOCAL) {
		c->local = t == TOK_TRUE ||
			   ((t == TOK_NUM || t == TOK_STR) && text.n && !str_is(text, "0"));
	} else if (t == TOK_STR) {
		c->relation = arena_str(fr->a, text);
		if (!c->relation.p)
			return no_memory(f, fr->a);
	}
	return ERR_OK;
}

/* The place of the items of member `r`; false when containers mean nothing there. */
static bool place_of(struct frame *fr, const struct key_row *r, struct place *out)
{
	*out = (struct place){.kind = r->element};
	switch ((enum key_act)r->act) {
	case KEY_LIST:
		out->item = ITEM_SUB;
		out->list = (struct entity_list *)((char *)fr->entity + r->field->offset);
		out->keys = json_keys_of(r->field->sub);
		((struct entity_head *)fr->entity)->has |= UINT64_C(1) << r->bit;
		return out->keys;
	case KEY_ELEMENT:
		out->item = ITEM_ELEMENT;
		out->keys = json_keys_of(element_desc(r->element));
		return true;
	case KEY_GALAXY:
		out->item = ITEM_GALAXY;
		out->keys = json_keys_of(&desc_misp_galaxy);
		return true;
	case KEY_CLUSTER_GALAXY:
		out->item = ITEM_CLUSTER_GALAXY;
		out->keys = json_keys_of(&desc_misp_galaxy);
		return fr->el;
	case KEY_ORG_UUID:
		out->item = ITEM_ORG_UUID;
		out->keys = json_keys_of(&desc_misp_org);
		out->field = r->field;
		return fr->el;
	case KEY_SCALAR:
	case KEY_JSON:
	case KEY_TAG_LOCAL:
	case KEY_TAG_RELATION:
		break;
	}
	return false;
}

/* The item was only an envelope around others of the same place. */
static void drop_item(struct json_read *j, struct frame *fr)
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

/* {"Event":{..}}, {"Attribute":[..]}, {"response":[..]}: unwrap. */
static enum err open_wrapper(struct json_read *j, struct frame *fr, enum json_tok t, struct fail *f)
{
	struct place at = fr->place;

	if (t == TOK_OBJ && j->row == &row_wrapper) {
		struct frame *in = push(j, SHAPE_ITEM, &at);
		in->is_inner = true;
		in->entity = fr->entity;
		return ERR_OK;
	}
	if (at.item == ITEM_SUB || at.item == ITEM_ENTITY || at.item == ITEM_CLUSTER_GALAXY ||
	    at.item == ITEM_ORG_UUID) {
		skip(j);
		return ERR_OK;
	}
	drop_item(j, fr);
	push(j, t == TOK_OBJ ? SHAPE_PICK : SHAPE_LIST, &at);
	if (j->raw && at.is_root && t == TOK_ARR)
		raw_set_list(j->raw, true);
	(void)f;
	return ERR_OK;
}

static void begin_capture(struct json_read *j)
{
	skip(j);
	j->capturing = true;
	j->capture_from = j->scan.p - 1;
	buf_clear(&j->captured);
}

static enum err end_capture(struct json_read *j, struct fail *f)
{
	struct frame *fr = j->fr;

	j->capturing = false;
	buf_add(&j->captured, j->capture_from, (size_t)(j->scan.closed - j->capture_from));
	if (buf_err(&j->captured) != ERR_OK)
		return json_scan_fail_here(&j->scan, f, buf_err(&j->captured), "text too long");
	struct str text = arena_str(fr->a, buf_str(&j->captured));
	if (!text.p)
		return no_memory(f, fr->a);
	*(struct str *)((char *)fr->entity + j->row->field->offset) = text;
	((struct entity_head *)fr->entity)->has |= UINT64_C(1) << j->row->bit;
	return ERR_OK;
}

/* A container as the value of member j->row of an item. */
static enum err open_member(struct json_read *j, struct frame *fr, enum json_tok t, struct fail *f)
{
	const struct key_row *r = j->row;
	struct place at;

	if (!r || fr->spent) {
		skip(j);
		return ERR_OK;
	}
	if (r == &row_wrapper || r == &row_envelope)
		return open_wrapper(j, fr, t, f);
	if (r->act == KEY_JSON) {
		begin_capture(j);
		return ERR_OK;
	}
	if (t == TOK_ARR && j->root == RAW_ATTRS && fr->place.item == ITEM_ELEMENT &&
	    fr->place.keys->desc == &desc_misp_attr && r->act == KEY_SCALAR &&
	    r->bit == ATTR_F_value) {
		push(j, SHAPE_VALUES, &fr->place);
		j->scan.quiet = false;
		j->scan.max_text = j->lim.string_bytes;
		if (fr->place.is_root)
			raw_set_list(j->raw, true);
		return ERR_OK;
	}
	bool has_elements = j->top.item != ITEM_ENTITY;
	if ((!has_elements && (r->act == KEY_ELEMENT || r->act == KEY_GALAXY)) ||
	    !place_of(fr, r, &at)) {
		skip(j);
		return ERR_OK;
	}
	push(j, t == TOK_OBJ ? SHAPE_PICK : SHAPE_LIST, &at);
	return ERR_OK;
}

/* Look up a member name and tell the tokenizer whether its text is wanted. */
static void member(struct json_read *j, struct frame *fr)
{
	const struct key_table *keys = fr->place.keys;
	struct str name = j->scan.text;
	const struct key_row *r = fr->spent ? NULL : json_key_find(keys, name);

	if (!r && !fr->spent && !fr->is_inner && keys->wrapper && name.n == keys->wrapper_n &&
	    memcmp(name.p, keys->wrapper, name.n) == 0)
		r = &row_wrapper;
	if (!r && fr->place.is_root && !fr->spent && !fr->is_inner &&
	    (fr->place.item == ITEM_EVENT || fr->place.item == ITEM_LOOSE) &&
	    (str_is(name, "response") || str_is(name, "request")))
		r = &row_envelope;
	j->row = r;
	j->scan.quiet = !r;
	j->scan.max_text = r && r->is_data ? j->lim.data_bytes : j->lim.string_bytes;
}

static enum err in_item(struct json_read *j, struct frame *fr, enum json_tok t, struct fail *f)
{
	const struct key_row *r = j->row;

	switch (t) {
	case TOK_KEY:
		member(j, fr);
		return ERR_OK;
	case TOK_OBJ:
	case TOK_ARR:
		return open_member(j, fr, t, f);
	case TOK_OBJ_END:
		return close_item(j, f);
	case TOK_STR:
	case TOK_NUM:
	case TOK_TRUE:
	case TOK_FALSE:
	case TOK_NULL:
		if (!r || fr->spent || r == &row_wrapper || r == &row_envelope)
			return ERR_OK;
		if (r->act == KEY_SCALAR || r->act == KEY_JSON)
			return scalar(j, fr, r, t, f);
		if (r->act == KEY_TAG_LOCAL || r->act == KEY_TAG_RELATION)
			return cluster_member(j, fr, t, f);
		return ERR_OK;
	case TOK_ARR_END:
	case TOK_MORE:
	case TOK_BAD:
		break;
	}
	return fail(f, ERR_BUG, "token out of place");
}

static enum err in_list(struct json_read *j, struct frame *fr, enum json_tok t, struct fail *f)
{
	struct place at = fr->place;

	j->scan.quiet = true;
	if (t == TOK_OBJ) {
		push(j, SHAPE_ITEM, &at);
		return begin_item(j, f);
	}
	if (t == TOK_ARR)
		skip(j);
	else if (t == TOK_ARR_END || t == TOK_OBJ_END)
		pop(j);
	return ERR_OK;
}

static bool is_index(struct str key)
{
	uint64_t v;
	return key.n < 20 && str_u64(key, &v);
}

/* The first token behind '{' where a list may stand. */
static enum err in_pick(struct json_read *j, struct frame *fr, enum json_tok t, struct fail *f)
{
	if (t == TOK_OBJ_END) {
		pop(j);
		return ERR_OK;
	}
	if (is_index(j->scan.text)) {
		fr->shape = SHAPE_LIST;
		return ERR_OK;
	}
	TRY(begin_item(j, f));
	return in_item(j, j->fr, t, f);
}

static enum err in_values(struct json_read *j, struct frame *fr, enum json_tok t, struct fail *f)
{
	struct frame *attr = fr - 1;

	if (t == TOK_OBJ || t == TOK_ARR) {
		skip(j);
		return ERR_OK;
	}
	if (t == TOK_ARR_END) {
		pop(j);
		return ERR_OK;
	}
	struct entity_list l = {attr->values, (uint32_t)attr->n_values};
	struct value *v = list_grow(fr->a, &l, sizeof(*v));
	if (!v)
		return no_memory(f, fr->a);
	*v = (struct value){STR(""), t == TOK_NUM};
	if (t == TOK_STR || t == TOK_NUM) {
		/* copied: settle() does not know of them */
		v->text = arena_str(fr->a, j->scan.text);
		if (!v->text.p)
			return no_memory(f, fr->a);
	}
	attr->values = l.v;
	attr->n_values = l.n;
	return ERR_OK;
}

static enum err at_top(struct json_read *j, enum json_tok t, struct fail *f)
{
	j->scan.quiet = true;
	if (j->top.item != ITEM_EVENT && j->top.item != ITEM_ENTITY && !j->raw)
		TRY(raw_begin(j, f));
	if (t == TOK_ARR) {
		if (j->top.item == ITEM_ENTITY)
			return json_scan_fail_here(&j->scan, f, ERR_PARSE, "an object expected");
		if (j->raw)
			raw_set_list(j->raw, true);
		push(j, SHAPE_LIST, &j->top);
		return ERR_OK;
	}
	push(j, SHAPE_ITEM, &j->top);
	return begin_item(j, f);
}

static enum err token(struct json_read *j, enum json_tok t, struct fail *f)
{
	struct frame *fr = j->fr;

	if (j->skipping) {
		if ((t == TOK_OBJ_END || t == TOK_ARR_END) && j->scan.depth == j->skip_to) {
			j->skipping = false;
			j->scan.quiet = fr->shape != SHAPE_VALUES;
			if (j->capturing)
				return end_capture(j, f);
		}
		return ERR_OK;
	}
	if (!fr)
		return at_top(j, t, f);
	switch (fr->shape) {
	case SHAPE_ITEM:
		return in_item(j, fr, t, f);
	case SHAPE_LIST:
		return in_list(j, fr, t, f);
	case SHAPE_PICK:
		return in_pick(j, fr, t, f);
	case SHAPE_VALUES:
		return in_values(j, fr, t, f);
	}
	return fail(f, ERR_BUG, "unknown frame");
}

/* Copy the texts of an open entity that are views into the fed bytes. */
static bool settle(struct json_read *j, const struct entity_desc *d, void *entity, struct arena *a)
{
	const char *from = j->scan.chunk, *to = j->scan.end;

	for (unsigned i = 0; i < d->n; i++) {
		const struct field *fd = &d->fields[i];
		void *at = (char *)entity + fd->offset;
		if (fd->kind == F_STR) {
			struct str *s = at;
			if (s->p >= from && s->p <= to) {
				*s = arena_str(a, *s);
				if (!s->p)
					return false;
			}
		} else if (fd->kind == F_LIST) {
			struct entity_list *l = at;
			for (uint32_t k = 0; k < l->n; k++)
				if (!settle(j, fd->sub, (char *)l->v + (size_t)k * fd->sub->size,
					    a))
					return false;
		}
	}
	return true;
}

/* The fed bytes go: copy what still points into them. */
static enum err settle_all(struct json_read *j, struct fail *f)
{
	for (struct frame *fr = j->frames; j->fr && fr <= j->fr; fr++) {
		if (fr->shape != SHAPE_ITEM || fr->place.item != ITEM_ELEMENT || !fr->borrow ||
		    fr->is_inner)
			continue;
		if (!settle(j, fr->place.keys->desc, fr->entity, fr->a))
			return no_memory(f, fr->a);
	}
	if (j->capturing) {
		buf_add(&j->captured, j->capture_from, (size_t)(j->scan.end - j->capture_from));
		if (buf_err(&j->captured) != ERR_OK)
			return json_scan_fail_here(&j->scan, f, buf_err(&j->captured),
						   "text too long");
	}
	return ERR_OK;
}

static enum err read_tokens(struct json_read *j, struct fail *f)
{
	for (;;) {
		enum json_tok t = json_scan_next(&j->scan);
		if (t == TOK_MORE) {
			TRY(settle_all(j, f));
			json_scan_leave(&j->scan);
			return ERR_OK;
		}
		if (t == TOK_BAD)
			return json_scan_fail(&j->scan, f);
		TRY(token(j, t, f));
	}
}

/* Remember the first failure; the place is set where a deeper function had none. */
static enum err failed(struct json_read *j, enum err e, struct fail *f)
{
	if (j->failed == ERR_OK && e != ERR_OK) {
		j->failed = e;
		if (!j->why.line) {
			struct fail here = {0};
			json_scan_fail_here(&j->scan, &here, e, "");
			j->why.line = here.line;
			j->why.column = here.column;
			j->why.offset = here.offset;
		}
		j->why.code = e;
	}
	if (f && j->failed != ERR_OK)
		*f = j->why;
	return j->failed;
}

enum err json_read_feed(struct json_read *j, const void *p, size_t n, struct fail *f)
{
	if (j->failed != ERR_OK)
		return failed(j, j->failed, f);
	json_scan_feed(&j->scan, p, n);
	if (j->capturing)
		j->capture_from = j->scan.p;
	return failed(j, read_tokens(j, &j->why), f);
}

enum err json_read_end(struct json_read *j, struct fail *f)
{
	if (j->failed != ERR_OK)
		return failed(j, j->failed, f);
	if (!json_scan_complete(&j->scan))
		return failed(j, json_scan_fail(&j->scan, &j->why), f);
	if (j->top.item == ITEM_ENTITY)
		return ERR_OK;
	if (j->top.item != ITEM_EVENT)
		j->done = MOVE(j->raw);
	if (j->done)
		return failed(j, j->fn(j->user, MOVE(j->done), &j->why), f);
	if (j->many)
		return ERR_OK;
	return failed(j, json_scan_fail_here(&j->scan, &j->why, ERR_PARSE, "no event"), f);
}

enum err json_read_entity(struct str json, const struct entity_desc *d, struct arena *a,
			  void *entity, struct fail *f)
{
	OWN(json_read) struct json_read *j = reader_new(NULL);

	if (!j)
		return fail(f, ERR_NOMEM, "no memory for a document");
	j->top = (struct place){.item = ITEM_ENTITY, .keys = json_keys_of(d)};
	j->entity = entity;
	j->entity_arena = a;
	if (BUG(!j->top.keys))
		return fail(f, ERR_BUG, "no such entity");
	TRY(json_read_feed(j, json.p, json.n, f));
	return json_read_end(j, f);
}
