/*
 * xml_body.h - bodies in XML as the JSON that they stand for, so that handlers know one form.
 *
 * An element without children is its text; one with children an object, attributes dropped; elements of
 * the same name a list. What is a list in MISP's JSON is one here however often it comes, but for the
 * document's own element. A document element <request> or <response> is a wrapper and left out.
 */
#pragma once

#include "base/buf.h"
#include "base/xml.h"

#define XML_BODY_MEMORY (64u << 20)

/* The tree as JSON, {"<name>":..}. ERR_LIMIT: the buffer's. */
MUST_USE enum err xml_body_json(const struct xml_node *root, struct buf *out);
