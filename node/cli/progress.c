/*
 * progress.c - a bar when the total is known, else what is done, with the rate and the time left.
 */
#include "cli/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/term.h"

#define BAR 24
#define EVERY_MS 100

void progress_begin(struct progress *p, const struct cli *c, const char *what)
{
	*p = (struct progress){.on = isatty(STDERR_FILENO) && !c->quiet,
			       .what = what,
			       .start_ms = clock_boot_ms()};
}

bool progress_due(const struct progress *p)
{
	return p->on && clock_boot_ms() - p->last_ms >= EVERY_MS;
}

static int amount(char *out, size_t n, uint64_t v, const char *things)
{
	if (things[0])
		return snprintf(out, n, "%llu %s", (unsigned long long)v, things);
	if (v < 1000000)
		return snprintf(out, n, "%.1f kB", (double)v / 1e3);
	return v < 1000000000 ? snprintf(out, n, "%.1f MB", (double)v / 1e6)
			      : snprintf(out, n, "%.2f GB", (double)v / 1e9);
}

void progress_show(struct progress *p, uint64_t done, uint64_t total, const char *things,
		   const char *tail)
{
	char bar[BAR + 1], have[40], rate[40], left[24] = "", line[400];
	int64_t now = clock_boot_ms();
	if (!p->on)
		return;
	p->last_ms = now;
	p->shown = true;
	double s = (double)MAX(now - p->start_ms, 1) / 1000;
	amount(have, sizeof(have), done, things);
	amount(rate, sizeof(rate), (uint64_t)((double)done / s), things);
	if (total && done && done < total) {
		uint64_t rest = (uint64_t)(s * (double)(total - done) / (double)done);
		snprintf(left, sizeof(left), ", %u:%02u left", (unsigned)(rest / 60 % 100000),
			 (unsigned)(rest % 60));
	}
	unsigned full = total ? (unsigned)MIN(done * BAR / total, (uint64_t)BAR) : 0;
	for (unsigned i = 0; i < BAR; i++)
		bar[i] = i < full ? '#' : '.';
	bar[BAR] = 0;
	if (total)
		snprintf(line, sizeof(line), "%s [%s] %3u %%  %s  %s/s%s  %s", p->what, bar,
			 (unsigned)MIN(done * 100 / total, (uint64_t)100), have, rate, left, tail);
	else
		snprintf(line, sizeof(line), "%s  %s  %s/s  %s", p->what, have, rate, tail);
	fprintf(stderr, "\r\033[K%.*s", (int)term_width(true) - 1, line);
	fflush(stderr);
}

void progress_end(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}
