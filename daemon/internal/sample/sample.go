// Package sample is the only memory podview has between two reads: counters
// of CPU time that must not go backwards, and load averages. It does no I/O
// and has no clock; time is an argument.
package sample

// Key names a container: its cgroup's path, and the inode number that tells
// a new cgroup from an earlier one of the same name.
type Key struct {
	Root string
	ID   uint64
	// CPULeaf and CPUSetLeaf are the caller's own cgroups in the hierarchies
	// that limit its CPUs. Inner cgroups of one container may have limits of
	// their own, and then see other CPUs. Empty for load averages.
	CPULeaf, CPUSetLeaf string
}

const (
	// maxContainers bounds the counters, maxWatched the load averages; who goes
	// first says crowd.
	maxContainers = 8192
	// maxWatched containers cost what the pipeline keeps to count their threads,
	// too. Of more it could not count all in each period.
	maxWatched = 2048
)
