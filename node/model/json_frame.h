/*
 * json_frame.h - the inside of the JSON reader: the stack of open objects and lists, shared by
 * json_read.c (streams, tokens, lists), json_item.c (items) and json_member.c (members).
 */
#pragma once

#include "model/json_cast.h"
#include "model/json_keys.h"
#include "model/json_read.h"
#include "model/json_scan.h"

/* Elements stand in each other at most so deep: object, attribute, and analyst data about it and
   about each other; what is deeper is passed over. */
#define LEVELS 8
/* Clusters that wait for the rest of their galaxy; then they go without it. */
#define CLUSTERS_WAITING 256
#define FRAMES_MAX 256

enum shape {
	SHAPE_ITEM,   /* an object that is one item */
	SHAPE_LIST,   /* a list of items, or an object with numeric keys (PHP) */
	SHAPE_PICK,   /* an object that is either: its first key tells */
	SHAPE_VALUES, /* the list of texts in "value" of attributes/add */
};

enum item { ITEM_EVENT, ITEM_ELEMENT, ITEM_SUB, ITEM_GALAXY, ITEM_CLUSTER_GALAXY, ITEM_ORG_UUID,
	    ITEM_LOOSE, ITEM_ENTITY };

/* What the objects in some place are, and where they go. */
struct place {
	enum item item;
	enum element_kind kind; /* of ITEM_ELEMENT */
	uint8_t variant; /* as in key_row */
	bool is_root;
	const struct key_table *keys;
	struct entity_list *list;   /* of ITEM_SUB */
	const struct field *field;  /* of ITEM_ORG_UUID */
};

/* A tag that comes from a galaxy cluster, for the parent that may lack it. */
struct cluster_tag {
	struct cluster_tag *next;
	struct misp_tagref tag;
};

struct cluster {
	struct element el; /* first member */
	struct cluster *next;
	bool local;
	struct str relation;
};

struct galaxy {
	struct misp_galaxy galaxy; /* first member */
	struct cluster *first, **last;
	unsigned n;
};

struct value {
	struct str text;
	bool is_number;
};

struct frame {
	enum shape shape;
	bool is_inner; /* object inside a wrapper: shares the item of the frame below */
	bool spent;    /* its wrapped item was read: the rest is not of it */
	bool dropped;  /* it was only a wrapper */
	bool borrow;   /* may texts be views into the fed bytes? */
	struct place place;
	void *entity;
	struct element *el;
	uint32_t ordinal;
	unsigned level;
	struct arena *a;
	struct arena_mark mark;
	struct cluster_tag *cluster_tags, *last_cluster_tag;
	struct value *values;
	size_t n_values;
};

struct json_read {
	struct json_scan scan;
	uint64_t event_from, event_to; /* where the event at hand stands; to: 0 before its end */
	bool event_open;
	bool keep_source;
	uint64_t kept; /* of the input, up to here */
	struct raw_limits lim;
	enum raw_root root;
	bool many;
	char *dir;
	json_read_fn fn;
	void *user;
	enum err failed;
	struct fail why;

	struct place top;
	void *entity; /* of json_read_entity() */
	struct arena *entity_arena;

	struct raw_event *raw, *done;
	uint32_t ordinal;
	const struct key_row *row; /* of the member whose value comes next */
	bool skipping;
	unsigned skip_to; /* depth at which skipping ends */
	bool capturing;	  /* the JSON text that is skipped is kept */
	const char *capture_from;
	struct buf captured;
	struct arena *levels[LEVELS]; /* made when first used */
	struct frame *fr; /* the top frame */
	struct frame frames[FRAMES_MAX]; /* last: not cleared */
};

/* The fed bytes go, or the event ends at j->event_to: keep what of it stands in them. */
MUST_USE enum err json_keep_source(struct json_read *j, struct fail *f);

/* Skip the container that was just opened. */
static inline void json_skip(struct json_read *j)
{
	j->skipping = true;
	j->skip_to = j->scan.depth - 1;
	j->scan.quiet = true;
}

static inline struct frame *json_push(struct json_read *j, enum shape shape, const struct place *at)
{
	struct frame *below = j->fr, *fr = below ? below + 1 : j->frames;

	/* the tokenizer's depth limit is below FRAMES_MAX */
	memset(fr, 0, sizeof(*fr));
	fr->shape = shape;
	fr->place = *at;
	if (below) {
		fr->a = below->a;
		fr->borrow = below->borrow;
		fr->level = below->level;
		fr->el = below->el;
	}
	j->fr = fr;
	return fr;
}

static inline void json_pop(struct json_read *j)
{
	j->fr = j->fr == j->frames ? NULL : j->fr - 1;
}

/* json_item.c */

/* ERR_LIMIT when an arena is full, else ERR_NOMEM. */
enum err json_no_memory(struct fail *f, const struct arena *a);
/* A new document, with ordinals from 1. */
enum err json_raw_begin(struct json_read *j, struct fail *f);
/* A new sub-entity at the end of a list; arrays double inside the arena. NULL: no room. */
void *json_list_grow(struct arena *a, struct entity_list *l, size_t size);
/* Make the top frame an item of its place. */
enum err json_item_begin(struct json_read *j, struct fail *f);
/* A new event in the frame; what was read into it before is forgotten. */
enum err json_event_begin(struct json_read *j, struct frame *fr, struct fail *f);
/* The object of the top frame ends: emit it and take the frame away. */
enum err json_item_close(struct json_read *j, struct fail *f);
/* The item was only an envelope around others of the same place. */
void json_item_drop(struct json_read *j, struct frame *fr);

/* json_member.c */

/* The name of a member of an item. */
void json_member_key(struct json_read *j, const struct frame *fr);
/* A token inside an item. */
enum err json_member_token(struct json_read *j, struct frame *fr, enum json_tok t, struct fail *f);
/* The container whose JSON text is wanted has ended. */
enum err json_capture_end(struct json_read *j, struct fail *f);
