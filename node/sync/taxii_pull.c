/*
 * taxii_pull.c - see taxii_pull.h. What the server chooses is bounded: bytes and objects by batches, pages, empty
 * pages and time here; a token that comes twice in a row ends the pull.
 */
#include "sync/taxii_pull.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "ingest/quarantine.h"
#include "model/pack.h"
#include "sync/taxii_envelope.h"
#include "sync/taxii_http.h"

#define PAGE_BYTES (UINT64_C(512) << 20)
#define BATCH_BYTES (UINT64_C(256) << 20)
#define BATCH_OBJECTS 1000000u
#define SHARED_MAX ((size_t)4 << 20) /* identities, markings, clusters that outlive a pull */
#define PAGES_MAX 100000u
#define EMPTY_MAX 100u /* pages without an object, one behind the other */
#define PULL_MS (3600 * 1000) /* for all pages */
#define PAGE_LIMIT 1000u

struct pull {
	const struct taxii_pull_opts *o;
	struct taxii_pull_result *res;
	struct arena *a;
	struct misp_taxii row;
	struct misp_tagref tag; /* put on each event; without name: none */
	struct taxii_state state;
	struct client_opts opts;
	struct client *client;
	struct stix_in *stix;
	struct intake take;
	size_t told; /* of take.wanted */
	struct ingest_stream *stream;
	struct json_read *reader;
	struct taxii_envelope env; /* of the page at hand */
	uint64_t objects; /* of the batch at hand, each as often as it comes */
	char **from; /* tokens of the pages that the reader has, by document */
	size_t n_from, cap_from;
	bool carried; /* from the batch before */
	bool resumed; /* no page has come yet since the place that was kept */
	char last_added[48]; /* newest date of all pages; "": none */
	char next[TAXII_NEXT_MAX + 1];
};

/* ---- the row ---- */

static void text_take(const json_t *j, const char *key, char *out, size_t n)
{
	const char *s = json_string_value(json_object_get(j, key));
	snprintf(out, n, "%s", s ? s : "");
}

void taxii_state_read(struct str state, struct taxii_state *out)
{
	json_t *j = json_loadb(state.p ? state.p : "", state.n, 0, NULL);
	*out = (struct taxii_state){
		.last_try = json_integer_value(json_object_get(j, "last_try")),
		.last_success = json_integer_value(json_object_get(j, "last_success"))};
	text_take(j, "added_after", out->added_after, sizeof(out->added_after));
	text_take(j, "last_error", out->last_error, sizeof(out->last_error));
	json_decref(j);
}

static enum err row_read(struct pull *p, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_taxii row;
	struct misp_tag tag;
	TRY(store_read(p->o->in->store, &t, f));
	enum err e = store_get(t, T_TAXII, p->o->server_id, p->a, &row);
	if (e != ERR_OK)
		return fail(f, e, "there is no TAXII server %llu", (unsigned long long)p->o->server_id);
	TRY(entity_copy(p->a, &desc_misp_taxii, &row, &p->row));
	if ((!row.enabled || !row.pull) && !p->o->disabled_too)
		return fail(f, ERR_PERM, "the TAXII server is switched off");
	if (row.tag_id && store_get(t, T_TAG, row.tag_id, p->a, &tag) == ERR_OK)
		p->tag = (struct misp_tagref){.name = arena_str(p->a, tag.name),
					      .colour = arena_str(p->a, tag.colour),
					      .exportable = tag.exportable};
	taxii_state_read(p->row.state, &p->state);
	return ERR_OK;
}

struct note {
	struct pull *p;
	struct str state, was;
};

static enum err state_write(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct note *n = arg;
	struct misp_taxii row;
	OWN(arena) struct arena *a = arena_new(1u << 20);
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = store_get(store_view(w), T_TAXII, n->p->o->server_id, a, &row);
	if (e != ERR_OK)
		return e == ERR_NOENT ? ERR_OK : e; /* removed meanwhile */
	if (!str_eq(row.state, n->was))
		return ERR_OK; /* it was edited, and begins anew */
	row.state = n->state;
	return store_put(w, T_TAXII, row.id, &row, f);
}

