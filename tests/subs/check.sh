#!/bin/sh
# Export subscriptions: every format through changes, budgets, policy changes and crashes.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
record_answers
exec "$py" "$here/run.py" "$@"
