/*
 * openapi.h - the interface describes itself: OpenAPI 3.1 from the endpoint rows and the shapes.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

/* The whole document as JSON; the same for everybody. ERR_CONFIG: a row or a shape is wrong. */
MUST_USE enum err openapi_make(struct buf *out, struct fail *f);
/* The rows as a table: a part of a manual page (roff), or Markdown. */
enum endpoint_list { ENDPOINTS_ROFF, ENDPOINTS_MARKDOWN };
void endpoints_table(struct buf *out, enum endpoint_list form);
