#!/bin/sh
# ways_out.sh - nothing leaves the process that has no row in node/egress/ways_out.inc.
command -v nm >/dev/null || { echo "no nm: skipped"; exit 77; }
exec "$top_srcdir/contrib/dev/check-ways-out" "$top_srcdir" "$top_builddir"
