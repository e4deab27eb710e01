/* page.h - the few pages for browsers: log-in and one's own account. Plain HTML, no scripts. */
#pragma once

#include "api/api.h"

/* Does this client want a page rather than JSON? */
bool page_wanted(const struct http_req *r);
/* `text`: what went wrong, or NULL; `email` fills the field. */
void page_login(struct http_req *r, int status, const char *text, struct str email);
/* Of the caller, who has a session. `text`: told on top, or NULL. */
void page_account(struct http_req *r, int status, const char *text);
