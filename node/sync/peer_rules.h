/* peer_rules.h - pull rules of a peer as the question that we ask it (sync-protocol.md 3.2). */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Body of POST /events/index: MISP's constants, the rules ({"tags":{"OR":[],"NOT":[]},"orgs":{..},
 * "url_params":"{..}"}; absent, "" and "[]": none) and, when `since` is not 0, only what was published
 * since then. ERR_INVAL when the rules are not JSON.
 */
MUST_USE enum err peer_rules_body(struct str rules, int64_t since, struct buf *out, struct fail *f);
