/*
 * json_member.c - members of items: names looked up, scalars cast, containers opened, unwrapped or
 * kept as JSON text.
 */
#include "model/json_frame.h"

#include "base/own.h"

/* The member under which an item may be wrapped. */
static const struct key_row row_wrapper = {.name = "wrapper"};
static const struct key_row row_envelope = {.name = "response"};

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
		return json_no_memory(f, fr->a);
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
			return json_no_memory(f, fr->a);
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
			return json_no_memory(f, fr->a);
	}
	return ERR_OK;
}

/* The place of the items of member `r`; false when containers mean nothing there. */
static bool place_of(struct frame *fr, const struct key_row *r, struct place *out)
{
	*out = (struct place){.kind = r->element, .variant = r->variant, .keys = r->items};
	switch ((enum key_act)r->act) {
	case KEY_LIST:
		out->item = ITEM_SUB;
		out->list = (struct entity_list *)((char *)fr->entity + r->field->offset);
		((struct entity_head *)fr->entity)->has |= UINT64_C(1) << r->bit;
		return out->keys;
	case KEY_ELEMENT:
		out->item = ITEM_ELEMENT;
		return r->element != EL_ANALYST || fr->place.item != ITEM_ELEMENT ||
		       fr->level + 1 < LEVELS;
	case KEY_GALAXY:
		out->item = ITEM_GALAXY;
		return true;
	case KEY_CLUSTER_GALAXY:
		out->item = ITEM_CLUSTER_GALAXY;
		return fr->el;
	case KEY_ORG_UUID:
		out->item = ITEM_ORG_UUID;
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

/* {"Event":{..}}, {"Attribute":[..]}, {"response":[..]}: unwrap. */
static enum err open_wrapper(struct json_read *j, struct frame *fr, enum json_tok t, struct fail *f)
{
	struct place at = fr->place;

	if (t == TOK_OBJ && j->row == &row_wrapper) {
		/* what stood before the wrapped event is not of it */
		if (at.item == ITEM_EVENT && (raw_head(j->raw)->head.has || j->ordinal))
			TRY(json_event_begin(j, fr, f));
		struct frame *in = json_push(j, SHAPE_ITEM, &at);
		in->is_inner = true;
		in->entity = fr->entity;
		return ERR_OK;
	}
	if (at.item == ITEM_SUB || at.item == ITEM_ENTITY || at.item == ITEM_CLUSTER_GALAXY ||
	    at.item == ITEM_ORG_UUID) {
		json_skip(j);
		return ERR_OK;
	}
	json_item_drop(j, fr);
	json_push(j, t == TOK_OBJ ? SHAPE_PICK : SHAPE_LIST, &at);
	if (j->raw && at.is_root && t == TOK_ARR)
		raw_set_list(j->raw, true);
	return ERR_OK;
}

static void begin_capture(struct json_read *j)
{
	json_skip(j);
	j->capturing = true;
	j->capture_from = j->scan.p - 1;
	buf_clear(&j->captured);
}

enum err json_capture_end(struct json_read *j, struct fail *f)
{
	struct frame *fr = j->fr;

	j->capturing = false;
	buf_add(&j->captured, j->capture_from, (size_t)(j->scan.closed - j->capture_from));
	if (buf_err(&j->captured) != ERR_OK)
		return json_scan_fail_here(&j->scan, f, buf_err(&j->captured), "text too long");
	struct str text = arena_str(fr->a, buf_str(&j->captured));
	if (!text.p)
		return json_no_memory(f, fr->a);
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
		json_skip(j);
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
		json_push(j, SHAPE_VALUES, &fr->place);
		j->scan.quiet = false;
		j->scan.max_text = j->lim.string_bytes;
		if (fr->place.is_root)
			raw_set_list(j->raw, true);
		return ERR_OK;
	}
	bool has_elements = j->top.item != ITEM_ENTITY;
	if ((!has_elements && (r->act == KEY_ELEMENT || r->act == KEY_GALAXY)) ||
	    !place_of(fr, r, &at)) {
		json_skip(j);
		return ERR_OK;
	}
	json_push(j, t == TOK_OBJ ? SHAPE_PICK : SHAPE_LIST, &at);
	return ERR_OK;
}

/* A name that fields.inc does not know: a wrapper, or nothing. */
static const struct key_row *wrapper_row(const struct frame *fr, struct str name)
{
	const struct key_table *keys = fr->place.keys;

	if (fr->is_inner)
		return NULL;
	if (keys->wrapper && name.n == keys->wrapper_n &&
	    memcmp(name.p, keys->wrapper, name.n) == 0)
		return &row_wrapper;
	bool has_envelope = fr->place.item == ITEM_EVENT || fr->place.item == ITEM_LOOSE ||
			    (fr->place.item == ITEM_ELEMENT && fr->place.kind == EL_CLUSTER);
	if (fr->place.is_root && has_envelope &&
	    (str_is(name, "response") || str_is(name, "request")))
		return &row_envelope;
	return NULL;
}

/* Look up a member name and tell the tokenizer whether its text is wanted. */
void json_member_key(struct json_read *j, const struct frame *fr)
{
	const struct key_row *r = NULL;

	if (!fr->spent) {
		r = json_key_find(fr->place.keys, j->scan.text);
		if (!r)
			r = wrapper_row(fr, j->scan.text);
	}
	j->row = r;
	j->scan.quiet = !r;
	j->scan.max_text = r && r->is_data ? j->lim.data_bytes : j->lim.string_bytes;
}

enum err json_member_token(struct json_read *j, struct frame *fr, enum json_tok t, struct fail *f)
{
	const struct key_row *r = j->row;

	switch (t) {
	case TOK_KEY:
		json_member_key(j, fr);
		return ERR_OK;
	case TOK_OBJ:
	case TOK_ARR:
		return open_member(j, fr, t, f);
	case TOK_OBJ_END:
		return json_item_close(j, f);
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
