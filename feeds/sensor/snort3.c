/*
 * snort3.c - rules for Snort 3, its reputation list and the manifest that names it. Snort has no
 * buffers for questions of DNS and names of TLS: they are looked for in the form in which they travel.
 */
#include <stdio.h>

#include "feeds/sensor/ids_rule.h"

static const struct sensor_param rules_params[] = {PARAM_IDS, {NULL, NULL, NULL, NULL}};

struct rules_state {
	struct ids ids;
};

static enum err rules_begin(struct sensor_run *r)
{
	struct rules_state *st = r->state;
	ids_read(r, &st->ids);
	st->ids.snort = true;
	return ERR_OK;
}

static void rule_ip(struct ids *s)
{
	const struct indicator *i = s->i;
	OWN(buf) struct buf head = BUF(400);
	bool port = i->kind == IND_IP_PORT, from = i->direction == IND_FROM;
	struct str addr = i->value;
	if (port)
		addr = addr.p[0] == '[' ? str_sub(addr, 1, (size_t)str_chr(addr, ']') - 1)
					: str_sub(addr, 0, (size_t)str_chr(addr, ':'));
	const char *proto = port ? "tcp" : "ip";
	if (from)
		buf_printf(&head, "%s [%.*s] ", proto, STR_ARG(addr));
	else
		buf_printf(&head, "%s $HOME_NET any %s [%.*s] ", proto, i->direction == IND_TO ? "->" : "<>",
			   STR_ARG(addr));
	if (port)
		buf_u64(&head, i->port);
	else
		buf_puts(&head, "any");
	if (from)
		buf_puts(&head, " -> $HOME_NET any");
	ids_open(s, buf_str(&head));
	s->r->out->n--;
	ids_close(s);
}

/* A request to a host of this name, or (below) of a name that ends in it. */
static void rule_host(struct ids *s, struct str v, bool below)
{
	OWN(buf) struct buf text = BUF(300);
	struct buf *b = s->r->out;
	if (below)
		buf_putc(&text, '.');
	buf_str_add(&text, v);
	ids_open(s, STR("http"));
	PUT(b, "http_header:field host; ");
	ids_contents(s, buf_str(&text), "", true);
	if (below)
		PUT(b, " isdataat:!1,relative;");
	else
		buf_printf(b, " bufferlen:%zu;", v.n);
	ids_close(s);
}

/* As a question of DNS has it: each label behind its length, 0 at the end. Behind it, at the start of
   the question, stands nothing of a name alone. */
static void rule_name(struct ids *s)
{
	OWN(buf) struct buf wire = BUF(300);
	char first[40] = "";
	struct str rest = s->i->value, label;
	while (rest.p) {
		rest = str_split(rest, '.', &label);
		buf_putc(&wire, (char)label.n);
		buf_str_add(&wire, label);
	}
	buf_putc(&wire, '\0');
	if (s->i->kind == IND_HOST)
		snprintf(first, sizeof(first), "offset 12,depth %zu", MIN(wire.n, (size_t)200));
	ids_open(s, STR("udp $HOME_NET any -> any 53"));
	ids_contents(s, buf_str(&wire), first, true);
	ids_close(s);
	rule_host(s, s->i->value, false);
	if (s->i->kind == IND_DOMAIN)
		rule_host(s, s->i->value, true);
}

static bool rule_url(struct ids *s)
{
	struct buf *b = s->r->out;
	OWN(buf) struct buf path = BUF(64u << 10);
	struct piece_url u;
	if (!piece_url_split(s->i->value, &u) || !piece_url_is_http(&u) || u.host.n > 255)
		return false;
	if (!u.path.n || u.path.p[0] != '/')
		buf_putc(&path, '/');
	piece_percent(&path, u.path);
	ids_open(s, STR("http"));
	PUT(b, "http_header:field host; ");
	/* a port may stand behind it, so its length is not that of the field */
	char first[20];
	snprintf(first, sizeof(first), "depth %zu", MIN(u.host.n, (size_t)200));
	ids_contents(s, u.host, first, true);
	PUT(b, " http_raw_uri; ");
	ids_contents(s, buf_str(&path), "", false);
	buf_printf(b, " bufferlen:%zu;", path.n);
	ids_close(s);
	return true;
}

