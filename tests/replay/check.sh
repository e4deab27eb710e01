#!/bin/sh
# Replay the first part of the recordings and all exports; fails when a group matches less than the baseline.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
exec "$py" "$here/replay.py" --exports --baseline "$here/baseline.json" "$@"
