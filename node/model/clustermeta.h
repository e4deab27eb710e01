/*
 * clustermeta.h - the elements of a galaxy cluster in their other form: events and the public
 * libraries carry them as {"key":["value", ..]}, synchronisation as a list of keys and values.
 */
#pragma once

#include "base/arena.h"
#include "model/misp.h"

/* JSON text to elements (misp_clustermeta) in `a`, at most `max`; what is no text or number is left
   out. False: it is not JSON, or there is no room. */
bool clustermeta_parse(struct str json, uint32_t max, struct arena *a, struct entity_list *out);
