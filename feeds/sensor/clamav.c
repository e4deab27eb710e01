/*
 * clamav.c - signatures of digests for ClamAV: .hdb (MD5) and .hsb (SHA-1, SHA-256), of files of any
 * size. The name of a signature tells the event, so that an alarm leads to it.
 */
#include "feeds/sensor/pieces.h"

static enum err hash_item(struct sensor_run *r, const struct indicator *i)
{
	buf_str_add(r->out, i->value);
	PUT(r->out, ":*:Tocsin.");
	piece_uuid(r->out, i->event);
	PUT(r->out, ":73\n"); /* a size of * needs level 73 */
	r->entries++;
	return buf_err(r->out);
}

const struct sensor_format sensor_clamav_hdb = {
	.name = "clamav-hdb", .kinds = IND_BIT(MD5), .flags = SENSOR_SOURCE, .item = hash_item};
const struct sensor_format sensor_clamav_hsb = {
	.name = "clamav-hsb",
	.kinds = IND_BIT(SHA1) | IND_BIT(SHA256),
	.flags = SENSOR_SOURCE,
	.item = hash_item,
};
