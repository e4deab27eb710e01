/*
 * policy_load.c - the policy file (gate.md section 11): YAML to a policy. libyaml's home here.
 *
 * Strict on purpose: a key that is not known, a word that is not one of the choices, a name that
 * no audience has, is an error with its file, line and column; nothing is guessed.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <yaml.h>

#include "base/own.h"
#include "gate/policy_read.h"

#define FILE_MAX_BYTES (1u << 20)
#define INCLUDE_DEPTH 8u
#define INCLUDE_FILES 64u

typedef yaml_node_t node;

/* ---- errors and nodes ------------------------------------------------------------------------ */

enum err at_place(const struct loader *l, const struct place *p, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return fail_at(l->f, ERR_CONFIG, p->line, p->column, p->offset, "%s:%u:%u: %s", p->file,
		       p->line, p->column, text);
}

static struct place place_of(const struct loader *l, const yaml_mark_t *m)
{
	return (struct place){l->file, (uint32_t)m->line + 1, (uint32_t)m->column + 1, m->index};
}

#define AT(l, n, ...)                                                                              \
	at_place((l), &(struct place){(l)->file, (uint32_t)(n)->start_mark.line + 1,               \
				      (uint32_t)(n)->start_mark.column + 1, (n)->start_mark.index}, \
		 __VA_ARGS__)

static node *get(const struct loader *l, int id)
{
	return yaml_document_get_node(l->doc, id);
}

struct place node_place(const struct loader *l, const void *n)
{
	return place_of(l, &((const node *)n)->start_mark);
}

bool node_is_map(const void *n)
{
	return ((const node *)n)->type == YAML_MAPPING_NODE;
}

bool node_is_list(const void *n)
{
	return ((const node *)n)->type == YAML_SEQUENCE_NODE;
}

enum err node_scalar(const struct loader *l, const void *n_, struct str *out)
{
	const node *n = n_;

	if (n->type != YAML_SCALAR_NODE)
		return AT(l, n, "a single value is wanted here");
	*out = (struct str){(const char *)n->data.scalar.value, n->data.scalar.length};
	if (!str_utf8_ok(*out))
		return AT(l, n, "the text is not UTF-8");
	return ERR_OK;
}

/* What is allowed here, for whoever wrote something else. */
static enum err unknown_key(const struct loader *l, const node *k, struct str name,
			    const struct key *keys, size_t n_keys)
{
	char all[220] = "";
	size_t used = 0;

	for (size_t i = 0; i < n_keys && used < sizeof(all); i++)
		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", i ? ", " : "",
					 keys[i].name);
	if (used >= sizeof(all))
		memcpy(all + sizeof(all) - 4, "...", 4);
	return AT(l, k, "unknown key \"%.*s\"; here can stand %s", STR_ARG(str_sub(name, 0, 40)), all);
}

/* A mapping by a table of keys: unknown, repeated and missing ones are errors. */
enum err node_map(struct loader *l, const void *n_, const struct key *keys, size_t n_keys, void *to)
{
	const node *n = n_;
	uint64_t seen = 0;

	if (n->type != YAML_MAPPING_NODE)
		return AT(l, n, "a mapping (key: value) is wanted here");
	for (yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top; p++) {
		const node *k = get(l, p->key);
		struct str name;
		size_t i = 0;

		TRY(node_scalar(l, k, &name));
		while (i < n_keys && !str_is(name, keys[i].name))
			i++;
		if (i == n_keys)
			return unknown_key(l, k, name, keys, n_keys);
		if (seen >> i & 1)
			return AT(l, k, "key \"%s\" stands here twice", keys[i].name);
		seen |= UINT64_C(1) << i;
		l->key = i;
		l->key_node = k;
		TRY(keys[i].read(l, get(l, p->value), to));
	}
	for (size_t i = 0; i < n_keys; i++)
		if (keys[i].must && !(seen >> i & 1))
			return AT(l, n, "key \"%s\" is missing", keys[i].name);
	return ERR_OK;
}

/* Each entry of a mapping whose keys are names. */
enum err node_each_pair(struct loader *l, const void *n_,
			enum err (*fn)(struct loader *l, struct str name, const void *key,
				       const void *value))
{
	const node *n = n_;

	if (n->type != YAML_MAPPING_NODE)
		return AT(l, n, "a mapping (name: ...) is wanted here");
	for (yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top; p++) {
		const node *k = get(l, p->key);
		struct str name;

		TRY(node_scalar(l, k, &name));
		TRY(fn(l, name, k, get(l, p->value)));
	}
	return ERR_OK;
}

