/*
 * work.c - what a child of the helper does, with GPGME. GPGME's home: nobody else includes it.
 *
 * Verifying happens in a key ring made for that one request, so that no key but the given ones can
 * have signed. Signing uses the node's own.
 */
#include <gpgme.h>

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>

#include "pgp/helper.h"

/* gpg asks nobody, fetches nothing, and takes no signature of a broken digest. */
static const char verify_conf[] =
	"no-greeting\nno-autostart\ndisable-dirmngr\nno-auto-key-retrieve\nno-auto-key-locate\n"
	"trust-model always\nno-auto-check-trustdb\nimport-options import-minimal\n"
	"weak-digest SHA1\n";
static const char home_conf[] =
	"no-greeting\ndisable-dirmngr\nno-auto-key-retrieve\nno-auto-key-locate\n"
	"trust-model always\nno-auto-check-trustdb\npersonal-digest-preferences SHA512 SHA256\n";
static const char agent_conf[] = "disable-scdaemon\nextra-socket none\nbrowser-socket none\n";

static void free_ctx(gpgme_ctx_t *c)
{
	if (*c)
		gpgme_release(*c);
}
static void free_data(gpgme_data_t *d)
{
	if (*d)
		gpgme_data_release(*d);
}
static void free_key(gpgme_key_t *k)
{
	if (*k)
		gpgme_key_unref(*k);
}
#define OWN_CTX __attribute__((cleanup(free_ctx)))
#define OWN_DATA __attribute__((cleanup(free_data)))
#define OWN_KEY __attribute__((cleanup(free_key)))

static enum err gpg_fail(struct fail *f, gpgme_error_t e, const char *what)
{
	static const struct {
		gpg_err_code_t code;
		enum err err;
		const char *text;
	} known[] = {
		{GPG_ERR_NO_AGENT, ERR_UNSUPPORTED, "gpg-agent is not installed"},
		{GPG_ERR_INV_ENGINE, ERR_UNSUPPORTED, "gpg is not installed"},
		{GPG_ERR_ENOMEM, ERR_NOMEM, "no memory"},
		{GPG_ERR_NO_PIN_ENTRY, ERR_CONFIG, "the key has a passphrase"},
		{GPG_ERR_NO_PASSPHRASE, ERR_CONFIG, "the key has a passphrase"},
		{GPG_ERR_BAD_PASSPHRASE, ERR_CONFIG, "the key has a passphrase"},
	};
	char text[200];

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (gpgme_err_code(e) == known[i].code)
			return fail(f, known[i].err, "%s: %s", what, known[i].text);
	gpgme_strerror_r(e, text, sizeof(text));
	return fail(f, ERR_IO, "%s: %s", what, text);
}

#define GPG(expr, what)                                                                            \
	do {                                                                                       \
		gpgme_error_t gpg_err_ = (expr);                                                   \
		if (gpg_err_)                                                                      \
			return gpg_fail(f, gpg_err_, what);                                        \
	} while (0)

/* ---- folders ---- */

static enum err put_file(const char *dir, const char *name, const char *text, struct fail *f)
{
	char path[4300];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	OWN(fd) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST)
		return ERR_OK; /* the operator's own */
	size_t n = strlen(text);
	if (fd < 0 || write(fd, text, n) != (ssize_t)n)
		return fail_errno(f, ERR_IO, errno, "cannot write %s", path);
	return ERR_OK;
}

static enum err open_ctx(const char *home, gpgme_ctx_t *out, struct fail *f)
{
	gpgme_check_version(NULL);
	gpgme_set_locale(NULL, LC_CTYPE, "C");
	GPG(gpgme_new(out), "gpg");
	GPG(gpgme_engine_check_version(GPGME_PROTOCOL_OpenPGP), "gpg");
	GPG(gpgme_ctx_set_engine_info(*out, GPGME_PROTOCOL_OpenPGP, NULL, home), "gpg");
	GPG(gpgme_set_protocol(*out, GPGME_PROTOCOL_OpenPGP), "gpg");
	gpgme_set_offline(*out, 1);
	GPG(gpgme_set_pinentry_mode(*out, GPGME_PINENTRY_MODE_ERROR), "gpg");
	return ERR_OK;
}

static enum err open_home(const struct pgp_work *w, gpgme_ctx_t *out, struct fail *f)
{
	TRY(put_file(w->opts->home, "gpg.conf", home_conf, f));
	TRY(put_file(w->opts->home, "gpg-agent.conf", agent_conf, f));
	return open_ctx(w->opts->home, out, f);
}

