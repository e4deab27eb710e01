/* client.h - where a request comes from, behind proxies of ours too. */
#pragma once

#include "api/api.h"

/*
 * When the connection comes from a proxy of `trusted_proxies`, r->peer becomes the last address in
 * X-Forwarded-For that is none of them. Once, before anything looks at r->peer: api_auth() does it,
 * handlers of rows with EP_NO_AUTH for themselves.
 */
void client_resolve(struct http_req *r);
/* Do browsers reach us by TLS, here or at a proxy? */
bool client_secure(const struct http_req *r);
