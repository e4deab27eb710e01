/*
 * conf_parse.c - tocsin.yaml to a snapshot. libyaml's home (the gate's policy file has its own).
 *
 * A small part of YAML is taken: mappings, lists of scalars, scalars. Anchors, tags and further
 * documents are errors: nobody needs them here, and each has surprised somebody.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <yaml.h>

#include "base/net.h"
#include "conf/rows.h"

#define FILE_MAX (1u << 20)
#define ARENA_MAX (4u << 20)
#define KEY_MAX 128

/* A snapshot with what it needs to live. `conf` first, so that one pointer serves for both. */
struct snapshot {
	struct conf conf;
	struct arena *arena;
	const char *socket, *key_file, *feeds_dir, *exports_dir, *pgp_home;
	atomic_uint refs;
};

struct parser {
	yaml_parser_t yaml;
	yaml_event_t ev;
	bool has_ev;
	struct snapshot *s;
	const char *name;
	bool *seen; /* by row */
	struct fail *f;
};

static struct snapshot *snapshot_of(const struct conf *c)
{
	return CONTAINER_OF((struct conf *)(uintptr_t)c, struct snapshot, conf);
}

const struct conf *conf_ref(const struct conf *c)
{
	atomic_fetch_add(&snapshot_of(c)->refs, 1);
	return c;
}

void conf_unref(const struct conf *c)
{
	struct snapshot *s;

	if (!c)
		return;
	s = snapshot_of(c);
	if (atomic_fetch_sub(&s->refs, 1) == 1) {
		arena_free(s->arena);
		free(s);
	}
}

const char *conf_socket(const struct conf *c)
{
	return snapshot_of(c)->socket;
}

const char *conf_key_file(const struct conf *c)
{
	return snapshot_of(c)->key_file;
}

const char *conf_feeds_dir(const struct conf *c)
{
	return snapshot_of(c)->feeds_dir;
}

const char *conf_exports_dir(const struct conf *c)
{
	return snapshot_of(c)->exports_dir;
}

const char *conf_pgp_home(const struct conf *c)
{
	return snapshot_of(c)->pgp_home;
}

/* Put the place of a libyaml mark before the message that stands in p->f already. */
static enum err at(struct parser *p, yaml_mark_t m, enum err e)
{
	char text[sizeof(p->f->text)];

	if (e == ERR_OK || !p->f)
		return e;
	snprintf(text, sizeof(text), "%s", p->f->text);
	return fail_at(p->f, ERR_CONFIG, (uint32_t)m.line + 1, (uint32_t)m.column + 1, m.index,
		       "%s:%zu:%zu: %s", p->name, m.line + 1, m.column + 1, text);
}

static enum err at_event(struct parser *p, enum err e)
{
	return at(p, p->ev.start_mark, e);
}

static bool is_fancy(const yaml_event_t *e)
{
	switch ((int)e->type) {
	case YAML_ALIAS_EVENT:
		return true;
	case YAML_SCALAR_EVENT:
		return e->data.scalar.anchor || e->data.scalar.tag;
	case YAML_SEQUENCE_START_EVENT:
		return e->data.sequence_start.anchor || e->data.sequence_start.tag;
	case YAML_MAPPING_START_EVENT:
		return e->data.mapping_start.anchor || e->data.mapping_start.tag;
	default:
		return false;
	}
}

static enum err next(struct parser *p)
{
	if (p->has_ev)
		yaml_event_delete(&p->ev);
	p->has_ev = yaml_parser_parse(&p->yaml, &p->ev);
	if (!p->has_ev)
		return at(p, p->yaml.problem_mark,
			  fail(p->f, ERR_CONFIG, "%s",
			       p->yaml.problem ? p->yaml.problem : "malformed YAML"));
	if (is_fancy(&p->ev))
		return at_event(p, fail(p->f, ERR_CONFIG, "anchors and tags are not taken here"));
	return ERR_OK;
}

static struct str scalar(const struct parser *p)
{
	return (struct str){(const char *)p->ev.data.scalar.value, p->ev.data.scalar.length};
}

/* "key:", "key: ~" and "key: null" mean "as if it did not stand here". */
static bool is_null(const struct parser *p)
{
	struct str s = scalar(p);

	return p->ev.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (s.n == 0 || str_is(s, "~") || str_is(s, "null"));
}

static enum err read_list(struct parser *p, const struct conf_row *r)
{
	struct str v[CONF_LIST_MAX];
	yaml_mark_t begin = p->ev.start_mark;
	size_t n = 0;

	for (;;) {
		TRY(next(p));
		if (p->ev.type == YAML_SEQUENCE_END_EVENT)
			break;
		if (p->ev.type != YAML_SCALAR_EVENT || n == CONF_LIST_MAX)
			return at_event(p, fail(p->f, ERR_CONFIG, "%s: want a list of at most %d texts",
						r->key, CONF_LIST_MAX));
		v[n] = arena_str(p->s->arena, scalar(p));
		if (!v[n++].p)
			return at_event(p, fail(p->f, ERR_LIMIT, "%s: too long", r->key));
	}
	return at(p, begin, conf_set_list(&p->s->conf, r, v, n, p->s->arena, p->f));
}