static enum err add_data(struct buf *to, gpgme_data_t from, struct fail *f)
{
	char room[4096];
	ssize_t n;

	if (gpgme_data_seek(from, 0, SEEK_SET) < 0)
		return fail(f, ERR_IO, "cannot read what gpg wrote");
	while ((n = gpgme_data_read(from, room, sizeof(room))) > 0)
		buf_add(to, room, (size_t)n);
	if (n < 0)
		return fail(f, ERR_IO, "cannot read what gpg wrote");
	return buf_err(to) == ERR_OK ? ERR_OK : fail(f, ERR_LIMIT, "gpg wrote too much");
}

static enum err file_data(const struct pgp_work *w, gpgme_data_t *out, struct fail *f)
{
	if (w->data < 0 || lseek(w->data, 0, SEEK_SET) != 0)
		return fail(f, ERR_INVAL, "no data");
	GPG(gpgme_data_new_from_fd(out, w->data), "data");
	return ERR_OK;
}

/* ---- the node's key ---- */

static bool is_usable(gpgme_key_t k)
{
	return !k->revoked && !k->expired && !k->disabled && !k->invalid && k->secret &&
	       k->can_sign && k->subkeys && k->subkeys->fpr;
}

/* Of several usable keys the oldest: it does not change when one is added. ERR_NOENT: none. */
static enum err own_key(gpgme_ctx_t c, struct str wanted, gpgme_key_t *out, struct fail *f)
{
	char pattern[300];
	gpgme_key_t k;
	gpgme_error_t e;
	unsigned unusable = 0;

	snprintf(pattern, sizeof(pattern), "%.*s", STR_ARG(wanted));
	*out = NULL;
	GPG(gpgme_op_keylist_start(c, wanted.n ? pattern : NULL, 1), "looking for the key");
	while (!(e = gpgme_op_keylist_next(c, &k))) {
		bool better = is_usable(k) &&
			      (!*out || k->subkeys->timestamp < (*out)->subkeys->timestamp);
		unusable += !is_usable(k);
		if (better) {
			free_key(out);
			*out = k;
		} else {
			gpgme_key_unref(k);
		}
	}
	gpgme_op_keylist_end(c);
	if (gpgme_err_code(e) != GPG_ERR_EOF)
		return gpg_fail(f, e, "looking for the key");
	if (*out)
		return ERR_OK;
	return fail(f, ERR_NOENT, "%s",
		    unusable   ? "the node's key is expired or revoked, or cannot sign"
		    : wanted.n ? "there is no key as pgp.key names it; see `tocsin pgp make`"
			       : "the node has no key; see `tocsin pgp make`");
}

static enum err do_identity(const struct pgp_work *w, const struct pgp_frame *in,
			    struct pgp_answer *out, struct fail *f)
{
	OWN_CTX gpgme_ctx_t c = NULL;
	OWN_KEY gpgme_key_t k = NULL;
	OWN_DATA gpgme_data_t pub = NULL;

	TRY(open_home(w, &c, f));
	TRY(own_key(c, pgp_part(in, 0), &k, f));
	gpgme_set_armor(c, 1);
	GPG(gpgme_data_new(&pub), "data");
	GPG(gpgme_op_export(c, k->subkeys->fpr, GPGME_EXPORT_MODE_MINIMAL, pub), "export");
	buf_puts(&out->part[0], k->subkeys->fpr);
	buf_puts(&out->part[1], k->uids && k->uids->uid ? k->uids->uid : "");
	out->n = 3;
	return add_data(&out->part[2], pub, f);
}

static enum err do_make(const struct pgp_work *w, const struct pgp_frame *in,
			struct pgp_answer *out, struct fail *f)
{
	OWN_CTX gpgme_ctx_t c = NULL;
	char user_id[PGP_USER_ID_MAX + 1];
	struct str id = pgp_part(in, 0);

	if (id.n > PGP_USER_ID_MAX || memchr(id.p, '\n', id.n))
		return fail(f, ERR_INVAL, "not a name for a key");
	snprintf(user_id, sizeof(user_id), "%.*s", STR_ARG(id));
	TRY(open_home(w, &c, f));
	GPG(gpgme_op_createkey(c, user_id, "ed25519", 0, 0, NULL,
			       GPGME_CREATE_SIGN | GPGME_CREATE_NOPASSWD | GPGME_CREATE_NOEXPIRE |
				       GPGME_CREATE_FORCE),
	    "making a key");
	gpgme_genkey_result_t r = gpgme_op_genkey_result(c);
	buf_puts(&out->part[0], r && r->fpr ? r->fpr : "");
	out->n = 1;
	return ERR_OK;
}

