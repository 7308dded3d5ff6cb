#!/bin/bash
# compare.sh: TestRealPrograms without a view, on the lxcfs of three suites of
# Debian and on podview, as the table of docs/compared.md. Root only. Each lxcfs
# runs in mount and pid namespaces of its own and ends with them. The output of
# each run is in .cache/programs/compared.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
versions="5.0.3 6.0.4 7.0.0"
programs=$(conformance/programs/fetch.sh)
conformance/programs/fetch.sh $(printf 'lxcfs-%s ' $versions) >/dev/null
export PROGRAMS=$programs PODVIEW=$PWD/bin/podview
logs=$programs/compared
rm -rf "$logs" && mkdir -p "$logs"
run="bin/conformance.test -test.v -test.timeout 10m -test.run ^TestRealPrograms$"

VIEW=none $run >"$logs/no view" 2>&1 || :
for version in $versions; do
	unshare --mount --pid --fork --kill-child --mount-proc bash -c '
		dir=$(mktemp -d) && mount -t tmpfs tmpfs "$dir" && mkdir "$dir/view"
		"$PROGRAMS/lxcfs-$0/run" usr/bin/lxcfs -f --enable-cfs -l -p "$dir/pid" "$dir/view" >"$1" 2>&1 &
		for _ in {1..100}; do [ ! -e "$dir/view/proc/meminfo" ] || break; sleep 0.1; done
		VIEW=$dir/view '"$run" "$version" "$logs/lxcfs-$version.stderr" >"$logs/lxcfs $version" 2>&1 || :
done
VIEW= $run >"$logs/podview" 2>&1 || :

columns=("no view")
for version in $versions; do columns+=("lxcfs $version"); done
columns+=(podview)
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
			gsub("_", " ", name); gsub("  NPROC", " _NPROC", name); sub("NPROCESSORS ", "NPROCESSORS_", name)
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
	}' "${columns[@]}"
