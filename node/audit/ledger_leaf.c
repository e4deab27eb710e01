/*
 * ledger_leaf.c - leaves to bytes and back. Each leaf has one form only: what is read and written again
 * gives the same bytes.
 */
#include "audit/ledger_leaf.h"

enum { FLAG_LISTING = 1 };

const char *ledger_thing_name(enum ledger_thing t)
{
	static const char *const names[LEDGER_THINGS] = {"event", "cluster", "analyst_data"};
	return t < LEDGER_THINGS ? names[t] : "?";
}

const char *ledger_outcome_name(unsigned o)
{
	static const char *const names[] = {
#define X(o, name, doc) name,
		LEDGER_OUTCOMES(X)
#undef X
	};
	return o < LEDGER_OUTCOME_COUNT ? names[o] : "?";
}

const char *leaf_kind_name(unsigned kind)
{
	static const char *const names[LEAF_KINDS] = {"?", "intent", "closed", "key", "audit"};
	return kind < LEAF_KINDS ? names[kind] : "?";
}

/* ---- pieces ---- */

void leaf_num_put(struct buf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_putc(b, (char)(v | 0x80));
	buf_putc(b, (char)v);
}

bool leaf_num_get(struct str *s, uint64_t *v)
{
	*v = 0;
	for (unsigned shift = 0; s->n && shift < 64; shift += 7) {
		uint8_t c = (uint8_t)*s->p;
		s->p++;
		s->n--;
		if (shift == 63 && c > 1)
			return false;
		*v |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80))
			return c || !shift; /* the shortest form only */
	}
	return false;
}

static void text_put(struct buf *b, struct str s)
{
	leaf_num_put(b, s.n);
	buf_str_add(b, s);
}

static bool raw_get(struct str *s, void *to, size_t n)
{
	if (s->n < n)
		return false;
	memcpy(to, s->p, n);
	s->p += n;
	s->n -= n;
	return true;
}

static bool text_get(struct str *s, struct str *to)
{
	uint64_t n;
	if (!leaf_num_get(s, &n) || n > LEAF_TEXT_MAX || n > s->n)
		return false;
	*to = (struct str){s->p, n};
	s->p += n;
	s->n -= n;
	return true;
}

/* ---- kinds ---- */

static void intent_write(const struct leaf *l, struct buf *b)
{
	leaf_num_put(b, l->back);
	buf_putc(b, l->listing ? FLAG_LISTING : 0);
	buf_putc(b, (char)l->to.kind);
	buf_add(b, l->to.org.b, 16);
	text_put(b, l->to.name);
	text_put(b, l->way);
	buf_add(b, l->policy, 32);
	leaf_num_put(b, l->again);
	leaf_num_put(b, l->n);
	for (uint32_t i = 0; i < l->n; i++) {
		const struct ledger_item *x = &l->v[i].item;
		buf_putc(b, (char)x->thing);
		buf_add(b, x->uuid.b, 16);
		leaf_num_put(b, x->id);
		leaf_num_put(b, (uint64_t)x->timestamp);
		leaf_num_put(b, x->seq);
		leaf_num_put(b, l->v[i].prev);
	}
}

static bool item_read(struct str *s, struct leaf_item *x)
{
	uint64_t when;
	if (!raw_get(s, &x->item.thing, 1) || x->item.thing >= LEDGER_THINGS ||
	    !raw_get(s, x->item.uuid.b, 16) || !leaf_num_get(s, &x->item.id) ||
	    !leaf_num_get(s, &when) || !leaf_num_get(s, &x->item.seq) || !leaf_num_get(s, &x->prev))
		return false;
	x->item.timestamp = (int64_t)when;
	return true;
}

