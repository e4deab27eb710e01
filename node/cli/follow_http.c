/*
 * follow_http.c - libcurl's multi interface beside the signals' descriptor, so that a long poll ends at
 * once when the service is stopped. Redirects are not followed: the key is for one address.
 */
#include "cli/follow_http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/call.h"
#include "cli/follow_proc.h"

#define HEADERS_MAX ((size_t)1 << 16)
#define REFUSAL_MAX 400
/* Nothing at all for so long, beyond what we asked to wait, and all of an answer. */
#define QUIET_S 45
#define WHOLE_S 1800

struct follow_http {
	struct follow *f;
	CURL *curl;
	CURLM *multi;
	struct curl_slist *headers;
	char error[CURL_ERROR_SIZE];
	struct call_own line;
	size_t base_n;
	/* of the answer that comes */
	struct follow_answer *out;
	struct hash_ctx *hash;
	int fd;
	uint64_t max;
	size_t header_bytes;
	char refusal[REFUSAL_MAX + 1];
	size_t refusal_n;
	bool too_large, no_room;
};

/* ---- what comes ---- */

static bool header_is(struct str line, const char *name, struct str *value)
{
	struct str head, rest = str_split(line, ':', &head);
	*value = str_trim(rest);
	return rest.p && str_eq_nocase(head, str_c(name));
}

static const struct {
	const char *name;
	enum follow_kind kind;
} kinds[] = {{"whole", FOLLOW_WHOLE}, {"lines", FOLLOW_LINES}, {"own", FOLLOW_OWN}};

static size_t on_header(char *p, size_t size, size_t n, void *user)
{
	struct follow_http *h = user;
	struct follow_answer *a = h->out;
	struct str line = {p, size * n}, v;
	uint64_t number;
	h->header_bytes += line.n;
	if (h->header_bytes > HEADERS_MAX) {
		h->too_large = true;
		return 0;
	}
	if (str_has_prefix(line, STR("HTTP/"))) { /* after a 100, say */
		a->has_serial = false;
		a->kind = FOLLOW_WHOLE;
	} else if (header_is(line, "X-Tocsin-Serial", &v)) {
		a->has_serial = str_u64(v, &a->serial);
	} else if (header_is(line, "X-Tocsin-Entries", &v)) {
		(void)!str_u64(v, &a->entries);
	} else if (header_is(line, "X-Tocsin-Change", &v)) {
		for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
			if (str_is(v, kinds[i].name))
				a->kind = kinds[i].kind;
	} else if (header_is(line, "Retry-After", &v) && str_u64(v, &number)) {
		a->retry_after_s = (unsigned)MIN(number, (uint64_t)3600);
	}
	return size * n;
}

static bool keep(struct follow_http *h, const char *p, size_t n)
{
	h->out->bytes += n;
	h->too_large = h->out->bytes > h->max;
	if (h->too_large)
		return false;
	hash_add(h->hash, p, n);
	for (size_t done = 0; done < n;) {
		ssize_t w = write(h->fd, p + done, n - done);
		if (w < 0 && errno != EINTR) {
			h->no_room = true;
			return false;
		}
		done += w > 0 ? (size_t)w : 0;
	}
	return true;
}

static size_t on_body(char *p, size_t size, size_t n, void *user)
{
	struct follow_http *h = user;
	long status = 0;
	n *= size;
	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200)
		return keep(h, p, n) ? n : 0;
	size_t room = MIN(n, REFUSAL_MAX - h->refusal_n);
	memcpy(h->refusal + h->refusal_n, p, room);
	h->refusal_n += room;
	return room == n ? n : 0;
}

/* ---- one transfer ---- */

static CURLcode drive(struct follow_http *h)
{
	struct curl_waitfd sig = {.fd = follow_signal_fd(), .events = CURL_WAIT_POLLIN};
	CURLMsg *msg;
	int running = 1, left;
	CURLcode result = CURLE_ABORTED_BY_CALLBACK;
	curl_multi_add_handle(h->multi, h->curl);
	while (running && !follow_called()) {
		if (curl_multi_perform(h->multi, &running) != CURLM_OK)
			break;
		if (running)
			curl_multi_poll(h->multi, &sig, sig.fd >= 0 ? 1 : 0, 1000, NULL);
	}
	while ((msg = curl_multi_info_read(h->multi, &left)))
		if (msg->msg == CURLMSG_DONE)
			result = msg->data.result;
	curl_multi_remove_handle(h->multi, h->curl);
	return result;
}

static const struct {
	long status;
	enum err err;
	const char *advice;
} refusals[] = {
	{401, ERR_AUTH, "the key is not accepted; see --key"},
	{403, ERR_AUTH, "the key is not accepted, or may not read this export; see --key"},
	{404, ERR_NOENT, "there is no such export for this key (tocsin subscription list, at the node, shows "
			 "them), or the address is not a tocsin's"},
	{503, ERR_BUSY, "the set is being built, or the node is busy"},
};

