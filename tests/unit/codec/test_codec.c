/* test_codec.c - each coding there and back, broken input, sinks that stop, which one is chosen. */
#include "codec/codec.h"

#include "tests/tap/tap.h"

struct sink {
	struct buf *out;
	size_t largest, stop_at;
};

static enum err take(void *arg, struct str bytes)
{
	struct sink *s = arg;

	s->largest = MAX(s->largest, bytes.n);
	if (s->stop_at && s->out->n + bytes.n > s->stop_at)
		return ERR_LIMIT;
	buf_str_add(s->out, bytes);
	return buf_err(s->out);
}

static enum err decode(enum coding c, struct str z, size_t step, struct sink *s)
{
	struct decoder *d = decoder_new(c);
	enum err e = ERR_OK;

	for (size_t at = 0; e == ERR_OK && at < z.n; at += step)
		e = decoder_feed(d, str_sub(z, at, step), take, s);
	if (e == ERR_OK)
		e = decoder_end(d);
	decoder_free(d);
	return e;
}

static void round_trip(enum coding c, size_t n, bool noise)
{
	OWN(buf) struct buf in = BUF(1 << 22);
	OWN(buf) struct buf z = BUF(1 << 22);
	struct encoder *e = encoder_new(c);
	uint32_t x = 12345;

	for (size_t i = 0; i < n; i++) {
		x = x * 1103515245u + 12345u;
		buf_putc(&in, noise ? (char)(x >> 16) : (char)('a' + (i / 5) % 7));
	}
	for (size_t at = 0; at < n; at += 10007)
		is_ok(encoder_add(e, str_sub(buf_str(&in), at, 10007),
				  at % 2 ? FLUSH_SYNC : FLUSH_NO, &z),
		      "compress");
	is_ok(encoder_add(e, STR(""), FLUSH_END, &z), "end");
	encoder_free(e);
	for (size_t step = 1; step <= z.n; step = step * 7 + 1) {
		OWN(buf) struct buf out = BUF(1 << 22);
		struct sink s = {.out = &out};
		is_ok(decode(c, buf_str(&z), step, &s), "%s: %zu bytes in steps of %zu",
		      coding_name(c), n, step);
		ok(str_eq(buf_str(&out), buf_str(&in)), "came back");
		ok(s.largest <= 65536, "in small pieces");
	}
	if (n) {
		OWN(buf) struct buf out = BUF(1 << 22);
		struct sink s = {.out = &out};
		is_err(decode(c, str_sub(buf_str(&z), 0, z.n - 1), 1000, &s), ERR_PARSE, "cut");
		buf_putc(&z, 'x');
		buf_clear(&out);
		is_err(decode(c, buf_str(&z), z.n, &s), ERR_PARSE, "something behind");
		buf_clear(&out);
		is_err(decode(c, buf_str(&z), z.n - 1, &s), ERR_PARSE, "behind, in the next piece");
		z.n--;
		z.p[z.n - 5] ^= 1;
		buf_clear(&out);
		if (c == CODING_GZIP) /* the others have none */
			is_err(decode(c, buf_str(&z), 1000, &s), ERR_PARSE, "wrong checksum");
	}
}

static void bomb(enum coding c)
{
	OWN(buf) struct buf z = BUF(1 << 22);
	OWN(buf) struct buf out = BUF(1 << 22);
	static const char zeros[65536];
	struct encoder *e = encoder_new(c);
	struct sink s = {.out = &out, .stop_at = 100000};

	for (int i = 0; i < 1000; i++)
		if (encoder_add(e, (struct str){zeros, sizeof(zeros)}, FLUSH_NO, &z) != ERR_OK)
			ok(false, "compress");
	is_ok(encoder_add(e, STR(""), FLUSH_END, &z), "64 MB become %zu bytes", z.n);
	encoder_free(e);
	is_err(decode(c, buf_str(&z), z.n, &s), ERR_LIMIT, "the sink stops it");
	ok(out.n <= 100000, "in time");
}

