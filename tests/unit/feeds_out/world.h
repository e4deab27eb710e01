/*
 * world.h - a store with indexes, an organisation and a policy in a temporary folder: enough of a
 * node to take events in and let them out again, for tests.
 */
#pragma once

#include "egress/egress.h"
#include "ingest/ingest.h"

struct world {
	char dir[64];
	char store_dir[96];
	struct store *store;
	struct index *index;
	struct policy *policy;
	struct ingest_env in;
	struct egress_env out;
	int64_t now; /* 0: the clock of the machine */
	bool distrust; /* nobody vouches for it */
};

/* Made in a new folder under TMPDIR; ends the test program when it cannot be. */
void world_open(struct world *w, const char *policy);
/* Close and open again, as after a restart. */
void world_reopen(struct world *w);
/* Close, and delete the folder. */
void world_close(struct world *w);

/* Take in a document {"Event":..} as the operator. 0 when it was refused (told by diag). */
uint64_t world_add(struct world *w, const char *json);
/* Likewise as the user of another organisation, who may use the sharing groups 1 and 2. */
uint64_t world_add_as(struct world *w, const char *json, uint64_t org_id, uint64_t user_id);
/* Likewise with these facts about who adds it. */
uint64_t world_add_with(struct world *w, const char *json, struct admit_facts *facts);
struct admit_facts world_operator(void);
/* A document as it came in; NULL when it is none (told by diag). */
struct raw_event *world_parse(struct world *w, const char *json);
/* Likewise as an edit of what is there. */
bool world_edit(struct world *w, uint64_t id, const char *json);
/* An audience that sees published events of every marking. */
struct audience world_audience(const char *name);

/* Whole contents of a file below `dir`, NUL-terminated; NULL when there is none. Free it. */
char *world_file(const char *dir, const char *name, size_t *n);
/* Delete a folder with all that is in it. */
void world_remove(const char *dir);
