package syscallview

import (
	"fmt"
	"path/filepath"

	"github.com/cilium/ebpf"
)

// Loads tells the kernel the load averages of containers.
type Loads struct{ loads *ebpf.Map }

// OpenLoads opens what Attach has pinned for Sysinfo below pinDir.
func OpenLoads(pinDir string) (*Loads, error) {
	m, err := ebpf.LoadPinnedMap(filepath.Join(pinDir, string(Sysinfo), "loads"), nil)
	if err != nil {
		return nil, fmt.Errorf("the load averages for sysinfo: %w", err)
	}
	return &Loads{m}, nil
}

// load is struct loads of bpf/sysinfo.h.
type load struct {
	Averages [3]uint64
	AtNsec   uint64
}

// Put takes the averages (view.Load) of the container whose cgroup in the cpu
// hierarchy has that inode number, as of nowNsec since boot. They hold for 30 s.
func (l *Loads) Put(cgroup uint64, averages [3]uint64, nowNsec uint64) error {
	return l.loads.Put(cgroup, load{averages, nowNsec})
}
