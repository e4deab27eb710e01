/*
 * file.c - answering with files.
 *
 * Opens only beneath the given folder. Invariant: the length promised is the one that fstat gave.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "http/internal.h"

#define PATH_LEN 512

static bool unchanged(const struct http_req *r, const struct reply_file *f, const char *date)
{
	if (f->etag.p && req_header(r, "If-None-Match").p)
		return req_none_match(r, f->etag);
	/* clients give the date back as they got it: no need to parse it */
	return f->mtime && str_is(req_header(r, "If-Modified-Since"), date);
}

void reply_file(struct http_req *r, int status, const struct reply_file *f)
{
	struct http_call *c = call_of(r);
	char date[40] = "";

	if (req_answered(r)) {
		close(f->fd);
		return;
	}
	if (f->etag.p)
		reply_header(r, "ETag", f->etag);
	if (f->mtime) {
		http_date(f->mtime, date);
		reply_header(r, "Last-Modified", str_c(date));
	}
	if (unchanged(r, f, date)) {
		close(f->fd);
		reply_empty(r, 304);
		return;
	}
	if (f->encoding) {
		reply_header(r, "Content-Encoding", str_c(f->encoding));
		reply_header(r, "Vary", STR("Accept-Encoding"));
	}
	c->reply.file = *f;
	reply_send_file(r, status, f->type);
}

static int open_beneath(int dirfd, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
}

/* Open and fill `f`; false if it is no regular file. */
static bool open_file(int dirfd, const char *path, struct reply_file *f, char tag[64])
{
	struct stat st;

	f->fd = open_beneath(dirfd, path);
	if (f->fd < 0)
		return false;
	if (fstat(f->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(f->fd);
		f->fd = -1;
		return false;
	}
	f->offset = 0;
	f->length = (uint64_t)st.st_size;
	f->mtime = st.st_mtim.tv_sec;
	snprintf(tag, 64, "\"%llx-%llx-%lx\"", (unsigned long long)st.st_ino,
		 (unsigned long long)st.st_size,
		 (unsigned long)st.st_mtim.tv_sec * 1000000u +
			 (unsigned long)st.st_mtim.tv_nsec / 1000u);
	f->etag = str_c(tag);
	return true;
}

void reply_path(struct http_req *r, int dirfd, const char *path, const char *type)
{
	struct reply_file f = {.fd = -1, .type = type};
	char gz[PATH_LEN], tag[64];

	if (req_accepts_gzip(r) && snprintf(gz, sizeof(gz), "%s.gz", path) < PATH_LEN &&
	    open_file(dirfd, gz, &f, tag))
		f.encoding = "gzip";
	else if (!open_file(dirfd, path, &f, tag)) {
		reply_error(r, errno == EACCES ? 403 : 404, "%s",
			    errno == EACCES ? err_text(ERR_PERM) : "Not Found");
		return;
	}
	reply_file(r, 200, &f);
}
