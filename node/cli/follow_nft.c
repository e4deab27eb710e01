/*
 * follow_nft.c - nftables: what came is read as the two sets of one table and written anew as one
 * transaction for `nft -f -`. It can name no other table, and nothing but elements.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/follow_proc.h"
#include "cli/follow_text.h"

#define OUT_MAX ((size_t)1 << 20)
#define ELEMENTS_MAX 10000
#define TIMEOUT_MAX (366u * 86400)

struct nft {
	char family[16], table[40], set[40]; /* without 4 and 6 */
};

static enum err nft_open(struct follow *f)
{
	struct nft *t = f->mine = calloc(1, sizeof(*t));
	struct str family, table, rest = str_split(str_c(f->set ? f->set : "inet:tocsin:blocked"), ':', &family);
	struct str set = str_split(rest, ':', &table);
	if (!t)
		return fail(&f->fail, ERR_NOMEM, "out of memory");
	if (!(str_is(family, "inet") || str_is(family, "bridge") || str_is(family, "netdev")) ||
	    !follow_is_word(table, 31) || !follow_is_word(set, 30))
		return fail(&f->fail, ERR_CONFIG,
			    "--set of nft is FAMILY:TABLE:SET as in the export, inet:tocsin:blocked without it");
	snprintf(t->family, sizeof(t->family), "%.*s", STR_ARG(family));
	snprintf(t->table, sizeof(t->table), "%.*s", STR_ARG(table));
	snprintf(t->set, sizeof(t->set), "%.*s", STR_ARG(set));
	return ERR_OK;
}

static void nft_close(struct follow *f)
{
	free(MOVE(f->mine));
}

/* Are the sets there? Without their elements, which may be millions. */
static enum err nft_probe(struct follow *f, const char *old, char mark[FOLLOW_MARK_MAX])
{
	const struct nft *t = f->mine;
	const char *argv[] = {"nft", "-t", "list", "set", t->family, t->table, NULL, NULL};
	char set[48];
	(void)old;
	for (unsigned version = 4; version <= 6; version += 2) {
		snprintf(set, sizeof(set), "%s%u", t->set, version);
		argv[6] = set;
		enum err e = follow_proc(f, argv, -1, NULL, NULL);
		if (e != ERR_OK)
			return e == ERR_PEER ? ERR_NOENT : e;
	}
	snprintf(mark, FOLLOW_MARK_MAX, "sets");
	return ERR_OK;
}

/* ---- what came ---- */

/* 4 or 6 when the words are family, table and set of ours. */
static unsigned our_set(const struct nft *t, const struct str *w)
{
	size_t n = strlen(t->set);
	if (!str_is(w[0], t->family) || !str_is(w[1], t->table) || w[2].n != n + 1 ||
	    memcmp(w[2].p, t->set, n) != 0)
		return 0;
	return w[2].p[n] == '4' ? 4 : w[2].p[n] == '6' ? 6 : 0;
}

struct reading {
	struct follow *f;
	const struct nft *t;
	struct buf out;
	bool whole, timed, begun;
	unsigned within; /* version of the command whose elements come, line by line */
	bool more; /* another one must come */
	bool add; /* of the command that is written, */
	unsigned version, n; /* with so many elements as yet */
};

/* Lines that make the sets and empty them: ours are written instead. False: none of those. */
static bool is_frame(struct reading *r, struct str line)
{
	static const char *const flags[] = {"interval;", "interval,timeout;"};
	struct str w[14];
	if (!r->whole || r->begun)
		return false;
	if (str_has_prefix(line, STR("# ")))
		return true;
	size_t n = follow_words(line, w, ARRAY_LEN(w));
	if (n == 4 && str_is(w[0], "add") && str_is(w[1], "table"))
		return str_is(w[2], r->t->family) && str_is(w[3], r->t->table);
	if (n == 5 && str_is(w[0], "flush") && str_is(w[1], "set"))
		return our_set(r->t, w + 2) != 0;
	if (n != 11 || !str_is(w[0], "add") || !str_is(w[1], "set") || !our_set(r->t, w + 2) ||
	    !str_is(w[5], "{") || !str_is(w[6], "type") || !str_is(w[8], "flags") || !str_is(w[10], "}"))
		return false;
	if (!str_is(w[7], our_set(r->t, w + 2) == 4 ? "ipv4_addr;" : "ipv6_addr;"))
		return false;
	r->timed |= str_is(w[9], flags[1]);
	return str_is(w[9], flags[0]) || str_is(w[9], flags[1]);
}

static void write_frame(struct reading *r)
{
	const struct nft *t = r->t;
	buf_printf(&r->out, "add table %s %s\n", t->family, t->table);
	for (unsigned v = 4; v <= 6; v += 2) {
		buf_printf(&r->out, "add set %s %s %s%u { type ipv%u_addr; flags interval%s; }\n", t->family,
			   t->table, t->set, v, v, r->timed ? ",timeout" : "");
		if (r->whole)
			buf_printf(&r->out, "flush set %s %s %s%u\n", t->family, t->table, t->set, v);
	}
	r->begun = true;
}

static void write_end(struct reading *r)
{
	if (r->n)
		buf_puts(&r->out, "\n}\n");
	r->n = 0;
}

