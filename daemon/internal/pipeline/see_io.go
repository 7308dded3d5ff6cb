package pipeline

import (
	"fmt"

	"github.com/podview/podview/daemon/internal/caller"
	"github.com/podview/podview/daemon/internal/view"
)

func (p *Pipeline) seeIO(who *caller.Caller, c *view.Container) error {
	pl, err := place(who, p.Hierarchies.IO)
	if err != nil {
		return err
	}
	c.IO, err = p.Hierarchies.IO.Source.IO(pl, c.IO[:0])
	return err
}

func (p *Pipeline) seeSlabinfo(who *caller.Caller, c *view.Container) error {
	pl, err := place(who, p.Hierarchies.Memory)
	if err != nil {
		return err
	}
	c.Raw, err = p.Hierarchies.Memory.Source.Slabinfo(pl)
	return err
}

// seePressure reads the pressure file of a resource: cpu, io or memory.
func (p *Pipeline) seePressure(who *caller.Caller, resource string, c *view.Container) error {
	pl, err := place(who, p.Hierarchies.Unified)
	if err != nil {
		return err
	}
	// On a hybrid host a runtime may leave its containers in its own cgroup2,
	// or in the root: the figures there are of all of them.
	acct, err := place(who, p.Hierarchies.CPUAcct)
	if err != nil {
		return err
	}
	if pl.Root != acct.Root {
		return fmt.Errorf("%w: in cgroup2 the container is in %q, not in one of its own", errNoController, pl.Root)
	}
	c.Raw, err = p.Hierarchies.Unified.Source.Pressure(pl, resource)
	return err
}
