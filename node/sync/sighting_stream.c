/*
 * sighting_stream.c - sightings by the push tokenizer. A sighting is an object that is the member
 * "Sighting" of another one, or one in a list that does not hold such a member; what else stands around
 * it does not matter.
 */
#include "sync/sighting_stream.h"

#include <stdio.h>
#include <stdlib.h>

#include "model/json_scan.h"

#define DEPTH_MAX 16u
#define TEXT_MAX 65536u /* of what we pass over, a value for instance */
#define SOURCE_MAX 256u /* longer ones are refused anyway */
#define NAME_MAX_BYTES 256u

enum place { AT_OTHER, AT_UUID, AT_ATTR, AT_EVENT, AT_DATE, AT_TYPE, AT_SOURCE, AT_ORG_ID };

struct sighting_stream {
	struct json_scan scan;
	sighting_stream_fn fn;
	void *user;
	struct sighting_row row;
	char source[SOURCE_MAX], name[NAME_MAX_BYTES];
	unsigned depth; /* open containers */
	unsigned at; /* depth inside the sighting that is read; 0: in none */
	bool next; /* the next object is one */
	bool listed; /* it stands in a list: a member "Sighting" would say that it only holds one */
	unsigned list; /* depth of the list at hand; 0: none */
	bool in_org, org_next;
	enum place place;
	enum { ORG_OTHER, ORG_UUID, ORG_NAME } org_place;
};

struct sighting_stream *sighting_stream_new(sighting_stream_fn fn, void *user)
{
	struct sighting_stream *x = calloc(1, sizeof(*x));
	if (!x)
		return NULL;
	json_scan_init(&x->scan, DEPTH_MAX, TEXT_MAX);
	x->scan.max_text = TEXT_MAX;
	x->fn = fn;
	x->user = user;
	return x;
}

void sighting_stream_free(struct sighting_stream *x)
{
	if (!x)
		return;
	json_scan_free(&x->scan);
	free(x);
}

static void on_key(struct sighting_stream *x, struct str key)
{
	static const struct {
		const char *key;
		enum place place;
	} members[] = {{"uuid", AT_UUID},	{"attribute_uuid", AT_ATTR},
		       {"event_uuid", AT_EVENT}, {"date_sighting", AT_DATE},
		       {"type", AT_TYPE},	{"source", AT_SOURCE},
		       {"org_id", AT_ORG_ID}};
	x->place = AT_OTHER;
	x->org_place = ORG_OTHER;
	x->org_next = false;
	if (x->at && x->listed && x->depth == x->at && str_is(key, "Sighting"))
		x->at = 0;
	if (!x->at) {
		x->next = str_is(key, "Sighting");
	} else if (x->depth == x->at) {
		x->org_next = str_is(key, "Organisation");
		for (size_t i = 0; i < ARRAY_LEN(members); i++)
			if (str_is(key, members[i].key))
				x->place = members[i].place;
	} else if (x->in_org && x->depth == x->at + 1) {
		x->org_place = str_is(key, "uuid")   ? ORG_UUID
			       : str_is(key, "name") ? ORG_NAME
						     : ORG_OTHER;
	}
}

/* A copy that fits: what is longer is no name or source that anybody could store. */
static struct str keep(char *to, size_t cap, struct str v)
{
	size_t n = MIN(v.n, cap);
	memcpy(to, v.p ? v.p : "", n);
	return (struct str){to, n};
}

static void on_org_value(struct sighting_stream *x, struct str v)
{
	if (x->org_place == ORG_UUID)
		(void)!uuid_parse(v, &x->row.org_uuid);
	else if (x->org_place == ORG_NAME)
		x->row.org_name = keep(x->name, sizeof(x->name), v);
	x->org_place = ORG_OTHER;
}

static void on_value(struct sighting_stream *x, struct str v)
{
	switch (x->place) {
	case AT_UUID:
		(void)!uuid_parse(v, &x->row.uuid);
		break;
	case AT_ATTR:
		(void)!uuid_parse(v, &x->row.attribute_uuid);
		break;
	case AT_EVENT:
		(void)!uuid_parse(v, &x->row.event_uuid);
		break;
	case AT_DATE:
		if (!str_i64(v, &x->row.date))
			x->row.date = 0;
		break;
	case AT_TYPE:
		if (!str_u64(v, &x->row.type))
			x->row.type = UINT64_MAX;
		break;
	case AT_SOURCE:
		x->row.source = keep(x->source, sizeof(x->source), v);
		break;
	case AT_ORG_ID:
		x->row.has_org_id = true;
		x->row.no_org = str_is(v, "0");
		break;
	case AT_OTHER:
		break;
	}
	x->place = AT_OTHER;
}

static void opened(struct sighting_stream *x, bool object)
{
	x->depth++;
	x->place = AT_OTHER;
	if (!x->at && !object)
		x->list = x->depth;
	if (!x->at && object && (x->next || (x->list && x->depth == x->list + 1))) {
		x->at = x->depth;
		x->listed = !x->next;
		x->next = false;
		x->row = (struct sighting_row){.type = UINT64_MAX, .source = STR("")};
	} else if (x->at && x->org_next && object) {
		x->in_org = true;
	}
	x->org_next = false;
}

static enum err closed(struct sighting_stream *x, struct fail *f)
{
	unsigned was = x->depth--;
	if (!x->at) {
		x->next = false;
		if (was == x->list)
			x->list = 0;
		return ERR_OK;
	}
	if (x->in_org && was == x->at + 1)
		x->in_org = false;
	if (was != x->at)
		return ERR_OK;
	x->at = 0;
	return uuid_is_nil(x->row.uuid) ? ERR_OK : x->fn(x->user, &x->row, f);
}

static enum err on_token(void *user, enum json_tok t, struct fail *f)
{
	struct sighting_stream *x = user;
	switch (t) {
	case TOK_OBJ:
	case TOK_ARR:
		opened(x, t == TOK_OBJ);
		break;
	case TOK_OBJ_END:
	case TOK_ARR_END:
		return closed(x, f);
	case TOK_KEY:
		on_key(x, x->scan.text);
		break;
	case TOK_STR:
	case TOK_NUM:
		if (x->at && x->in_org)
			on_org_value(x, x->scan.text);
		else if (x->at)
			on_value(x, x->scan.text);
		break;
	case TOK_TRUE:
	case TOK_FALSE:
	case TOK_NULL:
		x->place = AT_OTHER;
		x->org_place = ORG_OTHER;
		break;
	case TOK_MORE:
	case TOK_BAD:
		break;
	}
	return ERR_OK;
}

enum err sighting_stream_feed(struct sighting_stream *x, const void *p, size_t n, struct fail *f)
{
	return json_scan_each(&x->scan, p, n, on_token, x, f);
}

enum err sighting_stream_end(struct sighting_stream *x, struct fail *f)
{
	return json_scan_end(&x->scan, f);
}
