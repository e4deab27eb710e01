/*
 * ep_taxii_objects.c - objects and manifests of a TAXII collection, page by page. The token of the next page
 * is sealed: it says where in the change log and in which event the page ended.
 */
#include <fcntl.h>
#include <stdio.h>

#include "api/taxii.h"
#include "base/clock.h"
#include "base/hash.h"
#include "egress/order.h"
#include "feeds/export/taxii.h"
#include "pgp/spool.h"

#define PAGE_DEFAULT 1000u
#define PAGE_MAX 10000u
#define PAGE_BYTES ((size_t)32 << 20)
#define ANSWER_LONGEST ((uint64_t)1 << 30) /* one object may be long: a report names all of an event */
#define IN_MEMORY (1u << 20)
#define PULL (256u << 10)
#define MATCH_MAX 1000u
#define TRIES 4 /* of a page of which an event changed meanwhile */

struct ask {
	struct http_req *r;
	const struct taxii_collection *c;
	struct taxii_page page;
	struct egress_taxii q;
	bool one; /* of an object: it is there or not */
	bool no_objects; /* of another version of STIX */
};

/* ---- the token ---- */

#define TOKEN_TEXT 68
#define TOKEN_TAG 16

/* What belongs to one user and collection. */
static struct sha256 token_key(const struct ask *a)
{
	char id[UUID_TEXT_LEN + 1];
	return hash_hmac(api_of(a->r)->key_secret,
			 arena_printf(a->r->arena, "taxii next %llu %s",
				      (unsigned long long)me(a->r)->user.id, uuid_format(a->c->id, id)));
}

/* The same place is the same token, so that the same page has the same ETag: the check value of the text
   is what it is hidden under. */
static void token_hide(const struct sha256 *key, const char tag[TOKEN_TAG], char *text)
{
	char block[TOKEN_TAG + 1];
	memcpy(block, tag, TOKEN_TAG);
	for (size_t i = 0; i < TOKEN_TEXT; i += sizeof(key->b)) {
		block[TOKEN_TAG] = (char)(i / sizeof(key->b));
		struct sha256 d = hash_hmac((struct str){(const char *)key->b, sizeof(key->b)},
					    (struct str){block, sizeof(block)});
		for (size_t k = 0; k < sizeof(d.b) && i + k < TOKEN_TEXT; k++)
			text[i + k] = (char)((uint8_t)text[i + k] ^ d.b[k]);
	}
}

static void token_tag(const struct sha256 *key, const char *text, char tag[TOKEN_TAG])
{
	struct sha256 d = hash_hmac((struct str){(const char *)key->b, sizeof(key->b)},
				    (struct str){text, TOKEN_TEXT});
	memcpy(tag, d.b, TOKEN_TAG);
}

static enum err token_put(void *user, const struct taxii_page *p, struct buf *b)
{
	const struct ask *a = user;
	const struct taxii_cursor *at = &a->q.at;
	struct sha256 key = token_key(a);
	char token[TOKEN_TAG + TOKEN_TEXT + 1];
	OWN(buf) struct buf text = BUF(512);
	/* fixed width, whole groups of base64: its length tells nothing, and it needs no padding */
	snprintf(token + TOKEN_TAG, TOKEN_TEXT + 1, "%016llx%016llx%08x%d%d%016llx%010x",
		 (unsigned long long)at->event_id, (unsigned long long)at->second, at->nth,
		 !a->q.broken_off, (int)p->stop.at.part, (unsigned long long)p->stop.at.id, p->stop.nth);
	token_tag(&key, token + TOKEN_TAG, token);
	token_hide(&key, token, token + TOKEN_TAG);
	base64_encode(&text, (struct str){token, TOKEN_TAG + TOKEN_TEXT});
	for (size_t i = 0; i < text.n; i++)
		buf_putc(b, text.p[i] == '+' ? '-' : text.p[i] == '/' ? '_' : text.p[i]);
	return buf_err(&text);
}

static bool hex_take(struct str *s, size_t n, uint64_t *out)
{
	uint64_t v = 0;
	if (s->n < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = s->p[i];
		int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
		if (d < 0)
			return false;
		v = v << 4 | (uint64_t)d;
	}
	*s = str_sub(*s, n, SIZE_MAX);
	*out = v;
	return true;
}

