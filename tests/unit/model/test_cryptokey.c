/*
 * test_cryptokey.c - fingerprints as gpg prints them; lists of keys as documents send them.
 */
#include "model/cryptokey.h"
#include "tests/tap/tap.h"

#define HEAD "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n"
#define TAIL "-----END PGP PUBLIC KEY BLOCK-----\n"
#define ED_BODY                                                                                    \
	"mDMEawOAbhYJKwYBBAHaRw8BAQdA6uN7/FknDIYXe9pluOrRPNUh88RDeoACpSeD\n"                        \
	"HdMUDyi0G1Rlc3Qgb25lIDxvbmVAZXhhbXBsZS50ZXN0PoiQBBMWCAA4FiEE2igi\n"                        \
	"aABIJn3NiZBXDXmnL2aSeMIFAmsDgG4CGwMFCwkIBwIGFQoJCAsCBBYCAwECHgEC\n"                        \
	"F4AACgkQDXmnL2aSeMLgmgEAtnD9rpxzjL6OfWm6khuZ37ixf8K4khcCJdtnLe2r\n"                        \
	"IIgBAMyL30Zh1GNRw/U3TvWL4wNHqedNvzKTUuOYO2o5E3EO\n"                                         \
	"=2BvP\n"
#define ED_KEY HEAD ED_BODY TAIL
#define ED_FPR "DA2822680048267DCD8990570D79A72F669278C2"
/* the same packet with a new format header, without user id or signature */
#define BARE_KEY                                                                                   \
	"-----BEGIN PGP PUBLIC KEY BLOCK-----\r\nComment: one\r\n\r\n"                               \
	"xjMEawOAbhYJKwYBBAHaRw8BAQdA6uN7/FknDIYXe9pluOrRPNUh88RDeoACpSeD\r\nHdMUDyg=\r\n" TAIL
/* another time of making: another key */
#define OTHER_KEY                                                                                  \
	HEAD "xjMEawOAbxYJKwYBBAHaRw8BAQdA6uN7/FknDIYXe9pluOrRPNUh88RDeoACpSeDHdMUDyg=\n" TAIL

static void fingerprints(void)
{
	static const struct {
		const char *what, *armored;
	} bad[] = {
		{"nothing", ""},
		{"words", "x"},
		{"an empty block", HEAD TAIL},
		{"a block of words", HEAD "x\n" TAIL},
		{"no end, no body", HEAD},
		{"a length beyond the end", HEAD "xv8A//8E\n" TAIL},
		{"a cut body", HEAD "mDMEawOAbhYJ\n" TAIL},
		{"version 3", HEAD "mAUDAAAAAA==\n" TAIL},
		{"a secret key block",
		 "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nxjMEawOA\n-----END PGP PRIVATE KEY BLOCK-----"},
		/* tag 5 in a block that says public */
		{"a secret key in a public block",
		 HEAD "lDMEawOAbhYJKwYBBAHaRw8BAQdA6uN7/FknDIYXe9pluOrRPNUh88RDeoACpSeD\n"
		      "HdMUDyg=\n" TAIL},
	};
	char out[FINGERPRINT_LEN + 1];
	ok(cryptokey_fingerprint(STR(ED_KEY), out), "a key of gpg");
	is_str(out, ED_FPR, "as gpg says");
	ok(cryptokey_fingerprint(STR("words before\n" ED_KEY), out), "words before it");
	ok(cryptokey_fingerprint(STR(BARE_KEY), out), "a new format header, lines of CRLF");
	is_str(out, ED_FPR, "is the same key");
	ok(cryptokey_fingerprint(STR(OTHER_KEY), out), "made a second later");
	ok(strcmp(out, ED_FPR) != 0, "is another key");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ok(!cryptokey_fingerprint(str_c(bad[i].armored), out), "%s is none", bad[i].what);
	/* every cut of the body: no fault, and no key until its packet is whole */
	for (size_t n = 0; n < sizeof(HEAD ED_BODY) - 1; n++) {
		bool got = cryptokey_fingerprint((struct str){HEAD ED_BODY, n}, out);
		if (got && strcmp(out, ED_FPR) != 0)
			ok(false, "a wrong fingerprint at %zu", n);
	}
}

static struct misp_cryptokey key(const char *type, const char *data)
{
	return (struct misp_cryptokey){.type = str_c(type), .key_data = str_c(data)};
}

static void lists(void)
{
	OWN(arena) struct arena *a = arena_new(1 << 20);
	struct misp_cryptokey v[] = {key("pgp", "x"), key("", "\n" ED_KEY), key("pgp", BARE_KEY),
				     key("x509", OTHER_KEY), key("pgp", OTHER_KEY)};
	struct entity_list l = {v, ARRAY_LEN(v)}, swapped;
	ok(cryptokeys_regular(&l, a), "made regular");
	is_uint(l.n, 2, "no key, a double and another type are left out");
	is_view(v[0].fingerprint, ED_FPR, "fingerprint computed");
	is_view(v[0].type, "pgp", "type filled in");
	ok(cryptokeys_find(&l, STR(ED_FPR)) == &v[0], "found");
	ok(!cryptokeys_find(&l, STR("AA")), "not found");

	struct misp_cryptokey turned[] = {v[1], v[0]};
	swapped = (struct entity_list){turned, 2};
	struct sha256 d = cryptokeys_digest(&l), s = cryptokeys_digest(&swapped);
	is_mem(d.b, s.b, sizeof(d.b), "a digest without order");
	turned[0].revoked = true;
	s = cryptokeys_digest(&swapped);
	ok(memcmp(d.b, s.b, sizeof(d.b)) != 0, "a revoked key is told apart");
	swapped.n = 1;
	s = cryptokeys_digest(&swapped);
	ok(memcmp(d.b, s.b, sizeof(d.b)) != 0, "a missing one too");

	v[1].id = 5 * CRYPTOKEYS_MAX;
	struct misp_event e = {.id = 5, .timestamp = 1000, .crypto_keys = l};
	cryptokeys_number(&e);
	is_uint(v[0].id, 5 * CRYPTOKEYS_MAX + 1, "the next free number");
	is_uint(v[1].id, 5 * CRYPTOKEYS_MAX, "numbers stay");
	is_uint(cryptokey_event(v[0].id), 5, "the event of a key");
	is_int(v[0].timestamp, 1000, "timed");
	ok(!uuid_is_nil(v[0].uuid), "with a UUID");
}

static void limits(void)
{
	OWN(arena) struct arena *a = arena_new(64 << 20);
	static char pad[CRYPTOKEY_BYTES_MAX];
	struct misp_cryptokey v[2];
	struct entity_list l = {v, 2};
	memset(pad, ' ', sizeof(pad));
	memcpy(pad + sizeof(pad) - sizeof(ED_KEY), ED_KEY, sizeof(ED_KEY) - 1);
	pad[sizeof(pad) - 1] = 'x';
	pad[0] = 'x';
	v[0] = v[1] = (struct misp_cryptokey){.key_data = {pad, sizeof(pad)}};
	ok(cryptokeys_regular(&l, a), "the longest");
	is_uint(l.n, 1, "is taken");
	char *longer = malloc(sizeof(pad) + 1);
	memcpy(longer, pad, sizeof(pad));
	longer[sizeof(pad)] = 'y';
	v[0] = (struct misp_cryptokey){.key_data = {longer, sizeof(pad) + 1}};
	l.n = 1;
	ok(cryptokeys_regular(&l, a), "one byte more");
	is_uint(l.n, 0, "is not");
	free(longer);
}

int main(void)
{
	fingerprints();
	lists();
	limits();
	return done_testing();
}
