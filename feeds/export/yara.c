/*
 * yara.c - YARA rules: those made from values, and those that attributes are (rest-api.md 4.10). Rules of
 * others go out only when they compile, under names of their own (yara_check.h).
 */
#include <ctype.h>

#include "feeds/export/export.h"
#include "feeds/export/parts.h"
#include "feeds/export/yara_check.h"
#include "model/types.h"

#define RULE_STRINGS_MAX 1000u /* attributes in one rule */
#define VALUE_MIN 4u /* shorter ones are found everywhere */
#define VALUE_MAX 1500u /* YARA reads strings into 8 KiB, and each byte may become four */
#define LINES_MAX (8u << 20)
#define WAITING_MAX (64u << 20)
#define WAITING_FLUSH (4u << 20)

/* How a value becomes a condition. */
enum how {
	H_STRING, /* the value anywhere */
	H_FIRST, /* the part before '|' */
	H_BOTH, /* both parts */
	H_HEX,
	H_HASH, /* a digest of the file: `what` of module hash */
	H_HASH2, /* the same behind '|' */
	H_IMPHASH,
	H_IMPHASH2,
};

static const struct {
	uint16_t type;
	uint8_t how;
	const char *what;
} yara_types[] = {
	{ATTR_MD5, H_HASH, "md5"},
	{ATTR_SHA1, H_HASH, "sha1"},
	{ATTR_SHA256, H_HASH, "sha256"},
	{ATTR_FILENAME_MD5, H_HASH2, "md5"},
	{ATTR_FILENAME_SHA1, H_HASH2, "sha1"},
	{ATTR_FILENAME_SHA256, H_HASH2, "sha256"},
	{ATTR_MALWARE_SAMPLE, H_HASH2, "md5"},
	{ATTR_IMPHASH, H_IMPHASH, NULL},
	{ATTR_FILENAME_IMPHASH, H_IMPHASH2, NULL},
	{ATTR_HEX, H_HEX, NULL},
	{ATTR_IP_SRC, H_STRING, NULL},
	{ATTR_IP_DST, H_STRING, NULL},
	{ATTR_IP_SRC_PORT, H_FIRST, NULL},
	{ATTR_IP_DST_PORT, H_FIRST, NULL},
	{ATTR_HOSTNAME, H_STRING, NULL},
	{ATTR_HOSTNAME_PORT, H_FIRST, NULL},
	{ATTR_DOMAIN, H_STRING, NULL},
	{ATTR_DOMAIN_IP, H_BOTH, NULL},
	{ATTR_EMAIL, H_STRING, NULL},
	{ATTR_EMAIL_SRC, H_STRING, NULL},
	{ATTR_EMAIL_DST, H_STRING, NULL},
	{ATTR_EMAIL_SUBJECT, H_STRING, NULL},
	{ATTR_EMAIL_BODY, H_STRING, NULL},
	{ATTR_URL, H_STRING, NULL},
	{ATTR_URI, H_STRING, NULL},
	{ATTR_REGKEY, H_STRING, NULL},
	{ATTR_REGKEY_VALUE, H_BOTH, NULL},
	{ATTR_PATTERN_IN_FILE, H_STRING, NULL},
	{ATTR_PATTERN_IN_MEMORY, H_STRING, NULL},
	{ATTR_PATTERN_IN_TRAFFIC, H_STRING, NULL},
	{ATTR_USER_AGENT, H_STRING, NULL},
	{ATTR_COOKIE, H_STRING, NULL},
	{ATTR_VULNERABILITY, H_STRING, NULL},
	{ATTR_TEXT, H_STRING, NULL},
	{ATTR_NAMED_PIPE, H_STRING, NULL},
	{ATTR_MUTEX, H_STRING, NULL},
	{ATTR_BTC, H_STRING, NULL},
	{ATTR_XMR, H_STRING, NULL},
	{ATTR_WINDOWS_SCHEDULED_TASK, H_STRING, NULL},
	{ATTR_WINDOWS_SERVICE_NAME, H_STRING, NULL},
	{ATTR_WINDOWS_SERVICE_DISPLAYNAME, H_STRING, NULL},
	{ATTR_GITHUB_USERNAME, H_STRING, NULL},
	{ATTR_GITHUB_REPOSITORY, H_STRING, NULL},
	{ATTR_MOBILE_APPLICATION_ID, H_STRING, NULL},
};

struct yara_state {
	struct seen names;
	/* the rule that is being collected */
	struct buf strings, conditions;
	uint32_t n_strings, n_attrs, part;
	bool hash, pe;
	struct buf rule; /* scratch: one finished rule, or one of others */
	struct buf as_is; /* rules of others wait until those made have gone out */
	uint64_t generated, as_is_n, left_out;
};

