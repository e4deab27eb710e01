/*
 * ledger_note.c - Ed25519 by OpenSSL, the text by hand: three lines, an empty one, signature lines
 * "— name base64(four bytes of the key's hash, signature)". Exactly one signature is looked for, that of
 * the key given; lines of others (witnesses) may stand beside it.
 */
#include "audit/ledger_note.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "base/own.h"
#include "base/secretbox.h"

#define ALG_ED25519 1
#define SIG 64
#define DASH "\xe2\x80\x94 " /* em dash, as the form wants it */

static void own_free_pkey(EVP_PKEY **p)
{
	EVP_PKEY_free(*p);
}

static void own_free_md(EVP_MD_CTX **p)
{
	EVP_MD_CTX_free(*p);
}

void note_origin(struct uuid node, char out[NOTE_ORIGIN_MAX])
{
	char text[UUID_TEXT_LEN + 1];
	snprintf(out, NOTE_ORIGIN_MAX, "tocsin/%s/ledger", uuid_format(node, text));
}

/* ---- the key file ---- */

enum err note_key_load(const char *path, struct note_key *k, struct fail *f)
{
	struct secret_key seed;
	size_t n = sizeof(k->pub);
	TRY(secret_key_load(path, &seed, f));
	_Static_assert(sizeof(seed.b) == sizeof(k->seed), "one size of keys");
	memcpy(k->seed, seed.b, sizeof(k->seed));
	secret_wipe(&seed, sizeof(seed));
	__attribute__((cleanup(own_free_pkey))) EVP_PKEY *p =
		EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, k->seed, sizeof(k->seed));
	if (!p || !EVP_PKEY_get_raw_public_key(p, k->pub, &n) || n != sizeof(k->pub))
		return fail(f, ERR_BUG, "OpenSSL cannot use an Ed25519 key");
	return ERR_OK;
}

/* ---- the public key as text ---- */

static void key_hash(const struct note_key *k, uint8_t out[4])
{
	uint8_t b[NOTE_ORIGIN_MAX + 34];
	size_t n = strlen(k->origin);
	memcpy(b, k->origin, n);
	b[n++] = '\n';
	b[n++] = ALG_ED25519;
	memcpy(b + n, k->pub, 32);
	struct sha256 d = hash_sha256((struct str){(const char *)b, n + 32});
	memcpy(out, d.b, 4);
}

void note_key_print(const struct note_key *k, struct buf *out)
{
	uint8_t b[33] = {ALG_ED25519}, hash[4];
	char hex[9];
	memcpy(b + 1, k->pub, 32);
	key_hash(k, hash);
	buf_printf(out, "%s+%s+", k->origin, hash_hex(hash, 4, hex));
	base64_encode(out, (struct str){(const char *)b, sizeof(b)});
}

enum err note_key_parse(struct str text, struct note_key *out, struct fail *f)
{
	OWN(buf) struct buf b = BUF(64);
	struct str name, hex;
	uint8_t hash[4], want[4];
	struct str rest = str_split(str_trim(text), '+', &name);
	rest = str_split(rest, '+', &hex);
	*out = (struct note_key){.origin = ""};
	if (!name.n || name.n >= sizeof(out->origin) || hex.n != 8 || !hash_unhex(hex, hash, 4) ||
	    rest.n > 60 || !base64_decode(&b, rest) || b.n != 33 || b.p[0] != ALG_ED25519)
		return fail(f, ERR_PARSE, "this is no public key of a ledger");
	memcpy(out->origin, name.p, name.n);
	memcpy(out->pub, b.p + 1, 32);
	key_hash(out, want);
	if (memcmp(hash, want, sizeof(want)) != 0)
		return fail(f, ERR_PARSE, "the key and its check digits do not agree");
	OWN(buf) struct buf again = BUF(NOTE_BYTES_MAX);
	note_key_print(out, &again);
	return str_eq(buf_str(&again), str_trim(text))
		       ? ERR_OK
		       : fail(f, ERR_PARSE, "a key is written in one way only");
}

/* ---- checkpoints ---- */

static void body(const struct note_key *k, const struct checkpoint *c, struct buf *out)
{
	buf_printf(out, "%s\n%llu\n", k->origin, (unsigned long long)c->size);
	base64_encode(out, (struct str){(const char *)c->root.b, sizeof(c->root.b)});
	buf_putc(out, '\n');
}