static bool token_read(struct ask *a, struct str given)
{
	OWN(buf) struct buf plain = BUF(512), token = BUF(512);
	struct sha256 key = token_key(a);
	char tag[TOKEN_TAG];
	uint64_t v[7];
	static const uint8_t width[] = {16, 16, 8, 1, 1, 16, 10};
	if (given.n > 400)
		return false;
	for (size_t i = 0; i < given.n; i++)
		buf_putc(&plain, given.p[i] == '-' ? '+' : given.p[i] == '_' ? '/' : given.p[i]);
	if (!base64_decode(&token, buf_str(&plain)) || token.n != TOKEN_TAG + TOKEN_TEXT)
		return false;
	token_hide(&key, token.p, token.p + TOKEN_TAG);
	token_tag(&key, token.p + TOKEN_TAG, tag);
	if (!ct_equal(tag, token.p, TOKEN_TAG))
		return false;
	struct str s = str_sub(buf_str(&token), TOKEN_TAG, SIZE_MAX);
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		if (!hex_take(&s, width[i], &v[i]))
			return false;
	if (s.n || v[4] > PART_END)
		return false;
	a->q.from = (struct taxii_cursor){v[0], (int64_t)v[1], (uint32_t)v[2], v[3] != 0};
	a->q.has_from = true;
	a->page.from = (struct taxii_place){{(enum export_part)v[4], v[5]}, (uint32_t)v[6]};
	return true;
}

/* ---- parameters ---- */

static bool bad(struct http_req *r, const char *why)
{
	taxii_error(r, 400, why);
	return false;
}

/* "2026-11-23T12:00:00.000001Z"; microseconds. */
static bool time_read(struct str s, int64_t *us)
{
	int64_t t = clock_from_iso(s), frac = 0, unit = 100000;
	size_t i = 19;
	if (s.n < 20 || !t || s.p[s.n - 1] != 'Z')
		return false;
	if (s.p[i] == '.')
		for (i++; i < s.n - 1 && s.p[i] >= '0' && s.p[i] <= '9'; i++, unit /= 10)
			frac += unit * (s.p[i] - '0');
	if (i != s.n - 1 || s.p[i - 1] == '.')
		return false;
	*us = t * 1000000 + frac;
	return true;
}

static bool list_read(struct http_req *r, struct str s, const struct str **out, size_t *n)
{
	size_t max = 1;
	for (size_t i = 0; i < s.n; i++)
		max += s.p[i] == ',';
	struct str *v = ARENA_ARRAY(r->arena, struct str, max);
	if (max > MATCH_MAX || !v)
		return bad(r, "Too many values to match.");
	*out = v;
	*n = 0;
	while (s.p && *n < max) {
		s = str_split(s, ',', &v[*n]);
		v[*n] = str_trim(v[*n]);
		++*n;
	}
	return true;
}

static bool match_version(struct ask *a, struct str s)
{
	const struct str *v;
	size_t n;
	bool all = false;
	if (!list_read(a->r, s, &v, &n))
		return false;
	for (size_t i = 0; i < n; i++) {
		int64_t us;
		if (str_is(v[i], "all") || str_is(v[i], "first") || str_is(v[i], "last")) {
			all = true; /* of each object there is one */
		} else if (!time_read(v[i], &us)) {
			return bad(a->r, "match[version] is all, first, last or a time.");
		} else {
			a->page.has_version = true;
			a->page.version_us = us;
		}
	}
	a->page.has_version &= !all;
	return true;
}

static bool match_spec(struct ask *a, struct str s)
{
	const struct str *v;
	size_t n;
	if (!list_read(a->r, s, &v, &n))
		return false;
	a->no_objects = true;
	for (size_t i = 0; i < n; i++)
		if (str_is(v[i], "2.1"))
			a->no_objects = false;
	return true;
}

static bool params_read(struct ask *a)
{
	struct http_req *r = a->r;
	struct str limit = req_query(r, "limit"), after = req_query(r, "added_after"),
		   next = req_query(r, "next"), ids = req_query(r, "match[id]"),
		   types = req_query(r, "match[type]"), version = req_query(r, "match[version]"),
		   spec = req_query(r, "match[spec_version]");
	uint64_t n = PAGE_DEFAULT;
	if (limit.p && (!str_u64(limit, &n) || !n))
		return bad(r, "limit is a number from 1.");
	a->page.limit = MIN(n, (uint64_t)PAGE_MAX);
	if (after.p && !time_read(after, &a->q.after_us))
		return bad(r, "added_after is a time such as 2026-11-23T12:00:00.000000Z.");
	if (next.p && !token_read(a, next))
		return bad(r, "next is not what the page before gave.");
	return (!ids.p || a->one || list_read(r, ids, &a->page.ids, &a->page.n_ids)) &&
	       (!types.p || list_read(r, types, &a->page.types, &a->page.n_types)) &&
	       (!version.p || match_version(a, version)) && (!spec.p || match_spec(a, spec));
}

