/*
 * link.c - row, key and headers of a peer; small calls over it. Holds no state between passes.
 */
#include "sync/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "metrics/metrics.h"

#include "base/hash.h"
#include "model/json_why.h"
#include "model/pack.h"

#define ANSWER_DEFAULT (UINT64_C(1) << 20)
#define HELLO_TEXT_MAX 4096

static void own_free_json(json_t **p)
{
	json_decref(*p);
}

/* ---- the key ---- */

static struct str bond(uint64_t peer_id, char out[40])
{
	int n = snprintf(out, 40, "peer/%llu", (unsigned long long)peer_id);
	return (struct str){out, (size_t)n};
}

enum err peer_key_seal(const struct secret_key *k, uint64_t peer_id, struct str key,
		       struct buf *out, struct fail *f)
{
	char b[40];
	return secret_seal(k, key, bond(peer_id, b), out, f);
}

enum err peer_key_open(const struct secret_key *k, const struct misp_peer *row, struct buf *out,
		       struct fail *f)
{
	char b[40];
	return secret_open(k, row->key_sealed, bond(row->id, b), out, f);
}

/* ---- the row ---- */

static enum err client_setup(struct link *l, struct fail *f)
{
	OWN(buf) struct buf key = BUF(1000);
	const struct misp_peer *row = &l->row;
	TRY(peer_key_open(l->env->key, row, &key, f));
	snprintf(l->auth, sizeof(l->auth), "Authorization: %s", buf_cstr(&key));
	secret_wipe(key.p, key.n);
	snprintf(l->agent, sizeof(l->agent), "MISP 2.5.1 (tocsin/%s)",
		 l->env->node_version ? l->env->node_version : "");
	l->header[0] = l->auth;
	l->header[1] = "Accept: application/json";
	l->header[2] = "Content-Type: application/json";
	l->client = l->env->client;
	l->client.user_agent = l->agent;
	l->client.insecure = row->self_signed && !row->cert_file.n;
	if (row->pin.n)
		l->client.pinned = arena_cstr(l->a, row->pin);
	if (row->cert_file.n)
		l->client.ca_file = arena_cstr(l->a, row->cert_file);
	if (row->client_cert_file.n)
		l->client.cert_file = l->client.key_file = arena_cstr(l->a, row->client_cert_file);
	if (row->skip_proxy)
		l->client.proxy = NULL;
	return client_new(&l->client, &l->c, f);
}

static enum err orgs_read(struct link *l, const struct store_rtxn *t, struct fail *f)
{
	struct misp_org org;
	uint64_t host = l->env->host_org_id;
	if (store_get(t, T_ORG, l->row.org_id, l->a, &org) != ERR_OK)
		return fail(f, ERR_CONFIG, "the peer's organisation %llu is gone",
			    (unsigned long long)l->row.org_id);
	l->org = org.uuid;
	if (l->row.remote_org_id && store_get(t, T_ORG, l->row.remote_org_id, l->a, &org) == ERR_OK)
		l->remote_org = org.uuid;
	l->internal = l->row.internal && host && l->row.org_id == host;
	l->internal_push = l->row.internal && host && l->row.remote_org_id == host;
	return ERR_OK;
}

static enum err row_read(struct link *l, uint64_t peer_id, struct fail *f)
{
	OWN(store_rtxn) struct store_rtxn *t = NULL;
	struct misp_peer row;
	TRY(store_read(l->env->store, &t, f));
	enum err e = store_get(t, T_PEER, peer_id, l->a, &row);
	if (e != ERR_OK)
		return fail(f, e, "there is no peer %llu", (unsigned long long)peer_id);
	TRY(entity_copy(l->a, &desc_misp_peer, &row, &l->row));
	TRY(orgs_read(l, t, f));
	struct str url = l->row.url;
	while (url.n > 1 && url.p[url.n - 1] == '/')
		url.n--;
	if (!url.n || url.n >= sizeof(l->base))
		return fail(f, ERR_INVAL, "the peer has no URL");
	snprintf(l->base, sizeof(l->base), "%.*s", STR_ARG(url));
	return ERR_OK;
}

