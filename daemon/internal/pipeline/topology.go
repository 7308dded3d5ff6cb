package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/procfile"
	"github.com/podview/podview/daemon/internal/view"
	"github.com/podview/podview/daemon/paths"
)

// order remembers the order of the host's CPUs for as long as the same are on
// line: the kernel tells nothing of those that are not.
type order struct {
	mu   sync.Mutex // of who reads it
	last atomic.Pointer[orderAt]
}

type orderAt struct {
	onlineSum uint64
	*view.Order
}

// cpuOrder needs r.online.
func (p *Pipeline) cpuOrder(r *request) *view.Order {
	if o := p.order.last.Load(); o != nil && o.onlineSum == r.onlineSum {
		return o.Order
	}
	p.order.mu.Lock()
	defer p.order.mu.Unlock()
	if o := p.order.last.Load(); o != nil && o.onlineSum == r.onlineSum {
		return o.Order
	}
	o := &orderAt{r.onlineSum, p.Order()}
	p.order.last.Store(o)
	if p.Ordered != nil {
		p.Ordered(o.Order)
	}
	return o.Order
}

// Order reads the topology of all possible CPUs. What is not told is 0, so
// that such CPUs follow each other by number.
func (p *Pipeline) Order() *view.Order {
	possible, err := p.possibleCPUs()
	if err != nil {
		return nil
	}
	nodes := p.nodesOfCPUs()
	cpus := make([]view.CPUTopology, len(possible))
	for i, n := range possible {
		dir := paths.CPUDir + "/cpu" + strconv.Itoa(n) + "/topology/"
		c := &cpus[i]
		*c = view.CPUTopology{Number: n, Node: nodes[n], Core: n}
		c.Package = p.firstNumber(dir+"physical_package_id", 0)
		// The first thread of a core names it: core_id is one of many packages.
		c.Core = p.firstNumber(dir+"thread_siblings_list", n)
	}
	return view.NewOrder(cpus)
}

// nodesOfCPUs is the NUMA node of each CPU that is on line; of none on a kernel
// without NUMA.
func (p *Pipeline) nodesOfCPUs() map[int]int {
	of := map[int]int{}
	nodes, err := p.readList(paths.NodeDir + "/online")
	if err != nil {
		return of
	}
	for _, n := range nodes {
		cpus, _ := p.readList(paths.NodeDir + "/node" + strconv.Itoa(n) + "/cpulist")
		for _, cpu := range cpus {
			of[cpu] = n
		}
	}
	return of
}

// firstNumber is the first number in a file of sysfs; otherwise where there is
// none.
func (p *Pipeline) firstNumber(path string, otherwise int) int {
	text, err := os.ReadFile(p.Root.Path(path))
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

// readList reads a list of CPUs or nodes.
func (p *Pipeline) readList(path string) ([]int, error) {
	text, err := os.ReadFile(p.Root.Path(path))
	if err != nil {
		return nil, err
	}
	list, err := cgroup.ParseCPUList(text, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Root.Path(path), err)
	}
	return list, nil
}

func (p *Pipeline) possibleCPUs() ([]int, error) {
	const path = paths.CPUDir + "/possible"
	possible, err := p.readList(path)
	if err == nil && len(possible) == 0 {
		err = errors.New(path + " is empty")
	}
	return possible, err
}

// PossibleCPUs is the most CPUs that this host can ever have.
func (p *Pipeline) PossibleCPUs() (int, error) {
	possible, err := p.possibleCPUs()
	if err != nil {
		return 0, err
	}
	return possible[len(possible)-1] + 1, nil
}

// nodeShare is which part of the host's memory is on a NUMA node.
func (p *Pipeline) nodeShare(r *request, node int) (s procfile.NodeShare, err error) {
	nodes, err := p.readList(paths.NodeDir + "/online")
	if err != nil {
		return s, err
	}
	for _, n := range nodes {
		path := paths.NodeDir + "/node" + strconv.Itoa(n) + "/meminfo"
		if r.host, _, err = p.host.AppendAll(r.host[:0], path); errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return s, err
		}
		total, err := procfile.ParseNodeTotal(r.host)
		if err != nil {
			return s, fmt.Errorf("%s: %w", p.Root.Path(path), err)
		}
		s.AllKB += total
		switch {
		case n < node:
			s.BeforeKB += total
		case n == node:
			s.OwnKB = total
		}
	}
	return s, nil
}
