/*
 * push_look.c - what a push would send to a peer, without asking the peer. Shares what it sends with
 * push_events.c and whom it sends it to with push_candidates.c.
 */
#include "sync/push_look.h"

#include <stdio.h>
#include <stdlib.h>

#include "sync/notes.h"
#include "sync/push.h"

struct push_look {
	struct link link;
	struct link_rules rules;
};

void push_look_close(struct push_look *l)
{
	if (!l)
		return;
	link_close(&l->link);
	free(l);
}

enum err push_look_open(const struct link_env *env, uint64_t peer_id, struct push_look **out,
			struct fail *f)
{
	OWN(push_look) struct push_look *l = calloc(1, sizeof(*l));
	if (!l)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(link_open(&l->link, env, peer_id, f));
	TRY(link_rules_parse(l->link.row.push_rules, l->link.a, &l->rules, f));
	*out = MOVE(l);
	return ERR_OK;
}

struct caller push_look_caller(const struct push_look *l)
{
	return push_caller_of(&l->link);
}

enum err push_look_document(void *user, const struct egress_env *env, uint64_t event_id,
			    struct sealed **out, struct fail *f)
{
	const struct push_look *l = user;
	struct egress_push what = push_what(&l->link, &l->rules, event_id);
	return egress_push(env, &what, out, f);
}

bool push_look_keeps(const struct push_look *l, const struct store_rtxn *t,
		     const struct misp_event *e, uint64_t attributes, char *why, size_t n)
{
	struct note note;
	const char *rule = NULL;
	if (!link_rules_event(&l->rules, e, &rule))
		snprintf(why, n, "%s", rule);
	else if (note_get(t, l->link.row.id, NOTE_hold, e->uuid, &note) == ERR_OK)
		snprintf(why, n, "%s", note.text[0] ? note.text : "held back by the operator");
	else if (!attributes && !e->report_count)
		snprintf(why, n, "none of its attributes may go there");
	else
		return false;
	return true;
}
