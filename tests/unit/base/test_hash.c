/* test_hash.c - digests and encodings against published vectors. */
#include "base/hash.h"

#include "tests/tap/tap.h"

static const char *hex(const void *p, size_t n)
{
	static char out[129];

	return hash_hex(p, n, out);
}

static void digests(void)
{
	struct str abc = STR("abc");
	struct hash_ctx *c = hash_begin();
	struct sha256 d = hash_sha256(abc);
	uint8_t sha1[20], md5[16], pieces[20];

	is_str(hex(d.b, 32), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	       "SHA-256 of abc (FIPS 180-2)");
	hash_add(c, "a", 1);
	hash_add(c, "bc", 2);
	is_mem(hash_end(c).b, d.b, 32, "in pieces the same");
	d = hash_sha256(STR_NONE);
	is_str(hex(d.b, 32), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	       "SHA-256 of nothing");
	hash_sha1(abc, sha1);
	is_str(hex(sha1, 20), "a9993e364706816aba3e25717850c26c9cd0d89d", "SHA-1");
	c = hash_sha1_begin();
	hash_add(c, "ab", 2);
	hash_add(c, "c", 1);
	hash_sha1_end(c, pieces);
	is_mem(pieces, sha1, 20, "in pieces the same");
	hash_md5(abc, md5);
	is_str(hex(md5, 16), "900150983cd24fb0d6963f7d28e17f72", "MD5 (RFC 1321)");
	d = hash_hmac(STR("Jefe"), STR("what do ya want for nothing?"));
	is_str(hex(d.b, 32), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
	       "HMAC (RFC 4231, case 2)");
	hash_abort(hash_begin());
	is_uint(hash_64("", 0, 0), UINT64_C(0x2d06800538d394c2), "XXH3 of nothing");
	ok(hash_64("a", 1, 1) != hash_64("a", 1, 2), "the seed matters");
}

static void encodings(void)
{
	static const struct {
		const char *plain, *coded;
	} rows[] = {{"", ""},	       {"f", "Zg=="},	      {"fo", "Zm8="},
		    {"foo", "Zm9v"},   {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="},
		    {"foobar", "Zm9vYmFy"}};
	static const char *const bad[] = {"Z", "Zg", "Zg=", "Zg===", "=", "Z===", "Zg==Zg==", "Z!==",
					  "Zm9v=", "Zm9v\x80" "bcd"};
	uint8_t out[3];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		OWN(buf) struct buf e = BUF(100), d = BUF(strlen(rows[i].plain));

		base64_encode(&e, str_c(rows[i].plain));
		is_str(buf_cstr(&e), rows[i].coded, "encode (RFC 4648) %zu", i);
		ok(base64_decode(&d, buf_str(&e)), "decode %zu into just enough room", i);
		is_view(buf_str(&d), rows[i].plain, "as it was");
		buf_free(&d);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		OWN(buf) struct buf d = BUF(100);

		buf_putc(&d, 'x');
		ok(!base64_decode(&d, str_c(bad[i])), "refused: %s", bad[i]);
		is_uint(d.n, 1, "nothing was added");
	}
	OWN(buf) struct buf d = BUF(100);
	ok(base64_decode(&d, STR(" Zm\r\n9v\tYg=\n= ")), "white space is ignored");
	is_view(buf_str(&d), "foob", "decoded");
	ok(hash_unhex(STR("00fFa9"), out, 3), "hex, either case");
	is_mem(out, "\x00\xff\xa9", 3, "the bytes");
	ok(!hash_unhex(STR("00fFa"), out, 3) && !hash_unhex(STR("00fFag"), out, 3), "bad hex");
}

int main(void)
{
	uint8_t a[64], b[64] = {0};

	digests();
	encodings();
	random_bytes(a, sizeof(a));
	ok(memcmp(a, b, sizeof(a)) != 0, "random bytes are not zeros");
	ok(random_u64() != random_u64(), "and change");
	memcpy(b, a, sizeof(a));
	ok(ct_equal(a, b, sizeof(a)), "equal");
	b[63] ^= 1;
	ok(!ct_equal(a, b, sizeof(a)), "not equal");
	secret_wipe(a, sizeof(a));
	is_int(a[0] | a[63], 0, "wiped");
	return done_testing();
}
