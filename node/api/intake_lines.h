/* intake_lines.h - the lines (NDJSON) that tell what a fetch or a pull does, alike for both. */
#pragma once

#include "api/long_job.h"
#include "base/jsonw.h"
#include "sync/pass.h"

/* {"progress":{..}}, when one is due. */
void intake_line_progress(struct long_job *j, const struct intake_progress *p);
/* The problem, unless so many of `res` have been told that the rest is only counted. */
void intake_line_problem(struct long_job *j, const struct intake_result *res,
			 const struct intake_problem *p);
/* Members of an open object: what became of the events, and how much there was of them. */
void intake_line_counts(struct jsonw *w, const struct intake_result *res);
/* {"problem":{..}} for what did not travel, {"item":{..}} for what does (previews). */
void intake_line_item(struct long_job *j, const struct pass_item *item);
/* Members of an open object: what a pass came to, kind by kind, and what it cost. */
void intake_line_pass(struct jsonw *w, const struct pass_result *res);
