/*
 * stix2_event.c - what holds a STIX event together: ids, authors, markings, labels, the report with the list
 * of its objects. Of written objects nothing is kept but their ids, at most STIX2_REFS_MAX of an event.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "feeds/export/stix2_impl.h"

#define SLICE ((size_t)256 << 10)
#define HEAD_MAX (16u << 20)

const char *const stix2_kind_names[SX_COUNT] = {
#define X(id, name) name,
	STIX2_KINDS(X)
#undef X
};

/* Properties that STIX does not know stand in an extension of this id (2.1). */
#define EXTENSION "extension-definition--f5c07586-2829-4bb4-bca1-6689a48b24b0"

/* ---- markings ---- */

static const struct mark {
	const char *tag, *uuid, *name;
	bool newer; /* an extension of 2.1 */
} marks[] = {
	{"tlp:white", "613f2e26-407d-48c7-9eca-b8e91df99dc9", "WHITE", false},
	{"tlp:green", "34098fce-860f-48ae-8e50-ebd3cc5e41da", "GREEN", false},
	{"tlp:amber", "f88d31f6-486f-44da-b317-01333bde0b82", "AMBER", false},
	{"tlp:red", "5e57c739-391a-4eb3-b6be-7d15ca92d5ed", "RED", false},
	{"tlp:clear", "94868c89-83c2-464b-929b-a1a8aa3c8487", "CLEAR", true},
	{"tlp:amber+strict", "939a9414-2ddd-4d32-a0cd-375ea402b003", "AMBER+STRICT", true},
};

static int mark_of(const struct stix2 *w, struct str tag)
{
	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		if (str_is(tag, marks[i].tag) && (w->version == STIX2_1 || !marks[i].newer))
			return (int)i;
	return -1;
}

bool stix2_is_marking(const struct stix2 *w, struct str tag)
{
	return mark_of(w, tag) >= 0;
}

static struct uuid mark_uuid(int i)
{
	struct uuid u;
	(void)uuid_parse(str_c(marks[i].uuid), &u);
	return u;
}

static void mark_write(struct stix2 *w, struct buf *b, int i)
{
	const char *level = marks[i].tag + sizeof("tlp:") - 1;
	int64_t created = (int64_t)(marks[i].newer ? 1664582400 : 1484870400) * 1000000;
	if (!stix2_open_plain(w, b, "marking-definition", mark_uuid(i), created))
		return;
	stix2_time(b, "created", created, false);
	if (!marks[i].newer)
		buf_printf(b, ",\"definition_type\":\"tlp\",\"definition\":{\"tlp\":\"%s\"}", level);
	if (w->version == STIX2_1)
		buf_printf(b, ",\"name\":\"TLP:%s\"", marks[i].name);
	if (marks[i].newer)
		buf_printf(b,
			   ",\"extensions\":{\"extension-definition--60a3c5c5-0d10-413e-aab3-"
			   "9e08dde9e88d\":{\"extension_type\":\"property-extension\","
			   "\"tlp_2_0\":\"%s\"}}",
			   level);
	buf_putc(b, '}');
}

static void marks_write(struct stix2 *w, struct buf *b)
{
	for (int i = 0; i < (int)ARRAY_LEN(marks); i++)
		if ((w->marks_used & ~w->marks_written) & 1u << i)
			mark_write(w, b, i);
	w->marks_written |= w->marks_used;
}

/* ---- ids and times ---- */

struct uuid stix2_derive(struct uuid u, const char *word)
{
	u = uuid_v5(u, str_c(word));
	u.b[6] = (u.b[6] & 0x0f) | 0x40;
	return u;
}

struct uuid stix2_uuid(const struct stix2 *w, struct uuid u)
{
	bool fits = u.b[6] >> 4 == 4 && u.b[8] >> 6 == 2;
	return w->version == STIX2_1 || fits ? u : stix2_derive(u, "");
}

