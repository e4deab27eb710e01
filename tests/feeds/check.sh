#!/bin/sh
# The feed folder while a big import runs: withdrawals, an opening, additions. About half a minute.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
exec "$py" "$here/withdraw.py" "$@"
