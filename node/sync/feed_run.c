/*
 * feed_run.c - see feed_run.h. Files are unpacked by their first bytes, below a cap; a page of HTML in
 * place of a file (a login, an error with status 200) is an error.
 */
#include "sync/feed_run.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "codec/unpack.h"
#include "model/pack.h"
#include "sync/feed_stats.h"

#define REDIRECTS 5u
#define TAGS_MAX 64u
#define TOTAL_MS (3600u * 1000u) /* for one file, where the configuration sets no limit */

/* ---- the row ---- */

static enum err row_headers(struct feed_run *r, struct fail *f)
{
	struct str rest = r->row.headers, line;
	r->header[r->n_headers++] = r->is_values ? "Accept: text/csv, text/plain, text/*, */*"
						 : "Accept: application/json, text/plain, text/*";
	while (rest.n && r->n_headers < ARRAY_LEN(r->header) - 1) {
		rest = str_split(rest, '\n', &line);
		line = str_trim(line);
		if (str_chr(line, ':') <= 0)
			continue;
		r->header[r->n_headers] = arena_cstr(r->a, line);
		if (!r->header[r->n_headers++])
			return fail(f, ERR_NOMEM, "no memory");
	}
	return ERR_OK;
}

static enum err tag_add(struct feed_run *r, const struct store_rtxn *t, uint64_t id, struct fail *f)
{
	struct misp_tag tag;
	if (!id || r->tags.n == TAGS_MAX)
		return ERR_OK;
	enum err e = store_get(t, T_TAG, id, r->a, &tag);
	if (e == ERR_NOENT)
		return ERR_OK;
	if (e != ERR_OK)
		return fail(f, e, "the feed's tag");
	struct misp_tagref *ref = LIST_AT(r->tags, struct misp_tagref, r->tags.n++);
	*ref = (struct misp_tagref){.name = arena_str(r->a, tag.name),
				    .colour = arena_str(r->a, tag.colour),
				    .exportable = tag.exportable};
	return ref->name.p ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
}

/* The tags of a collection are kept as JSON: a list of numbers, or of rows with "id". */
static enum err collection_add(struct feed_run *r, const struct store_rtxn *t, uint64_t id,
			       struct fail *f)
{
	struct misp_tagcoll row;
	enum err e = id ? store_get(t, T_TAGCOLL, id, r->a, &row) : ERR_NOENT;
	size_t i;
	const json_t *v;
	if (e == ERR_NOENT)
		return ERR_OK;
	if (e != ERR_OK)
		return fail(f, e, "the feed's tag collection");
	json_t *list = json_loadb(row.tags.p ? row.tags.p : "", row.tags.n, 0, NULL);
	json_array_foreach(list, i, v) {
		const json_t *x = json_is_object(v) ? json_object_get(v, "id") : v;
		uint64_t tag = json_is_integer(x) && json_integer_value(x) > 0
				       ? (uint64_t)json_integer_value(x)
				       : 0;
		if (e == ERR_NOENT || e == ERR_OK) {
			if (!tag && !str_u64(str_c(json_string_value(x)), &tag))
				continue;
			e = tag_add(r, t, tag, f);
		}
	}
	json_decref(list);
	return e == ERR_NOENT ? ERR_OK : e;
}

static enum err row_tags(struct feed_run *r, const struct store_rtxn *t, struct fail *f)
{
	uint64_t collection = 0;
	r->tags.v = ARENA_ARRAY(r->a, struct misp_tagref, TAGS_MAX);
	if (!r->tags.v)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(tag_add(r, t, r->row.tag_id, f));
	(void)str_u64(r->row.tag_collection_id, &collection);
	return collection_add(r, t, collection, f);
}

static void seen_read(struct str s, struct feed_seen *out)
{
	struct str etag, modified, digest;
	s = str_split(s, '\n', &etag);
	s = str_split(s.p ? s : STR(""), '\n', &modified);
	str_split(s.p ? s : STR(""), '\n', &digest);
	if (etag.n < sizeof(out->etag))
		snprintf(out->etag, sizeof(out->etag), "%.*s", STR_ARG(etag));
	if (modified.n < sizeof(out->modified))
		snprintf(out->modified, sizeof(out->modified), "%.*s", STR_ARG(modified));
	if (digest.n < sizeof(out->digest))
		snprintf(out->digest, sizeof(out->digest), "%.*s", STR_ARG(digest));
}

