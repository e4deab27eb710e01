/*
 * openapi.h - the interface describes itself: OpenAPI 3.1 from the endpoint rows and the shapes.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

/* The whole document as JSON; the same for everybody. ERR_CONFIG: a row or a shape is wrong. */
MUST_USE enum err openapi_make(struct buf *out, struct fail *f);
/* The rows, and what is not planned, as a part of tocsin-api(7). endpoint_list.c */
void endpoints_roff(struct buf *out);

struct endpoint;
/* The noun a row belongs to: "events", "sharing_groups", "tocsin/ledger". */
void endpoint_noun(const struct endpoint *ep, struct buf *out);
/* Which key it needs, in words. */
void endpoint_needs(const struct endpoint *ep, struct buf *out);
