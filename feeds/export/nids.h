/* nids.h - IDS rules: what nids.c and nids_url.c share (inside feeds/export only). */
#pragma once

#include "feeds/export/export.h"
#include "feeds/export/parts.h"

/* Engines take contents of 255 bytes, a header's name with them, and rules of 8 KiB: what is longer is
   found by its beginning. */
#define CONTENT_MAX 245u
#define MESSAGE_MAX 600u
#define RULE_MAX 7000u

#define TAG_SESSION "tag:session,600,seconds;"

/* The rules of one attribute or object; the signature id counts up from rule to rule. */
struct nids {
	struct buf *b;
	const struct export_opts *opts;
	const struct rel_event *e;
	const struct misp_tagref *tags; /* of the attribute */
	uint32_t n_tags;
	const struct misp_tagref *event_tags;
	uint32_t n_event_tags;
	uint64_t sid;
};

/* Begin a rule: head ("alert ip $HOME_NET any -> "), destination part, then the message. */
void nids_open(struct nids *n);
/* "(msg: "MISP e12 [tags] <text>" - text and value follow, then nids_content(). */
void nids_msg(struct nids *n, const char *text);
/* End of the message; what follows are the keywords. */
void nids_content(struct nids *n);
/* End of the rule; `tag` is TAG_SESSION or "". */
void nids_close(struct nids *n, const char *tag);
/* What a keyword or the message cannot hold, in hexadecimal form as MISP writes it. */
void nids_escaped(struct buf *b, struct str v);
/* Likewise only where the rule would break: for the parts that MISP does not escape. */
void nids_guarded(struct buf *b, struct str v);
/* `msg: "MISP e12 [tags] ` and the reference to the event, as they stand in every rule. */
void nids_msg_head(struct nids *n);
void nids_reference(struct nids *n);
/* As message text: untouched but for what would end the keyword or the line. */
void nids_message_guarded(struct buf *b, struct str v);

/* Suricata's rule for a URL. */
void nids_suricata_url(struct nids *n, struct str url);
/* Could an engine take it: action, protocol, ends, options in pairs of key and value, quotes and
   hexadecimal parts that end? Keywords are not known here. */
bool nids_is_rule(struct str rule);
/* A rule that somebody wrote, with our numbers and message put in; a remark when it is none. */
void nids_foreign_rule(struct nids *n, struct str rule);
