/*
 * crud.c - the five endpoints of administrative rows, driven by descriptors.
 * A row lives in a block of the request's arena of the size that its descriptor tells.
 */
#include "api/crud.h"

#include "model/pack.h"

static unsigned form_of(const struct crud *c, const struct field *fd)
{
	for (const struct crud_member *m = c->members; m && m->key; m++)
		if (strcmp(m->key, fd->key) == 0)
			return m->form;
	return 0;
}

static const void *at(const void *row, const struct field *fd)
{
	return (const char *)row + fd->offset;
}

static uint64_t row_id(const struct crud *c, const void *row)
{
	return *(const uint64_t *)at(row, desc_find(c->desc, STR("id"), &(unsigned){0}));
}

static struct uuid row_uuid(const struct crud *c, const void *row)
{
	const struct field *fd = desc_find(c->desc, STR("uuid"), &(unsigned){0});
	return fd && fd->kind == F_UUID ? *(const struct uuid *)at(row, fd) : UUID_NIL;
}

/* ---- answers ---- */

static void put_text(struct jsonw *w, struct str s, unsigned form)
{
	if (!s.n && (form & (CRUD_NULL | CRUD_JSON)))
		jsonw_null(w);
	else if (form & CRUD_JSON)
		jsonw_raw(w, s);
	else
		jsonw_str(w, s.p ? s : STR(""));
}

static void put_number(struct jsonw *w, uint64_t v, unsigned form)
{
	if (!v && (form & CRUD_NULL))
		jsonw_null(w);
	else
		jsonw_uint_str(w, v);
}

static void put_member(struct jsonw *w, const struct field *fd, const void *p, unsigned form)
{
	jsonw_key(w, fd->key);
	switch (fd->kind) {
	case F_STR:
		put_text(w, *(const struct str *)p, form);
		break;
	case F_BOOL:
		jsonw_bool(w, *(const bool *)p);
		break;
	case F_U8:
		put_number(w, *(const uint8_t *)p, form);
		break;
	case F_U64:
		put_number(w, *(const uint64_t *)p, form);
		break;
	case F_UUID:
		jsonw_uuid(w, *(const struct uuid *)p);
		break;
	case F_I64:
	case F_TIME:
		jsonw_int_str(w, *(const int64_t *)p);
		break;
	default: /* no table of administrators has another kind */
		jsonw_null(w);
	}
}

void crud_members(struct jsonw *w, const struct crud *c, const void *row)
{
	for (unsigned i = 0; i < c->desc->n; i++) {
		const struct field *fd = &c->desc->fields[i];
		unsigned form = fd->key ? form_of(c, fd) : CRUD_HIDE;
		if (!(form & CRUD_HIDE))
			put_member(w, fd, at(row, fd), form);
	}
}

void crud_item(struct http_req *r, struct jsonw *w, const struct crud *c, const void *row,
	       enum crud_act act)
{
	jsonw_obj(w);
	jsonw_key(w, c->desc->name);
	jsonw_obj(w);
	crud_members(w, c, row);
	if (c->more)
		c->more(r, w, row, act);
	jsonw_obj_end(w);
	if (c->beside)
		c->beside(r, w, row, act);
	jsonw_obj_end(w);
}

void crud_answer(struct http_req *r, const struct crud *c, const void *row, enum crud_act act)
{
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	crud_item(r, &w, c, row, act);
	rest_answer(r, 200, &b);
}

/* ---- reading ---- */

static void *row_new(struct http_req *r, const struct crud *c)
{
	return arena_alloc(r->arena, c->desc->size);
}

static bool find_row(const struct store_rtxn *t, const struct crud *c, struct str text, uint64_t *id)
{
	struct uuid u;
	if (!c->has_uuid || !uuid_parse(text, &u))
		return str_u64(text, id);
	return store_find(t, c->uuid_index, (struct str){(const char *)u.b, sizeof(u.b)}, id) ==
	       ERR_OK;
}

bool crud_of_path(struct http_req *r, const struct crud *c, const char *absent, void *row,
		  struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	void *stored = row_new(r, c);
	uint64_t id;
	if (stored && store_read(api_of(r)->store, &t, f) == ERR_OK &&
	    find_row(t, c, req_arg(r, "id"), &id) && store_get(t, c->table, id, r->arena, stored) == ERR_OK &&
	    (!c->visible || c->visible(r, stored)) &&
	    entity_copy(r->arena, c->desc, stored, row) == ERR_OK)
		return true;
	reply_error(r, 404, "%s", absent ? absent : c->absent);
	return false;
}

