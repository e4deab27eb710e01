#!/bin/sh
# Every endpoint of a running node, looked through for canaries; needs no more than python.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
record_answers
exec "$py" "$here/endpoints.py" "$@"
