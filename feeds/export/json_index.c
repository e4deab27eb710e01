/*
 * json_index.c - rows of the event index: full ones, minimal ones for peers, and CSV. Not return
 * formats (their names begin with a dot). Shapes as recorded (wire/client, event-index).
 */
#include "base/jsonw.h"
#include "feeds/export/export.h"
#include "feeds/export/json_parts.h"

static struct buf *out(struct export_run *r)
{
	return seal_buf(r->out);
}

static enum err list_begin(struct export_run *r)
{
	buf_putc(out(r), '[');
	return buf_err(out(r));
}

static enum err list_end(struct export_run *r)
{
	buf_putc(out(r), ']');
	return buf_err(out(r));
}

static void row_open(struct export_run *r)
{
	if (r->n++)
		buf_putc(out(r), ',');
	LIT(out(r), "{\"id\":\"");
}

/* ---- minimal ---- */

static enum err minimal_event(struct export_run *r, const struct rel_event *re)
{
	struct buf *b = out(r);
	const struct misp_event *e = re->e;
	row_open(r);
	buf_u64(b, e->id);
	buf_putc(b, '"');
	jp_time(b, "timestamp", e->timestamp);
	jp_time(b, "sighting_timestamp", e->sighting_timestamp);
	jp_bool(b, "published", e->published);
	jp_uuid(b, "uuid", e->uuid);
	jp_uuid(b, "orgc_uuid", re->orgc ? re->orgc->uuid : UUID_NIL);
	buf_putc(b, '}');
	seal_count(r->out, 1, 0);
	return buf_err(b);
}

const struct exporter export_index_minimal = {
	.name = ".index-minimal",
	.media = "application/json",
	.type_name = "json",
	.doc = "event index rows for peers",
	.scopes = EXPORT_EVENTS,
	.begin = list_begin,
	.event = minimal_event,
	.end = list_end,
};

/* ---- full ---- */

static void event_tags(struct buf *b, const struct rel_event *re)
{
	const struct misp_tagref *t = re->e->tags.v;
	LIT(b, ",\"EventTag\":[");
	for (uint32_t i = 0; i < re->e->tags.n; i++, t++) {
		buf_puts(b, i ? ",{\"id\":\"" : "{\"id\":\"");
		buf_u64(b, t->tag_id);
		buf_putc(b, '"');
		jp_num(b, "event_id", re->e->id);
		jp_num(b, "tag_id", t->tag_id);
		jp_bool(b, "local", t->local);
		jp_str(b, "relationship_type", t->relationship_type);
		LIT(b, ",\"Tag\":{\"id\":\"");
		buf_u64(b, t->tag_id);
		buf_putc(b, '"');
		jp_str(b, "name", t->name);
		jp_str(b, "colour", t->colour);
		jp_bool(b, "is_galaxy", t->is_galaxy);
		LIT(b, "}}");
	}
	buf_putc(b, ']');
}

