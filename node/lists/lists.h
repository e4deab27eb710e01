/*
 * lists.h - warning lists, notice lists, object templates and decaying models: folders to rows, and
 * the compiled set of warning lists.
 *
 * Any thread may ask. Rows are read through the store; only the warning lists are kept compiled.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "base/own.h"
#include "store/store.h"
#include "warnlist/warnlist.h"

enum list_kind { LIST_WARNING, LIST_NOTICE, LIST_TEMPLATE, LIST_DECAY, LIST_KINDS };

struct lists_conf {
	struct store *store;
	struct {
		const char *const *v;
		size_t n;
	} folders[LIST_KINDS]; /* the configuration's, which outlives this */
};

struct lists;

/* Nothing is read yet: lists_update() and lists_compile() do. NULL: no memory. */
struct lists *lists_new(const struct lists_conf *c);
void lists_free(struct lists *l);

/* What an update did; `left_out` with the first reason (a file and why). */
struct lists_update {
	size_t added, updated, current, left_out;
	struct fail why;
};
/*
 * Read the folders of a kind and write what is new or newer, in one transaction. A document that
 * is none is left out and counted; ERR_LIMIT when the folders hold more than fits in memory.
 * Warning lists are compiled again. Not on the writer.
 */
MUST_USE enum err lists_update(struct lists *l, enum list_kind k, struct lists_update *out,
			       struct fail *f);

/* All kinds, at start and on reload; what cannot be read is logged and keeps nobody from working. */
MUST_USE enum err lists_refresh(struct lists *l, struct fail *f);

/* Compile the enabled warning lists; after a change of their rows. What was compiled stays when that
   fails. */
MUST_USE enum err lists_compile(struct lists *l, struct fail *f);
/* The compiled set, a reference for the caller; NULL: none is enabled. */
struct warnlists *lists_warnings(struct lists *l);

/* JSON text of a row of warning lists in the form of list.json, appended to `out`; with the category,
   which MISP's export leaves out, only for ourselves. */
void lists_warning_json(struct buf *out, const struct misp_warnlist *row, bool category);
