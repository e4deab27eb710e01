/*
 * preview_who.h - an audience by the name that an operator gives it, and how such an audience is sent
 * events: for previews and explanations.
 */
#pragma once

#include "api/rest.h"
#include "sync/push_look.h"

enum preview_way {
	WAY_READ, /* it asks for events (events/view): users, and peers that pull */
	WAY_PUSH, /* we post events to it */
	WAY_FEED, /* files of a published folder */
	WAY_TAXII, /* envelopes for a TAXII server */
	WAY_EXPORT, /* restSearch for an export or stream of the policy */
};

struct preview_who {
	enum preview_way way;
	struct audience aud; /* as the policy makes it */
	bool is_caller; /* opened by `caller`: a user or a link; else by `aud` */
	struct caller caller;
	struct misp_user user; /* of a user */
	struct link_env link_env; /* of a push, with its link */
	struct push_look *look;
};

/*
 * "user:EMAIL|ID", "peer:NAME|ID" (what we push there), "taxii:NAME|ID" (likewise), or without prefix
 * an audience of the policy, a peer or a user, in this order. ERR_NOENT: there is none, in f's text what
 * there is instead. Text lives in `a`; who->link_env must stay where it is. Close it.
 */
MUST_USE enum err preview_who(const struct api *api, struct str name, struct arena *a,
			      struct preview_who *who, struct fail *f);
void preview_who_close(struct preview_who *who);
const char *preview_way_name(enum preview_way w);
/* The view of that audience, in this environment. */
MUST_USE enum err preview_view(const struct preview_who *who, const struct egress_env *env,
			       struct view **v, struct fail *f);
