/*
 * taxii.c - the envelope of TAXII 2.1 around STIX objects, or the manifest that lists them. Objects that
 * several events share stand once in a page.
 */
#include "feeds/export/taxii.h"

#include <stdio.h>

#include "feeds/export/parts.h"
#include "feeds/export/stix2.h"

struct envelope {
	struct stix2 *w;
	struct taxii_page *page, all; /* all: where nobody asks for a page */
	struct export_run *run;
	struct export_place place; /* of what is written now */
	uint32_t nth; /* objects at this place so far */
	size_t bytes, before; /* of this page; what the buffer held when last looked at */
};

void taxii_time(struct buf *b, int64_t us)
{
	time_put(b, us / 1000000, 'T');
	buf_printf(b, ".%06dZ", (int)(us % 1000000));
}

static int place_cmp(const struct export_place *a, const struct export_place *b)
{
	if (a->part != b->part)
		return a->part < b->part ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

static bool one_of(const struct str *v, size_t n, struct str what)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(v[i], what))
			return true;
	return n == 0;
}

static int64_t version_of(const struct stix2_object *o)
{
	return o->modified_us ? o->modified_us : TAXII_NO_VERSION;
}

static bool matches(const struct taxii_page *p, const struct stix2_object *o)
{
	char id[128], uuid[UUID_TEXT_LEN + 1];
	int n = snprintf(id, sizeof(id), "%s--%s", o->type, uuid_format(o->uuid, uuid));
	return one_of(p->types, p->n_types, str_c(o->type)) &&
	       one_of(p->ids, p->n_ids, (struct str){id, (size_t)n}) &&
	       (!p->has_version || p->version_us == version_of(o));
}

/* Was it on the page before? */
static bool given_before(struct envelope *st)
{
	const struct taxii_place *from = &st->page->from;
	int c = place_cmp(&st->place, &from->at);
	return c < 0 || (c == 0 && st->nth <= from->nth);
}

/* The buffer is emptied between slices. */
static void measure(struct envelope *st, const struct buf *b)
{
	st->bytes += b->n >= st->before ? b->n - st->before : b->n;
	st->before = b->n;
}

/* STIX has no fewer digits than three. */
static void version_put(struct buf *b, int64_t us)
{
	buf_putc(b, '"');
	time_put(b, us / 1000000, 'T');
	buf_printf(b, us % 1000 ? ".%06dZ\"" : ".%03dZ\"", (int)(us % 1000 ? us % 1000000 : us % 1000000 / 1000));
}

static void record(struct buf *b, const struct taxii_page *p, const struct stix2_object *o)
{
	char uuid[UUID_TEXT_LEN + 1];
	if (p->form == TAXII_VERSIONS) {
		version_put(b, version_of(o));
		return;
	}
	buf_printf(b, "{\"id\":\"%s--%s\",\"date_added\":\"", o->type, uuid_format(o->uuid, uuid));
	taxii_time(b, p->event_us);
	LIT(b, "\",\"version\":");
	version_put(b, version_of(o));
	LIT(b, ",\"media_type\":\"application/stix+json;version=2.1\"}");
}

static bool wanted(void *user, struct buf *b, const struct stix2_object *o)
{
	struct envelope *st = user;
	struct taxii_page *p = st->page;
	st->nth++;
	measure(st, b);
	st->run->enough |= p->no_more && p->n >= p->limit; /* the last one is whole now */
	if (st->run->enough || given_before(st) || !matches(p, o))
		return false;
	if (p->n >= p->limit || (p->n && st->bytes >= p->bytes)) {
		p->more = st->run->enough = true;
		p->stop = (struct taxii_place){st->place, st->nth - 1};
		return false;
	}
	if (p->n++)
		LIT(b, ",\n");
	else
		buf_puts(b, p->form == TAXII_VERSIONS ? "\"versions\":[\n" : "\"objects\":[\n");
	if (p->n == 1)
		p->first_us = p->event_us;
	p->last_us = p->event_us;
	if (st->run->opts->stix_told)
		st->run->opts->stix_told(st->run->opts->stix_told_user, o->type, o->uuid, version_of(o));
	if (p->form == TAXII_OBJECTS)
		return true;
	record(b, p, o);
	return false;
}

static void at_place(struct envelope *st, struct export_place place)
{
	if (place_cmp(&st->place, &place) == 0)
		return;
	st->place = place;
	st->nth = 0;
}

static enum err envelope_begin(struct export_run *r)
{
	struct envelope *st = r->state;
	st->all = (struct taxii_page){.limit = UINT64_MAX, .bytes = SIZE_MAX};
	st->page = r->opts->taxii ? r->opts->taxii : &st->all;
	st->run = r;
	st->w = stix2_new(r->opts, STIX2_1, wanted, st);
	buf_putc(seal_buf(r->out), '{');
	return st->w ? ERR_OK : ERR_NOMEM;
}

static enum err envelope_event(struct export_run *r, const struct rel_event *e)
{
	struct envelope *st = r->state;
	if (r->again) { /* all but its end was told */
		stix2_settle(st->w, seal_buf(r->out));
		st->page->from = (struct taxii_place){{.part = PART_END}, 0};
	} else {
		seal_count(r->out, 1, 0);
	}
	if (r->enough)
		return ERR_OK;
	st->place = r->place;
	st->nth = 0;
	return stix2_event(st->w, seal_buf(r->out), e);
}

static enum err envelope_element(struct export_run *r, const struct rel_event *e,
				 const struct rel_element *el)
{
	struct envelope *st = r->state;
	if (el->kind == EL_ATTR)
		seal_count(r->out, 0, 1);
	if (el->kind != EL_ATTR || !el->in_object)
		stix2_settle(st->w, seal_buf(r->out));
	at_place(st, r->place);
	return r->enough ? ERR_OK : stix2_element(st->w, seal_buf(r->out), e, el);
}

static enum err envelope_event_end(struct export_run *r, const struct rel_event *e)
{
	struct envelope *st = r->state;
	stix2_settle(st->w, seal_buf(r->out));
	at_place(st, r->place);
	return stix2_event_end(st->w, seal_buf(r->out), e);
}

static enum err envelope_event_more(struct export_run *r, bool *more)
{
	struct envelope *st = r->state;
	return stix2_event_more(st->w, seal_buf(r->out), more);
}

static enum err envelope_end(struct export_run *r)
{
	struct envelope *st = r->state;
	struct taxii_page *p = st->page;
	struct buf *b = seal_buf(r->out);
	if (p->n)
		LIT(b, "\n]");
	if (p->more) {
		buf_puts(b, p->n ? ",\"more\":true,\"next\":\"" : "\"more\":true,\"next\":\"");
		TRY(p->token(p->token_user, p, b));
		LIT(b, "\"");
	}
	LIT(b, "}\n");
	return buf_err(b);
}

static void envelope_free(void *state)
{
	struct envelope *st = state;
	stix2_free(st->w);
	st->w = NULL;
}

const struct exporter export_taxii = {
	.name = ".taxii",
	.media = "application/taxii+json;version=2.1",
	.type_name = "json",
	.doc = "A page of a TAXII 2.1 collection",
	.scopes = EXPORT_EVENTS,
	.state_size = sizeof(struct envelope),
	.begin = envelope_begin,
	.event = envelope_event,
	.element = envelope_element,
	.event_end = envelope_event_end,
	.event_more = envelope_event_more,
	.end = envelope_end,
	.free_state = envelope_free,
};
