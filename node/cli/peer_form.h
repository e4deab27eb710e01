/* peer_form.h - the options of peer add and peer edit as members of MISP's server form. */
#pragma once

#include "cli/call.h"

/* Names by which a peer is found besides its id. */
extern const char *const peer_names[];

/* Put what was given into `p`; `old` is the row as it is (NULL: a new one). CLI_OK, or told. */
int peer_form(struct cli *c, const json_t *old, json_t *p);
/* The organisation that runs a peer; one that is not known is made, named as given. */
int peer_form_org(struct cli *c, const char *name, struct str *id);
/* The key as given, from a file behind @, or from standard input (-). */
int peer_form_key(struct cli *c, const char *given, char *key, size_t n);
/* Rules for people: "tags: only a, b; not c". Absent when there are none. */
struct str peer_form_rules(struct cli *c, const json_t *peer, const char *member);
