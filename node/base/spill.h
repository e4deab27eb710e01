/*
 * spill.h - bytes that are gathered first and read afterwards: in memory while they are few, then in a file
 * without a name. A crash leaves nothing behind.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

struct spill {
	const char *dir; /* of the file; NULL: memory only */
	uint64_t max; /* ERR_LIMIT beyond */
	uint64_t n;
	struct buf mem; /* what is not in the file */
	uint64_t in_file;
	int fd; /* -1: none */
	void *map;
};

/* Nothing is allocated yet; `dir` must live on. */
void spill_init(struct spill *s, const char *dir, uint64_t max);
MUST_USE enum err spill_add(struct spill *s, const void *p, size_t n, struct fail *f);
/* All of it in one piece, which lives until the next addition, spill_clear() or spill_free(). */
MUST_USE enum err spill_all(struct spill *s, struct str *out, struct fail *f);
/* Empty again. */
void spill_clear(struct spill *s);
void spill_free(struct spill *s);