/* A key that cannot sign by itself is of no use here, and stood in the way of one that can. */
static enum err try_key(gpgme_ctx_t c, const char *fpr, bool is_new, struct fail *f)
{
	OWN_KEY gpgme_key_t k = NULL;
	OWN_DATA gpgme_data_t data = NULL, sig = NULL;

	GPG(gpgme_get_key(c, fpr, &k, 1), "the key");
	GPG(gpgme_data_new_from_mem(&data, "x", 1, 0), "data");
	GPG(gpgme_data_new(&sig), "data");
	GPG(gpgme_signers_add(c, k), "signing");
	gpgme_error_t e = gpgme_op_sign(c, data, sig, GPGME_SIG_MODE_DETACH);
	gpgme_signers_clear(c);
	if (!e)
		return ERR_OK;
	if (is_new)
		(void)gpgme_op_delete_ext(c, k, GPGME_DELETE_ALLOW_SECRET | GPGME_DELETE_FORCE);
	struct fail why = {0};
	enum err code = gpg_fail(&why, e, "the key cannot sign");
	return fail(f, code == ERR_IO || code == ERR_CONFIG ? ERR_INVAL : code, "%s", why.text);
}

static enum err do_import(const struct pgp_work *w, const struct pgp_frame *in,
			  struct pgp_answer *out, struct fail *f)
{
	OWN_CTX gpgme_ctx_t c = NULL;
	OWN_DATA gpgme_data_t key = NULL;
	struct str text = pgp_part(in, 0);

	TRY(open_home(w, &c, f));
	GPG(gpgme_data_new_from_mem(&key, text.p, text.n, 0), "data");
	gpgme_error_t e = gpgme_op_import(c, key);
	gpgme_import_result_t r = e ? NULL : gpgme_op_import_result(c);
	if (!r || r->secret_read != 1 || !r->imports || !r->imports->fpr)
		return fail(f, ERR_INVAL,
			    "this is not one secret key in armor without a passphrase");
	if (r->secret_imported + r->secret_unchanged != 1)
		return fail(f, ERR_IO, "gpg does not take the secret key");
	buf_puts(&out->part[0], r->imports->fpr);
	TRY(try_key(c, buf_cstr(&out->part[0]), r->secret_imported == 1, f));
	out->n = 1;
	return ERR_OK;
}

/* ---- signatures ---- */

static enum err do_sign(const struct pgp_work *w, const struct pgp_frame *in,
			struct pgp_answer *out, struct fail *f)
{
	OWN_CTX gpgme_ctx_t c = NULL;
	OWN_KEY gpgme_key_t k = NULL;
	OWN_DATA gpgme_data_t data = NULL, sig = NULL;

	TRY(open_home(w, &c, f));
	TRY(own_key(c, pgp_part(in, 0), &k, f));
	TRY(file_data(w, &data, f));
	GPG(gpgme_data_new(&sig), "data");
	GPG(gpgme_signers_add(c, k), "signing");
	GPG(gpgme_op_sign(c, data, sig, GPGME_SIG_MODE_DETACH), "signing");
	out->n = 1;
	return add_data(&out->part[0], sig, f);
}

/* Take the given keys into the empty ring; those that gpg does not take are missing there. */
static enum err import_given(gpgme_ctx_t c, const struct pgp_frame *in, struct fail *f)
{
	for (unsigned i = 1; i + 1 < in->n; i += 2) {
		OWN_DATA gpgme_data_t key = NULL;

		GPG(gpgme_data_new_from_mem(&key, in->part[i + 1].p, in->part[i + 1].n, 0), "data");
		gpgme_error_t e = gpgme_op_import(c, key);
		if (gpgme_err_code(e) == GPG_ERR_ENOMEM)
			return gpg_fail(f, e, "key");
	}
	return ERR_OK;
}

static bool is_given(const struct pgp_frame *in, const char *fpr)
{
	for (unsigned i = 1; i + 1 < in->n; i += 2)
		if (str_is(in->part[i], fpr))
			return true;
	return false;
}

/* A key block may hold more keys than the one that the event names: only that one counts. */
static enum err signer_ok(gpgme_ctx_t c, const struct pgp_frame *in, const char *fpr,
			  struct pgp_answer *out, struct fail *f)
{
	OWN_KEY gpgme_key_t k = NULL;

