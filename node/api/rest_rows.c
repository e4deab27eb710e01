/*
 * rest_rows.c - administrative rows: members taken from a request, rows written with their change record.
 */
#include "api/rest.h"

#include "base/clock.h"

bool rest_take_text(struct http_req *r, const json_t *body, const char *key, struct str *to)
{
	struct str s = rest_text(r, body, key);
	if (s.p)
		*to = s;
	return s.p != NULL;
}

void rest_take_json(struct http_req *r, const json_t *body, const char *key, struct str *to)
{
	const json_t *v = json_object_get(body, key);
	if (json_is_object(v) || json_is_array(v)) {
		char *s = json_dumps(v, JSON_COMPACT | JSON_ESCAPE_SLASH);
		*to = arena_str(r->arena, str_c(s));
		free(s);
	} else {
		rest_take_text(r, body, key, to);
	}
}

bool rest_take_flag(const json_t *body, const char *key, bool *to)
{
	const json_t *v = json_object_get(body, key);
	if (v && !json_is_null(v))
		*to = json_truthy(v);
	return v != NULL;
}

bool rest_take_u64(struct http_req *r, const json_t *body, const char *key, uint64_t *to)
{
	uint64_t n;
	if (!str_u64(rest_text(r, body, key), &n))
		return false;
	*to = n;
	return true;
}

struct str rest_now_text(struct http_req *r)
{
	struct clock_civil t = clock_to_civil(clock_now());
	return arena_printf(r->arena, "%04d-%02d-%02d %02d:%02d:%02d", t.year, t.month, t.day,
			    t.hour, t.minute, t.second);
}

struct str rest_field_error(struct http_req *r, const char *field, const char *message)
{
	struct str m = rest_quoted(r, message);
	return arena_printf(r->arena, "{\"%s\":[%.*s]}", field, STR_ARG(m));
}

struct row_job {
	enum store_table tab;
	uint64_t *id;
	const void *row;
	struct uuid uuid;
	struct origin origin;
	bool add;
};

static enum err row_change(struct row_job *j, struct store_wtxn *w, enum change_op op,
			   struct fail *f)
{
	struct change ch = {.op = op,
			    .kind = CHANGE_TABLE(j->tab),
			    .id = *j->id,
			    .uuid = j->uuid,
			    .time = clock_now(),
			    .origin = j->origin};
	return store_change(w, &ch, f);
}

static bool is_there(const struct store_rtxn *t, enum store_table tab, uint64_t id)
{
	uint64_t at = id - 1;
	return store_next(t, tab, &at, NULL, NULL) == ERR_OK && at == id;
}

/* A row that was deleted since it was read stays so: a key or account must not come to life again. */
static enum err run_row_put(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct row_job *j = arg;
	if (j->add)
		*j->id = store_new_row_id(w, j->tab);
	else if (!is_there(store_view(w), j->tab, *j->id))
		return fail(f, ERR_NOENT, "deleted meanwhile");
	TRY(store_put(w, j->tab, *j->id, j->row, f));
	return row_change(j, w, j->add ? CHANGE_ADD : CHANGE_EDIT, f);
}

enum err rest_row_put(struct http_req *r, enum store_table tab, uint64_t *id, const void *row,
		      struct uuid uuid, struct fail *f)
{
	struct row_job j = {tab, id, row, uuid, rest_origin(r), *id == 0};
	return rest_write(r, run_row_put, &j, f);
}

static enum err run_row_del(struct store_wtxn *w, void *arg, struct fail *f)
{
	struct row_job *j = arg;
	TRY(store_del(w, j->tab, *j->id, f));
	return row_change(j, w, CHANGE_DELETE, f);
}

enum err rest_row_del(struct http_req *r, enum store_table tab, uint64_t id, struct uuid uuid,
		      struct fail *f)
{
	struct row_job j = {tab, &id, NULL, uuid, rest_origin(r), false};
	return rest_write(r, run_row_del, &j, f);
}
