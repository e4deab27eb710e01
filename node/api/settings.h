/*
 * settings.h - MISP's server settings as this node has them: one table (settings.inc), values from the
 * configuration, the store, or the program itself.
 */
#pragma once

#include "api/api.h"
#include "base/jsonw.h"

enum setting_type { SETTING_string, SETTING_boolean, SETTING_numeric };
enum setting_source { SETTING_FIXED, SETTING_OPTION, SETTING_FACT, SETTING_STORED, SETTING_SECRET };

struct setting {
	const char *name, *tab;
	uint8_t level;
	enum setting_type type;
	const char *test; /* NULL: none */
	enum setting_source source;
	const char *arg;
	void (*value)(const struct api *api, struct jsonw *w);
	const char *text;
};
extern const struct setting settings[];
extern const size_t settings_n;

/* NULL: there is none of this name. */
const struct setting *setting_find(struct str name);
const char *setting_type_name(enum setting_type t);
/* Its value as JSON; not of a SECRET. */
void setting_value(const struct api *api, const struct store_rtxn *t, const struct setting *s,
		   struct jsonw *w);
/* Name of the row in T_SETTING that holds a STORED one. */
struct str setting_row_name(struct arena *a, const struct setting *s);
/* Is a setting of type boolean on? For those who act on it. */
bool setting_on(const struct api *api, const struct store_rtxn *t, const char *name);