/* ---- one rule ---- */

static bool is_hex(struct str v)
{
	for (size_t i = 0; i < v.n; i++)
		if (!isxdigit((unsigned char)v.p[i]))
			return false;
	return v.n > 0;
}

static void lower_put(struct buf *b, struct str v)
{
	for (size_t i = 0; i < v.n; i++)
		buf_putc(b, (char)tolower((unsigned char)v.p[i]));
}

static void quoted(struct buf *b, struct str v)
{
	buf_putc(b, '"');
	for (size_t i = 0; i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];
		if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", c);
		else if (c < ' ' || c >= 0x7f)
			buf_printf(b, "\\x%02x", c);
		else
			buf_putc(b, (char)c);
	}
	buf_putc(b, '"');
}

static bool string_add(struct yara_state *st, struct str v)
{
	if (v.n < VALUE_MIN || v.n > VALUE_MAX)
		return false;
	buf_printf(&st->strings, "\t\t$s%u = ", st->n_strings++);
	quoted(&st->strings, v);
	LIT(&st->strings, " ascii wide\n");
	return true;
}

static bool hex_add(struct yara_state *st, struct str v)
{
	if (!is_hex(v) || v.n % 2 || v.n < 2 * VALUE_MIN || v.n > 2 * VALUE_MAX)
		return false;
	buf_printf(&st->strings, "\t\t$s%u = { ", st->n_strings++);
	buf_str_add(&st->strings, v);
	LIT(&st->strings, " }\n");
	return true;
}

static bool condition_add(struct yara_state *st, const char *what, struct str v)
{
	size_t want = !what || strcmp(what, "md5") == 0 ? 32 : strcmp(what, "sha1") == 0 ? 40 : 64;
	struct buf *b = &st->conditions;
	if (v.n != want || !is_hex(v))
		return false;
	*(what ? &st->hash : &st->pe) = true;
	if (b->n)
		LIT(b, " or\n\t\t");
	if (what)
		buf_printf(b, "hash.%s(0, filesize) == \"", what);
	else
		LIT(b, "pe.imphash() == \"");
	lower_put(b, v);
	buf_putc(b, '"');
	return true;
}

static bool value_add(struct yara_state *st, const struct misp_attr *a)
{
	struct str v = a->value;
	for (size_t i = 0; i < ARRAY_LEN(yara_types); i++) {
		const char *what = yara_types[i].what;
		if (yara_types[i].type != a->type)
			continue;
		switch ((enum how)yara_types[i].how) {
		case H_STRING:
			return string_add(st, v);
		case H_FIRST:
			return string_add(st, value_first(v));
		case H_BOTH: {
			bool first = string_add(st, value_first(v));
			return string_add(st, value_second(v)) || first;
		}
		case H_HEX:
			return hex_add(st, v);
		case H_HASH:
		case H_IMPHASH:
			return condition_add(st, what, v);
		case H_HASH2:
		case H_IMPHASH2:
			return condition_add(st, what, value_second(v));
		}
	}
	return false;
}

static void name_put(struct buf *b, const char *begins, struct uuid u)
{
	char text[UUID_TEXT_LEN + 1];
	buf_puts(b, begins);
	uuid_format(u, text);
	for (size_t i = 0; text[i]; i++)
		buf_putc(b, text[i] == '-' ? '_' : text[i]);
}

static void meta(struct buf *b, const char *key, struct str v)
{
	buf_printf(b, "\t\t%s = ", key);
	quoted(b, text_beginning(v, VALUE_MAX));
	buf_putc(b, '\n');
}

/* What has been collected as one rule, in st->rule. `a`: the attribute, when it is of one. */
static void rule_make(struct export_run *r, const struct rel_event *e, const struct misp_attr *a)
{
	struct yara_state *st = r->state;
	struct buf *b = &st->rule;
	char text[UUID_TEXT_LEN + 1];
	OWN(buf) struct buf id = BUF(256);
	buf_clear(b);
	if (st->hash)
		LIT(b, "import \"hash\"\n");
	if (st->pe)
		LIT(b, "import \"pe\"\n");
	LIT(b, "rule ");
	name_put(b, a ? "MISP_ATTRIBUTE_" : "MISP_EVENT_", a ? a->uuid : e->e->uuid);
	if (!a)
		buf_printf(b, "_PART%u", ++st->part);
	LIT(b, " : generated\n{\n\tmeta:\n");
	meta(b, "MISP_EVENT_INFO", e->e->info);
	meta(b, "MISP_EVENT_UUID", str_c(uuid_format(e->e->uuid, text)));
	meta(b, "MISP_ORIGIN", r->opts->base_url);
	buf_puts(&id, uuid_format(a ? a->uuid : e->e->uuid, text));
	if (a)
		buf_printf(&id, " (%.*s)", STR_ARG(type_name(a->type)));
	meta(b, "MISP_UUID", buf_str(&id));
	if (st->strings.n) {
		LIT(b, "\tstrings:\n");
		buf_str_add(b, buf_str(&st->strings));
	}
	LIT(b, "\tcondition:\n\t\t");
	if (st->strings.n)
		buf_puts(b, st->conditions.n ? "any of them or\n\t\t" : "any of them");
	buf_str_add(b, buf_str(&st->conditions));
	LIT(b, "\n}\n");
	buf_clear(&st->strings);
	buf_clear(&st->conditions);
	st->n_strings = st->n_attrs = 0;
	st->hash = st->pe = false;
}

