/*
 * test_unpack.c - gzip in several parts, zips of Python's zipfile in all its forms, what is not packed, and
 * what is cut off or damaged: never more than there is, never good when it is not.
 */
#include "codec/unpack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/own.h"
#include "tests/tap/tap.h"

static enum err keep(void *arg, struct str bytes)
{
	buf_str_add(arg, bytes);
	return buf_err(arg);
}

static enum err run(struct str in, size_t step, struct buf *out, const char **kind, struct fail *f)
{
	OWN(unpack) struct unpack *u = unpack_new();
	enum err e = u ? ERR_OK : ERR_NOMEM;
	for (size_t i = 0; i < in.n && e == ERR_OK; i += step)
		e = unpack_feed(u, str_sub(in, i, step), keep, out, f);
	if (e == ERR_OK)
		e = unpack_end(u, keep, out, f);
	if (kind)
		*kind = unpack_kind(u);
	return e;
}

static void gzip(struct buf *out, struct str s)
{
	z_stream z = {0};
	char *room = buf_reserve(out, s.n + 1000);
	if (!room || deflateInit2(&z, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		bail_out("zlib");
	z.next_in = (Bytef *)(uintptr_t)s.p;
	z.avail_in = (uInt)s.n;
	z.next_out = (Bytef *)room;
	z.avail_out = (uInt)(s.n + 1000);
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		bail_out("zlib");
	buf_commit(out, s.n + 1000 - z.avail_out);
	deflateEnd(&z);
}

static void put(struct buf *b, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		buf_putc(b, i < 8 ? (char)(v >> (8 * i)) : 0);
}

struct zip {
	const char *name;
	bool deflated, later, signature, big, folder_first, folder_packed, encrypted, bad_crc;
};

static void zip(struct buf *out, const struct zip *z, struct str s)
{
	OWN(buf) struct buf gz = BUF(1 << 22), extra = BUF(64);
	struct str packed = s;
	uint32_t crc = (uint32_t)crc32(0, (const Bytef *)s.p, (uInt)s.n) ^ z->bad_crc;
	if (z->deflated) {
		gzip(&gz, s); /* its middle is a raw stream */
		packed = str_sub(buf_str(&gz), 10, gz.n - 18);
	}
	if (z->folder_first || z->folder_packed) {
		put(out, 0x04034b50, 4);
		put(out, 20, 2);
		put(out, 0, 2);
		put(out, z->folder_packed ? 8 : 0, 2);
		put(out, 0, 8);
		put(out, z->folder_packed ? 2 : 0, 4);
		put(out, 0, 4);
		put(out, 2, 2);
		put(out, 0, 2);
		buf_puts(out, "d/");
		if (z->folder_packed)
			put(out, 0x0003, 2); /* an empty stream */
	}
	if (z->big) {
		put(&extra, 0x5455, 2);
		put(&extra, 1, 2);
		put(&extra, 0, 1);
		put(&extra, 1, 2);
		put(&extra, 16, 2);
		put(&extra, s.n, 8);
		put(&extra, packed.n, 8);
	}
	put(out, 0x04034b50, 4);
	put(out, 20, 2);
	put(out, (z->later ? 8u : 0u) | z->encrypted, 2);
	put(out, z->deflated ? 8 : 0, 2);
	put(out, 0, 4);
	put(out, z->later ? 0 : crc, 4);
	put(out, z->later ? 0 : z->big ? UINT32_MAX : packed.n, 4);
	put(out, z->later ? 0 : z->big ? UINT32_MAX : s.n, 4);
	put(out, strlen(z->name), 2);
	put(out, extra.n, 2);
	buf_puts(out, z->name);
	buf_str_add(out, buf_str(&extra));
	buf_str_add(out, packed);
	if (z->later) {
		if (z->signature)
			put(out, 0x08074b50, 4);
		put(out, crc, 4);
		put(out, packed.n, 4);
		put(out, s.n, 4);
	}
	put(out, 0x02014b50, 4);
	buf_puts(out, "a directory that nobody looks at");
}

static const struct {
	const char *what;
	struct zip z;
	enum err want;
} zips[] = {
	{"stored", {.name = "a.csv"}, ERR_OK},
	{"deflated", {.name = "a.csv", .deflated = true}, ERR_OK},
	{"checksum behind it", {.name = "a.csv", .deflated = true, .later = true}, ERR_OK},
	{"with its signature", {.name = "a.csv", .deflated = true, .later = true, .signature = true}, ERR_OK},
	{"sizes of 8 bytes", {.name = "a.csv", .big = true}, ERR_OK},
	{"a folder first", {.name = "d/a.csv", .deflated = true, .folder_first = true}, ERR_OK},
	{"a folder first, deflated", {.name = "d/a.csv", .deflated = true, .folder_packed = true}, ERR_OK},
	{"encrypted", {.name = "a.csv", .encrypted = true}, ERR_UNSUPPORTED},
	{"stored without a size", {.name = "a.csv", .later = true}, ERR_UNSUPPORTED},
	{"a wrong checksum", {.name = "a.csv", .bad_crc = true}, ERR_PARSE},
	{"a wrong checksum behind it", {.name = "a", .deflated = true, .later = true, .bad_crc = true}, ERR_PARSE},
};

static void test_zips(struct str text)
{
	for (size_t i = 0; i < ARRAY_LEN(zips); i++)
		for (size_t step = 1; step < 100000; step = step * 41 + 1) {
			OWN(buf) struct buf z = BUF(1 << 22), out = BUF(1 << 22);
			const char *kind;
			struct fail f = {0};
			zip(&z, &zips[i].z, text);
			is_err(run(buf_str(&z), step, &out, &kind, &f), zips[i].want, "%s, in pieces of %zu: %s",
			       zips[i].what, step, f.text);
			if (zips[i].want == ERR_OK)
				ok(str_eq(buf_str(&out), text), "its bytes");
			is_str(kind, "zip", "and it is known");
		}
}

/* Cut anywhere it is an error, except behind the file. */
static void test_cut(struct str text)
{
	unsigned good = 0, more = 0;
	for (size_t i = 0; i < 6; i++) {
		OWN(buf) struct buf z = BUF(1 << 22);
		zip(&z, &zips[i].z, str_sub(text, 0, 300));
		for (size_t n = 4; n < z.n - 36; n++) {
			OWN(buf) struct buf out = BUF(1 << 20);
			struct fail f = {0};
			enum err e = run(str_sub(buf_str(&z), 0, n), 7, &out, NULL, &f);
			/* what follows the checksum is not looked at */
			good += e == ERR_OK && n + 8 < z.n - 36;
			more += out.n > 300;
		}
	}
	is_uint(good, 0, "a zip that is cut off is none");
	is_uint(more, 0, "and gives no more than it holds");
}

static void test_gzip(struct str text)
{
	OWN(buf) struct buf gz = BUF(1 << 22), out = BUF(1 << 22);
	struct fail f = {0};
	const char *kind;
	unsigned good = 0;
	gzip(&gz, str_sub(text, 0, 500));
	size_t one = gz.n;
	gzip(&gz, str_sub(text, 500, text.n));
	buf_add(&gz, "\0\0\0\0", 4);
	for (size_t step = 1; step < 100000; step = step * 41 + 1) {
		buf_clear(&out);
		is_ok(run(buf_str(&gz), step, &out, &kind, &f), "two parts in pieces of %zu: %s", step, f.text);
		ok(str_eq(buf_str(&out), text), "their bytes");
	}
	is_str(kind, "gzip", "what it is");
	for (size_t n = 2; n < gz.n - 4; n += n < one ? 1 : 13) {
		buf_clear(&out);
		good += run(str_sub(buf_str(&gz), 0, n), 1000, &out, NULL, &f) == ERR_OK && n != one;
	}
	is_uint(good, 0, "cut off it is none");
	buf_puts(&gz, "more");
	buf_clear(&out);
	is_err(run(buf_str(&gz), 100, &out, NULL, &f), ERR_PARSE, "nothing else behind it: %s", f.text);
}

static void test_plain(void)
{
	static const char *const texts[] = {"", "a", "ab", "PKx", "PK", "PK rates\n", "# list\n1.2.3.4\n"};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		OWN(buf) struct buf out = BUF(1000);
		struct fail f = {0};
		const char *kind;
		is_ok(run(str_c(texts[i]), 1, &out, &kind, &f), "plain: %s", f.text);
		is_view(buf_str(&out), texts[i], "as it is");
		is_str(kind, "", "and not packed");
	}
	OWN(buf) struct buf out = BUF(1000);
	struct fail f = {0};
	is_err(run((struct str){"PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 31}, 5, &out, NULL, &f),
	       ERR_PARSE, "an empty zip: %s", f.text);
}

int main(void)
{
	OWN(buf) struct buf b = BUF(1 << 20);
	for (unsigned i = 0; i < 20000; i++)
		buf_printf(&b, "%u,203.0.%u.%u\n", i, i * 7 % 256, i % 251);
	test_zips(buf_str(&b));
	test_cut(buf_str(&b));
	test_gzip(buf_str(&b));
	test_plain();
	return done_testing();
}
