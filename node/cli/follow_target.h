/*
 * follow_target.h - what `tocsin follow` brings changes to: one row and one file for each kind of
 * consumer. What comes from the node is whole on disk and verified before a target sees it, and a
 * target reads each value again and writes it anew: no byte of the node's reaches a command as it came.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "cli/cli.h"

enum follow_kind { FOLLOW_WHOLE, FOLLOW_LINES, FOLLOW_OWN };

/* A file of the export, or a change of it. */
struct follow_set {
	enum follow_kind kind;
	int fd; /* at its beginning */
	uint64_t bytes;
	uint64_t entries; /* of a whole set, where the node says it; 0: it does not */
	uint64_t since, serial; /* since: of changes only */
};

#define FOLLOW_MARK_MAX 256
#define FOLLOW_NAME_MAX 200

struct follow;
struct follow_target {
	const char *name, *arg; /* "file", "PATH"; arg NULL: takes none, "[..]": may be left out */
	const char *set; /* what --set means and its default, for messages; NULL: takes none */
	const char *doc;
	unsigned flags;
	/* Look at arg and --set; tells f->fail. May be NULL. */
	enum err (*open)(struct follow *f);
	/*
	 * Which consumer is it, now: a text into `mark`; it is `old` when the consumer still has what it
	 * was given. ERR_NOENT: it has lost that. Other errors: it is out of reach.
	 */
	enum err (*probe)(struct follow *f, const char *old, char mark[FOLLOW_MARK_MAX]);
	/* Bring it to the consumer, all or nothing where the consumer can do that; counts f->entries. */
	enum err (*apply)(struct follow *f, const struct follow_set *s);
	void (*close)(struct follow *f);
};

enum follow_flag {
	FOLLOW_TAKES_LINES = 1,
	FOLLOW_TAKES_OWN = 2, /* changes in the consumer's own form */
	FOLLOW_FIRST_WHOLE = 4, /* somebody may have loaded an old file since: a start is a whole set */
	FOLLOW_BESIDE = 8, /* what comes lies beside the target, as a file with a name */
};

struct follow {
	struct cli *c;
	const struct follow_target *target;
	const char *name; /* of the export */
	const char *arg; /* behind the target's colon; "" */
	const char *set; /* --set, or NULL */
	const char *check, *reload; /* commands of the operator's, or NULL */
	unsigned keep;
	int64_t timeout_s; /* of commands */
	int64_t refresh_s; /* whole again after so long; 0: never. Targets may lower it (follow_refresh) */
	uint64_t max_bytes;
	char state_path[4096]; /* state.json; targets may keep files beside it */
	char spool_path[4096]; /* of FOLLOW_BESIDE, else "" */
	struct fail fail;
	uint64_t entries; /* of the last change or set: lines that the consumer was given */
	void *mine; /* the target's */
};

extern const struct follow_target follow_file, follow_nft, follow_ipset, follow_suricata, follow_unbound,
	follow_exec;
extern const struct follow_target *const follow_targets[]; /* ends with NULL */

/* Let entries that end by themselves be brought again before they do. */
void follow_refresh(struct follow *f, uint64_t entry_seconds);
