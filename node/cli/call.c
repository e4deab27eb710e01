/*
 * call.c - one libcurl handle for all calls of the tool; errors become messages and exit codes.
 */
#include "cli/call.h"

#include <curl/curl.h>
#include <string.h>
#include <sys/stat.h>

#define ANSWER_MAX ((size_t)1 << 30)
#define KEY_MAX 200

struct call_line {
	CURL *curl;
	struct curl_slist *headers;
	char error[CURL_ERROR_SIZE];
	char key[KEY_MAX], key_header[KEY_MAX + 32];
	const char *base; /* "http://localhost" over the socket */
	const char *where; /* for messages */
};

/* ---- opening ---- */

/* --key, TOCSIN_KEY, or the first line of the file behind an @. */
static bool read_key(struct cli *c, struct call_line *l)
{
	const char *key = cli_opt(c, "key");
	if (!key)
		key = getenv("TOCSIN_KEY");
	if (!key)
		return true;
	if (key[0] != '@') {
		snprintf(l->key, sizeof(l->key), "%s", key);
		return true;
	}
	FILE *f = fopen(key + 1, "re");
	bool ok = f && fgets(l->key, sizeof(l->key), f);
	if (f)
		fclose(f);
	if (!ok)
		cli_fail(c, CLI_USAGE, "cannot read the key from %s", key + 1);
	l->key[strcspn(l->key, "\r\n")] = 0;
	return ok;
}

static bool aim(struct cli *c, struct call_line *l)
{
	const char *url = cli_opt(c, "url");
	if (!url)
		url = getenv("TOCSIN_URL");
	if (url && url[0]) {
		l->base = l->where = url;
		if (cli_opt(c, "cacert"))
			curl_easy_setopt(l->curl, CURLOPT_CAINFO, cli_opt(c, "cacert"));
		if (cli_opt(c, "insecure")) {
			curl_easy_setopt(l->curl, CURLOPT_SSL_VERIFYPEER, 0L);
			curl_easy_setopt(l->curl, CURLOPT_SSL_VERIFYHOST, 0L);
		}
		return true;
	}
	const struct conf *conf = cli_conf(c);
	if (!conf)
		return false;
	l->base = "http://localhost";
	l->where = conf_socket(conf);
	curl_easy_setopt(l->curl, CURLOPT_UNIX_SOCKET_PATH, l->where);
	return true;
}

static bool add_header(struct call_line *l, const char *text)
{
	struct curl_slist *more = curl_slist_append(l->headers, text);
	if (more)
		l->headers = more;
	return more != NULL;
}

static struct call_line *line_of(struct cli *c)
{
	struct call_line *l = c->line;
	if (l)
		return l;
	l = c->line = calloc(1, sizeof(*l));
	if (!l || !(l->curl = curl_easy_init())) {
		cli_fail(c, CLI_FINDING, "out of memory");
		return NULL;
	}
	if (!aim(c, l) || !read_key(c, l))
		return NULL;
	curl_easy_setopt(l->curl, CURLOPT_ERRORBUFFER, l->error);
	curl_easy_setopt(l->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(l->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(l->curl, CURLOPT_USERAGENT, "tocsin/" PACKAGE_VERSION);
	curl_easy_setopt(l->curl, CURLOPT_ACCEPT_ENCODING, "gzip");
	curl_easy_setopt(l->curl, CURLOPT_CONNECTTIMEOUT, 15L);
	if (l->base[0] && strcmp(l->base, "http://localhost") == 0)
		curl_easy_setopt(l->curl, CURLOPT_NOPROXY, "*");
	if (l->key[0]) {
		snprintf(l->key_header, sizeof(l->key_header), "Authorization: %s", l->key);
		add_header(l, l->key_header);
	}
	add_header(l, "Accept: application/json");
	add_header(l, "Expect:");
	return l;
}

void call_close(struct call_line *l)
{
	if (!l)
		return;
	curl_slist_free_all(l->headers);
	if (l->curl)
		curl_easy_cleanup(l->curl);
	explicit_bzero(l->key, sizeof(l->key));
	explicit_bzero(l->key_header, sizeof(l->key_header));
	free(l);
}

bool call_own(struct cli *c, struct call_own *out)
{
	struct call_line *l = line_of(c);
	*out = (struct call_own){0};
	if (!l || !l->base)
		return false;
	*out = (struct call_own){curl_easy_duphandle(l->curl), l->key_header, l->base, l->where};
	return out->curl != NULL;
}

/* ---- one call ---- */

struct flight {
	struct call *k;
	CURL *curl;
	bool stopped; /* by the sink, or the answer is too large */
};

static size_t take(char *p, size_t size, size_t n, void *user)
{
	struct flight *fl = user;
	struct call *k = fl->k;
	bool ok;
	n *= size;
	if (!k->status)
		curl_easy_getinfo(fl->curl, CURLINFO_RESPONSE_CODE, &k->status);
	if (k->sink && k->status >= 200 && k->status < 300) {
		ok = k->sink(k->user, (struct str){p, n});
	} else {
		buf_add(&k->answer, p, n);
		ok = buf_err(&k->answer) == ERR_OK;
	}
	fl->stopped |= !ok;
	return ok ? n : 0;
}

static size_t give(char *p, size_t size, size_t n, void *user)
{
	return fread(p, 1, size * n, user);
}

static int tick(void *user, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up)
{
	struct call *k = user;
	(void)down_all, (void)up_all;
	k->tick(k->user, (uint64_t)up, (uint64_t)down);
	return 0;
}

/* Method, body and their headers; the list is the caller's. */
static struct curl_slist *set_request(struct call_line *l, struct call *k)
{
	struct curl_slist *h = NULL, *all;
	CURL *e = l->curl;
	char type[100];
	bool sends = k->upload || k->body.p;
	for (const struct curl_slist *i = l->headers; i; i = i->next) {
		if (!(all = curl_slist_append(h, i->data)))
			return h;
		h = all;
	}
	if (sends) {
		snprintf(type, sizeof(type), "Content-Type: %s", k->type ? k->type : "application/json");
		h = curl_slist_append(h, type);
	}
	if (k->gzip)
		h = curl_slist_append(h, "Content-Encoding: gzip");
	if (k->upload) {
		struct stat st;
		bool known = fstat(fileno(k->upload), &st) == 0 && S_ISREG(st.st_mode);
		curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(e, CURLOPT_READFUNCTION, give);
		curl_easy_setopt(e, CURLOPT_READDATA, k->upload);
		curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, 512L * 1024);
		curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, known ? (curl_off_t)st.st_size : -1);
		if (!known)
			h = curl_slist_append(h, "Transfer-Encoding: chunked");
	} else if (sends) {
		curl_easy_setopt(e, CURLOPT_POSTFIELDS, k->body.p);
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)k->body.n);
	} else {
		curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
	}
	curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, k->method ? k->method : "GET");
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, h);
	return h;
}

