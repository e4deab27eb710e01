/*
 * suricata_lists.c - lists that Suricata reads beside rules: reputation of addresses (iprep) and its
 * categories, digests for the keywords filemd5, filesha1 and filesha256.
 */
#include "feeds/sensor/pieces.h"

/* ---- reputation ---- */

static bool is_part(struct str v)
{
	return str_is(v, "list") || str_is(v, "categories");
}

static bool is_category(struct str v)
{
	uint64_t n;
	return str_u64(v, &n) && n >= 1 && n <= 60;
}

static bool is_score(struct str v)
{
	uint64_t n;
	return str_u64(v, &n) && n >= 1 && n <= 127;
}

static const struct sensor_param iprep_params[] = {
	{"part", "list", "list, or categories (the file that names the category)", is_part},
	{"category", "1", "number of the category, 1 to 60", is_category},
	{"short", "tocsin", "short name of the category, up to 60 letters, digits, - and _", piece_is_name},
	PARAM_LEVELS(is_score, "120", "90", "60", "30", "score (1 to 127)"),
	{NULL, NULL, NULL, NULL},
};

struct iprep_state {
	struct str category;
	struct piece_levels levels;
	bool list;
};

static enum err iprep_begin(struct sensor_run *r)
{
	struct iprep_state *st = r->state;
	st->list = str_is(sensor_param_get(r, "part"), "list");
	st->category = sensor_param_get(r, "category");
	piece_levels_get(r, &st->levels);
	if (st->list)
		return ERR_OK;
	buf_str_add(r->out, st->category);
	buf_putc(r->out, ',');
	buf_str_add(r->out, sensor_param_get(r, "short"));
	PUT(r->out, ",Indicators shared by ");
	piece_text(r->out, r->opts->source, ",#", 60);
	buf_putc(r->out, '\n');
	return buf_err(r->out);
}

static enum err iprep_item(struct sensor_run *r, const struct indicator *i)
{
	const struct iprep_state *st = r->state;
	if (!st->list)
		return ERR_OK;
	buf_str_add(r->out, i->value);
	buf_putc(r->out, ',');
	buf_str_add(r->out, st->category);
	buf_putc(r->out, ',');
	buf_str_add(r->out, piece_level(&st->levels, i));
	buf_putc(r->out, '\n');
	r->entries++;
	return buf_err(r->out);
}

const struct sensor_format sensor_suricata_iprep = {
	.name = "suricata-iprep",
	.kinds = IND_BIT(IP),
	.params = iprep_params,
	.state_size = sizeof(struct iprep_state),
	.begin = iprep_begin,
	.item = iprep_item,
};

/* ---- digests of files ---- */

const struct sensor_format sensor_suricata_filemd5 = {
	.name = "suricata-filemd5", .kinds = IND_BIT(MD5), .item = piece_item};
const struct sensor_format sensor_suricata_filesha1 = {
	.name = "suricata-filesha1", .kinds = IND_BIT(SHA1), .item = piece_item};
const struct sensor_format sensor_suricata_filesha256 = {
	.name = "suricata-filesha256", .kinds = IND_BIT(SHA256), .item = piece_item};