/* One command for many elements: with a command each, nft takes time that grows with their square. */
static void write_element(struct reading *r, bool add, const struct follow_addr *a, uint64_t seconds)
{
	const struct nft *t = r->t;
	if (r->whole && !r->begun)
		write_frame(r);
	if (r->n && r->add == add && r->version == a->version && r->n < ELEMENTS_MAX) {
		buf_puts(&r->out, ",\n");
	} else {
		write_end(r);
		buf_printf(&r->out, "%s element %s %s %s%u {\n", add ? "add" : "delete", t->family, t->table,
			   t->set, a->version);
		r->add = add;
		r->version = a->version;
	}
	r->n++;
	buf_puts(&r->out, a->text);
	if (seconds) {
		buf_printf(&r->out, " timeout %llus", (unsigned long long)seconds);
		follow_refresh(r->f, seconds);
	}
	r->f->entries++;
}

static const char *const NONE = "none of an nftables export";

/* "192.0.2.1", with " timeout 60s" behind it perhaps. */
static const char *one(struct reading *r, bool add, unsigned version, const struct str *w, size_t n)
{
	struct follow_addr a;
	uint64_t seconds = 0;
	if (!follow_addr_read(w[0], &a) || a.version != version)
		return "no address of its set";
	if (n != 1 && (n != 3 || !add || !str_is(w[1], "timeout") || !str_has_suffix(w[2], STR("s")) ||
		       !str_u64(str_sub(w[2], 0, w[2].n - 1), &seconds) || !seconds || seconds > TIMEOUT_MAX))
		return NONE;
	write_element(r, add, &a, seconds);
	return NULL;
}

/* Lines of "add element inet tocsin blocked4 {": an address each, a comma behind all but the last, then "}". */
static const char *within(struct reading *r, struct str line)
{
	struct str w[4];
	if (str_is(line, "}")) {
		r->within = 0;
		return r->more ? NONE : NULL;
	}
	bool more = str_has_suffix(line, STR(","));
	size_t n = follow_words(more ? str_sub(line, 0, line.n - 1) : line, w, ARRAY_LEN(w));
	if (!r->more || !n)
		return NONE;
	r->more = more;
	return one(r, true, r->within, w, n);
}

/* That, or "add element inet tocsin blocked4 { 192.0.2.1 timeout 60s }". */
static const char *element(struct reading *r, struct str line)
{
	struct str w[12];
	if (r->within)
		return within(r, line);
	size_t n = follow_words(line, w, ARRAY_LEN(w));
	bool add = n > 1 && str_is(w[0], "add"), block = n == 6 && add && r->whole;
	if ((!block && n != 8 && n != 10) || !str_is(w[1], "element") || (!add && !str_is(w[0], "delete")) ||
	    !str_is(w[5], "{") || (!block && !str_is(w[n - 1], "}")) || (!add && r->whole))
		return NONE;
	unsigned version = our_set(r->t, w + 2);
	if (!version)
		return "of another table or set than --set says";
	if (!block)
		return one(r, add, version, w + 6, n - 7);
	r->within = version;
	r->more = true;
	return NULL;
}

static enum err rewrite(struct reading *r, const struct follow_set *s, int out)
{
	struct follow_lines l;
	struct str line;
	enum err e = ERR_OK;
	if (!follow_lines_begin(&l, s->fd))
		return fail(&r->f->fail, ERR_NOMEM, "out of memory");
	while (e == ERR_OK && follow_lines_next(&l, &line)) {
		const char *why = !r->within && is_frame(r, line) ? NULL : element(r, line);
		if (why)
			e = follow_bad_line(r->f, &l, line, why);
		else if (r->out.n > OUT_MAX / 2)
			e = follow_put(r->f, out, &r->out);
	}
	if (e != ERR_OK) {
		free(l.p);
		return e;
	}
	TRY(follow_lines_end(&l, &r->f->fail));
	if (r->within)
		return fail(&r->f->fail, ERR_PARSE, "the export breaks off, nothing was changed");
	if (r->whole && !r->begun)
		write_frame(r);
	write_end(r);
	return follow_put(r->f, out, &r->out);
}

static enum err nft_apply(struct follow *f, const struct follow_set *s)
{
	static const char *const argv[] = {"nft", "-f", "-", NULL};
	struct reading r = {.f = f, .t = f->mine, .out = BUF(OUT_MAX), .whole = s->kind == FOLLOW_WHOLE};
	OWN(fd) int out = follow_scratch(f);
	enum err e = out < 0 ? ERR_IO : rewrite(&r, s, out);
	buf_free(&r.out);
	return e == ERR_OK ? follow_proc(f, argv, out, NULL, NULL) : e;
}

const struct follow_target follow_nft = {
	.name = "nft",
	.set = "FAMILY:TABLE:SET (inet:tocsin:blocked)",
	.doc = "the sets of an export of format nftables, by nft -f - in one transaction; wants CAP_NET_ADMIN",
	.flags = FOLLOW_TAKES_OWN | FOLLOW_FIRST_WHOLE,
	.open = nft_open,
	.probe = nft_probe,
	.apply = nft_apply,
	.close = nft_close,
};
