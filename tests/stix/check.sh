#!/bin/sh
# STIX and OpenIOC out and in: by the OASIS validator, by misp-stix, and by another node.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
record_answers
exec "$py" "$here/run.py" "$@"
