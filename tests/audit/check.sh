#!/bin/sh
# The audit log of a running node, with the tool as its reader.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
record_answers
tool=${TOCSIN:-${top_builddir:-$top}/tocsin}
[ -x "$tool" ] || skip "the tool is not built"
TOCSIN=$tool
export TOCSIN
exec "$py" "$here/run.py" "$@"
