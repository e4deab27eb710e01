/*
 * cryptokey.c - fingerprints out of armored keys, and lists of keys.
 *
 * Input is whatever a peer sends: every length is checked against what is there.
 */
#include "model/cryptokey.h"

#include <ctype.h>

#include "base/own.h"

#define PACKET_PUBLIC_KEY 6u
#define KEY_VERSION 4u

/* ---- armor ---- */

#define BEGIN_LINE STR("-----BEGIN PGP PUBLIC KEY BLOCK-----")
#define END_MARK STR("-----END PGP")

static struct str next_line(struct str *rest)
{
	struct str line;
	struct str after = str_split(*rest, '\n', &line);

	*rest = after.p ? after : STR_NONE;
	return str_trim(line);
}

/* The bytes in the armor; checksum and headers are not ours to judge. */
static bool dearmor(struct str text, struct buf *out)
{
	OWN(buf) struct buf b64 = BUF(CRYPTOKEY_BYTES_MAX);
	ptrdiff_t at = str_find(text, BEGIN_LINE);
	struct str rest, line;

	if (at < 0)
		return false;
	rest = str_sub(text, (size_t)at, text.n);
	next_line(&rest);
	do
		line = next_line(&rest); /* headers, up to an empty line */
	while (line.n && rest.p);
	while (rest.p) {
		line = next_line(&rest);
		if (str_has_prefix(line, END_MARK))
			break;
		if (!line.n || line.p[0] == '=')
			continue;
		buf_str_add(&b64, line);
	}
	return buf_err(&b64) == ERR_OK && b64.n && base64_decode(out, buf_str(&b64));
}

/* ---- the first packet ---- */

struct packet {
	unsigned tag;
	struct str body;
};

static bool take_u(struct str *s, unsigned bytes, size_t *v)
{
	if (s->n < bytes)
		return false;
	*v = 0;
	for (unsigned i = 0; i < bytes; i++)
		*v = *v << 8 | (uint8_t)s->p[i];
	*s = str_sub(*s, bytes, s->n);
	return true;
}

/* Length of a new format packet; partial lengths are for data only. */
static bool new_length(struct str *s, size_t *n)
{
	size_t first, second;

	if (!take_u(s, 1, &first))
		return false;
	*n = first;
	if (first < 192)
		return true;
	if (first == 255)
		return take_u(s, 4, n);
	if (first >= 224 || !take_u(s, 1, &second))
		return false;
	*n = ((first - 192) << 8) + second + 192;
	return true;
}

static bool first_packet(struct str s, struct packet *p)
{
	size_t head, n;
	bool ok;

	if (!take_u(&s, 1, &head) || !(head & 0x80))
		return false;
	if (head & 0x40) {
		p->tag = head & 0x3f;
		ok = new_length(&s, &n);
	} else {
		p->tag = head >> 2 & 0xf;
		ok = (head & 3) != 3 && take_u(&s, 1u << (head & 3), &n);
	}
	if (!ok || n > s.n)
		return false;
	p->body = str_sub(s, 0, n);
	return true;
}

bool cryptokey_fingerprint(struct str armored, char out[FINGERPRINT_LEN + 1])
{
	OWN(buf) struct buf bytes = BUF(CRYPTOKEY_BYTES_MAX);
	struct packet p;
	uint8_t digest[20];

	if (armored.n > CRYPTOKEY_BYTES_MAX || !dearmor(armored, &bytes) ||
	    !first_packet(buf_str(&bytes), &p))
		return false;
	if (p.tag != PACKET_PUBLIC_KEY || p.body.n < 6 || p.body.n > 0xffff ||
	    (uint8_t)p.body.p[0] != KEY_VERSION)
		return false;
	char prefix[3] = {(char)0x99, (char)(p.body.n >> 8), (char)(p.body.n & 0xff)};
	hash_sha1_2((struct str){prefix, sizeof(prefix)}, p.body, digest);
	hash_hex(digest, sizeof(digest), out);
	for (char *c = out; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	return true;
}

/* ---- lists ---- */

struct misp_cryptokey *cryptokeys_find(const struct entity_list *keys, struct str fingerprint)
{
	LIST_EACH(k, *keys, struct misp_cryptokey)
	if (str_eq(k->fingerprint, fingerprint))
		return k;
	return NULL;
}

bool cryptokeys_regular(struct entity_list *keys, struct arena *a)
{
	struct entity_list kept = {keys->v, 0};
	size_t bytes = 0;
	char fpr[FINGERPRINT_LEN + 1];

	LIST_EACH(k, *keys, struct misp_cryptokey) {
		struct str data = str_trim(k->key_data);

		if ((k->type.n && !str_is(k->type, "pgp")) ||
		    bytes + data.n > CRYPTOKEY_LIST_BYTES_MAX || kept.n == CRYPTOKEYS_MAX ||
		    !cryptokey_fingerprint(data, fpr) || cryptokeys_find(&kept, str_c(fpr)))
			continue;
		bytes += data.n;
		k->type = STR("pgp");
		k->key_data = data;
		k->fingerprint = arena_str(a, (struct str){fpr, FINGERPRINT_LEN});
		if (!k->fingerprint.p)
			return false;
		*LIST_AT(kept, struct misp_cryptokey, kept.n) = *k;
		kept.n++;
	}
	*keys = kept;
	return true;
}

/* Sums are the same in any order. */
struct sha256 cryptokeys_digest(const struct entity_list *keys)
{
	struct sha256 sum = {{0}};

	LIST_EACH(k, *keys, struct misp_cryptokey) {
		struct hash_ctx *c = hash_begin();

		hash_add(c, k->fingerprint.p, k->fingerprint.n);
		hash_add(c, k->revoked ? "-" : "+", 1);
		hash_add(c, k->key_data.p, k->key_data.n);
		struct sha256 one = hash_end(c);
		unsigned carry = 0;

		for (size_t i = sizeof(sum.b); i-- > 0;) {
			carry += (unsigned)sum.b[i] + one.b[i];
			sum.b[i] = (uint8_t)carry;
			carry >>= 8;
		}
	}
	return sum;
}

static bool id_taken(const struct entity_list *keys, uint64_t id)
{
	LIST_EACH(k, *keys, struct misp_cryptokey)
	if (k->id == id)
		return true;
	return false;
}

void cryptokeys_number(struct misp_event *e)
{
	LIST_EACH(k, e->crypto_keys, struct misp_cryptokey) {
		uint64_t id = e->id * CRYPTOKEYS_MAX;

		if (k->id)
			continue;
		while (id_taken(&e->crypto_keys, id))
			id++;
		k->id = id;
		k->uuid = uuid_v5(e->uuid, k->fingerprint);
		k->timestamp = e->timestamp;
	}
}
