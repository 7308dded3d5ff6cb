package pipeline

import (
	"errors"
	"fmt"

	"github.com/podview/podview/daemon/internal/caller"
	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/procfile"
	"github.com/podview/podview/daemon/internal/sample"
	"github.com/podview/podview/daemon/internal/view"
)

var errNoController = errors.New("the caller is in no cgroup of that controller")

// see fills the parts of r.c that a file needs.
func (p *Pipeline) see(r *request, needs procfile.Needs) (err error) {
	need := func(n procfile.Needs) bool { return err == nil && needs&n != 0 }
	if need(procfile.NeedMemory) {
		err = p.seeMemory(r)
	}
	if need(procfile.NeedCPUs | procfile.NeedTimes) {
		err = p.seeCPUs(r)
	}
	if need(procfile.NeedUptime | procfile.NeedTimes) {
		err = p.seeUptime(r)
	}
	if need(procfile.NeedTimes) {
		err = p.seeTimes(r)
	}
	if need(procfile.NeedLoad) {
		err = p.seeLoad(r)
	}
	if need(procfile.NeedIO) {
		err = p.seeIO(r)
	}
	if need(procfile.NeedSlabinfo) {
		err = p.seeSlabinfo(r)
	}
	if need(procfile.NeedPressure) {
		err = p.seePressure(r)
	}
	return err
}

// place is where the caller sits in the hierarchy that a controller's figures
// come from.
func place(who *caller.Caller, a cgroup.Attached) (cgroup.Place, error) {
	pl, ok := optionalPlace(who, a)
	if !ok {
		return pl, fmt.Errorf("%w: %q", errNoController, a.Key)
	}
	return pl, nil
}

func optionalPlace(who *caller.Caller, a cgroup.Attached) (pl cgroup.Place, ok bool) {
	if a.Source == nil {
		return pl, false
	}
	return who.Place(a.Key)
}

// container names the caller's container: its cgroup.
func (p *Pipeline) container(who *caller.Caller) string {
	pl, ok := optionalPlace(who, p.Hierarchies.CPUAcct)
	if !ok {
		pl, _ = optionalPlace(who, p.Hierarchies.Memory)
	}
	return pl.Root
}

func (p *Pipeline) seeMemory(r *request) error {
	pl, err := place(r.who, p.Hierarchies.Memory)
	if err != nil {
		return err
	}
	h, err := p.hostMemory(r)
	if err != nil {
		return err
	}
	noSwap := h.SwapTotalBytes == 0
	if err := p.memoryLimit(r, pl, noSwap); err != nil {
		return err
	}
	if err := p.Hierarchies.Memory.Source.MemoryUsage(pl, noSwap, &r.memory); err != nil {
		return err
	}
	r.c.Memory = view.NewMemory(&r.memory, h)
	return nil
}

func (p *Pipeline) seeCPUs(r *request) error {
	if len(r.c.CPUs.Shown) > 0 {
		return nil
	}
	if err := p.onlineCPUs(r); err != nil {
		return err
	}
	if err := p.cpuLimits(r); err != nil {
		return err
	}
	r.cpuset = append(r.cpuset[:0], r.limit.cpuset...)
	choice := view.Choice{ByQuota: p.ByQuota, Container: r.limit.id, Room: r.chosen}
	if !p.FirstCPUs {
		choice.Order = p.cpuOrder(r)
	}
	r.c.CPUs = view.NewCPUs(r.limit.bandwidth, r.cpuset, r.online, choice)
	r.chosen = append(r.chosen[:0], r.c.CPUs.Shown...)
	r.c.CPUs.Shown = r.chosen
	return nil
}

// seeTimes fills r.c.Times, and for /proc/stat r.c.Before, which is 0 where
// programs read the node's uptime.
func (p *Pipeline) seeTimes(r *request) error {
	pl, err := place(r.who, p.Hierarchies.CPUAcct)
	if err != nil {
		return err
	}
	if err := p.Hierarchies.CPUAcct.Source.CPUTime(pl, &r.used); err != nil {
		return err
	}
	id, err := p.Hierarchies.CPUAcct.Source.IDAfterCPUTime(pl)
	if err != nil {
		return err
	}
	key := sample.Key{Root: pl.Root, ID: id}.Short()
	usage := sample.CPUUsage{NowNsec: p.NowNsec(), UptimeNsec: r.c.UptimeNsec, Time: &r.used, CPUs: r.c.CPUs}
	if r.path == statPath && !p.NodeUptime {
		text, err := p.stat(r)
		if err != nil {
			return err
		}
		counters := procfile.ParseHostCounters(text)
		usage.Host = &counters
	}
	cpuKey := key
	if pl, ok := r.who.Place(p.Hierarchies.CPU.Key); ok {
		cpuKey.CPULeaf = pl.Leaf
	}
	if pl, ok := r.who.Place(p.Hierarchies.CPUSet.Key); ok {
		cpuKey.CPUSetLeaf = pl.Leaf
	}
	r.c.Times, r.c.Before = p.times.Observe(cpuKey.Short(), usage, r.c.Times[:0])
	if load, ok := p.loads.Peek(key); ok { // procs_running, procs_blocked
		r.c.Load = load
	}
	return nil
}

// key names the caller's container in the sample tables. Its cgroup was made
// anew only if something was changed.
func (p *Pipeline) key(r *request) (sample.Key, cgroup.Place, error) {
	pl, err := place(r.who, p.Hierarchies.CPUAcct)
	if err != nil {
		return sample.Key{}, pl, err
	}
	id, ok := p.limits.ids.get(idKey(pl.Root), r.changes)
	if !ok {
		if id, err = p.Hierarchies.CPUAcct.Source.ID(pl); err == nil {
			p.limits.ids.put(idKey(pl.Root), r.changes, id)
		}
	}
	return sample.Key{Root: pl.Root, ID: id}.Short(), pl, err
}
