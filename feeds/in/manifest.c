/*
 * manifest.c - the manifest of a MISP feed (sync-protocol.md 9.1) by the push tokenizer: memory for
 * one entry, whatever the length of the list.
 */
#include "feeds/in/manifest.h"

#include <stdlib.h>

#include "model/json_scan.h"

#define ENTRY_MAX (1u << 20)
#define TEXT_MAX 65536u
#define TAGS_MAX 1000u

/* Where in an entry a value stands. */
enum place { AT_OTHER, AT_TIMESTAMP, AT_ORGC_UUID, AT_ORGC_NAME, AT_TAG_NAME };

struct manifest_read {
	struct json_scan scan;
	manifest_fn fn;
	void *user;
	struct arena *a;
	struct manifest_entry entry;
	unsigned depth; /* open containers: 1 in the manifest, 2 in an entry */
	bool is_event; /* the member at depth 1 is named by a UUID */
	bool in_orgc, in_tags; /* of the entry's members */
	enum place place;
};

struct manifest_read *manifest_read_new(manifest_fn fn, void *user)
{
	struct manifest_read *m = calloc(1, sizeof(*m));
	if (!m)
		return NULL;
	json_scan_init(&m->scan, 32, TEXT_MAX);
	m->scan.max_text = TEXT_MAX;
	m->fn = fn;
	m->user = user;
	m->a = arena_new(ENTRY_MAX);
	if (!m->a) {
		manifest_read_free(m);
		return NULL;
	}
	return m;
}

void manifest_read_free(struct manifest_read *m)
{
	if (!m)
		return;
	json_scan_free(&m->scan);
	arena_free(m->a);
	free(m);
}

/* ---- tokens ---- */

static bool entry_open(struct manifest_read *m)
{
	arena_reset(m->a);
	struct uuid u = m->entry.uuid;
	m->entry = (struct manifest_entry){.uuid = u};
	m->entry.tags = ARENA_ARRAY(m->a, struct str, TAGS_MAX);
	return m->entry.tags != NULL;
}

static void on_key(struct manifest_read *m, struct str key)
{
	m->place = AT_OTHER;
	if (m->depth == 1) {
		m->is_event = uuid_parse(key, &m->entry.uuid);
	} else if (m->depth == 2) {
		/* old feeds spell it "orgc" */
		m->in_orgc = str_eq_nocase(key, STR("Orgc"));
		m->in_tags = str_is(key, "Tag");
		m->place = str_is(key, "timestamp") ? AT_TIMESTAMP : AT_OTHER;
	} else if (m->depth == 3 && m->in_orgc) {
		m->place = str_is(key, "uuid")	 ? AT_ORGC_UUID
			   : str_is(key, "name") ? AT_ORGC_NAME
						 : AT_OTHER;
	} else if (m->depth == 4 && m->in_tags) {
		m->place = str_is(key, "name") ? AT_TAG_NAME : AT_OTHER;
	}
}

static bool on_text(struct manifest_read *m, struct str v)
{
	struct manifest_entry *e = &m->entry;
	switch (m->place) {
	case AT_TIMESTAMP:
		if (!str_i64(v, &e->timestamp))
			e->timestamp = 0;
		break;
	case AT_ORGC_UUID:
		(void)uuid_parse(v, &e->orgc_uuid);
		break;
	case AT_ORGC_NAME:
		e->orgc_name = arena_str(m->a, v);
		return e->orgc_name.p;
	case AT_TAG_NAME:
		if (e->n_tags < TAGS_MAX)
			e->tags[e->n_tags++] = arena_str(m->a, v);
		break;
	case AT_OTHER:
		break;
	}
	return !arena_overflowed(m->a);
}

static enum err on_token(void *user, enum json_tok t, struct fail *f)
{
	struct manifest_read *m = user;
	bool ok = true;
	switch (t) {
	case TOK_OBJ:
	case TOK_ARR:
		if (m->depth == 0 && t == TOK_ARR)
			return json_scan_fail_here(&m->scan, f, ERR_PARSE,
						   "a manifest is an object");
		if (m->depth == 1 && m->is_event && t == TOK_OBJ)
			ok = entry_open(m);
		m->depth++;
		break;
	case TOK_OBJ_END:
	case TOK_ARR_END:
		m->depth--;
		if (m->depth == 1 && m->is_event && t == TOK_OBJ_END)
			return m->fn(m->user, &m->entry, f);
		break;
	case TOK_KEY:
		on_key(m, m->scan.text);
		break;
	case TOK_STR:
	case TOK_NUM:
		ok = !m->is_event || on_text(m, m->scan.text);
		m->place = AT_OTHER;
		break;
	case TOK_TRUE:
	case TOK_FALSE:
	case TOK_NULL:
	case TOK_MORE:
	case TOK_BAD:
		break;
	}
	return ok ? ERR_OK : json_scan_fail_here(&m->scan, f, ERR_LIMIT, "an entry is too large");
}

enum err manifest_read_feed(struct manifest_read *m, const void *p, size_t n, struct fail *f)
{
	return json_scan_each(&m->scan, p, n, on_token, m, f);
}

enum err manifest_read_end(struct manifest_read *m, struct fail *f)
{
	return json_scan_end(&m->scan, f);
}
