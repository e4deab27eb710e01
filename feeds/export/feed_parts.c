/*
 * feed_parts.c - the two lists of a MISP feed beside its events (sync-protocol.md 9.1): the
 * manifest, one event a line, and the digests of values. feeds/out sorts and joins the lines.
 */
#include "base/hash.h"
#include "base/jsonw.h"
#include "feeds/export/export.h"
#include "feeds/export/json_parts.h"
#include "feeds/export/parts.h"
#include "model/types.h"

/* ---- manifest ---- */

static enum err manifest_begin(struct export_run *r)
{
	LIT(seal_buf(r->out), "{\n");
	return ERR_OK;
}

static void manifest_tags(struct buf *b, const struct entity_list *tags)
{
	const struct misp_tagref *t = tags->v;
	LIT(b, "\"Tag\":[");
	for (uint32_t i = 0; i < tags->n; i++) {
		buf_puts(b, i ? ",{\"name\":" : "{\"name\":");
		json_quote(b, t[i].name);
		jp_str(b, "colour", t[i].colour);
		buf_putc(b, '}');
	}
	LIT(b, "],");
}

static enum err manifest_event(struct export_run *r, const struct rel_event *re)
{
	const struct misp_event *e = re->e;
	struct buf *b = seal_buf(r->out);
	char uuid[UUID_TEXT_LEN + 1];
	if (r->n++)
		LIT(b, ",\n");
	buf_putc(b, '"');
	buf_add(b, uuid_format(e->uuid, uuid), UUID_TEXT_LEN);
	LIT(b, "\":{");
	if (re->orgc) {
		LIT(b, "\"Orgc\":{\"name\":");
		json_quote(b, re->orgc->name);
		jp_uuid(b, "uuid", re->orgc->uuid);
		LIT(b, "},");
	}
	manifest_tags(b, &e->tags);
	LIT(b, "\"info\":");
	json_quote(b, e->info.p ? e->info : STR(""));
	LIT(b, ",\"date\":");
	jp_date(b, e->date);
	jp_num(b, "analysis", e->analysis);
	jp_num(b, "threat_level_id", e->threat_level_id);
	jp_time(b, "timestamp", e->timestamp);
	buf_putc(b, '}');
	seal_count(r->out, 1, 0);
	return buf_err(b);
}

static enum err manifest_end(struct export_run *r)
{
	buf_puts(seal_buf(r->out), r->n ? "\n}\n" : "}\n");
	return buf_err(seal_buf(r->out));
}

const struct exporter export_feed_manifest = {
	.name = "feed-manifest",
	.media = "application/json",
	.type_name = "json",
	.doc = "manifest of a MISP feed",
	.scopes = EXPORT_EVENTS,
	.begin = manifest_begin,
	.event = manifest_event,
	.end = manifest_end,
};

/* ---- digests ---- */

static void hash_put(struct export_run *r, struct str v, const struct rel_event *e)
{
	struct buf *b = seal_buf(r->out);
	uint8_t digest[16];
	char text[33], uuid[UUID_TEXT_LEN + 1];
	hash_md5(v, digest);
	buf_add(b, hash_hex(digest, 16, text), 32);
	buf_putc(b, ',');
	buf_add(b, uuid_format(e->e->uuid, uuid), UUID_TEXT_LEN);
	buf_putc(b, '\n');
}

static enum err hashes_event(struct export_run *r, const struct rel_event *e)
{
	(void)e;
	seal_count(r->out, 1, 0);
	return ERR_OK;
}

static enum err hashes_element(struct export_run *r, const struct rel_event *e,
			       const struct rel_element *el)
{
	struct str v, part;
	if (el->kind != EL_ATTR)
		return ERR_OK;
	v = el->attr->value;
	seal_count(r->out, 0, 1);
	if (str_chr(type_name(el->attr->type), '|') < 0 &&
	    el->attr->type != ATTR_MALWARE_SAMPLE) {
		hash_put(r, v, e);
		return buf_err(seal_buf(r->out));
	}
	while (v.p) {
		v = str_split(v, '|', &part);
		hash_put(r, part, e);
	}
	return buf_err(seal_buf(r->out));
}

const struct exporter export_feed_hashes = {
	.name = "feed-hashes",
	.media = "text/csv",
	.type_name = "csv",
	.doc = "hashes.csv of a MISP feed: MD5 of values with their event",
	.scopes = EXPORT_EVENTS,
	.event = hashes_event,
	.element = hashes_element,
};
