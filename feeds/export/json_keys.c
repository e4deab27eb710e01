/*
 * json_keys.c - the keys of one event, for calls about them: all, or the one with number `key`.
 */
#include "base/jsonw.h"
#include "feeds/export/export.h"
#include "feeds/export/json_parts.h"

static void wrapped(struct buf *b, const struct misp_cryptokey *k, const struct rel_event *re)
{
	LIT(b, "{\"CryptographicKey\":");
	jp_cryptokey(b, k, re);
	buf_putc(b, '}');
}

static enum err view_event(struct export_run *r, const struct rel_event *re)
{
	struct buf *b = seal_buf(r->out);
	uint64_t id;
	struct str want = r->opts->param ? r->opts->param(r->opts->param_user, "key") : STR_NONE;
	if (!str_u64(want, &id))
		return ERR_OK;
	LIST_EACH(k, re->e->crypto_keys, struct misp_cryptokey)
		if (k->id == id)
			wrapped(b, k, re);
	return buf_err(b);
}

const struct exporter export_key_view = {
	.name = ".key",
	.media = "application/json",
	.type_name = "json",
	.doc = "one key of an event, as cryptographicKeys/view answers",
	.scopes = EXPORT_ONE_EVENT,
	.event = view_event,
};

static enum err list_begin(struct export_run *r)
{
	LIT(seal_buf(r->out), "[");
	return ERR_OK;
}

static enum err list_event(struct export_run *r, const struct rel_event *re)
{
	struct buf *b = seal_buf(r->out);
	LIST_EACH(k, re->e->crypto_keys, struct misp_cryptokey) {
		if (r->n++)
			buf_putc(b, ',');
		wrapped(b, k, re);
	}
	return buf_err(b);
}

static enum err list_end(struct export_run *r)
{
	LIT(seal_buf(r->out), "]");
	return buf_err(seal_buf(r->out));
}

const struct exporter export_key_list = {
	.name = ".keys",
	.media = "application/json",
	.type_name = "json",
	.doc = "the keys of an event, as cryptographicKeys/index answers",
	.scopes = EXPORT_ONE_EVENT,
	.begin = list_begin,
	.event = list_event,
	.end = list_end,
};