static enum err full_event(struct export_run *r, const struct rel_event *re)
{
	struct buf *b = out(r);
	const struct misp_event *e = re->e;
	row_open(r);
	buf_u64(b, e->id);
	LIT(b, "\",\"date\":");
	jp_date(b, e->date);
	jp_num(b, "org_id", e->org_id);
	jp_str(b, "info", e->info);
	jp_uuid(b, "uuid", e->uuid);
	jp_bool(b, "published", e->published);
	jp_num(b, "analysis", e->analysis);
	jp_num(b, "attribute_count", e->attribute_count);
	jp_num(b, "orgc_id", e->orgc_id);
	jp_time(b, "timestamp", e->timestamp);
	jp_num(b, "distribution", e->distribution);
	jp_num(b, "sharing_group_id", e->sharing_group_id);
	jp_bool(b, "proposal_email_lock", e->proposal_email_lock);
	jp_bool(b, "locked", e->locked);
	jp_num(b, "threat_level_id", e->threat_level_id);
	jp_time(b, "publish_timestamp", e->publish_timestamp);
	jp_time(b, "sighting_timestamp", e->sighting_timestamp);
	jp_bool(b, "disable_correlation", e->disable_correlation);
	jp_uuid(b, "extends_uuid", e->extends_uuid);
	buf_puts(b, e->is_protected ? ",\"protected\":true" : ",\"protected\":null");
	LIT(b, ",\"Org\":");
	jp_org(b, re->org, true, false);
	LIT(b, ",\"Orgc\":");
	jp_org(b, re->orgc, true, false);
	if (re->sharing_group) {
		LIT(b, ",\"SharingGroup\":{\"id\":\"");
		buf_u64(b, re->sharing_group->id);
		buf_putc(b, '"');
		jp_str(b, "name", re->sharing_group->name);
		jp_uuid(b, "uuid", re->sharing_group->uuid);
		buf_putc(b, '}');
	}
	if (re->n_clusters) {
		LIT(b, ",\"GalaxyCluster\":");
		jp_index_clusters(b, re->clusters, re->n_clusters);
	}
	event_tags(b, re);
	buf_putc(b, '}');
	seal_count(r->out, 1, 0);
	return buf_err(b);
}

const struct exporter export_index_full = {
	.name = ".index",
	.media = "application/json",
	.type_name = "json",
	.doc = "event index rows",
	.scopes = EXPORT_EVENTS,
	.begin = list_begin,
	.event = full_event,
	.end = list_end,
};

/* ---- CSV ---- */

static void csv_text(struct buf *b, struct str s)
{
	buf_putc(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			buf_putc(b, '"');
		buf_putc(b, s.p[i]);
	}
	buf_putc(b, '"');
}

static enum err csv_begin(struct export_run *r)
{
	LIT(out(r), "id,date,info,tags,uuid,published,analysis,attribute_count,orgc_id,orgc_name,"
		    "orgc_uuid,timestamp,distribution,sharing_group_id,threat_level_id,"
		    "publish_timestamp,extends_uuid\n");
	return buf_err(out(r));
}

static enum err csv_event(struct export_run *r, const struct rel_event *re)
{
	struct buf *b = out(r);
	const struct misp_event *e = re->e;
	OWN(buf) struct buf tags = BUF(1 << 20);
	const struct misp_tagref *t = e->tags.v;
	char uuid[UUID_TEXT_LEN + 1];
	for (uint32_t i = 0; i < e->tags.n; i++, t++) {
		if (i)
			buf_puts(&tags, ", ");
		buf_str_add(&tags, t->name);
	}
	buf_u64(b, e->id);
	buf_putc(b, ',');
	jp_date(b, e->date);
	buf_putc(b, ',');
	csv_text(b, e->info);
	buf_putc(b, ',');
	csv_text(b, buf_str(&tags));
	buf_printf(b, ",\"%s\",%d,%u,%llu,%llu,", uuid_format(e->uuid, uuid), e->published,
		   e->analysis, (unsigned long long)e->attribute_count,
		   (unsigned long long)e->orgc_id);
	csv_text(b, re->orgc ? re->orgc->name : STR(""));
	buf_printf(b, ",\"%s\",%lld,%u,%llu,%u,%lld,",
		   re->orgc ? uuid_format(re->orgc->uuid, uuid) : "", (long long)e->timestamp,
		   e->distribution, (unsigned long long)e->sharing_group_id, e->threat_level_id,
		   (long long)e->publish_timestamp);
	buf_printf(b, "\"%s\"\n",
		   uuid_is_nil(e->extends_uuid) ? "" : uuid_format(e->extends_uuid, uuid));
	seal_count(r->out, 1, 0);
	return buf_err(b);
}

const struct exporter export_index_csv = {
	.name = ".index-csv",
	.media = "text/csv",
	.type_name = "csv",
	.doc = "event index as CSV",
	.scopes = EXPORT_EVENTS,
	.begin = csv_begin,
	.event = csv_event,
};
