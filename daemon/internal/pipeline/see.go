package pipeline

import (
	"errors"
	"fmt"
	"path"

	"github.com/podview/podview/daemon/internal/caller"
	"github.com/podview/podview/daemon/internal/cgroup"
	"github.com/podview/podview/daemon/internal/host"
	"github.com/podview/podview/daemon/internal/procfile"
	"github.com/podview/podview/daemon/internal/sample"
	"github.com/podview/podview/daemon/internal/view"
)

var errNoController = errors.New("the caller is in no cgroup of that controller")

// see fills the parts of c that a file needs.
func (p *Pipeline) see(who *caller.Caller, file source, c *view.Container) error {
	steps := []struct {
		need procfile.Needs
		fill func(*caller.Caller, *view.Container) error
	}{
		{procfile.NeedMemory, p.seeMemory},
		{procfile.NeedCPUs | procfile.NeedTimes, p.seeCPUs},
		{procfile.NeedUptime | procfile.NeedTimes, p.seeUptime},
		{procfile.NeedTimes, p.seeTimes},
		{procfile.NeedLoad, p.seeLoad},
		{procfile.NeedIO, p.seeIO},
		{procfile.NeedSlabinfo, p.seeSlabinfo},
		{procfile.NeedPressure, func(who *caller.Caller, c *view.Container) error {
			return p.seePressure(who, path.Base(file.host), c)
		}},
	}
	for _, s := range steps {
		if file.needs&s.need != 0 {
			if err := s.fill(who, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// place is where the caller sits in the hierarchy that a controller's figures
// come from.
func place(who *caller.Caller, a cgroup.Attached) (cgroup.Place, error) {
	if a.Source == nil {
		return cgroup.Place{}, errNoController
	}
	pl, ok := who.Place(a.Key)
	if !ok {
		return cgroup.Place{}, fmt.Errorf("%w: %q", errNoController, a.Key)
	}
	return pl, nil
}

func (p *Pipeline) seeMemory(who *caller.Caller, c *view.Container) error {
	pl, err := place(who, p.Hierarchies.Memory)
	if err != nil {
		return err
	}
	var m cgroup.Memory
	if err := p.Hierarchies.Memory.Source.Memory(pl, &m); err != nil {
		return err
	}
	h, err := p.hostMemory()
	if err != nil {
		return err
	}
	c.Memory = view.NewMemory(&m, h)
	return nil
}

func (p *Pipeline) hostMemory() (view.HostMemory, error) {
	file := p.Root.Path("/proc/meminfo")
	text, err := host.ReadFile(file, nil)
	if err != nil {
		return view.HostMemory{}, err
	}
	h, err := procfile.ParseHostMemory(text)
	if err != nil {
		return view.HostMemory{}, fmt.Errorf("%s: %w", file, err)
	}
	return h, nil
}

// seeCPUs goes on without a missing controller: the other one's limit is
// still true.
func (p *Pipeline) seeCPUs(who *caller.Caller, c *view.Container) error {
	if len(c.CPUs.Physical) > 0 {
		return nil
	}
	var limit cgroup.CPULimit
	if pl, err := place(who, p.Hierarchies.CPU); err == nil {
		if err := p.Hierarchies.CPU.Source.CPULimit(pl, &limit); err != nil {
			return err
		}
	}
	var cpuset []int
	if pl, err := place(who, p.Hierarchies.CPUSet); err == nil {
		if cpuset, err = p.Hierarchies.CPUSet.Source.CPUs(pl, nil); err != nil {
			return err
		}
	}
	online, err := p.cpuList("/sys/devices/system/cpu/online")
	if err != nil {
		return err
	}
	c.CPUs = view.NewCPUs(limit, cpuset, online, p.ByQuota)
	return nil
}

// PossibleCPUs is the most CPUs that this host can ever have.
func (p *Pipeline) PossibleCPUs() (int, error) {
	possible, err := p.cpuList("/sys/devices/system/cpu/possible")
	if err != nil {
		return 0, err
	}
	if len(possible) == 0 {
		return 0, errors.New("/sys/devices/system/cpu/possible is empty")
	}
	return possible[len(possible)-1] + 1, nil
}

func (p *Pipeline) cpuList(path string) ([]int, error) {
	file := p.Root.Path(path)
	text, err := host.ReadFile(file, nil)
	if err != nil {
		return nil, err
	}
	cpus, err := cgroup.ParseCPUList(text, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return cpus, nil
}

func (p *Pipeline) seeTimes(who *caller.Caller, c *view.Container) error {
	key, pl, err := p.key(who)
	if err != nil {
		return err
	}
	var t cgroup.CPUTime
	if err := p.Hierarchies.CPUAcct.Source.CPUTime(pl, &t); err != nil {
		return err
	}
	usage := sample.CPUUsage{NowNsec: p.NowNsec(), UptimeNsec: c.UptimeNsec, Time: &t, CPUs: c.CPUs}
	cpuKey := key
	if pl, ok := who.Place(p.Hierarchies.CPU.Key); ok {
		cpuKey.CPULeaf = pl.Leaf
	}
	if pl, ok := who.Place(p.Hierarchies.CPUSet.Key); ok {
		cpuKey.CPUSetLeaf = pl.Leaf
	}
	c.Times = p.times.Observe(cpuKey, usage, c.Times[:0])
	if load, ok := p.loads.Peek(key); ok { // procs_running, procs_blocked
		c.Load = load
	}
	return nil
}

// key names the caller's container in the sample tables.
func (p *Pipeline) key(who *caller.Caller) (sample.Key, cgroup.Place, error) {
	pl, err := place(who, p.Hierarchies.CPUAcct)
	if err != nil {
		return sample.Key{}, pl, err
	}
	id, err := p.Hierarchies.CPUAcct.Source.ID(pl)
	return sample.Key{Root: pl.Root, ID: id}, pl, err
}
