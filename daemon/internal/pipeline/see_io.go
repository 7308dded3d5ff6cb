package pipeline

import (
	"fmt"
	"path"
)

func (p *Pipeline) seeIO(r *request) error {
	pl, err := place(r.who, p.Hierarchies.IO)
	if err != nil {
		return err
	}
	r.io, err = p.Hierarchies.IO.Source.IO(pl, r.io[:0])
	r.c.IO = r.io
	return err
}

func (p *Pipeline) seeSlabinfo(r *request) error {
	pl, err := place(r.who, p.Hierarchies.Memory)
	if err != nil {
		return err
	}
	r.c.Raw, err = p.Hierarchies.Memory.Source.Slabinfo(pl, r.c.Raw[:0])
	return err
}

// seePressure reads the pressure file of a resource: cpu, io, memory or irq.
func (p *Pipeline) seePressure(r *request) error {
	pl, err := place(r.who, p.Hierarchies.Unified)
	if err != nil {
		return err
	}
	// On a hybrid host a runtime may leave its containers in its own cgroup2,
	// or in the root: the figures there are of all of them.
	acct, err := place(r.who, p.Hierarchies.CPUAcct)
	if err != nil {
		return err
	}
	if pl.Root != acct.Root {
		return fmt.Errorf("%w: in cgroup2 the container is in %q, not in one of its own", errNoController, pl.Root)
	}
	r.c.Raw, err = p.Hierarchies.Unified.Source.Pressure(pl, path.Base(r.path), r.c.Raw[:0])
	return err
}
