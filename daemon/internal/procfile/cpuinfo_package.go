package procfile

import "slices"

// cpuPackage is what the container sees of one processor package (a socket):
// the lines "siblings" and "cpu cores" of its CPUs, which x86 has.
type cpuPackage struct {
	id       int
	siblings int
	cores    int // different ones
}

// cpuCore is one core of a package.
type cpuCore struct{ pkg, id int }

// More packages and cores than these cost an allocation.
const (
	usualPackages = 8
	usualCores    = 128
)

// countPackages goes through the stanzas of the CPUs in visible, ascending,
// and appends to packages.
func countPackages(host []byte, visible []int, packages []cpuPackage) []cpuPackage {
	cores := make([]cpuCore, 0, usualCores)
	for next := 0; len(host) > 0 && next < len(visible); {
		var stanza []byte
		stanza, host = cutStanza(host)
		if cpu, ok := numberIn(stanza, "processor"); !ok || cpu != visible[next] {
			continue
		}
		next++
		id, hasID := numberIn(stanza, "physical id")
		core, hasCore := numberIn(stanza, "core id")
		if hasID && hasCore {
			isNew := !slices.Contains(cores, cpuCore{id, core})
			if isNew {
				cores = append(cores, cpuCore{id, core})
			}
			packages = addToPackage(packages, id, isNew)
		}
	}
	return packages
}

func addToPackage(packages []cpuPackage, id int, newCore bool) []cpuPackage {
	at := slices.IndexFunc(packages, func(p cpuPackage) bool { return p.id == id })
	if at < 0 {
		at = len(packages)
		packages = append(packages, cpuPackage{id: id})
	}
	packages[at].siblings++
	if newCore {
		packages[at].cores++
	}
	return packages
}

// packageOf finds a stanza's package; 0, 0 where there is none.
func packageOf(stanza []byte, packages []cpuPackage) (siblings, cores int) {
	id, ok := numberIn(stanza, "physical id")
	if !ok {
		return 0, 0
	}
	for _, p := range packages {
		if p.id == id {
			return p.siblings, p.cores
		}
	}
	return 0, 0
}
