/*
 * crud.h - rows of administrative tables behind MISP's index, view, add, edit and delete.
 *
 * A kind of row is one const struct crud: its members are those of the descriptor
 * (model/fields.inc), a client may set the FORM_BOTH ones; only what is special is code, in hooks.
 * An endpoint row names one of the handlers in `run` and points to the kind with `arg`.
 */
#pragma once

#include "api/rest.h"

enum crud_form {
	CRUD_NULL = 1,      /* an empty text or a zero is null in answers */
	CRUD_JSON = 2,      /* a text that holds JSON: taken and answered as JSON */
	CRUD_JSON_TEXT = 4, /* the same, but answered as text */
	CRUD_HIDE = 8,      /* not in answers, not taken */
	CRUD_NEED = 16,     /* never empty */
};

/* How a member of the descriptor differs from what its kind says. */
struct crud_member {
	const char *key;
	unsigned form; /* enum crud_form */
};

enum crud_act { CRUD_INDEX, CRUD_VIEW, CRUD_ADD, CRUD_EDIT, CRUD_DELETE };

struct crud {
	enum store_table table;
	const struct entity_desc *desc;
	const struct crud_member *members; /* ends with a key of NULL; may be NULL */
	const char *list;    /* the index is {"<list>":[..]}; NULL: a bare list */
	const char *what;    /* in "Could not add <what>" */
	const char *absent;  /* text of the 404 */
	const char *deleted; /* text of the answer to delete */
	const char *needed;  /* error of a CRUD_NEED member that is empty */
	bool has_uuid; /* a path may name a row by UUID, under this index: */
	enum store_index uuid_index;
	const char *unique, *taken; /* member of the unique key, and the error when it is taken */
	/* The hooks may be NULL. A row that is not visible answers as one that is not there. */
	bool (*visible)(struct http_req *r, const void *row);
	/* Values of a new row before the body is taken. */
	void (*fresh)(struct http_req *r, void *row);
	/*
	 * Before a row is written, the body taken; head.has tells which members it gave. Returns the
	 * errors as JSON text (rest_field_error), absent when there are none.
	 */
	struct str (*fault)(struct http_req *r, const json_t *body, void *row);
	/* When a row has been written or removed, before it is answered. */
	enum err (*changed)(struct http_req *r, const void *row, struct fail *f);
	/* May a row go? Answers itself when not. */
	bool (*may_go)(struct http_req *r, const void *row);
	/* Further members of the row's object, and what stands beside it. */
	void (*more)(struct http_req *r, struct jsonw *w, const void *row, enum crud_act act);
	void (*beside)(struct http_req *r, struct jsonw *w, const void *row, enum crud_act act);
};

/* The five handlers; `r->ep->arg` is the struct crud. */
MUST_USE enum err crud_index(struct http_req *r, struct fail *f);
MUST_USE enum err crud_view(struct http_req *r, struct fail *f);
MUST_USE enum err crud_add(struct http_req *r, struct fail *f);
MUST_USE enum err crud_edit(struct http_req *r, struct fail *f);
MUST_USE enum err crud_delete(struct http_req *r, struct fail *f);

/* ---- the pieces, for handlers that do more ---- */

/* All rows of a table that are visible (NULL: all), by `page` and `limit`, each written by `item`. */
struct crud_rows {
	enum store_table table;
	const struct entity_desc *desc;
	const char *list; /* as in struct crud */
	bool (*visible)(struct http_req *r, const void *row);
	void (*item)(struct http_req *r, struct jsonw *w, const struct store_rtxn *t, const void *row);
};
MUST_USE enum err crud_list(struct http_req *r, const struct crud_rows *rows, struct fail *f);

/* The row that the path names as ":id", copied into the request's arena; false: answered with a 404
   of this text (NULL: the kind's own). */
bool crud_of_path(struct http_req *r, const struct crud *c, const char *absent, void *row,
		  struct fail *f);
/* Members that the body gives; head.has says which. False: answered with the errors. */
bool crud_take(struct http_req *r, const struct crud *c, enum crud_act act, const json_t *body,
	       void *row);
/* Write the row (a new one gets its number) and answer it. */
MUST_USE enum err crud_save(struct http_req *r, const struct crud *c, enum crud_act act, void *row,
			    struct fail *f);
/* {"Wrapper":{..}} */
void crud_answer(struct http_req *r, const struct crud *c, const void *row, enum crud_act act);
/* The same inside a list that is open. */
void crud_item(struct http_req *r, struct jsonw *w, const struct crud *c, const void *row,
	       enum crud_act act);
/* {"saved":true,"success":true,"name":..,"message":..,"url":..,"id":N}: the number without quotes,
   as MISP has it in answers to deletions and imports (recorded). */
void crud_done(struct http_req *r, const char *text, struct str url, uint64_t id);
/* The members alone, inside an object that is open. */
void crud_members(struct jsonw *w, const struct crud *c, const void *row);
