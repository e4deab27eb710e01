/*
 * follow_suricata.c - datasets of a running Suricata, entry by entry over its unix socket: a version
 * handshake, then one JSON command a line and one answer each. Only commands made here are sent, for the
 * one set that --set names; each answer is looked at.
 */
#include "cli/follow_suricata.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/call.h"
#include "cli/follow_proc.h"
#include "cli/follow_state.h"
#include "cli/follow_text.h"

#define HELLO "{\"version\": \"0.2\"}\n" /* since 4.1: lines */
#define ANSWER_MAX ((size_t)1 << 20)
#define DATA_MAX 1000 /* commands have to fit into 4,095 bytes */
#define BUSY_TRIES 50
#define USUAL_SOCKET "/run/suricata/suricata-command.socket"

struct suricata {
	int fd;
	const char *path;
	struct buf in;
	char set[64], type[16];
	const struct type_row *row;
};

/* ---- what a set of a type may hold, as its commands take it ---- */

static bool is_hex(struct str v, size_t n)
{
	for (size_t i = 0; i < v.n; i++)
		if (!((v.p[i] >= '0' && v.p[i] <= '9') || (v.p[i] >= 'a' && v.p[i] <= 'f')))
			return false;
	return v.n == n;
}

static bool is_base64(struct str v)
{
	OWN(buf) struct buf raw = BUF(DATA_MAX), back = BUF(2 * DATA_MAX);
	if (!v.n || v.n > DATA_MAX || !base64_decode(&raw, v) || !raw.n)
		return false;
	base64_encode(&back, buf_str(&raw));
	return str_eq(buf_str(&back), v);
}

static bool is_md5(struct str v)
{
	return is_hex(v, 32);
}

static bool is_sha256(struct str v)
{
	return is_hex(v, 64);
}

static bool is_ip(struct str v)
{
	struct follow_addr a;
	return follow_addr_read(v, &a) && !a.network;
}

static const struct type_row {
	const char *name;
	bool (*is)(struct str v);
} types[] = {{"string", is_base64}, {"md5", is_md5}, {"sha256", is_sha256}, {"ip", is_ip}};

/* ---- the socket ---- */

static void hang_up(struct suricata *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->in.n = 0;
}

static enum err send_all(struct follow *f, struct suricata *s, struct str text)
{
	for (size_t done = 0; done < text.n;) {
		ssize_t n = send(s->fd, text.p + done, text.n - done, MSG_NOSIGNAL);
		if (n <= 0 && errno != EINTR)
			return fail_errno(&f->fail, ERR_NET, errno, "Suricata's socket %s", s->path);
		done += n > 0 ? (size_t)n : 0;
	}
	return ERR_OK;
}