size_t node_count(const void *n_)
{
	const node *n = n_;

	if (n->type == YAML_SEQUENCE_NODE)
		return (size_t)(n->data.sequence.items.top - n->data.sequence.items.start);
	if (n->type == YAML_MAPPING_NODE)
		return (size_t)(n->data.mapping.pairs.top - n->data.mapping.pairs.start);
	return 1;
}

const void *node_item(const struct loader *l, const void *n_, size_t i)
{
	const node *n = n_;

	return n->type == YAML_SEQUENCE_NODE ? get(l, n->data.sequence.items.start[i]) : n;
}

/* ---- files ------------------------------------------------------------------------------------ */

static enum err parse_text(struct loader *l, struct str text);

/* One of the files that came with the policy, whose names have no folder. */
static enum err include_given(struct loader *in, const node *n, struct str name)
{
	for (size_t i = 0; i < in->n_given; i++)
		if (str_eq(in->given[i].name, name)) {
			in->file = arena_cstr(in->p->a, name);
			in->depth++;
			return in->file ? parse_text(in, in->given[i].text) :
					  AT(in, n, "the policy is too large");
		}
	return AT(in, n, "\"%.*s\" did not come with the policy", STR_ARG(str_sub(name, 0, 80)));
}

static enum err include_one(struct loader *l, const node *n)
{
	OWN(buf) struct buf text = BUF(FILE_MAX_BYTES);
	struct loader in = *l;
	struct str name;
	char path[PATH_MAX];
	const char *slash = strrchr(l->file, '/');
	int dir = slash ? (int)(slash - l->file + 1) : 0;

	TRY(node_scalar(l, n, &name));
	if (!l->may_include)
		return AT(l, n, "nothing can be included here");
	if (l->depth + 1 >= INCLUDE_DEPTH)
		return AT(l, n, "files include each other more than %u deep", INCLUDE_DEPTH);
	if (++l->pending->files > INCLUDE_FILES)
		return AT(l, n, "more than %u files are included", INCLUDE_FILES);
	if (!name.n || memchr(name.p, 0, name.n))
		return AT(l, n, "not a file name");
	if (l->given)
		return include_given(&in, n, name);
	if (name.p[0] == '/')
		dir = 0;
	if (snprintf(path, sizeof(path), "%.*s%.*s", dir, l->file, STR_ARG(name)) >=
	    (int)sizeof(path))
		return AT(l, n, "the file name is too long");
	in.file = arena_cstr(l->p->a, str_c(path));
	in.depth++;
	if (!in.file)
		return AT(l, n, "the policy is too large");
	if (policy_read_file(path, &text, l->f) != ERR_OK)
		return AT(l, n, "cannot read %s", path);
	return parse_text(&in, buf_str(&text));
}

static enum err read_include(struct loader *l, const void *n, void *to)
{
	(void)to;
	for (size_t i = 0; i < node_count(n); i++)
		TRY(include_one(l, node_item(l, n, i)));
	return ERR_OK;
}

static enum err nothing(struct loader *l, const void *n, void *to)
{
	(void)l;
	(void)n;
	(void)to;
	return ERR_OK;
}

/* Read before those that name what is in it. */
static bool is_first(const char *key)
{
	return strcmp(key, "profiles") == 0 || strcmp(key, "classes") == 0;
}

/* Included files are read first, so that what stands in the including file goes over them. */
static enum err read_root(struct loader *l, const node *root)
{
	struct key keys[48];
	size_t n = 0;

	for (; n < policy_n_keys && n < ARRAY_LEN(keys) - 1; n++)
		keys[n] = (struct key){policy_keys[n].name, nothing, false};
	keys[n++] = (struct key){"include", read_include, false};
	TRY(node_map(l, root, keys, n, l->p));
	keys[n - 1].read = nothing;
	/* then what others name */
	for (size_t pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < policy_n_keys; i++)
			keys[i].read = is_first(policy_keys[i].name) == !pass ? policy_keys[i].read :
									 nothing;
		TRY(node_map(l, root, keys, n, l->p));
	}
	return ERR_OK;
}

