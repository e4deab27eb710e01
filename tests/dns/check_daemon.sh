#!/bin/sh
# The zones of a node: transfers beside the subscription's file, keys, reload, policy.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
need_python dns.xfr
exec "$py" "$here/daemon.py"