/* The next line, as an object; the caller's. */
static enum err receive(struct follow *f, struct suricata *s, json_t **out)
{
	ptrdiff_t end;
	while ((end = str_chr(buf_str(&s->in), '\n')) < 0) {
		char *room = buf_reserve(&s->in, 4096);
		if (!room)
			return fail(&f->fail, ERR_PEER, "an answer of %s does not end: is that Suricata?", s->path);
		ssize_t n = recv(s->fd, room, 4096, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno(&f->fail, errno == EAGAIN ? ERR_TIMEOUT : ERR_NET, errno,
					  "Suricata did not answer at %s", s->path);
		if (n == 0)
			return fail(&f->fail, ERR_NET, "Suricata closed its socket %s: has it ended?", s->path);
		buf_commit(&s->in, (size_t)n);
	}
	*out = json_loadb(s->in.p, (size_t)end, 0, NULL);
	buf_consume(&s->in, (size_t)end + 1);
	if (json_is_object(*out) && json_is_string(json_object_get(*out, "return")))
		return ERR_OK;
	json_decref(*out);
	return fail(&f->fail, ERR_PEER, "what answers at %s is not Suricata", s->path);
}

static bool is_good(const json_t *answer)
{
	return strcmp(json_string_value(json_object_get(answer, "return")), "OK") == 0;
}

static enum err greet(struct follow *f, struct suricata *s)
{
	json_t *answer = NULL;
	TRY(send_all(f, s, STR(HELLO)));
	TRY(receive(f, s, &answer));
	bool good = is_good(answer);
	json_decref(answer);
	return good ? ERR_OK : fail(&f->fail, ERR_PEER, "Suricata at %s does not speak version 0.2", s->path);
}

static enum err dial(struct follow *f, struct suricata *s)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	struct timeval limit = {.tv_sec = (time_t)f->timeout_s};
	if (s->fd >= 0)
		return ERR_OK;
	if (strlen(s->path) >= sizeof(to.sun_path))
		return fail(&f->fail, ERR_CONFIG, "%s is too long for a socket", s->path);
	memcpy(to.sun_path, s->path, strlen(s->path));
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return fail_errno(&f->fail, ERR_IO, errno, "no socket");
	setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(s->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	enum err e = ERR_OK;
	if (connect(s->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		e = fail_errno(&f->fail, ERR_NET, errno,
			       "Suricata's socket %s (does it run, with unix-command enabled, and may we use it?)",
			       s->path);
	if (e == ERR_OK)
		e = greet(f, s);
	if (e != ERR_OK)
		hang_up(s);
	return e;
}

/* A command of ours and its answer, the caller's. After any failure the connection is a new one. */
static enum err ask(struct follow *f, struct suricata *s, const char *command, json_t *arguments,
		    json_t **answer)
{
	OWN(json) json_t *j = arguments ? json_pack("{s:s, s:o}", "command", command, "arguments", arguments)
					: json_pack("{s:s}", "command", command);
	OWN(chars) char *text = j ? json_dumps(j, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
	OWN(buf) struct buf line = BUF(4095);
	*answer = NULL;
	buf_puts(&line, text ? text : "");
	buf_putc(&line, '\n');
	if (!text || buf_err(&line) != ERR_OK)
		return fail(&f->fail, ERR_LIMIT, "a command would be too long for Suricata");
	enum err e = dial(f, s);
	if (e == ERR_OK)
		e = send_all(f, s, buf_str(&line));
	if (e == ERR_OK)
		e = receive(f, s, answer);
	if (e != ERR_OK)
		hang_up(s);
	return e;
}

/* ---- the target ---- */

static enum err suricata_open(struct follow *f)
{
	struct suricata *s = f->mine = calloc(1, sizeof(*s));
	struct str name, type = str_split(str_c(f->set ? f->set : ""), ':', &name);
	if (!s)
		return fail(&f->fail, ERR_NOMEM, "out of memory");
	s->fd = -1;
	s->in = BUF(ANSWER_MAX);
	s->path = f->arg[0] ? f->arg : USUAL_SOCKET;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_is(type, types[i].name))
			s->row = &types[i];
	if (!follow_is_word(name, sizeof(s->set) - 1) || !s->row)
		return fail(&f->fail, ERR_CONFIG,
			    "--set of suricata is NAME:TYPE of the dataset, such as tocsin-domain:string; the type "
			    "is string, ip, md5 or sha256");
	snprintf(s->set, sizeof(s->set), "%.*s", STR_ARG(name));
	snprintf(s->type, sizeof(s->type), "%.*s", STR_ARG(type));
	return ERR_OK;
}

static void suricata_close(struct follow *f)
{
	struct suricata *s = f->mine;
	if (s)
		hang_up(s), buf_free(&s->in);
	free(MOVE(f->mine));
}

/*
 * When it was started, and when it read its rules last: both fill sets from their files again. Answers
 * count whole seconds, so the start may seem to move by one or two.
 */
static enum err suricata_probe(struct follow *f, const char *old, char mark[FOLLOW_MARK_MAX])
{
	struct suricata *s = f->mine;
	json_t *up = NULL, *reload = NULL;
	unsigned used = 0;
	long long start, before = -100;
	TRY(ask(f, s, "uptime", NULL, &up));
	start = clock_now() - json_integer_value(json_object_get(up, "message"));
	json_decref(up);
	if (sscanf(old, "%lld %n", &before, &used) == 1 && start - before <= 2 && before - start <= 2)
		start = before;
	TRY(ask(f, s, "ruleset-reload-time", NULL, &reload));
	OWN(chars) char *text = is_good(reload) ? json_dumps(json_object_get(reload, "message"),
							     JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS)
						: NULL;
	json_decref(reload);
	snprintf(mark, FOLLOW_MARK_MAX, "%lld %.200s", start, text ? text : "");
	return ERR_OK;
}

/* ---- commands ---- */

static json_t *arguments(const struct suricata *s, struct str value)
{
	return json_pack("{s:s, s:s, s:s%}", "setname", s->set, "settype", s->type, "datavalue", value.p,
			 value.n);
}

static enum err wrong(struct follow *f, const struct suricata *s, const char *command, const json_t *answer)
{
	const char *message = json_string_value(json_object_get(answer, "message"));
	return fail(&f->fail, ERR_PEER, "Suricata refused %s for set %s of type %s: %.200s%s", command, s->set,
		    s->type, message ? message : "no reason given",
		    message && strstr(message, "not found") ? " (a rule has to name the set)" : "");
}

/* What is not there is as good as removed; Suricata says the same of it as of an error. Of an entry that
   is in use it says OK, and keeps it. */
static enum err change(struct follow *f, struct suricata *s, bool add, struct str value)
{
	const char *command = add ? "dataset-add" : "dataset-remove";
	for (unsigned tries = 0;; tries++) {
		json_t *answer = NULL;
		TRY(ask(f, s, command, arguments(s, value), &answer));
		const char *message = json_string_value(json_object_get(answer, "message"));
		bool good = is_good(answer), busy = good && message && strstr(message, "busy");
		bool absent = !add && !good && message && strcmp(message, "failed to remove data") == 0;
		enum err e = good || absent ? ERR_OK : wrong(f, s, command, answer);
		json_decref(answer);
		if (e != ERR_OK || !busy)
			return e;
		if (tries == BUSY_TRIES || follow_stopping())
			return fail(&f->fail, ERR_BUSY, "an entry of %s stays in use and cannot be removed now",
				    s->set);
		follow_sleep(20);
	}
}

/* {"command":"dataset-add","arguments":{"setname":..,"settype":..,"datavalue":..}}, and nothing else. */
static const char *change_line(struct suricata *s, struct str line, json_t **keep, bool *add,
			       struct str *value)
{
	json_t *j = *keep = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, NULL);
	const json_t *args = json_object_get(j, "arguments"), *v = json_object_get(args, "datavalue");
	const char *command = json_string_value(json_object_get(j, "command"));
	const char *set = json_string_value(json_object_get(args, "setname"));
	const char *type = json_string_value(json_object_get(args, "settype"));
	*add = command && strcmp(command, "dataset-add") == 0;
	if (!command || !set || !type || !v || (!*add && strcmp(command, "dataset-remove") != 0))
		return "no change of a dataset";
	if (strcmp(set, s->set) != 0 || strcmp(type, s->type) != 0)
		return "of another set or type than --set says";
	*value = (struct str){json_string_value(v), json_string_length(v)};
	return value->p && s->row->is(*value) ? NULL : "no value of the set's type";
}

/* Once to look at every line, then to send them. */
static enum err pass(struct follow *f, const struct follow_set *set, bool send)
{
	struct suricata *s = f->mine;
	struct follow_lines l;
	struct str line, value;
	enum err e = ERR_OK;
	if (!follow_lines_begin(&l, set->fd))
		return fail(&f->fail, ERR_NOMEM, "out of memory");
	while (e == ERR_OK && follow_lines_next(&l, &line)) {
		OWN(json) json_t *keep = NULL;
		bool add = true;
		const char *why;
		if (set->kind == FOLLOW_WHOLE) {
			value = line;
			why = s->row->is(line) ? NULL : "no value of the set's type";
		} else {
			why = change_line(s, line, &keep, &add, &value);
		}
		if (why)
			e = follow_bad_line(f, &l, line, why);
		else if (send)
			e = follow_stopping() ? fail(&f->fail, ERR_CANCELLED, "interrupted by a signal")
					      : change(f, s, add, value);
		f->entries += send;
	}
	if (e == ERR_OK)
		return follow_lines_end(&l, &f->fail);
	free(l.p);
	return e;
}

static enum err clear(struct follow *f, struct suricata *s)
{
	json_t *answer = NULL;
	TRY(ask(f, s, "dataset-clear", json_pack("{s:s, s:s}", "setname", s->set, "settype", s->type),
		&answer));
	enum err e = is_good(answer) ? ERR_OK : wrong(f, s, "dataset-clear", answer);
	json_decref(answer);
	return e;
}

static enum err suricata_apply(struct follow *f, const struct follow_set *set)
{
	TRY(pass(f, set, false));
	if (set->kind == FOLLOW_WHOLE)
		TRY(clear(f, f->mine));
	return pass(f, set, true);
}

const struct follow_target follow_suricata = {
	.name = "suricata",
	.arg = "[SOCKET]",
	.set = "NAME:TYPE of the dataset",
	.doc = "a dataset of a running Suricata, entry by entry over its unix socket (" USUAL_SOCKET
	       "), of an export of a format suricata-dataset-*",
	.flags = FOLLOW_TAKES_OWN,
	.open = suricata_open,
	.probe = suricata_probe,
	.apply = suricata_apply,
	.close = suricata_close,
};

/* ---- rules ---- */

enum err follow_suricata_reload(struct follow *f, const char *path)
{
	struct suricata s = {.fd = -1, .in = BUF(ANSWER_MAX), .path = path[0] ? path : USUAL_SOCKET};
	json_t *answer = NULL, *stats = NULL;
	enum err e = ask(f, &s, "reload-rules", NULL, &answer);
	if (e == ERR_OK && !is_good(answer)) {
		const char *message = json_string_value(json_object_get(answer, "message"));
		e = fail(&f->fail, ERR_PEER, "Suricata did not read its rules again: %.200s",
			 message ? message : "no reason given");
	}
	if (e == ERR_OK && ask(f, &s, "ruleset-stats", NULL, &stats) == ERR_OK && is_good(stats)) {
		const json_t *first = json_array_get(json_object_get(stats, "message"), 0);
		json_int_t bad = json_integer_value(json_object_get(first, "rules_failed"));
		if (bad)
			follow_tell(f, FOLLOW_PROBLEM, "rules",
				    json_pack("{s:I}", "failed", bad),
				    "Suricata refused %lld rules (suricatasc -c ruleset-failed-rules names them)",
				    (long long)bad);
	}
	json_decref(answer);
	json_decref(stats);
	hang_up(&s);
	buf_free(&s.in);
	return e;
}
