/*
 * attack.h - ATT&CK techniques named by the tags of events and attributes, counted; and their matrix as
 * HTML, which two formats hold.
 */
#pragma once

#include "base/arena.h"
#include "feeds/export/export.h"

#define TACTICS_MAX 6

struct technique {
	struct str id; /* "T1566.001" */
	struct str name, tag, text; /* text: what the cluster says, its beginning */
	struct str tactic[TACTICS_MAX]; /* "initial-access" */
	uint32_t n_tactics;
	uint32_t events, attributes; /* that name it */
};

/* At most ATTACK_MAX of them (there are some 800); more are not taken. */
#define ATTACK_MAX 4096u
struct attack {
	struct arena *a;
	struct technique *v;
	uint32_t n, *slots;
};

/* The part behind " - " of a cluster of this galaxy ("misp-galaxy:<galaxy>=\"Phishing - T1566\"");
   absent: the tag is none. */
struct str attack_id(struct str tag, struct str galaxy);
/* The galaxy asked for (attackGalaxy), or MISP's default. */
struct str attack_galaxy(const struct export_run *r);
/* Count the techniques among the tags of an event or an attribute. */
MUST_USE enum err attack_see(struct attack *t, struct export_run *r, const struct misp_tagref *tags,
			     uint32_t n_tags, const struct rel_cluster *c, uint32_t n_c, bool event);
/* By id. */
void attack_sort(struct attack *t);
void attack_free(struct attack *t);
/* A table with a column for each tactic, cells with a score as MISP's matrix has them. */
void attack_html(struct buf *b, const struct attack *t);
