/*
 * telemetry.h - connects the rooms' own figures with metrics: names the labels, counts requests, and
 * fetches what is read off rather than counted.
 */
#pragma once

#include "base/err.h"
#include "http/server.h"
#include "main/node.h"

/* Name labels and make the cells. Once, before threads count. */
MUST_USE enum err telemetry_setup(struct fail *f);
/* One finished request (http_conf.done). */
void telemetry_request(const struct http_req *r, const struct http_done *d);
/* How many requests have finished. */
uint64_t telemetry_requests(void);
/* All metrics, fresh, as Prometheus text. */
void telemetry_text(struct node *n, struct buf *out);
