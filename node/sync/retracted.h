/*
 * retracted.h - what a peer takes back from us (gate.md section 9): only what came from it, and was not
 * made here.
 */
#pragma once

#include <jansson.h>

#include "ingest/ingest.h"
#include "retract/retract.h"

/* Who takes it back. */
struct retracting {
	const struct ingest_env *in;
	struct origin origin;
	uint64_t peer_id; /* we pulled it from this peer; 0: it was pushed to us ... */
	uint64_t org_id; /* ... by this organisation */
	struct uuid org; /* who runs the other side */
	bool internal; /* both sides are of one organisation: also what was made here */
};

/* Unknown: it is not here, or not from there; which of the two is nobody's business but ours. */
enum retracted { RETRACTED_DONE, RETRACTED_UNKNOWN, RETRACTED_FAILED };
const char *retracted_name(enum retracted r);
bool retracted_find(struct str name, enum retracted *out);

/* Do it. Durable when it returns. `note` says why it failed; store errors are in `f`. */
enum retracted retracted_apply(const struct retracting *by, enum retract_what what, struct uuid u,
			       char note[RETRACT_TEXT_MAX], struct fail *f);
/* What a peer says about one of ours, as its row is to show it. */
void retract_said(struct retract_outcome *r, enum retracted said, const char *note);
/* One of a list: {"what":"event","uuid":".."}. What became of it goes to `out`, a list of
   {"what","uuid","outcome","note"}. False: it is no such thing. */
bool retracted_apply_json(const struct retracting *by, const json_t *item, json_t *out,
			  enum retracted *outcome, struct fail *f);
