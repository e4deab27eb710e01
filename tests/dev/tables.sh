#!/bin/sh
# tables.sh - no row of a table is a promise that nobody keeps: each option is read and each metric is
# counted outside of its own room.
set -u
cd "$top_srcdir" || exit 99
failed=0 n=0
# Rows whose user is being written; a name leaves this list when it is used.
pending='FEED_FETCHES FEED_WRITES PEER_REQUESTS PEER_PULLS PEER_BYTES'
# used_outside PATTERN FOLDER WHAT
used_outside() {
	n=$((n + 1))
	if find node feeds taxonomies -name '*.[ch]' ! -path "$2/*" -exec grep -lE "$1" {} + | grep -q .; then
		echo "ok $n - $3"
	elif case " $pending " in *" ${3#* } "*) true ;; *) false ;; esac; then
		echo "not ok $n - $3 is used nowhere # TODO"
	else
		failed=1
		echo "not ok $n - $3 is used nowhere"
	fi
}
for m in $(sed -n 's/^METRIC([A-Z]*, \([A-Z_]*\),.*/\1/p' node/metrics/metrics.inc); do
	used_outside "\\bM_$m\\b" node/metrics "metric $m"
done
for o in $(sed -n -e 's/^OPTION([A-Z]*, \([a-z_]*\),.*/\1/p' -e 's/^CHOICE(\([a-z_]*\),.*/\1/p' node/conf/options.inc); do
	used_outside "(->|\\bconf_)$o\\b" node/conf/none "option $o"
done
# each rule of the gate is explained to those who answer for it
for r in $(sed -n 's/^\(RULE\|ADMIT\)(\([a-z_]*\),.*/\2/p' node/gate/rules.inc node/gate/admit_rules.inc); do
	n=$((n + 1))
	if grep -Eq "(^\| $r \|)|\`$r\`" contrib/doc/policy-guide.md; then
		echo "ok $n - guide: rule $r"
	else
		failed=1
		echo "not ok $n - rule $r is not in contrib/doc/policy-guide.md"
	fi
done
# what endpoints answer and take is described
for s in $(sed -n 's/^\t\.\(shape\|takes\) = "\([^"]*\)",.*/\2/p' node/api/*.c | sort -u); do
	n=$((n + 1))
	if grep -q "^SCHEMA($s," node/api/schemas.inc; then
		echo "ok $n - shape $s"
	else
		failed=1
		echo "not ok $n - shape $s has no row in node/api/schemas.inc (its head says how)"
	fi
done
for s in $(sed -n 's/^SCHEMA(\([A-Za-z0-9]*\),.*/\1/p' node/api/schemas.inc | sort | uniq -d); do
	n=$((n + 1)) failed=1
	echo "not ok $n - shape $s stands twice in node/api/schemas.inc"
done
echo "1..$n"
exit $failed
