/* files.h - writing files of a feed atomically, plain and compressed (inside feeds/out only). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/own.h"

#define FILE_NAME_MAX 64

/* Buffers and compression, for one file at a time. */
struct packer;
struct packer *packer_new(void); /* NULL: no memory */
void packer_free(struct packer *p);
OWN_DEFINE(packer, struct packer *, packer_free(*p))

/* A file under way, as ".new-<name>" and ".new-<name>.gz". Until its end it has the packer. */
struct outfile;
MUST_USE enum err outfile_new(int dirfd, const char *name, struct packer *packer,
			      struct outfile **out, struct fail *f);
MUST_USE enum err outfile_write(struct outfile *o, const void *p, size_t n, struct fail *f);
/* All is written; needed before anything else. The file is not yet on disk for sure nor in place. */
MUST_USE enum err outfile_end(struct outfile *o, struct fail *f);
/* Is a file of that name there already with the same contents (and its .gz)?
   Asked after the end; any packer that is free will do. */
bool outfile_is_same(const struct outfile *o, struct packer *p);
/* Close what has ended, unplaced: it can be placed later, but no longer compared or synced alone. */
void outfile_leave(struct outfile *o);
/* What has been written, from its beginning, for one reader; -1 when that fails. *bytes: its length. Asked
   after the end. */
int outfile_read(const struct outfile *o, uint64_t *bytes);
MUST_USE enum err outfile_sync(struct outfile *o, struct fail *f);
/* Rename into place; the .gz first, so that it is never older than what it stands for. */
MUST_USE enum err outfile_place(struct outfile *o, struct fail *f);
/* Close; what was not placed is deleted. */
void outfile_free(struct outfile *o);
OWN_DEFINE(outfile, struct outfile *, outfile_free(*p))

/* Remove <name> and <name>.gz. True if there was one. */
bool outfile_remove(int dirfd, const char *name);
