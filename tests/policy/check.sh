#!/bin/sh
# misp-guard configurations, imported: random ones with random documents, beside a naive reading
set -e
python=${PYTHON:-python3}
exec "$python" "${top_srcdir:-.}/tests/policy/misp_guard.py" --tocsind "${top_builddir:-.}/tocsind" \
	--eval "${top_builddir:-.}/tests/oracle/gate_eval" --first "${MISP_GUARD_FIRST:-1}" \
	--configs "${MISP_GUARD_CONFIGS:-30}"
