/* test_admitted.c - the proof owns its document and copies head and origin. */
#include "trust/admitted_make.h"

#include "tests/tap/tap.h"

int main(void)
{
	struct origin o = {.kind = ORIGIN_PEER, .id = 7, .time = 5, .digest = {1}};
	struct raw_event *raw = raw_new(RAW_EVENT, &raw_limits_default, "."), *was = raw;
	struct misp_event head = {.id = 3, .info = STR("judged")};
	struct admitted *a = admitted_make(&raw, &head, &o);

	ok(a && !raw, "it takes the document over");
	head.id = 4;
	o.id = 8;
	ok(admitted_raw(a) == was, "and lends it");
	is_uint(admitted_head(a)->id, 3, "the head is a copy");
	is_view(admitted_head(a)->info, "judged", "with its texts");
	is_uint(admitted_origin(a)->id, 7, "so is the origin");
	is_uint(admitted_origin(a)->digest[0], 1, "with its digest");
	admitted_free(a);
	admitted_free(NULL);
	a = admitted_make(NULL, &head, &o);
	ok(a && !admitted_raw(a), "for a change of one row there is no document");
	admitted_free(a);
	return done_testing();
}
