#!/bin/sh
# Run the PyMISP suite; 77 (skipped) when PyMISP or the daemon is missing.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/blackbox.sh"
need_python pymisp,pytest,requests
need_daemon
record_answers
cd "$here" && exec "$py" -m pytest -p no:cacheprovider -q --tb=short "$@"
