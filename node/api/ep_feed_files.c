/*
 * ep_feed_files.c - /feed/AUDIENCE/FILE: published MISP feeds as files, precompressed, with ETag.
 *
 * A feed whose audience is the public (TLP clear, class public) is open to everybody; any other
 * wants a key, and to those without one it looks like a feed that is not there.
 */
#include "api/rest.h"
#include "taxonomies/taxo.h"

static const struct {
	const char *suffix, *type;
} media[] = {
	{".json", "application/json"},
	{".csv", "text/csv"},
	{".asc", "application/pgp-signature"},
};

static bool is_public(const struct audience *a)
{
	return a->kind == AUD_FEED && a->tlp == TLP_UPTO_CLEAR && a->release_class == CLASS_PUBLIC;
}

static bool plain_name(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '/' || (unsigned char)s.p[i] < ' ')
			return false;
	return s.n && s.p[0] != '.';
}

static enum err feed_file(struct http_req *r, struct fail *f)
{
	struct audience aud = {0};
	struct str name, file = str_split(r->tail, '/', &name);
	struct policy *p = api_of(r)->egress.policy(api_of(r)->egress.user);
	bool known = policy_audience_named(p, name, &aud) == ERR_OK && aud.kind == AUD_FEED;
	policy_unref(p);
	if ((!known || !is_public(&aud)) && api_auth(r, f) != ERR_OK)
		return ERR_OK;
	const char *type = "application/octet-stream";
	for (size_t i = 0; i < ARRAY_LEN(media); i++)
		if (str_has_suffix(file, str_c(media[i].suffix)))
			type = media[i].type;
	if (!known || !plain_name(file) || !plain_name(name) || !api_of(r)->feeds_dir) {
		reply_error(r, 404, "Not Found");
		return ERR_OK;
	}
	/* as it stands in the request: the name of the feed, a slash, the file */
	const char *path = arena_cstr(r->arena, r->tail);
	reply_path(r, api_of(r)->feeds_dir, path ? path : "", type);
	return ERR_OK;
}

const struct endpoint ep_feed_files = {
	.methods = HTTP_GET,
	.path = "/feed/*",
	.flags = EP_NO_AUTH | EP_EXACT | EP_INLINE,
	.run = feed_file,
	.shape = "File",
	.doc = "Published MISP feeds: /feed/AUDIENCE/manifest.json; others than public want a key",
};
