/*
 * secretbox.c - AES-256-GCM with a random nonce of 96 bits; few secrets, so no nonce comes twice.
 */
#include "base/secretbox.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/own.h"

#define NONCE 12
#define TAG 16
#define SECRET_MAX 65536

static void own_free_cipher(EVP_CIPHER_CTX **p)
{
	EVP_CIPHER_CTX_free(*p);
}

/* ---- the key file ---- */

/* Under another name first, so that a half-written key is never found. */
static enum err make_key(const char *path, struct fail *f)
{
	char fresh[4200];
	struct secret_key k;
	if ((size_t)snprintf(fresh, sizeof(fresh), "%s.new", path) >= sizeof(fresh))
		return fail(f, ERR_CONFIG, "the path of the key file is too long");
	unlink(fresh);
	OWN(fd) int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_errno(f, ERR_IO, errno, "cannot make %s", fresh);
	random_bytes(&k, sizeof(k));
	bool ok = write(fd, &k, sizeof(k)) == (ssize_t)sizeof(k) && fsync(fd) == 0 &&
		  rename(fresh, path) == 0;
	secret_wipe(&k, sizeof(k));
	if (!ok)
		unlink(fresh);
	return ok ? ERR_OK : fail(f, ERR_IO, "cannot write %s", path);
}

enum err secret_key_load(const char *path, struct secret_key *out, struct fail *f)
{
	struct stat st;
	uint8_t more;
	if (access(path, F_OK) < 0 && errno == ENOENT)
		TRY(make_key(path, f));
	OWN(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail_errno(f, ERR_IO, errno, "cannot read %s", path);
	if (st.st_mode & 077)
		return fail(f, ERR_PERM, "%s is open to others: chmod 600 it", path);
	if (read(fd, out->b, sizeof(out->b)) != (ssize_t)sizeof(out->b) || read(fd, &more, 1) != 0)
		return fail(f, ERR_CORRUPT, "%s is damaged: it wants 32 bytes", path);
	return ERR_OK;
}

/* ---- sealing ---- */

enum err secret_seal(const struct secret_key *k, struct str secret, struct str bound,
		     struct buf *out, struct fail *f)
{
	__attribute__((cleanup(own_free_cipher))) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n = 0;
	if (secret.n > SECRET_MAX || bound.n > SECRET_MAX)
		return fail(f, ERR_LIMIT, "a secret of more than %d bytes", SECRET_MAX);
	unsigned char *p = (unsigned char *)buf_reserve(out, NONCE + secret.n + TAG);
	if (!c || !p)
		return fail(f, ERR_NOMEM, "no memory");
	random_bytes(p, NONCE);
	bool ok = EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, k->b, p) &&
		  EVP_EncryptUpdate(c, NULL, &n, (const unsigned char *)bound.p, (int)bound.n) &&
		  EVP_EncryptUpdate(c, p + NONCE, &n, (const unsigned char *)secret.p, (int)secret.n) &&
		  EVP_EncryptFinal_ex(c, p + NONCE + n, &n) &&
		  EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG, p + NONCE + secret.n);
	if (!ok)
		return fail(f, ERR_BUG, "encryption failed");
	buf_commit(out, NONCE + secret.n + TAG);
	return ERR_OK;
}

enum err secret_open(const struct secret_key *k, struct str sealed, struct str bound,
		     struct buf *out, struct fail *f)
{
	__attribute__((cleanup(own_free_cipher))) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	const unsigned char *in = (const unsigned char *)sealed.p;
	unsigned char tag[TAG];
	int n = 0, end = 0;
	if (sealed.n < NONCE + TAG || sealed.n > SECRET_MAX + NONCE + TAG || bound.n > SECRET_MAX)
		return fail(f, ERR_CORRUPT, "a stored secret is damaged");
	size_t len = sealed.n - NONCE - TAG;
	unsigned char *p = (unsigned char *)buf_reserve(out, len + TAG);
	if (!c || !p)
		return fail(f, ERR_NOMEM, "no memory");
	memcpy(tag, in + NONCE + len, TAG);
	bool ok = EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, k->b, in) &&
		  EVP_DecryptUpdate(c, NULL, &n, (const unsigned char *)bound.p, (int)bound.n) &&
		  EVP_DecryptUpdate(c, p, &n, in + NONCE, (int)len) &&
		  EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG, tag) &&
		  EVP_DecryptFinal_ex(c, p + n, &end) == 1;
	if (!ok) {
		secret_wipe(p, len);
		return fail(f, ERR_CORRUPT,
			    "a stored secret cannot be opened: is the key file another one?");
	}
	buf_commit(out, len);
	return ERR_OK;
}
