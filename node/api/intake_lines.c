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
