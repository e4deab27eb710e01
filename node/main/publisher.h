/*
 * publisher.h - keeps the feed folders of the policy's feed audiences current: one folder each below
 * feeds_dir, brought up to date about a second after the change log has grown, under load later.
 */
#pragma once

#include "egress/egress.h"

struct publisher;
struct pgp;

MUST_USE enum err publisher_start(const struct egress_env *env, const char *feeds_dir, struct pgp *pgp,
				  struct publisher **out, struct fail *f);
/* The policy has changed: look at every event again. */
void publisher_rescan(struct publisher *p);
/* What the change log up to here withdraws has left all folders. */
uint64_t publisher_seq(struct publisher *p);
void publisher_stop(struct publisher *p);
