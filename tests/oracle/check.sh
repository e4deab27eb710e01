#!/bin/sh
# the gate beside the second opinion, as many random cases as fit into the time of `make check`
set -e
python=${PYTHON:-python3}
exec "$python" "${top_srcdir:-.}/tests/oracle/run.py" --eval "${top_builddir:-.}/tests/oracle/gate_eval" \
	--first "${ORACLE_FIRST:-1}" --cases "${ORACLE_CASES:-100000}" --seconds "${ORACLE_SECONDS:-12}"
