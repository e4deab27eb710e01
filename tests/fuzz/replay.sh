#!/bin/sh
# Run each fuzz target over its corpus (make check; no fuzzing engine needed).
set -e
for t in json_event pack http policy freetext xml dns stix values unpack; do
	"$top_builddir/tests/fuzz/replay_$t" "$top_srcdir/tests/fuzz/corpus/$t"
done
