package main

import (
	"os"
	"runtime/debug"
)

// Limits of what Go takes in a process (GOMEMLIMIT): before it takes more it
// collects garbage, at worst with half of its CPU time. They are sums and not
// parts of the cgroup's limit, which is for all processes together: the worker
// must leave room for what the kernel keeps for it and for what all share, and
// that does not become less with the limit. docs/limits.md has the sums, and
// conformance/full_test.go fills the tables.
const (
	// workerBytes: all its tables full are some 165 MiB.
	workerBytes = 176 << 20
	// holderBytes: it has no tables, but texts of open files while it answers
	// because no worker stays alive.
	holderBytes = 48 << 20
)

func limitMemory(bytes int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(bytes)
	}
}
