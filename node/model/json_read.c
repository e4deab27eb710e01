/*
 * json_read.c - streams of MISP JSON to raw documents: pieces of bytes, tokens, lists.
 *
 * A stack of frames mirrors the open objects and lists that mean something; all else is skipped
 * (but checked). Children close before their parents, so they stand before them in the spool.
 * Texts stay views into the fed bytes while these last: what is still open when they end is copied.
 */
#include "model/json_read.h"

#include "base/own.h"
#include "model/json_frame.h"

static struct json_read *reader_new(const struct raw_limits *lim)
{
	struct json_read *j = malloc(sizeof(*j));

	if (!j)
		return NULL;
	memset((void *)j, 0, offsetof(struct json_read, frames)); /* a frame is cleared when it is pushed */
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
		[RAW_CLUSTERS] = {ITEM_ELEMENT, EL_CLUSTER, &desc_misp_cluster},
	};
	struct json_read *j = reader_new(o->limits);

	if (!j)
		return NULL;
	j->root = o->root;
	j->many = j->scan.many = o->many;
	j->keep_source = o->keep_source;
	j->fn = fn;
	j->user = user;
	j->top = (struct place){.item = tops[o->root].item, .kind = tops[o->root].kind,
				.is_root = true};
	j->top.keys = tops[o->root].desc ? json_keys_of(tops[o->root].desc) : json_keys_elements();
	if (o->spool_dir)
		j->dir = strdup(o->spool_dir);
	if (o->spool_dir && !j->dir) {
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

static enum err in_list(struct json_read *j, struct frame *fr, enum json_tok t, struct fail *f)
{
	struct place at = fr->place;

	j->scan.quiet = true;
	if (t == TOK_OBJ) {
		json_push(j, SHAPE_ITEM, &at);
		return json_item_begin(j, f);
	}
	if (t == TOK_ARR)
		json_skip(j);
	else if (t == TOK_ARR_END || t == TOK_OBJ_END)
		json_pop(j);
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
		json_pop(j);
		return ERR_OK;
	}
	if (is_index(j->scan.text)) {
		fr->shape = SHAPE_LIST;
		return ERR_OK;
	}
	TRY(json_item_begin(j, f));
	return json_member_token(j, j->fr, t, f);
}

static enum err in_values(struct json_read *j, struct frame *fr, enum json_tok t, struct fail *f)
{
	struct frame *attr = fr - 1;

	if (t == TOK_OBJ || t == TOK_ARR) {
		json_skip(j);
		return ERR_OK;
	}
	if (t == TOK_ARR_END) {
		json_pop(j);
		return ERR_OK;
	}
	struct entity_list l = {attr->values, (uint32_t)attr->n_values};
	struct value *v = json_list_grow(fr->a, &l, sizeof(*v));
	if (!v)
		return json_no_memory(f, fr->a);
	*v = (struct value){STR(""), t == TOK_NUM};
	if (t == TOK_STR || t == TOK_NUM) {
		/* copied: settle() does not know of them */
		v->text = arena_str(fr->a, j->scan.text);
		if (!v->text.p)
			return json_no_memory(f, fr->a);
	}
	attr->values = l.v;
	attr->n_values = l.n;
	return ERR_OK;
}

static enum err at_top(struct json_read *j, enum json_tok t, struct fail *f)
{
	j->scan.quiet = true;
	if (j->top.item != ITEM_EVENT && j->top.item != ITEM_ENTITY && !j->raw)
		TRY(json_raw_begin(j, f));
	if (t == TOK_ARR) {
		if (j->top.item == ITEM_ENTITY)
			return json_scan_fail_here(&j->scan, f, ERR_PARSE, "an object expected");
		if (j->raw)
			raw_set_list(j->raw, true);
		json_push(j, SHAPE_LIST, &j->top);
		return ERR_OK;
	}
	json_push(j, SHAPE_ITEM, &j->top);
	return json_item_begin(j, f);
}

static enum err token(struct json_read *j, enum json_tok t, struct fail *f)
{
	struct frame *fr = j->fr;

	if (j->skipping) {
		if ((t == TOK_OBJ_END || t == TOK_ARR_END) && j->scan.depth == j->skip_to) {
			j->skipping = false;
			j->scan.quiet = fr->shape != SHAPE_VALUES;
			if (j->capturing)
				return json_capture_end(j, f);
		}
		return ERR_OK;
	}
	if (!fr)
		return at_top(j, t, f);
	switch (fr->shape) {
	case SHAPE_ITEM:
		return json_member_token(j, fr, t, f);
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

enum err json_keep_source(struct json_read *j, struct fail *f)
{
	uint64_t base = json_scan_offset(&j->scan) - (uint64_t)(j->scan.p - j->scan.chunk);
	uint64_t end = base + (uint64_t)(j->scan.end - j->scan.chunk);
	uint64_t from = MAX(MAX(j->event_from, j->kept), base);
	uint64_t to = j->event_to ? j->event_to : end;

	if (!j->keep_source || !j->event_open || !j->raw || to <= from)
		return ERR_OK;
	j->kept = to;
	return raw_source_add(j->raw, j->scan.chunk + (from - base), to - from, f);
}

/* The fed bytes go: copy what still points into them. */
static enum err settle_all(struct json_read *j, struct fail *f)
{
	for (struct frame *fr = j->frames; j->fr && fr <= j->fr; fr++) {
		if (fr->shape != SHAPE_ITEM || fr->place.item != ITEM_ELEMENT || !fr->borrow ||
		    fr->is_inner)
			continue;
		if (!settle(j, fr->place.keys->desc, fr->entity, fr->a))
			return json_no_memory(f, fr->a);
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
		/* most tokens: a name, or a scalar that nobody wants */
		if (j->fr && j->fr->shape == SHAPE_ITEM && !j->skipping) {
			if (t == TOK_KEY) {
				json_member_key(j, j->fr);
				continue;
			}
			if (!j->row && t >= TOK_STR)
				continue;
		}
		if (t == TOK_MORE) {
			TRY(json_keep_source(j, f));
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

bool json_read_place(const struct json_read *j, uint64_t *from, uint64_t *to)
{
	*from = j->event_from;
	*to = j->event_to ? j->event_to : json_scan_offset(&j->scan);
	return j->event_open;
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
