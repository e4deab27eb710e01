/* test_out.c - the output queue: order and counts over all kinds of segments. */
#include "http/out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/tap/tap.h"

static int make_file(const char *text)
{
	FILE *f = tmpfile();
	int fd;

	if (!f)
		bail_out("tmpfile");
	fputs(text, f);
	fflush(f);
	fd = dup(fileno(f));
	fclose(f);
	return fd;
}

/* copied, literal, taken, a stretch of a file, copied: "ab" "cd" "efg" "234" "h" */
static void fill(struct outq *q)
{
	struct buf b = BUF(100);

	buf_puts(&b, "efg");
	ok(outq_copy(q, "a", 1) && outq_copy(q, "b", 1), "copy");
	ok(outq_lit(q, STR("cd")), "literal");
	ok(outq_take(q, &b) && b.p == NULL, "taken");
	ok(outq_file(q, make_file("0123456789"), 2, 3), "file");
	ok(outq_copy(q, "h", 1), "copy behind a file");
	is_uint(q->bytes, 11, "count");
}

int main(void)
{
	struct outq q = {0};
	char got[64] = "", scratch[8];
	size_t n = 0;
	int sp[2];
	ssize_t w;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sp) < 0)
		bail_out("socketpair");
	fill(&q);
	while (q.bytes && (w = outq_write(&q, sp[0])) > 0)
		;
	is_uint(q.bytes, 0, "all written");
	ok(!q.head && !q.tail, "and freed");
	w = read(sp[1], got, sizeof(got) - 1);
	got[w > 0 ? w : 0] = '\0';
	is_str(got, "abcdefg234h", "in order");

	fill(&q);
	while (q.bytes) {
		struct str s = outq_peek(&q, scratch, 4);
		if (!s.p || s.n == 0 || s.n > 4)
			bail_out("peek");
		/* take fewer than were shown, as a socket may */
		s.n = s.n > 2 ? s.n - 1 : s.n;
		memcpy(got + n, s.p, s.n);
		n += s.n;
		outq_consume(&q, s.n);
	}
	got[n] = '\0';
	is_str(got, "abcdefg234h", "peek and consume");

	ok(outq_file(&q, make_file("short"), 0, 100), "a file that is shorter than said");
	w = outq_write(&q, sp[0]);
	is_int(w, 5, "what there is");
	errno = 0;
	is_int(outq_write(&q, sp[0]), -1, "then an error");
	is_int(errno, EIO, "EIO");
	ok(!outq_peek(&q, scratch, sizeof(scratch)).p, "peek tells too");
	outq_clear(&q);
	fill(&q);
	outq_clear(&q);
	is_uint(q.bytes, 0, "cleared");
	close(sp[0]);
	close(sp[1]);
	return done_testing();
}