static void state_note(struct pull *p, enum err e, const struct fail *why)
{
	struct taxii_state *s = &p->state;
	struct fail f = {0};
	if (!p->row.id)
		return;
	s->last_try = clock_now();
	if (e == ERR_OK) {
		s->last_success = s->last_try;
		if (p->last_added[0] && !p->res->n.failed)
			snprintf(s->added_after, sizeof(s->added_after), "%s", p->last_added);
	}
	json_t *j = json_pack("{s:s,s:I,s:I,s:s}", "added_after", s->added_after, "last_try",
			      (json_int_t)s->last_try, "last_success", (json_int_t)s->last_success,
			      "last_error", e == ERR_OK ? "" : why->text);
	char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
	struct note n = {p, str_c(text ? text : ""), p->row.state};
	if (store_run(p->o->in->store, state_write, &n, &f) != ERR_OK)
		log_warn("sync", "taxii=%llu state not written: %s",
			 (unsigned long long)p->o->server_id, f.text);
	free(text);
	json_decref(j);
}

/* ---- requests ---- */

/* What of the collection is wanted: `match[type]` and the like, by name. */
static void filters_put(struct buf *b, struct str filters)
{
	json_t *j = json_loadb(filters.p ? filters.p : "", filters.n, 0, NULL), *v;
	const char *key;
	json_object_foreach(j, key, v)
		if (str_has_prefix(str_c(key), STR("match[")) && json_is_string(v))
			taxii_param_put(b, key, str_c(json_string_value(v)));
	json_decref(j);
}

enum err taxii_ask(const struct taxii_pull_opts *o, const struct misp_taxii *row, bool clear_key,
		   const char *path, json_t **out, struct fail *f)
{
	OWN(client) struct client *c = NULL;
	OWN(buf) struct buf url = BUF(TAXII_URL_MAX);
	struct taxii_to to = {row, o->key, clear_key, o->cancelled};
	if (*path) {
		taxii_root_put(&url, row);
		buf_puts(&url, path);
	} else {
		buf_str_add(&url, taxii_host_of(str_trim(row->baseurl)));
		buf_puts(&url, "/taxii2/");
	}
	TRY(buf_err(&url));
	TRY(client_new(&o->client, &c, f));
	return taxii_get(&to, c, buf_cstr(&url), out, NULL, f);
}

/* ---- where a pull goes on that broke off ---- */

static struct str resume_key(const struct pull *p, char out[64])
{
	int n = snprintf(out, 64, "taxii/pull/%016llx", (unsigned long long)p->o->server_id);
	return (struct str){out, (size_t)n};
}

/* A place is one in this collection, asked like this, from this date on. */
static uint64_t where(const struct pull *p)
{
	OWN(buf) struct buf b = BUF(64 << 10);
	taxii_root_put(&b, &p->row);
	buf_str_add(&b, p->row.collection);
	buf_str_add(&b, p->row.filters);
	buf_puts(&b, p->state.added_after);
	return hash_64(b.p, b.n, 0x7a71) >> 1;
}

struct kept {
	struct str key, value; /* absent: away with it */
};

static enum err kept_write(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct kept *k = arg;
	if (k->value.p)
		return store_kv_put(w, k->key, k->value, f);
	enum err e = store_kv_del(w, k->key, f);
	return e == ERR_NOENT ? ERR_OK : e;
}

static void resume_forget(struct pull *p)
{
	char key[64];
	struct fail f = {0};
	struct kept k = {resume_key(p, key), STR_NONE};
	if (store_run(p->o->in->store, kept_write, &k, &f) != ERR_OK)
		log_warn("sync", "taxii=%llu place not forgotten: %s", (unsigned long long)p->o->server_id, f.text);
}

/* "<where> <date> <token>\n", and what later events may refer to. */
static enum err resume_put(struct pull *p, const char *token, const struct buf *shared, struct fail *f)
{
	OWN(buf) struct buf b = BUF(SHARED_MAX + (8 << 10));
	char key[64];
	if (!token[0])
		return ERR_OK;
	buf_printf(&b, "%llu %s %s\n", (unsigned long long)where(p), p->last_added[0] ? p->last_added : "-", token);
	if (buf_err(shared) == ERR_OK)
		buf_str_add(&b, buf_str(shared));
	TRY(buf_err(&b));
	struct kept k = {resume_key(p, key), buf_str(&b)};
	return store_run(p->o->in->store, kept_write, &k, f);
}

static enum err from_add(struct pull *p, const char *token, struct fail *f)
{
	if (p->n_from == p->cap_from) {
		size_t cap = p->cap_from ? p->cap_from * 2 : 64;
		char **v = reallocarray(p->from, cap, sizeof(*v));
		if (!v)
			return fail(f, ERR_NOMEM, "no memory");
		p->from = v;
		p->cap_from = cap;
	}
	p->from[p->n_from] = strdup(token);
	return p->from[p->n_from++] ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
}

