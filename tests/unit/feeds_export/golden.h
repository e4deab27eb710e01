/*
 * golden.h - drives exporters over events read from a recorded MISP JSON answer, without store or
 * gate, and compares what comes out with a recorded export.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "feeds/export/export.h"

struct golden;

/* Whole contents of a gzip file; false when it cannot be read. */
bool golden_file(const char *path, struct buf *out);
/* Events of {"response":[{"Event":..}]} in a gzip file. NULL when it cannot be read. */
struct golden *golden_load(const char *path);
struct golden *golden_parse(const char *json, size_t n);
void golden_free(struct golden *g);

struct golden_filter {
	const char *event_id; /* only this one */
	bool unpublished_too, not_to_ids_too, nothing;
	const char *type; /* attribute scope: only this one */
};
/* Run an exporter; rows that are restrictive see only published events and to_ids. */
enum err golden_run(struct golden *g, const struct exporter *x, const struct export_opts *opts,
		    const struct golden_filter *f, struct buf *out);
/* As it was, except that `show` says whether local numbers may be seen. */
void golden_show_ids(struct golden *g, bool show);
/* A TAP result; on difference the first differing line of both. */
void golden_is(struct str got, struct str want, const char *name);
