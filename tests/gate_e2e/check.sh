#!/bin/sh
# Embargoes that open, red events, broken policies, kill -9: about half a minute of real time.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
exec "$py" "$here/e2e.py" "$@"