static enum err rules_item(struct sensor_run *r, const struct indicator *i)
{
	struct rules_state *st = r->state;
	struct ids *s = &st->ids;
	size_t at = r->out->n;
	bool good = true;
	s->i = i;
	s->rules = 0;
	if (i->kind == IND_SNORT) {
		good = ids_foreign(s, i->value);
	} else if (i->kind == IND_URL) {
		good = rule_url(s);
	} else if (IND_NAMES >> i->kind & 1) {
		rule_name(s);
	} else if (i->kind == IND_USER_AGENT) {
		ids_open(s, STR("http"));
		PUT(r->out, "http_header:field user-agent; ");
		ids_contents(s, i->value, "", false);
		buf_printf(r->out, " bufferlen:%zu;", i->value.n);
		ids_close(s);
	} else {
		rule_ip(s);
	}
	TRY(buf_err(r->out));
	if (!good || ids_too_long(r->out, at)) {
		r->out->n = at;
		return piece_left_out(r);
	}
	r->entries += s->rules;
	return ERR_OK;
}

const struct sensor_format sensor_snort3_rules = {
	.name = "snort3-rules",
	.kinds = IND_BIT(IP) | IND_BIT(IP_PORT) | IND_NAMES | IND_BIT(URL) | IND_BIT(USER_AGENT) |
		 IND_BIT(SNORT),
	.flags = SENSOR_CONTEXT | SENSOR_NUMBERED,
	.params = rules_params,
	.state_size = sizeof(struct rules_state),
	.begin = rules_begin,
	.item = rules_item,
};

/* ---- reputation ---- */

static bool is_part(struct str v)
{
	return str_is(v, "list") || str_is(v, "manifest");
}

static bool is_deed(struct str v)
{
	return str_is(v, "block") || str_is(v, "allow") || str_is(v, "monitor");
}

/* Beside the manifest. */
static bool is_file(struct str v)
{
	return sensor_word(v) && v.p[0] != '.' && str_chr(v, '/') < 0;
}

static bool is_list_id(struct str v)
{
	uint64_t n;
	return str_u64(v, &n) && n >= 1 && n <= UINT32_MAX;
}

static const struct sensor_param list_params[] = {
	{"part", "list", "list, or manifest (interface.info, which names the list)", is_part},
	{"file", "tocsin.blf", "name of the list's file, for the manifest", is_file},
	{"list_id", "1", "number of the list, for the manifest", is_list_id},
	{"action", "block", "block, allow or monitor, for the manifest", is_deed},
	{NULL, NULL, NULL, NULL},
};

struct list_state {
	bool list;
};

static enum err list_begin(struct sensor_run *r)
{
	struct list_state *st = r->state;
	st->list = str_is(sensor_param_get(r, "part"), "list");
	if (!st->list)
		buf_printf(r->out, "%.*s,%.*s,%.*s\n", STR_ARG(sensor_param_get(r, "file")),
			   STR_ARG(sensor_param_get(r, "list_id")), STR_ARG(sensor_param_get(r, "action")));
	return buf_err(r->out);
}

static enum err list_item(struct sensor_run *r, const struct indicator *i)
{
	const struct list_state *st = r->state;
	return st->list ? piece_item(r, i) : ERR_OK;
}

const struct sensor_format sensor_snort3_reputation = {
	.name = "snort3-reputation",
	.kinds = IND_BIT(IP),
	.params = list_params,
	.state_size = sizeof(struct list_state),
	.begin = list_begin,
	.item = list_item,
};
