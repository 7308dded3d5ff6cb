// Package paths lists what podview emulates. The FUSE tree, the admission
// policies and the conformance suite are all made from this one list.
package paths

// Path is one emulated file, or a directory emulated as a whole.
type Path struct {
	// Path is absolute, as a program in a pod opens it; the mounted view has
	// it under its mountpoint.
	Path string
	// Slug makes the volume name podview-<slug>.
	Slug string
	// Dir is set for a directory that is emulated as a whole.
	Dir bool
	// Mode is the kernel's own permission bits.
	Mode uint32
	// Everywhere is set when every OCI runtime accepts a bind mount there.
	// runc refuses targets inside /proc that are not on its own list
	// (libcontainer/rootfs_linux.go: checkProcMount).
	Everywhere bool
	// Rare is set when kernels that are in use lack it. No volume may name
	// it: there the pod would never start.
	Rare bool
	// Optional is set when kernels that are in use lack it, and volumes name
	// it. There podview has Nothing in its place, so that the volume is found.
	Optional bool
	// Nothing is the text of an Optional file with nothing in it: its header.
	// A directory is empty.
	Nothing string
}

// All is the list, in the order of documentation and volumes.
var All = []Path{
	{Path: "/proc/cpuinfo", Slug: "cpuinfo", Mode: 0o444, Everywhere: true},
	{Path: "/proc/meminfo", Slug: "meminfo", Mode: 0o444, Everywhere: true},
	{Path: "/proc/stat", Slug: "stat", Mode: 0o444, Everywhere: true},
	{Path: "/proc/uptime", Slug: "uptime", Mode: 0o444, Everywhere: true},
	{Path: "/proc/loadavg", Slug: "loadavg", Mode: 0o444, Everywhere: true},
	{Path: "/proc/diskstats", Slug: "diskstats", Mode: 0o444, Everywhere: true},
	// CONFIG_SWAP; CONFIG_SLUB_DEBUG.
	{Path: "/proc/swaps", Slug: "swaps", Mode: 0o444, Everywhere: true, Optional: true, Nothing: SwapsHeader},
	{Path: "/proc/slabinfo", Slug: "slabinfo", Mode: 0o400, Everywhere: true, Optional: true, Nothing: SlabinfoHeader},
	// CONFIG_PSI, and psi=0 at boot takes it away.
	{Path: "/proc/pressure/cpu", Slug: "pressure-cpu", Mode: 0o444, Optional: true},
	{Path: "/proc/pressure/io", Slug: "pressure-io", Mode: 0o444, Optional: true},
	{Path: "/proc/pressure/memory", Slug: "pressure-memory", Mode: 0o444, Optional: true},
	// Linux 6.1 and later, with CONFIG_IRQ_TIME_ACCOUNTING.
	{Path: "/proc/pressure/irq", Slug: "pressure-irq", Mode: 0o444, Rare: true},
	{Path: CPUDir, Slug: "sys-cpu", Dir: true, Mode: 0o755, Everywhere: true},
	// CONFIG_NUMA.
	{Path: NodeDir, Slug: "sys-node", Dir: true, Mode: 0o755, Everywhere: true, Optional: true},
}

// SwapsHeader is mm/swapfile.c swap_show's first line, SlabinfoHeader is
// mm/slab_common.c print_slabinfo_header's.
const (
	SwapsHeader    = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
	SlabinfoHeader = "slabinfo - version: 2.1\n" +
		"# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>" +
		" : tunables <limit> <batchcount> <sharedfactor>" +
		" : slabdata <active_slabs> <num_slabs> <sharedavail>\n"
)

// The two directories of sysfs that are emulated as a whole.
const (
	CPUDir  = "/sys/devices/system/cpu"
	NodeDir = "/sys/devices/system/node"
)