/* ---- which events an id leads to ---- */

/* Ids of objects whose UUID is that of an element or event, and where they stand in it. */
static bool where_is(struct http_req *r, struct view *v, struct str id, uint64_t *event_id,
		     struct export_place *place)
{
	static const char *const of_elements[] = {"indicator", "observed-data", "x-misp-attribute",
						  "x-misp-object", "vulnerability"};
	struct misp_event e;
	struct misp_attr attr;
	struct misp_object object;
	struct fail why = {0};
	ptrdiff_t at = str_find(id, STR("--"));
	bool known = false;
	*event_id = 0;
	if (at < 0)
		return true; /* nothing is called so */
	struct str type = str_sub(id, 0, (size_t)at), uuid = str_sub(id, (size_t)at + 2, SIZE_MAX);
	if (str_is(type, "report") || str_is(type, "grouping")) {
		if (view_event(v, uuid, r->arena, &e, &why) == ERR_OK)
			*event_id = e.id;
		*place = (struct export_place){.part = PART_END};
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(of_elements); i++)
		known |= str_is(type, of_elements[i]);
	if (!known)
		return false;
	if (view_attr(v, uuid, r->arena, &e, &attr, &why) == ERR_OK) {
		*event_id = e.id;
		*place = attr.object_id ? (struct export_place){PART_OBJECTS, attr.object_id}
					: (struct export_place){PART_ATTRS, attr.id};
	} else if (view_object(v, uuid, r->arena, &e, &object, &why) == ERR_OK) {
		*event_id = e.id;
		*place = (struct export_place){PART_OBJECTS, object.id};
	}
	return true;
}

/* With ids of such objects only their events are looked at; other ids are looked for in all. */
static enum err events_of_ids(struct ask *a, struct view *v)
{
	size_t n = a->page.n_ids;
	uint64_t *ids = ARENA_ARRAY(a->r->arena, uint64_t, n + 1);
	struct export_place place;
	if (!ids)
		return ERR_LIMIT;
	if (!n || !view_is_whole(v))
		return ERR_OK; /* who is given other UUIDs cannot ask by them */
	for (size_t i = 0; i < n; i++)
		if (!where_is(a->r, v, a->page.ids[i], &ids[i], &place))
			return ERR_OK;
	a->q.events = ids;
	a->q.n_events = n;
	if (a->one && n == 1 && !a->q.has_from) {
		a->q.jump = true;
		a->page.from = (struct taxii_place){place, 0};
	}
	return ERR_OK;
}

/* ---- the answer ---- */

struct answer {
	struct buf small;
	struct pgp_spool *big;
};

static void answer_free(struct answer *a)
{
	buf_free(&a->small);
	pgp_spool_free(a->big);
}
OWN_DEFINE(answer, struct answer, answer_free(p))

static enum err keep(struct http_req *r, struct answer *a, struct str chunk, struct fail *f)
{
	if (!a->big && a->small.n + chunk.n <= IN_MEMORY) {
		buf_str_add(&a->small, chunk);
		return buf_err(&a->small);
	}
	if (!a->big) {
		TRY(pgp_spool_new(api_of(r)->ingest.spool_dir, ANSWER_LONGEST, false, &a->big, f));
		TRY(pgp_spool_add(a->big, buf_str(&a->small), f));
		buf_free(&a->small);
	}
	return pgp_spool_add(a->big, chunk, f);
}

/* How many there are, and of when, stands in the head: all of the page is made before. */
static enum err make(struct ask *a, struct view **v, struct answer *out, struct receipt **receipt,
		     struct fail *f)
{
	OWN(sealed) struct sealed *s = NULL;
	OWN(buf) struct buf chunk = BUF(256u << 20);
	bool end = false;
	TRY(egress_taxii(v, &a->q, &s, f));
	sealed_hold(s);
	while (!end) {
		buf_clear(&chunk);
		TRY(sealed_pull(s, &chunk, PULL, &end, f));
		TRY(keep(a->r, out, buf_str(&chunk), f));
	}
	*receipt = sealed_receipt(s);
	return ERR_OK;
}

