/*
 * stix2.c - the bundle: what frames STIX objects as a return format (`stix-version` 2.0 or 2.1). Its id stands
 * at the end, since it is made of what the bundle holds: the same content, the same bundle.
 */
#include "feeds/export/stix2.h"

#include "base/hash.h"
#include "feeds/export/parts.h"

struct bundle {
	struct stix2 *w;
	struct hash_ctx *digest;
	enum stix2_version version;
	bool any;
};

static bool wanted(void *user, struct buf *b, const struct stix2_object *o)
{
	struct bundle *st = user;
	buf_puts(b, st->any ? ",\n" : ",\"objects\":[\n");
	st->any = true;
	hash_add(st->digest, o->type, strlen(o->type));
	hash_add(st->digest, &o->uuid, sizeof(o->uuid));
	hash_add(st->digest, &o->modified_us, sizeof(o->modified_us));
	return true;
}

static enum err bundle_begin(struct export_run *r)
{
	struct bundle *st = r->state;
	struct buf *b = seal_buf(r->out);
	if (!stix2_version_parse(param_get(r, "stix-version"), &st->version))
		st->version = STIX2_1;
	st->w = stix2_new(r->opts, st->version, wanted, st);
	st->digest = hash_begin();
	if (!st->w || !st->digest)
		return ERR_NOMEM;
	LIT(b, "{\"type\":\"bundle\"");
	if (st->version == STIX2_0)
		LIT(b, ",\"spec_version\":\"2.0\"");
	return buf_err(b);
}

static enum err bundle_event(struct export_run *r, const struct rel_event *e)
{
	struct bundle *st = r->state;
	seal_count(r->out, 1, 0);
	return stix2_event(st->w, seal_buf(r->out), e);
}

static enum err bundle_element(struct export_run *r, const struct rel_event *e,
			       const struct rel_element *el)
{
	struct bundle *st = r->state;
	if (el->kind == EL_ATTR)
		seal_count(r->out, 0, 1);
	return stix2_element(st->w, seal_buf(r->out), e, el);
}

static enum err bundle_event_end(struct export_run *r, const struct rel_event *e)
{
	struct bundle *st = r->state;
	return stix2_event_end(st->w, seal_buf(r->out), e);
}

static enum err bundle_event_more(struct export_run *r, bool *more)
{
	struct bundle *st = r->state;
	return stix2_event_more(st->w, seal_buf(r->out), more);
}

static enum err bundle_end(struct export_run *r)
{
	struct bundle *st = r->state;
	struct buf *b = seal_buf(r->out);
	struct sha256 d = hash_end(st->digest);
	struct uuid u;
	char text[UUID_TEXT_LEN + 1];
	st->digest = NULL;
	memcpy(u.b, d.b, sizeof(u.b));
	u.b[6] = (u.b[6] & 0x0f) | 0x40;
	u.b[8] = (u.b[8] & 0x3f) | 0x80;
	if (st->any)
		LIT(b, "\n]");
	buf_printf(b, ",\"id\":\"bundle--%s\"}\n", uuid_format(u, text));
	return buf_err(b);
}

static void bundle_free(void *state)
{
	struct bundle *st = state;
	stix2_free(st->w);
	if (st->digest)
		hash_abort(st->digest);
	st->w = NULL;
	st->digest = NULL;
}

const struct exporter export_stix2 = {
	.name = "stix2",
	.media = "application/json",
	.type_name = "json",
	.doc = "STIX 2.1 (or 2.0: stix-version) bundle",
	.drops = "correlations, proposals; what STIX has no type for stands in members of MISP's own",
	.scopes = EXPORT_EVENTS | EXPORT_ATTRIBUTES,
	.state_size = sizeof(struct bundle),
	.begin = bundle_begin,
	.event = bundle_event,
	.element = bundle_element,
	.event_end = bundle_event_end,
	.event_more = bundle_event_more,
	.end = bundle_end,
	.free_state = bundle_free,
};