static void from_clear(struct pull *p)
{
	for (size_t i = 0; i < p->n_from; i++)
		free(p->from[i]);
	p->n_from = 0;
}

/* The place that was kept, if it is one of this pull, and what goes with it. */
static enum err resume_get(struct pull *p, struct buf *shared, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	char key[64];
	struct str v, line, at, date;
	uint64_t hash;
	TRY(store_read(p->o->in->store, &t, f));
	if (store_kv_get(t, resume_key(p, key), &v) != ERR_OK)
		return ERR_OK;
	struct str rest = str_split(v, '\n', &line);
	line = str_split(line, ' ', &at);
	line = str_split(line, ' ', &date);
	if (p->o->again || !str_u64(at, &hash) || hash != where(p) || line.n > TAXII_NEXT_MAX) {
		store_read_end(MOVE(t));
		resume_forget(p);
		return ERR_OK;
	}
	snprintf(p->next, sizeof(p->next), "%.*s", STR_ARG(line));
	if (date.n > 1)
		snprintf(p->last_added, sizeof(p->last_added), "%.*s", STR_ARG(date));
	p->resumed = true;
	buf_str_add(shared, rest);
	return buf_err(shared);
}

static enum err shared_feed(struct pull *p, struct str shared, struct fail *f)
{
	p->carried = shared.n != 0;
	if (!shared.n)
		return ERR_OK;
	TRY(from_add(p, p->next, f));
	TRY(stix_in_feed(p->stix, shared.p, shared.n, f));
	return stix_in_document_end(p->stix, f);
}

/* ---- pages ---- */

static enum err page_data(void *user, const void *data, size_t n, struct fail *f)
{
	struct pull *p = user;
	p->res->bytes += n;
	taxii_envelope_feed(&p->env, data, n);
	return stix_in_feed(p->stix, data, n, f);
}

static void page_header(void *user, struct str name, struct str value)
{
	struct pull *p = user;
	value = str_trim(value);
	/* dates of one form and zone are ordered like their texts */
	if (str_eq_nocase(name, STR("x-taxii-date-added-last")) && value.n < sizeof(p->last_added) &&
	    value.n >= 20 && value.p[value.n - 1] == 'Z' && !taxii_has_control(value))
		snprintf(p->last_added, sizeof(p->last_added), "%.*s", STR_ARG(value));
}

static enum err page_get(struct pull *p, struct fail *f)
{
	OWN(buf) struct buf url = BUF(TAXII_URL_MAX * 2);
	struct client_res res = {0};
	char limit[12];
	snprintf(limit, sizeof(limit), "%u", PAGE_LIMIT);
	taxii_root_put(&url, &p->row);
	buf_puts(&url, "collections/");
	buf_str_add(&url, str_trim(p->row.collection));
	buf_puts(&url, "/objects/");
	taxii_param_put(&url, "limit", str_c(limit));
	if (p->state.added_after[0] && !p->o->again)
		taxii_param_put(&url, "added_after", str_c(p->state.added_after));
	if (p->next[0])
		taxii_param_put(&url, "next", str_c(p->next));
	filters_put(&url, p->row.filters);
	TRY(buf_err(&url));
	p->env = (struct taxii_envelope){0};
	struct taxii_to to = {&p->row, p->o->key, false, p->o->cancelled};
	struct client_req req = {
		.url = buf_cstr(&url), .max_bytes = PAGE_BYTES, .data = page_data, .header = page_header, .user = p};
	TRY(from_add(p, p->next, f));
	enum err e = taxii_call(&to, p->client, &req, &res, f);
	if (e != ERR_OK && p->resumed && res.status >= 400 && res.status < 500 && e != ERR_AUTH)
		resume_forget(p); /* the server knows the place no more: from the beginning, next time */
	TRY(e);
	p->resumed = false;
	if (!taxii_envelope_ok(&p->env))
		return fail(f, ERR_PEER, "the answer is no envelope of TAXII");
	return stix_in_document_end(p->stix, f);
}

/* ---- events ---- */

static void no_note(void *run, const struct intake_want *w, enum err e,
		    const struct ingest_result *result, const struct fail *why)
{
	(void)run, (void)w, (void)e, (void)result, (void)why;
}

