/*
 * hotfile.h - files that are asked for again and again: short ones in memory, long ones open. Each time
 * it is looked whether the path still leads to the same file with the same times and length, so that
 * nobody is given a file that was replaced or taken away. One bounded table for the process.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/own.h"
#include "base/str.h"

#define HOTFILE_MEMORY ((uint64_t)64 << 10) /* files up to this are kept whole */
#define HOTFILE_TAG 64

struct hotfile {
	struct str bytes; /* all of it; absent: read from `fd` with positions */
	int fd; /* -1 when the bytes are there */
	uint64_t size;
	int64_t mtime; /* seconds */
	char tag[HOTFILE_TAG]; /* "inode-size-time" in hex with quotes: another one for another file */
};

/*
 * The regular file `path` below the folder `root`, without symbolic links out of it or in `path`; as it is now.
 * The caller's reference. ERR_NOENT: there is none; ERR_PERM: it may not be read; ERR_IO, ERR_NOMEM.
 */
MUST_USE enum err hotfile_open(const char *root, const char *path, const struct hotfile **out);
/* One reference more. */
const struct hotfile *hotfile_ref(const struct hotfile *h);
void hotfile_unref(const struct hotfile *h);
OWN_DEFINE(hotfile, const struct hotfile *, hotfile_unref(*p))
/* Let go what nobody has asked for for a while: deleted files keep their room on the disk until then. Now and
   then, from any thread. */
void hotfile_tidy(void);
/* Let go everything (at the end of a test; nobody has to call it). */
void hotfile_clear(void);
