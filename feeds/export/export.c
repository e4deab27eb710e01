/*
 * export.c - the list of outward formats. A new one is a file with a row, and a line in exporters.inc;
 * those of sensors come behind, so that MISP's own keep their names.
 */
#include "feeds/export/export.h"

#include "feeds/export/indicators.h"

const struct exporter *const export_rows[] = {
#define EXPORTER(row) &row,
#include "feeds/export/exporters.inc"
#undef EXPORTER
#define FORMAT(ident, ...) &export_as_##ident,
#include "feeds/sensor/formats.inc"
#undef FORMAT
	NULL,
};

const struct exporter *export_find(struct str name)
{
	if (str_is(name, "download"))
		name = STR("json"); /* of old clients */
	for (const struct exporter *const *e = export_rows; *e; e++)
		if (str_is(name, (*e)->name))
			return *e;
	return NULL;
}
