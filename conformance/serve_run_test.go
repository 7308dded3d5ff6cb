package conformance

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// server is a running "podview serve".
type server struct {
	dir    string // where the tree is mounted
	cmd    *exec.Cmd
	stderr output
	exited chan struct{} // closed after cmd.Wait
}

// serveTimeout is generous for an emulated machine that is busy: podview itself
// waits half a minute for the kernel to attach its programs, and to detach them.
const serveTimeout = 2 * time.Minute

// podviewBinary is the program under test.
func podviewBinary(t testing.TB) string {
	t.Helper()
	if os.Getenv("VIEW") != "" {
		t.Skip("VIEW is set: a mounted tree is tested, not the podview binary")
	}
	path := os.Getenv("PODVIEW")
	if path == "" {
		path = "../bin/podview"
	}
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("no podview to test (set PODVIEW, or run make build): %v", err)
	}
	return path
}

// startServe runs podview serve on dir and waits for the mount.
func startServe(binary, dir string, flags ...string) (*server, error) {
	s, err := launch(binary, dir, flags...)
	if err != nil {
		return nil, err
	}
	if err := s.await(func() bool { return isFUSE(dir) }); err != nil {
		return nil, errors.Join(fmt.Errorf("podview serve: not mounted: %w", err), s.stop())
	}
	return s, nil
}

// await waits until something is so, or the daemon has ended.
func (s *server) await(so func() bool) error {
	for deadline := time.Now().Add(serveTimeout); ; time.Sleep(5 * time.Millisecond) {
		if so() {
			return nil
		}
		select {
		case <-s.exited:
			return fmt.Errorf("podview serve: %v\n%s", s.cmd.ProcessState, &s.stderr)
		default:
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited %v\n%s", serveTimeout, &s.stderr)
		}
	}
}

// says waits for a text in the daemon's log.
func (s *server) says(t testing.TB, text string) {
	t.Helper()
	if err := s.await(func() bool { return strings.Contains(s.stderr.String(), text) }); err != nil {
		t.Fatalf("no %q: %v", text, err)
	}
}

// launch starts podview serve on dir.
func launch(binary, dir string, flags ...string) (*server, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	s := &server{dir: dir, exited: make(chan struct{})}
	s.cmd = exec.Command(binary, append([]string{"serve", "--mount", dir}, flags...)...)
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s.cmd.Stderr = write
	// A suite that panics can't stop it. (The signal comes when the thread
	// that starts it ends, so no test may end a thread.)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	err = s.cmd.Start()
	write.Close()
	if err != nil {
		read.Close()
		return nil, err
	}
	said := make(chan struct{})
	go func() {
		defer close(said)
		defer read.Close()
		_, _ = io.Copy(&s.stderr, read)
	}()
	go func() {
		_ = s.cmd.Wait()
		// Its guard has the log, too, and may stay for as long as another podview
		// lingers.
		select {
		case <-said:
		case <-time.After(time.Second):
		}
		close(s.exited)
	}()
	return s, nil
}

func isFUSE(dir string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(dir, &fs) == nil && fs.Type == unix.FUSE_SUPER_MAGIC
}

// stop ends the daemon as systemd would. It is an error if that takes long,
// gives another exit code than 0 or leaves the mount behind.
func (s *server) stop() error {
	if s == nil {
		return nil
	}
	problems := s.terminate()
	if isFUSE(s.dir) {
		problems = errors.Join(problems, fmt.Errorf("%s is still mounted after SIGTERM", s.dir))
		_ = unix.Unmount(s.dir, unix.MNT_DETACH)
	}
	return problems
}

// terminate ends the daemon, whatever becomes of the mount.
func (s *server) terminate() (problems error) {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.exited:
	case <-time.After(serveTimeout):
		problems = fmt.Errorf("still running %v after SIGTERM", serveTimeout)
		_ = s.cmd.Process.Kill()
		<-s.exited
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		problems = errors.Join(problems, fmt.Errorf("exit code %d after SIGTERM\n%s", code, &s.stderr))
	}
	return problems
}

// shared is the one daemon that most tests use.
type shared struct {
	once sync.Once
	tmp  string
	*server
	err error
}

var sharedView shared

// viewDir is the mounted tree under test: VIEW, or the shared daemon's.
func viewDir(t testing.TB) string {
	t.Helper()
	needRoot(t)
	if dir := os.Getenv("VIEW"); dir != "" {
		if !isFUSE(dir) {
			t.Fatalf("VIEW=%s is not a FUSE mount", dir)
		}
		return dir
	}
	binary := podviewBinary(t)
	sharedView.once.Do(func() {
		if sharedView.tmp, sharedView.err = os.MkdirTemp("", "podview-conformance-"); sharedView.err == nil {
			sharedView.server, sharedView.err = startServe(binary, filepath.Join(sharedView.tmp, "view"))
		}
	})
	if sharedView.err != nil {
		t.Fatal(sharedView.err)
	}
	return sharedView.dir
}

func (s *shared) stop() error {
	err := s.server.stop()
	if s.tmp != "" {
		// Under the view that is unmounted now lie its fail-open links.
		err = errors.Join(err, os.RemoveAll(filepath.Join(s.tmp, "view")), os.Remove(s.tmp))
	}
	return err
}

// privateServe runs a daemon of the test's own.
func privateServe(t *testing.T, flags ...string) *server {
	t.Helper()
	needRoot(t)
	s, err := startServe(podviewBinary(t), filepath.Join(t.TempDir(), "view"), flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}
