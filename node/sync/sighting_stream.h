/*
 * sighting_stream.h - sightings as MISP writes them, answers to sightings/restSearch and bodies of
 * bulkSaveSightings, read as they arrive: memory for one sighting, whatever the length of the list.
 * Trusts nothing, stores nothing.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/own.h"
#include "base/str.h"
#include "base/uuid.h"

/* Texts live until the callback returns. */
struct sighting_row {
	struct uuid uuid, attribute_uuid, event_uuid; /* nil: not given */
	int64_t date;
	uint64_t type; /* UINT64_MAX: not given */
	struct str source;
	bool has_org_id;
	bool no_org; /* "org_id":"0": nobody, whoever is named */
	struct uuid org_uuid;
	struct str org_name; /* absent: nobody is named */
};

struct sighting_stream;
/* Called for each sighting that has a UUID. An error ends the reading. */
typedef enum err (*sighting_stream_fn)(void *user, const struct sighting_row *row, struct fail *f);
struct sighting_stream *sighting_stream_new(sighting_stream_fn fn, void *user);
/* Feed bytes. ERR_PARSE with place, ERR_LIMIT, or what the callback said. */
MUST_USE enum err sighting_stream_feed(struct sighting_stream *x, const void *p, size_t n,
				       struct fail *f);
MUST_USE enum err sighting_stream_end(struct sighting_stream *x, struct fail *f);
void sighting_stream_free(struct sighting_stream *x);
OWN_DEFINE(sighting_stream, struct sighting_stream *, sighting_stream_free(*p))
