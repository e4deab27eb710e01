/* values.c - indicators as they are, one a line: for scripts, and for everything that reads lists. */
#include "feeds/sensor/sensor.h"

/* Rules have lines of their own and are formats of their own. */
#define VALUES                                                                                     \
	(~(IND_BIT(YARA) | IND_BIT(SIGMA) | IND_BIT(SNORT) | IND_BIT(SURICATA) | IND_BIT(ZEEK)) &  \
	 ((UINT64_C(1) << IND_KINDS) - 1))

static bool is_kind(struct str v)
{
	struct str word;
	do {
		bool known = false;
		v = str_split(v, ',', &word);
		for (unsigned k = 0; k < IND_KINDS; k++)
			known = known || str_is(word, ind_kind_name((enum ind_kind)k));
		if (!known && !str_is(word, "all"))
			return false;
	} while (v.p);
	return true;
}

static const struct sensor_param params[] = {
	{"kinds", "all", "kinds of indicators with commas between, or all", is_kind},
	{NULL, NULL, NULL, NULL},
};

struct values_state {
	uint64_t kinds;
};

static enum err values_begin(struct sensor_run *r)
{
	struct values_state *st = r->state;
	struct str v = sensor_param_get(r, "kinds"), word;
	while (v.p) {
		v = str_split(v, ',', &word);
		for (unsigned k = 0; k < IND_KINDS; k++)
			if (str_is(word, "all") || str_is(word, ind_kind_name((enum ind_kind)k)))
				st->kinds |= UINT64_C(1) << k;
	}
	return ERR_OK;
}

static enum err values_item(struct sensor_run *r, const struct indicator *i)
{
	const struct values_state *st = r->state;
	if (!(st->kinds & UINT64_C(1) << i->kind))
		return ERR_OK;
	buf_str_add(r->out, i->value);
	buf_putc(r->out, '\n');
	r->entries++;
	return buf_err(r->out);
}

const struct sensor_format sensor_values = {
	.name = "values",
	.kinds = VALUES,
	.params = params,
	.state_size = sizeof(struct values_state),
	.begin = values_begin,
	.item = values_item,
};
