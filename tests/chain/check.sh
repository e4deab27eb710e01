#!/bin/sh
# Three daemons in a row (pulling, pushing, mixed), with kill -9 in the middle, against the table of
# what travels and at which level.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
exec "$py" "$here/run.py" "$@"
