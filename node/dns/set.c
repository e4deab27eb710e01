/*
 * set.c - zones and keys out of lines of the configuration, and who may have which.
 */
#include "dns/set.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"

struct dns_set {
	atomic_uint refs;
	struct dns_key *keys[DNS_KEYS_MAX];
	struct dns_zone *zones[DNS_ZONES_MAX];
	size_t n_keys, n_zones;
};

enum { FILE_MAX = 4096, SECRET_MIN = 16 };

struct dns_set *dns_set_new(void)
{
	struct dns_set *s = calloc(1, sizeof(*s));
	if (s)
		atomic_store(&s->refs, 1);
	return s;
}

struct dns_set *dns_set_ref(struct dns_set *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

void dns_set_unref(struct dns_set *s)
{
	if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	for (size_t i = 0; i < s->n_zones; i++) {
		struct dns_zone_source *z = s->zones[i]->source;
		if (z && z->ops->release)
			z->ops->release(z);
		free(s->zones[i]->from);
		free(s->zones[i]);
	}
	for (size_t i = 0; i < s->n_keys; i++) {
		secret_wipe(s->keys[i], sizeof(*s->keys[i]));
		free(s->keys[i]);
	}
	free(s);
}

/* The next word of a line; empty at its end. */
static struct str word(struct str *line)
{
	struct str w;
	*line = str_trim(*line);
	size_t n = 0;
	while (n < line->n && line->p[n] != ' ' && line->p[n] != '\t')
		n++;
	w = str_sub(*line, 0, n);
	*line = str_trim(str_sub(*line, n, SIZE_MAX));
	return w;
}

/* ---- keys ---- */

/* The secret in Base64: what stands behind `secret`, or the whole text. */
static struct str secret_of(struct str text)
{
	ptrdiff_t at = str_find(text, STR("secret"));
	struct str rest = text, value = STR_NONE;
	if (at < 0)
		return str_trim(text);
	rest = str_trim(str_sub(text, (size_t)at + 6, SIZE_MAX));
	if (rest.n && rest.p[0] == ':')
		rest = str_trim(str_sub(rest, 1, SIZE_MAX));
	if (rest.n && rest.p[0] == '"') {
		str_split(str_sub(rest, 1, SIZE_MAX), '"', &value);
		return value;
	}
	str_split(rest, '\n', &value);
	return str_trim(value);
}

static enum err read_secret(const char *path, struct dns_key *k, struct fail *f)
{
	char text[FILE_MAX];
	OWN(buf) struct buf raw = BUF(TSIG_SECRET_MAX);
	OWN(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	if (n < 0)
		return fail_errno(f, ERR_CONFIG, errno, "dns: key file %s", path);
	bool fine = (size_t)n < sizeof(text) &&
		    base64_decode(&raw, secret_of((struct str){text, (size_t)n})) &&
		    raw.n >= SECRET_MIN;
	if (fine) {
		memcpy(k->secret, raw.p, raw.n);
		k->secret_n = raw.n;
	}
	secret_wipe(text, sizeof(text));
	if (raw.n)
		secret_wipe(raw.p, raw.n);
	return fine ? ERR_OK
		    : fail(f, ERR_CONFIG, "dns: %s: want a secret of %d to %d bytes in Base64", path,
			   SECRET_MIN, TSIG_SECRET_MAX);
}

enum err dns_set_key(struct dns_set *s, struct str line, struct fail *f)
{
	char path[FILE_MAX];
	struct str name = word(&line), alg = word(&line), file = line;
	struct dns_name n;
	if (!dns_name_from(name, NULL, &n))
		return fail(f, ERR_CONFIG, "dns: %s is no name of a key", log_val(name));
	if (dns_set_find_key(s, &n))
		return fail(f, ERR_CONFIG, "dns: key %s is there twice", log_val(name));
	struct dns_key *k = s->n_keys < DNS_KEYS_MAX ? calloc(1, sizeof(*k)) : NULL;
	if (!k)
		return fail(f, ERR_CONFIG, "dns: more than %d keys", DNS_KEYS_MAX);
	k->name = n;
	s->keys[s->n_keys++] = k;
	if (!tsig_alg(alg, &k->alg))
		return fail(f, ERR_CONFIG, "dns: key %s: want hmac-sha256, hmac-sha384 or hmac-sha512",
			    log_val(name));
	if (!file.n || file.n >= sizeof(path))
		return fail(f, ERR_CONFIG, "dns: key %s: want a file", log_val(name));
	memcpy(path, file.p, file.n);
	path[file.n] = 0;
	/* what was signed before we were there may have been served by who was here before */
	k->replays.floor = (uint64_t)clock_now();
	return read_secret(path, k, f);
}

/* ---- zones ---- */

static enum err add_key(struct dns_set *s, struct dns_zone *z, struct str what, struct fail *f)
{
	struct dns_name name;
	const struct dns_key *k = dns_name_from(what, NULL, &name) ? dns_set_find_key(s, &name) : NULL;
	if (!k || z->n_keys == DNS_ZONE_KEYS)
		return fail(f, ERR_CONFIG, "dns: zone %s: there is no key %s, or there are too many",
			    z->text, log_val(what));
	z->keys[z->n_keys++] = k;
	return ERR_OK;
}

static enum err add_open(struct dns_set *s, struct dns_zone *z, struct str what, struct fail *f)
{
	(void)s;
	if (z->n_open == DNS_ZONE_NETS || !net_parse(what, &z->open[z->n_open]))
		return fail(f, ERR_CONFIG, "dns: zone %s: open=%s is no network, or there are too many",
			    z->text, log_val(what));
	z->n_open++;
	return ERR_OK;
}

/* ADDRESS, ADDRESS:PORT for IPv4, [ADDRESS]:PORT, ADDRESS@PORT. */
static bool parse_address(struct str v, struct dns_target *t)
{
	struct str host = v, port = STR_NONE;
	uint64_t number = 53;
	if (v.n && v.p[0] == '[') {
		port = str_split(str_sub(v, 1, SIZE_MAX), ']', &host);
		if (!port.p || (port.n && port.p[0] != ':'))
			return false;
		port = port.n ? str_sub(port, 1, SIZE_MAX) : STR_NONE;
	} else if (str_chr(v, '@') >= 0) {
		port = str_split(v, '@', &host);
	} else if (str_chr(v, '.') >= 0) {
		port = str_split(v, ':', &host);
	}
	if (port.p && (!str_u64(port, &number) || !number || number > UINT16_MAX))
		return false;
	t->port = (uint16_t)number;
	return net_address(host, t->ip);
}

static enum err add_notify(struct dns_set *s, struct dns_zone *z, struct str what, struct fail *f)
{
	struct dns_target *t = &z->targets[z->n_targets];
	struct str address, key = str_split(what, '/', &address);
	struct dns_name name;
	if (z->n_targets == DNS_ZONE_TARGETS || !parse_address(address, t))
		return fail(f, ERR_CONFIG,
			    "dns: zone %s: notify=%s is no address, or there are too many", z->text,
			    log_val(what));
	t->key = key.p && dns_name_from(key, NULL, &name) ? dns_set_find_key(s, &name) : NULL;
	if (key.p && !t->key)
		return fail(f, ERR_CONFIG, "dns: zone %s: there is no key %s", z->text, log_val(key));
	z->n_targets++;
	return ERR_OK;
}

static enum err set_from(struct dns_set *s, struct dns_zone *z, struct str what, struct fail *f)
{
	(void)s;
	free(z->from);
	z->from = strndup(what.p, what.n);
	return z->from ? ERR_OK : fail(f, ERR_NOMEM, "no memory");
}

static enum err set_name(struct dns_name *to, struct dns_zone *z, struct str what, struct fail *f)
{
	return dns_name_from(what, NULL, to)
		       ? ERR_OK
		       : fail(f, ERR_CONFIG, "dns: zone %s: %s is no name", z->text, log_val(what));
}

static enum err set_ns(struct dns_set *s, struct dns_zone *z, struct str what, struct fail *f)
{
	(void)s;
	return set_name(&z->ns, z, what, f);
}

static enum err set_mbox(struct dns_set *s, struct dns_zone *z, struct str what, struct fail *f)
{
	(void)s;
	return set_name(&z->mbox, z, what, f);
}

static const struct zone_word {
	const char *name;
	enum err (*set)(struct dns_set *s, struct dns_zone *z, struct str what, struct fail *f);
	size_t seconds; /* where the number of seconds goes; `set` is NULL */
} zone_words[] = {
	{"from", set_from, 0},
	{"key", add_key, 0},
	{"open", add_open, 0},
	{"notify", add_notify, 0},
	{"ns", set_ns, 0},
	{"mbox", set_mbox, 0},
	{"refresh", NULL, offsetof(struct dns_zone, refresh)},
	{"retry", NULL, offsetof(struct dns_zone, retry)},
	{"expire", NULL, offsetof(struct dns_zone, expire)},
	{"minimum", NULL, offsetof(struct dns_zone, minimum)},
	{"ttl", NULL, offsetof(struct dns_zone, ttl)},
};

static enum err apply(struct dns_set *s, struct dns_zone *z, struct str what, struct fail *f)
{
	struct str name, value = str_split(what, '=', &name);
	uint64_t n;
	for (size_t i = 0; i < ARRAY_LEN(zone_words); i++) {
		const struct zone_word *r = &zone_words[i];
		if (!str_is(name, r->name) || !value.n)
			continue;
		if (r->set)
			return r->set(s, z, value, f);
		if (!str_u64(value, &n) || n > INT32_MAX)
			break;
		memcpy((char *)z + r->seconds, &(uint32_t){(uint32_t)n}, sizeof(uint32_t));
		return ERR_OK;
	}
	return fail(f, ERR_CONFIG, "dns: zone %s: what is %s?", z->text, log_val(what));
}

enum err dns_set_zone(struct dns_set *s, struct str line, struct dns_zone **out, struct fail *f)
{
	struct str name = word(&line);
	*out = NULL;
	struct dns_zone *z = s->n_zones < DNS_ZONES_MAX ? calloc(1, sizeof(*z)) : NULL;
	if (!z)
		return fail(f, ERR_CONFIG, "dns: more than %d zones", DNS_ZONES_MAX);
	/* short refresh: a resolver that missed every NOTIFY is late by five minutes, not by hours */
	*z = (struct dns_zone){
		.refresh = 300, .retry = 60, .expire = 604800, .minimum = 60, .ttl = 300};
	bool fine = dns_name_from(name, NULL, &z->name) && z->name.n > 1 &&
		    dns_name_from(STR("localhost."), NULL, &z->ns) &&
		    dns_name_from(STR("nobody.invalid."), NULL, &z->mbox);
	bool twice = fine && dns_set_find(s, &z->name);
	s->zones[s->n_zones++] = z;
	if (!fine || twice)
		return fail(f, ERR_CONFIG, "dns: zone %s %s", log_val(name),
			    twice ? "is there twice" : "has no name that a zone can have");
	dns_name_text(&z->name, z->text);
	for (struct str w; (w = word(&line)).n;)
		TRY(apply(s, z, w, f));
	*out = z;
	return ERR_OK;
}

/* ---- reading ---- */

const struct dns_zone *dns_set_find(const struct dns_set *s, const struct dns_name *name)
{
	for (size_t i = 0; i < s->n_zones; i++)
		if (dns_name_eq(&s->zones[i]->name, name))
			return s->zones[i];
	return NULL;
}

struct dns_key *dns_set_find_key(struct dns_set *s, const struct dns_name *name)
{
	for (size_t i = 0; i < s->n_keys; i++)
		if (dns_name_eq(&s->keys[i]->name, name))
			return s->keys[i];
	return NULL;
}

size_t dns_set_zones(const struct dns_set *s)
{
	return s->n_zones;
}

struct dns_zone *dns_set_zone_at(struct dns_set *s, size_t i)
{
	return s->zones[i];
}

void dns_set_inherit(struct dns_set *s, const struct dns_set *old)
{
	for (size_t i = 0; i < old->n_keys; i++) {
		struct dns_key *k = dns_set_find_key(s, &old->keys[i]->name);
		if (k)
			k->replays = old->keys[i]->replays;
	}
}

bool dns_zone_allows(const struct dns_zone *z, const struct dns_key *key, const uint8_t ip[16])
{
	for (unsigned i = 0; key && i < z->n_keys; i++)
		if (z->keys[i] == key)
			return true;
	for (unsigned i = 0; i < z->n_open; i++)
		if (net_has(&z->open[i], ip))
			return true;
	return false;
}

void dns_zone_soa(const struct dns_zone *z, uint32_t serial, uint8_t *data, struct dns_record *out)
{
	const uint32_t numbers[] = {serial, z->refresh, z->retry, z->expire, z->minimum};
	size_t n = 0;
	memcpy(data, z->ns.b, z->ns.n);
	n += z->ns.n;
	memcpy(data + n, z->mbox.b, z->mbox.n);
	n += z->mbox.n;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++, n += 4)
		dns_put32(data + n, numbers[i]);
	*out = (struct dns_record){.owner = dns_name_str(&z->name),
				   .type = DNS_SOA,
				   .ttl = z->ttl,
				   .rdata = {(const char *)data, n}};
}
