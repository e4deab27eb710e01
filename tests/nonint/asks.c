/*
 * asks.c - the questions of asks.inc in the words of each store.
 *
 * A number of something seen is each store's own. A number of something hidden in one of them is the same in both
 * questions, and stands for nothing seen in either.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feeds/export/export.h"
#include "http/route.h"
#include "tests/nonint/nonint.h"
#include "tests/tap/tap.h"

enum { COUNTS = 1, WRITES = 2, MISPS = 4, POSTS = 8 };

static const struct ask {
	const char *row, *method, *path, *body;
	unsigned flags;
} asks[] = {
#define ASK(row, method, path, body, flags) {#row, method, path, body, flags},
#include "tests/nonint/asks.inc"
#undef ASK
};

#define ROWS_MAX 1000
static unsigned row_asked[ROWS_MAX];

/* Then every row of the API once more, with whatever its path takes. */
unsigned asks_count(void)
{
	return (unsigned)(ARRAY_LEN(asks) + api_rows_n);
}

struct asking {
	const struct model *m;
	const struct side *side;
	struct rng *r;
};

/* ---- what is asked about ---- */

/* A thing of the kind, seen or hidden; NO_THING: one that nobody has. */
static unsigned choose(const struct asking *x, enum kind k, bool hidden_only)
{
	unsigned v[THINGS_MAX], n = 0;
	for (unsigned i = 0; i < x->m->n; i++)
		if (x->m->thing[i].kind == k && !(hidden_only && !model_hidden(x->m, i)))
			v[n++] = i;
	return n && !rng_chance(x->r, 80) ? v[rng_below(x->r, n)] : NO_THING;
}

static bool seen_number(const struct asking *x, enum kind k, uint64_t id)
{
	for (unsigned s = 0; s < 2; s++) {
		const struct numbers *n = &x->side[s].numbers;
		for (unsigned i = 0; i < n->n; i++) {
			if (n->v[i].table != k || n->v[i].id != id)
				continue;
			for (unsigned t = 0; t < x->m->n; t++)
				if (uuid_eq(model_uuid(x->m, t), n->v[i].uuid) && !model_hidden(x->m, t))
					return true;
		}
	}
	return false;
}

/* One thing, by UUID or number. */
static void put_thing(const struct asking *x, enum kind k, bool hidden_only, struct buf out[2])
{
	unsigned i = choose(x, k, hidden_only);
	struct uuid u = model_uuid(x->m, i);
	char text[UUID_TEXT_LEN + 1];
	bool by_number = rng_chance(x->r, 500);
	uint64_t id[2] = {0, 0};
	for (unsigned s = 0; s < 2 && i != NO_THING; s++)
		id[s] = side_id(&x->side[s], k, u);
	uint64_t one = id[0] ? id[0] : id[1];
	bool seen = i != NO_THING && !model_hidden(x->m, i);
	for (unsigned s = 0; s < 2; s++) {
		if (by_number && seen && id[0] && id[1])
			buf_printf(&out[s], "%llu", (unsigned long long)id[s]);
		else if (by_number && !seen && one && !seen_number(x, k, one))
			buf_printf(&out[s], "%llu", (unsigned long long)one);
		else
			buf_puts(&out[s], uuid_format(u, text));
	}
}

static void both(struct buf out[2], const char *text)
{
	buf_puts(&out[0], text);
	buf_puts(&out[1], text);
}

/* What a thing says in one of the stores, be it hidden there. */
static void put_text(const struct asking *x, enum kind k, const char *field, enum hidden_field f, struct buf out[2])
{
	unsigned i = choose(x, k, false);
	char text[80] = "nq00000000";
	unsigned variant = rng_below(x->r, 2);
	if (i != NO_THING && k == ATTR && !strcmp(field, "value"))
		model_value(x->m, i, variant, text);
	else if (i != NO_THING)
		model_text(x->m, i, variant, field, f == F_ORG ? model_hidden(x->m, i) : model_hides(x->m, i, f), text);
	both(out, text);
}

