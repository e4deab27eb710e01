/*
 * test_message.c - messages: heads that nobody can add lines to, texts that come through as they are.
 */
#include "mail/mail.h"

#include "base/hash.h"
#include "tests/tap/tap.h"

static void addresses(void)
{
	const char *const good[] = {"a@b", "a.b+c@example.org", "o'neil@x.example", "a_b@1.example"};
	const char *const bad[] = {"", "a", "@b", "a@", "a@b@c", "a b@c", "a\n@b", "<a@b>", "a,b@c", "-a@b",
				   "a@.b", "a@b.", "\"a\"@b", "a@b\r\nBcc: c@d", "\xc3\xa4@b", "a(x)@b"};
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		ok(mail_address_ok(str_c(good[i])), "%s", good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ok(!mail_address_ok(str_c(bad[i])), "not \"%s\"", bad[i]);
	ok(!mail_address_ok((struct str){"a@b\0c", 5}), "not with a NUL");
}

/* Decoded words of the subject, one after the other. */
static void subject_of(struct str mail, struct buf *out)
{
	ptrdiff_t at;
	struct str rest = str_sub(mail, (size_t)str_find(mail, STR("Subject: ")), mail.n);
	rest = str_sub(rest, 0, (size_t)str_find(rest, STR("Date: ")));
	while ((at = str_find(rest, STR("=?UTF-8?B?"))) >= 0) {
		rest = str_sub(rest, (size_t)at + 10, rest.n);
		size_t n = (size_t)str_find(rest, STR("?="));
		OWN(buf) struct buf word = BUF(256);
		ok(n <= 63, "a word is short enough");
		ok(base64_decode(&word, str_sub(rest, 0, n)) && str_utf8_ok(buf_str(&word)),
		   "a word of whole characters");
		buf_str_add(out, buf_str(&word));
	}
}

static void composed(const char *subject, struct str text)
{
	OWN(buf) struct buf b = BUF(1 << 20), subj = BUF(4096), body = BUF(1 << 20), flat = BUF(1 << 20);
	const struct str to[] = {STR("one@example.org"), STR("evil@x\r\nBcc: y@z"), STR("two@example.org")};
	struct mail_message m = {.to = to, .n_to = 3, .reply_to = STR("asker@example.net"),
				 .subject = str_c(subject), .text = text};
	struct fail f = {0};
	is_ok(mail_compose(&b, STR("node@example.com"), &m, 1795424725, &f), "composed: %s", f.text);
	struct str s = buf_str(&b);
	ok(str_has_prefix(s, STR("From: <node@example.com>\r\nTo: <one@example.org>,\r\n <two@example.org>\r\n"
				 "Reply-To: <asker@example.net>\r\nSubject: =?UTF-8?B?")), "the head");
	ok(str_find(s, STR("Bcc")) < 0, "a bad address is left out");
	ok(str_find(s, STR("Date: Mon, 23 Nov 2026 09:05:25 +0000\r\n")) > 0, "the date");
	subject_of(s, &subj);
	is_view(buf_str(&subj), subject, "the subject");
	struct str rest = str_sub(s, (size_t)str_find(s, STR("\r\n\r\n")) + 4, s.n);
	while (rest.n) {
		ptrdiff_t end = str_find(rest, STR("\r\n"));
		ok(end >= 0 && end <= 76, "a line of the text");
		buf_add(&flat, rest.p, (size_t)end);
		rest = str_sub(rest, (size_t)end + 2, rest.n);
	}
	ok(base64_decode(&body, buf_str(&flat)) && str_eq(buf_str(&body), text), "the text");
	for (size_t i = 0; i + 1 < s.n; i++)
		if (s.p[i] == '\n' && (i == 0 || s.p[i - 1] != '\r'))
			ok(false, "a bare line end");
}

int main(void)
{
	addresses();
	composed("plain", STR("hello\n"));
	composed("", STR(""));
	composed("\xc3\xa4\xc3\xb6\xf0\x9f\x9a\xa4 a subject that is so long that it takes several "
		 "words \xe2\x82\xac\xe2\x82\xac\r\nBcc: x@y",
		 STR("line\r\n.\r\nFrom: \xc3\xa4 text that is longer than one line of base64 "
		     "can hold, so it is folded"));
	OWN(buf) struct buf b = BUF(1 << 20);
	const struct str none[] = {STR("nobody"), STR("")};
	struct fail f = {0};
	is_err(mail_compose(&b, STR("a@b"), &(struct mail_message){.to = none, .n_to = 2}, 0, &f), ERR_INVAL,
	       "nobody to send to");
	return done_testing();
}
