/*
 * reply_head.c - the status line and headers of an answer.
 *
 * Decides the framing: length, chunks, or the end of the connection. Invariant: exactly one of
 * them, and none where the status forbids a body.
 */
#include <string.h>

#include "base/clock.h"
#include "http/internal.h"

#define HEAD_ROOM 512

static const struct {
	int status;
	const char *text;
} reasons[] = {
	{200, "OK"},
	{201, "Created"},
	{202, "Accepted"},
	{204, "No Content"},
	{206, "Partial Content"},
	{301, "Moved Permanently"},
	{302, "Found"},
	{304, "Not Modified"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{406, "Not Acceptable"},
	{408, "Request Timeout"},
	{409, "Conflict"},
	{413, "Content Too Large"},
	{414, "URI Too Long"},
	{415, "Unsupported Media Type"},
	{417, "Expectation Failed"},
	{429, "Too Many Requests"},
	{431, "Request Header Fields Too Large"},
	{499, "Client Closed Request"},
	{500, "Internal Server Error"},
	{501, "Not Implemented"},
	{502, "Bad Gateway"},
	{503, "Service Unavailable"},
	{504, "Gateway Timeout"},
	{505, "HTTP Version Not Supported"},
	{507, "Insufficient Storage"},
};

const char *http_reason(int status)
{
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Status";
}

static void two(char *to, int v)
{
	to[0] = (char)('0' + v / 10 % 10);
	to[1] = (char)('0' + v % 10);
}

/* For each answer with a file: not by printf(). */
void http_date(int64_t t, char out[40])
{
	static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	static const char form[] = "Day, 00 Mon 0000 00:00:00 GMT";
	struct clock_civil c = clock_to_civil(t);

	if (c.year < 0 || c.year > 9999)
		c = clock_to_civil(0);
	memcpy(out, form, sizeof(form));
	memcpy(out, days[c.weekday % 7], 3);
	two(out + 5, c.day);
	memcpy(out + 8, months[(c.month - 1) % 12], 3);
	two(out + 12, c.year / 100);
	two(out + 14, c.year % 100);
	two(out + 17, c.hour);
	two(out + 20, c.minute);
	two(out + 23, c.second);
}

/* The Date header's text, made once a second. */
const char *io_date(struct io *io)
{
	int64_t now = clock_now();

	if (now != io->date_at) {
		io->date_at = now;
		http_date(now, io->date);
	}
	return io->date;
}

struct head {
	char p[HEAD_ROOM];
	size_t n;
};

/* All parts are short and ours; what would not fit is cut, never written beyond. */
static void add(struct head *h, struct str s)
{
	size_t n = MIN(s.n, HEAD_ROOM - h->n);

	memcpy(h->p + h->n, s.p, n);
	h->n += n;
}

static void add_c(struct head *h, const char *s)
{
	add(h, str_c(s));
}

static void add_u64(struct head *h, uint64_t v)
{
	char t[24];
	size_t at = sizeof(t);

	do
		t[--at] = (char)('0' + v % 10);
	while (v /= 10);
	add(h, (struct str){t + at, sizeof(t) - at});
}

static void add_length(struct head *h, uint64_t n)
{
	add(h, STR("Content-Length: "));
	add_u64(h, n);
	add(h, STR("\r\n"));
}

/* How the end of the body is told. May set *close. */
static void add_framing(struct http_call *c, struct head *h, bool *close)
{
	const struct reply *r = &c->reply;

	if (r->no_length)
		return;
	switch (r->kind) {
	case REPLY_NONE:
		add_length(h, 0);
		return;
	case REPLY_BUF:
		add_length(h, r->body.n);
		return;
	case REPLY_LIT:
		add_length(h, r->lit.n);
		return;
	case REPLY_FILE:
		add_length(h, r->file.length);
		return;
	case REPLY_STREAM:
		break;
	}
	if (r->src->length >= 0 && r->coding == CODING_IDENTITY) {
		add_length(h, (uint64_t)r->src->length);
	} else if (c->minor > 0) {
		c->chunked_out = true;
		add(h, STR("Transfer-Encoding: chunked\r\n"));
	} else {
		*close = true;
	}
}

bool reply_head_write(struct http_call *c, struct outq *out, bool close)
{
	const struct reply *r = &c->reply;
	struct head h = {.n = 0};

	add(&h, STR("HTTP/1.1 "));
	add_u64(&h, (uint64_t)r->status);
	add(&h, STR(" "));
	add_c(&h, http_reason(r->status));
	add(&h, STR("\r\nDate: "));
	add_c(&h, io_date(c->io));
	add(&h, STR("\r\n"));
	if (r->type) {
		add(&h, STR("Content-Type: "));
		add_c(&h, r->type);
		add(&h, STR("\r\nX-Content-Type-Options: nosniff\r\n"));
	}
	if (r->kind == REPLY_STREAM && r->coding != CODING_IDENTITY) {
		add(&h, STR("Content-Encoding: "));
		add_c(&h, coding_name(r->coding));
		add(&h, STR("\r\nVary: Accept-Encoding\r\n"));
	}
	add_framing(c, &h, &close);
	c->keep_alive = !close;
	if (close)
		add(&h, STR("Connection: close\r\n"));
	else if (c->minor == 0)
		add(&h, STR("Connection: keep-alive\r\n"));
	if (!outq_copy(out, h.p, h.n))
		return false;
	if (buf_err(&r->extra) != ERR_OK) /* an answer without its headers would be another one */
		return false;
	if (r->extra.n && !outq_copy(out, r->extra.p, r->extra.n))
		return false;
	return outq_copy(out, "\r\n", 2);
}
