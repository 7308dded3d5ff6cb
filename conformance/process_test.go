package conformance

import (
	"net"
	"net/rpc"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is one that reads for the suite: this process itself, or an agent
// in a container.
type process struct {
	conn *rpc.Client
	pid  int    // as the suite's pid namespace numbers it
	root string // put before each path: "" or the mounted tree
	// kernel is set where the kernel's own figures are read. It takes the
	// parts of a sum at different moments, and rounds them.
	kernel bool
}

// here is this process; root as in process.
var here = sync.OnceValue(func() *rpc.Client {
	server := rpc.NewServer()
	if err := server.Register(newAgent("")); err != nil {
		panic(err)
	}
	ours, theirs := net.Pipe()
	go server.ServeConn(theirs)
	return rpc.NewClient(ours)
})

// kernel reads the machine's own /proc and /sys: the oracle.
func kernel() *process { return &process{conn: here(), pid: syscall.Getpid(), kernel: true} }

// hostReader is a process of the host that reads the mounted tree.
func hostReader(t testing.TB) *process {
	t.Helper()
	return &process{conn: here(), pid: syscall.Getpid(), root: viewDir(t), kernel: true}
}

// callTimeout only keeps a stuck daemon from stopping the suite for good.
const callTimeout = 2 * time.Minute

func (p *process) call(t testing.TB, method string, args, reply any) {
	t.Helper()
	if err := p.try(method, args, reply); err != nil {
		t.Fatalf("%s(%v): %v", method, args, err)
	}
}

func (p *process) try(method string, args, reply any) error {
	call := p.conn.Go("Agent."+method, args, reply, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
		return call.Error
	case <-time.After(callTimeout):
		return syscall.ETIMEDOUT
	}
}

func (p *process) path(path string) string { return filepath.Join(p.root, path) }

// read returns the whole file.
func (p *process) read(t testing.TB, path string) string {
	t.Helper()
	r := p.tryRead(t, path)
	if r.Errno != 0 {
		t.Fatalf("reading %s: %v", p.path(path), r.Errno)
	}
	return string(r.Data)
}

func (p *process) tryRead(t testing.TB, path string) (r Result) {
	t.Helper()
	p.call(t, "ReadFile", p.path(path), &r)
	return r
}

func (p *process) open(t testing.TB, path string, flags, uid int) (handle int, errno syscall.Errno) {
	t.Helper()
	return p.openAs(t, OpenArgs{Path: path, Flags: flags, UID: uid})
}

func (p *process) openAs(t testing.TB, args OpenArgs) (handle int, errno syscall.Errno) {
	t.Helper()
	var reply struct {
		Handle int
		Errno  syscall.Errno
	}
	args.Path = p.path(args.Path)
	p.call(t, "Open", args, &reply)
	if reply.Errno == 0 {
		t.Cleanup(func() { _ = p.try("Close", reply.Handle, new(syscall.Errno)) })
	}
	return reply.Handle, reply.Errno
}

// mustOpen opens for reading.
func (p *process) mustOpen(t testing.TB, path string) (handle int) {
	t.Helper()
	handle, errno := p.open(t, path, syscall.O_RDONLY, 0)
	if errno != 0 {
		t.Fatalf("open %s: %v", p.path(path), errno)
	}
	return handle
}

func (p *process) readAt(t testing.TB, at At) string {
	t.Helper()
	var r Result
	p.call(t, "ReadAt", at, &r)
	if r.Errno != 0 {
		t.Fatalf("read %+v: %v", at, r.Errno)
	}
	return string(r.Data)
}

func (p *process) rewind(t testing.TB, handle int) {
	t.Helper()
	var errno syscall.Errno
	if p.call(t, "Rewind", handle, &errno); errno != 0 {
		t.Fatalf("lseek: %v", errno)
	}
}

func (p *process) mode(t testing.TB, path string) (mode uint32, errno syscall.Errno) {
	t.Helper()
	var reply struct {
		Mode  uint32
		Errno syscall.Errno
	}
	p.call(t, "Lstat", p.path(path), &reply)
	return reply.Mode, reply.Errno
}

// hammer doesn't make a slow machine wait: a second is enough.
func (p *process) hammer(t testing.TB, path string, readers, times int) (seen [][][]byte) {
	t.Helper()
	p.call(t, "Hammer", Hammer{p.path(path), readers, times, time.Second}, &seen)
	return seen
}

func (p *process) burn(t testing.TB, threads int) {
	t.Helper()
	p.call(t, "Burn", threads, &struct{}{})
	t.Cleanup(func() { _ = p.try("Rest", struct{}{}, &struct{}{}) })
}

func (p *process) touch(t testing.TB, mib int) {
	t.Helper()
	p.call(t, "Touch", mib, &struct{}{})
}
