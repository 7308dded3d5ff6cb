package conformance

import (
	"net"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestOtherProtocol: a podview that can't hand over is waited for, never
// mounted over. It listens where podviews did before November 2026.
func TestOtherProtocol(t *testing.T) {
	binary, dir := podviewBinary(t), filepath.Join(t.TempDir(), "view")
	listener, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: dir + ".sock", Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := listener.AcceptUnix()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte(`{"protocol":99,"version":"99.0","refused":"hand-over protocol 1, this is 99"}`))
		}
	}()
	s := launchOn(t, binary, dir)
	s.says(t, "99.0 refuses: hand-over protocol 1, this is 99")
	time.Sleep(2 * time.Second) // it tries again
	if n := mountsOn(t, dir); n != 0 {
		t.Errorf("%d mounts while another podview has the mount", n)
	}
	listener.Close()
	s.says(t, "Serving")
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

// TestDaemonIsStopped: one that does not answer may go on; it is waited for.
func TestDaemonIsStopped(t *testing.T) {
	binary, dir := podviewBinary(t), filepath.Join(t.TempDir(), "view")
	old := serveOn(t, dir)
	c := startIn(t, newGroup(t, podPath()+"/"+ctrName("b"), limits{memoryMiB: 100}), dir)
	all := append(childrenOf(old.cmd.Process.Pid), old.cmd.Process.Pid)
	for _, pid := range all {
		_ = unix.Kill(pid, unix.SIGSTOP)
	}
	next := launchOn(t, binary, dir)
	next.says(t, "is it stopped?")
	if n := mountsOn(t, dir); n != 1 {
		t.Errorf("%d mounts", n)
	}
	for _, pid := range all {
		_ = unix.Kill(pid, unix.SIGCONT)
	}
	next.says(t, "Took over the mount")
	c.seesMemory(t, "after all", 100)
	old.endStandby(t)
}
