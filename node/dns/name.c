/*
 * name.c - domain names: from text, to text, out of messages.
 *
 * Everything is bounded by the 255 bytes of a name; a message's pointers may only go backwards.
 */
#include "dns/name.h"

#include <stdio.h>

#include "base/own.h"

enum { HEAD = 12 }; /* of a message: no names stand there */

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/* What stands behind a backslash; false at a broken escape. */
static bool escape(struct str s, size_t *i, uint8_t *c)
{
	uint64_t v = 0;
	if (*i >= s.n)
		return false;
	*c = (uint8_t)s.p[*i];
	if (*c < '0' || *c > '9') {
		++*i;
		return true;
	}
	if (s.n - *i < 3 || !str_u64(str_sub(s, *i, 3), &v) || v > 255)
		return false;
	*c = (uint8_t)v;
	*i += 3;
	return true;
}

static bool append_origin(const struct dns_name *origin, struct dns_name *out)
{
	static const struct dns_name root = {.n = 1};
	const struct dns_name *o = origin ? origin : &root;
	if ((size_t)out->n + o->n > DNS_NAME_MAX)
		return false;
	memcpy(out->b + out->n, o->b, o->n);
	out->n = (uint8_t)(out->n + o->n);
	return true;
}

bool dns_name_from(struct str text, const struct dns_name *origin, struct dns_name *out)
{
	size_t at = 0, label = 0; /* where the length of this label stands, its bytes so far */
	bool dot = false;
	out->n = 0;
	if (str_is(text, "."))
		return append_origin(NULL, out);
	if (str_is(text, "@"))
		return append_origin(origin, out);
	for (size_t i = 0; i < text.n;) {
		uint8_t c = (uint8_t)text.p[i++];
		dot = c == '.';
		if (c == '\\' && !escape(text, &i, &c))
			return false;
		if (dot) {
			if (!label)
				return false;
			out->b[at] = (uint8_t)label;
			at += label + 1;
			label = 0;
			continue;
		}
		if (label == DNS_LABEL_MAX || at + label + 2 >= DNS_NAME_MAX)
			return false;
		out->b[at + ++label] = lower(c);
	}
	if (label) {
		out->b[at] = (uint8_t)label;
		at += label + 1;
	}
	out->n = (uint8_t)at;
	return at && append_origin(dot ? NULL : origin, out);
}

const char *dns_name_text(const struct dns_name *n, char *out)
{
	size_t k = 0;
	for (size_t at = 0; at < n->n && n->b[at]; at += 1u + n->b[at]) {
		for (size_t i = 1; i <= n->b[at]; i++) {
			uint8_t c = n->b[at + i];
			if (c <= ' ' || c >= 127)
				k += (size_t)snprintf(out + k, 5, "\\%03u", c);
			else if (strchr(".\\\"();@$", c))
				k += (size_t)snprintf(out + k, 3, "\\%c", c);
			else
				out[k++] = (char)c;
		}
		out[k++] = '.';
	}
	if (!k)
		out[k++] = '.';
	out[k] = 0;
	return out;
}

bool dns_name_read(struct str msg, size_t *at, struct dns_name *out)
{
	size_t i = *at, most = *at, n = 0;
	bool moved = false;
	out->n = 0;
	for (;;) {
		if (i >= msg.n)
			return false;
		uint8_t len = (uint8_t)msg.p[i];
		if ((len & 0xc0) == 0xc0) {
			if (i + 1 >= msg.n)
				return false;
			size_t to = (size_t)(len & 0x3f) << 8 | (uint8_t)msg.p[i + 1];
			if (!moved)
				*at = i + 2;
			moved = true;
			if (to >= most || to < HEAD)
				return false;
			i = most = to;
			continue;
		}
		if (len > DNS_LABEL_MAX || n + 1 + len > DNS_NAME_MAX || i + 1 + len > msg.n)
			return false;
		out->b[n++] = len;
		for (size_t k = 1; k <= len; k++)
			out->b[n++] = lower((uint8_t)msg.p[i + k]);
		i += 1u + len;
		if (!len)
			break;
	}
	if (!moved)
		*at = i;
	out->n = (uint8_t)n;
	return true;
}

bool dns_name_ok(struct str wire)
{
	size_t at = 0;
	while (at < wire.n && at < DNS_NAME_MAX) {
		uint8_t len = (uint8_t)wire.p[at];
		if (!len)
			return at + 1 == wire.n;
		if (len > DNS_LABEL_MAX)
			return false;
		at += 1u + len;
	}
	return false;
}
