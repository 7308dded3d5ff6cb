package caller

import (
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/podview/podview/daemon/internal/host"
	"github.com/podview/podview/daemon/internal/timens"
)

// TestTimeOffset asks for that of a process in a namespace of the kernel's.
func TestTimeOffset(t *testing.T) {
	const ago = 5e9
	now, err := timens.Now()
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewResolver(host.Root{Proc: "/proc"}, host.NewKept(10))
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command("sleep", "60")
	started := make(chan error)
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		runtime.LockOSThread()
		err := timens.Enter(now - ago)
		if err == nil {
			err = child.Start()
		}
		started <- err
		<-ended
	}()
	if err := <-started; err != nil {
		t.Skip("no time namespace: ", err) // not root, or an old kernel
	}
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	for name, test := range map[string]struct {
		pid  int
		nsec int64
		own  bool
	}{
		"in it":      {child.Process.Pid, -int64(now - ago), true},
		"this one":   {os.Getpid(), 0, false},
		"the host's": {os.Getppid(), 0, false},
	} {
		for range 2 { // the second from memory
			c, err := r.Identify(test.pid, 1)
			if err != nil {
				t.Fatal(err)
			}
			if nsec, own := r.TimeOffset(c); nsec != test.nsec || own != test.own {
				t.Errorf("%s: %d, %t, want %d, %t", name, nsec, own, test.nsec, test.own)
			}
		}
	}
}
