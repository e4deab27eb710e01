/*
 * signed.h - answers that carry a signature over their bytes (protected events).
 */
#pragma once

#include "api/rest.h"

/*
 * Send a sealed answer with x-pgp-signature. It is made whole first: small ones in memory, big ones
 * in a file without a name. When nobody can sign, a peer gets an error as MISP gives it, since
 * it could not use the answer, and others get it without a signature. Takes *s over.
 */
MUST_USE enum err rest_signed(struct http_req *r, struct sealed **s, struct fail *f);
/* Sign bytes: base64. */
MUST_USE enum err rest_sign(struct http_req *r, struct str bytes, struct buf *base64,
			    struct fail *f);