static bool sign(const struct note_key *k, struct str text, uint8_t sig[SIG])
{
	size_t n = SIG;
	__attribute__((cleanup(own_free_pkey))) EVP_PKEY *p =
		EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, k->seed, sizeof(k->seed));
	__attribute__((cleanup(own_free_md))) EVP_MD_CTX *c = EVP_MD_CTX_new();
	return p && c && EVP_DigestSignInit(c, NULL, NULL, NULL, p) > 0 &&
	       EVP_DigestSign(c, sig, &n, (const unsigned char *)text.p, text.n) > 0 && n == SIG;
}

static bool signed_by(const struct note_key *k, struct str text, const uint8_t sig[SIG])
{
	__attribute__((cleanup(own_free_pkey))) EVP_PKEY *p =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, k->pub, sizeof(k->pub));
	__attribute__((cleanup(own_free_md))) EVP_MD_CTX *c = EVP_MD_CTX_new();
	return p && c && EVP_DigestVerifyInit(c, NULL, NULL, NULL, p) > 0 &&
	       EVP_DigestVerify(c, sig, SIG, (const unsigned char *)text.p, text.n) > 0;
}

enum err note_sign(const struct note_key *k, const struct checkpoint *c, struct buf *out,
		   struct fail *f)
{
	uint8_t sig[4 + SIG];
	OWN(buf) struct buf text = BUF(NOTE_BYTES_MAX);
	body(k, c, &text);
	TRY(buf_err(&text));
	key_hash(k, sig);
	if (!sign(k, buf_str(&text), sig + 4))
		return fail(f, ERR_BUG, "OpenSSL cannot sign a checkpoint");
	buf_str_add(out, buf_str(&text));
	buf_printf(out, "\n" DASH "%s ", k->origin);
	base64_encode(out, (struct str){(const char *)sig, sizeof(sig)});
	buf_putc(out, '\n');
	return buf_err(out);
}

/* The canonical text of what was read must be what was read: no second form of a checkpoint. */
static bool parse_body(const struct note_key *k, struct str text, struct checkpoint *c)
{
	OWN(buf) struct buf root = BUF(64), again = BUF(NOTE_BYTES_MAX);
	struct str origin, size, b64;
	struct str rest = str_split(text, '\n', &origin);
	rest = str_split(rest, '\n', &size);
	rest = str_split(rest, '\n', &b64);
	if (!rest.p || rest.n || !str_is(origin, k->origin) || !str_u64(size, &c->size) ||
	    b64.n > 60 || !base64_decode(&root, b64) || root.n != sizeof(c->root.b))
		return false;
	memcpy(c->root.b, root.p, root.n);
	body(k, c, &again);
	return str_eq(buf_str(&again), text);
}

enum err note_check(const struct note_key *k, struct str text, struct checkpoint *out,
		    struct fail *f)
{
	ptrdiff_t end = str_find(text, STR("\n\n"));
	uint8_t hash[4];
	bool good = false;
	key_hash(k, hash);
	*out = (struct checkpoint){0};
	if (text.n > NOTE_BYTES_MAX || end < 0)
		return fail(f, ERR_PARSE, "this is no checkpoint");
	struct str head = str_sub(text, 0, (size_t)end + 1), line;
	struct str rest = str_sub(text, (size_t)end + 2, text.n);
	if (!parse_body(k, head, out))
		return fail(f, ERR_PARSE, "this is no checkpoint of this log");
	while (rest.n) {
		OWN(buf) struct buf sig = BUF(256), again = BUF(512);
		rest = str_split(rest, '\n', &line);
		struct str name, b64 = str_split(str_sub(line, 4, line.n), ' ', &name);
		if (!str_has_prefix(line, STR(DASH)) || !rest.p || !name.n || b64.n > 250 ||
		    !base64_decode(&sig, b64))
			return fail(f, ERR_PARSE, "a line of the checkpoint is no signature");
		base64_encode(&again, buf_str(&sig));
		if (str_is(name, k->origin) && sig.n == 4 + SIG && memcmp(sig.p, hash, 4) == 0)
			good = str_eq(buf_str(&again), b64) &&
			       signed_by(k, head, (const uint8_t *)sig.p + 4);
	}
	return good ? ERR_OK : fail(f, ERR_AUTH, "the checkpoint is not signed by this key");
}