static void dates(struct http_req *r, const struct taxii_page *p)
{
	OWN(buf) struct buf b = BUF(64);
	if (!p->n)
		return;
	taxii_time(&b, p->first_us);
	reply_header(r, "X-TAXII-Date-Added-First", buf_str(&b));
	buf_clear(&b);
	taxii_time(&b, p->last_us);
	reply_header(r, "X-TAXII-Date-Added-Last", buf_str(&b));
}

static enum err send(struct http_req *r, struct answer *a, struct fail *f)
{
	struct reply_file file = {.type = TAXII_TYPE};
	int fd;
	if (!a->big) {
		taxii_answer(r, 200, &a->small);
		return ERR_OK;
	}
	TRY(pgp_spool_end(a->big, &fd, &file.length, f));
	file.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3); /* the file lives as long as somebody has it open */
	if (file.fd < 0)
		return fail(f, ERR_IO, "no descriptor for an answer");
	reply_file(r, 200, &file);
	return ERR_OK;
}

static enum err answer(struct ask *a, struct answer *out, struct receipt **receipt, struct fail *f)
{
	struct http_req *r = a->r;
	if (a->one && !a->page.n) {
		if (a->q.broken_off)
			taxii_error(r, 503, "Looking for this object took longer than one request may take.");
		else
			(void)taxii_no_such(r);
		return ERR_OK;
	}
	dates(r, &a->page);
	TRY(receipts_intend(receipt, 1, f));
	TRY(send(r, out, f));
	receipt_end(MOVE(*receipt), SENT_WHOLE);
	return ERR_OK;
}

static void ask_begin(struct ask *a, struct http_req *r, const struct taxii_collection *c,
		      struct str what, struct str object)
{
	*a = (struct ask){.r = r, .c = c, .one = object.n != 0};
	a->page.form = str_is(what, "manifest")	  ? TAXII_MANIFEST
		       : str_is(what, "versions") ? TAXII_VERSIONS
						  : TAXII_OBJECTS;
	a->page.bytes = PAGE_BYTES;
	a->page.token = token_put;
	a->page.token_user = a;
	a->q.after_us = INT64_MIN;
	a->q.page = &a->page;
	a->q.order = api_of(r)->order;
	a->q.opts = rest_export_opts(r, EXPORT_EVENTS);
	a->q.how = rest_search_how(r, NULL);
	a->q.sharing_group_id = c->kind == TAXII_GROUP ? c->row : 0;
	if (a->one) {
		struct str *id = ARENA_NEW(r->arena, struct str);
		if (id)
			*id = object;
		a->page.ids = id;
		a->page.n_ids = id != NULL;
		a->page.no_more = true;
	}
}

enum err taxii_page_answer(struct http_req *r, const struct taxii_collection *c, struct view **v,
			   struct str what, struct str object, struct fail *f)
{
	struct ask *a = ARENA_NEW(r->arena, struct ask);
	enum err e = ERR_AGAIN;
	if (!a || !api_of(r)->order)
		return fail(f, ERR_NOMEM, "no memory");
	for (int i = 0; i < TRIES && e == ERR_AGAIN; i++) {
		OWN(answer) struct answer out = {.small = BUF(IN_MEMORY)};
		OWN(receipt) struct receipt *receipt = NULL;
		ask_begin(a, r, c, what, object);
		if (!params_read(a))
			return ERR_OK;
		a->page.limit = a->one ? 1 : a->page.limit;
		if (a->no_objects && a->one)
			return taxii_error(r, 404, "There is no such version of this object."), ERR_OK;
		if (a->no_objects) {
			buf_puts(&out.small, "{}\n");
			return send(r, &out, f);
		}
		if (!*v)
			TRY(rest_view(r, v, f));
		if (c->kind == TAXII_TAGS) {
			a->q.tagged = true;
			TRY(rest_collection_tags(r, rest_id(r, c->row), &a->q.tags, &a->q.n_tags));
		}
		TRY(events_of_ids(a, *v));
		e = make(a, v, &out, &receipt, f);
		if (e == ERR_OK)
			return answer(a, &out, &receipt, f);
	}
	return e;
}
