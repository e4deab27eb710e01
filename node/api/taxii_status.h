/*
 * taxii_status.h - what became of objects that somebody posted over TAXII: status resources, kept on disk and
 * told to the poster alone. Documents that wait in quarantine are looked up when he asks.
 */
#pragma once

#include "api/documents.h"

/*
 * Of a document that was taken (documents.h): made, written and in *id. Each user has 100 of them, the node
 * 1,000, for seven days; older ones go when new ones come.
 */
MUST_USE enum err taxii_status_make(struct http_req *r, const struct document_result *res,
				    struct uuid *id, struct fail *f);
/* As JSON for its poster, who calls; ERR_NOENT: he has none of that id. */
MUST_USE enum err taxii_status_put(struct http_req *r, struct uuid id, struct buf *b, struct fail *f);
