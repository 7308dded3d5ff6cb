package reattach

import (
	"errors"
	"fmt"
	"strings"

	"github.com/podview/podview/daemon/internal/mountinfo"
	"github.com/podview/podview/daemon/paths"
)

// judge tells which mounts are ours; the package comment has the rule.
type judge struct {
	host host
	view string // the living view's superblock
	// ask returns the state of the view that shows at path for a process.
	ask func(pid int, path string) (mountinfo.State, error)
	// asked remembers the answers, by superblock: one that does not answer
	// is waited for once, not in every container.
	asked map[string]mountinfo.State
}

func newJudge(h host, view, procfs string) *judge {
	return &judge{host: h, view: view, asked: map[string]mountinfo.State{}, ask: func(pid int, path string) (mountinfo.State, error) {
		return mountinfo.Ask(fmt.Sprintf("%s/%d/root%s", procfs, pid, path))
	}}
}

// target is one emulated path of a container where a mount of ours is.
type target struct {
	path string
	// mounts are ours, the uppermost first.
	mounts []mountinfo.Mount
	// masks are directories below path that the runtime has hidden.
	masks []string
}

// errSilent: no FUSE request is answered, which may be for a moment only.
var errSilent = errors.New("its podview does not answer; is it stopped?")

// targets are the paths in a process's mount namespace that need the view.
// What can't be judged, or not be replaced without losing something, is
// entered into c.
func (j *judge) targets(pid int, mounts []mountinfo.Mount, c *Container) []target {
	onHost := shown(mounts, "/proc").ID == j.host.proc.ID // ids are unique among namespaces
	var all []target
	for _, p := range paths.All {
		t := target{path: p.Path}
		there := mountinfo.At(mounts, p.Path)
		if len(there) == 0 {
			continue
		}
		top := there[len(there)-1]
		yes, err := j.ours(pid, p.Path, top, onHost)
		if yes {
			t.masks, err = masks(mounts, top)
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
	if m.Dev == j.view {
		return false, nil
	}
	state, known := j.asked[m.Dev]
	if !known {
		var err error
		if state, err = j.ask(pid, path); err != nil {
			if gone(err) {
				return false, nil
			}
			return false, err
		}
		j.asked[m.Dev] = state
	}
	if state == mountinfo.Silent {
		return false, errSilent
	}
	return state == mountinfo.Dead, nil
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

// masks are the directories below m over which the runtime has mounted an
// empty tmpfs (runc's maskPaths; Kubernetes masks cpuN/thermal_throttle since
// 1.33). They are lost with m, so they are made again on the view. Any other
// mount below m is an error.
func masks(mounts []mountinfo.Mount, m mountinfo.Mount) (points []string, err error) {
	for _, child := range mountinfo.Children(mounts, m) {
		if child.FSType != "tmpfs" || child.Root != "/" {
			return nil, fmt.Errorf("%s is mounted below, on %s, and would be lost", child.FSType, child.Point)
		}
		points = append(points, child.Point)
	}
	return points, nil
}
