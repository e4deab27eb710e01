/*
 * json_scores.c - what decaying models and the caches of feeds and peers say, as MISP writes it beside
 * attributes and events.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/jsonw.h"
#include "feeds/export/json_parts.h"

void jp_double(struct buf *b, double v)
{
	char text[40];
	if (!isfinite(v))
		v = 0;
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		if (!(strtod(text, NULL) < v) && !(strtod(text, NULL) > v))
			break;
	}
	buf_puts(b, text);
}

/* Stored as JSON text. */
static void raw(struct buf *b, const char *key, struct str json, const char *without)
{
	jp_key(b, key);
	if (json.n)
		buf_str_add(b, json);
	else
		buf_puts(b, without);
}

static void model(struct buf *b, const struct misp_decay *m, bool full)
{
	LIT(b, "{\"id\":\"");
	buf_u64(b, m->id);
	buf_putc(b, '"');
	jp_str(b, "name", m->name);
	if (full) {
		jp_uuid(b, "uuid", m->uuid);
		raw(b, "parameters", m->parameters, "{}");
		raw(b, "attribute_types", m->attribute_types, "[]");
		jp_str(b, "description", m->description);
		jp_num(b, "org_id", m->org_id);
		jp_bool(b, "enabled", m->enabled);
		jp_bool(b, "all_orgs", m->all_orgs);
		raw(b, "ref", m->ref, "[]");
		jp_str(b, "formula", m->formula);
		jp_str(b, "version", m->version);
		jp_bool(b, "default", m->default_);
	}
	buf_putc(b, '}');
}

void jp_scores(struct buf *b, const char *key, const struct rel_score *v, uint32_t n, bool full)
{
	if (!n)
		return;
	jp_key(b, key);
	for (uint32_t i = 0; i < n; i++) {
		buf_puts(b, i ? ",{\"score\":" : "[{\"score\":");
		jp_double(b, v[i].score);
		jp_key(b, "base_score");
		jp_double(b, v[i].base);
		jp_bool(b, "decayed", v[i].decayed);
		jp_key(b, "DecayingModel");
		model(b, v[i].model, full);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
}

static void source(struct buf *b, const struct rel_source *s)
{
	LIT(b, "{\"id\":\"");
	buf_u64(b, s->id);
	buf_putc(b, '"');
	jp_str(b, "name", s->name);
	jp_str(b, "url", s->url);
	if (!s->is_server) {
		jp_str(b, "provider", s->provider);
		jp_str(b, "source_format", s->source_format);
		jp_bool(b, "lookup_visible", s->lookup_visible);
	}
	if (s->n_events) {
		LIT(b, ",\"event_uuids\":[");
		for (uint32_t i = 0; i < s->n_events; i++) {
			char text[UUID_TEXT_LEN + 1];
			buf_puts(b, i ? ",\"" : "\"");
			buf_puts(b, uuid_format(s->events[i], text));
			buf_putc(b, '"');
		}
		buf_putc(b, ']');
	}
	buf_putc(b, '}');
}

void jp_sources(struct buf *b, const struct rel_source *v, uint32_t n)
{
	for (int servers = 0; servers < 2; servers++) {
		bool any = false;
		for (uint32_t i = 0; i < n; i++) {
			if (v[i].is_server != (servers == 1))
				continue;
			if (any)
				buf_putc(b, ',');
			else
				buf_puts(b, servers ? ",\"Server\":[" : ",\"Feed\":[");
			any = true;
			source(b, &v[i]);
		}
		if (any)
			buf_putc(b, ']');
	}
}
