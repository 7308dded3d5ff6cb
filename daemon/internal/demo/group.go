package demo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/containerd/cgroups/v3"
	"github.com/containerd/cgroups/v3/cgroup1"
	"github.com/containerd/cgroups/v3/cgroup2"
)

const (
	cgroup2Mount = "/sys/fs/cgroup"         // where cgroups.Mode looks
	hybridMount  = "/sys/fs/cgroup/unified" // likewise
)

// group is the demo's cgroup: one on v2, one in each hierarchy on v1.
type group struct {
	v1 cgroup1.Cgroup // nil on v2
	// v2 is nil on v1, except on hybrid hosts: there it has no controllers,
	// but the pressure files.
	v2 *cgroup2.Manager
}

// newGroup makes the cgroup name ("podview-demo-1") below the root and sets
// the limits. On an error nothing is left of it.
func newGroup(name string, c config) (*group, error) {
	switch mode := cgroups.Mode(); mode {
	case cgroups.Unified:
		return newGroup2(cgroup2Mount, "/"+name, c)
	case cgroups.Legacy, cgroups.Hybrid:
		g, err := newGroup1("/"+name, c)
		if err == nil && mode == cgroups.Hybrid {
			// Best effort: only /proc/pressure is poorer without it.
			g.v2, _ = cgroup2.NewManager(hybridMount, "/"+name, &cgroup2.Resources{})
		}
		return g, err
	default:
		return nil, fmt.Errorf("no cgroups are mounted at %s", cgroup2Mount)
	}
}

func newGroup1(path string, c config) (*group, error) {
	subsystems, err := cgroup1.Default()
	if err != nil {
		return nil, err
	}
	var mounted []string
	var swapFile string
	for _, s := range subsystems {
		mounted = append(mounted, string(s.Name()))
		if memory, ok := s.(interface{ Path(string) string }); ok && s.Name() == cgroup1.Memory {
			swapFile = filepath.Join(memory.Path("/"), "memory.memsw.limit_in_bytes")
		}
	}
	c = c.pin(mounted, allowedCPUs())
	if name := missing(mounted, c); name != "" {
		return nil, fmt.Errorf("cgroup v1 controller %q is not mounted", name)
	}
	swap, err := swapAccount(c, swapFile)
	if err != nil {
		return nil, err
	}
	static := cgroup1.StaticPath(path)
	v1, err := cgroup1.New(static, resources1(c, swap), allowAny1)
	if err == nil {
		return &group{v1: v1}, nil
	}
	// New leaves behind what it had made until then.
	if v1, errLoad := cgroup1.Load(static, allowAny1); errLoad == nil {
		err = errors.Join(err, (&group{v1: v1}).remove())
	}
	return nil, err
}

// allowAny1 takes the v1 controllers that this host has: the library's own
// choice is to fail where there is no devices controller.
func allowAny1(init *cgroup1.InitConfig) error {
	init.InitCheck = cgroup1.AllowAny
	return nil
}

// swapAccount says whether the kernel can limit a cgroup's swap, which is
// whether file exists (it needs CONFIG_SWAP, and no swapaccount=0). That it
// cannot is an error only when --swap was given.
func swapAccount(c config, file string) (bool, error) {
	_, err := os.Stat(file)
	switch {
	case err == nil:
		return true, nil
	case c.swapSet:
		return false, fmt.Errorf("--swap: this kernel does not account swap to cgroups: %w", err)
	default:
		return false, nil
	}
}

func newGroup2(mount, path string, c config) (*group, error) {
	v2, err := cgroup2.NewManager(mount, path, &cgroup2.Resources{})
	if err != nil {
		return nil, err
	}
	g := &group{v2: v2}
	if err := g.limit2(filepath.Join(mount, path), c); err != nil {
		return nil, errors.Join(err, g.remove())
	}
	return g, nil
}

// limit2 switches the controllers on and sets the limits. The controllers
// stay on in the parent afterwards: whoever came to rely on them meanwhile
// would lose their limits.
func (g *group) limit2(dir string, c config) error {
	available, err := g.v2.RootControllers()
	if err != nil {
		return err
	}
	wanted := controllers2(available)
	if err := g.v2.ToggleControllers(wanted, cgroup2.Enable); err != nil {
		return err
	}
	c = c.pin(wanted, allowedCPUs())
	if name := missing(wanted, c); name != "" {
		return fmt.Errorf("cgroup v2 controller %q is not available (%s has %q)", name, filepath.Dir(dir), available)
	}
	swap, err := swapAccount(c, filepath.Join(dir, "memory.swap.max"))
	if err != nil {
		return err
	}
	return g.v2.Update(resources2(c, swap))
}

// add moves the process pid into the cgroup, with all of its threads.
func (g *group) add(pid int) error {
	if g.v1 != nil {
		if err := g.v1.AddProc(uint64(pid)); err != nil {
			return err
		}
		if g.v2 != nil {
			_ = g.v2.AddProc(uint64(pid)) // best effort, as in newGroup
		}
		return nil
	}
	return g.v2.AddProc(uint64(pid))
}

// removeTries times removePause is how long the kernel may take to let go of
// processes that were killed.
const (
	removeTries = 100
	removePause = 20 * time.Millisecond
)

// remove deletes the cgroup. Its processes must have been killed.
func (g *group) remove() error {
	for try := 1; ; try++ {
		err := g.removeNow()
		if err == nil || try == removeTries {
			return err
		}
		time.Sleep(removePause)
	}
}

func (g *group) removeNow() error {
	var err1, err2 error
	if g.v1 != nil {
		if err1 = g.v1.Delete(); errors.Is(err1, cgroup1.ErrCgroupDeleted) {
			err1 = nil
		}
	}
	if g.v2 != nil {
		if err2 = g.v2.Delete(); errors.Is(err2, fs.ErrNotExist) {
			err2 = nil
		}
	}
	return errors.Join(err1, err2)
}
