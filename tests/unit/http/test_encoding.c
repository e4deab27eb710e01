/* test_encoding.c - gzip there and back, broken input, sinks that stop. */
#include "http/encoding.h"

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

static enum err decode(struct str z, size_t step, struct sink *s)
{
	struct decoder *d = decoder_new(CODING_GZIP);
	enum err e = ERR_OK;

	for (size_t at = 0; e == ERR_OK && at < z.n; at += step)
		e = decoder_feed(d, str_sub(z, at, step), take, s);
	if (e == ERR_OK)
		e = decoder_end(d);
	decoder_free(d);
	return e;
}

static void round_trip(size_t n, bool noise)
{
	OWN(buf) struct buf in = BUF(1 << 22);
	OWN(buf) struct buf z = BUF(1 << 22);
	struct encoder *e = encoder_new();
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
		is_ok(decode(buf_str(&z), step, &s), "%zu bytes in steps of %zu", n, step);
		ok(str_eq(buf_str(&out), buf_str(&in)), "came back");
		ok(s.largest <= 65536, "in small pieces");
	}
	if (n) {
		OWN(buf) struct buf out = BUF(1 << 22);
		struct sink s = {.out = &out};
		is_err(decode(str_sub(buf_str(&z), 0, z.n - 1), 1000, &s), ERR_PARSE, "cut");
		buf_putc(&z, 'x');
		buf_clear(&out);
		is_err(decode(buf_str(&z), z.n, &s), ERR_PARSE, "something behind");
		buf_clear(&out);
		is_err(decode(buf_str(&z), z.n - 1, &s), ERR_PARSE, "behind, in the next piece");
		z.n--;
		z.p[z.n - 5] ^= 1;
		buf_clear(&out);
		is_err(decode(buf_str(&z), 1000, &s), ERR_PARSE, "wrong checksum");
	}
}

static void bomb(void)
{
	OWN(buf) struct buf z = BUF(1 << 22);
	OWN(buf) struct buf out = BUF(1 << 22);
	static const char zeros[65536];
	struct encoder *e = encoder_new();
	struct sink s = {.out = &out, .stop_at = 100000};

	for (int i = 0; i < 1000; i++)
		if (encoder_add(e, (struct str){zeros, sizeof(zeros)}, FLUSH_NO, &z) != ERR_OK)
			ok(false, "compress");
	is_ok(encoder_add(e, STR(""), FLUSH_END, &z), "64 MB become %zu bytes", z.n);
	encoder_free(e);
	is_err(decode(buf_str(&z), z.n, &s), ERR_LIMIT, "the sink stops it");
	ok(out.n <= 100000, "in time");
}

int main(void)
{
	ok(coding_parse(STR_NONE) == CODING_IDENTITY, "none");
	ok(coding_parse(STR("gzip")) == CODING_GZIP, "gzip");
	ok(coding_parse(STR("GZIP")) == CODING_UNKNOWN, "MISP takes exact tokens only");
	ok(coding_parse(STR("deflate")) == CODING_UNKNOWN, "no deflate");
	ok(coding_parse(STR("")) == CODING_IDENTITY, "empty");
	ok(decoder_new(CODING_UNKNOWN) == NULL, "no decoder for it");
	is_str(coding_supported()[0], "gzip", "announced first");
	round_trip(0, false);
	round_trip(1, false);
	round_trip(300000, false);
	round_trip(300000, true);
	bomb();
	return done_testing();
}
