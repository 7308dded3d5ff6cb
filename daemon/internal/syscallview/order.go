package syscallview

import (
	"fmt"
	"path/filepath"

	"github.com/cilium/ebpf"

	"github.com/podview/podview/daemon/internal/view"
)

// Order tells the kernel the order of the machine's CPUs, by which the files
// choose a container's.
type Order struct{ slots *ebpf.Map }

// OpenOrder opens what Attach has pinned for Affinity below pinDir.
func OpenOrder(pinDir string) (*Order, error) {
	m, err := ebpf.LoadPinnedMap(filepath.Join(pinDir, string(Affinity), "order"), nil)
	if err != nil {
		return nil, fmt.Errorf("the order of CPUs for sched_getaffinity: %w", err)
	}
	return &Order{m}, nil
}

// Put replaces it. A call that is answered meanwhile may get some of both.
func (o *Order) Put(order *view.Order) error { return putOrder(o.slots, order) }

func putOrder(slots *ebpf.Map, order *view.Order) error {
	for i, slot := range order.Slots {
		if err := slots.Put(uint32(i), slot); err != nil {
			return fmt.Errorf("the order of CPUs: %w", err)
		}
	}
	return nil
}
