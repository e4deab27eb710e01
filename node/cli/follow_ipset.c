/*
 * follow_ipset.c - ipset: what came is read as entries of the two sets and written anew for `ipset
 * restore`: a whole set is filled beside the one in use and changes places with it.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/follow_proc.h"
#include "cli/follow_text.h"

#define OUT_MAX ((size_t)1 << 20)
#define TIMEOUT_MAX 2147483u

static const char *set_of(const struct follow *f)
{
	return f->set ? f->set : "tocsin";
}

static enum err ipset_open(struct follow *f)
{
	return follow_is_word(str_c(set_of(f)), 27)
		       ? ERR_OK
		       : fail(&f->fail, ERR_CONFIG,
			      "--set of ipset is the sets' name without 4 and 6 as in the export, tocsin without it");
}

/* Both sets with their number of entries, which nobody but us should change. */
static enum err ipset_probe(struct follow *f, const char *old, char mark[FOLLOW_MARK_MAX])
{
	char name[40];
	size_t n = 0;
	(void)old;
	for (unsigned v = 4; v <= 6; v += 2) {
		OWN(buf) struct buf said = BUF(8192);
		const char *const argv[] = {"ipset", "-t", "list", name, NULL};
		snprintf(name, sizeof(name), "%s%u", set_of(f), v);
		enum err e = follow_proc(f, argv, -1, NULL, &said);
		if (e != ERR_OK)
			return e == ERR_PEER ? ERR_NOENT : e;
		struct str text = buf_str(&said), line;
		const struct str label = STR("Number of entries: ");
		ptrdiff_t at = str_find(text, label);
		bool timed = str_find(text, STR(" timeout ")) >= 0; /* entries go by themselves */
		if (at < 0 || timed)
			line = STR("");
		else
			str_split(str_sub(text, (size_t)at + label.n, text.n), '\n', &line);
		n += (size_t)snprintf(mark + n, FOLLOW_MARK_MAX - n, "%s:%.*s ", name,
				      STR_ARG(str_sub(line, 0, 12)));
	}
	return ERR_OK;
}

struct reading {
	struct follow *f;
	const char *set;
	struct buf out;
	bool whole, begun;
	uint64_t maxelem, timeout;
};

/* 4 or 6 for a set of ours; `beside`: the one that is filled. */
static unsigned our_set(const struct reading *r, struct str name, bool beside)
{
	size_t n = strlen(r->set);
	if (name.n != n + 1 + beside || memcmp(name.p, r->set, n) != 0 || (beside && name.p[n + 1] != 'n'))
		return 0;
	return name.p[n] == '4' ? 4 : name.p[n] == '6' ? 6 : 0;
}

/* create, flush, swap, destroy: ours are written instead. */
static bool is_frame(struct reading *r, struct str line)
{
	struct str w[14];
	size_t n = follow_words(line, w, ARRAY_LEN(w));
	if (!r->whole || n < 2)
		return false;
	if ((str_is(w[0], "flush") || str_is(w[0], "destroy")) && n == 2)
		return our_set(r, w[1], true) != 0;
	if (str_is(w[0], "swap") && n == 3)
		return our_set(r, w[1], true) && our_set(r, w[2], false);
	if (r->begun || !str_is(w[0], "create") || (n != 10 && n != 12) || !str_is(w[2], "hash:net") ||
	    !str_is(w[3], "family") || !str_is(w[7], "maxelem") || !str_is(w[n - 1], "-exist"))
		return false;
	if (!our_set(r, w[1], false) && !our_set(r, w[1], true))
		return false;
	if (n == 12 && (!str_is(w[9], "timeout") || !str_u64(w[10], &r->timeout) || r->timeout > TIMEOUT_MAX))
		return false;
	return str_u64(w[8], &r->maxelem) && r->maxelem && r->maxelem <= UINT32_MAX;
}

static void write_frame(struct reading *r)
{
	static const char *const beside[] = {"", "n"};
	for (unsigned v = 4; v <= 6; v += 2) {
		for (size_t i = 0; i < 2; i++) {
			buf_printf(&r->out, "create %s%u%s hash:net family %s hashsize 4096 maxelem %llu", r->set, v,
				   beside[i], v == 4 ? "inet" : "inet6",
				   (unsigned long long)(r->maxelem ? r->maxelem : 4194304));
			if (r->timeout)
				buf_printf(&r->out, " timeout %llu", (unsigned long long)r->timeout);
			buf_puts(&r->out, " -exist\n");
		}
		buf_printf(&r->out, "flush %s%un\n", r->set, v);
	}
	if (r->timeout)
		follow_refresh(r->f, r->timeout);
	r->begun = true;
}

static void write_end(struct reading *r)
{
	for (unsigned v = 4; v <= 6; v += 2)
		buf_printf(&r->out, "swap %s%un %s%u\ndestroy %s%un\n", r->set, v, r->set, v, r->set, v);
}

/* "add tocsin4n 192.0.2.1 timeout 60 -exist" */
static const char *entry(struct reading *r, struct str line)
{
	struct str w[8];
	struct follow_addr a;
	uint64_t seconds = 0;
	size_t n = follow_words(line, w, ARRAY_LEN(w));
	bool add = n && str_is(w[0], "add");
	if ((n != 4 && n != 6) || (!add && (!str_is(w[0], "del") || r->whole)) || !str_is(w[n - 1], "-exist"))
		return "none of an ipset export";
	unsigned v = our_set(r, w[1], r->whole);
	if (!v)
		return "of another set than --set says";
	if (!follow_addr_read(w[2], &a) || a.version != v)
		return "no address of its set";
	if (n == 6 && (!add || !str_is(w[3], "timeout") || !str_u64(w[4], &seconds) || seconds > TIMEOUT_MAX))
		return "none of an ipset export";
	if (r->whole && !r->begun)
		write_frame(r);
	buf_printf(&r->out, "%s %s%u%s %s", add ? "add" : "del", r->set, v, r->whole ? "n" : "", a.text);
	if (seconds)
		buf_printf(&r->out, " timeout %llu", (unsigned long long)seconds);
	buf_puts(&r->out, " -exist\n");
	r->f->entries++;
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
		const char *why = is_frame(r, line) ? NULL : entry(r, line);
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
	if (r->whole && !r->begun)
		write_frame(r);
	if (r->whole)
		write_end(r);
	return follow_put(r->f, out, &r->out);
}

static enum err ipset_apply(struct follow *f, const struct follow_set *s)
{
	static const char *const argv[] = {"ipset", "restore", NULL};
	struct reading r = {.f = f, .set = set_of(f), .out = BUF(OUT_MAX), .whole = s->kind == FOLLOW_WHOLE};
	OWN(fd) int out = follow_scratch(f);
	enum err e = out < 0 ? ERR_IO : rewrite(&r, s, out);
	buf_free(&r.out);
	return e == ERR_OK ? follow_proc(f, argv, out, NULL, NULL) : e;
}

const struct follow_target follow_ipset = {
	.name = "ipset",
	.set = "NAME (tocsin)",
	.doc = "the sets of an export of format ipset, by ipset restore; wants CAP_NET_ADMIN",
	.flags = FOLLOW_TAKES_OWN | FOLLOW_FIRST_WHOLE,
	.open = ipset_open,
	.probe = ipset_probe,
	.apply = ipset_apply,
};
