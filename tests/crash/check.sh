#!/bin/sh
# Kill the daemon 30 times under load (TOCSIN_CRASH_ROUNDS) and compare what was acknowledged.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
exec "$py" "$here/kill9.py" "$@"