/* {"name":["what is wrong with it"]} as "name: what is wrong with it"; absent when it has another form. */
static struct str fields_text(struct cli *c, json_t *errors)
{
	OWN(buf) struct buf b = BUF(1u << 16);
	const char *key;
	json_t *v;
	json_object_foreach (errors, key, v) {
		const char *text = json_string_value(json_array_get(v, 0));
		if (!text || json_array_size(v) != 1)
			return STR_NONE;
		buf_printf(&b, "%s%s: %s", b.n ? "; " : "", key, text);
	}
	return b.n ? arena_str(c->arena, buf_str(&b)) : STR_NONE;
}

/* MISP's messages are written for pages: &quot; is a quote. */
static struct str unescaped(struct cli *c, struct str s)
{
	static const struct {
		const char *entity;
		char is;
	} known[] = {{"&quot;", '"'}, {"&#039;", '\''}, {"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}};
	OWN(buf) struct buf b = BUF(1u << 16);
	while (s.n) {
		size_t i = 0;
		while (i < ARRAY_LEN(known) && !str_has_prefix(s, str_c(known[i].entity)))
			i++;
		buf_putc(&b, i < ARRAY_LEN(known) ? known[i].is : s.p[0]);
		s = str_sub(s, i < ARRAY_LEN(known) ? strlen(known[i].entity) : 1, s.n);
	}
	return arena_str(c->arena, buf_str(&b));
}

/* {"errors":..} or {"message":..} of MISP's error documents, as one line. */
static struct str error_text(struct cli *c, struct str answer)
{
	OWN(json) json_t *j = json_loadb(answer.p, answer.n, JSON_ALLOW_NUL, NULL);
	json_t *errors = json_object_get(j, "errors");
	struct str text = cli_text(c, j, "message");
	if (json_is_string(errors)) {
		text = cli_text(c, j, "errors");
	} else if (json_is_object(errors) || json_is_array(errors)) {
		OWN(chars) char *s = json_dumps(errors, JSON_COMPACT);
		struct str fields = fields_text(c, errors);
		text = arena_printf(c->arena, "%.*s%s%.*s", STR_ARG(text), fields.p ? ": " : " ",
				    STR_ARG(fields.p ? fields : str_c(s ? s : "")));
	}
	return text.n ? unescaped(c, text) : str_sub(str_trim(answer), 0, 400);
}

int call_refused(struct cli *c, const struct call *k)
{
	struct str why = error_text(c, buf_str(&k->answer));
	int code = k->status == 502 || k->status == 504 ? CLI_UNREACHED : CLI_FINDING;
	if (str_is(why, err_text(ERR_CORRUPT)) || str_is(why, err_text(ERR_VERSION)))
		code = CLI_DAMAGED;
	return cli_fail(c, code, "%.*s (status %ld)", STR_ARG(why.n ? why : STR("refused")), k->status);
}

static int broken(struct cli *c, const struct call_line *l, CURLcode e, const struct flight *fl)
{
	const char *why = l->error[0] ? l->error : curl_easy_strerror(e);
	if (c->failed)
		return CLI_FINDING;
	if (fl->stopped)
		return cli_fail(c, CLI_FINDING, "stopped: the answer could not be taken in");
	if (fl->k->status)
		return cli_fail(c, CLI_UNREACHED, "%s: the answer broke off: %s", l->where, why);
	return cli_fail(c, CLI_UNREACHED, "%s: %s%s", l->where, why,
			l->where[0] == '/' ? " (does the daemon run, and may you use its socket?)" : "");
}

/* What libcurl says; the status is in k. */
static CURLcode perform(struct cli *c, struct call_line *l, struct flight *fl)
{
	struct call *k = fl->k;
	size_t n = strlen(l->base);
	while (n && l->base[n - 1] == '/')
		n--;
	struct str url = arena_printf(c->arena, "%.*s%.*s", (int)n, l->base, STR_ARG(k->path));
	struct curl_slist *h = set_request(l, k);
	curl_easy_setopt(l->curl, CURLOPT_URL, url.p);
	curl_easy_setopt(l->curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(l->curl, CURLOPT_WRITEDATA, fl);
	curl_easy_setopt(l->curl, CURLOPT_NOPROGRESS, k->tick ? 0L : 1L);
	curl_easy_setopt(l->curl, CURLOPT_XFERINFOFUNCTION, tick);
	curl_easy_setopt(l->curl, CURLOPT_XFERINFODATA, k);
	l->error[0] = 0;
	CURLcode e = url.p ? curl_easy_perform(l->curl) : CURLE_OUT_OF_MEMORY;
	curl_easy_getinfo(l->curl, CURLINFO_RESPONSE_CODE, &k->status);
	curl_easy_setopt(l->curl, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(l->curl, CURLOPT_UPLOAD, 0L);
	curl_slist_free_all(h);
	return e;
}

int call_perform(struct cli *c, struct call *k)
{
	struct call_line *l = line_of(c);
	k->status = 0;
	buf_init(&k->answer, ANSWER_MAX);
	if (!l)
		return CLI_USAGE;
	struct flight fl = {.k = k, .curl = l->curl};
	CURLcode e = perform(c, l, &fl);
	/* a refusal may come before everything was sent */
	if (e != CURLE_OK && k->status < 400)
		return broken(c, l, e, &fl);
	if (k->accepts && k->status == k->accepts)
		return CLI_OK;
	return k->status >= 200 && k->status < 300 ? CLI_OK : call_refused(c, k);
}

struct str call_header(struct cli *c, const char *name)
{
	struct curl_header *h;
	return c->line && curl_easy_header(c->line->curl, name, 0, CURLH_HEADER, -1, &h) == CURLHE_OK
		       ? arena_str(c->arena, str_c(h->value))
		       : STR_NONE;
}

bool call_quietly(struct cli *c, struct call *k)
{
	struct call_line *l = line_of(c);
	buf_init(&k->answer, ANSWER_MAX);
	struct flight fl = {.k = k, .curl = l ? l->curl : NULL};
	return l && perform(c, l, &fl) == CURLE_OK && k->status == 200;
}

/* ---- JSON ---- */

int call_json(struct cli *c, const char *method, struct str path, json_t *body, json_t **out)
{
	OWN(json) json_t *mine = body;
	OWN(chars) char *text = mine ? json_dumps(mine, JSON_COMPACT) : NULL;
	struct call k = {.method = method, .path = path, .body = str_c(text)};
	json_error_t e;
	*out = NULL;
	int code = call_perform(c, &k);
	if (code == CLI_OK) {
		*out = json_loadb(buf_str(&k.answer).p, k.answer.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
		if (!*out)
			code = cli_fail(c, CLI_UNREACHED, "the node answered what is not JSON: %s", e.text);
	}
	buf_free(&k.answer);
	return code;
}

int call_plain(struct cli *c, const char *method, struct str path, json_t *body)
{
	json_t *j = NULL;
	int code = call_json(c, method, path, body, &j);
	if (code == CLI_OK && c->json)
		cli_print_json(j);
	json_decref(j);
	return code;
}

struct str call_segment(struct cli *c, struct str text)
{
	OWN(buf) struct buf b = BUF(1 << 20);
	for (size_t i = 0; i < text.n; i++) {
		unsigned char u = (unsigned char)text.p[i];
		if ((u >= '0' && u <= '9') || (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') ||
		    strchr("-._~", u))
			buf_putc(&b, (char)u);
		else
			buf_printf(&b, "%%%02X", u);
	}
	return arena_str(c->arena, buf_str(&b));
}