static enum err read_value(struct parser *p, const struct conf_row *r)
{
	if (p->ev.type == YAML_SEQUENCE_START_EVENT && r->kind == CONF_KIND_LIST)
		return read_list(p, r);
	if (p->ev.type != YAML_SCALAR_EVENT)
		return at_event(p, fail(p->f, ERR_CONFIG, "%s: want a single value", r->key));
	if (is_null(p))
		return ERR_OK;
	return at_event(p, conf_set(&p->s->conf, r, scalar(p), p->s->arena, p->f));
}

static bool is_section(struct str name)
{
	for (size_t i = 0; i < CONF_ROWS_N; i++) {
		struct str key = str_c(conf_rows[i].key);

		if (key.n > name.n && str_has_prefix(key, name) && key.p[name.n] == '.')
			return true;
	}
	return false;
}

static enum err unknown(struct parser *p, struct str key)
{
	const struct conf_row *near = conf_row_near(key);

	return fail(p->f, ERR_CONFIG, "unknown option \"%.*s\"%s%s%s", STR_ARG(key),
		    near ? " (did you mean \"" : "", near ? near->key : "", near ? "\"?)" : "");
}

/* The members of a mapping whose start was read; `prefix` is "" or "section.". */
static enum err read_mapping(struct parser *p, const char *prefix)
{
	for (;;) {
		const struct conf_row *r;
		char key[KEY_MAX];

		TRY(next(p));
		if (p->ev.type == YAML_MAPPING_END_EVENT)
			return ERR_OK;
		if (p->ev.type != YAML_SCALAR_EVENT ||
		    (size_t)snprintf(key, sizeof(key), "%s%s", prefix,
				     (const char *)p->ev.data.scalar.value) >= sizeof(key))
			return at_event(p, fail(p->f, ERR_CONFIG, "want the name of an option"));
		r = conf_row_find(str_c(key));
		if (!r && (*prefix || !is_section(str_c(key))))
			return at_event(p, unknown(p, str_c(key)));
		if (r && p->seen[r - conf_rows])
			return at_event(p, fail(p->f, ERR_CONFIG, "%s stands here twice", key));
		if (r)
			p->seen[r - conf_rows] = true;
		TRY(next(p));
		if (r) {
			TRY(read_value(p, r));
		} else if (p->ev.type == YAML_MAPPING_START_EVENT) {
			strncat(key, ".", sizeof(key) - strlen(key) - 1);
			TRY(read_mapping(p, key));
		} else if (p->ev.type != YAML_SCALAR_EVENT || !is_null(p)) {
			return at_event(p, fail(p->f, ERR_CONFIG, "%s: want options below it", key));
		}
	}
}

static enum err read_document(struct parser *p)
{
	TRY(next(p)); /* stream start */
	TRY(next(p));
	if (p->ev.type == YAML_STREAM_END_EVENT)
		return ERR_OK;
	TRY(next(p)); /* behind the document's start */
	if (p->ev.type == YAML_MAPPING_START_EVENT)
		TRY(read_mapping(p, ""));
	else if (p->ev.type != YAML_SCALAR_EVENT || !is_null(p))
		return at_event(p, fail(p->f, ERR_CONFIG, "want \"option: value\" lines"));
	TRY(next(p)); /* document end */
	TRY(next(p));
	if (p->ev.type != YAML_STREAM_END_EVENT)
		return at_event(p, fail(p->f, ERR_CONFIG, "one document only"));
	return ERR_OK;
}

static enum err set_defaults(struct snapshot *s, struct fail *f)
{
	for (size_t i = 0; i < CONF_ROWS_N; i++)
		if (conf_rows[i].key && conf_rows[i].def)
			TRY(conf_set(&s->conf, &conf_rows[i], str_c(conf_rows[i].def), s->arena, f));
	return ERR_OK;
}

static enum err set_overrides(struct snapshot *s, const struct conf_override *over, size_t n,
			      struct fail *f)
{
	for (size_t i = 0; i < n; i++) {
		const struct conf_row *r = conf_row_find(over[i].key);

		if (!r)
			return fail(f, ERR_CONFIG, "unknown option \"%.*s\"", STR_ARG(over[i].key));
		TRY(conf_set(&s->conf, r, over[i].value, s->arena, f));
	}
	return ERR_OK;
}

/* What single rows cannot see. */
static enum err check_together(const struct conf *c, struct fail *f)
{
	struct conf_addr addr;
	struct net net;

