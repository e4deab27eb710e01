/*
 * ledger_asked.h - what the calls about the ledger share: which thing is asked about, and the state to read.
 */
#pragma once

#include "api/rest.h"
#include "audit/ledger_bundle.h"

/* A thing that the ledger has leaves about. */
struct ledger_asked {
	enum ledger_thing thing;
	struct uuid u;
};
/* From the UUID of an event, cluster or note (what was deleted has one, too), or an event's number; query member
   `thing` names the kind. False: none of these. */
bool ledger_asked(struct http_req *r, const struct store_rtxn *t, struct str s, struct ledger_asked *q);

/* Read what is written by now, also how it ended. */
MUST_USE enum err ledger_read_now(struct http_req *r, struct store_rtxn **t, struct fail *f);
