package syscallview

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"

	"github.com/podview/podview/daemon/internal/host"
	"github.com/podview/podview/daemon/internal/view"
)

// Config is what the programs need to know.
type Config struct {
	Proc    string // the host's procfs
	ByQuota bool   // --cpu-view=quota
	// FirstCPUs is --cpu-choice=first; else Order chooses.
	FirstCPUs bool
	Order     *view.Order
	// PinDir keeps the programs attached when this process has ended (PinDir);
	// empty for not at all.
	PinDir string
}

// set fills the programs' constants. Not all programs have all of them.
func (c Config) set(spec *ebpf.CollectionSpec) error {
	mnt, err := host.Inode(filepath.Join(c.Proc, "1/ns/mnt"))
	if err != nil {
		return fmt.Errorf("the host's mount namespace: %w", err)
	}
	pid, err := host.Inode(filepath.Join(c.Proc, "self/ns/pid"))
	if err != nil {
		return fmt.Errorf("this process's pid namespace: %w", err)
	}
	byQuota := uint8(0)
	if c.ByQuota {
		byQuota = 1
	}
	slots := uint32(0)
	if !c.FirstCPUs && c.Order != nil {
		slots = uint32(len(c.Order.Slots))
	}
	if order := spec.Maps["order"]; order != nil && c.Order != nil {
		order.MaxEntries = uint32(max(1, len(c.Order.Slots)))
	}
	for name, value := range map[string]any{
		"host_mnt_ns": uint32(mnt), "host_pid_ns": uint32(pid),
		"page_bytes": uint64(os.Getpagesize()), "by_quota": byQuota, "order_slots": slots,
	} {
		if v := spec.Variables[name]; v != nil {
			if err := v.Set(value); err != nil {
				return err
			}
		}
	}
	return nil
}
