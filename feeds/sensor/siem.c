/*
 * siem.c - indicators for systems that compare logs: Elastic (documents of the Common Schema, one a
 * line) and Splunk (a CSV lookup). What the two call fields is told in their tables below.
 */
#include "base/clock.h"
#include "base/hash.h"
#include "base/jsonw.h"
#include "feeds/sensor/pieces.h"
#include "model/ascii.h"

/* ---- Elastic ---- */

/* threat.indicator.type, and where the value stands below threat.indicator. */
static const struct ecs_row {
	uint8_t kind;
	const char *type, *outer, *inner, *leaf;
} ecs_rows[] = {
	{IND_DOMAIN, "domain-name", "url", "domain", NULL},
	{IND_HOST, "domain-name", "url", "domain", NULL},
	{IND_URL, "url", "url", "full", NULL},
	{IND_MD5, "file", "file", "hash", "md5"},
	{IND_SHA1, "file", "file", "hash", "sha1"},
	{IND_SHA224, "file", "file", "hash", "sha224"},
	{IND_SHA256, "file", "file", "hash", "sha256"},
	{IND_SHA384, "file", "file", "hash", "sha384"},
	{IND_SHA512, "file", "file", "hash", "sha512"},
	{IND_FILENAME, "file", "file", "name", NULL},
	{IND_EMAIL, "email-addr", "email", "address", NULL},
	{IND_EMAIL_SRC, "email-addr", "email", "address", NULL},
	{IND_EMAIL_DST, "email-addr", "email", "address", NULL},
	{IND_CERT_SHA1, "x509-certificate", "x509", "hash", "sha1"},
	{IND_CERT_SHA256, "x509-certificate", "x509", "hash", "sha256"},
	{IND_CERT_MD5, "x509-certificate", "x509", "hash", "md5"},
	{IND_REGKEY, "windows-registry-key", "registry", "path", NULL},
	{IND_USER_AGENT, "user-agent", "user_agent", "original", NULL},
	{IND_JA3, "ja3", "tls", "client", "ja3"},
	{IND_MUTEX, "mutex", "mutex", "name", NULL},
};

static bool is_index(struct str v)
{
	for (size_t i = 0; i < v.n; i++)
		if (!(v.p[i] >= 'a' && v.p[i] <= 'z') && !(v.p[i] >= '0' && v.p[i] <= '9') &&
		    (!i || !strchr("-_.", v.p[i])))
			return false;
	return v.n <= 200;
}

static const struct sensor_param ecs_params[] = {
	{"index", "", "name of an index: with it a line of _bulk stands before each document; empty: documents alone",
	 is_index},
	{NULL, NULL, NULL, NULL},
};

static void two_digits(char *p, int n)
{
	p[0] = (char)('0' + n / 10);
	p[1] = (char)('0' + n % 10);
}

static void time_kv(struct jsonw *w, const char *key, int64_t t)
{
	struct clock_civil c;
	char text[] = "0000-00-00T00:00:00Z";
	if (t <= 0 || t >= INT64_C(253402300800)) /* to the end of the year 9999 */
		return;
	c = clock_to_civil(t);
	two_digits(text, c.year / 100);
	two_digits(text + 2, c.year % 100);
	two_digits(text + 5, c.month);
	two_digits(text + 8, c.day);
	two_digits(text + 11, c.hour);
	two_digits(text + 14, c.minute);
	two_digits(text + 17, c.second);
	jsonw_key(w, key);
	jsonw_str(w, (struct str){text, sizeof(text) - 1});
}

static const struct ecs_row *ecs_row_of(const struct indicator *i)
{
	for (size_t k = 0; k < ARRAY_LEN(ecs_rows); k++)
		if (ecs_rows[k].kind == i->kind)
			return &ecs_rows[k];
	return NULL;
}