enum err link_open(struct link *l, const struct link_env *env, uint64_t peer_id, struct fail *f)
{
	*l = (struct link){.env = env, .a = arena_new(1u << 20)};
	if (!l->a)
		return fail(f, ERR_NOMEM, "no memory");
	TRY(row_read(l, peer_id, f));
	return client_setup(l, f);
}

void link_close(struct link *l)
{
	secret_wipe(l->auth, sizeof(l->auth));
	client_free(MOVE(l->c));
	arena_free(l->a);
	l->a = NULL;
}

/* ---- calls ---- */

/* Apache marks the tag of an answer that it compressed, and MISP does not know that mark. (1.6) */
static void etag_plain(char *etag)
{
	static const char *const marks[] = {"-gzip\"", "-br\""};
	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		size_t n = strlen(etag), k = strlen(marks[i]);
		if (n > k && strcmp(etag + n - k, marks[i]) == 0)
			snprintf(etag + n - k, 2, "\"");
	}
}

enum err link_call(struct link *l, const struct link_req *q, struct client_res *res,
		   struct fail *f)
{
	char url[sizeof(l->base) + 16384];
	const char *headers[4] = {l->header[0], l->header[1], l->header[2], q->extra};
	if ((size_t)snprintf(url, sizeof(url), "%s%s", l->base, q->path) >= sizeof(url))
		return fail(f, ERR_INVAL, "the request's path is too long");
	enum client_encoding encoding = !q->compress	? CLIENT_PLAIN :
					l->hello.br	? CLIENT_BR :
					l->hello.gzip ? CLIENT_GZIP :
							  CLIENT_PLAIN;
	struct client_req req = {.method = q->method,
				 .url = url,
				 .headers = headers,
				 .n_headers = q->extra ? 4 : 3,
				 .body = q->body,
				 .read = q->read,
				 .rewind = q->rewind,
				 .body_size = q->body_size,
				 .content_encoding = encoding,
				 .etag = q->etag,
				 .max_bytes = q->max_bytes ? q->max_bytes : ANSWER_DEFAULT,
				 .cancelled = l->env->cancelled,
				 .data = q->data,
				 .header = q->header,
				 .user = q->user};
	enum err e = client_call(q->c ? q->c : l->c, &req, res, f);
	etag_plain(res->etag);
	atomic_fetch_add(&l->requests, 1);
	atomic_fetch_add(&l->bytes_in, res->bytes_in);
	atomic_fetch_add(&l->bytes_out, res->bytes_out);
	metric_add(M_PEER_REQUESTS, e, 0, 1);
	metric_add(M_PEER_BYTES, METRIC_IN, 0, (int64_t)res->bytes_in);
	metric_add(M_PEER_BYTES, METRIC_OUT, 0, (int64_t)res->bytes_out);
	return e;
}

static enum err to_buf(void *user, const void *p, size_t n, struct fail *f)
{
	struct buf *b = user;
	buf_add(b, p, n);
	return buf_err(b) == ERR_OK ? ERR_OK : fail(f, ERR_LIMIT, "the answer is too large");
}

enum err link_json(struct link *l, const char *path, const json_t *body, uint64_t max,
		   json_t **out, struct fail *f)
{
	struct client_res res;
	json_error_t why;
	if (!max)
		max = ANSWER_DEFAULT;
	OWN(buf) struct buf b = BUF(max);
	char *text = body ? json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	*out = NULL;
	if (body && !text)
		return fail(f, ERR_NOMEM, "no memory");
	struct link_req q = {.path = path,
			     .compress = true,
			     .body = text ? str_c(text) : STR_NONE,
			     .max_bytes = max,
			     .data = to_buf,
			     .user = &b};
	enum err e = link_call(l, &q, &res, f);
	free(text);
	TRY(e);
	if (!b.n)
		return ERR_OK;
	*out = json_loadb(b.p, b.n, JSON_DECODE_ANY, &why);
	return *out ? ERR_OK : fail(f, ERR_PEER, "the answer is not JSON (byte %d: %.*s)",
				    why.position, STR_ARG(json_why(&why)));
}

/* ---- hello ---- */

static bool flag(const json_t *j, const char *key)
{
	const json_t *v = json_object_get(j, key);
	const char *s = json_string_value(v);
	return json_is_true(v) || json_integer_value(v) || (s && *s && strcmp(s, "0") != 0);
}

