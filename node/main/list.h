/*
 * list.h - the tables of the program as JSON, for documentation and tests.
 */
#pragma once

#include "base/err.h"

/* All endpoints, a JSON list, to standard output. */
MUST_USE enum err list_endpoints(struct fail *f);
/* The same for tocsin-api(7). */
MUST_USE enum err list_endpoints_roff(struct fail *f);
/* The same as OpenAPI 3.1, as served at /openapi.json. */
MUST_USE enum err list_openapi(struct fail *f);
/* Likewise every way by which bytes leave the process (egress/ways_out.inc). */
MUST_USE enum err list_ways_out(struct fail *f);