static enum err row_base(struct feed_run *r, struct fail *f)
{
	struct str url = r->row.url;
	r->local = str_is(r->row.input_source, "local") || str_has_prefix(url, STR("/"));
	if (!r->is_values) {
		if (str_has_suffix(url, STR("manifest.json")))
			url.n -= 13;
		while (url.n > 1 && url.p[url.n - 1] == '/')
			url.n--;
	}
	if (!url.n || url.n >= sizeof(r->base))
		return fail(f, ERR_INVAL, "the feed has no URL or folder");
	snprintf(r->base, sizeof(r->base), "%.*s", STR_ARG(url));
	return ERR_OK;
}

static enum err row_read(struct feed_run *r, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_feed row;
	TRY(store_read(r->o->in->store, &t, f));
	enum err e = store_get(t, T_FEED, r->o->feed_id, r->a, &row);
	if (e != ERR_OK)
		return fail(f, e, "there is no feed %llu", (unsigned long long)r->o->feed_id);
	TRY(entity_copy(r->a, &desc_misp_feed, &row, &r->row));
	if (!r->row.enabled && !r->o->disabled_too)
		return fail(f, ERR_PERM, "the feed is not enabled");
	r->is_values = str_is(r->row.source_format, "csv") || str_is(r->row.source_format, "freetext");
	if (r->row.source_format.n && !str_is(r->row.source_format, "misp") && !r->is_values)
		return fail(f, ERR_UNSUPPORTED, "there is no format \"%s\": feeds are misp, csv or freetext",
			    log_val(r->row.source_format));
	seen_read(r->row.manifest_etag, &r->was);
	TRY(row_base(r, f));
	TRY(row_headers(r, f));
	TRY(row_tags(r, t, f));
	return feed_rules_new(r->row.rules, r->row.settings, &r->rules, f);
}

