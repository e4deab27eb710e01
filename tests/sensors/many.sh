#!/bin/sh
# Files for sensors of 100,000 entries, each format (rules: fewer, SENSORS_ALL=1 also of these as many).
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
exec "$py" "$here/many.py" "$@"
