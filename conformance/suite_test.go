package conformance

import (
	"maps"
	"slices"
	"testing"
)

// check is something that holds for the kernel's own files and must hold for
// every view of them.
type check = func(t *testing.T, p *process)

// suite is every check, by emulated file.
var suite = map[string]map[string]check{
	"cpuinfo":   cpuinfoChecks,
	"diskstats": diskstatsChecks,
	"loadavg":   loadavgChecks,
	"meminfo":   meminfoChecks,
	"pressure":  pressureChecks,
	"reads":     readsChecks,
	"slabinfo":  slabinfoChecks,
	"stat":      statChecks,
	"swaps":     swapsChecks,
	"tree":      treeChecks,
	"uptime":    uptimeChecks,
}

func runSuite(t *testing.T, p *process) {
	needRoot(t) // the kernel's own slabinfo is root's
	for _, file := range slices.Sorted(maps.Keys(suite)) {
		t.Run(file, func(t *testing.T) {
			checks := suite[file]
			for _, name := range slices.Sorted(maps.Keys(checks)) {
				t.Run(name, func(t *testing.T) { checks[name](t, p) })
			}
		})
	}
}

// TestOracle shows that the suite asks for nothing that the kernel's own
// files don't give.
func TestOracle(t *testing.T) { runSuite(t, kernel()) }

// TestHostProcess reads the mounted tree from no container.
func TestHostProcess(t *testing.T) { runSuite(t, hostReader(t)) }

// TestContainers reads from containers of every kind of limit.
func TestContainers(t *testing.T) {
	for name, l := range map[string]limits{
		"no limit":         {},
		"memory and swap":  {memoryMiB: 128, swapMiB: 64},
		"quota":            {memoryMiB: 256, cpuMilli: 500},
		"cpuset":           {cpuset: "0"},
		"cpuset and quota": {cpuset: "0-1", cpuMilli: 1500},
	} {
		t.Run(name, func(t *testing.T) {
			runSuite(t, startContainer(t, l).process)
		})
	}
}
