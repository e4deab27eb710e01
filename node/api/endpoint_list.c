/*
 * endpoint_list.c - the endpoints as text for tocsin-api(7), from the rows.
 *
 * Knows only what the rows say. Invariant: every row is listed once, and what is partial says so.
 */
#include <ctype.h>

#include "api/api.h"
#include "api/openapi.h"

static const struct {
	unsigned bit;
	const char *name;
} methods[] = {
	{HTTP_GET, "GET"}, {HTTP_POST, "POST"}, {HTTP_PUT, "PUT"}, {HTTP_DELETE, "DELETE"}};

/* Text that roff prints as it is. */
static void plain(struct buf *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		buf_puts(out, "\\&");
	for (; *text; text++) {
		if (*text == '\\')
			buf_puts(out, "\\e");
		else if (*text == '-')
			buf_puts(out, "\\-");
		else
			buf_putc(out, *text);
	}
}

static void row(struct buf *out, const struct endpoint *ep)
{
	OWN(buf) struct buf needs = BUF(4096);
	buf_puts(out, ".TP\n\\fB");
	plain(out, ep->path);
	buf_puts(out, "\\fR ");
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (ep->methods & methods[i].bit)
			buf_printf(out, " %s", methods[i].name);
	buf_putc(out, '\n');
	plain(out, ep->doc);
	endpoint_needs(ep, &needs);
	buf_puts(out, ispunct((unsigned char)ep->doc[strlen(ep->doc) - 1]) ? "\nNeeds: " : ".\nNeeds: ");
	plain(out, buf_cstr(&needs));
	buf_puts(out, ".\n");
	if (ep->missing) {
		buf_puts(out, ".br\n\\fIPartial:\\fR ");
		plain(out, ep->missing);
		buf_puts(out, ".\n");
	}
}

static bool same_noun(size_t a, size_t b)
{
	OWN(buf) struct buf one = BUF(4096), other = BUF(4096);
	endpoint_noun(api_rows[a], &one);
	endpoint_noun(api_rows[b], &other);
	return str_eq(buf_str(&one), buf_str(&other));
}

/* Is it the first row of its noun? */
static bool is_first(size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (same_noun(i, n))
			return false;
	return true;
}

static void group(struct buf *out, size_t first)
{
	OWN(buf) struct buf noun = BUF(4096);
	endpoint_noun(api_rows[first], &noun);
	buf_printf(out, ".SS %s\n", buf_cstr(&noun));
	for (size_t i = first; i < api_rows_n; i++)
		if (same_noun(first, i))
			row(out, api_rows[i]);
}

void endpoints_roff(struct buf *out)
{
	static const struct {
		const char *path, *why;
	} unplanned[] = {
#define UNPLANNED(path, why) {path, why},
#include "api/unplanned.inc"
#undef UNPLANNED
	};
	size_t partial = 0;
	for (size_t i = 0; i < api_rows_n; i++)
		partial += api_rows[i]->missing != NULL;
	buf_printf(out, "%zu calls, %zu of them partial.\n", api_rows_n, partial);
	for (size_t i = 0; i < api_rows_n; i++)
		if (is_first(i))
			group(out, i);
	buf_puts(out, ".SH CALLS OF MISP THAT ARE NOT PLANNED\n");
	for (size_t i = 0; i < ARRAY_LEN(unplanned); i++) {
		buf_printf(out, ".TP\n.B %s\n", unplanned[i].path);
		plain(out, unplanned[i].why);
		buf_puts(out, ".\n");
	}
}