/* Tags: numbers of those whose name is in both, else the name. */
static void put_tag(const struct asking *x, bool number, struct buf out[2])
{
	char name[100];
	static const char *const some[] = {"tlp:red", "tlp:clear", "nq:deny", "PAP:red",
					   "embargo:until=\"2041-01-01T00:00:00Z\""};
	unsigned k = rng_below(x->r, 5 + ARRAY_LEN(some));
	if (k < 5)
		snprintf(name, sizeof(name), "nq:tag-%u", k + 1);
	else
		snprintf(name, sizeof(name), "%s", number ? "tlp:green" : some[k - 5]);
	struct uuid u = uuid_v5(org_uuid(HOST), str_c(name));
	uint64_t id[2] = {side_id(&x->side[0], KIND_COUNT + 2, u), side_id(&x->side[1], KIND_COUNT + 2, u)};
	for (unsigned s = 0; s < 2; s++)
		if (!number)
			for (const char *p = name; *p; p++)
				*p == '"' ? buf_puts(&out[s], "\\\"") : buf_putc(&out[s], *p);
		else
			buf_printf(&out[s], "%llu", (unsigned long long)(id[0] && id[1] ? id[s] : 99999));
}

static void put_filter(const struct asking *x, struct buf out[2]);

/* Of those that can be asked for; now and then one that there is not. */
static const char *format_name(struct rng *r)
{
	unsigned n = 0, k;
	while (export_rows[n])
		n++;
	k = rng_below(r, n + 1);
	while (k < n && (!export_rows[k]->drops || export_rows[k]->name[0] == '.'))
		k++;
	return k >= n ? "nosuch" : export_rows[k]->name;
}

static void put_one(const struct asking *x, const char **p, struct buf out[2])
{
	static const struct {
		char letter;
		enum kind k;
	} things[] = {{'E', EVENT}, {'A', ATTR}, {'O', OBJECT}, {'F', REFERENCE}, {'R', REPORT},
		      {'N', NOTE}, {'S', SIGHTING}, {'P', PROPOSAL}, {'C', CLUSTER}, {'G', GROUP}};
	bool hidden = **p == '~';
	*p += hidden;
	char c = *(*p)++;
	char u[UUID_TEXT_LEN + 1];
	for (unsigned i = 0; i < ARRAY_LEN(things); i++)
		if (things[i].letter == c) {
			put_thing(x, things[i].k, hidden, out);
			return;
		}
	switch (c) {
	case 'U': {
		unsigned i = rng_below(x->r, x->m->n + 1);
		both(out, uuid_format(model_uuid(x->m, i < x->m->n ? i : NO_THING), u));
		return;
	}
	case 'V': {
		unsigned i = rng_below(x->r, x->m->n);
		both(out, uuid_format(model_uuid(x->m, model_hidden(x->m, i) ? NO_THING : i), u));
		return;
	}
	case 'W': {
		static const char name[] = "fresh";
		struct uuid w = uuid_v5(org_uuid(HOST), (struct str){name, sizeof(name) - 1});
		for (unsigned i = 0; i < 6; i++)
			w.b[i + 10] = (uint8_t)rng_next(x->r);
		both(out, uuid_format(w, u));
		return;
	}
	case 'v':
		put_text(x, ATTR, "value", F_ORG, out);
		return;
	case 'i':
		put_text(x, EVENT, "info", F_INFO, out);
		return;
	case 'c':
		put_text(x, ATTR, "comment", F_COMMENT, out);
		return;
	case 's':
		put_text(x, SIGHTING, "source", F_ORG, out);
		return;
	case 'g':
		put_text(x, GROUP, "group", F_ORG, out);
		return;
	case 'x':
		put_text(x, CLUSTER, "cluster", F_ORG, out);
		return;
	case 'T':
	case 't':
		put_tag(x, c == 'T', out);
		return;
	case 'o': {
		unsigned o = rng_below(x->r, ORG_COUNT);
		both(out, rng_chance(x->r, 500) ? org_names[o] : uuid_format(org_uuid((enum org)o), u));
		return;
	}
	case 'u':
		for (unsigned s = 0, k = rng_below(x->r, 9); s < 2; s++)
			buf_printf(&out[s], "%u", k + 1);
		return;
	case 'k':
		for (unsigned s = 0, k = 1 + rng_below(x->r, 4); s < 2; s++)
			buf_printf(&out[s], "%u", k);
		return;
	case 'f':
		both(out, format_name(x->r));
		return;
	case 'q':
		put_filter(x, out);
		return;
	default:
		both(out, "%25");
		(*p)--;
	}
}

static void put_form(const struct asking *x, const char *form, struct buf out[2])
{
	while (*form) {
		if (*form == '%') {
			form++;
			put_one(x, &form, out);
			continue;
		}
		buf_putc(&out[0], *form);
		buf_putc(&out[1], *form++);
	}
}

