/* peer_rows.h - how the commands about peers find them. */
#pragma once

#include "cli/call.h"
#include "cli/rows.h"

extern const struct rows_kind peer_kind;
/* The peer that the first argument names; borrowed from *list, which is the caller's. */
int cli_peer(struct cli *c, json_t **list, const json_t **peer);