static const struct intake_source source = {.document = "collection", .note = no_note};

static void on_done(void *user, enum err e, const struct ingest_result *res, const struct fail *why)
{
	struct pull *p = user;
	intake_account(&p->take, &p->take.wanted[p->told++], 0, e, res, why);
}

static enum err tag_put(const struct pull *p, struct misp_event *h, struct arena *a, struct fail *f)
{
	struct misp_tagref *v = ARENA_ARRAY(a, struct misp_tagref, h->tags.n + 1);
	if (!v)
		return fail(f, ERR_LIMIT, "no memory for tags");
	if (h->tags.n)
		memcpy(v, h->tags.v, h->tags.n * sizeof(*v));
	v[h->tags.n] = p->tag;
	h->tags = (struct entity_list){v, h->tags.n + 1};
	ENTITY_SET_HAS(h, EVENT_F_tags);
	return ERR_OK;
}

static enum err on_event(void *user, struct raw_event *doc, struct fail *f)
{
	struct pull *p = user;
	OWN(raw) struct raw_event *raw = doc;
	struct misp_event *h = raw_head(raw);
	struct admit_facts facts = intake_facts(&p->take);
	struct origin origin = {.kind = ORIGIN_FEED, .time = facts.now};
	facts.kind = AUD_FEED;
	facts.wants_signature = true; /* and has none: what is protected here is not edited by it */
	facts.org_id = p->o->org_id;
	facts.default_event_distribution = DIST_ORG;
	h->distribution = p->row.distribution;
	h->sharing_group_id = p->row.sharing_group_id;
	h->sharing_group = (struct entity_list){NULL, 0};
	facts.elements_inherit = true;
	ENTITY_SET_HAS(h, EVENT_F_distribution);
	if (p->tag.name.n)
		TRY(tag_put(p, h, raw_arena(raw), f));
	p->res->n.listed++;
	TRY(intake_add(&p->take, (struct intake_want){.uuid = h->uuid}, f));
	if (intake_cancelled(&p->take))
		return fail(f, ERR_CANCELLED, "cancelled");
	ingest_stream_add(p->stream, MOVE(raw), &origin, &facts);
	return p->take.stop == ERR_OK ? ERR_OK : fail(f, p->take.stop, "%s", p->take.stop_text);
}

static enum err events_data(void *user, const void *data, size_t n, struct fail *f)
{
	return json_read_feed(((struct pull *)user)->reader, data, n, f);
}

/* `apart`: there were others before, whose reports it does not know. */
static struct stix_in *reader_of(const struct pull *p, bool apart)
{
	struct stix_in_opts so = {.spool_dir = p->o->in->spool_dir,
				  .info = p->row.name,
				  .has_distribution = true,
				  .distribution = p->row.distribution,
				  .sharing_group_id = p->row.sharing_group_id,
				  .publish = p->row.publish,
				  .apart = apart};
	return stix_in_new(&so);
}

static void counts_add(struct pull *p)
{
	struct stix_in_counts n = stix_in_counts(p->stix), *sum = &p->res->stix;
	sum->objects += n.objects;
	sum->events += n.events;
	sum->attributes += n.attributes;
	sum->left_out += n.left_out;
	sum->as_text += n.as_text;
	sum->as_patterns += n.as_patterns;
}

/* Another reader in place of the one that has been read. */
static void reader_next(struct pull *p, struct stix_in *next)
{
	counts_add(p);
	stix_in_free(p->stix);
	p->stix = next;
	p->objects = 0;
}

/* All that there is is taken in (`rest` NULL), or what is complete of it. On return it is durable. */
static enum err events(struct pull *p, struct stix_in *rest, struct buf *shared, uint32_t *first,
		       struct fail *f)
{
	struct json_read_opts o = {.root = RAW_EVENT,
				   .spool_dir = p->o->in->spool_dir,
				   .keep_source = ingest_keeps_source(p->o->in),
				   .many = true};
	p->stream = ingest_stream_new(p->o->in, on_done, p);
	p->reader = json_read_new(&o, on_event, p);
	enum err e = p->stream && p->reader ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
	if (e == ERR_OK)
		e = rest ? stix_in_part(p->stix, rest, shared, first, events_data, p, f)
			 : stix_in_end(p->stix, events_data, p, f);
	if (e == ERR_OK)
		e = json_read_end(p->reader, f);
	json_read_free(p->reader);
	if (p->stream)
		ingest_stream_end(p->stream);
	ingest_stream_free(p->stream);
	return e;
}