static void put_filter(const struct asking *x, struct buf out[2])
{
	static const char *const filters[] = {
		"\"value\":\"%v\"", "\"value\":[\"%v\",\"!%v\"]", "\"tags\":[\"%t\"]",
		"\"tags\":{\"NOT\":[\"%t\"]}", "\"event_tags\":\"%t\"", "\"org\":\"%o\"",
		"\"org\":\"!%o\"", "\"eventinfo\":\"%i\"", "\"comment\":\"%c\"",
		"\"searchall\":\"%v\"", "\"searchall\":\"%i\"", "\"uuid\":\"%U\"",
		"\"eventid\":\"%E\"", "\"eventid\":[\"%E\",\"!%E\"]", "\"type\":\"domain\"",
		"\"category\":\"Targeting data\"", "\"published\":1", "\"published\":0",
		"\"timestamp\":\"1600000000\"", "\"timestamp\":[\"1500000000\",\"1600000015\"]",
		"\"publish_timestamp\":\"2000d\"", "\"sharinggroup\":\"%G\"",
		"\"object_name\":\"file\"", "\"object_relation\":\"text\"", "\"to_ids\":0",
		"\"deleted\":1", "\"deleted\":[0,1]", "\"threat_level_id\":1",
		"\"includeEventUuid\":1", "\"includeEventTags\":1", "\"includeCorrelations\":1",
		"\"includeSightings\":1", "\"includeProposals\":1", "\"includeDecayScore\":1",
		"\"excludeDecayed\":1", "\"includeScoresOnEvent\":1",
		"\"withAttachments\":1", "\"enforceWarninglist\":1", "\"limit\":%k",
		"\"limit\":%k,\"page\":2", "\"order\":\"Event.id desc\"", "\"attackGalaxy\":\"g\"",
		"\"galaxy.value\":\"%x\"", "\"includeAnalystData\":1", "\"includeContext\":1",
		"\"sgReferenceOnly\":1", "\"date\":\"2020-09-13\"", "\"last\":\"1d\"",
		"\"sighting\":1", "\"sightings\":1", "\"value\":\"nq%\"", "\"tags\":\"nq:%\""};
	unsigned k = rng_below(x->r, ARRAY_LEN(filters));
	const char *f = filters[k];
	if (k + 2 >= ARRAY_LEN(filters))
		both(out, f); /* a wildcard, not a place */
	else
		put_form(x, f, out);
}

/* ---- every row of the API, by its path ---- */

/* Rows whose answers are made by chance for who may, and no other; what each of them tells is asked by others. */
static const char *const by_hand_only[] = {
	"ep_users_resetauthkey", /* a new key */
	"ep_keys_add",
};

static bool is_among(const char *row, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i], row))
			return true;
	return false;
}

/* Flags of the row's own questions, or 0; *any: there are some. */
static unsigned flags_of(const char *row, bool *any)
{
	unsigned flags = 0;
	*any = false;
	for (size_t i = 0; i < ARRAY_LEN(asks); i++)
		if (!strcmp(asks[i].row, row)) {
			flags |= asks[i].flags;
			*any = true;
		}
	return flags & ~(unsigned)WRITES;
}

/* What stands behind the first part of a path, as a letter of asks.inc. */
static char letter_of(const char *path)
{
	static const struct {
		const char *path;
		char letter;
	} parts[] = {{"/events/", 'E'}, {"/attributes/", 'A'}, {"/objects/", 'O'}, {"/objectReferences/", 'F'},
		     {"/event_reports/", 'R'}, {"/analyst_data/", 'N'}, {"/sightings/", 'S'},
		     {"/shadow_attributes/", 'P'}, {"/galaxy_clusters/", 'C'}, {"/sharing_groups/", 'G'},
		     {"/tags/", 'T'}, {"/organisations/", 'o'}, {"/values/", 'v'}, {"/tocsin/explain", 'E'}};
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (!strncmp(path, parts[i].path, strlen(parts[i].path)))
			return parts[i].letter;
	return 'U';
}

