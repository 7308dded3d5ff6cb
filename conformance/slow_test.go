package conformance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// slowFile puts a pipe that nobody writes in the place of a cgroup's memory
// limit: reading it waits. free ends that.
func slowFile(t *testing.T, g *group) (free func()) {
	t.Helper()
	h, err := machine()
	if err != nil {
		t.Fatal(err)
	}
	name := "memory.limit_in_bytes"
	if h.v2() {
		name = "memory.max"
	}
	pipe, file := filepath.Join(t.TempDir(), "pipe"), g.file(t, "memory", name)
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(pipe, file, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	done := false
	free = func() {
		if done {
			return
		}
		done = true
		if err := unix.Unmount(file, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
		writer, err := os.OpenFile(pipe, os.O_RDWR, 0) // lets go of those who open it
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = writer.WriteString("104857600\n")
		writer.Close()
	}
	t.Cleanup(free)
	return free
}

// TestSlowCgroup: who reads a container whose files are slow gets the host's,
// and who reads another one does not notice.
func TestSlowCgroup(t *testing.T) {
	daemon := privateServe(t)
	slowGroup := newGroup(t, podPath()+"/"+ctrName("b"), limits{memoryMiB: 100})
	free := slowFile(t, slowGroup)
	slow := startIn(t, slowGroup, daemon.dir)
	other := startIn(t, newGroup(t, podPath()+"/"+ctrName("d"), limits{memoryMiB: 300}), daemon.dir)
	other.seesMemory(t, "before", 300)

	const readers = 20
	stuck := make(chan string, readers)
	for range readers {
		p := slow.spawn(t, nil)
		go func() {
			var r Result
			if err := p.try("ReadFile", "/proc/meminfo", &r); err != nil {
				stuck <- err.Error()
				return
			}
			stuck <- string(r.Data)
		}()
	}
	others, answered := 0, 0
	host := linesWith(kernel().read(t, "/proc/meminfo"), "MemTotal")
	for deadline := time.Now().Add(serveTimeout); answered < readers; {
		select {
		case text := <-stuck:
			answered++
			if got := linesWith(text, "MemTotal"); got != host {
				t.Errorf("with a slow cgroup: %q, the host has %q", got, host)
			}
		default:
			other.seesMemory(t, "another container", 300)
			others++
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d readers have an answer after %v", answered, readers, serveTimeout)
		}
	}
	t.Logf("%d readers of the slow container got the host's file; another container was read %d times meanwhile", answered, others)
	free()
	for deadline := time.Now().Add(serveTimeout); !strings.Contains(slow.read(t, "/proc/meminfo"), "MemTotal:         102400 kB"); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the container's view did not come back")
		}
	}
}