static enum err refused(struct follow_http *h, long status)
{
	struct fail *f = &h->f->fail;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		if (refusals[i].status == status)
			return fail(f, refusals[i].err, "%s: %s (status %ld)", h->line.where,
				    refusals[i].advice, status);
	if (status >= 300 && status < 400)
		return fail(f, ERR_PEER, "%s sends us elsewhere (status %ld); give --url the final address",
			    h->line.where, status);
	return fail(f, ERR_PEER, "%s: status %ld: %.*s", h->line.where, status,
		    STR_ARG(str_trim((struct str){h->refusal, h->refusal_n})));
}

static enum err broken(struct follow_http *h, CURLcode e)
{
	struct fail *f = &h->f->fail;
	if (h->no_room)
		return fail(f, ERR_FULL, "cannot write what comes: is the disk full?");
	if (h->too_large)
		return fail(f, ERR_LIMIT, "%s: the answer is larger than %llu MB; is it the right export? "
			    "--max allows more", h->line.where, (unsigned long long)(h->max >> 20));
	if (e == CURLE_OPERATION_TIMEDOUT)
		return fail(f, ERR_TIMEOUT, "%s: no answer in time, or one that does not end", h->line.where);
	return fail(f, ERR_NET, "%s: %s%s", h->line.where, h->error[0] ? h->error : curl_easy_strerror(e),
		    h->line.where[0] == '/' ? " (does the daemon run, and may we use its socket?)" : "");
}

enum err follow_http_get(struct follow_http *h, const char *tail, unsigned wait_s, int fd, uint64_t max,
			 struct follow_answer *out)
{
	char url[4096];
	*out = (struct follow_answer){0};
	h->out = out;
	h->fd = fd;
	h->max = max;
	h->header_bytes = h->refusal_n = 0;
	h->too_large = h->no_room = false;
	h->error[0] = 0;
	if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return fail_errno(&h->f->fail, ERR_IO, errno, "cannot empty a file of ours");
	snprintf(url, sizeof(url), "%.*s/exports/%s%s", (int)h->base_n, h->line.base, h->f->name, tail);
	curl_easy_setopt(h->curl, CURLOPT_URL, url);
	curl_easy_setopt(h->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(h->curl, CURLOPT_LOW_SPEED_TIME, (long)wait_s + QUIET_S);
	curl_easy_setopt(h->curl, CURLOPT_TIMEOUT, (long)wait_s + WHOLE_S);
	h->hash = hash_begin();
	CURLcode e = h->hash ? drive(h) : CURLE_OUT_OF_MEMORY;
	out->digest = hash_end(h->hash);
	h->hash = NULL;
	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &out->status);
	if (follow_called())
		return fail(&h->f->fail, ERR_CANCELLED, "interrupted by a signal");
	if (out->status >= 300 && !h->too_large)
		return refused(h, out->status);
	if (e != CURLE_OK)
		return broken(h, e);
	return out->status == 200 || out->status == 204 ? ERR_OK : refused(h, out->status);
}

/* ---- opening ---- */

static bool add(struct follow_http *h, const char *text)
{
	struct curl_slist *more = curl_slist_append(h->headers, text);
	if (more)
		h->headers = more;
	return more != NULL;
}

struct follow_http *follow_http_open(struct follow *f)
{
	struct follow_http *h = calloc(1, sizeof(*h));
	if (!h || !call_own(f->c, &h->line) || !(h->multi = curl_multi_init())) {
		if (!f->c->failed)
			cli_fail(f->c, CLI_FINDING, "out of memory");
		follow_http_close(h);
		return NULL;
	}
	h->f = f;
	h->curl = h->line.curl;
	h->base_n = strlen(h->line.base);
	while (h->base_n && h->line.base[h->base_n - 1] == '/')
		h->base_n--;
	add(h, "Accept: */*");
	if (h->line.key_header[0])
		add(h, h->line.key_header);
	curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, h->headers);
	curl_easy_setopt(h->curl, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(h->curl, CURLOPT_ERRORBUFFER, h->error);
	curl_easy_setopt(h->curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(h->curl, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(h->curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(h->curl, CURLOPT_HEADERDATA, h);
	curl_easy_setopt(h->curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(h->curl, CURLOPT_WRITEDATA, h);
	return h;
}

void follow_http_close(struct follow_http *h)
{
	if (!h)
		return;
	curl_slist_free_all(h->headers);
	if (h->line.curl)
		curl_easy_cleanup(h->line.curl);
	if (h->multi)
		curl_multi_cleanup(h->multi);
	free(h);
}

const char *follow_http_where(const struct follow_http *h)
{
	return h->line.where;
}