/* "/events/view/:id" in the words of asks.inc; `hidden`: nothing that he sees. */
static void row_form(struct rng *r, const char *path, bool hidden, struct buf *out)
{
	static const char *const words[] = {"Event", "Note", "attribute", "1", "all", "%k", "%t"};
	char letter = letter_of(path);
	while (*path) {
		bool id = *path == ':' && (!strncmp(path, ":id", 3) || !strncmp(path, ":event", 6) ||
					   strstr(path, "uuid") == path + 1);
		if (*path != ':' && *path != '*') {
			buf_putc(out, *path++);
			continue;
		}
		if (!strncmp(path, ":event", 6))
			letter = 'E';
		if (*path == '*')
			buf_puts(out, "%v");
		else if (id && hidden)
			buf_printf(out, strchr("EAORNSPCGF", letter) ? "%%~%c" : "90000%%k", letter);
		else if (id)
			buf_printf(out, rng_chance(r, 800) ? "%%%c" : "%%k", letter);
		else
			buf_puts(out, words[rng_below(r, ARRAY_LEN(words))]);
		while (*path && *path != '/')
			path++;
	}
}

/* GET of any row; POST of those that have no question of their own, about nothing that he sees. */
static bool row_ask(const struct model *m, struct rng *r, unsigned k, struct ask *a, struct buf *form)
{
	const struct endpoint *row = api_rows[k];
	bool any, post = !(row->methods & HTTP_GET) || rng_chance(r, 300);
	unsigned flags = flags_of(api_row_names[k], &any);
	if (!rng_chance(r, 250) || (post && (any || !(row->methods & HTTP_POST))) ||
	    is_among(api_row_names[k], by_hand_only, ARRAY_LEN(by_hand_only)) ||
	    (flags & MISPS && m->policy == POLICY_COMPAT))
		return false;
	row_form(r, row->path, post, form);
	*a = (struct ask){api_row_names[k], post ? "POST" : "GET", buf_cstr(form), post ? "{}" : "",
			  flags | (row->methods & HTTP_POST ? POSTS : 0)}; /* some change things by GET, too */
	return true;
}

/* ---- one question ---- */

static void put_head(const struct model *m, struct rng *r, const struct ask *a, struct buf *path, struct buf *body,
		     struct buf *out)
{
	static const char *const agents[] = {"PyMISP 2.5", "curl/8"};
	buf_printf(out, "%s ", a->method);
	for (size_t i = 0; i < path->n; i++)
		if (path->p[i] == '"' || path->p[i] == ' ')
			buf_printf(out, "%%%02X", path->p[i]);
		else if (path->p[i] != '\\')
			buf_putc(out, path->p[i]);
	buf_printf(out,
		   " HTTP/1.1\r\nHost: node.example\r\nAuthorization: %s\r\nUser-Agent: %s\r\n%s"
		   "Accept: application/json, application/taxii+json\r\n"
		   "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
		   user_keys[m->who], agents[rng_chance(r, 100)],
		   rng_chance(r, 100) ? "If-None-Match: \"\"\r\n" : "", body->n);
	buf_str_add(out, buf_str(body));
}

bool asks_make(const struct model *m, struct side side[2], struct rng *r, unsigned k, struct question *q)
{
	struct asking x = {m, side, r};
	struct ask a;
	OWN(buf) struct buf form = BUF(1 << 12);
	struct buf path[2] = {BUF(1 << 16), BUF(1 << 16)}, body[2] = {BUF(1 << 16), BUF(1 << 16)};
	if (k < ARRAY_LEN(asks))
		a = asks[k];
	else if (!row_ask(m, r, k - ARRAY_LEN(asks), &a, &form))
		return false;
	if (a.flags & WRITES && !rng_chance(r, 200))
		return false;
	if (a.flags & MISPS && m->policy == POLICY_COMPAT)
		return false;
	put_form(&x, a.path, path);
	put_form(&x, a.body, body);
	*q = (struct question){.row = a.row, .head = !strcmp(a.method, "HEAD"), .counts = a.flags & COUNTS,
			       .writes = a.flags & (WRITES | POSTS),
			       .text = {BUF(1 << 18), BUF(1 << 18)}};
	struct rng same = *r;
	for (unsigned s = 0; s < 2; s++) {
		*r = same;
		put_head(m, r, &a, &path[s], &body[s], &q->text[s]);
		buf_free(&path[s]);
		buf_free(&body[s]);
	}
	for (unsigned i = 0; i < api_rows_n && i < ROWS_MAX; i++)
		row_asked[i] += !strcmp(api_row_names[i], a.row);
	return true;
}

/* ---- the table ---- */

unsigned asks_missing(void)
{
	unsigned missing = 0;
	for (unsigned i = 0; i < api_rows_n && i < ROWS_MAX; i++) {
		bool asked = row_asked[i] || is_among(api_row_names[i], by_hand_only, ARRAY_LEN(by_hand_only));
		missing += !asked;
		if (!asked)
			diag("nobody asked %s", api_row_names[i]);
	}
	return missing;
}
