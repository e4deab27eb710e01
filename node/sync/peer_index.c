/*
 * peer_index.c - the rows by the push tokenizer: memory for one row, whatever the length of the list.
 */
#include "sync/peer_index.h"

#include <stdlib.h>

#include "model/json_scan.h"

#define TEXT_MAX 65536u

enum place { AT_OTHER, AT_UUID, AT_TIMESTAMP, AT_PUBLISHED, AT_ORGC, AT_SIGHTING };

struct peer_index {
	struct json_scan scan;
	peer_index_fn fn;
	void *user;
	struct peer_index_row row;
	unsigned depth; /* open containers */
	unsigned row_depth; /* of a row's members: 2 in a list, 1 for an old server's single row */
	bool has_members; /* of a single row */
	bool in_orgc; /* "Orgc":{..} of a full row */
	enum place place;
};

struct peer_index *peer_index_new(peer_index_fn fn, void *user)
{
	struct peer_index *x = calloc(1, sizeof(*x));
	if (!x)
		return NULL;
	json_scan_init(&x->scan, 32, TEXT_MAX);
	x->scan.max_text = TEXT_MAX;
	x->fn = fn;
	x->user = user;
	return x;
}

void peer_index_free(struct peer_index *x)
{
	if (!x)
		return;
	json_scan_free(&x->scan);
	free(x);
}

static void on_key(struct peer_index *x, struct str key)
{
	static const struct {
		const char *key;
		enum place place;
	} members[] = {{"uuid", AT_UUID},
		       {"timestamp", AT_TIMESTAMP},
		       {"published", AT_PUBLISHED},
		       {"orgc_uuid", AT_ORGC},
		       {"sighting_timestamp", AT_SIGHTING}};
	x->place = AT_OTHER;
	x->has_members = true;
	if (x->depth == x->row_depth) {
		x->in_orgc = str_is(key, "Orgc");
		for (size_t i = 0; i < ARRAY_LEN(members); i++)
			if (str_is(key, members[i].key))
				x->place = members[i].place;
	} else if (x->depth == x->row_depth + 1 && x->in_orgc && str_is(key, "uuid")) {
		x->place = AT_ORGC;
	}
}

static void on_value(struct peer_index *x, bool is_text, bool truth)
{
	struct str v = is_text ? x->scan.text : STR("");
	switch (x->place) {
	case AT_UUID:
		(void)uuid_parse(v, &x->row.uuid);
		break;
	case AT_TIMESTAMP:
		if (!str_i64(v, &x->row.timestamp))
			x->row.timestamp = 0;
		break;
	case AT_PUBLISHED:
		x->row.published = is_text ? v.n && !str_is(v, "0") : truth;
		break;
	case AT_ORGC:
		(void)uuid_parse(v, &x->row.orgc_uuid);
		break;
	case AT_SIGHTING:
		if (!str_i64(v, &x->row.sighting_timestamp))
			x->row.sighting_timestamp = 0;
		break;
	case AT_OTHER:
		break;
	}
	x->place = AT_OTHER;
}

static enum err on_token(void *user, enum json_tok t, struct fail *f)
{
	struct peer_index *x = user;
	switch (t) {
	case TOK_OBJ:
	case TOK_ARR:
		if (x->depth == 0)
			x->row_depth = t == TOK_ARR ? 2 : 1;
		if (++x->depth == x->row_depth && t == TOK_OBJ)
			x->row = (struct peer_index_row){.published = false};
		x->place = AT_OTHER;
		break;
	case TOK_OBJ_END:
	case TOK_ARR_END:
		if (x->depth-- == x->row_depth && t == TOK_OBJ_END && !uuid_is_nil(x->row.uuid))
			return x->fn(x->user, &x->row, f);
		if (x->depth == 0 && x->row_depth == 1 && x->has_members && uuid_is_nil(x->row.uuid))
			return fail(f, ERR_PARSE, "the peer's answer is no index of events");
		break;
	case TOK_KEY:
		on_key(x, x->scan.text);
		break;
	case TOK_STR:
	case TOK_NUM:
		on_value(x, true, false);
		break;
	case TOK_TRUE:
	case TOK_FALSE:
		on_value(x, false, t == TOK_TRUE);
		break;
	case TOK_NULL:
		x->place = AT_OTHER;
		break;
	case TOK_MORE:
	case TOK_BAD:
		break;
	}
	return ERR_OK;
}

enum err peer_index_feed(struct peer_index *x, const void *p, size_t n, struct fail *f)
{
	return json_scan_each(&x->scan, p, n, on_token, x, f);
}

enum err peer_index_end(struct peer_index *x, struct fail *f)
{
	return json_scan_end(&x->scan, f);
}
