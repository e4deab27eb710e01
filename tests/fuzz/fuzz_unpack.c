/*
 * fuzz_unpack.c - any bytes as a file that may be packed: what comes out is the same however the bytes are cut,
 * and the sink can stop it.
 */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "codec/unpack.h"

#define OUT_MAX (8u << 20)

static void die(const char *what)
{
	fprintf(stderr, "%s\n", what);
	abort();
}

static enum err sink(void *arg, struct str bytes)
{
	struct buf *b = arg;
	if (b->n + bytes.n > OUT_MAX)
		return ERR_LIMIT;
	buf_str_add(b, bytes);
	return buf_err(b);
}

static enum err unpack_it(struct str in, size_t step, struct buf *out)
{
	OWN(unpack) struct unpack *u = unpack_new();
	struct fail f = {0};
	enum err e = ERR_OK;
	if (!u)
		die("no memory");
	for (size_t i = 0; i < in.n && e == ERR_OK; i += step)
		e = unpack_feed(u, str_sub(in, i, step), sink, out, &f);
	if (e == ERR_OK)
		e = unpack_end(u, sink, out, &f);
	if (e != ERR_OK && e != ERR_PARSE && e != ERR_UNSUPPORTED && e != ERR_LIMIT)
		die("an error of another kind");
	return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = {size ? (const char *)data : "", size};
	OWN(buf) struct buf whole = BUF(OUT_MAX + 65536), cut = BUF(OUT_MAX + 65536);
	enum err a = unpack_it(in, size + 1, &whole), b = unpack_it(in, size ? data[size - 1] % 13 + 1 : 1, &cut);
	if ((a == ERR_OK) != (b == ERR_OK) || (a == ERR_OK && !str_eq(buf_str(&whole), buf_str(&cut))))
		die("cutting changes what comes out");
	return 0;
}
