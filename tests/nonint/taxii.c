/*
 * taxii.c - collections of TAXII as a client reads them: page by page to their end, by date, and each object that
 * the manifest names, with its versions. Tokens are left out where ids of the store are in them.
 */
#include <stdio.h>
#include <string.h>

#include "tests/nonint/nonint.h"
#include "tests/tap/tap.h"

#define ALL "5a4e8c4e-7d0f-4a66-9a25-3d1c2f6b8e01"
#define ROOT "/taxii2/api/collections/"
#define PAGES 60
#define OBJECTS 5

struct talk {
	const struct model *m;
	struct line *line;
	struct buf *out;
	uint64_t *asked;
	bool tokens; /* they are compared */
};

/* The token of the next page, in `next`; the answer is written down. */
static void ask(struct talk *t, const char *path, char next[200], struct answer *keep)
{
	static const char mark[] = "\"next\":\"";
	struct answer a;
	struct str token = STR_NONE;
	const char *before = strstr(path, "next=");
	char title[600];
	snprintf(title, sizeof(title), "%.*s", before && !t->tokens ? (int)(before - path) : 599, path);
	talk_get(t->line, user_keys[t->m->who], path, "", &a);
	ptrdiff_t at = str_find(buf_str(&a.body), str_c(mark));
	if (at >= 0)
		(void)str_split(str_sub(buf_str(&a.body), (size_t)at + sizeof(mark) - 1, SIZE_MAX), '"', &token);
	if (next)
		snprintf(next, 200, "%.*s", STR_ARG(token));
	if (!t->tokens && token.n)
		memset(a.body.p + at + sizeof(mark) - 1, '#', token.n);
	talk_put(t->out, title, &a);
	++*t->asked;
	if (keep)
		*keep = a;
	else
		answer_free(&a);
}

/* To the end; the date of what came last, in `last`. */
static void walk(struct talk *t, const char *collection, const char *what, unsigned limit, const char *more,
		 char last[40])
{
	char path[600], next[200] = "";
	for (unsigned n = 0; n < PAGES; n++) {
		struct answer a;
		snprintf(path, sizeof(path), ROOT "%s/%s/?limit=%u%s%s%s", collection, what, limit, more,
			 *next ? "&next=" : "", next);
		ask(t, path, next, &a);
		if (last && talk_header(&a, "X-TAXII-Date-Added-Last").n)
			snprintf(last, 40, "%.*s", STR_ARG(talk_header(&a, "X-TAXII-Date-Added-Last")));
		bool end = a.status != 200 || !*next;
		answer_free(&a);
		if (end)
			return;
	}
}

static void objects(struct talk *t, const char *collection, const struct buf *manifest, unsigned first)
{
	static const char mark[] = "\"id\":\"";
	struct str rest = buf_str(manifest), id;
	ptrdiff_t at;
	for (unsigned n = 0; (at = str_find(rest, str_c(mark))) >= 0; n++) {
		char path[300];
		rest = str_split(str_sub(rest, (size_t)at + sizeof(mark) - 1, SIZE_MAX), '"', &id);
		if (n % 7 != first % 7 || id.n > 100)
			continue;
		snprintf(path, sizeof(path), ROOT "%s/objects/%.*s/", collection, STR_ARG(id));
		ask(t, path, NULL, NULL);
		snprintf(path, sizeof(path), ROOT "%s/objects/%.*s/versions/", collection, STR_ARG(id));
		ask(t, path, NULL, NULL);
		snprintf(path, sizeof(path), ROOT "%s/manifest/?match[id]=%.*s", collection, STR_ARG(id));
		ask(t, path, NULL, NULL);
		if (n > 7 * OBJECTS)
			return;
	}
}

static void collection_talk(struct talk *t, const char *id, struct rng *r)
{
	static const char *const more[] = {"", "", "&match[type]=indicator,report", "&match[type]=grouping,identity",
					   "&match[version]=all", "&match[spec_version]=2.1",
					   "&match[type]=x-misp-object,observed-data,marking-definition,note"};
	char path[300], last[40] = "", after[80];
	struct answer manifest;
	snprintf(path, sizeof(path), ROOT "%s/", id);
	ask(t, path, NULL, NULL);
	snprintf(path, sizeof(path), ROOT "%s/manifest/", id);
	ask(t, path, NULL, &manifest);
	objects(t, id, &manifest.body, rng_below(r, 7));
	answer_free(&manifest);
	walk(t, id, "objects", 1 + rng_below(r, 9), more[rng_below(r, ARRAY_LEN(more))], NULL);
	walk(t, id, "manifest", 1 + rng_below(r, 5), "", last);
	snprintf(after, sizeof(after), "&added_after=%s", *last ? last : "2020-01-01T00:00:00Z");
	walk(t, id, "manifest", 3, after, NULL);
	/* in the middle of a second, where several events may stand */
	if (strlen(last) > 10)
		last[strlen(last) - 2] = '0';
	snprintf(after, sizeof(after), "&added_after=%s", *last ? last : "2026-01-01T00:00:00.000001Z");
	walk(t, id, "manifest", 3, after, NULL);
}

void taxii_talk(const struct model *m, struct line *l, bool tokens, struct buf *out, uint64_t *asked)
{
	struct talk t = {.m = m, .line = l, .out = out, .asked = asked, .tokens = tokens};
	struct rng r = {m->seed * 17u + 3};
	char u[UUID_TEXT_LEN + 1];
	ask(&t, "/taxii2/", NULL, NULL);
	ask(&t, "/taxii2/api/", NULL, NULL);
	ask(&t, ROOT, NULL, NULL);
	collection_talk(&t, ALL, &r);
	collection_talk(&t, uuid_format(collection_uuid(), u), &r);
	for (unsigned i = 0; i < m->n; i++) /* those that he may not use, too */
		if (m->thing[i].kind == GROUP && rng_chance(&r, 500))
			collection_talk(&t, uuid_format(model_uuid(m, i), u), &r);
}
