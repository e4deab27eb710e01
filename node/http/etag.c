/*
 * etag.c - entity tags: what If-None-Match names, and tags of answers that are streamed.
 *
 * A tag stands in the head but is the digest of the body, so a streamed body is made to its end first:
 * into memory, then into a file without a name. Bodies that are too long for that, or wait for
 * something, go out without a tag, which is always permitted. Invariant: bounded memory.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "http/internal.h"

#define PIECE ((size_t)32 * 1024)
#define MEMORY_MAX ((size_t)256 * 1024)
#define FILE_MAX (UINT64_C(256) << 20)

/* `tag` without the suffix that web servers in front add when they compress. */
static struct str plain_tag(struct str tag)
{
	static const char *const suffixes[] = {"-gzip\"", "-br\""};

	tag = str_trim(tag);
	if (str_has_prefix(tag, STR("W/")))
		tag = str_sub(tag, 2, SIZE_MAX);
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
		if (str_has_suffix(tag, str_c(suffixes[i])))
			tag.n -= strlen(suffixes[i]);
	if (tag.n && tag.p[0] == '"')
		tag = str_sub(tag, 1, SIZE_MAX);
	if (tag.n && tag.p[tag.n - 1] == '"')
		tag.n--;
	return tag;
}

bool req_none_match(const struct http_req *r, struct str etag)
{
	struct str list = req_header(r, "If-None-Match"), want = plain_tag(etag);

	while (list.p) {
		struct str item;
		list = str_split(list, ',', &item);
		if (want.n && (str_eq(plain_tag(item), want) || str_is(str_trim(item), "*")))
			return true; /* "*": any that there is (RFC 9110, 13.1.2) */
	}
	return false;
}

/* MISP sends an ETag only to those who ask with If-None-Match, be it empty. */
bool etag_wanted(const struct http_call *c)
{
	return c->reply.status == 200 && !c->reply.tagged && req_header(&c->req, "If-None-Match").p;
}

bool etag_add(struct http_call *c, const uint8_t sha1[20])
{
	char hex[41], tag[44];

	snprintf(tag, sizeof(tag), "\"%s\"", hash_hex(sha1, 20, hex));
	buf_printf(&c->reply.extra, "ETag: %s\r\n", tag);
	return req_none_match(&c->req, str_c(tag));
}

/* A source whose first part has been made already. */
struct tagged {
	struct reply_source s; /* first */
	struct http_call *call;
	struct reply_source *inner;
	bool inner_ended;
	struct hash_ctx *hash;
	struct buf memory;
	int fd; /* what does not fit, or -1 */
	uint64_t in_file, at; /* at: of both parts */
	char piece[PIECE];
};

static enum produce tagged_produce(struct reply_source *s, char *to, size_t max, size_t *made)
{
	struct tagged *t = (struct tagged *)s;
	ssize_t n = 0;

	if (t->at < t->memory.n) {
		n = (ssize_t)MIN(max, t->memory.n - t->at);
		memcpy(to, t->memory.p + t->at, (size_t)n);
	} else if (t->at < t->memory.n + t->in_file) {
		n = pread(t->fd, to, MIN(max, t->memory.n + t->in_file - t->at),
			  (off_t)(t->at - t->memory.n));
		if (n <= 0)
			return PRODUCE_ABORT;
	} else if (!t->inner_ended) {
		return t->inner->ops->produce(t->inner, to, max, made);
	}
	t->at += (uint64_t)n;
	*made = (size_t)n;
	return t->inner_ended && t->at == t->memory.n + t->in_file ? PRODUCE_END : PRODUCE_MORE;
}

static void tagged_cancel(struct reply_source *s)
{
	struct tagged *t = (struct tagged *)s;

	if (t->inner->ops->cancel)
		t->inner->ops->cancel(t->inner);
}

static void tagged_free(struct reply_source *s)
{
	struct tagged *t = (struct tagged *)s;

	t->inner->ops->free(t->inner);
	hash_abort(t->hash);
	buf_free(&t->memory);
	if (t->fd >= 0)
		close(t->fd);
	free(t);
}

/* Put a piece aside. False: no room; it is lost, so the answer must be. */
static bool keep(struct tagged *t, size_t n)
{
	size_t fits = MIN(n, MEMORY_MAX - t->memory.n), done = fits;

	hash_add(t->hash, t->piece, n);
	buf_add(&t->memory, t->piece, fits);
	if (buf_err(&t->memory) != ERR_OK)
		return false;
	while (done < n) {
		ssize_t w = pwrite(t->fd, t->piece + done, n - done, (off_t)t->in_file);
		if (w <= 0)
			return false;
		done += (size_t)w;
		t->in_file += (uint64_t)w;
	}
	return true;
}

static bool has_room(struct tagged *t)
{
	const char *dir = t->call->srv->conf.spool_dir;

	if (t->memory.n + PIECE <= MEMORY_MAX)
		return true;
	if (t->fd < 0 && dir)
		t->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return t->fd >= 0 && t->in_file + PIECE <= FILE_MAX;
}

/* Make the body as far as that goes. */
static enum produce make(struct tagged *t)
{
	enum produce st = PRODUCE_MORE;

	while (st == PRODUCE_MORE && has_room(t)) {
		size_t n = 0;
		if (atomic_load(&t->call->cancelled))
			return PRODUCE_ABORT;
		st = t->inner->ops->produce(t->inner, t->piece, PIECE, &n);
		if (st != PRODUCE_ABORT && !keep(t, MIN(n, PIECE)))
			st = PRODUCE_ABORT;
	}
	return st;
}

/* The body is there: its tag, and the answer 304 if the client has it. */
static bool tag(struct tagged *t)
{
	uint8_t sha1[20];

	t->inner_ended = true;
	t->s.length = (int64_t)(t->memory.n + t->in_file);
	if ((uint64_t)t->s.length < t->call->srv->lim.gzip_min)
		t->call->reply.coding = CODING_IDENTITY;
	hash_sha1_end(t->hash, sha1);
	t->hash = NULL;
	return etag_add(t->call, sha1);
}

static void tag_job(struct task *task, bool dropped)
{
	struct http_call *c = CONTAINER_OF(task, struct http_call, task_out);
	struct tagged *t = (struct tagged *)c->reply.src;
	enum produce st = dropped ? PRODUCE_ABORT : make(t);

	int none = st == PRODUCE_ABORT ? 500 : st == PRODUCE_END && tag(t) ? 304 : 0;

	if (!none && t->inner->ops->leaves && !t->inner->ops->leaves(t->inner))
		none = 503;
	if (none) {
		c->reply.src = NULL;
		tagged_free(&t->s);
		reply_none(c, none);
	}
	call_post(c, POST_REPLY);
	call_unref(c);
}

bool etag_stream(struct http_call *c, struct reply_source *s)
{
	struct tagged *t = malloc(sizeof(*t));
	static const struct reply_source_ops ops = {.produce = tagged_produce,
						    .cancel = tagged_cancel,
						    .free = tagged_free};

	if (!t)
		return false;
	*t = (struct tagged){.s = {.ops = &ops, .length = s->length, .wake = s->wake, .wake_arg = c},
			     .call = c,
			     .inner = s,
			     .hash = hash_sha1_begin(),
			     .memory = BUF(MEMORY_MAX),
			     .fd = -1};
	if (!t->hash) {
		free(t);
		return false;
	}
	c->reply.src = &t->s;
	call_ref(c);
	c->task_out.run = tag_job;
	offload_post(c->srv->conf.workers, &c->task_out);
	return true;
}
