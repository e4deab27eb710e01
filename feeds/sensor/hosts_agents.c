/*
 * hosts_agents.c - files for agents on hosts: Wazuh's CDB lists, a table for osquery, indicators for
 * Kunai.
 */
#include "base/jsonw.h"
#include "feeds/sensor/pieces.h"

static const struct sensor_param kinds_params[] = {PARAM_KINDS, {NULL, NULL, NULL, NULL}};

struct kinds_state {
	uint64_t kinds;
};

static enum err kinds_begin(struct sensor_run *r)
{
	struct kinds_state *st = r->state;
	st->kinds = piece_kinds_get(r);
	return ERR_OK;
}

static bool is_wanted(const struct sensor_run *r, const struct indicator *i)
{
	const struct kinds_state *st = r->state;
	return st->kinds >> i->kind & 1;
}

/* ---- Wazuh ---- */

/*
 * key:value; keys with colons stand in quotes, and quotes within a key cannot be said. Networks are
 * prefixes that end in a dot, so only those of 8, 16 and 24 bits exist.
 */
static enum err wazuh_item(struct sensor_run *r, const struct indicator *i)
{
	struct str v = i->value;
	if (!is_wanted(r, i))
		return ERR_OK;
	if (str_chr(v, '"') >= 0 || (v.n && v.p[0] == '#'))
		return piece_left_out(r);
	if (i->kind == IND_IP && !piece_one_address(i)) {
		if (i->addr_n != 4 || i->prefix % 8)
			return piece_left_out(r);
		for (unsigned k = 0; k < i->prefix / 8u; k++) {
			buf_u64(r->out, i->addr[k]);
			buf_putc(r->out, '.');
		}
	} else if (str_chr(v, ':') >= 0) {
		buf_putc(r->out, '"');
		buf_str_add(r->out, v);
		buf_putc(r->out, '"');
	} else {
		buf_str_add(r->out, v);
	}
	buf_putc(r->out, ':');
	buf_puts(r->out, ind_kind_name(i->kind));
	buf_putc(r->out, '\n');
	r->entries++;
	return buf_err(r->out);
}

const struct sensor_format sensor_wazuh_cdb = {
	.name = "wazuh-cdb",
	.kinds = KINDS_VALUES & ~(IND_BIT(ASN) | IND_BIT(COMMUNITY_ID)),
	.params = kinds_params,
	.state_size = sizeof(struct kinds_state),
	.begin = kinds_begin,
	.item = wazuh_item,
};

/* ---- osquery ---- */

static bool is_table(struct str v)
{
	return piece_is_name(v) && str_chr(v, '-') < 0 && !(v.p[0] >= '0' && v.p[0] <= '9');
}

static const struct sensor_param osquery_params[] = {
	{"table", "tocsin", "name of the table: letters, digits and _", is_table},
	{NULL, NULL, NULL, NULL},
};

struct osquery_state {
	struct str table;
};

static enum err osquery_read(struct sensor_run *r)
{
	struct osquery_state *st = r->state;
	st->table = sensor_param_get(r, "table");
	return ERR_OK;
}

/* For sqlite3: osquery reads the file that it makes as a table (automatic table construction). */
static enum err osquery_begin(struct sensor_run *r)
{
	const struct osquery_state *st = r->state;
	TRY(osquery_read(r));
	buf_printf(r->out,
		   "BEGIN;\nDROP TABLE IF EXISTS %.*s;\nCREATE TABLE %.*s(kind TEXT NOT NULL, value TEXT NOT NULL, "
		   "event TEXT, PRIMARY KEY(kind, value)) WITHOUT ROWID;\n",
		   STR_ARG(st->table), STR_ARG(st->table));
	return buf_err(r->out);
}

static void sql_put(struct buf *b, struct str v)
{
	buf_putc(b, '\'');
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '\'')
			buf_putc(b, '\'');
		buf_putc(b, v.p[i]);
	}
	buf_putc(b, '\'');
}

