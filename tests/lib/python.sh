#!/bin/sh
# Runs a test in Python: by the interpreter that the tests were given, the one that contrib/check has set up, or any.
top=$(cd "$(dirname "$0")/../.." && pwd)
py=${TOCSIN_PYTHON:-}
if [ -z "$py" ]; then
	py=python3
	[ -x "$top/.venv/bin/python" ] && py=$top/.venv/bin/python
fi
exec "$py" "$@"
