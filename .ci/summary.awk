# Reads the logs of steps, each the output of `go test -v` or of another
# command and then the line "step: NAME MILLISECONDS EXIT_STATUS". A line
# "SKIP: REASON" stands for a part of a step that could not run. Exits 1 when
# a step failed.

FNR == 1 { passed = failed = skipped = 0; culprits = ""; split("", reason); split("", running) }

/^=== (RUN|NAME|CONT) / { current = $3 }
/^=== RUN / { running[current] = 1; reason[current] = "no reason given" }
# The last message of a test before it is skipped is why.
/^ +[^ ]+\.go:[0-9]+: / { reason[current] = $0; sub(/^ +/, "", reason[current]) }

/^ *--- (PASS|FAIL|SKIP): / { delete running[$3] }
/^ *--- PASS: / { passed++ }
/^ *--- FAIL: / { failed++; culprits = culprits " " $3 }
/^ *--- SKIP: / { skip($3 ": " reason[$3]) }
/^SKIP: / { skip(substr($0, 7)) }
/^guest: / { guest = substr($0, 8) }

/^step: / {
	# A crash or a timeout leaves tests without a result, and hides those of
	# their subtests.
	for (name in running) {
		if (name !~ /\//) failed++
		culprits = culprits " " name " (no end)"
	}
	if ($4 != 0) {
		broken = broken " " $2
		failures = failures sprintf("failed: %s: exit status %d;%s\n", $2, $4, substr(culprits, 1, 400))
	}
	rows = rows sprintf("%-24s %7.1f %7d %7d %7d  %s\n", $2, $3 / 1000,
		passed, failed, skipped, $4 == 0 ? "ok" : "FAILED, see " FILENAME)
	# Nothing but the suite runs in the guest.
	if (guest != "" && guests == "")
		guests = sprintf("guest: %s, %d tests\n", guest, passed + failed + skipped)
	allPassed += passed; allFailed += failed; allSkipped += skipped
}

function skip(why) {
	skipped++
	pending[++pendings] = why
	step[pendings] = FILENAME
}

END {
	printf "%-24s %7s %7s %7s %7s\n%s", "step", "seconds", "passed", "failed", "skipped", rows
	printf "%s", guests
	for (i = 1; i <= pendings; i++) {
		sub(/.*\//, "", step[i]); sub(/\.log$/, "", step[i])
		print "skipped: " step[i] ": " pending[i]
	}
	printf "%s", failures
	if (broken != "") print "failed steps:" broken
	printf "%d passed, %d failed, %d skipped\n", allPassed, allFailed, allSkipped
	exit broken != ""
}
