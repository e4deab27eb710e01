/* key_use.h - when and from where keys were used, noted now and then without anybody waiting. */
#pragma once

#include "api/api.h"

/* The caller's key was used for this request: last_used and unique_ips of the key, last_api_access of
   its account. Written at most once in ten minutes for a key and address. Any thread. */
void key_use_note(struct http_req *r, const struct misp_authkey *k, const struct misp_user *u);
