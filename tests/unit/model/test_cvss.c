/*
 * test_cvss.c - scores of vectors, against examples of the specifications and of public records; what
 * cannot be read is told.
 */
#include "model/cvss.h"
#include "tests/tap/tap.h"

static const struct {
	const char *vector;
	uint8_t low, high;
} good[] = {
	/* 3.1: the lower end is the base score times .91 * .95 * .92, rounded up */
	{"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 80, 100}, /* CVE-2021-44228 */
	{"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 78, 98},
	{"CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 63, 78},
	{"CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 49, 61},
	{"CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 51, 64},
	{"CVSS:3.0/AV:N/AC:H/PR:N/UI:N/S:U/C:L/I:N/A:N", 30, 37},
	{"CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:L", 13, 16},
	{"CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:C/C:H/I:H/A:H", 73, 91},
	{"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0, 0},
	{"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:H/RL:U/RC:C", 98, 98},
	{"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:P/RL:O/RC:C", 88, 98},
	{"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:H/RL:U/RC:C/MAV:P/CR:L", 98, 98},
	/* 2.0 */
	{"AV:N/AC:L/Au:N/C:C/I:C/A:C", 67, 100},
	{"(AV:N/AC:L/Au:N/C:P/I:P/A:P)", 50, 75},
	{"AV:N/AC:M/Au:N/C:P/I:N/A:N/E:H/RL:U/RC:C", 43, 43},
	{"AV:L/AC:L/Au:N/C:C/I:C/A:C", 48, 72},
	{"AV:N/AC:L/Au:N/C:N/I:N/A:C/E:F/RL:OF/RC:C", 64, 78}, /* the specification's first example */
	{"CVSS:2.0/AV:N/AC:L/Au:N/C:N/I:N/A:N", 0, 0},
	/* 4.0: macro vectors 000200, 000100, 112221, 002201; interpolation may take the mean of the classes */
	{"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 89, 93},
	{"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H", 94, 100},
	{"CVSS:4.0/AV:A/AC:H/AT:N/PR:N/UI:N/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N/E:U", 1, 23},
	{"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:L/VI:L/VA:L/SC:N/SI:N/SA:N", 57, 69},
	{"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N", 0, 0},
};

static const char *const bad[] = {
	"", "CVSS:3.1", "CVSS:3.1/", "AV:N", "CVSS:5.0/AV:N",
	"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H",		 /* A is missing */
	"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:X",	 /* no such value */
	"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H/A:L",	 /* twice */
	"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H/Q:H",	 /* no such metric */
	"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H/",	 /* an end without a metric */
	"CVSS:3.1/AV:N/AC:L/Au:N/C:C/I:C/A:C",			 /* of another version */
	"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N",
	"9.8",
};

static void scores(void)
{
	static const struct {
		const char *s;
		int tenths; /* -1: none */
	} rows[] = {{"9.8", 98}, {"10", 100}, {"10.0", 100}, {"0", 0},	  {"7.50", 75}, {" 4.3 ", 43},
		    {"", -1},	 {"high", -1}, {"10.1", -1}, {"9.85", -1}, {"-1", -1},	 {"9.", -1},
		    {"100", -1}, {"9,8", -1},  {".5", -1}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t t = 0;
		bool read = cvss_score(str_c(rows[i].s), &t);

		is_int(read ? t : -1, rows[i].tenths, "score \"%s\"", rows[i].s);
	}
}

int main(void)
{
	struct cvss_range r;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!ok(cvss_range(str_c(good[i].vector), &r), "%s", good[i].vector))
			continue;
		is_uint(r.low, good[i].low, "its least score");
		is_uint(r.high, good[i].high, "and its highest");
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!cvss_range(str_c(bad[i]), &r), "cannot be read: %s", bad[i]);
	ok(cvss_is_vector(STR(" CVSS:3.1/AV:N")) && cvss_is_vector(STR("(AV:N/")) &&
		   !cvss_is_vector(STR("9.8")),
	   "what looks like a vector");
	scores();
	return done_testing();
}