/* ---- the two forms ---- */

struct form {
	/* a rule that was made; one of others, and what is wrong with it */
	void (*generated)(struct export_run *r);
	void (*as_is)(struct export_run *r, const struct rel_event *e, const struct misp_attr *a,
		      enum yara_verdict v);
};

#define HEAD_GENERATED "// ===================================== GENERATED ====================================\n"
#define HEAD_AS_IS "// =====================================   AS-IS  ====================================\n"

static const char *why(enum yara_verdict v)
{
	switch (v) {
	case YARA_GLOBAL:
		return "a global rule would decide over all others";
	case YARA_UNCHECKED:
		return "this node was built without libyara, so nobody compiled it";
	case YARA_GOOD:
	case YARA_BROKEN:
		break;
	}
	return "it does not compile";
}

static void text_generated(struct export_run *r)
{
	struct yara_state *st = r->state;
	buf_str_add(seal_buf(r->out), buf_str(&st->rule));
	buf_putc(seal_buf(r->out), '\n');
}

static void text_as_is(struct export_run *r, const struct rel_event *e, const struct misp_attr *a,
		       enum yara_verdict v)
{
	struct yara_state *st = r->state;
	char attr[UUID_TEXT_LEN + 1], event[UUID_TEXT_LEN + 1];
	buf_printf(&st->as_is, "// attribute %s of event %s%s%s\n", uuid_format(a->uuid, attr),
		   uuid_format(e->e->uuid, event), v == YARA_GOOD ? "" : " is left out: ",
		   v == YARA_GOOD ? "" : why(v));
	if (v == YARA_GOOD) {
		buf_str_add(&st->as_is, buf_str(&st->rule));
		LIT(&st->as_is, "\n\n");
	}
	if (st->as_is.n < WAITING_FLUSH)
		return;
	LIT(seal_buf(r->out), HEAD_AS_IS);
	buf_str_add(seal_buf(r->out), buf_str(&st->as_is));
	LIT(seal_buf(r->out), HEAD_GENERATED);
	buf_clear(&st->as_is);
}

static void item(struct buf *b, struct str value, const char *comment, bool valid)
{
	LIT(b, "{\"value\":\"");
	php_json_text(b, value);
	buf_printf(b, "\",\"comment\":\"%s\",\"valid\":%s}", comment, valid ? "true" : "false");
}

static void json_generated(struct export_run *r)
{
	struct yara_state *st = r->state;
	if (st->generated > 1)
		buf_putc(seal_buf(r->out), ',');
	item(seal_buf(r->out), buf_str(&st->rule), "Generated. ", true);
}

static void json_as_is(struct export_run *r, const struct rel_event *e, const struct misp_attr *a,
		       enum yara_verdict v)
{
	struct yara_state *st = r->state;
	(void)e;
	if (st->as_is_n > 1)
		buf_putc(&st->as_is, ',');
	if (v == YARA_GOOD)
		item(&st->as_is, buf_str(&st->rule), "Loaded from source. ", true);
	else if (v == YARA_BROKEN)
		item(&st->as_is, a->value, "Broken yara attribute. Could not parse or repair.", false);
	else
		item(&st->as_is, a->value, why(v), false);
}

static const struct form as_text = {text_generated, text_as_is};
static const struct form as_json = {json_generated, json_as_is};

/* ---- walking ---- */

static enum err begin(struct export_run *r, const char *opens)
{
	struct yara_state *st = r->state;
	buf_init(&st->strings, LINES_MAX);
	buf_init(&st->conditions, LINES_MAX);
	buf_init(&st->rule, 3 * LINES_MAX);
	buf_init(&st->as_is, WAITING_MAX);
	buf_puts(seal_buf(r->out), opens);
	return buf_err(seal_buf(r->out));
}

static enum err text_begin(struct export_run *r)
{
	return begin(r, HEAD_GENERATED);
}

static enum err json_begin(struct export_run *r)
{
	return begin(r, "{\"generated\":[");
}

