/*
 * prom.c - the metrics as text for Prometheus.
 */
#include <inttypes.h>
#include <stdio.h>

#include "metrics/cells.h"

static int64_t load(const struct metric_cell *c)
{
	return atomic_load_explicit(&c->v, memory_order_relaxed);
}

static void put_escaped(struct buf *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '\\' || *s == '"')
			buf_putc(out, '\\');
		buf_putc(out, *s == '\n' ? ' ' : *s);
	}
}

/* {label="member",...}; `le` (may be NULL) is a histogram's further label. */
static void put_labels(struct buf *out, const struct metric_row *r, const unsigned at[2],
		       const char *le)
{
	const char *sep = "{";

	for (size_t i = 0; i < 2; i++) {
		if (r->labels[i] == METRIC_LABEL_NONE)
			continue;
		buf_printf(out, "%s%s=\"", sep, metric_sets[r->labels[i]].name);
		put_escaped(out, metric_sets[r->labels[i]].members[at[i]]);
		buf_putc(out, '"');
		sep = ",";
	}
	if (le) {
		buf_printf(out, "%sle=\"%s\"", sep, le);
		sep = ",";
	}
	if (*sep == ',')
		buf_putc(out, '}');
}

static void put_seconds(struct buf *out, uint64_t us)
{
	buf_printf(out, "%" PRIu64 ".%06" PRIu64, us / 1000000, us % 1000000);
}

static void put_histogram(struct buf *out, const struct metric_row *r, const unsigned at[2],
			  const struct metric_cell *c)
{
	int64_t sum = 0;
	char le[32];

	for (size_t b = 0; b <= METRIC_BOUNDS; b++) {
		sum += load(&c[b]);
		if (b < METRIC_BOUNDS)
			snprintf(le, sizeof(le), "%g", (double)metric_bounds_us[b] / 1e6);
		buf_printf(out, "%s_bucket", r->name);
		put_labels(out, r, at, b < METRIC_BOUNDS ? le : "+Inf");
		buf_printf(out, " %" PRId64 "\n", sum);
	}
	buf_printf(out, "%s_sum", r->name);
	put_labels(out, r, at, NULL);
	buf_putc(out, ' ');
	put_seconds(out, (uint64_t)load(&c[METRIC_HIST_SUM]));
	buf_printf(out, "\n%s_count", r->name);
	put_labels(out, r, at, NULL);
	buf_printf(out, " %" PRId64 "\n", sum);
}

static bool is_silent(const struct metric_row *r, const struct metric_cell *c)
{
	size_t n = r->kind == METRIC_SECONDS ? METRIC_BOUNDS + 1 : 1;

	if (r->labels[0] == METRIC_LABEL_NONE && r->labels[1] == METRIC_LABEL_NONE)
		return false;
	for (size_t i = 0; i < n; i++)
		if (load(&c[i]))
			return false;
	return true;
}

static void put_cell(struct buf *out, enum metric m, const unsigned at[2])
{
	const struct metric_row *r = &metric_rows[m];
	const struct metric_cell *c = metric_cells(m, at[0], at[1]);

	if (!c || is_silent(r, c))
		return;
	if (r->kind == METRIC_SECONDS) {
		put_histogram(out, r, at, c);
		return;
	}
	buf_puts(out, r->name);
	put_labels(out, r, at, NULL);
	buf_printf(out, " %" PRId64 "\n", load(c));
}

void metrics_text(struct buf *out)
{
	static const char *const kinds[] = {"counter", "gauge", "histogram"};

	for (unsigned m = 0; m < METRIC_COUNT; m++) {
		const struct metric_row *r = &metric_rows[m];
		unsigned at[2];

		buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", r->name, r->help, r->name,
			   kinds[r->kind]);
		for (at[0] = 0; at[0] < metric_sets[r->labels[0]].n; at[0]++)
			for (at[1] = 0; at[1] < metric_sets[r->labels[1]].n; at[1]++)
				put_cell(out, (enum metric)m, at);
	}
}
