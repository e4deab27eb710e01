#!/bin/sh
# The manual for beginners, command by command; 77 (skipped) without PyMISP, curl or jq.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_python pymisp
need_daemon
exec "$py" "$here/steps.py" "$@"