void stix2_id(struct buf *b, const char *type, struct uuid u)
{
	char text[UUID_TEXT_LEN + 1];
	buf_putc(b, '"');
	buf_puts(b, type);
	LIT(b, "--");
	buf_add(b, uuid_format(u, text), UUID_TEXT_LEN);
	buf_putc(b, '"');
}

int64_t stix2_us(int64_t seconds)
{
	return seconds < 0 ? 0 : MIN(seconds, (int64_t)253402300799) * 1000000;
}

void stix2_time(struct buf *b, const char *key, int64_t us, bool brief)
{
	char frac[8];
	jp_key(b, key);
	buf_putc(b, '"');
	time_put(b, us / 1000000, 'T');
	snprintf(frac, sizeof(frac), "%06d", (int)(us % 1000000));
	int digits = us % 1000 ? 6 : us % 1000000 || !brief ? 3 : 0;
	if (digits)
		buf_printf(b, ".%.*s", digits, frac);
	LIT(b, "Z\"");
}

/* ---- objects ---- */

static bool asks(struct stix2 *w, struct buf *b, const char *type, struct uuid u, int64_t us)
{
	struct stix2_object o = {type, u, us};
	if (!w->want(w->user, b, &o))
		return false;
	buf_printf(b, "{\"type\":\"%s\"", type);
	if (w->version == STIX2_1)
		LIT(b, ",\"spec_version\":\"2.1\"");
	jp_key(b, "id");
	stix2_id(b, type, u);
	return true;
}

bool stix2_open(struct stix2 *w, struct buf *b, enum stix2_kind k, struct uuid u, int64_t created_us,
		int64_t modified_us, bool author)
{
	if (!asks(w, b, stix2_kind_names[k], u, modified_us))
		return false;
	if (author && w->author.n) {
		jp_key(b, "created_by_ref");
		buf_str_add(b, w->author);
	}
	stix2_time(b, "created", created_us, false);
	stix2_time(b, "modified", modified_us, false);
	return true;
}

bool stix2_open_plain(struct stix2 *w, struct buf *b, const char *type, struct uuid u,
		      int64_t created_us)
{
	return asks(w, b, type, u, created_us);
}

void stix2_extension(struct stix2 *w, struct buf *b)
{
	if (w->version == STIX2_1)
		LIT(b, ",\"extensions\":{\"" EXTENSION "\":{\"extension_type\":\"new-sdo\"}}");
	w->extended = true;
}

void stix2_toplevel(struct stix2 *w, struct buf *b)
{
	LIT(b, ",\"extensions\":{\"" EXTENSION
	       "\":{\"extension_type\":\"toplevel-property-extension\"}}");
	w->extended = true;
}

void stix2_property_open(struct stix2 *w, struct buf *b)
{
	if (w->version == STIX2_1)
		LIT(b, ",\"extensions\":{\"" EXTENSION
		       "\":{\"extension_type\":\"property-extension\"");
	w->extended = true;
}

void stix2_property_close(struct stix2 *w, struct buf *b)
{
	if (w->version == STIX2_1)
		LIT(b, "}}");
}

/* What our extension is, once. */
static void extension_write(struct stix2 *w, struct buf *b)
{
	struct misp_org tocsin = {.name = STR("tocsin")};
	struct uuid u;
	if (!w->extended || w->version != STIX2_1)
		return;
	(void)uuid_parse(STR("f5c07586-2829-4bb4-bca1-6689a48b24b0"), &u);
	if (!stix2_first_time(w, "extension", u))
		return;
	(void)uuid_parse(STR("6bad4929-2b5c-4450-9a15-46652835386e"), &tocsin.uuid);
	struct uuid author = stix2_identity(w, b, &tocsin);
	if (!stix2_open(w, b, SX_EXTENSION, u, STIX2_LONG_AGO, STIX2_LONG_AGO, false))
		return;
	jp_key(b, "created_by_ref");
	stix2_id(b, "identity", author);
	LIT(b, ",\"name\":\"MISP elements\",\"description\":\"Members of MISP's core format that STIX has "
	       "no property for, under their own names behind x_misp_.\",\"schema\":\"MISP core format\","
	       "\"version\":\"1.0.0\",\"extension_types\":[\"new-sdo\",\"property-extension\","
	       "\"toplevel-property-extension\"],\"extension_properties\":[\"x_misp_opinion\","
	       "\"x_misp_author_ref\"]}");
}

