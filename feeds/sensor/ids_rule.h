/*
 * ids_rule.h - rules for Suricata and Snort: contents that hold any bytes, and rules that somebody
 * wrote, taken apart and written anew with numbers of ours (inside feeds/sensor).
 */
#pragma once

#include "feeds/sensor/pieces.h"

/* Each indicator has eight numbers for its rules: base + number * 8 and what follows. */
#define IDS_RULES 8
#define IDS_BASE_MIN 1000
#define IDS_BASE_MAX (UINT32_MAX - (uint64_t)IND_NUMBERS * IDS_RULES)
bool ids_is_base(struct str v);
bool ids_is_action(struct str v);
#define PARAM_IDS                                                                                  \
	{"base", "2100000000",                                                                     \
	 "first number of rules (sid), 1000 to 2147483647; each indicator keeps eight behind it",    \
	 ids_is_base},                                                                             \
	{"action", "alert", "alert, drop or reject: what each rule does, foreign ones too",        \
	 ids_is_action},                                                                           \
	{"classtype", "trojan-activity", "classtype of rules made here; the sensor must know it",  \
	 piece_is_name}

struct ids {
	struct sensor_run *r;
	const struct indicator *i;
	struct str action, classtype;
	uint64_t base;
	unsigned rules; /* of this indicator */
	bool snort; /* Snort 3 */
};
void ids_read(struct sensor_run *r, struct ids *out);

/* Head and message of a rule ("dns any any -> any any"), the caller's keywords, the end. */
void ids_open(struct ids *s, struct str head);
void ids_close(struct ids *s);
/* The bytes of `v` between quotes: what keyword, quotes or line could not hold stands as |HH|. */
void ids_bytes(struct buf *b, struct str v);
/* content:"..."; keywords of up to 200 bytes each, one right behind the other. `first` stands behind the
   first one, `nocase` behind each, in the manner of Suricata or Snort 3. */
void ids_contents(struct ids *s, struct str v, const char *first, bool nocase);
/* Is one of the lines behind `at` longer than sensors read? */
bool ids_too_long(const struct buf *b, size_t at);

/*
 * Rules that somebody wrote, one a line (a backslash continues a line): each is taken apart, and
 * written with our action and number. False, and nothing is written: one of them is no rule, there are
 * none or too many, or one hides others (pass), runs code or reads and writes files of the sensor.
 */
bool ids_foreign(struct ids *s, struct str rules);
