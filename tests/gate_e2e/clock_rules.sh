#!/bin/sh
# Rules that only time changes: remembered answers and feed folders.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
exec "$py" "$here/clock_rules.py" "$@"
