#!/bin/bash
# compare.sh [VERSION...]: TestRealPrograms without a view, on lxcfs of these
# versions (by default those that know cgroup v1) and on podview, as the table of
# docs/compared.md. Root only. Each lxcfs runs in mount and pid namespaces of its
# own and ends with them. In the VM, PROGRAMS and CONFORMANCE are given. ROWS is
# a pattern, for some of the rows.
set -euo pipefail
[ $# -gt 0 ] || set -- 5.0.3 6.0.4
if [ -z "${PROGRAMS:-}" ]; then
	cd "$(dirname "${BASH_SOURCE[0]}")/../.."
	PROGRAMS=$(conformance/programs/fetch.sh)
	conformance/programs/fetch.sh "${@/#/lxcfs-}" >/dev/null
	CONFORMANCE=$PWD/bin/conformance.test
	export PODVIEW=$PWD/bin/podview
fi
export PROGRAMS CONFORMANCE
logs=$PROGRAMS/compared
rm -rf "$logs" && mkdir -p "$logs"
run() { "$CONFORMANCE" -test.v -test.timeout 10m -test.run "^TestRealPrograms$/(${ROWS:-.})" 2>&1; }
export -f run

# on_lxcfs VERSION LOG
on_lxcfs() {
	dir=$(mktemp -d) && mount -t tmpfs tmpfs "$dir" && mkdir "$dir/view"
	"$PROGRAMS/lxcfs-$1/run" usr/bin/lxcfs -f --enable-cfs -l -p "$dir/pid" "$dir/view" >"$2" 2>&1 &
	for _ in {1..100}; do [ ! -e "$dir/view/proc/meminfo" ] || break; sleep 0.1; done
	[ -e "$dir/view/proc/meminfo" ] || { echo "lxcfs $1 does not start: $(tail -n 1 "$2")" | tee /dev/stderr; return; }
	VIEW=$dir/view run
}
export -f on_lxcfs

VIEW=none run >"$logs/no view" || :
for version; do
	unshare --mount --pid --fork --kill-child --mount-proc bash -c 'on_lxcfs "$@"' on_lxcfs "$version" "$logs/lxcfs-$version.stderr" >"$logs/lxcfs $version" || :
done
run >"$logs/podview" || :

columns=("no view")
for version; do columns+=("lxcfs $version"); done
cd "$logs"
awk '
	FNR == 1 { columns[++n] = FILENAME }
	match($0, /--- (PASS|FAIL|SKIP): TestRealPrograms\/[^\/]*\//) {
		split($0, parts, "/")
		row = parts[2]; kind = parts[3]; sub(/ \(.*/, "", kind); gsub("_", " ", kind)
		if (!(row in known)) { known[row]; rows[++m] = row }
		count[row, n]++
		if (/--- FAIL/) { failed[row, n]++; names[row, n] = names[row, n] (names[row, n] == "" ? "" : ", ") kind }
		if (/--- SKIP/) skipped[row, n]++
	}
	END {
		head = "| program |"; rule = "|---|"
		for (c = 1; c <= n; c++) { head = head " " columns[c] " |"; rule = rule "---|" }
		print head; print rule
		for (r = 1; r <= m; r++) {
			row = rows[r]; name = row
			gsub("_", " ", name)
			line = "| " name " |"
			for (c = 1; c <= n; c++) {
				if (!count[row, c]) cell = "not run"
				else if (skipped[row, c] == count[row, c]) cell = "skipped"
				else if (!failed[row, c]) cell = "pass"
				else if (failed[row, c] + skipped[row, c] == count[row, c]) cell = "fails"
				else cell = "fails: " names[row, c]
				line = line " " cell " |"
			}
			print line
		}
	}' "${columns[@]}" podview