static enum err yara_event(struct export_run *r, const struct rel_event *e)
{
	struct yara_state *st = r->state;
	(void)e;
	seal_count(r->out, 1, 0);
	st->part = 0;
	return ERR_OK;
}

static void flush(struct export_run *r, const struct rel_event *e, const struct misp_attr *a,
		  const struct form *form)
{
	struct yara_state *st = r->state;
	if (!st->strings.n && !st->conditions.n)
		return;
	rule_make(r, e, a);
	st->generated++;
	form->generated(r);
}

static enum err errors(const struct export_run *r)
{
	const struct yara_state *st = r->state;
	TRY(buf_err(&st->strings));
	TRY(buf_err(&st->conditions));
	TRY(buf_err(&st->rule));
	TRY(buf_err(&st->as_is));
	return buf_err(seal_buf(r->out));
}

static enum err element(struct export_run *r, const struct rel_event *e, const struct rel_element *el,
			const struct form *form)
{
	struct yara_state *st = r->state;
	if (el->kind != EL_ATTR)
		return ERR_OK;
	seal_count(r->out, 0, 1);
	if (el->attr->type == ATTR_YARA) {
		enum yara_verdict v = yara_check(el->attr->value, &st->names, &st->rule);
		st->as_is_n++;
		form->as_is(r, e, el->attr, v);
		return errors(r);
	}
	if (!value_add(st, el->attr))
		return ERR_OK;
	bool alone = r->opts->scope == EXPORT_ATTRIBUTES;
	if (alone || ++st->n_attrs >= RULE_STRINGS_MAX)
		flush(r, e, alone ? el->attr : NULL, form);
	return errors(r);
}

static enum err text_element(struct export_run *r, const struct rel_event *e,
			     const struct rel_element *el)
{
	return element(r, e, el, &as_text);
}

static enum err json_element(struct export_run *r, const struct rel_event *e,
			     const struct rel_element *el)
{
	return element(r, e, el, &as_json);
}

static enum err text_event_end(struct export_run *r, const struct rel_event *e)
{
	if (r->opts->scope == EXPORT_EVENTS)
		flush(r, e, NULL, &as_text);
	return errors(r);
}

static enum err json_event_end(struct export_run *r, const struct rel_event *e)
{
	if (r->opts->scope == EXPORT_EVENTS)
		flush(r, e, NULL, &as_json);
	return errors(r);
}

static enum err text_end(struct export_run *r)
{
	const struct yara_state *st = r->state;
	LIT(seal_buf(r->out), HEAD_AS_IS);
	buf_str_add(seal_buf(r->out), buf_str(&st->as_is));
	return buf_err(seal_buf(r->out));
}

static enum err json_end(struct export_run *r)
{
	const struct yara_state *st = r->state;
	LIT(seal_buf(r->out), "],\"as-is\":[");
	buf_str_add(seal_buf(r->out), buf_str(&st->as_is));
	LIT(seal_buf(r->out), "]}");
	return buf_err(seal_buf(r->out));
}

static void yara_free(void *state)
{
	struct yara_state *st = state;
	seen_free(&st->names);
	buf_free(&st->strings);
	buf_free(&st->conditions);
	buf_free(&st->rule);
	buf_free(&st->as_is);
}

EXPORT_CARRIES(yara_carries_made, yara_types)

static bool yara_carry(uint16_t type)
{
	return type == ATTR_YARA || yara_carries_made(type);
}

const struct exporter export_yara = {
	.name = "yara",
	.media = "text/plain",
	.type_name = "txt",
	.event_type_name = "yara",
	.doc = "YARA rules, made from values and those of attributes that compile",
	.drops = "comment, tags; values of less than 4 or more than 1500 bytes; rules that do not compile, global ones",
	.carries = yara_carry,
	.scopes = EXPORT_EVENTS | EXPORT_ATTRIBUTES,
	.state_size = sizeof(struct yara_state),
	.begin = text_begin,
	.event = yara_event,
	.element = text_element,
	.event_end = text_event_end,
	.end = text_end,
	.free_state = yara_free,
};

const struct exporter export_yara_json = {
	.name = "yara-json",
	.media = "application/json",
	.type_name = "json",
	.doc = "the same as JSON, with those that do not compile, marked",
	.drops = "comment, tags; values of less than 4 or more than 1500 bytes; global rules",
	.carries = yara_carry,
	.scopes = EXPORT_EVENTS | EXPORT_ATTRIBUTES,
	.state_size = sizeof(struct yara_state),
	.begin = json_begin,
	.event = yara_event,
	.element = json_element,
	.event_end = json_event_end,
	.end = json_end,
	.free_state = yara_free,
};
