#!/bin/sh
# Our client's requests beside those of a real MISP; fails when fewer match than in the baseline.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
exec "$py" "$here/run.py" --baseline "$here/baseline.json" --misses "$@"
