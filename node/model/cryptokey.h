/*
 * cryptokey.h - the keys of a protected event: made regular, told apart, numbered.
 *
 * No cryptography beyond a fingerprint: whether a signature holds is asked in the room pgp. A key
 * without a fingerprint does not exist here.
 */
#pragma once

#include "base/arena.h"
#include "base/hash.h"
#include "model/misp.h"

#define CRYPTOKEYS_MAX 64u /* of one event; also the factor in their ids */
#define CRYPTOKEY_BYTES_MAX (128u << 10) /* armored, one key */
#define CRYPTOKEY_LIST_BYTES_MAX (384u << 10) /* all keys of one event */
#define FINGERPRINT_LEN 40

/*
 * Fingerprint (40 upper-case hex digits and a NUL) of the primary key in an armored public key
 * block: RFC 4880 12.2, version 4. False when it is none, or holds a secret key.
 */
bool cryptokey_fingerprint(struct str armored, char out[FINGERPRINT_LEN + 1]);
/*
 * Make a list of a document regular, in place: keys that are not OpenPGP, too long, or known by
 * fingerprint already are left out, fingerprints are computed (texts in `a`), and there are at most
 * CRYPTOKEYS_MAX. False: memory.
 */
bool cryptokeys_regular(struct entity_list *keys, struct arena *a);
/* What a list says, whatever its order: two lists with equal digests let the same keys sign. */
struct sha256 cryptokeys_digest(const struct entity_list *keys);
/* Key with this fingerprint, or NULL. */
struct misp_cryptokey *cryptokeys_find(const struct entity_list *keys, struct str fingerprint);
/* Give id, UUID (of the event's and the fingerprint) and time (the event's) to keys without them. */
void cryptokeys_number(struct misp_event *e);
static inline uint64_t cryptokey_event(uint64_t key_id)
{
	return key_id / CRYPTOKEYS_MAX;
}