static const char *const sco_types[] = {
	"artifact", "autonomous-system", "directory", "domain-name", "email-addr", "email-message",
	"file", "ipv4-addr", "ipv6-addr", "mac-addr", "mutex", "network-traffic", "process",
	"software", "url", "user-account", "windows-registry-key", "x509-certificate",
};

void stix2_list(struct stix2 *w, enum stix2_kind k, struct uuid u, const char *type)
{
	uint8_t sco = 0;
	if (w->attr_scope || w->n_refs >= STIX2_REFS_MAX)
		return;
	while (type && sco < ARRAY_LEN(sco_types) && strcmp(sco_types[sco], type) != 0)
		sco++;
	if (BUG(sco == ARRAY_LEN(sco_types)))
		return;
	if (w->n_refs == w->cap_refs) {
		uint32_t cap = w->cap_refs ? w->cap_refs * 2 : 256;
		struct stix2_ref *v = reallocarray(w->refs, cap, sizeof(*v));
		if (!v)
			return;
		w->refs = v;
		w->cap_refs = cap;
	}
	w->refs[w->n_refs++] = (struct stix2_ref){u, (uint8_t)k, sco};
}

static const char *ref_type(const struct stix2_ref *r)
{
	return r->kind == SX_SCO ? sco_types[r->sco] : stix2_kind_names[r->kind];
}

/* ---- authors ---- */

bool stix2_first_time(struct stix2 *w, const char *what, struct uuid u)
{
	char key[64], text[UUID_TEXT_LEN + 1];
	int n = snprintf(key, sizeof(key), "%s%s", what, uuid_format(u, text));
	return !seen_before(&w->once, (struct str){key, (size_t)n});
}

struct uuid stix2_identity(struct stix2 *w, struct buf *b, const struct misp_org *org)
{
	static const struct uuid misp = {{0x55, 0xf6, 0xea, 0x65, 0xaa, 0x10, 0x4c, 0x5a, 0xbf, 0x01,
					  0x4f, 0x84, 0x95, 0x0d, 0x21, 0x0f}};
	bool known = org && !uuid_is_nil(org->uuid);
	struct uuid u = known ? stix2_uuid(w, org->uuid) : misp;
	if (stix2_first_time(w, "identity", u) &&
	    stix2_open(w, b, SX_IDENTITY, u, STIX2_LONG_AGO, STIX2_LONG_AGO, false)) {
		jp_str(b, "name", known ? org->name : STR("MISP"));
		LIT(b, ",\"identity_class\":\"organization\"}");
	}
	return u;
}

static void author_set(struct stix2 *w, struct uuid u)
{
	char uuid[UUID_TEXT_LEN + 1];
	int n = snprintf(w->author_text, sizeof(w->author_text), "\"identity--%s\"",
			 uuid_format(u, uuid));
	w->author = (struct str){w->author_text, (size_t)n};
}

/* ---- labels ---- */

static bool of_cluster(struct str tag, const struct rel_cluster *c, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (str_eq(tag, c[i].cluster->tag_name))
			return true;
	return false;
}

