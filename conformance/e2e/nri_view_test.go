package e2e

import (
	"fmt"
	"strings"
	"time"
)

const (
	holder = "^/podview serve"
	worker = "^/podview worker"
)

// viewDead: the kernel answers for the view, with an error.
func viewDead(s *space) {
	s.begin()
	s.pod("deleted", hardened("main", "128Mi"))
	s.pod("before", hardened("main", "128Mi"))
	s.sees("before", mebi128)
	// The holder would serve a new view at once.
	s.stop(holder)
	s.onHost("sh", "-c", `mkdir -p /tmp/fuse && mount -t fusectl none /tmp/fuse &&
minor=$(awk '$5 == "/var/lib/podview/view" { split($3, n, ":"); m = n[2] } END { print m }' /proc/1/mountinfo) &&
echo 1 >/tmp/fuse/$minor/abort; failed=$?; umount /tmp/fuse; exit $failed`)
	if out, err := s.tryExec("before", "cat", "/proc/meminfo"); err == nil {
		s.Fatalf("the view still answers:\n%s", out)
	}
	s.withoutView()
	s.goOn(holder)
	s.backAgain()
}

// viewHung: nobody answers.
func viewHung(s *space) {
	s.begin()
	s.pod("deleted", hardened("main", "128Mi"))
	s.pod("before", hardened("main", "128Mi"))
	s.sees("before", mebi128)
	s.stop(holder, worker)
	s.until(30*time.Second, "the plugin to notice", func() error {
		log, err := s.pluginLog()
		if err == nil && !strings.Contains(log, "The view does not answer") {
			err = fmt.Errorf("it says\n%s", log)
		}
		return err
	})
	s.withoutView()
	s.goOn(holder, worker)
	s.backAgain()
}

// withoutView: a pod that has the view can be deleted, and a new one starts.
// The kubelet ends podview's container when it was not live for a minute.
func (s *space) withoutView() {
	s.Helper()
	start := time.Now()
	s.kubectl("delete", "pod", "deleted", "--grace-period=1", "--timeout="+(30*time.Second*s.node.patience()).String())
	s.Logf("deleted in %.1f s", time.Since(start).Seconds())
	start = time.Now()
	s.pod("during", hardened("main", "128Mi"))
	s.sees("during", s.host())
	s.Logf("another one was ready after %.1f s", time.Since(start).Seconds())
	s.neverRestarted("during")
}

func (s *space) backAgain() {
	s.Helper()
	s.podviewReady("")
	s.comesToSee("before", mebi128)
	s.comesToSee("during", mebi128)
	s.mountedOnce("before")
	s.mountedOnce("during")
	for _, pod := range []string{"before", "during"} {
		s.neverRestarted(pod)
	}
}
