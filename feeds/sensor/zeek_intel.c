/*
 * zeek_intel.c - a file for Zeek's intelligence framework: fields between tabs, "-" where there is
 * none. Its reader takes \xHH for a byte, '#' at the start of a line for a comment and "-" for
 * nothing; values that look so are written as \xHH.
 */
#include "feeds/sensor/pieces.h"

static const struct sensor_param params[] = {
	{"notice", "yes", "yes or no: meta.do_notice", piece_is_yes_no},
	{"ja3", "no", "yes or no: Intel::JA3, for which Zeek needs the package ja3", piece_is_yes_no},
	{NULL, NULL, NULL, NULL},
};

struct zeek_state {
	struct str tail; /* of each line */
	bool ja3;
};

static const struct {
	uint8_t kind;
	struct str type;
} types[] = {
#define T(kind, text) {IND_##kind, {text, sizeof(text) - 1}}
	T(IP, "\tIntel::ADDR\t"),	 T(DOMAIN, "\tIntel::DOMAIN\t"),
	T(HOST, "\tIntel::DOMAIN\t"),	 T(URL, "\tIntel::URL\t"),
	T(MD5, "\tIntel::FILE_HASH\t"),	 T(SHA1, "\tIntel::FILE_HASH\t"),
	T(SHA224, "\tIntel::FILE_HASH\t"), T(SHA256, "\tIntel::FILE_HASH\t"),
	T(SHA384, "\tIntel::FILE_HASH\t"), T(SHA512, "\tIntel::FILE_HASH\t"),
	T(FILENAME, "\tIntel::FILE_NAME\t"), T(EMAIL, "\tIntel::EMAIL\t"),
	T(EMAIL_SRC, "\tIntel::EMAIL\t"), T(EMAIL_DST, "\tIntel::EMAIL\t"),
	T(USER_AGENT, "\tIntel::SOFTWARE\t"), T(CERT_SHA1, "\tIntel::CERT_HASH\t"),
	T(JA3, "\tIntel::JA3\t"),
#undef T
};

static struct str type_of(const struct indicator *i)
{
	if (i->kind == IND_IP && !piece_one_address(i))
		return STR("\tIntel::SUBNET\t");
	for (size_t t = 0; t < ARRAY_LEN(types); t++)
		if (types[t].kind == i->kind)
			return types[t].type;
	return STR_NONE;
}

static enum err zeek_begin(struct sensor_run *r)
{
	struct zeek_state *st = r->state;
	st->ja3 = piece_is_yes(r, "ja3");
	st->tail = piece_is_yes(r, "notice") ? STR("\tT\t-\n") : STR("\tF\t-\n");
	PUT(r->out, "#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\tmeta.url\t"
		    "meta.do_notice\tmeta.if_in\n");
	return buf_err(r->out);
}

static void value_put(struct buf *b, struct str v)
{
	static const char hex[] = "0123456789abcdef";
	for (size_t i = 0; i < v.n; i++) {
		char c = v.p[i];
		if (c == '\\' || (!i && (c == '#' || (c == '-' && v.n == 1) || c == '('))) {
			char x[4] = {'\\', 'x', hex[(unsigned char)c >> 4], hex[c & 15]};
			buf_add(b, x, sizeof(x));
		} else {
			buf_putc(b, c);
		}
	}
}

/* Text for people: without backslashes, and "-" when there is none. */
static void text_put(struct buf *b, struct str one, struct str two)
{
	size_t at = b->n;
	one = str_trim(one);
	two = str_trim(two);
	piece_text(b, one, "\\", 400);
	if (one.n && two.n)
		PUT(b, ". ");
	piece_text(b, two, "\\", 400);
	if (b->n == at)
		buf_putc(b, '-');
}

static enum err zeek_item(struct sensor_run *r, const struct indicator *i)
{
	const struct zeek_state *st = r->state;
	struct buf *b = r->out;
	struct piece_url u;
	struct str v = i->value;
	if (i->kind == IND_JA3 && !st->ja3)
		return ERR_OK;
	if (i->kind == IND_URL) {
		if (!piece_url_split(v, &u))
			return piece_left_out(r);
		v = u.rest;
	}
	value_put(b, v);
	buf_str_add(b, type_of(i));
	text_put(b, r->opts->source, STR(""));
	buf_putc(b, '\t');
	text_put(b, i->info, i->comment);
	buf_putc(b, '\t');
	if (r->opts->base_url.n && !uuid_is_nil(i->event)) {
		buf_str_add(b, r->opts->base_url);
		PUT(b, "/events/view/");
		piece_uuid(b, i->event);
	} else {
		buf_putc(b, '-');
	}
	buf_str_add(b, st->tail);
	r->entries++;
	return buf_err(b);
}

const struct sensor_format sensor_zeek_intel = {
	.name = "zeek-intel",
	.kinds = IND_BIT(IP) | IND_NAMES | IND_BIT(URL) | KINDS_HASHES | IND_BIT(FILENAME) | KINDS_EMAILS |
		 IND_BIT(USER_AGENT) | IND_BIT(CERT_SHA1) | IND_BIT(JA3),
	.flags = SENSOR_CONTEXT,
	.params = params,
	.state_size = sizeof(struct zeek_state),
	.begin = zeek_begin,
	.item = zeek_item,
};
