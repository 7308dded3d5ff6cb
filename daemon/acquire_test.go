package main

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/podview/podview/daemon/internal/fusedev"
	"github.com/podview/podview/daemon/internal/handover"
	"github.com/podview/podview/daemon/internal/host"
	"github.com/podview/podview/daemon/internal/ledger"
)

// TestMain is what podview starts, too. Its worker is one that waits.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case workerCommand:
			time.Sleep(time.Minute)
			os.Exit(1)
		case attachCommand:
			os.Exit(fakeAttach(os.Args[2:]))
		case greetCommand:
			os.Exit(greet(os.Args[2:]))
		}
	}
	os.Exit(m.Run())
}

// offered mounts and offers the mount, as a podview that serves does.
func offered(t *testing.T) (c *serveConfig, l *handover.Listener) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	c = &serveConfig{mount: filepath.Join(t.TempDir(), "view"), runDir: t.TempDir(), readers: 1}
	c.root, c.cgroup, c.cpuView = host.Root{Proc: "/proc", Sys: "/sys", Cgroup: "/sys/fs/cgroup"}, "auto", "quota"
	if err := os.Mkdir(c.mount, 0o755); err != nil {
		t.Fatal(err)
	}
	fd, err := fusedev.Mount(c.mount)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(c.mount, unix.MNT_DETACH) })
	shared, err := ledger.New(1)
	if err != nil {
		t.Fatal(err)
	}
	init, err := fusedev.NewConn(fd, fuse.NewDefaultRawFileSystem(), fusedev.NewSlots(1)).Handshake()
	if err == nil {
		err = shared.SetInit(init)
	}
	if err != nil {
		t.Fatal(err)
	}
	device := os.NewFile(uintptr(fd), "device")
	l, err = handover.Listen(c.socketPath(), handover.Mount{Version: "old", Layout: ledgerLayout, Init: init, Device: device, Ledger: shared.File()}, c.greet)
	if err != nil {
		t.Fatal(err)
	}
	return c, l
}

// A predecessor that ends in the middle of a hand-over has given all there is.
func TestPredecessorEndsMeanwhile(t *testing.T) {
	for name, stillMounted := range map[string]bool{"leaving the mount": true, "unmounting": false} {
		t.Run(name, func(t *testing.T) {
			c, l := offered(t)
			go func() {
				s := <-l.Taken()
				if !stillMounted {
					_ = unix.Unmount(c.mount, unix.MNT_DETACH)
				}
				s.Close() // without a word
			}()
			m, err := tryAcquire(c, []string{"x"})
			l.Close()
			if !stillMounted {
				if _, busy := err.(busyError); !busy {
					t.Errorf("%+v, %v; want to try again", m, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			m.Dismiss()
			if m.predecessor.StandsBy() {
				t.Error("a dead podview stands by")
			}
		})
	}
}

// A podview of before November 2026 is found beside its mount; what others
// put there keeps none from starting.
func TestAskEarlier(t *testing.T) {
	for name, test := range map[string]struct {
		listen func(path string) error
		want   bool
	}{
		"nothing": {func(string) error { return nil }, false},
		"a file":  {func(path string) error { return os.WriteFile(path, nil, 0o600) }, false},
		"another kind of socket": {func(path string) error {
			l, err := net.Listen("unix", path)
			if err == nil {
				t.Cleanup(func() { l.Close() })
			}
			return err
		}, false},
		"a podview": {func(path string) error {
			device, err := os.Open(os.DevNull)
			if err != nil {
				return err
			}
			l, err := handover.Listen(path, handover.Mount{Version: "old", Init: []byte("init"), Device: device, Ledger: device}, (&serveConfig{}).greet)
			if err == nil {
				t.Cleanup(l.Close)
			}
			return err
		}, true},
	} {
		dir, err := os.MkdirTemp("", "ask") // a socket's name is short
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		c := &serveConfig{mount: filepath.Join(dir, "view"), runDir: t.TempDir()}
		if err := test.listen(c.mount + ".sock"); err != nil {
			t.Fatal(err)
		}
		p, err := ask(c)
		if found := p != nil; found != test.want || !found && !errors.Is(err, handover.ErrNobody) {
			t.Errorf("%s: found %t, %v", name, found, err)
		}
		if p != nil {
			p.Close()
		}
	}
}
