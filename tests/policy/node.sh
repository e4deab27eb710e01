#!/bin/sh
# The policy file from outside: own profiles, rules that withhold whole events, trying a policy.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_daemon
exec "$py" "$here/outside.py" "$@"
