/*
 * facts.h - what the gate needs to know beside the event, gathered by egress from one snapshot, so
 * that the gate is a pure function.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/misp.h"

struct gate_facts {
	int64_t now; /* seconds: wall time as bounded by the embargo clock */
	bool clock_trusted; /* false: embargoes that may have ended stay shut */
	uint64_t host_org_id;
	struct uuid host_org;
	bool unpublished_private;
	/* sharing groups that the audience's organisation may read, ascending ids */
	const uint64_t *groups;
	uint32_t n_groups;
	/* blocked event and organisation UUIDs are refused on the way in and not served */
};

/* One stored event with what its ids stand for. All borrowed. */
struct gate_subject {
	const struct misp_event *event; /* tags resolved: name, colour, exportable ... filled */
	const struct misp_org *org, *orgc; /* NULL: unknown */
	const struct misp_sg *sharing_group; /* NULL unless distribution 4 */
	struct str creator_email; /* absent: unknown */
};
