/* test_chunk.c - the chunk decoder: the result does not depend on how the input is cut. */
#include "http/chunk.h"

#include "base/buf.h"
#include "tests/tap/tap.h"

/* Decode with pieces of `step` bytes. The last result; *used is the bytes taken in all. */
static enum chunk_result decode(struct str in, size_t step, struct buf *out, size_t *taken)
{
	struct chunk_dec d = {0};
	enum chunk_result r = CHUNK_MORE;

	*taken = 0;
	while (*taken < in.n) {
		struct str data;
		size_t used = 0;
		r = chunk_feed(&d, str_sub(in, *taken, step), &used, &data);
		*taken += used;
		if (r == CHUNK_DATA)
			buf_str_add(out, data);
		if (r == CHUNK_END || r == CHUNK_BAD)
			break;
	}
	return r;
}

static const struct {
	const char *in, *out;
	size_t left; /* bytes behind the end */
} good[] = {
	{"0\r\n\r\n", "", 0},
	{"3\r\nabc\r\n0\r\n\r\nGET", "abc", 3},
	{"3;a=b;c=\"d;e\"\r\nabc\r\n00\r\n\r\n", "abc", 0},
	{"b\r\nhello world\r\n1\r\n!\r\n0\r\nA: b\r\nC:\r\n\r\n", "hello world!", 0},
	{"00000000000003\r\nabc\r\n0\r\n\r\n", "abc", 0},
};

static const char *const bad[] = {
	"\r\n",	       "g\r\n",	     "-1\r\n",		"+1\r\nA\r\n", " 1\r\nA\r\n", "1 \r\nA\r\n",
	"1\nA",	       "1\rA",	     "1\r\nAB",		"1\r\nA\rB",   "1\r\nA\n",    "0\r\n\n",
	"0\r\n\rx",    "0\r\nbad\r\n", "0\r\n: x\r\n", "0\r\nA : x\r\n", "0\r\nA: b\n",
	"1;\x01\r\nA", "1;\"\\\"\"\r\nA", "1000000000000000\r\n",
};

int main(void)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		for (size_t step = 1; step < 40; step += 3) {
			OWN(buf) struct buf out = BUF(1000);
			struct str in = str_c(good[i].in);
			size_t taken;
			enum chunk_result r = decode(in, step, &out, &taken);
			ok(r == CHUNK_END && in.n - taken == good[i].left &&
				   str_is(buf_str(&out), good[i].out),
			   "good %zu in steps of %zu", i, step);
		}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		for (size_t step = 1; step < 20; step += 5) {
			OWN(buf) struct buf out = BUF(1000);
			size_t taken;
			ok(decode(str_c(bad[i]), step, &out, &taken) == CHUNK_BAD,
			   "bad %zu in steps of %zu", i, step);
		}
	return done_testing();
}
