#!/bin/sh
# Three daemons in a row: what is taken back at the first leaves the others.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
record_answers
exec "$py" "$here/run.py" "$@"
