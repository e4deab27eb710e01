/*
 * ep_counts.h - tables of users/statistics that count by name.
 */
#pragma once

#include "api/rest.h"

/* Answer one of the pages (orgs, tags, attributehistogram, galaxyMatrix); ERR_NOENT: there is none of
   this name. */
MUST_USE enum err rest_counts_page(struct http_req *r, struct str page, struct fail *f);
