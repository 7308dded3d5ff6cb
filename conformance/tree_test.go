package conformance

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/podview/podview/daemon/paths"
	"golang.org/x/sys/unix"
)

func (p *process) readDir(t testing.TB, dir string) (entries []Entry) {
	t.Helper()
	p.call(t, "ReadDir", p.path(dir), &entries)
	return slices.DeleteFunc(entries, func(e Entry) bool { return e.Name == "." || e.Name == ".." })
}

// walk lists everything below dir, named as on the kernel.
func (p *process) walk(t testing.TB, dir string) (all []Walked) {
	t.Helper()
	p.call(t, "Walk", p.path(dir), &all)
	for i := range all {
		all[i].Name = strings.TrimPrefix(all[i].Name, p.root)
	}
	return all
}

var treeChecks = map[string]check{
	"every path is there": func(t *testing.T, p *process) {
		for _, want := range paths.All {
			if _, err := os.Lstat(want.Path); errors.Is(err, fs.ErrNotExist) {
				continue // not in this kernel
			}
			format := uint32(syscall.S_IFREG)
			if want.Dir {
				format = syscall.S_IFDIR
			}
			if mode, errno := p.mode(t, want.Path); errno != 0 || mode&unix.S_IFMT != format {
				t.Errorf("%s: mode %o, %v", p.path(want.Path), mode, errno)
			}
		}
	},
	"everything listed is there": everythingListed,
	"what isn't listed doesn't exist": func(t *testing.T, p *process) {
		names := map[string]bool{}
		for _, e := range p.readDir(t, paths.CPUDir) {
			names[e.Name] = true
		}
		for _, e := range append(kernel().readDir(t, paths.CPUDir), Entry{Name: "cpu4095"}, Entry{Name: "nothing"}) {
			_, errno := p.mode(t, path.Join(paths.CPUDir, e.Name))
			if exists := errno == 0; exists != names[e.Name] {
				t.Errorf("%s: listed: %v, lstat: %v", e.Name, names[e.Name], errno)
			}
		}
	},
}

// everythingListed: each name exists once, d_type is what lstat says, links
// lead somewhere, and what can be read on the kernel can be read here (what
// it refuses is refused in the same way). Write bits may be missing.
func everythingListed(t *testing.T, p *process) {
	for _, top := range []string{paths.CPUDir, paths.NodeDir} {
		onKernel := map[string]Walked{}
		for _, w := range kernel().walk(t, top) {
			onKernel[w.Name] = w
		}
		seen := map[string]bool{}
		for _, w := range p.walk(t, top) {
			if seen[w.Name] {
				t.Errorf("%s is listed twice", w.Name)
			}
			seen[w.Name] = true
			if got := uint32(w.Type) << 12; w.Mode == 0 || got != w.Mode&unix.S_IFMT { // IFTODT of dirent.h
				t.Errorf("%s: d_type %d, mode %o", w.Name, w.Type, w.Mode)
			}
			want, ok := onKernel[w.Name]
			if !ok && path.Base(w.Name) == "online" && p.read(t, w.Name) == "0\n" {
				continue // of a CPU that can't be taken off line
			}
			allowed := want.Mode &^ 0o222
			if allowed&0o777 == 0o400 {
				allowed |= 0o040 // the owner's is the group's, as nobody owns the view's files
			}
			if !ok || w.Mode != allowed && w.Mode != want.Mode || w.Read != want.Read {
				t.Errorf("%s: mode %o, reading it: %v; the kernel has mode %o, %v", w.Name, w.Mode, w.Read, want.Mode, want.Read)
			}
			// Links to other things leave the view.
			if base := path.Base(w.Name); w.Mode&unix.S_IFMT == unix.S_IFLNK && (strings.HasPrefix(base, "node") || strings.HasPrefix(base, "cpu")) {
				p.readDir(t, w.Name)
			}
		}
	}
}

// Nothing in the view can be written, as root either: lxcfs let containers
// take the host's CPUs offline.
func TestWritesAreRefused(t *testing.T) {
	c := startContainer(t, limits{memoryMiB: 128})
	targets := append(emulatedFiles(), paths.CPUDir+"/uevent", paths.CPUDir+"/cpu0/uevent", paths.NodeDir+"/uevent")
	for _, p := range []*process{c.process, hostReader(t)} {
		for _, file := range targets {
			for name, flags := range map[string]int{"write": unix.O_WRONLY, "read and write": unix.O_RDWR, "truncate": unix.O_WRONLY | unix.O_TRUNC} {
				if _, errno := p.open(t, file, flags, 0); errno != syscall.EACCES && errno != syscall.EROFS {
					t.Errorf("open %s to %s: %v, want EACCES or EROFS", p.path(file), name, errno)
				}
			}
		}
		if _, errno := p.open(t, paths.CPUDir+"/new", unix.O_WRONLY|unix.O_CREAT, 0); errno != syscall.EACCES && errno != syscall.EROFS {
			t.Errorf("creating a file: %v, want EACCES or EROFS", errno)
		}
	}
}

// The oracle of the same: on the kernel, root's write fails (later, for
// /proc). Otherwise the test above would ask too much.
func TestOracleWritesAreRefused(t *testing.T) {
	needRoot(t)
	for _, file := range emulatedFiles() {
		if strings.HasPrefix(file, "/proc/pressure/") {
			continue // takes triggers
		}
		fd, err := unix.Open(file, unix.O_WRONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			_, err = unix.Write(fd, []byte("0\n"))
			_ = unix.Close(fd)
		}
		if err != unix.EACCES && err != unix.EIO && err != unix.EINVAL {
			t.Errorf("writing %s: %v", file, err)
		}
	}
}

func TestEveryPathIsBound(t *testing.T) {
	c := startContainer(t, limits{})
	if len(c.missing) > 0 {
		t.Errorf("the view has no %q", c.missing)
	}
}
