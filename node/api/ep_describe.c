/*
 * ep_describe.c - what MISP says of a call to whoever asks for it with GET, where peers and programs ask.
 * The texts stand beside the calls, as recorded (wire/client). All calls are described by /openapi.json.
 */
#include "api/rest.h"

static void names(struct jsonw *w, const char *key, const char *const *v)
{
	jsonw_key(w, key);
	jsonw_arr(w);
	for (; *v; v++)
		jsonw_c(w, *v);
	jsonw_arr_end(w);
}

void rest_describe(struct http_req *r, const struct described *d)
{
	struct buf b = BUF(1 << 16);
	struct jsonw w = jsonw_on(&b);
	jsonw_obj(&w);
	jsonw_key(&w, "name");
	jsonw_str(&w, arena_printf(r->arena, "%s API description", d->call));
	JSONW_KV(&w, jsonw_c, "description", d->text);
	names(&w, "mandatory_fields", d->needed);
	names(&w, "optional_fields", d->optional);
	JSONW_KV(&w, jsonw_c, "url", d->url);
	jsonw_obj_end(&w);
	rest_answer(r, 200, &b);
}