/* `page` and `limit` as everywhere; no limit: all. */
struct pages {
	uint64_t skip, left;
};

static struct pages pages_of(struct http_req *r)
{
	uint64_t page = 1, limit = 0;
	if (!str_u64(req_param(r, "limit"), &limit) || !limit)
		return (struct pages){0, UINT64_MAX};
	if (!str_u64(req_param(r, "page"), &page) || !page)
		page = 1;
	return (struct pages){page - 1 < UINT64_MAX / limit ? (page - 1) * limit : UINT64_MAX,
			      limit};
}

enum err crud_list(struct http_req *r, const struct crud_rows *c, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct pages p = pages_of(r);
	void *row = arena_alloc(r->arena, c->desc->size);
	uint64_t id = 0;
	enum err e = ERR_OK;
	if (!row)
		return fail(f, ERR_LIMIT, "no memory left for this request");
	TRY(store_read(api_of(r)->store, &t, f));
	struct buf b = BUF(ANSWER_MAX);
	struct jsonw w = jsonw_on(&b);
	if (c->list) {
		jsonw_obj(&w);
		jsonw_key(&w, c->list);
	}
	jsonw_arr(&w);
	while (p.left) {
		struct arena_mark m = arena_mark(r->arena);
		e = store_next(t, c->table, &id, r->arena, row);
		if (e != ERR_OK)
			break;
		if (!c->visible || c->visible(r, row)) {
			if (p.skip) {
				p.skip--;
			} else {
				c->item(r, &w, t, row);
				p.left--;
			}
		}
		arena_rewind(r->arena, m);
	}
	if (e != ERR_OK && e != ERR_NOENT) {
		buf_free(&b);
		return fail(f, e, "a table of administrators");
	}
	jsonw_arr_end(&w);
	if (c->list)
		jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
	return ERR_OK;
}

static void index_item(struct http_req *r, struct jsonw *w, const struct store_rtxn *t, const void *row)
{
	(void)t;
	crud_item(r, w, r->ep->arg, row, CRUD_INDEX);
}

enum err crud_index(struct http_req *r, struct fail *f)
{
	const struct crud *c = r->ep->arg;
	return crud_list(r, &(struct crud_rows){c->table, c->desc, c->list, c->visible, index_item}, f);
}

enum err crud_view(struct http_req *r, struct fail *f)
{
	const struct crud *c = r->ep->arg;
	void *row = row_new(r, c);
	if (row && crud_of_path(r, c, NULL, row, f))
		crud_answer(r, c, row, CRUD_VIEW);
	return row ? ERR_OK : fail(f, ERR_LIMIT, "no memory left for this request");
}

/* ---- writing ---- */

static bool take_number(struct http_req *r, const json_t *body, const struct field *fd, void *p)
{
	uint64_t v;
	if (!rest_take_u64(r, body, fd->key, &v))
		return false;
	if (fd->kind == F_U8)
		*(uint8_t *)p = (uint8_t)MIN(v, (uint64_t)UINT8_MAX);
	else if (fd->kind == F_U64)
		*(uint64_t *)p = v;
	else
		*(int64_t *)p = (int64_t)MIN(v, (uint64_t)INT64_MAX);
	return true;
}

/* One member of the body; *fault: what is wrong with it. */
static bool take_member(struct http_req *r, const json_t *body, const struct field *fd, void *p,
			unsigned form, const char **fault)
{
	struct str s;
	if (!json_object_get(body, fd->key))
		return false;
	switch (fd->kind) {
	case F_STR:
		if (form & (CRUD_JSON | CRUD_JSON_TEXT))
			rest_take_json(r, body, fd->key, p);
		else
			rest_take_text(r, body, fd->key, p);
		return true;
	case F_BOOL:
		return rest_take_flag(body, fd->key, p);
	case F_UUID:
		s = rest_text(r, body, fd->key);
		if (s.n && !uuid_parse(s, p))
			*fault = "Please provide a valid RFC 4122 UUID";
		return s.n;
	default:
		return take_number(r, body, fd, p);
	}
}

