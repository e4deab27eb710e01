/*
 * line.c - the form of a record. Members stand in a fixed order and absent ones are left out, so that
 * the same record is always the same bytes; what reads a line relies on it being ours.
 */
#include "audit/line.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/jsonw.h"

static const struct {
	const char *name, *text;
	unsigned window_s;
	enum audit_chain chain;
} actions[] = {
#define ACTION(name, chain, window_s, text) {#name, text, window_s, AUDIT_CHAIN_##chain},
#include "audit/actions.inc"
#undef ACTION
};

static const struct {
	const char *name;
	uint8_t number;
	unsigned days;
} chains[] = {
#define CHAIN(name, number, days, text) {#name, number, days},
#include "audit/chains.inc"
#undef CHAIN
};

static const char *const actors[] = {"nobody", "user", "tool", "peer", "feed", "system"};
static const char *const outcomes[] = {"ok", "refused", "failed"};

const char *audit_action_name(enum audit_action a)
{
	return a < AUDIT_ACTIONS ? actions[a].name : "none";
}

const char *audit_action_text(enum audit_action a)
{
	return a < AUDIT_ACTIONS ? actions[a].text : "";
}

enum audit_action audit_action_find(struct str name)
{
	unsigned a = 0;
	while (a < AUDIT_ACTIONS && !str_is(name, actions[a].name))
		a++;
	return (enum audit_action)a;
}

unsigned audit_action_window(enum audit_action a)
{
	return actions[a].window_s;
}

enum audit_chain audit_action_chain(enum audit_action a)
{
	return actions[a].chain;
}

const char *audit_chain_name(enum audit_chain c)
{
	return c < AUDIT_CHAINS ? chains[c].name : "none";
}

unsigned audit_chain_days(enum audit_chain c)
{
	return c < AUDIT_CHAINS ? chains[c].days : 0;
}

void audit_time_text(int64_t t, char out[AUDIT_TIME_LEN + 1])
{
	struct clock_civil c = clock_to_civil(t);
	char text[64];
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02dZ", c.year, c.month, c.day,
		 c.hour, c.minute, c.second);
	memcpy(out, text, AUDIT_TIME_LEN);
	out[AUDIT_TIME_LEN] = 0;
}

void audit_key(enum audit_chain c, uint64_t seq, uint8_t out[AUDIT_KEY_BYTES])
{
	out[0] = chains[c].number;
	for (unsigned i = 0; i < 8; i++)
		out[1 + i] = (uint8_t)(seq >> (56 - 8 * i));
}

uint64_t audit_key_seq(struct str key)
{
	uint64_t seq = 0;
	for (size_t i = key.n - MIN(key.n, 8); i < key.n; i++)
		seq = seq << 8 | (uint8_t)key.p[i];
	return seq;
}

/* ---- writing ---- */

static void text_member(struct jsonw *w, const char *key, struct str s, size_t max)
{
	if (s.n)
		JSONW_KV(w, jsonw_str, key, str_sub(s, 0, max));
}

static void number_member(struct jsonw *w, const char *key, uint64_t v)
{
	if (v)
		JSONW_KV(w, jsonw_uint, key, v);
}

static void uuid_member(struct jsonw *w, const char *key, struct uuid u)
{
	if (!uuid_is_nil(u))
		JSONW_KV(w, jsonw_uuid, key, u);
}

void audit_line_write(struct buf *out, const struct audit_entry *e, uint64_t seq, int64_t time,
		      const struct sha256 *prev)
{
	struct jsonw w = jsonw_on(out);
	char at[AUDIT_TIME_LEN + 1], hex[65];
	audit_time_text(time, at);
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_c, "chain", chains[actions[e->action].chain].name);
	JSONW_KV(&w, jsonw_uint, "seq", seq);
	JSONW_KV(&w, jsonw_c, "time", at);
	JSONW_KV(&w, jsonw_c, "prev", hash_hex(prev->b, sizeof(prev->b), hex));
	JSONW_KV(&w, jsonw_c, "action", actions[e->action].name);
	JSONW_KV(&w, jsonw_c, "outcome", outcomes[MIN((unsigned)e->outcome, AUDIT_FAILED)]);
	JSONW_KV(&w, jsonw_c, "actor", actors[MIN((unsigned)e->who.kind, AUDIT_BY_SYSTEM)]);
	number_member(&w, "actor_id", e->who.id);
	text_member(&w, "name", e->who.name, AUDIT_NAME_MAX);
	uuid_member(&w, "org", e->who.org);
	number_member(&w, "key", e->who.key_id);
	text_member(&w, "address", e->who.address, 64);
	text_member(&w, "kind", str_c(e->kind), 40);
	number_member(&w, "id", e->id);
	uuid_member(&w, "object", e->object);
	number_member(&w, "status", e->status);
	number_member(&w, "count", e->count > 1 || e->action == AUDIT_overflow ? e->count : 0);
	text_member(&w, "text", e->text, AUDIT_TEXT_MAX);
	text_member(&w, "second", e->second, AUDIT_NAME_MAX);
	jsonw_obj_end(&w);
}

/* ---- reading ---- */

/* The end of a string that begins behind its opening quote; the line's end when it has none. */
static size_t string_end(struct str s, size_t i)
{
	while (i < s.n && s.p[i] != '"')
		i += s.p[i] == '\\' ? 2 : 1;
	return MIN(i, s.n);
}

struct str audit_line_get(struct str line, const char *member)
{
	size_t i = 1;
	while (i + 3 < line.n && line.p[i] == '"') {
		size_t end = string_end(line, i + 1), from = end + 2, to;
		struct str key = str_sub(line, i + 1, end - i - 1);
		if (from >= line.n)
			break;
		if (line.p[from] == '"') {
			to = string_end(line, ++from);
			i = to + 2;
		} else {
			for (to = from; to < line.n && line.p[to] != ',' && line.p[to] != '}';)
				to++;
			i = to + 1;
		}
		if (str_is(key, member))
			return str_sub(line, from, to - from);
	}
	return STR_NONE;
}

uint64_t audit_line_u64(struct str line, const char *member)
{
	uint64_t n = 0;
	return str_u64(audit_line_get(line, member), &n) ? n : 0;
}

/* ---- terms ---- */

struct audit_term audit_term(char kind, struct str text)
{
	struct audit_term t = {{(uint8_t)kind}};
	uint64_t h = hash_64(text.p, text.n, 0);
	memcpy(t.b + 1, &h, sizeof(h));
	return t;
}

static void pair_term(struct audit_term *out, unsigned *n, char kind, struct str a, struct str b)
{
	char text[80];
	if (!a.n || !b.n)
		return;
	int len = snprintf(text, sizeof(text), "%.*s:%.*s", STR_ARG(a), STR_ARG(b));
	out[(*n)++] = audit_term(kind, (struct str){text, MIN((size_t)len, sizeof(text) - 1)});
}

unsigned audit_terms(struct str line, struct audit_term out[AUDIT_TERMS_MAX])
{
	struct str name = audit_line_get(line, "name"), object = audit_line_get(line, "object");
	struct str second = audit_line_get(line, "second");
	unsigned n = 0;
	out[n++] = audit_term('a', audit_line_get(line, "action"));
	if (name.n)
		out[n++] = audit_term('n', name);
	if (second.n)
		out[n++] = audit_term('n', second);
	if (object.n)
		out[n++] = audit_term('o', object);
	pair_term(out, &n, 'w', audit_line_get(line, "actor"), audit_line_get(line, "actor_id"));
	pair_term(out, &n, 'k', audit_line_get(line, "kind"), audit_line_get(line, "id"));
	return n;
}
