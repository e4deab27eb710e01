/*
 * audit_file.c - the chain of an exported audit log: the SHA-256 of each line is the `prev` of the
 * next one of its chain. Shares nothing with the daemon's own verification but the format.
 */
#include "cli/audit_file.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"


struct state {
	struct audit_file *out;
	struct sha256 before[AUDIT_FILE_CHAINS], marker[AUDIT_FILE_CHAINS];
	char vouched[AUDIT_FILE_CHAINS * 2][200]; /* newest record of a trimming, by chain */
	unsigned n_vouched;
	unsigned long line;
};

static void broken(struct state *s, struct audit_file_chain *c, uint64_t at, const char *why)
{
	s->out->broken = true;
	if (c->broken)
		return;
	c->broken = true;
	c->at = at;
	c->line = s->line;
	c->why = why;
}

static struct audit_file_chain *chain_of(struct state *s, const char *name, unsigned *i)
{
	struct audit_file *o = s->out;
	if (!name || strlen(name) >= sizeof(o->v[0].name))
		return NULL;
	for (*i = 0; *i < o->n; ++*i)
		if (strcmp(o->v[*i].name, name) == 0)
			return &o->v[*i];
	if (o->n == AUDIT_FILE_CHAINS)
		return NULL;
	o->v[o->n] = (struct audit_file_chain){0};
	snprintf(o->v[o->n].name, sizeof(o->v[o->n].name), "%s", name);
	return &o->v[o->n++];
}

static bool digest_of(const json_t *j, const char *key, struct sha256 *out)
{
	return hash_unhex(str_c(json_string_value(json_object_get(j, key))), out->b, sizeof(out->b));
}

static void take_vouch(struct state *s, const char *text)
{
	const char *space = text ? strchr(text, ' ') : NULL;
	if (!space || strlen(text) >= sizeof(s->vouched[0]))
		return;
	size_t n = (size_t)(space - text) + 1;
	for (unsigned i = 0; i < s->n_vouched; i++)
		if (strncmp(s->vouched[i], text, n) == 0) {
			snprintf(s->vouched[i], sizeof(s->vouched[i]), "%s", text);
			return;
		}
	if (s->n_vouched < ARRAY_LEN(s->vouched))
		snprintf(s->vouched[s->n_vouched++], sizeof(s->vouched[0]), "%s", text);
}

static void take_time(char out[24], const json_t *j)
{
	const char *t = json_string_value(json_object_get(j, "time"));
	snprintf(out, 24, "%s", t ? t : "");
}

static void take_record(struct state *s, struct audit_file_chain *c, unsigned i, const json_t *j,
			struct str line)
{
	static const struct sha256 none;
	uint64_t seq = (uint64_t)json_integer_value(json_object_get(j, "seq"));
	uint64_t want = (c->last ? c->last : c->trimmed) + 1;
	const char *action = json_string_value(json_object_get(j, "action"));
	struct sha256 named = {{0}};
	if (!c->records && !c->trimmed && seq != 1)
		c->partial = true;
	else if (seq != want)
		broken(s, c, want, "a record is missing or out of place");
	if (!digest_of(j, "prev", &named))
		broken(s, c, seq, "it names no record before it");
	else if (!c->partial || c->records)
		if (memcmp(named.b, c->records || c->trimmed ? s->before[i].b : none.b, 32) != 0)
			broken(s, c, seq, "it does not name the record before it, which was changed");
	s->before[i] = c->tip = hash_sha256(line);
	if (!c->records++)
		take_time(c->oldest, j);
	if (!c->first)
		c->first = seq;
	c->last = seq;
	take_time(c->newest, j);
	if (action && strcmp(action, "trim") == 0)
		take_vouch(s, json_string_value(json_object_get(j, "text")));
}

static bool take_line(struct state *s, struct str line)
{
	unsigned i;
	json_t *j = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, NULL);
	struct audit_file_chain *c =
		chain_of(s, json_string_value(json_object_get(j, "chain")), &i);
	const json_t *trimmed = json_object_get(j, "trimmed");
	if (c && trimmed) {
		c->trimmed = (uint64_t)json_integer_value(trimmed);
		if (c->records || !digest_of(j, "last", &s->before[i]))
			broken(s, c, c->trimmed, "the marker of trimming is out of place");
		s->marker[i] = c->tip = s->before[i];
	} else if (c) {
		take_record(s, c, i, j, line);
	}
	json_decref(j);
	return c != NULL;
}

/* What a marker claims must be what the newest record of a trimming says. */
static void check_markers(struct state *s)
{
	for (unsigned i = 0; i < s->out->n; i++) {
		struct audit_file_chain *c = &s->out->v[i];
		char want[200], hex[65];
		bool found = !c->trimmed;
		snprintf(want, sizeof(want), "%s up to %llu sha256:%s", c->name,
			 (unsigned long long)c->trimmed, hash_hex(s->marker[i].b, 32, hex));
		for (unsigned k = 0; k < s->n_vouched; k++)
			found |= strcmp(s->vouched[k], want) == 0;
		if (!found)
			broken(s, c, c->trimmed, "no record tells of the trimming that the marker claims");
	}
}

enum err audit_file_verify(FILE *in, struct audit_file *out, unsigned long *line)
{
	struct state s = {.out = out};
	char *text = NULL;
	size_t cap = 0;
	ssize_t n;
	bool good = true;
	*out = (struct audit_file){0};
	while (good && (n = getline(&text, &cap, in)) > 0) {
		s.line++;
		if (text[n - 1] == '\n')
			n--;
		good = n == 0 || take_line(&s, (struct str){text, (size_t)n});
	}
	bool failed = ferror(in);
	free(text);
	*line = s.line;
	if (failed)
		return ERR_IO;
	check_markers(&s);
	return good ? ERR_OK : ERR_PARSE;
}
