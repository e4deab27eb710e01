/*
 * lists.h - manifest.json and hashes.csv: lines gathered event by event, then merged with what the
 * folder has, in the order of UUIDs (inside feeds/out only).
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/own.h"
#include "base/uuid.h"
#include "feeds/out/files.h"

/* The lines of one event in two spool files. m_len 0: it is not in the feed (any more). */
struct list_entry {
	struct uuid uuid;
	uint64_t m_off, h_off, h_len;
	uint32_t m_len;
};

struct lists {
	int dirfd, m_fd, h_fd; /* the spools are unlinked files */
	uint64_t m_end, h_end;
	struct list_entry *v;
	size_t n, cap;
	bool sorted;
	uint64_t written; /* lines in the merged manifest */
	/* the manifest's signature as a file that has ended, NULL: nobody signs. May be NULL. */
	enum err (*sign)(void *user, const struct outfile *manifest, struct outfile **out,
			 struct fail *f);
	void *sign_user;
};

MUST_USE enum err lists_open(struct lists *l, int dirfd, struct fail *f);
void lists_close(struct lists *l);
/* Add an event with its manifest line (empty: gone); of one added twice the last counts. The entry
   is valid until the next call. */
MUST_USE enum err lists_add(struct lists *l, struct uuid uuid, struct str line,
			    struct list_entry **out, struct fail *f);
/* Give an entry its manifest line, if it has none. */
MUST_USE enum err lists_line(struct lists *l, struct list_entry *e, struct str line,
			     struct fail *f);
/* Lines for hashes.csv of the entry that was last given any, or of a new one. */
MUST_USE enum err lists_hashes(struct lists *l, struct list_entry *e, struct str lines,
			       struct fail *f);
/* Sort; afterwards lists_find() works and nothing may be added. */
void lists_sort(struct lists *l);
const struct list_entry *lists_find(const struct lists *l, struct uuid uuid);

/* Does the manifest in the folder name one of the events that were added? */
MUST_USE enum err lists_mentioned(struct lists *l, bool *yes, struct fail *f);
/* Write both files new, `fresh` or merged with those in the folder, hashes.csv first. ERR_CORRUPT
   when the old ones are not ours or damaged: nothing was changed then. */
MUST_USE enum err lists_write(struct lists *l, bool fresh, struct packer *packer, struct fail *f);
