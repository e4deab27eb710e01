/*
 * taxii_envelope.c - counts braces outside of strings, and keeps the strings of the outermost object.
 */
#include "sync/taxii_envelope.h"

#include <string.h>

static void keep(struct taxii_envelope *e, char c)
{
	if (e->n_text < TAXII_NEXT_MAX)
		e->text[e->n_text++] = c;
	else
		e->too_long = true;
	e->text[e->n_text] = '\0';
}

static void text_begin(struct taxii_envelope *e)
{
	e->n_text = 0;
	e->text[0] = '\0';
	e->too_long = e->odd = false;
}

/* A value of the outermost object has ended. */
static void value_end(struct taxii_envelope *e)
{
	if (!e->is_value)
		return;
	if (strcmp(e->key, "more") == 0) {
		e->more = strcmp(e->text, "true") == 0;
		e->broken |= !e->more && strcmp(e->text, "false") != 0;
	}
	if (strcmp(e->key, "objects") == 0)
		e->broken |= e->n_text != 0; /* a list leaves nothing here */
	if (strcmp(e->key, "next") == 0) {
		e->broken |= e->too_long || e->odd;
		memcpy(e->next, e->text, sizeof(e->next));
	}
	e->is_value = false;
	text_begin(e);
}

static void in_text(struct taxii_envelope *e, char c)
{
	if (e->escaped) {
		e->escaped = false;
		e->odd |= c != '/' && c != '\\' && c != '"';
	} else if (c == '\\') {
		e->escaped = true;
		return;
	} else if (c == '"') {
		e->in_text = false;
		return;
	}
	if (e->depth == 1)
		keep(e, c);
}

static void outside(struct taxii_envelope *e, char c)
{
	switch (c) {
	case '"':
		e->in_text = true;
		if (e->depth == 1)
			text_begin(e);
		break;
	case '{':
	case '[':
		e->objects += e->depth == 2 && c == '{';
		e->broken |= e->depth == 0 && (c == '[' || e->begun); /* one object, and nothing behind it */
		e->broken |= e->depth == 1 && c == '{' && e->is_value &&
			     (strcmp(e->key, "objects") == 0 || strcmp(e->key, "next") == 0);
		e->begun = true;
		e->depth++;
		break;
	case '}':
	case ']':
		if (e->depth == 1)
			value_end(e);
		e->depth -= e->depth > 0;
		break;
	case ':':
		if (e->depth != 1 || e->is_value)
			break;
		e->key[0] = '\0';
		if (e->n_text < sizeof(e->key))
			memcpy(e->key, e->text, e->n_text + 1);
		e->is_value = true;
		text_begin(e);
		break;
	case ',':
		if (e->depth == 1)
			value_end(e);
		break;
	default:
		if (e->depth == 1 && e->is_value && (unsigned char)c > ' ')
			keep(e, c);
		break;
	}
}

bool taxii_envelope_ok(const struct taxii_envelope *e)
{
	return e->begun && !e->depth && !e->in_text && !e->broken;
}

void taxii_envelope_feed(struct taxii_envelope *e, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (e->in_text)
			in_text(e, p[i]);
		else
			outside(e, p[i]);
}
