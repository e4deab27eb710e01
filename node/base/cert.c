/*
 * cert.c - reads a certificate with OpenSSL. Verifies nothing.
 */
#include "base/cert.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

static void name_text(const X509_NAME *n, char *out, size_t max)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *p = NULL;
	long len = 0;
	if (b && X509_NAME_print_ex(b, n, 0, XN_FLAG_RFC2253) >= 0)
		len = BIO_get_mem_data(b, &p);
	snprintf(out, max, "%.*s", len > 0 ? (int)len : 0, p ? p : "");
	BIO_free(b);
}

static int64_t seconds(const ASN1_TIME *t)
{
	struct tm tm = {0};
	if (!t || ASN1_TIME_to_tm(t, &tm) != 1)
		return 0;
	return clock_from_civil(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
				tm.tm_sec);
}

static void fill(X509 *x, struct cert_info *out)
{
	EVP_PKEY *key = X509_get0_pubkey(x);
	BIGNUM *bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
	char *hex = bn ? BN_bn2hex(bn) : NULL;
	name_text(X509_get_subject_name(x), out->subject, sizeof(out->subject));
	name_text(X509_get_issuer_name(x), out->issuer, sizeof(out->issuer));
	snprintf(out->serial, sizeof(out->serial), "%s", hex ? hex : "");
	out->from = seconds(X509_get0_notBefore(x));
	out->to = seconds(X509_get0_notAfter(x));
	out->bits = key ? (unsigned)EVP_PKEY_get_bits(key) : 0;
	const char *type = key ? EVP_PKEY_get0_type_name(key) : NULL;
	snprintf(out->type, sizeof(out->type), "%s", type ? type : "");
	OPENSSL_free(hex);
	BN_free(bn);
}

enum err cert_read(const char *path, struct cert_info *out, struct fail *f)
{
	*out = (struct cert_info){.from = 0};
	FILE *file = fopen(path, "re");
	if (!file)
		return fail_errno(f, errno == ENOENT ? ERR_NOENT : ERR_IO, errno, "%s", path);
	X509 *x = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);
	if (!x) {
		ERR_clear_error();
		return fail(f, ERR_INVAL, "%s holds no certificate", path);
	}
	fill(x, out);
	X509_free(x);
	return ERR_OK;
}
