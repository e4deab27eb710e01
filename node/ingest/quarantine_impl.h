/* quarantine_impl.h - between the book of what waits and what is decided of it (inside node/ingest). */
#pragma once

#include "ingest/quarantine.h"

/* Remove a row, inside a job. ERR_NOENT. */
MUST_USE enum err ingest_quarantine_drop(struct store_wtxn *w, uint64_t number, struct fail *f);
/* Remember that this version was rejected; otherwise forget what is known of the UUID. */
MUST_USE enum err ingest_quarantine_mark(struct store_wtxn *w, const struct quarantine_row *r,
					 bool rejected, struct fail *f);
/* How it came, with `accepted` set. */
struct admit_facts ingest_quarantine_facts(const struct quarantine_row *r, bool *has_rules);
