package host

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/view"
	"github.com/podview/podview/daemon/paths"
)

// CPUOrder reads the topology of all possible CPUs. What the kernel does not
// tell, as of CPUs that are off line, is 0, so that they follow each other by
// number. nil where not even the possible CPUs are told.
func (r Root) CPUOrder() *view.Order {
	possible, err := r.ReadList(paths.CPUDir + "/possible")
	if err != nil {
		return nil
	}
	nodes := r.nodesOfCPUs()
	cpus := make([]view.CPUTopology, len(possible))
	for i, n := range possible {
		dir := paths.CPUDir + "/cpu" + strconv.Itoa(n) + "/topology/"
		cpus[i] = view.CPUTopology{
			Number: n, Node: nodes[n],
			Package: r.firstNumber(dir+"physical_package_id", 0),
			// The first thread of a core names it: core_id is one of many packages.
			Core: r.firstNumber(dir+"thread_siblings_list", n),
		}
	}
	return view.NewOrder(cpus)
}

// nodesOfCPUs is the NUMA node of each CPU that is on line; of none on a kernel
// without NUMA.
func (r Root) nodesOfCPUs() map[int]int {
	of := map[int]int{}
	nodes, err := r.ReadList(paths.NodeDir + "/online")
	if err != nil {
		return of
	}
	for _, n := range nodes {
		cpus, _ := r.ReadList(paths.NodeDir + "/node" + strconv.Itoa(n) + "/cpulist")
		for _, cpu := range cpus {
			of[cpu] = n
		}
	}
	return of
}

// firstNumber is the first number in a file of sysfs; otherwise where there is
// none.
func (r Root) firstNumber(path string, otherwise int) int {
	text, err := os.ReadFile(r.Path(path))
	if err != nil {
		return otherwise
	}
	digits, _, _ := strings.Cut(strings.TrimSpace(string(text)), ",")
	digits, _, _ = strings.Cut(digits, "-")
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return otherwise
	}
	return int(n)
}

// ReadList reads a list of CPUs or nodes.
func (r Root) ReadList(path string) ([]int, error) {
	text, err := os.ReadFile(r.Path(path))
	if err != nil {
		return nil, err
	}
	list, err := cgroup.ParseCPUList(text, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Path(path), err)
	}
	return list, nil
}
