/*
 * totp.c - one-time codes by time.
 */
#include "base/totp.h"

#include <stdio.h>

#include "base/hash.h"

void totp_code(struct str secret, uint64_t step, char out[TOTP_DIGITS + 1])
{
	uint8_t be[8], mac[20];
	for (unsigned i = 0; i < 8; i++)
		be[i] = (uint8_t)(step >> (56 - 8 * i));
	hash_hmac_sha1(secret, (struct str){(char *)be, sizeof(be)}, mac);
	const uint8_t *p = mac + (mac[19] & 15);
	uint32_t v = (uint32_t)(p[0] & 0x7f) << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	snprintf(out, TOTP_DIGITS + 1, "%06u", v % 1000000u);
	secret_wipe(mac, sizeof(mac));
}

bool totp_match(struct str secret, struct str code, int64_t now_s, uint64_t last_step,
		uint64_t *step)
{
	char given[TOTP_DIGITS], want[TOTP_DIGITS + 1];
	size_t n = 0;
	bool good = false;
	for (size_t i = 0; i < code.n; i++) {
		if (code.p[i] == ' ')
			continue;
		if (code.p[i] < '0' || code.p[i] > '9' || n == TOTP_DIGITS)
			return false;
		given[n++] = code.p[i];
	}
	if (n != TOTP_DIGITS || now_s < (int64_t)TOTP_STEP_S)
		return false;
	uint64_t now = (uint64_t)now_s / TOTP_STEP_S;
	for (uint64_t s = now - 1; s <= now + 1; s++) {
		totp_code(secret, s, want);
		bool same = ct_equal(given, want, TOTP_DIGITS);
		if (same && s > last_step && !good) {
			*step = s;
			good = true;
		}
	}
	secret_wipe(want, sizeof(want));
	return good;
}

void base32_encode(struct buf *out, struct str bytes)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	uint32_t v = 0;
	unsigned bits = 0;
	for (size_t i = 0; i < bytes.n; i++) {
		v = (v << 8 | (uint8_t)bytes.p[i]) & 0xfff;
		for (bits += 8; bits >= 5; bits -= 5)
			buf_putc(out, set[v >> (bits - 5) & 31]);
	}
	if (bits)
		buf_putc(out, set[v << (5 - bits) & 31]);
}