	if (!c->tls_cert != !c->tls_key)
		return fail(f, ERR_CONFIG, "tls.cert and tls.key go together");
	if (c->tls_client_required && !c->tls_client_ca)
		return fail(f, ERR_CONFIG, "tls.client_required needs tls.client_ca");
	if (c->default_attribute_distribution == 4)
		return fail(f, ERR_CONFIG,
			    "default_attribute_distribution: 4 needs a sharing group, which a "
			    "default cannot name");
	if (c->store_readers < 2 * c->workers)
		return fail(f, ERR_CONFIG, "store.readers must be at least twice `workers`");
	for (size_t i = 0; i < c->trusted_proxies.n; i++)
		if (!net_parse(str_c(c->trusted_proxies.v[i]), &net))
			return fail(f, ERR_CONFIG, "trusted_proxies: \"%s\" is no network",
				    c->trusted_proxies.v[i]);
	for (size_t i = 0; i < c->listen.n; i++) {
		TRY(conf_addr_parse(str_c(c->listen.v[i]), &addr, f));
		if (!addr.loopback && !c->tls_cert && !c->tls_plain_ok)
			return fail(f, ERR_CONFIG,
				    "listen: %s is not loopback, so it needs tls.cert and tls.key "
				    "(or tls.plain_ok behind a proxy)", c->listen.v[i]);
	}
	return ERR_OK;
}

static const char *in_data_dir(struct snapshot *s, const char *set, const char *file)
{
	return set ? set : arena_printf(s->arena, "%s/%s", s->conf.data_dir, file).p;
}

static enum err finish(struct snapshot *s, const char *name, struct fail *f)
{
	struct fail why = {0};

	if (check_together(&s->conf, &why) != ERR_OK)
		return fail(f, ERR_CONFIG, "%s: %s", name, why.text);
	s->socket = in_data_dir(s, s->conf.socket, "control.sock");
	s->key_file = in_data_dir(s, s->conf.key_file, "peer.key");
	s->feeds_dir = in_data_dir(s, s->conf.feeds_dir, "feeds");
	s->exports_dir = in_data_dir(s, s->conf.exports_dir, "exports");
	s->pgp_home = in_data_dir(s, s->conf.pgp_home, "pgp");
	return s->feeds_dir && s->exports_dir && s->key_file && s->socket && s->pgp_home ? ERR_OK
										  : ERR_NOMEM;
}

static enum err parse_text(struct snapshot *s, struct str text, const char *name, struct fail *f)
{
	bool seen[CONF_ROWS_N] = {0};
	struct fail own = {0};
	struct parser p = {.s = s, .name = name, .seen = seen, .f = f ? f : &own};
	enum err e;

	if (!yaml_parser_initialize(&p.yaml))
		return fail(f, ERR_NOMEM, "YAML parser");
	yaml_parser_set_input_string(&p.yaml, (const unsigned char *)(text.p ? text.p : ""), text.n);
	e = read_document(&p);
	if (p.has_ev)
		yaml_event_delete(&p.ev);
	yaml_parser_delete(&p.yaml);
	return e;
}

enum err conf_parse(struct str text, const char *name, const struct conf_override *over,
		    size_t n_over, const struct conf **out, struct fail *f)
{
	struct snapshot *s = calloc(1, sizeof(*s));
	enum err e = ERR_NOMEM;

	*out = NULL;
	if (!s)
		return fail(f, ERR_NOMEM, "configuration");
	atomic_init(&s->refs, 1);
	s->arena = arena_new(ARENA_MAX);
	if (s->arena)
		e = set_defaults(s, f);
	if (e == ERR_OK)
		e = parse_text(s, text, name, f);
	if (e == ERR_OK)
		e = set_overrides(s, over, n_over, f);
	if (e == ERR_OK)
		e = finish(s, name, f);
	if (e != ERR_OK) {
		conf_unref(&s->conf);
		return e;
	}
	*out = &s->conf;
	return ERR_OK;
}

enum err conf_load(const char *path, const struct conf_override *over, size_t n_over,
		   const struct conf **out, struct fail *f)
{
	OWN(buf) struct buf text = BUF(FILE_MAX);
	OWN(fd) int fd = -1;
	ssize_t n;
	char *p;

	*out = NULL;
	if (!path)
		return conf_parse(STR(""), "built-in defaults", over, n_over, out, f);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(f, ERR_CONFIG, errno, "%s", path);
	while ((p = buf_reserve(&text, 4096)) && (n = read(fd, p, 4096)) != 0) {
		if (n < 0 && errno != EINTR)
			return fail_errno(f, ERR_CONFIG, errno, "%s", path);
		buf_commit(&text, n > 0 ? (size_t)n : 0);
	}
	if (buf_err(&text) != ERR_OK)
		return fail(f, ERR_CONFIG, "%s: larger than %u bytes", path, FILE_MAX);
	return conf_parse(buf_str(&text), path, over, n_over, out, f);
}