	GPG(gpgme_get_key(c, fpr, &k, 0), "the signer's key");
	const char *primary = k->fpr ? k->fpr : k->subkeys ? k->subkeys->fpr : "";
	if (!is_given(in, primary))
		return fail(f, ERR_PERM, "signed with a key that is not among the event's");
	if (k->revoked)
		return fail(f, ERR_PERM, "signed with a key that is revoked");
	if (k->expired || k->disabled || k->invalid)
		return fail(f, ERR_PERM, "signed with a key that is expired or not valid");
	buf_clear(&out->part[0]);
	buf_puts(&out->part[0], primary);
	out->n = 1;
	return ERR_OK;
}

/* Why a signature does not count. */
static enum err signature_bad(gpgme_error_t status, struct fail *f)
{
	static const struct {
		gpg_err_code_t code;
		const char *text;
	} texts[] = {
		{GPG_ERR_BAD_SIGNATURE, "the signature does not fit the content"},
		{GPG_ERR_NO_PUBKEY, "signed with a key that is not among the event's"},
		{GPG_ERR_KEY_EXPIRED, "signed with a key that is expired"},
		{GPG_ERR_CERT_REVOKED, "signed with a key that is revoked"},
		{GPG_ERR_SIG_EXPIRED, "the signature is expired"},
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (gpgme_err_code(status) == texts[i].code)
			return fail(f, ERR_PERM, "%s", texts[i].text);
	return fail(f, ERR_PERM, "the signature cannot be used");
}

static enum err do_verify(const struct pgp_work *w, const struct pgp_frame *in,
			  struct pgp_answer *out, struct fail *f)
{
	OWN_CTX gpgme_ctx_t c = NULL;
	OWN_DATA gpgme_data_t data = NULL, sig = NULL;
	struct str signature = pgp_part(in, 0);

	TRY(put_file(w->scratch, "gpg.conf", verify_conf, f));
	TRY(open_ctx(w->scratch, &c, f));
	TRY(import_given(c, in, f));
	TRY(file_data(w, &data, f));
	GPG(gpgme_data_new_from_mem(&sig, signature.p, signature.n, 0), "data");
	gpgme_error_t e = gpgme_op_verify(c, sig, data, NULL);
	if (gpgme_err_code(e) == GPG_ERR_NO_DATA || gpgme_err_code(e) == GPG_ERR_BAD_DATA)
		return fail(f, ERR_PERM, "this is no signature");
	if (e)
		return gpg_fail(f, e, "verifying");
	gpgme_verify_result_t r = gpgme_op_verify_result(c);
	enum err result = fail(f, ERR_PERM, "this is no signature");
	for (gpgme_signature_t s = r ? r->signatures : NULL; s && result != ERR_OK; s = s->next) {
		if (s->status)
			result = signature_bad(s->status, f);
		else
			result = signer_ok(c, in, s->fpr, out, f);
	}
	if (result == ERR_OK && f)
		*f = (struct fail){0};
	return result;
}

/* ---- which ---- */

enum err pgp_work_do(const struct pgp_work *w, const struct pgp_frame *in, struct pgp_answer *out,
		     struct fail *f)
{
	static enum err (*const does[PGP_OP_LIMIT])(const struct pgp_work *,
						    const struct pgp_frame *, struct pgp_answer *,
						    struct fail *) = {
		[PGP_OP_IDENTITY] = do_identity, [PGP_OP_MAKE] = do_make,
		[PGP_OP_IMPORT] = do_import,	 [PGP_OP_SIGN] = do_sign,
		[PGP_OP_VERIFY] = do_verify,
	};

	if (in->code >= PGP_OP_LIMIT || !does[in->code])
		return fail(f, ERR_INVAL, "the daemon asks for nonsense");
	return does[in->code](w, in, out, f);
}

enum err pgp_work_able(struct fail *f)
{
	(void)f;
	return ERR_OK;
}

void pgp_work_begin(void)
{
	gpgme_check_version(NULL);
	gpgme_set_locale(NULL, LC_CTYPE, "C");
	(void)gpgme_engine_check_version(GPGME_PROTOCOL_OpenPGP); /* children say what is wrong */
}

void pgp_work_end(const char *home)
{
	OWN_CTX gpgme_ctx_t c = NULL;
	char socket[4300];

	snprintf(socket, sizeof(socket), "%s/S.gpg-agent", home);
	if (access(socket, F_OK) != 0)
		return;
	gpgme_check_version(NULL);
	if (gpgme_new(&c) || gpgme_set_protocol(c, GPGME_PROTOCOL_ASSUAN) ||
	    gpgme_ctx_set_engine_info(c, GPGME_PROTOCOL_ASSUAN, socket, NULL))
		return;
	gpgme_op_assuan_transact_ext(c, "KILLAGENT", NULL, NULL, NULL, NULL, NULL, NULL, NULL);
}