void stix2_labels(struct stix2 *w, struct buf *b, struct str first, const struct entity_list *tags,
		  const struct rel_cluster *c, uint32_t n_clusters)
{
	bool any = first.n != 0, marked = false;
	if (any) {
		LIT(b, ",\"labels\":[");
		buf_str_add(b, first);
	}
	LIST_EACH(t, *tags, struct misp_tagref) {
		if (stix2_is_marking(w, t->name) || of_cluster(t->name, c, n_clusters))
			continue;
		buf_puts(b, any ? "," : ",\"labels\":[");
		json_quote(b, t->name);
		any = true;
	}
	if (any)
		buf_putc(b, ']');
	LIST_EACH(t, *tags, struct misp_tagref) {
		int i = mark_of(w, t->name);
		if (i < 0)
			continue;
		buf_puts(b, marked ? "," : ",\"object_marking_refs\":[");
		stix2_id(b, "marking-definition", mark_uuid(i));
		w->marks_used |= 1u << i;
		marked = true;
	}
	if (marked)
		buf_putc(b, ']');
}

/* ---- the event ---- */

enum { STAGE_LATER, STAGE_HEAD, STAGE_REFS, STAGE_DONE };

static void event_clear(struct stix2 *w)
{
	w->n_refs = 0;
	w->stage = STAGE_LATER;
	w->at = 0;
	buf_clear(&w->later);
	buf_clear(&w->head);
	free(w->slots);
	w->slots = NULL;
	w->n_slots = 0;
	w->object.open = false;
	seen_free(&w->named);
}

enum err stix2_event(struct stix2 *w, struct buf *b, const struct rel_event *e)
{
	event_clear(w);
	author_set(w, stix2_identity(w, b, e->orgc));
	w->event_kind = e->e->published || w->version == STIX2_0 ? SX_REPORT : SX_GROUPING;
	w->event_uuid = stix2_uuid(w, e->e->uuid);
	stix2_clusters(w, b, e->clusters, e->n_clusters);
	return buf_err(b);
}

enum err stix2_element(struct stix2 *w, struct buf *b, const struct rel_event *e,
		       const struct rel_element *el)
{
	if (w->attr_scope && el->kind != EL_ATTR)
		return buf_err(b);
	if (w->attr_scope) /* lists of attributes have no events */
		author_set(w, stix2_identity(w, b, e->orgc));
	else if (el->kind != EL_ATTR || !el->in_object)
		stix2_object_close(w, b);
	if (el->kind == EL_OBJECT) {
		stix2_object_open(w, el->object);
		stix2_object_said(w, b, el);
	} else if (el->kind == EL_REPORT) {
		stix2_report(w, b, el, w->event_kind, w->event_uuid);
	} else if (el->kind == EL_ATTR && w->object.open && el->in_object) {
		stix2_object_attr(w, b, el);
		stix2_about(w, b, el, SX_COUNT, w->object.uuid);
	} else if (el->kind == EL_ATTR) {
		TRY(stix2_attr(w, b, e, el));
		stix2_about(w, b, el, w->attr_kind, stix2_uuid(w, el->attr->uuid));
	}
	if (w->attr_scope) {
		marks_write(w, b);
		extension_write(w, b);
	}
	return buf_err(b);
}

void stix2_settle(struct stix2 *w, struct buf *b)
{
	stix2_object_close(w, b);
}

