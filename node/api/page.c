/*
 * page.c - the few pages for browsers. Everything from outside is escaped; the browser is told to load
 * nothing, run nothing, frame nothing and keep nothing.
 */
#include "api/page.h"

#include "api/rest.h"
#include "api/session.h"

static const char style[] =
	"body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:4rem auto;padding:0 1rem;"
	"color:#1b1f24;background:#fff}h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}"
	"label{display:block;margin:.8rem 0 .2rem}input{width:100%;box-sizing:border-box;font:inherit;"
	"padding:.5rem;border:1px solid #8b949e;border-radius:4px;background:inherit;color:inherit}"
	"button{font:inherit;margin-top:1.2rem;padding:.5rem 1.2rem;border:0;border-radius:4px;"
	"background:#0b5cad;color:#fff}input:focus,button:focus{outline:3px solid #f0b429}"
	".told{border-left:4px solid #b3261e;padding:.3rem .8rem}small{color:#57606a}"
	"dt{color:#57606a}dd{margin:0 0 .4rem}"
	"@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}"
	"small,dt{color:#9ea7b3}}";

bool page_wanted(const struct http_req *r)
{
	return str_find(req_header(r, "Accept"), STR("text/html")) >= 0 && !r->ext.n;
}

static void escaped(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		switch (s.p[i]) {
		case '&':
			buf_puts(b, "&amp;");
			break;
		case '<':
			buf_puts(b, "&lt;");
			break;
		case '>':
			buf_puts(b, "&gt;");
			break;
		case '"':
			buf_puts(b, "&quot;");
			break;
		case '\'':
			buf_puts(b, "&#39;");
			break;
		default:
			if ((unsigned char)s.p[i] >= ' ')
				buf_putc(b, s.p[i]);
		}
	}
}

static void begin(struct buf *b, struct http_req *r, const char *title, const char *text)
{
	buf_puts(b, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
		    "<meta name=\"viewport\" content=\"width=device-width\"><title>");
	buf_puts(b, title);
	buf_puts(b, "</title><style>");
	buf_puts(b, style);
	buf_puts(b, "</style></head><body><main>\n<h1>");
	escaped(b, api_of(r)->egress.host_org_name);
	buf_puts(b, "</h1>\n");
	if (text) {
		buf_puts(b, "<p class=\"told\" role=\"alert\">");
		escaped(b, str_c(text));
		buf_puts(b, "</p>\n");
	}
}

static void send(struct http_req *r, int status, struct buf *b)
{
	buf_puts(b, "</main></body></html>\n");
	reply_header(r, "Content-Security-Policy",
		     STR("default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
			 "frame-ancestors 'none'; base-uri 'none'"));
	reply_header(r, "X-Frame-Options", STR("DENY"));
	reply_header(r, "X-Content-Type-Options", STR("nosniff"));
	reply_header(r, "Referrer-Policy", STR("same-origin"));
	reply_header(r, "Cache-Control", STR("no-store"));
	reply_body(r, status, "text/html; charset=UTF-8", b);
}

static void field(struct buf *b, const char *name, const char *label, const char *type,
		  const char *more, struct str value)
{
	buf_printf(b, "<label for=\"%s\">%s</label><input id=\"%s\" name=\"%s\" type=\"%s\" %s", name,
		   label, name, name, type, more);
	if (value.n) {
		buf_puts(b, " value=\"");
		escaped(b, value);
		buf_puts(b, "\"");
	}
	buf_puts(b, ">\n");
}

void page_login(struct http_req *r, int status, const char *text, struct str email)
{
	struct buf b = BUF(65536);
	begin(&b, r, "Log in", text);
	buf_puts(&b, "<form method=\"post\" action=\"/users/login\">\n");
	field(&b, "email", "E-mail address", "email", "autocomplete=\"username\" required autofocus",
	      str_sub(email, 0, 254));
	field(&b, "password", "Password", "password", "autocomplete=\"current-password\" required",
	      STR_NONE);
	field(&b, "otp", "One-time code <small>(if you have set one up)</small>", "text",
	      "autocomplete=\"one-time-code\" maxlength=\"19\"", STR_NONE);
	buf_puts(&b, "<button>Log in</button>\n</form>\n");
	send(r, status, &b);
}

static void pair(struct buf *b, const char *name, struct str value)
{
	buf_printf(b, "<dt>%s</dt><dd>", name);
	escaped(b, value);
	buf_puts(b, "</dd>");
}

void page_account(struct http_req *r, int status, const char *text)
{
	const struct api_user *u = me(r);
	char csrf[65];
	struct buf b = BUF(65536);
	session_csrf(api_of(r), &u->session->digest, csrf);
	if (!text && u->user.change_pw)
		text = "Change your password to go on.";
	if (!text && api_of(r)->conf->login_totp_required && !u->user.totp_set &&
	    !(u->role.perms & perm_skip_otp))
		text = "One-time codes are demanded: have them set up (users/totp_new) to go on.";
	begin(&b, r, "Account", text);
	buf_puts(&b, "<dl>");
	pair(&b, "E-mail address", u->user.email);
	pair(&b, "Organisation", u->org.name);
	pair(&b, "Role", u->role.name);
	pair(&b, "One-time codes", u->user.totp_set ? STR("set up") : STR("not set up"));
	buf_puts(&b, "</dl>\n<h2>Change the password</h2>\n");
	buf_printf(&b, "<form method=\"post\" action=\"/users/change_pw?csrf_token=%s\">\n", csrf);
	field(&b, "current_password", "Password now", "password",
	      "autocomplete=\"current-password\" required", STR_NONE);
	field(&b, "password", "New password", "password", "autocomplete=\"new-password\" required",
	      STR_NONE);
	buf_printf(&b,
		   "<small>At least %u characters with small and capital letters and a digit or sign, "
		   "or at least 16 of any kind. Other sessions of yours end.</small><br>\n"
		   "<button>Change</button>\n</form>\n",
		   (unsigned)api_of(r)->conf->login_password_length);
	buf_printf(&b,
		   "<h2>Log out</h2>\n<form method=\"post\" action=\"/users/logout?csrf_token=%s\">"
		   "<button>Log out</button></form>\n",
		   csrf);
	secret_wipe(csrf, sizeof(csrf));
	send(r, status, &b);
}