static bool intent_read(struct str *s, struct leaf *l, struct leaf_item items[LEAF_ITEMS])
{
	uint8_t flags;
	uint64_t n;
	if (!leaf_num_get(s, &l->back) || !raw_get(s, &flags, 1) || flags > FLAG_LISTING ||
	    !raw_get(s, &l->to.kind, 1) || !raw_get(s, l->to.org.b, 16) || !text_get(s, &l->to.name) ||
	    !text_get(s, &l->way) || !raw_get(s, l->policy, 32) || !leaf_num_get(s, &l->again) ||
	    !leaf_num_get(s, &n) || n > LEAF_ITEMS)
		return false;
	l->listing = flags & FLAG_LISTING;
	l->n = (uint32_t)n;
	l->v = items;
	for (uint32_t i = 0; i < l->n; i++)
		if (!item_read(s, &items[i]))
			return false;
	return true;
}

static void audit_write(const struct leaf *l, struct buf *b)
{
	leaf_num_put(b, l->back);
	leaf_num_put(b, l->n_tips);
	for (uint32_t i = 0; i < l->n_tips; i++) {
		buf_putc(b, (char)l->tips[i].chain);
		leaf_num_put(b, l->tips[i].seq);
		buf_add(b, l->tips[i].digest.b, sizeof(l->tips[i].digest.b));
	}
}

static bool audit_read(struct str *s, struct leaf *l)
{
	uint64_t n;
	if (!leaf_num_get(s, &l->back) || !leaf_num_get(s, &n) || !n || n > LEAF_TIPS)
		return false;
	for (; l->n_tips < n; l->n_tips++) {
		struct leaf_tip *t = &l->tips[l->n_tips];
		if (!raw_get(s, &t->chain, 1) || !leaf_num_get(s, &t->seq) ||
		    !raw_get(s, t->digest.b, sizeof(t->digest.b)) ||
		    (l->n_tips && t->chain <= l->tips[l->n_tips - 1].chain))
			return false;
	}
	return true;
}

enum err leaf_write(const struct leaf *l, struct buf *b)
{
	if (l->n > LEAF_ITEMS || l->to.name.n > LEAF_TEXT_MAX || l->way.n > LEAF_TEXT_MAX ||
	    l->origin.n > LEAF_TEXT_MAX || l->n_tips > LEAF_TIPS)
		return ERR_INVAL;
	buf_putc(b, LEAF_FORMAT);
	buf_putc(b, (char)l->kind);
	leaf_num_put(b, l->time_ms);
	switch ((enum leaf_kind)l->kind) {
	case LEAF_INTENT:
		intent_write(l, b);
		break;
	case LEAF_CLOSED:
		leaf_num_put(b, l->back);
		buf_putc(b, (char)l->outcome);
		leaf_num_put(b, l->bytes);
		buf_add(b, l->digest, 32);
		break;
	case LEAF_KEY:
		buf_add(b, l->key, 32);
		text_put(b, l->origin);
		break;
	case LEAF_AUDIT:
		audit_write(l, b);
		break;
	case LEAF_KINDS:
		return ERR_INVAL;
	}
	return buf_err(b);
}

enum err leaf_read(struct str s, struct leaf *l, struct leaf_item items[LEAF_ITEMS])
{
	uint8_t format = 0;
	bool good = false;
	*l = (struct leaf){0};
	if (!raw_get(&s, &format, 1) || format != LEAF_FORMAT || !raw_get(&s, &l->kind, 1) ||
	    !leaf_num_get(&s, &l->time_ms))
		return ERR_CORRUPT;
	switch ((enum leaf_kind)l->kind) {
	case LEAF_INTENT:
		good = intent_read(&s, l, items);
		break;
	case LEAF_CLOSED:
		good = leaf_num_get(&s, &l->back) && l->back && raw_get(&s, &l->outcome, 1) &&
		       l->outcome < LEDGER_OUTCOME_COUNT && leaf_num_get(&s, &l->bytes) &&
		       raw_get(&s, l->digest, 32);
		break;
	case LEAF_KEY:
		good = raw_get(&s, l->key, 32) && text_get(&s, &l->origin);
		break;
	case LEAF_AUDIT:
		good = audit_read(&s, l);
		break;
	case LEAF_KINDS:
		break;
	}
	return good && !s.n ? ERR_OK : ERR_CORRUPT;
}
