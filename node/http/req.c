/*
 * req.c - look-ups in a parsed request.
 *
 * The parts that need the connection (hold, release, cancelled) are in call.c.
 */
#include "http/req.h"

#include "http/internal.h"

static struct str pairs_get(struct http_pairs p, struct str name)
{
	for (size_t i = 0; i < p.n; i++)
		if (str_eq(p.v[i].name, name))
			return p.v[i].value;
	return STR_NONE;
}

struct str req_header(const struct http_req *r, const char *name)
{
	struct str want = str_c(name);

	for (size_t i = 0; i < r->headers.n; i++)
		if (r->headers.v[i].name.n == want.n && str_eq_nocase(r->headers.v[i].name, want))
			return r->headers.v[i].value;
	return STR_NONE;
}

struct str req_arg(const struct http_req *r, const char *name)
{
	struct str rest = r->ep ? str_c(r->ep->path) : STR_NONE, segment;
	size_t i = 0;

	while (rest.p) {
		rest = str_split(rest, '/', &segment);
		if (segment.n == 0 || segment.p[0] != ':')
			continue;
		if (str_is(str_sub(segment, 1, SIZE_MAX), name))
			return i < r->args_n ? r->args[i] : STR_NONE;
		i++;
	}
	return STR_NONE;
}

struct str req_named(const struct http_req *r, const char *name)
{
	return pairs_get(r->named, str_c(name));
}

struct str req_query(const struct http_req *r, const char *name)
{
	return pairs_get(r->query, str_c(name));
}

struct str req_param(const struct http_req *r, const char *name)
{
	struct str v = req_named(r, name);

	return v.p ? v : req_query(r, name);
}

bool req_named_next(const struct http_req *r, const char *name, size_t *it, struct str *value)
{
	struct str want = str_c(name);

	while (*it < r->named.n) {
		struct http_pair p = r->named.v[(*it)++];
		if (p.name.n == want.n + 2 && str_has_suffix(p.name, STR("[]")))
			p.name.n -= 2;
		if (str_eq(p.name, want)) {
			*value = p.value;
			return true;
		}
	}
	return false;
}

/*
 * zstd could be read too, but a MISP refuses it, and a sender that knows MISPs would not know what
 * to make of it in the list.
 */
static const char *const request_codings[] = {
	"gzip",
#ifdef HAVE_BROTLI
	"br",
#endif
	NULL,
};

const char *const *http_request_codings(void)
{
	return request_codings;
}

bool req_coding(struct str name, enum coding *out)
{
	*out = CODING_IDENTITY;
	for (const char *const *c = request_codings; *c; c++)
		if (str_is(name, *c)) /* exactly, as MISP takes them */
			*out = coding_parse(name);
	return !name.n || *out != CODING_IDENTITY;
}
