#!/bin/sh
# Pages of contrib/doc: what they say is done, on a node and on a machine of its own, and the consumer blocks or finds.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
command -v curl >/dev/null || skip "no curl, with which lists are fetched"
record_answers
TOCSIN=${TOCSIN:-${top_builddir:-$top}/tocsin}
export TOCSIN
exec "$py" "$here/run.py" "$@"
