/*
 * fuzz_values.c - any bytes as a table, a list or a text: values are bounded, faults have their lines in order,
 * and both are the same however the bytes are cut. The first three bytes choose format, delimiter and columns.
 */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "feeds/in/values.h"

struct run {
	struct buf out;
	uint64_t line;
};

static void die(const char *what)
{
	fprintf(stderr, "%s\n", what);
	abort();
}

static enum err on_hit(void *user, const struct values_hit *h, struct fail *f)
{
	struct run *r = user;
	(void)f;
	if (!h->value.n || !str_utf8_ok(h->value) || !type_get(h->type))
		die("a bad value");
	if (h->line < r->line)
		die("lines go backwards");
	r->line = h->line;
	buf_printf(&r->out, "%u %llu ", (unsigned)h->type, (unsigned long long)h->line);
	buf_str_add(&r->out, h->value);
	buf_putc(&r->out, '\n');
	return ERR_OK;
}

static void on_fault(void *user, enum values_fault why, uint64_t line, struct str text)
{
	struct run *r = user;
	if (!line || line < r->line)
		die("a fault without its line");
	r->line = line;
	buf_printf(&r->out, "fault %d %llu ", (int)why, (unsigned long long)line);
	buf_str_add(&r->out, text);
	buf_putc(&r->out, '\n');
}

static enum err read_it(const struct values_opts *o, struct str text, size_t step, struct run *r)
{
	OWN(values) struct values *v = NULL;
	struct fail f = {0};
	enum err e = values_new(o, on_hit, r, &v, &f);
	r->line = 0;
	if (e != ERR_OK)
		die("no reader");
	for (size_t i = 0; i < text.n && e == ERR_OK; i += step)
		e = values_feed(v, text.p + i, MIN(step, text.n - i), &f);
	if (e == ERR_OK)
		e = values_end(v, &f);
	if (e != ERR_OK && e != ERR_AGAIN)
		die("an error");
	return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const delimiters[] = {",", ";", "\\t", "|", " ", "||", "\"", "ab"};
	static const char *const columns[] = {"", "1", "2", "1,3", "2:domain,1", "1:comment"};
	struct run whole = {.out = BUF(64u << 20)}, cut = {.out = BUF(64u << 20)};
	if (size < 3)
		return 0;
	struct values_opts o = {.format = (enum values_format)(data[0] % 3),
				.delimiter = str_c(delimiters[data[1] % ARRAY_LEN(delimiters)]),
				.columns = str_c(columns[data[2] % ARRAY_LEN(columns)]),
				.no_json = data[0] & 128,
				.fault = on_fault};
	struct str text = {(const char *)data + 3, size - 3};
	enum err a = read_it(&o, text, size, &whole), b = read_it(&o, text, data[2] % 13 + 1, &cut);
	if (a != b || (a == ERR_OK && !str_eq(buf_str(&whole.out), buf_str(&cut.out))))
		die("cutting changes what is found");
	buf_free(&whole.out);
	buf_free(&cut.out);
	return 0;
}