static bool refuse(struct http_req *r, const struct crud *c, enum crud_act act, struct str errors)
{
	rest_not_saved(r, act == CRUD_ADD ? "add" : "edit", c->what, STR_NONE, errors);
	return false;
}

bool crud_take(struct http_req *r, const struct crud *c, enum crud_act act, const json_t *body,
	       void *row)
{
	((struct entity_head *)row)->has = 0;
	for (unsigned i = 0; i < c->desc->n; i++) {
		const struct field *fd = &c->desc->fields[i];
		unsigned form = fd->key ? form_of(c, fd) : CRUD_HIDE;
		const char *fault = NULL;
		void *p = (char *)row + fd->offset;
		if ((form & CRUD_HIDE) || fd->form != FORM_BOTH)
			continue;
		if (take_member(r, body, fd, p, form, &fault))
			((struct entity_head *)row)->has |= UINT64_C(1) << i;
		if ((form & CRUD_NEED) && !((struct str *)p)->n)
			fault = c->needed;
		if (fault)
			return refuse(r, c, act, rest_field_error(r, fd->key, fault));
	}
	struct str errors = c->fault ? c->fault(r, body, row) : STR_NONE;
	return errors.p ? refuse(r, c, act, errors) : true;
}

enum err crud_save(struct http_req *r, const struct crud *c, enum crud_act act, void *row,
		   struct fail *f)
{
	const struct field *fd = desc_find(c->desc, STR("id"), &(unsigned){0});
	uint64_t *id = (uint64_t *)((char *)row + fd->offset);
	enum err e = rest_row_put(r, c->table, id, row, row_uuid(c, row), f);
	if (e == ERR_EXISTS && c->unique) {
		refuse(r, c, act, rest_field_error(r, c->unique, c->taken));
		return ERR_OK;
	}
	TRY(e);
	if (c->changed)
		TRY(c->changed(r, row, f));
	crud_answer(r, c, row, act);
	return ERR_OK;
}

enum err crud_add(struct http_req *r, struct fail *f)
{
	const struct crud *c = r->ep->arg;
	void *row = row_new(r, c);
	json_t *body;
	if (!row)
		return fail(f, ERR_LIMIT, "no memory left for this request");
	if (rest_json(r, c->desc->name, &body, f) != ERR_OK)
		return ERR_OK;
	if (c->fresh)
		c->fresh(r, row);
	return crud_take(r, c, CRUD_ADD, body, row) ? crud_save(r, c, CRUD_ADD, row, f) : ERR_OK;
}

enum err crud_edit(struct http_req *r, struct fail *f)
{
	const struct crud *c = r->ep->arg;
	void *row = row_new(r, c);
	json_t *body;
	if (!row)
		return fail(f, ERR_LIMIT, "no memory left for this request");
	if (rest_json(r, c->desc->name, &body, f) != ERR_OK || !crud_of_path(r, c, NULL, row, f))
		return ERR_OK;
	return crud_take(r, c, CRUD_EDIT, body, row) ? crud_save(r, c, CRUD_EDIT, row, f) : ERR_OK;
}

void crud_done(struct http_req *r, const char *text, struct str url, uint64_t id)
{
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_bool, "saved", true);
	JSONW_KV(&w, jsonw_bool, "success", true);
	JSONW_KV(&w, jsonw_c, "name", text);
	JSONW_KV(&w, jsonw_c, "message", text);
	JSONW_KV(&w, jsonw_str, "url", url);
	JSONW_KV(&w, jsonw_uint, "id", id);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
}

enum err crud_delete(struct http_req *r, struct fail *f)
{
	const struct crud *c = r->ep->arg;
	void *row = row_new(r, c);
	if (!row)
		return fail(f, ERR_LIMIT, "no memory left for this request");
	if (!crud_of_path(r, c, NULL, row, f) || (c->may_go && !c->may_go(r, row)))
		return ERR_OK;
	TRY(rest_row_del(r, c->table, row_id(c, row), row_uuid(c, row), f));
	if (c->changed)
		TRY(c->changed(r, row, f));
	crud_done(r, c->deleted, r->url, row_id(c, row));
	return ERR_OK;
}
