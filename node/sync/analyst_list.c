/*
 * analyst_list.c - reads lists of UUIDs and times as they come; members that are none are passed over.
 */
#include "sync/analyst_list.h"

#include <stdlib.h>
#include <string.h>

#include "model/datetime.h"
#include "model/json_scan.h"

#define DEPTH_MAX 16
#define TEXT_MAX 256

/* ---- rows ---- */

void analyst_rows_free(struct analyst_rows *r)
{
	free(r->v);
	*r = (struct analyst_rows){0};
}

enum err analyst_rows_add(struct analyst_rows *r, const struct analyst_row *row, struct fail *f)
{
	if (r->n == ANALYST_ROWS_MAX) {
		r->cut = true;
		return ERR_OK;
	}
	if (r->n == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 64;
		struct analyst_row *v = reallocarray(r->v, cap, sizeof(*v));
		if (!v)
			return fail(f, ERR_NOMEM, "no memory for %zu rows", cap);
		r->v = v;
		r->cap = cap;
	}
	r->v[r->n++] = *row;
	return ERR_OK;
}

static int compare(const void *a, const void *b)
{
	const struct analyst_row *x = a, *y = b;
	return x->kind != y->kind ? x->kind - y->kind :
				    memcmp(x->uuid.b, y->uuid.b, sizeof(x->uuid.b));
}

void analyst_rows_sort(struct analyst_rows *r)
{
	size_t n = 0;
	if (r->n)
		qsort(r->v, r->n, sizeof(*r->v), compare);
	for (size_t i = 0; i < r->n; i++) {
		bool same = n && compare(&r->v[n - 1], &r->v[i]) == 0;
		r->v[n - same] = r->v[i];
		n += !same;
	}
	r->n = n;
}

struct analyst_row *analyst_rows_find(const struct analyst_rows *r, uint8_t kind, struct uuid u)
{
	struct analyst_row one = {.uuid = u, .kind = kind};
	return r->n ? bsearch(&one, r->v, r->n, sizeof(one), compare) : NULL;
}

/* ---- the reader ---- */

struct analyst_reader {
	struct json_scan scan;
	struct analyst_rows *out;
	uint8_t kind; /* of the open member; ANALYST_KINDS: none of ours */
	struct uuid uuid;
	bool has_uuid;
};

struct analyst_reader *analyst_reader_new(struct analyst_rows *out)
{
	struct analyst_reader *r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->out = out;
	r->kind = ANALYST_KINDS;
	json_scan_init(&r->scan, DEPTH_MAX, TEXT_MAX);
	r->scan.max_text = TEXT_MAX;
	return r;
}

void analyst_reader_free(struct analyst_reader *r)
{
	if (!r)
		return;
	json_scan_free(&r->scan);
	free(r);
}

static uint8_t kind_of(struct str name)
{
	uint8_t k = 0;
	while (k < ANALYST_KINDS && !str_is(name, analyst_kind_names[k]))
		k++;
	return k;
}

static enum err on_token(void *user, enum json_tok t, struct fail *f)
{
	struct analyst_reader *r = user;
	struct analyst_row row = {.uuid = r->uuid, .kind = r->kind};
	int64_t us;
	int east;
	if (t == TOK_KEY && r->scan.depth == 1) {
		r->kind = kind_of(r->scan.text);
	} else if (t == TOK_KEY && r->scan.depth == 2) {
		r->has_uuid = uuid_parse(r->scan.text, &r->uuid);
	} else if (t == TOK_STR && r->scan.depth == 2 && r->has_uuid && r->kind < ANALYST_KINDS) {
		if (datetime_read(r->scan.text, &us, &east))
			row.modified = us / 1000000;
		r->has_uuid = false;
		return analyst_rows_add(r->out, &row, f);
	}
	return ERR_OK;
}

enum err analyst_reader_feed(struct analyst_reader *r, const void *p, size_t n, struct fail *f)
{
	return json_scan_each(&r->scan, p, n, on_token, r, f);
}

enum err analyst_reader_end(struct analyst_reader *r, struct fail *f)
{
	return json_scan_end(&r->scan, f);
}
