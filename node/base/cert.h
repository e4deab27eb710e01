/*
 * cert.h - what a certificate file says, for people who look after links.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"

struct cert_info {
	char subject[256], issuer[256]; /* "CN=..,O=.." */
	char serial[72]; /* hexadecimal */
	int64_t from, to;
	unsigned bits; /* of the public key */
	char type[24]; /* "RSA", "EC" .. */
};

/* The first certificate of a PEM file. ERR_NOENT, ERR_IO: the file; ERR_INVAL: holds none. */
MUST_USE enum err cert_read(const char *path, struct cert_info *out, struct fail *f);
