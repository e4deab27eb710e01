# Sourced by the black-box tests: finds the interpreter and the daemon, or ends as skipped (77).
# Wants $here (folder of the caller). Sets $py and, when the build is known, TOCSIND.
top=$(cd "$here/../.." && pwd)
py=${TOCSIN_PYTHON:-}
if [ -z "$py" ]; then
	py=python3
	[ -x "$top/.venv/bin/python" ] && py=$top/.venv/bin/python
fi
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
skip() {
	echo "SKIP: $1"
	exit 77
}
need_daemon() {
	if [ -z "$TOCSIND" ]; then
		for d in "${top_builddir:-$top}" "$top"; do
			for f in tocsind node/main/tocsind; do
				[ -z "$TOCSIND" ] && [ -x "$d/$f" ] && TOCSIND=$d/$f
			done
		done
	fi
	[ -n "$TOCSIND" ] && [ -x "$TOCSIND" ] || skip "the daemon is not built"
	export TOCSIND
	[ -x "${TOCSIN_RUN_NODE:-$top/contrib/dev/run-node}" ] || skip "no contrib/dev/run-node"
}
need_python() {
	"$py" -c "import $1" 2>/dev/null ||
		skip "$py has no $1 (contrib/check installs them; or set TOCSIN_PYTHON)"
}
# What the test is answered is kept for tests/openapi.
record_answers() {
	[ -n "$top_builddir" ] || return 0
	TOCSIN_ANSWERS=$(cd "$top_builddir" && pwd)/tests/openapi/answers/${here##*/}
	export TOCSIN_ANSWERS
	rm -rf "$TOCSIN_ANSWERS"
}
