/*
 * test_freetext.c - rest-api.md A.2, what a real MISP found in a text (recorded), disguises, borders
 * of words, quotes, pieces cut anywhere, and what must not be found.
 */
#include "feeds/freetext/freetext.h"

#include <stdio.h>

#include "base/buf.h"
#include "tests/tap/tap.h"

/* ---- A.2: type, value, other types, comment ("-" none, "false", or the port's), original ---- */

static const struct vector {
	const char *original, *type, *value, *types, *comment;
} vectors[] = {
	{"8.8.8.8", "ip-dst", "8.8.8.8", "ip-dst ip-src ip-src/ip-dst", "-"},
	{"1.2.3[.]4:8080", "ip-dst|port", "1.2.3.4|8080",
	 "ip-dst|port ip-src|port ip-src|port/ip-dst|port", "8080"},
	{"foo@bar.de", "email-src", "foo@bar.de",
	 "email email-src email-dst target-email whois-registrant-email", "-"},
	{"www.evil.example", "filename", "www.evil.example", "filename", "-"},
	{"hxxp://evil.example/a", "url", "http://evil.example/a", "url", "false"},
	{"https://www.virustotal.com/x", "link", "https://www.virustotal.com/x", "link", "false"},
	{"d41d8cd98f00b204e9800998ecf8427e", "md5", "d41d8cd98f00b204e9800998ecf8427e",
	 "md5 imphash x509-fingerprint-md5 ja3-fingerprint-md5", "-"},
	{"file.exe|d41d8cd98f00b204e9800998ecf8427e", "filename|md5",
	 "file.exe|d41d8cd98f00b204e9800998ecf8427e", "filename|md5 filename|imphash", "-"},
	{"cve-2021-44228", "vulnerability", "CVE-2021-44228", "vulnerability", "-"},
	{"AS12345", "AS", "AS12345", "AS", "-"},
	{"10.0.0.0/8", "ip-dst", "10.0.0.0/8", "ip-dst ip-src ip-src/ip-dst", "false"},
	{"2001:db8::1", "ip-dst", "2001:db8::1", "ip-dst ip-src ip-src/ip-dst", "-"},
	{"[2001:db8::2]:443", "ip-dst|port", "2001:db8::2|443",
	 "ip-dst|port ip-src|port ip-src|port/ip-dst|port", "443"},
	{"C:\\x\\y.exe", "filename", "C:\\x\\y.exe", "filename", "-"},
	{"HKLM\\Software\\Run", "regkey", "HKLM\\Software\\Run", "regkey", "-"},
	{"invoice.doc", "filename", "invoice.doc", "filename", "-"},
	{"+352-2477-3456", "phone-number", "+352-2477-3456",
	 "phone-number prtn whois-registrant-phone", "-"},
	{"1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "btc", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "btc",
	 "-"},
	{"3:abc:def", "ssdeep", "3:abc:def", "ssdeep", "-"},
	{"evil.example/path", "url", "evil.example/path", "url", "false"},
	{"github.com/MISP", "url", "github.com/MISP", "url", "false"},
	{"www.evil.notatld", "filename", "www.evil.notatld", "filename", "-"},
	{"https://evil.example:443/", "url", "https://evil.example:443/", "url", "false"},
	{"user[at]evil.example", "email-src", "user@evil.example",
	 "email email-src email-dst target-email whois-registrant-email", "-"},
};

static void join_types(const struct freetext_kind *k, struct buf *b)
{
	for (unsigned i = 0; i < k->n; i++) {
		if (i)
			buf_putc(b, ' ');
		buf_puts(b, k->types[i]);
	}
}

static void test_vectors(void)
{
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		const struct vector *v = &vectors[i];
		char room[512];
		struct freetext_hit h;
		OWN(buf) struct buf types = BUF(1000);
		if (!ok(freetext_word(str_c(v->original), room, &h), "%s", v->original))
			continue;
		is_view(type_name(h.kind->type), v->type, "%s: type", v->original);
		is_view(h.value, v->value, "%s: value", v->original);
		is_view(h.original, v->original, "%s: as it stood", v->original);
		join_types(h.kind, &types);
		is_str(buf_cstr(&types), v->types, "%s: types", v->original);
		is_view(h.port.p ? h.port : h.kind->network ? STR("false") : STR("-"), v->comment,
			"%s: comment", v->original);
	}
}