static enum err yaml_problem(const struct loader *l, const yaml_parser_t *y)
{
	struct place p = place_of(l, &y->problem_mark);

	if (y->error == YAML_MEMORY_ERROR)
		return fail(l->f, ERR_NOMEM, "no memory to read %s", l->file);
	if (y->error == YAML_READER_ERROR)
		p.offset = y->problem_offset;
	return at_place(l, &p, "%s", y->problem ? y->problem : "not YAML");
}

static enum err parse_text(struct loader *l, struct str text)
{
	yaml_parser_t y;
	yaml_document_t doc, more;
	enum err e;

	if (!yaml_parser_initialize(&y))
		return fail(l->f, ERR_NOMEM, "no memory to read %s", l->file);
	yaml_parser_set_input_string(&y, (const unsigned char *)text.p, text.n);
	if (!yaml_parser_load(&y, &doc)) {
		e = yaml_problem(l, &y);
		yaml_parser_delete(&y);
		return e;
	}
	l->doc = &doc;
	e = yaml_document_get_root_node(&doc) ? read_root(l, yaml_document_get_root_node(&doc)) :
						ERR_OK; /* an empty file says nothing */
	if (e == ERR_OK && !yaml_parser_load(&y, &more))
		e = yaml_problem(l, &y);
	else if (e == ERR_OK) {
		node *second = yaml_document_get_root_node(&more);

		if (second)
			e = AT(l, second, "a second document in the file");
		yaml_document_delete(&more);
	}
	yaml_document_delete(&doc);
	yaml_parser_delete(&y);
	return e;
}

/* Warning lists are part of the policy: what stands on them decides, so it counts in its version. */
static enum err load_lists(struct loader *l)
{
	struct fail why = {0};

	if (l->p->n_list_folders == 0 ||
	    warnlist_load(l->p->list_folders, l->p->n_list_folders, &l->p->warnlists, &why) == ERR_OK)
		return ERR_OK;
	return at_place(l, &l->pending->lists, "%s", why.text);
}

static enum err parse(struct str text, const char *file, bool may_include, bool may_load,
		      const struct policy_file *given, size_t n_given, struct policy **out,
		      struct fail *f)
{
	OWN(policy) struct policy *p = policy_new(str_c(file));
	struct pending pending = {0};
	struct loader l = {.p = p,
			   .f = f,
			   .may_include = may_include,
			   .given = given,
			   .n_given = n_given,
			   .pending = &pending};

	*out = NULL;
	if (!p)
		return fail(f, ERR_NOMEM, "no memory for a policy");
	l.file = arena_cstr(p->a, str_c(file));
	if (!l.file)
		return fail(f, ERR_NOMEM, "no memory for a policy");
	TRY(parse_text(&l, text));
	TRY(policy_check_names(&l));
	TRY(policy_check_profiles(&l));
	if (may_load)
		TRY(load_lists(&l));
	TRY(policy_seal(p, f));
	*out = MOVE(p);
	return ERR_OK;
}

enum err policy_read_file(const char *path, struct buf *out, struct fail *f)
{
	OWN(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return fail_errno(f, ERR_CONFIG, errno, "cannot read %s", path);
	if (!S_ISREG(st.st_mode))
		return fail(f, ERR_CONFIG, "%s is not a file", path);
	for (;;) {
		char *p = buf_reserve(out, 4096);
		ssize_t n;

		if (!p)
			return fail(f, ERR_CONFIG, "%s is larger than %u bytes", path, FILE_MAX_BYTES);
		n = read(fd, p, 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno(f, ERR_CONFIG, errno, "cannot read %s", path);
		if (n == 0)
			return ERR_OK;
		buf_commit(out, (size_t)n);
	}
}

enum err policy_parse(struct str text, const char *file, struct policy **out, struct fail *f)
{
	return parse(text, file, false, false, NULL, 0, out, f);
}

enum err policy_parse_files(struct str text, const char *file, const struct policy_file *files,
			    size_t n, struct policy **out, struct fail *f)
{
	return parse(text, file, n > 0, true, n ? files : NULL, n, out, f);
}

enum err policy_load(const char *path, struct policy **out, struct fail *f)
{
	OWN(buf) struct buf text = BUF(FILE_MAX_BYTES);

	*out = NULL;
	TRY(policy_read_file(path, &text, f));
	return parse(buf_str(&text), path, true, true, NULL, 0, out, f);
}
