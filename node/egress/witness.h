/*
 * witness.h - tells the ledger what an answer names (inside node/egress only). One for each sealed stream
 * to others than local users.
 */
#pragma once

#include "egress/view.h"
#include "gate/seal.h"

struct witness;

/* *out is NULL for local users: the ledger is not for them. `listing`: rows of a list, no contents.
   ERR_UNSUPPORTED: there is no ledger, so nothing may be sent. */
MUST_USE enum err witness_new(const struct view *v, const char *format, bool listing,
			      struct witness **out, struct fail *f);
/* This will stand in what comes next. NULL is told nothing. */
MUST_USE enum err witness_name(struct witness *w, enum ledger_thing thing, struct uuid u,
			       uint64_t id, int64_t timestamp, uint64_t seq);
/* For sealed_new(), which takes it over; NULL gives NULL. */
struct seal_witness *witness_seal(struct witness *w);
