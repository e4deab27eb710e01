/*
 * fuzz_freetext.c - any bytes as a text: values are bounded, come once, and are the same however the
 * text is cut.
 */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "feeds/freetext/freetext.h"

static void die(const char *what)
{
	fprintf(stderr, "%s\n", what);
	abort();
}

static enum err keep(void *user, const struct freetext_hit *h, struct fail *f)
{
	(void)f;
	if (!h->value.n || h->value.n > FREETEXT_VALUE_MAX + 8 || !str_utf8_ok(h->value))
		die("a bad value");
	if (!type_get(h->kind->type) || !h->kind->n)
		die("a bad kind");
	buf_printf(user, "%u ", h->kind->type);
	buf_str_add(user, h->value);
	buf_putc(user, '\n');
	return ERR_OK;
}

static void search(struct str text, size_t step, struct buf *out)
{
	struct fail f = {0};
	OWN(freetext) struct freetext *t = freetext_new(keep, out);
	for (size_t i = 0; i < text.n; i += step)
		if (freetext_add(t, str_sub(text, i, step), &f) != ERR_OK)
			die("an error");
	if (freetext_break(t, &f) != ERR_OK)
		die("an error at the end");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {size ? (const char *)data : "", size};
	OWN(buf) struct buf whole = BUF(64 << 20), cut = BUF(64 << 20);
	search(text, size + 1, &whole);
	search(text, size ? data[0] % 13 + 1 : 1, &cut);
	if (!str_eq(buf_str(&whole), buf_str(&cut)))
		die("cutting changes what is found");
	return 0;
}
