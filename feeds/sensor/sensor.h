/*
 * sensor.h - one row per format that a sensor reads. A format turns indicators into text, one at a
 * time; nothing that a value holds may break a line, a rule or a file.
 *
 * A whole file is begin, one item() for each indicator in the order of keys, end. What item() writes
 * depends on the indicator alone, so that a change is the lines that go and the lines that come;
 * consumers that take changes in a form of their own have change().
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "feeds/sensor/indicator.h"

enum sensor_flag {
	SENSOR_CONTEXT = 1,  /* writes comment, info, organisation, tags */
	SENSOR_NUMBERED = 2, /* writes the indicator's number */
	SENSOR_DISJOINT = 4, /* the consumer refuses what another entry covers: covered ones are left out */
	SENSOR_WHOLE = 8,    /* end or begin depend on the items: changes are always a whole file */
	SENSOR_BINARY = 16,  /* not text */
	SENSOR_SOURCE = 32,  /* writes the UUID of the attribute or event; CONTEXT may, too */
};

/* What a subscription or a request may set; texts are checked by `check` (NULL: sensor_word). */
struct sensor_param {
	const char *name, *fallback, *doc;
	bool (*check)(struct str v);
};

struct sensor_opts {
	struct str (*param)(void *user, const char *name); /* absent: not given */
	void *user;
	int64_t now; /* when the set changed last, seconds */
	uint64_t serial; /* grows with each change of the set */
	uint64_t count; /* of indicators that come, about; 0: not known */
	struct str name; /* of the set: a word of letters, digits, '-' and '_' */
	struct str source; /* who shares: host organisation */
	struct str base_url; /* of this node, without the last slash */
};

struct sensor_format;
struct sensor_run {
	const struct sensor_format *format;
	const struct sensor_opts *opts;
	struct buf *out;
	void *state; /* format->state_size zeroed bytes */
	uint64_t entries; /* of the file, counted by the format's item() */
	uint64_t left_out; /* indicators that the format cannot hold */
};

enum sensor_op { SENSOR_GONE, SENSOR_COME };

struct sensor_format {
	const char *name;
	uint64_t kinds; /* those that it can hold: others never come */
	unsigned flags;
	const struct sensor_param *params; /* ends with a name of NULL; may be NULL */
	size_t state_size;
	/* Each but item may be NULL. Errors are those of the buffer. */
	enum err (*begin)(struct sensor_run *r);
	/* What stands before an indicator in a whole file because of its place there; item() never knows it. */
	enum err (*frame)(struct sensor_run *r, const struct indicator *i);
	enum err (*item)(struct sensor_run *r, const struct indicator *i);
	enum err (*end)(struct sensor_run *r);
	/* Changes in the consumer's own form; GONE ones come first. NULL: lines with - and + before them. */
	enum err (*change_begin)(struct sensor_run *r);
	enum err (*change)(struct sensor_run *r, enum sensor_op op, const struct indicator *i);
	enum err (*change_end)(struct sensor_run *r);
	void (*free_state)(void *state);
};

/* What is known of a format without its code. */
struct sensor_row {
	const char *name, *media, *ext, *doc;
	const struct sensor_format *format;
};
extern const struct sensor_row sensor_rows[]; /* ends with a name of NULL */
const struct sensor_row *sensor_find(struct str name); /* NULL: none */

#define FORMAT(ident, name, media, ext, doc) extern const struct sensor_format sensor_##ident;
#include "feeds/sensor/formats.inc"
#undef FORMAT

/* A parameter as it was given and is good, or its fallback. */
struct str sensor_param_get(const struct sensor_run *r, const char *name);
/* What is wrong with a parameter that is given: NULL when nothing is. */
const char *sensor_param_fault(const struct sensor_format *f, struct str name, struct str v);
/* Letters, digits and . _ : / - , up to 200. */
bool sensor_word(struct str v);
bool sensor_number(struct str v);

/* Run a whole file over a state that the caller gives: begin, items, end, free. */
MUST_USE enum err sensor_begin(struct sensor_run *r);
MUST_USE enum err sensor_item(struct sensor_run *r, const struct indicator *i);
MUST_USE enum err sensor_end(struct sensor_run *r);
void sensor_free(struct sensor_run *r);
/* Changes: begin, all that goes, all that comes, end, free. */
MUST_USE enum err sensor_change_begin(struct sensor_run *r);
MUST_USE enum err sensor_change_end(struct sensor_run *r);
/* A change of one indicator: the format's own form, or the lines of item() with '-' or '+' before each. */
MUST_USE enum err sensor_change(struct sensor_run *r, enum sensor_op op, const struct indicator *i);

/* ---- what formats need ---- */

#define PUT(b, text) buf_add((b), (text), sizeof(text) - 1)
/* In double quotes of JSON; NDJSON formats use base/jsonw.h for more than a value. */
void sensor_csv_text(struct buf *b, struct str v); /* RFC 4180, always quoted; control characters become spaces */
void sensor_plain(struct buf *b, struct str v); /* control characters become spaces */
bool sensor_is_line(struct str v); /* holds no control characters, and is valid UTF-8 */
