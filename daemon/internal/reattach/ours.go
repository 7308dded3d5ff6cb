package reattach

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/podview/podview/daemon/internal/mountinfo"
	"github.com/podview/podview/daemon/paths"
)

// judge tells which mounts are ours; the package comment has the rule.
type judge struct {
	host host
	view string // the living view's superblock
	// only and id are Attach's: the paths that it looks at, and the
	// container's. Without them all paths are, but only for mounts of ours.
	only []string
	id   string
	// linksOnly: what is dead is none of our business.
	linksOnly bool
	// ask returns the state of the view that shows at path for a process.
	ask func(pid int, path string) (mountinfo.State, error)
	// asked remembers the answers, by superblock: one that does not answer
	// is waited for once, not in every container.
	asked map[string]mountinfo.State
	mu    sync.Mutex // for asked
}

func newJudge(h host, view, procfs string) *judge {
	return &judge{host: h, view: view, asked: map[string]mountinfo.State{}, ask: func(pid int, path string) (mountinfo.State, error) {
		return mountinfo.Ask(fmt.Sprintf("%s/%d/root%s", procfs, pid, path))
	}}
}

// target is one emulated path of a container where the view belongs.
type target struct {
	path string
	// mounts are ours, the uppermost first. With none there, bare is the
	// container's own /proc or /sys.
	mounts []mountinfo.Mount
	bare   mountinfo.Mount
	// masks are directories below path that the runtime has hidden.
	masks []string
}

// errSilent: no FUSE request is answered, which may be for a moment only.
var errSilent = errors.New("its podview does not answer; is it stopped?")

// targets are the paths in a process's mount namespace that need the view.
// What can't be judged, or not be replaced without losing something, is
// entered into c.
func (j *judge) targets(pid int, list []mountinfo.Mount, c *Container) []target {
	mounts := mountinfo.NewIndex(list)
	onHost := shown(list, "/proc").ID == j.host.proc.ID // ids are unique among namespaces
	var all []target
	for _, p := range paths.All {
		t := target{path: p.Path}
		if j.only != nil && !slices.Contains(j.only, p.Path) {
			continue
		}
		there := mounts.At(p.Path)
		if len(there) == 0 {
			if t.bare = j.own(mounts, p.Path); t.bare.Point == "" || onHost {
				continue
			}
			var err error
			if t.masks, err = masks(mounts, t.bare, p.Path); err != nil {
				c.fail(p.Path, err)
				continue
			}
			all = append(all, t)
			continue
		}
		top := there[len(there)-1]
		yes, err := j.ours(pid, p.Path, top, onHost)
		if yes {
			t.masks, err = masks(mounts, top, p.Path)
		}
		if err != nil {
			c.fail(p.Path, err)
			continue
		}
		for i := len(there) - 1; yes && i >= 0; i-- {
			t.mounts = append(t.mounts, there[i])
			yes = i > 0 && (isView(there[i-1], p.Path) || j.failOpen(there[i-1], p.Path))
		}
		if len(t.mounts) > 0 {
			all = append(all, t)
		}
	}
	return all
}

// ours judges the mount that shows at path.
func (j *judge) ours(pid int, path string, m mountinfo.Mount, onHost bool) (bool, error) {
	if !isView(m, path) {
		return !onHost && j.failOpen(m, path), nil
	}
	if m.Dev == j.view || j.linksOnly {
		return false, nil
	}
	state, err := j.state(pid, path, m.Dev)
	if err != nil {
		if gone(err) {
			return false, nil
		}
		return false, err
	}
	if state == mountinfo.Silent {
		return false, errSilent
	}
	return state == mountinfo.Dead, nil
}

// state asks a superblock once.
func (j *judge) state(pid int, path, dev string) (mountinfo.State, error) {
	j.mu.Lock()
	state, known := j.asked[dev]
	j.mu.Unlock()
	if known {
		return state, nil
	}
	state, err := j.ask(pid, path)
	if err == nil {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.asked[dev] = state
	}
	return state, err
}

// isView: podview's, and of the same path. The kernel appends //deleted when
// it has dropped the name from its cache, as it may when nobody serves it.
func isView(m mountinfo.Mount, path string) bool {
	return m.FSType == mountinfo.ViewType && strings.TrimSuffix(m.Root, "//deleted") == path
}

// failOpen: the host's own file at its own path.
func (j *judge) failOpen(m mountinfo.Mount, path string) bool {
	inProc, isProc := strings.CutPrefix(path, "/proc")
	if isProc {
		return m.FSType == "proc" && m.Dev == j.host.proc.Dev && m.Root == inProc
	}
	return m.FSType == "sysfs" && m.Dev == j.host.sys.Dev && m.Root == strings.TrimPrefix(path, "/sys")
}

// own is the mount that path is in, if that is the container's own /proc or
// /sys, with nothing of anybody else's in between, and Attach asks. The host's /proc was bound there on purpose. Its /sys can't be told from
// that of a container that has the host's network: they are one superblock.
func (j *judge) own(mounts *mountinfo.Index, path string) mountinfo.Mount {
	if j.only == nil {
		return mountinfo.Mount{}
	}
	m, _ := mounts.In(path)
	inProc := m.Point == "/proc" && m.FSType == "proc" && m.Dev != j.host.proc.Dev
	inSys := m.Point == "/sys" && m.FSType == "sysfs"
	if m.Root != "/" || !inProc && !inSys {
		return mountinfo.Mount{}
	}
	return m
}

// masks are the directories of m, below path, over which the runtime has mounted an
// empty tmpfs (runc's maskPaths; Kubernetes masks cpuN/thermal_throttle since
// 1.33). They are lost with m, so they are made again on the view. Any other
// mount below m is an error.
func masks(mounts *mountinfo.Index, m mountinfo.Mount, path string) (points []string, err error) {
	for _, child := range mounts.Children(m) {
		if !strings.HasPrefix(child.Point, path+"/") {
			continue
		}
		if child.FSType != "tmpfs" || child.Root != "/" {
			return nil, fmt.Errorf("%q is mounted below, on %q, and would be lost", child.FSType, child.Point)
		}
		points = append(points, child.Point)
	}
	return points, nil
}
