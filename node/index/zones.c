/*
 * zones.c - what blocks of rows hold, so that a scan may pass by those that cannot have what it wants.
 *
 * Made when somebody asks, and kept in memory. Rows of a whole block never change but for their death,
 * which narrows nothing, so a zone stays true; two that make it at once write the same.
 */
#include "index/internal.h"

#include <stdlib.h>

struct ix_made {
	atomic_uint_fast64_t id_min, id_max;
	_Atomic uint32_t time_min, time_max;
	atomic_bool sorted, made;
};

#define ZONES_MAX (IX_ROWS_MAX / IX_ZONE_ROWS)

enum err zones_init(struct index *ix)
{
	/* pages that are not touched are not there */
	ix->zones = calloc(ZONES_MAX, sizeof(*ix->zones));
	return ix->zones ? ERR_OK : ERR_NOMEM;
}

void zones_free(struct index *ix)
{
	free(ix->zones);
	ix->zones = NULL;
}

static struct ix_zone look(const struct ix_view *v, uint32_t from)
{
	struct ix_zone z = {v->row[from].id, v->row[from].id, v->time[from], v->time[from], true};

	for (uint32_t i = from + 1; i < from + IX_ZONE_ROWS; i++) {
		uint64_t id = v->row[i].id;

		z.sorted &= id > v->row[i - 1].id;
		z.id_min = MIN(z.id_min, id);
		z.id_max = MAX(z.id_max, id);
		z.time_min = MIN(z.time_min, v->time[i]);
		z.time_max = MAX(z.time_max, v->time[i]);
	}
	return z;
}

bool view_zone(const struct ix_view *v, uint32_t n, struct ix_zone *out)
{
	struct ix_made *m = &v->ix->zones[n];

	if ((uint64_t)(n + 1) * IX_ZONE_ROWS > v->rows)
		return false;
	if (atomic_load_explicit(&m->made, memory_order_acquire)) {
		*out = (struct ix_zone){IX_GET(m->id_min), IX_GET(m->id_max), IX_GET(m->time_min),
					IX_GET(m->time_max), IX_GET(m->sorted)};
		return true;
	}
	*out = look(v, n * IX_ZONE_ROWS);
	atomic_store_explicit(&m->id_min, out->id_min, memory_order_relaxed);
	atomic_store_explicit(&m->id_max, out->id_max, memory_order_relaxed);
	atomic_store_explicit(&m->time_min, out->time_min, memory_order_relaxed);
	atomic_store_explicit(&m->time_max, out->time_max, memory_order_relaxed);
	atomic_store_explicit(&m->sorted, out->sorted, memory_order_relaxed);
	atomic_store_explicit(&m->made, true, memory_order_release);
	return true;
}
