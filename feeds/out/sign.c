/*
 * sign.c - signatures of feed files: manifest.json.asc, and <uuid>.asc of protected events (sync-protocol.md
 * 9.1). Who signs is the caller's; without one there are none.
 */
#include <stdio.h>
#include <unistd.h>

#include "feeds/out/job.h"

#define ARMORED_MAX (1u << 20)

enum err sign_file(struct job *j, const struct outfile *of, const char *name, struct outfile **out,
		   struct fail *f)
{
	OWN(buf) struct buf text = BUF(ARMORED_MAX);
	struct fail why = {0};
	uint64_t bytes = 0;
	*out = NULL;
	if (!j->o->sign)
		return ERR_OK;
	int fd = outfile_read(of, &bytes);
	if (fd < 0)
		return fail(f, ERR_IO, "cannot read back what goes into the feed");
	enum err e = j->o->sign(j->o->user, fd, bytes, &text, &why);
	close(fd);
	if (e == ERR_UNSUPPORTED || e == ERR_NOENT)
		return ERR_OK;
	if (e != ERR_OK)
		return fail(f, e, "%s", why.text);
	TRY(outfile_new(j->dirfd, name, j->lane[0].packer, out, f));
	TRY(outfile_write(*out, text.p, text.n, f));
	return outfile_end(*out, f);
}

static enum err sign_manifest(void *user, const struct outfile *manifest, struct outfile **out,
			      struct fail *f)
{
	TRY(sign_file(user, manifest, "manifest.json.asc", out, f));
	return *out ? outfile_sync(*out, f) : ERR_OK;
}

void sign_lists(struct job *j, struct lists *l)
{
	l->sign = sign_manifest;
	l->sign_user = j;
}
