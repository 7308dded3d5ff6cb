package pipeline

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

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
	nodes []numaNode
}

// numaNode is a NUMA node, and where the host tells its memory.
type numaNode struct {
	number  int
	meminfo string
}

// cpuOrder needs r.online.
func (p *Pipeline) cpuOrder(r *request) *view.Order { return p.topology(r).Order }

func (p *Pipeline) topology(r *request) *orderAt {
	if o := p.order.last.Load(); o != nil && o.onlineSum == r.onlineSum {
		return o
	}
	p.order.mu.Lock()
	defer p.order.mu.Unlock()
	if o := p.order.last.Load(); o != nil && o.onlineSum == r.onlineSum {
		return o
	}
	o := &orderAt{r.onlineSum, p.Root.CPUOrder(), p.numaNodes()}
	p.order.last.Store(o)
	if p.Ordered != nil {
		p.Ordered(o.Order)
	}
	return o
}

// numaNodes are none on a kernel without NUMA.
func (p *Pipeline) numaNodes() (nodes []numaNode) {
	numbers, _ := p.Root.ReadList(paths.NodeDir + "/online")
	for _, n := range numbers {
		nodes = append(nodes, numaNode{n, paths.NodeDir + "/node" + strconv.Itoa(n) + "/meminfo"})
	}
	return nodes
}

func (p *Pipeline) possibleCPUs() ([]int, error) {
	const path = paths.CPUDir + "/possible"
	possible, err := p.Root.ReadList(path)
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
	found := false
	for _, n := range p.topology(r).nodes {
		if r.host, _, err = p.host.AppendAll(r.host[:0], n.meminfo); err != nil {
			return s, err
		}
		total, err := procfile.ParseNodeTotal(r.host)
		if err != nil {
			return s, fmt.Errorf("%s: %w", p.Root.Path(n.meminfo), err)
		}
		s.AllKB += total
		if n.number < node {
			s.BeforeKB += total
		} else if n.number == node {
			s.OwnKB, found = total, true
		}
	}
	if !found { // of memory that was plugged in: the next read knows it
		p.order.last.Store(nil)
		return s, fmt.Errorf("NUMA node %d is new", node)
	}
	return s, nil
}
