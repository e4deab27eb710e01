#!/bin/sh
# Files for sensors: read by the sensors' own parsers, read back, changed line by line.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
exec "$py" "$here/run.py" "$@"