static void ecs_value(struct jsonw *w, const struct indicator *i)
{
	const struct ecs_row *row = ecs_row_of(i);
	if (i->kind == IND_IP || i->kind == IND_IP_PORT) {
		struct str addr = i->value;
		if (i->kind == IND_IP_PORT && addr.p[0] == '[')
			addr = str_sub(addr, 1, (size_t)str_chr(addr, ']') - 1);
		else if (i->kind == IND_IP_PORT)
			addr = str_sub(addr, 0, (size_t)str_chr(addr, ':'));
		JSONW_KV(w, jsonw_c, "type", i->addr_n == 4 ? "ipv4-addr" : "ipv6-addr");
		/* a network is no address to Elastic */
		JSONW_KV(w, jsonw_str, i->kind == IND_IP && !piece_one_address(i) ? "network" : "ip", addr);
		if (i->kind == IND_IP_PORT)
			JSONW_KV(w, jsonw_uint, "port", i->port);
		return;
	}
	if (i->kind == IND_ASN) {
		uint64_t n = 0;
		JSONW_KV(w, jsonw_c, "type", "autonomous-system");
		jsonw_key(w, "as");
		jsonw_obj(w);
		JSONW_KV(w, jsonw_uint, "number", str_u64(i->value, &n) ? n : 0);
		jsonw_obj_end(w);
		return;
	}
	if (!row)
		return;
	JSONW_KV(w, jsonw_c, "type", row->type);
	jsonw_key(w, row->outer);
	jsonw_obj(w);
	jsonw_key(w, row->inner);
	if (row->leaf) {
		jsonw_obj(w);
		JSONW_KV(w, jsonw_str, row->leaf, i->value);
		jsonw_obj_end(w);
	} else {
		jsonw_str(w, i->value);
	}
	jsonw_obj_end(w);
}

/* The same document, the same id: kind and value. */
#define ECS_ID 40
static struct str ecs_id(const struct indicator *i, char hex[ECS_ID + 1])
{
	struct sha256 d;
	OWN(buf) struct buf text = BUF(1u << 20);
	buf_puts(&text, ind_kind_name(i->kind));
	buf_putc(&text, ':');
	buf_str_add(&text, i->value);
	d = hash_sha256(buf_str(&text));
	return (struct str){hash_hex(d.b, ECS_ID / 2, hex), ECS_ID};
}

static void ecs_action(struct sensor_run *r, const char *verb, struct str id)
{
	struct str index = sensor_param_get(r, "index");
	buf_printf(r->out, "{\"%s\":{", verb);
	if (index.n)
		buf_printf(r->out, "\"_index\":\"%.*s\",", STR_ARG(index));
	PUT(r->out, "\"_id\":\"");
	buf_str_add(r->out, id);
	PUT(r->out, "\"}}\n");
}

static void tags_put(struct jsonw *w, struct str tags)
{
	struct str tag;
	if (!tags.n)
		return;
	jsonw_key(w, "tags");
	jsonw_arr(w);
	while (tags.p && tags.n) {
		tags = str_split(tags, '\n', &tag);
		jsonw_str(w, tag);
	}
	jsonw_arr_end(w);
}

static enum err ecs_item(struct sensor_run *r, const struct indicator *i)
{
	struct jsonw w = jsonw_on(r->out);
	OWN(buf) struct buf url = BUF(4096);
	char hex[ECS_ID + 1];
	struct str id = ecs_id(i, hex);
	if (sensor_param_get(r, "index").n)
		ecs_action(r, "index", id);
	jsonw_obj(&w);
	time_kv(&w, "@timestamp", i->changed ? i->changed : 1);
	jsonw_key(&w, "event");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_c, "kind", "enrichment");
	jsonw_key(&w, "category");
	jsonw_arr(&w);
	jsonw_c(&w, "threat");
	jsonw_arr_end(&w);
	jsonw_key(&w, "type");
	jsonw_arr(&w);
	jsonw_c(&w, "indicator");
	jsonw_arr_end(&w);
	JSONW_KV(&w, jsonw_str, "id", id);
	jsonw_obj_end(&w);
	jsonw_key(&w, "threat");
	jsonw_obj(&w);
	jsonw_key(&w, "indicator");
	jsonw_obj(&w);
	ecs_value(&w, i);
	JSONW_KV(&w, jsonw_str, "name", i->value);
	if (r->opts->source.n)
		JSONW_KV(&w, jsonw_str, "provider", r->opts->source);
	if (i->comment.n)
		JSONW_KV(&w, jsonw_str, "description", i->comment);
	if (ind_tlp_name(i->tlp)[0]) {
		jsonw_key(&w, "marking");
		jsonw_obj(&w);
		char tlp[16] = ""; /* the schema has them in capitals: CLEAR, AMBER+STRICT */
		const char *name = ind_tlp_name(i->tlp);
		for (size_t k = 0; name[k] && k < sizeof(tlp) - 1; k++)
			tlp[k] = ascii_to_upper(name[k]);
		JSONW_KV(&w, jsonw_c, "tlp", tlp);
		jsonw_obj_end(&w);
	}
	time_kv(&w, "first_seen", i->first_seen);
	time_kv(&w, "last_seen", i->last_seen);
	time_kv(&w, "modified_at", i->changed);
	if (r->opts->base_url.n) {
		buf_str_add(&url, r->opts->base_url);
		PUT(&url, "/events/view/");
		piece_uuid(&url, i->event);
		JSONW_KV(&w, jsonw_str, "reference", buf_str(&url));
	}
	jsonw_obj_end(&w);
	if (i->info.n) {
		jsonw_key(&w, "feed");
		jsonw_obj(&w);
		JSONW_KV(&w, jsonw_str, "description", i->info);
		jsonw_obj_end(&w);
	}
	jsonw_obj_end(&w);
	tags_put(&w, i->tags);
	jsonw_obj_end(&w);
	buf_putc(r->out, '\n');
	r->entries++;
	return buf_err(r->out);
}

