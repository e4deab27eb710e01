/*
 * file.c - answering with files.
 *
 * Invariant: the length promised is the one that fstat() gave, or that of the bytes themselves.
 */
#include <stdio.h>

#include "http/internal.h"

#define PATH_LEN 512

static bool unchanged(const struct http_req *r, const struct reply_file *f, const char *date)
{
	if (f->etag.p && req_header(r, "If-None-Match").p)
		return req_none_match(r, f->etag);
	/* clients give the date back as they got it: no need to parse it */
	return f->mtime && str_is(req_header(r, "If-Modified-Since"), date);
}

void file_drop(struct reply_file *f)
{
	if (f->hot)
		hotfile_unref(f->hot);
	else if (f->fd >= 0)
		close(f->fd);
	f->hot = NULL;
	f->fd = -1;
}

void reply_file(struct http_req *r, int status, const struct reply_file *f)
{
	struct http_call *c = call_of(r);
	struct reply_file mine = *f;
	char date[40] = "";

	if (req_answered(r)) {
		file_drop(&mine);
		return;
	}
	if (f->etag.p)
		reply_header(r, "ETag", f->etag);
	if (f->mtime) {
		http_date(f->mtime, date);
		reply_header(r, "Last-Modified", str_c(date));
	}
	if (unchanged(r, f, date)) {
		file_drop(&mine);
		reply_empty(r, 304);
		return;
	}
	if (f->encoding) {
		reply_header(r, "Content-Encoding", str_c(f->encoding));
		reply_header(r, "Vary", STR("Accept-Encoding"));
	}
	c->reply.file = mine;
	reply_send_file(r, status, f->type);
}

void reply_path(struct http_req *r, const char *root, const char *path, const char *type)
{
	struct reply_file f = {.fd = -1, .type = type};
	char gz[PATH_LEN];
	enum err e = ERR_NOENT;

	if (req_accepts_gzip(r) && snprintf(gz, sizeof(gz), "%s.gz", path) < PATH_LEN)
		e = hotfile_open(root, gz, &f.hot);
	if (e == ERR_OK)
		f.encoding = "gzip";
	else
		e = hotfile_open(root, path, &f.hot);
	if (e != ERR_OK) {
		reply_error(r, e == ERR_PERM ? 403 : 404, "%s",
			    e == ERR_PERM ? err_text(ERR_PERM) : "Not Found");
		return;
	}
	f.length = f.hot->size;
	f.mtime = f.hot->mtime;
	f.etag = str_c(f.hot->tag);
	reply_file(r, 200, &f);
}
