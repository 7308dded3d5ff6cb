package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"github.com/podview/podview/daemon/internal/sysfile"
	"github.com/podview/podview/daemon/paths"
)

// Stat tells what the thread tid finds at a path below paths.CPUDir or
// paths.NodeDir: type and permission bits, never writable, and whether every
// caller finds the same kind of thing. fs.ErrNotExist means there is nothing.
func (p *Pipeline) Stat(tid int, name string) (mode uint32, shared bool, err error) {
	r := p.requests.get(context.Background(), tid, name, p.find(name))
	defer p.requests.put(r)
	node := sysfile.Resolve(name, p.machineOrHost(r))
	if mode, ok := ownModes[node.Kind]; ok {
		return mode, node.Shared, nil
	}
	if node.Kind == sysfile.Absent {
		return 0, false, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	mode, err = p.hostMode(node.Host)
	return mode, node.Shared, err
}

// ownModes is for what the host need not have.
var ownModes = map[sysfile.Kind]uint32{
	sysfile.File: unix.S_IFREG | 0o444,
}

// List returns the names in a directory below paths.CPUDir or paths.NodeDir,
// with their types.
func (p *Pipeline) List(tid int, dir string) (map[string]uint32, error) {
	r := p.requests.get(context.Background(), tid, dir, p.find(dir))
	defer p.requests.put(r)
	m := p.machineOrHost(r)
	node := sysfile.Resolve(dir, m)
	if node.Kind != sysfile.Host {
		return nil, &fs.PathError{Op: "list", Path: dir, Err: fs.ErrNotExist}
	}
	var f *os.File
	err := p.Kept.Opened(func() (err error) {
		f, err = os.Open(p.Root.Path(node.Host))
		return err
	})
	if dir == paths.NodeDir && errors.Is(err, fs.ErrNotExist) {
		return map[string]uint32{}, nil // a kernel without NUMA
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	onHost, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	names := sysfile.List(dir, onHost, m)
	types := make(map[string]uint32, len(names))
	for _, name := range names {
		child := sysfile.Resolve(path.Join(dir, name), m)
		mode, ok := ownModes[child.Kind]
		if !ok {
			var err error
			if mode, err = p.hostMode(child.Host); err != nil {
				continue // gone since it was listed
			}
		}
		types[name] = mode & unix.S_IFMT
	}
	return types, nil
}

// Readlink returns the target of a symbolic link.
func (p *Pipeline) Readlink(tid int, name string) (string, error) {
	r := p.requests.get(context.Background(), tid, name, p.find(name))
	defer p.requests.put(r)
	node := sysfile.Resolve(name, p.machineOrHost(r))
	if node.Kind != sysfile.Host {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrNotExist}
	}
	return os.Readlink(p.Root.Path(node.Host))
}

// machineOrHost is nil, for the host's tree, when the caller's can't be had.
func (p *Pipeline) machineOrHost(r *request) *sysfile.Machine {
	if err := p.identify(r); err != nil {
		p.fallBack(r.file.name, "identify", err)
		return nil
	}
	container := p.container(r.who)
	if err := p.gate.enter(r.ctx, container); err != nil {
		p.fallBack(r.file.name, "busy", err)
		return nil
	}
	defer p.gate.leave(container)
	m, err := p.machine(r)
	if err != nil {
		p.fallBack(r.file.name, "cgroup", err)
		return nil
	}
	return m
}

// hostMode is the type and permissions of a host file.
func (p *Pipeline) hostMode(name string) (uint32, error) {
	var st unix.Stat_t
	if err := unix.Lstat(p.Root.Path(name), &st); err != nil {
		return 0, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG, unix.S_IFDIR:
		return st.Mode &^ 0o222, nil
	case unix.S_IFLNK:
		return st.Mode, nil
	}
	return 0, fmt.Errorf("%s is neither file, directory nor link: mode %#o", name, st.Mode)
}
