/* test_buf.c - growth, the maximum, sticky errors, taking. */
#include "base/buf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/tap/tap.h"

static void limit(void)
{
	OWN(buf) struct buf b = BUF(10);

	is_str(buf_cstr(&b), "", "empty");
	buf_puts(&b, "12345");
	buf_add(&b, "67890", 5);
	is_str(buf_cstr(&b), "1234567890", "just fits, with its NUL");
	is_ok(buf_err(&b), "no error");
	buf_putc(&b, 'x');
	is_err(buf_err(&b), ERR_LIMIT, "one more does not");
	buf_consume(&b, 5);
	buf_putc(&b, 'x');
	is_view(buf_str(&b), "67890", "the error sticks");
	buf_clear(&b);
	buf_printf(&b, "%s", "0123456789");
	is_ok(buf_err(&b), "cleared; printf fits exactly");
	buf_clear(&b);
	buf_printf(&b, "%s", "0123456789a");
	is_err(buf_err(&b), ERR_LIMIT, "printf too long");
	is_uint(b.n, 0, "nothing is added in part");
	ok(!buf_reserve(&b, 1), "no room after an error");
	buf_clear(&b);
	ok(!buf_reserve(&b, SIZE_MAX), "nor for nonsense");
}

static void numbers(void)
{
	static const int64_t rows[] = {0, 1, -1, 9, 10, 99, -100, INT64_MAX, INT64_MIN};
	OWN(buf) struct buf b = BUF(1000);
	char want[64];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		buf_clear(&b);
		buf_i64(&b, rows[i]);
		snprintf(want, sizeof(want), "%" PRId64, rows[i]);
		is_str(buf_cstr(&b), want, "signed");
		buf_clear(&b);
		buf_u64(&b, (uint64_t)rows[i]);
		snprintf(want, sizeof(want), "%" PRIu64, (uint64_t)rows[i]);
		is_str(buf_cstr(&b), want, "unsigned");
	}
}

static void growth(void)
{
	OWN(buf) struct buf b = BUF(1 << 20);
	bool good = true;
	char *p;
	size_t n;

	for (int i = 0; i < 100000; i++)
		buf_putc(&b, (char)('a' + i % 26));
	for (size_t i = 0; i < b.n; i++)
		good &= b.p[i] == (char)('a' + i % 26);
	ok(good && b.n == 100000, "contents survive growing");
	buf_consume(&b, 26 * 1000);
	ok(b.n == 74000 && b.p[0] == 'a', "consumed");
	p = buf_reserve(&b, 3);
	memcpy(p, "xyz", 3);
	buf_commit(&b, 3);
	p = buf_take(&b, &n);
	ok(p && n == 74003 && strcmp(p + 74000, "xyz") == 0, "taken, terminated");
	is_uint(b.n + b.cap, 0, "and empty now");
	free(p);
	p = buf_take(&b, &n);
	ok(p && *p == 0 && n == 0, "an empty one can be taken");
	free(p);
	buf_str_add(&b, STR("x"));
	buf_str_add(&b, STR_NONE);
	buf_consume(&b, 100);
	is_uint(b.n, 0, "consuming more than there is");
	b.err = ERR_LIMIT;
	ok(!buf_take(&b, &n) && n == 0, "half a result is not handed out");
}

int main(void)
{
	limit();
	numbers();
	growth();
	return done_testing();
}