enum err feed_run_open(struct feed_run *r, struct fail *f)
{
	r->a = arena_new(1u << 20);
	if (!r->a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(row_read(r, f));
	r->opts = r->o->client;
	r->opts.redirects = r->opts.redirects ? r->opts.redirects : REDIRECTS;
	r->opts.total_ms = r->opts.total_ms ? r->opts.total_ms : TOTAL_MS;
	if (!r->local)
		return client_new(&r->opts, &r->client, f);
	if (r->is_values)
		return ERR_OK;
	r->dirfd = open(r->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return r->dirfd >= 0 ? ERR_OK
			     : fail_errno(f, ERR_IO, errno, "cannot open the folder %s", r->base);
}

void feed_run_close(struct feed_run *r)
{
	feed_rules_free(r->rules);
	arena_free(r->a);
	client_free(r->client);
	if (r->dirfd >= 0)
		close(r->dirfd);
	*r = (struct feed_run){.dirfd = -1, .take = r->take};
}

/* ---- the state of the row ---- */

struct row_note {
	struct feed_run *r;
	enum err err;
	const char *text;
};

static enum err stats_write(struct store_wtxn *w, const struct row_note *n, struct fail *f)
{
	const struct feed_run *r = n->r;
	const struct feed_fetch_result *res = r->res;
	struct feed_stats s = feed_stats_get(store_view(w), r->o->feed_id);
	bool good = n->err == ERR_OK;
	s.runs++;
	s.failed += !good;
	s.failed_in_a_row = good ? 0 : s.failed_in_a_row + 1;
	s.ms = (uint64_t)MAX(clock_boot_ms() - r->began_ms, 0);
	s.added += res->is_values ? res->values.added + res->values.restored : res->n.added + res->n.updated;
	if (good && !res->not_modified && uuid_is_nil(r->o->only)) {
		s.entries = res->is_values ? res->values.values : res->n.listed;
		s.refused = res->n.failed + res->n.refused;
		s.bytes = res->n.bytes;
	}
	return feed_stats_put(w, r->o->feed_id, &s, f);
}

static enum err row_write(struct store_wtxn *w, void *arg, struct fail *f)
{
	const struct row_note *n = arg;
	const struct feed_run *r = n->r;
	struct misp_feed row;
	char seen[400] = "";
	OWN(arena) struct arena *a = arena_new(1u << 20);
	if (!a)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = store_get(store_view(w), T_FEED, r->o->feed_id, a, &row);
	if (e != ERR_OK)
		return e == ERR_NOENT ? ERR_OK : e; /* removed meanwhile */
	bool changed = !str_eq(row.manifest_etag, r->row.manifest_etag); /* the row was edited */
	row.last_try = clock_now();
	row.last_error = n->err == ERR_OK ? STR("") : str_c(n->text);
	if (n->err == ERR_OK)
		row.last_success = row.last_try;
	if (r->event_id && !row.event_id)
		row.event_id = r->event_id;
	if (r->all_in && uuid_is_nil(r->o->only) && !changed)
		snprintf(seen, sizeof(seen), "%s\n%s\n%s", r->now.etag, r->now.modified, r->now.digest);
	if ((n->err == ERR_OK || r->waits) && !r->res->not_modified)
		row.manifest_etag = str_c(seen);
	TRY(stats_write(w, n, f));
	return store_put(w, T_FEED, row.id, &row, f);
}

void feed_run_note(struct feed_run *r, enum err e, const struct fail *why)
{
	struct row_note note = {r, e, why->text};
	struct fail f = {0};
	if (e != ERR_NOENT && store_run(r->o->in->store, row_write, &note, &f) != ERR_OK)
		log_warn("sync", "feed=%llu state not written: %s", (unsigned long long)r->o->feed_id,
			 f.text);
}

/* ---- unpacking ---- */

#define LOOK 512u
#define CHUNK 16384u

struct sieve {
	const struct feed_run *r;
	const struct feed_file *file;
	struct unpack *unpack;
	struct fail *f;
	uint64_t n; /* unpacked bytes */
	char head[LOOK]; /* of them */
	size_t n_head;
	bool looked;
};

static bool is_html(struct str s)
{
	s = str_trim(s);
	if (str_has_prefix(s, STR("\xef\xbb\xbf")))
		s = str_trim(str_sub(s, 3, s.n));
	return str_eq_nocase(str_sub(s, 0, 14), STR("<!doctype html")) ||
	       str_eq_nocase(str_sub(s, 0, 5), STR("<html"));
}

/* The first bytes are kept back until there are enough of them, or all. */
static enum err look(struct sieve *s)
{
	struct str head = {s->head, s->n_head};
	s->looked = true;
	if (!s->file->html && is_html(head))
		return fail(s->f, ERR_PEER, "the answer is a page of HTML, not the feed");
	return head.n ? s->file->data(s->file->user, head.p, head.n, s->f) : ERR_OK;
}

static enum err unpacked(void *arg, struct str bytes)
{
	struct sieve *s = arg;
	s->n += bytes.n;
	if (s->n > s->file->max)
		return fail(s->f, ERR_LIMIT, "it is larger than %llu bytes%s%s",
			    (unsigned long long)s->file->max, *unpack_kind(s->unpack) ? ", unpacked from " : "",
			    unpack_kind(s->unpack));
	if (!s->looked) {
		size_t n = MIN(bytes.n, LOOK - s->n_head);
		memcpy(s->head + s->n_head, bytes.p, n);
		s->n_head += n;
		bytes = str_sub(bytes, n, bytes.n);
		if (s->n_head == LOOK)
			TRY(look(s));
	}
	return bytes.n ? s->file->data(s->file->user, bytes.p, bytes.n, s->f) : ERR_OK;
}

static enum err sieve_data(void *user, const void *p, size_t n, struct fail *f)
{
	struct sieve *s = user;
	s->f = f;
	if (intake_cancelled(&s->r->take))
		return fail(f, ERR_CANCELLED, "cancelled");
	return unpack_feed(s->unpack, (struct str){p, n}, unpacked, s, f);
}

static enum err sieve_end(struct sieve *s, struct fail *f)
{
	s->f = f;
	TRY(unpack_end(s->unpack, unpacked, s, f));
	return s->looked ? ERR_OK : look(s);
}

/* ---- files ---- */

static enum err read_file(const struct feed_run *r, struct sieve *s, struct fail *f)
{
	const char *name = s->file->name ? s->file->name : r->base;
	ssize_t n;
	OWN(fd) int fd = s->file->name ? openat(r->dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
				       : open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return fail_errno(f, errno == ENOENT ? ERR_NOENT : ERR_IO, errno, "cannot read %s",
				  name);
	OWN(buf) struct buf chunk = BUF(CHUNK);
	char *p = buf_reserve(&chunk, CHUNK); /* an array would be cleared for each file */
	if (!p)
		return fail(f, ERR_NOMEM, "no memory");
	while ((n = read(fd, p, CHUNK)) > 0)
		TRY(sieve_data(s, p, (size_t)n, f));
	return n == 0 ? ERR_OK : fail_errno(f, ERR_IO, errno, "cannot read %s", name);
}

static void on_header(void *user, struct str name, struct str value)
{
	struct sieve *s = user;
	struct feed_run *r = (struct feed_run *)s->r;
	if (!s->file->conditional || !str_eq_nocase(name, STR("last-modified")))
		return;
	value = str_trim(value);
	if (value.n < sizeof(r->now.modified) && str_chr(value, '\n') < 0)
		snprintf(r->now.modified, sizeof(r->now.modified), "%.*s", STR_ARG(value));
}

static enum err from_server(struct feed_run *r, struct client *c, struct sieve *s, struct fail *f)
{
	const struct feed_file *file = s->file;
	char url[2200], since[100];
	const char *headers[ARRAY_LEN(r->header)];
	bool conditional = file->conditional && !r->o->again && uuid_is_nil(r->o->only);
	struct client_req req = {.url = url,
				 .headers = headers,
				 .n_headers = r->n_headers,
				 .etag = conditional ? r->was.etag : NULL,
				 .max_bytes = file->max,
				 .cancelled = r->o->cancelled,
				 .data = sieve_data,
				 .header = on_header,
				 .user = s};
	struct client_res res = {0};
	memcpy(headers, r->header, sizeof(headers));
	if (conditional && r->was.modified[0]) {
		snprintf(since, sizeof(since), "If-Modified-Since: %s", r->was.modified);
		headers[req.n_headers++] = since;
	}
	snprintf(url, sizeof(url), file->name ? "%s/%s" : "%s", r->base, file->name);
	TRY(client_call(c, &req, &res, f));
	if (res.status == 304 && !(conditional && (r->was.etag[0] || r->was.modified[0])))
		return fail(f, ERR_PEER, "the server says \"not modified\" of what it was asked for as a whole");
	if (file->conditional)
		snprintf(r->now.etag, sizeof(r->now.etag), "%s", res.etag);
	r->res->not_modified |= file->conditional && res.status == 304;
	return ERR_OK;
}

enum err feed_run_get(struct feed_run *r, struct client *c, const struct feed_file *file,
		      struct fail *f)
{
	struct sieve s = {.r = r, .file = file, .unpack = unpack_new()};
	if (!s.unpack)
		return fail(f, ERR_NOMEM, "no memory");
	enum err e = r->local ? read_file(r, &s, f) : from_server(r, c, &s, f);
	if (e == ERR_OK && !(file->conditional && r->res->not_modified))
		e = sieve_end(&s, f);
	unpack_free(s.unpack);
	return e;
}

void feed_run_file_done(struct feed_run *r, const struct intake_want *w)
{
	char name[UUID_TEXT_LEN + 6], uuid[UUID_TEXT_LEN + 1];
	if (!r->local || !r->row.delete_local_file)
		return;
	if (w)
		snprintf(name, sizeof(name), "%s.json", uuid_format(w->uuid, uuid));
	if ((w ? unlinkat(r->dirfd, name, 0) : unlink(r->base)) != 0)
		log_warn("sync", "feed=%llu cannot delete %s: name its folder under `writable`",
			 (unsigned long long)r->o->feed_id, w ? name : "the file");
}
