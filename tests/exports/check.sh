#!/bin/sh
# Every return format on hostile values, read by its consumers. `check.sh 100000`: so many plain values besides.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
write=${top_builddir:-$top}/tests/exports/write_export
[ -x "$write" ] || skip "tests/exports/write_export is not built"
exec "$py" "$here/run.py" "$write" "$@"
