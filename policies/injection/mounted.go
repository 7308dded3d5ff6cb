package injection

// What the policies mount, by slug. It is a list of its own and not that of
// daemon/paths: nodes are updated one by one, the policies at once, so a path
// is served one release before it is mounted, and for one after it was mounted
// last. releases.yaml has both lists of each release, and a test holds them so.
var (
	everywhere = []string{"cpuinfo", "meminfo", "stat", "uptime", "loadavg", "diskstats", "sys-cpu"}
	// CONFIG_SWAP, CONFIG_SLUB_DEBUG and CONFIG_NUMA. Docker Desktop's kernel
	// has no NUMA.
	optional = []string{"swaps", "slabinfo", "sys-node"}
	pressure = []string{"pressure-cpu", "pressure-io", "pressure-memory"}
)
