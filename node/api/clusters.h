/*
 * clusters.h - what the endpoints of galaxies, galaxy clusters and their relations share.
 */
#pragma once

#include "api/rest.h"

/* Ids of galaxies and clusters through the gate, in one of the forms of feeds/export/json_clusters.c.
   The answer is whole; ERR_NOENT when nothing was let through and `form` is of a single one. */
struct clusters_answer {
	const char *form;
	const uint64_t *galaxies, *clusters;
	uint64_t n_galaxies, n_clusters;
	/* of form "view": how the cluster's tag is used; absent: it is not */
	struct str tag_id, tag_count;
};
MUST_USE enum err clusters_send(struct http_req *r, const struct clusters_answer *x,
				struct fail *f);
/* One cluster (`form` view tells how its tag is used, for which `tag_name` is wanted); 404 when the
   caller may not see it. */
MUST_USE enum err clusters_send_one(struct http_req *r, const char *form, uint64_t id,
				    struct str tag_name, struct fail *f);

/* The cluster or galaxy of this text, if the caller may see it; else answered (404). */
bool clusters_find(struct http_req *r, struct str id_or_uuid, struct misp_cluster *out,
		   struct fail *f);
bool clusters_find_galaxy(struct http_req *r, struct str id_or_uuid, struct misp_galaxy *out);
/* ... and may change it; else answered (405). */
bool clusters_editable(struct http_req *r, const struct misp_cluster *c);

/* The body as a document of clusters; NULL and answered when it is not JSON. */
struct raw_event *clusters_of_body(struct http_req *r);
/* How a caller brings in what it made itself: as a member, whatever it may besides. */
struct admit_facts clusters_facts(struct http_req *r);