static void insert(struct sensor_run *r, const struct indicator *i)
{
	const struct osquery_state *st = r->state;
	PUT(r->out, "INSERT OR REPLACE INTO ");
	buf_str_add(r->out, st->table);
	PUT(r->out, " VALUES('");
	buf_puts(r->out, ind_kind_name(i->kind));
	PUT(r->out, "',");
	sql_put(r->out, i->value);
	PUT(r->out, ",'");
	piece_uuid(r->out, i->event);
	PUT(r->out, "');\n");
}

static enum err osquery_item(struct sensor_run *r, const struct indicator *i)
{
	insert(r, i);
	r->entries++;
	return buf_err(r->out);
}

static enum err osquery_end(struct sensor_run *r)
{
	PUT(r->out, "COMMIT;\n");
	return buf_err(r->out);
}

static enum err osquery_change_begin(struct sensor_run *r)
{
	PUT(r->out, "BEGIN;\n");
	return osquery_read(r);
}

static enum err osquery_change(struct sensor_run *r, enum sensor_op op, const struct indicator *i)
{
	const struct osquery_state *st = r->state;
	if (op == SENSOR_COME) {
		insert(r, i);
		return buf_err(r->out);
	}
	PUT(r->out, "DELETE FROM ");
	buf_str_add(r->out, st->table);
	PUT(r->out, " WHERE kind='");
	buf_puts(r->out, ind_kind_name(i->kind));
	PUT(r->out, "' AND value=");
	sql_put(r->out, i->value);
	PUT(r->out, ";\n");
	return buf_err(r->out);
}

const struct sensor_format sensor_osquery = {
	.name = "osquery",
	.kinds = KINDS_VALUES,
	.params = osquery_params,
	.state_size = sizeof(struct osquery_state),
	.begin = osquery_begin,
	.flags = SENSOR_SOURCE,
	.item = osquery_item,
	.end = osquery_end,
	.change_begin = osquery_change_begin,
	.change = osquery_change,
	.change_end = osquery_end,
};

/* ---- Kunai ---- */

static const struct {
	uint8_t kind, severity;
	struct str type;
} kunai_kinds[] = {
	{IND_MD5, 10, STR("md5")},	 {IND_SHA1, 10, STR("sha1")},
	{IND_SHA256, 10, STR("sha256")}, {IND_SHA512, 10, STR("sha512")},
	{IND_DOMAIN, 7, STR("domain")},	 {IND_HOST, 7, STR("hostname")},
	{IND_IP, 5, STR("ip-dst")},
};

/* An object a line, as its tool that reads a MISP writes them; addresses alone, no networks. */
static enum err kunai_item(struct sensor_run *r, const struct indicator *i)
{
	struct buf *b = r->out;
	size_t k = 0;
	if (i->kind == IND_IP && !piece_one_address(i))
		return piece_left_out(r);
	while (k < ARRAY_LEN(kunai_kinds) && kunai_kinds[k].kind != i->kind)
		k++;
	if (BUG(k == ARRAY_LEN(kunai_kinds)))
		return ERR_BUG;
	PUT(b, "{\"type\":\"");
	buf_str_add(b, kunai_kinds[k].type);
	PUT(b, "\",\"uuid\":\"");
	piece_uuid(b, i->attr);
	PUT(b, "\",\"source\":");
	json_quote(b, r->opts->source.n ? r->opts->source : STR("tocsin"));
	PUT(b, ",\"value\":");
	json_quote(b, i->value);
	PUT(b, ",\"event_uuid\":\"");
	piece_uuid(b, i->event);
	PUT(b, "\",\"severity\":");
	buf_u64(b, kunai_kinds[k].severity);
	PUT(b, "}\n");
	r->entries++;
	return buf_err(b);
}

const struct sensor_format sensor_kunai = {
	.name = "kunai-ioc",
	.kinds = IND_BIT(MD5) | IND_BIT(SHA1) | IND_BIT(SHA256) | IND_BIT(SHA512) | IND_NAMES | IND_BIT(IP),
	.flags = SENSOR_SOURCE,
	.item = kunai_item,
};
