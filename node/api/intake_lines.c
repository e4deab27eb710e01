/*
 * intake_lines.c - lines of a fetch and a pull.
 */
#include "api/intake_lines.h"

void intake_line_progress(struct long_job *j, const struct intake_progress *p)
{
	OWN(buf) struct buf b = BUF(4096);
	struct jsonw w = jsonw_on(&b);
	if (!long_job_due(j))
		return;
	jsonw_obj(&w);
	jsonw_key(&w, "progress");
	jsonw_obj(&w);
	if (p->step)
		JSONW_KV(&w, jsonw_c, "step", p->step);
	JSONW_KV(&w, jsonw_uint, "listed", p->listed);
	JSONW_KV(&w, jsonw_uint, "total", p->total);
	JSONW_KV(&w, jsonw_uint, "done", p->done);
	JSONW_KV(&w, jsonw_uint, "failed", p->failed);
	JSONW_KV(&w, jsonw_uint, "bytes", p->bytes);
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	long_job_line(j, buf_str(&b), true);
}

void intake_line_problem(struct long_job *j, const struct intake_result *res,
			 const struct intake_problem *p)
{
	if (res->n_problems <= INTAKE_PROBLEMS_MAX)
		long_job_problem(j, p->uuid, p->err, p->text);
}

void intake_line_counts(struct jsonw *w, const struct intake_result *res)
{
	JSONW_KV(w, jsonw_uint, "added", res->added);
	JSONW_KV(w, jsonw_uint, "updated", res->updated);
	JSONW_KV(w, jsonw_uint, "unchanged", res->unchanged);
	JSONW_KV(w, jsonw_uint, "refused", res->refused);
	JSONW_KV(w, jsonw_uint, "failed", res->failed);
	JSONW_KV(w, jsonw_uint, "attributes", res->attributes);
	JSONW_KV(w, jsonw_uint, "bytes", res->bytes);
}

void intake_line_item(struct long_job *j, const struct pass_item *item)
{
	OWN(buf) struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, item->what <= PASS_ITEM_UPDATED ? "item" : "problem");
	jsonw_obj(&w);
	JSONW_KV(&w, jsonw_c, "kind", pass_kind_name(item->kind));
	if (!uuid_is_nil(item->uuid))
		JSONW_KV(&w, jsonw_uuid, "uuid", item->uuid);
	JSONW_KV(&w, jsonw_c, "error", pass_what_name(item->what));
	if (item->bytes)
		JSONW_KV(&w, jsonw_uint, "bytes", item->bytes);
	JSONW_KV(&w, jsonw_c, "text", item->text ? item->text : "");
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	long_job_line(j, buf_str(&b), false);
}

static void count(struct jsonw *w, const char *key, const struct pass_count *n)
{
	jsonw_key(w, key);
	jsonw_obj(w);
	JSONW_KV(w, jsonw_uint, "listed", n->listed);
	JSONW_KV(w, jsonw_uint, "current", n->current);
	JSONW_KV(w, jsonw_uint, "added", n->added);
	JSONW_KV(w, jsonw_uint, "updated", n->updated);
	JSONW_KV(w, jsonw_uint, "refused", n->refused);
	JSONW_KV(w, jsonw_uint, "failed", n->failed);
	JSONW_KV(w, jsonw_uint, "held", n->held);
	JSONW_KV(w, jsonw_uint, "local", n->local);
	JSONW_KV(w, jsonw_uint, "blocked", n->blocked);
	JSONW_KV(w, jsonw_uint, "bytes", n->bytes);
	jsonw_obj_end(w);
}

void intake_line_pass(struct jsonw *w, const struct pass_result *res)
{
	JSONW_KV(w, jsonw_c, "version", res->hello.version);
	JSONW_KV(w, jsonw_bool, "whole", res->whole);
	JSONW_KV(w, jsonw_uint, "requests", res->requests);
	JSONW_KV(w, jsonw_uint, "bytes_in", res->bytes_in);
	JSONW_KV(w, jsonw_uint, "bytes_out", res->bytes_out);
	JSONW_KV(w, jsonw_uint, "attributes", res->attributes);
	for (enum pass_kind k = 0; k < PASS_KIND_COUNT; k++)
		count(w, pass_kind_name(k), &res->n[k]);
}