/* "hello" as zlib and raw deflate write it. */
static void deflate(void)
{
	static const char zlib[] = "\x78\x9c\xcb\x48\xcd\xc9\xc9\x07\x00\x06\x2c\x02\x15";
	struct str z = {zlib, sizeof(zlib) - 1}, raw = {zlib + 2, sizeof(zlib) - 7};

	for (size_t step = 1; step < 14; step += 6) {
		OWN(buf) struct buf out = BUF(100);
		struct sink s = {.out = &out};
		is_ok(decode(CODING_DEFLATE, z, step, &s), "deflate in steps of %zu", step);
		is_ok(decode(CODING_DEFLATE, raw, step, &s), "and raw");
		is_view(buf_str(&out), "hellohello", "both read");
	}
	ok(encoder_new(CODING_DEFLATE) == NULL, "it is not made here");
}

static void names(void)
{
	ok(coding_parse(STR_NONE) == CODING_IDENTITY, "none");
	ok(coding_parse(STR("")) == CODING_IDENTITY, "empty");
	ok(coding_parse(STR("gzip")) == CODING_GZIP, "gzip");
	ok(coding_parse(STR("X-GZip")) == CODING_GZIP, "by its old name, in any case");
	ok(coding_parse(STR("deflate")) == CODING_DEFLATE, "deflate");
	ok(coding_parse(STR("compress")) == CODING_UNKNOWN, "no compress");
	ok(decoder_new(CODING_UNKNOWN) == NULL, "no decoder for it");
	is_str(coding_name(CODING_GZIP), "gzip", "a name");
	is_str(coding_name(CODING_UNKNOWN), "identity", "none");
	ok(str_has_prefix(str_c(coding_accept()), STR("gzip")), "what we ask for");
}

static void choice(void)
{
	static const struct {
		const char *accept;
		enum coding want;
	} rows[] = {
		{"gzip", CODING_GZIP},
		{"deflate, gzip;q=1.0", CODING_GZIP},
		{"gzip;q=0", CODING_IDENTITY},
		{"gzip;q=0.000, br;q=0.0, zstd;q=0, *;q=0.1", CODING_IDENTITY},
		{"deflate", CODING_IDENTITY},
		{"", CODING_IDENTITY},
		{"identity", CODING_IDENTITY},
		{"gzip;q=2", CODING_IDENTITY},
		{"gzip;q", CODING_IDENTITY},
		{"gzip;q=0.x", CODING_IDENTITY},
		{"gzip ; Q = 0.5", CODING_GZIP},
#if defined(HAVE_BROTLI) && defined(HAVE_ZSTD)
		{"gzip, deflate, br", CODING_BR},
		{"gzip, deflate, br, zstd", CODING_ZSTD},
		{"br;q=0.5, gzip;q=0.8, zstd;q=0.1", CODING_GZIP},
		{"*", CODING_ZSTD},
		{"zstd;q=0, *;q=0.5", CODING_BR},
		{"gzip;q=0.001, br;q=0.002", CODING_BR},
#endif
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		is_str(coding_name(coding_choose(str_c(rows[i].accept))), coding_name(rows[i].want),
		       "%s", rows[i].accept);
	ok(coding_choose(STR_NONE) == CODING_IDENTITY, "no header");
	ok(coding_accepts(STR("br, gzip"), CODING_GZIP) && !coding_accepts(STR("br"), CODING_GZIP),
	   "one of several");
}

int main(void)
{
	static const enum coding all[] = {
		CODING_GZIP,
#ifdef HAVE_BROTLI
		CODING_BR,
#endif
#ifdef HAVE_ZSTD
		CODING_ZSTD,
#endif
	};

	names();
	choice();
	deflate();
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		round_trip(all[i], 0, false);
		round_trip(all[i], 1, false);
		round_trip(all[i], 300000, false);
		round_trip(all[i], 300000, true);
		bomb(all[i]);
	}
	return done_testing();
}
