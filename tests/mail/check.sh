#!/bin/sh
# events/contact with a mail program of ours.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
exec "$py" "$here/run.py" "$@"