enum err stix2_event_end(struct stix2 *w, struct buf *b, const struct rel_event *e)
{
	const struct misp_event *ev = e->e;
	struct buf *h = &w->head;
	int64_t at = stix2_us(ev->timestamp);
	if (w->attr_scope)
		return ERR_OK;
	stix2_object_close(w, b);
	stix2_analyst(w, b, e->analyst, e->n_analyst, w->event_kind, w->event_uuid);
	w->report = (struct stix2_object){stix2_kind_names[w->event_kind], w->event_uuid, at};
	stix2_time(h, "created", at, false);
	stix2_time(h, "modified", at, false);
	jp_str(h, "name", ev->info);
	if (w->event_kind == SX_REPORT)
		stix2_time(h, "published",
			   stix2_us(ev->publish_timestamp > 0 ? ev->publish_timestamp : ev->timestamp),
			   true);
	else
		LIT(h, ",\"context\":\"suspicious-activity\"");
	stix2_labels(w, h, STR("\"Threat-Report\",\"misp:tool=\\\"MISP-STIX-Converter\\\"\""), &ev->tags,
		     e->clusters, e->n_clusters);
	stix2_property_open(w, h);
	jp_num(h, "x_misp_threat_level_id", ev->threat_level_id);
	jp_num(h, "x_misp_analysis", ev->analysis);
	jp_key(h, "x_misp_date");
	jp_date(h, ev->date);
	if (!uuid_is_nil(ev->extends_uuid))
		jp_uuid(h, "x_misp_extends_uuid", ev->extends_uuid);
	stix2_property_close(w, h);
	marks_write(w, b);
	extension_write(w, b);
	return buf_err(b) != ERR_OK ? buf_err(b) : buf_err(h);
}

static void refs_slice(struct stix2 *w, struct buf *b)
{
	size_t from = b->n;
	while (w->at < w->n_refs && b->n - from < SLICE && buf_err(b) == ERR_OK) {
		const struct stix2_ref *r = &w->refs[w->at];
		if (w->at++)
			buf_putc(b, ',');
		stix2_id(b, ref_type(r), r->uuid);
	}
	if (w->at < w->n_refs)
		return;
	if (!w->n_refs)
		buf_str_add(b, w->author); /* an event without anything: a list must not be empty */
	LIT(b, "]}");
	w->stage = STAGE_DONE;
}

static void later_slice(struct stix2 *w, struct buf *b)
{
	size_t from = b->n;
	struct stix2_item i;
	while (b->n - from < SLICE && buf_err(b) == ERR_OK) {
		if (!stix2_later_next(w, &i)) {
			w->stage = STAGE_HEAD;
			return;
		}
		if (stix2_later_resolve(w, &i))
			stix2_item_write(w, b, &i);
	}
}

enum err stix2_event_more(struct stix2 *w, struct buf *b, bool *more)
{
	*more = !w->attr_scope;
	if (w->attr_scope)
		return ERR_OK;
	switch (w->stage) {
	case STAGE_LATER:
		later_slice(w, b);
		break;
	case STAGE_HEAD:
		w->at = 0;
		w->stage = STAGE_DONE;
		if (!asks(w, b, w->report.type, w->report.uuid, w->report.modified_us))
			break;
		if (w->author.n) {
			jp_key(b, "created_by_ref");
			buf_str_add(b, w->author);
		}
		buf_str_add(b, buf_str(&w->head));
		LIT(b, ",\"object_refs\":[");
		w->stage = STAGE_REFS;
		break;
	case STAGE_REFS:
		refs_slice(w, b);
		break;
	default:
		*more = false;
		event_clear(w);
		break;
	}
	return buf_err(b);
}

/* ---- the writer ---- */

bool stix2_version_parse(struct str s, enum stix2_version *v)
{
	*v = str_is(s, "2.0") ? STIX2_0 : STIX2_1;
	return !s.n || str_is(s, "2.0") || str_is(s, "2.1") || str_is(s, "2");
}

struct stix2 *stix2_new(const struct export_opts *o, enum stix2_version v, stix2_want_fn want,
			void *user)
{
	struct stix2 *w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	*w = (struct stix2){.opts = o, .version = v, .want = want, .user = user,
			    .attr_scope = o->scope == EXPORT_ATTRIBUTES};
	stix2_object_init(&w->object);
	buf_init(&w->later, 80u << 20);
	buf_init(&w->head, HEAD_MAX);
	return w;
}

void stix2_free(struct stix2 *w)
{
	if (!w)
		return;
	event_clear(w);
	seen_free(&w->once);
	stix2_object_free(&w->object);
	buf_free(&w->later);
	buf_free(&w->head);
	free(w->refs);
	free(w);
}
