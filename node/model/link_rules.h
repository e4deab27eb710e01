/*
 * link_rules.h - the rules of a link (MISP's push_rules and pull_rules, sync-protocol.md 4.2 and 3.5)
 * as far as they look at stored things: tags and organisations by local id, attribute types and
 * object templates by name. They only ever take away.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "model/misp.h"
#include "model/types.h"

struct link_ids {
	uint64_t *v;
	uint32_t n;
};

struct link_rules {
	struct link_ids tags_or, tags_not, orgs_or, orgs_not;
	uint16_t *types_not; /* enum attr_type */
	uint32_t n_types_not;
	struct str *templates_not; /* UUIDs of object templates */
	uint32_t n_templates_not;
};

/*
 * {"tags":{"OR":[..],"NOT":[..]},"orgs":{..},"type_attributes":{"NOT":[..]},"type_objects":{"NOT":
 * [..]}}; absent, "", "[]" and missing members: no restriction. Lists live in `a`. ERR_INVAL when it
 * is not JSON. Elements of tags and orgs that are not numbers match nothing.
 */
MUST_USE enum err link_rules_parse(struct str json, struct arena *a, struct link_rules *out,
				   struct fail *f);
/* Does the event pass? If not, *why says in plain words why. */
bool link_rules_event(const struct link_rules *r, const struct misp_event *e, const char **why);
/* Likewise its creator alone, for what has no tags. */
bool link_rules_org(const struct link_rules *r, uint64_t orgc_id, const char **why);
bool link_rules_attr(const struct link_rules *r, const struct misp_attr *a);
bool link_rules_object(const struct link_rules *r, const struct misp_object *o);
