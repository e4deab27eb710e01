/*
 * records.h - what the elements of an event say of it as a vulnerability record, for the gate's rules
 * vuln_* (inside node/egress and for who makes its env).
 *
 * Most events hold no vulnerability: that is remembered by event, and followed by the change log, so
 * that a search of 100,000 events does not read their elements again. What is remembered holds for
 * snapshots that saw the same elements; any other is answered by reading.
 */
#pragma once

#include "gate/facts.h"
#include "store/store.h"

struct view;
struct records;
struct records *records_new(void);
void records_free(struct records *r);

/* Facts about a stored event (`e` as the view's snapshot has it, tags resolved), in `a`. */
MUST_USE enum err view_vuln(struct view *v, const struct misp_event *e, struct arena *a,
			    const struct vuln_facts **out);
