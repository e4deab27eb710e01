#!/bin/sh
# Our client's requests beside those of a real MISP; fails when fewer match than in the
# baseline, or when a pull with nothing new asks for too much.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
"$py" "$here/idle.py" || exit
exec "$py" "$here/run.py" --baseline "$here/baseline.json" --misses "$@"