/* What waits for later pages is too much itself: it does not wait. */
static enum err rest_take(struct pull *p, struct fail *f)
{
	struct stix_in *next = reader_of(p, true);
	if (!next)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = events(p, NULL, NULL, NULL, f);
	reader_next(p, next);
	return e;
}

static enum err batch_take(struct pull *p, uint64_t batch, struct fail *f)
{
	OWN(buf) struct buf shared = BUF(SHARED_MAX);
	struct stix_in *rest = reader_of(p, true);
	uint32_t first = UINT32_MAX;
	char token[TAXII_NEXT_MAX + 1];
	if (!rest)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = events(p, rest, &shared, &first, f);
	reader_next(p, rest);
	TRY(e);
	p->carried = true;
	if (stix_in_bytes(p->stix) > batch / 2) {
		TRY(rest_take(p, f));
		p->carried = false;
		first = UINT32_MAX;
	}
	snprintf(token, sizeof(token), "%s", first < p->n_from ? p->from[first] : p->next);
	from_clear(p);
	if (stix_in_bytes(p->stix))
		TRY(from_add(p, token, f));
	return p->res->n.failed ? ERR_OK : resume_put(p, token, &shared, f);
}

static enum err pages(struct pull *p, struct fail *f)
{
	uint64_t batch = p->o->batch_bytes ? p->o->batch_bytes : BATCH_BYTES;
	int64_t end = clock_boot_ms() + PULL_MS;
	unsigned empty = 0;
	bool more = true;
	while (more) {
		TRY(page_get(p, f));
		p->res->pages++;
		more = p->env.more;
		empty = p->env.objects ? 0 : empty + 1;
		p->objects += p->env.objects;
		if (more && (!p->env.next[0] || strcmp(p->env.next, p->next) == 0))
			return fail(f, ERR_PEER, "the server says that there is more, and not where");
		if (p->res->pages >= PAGES_MAX || empty >= EMPTY_MAX)
			return fail(f, ERR_LIMIT, "the server's pages do not end");
		if (clock_boot_ms() > end)
			return fail(f, ERR_TIMEOUT, "the collection was not read within an hour");
		snprintf(p->next, sizeof(p->next), "%s", p->env.next);
		if (more && (stix_in_bytes(p->stix) >= batch || p->objects >= BATCH_OBJECTS))
			TRY(batch_take(p, batch, f));
	}
	return ERR_OK;
}

/* ---- a pull ---- */

static enum err run(struct pull *p, struct fail *f)
{
	OWN(buf) struct buf shared = BUF(SHARED_MAX + (8 << 10));
	p->a = arena_new(4u << 20);
	if (!p->a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(row_read(p, f));
	p->opts = p->o->client;
	p->opts.redirects = p->opts.redirects ? p->opts.redirects : 5;
	p->opts.total_ms = p->opts.total_ms ? p->opts.total_ms : PULL_MS;
	TRY(client_new(&p->opts, &p->client, f));
	TRY(resume_get(p, &shared, f));
	p->stix = reader_of(p, p->resumed);
	if (!p->stix)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(shared_feed(p, buf_str(&shared), f));
	TRY(pages(p, f));
	if (p->objects || p->carried)
		TRY(events(p, NULL, NULL, NULL, f));
	resume_forget(p);
	return ERR_OK;
}

enum err taxii_pull(const struct taxii_pull_opts *o, struct taxii_pull_result *out, struct fail *f)
{
	struct pull *p = calloc(1, sizeof(*p));
	struct fail mine = {0};
	*out = (struct taxii_pull_result){0};
	if (!p)
		return fail(f, ERR_NOMEM, "no memory");
	p->o = o;
	p->res = out;
	p->take = (struct intake){.source = &source,
				  .run = p,
				  .in = o->in,
				  .origin = {.kind = ORIGIN_FEED},
				  .user_id = o->user_id,
				  .cancelled = o->cancelled,
				  .res = &out->n};
	intake_init(&p->take);
	enum err e = run(p, &mine);
	if (p->stix)
		counts_add(p);
	intake_log(&p->take, "taxii", o->server_id, e);
	state_note(p, e, &mine);
	stix_in_free(p->stix);
	from_clear(p);
	free(p->from);
	client_free(p->client);
	arena_free(p->a);
	intake_done(&p->take);
	free(p);
	if (f)
		*f = mine;
	return e;
}
