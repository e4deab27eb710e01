/*
 * conf.h - the configuration: an immutable snapshot of all options, made from options.inc.
 *
 * Read options as members (conf->log_level). A reload makes a new snapshot; whoever works with the
 * old one keeps a reference. Nothing here opens what an option names.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/own.h"
#include "base/str.h"
#include "base/uuid.h"

/* Values of ENUM options, in the order of their choices. log.* are base/log.h's enums. */
enum conf_sandbox { CONF_SANDBOX_ON, CONF_SANDBOX_OFF, CONF_SANDBOX_REQUIRED };

struct conf_list {
	const char *const *v;
	size_t n;
};

/* C types of the kinds. Strings and paths that are not set are NULL. */
typedef const char *conf_STR;
typedef const char *conf_PATH;
typedef struct uuid conf_UUID;
typedef bool conf_BOOL;
typedef uint64_t conf_INT;
typedef uint64_t conf_SIZE; /* bytes */
typedef uint64_t conf_MS;   /* milliseconds */
typedef uint64_t conf_US;   /* microseconds */
typedef struct conf_list conf_LIST;
typedef unsigned conf_ENUM;

struct conf {
#define SECTION(title)
#define OPTION(kind, member, key, def, lo, hi, flags, text) conf_##kind member;
#define CHOICE(member, key, def, choices, flags, text) conf_ENUM member;
#include "conf/options.inc"
#undef CHOICE
#undef OPTION
#undef SECTION
};

/* "key=value" from a command line, stronger than the file. */
struct conf_override {
	struct str key, value;
};

/*
 * Make a snapshot from the text of a tocsin.yaml. `name` stands in messages. Errors (unknown,
 * doubled and ill-formed options, contradictions between options) come as ERR_CONFIG with line
 * and column. The result has one reference.
 */
MUST_USE enum err conf_parse(struct str text, const char *name, const struct conf_override *over,
			     size_t n_over, const struct conf **out, struct fail *f);
/* Read a file and parse it; a NULL path takes the defaults only. */
MUST_USE enum err conf_load(const char *path, const struct conf_override *over, size_t n_over,
			    const struct conf **out, struct fail *f);
const struct conf *conf_ref(const struct conf *c);
void conf_unref(const struct conf *c);
OWN_DEFINE(conf, const struct conf *, conf_unref(*p))

/* `file` in data_dir, or the option's value where it is set. Belongs to the snapshot. */
const char *conf_socket(const struct conf *c);
const char *conf_key_file(const struct conf *c);
const char *conf_feeds_dir(const struct conf *c);
const char *conf_exports_dir(const struct conf *c);
const char *conf_pgp_home(const struct conf *c);

/* One entry of `listen`. */
struct conf_addr {
	char host[64]; /* numeric */
	uint16_t port;
	bool loopback;
};
MUST_USE enum err conf_addr_parse(struct str s, struct conf_addr *out, struct fail *f);

/*
 * What of a new snapshot a reload cannot take over: appends the keys that changed and are fixed
 * at start, comma separated; true if there are any.
 */
bool conf_needs_restart(const struct conf *old, const struct conf *now, struct buf *keys);

enum conf_form {
	CONF_SAMPLE, /* tocsin.yaml with every option commented out */
	CONF_ROFF,   /* option list for tocsin.yaml(5) */
	CONF_YAML,   /* the values of a snapshot, secrets hidden */
	CONF_JSON,   /* the same as one JSON object */
};
/* Describe the options. `c` is needed for the last two forms. */
void conf_describe(struct buf *out, enum conf_form form, const struct conf *c);
