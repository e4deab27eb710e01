/*
 * admit_impl.h - inside the gate: what heads and elements have in common on their way in.
 */
#pragma once

#include "base/buf.h"
#include "base/jsonw.h"
#include "gate/admit.h"

/* MISP's messages of one thing: a JSON map of field to a list of texts. */
struct problems {
	struct buf b;
	struct jsonw w;
	unsigned n;
};
#define PROBLEMS ((struct problems){.b = BUF(8192)})
OWN_DEFINE(problems, struct problems, buf_free(&p->b))
/* An absent text is no problem. */
void problem_add(struct problems *p, const char *field, struct str text);
/* ERR_INVAL with the map as text (inside {"<under>":...} when not NULL), ERR_OK without any. */
MUST_USE enum err problems_end(struct problems *p, const char *under, struct fail *f);
struct str number_text(unsigned v, char out[12]);

bool lowers(const struct admit_facts *facts);
uint8_t lowered(const struct admit_facts *facts, uint8_t distribution);
bool admit_group_known(const struct admit_facts *facts, uint64_t id);
/* Does it come from another node? */
bool from_elsewhere(const struct admit_facts *facts);
/* admit_analyst.c */
MUST_USE enum err admit_analyst(const struct admitted *adm, const struct admit_facts *facts,
				struct arena *a, struct misp_analyst *n, struct fail *f);
void cut_incoming_tags(const struct admit_facts *facts, struct entity_list *tags);

/* admit_cluster.c: a galaxy cluster that somebody made. ERR_INVAL with a plain text. */
MUST_USE enum err admit_cluster(const struct admit_facts *facts, struct arena *a,
				struct element *e, struct fail *f);
/* Elements that came as `meta`. */
void admit_cluster_meta(struct misp_cluster *c, struct arena *a);

/* A document on its way in. */
struct admission {
	const struct policy *p;
	const struct admit_facts *facts;
	struct raw_event *raw;
	struct misp_event *h; /* the head as it will be */
	struct fail *f;
	bool waits; /* set by a rule: it goes into quarantine */
};
#define ADMIT_TEXT_WAITS "The event waits for a decision of the receiving organisation."
/* admit_policy.c */
MUST_USE enum err admit_policy(struct admission *x);
