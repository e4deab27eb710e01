/*
 * audit.h - one place from which all requests come into the audit log: who called which endpoint.
 *
 * What changes something is recorded in the transaction of the change (a witness of the store); log-ins,
 * refusals, failures and reads of local users go through the queue. Handlers know nothing of it.
 */
#pragma once

#include "api/api.h"
#include "audit/log.h"

/* What the endpoint is to the log: an action and a kind of object (a literal). */
struct audit_class {
	enum audit_action action;
	const char *kind;
	bool changes; /* not merely read */
};
struct audit_class api_audit_class_of(const struct endpoint *ep);
/* The same of the request's endpoint. */
const struct audit_class *api_audit_class(const struct http_req *r);
/* The caller as the log has him. Texts live as long as the request. */
struct audit_who api_audit_who(const struct http_req *r);
/* api_auth() has let the caller in: what he changes from here on is witnessed. */
void api_audit_admitted(struct http_req *r);
/* api_auth() has turned him away; `u` may be half filled. */
void api_audit_refused(const struct http_req *r, const struct api_user *u, const char *why);

/* http_conf.around, .done and .gone */
void api_audit_around(struct http_req *r, bool begins);
void api_audit_done(const struct http_req *r, const struct http_done *d);
void api_audit_gone(struct http_req *r);
