/*
 * rest_sealed.c - what the gate has let out, as the body of an answer: whole, streamed, of single elements.
 */
#include "api/rest.h"

#define SMALL_ANSWER (1u << 20)

struct stream {
	struct reply_source source; /* first */
	struct sealed *sealed;
	struct buf pending;
	size_t sent; /* of pending */
	bool end;
	void (*after)(void *arg); /* NULL: nothing */
	void *arg;
};

static enum produce stream_produce(struct reply_source *source, char *to, size_t max, size_t *made)
{
	struct stream *s = (struct stream *)source;
	struct fail f = {0};
	*made = 0;
	if (s->sent == s->pending.n && !s->end) {
		buf_clear(&s->pending);
		s->sent = 0;
		if (sealed_pull(s->sealed, &s->pending, max, &s->end, &f) != ERR_OK)
			return PRODUCE_ABORT;
	}
	*made = MIN(max, s->pending.n - s->sent);
	if (*made)
		memcpy(to, s->pending.p + s->sent, *made);
	s->sent += *made;
	return s->end && s->sent == s->pending.n ? PRODUCE_END : PRODUCE_MORE;
}

/* It was held because it may turn out that the client has it already. */
static bool stream_leaves(struct reply_source *source)
{
	struct fail f = {0};
	return sealed_intend(((struct stream *)source)->sealed, &f) == ERR_OK;
}

static void stream_cancel(struct reply_source *source)
{
	sealed_lost(((struct stream *)source)->sealed);
}

static void stream_free(struct reply_source *source)
{
	struct stream *s = (struct stream *)source;
	if (s->sent < s->pending.n)
		sealed_lost(s->sealed);
	sealed_free(s->sealed);
	buf_free(&s->pending);
	if (s->after)
		s->after(s->arg);
	free(s);
}

static const struct reply_source_ops stream_ops = {stream_produce, stream_leaves, stream_cancel,
						   stream_free};

void rest_sealed(struct http_req *r, struct sealed **sealed, const char *content_type)
{
	rest_sealed_then(r, sealed, content_type, NULL, NULL);
}

void rest_sealed_then(struct http_req *r, struct sealed **sealed, const char *content_type,
		      void (*after)(void *arg), void *arg)
{
	struct stream *s = calloc(1, sizeof(*s));
	struct fail f = {0};
	if (!s) {
		sealed_free(MOVE(*sealed));
		if (after)
			after(arg);
		reply_err(r, ERR_NOMEM);
		return;
	}
	s->after = after;
	s->arg = arg;
	s->source.ops = &stream_ops;
	s->source.length = -1;
	s->sealed = MOVE(*sealed);
	/* those who compare may have it: then nothing leaves, and nothing is recorded */
	bool compares = req_header(r, "If-None-Match").p != NULL;
	if (compares)
		sealed_hold(s->sealed);
	buf_init(&s->pending, 256u << 20);
	enum err e = sealed_pull(s->sealed, &s->pending, SMALL_ANSWER, &s->end, &f);
	if (e != ERR_OK) {
		stream_free(&s->source);
		reply_err(r, e);
		return;
	}
	if (!s->end || (compares && sealed_names(s->sealed))) {
		reply_stream(r, 200, content_type, &s->source);
		return;
	}
	if (strncmp(content_type, "application/json", 16) == 0)
		reply_json(r, 200, &s->pending);
	else
		reply_body(r, 200, content_type, &s->pending);
	s->sent = s->pending.n;
	stream_free(&s->source);
}

enum err rest_sealed_all(struct sealed **s, struct buf *out, struct fail *f)
{
	OWN(sealed) struct sealed *mine = MOVE(*s);
	bool end = false;
	while (!end) {
		TRY(sealed_pull(mine, out, SMALL_ANSWER, &end, f));
		TRY(buf_err(out));
	}
	return ERR_OK;
}

/* ---- single elements ---- */

struct str rest_pair_get(void *user, const char *name)
{
	for (const struct rest_pair *p = user; p->name; p++)
		if (strcmp(p->name, name) == 0)
			return p->value;
	return STR_NONE;
}

/* A long answer is written after the handler has returned: the list must live as long. */
static enum err pairs_keep(struct http_req *r, const struct rest_pair *v, void **out)
{
	size_t n = 1;
	while (v[n - 1].name)
		n++;
	struct rest_pair *copy = ARENA_ARRAY(r->arena, struct rest_pair, n);
	if (!copy)
		return ERR_NOMEM;
	memcpy(copy, v, n * sizeof(*v));
	*out = copy;
	return ERR_OK;
}

enum err rest_export(struct http_req *r, const struct rest_export *x, struct sealed **out,
		     struct fail *f)
{
	OWN(view) struct view *v = NULL;
	enum search_scope scope = x->scope == EXPORT_ATTRIBUTES ? SCOPE_ATTRIBUTES
				  : x->scope == EXPORT_OBJECTS	? SCOPE_OBJECTS
								: SCOPE_EVENTS;
	struct query q = {.scope = scope,
			  .with_attachments = x->attachments,
			  .include_decay_score = x->scores};
	struct egress_query eq = {.query = &q,
				  .exporter = export_find(str_c(x->exporter)),
				  .opts = rest_export_opts(r, x->scope),
				  .hits = x->hits,
				  .n_hits = x->n,
				  .deleted_too = x->deleted_too};
	eq.opts.include_event_uuid = x->event_uuid;
	eq.opts.include_sightings = x->sightings;
	eq.opts.include_context = x->context;
	eq.opts.full_tags = x->full_tags;
	eq.opts.metadata = x->metadata;
	eq.opts.parts = x->parts;
	if (x->params) {
		TRY(pairs_keep(r, x->params, &eq.opts.param_user));
		eq.opts.param = rest_pair_get;
	}
	if (BUG(!eq.exporter))
		return fail(f, ERR_NOENT, "no exporter %s", x->exporter);
	TRY(rest_view(r, &v, f));
	return egress_search(&v, &eq, NULL, NULL, out, f);
}

enum err rest_send(struct http_req *r, const struct rest_export *x, struct fail *f)
{
	OWN(sealed) struct sealed *s = NULL;
	TRY(rest_export(r, x, &s, f));
	rest_sealed(r, &s, "application/json; charset=UTF-8");
	return ERR_OK;
}

enum err rest_send_or(struct http_req *r, const struct rest_export *x, int status, const char *text,
		      struct fail *f)
{
	OWN(sealed) struct sealed *s = NULL;
	OWN(buf) struct buf b = BUF(ANSWER_MAX);
	TRY(rest_export(r, x, &s, f));
	TRY(rest_sealed_all(&s, &b, f));
	if (b.n)
		rest_answer(r, 200, &b);
	else
		reply_error(r, status, "%s", text);
	return ERR_OK;
}

