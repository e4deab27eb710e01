#!/bin/sh
# Previews beside what is really sent, over random policies and events.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
record_answers
exec "$py" "$here/run.py" "$@"