/* ---- texts ---- */

static enum err keep(void *user, const struct freetext_hit *h, struct fail *f)
{
	struct buf *b = user;
	(void)f;
	buf_printf(b, "%.*s %.*s%s%.*s\n", STR_ARG(type_name(h->kind->type)), STR_ARG(h->value),
		   h->port.p ? " :" : "", STR_ARG(h->port));
	return ERR_OK;
}

static void search(struct str text, size_t step, struct buf *out)
{
	struct fail f = {0};
	OWN(freetext) struct freetext *t = freetext_new(keep, out);
	buf_clear(out);
	for (size_t i = 0; i < text.n; i += step)
		if (freetext_add(t, str_sub(text, i, step), &f) != ERR_OK)
			bail_out("%s", f.text);
	is_ok(freetext_break(t, &f), "to the end");
}

static void finds(const char *text, const char *want)
{
	OWN(buf) struct buf b = BUF(1 << 20);
	search(str_c(text), strlen(text) + 1, &b);
	is_str(buf_cstr(&b), want, "%.60s", text);
}

static void test_texts(void)
{
	finds("", "");
	finds("only plain words here, and well-known ones", "");
	finds("Version 1.2.3.4.5 and 300.1.1.1 and 1.5 v2.0 12:34:56 2025-01-02 (10:20:30)", "");
	finds("<tag>quoted.example.com</tag>, trailing.example.com., (paren.example.com) c,d;e.com",
	      "hostname quoted.example.com\nhostname trailing.example.com\n"
	      "hostname paren.example.com\ndomain e.com\n");
	finds("\"in quotes.example.com\", x \"captain[at]harbour[.]net\"",
	      "hostname quotes.example.com\nemail-src captain@harbour.net\n"
	      "filename in quotes.example.com\n");
	finds("\"not closed.example.com", "hostname closed.example.com\n");
	finds("192.0.2.44 and again 192.0.2.44 and 192[.]0[.]2[.]44", "ip-dst 192.0.2.44\n");
	finds("b\xc3\xbc""cher.example.com sm\xc3\xb6rg\xc3\xa5s.se under_score.example.com",
	      "hostname b\xc3\xbc""cher.example.com\ndomain sm\xc3\xb6rg\xc3\xa5s.se\n"
	      "filename under_score.example.com\n");
	finds("evil.com\xc2\xa0worse.org\xe2\x80\x8b""bad.net", "domain evil.com\ndomain worse.org\ndomain bad.net\n");
	finds("\xd0\xbf\xd1\x80\xd0\xb8\xd0\xbc\xd0\xb5\xd1\x80.\xd1\x80\xd1\x84",
	      "domain \xd0\xbf\xd1\x80\xd0\xb8\xd0\xbc\xd0\xb5\xd1\x80.\xd1\x80\xd1\x84\n");
	finds("evil.com\xff""worse.org\xc3", "domain evil.com\ndomain worse.org\n");
	finds("lantern.example.org:443 host.xyz:99999 a.com:1",
	      "hostname lantern.example.org :443\ndomain host.xyz :99999\n");
	finds("HXXPS://A[.]com/x meow://b.com/ h[.]t", "url https://A.com/x\nurl http://b.com/\nfilename h.t\n");
	finds("keeper(at)harbour.example mailto:a@b.org evil(dot)com",
	      "filename keeper(at)harbour.example\nemail-src a@b.org\ndomain evil.com\n");
	finds("report[1].doc evil[.]notatld", "filename report[1].doc\nfilename evil.notatld\n");
	finds("\\\\server\\share\\run.dll \\\\server\\share \\ C:\\",
	      "filename \\\\server\\share\\run.dll\nregkey \\\\server\\share\nfilename C:\\\n");
	finds("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq 1BoatSLRHtKNngkdXEeobR76b53LETtpy0",
	      "btc bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq\n");
	finds("ftp://files.example.net/y https://user:pw@[2001:db8::1]:8443/x http://localhost/y",
	      "url ftp://files.example.net/y\nurl https://user:pw@[2001:db8::1]:8443/x\n"
	      "url http://localhost/y\n");
	finds("https://virustotal.com.evil.com/ https://x.hybrid-analysis.com/y http://virustotal.com/z",
	      "url https://virustotal.com.evil.com/\nlink https://x.hybrid-analysis.com/y\n"
	      "url http://virustotal.com/z\n");
	finds("a|b.exe|d41d8cd98f00b204e9800998ecf8427e x|d41d8cd98f00b204e9800998ecf8427e", "");
	finds("setup.exe|96:abcDEF123+/:xyz456", "filename|ssdeep setup.exe|96:abcDEF123+/:xyz456\n");
	finds("192.0.2.0/33 192.0.2.0/32 2001:db8::/32 2001:db8::/129",
	      "ip-dst 192.0.2.0/32\nip-dst 2001:db8::/32\n");
}

