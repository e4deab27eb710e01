/*
 * search.h - reading the audit log: searches, the whole of it in order, and whether it is intact.
 */
#pragma once

#include "audit/log.h"

struct audit_filter {
	struct str chain, action, outcome; /* names; absent: any */
	struct str actor; /* e-mail or name, "user:5", "peer:3", or a kind ("system") */
	struct str object; /* UUID, "event:12", or a kind ("user") */
	struct str address;
	int64_t from, until; /* seconds, until excluded; 0: open */
	uint64_t skip, limit; /* of what is found; limit 0: 1,000 */
	bool oldest_first;
	/* Only these: of user `only_user` or organisation `only_org`; 0 and nil: all. */
	uint64_t only_user;
	bool changes_only; /* no log-ins, reads, exports, and looks into the log */
	struct uuid only_org;
};

/* The value of a member of a line, as it stands there (strings without quotes, escapes kept); absent:
   none. */
struct str audit_line_get(struct str line, const char *member);
uint64_t audit_line_u64(struct str line, const char *member);

/* A record as it was written. False: enough. The line dies with the transaction. */
typedef bool (*audit_line_fn)(void *user, struct str line);
/*
 * Tell of the records that fit, over all chains in the order of their times, newest first. At most
 * five million are looked at; *more says that it ended before the log did.
 */
MUST_USE enum err audit_search(const struct store_rtxn *t, const struct audit_filter *q,
			       audit_line_fn fn, void *user, bool *more, struct fail *f);

/* Where a reader of the whole log has come to; zero: at the start. */
struct audit_place {
	unsigned chain;
	uint64_t seq;
	bool begun; /* the chain's marker of trimming has been read */
};
/* The next line in the order of chains and numbers; a chain that was trimmed begins with its marker:
   {"chain":..,"trimmed":last number,"time":..,"last":its digest}. ERR_NOENT at the end. */
MUST_USE enum err audit_next(const struct store_rtxn *t, struct audit_place *p, struct str *line,
			     struct sha256 *digest);

/* What was found of a chain. */
struct audit_report {
	uint64_t first, last, records; /* numbers; 0: none */
	uint64_t trimmed; /* the last number that was trimmed away */
	char oldest[24], newest[24];
	struct sha256 tip;
	/* what the newest signed leaf of the ledger says of it: so many records at that time; 0: nothing */
	uint64_t anchor, anchor_leaf;
	char anchor_time[24];
	bool broken;
	uint64_t at; /* the first record that does not fit */
	char why[120];
};
/* Read all of it again, and see whether it leads to what the ledger says of it. Transactions are short:
   what is added meanwhile is verified too. */
MUST_USE enum err audit_verify(struct store *s, struct audit_report out[AUDIT_CHAINS],
			       struct fail *f);

/*
 * Remove what is older than `days` (each chain its own least number of days at least) from the old end.
 * The marker that stays carries the digest of the last record that went, and a record of action
 * `trim` says so in the chain itself. At most `steps` jobs of 2,000 records each; *more: not done.
 */
MUST_USE enum err audit_trim(struct store *s, int64_t now, unsigned days, unsigned steps,
			     uint64_t *removed, bool *more, struct fail *f);
