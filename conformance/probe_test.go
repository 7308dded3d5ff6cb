package conformance

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// freeAddress is one that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func get(t *testing.T, url string) (code int, text string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// TestProbes: ready is who has the mount and can be read.
func TestProbes(t *testing.T) {
	binary, dir, probe, metrics := podviewBinary(t), filepath.Join(t.TempDir(), "view"), freeAddress(t), freeAddress(t)
	s := serveOn(t, dir, "--probe-address", probe, "--metrics-address", metrics)
	s.says(t, "Serving")
	for _, path := range []string{"/livez", "/readyz"} {
		if code, text := get(t, "http://"+probe+path); code != http.StatusOK {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
	c := startIn(t, newGroup(t, podPath()+"/"+ctrName("b"), limits{memoryMiB: 100}), dir)
	c.seesMemory(t, "a container", 100)
	_, text := get(t, "http://"+metrics+"/metrics")
	for _, want := range []string{`podview_reads_total{file="/proc/meminfo"} `, "podview_late_total 0", "podview_workers_total 1"} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %q", want)
		}
	}

	for _, pid := range append(childrenOf(s.cmd.Process.Pid), s.cmd.Process.Pid) {
		_ = unix.Kill(pid, unix.SIGSTOP)
		defer func() { _ = unix.Kill(pid, unix.SIGCONT) }()
	}
	waiting := freeAddress(t)
	next := launchOn(t, binary, dir, "--probe-address", waiting)
	next.says(t, "Waiting until the mount is free")
	if code, _ := get(t, "http://"+waiting+"/livez"); code != http.StatusOK {
		t.Errorf("a podview that waits is not alive: %d", code)
	}
	if code, text := get(t, "http://"+waiting+"/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(text, "waiting for the mount") {
		t.Errorf("a podview that waits: %d %s", code, text)
	}
	if err := next.terminate(); err != nil { // which ends the waiting
		t.Error(err)
	}
}

// TestProbeOfALostMount: a mount that was taken off is not ready.
func TestProbeOfALostMount(t *testing.T) {
	dir, probe := filepath.Join(t.TempDir(), "view"), freeAddress(t)
	s := serveOn(t, dir, "--probe-address", probe, "--fail-open=false")
	s.says(t, "Serving")
	keep := fmt.Sprintf("/proc/%d/root%s", s.cmd.Process.Pid, dir)
	held, err := unix.Open(keep, unix.O_PATH|unix.O_CLOEXEC, 0) // else its daemon ends with it
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(held)
	if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	if code, text := get(t, "http://"+probe+"/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(text, "no such file") {
		t.Errorf("%d %s", code, text)
	}
}
