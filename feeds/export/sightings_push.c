/*
 * sightings_push.c - sightings for a peer, page by page: first their UUIDs, which it compares with
 * its own, then those that it lacks (sync-protocol.md 4.9). Not return formats.
 */
#include <stdlib.h>

#include "base/jsonw.h"
#include "feeds/export/export.h"
#include "feeds/export/json_parts.h"

struct state {
	uint64_t matched; /* also those of earlier pages */
};

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct uuid));
}

static bool wanted(struct export_run *r, const struct misp_sighting *s)
{
	static const struct part_filter all = {0};
	const struct part_filter *f = r->opts->parts ? r->opts->parts : &all;
	struct state *st = r->state;
	uint64_t at = st->matched++;
	if (at < f->skip || (f->limit && at - f->skip >= f->limit))
		return false;
	return !f->n_known || !bsearch(&s->uuid, f->known, f->n_known, sizeof(*f->known), by_bytes);
}

static enum err begin(struct export_run *r)
{
	buf_putc(seal_buf(r->out), '[');
	return buf_err(seal_buf(r->out));
}

static enum err end(struct export_run *r)
{
	buf_putc(seal_buf(r->out), ']');
	return buf_err(seal_buf(r->out));
}

static void uuid_row(struct buf *b, const struct misp_sighting *s)
{
	char text[UUID_TEXT_LEN + 1];
	buf_putc(b, '"');
	buf_add(b, uuid_format(s->uuid, text), UUID_TEXT_LEN);
	buf_putc(b, '"');
}

static enum err uuids_element(struct export_run *r, const struct rel_event *re,
			      const struct rel_element *el)
{
	struct buf *b = seal_buf(r->out);
	(void)re;
	for (uint32_t i = 0; el->kind == EL_ATTR && i < el->n_sightings; i++) {
		if (!wanted(r, &el->sightings[i]))
			continue;
		if (r->n++)
			buf_putc(b, ',');
		uuid_row(b, &el->sightings[i]);
	}
	return buf_err(b);
}

/* Without an organisation `org_id` says that it is nobody's. */
static void push_row(struct buf *b, const struct misp_sighting *s, const struct misp_org *org,
		     const struct misp_attr *a, const struct rel_event *re)
{
	LIT(b, "{\"uuid\":");
	uuid_row(b, s);
	jp_uuid(b, "attribute_uuid", a->uuid);
	jp_uuid(b, "event_uuid", re->e->uuid);
	jp_time(b, "date_sighting", s->date_sighting);
	jp_str(b, "source", s->source);
	jp_num(b, "type", s->type);
	jp_num(b, "org_id", org ? (org->id ? org->id : 1) : 0);
	if (org) {
		LIT(b, ",\"Organisation\":{\"name\":");
		json_quote(b, org->name);
		jp_uuid(b, "uuid", org->uuid);
		buf_putc(b, '}');
	}
	buf_putc(b, '}');
}

static enum err push_element(struct export_run *r, const struct rel_event *re,
			     const struct rel_element *el)
{
	struct buf *b = seal_buf(r->out);
	for (uint32_t i = 0; el->kind == EL_ATTR && i < el->n_sightings; i++) {
		if (!wanted(r, &el->sightings[i]))
			continue;
		if (r->n++)
			buf_putc(b, ',');
		push_row(b, &el->sightings[i], el->sighting_orgs[i], el->attr, re);
	}
	return buf_err(b);
}

const struct exporter export_sighting_uuids = {
	.name = ".sighting-uuids",
	.media = "application/json",
	.type_name = "json",
	.doc = "UUIDs of sightings, for a peer to compare",
	.scopes = EXPORT_PARTS,
	.part = EL_SIGHTING,
	.state_size = sizeof(struct state),
	.begin = begin,
	.element = uuids_element,
	.end = end,
};

const struct exporter export_sightings_push = {
	.name = ".sightings-push",
	.media = "application/json",
	.type_name = "json",
	.doc = "sightings that a peer lacks",
	.scopes = EXPORT_PARTS,
	.part = EL_SIGHTING,
	.state_size = sizeof(struct state),
	.begin = begin,
	.element = push_element,
	.end = end,
};
