/*
 * signed.c - a signature stands in the head of an answer, so all of the answer is made before.
 */
#include "api/signed.h"

#include <fcntl.h>

#include "api/upload.h"
#include "base/log.h"
#include "pgp/spool.h"

#define CHUNK (256u << 10)
#define IN_MEMORY (1u << 20)
#define SIGNATURE_TEXT_MAX (64u << 10)

struct answer {
	struct pgp_spool *bare, *whole; /* what is signed, what is sent; whole: when it is big */
	struct buf small;
};

static void answer_free(struct answer *a)
{
	pgp_spool_free(a->bare);
	pgp_spool_free(a->whole);
	buf_free(&a->small);
}
OWN_DEFINE(answer, struct answer, answer_free(p))

static enum err add(struct answer *a, const char *dir, struct str chunk, struct fail *f)
{
	TRY(pgp_spool_add(a->bare, chunk, f));
	if (!a->whole && a->small.n + chunk.n <= IN_MEMORY) {
		buf_str_add(&a->small, chunk);
		return buf_err(&a->small);
	}
	if (!a->whole) {
		TRY(pgp_spool_new(dir, SIGNED_MAX, false, &a->whole, f));
		TRY(pgp_spool_add(a->whole, buf_str(&a->small), f));
		buf_free(&a->small);
	}
	return pgp_spool_add(a->whole, chunk, f);
}

static enum err make(struct answer *a, const char *dir, struct sealed *s, struct fail *f)
{
	OWN(buf) struct buf chunk = BUF(256u << 20);
	bool end = false;
	TRY(pgp_spool_new(dir, SIGNED_MAX, true, &a->bare, f));
	while (!end) {
		buf_clear(&chunk);
		TRY(sealed_pull(s, &chunk, CHUNK, &end, f));
		TRY(add(a, dir, buf_str(&chunk), f));
	}
	return ERR_OK;
}

static enum err sign(struct http_req *r, struct pgp_spool *bare, struct buf *base64,
		     struct fail *f)
{
	uint64_t n;
	int fd;
	TRY(pgp_spool_end(bare, &fd, &n, f));
	return pgp_sign(api_of(r)->pgp, fd, n, base64, f);
}

static enum err send(struct http_req *r, struct answer *a, struct fail *f)
{
	struct reply_file file = {.type = "application/json; charset=UTF-8"};
	int fd;
	if (!a->whole) {
		reply_json(r, 200, &a->small);
		return ERR_OK;
	}
	TRY(pgp_spool_end(a->whole, &fd, &file.length, f));
	file.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3); /* the file lives as long as somebody has it open */
	if (file.fd < 0)
		return fail(f, ERR_IO, "no descriptor for an answer");
	reply_file(r, 200, &file);
	return ERR_OK;
}

enum err rest_signed(struct http_req *r, struct sealed **sealed, struct fail *f)
{
	OWN(sealed) struct sealed *s = MOVE(*sealed);
	OWN(answer) struct answer a = {.small = BUF(IN_MEMORY)};
	OWN(buf) struct buf base64 = BUF(SIGNATURE_TEXT_MAX);
	OWN(receipt) struct receipt *receipt = NULL;
	struct fail why = {0};
	sealed_hold(s);
	TRY(make(&a, api_of(r)->ingest.spool_dir, s, f));
	enum err e = sign(r, a.bare, &base64, &why);
	if (e == ERR_OK) {
		reply_header(r, SIGNATURE_HEADER, buf_str(&base64));
	} else {
		log_warn("api", "protected event not signed detail=%s", log_val(str_c(why.text)));
		if (rest_facts(r).wants_signature) {
			reply_error(r, 500, "Protected event could not be signed.");
			return ERR_OK;
		}
	}
	receipt = sealed_receipt(s);
	TRY(receipts_intend(&receipt, 1, f));
	e = send(r, &a, f);
	if (e == ERR_OK)
		receipt_end(MOVE(receipt), SENT_WHOLE);
	return e;
}

enum err rest_sign(struct http_req *r, struct str bytes, struct buf *base64, struct fail *f)
{
	OWN(pgp_spool) struct pgp_spool *s = NULL;
	TRY(pgp_spool_new(api_of(r)->ingest.spool_dir, SIGNED_MAX, true, &s, f));
	TRY(pgp_spool_add(s, bytes, f));
	return sign(r, s, base64, f);
}
