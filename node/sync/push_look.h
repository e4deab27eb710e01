/*
 * push_look.h - what a push would send to a peer, one event at a time and without asking the peer: the
 * documents and reasons of push_events.c, for previews and explanations.
 */
#pragma once

#include "egress/egress.h"
#include "sync/link.h"

struct push_look;

/* Make ready for a peer. `env` must outlive it. */
MUST_USE enum err push_look_open(const struct link_env *env, uint64_t peer_id,
				 struct push_look **out, struct fail *f);
void push_look_close(struct push_look *l);
OWN_DEFINE(push_look, struct push_look *, push_look_close(*p))

/* Who the link is, for the gate; borrowed from `l`. */
struct caller push_look_caller(const struct push_look *l);
/*
 * A preview_make_fn (`user` is a struct push_look): the document that would be posted. Whether the peer
 * takes reports only it can say; they are in, as any MISP since 2.4.136 takes them.
 */
enum err push_look_document(void *user, const struct egress_env *env, uint64_t event_id,
			    struct sealed **out, struct fail *f);
/*
 * What keeps a released event here all the same: rules of the link by name, an operator's hold, a
 * document without content. False: nothing.
 */
bool push_look_keeps(const struct push_look *l, const struct store_rtxn *t,
		     const struct misp_event *e, uint64_t attributes, char *why, size_t n);