/* Lines for _bulk; without a name of an index, for that of an index (POST /INDEX/_bulk). */
static enum err ecs_change(struct sensor_run *r, enum sensor_op op, const struct indicator *i)
{
	char hex[ECS_ID + 1];
	if (op == SENSOR_GONE) {
		ecs_action(r, "delete", ecs_id(i, hex));
		return buf_err(r->out);
	}
	if (!sensor_param_get(r, "index").n)
		ecs_action(r, "index", ecs_id(i, hex));
	return ecs_item(r, i);
}

#define ECS_KINDS                                                                                  \
	(IND_BIT(IP) | IND_BIT(IP_PORT) | IND_NAMES | IND_BIT(URL) | KINDS_HASHES | IND_BIT(FILENAME) |  \
	 KINDS_EMAILS | IND_BIT(CERT_MD5) | IND_BIT(CERT_SHA1) | IND_BIT(CERT_SHA256) |                 \
	 IND_BIT(REGKEY) | IND_BIT(USER_AGENT) | IND_BIT(JA3) | IND_BIT(MUTEX) | IND_BIT(ASN))

const struct sensor_format sensor_ecs = {
	.name = "ecs",
	.kinds = ECS_KINDS,
	.flags = SENSOR_CONTEXT,
	.params = ecs_params,
	.item = ecs_item,
	.change = ecs_change,
};

/* ---- Splunk ---- */

static const struct sensor_param splunk_params[] = {PARAM_KINDS, {NULL, NULL, NULL, NULL}};

struct splunk_state {
	uint64_t kinds;
};

/* A lookup: the key, then what an alarm shows. Times are seconds, weight 3 is high. */
static enum err splunk_begin(struct sensor_run *r)
{
	struct splunk_state *st = r->state;
	st->kinds = piece_kinds_get(r);
	PUT(r->out, "value,kind,weight,tlp,description,threat_source,event_uuid,attribute_uuid,first_seen,last_seen\n");
	return buf_err(r->out);
}

static enum err splunk_item(struct sensor_run *r, const struct indicator *i)
{
	const struct splunk_state *st = r->state;
	struct buf *b = r->out;
	if (!(st->kinds >> i->kind & 1))
		return ERR_OK;
	sensor_csv_text(b, i->value);
	buf_putc(b, ',');
	buf_puts(b, ind_kind_name(i->kind));
	buf_putc(b, ',');
	buf_putc(b, "03211"[i->threat_level < 5 ? i->threat_level : 0]);
	buf_putc(b, ',');
	buf_puts(b, ind_tlp_name(i->tlp));
	buf_putc(b, ',');
	sensor_csv_text(b, i->info);
	buf_putc(b, ',');
	sensor_csv_text(b, r->opts->source);
	buf_putc(b, ',');
	piece_uuid(b, i->event);
	buf_putc(b, ',');
	piece_uuid(b, i->attr);
	buf_putc(b, ',');
	if (i->first_seen)
		buf_i64(b, i->first_seen);
	buf_putc(b, ',');
	if (i->last_seen)
		buf_i64(b, i->last_seen);
	buf_putc(b, '\n');
	r->entries++;
	return buf_err(b);
}

const struct sensor_format sensor_splunk = {
	.name = "splunk",
	.kinds = KINDS_VALUES,
	.flags = SENSOR_CONTEXT,
	.params = splunk_params,
	.state_size = sizeof(struct splunk_state),
	.begin = splunk_begin,
	.item = splunk_item,
};
