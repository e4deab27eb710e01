/*
 * tally.c - a short list that is searched; reasons are few, since texts name no single things.
 */
#include "sync/tally.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/jsonw.h"

static struct tally_row *row_of(struct tally *t, const char *kind, const char *what, const char *text)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->v[i].kind, kind) && !strcmp(t->v[i].what, what) &&
		    !strncmp(t->v[i].text, text, TALLY_TEXT - 1))
			return &t->v[i];
	/* the last row is for all others */
	if (t->n == TALLY_ROWS - 1)
		text = "other reasons";
	else if (t->n == TALLY_ROWS)
		return &t->v[TALLY_ROWS - 1];
	struct tally_row *r = &t->v[t->n++];
	*r = (struct tally_row){.kind = kind, .what = what};
	snprintf(r->text, sizeof(r->text), "%s", text);
	return r;
}

void tally_add(struct tally *t, const char *kind, const char *what, const char *text, uint64_t n)
{
	row_of(t, kind, what, text)->n += n;
}

void tally_put(const struct tally *t, struct buf *out)
{
	struct jsonw w = jsonw_on(out);
	jsonw_arr(&w);
	for (size_t i = 0; i < t->n; i++) {
		jsonw_obj(&w);
		JSONW_KV(&w, jsonw_c, "kind", t->v[i].kind);
		JSONW_KV(&w, jsonw_c, "what", t->v[i].what);
		JSONW_KV(&w, jsonw_c, "text", t->v[i].text);
		JSONW_KV(&w, jsonw_uint, "count", t->v[i].n);
		jsonw_obj_end(&w);
	}
	jsonw_arr_end(&w);
}

static const char *known(const char *const *words, const json_t *row, const char *key)
{
	const char *s = json_string_value(json_object_get(row, key));
	for (; s && *words; words++)
		if (strcmp(*words, s) == 0)
			return *words;
	return NULL;
}

void tally_take(struct tally *t, struct str json, const char *const *kinds, const char *const *whats)
{
	json_t *list = json.n ? json_loadb(json.p, json.n, 0, NULL) : NULL, *row;
	size_t i;
	json_array_foreach(list, i, row) {
		const char *kind = known(kinds, row, "kind"), *what = known(whats, row, "what");
		const char *text = json_string_value(json_object_get(row, "text"));
		json_int_t n = json_integer_value(json_object_get(row, "count"));
		if (kind && what && text && n > 0)
			tally_add(t, kind, what, text, (uint64_t)n);
	}
	json_decref(list);
}
