package cgroup

import "slices"

// Attached is where one controller is read.
type Attached struct {
	Source Source // nil: not available on this host
	// Key finds the Place: the controller's name in /proc/PID/cgroup, or ""
	// for the unified hierarchy's line "0::".
	Key string
}

// Hierarchies is where each kind of figure is read.
type Hierarchies struct {
	Memory, CPU, CPUSet, IO Attached
	// CPUAcct tells CPU time, and lists processes.
	CPUAcct Attached
	// Unified tells pressure: it needs no controller, so that a hybrid host
	// has it too.
	Unified Attached
	// Dirs is where they are mounted.
	Dirs []string
}

// Choose attaches each controller to the one hierarchy that has it. v1 and v2
// are nil where the host has no such hierarchy; the lists are the controllers
// mounted as v1, and those in cgroup2's cgroup.controllers.
//
// A "0::" line in /proc/PID/cgroup says nothing: hybrid hosts have one too,
// and there most controllers are v1's. A controller is never in both.
func Choose(v1, v2 Source, v1Controllers, v2Controllers []string) Hierarchies {
	pure := len(v1Controllers) == 0
	choose := func(v1Name, v2Name string) Attached {
		switch {
		case v1 != nil && slices.Contains(v1Controllers, v1Name):
			return Attached{Source: v1, Key: v1Name}
		// A pure v2 host without a controller limits nothing by it, and v2
		// says just that.
		case v2 != nil && (pure || v2Name == "" || slices.Contains(v2Controllers, v2Name)):
			return Attached{Source: v2}
		}
		return Attached{}
	}
	h := Hierarchies{
		Memory: choose("memory", "memory"),
		CPU:    choose("cpu", "cpu"),
		CPUSet: choose("cpuset", "cpuset"),
		IO:     choose("blkio", "io"),
		// v2's cpu.stat has the CPU time of every cgroup, without a
		// controller.
		CPUAcct: choose("cpuacct", ""),
	}
	if v2 != nil {
		h.Unified = Attached{Source: v2}
	}
	return h
}
