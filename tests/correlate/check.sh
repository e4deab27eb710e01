#!/bin/sh
# Correlations, the graph and the bulk look-up, over HTTP and by the tool.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
tool=${TOCSIN:-${top_builddir:-$top}/tocsin}
[ -x "$tool" ] || skip "the tool is not built"
TOCSIN=$tool
export TOCSIN
exec "$py" "$here/run.py" "$@"