/* However it is cut, the same comes out. */
static void test_pieces(void)
{
	static const char text[] =
		"The group used 192.0.2.44, 192[.]0[.]2[.]45 (see 2001:db8::77 and [2001:db8::78]:8443).\n"
		"Mail \"captain[at]harbour-mail[.]net\" b\xc3\xbc""cher.example.com\xe2\x80\xa8x.org "
		"\"C:\\Program Files\\x y.exe\" \xf0\x9f\x9a\xa4 end.com\xe2\x80 \xe2z.net";
	OWN(buf) struct buf whole = BUF(1 << 16), cut = BUF(1 << 16);
	search(str_c(text), sizeof(text), &whole);
	ok(whole.n > 100, "something is found");
	for (size_t step = 1; step < 12; step++) {
		search(str_c(text), step, &cut);
		is_str(buf_cstr(&cut), buf_cstr(&whole), "in pieces of %zu bytes", step);
	}
}

static void test_long(void)
{
	OWN(buf) struct buf text = BUF(1 << 20), out = BUF(1 << 20);
	for (int i = 0; i < 70000; i++)
		buf_putc(&text, 'a');
	buf_puts(&text, ".com b.com \"");
	for (int i = 0; i < 5000; i++)
		buf_puts(&text, "x ");
	buf_puts(&text, "z.exe\" \"c d.exe\"");
	search(buf_str(&text), 4096, &out);
	is_str(buf_cstr(&out), "domain b.com\nfilename z.exe\nfilename d.exe\nfilename c d.exe\n",
	       "what is too long is passed over, what follows is not");
}

static enum err stop(void *user, const struct freetext_hit *h, struct fail *f)
{
	(void)h;
	++*(int *)user;
	return fail(f, ERR_CANCELLED, "enough");
}

static void test_stop(void)
{
	int n = 0;
	struct fail f = {0};
	OWN(freetext) struct freetext *t = freetext_new(stop, &n);
	is_err(freetext_add(t, STR("a.com b.com c.com"), &f), ERR_CANCELLED, "the callback stops it");
	is_int(n, 1, "at once");
}

static void test_texts_apart(void)
{
	OWN(buf) struct buf out = BUF(1 << 10);
	struct fail f = {0};
	OWN(freetext) struct freetext *t = freetext_new(keep, &out);
	is_ok(freetext_add(t, STR("evil.c\""), &f), "one");
	is_ok(freetext_break(t, &f), "end of it");
	is_ok(freetext_add(t, STR("om evil.org\" a"), &f), "two");
	is_ok(freetext_break(t, &f), "end");
	is_str(buf_cstr(&out), "filename evil.c\ndomain evil.org\n", "texts do not touch");
}

int main(void)
{
	test_vectors();
	test_texts();
	test_pieces();
	test_long();
	test_stop();
	test_texts_apart();
	return done_testing();
}
