/*
 * message.c - a message in the form of RFC 5322 and MIME. Nothing from outside stands in a head but
 * checked addresses and encoded words, so that no line can be slipped in.
 */
#include <ctype.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/uuid.h"
#include "mail/mail.h"

#define WORD_BYTES 42u /* of a text in one encoded word, which may have 75 characters */
#define LINE 76u

bool mail_address_ok(struct str s)
{
	ptrdiff_t at = str_chr(s, '@');
	if (s.n < 3 || s.n > 254 || at <= 0 || at > 64 || (size_t)at + 1 == s.n)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool plain = isalnum(c) || strchr(".!#$%&'*+-/=?^_`{|}~", c);
		if (c >= 0x80 || c == 0 || (!plain && (c != '@' || i != (size_t)at)))
			return false;
	}
	return s.p[0] != '-' && s.p[at + 1] != '.' && s.p[s.n - 1] != '.';
}

/* "=?UTF-8?B?..?=", as many as it takes, a line each. */
static void put_words(struct buf *b, struct str s)
{
	OWN(buf) struct buf word = BUF(256);
	do {
		size_t n = MIN(s.n, (size_t)WORD_BYTES);
		while (n && n < s.n && (s.p[n] & 0xc0) == 0x80)
			n--;
		buf_clear(&word);
		base64_encode(&word, str_sub(s, 0, n ? n : s.n));
		buf_printf(b, "=?UTF-8?B?%.*s?=", STR_ARG(buf_str(&word)));
		s = str_sub(s, n ? n : s.n, s.n);
		if (s.n)
			buf_puts(b, "\r\n ");
	} while (s.n);
	buf_puts(b, "\r\n");
}

static void put_date(struct buf *b, int64_t now)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct clock_civil c = clock_to_civil(now);
	buf_printf(b, "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d +0000\r\n", days + 3 * c.weekday, c.day,
		   months + 3 * (c.month - 1), c.year, c.hour, c.minute, c.second);
}

static void put_body(struct buf *b, struct str text)
{
	OWN(buf) struct buf all = BUF(MAIL_TEXT_MAX * 2);
	base64_encode(&all, text);
	for (struct str rest = buf_str(&all); rest.n; rest = str_sub(rest, LINE, rest.n))
		buf_printf(b, "%.*s\r\n", STR_ARG(str_sub(rest, 0, LINE)));
}

enum err mail_compose(struct buf *out, struct str from, const struct mail_message *msg, int64_t now,
		      struct fail *f)
{
	char id[UUID_TEXT_LEN + 1];
	size_t n = 0;
	if (msg->text.n > MAIL_TEXT_MAX)
		return fail(f, ERR_LIMIT, "the message is too long");
	buf_printf(out, "From: <%.*s>\r\n", STR_ARG(from));
	for (size_t i = 0; i < msg->n_to && n < MAIL_TO_MAX; i++)
		if (mail_address_ok(msg->to[i]))
			buf_printf(out, "%s<%.*s>", n++ ? ",\r\n " : "To: ", STR_ARG(msg->to[i]));
	if (!n)
		return fail(f, ERR_INVAL, "nobody to send it to");
	buf_puts(out, "\r\n");
	if (msg->reply_to.p && mail_address_ok(msg->reply_to))
		buf_printf(out, "Reply-To: <%.*s>\r\n", STR_ARG(msg->reply_to));
	buf_puts(out, "Subject: ");
	put_words(out, msg->subject);
	put_date(out, now);
	ptrdiff_t at = str_chr(from, '@');
	buf_printf(out, "Message-ID: <%.*s@%.*s>\r\n", STR_ARG(str_c(uuid_format(uuid_random(), id))),
		   STR_ARG(str_sub(from, (size_t)(at + 1), from.n)));
	buf_puts(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
		      "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n");
	put_body(out, msg->text);
	return buf_err(out);
}
