/*
 * suricata_dataset.c - files that the dataset keyword of Suricata loads, a row for each kind of data,
 * and the numbers beside them that datarep loads. Strings stand in Base64, so nothing in a value can
 * break a line. Changes are commands for Suricata's unix socket, one JSON object a line.
 *
 * A line that Suricata cannot read ends it at the start, so what it could not read never stands here:
 * it takes lines in pieces of 1,023 bytes, and addresses without prefix length.
 */
#include <string.h>

#include "base/hash.h"
#include "feeds/sensor/pieces.h"

#define DATA_MAX 1000

/* ---- data ---- */

static void put_string(struct buf *b, const struct indicator *i)
{
	base64_encode(b, i->value);
}

/* For the transformation dotprefix: the name itself and all below it end in it. */
static void put_dotted(struct buf *b, const struct indicator *i)
{
	char text[256] = ".";
	memcpy(text + 1, i->value.p, MIN(i->value.n, sizeof(text) - 1));
	base64_encode(b, (struct str){text, MIN(i->value.n + 1, sizeof(text))});
}

/* As tls.cert_fingerprint has it. */
static void put_colons(struct buf *b, const struct indicator *i)
{
	OWN(buf) struct buf text = BUF(256);
	piece_colons(&text, i->value);
	base64_encode(b, buf_str(&text));
}

static void put_plain(struct buf *b, const struct indicator *i)
{
	buf_str_add(b, i->value);
}

/* X(identifier, name, kind, type of set, data) */
#define SETS(X)                                                                                    \
	X(domain, "domain", DOMAIN, "string", put_string)                                          \
	X(subdomain, "subdomain", DOMAIN, "string", put_dotted)                                    \
	X(hostname, "hostname", HOST, "string", put_string)                                        \
	X(url, "url", URL, "string", put_string)                                                   \
	X(useragent, "user-agent", USER_AGENT, "string", put_string)                               \
	X(ja3, "ja3", JA3, "string", put_string)                                                   \
	X(filename, "filename", FILENAME, "string", put_string)                                    \
	X(cert, "cert-sha1", CERT_SHA1, "string", put_colons)                                      \
	X(ip, "ip", IP, "ip", put_plain)                                                           \
	X(md5, "md5", MD5, "md5", put_plain)                                                       \
	X(sha256, "sha256", SHA256, "sha256", put_plain)

static const struct set_row {
	const char *name, *type;
	void (*put)(struct buf *b, const struct indicator *i);
	uint8_t kind;
} sets[] = {
#define X(ident, name, kind, type, put) {name, type, put, IND_##kind},
	SETS(X)
#undef X
};

/* The data of an indicator at the end of the buffer; false, and nothing there: it is too long. */
static bool data_put(struct sensor_run *r, const struct set_row *set, const struct indicator *i)
{
	size_t at = r->out->n;
	if (i->kind == IND_IP && !piece_one_address(i))
		return false;
	if (i->value.n > DATA_MAX)
		return false;
	set->put(r->out, i);
	if (r->out->n - at > DATA_MAX) {
		r->out->n = at;
		return false;
	}
	return true;
}

/* ---- datasets ---- */

static enum err item_of(struct sensor_run *r, const struct set_row *set, const struct indicator *i)
{
	if (!data_put(r, set, i))
		return piece_left_out(r);
	buf_putc(r->out, '\n');
	r->entries++;
	return buf_err(r->out);
}

static enum err change_of(struct sensor_run *r, const struct set_row *set, enum sensor_op op,
			  const struct indicator *i)
{
	size_t at = r->out->n;
	struct str name = sensor_param_get(r, "set");
	if (op == SENSOR_GONE)
		PUT(r->out, "{\"command\":\"dataset-remove\",\"arguments\":{\"setname\":\"");
	else
		PUT(r->out, "{\"command\":\"dataset-add\",\"arguments\":{\"setname\":\"");
	if (name.n) {
		buf_str_add(r->out, name);
	} else {
		PUT(r->out, "tocsin-");
		buf_puts(r->out, set->name);
	}
	PUT(r->out, "\",\"settype\":\"");
	buf_puts(r->out, set->type);
	PUT(r->out, "\",\"datavalue\":\"");
	if (!data_put(r, set, i)) {
		r->out->n = at;
		return buf_err(r->out);
	}
	PUT(r->out, "\"}}\n");
	return buf_err(r->out);
}

static bool is_set_name(struct str v)
{
	return !v.n || piece_is_name(v);
}

static const struct sensor_param set_params[] = {
	{"set", "", "name of the set in rules, up to 60 letters, digits, - and _; empty: tocsin-KIND",
	 is_set_name},
	{NULL, NULL, NULL, NULL},
};

enum {
#define X(ident, ...) SET_##ident,
	SETS(X)
#undef X
};

#define X(ident, what, kind, type, put)                                                            \
	static enum err ident##_item(struct sensor_run *r, const struct indicator *i)              \
	{                                                                                          \
		return item_of(r, &sets[SET_##ident], i);                                          \
	}                                                                                          \
	static enum err ident##_change(struct sensor_run *r, enum sensor_op op,                    \
				       const struct indicator *i)                                  \
	{                                                                                          \
		return change_of(r, &sets[SET_##ident], op, i);                                    \
	}                                                                                          \
	const struct sensor_format sensor_suricata_dataset_##ident = {                             \
		.name = "suricata-dataset-" what,                                                  \
		.kinds = IND_BIT(kind),                                                            \
		.params = set_params,                                                              \
		.item = ident##_item,                                                              \
		.change = ident##_change,                                                          \
	};
SETS(X)
#undef X

/* ---- datarep ---- */

static bool is_data(struct str v)
{
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		if (str_is(v, sets[i].name))
			return true;
	return false;
}

static bool is_rep(struct str v)
{
	uint64_t n;
	return str_u64(v, &n) && n <= UINT16_MAX;
}

static const struct sensor_param rep_params[] = {
	{"data", "domain",
	 "domain, subdomain, hostname, url, user-agent, ja3, filename, cert-sha1, ip, md5 or sha256",
	 is_data},
	PARAM_LEVELS(is_rep, "900", "600", "300", "100", "value (up to 65535)"),
	{NULL, NULL, NULL, NULL},
};

struct rep_state {
	const struct set_row *set;
	struct piece_levels levels;
};

static enum err rep_begin(struct sensor_run *r)
{
	struct rep_state *st = r->state;
	struct str data = sensor_param_get(r, "data");
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		if (str_is(data, sets[i].name))
			st->set = &sets[i];
	piece_levels_get(r, &st->levels);
	return ERR_OK;
}

static enum err rep_item(struct sensor_run *r, const struct indicator *i)
{
	const struct rep_state *st = r->state;
	if (i->kind != st->set->kind)
		return ERR_OK;
	if (!data_put(r, st->set, i))
		return piece_left_out(r);
	buf_putc(r->out, ',');
	buf_str_add(r->out, piece_level(&st->levels, i));
	buf_putc(r->out, '\n');
	r->entries++;
	return buf_err(r->out);
}

#define X(ident, name, kind, type, put) | IND_BIT(kind)
const struct sensor_format sensor_suricata_datarep = {
	.name = "suricata-datarep",
	.kinds = 0 SETS(X),
	.params = rep_params,
	.state_size = sizeof(struct rep_state),
	.begin = rep_begin,
	.item = rep_item,
};
#undef X