static void take_encodings(struct link_hello *h, const json_t *list)
{
	size_t i;
	json_t *item;
	json_array_foreach(list, i, item) {
		const char *s = json_string_value(item);
		h->gzip |= s && strcmp(s, "gzip") == 0;
		h->br |= s && strcmp(s, "br") == 0;
	}
}

static void take_text(const json_t *j, const char *key, char *to, size_t n)
{
	const char *s = json_string_value(json_object_get(j, key));
	snprintf(to, n, "%s", s ? s : "");
}

enum err link_hello_take(struct link *l, const json_t *j, struct fail *f)
{
	struct link_hello *h = &l->hello;
	*h = (struct link_hello){.version = ""};
	take_text(j, "version", h->version, sizeof(h->version));
	if (sscanf(h->version, "%9u.%9u.%9u", &h->major, &h->minor, &h->hotfix) != 3)
		return fail(f, ERR_PEER, "what answers is neither a MISP nor a tocsin");
	const char *uuid = json_string_value(json_object_get(j, "uuid"));
	if (!uuid || !uuid_parse(str_c(uuid), &h->uuid))
		h->uuid = UUID_NIL;
	h->perm_sync = flag(j, "perm_sync");
	h->perm_sighting = flag(j, "perm_sighting");
	h->perm_galaxy_editor = flag(j, "perm_galaxy_editor");
	h->perm_analyst_data = flag(j, "perm_analyst_data");
	h->has_clusters = json_object_get(j, "perm_galaxy_editor") != NULL;
	h->filter_sightings = flag(j, "filter_sightings");
	take_encodings(h, json_object_get(j, "request_encoding"));
	const json_t *native = json_object_get(j, "tocsin");
	take_text(native, "version", h->tocsin, sizeof(h->tocsin));
	h->changes = (unsigned)json_integer_value(json_object_get(native, "changes"));
	return ERR_OK;
}

struct hello {
	struct buf body;
	int64_t skew_s, key_expires;
};

static enum err hello_data(void *user, const void *p, size_t n, struct fail *f)
{
	return to_buf(&((struct hello *)user)->body, p, n, f);
}

/* Said by the way: the peer's clock, and until when it takes our key. */
static void hello_header(void *user, struct str name, struct str value)
{
	struct hello *h = user;
	int64_t date = str_eq_nocase(name, STR("Date")) ? clock_from_http(value) : 0;
	if (date)
		h->skew_s = date - clock_now();
	else if (str_eq_nocase(name, STR("X-Auth-Key-Expiration")))
		h->key_expires = clock_from_iso(value);
}

enum err link_hello(struct link *l, struct fail *f)
{
	__attribute__((cleanup(own_free_json))) json_t *j = NULL;
	struct hello h = {.body = BUF(ANSWER_DEFAULT)};
	struct client_res res;
	struct link_req q = {.path = "/servers/getVersion",
			     .data = hello_data,
			     .header = hello_header,
			     .user = &h};
	enum err e = link_call(l, &q, &res, f);
	if (e == ERR_OK)
		j = json_loadb(h.body.n ? h.body.p : "", h.body.n, 0, NULL);
	if (e == ERR_OK && h.body.n <= HELLO_TEXT_MAX)
		l->hello_text = arena_str(l->a, buf_str(&h.body));
	buf_free(&h.body);
	if (e == ERR_AUTH && (!f || str_has_prefix(str_c(f->text), STR("status"))))
		return fail(f, e, "the peer does not accept the API key");
	TRY(e);
	TRY(link_hello_take(l, j, f));
	l->hello.skew_s = h.skew_s;
	l->hello.key_expires = h.key_expires;
	return ERR_OK;
}

bool link_hello_again(struct link *l, struct str text)
{
	struct fail f = {0};
	__attribute__((cleanup(own_free_json))) json_t *j = json_loadb(text.p, text.n, 0, NULL);
	return j && link_hello_take(l, j, &f) == ERR_OK;
}

bool link_since(const struct link *l, unsigned minor, unsigned hotfix)
{
	const struct link_hello *h = &l->hello;
	return h->major == 2 && (h->minor > minor || (h->minor == minor && h->hotfix >= hotfix));
}
