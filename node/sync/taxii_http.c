/*
 * taxii_http.c - see taxii_http.h.
 */
#include "sync/taxii_http.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

#define TYPE "application/taxii+json;version=2.1"
#define DOCUMENT_MAX (4u << 20)

bool taxii_has_control(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 127)
			return true;
	return false;
}

/* ---- credentials ---- */

static struct str bond(struct uuid row, char out[60])
{
	char text[UUID_TEXT_LEN + 1];
	int n = snprintf(out, 60, "taxii/%s", uuid_format(row, text));
	return (struct str){out, (size_t)n};
}

enum err taxii_key_seal(const struct secret_key *k, struct uuid row, struct str key,
			struct buf *base64, struct fail *f)
{
	char b[60];
	OWN(buf) struct buf sealed = BUF(16 << 10);
	TRY(secret_seal(k, key, bond(row, b), &sealed, f));
	base64_encode(base64, buf_str(&sealed));
	return buf_err(base64);
}

static enum err key_open(const struct taxii_to *to, struct buf *out, struct fail *f)
{
	char b[60];
	OWN(buf) struct buf sealed = BUF(16 << 10);
	const struct misp_taxii *row = to->row;
	if (!row->api_key.n || to->clear_key) {
		buf_str_add(out, row->api_key);
		return buf_err(out);
	}
	if (!base64_decode(&sealed, row->api_key))
		return fail(f, ERR_CORRUPT, "the stored key cannot be read");
	return secret_open(to->key, buf_str(&sealed), bond(row->uuid, b), out, f);
}

/* ---- where ---- */

struct str taxii_host_of(struct str url)
{
	ptrdiff_t at = str_find(url, STR("://"));
	size_t i = at < 0 ? url.n : (size_t)at + 3;
	while (i < url.n && url.p[i] != '/')
		i++;
	return str_sub(url, 0, i);
}

void taxii_root_put(struct buf *b, const struct misp_taxii *row)
{
	struct str root = str_trim(row->api_root), base = str_trim(row->baseurl);
	if (!str_has_prefix(root, STR("http://")) && !str_has_prefix(root, STR("https://"))) {
		buf_str_add(b, str_has_prefix(root, STR("/")) ? taxii_host_of(base) : base);
		if (b->n && b->p[b->n - 1] != '/' && !str_has_prefix(root, STR("/")))
			buf_putc(b, '/');
	}
	buf_str_add(b, root);
	if (b->n && b->p[b->n - 1] != '/')
		buf_putc(b, '/');
}

void taxii_param_put(struct buf *b, const char *name, struct str v)
{
	buf_putc(b, str_chr(buf_str(b), '?') < 0 ? '?' : '&');
	buf_puts(b, name);
	buf_putc(b, '=');
	for (size_t i = 0; i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];
		if (isalnum(c) || strchr("-._~", c))
			buf_putc(b, (char)c);
		else
			buf_printf(b, "%%%02X", c);
	}
}

/* ---- requests ---- */

/* Basic with a user; else as it stands when it names a scheme ("Token ..."), or as a bearer's. */
static enum err authorization(struct buf *b, struct str user, struct str key, struct fail *f)
{
	OWN(buf) struct buf pair = BUF(16 << 10);
	if (taxii_has_control(user) || taxii_has_control(key))
		return fail(f, ERR_INVAL, "the credentials hold control characters");
	buf_puts(b, "Authorization: ");
	if (user.n) {
		buf_str_add(&pair, user);
		buf_putc(&pair, ':');
		buf_str_add(&pair, key);
		buf_puts(b, "Basic ");
		base64_encode(b, buf_str(&pair));
	} else {
		if (str_chr(key, ' ') < 0)
			buf_puts(b, "Bearer ");
		buf_str_add(b, key);
	}
	return buf_err(b);
}

enum err taxii_call(const struct taxii_to *to, struct client *c, const struct client_req *given,
		    struct client_res *res, struct fail *f)
{
	OWN(buf) struct buf key = BUF(16 << 10), auth = BUF(32 << 10);
	const char *headers[3] = {"Accept: " TYPE};
	struct client_req req = *given;
	req.headers = headers;
	req.n_headers = 1;
	req.cancelled = to->cancelled;
	if (req.body.p || req.read)
		headers[req.n_headers++] = "Content-Type: " TYPE;
	TRY(key_open(to, &key, f));
	if (key.n) {
		TRY(authorization(&auth, to->row->user, buf_str(&key), f));
		headers[req.n_headers++] = buf_cstr(&auth);
	}
	return client_call(c, &req, res, f);
}

static enum err keep(void *user, const void *p, size_t n, struct fail *f)
{
	struct buf *b = user;
	buf_add(b, p, n);
	return buf_err(b) == ERR_OK ? ERR_OK : fail(f, buf_err(b), "the answer is too long");
}

enum err taxii_get(const struct taxii_to *to, struct client *c, const char *url, json_t **out,
		   struct client_res *res, struct fail *f)
{
	OWN(buf) struct buf body = BUF(DOCUMENT_MAX);
	struct client_res none = {0};
	struct client_req req = {.url = url, .max_bytes = DOCUMENT_MAX, .data = keep, .user = &body};
	*out = NULL;
	TRY(taxii_call(to, c, &req, res ? res : &none, f));
	*out = json_loadb(body.n ? body.p : "", body.n, 0, NULL);
	if (json_is_object(*out))
		return ERR_OK;
	json_decref(*out);
	*out = NULL;
	return fail(f, ERR_PEER, "the answer is no document of TAXII");
}
