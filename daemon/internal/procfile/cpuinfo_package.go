package procfile

// cpuPackage is what the container sees of one processor package (a socket):
// the lines "siblings" and "cpu cores" of its CPUs, which x86 has.
type cpuPackage struct {
	id       int
	siblings int
	cores    []int // core ids
}

// countPackages goes through the stanzas of the CPUs in visible, ascending.
func countPackages(host []byte, visible []int) []cpuPackage {
	var packages []cpuPackage
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
			packages = addToPackage(packages, id, core)
		}
	}
	return packages
}

func addToPackage(packages []cpuPackage, id, core int) []cpuPackage {
	for i := range packages {
		p := &packages[i]
		if p.id != id {
			continue
		}
		p.siblings++
		for _, known := range p.cores {
			if known == core {
				return packages
			}
		}
		p.cores = append(p.cores, core)
		return packages
	}
	return append(packages, cpuPackage{id: id, siblings: 1, cores: []int{core}})
}

// packageOf finds a stanza's package; 0, 0 where there is none.
func packageOf(stanza []byte, packages []cpuPackage) (siblings, cores int) {
	id, ok := numberIn(stanza, "physical id")
	if !ok {
		return 0, 0
	}
	for _, p := range packages {
		if p.id == id {
			return p.siblings, len(p.cores)
		}
	}
	return 0, 0
}
