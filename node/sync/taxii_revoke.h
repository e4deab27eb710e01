/*
 * taxii_revoke.h - STIX objects that take others back: same id, newer version, `revoked`, and of what they must hold
 * besides nothing that was ever said.
 */
#pragma once

#include "base/buf.h"

/* A line of ids as kept by taxii_sent.h: "type--uuid microseconds". */
struct taxii_id {
	struct str id, type;
	int64_t modified_us;
};
/* The next line; false: there are no more, or it is none. */
bool taxii_id_next(struct str *lines, struct taxii_id *out);
/* Can it be revoked, and is it of one event alone? Observables, identities, markings and clusters are not. */
bool taxii_id_revocable(const struct taxii_id *id);
/* ",\n" (unless `first`) and the object. `about` is the id of an object that it may name where it has to. */
void taxii_revoked_put(struct buf *b, const struct taxii_id *id, struct str about, int64_t now_us,
		       bool first);
