#!/bin/sh
# Followers of exports, with consumers, against a scripted node and a hostile one.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
build=${top_builddir:-$top}
TOCSIN=${TOCSIN:-$build/tocsin}
SENSOR_FILE=${SENSOR_FILE:-$build/tests/sensors/sensor_file}
[ -x "$TOCSIN" ] || skip "the tool is not built"
[ -x "$SENSOR_FILE" ] || skip "tests/sensors/sensor_file is not built (make check builds it)"
export TOCSIN SENSOR_FILE
exec "$py" "$here/run.py" "$@"
